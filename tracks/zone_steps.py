"""The changes of a tick as steps: who made each, over which limit, and the numbers that its event tells. May hold: columns and rows of them.

May not: make events (zone_events.py), measure (zone_follow.py).

Theory. One position in thirty to seventy makes an event of a zone, so what is reckoned of each is reckoned for all of a minute at once: a column
costs little more than a number, and who made a change is put into words only for an event that is read. Numbers are rounded as
`episodes.tidy` rounds, to the last bit.
"""

from __future__ import annotations

from copy import copy
from typing import NamedTuple

import numpy as np
from numba import float64, from_dtype, int64, types

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.events import Subject, ZoneRelation
from dogwatch.kernel import kernel
from tracks import subjects
from tracks.params import ZoneLimits
from tracks.vessels import VesselTable, text_of
from tracks.zone_follow import BELT, CHANGE, LEAVE

SLOW_KN = 3.0
SLOW_S, CLASS_B_S, CLASS_A_S = 180.0, 30.0, 10.0  # expected between two reports (M.1371-5, table 1)
BELT_DOUBT = 0.2  # the shore of the map against the true one
WEIGHED = np.dtype([("lat_deg", "<f8"), ("lon_deg", "<f8"), ("confidence", "<f8"), ("limit_s", "<f8"), ("steps", "?"), ("near", "?")])
_CHANGE = from_dtype(CHANGE)


class Step(NamedTuple):
    """A row of CHANGE as plain numbers: reading a field of an array's row costs as much as a line of Python."""

    key: int
    t_ms: int
    from_ms: int
    at_ms: int
    lat: int
    lon: int
    from_lat: int
    from_lon: int
    at_lat: int
    at_lon: int
    zone: int
    kind: int
    sense: int
    speed_kn: float
    depth_nm: float
    eta_s: float
    from_kn: float


class Told(NamedTuple):
    """What the event of a step tells in numbers, rounded; `gap`: so long that the moment of a crossing in it is unknown."""

    gap: bool
    step_s: float
    limit_s: float  # the longest step that still counts as heard
    beyond_nm: float
    speed_kn: float
    lat_deg: float
    lon_deg: float
    confidence: float
    near: bool  # no farther beyond the limit than what a position may be wrong by


class Limit(NamedTuple):
    """A zone or the belt, as the events of its crossings name it."""

    id: str
    version: str
    kind: str
    error_nm: float
    error_told_nm: float
    owner: str
    subject: str  # of event ids: two zones entered at once are two events
    crossed: ZoneRelation


class Who(NamedTuple):
    """What a tick's events say of the vessel in a slot."""

    subject: Subject
    class_b: bool
    destination: str | None
    ship_type: int
    doubted: bool  # the place that it tells is in doubt


assert Step._fields == CHANGE.names


class Steps:
    """The CHANGE rows of a tick with the vessels that made them; a vessel that is no longer known is left out. What is kept are copies.

    limits: of all zones that the rows name, by number. `plain[i]`: a zone entered or left, with nothing to wonder about; `lat_deg`, `lon_deg`,
    `confidence`: as Told has them.
    """

    def __init__(self, table: VesselTable, rows: np.ndarray, limits: dict[int, Limit], rule: ZoneLimits) -> None:
        """Look the vessels up together, reckon what is told in numbers."""
        self._only: tuple[int, Steps, dict[int, int]] | None = None
        slots = table.slots_of_keys(rows["key"])
        self.rows, slots, self.rule = rows[slots >= 0], slots[slots >= 0], rule
        self.keys: list[int] = self.rows["key"].tolist()
        self.kinds: list[int] = self.rows["kind"].tolist()
        self.zones: list[int] = self.rows["zone"].tolist()
        self.at_ms: list[int] = self.rows["at_ms"].tolist()
        self.limits = [limits[zone] for zone in self.zones]
        self.vessels = subjects.columns_of(table, slots)
        self.destinations: np.ndarray = table.statics["destination"][slots]
        self.doubted = table.more["trouble"][slots] != 0
        self.told, errors_nm = np.empty(len(self.rows), WEIGHED), np.array([limit.error_nm for limit in self.limits])
        told = self.told
        _weigh(self.rows, self.vessels[2], errors_nm, (rule.gap_s_min, rule.gap_expected_factor, rule.confidence_cap), told)
        self.plain: list[bool] = (told["steps"] & (self.rows["kind"] <= LEAVE) & ~self.doubted).tolist()
        self.lat_deg, self.lon_deg, self.confidence = rounded(told["lat_deg"], 5), rounded(told["lon_deg"], 5), rounded(told["confidence"], 3)

    def only(self, kind: int) -> tuple[Steps, dict[int, int]]:
        """(The steps of one kind alone: who keeps one for hours shall not keep all, where each of them has gone)."""
        if self._only is None or self._only[0] != kind:
            part, which = copy(self), np.flatnonzero(self.rows["kind"] == kind)
            part.vessels = tuple(column[which] for column in self.vessels)
            for name in ("rows", "told", "destinations", "doubted"):
                setattr(part, name, getattr(self, name)[which])
            for name in ("keys", "kinds", "zones", "at_ms", "limits", "plain", "lat_deg", "lon_deg", "confidence"):
                column = getattr(self, name)
                setattr(part, name, [column[i] for i in which.tolist()])
            self._only = kind, part, {i: k for k, i in enumerate(which.tolist())}
        return self._only[1:]

    def row(self, i: int) -> Step:
        """A change."""
        return Step(*self.rows[i].item())

    def numbers(self, i: int) -> Told:
        """What its event tells in numbers."""
        row, told = self.row(i), self.told[i]
        numbers = round((row.t_ms - row.from_ms) / 1000.0, 0), round(float(told["limit_s"]), 0), round(row.depth_nm, 2), round(row.speed_kn, 2)
        return Told(not told["steps"], *numbers, self.lat_deg[i], self.lon_deg[i], self.confidence[i], bool(told["near"]))

    def who(self, i: int) -> Who:
        """Who made it."""
        subject = subjects.subject_from(*(column[i].item() for column in self.vessels))
        return Who(subject, bool(self.vessels[2][i]), text_of(self.destinations[i]), self.ship_type(i), bool(self.doubted[i]))

    def ship_type(self, i: int) -> int:
        """Of the vessel that made it."""
        return int(self.vessels[3][i])


@kernel(float64(float64, int64, float64, float64))
def gap_limit_s(from_kn, class_b, gap_s_min, expected_factor):
    """The longest step that still counts as heard."""
    expected_s = SLOW_S if 0.0 <= from_kn <= SLOW_KN else CLASS_B_S if class_b != 0 else CLASS_A_S
    return max(gap_s_min, expected_factor * expected_s)


@kernel(types.void(_CHANGE[::1], types.uint8[::1], float64[::1], types.UniTuple(float64, 3), from_dtype(WEIGHED)[::1]))
def _weigh(rows, class_b, errors_nm, limits, out):
    """limits: gap_s_min, gap_expected_factor, confidence_cap. Of each row whether it is no gap, its place, how sure it is (episodes.margin_quality)."""
    for i in range(rows.shape[0]):
        row, told, error_nm = rows[i], out[i], errors_nm[i]
        limit_s = gap_limit_s(np.float64(row["from_kn"]), np.int64(class_b[i]), limits[0], limits[1])
        told["limit_s"], told["near"] = limit_s, np.float64(row["depth_nm"]) < error_nm
        told["steps"] = np.float64(row["t_ms"] - row["from_ms"]) <= limit_s * 1000.0
        margin = min(1.0, max(0.5, 0.5 + 0.25 * ((np.float64(row["depth_nm"]) + error_nm) / error_nm - 1.0)))
        told["confidence"] = min(limits[2], margin * (1.0 - BELT_DOUBT) if row["zone"] == BELT else margin)
        told["lat_deg"] = row["at_lat"] / UNITS_PER_DEG
        told["lon_deg"] = (row["at_lon"] / UNITS_PER_DEG + 180.0) % 360.0 - 180.0


def rounded(values: np.ndarray, decimals: int) -> list[float]:
    """Numbers (float64[n]) rounded as Python's `round` does: NumPy's own may differ where a number lies half-way, and those are left to Python."""
    scale = 10.0**decimals
    scaled = values * scale
    whole = np.rint(scaled)
    out: list[float] = (whole / scale).tolist()
    for i in np.flatnonzero(np.abs(np.abs(scaled - whole) - 0.5) < 1e-6).tolist():
        out[i] = round(float(values[i]), decimals)
    return out
