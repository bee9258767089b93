"""Scripted ships keep to the water, and know to the tenth of a second when they cross a border."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import shapely

from dogwatch.geo import great_circle_m
from sim.area import Area, belt, crossings, depth_of, inward_deg, place_at
from sim.helm import MARGIN_NM, afloat, arrive, keeps_to_water, sail
from sim.motion import Plan, knot_rows, state_at
from sim.sea import Sea, shore_nm

STRAIT = (-42.9, 171.9, -39.4, 177.3)
SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ship_that_sails_on_for_hours_never_meets_the_land(seed):
    rng = np.random.default_rng(seed)
    at = Sea(STRAIT).place(rng, (2.0, 20.0))
    course, speed = float(rng.uniform(0, 360)), float(rng.uniform(6, 20))
    plan = sail(arrive(at, 7200.0, course + 180, speed), course, speed, 14_400.0)
    assert plan.knots[0][0] == -60
    assert plan.t_s == pytest.approx(21_600)
    assert place_at(plan, 7200.0) == pytest.approx(at, abs=0.003)
    rows = knot_rows(plan, 0)
    for t_s in range(-60, 21_600, 20):
        lat, lon, *_ = state_at(rows, 0, len(rows), t_s * 1000)
        assert shore_nm(lat, lon) > 0.7 * MARGIN_NM
    assert keeps_to_water(plan)
    assert not afloat([at, (-41.5, 173.6)])  # a place on land


def test_in_open_water_a_course_is_a_straight_line():
    plan = sail(Plan(0, -30.0, -150.0), 77.0, 12.0, 36_000.0)
    straight = Plan(0, -30.0, -150.0).run(77.0, 12.0, 36_000.0)
    assert great_circle_m(*plan.at, *straight.at) < 2500  # ten hours; the scale of longitude is taken leg by leg
    assert {round(k[1] - a[1], 3) for a, k in zip(plan.knots, plan.knots[1:-1])} == {round(plan.knots[1][1] + 30.0, 3)}


def test_with_no_way_out_a_ship_lies_still():
    pond = (-41.5, 173.6)  # ashore
    assert sail(Plan(0, *pond), 90.0, 10.0, 1000.0).at == pond


@pytest.mark.parametrize("seed", SEEDS)
def test_depth_agrees_with_a_geometry_library(seed):
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * math.pi, 7))
    ring = [(float(0.3 * math.cos(a) * r), float(0.3 * math.sin(a) * r)) for a, r in zip(angles, rng.uniform(0.5, 1, 7))]
    polygon, depth = shapely.Polygon([(lon, lat) for lat, lon in ring]), depth_of(Area("a", "watch", ring))
    line, strip = shapely.LineString([(lon, lat) for lat, lon in ring]), depth_of(Area("b", "corridor", ring, line=True, buffer_nm=2.0))
    for lat, lon in rng.uniform(-0.4, 0.4, (50, 2)):
        point = shapely.Point(lon, lat)
        inside = polygon.exterior.distance(point) * 60 * (1 if polygon.contains(point) else -1)
        assert depth(lat, lon) == pytest.approx(inside, abs=0.02)
        assert strip(lat, lon) == pytest.approx(2.0 - line.distance(point) * 60, abs=0.02)


def test_the_left_of_a_line_is_inside_also_across_the_date_line():
    depth = depth_of(Area("l", "border", [(-10.0, 179.9), (10.0, -179.9)], line=True))  # north-bound: its left is the west
    assert depth(0.0, 179.5) == pytest.approx(30, abs=0.2)
    assert depth(0.0, -179.5) == pytest.approx(-30, abs=0.2)
    box = depth_of(Area("z", "eez", [(-1.0, 179.0), (-1.0, -179.0), (1.0, -179.0), (1.0, 179.0)]))
    assert box(0.0, 180.0) == pytest.approx(60, abs=0.1)
    assert box(0.0, 178.5) == pytest.approx(-30, abs=0.1)


def test_crossings_are_exact():
    depth = depth_of(Area("l", "border", [(0.0, 10.0), (1.0, 10.0)], line=True))
    plan = Plan(0, 0.5, 10.1).to(0.5, 9.9, 12.0).to(0.5, 10.1, 12.0)
    rows = knot_rows(plan, 0)
    (first, inward), (second, outward) = crossings(plan, depth, 0.0, plan.t_s - 1)
    assert (inward, outward) == (True, False)
    assert first == pytest.approx(1800, abs=1)
    for t_s in (first, second):
        assert abs(place_at(plan, t_s)[1] - 10.0) * 60 * 1852 < 1.0
    sides = [state_at(rows, 0, len(rows), t * 1000)[1] <= 10.0 for t in range(0, round(plan.t_s) - 1)]
    assert sum(a != b for a, b in itertools.pairwise(sides)) == 2


def test_past_the_end_of_a_line_there_is_no_border():
    depth = depth_of(Area("l", "border", [(0.0, 10.0), (1.0, 10.0)], line=True))
    plan = Plan(0, 1.2, 10.1).to(1.2, 9.9, 12.0)
    assert depth(1.2, 9.95) > 0 > depth(1.2, 10.05)
    assert crossings(plan, depth, 0.0, plan.t_s - 1) == []


def test_the_belt_is_deepest_toward_the_coast():
    at = Sea(STRAIT).place(np.random.default_rng(3), (13.0, 15.0))
    depth = belt(12.0)
    assert depth(*at) == pytest.approx(12.0 - shore_nm(*at))
    bearing = inward_deg(depth, *at)
    ahead = Plan(0, *at).run(bearing, 10.0, 720.0).at
    assert depth(*ahead) - depth(*at) == pytest.approx(2.0, abs=0.1)
