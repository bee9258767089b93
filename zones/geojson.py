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
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import shapely

from dogwatch.errors import ConfigError
from dogwatch.geo import R_EARTH_M
from dogwatch.times import from_iso
from zones.kinds import CAREFUL, KINDS, KNOWN, NEEDS_AREA, PROPOSAL, SHIP_TYPES_MIN_IN_BORDER, SIDES, SUBKINDS, understood
from zones.polygons import ALWAYS

RESERVED = ("belt-", "port-")  # ids of the built-in set
ZONES_MAX = 10_000  # relations ask every zone: beyond this the answer is slow
VERTICES_MAX = 1_000_000  # 16 MB of edges
BUFFER_NM_MAX = 60.0
FAULTS_MAX = 50  # printed; the count is always told
ID_LETTERS_MAX = 200  # an id stands in every event that names the zone
UNITS_PER_DEG = 600_000
_GAP = re.compile(r"[\s,]*")
_NUMBER = re.compile(r"-?[0-9.]+(?:e[+-]?[0-9]+)?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")  # what no terminal should be told


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a zones file. `feature` names it ('zone-1' or 'feature 3'), line is 1-based; 0 where a file has no lines.

    `place`: longitude and latitude (degrees) of the vertex or crossing that it is about, where it is about one.
    """

    line: int
    feature: str
    what: str
    remedy: str
    place: tuple[float, float] | None = None

    def text(self) -> str:
        """'feature: what. remedy' (without the place)."""
        return f"{self.feature}: {self.what}. {self.remedy}" if self.feature else f"{self.what}. {self.remedy}"

    def at(self, file: str) -> str:
        """'zones.geojson:12', or the file alone where it has no lines."""
        return f"{file}:{self.line}" if self.line else file


@dataclass(frozen=True, slots=True)
class Zone:
    """One zone. edges int32[n, 4] (lat_a, lon_a, lat_b, lon_b) in units; times UTC ms, half-open; buffer_nm widens it.

    A point is one edge without length. `kind` is `proposal` until somebody approves it, and `proposed` what it would then be.
    `inside`: the side of a border that is in, 'left' or 'right' along the line as drawn, '' unknown. `tolerance_nm`: how far
    the line drawn may lie from the true one (0: taken as exact). area_km2 without the buffer.
    """

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
    subkind: str = ""
    inside: str = ""
    source: str = ""
    licence: str = ""
    tolerance_nm: float = 0.0
    proposed: str = ""
    area_km2: float = 0.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """A zones file before its zones are looked at: features as GeoJSON, 1-based line of each (0 unknown), its coordinate system if not WGS 84."""

    features: list[Any]
    lines: list[int]
    faults: list[Fault]
    crs: str = ""


@dataclass(frozen=True, slots=True)
class ZoneSet:
    """The zones of one file, in its order."""

    file: str
    zones: tuple[Zone, ...]


def load_zones(text: str, *, file: str = "zones.geojson") -> ZoneSet:
    """Zones from GeoJSON text. Raises one ConfigError that lists every fault with line, feature and remedy."""
    return zone_set(drawn_of(text), file)


def zone_set(drawn: Drawn, file: str) -> ZoneSet:
    """The zones of a file. Raises one ConfigError that lists every fault."""
    zones, faults = examine_drawn(drawn, file)
    if not faults:
        return ZoneSet(file, tuple(zones))
    first = faults[0]
    if len(faults) == 1:
        raise ConfigError(first.what, file=file, line=first.line, key=first.feature, remedy=first.remedy)
    listed = "\n".join(f"  {fault.at(file)}: {fault.text()}" for fault in faults[:FAULTS_MAX])
    more = f"\n  ... and {len(faults) - FAULTS_MAX} more" if len(faults) > FAULTS_MAX else ""
    raise ConfigError(f"{len(faults)} faults:\n{listed}{more}\nCorrect them all; the rules are in docs/zones.md", file=file, line=first.line)


def examine(text: str, *, file: str) -> tuple[list[Zone], list[Fault]]:
    """The zones that are right and the faults of the others; never raises on bad text."""
    return examine_drawn(drawn_of(text), file)


def drawn_of(text: str) -> Drawn:
    """The features of GeoJSON text and where each stands; never raises on bad text."""
    text = text.removeprefix("\ufeff")
    try:
        document = json.loads(text)
    except json.JSONDecodeError as fault:
        return Drawn([], [], [Fault(fault.lineno, "", f"not JSON: {fault.msg} at column {fault.colno}", "correct the syntax")])
    except ValueError:  # Python reads no number of more than 4,300 digits
        return Drawn([], [], [Fault(1, "", "not a zones file: a number of thousands of digits", "export a plain FeatureCollection")])
    except RecursionError:
        return Drawn([], [], [Fault(1, "", "not a zones file: nested too deeply", "export a plain FeatureCollection")])
    kind = document.get("type") if isinstance(document, dict) else type(document).__name__
    if kind != "FeatureCollection":
        what = f"the file is a {kind!r}, not a FeatureCollection"
        return Drawn([], [], [Fault(1, "", what, 'wrap it: {"type": "FeatureCollection", "features": [...]}')])
    features = document.get("features")
    if not isinstance(features, list):
        features = []
    lines = _feature_lines(text, len(features))
    if "\\ud" in text.lower():
        for index, feature in enumerate(features):
            if _halved(feature):
                what = "holds half of a character (a surrogate without its other half)"
                return Drawn([], [], [Fault(lines[index], _label(said_of(feature)[2], index), what, "write it again as plain text")])
    return Drawn(features, lines, [], _crs(document.get("crs")))


def _halved(feature: Any) -> bool:
    try:
        json.dumps(feature, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _label(name: str, index: int) -> str:
    shown = name.isprintable() or not (_CONTROL.search(name) or _halved(name))
    return (f"'{name}'" if shown else ascii(name)) + f" (feature {index + 1})" if name else f"feature {index + 1}"


def examine_drawn(drawn: Drawn, file: str) -> tuple[list[Zone], list[Fault]]:
    """The zones that are right and the faults of the others."""
    features, lines, faults = drawn.features, drawn.lines, list(drawn.faults)
    if faults and not features:
        return [], faults
    if drawn.crs:
        faults.append(Fault(1, "", f"coordinate system {drawn.crs[:80]}", "export in WGS 84 (EPSG:4326)"))
    if not features:
        return [], [*faults, Fault(1, "", "no features", "a zones file holds at least one zone; to have none, name no file")]
    if len(features) > ZONES_MAX:
        return [], [*faults, Fault(1, "", f"{len(features)} features; at most {ZONES_MAX} are allowed", "keep the zones that your watch needs")]
    zones: list[Zone] = []
    seen: dict[str, str] = {}
    for index, feature in enumerate(features):
        reader = _Feature(feature, index, lines[index], file)
        zone = reader.read()
        if reader.id and reader.id in seen:
            reader.fault(f"id '{reader.id}' is taken by the feature {seen[reader.id]}", "give every zone an id of its own")
        elif reader.id:
            seen[reader.id] = f"in line {lines[index]}" if lines[index] else f"number {index + 1}"
        faults += reader.faults
        if zone is not None and not reader.faults:
            zones.append(zone)
    vertices = sum(len(zone.edges) for zone in zones)
    if vertices > VERTICES_MAX:
        faults.append(Fault(1, "", f"{vertices} edges; at most {VERTICES_MAX} are allowed", "simplify the areas (a tolerance of 0.0005 degree is 50 m)"))
    return zones, faults


def _crs(member: Any) -> str:
    """The coordinate system of a GeoJSON 2008 `crs` member, '' where it is WGS 84 or not named."""
    if member is None:
        return ""
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    text = name if isinstance(name, str) else json.dumps(member)
    return "" if "CRS84" in text or re.search(r"\b4326\b", text) else text


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
        self.properties, self.id, self.name = said_of(feature)
        self.label = _label(self.name, index)

    def fault(self, what: str, remedy: str, place: Iterable[float] | None = None) -> None:
        at = None if place is None else _place(place)
        self.faults.append(Fault(self.line, self.label, what, remedy, at))

    def read(self) -> Zone | None:
        if not isinstance(self.feature, dict) or self.feature.get("type") != "Feature":
            self.fault("is not a Feature", 'its "type" must be "Feature"')
            return None
        unfit = [key for key, value in self.properties.items() if _CONTROL.search(f"{key}{value}" if key in KNOWN and isinstance(value, str) else key)]
        if unfit or _CONTROL.search(self.id):
            self.fault(f"property {(*unfit, 'id')[0]!a} holds a control character", "write it again as plain text")
            return None
        if not self.id:
            self.fault("has no id", 'add "id": a short text, unique, in its properties')
        elif len(self.id) > ID_LETTERS_MAX:
            self.fault(f"its id has {len(self.id)} letters", f"give it one of at most {ID_LETTERS_MAX}")
        elif self.id.startswith(RESERVED):
            self.fault(f"id '{self.id}' begins with a reserved word", f"ids that begin with {' or '.join(RESERVED)} belong to the built-in set")
        for key in self.properties:
            near = difflib.get_close_matches(str(key).lower(), CAREFUL, 1, 0.85)
            if near and key not in CAREFUL:
                self.fault(f"unknown property '{key}'", f"did you mean '{near[0]}'?")
        kind, validity_ms, buffer_nm, tolerance_nm = self._kind(), self._validity_ms(), self._miles("buffer_nm"), self._miles("tolerance_nm")
        subkind, approved = self._subkind(kind), self._approved()
        drawn = self._geometry(buffer_nm)
        if drawn is None or self.faults:
            return None
        is_area, edges, area_km2 = drawn
        if not is_area and kind in NEEDS_AREA and buffer_nm == 0:
            self.fault(f"a line cannot be a '{kind}'", 'draw a polygon, or give the line a width with "buffer_nm"')
            return None
        inside = self._side(kind, is_area)
        owner, source, licence = (str(self.properties.get(key) or "") for key in ("owner", "source", "licence"))
        version = self.properties.get("version")
        if version is None or version == "":
            more = "" if approved and not subkind and not inside else f"|{subkind}|{inside}|{approved}"
            digest = blake2b(edges.astype("<i4").tobytes() + f"{kind}|{buffer_nm}|{validity_ms}{more}".encode(), digest_size=4)
            version = f"h-{digest.hexdigest()}"
        elif not approved:
            version = f"{version}-proposal"  # the yes changes what it does, and so its version
        if self.faults:
            return None
        drawn_as = (*validity_ms, buffer_nm, is_area, edges, self.file, subkind, inside, source, licence, tolerance_nm)
        return Zone(self.id, self.name, kind if approved else PROPOSAL, str(version), owner, *drawn_as, "" if approved else kind, area_km2)

    def _kind(self) -> str:
        kind = self.properties.get("kind")
        if kind is None:
            self.fault("has no kind", f'add "kind": one of {", ".join(KINDS)}')
        elif kind not in KINDS:
            near = difflib.get_close_matches(str(kind).lower(), KINDS, 1, 0.5)
            known = f"known kinds: {', '.join(KINDS)}"
            self.fault(f"unknown kind '{kind}'", f"did you mean '{near[0]}'? {known}" if near else known)
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

    def _miles(self, key: str) -> float:
        value = self.properties.get(key)
        if value is None:
            return 0.0
        if not _is_number(value) or not 0 <= value <= BUFFER_NM_MAX:
            self.fault(f"{key} {value!r} is out of range", f"give nautical miles, 0 to {BUFFER_NM_MAX:g}")
            return 0.0
        return float(value)

    def _subkind(self, kind: str) -> str:
        value = self.properties.get("subkind")
        if value is None or kind not in KINDS:
            return ""
        known = SUBKINDS.get(kind, ())
        if value not in known:
            remedy = f"known for '{kind}': {', '.join(known)}" if known else f"a '{kind}' has none: remove it"
            self.fault(f"unknown subkind '{value}'", remedy)
        return str(value)

    def _side(self, kind: str, is_area: bool) -> str:
        value = self.properties.get("inside")
        if value is None:
            return ""
        if value not in SIDES:
            self.fault(f"inside {value!r} is no side", "write left or right: the side that is in, looking along the line as it is drawn")
        elif kind != "border" or is_area:
            self.fault(f"a '{kind}' {'area' if is_area else 'line'} has no side", "remove 'inside'; only a border drawn as a line has one")
        return str(value)

    def _approved(self) -> bool:
        value = self.properties.get("approved")
        value = {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value
        if value is None or value is True or value is False:
            evidence = self.properties.get("evidence")
            learned = evidence if isinstance(evidence, dict) else {}
            types = learned.get("ship_types", 0)
            if value is True and learned.get("belt") == "border" and not (_is_number(types) and types >= SHIP_TYPES_MIN_IN_BORDER):
                what = f"a mask learned in the border belt from {types} types of ships"
                self.fault(what, f"it needs {SHIP_TYPES_MIN_IN_BORDER}: set approved to false, or draw a zone of your own if you know the place")
            return value is not False
        self.fault(f"approved {value!r} is neither true nor false", "write true when somebody has said yes")
        return False

    def _geometry(self, buffer_nm: float) -> tuple[bool, np.ndarray, float] | None:
        """(is it an area, edges, km2) or None after a fault."""
        geometry = self.feature.get("geometry")
        shape = geometry.get("type") if isinstance(geometry, dict) else None
        coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
        if shape == "Point" and buffer_nm > 0:
            at = self._positions([coordinates], closed=False, point=True)
            return None if at is None else (False, _edges([np.vstack([at, at])], keep=True), 0.0)
        if shape not in ("Polygon", "MultiPolygon", "LineString", "MultiLineString"):
            width = " without buffer_nm" if shape == "Point" else ""
            self.fault(f"geometry is {shape or 'empty'}{width}", "draw a Polygon, MultiPolygon, LineString or MultiLineString, or give a Point a buffer_nm")
            return None
        if not isinstance(coordinates, list) or not coordinates:
            self.fault("has no coordinates", "draw it, or remove the feature")
            return None
        parts = coordinates if shape.startswith("Multi") else [coordinates]
        if not shape.endswith("Polygon"):
            lines = [self._positions(part, closed=False) for part in parts]
            return None if self.faults else (False, _edges([path for path in lines if path is not None]), 0.0)
        polygons = []
        for part in parts:
            if not isinstance(part, list) or not part:
                self.fault("has an empty part", "remove the part, or draw it")
                return None
            paths = [self._positions(raw, closed=True) for raw in part]
            polygons.append([ring for ring in paths if ring is not None])
        if self.faults or not self._valid(polygons):
            return None
        area_km2 = sum(2 * ring_km2(rings[0]) - sum(map(ring_km2, rings)) for rings in polygons)
        return True, _edges([ring for rings in polygons for ring in rings]), round(area_km2, 3)

    def _valid(self, polygons: list[list[np.ndarray]]) -> bool:
        shapes = [shapely.Polygon(rings[0], rings[1:]) for rings in polygons]
        whole = shapes[0] if len(shapes) == 1 else shapely.MultiPolygon(shapes)
        if whole.is_valid:
            return True
        reason = shapely.is_valid_reason(whole)
        remedy = "an outline must not cross or touch itself, nor parts overlap; redraw it there"
        self.fault(f"its outline is not valid: {reason} (longitude latitude)", remedy, map(float, _NUMBER.findall(reason)[-2:]))
        return False

    def _positions(self, raw: Any, *, closed: bool, point: bool = False) -> np.ndarray | None:
        """float64[n, 2] (lon, lat) of one ring or line, or None after a fault: the first of its geometry, the rest may follow from it."""
        if self.broken:
            return None
        rows = self._checked_positions(raw, closed, point)
        self.broken = rows is None
        return rows

    def _checked_positions(self, raw: Any, closed: bool, point: bool) -> np.ndarray | None:
        word = "ring" if closed else "point" if point else "line"
        if not isinstance(raw, list) or not all(isinstance(p, list) and len(p) >= 2 and all(_is_number(v) for v in p[:2]) for p in raw):
            self.fault(f"a {word} is not a list of [longitude, latitude]", "check the nesting of its coordinates and that all are numbers")
            return None
        if not point and len(raw) < (4 if closed else 2):
            self.fault(f"a {word} has {len(raw)} positions", "a ring needs at least 4, the first repeated at the end" if closed else "a line needs at least 2")
            return None
        rows = np.array([p[:2] for p in raw], np.float64)
        outside = ~((np.abs(rows[:, 0]) <= 180) & (np.abs(rows[:, 1]) <= 90))
        if outside.any():
            k = int(np.argmax(outside))
            self.fault(*_range_fault(rows, k, int(outside.sum())), rows[k])
            return None
        if point:
            return rows
        steps = np.abs(np.diff(rows[:, 0]))
        wide = (steps > 180) & ~((np.abs(rows[:-1, 1]) == 90) & (rows[:-1, 1] == rows[1:, 1]))
        if wide.any():
            k = int(np.argmax(wide))
            self.fault(
                f"an edge runs from longitude {rows[k, 0]:g} to {rows[k + 1, 0]:g}, more than half around the world",
                f"cut the {word} at the 180th meridian into two parts (RFC 7946 3.1.9); if it is meant, add a position between",
                rows[k],
            )
            return None
        if closed and not np.array_equal(rows[0], rows[-1]):
            self.fault(f"a ring is not closed: first {rows[0].tolist()}, last {rows[-1].tolist()}", "repeat the first position at the end", rows[-1])
            return None
        if (np.rint(rows * UNITS_PER_DEG) == np.rint(rows[0] * UNITS_PER_DEG)).all():
            self.fault(f"a {word} is a single point", "draw it, or remove the feature", rows[0])
            return None
        return rows


def _place(place: Iterable[float]) -> tuple[float, float] | None:
    """Longitude and latitude as a place on a map; None of what lies on none."""
    lon, lat = (float(v) for v in place)
    return (lon, lat) if abs(lon) <= 180 and abs(lat) <= 90 else None


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**300)


def said_of(feature: Any) -> tuple[dict[str, Any], str, str]:
    """(the properties of a feature in our words, its id, its name: the id if it has none); '' for what is absent. Never raises.

    White space within a text of ours counts as one space, and a whole number is a text: tables keep ids as 17.0.
    """
    properties = feature.get("properties") if isinstance(feature, dict) else None
    said = {key: _spaced(value) if key in KNOWN else value for key, value in understood(properties).items()} if isinstance(properties, dict) else {}
    zone_id = _word(said.get("id", _spaced(feature.get("id")) if isinstance(feature, dict) else None))
    return said, zone_id, _word(said.get("name")) or zone_id


def _spaced(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value


def _word(value: Any) -> str:
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    return str(whole) if isinstance(whole, str) or (isinstance(whole, int) and _is_number(whole)) else ""


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


def ring_km2(ring: np.ndarray) -> float:
    """Area of one closed ring float64[n, 2] (lon, lat degrees) on the sphere, edges straight in longitude and latitude; never negative.

    By Green: the strip between an edge and the equator is its step in longitude times its mean sine of latitude.
    """
    lon, lat = np.radians(ring[:, 0]), np.radians(ring[:, 1])
    rise = np.diff(lat)
    flat = np.abs(rise) < 1e-12
    mean_sine = np.where(flat, np.sin(lat[:-1]), (np.cos(lat[:-1]) - np.cos(lat[1:])) / np.where(flat, 1.0, rise))
    return abs(float((np.diff(lon) * mean_sine).sum())) * (R_EARTH_M / 1000) ** 2


def _edges(paths: list[np.ndarray], keep: bool = False) -> np.ndarray:
    """int32[n, 4] edges in units; edges that rounding made into points are dropped, unless they are to be kept."""
    pieces = []
    for path in paths:
        units = np.rint(path * UNITS_PER_DEG).astype(np.int32)
        rows = np.column_stack([units[:-1, 1], units[:-1, 0], units[1:, 1], units[1:, 0]])
        pieces.append(rows if keep else rows[(rows[:, :2] != rows[:, 2:]).any(axis=1)])
    return np.ascontiguousarray(np.concatenate(pieces))
