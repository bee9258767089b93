"""Sudden stops and groundings: the kernel against its twin, ships that hit something, and ships that only stop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_motion import Passages
from tracks_sea import T0, every, in_order, last_versions, lines, shown, static, track, watch

from dogwatch.batch import SOG_MISSING
from tracks.look import PASSED, Picks
from tracks.params import Aground, Params, SuddenStop
from tracks.presets import preset
from tracks.sudden_stop import NONE, SPEED, STOP, SuddenStopDetector, _passages, all_stops
from tracks.vessels import VesselTable

X = 211_000_001
STAGES = ("none", "candidate", "lies", "dismissed", "kept")


def stopper(mmsi=X, *, lat=54.5, lon=10.4, kn=12.0, at_s=1800.0, takes_s=60.0, lies_s=3600.0, on_kn=6.0, step_s=10.0, hours=2.5, nav=0, still_kn=0.2, **more):
    """Heads east, stops at `at_s` within `takes_s`, lies for a while, goes on."""
    t = every(step_s, hours)
    speed = np.interp(t, [0, at_s - takes_s / 2, at_s + takes_s / 2, at_s + lies_s, at_s + lies_s + 60, 1e9], [kn, kn, still_kn, still_kn, on_kn, on_kn])
    way_nm = np.concatenate([[0.0], np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(t) / 3600)])
    way_nm -= np.interp(at_s, t, way_nm)
    return track(mmsi, t, lat, lon + way_nm / 60 / np.cos(np.radians(lat)), sog_kn=speed, cog_deg=90.0, nav=nav, **more)


def stops(events, subtype="sudden_stop"):
    return [e for e in last_versions(events, "safety") if e.subtype == subtype]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(2, 90), st.one_of(st.none(), st.sampled_from([0.0, 0.9, 1.0, 1.9, 2.0, 6.9, 7.0, 7.1, 12.0]))), min_size=1, max_size=60),
    st.integers(0, 60),
)
def test_passages_agree_with_their_twin(reports, cut):
    """Speeds at and around every mark, some missing, in two pieces."""
    table, twin = VesselTable.new(4, {"stop": SPEED}, pools={"stop": STOP}), Passages(7.0, 1.0, 2.0, 120.0)
    t_s = np.cumsum([dt for dt, _ in reports])
    rows = track(X, t_s, 54.5, 10.4 + 1e-7 * np.arange(len(t_s)), sog_kn=1.0)
    rows["sog"] = [SOG_MISSING if kn is None else round(kn * 10) for _, kn in reports]
    found = []
    for piece in (rows[:cut], rows[cut:]):
        taken = table.add_fixes(piece, (60.0, 60.0, 60.0, 30.0), 4)
        for row, told in zip(piece, taken, strict=True):
            if told["what"] == 0:
                twin.take(int(row["t_ms"]), None if row["sog"] == SOG_MISSING else int(row["sog"]) / 10, first=told["how"] != 0)
        passed, rows_of, pool = Picks(piece, taken, Params())[PASSED], table.cold["stop"], table.pools["stop"]
        found += _passages(piece, taken, passed, rows_of, pool.records, pool.numbers, (7.0, 1.0, 2.0, 120_000.0)).tolist()
    assert len(found) == twin.candidates
    stop = table.pools["stop"].records[table.cold["stop"]["at"][0]]
    assert STAGES[int(stop["stage"])] == twin.stage
    if twin.stop_ms:
        assert (int(stop["stop_ms"]), int(stop["fast_ms"])) == (twin.stop_ms, twin.fast_ms)


def test_a_ship_that_stops_within_a_minute():
    events, _ = watch(stopper())
    (event,) = stops(events)
    assert (event.state, event.rule) == ("closed", "sudden_stop")
    assert abs(event.t_start - (T0 + 1_800_000)) <= 40_000
    assert abs(event.t_end - (T0 + 5_400_000)) <= 120_000
    assert min(e.t_detected for e in events if e.subtype == "sudden_stop") <= T0 + 2_100_000, "three minutes and a tick"
    assert event.measures["speed_before_kn"] == pytest.approx(11.0, abs=1.5)
    assert all(e.passed for e in event.evidence)
    assert not event.reason


def test_who_slows_down_over_five_minutes_does_not_stop_suddenly():
    assert not stops(watch(stopper(takes_s=400))[0])


def test_who_goes_on_within_three_minutes_has_not_stopped():
    assert not stops(watch(stopper(lies_s=120))[0])


def test_a_speed_that_jumps_while_the_ship_lies_still_or_goes_on_is_no_stop():
    still = stopper(kn=0.1, on_kn=0.1)
    still["sog"][:180] = 120
    frozen = stopper(lies_s=1.0, on_kn=12.0)
    frozen["sog"][180:] = 0
    gone = stopper(lies_s=1.0, on_kn=12.0)
    gone["sog"][180:] = SOG_MISSING
    for rows in (still, frozen, gone):
        assert not stops(watch(rows)[0])


@pytest.mark.parametrize(
    ("facts", "more", "reason"),
    [
        ({"ship_type": 30}, {}, "fishing"),
        ({}, {"nav": 7}, "fishing"),
        ({"ship_type": 52}, {}, "role"),
        ({"ship_type": 51}, {}, "role"),
        ({"ship_type": 58}, {}, "special_craft"),
        ({"ship_type": 37}, {}, "small_craft"),
        ({}, {"kind": 18}, "small_craft"),
        ({"ship_type": 60}, {"lon": 10.01, "lat": 54.3}, "ferry_at_the_shore"),
        ({}, {"kn": 28.0, "lon": 10.01, "lat": 54.3}, "ferry_at_the_shore"),
        ({}, {"lat": 54.0, "lon": 10.15}, "port_or_anchorage"),
    ],
)
def test_who_stops_for_good_reasons_is_kept_and_not_shown(facts, more, reason):
    (event,) = stops(watch(stopper(**more), static(X, **facts) if facts else None)[0])
    assert (event.state, event.reason) == ("candidate", f"suppressed: {reason}")


def test_a_ship_that_goes_alongside_another_is_kept_back_and_two_that_collide_are_not():
    lying = track(X + 1, every(60, 2.5), 54.501, 10.4, sog_kn=0.0)
    (event,) = stops(watch(in_order(stopper(), lying))[0])
    assert (event.state, event.reason) == ("candidate", "suppressed: goes_alongside")
    both = watch(in_order(stopper(), stopper(X + 1, lat=54.501)))[0]
    assert {e.state for e in stops(both)} == {"closed"}


def test_who_says_later_that_she_anchored_is_withdrawn():
    rows = stopper()
    rows["nav"][(rows["t_ms"] - T0) / 1000 > 2600] = 1
    events, _ = watch(rows)
    assert [e.state for e in events if e.subtype == "sudden_stop"][:2] == ["open", "candidate"]


def test_the_published_rule_asks_thirty_seconds_and_fifty_metres():
    quick, slow = stopper(takes_s=20), stopper(takes_s=100)
    long, short = static(X, loa_m=90), static(X, loa_m=40)
    assert stops(watch(quick, long, params=preset("dma_sudden_speed"))[0])
    assert not stops(watch(slow, long, params=preset("dma_sudden_speed"))[0])
    assert not stops(watch(quick, short, params=preset("dma_sudden_speed"))[0])
    assert stops(watch(slow, short)[0])


def test_class_b_at_thirty_seconds_is_seen_when_it_is_long():
    assert shown(watch(stopper(kind=18, step_s=30), static(X, loa_m=40))[0], "safety")


def grounded(says_s=None, **more):
    rows = stopper(lies_s=90_000, hours=3, still_kn=0.0, **more)
    if says_s is not None:
        rows["nav"][(rows["t_ms"] - T0) / 1000 >= 1800 + says_s] = 6
    return rows


def test_a_ship_that_stopped_suddenly_and_does_not_move_is_aground():
    events, _ = watch(grounded())
    (event,) = stops(events, "aground")
    assert (event.state, event.confidence) == ("open", 0.6)
    assert abs(event.t_start - (T0 + 1_800_000)) <= 40_000
    assert min(e.t_detected for e in events if e.subtype == "aground") <= T0 + 1_800_000 + 2_400_000
    assert {e.name for e in event.evidence} == {"stopped_suddenly", "still_s"}


def test_her_crew_says_so_and_it_is_the_same_event():
    events, _ = watch(grounded(says_s=4000))
    (event,) = stops(events, "aground")
    assert event.confidence == 0.95
    assert event.measures["says_aground"] is True
    early, _ = watch(grounded(says_s=600))
    (event,) = stops(early, "aground")
    assert min(e.t_detected for e in early if e.subtype == "aground") <= T0 + 2_520_000
    assert abs(event.t_start - (T0 + 1_800_000)) <= 40_000, "it began with the stop"


def test_a_ship_that_stops_and_swings_is_not_aground():
    rows = grounded()
    t_s = (rows["t_ms"] - T0) / 1000
    rows["lat"] += np.where(t_s > 1900, 600 * np.sin(t_s / 500), 0).astype(np.int32)
    assert stops(watch(rows)[0])
    assert not stops(watch(rows)[0], "aground")


@pytest.mark.parametrize("nav", [1, 5])
def test_a_ship_that_stops_and_anchors_or_moors_is_not_shown_aground(nav):
    rows = grounded()
    rows["nav"][(rows["t_ms"] - T0) / 1000 > 2400] = nav
    assert not [e for e in stops(watch(rows)[0], "aground") if e.state != "candidate"]


def test_status_six_by_mistake_is_shown_with_doubt():
    moving, moored = stopper(nav=6), track(X, every(60, 2), 54.0, 10.15, sog_kn=0.0, nav=6)
    for rows, name in ((moving, "motion_does_not_fit"), (moored, "port_or_anchorage")):
        event = next(e for e in watch(rows)[0] if e.subtype == "aground")
        assert event.state == "open"
        assert event.confidence == pytest.approx(0.6)
        assert [x.name for x in event.exclusions if x.effect == "doubt"] == [name]


def test_one_report_with_status_six_is_a_slip():
    rows = stopper()
    rows["nav"][300] = 6
    assert not stops(watch(rows)[0], "aground")


def test_she_is_afloat_again_when_she_leaves():
    rows = stopper(lies_s=5400, hours=3, still_kn=0.0)
    rows["nav"][((rows["t_ms"] - T0) / 1000 >= 2400) & ((rows["t_ms"] - T0) / 1000 < 7000)] = 6
    (event,) = stops(watch(rows)[0], "aground")
    assert event.state == "closed"
    assert abs(event.t_end - (T0 + 7_200_000)) <= 200_000


def test_each_may_be_switched_off():
    off = Params(sudden_stop=SuddenStop(enabled=False), aground=Aground(enabled=False))
    assert not shown(watch(grounded(says_s=600), params=off)[0], "safety")


def test_across_the_date_line_and_far_north():
    for lat, lon in ((54.5, 179.999), (80.0, 10.4)):
        assert {e.subtype for e in shown(watch(grounded(lat=lat, lon=lon))[0], "safety")} == {"sudden_stop", "aground"}


@pytest.mark.parametrize("seed", [1, 2])
def test_cut_and_resumed_anywhere_it_is_the_same(seed):
    rng = np.random.default_rng(seed)
    rows = in_order(grounded(says_s=3000), stopper(X + 1, lon=10.6), stopper(X + 2, lon=10.7, kn=8.0, at_s=2400, kind=18))
    whole, _ = watch(rows)
    cuts = sorted(rng.choice(len(rows), 80, replace=False).tolist())
    pieces, _ = watch(rows, cuts=cuts, restarts=range(80))
    assert lines(whole) == lines(pieces)
    assert {"sudden_stop", "aground"} <= {e.subtype for e in whole}


def test_nothing_is_kept_of_a_ship_that_only_passes():
    _, state = watch(stopper(at_s=1e6))
    assert (all_stops(state.table)[1]["stage"] == NONE).all()


def test_of_ships_that_slow_down_in_their_own_time_nothing_stays():
    """Whoever leaves her speed is remembered for as long as she may stop suddenly, and no longer."""
    coasters = [stopper(X + k, lon=10.4 + k / 10, at_s=3600, takes_s=600) for k in range(4)]
    _, state = watch(in_order(*coasters, stopper(X + 9, lon=11.0, lies_s=1e5)))
    assert state.table.pools[SuddenStopDetector.NAME].held == 1
    assert int(state.table.pools[SuddenStopDetector.NAME].numbers[0]) == 5
