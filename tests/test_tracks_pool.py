"""Records that few tracks need: against a dict, over growth, eviction, slots taken anew, and restarts."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tracks_vessels import LIMITS, hulls, spots
from tracks_sea import FlatSea, track

from dogwatch import blob
from tracks.detectors import KINDS
from tracks.loitering import LoiteringDetector
from tracks.params import Params
from tracks.pool import GIVEN_BACK, TAKEN_EVER, Pool, leave
from tracks.port_visit import PortVisitDetector
from tracks.step import TrackState
from tracks.vessels import VesselTable

FIRST = 211_000_000
HOUR_S = 3_600
NOTE, REMARK = np.dtype([("at", "<u4"), ("said", "u1")]), np.dtype([("what", "<i8"), ("sure", "u1")])
STEPS = st.lists(
    st.tuples(st.sampled_from(["hear", "hear", "write", "write", "write", "give back", "forget", "save"]), st.integers(0, 5)), min_size=1, max_size=80
)


class Notes:
    """A table with a pool, and the dict that it must agree with: key of a track -> what was written."""

    def __init__(self, *, saves: bool) -> None:
        self.saves, self.now_s, self.said, self.heard_s = saves, 0, {}, {}
        self.table = VesselTable.new(100, {"note": NOTE}, 2, {"note": REMARK})

    def take(self, what: str, number: int) -> None:
        self.now_s += HOUR_S
        table, key = self.table, FIRST + number << 2
        slot = table.slot_of_key(key)
        rows, pool = table.cold["note"], table.pools["note"]
        if what == "hear":
            table.add_fixes(track(FIRST + number, [self.now_s], 54.5, 10.5), *LIMITS)
            self.heard_s[key] = self.now_s
        elif what == "write" and slot >= 0:
            if number % 2 and not rows["at"][slot]:
                pool.give(rows, np.array([slot]))
            remark = pool.of(rows, slot)
            assert (remark["what"], remark["sure"]) == (self.said.get(key, 0), key in self.said), "a new one is all zero"
            self.said[key] = remark["what"] = self.now_s
            remark["sure"] = rows["said"][slot] = 1
        elif what == "give back" and slot >= 0:
            if number % 2 and rows["at"][slot]:
                pool.records[rows["at"][slot]] = np.zeros(1, REMARK)[0]
                leave(pool.numbers, rows["at"][slot])
                rows["at"][slot] = 0
            pool.give_back(rows, np.array([slot]))
            rows["said"][slot] = 0
            self.said.pop(key, None)
        elif what == "forget":
            since_s = self.now_s - number * HOUR_S
            t0_ms = int(track(FIRST, [0], 54.5, 10.5)["t_ms"][0])
            table.evict(t0_ms + since_s * 1000, set())
            self.heard_s = {key: at_s for key, at_s in self.heard_s.items() if at_s >= since_s}
            self.said = {key: said for key, said in self.said.items() if key in self.heard_s}
        elif what == "save" and self.saves:
            self.table = VesselTable.from_sections(blob.unpack(self.saved(), schema=1), 100)

    def saved(self) -> bytes:
        return blob.pack(self.table.to_sections(), schema=1)

    def check(self) -> None:
        table, pool = self.table, self.table.pools["note"]
        at = table.cold["note"]["at"][: len(table)]
        told = {table.key_of(slot): int(pool.records["what"][at[slot]]) for slot in np.flatnonzero(at).tolist()}
        assert told == self.said
        assert len(set(at[at != 0].tolist())) == len(told) == pool.held <= int(pool.numbers[TAKEN_EVER]) <= len(table.rows)
        assert not table.cold["note"]["at"][len(table) :].any()
        assert not pool.records[0]["what"]
        assert not pool.records["sure"][np.setdiff1d(np.arange(len(pool.records)), at)].any(), "what nobody has is all zero"


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_a_pool_agrees_with_a_dict_and_a_restart_changes_nothing(steps):
    plain, restarted = Notes(saves=False), Notes(saves=True)
    for what, number in steps:
        for notes in (plain, restarted):
            notes.take(what, number)
            notes.check()
    assert plain.saved() == restarted.saved(), "numbers and their history never leave the table"


def test_what_is_given_back_is_taken_again_before_more_memory_is_touched():
    pool, rows = Pool(REMARK, 10), np.zeros(10, NOTE)
    for slot in range(6):
        pool.of(rows, slot)["what"] = slot
    pool.give_back(rows, np.array([1, 3, 7]))
    pool = pool.resized(20)
    assert (pool.held, int(pool.numbers[TAKEN_EVER]), int(pool.numbers[GIVEN_BACK])) == (4, 6, 2), "in a pool that has grown as well"
    assert {int(pool.of(rows, slot)["what"]) for slot in (8, 9)} == {0}
    assert sorted(rows["at"].tolist()) == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6]
    pool.give_back(rows, np.array([0, 2]))
    pool.give(rows, np.array([1, 2, 6]))
    assert (pool.held, int(pool.numbers[TAKEN_EVER]), int(pool.numbers[GIVEN_BACK])) == (7, 7, 0), "those two, and one that nobody had"
    assert sorted(rows["at"].tolist()) == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7]


def test_a_track_born_in_the_slot_of_another_has_no_record_of_it():
    table = VesselTable.new(100, {"note": NOTE}, 16, {"note": REMARK})
    eight = hulls(8, apart_nm=300)
    table.add_fixes(eight, *LIMITS)
    mmsi = int(eight["mmsi"][0])
    slots = [table.slot_of_key((mmsi << 2) + ordinal if ordinal < 4 else table.key_of(ordinal)) for ordinal in range(4)]
    for slot in slots:
        table.pools["note"].of(table.cold["note"], slot)["what"] = slot + 1
    heard = spots(*((1.0 + 0.05 * k, 300 * k, 1) for k in (0, 2, 3, 4, 5, 6, 7)))
    table.add_fixes(np.concatenate([heard, spots((1.9, 2700, 5))]), *LIMITS)
    kept = [int(table.pools["note"].records["what"][table.cold["note"]["at"][slot]]) for slot in slots]
    assert kept == [slots[0] + 1, 0, slots[2] + 1, slots[3] + 1], "the second one's place was taken"
    assert table.pools["note"].held == 3


def test_whoever_has_a_pool_keeps_numbers_of_it():
    kinds = [kind for kind in KINDS if kind.POOL is not None]
    assert len(kinds) >= 5
    for kind in kinds:
        assert kind.COLD is not None
        assert kind.COLD["at"] == np.uint32


def test_a_track_takes_no_more_memory_than_is_promised():
    """A million tracks in 1,000 MB with everything written: rows of all, and of the records in pools as many as a sea of ships needs."""
    state = TrackState.new(Params(), FlatSea(), capacity=1 << 10)
    table, shares = state.table, {LoiteringDetector.NAME: 0.46, PortVisitDetector.NAME: 0.46}  # slow, and in port, in the part `memory` of benchmarks/tracks.py
    number = 210_000_000 + 8 * np.arange(1 << 10)
    rows = track(FIRST, np.zeros(len(number)), 54.5, 10.5)
    rows["mmsi"] = number
    table.add_fixes(rows, *LIMITS)
    for name, pool in table.pools.items():
        for slot in range(round(shares.get(name, 0.02) * len(table))):
            pool.of(table.cold[name], slot)
    counted = table.bytes_per_track()
    assert set(counted) == {"rows", "more", "heard_ms", "trail", "statics", "places"} | {kind.NAME for kind in KINDS if kind.COLD is not None}
    assert counted["loitering"] == 23 + round(0.46 * 1024) * (125 + 4) / 1024
    assert sum(counted.values()) <= 1_000
