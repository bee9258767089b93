"""The slow, obvious twins of zones/: point in rings by the even-odd rule, distance by walking along every edge."""

from __future__ import annotations

import math

import numpy as np

R_EARTH_NM = 6_371_008.8 / 1852


def inside(edges: np.ndarray, lat: int, lon: int) -> bool:
    """Even-odd rule with a ray to the east over edges (lat_a, lon_a, lat_b, lon_b), in Python's own integers; on an edge is inside."""
    odd = False
    for lat_a, lon_a, lat_b, lon_b in edges.tolist():
        turn = (lon_b - lon_a) * (lat - lat_a) - (lat_b - lat_a) * (lon - lon_a)
        if turn == 0 and min(lat_a, lat_b) <= lat <= max(lat_a, lat_b) and min(lon_a, lon_b) <= lon <= max(lon_a, lon_b):
            return True
        if (lat_a > lat) != (lat_b > lat) and (turn > 0) == (lat_b > lat_a):
            odd = not odd
    return odd


def distance_nm(edges: np.ndarray, lat: int, lon: int, step_nm: float = 0.02) -> float:
    """Great-circle distance to the nearest of many points along every edge: at most step_nm / 2 too long."""
    best = math.inf
    for lat_a, lon_a, lat_b, lon_b in edges.tolist():
        length_nm = math.hypot(lat_b - lat_a, lon_b - lon_a) / 10_000
        along = np.linspace(0, 1, int(length_nm / step_nm) + 2)
        best = min(best, float(great_circle_nm(lat, lon, lat_a + along * (lat_b - lat_a), lon_a + along * (lon_b - lon_a)).min()))
    return best


def great_circle_nm(lat: int, lon: int, lats: np.ndarray, lons: np.ndarray) -> np.ndarray:
    """Haversine, positions in 1/600000 degree."""
    p, q = math.radians(lat / 600_000), np.radians(np.asarray(lats) / 600_000)
    half = np.radians((np.asarray(lons) - lon) / 600_000) / 2
    h = np.sin((q - p) / 2) ** 2 + math.cos(p) * np.cos(q) * np.sin(half) ** 2
    return 2 * R_EARTH_NM * np.arcsin(np.sqrt(np.minimum(1, h)))


def ring_edges(ring: np.ndarray) -> np.ndarray:
    """int32[n, 4] edges of a ring of (lat, lon) rows; closed if it is not."""
    closed = ring if (ring[0] == ring[-1]).all() else np.vstack([ring, ring[:1]])
    return np.column_stack([closed[:-1], closed[1:]]).astype(np.int32)


def star(rng: np.random.Generator, lat_deg: float, lon_deg: float, radius_nm: float, corners: int) -> np.ndarray:
    """A ragged ring of (lat, lon) units around a place; longitudes may pass 180 degrees."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius_deg = radius_nm / 60 * rng.uniform(0.4, 1, corners)
    lat = lat_deg + radius_deg * np.sin(angle)
    lon = lon_deg + radius_deg * np.cos(angle) / math.cos(math.radians(lat_deg))
    return np.rint(np.column_stack([lat, lon]) * 600_000).astype(np.int64)


def stays(rows: list[tuple[int, int, int, int]], reach_m: float, gap_ms: int, keep_ms: int) -> list[tuple[int, int, int, int]]:
    """Stays out of (mmsi, t_ms, lat, lon) rows in order of arrival, as `zones.learn` defines them: sorted (mmsi, from_ms, to_ms, reports).

    Keeps every position of the open stay and takes the mean anew each time.
    """
    running: dict[int, list[tuple[int, int, int]]] = {}
    found = []

    def close(mmsi: int, part: list[tuple[int, int, int]]) -> None:
        first, last = min(p[0] for p in part), max(p[0] for p in part)
        if last - first >= keep_ms:
            found.append((mmsi, first, last, len(part)))

    for mmsi, t_ms, lat, lon in rows:
        part = running.setdefault(mmsi, [])
        if part:
            _, lat_a, lon_a = part[0]
            middle_lat = lat_a + sum(p[1] - lat_a for p in part) // len(part)
            middle_lon = lon_a + sum(wrapped(p[2] - lon_a) for p in part) // len(part)
            near = float(great_circle_nm(lat, lon, middle_lat, middle_lon)) * 1852 <= reach_m
            last = max(p[0] for p in part)
            if not near and t_ms <= last:
                continue
            if near and t_ms - last <= gap_ms:
                part.append((t_ms, lat, lon))
                continue
            close(mmsi, part)
        running[mmsi] = [(t_ms, lat, lon)]
    for mmsi, part in running.items():
        close(mmsi, part)
    return sorted(found)


def wrapped(units: int) -> int:
    """A longitude difference the short way round."""
    return (units + 108_000_000) % 216_000_000 - 108_000_000
