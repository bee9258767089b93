"""Decode benchmark: ours and peers interleaved on one pinned core: `make bench-decode` or `python -m benchmarks.decode --help`.

May live here: the order of the runs. May not: decoders (`decode_ours.py`, `peers_*.py`), corpora, words about the figures.

Every decoder has a process of its own (`decode_worker.py`), so that licences, memory and libraries stay apart; all of them stand
on one core and only one works at a time. A round is: each corpus, each way of each decoder, once. A pass before them counts
positions and warms up. What is measured, and how to read it, is in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contender import PEERS, ROOT, Contender, machine, spread
from benchmarks.decode_agree import compare, read_ours
from benchmarks.decode_corpus import NAMES, Corpus, build
from benchmarks.decode_report import conclusions, show
from benchmarks.decode_start import start_of_ours, start_of_peer

MODULES = {
    "dogwatch": (Path(sys.executable), "benchmarks.decode_ours"),
    "aiscat": (PEERS / "aiscat" / "bin" / "python", "benchmarks.peers_aiscat"),
    "libais": (PEERS / "libais" / "bin" / "python", "benchmarks.peers_libais"),
    "gpsdecode": (Path(sys.executable), "benchmarks.peers_gpsdecode"),
    "pyais": (Path(sys.executable), "benchmarks.peers_pyais"),
}
REMEDY = {
    "aiscat": "`make bench-decode` installs it from PyPI",
    "libais": "`make bench-decode` builds it from PyPI; needs a C++ compiler",
    "gpsdecode": "Debian and Ubuntu: apt-get install gpsd-clients",
}
LATENCY_CALLS = 20_000
AGREED_CORPORA = ("plain", "dirty", "multipart")
TIERS = ("columns", "dicts", "records", "bare")


def count_positions(decoders: list[Contender], corpora: list[Corpus]) -> dict[tuple[str, str], int]:
    """Positions by corpus and decoder, from a pass that is not timed; it also warms everybody up."""
    found = {}
    for corpus in corpora:
        for decoder in decoders:
            way = next(way for way in decoder.hello["ways"] if way.startswith("columns/"))
            found[corpus.name, decoder.name] = decoder.ask(do="run", way=way, path=str(corpus.path), account=True)["positions"]
    return found


def measure(decoders: list[Contender], corpora: list[Corpus], rounds: int, least_s: float) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """Runs by corpus, way and decoder: every way of every decoder on every corpus, once a round."""
    runs: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for number in range(rounds):
        for corpus in corpora:
            for decoder in decoders:
                for way in decoder.hello["ways"]:
                    run = decoder.ask(do="run", way=way, path=str(corpus.path), account=False, least_s=least_s)
                    runs.setdefault((corpus.name, way, decoder.name), []).append(run)
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return runs


def summary(key: tuple[str, str, str], runs: list[dict[str, Any]], lines: int, positions: int | None) -> dict[str, Any]:
    """One row of results: medians and extremes over the rounds."""
    corpus, way, decoder = key
    tier, output = way.split("/", 1)
    cpu_s, wall_s = ([run[name] for run in runs] for name in ("cpu_s", "wall_s"))
    return {
        "corpus": corpus,
        "tier": tier,
        "decoder": decoder,
        "output": output,
        "lines_per_cpu_s": round(lines / statistics.median(cpu_s)),
        "cpu_s": spread(cpu_s),
        "wall_s": spread(wall_s),
        "messages": runs[-1]["messages"],
        "positions": positions,
        "peak_rss_mib": round(max(run["peak_rss_mib"] for run in runs)),
        "input_mib": round(runs[-1]["input_mib"]),
    }


def agreement(decoders: list[Contender], corpora: list[Corpus]) -> dict[str, Any]:
    """Every peer against ours, message by message, on the recordings once: clean, with faults, and parts alone."""
    told: dict[str, Any] = {}
    for corpus in corpora:
        if corpus.name not in AGREED_CORPORA:
            continue
        lines = corpus.path.read_bytes().splitlines(keepends=True)[: corpus.base_lines]
        ours = read_ours(lines)
        told[corpus.name] = {"lines": len(lines), "dogwatch": {"messages": len(ours.keys)}}
        for decoder in decoders:
            if decoder.name == "dogwatch":
                continue
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "rows.npy"
                decoder.ask(do="messages", path=str(corpus.path), lines=len(lines), out=str(out))
                told[corpus.name][decoder.name] = compare(ours, np.load(out), decoder.name)
    return told


def report(decoders: list[Contender], corpora: list[Corpus], rounds: int, start_times: int, least_s: float) -> dict[str, Any]:
    """Everything that is measured, as it stands in the JSON."""
    present = [decoder for decoder in decoders if not decoder.absent]
    told: dict[str, Any] = {"machine": machine(), "rounds": rounds}
    told["decoders"] = {d.name: {"absent": d.absent, "remedy": REMEDY.get(d.name, "")} if d.absent else d.hello["versions"] for d in decoders}
    told["corpora"] = {corpus.name: {"lines": corpus.lines, "bytes": corpus.bytes} for corpus in corpora}
    positions = count_positions(present, corpora)
    lines = {corpus.name: corpus.lines for corpus in corpora}
    rows = []
    for key, runs in measure(present, corpora, rounds, least_s).items():
        corpus, way, name = key
        rows.append(summary(key, runs, lines[corpus], positions[corpus, name] if way.startswith("columns/") else None))
    told["results"] = sorted(rows, key=lambda row: (NAMES.index(row["corpus"]), TIERS.index(row["tier"]), -row["lines_per_cpu_s"]))
    told["machine"]["load_1_min_after"] = round(os.getloadavg()[0], 2)
    told["agreement"] = agreement(present, corpora)
    told["one_sentence"] = {d.name: d.ask(do="latency", path=str(corpora[0].path), calls=LATENCY_CALLS) for d in present if d.hello["one"]}
    told["start"] = {"dogwatch": start_of_ours(MODULES["dogwatch"][0], ROOT, start_times)} if start_times else {}
    told["start"] |= {d.name: found for d in present if start_times and (found := start_of_peer(d.name, d.python, ROOT, start_times))}
    return told | conclusions(told)


def main() -> int:
    """Build, run, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, default=1_000_000, help="of the plain and the tagged corpus; the others have a quarter")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(MODULES), help="decoders, separated by commas")
    parser.add_argument("--corpora", type=lambda text: text.split(","), default=list(NAMES), help="corpora, separated by commas")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DOGWATCH_SHARED_DATA") or ROOT.parent / "shared" / "data"))
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench-decode", help="where the corpora are kept")
    parser.add_argument("--start-times", type=int, default=3, help="cold starts to take the median of; 0: none")
    parser.add_argument("--least-s", type=float, default=0.5, help="CPU time of a run: on a shared machine one pass of a twentieth of a second says little")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "decode.json")
    options = parser.parse_args()
    try:
        corpora = [corpus for corpus in build(options.data, options.cache, options.lines) if corpus.name in options.corpora]
    except FileNotFoundError as fault:
        print(f"{fault}; set DOGWATCH_SHARED_DATA to the folder that holds them", file=sys.stderr)
        return 2
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    decoders = [Contender(name, *MODULES[name], worker="benchmarks.decode_worker") for name in MODULES if name in options.only]
    told = report(decoders, corpora, options.rounds, options.start_times, options.least_s)
    for decoder in decoders:
        decoder.close()
    show(told)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(told, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
