"""Port zones from a table of ports, such as NGA's World Port Index. May hold: reading its text, radii, circles. May not: files, berths.

A port of the table is a point somewhere in its harbour, rounded to a minute of arc in many rows; its zone is a circle around
it, wide enough for the basin, the roads before it and the error of the point. How wide goes by the harbour size of the table.
A circle is coarse: a mask that is too wide hides a meeting, one that is too narrow cries wolf in every harbour. So ports that
the coast says lie far out at sea are left out, and a zone of kind `watch` overrides every mask.
"""

from __future__ import annotations

import csv
import json
import math
from typing import Any

import numpy as np
import shapely

from dogwatch.errors import InputError
from dogwatch.geo import M_PER_UNIT, NM_M
from zones.coast import Coast
from zones.rings import UNITS_PER_DEG, planar

# The letters of the old World Port Index stand for the same words.
RADIUS_NM = {"large": 4.0, "l": 4.0, "medium": 3.0, "m": 3.0, "small": 2.0, "s": 2.0, "very small": 1.5, "v": 1.5}
RADIUS_NM_UNKNOWN = 1.5
AT_SEA_NM = 2.0  # farther from any shore than this, with its own radius added, the row is a slip
CORNERS = 32
COLUMNS = {
    "lat": ("latitude", "lat", "lat_deg"),
    "lon": ("longitude", "lon", "lon_deg", "lng"),
    "name": ("main port name", "label", "name", "port_name", "port name"),
    "country": ("country code", "iso3", "country"),
    "code": ("un/locode", "locode", "unlocode"),
    "number": ("world port index number", "index_no", "index number", "port_id"),
    "size": ("harbor size", "harbour size", "harborsize"),
}
Box = tuple[float, float, float, float]  # west, south, east, north; west > east runs over the 180th meridian


def port_features(text: str, coast: Coast, *, file: str, box: Box | None = None) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """(GeoJSON features of kind port, rows left out by reason) from CSV text with a heading. Raises InputError without positions.

    Sorted by id, whatever the order of the rows. `box` keeps only the ports inside.
    """
    rows = list(csv.DictReader(text.removeprefix("\ufeff").splitlines(keepends=True)))
    names = {str(name).strip().lower(): name for name in (rows[0] if rows else {})}
    column = {field: next((names[word] for word in words if word in names), None) for field, words in COLUMNS.items()}
    if column["lat"] is None or column["lon"] is None:
        raise InputError(f"{file} has no columns of latitude and longitude", remedy="give a CSV with a heading, such as the World Port Index (Pub. 150)")
    left_out = {"bad_position": 0, "at_sea": 0, "duplicate": 0, "outside_box": 0}
    features: dict[str, dict[str, Any]] = {}
    for row in rows:
        said = {field: str(row.get(name) or "").strip() if name else "" for field, name in column.items()}
        place = _place(said["lat"], said["lon"])
        if place is None:
            left_out["bad_position"] += 1
        elif box is not None and not within(box, *place):
            left_out["outside_box"] += 1
        elif (zone_id := _id(said, features)) == "":
            left_out["duplicate"] += 1
        else:
            features[zone_id] = _feature(zone_id, said, *place, file)
    near = _near_coast(features, coast)
    left_out["at_sea"] = len(features) - len(near)
    return [features[key] for key in sorted(near)], left_out


def circle(lat_deg: float, lon_deg: float, radius_nm: float) -> dict[str, Any]:
    """A circle as GeoJSON geometry: a polygon of CORNERS corners, cut at the 180th meridian; at most 85 degrees north or south."""
    turn = np.arange(CORNERS) * (2 * math.pi / CORNERS)
    reach = radius_nm * NM_M / M_PER_UNIT
    lat = lat_deg * UNITS_PER_DEG + reach * np.cos(turn)
    lon = lon_deg * UNITS_PER_DEG + reach * np.sin(turn) / math.cos(math.radians(min(85.0, abs(lat_deg))))
    ring = np.rint(np.column_stack([lon, lat])).astype(np.int64)
    return geometry_of(planar([np.vstack([ring, ring[:1]])]))


def geometry_of(polygons: list[Any]) -> dict[str, Any]:
    """GeoJSON geometry in degrees of shapely polygons in units, which do not overlap."""
    whole = shapely.normalize(shapely.set_precision(polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons), 1.0))
    return json.loads(shapely.to_geojson(shapely.transform(whole, lambda xy: np.round(xy / UNITS_PER_DEG, 7))))


def within(box: Box, lat_deg: float, lon_deg: float) -> bool:
    """Is a place inside a box (west, south, east, north)?"""
    west, south, east, north = box
    across = west <= lon_deg <= east if west <= east else lon_deg >= west or lon_deg <= east
    return across and south <= lat_deg <= north


def _place(lat: str, lon: str) -> tuple[float, float] | None:
    try:
        lat_deg, lon_deg = float(lat), float(lon)
    except ValueError:
        return None
    return (lat_deg, lon_deg) if abs(lat_deg) <= 85 and abs(lon_deg) <= 180 else None


def _id(said: dict[str, str], taken: dict[str, dict[str, Any]]) -> str:
    """'wpi-35580' or 'locode-GBSOU' or 'name-...'; a number used twice gets a suffix, unless name or place are the same ('' then)."""
    code = "".join(c for c in said["code"] if c.isalnum()).upper()
    number = said["number"].removesuffix(".0")
    word = "".join(c if c.isalnum() else "-" for c in f"{said['country']}-{said['name']}".lower())
    key = f"wpi-{number}" if number else f"locode-{code}" if code else f"name-{word}"
    for tried in (key, f"{key}-{word}"):
        if tried not in taken:
            return tried
    return ""


def _feature(zone_id: str, said: dict[str, str], lat_deg: float, lon_deg: float, file: str) -> dict[str, Any]:
    radius_nm = RADIUS_NM.get(said["size"].lower(), RADIUS_NM_UNKNOWN)
    size = said["size"] or "unknown"
    properties: dict[str, Any] = {"id": zone_id, "name": said["name"] or zone_id, "kind": "port", "subkind": "harbour", "source": file}
    properties |= {"harbour_size": size, "country": said["country"], "tolerance_nm": 1.0, "radius_nm": radius_nm}
    return {"type": "Feature", "properties": properties, "geometry": circle(lat_deg, lon_deg, radius_nm), "_at": (lat_deg, lon_deg)}


def _near_coast(features: dict[str, dict[str, Any]], coast: Coast) -> list[str]:
    """Ids of ports at a coast; takes the helper key `_at` out of every feature."""
    places = np.array([feature.pop("_at") for feature in features.values()], np.float64).reshape(-1, 2)
    units = np.rint(places * UNITS_PER_DEG).astype(np.int64)
    far_nm = coast.distance_nm(np.ascontiguousarray(units[:, 0]), np.ascontiguousarray(units[:, 1]))
    return [key for key, nm in zip(features, far_nm.tolist(), strict=True) if nm <= AT_SEA_NM + features[key]["properties"]["radius_nm"]]
