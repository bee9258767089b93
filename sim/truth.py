"""Truth: what happened in a simulated sea, as rows in the event keys. May hold: the form of truth, what was visible of it.

May not: thresholds, detectors. Known fully before the first byte is sent. Beside the keys of an event a row has
`behaviour` (the kind of its scene), `cause` (what was scripted), `visible` (could it be known from what was received? a receiver in reach
for at least VISIBLE_SHARE of the time, by the very laws that the radio uses; what collides is not counted) and `scored` (does a miss count?).
A fact about an area is about every vessel of the world that is truly there. Two hulls that share one MMSI are two subjects (`#0`, `#1`) and
one number in `mmsi`. A silence says its `company`: how many others sail near, with whom its vessel can be compared. An innocent look-alike
has state `retracted`: nobody should report it, and the judge names what fooled whoever does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.events import Event, Subject, ZoneRelation, event_id, to_plain
from dogwatch.geo import NM_M, great_circle_m
from sim.bystander import crossing_facts
from sim.cast import cast, world_of
from sim.lie import lie_of
from sim.motion import state_at
from sim.port_call import port_calls
from sim.radio import heard_share, range_nm
from sim.receiver import outage_rows, receiver_rows
from sim.satellite import sees
from sim.scenario import T_START_MS, Scenario
from sim.scene import Fact, Scene
from sim.schedule import STATIC_MS, particulars_ms
from sim.ship import BASE, Ship, World
from sim.wayward import close_passes, odd_speeds

RULE, RULE_VERSION = "truth", "1"
VISIBLE_SHARE = 0.8  # share of a fact's minutes at which a receiver would hear most of what its vessels send
HEARD_SHARE = 0.5
SAMPLE_S = 60
SATELLITE_MS = 1_800_000
NEVER_MS = np.int64(1) << 60
CELL_DEG = 0.1  # company is who sails in the same cell of the sea, or the next one
AREA_VESSELS_MIN = 3  # what befalls an area can be known when so many of its vessels are heard
INSIDE_STEP_MS = 10_000
TRAFFIC, ODD_SPEED, CLOSE_PASS = "traffic", "odd_speed", "close_pass"  # the "scenes" of facts that nobody scripted


def truth_rows(scenario: Scenario, seed: int, t_start_ms: int = T_START_MS, *, duration_s: float | None = None) -> list[dict[str, Any]]:
    """Rows for a truth file, sorted by start and id: the same arguments as `simulate` describe the same sea.

    A fact that begins after the end of the run is left out; one that goes on beyond it ends with it. Times are ISO 8601.
    """
    length_s = scenario.duration_s if duration_s is None else duration_s
    who = cast(scenario, seed, length_s)
    world, rows, first = world_of(who, t_start_ms), [], len(who.background)
    every = who.background + [ship for scene in who.scenes for ship in scene.ships]
    told = [fact for scene in who.scenes for fact in scene.facts]
    untold = [
        Scene([], crossing_facts(every, scenario.zones, told, length_s), kind=TRAFFIC),
        Scene([], odd_speeds(every, told, length_s), kind=ODD_SPEED),
        Scene([], close_passes(every, scenario.zones, told, length_s), kind=CLOSE_PASS),
    ]
    everybody = {id(ship): i for i, ship in enumerate(every)}
    for scene in [*who.scenes, *untold]:
        index_of = {id(ship): first + i for i, ship in enumerate(scene.ships)} if scene.ships else everybody
        first += len(scene.ships)
        for fact in scene.facts:
            if fact.start_s >= length_s:
                continue
            span, over_ms = _span(fact, t_start_ms, length_s), t_start_ms + round(length_s * 1000)
            if fact.subtype == "static_change" and not fact.innocent:
                span = _told_span([index_of[id(ship)] for ship in fact.ships], seed, t_start_ms, span, fact.measures["silent_s"])
            elif (fact.type, fact.subtype) == ("zone", "approach"):
                span = _known_span(world, index_of[id(fact.ships[0])], scenario, t_start_ms, span)
            crews = _inside(fact, world, span) if fact.area_nm else [[index_of[id(ship)] for ship in fact.ships]]
            for crew in crews:
                heard = sum(_visible(world, i, scenario, t_start_ms, *span) for i in crew)
                wanted = min(len(crew), AREA_VESSELS_MIN) if fact.area_nm else len(crew)
                seen = heard >= wanted and span[1] <= over_ms  # new particulars that would be told after the end nobody knows
                row = _row(fact, [every[i] for i in crew], (span[0], min(span[1], over_ms)), visible=seen)
                if fact.type == "dark" and not fact.innocent:
                    row["measures"]["company"] = _company(fact, world, crew, span)
                rows.append({**row, "behaviour": scene.kind})
    rows += _calls(
        world, every, scenario, t_start_ms, length_s, {id(ship) for scene in who.scenes for f in scene.facts if f.type == "port_visit" for ship in f.ships}
    )
    return sorted(rows, key=lambda row: (row["t_start"], row["event_id"]))


def _calls(world: World, every: list[Ship], scenario: Scenario, t_start_ms: int, length_s: float, told: set[int]) -> list[dict[str, Any]]:
    """Rows of port visits that no scene is about; nobody is asked for them. `told`: ships whose visits are facts of their scenes."""
    rows = []
    for i, fact in port_calls(every, length_s):
        if id(every[i]) not in told:
            span = _span(fact, t_start_ms, length_s)
            rows.append({**_row(fact, [every[i]], span, visible=_visible(world, i, scenario, t_start_ms, *span)), "behaviour": "port_call"})
    return rows


def truth_ndjson(rows: Iterable[dict[str, Any]]) -> bytes:
    """The truth file: one JSON object per line."""
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def _span(fact: Fact, t_start_ms: int, length_s: float) -> tuple[int, int]:
    """First and last moment of a fact in the run."""
    start_ms = t_start_ms + round(max(0.0, fact.start_s) * 1000)
    return start_ms, start_ms if fact.point else t_start_ms + round(min(fact.end_s, length_s) * 1000)


def _told_span(crew: list[int], seed: int, t_start_ms: int, span: tuple[int, int], silent_s: float) -> tuple[int, int]:
    """When a change of particulars can have been made, for who hears all that is sent: from the silence before it, or if that is shorter than a
    round of particulars from the last time that the old ones are told, to the first time that the new ones are.
    """
    before, after = crew
    changed_ms = span[0] + round(silent_s * 1000)
    told_ms = max(t_start_ms, particulars_ms(seed, before, t_start_ms, span[0]) - STATIC_MS)
    return span[0] if silent_s * 1000 >= STATIC_MS else told_ms, particulars_ms(seed, after, t_start_ms, changed_ms)


def _known_span(world: World, who: int, scenario: Scenario, t_start_ms: int, span: tuple[int, int]) -> tuple[int, int]:
    """The longest part of a span in which a ship tells where it is, and a station ashore would hear it; all of it where there is none."""
    receivers, outages = receiver_rows(scenario.receivers), outage_rows(scenario.receivers, t_start_ms)
    known: list[int] = []
    longest = (0, 0)
    for t_ms in range(span[0], span[1] + 1, INSIDE_STEP_MS):
        at = _place(world, who, t_ms)
        true = at is not None and lie_of(world.lies, who, t_ms, *at) < 0 and (bool(scenario.satellites) or _in_reach(world, who, receivers, outages, t_ms))
        known = [*known, t_ms] if true else []
        longest = max(longest, (len(known), known[0] if known else 0))
    n, from_ms = longest
    return (from_ms, min(span[1], from_ms + n * INSIDE_STEP_MS)) if n > 1 else span


def _inside(fact: Fact, world: World, span: tuple[int, int]) -> list[list[int]]:
    """Indices of the ships and boats that transmit within the fact's circle at some time of it: in one list, or (`each`) one by one. Nobody: no list."""
    box_deg = fact.area_nm / 60
    inside = []
    for i, ship in enumerate(world.ships):
        first, last = int(ship["first"]), int(ship["last"])
        lats = world.knots["lat_deg"][first:last]
        if ship["kind"] >= BASE or lats.max() < fact.lat_deg - box_deg or lats.min() > fact.lat_deg + box_deg:
            continue
        for t_ms in range(span[0], span[1] + 1, INSIDE_STEP_MS):
            lat, lon, *_, leg = state_at(world.knots, first, last, t_ms)
            if leg >= 0 and world.knots["transmits"][int(leg)] and great_circle_m(lat, lon, fact.lat_deg, fact.lon_deg) <= fact.area_nm * NM_M:
                inside.append(i)
                break
    return [[i] for i in inside] if fact.each else [inside] if inside else []


def _company(fact: Fact, world: World, crew: list[int], span: tuple[int, int]) -> int:
    """How many others transmit, half way through, in the cell in which a silence began, or in a next one: with whom its vessel can be compared."""
    row, column, company, t_ms = math.floor(fact.lat_deg / CELL_DEG), math.floor(fact.lon_deg / CELL_DEG), 0, (span[0] + span[1]) // 2
    for i, ship in enumerate(world.ships):
        at = _place(world, i, t_ms) if i not in crew and ship["kind"] < BASE else None
        if at is not None and abs(math.floor(at[0] / CELL_DEG) - row) <= 1 and abs(math.floor(at[1] / CELL_DEG) - column) <= 1:
            leg = int(state_at(world.knots, int(ship["first"]), int(ship["last"]), t_ms)[-1])
            company += bool(world.knots["transmits"][leg])
    return company


def _row(fact: Fact, ships: list[Ship], span: tuple[int, int], *, visible: bool) -> dict[str, Any]:
    start_ms, end_ms = span
    subjects = sorted({s.key: s for s in map(_subject, reversed(ships))}.values(), key=lambda s: s.key)  # of one hull's sets the first
    event = Event(
        event_id=event_id(fact.type, [s.key for s in subjects], start_ms, RULE, RULE_VERSION),
        version=1,
        state="retracted" if fact.innocent else "closed",
        type=fact.type,
        subtype=fact.subtype,
        subjects=subjects,
        mmsi=sorted({s.mmsi for s in subjects}),
        t_start=start_ms,
        t_end=end_ms,
        t_detected=end_ms,
        lat=round(fact.lat_deg, 5),
        lon=round(fact.lon_deg, 5),
        zones=[ZoneRelation(fact.zone[0], "", fact.zone[1], fact.zone[2], 0.0)] if fact.zone else [],
        measures={"duration_s": (end_ms - start_ms) / 1000, **fact.measures},
        evidence=[],
        exclusions=[],
        confidence=1.0,
        rule=RULE,
        rule_version=RULE_VERSION,
        params_hash="",
        reason="innocent" if fact.innocent else "",
        exercise=True,
    )
    return {**to_plain(event), "cause": fact.cause, "visible": visible, "scored": fact.scored and not fact.innocent}


def _subject(ship: Ship) -> Subject:
    who = ship.identity
    return Subject(
        f"{who.mmsi}#{ship.hull}", who.mmsi, name=who.name or None, callsign=who.callsign or None, imo=who.imo or None, ship_type=who.ship_type or None
    )


def _visible(world: World, who: int, scenario: Scenario, t_start_ms: int, start_ms: int, end_ms: int) -> bool:
    """Would its receivers have heard the vessel (had it transmitted) for most of the time?

    A station ashore hears it from minute to minute; a satellite's pass tells of the quarter of the fact's length around it, up to SATELLITE_MS.
    """
    receivers, outages = receiver_rows(scenario.receivers), outage_rows(scenario.receivers, t_start_ms)
    near_ms = min(SATELLITE_MS, max(SAMPLE_S * 1000, (end_ms - start_ms) // 4))
    moments = np.arange(start_ms - near_ms, end_ms + near_ms + 1, SAMPLE_S * 1000)
    within = (moments >= start_ms) & (moments <= end_ms)
    heard = np.array([inside and _in_reach(world, who, receivers, outages, t_ms) for inside, t_ms in zip(within.tolist(), moments.tolist())])
    if scenario.satellites:
        passes = moments[[_seen(world, who, scenario, t_start_ms, t_ms) for t_ms in moments.tolist()]]
        after = np.searchsorted(passes, moments)
        far = np.append(passes, NEVER_MS)
        heard |= np.minimum(far[after] - moments, np.abs(moments - far[after - 1])) <= near_ms
    return int(heard[within].sum()) >= VISIBLE_SHARE * int(within.sum())


def _place(world: World, who: int, t_ms: int) -> tuple[float, float] | None:
    """Where a vessel is; None while it is not there."""
    ship = world.ships[who]
    lat, lon, *_, leg = state_at(world.knots, int(ship["first"]), int(ship["last"]), t_ms)
    return None if leg < 0 else (float(lat), float((lon + 180) % 360 - 180))


def _in_reach(world: World, who: int, receivers: np.ndarray, outages: np.ndarray, t_ms: int) -> bool:
    at, ship = _place(world, who, t_ms), world.ships[who]
    if at is None:
        return False
    for r, receiver in enumerate(receivers):
        if any(o["receiver"] == r and o["from_ms"] <= t_ms < o["to_ms"] for o in outages):
            continue
        away_nm = great_circle_m(*at, int(receiver["lat"]) / UNITS_PER_DEG, int(receiver["lon"]) / UNITS_PER_DEG) / NM_M
        reach_nm = range_nm(receiver["antenna_m"], ship["antenna_m"], ship["range_share"])
        if receiver["heard_share_max"] * heard_share(away_nm, reach_nm) >= HEARD_SHARE:
            return True
    return False


def _seen(world: World, who: int, scenario: Scenario, t_start_ms: int, t_ms: int) -> bool:
    """Does a satellite see the vessel, and would it hear most of what it sends if nobody else sent?"""
    at, share = _place(world, who, t_ms), float(world.ships[who]["range_share"])
    if at is None:
        return False
    since_s = np.array([(t_ms - t_start_ms) / 1000])
    return any(
        satellite.heard_share_max * share * share >= HEARD_SHARE and bool(sees(satellite, since_s, at, satellite.least_elevation_deg)[0])
        for satellite in scenario.satellites
    )
