"""One contender of `make bench-tracks` in a process of its own: jobs come in as JSON lines, measurements go out.

May live here: clocks and memory of one job, the columns of a sea as peers read them. May not: queries or detectors (each contender
has a module, named on the command line), imports of ours: peers run this with nothing of ours installed.

The module offers `versions()`, `prepare(folder)` (not timed: what it wants of a sea, in memory), `WAYS` (name -> function of what was
prepared; returns the answers it counted) and may offer `LATENCY` (the same, returning microseconds of single calls).
CPU seconds are those of this process and of children that it waited for.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import resource
import statistics
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

COLUMNS = {"t": "<i8", "mmsi": "<i4", "lat": "<f8", "lon": "<f8", "sog": "<f4"}


def columns(folder: str) -> dict[str, np.ndarray]:
    """Arrays of a sea: t (ms UTC), mmsi, lat, lon (degrees), sog (knots), in order of release."""
    return {name: np.fromfile(Path(folder) / f"{name}.bin", dtype) for name, dtype in COLUMNS.items()}


def mask(folder: str) -> np.ndarray:
    """int64[n, 2]: row and column of each cell of 0.01 degree that belongs to a port."""
    return np.fromfile(Path(folder) / "mask.bin", np.int64).reshape(-1, 2)


class Worker:
    """Answers jobs; keeps the last sea in memory."""

    def __init__(self, module: ModuleType) -> None:
        self.module, self.folder, self.sea = module, "", None

    def answer(self, job: dict[str, Any]) -> Any:
        """What a job asks for: `forget`, or one way (`run`, `latency`) on the sea in a folder."""
        if job["do"] == "forget" or job["folder"] != self.folder:
            self.folder, self.sea = "", None  # two seas at once would not be the peak memory of either
            gc.collect()
        if job["do"] == "forget":
            return {}
        if not self.folder:
            self.folder, self.sea = job["folder"], self.module.prepare(job["folder"])
        if job["do"] == "latency":
            taken_us = self.module.LATENCY[job["way"]](self.sea)
            cuts = statistics.quantiles(taken_us, n=100) if len(taken_us) > 1 else [None] * 99
            return {"calls": len(taken_us), "p50_us": cuts[49] and round(cuts[49], 2), "p99_us": cuts[98] and round(cuts[98], 2)}
        return self._run(self.module.WAYS[job["way"]])

    def _run(self, way: Any) -> dict[str, Any]:
        gc.collect()
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the highest-so-far starts anew (Linux)
        before_mib = _resident_mib("VmRSS")
        wall_s, cpu_s = time.perf_counter(), _cpu_s()
        answers = way(self.sea)
        wall_s, cpu_s = time.perf_counter() - wall_s, _cpu_s() - cpu_s
        return {"answers": answers, "cpu_s": cpu_s, "wall_s": wall_s, "grown_mib": max(0.0, _resident_mib("VmHWM") - before_mib)}


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _resident_mib(name: str) -> float:
    status = Path("/proc/self/status")
    return next((int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(name)), 0) / 1024 if status.exists() else 0.0


def main() -> None:
    """Say what there is, then answer until the input ends. What a contender prints goes to stderr."""
    answers, sys.stdout = sys.stdout, sys.stderr
    module = importlib.import_module(sys.argv[1])
    worker = Worker(module)
    print(json.dumps({"versions": module.versions(), "ways": list(module.WAYS)}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(worker.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
