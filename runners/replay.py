"""Replay: recordings through the same code as live traffic, as fast as they decode or at a multiple of their own time.

May hold: the reading loop, snapshots for `--resume`, progress. May not: detect, score, decode.
Several inputs are several sources: the one whose event time is furthest behind is read next, a block at a time, so
that parallel receivers interleave as they did and consecutive files follow each other. `chunk_bytes` cuts blocks into
smaller pieces and changes nothing but speed: that is the law of the house, and a test holds it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from dogwatch.batch import T_MISSING
from dogwatch.errors import InputError
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


@dataclass(slots=True)
class Progress:
    """What a progress line shows."""

    bytes_read: int = 0
    lines: int = 0
    t_ms: int = T_MISSING
    events: int = 0
    alerts: int = 0


def replay(
    inputs: list[Path], rules: Rules, options: Options, coverage: Coverage | None = None, watch_progress: Callable[[Progress, Output], None] | None = None
) -> dict[str, Any]:
    """Run recordings through the pipeline and write `events.ndjson`, `alerts.ndjson`, `summary.json`; the summary comes back.

    Raises InputError for inputs or a folder that cannot be used.
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
        paced.wait(run.engine.lanes[source].clock.newest_ms)
        if time.monotonic() - last_snapshot >= options.snapshot_wall_s:
            run.save()
            last_snapshot = time.monotonic()
    run.save()
    return run.close(started_wall, started_cpu)


class _Run:
    """The open files and counters of one replay."""

    def __init__(self, inputs: list[Path], rules: Rules, options: Options, coverage: Coverage | None) -> None:
        self.options = options
        self.paths = {source_name(path, inputs): path for path in inputs}
        lanes = [
            Lane(source, lateness_ms=round(options.lateness_s * 1000), exercise=options.exercise, table=is_table(path), columns=options.columns or None)
            for source, path in self.paths.items()
        ]
        self.engine = Engine(rules, lanes, coverage)
        self.offsets = dict.fromkeys(self.paths, 0)
        self.fixes = 0
        self.progress = Progress()
        self.state_file = options.out / "state" / "replay.state"
        lengths = self._resume() if options.resume else (0, 0)
        self.readers = {source: read_blocks(path, BLOCK_BYTES) for source, path in self.paths.items()}
        for source in self.paths:
            self.readers[source] = _skip(self.readers[source], self.offsets[source])
        self.heads = {source: next(reader, None) for source, reader in self.readers.items()}  # opens every input before anything is written
        self.ledger = Ledger(options.out, lengths)

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
        self.progress.lines = sum(lane.counts.lines for lane in self.engine.lanes.values())
        self.progress.t_ms = self.engine.newest_ms
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
        )
        replace_file(self.options.out / "summary.json", msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")
        return summary

    def _resume(self) -> tuple[int, int]:
        if not self.state_file.exists():
            raise InputError(f"nothing to resume: {self.state_file} is absent", remedy="run once without --resume")
        sections = restore(self.state_file.read_bytes())
        if set(sections["offsets"]) != set(self.paths):
            raise InputError(
                "the state belongs to other inputs: " + ", ".join(sorted(sections["offsets"])), remedy="name the same inputs, or leave out --resume"
            )
        if sections["rules"] != rules_stamp(self.engine.rules):
            raise InputError("the state was made with other rules, zones or parameters", remedy="use the same --profile and --zones, or leave out --resume")
        self.engine.restore(sections["engine"])
        self.offsets, self.fixes = sections["offsets"], sections["fixes"]
        return sections["lengths"][0], sections["lengths"][1]


class _Pace:
    """Holds a replay back to a multiple of recorded time."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self.origin: tuple[float, int] | None = None

    def wait(self, t_ms: int) -> None:
        if self.speed <= 0 or t_ms == T_MISSING:
            return
        if self.origin is None:
            self.origin = (time.monotonic(), t_ms)
        due = self.origin[0] + (t_ms - self.origin[1]) / 1000 / self.speed
        time.sleep(max(0.0, due - time.monotonic()))


def rules_stamp(rules: Rules) -> str:
    """What a snapshot must agree with: parameters, profile, zones."""
    return f"{rules.params.params_hash}:{rules.profile.content_hash}:{rules.geography.version}"


def source_name(path: Path, inputs: list[Path]) -> str:
    """A source id for a file: its name, with a number where two inputs share it."""
    same = [other for other in inputs if other.name == path.name]
    return path.name if len(same) == 1 else f"{path.name}#{same.index(path) + 1}"


def _skip(blocks: Iterator[bytes], offset: int) -> Iterator[bytes]:
    """The bytes from `offset` on, in blocks at the same places as in an uninterrupted run."""
    for block in blocks:
        if offset >= len(block):
            offset -= len(block)
            continue
        yield block[offset:]
        offset = 0


def _extend(whole: Output, part: Output) -> None:
    whole.distress_events += part.distress_events
    whole.distress_alerts += part.distress_alerts
    whole.events += part.events
    whole.alerts += part.alerts
