"""Risk of collision: the kernel against its twin, ships on a collision course, and ships that are used to being near."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_motion import approaches, moved_on
from tracks_sea import T0, FlatSea, every, in_order, last_versions, lines, static, track, watch

from dogwatch.geo import KN_MS, M_PER_UNIT
from tracks.collision import ADVICE, MOVER, SQUARE_UNITS, _move, closest, squares_of
from tracks.key import TRACKS_MAX
from tracks.params import Collision, Params
from tracks.presets import preset
from tracks.records import HOT, MORE

A, B = 211_000_001, 211_000_002
EVERYWHERE = Params(collision=Collision(everywhere=True))
PLACE = 54.5, 10.4


def ship(mmsi=A, *, course=90.0, kn=12.0, at_s=3000.0, off_m=0.0, place=PLACE, hours=1.2, step_s=10.0, **more):
    """Passes `off_m` to starboard of a place at `at_s`."""
    t = every(step_s, hours)
    scale = math.cos(math.radians(place[0]))
    c, s = math.cos(math.radians(course)), math.sin(math.radians(course))
    way = (t - at_s) * kn * KN_MS
    north, east = way * c - off_m * s, way * s + off_m * c
    rows = track(mmsi, t, place[0] + north / 111_195, place[1] + east / 111_195 / scale, sog_kn=kn, cog_deg=course, **more)
    return rows


def risks(*ships, statics=None, params=EVERYWHERE, **more):
    return [e for e in last_versions(watch(in_order(*ships), statics, params=params, **more)[0], "safety") if e.subtype == "collision_risk"]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-60_000, 60_000), st.integers(-60_000, 60_000), st.floats(3, 25), st.floats(0, 360), st.integers(0, 400)), min_size=2, max_size=12
    ),
    st.sampled_from([(54.5, 10.0), (0.0, 180.0), (-70.0, -180.0)]),
)
def test_closest_approaches_agree_with_their_twin(some, place):
    ships = []
    for y, x, kn, course, loa_m in some:
        lon = (round(place[1] * 600_000) + x + 108_000_000) % 216_000_000 - 108_000_000
        north, east = (kn * KN_MS * f(math.radians(course)) for f in (math.cos, math.sin))
        ships.append((round(place[0] * 600_000) + y, lon, north, east, loa_m))
    movers = np.zeros(len(ships), MOVER)
    for k, (lat, lon, north, east, loa_m) in enumerate(ships):
        movers[k] = (k, k, lat * M_PER_UNIT, lat, lon, north, east, loa_m)
    movers = movers[np.lexsort((movers["key"], movers["lat"]))]
    found = {(int(movers["key"][c["a"]]), int(movers["key"][c["b"]])): (float(c["cpa_m"]), float(c["tcpa_s"])) for c in closest(movers, Collision())}
    expected = approaches(ships)
    for pair in found.keys() ^ expected.keys():
        near_m, t_s = (found | expected)[pair]
        limits = [463.0, *(3.0 * max(ships[pair[0]][4], ships[pair[1]][4]) for _ in range(1))]
        assert min(abs(near_m - limit) for limit in limits) < 1.0 or min(abs(t_s), abs(t_s - 1200.0)) < 0.1, "only at the very limit"
    for pair in found.keys() & expected.keys():
        assert found[pair] == pytest.approx(expected[pair], rel=1e-6, abs=1e-3)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-75, 75), st.floats(-180, 179.999), st.floats(0, 45), st.floats(0, 360), st.floats(0, 120)), min_size=1, max_size=8),
)
def test_ships_are_moved_on_as_by_trigonometry(some):
    rows, more, movers = np.zeros(len(some), HOT), np.zeros(len(some), MORE), np.zeros(len(some), MOVER)
    for row, (lat_deg, lon_deg, kn, course_deg, seconds) in zip(rows, some, strict=True):
        row["lat"], row["lon"], row["speed_kn"] = round(lat_deg * 600_000), round(lon_deg * 600_000), kn
        row["cog"], row["t_ms"] = round(course_deg * 10) % 3600, T0 - round(seconds * 1000)
    _move(rows, more, np.arange(len(some)), T0, movers)
    for mover, row in zip(movers, rows, strict=True):
        north, east = (float(row["speed_kn"]) * KN_MS * f(math.radians(int(row["cog"]) / 10)) for f in (math.cos, math.sin))
        assert (mover["north"], mover["east"]) == pytest.approx((north, east), abs=1e-7)
        way = float(mover["north"]), float(mover["east"]), (T0 - int(row["t_ms"])) / 1000
        to_lat, to_lon = moved_on(int(row["lat"]), int(row["lon"]), *way)
        assert abs(int(mover["lat"]) - to_lat) <= 1.0
        assert abs((int(mover["lon"]) - to_lon + 108_000_000) % 216_000_000 - 108_000_000) <= 2.0
        assert float(mover["y_m"]) == pytest.approx(int(mover["lat"]) * M_PER_UNIT)


def test_two_ships_that_will_meet_and_neither_gives_way():
    (event,) = risks(ship(), ship(B, course=0.0, off_m=50.0))
    assert sorted(event.mmsi) == [A, B]
    assert event.state == "closed"
    assert event.measures["cpa_m_min"] == pytest.approx(50.0, abs=20)
    assert event.measures["advice"] == ADVICE
    assert abs(event.t_end - (T0 + 3_000_000)) <= 120_000
    assert T0 + 1_700_000 <= event.t_start <= T0 + 2_000_000, "twenty minutes before, within six miles"
    assert all(e.passed for e in event.evidence)


def test_it_is_told_when_it_has_held_for_a_minute():
    events, _ = watch(in_order(ship(), ship(B, course=0.0)), params=EVERYWHERE)
    first = next(e for e in events if e.subtype == "collision_risk")
    assert first.t_detected - first.t_start == 60_000


@pytest.mark.parametrize("hulls", [4, 6, TRACKS_MAX])
def test_any_hull_of_a_shared_number_may_be_at_risk(hulls):
    others = [ship(A, place=(40.0 + k, 10.4)) for k in range(hulls - 1)]
    for k, rows in enumerate(others):
        rows["t_ms"] += 1000 * (k + 1)
    last = ship(A)
    last["t_ms"] += 1000 * hulls
    rows = in_order(*others, last, ship(B, course=0.0, at_s=3000.0 + hulls))
    events, state = watch(rows, params=EVERYWHERE, cuts=range(0, 1200, 100), restarts=(2, 5, 8))
    found = [e for e in last_versions(events, "safety") if e.subtype == "collision_risk"]
    assert [sorted(s.key for s in e.subjects) for e in found] == [[f"{A}#{hulls - 1}", f"{B}#0"]]
    assert len(state.table) == hulls + 1


def test_who_passes_at_half_a_mile_is_no_risk():
    assert not risks(ship(), ship(B, course=0.0, off_m=900.0))


def test_lengths_widen_the_limit_but_not_on_opposite_courses():
    long = np.concatenate([static(A, loa_m=250), static(B, loa_m=250)])
    assert risks(ship(), ship(B, course=0.0, off_m=700.0), statics=long)
    assert not risks(ship(), ship(B, course=270.0, off_m=600.0), statics=long)
    assert risks(ship(), ship(B, course=270.0, off_m=100.0), statics=long)


def test_who_turns_away_at_once_tells_nothing():
    t = every(10, 1.2)
    rows = ship(B, course=0.0)
    turned = rows[t < 1900]
    away = ship(B, course=180.0, at_s=1900.0 - (3000.0 - 1900.0))[t >= 1900]
    assert len(risks(ship(), in_order(turned, away))) <= 1
    assert not risks(ship(), ship(B, course=180.0, at_s=-2000.0))


@pytest.mark.parametrize(("kind", "name"), [(52, "role"), (50, "role"), (53, "role"), (30, "both_fishing")])
def test_trades_that_come_close_by_intent_are_kept_back(kind, name):
    statics = np.concatenate([static(A, ship_type=kind, loa_m=40), static(B, ship_type=kind, loa_m=40)])
    (event,) = risks(ship(), ship(B, course=0.0), statics=statics)
    assert (event.state, event.reason) == ("candidate", f"suppressed: {name}")


def test_small_craft_a_convoy_and_ferries_of_a_line_are_kept_back():
    small = np.concatenate([static(A, ship_type=37, loa_m=12), static(B, ship_type=37, loa_m=12)])
    assert risks(ship(), ship(B, course=0.0), statics=small)[0].reason == "suppressed: both_small"
    assert risks(ship(kn=12.0), ship(B, course=95.0, kn=14.0))[0].reason == "suppressed: convoy"
    ferries = np.concatenate([static(A, ship_type=60, loa_m=150), static(B, ship_type=69, loa_m=150)])
    assert risks(ship(), ship(B, course=275.0, off_m=200.0), statics=ferries)[0].reason == "suppressed: ferries_of_a_line"
    assert risks(ship(), ship(B, course=275.0, off_m=30.0), statics=ferries)[0].state == "closed"


def test_old_fixes_and_missing_courses_make_no_pair():
    assert not risks(ship(), ship(B, course=0.0, step_s=170.0))
    blind = ship(B, course=0.0)
    blind["cog"] = 3600
    assert not risks(ship(), blind)


def test_confidence_falls_with_the_age_of_the_fix():
    fresh, old = (risks(ship(), ship(B, course=0.0, step_s=step))[0] for step in (10.0, 55.0))
    assert old.measures["fix_age_s"] > fresh.measures["fix_age_s"]
    assert old.confidence < fresh.confidence


def test_by_default_only_in_watched_zones():
    assert not risks(ship(), ship(B, course=0.0), params=Params())
    cove = 54.0, 10.02
    assert risks(ship(place=cove, kn=4.0), ship(B, course=0.0, kn=4.0, place=cove), params=Params())


def test_inshore_only_very_near():
    inshore = 54.3, 10.03
    assert not risks(ship(place=inshore, course=180.0), ship(B, course=225.0, place=inshore, off_m=900.0))
    assert risks(ship(place=inshore, course=180.0), ship(B, course=225.0, place=inshore, off_m=20.0))


def test_a_near_and_b_near_at_once_are_two_pairs():
    """T11: a peer keeps its state under one ship, so that the second partner overwrites the first."""
    found = risks(ship(), ship(B, course=0.0), ship(B + 1, course=180.0, off_m=60.0))
    pairs = {tuple(sorted(e.mmsi)) for e in found}
    assert {(A, B), (A, B + 1)} <= pairs


def test_presets_of_a_peer():
    encounter = preset("dma_close_encounter")
    encounter = Params(collision=Collision(**{**{f: getattr(encounter.collision, f) for f in Collision.__struct_fields__}, "everywhere": True}))
    long = np.concatenate([static(A, loa_m=150), static(B, loa_m=150)])
    assert risks(ship(), ship(B, course=0.0, off_m=50.0), statics=long, params=encounter)
    assert not risks(ship(), ship(B, course=0.0, off_m=400.0), statics=long, params=encounter)
    flow = preset("dma_free_flow")
    flow = Params(collision=Collision(**{**{f: getattr(flow.collision, f) for f in Collision.__struct_fields__}, "everywhere": True}))
    beside = ship(B, off_m=400.0)
    assert len(risks(ship(), beside, statics=long, params=flow)) == 1
    assert not risks(ship(), ship(B, course=0.0, off_m=400.0), statics=long, params=flow)


def test_across_the_date_line():
    assert risks(ship(place=(54.5, 180.0)), ship(B, course=0.0, place=(54.5, 180.0)))


@pytest.mark.parametrize("seed", [1, 2])
def test_cut_and_resumed_anywhere_it_is_the_same(seed):
    rng = np.random.default_rng(seed)
    rows = in_order(ship(), ship(B, course=0.0), ship(B + 1, course=200.0, at_s=3100.0))
    whole, _ = watch(rows, params=EVERYWHERE)
    cuts = sorted(rng.choice(len(rows), 60, replace=False).tolist())
    pieces, _ = watch(rows, params=EVERYWHERE, cuts=cuts, restarts=range(60))
    assert lines(whole) == lines(pieces)
    assert any(e.subtype == "collision_risk" for e in whole)


def test_without_zones_nothing_is_looked_at():
    class Empty(FlatSea):
        def has_zones(self, kinds):
            return False

        def in_zones(self, kinds, lat_deg, lon_deg):
            raise AssertionError

    assert not risks(ship(), ship(B, course=0.0), params=Params(), geography=Empty())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-89, 88), st.floats(-179.9, 179.9), st.floats(0.001, 1.0), st.floats(0.001, 2.0)), max_size=4), st.integers(0, 2**32 - 1))
def test_no_place_in_a_box_lies_in_a_square_that_is_left_out(boxes, seed):
    """Boxes may end beyond the date line."""
    rng = np.random.default_rng(seed)
    corners = np.array([(south, west, south + high, west + wide) for south, west, high, wide in boxes]).reshape(-1, 4)
    squares = squares_of(np.round(corners * 600_000).astype(np.int64))
    for south, west, north, east in np.round(corners * 600_000).astype(int).tolist():
        for share in rng.uniform(0, 1, (20, 2)):
            lat, lon = round(south + share[0] * (north - south)), round(west + share[1] * (east - west))
            lon = (lon + 108_000_000) % 216_000_000 - 108_000_000
            assert squares[(lat + 54_000_000) // SQUARE_UNITS, (lon + 108_000_000) // SQUARE_UNITS]
    assert squares_of(None).all()


def test_who_turns_all_the_time_is_not_where_her_course_points():
    wavering = ship()
    minute = (wavering["t_ms"] - T0) // 60_000 % 2
    wavering["cog"] = np.where(minute == 0, 820, 980)
    other = ship(B, course=0.0)
    assert not risks(wavering, other)
    assert risks(wavering, other, params=Params(collision=Collision(everywhere=True, turn_deg_max=180.0)))
