"""Anchorages and berths, learned from where vessels lie. May hold: stays, cells, what makes a mask. May not: files, alerts, the yes of a person.

Theory. A *stay* is a time in which a vessel keeps within `reach_m` of the mean of its own positions. Stays are found online:
one open stay per vessel, so a year of the world is a fold over fixes, in the order in which they come (`Learner.add`).
A cell is a square of about half a kilometre. It qualifies when enough different vessels each stayed there long enough, as
Global Fishing Watch has it (pipe-anchorages: 20 vessels, 12 hours, half a kilometre, vessels with 200 positions). Ours differs:
- the vessels of the eight cells around count too, or an anchorage on the corner of four cells is never found;
- near a port of the table fewer vessels are enough: the place is known to be one, only its shape is learned;
- berths (spread below 50 m) are told from anchorages (a ship swings around its anchor);
- cells that touch are one zone.
A mask makes the watch blind, so what is learned is a proposal until a person says yes; and in the border belt it needs three
types of ships as well: suspects must not teach us to ignore them. Sums are integers: the result depends on no machine.

Fooled by lay-up fleets, platforms with their tenders, and ships that wait out a storm together. Misses what few vessels use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numba import float64, from_dtype, int32, int64

from dogwatch.errors import InputError
from dogwatch.geo import COS_TABLE, FULL_TURN, HALF_TURN, M_PER_UNIT, distance_m, lon_difference
from dogwatch.kernel import kernel
from dogwatch.times import iso
from zones.coast import Coast
from zones.kinds import SHIP_TYPES_MIN_IN_BORDER
from zones.ports import Ports
from zones.ports_table import geometry_of
from zones.rings import POLE, UNITS_PER_DEG, flat_polygons

CELL_UNITS = 2_700  # 500 m of latitude
SHIP_MMSI_MIN, SHIP_MMSI_MAX = 200_000_000, 799_999_999
INSHORE_NM, OFFSHORE_NM = 3.0, 24.0  # between them lies the border belt
LEARNED = "learned from traffic"  # source of a zone
PORT_NAME_NM = 5.0  # a zone is named after a port as near as this
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
KEEP_MS = HOUR_MS  # shorter stays are forgotten at once
STAYS_MAX = 20_000_000  # 1.4 GB: a year of 50,000 vessels

STAY = np.dtype(
    [
        ("from_ms", "<i8"),
        ("to_ms", "<i8"),
        ("lat", "<i4"),  # first position: origin of the sums
        ("lon", "<i4"),
        ("sum_y", "<i8"),  # units from the origin
        ("sum_x", "<i8"),
        ("squares_y", "<i8"),
        ("squares_x", "<i8"),
        ("reports", "<i4"),
        ("mmsi", "<u4"),
    ]
)
_STAY = from_dtype(STAY)


@dataclass(frozen=True, slots=True)
class LearnRule:
    """When a place is a mask. Distances m, times s or h as named."""

    vessels_min: int = 20
    around: bool = True  # count the vessels of the eight cells around as well: the corner of four cells may lie in the middle of an anchorage
    vessels_min_at_port: int = 5  # within `port_nm` of a port of the table
    port_nm: float = 3.0
    hours_min: float = 12.0  # of one stay
    reach_m: float = 500.0
    gap_s_max: float = 43_200.0  # a longer silence ends a stay: nobody knows where the ship was
    reports_min: int = 200  # positions of a vessel in all; fewer say too little about it
    berth_spread_m: float = 50.0  # twice the root mean square distance from the mean; 0: berths are not told apart
    days: float = 365.0
    ship_types_min_border: int = SHIP_TYPES_MIN_IN_BORDER


PRESETS = {
    "dogwatch": LearnRule(),
    "gfw_anchorage": LearnRule(around=False, vessels_min_at_port=20, berth_spread_m=0.0, ship_types_min_border=0),  # GFW pipe-anchorages
}


@dataclass(frozen=True, slots=True)
class Learned:
    """One place that was learned. cells int64[n]; hours of all stays; `withheld` says why it may not become a mask, '' if it may."""

    id: str
    kind: str
    name: str
    cells: np.ndarray
    lat_deg: float
    lon_deg: float
    vessels: int
    hours: float
    ship_types: int
    berth_share: float
    belt: str
    from_ms: int
    to_ms: int
    withheld: str


@dataclass(slots=True)
class Learner:
    """Stays of every vessel seen so far. `open` STAY[v] by vessel, `vessels` uint32[v] sorted; `seen`, `types` per vessel; closed stays in chunks."""

    rule: LearnRule
    vessels: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint32))
    open: np.ndarray = field(default_factory=lambda: np.empty(0, STAY))
    seen: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    types: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint8))
    closed: list[np.ndarray] = field(default_factory=list)

    def add(self, mmsi: np.ndarray, t_ms: np.ndarray, lat: np.ndarray, lon: np.ndarray) -> None:
        """Take positions (uint32, int64, int32, int32 in units; in any order of vessels, each vessel's about in order of time)."""
        ours = (mmsi >= SHIP_MMSI_MIN) & (mmsi <= SHIP_MMSI_MAX) & (np.abs(lat) <= POLE) & (np.abs(lon) <= HALF_TURN)
        mmsi, t_ms, lat, lon = (np.ascontiguousarray(column[ours]) for column in (mmsi, t_ms, lat, lon))
        if not len(mmsi):
            return
        self._know(mmsi)
        done = np.zeros(len(mmsi), STAY)
        who = np.searchsorted(self.vessels, mmsi)
        n = _fold(who, t_ms, lat, lon, self.open, self.seen, done, self.rule.reach_m, round(self.rule.gap_s_max * 1000))
        self.closed.append(done[:n].copy())

    def note_types(self, mmsi: np.ndarray, ship_type: np.ndarray) -> None:
        """Ship types that were said (0 is not said)."""
        said = (ship_type > 0) & (mmsi >= SHIP_MMSI_MIN) & (mmsi <= SHIP_MMSI_MAX)
        self._know(mmsi[said])
        self.types[np.searchsorted(self.vessels, mmsi[said])] = ship_type[said]

    def stays(self) -> np.ndarray:
        """STAY[n]: the closed and the open ones of the last `days`, sorted by vessel and time."""
        running = self.open[(self.open["reports"] > 0) & (self.open["to_ms"] - self.open["from_ms"] >= KEEP_MS)]
        rows = self._recent(np.concatenate([*self.closed, running]))
        if len(rows) > STAYS_MAX:
            raise InputError(f"{len(rows)} stays to remember; at most {STAYS_MAX}", remedy="learn fewer days at once")
        return rows[np.lexsort((rows["from_ms"], rows["mmsi"]))]

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`: goes on where it stopped."""
        closed = self._recent(np.concatenate([*self.closed, np.empty(0, STAY)]))
        return {"vessels": self.vessels, "open": self.open, "seen": self.seen, "types": self.types, "closed": closed}

    def _recent(self, rows: np.ndarray) -> np.ndarray:
        """Rows that ended in the last `days` before the newest position (every vessel has an open stay, if only of its last position)."""
        heard = self.open["to_ms"][self.open["reports"] > 0]
        return rows[rows["to_ms"] >= heard.max() - round(self.rule.days * DAY_MS)] if len(heard) else rows

    @classmethod
    def from_sections(cls, sections: dict[str, Any], rule: LearnRule) -> Learner:
        """The learner that `to_sections` described, going on with a rule."""
        vessels, opened, seen, types, closed = (sections[name].copy() for name in ("vessels", "open", "seen", "types", "closed"))
        return cls(rule, vessels, opened, seen, types, [closed])

    def _know(self, mmsi: np.ndarray) -> None:
        """Make room for vessels not seen before; the arrays stay sorted by MMSI."""
        new = np.setdiff1d(mmsi, self.vessels)
        if not len(new):
            return
        at = np.searchsorted(self.vessels, new)
        fresh = np.zeros(len(new), STAY)
        fresh["mmsi"] = new
        self.vessels = np.insert(self.vessels, at, new).astype(np.uint32)
        self.open = np.insert(self.open, at, fresh)
        self.seen = np.insert(self.seen, at, 0)
        self.types = np.insert(self.types, at, 0).astype(np.uint8)


def centres(stays: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lat int64[n], lon int64[n] units, spread float64[n] m) of stays: mean position, and twice the root mean square distance from it."""
    n = stays["reports"].astype(np.float64)
    y, x = stays["sum_y"] / n, stays["sum_x"] / n
    lat = stays["lat"].astype(np.int64) + np.rint(y).astype(np.int64)
    lon = (stays["lon"].astype(np.int64) + np.rint(x).astype(np.int64) + HALF_TURN) % FULL_TURN - HALF_TURN
    squares = np.maximum(0.0, stays["squares_y"] / n - y * y) + np.maximum(0.0, stays["squares_x"] / n - x * x) * _cos(lat) ** 2
    return lat, lon, 2.0 * np.sqrt(squares) * M_PER_UNIT


def anchorages(learner: Learner, coast: Coast, ports: Ports, settled: shapely.Geometry | None = None) -> list[Learned]:
    """The places where vessels lie, out of what a learner knows by now; sorted by id. Changes nothing: equal stays give equal places.

    settled: area in degrees about which nothing is proposed, because somebody has said yes to it before.
    """
    rule, stays = learner.rule, learner.stays()
    who = np.searchsorted(learner.vessels, stays["mmsi"])
    kept = (stays["to_ms"] - stays["from_ms"] >= round(rule.hours_min * HOUR_MS)) & (learner.seen[who] >= rule.reports_min)
    stays, group_of = stays[kept], learner.types[who[kept]] // 10
    if not len(stays):
        return []
    lat, lon, spread_m = centres(stays)
    cell = cells_of(lat, lon)
    names, group = np.unique(cell, return_inverse=True)
    pairs = np.unique(np.column_stack([group, stays["mmsi"].astype(np.int64)]), axis=0)
    vessels = _vessels_of(names.tolist(), pairs, rule)
    hours = (stays["to_ms"] - stays["from_ms"]) / HOUR_MS
    hours_of = np.bincount(group, hours, minlength=len(names))
    berthed = np.bincount(group, hours * (spread_m < rule.berth_spread_m), minlength=len(names)) / hours_of
    at = [centre_of(c) for c in names.tolist()]
    cell_lat, cell_lon = np.array([a[0] for a in at], np.int64), np.array([a[1] for a in at], np.int64)
    at_port = ports.nearest(cell_lat, cell_lon, rule.port_nm)[1] >= 0
    good = vessels >= np.where(at_port, rule.vessels_min_at_port, rule.vessels_min)
    if settled is not None:
        good &= ~shapely.intersects_xy(settled, cell_lon / UNITS_PER_DEG, cell_lat / UNITS_PER_DEG)
    found = []
    for berth in (False, True):
        for part in _joined(names[good & ((berthed >= 0.5) == berth)].tolist()):
            mine = np.isin(cell, part)
            found.append(_learned(part, berth, stays[mine], lat[mine], lon[mine], spread_m[mine], group_of[mine], coast, ports, rule))
    return sorted(found, key=lambda place: place.id)


def _vessels_of(cells: list[int], pairs: np.ndarray, rule: LearnRule) -> np.ndarray:
    """int64[n]: distinct vessels of each cell, or of it and those around it. pairs int64[m, 2]: number of the cell, vessel; sorted."""
    start = np.searchsorted(pairs[:, 0], np.arange(len(cells) + 1))
    own = np.diff(start)
    if not rule.around:
        return own
    number = {cell: k for k, cell in enumerate(cells)}
    counted = own.copy()
    for k, cell in enumerate(cells):
        near = [k, *(number[other] for other in _neighbours(cell) if other in number)]
        if own[near].sum() >= rule.vessels_min_at_port:  # else it cannot matter
            counted[k] = len(np.unique(np.concatenate([pairs[start[j] : start[j + 1], 1] for j in near])))
    return counted


def features_of(places: list[Learned], preset: str) -> list[dict[str, Any]]:
    """The places that may become masks as GeoJSON features, `approved: false`, with their evidence."""
    rows = []
    for place in places:
        if place.withheld:
            continue
        evidence = {"vessels": place.vessels, "hours": place.hours, "ship_types": place.ship_types, "berth_share": place.berth_share, "belt": place.belt}
        evidence |= {"from": iso(place.from_ms), "to": iso(place.to_ms), "preset": preset}
        about = {"id": place.id, "name": place.name, "kind": place.kind, "approved": False, "source": LEARNED, "evidence": evidence}
        if place.kind == "port":
            about["subkind"] = "berth"
        boxes = [box for cell in place.cells.tolist() for box in _boxes(cell)]
        pieces = flat_polygons(shapely.union_all(np.array(boxes, object), grid_size=1.0))
        rows.append({"type": "Feature", "properties": about, "geometry": geometry_of(pieces)})
    return rows


def cells_of(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """int64[n]: the cell of each position (int64 units): row of latitude, and column of that row's own count, so that all are about square."""
    row = np.minimum((lat + POLE) // CELL_UNITS, 2 * POLE // CELL_UNITS - 1)
    columns = _columns(row)
    column = np.minimum((lon + HALF_TURN) % FULL_TURN * columns // FULL_TURN, columns - 1)
    return row << 20 | column


def centre_of(cell: int) -> tuple[int, int]:
    """(lat, lon) units of the middle of a cell."""
    row, column = cell >> 20, cell & 0xFFFFF
    columns = int(_columns(np.array([row]))[0])
    return row * CELL_UNITS + CELL_UNITS // 2 - POLE, (2 * column + 1) * FULL_TURN // (2 * columns) - HALF_TURN


def _columns(row: np.ndarray) -> np.ndarray:
    middle = row * CELL_UNITS + CELL_UNITS // 2 - POLE
    return np.maximum(1, (FULL_TURN / CELL_UNITS * _cos(middle) + 0.5).astype(np.int64))


def _cos(lat: np.ndarray) -> np.ndarray:
    """Cosine of latitudes in units as `dogwatch.geo.cos_lat` has it."""
    tenths = np.minimum(np.abs(lat) / 60_000.0, 900.0)
    whole = np.minimum(tenths.astype(np.int64), 899)
    return COS_TABLE[whole] + (COS_TABLE[whole + 1] - COS_TABLE[whole]) * (tenths - whole)


def _joined(cells: list[int]) -> list[list[int]]:
    """Cells that touch, corners included, as sorted lists; over the 180th meridian too."""
    left = set(cells)
    groups = []
    for first in sorted(cells):
        if first not in left:
            continue
        left.discard(first)
        group, waiting = [first], [first]
        while waiting:
            for other in _neighbours(waiting.pop()):
                if other in left:
                    left.discard(other)
                    group.append(other)
                    waiting.append(other)
        groups.append(sorted(group))
    return groups


def _neighbours(cell: int) -> list[int]:
    row, column = cell >> 20, cell & 0xFFFFF
    own = int(_columns(np.array([row]))[0])
    found = []
    for beside in (row - 1, row, row + 1):
        if not 0 <= beside < 2 * POLE // CELL_UNITS:
            continue
        n = int(_columns(np.array([beside]))[0])
        # columns of that row from the one that ends at this cell's west side to the one that begins at its east side
        first, last = (column * n - 1) // own, ((column + 1) * n) // own
        found += [beside << 20 | k % n for k in range(first, last + 1)]
    return [other for other in dict.fromkeys(found) if other != cell]


def _boxes(cell: int) -> list[Any]:
    row, column = cell >> 20, cell & 0xFFFFF
    n = int(_columns(np.array([row]))[0])
    west, east = -(-column * FULL_TURN // n) - HALF_TURN, -(-(column + 1) * FULL_TURN // n) - HALF_TURN
    south = row * CELL_UNITS - POLE
    return [shapely.box(west, south, min(east, HALF_TURN), south + CELL_UNITS)]


def _learned(
    cells: list[int],
    berth: bool,
    stays: np.ndarray,
    lat: np.ndarray,
    lon: np.ndarray,
    spread_m: np.ndarray,
    group_of: np.ndarray,
    coast: Coast,
    ports: Ports,
    rule: LearnRule,
) -> Learned:
    vessels = np.unique(stays["mmsi"])
    types = len(np.unique(group_of[group_of > 0]))
    hours = (stays["to_ms"] - stays["from_ms"]) / HOUR_MS
    origin = int(lon[0])
    middle_lat = round(float(lat.mean()))
    aside = (lon - origin + HALF_TURN) % FULL_TURN - HALF_TURN
    middle_lon = (origin + round(float(aside.mean())) + HALF_TURN) % FULL_TURN - HALF_TURN
    here = np.array([middle_lat], np.int64), np.array([middle_lon], np.int64)
    coast_nm = float(coast.distance_nm(*here)[0])
    belt = "offshore" if coast_nm > OFFSHORE_NM else "inshore" if coast_nm < INSHORE_NM else "border"
    port = int(ports.nearest(*here, PORT_NAME_NM)[1][0])
    word = "berths" if berth else "anchorage"
    withheld = ""
    if belt == "border" and types < rule.ship_types_min_border:
        withheld = f"in the border belt it needs {rule.ship_types_min_border} types of ships, there are {types}"
    return Learned(
        f"learned-{'berth' if berth else 'anchorage'}-{cells[0]:x}",
        "port" if berth else "anchorage",
        f"Learned {word}" + (f" near {ports.names[port]}" if port >= 0 else ""),
        np.array(cells, np.int64),
        middle_lat / UNITS_PER_DEG,
        middle_lon / UNITS_PER_DEG,
        len(vessels),
        round(float(hours.sum()), 1),
        types,
        round(float((hours * (spread_m < rule.berth_spread_m)).sum() / hours.sum()), 3),
        belt,
        int(stays["from_ms"].min()),
        int(stays["to_ms"].max()),
        withheld,
    )


@kernel(int64(int64[::1], int64[::1], int32[::1], int32[::1], _STAY[::1], int64[::1], _STAY[::1], float64, int64))
def _fold(who, t_ms, lat, lon, stays, seen, done, reach_m, gap_ms):
    """Fold positions into the open stays; closed ones go into `done`. Returns how many.

    A position that came late (before the last of its stay) counts if it lies within reach, and ends nothing.
    """
    n = 0
    for i in range(who.shape[0]):
        v = who[i]
        s = stays[v]
        seen[v] += 1
        if s["reports"] > 0:
            middle_lat = s["lat"] + s["sum_y"] // s["reports"]
            middle_lon = s["lon"] + s["sum_x"] // s["reports"]
            if middle_lon >= HALF_TURN:
                middle_lon -= FULL_TURN
            elif middle_lon < -HALF_TURN:
                middle_lon += FULL_TURN
            near = distance_m(middle_lat, middle_lon, np.int64(lat[i]), np.int64(lon[i])) <= reach_m
            if not near and t_ms[i] <= s["to_ms"]:
                continue
            if near and t_ms[i] - s["to_ms"] <= gap_ms:
                dy = np.int64(lat[i]) - s["lat"]
                dx = lon_difference(np.int64(lon[i]), np.int64(s["lon"]))
                s["sum_y"] += dy
                s["sum_x"] += dx
                s["squares_y"] += dy * dy
                s["squares_x"] += dx * dx
                s["reports"] += 1
                s["from_ms"] = min(s["from_ms"], t_ms[i])
                s["to_ms"] = max(s["to_ms"], t_ms[i])
                continue
            if s["to_ms"] - s["from_ms"] >= KEEP_MS:
                done[n] = s
                n += 1
        s["from_ms"] = t_ms[i]
        s["to_ms"] = t_ms[i]
        s["lat"] = lat[i]
        s["lon"] = lon[i]
        s["sum_y"] = 0
        s["sum_x"] = 0
        s["squares_y"] = 0
        s["squares_x"] = 0
        s["reports"] = 1
    return n
