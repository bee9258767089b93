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
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from dogwatch.errors import ConfigError
from dogwatch.events import ZoneRelation
from dogwatch.geo import HALF_TURN, cos_lat
from dogwatch.kernel import kernel
from zones.coast import Coast
from zones.geojson import Zone, ZoneSet
from zones.grid import ZoneGrid
from zones.gridding import build_grid
from zones.nearest import ZoneBands, build_bands
from zones.polygons import EdgeTree, build_tree
from zones.ports import POLE, PORT_MASK_NM, Ports
from zones.shore import COAST_CAP_NM

TERRITORIAL_SEA_NM = 12.0
CONTIGUOUS_ZONE_NM = 24.0
MASK_BUFFER_NM = 0.5
NEAR_NM = 12.0  # a zone farther than this is not worth a word in an event
MASK_KINDS = ("port", "anchorage")
WATCH_KINDS = ("border", "watch", "territorial_sea")  # a drawn territorial sea is a border like the default one
UNITS_PER_DEG = 600_000


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """What is asked of many places at once; all arrays have one entry for each. An unknown place (NaN or out of range) has NaN and False.

    coast_nm float64: 0 on land, at most COAST_CAP_NM; on_land bool; masked bool: in a port or anchorage mask; watch_nm float64: to the nearest border,
    territorial sea or watch zone, 0 inside; in_watch bool: inside a drawn watch zone.
    """

    coast_nm: np.ndarray
    on_land: np.ndarray
    masked: np.ndarray
    watch_nm: np.ndarray
    in_watch: np.ndarray


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
    watch_bands: ZoneBands
    bands: ZoneBands
    coast_version: str
    ports_version: str
    version: str
    marks: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict, init=False, repr=False)  # of kinds that were asked for; nothing else changes

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
        kinds = np.array([zone.kind for zone in zones], np.str_)
        port_bands, watch_bands = build_bands(tree, np.isin(kinds, MASK_KINDS)), build_bands(tree, np.isin(kinds, WATCH_KINDS))
        cable_bands = build_bands(tree, np.array([zone.kind == "corridor" and zone.subkind != "lane" for zone in zones], np.bool_))
        versions = coast_version, ports_version, f"{coast_version}-{digest.hexdigest()}"
        bands = port_bands, cable_bands, watch_bands, build_bands(tree, np.ones(len(zones), np.bool_))
        return Geography(coast, ports, zones, tree, build_grid(tree, held), _mask_grid(zones), *bands, *versions)

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
        return known & self._masked(lat, lon, t_ms)

    def places(self, lat_deg: np.ndarray, lon_deg: np.ndarray, t_ms: int | None = None) -> Places:
        """Coast, mask and watch distance of many places: what the methods of those names say, with the coast measured once."""
        lat, lon, known = _units(lat_deg, lon_deg)
        coast_nm = self.coast.distance_nm(lat, lon)
        return Places(
            coast_nm=np.where(known, coast_nm, np.nan),
            on_land=known & (coast_nm <= 0.0),
            masked=known & self._masked(lat, lon, t_ms),
            watch_nm=np.where(known, self._watch_nm(lat, lon, coast_nm, t_ms), np.nan),
            in_watch=known & self.grid.any_at(self._of_kind(("watch",), t_ms), lat, lon),
        )

    def has_zones(self, kinds: tuple[str, ...]) -> bool:
        """Whether any zone of these kinds is drawn."""
        return bool(self._of_kind(kinds, None).any())

    def boxes(self, kinds: tuple[str, ...]) -> np.ndarray:
        """int64[n, 4] units: south, west, north and east of the drawn zones of these kinds with their width; beyond all of them `in_zones` is False."""
        found = []
        for zone in self.zones:
            if zone.kind in kinds:
                lat, lon = zone.edges[:, [0, 2]].astype(np.int64), zone.edges[:, [1, 3]].astype(np.int64)
                wide = int(zone.buffer_nm * UNITS_PER_DEG / 60) + 2
                aside = int(wide / cos_lat(min(POLE, int(np.abs(lat).max()) + wide))) + 2
                west, east = int(lon.min()) - aside, int(lon.max()) + aside
                if (np.abs(lon[:, 0] - lon[:, 1]) > HALF_TURN).any():  # an edge over the date line
                    west, east = -HALF_TURN, HALF_TURN
                found.append((int(lat.min()) - wide, west, int(lat.max()) + wide, east))
        return np.array(found, np.int64).reshape(-1, 4)

    def in_zones(self, kinds: tuple[str, ...], lat_deg: np.ndarray, lon_deg: np.ndarray, t_ms: int | None = None) -> np.ndarray:
        """bool[n]: inside (or on the boundary of) a drawn area, or line with a width, of one of these kinds."""
        lat, lon, known = _units(lat_deg, lon_deg)
        inside: np.ndarray = known & self.grid.any_at(self._of_kind(kinds, t_ms), lat, lon)
        return inside

    def watch_distance_nm(self, lat_deg: np.ndarray, lon_deg: np.ndarray, t_ms: int | None = None) -> np.ndarray:
        """float64[n]: distance to the nearest border, territorial sea or watch zone; 0 inside an area or on a line.

        The outer limit of the 12 nm belt is always one of them, so the answer never exceeds 48.
        """
        lat, lon, known = _units(lat_deg, lon_deg)
        return np.where(known, self._watch_nm(lat, lon, self.coast.distance_nm(lat, lon), t_ms), np.nan)

    def zone_distance_nm(self, kinds: tuple[str, ...], lat_deg: np.ndarray, lon_deg: np.ndarray, cap_nm: float, t_ms: int | None = None) -> np.ndarray:
        """float64[n]: distance to the nearest drawn zone of these kinds, at most cap_nm; 0 inside or on a line."""
        lat, lon, known = _units(lat_deg, lon_deg)
        return np.where(known, self.tree.nearest_nm(self._of_kind(kinds, None), lat, lon, cap_nm, t_ms), np.nan)

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
        return self.relations_of(np.array([lat_deg]), np.array([lon_deg]), t_ms)[0]

    def relations_of(self, lat_deg: np.ndarray, lon_deg: np.ndarray, t_ms: int | None = None) -> list[list[ZoneRelation]]:
        """`relations` of many places: a list for each, empty for an unknown one."""
        lat, lon, known = _units(lat_deg, lon_deg)
        coast_nm = self.coast.distance_nm(lat, lon).tolist()
        port_nm, port = (found.tolist() for found in self.ports.nearest(lat, lon, PORT_MASK_NM + MASK_BUFFER_NM))
        start, number, zone_nm = (found.tolist() for found in self.bands.within(lat, lon, NEAR_NM, t_ms))
        answers: list[list[ZoneRelation]] = [[] for _ in range(len(lat))]
        for i in np.flatnonzero(known).tolist():
            found = self._belts(coast_nm[i])
            if port[i] >= 0:
                found.append(_relation(f"port-{self.ports.ids[port[i]]}", self.ports_version, "port", max(0.0, port_nm[i] - PORT_MASK_NM), True))
            found += [self._to_zone(zone, nm) for zone, nm in zip(number[start[i] : start[i + 1]], zone_nm[start[i] : start[i + 1]], strict=True)]
            answers[i] = sorted(found, key=lambda r: (r.relation != "inside", r.distance_nm, r.id))
        return answers

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

    def _to_zone(self, number: int, distance_nm: float) -> ZoneRelation:
        zone = self.zones[number]
        return _relation(zone.id, zone.version, zone.kind, distance_nm, zone.is_area or zone.buffer_nm > 0, zone.subkind)

    def _masked(self, lat: np.ndarray, lon: np.ndarray, t_ms: int | None) -> np.ndarray:
        beyond = 0.01  # a little above the limit asked, so that "at the limit" is told from "farther"
        masked = self.ports.nearest(lat, lon, PORT_MASK_NM + MASK_BUFFER_NM + beyond)[0] <= PORT_MASK_NM + MASK_BUFFER_NM
        masked |= self.masks.any_at(self._of_kind(MASK_KINDS, t_ms), lat, lon)
        unwatched: np.ndarray = masked & ~self.masks.any_at(self._of_kind(("watch",), t_ms), lat, lon)
        return unwatched

    def _watch_nm(self, lat: np.ndarray, lon: np.ndarray, coast_nm: np.ndarray, t_ms: int | None) -> np.ndarray:
        return np.minimum(np.maximum(0.0, coast_nm - TERRITORIAL_SEA_NM), self.watch_bands.nearest_nm(lat, lon, COAST_CAP_NM - TERRITORIAL_SEA_NM, t_ms))

    def _of_kind(self, kinds: tuple[str, ...], t_ms: int | None) -> np.ndarray:
        """bool[z]: zones of these kinds, valid at t_ms if it is given."""
        if kinds not in self.marks:
            self.marks[kinds] = np.array([zone.kind in kinds for zone in self.zones], np.bool_)
        marks = self.marks[kinds]
        return marks if t_ms is None else marks & (self.tree.zones["from_ms"] <= t_ms) & (t_ms < self.tree.zones["to_ms"])


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
@kernel("void(float64[::1], float64[::1], int64[::1], int64[::1], boolean[::1])", _nrt=False)
def _round(lat_deg, lon_deg, lat, lon, known):
    for i in range(lat_deg.shape[0]):
        known[i] = abs(lat_deg[i]) <= 90.0 and abs(lon_deg[i]) <= 180.0
        lat[i] = np.int64(np.rint(lat_deg[i] * UNITS_PER_DEG)) if known[i] else 0
        lon[i] = np.int64(np.rint(lon_deg[i] * UNITS_PER_DEG)) if known[i] else 0
