"""Scenarios: what a simulated sea consists of, as typed TOML. May hold: the schema, its checks, the list of shipped ones.

May not: make vessels (world, behaviours). Times count in seconds from the start of the world, positions are degrees,
units stand in the names. A behaviour is one table (`[[loitering]]`, `[[dark_period]]` ...) and becomes vessels and truth.
"""

from __future__ import annotations

from importlib import resources
from typing import Literal

import msgspec

from dogwatch.config import line_of, parse
from dogwatch.errors import ConfigError, InputError
from sim.identity import FLAGS

Point = tuple[float, float]  # latitude, longitude in degrees
T_START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z: a fixed start, so that equal seeds give equal bytes


class Outage(msgspec.Struct, forbid_unknown_fields=True):
    """A receiver hears nothing between these moments."""

    from_s: float
    to_s: float


class Receiver(msgspec.Struct, forbid_unknown_fields=True):
    """A shore station. Its sentences carry the station name `EX-<id>`."""

    id: str
    lat_deg: float
    lon_deg: float
    antenna_m: float = 50.0
    heard_share_max: float = 0.98
    delay_ms: tuple[float, float] = (60.0, 700.0)
    outages: list[Outage] = []


class Route(msgspec.Struct, forbid_unknown_fields=True):
    """A line that ships follow, each direction keeping `lane_nm` to starboard of it."""

    name: str
    points: list[Point]
    lane_nm: float = 0.8
    spread_nm: float = 0.3


class Fleet(msgspec.Struct, forbid_unknown_fields=True):
    """Many vessels of one habit. `lane` and `ferry` need a route; the others a centre and a radius."""

    kind: Literal["lane", "ferry", "fishing", "leisure", "moored", "anchored"]
    count: int
    ais: Literal["A", "B", "B-SO"] = "A"
    route: str = ""
    centre: Point = (0.0, 0.0)
    radius_nm: float = 3.0
    speed_kn: tuple[float, float] = (10.0, 16.0)
    ship_types: list[int] = msgspec.field(default_factory=lambda: [70])
    loa_m: tuple[float, float] = (90.0, 230.0)
    flags: list[str] = msgspec.field(default_factory=lambda: ["NZ", "AU", "PA", "LR", "MH", "SG", "HK", "MT"])


class Station(msgspec.Struct, forbid_unknown_fields=True):
    """A base station, or an aid to navigation (real or virtual)."""

    kind: Literal["base", "aid"]
    name: str
    at: Point
    flag: str = "NZ"
    aid_type: int = 0
    virtual: bool = False


class Loitering(msgspec.Struct, forbid_unknown_fields=True):
    """One vessel drifts slowly where nobody waits, then goes on."""

    at: Point
    start_s: float = 0.0
    duration_s: float = 9000.0
    drift_kn: float = 0.8
    drift_deg: float = 60.0
    approach_kn: float = 10.0
    approach_from_deg: float = 250.0
    ship_type: int = 70
    loa_m: float = 110.0
    flag: str = "PA"
    scored: bool = True


class Rendezvous(msgspec.Struct, forbid_unknown_fields=True):
    """Two vessels come together, drift side by side, and part. `start_s`: when both have slowed down."""

    at: Point
    start_s: float = 420.0
    duration_s: float = 3600.0
    distance_m: float = 150.0
    drift_kn: float = 0.6
    drift_deg: float = 40.0
    approach_kn: float = 10.0
    approach_from_deg: tuple[float, float] = (20.0, 200.0)
    ship_types: tuple[int, int] = (80, 70)
    loa_m: tuple[float, float] = (180.0, 120.0)
    flags: tuple[str, str] = ("LR", "PA")
    scored: bool = True


class DarkPeriod(msgspec.Struct, forbid_unknown_fields=True):
    """A vessel under way stops transmitting on purpose, goes on, and transmits again."""

    points: list[Point]
    speed_kn: float = 12.0
    silent_from_s: float = 1200.0
    silent_s: float = 4200.0
    ship_type: int = 70
    loa_m: float = 140.0
    flag: str = "PA"
    scored: bool = True


class Beacon(msgspec.Struct, forbid_unknown_fields=True):
    """A distress device: search and rescue transmitter, man overboard device or emergency beacon."""

    at: Point
    at_s: float
    duration_s: float = 7200.0
    device: Literal["sart", "mob", "epirb"] = "sart"
    test: bool = False
    drift_kn: float = 0.7
    drift_deg: float = 80.0


class PilotTransfer(msgspec.Struct, forbid_unknown_fields=True):
    """Innocent: a pilot boat comes from its port, lies alongside a ship under way for some minutes, and goes home."""

    at: Point
    home: Point
    at_s: float = 1800.0
    alongside_s: float = 600.0
    course_deg: float = 180.0
    speed_kn: float = 7.0
    flag: str = "NZ"


class MooredPair(msgspec.Struct, forbid_unknown_fields=True):
    """Innocent: two ships moored side by side in port, for the whole run."""

    at: Point
    distance_m: float = 45.0
    flag: str = "NZ"


class PassingShips(msgspec.Struct, forbid_unknown_fields=True):
    """Innocent: two ships pass close by on opposite courses."""

    at: Point
    at_s: float = 2400.0
    distance_m: float = 300.0
    course_deg: float = 120.0
    speed_kn: float = 11.0
    flag: str = "SG"


class QuietBoat(msgspec.Struct, forbid_unknown_fields=True):
    """Innocent: a class B boat lies nearly still and its owner turns the set off for a while."""

    at: Point
    silent_from_s: float = 1800.0
    silent_s: float = 3600.0
    flag: str = "NZ"


class Scenario(msgspec.Struct, forbid_unknown_fields=True):
    """One simulated sea. `region`: south, west, north, east in degrees, for whoever draws it."""

    name: str
    title: str
    region: tuple[float, float, float, float]
    receivers: list[Receiver]
    duration_s: float = 10_800.0
    chunk_s: int = 1
    routes: list[Route] = []
    fleets: list[Fleet] = []
    stations: list[Station] = []
    loitering: list[Loitering] = []
    rendezvous: list[Rendezvous] = []
    dark_period: list[DarkPeriod] = []
    beacon: list[Beacon] = []
    pilot_transfer: list[PilotTransfer] = []
    moored_pair: list[MooredPair] = []
    passing_ships: list[PassingShips] = []
    quiet_boat: list[QuietBoat] = []


def scenario_names() -> list[str]:
    """Names of the scenarios that dogwatch ships, sorted."""
    folder = resources.files("sim").joinpath("scenarios")
    return sorted(entry.name[: -len(".toml")] for entry in folder.iterdir() if entry.name.endswith(".toml"))


def scenario_text(name: str) -> str:
    """TOML text of a shipped scenario. Raises InputError that lists the names."""
    if name not in scenario_names():
        raise InputError(f"no scenario '{name}'", remedy=f"shipped: {', '.join(scenario_names())}; or give a TOML file", value=name)
    return resources.files("sim").joinpath("scenarios", f"{name}.toml").read_text(encoding="utf-8")


def load_scenario(text: str, *, file: str) -> Scenario:
    """A checked scenario. Raises ConfigError with file, line, key and remedy."""
    scenario = parse(text, Scenario, file=file)
    for path, what, remedy in _faults(scenario):
        raise ConfigError(what, file=file, line=line_of(text, path), key=".".join(str(step) for step in path), remedy=remedy)
    return scenario


def _faults(scenario: Scenario) -> list[tuple[tuple[str | int, ...], str, str]]:
    """What the types cannot say: (key path, what is wrong, remedy)."""
    faults: list[tuple[tuple[str | int, ...], str, str]] = []
    if not scenario.receivers:
        faults.append((("receivers",), "no receiver: nobody would hear this sea", "add a [[receivers]] table"))
    if not 1 <= scenario.chunk_s <= 3600 or scenario.duration_s <= 0:
        faults.append((("duration_s",), "duration_s must be positive and chunk_s between 1 and 3600", "correct it"))
    for i, receiver in enumerate(scenario.receivers):
        if not (receiver.id.isascii() and receiver.id.replace("-", "").isalnum() and len(receiver.id) <= 12):
            faults.append((("receivers", i, "id"), "a receiver id is 1-12 letters, digits or '-'", "shorten it"))
        if not 0 <= receiver.delay_ms[0] <= receiver.delay_ms[1] <= 20_000 or not 0 <= receiver.heard_share_max <= 1:
            faults.append((("receivers", i), "delay_ms needs 0 <= least <= most <= 20000, heard_share_max 0 to 1", "correct it"))
    routes = {route.name for route in scenario.routes}
    for i, route in enumerate(scenario.routes):
        if len(route.points) < 2:
            faults.append((("routes", i, "points"), "a route needs two points", "add points as [lat, lon]"))
    for i, fleet in enumerate(scenario.fleets):
        if fleet.kind in ("lane", "ferry") and fleet.route not in routes:
            faults.append((("fleets", i, "route"), f"no route '{fleet.route}'", f"routes here: {', '.join(sorted(routes)) or 'none'}"))
        if fleet.count < 0 or not 0 < fleet.speed_kn[0] <= fleet.speed_kn[1] <= 60:
            faults.append((("fleets", i), "count must not be negative, speed_kn needs 0 < least <= most <= 60", "correct it"))
    for i, dark in enumerate(scenario.dark_period):
        if len(dark.points) < 2 or dark.speed_kn <= 0:
            faults.append((("dark_period", i, "points"), "a dark period needs two points and a speed", "add points as [lat, lon]"))
    return faults + _flag_faults(scenario) + _place_faults(scenario)


def _flag_faults(scenario: Scenario) -> list[tuple[tuple[str | int, ...], str, str]]:
    known = ", ".join(sorted(FLAGS))
    faults: list[tuple[tuple[str | int, ...], str, str]] = []
    for table in ("fleets", "stations", "loitering", "rendezvous", "dark_period", "pilot_transfer", "moored_pair", "passing_ships", "quiet_boat"):
        for i, row in enumerate(getattr(scenario, table)):
            flags = getattr(row, "flags", None) or [row.flag]
            faults += [((table, i), f"unknown flag '{flag}'", f"flags: {known}") for flag in flags if flag not in FLAGS]
    return faults


def _place_faults(scenario: Scenario) -> list[tuple[tuple[str | int, ...], str, str]]:
    places: list[tuple[tuple[str | int, ...], Point]] = [(("receivers", i), (r.lat_deg, r.lon_deg)) for i, r in enumerate(scenario.receivers)]
    places += [(("fleets", i), f.centre) for i, f in enumerate(scenario.fleets)]
    places += [(("routes", i), p) for i, r in enumerate(scenario.routes) for p in r.points]
    places += [(("dark_period", i), p) for i, r in enumerate(scenario.dark_period) for p in r.points]
    places += [(("pilot_transfer", i), row.home) for i, row in enumerate(scenario.pilot_transfer)]
    for table in ("stations", "loitering", "rendezvous", "beacon", "pilot_transfer", "moored_pair", "passing_ships", "quiet_boat"):
        places += [((table, i), row.at) for i, row in enumerate(getattr(scenario, table))]
    bad = [(path, p) for path, p in places if not (abs(p[0]) <= 85 and abs(p[1]) <= 180)]
    return [(path, f"no usable position: {p}", "latitude within 85 degrees, longitude within 180") for path, p in bad]
