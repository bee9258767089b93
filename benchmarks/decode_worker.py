"""One decoder in a process of its own: jobs come in as JSON lines, measurements go out. May live here: clocks and memory of one
job. May not: decoders (each has a module, named on the command line), imports of ours: peers run this with nothing of ours installed.

The module offers `versions()`, `WAYS` (`"tier/output"` -> function of an Input and of `look`, which is shown every piece of
output; it returns the number of messages, or None where nobody counts), `ONE` (name -> function of one sentence, on a warm decoder) and, but for ours,
`messages(lines)`: (index of the line that completed it, fields) of every message, with `NAMES` saying how it calls a field.

CPU seconds are those of this process and of children that it waited for. The input stands in memory; a decoder that is a
program reads the same file from the page cache.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

CHUNK_BYTES = 65_536
Look = Callable[[Any], None]


class Input:
    """A corpus: in memory, and where it is a file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.data = Path(path).read_bytes()

    def chunks(self, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """The bytes, `size` at a time."""
        return (self.data[start : start + size] for start in range(0, len(self.data), size))


def measure(run: Callable[[Input, Look], int | None], source: Input, look: Look, least_s: float) -> dict[str, Any]:
    """One run: messages, CPU and wall seconds of a pass, and the highest resident memory while it ran (the input, `input_mib` of it, included).

    A pass that takes less than `least_s` is repeated until the run has taken that long; seconds are those of the mean pass.
    """
    gc.collect()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the highest-so-far starts anew (Linux)
    wall_begun_s, cpu_begun_s, passes, messages = time.perf_counter(), _cpu_s(), 0, None
    while passes == 0 or _cpu_s() - cpu_begun_s < least_s:
        messages = run(source, look)
        passes += 1
    wall_s, cpu_s = (time.perf_counter() - wall_begun_s) / passes, (_cpu_s() - cpu_begun_s) / passes
    return {"messages": messages, "cpu_s": cpu_s, "wall_s": wall_s, "peak_rss_mib": _peak_mib(), "input_mib": len(source.data) / 2**20}


def latency(one: Callable[[bytes], Any], lines: list[bytes]) -> dict[str, Any]:
    """Quantiles of single calls in microseconds, the clock's own cost (about 0.05) included."""
    for line in lines[:1000]:
        one(line)
    taken_ns = []
    for line in lines:
        begun_ns = time.perf_counter_ns()
        one(line)
        taken_ns.append(time.perf_counter_ns() - begun_ns)
    cuts = statistics.quantiles(taken_ns, n=100)
    return {"calls": len(lines), "p50_us": round(cuts[49] / 1000, 3), "p99_us": round(cuts[98] / 1000, 3)}


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak_mib() -> float:
    status = Path("/proc/self/status")
    own = next((int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")), 0) if status.exists() else 0
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


class Worker:
    """Answers jobs; keeps the last corpus in memory."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.source: Input | None = None

    def answer(self, job: dict[str, Any]) -> Any:
        """What a job asks for."""
        if job["do"] == "run":
            return self._run(job)
        if job["do"] == "latency":
            lines = [line for line in Path(job["path"]).read_bytes().splitlines(keepends=True) if line[6:].startswith(b",1,1,")][: job["calls"]]
            return {name: latency(one, lines) for name, one in self.module.ONE.items()}
        from benchmarks.peers_columns import save_messages

        return save_messages(self.module, Path(job["path"]).read_bytes().splitlines(keepends=True)[: job["lines"]], job["out"])

    def _run(self, job: dict[str, Any]) -> dict[str, Any]:
        if self.source is None or self.source.path != job["path"]:
            self.source = None  # two corpora at once would not be peak memory of either
            self.source = Input(job["path"])
        run, positions = self.module.WAYS[job["way"]], [0]
        if not job["account"]:
            return measure(run, self.source, lambda _: None, job["least_s"])

        def look(piece: Any) -> None:
            positions[0] += self.module.positions(piece)

        return measure(run, self.source, look, 0.0) | {"positions": positions[0]}


def main() -> None:
    """Say what there is, then answer until the input ends. What a decoder prints goes to stderr."""
    answers, sys.stdout = sys.stdout, sys.stderr
    module = importlib.import_module(sys.argv[1])
    worker = Worker(module)
    print(json.dumps({"versions": module.versions(), "ways": list(module.WAYS), "one": list(module.ONE)}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(worker.answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
