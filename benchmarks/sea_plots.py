"""Pictures of seas side by side: cumulative distributions and bars. May live here: drawing with matplotlib. May not: files to read, measures.

Needs the extra `report`: `pip install -e '.[report]'`, which `make sea-quality` does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sea_measures import BANDS, Measures

RANGES = {
    "speed, kn": 30.0,
    "change of course in a minute, deg": 30.0,
    "receivers of a report": 8.0,
    "delay of the stamp, s": 20.0,
    "lines between two parts": 20.0,
}
PICTURES: dict[str, tuple[int, list[str]]] = {
    "intervals": (3, [f"interval {band}, s" for band in BANDS]),
    "motion": (3, ["speed, kn", "change of course in a minute, deg", "rate of turn told, |ROT|"]),
    "reception": (3, ["receivers of a report", "delay of the stamp, s", "lines between two parts"]),
    "mix": (3, ["messages by type", "vessels by type", "vessels by class"]),
    "values": (2, ["status, class A", "missing"]),
}
BARS_MAX = 12
SIMULATED = "-"  # line style; recordings are dashed
PALETTE = ("#b5442c", "#1d6996", "#5f9e45", "#8a5fa8", "#c98b1c", "#3a3a3a", "#1f9e9b", "#a0527d", "#7a6a2f", "#4b5fd0")


def draw(seas: dict[str, Measures], simulated: set[str], folder: Path) -> list[Path]:
    """One PNG for each entry of PICTURES; the files come back. Same input, same pictures."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    colours = dict(zip(seas, PALETTE * 3, strict=False))
    files = []
    for name, (columns, panels) in PICTURES.items():
        rows = -(-len(panels) // columns)
        figure, axes = plt.subplots(rows, columns, figsize=(4.2 * columns, 3.1 * rows), squeeze=False)
        for axis, panel in zip(axes.flat, panels, strict=False):
            axis.set_title(panel, fontsize=9)
            axis.tick_params(labelsize=7)
            if panel in next(iter(seas.values())).samples:
                _curves(axis, panel, seas, simulated, colours)
            else:
                _bars(axis, panel, seas, simulated, colours)
        handles, labels = axes.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=min(4, len(labels)), fontsize=7, frameon=False)
        figure.tight_layout(rect=(0, 0.03 + 0.05 * -(-len(labels) // 4) / rows, 1, 1))
        files.append(folder / f"{name}.png")
        figure.savefig(files[-1], dpi=75, metadata={"Software": None})
        plt.close(figure)
    return files


def _curves(axis: Any, panel: str, seas: dict[str, Measures], simulated: set[str], colours: dict[str, str]) -> None:
    """Cumulative distributions, thinned to what a picture can show."""
    top = RANGES.get(panel, 0.0)
    for sea, measures in seas.items():
        values = np.sort(measures.samples[panel])
        at = np.linspace(0, max(len(values) - 1, 0), min(len(values), 400)).astype(int)
        axis.step(values[at], (at + 1) / max(len(values), 1), where="post", color=colours[sea], lw=1.2, ls=SIMULATED if sea in simulated else "--", label=sea)
    if panel.startswith("interval"):
        axis.set_xscale("log")
        axis.set_xlim(1, 400)
    elif top:
        axis.set_xlim(-2 if "delay" in panel else 0, top)
    axis.set_ylim(0, 1.01)
    axis.grid(alpha=0.3)


def _bars(axis: Any, panel: str, seas: dict[str, Measures], simulated: set[str], colours: dict[str, str]) -> None:
    names = sorted({name for m in seas.values() for name in m.shares[panel]}, key=lambda n: -max(m.shares[panel].get(n, 0.0) for m in seas.values()))[:BARS_MAX]
    width = 0.85 / len(seas)
    for k, (sea, measures) in enumerate(seas.items()):
        heights = [measures.shares[panel].get(name, 0.0) for name in names]
        hatch = "" if sea in simulated else "////"
        axis.bar(np.arange(len(names)) + k * width, heights, width, color=colours[sea], label=sea, hatch=hatch, edgecolor="white", lw=0.3)
    axis.set_xticks(np.arange(len(names)) + 0.4, names, rotation=35, ha="right", fontsize=6)
    axis.grid(alpha=0.3, axis="y")
