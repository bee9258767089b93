"""Who could help: the nearest vessels to a call, by the time they need. Pure, over columns.

May live here: reckoning, ETA, what counts as a vessel that can come, land in the way. May not: positions' sources, tasking, alerts.

Each vessel is reckoned forward to the moment asked, then takes the great circle at what its kind can do, not at what it does now: an anchored ship
can sail. Where land lies on the way it is flagged and kept, because a person knows the harbour mouth. Never the casualty, a beacon,
an aid, a base station; aircraft apart; positions older than 15 min apart as stale. No filter on flag.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dogwatch.geo import NM_M, R_EARTH_M

SHOWN = 20
STALE_MS = 900_000
CAN_KN = (14.0, 13.0, 18.0, 9.0, 16.0, 12.0)  # cargo, tanker, passenger, fishing, service, other: where it is not seen to do more
SHIPS, AIRCRAFT = 6, 18  # classes below SHIPS are vessels
REACH_KN_MAX = 60.0
ALONG = 64  # points looked at between a vessel and the call
OnLand = Callable[[np.ndarray, np.ndarray], np.ndarray]
DTYPE = np.dtype([("mmsi", "i8"), ("lat", "f8"), ("lon", "f8"), ("sog_kn", "f8"), ("cog_deg", "f8"), ("t_ms", "i8"), ("class", "u1")])


def nearest(
    rows: np.ndarray, lat: float, lon: float, *, now_ms: int, never: tuple[int, ...] = (), on_land: OnLand | None = None
) -> dict[str, list[dict[str, Any]]]:
    """`vessels`, `stale`, `aircraft`: at most 20 each, soonest first (ETA, then MMSI). rows: DTYPE, NaN where unknown; lat, lon: the call, degrees."""
    prefix = rows["mmsi"] // 1_000_000
    beacon = (prefix == 970) | (prefix == 972) | (prefix == 974)
    rows = rows[~beacon & ~np.isin(rows["mmsi"], never) & ((rows["class"] < SHIPS) | (rows["class"] == AIRCRAFT))]
    age_s = np.maximum(0, now_ms - rows["t_ms"]) / 1000
    at_lat, at_lon = _reckoned(rows, np.minimum(age_s, STALE_MS / 1000))
    range_m = _great_circle_m(at_lat, at_lon, lat, lon)
    air = rows["class"] == AIRCRAFT
    can = np.where(air, 120.0, np.array([*CAN_KN, 0.0])[np.minimum(rows["class"], SHIPS)])
    can = np.fmax(can, np.where(air, rows["sog_kn"], np.minimum(rows["sog_kn"], REACH_KN_MAX)))
    eta_s = range_m / NM_M / can * 3600
    order = np.lexsort((rows["mmsi"], eta_s))
    found: dict[str, list[dict[str, Any]]] = {}
    for name, chosen in (("vessels", ~air & (age_s * 1000 <= STALE_MS)), ("stale", ~air & (age_s * 1000 > STALE_MS)), ("aircraft", air)):
        first = [int(i) for i in order if chosen[i]][:SHOWN]
        found[name] = [
            {
                "mmsi": int(rows["mmsi"][i]),
                "class": int(rows["class"][i]),
                "range_nm": round(float(range_m[i]) / NM_M, 2),
                "bearing_deg": round(float(_bearing(lat, lon, at_lat[i], at_lon[i])), 1),
                "eta_min": round(float(eta_s[i]) / 60, 1),
                "speed_used_kn": round(float(can[i]), 1),
                "age_s": round(float(age_s[i])),
                "land_in_the_way": bool(name != "aircraft" and on_land is not None and crosses_land(at_lat[i], at_lon[i], lat, lon, on_land)),
            }
            for i in first
        ]
    return found


def crosses_land(lat1: float, lon1: float, lat2: float, lon2: float, on_land: OnLand) -> bool:
    """Whether any of the points between two places (degrees, the great circle) lies on land; both ends are left out: a quay is no obstacle."""
    a, b = _vector(lat1, lon1), _vector(lat2, lon2)
    angle = float(np.arccos(np.clip(a @ b, -1, 1)))
    if angle < 1e-9:
        return False
    share = np.linspace(0, 1, ALONG + 2)[1:-1, None]
    points = (np.sin((1 - share) * angle) * a + np.sin(share * angle) * b) / np.sin(angle)
    lats, lons = np.degrees(np.arcsin(np.clip(points[:, 2], -1, 1))), np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    return bool(on_land(lats, lons).any())


def _reckoned(rows: np.ndarray, age_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(rows["sog_kn"]) & np.isfinite(rows["cog_deg"])
    degrees = np.where(known, rows["sog_kn"] * NM_M / 3600 * age_s / R_EARTH_M * 180 / np.pi, 0.0)
    course = np.radians(np.where(known, rows["cog_deg"], 0.0))
    lats = np.clip(rows["lat"] + degrees * np.cos(course), -90, 90)
    lons = rows["lon"] + degrees * np.sin(course) / np.maximum(0.01, np.cos(np.radians(rows["lat"])))
    return lats, (lons + 180) % 360 - 180


def _great_circle_m(lat1: np.ndarray, lon1: np.ndarray, lat2: float, lon2: float) -> np.ndarray:
    p1, p2 = np.radians(lat1), np.radians(lat2)
    h = np.sin((p2 - p1) / 2) ** 2 + np.cos(p1) * np.cos(p2) * np.sin(np.radians(lon2 - lon1) / 2) ** 2
    return np.asarray(2 * R_EARTH_M * np.arcsin(np.minimum(1, np.sqrt(h))))


def _bearing(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """True bearing from the call to the vessel."""
    p1, p2, dl = np.radians(lat1), np.radians(lat2), np.radians(lon2 - lon1)
    return float(np.degrees(np.arctan2(np.sin(dl) * np.cos(p2), np.cos(p1) * np.sin(p2) - np.sin(p1) * np.cos(p2) * np.cos(dl))) % 360)


def _vector(lat: float, lon: float) -> np.ndarray:
    p, q = np.radians(lat), np.radians(lon)
    return np.array([np.cos(p) * np.cos(q), np.cos(p) * np.sin(q), np.sin(p)])
