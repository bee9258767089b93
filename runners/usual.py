"""Which speeds the model of normal traffic knows of a place and class, for the page. May live here: that reading of its counts. May not: judging (risk/)."""

from __future__ import annotations

from typing import Any

import numpy as np

from risk.normality import BINS, CELL_VESSELS_MIN, GROUPS, OCTANTS, SIZES, SPEED_EDGES_KN, SPEEDS, TYPE_NAMES, Normality, cell_of, group_of

FLOOR_KN = 0.5  # the model counts vessels under way


def usual_speeds(model: Normality, lat: float, lon: float, ship_type: int, length_m: int) -> dict[str, Any] | None:
    """The speeds (kn) of the middle half of the vessels of a type in the 0.1 degree cell of a place: `what`, `low_kn`, `high_kn`, `vessels`.

    The model knows classes of speed, so both are edges of one; `high_kn` is None above the last. None where fewer than 20 of the type were heard there.
    length_m is not asked: sizes are taken together.
    """
    kind = int(group_of(np.int64(ship_type), np.int64(length_m))) // SIZES
    cell = int(cell_of(np.float64(lat), np.float64(lon)))
    first, last = np.searchsorted(model.keys, [cell * GROUPS * BINS, (cell + 1) * GROUPS * BINS])
    heard = np.zeros(GROUPS * BINS)
    heard[model.keys[first:last] - cell * GROUPS * BINS] = model.counts[first:last]
    by_speed = heard.reshape(-1, SIZES, OCTANTS, SPEEDS)[kind].sum(axis=(0, 1))
    total = by_speed.sum()
    if total < CELL_VESSELS_MIN:
        return None
    reached = np.cumsum(by_speed) / total
    low, high = (int(np.searchsorted(reached, share, side="left")) for share in (0.25, 0.75))
    edges = [FLOOR_KN, *SPEED_EDGES_KN.tolist()]
    return {"what": TYPE_NAMES[kind], "low_kn": edges[low], "high_kn": edges[high + 1] if high + 1 < len(edges) else None, "vessels": int(total)}
