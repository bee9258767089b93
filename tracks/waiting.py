"""Waiting: innocent explanations of a vessel that is slow and makes no progress. May hold: the tests for them. May not: find the slow run.

Each explanation that was tested is named with its result, whether it applies or not. What is certain enough suppresses (the event is
kept, with its reason, and not shown); what only may be so is a doubt that lowers the confidence, and doubts that together exceed
`doubt_max` suppress as well. A drawn zone of kind `watch` is where the watch wants to look: there company excuses nobody.
What company explained once stays explained while the run goes on: of those who wait out a gale, somebody is the last to leave.
Sources: behaviours 3.0 and 3.1 of docs/behaviours/loitering.md; status and type numbers ITU-R M.1371-5, tables 45 and 53.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from dogwatch.events import Exclusion, ZoneRelation
from tracks import company, subjects
from tracks import episodes as ep
from tracks.around import within
from tracks.detector import Sight
from tracks.params import Loitering

NAV_NOT_UNDER_COMMAND, NAV_RESTRICTED, NAV_AGROUND, NAV_DISTRESS = 2, 3, 6, 14
WORKING_TYPES = (33, 34, *range(50, 60), *range(90, 100))  # dredging, diving, special craft, other
SUPPORT_TYPES = (*range(50, 60), *range(70, 80), *range(90, 100))
WORKS = ("platform", "wind_farm")
BATTERY_NAME = re.compile(r"\d ?V\b|\d ?%")  # 12V-85%: a net buoy tells its battery
COMPANY = ("unmapped_anchorage", "weather_stop", "fishing_ground")  # explanations by company
ANCHORAGE_SPEED_KN = 1.0  # a ship at anchor may swing so fast


@dataclass(frozen=True, slots=True)
class Wait:
    """What is known of a slow run when it is judged: where (units), how wide it is, since when, whether it lies in masks, which zones it touches."""

    lat: int
    lon: int
    radius_nm: float
    since_ms: int
    in_mask: bool
    zones: list[ZoneRelation]

    @property
    def watched(self) -> bool:
        """Inside a zone of kind `watch`."""
        return any(zone.kind == "watch" and zone.relation == "inside" for zone in self.zones)


def explanations(sight: Sight, slot: int, wait: Wait, rule: Loitering, standing: list[Exclusion]) -> tuple[list[Exclusion], list[float]]:
    """Each innocent explanation that was tested, and the doubts of those that apply. `standing`: what an earlier version of the event said."""
    table = sight.table
    nav, ship_type = int(table.rows["nav"][slot]), int(table.more["ship_type"][slot])
    others = company.others_near(sight, table.key_of(slot), wait.lat, wait.lon, max(rule.queue_nm, rule.ground_nm if subjects.is_fishing(table, slot) else 0.0))
    near = within(others, wait.lat, wait.lon, rule.queue_nm)
    working = nav == NAV_RESTRICTED and ship_type in WORKING_TYPES
    found = [
        ep.checked("port_or_anchorage", wait.in_mask, yes="inside", no="outside", suppress=True),
        ep.role_exclusion(table, [slot]),
        ep.checked("net_buoy", is_buoy(table.statics["name"][slot]), suppress=True),
        ep.checked("in_distress", nav in (NAV_AGROUND, NAV_DISTRESS), nav, suppress=True),  # the safety road tells of it
        ep.checked("working", working, nav, suppress=True),
        sight.rescue.exclusion(*ep.degrees_of(wait.lat, wait.lon), wait.since_ms, sight.tick_ms, sight.params.rescue),
        _anchorage(near, nav, wait, rule),
        _hove_to(near, int(table.rows["hdg"][slot]), wait, rule),
        _fishing_ground(sight, slot, others, nav, rule),
    ]
    before = {exclusion.name: exclusion for exclusion in standing if exclusion.name in COMPANY and exclusion.effect == "suppress"}
    found = [before.get(exclusion.name, exclusion) for exclusion in found]
    doubts = _doubts(near, nav, ship_type, wait, rule, fishing=subjects.is_fishing(table, slot), working=working)
    found += [ep.checked(name, applies, observed) for name, applies, observed, _ in doubts]
    applying = [doubt for _, applies, _, doubt in doubts if applies]
    found.append(ep.doubt_exclusion(applying, rule.doubt_max))
    return found, applying


def is_buoy(name: bytes) -> bool:
    """Whether a name is the battery of a net buoy."""
    return bool(BATTERY_NAME.search(name.decode("ascii", "replace")))


def _anchorage(near: np.ndarray, nav: int, wait: Wait, rule: Loitering) -> Exclusion:
    """An anchorage that no zone shows: at anchor by its own word with a queue beside it; or, whatever it says, hardly moved among ships at anchor."""
    says, anchored = nav in (subjects.NAV_ANCHORED, subjects.NAV_MOORED), company.at_anchor(near, ANCHORAGE_SPEED_KN)
    queue = len(company.slow(near, rule.speed_kn_max)) >= rule.queue_others_min
    among = (says and queue) or (anchored >= rule.queue_others_min and wait.radius_nm <= rule.anchorage_radius_nm)
    return ep.checked("unmapped_anchorage", among and not wait.watched, anchored, suppress=True)


def _hove_to(near: np.ndarray, hdg: int, wait: Wait, rule: Loitering) -> Exclusion:
    """A gale stands in no message: several ships near each other with hardly any way on and their bows in one direction do."""
    alike = company.same_bow(near, hdg, rule.speed_kn_max, rule.bow_apart_deg_max)
    return ep.checked("weather_stop", alike >= rule.queue_others_min and not wait.watched, alike, suppress=True)


def _fishing_ground(sight: Sight, slot: int, others: np.ndarray, nav: int, rule: Loitering) -> Exclusion:
    """Fishing, as it says itself, among other fishing vessels or its own boats."""
    loa_m = int(sight.table.more["loa_m"][slot])
    boats = company.boats_of(others, sight.table.key_of(slot), loa_m, rule.boat_loa_share_max)
    fleet = int(company.fishing(others).sum())
    applies = nav == subjects.NAV_FISHING and (fleet >= rule.ground_others_min or boats >= rule.boats_min)
    return ep.checked("fishing_ground", applies, fleet, suppress=True)


def _doubts(
    near: np.ndarray, nav: int, ship_type: int, wait: Wait, rule: Loitering, *, fishing: bool, working: bool
) -> list[tuple[str, bool, int | float | None, float]]:
    """(name, applies, observed, doubt) of explanations that may be so."""
    waiting, queue = nav in (subjects.NAV_ANCHORED, subjects.NAV_MOORED), len(company.slow(near, rule.speed_kn_max))
    works_nm = min((zone.distance_nm for zone in wait.zones if zone.subkind in WORKS), default=None)
    support = works_nm is not None and works_nm <= rule.work_nm and ship_type in SUPPORT_TYPES
    return [
        ("anchored_or_moored", waiting, nav, 0.2),
        ("fishing", fishing, ship_type, 0.4),
        ("queue", queue >= rule.queue_others_min, queue, 0.4),
        ("not_under_command", nav == NAV_NOT_UNDER_COMMAND, nav, 0.3),
        ("restricted", nav == NAV_RESTRICTED and not working, nav, 0.4),
        ("offshore_support", support, works_nm, 0.5),
    ]
