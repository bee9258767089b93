"""Zones that people draw: GeoJSON text into checked zones. May hold: the rules of such a file. May not: files, the index.

Every fault that can be found is found before anything starts, and told at once: which feature, which line, what to do.
Follows RFC 7946: WGS 84, [longitude, latitude], polygons closed, areas cut at the 180th meridian (3.1.9). An edge is a
straight line in longitude and latitude. Positions are rounded to 1/600000 degree (0.2 m), the grid of AIS itself.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import shapely

from dogwatch.errors import ConfigError
from dogwatch.times import from_iso
from zones.polygons import ALWAYS

KINDS = ("territorial_sea", "contiguous_zone", "eez", "border", "watch", "corridor", "port", "anchorage", "area")
NEEDS_AREA = ("port", "anchorage", "area", "corridor")  # a line of these kinds says nothing unless it has a width
CAREFUL = ("kind", "valid_from", "valid_to", "buffer_nm")  # misspelt, these would be lost without a word and change what a zone does
RESERVED = ("belt-", "port-")  # ids of the built-in set
ZONES_MAX = 10_000  # relations ask every zone: beyond this the answer is slow
VERTICES_MAX = 1_000_000  # 16 MB of edges
BUFFER_NM_MAX = 60.0
FAULTS_MAX = 50  # printed; the count is always told
UNITS_PER_DEG = 600_000
_GAP = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a zones file. `feature` names it ('zone-1' or 'feature 3'), line is 1-based."""

    line: int
    feature: str
    what: str
    remedy: str

    def text(self) -> str:
        """'feature: what. remedy' (without the place)."""
        return f"{self.feature}: {self.what}. {self.remedy}" if self.feature else f"{self.what}. {self.remedy}"


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone. edges int32[n, 4] (lat_a, lon_a, lat_b, lon_b) in units; times UTC ms, half-open; buffer_nm widens it."""

    id: str
    name: str
    kind: str
    version: str
    owner: str
    valid_from_ms: int
    valid_to_ms: int
    buffer_nm: float
    is_area: bool
    edges: np.ndarray
    file: str


@dataclass(frozen=True, slots=True)
class ZoneSet:
    """The zones of one file, in its order."""

    file: str
    zones: tuple[Zone, ...]


def load_zones(text: str, *, file: str = "zones.geojson") -> ZoneSet:
    """Zones from GeoJSON text. Raises one ConfigError that lists every fault with line, feature and remedy."""
    zones, faults = examine(text, file=file)
    if not faults:
        return ZoneSet(file, tuple(zones))
    first = faults[0]
    if len(faults) == 1:
        raise ConfigError(first.what, file=file, line=first.line, key=first.feature, remedy=first.remedy)
    listed = "\n".join(f"  {file}:{fault.line}: {fault.text()}" for fault in faults[:FAULTS_MAX])
    more = f"\n  ... and {len(faults) - FAULTS_MAX} more" if len(faults) > FAULTS_MAX else ""
    raise ConfigError(f"{len(faults)} faults:\n{listed}{more}\nCorrect them all; the rules are in docs/zones.md", file=file, line=first.line)


def examine(text: str, *, file: str) -> tuple[list[Zone], list[Fault]]:
    """The zones that are right and the faults of the others; never raises on bad text."""
    text = text.removeprefix("\ufeff")
    try:
        document = json.loads(text)
    except json.JSONDecodeError as fault:
        return [], [Fault(fault.lineno, "", f"not JSON: {fault.msg} at column {fault.colno}", "correct the syntax")]
    except RecursionError:
        return [], [Fault(1, "", "not a zones file: nested too deeply", "export a plain FeatureCollection")]
    features, faults = _features(document)
    lines = _feature_lines(text, len(features))
    zones: list[Zone] = []
    seen: dict[str, int] = {}
    for index, feature in enumerate(features):
        reader = _Feature(feature, index, lines[index], file)
        zone = reader.read()
        if reader.id and reader.id in seen:
            reader.fault(f"id '{reader.id}' is taken by the feature in line {seen[reader.id]}", "give every zone an id of its own")
        elif reader.id:
            seen[reader.id] = lines[index]
        faults += reader.faults
        if zone is not None and not reader.faults:
            zones.append(zone)
    vertices = sum(len(zone.edges) for zone in zones)
    if vertices > VERTICES_MAX:
        faults.append(Fault(1, "", f"{vertices} edges; at most {VERTICES_MAX} are allowed", "simplify the areas (a tolerance of 0.0005 degree is 50 m)"))
    return zones, faults


def _features(document: Any) -> tuple[list[Any], list[Fault]]:
    """The feature list and the faults of what is around it."""
    kind = document.get("type") if isinstance(document, dict) else type(document).__name__
    if kind != "FeatureCollection":
        return [], [Fault(1, "", f"the file is a {kind!r}, not a FeatureCollection", 'wrap it: {"type": "FeatureCollection", "features": [...]}')]
    faults = []
    crs = json.dumps(document.get("crs"))
    if document.get("crs") is not None and "CRS84" not in crs and "4326" not in crs:
        faults.append(Fault(1, "", f"coordinate system {crs[:80]}", "export in WGS 84 (EPSG:4326)"))
    features = document.get("features")
    if not isinstance(features, list) or not features:
        return [], [*faults, Fault(1, "", "no features", "a zones file holds at least one zone; to have none, name no file")]
    if len(features) > ZONES_MAX:
        return [], [*faults, Fault(1, "", f"{len(features)} features; at most {ZONES_MAX} are allowed", "keep the zones that your watch needs")]
    return features, faults


def _feature_lines(text: str, count: int) -> list[int]:
    """1-based line on which each feature begins; 1 where it cannot be told."""
    for found in re.finditer(r'"features"\s*:\s*\[', text):  # the word may also stand inside somebody's properties
        starts = _starts(text, found.end())
        if len(starts) == count:
            breaks = np.flatnonzero(np.frombuffer(text.encode("utf-32-le"), "<u4") == ord("\n"))
            return (np.searchsorted(breaks, starts) + 1).tolist()
    return [1] * count


def _starts(text: str, position: int) -> list[int]:
    """Where each element of the JSON list begins whose first element is at or after `position`; [] if it is no list."""
    decoder = json.JSONDecoder()
    starts = []
    try:
        while (position := _GAP.match(text, position).end()) < len(text) and text[position] != "]":  # type: ignore[union-attr]  # matches always
            starts.append(position)
            position = decoder.raw_decode(text, position)[1]
    except json.JSONDecodeError:
        return []
    return starts


class _Feature:
    """Reads one feature and keeps its faults."""

    def __init__(self, feature: Any, index: int, line: int, file: str) -> None:
        self.feature, self.line, self.file = feature, line, file
        self.faults: list[Fault] = []
        self.broken = False
        properties = feature.get("properties") if isinstance(feature, dict) else None
        self.properties: dict[str, Any] = properties if isinstance(properties, dict) else {}
        raw = self.properties.get("id", feature.get("id") if isinstance(feature, dict) else None)
        self.id = str(raw).strip() if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
        name = self.properties.get("name")
        self.name = name if isinstance(name, str) and name.strip() else self.id
        self.label = f"'{self.name}' (feature {index + 1})" if self.name else f"feature {index + 1}"

    def fault(self, what: str, remedy: str) -> None:
        self.faults.append(Fault(self.line, self.label, what, remedy))

    def read(self) -> Zone | None:
        if not isinstance(self.feature, dict) or self.feature.get("type") != "Feature":
            self.fault("is not a Feature", 'its "type" must be "Feature"')
            return None
        if not self.id:
            self.fault("has no id", 'add "id": a short text, unique, in its properties')
        elif self.id.startswith(RESERVED):
            self.fault(f"id '{self.id}' begins with a reserved word", f"ids that begin with {' or '.join(RESERVED)} belong to the built-in set")
        for key in self.properties:
            near = difflib.get_close_matches(str(key).lower(), CAREFUL, 1, 0.85)
            if near and key not in CAREFUL:
                self.fault(f"unknown property '{key}'", f"did you mean '{near[0]}'?")
        kind, validity_ms, buffer_nm = self._kind(), self._validity_ms(), self._buffer_nm()
        drawn = self._geometry()
        if drawn is None or self.faults:
            return None
        is_area, edges = drawn
        if not is_area and kind in NEEDS_AREA and buffer_nm == 0:
            self.fault(f"a line cannot be a '{kind}'", 'draw a polygon, or give the line a width with "buffer_nm"')
            return None
        version = self.properties.get("version")
        owner = str(self.properties.get("owner") or "")
        if version is None:
            digest = blake2b(edges.astype("<i4").tobytes() + f"{kind}|{buffer_nm}|{validity_ms}".encode(), digest_size=4)
            version = f"h-{digest.hexdigest()}"
        return Zone(self.id, self.name, kind, str(version), owner, *validity_ms, buffer_nm, is_area, edges, self.file)

    def _kind(self) -> str:
        kind = self.properties.get("kind")
        if kind is None:
            self.fault("has no kind", f'add "kind": one of {", ".join(KINDS)}')
        elif kind not in KINDS:
            near = difflib.get_close_matches(str(kind).lower(), KINDS, 1, 0.5)
            self.fault(f"unknown kind '{kind}'", f"did you mean '{near[0]}'?" if near else f"known kinds: {', '.join(KINDS)}")
        return str(kind)

    def _validity_ms(self) -> tuple[int, int]:
        bounds = list(ALWAYS)
        for place, key in enumerate(("valid_from", "valid_to")):
            text = self.properties.get(key)
            if text is None:
                continue
            try:
                t_ms = from_iso(text)
                assert t_ms is not None
                bounds[place] = t_ms
            except (ValueError, TypeError, AttributeError):
                self.fault(f"{key} {text!r} is not a time", "write ISO 8601, as in 2026-01-31T00:00:00Z")
        if bounds[0] >= bounds[1]:
            self.fault("valid_to is not after valid_from", "exchange them or correct one")
        return bounds[0], bounds[1]

    def _buffer_nm(self) -> float:
        value = self.properties.get("buffer_nm")
        if value is None:
            return 0.0
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= BUFFER_NM_MAX:
            self.fault(f"buffer_nm {value!r} is out of range", f"give nautical miles, 0 to {BUFFER_NM_MAX:g}")
            return 0.0
        return float(value)

    def _geometry(self) -> tuple[bool, np.ndarray] | None:
        """(is it an area, edges) or None after a fault."""
        geometry = self.feature.get("geometry")
        shape = geometry.get("type") if isinstance(geometry, dict) else None
        coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
        if shape not in ("Polygon", "MultiPolygon", "LineString", "MultiLineString"):
            self.fault(f"geometry is {shape or 'empty'}", "draw a Polygon, MultiPolygon, LineString or MultiLineString")
            return None
        if not isinstance(coordinates, list) or not coordinates:
            self.fault("has no coordinates", "draw it, or remove the feature")
            return None
        is_area = shape.endswith("Polygon")
        parts = coordinates if shape.startswith("Multi") else [coordinates]
        if not is_area:
            lines = [self._positions(part, closed=False) for part in parts]
            return None if self.faults else (False, _edges([path for path in lines if path is not None]))
        polygons = []
        for part in parts:
            if not isinstance(part, list) or not part:
                self.fault("has an empty part", "remove the part, or draw it")
                return None
            paths = [self._positions(raw, closed=True) for raw in part]
            polygons.append([ring for ring in paths if ring is not None])
        if self.faults:
            return None
        shapes = [shapely.Polygon(rings[0], rings[1:]) for rings in polygons]
        whole = shapes[0] if len(shapes) == 1 else shapely.MultiPolygon(shapes)
        if not whole.is_valid:
            reason = shapely.is_valid_reason(whole)
            self.fault(
                f"its outline is not valid: {reason} (longitude latitude)", "an outline must not cross or touch itself, nor parts overlap; redraw it there"
            )
            return None
        return True, _edges([ring for rings in polygons for ring in rings])

    def _positions(self, raw: Any, *, closed: bool) -> np.ndarray | None:
        """float64[n, 2] (lon, lat) of one ring or line, or None after a fault: the first of its geometry, the rest may follow from it."""
        if self.broken:
            return None
        rows = self._checked_positions(raw, closed)
        self.broken = rows is None
        return rows

    def _checked_positions(self, raw: Any, closed: bool) -> np.ndarray | None:
        word = "ring" if closed else "line"
        if not isinstance(raw, list) or not all(isinstance(p, list) and len(p) >= 2 and all(_is_number(v) for v in p[:2]) for p in raw):
            self.fault(f"a {word} is not a list of [longitude, latitude]", "check the nesting of its coordinates and that all are numbers")
            return None
        if len(raw) < (4 if closed else 2):
            self.fault(f"a {word} has {len(raw)} positions", "a ring needs at least 4, the first repeated at the end" if closed else "a line needs at least 2")
            return None
        rows = np.array([p[:2] for p in raw], np.float64)
        outside = ~((np.abs(rows[:, 0]) <= 180) & (np.abs(rows[:, 1]) <= 90))
        if outside.any():
            self.fault(*_range_fault(rows, int(np.argmax(outside)), int(outside.sum())))
            return None
        steps = np.abs(np.diff(rows[:, 0]))
        wide = (steps > 180) & ~((np.abs(rows[:-1, 1]) == 90) & (rows[:-1, 1] == rows[1:, 1]))
        if wide.any():
            k = int(np.argmax(wide))
            self.fault(
                f"an edge runs from longitude {rows[k, 0]:g} to {rows[k + 1, 0]:g}, more than half around the world",
                f"cut the {word} at the 180th meridian into two parts (RFC 7946 3.1.9); if it is meant, add a position between",
            )
            return None
        if closed and not np.array_equal(rows[0], rows[-1]):
            self.fault(f"a ring is not closed: first {rows[0].tolist()}, last {rows[-1].tolist()}", "repeat the first position at the end")
            return None
        if (np.rint(rows * UNITS_PER_DEG) == np.rint(rows[0] * UNITS_PER_DEG)).all():
            self.fault(f"a {word} is a single point", "draw it, or remove the feature")
            return None
        return rows


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _range_fault(rows: np.ndarray, k: int, count: int) -> tuple[str, str]:
    lon, lat = (float(v) for v in rows[k])
    what = f"position {k + 1} is longitude {lon:g}, latitude {lat:g}, out of range" + (f" (and {count - 1} more)" if count > 1 else "")
    if not (math.isfinite(lon) and math.isfinite(lat)):
        return what, "every coordinate must be a finite number"
    if abs(lat) <= 180 and abs(lon) <= 90:
        return what, "GeoJSON writes [longitude, latitude]: are they swapped?"
    if abs(lon) > 1000 or abs(lat) > 1000:
        return what, "these look like metres: export in degrees, WGS 84 (EPSG:4326)"
    return what, "longitudes are -180 to 180, latitudes -90 to 90; cut areas that pass the 180th meridian (RFC 7946 3.1.9)"


def _edges(paths: list[np.ndarray]) -> np.ndarray:
    """int32[n, 4] edges in units; edges that rounding made into points are dropped."""
    pieces = []
    for path in paths:
        units = np.rint(path * UNITS_PER_DEG).astype(np.int32)
        rows = np.column_stack([units[:-1, 1], units[:-1, 0], units[1:, 1], units[1:, 0]])
        pieces.append(rows[(rows[:, :2] != rows[:, 2:]).any(axis=1)])
    return np.ascontiguousarray(np.concatenate(pieces))
