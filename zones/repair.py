"""Mends zones that were drawn wrong, on request, and says what it changed. May hold: geometry, ids. May not: files, guesses about meaning.

What can be mended without knowing what was meant: rings that are not closed, positions repeated, axes exchanged throughout,
outlines that cross themselves, parts that overlap, edges over the 180th meridian, slivers, the same zone drawn twice, an id
given twice. What a zone is (kind, validity, width) is never guessed. A feature without such a fault stays as it is, to the byte;
one that is mended comes out on the grid of AIS (1/600000 degree, 0.2 m).
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import shapely

from dogwatch.geo import FULL_TURN, HALF_TURN, M_PER_UNIT
from zones.geojson import UNITS_PER_DEG, Drawn, Fault, examine_drawn, said_of
from zones.rings import POLE, flat_polygons, in_world, unwrapped

LON_MAX = 540.0  # a turn and a half: some draw the Pacific from 0 to 360, and go on
SLIVER_M = 20.0  # a part or hole narrower than this, on average, is a slip of digitising and not a zone
AREAS, LINES = ("Polygon", "MultiPolygon"), ("LineString", "MultiLineString")


def repair(drawn: Drawn) -> tuple[list[Any], list[str]]:
    """(features, one line for each change). The features given are not changed."""
    features: list[Any] = []
    changes: list[str] = []
    seen: dict[str, str] = {}  # what stands under each id
    for index, feature in enumerate(drawn.features):
        mended, done = _mended(feature)
        properties, key, name = said_of(mended)
        label = f"'{name}' (feature {index + 1})" if name else f"feature {index + 1}"
        drawing = json.dumps([mended.get("geometry"), {**properties, "id": key}]) if key else ""
        if key and key in seen and seen[key] == drawing:
            changes.append(f"{label}: left out, '{key}' is drawn the same way before")
            continue
        if key in seen:
            number = next(n for n in range(2, len(drawn.features) + 2) if f"{key}-{n}" not in seen)
            mended = {**mended, "properties": {**mended["properties"], "id": f"{key}-{number}"}}
            done.append(f"id '{key}' was taken: now '{key}-{number}'")
            key = f"{key}-{number}"
        if key:
            seen[key] = drawing
        changes += [f"{label}: {what}" for what in done]
        features.append(mended)
    return features, changes


def faults_of(features: list[Any], file: str) -> list[Fault]:
    """What is still wrong with repaired features."""
    return examine_drawn(Drawn(features, [0] * len(features), []), file)[1]


def slivers(rings: list[np.ndarray]) -> list[np.ndarray]:
    """Those of closed rings float64[n, 2] (lon, lat degrees) that are narrower than SLIVER_M on average: area over half of the way around."""
    return [ring for ring in rings if _width_m(ring * UNITS_PER_DEG) < SLIVER_M]


def _mended(feature: Any) -> tuple[Any, list[str]]:
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict) or not isinstance(feature.get("properties"), dict):
        return feature, []
    shape = str(geometry.get("type"))
    parts: Any = geometry.get("coordinates") if shape.startswith("Multi") else [geometry.get("coordinates")]
    if shape not in (*AREAS, *LINES):
        return feature, []
    done: list[str] = []
    try:
        if shape in AREAS:
            rings = [[_positions(ring, done, closed=True) for ring in part] for part in parts]
        else:
            rings = [[_positions(part, done, closed=False)] for part in parts]
    except (TypeError, ValueError, OverflowError):
        return feature, []  # no positions on a globe: nothing that could be mended
    rings = [[ring for ring in part if len(ring) >= (4 if shape in AREAS else 2)] for part in rings]
    rings = [part for part in rings if part]
    if not rings:
        return feature, []
    if _axes_exchanged(rings):
        rings = [[ring[:, ::-1] for ring in part] for part in rings]
        done.append("latitude and longitude exchanged")
    if any((np.abs(ring[:, 1]) > 90).any() for part in rings for ring in part):
        return feature, []
    new = _area(rings, done) if shape in AREAS else _line(rings, done)
    if not done or new is None:
        return feature, []
    return {**feature, "geometry": new}, list(dict.fromkeys(done))


def _positions(raw: Any, done: list[str], closed: bool) -> np.ndarray:
    """float64[n, 2] of one ring or line, closed where it should be, without positions repeated."""
    rows = np.array([[float(v) for v in position[:2]] for position in raw], np.float64).reshape(-1, 2)
    finite = np.isfinite(rows).all(axis=1)
    if not finite.all():
        done.append(f"{int((~finite).sum())} positions that are no numbers left out")
        rows = rows[finite]
    if (np.abs(rows) > LON_MAX).any():
        raise ValueError("metres, or nonsense")
    if len(rows) and closed and not np.array_equal(rows[0], rows[-1]):
        done.append("ring closed")
        rows = np.vstack([rows, rows[:1]])
    same = np.zeros(len(rows), bool)
    same[1:] = (np.rint(rows[1:] * UNITS_PER_DEG) == np.rint(rows[:-1] * UNITS_PER_DEG)).all(axis=1)
    return rows[~same]


def _axes_exchanged(rings: list[list[np.ndarray]]) -> bool:
    rows = np.concatenate([ring for part in rings for ring in part])
    return bool((np.abs(rows[:, 1]) > 90).any() and (np.abs(rows[:, 1]) <= 180).all() and (np.abs(rows[:, 0]) <= 90).all())


def _area(rings: list[list[np.ndarray]], done: list[str]) -> dict[str, Any] | None:
    """The area as GeoJSON, valid and cut at the meridian; what had to be done is appended to `done`."""
    units = [[np.rint(ring * UNITS_PER_DEG).astype(np.int64) for ring in part] for part in rings]
    if _crosses(rings):
        done.append("cut at the 180th meridian")
        flat = [unwrapped(part) for part in units]
        drawn = [shapely.Polygon(outer / UNITS_PER_DEG, [hole / UNITS_PER_DEG for hole in holes]) for outer, holes in flat]
    else:
        flat = [(part[0], part[1:]) for part in units]
        drawn = [shapely.Polygon(part[0], part[1:]) for part in rings]
    whole = drawn[0] if len(drawn) == 1 else shapely.MultiPolygon(drawn)
    if not whole.is_valid:
        done.append(f"outline mended ({shapely.is_valid_reason(whole)})")
    narrow = [ring for outer, holes in flat for ring in (outer, *holes) if _width_m(ring) < SLIVER_M]
    pieces = [piece for outer, holes in flat for piece in in_world(_without(outer, [hole for hole in holes if _width_m(hole) >= SLIVER_M]))]
    joined = flat_polygons(shapely.normalize(shapely.union_all(np.array(pieces, object), grid_size=1.0)))
    wide = [p for p in joined if _width_m(shapely.get_coordinates(p.exterior)) >= SLIVER_M]
    if narrow or len(wide) < len(joined):
        done.append(f"{max(len(narrow), len(joined) - len(wide))} slivers narrower than {SLIVER_M:g} m left out")
    if not done or not wide:
        return None
    degrees = shapely.transform(shapely.MultiPolygon(wide) if len(wide) > 1 else wide[0], lambda xy: np.round(xy / UNITS_PER_DEG, 7))
    return json.loads(shapely.to_geojson(degrees))


def _without(outer: np.ndarray, holes: list[np.ndarray]) -> Any:
    """What a ring encloses, without what its holes enclose: a hole is never area, wherever it lies."""
    solid, *open_parts = (shapely.make_valid(shapely.Polygon(ring), method="structure", keep_collapsed=False) for ring in (outer, *holes))
    return shapely.difference(solid, shapely.union_all(open_parts))


def _line(rings: list[list[np.ndarray]], done: list[str]) -> dict[str, Any] | None:
    if not _crosses(rings):
        if not done:
            return None
        return json.loads(shapely.to_geojson(shapely.MultiLineString([part[0] for part in rings]) if len(rings) > 1 else shapely.LineString(rings[0][0])))
    done.append("cut at the 180th meridian")
    pieces: list[Any] = []
    for (path,) in rings:
        flat = path * UNITS_PER_DEG
        flat[:, 0] = np.unwrap(flat[:, 0], period=FULL_TURN)
        for turn in range(int((flat[:, 0].min() + HALF_TURN) // FULL_TURN), int((flat[:, 0].max() + HALF_TURN) // FULL_TURN) + 1):
            part = shapely.intersection(shapely.LineString(flat), shapely.box(turn * FULL_TURN - HALF_TURN, -POLE, turn * FULL_TURN + HALF_TURN, POLE))
            part = shapely.transform(part, lambda xy, by=turn * FULL_TURN: np.round((xy - [by, 0]) / UNITS_PER_DEG, 7))
            pieces += [piece for piece in shapely.get_parts(part) if piece.geom_type == "LineString" and piece.length > 0]
    return json.loads(shapely.to_geojson(shapely.MultiLineString(pieces)))


def _crosses(rings: list[list[np.ndarray]]) -> bool:
    """Does an edge run more than half around the world (but along a pole), or a position lie beyond 180?"""
    for part in rings:
        for ring in part:
            wide = np.abs(np.diff(ring[:, 0])) > 180
            along_pole = (np.abs(ring[:-1, 1]) == 90) & (ring[:-1, 1] == ring[1:, 1])
            if (wide & ~along_pole).any() or (np.abs(ring[:, 0]) > 180).any():
                return True
    return False


def _width_m(ring: np.ndarray) -> float:
    """Mean width of a closed ring of (lon, lat) in units, unwrapped: twice what it encloses over the way around it, in the plane of its latitude."""
    if len(ring) < 4:
        return 0.0
    flat = ring.astype(np.float64)
    flat[:, 0] *= np.cos(np.radians(flat[:, 1].mean() / UNITS_PER_DEG))
    shape = shapely.Polygon(flat)
    enclosed = shape if shape.is_valid else shapely.make_valid(shape)  # the two halves of an eight are no nothing
    return 2 * enclosed.area / shape.length * M_PER_UNIT if shape.length else 0.0
