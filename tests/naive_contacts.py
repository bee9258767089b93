"""Slow, obvious twin of the search for contacts: everybody is compared with everybody."""

from __future__ import annotations

import math

from dogwatch.geo import KN_MS, M_PER_UNIT
from tracks.contacts import ABREAST, SAME_TIME_MS, STILL
from tracks.key import mmsi_of


def apart_m(a, b):
    """Metres between two (lat, lon) in units, over the ball."""
    x, y = (_ball(*p) for p in (a, b))
    return 6_371_008.8 * 2 * math.asin(min(1.0, math.dist(x, y) / 2))


def contacts(rows, rule):
    """{(i, j): kind} of NEAR rows in order of keys, and {i} in a crowd."""
    partners = {i: {} for i in range(len(rows))}
    for i in range(len(rows)):
        for j in range(i):
            if kind := _kind(rows[i], rows[j], rule):
                partners[i][j] = partners[j][i] = kind
    crowd = {i for i, found in partners.items() if len(found) > rule.partners_max}
    pairs = {(j, i): kind for i, found in partners.items() for j, kind in found.items() if j < i and i not in crowd and j not in crowd}
    return pairs, crowd


def _kind(a, b, rule):
    kind, gaits = 0, int(a["gait"]) & int(b["gait"])
    if mmsi_of(int(a["key"])) == mmsi_of(int(b["key"])):
        return 0
    if gaits & STILL and apart_m(_at(a), _at(b)) <= max(float(a["own_m"]), float(b["own_m"])):
        kind = STILL
    if gaits & ABREAST:
        turn_deg = abs((int(a["cog"]) - int(b["cog"]) + 1800) % 3600 - 1800) / 10
        u, v = float(a["speed_kn"]), float(b["speed_kn"])
        faster = math.sqrt(max(0.0, u * u + v * v - 2 * u * v * math.cos(math.radians(turn_deg))))
        early = min(int(a["t_ms"]), int(b["t_ms"]))
        if abs(int(a["t_ms"]) - int(b["t_ms"])) <= SAME_TIME_MS and turn_deg <= rule.way_apart_deg_max and faster <= rule.way_apart_kn_max:
            kind |= ABREAST if apart_m(_back(a, early), _back(b, early)) <= rule.way_m_max else 0
    return kind


def _at(row):
    return int(row["lat"]), int(row["lon"])


def _back(row, t_ms):
    units = float(row["speed_kn"]) * KN_MS * (t_ms - int(row["t_ms"])) / 1000 / M_PER_UNIT
    cog = math.radians(int(row["cog"]) / 10)
    lat, lon = _at(row)
    return lat + units * math.cos(cog), lon + units * math.sin(cog) / math.cos(math.radians(lat / 600_000))


def _ball(lat, lon):
    p, q = math.radians(lat / 600_000), math.radians(lon / 600_000)
    return math.cos(p) * math.cos(q), math.cos(p) * math.sin(q), math.sin(p)


def stayed(was, a, b, trails, limits):
    """Whether two NEAR rows in contact again may have been together since `was`; trails: of each, number -> (t_ms, lat, lon, sog)."""
    since_ms, *place = was
    limit_m, drift_kn, gate_kn = limits
    heard = []
    for row, trail in zip((a, b), trails, strict=True):
        points = {k: point for k, point in trail.items() if point[0] > since_ms}
        everything = [(int(row["t_ms"]), int(row["lat"]), int(row["lon"]), 0), *points.values()]
        for t_ms, lat, lon, sog in everything:
            if apart_m(place, (lat, lon)) > limit_m + drift_kn * KN_MS * (t_ms - since_ms) / 1000 or 10 * gate_kn < sog < 1023:
                return False
        heard.append(points)
    together = [(heard[0][k], heard[1][k]) for k in heard[0].keys() & heard[1].keys() if abs(heard[0][k][0] - heard[1][k][0]) <= 150_000]
    return all(apart_m(p[1:3], q[1:3]) <= limit_m + drift_kn * KN_MS * 150 for p, q in together)
