"""Where something in distress drifts: a cloud of particles under wind and current that a person entered. Pure; randomness is seeded.

May live here: leeway classes, the particle model, areas as GeoJSON. May not: guessing wind or current, sources, alerts.

Theory: leeway as in Allen & Plourde 1999 (CG-D-08-99) and Allen 2005 (CG-D-05-05), the ensemble of Breivik & Allen 2008. Per particle, once:
e ~ N(0, s); its speed in cm/s is (a + e/20) W + b + e/2 with W the wind at 10 m in m/s, downwind with (a, b, s) of that direction, crosswind with
those of the right or the left (half the particles each) and an e of its own; the current is added. Jibing: with 4 % per hour the
crosswind slope changes its sign, the offset stays. Wind is where it comes FROM, current where it goes TOWARD.
A particle never drifts up the wind: e is drawn again while a + e/20 < 0.

Decision aid, not a SAROPS replacement; IAMSAR procedures prevail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from dogwatch.errors import InputError

NOTE = "decision aid, not a SAROPS replacement; IAMSAR procedures prevail"
STEP_S = 600
JIBE_PER_H = 0.04
SHARES = (50, 90, 95)
WIND_SD, WIND_SD_DEG = 0.2, 20.0  # what a person's wind and current are worth: 20 % and 20 degrees
WIND_MAX_MS, WIND_FIELD_MS = 60.0, 20.0
WORST_WIND_MS, WORST_CURRENT_MS = 20.0, 1.0  # of the bound, where no wind is known
M_PER_DEG = 111_194.93
OnLand = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Leeway:
    """One class of drifting things: (a %, b cm/s, s cm/s) downwind and crosswind to the right; the left is its mirror image."""

    name: str
    words: str
    down: tuple[float, float, float]
    right: tuple[float, float, float]


CLASSES = {
    one.name: one
    for one in (
        Leeway("PIW-1", "person in water, mean of all", (0.96, 0.0, 12.0), (0.54, 0.0, 9.4)),
        Leeway("REFUGEE-RAFT-1", "refugee raft, no sail", (1.56, 8.30, 1.53), (0.078, 2.70, 1.52)),
        Leeway("LIFE-RAFT-NB-1", "life raft, no ballast", (3.70, 0.0, 12.0), (1.98, 0.0, 9.4)),
        Leeway("SKIFF-1", "skiff, flat or v-hull", (3.15, 0.0, 2.2), (1.29, 0.0, 2.2)),
    )
}


@dataclass(frozen=True, slots=True)
class Forcing:
    """What a person entered: wind (m/s at 10 m, degrees it comes from), current (m/s, degrees it goes toward); `doubt`: add 20 % and 20 degrees of spread."""

    wind_ms: float
    wind_from_deg: float
    current_ms: float
    current_to_deg: float
    doubt: bool = True


@dataclass(slots=True)
class Cloud:
    """Particles in degrees at the end, their mean track (lat, lon, each step), and how many ended on a coast."""

    lat: np.ndarray
    lon: np.ndarray
    track: list[tuple[float, float]]
    ashore: int
    warnings: list[str]


def drift(
    lat: float, lon: float, kind: str, forcing: Forcing, *, hours: float, error_m: float, particles: int = 5000, seed: int = 1, on_land: OnLand | None = None
) -> Cloud:
    """Drift from a datum (degrees, standard error in m) for `hours`. on_land(lats, lons) -> bool: what reaches land stays there.

    Raises InputError for a class that is not known, or numbers that make no sense.
    """
    leeway = CLASSES.get(kind)
    if leeway is None:
        raise InputError(f"no leeway class '{kind}'", remedy=f"one of {', '.join(CLASSES)}")
    _check(lat, lon, forcing, hours, error_m, particles)
    rng = np.random.default_rng(seed)
    wind, wind_deg = _spread(rng, forcing.wind_ms, forcing.wind_from_deg + 180, forcing.doubt, particles)
    current, current_deg = _spread(rng, forcing.current_ms, forcing.current_to_deg, forcing.doubt, particles)
    side = np.where(np.arange(particles) % 2 == 0, 1.0, -1.0)
    slope, offset = _law(rng, leeway.down, particles, downwind=True)
    cross_slope, cross_offset = _law(rng, leeway.right, particles, downwind=False)
    down_ms = (slope * wind + offset) / 100
    lats = lat + rng.normal(0, error_m, particles) / M_PER_DEG
    lons = lon + rng.normal(0, error_m, particles) / (M_PER_DEG * _cos(lat))
    at_sea = np.ones(particles, bool)
    track = [(float(lats.mean()), float(lons.mean()))]
    turn = side.copy()
    left_s = hours * 3600
    while left_s > 1e-6:
        dt_s = min(STEP_S, left_s)
        left_s -= dt_s
        turn = np.where(rng.random(particles) < 1 - (1 - JIBE_PER_H) ** (dt_s / 3600), -turn, turn)
        cross_ms = (turn * cross_slope * wind + side * cross_offset) / 100
        north = down_ms * np.cos(wind_deg) - cross_ms * np.sin(wind_deg) + current * np.cos(current_deg)
        east = down_ms * np.sin(wind_deg) + cross_ms * np.cos(wind_deg) + current * np.sin(current_deg)
        moved = at_sea * dt_s
        new_lats = np.clip(lats + north * moved / M_PER_DEG, -89.9, 89.9)
        lons = lons + east * moved / (M_PER_DEG * _cos(lats))
        lats = new_lats
        if on_land is not None:
            at_sea &= ~on_land(lats, _wrapped(lons))
        track.append((float(lats.mean()), float(lons.mean())))
    warnings = [f"wind above {WIND_FIELD_MS:g} m/s is beyond most field data"] if forcing.wind_ms > WIND_FIELD_MS else []
    return Cloud(lats, lons, track, int((~at_sea).sum()), warnings)


def bound_m(kind: str, hours: float) -> float:
    """How far a class can have come in a wind of 20 m/s and a current of 1 m/s (metres): all that can be said without wind. Raises InputError."""
    leeway = CLASSES.get(kind)
    if leeway is None:
        raise InputError(f"no leeway class '{kind}'", remedy=f"one of {', '.join(CLASSES)}")
    parts = [(a + 2 * s / 20) * WORST_WIND_MS + b + s for a, b, s in (leeway.down, leeway.right)]  # two standard deviations
    return (float(np.hypot(parts[0], parts[1])) / 100 + WORST_CURRENT_MS) * hours * 3600


def area(cloud: Cloud, share: int) -> np.ndarray:
    """float64[n, 2]: lon, lat of the ring around the share (%) of the particles that lie closest to the middle of the cloud, along its own axes."""
    points = np.column_stack([(cloud.lon - cloud.lon.mean()) * _cos(cloud.lat.mean()), cloud.lat - cloud.lat.mean()])
    inverse = np.linalg.pinv(np.cov(points.T) + 1e-18 * np.eye(2))
    far = np.einsum("ni,ij,nj->n", points, inverse, points)
    near = far <= np.partition(far, (n := max(2, round(len(far) * share / 100)) - 1))[n]
    hull = shapely.convex_hull(shapely.multipoints(np.column_stack([cloud.lon[near], cloud.lat[near]])))
    return np.asarray(shapely.get_coordinates(hull))


def geojson(cloud: Cloud, about: dict[str, Any], particles_shown: int = 500) -> dict[str, Any]:
    """RFC 7946: areas of 50, 90 and 95 %, the mean track, some particles; cut at 180 degrees. `about` stands in every property."""
    features = [_feature(_cut(shapely.polygons(area(cloud, share))), {"part": "area", "share_percent": share, **about}) for share in reversed(SHARES)]
    line = np.array([(lon, lat) for lat, lon in cloud.track])
    features.append(_feature(_cut(shapely.linestrings(line)), {"part": "track", **about}))
    some = shapely.multipoints(np.column_stack([_wrapped(cloud.lon), cloud.lat])[:particles_shown])
    features.append(_feature(some, {"part": "particles", "ashore": cloud.ashore, "of": len(cloud.lat), **about}))
    return {"type": "FeatureCollection", "note": NOTE, "warnings": cloud.warnings, "features": features}


def _feature(shape: Any, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": dict(shapely.geometry.mapping(shape)), "properties": properties}


def _cut(shape: Any) -> Any:
    """A shape of continuous longitudes cut into the boxes of the world and moved into the one that has a name."""
    west, _, east, _ = shape.bounds
    turns = range(int(np.floor((west + 180) / 360)), int(np.floor((east + 180) / 360)) + 1)
    parts = [shapely.transform(shapely.intersection(shape, shapely.box(360 * n - 180, -90, 360 * n + 180, 90)), lambda c, n=n: c - [360 * n, 0]) for n in turns]
    return shapely.union_all(parts) if len(parts) > 1 else parts[0]


def _law(rng: np.random.Generator, abs_: tuple[float, float, float], n: int, *, downwind: bool) -> tuple[np.ndarray, np.ndarray]:
    a, b, s = abs_
    e = rng.normal(0, s, n)
    while downwind and (wrong := a + e / 20 < 0).any():
        e[wrong] = rng.normal(0, s, int(wrong.sum()))
    return a + e / 20, b + e / 2


def _spread(rng: np.random.Generator, speed: float, deg: float, doubt: bool, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Speeds (m/s) and directions (radians, toward) of the particles."""
    if not doubt:
        return np.full(n, speed), np.full(n, np.radians(deg))
    return np.maximum(0, speed * (1 + rng.normal(0, WIND_SD, n))), np.radians(deg + rng.normal(0, WIND_SD_DEG, n))


def _check(lat: float, lon: float, forcing: Forcing, hours: float, error_m: float, particles: int) -> None:
    limits = {
        "latitude": (lat, -89, 89), "longitude": (lon, -180, 180), "wind (m/s)": (forcing.wind_ms, 0, WIND_MAX_MS),
        "current (m/s)": (forcing.current_ms, 0, 10),
        "wind direction": (forcing.wind_from_deg, 0, 360), "current direction": (forcing.current_to_deg, 0, 360), "hours": (hours, 0, 240),
        "error (m)": (error_m, 0, 100_000), "particles": (particles, 100, 100_000),
    }  # fmt: skip
    for name, (value, least, most) in limits.items():
        if not least <= value <= most:
            raise InputError(f"{name} {value:g} makes no sense", remedy=f"from {least} to {most}")


def _cos(lat: Any) -> Any:
    return np.maximum(0.01, np.cos(np.radians(lat)))


def _wrapped(lon: np.ndarray) -> np.ndarray:
    return (lon + 180) % 360 - 180
