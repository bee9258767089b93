"""Risk of collision: two vessels that will pass too close if nobody gives way. May hold: closest approach, pairs, the event.

May not: advise a master; scores: this is the safety channel. Definition: docs/behaviours/collision-risk.md.

Theory. Only where a watch has drawn a zone for it (`zone_kinds`), or everywhere if a profile says so: in a strait two of three pairs will
pass close and mean to. Once a minute every vessel there that makes way and was heard within a minute is moved on, by its own speed and
course, to the tick: no two reports are of one moment. For pairs within `range_nm` the closest approach of two straight lines is worked out; sines and
cosines come from the table that all machines share. A risk must hold at two ticks, on kept courses, before it is told, so a ship that is turning tells nothing.
A pair is a fact of two rows alone: whoever searches a part of the sea with all rows within `halo_m` of it finds what a search of the whole sea
finds there. It is decided where the smaller track is at home, from rows that travel with the tick.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import boolean, float64, from_dtype, int64, types

from dogwatch.batch import COG_MISSING, UNITS_PER_DEG, take_rows
from dogwatch.events import Event, Evidence, Exclusion, Value
from dogwatch.geo import COS_COURSE, HALF_TURN, KN_MS, M_PER_UNIT, NM_M, cos_lat, lon_difference
from dogwatch.kernel import kernel
from tracks import episodes as ep
from tracks.alongside import fishes
from tracks.cells import in_cells
from tracks.detector import Detector, Home, Sight
from tracks.key import make_key, make_pair, read_pair
from tracks.params import INSHORE_NM, Collision, Params
from tracks.parties import parties, role, subject
from tracks.records import BELIEVED, HOT_TYPE, MINUTE_MS, MORE_TYPE, PLAIN
from tracks.vessels import VesselTable

TYPE, RULE = "safety", "collision_risk"
RULE_VERSION = "1.0"
ADVICE = "never navigational advice"
RECIPROCAL_COS = -0.966  # within 15 degrees of opposite courses
POLE = 54_000_000
SQUARE_UNITS = 150_000  # a quarter of a degree: 1 MB for the whole sea
ROOM = 1024  # for pairs of one tick, before the kernel is called again with more

MOVER = np.dtype([("key", "<i8"), ("slot", "<i8"), ("y_m", "<f8"), ("lat", "<i4"), ("lon", "<i4"), ("north", "<f8"), ("east", "<f8"), ("loa_m", "<u2")])
CLOSE = np.dtype([("a", "<i8"), ("b", "<i8"), ("cpa_m", "<f8"), ("tcpa_s", "<f8"), ("range_m", "<f8"), ("limit_m", "<f8"), ("course_cos", "<f8")])
_MOVER, _CLOSE = from_dtype(MOVER), from_dtype(CLOSE)


@dataclass(slots=True)
class Movers:
    """MOVER rows of a tick, sorted by latitude, then key, and behind each who it is: in `table`, or (of several shards) in `party` beside it.

    `found`: of several shards the CLOSE rows that are decided here; None: nobody has searched yet.
    """

    rows: np.ndarray
    table: VesselTable | None = None
    party: np.ndarray | None = None
    found: np.ndarray | None = None

    def parties(self, at: np.ndarray) -> np.ndarray:
        """PARTY rows of some of them."""
        return parties(self.table, self.rows["slot"][at]) if self.table is not None else self.party[at]  # type: ignore[index]


@dataclass(slots=True)
class Pair:
    """Two vessels at risk. Times are ticks, UTC ms; `cogs`: their courses at the last of them, tenths of a degree."""

    first_ms: int
    last_ms: int
    cpa_m_min: float
    cogs: tuple[int, int]


class CollisionDetector(Detector):
    """Pairs at risk and their events, by both keys packed in one integer."""

    NAME = "collision"
    PAIRS = True

    def __init__(self) -> None:
        self.book = ep.Book()
        self.pairs: dict[int, Pair] = {}
        self.looked_at: tuple[Any, np.ndarray] = None, np.empty((0, 0), np.bool_)  # of a geography: no part of the state

    def bring(self, sight: Sight) -> Movers | None:
        """Those of this table who make way where a watch looks."""
        rule = sight.params.collision
        if not rule.enabled or not (rule.everywhere or sight.geography.has_zones(rule.zone_kinds)):
            return None
        return Movers(movers_of(sight, self._squares(sight)), sight.table)

    def _squares(self, sight: Sight) -> np.ndarray:
        """Where to look at all: worked out once for a geography."""
        rule = sight.params.collision
        known = sight.geography.version, rule.zone_kinds, rule.everywhere
        if self.looked_at[0] != known:
            self.looked_at = known, squares_of(None if rule.everywhere else sight.geography.boxes(rule.zone_kinds))
        return self.looked_at[1]

    def share(self, parts: list[Movers], params: Params, home: Home) -> list[Movers]:
        """All movers, and the pairs whose smaller track is at home there."""
        rows = np.concatenate([part.rows for part in parts])
        party = np.concatenate([part.parties(np.arange(len(part.rows))) for part in parts])
        order = np.lexsort((rows["key"], rows["lat"]))
        rows, party = rows[order], party[order]
        found = search(rows, params.collision)
        at_home = home(rows["key"][found["a"]])
        return [Movers(rows, None, party, found[at_home == k]) for k in range(len(parts))]

    def tick(self, sight: Sight) -> list[Event]:
        """Each minute: pairs at risk, events that begin, go on or end."""
        rule, tick_ms = sight.params.collision, sight.tick_ms
        movers = sight.brought(self.NAME) or self.bring(sight)
        if movers is None or not (len(movers.rows) or self.pairs or self.book.pages):
            return []
        events: list[Event] = []
        found = closest(movers.rows, rule) if movers.found is None else movers.found
        for a, b, close in zip(movers.parties(found["a"]), movers.parties(found["b"]), found, strict=True):
            key = make_pair(a["key"], b["key"])
            if _counts(sight, a, close):
                pair, cogs = self.pairs.get(key), (int(a["cog"]), int(b["cog"]))
                if pair is None or pair.last_ms < tick_ms - MINUTE_MS or _turns(pair.cogs, cogs, rule.turn_deg_max):
                    pair = self.pairs[key] = Pair(tick_ms, tick_ms, float(close["cpa_m"]), cogs)
                pair.last_ms, pair.cpa_m_min, pair.cogs = tick_ms, min(pair.cpa_m_min, float(close["cpa_m"])), cogs
                if tick_ms - pair.first_ms >= rule.sustained_s * 1000.0:
                    events += self._risk(sight, key, (a, b), movers.rows[[close["a"], close["b"]]], close)
        for key in sorted(self.book.pages):
            page, pair = self.book.pages[key], self.pairs.get(key)
            last_ms = pair.last_ms if pair else page.event.t_detected
            if page.event.t_end is None and tick_ms - last_ms >= rule.lower_s * 1000.0:
                closed = "closed" if page.event.state == "open" else page.event.state
                events.append(self.book.revise(key, tick_ms, state=closed, t_end=last_ms))
            elif page.event.t_end is not None and tick_ms - page.event.t_end > rule.merge_s * 1000.0:
                del self.book.pages[key]
        self.pairs = {key: pair for key, pair in self.pairs.items() if tick_ms - pair.last_ms <= rule.lower_s * 1000.0}
        return events

    def _risk(self, sight: Sight, key: int, both: tuple[np.void, np.void], places: np.ndarray, close: np.void) -> list[Event]:
        """The event of a pair at risk. both: PARTY rows, the smaller key first; places: their MOVER rows."""
        rule, tick_ms, pair = sight.params.collision, sight.tick_ms, self.pairs[key]
        page = self.book.pages.get(key)
        if page is not None and page.event.t_end is None and tick_ms - page.emitted_ms < rule.revise_s * 1000.0:
            return []
        a, b = places
        age_s = max((tick_ms - int(party["t_ms"])) / 1000.0 for party in both)
        here = ep.degrees_of(
            (int(a["lat"]) + int(b["lat"])) / 2, int(a["lon"]) + int(lon_difference(int(b["lon"]), int(a["lon"]))) / 2
        )  # between the two, now: where they will meet is a guess
        exclusions, doubts = _exclusions(sight, both, close, rule)
        reason = ep.suppressed_reason(exclusions)
        margin = min(1.0, max(0.5, 0.5 + 0.25 * (float(close["limit_m"]) / max(float(close["cpa_m"]), 1.0) - 1.0)))
        facts: dict[str, Any] = {
            "state": "candidate" if reason else "open",
            "subjects": [subject(party) for party in both],
            "t_end": None,
            "lat": here[0],
            "lon": here[1],
            "zones": sight.geography.relations(*here),
            "measures": _measures(close, pair, age_s),
            "evidence": _evidence(close, rule, age_s, (tick_ms - pair.first_ms) / 1000.0, min(float(party["speed_kn"]) for party in both)),
            "exclusions": exclusions,
            "confidence": ep.confidence_of(rule.confidence_cap, margin, 1.0 - age_s / (2.0 * rule.age_s_max), doubts),
            "reason": reason,
        }
        if page is None:
            return [self.book.open_new(key, ep.new_event(sight, (TYPE, "collision_risk", RULE, RULE_VERSION), list(read_pair(key)), pair.first_ms, facts))]
        return [self.book.revise(key, tick_ms, **facts)] if not reason or page.event.reason != reason else []

    def keys(self) -> set[int]:
        """Tracks of all pairs."""
        return {track for key in set(self.pairs) | set(self.book.pages) for track in read_pair(key)}

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        pairs = [[key, pair.first_ms, pair.last_ms, pair.cpa_m_min, list(pair.cogs)] for key, pair in sorted(self.pairs.items())]
        return {"book": self.book.to_sections(), "pairs": pairs}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.book = ep.Book.from_sections(sections["book"])
        self.pairs = {key: Pair(first_ms, last_ms, cpa_m, (cogs[0], cogs[1])) for key, first_ms, last_ms, cpa_m, cogs in sections["pairs"]}


def _turns(before: tuple[int, int], now: tuple[int, int], turn_deg_max: float) -> bool:
    """Whether either of two has turned in the last minute: a straight way on says nothing of a ship that turns."""
    return any(abs((b - a + 1800) % 3600 - 1800) > turn_deg_max * 10 for a, b in zip(before, now, strict=True))


def movers_of(sight: Sight, squares: np.ndarray) -> np.ndarray:
    """MOVER rows of the vessels that make way in the watched zones, moved on to the tick, sorted by latitude, then key. squares: `squares_of` the zones."""
    table, rule, tick_ms = sight.table, sight.params.collision, sight.tick_ms
    rows = table.used
    slots = np.empty(len(rows), np.int64)
    slots = slots[: _candidates(rows, table.known, tick_ms - rule.age_s_max * 1000.0, float(np.float32(rule.speed_kn_min)), squares, slots)]
    if len(slots) and not rule.everywhere:
        lat_deg, lon_deg = rows["lat"][slots] / UNITS_PER_DEG, rows["lon"][slots] / UNITS_PER_DEG
        slots = slots[sight.geography.in_zones(rule.zone_kinds, lat_deg, lon_deg)]
    movers = np.empty(len(slots), MOVER)
    _move(rows, table.known, slots, tick_ms, movers)
    return take_rows(movers, np.lexsort((movers["key"], movers["lat"])))


def squares_of(boxes: np.ndarray | None) -> np.ndarray:
    """bool[rows, columns]: which squares of SQUARE_UNITS some box (south, west, north, east in units) touches; None: all of them."""
    squares = np.full((2 * POLE // SQUARE_UNITS + 1, 2 * HALF_TURN // SQUARE_UNITS), boxes is None)
    for south, west, north, east in [] if boxes is None else boxes.tolist():
        rows = slice(max(0, (south + POLE) // SQUARE_UNITS), (north + POLE) // SQUARE_UNITS + 1)
        columns = np.arange((west + HALF_TURN) // SQUARE_UNITS, (east + HALF_TURN) // SQUARE_UNITS + 1) % squares.shape[1]
        squares[rows, columns] = True
    return squares


def closest(movers: np.ndarray, rule: Collision) -> np.ndarray:
    """CLOSE rows of all pairs of `movers` at risk (limits offshore), the smaller key as `a`, in order of both keys."""
    limits = (rule.range_nm * NM_M, rule.cpa_nm * NM_M, rule.loa_factor, rule.tcpa_s_max, rule.speed_kn_apart_min * KN_MS)
    room = ROOM
    while True:
        found = np.empty(room, CLOSE)
        n = _closest(movers, limits, rule.present_counts, found)
        if n <= room:
            break
        room = n
    return _in_order(movers, found[:n])


def search(movers: np.ndarray, rule: Collision) -> np.ndarray:
    """`closest` cell by cell, as several searchers would."""
    found = [np.empty(0, CLOSE)]
    for rows, own in in_cells(movers["lat"], movers["lon"], halo_m(rule)):
        near = closest(movers[rows], rule)
        mine = near[own[near["a"]]]
        mine["a"], mine["b"] = rows[mine["a"]], rows[mine["b"]]
        found.append(mine)
    return _in_order(movers, np.concatenate(found))


def halo_m(rule: Collision) -> float:
    """How far around a part of the sea movers must be known, so that its pairs come out right: the range, and a little for rounding."""
    return rule.range_nm * NM_M + 50.0


def _in_order(movers: np.ndarray, found: np.ndarray) -> np.ndarray:
    return found[np.lexsort((movers["key"][found["b"]], movers["key"][found["a"]]))]


def _counts(sight: Sight, a: np.void, close: np.void) -> bool:
    """The limit inshore, and which courses a profile asks for. a: PARTY row of the smaller key."""
    rule = sight.params.collision
    if float(close["course_cos"]) < math.cos(math.radians(rule.course_apart_deg_max)) - 1e-9:
        return False
    if float(close["cpa_m"]) <= rule.cpa_nm_inshore * NM_M:
        return True
    lat, lon = a["lat"] / UNITS_PER_DEG, a["lon"] / UNITS_PER_DEG
    return bool(sight.geography.coast_distance_nm(np.array([lat]), np.array([lon]))[0] >= INSHORE_NM)


def _measures(close: np.void, pair: Pair, age_s: float) -> dict[str, Value]:
    return {
        "cpa_m": ep.tidy("m", float(close["cpa_m"])),
        "cpa_m_min": ep.tidy("m", pair.cpa_m_min),
        "tcpa_s": ep.tidy("s", float(close["tcpa_s"])),
        "range_nm": ep.tidy("nm", float(close["range_m"]) / NM_M),
        "fix_age_s": ep.tidy("s", age_s),
        "advice": ADVICE,
    }


def _evidence(close: np.void, rule: Collision, age_s: float, held_s: float, speed_kn: float) -> list[Evidence]:
    return [
        ep.at_most("cpa_m", float(close["cpa_m"]), float(close["limit_m"])),
        ep.at_most("tcpa_s", float(close["tcpa_s"]), rule.tcpa_s_max),
        ep.at_most("range_nm", float(close["range_m"]) / NM_M, rule.range_nm),
        ep.at_least("speed_kn", speed_kn, rule.speed_kn_min),
        ep.at_least("held_s", held_s, rule.sustained_s),
        ep.at_most("fix_age_s", age_s, rule.age_s_max),
    ]


def _exclusions(sight: Sight, both: tuple[np.void, np.void], close: np.void, rule: Collision) -> tuple[list[Exclusion], list[float]]:
    """Each innocent explanation that was tested, and the doubts of those that apply. both: PARTY rows."""
    types = [int(party["ship_type"]) for party in both]
    lengths = [int(party["loa_m"]) for party in both]
    small = all(0 < length < rule.small_loa_m or (length == 0 and bool(party["class_b"])) for party, length in zip(both, lengths, strict=True))
    line = all(60 <= kind <= 69 for kind in types) and float(close["course_cos"]) <= RECIPROCAL_COS + 0.1 and float(close["cpa_m"]) >= rule.ferries_m_min
    convoy = float(close["course_cos"]) >= -RECIPROCAL_COS and not rule.present_counts
    masked = bool(sight.geography.masked(*(np.array([both[0][name] / UNITS_PER_DEG]) for name in ("lat", "lon")))[0])
    found = [
        ep.roles_exclude([role(party) for party in both]),
        ep.checked("both_small", small, max(lengths), suppress=True),
        ep.checked("both_fishing", all(fishes(party) for party in both), None, suppress=True),
        ep.checked("convoy", convoy, suppress=True),
        ep.checked("ferries_of_a_line", line, suppress=True),
        ep.checked("in_port", masked, suppress=True),
        ep.checked("length_unknown", 0 in lengths, None),
    ]
    return found, [0.2] if 0 in lengths else []


# Flat: one pass over all vessels each minute; most are dropped by the first comparison or by their square.
@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], float64, float64, boolean[:, ::1], int64[::1]), **PLAIN)
def _candidates(rows, more, since_ms, speed_kn_min, squares, out):
    """Write the slots of believed tracks heard since a time that make way on a known course in a wanted square; returns how many."""
    n = 0
    for slot in range(rows.shape[0]):
        v = rows[slot]
        if v["speed_kn"] < speed_kn_min or v["t_ms"] < since_ms or v["cog"] >= COG_MISSING:
            continue
        row, column = (np.int64(v["lat"]) + POLE) // SQUARE_UNITS, (np.int64(v["lon"]) + HALF_TURN) // SQUARE_UNITS
        if squares[row, column % squares.shape[1]] and more[slot]["belief"] == BELIEVED:
            out[n] = slot
            n += 1
    return n


# Slow twin in tests/naive_motion.py.
@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64, _MOVER[::1]), **PLAIN)
def _move(rows, more, slots, tick_ms, movers):
    """Write who moves in each slot, and where it is at the tick: where it was, and the way since."""
    for i in range(slots.shape[0]):
        v, m, mover = rows[slots[i]], more[slots[i]], movers[i]
        mover["slot"], mover["key"], mover["loa_m"] = slots[i], make_key(np.int64(v["mmsi"]), np.int64(m["ordinal"])), m["loa_m"]
        cog, speed_ms = np.int64(v["cog"]), np.float64(v["speed_kn"]) * KN_MS
        mover["north"], mover["east"] = speed_ms * COS_COURSE[cog], speed_ms * COS_COURSE[(cog + 2700) % 3600]
        lat, seconds = np.int64(v["lat"]), (tick_ms - v["t_ms"]) / 1000.0
        mover["lat"] = np.int32(lat + mover["north"] * seconds / M_PER_UNIT)
        x = np.int64(v["lon"]) + np.int64(mover["east"] * seconds / M_PER_UNIT / cos_lat(lat))
        mover["lon"] = np.int32(lon_difference(x, 0))
        mover["y_m"] = mover["lat"] * M_PER_UNIT


# Flat: the inner loop over neighbours in latitude. Slow twin in tests/naive_motion.py.
@kernel(int64(_MOVER[::1], types.UniTuple(float64, 5), types.boolean, _CLOSE[::1]))
def _closest(movers, limits, present, out):
    """Pairs whose closest approach is too close, each once; returns their number (may exceed len(out): call again with room).

    movers: sorted by latitude. limits: range and closest approach in m, that per length of the longer, latest time in s, least speed apart
    in m/s. present: the distance now counts too. On opposite courses, where ships pass by intent, lengths do not widen the limit.
    """
    range_m, cpa_m, factor, tcpa_max, apart_min = limits
    found = 0
    for i in range(movers.shape[0]):
        a = movers[i]
        scale = cos_lat(np.int64(a["lat"]))
        j = i + 1
        while j < movers.shape[0] and movers[j]["y_m"] - a["y_m"] <= range_m:
            b = movers[j]
            j += 1
            y = b["y_m"] - a["y_m"]
            x = lon_difference(np.int64(b["lon"]), np.int64(a["lon"])) * M_PER_UNIT * scale
            range2 = y * y + x * x
            if range2 > range_m * range_m:
                continue
            vy, vx = b["north"] - a["north"], b["east"] - a["east"]
            v2 = vy * vy + vx * vx
            closing = -(y * vy + x * vx)
            ahead = v2 >= apart_min * apart_min and closing >= 0.0
            if not ahead and not present:
                continue
            t = min(closing / v2, tcpa_max) if ahead else 0.0
            if ahead and closing / v2 > tcpa_max and not present:
                continue
            cy, cx = y + vy * t, x + vx * t
            near_m = np.sqrt(cy * cy + cx * cx)
            speeds = np.sqrt((a["north"] * a["north"] + a["east"] * a["east"]) * (b["north"] * b["north"] + b["east"] * b["east"]))
            course_cos = (a["north"] * b["north"] + a["east"] * b["east"]) / speeds
            limit_m = cpa_m if course_cos <= RECIPROCAL_COS else max(cpa_m, factor * max(a["loa_m"], b["loa_m"]))
            if near_m >= limit_m:
                continue
            if found < out.shape[0]:
                close = out[found]
                close["a"] = i if a["key"] < b["key"] else j - 1
                close["b"] = j - 1 if a["key"] < b["key"] else i
                close["cpa_m"] = near_m
                close["tcpa_s"] = t
                close["range_m"] = np.sqrt(range2)
                close["limit_m"] = limit_m
                close["course_cos"] = course_cos
            found += 1
    return found
