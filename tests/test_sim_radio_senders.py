"""Senders: each kind of set sends the messages of its kind, at the intervals of the standard."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from dogwatch.geo import great_circle_m
from sim.identity import Registry
from sim.motion import Plan, state_at
from sim.receiver import Receiver
from sim.scenario import T_START_MS
from sim.ship import AIRCRAFT, BEACON_TEST, CLASS_A, CLASS_B, Ship, assemble
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


def test_sets_without_compass_or_turn_indicator_are_as_many_as_in_recordings():
    rng, registry = np.random.default_rng(1), Registry()
    plan = Plan(-60, *AT).run(0.0, 10.0, 100.0).run(60.0, 10.0, 100.0).run(0.0, 10.0, 900.0)
    tracks = []
    for _ in range(8):  # all at one place would drown each other
        ships = [Ship(registry.vessel(rng, "NZ", 70, 120.0, class_b=False), CLASS_A, plan) for _ in range(30)]
        ships = [Ship(registry.beacon("mob", test=True), BEACON_TEST, Plan(99, *AT))] * len(tracks) + ships  # other places in the table are other sets
        found, _ = heard(ships, 5)
        tracks += [found[int(ship.identity.mmsi), 1] + found[int(ship.identity.mmsi), 3] for ship in ships[-30:]]
    assert min(map(len, tracks)) > 10
    bare = [{m["hdg"] == 511 and m["rot"] == -128 for _, m in track} for track in tracks]
    assert all(len(kinds) == 1 for kinds in bare)
    assert 0.1 < np.mean([True in kinds for kinds in bare]) < 0.25
    clipped = [any(abs(m["rot"]) == 127 for _, m in track) for track in tracks]
    assert 0.2 < np.mean(clipped) < 0.4
    assert all(m["rot"] in (0, 127, -127) for track, yes in zip(tracks, clipped) if yes for _, m in track)


def test_class_b_sets_say_who_they_are_in_type_24_or_19():
    rng, registry = np.random.default_rng(1), Registry()
    ships = [Ship(registry.vessel(rng, "NZ", 37, 12.0, class_b=True), CLASS_B, Plan(-60, *AT).run(0.0, 8.0, 4000.0)) for _ in range(120)]
    found, _ = heard(ships, 30)
    extended = 0
    for ship in ships:
        mmsi = int(ship.identity.mmsi)
        halves = [m["part"] for _, m in found[mmsi, 24]]
        names = {m["name"] for _, m in found[mmsi, 19]}
        extended += bool(names)
        assert names <= {ship.identity.name}
        assert bool(names) != bool(halves)
        assert not halves or abs(halves.count(0) - halves.count(1)) <= 2
        assert 3 <= len(halves) / 2 + len(found[mmsi, 19]) <= 5.5
        gaps = np.diff([t for t, _ in found[mmsi, 18]]) / 1000
        assert (gaps > 19).all()  # half a minute, and each within five seconds of its time
    assert 5 <= extended <= 27
