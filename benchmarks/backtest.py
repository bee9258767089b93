"""A back-test of a day of 20,000 vessels, both profiles: how long it takes, where the time goes, how much memory it wants.

May live here: the recording, the run, the table. May not: any step of a back-test. `python -m benchmarks.backtest` makes the day once (about 1.4 GB
under .cache/bench-backtest), runs `dogwatch backtest` as a user would, prints and writes benchmarks/results/backtest.json. Nothing is read from outside.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.contender import ROOT, machine

RESULT = Path(__file__).parent / "results" / "backtest.json"
FOLDER = ROOT / ".cache" / "bench-backtest"
SCENARIO, SEED, VESSELS = "day-20k", 3, 20_000
RULES, AGAINST = "border", "small-island"
GOAL_S = 60.0  # for the whole day
LIMIT_S = 3_600.0


def program(*words: str) -> list[str]:
    """The command line of this build."""
    return [sys.executable, "-c", "from runners.cli import main; main()", *words]


def recording(hours: float) -> Path:
    """So much of the day; made when it is first wanted."""
    path = FOLDER / f"{SCENARIO}-{SEED}-{hours:g}h.nmea"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        words = ["sim", SCENARIO, "--seed", str(SEED), "--duration", f"{round(hours * 3600)}s", "--nmea", str(path)]
        subprocess.run(program(*words), cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=LIMIT_S)
    return path


def measure(path: Path, sweeps: list[str]) -> dict[str, Any]:
    """One run of the command: wall and CPU seconds, largest memory, and what its own report says of its parts."""
    with tempfile.TemporaryDirectory(prefix="dogwatch-bench-") as folder:
        figures = Path(folder) / "r.json"
        words = ["backtest", str(path), "--rules", RULES, "--against", AGAINST, "--out", f"{folder}/r.html", "--json", str(figures)]
        words += [word for sweep in sweeps for word in ("--sweep", sweep)]
        begun = time.perf_counter()
        process = subprocess.Popen(program(*words), cwd=ROOT, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - begun
        if status:
            raise SystemExit(f"the back-test ended with status {status}")
        found = json.loads(figures.read_text())
    data, now = found["data"], found["now"]
    return {
        "hours": data["hours"],
        "lines": data["lines"],
        "positions": data["positions"],
        "vessels": data["vessels"],
        "alerts": found["metrics"]["alerts"],
        "events": sum(data["events"].values()),
        "wall_s": round(wall_s, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_mib": round(used.ru_maxrss / 1024),
        "track_cpu_s": now["track_cpu_s"],
        "score_cpu_s": round(now["score_cpu_s"] + found["before"]["score_cpu_s"], 2),
        "detectors_cpu_s": {name: round(ms / 1000, 2) for name, ms in now["detectors_cpu_ms"].items()},
    }


def main() -> None:
    """Make the day, measure, print, store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0, help="of the day; less is a look, no figure to quote")
    parser.add_argument("--sweep", action="append", default=[], help="as of dogwatch backtest: what a sweep adds")
    parser.add_argument("--out", type=Path, default=RESULT)
    asked = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    path = recording(asked.hours)
    about, load = machine(), os.getloadavg()[0]
    measure(recording(0.1), asked.sweep)  # fills the compile cache
    row = measure(path, asked.sweep)
    row |= {"goal_s": GOAL_S, "goal": "met" if row["hours"] >= 23.9 and row["wall_s"] <= GOAL_S else "not met"}
    report = {
        "machine": about,
        "load_before": round(load, 1),
        "scenario": f"{SCENARIO}, seed {SEED}",
        "rules": [RULES, AGAINST],
        "sweep": asked.sweep,
        "run": row,
    }
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"{row['hours']:.1f} h of {VESSELS:,} vessels, {row['positions']:,} positions, {RULES} against {AGAINST}, one pinned core, load before {load:.1f}")
    print(f"  wall {row['wall_s']} s, CPU {row['cpu_s']} s, {row['peak_mib']} MiB; goal of the day {GOAL_S:g} s: {row['goal']}")
    print(f"  decoding and tracks {row['track_cpu_s']} s CPU, scoring both {row['score_cpu_s']} s")
    for name, seconds in list(row["detectors_cpu_s"].items())[:8]:
        print(f"    {name:14} {seconds:8.2f} s")


if __name__ == "__main__":
    main()
