"""Zones from disk. The only file of this room, with the build script, that may touch files; everything else is pure.

May hold: opening, size limits, formats, coordinate systems, messages for what cannot be opened. May not: the rules of a
zones file (`geojson.py`): whatever the format, features become GeoJSON in WGS 84 and are judged there.
GeoJSON needs nothing but Python; GeoPackage, Shapefile (also in a .zip), KML and KMZ need the extra `zones` (pyogrio, which
brings GDAL, and pyproj). A Shapefile cuts names after ten letters: `tolerance_` is read as `tolerance_nm`.
"""

from __future__ import annotations

import html
import importlib
import json
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from dogwatch.errors import ConfigError, InputError
from zones.coast import COLUMNS, Coast
from zones.geojson import Drawn, Fault, ZoneSet, drawn_of, load_zones, zone_set
from zones.kinds import KNOWN
from zones.ports import Ports

DATA_DIR = Path(__file__).parent / "data"
FILE_BYTES_MAX = 64 << 20
GIS_BYTES_MAX = 512 << 20  # a GeoPackage of the world's EEZs has 160 MB
GIS_SUFFIXES = (".gpkg", ".shp", ".zip", ".kml", ".kmz")
EXTRA = "pip install 'dogwatch[zones]' (make install brings it)"
WGS84 = ("EPSG:4326", "OGC:CRS84")
KML_WORD = re.compile(r"<(?:\w+:)?(/?Placemark|name|begin|end)\b[^>]*>\s*([^<]*)")
KML_TIME = re.compile(r"\d{4}-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?|Z)?)?)?")  # what GDAL reads whole: of other times it drops a part, or all
REBUILD = "run `make install` (or `python -m zones.build`); a wheel brings the data with it"

__all__ = ["DATA_DIR", "land_path", "load_zones", "read_coast", "read_drawn", "read_origin", "read_ports", "read_text", "read_zones"]


def read_text(path: str | Path) -> str:
    """UTF-8 text of a zones file. Raises ConfigError when it cannot be read."""
    path = Path(path)
    try:
        if path.is_dir():
            raise ConfigError("is a directory", file=str(path), remedy="name the GeoJSON file in it")
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(f"is larger than {FILE_BYTES_MAX >> 20} MB", file=str(path), remedy="simplify the areas")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as fault:
        raise ConfigError("no such file", file=str(path), remedy="check the path; relative paths begin at the current directory") from fault
    except UnicodeDecodeError as fault:
        raise ConfigError(f"is not UTF-8 text (byte {fault.start})", file=str(path), remedy="save it as UTF-8") from fault
    except OSError as fault:
        raise ConfigError(f"cannot be read: {fault.strerror}", file=str(path), remedy="check its permissions") from fault


def read_zones(path: str | Path) -> ZoneSet:
    """The zones of one file of any format. Raises one ConfigError that lists every fault."""
    return zone_set(read_drawn(path), str(path))


def read_drawn(path: str | Path) -> Drawn:
    """The features of a file as GeoJSON in WGS 84, in its order. Raises ConfigError when it cannot be read."""
    if Path(path).suffix.lower() in GIS_SUFFIXES:
        return _read_gis(Path(path))
    drawn = drawn_of(read_text(path))
    if not drawn.crs:
        return drawn
    move = _to_wgs84(drawn.crs, str(path))
    return Drawn([_moved(feature, move) for feature in drawn.features], drawn.lines, drawn.faults)


def _read_gis(path: Path) -> Drawn:
    """Features of every layer. A feature that names no id, but has a name (as a KML placemark has), takes that as its id."""
    pyogrio = _extra("pyogrio", path)
    if not path.is_file():
        what, remedy = (
            ("is a directory", "name the file in it") if path.is_dir() else ("no such file", "check the path; relative paths begin at the current directory")
        )
        raise ConfigError(what, file=str(path), line=0, remedy=remedy)
    if path.stat().st_size > GIS_BYTES_MAX:
        raise ConfigError(f"is larger than {GIS_BYTES_MAX >> 20} MB", file=str(path), line=0, remedy="simplify the areas")
    features: list[Any] = []
    faults: list[Fault] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what GDAL would say on stderr names no feature; what it means for a zone is judged below
            for where in _parts(path):
                for layer, shape in pyogrio.list_layers(where):
                    if shape is not None:
                        features += _layer(pyogrio, where, layer, path, faults)
        faults += _unread_times(path)
    except ConfigError:
        raise
    except UnicodeDecodeError as fault:
        what, remedy = "its names are not in the encoding that it says", "correct the .cpg file beside it (UTF-8, or CP1252), or export in UTF-8"
        raise ConfigError(what, file=str(path), line=0, remedy=remedy) from fault
    except Exception as fault:  # GDAL raises what it likes; whatever it is, the file is the cause
        raise ConfigError(f"cannot be read: {fault}", file=str(path), line=0, remedy="is it a whole file of the format that its name says?") from fault
    return Drawn(features, [0] * len(features), faults)


def _parts(path: Path) -> list[str]:
    """Where GDAL finds what the file holds: in a .zip, every Shapefile and GeoPackage in whatever folder (Marine Regions packs one)."""
    if path.suffix.lower() != ".zip":
        return [str(path)]
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if name.lower().endswith((".shp", ".gpkg")) and not name.startswith("__MACOSX/"))
    if not names:
        raise ConfigError("holds no Shapefile and no GeoPackage", file=str(path), line=0, remedy="pack the .shp with its .dbf, .shx and .prj")
    return [f"/vsizip/{{{path.resolve()}}}/{name}" for name in names]


def _layer(pyogrio: Any, where: str, layer: str, path: Path, faults: list[Fault]) -> list[dict[str, Any]]:
    meta, _, shapes, columns = pyogrio.raw.read(where, layer=layer, force_2d=True, datetime_as_string=True)  # as text a time keeps its zone
    names = [_our_name(str(name), path.suffix.lower()) for name in meta["fields"]]
    geometries = shapely.from_wkb(shapes, on_invalid="ignore")
    move = None
    if meta["crs"] is None:
        faults.append(Fault(0, f"layer '{layer}'", "names no coordinate system", "add the .prj file, or export in WGS 84 (EPSG:4326)"))
    elif meta["crs"] not in WGS84:
        move = _to_wgs84(meta["crs"], str(path))
    features = []
    for k, geometry in enumerate(geometries):
        properties = {name: value for name, column in zip(names, columns, strict=True) if (value := _plain(column[k])) is not None}
        for name in ("evidence", "buffer_nm", "tolerance_nm"):  # a format without such a type keeps them as text
            if isinstance(properties.get(name), str):
                properties[name] = _json(properties[name])
        if not properties.get("id") and not any(key.lower() in ("mrgid", "line_id") for key in properties):
            properties["id"] = properties.get("name") or ""
        drawn = json.loads(shapely.to_geojson(geometry)) if geometry is not None else _as_drawn(shapes[k]) if shapes[k] is not None else None
        feature = {"type": "Feature", "properties": properties, "geometry": drawn}
        features.append(_moved(feature, move) if move else feature)
    return features


def _as_drawn(wkb: bytes) -> dict[str, Any]:
    """A polygon that GEOS does not take, because a ring is not closed or too short, as GeoJSON: it is judged by name, as any other."""
    kind, count = struct.unpack_from("<xII", wkb)
    if kind not in (3, 6):
        return {"type": {2: "LineString", 5: "MultiLineString"}.get(kind, f"of an unknown kind ({kind})")}
    parts, at = [], 9 if kind == 6 else 0
    for _ in range(count if kind == 6 else 1):
        rings = []
        (ring_count,) = struct.unpack_from("<I", wkb, at + 5)
        at += 9
        for _ in range(ring_count):
            (positions,) = struct.unpack_from("<I", wkb, at)
            rings.append(np.frombuffer(wkb, "<f8", 2 * positions, at + 4).reshape(-1, 2).tolist())
            at += 4 + 16 * positions
        parts.append(rings)
    return {"type": "MultiPolygon", "coordinates": parts} if kind == 6 else {"type": "Polygon", "coordinates": parts[0]}


def _unread_times(path: Path) -> list[Fault]:
    """The times of placemarks that GDAL would drop without a word, so that a zone would hold for ever."""
    suffix = path.suffix.lower()
    if suffix == ".kmz":
        with zipfile.ZipFile(path) as archive:
            texts = [archive.read(name).decode("utf-8", "replace") for name in archive.namelist() if name.lower().endswith(".kml")]
    else:
        texts = [path.read_text("utf-8", "replace")] if suffix == ".kml" else []
    faults, within, name = [], False, ""
    for word, said in (found.groups() for text in texts for found in KML_WORD.finditer(text)):
        if word.endswith("Placemark"):
            within, name = word == "Placemark", ""
        elif word == "name":
            name = html.unescape(said.strip())
        elif within and said.strip() and not KML_TIME.fullmatch(said.strip()):
            faults.append(Fault(0, f"'{name}'", f"{word} '{said.strip()}' is not a time", "write ISO 8601 with month and day, as in 2026-01-31T00:00:00Z"))
    return faults


def _our_name(name: str, suffix: str) -> str:
    """A column in our words: capitals and the ten letters of a Shapefile make no difference, nor does what KML calls its times."""
    lower = name.lower()
    if suffix in (".kml", ".kmz") and lower in ("begin", "end"):
        return {"begin": "valid_from", "end": "valid_to"}[lower]
    if lower in KNOWN:
        return lower
    cut = [word for word in KNOWN if len(word) > 10 and word[:10] == lower]
    return cut[0] if cut else name


def _plain(value: Any) -> Any:
    """A value of a column as JSON would have it; None for what is missing."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value == "" or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _to_wgs84(crs: str, file: str) -> Callable[[np.ndarray], np.ndarray]:
    """Turns float64[n, 2] (x, y) of a coordinate system into (longitude, latitude). Raises ConfigError when nobody knows the system."""
    pyproj = _extra("pyproj", Path(file))
    try:
        transformer = pyproj.Transformer.from_crs(pyproj.CRS.from_user_input(crs), "EPSG:4326", always_xy=True)
    except pyproj.exceptions.ProjError as fault:
        raise ConfigError(f"unknown coordinate system {crs[:80]}", file=file, line=0, remedy="export in WGS 84 (EPSG:4326)") from fault
    return lambda xy: np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))


def _moved(feature: Any, move: Callable[[np.ndarray], np.ndarray]) -> Any:
    """A copy of a GeoJSON feature with every position moved; what has no readable geometry stays as it is, to be judged later."""
    geometry = feature.get("geometry") if isinstance(feature, dict) else None
    if not isinstance(geometry, dict):
        return feature
    try:
        shape = shapely.transform(shapely.from_geojson(json.dumps(geometry)), move)
    except shapely.errors.GEOSException:
        return feature
    return {**feature, "geometry": json.loads(shapely.to_geojson(shape))}


def _extra(name: str, path: Path) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as fault:
        raise ConfigError(f"{path.suffix or 'this file'} needs the Python package {name}", file=str(path), line=0, remedy=EXTRA) from fault


def read_coast(folder: Path = DATA_DIR) -> Coast:
    """The coast that the build made. Raises InputError when it is absent or damaged."""
    data = _read_npz(folder / "coast.npz")
    try:
        return Coast(**{name: np.ascontiguousarray(data[name]) for name in COLUMNS}, origin=str(data["origin"]))
    except KeyError as fault:
        raise InputError(f"{folder / 'coast.npz'} lacks {fault}", remedy=REBUILD) from fault


def read_ports(folder: Path = DATA_DIR) -> Ports:
    """The ports that the build found (there may be none). Raises InputError when the file is absent or damaged."""
    data = _read_npz(folder / "ports.npz")
    try:
        return Ports(data["lat"], data["lon"], tuple(data["ids"].tolist()), tuple(data["names"].tolist()))
    except KeyError as fault:
        raise InputError(f"{folder / 'ports.npz'} lacks {fault}", remedy=REBUILD) from fault


def read_origin(folder: Path = DATA_DIR) -> dict[str, Any]:
    """ORIGIN.json of the built data: sources, versions, licences, hashes."""
    try:
        return json.loads((folder / "ORIGIN.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise InputError(f"{folder / 'ORIGIN.json'} cannot be read", remedy=REBUILD) from fault


def land_path(folder: Path = DATA_DIR) -> Path:
    """Where the land for maps lies (GeoJSON, simplified). Raises InputError when it is absent."""
    path = folder / "land.geojson"
    if not path.is_file():
        raise InputError(f"{path} is absent", remedy=REBUILD)
    return path


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as fault:
        raise InputError(f"{path} is absent: the coast has not been built", remedy=REBUILD) from fault
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as fault:
        raise InputError(f"{path} is damaged: {fault}", remedy=REBUILD) from fault
