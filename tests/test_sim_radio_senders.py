"""Senders: each kind of set sends the messages of its kind, at the intervals of the standard."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from dogwatch.geo import great_circle_m
from sim.identity import Registry
from sim.motion import Plan, state_at
from sim.receiver import Receiver
from sim.scenario import T_START_MS
from sim.ship import AIRCRAFT, Ship, assemble
from sim.simulate import Air
from tests.naive_sim import message, read_lines

AT = (-20.0, 60.0)


def heard(ships: list[Ship], minutes: int):
    """{(mmsi, type): [(ms of the run, fields)]} as one station at AT hears them, and the world."""
    world = assemble(ships, T_START_MS)
    end_ms = T_START_MS + minutes * 60_000
    air = Air(world, [Receiver("mast", *AT, antenna_m=300.0, heard_share_max=1.0, delay_ms=(0.0, 0.0))], 5, T_START_MS, end_ms, tag_time="ms")
    found = defaultdict(list)
    for one in read_lines(air.step(end_ms).splitlines()):
        m = message(one.bits)
        found[m["mmsi"], m["msg_type"]].append((one.stamp - T_START_MS, m))
    return found, world


def test_a_rescue_aircraft_flies_fast_and_high():
    plan = Plan(-60, *AT).run(90.0, 140.0, 3600.0)
    found, world = heard([Ship(Registry().aircraft("NZ"), AIRCRAFT, plan, altitude_m=450.0)], 15)
    ((mmsi, kind), reports), *rest = found.items()
    assert (mmsi // 1_000_000, kind, rest) == (111, 9, [])
    assert mmsi // 1000 % 1000 == 512
    gaps_s = np.diff([t for t, _ in reports]) / 1000
    assert len(gaps_s) > 80
    assert abs(gaps_s.mean() - 10.0) < 0.3
    assert {m["sog"] for _, m in reports} <= {139, 140, 141}
    assert all(abs(m["alt_m"] - 450) < 40 for _, m in reports)
    for t_ms, m in reports:
        lat, lon, *_ = state_at(world.knots, 0, int(world.ships[0]["last"]), T_START_MS + t_ms // 1000 * 1000)
        assert great_circle_m(m["lat"] / 600_000, m["lon"] / 600_000, lat, lon) < 100
