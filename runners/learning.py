"""`dogwatch learn`: recordings -> a model of normal traffic. May hold: gathering what vessels did, the fit, its calibration, the training card.

May not: judge events (risk/normality.py). Recordings are read and decoded by the code of a replay. What is kept of them is a set, each vessel once per
cell, octant and class of speed, so that neither the cut into pieces nor repeated reports nor the order of the files can change the model, and who
sends often or stays long weighs no more than others. scikit-learn keeps whole vessels out of the fit, and its quantile transformer calibrates by them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from dogwatch import __version__
from dogwatch.batch import (
    COG_MISSING,
    F_CK_BAD,
    F_EXERCISE,
    F_FUTURE,
    F_NULL_ISLAND,
    HAS_TYPE_AND_SIZE,
    SOG_MISSING,
    T_MISSING,
    UNITS_PER_DEG,
    Batch,
    has_position,
)  # fmt: skip
from dogwatch.errors import InputError
from dogwatch.times import iso
from risk.normality import (
    BINS,
    CELL_VESSELS_MIN,
    CELLS_PER_DEG,
    GROUPS,
    KINDS,
    OCTANTS,
    SMOOTHING,
    SPEED_EDGES_KN,
    SPEEDS,
    UNDER_WAY_KN,
    Normality,
    bin_of,
    cell_of,
    group_of,
    key_of,
)
from runners.decoding import batches
from runners.inputs import Settings, open_inputs
from runners.intake import Intake
from runners.normality import write_model

HELD_OUT_SHARE = 0.2
SPLIT_SEED = 0
QUANTILES = 101  # steps of one percent
HELD_OUT_ROWS_MIN = QUANTILES  # of what kept-out vessels did in known cells: fewer calibrate nothing
AT_REST = (1, 5, 6)  # navigational status: anchored, moored, aground
SHIFT = 30  # bits for cell and bin below the MMSI
CRAFT = (200_000_000, 799_999_999)  # MMSI of ships: no stations, aircraft, beacons, craft of a parent


@dataclass(slots=True)
class Gathered:
    """What vessels under way did, as sets of numbers; order and repetition leave no trace."""

    moves: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))  # MMSI << SHIFT | cell * BINS + bin, ascending
    told: dict[int, int] = field(default_factory=dict)  # MMSI << 32 | type << 16 | length -> how often told
    positions: int = 0
    first_ms: int = -T_MISSING
    last_ms: int = T_MISSING
    exercise: bool = False

    def take(self, batch: Batch) -> None:
        """Add the vessels under way of a batch, and what vessels tell of themselves."""
        fixes, statics = batch.fixes, batch.statics
        low, high = CRAFT
        bad = np.uint32(F_CK_BAD | F_NULL_ISLAND | F_FUTURE)
        moving = (fixes["sog"] < SOG_MISSING) & (fixes["sog"] >= round(UNDER_WAY_KN * 10)) & (fixes["cog"] < COG_MISSING) & ~np.isin(fixes["nav"], AT_REST)
        moving &= has_position(fixes) & (fixes["flags"] & bad == 0) & (fixes["t_ms"] != T_MISSING) & (fixes["mmsi"] >= low) & (fixes["mmsi"] <= high)
        rows = fixes[moving]
        if len(rows):
            cells = cell_of(rows["lat"] / UNITS_PER_DEG, rows["lon"] / UNITS_PER_DEG)
            codes = rows["mmsi"].astype(np.int64) << SHIFT | (cells * BINS + bin_of(rows["cog"] / 10, rows["sog"] / 10))
            self.moves = np.union1d(self.moves, codes)
            self.positions += len(rows)
            self.first_ms, self.last_ms = min(self.first_ms, int(rows["t_ms"].min())), max(self.last_ms, int(rows["t_ms"].max()))
            self.exercise |= bool((rows["flags"] & np.uint32(F_EXERCISE)).any())
        named = statics[statics["has"] & HAS_TYPE_AND_SIZE != 0]
        length = named["bow"].astype(np.int64) + named["stern"]
        codes, times = np.unique(named["mmsi"].astype(np.int64) << 32 | named["ship_type"].astype(np.int64) << 16 | length, return_counts=True)
        for code, n in zip(codes.tolist(), times.tolist(), strict=True):
            self.told[code] = self.told.get(code, 0) + n

    def groups(self, mmsi: np.ndarray) -> np.ndarray:
        """int64[n]: class of type and length of vessels, as they told it most often (of equals the larger number)."""
        best: dict[int, tuple[int, int]] = {}
        for code, n in self.told.items():
            best[code >> 32] = max(best.get(code >> 32, (0, 0)), (n, code & 0xFFFFFFFF))
        found = np.array([best.get(one, (0, 0))[1] for one in mmsi.tolist()], np.int64)
        return group_of(found >> 16, found & 0xFFFF)


def learn(inputs: list[Path], out: Path, columns: dict[str, str] | None = None) -> Normality:
    """Fit a model to recordings and write it to `out`. Raises InputError for inputs that cannot be read, are too little, or where scikit-learn is absent."""
    sources = open_inputs(inputs, Settings(columns=columns or {}), lambda _: None)
    intake, gathered = Intake([lane for source in sources.values() for lane in source.lanes]), Gathered()
    for source in sources.values():
        for batch in batches(intake, source):
            gathered.take(batch)
    model = fit(gathered, sorted(path.name for path in inputs))
    write_model(out, model)
    return model


def fit(gathered: Gathered, recordings: Iterable[str]) -> Normality:
    """The model of what was gathered; `recordings` are named on its card. Raises InputError."""
    try:
        from sklearn.model_selection import GroupShuffleSplit
        from sklearn.preprocessing import QuantileTransformer
    except ImportError as fault:
        raise InputError("learning needs scikit-learn, which is not installed", remedy="pip install 'dogwatch[learn]'") from fault
    mmsi, place = gathered.moves >> SHIFT, gathered.moves & ((1 << SHIFT) - 1)
    if len(np.unique(mmsi)) < 2 * CELL_VESSELS_MIN:
        raise InputError(f"{len(np.unique(mmsi))} vessels under way are too few to learn from", remedy="give recordings of more hours or of more receivers")
    keys = key_of(place // BINS, gathered.groups(mmsi), place % BINS)
    split = GroupShuffleSplit(n_splits=1, test_size=HELD_OUT_SHARE, random_state=SPLIT_SEED)
    used, kept_out = next(split.split(keys, groups=mmsi))
    cells, vessels = np.unique(np.unique(np.stack([place[used] // BINS, mmsi[used]], axis=1), axis=0)[:, 0], return_counts=True)
    model = Normality(*np.unique(keys[used], return_counts=True), cells, vessels, np.zeros((len(KINDS), QUANTILES)), {})
    odd = _oddness(model, keys[kept_out])
    if len(odd) < HELD_OUT_ROWS_MIN:
        raise InputError(f"only {len(odd)} observations calibrate the model, {HELD_OUT_ROWS_MIN} are needed", remedy="give recordings of more traffic")
    curves = QuantileTransformer(n_quantiles=QUANTILES, subsample=None).fit(odd).quantiles_
    card = _card(gathered, recordings, mmsi, used, len(odd))
    return Normality(model.keys, model.counts, cells, vessels, np.ascontiguousarray(curves.T, np.float64), card)


def _oddness(model: Normality, keys: np.ndarray) -> np.ndarray:
    """float64[n, 3]: oddness of each key by KINDS, of cells that the model knows."""
    found = []
    for pair in np.unique(keys // BINS):
        known = model.oddness(int(pair) // GROUPS, int(pair) % GROUPS)
        if known is not None:
            place = keys[keys // BINS == pair] % BINS
            found.append(np.stack([known[0][place % SPEEDS], known[1][place // SPEEDS], known[2][place]], axis=1))
    return np.concatenate(found) if found else np.empty((0, len(KINDS)))


def _card(gathered: Gathered, recordings: Iterable[str], mmsi: np.ndarray, used: np.ndarray, calibrated: int) -> dict[str, Any]:
    """The training card: what a person must know to judge whether the model fits these waters."""
    cells = (gathered.moves & ((1 << SHIFT) - 1)) // BINS
    lats, lons = cells // (360 * CELLS_PER_DEG + 1), cells % (360 * CELLS_PER_DEG + 1)
    return {
        "recordings": list(recordings),
        "simulated": gathered.exercise,
        "period": [iso(gathered.first_ms), iso(gathered.last_ms)],
        "area": {
            "south": (int(lats.min()) - 90 * CELLS_PER_DEG) / CELLS_PER_DEG,
            "north": (int(lats.max()) + 1 - 90 * CELLS_PER_DEG) / CELLS_PER_DEG,
            "west": (int(lons.min()) - 180 * CELLS_PER_DEG) / CELLS_PER_DEG,
            "east": (int(lons.max()) + 1 - 180 * CELLS_PER_DEG) / CELLS_PER_DEG,
        },
        "vessels": len(np.unique(mmsi)),
        "vessels_fitted": len(np.unique(mmsi[used])),
        "vessels_without_type_and_length": int((gathered.groups(np.unique(mmsi)) == 0).sum()),
        "positions": gathered.positions,
        "observations": len(mmsi),
        "observations_calibrating": calibrated,
        "parameters": {
            "cells_per_deg": CELLS_PER_DEG,
            "octants": OCTANTS,
            "speed_edges_kn": SPEED_EDGES_KN.tolist(),
            "under_way_kn": UNDER_WAY_KN,
            "smoothing_vessels": SMOOTHING,
            "cell_vessels_min": CELL_VESSELS_MIN,
            "held_out_share": HELD_OUT_SHARE,
            "split_seed": SPLIT_SEED,
        },
        "libraries": {"dogwatch": __version__, "numpy": np.__version__, "scikit-learn": version("scikit-learn")},
    }
