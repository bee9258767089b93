"""Rendezvous: two transmitting vessels so close, so slow, so long that people or goods could pass.

May hold: the table of slow vessels per tick, contacts, the pair table, the event. May not: loitering or dark partners.
Definition: docs/behaviours/rendezvous.md.

Theory. Once a minute of event time every slow vessel outside the masks stands in one table with its last *real* position
(nothing is extrapolated; a position too old stands in no table). Vessels are sorted into cells of at least the greatest
contact distance, whose width follows the latitude row by row, and only neighbouring cells are compared: every pair is
found once, also across the date line. Contact is counted from the later to the earlier of the two reports, so a pair is
never longer together than both were heard. State is kept per pair: a vessel may meet several others at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, from_dtype, int64, njit, types

from dogwatch.batch import T_MISSING
from dogwatch.events import Event, Evidence, Value, event_id
from dogwatch.geo import FULL_TURN, HALF_TURN, M_PER_UNIT, cos_lat, distance_m, lon_difference
from tracks import episodes as ep
from tracks.alongside import Beside, explanations
from tracks.detector import Detector, Sight
from tracks.params import Params, Rendezvous
from tracks.parties import parties, subject
from tracks.vessels import VesselTable

TYPE = RULE = "rendezvous"
RULE_VERSION = "1.0"
SLOW_REPORT_S = 180.0  # nominal interval of moored, anchored and slow class B vessels (ITU-R M.1371-5, table 1)
AGE_FACTOR = 3.0
QUARTER = 54_000_000
CELL_SLACK = 1.01  # cells wider than the contact distance, because the row to the north is narrower than this one
DISTANCE_BINS = 32  # histogram behind the median distance, from 0 to the ceiling
RECHECK_MS = 600_000  # how often an open meeting is asked again whether a role explains it (statics come each 6 min)
CONTACTS_START = 4096  # room for contacts of one tick before the kernel is called again with more
NEW, OPEN, WAITING, SUPPRESSED = 0, 1, 2, 3  # stages of a pair

SLOW = np.dtype(
    [("key", "<u4"), ("slot", "<i8"), ("t_ms", "<i8"), ("lat", "<i4"), ("lon", "<i4"), ("speed_kn", "<f4"), ("loa_m", "<u2")],
)
CONTACT = np.dtype([("key", "<u8"), ("a", "<i8"), ("b", "<i8"), ("distance_m", "<f8")])  # a, b: rows of the slow table, a the smaller key
PAIR = np.dtype(
    [
        ("key", "<u8"),  # smaller track key << 32 | larger track key
        ("stage", "u1"),
        ("start_ms", "<i8"),  # of the episode
        ("segment_ms", "<i8"),  # start of the unbroken contact
        ("last_ms", "<i8"),  # end of contact so far
        ("done_ms", "<i8"),  # contact in the segments before
        ("t_a", "<i8"),  # reports last used
        ("t_b", "<i8"),
        ("reports_a", "<i4"),  # in the unbroken contact
        ("reports_b", "<i4"),
        ("slow_a", "<i4"),  # of these, at or below speed_kn_max
        ("slow_b", "<i4"),
        ("speed_a", "<f8"),  # sums of their speeds
        ("speed_b", "<f8"),
        ("nearest_m", "<f8"),
        ("contacts", "<i8"),
        ("lat", "<i4"),  # origin, and sums of offsets of the middle between the two
        ("lon", "<i4"),
        ("sum_y", "<i8"),
        ("sum_x", "<i8"),
        ("distances", "<i4", (DISTANCE_BINS,)),
    ]
)
_SLOW, _CONTACT, _PAIR = from_dtype(SLOW), from_dtype(CONTACT), from_dtype(PAIR)


class RendezvousDetector(Detector):
    """Pairs in contact or waiting to be merged, sorted by key, and their events."""

    NAME = "rendezvous"
    PAIRS = True

    def __init__(self) -> None:
        self.pairs = np.empty(0, PAIR)
        self.book = ep.Book()
        self.refused = 0

    def tick(self, sight: Sight) -> list[Event]:
        """Decide one minute for all pairs of slow vessels."""
        rule = sight.params.rendezvous
        if not rule.enabled:
            return []
        slow = slow_fixes(sight.table, sight.tick_ms, sight.params)
        contacts = find_contacts(slow, rule)
        self.pairs, refused = _with_new_pairs(self.pairs, contacts["key"], rule.pairs_max)
        self.refused += refused
        if len(contacts) and len(self.pairs):
            at = np.searchsorted(self.pairs["key"], contacts["key"])
            _touch(self.pairs, contacts, at, slow, (rule.speed_kn_max, rule.interpolation_s_max * 1000.0, rule.distance_m_ceiling / DISTANCE_BINS))
        events = _settle(self, sight)
        broken = sight.tick_ms - self.pairs["last_ms"]
        patience_ms = np.where(self.pairs["stage"] == NEW, (rule.interpolation_s_max + AGE_FACTOR * SLOW_REPORT_S) * 1000.0, rule.merge_s * 1000.0)
        gone = broken > patience_ms
        if gone.any():
            for key in self.pairs["key"][gone & (self.pairs["stage"] != NEW)]:
                self.book.pages.pop(int(key), None)
            self.pairs = self.pairs[~gone]
        return events

    def keys(self) -> set[int]:
        """Tracks of all pairs."""
        return {int(key) >> 32 for key in self.pairs["key"]} | {int(key) & 0xFFFFFFFF for key in self.pairs["key"]}

    def counts(self) -> dict[str, int]:
        """Pairs not entered because `pairs_max` was reached."""
        return {"pairs_refused": self.refused}

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"pairs": self.pairs, "book": self.book.to_sections(), "refused": self.refused}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.pairs, self.book, self.refused = sections["pairs"].copy(), ep.Book.from_sections(sections["book"]), sections["refused"]


def slow_fixes(table: VesselTable, tick_ms: int, params: Params) -> np.ndarray:
    """SLOW rows of the vessels that may be in contact at a tick: slow, unmasked, heard lately enough. Sorted by key."""
    rule, rows = params.rendezvous, table.used
    waiting = (rows["nav"] == ep.NAV_ANCHORED) | (rows["nav"] == ep.NAV_MOORED) | (rows["class_b"] != 0)
    age_ms = np.where(waiting, max(rule.report_age_s_max, AGE_FACTOR * SLOW_REPORT_S), rule.report_age_s_max) * 1000.0
    near = (rows["speed_kn"] >= 0) & (rows["speed_kn"] <= rule.speed_kn_gate) & (table.known["masked"] == 0) & (tick_ms - rows["t_ms"] <= age_ms)
    slots = table.in_order(np.flatnonzero(near))
    out = np.empty(len(slots), SLOW)
    for name in ("t_ms", "lat", "lon", "speed_kn"):
        out[name] = rows[name][slots]
    out["key"], out["slot"], out["loa_m"] = table.keys_of(slots), slots, table.more["loa_m"][slots]
    return out


def find_contacts(slow: np.ndarray, rule: Rendezvous) -> np.ndarray:
    """CONTACT rows of all pairs of `slow` within contact distance, sorted by key."""
    if len(slow) < 2:
        return np.empty(0, CONTACT)
    cell_units = int(CELL_SLACK * rule.distance_m_ceiling / M_PER_UNIT) + 1
    keys = cell_keys(slow["lat"].astype(np.int64), slow["lon"].astype(np.int64), cell_units)
    order = np.argsort(keys, kind="stable")
    room = CONTACTS_START
    while True:
        contacts = np.empty(room, CONTACT)
        n = _contacts(slow, keys[order], order, cell_units, (rule.distance_m_floor, rule.distance_m_ceiling, rule.distance_loa_factor), contacts)
        if n <= room:
            break
        room = n
    contacts = contacts[:n]
    return contacts[np.argsort(contacts["key"], kind="stable")]


def _with_new_pairs(pairs: np.ndarray, keys: np.ndarray, pairs_max: int) -> tuple[np.ndarray, int]:
    """Pairs with an empty one for every unknown key (keys sorted, unique), and how many found no room."""
    new = keys[~np.isin(keys, pairs["key"])]
    refused = max(0, len(pairs) + len(new) - pairs_max)
    new = new[: len(new) - refused]
    if not len(new):
        return pairs, refused
    blank = np.zeros(len(new), PAIR)
    blank["key"], blank["last_ms"] = new, T_MISSING
    both = np.concatenate([pairs, blank])
    return both[np.argsort(both["key"], kind="stable")], refused


def _settle(state: RendezvousDetector, sight: Sight) -> list[Event]:
    """Events of pairs that became a rendezvous, go on, or have parted."""
    rule, pairs, tick_ms = sight.params.rendezvous, state.pairs, sight.tick_ms
    if not len(pairs):
        return []
    unbroken = tick_ms - pairs["last_ms"] <= rule.interpolation_s_max * 1000.0
    met = (pairs["last_ms"] - pairs["segment_ms"] >= rule.duration_s_min * 1000.0) & unbroken
    for reports, slow in (("reports_a", "slow_a"), ("reports_b", "slow_b")):
        met &= (pairs[reports] >= rule.reports_min) & (2 * pairs[slow] >= pairs[reports])  # the median is at or below the limit
    events = []
    for at in np.flatnonzero(met | ((pairs["stage"] != NEW) & (pairs["stage"] != WAITING) & ~unbroken)):
        if unbroken[at]:
            events += _together(state, sight, int(at))
        else:
            events += _parted(state, int(at), tick_ms)
    return events


def _together(state: RendezvousDetector, sight: Sight, at: int) -> list[Event]:
    table, tick_ms, params, geography = sight.table, sight.tick_ms, sight.params, sight.geography
    rule, pair = params.rendezvous, state.pairs[at]
    key = int(pair["key"])
    page = state.book.pages.get(key)
    contact_s = (int(pair["done_ms"]) + int(pair["last_ms"]) - int(pair["segment_ms"])) / 1000.0
    transfer = contact_s >= rule.transfer_grade_s
    running = page is not None and page.event.t_end is None
    fresh = page is not None and tick_ms - page.emitted_ms < params.revise_s * 1000.0
    if page and running and fresh and page.event.measures["transfer_grade"] == transfer and tick_ms % RECHECK_MS:
        return []
    slots = [table.slot_of_key(key >> 32), table.slot_of_key(key & 0xFFFFFFFF)]
    lat_deg, lon_deg = _centre_deg(pair)
    zones = geography.relations(lat_deg, lon_deg)
    a, b = parties(table, np.array(slots))
    ways = (float(pair["speed_a"]) / int(pair["reports_a"]), float(pair["speed_b"]) / int(pair["reports_b"]))
    exclusions, doubts = explanations(sight, Beside(a, b, int(pair["start_ms"]), zones, ways), rule, page.event.exclusions if page else [])
    reason = ep.suppressed_reason(exclusions)
    if page and running and page.event.reason == reason and (reason or (fresh and page.event.measures["transfer_grade"] == transfer)):
        return []
    facts: dict[str, Any] = {
        "state": "candidate" if reason else "open",
        "subjects": [subject(a), subject(b)],
        "t_end": None,
        "lat": lat_deg,
        "lon": lon_deg,
        "zones": zones,
        "measures": _measures(pair, rule, geography, contact_s, transfer),
        "evidence": _evidence(pair, table, slots, rule),
        "exclusions": exclusions,
        "confidence": _confidence(pair, rule, doubts),
        "reason": reason,
        "quality": {
            "reports_a": int(pair["reports_a"]),
            "reports_b": int(pair["reports_b"]),
            "ticks_in_contact": int(pair["contacts"]),
            "interpolated_share": 0.0,
        },
    }
    pair["stage"] = SUPPRESSED if reason else OPEN
    if page:
        return [state.book.revise(key, tick_ms, **facts)]
    subjects = [one.key for one in facts["subjects"]]
    event = Event(
        event_id=event_id(TYPE, subjects, int(pair["start_ms"]), RULE, RULE_VERSION),
        version=1,
        type=TYPE,
        subtype="ais_pair",
        mmsi=[one.mmsi for one in facts["subjects"]],
        t_start=int(pair["start_ms"]),
        t_detected=tick_ms,
        rule=RULE,
        rule_version=RULE_VERSION,
        params_hash=params.params_hash,
        **facts,
    )
    return [state.book.open_new(key, event)]


def _parted(state: RendezvousDetector, at: int, tick_ms: int) -> list[Event]:
    """Contact has been broken for longer than an interpolation: the event closes, and waits to be merged."""
    pair = state.pairs[at]
    key = int(pair["key"])
    page = state.book.pages[key]
    pair["stage"] = WAITING
    closed = "closed" if page.event.state == "open" else page.event.state
    contact_s = (int(pair["done_ms"]) + int(pair["last_ms"]) - int(pair["segment_ms"])) / 1000.0
    measures = {**page.event.measures, "duration_s": ep.tidy("s", contact_s)}
    return [state.book.revise(key, tick_ms, state=closed, t_end=int(pair["last_ms"]), measures=measures)]


def contact_distance_m(loa_a: int, loa_b: int, rule: Rendezvous) -> float:
    """Distance that counts as contact for two lengths (0 = unknown: the ceiling)."""
    if loa_a == 0 or loa_b == 0:
        return rule.distance_m_ceiling
    return max(rule.distance_m_floor, min(rule.distance_m_ceiling, rule.distance_loa_factor * max(loa_a, loa_b)))


def _centre_deg(pair: np.void) -> tuple[float, float]:
    n = int(pair["contacts"])
    return ep.degrees_of(int(pair["lat"]) + int(pair["sum_y"]) / n, int(pair["lon"]) + int(pair["sum_x"]) / n)


def _median_distance_m(pair: np.void, rule: Rendezvous) -> float:
    """Median of the contact distances, to the middle of its bin."""
    total = np.cumsum(pair["distances"])
    median_m = (float(np.searchsorted(2 * total, int(total[-1]))) + 0.5) * rule.distance_m_ceiling / DISTANCE_BINS
    return max(float(pair["nearest_m"]), median_m)


def _evidence(pair: np.void, table: VesselTable, slots: list[int], rule: Rendezvous) -> list[Evidence]:
    limit_m = contact_distance_m(int(table.more["loa_m"][slots[0]]), int(table.more["loa_m"][slots[1]]), rule)
    segment_s = (int(pair["last_ms"]) - int(pair["segment_ms"])) / 1000.0
    slow_share = min(int(pair["slow_a"]) / int(pair["reports_a"]), int(pair["slow_b"]) / int(pair["reports_b"]))
    return [
        ep.at_most("distance_m_median", min(limit_m, _median_distance_m(pair, rule)), limit_m),
        ep.at_least("duration_s", segment_s, rule.duration_s_min),
        ep.at_least("slow_report_share", slow_share, 0.5),
        ep.at_least("reports_each", min(int(pair["reports_a"]), int(pair["reports_b"])), rule.reports_min),
    ]


def _measures(pair: np.void, rule: Rendezvous, geography: Any, contact_s: float, transfer: bool) -> dict[str, Value]:
    lat_deg, lon_deg = (np.array([value]) for value in _centre_deg(pair))
    return {
        "duration_s": ep.tidy("s", contact_s),
        "distance_m_median": ep.tidy("m", _median_distance_m(pair, rule)),
        "distance_m_min": ep.tidy("m", float(pair["nearest_m"])),
        "speed_kn_mean_a": ep.tidy("kn", float(pair["speed_a"]) / int(pair["reports_a"])),
        "speed_kn_mean_b": ep.tidy("kn", float(pair["speed_b"]) / int(pair["reports_b"])),
        "transfer_grade": transfer,
        "coast_distance_nm": ep.tidy("nm", float(geography.coast_distance_nm(lat_deg, lon_deg)[0])),
        "watch_distance_nm": ep.tidy("nm", float(geography.watch_distance_nm(lat_deg, lon_deg)[0])),
    }


def _confidence(pair: np.void, rule: Rendezvous, doubts: list[float]) -> float:
    segment_s = (int(pair["last_ms"]) - int(pair["segment_ms"])) / 1000.0
    expected = max(1.0, segment_s / SLOW_REPORT_S)
    data = min(int(pair["reports_a"]), int(pair["reports_b"])) / expected
    return ep.confidence_of(rule.confidence_cap, ep.margin_quality(segment_s, rule.duration_s_min), data, doubts)


@njit(int64(int64, int64), cache=True)
def _columns(row, cell_units):
    """Cells around the globe in a latitude row, each at least `cell_units` of latitude wide."""
    south = row * cell_units - QUARTER
    edge = min(QUARTER, max(abs(south), abs(south + cell_units)))
    return max(1, int(FULL_TURN * cos_lat(edge)) // cell_units)


@njit(int64[::1](int64[::1], int64[::1], int64), cache=True)
def cell_keys(lat, lon, cell_units):
    """row << 32 | column of positions in units."""
    keys = np.empty(lat.shape[0], np.int64)
    for i in range(lat.shape[0]):
        row = (lat[i] + QUARTER) // cell_units
        x = (lon[i] + HALF_TURN) % FULL_TURN
        keys[i] = (row << 32) | (x * _columns(row, cell_units) // FULL_TURN)
    return keys


# Flat: the inner loop of the search for neighbours. Slow twin: tests/naive_tracks.py.
@njit(int64(_SLOW[::1], int64[::1], int64[::1], int64, types.UniTuple(float64, 3), _CONTACT[::1]), cache=True)
def _contacts(slow, keys, order, cell_units, limits, out):
    """All pairs within their contact distance, each once; returns their number (may exceed len(out): call again with room).

    keys: cell keys in ascending order; order: rows of `slow` in that order. Each cell looks at itself and at the cells
    east and north of it; the columns of the row to the north may be fewer or more, so their range is computed.
    """
    floor_m, ceiling_m, factor = limits
    n = keys.shape[0]
    found = 0
    spans = np.zeros((4, 2), np.int64)
    for i in range(n):
        row, column = keys[i] >> 32, keys[i] & 0xFFFFFFFF
        here, there = _columns(row, cell_units), _columns(row + 1, cell_units)
        # Ranges of keys to look at: the rest of this cell and its eastern neighbour (round the date line), then the row to the north.
        spans[0, 0], spans[0, 1] = keys[i], min(keys[i] + 1, (row << 32) | (here - 1))
        wraps = column == here - 1 and here > 2
        spans[1, 0], spans[1, 1] = (row << 32, row << 32) if wraps else (0, -1)
        west = (column - 1) * there // here
        east = ((column + 2) * there + here - 1) // here - 1
        if east - west + 1 >= there:
            west, east = 0, there - 1
        spans[2, 0], spans[2, 1] = ((row + 1) << 32) | max(west, 0), ((row + 1) << 32) | min(east, there - 1)
        spans[3, 0], spans[3, 1] = 0, -1
        if west < 0:
            spans[3, 0], spans[3, 1] = ((row + 1) << 32) | (west + there), ((row + 1) << 32) | (there - 1)
        elif east > there - 1:
            spans[3, 0], spans[3, 1] = (row + 1) << 32, ((row + 1) << 32) | (east - there)
        for s in range(4):
            if spans[s, 1] < spans[s, 0]:
                continue
            j = i + 1 if s == 0 else np.searchsorted(keys, spans[s, 0])
            while j < n and keys[j] <= spans[s, 1]:
                a, b = order[i], order[j]
                j += 1
                loa_a, loa_b = np.float64(slow[a]["loa_m"]), np.float64(slow[b]["loa_m"])
                limit_m = ceiling_m if loa_a == 0 or loa_b == 0 else max(floor_m, min(ceiling_m, factor * max(loa_a, loa_b)))
                d = distance_m(slow[a]["lat"], slow[a]["lon"], slow[b]["lat"], slow[b]["lon"])
                if d > limit_m:
                    continue
                if found < out.shape[0]:
                    if slow[a]["key"] > slow[b]["key"]:
                        a, b = b, a
                    out[found]["key"] = (np.uint64(slow[a]["key"]) << np.uint64(32)) | np.uint64(slow[b]["key"])
                    out[found]["a"] = a
                    out[found]["b"] = b
                    out[found]["distance_m"] = d
                found += 1
    return found


# Flat: one straight walk over the contacts of a tick. Slow twin: tests/naive_tracks.py.
@njit((_PAIR[::1], _CONTACT[::1], int64[::1], _SLOW[::1], types.UniTuple(float64, 3)), cache=True)
def _touch(pairs, contacts, at, slow, limits):
    """Enter the contacts of one tick into their pairs. limits: speed_kn_max, longest break in ms, width of a distance bin in m."""
    speed_max, break_ms, bin_m = limits
    for i in range(contacts.shape[0]):
        if at[i] >= pairs.shape[0] or pairs[at[i]]["key"] != contacts[i]["key"]:
            continue
        pair, a, b = pairs[at[i]], slow[contacts[i]["a"]], slow[contacts[i]["b"]]
        later, earlier = max(a["t_ms"], b["t_ms"]), min(a["t_ms"], b["t_ms"])
        if pair["last_ms"] == T_MISSING or later - pair["last_ms"] > break_ms:
            if pair["stage"] == NEW:
                pair["start_ms"] = later
                pair["done_ms"] = 0
                pair["contacts"] = 0
                pair["nearest_m"] = contacts[i]["distance_m"]
                pair["lat"] = a["lat"]
                pair["lon"] = a["lon"]
                pair["sum_y"] = 0
                pair["sum_x"] = 0
                for k in range(DISTANCE_BINS):
                    pair["distances"][k] = 0
            else:
                pair["done_ms"] += pair["last_ms"] - pair["segment_ms"]
            pair["segment_ms"] = later
            pair["last_ms"] = later
            pair["t_a"] = pair["t_b"] = T_MISSING
            pair["reports_a"] = pair["reports_b"] = pair["slow_a"] = pair["slow_b"] = 0
            pair["speed_a"] = pair["speed_b"] = 0.0
        pair["last_ms"] = max(pair["last_ms"], earlier)
        if a["t_ms"] != pair["t_a"]:
            pair["reports_a"] += 1
            pair["slow_a"] += a["speed_kn"] <= speed_max
            pair["speed_a"] += a["speed_kn"]
            pair["t_a"] = a["t_ms"]
        if b["t_ms"] != pair["t_b"]:
            pair["reports_b"] += 1
            pair["slow_b"] += b["speed_kn"] <= speed_max
            pair["speed_b"] += b["speed_kn"]
            pair["t_b"] = b["t_ms"]
        pair["nearest_m"] = min(pair["nearest_m"], contacts[i]["distance_m"])
        pair["contacts"] += 1
        pair["sum_y"] += (np.int64(a["lat"]) + np.int64(b["lat"])) // 2 - pair["lat"]
        half = lon_difference(b["lon"], a["lon"]) // 2
        pair["sum_x"] += lon_difference(a["lon"], pair["lon"]) + half
        pair["distances"][min(DISTANCE_BINS - 1, int(contacts[i]["distance_m"] / bin_m))] += 1
