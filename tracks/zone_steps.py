"""The changes of a tick as steps: who made each, over which limit, and the numbers that its event tells. May hold: columns and rows of them.

May not: make events (zone_events.py), measure (zone_follow.py).

Theory. One position in thirty to seventy makes an event of a zone, so what is reckoned of each is reckoned for all of a minute at once: a column
costs little more than a number, and who made a change is put into words only for an event that is read. Numbers are rounded as
`episodes.tidy` rounds, to the last bit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.events import Subject, ZoneRelation
from tracks import subjects
from tracks.key import mmsi_of
from tracks.params import ZoneLimits
from tracks.vessels import VesselTable, text_of
from tracks.zone_follow import BELT, CHANGE, LEAVE

SLOW_KN = 3.0
SLOW_S, CLASS_B_S, CLASS_A_S = 180.0, 30.0, 10.0  # expected between two reports (M.1371-5, table 1)
BELT_DOUBT = 0.2  # the shore of the map against the true one


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

    limits: of all zones that the rows name, by number. `plain[i]`: a zone entered or left, with nothing to wonder about.
    """

    def __init__(self, table: VesselTable, rows: np.ndarray, limits: dict[int, Limit], rule: ZoneLimits) -> None:
        """Look the vessels up together, reckon what is told in numbers."""
        slots = table.slots_of_keys(rows["key"])
        self.rows, slots = rows[slots >= 0], slots[slots >= 0]
        several, which = np.unique(slots, return_inverse=True)
        self.which: list[int] = which.tolist()
        self.vessels = subjects.columns_of(table, several)
        self.class_b = self.vessels[2] != 0
        self.destinations: list[bytes] = table.statics["destination"][several].tolist()
        doubted = table.more["trouble"][several] != 0
        self.doubted: list[bool] = doubted.tolist()
        self.mmsis: list[int] = mmsi_of(self.vessels[0]).tolist()
        self.names = subjects.subject_keys(self.vessels[0])
        self.limits = [limits[zone] for zone in self.rows["zone"].tolist()]
        self.told = _told(self.rows, self.class_b[which], np.array([limit.error_nm for limit in self.limits]), rule)
        self.kinds: list[int] = self.rows["kind"].tolist()
        self.plain: list[bool] = ((self.rows["kind"] <= LEAVE) & ~np.array(self.told[0], bool) & ~doubted[which]).tolist()
        self._whos: dict[int, Who] = {}

    def row(self, i: int) -> Step:
        """A change."""
        return Step(*self.rows[i].item())

    def numbers(self, i: int) -> Told:
        """What its event tells in numbers."""
        return Told(*(column[i] for column in self.told))  # type: ignore[arg-type]  # as `_told` makes them

    def who(self, i: int) -> Who:
        """Who made it."""
        k = self.which[i]
        if k not in self._whos:
            subject = subjects.subject_from(*(column[k].item() for column in self.vessels))
            self._whos[k] = Who(subject, bool(self.class_b[k]), text_of(self.destinations[k]), int(self.vessels[3][k]), self.doubted[k])
        return self._whos[k]


def _told(rows: np.ndarray, class_b: np.ndarray, errors_nm: np.ndarray, rule: ZoneLimits) -> tuple[list[float], ...]:
    """Columns of Told."""
    from_kn, depth_nm = rows["from_kn"].astype(np.float64), rows["depth_nm"].astype(np.float64)
    expected_s = np.where((from_kn >= 0.0) & (from_kn <= SLOW_KN), SLOW_S, np.where(class_b, CLASS_B_S, CLASS_A_S))
    limit_s, step_ms = np.maximum(rule.gap_s_min, rule.gap_expected_factor * expected_s), rows["t_ms"] - rows["from_ms"]
    margin = np.minimum(1.0, np.maximum(0.5, 0.5 + 0.25 * ((depth_nm + errors_nm) / errors_nm - 1.0)))  # episodes.margin_quality
    sure = np.minimum(rule.confidence_cap, np.where(rows["zone"] == BELT, margin * (1.0 - BELT_DOUBT), margin))
    return (
        (step_ms > limit_s * 1000.0).tolist(),
        np.rint(step_ms / 1000.0).tolist(),
        np.rint(limit_s).tolist(),
        rounded(depth_nm, 2),
        rounded(rows["speed_kn"].astype(np.float64), 2),
        rounded(rows["at_lat"] / UNITS_PER_DEG, 5),
        rounded((rows["at_lon"] / UNITS_PER_DEG + 180.0) % 360.0 - 180.0, 5),
        rounded(sure, 3),
    )


def rounded(values: np.ndarray, decimals: int) -> list[float]:
    """Numbers (float64[n]) rounded as Python's `round` does: NumPy's own may differ where a number lies half-way, and those are left to Python."""
    scale = 10.0**decimals
    scaled = values * scale
    whole = np.rint(scaled)
    out: list[float] = (whole / scale).tolist()
    for i in np.flatnonzero(np.abs(np.abs(scaled - whole) - 0.5) < 1e-6).tolist():
        out[i] = round(float(values[i]), decimals)
    return out
