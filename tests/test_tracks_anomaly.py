"""Odd speeds and courses: the kernels against their twins, ships that change, and ships that have reasons to."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from naive_motion import step_of, turn_of
from tracks_sea import T0, every, in_order, last_versions, lines, shown, static, track, watch, well_heard

from tracks.anomaly import steps_of, turns_of
from tracks.legs import LEG_MS, LEGS, RING
from tracks.params import Anomaly, Assist, Params
from tracks.rescue import open_row

X = 211_000_001
KN_DEG = 1 / 3600 / 60


def ring_of(legs):
    """A ring of (knots, degrees), newest last, and the tick."""
    ring, tick_ms = np.zeros(1, RING), T0 + 100 * LEG_MS
    for k, (kn, deg) in enumerate(reversed(legs)):
        at = (tick_ms // LEG_MS - 1 - k) % LEGS
        ring["north"][0, at] = round(kn * 154.3333 * math.cos(math.radians(deg)))
        ring["east"][0, at] = round(kn * 154.3333 * math.sin(math.radians(deg)))
    ring["known"] = len(legs)
    return ring, tick_ms


@settings(max_examples=300, deadline=None)
@given(st.floats(2, 20), st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=24), st.lists(st.floats(-9, 9), min_size=3, max_size=4))
def test_steps_agree_with_their_twin(usual, wobble, last):
    legs = [max(0.0, usual + w) for w in wobble][: LEGS - len(last)] + [max(0.0, usual + w) for w in last]
    ring, tick_ms = ring_of([(kn, 20.0 * k) for k, kn in enumerate(legs)])
    found = steps_of(ring, np.array([0]), tick_ms, (4.0, 5.0, 8.0))
    expected = step_of(legs)
    if len(found) != (expected is not None):
        again = [step_of([kn + d for kn in legs[:-3]] + [kn + e for kn in legs[-3:]]) is not None for d in (-0.02, 0.02) for e in (-0.02, 0.02)]
        assert len(set(again)) > 1 or min(abs(kn - 3.0) for kn in legs) < 0.02, "only at the very limit"
    elif expected:
        assert (float(found["usual_kn"][0]), float(found["deviation_kn"][0]), float(found["now_kn"][0])) == pytest.approx(expected, abs=0.03)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(-25, 25), min_size=4, max_size=12), st.floats(-180, 180), st.floats(-170, 170), st.floats(-25, 25), st.floats(2.5, 20))
def test_turns_agree_with_their_twin(wobble, middle, turn, second, kn):
    assume(abs(kn - 3.0) > 0.05)
    legs = [(kn, 40.0 + w) for w in wobble] + [(kn, 40.0 + middle), (kn, 40.0 + turn), (kn, 40.0 + turn + second)]
    ring, tick_ms = ring_of(legs)
    found = len(turns_of(ring, np.array([0]), tick_ms, (0.5, 6.0)))
    if found != turn_of(legs):
        assert turn_of(legs, turn_deg=59.5) != turn_of(legs, turn_deg=60.5) or any(abs(abs(w) - 19.95) < 3.0 for w in [*wobble, second]), (
            "only at the very limit"
        )


def voyage(mmsi=X, *, odd_s=(5400.0, 7800.0), kn=13.0, odd_kn=None, course=0.0, turn=0.0, hours=3.5, lat=54.2, lon=10.6, step_s=30.0, **more):
    """Goes steadily, oddly for a while, and steadily again."""
    t = every(step_s, hours)
    odd = (t >= odd_s[0]) & (t < odd_s[1])
    speed = np.where(odd, odd_kn or kn, kn)
    deg = np.radians(np.where(odd, course + turn, course))
    north, east = (np.concatenate([[0.0], np.cumsum((speed * f(deg))[:-1] * step_s)]) * KN_DEG for f in (np.cos, np.sin))
    return track(mmsi, t, lat + north, lon + east / math.cos(math.radians(lat)), sog_kn=speed, cog_deg=np.degrees(deg) % 360, **more)


def odd(rows, statics=None, subtype=None, **more):
    return [e for e in last_versions(watch(rows, statics, **more)[0], "anomaly") if subtype in (None, e.subtype)]


@pytest.mark.parametrize("odd_kn", [7.5, 19.0])
def test_a_ship_that_goes_at_another_speed_for_a_while(odd_kn):
    (event,) = odd(voyage(odd_kn=odd_kn))
    assert (event.subtype, event.state, event.rule) == ("speed", "closed", "speed_step")
    assert event.confidence <= 0.5
    assert abs(event.t_start - (T0 + 5_400_000)) <= 300_000
    assert abs(event.t_end - (T0 + 7_800_000)) <= 600_000
    assert event.measures["usual_kn"] == pytest.approx(13.0, abs=0.2)
    assert event.measures["speed_kn"] == pytest.approx(odd_kn, abs=1.0)
    assert all(e.passed for e in event.evidence)


@pytest.mark.parametrize("turn", [75.0, -140.0])
def test_a_ship_that_leaves_her_course_for_a_while(turn):
    (event,) = odd(voyage(turn=turn, lon=11.2))
    assert (event.subtype, event.state) == ("course", "closed")
    assert abs(event.t_start - (T0 + 5_400_000)) <= 300_000
    assert abs(event.t_end - (T0 + 7_800_000)) <= 600_000
    assert event.measures["turn_deg"] == pytest.approx(abs(turn), abs=2)


@pytest.mark.parametrize(
    "more",
    [{"odd_kn": 10.0}, {"odd_kn": 15.5}, {"turn": 40.0}, {"odd_kn": 19.0, "odd_s": (5400, 5700)}, {"turn": 90.0, "odd_s": (5400, 5640)}, {"odd_kn": 1.0}],
)
def test_small_short_and_other_changes_are_not_odd(more):
    """Stopping is another matter."""
    assert not odd(voyage(**more))


def test_a_restless_vessel_is_measured_by_her_own_scatter():
    rows = voyage(odd_kn=19.0)
    t = (rows["t_ms"] - T0) / 1000
    shift = np.where(t < 5400, 0.0006 * 60 * np.sin(t / 300), 0.0)
    rows["lat"] += np.round(shift * 60_000).astype(np.int32)
    assert not odd(rows, subtype="speed")


@pytest.mark.parametrize("kind", [30, 34, 36, 37])
def test_trades_that_change_are_not_asked(kind):
    assert not odd(voyage(odd_kn=7.0), static(X, ship_type=kind), subtype="speed")


@pytest.mark.parametrize("kind", [50, 51, 52])
def test_pilots_tugs_and_rescue_craft_are_kept_back(kind):
    (event,) = odd(voyage(odd_kn=7.0), static(X, ship_type=kind), subtype="speed")
    assert (event.state, event.reason) == ("candidate", "suppressed: role")


def test_who_turns_back_is_not_told():
    assert not odd(voyage(turn=178.0, lon=11.2))


def test_near_a_port_and_inshore_they_are_kept_back_and_class_b_is_not_asked():
    assert odd(voyage(lat=53.66, lon=10.15, odd_kn=7.0))[0].reason == "suppressed: port_or_pilotage"
    assert odd(voyage(lat=54.4, lon=10.05, odd_kn=7.0))[0].reason == "suppressed: inshore"
    assert not odd(voyage(odd_kn=7.0, kind=18))


def test_where_others_go_the_new_way_a_lane_turns():
    rows = voyage(turn=90.0)
    other = voyage(X + 1, course=90.0, lat=54.2 + 5400 * 13 * KN_DEG + 0.02, lon=10.62 - 6000 * 13 * KN_DEG / 0.58)
    (event,) = odd(in_order(rows, other))
    assert (event.state, event.reason) == ("candidate", "suppressed: lane_turn")


def test_in_a_rescue_area_nobody_is_odd():
    place = round((54.2 + 5400 * 13 * KN_DEG) * 600_000), round(10.6 * 600_000)
    (event,) = odd(voyage(turn=90.0), control=[open_row(T0 + 5_000_000, "b1", "beacon", *place)])
    assert (event.state, event.reason) == ("candidate", "suppressed: sar_context")


def test_who_goes_faster_than_her_type_can():
    (event,) = odd(voyage(kn=34.0, hours=1.0), static(X, ship_type=70))
    assert (event.subtype, event.rule) == ("speed", "speed_bound")
    assert not odd(voyage(kn=34.0, hours=1.0), static(X, ship_type=40))
    assert not odd(voyage(kn=24.0, hours=1.0), static(X, ship_type=70))


def test_a_turn_for_good_is_a_turn_of_the_route_and_not_told():
    (event,) = odd(voyage(turn=90.0, odd_s=(5400, 1e9), hours=4.0))
    assert (event.state, event.reason) == ("candidate", "may be a turn of her route")
    told = Params(anomaly=Anomaly(excursions_only=False))
    (event,) = odd(voyage(turn=90.0, odd_s=(5400, 1e9), hours=4.0), params=told)
    assert event.state == "closed"
    assert event.t_end - event.t_start <= 4_200_000


def test_who_stood_before_she_went_on_slowly_has_stopped_and_is_another_matter():
    rows = voyage(odd_kn=6.5, odd_s=(5400, 9600))
    t = (rows["t_ms"] - T0) / 1000
    stood = (t >= 5400) & (t < 7200)
    rows["lat"][stood] = rows["lat"][np.flatnonzero(t < 5400)[-1]]
    rows["sog"][stood] = 2
    rows["lat"][t >= 7200] -= rows["lat"][t >= 7200][0] - rows["lat"][stood][-1]
    assert not odd(rows, subtype="speed")


def test_a_place_in_doubt_makes_no_speed():
    """Told a place two miles off for a while: the legs that jump are no way of hers."""
    rows = voyage(kn=12.0)
    t = (rows["t_ms"] - T0) / 1000
    rows["lon"][(t >= 4000) & (t < 8000)] += round(2.5 / 60 / math.cos(math.radians(54.2)) * 600_000)
    assert not shown(watch(rows, static(X, ship_type=70))[0], "anomaly")


def in_the_lane(count=30, hours=9.4):
    """Tankers up and down a lane, each some minutes behind the other."""
    rows = []
    for k in range(count):
        t = every(60, hours, start_s=k)
        along = (k * 0.02 + t * 12 * KN_DEG) % 0.6
        north = along < 0.3
        rows.append(track(X + 100 + k, t, 54.3 + np.where(north, along, 0.6 - along), 10.62, sog_kn=12.0, cog_deg=np.where(north, 0.0, 180.0)))
    return rows


def lane_statics(count=30):
    return [static(X + 100 + k, ship_type=80, loa_m=180) for k in range(count)]


PLACES = Params(anomaly=Anomaly(place_visits_min=40, place_share_max=0.02), assist=Assist(enabled=False))  # the lane turns about on the spot


def stray(mmsi=X, start_s=6.5 * 3600, hours=1.6):
    t = every(60, hours, start_s)
    return track(mmsi, t, 54.32 + (t - start_s) * 8 * KN_DEG, 10.62, sog_kn=8.0, cog_deg=0.0)


def test_a_ship_where_her_kind_is_not_seen():
    statics = np.concatenate([*lane_statics(), static(X, ship_type=60, loa_m=200), static(X + 1, ship_type=81, loa_m=170)])
    events = odd(in_order(*in_the_lane(), stray(), stray(X + 1)), statics, subtype="place", params=PLACES, coverage=well_heard())
    (event,) = events
    assert (event.mmsi, event.rule, event.state) == ([X], "unusual_place", "closed")
    assert event.measures["looks_known"] >= 40
    assert event.measures["looks_of_her_kind"] == 0
    assert all(e.passed for e in event.evidence)
    assert abs(event.t_start - (T0 + 6.5 * 3_600_000)) <= 1_200_000


def test_where_little_is_known_or_little_is_heard_nobody_is_odd():
    statics = np.concatenate([*lane_statics(), static(X, ship_type=60, loa_m=200)])
    rows = in_order(*in_the_lane(), stray())
    assert not odd(rows, statics, subtype="place", coverage=well_heard()), "five thousand looks are asked for"
    (event,) = odd(rows, statics, subtype="place", params=PLACES, coverage=well_heard(blocks=300, missed=3000))
    assert (event.state, event.reason) == ("candidate", "suppressed: badly_heard")


@pytest.mark.parametrize("told", [{"ship_type": 30, "loa_m": 200}, {"ship_type": 60, "loa_m": 40}, {"ship_type": 0, "loa_m": 200}])
def test_fishing_small_and_unknown_ships_are_not_asked_about_places(told):
    statics = np.concatenate([*lane_statics(), static(X, **told)])
    assert not odd(in_order(*in_the_lane(), stray()), statics, subtype="place", params=PLACES, coverage=well_heard())


def test_places_in_any_cut():
    statics = np.concatenate([*lane_statics(12), static(X, ship_type=60, loa_m=200)])
    rows = in_order(*in_the_lane(12, hours=8.2), stray())
    few = Params(anomaly=Anomaly(place_visits_min=20, place_share_max=0.05), assist=Assist(enabled=False))
    whole, state = watch(rows, statics, params=few, coverage=well_heard())
    pieces, other = watch(rows, statics, params=few, coverage=well_heard(), cuts=range(0, len(rows), 701), restarts=range(0, 10, 3))
    assert lines(whole) == lines(pieces)
    assert "place" in {e.subtype for e in whole}
    one, two = (next(d for d in s.detectors if d.NAME == "anomaly").places.to_sections() for s in (state, other))
    assert all((one[name] == two[name]).all() for name in ("squares", "looks"))


def test_a_gap_is_no_change():
    rows = voyage(odd_kn=13.0)
    t = (rows["t_ms"] - T0) / 1000
    assert not odd(rows[(t < 5000) | (t > 7000)])


@pytest.mark.parametrize("seed", [1, 2])
def test_cut_and_resumed_anywhere_it_is_the_same(seed):
    rng = np.random.default_rng(seed)
    rows = in_order(voyage(odd_kn=7.0, step_s=60.0), voyage(X + 1, turn=100.0, lon=11.2, step_s=60.0), voyage(X + 2, kn=33.0, lat=52.0, step_s=60.0, hours=1.5))
    statics = static(X + 2, ship_type=80)
    whole, _ = watch(rows, statics)
    cuts = sorted(rng.choice(len(rows), 60, replace=False).tolist())
    pieces, _ = watch(rows, statics, cuts=cuts, restarts=range(60))
    assert lines(whole) == lines(pieces)
    assert {e.rule for e in whole if e.type == "anomaly"} == {"speed_step", "course_change", "speed_bound"}
