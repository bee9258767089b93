"""The cast of a sea: everybody in it, and what is scripted about them. May hold: who comes in which order. May not: motion, radio, truth rows."""

from __future__ import annotations

from dataclasses import dataclass

from dogwatch.geo import NM_M, great_circle_m
from sim.identity import Registry
from sim.radio import heard_share, range_nm
from sim.receiver import Receiver
from sim.scenario import T_START_MS, Scenario
from sim.scene import Scene, Stage, scenes_of
from sim.sea import Sea
from sim.ship import Ship, World, assemble
from sim.world import background

SHIP_ANTENNA_M = 15.0
DEVICE_ANTENNA_M, DEVICE_RANGE_SHARE = 2.0, 0.45
WELL_HEARD_SHARE = 0.9


@dataclass(slots=True)
class Cast:
    """The background first, then the ships of the scenes: a ship's index in the world is its place in this order."""

    background: list[Ship]
    scenes: list[Scene]


def cast(scenario: Scenario, seed: int, duration_s: float) -> Cast:
    """Everybody in a scenario's sea. Equal arguments give equal casts."""
    registry = Registry()
    ships = background(scenario.routes, scenario.fleets, scenario.stations, scenario.region, seed, registry, duration_s)

    def heard(lat_deg: float, lon_deg: float, *, device: bool = False) -> bool:
        everywhere = bool(scenario.satellites) and not (device and scenario.receivers)  # now and then, and devices rarely
        return everywhere or well_heard(scenario.receivers, lat_deg, lon_deg, device=device)

    stage = Stage(seed, registry, Sea(scenario.region), duration_s + 120, heard, scenario.zones)
    return Cast(ships, scenes_of(list(scenario.behaviours), stage))


def world_of(who: Cast, t_start_ms: int = T_START_MS) -> World:
    """All transmitters of a cast as columns, with the lies of its scenes."""
    ships, lies = list(who.background), []
    for scene in who.scenes:
        lies += [(lie, -1 if lie.area_nm else len(ships) + lie.ship) for lie in scene.lies]
        ships += scene.ships
    return assemble(ships, t_start_ms, lies)


def build_world(scenario: Scenario, seed: int, t_start_ms: int = T_START_MS, *, duration_s: float | None = None) -> World:
    """All transmitters of a scenario as columns, with the lies of its scenes."""
    return world_of(cast(scenario, seed, scenario.duration_s if duration_s is None else duration_s), t_start_ms)


def well_heard(receivers: list[Receiver], lat_deg: float, lon_deg: float, *, device: bool = False) -> bool:
    """Would some receiver hear nearly all that an ordinary ship, or a distress device in the water, sends from here?"""
    height_m, share = (DEVICE_ANTENNA_M, DEVICE_RANGE_SHARE) if device else (SHIP_ANTENNA_M, 1.0)
    return any(
        heard_share(great_circle_m(r.lat_deg, r.lon_deg, lat_deg, lon_deg) / NM_M, range_nm(r.antenna_m, height_m, share)) >= WELL_HEARD_SHARE
        for r in receivers
    )
