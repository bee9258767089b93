"""Two ships under one number: dup_mmsi. Definition: docs/behaviours/identity.md. May hold: that rule. May not: decide which fix is whose (association.py).

Theory. The association has told the hulls apart: each believed track of an MMSI is a coherent motion of its own that the
other cannot have made. What is left is to ask whether both are alive at one time for long enough, and whether the second
might be an echo: old copies of the first one's reports lie on its own trail. Near each other, two tracks may also be one
set that tells two places; then another sign of two sets is asked for: particulars that come and go, classes, receivers.
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
from tracks.params import Identity
from tracks.records import BELIEVED
from tracks.vessels import VesselTable, trail_of

TRAIL_S = 2_400.0
MOVING_SOG = 20  # 2.0 kn
FLIPS_MIN = 2


def dup_mmsi(book: ep.Book, sight: Sight) -> list[Event]:
    """Pairs of believed tracks of one MMSI. Each ten minutes."""
    table, rule, tick_ms = sight.table, sight.params.identity, sight.tick_ms
    later = np.flatnonzero((table.known["ordinal"] > 0) & (table.known["belief"] == BELIEVED))
    events = []
    for slot in table.in_order(later):
        key = table.key_of(int(slot))
        other = _partner(table, int(slot))
        if other >= 0:
            events += _pair(book, key, sight, other, int(slot), rule)
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


def _pair(book: ep.Book, key: int, sight: Sight, a: int, b: int, rule: Identity) -> list[Event]:
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
