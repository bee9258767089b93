"""The eighteen edge cases of a sea, each through every detector that it can reach: a sea that is moved, shifted or garbled tells the same.

May hold: seas moved to the date line, far north, over midnight and month; garbage, copies, rates, look-alikes in one sentence each. May not: what
one detector does with it in depth (tests/test_tracks_*.py). The number in a test's name is that of the case.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tracks_sea import (
    T0,
    OpenSea,
    assert_balance,
    every,
    in_order,
    lane_traffic,
    last_versions,
    lines,
    shown,
    shuffled,
    silent_source,
    static,
    track,
    versions,
    watch,
    well_heard,
)

from dogwatch.batch import F_CLASS_B, F_COARSE, F_FUTURE, LAT_MISSING, LON_MISSING, SOG_MISSING, Control
from tracks.coverage import Coverage, cell_key
from tracks.params import Dark, Loitering, Params, Rendezvous
from tracks.records import BELIEVED

A, B, C, D, E = (211_000_000 + k for k in range(1, 6))
M_DEG = 1 / 111_195  # degrees of latitude per metre
NUMBERS = range(1, 19)
DAY_MS = 86_400_000
PAIRS_ONLY = Params(loitering=Loitering(enabled=False), dark=Dark(enabled=False), revise_s=600)
DARK_ONLY = Params(loitering=Loitering(enabled=False), rendezvous=Rendezvous(enabled=False))


def sea(lat0=54.5, lon0=10.4):
    """Three hours: a drifter that says so, a meeting, a silence among neighbours, a jump. Drawn in miles east and north of a place."""
    wide = np.cos(np.radians(lat0))

    def at(north_nm, east_nm):
        return lat0 + np.asarray(north_nm) / 60, lon0 + np.asarray(east_nm) / 60 / wide

    t = every(60, 3)
    quiet = t[(t <= 3600) | (t >= 7800)]
    drift_lat, drift_lon = at(-12.0 + 0 * t, -1.0 + t * 0.6 / 3600)
    adrift = track(A, t, drift_lat, drift_lon, sog_kn=0.6, cog_deg=90.0, nav=2)
    adrift["hdg"] = 0
    meeting = [track(m, t + 3 * k, *at(-6.0 + k * 150 / 1852, 0.01), sog_kn=0.2) for k, m in enumerate((B, C))]
    gone = track(D, quiet, *at(quiet * 3.0 / 3600, 0.0 * quiet), sog_kn=3.0, cog_deg=0.0)
    jumps = track(E, t, *at(np.where((t > 4000) & (t < 7000), 30.0, 14.0) + t * 4.0 / 3600, 0.5 + 0 * t), sog_kn=4.0, cog_deg=0.0)
    peers = [track(219_000_000 + k, every(60, 3, 5.0 * k), *at(4.0 + 0.4 * k, (-1) ** k * 0.8), sog_kn=0.0, nav=1) for k in range(8)]
    return in_order(adrift, *meeting, gone, jumps, *peers)


def known(lat0=54.5, lon0=10.4):
    """All cells round that place have been heard, also across the date line."""
    coverage = Coverage()
    group = coverage.group("receiver 0")
    reach = 1.0 / np.cos(np.radians(lat0))
    lons = [((lon + 180) % 360) - 180 for lon in np.arange(lon0 - reach, lon0 + reach, 0.05)]
    keys = {cell_key(round(lat * 600_000), round(lon * 600_000), c, group) for lat in np.arange(lat0 - 1, lat0 + 1, 0.05) for lon in lons for c in (0, 1)}
    coverage.learn(np.repeat(np.array(sorted(keys), np.int64), 300), np.empty(0, np.int64))
    return coverage


def told(events, shift_ms=0, *, place=True):
    """What people would be told, without place: (type, subtype, who, from, to)."""
    return sorted(
        (e.type, e.subtype, tuple(e.mmsi), (e.t_start - shift_ms) // 60_000, None if e.t_end is None else (e.t_end - shift_ms) // 60_000) for e in shown(events)
    )


def lengths(events):
    """Every measure of what was shown that is the same wherever a sea lies: {(type, subtype, who, name): value}."""
    return {
        (e.type, e.subtype, *e.mmsi, name): value
        for e in shown(events)
        for name, value in e.measures.items()
        if isinstance(value, float) and not {"lat", "lon"} & set(name.split("_"))
    }


def peers(events):
    """How many others each silence was judged by."""
    return sorted((*e.mmsi, e.measures["peers"], e.measures["peers_heard"]) for e in shown(events, "dark"))


@pytest.fixture(scope="module")
def plain_events():
    return watch(sea(), geography=OpenSea(), coverage=known())[0]


@pytest.fixture(scope="module")
def plain(plain_events):
    found = told(plain_events)
    assert {kind for kind, *_ in found} >= {"loitering", "rendezvous", "dark", "safety", "position_anomaly"}, found
    return found


def test_all_of_them_are_here():
    assert sorted({int(name[5:7]) for name in globals() if name.startswith("test_") and name[5:7].isdigit()}) == list(NUMBERS)


@pytest.mark.parametrize("lon0", [180.0, 179.99, -179.995])
def test_01_at_the_date_line_a_sea_is_like_any_other(plain, plain_events, lon0):
    events, _ = watch(sea(lon0=lon0), geography=OpenSea(), coverage=known(lon0=lon0))
    assert told(events) == plain
    assert peers(events) == peers(plain_events) != []
    for event in shown(events):
        assert event.lon is None or abs(abs(event.lon) - 180) < 0.2, (event.type, event.lon)
    lengths = [float(v) for e in shown(events) for name, v in e.measures.items() if name in ("distance_nm", "radius_nm", "path_nm", "net_nm") and v is not None]
    assert lengths
    assert max(lengths) < 60


def test_01_two_on_both_sides_of_the_date_line_meet():
    t = every(60, 2)
    rows = in_order(track(A, t, 20.0, 179.9994, sog_kn=0.2), track(B, t + 3, 20.0, -179.9994, sog_kn=0.2))
    (event,) = shown(watch(rows, params=PAIRS_ONLY, geography=OpenSea())[0])
    assert (event.type, event.measures["distance_m_median"]) == ("rendezvous", pytest.approx(125, abs=2))
    assert abs(event.lon) == pytest.approx(180, abs=0.0001)


@pytest.mark.parametrize("lat0", [-54.5, 75.0, 80.0])
def test_02_far_north_and_south_too(plain, plain_events, lat0):
    events, _ = watch(sea(lat0=lat0), geography=OpenSea(), coverage=known(lat0=lat0))
    assert told(events) == plain
    assert peers(events) == peers(plain_events) != []
    here, there = lengths(plain_events), lengths(events)
    assert set(here) == set(there)
    assert len(here) > 20
    assert not {name: (length, there[name]) for name, length in here.items() if there[name] != pytest.approx(length, rel=0.03, abs=0.02)}


def test_02_who_falls_silent_by_the_pole_is_reckoned_to_a_place():
    """A mile east is a turn round the pole, where the cosine is nothing: it counts as a tenth at least."""
    t = np.arange(0, 3601.0, 30)
    gone = track(A, t, 89.0, 10.0 + t * 12 / 3600 / 60 / np.cos(np.radians(89.0)), sog_kn=12.0, cog_deg=90.0)
    others = [track(B + k, every(60, 2.5), 88.9, 20.0 + k, sog_kn=0.0, nav=1) for k in range(6)]
    events, _ = watch(in_order(gone, *others), params=DARK_ONLY, geography=OpenSea(), coverage=known(lat0=89.0, lon0=21.0))
    silent = [e for e in events if e.mmsi == [A]]
    assert silent
    for e in silent:
        assert e.measures["reckoned_lat"] == pytest.approx(89.0, abs=0.001)
        assert (e.measures["reckoned_lon"] - e.lon) % 360 == pytest.approx(e.measures["gap_s"] * 12 / 3600 / 60 / 0.1, abs=0.01)


def test_02_a_pair_across_the_pole():
    t = every(60, 2)
    lat = 90 - 60 * M_DEG
    rows = in_order(track(A, t, lat, 10.0, sog_kn=0.2), track(B, t, lat, -170.0, sog_kn=0.2))
    events, state = watch(rows, params=PAIRS_ONLY, geography=OpenSea())
    assert_balance(state)
    assert state.vessel_count == 2
    (event,) = shown(events)
    assert (event.type, event.measures["distance_m_median"]) == ("rendezvous", pytest.approx(120, abs=1))
    far = in_order(track(A, t, 89.5, 10.0, sog_kn=0.2), track(B, t, 89.5, -170.0, sog_kn=0.2))
    assert not shown(watch(far, params=PAIRS_ONLY, geography=OpenSea())[0]), "60 miles apart"


def test_03_what_is_not_said_is_no_number():
    rows = sea()
    plain, _ = watch(rows, geography=OpenSea(), coverage=known())
    junk = rows[::7].copy()
    junk["lat"], junk["lon"], junk["sog"], junk["cog"], junk["hdg"], junk["sec"] = LAT_MISSING, LON_MISSING, SOG_MISSING, 3600, 511, 63
    junk["t_ms"] += 1_000
    junk["mmsi"] += 5_000  # vessels that never say where they are
    events, state = watch(in_order(rows, junk), geography=OpenSea(), coverage=known())
    assert [row for row in told(events) if row[2][0] < 219_000_000 and row[2][0] - 211_000_000 < 5_000] == told(plain)
    assert state.counters["no_position"] > 0
    assert_balance(state)
    assert not [v for e in events for v in e.measures.values() if v in (91.0, 181.0, 102.3, 1023, 511)]
    mute = sea()
    mute["sog"][np.isin(mute["mmsi"], (B, C))], mute["cog"], mute["hdg"] = SOG_MISSING, 3600, 511
    assert [kind for kind, *_ in told(watch(mute, geography=OpenSea(), coverage=known())[0]) if kind == "rendezvous"] == ["rendezvous"], "by their places alone"
    fast = track(A, every(60, 1), 54.5, 10.4, sog_kn=102.2)
    assert not [e for e in shown(watch(fast, geography=OpenSea())[0]) if e.type == "rendezvous"]


def test_04_a_report_belongs_to_its_own_time_wherever_it_arrives():
    rows = sea()
    plain, _ = watch(rows, geography=OpenSea(), coverage=known())
    rows["t_rx_ms"] = rows["t_ms"] + np.random.default_rng(4).integers(-2_000, 58_000, len(rows))
    assert lines(watch(rows, geography=OpenSea(), coverage=known())[0]) == lines(plain)


def test_05_a_stamp_in_the_future_ages_nobody():
    rows = sea()
    plain, _ = watch(rows, geography=OpenSea(), coverage=known())
    wild = rows[50:53].copy()
    wild["t_ms"] += 40 * DAY_MS
    events, state = watch(np.concatenate([rows[:60], wild, rows[60:]]), geography=OpenSea(), coverage=known())
    end_ms = int(rows["t_ms"].max())  # the harness ends a recording at its largest stamp, and silences go on until then
    assert lines([e for e in events if e.t_detected <= end_ms]) == lines([e for e in plain if e.t_detected <= end_ms]) != b""
    assert state.counters["future"] == 3
    assert not (rows["flags"] & F_FUTURE).any()


def test_06_copies_change_nothing_but_who_heard_it():
    rows = sea()
    plain, one = watch(rows, geography=OpenSea(), coverage=known())
    copies = rows.copy()
    copies["receivers"], copies["src"] = 2, 1
    stored = rows[rows["mmsi"] == B][:20].copy()
    order = np.argsort(np.concatenate([rows["t_ms"], copies["t_ms"] + 900, stored["t_ms"] + 600_000]), kind="stable")
    events, both = watch(np.concatenate([rows, copies, stored])[order], geography=OpenSea(), coverage=known())
    assert told(events) == told(plain)
    assert both.counters["accepted"] == one.counters["accepted"]
    assert both.counters["duplicate"] >= 0.99 * len(rows) - one.counters["buffered"]
    assert both.counters["late"] == len(stored)
    echo = rows.copy()
    echo["t_ms"] += 7_000  # of a receiver that stamps what it relays
    echo["t_rx_ms"], echo["receivers"] = echo["t_ms"], 2
    events, twice = watch(in_order(rows, echo), geography=OpenSea(), coverage=known())
    assert told(events) == told(plain)
    assert twice.counters["accepted"] <= one.counters["accepted"] + one.counters["buffered"]
    assert twice.counters["duplicate_30s"] >= 0.99 * len(rows) - twice.counters["buffered"]
    assert set(both.table.used["rx"].tolist()) | set(both.table.more["rx_before"][: len(both.table)].tolist()) >= {3}


@pytest.mark.parametrize("seed", [1, 2])
def test_07_out_of_order_within_the_lateness_is_in_order(seed):
    rows = sea()
    plain, _ = watch(rows, geography=OpenSea(), coverage=known())
    assert lines(watch(shuffled(rows, seed), geography=OpenSea(), coverage=known())[0]) == lines(plain)


def coarse(mmsi, t_s, lat, lon):
    """Message 27: steps of 0.1 minute, whole knots."""
    rows = track(mmsi, t_s, np.round(np.broadcast_to(lat, np.shape(t_s)) * 600) / 600, np.round(np.broadcast_to(lon, np.shape(t_s)) * 600) / 600, kind=27)
    rows["flags"] |= F_COARSE
    rows["sec"] = 60
    return rows


def test_08_a_coarse_report_ends_a_silence():
    quiet = every(30, 3.0)
    quiet = quiet[(quiet <= 3600) | (quiet >= 7800)]
    gone = track(A, quiet, 54.2 + quiet * 12 / 3600 / 60, 10.33, sog_kn=12.0, cog_deg=0.0)
    t = np.arange(3600.0, 7800.0, 180.0)
    seen = coarse(A, t, 54.2 + t * 12 / 3600 / 60, 10.33)
    peers = lane_traffic(3.0, lat_deg=54.2, length_deg=0.6)
    assert [e.mmsi for e in shown(watch(in_order(peers, gone), params=DARK_ONLY, coverage=well_heard())[0], "dark")] == [[A]]
    assert not [e for e in watch(in_order(peers, gone, seen), params=DARK_ONLY, coverage=well_heard())[0] if e.mmsi == [A]]


def test_08_and_decides_nothing_else():
    t = every(180, 4)
    events, state = watch(in_order(coarse(A, t, 54.5, 10.4), coarse(B, t + 5, 54.5, 10.4), coarse(C, t, 54.0, 10.02)), coverage=well_heard())
    assert not [e for e in events if e.mmsi]
    assert sorted(state.table.used["mmsi"].tolist()) == [A, B, C], "each is a track"
    assert state.vessel_count == 0, "whose place nobody knows"
    assert state.table.known["belief"].tolist() == [BELIEVED] * 3, "without a twin"
    moving = track(A, every(30, 2), 54.2 + every(30, 2) * 12 / 3600 / 60, 10.4, sog_kn=12.0)
    beside = coarse(A, t[t < 7200] + 7, 54.2 + t[t < 7200] * 12 / 3600 / 60, 10.4)
    _, state = watch(in_order(moving, beside))
    assert len(state.table) == 1, "no ghost twin"


def test_08_a_late_place_is_the_last_known_place_of_a_far_vessel():
    rows = lane_traffic(3.0)
    fresh, far = track(219_000_001, [3600.0], 50.0, 10.9), track(A, [3600.0, 4000.0, 8000.0], [55.0, 55.01, 55.1], 10.9, sog_kn=9.0)
    events, state = watch(np.concatenate([rows, fresh, far, coarse(B, [3600.0], 55.0, 10.9)]))
    slot = state.table.slot_of_key(A << 2)
    assert (int(state.table.rows["t_ms"][slot]) - T0, int(state.table.heard_ms[slot]) - T0) in ((8_000_000, 8_000_000), (3_600_000, 8_000_000))
    assert state.table.slot_of_key(B << 2) < 0, "a coarse one begins no track behind the watermark"
    near = state.table.slot_of_key(219_000_001 << 2)
    assert state.table.rows["lat"][near] > 54 * 600_000, "who is seen is where it is seen"
    assert not [e for e in events if e.mmsi == [A]]
    assert state.counters["accepted"] + state.counters["buffered"] == len(rows)


def test_09_two_stopped_vessels_that_report_each_three_minutes_meet():
    t = every(180, 3)
    rows = in_order(track(A, t, 54.5, 10.4, sog_kn=0.0, nav=1), track(B, t + 90, 54.5 + 100 * M_DEG, 10.4, sog_kn=0.0, kind=18, flags=F_CLASS_B))
    (event,) = last_versions(watch(rows, params=PAIRS_ONLY)[0], "rendezvous")
    assert event.measures["duration_s"] > 7200
    assert not [e for e in watch(rows, params=DARK_ONLY, coverage=well_heard())[0] if e.mmsi], "and nobody is dark between two reports"


def test_09_a_report_may_be_three_times_as_old_as_it_is_expected():
    """Of a vessel that lies and reports each 3 minutes two may be lost; two that are never both heard within nine minutes are no meeting."""
    for step_s, told_of in ((900, ["rendezvous"]), (1140, [])):
        t = every(step_s, 4)
        two = (track(m, t + k * step_s / 2, 54.5 + k * 100 * M_DEG, 10.4, sog_kn=0.0, nav=1) for k, m in enumerate((A, B)))
        found = last_versions(watch(in_order(*two, lane_traffic(4.0)), params=PAIRS_ONLY)[0], "rendezvous")
        assert [(e.type, e.mmsi) for e in found] == [(kind, [A, B]) for kind in told_of], step_s
        assert all(e.measures["duration_s"] > 3 * 3600 for e in found)


def test_10_a_moored_fleet_is_silent_and_bounded():
    t = every(180, 2)
    fleet = [track(A + k, t + k % 170, 54.0 + (k % 20) * 40 * M_DEG, 10.15 + k // 20 * 60 * M_DEG, sog_kn=0.0, nav=5) for k in range(300)]
    events, state = watch(in_order(*fleet), coverage=well_heard())
    assert not shown(events)
    assert not [e for e in events if e.type == "rendezvous"], "in the mask nobody is a pair"
    assert state.counters["pairs_refused"] == 0
    for lon, told_of in ((10.15, []), (10.9, ["rendezvous"])):
        two = in_order(*(track(A + k, every(60, 2), 54.0 + k * 100 * M_DEG, lon, sog_kn=0.0) for k in range(2)))
        assert [e.type for e in last_versions(watch(two, params=PAIRS_ONLY)[0])] == told_of, "nor are two alone there; outside they are"
    outside = in_order(*(track(A + k, t, 54.5 + (k % 20) * 40 * M_DEG, 10.4 + k // 20 * 60 * M_DEG, sog_kn=0.0, nav=5) for k in range(300)))
    events, state = watch(outside, params=PAIRS_ONLY)
    assert not [e for e in events if e.type == "rendezvous"]
    assert state.counters["pairs_crowded"] > 100 * 250, "each minute nearly all of them lie in a crowd, whose pairs nobody counts"


@pytest.mark.parametrize(("ship_type", "nav"), [(31, 0), (32, 0), (52, 0), (0, 11), (0, 12), (50, 0), (51, 0), (53, 0), (33, 0), (55, 0)])
def test_11_who_comes_alongside_by_trade_is_no_meeting(ship_type, nav):
    t = every(60, 2)
    rows = in_order(track(A, t, 54.5, 10.4, sog_kn=0.3, nav=nav), track(B, t + 3, 54.5 + 100 * M_DEG, 10.4, sog_kn=0.3))
    statics = static(A, ship_type=ship_type) if ship_type else None
    assert not shown(watch(rows, statics, params=PAIRS_ONLY)[0])


def test_11_one_hull_with_two_sets_and_a_pair_of_trawlers_are_no_meeting():
    t = every(60, 3)
    lat, lon = 54.3 + t * 4 / 3600 / 60, 10.4
    statics = np.concatenate([static(m, ship_type=30, loa_m=25) for m in (A, B)])
    trawlers = in_order(*(track(m, t + 3 * k, lat, lon + k * 250 * M_DEG / 0.58, sog_kn=4.0, cog_deg=0.0, nav=7) for k, m in enumerate((A, B))))
    assert not shown(watch(trawlers, statics, params=PAIRS_ONLY)[0], "rendezvous")
    sets = in_order(*(track(m, t, lat + k * 20 * M_DEG, lon, sog_kn=4.0, cog_deg=0.0) for k, m in enumerate((A, B))))
    for loa_m, told_of in ((150, []), (15, ["rendezvous"])):
        lengths = np.concatenate([static(m, ship_type=70, loa_m=loa_m) for m in (A, B)])
        assert [e.type for e in shown(watch(sets, lengths, params=PAIRS_ONLY)[0])] == told_of, "20 m apart: in one hull, if it is longer"
    buoys = in_order(*(track(m, t + 3 * k, 54.5 + k * 200 * M_DEG, 10.4, sog_kn=0.4, kind=18, flags=F_CLASS_B) for k, m in enumerate((A, B))))
    named = np.concatenate([static(A, name="NET 12V-85%"), static(B, name="NET 11V-60%")])
    assert not shown(watch(buoys, named, params=PAIRS_ONLY)[0], "rendezvous")


@pytest.mark.parametrize(
    ("mmsi", "kind"),
    [
        (2_190_001, 4),
        (992_111_111, 21),
        (111_211_001, 9),
        (970_123_456, 1),
        (972_123_456, 1),
        (974_123_456, 1),
        (982_110_001, 18),
        (211_000_777, 4),
        (211_000_777, 11),
    ],
)
def test_12_what_is_no_ship_is_no_track(mmsi, kind):
    t = every(60, 3)
    events, state = watch(in_order(track(mmsi, t, 54.5, 10.4, kind=kind), track(A, t, 54.5 + 50 * M_DEG, 10.4, sog_kn=9.0)))
    assert state.table.used["mmsi"].tolist() == [A]
    assert state.counters["not_vessel"] > 100
    assert not [e for e in events if mmsi in e.mmsi and e.type not in ("identity",)]


def test_13_a_number_that_comes_back_after_days_elsewhere_begins_anew():
    first = track(A, every(60, 2), 54.5, 10.4, sog_kn=0.2)
    again = track(A, every(60, 2, 4 * 86_400.0), 40.0, -30.0, sog_kn=9.0)
    events, state = watch(np.concatenate([first, again]), geography=OpenSea())
    assert state.counters["quarantined"] == 0, "its first report there is believed"
    assert state.table.known["segment"].tolist() == [1]
    assert not [e for e in shown(events) if e.type in ("position_anomaly", "identity")]
    assert state.table.used["lat"].max() < 41 * 600_000


def test_14_a_gap_at_the_edge_of_coverage_is_normal():
    t = every(30, 2)
    leaving = track(A, t, 54.4, 10.6 + t * 14 / 3600 / 60 / 0.58, sog_kn=14.0, cog_deg=90.0)
    inside = leaving[leaving["lon"] < 11.0 * 600_000]
    passes = track(A, [7000.0 + 20, 7000.0 + 50], 54.4, 10.6 + np.array([7020.0, 7050.0]) * 14 / 3600 / 60 / 0.58, sog_kn=14.0, cog_deg=90.0)
    rows = in_order(lane_traffic(4.0, lat_deg=54.2, lon_deg=10.9, length_deg=0.4), inside, passes)
    ends = {east: watch(rows, params=DARK_ONLY, coverage=well_heard(lon_deg=(9.9, east)))[0] for east in (11.0, 12.0)}
    odd = {east: [e for e in events if e.mmsi == [A] and e.subtype == "suspicious"] for east, events in ends.items()}
    assert not odd[11.0]
    assert odd[12.0], "it is the edge that decides: where ships are heard well beyond, the same silence is odd"


def later(shift_ms):
    """Events of the sea so much later."""
    rows = sea()
    rows["t_ms"] += shift_ms
    rows["t_rx_ms"] += shift_ms
    return watch(rows, geography=OpenSea(), coverage=known())[0]


@pytest.fixture(scope="module")
def noon():
    """With noon where others have midnight: at the same minute of an hour, for each hour what is known of coverage grows older."""
    return versions(later(DAY_MS // 2 - 5_400_000), DAY_MS // 2 - 5_400_000)


@pytest.mark.parametrize(
    "shift_ms",
    [DAY_MS - 5_400_000, 31 * DAY_MS - 5_400_000, 59 * DAY_MS - 5_400_000, (365 + 365 + 59) * DAY_MS - 5_400_000, (365 + 365 + 60) * DAY_MS - 5_400_000],
    ids=["midnight", "month", "march", "leap_day", "after_leap_day"],
)
def test_15_over_midnight_month_and_leap_day_it_is_as_at_noon(plain, noon, shift_ms):
    events = later(shift_ms)
    assert told(events, shift_ms) == plain
    assert versions(events, shift_ms) == noon, "to each version, measure and second"


@pytest.mark.parametrize("step_s", [5, 60])
def test_16_a_thinned_feed_spoils_no_coverage(step_s):
    rows = lane_traffic(3.0, lat_deg=54.2, length_deg=0.6, step_s=float(step_s))
    events, state = watch(rows, params=DARK_ONLY)
    assert not [e for e in events if e.mmsi]
    share = state.coverage.heard.sum() / (state.coverage.heard.sum() + state.coverage.missed.sum())
    assert share > 0.99


def test_17_nobody_is_dark_while_we_were_not_there():
    rows = lane_traffic(4.0, lat_deg=54.2, length_deg=0.6)
    heard = rows[(rows["t_ms"] < T0 + 5_400_000) | (rows["t_ms"] > T0 + 9_000_000)]
    for control in ([Control(T0 + 5_400_000, "system_down"), Control(T0 + 9_000_000, "system_up")], silent_source(5_400, 9_000), ()):
        events, state = watch(heard, params=DARK_ONLY, coverage=well_heard(), control=control, cuts=range(0, len(heard), 499), restarts=(2, 5, 7))
        assert not shown(events), control
        assert state.counters["dark_minutes_deaf"] >= 50


def test_17_one_cause_is_told_once():
    rows = lane_traffic(4.0, vessels=24, lat_deg=54.2, length_deg=0.6)
    rows["receivers"] = np.uint64(1) << (rows["mmsi"] % 2).astype(np.uint64)
    rows["src"] = rows["mmsi"] % 2
    dead = (rows["mmsi"] % 2 == 0) & (rows["t_ms"] > T0 + 5_400_000) & (rows["t_ms"] < T0 + 9_000_000)
    events, _ = watch(rows[~dead], params=DARK_ONLY, coverage=well_heard())
    assert not shown(events)
    assert [e.subtype for e in last_versions(events, "system")] == ["receiver_down"]
    alone = dead & (rows["mmsi"] == rows["mmsi"][dead][0])
    events, _ = watch(rows[~alone], params=DARK_ONLY, coverage=well_heard())
    assert [e.subtype for e in events if e.type == "dark"][-1:] == ["reappeared"], "one of them alone is told"


def test_18_local_time_plays_no_part():
    script = "import sys; sys.path.insert(0, 'tests'); from test_edge_cases import *\n"
    script += "import hashlib; print(hashlib.sha256(lines(watch(sea(), geography=OpenSea(), coverage=known())[0])).hexdigest())"
    found = [
        subprocess.run([sys.executable, "-c", script], env={**os.environ, "TZ": zone}, cwd=Path(__file__).parents[1], check=True, capture_output=True).stdout
        for zone in ("UTC", "Pacific/Auckland", "America/St_Johns")
    ]
    assert found[0] == found[1] == found[2] != b""


def test_18_measures_carry_their_unit():
    events, _ = watch(sea(), geography=OpenSea(), coverage=known())
    numbers = {name for e in events for name, value in e.measures.items() if isinstance(value, float)}
    units = {"s", "nm", "m", "km", "kn", "deg", "share", "lat", "lon", "min", "dm", "ratio"}
    assert numbers
    assert {name for name in numbers if not units & set(name.split("_"))} <= {"p_silence", "turns", "net_over_path"}
