"""Tracks too smooth to be sailed: the kernel against its twin, generated tracks, real ones that come near them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_position import off_line_m
from tracks_sea import T0, every, heard_too, in_order, last_versions, lines, track, watch, watch_sharded, well_heard

from tracks.params import Params, Position
from tracks.records import BUCKET_MS
from tracks.smooth import SMOOTH, smooth_tracks
from tracks.vessels import VesselTable

X = 211_000_001
PARAMS = Params(position=Position(smooth=True))
LIMITS = (5.0, 0.5)


def sail(mmsi=X, hours=2.0, kn=12.0, course=30.0, step_s=30.0, noise_m=0.0, turns=(), sog=None, seed=1, lat=54.2, lon=10.6):
    """Along a course; `turns`: (second, new course)."""
    t = every(step_s, hours)
    legs = np.array([course, *(to for _, to in turns)])
    way = np.radians(legs[np.searchsorted([at for at, _ in turns], t, side="right")])
    metres, rng = kn * 1852 / 3600 * step_s, np.random.default_rng(seed)
    north, east = np.cumsum(metres * np.cos(way)), np.cumsum(metres * np.sin(way))
    off = rng.normal(0, noise_m, (2, len(t)))
    north, east = north + off[0], east + off[1]
    told = kn if sog is None else kn + sog * rng.standard_normal(len(t))
    return track(mmsi, t, lat + north / 111_195, lon + east / 111_195 / np.cos(np.radians(lat)), sog_kn=np.round(told, 1), cog_deg=course)


def smooth(rows, params=PARAMS, **more):
    events = watch(rows, params=params, **more)[0]
    return [event for event in last_versions(events, "position_anomaly") if event.subtype == "simulated"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-400, 400), st.integers(-400, 400)), min_size=4, max_size=4),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from([54.0, 0.0, -70.0]),
)
def test_the_kernel_agrees_with_its_twin(offs, missing, gap, lat):
    places = [
        (round(lat * 600_000) + 4000 * k + y // 100, (107_999_000 + 3000 * k + x // 100 + 108_000_000) % 216_000_000 - 108_000_000)
        for k, (y, x) in enumerate(offs)
    ]
    table, bucket = VesselTable.new(4, {}), T0 // BUCKET_MS
    for k, place in enumerate(places):
        if gap and k == missing:
            continue
        table.add_fixes(track(X, [150.0 * k + 10], place[0] / 600_000, place[1] / 600_000, sog_kn=12.0), (80.0, 80.0, 80.0, 30.0), 3)
    found = np.empty(4, SMOOTH)
    n = smooth_tracks(table.used, table.known, table.trail[: len(table)], bucket, LIMITS, found)
    worst = off_line_m(places)
    if abs(worst - LIMITS[1]) > 1e-3:
        assert n == (worst <= LIMITS[1] and not gap)
    if n:
        assert found["off_m"][0] == pytest.approx(worst, abs=1e-3)
        assert (found["first_ms"][0], found["last_ms"][0]) == (T0 + 10_000, T0 + 460_000)


def test_a_generated_track_is_told_after_an_hour_and_closed_when_it_is_over():
    rows = np.concatenate([sail(hours=2.0), sail(hours=3.0, noise_m=4.0)[240:]])
    (event,) = smooth(rows)
    assert event.state == "closed"
    assert event.t_start - T0 < 60_000
    assert abs(event.t_end - T0 - 7_200_000) <= 660_000
    assert event.t_detected - T0 > 3_600_000
    assert event.confidence <= 0.5, "supporting evidence"
    assert all(evidence.passed for evidence in event.evidence)
    assert not smooth(rows, Params()), "profiles ask for it"
    assert not smooth(sail(hours=0.9))


@pytest.mark.parametrize("more", [{"noise_m": 1.5}, {"noise_m": 4.0}, {"sog": 0.2}, {"kn": 3.0}, {"step_s": 200.0}])
def test_what_a_receiver_tells_is_not_smooth(more):
    for seed in range(3):
        assert not smooth(sail(hours=3.0, seed=seed, **more))


def test_way_points_break_no_run_but_many_of_them_do():
    assert smooth(sail(turns=((3300.0, 80.0),)))[0].state == "open"
    assert not smooth(sail(hours=3.0, turns=tuple((400.0 * k, 30.0 + 40 * k) for k in range(1, 27))))


def test_who_is_not_heard_by_the_station_beside_her_is_less_in_doubt():
    near = {"lat_deg": (53.9, 54.9), "lon_deg": (10.2, 11.2), "blocks": 30}
    coverage = heard_too(well_heard(**near), "receiver 1", **(near | {"lat_deg": (54.5, 55.5)}))
    for receiver, result, cap in ((0, "yes", 0.5), (1, "no", 0.9)):
        rows = sail(hours=3.0, kn=8.0)
        rows["receivers"] = np.uint64(1) << np.uint64(receiver)
        (event,) = smooth(rows, coverage=coverage)
        (tested,) = event.exclusions
        assert (tested.name, tested.result, tested.observed) == ("heard_by_nearest", result, "receiver 0")
        assert event.confidence <= cap
        confident = event.confidence > 0.5
        assert confident == (result == "no")
    (event,) = smooth(sail())
    assert event.exclusions[0].result == "unknown"


def test_in_any_cut_and_over_shards_it_is_the_same():
    rows = in_order(sail(), sail(X + 1, noise_m=4.0, lon=10.9), sail(X + 2, course=200.0, lat=55.0))
    whole = watch(rows, params=PARAMS)[0]
    assert len({event.event_id for event in whole if event.subtype == "simulated"}) == 2
    cuts = sorted(np.random.default_rng(1).choice(len(rows), 40, replace=False).tolist())
    assert lines(watch(rows, params=PARAMS, cuts=cuts, restarts=range(0, 40, 3))[0]) == lines(whole)
    assert lines(watch_sharded(4, rows, params=PARAMS)[0]) == lines(whole)
