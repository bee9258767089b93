"""Scenarios: what a simulated sea consists of, as typed TOML. May hold: the schema, its checks, the list of shipped ones.

May not: make vessels (world, scenes). Times count in seconds from the start of the world, positions are degrees, units stand
in the names. A behaviour is a table `[[behaviours]]` with its `kind` and becomes vessels and truth. Scenarios compose: what one
includes comes before its own tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import msgspec

from dogwatch.config import line_of, parse
from dogwatch.errors import ConfigError, InputError
from sim.area import Area
from sim.behaviours import Behaviours
from sim.flags import FLAGS
from sim.fleet import Fleet, Route, Station
from sim.harbour import port_place, ports, within
from sim.radio import PAIRS
from sim.receiver import Receiver
from sim.satellite import Satellite
from sim.sea import Point, Region

T_START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z: a fixed start, so that equal seeds give equal bytes
SEAS, PLANTED = "scenarios", "scenarios/background"  # seas of their own; what is put into a recording
TABLES = ("receivers", "satellites", "routes", "fleets", "stations", "zones", "behaviours")
CLOCK_OFFSET_S_MAX = 1e9  # thirty years: a GPS clock that has rolled over is twenty off
COUNT_MAX = 10_000
NO_REGION: Region = (0.0, 0.0, 0.0, 0.0)
PAIRED = ("loa_m", "approach_from_deg")  # pairs that mean two vessels, not least and most


class Scenario(msgspec.Struct, forbid_unknown_fields=True):
    """One simulated sea. `region`: south, west, north, east in degrees. `include`: scenarios whose tables come before these."""

    name: str
    title: str
    region: Region = NO_REGION
    include: list[str] = []
    duration_s: float = 10_800.0
    chunk_s: int = 1
    receivers: list[Receiver] = []
    satellites: list[Satellite] = []
    routes: list[Route] = []
    fleets: list[Fleet] = []
    stations: list[Station] = []
    zones: list[Area] = []
    behaviours: list[Behaviours] = []


def scenario_names() -> list[str]:
    """Names of the seas that dogwatch ships, sorted."""
    return _names_in(SEAS)


def planted_names() -> list[str]:
    """Names of the shipped scenarios that need a recording as their background, sorted."""
    return _names_in(PLANTED)


def _names_in(folder: str) -> list[str]:
    return sorted(entry.name[: -len(".toml")] for entry in resources.files("sim").joinpath(folder).iterdir() if entry.name.endswith(".toml"))


def scenario_text(name: str) -> str:
    """TOML text of a shipped scenario. Raises InputError that lists the names."""
    seas, planted = scenario_names(), planted_names()
    if name not in seas + planted:
        raise InputError(f"no scenario '{name}'", remedy=f"shipped: {', '.join(seas + planted)}; or give a TOML file", value=name)
    return resources.files("sim").joinpath(SEAS if name in seas else PLANTED, f"{name}.toml").read_text(encoding="utf-8")


def load_scenario(text: str, *, file: str, region: Region = NO_REGION, receivers: Sequence[Receiver] = ()) -> Scenario:
    """A checked scenario with what it includes. Raises ConfigError with file, line, key and remedy.

    region, receivers: those of a recording that is its background, for a scenario that has none of its own.
    """
    scenario = _with_included(parse(text, Scenario, file=file), text, file=file, above=(file,))
    if scenario.region == NO_REGION:
        scenario = msgspec.structs.replace(scenario, region=region)
    if not scenario.receivers:
        scenario = msgspec.structs.replace(scenario, receivers=list(receivers))
    for path, what, remedy in _faults(scenario):
        raise ConfigError(what, file=file, line=line_of(text, path), key=".".join(str(step) for step in path), remedy=remedy)
    return scenario


def _with_included(scenario: Scenario, text: str, *, file: str, above: tuple[str, ...]) -> Scenario:
    """The tables of all included scenarios, then its own; a region of its own wins, and a receiver replaces an included one of the same id."""
    whole = scenario
    for number, name in reversed(list(enumerate(scenario.include))):
        where = str(Path(file).parent / name) if name.endswith(".toml") else name
        try:
            if where in above:
                raise InputError(f"'{name}' includes itself", remedy="break the circle")
            inner_text = _included_text(name, where)
        except InputError as fault:
            raise ConfigError(fault.what, file=file, line=line_of(text, ("include", number)), key="include", remedy=fault.remedy) from fault
        inner = _with_included(parse(inner_text, Scenario, file=where), inner_text, file=where, above=(*above, where))
        lists = {table: getattr(inner, table) + getattr(whole, table) for table in TABLES}
        own = {receiver.id for receiver in whole.receivers}
        lists["receivers"] = [receiver for receiver in inner.receivers if receiver.id not in own] + whole.receivers
        whole = msgspec.structs.replace(whole, region=inner.region if whole.region == NO_REGION else whole.region, **lists)
    return whole


def _included_text(name: str, where: str) -> str:
    """A shipped scenario by name; a file is looked for beside the one that includes it."""
    if not name.endswith(".toml"):
        return scenario_text(name)
    try:
        return Path(where).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"cannot read {name}: {fault}", remedy="paths in `include` begin where the including file lies", value=name) from fault


def _faults(scenario: Scenario) -> list[tuple[tuple[str | int, ...], str, str]]:
    """What the types cannot say: (key path, what is wrong, remedy)."""
    faults: list[tuple[tuple[str | int, ...], str, str]] = []
    if not -85 <= scenario.region[0] < scenario.region[2] <= 85:
        faults.append((("region",), "no region, or one without height", "add region = [south, west, north, east], or give a --background"))
    if not 1 <= scenario.chunk_s <= 3600 or scenario.duration_s <= 0:
        faults.append((("duration_s",), "duration_s must be positive and chunk_s between 1 and 3600", "correct it"))
    routes = {route.name for route in scenario.routes}
    for i, route in enumerate(scenario.routes):
        if len(route.points) < 2:
            faults.append((("routes", i, "points"), "a route needs two points", "add points as [lat, lon]"))
    for i, fleet in enumerate(scenario.fleets):
        faults += _fleet_faults(fleet, i, routes, scenario.region)
    for i, row in enumerate(scenario.behaviours):
        faults += _behaviour_faults(row, i)
    faults += _listener_faults(scenario)
    return faults + _flag_faults(scenario) + _place_faults(scenario)


def _fleet_faults(fleet: Fleet, i: int, routes: set[str], region: Region) -> list[tuple[tuple[str | int, ...], str, str]]:
    faults: list[tuple[tuple[str | int, ...], str, str]] = []
    if (fleet.kind == "lane" or fleet.route) and fleet.route not in routes:
        faults.append((("fleets", i, "route"), f"no route '{fleet.route}'", f"routes here: {', '.join(sorted(routes)) or 'none'}"))
    if fleet.route and fleet.kind not in ("lane", "ferry"):
        faults.append((("fleets", i, "route"), f"'{fleet.kind}' follows no route", "take it out"))
    most_kn = 160 if fleet.kind == "aircraft" else 60
    if fleet.count < 0 or (fleet.speed_kn and not 0 < fleet.speed_kn[0] <= fleet.speed_kn[1] <= most_kn):
        faults.append((("fleets", i), f"count must not be negative, speed_kn needs 0 < least <= most <= {most_kn}", "correct it"))
    if (fleet.loa_m and not 3 <= fleet.loa_m[0] <= fleet.loa_m[1] <= 500) or not 0 < fleet.radius_nm <= 60:
        faults.append((("fleets", i), "loa_m needs 3 <= least <= most <= 500, radius_nm 0 to 60", "correct it"))
    if not (0 <= fleet.beyond_share <= 1 and 0 <= fleet.careless_share <= 1):
        faults.append((("fleets", i), "a share is a number from 0 to 1", "correct it"))
    if fleet.region and not -85 <= fleet.region[0] < fleet.region[2] <= 85:
        faults.append((("fleets", i, "region"), "a region without height", "region = [south, west, north, east]"))
    if fleet.port and (fleet.port not in ports().ids or not within(fleet.region or region, port_place(fleet.port))):
        faults.append((("fleets", i, "port"), f"no port '{fleet.port}' in this region", "name it by UN/LOCODE without a blank, as in zones/data"))
    return faults


def _listener_faults(scenario: Scenario) -> list[tuple[tuple[str | int, ...], str, str]]:
    faults: list[tuple[tuple[str | int, ...], str, str]] = []
    if not scenario.receivers and not scenario.satellites:
        faults.append((("receivers",), "no receiver: nobody would hear this sea", "add a [[receivers]] table"))
    if len(scenario.receivers) + len(scenario.satellites) > PAIRS:
        faults.append((("receivers",), f"more than {PAIRS} receivers and satellites", "leave some out"))
    for table in ("receivers", "satellites"):
        for i, row in enumerate(getattr(scenario, table)):
            if not (row.id.isascii() and row.id.replace("-", "").isalnum() and len(row.id) <= 12):
                faults.append(((table, i, "id"), "a receiver id is 1-12 letters, digits or '-'", "shorten it"))
            if not 0 <= row.heard_share_max <= 1 or row.relay_every_s < 0 or not abs(row.clock_offset_s) < CLOCK_OFFSET_S_MAX:
                remedy = f"shares are 0 to 1, times not negative, clocks less than {CLOCK_OFFSET_S_MAX:g} s off"
                faults.append(((table, i), "heard_share_max, relay_every_s or clock_offset_s is out of range", remedy))
    for i, receiver in enumerate(scenario.receivers):
        if not 0 <= receiver.delay_ms[0] <= receiver.delay_ms[1] <= 20_000:
            faults.append((("receivers", i), "delay_ms needs 0 <= least <= most <= 20000", "correct it"))
    for i, satellite in enumerate(scenario.satellites):
        in_orbit = 200 <= satellite.altitude_km <= 2_000 and 0 <= satellite.least_elevation_deg < 90
        if not in_orbit or not 0 <= satellite.delay_s[0] <= satellite.delay_s[1] or not satellite.ground:
            remedy = "altitude_km 200 to 2000, least_elevation_deg 0 to 90, delay_s least <= most, one ground station at least"
            faults.append((("satellites", i), "a satellite that cannot be", remedy))
    return faults


def _behaviour_faults(row: Behaviours, i: int) -> list[tuple[tuple[str | int, ...], str, str]]:
    faults: list[tuple[tuple[str | int, ...], str, str]] = []
    if not 0 <= row.count <= COUNT_MAX:
        faults.append((("behaviours", i, "count"), f"count must be 0 to {COUNT_MAX}", "correct it"))
    points = getattr(row, "points", None)
    if points is not None and len(points) < 2:
        faults.append((("behaviours", i, "points"), "two points and more make a way", "add points as [lat, lon]"))
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if name.endswith(("_kn", "_s", "_m", "_nm")) and isinstance(value, tuple) and len(value) == 2 and value[0] > value[1] and name not in PAIRED:
            faults.append((("behaviours", i, name), f"{name} needs least <= most", "put the smaller number first"))
        if name.endswith("_kn") and (min(value) if isinstance(value, tuple) else value) <= 0:
            faults.append((("behaviours", i, name), f"{name} must be more than 0", "correct it"))
    return faults


def _flag_faults(scenario: Scenario) -> list[tuple[tuple[str | int, ...], str, str]]:
    known = ", ".join(sorted(FLAGS))
    faults: list[tuple[tuple[str | int, ...], str, str]] = []
    for table in ("fleets", "stations", "behaviours"):
        for i, row in enumerate(getattr(scenario, table)):
            named = [*getattr(row, "flags", ()), *(getattr(row, name) for name in ("flag", "tug_flag", "barge_flag") if hasattr(row, name))]
            flags = [flag for one in named for flag in (one if isinstance(one, tuple) else (one,))]
            faults += [((table, i), f"unknown flag '{flag}'", f"flags: {known}") for flag in flags if flag not in FLAGS]
    return faults


def _place_faults(scenario: Scenario) -> list[tuple[tuple[str | int, ...], str, str]]:
    places: list[tuple[tuple[str | int, ...], Point]] = [(("receivers", i), (r.lat_deg, r.lon_deg)) for i, r in enumerate(scenario.receivers)]
    places += [(("satellites", i, "ground"), place) for i, row in enumerate(scenario.satellites) for place in row.ground]
    places += [(("fleets", i), f.centre) for i, f in enumerate(scenario.fleets) if f.centre]
    places += [(("routes", i), p) for i, r in enumerate(scenario.routes) for p in r.points]
    places += [(("stations", i), row.at) for i, row in enumerate(scenario.stations)]
    places += [(("zones", i), p) for i, row in enumerate(scenario.zones) for p in row.points]
    for i, row in enumerate(scenario.behaviours):
        named = [value for name in ("at", "home", "to") if (value := getattr(row, name, None)) is not None] + list(getattr(row, "points", None) or [])
        places += [(("behaviours", i), p) for p in named + ([row.area[0]] if row.area else [])]
    bad = [(path, p) for path, p in places if not (abs(p[0]) <= 85 and abs(p[1]) <= 180)]
    return [(path, f"no usable position: {p}", "latitude within 85 degrees, longitude within 180") for path, p in bad]
