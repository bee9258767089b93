"""What `dogwatch zones` says: are these files right, what is in force, what is at this place. May not: open files itself.

Reports are plain dicts (for --json, with `schema_version`); the `*_lines` functions turn them into text for people.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from dogwatch.errors import ConfigError
from dogwatch.times import iso
from zones.coast import Coast
from zones.geography import Geography
from zones.geojson import Drawn, Fault, Zone, examine_drawn
from zones.load import read_drawn
from zones.polygons import ALWAYS
from zones.repair import SLIVER_M, faults_of, repair, slivers

SCHEMA_VERSION = 2  # 2: notes are objects; zones have subkind, inside, source, licence, tolerance_nm, proposed, area_km2
UNITS_PER_DEG = 600_000
ASHORE_KINDS = ("port", "anchorage")  # on rivers and in basins the coarse coast does not show
EDGES_MANY = 10_000  # more than anybody drew by hand: likely an export that was never simplified


def check(paths: Sequence[str], coast: Coast | None = None) -> dict[str, Any]:
    """Examine zones files; `ok` is False when any of them has a fault. Never raises on a bad file.

    Notes are what does not stop a zone from working but looks like a slip: slivers, a zone drawn twice, axes that look
    exchanged (only with a `coast`: all of it ashore, and afloat once exchanged), far more edges than anybody draws.
    """
    files = []
    owner: dict[str, str] = {}
    drawings: dict[bytes, str] = {}
    for path in paths:
        zones, faults = _examined(path)
        notes = []
        for zone in zones:
            if zone.id in owner:
                faults.append(Fault(0, f"'{zone.name}'", f"id '{zone.id}' is also in {owner[zone.id]}", "give every zone an id of its own"))
            owner.setdefault(zone.id, path)
            notes += [{"feature": zone.name, "what": what} for what in _notes(zone, drawings, coast)]
        listed = [{"line": f.line, "feature": f.feature, "what": f.what, "remedy": f.remedy, "place": f.place} for f in faults]
        files.append({"file": path, "ok": not faults, "zones": [zone_summary(z) for z in zones], "faults": listed, "notes": notes})
    return {"schema_version": SCHEMA_VERSION, "ok": all(row["ok"] for row in files), "files": files}


def check_lines(report: dict[str, Any]) -> list[str]:
    """The report of `check` as text: every fault with file, line and remedy."""
    lines = []
    for row in report["files"]:
        lines.append(f"{row['file']}: {len(row['zones'])} zones, {len(row['faults']) or 'no'} faults, {len(row['notes']) or 'no'} notes")
        lines += [f"{Fault(**f).at(row['file'])}: {Fault(**f).text()}" for f in row["faults"]]
        lines += [f"{row['file']}: note: '{note['feature']}' {note['what']}" for note in row["notes"]]
        lines += [f"  {_zone_line(zone)}" for zone in row["zones"]]
    return lines


def repaired(path: str) -> tuple[str, list[str], list[Fault]]:
    """(a mended file as GeoJSON text, what was changed, what is still wrong). Raises ConfigError when it cannot be read, or holds no feature."""
    drawn = read_drawn(path)
    features, changes = repair(drawn)
    if not features:
        first = (drawn.faults or examine_drawn(drawn, path)[1])[0]
        raise ConfigError(f"nothing to mend: {first.what}", file=path, line=first.line, remedy=first.remedy)
    return collection_text(features), changes, [*drawn.faults, *faults_of(features, path)]


def collection_text(features: Sequence[Any]) -> str:
    """A FeatureCollection with a feature on each line, so that faults name lines and two versions can be compared."""
    rows = ",\n".join(msgspec.json.encode(feature).decode("utf-8") for feature in features)
    return '{"type": "FeatureCollection", "features": [\n' + rows + "\n]}\n"


def rings_of(edges: np.ndarray) -> list[np.ndarray]:
    """The closed rings float64[n, 2] (lon, lat degrees) of an area's edges int32[n, 4], in order: a ring ends where the next edge starts elsewhere."""
    ends = np.flatnonzero((edges[1:, :2] != edges[:-1, 2:]).any(axis=1)) + 1
    return [np.vstack([part[:, [1, 0]], part[-1:, [3, 2]]]) / UNITS_PER_DEG for part in np.split(edges, ends)]


def _notes(zone: Zone, drawings: dict[bytes, str], coast: Coast | None) -> list[str]:
    notes = []
    if len(zone.edges) > EDGES_MANY:
        notes.append(f"has {len(zone.edges)} edges: simplify it unless it must be that exact")
    if zone.is_area:
        for ring in slivers(rings_of(zone.edges)):
            notes.append(f"has a sliver narrower than {SLIVER_M:g} m at longitude {ring[0, 0]:g}, latitude {ring[0, 1]:g}: --repair leaves it out")
    drawing = zone.edges.tobytes() + f"{zone.kind}|{zone.valid_from_ms}|{zone.valid_to_ms}|{zone.buffer_nm}".encode()
    if drawing in drawings:
        notes.append(f"is drawn exactly as '{drawings[drawing]}' is: leave one out")
    drawings.setdefault(drawing, zone.id)
    if coast is not None and (zone.proposed or zone.kind) not in ASHORE_KINDS and _looks_exchanged(zone.edges, coast):
        notes.append("lies ashore, and would lie at sea with latitude and longitude exchanged: GeoJSON writes [longitude, latitude]")
    return notes


def _looks_exchanged(edges: np.ndarray, coast: Coast) -> bool:
    lat, lon = edges[:, 0].astype(np.int64), edges[:, 1].astype(np.int64)
    if (np.abs(lon) > 90 * UNITS_PER_DEG).any() or not coast.on_land(lat, lon).all():
        return False
    return not coast.on_land(lon, lat).any()


def show(geography: Geography, origin: dict[str, Any] | None = None) -> dict[str, Any]:
    """What is in force: the built-in set (with its origin, if given) and the drawn zones."""
    built_in = {
        "coast": geography.coast_version,
        "coast_edges": len(geography.coast.edges),
        "ports": geography.ports_version,
        "port_count": len(geography.ports.ids),
        "belts": ["belt-12nm", "belt-24nm"],
        "approximate": True,
    }
    report = {"schema_version": SCHEMA_VERSION, "version": geography.version, "built_in": built_in, "zones": [zone_summary(z) for z in geography.zones]}
    return report if origin is None else {**report, "origin": origin}


def show_lines(report: dict[str, Any]) -> list[str]:
    """The report of `show` as text."""
    built_in = report["built_in"]
    return [
        f"zone set {report['version']}",
        f"  coast {built_in['coast']}: {built_in['coast_edges']} edges; belts of 12 and 24 nm from it, approximate, not for legal use",
        f"  ports {built_in['ports']}: {built_in['port_count']}",
        f"  drawn zones: {len(report['zones'])}",
        *(f"    {_zone_line(zone)}" for zone in report["zones"]),
    ]


def show_at(geography: Geography, lat_deg: float, lon_deg: float, t_ms: int | None = None) -> dict[str, Any]:
    """Everything the zone set says about one place. Raises ConfigError when the position is out of range."""
    if not (abs(lat_deg) <= 90 and abs(lon_deg) <= 180):
        raise ConfigError(f"position {lat_deg}, {lon_deg} is out of range", file="command line", remedy="give latitude -90 to 90, then longitude -180 to 180")
    lat, lon = np.array([lat_deg]), np.array([lon_deg])
    return {
        "schema_version": SCHEMA_VERSION,
        "lat": lat_deg,
        "lon": lon_deg,
        "on_land": bool(geography.on_land(lat, lon)[0]),
        "coast_distance_nm": round(float(geography.coast_distance_nm(lat, lon)[0]), 2),
        "watch_distance_nm": round(float(geography.watch_distance_nm(lat, lon, t_ms)[0]), 2),
        "masked": bool(geography.masked(lat, lon, t_ms)[0]),
        "zones": [msgspec.to_builtins(relation) for relation in geography.relations(lat_deg, lon_deg, t_ms)],
        "version": geography.version,
    }


def zone_summary(zone: Zone) -> dict[str, Any]:
    """One zone as a plain dict: what it is, how long it holds, how large it is drawn."""
    south, north = int(zone.edges[:, 0::2].min()), int(zone.edges[:, 0::2].max())
    west, east = int(zone.edges[:, 1::2].min()), int(zone.edges[:, 1::2].max())
    return {
        "id": zone.id,
        "name": zone.name,
        "kind": zone.kind,
        "subkind": zone.subkind,
        "proposed": zone.proposed,
        "inside": zone.inside,
        "version": zone.version,
        "owner": zone.owner,
        "source": zone.source,
        "licence": zone.licence,
        "tolerance_nm": zone.tolerance_nm,
        "valid_from": None if zone.valid_from_ms == ALWAYS[0] else iso(zone.valid_from_ms),
        "valid_to": None if zone.valid_to_ms == ALWAYS[1] else iso(zone.valid_to_ms),
        "buffer_nm": zone.buffer_nm,
        "shape": "area" if zone.is_area else "point" if len(zone.edges) == 1 and (zone.edges[0, :2] == zone.edges[0, 2:]).all() else "line",
        "area_km2": zone.area_km2,
        "edges": len(zone.edges),
        "box_deg": [round(v / UNITS_PER_DEG, 6) for v in (west, south, east, north)],
    }


def _examined(path: str) -> tuple[list[Zone], list[Fault]]:
    try:
        drawn = read_drawn(path)
    except ConfigError as fault:
        drawn = Drawn([], [], [Fault(fault.line, "", fault.said, fault.remedy)])
    return examine_drawn(drawn, path)


def _zone_line(zone: dict[str, Any]) -> str:
    until = f", valid {zone['valid_from'] or 'always'} to {zone['valid_to'] or 'always'}" if zone["valid_from"] or zone["valid_to"] else ""
    width = f", buffer {zone['buffer_nm']:g} nm" if zone["buffer_nm"] else ""
    kind = " ".join(filter(None, (zone["kind"], zone["subkind"], zone["shape"])))
    what = f"{kind} for {zone['proposed']}, not approved" if zone["proposed"] else kind
    side = f", in on the {zone['inside']}" if zone["inside"] else ""
    size = f"{zone['area_km2']:,.1f} km2" if zone["shape"] == "area" else f"{zone['edges']} edges"
    owner = f", owner {zone['owner']}" if zone["owner"] else ""
    return f"{zone['id']}: {zone['name']} ({what}, {size}, version {zone['version']}{side}{width}{until}{owner})"


def at_lines(report: dict[str, Any]) -> list[str]:
    """The report of `show_at` as text."""
    coast = "on land" if report["on_land"] else f"{report['coast_distance_nm']:g} nm off the coast"
    mask = "a port or anchorage mask holds here" if report["masked"] else "no mask"
    rows = [f"{report['lat']:g}, {report['lon']:g}: {coast}, {report['watch_distance_nm']:g} nm to the nearest border or watch zone, {mask}"]
    for zone in report["zones"]:
        where = zone["relation"] if zone["relation"] == "inside" else f"{zone['distance_nm']:g} nm"
        rows.append(f"  {where}: {zone['id']} ({zone['kind']}, version {zone['version']})")
    return [*rows, f"zone set {report['version']}"]
