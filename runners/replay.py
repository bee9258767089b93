"""Replay: recordings through the same code as live traffic, as fast as they decode or at a multiple of their own time.

May hold: the reading loop, snapshots for `--resume`, progress. May not: detect, score, decode.
Several recordings are several sources: the one whose event time is furthest behind is read next, a block at a time, so
that parallel receivers interleave as they did and consecutive files follow each other. A capture is in order already, and
goes in piece by piece as the live run took it, arrival times, silences and restarts included. `chunk_bytes` cuts blocks into
smaller pieces and changes nothing but speed: that is the law of the house, and a test holds it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from dogwatch import blob
from dogwatch.batch import T_MISSING
from dogwatch.errors import DogwatchError, InputError
from ingest.capture import Session
from ingest.source import Received
from ingest.source_file import BLOCK_BYTES
from runners.engine import Engine, Output
from runners.inputs import Input, Settings, open_inputs
from runners.intake import RUN_BYTES
from runners.ledger import Kept, Ledger, replace_file
from runners.listing import described, notes
from runners.rules import COVERAGE_SCHEMA, WHOLE_COVERAGE, run_out
from runners.step import Rules, restore, snapshot
from runners.summary import summarise, time_notes
from tracks.coverage import Coverage

SNAPSHOT_WALL_S = 10.0


@dataclass(slots=True)
class Options:
    """How to replay. `speed` 0 = as fast as possible, else a multiple of recorded time; `words`: what the command line said that changes the result."""

    out: Path
    lateness_s: float | None = None
    speed: float = 0.0
    chunk_bytes: int = BLOCK_BYTES
    resume: bool = False
    exercise: bool = False
    columns: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    snapshot_wall_s: float = SNAPSHOT_WALL_S
    satellites: frozenset[str] = frozenset()  # names of inputs

    def settings(self) -> Settings:
        """What concerns the inputs."""
        return Settings(self.lateness_s, self.exercise, self.columns, satellites=self.satellites)


@dataclass(slots=True)
class Progress:
    """What a progress line may ask, at its own pace."""

    engine: Engine
    bytes_read: int = 0
    events: int = 0
    alerts: int = 0

    @property
    def lines(self) -> int:
        """Physical lines read so far."""
        return sum(lane.counts.lines for lane in self.engine.lanes.values())


class StoppedError(DogwatchError):
    """The run was asked to stop and has saved its state."""

    exit_code = 130


def replay(
    inputs: list[Path],
    rules: Rules,
    options: Options,
    coverage: Coverage | None = None,
    watch_progress: Callable[[Progress, Output], None] | None = None,
    stop: threading.Event | None = None,
    begun: Callable[[Engine], None] | None = None,
    kept: Kept | None = None,
) -> dict[str, Any]:
    """Run recordings through the pipeline and write `events.ndjson`, `alerts.ndjson`, `summary.json`; the summary comes back.

    begun: told of the engine before it has read anything. kept: takes events and alerts; then nothing is written, and nothing can be resumed.

    Raises InputError for inputs or a folder that cannot be used, StoppedError once `stop` is set and the state is saved.
    """
    started_wall, started_cpu = time.perf_counter(), time.process_time()
    run = _Run(inputs, rules, options, coverage, kept)
    if begun is not None:
        begun(run.engine)
    last_snapshot, paced = time.monotonic(), _Pace(options.speed)
    for source, item in run.items():
        for output in run.step(source, item):
            if watch_progress:
                watch_progress(run.progress, output)
        if stop and stop.is_set():
            run.save()
            raise StoppedError("stopped; what was read is saved", remedy="go on with the same command and --resume")
        paced.wait(run.newest_ms(source), stop)
        if time.monotonic() - last_snapshot >= options.snapshot_wall_s:
            run.save()
            last_snapshot = time.monotonic()
    run.save()
    return run.close(started_wall, started_cpu)


class _Run:
    """The open inputs and counters of one replay."""

    def __init__(self, inputs: list[Path], rules: Rules, options: Options, coverage: Coverage | None, kept: Kept | None) -> None:
        self.options = options
        self.said: list[str] = []  # what a reader could not read of its file
        self.state_file = options.out / "state" / "replay.state"
        self.coverage_file = options.out / "state" / WHOLE_COVERAGE
        state = self._state(rules) if options.resume else None
        self.inputs = open_inputs(inputs, options.settings(), self.said.append)  # every one, before anything is written
        if state:
            self._skip(state)
        self.engine = Engine(rules, [lane for source in self.inputs.values() for lane in source.lanes], coverage)
        if state:
            self.engine.restore(state["engine"])
            for source in self.inputs.values():
                if source.over_before(self.engine.intake.ended):
                    raise InputError(f"{source.what} had been read to its end, beside others, and has grown since", remedy="leave out --resume")
        self.fixes = state["fixes"] if state else 0
        self.progress = Progress(self.engine)
        self.ledger: Ledger | Kept = kept or Ledger(options.out, tuple(state["lengths"]) if state else (0, 0))
        if kept is None and not options.resume:
            self.state_file.unlink(missing_ok=True)  # it belongs to the results that have just been emptied
        if kept is None:
            self.coverage_file.unlink(missing_ok=True)

    def items(self) -> Iterator[tuple[Input, Received | Session]]:
        """What comes next: always of the input that is furthest behind in event time. It counts as done when the next one is asked for."""
        while waiting := [source for source in self.inputs.values() if source.head is not None]:
            source = min(waiting, key=lambda one: (self.newest_ms(one), one.name))
            head = source.head
            assert head is not None, "only inputs that have something are waiting"
            yield source, head
            if source.head is None and any(other.head is not None for other in self.inputs.values()):
                for lane in source.lanes:
                    self.take(self.engine.feed(lane.source, b"", final=True), 0)  # a finished file must not hold the others' watermark

    def step(self, source: Input, item: Received | Session) -> Iterator[Output]:
        """Everything that one item brings, in pieces of `chunk_bytes`: a larger one is cut, smaller ones are taken together."""
        if isinstance(item, Session):
            output = self.engine.renew(source.lanes_of(item))
            self.take(output, 0)
            yield output
            source.advance()
        elif item.kind != "bytes" or len(item.data) <= self.options.chunk_bytes:
            waiting = source.run(0 if self.options.speed else min(self.options.chunk_bytes, RUN_BYTES))
            self.progress.bytes_read += sum(len(piece.data) for piece in waiting)
            while waiting:
                output = self.engine.take_run(waiting)
                self.take(output, 0)
                yield output
        else:
            for start in range(0, len(item.data), self.options.chunk_bytes):
                piece = replace(item, data=item.data[start : start + self.options.chunk_bytes])
                output = self.engine.take(piece)
                self.take(output, len(piece.data))
                yield output
            source.advance()

    def newest_ms(self, source: Input) -> int:
        """Newest event time of an input (UTC ms), or T_MISSING."""
        return max(self.engine.lanes[lane.source].clock.newest_ms for lane in source.lanes)

    def take(self, output: Output, n_bytes: int) -> None:
        """Book one output."""
        self.fixes += len(output.batch.fixes)
        self.progress.bytes_read += n_bytes
        self.progress.events += len(output.events) + len(output.distress_events)
        self.progress.alerts += len(output.alerts) + len(output.distress_alerts)
        self.ledger.append(output.all_events(), output.all_alerts())

    def save(self) -> None:
        """Snapshot: state, offsets and output lengths belong together and are written together."""
        if isinstance(self.ledger, Kept):
            return
        lengths = self.ledger.settle()
        sections = {
            "engine": self.engine.to_sections(),
            "offsets": {name: source.offset for name, source in self.inputs.items()},
            "lengths": list(lengths),
            "fixes": self.fixes,
            "rules": rules_stamp(self.engine.rules),
            "watchlists": self.engine.rules.watchlists.version,
            "options": self.options.settings().stamp(),
            "heads": {name: source.identity() for name, source in self.inputs.items()},
        }
        replace_file(self.state_file, snapshot(sections))

    def close(self, started_wall: float, started_cpu: float) -> dict[str, Any]:
        """Release what is held, write the sorted files and the summary."""
        last = Output()
        for source in sorted(set(self.engine.lanes) - self.engine.intake.ended):
            output = self.engine.feed(source, b"", final=True)
            self.fixes += len(output.batch.fixes)
            _extend(last, output)
        _extend(last, self.engine.end())
        events, alerts = self.ledger.finish(last.all_events(), last.all_alerts())
        clocks = [lane.clock for lane in self.engine.lanes.values()]
        lists, newest_ms = self.engine.rules.watchlists, self.engine.newest_ms
        summary = summarise(
            self.engine.counts(),
            self.engine.intake.samples(),
            events,
            alerts,
            fixes=self.fixes,
            vessels=self.engine.watch.track.vessel_count,
            track=self.engine.watch.track.counters,
            t_first_ms=min((int(c.first_ms) for c in clocks if c.first_ms != T_MISSING), default=T_MISSING),
            t_last_ms=newest_ms,
            wall_s=time.perf_counter() - started_wall,
            cpu_s=time.process_time() - started_cpu,
            exercise=self.engine.intake.exercise,
            options=self.options.words,
            said=self.said
            + time_notes(self.engine.lanes.values())
            + notes(lists, None if newest_ms == T_MISSING else newest_ms)
            + ([over] if newest_ms != T_MISSING and (over := run_out(self.engine.rules.profile, newest_ms)) else []),
        )
        if lists:
            summary["watchlists"] = described(lists)
        if (model := self.engine.rules.normality) is not None:
            summary["normality"] = {"hash": model.content_hash, **model.card}
        if not isinstance(self.ledger, Kept):
            replace_file(self.coverage_file, blob.pack(self.engine.watch.track.coverage.to_sections(), schema=COVERAGE_SCHEMA))
            replace_file(self.options.out / "summary.json", msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
        return summary

    def _state(self, rules: Rules) -> dict[str, Any]:
        """The sections of the run that is continued. Raises InputError when there is none, or it ran otherwise."""
        if not self.state_file.exists():
            raise InputError(f"nothing to resume: {self.state_file} is absent", remedy="run once without --resume")
        sections = restore(read_state(self.state_file))
        if sections["rules"] != rules_stamp(rules):
            raise InputError(
                "the state was made with other rules, zones or parameters", remedy="use the same --profile, --zones and --normality, or leave out --resume"
            )
        if sections["watchlists"] != rules.watchlists.version:
            raise InputError("the state was made with other watchlists", remedy="use the same lists, or leave out --resume")
        if sections["options"] != self.options.settings().stamp():
            raise InputError(
                "the state was made with another lateness, lane, exercise mark or column mapping", remedy="use the same options, or leave out --resume"
            )
        return sections

    def _skip(self, state: dict[str, Any]) -> None:
        if set(state["offsets"]) != set(self.inputs):
            raise InputError("the state belongs to other inputs: " + ", ".join(sorted(state["offsets"])), remedy="name the same inputs, or leave out --resume")
        for name, source in self.inputs.items():
            source.skip(state["offsets"][name], state["heads"][name])


class _Pace:
    """Holds a replay back to a multiple of recorded time."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.origin: tuple[float, int] | None = None

    def wait(self, t_ms: int, stop: threading.Event | None) -> None:
        if self.speed <= 0 or t_ms == T_MISSING:
            return
        if self.origin is None:
            self.origin = (time.monotonic(), t_ms)
        due = self.origin[0] + (t_ms - self.origin[1]) / 1000 / self.speed
        (stop or threading.Event()).wait(max(0.0, due - time.monotonic()))


def rules_stamp(rules: Rules) -> str:
    """What a snapshot must agree with: parameters, profile, zones, the model of normal traffic."""
    model = f":{rules.normality.content_hash}" if rules.normality is not None else ""
    return f"{rules.params.params_hash}:{rules.profile.content_hash}:{rules.geography.version}{model}"


def read_state(path: Path) -> bytes:
    """Bytes of a snapshot. Raises InputError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as fault:
        raise InputError(f"cannot read {path}: {fault.strerror}", remedy="move it away to start afresh") from fault


def _extend(whole: Output, part: Output) -> None:
    whole.distress_events += part.distress_events
    whole.distress_alerts += part.distress_alerts
    whole.events += part.events
    whole.alerts += part.alerts
