"""A sea for scenes: behaviours as TOML in front of one high receiver, what is played of it, who is scripted. May hold: what the tests of scenes share."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from dogwatch.geo import great_circle_m
from sim.cast import Cast, cast
from sim.motion import Plan, knot_rows, state_at
from sim.scenario import T_START_MS, Scenario, load_scenario
from sim.scene import Fact, Scene
from sim.sea import shore_nm
from sim.ship import AIRCRAFT
from sim.simulate import simulate
from sim.truth import CLOSE_PASS, ODD_SPEED, TRAFFIC, truth_rows
from tests.naive_sim import message, read_lines

WATERS = """
name = "scenes"
title = "A strait with one high receiver"
region = [-42.3, 173.9, -40.2, 176.0]
duration_s = 10800.0
chunk_s = 600

[[receivers]]
id = "hill"
lat_deg = -41.3
lon_deg = 174.9
antenna_m = 900.0
heard_share_max = 1.0
delay_ms = [50.0, 400.0]
"""


def sea(tables: str, duration_s: float = 10_800.0) -> Scenario:
    """The waters with more tables."""
    return load_scenario(WATERS.replace("duration_s = 10800.0", f"duration_s = {duration_s}") + tables, file="scenes.toml")


def behaviour(kind: str, extra: str = "") -> str:
    return f'\n[[behaviours]]\nkind = "{kind}"\n{extra}\n'


def scenes(tables: str, seed: int) -> list[Scene]:
    return everybody(tables, seed).scenes


@lru_cache(maxsize=8)
def everybody(tables: str, seed: int) -> Cast:
    scenario = sea(tables)
    return cast(scenario, seed, scenario.duration_s)


@lru_cache(maxsize=4)
def _received(tables: str, seed: int) -> dict[int, list[tuple[int, str]]]:
    """[(stamp ms, bits)] by MMSI, in order of reception."""
    found: dict[int, list[tuple[int, str]]] = {}
    data = b"".join(chunk.data for chunk in simulate(sea(tables), seed, tag_time="ms"))
    for h in read_lines(data.splitlines()):
        found.setdefault(int(h.bits[8:38], 2), []).append((h.stamp, h.bits))
    return found


@lru_cache(maxsize=64)
def heard(tables: str, seed: int, mmsi: int) -> list[tuple[int, dict]]:
    """[(stamp ms, fields)] of all that the receiver heard from one MMSI."""
    return [(stamp, message(bits)) for stamp, bits in _received(tables, seed)[mmsi]]


def truth(tables: str, seed: int) -> list[dict]:
    return truth_rows(sea(tables), seed)


def scene_truth(tables: str, seed: int) -> list[dict]:
    """Truth of the scenes, without what is told of those who crossed, slowed down or passed close on their way."""
    return [row for row in truth(tables, seed) if row["behaviour"] not in (TRAFFIC, ODD_SPEED, CLOSE_PASS)]


def fixes(tables: str, seed: int, mmsi: int, kinds: tuple[int, ...] = (1, 3, 18)) -> list[tuple[float, dict]]:
    """[(second of world time that the place is of, fields)] of one MMSI's reports; lost ones by their stamp."""
    rows = []
    for stamp, m in heard(tables, seed, mmsi):
        if m["msg_type"] in kinds:
            lag_s = (stamp // 1000 - m["sec"]) % 60 if m["sec"] < 60 else 0
            rows.append((stamp // 1000 - lag_s - T_START_MS / 1000, m))
    assert rows, "never heard"
    return rows


def told(m: dict) -> tuple[float, float]:
    return m["lat"] / 600_000, m["lon"] / 600_000


def true_state(plan: Plan, t_s: float) -> tuple[float, ...]:
    rows = knot_rows(plan, 0)
    return state_at(rows, 0, len(rows), round(t_s * 1000))


def apart_m(plan: Plan, t_s: float, m: dict) -> float:
    """Metres between the told place and the true one."""
    return great_circle_m(*true_state(plan, t_s)[:2], *told(m))


def track(plan: Plan, moments) -> np.ndarray:
    """Rows of latitude, longitude, knots, course, leg."""
    knots = knot_rows(plan, 0)
    rows = []
    for t_s in moments:
        lat, lon, north, east, _, _, leg = state_at(knots, 0, len(knots), round(t_s * 1000))
        assert leg >= 0
        rows.append((lat, lon, math.hypot(north, east) / 0.514444, math.degrees(math.atan2(east, north)) % 360, leg))
    return np.array(rows)


def apart(fact: Fact, from_s: float, to_s: float, step_s: float = 30.0) -> np.ndarray:
    """Metres between the two ships of a fact."""
    a, b = (track(ship.plan, np.arange(from_s, to_s, step_s)) for ship in fact.ships)
    return np.array([great_circle_m(*p[:2], *q[:2]) for p, q in zip(a, b)])


def turned(a, b):
    """Degrees between two courses."""
    return np.abs((a - b + 180) % 360 - 180)


def within(value: float, limits) -> bool:
    return limits[0] <= value <= limits[1]


def assert_afloat(all_scenes: list[Scene], step_s: int = 60) -> None:
    """Nobody of a scene is ever on land, but who flies."""
    checked = 0
    for scene in all_scenes:
        for ship in (ship for ship in scene.ships if ship.kind != AIRCRAFT):
            rows = knot_rows(ship.plan, 0)
            for t_s in range(0, 10_800, step_s):
                lat, lon, *_, leg = state_at(rows, 0, len(rows), t_s * 1000)
                if leg >= 0:
                    assert shore_nm(lat, lon) > 0, (scene.kind, t_s, lat, lon)
                    checked += 1
    assert checked > 100
