"""Small simulated recordings for tests of the whole pipeline, made once per session."""

from __future__ import annotations

from functools import lru_cache

from sim.scenario import Scenario, load_scenario
from sim.simulate import simulate

SMALL = """
name = "small"
title = "a small sea with one of each behaviour"
region = [-41.9, 173.6, -40.5, 175.4]
duration_s = 6000

[[receivers]]
id = "HILL"
lat_deg = -41.29
lon_deg = 174.62
antenna_m = 300.0

[[receivers]]
id = "CAPE"
lat_deg = -41.10
lon_deg = 174.80
antenna_m = 150.0

[[routes]]
name = "through"
points = [[-40.75, 174.35], [-41.20, 174.50], [-41.70, 174.75]]

[[fleets]]
kind = "lane"
count = 14
route = "through"

[[fleets]]
kind = "leisure"
count = 3
ais = "B"
centre = [-41.45, 174.60]
ship_types = [37]
loa_m = [9.0, 20.0]
speed_kn = [4.0, 6.0]

[[stations]]
kind = "base"
name = "HILL"
at = [-41.29, 174.62]

[[behaviours]]
kind = "loitering"
at = [-41.55, 174.75]
duration_s = 5400.0

[[behaviours]]
kind = "rendezvous"
at = [-41.50, 174.95]
start_s = 420.0
duration_s = 3600.0

[[behaviours]]
kind = "dark_period"
points = [[-40.95, 174.35], [-41.60, 174.60]]
silent_from_s = 1200.0
silent_s = 3000.0

[[behaviours]]
kind = "beacon"
at = [-41.40, 174.55]
at_s = 1500.0
duration_s = 600.0

[[behaviours]]
kind = "beacon"
at = [-41.35, 174.65]
at_s = 600.0
duration_s = 300.0
test = true
"""


def small_scenario() -> Scenario:
    """The scenario of `SMALL`."""
    return load_scenario(SMALL, file="tests/seas.py")


@lru_cache(maxsize=4)
def recording(seed: int = 3, duration_s: float | None = None) -> bytes:
    """NMEA bytes of the small sea."""
    return b"".join(chunk.data for chunk in simulate(small_scenario(), seed, duration_s=duration_s))
