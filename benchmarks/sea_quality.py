"""How true the simulated sea is: `make sea-quality` or `python -m benchmarks.sea_quality strait clean --minutes 60`.

Measures simulated seas and recordings alike (`sea_measures`), draws them side by side (`sea_plots`) into docs/images/sea-quality/
and writes the numbers into docs/sea-quality.md, between its two markers; the words around them are written by people.
Recordings are named by folder; what is said of them are statistics of many vessels. A recording that is absent is left out, and said.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import numpy as np

from benchmarks.sea_measures import Measures, ks, measure, variation
from ingest.decode import DecodeState, decode
from ingest.source_file import read_blocks
from ingest.tabular import TableState, decode_table
from sim.scenario import load_scenario, scenario_names, scenario_text
from sim.simulate import simulate

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT, PICTURES = ROOT / "docs" / "sea-quality.md", ROOT / "docs" / "images" / "sea-quality"
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"
SEED = 7
# Which recording is what; what a recording cannot show is left out of it: a table has no messages, a short one no long intervals.
RECORDINGS = {
    "nmea-dma-abnormal": ("ais-sample.txt.gz", "national network, 31 shore stations, 5 minutes"),
    "nmea-opencpn": ("Go_to_Guernesey.txt", "one yacht's receiver, 18 hours"),
    "nmea-gfw-listener satellite": ("nmea-with-tagblock.txt", "satellites, world-wide, 5 minutes"),
    "nmea-gfw-listener shore": ("nmea.txt", "one shore station, 10 minutes, no stamps"),
    "dec-solent": ("SolentAIS_20160112_130211.csv", "a table of positions, 84 minutes"),
}
NO_STAMPS = ("nmea-opencpn", "nmea-gfw-listener shore", "dec-solent")  # their receive time is not a receiver's stamp: no delay can be seen
TABLES = ("dec-solent",)
WORTH_TELLING = 0.005  # a smaller share is shown as 0
FEW = 30  # a distance between fewer values says nothing


def main(arguments: list[str] | None = None) -> int:
    """Measure, draw, write; 0."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seas", nargs="*", default=["strait", "dense-harbour", "archipelago"], help=f"scenarios: {', '.join(scenario_names())}")
    parser.add_argument("--minutes", type=float, default=60.0, help="simulated time of each")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("DOGWATCH_SHARED_DATA", ROOT.parent / "shared" / "data")))
    given = parser.parse_args(arguments)
    simulated = {f"sim {name}": of_lines(simulated_bytes(name, given.minutes)) for name in given.seas}
    recorded = {}
    for name, (file, _) in RECORDINGS.items():
        path = given.data / name.split()[0] / file
        if path.exists():
            recorded[name] = of_recording(name, path)
        else:
            print(f"{name}: no {file} there, left out", file=sys.stderr)
    from benchmarks.sea_plots import draw

    PICTURES.mkdir(parents=True, exist_ok=True)
    files = draw(simulated | recorded, set(simulated), PICTURES)
    head, rest = DOCUMENT.read_text(encoding="utf-8").split(BEGIN)
    text = measured_text(simulated, recorded, given.minutes) + "".join(f"\n![{file.stem}](images/sea-quality/{file.name})\n" for file in files)
    DOCUMENT.write_text(head + BEGIN + text + END + rest.split(END)[1], encoding="utf-8")
    print(f"{DOCUMENT} and {len(files)} pictures written")
    return 0


def simulated_bytes(name: str, minutes: float) -> bytes:
    """The first minutes of a shipped scenario."""
    return b"".join(chunk.data for chunk in simulate(load_scenario(scenario_text(name), file=name), SEED, duration_s=60.0 * minutes))


def of_lines(data: bytes) -> Measures:
    """Measures of sentences."""
    state = DecodeState("sea")
    batch = decode(state, data, final=True)
    return measure(batch, state.counts.decoded, data.splitlines())


def of_recording(name: str, path: Path) -> Measures:
    """Measures of a file, without those that it cannot show."""
    data = b"".join(read_blocks(path))
    if name in TABLES:
        batch = decode_table(TableState(name), data, final=True)
        found = measure(batch, {}, [])
        found.shares = {kind: {} for kind in found.shares}  # neither types nor classes nor static data
        found.samples["rate of turn told, |ROT|"] = np.empty(0)
        found.samples["receivers of a report"] = np.empty(0)
    else:
        found = of_lines(data)
    if name in NO_STAMPS:
        found.samples["delay of the stamp, s"] = np.empty(0)
    return found


def measured_text(simulated: dict[str, Measures], recorded: dict[str, Measures], minutes: float) -> str:
    """Tables: medians and tenths of every sample, shares, and the distance of each simulated sea from each recording."""
    seas = simulated | recorded
    lines = [f"Simulated: {minutes:g} minutes, seed {SEED}. In each cell the tenth, fiftieth and ninetieth hundredth, and how many values.", ""]
    lines += ["| measure | " + " | ".join(seas) + " |", "|---|" + "---|" * len(seas)]
    for name in next(iter(seas.values())).samples:
        lines.append(f"| {_words(name)} | " + " | ".join(_spread(m.samples[name]) for m in seas.values()) + " |")
    lines += [
        "",
        "Distance of the simulated sea from each recording, 0 (alike) to 1 (nothing in common): Kolmogorov-Smirnov for samples, total variation for shares.",
    ]
    for sea, mine in simulated.items():
        lines += ["", f"| {sea} against | " + " | ".join(recorded) + " |", "|---|" + "---|" * len(recorded)]
        lines += [
            f"| {_words(name)} | " + " | ".join(_distance(mine.samples[name], m.samples[name]) for m in recorded.values()) + " |" for name in mine.samples
        ]
        for name in ("messages by type", "vessels by class", "vessels by type", "status, class A"):
            lines.append(f"| {name} | " + " | ".join(f"{variation(mine.shares[name], m.shares[name]):.2f}" for m in recorded.values()) + " |")
    for panel, title in (("missing", "Share in which something is not available"), ("status, class A", "Vessels of class A by status (1 anchored, 5 moored)")):
        told = {name for m in seas.values() for name, share in m.shares[panel].items() if share >= WORTH_TELLING}
        names = sorted(told, key=lambda name: (name.isdigit() and len(name), name))
        lines += ["", f"| {title} | " + " | ".join(seas) + " |", "|---|" + "---|" * len(seas)]
        lines += [f"| {name} | " + " | ".join(_share(m.shares[panel], name) for m in seas.values()) + " |" for name in names]
    return "\n".join(lines).replace("nan", "") + "\n"


def _words(name: str) -> str:
    return name.replace("|ROT|", "absolute ROT").replace("|", "")


def _spread(values: np.ndarray) -> str:
    if not len(values):
        return ""
    low, middle, high = np.percentile(values, [10, 50, 90])
    return f"{low:.3g} **{middle:.3g}** {high:.3g} ({len(values)})"


def _distance(a: np.ndarray, b: np.ndarray) -> str:
    return f"{ks(a, b):.2f}" if min(len(a), len(b)) >= FEW else ""


def _share(shares: dict[str, float], name: str) -> str:
    return f"{100 * shares.get(name, 0.0):.0f} %" if shares else ""


if __name__ == "__main__":
    sys.exit(main())
