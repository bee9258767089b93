"""Trails: a thinned track of every vessel, and when anything was heard, gathered while a recording runs.

May hold: which positions are kept, and finding those of a vessel. May not: draw, judge, detect.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dogwatch.batch import LAT_MISSING, T_MISSING, UNITS_PER_DEG
from runners.engine import Output
from runners.replay import Progress

TRAIL_MS = 300_000  # one position of each vessel in so long is kept for the maps
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
NEW_ROWS = 200_000  # rows that wait until they are thinned: sorting many at once costs less than few often
KEPT_ROWS = 2_000_000  # rows from several thinnings held before they are thinned together
TRAIL = np.dtype([("key", "<u8"), ("t_ms", "<i8"), ("lat", "<i4"), ("lon", "<i4")])  # key: MMSI in the upper half, number of the five minutes below


@dataclass(slots=True)
class Trails:
    """The first position of each vessel in each five minutes of event time, as the recording gave them."""

    parts: list[np.ndarray] = field(default_factory=list)
    rows: int = 0
    waiting: list[np.ndarray] = field(default_factory=list)
    waiting_rows: int = 0
    minutes: dict[int, int] = field(default_factory=dict)  # event-time minute -> positions

    def take(self, _progress: Progress, output: Output) -> None:
        """The positions of one output."""
        fixes = output.batch.fixes
        t_ms, lat = fixes["t_ms"], fixes["lat"]
        placed = np.flatnonzero((t_ms != T_MISSING) & (lat != LAT_MISSING))
        if not len(placed):
            return
        part = np.empty(len(placed), TRAIL)
        part["t_ms"], part["lat"], part["lon"] = t_ms[placed], lat[placed], fixes["lon"][placed]
        part["key"] = fixes["mmsi"][placed].astype(np.uint64) << np.uint64(32) | (part["t_ms"] // TRAIL_MS).astype(np.uint64)
        self.waiting.append(part)
        self.waiting_rows += len(part)
        if self.waiting_rows > NEW_ROWS:
            self._settle()

    def _settle(self) -> None:
        if not self.waiting:
            return
        part = np.concatenate(self.waiting)
        self.waiting, self.waiting_rows = [], 0
        minutes, counts = np.unique(part["t_ms"] // MINUTE_MS, return_counts=True)
        for minute, count in zip(minutes.tolist(), counts.tolist(), strict=True):
            self.minutes[minute] = self.minutes.get(minute, 0) + count
        self.parts.append(_thinned(part))
        self.rows += len(self.parts[-1])
        if self.rows > KEPT_ROWS:
            self.parts = [_thinned(np.concatenate(self.parts))]
            self.rows = -len(self.parts[0])  # the kept ones do not count towards the next thinning

    def whole(self) -> np.ndarray:
        """TRAIL[n]: all kept positions, by vessel and time."""
        self._settle()
        return _thinned(np.concatenate(self.parts)) if self.parts else np.empty(0, TRAIL)

    def heard(self) -> dict[int, int]:
        """Positions by minute of event time (UTC minutes since 1970), of minutes that have any."""
        self._settle()
        return self.minutes


def _thinned(part: np.ndarray) -> np.ndarray:
    return part[np.unique(part["key"], return_index=True)[1]]


def trail_of(whole: np.ndarray, mmsi: int, t_first_ms: int, t_last_ms: int) -> np.ndarray:
    """float64[n, 3]: UTC ms, latitude and longitude in degrees of one vessel in a time."""
    first, last = (np.uint64(mmsi << 32 | max(0, t_ms // TRAIL_MS)) for t_ms in (t_first_ms, t_last_ms))
    rows = whole[np.searchsorted(whole["key"], first) : np.searchsorted(whole["key"], last, side="right")]
    return np.column_stack([rows["t_ms"], rows["lat"] / UNITS_PER_DEG, rows["lon"] / UNITS_PER_DEG]).astype(np.float64)
