"""Geography: what tracks/ may ask about a place. May hold: the questions and their composition. May not: files, vessels.

Belts. The 12 and 24 nautical mile belts are derived from the distance to the coast, not from baselines, median lines or
treaties: a default that works at any shore without a download, and approximate. Events carry that in the zone's version.
- belt-12nm (territorial_sea): land, or up to 12 nm from the coast.
- belt-24nm (contiguous_zone): more than 12 and up to 24 nm.
Masks. Waters where slow and crowded is normal: circles around ports, zones of kind port and anchorage, and a buffer.
A zone of kind `watch` overrides a mask: beaches and coves near a harbour are where the watch wants to look.
Times. Zones may be valid for a while. Pass `t_ms` to count only those valid then; without it all count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numba import njit

from dogwatch.errors import ConfigError
from dogwatch.events import ZoneRelation
from zones.coast import COAST_CAP_NM, Coast
from zones.geojson import Zone, ZoneSet
from zones.grid import ZoneGrid
from zones.gridding import build_grid
from zones.nearest import ZoneBands, build_bands
from zones.polygons import EdgeTree, build_tree
from zones.ports import PORT_MASK_NM, Ports

TERRITORIAL_SEA_NM = 12.0
CONTIGUOUS_ZONE_NM = 24.0
MASK_BUFFER_NM = 0.5
NEAR_NM = 12.0  # a zone farther than this is not worth a word in an event
MASK_KINDS = ("port", "anchorage")
WATCH_KINDS = ("border", "watch", "territorial_sea")  # a drawn territorial sea is a border like the default one
UNITS_PER_DEG = 600_000


@dataclass(frozen=True, slots=True, eq=False)
class Geography:
    """Coast, ports and zones behind one face. Immutable; may be shared by threads. Make with `build` or `default`.

    Array methods take float64[n] degrees and give n answers; an unknown position (NaN or out of range) gives NaN or False.
    """

    coast: Coast
    ports: Ports
    zones: tuple[Zone, ...]
    tree: EdgeTree
    grid: ZoneGrid
    masks: ZoneGrid
    port_bands: ZoneBands
    cable_bands: ZoneBands
    coast_version: str
    ports_version: str
    version: str

    @staticmethod
    def build(coast: Coast, ports: Ports, zone_sets: Sequence[ZoneSet] = ()) -> Geography:
        """Compose; raises ConfigError when two files use one zone id."""
        zones = tuple(zone for zone_set in zone_sets for zone in zone_set.zones)
        owner: dict[str, str] = {}
        for zone in zones:
            if zone.id in owner:
                raise ConfigError(f"zone id '{zone.id}' is also in {owner[zone.id]}", file=zone.file, key=zone.id, remedy="give every zone an id of its own")
            owner[zone.id] = zone.file
        tree = build_tree([z.edges for z in zones], [z.is_area for z in zones], [z.buffer_nm for z in zones], [(z.valid_from_ms, z.valid_to_ms) for z in zones])
        held = np.array([zone.is_area or zone.buffer_nm > 0 for zone in zones], np.bool_)
        digest = blake2b(digest_size=8)
        coast_version, ports_version = coast.version(), ports.version()
        for part in (coast_version, ports_version, *(f"{z.id}|{z.name}|{z.kind}|{z.subkind}|{z.version}|{z.owner}" for z in zones)):
            digest.update(part.encode("utf-8") + b"\n")
        digest.update(tree.edges.tobytes() + tree.zones.tobytes())
        port_bands = build_bands(tree, np.array([zone.kind in MASK_KINDS for zone in zones], np.bool_))
        cable_bands = build_bands(tree, np.array([zone.kind == "corridor" and zone.subkind != "lane" for zone in zones], np.bool_))
        versions = coast_version, ports_version, f"{coast_version}-{digest.hexdigest()}"
        return Geography(coast, ports, zones, tree, build_grid(tree, held), _mask_grid(zones), port_bands, cable_bands, *versions)

    @staticmethod
    def default(zone_sets: Sequence[ZoneSet] = ()) -> Geography:
        """The built-in coast and ports plus the given zones. Raises InputError when the built data is absent."""
        from zones.load import read_coast, read_ports

        return Geography.build(read_coast(), read_ports(), zone_sets)

    def coast_distance_nm(self, lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
        """float64[n]: 0 on land, at most COAST_CAP_NM."""
        lat, lon, known = _units(lat_deg, lon_deg)
        return np.where(known, self.coast.distance_nm(lat, lon), np.nan)

    def on_land(self, lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
        """bool[n]: on land of the 1:10 million map (quays and islets may be missing, harbour basins may be land)."""
        lat, lon, known = _units(lat_deg, lon_deg)
        return known & self.coast.on_land(lat, lon)

    def masked(self, lat_deg: np.ndarray, lon_deg: np.ndarray, t_ms: int | None = None) -> np.ndarray:
        """bool[n]: inside a port or anchorage mask or its buffer, and not inside a watch zone."""
        lat, lon, known = _units(lat_deg, lon_deg)
        beyond = 0.01  # a little above the limit asked, so that "at the limit" is told from "farther"
        masked = self.ports.nearest(lat, lon, PORT_MASK_NM + MASK_BUFFER_NM + beyond)[0] <= PORT_MASK_NM + MASK_BUFFER_NM
        valid = np.ones(len(self.zones), np.bool_) if t_ms is None else (self.tree.zones["from_ms"] <= t_ms) & (t_ms < self.tree.zones["to_ms"])
        masked |= self.masks.any_at(valid & self._of_kind(MASK_KINDS), lat, lon)
        return known & masked & ~self.masks.any_at(valid & self._of_kind(("watch",)), lat, lon)

    def has_zones(self, kinds: tuple[str, ...]) -> bool:
        """Whether any zone of these kinds is drawn."""
        return any(zone.kind in kinds for zone in self.zones)

    def in_zones(self, kinds: tuple[str, ...], lat_deg: np.ndarray, lon_deg: np.ndarray, t_ms: int | None = None) -> np.ndarray:
        """bool[n]: inside (or on the boundary of) a drawn area, or line with a width, of one of these kinds."""
        lat, lon, known = _units(lat_deg, lon_deg)
        valid = np.ones(len(self.zones), np.bool_) if t_ms is None else (self.tree.zones["from_ms"] <= t_ms) & (t_ms < self.tree.zones["to_ms"])
        inside: np.ndarray = known & self.grid.any_at(valid & self._of_kind(kinds), lat, lon)
        return inside

    def watch_distance_nm(self, lat_deg: np.ndarray, lon_deg: np.ndarray, t_ms: int | None = None) -> np.ndarray:
        """float64[n]: distance to the nearest border, territorial sea or watch zone; 0 inside an area or on a line.

        The outer limit of the 12 nm belt is always one of them, so the answer never exceeds 48.
        """
        lat, lon, known = _units(lat_deg, lon_deg)
        belt_nm = np.maximum(0.0, self.coast.distance_nm(lat, lon) - TERRITORIAL_SEA_NM)
        drawn_nm = self.tree.nearest_nm(self._of_kind(WATCH_KINDS), lat, lon, COAST_CAP_NM - TERRITORIAL_SEA_NM, t_ms)
        return np.where(known, np.minimum(belt_nm, drawn_nm), np.nan)

    def port_distance_nm(self, lat_deg: np.ndarray, lon_deg: np.ndarray, cap_nm: float, radius_nm: float = PORT_MASK_NM, t_ms: int | None = None) -> np.ndarray:
        """float64[n]: distance to the waters of the nearest port or anchorage, at most cap_nm; 0 inside. Ports of the table are circles of radius_nm."""
        lat, lon, known = _units(lat_deg, lon_deg)
        circle_nm = np.maximum(0.0, self.ports.nearest(lat, lon, cap_nm + radius_nm)[0] - radius_nm)
        drawn_nm = self.port_bands.nearest_nm(lat, lon, cap_nm, t_ms)
        return np.where(known, np.minimum(np.minimum(circle_nm, drawn_nm), cap_nm), np.nan)

    @property
    def has_cables(self) -> bool:
        """Is any corridor of a cable or pipeline drawn?"""
        return len(self.cable_bands) > 0

    def cable_distance_nm(self, lat_deg: np.ndarray, lon_deg: np.ndarray, cap_nm: float, t_ms: int | None = None) -> np.ndarray:
        """float64[n]: distance to the nearest corridor of a cable or pipeline (not of a lane), at most cap_nm; 0 inside."""
        lat, lon, known = _units(lat_deg, lon_deg)
        return np.where(known, self.cable_bands.nearest_nm(lat, lon, cap_nm, t_ms), np.nan)

    def relations(self, lat_deg: float, lon_deg: float, t_ms: int | None = None) -> list[ZoneRelation]:
        """Zones that a point is in or within NEAR_NM of; inside first, then by distance and id. Distances in 0.01 nm."""
        lat, lon, known = _units(np.array([lat_deg]), np.array([lon_deg]))
        if not known[0]:
            return []
        found = self._belts(float(self.coast.distance_nm(lat, lon)[0]))
        port_nm, number = self.ports.nearest(lat, lon, PORT_MASK_NM + MASK_BUFFER_NM)
        if number[0] >= 0:
            found.append(_relation(f"port-{self.ports.ids[number[0]]}", self.ports_version, "port", max(0.0, float(port_nm[0]) - PORT_MASK_NM), True))
        for zone, distance_nm in zip(self.zones, self.tree.distances_nm(int(lat[0]), int(lon[0]), NEAR_NM, t_ms).tolist(), strict=True):
            if distance_nm < NEAR_NM:
                found.append(_relation(zone.id, zone.version, zone.kind, distance_nm, zone.is_area or zone.buffer_nm > 0, zone.subkind))
        return sorted(found, key=lambda r: (r.relation != "inside", r.distance_nm, r.id))

    def _belts(self, coast_nm: float) -> list[ZoneRelation]:
        found = []
        if coast_nm - TERRITORIAL_SEA_NM < NEAR_NM:
            beyond_nm = max(0.0, coast_nm - TERRITORIAL_SEA_NM)
            found.append(_relation("belt-12nm", self.coast_version, "territorial_sea", beyond_nm, True))
        if coast_nm > 0 and coast_nm - CONTIGUOUS_ZONE_NM < NEAR_NM:
            beyond_nm = max(0.0, coast_nm - CONTIGUOUS_ZONE_NM, TERRITORIAL_SEA_NM - coast_nm)
            inside = TERRITORIAL_SEA_NM < coast_nm <= CONTIGUOUS_ZONE_NM
            found.append(_relation("belt-24nm", self.coast_version, "contiguous_zone", beyond_nm, inside))
        return found

    def _of_kind(self, kinds: tuple[str, ...]) -> np.ndarray:
        return np.array([zone.kind in kinds for zone in self.zones], np.bool_)


def _mask_grid(zones: Sequence[Zone]) -> ZoneGrid:
    """The grid over masks with MASK_BUFFER_NM around them, and over the watch zones that override them (a line: what lies on it)."""
    buffer_nm = [z.buffer_nm + (MASK_BUFFER_NM if z.kind in MASK_KINDS else 0.0) for z in zones]
    tree = build_tree([z.edges for z in zones], [z.is_area for z in zones], buffer_nm, [(z.valid_from_ms, z.valid_to_ms) for z in zones])
    return build_grid(tree, np.array([z.kind in (*MASK_KINDS, "watch") for z in zones], np.bool_))


def _relation(zone_id: str, version: str, kind: str, distance_nm: float, has_inside: bool, subkind: str = "") -> ZoneRelation:
    inside = has_inside and distance_nm == 0
    return ZoneRelation(id=zone_id, version=version, kind=kind, relation="inside" if inside else "near", distance_nm=round(distance_nm, 2), subkind=subkind)


def _units(lat_deg: np.ndarray, lon_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lat int64[n], lon int64[n]) in 1/600000 degree, and which of them are known; the unknown are 0, 0."""
    lat, lon = np.ascontiguousarray(lat_deg, np.float64), np.ascontiguousarray(lon_deg, np.float64)
    lat_units, lon_units, known = np.empty(len(lat), np.int64), np.empty(len(lat), np.int64), np.empty(len(lat), np.bool_)
    _round(lat, lon, lat_units, lon_units, known)
    return lat_units, lon_units, known


# A kernel, because tracks/ asks about a few points at a time, and NumPy takes a microsecond for each of a dozen steps.
@njit("void(float64[::1], float64[::1], int64[::1], int64[::1], boolean[::1])", cache=True, _nrt=False)
def _round(lat_deg, lon_deg, lat, lon, known):
    for i in range(lat_deg.shape[0]):
        known[i] = abs(lat_deg[i]) <= 90.0 and abs(lon_deg[i]) <= 180.0
        lat[i] = np.int64(np.rint(lat_deg[i] * UNITS_PER_DEG)) if known[i] else 0
        lon[i] = np.int64(np.rint(lon_deg[i] * UNITS_PER_DEG)) if known[i] else 0
