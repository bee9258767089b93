"""Who a vessel says it is: clones, numbers, IMO numbers, particulars, hand-overs, classes, and what only looks like them."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracks_sea import T0, every, in_order, last_versions, lines, shown, shuffled, static, track, watch

from dogwatch.batch import HAS_CALLSIGN, HAS_NAME, HAS_TYPE_AND_SIZE, new_statics
from dogwatch.mids import ALLOTTED, imo_is_valid, mmsi_fault
from sim.flags import FLAGS
from sim.identity import imo_number
from tracks.hulls import Turns
from tracks.key import TRACKS_MAX
from tracks.params import Identity, Params
from tracks.particulars import _against, _learn, _said, compare, edits
from tracks.vessels import VesselTable
from tracks.who import KNOWN

LON = 10.6


def way(mmsi=211_000_001, hours=2.0, kn=12.0, step_s=10, lat=54.2, lon=LON, start_s=0.0, **more):
    """Northward, in place as from T0."""
    t = every(step_s, hours, start_s)
    return track(mmsi, t, lat + t * kn / 3600 / 60, lon, sog_kn=kn, cog_deg=0.0, **more)


def told(mmsi, from_s, to_s, name, callsign="ABCD", ship_type=70, loa_m=120, beam_m=20, imo=0, step_s=360):
    """Static rows each six minutes."""
    rows = np.concatenate([static(mmsi, t, ship_type=ship_type, loa_m=loa_m, name=name) for t in np.arange(from_s, to_s, step_s)])
    rows["callsign"], rows["port"], rows["imo"] = callsign.encode(), beam_m, imo
    return rows


def by_time(*parts):
    rows = np.concatenate(parts)
    return rows[np.argsort(rows["t_ms"], kind="stable")]


def ours(events, subtype=None):
    return [e for e in events if e.type == "identity" and subtype in (None, e.subtype)]


def seen(events):
    return [e for e in shown(events) if e.type == "identity"]


def subtypes(fixes, statics=None):
    return sorted(e.subtype for e in seen(watch(fixes, statics)[0]))


def test_every_flag_of_the_simulator_is_allotted():
    assert all(ALLOTTED[mid] for flag in FLAGS.values() for mid in flag.mids)
    assert not ALLOTTED[[290, 299, 390, 690, 780, 799, 100, 0]].any()
    assert 285 < ALLOTTED.sum() < 300


@pytest.mark.parametrize(
    ("mmsi", "fault"),
    [
        (211_234_567, ""),
        (299_000_001, "country"),
        (123_456_789, "placeholder"),
        (111_111_111, "placeholder"),
        (987_654_321, "placeholder"),
        (555_555_555, "placeholder"),
        (2_111_234, ""),
        (21_112_345, ""),
        (111_211_001, ""),
        (111_999_001, "country"),
        (982_111_234, ""),
        (989_991_234, "country"),
        (992_111_234, ""),
        (970_010_001, ""),
        (974_000_001, ""),
        (821_112_345, ""),
        (912_345_678, "form"),
        (1234, "form"),
        (0, "form"),
    ],
)
def test_what_is_wrong_with_a_number(mmsi, fault):
    assert mmsi_fault(mmsi) == fault


@given(st.integers(100_000, 999_999), st.integers(0, 9))
def test_the_check_digit(number, digit):
    right = imo_number(number)
    assert imo_is_valid(np.array([right]))[0]
    other = right // 10 * 10 + digit
    assert imo_is_valid(np.array([other]))[0] == (other == right)


def test_ten_per_cent_of_random_numbers_pass_the_check_digit():
    numbers = np.random.default_rng(1).integers(1_000_000, 10_000_000, 20_000)
    assert 0.09 < imo_is_valid(numbers).mean() < 0.11
    assert not imo_is_valid(np.array([0, 999_999, 12_345_678])).any()


@given(st.text("ABC", max_size=8), st.text("ABC", max_size=8), st.integers(0, 3))
def test_edits_agree_with_their_twin(a, b, most):
    def slow(x, y):
        return len(x) + len(y) if not x or not y else min(slow(x[1:], y) + 1, slow(x, y[1:]) + 1, slow(x[1:], y[1:]) + (x[0] != y[0]))

    a, b = a[:5], b[:5]
    assert edits(a, b, most) == min(slow(a, b), most + 1)


@pytest.mark.parametrize("mmsi", [299_000_001, 780_000_001, 123_456_789, 111_111_111, 987_654_321, 555_555_555])
def test_a_number_that_nobody_was_given(mmsi):
    (event,) = seen(watch(way(mmsi))[0])
    assert (event.subtype, event.state, event.mmsi) == ("bad_mmsi", "open", [mmsi])
    assert event.t_start == T0
    assert event.lat is not None


def test_numbers_of_others_than_ships_are_no_bad_ones():
    rows = in_order(way(2_111_234, kind=4), way(992_111_234, kind=21), way(111_211_001, kind=9), way(982_111_234, kind=18), way(970_010_001))
    assert not ours(watch(rows)[0])


def test_a_net_buoy_is_kept_but_not_shown():
    (event,) = last_versions(ours(watch(way(912_345_678, kind=18, step_s=30, kn=0.2))[0]))
    assert (event.state, event.reason) == ("candidate", "suppressed: net_buoy")


def test_two_reports_of_a_damaged_number_are_none():
    assert not ours(watch(in_order(way(299_000_001)[:2], way()))[0])


def test_strange_numbers_are_counted_when_there_are_too_many():
    rows = np.concatenate([track(200 + k, [float(k // 50), 200.0, 300.0], 54.5, LON) for k in range(4200)])
    _, state = watch(rows[np.argsort(rows["t_ms"], kind="stable")])
    assert state.counters["identity_refused"] == 2 * 104, "and they are not looked at until there are three of each"


def test_two_hulls_far_apart_are_a_clone():
    (event,) = seen(watch(in_order(way(), way(lon=LON + 0.5, step_s=12)))[0])
    assert (event.subtype, event.state, event.mmsi) == ("dup_mmsi", "open", [211_000_001])
    assert [s.key for s in event.subjects] == ["211000001#0", "211000001#1"]
    assert event.measures["distance_nm"] == pytest.approx(17.5, abs=0.5)
    assert event.t_start < T0 + 300_000


def test_two_hulls_nearby_need_another_sign():
    near = in_order(way(step_s=30), way(lon=LON + 0.08, step_s=36))  # thinned out: no turns are seen
    assert not seen(watch(near)[0])
    statics = by_time(told(211_000_001, 10, 7000, "FIRST"), told(211_000_001, 200, 7000, "SECOND", "WXYZ", 80, 200))
    (event,) = seen(watch(near, statics)[0])
    assert (event.subtype, event.measures["signs"]) == ("dup_mmsi", "particulars")


def test_two_hulls_nearby_that_take_turns_are_two_sets():
    (event,) = seen(watch(in_order(way(), way(lon=LON + 0.08, step_s=12)))[0])
    assert (event.subtype, event.measures["signs"]) == ("dup_mmsi", "turns")
    lossy = np.random.default_rng(5)
    heard = [rows[lossy.random(len(rows)) < 0.85] for rows in (way(), way(lon=LON + 0.08, start_s=4.0))]
    assert {e.measures["signs"] for e in seen(watch(in_order(*heard))[0])} == {"turns"}


def test_one_set_that_tells_two_places_takes_no_turns_of_its_own():
    """Every other report comes from elsewhere, or now and then one, or long runs of them: never more than one set sends."""
    t = every(10, 2.0)
    k = np.arange(len(t))
    for there in (k % 2 == 1, k % 5 == 4, k // 60 % 2 == 1):
        rows = way()
        rows["lon"][there] += 48_000
        assert not [e for e in seen(watch(rows)[0]) if e.subtype == "dup_mmsi"]


def test_turns_are_counted_the_same_however_rows_are_cut():
    rows = in_order(way(), way(lon=LON + 0.08, step_s=12))
    whole = lines(watch(rows)[0])
    for seed in range(2):
        cuts = np.random.default_rng(seed).integers(0, len(rows), 40).tolist()
        assert lines(watch(shuffled(rows, seed), cuts=cuts, restarts=range(0, 40, 3), capacity=2)[0]) == whole


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_turns_agree_with_their_twin(seed, n):
    rng = np.random.default_rng(seed)
    table = VesselTable.new(16, {})
    for k in range(4):
        table.rows["mmsi"][k], table.more["ordinal"][k] = 211_000_001 + k // 2, k % 2
    slots, t_ms, cut = rng.integers(0, 4, n), np.sort(rng.integers(0, 10**6, n)), int(rng.integers(0, n + 1))
    turns = Turns()
    for part in (slice(0, cut), slice(cut, n)):
        if len(slots[part]):
            turns.see(table, t_ms[part], slots[part])
    for number in (211_000_001, 211_000_002):
        told = [(int(t), int(s) % 2) for t, s in zip(t_ms, slots) if int(s) // 2 == number - 211_000_001]
        if not told:
            assert number not in turns.of
            continue
        changes = sum(a[1] != b[1] for a, b in pairwise(told))
        counts = [sum(o == k for _, o in told) for k in range(TRACKS_MAX)]
        assert turns.of[number] == [told[-1][1], changes, told[0][0], told[-1][0], *counts]


def test_two_hulls_nearby_of_two_classes_or_heard_by_different_receivers():
    other = way(lon=LON + 0.08, step_s=30, kind=18, flags=1 << 12)
    (event,) = [e for e in seen(watch(in_order(way(), other))[0]) if e.subtype == "dup_mmsi"]
    assert event.measures["signs"] == "class"
    (event,) = seen(watch(in_order(way(step_s=30), way(lon=LON + 0.08, step_s=36, receiver=3)))[0])
    assert event.measures["signs"] == "receivers"


@pytest.mark.parametrize("south_m", [-30.0, 30.0])
def test_two_hulls_abreast_that_send_in_the_same_seconds(south_m):
    """The reports of the one always come before the other's, or after."""
    rows = in_order(way(), way(lat=54.2 - south_m / 111_195, lon=LON + 0.0065))
    events, _ = watch(rows)
    (event,) = [e for e in seen(events) if e.subtype == "dup_mmsi"]
    assert event.measures["signs"] == "turns"
    for seed in range(2):
        cuts = np.random.default_rng(seed).integers(0, len(rows), 40).tolist()
        assert lines(watch(shuffled(rows, seed), cuts=cuts, restarts=range(0, 40, 3), capacity=2)[0]) == lines(events)


def test_half_an_hour_of_a_second_hull_is_needed():
    assert not seen(watch(in_order(way(), way(lon=LON + 0.5, step_s=12, hours=0.45)))[0])


def test_stale_copies_are_no_second_hull():
    """A station sends everything again, 25 minutes late, as if it were new: the copies lie on the ship's own trail."""
    rows = way(hours=3, kn=26.0)
    copies = rows[::2].copy()
    copies["t_ms"] += 1_500_000
    copies["release_ms"] = copies["t_rx_ms"] = copies["t_ms"]
    events, _ = watch(in_order(rows, copies[copies["t_ms"] < rows["t_ms"].max()]))
    assert not [e for e in seen(events) if e.subtype == "dup_mmsi"]
    assert {e.reason for e in last_versions(ours(events))} == {"suppressed: stale_copies"}
    assert not [e for e in shown(events) if e.type == "position_anomaly"]


def test_across_the_date_line_two_hulls_are_as_near_as_they_are():
    rows = in_order(way(lon=179.97, step_s=30), way(lon=-179.97, step_s=36))
    events, state = watch(rows)
    assert state.table.cells[10] == 2
    assert not seen(events), "two miles apart, and no other sign"


def test_other_particulars_at_sea():
    statics = by_time(told(211_000_001, 5, 3000, "OLD NAME"), told(211_000_001, 3100, 7000, "ANOTHER", "WXYZ", loa_m=180))
    (event,) = seen(watch(way(), statics)[0])
    assert (event.subtype, event.state) == ("static_change", "closed")
    assert (event.measures["name_before"], event.measures["name_after"]) == ("OLD NAME", "ANOTHER")
    assert (event.t_start, event.t_end) == (T0 + 2_885_000, T0 + 3_100_000)


def test_a_change_made_in_silence_began_with_it():
    rows = way(hours=3)
    s = (rows["t_ms"] - T0) / 1000
    rows = rows[(s < 3000) | (s >= 4800)]
    statics = by_time(told(211_000_001, 5, 3000, "OLD NAME"), told(211_000_001, 4900, 10_000, "ANOTHER", "WXYZ"))
    (event,) = seen(watch(rows, statics)[0])
    assert abs(event.t_start - (T0 + 3_000_000)) <= 150_000


@pytest.mark.parametrize(
    "other",
    [
        {"name": "OLD NAMES"},
        {"name": "OLD NAM3", "callsign": "ABCE"},
        {"name": "BRAND NEW"},
        {"loa_m": 130},
        {"name": "BRAND NEW", "loa_m": 140},
        {"ship_type": 71},
    ],
)
def test_what_is_spelt_otherwise_or_changed_in_one_field_is_no_change(other):
    statics = by_time(told(211_000_001, 5, 3000, "OLD NAME"), told(211_000_001, 3100, 7000, **{"name": "OLD NAME", **other}))
    assert not seen(watch(way(), statics)[0])


def test_halves_complete_each_other():
    a, b = told(211_000_001, 5, 7000, "BOAT"), told(211_000_001, 3100, 7000, "", "WXYZ", 37, 12, 4)
    a["msg_type"], a["has"] = 24, HAS_NAME
    b["msg_type"], b["part"], b["has"] = 24, 1, HAS_CALLSIGN | HAS_TYPE_AND_SIZE
    assert not ours(watch(way(kind=18, flags=1 << 12), by_time(a, b))[0])


def test_a_change_in_port_is_kept_but_not_shown():
    rows = track(211_000_001, every(180, 2), 54.0, 10.15, sog_kn=0.0, nav=5)
    statics = by_time(told(211_000_001, 5, 3000, "OLD NAME"), told(211_000_001, 3100, 7000, "ANOTHER", "WXYZ", loa_m=180))
    (event,) = last_versions(ours(watch(rows, statics)[0]))
    assert (event.state, event.reason) == ("candidate", "suppressed: in_port")


def test_what_comes_and_goes_is_no_change():
    statics = by_time(told(211_000_001, 5, 7000, "FIRST"), told(211_000_001, 200, 7000, "SECOND", "WXYZ", 80, 200))
    assert not ours(watch(way(), statics)[0])


def test_an_imo_number_whose_check_digit_is_wrong():
    (event,) = seen(watch(way(), told(211_000_001, 5, 7000, "SHIP", imo=9_074_728))[0])
    assert (event.subtype, event.measures["imo"]) == ("imo_conflict", 9_074_728)
    assert not ours(watch(way(), told(211_000_001, 5, 7000, "SHIP", imo=9_074_729))[0])
    assert not ours(watch(way(), told(211_000_001, 5, 7000, "SHIP", imo=12_345_678))[0]), "an official number of a flag state"


def test_one_imo_number_on_two_ships():
    rows = in_order(way(), way(211_000_002, lon=LON + 0.3))
    statics = by_time(told(211_000_001, 5, 7000, "SHIP", imo=9_074_729), told(211_000_002, 1000, 7000, "OTHER", "WXYZ", 80, 200, 30, imo=9_074_729))
    (event,) = seen(watch(rows, statics)[0])
    assert (event.subtype, event.mmsi, event.t_start) == ("imo_conflict", [211_000_001, 211_000_002], T0 + 1_000_000)


def test_a_number_of_the_handbook_is_shared_by_many():
    rows = in_order(way(), way(211_000_002, lon=LON + 0.3))
    statics = by_time(*[told(211_000_001 + k, 5, 7000, f"SHIP {k}", imo=1_234_567) for k in range(2)])
    assert "imo_conflict" not in subtypes(rows, statics)


def handed_over(silent_s=900, off_nm=0.0, **other):
    old = way(hours=1, lon=LON)
    new = way(212_000_009, hours=1.5, start_s=3600 + silent_s, lon=LON + off_nm / 60 / np.cos(np.radians(54.4)))
    size = {"loa_m": 153, "beam_m": 24, **other}
    statics = by_time(told(211_000_001, 5, 3600, "BEFORE", loa_m=153, beam_m=24), told(212_000_009, 3700 + silent_s, 12_000, "AFTER", "WXYZ", **size))
    return in_order(old, new, way(213_000_001, lon=LON + 0.5, hours=2.5)), statics


def test_one_hull_goes_on_under_another_number():
    (event,) = seen(watch(*handed_over())[0])
    assert (event.subtype, event.mmsi) == ("mmsi_handover", [211_000_001, 212_000_009])
    assert (event.t_start, event.t_end) == (T0 + 3_590_000, T0 + 4_500_000)
    assert all(e.passed for e in event.evidence)


@pytest.mark.parametrize("unlike", [{"loa_m": 156}, {"beam_m": 27}, {"off_nm": 5.0}, {"silent_s": 7500}])
def test_another_hull_is_another_hull(unlike):
    assert "mmsi_handover" not in subtypes(*handed_over(**unlike))


def test_a_hand_over_is_taken_back_when_the_old_number_is_heard_again():
    fixes, statics = handed_over()
    again = way(211_000_001, hours=0.5, start_s=7200)
    (event,) = last_versions(ours(watch(in_order(fixes, again), statics)[0]))
    assert (event.state, event.reason) == ("retracted", "the old number is heard again")


def test_a_ship_that_sends_as_a_station():
    (event,) = seen(watch(in_order(way(), way(kind=4)))[0])
    assert (event.subtype, event.measures["classes"]) == ("class_conflict", "station")


def test_a_ship_that_answers_for_the_time_is_no_station():
    assert not ours(watch(in_order(way(), way(kind=11, step_s=600)))[0])


def test_a_ship_of_both_classes():
    (event,) = seen(watch(in_order(way(), way(kind=18, flags=1 << 12, step_s=30, start_s=3.0)))[0])
    assert (event.subtype, event.measures["classes"]) == ("class_conflict", "A and B")
    assert event.t_start <= T0 + 600_000


def test_a_new_set_of_another_class_is_no_conflict():
    rows = way()
    later = rows["t_ms"] > T0 + 3_600_000
    rows["msg_type"][later], rows["flags"][later] = 18, 1 << 12
    assert not ours(watch(rows)[0])


def mixed():
    fixes, statics = handed_over()
    more = in_order(
        fixes,
        way(214_000_001, lon=LON + 0.1),
        way(214_000_001, lon=LON + 0.5, step_s=12),
        way(215_000_001, lon=LON + 0.2),
        way(299_000_001, lon=LON + 0.25),
        way(123_456_789, lon=LON + 0.3),
        way(216_000_001, lon=LON + 0.35),
        way(216_000_001, lon=LON + 0.35, kind=18, flags=1 << 12, step_s=30, start_s=3.0),
        way(218_000_001, lon=LON + 0.4),
        way(218_000_001, kind=4, lon=LON + 0.4, step_s=60),
    )
    return more, by_time(
        statics,
        told(215_000_001, 5, 3000, "OLD NAME", imo=9_074_729),
        told(215_000_001, 3100, 7000, "ANOTHER", "WXYZ", loa_m=180, imo=9_074_729),
        told(214_000_001, 15, 7000, "TWIN", imo=9_074_729),
        told(218_000_001, 25, 7000, "BAD", imo=9_074_728),
    )


def test_the_same_however_it_is_cut_and_resumed():
    rows, statics = mixed()
    events, _ = watch(rows, statics)
    assert {e.subtype for e in seen(events)} == {"dup_mmsi", "bad_mmsi", "static_change", "mmsi_handover", "imo_conflict", "class_conflict"}
    whole = lines(events)
    marks = np.flatnonzero(np.diff(rows["t_ms"] // 60_000)) + 1
    assert lines(watch(rows, statics, cuts=marks.tolist(), restarts=range(len(marks) + 1))[0]) == whole, "resumed at every minute"
    for seed in range(2):
        rng = np.random.default_rng(seed)
        cuts = rng.integers(0, len(rows), 40).tolist()
        assert lines(watch(rows, statics, cuts=cuts, restarts=range(0, 40, 3), capacity=2)[0]) == whole
        assert lines(watch(shuffled(rows, seed), statics, cuts=cuts)[0]) == whole


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_whatever_is_told_is_survived(seed):
    rng = np.random.default_rng(seed)
    rows, statics = mixed()
    rows, statics = rows[:: int(rng.integers(3, 40))].copy(), statics.copy()
    mess = rng.uniform(size=len(rows)) < 0.3
    rows["mmsi"][mess] = rng.choice([0, 1, 299_000_001, 999_999_999, 214_000_001, 4_294_967_295], mess.sum())
    rows["msg_type"][mess] = rng.choice([1, 3, 4, 11, 18, 19, 27], mess.sum())
    statics["imo"] = rng.choice([0, 1, 9_074_729, 4_294_967_295], len(statics))
    statics["name"] = rng.choice([b"", b"A", b"@@@", b"OLD NAME", b"X" * 34], len(statics))
    statics["bow"] = rng.choice([0, 1, 511], len(statics))
    cuts = rng.integers(0, len(rows), 5).tolist()
    assert lines(watch(rows, statics)[0]) == lines(watch(rows, statics, cuts=cuts, restarts=range(5))[0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_particulars_are_compared_as_field_by_field(seed, n):
    rng = np.random.default_rng(seed)
    rows = new_statics(n)
    rows["name"] = rng.choice([b"", b"A", b"AB", b"X" * 34, b"X" * 20], n)
    rows["callsign"] = rng.choice([b"", b"Q", b"ABCDEFG"], n)
    rows["ship_type"], rows["has"] = rng.choice([0, 70, 80], n), rng.integers(0, 16, n)
    rows["bow"], rows["stern"], rows["port"] = rng.choice([0, 60, 100], n), rng.choice([0, 11, 400], n), rng.choice([0, 10, 14, 20], n)
    rows["t_ms"] = T0 + np.arange(n) * 1000
    slots = rng.integers(0, 4, n)
    waiting = np.sort(rng.choice(4, int(rng.integers(0, 3)), replace=False)).astype(np.int64)
    fast, slow, odd = np.zeros(4, KNOWN), np.zeros(4, KNOWN), np.empty(n, np.int64)
    found = compare(rows, rows.view(np.uint8).reshape(n, -1), slots, fast, fast.view(np.uint8).reshape(4, -1), waiting, 0.2, odd)
    expected = []
    for i, slot in enumerate(slots):
        row, said = rows[i : i + 1], _said(rows[i : i + 1])
        differs, empty = _against(slow[slot : slot + 1], row, said, Identity())
        if said[0] and (differs[0] or slot in waiting):
            expected.append(i)
        elif said[0]:
            slow["told_s"][slot] = int(row["t_ms"][0]) // 1000 & 0xFFFFFFFF
            _learn(slow, slot, row, int(empty[0]))
    assert odd[:found].tolist() == expected
    assert fast.tobytes() == slow.tobytes()


def test_switched_off_it_says_nothing():
    rows, statics = mixed()
    assert not ours(watch(rows, statics, params=Params(identity=Identity(enabled=False)))[0])


def test_every_parameter_is_documented():
    text = (Path(__file__).resolve().parent.parent / "docs" / "behaviours" / "identity.md").read_text(encoding="utf-8")
    assert not [name for name in Identity.__struct_fields__ if f"`{name}`" not in text]
    assert "## What this misses" in text
    assert "## What fools it" in text
