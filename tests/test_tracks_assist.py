"""Legs and assistance: the kernels against their twins, ships that come to help, and ships that only meet or wait."""

import math

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from naive_motion import Legs, arrival_of, moved_on
from tracks_sea import T0, every, in_order, last_versions, lines, static, track, watch

from dogwatch.batch import F_LATE
from tracks.assist import note_arrivals
from tracks.legs import FAST, LEG_MS, LEGS, RING, SLOWED, STEPPED, TURNED, TURNED_BEFORE, UNKNOWN, close_legs
from tracks.rescue import open_row
from tracks.vessels import VesselTable

X = 211_000_001
PLACE = 54.5, 10.6
KN_DEG = 1 / 3600 / 60  # degrees a second at one knot
FLAGS = ((SLOWED, "slowed"), (STEPPED, "stepped"), (TURNED, "turned"), (FAST, "fast"), (TURNED_BEFORE, "turned before"))
LIMITS = (5.0, 0.8660254038, 0.7 * 1852.0)


@settings(max_examples=100, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    st.lists(st.tuples(st.floats(0, 30), st.floats(-180, 180), st.sampled_from([1, 1, 1, 2, 0])), min_size=2, max_size=40),
    st.sampled_from([(54.5, 179.9), (0.0, 10.0), (-75.0, -20.0)]),
)
def test_legs_agree_with_their_twin(steps, place):
    table, twin = VesselTable.new(4, {"legs": RING}), Legs()
    lat, lon, last = place[0] * 600_000, place[1] * 600_000, None
    for number, (kn, to_deg, reports) in enumerate(steps):
        for k in range(reports):
            t_s = number * 300 + (40 + 250 * k if number % 3 else 290 - 200 * (reports - 1 - k))
            way = kn * 1852 / 3600 * 300 / reports / 0.18532
            lat += way * math.cos(math.radians(to_deg))
            lon += way * math.sin(math.radians(to_deg)) / math.cos(math.radians(place[0]))
            row = track(X, [t_s], lat / 600_000, ((lon + 108_000_000) % 216_000_000 - 108_000_000) / 600_000, sog_kn=min(kn, 100))
            table.add_fixes(row, (80.0, 80.0, 80.0, 30.0), 4)
            here = table.rows[0]  # where the table believes her to be
            last = int(here["t_ms"]), int(here["lat"]), int(here["lon"])
        if not len(table):
            continue
        tick_ms = T0 + (number + 1) * LEG_MS
        close_legs(table.used, table.cold["legs"][:1], tick_ms)
        expected, ring = twin.close(last, tick_ms), table.cold["legs"][0]
        made_kn = math.hypot(*twin.legs[-1]) / 154.33 if twin.legs[-1] else -1.0
        assume(all(abs(made_kn - limit) > 1e-3 for limit in (3.0, 20.0, (twin.usual or 0) + 3.0, (twin.usual or 0) - 3.0)))
        assert {name for bit, name in FLAGS if ring["flags"] & bit} == expected
        known = 0
        for leg in reversed(twin.legs):
            if leg is None:
                break
            known += 1
        assert int(ring["known"]) == min(known, LEGS)
        at = (tick_ms // LEG_MS - 1) % LEGS
        for k, leg in enumerate(reversed(twin.legs[-LEGS:])):
            here = int(ring["north"][(at - k) % LEGS]), int(ring["east"][(at - k) % LEGS])
            assert here[0] == UNKNOWN if leg is None else here == leg
        if twin.usual is not None:
            assert float(ring["usual_kn"]) == pytest.approx(twin.usual, abs=1e-3)


@settings(max_examples=200, deadline=None)
@given(
    st.floats(0, 360),
    st.lists(st.tuples(st.floats(-30, 30), st.floats(3, 16)), min_size=1, max_size=8),
    st.floats(-170, 170),
    st.lists(st.tuples(st.floats(-15, 15), st.floats(3, 16)), min_size=1, max_size=8),
)
def test_arrivals_agree_with_their_twin(course, before, turn, after):
    legs = []
    for wobble, kn in before:
        legs.append((kn, course + wobble))
    for wobble, kn in after:
        legs.append((kn, course + turn + wobble))
    legs.append((0.5, course))
    legs = [(int(kn * 154.33 * math.cos(math.radians(d))), int(kn * 154.33 * math.sin(math.radians(d)))) for kn, d in legs]
    ring = np.zeros(1, RING)
    tick_ms = T0 + 40 * LEG_MS
    for k, (north, east) in enumerate(reversed(legs)):
        at = (tick_ms // LEG_MS - 1 - k) % LEGS
        ring["north"][0, at], ring["east"][0, at] = north, east
    ring["known"], ring["lat"], ring["lon"] = len(legs), 54 * 600_000, 107_999_990
    arrivals, found = note_arrivals(ring, np.array([0]), tick_ms, LIMITS)
    expected = arrival_of(legs)
    assert len(found) == (expected is not None)
    if expected:
        since, steady, (north, east) = expected
        assert int(arrivals["turn_ms"][0]) == tick_ms - since * LEG_MS
        assert int(arrivals["steady_legs"][0]) == steady
        lat, lon = moved_on(54 * 600_000, 107_999_990, -north, -east, 1)
        assert abs(arrivals["from_lat"][0] - lat) <= 1
        assert abs((arrivals["from_lon"][0] - lon + 108_000_000) % 216_000_000 - 108_000_000) <= 1


def helper(mmsi=X, *, side_deg=0.0, turn_deg=60.0, off_nm=5.0, turn_s=3000.0, kn=12.0, lie_s=4800.0, place=PLACE, hours=4.0, step_s=30.0, nav=0):
    """Goes steadily, turns at `turn_s`, comes straight to a berth near the place from `side_deg`, lies there, goes on."""
    scale = math.cos(math.radians(place[0]))

    def offset(nm, deg):
        return np.array([nm / 60 * math.cos(math.radians(deg)), nm / 60 * math.sin(math.radians(deg)) / scale])

    berth = np.array(place) + offset(0.3, side_deg)
    start = np.array(place) + offset(off_nm, side_deg)
    stop_s = turn_s + (off_nm - 0.3) / kn * 3600
    course = side_deg + 180 + turn_deg
    t = every(step_s, hours)
    way = np.empty((len(t), 2))
    for i, s in enumerate(t):
        if s < turn_s:
            way[i] = start - offset((turn_s - s) * kn / 3600, course)
        elif s < stop_s:
            way[i] = start + (berth - start) * (s - turn_s) / (stop_s - turn_s)
        elif s < stop_s + lie_s:
            way[i] = berth
        else:
            way[i] = berth + offset((s - stop_s - lie_s) * kn / 3600, course)
    lying = (t >= stop_s) & (t < stop_s + lie_s)
    return track(mmsi, t, way[:, 0], way[:, 1], sog_kn=np.where(lying, 0.3, kn), cog_deg=course % 360, nav=nav)


def fleet(count=2, **more):
    return in_order(*(helper(X + k, side_deg=k * 360 / count + 10, turn_s=3000 + 200 * k, **more) for k in range(count)))


@pytest.mark.parametrize("turn_s", range(3000, 3300, 30))
@pytest.mark.parametrize("turn_deg", [45.0, 100.0, 160.0])
def test_helpers_are_seen_wherever_within_a_leg_they_turn(turn_s, turn_deg):
    """A way of five minutes in which she turned agrees with neither course."""
    rows = in_order(*(helper(X + k, side_deg=k * 180 + 10, turn_s=turn_s, turn_deg=turn_deg, kn=16.0) for k in range(2)))
    told = [e for e in last_versions(watch(rows)[0]) if e.subtype == "assist"]
    assert [e.mmsi for e in told] == [[X, X + 1]]
    assert abs((told[0].t_start - T0) / 1000 - turn_s) <= 300


def call(t_s=2800.0, name="b1"):
    return [open_row(T0 + round(t_s * 1000), name, "beacon", round(PLACE[0] * 600_000), round(PLACE[1] * 600_000))]


def assists(events):
    return [e for e in last_versions(events, "safety") if e.subtype == "assist"]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_ships_that_turn_to_one_place_and_lie_there(count):
    events, state = watch(fleet(count), control=call())
    (event,) = assists(events)
    assert sorted(event.mmsi) == [X + k for k in range(count)]
    assert event.state == "closed"
    assert abs(event.t_start - (T0 + 3_000_000)) <= 600_000
    assert event.measures["distress_call_near"] == "beacon"
    assert all(e.passed for e in event.evidence)
    assert abs(event.lat - PLACE[0]) < 0.01
    assert event.event_id in state.rescue.areas


def test_without_a_call_two_are_told_and_excuse_but_themselves_from_loitering_and_three_excuse_all():
    for count, everybody in ((2, False), (3, True)):
        events, state = watch(fleet(count))
        (event,) = assists(events)
        assert event.state == "closed"
        assert event.confidence <= 0.7
        ((name, area),) = state.rescue.areas.items()
        asked = (area.lat + 20_000, area.lon, event.t_start, event.t_start + 60_000, state.params.rescue)  # two miles off
        assert [state.rescue.covers(*asked), state.rescue.covers(*asked, X << 2), state.rescue.covers(*asked, (X + 9) << 2)] == (
            [name, name, name] if everybody else ["", name, ""]
        )
        assert area.only == ([] if everybody else [X << 2, (X + 1) << 2])
        beside = (area.lat + 5_000, *asked[1:])
        assert state.rescue.covers(*beside, (X + 9) << 2) == name, "a third that came after and lies beside them"
        earlier = (*beside[:2], event.t_start - 60_000, *beside[3:])
        assert state.rescue.covers(*earlier, (X + 9) << 2) == (name if everybody else ""), "but not one that lay there before"


def test_one_alone_is_none():
    assert not assists(watch(helper(), control=call())[0])


def test_ships_that_come_straight_without_a_turn_do_not_assist():
    assert not assists(watch(fleet(3, turn_deg=0.0))[0])
    assert not assists(watch(fleet(3, turn_deg=15.0))[0])


def test_ships_that_turn_hours_apart_do_not_assist_each_other():
    rows = in_order(helper(X, turn_s=2400.0), helper(X + 1, side_deg=180, turn_s=5400.0))
    assert not assists(watch(rows)[0])


def test_ships_that_turn_to_places_far_apart_do_not():
    rows = in_order(helper(X), helper(X + 1, side_deg=180, place=(PLACE[0] + 3 / 60, PLACE[1])))
    assert not assists(watch(rows)[0])


@pytest.mark.parametrize("kind", [31, 50, 52, 53])
def test_trades_that_turn_and_wait_do_not(kind):
    statics = np.concatenate([static(X + k, ship_type=kind) for k in range(2)])
    assert not assists(watch(fleet(2), statics, control=call())[0])


def test_fishing_vessels_come_when_somebody_calls_or_off_their_passages_but_not_with_their_gear_out():
    both = np.concatenate([static(X + k, ship_type=30) for k in range(2)])
    assert assists(watch(fleet(2), both)[0])[0].state == "closed", "each left its passage, from another side"
    short = in_order(*(row[row["t_ms"] >= T0 + 1_800_000] for row in (helper(X), helper(X + 1, side_deg=180))))
    together = in_order(helper(X), helper(X + 1, side_deg=10, turn_s=3200))
    for rows in (short, together):
        (event,) = assists(watch(rows, both)[0])
        assert (event.state, event.reason) == ("candidate", "suppressed: fishing_ground")
        assert assists(watch(rows, both, control=call())[0])[0].state == "closed"
    assert assists(watch(together)[0])[0].state == "closed", "merchant ships do not fish"
    assert not assists(watch(fleet(2, nav=7), both, control=call())[0])
    assert assists(watch(fleet(3), static(X, ship_type=30))[0])[0].state == "closed", "two merchant ships are enough"


def test_a_place_where_others_wait_and_a_pilot_station_are_kept_back():
    waiting = [track(X + 50 + k, every(60, 4), PLACE[0] + 0.008, PLACE[1] + 0.008 * k, sog_kn=0.1) for k in range(3)]
    (event,) = assists(watch(in_order(fleet(2), *waiting))[0])
    assert (event.state, event.reason) == ("candidate", "suppressed: waiting_place")
    pilot = track(X + 60, every(60, 4), *PLACE, sog_kn=4.0)
    (event,) = assists(watch(in_order(fleet(2), pilot), static(X + 60, ship_type=50))[0])
    assert (event.state, event.reason) == ("candidate", "suppressed: pilot_station")


def test_pleasure_craft_that_meet_are_kept_back_and_help_where_somebody_calls():
    statics = np.concatenate([static(X + k, ship_type=36 + k % 2) for k in range(3)])
    (event,) = assists(watch(fleet(3), statics)[0])
    assert (event.state, event.reason) == ("candidate", "suppressed: regatta_or_outing")
    assert assists(watch(fleet(3), statics, control=call())[0])[0].state == "closed"


def test_two_who_arrive_together_later_join_and_do_not_begin_another():
    first = [helper(X + k, side_deg=170 * k, turn_s=3000) for k in range(2)]
    later = [helper(X + 2 + k, side_deg=80 + 180 * k, turn_s=3900) for k in range(2)]
    events, _ = watch(in_order(*first, *later), control=call())
    (event,) = assists(events)
    assert sorted(event.mmsi) == [X + k for k in range(4)]
    assert event.measures["helpers"] == 4
    assert {int(e.observed) for e in event.evidence if e.name == "helpers"} == {4}
    assert len({e.event_id for e in events if e.subtype == "assist"}) == 1


def test_rescue_craft_that_turn_in_their_search_assist_nobody_unless_somebody_called():
    statics = np.concatenate([static(X + k, ship_type=51 if k else 55) for k in range(3)])
    (event,) = assists(watch(fleet(3), statics)[0])
    assert (event.state, event.reason) == ("candidate", "suppressed: search_or_patrol")
    assert assists(watch(fleet(3), statics, control=call())[0])[0].state == "closed"
    statics["ship_type"][2] = 70
    assert assists(watch(fleet(3), statics)[0])[0].state == "closed", "with a merchant ship among them it is one"


def test_a_merchant_ship_that_joins_rescue_craft_makes_it_an_assistance():
    rows = in_order(*(helper(X + k, side_deg=120 * k, turn_s=3000 if k < 2 else 4200) for k in range(3)))
    statics = np.concatenate([static(X + k, ship_type=51 if k < 2 else 70) for k in range(3)])
    events, _ = watch(rows, statics)
    states = [e.state for e in events if e.subtype == "assist"]
    assert states[0] == "candidate"
    assert states[-1] == "closed"


def aircraft(mmsi=111_232_501, *, start_s=2400.0, hours=1.5, lat=PLACE[0], lon=PLACE[1], flags=0):
    t = every(10, hours, start_s)
    return track(mmsi, t, lat + 0.02 * np.sin(t / 200), lon + 0.02 * np.cos(t / 200), sog_kn=90.0, kind=9, flags=flags)


def test_a_rescue_aircraft_over_the_place_makes_two_ships_sure():
    for rows, seen in ((aircraft(), 1), (aircraft(lat=PLACE[0] + 0.5), 0), (aircraft(start_s=0.0, hours=0.4), 0), (aircraft(flags=F_LATE), 0)):
        events, state = watch(in_order(fleet(2), rows))
        (event,) = assists(events)
        assert event.measures["rescue_aircraft_near"] == seen
        assert [area.only == [] for area in state.rescue.areas.values()] == [seen == 1], "only then they excuse everybody"


def test_aircraft_in_any_cut():
    rows = in_order(fleet(2, step_s=60.0), aircraft())
    whole, _ = watch(rows)
    pieces, _ = watch(rows, cuts=range(0, len(rows), 17), restarts=range(0, len(rows) // 17, 5))
    assert lines(whole) == lines(pieces)


def test_helpers_lie_still_and_stop_at_once_without_a_notice():
    events, _ = watch(fleet(3, lie_s=7200.0), control=call())
    assert assists(events)
    others = [e for e in last_versions(events, "safety") if e.subtype != "assist"]
    assert {(e.subtype, e.state, e.reason) for e in others} == {("sudden_stop", "candidate", "suppressed: sar_context")}


@pytest.mark.parametrize("seed", [1, 2])
def test_cut_and_resumed_anywhere_it_is_the_same(seed):
    rng = np.random.default_rng(seed)
    rows = fleet(3, step_s=60.0)
    whole, _ = watch(rows, control=call())
    cuts = sorted(rng.choice(len(rows), 60, replace=False).tolist())
    pieces, _ = watch(rows, control=call(), cuts=cuts, restarts=range(60))
    assert lines(whole) == lines(pieces)
    assert assists(whole)


def test_across_the_date_line():
    (event,) = assists(watch(fleet(3, place=(PLACE[0], 180.0)))[0])
    assert abs(abs(event.lon) - 180.0) < 0.02
