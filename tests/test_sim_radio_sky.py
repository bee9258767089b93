"""Far and thinned hearing: satellites with their passes and delays, aggregators, clocks that are off; the same bytes however the sea is cut."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import defaultdict
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dogwatch.errors import ConfigError
from sim.identity import Registry
from sim.motion import Plan
from sim.satellite import Satellite, deliveries, places, sees
from sim.scenario import T_START_MS, load_scenario
from sim.ship import BASE, BEACON, CLASS_A, Ship, assemble
from sim.simulate import Air, simulate
from tests.naive_sim import message, read_lines

SEA = """
name = "sky"
title = "Two stations through an aggregator, one of its own, two satellites"
region = [-5.0, 170.0, 5.0, -170.0]
duration_s = 2400.0

[[receivers]]
id = "one"
lat_deg = 0.0
lon_deg = 179.9
antenna_m = 300.0
relay_every_s = 60.0
delay_ms = [50.0, 5000.0]

[[receivers]]
id = "two"
lat_deg = 0.3
lon_deg = -179.8
antenna_m = 300.0
relay_every_s = 60.0
outages = [{ from_s = 300.0, to_s = 900.0 }]

[[receivers]]
id = "own"
lat_deg = 0.1
lon_deg = 180.0
antenna_m = 20.0
clock_offset_s = 7.0

[[satellites]]
id = "sky-1"
node_deg = 178.0
phase_deg = -20.0

[[satellites]]
id = "sky-2"
node_deg = -176.0
phase_deg = -70.0
relay_every_s = 300.0
ground = [[0.0, 160.0]]

[[fleets]]
kind = "fishing"
ais = "A"
count = 30
centre = [0.1, 179.9]
radius_nm = 30.0
speed_kn = [9.0, 16.0]

[[fleets]]
kind = "fishing"
count = 6
ais = "B"
centre = [0.1, 179.9]
radius_nm = 10.0
speed_kn = [9.0, 12.0]

[[fleets]]
kind = "fishing"
count = 6
ais = "B-SO"
centre = [0.1, 179.9]
radius_nm = 10.0
speed_kn = [16.0, 22.0]

[[behaviours]]
kind = "beacon"
at = [0.1, 179.95]
at_s = 600.0
duration_s = 300.0
"""


def bytes_of(text: str, **options) -> bytes:
    return b"".join(chunk.data for chunk in simulate(load_scenario(text, file="sky.toml"), 4, tag_time="ms", **options))


@lru_cache(maxsize=1)
def recording():
    """[(stamp ms, station, fields)] in order of arrival."""
    heard = [(h.stamp, h.station, message(h.bits)) for h in read_lines(bytes_of(SEA).splitlines())]
    assert len(heard) > 3000
    return heard


def by_vessel(stations: tuple[str, ...], kinds: tuple[int, ...]):
    found = defaultdict(list)
    for stamp, station, m in recording():
        if station in stations and m["msg_type"] in kinds:
            found[m["mmsi"]].append((stamp, m))
    assert found
    return found


def test_the_bytes_are_the_same_however_the_sea_is_cut():
    whole = bytes_of(SEA, duration_s=700)
    assert whole.count(b"EX-sky") > 100
    for chunk_s in (7, 61, 3600):
        assert bytes_of(f"chunk_s = {chunk_s}\n" + SEA, duration_s=700) == whole
    for start_ms in (17_123, 59_980):  # in the middle of a frame, and in its last slot
        odd = {bytes_of(f"chunk_s = {chunk_s}\n" + SEA, duration_s=100, t_start_ms=T_START_MS + start_ms) for chunk_s in (1, 50)}
        assert len(odd) == 1


def test_the_bytes_are_the_same_with_a_helper(monkeypatch):
    alone = bytes_of(SEA, duration_s=400)
    monkeypatch.setattr("sim.simulate.AHEAD_SHIPS", 1)
    assert bytes_of(SEA, duration_s=400) == alone
    assert bytes_of("chunk_s = 7\n" + SEA, duration_s=400) == alone


def test_without_the_compiler_the_sky_is_the_same():
    script = (
        "import warnings; warnings.simplefilter('ignore', RuntimeWarning)\n"
        "import hashlib; from tests.test_sim_radio_sky import *\n"
        "print(hashlib.sha256(bytes_of(SEA, duration_s=12)).hexdigest(), len(bytes_of(SEA, duration_s=12)) > 3000)"
    )
    digests = set()
    for jit_off in ("0", "1"):
        environment = {**os.environ, "NUMBA_DISABLE_JIT": jit_off, "PYTHONPATH": "."}
        run = subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[1], env=environment, check=True, capture_output=True, text=True)
        digests.add(run.stdout)
    assert len(digests) == 1
    assert digests.pop().endswith("True\n")


def test_an_aggregator_passes_on_one_position_per_vessel_and_minute_and_all_distress():
    relayed = ("EX-one", "EX-two")
    gaps = []
    for mmsi, reports in by_vessel(relayed, (1, 3, 18)).items():
        sent = sorted(stamp - (stamp // 1000 - m["sec"]) % 60 * 1000 for stamp, m in reports)  # by the second of the fix: delays differ
        if mmsi // 10_000_000 == 97:
            assert len(reports) > 30  # of forty in five minutes
            continue
        steps = np.diff(sent) / 1000
        assert (steps > 58).all()
        gaps += steps.tolist()
    assert len(gaps) > 500
    assert np.median(gaps) < 90  # a minute, and the 10 to 30 s to the next report
    statics = [len(rows) for rows in by_vessel(relayed, (5,)).values()]
    assert max(statics) <= 7  # forty minutes
    assert np.mean(statics) > 5
    assert {station for _, station, m in recording() if m["msg_type"] == 5} >= set(relayed)
    own = by_vessel(("EX-own",), (1, 3))
    assert max(map(len, own.values())) > 5 * max(map(len, by_vessel(relayed, (1, 3)).values()))


def test_a_clock_that_is_off_stamps_so_and_delivers_in_time():
    own = [(stamp, m) for stamp, station, m in recording() if station == "EX-own" and m["msg_type"] in (1, 3, 18) and m["sec"] < 60]
    lag_s = [(stamp / 1000 - m["sec"]) % 60 for stamp, m in own]
    assert len(lag_s) > 1000
    assert min(lag_s) >= 7
    assert max(lag_s) < 7 + 1 + 0.7 + 0.03
    seas = {offset: bytes_of(SEA.replace("clock_offset_s = 7.0", f"clock_offset_s = {offset}"), duration_s=120) for offset in (0.0, 7.0)}
    payloads = {offset: [line.split(b"!")[1].split(b",")[5] for line in data.splitlines()] for offset, data in seas.items()}
    assert payloads[0.0] == payloads[7.0]  # the order of arrival is that of the world's clock


def test_satellites_stamp_when_they_hear_and_deliver_after_a_contact():
    satellites = load_scenario(SEA, file="sky.toml").satellites
    latest, late_s = 0, defaultdict(list)
    for stamp, station, m in recording():
        if not station.startswith("EX-sky"):
            latest = max(latest, stamp)
            continue
        late_s[station].append((latest - stamp) / 1000)
        satellite = satellites[int(station[-1]) - 1]
        if m["msg_type"] in (1, 3, 18):
            since_s = (stamp - T_START_MS) / 1000
            assert seen(satellite, since_s, m["lat"] / 600_000, m["lon"] / 600_000) > satellite.least_elevation_deg - 3  # 30 s on its way
    assert len(late_s) == 2
    assert all(len(values) > 50 for values in late_s.values())
    assert max(late_s["EX-sky-1"]) > 600
    for station in late_s:  # dumps are in order of hearing
        stamps = [stamp for stamp, where, _ in recording() if where == station]
        assert sum(b < a for a, b in pairwise(stamps)) < 5


def seen(satellite: Satellite, since_s: float, lat: float, lon: float) -> float:
    """Elevation of a satellite at a place, by turning vectors: slow and obvious."""
    radius = 6371.0 + satellite.altitude_km
    way = math.radians(satellite.phase_deg) + math.sqrt(398_600.4 / radius**3) * since_s
    node, tilt = math.radians(satellite.node_deg) - 7.292115e-5 * since_s, math.radians(satellite.inclination_deg)
    x, y, z = math.cos(way), math.sin(way) * math.cos(tilt), math.sin(way) * math.sin(tilt)
    at = radius * np.array([x * math.cos(node) - y * math.sin(node), x * math.sin(node) + y * math.cos(node), z])
    lat, lon = math.radians(lat), math.radians(lon)
    up = np.array([math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)])
    line = at - 6371.0 * up
    return math.degrees(math.asin(float(line @ up) / float(np.linalg.norm(line))))


def test_orbits_agree_with_turned_vectors_and_keep_their_times():
    satellite = Satellite("x", altitude_km=550, inclination_deg=53.0, node_deg=20.0, phase_deg=100.0)
    times = np.arange(0.0, 86_400.0, 10.0)
    lat, lon = places(satellite, times)
    assert np.abs(lat).max() == pytest.approx(53.0, abs=0.1)
    assert np.abs(lon).max() <= 180
    rounds = ((lat[1:] >= 0) & (lat[:-1] < 0)).sum()
    assert rounds in (15, 16)  # 95.5 minutes each
    place = (45.0, -60.0)
    view = sees(satellite, times, place, 10.0)
    assert 0.01 < view.mean() < 0.1
    for k in range(0, len(times), 7):
        elevation = seen(satellite, float(times[k]), *place)
        assert abs(elevation - 10.0) < 0.1 or view[k] == (elevation > 10.0)


def test_what_is_heard_out_of_contact_waits_for_the_next_one():
    satellite = Satellite("x", ground=[(78.2, 15.4)], delay_s=(60.0, 60.0))
    arrive = deliveries([satellite], np.uint64(1), 0, 6 * 3_600_000)[0]
    step_ms = np.arange(len(arrive)) * 10_000
    wait_s = (arrive - step_ms) / 1000
    contact = sees(satellite, step_ms / 1000.0, (78.2, 15.4), 5.0)
    assert (wait_s[contact] == 60).all()
    assert (wait_s[~contact] > 60).all()
    assert 1000 < wait_s.max() < 12 * 3600
    assert (np.diff(arrive) >= 0).all()


def heard_from_above(ships: list[Ship], minutes: int = 12):
    """What a satellite overhead hears of ships (delivered at once), as [(stamp, fields)]."""
    world, end_ms = assemble(ships, T_START_MS), T_START_MS + minutes * 60_000
    satellite = Satellite("up", node_deg=0.0, phase_deg=-20.0, heard_share_max=1.0, ground=[(0.0, 0.0)], delay_s=(0.0, 0.0))
    air = Air(world, [], 5, T_START_MS, end_ms, tag_time="ms", satellites=[satellite])
    return [(h.stamp, message(h.bits)) for h in read_lines(air.step(end_ms).splitlines())]


def spread(n: int, rng: np.random.Generator) -> list[Ship]:
    registry = Registry()
    where = rng.uniform(-12, 12, (n, 2))
    who = [registry.vessel(rng, "NZ", 70, 150.0, class_b=False) for _ in range(n)]
    return [Ship(who[i], CLASS_A, Plan(-60, *map(float, where[i])).run(90.0, 12.0, 7200.0)) for i in range(n)]


def test_a_satellite_over_many_hears_a_smaller_share_but_most_of_type_27():
    shares, long_range = [], []
    for n in (30, 600, 1500):
        heard = heard_from_above(spread(n, np.random.default_rng(2)), 6)
        shares.append(sum(m["msg_type"] in (1, 3) for _, m in heard) / n)
        long_range.append(sum(m["msg_type"] == 27 for _, m in heard) / n)
    assert shares[0] > 25  # six minutes of reports every ten seconds, less what sets below its least elevation send
    assert shares[1] < 0.6 * shares[0]
    assert shares[2] < 0.4 * shares[1]
    assert long_range[2] > 0.6 * long_range[0] > 0.6


def test_type_27_is_for_the_open_sea_and_is_coarse():
    rng, registry = np.random.default_rng(1), Registry()
    near, far, small = (registry.vessel(rng, "NZ", 70, 150.0, class_b=False) for _ in range(3))
    ships = [
        Ship(registry.station("base", "NZ", "BASE"), BASE, Plan(-60, 0.0, 0.0).stay(7200, nav=0, heading_deg=0.0)),
        Ship(near, CLASS_A, Plan(-60, 0.1, 0.0).run(90.0, 12.0, 7200.0)),
        Ship(far, CLASS_A, Plan(-60, 3.0, 0.0).run(47.0, 14.4, 7200.0)),
        Ship(small, CLASS_A, Plan(-60, 3.0, 1.0).run(47.0, 14.4, 7200.0), long_range=False),
        Ship(registry.beacon("mob", test=False), BEACON, Plan(-60, 3.0, 2.0).run(0.0, 1.0, 7200.0, nav=14)),
    ]
    heard = [(stamp, m) for stamp, m in heard_from_above(ships) if m["msg_type"] == 27]
    assert {m["mmsi"] for _, m in heard} == {far.mmsi}
    assert all((m["sog"], m["nav"], abs(m["cog"] - 47) < 4) in ((14, 0, True), (15, 0, True)) for _, m in heard)
    assert all(abs(m["lat"] / 600 - 3.0) < 0.1 for _, m in heard)
    steps = np.diff([stamp for stamp, _ in heard]) / 1000
    assert len(steps) >= 2
    assert all(any(abs(step - k * 180) < 36.1 for k in (1, 2)) for step in steps)


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ("node_deg = 178.0", "altitude_km = 20.0", "a satellite that cannot be"),
        ("ground = [[0.0, 160.0]]", "ground = []", "a satellite that cannot be"),
        ("ground = [[0.0, 160.0]]", "ground = [[0.0, 190.0]]", "no usable position"),
        ('id = "sky-2"', 'id = "sky 2"', "a receiver id is"),
        ("relay_every_s = 300.0", "relay_every_s = -1.0", "out of range"),
        ("delay_ms = [50.0, 5000.0]", "delay_ms = [5000.0, 50.0]", "least <= most"),
        ("clock_offset_s = 7.0", "clock_offset_s = nan", "out of range"),
    ],
)
def test_listeners_that_cannot_be_are_refused_with_their_line(was, becomes, words):
    assert SEA.count(was) == 1
    with pytest.raises(ConfigError, match=words) as fault:
        load_scenario(SEA.replace(was, becomes), file="sky.toml")
    assert fault.value.line is not None
    assert fault.value.remedy
