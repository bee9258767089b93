"""Waiting: innocent explanations of a vessel that is slow and makes no progress. May hold: the tests for them. May not: find the slow run.

Each explanation that was tested is named with its result, whether it applies or not. What is certain enough suppresses (the event is
kept, with its reason, and not shown); what only may be so is a doubt that lowers the confidence, and doubts that together exceed
`doubt_max` suppress as well. A drawn zone of kind `watch` is where the watch wants to look: there company excuses nobody.
What company explained once stays explained while the run goes on: of those who wait out a gale, somebody is the last to leave, and the boats
of a mother ship are fishing again long before she has waited for hours.
All who wait are judged together, each ten minutes; words are made only for those of whom there is something new to tell.
Sources: behaviours 3.0 and 3.1 of docs/behaviours/loitering.md; status and type numbers ITU-R M.1371-5, tables 45 and 53.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from dogwatch.batch import UNITS_PER_DEG, take_rows
from dogwatch.events import Exclusion, ZoneRelation
from dogwatch.geo import NM_M, distance_m
from tracks import company, subjects
from tracks import episodes as ep
from tracks.companions import PLACE, company_of
from tracks.detector import Sight
from tracks.params import Loitering
from tracks.records import TROUBLE_JUMPED

NAV_UNDER_WAY, NAV_NOT_UNDER_COMMAND, NAV_RESTRICTED, NAV_AGROUND, NAV_DISTRESS, NAV_UNDEFINED = 0, 2, 3, 6, 14, 15


def _among(numbers: Iterable[int]) -> np.ndarray:
    """bool[256]: which types or statuses are among these numbers."""
    return np.isin(np.arange(256), list(numbers))


WORKING_TYPES = _among((33, 34, *range(50, 60), *range(90, 100)))  # dredging, diving, special craft, other
SUPPORT_TYPES = _among((*range(50, 60), *range(70, 80), *range(90, 100)))
TRADES, TOWING_NAV = _among(subjects.ROLE_OF_TYPE), _among(subjects.TOWING_NAV)
DISTRESS_NAV, WAITING_NAV = _among((NAV_AGROUND, NAV_DISTRESS)), _among((subjects.NAV_ANCHORED, subjects.NAV_MOORED))
WORKS = ("platform", "wind_farm")
BATTERY_NAME = re.compile(r"\d ?V\b|\d ?%")  # 12V-85%: a net buoy tells its battery
COMPANY = ("unmapped_anchorage", "weather_stop", "fishing_ground", "gnss_area")  # what others show: once it applied it holds while the run goes on
SEEN_EARLY = ("weather_stop", "fishing_ground", "gnss_area")  # of these, what counts even if it was seen before the run was long enough
# What suppresses, in the order in which it is named as the reason.
REASONS = ("port_or_anchorage", "role", "net_buoy", "in_distress", "working", "fishing_offshore", "sar_context", *COMPANY, "doubts")
DOUBTS = {"anchored_or_moored": 0.2, "fishing": 0.4, "queue": 0.4, "not_under_command": 0.3, "restricted": 0.4, "hove_to": 0.4, "offshore_support": 0.5}
ANCHORAGE_SPEED_KN = 1.0  # a ship at anchor may swing so fast

WAIT = np.dtype(
    [
        ("slot", "<i8"),
        ("lat", "<i4"),  # where it is now, in units
        ("lon", "<i4"),
        ("lat_deg", "<f8"),  # the middle of all of it
        ("lon_deg", "<f8"),
        ("radius_nm", "<f8"),
        ("since_ms", "<i8"),
        ("in_mask", "?"),  # too little of it lies outside the masks
        ("watched", "?"),  # inside a drawn zone of kind `watch`
        ("ahead", "?"),  # made way along one heading all the time
        ("offshore", "?"),  # so far off the coast that who fishes there is fishing
        ("stands", "u1"),  # bits of COMPANY that explained it before
        ("nuc", "?"),  # said before that it is not under command
    ]
)


@dataclass(frozen=True, slots=True)
class Wait:
    """One slow run that somebody else found: where (units), how wide it is, since when, whether it lies in masks, which zones it touches.

    nuc: it said meanwhile that it was not under command, whatever it says now.
    """

    lat: int
    lon: int
    radius_nm: float
    since_ms: int
    in_mask: bool
    zones: list[ZoneRelation]
    nuc: bool = False

    @property
    def watched(self) -> bool:
        """Inside a zone of kind `watch`."""
        return any(zone.kind == "watch" and zone.relation == "inside" for zone in self.zones)


@dataclass(slots=True)
class Judged:
    """WAIT rows, what they say of themselves, their company, and which explanations apply: bool[n] by name (of REASONS and DOUBTS)."""

    waits: np.ndarray
    nav: np.ndarray
    ship_type: np.ndarray
    company: np.ndarray
    applies: dict[str, np.ndarray]
    rows: list[tuple[bool, ...]] = field(default_factory=list)  # the same by row, in the order of `applies`, made when words are asked for

    def row(self, i: int) -> dict[str, bool]:
        """Which explanations apply to row i."""
        if not self.rows:
            self.rows = list(zip(*(column.tolist() for column in self.applies.values())))
        return dict(zip(self.applies, self.rows[i]))

    def reasons(self, doubt_max: float) -> np.ndarray:
        """int64[n]: number in REASONS of the first explanation that suppresses, -1: none does."""
        left = np.ones(len(self.waits))
        for name, doubt in DOUBTS.items():
            left = np.where(self.applies[name], left * (1.0 - doubt), left)
        columns = [self.applies[name] for name in REASONS[:-1]] + [1.0 - left > doubt_max]
        table = np.stack(columns, axis=1)
        return np.where(table.any(axis=1), np.argmax(table, axis=1), -1)

    def stands(self, names: tuple[str, ...] = COMPANY) -> np.ndarray:
        """uint8[n] bits of COMPANY, those of some names, that apply."""
        bits = np.zeros(len(self.waits), np.uint8)
        for name in names:
            bits |= self.applies[name].astype(np.uint8) << np.uint8(COMPANY.index(name))
        return bits


def explanations(sight: Sight, slot: int, wait: Wait, rule: Loitering, standing: list[Exclusion]) -> tuple[list[Exclusion], list[float]]:
    """Each innocent explanation of one slow run that was tested, and the doubts of those that apply. `standing`: what an earlier version said."""
    lat_deg, lon_deg = wait.lat / UNITS_PER_DEG, wait.lon / UNITS_PER_DEG
    row = (slot, wait.lat, wait.lon, lat_deg, lon_deg, wait.radius_nm, wait.since_ms, wait.in_mask, wait.watched, False, False, 0, wait.nuc)
    judged = judge(sight, np.array([row], WAIT), rule)
    return words(sight, judged, 0, wait.zones, rule, standing)


def judge(sight: Sight, waits: np.ndarray, rule: Loitering) -> Judged:
    """Which explanations apply to WAIT rows. Zones are asked only of those whom a platform beside them could excuse."""
    table, slots = sight.table, waits["slot"]
    nav, ship_type = table.rows["nav"][slots], table.more["ship_type"][slots]
    fishing = (ship_type == subjects.TYPE_FISHING) | (nav == subjects.NAV_FISHING)
    near = _company(sight, waits, rule, fishing)
    says_waiting, queue = WAITING_NAV[nav], near["slow"] >= rule.queue_others_min
    among = near["anchored"] >= rule.queue_others_min
    working = (nav == NAV_RESTRICTED) & WORKING_TYPES[ship_type]
    # a set of class B cannot tell a status: its type stands for it
    says_fishing = (nav == subjects.NAV_FISHING) | ((ship_type == subjects.TYPE_FISHING) & (table.rows["class_b"][slots] != 0))
    # far out, in a fleet that fishes, who forgot to change the status is no suspect; nearer the coast it must be said
    may_fish = says_fishing | ((ship_type == subjects.TYPE_FISHING) & ((nav == NAV_UNDEFINED) | ((nav == NAV_UNDER_WAY) & waits["offshore"])))
    fleet = (near["fleet"] >= rule.ground_others_min) | (near["boats"] >= rule.boats_min)
    open_to_all = ~waits["watched"]
    applies = {
        "port_or_anchorage": waits["in_mask"],
        "role": TRADES[ship_type] | TOWING_NAV[nav],
        "net_buoy": _buoys(table.statics["name"][slots]),
        "in_distress": DISTRESS_NAV[nav],  # the safety road tells of it
        "working": working,
        "fishing_offshore": (ship_type == subjects.TYPE_FISHING) & says_fishing & waits["offshore"] & open_to_all,
        "sar_context": _in_rescue(sight, waits),
        "unmapped_anchorage": ((says_waiting & queue) | (among & (waits["radius_nm"] <= rule.anchorage_radius_nm))) & open_to_all,
        "weather_stop": ((near["alike"] >= rule.queue_others_min) | (waits["ahead"] & (near["mates"] > 0))) & open_to_all,
        "fishing_ground": may_fish & fleet,
        "gnss_area": _in_interference(sight, slots),
        "anchored_or_moored": says_waiting,
        "fishing": fishing,
        "queue": queue,
        "not_under_command": (nav == NAV_NOT_UNDER_COMMAND) | waits["nuc"],
        "restricted": (nav == NAV_RESTRICTED) & ~working,
        "hove_to": waits["ahead"],
        "offshore_support": np.zeros(len(waits), np.bool_),
    }
    for bit, name in enumerate(COMPANY):
        applies[name] = applies[name] | (waits["stands"] >> bit & 1).astype(np.bool_)
    judged = Judged(waits, nav, ship_type, near, applies)
    _at_works(sight, judged, rule)
    return judged


def words(sight: Sight, judged: Judged, i: int, zones: list[ZoneRelation], rule: Loitering, standing: list[Exclusion]) -> tuple[list[Exclusion], list[float]]:
    """Row i as exclusions, each named with its result, and the doubts of those that apply. `zones`: of its place; `standing`: of the version before."""
    wait, near, nav, ship_type = judged.waits[i], judged.company[i], int(judged.nav[i]), int(judged.ship_type[i])
    applies = judged.row(i)
    works_nm = min((zone.distance_nm for zone in zones if zone.subkind in WORKS), default=None)
    applies["offshore_support"] = works_nm is not None and works_nm <= rule.work_nm and bool(SUPPORT_TYPES[ship_type])
    found = [
        ep.checked("port_or_anchorage", applies["port_or_anchorage"], yes="inside", no="outside", suppress=True),
        ep.role_exclusion(sight.table, [int(wait["slot"])]),
        ep.checked("net_buoy", applies["net_buoy"], suppress=True),
        ep.checked("in_distress", applies["in_distress"], nav, suppress=True),
        ep.checked("working", applies["working"], nav, suppress=True),
        ep.checked("fishing_offshore", applies["fishing_offshore"], nav, suppress=True),
        _rescued(sight, wait),
        ep.checked("unmapped_anchorage", applies["unmapped_anchorage"], int(near["anchored"]), suppress=True),
        ep.checked("weather_stop", applies["weather_stop"], int(near["alike"]), suppress=True),
        ep.checked("fishing_ground", applies["fishing_ground"], int(near["fleet"]), suppress=True),
        ep.checked("gnss_area", applies["gnss_area"], suppress=True),
    ]
    before = {exclusion.name: exclusion for exclusion in standing if exclusion.name in COMPANY and exclusion.effect == "suppress"}
    found = [before.get(exclusion.name, exclusion) for exclusion in found]
    said = NAV_NOT_UNDER_COMMAND if applies["not_under_command"] else nav
    observed = {"not_under_command": said, "fishing": ship_type, "queue": int(near["slow"]), "hove_to": int(near["mates"]), "offshore_support": works_nm}
    found += [ep.checked(name, applies[name], observed.get(name, nav)) for name in DOUBTS]
    applying = [doubt for name, doubt in DOUBTS.items() if applies[name]]
    found.append(ep.doubt_exclusion(applying, rule.doubt_max))
    return found, applying


def is_buoy(name: bytes) -> bool:
    """Whether a name is the battery of a net buoy."""
    return bool(BATTERY_NAME.search(name.decode("ascii", "replace")))


def _buoys(names: np.ndarray) -> np.ndarray:
    """bool[n]: names that are batteries; only those with a V or a per cent sign are read."""
    letters = np.ascontiguousarray(names).view(np.uint8).reshape(len(names), -1)
    found = ((letters == ord("V")) | (letters == ord("%"))).any(axis=1)
    for i in np.flatnonzero(found).tolist():
        found[i] = is_buoy(names[i])
    return found


def _in_interference(sight: Sight, slots: np.ndarray) -> np.ndarray:
    """bool[n]: whose place went wrong together with that of others: the gnss_area tells of all of them, and nobody knows where they wait."""
    table, rule, inside = sight.table, sight.params.gnss, np.zeros(len(slots), np.bool_)
    for i in np.flatnonzero(table.more["trouble"][slots]).tolist() if rule.enabled else ():
        me, slot = table.more[slots[i]], int(slots[i])
        rows, key, n = sight.around.troubled, table.key_of(slot), 1
        for row in rows[((rows["trouble"] & me["trouble"]) != 0) & (rows["key"] != key)]:
            here = distance_m(int(row["lat"]), int(row["lon"]), int(table.rows["lat"][slot]), int(table.rows["lon"][slot])) / NM_M
            before = distance_m(int(row["was_lat"]), int(row["was_lon"]), int(me["was_lat"]), int(me["was_lon"])) / NM_M
            jumped = (row["trouble"] & me["trouble"] & TROUBLE_JUMPED) != 0
            n += bool(here <= rule.target_nm and before <= rule.source_nm) if jumped else bool(here <= rule.source_nm)
        inside[i] = n >= rule.vessels_min
    return inside


def _company(sight: Sight, waits: np.ndarray, rule: Loitering, fishing: np.ndarray) -> np.ndarray:
    """COMPANY rows: who lies about each of them; a fishing vessel looks farther."""
    table, slots = sight.table, waits["slot"]
    places = np.empty(len(waits), PLACE)
    places["key"], places["lat"], places["lon"] = table.keys_of(slots), waits["lat"], waits["lon"]
    places["reach_nm"] = np.where(fishing, max(rule.queue_nm, rule.ground_nm), rule.queue_nm)
    places["loa_m"], places["hdg"] = table.more["loa_m"][slots], company.headings(take_rows(table.rows, slots))
    limits = (rule.queue_nm, rule.speed_kn_max, ANCHORAGE_SPEED_KN, rule.bow_apart_deg_max, rule.boat_loa_share_max)
    # where a slow run goes on unheard, so does that of a neighbour: at the edge of a receiver's range no two may ever be heard within minutes
    since_ms = sight.tick_ms - company.FRESH_MS, sight.tick_ms - max(company.FRESH_MS, round(rule.gap_s_max * 1000.0))
    return company_of(sight.around.parts(), places, since_ms, limits)


def _in_rescue(sight: Sight, waits: np.ndarray) -> np.ndarray:
    """bool[n]: where people are being helped."""
    inside = np.zeros(len(waits), np.bool_)
    if not sight.rescue.areas:
        return inside
    columns = waits["lat"].tolist(), waits["lon"].tolist(), waits["since_ms"].tolist(), sight.table.keys_of(waits["slot"]).tolist()
    for i, (lat, lon, since_ms, key) in enumerate(zip(*columns, strict=True)):
        lat_deg, lon_deg = ep.degrees_of(lat, lon)  # as its event names the place
        here = round(lat_deg * UNITS_PER_DEG), round(lon_deg * UNITS_PER_DEG)
        inside[i] = sight.rescue.covers(*here, since_ms, sight.tick_ms, sight.params.rescue, key) != ""
    return inside


def _rescued(sight: Sight, wait: np.void) -> Exclusion:
    """Whether people are being helped where one waits."""
    since_ms, key = int(wait["since_ms"]), sight.table.key_of(int(wait["slot"]))
    return sight.rescue.exclusion(*ep.degrees_of(int(wait["lat"]), int(wait["lon"])), since_ms, sight.tick_ms, sight.params.rescue, key)


def _at_works(sight: Sight, judged: Judged, rule: Loitering) -> None:
    """Supply ships beside a platform or wind farm, where that may be the doubt too many: of the others it is asked when there is something to tell."""
    others = np.full(len(judged.waits), rule.doubt_max < DOUBTS["offshore_support"])
    for name in DOUBTS:
        others |= judged.applies[name]
    rows = np.flatnonzero(others & SUPPORT_TYPES[judged.ship_type])
    places = judged.waits["lat_deg"][rows], judged.waits["lon_deg"][rows]
    for i, zones in zip(rows.tolist(), sight.geography.relations_of(*places) if len(rows) else []):
        judged.applies["offshore_support"][i] = any(zone.subkind in WORKS and zone.distance_nm <= rule.work_nm for zone in zones)
