"""Two ships under one number: dup_mmsi. Definition: docs/behaviours/identity.md. May hold: that rule. May not: decide which fix is whose.

Theory. The association has told the hulls apart: each believed track of an MMSI is a coherent motion of its own that the
other cannot have made. What is left is to ask whether both are alive at one time for long enough, and whether the second
might be an echo: old copies of the first one's reports lie on its own trail. Near each other, two tracks may also be one
set that tells two places; then another sign of two sets is asked for: particulars that come and go, classes, receivers,
or the time of the reports. One set under way reports at an interval that the standard gives it; two take turns (A, B, A, B), each at an
interval of its own, and together they send more often than any one set may. Turns are counted from the ten minutes on at which both were believed.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from dogwatch.batch import T_MISSING
from dogwatch.events import Event, Value
from dogwatch.geo import M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference
from tracks import episodes as ep
from tracks import subjects, who
from tracks.detector import Sight
from tracks.key import TRACKS_MAX
from tracks.params import Identity
from tracks.records import BELIEVED, MARK_TWIN
from tracks.vessels import VesselTable, trail_of

TRAIL_S = 2_400.0
MOVING_SOG = 20  # 2.0 kn
FLIPS_MIN = 2
LAST, CHANGES, FIRST_MS, LAST_MS, COUNTS = range(5)  # of an entry of Turns: ordinal of the last report, ..., reports by ordinal from COUNTS on
INTERVAL_S_A = ((14.0, 10.0), (23.0, 6.0), (1e9, 2.0))  # of a class A set up to so many knots (M.1371-5, table 1), on a steady course
INTERVAL_S_B = 30.0  # of a class B set faster than 2 kn


class Turns:
    """Whose report follows whose, of MMSIs with two believed tracks: MMSI -> an entry (LAST, CHANGES, ...)."""

    def __init__(self) -> None:
        self.of: dict[int, list[int]] = {}

    def see(self, table: VesselTable, t_ms: np.ndarray, slots: np.ndarray) -> None:
        """Take accepted reports of marked tracks, in order of time."""
        mmsi, ordinal = table.rows["mmsi"][slots], table.more["ordinal"][slots].astype(np.int64)
        for number in np.unique(mmsi).tolist():
            own = mmsi == number
            told, times = ordinal[own], t_ms[own]
            entry = self.of.setdefault(number, [int(told[0]), 0, int(times[0]), 0, *[0] * TRACKS_MAX])
            entry[CHANGES] += int((np.diff(told, prepend=entry[LAST]) != 0).sum())
            entry[LAST], entry[LAST_MS] = int(told[-1]), int(times[-1])
            for k, n in enumerate(np.bincount(told, minlength=TRACKS_MAX).tolist()):
                entry[COUNTS + k] += n

    def mark(self, table: VesselTable, later: np.ndarray) -> None:
        """Of MMSIs with later believed tracks (slots) all tracks are counted from now on; what was counted of others is forgotten."""
        numbers = set(table.rows["mmsi"][later].tolist())
        for number in sorted(numbers | set(self.of)):
            at = table.slot_of(number)
            while at >= 0:
                table.rows["marks"][at] &= 0xFF ^ MARK_TWIN
                table.rows["marks"][at] |= MARK_TWIN if number in numbers and table.more["belief"][at] == BELIEVED else 0
                at = int(table.more["next"][at]) - 1
        self.of = {number: entry for number, entry in self.of.items() if number in numbers}

    def taken(self, table: VesselTable, a: int, b: int, rule: Identity) -> bool:
        """Whether two tracks of one MMSI (slots) take turns, and send more often together than one set may."""
        entry = self.of.get(int(table.rows["mmsi"][a]))
        if entry is None:
            return False
        n_a, n_b = (entry[COUNTS + int(table.more["ordinal"][slot])] for slot in (a, b))
        lasting_s = (entry[LAST_MS] - entry[FIRST_MS]) / 1000
        if min(n_a, n_b) < rule.turns_reports_min or entry[CHANGES] < rule.turns_share_min * 2 * min(n_a, n_b):
            return False
        return (n_a + n_b) * min(_interval_s(table, slot) for slot in (a, b)) >= rule.turns_rate_min * lasting_s


def _interval_s(table: VesselTable, slot: int) -> float:
    """The shortest interval at which a set on a steady course sends at a track's speed."""
    if table.rows["class_b"][slot]:
        return INTERVAL_S_B
    return next(interval_s for kn, interval_s in INTERVAL_S_A if float(table.rows["speed_kn"][slot]) <= kn)


def dup_mmsi(book: ep.Book, turns: Turns, sight: Sight) -> list[Event]:
    """Pairs of believed tracks of one MMSI. Each ten minutes."""
    table, rule, tick_ms = sight.table, sight.params.identity, sight.tick_ms
    later = table.in_order(np.flatnonzero((table.known["ordinal"] > 0) & (table.known["belief"] == BELIEVED)))
    events = []
    for slot in later:
        key = table.key_of(int(slot))
        other = _partner(table, int(slot))
        if other >= 0:
            events += _pair(book, turns, key, sight, other, int(slot), rule)
    turns.mark(table, later)
    for key in sorted(book.pages):
        slot = table.slot_of_key(key)
        alive = slot >= 0 and table.more["belief"][slot] == BELIEVED
        other = _partner(table, slot) if alive else -1
        heard = min(int(table.rows["t_ms"][slot]), int(table.rows["t_ms"][other])) if other >= 0 else 0
        if tick_ms - heard > rule.silent_s * 1000:
            events += who.end(book, key, tick_ms, max(heard, book.pages[key].event.t_start))
    return events


def alive_together(table: VesselTable, mmsi: int, since_ms: int) -> bool:
    """Whether two believed tracks of an MMSI were both heard since a time."""
    slot, n = table.slot_of(mmsi), 0
    while slot >= 0:
        n += int(table.more["belief"][slot] == BELIEVED and table.rows["t_ms"][slot] >= since_ms)
        slot = int(table.more["next"][slot]) - 1
    return n >= 2


def _partner(table: VesselTable, slot: int) -> int:
    """The believed track of the same MMSI, of a lower ordinal, that was heard last; -1: none."""
    at, best = table.slot_of(int(table.rows["mmsi"][slot])), -1
    while at >= 0 and at != slot:
        if table.more["belief"][at] == BELIEVED and table.rows["t_ms"][at] != T_MISSING and (best < 0 or table.rows["t_ms"][at] > table.rows["t_ms"][best]):
            best = at
        at = int(table.more["next"][at]) - 1
    return best


def _pair(book: ep.Book, turns: Turns, key: int, sight: Sight, a: int, b: int, rule: Identity) -> list[Event]:
    table = sight.table
    rows, more = table.rows, table.more
    start = max(int(more["birth_ms"][a]), int(more["birth_ms"][b]))
    together_s = (min(int(rows["t_ms"][a]), int(rows["t_ms"][b])) - start) / 1000
    if together_s < rule.hulls_s_min:
        return []
    apart_nm = distance_m(*who.place_of(sight, a), *who.place_of(sight, b)) / NM_M
    flips = int(table.cold["identity"]["flips"][table.slot_of(int(rows["mmsi"][b]))])
    signs = []
    if apart_nm > rule.hulls_nm_far:
        signs.append("distance")
    if flips >= FLIPS_MIN:
        signs.append("particulars")
    if rows["class_b"][a] != rows["class_b"][b]:
        signs.append("class")
    heard_by = [int(rows["rx"][s]) | int(more["rx_before"][s]) for s in (a, b)]
    if heard_by[0] and heard_by[1] and not heard_by[0] & heard_by[1]:
        signs.append("receivers")
    if turns.taken(table, a, b, rule):
        signs.append("turns")
    if not signs and key not in book:
        return []
    stale = _places_on_trail(sight, a, b, rule)
    evidence = [ep.at_least("together_s", together_s, rule.hulls_s_min), ep.at_least("signs", len(signs), 1)]
    exclusions = [ep.checked("stale_copies", stale >= rule.stale_places_min, stale, suppress=True)]
    named = [subjects.subject_of(table, slot) for slot in (a, b)]
    measures: dict[str, Value] = {"distance_nm": ep.tidy("nm", apart_nm), "together_s": ep.tidy("s", together_s), "signs": ", ".join(signs) or "none now"}
    margin = ep.margin_quality(together_s, rule.hulls_s_min)
    confidence = ep.confidence_of(rule.confidence_cap, margin, 1.0, [] if len(signs) > 1 or apart_nm > rule.hulls_nm_far else [0.2])
    return who.write(book, key, sight, "dup_mmsi", named, (start, None), evidence, exclusions, measures, confidence, who.place_of(sight, b))


def _places_on_trail(sight: Sight, a: int, b: int, rule: Identity) -> int:
    """How many of the newest moving places of one track lie on the other's trail, whichever way round is more. At rest two ships may lie at one quay."""
    trails = [trail_of(sight.table, slot, sight.tick_ms, TRAIL_S) for slot in (a, b)]
    most = 0
    for points, trail in (trails, trails[::-1]):
        newest = points[points["sog"] >= MOVING_SOG][-rule.stale_places_min :]
        most = max(most, sum(any(_off_leg_m(point, *leg) <= rule.stale_m_max for leg in pairwise(trail)) for point in newest))
    return most


def _off_leg_m(point: np.void, one: np.void, two: np.void) -> float:
    """Metres from a place to the leg between two."""
    lat, lon = int(point["lat"]), int(point["lon"])
    k = M_PER_UNIT * cos_lat(lat)
    ax, ay = lon_difference(int(one["lon"]), lon) * k, (int(one["lat"]) - lat) * M_PER_UNIT
    bx, by = lon_difference(int(two["lon"]), lon) * k, (int(two["lat"]) - lat) * M_PER_UNIT
    dx, dy = bx - ax, by - ay
    along = -(ax * dx + ay * dy) / (dx * dx + dy * dy) if dx or dy else 0.0
    along = min(1.0, max(0.0, along))
    x, y = ax + along * dx, ay + along * dy
    return float((x * x + y * y) ** 0.5)
