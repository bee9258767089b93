"""Lies: what is told differs from what is true exactly as the lie says, and nobody hears a ship where she only says she is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.geo import great_circle_m
from sim.identity import Registry
from sim.lie import LIE_DTYPE, Lie, lie_of, told
from sim.motion import Plan, offset, state_at
from sim.receiver import Receiver
from sim.scenario import T_START_MS
from sim.ship import CLASS_A, CLASS_B, Ship, assemble
from sim.simulate import Air
from tests.naive_sim import message, read_lines

AT = (10.0, 179.9)  # beside the date line, where careless arithmetic breaks
POSITIONS = (1, 3, 18)


def heard(lies: list[tuple[Lie, int]], *, at=AT, minutes=20):
    """Two ships, one hearing station at AT: {mmsi: [(second of the run, fields)]} of position reports, and the world."""
    rng, registry = np.random.default_rng(3), Registry()
    ships = [
        Ship(registry.vessel(rng, "NZ", 70, 120.0, class_b=False), CLASS_A, Plan(-60, *at).run(80.0, 12.0, 7200.0)),
        Ship(registry.vessel(rng, "NZ", 37, 12.0, class_b=True), CLASS_B, Plan(-60, at[0] - 0.02, at[1] - 0.02).run(45.0, 6.0, 7200.0)),
    ]
    world = assemble(ships, T_START_MS, lies)
    end_ms = T_START_MS + minutes * 60_000
    air = Air(world, [Receiver("mast", *AT, antenna_m=100.0, heard_share_max=1.0, delay_ms=(0.0, 0.0))], 5, T_START_MS, end_ms, tag_time="ms")
    tracks: dict[int, list] = {int(ship["mmsi"]): [] for ship in world.ships}
    for found in read_lines(air.step(end_ms).splitlines()):
        m = message(found.bits)
        if m["msg_type"] in POSITIONS:
            tracks[m["mmsi"]].append(((found.stamp - T_START_MS) // 1000, m))
    return list(tracks.values()), world


def true_place(world, who: int, t_s: int):
    return state_at(world.knots, int(world.ships[who]["first"]), int(world.ships[who]["last"]), T_START_MS + t_s * 1000)


def place(m):
    return m["lat"] / 600_000, m["lon"] / 600_000


def test_an_offset_moves_the_place_and_nothing_else():
    (ship, boat), world = heard([(Lie(mode="offset", start_s=300, end_s=900, north_m=-4000.0, east_m=9000.0), 0)])
    inside = 0
    for t_s, m in ship:
        lat, lon, *_ = true_place(world, 0, t_s)
        lying = 300 <= t_s < 900
        inside += lying
        expected = offset(*offset(lat, lon, 180.0, 4000.0), 90.0, 9000.0) if lying else (lat, lon)
        assert great_circle_m(*place(m), *expected) < 30
        assert abs(m["sog"] - 120) < 5
        assert abs(m["cog"] - 800) < 40
        assert abs(m["lon"]) <= 180 * 600_000
    assert inside > 50
    assert all(great_circle_m(*place(m), *true_place(world, 1, t_s)[:2]) < 30 for t_s, m in boat)


def test_a_circle_goes_round_its_centre_and_its_courses_come_from_nowhere():
    centre = (10.5, -179.7)
    (ship, _), _ = heard([(Lie(mode="circle", start_s=0, end_s=9999, to=centre, radius_m=1500.0, period_s=600.0), 0)])
    angles = []
    for t_s, m in ship:
        lat, lon = place(m)
        assert great_circle_m(*centre, lat, lon) == pytest.approx(1500.0, abs=30)
        assert m["sog"] / 10 == pytest.approx(2 * math.pi * 1500 / 600 / 0.514444, abs=0.5)
        angles.append((t_s, math.atan2((lon - centre[1]) * math.cos(math.radians(lat)), lat - centre[0])))
    (t_0, first), *rest = angles
    for t_s, angle in rest:  # clockwise, once in ten minutes
        turned = (angle - first) - 2 * math.pi * (t_s - t_0) / 600
        assert abs(math.remainder(turned, 2 * math.pi)) < 0.03
    off = [abs(math.remainder(m["cog"] / 10 - math.degrees(angle) - 90, 360)) for (_, m), (_, angle) in zip(ship, angles)]
    assert len(off) > 100
    assert np.mean(np.array(off) > 60) > 0.9  # from nowhere, and never along the circle
    assert len({m["hdg"] for _, m in ship}) < 10  # the compass does not listen to satellites


def test_in_an_area_every_vessel_inside_tells_a_spot_of_its_own():
    target = (11.0, 179.0)
    lie = Lie(mode="fixed", start_s=60, end_s=1200, at=AT, area_nm=2.0, to=target, radius_m=400.0)
    tracks, world = heard([(lie, -1)], minutes=35)
    spots = []
    for who, track in enumerate(tracks):
        lying = [(t, m) for t, m in track if great_circle_m(*AT, *true_place(world, who, t)[:2]) < 2 * 1852 - 20 and 60 <= t < 1200]
        free = [(t, m) for t, m in track if great_circle_m(*AT, *true_place(world, who, t)[:2]) > 2 * 1852 + 20 or t < 60 or t >= 1200]
        assert len(lying) > 5
        assert len(free) > 5
        assert all(great_circle_m(*place(m), *target) < 430 for _, m in lying)
        assert all(great_circle_m(*place(m), *true_place(world, who, t)[:2]) < 30 for t, m in free)
        spots.append(place(lying[0][1]))
        assert all(great_circle_m(*place(m), *spots[-1]) < 60 for _, m in lying)
        assert all(abs(m["sog"] - (120, 60)[who]) < 6 for _, m in lying)
    assert great_circle_m(*spots[0], *spots[1]) > 60


def test_a_lost_place_says_nothing_but_that():
    (ship, _), _ = heard([(Lie(mode="lost", start_s=300, end_s=900), 0)])
    lost = [m for t, m in ship if 300 <= t < 900]
    assert len(lost) > 50
    assert {(m["lat"], m["lon"], m["sog"], m["cog"], m["sec"]) for m in lost} == {(91 * 600_000, 181 * 600_000, 1023, 3600, 63)}
    assert all(m["hdg"] < 360 for m in lost)
    assert all(m["sec"] < 60 for t, m in ship if not 300 <= t < 900)


def test_a_ship_out_of_reach_is_not_heard_for_saying_that_she_is_here():
    (ship, _), _ = heard([(Lie(mode="fixed", start_s=0, end_s=9999, to=AT, radius_m=100.0), 0)], at=(14.0, 179.9))
    assert not ship
    (ship, _), _ = heard([(Lie(mode="fixed", start_s=0, end_s=9999, to=(60.0, 0.0), radius_m=100.0), 0)])
    assert len(ship) > 100


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 2), st.floats(-70, 70), st.floats(-200, 200), st.integers(0, 4000))
def test_kernel_agrees_with_its_slow_twin(seed, mode, lat, lon, t_s):
    rng = np.random.default_rng(seed)
    lies = np.zeros(4, LIE_DTYPE)
    lies["from_ms"] = rng.integers(0, 2000, 4) * 1000
    lies["to_ms"] = lies["from_ms"] + rng.integers(0, 3000, 4) * 1000
    lies["who"], lies["mode"] = rng.integers(-1, 3, 4), mode
    lies["lat_deg"], lies["lon_deg"] = lat + rng.normal(0, 0.2, 4), lon + rng.normal(0, 0.2, 4) + rng.choice([0, 360, -360], 4)
    lies["area_nm"], lies["radius_m"], lies["period_ms"] = rng.uniform(1, 20, 4), 800.0, -300_000.0
    lies["to_lat_deg"], lies["to_lon_deg"], lies["north_m"], lies["east_m"] = 5.0, 6.0, 700.0, -300.0
    who, t_ms = 1, t_s * 1000
    expected = -1
    for k in range(3, -1, -1):
        row = lies[k]
        near_m = great_circle_m(float(row["lat_deg"]), float(row["lon_deg"]), lat, lon)
        if abs(near_m - row["area_nm"] * 1852) < 0.01 * near_m and row["who"] < 0:
            return  # on the rim the plane and the sphere may differ
        if row["from_ms"] <= t_ms < row["to_ms"] and (row["who"] == who or (row["who"] < 0 and near_m < row["area_nm"] * 1852)):
            expected = k
    assert lie_of(lies, who, t_ms, lat, lon) == expected
    if expected < 0:
        return
    to_lat, to_lon, north, east = told(lies, expected, np.uint64(9), who, t_ms, lat, lon, 1.0, 2.0)
    if mode == 0:
        assert (to_lat, to_lon) == pytest.approx(offset(*offset(lat, lon, 0.0, 700.0), 270.0, 300.0), abs=1e-5)
    else:
        away_m = great_circle_m(5.0, 6.0, to_lat, to_lon)
        assert away_m == pytest.approx(800.0, rel=0.01) if mode == 1 else away_m < 810
    if mode == 1:
        later = told(lies, expected, np.uint64(9), who, t_ms + 1000, lat, lon, 1.0, 2.0)
        assert (later[0] - to_lat) * 111_120 == pytest.approx(north, abs=0.3)
        assert math.hypot(north, east) == pytest.approx(2 * math.pi * 800 / 300)
    else:
        assert (north, east) == (1.0, 2.0)
