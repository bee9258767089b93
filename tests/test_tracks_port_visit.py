"""Port visits: the looks against their twin, visits of every level, and ships that only pass or only work in port."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_tracks import PortCall
from tracks_sea import T0, FlatSea, assert_balance, every, in_order, last_versions, lines, shown, shuffled, static, track, watch

from dogwatch.geo import great_circle_m
from tracks.params import Params, PortVisit
from tracks.port_visit import AT_SEA, ENTERED, IN_PORT, LOOK_MS, NEW, SILENT, STOPPED, level_of

SHIP = 211_000_001
KIND = "port_visit"
EDGE, EXIT = 54.05, 54.05 + 0.54 / 60  # the harbour's northern edge, and where a ship is out again
STATES = {NEW: "new", AT_SEA: "at sea", IN_PORT: "in port"}


def call(
    mmsi=SHIP, *, start_s=0.0, kn=10.0, moored_s=3600.0, step_s=30.0, berth=54.0, lon=10.15, from_lat=54.3, leaves=True, moored_nav=5, moored_step_s=180.0
):
    """From the north to a berth, alongside, and back north. Returns (rows, entry second, exit second)."""
    in_s = (from_lat - berth) * 60 / kn * 3600
    t_in = np.arange(0, in_s, step_s)
    t_berth = np.arange(in_s, in_s + moored_s, moored_step_s)
    t_out = np.arange(in_s + moored_s, 2 * in_s + moored_s, step_s) if leaves else np.empty(0)
    rows = in_order(
        track(mmsi, start_s + t_in, from_lat - t_in * kn / 3600 / 60, lon, sog_kn=kn, cog_deg=180.0),
        track(mmsi, start_s + t_berth, berth, lon, sog_kn=0.0, nav=moored_nav),
        track(mmsi, start_s + t_out, berth + (t_out - in_s - moored_s) * kn / 3600 / 60, lon, sog_kn=kn, cog_deg=0.0),
    )
    entry_s = start_s + (from_lat - EDGE) * 60 / kn * 3600
    return rows, entry_s, start_s + in_s + moored_s + (EXIT - berth) * 60 / kn * 3600


def seconds(t_ms):
    return (t_ms - T0) / 1000


def test_a_visit_is_seen_from_the_edge_to_the_edge():
    rows, entry_s, exit_s = call()
    events, state = watch(rows, static(SHIP, ship_type=70, loa_m=150, name="EVER CALLING"))
    (event,) = shown(events, KIND)
    assert event.state == "closed"
    assert event.measures["visit_level"] == 4
    assert seconds(event.t_start) == pytest.approx(entry_s, abs=10)
    assert seconds(event.t_end) == pytest.approx(exit_s, abs=10)
    assert event.measures["stopped_s"] == pytest.approx(3600, abs=600)
    assert (event.lat, event.lon) == (54.0, 10.15)
    assert event.subjects[0].name == "EVER CALLING"
    assert {e.name: e.passed for e in event.evidence} == {"port_distance_nm": True, "speed_kn": True, "port_distance_nm_end": True}
    assert event.confidence == 0.95
    first = next(e for e in events if e.type == KIND)
    assert (first.state, first.measures["visit_level"], first.confidence) == ("open", 3, 0.8)
    assert seconds(first.t_detected) <= entry_s + 1800 + 2 * 300, "open at the first look that sees it stopped"
    assert_balance(state)


def test_levels_are_those_of_the_published_definition():
    assert [level_of(s, exited=x) for s, x in ((0, False), (ENTERED, False), (0, True), (ENTERED, True))] == [0, 1, 1, 1]
    assert [level_of(STOPPED, exited=False), level_of(SILENT, exited=False)] == [2, 2]
    assert [level_of(STOPPED | ENTERED, exited=False), level_of(SILENT, exited=True)] == [3, 3]
    assert level_of(STOPPED | ENTERED, exited=True) == 4


def test_first_seen_at_the_berth_then_out_is_level_three():
    rows, _, exit_s = call()
    berthed = rows[rows["t_ms"] >= T0 + 6_600_000]
    (event,) = shown(watch(berthed)[0], KIND)
    assert event.measures["visit_level"] == 3
    assert seconds(event.t_end) == pytest.approx(exit_s, abs=10)
    assert seconds(event.t_start) == pytest.approx(6600, abs=310)


def test_a_ship_that_never_leaves_its_berth_is_no_news():
    t = every(180, 8)
    events, _ = watch(track(SHIP, t, 54.0, 10.15, sog_kn=0.0, nav=5))
    assert not [e for e in events if e.type == KIND]
    asked = Params(port_visit=PortVisit(level_min=2))
    (event,) = shown(watch(track(SHIP, t, 54.0, 10.15, sog_kn=0.0, nav=5), params=asked)[0], KIND)
    assert (event.state, event.measures["visit_level"], event.t_end) == ("open", 2, None)


def test_passing_through_is_no_visit():
    t = every(30, 2)
    through = track(SHIP, t, 54.2 - t * 10 / 3600 / 60, 10.15, sog_kn=10.0, cog_deg=180.0)
    assert not [e for e in watch(through)[0] if e.type == KIND]
    (event,) = last_versions(watch(through, params=Params(port_visit=PortVisit(level_min=1)))[0], KIND)
    assert (event.state, event.measures["visit_level"]) == ("candidate", 1)


def test_slow_ahead_is_no_stop():
    rows, _, _ = call(moored_s=0.0, kn=3.0)
    assert not [e for e in watch(rows)[0] if e.type == KIND]


def test_a_speed_of_zero_that_the_motion_belies_is_no_stop():
    """A broken log says 0.0 while the ship makes ten knots."""
    t = every(30, 2)
    rows = track(SHIP, t, 54.2 - t * 10 / 3600 / 60, 10.15, sog_kn=0.0)
    assert not [e for e in watch(rows)[0] if e.type == KIND]


def test_silent_in_port_is_as_good_as_a_stop():
    rows, entry_s, exit_s = call(moored_s=5 * 3600.0, moored_step_s=1e9)
    moving = rows[rows["sog"] > 0]
    events, _ = watch(moving)
    (event,) = shown(events, KIND)
    assert event.measures["visit_level"] == 4
    assert event.measures["gap_s"] >= 14_400
    assert seconds(event.t_start) == pytest.approx(entry_s, abs=10)
    assert seconds(event.t_end) == pytest.approx(exit_s, abs=10)


def test_an_entry_in_a_silence_is_said_and_doubted():
    rows, entry_s, _ = call(moored_s=2 * 3600.0)
    second = (rows["t_ms"] - T0) / 1000
    quiet = in_order(rows[(second < entry_s - 1800) | (second > entry_s + 3000)], track(219_000_009, every(60, 6), 55.0, 10.8, sog_kn=5.0))
    (event,) = shown(watch(quiet)[0], KIND)
    assert {x.name: x.effect for x in event.exclusions}["entry_in_silence"] == "doubt"
    assert event.confidence == pytest.approx(0.95 * 0.8)
    assert entry_s <= seconds(event.t_start) <= entry_s + 3000 + 310


def test_who_works_in_port_is_kept_but_not_shown():
    rows, _, _ = call()
    for ship_type in (50, 52, 53):
        events, _ = watch(rows, static(SHIP, ship_type=ship_type))
        assert not shown(events, KIND)
        assert {e.reason for e in last_versions(events, KIND)} == {"suppressed: role"}


def test_on_the_edge_a_ship_does_not_come_and_go():
    """A quarter of a mile in and out around the edge for six hours, stopping now and then: one visit."""
    t = every(60, 8)
    lat = np.where(t < 5400, 54.3 - t * 10 / 3600 / 60, EDGE + 0.25 / 60 * np.sin(t / 900))
    rows = track(SHIP, t, lat, 10.15, sog_kn=np.where(t < 5400, 10.0, 0.1))
    events, _ = watch(rows)
    assert len(last_versions(events, KIND)) == 1


def test_two_visits_are_two_events():
    first, _, _ = call()
    second, entry_s, _ = call(start_s=20_000)
    visits = shown(watch(in_order(first, second))[0], KIND)
    assert len(visits) == 2
    assert seconds(max(v.t_start for v in visits)) == pytest.approx(entry_s, abs=10)


def test_messages_without_speed_are_judged_by_motion():
    rows, _, _ = call(moored_step_s=60.0)
    rows["sog"] = 1023
    (event,) = shown(watch(rows)[0], KIND)
    assert event.measures["visit_level"] == 4


def test_a_visit_of_months_ends_when_nobody_hears_the_ship(monkeypatch):
    monkeypatch.setattr("tracks.port_visit.EVICT_MS", 2 * 86_400_000)
    rows, _, _ = call(leaves=False)
    other = track(219_000_009, np.arange(0, 4 * 86_400, 600), 55.0, 10.8, sog_kn=5.0)
    events, state = watch(in_order(rows, other))
    (event,) = shown(events, KIND)
    assert (event.state, event.reason) == ("closed", "not heard for 30 days")
    assert seconds(event.t_end) == pytest.approx(9900, abs=200)
    assert not state.detectors[[d.NAME for d in state.detectors].index(KIND)].keys()


class Harbour(FlatSea):
    """One port at a place, anywhere on the globe: a circle of radius_nm."""

    def __init__(self, lat_deg, lon_deg):
        self.at = lat_deg, lon_deg
        self.asked = 0

    def masked(self, lat_deg, lon_deg):
        return self.port_distance_nm(lat_deg, lon_deg, 60.0) <= 0.5

    def coast_distance_nm(self, lat_deg, lon_deg):
        return np.full(np.shape(lat_deg), 5.0)

    def port_distance_nm(self, lat_deg, lon_deg, cap_nm, radius_nm=2.0, t_ms=None):
        self.asked += len(lat_deg)
        far = [great_circle_m(a, b, *self.at) / 1852 for a, b in zip(lat_deg, lon_deg, strict=True)]
        return np.clip(np.array(far) - radius_nm, 0.0, cap_nm)


@pytest.mark.parametrize("place", [(0.0, 180.0), (-17.0, -179.99), (70.0, 179.999), (60.0, 0.0)])
def test_a_port_on_the_meridian_is_a_port(place):
    """In from the east, out to the west; the port lies on the date line."""
    lat, lon = place
    t = every(60, 8)
    off_nm = np.where(t < 7200, 20 - t / 360, np.where(t < 14_400, 0.0, (14_400 - t) / 360))
    rows = track(SHIP, t, lat, lon + off_nm / 60 / np.cos(np.radians(lat)), sog_kn=np.where(off_nm == 0, 0.0, 10.0))
    (event,) = shown(watch(rows, geography=Harbour(lat, lon))[0], KIND)
    assert event.measures["visit_level"] == 4
    assert seconds(event.t_start) == pytest.approx(7200 - 720, abs=15)
    assert seconds(event.t_end) == pytest.approx(14_400 + 2.54 * 360, abs=15)
    assert abs((event.lon - lon + 180) % 360 - 180) < 0.01


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(54.0, 10.0), (-10.0, 180.0)]))
def test_looks_equal_the_twin_that_always_asks(seed, place):
    """Random ways about a port, with rests, dashes and silences: the states after each look are those of the twin."""
    rng = np.random.default_rng(seed)
    sea, twin = Harbour(*place), PortCall()
    knots = rng.choice([0.0, 0.0, 0.1, 3.0, 12.0, 25.0], 60)
    knots[rng.integers(0, 60, 2)] = 0.0
    course = np.cumsum(rng.normal(0, 60, 60))
    at, rows, t = np.array([rng.uniform(-6, 6), rng.uniform(-6, 6)]), [], 0.0
    for kn, deg in zip(knots, course, strict=True):
        if rng.uniform() < 0.04:
            t += 15_000.0
        for _ in range(4):
            t += 150.0
            at = at + kn * 150 / 3600 * np.array([np.cos(np.radians(deg)), np.sin(np.radians(deg))])
            rows.append((t, place[0] + at[0] / 60, place[1] + at[1] / 60 / np.cos(np.radians(place[0])), kn))
    t_s, lat, lon, kn = (np.array(c) for c in zip(*rows, strict=True))
    fixes = track(SHIP, t_s, lat, lon, sog_kn=kn)
    params = Params(v_max_kn=90.0, v_max_kn_fast=90.0, v_max_kn_merchant=90.0)
    _, state = watch(fixes, geography=sea, params=params, only=("legs", KIND))
    last = None
    for tick in range(LOOK_MS, int(t_s[-1] * 1000) + LOOK_MS + 1, LOOK_MS):
        seen = fixes[fixes["t_ms"] - T0 < tick]
        newest = seen[-1:] if len(seen) else seen
        if not len(newest) or (last is not None and newest["t_ms"][0] == last["t_ms"]) or tick > seconds(int(fixes["t_ms"][-1])) * 1000:
            continue
        row = newest[0]
        where = row["lat"] / 600_000, row["lon"] / 600_000
        moved = None if last is None else great_circle_m(*where, last["lat"] / 600_000, last["lon"] / 600_000)
        far_nm = float(Harbour(*place).port_distance_nm([where[0]], [where[1]], 60.0)[0])
        twin.look(seconds(int(row["t_ms"])), *where, row["sog"] / 10, far_nm, moved)
        last = row
    way, pool = state.table.cold[KIND][0], state.table.pools[KIND]
    visit = pool.records[way["at"]]
    assert STATES[int(way["state"])] == twin.state
    assert pool.held == (twin.state == "in port")
    if twin.state == "in port":
        assert bool(visit["seen"] & STOPPED) == twin.stopped
        assert bool(visit["seen"] & SILENT) == twin.silent
        assert bool(visit["seen"] & ENTERED) >= twin.entered
    assert sea.asked < 40 * len(fixes), "the slack spares questions"


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_cuts_order_and_restarts_change_nothing(seed):
    rng = np.random.default_rng(seed)
    sea = in_order(
        call(SHIP)[0], call(SHIP + 1, start_s=900, kn=14.0, lon=10.16, moored_s=9000)[0], call(SHIP + 2, leaves=False, kn=7.0)[0], call(SHIP + 3, moored_s=0)[0]
    )
    expected = lines(watch(sea)[0])
    assert expected.count(b'"port_visit"') >= 4
    cuts = rng.integers(0, len(sea), 6).tolist()
    assert lines(watch(sea, cuts=cuts, restarts=range(7))[0]) == expected
    assert lines(watch(shuffled(sea, seed), cuts=cuts, capacity=2)[0]) == expected


def test_on_the_high_seas_nobody_is_asked_twice_for_nothing():
    """24 hours at 12 knots far from any port: a handful of questions."""
    t = every(60, 24)
    sea = Harbour(0.0, 0.0)
    watch(track(SHIP, t, 30.0, -40.0 + t * 12 / 3600 / 60, sog_kn=12.0), geography=sea)
    assert 1 <= sea.asked <= 16


def test_the_preset_is_the_published_rule():
    from tracks.presets import PRESETS

    rule = PortVisit(**PRESETS["gfw_port_visit"]["port_visit"])
    assert (rule.stop_kn_max, rule.resume_kn, rule.gap_s_min, rule.level_min) == (0.2, 0.5, 240 * 60, 2)
    assert rule.radius_nm * 1852 == pytest.approx(3000, rel=0.001)
    assert (rule.radius_nm + rule.exit_nm) * 1852 == pytest.approx(4000, rel=0.001)
