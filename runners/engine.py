"""The engine: an intake and one watch behind it, embedded in this process. May hold: their wiring, what a call brought.

May not: read sources, write files, print. Live and replay drive it with pieces of bytes; it answers with what is new.
"""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from dogwatch.alerts import Alert
from dogwatch.batch import Batch, Control, Counts, empty_batch
from dogwatch.events import Event
from ingest.source import Received
from runners.intake import Intake
from runners.lane import Lane
from runners.step import Rules, Watch, new_watch, restore_watch, watch_sections, watch_step
from tracks.coverage import Coverage
from watchlists.screen import Watchlists


@dataclass(slots=True)
class Output:
    """What one call brought: distress first, then what the detectors and the score made of the columns."""

    distress_events: list[Event] = field(default_factory=list)
    distress_alerts: list[Alert] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    batch: Batch = field(default_factory=empty_batch)

    def all_events(self) -> Iterable[Event]:
        """Distress before the rest."""
        return (*self.distress_events, *self.events)

    def all_alerts(self) -> Iterable[Alert]:
        """Distress before the rest."""
        return (*self.distress_alerts, *self.alerts)


GC_OBJECTS = 50_000  # new ones (a few megabytes) between two looks for cycles


def spare_what_stays() -> None:
    """What stands when a run begins (code, rules, geography) lives as long as it: the collector of cycles need not walk through it whenever events are made.

    An event is fifteen objects without a cycle among them: looked for after each 700 new objects, as Python does, cycles cost an eighth of a busy sea.
    """
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, *gc.get_threshold()[1:])


class Engine:
    """Intake and watch of one process. Not thread-safe: one caller."""

    def __init__(self, rules: Rules, lanes: list[Lane], coverage: Coverage | None = None) -> None:
        self.rules = rules
        self.intake = Intake(lanes)
        self.watch: Watch = new_watch(rules, coverage)
        self.distress: Callable[[list[Alert]], None] | None = None  # told before the watch is asked, so that no fault there can hold a rescue up
        self.beside: list[Callable[[Batch, int, bool], None]] = []  # others who look at the same columns: (batch, watermark, whether the recording is over)
        spare_what_stays()

    def take(self, received: Received) -> Output:
        """Whatever a source has to say, live or out of a capture; the watch then sees as far as the common watermark allows."""
        return self._tell(*self.intake.take(received))

    def take_run(self, waiting: deque[Received]) -> Output:
        """Take from the left as much of what waits as can be taken in one step; the same comes of it as of a `take` for each."""
        return self._tell(*self.intake.take_run(waiting))

    def feed(self, source: str, data: bytes, t_rx_ms: int | None = None, *, final: bool = False) -> Output:
        """Decode a piece of one source and let the watch see as far as the common watermark allows."""
        return self._tell(*self.intake.feed(source, data, t_rx_ms, final=final))

    def control(self, row: Control) -> Output:
        """Tell the watch a fact about itself: the system was down."""
        return self._see(Output(batch=self.intake.control(row)))

    def resume(self) -> Output:
        """Tell the watch that the system was down since it last saw anything: what a restored run does first."""
        return self.control(Control(self.watermark_ms, "system_down"))

    def renew(self, lanes: list[Lane]) -> Output:
        """Go on as another run of the program that restores this state, with lanes of its own: where a capture has a new session."""
        self.intake.renew(lanes)
        return self.resume()

    def end(self) -> Output:
        """A recording is over: release what the reorder buffer holds. Open events stay open."""
        self.intake.end()
        return self._see(Output(batch=empty_batch(tuple(self.intake.receivers))), final=True)

    def relist(self, watchlists: Watchlists) -> None:
        """Other lists of vessels from now on: the next screening takes back what they no longer say."""
        self.rules.watchlists = self.watch.track.watchlists = watchlists

    @property
    def lanes(self) -> dict[str, Lane]:
        """Lanes by source."""
        return self.intake.lanes

    @property
    def active(self) -> set[str]:
        """Sources that hold the common watermark: neither silent nor over."""
        return self.intake.active

    @property
    def watermark_ms(self) -> int:
        """The common watermark (UTC ms), or T_MISSING."""
        return self.intake.watermark_ms

    @property
    def newest_ms(self) -> int:
        """Newest accepted event time (UTC ms), or T_MISSING."""
        return self.intake.newest_ms

    def counts(self) -> Counts:
        """Line accounting of all lanes together."""
        return self.intake.counts()

    def to_sections(self) -> dict[str, Any]:
        """State of the whole engine for a snapshot."""
        return {"intake": self.intake.to_sections(), "watch": watch_sections(self.watch)}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.intake.restore(sections["intake"])
        self.watch = restore_watch(sections["watch"], self.rules)

    def begin_anew(self, sections: dict[str, Any]) -> None:
        """Continue the input where `to_sections` stood, with a watch that has seen nothing but knows the coverage learned."""
        self.intake.restore(sections["intake"])
        self.watch = new_watch(self.rules, Coverage.from_sections(sections["watch"]["track"]["coverage"]))

    def _tell(self, batch: Batch, events: list[Event], alerts: list[Alert]) -> Output:
        if alerts and self.distress is not None:
            self.distress(alerts)
        return self._see(Output(events, alerts, batch=batch))

    def _see(self, output: Output, *, final: bool = False) -> Output:
        for look in self.beside:
            look(output.batch, self.watermark_ms, final)
        output.events, output.alerts = watch_step(self.watch, output.batch, self.watermark_ms, final=final)
        return output
