"""The vessel table against its slow twin, and what may never become a vessel."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_association import follow
from numba import njit
from tracks_sea import T0, FlatSea, every, in_order, static, track

from dogwatch import blob
from dogwatch.batch import F_CLASS_B, F_COARSE, F_LATE, HAS_NAME, HAS_TYPE_AND_SIZE, LAT_MISSING, SOG_MISSING, STATIC_DTYPE, new_fixes
from ingest.decode import DecodeState, decode
from tests.decode_inputs import bits_of, one, six_bit, tag
from tracks.association import AHEAD, associate
from tracks.clock import order_of_fixes
from tracks.key import key_of, mmsi_of, ordinal_of
from tracks.params import Params
from tracks.records import ACCEPTED, BELIEVED, COUNTERS, HOT, MARK_CLASSES, MORE, PLAIN
from tracks.slow_runs import _close_buckets
from tracks.vessels import VesselTable, ask_geography, hash_size, slow_tracks, text_of, trail_of

LIMITS = ((40.0, 65.0, 30.0, 30.0), 3)


def table_of(rows, capacity=1024, vessels_max=10_000):
    table = VesselTable.new(vessels_max, {"cold": np.dtype("<i8")}, capacity)
    table.add_fixes(rows, *LIMITS)
    return table


@st.composite
def rough_sea(draw):
    """Few vessels, many copies, jumps, holes and nonsense."""
    n = draw(st.integers(1, 120))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = new_fixes(n)
    rows["mmsi"] = rng.choice(
        [210_000_000, 211_000_000, 212_000_000, 2_110_001, 970_000_001, 111_000_001, 799_999_999], n, p=[0.4, 0.2, 0.1, 0.05, 0.05, 0.05, 0.15]
    )
    rows["t_ms"] = rows["release_ms"] = 10_000_000 + rng.integers(0, 400, n) * draw(st.sampled_from([500, 5_000, 20_000]))
    rows["lat"] = rng.choice([0, 50, 900_000, LAT_MISSING], n, p=[0.45, 0.3, 0.2, 0.05]) + rng.integers(0, 2, n) * 0
    rows["lon"] = rng.choice([107_999_000, -107_999_000, 90_000_000], n, p=[0.5, 0.4, 0.1])
    rows["sog"] = rng.choice([0, 15, 120, SOG_MISSING], n)
    rows["msg_type"] = rng.choice([1, 3, 18, 27, 4, 9, 21, 28], n, p=[0.55, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05])
    rows["sec"] = rng.integers(0, 3, n)
    late = rng.random(n) < 0.1
    rows["flags"] = np.where(late, F_LATE, 0) | np.where(rng.random(n) < 0.1, F_CLASS_B, 0) | np.where(rng.random(n) < 0.05, F_COARSE, 0)
    rows["release_ms"] = np.where(late, rows["t_ms"] + 60_000, rows["t_ms"])
    rows["receivers"] = 1
    return rows[order_of_fixes(rows)]


@st.composite
def crowd(draw):
    """One number that up to ten hulls send from places miles apart, with hours of silence between."""
    n = draw(st.integers(20, 200))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, hulls = new_fixes(n), draw(st.integers(2, 10))
    rows["mmsi"], rows["msg_type"], rows["receivers"] = 210_000_000, 1, 1
    rows["t_ms"] = rows["release_ms"] = 10_000_000 + np.cumsum(
        rng.choice([10_000, 300_000, 1_900_000, 9_000_000, 90_000_000], n, p=[0.4, 0.4, 0.12, 0.07, 0.01])
    )
    hull = rng.integers(0, hulls, n)
    rows["lat"] = hull * draw(st.sampled_from([20_000, 200_000, 900_000])) + rng.integers(-5_000, 5_000, n)
    rows["lon"] = rng.integers(-5_000, 5_000, n)
    rows["sog"] = rng.choice([0, 80, SOG_MISSING], n)
    return rows


def steered(seconds, kn, cog_deg, turn_deg_s=0.0):
    """Fixes of a number at these seconds, at one speed on a course that turns evenly."""
    course = np.radians(cog_deg + turn_deg_s * seconds)
    way = kn * 0.5144 * np.diff(seconds, prepend=seconds[0])
    lat = 54.0 + np.cumsum(way * np.cos(course)) / 111_195
    lon = 10.0 + np.cumsum(way * np.sin(course)) / 111_195 / np.cos(np.radians(54.0))
    return track(211_000_000, seconds, lat, lon, sog_kn=kn, cog_deg=np.degrees(course))


def put_off(rows, north_m, east_m):
    """The same, so many metres away."""
    out = rows.copy()
    out["lat"] += np.rint(np.asarray(north_m) * 600_000 / 111_195).astype(np.int32)
    out["lon"] += np.rint(np.asarray(east_m) * 600_000 / 111_195 / np.cos(np.radians(54.0))).astype(np.int32)
    return out


def stamped_later(rows, seconds):
    """Copies of reports that a relay sends on as if they were of that time."""
    out = rows.copy()
    out["t_ms"] += seconds * 1000
    return out


def together(first, second, flips=()):
    """Rows by time; of a second those of `first` lead, in the seconds `flips` those of `second`."""
    rows = np.concatenate([first, second])
    led = np.concatenate([np.zeros(len(first)), np.ones(len(second))])
    led = np.where(np.isin(rows["t_ms"] - T0, np.asarray(flips) * 1000), -led, led)
    rows["release_ms"] = rows["t_ms"]
    return rows[np.lexsort([led, rows["t_ms"]])]


@st.composite
def same_second(draw):
    """One number, heard at two places in most seconds, the first or the second of them first: another hull, or copies that are stamped wrongly."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    seconds = np.cumsum(
        rng.choice([2, 10, 60, 180, 1000], draw(st.integers(10, 80)), p=draw(st.sampled_from([[0.3, 0.5, 0.1, 0.09, 0.01], [0, 0.1, 0.5, 0.35, 0.05]])))
    )
    rows = steered(seconds.astype(float), draw(st.sampled_from([0.0, 0.4, 2.0, 8.0, 15.0])), draw(st.integers(0, 359)), draw(st.sampled_from([0.0, 0.2, 2.0])))
    far_m = draw(st.sampled_from([50, 150, 400, 600]))
    other = draw(
        st.sampled_from(
            [
                put_off(rows, far_m, 0),
                put_off(rows, 0, far_m),
                put_off(rows, rng.normal(0, far_m, len(rows)), 300),
                stamped_later(rows, 60),
                stamped_later(rows, 10),
            ]
        )
    )
    rows["sog"][rng.random(len(rows)) < draw(st.sampled_from([0.0, 0.2]))] = SOG_MISSING
    both = together(
        rows[rng.random(len(rows)) < 0.9], other[rng.random(len(rows)) < 0.9], seconds[rng.random(len(seconds)) < draw(st.sampled_from([0.0, 0.5, 1.0]))]
    )
    both["msg_type"] = both["receivers"] = 1
    return both


@settings(max_examples=300, deadline=None)
@given(rough_sea() | crowd() | same_second(), st.integers(1, 8))
def test_kernel_agrees_with_its_twin(rows, capacity):
    table = VesselTable.new(10_000, {"cold": np.dtype("<i8")}, capacity)
    taken = table.add_fixes(rows, *LIMITS)
    told, tracks = follow(rows, *LIMITS)
    found = [(COUNTERS[row["what"]], None if row["slot"] < 0 else int(table.more["ordinal"][row["slot"]])) for row in taken]
    assert [(what, ordinal) for what, ordinal in found if what != "late"] == [(what, ordinal) for what, ordinal in told if what != "late"]
    assert [what for what, _ in found] == [what for what, _ in told]
    assert sum(table.counts().values()) == len(rows)
    assert set(table.used["mmsi"].tolist()) == set(tracks)
    for mmsi, chain in tracks.items():
        for twin in chain:
            slot = table.slot_of_key(key_of(mmsi, twin.ordinal))
            row, more = table.rows[slot], table.more[slot]
            assert (more["belief"] == BELIEVED) == (twin.belief == "believed")
            if twin.belief != "believed" or twin.t_ms is None:
                continue
            assert table.heard_ms[slot] == twin.heard_ms
            assert (row["t_ms"], row["lat"], row["lon"], row["reports"]) == (twin.t_ms, *twin.at, twin.reports)
            assert (more["segment"], bool(row["class_b"]), bool(row["marks"] & MARK_CLASSES)) == (twin.segment, twin.class_b, twin.both_classes)
            assert abs(row["speed_kn"] - twin.speed_kn) < 1e-3


@settings(max_examples=40, deadline=None)
@given(rough_sea() | crowd() | same_second(), st.data())
def test_any_cut_and_any_restart_leave_the_same_table(rows, data):
    whole = table_of(rows).to_sections()
    cut = data.draw(st.integers(0, len(rows)))
    table = table_of(rows[:cut], capacity=1)
    table = VesselTable.from_sections(blob.unpack(blob.pack(table.to_sections(), schema=1), schema=1), 10_000)
    table.add_fixes(rows[cut:], *LIMITS)
    assert blob.pack(table.to_sections(), schema=1) == blob.pack(whole, schema=1)


def hulls_of(rows):
    """Believed tracks, and the reports of each."""
    table = table_of(rows)
    known = table.more[: len(table)]
    return [int(table.rows["reports"][slot]) for slot in np.flatnonzero(known["belief"] == BELIEVED)]


ORDERS = {
    "first": lambda s: s[:0],
    "second": lambda s: s,
    "in turns": lambda s: s[::2],
    "by chance": lambda s: s[np.random.default_rng(5).random(len(s)) < 0.5],
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kn", [0.0, 6.0, 12.0])
@pytest.mark.parametrize("step_s", [10, 60])
def test_two_hulls_that_are_always_heard_in_one_second(order, kn, step_s):
    seconds = np.arange(0.0, 3600.0, step_s)
    one = steered(seconds, kn, 0.0)
    reports = hulls_of(together(one, put_off(one, 20.0, 400.0), ORDERS[order](seconds)))
    assert len(reports) == 2
    assert min(reports) > len(seconds) * 0.8, "and both have nearly all of theirs"


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("cog_deg", [0.0, 90.0, 180.0, 300.0])
@pytest.mark.parametrize(("turn_deg_s", "late_s"), [(0.0, 60), (0.0, 90), (0.5, 60), (-1.5, 60), (0.3, 80)])
def test_what_a_relay_sends_on_as_if_it_were_new_is_no_hull(order, cog_deg, turn_deg_s, late_s):
    """Copies lie astern on the way that was sailed, straight or not, whether they come before or after what is sent in their second."""
    seconds = np.arange(0.0, 3600.0, 10.0)
    one = steered(seconds, 12.0, cog_deg, turn_deg_s)
    copies = stamped_later(one, late_s)
    assert len(hulls_of(together(one, copies[copies["t_ms"] <= one["t_ms"].max()], ORDERS[order](seconds)))) == 1


@pytest.mark.parametrize("order", ORDERS)
def test_a_table_of_whole_minutes_makes_no_hull(order):
    """All of a minute's reports have one time: they lie ahead of each other."""
    seconds = np.arange(0.0, 7200.0, 20.0)
    one = steered(seconds, 15.0, 40.0)
    one["t_ms"] -= one["t_ms"] % 60_000
    minutes = np.unique(one["t_ms"] - T0) / 1000
    assert len(hulls_of(together(one[::2], one[1::2], ORDERS[order](minutes)))) == 1


@pytest.mark.parametrize("loa_m", [0, 300])
def test_antennas_of_a_long_ship_are_no_two_hulls(loa_m):
    seconds = np.arange(0.0, 3600.0, 10.0)
    one = steered(seconds, 0.0, 0.0)
    rows = together(one, put_off(one, 10.0, 250.0 if loa_m else 55.0))
    table = table_of(rows[:1])
    table.more["loa_m"][0] = loa_m
    table.add_fixes(rows[1:], *LIMITS)
    assert (table.more["belief"][: len(table)] == BELIEVED).sum() == 1


def test_what_was_elsewhere_for_a_moment_is_no_hull():
    seconds = np.arange(0.0, 3600.0, 10.0)
    one = steered(seconds, 0.0, 0.0)
    assert hulls_of(together(one, put_off(one[100:125], 0.0, 400.0))) == [len(one)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 50, 59, 75, 84]), st.sampled_from([3_000, 30_000, 200_000, 900_000]))
def test_a_chain_left_unlooked_at_changes_nothing(seed, lat_deg, apart):
    """One number with false positions now and then, some of them under way: as if all tracks of the number were looked at for each fix."""
    rng = np.random.default_rng(seed)
    n, sail = 240, rng.integers(0, 2)
    rows = new_fixes(n)
    rows["mmsi"], rows["msg_type"], rows["receivers"] = 211_000_000, 1, 1
    rows["t_ms"] = rows["release_ms"] = T0 + np.cumsum(rng.choice([2_000, 60_000, 180_000, 900_000], n, p=[0.2, 0.5, 0.2, 0.1]))
    rows["sog"], rows["cog"] = np.where(sail, 120, 0), 900
    away = np.where(rng.random(n) < 0.08, rng.integers(1, 3, n), 0)
    way = sail * (rows["t_ms"] - T0) // 1000 * 33
    rows["lat"] = lat_deg * 600_000 + apart * away + rng.integers(-60, 60, n)
    rows["lon"] = way + rng.integers(-60, 60, n)
    told, each = VesselTable.new(10, {}, 16), VesselTable.new(10, {}, 16)
    for i in range(n):
        one, other = told.add_fixes(rows[i : i + 1], *LIMITS), each.add_fixes(rows[i : i + 1], *LIMITS)
        assert [one[name][0] for name in ("what", "how", "slot", "prev_t_ms")] == [other[name][0] for name in ("what", "how", "slot", "prev_t_ms")]
        each.rows["sisters"] = np.minimum(each.rows["sisters"], 1)
    told.rows["sisters"] = np.minimum(told.rows["sisters"], 1)
    assert blob.pack(told.to_sections(), schema=1) == blob.pack(each.to_sections(), schema=1)


def test_records_fill_their_cache_lines_and_the_hash_is_never_full():
    assert HOT.itemsize == sum(HOT[name].itemsize for name in HOT.names) == 64
    assert MORE.itemsize == sum(MORE[name].itemsize for name in MORE.names) == 64
    for capacity in (1, 2, 7, 8, 9, 1000, 1024, 1025):
        size = hash_size(capacity)
        assert size >= 2 * capacity
        assert size & (size - 1) == 0
        table = VesselTable.new(10_000, {}, capacity)
        assert table.rows.ctypes.data % 64 == table.more.ctypes.data % 64 == 0
    assert 64 + 64 + 8 * hash_size(1_000_000) / 1_000_000 <= 192, "hot, cold and hash slot"


def test_a_full_table_refuses_and_counts():
    rows = np.concatenate([track(210_000_000 + k, [k], 54.0, 10.5) for k in range(5)])
    table = table_of(rows, capacity=2, vessels_max=3)
    assert len(table) == 3
    assert table.counts()["table_full"] == 2


def test_what_is_no_ship_is_not_tracked():
    names = (2_190_001, 992_190_001, 111_219_001, 970_219_001, 972_219_001, 974_219_001, 982_190_001, 812_345_678, 912_345_678, 0, 1_073_741_823)
    rows = np.concatenate([track(mmsi, [k], 54.0, 10.5) for k, mmsi in enumerate(names)])
    table = table_of(rows)
    assert len(table) == 0
    assert table.counts()["not_vessel"] == len(names)


def test_one_wild_position_is_held_back():
    t = every(60, 0.5)
    lat = np.full(len(t), 54.0)
    lat[10] = 55.0
    table = table_of(track(211_000_001, t, lat, 10.5))
    assert table.counts()["quarantined"] == 1
    assert table.used["lat"][0] == 54.0 * 600_000


def test_a_vessel_that_is_heard_at_its_old_place_no_more_has_jumped():
    t = every(60, 0.5)
    lat = np.where(np.arange(len(t)) < 10, 54.0, 55.0)
    table = table_of(track(211_000_001, t, lat, 10.5, sog_kn=8.0, cog_deg=np.where(np.arange(len(t)) % 2, 0, 180)))
    assert table.counts()["quarantined"] == 2
    assert (table.used["lat"][0], table.known["segment"][0]) == (55.0 * 600_000, 1)


@pytest.mark.parametrize("apart_nm", [0.2, 1, 3, 10, 300])
@pytest.mark.parametrize("step_s", [10, 30, 180])
@pytest.mark.parametrize("pattern", ["ABAB", "AABB", "AAAB"])
def test_two_hulls_on_one_number_are_two_tracks(apart_nm, step_s, pattern):
    """T9: a peer merges them at 0.2 and 1 nautical mile, and loses 499 of 1,000 positions at 3."""
    t = every(step_s, step_s * 1000 / 3600)
    second = np.array([pattern[k % len(pattern)] == "B" for k in range(len(t))])
    lat = 54.0 + np.where(second, apart_nm / 60, 0.0)
    rows = track(211_000_001, t, lat, 10.5, sog_kn=0.3, cog_deg=77)
    rows["sec"] = np.arange(len(t)) % 60
    table = VesselTable.new(10_000, {}, 4)
    taken = table.add_fixes(rows, *LIMITS)
    assert table.known["belief"].tolist().count(BELIEVED) == 2
    assert table.counts()["quarantined"] <= 3
    settled = np.arange(len(t)) > 30
    for hull in (False, True):
        assert len(set(taken["slot"][settled & (second == hull)].tolist())) == 1
    assert len(set(taken["slot"][settled].tolist())) == 2
    assert table.counts()["accepted"] >= len(t) - 3


def spots(*visits):
    """Rows of one number: (hours, nautical miles north of 50 degrees, reports two minutes apart)."""
    return np.concatenate([track(X, hours * 3600 + 120.0 * np.arange(n), 50.0 + nm / 60, 10.0, sog_kn=0.0) for hours, nm, n in visits])


def segments_of(rows):
    """(ordinal, segment) that each row was given; None: held back."""
    table, found = VesselTable.new(100, {}), []
    for k in range(len(rows)):
        (told,) = table.add_fixes(rows[k : k + 1], *LIMITS)
        more = table.more[told["slot"]]
        found.append((int(more["ordinal"]), int(more["segment"])) if told["what"] == ACCEPTED else None)
    return found


def hulls(count, apart_nm=30):
    """So many, heard in turns for half an hour: all are known when it is over."""
    return in_order(*(spots((k / 60, apart_nm * k, 15)) for k in range(count)))


def test_a_fix_that_two_silent_hulls_could_have_made_is_a_new_segment_and_nobody_elses():
    both = hulls(2)
    told = segments_of(np.concatenate([both, spots((9.0, 15, 5))]))
    assert {one for one in told[:-5] if one} == {(0, 0), (1, 0)}
    assert told[-5:] == [(0, 1)] * 5, "half way between both, after hours"
    told = segments_of(np.concatenate([both, spots((9.0, 15, 1), (9.1, 30, 4))]))
    assert told[-5:] == [(0, 1), None, None, None, None], "the other has ended as well: who is heard there is held back like any stranger"
    assert segments_of(np.concatenate([both, spots((9.0, 0.2, 5))]))[-5:] == [(0, 0)] * 5, "beside one of them it is hers"
    assert (0, 1) not in segments_of(np.concatenate([both, spots((0.7, 15, 5))])), "both were heard a few minutes before"


def test_of_a_shared_number_a_new_place_is_one_more_hull_and_no_jump():
    assert segments_of(np.concatenate([hulls(2), spots((3.0, 300, 5))]))[-5:] == [None, None, (2, 0), (2, 0), (2, 0)]
    assert segments_of(np.concatenate([hulls(1), spots((3.0, 300, 5))]))[-1] == (0, 1), "of a number with one hull it is a jump"


def test_eight_hulls_share_a_number_and_a_ninth_takes_the_place_of_one_that_is_silent():
    eight = hulls(8, apart_nm=300)
    assert {one[0] for one in segments_of(eight) if one} == set(range(8))
    heard = spots(*((1.0 + 0.05 * k, 300 * k, 1) for k in (0, 2, 3, 4, 5, 6, 7)))
    assert segments_of(np.concatenate([eight, heard, spots((1.9, 2700, 5))]))[-1] == (1, 0), "that of the one silent for longest, and for an hour"
    assert segments_of(np.concatenate([eight, heard, spots((1.3, 2700, 5))]))[-1] is None, "of hulls that are heard none ends for it"


def test_a_frozen_speed_is_no_second_hull():
    t = every(60, 2)
    rows = track(211_000_001, t, 54.0 + t * 12 / 3600 / 60, 10.5, sog_kn=0.0)
    table = table_of(rows)
    assert table.counts()["accepted"] == len(t)
    assert table.known["belief"].tolist().count(BELIEVED) == 1


def test_the_trail_keeps_the_first_fix_of_each_150_s():
    t = every(60, 1)
    table = table_of(track(211_000_001, t, 54.0 + t * 10 / 3600 / 60, 10.5, sog_kn=10.0))
    points = trail_of(table, 0, T0 + 3_600_000, 2400.0)
    assert np.diff(points["lat"]).min() > 0
    assert len(points) == 16
    slots = (points["t"].astype(np.int64) + (T0 >> 32 << 32)) // 150_000
    assert np.diff(slots).tolist() == [1] * 15


def test_a_jump_across_the_date_line_is_no_jump():
    t = every(60, 1)
    table = table_of(track(211_000_001, t, 54.0, 179.9 + t / 3600 * 0.3, sog_kn=10.0))
    assert table.counts()["quarantined"] == 0
    assert table.used["lon"][0] < 0


def test_copies_within_30_s_are_dropped_and_their_receiver_kept():
    first = track(211_000_001, [0], 54.0, 10.5)
    again = track(211_000_001, [20], 54.0, 10.5, receiver=3)
    later = track(211_000_001, [50], 54.0, 10.5)
    for row in (again, later):
        row["sec"] = 0
    table = table_of(np.concatenate([first, again, later]))
    assert (table.counts()["duplicate_30s"], table.counts()["accepted"]) == (1, 2)
    assert table.used["rx"][0] == 1 | 8


def test_speed_is_derived_where_none_is_sent():
    t = every(60, 0.2)
    rows = track(211_000_001, t, 54.0 + t * 12 / 3600 / 60, 10.5)
    rows["sog"] = SOG_MISSING
    assert abs(table_of(rows).used["speed_kn"][0] - 12.0) < 0.1


def test_statics_join_by_mmsi_and_the_newest_wins():
    table = table_of(track(211_000_001, [0], 54.0, 10.5))
    first, second = static(211_000_001, 5, ship_type=70, loa_m=100, name="OLD"), static(211_000_001, 9, ship_type=80, loa_m=120, name="NEW NAME@@")
    name_only = static(211_000_001, 11, ship_type=99, name="NEWEST")
    name_only["has"] = HAS_NAME
    assert len(table.add_statics(np.concatenate([first, second, name_only]))[0]) == 3
    row, text = table.known[0], table.statics[0]
    assert (row["ship_type"], row["loa_m"], text_of(text["name"])) == (80, 120, "NEWEST")
    assert not len(table.add_statics(static(2_110_000, 5))[0]), "a base station has no statics here"
    table.add_statics(static(211_000_002, 20, ship_type=50))
    assert table.more["ship_type"][table.slot_of(211_000_002)] == 50, "statics may come before the first position"


def parts_of_24(mmsi, *, name="", callsign="", ship_type=0, loa_m=0):
    """Sentences of parts A and B as a class B craft sends them."""
    head = ((24, 6), (0, 2), (mmsi, 30))
    a = one(bits_of(*head, (0, 2)) + six_bit(name, 20))
    b = one(bits_of(*head, (1, 2), (ship_type, 8), (0, 42)) + six_bit(callsign, 7) + bits_of((loa_m, 9), (0, 9), (2, 6), (2, 6), (0, 6)))
    return a, b


def said_by(*sentences):
    """The vessel table after these sentences, a second apart."""
    lines = [tag(f"c:{T0 // 1000 + i}") + line for i, line in enumerate(sentences)]
    statics = decode(DecodeState("s"), b"".join(line + b"\n" for line in lines)).statics
    statics["release_ms"] = statics["t_ms"]
    table = table_of(track(211_000_001, [0], 54.0, 10.5))
    table.add_statics(statics)
    return table


def known(table, mmsi):
    slot = table.slot_of(mmsi)
    row, text = table.more[slot], table.statics[slot]
    return text_of(text["name"]), text_of(text["callsign"]), int(row["ship_type"]), int(row["loa_m"])


X, Y, BOAT = 211_000_001, 211_000_002, 982_110_001


def test_both_parts_of_type_24_meet_by_mmsi_and_nothing_else():
    (a_x, b_x), (a_y, b_y) = parts_of_24(X, name="XENIA", callsign="DX1", ship_type=37, loa_m=12), parts_of_24(Y, name="YARROW", callsign="DY2", ship_type=36)
    table = said_by(a_x, b_y, a_y, b_x)
    assert known(table, X) == ("XENIA", "DX1", 37, 12)
    assert known(table, Y) == ("YARROW", "DY2", 36, 0)


def test_a_part_that_never_came_is_not_made_up():
    (a_x, _), (_, b_y) = parts_of_24(X, name="XENIA", ship_type=37), parts_of_24(Y, callsign="DY2", ship_type=36, loa_m=9)
    table = said_by(a_x, b_y)
    assert known(table, X) == ("XENIA", None, 0, 0)
    assert known(table, Y) == (None, "DY2", 36, 9)


def test_part_a_again_with_another_name_changes_the_name_alone():
    first, second = parts_of_24(X, name="XENIA", callsign="DX1", ship_type=37, loa_m=12), parts_of_24(X, name="XERXES")
    assert known(said_by(*first, second[0]), X) == ("XERXES", "DX1", 37, 12)


def test_not_available_erases_nothing():
    first, blank = parts_of_24(X, name="XENIA", callsign="DX1", ship_type=37, loa_m=12), parts_of_24(X)
    assert known(said_by(*first, *blank), X) == ("XENIA", "DX1", 37, 12)


def test_a_boat_of_a_ship_gives_its_mothership_nothing():
    a, b = parts_of_24(BOAT, name="TENDER", callsign="DT3", ship_type=55)
    bits = bits_of((24, 6), (0, 2), (BOAT, 30), (1, 2), (55, 8), (0, 42)) + six_bit("DT3", 7) + bits_of((X, 30), (0, 6))
    table = said_by(a, one(bits), b)
    assert table.slot_of(BOAT) == -1
    assert known(table, X) == (None, None, 0, 0)


def test_eviction_keeps_the_hash_right():
    rows = np.concatenate([track(210_000_000 + k, [k], 54.0, 10.5) for k in range(50)])
    table = table_of(rows, capacity=8)
    table.cold["cold"][: len(table)] = table.used["mmsi"]
    gone = table.evict(int(rows["t_ms"][25]), {210_000_003 << 2})
    assert gone == 24
    assert len(table) == 26
    for mmsi in (210_000_003, *range(210_000_025, 210_000_050)):
        slot = table.slot_of(mmsi)
        assert table.rows["mmsi"][slot] == table.cold["cold"][slot] == mmsi
    assert table.slot_of(210_000_004) == -1


def test_the_table_grows_for_new_vessels_alone():
    rows = np.concatenate([track(210_000_000 + k, [k], 54.0, 10.5) for k in range(30)])
    table = table_of(rows, capacity=32)
    statics = np.zeros(60, STATIC_DTYPE)
    statics["mmsi"], statics["msg_type"], statics["t_ms"] = np.repeat(np.arange(210_000_001, 210_000_031), 2), 5, int(rows["t_ms"][-1])
    statics["has"], statics["imo"] = HAS_TYPE_AND_SIZE, np.arange(60) + 1
    table.cold["cold"][: len(table)] = table.used["mmsi"]
    table.add_statics(statics)
    assert (len(table), len(table.rows)) == (31, 32)  # one is new, and told twice
    statics["mmsi"] += 100
    table.add_statics(statics)
    assert (len(table), len(table.rows)) == (61, 64)
    assert table.statics["imo"][table.slot_of(210_000_130)] == 60
    assert (table.cold["cold"][:30] == table.used["mmsi"][:30]).all()
    assert not table.cold["cold"][30:].any()


def test_geography_is_asked_once_while_a_vessel_stays():
    class Counting(FlatSea):
        asked = 0

        def masked(self, lat_deg, lon_deg):
            self.asked += len(lat_deg)
            return super().masked(lat_deg, lon_deg)

    sea, table = Counting(), table_of(track(211_000_001, [0], 54.0, 10.15))
    for _ in range(3):
        ask_geography(table, np.array([True]), sea)
    assert sea.asked == 1
    assert table.known["masked"][0] == 1
    table.add_fixes(track(211_000_001, [600], 54.0, 10.3), *LIMITS)
    ask_geography(table, np.array([True]), sea)
    assert (sea.asked, table.known["masked"][0]) == (2, 0)


def test_who_is_slow_and_moved_is_found_among_the_rows_as_among_all_tracks():
    rng, rows, table = np.random.default_rng(3), new_fixes(900), VesselTable.new(1000, {})
    rows["mmsi"], rows["t_ms"], rows["release_ms"] = 211_000_000 + rng.integers(0, 200, 900), T0 + np.arange(900) * 60, T0 + np.arange(900) * 60
    rows["lat"], rows["lon"], rows["msg_type"] = 32_000_000 + rng.integers(0, 2_000, 900), 6_000_000, 1
    rows["sog"], rows["cog"] = rng.choice([0, 29, 30, 31, 80, SOG_MISSING], 900), 0
    taken = table.add_fixes(rows, Params().reach, 3)
    asked = rng.random(len(table)) < 0.5
    table.known["geo_lat"][asked], table.known["geo_lon"][asked] = table.used["lat"][asked], table.used["lon"][asked]
    heard = np.unique(taken["slot"][taken["what"] == ACCEPTED])
    wanted = [slot for slot in heard.tolist() if table.used["speed_kn"][slot] <= 3.0 and not asked[slot]]
    assert 20 < len(wanted) < len(heard) - 20
    assert slow_tracks(table, table.slow).tolist() == wanted


@given(st.one_of(rough_sea(), crowd()), st.lists(st.integers(0, 200), max_size=6))
@settings(max_examples=200, deadline=None)
def test_whoever_is_slow_and_moved_has_reported(rows, cuts):
    """Minute by minute: the rows of a minute and all tracks give the same answer, so that it is one whether a minute came whole or in calls."""
    table = VesselTable.new(1000, {})
    for start, stop in pairwise([0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]):
        table.add_fixes(rows[start:stop], *LIMITS)
        slots = slow_tracks(table, table.slow)
        assert slots.tolist() == slow_tracks(table, np.arange(len(table))).tolist()
        table.known["geo_lat"][slots], table.known["geo_lon"][slots] = table.used["lat"][slots], table.used["lon"][slots]


def test_a_key_tells_number_and_ordinal():
    for mmsi in (200_000_000, 799_999_999):
        keys = [key_of(mmsi, ordinal) for ordinal in range(8)]
        assert keys[:4] == [mmsi << 2 | ordinal for ordinal in range(4)], "as they were when there were four"
        assert sorted(keys) == keys
        assert [(mmsi_of(key), ordinal_of(key)) for key in keys] == [(mmsi, ordinal) for ordinal in range(8)]


def test_counters_are_named():
    assert len(set(COUNTERS)) == len(COUNTERS) == 10


@pytest.mark.parametrize("kernel", [associate, _close_buckets])
def test_hot_kernels_count_no_references(kernel):
    """An atomic operation for each array at each call was most of their time (numba issues 2345, 9350)."""
    again = njit(kernel.load().nopython_signatures[0], **{**PLAIN, "cache": False})(kernel.py_func)
    (code,) = again.inspect_llvm().values()
    assert "define" in code
    assert code.count("NRT_incref") == code.count("NRT_decref") == 0


def test_records_fetched_together_are_a_hint_only():
    """Many new vessels, each twice and in a hash that is nearly full, among AHEAD rows: as if taken one by one."""
    n = 6 * AHEAD
    rows = new_fixes(n)
    rows["mmsi"] = 211_000_000 + np.random.default_rng(4).integers(0, 3 * AHEAD, n) * 1000
    rows["t_ms"] = rows["release_ms"] = T0 + 1000 * np.arange(n)
    rows["lat"], rows["lon"], rows["sog"], rows["msg_type"] = 600_000, 600_000, 0, 1
    whole, single = table_of(rows, 16), VesselTable.new(10_000, {"cold": np.dtype("<i8")}, 16)
    taken = [single.add_fixes(rows[i : i + 1], *LIMITS) for i in range(n)]
    assert blob.pack(whole.to_sections(), schema=1) == blob.pack(single.to_sections(), schema=1)
    again = VesselTable.new(10_000, {"cold": np.dtype("<i8")}, 16)
    together = again.add_fixes(rows, *LIMITS)
    for name in ("what", "how", "prev_t_ms", "slot"):
        assert np.array_equal(together[name], np.concatenate(taken)[name]), name
