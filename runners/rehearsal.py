"""A back-test as a process of its own: one text of rules or zones against the one in force, on the recordings of the configuration.

May hold: that run, its progress and its result as files. May not: count or judge (runners/backtest.py). `python -m runners.rehearsal FOLDER`
reads `asked.json` there; it ends by itself when whoever began it is gone.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from dogwatch.batch import T_MISSING
from dogwatch.config import Config
from dogwatch.errors import DogwatchError
from dogwatch.times import iso
from runners.backtest import Asked as Question
from runners.backtest import Result, Side, backtest, read_labels
from runners.backtest_page import write_report
from runners.engine import Output
from runners.ledger import replace_file
from runners.replay import Progress
from runners.resweep import keep
from runners.rules import read_coverage, read_rules
from runners.simulated import read_scenario
from runners.step import Rules
from runners.trails import trail_of
from sim.simulate import simulate

NICE = 10  # the watch comes first
SAY_S = 0.5
SIMULATED, SEED = "sim:", 11  # another sea than the demo shows
CHANGES_MAX = 500  # on the page; the report has all
TRACKS_MAX = 60
ROOM_MS = 3_600_000  # of track before and after a case


class Asked(msgspec.Struct):
    """What is asked for: `text` against `before`, both of one kind, everything else as the configuration says."""

    kind: str
    text: str
    before: str
    hash: str
    base: str
    config: Config


def question(asked: Asked, folder: Path) -> Question:
    """Recordings and both sides as the back-test takes them; what is to be simulated is written to `folder`, once. Raises InputError/ConfigError."""
    config = asked.config

    def side(text: str) -> Rules:
        texts = {"profile_text": text} if asked.kind == "rules" else {"zones_text": text}
        return read_rules(config.profile, config.zones, config.watchlists, config.normality, **texts)

    rest = config.backtest
    coverage = read_coverage(Path(config.coverage)) if config.coverage else None
    labels = read_labels(Path(rest.labels)) if rest.labels else []
    return Question([_recording(name, folder) for name in rest.recordings], side(asked.text), side(asked.before), labels, coverage=coverage)


class _Told:
    """Progress as a file, a few times a second."""

    def __init__(self, folder: Path, asked: Question) -> None:
        self.path = folder / "progress.json"
        self.bytes = max(1, sum(_size(path) for path in asked.inputs))
        against = asked.against
        self.runs = 2 if against is not None and not asked.rules.detects_as(against) else 1
        self.parent, self.last, self.before, self.run = os.getppid(), 0.0, 0, 0

    def show(self, progress: Progress, _output: Output) -> None:
        """Write how far it is; end with the parent."""
        now = time.monotonic()
        if now - self.last < SAY_S:
            return
        self.last = now
        if os.getppid() != self.parent:
            raise SystemExit(130)
        if progress.bytes_read < self.before:
            self.run += 1
        self.before = progress.bytes_read
        share = (self.run + min(1.0, progress.bytes_read / self.bytes)) / self.runs
        newest_ms = progress.engine.newest_ms
        said = {"share": round(min(0.99, share), 3), "event_time": None if newest_ms == T_MISSING else iso(newest_ms), "lines": progress.lines}
        temporary = self.path.with_suffix(".new")
        with contextlib.suppress(OSError):  # a disk without room for these words shows when the report is written
            temporary.write_bytes(msgspec.json.encode(said))
            temporary.replace(self.path)


def summary(result: Result, whole: Any) -> dict[str, Any]:
    """What the page shows of a result. `whole`: the kept positions."""
    assert result.before is not None, "there are always two sides"
    listed = []
    for number, change in enumerate(result.changes[:CHANGES_MAX]):
        case = change.case
        tracks = [trail_of(whole, mmsi, case.t_first - ROOM_MS, case.t_last + ROOM_MS)[:, [2, 1]].round(5).tolist() for mmsi in case.mmsi[:4]]
        listed.append(
            {
                "kind": change.kind,
                "text": change.text,
                "headline": case.headline,
                "mmsi": case.mmsi,
                "t_first": iso(case.t_first),
                "t_last": iso(case.t_last),
                "lat": case.lat,
                "lon": case.lon,
                "rules": case.rules,
                "verdict": case.verdict,
                "tracks": [track for track in tracks if len(track) > 1] if number < TRACKS_MAX else [],
            }
        )
    names = ("t_first", "t_last", "hours", "positions", "vessels", "coverage_known", "exercise", "files", "minutes_silent")
    return {
        "state": "done",
        "data": {name: result.data[name] for name in names},
        "now": _side(result.now),
        "before": _side(result.before),
        "counts": {kind: sum(change.kind == kind for change in result.changes) for kind in ("added", "lost", "changed")},
        "changes": listed,
        "labels": result.labels,
    }


def _side(side: Side) -> dict[str, Any]:
    load, precision = side.load, side.accuracy.precision
    return {
        "profile": side.profile,
        "profile_hash": side.profile_hash,
        "alerts": load.alerts,
        "per_operator_hour": load.per_operator_hour,
        "budget_per_operator_hour": load.budget_per_operator_hour,
        "window_max": load.window_max,
        "precision": precision.value,
        "right": precision.hits,
        "judged": precision.total,
    }


def _recording(name: str, folder: Path) -> Path:
    """A recording by path; `sim:SCENARIO` is a simulated sea, for a demonstration."""
    if not name.startswith(SIMULATED):
        return Path(name)
    path = folder / f"{name.removeprefix(SIMULATED)}.nmea"
    if not path.exists():
        replace_file(path, b"".join(chunk.data for chunk in simulate(read_scenario(name.removeprefix(SIMULATED)), SEED)))
    return path


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else sum(one.stat().st_size for one in path.glob("*") if one.is_file())


def main(folder: Path) -> int:
    """Run what a folder asks for; 0 once `result.json` says what came of it, good or bad."""
    os.nice(NICE)
    asked = msgspec.json.decode((folder / "asked.json").read_bytes(), type=Asked)
    try:
        ready = question(asked, folder.parent)
        result, whole = backtest(ready, _Told(folder, ready).show)
        write_report(result, whole, folder / "report.html")
        told = summary(result, whole)
        if asked.kind == "rules":
            keep(folder, ready.told, ready.rules.params.params_hash, result.data)
    except DogwatchError as fault:
        told = {"state": "failed", "what": str(fault)}
    replace_file(folder / "result.json", msgspec.json.encode(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
