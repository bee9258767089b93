"""What was heard in the last hours, for the replay of an alert: thinned positions, and how much each receiver brought.

May live here: keeping and finding past positions. May not: detection, the present picture (console/picture.py), HTTP, files.

Theory. Positions are appended to blocks of fixed size and never changed, so that a reader needs the lock only to copy the list of
blocks. Memory is bounded: the oldest block goes when there are too many, and `begins_ms` says how far back one can look; before that,
and before a restart, a track is as coarse as console/memory.py keeps it. What is
asked for is a few vessels over a few hours: a plain comparison over columns finds them in some ten milliseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np

from console.memory import PAST, Memory
from dogwatch.batch import COG_MISSING, SOG_MISSING, T_MISSING

KEEP_EVERY_MS = 10_000  # of one vessel at most one position in so long: a ship at 20 kn moves 100 m in it
BLOCK_ROWS = 65_536
BLOCKS_MAX = 64  # 4.2 M positions, 109 MB
RECEIVERS_MAX = 500
MINUTE_MS = 60_000
MINUTES_MAX = 1_500  # 25 h of counts per receiver
POINTS_MAX = 4_000  # of one track in one answer
DEGREE_M = 111_195.0  # one degree of latitude on a sphere; plane enough over the few miles that are asked


class History:
    """Past positions of one run. Thread-safe: written by the runner, read by the server."""

    def __init__(self, memory: Memory | None = None, *, block_rows: int = BLOCK_ROWS, blocks_max: int = BLOCKS_MAX) -> None:
        self._lock = threading.Lock()
        self._memory = memory or Memory()
        self._block_rows, self._blocks_max = block_rows, blocks_max
        self._blocks: list[np.ndarray] = []  # full ones
        self._open = np.zeros(block_rows, PAST)
        self._used = 0
        self._dropped = 0  # rows of blocks that were let go
        self._receivers: list[str] = []
        self._minutes: dict[int, np.ndarray] = {}  # minute -> positions per receiver

    def receiver_numbers(self, receivers: Iterable[str]) -> np.ndarray:
        """uint16[n]: our number of each of these receivers; beyond RECEIVERS_MAX all are the last one."""
        with self._lock:
            for name in receivers:
                if name not in self._receivers and len(self._receivers) < RECEIVERS_MAX:
                    self._receivers.append(name)
            last = len(self._receivers) - 1
            known = {name: i for i, name in enumerate(self._receivers)}
            return np.array([known.get(name, last) for name in receivers], np.uint16)

    def count(self, t_ms: np.ndarray, receiver: np.ndarray) -> None:
        """Count positions by minute and receiver; `receiver` as numbered here."""
        keys, counts = np.unique((t_ms // MINUTE_MS) * RECEIVERS_MAX + receiver, return_counts=True)
        with self._lock:
            for key, n in zip(keys.tolist(), counts.tolist(), strict=True):
                self._minutes.setdefault(key // RECEIVERS_MAX, np.zeros(RECEIVERS_MAX, np.uint32))[key % RECEIVERS_MAX] += n
            for minute in sorted(self._minutes)[:-MINUTES_MAX]:
                del self._minutes[minute]

    def add(self, rows: np.ndarray, *, exercise: bool = False) -> None:
        """Append rows of PAST."""
        self._memory.heard(rows, exercise=exercise)
        with self._lock:
            while len(rows):
                room = min(len(rows), self._block_rows - self._used)
                self._open[self._used : self._used + room] = rows[:room]
                self._used += room
                rows = rows[room:]
                if self._used == self._block_rows:
                    self._blocks = [*self._blocks, self._open]
                    self._dropped += self._block_rows * max(0, len(self._blocks) - self._blocks_max)
                    self._blocks = self._blocks[-self._blocks_max :]
                    self._open, self._used = np.zeros(self._block_rows, PAST), 0

    def _all(self, before: int | None = None) -> list[np.ndarray]:
        """Blocks in the order they came; of the first `before` rows that ever came only, where given."""
        with self._lock:
            blocks, at = [*self._blocks, self._open[: self._used]], self._dropped
        if before is None:
            return blocks
        return [block[: max(0, before - at - i * self._block_rows)] for i, block in enumerate(blocks)]

    @property
    def total(self) -> int:
        """How many rows have ever come: a moment, for `tracks`."""
        with self._lock:
            return self._dropped + len(self._blocks) * self._block_rows + self._used

    @property
    def begins_ms(self) -> int | None:
        """How far back positions are known, ms; None of an empty history."""
        return min((int(block["t_ms"].min()) for block in self._all() if len(block)), default=None)

    def tracks(self, mmsi: list[int], from_ms: int, to_ms: int, *, before: int | None = None, points_max: int = POINTS_MAX) -> list[dict[str, Any]]:
        """The track of each vessel between two times, columns of equal length; missing speed or course is None.

        before: as it was known at a moment (`total` of then).
        """
        found: dict[int, list[np.ndarray]] = {one: [] for one in mmsi}
        for block in self._all(before):
            within = (block["t_ms"] >= from_ms) & (block["t_ms"] <= to_ms)
            if within.any():
                for one, parts in found.items():
                    parts.append(block[within & (block["mmsi"] == one)])
        rows = {one: np.concatenate(parts) if parts else np.zeros(0, PAST) for one, parts in found.items()}
        if before is None:
            for one, mine in rows.items():
                older = self._memory.track(one, from_ms, to_ms)
                rows[one] = np.concatenate([older[~np.isin(older["t_ms"], mine["t_ms"])], mine])
        return [_track(one, mine, points_max) for one, mine in rows.items()]

    def others(self, lat: float, lon: float, radius_m: float, edges_ms: np.ndarray, without: list[int]) -> list[int]:
        """How many other vessels were heard within `radius_m` of a place, per interval between the edges."""
        south, north = (round((lat + side * radius_m / DEGREE_M) * 1e7) for side in (-1, 1))
        pairs = []
        for block in self._all():
            rows = block[(block["t_ms"] >= edges_ms[0]) & (block["t_ms"] < edges_ms[-1]) & (block["lat"] >= south) & (block["lat"] <= north)]
            rows = rows[~np.isin(rows["mmsi"], np.array(without, np.uint32))]
            east = ((rows["lon"] / 1e7 - lon + 180) % 360 - 180) * np.cos(np.radians(lat))
            rows = rows[np.hypot(east, rows["lat"] / 1e7 - lat) * DEGREE_M <= radius_m]
            pairs.append((np.searchsorted(edges_ms, rows["t_ms"], side="right") - 1) * (1 << 32) + rows["mmsi"].astype(np.int64))
        slots = np.unique(np.concatenate(pairs)) >> 32
        return [int(n) for n in np.bincount(slots, minlength=len(edges_ms) - 1)]

    def speeds_near(self, lat: float, lon: float, radius_m: float, from_ms: int, to_ms: int, *, without: list[int]) -> tuple[np.ndarray, np.ndarray]:
        """(MMSI, speed in knots) of each position of other vessels that was heard within `radius_m` of a place between two times."""
        south, north = (round((lat + side * radius_m / DEGREE_M) * 1e7) for side in (-1, 1))
        parts = [np.zeros(0, PAST)]
        for block in self._all():
            rows = block[(block["t_ms"] >= from_ms) & (block["t_ms"] <= to_ms) & (block["lat"] >= south) & (block["lat"] <= north)]
            rows = rows[(rows["sog"] != SOG_MISSING) & ~np.isin(rows["mmsi"], np.array(without, np.uint32))]
            east = ((rows["lon"] / 1e7 - lon + 180) % 360 - 180) * np.cos(np.radians(lat))
            parts.append(rows[np.hypot(east, rows["lat"] / 1e7 - lat) * DEGREE_M <= radius_m])
        found = np.concatenate(parts)
        return found["mmsi"], found["sog"] / 10

    def receivers(self, edges_ms: np.ndarray) -> list[dict[str, Any]]:
        """Positions that each receiver brought per interval (whole minutes, by their start), of those that brought any."""
        counts = np.zeros((len(edges_ms) - 1, RECEIVERS_MAX), np.int64)
        with self._lock:
            for minute, row in self._minutes.items():
                slot = int(np.searchsorted(edges_ms, minute * MINUTE_MS, side="right")) - 1
                if 0 <= slot < len(counts):
                    counts[slot] += row
            names = list(self._receivers)
        return [{"receiver": name, "positions": [int(n) for n in counts[:, i]]} for i, name in enumerate(names) if counts[:, i].any()]


def past_rows(fixes: np.ndarray, lon_e7: np.ndarray, lat_e7: np.ndarray, receiver: np.ndarray) -> np.ndarray:
    """Rows of PAST from fixes (FIX_DTYPE), their positions in 1e-7 degree and their receivers as numbered by a History."""
    rows = np.zeros(len(fixes), PAST)
    for name in ("t_ms", "mmsi", "sog", "cog"):
        rows[name] = fixes[name]
    rows["lon"], rows["lat"], rows["receiver"] = lon_e7, lat_e7, receiver
    return rows[rows["t_ms"] != T_MISSING]


def _track(mmsi: int, rows: np.ndarray, points_max: int) -> dict[str, Any]:
    rows = rows[np.argsort(rows["t_ms"], kind="stable")]
    kept = len(rows)
    if kept > points_max:
        rows = rows[np.unique(np.linspace(0, kept - 1, points_max).astype(np.int64))]
    return {
        "mmsi": mmsi,
        "positions": kept,
        "t_ms": rows["t_ms"].tolist(),
        "lat": (rows["lat"] / 1e7).tolist(),
        "lon": (rows["lon"] / 1e7).tolist(),
        "sog_kn": [None if v == SOG_MISSING else v / 10 for v in rows["sog"].tolist()],
        "cog_deg": [None if v >= COG_MISSING else v / 10 for v in rows["cog"].tolist()],
    }
