"""Where we hear: a learned coverage model as a map for people. May hold: finding the model, the picture, GeoJSON. May not: learn.

One character is one cell of 0.1 degree (or several, where the sea is wide): how large a share of the 5-minute blocks of vessels
under way was heard there. Blank: nobody has sailed there in hearing; a dot: too little to judge a silence by.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dogwatch import blob
from dogwatch.batch import UNITS_PER_DEG
from dogwatch.errors import InputError
from runners.rules import COVERAGE_SCHEMA, WHOLE_COVERAGE
from runners.step import restore
from tracks.coverage import CELL_UNITS, Coverage, cells_of
from tracks.params import Dark

LEARNED_BLOCKS = Dark().blocks_learned_min
SHADES = ((0.9, "█"), (0.7, "▓"), (0.4, "▒"), (0.0, "░"))
WIDTH_MAX = 70  # characters: with the latitudes beside them they fit a terminal of 80
REMEDY = "name the --out folder of a replay, the data folder of a live run, or a coverage file"
CELL_DEG = CELL_UNITS / UNITS_PER_DEG


@dataclass(slots=True)
class Heard:
    """Cells of one receiver and class: south-west corner in degrees, blocks heard and missed (faded counts)."""

    receiver: str
    ais_class: str
    lat_deg: np.ndarray
    lon_deg: np.ndarray
    heard: np.ndarray
    missed: np.ndarray


def load_coverage(path: Path) -> Coverage:
    """The model in a coverage file, a run's state file, or the folder of a run. Raises InputError."""
    if path.is_dir():
        whole = path / "state" / WHOLE_COVERAGE
        states = [whole] if whole.exists() else sorted([*path.glob("*.state"), *path.glob("state/*.state")])
        if not states:
            raise InputError(f"{path} holds no state of a run", remedy=REMEDY)
        path = states[-1]
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise InputError(f"cannot read {path}: {fault.strerror}", remedy=REMEDY) from fault
    try:
        return Coverage.from_sections(blob.unpack(data, schema=COVERAGE_SCHEMA))
    except (InputError, KeyError):
        pass
    try:
        return Coverage.from_sections(restore(data)["engine"]["watch"]["track"]["coverage"])
    except KeyError as fault:
        raise InputError(f"{path} holds no coverage", remedy=REMEDY) from fault
    except InputError as fault:
        raise InputError(f"{path}: {fault.what}", remedy=REMEDY) from fault


def heard_by(coverage: Coverage) -> list[Heard]:
    """One entry for each receiver and class that has learned anything, in order of the receivers."""
    group, class_b, lat, lon = cells_of(coverage.keys)
    found = []
    for number, name in enumerate(coverage.groups):
        for code, letter in ((0, "A"), (1, "B")):
            mine = (group == number) & (class_b == code)
            if mine.any():
                found.append(Heard(name, letter, lat[mine] / UNITS_PER_DEG, lon[mine] / UNITS_PER_DEG, coverage.heard[mine], coverage.missed[mine]))
    return found


def picture(cells: Heard) -> Iterable[str]:
    """Lines of the map, north on top, with latitudes at the left and longitudes below."""
    column = np.round(cells.lon_deg / CELL_DEG).astype(int)
    if column.max() - column.min() > 1800:  # across the date line
        column = column % 3600
    row = np.round(cells.lat_deg / CELL_DEG).astype(int)
    west, south = int(column.min()), int(row.min())
    step = max(1, -(-(int(column.max()) - west + 1) // WIDTH_MAX))
    shape = ((int(row.max()) - south) // step + 1, (int(column.max()) - west) // step + 1)
    heard, missed = np.zeros(shape), np.zeros(shape)
    np.add.at(heard, ((row - south) // step, (column - west) // step), cells.heard)
    np.add.at(missed, ((row - south) // step, (column - west) // step), cells.missed)
    for r in reversed(range(shape[0])):
        yield f"{(south + r * step) * CELL_DEG:7.1f} |" + "".join(_shade(h, m) for h, m in zip(heard[r], missed[r], strict=True)).rstrip()
    ends_deg = west * CELL_DEG, (west + shape[1] * step) * CELL_DEG
    western, eastern = (f"{deg - (360 if deg > 180 else 0):.1f}" for deg in ends_deg)
    yield f"{'':8}{western} {eastern:>{max(1, shape[1] - 1)}}"


def _shade(heard: float, missed: float) -> str:
    blocks = heard + missed
    if blocks == 0:
        return " "
    if blocks < LEARNED_BLOCKS:
        return "·"
    return next(shade for share, shade in SHADES if heard / blocks >= share)


def features(cells: Iterable[Heard]) -> dict[str, Any]:
    """GeoJSON: a square for each cell, with receiver, class, blocks heard and missed, and their share."""
    found = []
    for one in cells:
        for lat, lon, heard, missed in zip(one.lat_deg.tolist(), one.lon_deg.tolist(), one.heard.tolist(), one.missed.tolist(), strict=True):
            corners = [(lon, lat), (lon + CELL_DEG, lat), (lon + CELL_DEG, lat + CELL_DEG), (lon, lat + CELL_DEG), (lon, lat)]
            ring = [[round(x, 6), round(y, 6)] for x, y in corners]
            found.append(
                {
                    "type": "Feature",
                    "geometry": {"type": "Polygon", "coordinates": [ring]},
                    "properties": {
                        "receiver": one.receiver,
                        "ais_class": one.ais_class,
                        "heard_blocks": round(heard, 2),
                        "missed_blocks": round(missed, 2),
                        "heard_share": round(heard / (heard + missed), 3),
                        "learned": heard + missed >= LEARNED_BLOCKS,
                    },
                }
            )
    return {"type": "FeatureCollection", "features": found}


def summary(cells: Iterable[Heard]) -> list[dict[str, Any]]:
    """For each receiver and class: cells, learned cells, share heard in these."""
    rows = []
    for one in cells:
        learned = one.heard + one.missed >= LEARNED_BLOCKS
        blocks = float((one.heard + one.missed)[learned].sum())
        share = round(float(one.heard[learned].sum()) / blocks, 3) if blocks else None
        rows.append({"receiver": one.receiver, "ais_class": one.ais_class, "cells": len(one.heard), "learned_cells": int(learned.sum()), "heard_share": share})
    return rows
