"""Borders and names for maps, out of the countries of `world-atlas` and the table of ports. Used when the data is built, never while a watch runs.

May live here: which arcs divide two countries, where a country has its name, GeoJSON texts. May not: files, drawing, judgements about whose land is whose
(the lines are those of Natural Earth, de facto, and no claim).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely

from zones.ports import Ports
from zones.rings import UNITS_PER_DEG, planar, polygons_in

TOLERANCE_DEG = 0.01  # as fine as the painted land, or borders would end beside its coast


def borders(topojson: str) -> str:
    """GeoJSON text: the arcs that two countries share, simplified, three decimals, ordered."""
    topology = json.loads(topojson)
    scale, translate = (np.asarray(topology["transform"][key], np.float64) for key in ("scale", "translate"))
    users = Counter(arc for country in topology["objects"]["countries"]["geometries"] for arc in {i if i >= 0 else ~i for i in _arcs(country.get("arcs", []))})
    lines = []
    for number in sorted(arc for arc, countries in users.items() if countries > 1):
        line = np.cumsum(np.asarray(topology["arcs"][number], np.int64), axis=0) * scale + translate
        if np.abs(np.diff(line[:, 0])).max(initial=0.0) < 180:  # no border lies on the date line; what seems to is a seam
            thin = shapely.simplify(shapely.linestrings(line), TOLERANCE_DEG)
            lines.append((np.round(shapely.get_coordinates(thin), 3) + 0.0).tolist())
    feature = {
        "type": "Feature",
        "properties": {"source": "Natural Earth 1:10m via world-atlas"},
        "geometry": {"type": "MultiLineString", "coordinates": sorted(lines)},
    }
    return json.dumps(feature, separators=(",", ":"))


def _arcs(nested: Any) -> Iterable[int]:
    for part in nested:
        if isinstance(part, int):
            yield part
        else:
            yield from _arcs(part)


def names(topojson: str, ports: Ports) -> str:
    """GeoJSON text: a point for each country (within its largest piece; `size` in square degrees) and each port."""
    topology = json.loads(topojson)
    found = []
    for country in topology["objects"]["countries"]["geometries"]:
        pieces = [piece for polygon in polygons_in(topology, country) for piece in planar(polygon)]
        if pieces and (name := country.get("properties", {}).get("name")):
            largest = max(pieces, key=lambda piece: piece.area)
            spot = largest.representative_point()
            size = sum(piece.area for piece in pieces) / UNITS_PER_DEG**2
            found.append(_point("country", name, spot.x, spot.y, size=round(size, 2)))
    found += [_point("port", name, lon, lat) for name, lon, lat in zip(ports.names, ports.lon.tolist(), ports.lat.tolist(), strict=True)]
    found.sort(key=_order)
    return json.dumps({"type": "FeatureCollection", "features": found}, separators=(",", ":"), ensure_ascii=False)


def _point(kind: str, name: str, lon: float, lat: float, **more: float) -> dict[str, Any]:
    place = [round(lon / UNITS_PER_DEG, 3), round(lat / UNITS_PER_DEG, 3)]
    return {"type": "Feature", "properties": {"kind": kind, "name": name, **more}, "geometry": {"type": "Point", "coordinates": place}}


def _order(feature: dict[str, Any]) -> tuple[Any, ...]:
    """Countries before ports, large ones first."""
    said = feature["properties"]
    return said["kind"], -said.get("size", 0), said["name"], feature["geometry"]["coordinates"]
