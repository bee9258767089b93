"""Benchmark of the detectors: ours and peers interleaved on one pinned core: `make bench-tracks` or `python -m benchmarks.tracks --help`.

May live here: the seas, the order of the runs, what is derived from them. May not: detectors or queries (`tracks_ours.py`, `peers_*.py`),
how seas are made (`tracks_seas.py`), words about the figures (`tracks_report.py`).

Every contender has a process of its own (`tracks_worker.py`); all stand on one core and only one works at a time. A sea is brought into
memory untimed; a round is every way of every contender once. What is measured, and how to read it, is in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.contender import PEERS, ROOT, Contender, machine, spread
from benchmarks.tracks_lines import lines_of
from benchmarks.tracks_ours import LINES
from benchmarks.tracks_report import conclusions, show
from benchmarks.tracks_seas import Recipe, Sea, write_sea

OURS = "dogwatch"
MODULES = {OURS: (Path(sys.executable), "benchmarks.tracks_ours")} | {
    name: (PEERS / name / "bin" / "python", f"benchmarks.peers_{name}") for name in ("duckdb", "polars", "movingpandas")
}
REMEDY = "`make bench-tracks` installs it from PyPI"
ENCOUNTERS = [f"rendezvous {which}, {seconds} s" for which in ("masked", "unmasked") for seconds in (600, 60)]
DAY_WAYS = {
    OURS: ["table", "track", "rendezvous masked", "rendezvous unmasked", "everything"],
    "duckdb": ["segments", "track", *ENCOUNTERS],
    "polars": ["segments", "track", *ENCOUNTERS[::2]],
    "movingpandas": ["segments", "track"],
}
MILLION_WAYS = {OURS: ["track", "everything"], "duckdb": ["segments", "track"]}
DENSE_WAYS = {OURS: ["rendezvous unmasked"], "duckdb": ENCOUNTERS[2:], "polars": ENCOUNTERS[2:]}
SEA_WAYS = {"day": DAY_WAYS, "million": MILLION_WAYS, "dense": DENSE_WAYS}
CALLS = ("track", "everything", "ticks, track", "ticks, everything")
PARTS = (*SEA_WAYS, "each", "bytes", "memory", "latency", "doubling")
# seas of six hours: what is planted must fit into them
SIX = Recipe("half", 10_000, 6.0, 40, 0.5, 100, 150, 250, meeting_hours=(1.0, 2.0), drift_hours=(1.5, 3.0), gap_hours=(1.0, 2.0))
DOUBLED = {
    "vessels": replace(SIX, name="twice-vessels", vessels=20_000, harbours=80, area=1.0, rendezvous=200, loiterers=300, gaps=500),
    "density": replace(SIX, name="twice-density", vessels=20_000, rendezvous=200, loiterers=300, gaps=500),
    "gaps": replace(SIX, name="twice-gaps", gaps=500),
}


def recipes(*, quick: bool) -> dict[str, Recipe]:
    """The seas by their part in the report; quick: a tenth of the vessels, hours instead of a day."""
    dense = Recipe("dense", 2000, 6.0, dense=True, jumps=0.0)
    found = {"day": Recipe("day"), "million": Recipe("million", 1_000_000, 0.5, rendezvous=0, loiterers=0, gaps=0), "dense": dense}
    found |= {"half dense": replace(dense, name="half-dense", vessels=1000), "half": SIX} | {f"twice {name}": recipe for name, recipe in DOUBLED.items()}
    return {part: _small(recipe) for part, recipe in found.items()} if quick else found


def _small(recipe: Recipe) -> Recipe:
    fewer = {name: getattr(recipe, name) // 10 for name in ("vessels", "rendezvous", "loiterers", "gaps")}
    hours = {"day": 12.0, "million": 0.5}.get(recipe.name, 5.0)
    return replace(recipe, name=f"quick-{recipe.name}", hours=hours, **fewer)


def measure(contenders: dict[str, Contender], folder: Path, ways: dict[str, list[str]], rounds: int, title: str) -> dict[str, list[dict[str, Any]]]:
    """Runs by "contender: way" on one sea: every way of every contender once a round, after each has brought the sea into memory."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for number in range(rounds):
        for name, contender in contenders.items():
            for way in ways.get(name, ()):
                runs.setdefault(f"{name}: {way}", []).append(contender.ask(do="run", folder=str(folder), way=way))
        print(f"{title}: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    for contender in contenders.values():
        contender.ask(do="forget")
    return runs


def rows_of(part: str, sea: Sea, runs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Rows of results of one sea. Positions are those that the contender was given."""
    rows = []
    for key, measured in runs.items():
        contender, way = key.split(": ", 1)
        answers = dict(measured[-1]["answers"])
        positions = answers.pop("positions", sea.rows)
        cpu_s = spread([run["cpu_s"] for run in measured])
        own = [run["answers"].get("own_cpu_s", {}) for run in measured]
        row = {
            "sea": part,
            "contender": contender,
            "way": way,
            "positions": positions,
            "m_per_cpu_s": round(positions / cpu_s["median"] / 1e6, 3),
            "m_per_cpu_s_best": round(positions / cpu_s["min"] / 1e6, 3),
            "cpu_s": cpu_s,
            "wall_s": spread([run["wall_s"] for run in measured]),
            "grown_mib": round(max(run["grown_mib"] for run in measured)),
        }
        if own[0]:
            row["own_cpu_s"] = {name: spread([each[name] for each in own]) for name in own[0]}
            answers.pop("own_cpu_s")
        rows.append(row | {"answers": answers})
    return rows


def bytes_to_alerts(ours: Contender, sea: Sea, hours: float, rounds: int) -> dict[str, Any]:
    """The first hours of a sea as sentences, from bytes to columns and to alerts."""
    (sea.folder / LINES).write_bytes(lines_of(sea, hours))
    ways = {OURS: ["bytes to columns", "bytes to alerts"]}
    runs = measure({OURS: ours}, sea.folder, ways, rounds + 1, "bytes to alerts, the first to warm up")
    told = {}
    for key, measured in runs.items():
        cpu_s = spread([run["cpu_s"] for run in measured[1:]])
        answers = measured[-1]["answers"]
        told[key.split(": ")[1]] = answers | {"cpu_s": cpu_s, "m_per_cpu_s": round(answers["messages"] / cpu_s["median"] / 1e6, 3)}
    return told


def doubling(ours: Contender, seas: dict[str, Sea], rounds: int) -> list[dict[str, Any]]:
    """What twice as much of one thing costs: medians of CPU seconds, once against twice, in turns."""
    pairs = [(name, ("half", "everything"), (f"twice {name}", "everything")) for name in DOUBLED]
    pairs += [("zones", ("half", "everything"), ("half", "everything, zones doubled"))]
    pairs += [("density, unmasked harbour", ("half dense", "rendezvous unmasked"), ("dense", "rendezvous unmasked"))]
    jobs = dict.fromkeys(job for _, *both in pairs for job in both)
    cpu_s: dict[tuple[str, str], list[float]] = {job: [] for job in jobs}
    for number in range(rounds):
        for part, way in jobs:
            ran = ours.ask(do="run", folder=str(seas[part].folder), way=way)
            cpu_s[part, way].append(ran["cpu_s"] / ran["answers"]["minutes"] * seas[part].recipe.hours * 60)  # a run may stop early
        print(f"doubling: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    ours.ask(do="forget")
    return [
        {
            "what": name,
            "once": spread(cpu_s[once]),
            "twice": spread(cpu_s[twice]),
            "times": round(statistics.median(cpu_s[twice]) / statistics.median(cpu_s[once]), 2),
        }
        for name, once, twice in pairs
    ]


def zones_beside_shapely(*, quick: bool) -> dict[str, Any]:
    """What `benchmarks.zones` reports, in a process of its own; {} where there is none."""
    out = ROOT / ".cache" / "bench-tracks" / "zones.json"
    if not (ROOT / "benchmarks" / "zones.py").exists():
        return {}
    out.unlink(missing_ok=True)
    done = subprocess.run([sys.executable, "-m", "benchmarks.zones", "--out", str(out), *(["--rounds", "1"] if quick else [])], cwd=ROOT, check=False)
    return json.loads(out.read_text()) if out.exists() else {"absent": f"benchmarks.zones ended with {done.returncode}"}


def report(contenders: dict[str, Contender], seas: dict[str, Sea], options: argparse.Namespace) -> dict[str, Any]:
    """Everything that is measured, as it stands in the JSON."""
    told: dict[str, Any] = {"machine": machine(), "rounds": options.rounds, "quick": options.quick}
    told["contenders"] = {
        name: {"absent": contender.absent, "remedy": REMEDY} if contender.absent else contender.hello["versions"] for name, contender in contenders.items()
    }
    present = {name: contender for name, contender in contenders.items() if not contender.absent}
    ours = present[OURS]
    told["seas"] = {part: {"vessels": sea.recipe.vessels, "hours": sea.recipe.hours, "positions": sea.rows} for part, sea in seas.items()}
    told["planted"] = {name: len(found) for name, found in seas["day"].facts.items()}
    told["results"] = []
    for part, ways in SEA_WAYS.items():
        if part not in options.parts:
            continue
        told["results"] += rows_of(part, seas[part], measure(present, seas[part].folder, ways, options.rounds, part))
    each = measure({OURS: ours}, seas["day"].folder, {OURS: ["each detector"]}, 1, "each detector") if "each" in options.parts else {}
    told["each_detector"] = (rows_of("day", seas["day"], each) or [{}])[0]
    told["bytes_to_alerts"] = bytes_to_alerts(ours, seas["day"], 0.5 if options.quick else 2.0, options.rounds) if "bytes" in options.parts else {}
    told["memory"] = ours.ask(do="run", folder=str(seas["million"].folder), way="memory") if "memory" in options.parts else {}
    ours.ask(do="forget")
    calls = CALLS if "latency" in options.parts else ()
    told["latency"] = {way: ours.ask(do="latency", folder=str(seas["half"].folder), way=way) for way in calls}
    told["doubling"] = doubling(ours, seas, options.rounds) if "doubling" in options.parts else []
    apart = {"measured apart": "benchmarks/results/zones.json"}
    told["zones"] = apart if options.without_zones else zones_beside_shapely(quick=options.quick)
    told["machine"]["load_1_min_after"] = round(os.getloadavg()[0], 2)
    return told | conclusions(told)


def main() -> int:
    """Make the seas, run, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, help="default: 5, quick: 1")
    parser.add_argument("--quick", action="store_true", help="a tenth of the vessels, one round: a look, no figure to quote")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS), help=f"of {', '.join(PARTS)}; what is left out is not measured")
    parser.add_argument("--without-zones", action="store_true", help="do not run benchmarks.zones after it")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(MODULES), help="contenders, separated by commas")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench-tracks", help="where the seas are kept (about 6 GB)")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/tracks.json; quick: none")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 5)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    seas = {part: write_sea(recipe, options.cache) for part, recipe in recipes(quick=options.quick).items()}
    contenders = {name: Contender(name, *MODULES[name], worker="benchmarks.tracks_worker") for name in MODULES if name in (OURS, *options.only)}
    told = report(contenders, seas, options)
    for contender in contenders.values():
        contender.close()
    show(told)
    out = options.out or (None if options.quick else ROOT / "benchmarks" / "results" / "tracks.json")
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(told, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
