"""Berths: who lies within reach of whom for long, kept from tick to tick. May hold: the places, the list, how it is read at a tick.

May not: say what a contact is (contacts.py), be part of a state.

Theory. Most of those who lie close to each other lie there for hours, and are searched for each minute among all others. So a row that is still has a
berth, the circle of SKIN_M around the place where it lay when the list was made, and two are on the list if contact is possible while both are in
their berths. At a tick the contacts of those in their berths are read from the list, in order of keys, without a search; who has left its berth,
moves, or has none is searched for among all rows as ever, until the next list. Both together say what a search of all rows says
(tests/test_tracks_berths.py), so the list may be lost at any time: it is in no snapshot, and when it is made decides nothing but the cost.
A list longer than rows without a crowd can make it is not kept: in a crowd the search, which ends early there, is cheaper.
Of two on the list who were in contact at the tick before, and of whom neither has reported since, nothing is said again: nobody would enter it.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, float64, from_dtype, int32, int64

from dogwatch.batch import T_MISSING, take_rows
from dogwatch.geo import M_PER_UNIT, cos_lat, lon_difference
from dogwatch.kernel import kernel
from tracks import contacts as search
from tracks.contacts import CONTACT, EAST_BITS, EAST_MASK, EAST_TURN, NEAR, STILL, STRIP, Found, Room, apart_m, find_contacts, strip_width, strips
from tracks.key import make_pair, read_mmsi
from tracks.params import Rendezvous
from tracks.records import PLAIN

SKIN_M = 40.0  # most positions of a moored vessel lie within so much of each other
SLACK = 1.02  # the plane in which distances are measured bends by less
LISTED_MS, LOOSE_MAX = 600_000, 1 / 16  # so long a list is used at least, and until so many of the rows are still and in no berth
ROWS_MIN = 1000  # fewer are searched for more cheaply
BERTH = np.dtype([("key", "<i8"), ("t_ms", "<i8"), ("lat", "<i4"), ("lon", "<i4"), ("own_m", "<f4")])  # t_ms: the report last seen there
# Who lies in a berth: row -1 nobody; anew: whether it has reported since the tick before; across: square of the cosine of its latitude.
MOORED = np.dtype([("lat", "<i4"), ("lon", "<i4"), ("own_m", "<f4"), ("across", "<f4"), ("row", "<i4"), ("anew", "<i4")])
LISTED = np.dtype([("key", "<u8"), ("a", "<i4"), ("b", "<i4"), ("close", "<i4"), ("told", "<i4")])  # a, b: berths, a of the smaller key
_NEAR, _CONTACT, _BERTH, _MOORED, _LISTED = (from_dtype(dtype) for dtype in (NEAR, CONTACT, BERTH, MOORED, LISTED))


class Berths:
    """The berths of one table, who lies in them, and the list of those who may be in contact."""

    def __init__(self) -> None:
        self._clear()
        self._rule: Rendezvous | None = None
        self._until_ms = 0

    def _clear(self) -> None:
        self.berths, self.moored, self.listed = np.empty(0, BERTH), np.empty(0, MOORED), np.empty(0, LISTED)
        self._of_slot = np.empty(0, np.int32)

    def find(self, near: np.ndarray, tick_ms: int, rule: Rendezvous, room: Room, *, whole: bool) -> Found:
        """What `find_contacts` finds among NEAR rows of the table at a tick.

        whole: with those that were found at the tick before and of whom neither has reported since.
        """
        partners = np.empty(len(near), np.int64)
        loose = _moor(self._of_slot, self.berths, self.moored, near, partners)
        if rule != self._rule or (tick_ms >= self._until_ms and loose > LOOSE_MAX * len(near)):
            self._renew(near, rule)
            self._rule, self._until_ms = rule, tick_ms + LISTED_MS
            _moor(self._of_slot, self.berths, self.moored, near, partners)
        if not len(self.listed):
            return find_contacts(near, rule, room)
        _measure(self.moored, self.listed, partners)
        found = find_contacts(near, rule, room, partners)
        if found.examined > search.EXAMINED_MAX * len(near):
            self._clear()
            return find_contacts(near, rule, room)
        contacts = np.empty(len(self.listed) + len(found.contacts), CONTACT)
        n = _read(self.moored, self.listed, found.crowds, whole, contacts)
        contacts = contacts[: n + len(found.contacts)]
        contacts[n:] = found.contacts
        if len(found.contacts):
            contacts = take_rows(contacts, np.argsort(contacts["key"], kind="stable"))  # two lists in order: soon merged
        return Found(contacts, found.crowds, found.examined + len(self.listed))

    def _renew(self, near: np.ndarray, rule: Rendezvous) -> None:
        """Give berths to rows, and list who may be in contact."""
        self._clear()
        if len(near) < ROWS_MIN:
            return
        reach_units = int((rule.distance_m_ceiling + 2.0 * SKIN_M) * SLACK * search.REACH_SLACK / M_PER_UNIT) + 1
        keys = np.empty(len(near), np.int64)
        strips(near, reach_units, keys)
        keys.sort()
        rows = take_rows(near, keys & search.ROW_MASK)
        keys >>= search.ROW_BITS
        berths, listed = np.empty(len(near), BERTH), np.zeros(len(near) * rule.partners_max // 2, LISTED)
        n = _list(rows, keys, reach_units, berths, listed)
        if n > len(listed):
            return
        self.berths, self.moored, self.listed = berths, np.zeros(len(berths), MOORED), take_rows(listed, np.argsort(listed["key"][:n]))
        self._of_slot = np.full(int(near["slot"].max()) + 1, -1, np.int32)
        self._of_slot[rows["slot"]] = np.arange(len(rows))


# Flat: a row after the other, each compared with those to the east in its strip and with those near in the next one.
@kernel(int64(_NEAR[::1], int64[::1], int64, _BERTH[::1], _LISTED[::1]), **PLAIN)
def _list(rows, keys, reach_units, berths, listed):
    """Write the berth of each row (of key 0: it has none), and the list in any order; returns its length, more than there is room for if it has none.

    rows: in order of keys. No berth lies at the date line or near a pole, so that who may meet lies beside each other.
    """
    found, north, measured, aside = 0, 0, -1, 0
    for i in range(rows.shape[0]):
        a, strip, east, berth = rows[i], keys[i] >> EAST_BITS, keys[i] & EAST_MASK, berths[i]
        if strip != measured:
            aside, measured = strip_width(strip, reach_units)[0], strip
        while north < keys.shape[0] and keys[north] < keys[i] + STRIP - aside:
            north += 1
        has_one = a["gait"] == STILL and east >= aside and east + aside < EAST_TURN and abs(np.int64(a["lat"])) < search.POLAR_RIM - 2 * reach_units
        berth["key"] = a["key"] if has_one else 0
        berth["t_ms"] = T_MISSING
        berth["lat"] = a["lat"]
        berth["lon"] = a["lon"]
        berth["own_m"] = a["own_m"]
        for side in range(2):
            j, last = (i + 1, keys[i] + aside) if side == 0 else (north, keys[i] + STRIP + aside)
            while has_one and j < keys.shape[0] and keys[j] <= last:
                if _may_meet(a, rows[j]):
                    if found == listed.shape[0]:
                        return found + 1
                    _put(listed, found, rows, i, j)
                    found += 1
                j += 1
    return found


@kernel(boolean(_NEAR, _NEAR), **PLAIN)
def _may_meet(a, b):
    """Whether two rows, the first of which is still, may be in contact while both are in their berths."""
    limit_m = (np.float64(max(a["own_m"], b["own_m"])) + 2.0 * SKIN_M) * SLACK
    if b["gait"] != STILL or read_mmsi(a["key"]) == read_mmsi(b["key"]):
        return False
    return apart_m(a["lat"], a["lon"], b["lat"], b["lon"]) <= limit_m


@kernel((_LISTED[::1], int64, _NEAR[::1], int64, int64), **PLAIN)
def _put(listed, at, rows, i, j):
    """Write two rows on the list."""
    one, smaller = listed[at], rows[i]["key"] < rows[j]["key"]
    one["key"] = make_pair(rows[i]["key"], rows[j]["key"])
    one["a"] = np.int32(i if smaller else j)
    one["b"] = np.int32(j if smaller else i)


@kernel(float64(int64, int64, int64, int64, float64), **PLAIN)
def _square(lat_a, lon_a, lat_b, lon_b, across):
    """Square of a distance in m, within 1 % where berths are: soon told."""
    north, east = np.float64(lat_a - lat_b), np.float64(lon_difference(lon_a, lon_b))
    return (north * north + east * east * across) * (M_PER_UNIT * M_PER_UNIT)


@kernel(int64(int32[::1], _BERTH[::1], _MOORED[::1], _NEAR[::1], int64[::1]), **PLAIN)
def _moor(of_slot, berths, moored, near, partners):
    """Say of each berth which row lies in it, and whether it has reported anew; write 0 of each row in its berth, -1 of others.

    of_slot: the berth of each slot, -1 for none. Returns how many of the others are still.
    """
    loose = 0
    for k in range(moored.shape[0]):
        moored[k]["row"] = -1
    for i in range(near.shape[0]):
        one = near[i]
        partners[i] = -1
        if one["gait"] != STILL:
            continue
        loose += 1
        at = np.int64(of_slot[one["slot"]]) if one["slot"] < of_slot.shape[0] else -1
        if at < 0 or berths[at]["key"] != one["key"] or one["own_m"] > berths[at]["own_m"]:
            continue
        berth, here, across = berths[at], moored[at], cos_lat(one["lat"]) * cos_lat(one["lat"])
        if _square(one["lat"], one["lon"], berth["lat"], berth["lon"], across) > SKIN_M * SKIN_M:
            continue
        loose -= 1
        partners[i] = 0
        here["row"] = np.int32(i)
        here["lat"] = one["lat"]
        here["lon"] = one["lon"]
        here["own_m"] = one["own_m"]
        here["across"] = across
        here["anew"] = np.int32(one["t_ms"] != berth["t_ms"])
        berth["t_ms"] = one["t_ms"]
    return loose


@kernel((_MOORED[::1], _LISTED[::1], int64[::1]), **PLAIN)
def _measure(moored, listed, partners):
    """Write of those on the list whether they are in contact, and count the partners of each."""
    for k in range(listed.shape[0]):
        one, a, b = listed[k], moored[listed[k]["a"]], moored[listed[k]["b"]]
        one["close"] = 0
        if a["row"] < 0 or b["row"] < 0:
            continue
        limit_m = np.float64(max(a["own_m"], b["own_m"]))
        times = _square(a["lat"], a["lon"], b["lat"], b["lon"], a["across"]) / (limit_m * limit_m)
        close = times < 1.0
        if times > 0.96 and times < 1.04:
            close = apart_m(a["lat"], a["lon"], b["lat"], b["lon"]) <= limit_m
        one["close"] = np.int32(close)
        partners[a["row"]] += int(close)
        partners[b["row"]] += int(close)


@kernel(int64(_MOORED[::1], _LISTED[::1], boolean[::1], boolean, _CONTACT[::1]), **PLAIN)
def _read(moored, listed, crowds, whole, out):
    """Write the contacts of those in their berths of whom neither lies in a crowd, in order of keys; returns their number. whole: see `Berths.find`."""
    n = 0
    for k in range(listed.shape[0]):
        one, told = listed[k], listed[k]["told"]
        one["told"] = 0
        if one["close"] == 0:
            continue
        a, b = moored[one["a"]], moored[one["b"]]
        if crowds[a["row"]] or crowds[b["row"]]:
            continue
        one["told"] = 1
        if told and a["anew"] + b["anew"] == 0 and not whole:
            continue
        c = out[n]
        c["key"] = one["key"]
        c["distance_m"] = apart_m(a["lat"], a["lon"], b["lat"], b["lon"])
        c["a"] = a["row"]
        c["b"] = b["row"]
        c["kind"] = STILL
        n += 1
    return n
