"""Loitering: the run kernel against its twin, then seas that are loitering and seas that only look like it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_tracks import Run
from tracks_sea import T0, FlatSea, every, in_order, last_versions, shown, static, track, watch

from dogwatch.batch import SOG_MISSING
from tracks.params import ByDistance, Loitering, Params
from tracks.presets import preset
from tracks.records import BUCKET_MS
from tracks.slow_runs import ACTIVE, ENDED, FORGOTTEN, NONE, PACE, RUN, STOPPED, WENT_ON, close_buckets, shapes
from tracks.vessels import VesselTable

HOURS = 3
RULE = Loitering()
LIMITS = (2.0, 3.0, 0.2, 1.5, 6.0, 3.0, 12.0)
OUTCOMES = {0: None, WENT_ON: "went on", STOPPED: "stopped", FORGOTTEN: "forgotten"}
STATES = {NONE: "none", ACTIVE: "active", ENDED: "ended"}


def drifter(mmsi=211_000_001, hours=HOURS, lat=54.5, lon=10.4, kn=0.6, step_s=60, **more):
    """Drifts north."""
    t = every(step_s, hours)
    return track(mmsi, t, lat + t * kn / 3600 / 60, lon, sog_kn=kn, cog_deg=0.0, **more)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["still", "still", "drift", "walk", "run", "none", "one", "mute"]), min_size=3, max_size=30), st.integers(0, 2**32 - 1))
def test_runs_agree_with_their_twin(buckets, seed):
    rng = np.random.default_rng(seed)
    table, twin = VesselTable.new(10, {"run": PACE}, pools={"run": RUN}), Run(RULE)
    lon = 107_990_000.0  # the date line is crossed on the way east
    for number, kind in enumerate(buckets):
        kn = {"still": 0.1, "drift": 1.5, "walk": 2.6, "run": 9.0}.get(kind, 1.0)
        offsets = {"none": [], "one": [123]}.get(kind, sorted(rng.choice(600, 9, replace=False).tolist()))
        sog = SOG_MISSING if kind == "mute" else kn * 10
        at = [lon + kn * 1852 / 3600 * s / 0.18532 / 0.58 for s in offsets]
        wrapped = (np.array(at) + 108_000_000) % 216_000_000 - 108_000_000
        rows = track(211_000_001, [number * 600 + s for s in offsets], 54.5, wrapped / 600_000, sog_kn=1.0)
        rows["sog"] = np.uint16(round(sog)) if sog != SOG_MISSING else SOG_MISSING
        rows["hdg"] = rng.choice([80, 90, 90, 100, 200, 511], len(rows))
        table.add_fixes(rows, (60.0, 60.0, 60.0, 30.0), 4)
        lon += kn * 1852 / 3600 * 600 / 0.18532 / 0.58
        bucket = (T0 + number * BUCKET_MS) // BUCKET_MS
        slots = {}
        for row in rows:
            slots.setdefault(int(row["t_ms"] % BUCKET_MS) // 150_000, row)
        samples = [(int(r["t_ms"]), int(r["lat"]), int(r["lon"]), None if r["sog"] == SOG_MISSING else int(r["sog"]), int(r["hdg"])) for r in slots.values()]
        expected = twin.close(bucket, samples)
        if not len(table):
            continue
        paces, pool = table.cold["run"][:1], table.pools["run"]
        outcome = close_buckets(table.known, table.trail[:1], paces, pool, bucket, LIMITS)
        assert OUTCOMES[int(outcome[0])] == expected
        pool.give_back(paces, np.flatnonzero(outcome == FORGOTTEN))
        assert STATES[int(paces[0]["state"])] == twin.state
        assert (pool.held, bool(paces["at"][0])) == ((0, False) if twin.state == "none" else (1, True))
        assert not pool.records[0]["told"]
        runs = pool.records[paces["at"]]
        run = runs[0]
        if twin.state != "none":
            assert (int(run["slow"]), int(run["fast"]), int(run["tail"])) == (len(twin.slow), twin.fast, len(twin.tail))
            assert (int(run["first_ms"]), int(run["last_ms"])) == (twin.slow[0][1], twin.slow[-1][2])
            assert run["ahead"] == twin.ahead()
            assert run["speed_sum_kn"] == pytest.approx(sum(s[5] for s in twin.slow))
            assert shapes(runs)[2][0] == pytest.approx(twin.radius_nm())


def test_a_drifter_loiters():
    events, _ = watch(drifter(hours=2.5))
    (event,) = shown(events)
    assert (event.type, event.state, event.mmsi) == ("loitering", "open", [211_000_001])
    assert event.t_start == T0
    assert events[0].t_detected == T0 + 3_600_000, "true after an hour in the border profile"
    assert {e.name: e.passed for e in event.evidence} == {"duration_s": True, "speed_kn_mean": True, "fast_share": True, "radius_nm": True}
    assert event.measures["speed_kn_mean"] == pytest.approx(0.6, abs=0.05)
    assert event.measures["coast_distance_nm"] == pytest.approx(13.9, abs=0.2)
    assert {x.effect for x in event.exclusions} == {"none"}
    assert [z.id for z in event.zones] == ["belt-12nm"]


def test_versions_come_at_most_each_revise_s():
    events, _ = watch(drifter(hours=4))
    times = [e.t_detected for e in events]
    assert [e.version for e in events] == list(range(1, len(events) + 1))
    assert len(events) == 6
    assert min(b - a for a, b in pairwise(times)) >= 1_800_000


def test_offshore_it_takes_four_hours():
    assert not shown(watch(drifter(lon=10.9, hours=3.9))[0])
    assert len(shown(watch(drifter(lon=10.9, hours=4.2))[0])) == 1


def test_inshore_only_in_watched_zones():
    assert not watch(drifter(lat=54.3, lon=10.05, kn=0.1))[0]
    (event,) = shown(watch(drifter(lat=54.0, lon=10.02, kn=0.1))[0])
    assert [z.id for z in event.zones] == ["belt-12nm", "cove"]


def test_a_moored_vessel_in_the_harbour_is_kept_but_not_shown():
    events, _ = watch(drifter(lat=54.0, lon=10.15, kn=0.0, nav=5, step_s=180))
    (event,) = last_versions(events)
    assert (event.state, event.reason) == ("candidate", "suppressed: port_or_anchorage")
    assert len(events) == 1, "and it is not repeated"


def test_a_passing_vessel_does_not_loiter():
    t = every(30, 4)
    assert not watch(track(211_000_001, t, 54.5 + t * 8 / 3600 / 60, 10.4, sog_kn=8.0))[0]


def test_slow_progress_is_no_loitering():
    """1.9 knots for seven hours in one direction leaves both the circle and the net-over-path limit behind."""
    rule = Params(loitering=Loitering(radius_nm_max=3.0, duration_s_min=ByDistance(14_400.0, 14_400.0, 14_400.0)))
    assert not watch(drifter(hours=6, kn=1.9), params=rule)[0]
    assert shown(watch(drifter(hours=6, kn=1.9))[0]), "while the default circle of 5 nm takes four hours of it"


@pytest.mark.parametrize(
    ("ship_type", "role"), [(50, "pilot"), (52, "tug"), (51, "search and rescue"), (53, "port tender"), (33, "dredging"), (55, "law enforcement")]
)
def test_trades_that_wait_are_suppressed_with_their_name(ship_type, role):
    (event,) = last_versions(watch(drifter(), static(211_000_001, ship_type=ship_type))[0])
    assert (event.state, event.reason) == ("candidate", "suppressed: role")
    assert [x.result for x in event.exclusions if x.name == "role"] == [role]


def test_doubts_lower_the_confidence():
    plain = shown(watch(drifter())[0])[0].confidence
    fishing = shown(watch(drifter(nav=7))[0])[0]
    anchored = shown(watch(drifter(kn=0.0, nav=1, step_s=180))[0])[0]
    alone = shown(watch(drifter(kn=0.3))[0])[0].confidence
    queue = [drifter(211_000_001 + k, lon=10.4 + 0.005 * k, kn=0.3) for k in range(4)]  # too slow to show a bow: no gale
    queued = next(e for e in shown(watch(in_order(*queue))[0], "loitering") if e.mmsi == [211_000_001])
    assert fishing.confidence == pytest.approx(plain * 0.6, abs=0.002)
    assert anchored.confidence < plain
    assert queued.confidence == pytest.approx(alone * 0.6, abs=0.002)
    assert [x.observed for x in queued.exclusions if x.name == "queue"] == [3]


def test_five_hours_with_twenty_minutes_at_four_knots_are_one_event():
    t = every(60, 5)
    kn = np.where((t >= 9000) & (t < 10_200), 4.0, 0.3)
    lat = 54.5 + np.cumsum(kn * 60 / 3600 / 60)
    (event,) = last_versions(watch(track(211_000_001, t, lat, 10.4, sog_kn=kn))[0])
    assert (event.state, event.t_start) == ("open", T0)
    assert event.measures["duration_s"] >= 4.5 * 3600, "as of the last version, at most half an hour ago"


def test_an_hour_with_one_report_is_one_event():
    t = every(60, 5)
    kept = (t < 7200) | (t >= 10_800) | (t == 9000)
    (event,) = last_versions(watch(track(211_000_001, t[kept], 54.5 + t[kept] * 0.3 / 3600 / 60, 10.4, sog_kn=0.3))[0], "loitering")
    assert event.state == "open"
    assert event.quality["buckets_unknown"] >= 4


def test_under_way_again_closes_it():
    t = every(60, 4)
    kn = np.where(t < 7200, 0.3, 9.0)
    lat = 54.2 + np.cumsum(kn * 60 / 3600 / 60)
    (event,) = last_versions(watch(track(211_000_001, t, lat, 10.4, sog_kn=kn))[0])
    assert event.state == "closed"
    assert event.t_end == pytest.approx(T0 + 7_200_000, abs=120_000)


def test_across_the_date_line_it_is_one_drift():
    class Wide(FlatSea):
        version = "open"

        def coast_distance_nm(self, lat_deg, lon_deg):
            return np.full(len(lat_deg), 10.0)

        def watch_distance_nm(self, lat_deg, lon_deg):
            return np.zeros(len(lat_deg))

        def on_land(self, lat_deg, lon_deg):
            return np.zeros(len(lat_deg), bool)

        masked = on_land

        def relations(self, lat_deg, lon_deg):
            return []

    t = every(60, 2)
    (event,) = shown(watch(track(211_000_001, t, -20.0, 179.99 + t / 3600 * 0.01, sog_kn=0.6), geography=Wide())[0])
    assert abs(abs(event.lon) - 180) < 0.02
    assert event.measures["radius_nm"] < 1


def test_without_speed_over_ground_positions_decide():
    rows = drifter(hours=2)
    rows["sog"] = SOG_MISSING
    assert len(shown(watch(rows)[0])) == 1


def test_an_exercise_is_marked():
    (event,) = shown(watch(drifter(flags=1 << 13))[0])
    assert event.exercise


def test_switched_off_it_says_nothing():
    assert not watch(drifter(), params=Params(loitering=Loitering(enabled=False)))[0]


def passes(kn, every_s, hours, back=False):
    """Offshore, heard for eight minutes of each `every_s`; drifts north, or (`back`) is elsewhere at each pass."""
    t = every(60, hours)
    t = t[t % every_s < 480]
    hop = np.where(back, (t // every_s % 2) * 10.0, 0.0)
    return track(211_000_001, t, 54.5 + (t * kn / 3600 + hop) / 60, 10.9, sog_kn=kn, cog_deg=0.0)


def test_a_drifter_heard_at_each_pass_of_a_satellite_is_one_event():
    (event,) = last_versions(watch(passes(0.6, 5400, 7.0))[0], "loitering")
    assert event.t_start == T0
    assert event.measures["duration_s"] >= 4 * 3600
    assert event.quality["buckets_unknown"] >= 20
    assert event.confidence < 0.3, "and little is known of it"


def test_two_positions_hours_apart_are_no_loitering():
    """Nobody knows what was done between them; a third one makes it a stay."""
    thrice = drifter(kn=0.0, nav=1, step_s=3000, hours=2.0)
    twice, t = thrice[[0, 2]], every(60, 3)
    after = track(211_000_002, t, 54.5 + t * 9 / 3600 / 60, 10.4, sog_kn=9.0)
    twice, thrice = in_order(twice, after), in_order(thrice, after)
    assert not shown(watch(twice)[0], "loitering")
    assert len(shown(watch(thrice)[0], "loitering")) == 1
    assert shown(watch(twice, params=preset("gfw_source"))[0], "loitering"), "peers ask for no number of positions"


def test_a_silence_in_which_it_got_far_ends_a_run():
    assert not last_versions(watch(passes(0.6, 5400, 7.0, back=True))[0], "loitering")
    assert not last_versions(watch(passes(0.6, 9000, 9.0))[0], "loitering"), "and so does one that is too long"


def test_a_run_that_begins_after_another_is_told_when_it_is_long_enough_itself():
    t = every(60, 2.7)
    kn = np.where((t >= 3600) & (t < 6600), 4.0, 0.3)
    lat = 54.2 + np.cumsum(kn * 60 / 3600 / 60)
    (event,) = last_versions(watch(track(211_000_001, t, lat, 10.4, sog_kn=kn))[0], "loitering")
    assert (event.state, event.t_end) == ("closed", pytest.approx(T0 + 3_600_000, abs=600_000)), "fifty minutes of the second are no hour"
