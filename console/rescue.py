"""Drift areas as the page and the command line ask for them: words in, GeoJSON out.

May live here: reading what a person entered. May not: the model (ingest/leeway.py), guesses: what was not entered is not assumed.
"""

from __future__ import annotations

from typing import Any

from dogwatch.errors import InputError
from ingest.leeway import NOTE, Forcing, OnLand, bound_m, drift, geojson

FORCING = ("wind_ms", "wind_from", "current_ms", "current_to")


def drift_answer(given: dict[str, str], on_land: OnLand | None) -> dict[str, Any]:
    """GeoJSON of a drift from texts: lat, lon, class, hours, wind_ms, wind_from, current_ms, current_to, error_m (500), seed (1).

    With no wind and no current it refuses to forecast: a circle that cannot have been left, labelled "bound". Raises InputError.
    """
    lat, lon, hours = (_number(given, name) for name in ("lat", "lon", "hours"))
    kind, error_m, seed = given.get("class", ""), _number(given, "error_m", 500.0), int(_number(given, "seed", 1.0))
    entered = [name for name in FORCING if given.get(name)]
    if not entered:
        if not (-90 <= lat <= 90 and -180 <= lon <= 180 and 0 <= hours <= 240):
            raise InputError("the datum or the hours make no sense", remedy="degrees, and hours from 0 to 240")
        about = {"part": "bound", "radius_m": round(bound_m(kind, hours) + 2 * error_m), "class": kind, "hours": hours}
        point = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [lon, lat]}, "properties": about}
        return {"type": "FeatureCollection", "note": NOTE, "warnings": ["no wind was entered: a bound, not a forecast"], "features": [point]}
    if len(entered) < len(FORCING):
        missing = ", ".join(name for name in FORCING if name not in entered)
        raise InputError(f"{missing} not entered", remedy="wind and current are entered by a person, never guessed; enter 0 where there is none")
    forcing = Forcing(_number(given, "wind_ms"), _number(given, "wind_from"), _number(given, "current_ms"), _number(given, "current_to"))
    if seed < 0:
        raise InputError("seed is negative", remedy="a whole number from 0")
    cloud = drift(lat, lon, kind, forcing, hours=hours, error_m=error_m, seed=seed, on_land=on_land)
    about = {name: _number(given, name) for name in FORCING} | {"entered_by": "operator", "class": kind, "hours": hours, "seed": seed}
    return geojson(cloud, about)


def _number(given: dict[str, str], name: str, default: float | None = None) -> float:
    text = given.get(name, "")
    if not text and default is not None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e9:
        raise InputError(f"{name} is not a number: '{text[:20]}'", remedy="decimal degrees, metres, m/s, degrees true, hours")
    return value
