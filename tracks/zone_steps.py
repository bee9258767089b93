"""The changes of a tick as steps: who made each, over which limit, and the numbers that its event tells. May hold: columns and rows of them.

May not: make events (zone_events.py), measure (zone_follow.py).

Theory. One position in thirty to seventy makes an event of a zone, so what is reckoned of each is reckoned for all of a minute at once: a column
costs little more than a number. Numbers are rounded as `episodes.tidy` rounds, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.events import Subject, ZoneRelation
from tracks import subjects
from tracks.params import ZoneLimits
from tracks.vessels import VesselTable, text_of
from tracks.zone_follow import BELT, CHANGE

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


def steps_of(table: VesselTable, rows: np.ndarray, limits: dict[int, Limit], rule: ZoneLimits) -> Iterator[tuple[Who, Step, Told]]:
    """CHANGE rows with the vessels that made them, which are looked up together; a vessel that is no longer known is left out.

    limits: of all zones that the rows name, by number.
    """
    slots = table.slots_of_keys(rows["key"])
    rows, slots = rows[slots >= 0], slots[slots >= 0]
    several, which = np.unique(slots, return_inverse=True)
    class_b = table.rows["class_b"][several] != 0
    known = zip(
        subjects.subjects_of(table, several),
        class_b.tolist(),
        map(text_of, table.statics["destination"][several].tolist()),
        table.more["ship_type"][several].tolist(),
        (table.more["trouble"][several] != 0).tolist(),
        strict=True,
    )
    whos = [Who(*told) for told in known]
    errors_nm = np.array([limits[zone].error_nm for zone in rows["zone"].tolist()])
    numbers = zip(*_told(rows, class_b[which], errors_nm, rule), strict=True)
    for k, row, told in zip(which.tolist(), rows.tolist(), numbers, strict=True):
        yield whos[k], Step(*row), Told(*told)


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
