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
from zones.geography import Geography
from zones.geojson import Fault, Zone, examine
from zones.load import read_text
from zones.polygons import ALWAYS

SCHEMA_VERSION = 1
UNITS_PER_DEG = 600_000
EDGES_MANY = 10_000  # more than anybody drew by hand: likely an export that was never simplified


def check(paths: Sequence[str]) -> dict[str, Any]:
    """Examine zones files; `ok` is False when any of them has a fault. Never raises on a bad file."""
    files = []
    owner: dict[str, str] = {}
    for path in paths:
        zones, faults = _examined(path)
        for zone in zones:
            if zone.id in owner:
                faults.append(Fault(1, f"'{zone.name}'", f"id '{zone.id}' is also in {owner[zone.id]}", "give every zone an id of its own"))
            owner.setdefault(zone.id, path)
        notes = [f"'{z.name}' has {len(z.edges)} edges: simplify it unless it must be that exact" for z in zones if len(z.edges) > EDGES_MANY]
        listed = [{"line": f.line, "feature": f.feature, "what": f.what, "remedy": f.remedy} for f in faults]
        files.append({"file": path, "ok": not faults, "zones": [zone_summary(z) for z in zones], "faults": listed, "notes": notes})
    return {"schema_version": SCHEMA_VERSION, "ok": all(row["ok"] for row in files), "files": files}


def check_lines(report: dict[str, Any]) -> list[str]:
    """The report of `check` as text: every fault with file, line and remedy."""
    lines = []
    for row in report["files"]:
        lines.append(f"{row['file']}: {len(row['zones'])} zones, {len(row['faults']) or 'no'} faults")
        lines += [f"{row['file']}:{f['line']}: {Fault(**f).text()}" for f in row["faults"]]
        lines += [f"{row['file']}: note: {note}" for note in row["notes"]]
        lines += [f"  {_zone_line(zone)}" for zone in row["zones"]]
    return lines


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
        "version": zone.version,
        "owner": zone.owner,
        "valid_from": None if zone.valid_from_ms == ALWAYS[0] else iso(zone.valid_from_ms),
        "valid_to": None if zone.valid_to_ms == ALWAYS[1] else iso(zone.valid_to_ms),
        "buffer_nm": zone.buffer_nm,
        "shape": "area" if zone.is_area else "line",
        "edges": len(zone.edges),
        "box_deg": [round(v / UNITS_PER_DEG, 6) for v in (west, south, east, north)],
    }


def _examined(path: str) -> tuple[list[Zone], list[Fault]]:
    try:
        return examine(read_text(path), file=path)
    except ConfigError as fault:
        return [], [Fault(fault.line, "", fault.what, fault.remedy)]


def _zone_line(zone: dict[str, Any]) -> str:
    until = f", valid {zone['valid_from'] or 'always'} to {zone['valid_to'] or 'always'}" if zone["valid_from"] or zone["valid_to"] else ""
    width = f", buffer {zone['buffer_nm']:g} nm" if zone["buffer_nm"] else ""
    return f"{zone['id']}: {zone['name']} ({zone['kind']} {zone['shape']}, {zone['edges']} edges, version {zone['version']}{width}{until})"
