"""Builds zones/data from registry packages: `python -m zones.build --world-atlas node_modules/world-atlas --out zones/data`.

A script of the installation, with `load.py` the only file here that touches files. The same inputs give the same bytes.
- coast.npz: coast edges and their grid (`zones/coast.py`), from npm `world-atlas` land-10m.json.
- land.geojson: the same land, simplified, for maps; clipped to the square of Web Mercator.
- borders.geojson, names.geojson: lines between countries and their names, from npm `world-atlas` countries-10m.json; names of the ports.
- ports.npz: ports that lie at a coast, from the ports.geojson of the installed PyPI package `searoute` (none without it).
- ORIGIN.json: what it was made from, under which licences, with hashes; LICENSE-world-atlas.txt: the notice that goes with it.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from dogwatch.errors import DogwatchError, InputError
from zones.coast import COLUMNS, Coast, build_coast
from zones.names import borders, names
from zones.ports import Ports, build_ports
from zones.rings import UNITS_PER_DEG, edges_of, flat_polygons, polygons_of, united

COUNTRIES = "countries-10m.json"
MERCATOR_LAT_DEG = 85.0511  # the square map of Web Mercator ends here
LAND_TOLERANCE_DEG = 0.022  # a mile and a third: below a pixel of the map up to zoom 5
LAND_ISLET_DEG2 = 2e-4  # smaller islets are not painted (0.7 square miles at the equator)
PORT_TO_COAST_NM = 2.0  # a "port" farther out at sea than this is a slip in the table: a mask in open water would hide things


def main(argv: list[str] | None = None) -> int:
    """Build everything; prints one line per output. Exit code 0, or 2 with one message."""
    parser = argparse.ArgumentParser(prog="python -m zones.build", description="Build the coast, land and ports that dogwatch ships.")
    parser.add_argument("--world-atlas", type=Path, default=Path("node_modules/world-atlas"), help="folder of the npm package world-atlas")
    parser.add_argument("--ports", type=Path, default=None, help="GeoJSON points with 'port' and 'name' (default: from the PyPI package searoute)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data", help="folder to write")
    options = parser.parse_args(argv)
    try:
        for line in build(options.world_atlas, options.ports, options.out):
            print(line)
    except DogwatchError as fault:
        print(f"zones.build: {fault}", file=sys.stderr)
        return fault.exit_code
    return 0


def build(world_atlas: Path, ports_path: Path | None, out: Path) -> list[str]:
    """Write the files into `out`; returns one line for each kind of data. Raises InputError when a source is absent or unreadable."""
    source = world_atlas / "land-10m.json"
    text = _read(source, "run `npm ci` first")
    package = json.loads(_read(world_atlas / "package.json", "run `npm ci` first"))
    land = united(polygons_of(text, "land"))
    coast = build_coast(edges_of(land), origin="ne10m")
    out.mkdir(parents=True, exist_ok=True)
    _save_npz(out / "coast.npz", {name: np.asarray(getattr(coast, name)) for name in (*COLUMNS, "origin")})
    painted = land_for_maps(land)
    (out / "land.geojson").write_text(painted, encoding="utf-8")
    ports_text, ports_origin = _ports_source(ports_path)
    ports, dropped = ports_at_coast(ports_text, coast)
    _save_npz(out / "ports.npz", {"lat": ports.lat, "lon": ports.lon, "ids": np.array(ports.ids, np.str_), "names": np.array(ports.names, np.str_)})
    countries = _read(world_atlas / COUNTRIES, "run `npm ci` first")
    (out / "borders.geojson").write_text(borders(countries), encoding="utf-8")
    (out / "names.geojson").write_text(names(countries, ports), encoding="utf-8")
    coast_origin = {"package": "npm world-atlas", "version": package["version"], "licence": f"{package['license']}; data: Natural Earth, public domain"}
    origin = {
        "built_by": "python -m zones.build",
        "coast": {**coast_origin, "file": source.name, "sha256": sha256(text.encode("utf-8")).hexdigest(), "version_text": coast.version()},
        "countries": {**coast_origin, "file": COUNTRIES, "sha256": sha256(countries.encode("utf-8")).hexdigest()},
        "ports": {**ports_origin, "kept": len(ports.ids), "dropped": dropped},
        "notice": "Made with Natural Earth. Approximate: not for navigation, not for legal use.",
    }
    (out / "LICENSE-world-atlas.txt").write_text(_read(world_atlas / "LICENSE", "run `npm ci` first"), encoding="utf-8")
    (out / "ORIGIN.json").write_text(json.dumps(origin, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return [
        f"{out / 'coast.npz'}: {len(coast.edges)} coast edges, {coast.version()}",
        f"{out / 'land.geojson'}: {len(painted) / 1e6:.2f} MB",
        *(f"{out / name}: {(out / name).stat().st_size / 1e6:.2f} MB" for name in ("borders.geojson", "names.geojson")),
        f"{out / 'ports.npz'}: {len(ports.ids)} ports ({ports_origin['package']}), dropped: {dropped}",
    ]


def land_for_maps(polygons: list[Any]) -> str:
    """One GeoJSON Feature text: the land as a MultiPolygon in degrees, three decimals, valid in the plane, no edge over 180."""
    frame = shapely.box(-180, -MERCATOR_LAT_DEG, 180, MERCATOR_LAT_DEG)
    scaled = shapely.transform(np.array(polygons, object), lambda xy: xy / UNITS_PER_DEG)
    kept = [p for p in scaled if p.area >= LAND_ISLET_DEG2]
    thin = shapely.simplify(np.array(kept, object), LAND_TOLERANCE_DEG, preserve_topology=True)
    clipped = shapely.intersection(shapely.make_valid(thin), frame)
    snapped = shapely.union_all(clipped, grid_size=0.001)
    rings = [[_ring(part.exterior), *(_ring(hole) for hole in part.interiors)] for part in flat_polygons(shapely.normalize(snapped))]
    rings.sort(key=lambda polygon: polygon[0])
    feature = {"type": "Feature", "properties": {"source": "Natural Earth 1:10m via world-atlas"}, "geometry": {"type": "MultiPolygon", "coordinates": rings}}
    return json.dumps(feature, separators=(",", ":"))


def _ring(ring: Any) -> list[list[float]]:
    """Coordinates to three decimals; edges longer than 90 degrees get positions between, so that no reader takes the short way round."""
    rows = np.round(shapely.get_coordinates(shapely.segmentize(ring, 90.0)), 3) + 0.0
    return rows.tolist()


def ports_at_coast(text: str, coast: Coast) -> tuple[Ports, dict[str, int]]:
    """Ports of a GeoJSON point collection, first row of each code; those far out at sea are dropped. Also counts by reason."""
    rows: dict[str, tuple[int, int, str, str]] = {}
    dropped = {"duplicate": 0, "bad_position": 0, "at_sea": 0}
    for feature in json.loads(text)["features"]:
        lon, lat = feature["geometry"]["coordinates"][:2]
        code = str(feature["properties"]["port"])
        if not (abs(lon) <= 180 and abs(lat) <= 90):
            dropped["bad_position"] += 1
        elif code in rows:
            dropped["duplicate"] += 1
        else:
            rows[code] = (round(lat * UNITS_PER_DEG), round(lon * UNITS_PER_DEG), code, str(feature["properties"].get("name") or code))
    found = sorted(rows.values())
    lats, lons = np.array([r[0] for r in found], np.int64), np.array([r[1] for r in found], np.int64)
    near = coast.distance_nm(lats, lons) <= PORT_TO_COAST_NM
    dropped["at_sea"] = int((~near).sum())
    return build_ports([row for row, keep in zip(found, near, strict=True) if keep]), dropped


def _ports_source(path: Path | None) -> tuple[str, dict[str, str]]:
    """(GeoJSON text, where it is from): the given file, else the installed searoute, else none."""
    package, version, licence = "none", "", ""
    if path is None:
        try:
            found = importlib.metadata.distribution("searoute")
            path = Path(str(found.locate_file("searoute/data/ports.geojson")))
            package, version = "PyPI searoute", found.version
            licence = "Apache-2.0; positions: UN/LOCODE (UNECE), as its author states"
        except importlib.metadata.PackageNotFoundError:
            return '{"features": []}', {"package": "none", "version": "", "licence": "", "sha256": ""}
    else:
        package = path.name
    text = _read(path, "name a GeoJSON file of points")
    return text, {"package": package, "version": version, "licence": licence, "sha256": sha256(text.encode("utf-8")).hexdigest()}


def _read(path: Path, remedy: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as fault:
        raise InputError(f"{path} cannot be read: {fault.strerror}", remedy=remedy) from fault


def _save_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """NumPy stamps every member with 1980-01-01, so equal arrays give equal bytes (with one zlib)."""
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]  # the stub takes the keywords for allow_pickle


if __name__ == "__main__":
    raise SystemExit(main())
