"""All scenes of position, identity, borders, cables and distress together: anywhere in the world, in any chunks, seen by whoever would hear them."""

from __future__ import annotations

import hashlib
from typing import get_args

import pytest

from dogwatch.times import from_iso
from sim.behaviours import Bounds, Distress, Infra, Position, Who
from sim.cast import cast
from sim.scenario import T_START_MS, load_scenario
from sim.scene import table_name
from sim.simulate import simulate
from sim.truth import TRAFFIC, truth_rows
from tests.scene_harness import WATERS, assert_afloat, behaviour

KINDS = sorted(table_name(k.__name__) for union in (Position, Who, Bounds, Infra, Distress) for k in get_args(union))
REGIONS = {
    "strait of malacca": ((1.0, 100.5, 4.5, 104.5), (2.6, 102.0), [[2.1, 101.8], [3.0, 101.0]]),
    "sicily": ((34.5, 12.0, 38.5, 17.5), (36.6, 15.1), [[36.3, 14.5], [37.1, 16.0]]),
    "the date line": ((-19.5, 176.0, -15.5, -178.0), (-17.8, 178.4), [[-18.5, 178.6], [-18.2, 179.4]]),
    "the far north": ((67.0, 10.0, 71.0, 18.0), (68.5, 15.0), [[68.2, 13.9], [69.3, 14.2]]),
}


def elsewhere(region: str, tables: str) -> str:
    (south, west, north, east), (lat, lon), cable = REGIONS[region]
    return f"""
name = "elsewhere"
title = "{region}"
region = [{south}, {west}, {north}, {east}]
duration_s = 10800.0
chunk_s = 600

[[receivers]]
id = "high"
lat_deg = {lat}
lon_deg = {lon}
antenna_m = 700.0

[[zones]]
id = "cable-1"
zone_kind = "corridor"
line = true
buffer_nm = 0.5
points = {cable}
{tables}"""


@pytest.mark.parametrize("region", REGIONS)
def test_every_kind_finds_its_place_in_any_sea(region):
    scenario = load_scenario(elsewhere(region, "".join(map(behaviour, KINDS))), file="elsewhere.toml")
    found = cast(scenario, 3, scenario.duration_s).scenes
    assert [scene.kind for scene in found] == KINDS
    assert all(scene.facts and scene.ships for scene in found)
    assert_afloat(found, 240)
    for scene in found:
        for fact in scene.facts:
            assert fact.cause
            assert fact.start_s <= fact.end_s
            if fact.innocent and fact.type != "loitering" and scene.kind != "assist":
                assert all(f.innocent for f in scene.facts)


@pytest.mark.parametrize("duration_s", [60.0, 1500.0, 4000.0])
def test_a_world_that_ends_early_cuts_the_facts_short(duration_s):
    scenario = load_scenario(elsewhere("sicily", "".join(map(behaviour, KINDS))), file="elsewhere.toml")
    rows = truth_rows(scenario, 3, duration_s=duration_s)
    assert len(rows) > 5
    for row in rows:
        begin, end = from_iso(row["t_start"]), from_iso(row["t_end"])
        assert T_START_MS <= begin <= end <= T_START_MS + duration_s * 1000 + 1


def test_chunks_change_nothing():
    tables = elsewhere("sicily", "".join(map(behaviour, KINDS)))
    digests = set()
    for chunk_s in (600, 41):
        scenario = load_scenario(tables.replace("chunk_s = 600", f"chunk_s = {chunk_s}"), file="elsewhere.toml")
        data = b"".join(chunk.data for chunk in simulate(scenario, 3, duration_s=2400))
        assert len(data) > 100_000
        digests.add(hashlib.sha256(data).hexdigest())
    assert len(digests) == 1


def test_who_is_visible_follows_stations_outages_and_satellites():
    tables = behaviour("position_offset") + behaviour("class_conflict") + behaviour("beacon")
    dead = WATERS.replace("lat_deg = -41.3", "outages = [{ from_s = 0.0, to_s = 20000.0 }]\nlat_deg = -41.3")
    orbits = [(node, phase) for node in range(0, 360, 30) for phase in range(0, 360, 45)]
    sky = "".join(f'\n[[satellites]]\nid = "sat-{k}"\nnode_deg = {node}.0\nphase_deg = {phase}.0\n' for k, (node, phase) in enumerate(orbits))
    seen = {}
    for name, text in (("alive", WATERS), ("dead", dead), ("above", dead + sky)):
        rows = truth_rows(load_scenario(text + tables, file="scenes.toml"), 2)
        seen[name] = {row["behaviour"] for row in rows if row["visible"] and row["behaviour"] != TRAFFIC}
    assert seen["alive"] >= {"position_offset", "beacon"}
    assert seen["dead"] == set()
    assert seen["above"] == {"position_offset", "class_conflict"}  # a device in the water is too weak for a satellite
