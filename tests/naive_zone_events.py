"""The slow, obvious twin of tracks/zone_follow.py: one track, one fix after the other, every zone asked every time."""

from __future__ import annotations

from itertools import pairwise

import naive_zones as naive
import numpy as np

BELT = -1


def holds(geography, zone: int, lat: int, lon: int) -> bool:
    """Is the place in the zone (an area without buffer), or in the belt?"""
    if zone == BELT:
        return float(geography.coast.distance_nm(np.array([lat]), np.array([lon]))[0]) <= 12.0
    return naive.inside(geography.zones[zone].edges, lat, lon)


def outside_nm(geography, zone: int, lat: int, lon: int) -> float:
    """How far outside a zone or the belt a place lies."""
    if zone == BELT:
        return float(geography.coast.distance_nm(np.array([lat]), np.array([lon]))[0]) - 12.0
    return float(geography.tree.distances_nm(lat, lon, 50.0)[zone])


def net_crossing(edges: np.ndarray, a: tuple[int, int], b: tuple[int, int]) -> int:
    """1 when the step from a to b ends right of a line that it began left of, -1 the other way, 0 else; on the line is right of it."""
    net = 0
    for lat_p, lon_p, lat_q, lon_q in edges.tolist():

        def left(lat, lon, p=(lat_p, lon_p), q=(lat_q, lon_q)):
            return (q[1] - p[1]) * (lat - p[0]) - (q[0] - p[0]) * (lon - p[1]) > 0

        def beside(lat, lon):
            return (b[1] - a[1]) * (lat - a[0]) - (b[0] - a[0]) * (lon - a[1]) > 0

        if left(*a) != left(*b) and beside(lat_p, lon_p) != beside(lat_q, lon_q):
            net += 1 if left(*a) else -1
    return (net > 0) - (net < 0)


def changes_of(geography, rows: list[tuple[int, int, int]], exit_nm: float, noise_nm: float) -> list[tuple]:
    """[(what, zone, from_ms, to_ms)] of a track's fixes (t_ms, lat, lon): what is enter, leave or cross."""
    areas = [BELT, *(z for z, zone in enumerate(geography.zones) if zone.is_area)]
    lines = [z for z, zone in enumerate(geography.zones) if not zone.is_area]
    found: list[tuple] = []
    held = {zone for zone in areas if holds(geography, zone, *rows[0][1:])}
    out: dict[int, tuple[int, int]] = {}
    for (from_ms, *a), (to_ms, *b) in pairwise(rows):
        for zone in areas:
            inside, was_out = holds(geography, zone, *b), out.pop(zone, None)
            if zone not in held:
                if inside:
                    held.add(zone)
                    if not holds(geography, zone, *a):
                        found.append(("enter", zone, from_ms, to_ms))
                continue
            far_nm = 0.0 if inside else outside_nm(geography, zone, *b)
            if inside or far_nm <= noise_nm:
                continue
            if far_nm >= exit_nm or was_out:
                held.discard(zone)
                found.append(("leave", zone, *(was_out or (from_ms, to_ms))))
            else:
                out[zone] = (from_ms, to_ms)
        for zone in lines:
            if net_crossing(geography.zones[zone].edges, tuple(a), tuple(b)):
                found.append(("cross", zone, from_ms, to_ms))
    return found
