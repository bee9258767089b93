"""The truth table: `make truth`. Fresh seas with known facts, and recordings, through the whole product; what was found and what not.

May hold: the order of work, seeds, processes, files. May not: how one sea is played (truth_seas.py), recordings (truth_recordings.py), words (truth_report.py).

Seeds are drawn anew and printed, unless `--seeds 1,2,3` gives them: figures that hold for fresh seeds hold for what detectors were not tuned on.
Writes docs/truth.md whole and benchmarks/results/truth.json (every count, one example of each kind of miss and false alarm); what was played stays
in .cache/truth, so that the judge can show all items again.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.contender import ROOT, machine
from benchmarks.truth_recordings import all_recordings
from benchmarks.truth_report import document, goals, kept, summary_lines
from benchmarks.truth_seas import BENCHES, SHORT, STILL, Bench, Job, jobs_of, learn, play, titles, vessel_alerts
from dogwatch.batch import UNITS_PER_DEG
from runners.judging import EVENTS, TRUTH, judge_files
from runners.rules import read_coverage
from sim.judge import judge
from sim.report import Report
from tracks.coverage import Coverage, cell_key
from tracks.detectors import KINDS

SEEDS = 14
QUICK_SEEDS = 2
SEED_LIMIT = 1_000_000
FOLDER = Path(".cache/truth")
DOCUMENT, RESULT = Path("docs/truth.md"), Path("benchmarks/results/truth.json")
COVERAGE_MIN, BLOCKS_MIN = 0.9, 20  # a silence is asked for where so much is heard, and that is known from so many blocks
COMPANY_MIN = 3  # with fewer others near nobody is suspected (docs/behaviours/dark-period.md)
FAR, UNSEEN, UNLEARNED, ALONE = "far from any border", "out of reach of the receivers", "coverage not learned, or below 0.9", "fewer than three others near"


def main(arguments: list[str] | None = None) -> int:
    """Play, judge, write; 0, or 1 with `--gate` when a goal is missed."""
    given = _parser().parse_args(arguments)
    os.chdir(ROOT)
    benches = tuple(b for b in (*BENCHES, *SHORT) if b.name in given.only.split(",")) if given.only else BENCHES
    seeds = [int(s) for s in given.seeds.split(",")] if given.seeds else fresh_seeds(QUICK_SEEDS if given.quick else given.count)
    print(f"seeds: {','.join(map(str, seeds))}", flush=True)
    began, folder = time.monotonic(), given.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    told = measure(benches, seeds, folder, processes=given.processes)
    told["recordings"] = all_recordings(given.data, folder) if given.data.is_dir() and not given.only else {}
    told |= {"machine": machine(), "versions": {name: version(name) for name in ("numpy", "numba")}, "detectors": [kind.NAME for kind in KINDS]}
    told["arguments"] = " ".join(arguments if arguments is not None else sys.argv[1:])
    told["seconds"] = round(time.monotonic() - began)
    told["goals"] = goals(told)
    print("\n".join(summary_lines(told)))
    if not given.only:
        RESULT.write_text(kept(told), encoding="utf-8")
        DOCUMENT.write_text(document(told), encoding="utf-8")
        print(f"written: {DOCUMENT}, {RESULT}; {told['seconds']} s")
    return int(given.gate and any(goal["met"] is False for goal in told["goals"]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", default="", help="seeds, such as 1,2,3; without: drawn and printed")
    parser.add_argument("--count", type=int, default=SEEDS, help="how many are drawn")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SEEDS} seeds instead")
    parser.add_argument("--only", default="", help=f"seas, such as meetings,clean; nothing is written then: {', '.join(b.name for b in (*BENCHES, *SHORT))}")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where runs are kept")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DOGWATCH_SHARED_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--gate", action="store_true", help="exit 1 when a goal is missed")
    return parser


def fresh_seeds(count: int) -> list[int]:
    """Seeds that nobody has seen."""
    return [secrets.randbelow(SEED_LIMIT) for _ in range(count)]


def measure(benches: tuple[Bench, ...], seeds: list[int], folder: Path, *, processes: int = 1) -> dict[str, Any]:
    """Play all seas with all their seeds and judge them; everything that the report says of seas, as plain data."""
    learn(benches, folder)
    jobs = jobs_of(benches, seeds, folder)
    if processes > 1:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            waiting = [pool.submit(play, job) for job in jobs]
            try:
                runs = [future.result() for future in waiting]
            except BaseException:
                pool.shutdown(cancel_futures=True)  # a fault of ours is known at once, not after all other runs
                raise
    else:
        runs = [play(job) for job in jobs]
    for job in jobs:
        leave_out_unknowable(job.place / TRUTH, read_coverage(folder / f"{job.bench.learned}.coverage") if job.bench.learned else Coverage())
    report = judged(jobs)
    still = {name: _still([job for job in jobs if job.bench.name == name]) for name in STILL if any(job.bench.name == name for job in jobs)}
    told = {"seeds": seeds, "runs": runs, "seas": {name: title for name, title in titles().items() if name in {b.name for b in benches}}}
    told["silences"] = silences(jobs)
    return told | {"report": msgspec.to_builtins(report), "still": still}


def judged(jobs: list[Job]) -> Report:
    """All runs together."""
    return judge_files([(job.place / EVENTS, job.place / TRUTH) for job in jobs], set())


def leave_out_unknowable(truth: Path, coverage: Coverage) -> None:
    """Ask for a silence only where it was known to mean something: in a cell that some receiver hears well, as was learned before, and in company.

    What is not asked for says why (`unasked`), and is counted by that.
    """
    rows = [msgspec.json.decode(line) for line in truth.read_bytes().splitlines()]
    for row in rows:
        if row["type"] == "dark" and row["state"] != "retracted":
            row["unasked"] = _why_unasked(row, coverage)
            row["scored"] = not row["unasked"]
    truth.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


def _why_unasked(row: dict[str, Any], coverage: Coverage) -> str:
    """Why nobody could or need tell of a silence, or ''."""
    if not row["scored"]:
        return FAR
    if not row["visible"]:
        return UNSEEN
    at = round(row["lat"] * UNITS_PER_DEG), round(row["lon"] * UNITS_PER_DEG)
    heard, missed = coverage.blocks(np.array([cell_key(*at, 0, group) for group in range(len(coverage.groups))], np.int64))
    if not ((heard + missed >= BLOCKS_MIN) & (heard >= COVERAGE_MIN * (heard + missed))).any():
        return UNLEARNED
    return ALONE if row["measures"]["company"] < COMPANY_MIN else ""


def silences(jobs: list[Job]) -> dict[str, dict[str, int]]:
    """Silences by why nobody is asked for them ('': asked for): how many, and of how many an event told all the same."""
    found: dict[str, dict[str, int]] = {}
    for job in jobs:
        rows, events = ([msgspec.json.decode(line) for line in (job.place / name).read_bytes().splitlines()] for name in (TRUTH, EVENTS))
        told = judge([event for event in events if event["type"] == "dark"], [{**row, "scored": True, "visible": True} for row in rows if "unasked" in row])
        missed = {(miss.mmsi[0], miss.t_start) for miss in told.misses}
        for row in (row for row in rows if "unasked" in row):
            count = found.setdefault(row["unasked"], {"silences": 0, "told": 0})
            count["silences"] += 1
            count["told"] += (row["mmsi"][0], row["t_start"]) not in missed
    return found


def _still(jobs: list[Job]) -> dict[str, Any]:
    """What was alerted in a sea in which nothing may alert."""
    found = [(job, alert) for job in jobs for alert in vessel_alerts(job.place)]
    items = [{"seed": job.seed, "mmsi": alert["mmsi"], "level": alert["level"], "headline": alert["headline"]} for job, alert in found]
    return {"runs": len(jobs), "runs_with_alerts": len({job.seed for job, _ in found}), "alerts": items}


if __name__ == "__main__":
    raise SystemExit(main())
