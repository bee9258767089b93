"""Cables and pipelines: the looks against their twin; ships that drag, stop and creep there, and those that only look like it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_tracks import Slowing
from tracks_sea import T0, FlatSea, assert_balance, every, in_order, last_versions, lines, shown, shuffled, static, track, watch

from tracks.infra import LOOK_MS, STEP_KN, STRIDE, look, reckoned
from tracks.params import Infra, Params
from tracks.vessels import VesselTable

SHIP = 211_000_001
KIND = "infra"
LIMITS = (0.75, 0.85, 2.0, 10.0, 5.0, float(np.round(np.cos(np.radians(20.0)), 9)))


class Cable(FlatSea):
    """A cable along a meridian (10.6 E, off the harbour), half a mile to either side; the coast is far away."""

    has_cables = True

    def __init__(self, lon_deg=10.6, half_nm=0.5):
        self.lon_deg, self.half_nm = lon_deg, half_nm

    def coast_distance_nm(self, lat_deg, lon_deg):
        return np.full(np.shape(lat_deg), 15.0)

    def cable_distance_nm(self, lat_deg, lon_deg, cap_nm, t_ms=None):
        off = np.abs((np.asarray(lon_deg) - self.lon_deg + 180) % 360 - 180) * 60 * np.cos(np.radians(np.asarray(lat_deg)))
        return np.clip(off - self.half_nm, 0.0, cap_nm)


def east(off_nm, lat=54.6, lon=10.6):
    """Longitude so many miles east of the cable."""
    return lon + np.asarray(off_nm) / 60 / np.cos(np.radians(lat))


def course(mmsi, legs, *, start_nm=-20.0, lat=54.6, lon=10.6, step_s=20.0, start_s=0.0, nav=0):
    """A ship that goes east (or west, with negative knots) in legs of (knots, seconds) and (knots, seconds, status); `start_nm` from the cable."""
    rows, at, t = [], start_nm, start_s
    for kn, seconds, *status in legs:
        times = np.arange(t, t + seconds, step_s if abs(kn) > 0.3 else 60.0)
        off = at + (times - t) * kn / 3600
        rows.append(track(mmsi, times, lat, east(off, lat, lon), sog_kn=abs(kn), cog_deg=90.0 if kn >= 0 else 270.0, nav=status[0] if status else nav))
        at, t = at + kn * seconds / 3600, t + seconds
    return in_order(*rows)


def dragging(mmsi=SHIP, before_kn=12.0, slow_kn=6.0, drag_s=2400.0, **more):
    """An hour at sea speed, then across the cable at half of it, then on. The drag begins at 3600 s."""
    start_nm = -before_kn - slow_kn * drag_s / 7200
    return course(mmsi, [(before_kn, 3600), (slow_kn, drag_s), (before_kn, 3600)], start_nm=start_nm, **more)


def run(rows, statics=None, **more):
    more.setdefault("geography", Cable())
    events, state = watch(rows, statics, **more)
    assert_balance(state)
    return events


def only(events, subtype):
    (event,) = [e for e in shown(events, KIND) if e.subtype == subtype]
    return event


def seconds(t_ms):
    return (t_ms - T0) / 1000


# --- dragging under way ---


def test_an_anchor_dragged_across_a_cable():
    events = run(dragging(), static(SHIP, ship_type=70, loa_m=150))
    event = only(events, "anchor_drag")
    assert (event.state, event.measures["crossed"]) == ("closed", True)
    assert seconds(event.t_start) == pytest.approx(3600, abs=200)
    assert seconds(event.t_end) == pytest.approx(6000, abs=330)
    assert event.measures["speed_kn_before"] == pytest.approx(12.0, abs=0.2)
    assert event.measures["speed_kn"] == pytest.approx(6.0, abs=0.1)
    assert {e.name: e.passed for e in event.evidence} == {"speed_loss_share": True, "duration_s": True, "eta_s": True}
    first = next(e for e in events if e.type == KIND)
    assert 4500 <= seconds(first.t_detected) <= 4500 + 600, "true after a quarter of an hour"
    assert {x.name: x.effect for x in event.exclusions}["depth"] == "doubt"


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("slower by a fifth", dragging(slow_kn=9.6)),
        ("ten minutes only", dragging(drag_s=600.0)),
        ("a slow ship all the time", dragging(before_kn=6.0)),
        ("too fast to drag", dragging(before_kn=18.0, slow_kn=12.0)),
        ("no cable on its way", dragging(lon=12.0)),
        ("away from the cable", course(SHIP, [(12.0, 3600), (6.0, 2400), (12.0, 3600)], start_nm=1.0)),
        ("faster, not slower", dragging(before_kn=6.0, slow_kn=9.0)),
    ],
)
def test_other_changes_of_speed_are_no_drag(name, rows):
    assert not [e for e in run(rows) if e.type == KIND]


def test_who_turns_while_slowing_does_not_drag():
    """A ship slows down and zigzags: it manoeuvres."""
    rows = dragging()
    slow = (rows["sog"] == 60) & ((rows["t_ms"] // 300_000) % 2 == 0)
    rows["cog"][slow] = 1500
    assert not [e for e in run(rows) if e.type == KIND]


@pytest.mark.parametrize(
    ("reason", "statics", "company"),
    [
        ("role", static(SHIP, ship_type=52), []),
        ("pilot_boarding", None, [(0.3, 50, 6.0)]),
    ],
)
def test_reasons_to_slow_down_suppress(reason, statics, company):
    parts, told = [dragging()], [] if statics is None else [statics]
    for k, (south_nm, ship_type, kn) in enumerate(company):
        parts.append(course(219_000_001 + k, [(kn, 9600)], start_nm=-2.0 - kn, lat=54.6 - south_nm / 60))
        told.append(static(219_000_001 + k, ship_type=ship_type, loa_m=100))
    events = run(in_order(*parts), np.concatenate(told) if told else None)
    assert not [e for e in shown(events, KIND) if e.mmsi == [SHIP]]
    assert {e.reason for e in last_versions(events, KIND) if e.mmsi == [SHIP]} == {f"suppressed: {reason}"}


def test_slow_company_is_a_doubt_and_quick_company_none():
    """Four merchant ships around that go no faster: weather, perhaps."""
    told = np.concatenate([static(219_000_001 + k, ship_type=70) for k in range(4)])
    alone = only(run(dragging()), "anchor_drag")
    slow = [course(219_000_001 + k, [(5.5 + 0.1 * k, 9600)], start_nm=-8.0, lat=54.6 - (k + 1) / 120) for k in range(4)]
    event = only(run(in_order(dragging(), *slow), told), "anchor_drag")
    assert {x.name: x.effect for x in event.exclusions}["everybody_is_slow"] == "doubt"
    assert event.confidence == pytest.approx(0.6 * alone.confidence, abs=0.002)
    others = [course(219_000_001 + k, [(12.0, 9600)], start_nm=-12.0 - k, lat=54.6 - k / 120) for k in range(5)]
    assert only(run(in_order(dragging(), *others), told), "anchor_drag").confidence == alone.confidence


# --- over the cable ---


@pytest.mark.parametrize(
    ("legs", "start_s", "need_s"),
    [
        ([(10.0, 1800), (0.0, 2400), (10.0, 1800)], 1800, 600),  # stopped
        ([(10.0, 1800), (0.4, 2400), (10.0, 1800)], 1800, 600),  # adrift
        ([(10.0, 1800), (0.0, 2400, 1), (10.0, 1800)], 1800, 120),  # at anchor by its own word
    ],
)
def test_stopped_above_a_cable(legs, start_s, need_s):
    events = run(course(SHIP, legs, start_nm=-5.0))
    event = only(events, "over_cable")
    assert event.state == "closed"
    assert seconds(event.t_start) == pytest.approx(start_s, abs=70)
    assert seconds(event.t_end) == pytest.approx(start_s + 2400, abs=190)
    first = next(e for e in events if e.type == KIND and e.subtype == "over_cable")
    assert need_s <= seconds(first.t_detected) - start_s <= need_s + 190


def test_idling_above_a_cable_takes_longer():
    """To and fro at a knot and a half within the corridor."""
    legs = [(10.0, 1800), *[(1.5, 600), (-1.5, 600)] * 4, (10.0, 1800)]
    event = only(run(course(SHIP, legs, start_nm=-5.1)), "over_cable")
    assert {e.name for e in event.evidence} == {"cable_distance_nm", "idle_s"}
    assert seconds(event.t_start) == pytest.approx(1800, abs=60)


@pytest.mark.parametrize(
    ("name", "legs", "start_nm"),
    [
        ("crosses at sea speed", [(12.0, 7200)], -12.0),
        ("five minutes", [(10.0, 1800), (0.0, 300), (10.0, 1800)], -5.0),
        ("a mile beside it", [(10.0, 1800), (0.0, 3600), (-10.0, 1800)], -6.6),
    ],
)
def test_who_crosses_or_lies_beside_it_is_not_over_it(name, legs, start_nm):
    assert not [e for e in run(course(SHIP, legs, start_nm=start_nm)) if e.subtype == "over_cable"]


@pytest.mark.parametrize(("nav", "ship_type", "reason"), [(0, 33, "role"), (7, 30, "engaged_in_fishing"), (0, 50, "role")])
def test_who_works_there_is_kept_but_not_shown(nav, ship_type, reason):
    rows = course(SHIP, [(8.0, 1800), (0.5, 3600), (8.0, 900)], start_nm=-4.2, nav=nav)
    events = run(rows, static(SHIP, ship_type=ship_type))
    assert not shown(events, KIND)
    assert f"suppressed: {reason}" in {e.reason for e in last_versions(events, KIND)}


def test_a_port_mask_is_no_cable_to_worry_about():
    class InPort(Cable):
        def masked(self, lat_deg, lon_deg):
            return np.full(np.shape(lat_deg), True)

    events = run(course(SHIP, [(10.0, 1800), (0.0, 2400), (10.0, 900)], start_nm=-5.0), geography=InPort())
    assert not shown(events, KIND)


# --- creeping toward it ---


def test_creeping_toward_a_cable_and_turning_away():
    """2.4 knots: half an hour before it at 1.2 miles; turns at a quarter of a mile from the edge."""
    legs = [(9.0, 1200), (2.4, 2400), (-9.0, 1800)]
    start_nm = -0.5 - 0.25 - 1.6 - 3.0
    events = run(course(SHIP, legs, start_nm=start_nm))
    event = only(events, "cable_approach")
    headed_s = 1200 + (1.85 - 1.2) / 2.4 * 3600
    assert event.state == "closed"
    assert seconds(event.t_start) == pytest.approx(headed_s, abs=150)
    assert seconds(event.t_end) == pytest.approx(3600, abs=90)
    assert {e.name: e.passed for e in event.evidence} == {"eta_s": True, "speed_kn": True, "duration_s": True}


def test_who_surveys_by_its_own_word_may_come_near():
    legs = [(9.0, 1200), (2.4, 2400), (-9.0, 1800)]
    events = run(course(SHIP, legs, start_nm=-5.35, nav=3), static(SHIP, ship_type=90))
    assert {e.reason for e in last_versions(events, KIND) if e.subtype == "cable_approach"} == {"suppressed: restricted_in_manoeuvring"}


def test_an_approach_that_arrives_becomes_a_stop_above_it():
    legs = [(9.0, 1200), (2.4, 2400), (0.2, 2400), (9.0, 900)]
    events = run(course(SHIP, legs, start_nm=-4.9))
    approach, over = only(events, "cable_approach"), only(events, "over_cable")
    assert approach.t_end <= over.t_start + 120_000


@pytest.mark.parametrize(
    ("name", "legs", "start_nm"),
    [
        ("at sea speed", [(9.0, 4800)], -12.5),
        ("away from it", [(-2.4, 4800)], -1.0),
        ("drifts too slowly to have a course", [(0.5, 4800)], -1.5),
        ("too far off", [(2.4, 2400)], -4.5),
    ],
)
def test_other_ways_are_no_approach(name, legs, start_nm):
    assert not [e for e in run(course(SHIP, legs, start_nm=start_nm)) if e.subtype == "cable_approach"]


# --- dragging at anchor ---


def anchored(off_nm, *, hours=4.0, kn=0.0, lat=54.6, nav=1, step_s=180.0):
    """At anchor, so many miles east of the cable at each second of t."""
    t = every(step_s, hours)
    return track(SHIP, t, lat, east(off_nm(t), lat), sog_kn=kn, nav=nav)


def test_a_ship_that_drags_its_anchor_toward_a_cable():
    """Lies still for two hours, then slides east at a knot."""
    rows = anchored(lambda t: -4.0 + np.maximum(0, t - 7200) * 1.0 / 3600, hours=4, kn=1.0)
    event = only(run(rows, static(SHIP, ship_type=70, loa_m=150)), "anchor_drag")
    assert event.measures["at_anchor"] is True
    swing_nm = 0.2 + 300 / 1852
    assert seconds(event.t_start) == pytest.approx(7200 + swing_nm * 3600, abs=240)


def test_swinging_with_the_tide_is_no_drag():
    """A circle of 200 m around the anchor, once in six hours, from one side of it."""
    t = every(180, 12)
    angle = t / 3600 * np.pi / 3
    rows = track(SHIP, t, 54.6 + 200 / 1852 / 60 * np.sin(angle), east(-3.0 + 200 / 1852 * np.cos(angle)), sog_kn=0.2, nav=1)
    assert not [e for e in run(rows, static(SHIP, ship_type=70, loa_m=150)) if e.type == KIND]


def test_who_weighs_anchor_and_forgets_the_status_does_not_drag():
    rows = anchored(lambda t: -4.0 - np.maximum(0, t - 7200) * 10.0 / 3600, hours=3)
    rows["sog"][rows["t_ms"] > T0 + 7_200_000] = 100
    assert not [e for e in run(rows) if e.type == KIND]


def test_far_from_every_cable_an_anchor_is_nobodys_business():
    rows = anchored(lambda t: -30.0 + np.maximum(0, t - 7200) * 1.0 / 3600, kn=1.0)
    assert not [e for e in run(rows) if e.type == KIND]


# --- everywhere ---


def test_without_cables_nothing_is_done():
    events, state = watch(dragging(), geography=FlatSea())
    assert not [e for e in events if e.type == KIND]
    assert not state.table.cold[KIND]["ring"].any()


@pytest.mark.parametrize("place", [(0.0, 180.0), (-17.0, -179.999), (68.0, 179.99), (75.0, -180.0)])
def test_on_the_date_line_a_cable_is_a_cable(place):
    lat, lon = place
    sea = Cable(lon)
    drag = only(run(dragging(lat=lat, lon=lon), geography=sea), "anchor_drag")
    assert seconds(drag.t_start) == pytest.approx(3600, abs=200)
    assert abs((drag.lon - lon + 180) % 360 - 180) * 60 * np.cos(np.radians(lat)) < 5
    stop = only(run(course(SHIP, [(10.0, 1800), (0.0, 2400), (10.0, 1800)], start_nm=-5.0, lat=lat, lon=lon), geography=sea), "over_cable")
    assert seconds(stop.t_start) == pytest.approx(1800, abs=70)


def test_silence_ends_what_was_open():
    """Stops above the cable and is never heard again; others are."""
    rows = course(SHIP, [(10.0, 1800), (0.0, 1800)], start_nm=-5.0)
    other = track(219_000_009, every(60, 5), 55.0, 12.0, sog_kn=5.0)
    event = only(run(in_order(rows, other)), "over_cable")
    assert event.state == "closed"
    assert seconds(event.t_end) == pytest.approx(3600, abs=70)


def test_reckoning_is_that_of_the_compass():
    """10 knots due east for an hour are 10 miles east and none north (a peer turned the course to radians twice)."""
    for lat in (0, 54_000_000 // 2, -40_000_000):
        for cog, north, east_share in ((0, 1, 0), (900, 0, 1), (1800, -1, 0), (2700, 0, -1), (450, 0.5**0.5, 0.5**0.5)):
            to_lat, to_lon = reckoned(lat, 107_999_000, cog, np.array([18_520.0]))
            d_lon = (int(to_lon[0]) - 107_999_000 + 108_000_000) % 216_000_000 - 108_000_000
            assert (int(to_lat[0]) - lat) * 0.185325 / 1852 == pytest.approx(10 * north, abs=0.01)
            assert d_lon * 0.185325 / 1852 * np.cos(np.radians(lat / 600_000)) == pytest.approx(10 * east_share, abs=0.01)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([12.0, 12.4, 11.6, 8.0, 6.0, 9.5, 1.0, 0.0, 22.0, None]), min_size=4, max_size=40), st.integers(0, 2**32 - 1))
def test_looks_equal_the_twin(speeds, seed):
    """Random speeds, courses and missing looks: base, slow and what is said of each look are those of the twin."""
    rng = np.random.default_rng(seed)
    table, twin = VesselTable.new(10, {KIND: STRIDE}), Slowing()
    stride = table.cold[KIND]
    for number, kn in enumerate(speeds):
        tick_ms = T0 + (number + 1) * LOOK_MS
        cog = float(rng.choice([90.0, 95.0, 100.0, 140.0], p=[0.6, 0.2, 0.1, 0.1]))
        if kn is not None:
            rows = track(SHIP, [number * 300 + 200], 54.6, 10.0 + number * 0.02, sog_kn=kn, cog_deg=cog)
            table.add_fixes(rows, (500.0, 500.0, 500.0, 30.0), 1)
        if not len(table):
            continue
        stride = table.cold[KIND][:1]
        stride["near"] = 1
        said = int(look(table.used, table.known, stride, tick_ms, *LIMITS)[0]) & 6
        expected = twin.look(number, kn, cog)
        assert said == {None: 0, "slow": 2, "quick": 4}[expected]
        assert int(stride[0]["slow"]) == twin.slow
        if twin.base is not None:
            assert (int(stride[0]["base"]) - 1) * STEP_KN == pytest.approx(twin.base)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_cuts_order_and_restarts_change_nothing(seed):
    rng = np.random.default_rng(seed)
    sea = in_order(
        dragging(),
        course(SHIP + 1, [(10.0, 1800), (0.0, 2400), (10.0, 1800)], start_nm=-5.0, lat=54.5),
        course(SHIP + 2, [(9.0, 1200), (2.4, 2400), (-9.0, 1800)], start_nm=-5.35, lat=54.4),
        track(SHIP + 3, every(180, 3), 54.3, east(-4.0 + np.maximum(0, every(180, 3) - 3600) / 3600, 54.3), sog_kn=1.0, nav=1),
    )
    expected = lines(run(sea))
    for subtype in (b'"anchor_drag"', b'"over_cable"', b'"cable_approach"'):
        assert subtype in expected
    cuts = rng.integers(0, len(sea), 6).tolist()
    assert lines(run(sea, cuts=cuts, restarts=range(7))) == expected
    assert lines(run(shuffled(sea, seed), cuts=cuts, capacity=2)) == expected


def test_switched_off_it_is_silent():
    assert not [e for e in run(dragging(), params=Params(infra=Infra(enabled=False))) if e.type == KIND]
