"""Bytes to alerts, end to end, beside pyais decoding alone: `make bench` or `python -m benchmarks.pipeline --rounds 5`.

One simulated recording (seeded) or files that you name. Peer and ours take turns in one process on one pinned core; medians
of CPU time; versions and machine are printed and stored as JSON. pyais only decodes, ours also tracks, detects and scores:
the ratio is a floor.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyais

from dogwatch import __version__
from ingest.decode import DecodeState, decode
from runners.engine import Engine
from runners.lane import Lane
from runners.rules import read_rules
from runners.step import Rules

CHUNK_BYTES = 65_536


def simulated(seconds: float) -> bytes:
    """A simulated strait of so many seconds."""
    from sim.scenario import load_scenario, scenario_text
    from sim.simulate import simulate

    scenario = load_scenario(scenario_text("strait"), file="strait")
    return b"".join(chunk.data for chunk in simulate(scenario, 1, duration_s=seconds))


def decode_ours(data: bytes) -> int:
    """Bytes -> columns."""
    state = DecodeState("bench")
    for start in range(0, len(data), CHUNK_BYTES):
        decode(state, data[start : start + CHUNK_BYTES])
    decode(state, b"", final=True)
    return sum(state.counts.decoded.values())


@cache
def rules() -> Rules:
    """What decides; read in the first round, which is not counted."""
    return read_rules("border", [])


def pipeline_ours(data: bytes) -> int:
    """Bytes -> alerts."""
    engine = Engine(rules(), [Lane("bench", lateness_ms=120_000)])
    for start in range(0, len(data), CHUNK_BYTES):
        engine.feed("bench", data[start : start + CHUNK_BYTES])
    engine.feed("bench", b"", final=True)
    engine.end()
    return sum(engine.counts().decoded.values())


def decode_pyais(data: bytes) -> int:
    """Bytes -> pyais message objects."""
    messages = 0
    for sentence in pyais.IterMessages(line for line in data.splitlines() if line):
        try:
            sentence.decode()
        except pyais.exceptions.AISBaseException:
            continue
        messages += 1
    return messages


def measure(contenders: dict[str, Callable[[bytes], int]], data: bytes, rounds: int) -> dict[str, Any]:
    """CPU seconds per contender, taking turns; the first round is warm-up and not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    messages: dict[str, int] = {}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            begun = time.process_time()
            messages[name] = run(data)
            if number:
                seconds[name].append(time.process_time() - begun)
    return {
        name: {
            "messages": messages[name],
            "cpu_s_median": round(statistics.median(values), 4),
            "cpu_s_min": round(min(values), 4),
            "cpu_s_max": round(max(values), 4),
            "messages_per_cpu_s": round(messages[name] / statistics.median(values)),
        }
        for name, values in seconds.items()
    }


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = next(
        (line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.processor()
    )
    versions = {name: version(name) for name in ("numpy", "numba", "pyais")}
    return {"cpu": model, "python": platform.python_version(), "dogwatch": __version__, **versions, "pinned_core": sorted(os.sched_getaffinity(0))}


def main() -> None:
    """Run, print, store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="recordings (plain or .gz); default: a simulated strait")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1200.0, help="length of the simulated recording")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/pipeline.json"))
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    inputs = {path.name: gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes() for path in options.files}
    inputs = inputs or {"simulated strait": simulated(options.seconds)}
    contenders = {"pyais: decode": decode_pyais, "dogwatch: decode to columns": decode_ours, "dogwatch: bytes to alerts": pipeline_ours}
    report: dict[str, Any] = {"machine": machine(), "rounds": options.rounds, "inputs": {}}
    print(json.dumps(report["machine"]))
    for name, data in inputs.items():
        result = measure(contenders, data, options.rounds)
        report["inputs"][name] = {"bytes": len(data), "results": result}
        print(f"\n{name}: {len(data):,} bytes, {options.rounds} rounds, one pinned core, CPU time")
        peer = result["pyais: decode"]["messages_per_cpu_s"]
        for contender, row in result.items():
            print(f"  {contender:30} {row['messages_per_cpu_s']:>12,} messages/CPU-s  x{row['messages_per_cpu_s'] / peer:6.1f}   {row['messages']:,} messages")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
