"""In which zones an alert lies: those of its events, as the runner told them.

May live here: remembering that, bounded. May not: geometry, shelves (console/life.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from dogwatch.alerts import Alert
from dogwatch.events import Event

EVENTS_MAX = 100_000  # some 20 MB; whoever was told longest ago is forgotten


class ZonesTold:
    """Ids of zones by event. One writer; a reader sees each event whole."""

    def __init__(self, events_max: int = EVENTS_MAX) -> None:
        self._events_max = events_max
        self._of: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def take(self, events: Iterable[Event]) -> None:
        """Remember the zones of the newest version of each event that is one."""
        for event in events:
            if event.zones and event.state != "candidate":
                self._of[event.event_id] = tuple(sorted({zone.id for zone in event.zones}))
                self._of.move_to_end(event.event_id)
        while len(self._of) > self._events_max:
            self._of.popitem(last=False)

    def of(self, alert: Alert) -> tuple[str, ...]:
        """The zones of an alert, sorted; () where none is known."""
        return tuple(sorted({zone for name in alert.event_ids for zone in self._of.get(name, ())}))
