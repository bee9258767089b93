"""Two that nobody heard for a while: what is bridged and what is not, and when a meeting without contact closes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_contacts import stayed as naive_stayed
from test_tracks_contacts import rows_at
from test_tracks_rendezvous import ALONE, M_DEG, A, B, C
from tracks_sea import T0, every, in_order, last_versions, lines, shown, shuffled, track
from tracks_sea import watch as watch_all

from dogwatch.batch import LAT_MISSING
from tracks.params import Dark, Loitering, Params, Rendezvous
from tracks.records import TRAIL, TRAIL_FIXES
from tracks.unheard import stayed

LIGHTS = track(C, every(60, 7), 55.5, 10.9, sog_kn=9.0)  # somebody is always heard: time goes on
KN_DEG = 1 / 60 / 3600  # degrees of latitude a second at one knot


def watch(*rows, **how):
    events, _ = watch_all(in_order(*rows, LIGHTS), **{"params": ALONE, **how})
    return [event for event in events if event.type == "rendezvous"]


def passes(starts_min, *, minutes=10.0):
    """Seconds at which a ship is heard: twice a minute while a satellite is above."""
    return np.concatenate([np.arange(60 * start, 60 * (start + minutes), 30.0) for start in starts_min])


def adrift(mmsi, t, *, metres=0.0, kn=0.5):
    """Drifts north from 54.5 N."""
    return track(mmsi, t, 54.5 + metres * M_DEG + kn * KN_DEG * t, 10.4, sog_kn=kn, cog_deg=0.0)


def two(t, **how):
    return in_order(adrift(A, t, **how), adrift(B, t + 7, metres=200.0, **how))


def test_three_passes_over_the_same_pair_are_one_meeting():
    (event,) = shown(watch(two(passes([0, 45, 110]))))
    assert (event.mmsi, event.state) == ([A, B], "closed")
    assert event.measures["duration_s"] == pytest.approx(119 * 60, abs=60), "from the first reports to the last"
    assert event.quality["interpolated_share"] == pytest.approx(90 / 120, abs=0.03)
    assert event.t_start - T0 == pytest.approx(7_000, abs=60_000)
    assert (event.t_end - T0) / 60_000 == pytest.approx(120, abs=1), "no second of it is extrapolated"


def test_one_pass_is_no_meeting():
    assert not watch(two(passes([0])))


def test_a_silence_longer_than_is_bridged_begins_anew():
    assert not watch(two(passes([0, 120, 240])))


def test_who_moved_farther_than_drift_has_sailed():
    """Slow whenever they are heard, but three miles on after 50 minutes."""
    t = passes([0, 60])
    rows = [track(m, t + 7 * k, 54.5 + 200 * k * M_DEG + np.where(t > 3000, 0.05, 0.0), 10.4, sog_kn=0.5) for k, m in enumerate((A, B))]
    assert not shown(watch(*rows))


@pytest.mark.parametrize(("lat", "sog_kn"), [(54.53, 0.5), (54.503, 9.0)], ids=["far", "fast"])
def test_who_was_heard_elsewhere_meanwhile_had_parted(lat, sog_kn):
    seen = track(A, 60.0 * np.arange(25, 27), lat, 10.4, sog_kn=sog_kn)
    assert shown(watch(two(passes([0, 45])))), "without it they meet"
    assert not shown(watch(two(passes([0, 45])), seen))


def test_who_were_heard_apart_from_each_other_had_parted():
    t = 60.0 * np.arange(24, 28)
    seen = in_order(track(A, t, 54.496, 10.4, sog_kn=0.5), track(B, t + 7, 54.506, 10.4, sog_kn=0.5))
    assert not shown(watch(two(passes([0, 45])), seen))


def test_one_of_the_two_heard_alone_at_the_place_parts_nobody():
    assert shown(watch(two(passes([0, 45])), adrift(A, 60.0 * np.arange(20, 24))))


def test_a_meeting_that_nobody_hears_any_more_closes_when_it_can_no_longer_be_bridged():
    events = watch(two(every(60, 1)))
    (event,) = shown(events)
    assert (event.state, (event.t_end - T0) / 60_000) == ("closed", pytest.approx(59, abs=1))
    assert (events[-1].t_detected - event.t_end) / 60_000 == pytest.approx(90, abs=2)


def test_a_meeting_whose_parting_is_heard_closes_at_once():
    away = np.arange(3600, 7200, 60.0)
    sails = track(A, away, 54.5 + (away - 3500) * 8 * KN_DEG, 10.4, sog_kn=8.0, cog_deg=0.0)
    events = watch(two(every(60, 1)), sails)
    assert (events[-1].state, (events[-1].t_detected - events[-1].t_end) / 60_000) == ("closed", pytest.approx(11, abs=2))


def test_the_rule_may_be_left_out():
    params = Params(loitering=Loitering(enabled=False), dark=Dark(enabled=False), rendezvous=Rendezvous(unheard_s_max=0.0))
    assert not watch(two(passes([0, 45, 90])), params=params)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_bridges_do_not_depend_on_cuts_or_restarts(seed):
    rng = np.random.default_rng(seed)
    rows = in_order(two(passes([0, 45, 100, 170])), adrift(A, 60.0 * np.arange(20, 23)), LIGHTS)
    whole = watch(rows)
    assert len(last_versions(whole, "rendezvous")) == 1
    cuts = sorted(rng.integers(0, len(rows), 12).tolist())
    assert lines(watch(rows, cuts=cuts, restarts=range(0, 14, 2), capacity=4)) == lines(whole)
    assert lines(watch(shuffled(rows, seed))) == lines(whole)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_kernel_says_what_its_twin_says(seed):
    rng = np.random.default_rng(seed)
    now, since = T0 + 7_200_000, T0 + 7_200_000 - int(rng.integers(700_000, 5_400_000))
    rows = rows_at(54.5 + rng.normal(0, 0.004, 2), 10.4 + rng.normal(0, 0.004, 2))
    rows["t_ms"], rows["slot"] = now - rng.integers(0, 300_000, 2), rng.permutation(2)
    trail, told = np.zeros((2, TRAIL_FIXES), TRAIL), [{}, {}]
    trail["lat"] = LAT_MISSING
    for which in range(2):
        for k in range(TRAIL_FIXES):
            if rng.random() < 0.5:
                continue
            t_ms = int(rows["t_ms"][which]) - int(rng.integers(0, 8_000_000))
            lat, lon = (np.round((at + rng.normal(0, 0.004)) * 600_000) for at in (54.5, 10.4))
            sog = int(rng.choice([3, 12, 29, 31, 1023], p=[0.4, 0.3, 0.28, 0.01, 0.01]))
            point = trail[rows["slot"][which], k]
            point["t"], point["lat"], point["lon"], point["sog"] = t_ms & 0xFFFFFFFF, lat, lon, sog
            told[which][k] = (t_ms, int(lat), int(lon), sog)
    was, limits = (since, round(54.5 * 600_000), round(10.4 * 600_000)), (500.0, 2.0, 3.0)
    wide, tight = ((limits[0] * factor, limits[1] * factor, limits[2]) for factor in (1.004, 0.996))
    said = {naive_stayed(was, *rows, told, some) for some in (limits, wide, tight)}
    if len(said) == 1:  # a plane and a ball may differ where a distance is very near to a limit
        assert {stayed(was, rows[0], rows[1], trail, limits)} == said
