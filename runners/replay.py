"""Replay: recordings through the same code as live traffic, as fast as they decode or at a multiple of their own time.

May hold: the reading loop, snapshots for `--resume`, progress. May not: detect, score, decode.
Several inputs are several sources: the one whose event time is furthest behind is read next, a block at a time, so
that parallel receivers interleave as they did and consecutive files follow each other. `chunk_bytes` cuts blocks into
smaller pieces and changes nothing but speed: that is the law of the house, and a test holds it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from dogwatch.batch import T_MISSING
from dogwatch.errors import DogwatchError, InputError
from ingest.source_file import read_blocks
from runners.engine import Engine, Output
from runners.intake import is_table
from runners.lane import Lane
from runners.ledger import Ledger, replace_file
from runners.step import Rules, restore, snapshot
from runners.summary import summarise
from tracks.coverage import Coverage

BLOCK_BYTES = 65_536
SNAPSHOT_WALL_S = 10.0


@dataclass(slots=True)
class Options:
    """How to replay. `speed` 0 = as fast as possible, else a multiple of recorded time."""

    out: Path
    lateness_s: float = 120.0
    speed: float = 0.0
    chunk_bytes: int = BLOCK_BYTES
    resume: bool = False
    exercise: bool = False
    columns: dict[str, str] = field(default_factory=dict)
    snapshot_wall_s: float = SNAPSHOT_WALL_S

    def stamp(self) -> str:
        """What a resumed run must have in common with the one that it continues."""
        return f"{self.lateness_s}:{self.exercise}:{sorted(self.columns.items())}"


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
) -> dict[str, Any]:
    """Run recordings through the pipeline and write `events.ndjson`, `alerts.ndjson`, `summary.json`; the summary comes back.

    Raises InputError for inputs or a folder that cannot be used, StoppedError once `stop` is set and the state is saved.
    """
    started_wall, started_cpu = time.perf_counter(), time.process_time()
    run = _Run(inputs, rules, options, coverage)
    last_snapshot, paced = time.monotonic(), _Pace(options.speed)
    for source, block, offset in run.blocks():
        for start in range(0, len(block), options.chunk_bytes):
            output = run.engine.feed(source, block[start : start + options.chunk_bytes])
            run.take(output, len(block[start : start + options.chunk_bytes]))
            if watch_progress:
                watch_progress(run.progress, output)
        run.offsets[source] = offset + len(block)
        if stop and stop.is_set():
            run.save()
            raise StoppedError("stopped; what was read is saved", remedy="go on with the same command and --resume")
        paced.wait(run.engine.lanes[source].clock.newest_ms, stop)
        if time.monotonic() - last_snapshot >= options.snapshot_wall_s:
            run.save()
            last_snapshot = time.monotonic()
    run.save()
    return run.close(started_wall, started_cpu)


class _Run:
    """The open files and counters of one replay."""

    def __init__(self, inputs: list[Path], rules: Rules, options: Options, coverage: Coverage | None) -> None:
        self.options = options
        self.paths = name_sources(inputs)
        lanes = [
            Lane(source, lateness_ms=round(options.lateness_s * 1000), exercise=options.exercise, table=is_table(path), columns=options.columns or None)
            for source, path in self.paths.items()
        ]
        self.engine = Engine(rules, lanes, coverage)
        self.offsets = dict.fromkeys(self.paths, 0)
        self.fixes = 0
        self.progress = Progress(self.engine)
        self.said: list[str] = []  # what a reader could not read of its file
        self.heads_seen: dict[str, list[Any]] = {}  # source -> [length, hash] of its first block, to know it again
        self.state_file = options.out / "state" / "replay.state"
        lengths = self._resume() if options.resume else (0, 0)
        self.readers = {source: read_blocks(path, BLOCK_BYTES, say=self.said.append) for source, path in self.paths.items()}
        self.heads = {source: self._first(source) for source in self.paths}  # opens every input before anything is written
        self.ledger = Ledger(options.out, lengths)
        if not options.resume:
            self.state_file.unlink(missing_ok=True)  # it belongs to the results that have just been emptied

    def _first(self, source: str) -> bytes | None:
        """The first block that is still to be read, after a look at whether the file is the one that the state knows."""
        reader = self.readers[source]
        block = next(reader, None) or b""
        length, print_of = self.heads_seen.get(source, (len(block), ""))
        if print_of and blake2b(block[:length], digest_size=16).hexdigest() != print_of:
            raise InputError(f"{self.paths[source]} is not the file that was read before", remedy="name the same inputs, or leave out --resume")
        self.heads_seen[source] = [len(block), blake2b(block, digest_size=16).hexdigest()]
        rest, offset = block, self.offsets[source]
        while rest and offset >= len(rest):
            offset -= len(rest)
            rest = next(reader, None) or b""
        if offset > len(rest):
            raise InputError(f"{self.paths[source]} is shorter than what was read of it before", remedy="leave out --resume")
        if rest and source in self.engine.intake.ended:
            raise InputError(f"{self.paths[source]} had been read to its end, beside others, and has grown since", remedy="leave out --resume")
        return rest[offset:] or None

    def blocks(self) -> Iterator[tuple[str, bytes, int]]:
        """Blocks in reading order: always of the lane that is furthest behind in event time."""
        while waiting := [source for source, block in self.heads.items() if block]:
            source = min(waiting, key=lambda name: (self.engine.lanes[name].clock.newest_ms, name))
            block = self.heads[source] or b""
            yield source, block, self.offsets[source]
            self.heads[source] = next(self.readers[source], None)
            if not self.heads[source] and any(self.heads.values()):
                self.take(self.engine.feed(source, b"", final=True), 0)  # a finished file must not hold the others' watermark

    def take(self, output: Output, n_bytes: int) -> None:
        """Book one output."""
        self.fixes += len(output.batch.fixes)
        self.progress.bytes_read += n_bytes
        self.progress.events += len(output.events) + len(output.distress_events)
        self.progress.alerts += len(output.alerts) + len(output.distress_alerts)
        self.ledger.append(output.all_events(), output.all_alerts())

    def save(self) -> None:
        """Snapshot: state, offsets and output lengths belong together and are written together."""
        lengths = self.ledger.settle()
        sections = {
            "engine": self.engine.to_sections(),
            "offsets": self.offsets,
            "lengths": list(lengths),
            "fixes": self.fixes,
            "rules": rules_stamp(self.engine.rules),
            "options": self.options.stamp(),
            "heads": self.heads_seen,
        }
        replace_file(self.state_file, snapshot(sections))

    def close(self, started_wall: float, started_cpu: float) -> dict[str, Any]:
        """Release what is held, write the sorted files and the summary."""
        last = Output()
        for source in sorted(self.engine.active):
            output = self.engine.feed(source, b"", final=True)
            self.fixes += len(output.batch.fixes)
            _extend(last, output)
        _extend(last, self.engine.end())
        events, alerts = self.ledger.finish(last.all_events(), last.all_alerts())
        clocks = [lane.clock for lane in self.engine.lanes.values()]
        summary = summarise(
            self.engine.counts(),
            events,
            alerts,
            fixes=self.fixes,
            vessels=self.engine.watch.track.vessel_count,
            track=self.engine.watch.track.counters,
            t_first_ms=min((int(c.first_ms) for c in clocks if c.first_ms != T_MISSING), default=T_MISSING),
            t_last_ms=self.engine.newest_ms,
            wall_s=time.perf_counter() - started_wall,
            cpu_s=time.process_time() - started_cpu,
            exercise=self.engine.intake.exercise,
            said=self.said,
        )
        replace_file(self.options.out / "summary.json", msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
        return summary

    def _resume(self) -> tuple[int, int]:
        if not self.state_file.exists():
            raise InputError(f"nothing to resume: {self.state_file} is absent", remedy="run once without --resume")
        sections = restore(read_state(self.state_file))
        if set(sections["offsets"]) != set(self.paths):
            raise InputError(
                "the state belongs to other inputs: " + ", ".join(sorted(sections["offsets"])), remedy="name the same inputs, or leave out --resume"
            )
        if sections["rules"] != rules_stamp(self.engine.rules):
            raise InputError("the state was made with other rules, zones or parameters", remedy="use the same --profile and --zones, or leave out --resume")
        if sections["options"] != self.options.stamp():
            raise InputError("the state was made with another lateness, exercise mark or column mapping", remedy="use the same options, or leave out --resume")
        self.engine.restore(sections["engine"])
        self.heads_seen = sections["heads"]
        self.offsets, self.fixes = sections["offsets"], sections["fixes"]
        return sections["lengths"][0], sections["lengths"][1]


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
    """What a snapshot must agree with: parameters, profile, zones."""
    return f"{rules.params.params_hash}:{rules.profile.content_hash}:{rules.geography.version}"


def name_sources(inputs: list[Path]) -> dict[str, Path]:
    """A source id for each file: its name, with a number where inputs share one. Raises InputError for a file named twice."""
    named: dict[str, Path] = {}
    for path in inputs:
        if path in named.values():
            raise InputError(f"{path} is named twice", remedy="name each input once")
        same = [other for other in inputs if other.name == path.name]
        named[path.name if len(same) == 1 else f"{path.name}#{same.index(path) + 1}"] = path
    return named


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
