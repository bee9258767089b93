"""Distances and bearings on the sphere, in the integers of AIS. May hold: pure arithmetic. May not: zones, coastlines, I/O.

Decisions are bit-stable: int32 positions, + - * / sqrt and one rounded cosine table, no sin or cos at run time
(C libraries differ in the last bit, and a detector that differs in the last bit differs in its events).
Local plane: good to 0.1 % within 50 nm below 80 degrees of latitude; `great_circle_m` is for words and reports.
"""

from __future__ import annotations

import math

import numpy as np

from dogwatch.kernel import kernel

R_EARTH_M = 6_371_008.8
NM_M = 1852.0
M_PER_UNIT = R_EARTH_M * math.pi / 180 / 600_000  # metres in 1/600000 degree of latitude: 0.18532
KN_MS = 1852.0 / 3600.0
HALF_TURN = 108_000_000
FULL_TURN = 216_000_000
# cosine of latitude each 0.1 degree, rounded so that every platform has the same bits; clamped so that reckoning near a pole stays finite
COS_TABLE = np.round(np.array([max(0.01, math.cos(math.radians(i / 10))) for i in range(901)]), 9)
COS_COURSE = np.round(np.cos(np.radians(np.arange(3600) / 10.0)), 9)  # of a course in tenths of a degree; [(course + 2700) % 3600] is its sine


@kernel("int64(int64, int64)")
def lon_difference(lon_to, lon_from):
    """Longitude difference in units, the short way round: in [-HALF_TURN, HALF_TURN)."""
    d = lon_to - lon_from
    if d >= HALF_TURN:
        d -= FULL_TURN
    elif d < -HALF_TURN:
        d += FULL_TURN
    return d


@kernel("float64(int64)")
def cos_lat(lat):
    """Cosine of a latitude in units, interpolated in COS_TABLE."""
    a = abs(lat) / 60_000.0
    i = int(a)
    if i >= 900:
        return COS_TABLE[900]
    return COS_TABLE[i] + (COS_TABLE[i + 1] - COS_TABLE[i]) * (a - i)


@kernel("float64(int64, int64, int64, int64)")
def distance_m(lat1, lon1, lat2, lon2):
    """Metres between two positions in units (local plane)."""
    dy = (lat2 - lat1) * M_PER_UNIT
    dx = lon_difference(lon2, lon1) * M_PER_UNIT * cos_lat((lat1 + lat2) // 2)
    return math.sqrt(dx * dx + dy * dy)


def great_circle_m(lat1_deg: float, lon1_deg: float, lat2_deg: float, lon2_deg: float) -> float:
    """Metres along the great circle (haversine), for reports."""
    p1, p2 = math.radians(lat1_deg), math.radians(lat2_deg)
    dp, dl = p2 - p1, math.radians(lon2_deg - lon1_deg)
    h = math.sin(dp / 2) ** 2 + math.cos(p1) * math.cos(p2) * math.sin(dl / 2) ** 2
    return 2 * R_EARTH_M * math.asin(min(1.0, math.sqrt(h)))


def mean_position(lats_deg: np.ndarray, lons_deg: np.ndarray) -> tuple[float, float]:
    """Mean of unit vectors in degrees (right across the date line and near the poles)."""
    la, lo = np.radians(np.asarray(lats_deg, float)), np.radians(np.asarray(lons_deg, float))
    x, y, z = (np.cos(la) * np.cos(lo)).mean(), (np.cos(la) * np.sin(lo)).mean(), np.sin(la).mean()
    return math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))


def degrees_minutes(lat_deg: float, lon_deg: float) -> str:
    """A position as mariners write it: 41°12.34'S 174°05.60'E."""
    parts = []
    for value, names, width in ((lat_deg, "NS", 2), (lon_deg, "EW", 3)):
        hundredths = round(abs(value) * 6000)  # of a minute of arc
        parts.append(f"{hundredths // 6000:0{width}d}°{hundredths % 6000 / 100:05.2f}'{names[value < 0]}")
    return " ".join(parts)
