"""The intake: several lanes and the safety road, up to columns and the common watermark, without detectors.

May live here: which lanes are active or deaf, their common watermark, receiver numbers, how far finite inputs were read.
May not: read sources, detect, talk to a broker. `runners.engine` puts the detectors behind it in one process.
Distress takes the short road here: a safety report becomes event and alert in the call that decoded it, before the reorder
buffer, the detectors and the score have been asked anything.
A lane holds the common watermark while it brings fixes. A satellite does so only where no lane of the coast does: its rows come
hours late and join behind the watermark, as corrections, and its silence between two passes says nothing about ears.
Detectors are told of a source that is deaf: silent, or garbled.
One simulated source makes the whole run an exercise: from the piece on that showed it, every row of every source is marked, also
after a restart. What came before stays as it was: a distress call that was heard then is a real one.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from dogwatch.alerts import Alert
from dogwatch.batch import (
    F_CK_BAD,
    F_EXERCISE,
    F_FUTURE,
    T_MISSING,
    UNITS_PER_DEG,
    Batch,
    Control,
    Counts,
    add_counts,
    empty_batch,
    put_rows,
    take_rows,
    translate_receivers,
)
from dogwatch.config import Config
from dogwatch.events import Event
from dogwatch.watermark import end_of_recording
from ingest.decode import joined
from ingest.safety import SafetyRoad, safety_step
from ingest.source import Received
from runners.lane import Lane
from runners.pulse import Pulse
from tracks.rescue import open_row

RECEIVERS_MAX = 65_535  # width of the column `src`
RUN_PIECES = 1024  # taken at once: each may hold a few kilobytes until they are joined
RUN_BYTES = 1 << 18  # and this many: a few milliseconds of decoding
ROWS = ("fixes", "statics", "others")
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".csv.gz", ".tsv.gz", ".csv.zst", ".tsv.zst")


class Intake:
    """Lanes of one ingest process. Not thread-safe: one caller."""

    def __init__(self, lanes: list[Lane]) -> None:
        self.lanes = {lane.source: lane for lane in lanes}
        self.pulses = {source: Pulse() for source in self.lanes}
        self.active = set(self.lanes)
        self.silent: set[str] = set()
        self.deaf: set[str] = set()  # what the detectors were told
        self.ended: set[str] = set()
        self.receivers: list[str] = []
        self._named: dict[tuple[str, ...], list[int]] = {}  # answers of `_numbers`, which never change: no part of the state
        self.safety = SafetyRoad()
        self.watermark_ms = T_MISSING
        self.down_ms: int | None = None  # the watch was told that we were down, and has not heard anything since
        self.exercise = any(lane.exercise for lane in lanes)
        self.bytes_read = dict.fromkeys(self.lanes, 0)

    def takes(self, source: str) -> bool:
        """Whether a source is ours and not over."""
        return source in self.lanes and source not in self.ended

    def take(self, received: Received) -> tuple[Batch, list[Event], list[Alert]]:
        """Whatever a source has to say, live or out of a capture: the one way in, so that both give the same."""
        source, kind = received.source, received.kind
        moment = received.t_rx_ms if received.t_rx_ms is not None else self.lanes[source].clock.newest_ms
        if kind in ("bytes", "end"):
            return self.feed(source, received.data, received.t_rx_ms, sender=received.sender, final=kind == "end")
        batch = empty_batch(tuple(self.receivers))
        if kind == "link":
            self.lanes[source].relink(received.sender)
        elif kind == "beat":
            self._beat(source, moment, received.data, batch)
        elif kind == "silent":
            self.silent.add(source)
            self.active.discard(source)
        else:
            self.silent.discard(source)
        self._tell_deaf(source, moment, batch)
        self._advance()
        return batch, [], []

    def take_run(self, waiting: deque[Received]) -> tuple[Batch, list[Event], list[Alert]]:
        """Take pieces from the left, at least one and as many as can be taken as one, up to one that brings distress.

        What comes of them is what `take` would give for each, joined. A run is bytes of lanes that hold the common watermark, so
        nobody falls silent or comes back within it; and how far the watermark comes within it is as far as the slowest of them,
        so that a row is behind it after the run only if it was behind it before.
        """
        steady = self.active - self.sky if self.down_ms is None else set()
        pieces: list[Received] = []
        found: list[Batch] = []
        while waiting and waiting[0].source in steady and waiting[0].kind == "bytes" and waiting[0].t_rx_ms is not None:
            pieces.append(waiting.popleft())
            lane = self.lanes[pieces[-1].source]
            found.append(self._marked(lane, lane.decode(pieces[-1].data, pieces[-1].t_rx_ms, sender=pieces[-1].sender)))
            if found[-1].safety:
                break
        if not pieces:
            return self.take(waiting.popleft())
        batch = self._stamped(pieces, found)
        for piece in pieces:
            self.bytes_read[piece.source] += len(piece.data)
        return batch, *self._noted(batch)

    def feed(self, source: str, data: bytes, t_rx_ms: int | None, *, sender: str = "", final: bool = False) -> tuple[Batch, list[Event], list[Alert]]:
        """Columns of a piece of one source, and what the safety road makes of it at once. `watermark_ms` is then up to date."""
        lane = self.lanes[source]
        common_ms = self.watermark_ms if source in self.sky and self.active - self.sky else None
        batch = self._renumber(self._marked(lane, lane.feed(data, t_rx_ms, sender=sender, final=final, common_ms=common_ms)))
        self._heard(source, batch, t_rx_ms, waking=bool(data))
        self.bytes_read[source] += len(data)
        if final:
            self.active.discard(source)
            self.ended.add(source)
        return batch, *self._noted(batch)

    def control(self, row: Control) -> Batch:
        """A fact about the watch itself, as a batch that carries only it."""
        if row.kind == "system_down":
            self.down_ms = row.t_ms
            self.pulses = {source: Pulse(pulse.told) for source, pulse in self.pulses.items()}  # nobody was idle while we were not there
        batch = empty_batch(tuple(self.receivers))
        batch.control = [row]
        return batch

    def started(self) -> Batch | None:
        """Everything before was heard by a former process: the row that tells the detectors of the time between, unless nothing was heard."""
        return self.control(Control(self.watermark_ms, "system_down")) if any(self.bytes_read.values()) else None

    def end(self) -> None:
        """All inputs are over: the watermark moves past the last event."""
        self.watermark_ms = max(self.watermark_ms, end_of_recording(self.newest_ms))

    @property
    def newest_ms(self) -> int:
        """Newest accepted event time of any lane (UTC ms), or T_MISSING."""
        return max((lane.clock.newest_ms for lane in self.lanes.values()), default=T_MISSING)

    @property
    def sky(self) -> set[str]:
        """Satellites beside which there are sources of the coast; alone they are sources like any other."""
        satellites = {source for source, lane in self.lanes.items() if lane.satellite}
        return satellites if len(satellites) < len(self.lanes) else set()

    @property
    def simulated(self) -> set[str]:
        """Sources that are an exercise by themselves: configured so, or something in them said so."""
        return {source for source, lane in self.lanes.items() if lane.exercise}

    @property
    def unheard(self) -> set[str]:
        """Sources that bring nothing at present, for people: silent, deaf or over."""
        return self.silent | self.deaf | self.ended

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

    def samples(self) -> dict[str, str]:
        """The first line that was rejected for each reason, of the first lane that has one; what is no ASCII is escaped."""
        found: dict[str, bytes] = {}
        for lane in self.lanes.values():
            found = lane.state.samples | found
        return {reason: line.decode("ascii", "backslashreplace") for reason, line in sorted(found.items())}

    def to_sections(self) -> dict[str, Any]:
        """State for a snapshot."""
        return {
            "lanes": {source: lane.to_sections() for source, lane in self.lanes.items()},
            "pulses": {source: pulse.to_sections() for source, pulse in self.pulses.items()},
            "active": sorted(self.active),
            "silent": sorted(self.silent),
            "deaf": sorted(self.deaf),
            "ended": sorted(self.ended),
            "receivers": list(self.receivers),
            "safety": self.safety.to_sections(),
            "watermark_ms": self.watermark_ms,
            "down_ms": self.down_ms,
            "exercise": self.exercise,
            "bytes_read": self.bytes_read,
        }

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood; lanes that the snapshot does not know start fresh."""
        for source in set(self.lanes) & set(sections["lanes"]):
            self.lanes[source].restore(sections["lanes"][source])
            self.pulses[source] = Pulse.from_sections(sections["pulses"][source])
            self.bytes_read[source] = sections["bytes_read"][source]
        self.silent, self.deaf = set(sections["silent"]) & set(self.lanes), set(sections["deaf"]) & set(self.lanes)
        self.active = (set(sections["active"]) & set(self.lanes)) | (set(self.lanes) - set(sections["lanes"]))
        self.ended = set(sections["ended"]) & set(self.lanes)
        self.receivers = list(sections["receivers"])
        self._named.clear()
        self.safety = SafetyRoad.from_sections(sections["safety"])
        self.watermark_ms, self.down_ms = sections["watermark_ms"], sections["down_ms"]
        self.exercise = sections["exercise"] or any(lane.exercise for lane in self.lanes.values())

    def renew(self, lanes: list[Lane]) -> None:
        """Go on as another run of the program that restores this state: same names go on where they stood, others begin or are over."""
        before, fresh = self.to_sections(), {lane.source: lane for lane in lanes}
        over = set(self.lanes) - set(fresh)
        self.lanes |= fresh  # those that are over keep their accounting
        self.pulses = {source: Pulse() for source in self.lanes}
        self.bytes_read = dict.fromkeys(self.lanes, 0)
        self.restore(before)
        self.active -= over

    def _stamped(self, pieces: list[Received], found: list[Batch]) -> Batch:
        """The rows of pieces as one batch in arrival order, with common receiver numbers, each judged by the clock of its lane."""
        numbers: list[int] = []
        firsts: dict[int, int] = {}  # a decoder names its receivers with the same tuple until there is another one
        for batch in found:
            if id(batch.receivers) not in firsts:
                firsts[id(batch.receivers)] = len(numbers)
                numbers += self._numbers(batch.receivers)
        first = np.array([firsts[id(batch.receivers)] for batch in found])
        whole = joined(found, tuple(self.receivers))
        of_fix, of_static, of_other = (np.repeat(np.arange(len(found)), [len(getattr(batch, name)) for batch in found]) for name in ROWS)
        translate_receivers(whole, numbers, first[of_fix], first[of_static], first[of_other])
        arrival, sources = np.array([piece.t_rx_ms for piece in pieces]), [piece.source for piece in pieces]
        for source in dict.fromkeys(sources):
            mine = np.array([other == source for other in sources])
            here, there = np.flatnonzero(mine[of_fix]), np.flatnonzero(mine[of_static])
            fixes, statics = take_rows(whole.fixes, here), take_rows(whole.statics, there)
            # only the last piece of a run may bring distress
            self.lanes[source].stamp(fixes, statics, whole.safety if source == sources[-1] else [], arrival[of_fix[here]])
            put_rows(whole.fixes, here, fixes)
            put_rows(whole.statics, there, statics)
        return whole

    def _noted(self, batch: Batch) -> tuple[list[Event], list[Alert]]:
        """What follows from the rows of a batch: distress, the rescue areas that the detectors must know, watermark."""
        events: list[Event] = []
        alerts: list[Alert] = []
        for report in batch.safety:
            told, shown = safety_step(self.safety, [report])
            events += told
            alerts += shown
            batch.control += [row for event in told if (row := rescue_row(event, report.release_ms)) is not None]
        self._advance()
        return events, alerts

    def _marked(self, lane: Lane, batch: Batch) -> Batch:
        """A decoded piece, marked where the run was an exercise before it; the lane itself marks what follows its own first mark."""
        if self.exercise:
            for rows in (batch.fixes, batch.statics, batch.others):
                rows["flags"] |= np.uint32(F_EXERCISE)
            for report in batch.safety:
                report.exercise = True
        self.exercise = self.exercise or lane.exercise
        return batch

    def _heard(self, source: str, batch: Batch, t_rx_ms: int | None, *, waking: bool) -> None:
        """A fix makes its lane hold the watermark, and ends "system down"; any byte ends silence.

        A running reader says "back" itself; one that has just been started knows of no silence.
        """
        if waking and source in self.silent:
            self.silent.discard(source)
            self._tell_deaf(source, t_rx_ms if t_rx_ms is not None else self.lanes[source].clock.newest_ms, batch)
        if self.down_ms is None and source in self.active:
            return
        known = batch.fixes["t_ms"][(batch.fixes["t_ms"] != T_MISSING) & (batch.fixes["flags"] & np.uint32(F_FUTURE | F_CK_BAD) == 0)]
        if len(known):
            if source not in self.ended:
                self.active.add(source)
            if self.down_ms is not None and source not in self.sky:
                batch.control.append(Control(max(int(known[0]), self.down_ms), "system_up"))
                self.down_ms = None

    def _beat(self, source: str, t_ms: int, health: bytes, batch: Batch) -> None:
        """A heartbeat: its row, and a lane that has been idle for too long lets go of the watermark."""
        lane, pulse = self.lanes[source], self.pulses[source]
        batch.heartbeats = [pulse.beat(source, t_ms, health, lane.counts, self.bytes_read[source], lane.clock.fixes_seen)]
        if pulse.idle_ms(t_ms) >= lane.silent_ms:
            self.active.discard(source)

    def _tell_deaf(self, source: str, t_ms: int, batch: Batch) -> None:
        """A control row when a source begins or ceases to be deaf. What never heard a vessel explains nobody's silence."""
        deaf = (source in self.silent or self.pulses[source].garbled) and self.lanes[source].clock.fixes_seen > 0 and source not in self.sky
        if deaf != (source in self.deaf):
            self.deaf ^= {source}
            batch.control.append(Control(t_ms, "source_silent" if deaf else "source_back", source))

    def _advance(self) -> None:
        marks = [self.lanes[source].clock.watermark_ms for source in self.active - self.sky or self.active]
        if marks:
            self.watermark_ms = max(self.watermark_ms, min(marks))

    def _renumber(self, batch: Batch) -> Batch:
        """Receiver numbers of one lane -> numbers of this process, by order of first appearance."""
        numbers = self._numbers(batch.receivers)
        if numbers != list(range(len(numbers))):
            translate_receivers(batch, numbers)
        batch.receivers = tuple(self.receivers)
        return batch

    def _numbers(self, names: tuple[str, ...]) -> list[int]:
        if (numbers := self._named.get(names)) is None:
            if len(self._named) > RECEIVERS_MAX:
                self._named.clear()
            numbers = self._named[names] = self._numbered(names)
        return numbers

    def _numbered(self, names: tuple[str, ...]) -> list[int]:
        known = {name: number for number, name in enumerate(self.receivers)}
        numbers = []
        for name in names:
            if name not in known and len(self.receivers) < RECEIVERS_MAX:
                known[name] = len(self.receivers)
                self.receivers.append(name)
            numbers.append(known.get(name, RECEIVERS_MAX))
        return numbers


def rescue_row(event: Event, t_ms: int) -> Control | None:
    """The control row that tells the detectors of a rescue: a call that is no test, undamaged, with a place; None for others."""
    if event.subtype == "test" or event.quality["damaged"] or event.lat is None or event.lon is None or t_ms == T_MISSING:
        return None
    return open_row(t_ms, event.event_id, event.subtype, round(event.lat * UNITS_PER_DEG), round(event.lon * UNITS_PER_DEG))


def lanes_of(config: Config, *, keep_all: bool = False) -> list[Lane]:
    """One fresh lane per configured source."""
    return [
        Lane(
            source.id,
            lateness_ms=round(source.lateness_s * 1000),
            silent_ms=round(source.silent_s * 1000),
            checksum=source.checksum,
            tags=source.tags,
            exercise=source.exercise,
            satellite=source.lane == "satellite",
            keep_all=keep_all,
            table=source.kind == "file" and is_table(Path(source.path)),
            columns=config.columns or None,
        )
        for source in config.sources
    ]


def is_table(path: Path) -> bool:
    """Whether a file holds positions in columns rather than sentences, by its name."""
    return path.name.lower().endswith(TABLE_SUFFIXES)
