"""The benchmark of a whole sea: its scenario is one that the program takes, and counts what it says it counts."""

from __future__ import annotations

import pytest

from benchmarks.sim import RELAY_S, measure, scenario, spread
from dogwatch.errors import InputError
from sim.scenario import load_scenario


def sea(vessels: int, hours: float):
    try:
        return load_scenario(scenario(vessels, hours), file="bench.toml")
    except InputError as fault:
        pytest.skip(f"no ports built: {fault}")


def test_the_sea_holds_the_vessels_that_it_says():
    assert sorted(spread(10, 4)) == [2, 2, 3, 3]
    found = sea(20_000, 24.0)
    assert abs(sum(fleet.count for fleet in found.fleets) - 20_000) < 10
    assert len(found.receivers) > 50
    assert {receiver.relay_every_s for receiver in found.receivers} == {RELAY_S}


def test_a_short_run_is_measured():
    sea(60, 0.1)
    row = measure(60, 0.1)
    assert 100 < row["positions"] < row["lines"] < 2_000
    assert row["cpu_s"] > 0
    assert row["memory_mb"] > 50
