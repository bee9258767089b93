"""Slow, obvious twins of tracks/place_facts.py and tracks/circle.py: the places are kept, and every question is asked of the list."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from dogwatch.geo import KN_MS, M_PER_UNIT, cos_lat, lon_difference


def plane(places):
    """Metres (x, y) of (lat, lon) units from the first of them."""
    lat_0, lon_0 = places[0]
    return np.array([(lon_difference(lon, lon_0) * M_PER_UNIT * cos_lat(lat_0), (lat - lat_0) * M_PER_UNIT) for lat, lon in places])


def fit_circle(points):
    """(x, y, radius, rms distance, turns) by least squares over the points themselves."""
    x, y = points[:, 0], points[:, 1]
    solution, *_ = np.linalg.lstsq(np.column_stack([x, y, np.ones(len(x))]), x * x + y * y, rcond=None)
    centre = solution[:2] / 2
    radius = math.sqrt(solution[2] + centre @ centre)
    e = x * x + y * y - np.column_stack([x, y, np.ones(len(x))]) @ solution
    off = points - centre
    swept = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(off))
    return *centre, radius, math.sqrt((e * e).mean()) / (2 * radius), abs(swept) / (2 * math.pi * radius * radius)


def how_odd(before, now):
    """(course more than 45 degrees off, more than 90, speed more than 10 kn off) of a report after another; None: cannot be tested."""
    dt_s = (int(now["t_ms"]) - int(before["t_ms"])) / 1000
    if not (4 <= dt_s <= 60 and 20 <= now["sog"] <= 1000 and now["cog"] < 3600):
        return None
    y = (int(now["lat"]) - int(before["lat"])) * M_PER_UNIT
    x = lon_difference(int(now["lon"]), int(before["lon"])) * M_PER_UNIT * cos_lat(int(now["lat"]))
    moved_m, told_m = math.hypot(x, y), now["sog"] / 10 * KN_MS * dt_s
    off_m = max(50.0, 10.0 * KN_MS * dt_s)
    turned = backward = False
    if moved_m >= 15 and told_m >= 15:
        off_deg = abs((math.degrees(math.atan2(x, y)) - now["cog"] / 10 + 180) % 360 - 180)
        turned, backward = off_deg > 45, off_deg > 90
    return turned, backward, abs(moved_m - told_m) > off_m


def on_the_edge(before, now):
    """Whether a report is exactly 45 degrees off its motion: the table of cosines, rounded to nine digits, and an angle fall to different sides of it."""
    y = (int(now["lat"]) - int(before["lat"])) * M_PER_UNIT
    x = lon_difference(int(now["lon"]), int(before["lon"])) * M_PER_UNIT * cos_lat(int(now["lat"]))
    off_deg = abs((math.degrees(math.atan2(x, y)) - now["cog"] / 10 + 180) % 360 - 180)
    return abs(off_deg - 45) < 1e-6


def off_line_m(places):
    """The farthest that an inner one of (lat, lon) places in units lies off the line through its two neighbours, in metres."""
    worst = 0.0
    for a, b, c in zip(places, places[1:], places[2:]):
        narrow = math.cos(math.radians(b[0] / 600_000))
        (by, bx), (cy, cx) = ((((p[0] - a[0]) * M_PER_UNIT), lon_difference(p[1], a[1]) * M_PER_UNIT * narrow) for p in (b, c))
        chord = math.hypot(cy, cx)
        along = (by * cy + bx * cx) / chord if chord else 0.0
        worst = max(worst, math.sqrt(max(0.0, by * by + bx * bx - along * along)))
    return worst
