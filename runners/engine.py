"""The engine: several lanes into one watch, embedded in this process. May hold: the common watermark, outputs, counters.

May not: read sources, write files, print. Live and replay drive it with pieces of bytes; it answers with what is new.
Distress takes the short road: a safety report becomes event and alert in the call that decoded it, before the reorder
buffer, the detectors and the score have been asked anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ingest.safety import SafetyRoad, safety_step
from tracks.coverage import Coverage

from dogwatch.alerts import Alert
from dogwatch.batch import T_MISSING, Batch, Control, Counts, empty_batch
from dogwatch.events import Event
from dogwatch.watermark import end_of_recording
from runners.lane import Lane
from runners.step import Rules, Watch, new_watch, restore_watch, watch_sections, watch_step

RECEIVERS_MAX = 65_535  # width of the column `src`


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


class Engine:
    """Lanes, safety road and watch of one process. Not thread-safe: one caller."""

    def __init__(self, rules: Rules, lanes: list[Lane], coverage: Coverage | None = None) -> None:
        self.rules = rules
        self.lanes = {lane.source: lane for lane in lanes}
        self.active = set(self.lanes)
        self.receivers: list[str] = []
        self.watch: Watch = new_watch(rules, coverage)
        self.safety = SafetyRoad()
        self.watermark_ms = T_MISSING

    def feed(self, source: str, data: bytes, t_rx_ms: int | None = None, *, final: bool = False) -> Output:
        """Decode a piece of one source and let the watch see as far as the common watermark allows."""
        lane = self.lanes[source]
        batch = self._renumber(lane.feed(data, t_rx_ms, final=final))
        output = Output(batch=batch)
        if batch.safety:
            output.distress_events, output.distress_alerts = safety_step(self.safety, batch.safety)
        if final:
            self.active.discard(source)
        self._advance(batch, output)
        return output

    def control(self, row: Control) -> Output:
        """Tell the watch a fact about itself: a source fell silent or came back, the system was down."""
        if row.kind == "source_silent":
            self.active.discard(row.subject)
        elif row.kind == "source_back":
            self.active.add(row.subject)
        output = Output(batch=empty_batch(tuple(self.receivers)))
        output.batch.control = [row]
        self._advance(output.batch, output)
        return output

    def end(self) -> Output:
        """A recording is over: release what the reorder buffer holds. Open events stay open."""
        newest = max((lane.clock.newest_ms for lane in self.lanes.values()), default=T_MISSING)
        self.watermark_ms = max(self.watermark_ms, end_of_recording(newest))
        output = Output(batch=empty_batch(tuple(self.receivers)))
        output.events, output.alerts = watch_step(self.watch, output.batch, self.watermark_ms)
        return output

    def counts(self) -> Counts:
        """Line accounting of all lanes together; `notes` also hold the verdicts of the clocks."""
        total = Counts()
        for lane in self.lanes.values():
            add_counts(total, lane.counts)
            for name, n in lane.clock.counts().items():
                if n:
                    total.notes[name] = total.notes.get(name, 0) + n
        assert total.balance() == 0, "every line is in exactly one class"
        return total

    def to_sections(self) -> dict[str, Any]:
        """State of the whole engine for a snapshot."""
        return {
            "lanes": {source: lane.to_sections() for source, lane in self.lanes.items()},
            "active": sorted(self.active),
            "receivers": list(self.receivers),
            "safety": self.safety.to_sections(),
            "watch": watch_sections(self.watch),
            "watermark_ms": self.watermark_ms,
        }

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood; lanes that the snapshot does not know start fresh."""
        for source, lane in self.lanes.items():
            if source in sections["lanes"]:
                lane.restore(sections["lanes"][source])
        self.active = {source for source in sections["active"] if source in self.lanes} | (set(self.lanes) - set(sections["lanes"]))
        self.receivers = list(sections["receivers"])
        self.safety = SafetyRoad.from_sections(sections["safety"])
        self.watch = restore_watch(sections["watch"], self.rules)
        self.watermark_ms = sections["watermark_ms"]

    def _advance(self, batch: Batch, output: Output) -> None:
        marks = [self.lanes[source].clock.watermark_ms for source in self.active]
        if marks and (low := min(marks)) > self.watermark_ms:
            self.watermark_ms = low
        output.events, output.alerts = watch_step(self.watch, batch, self.watermark_ms)

    def _renumber(self, batch: Batch) -> Batch:
        """Receiver numbers of one lane -> numbers of this engine (by order of first appearance)."""
        known = {name: number for number, name in enumerate(self.receivers)}
        numbers = []
        for name in batch.receivers:
            if name not in known and len(self.receivers) < RECEIVERS_MAX:
                known[name] = len(self.receivers)
                self.receivers.append(name)
            numbers.append(known.get(name, RECEIVERS_MAX))
        if numbers != list(range(len(numbers))):
            translate_receivers(batch, numbers)
        batch.receivers = tuple(self.receivers)
        return batch


def translate_receivers(batch: Batch, numbers: list[int]) -> None:
    """Rewrite `src` and the `receivers` bits of fresh rows (each heard by its own `src` only)."""
    table = np.array(numbers, np.uint16)
    for rows in (batch.fixes, batch.statics, batch.others):
        rows["src"] = table[rows["src"]]
    bit = np.minimum(batch.fixes["src"], 63).astype(np.uint64)
    batch.fixes["receivers"] = np.left_shift(np.uint64(1), bit)


def add_counts(total: Counts, part: Counts) -> None:
    """Add one accounting to another, in place."""
    for name in ("lines", "glued", "blank", "tag_only", "parts", "open"):
        setattr(total, name, getattr(total, name) + getattr(part, name))
    for name in ("other", "decoded", "rejected", "notes"):
        mine, theirs = getattr(total, name), getattr(part, name)
        for key, n in theirs.items():
            mine[key] = mine.get(key, 0) + n
