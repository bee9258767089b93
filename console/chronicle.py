"""What is remembered of each vessel beside its positions: how its static data changed, and what the detectors said of it.

May live here: keeping and finding both, bounded. May not: positions (console/history.py), detection, HTTP, files.

Theory. A change is kept where a value was known and another comes: the first hearing is none. Of two changes within one batch the
last is kept. Both memories are bounded per vessel, so that one sender cannot push the others out, and as a whole: then whoever said
nothing new for longest is forgotten.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import msgspec

from dogwatch.events import Event, Value

OF_ONE_MAX = 60  # changes, and events, of one vessel
ALL_MAX = 200_000  # of all vessels together: some 60 MB at worst
MEASURES_MAX = 12

Kept = TypeVar("Kept")


class Change(msgspec.Struct, frozen=True):
    """One static value that became another at `t_ms` (event time, UTC milliseconds)."""

    t_ms: int
    field: str
    before: str | int | float
    after: str | int | float


class Told(msgspec.Struct, frozen=True):
    """An event as far as a dossier shows it; no words of people are in it."""

    event_id: str
    version: int
    state: str
    type: str
    subtype: str
    t_start: int
    t_end: int | None
    lat: float | None
    lon: float | None
    mmsi: list[int]
    zones: list[str]
    measures: dict[str, Value]
    exercise: bool


class Chronicle:
    """Changes and events by MMSI. Thread-safe: written by the runner, read by the server."""

    def __init__(self, *, of_one_max: int = OF_ONE_MAX, all_max: int = ALL_MAX) -> None:
        self._lock = threading.Lock()
        self._changes: _Shelves[Change] = _Shelves(of_one_max, all_max)
        self._events: _Shelves[Told] = _Shelves(of_one_max, all_max)

    def changed(self, mmsi: int, change: Change) -> None:
        """Keep one change of a vessel."""
        with self._lock:
            self._changes.put(mmsi, change)

    def take(self, events: Iterable[Event]) -> None:
        """Keep the newest version of these events for each of their vessels; candidates are nothing yet."""
        with self._lock:
            for event in events:
                if event.state == "candidate":
                    continue
                told = _told(event)
                for mmsi in event.mmsi:
                    self._events.drop(mmsi, lambda old, new=told: old.event_id == new.event_id)
                    self._events.put(mmsi, told)

    def changes(self, mmsi: int) -> list[Change]:
        """What changed of a vessel, oldest first."""
        with self._lock:
            return self._changes.of(mmsi)

    def events(self, mmsi: int) -> list[Told]:
        """What was said of a vessel, by its begin."""
        with self._lock:
            return sorted(self._events.of(mmsi), key=lambda one: (one.t_start, one.event_id))


class _Shelves(Generic[Kept]):
    """A bounded list per vessel, and a bound for all of them."""

    def __init__(self, of_one_max: int, all_max: int) -> None:
        self._of_one_max, self._all_max = of_one_max, all_max
        self._kept: OrderedDict[int, deque[Kept]] = OrderedDict()  # whoever had something new last stands last
        self._count = 0

    def put(self, mmsi: int, one: Kept) -> None:
        mine = self._kept.setdefault(mmsi, deque(maxlen=self._of_one_max))
        self._count += len(mine) < self._of_one_max
        mine.append(one)
        self._kept.move_to_end(mmsi)
        while self._count > self._all_max and len(self._kept) > 1:
            self._count -= len(self._kept.popitem(last=False)[1])

    def drop(self, mmsi: int, which: Any) -> None:
        mine = self._kept.get(mmsi)
        if mine is not None:
            kept = [one for one in mine if not which(one)]
            self._count -= len(mine) - len(kept)
            self._kept[mmsi] = deque(kept, maxlen=self._of_one_max)

    def of(self, mmsi: int) -> list[Kept]:
        return list(self._kept.get(mmsi, ()))


def _told(event: Event) -> Told:
    zones = [f"{zone.kind}: {zone.id}" for zone in event.zones[:5]]
    measures = dict(list(event.measures.items())[:MEASURES_MAX])
    return Told(
        event.event_id, event.version, event.state, event.type, event.subtype, event.t_start, event.t_end,
        event.lat, event.lon, list(event.mmsi), zones, measures, event.exercise,
    )  # fmt: skip
