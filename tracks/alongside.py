"""Alongside: innocent explanations of two vessels close together. May hold: the tests for them. May not: find who is close to whom.

Each explanation that was tested is named with its result. What is certain enough suppresses (the event is kept, with its reason, and not
shown); what only may be so is a doubt, and doubts that together exceed `doubt_max` suppress as well. What the place says (a harbour, an
anchorage that no zone shows, a gale) is judged once, when the two are first seen to meet: later comers make no harbour out of a meeting, nor a
meeting out of a harbour; a drawn zone of kind `watch` overrides it.
Sources: docs/behaviours/rendezvous.md; status and type numbers ITU-R M.1371-5, tables 45 and 53.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from dogwatch.batch import HDG_MISSING
from dogwatch.events import Exclusion, ZoneRelation
from tracks import company, subjects
from tracks import episodes as ep
from tracks.companions import PLACE, company_of
from tracks.detector import Sight
from tracks.key import mmsi_of
from tracks.params import INSHORE_NM, Rendezvous
from tracks.parties import Party, role
from tracks.vessels import degrees
from tracks.waiting import is_buoy

STANDING = HARBOUR, ANCHORAGE, WEATHER = "unmapped_harbour", "unmapped_anchorage", "weather_stop"  # what the place says once
WAITING_NAV = (subjects.NAV_ANCHORED, subjects.NAV_MOORED)
TANKERS = range(80, 90)
BARGE_LOA_M = 120  # bunker barges are shorter
ROADS_NM = 12.0
OWNER_LETTERS = 4  # of the first word of two names: shorter ones are MV, MT, SEA
TRAWL_KN = (2.0, 5.0)
ALIKE = 2  # column of `neighbours`, behind those of `company.beside`


class Ground(NamedTuple):
    """What geography says of a place."""

    zones: list[ZoneRelation]
    coast_nm: float
    watch_nm: float


def grounds(geography: Any, places: list[tuple[float, float]]) -> list[Ground]:
    """What geography says of places in degrees, asked of all of them at once."""
    lat_deg, lon_deg = np.array([lat for lat, _ in places]), np.array([lon for _, lon in places])
    distances = geography.coast_distance_nm(lat_deg, lon_deg).tolist(), geography.watch_distance_nm(lat_deg, lon_deg).tolist()
    return [Ground(*one) for one in zip(geography.relations_of(lat_deg, lon_deg), *distances, strict=True)]


def shores(geography: Any, a: np.ndarray, b: np.ndarray, *, under_way: bool) -> tuple[list[float], list[bool]]:
    """(coast distance of the nearer one, whether either is masked) of pairs of PARTY rows; nobody who lies still is asked about masks."""
    lat_deg, lon_deg = (degrees(np.concatenate([a[name], b[name]])) for name in ("lat", "lon"))
    coast_nm = geography.coast_distance_nm(lat_deg, lon_deg).reshape(2, -1).min(axis=0)
    masked = geography.masked(lat_deg, lon_deg).reshape(2, -1).any(axis=0) if under_way else np.zeros(len(a), np.bool_)
    return coast_nm.tolist(), masked.tolist()


@dataclass(frozen=True)
class Beside:
    """What is known of two parties when they are judged.

    `place`: degrees, between them; `ways`: mean speeds in knots; `coast_nm`: of the nearer one; `in_mask`: under way in a port or anchorage (slow ones
    in masks are in no contact at all); `under_way`: abreast of each other, not still; `one_hull`: never farther apart than the longer one is long, and
    not seen farther apart before; `alike`: how many others showed their bows where these do, half-way to the meeting. `asked`, `near`: what was asked
    for many pairs at once, of the place and of those around (columns of `neighbours`); else it is asked when it is wanted: mostly it is known.
    """

    a: Party
    b: Party
    since_ms: int
    place: tuple[float, float]
    ways: tuple[float, float]
    geography: Any
    coast_nm: float
    in_mask: bool = False
    under_way: bool = False
    one_hull: bool = False
    alike: int = 0
    asked: Ground | None = None
    near: np.ndarray | None = None

    @cached_property
    def ground(self) -> Ground:
        """Zones and distances between the two."""
        return self.asked or grounds(self.geography, [self.place])[0]

    @property
    def zones(self) -> list[ZoneRelation]:
        """Zones between the two."""
        return self.ground.zones

    @property
    def both(self) -> tuple[Party, Party]:
        """The two, smaller key first."""
        return self.a, self.b


def standing_of(sight: Sight, beside: Beside, rule: Rendezvous) -> list[Exclusion]:
    """What the place says of two that are first seen to meet, in the order of STANDING."""
    return [_harbour(sight, beside, rule), _anchorage(sight, beside, rule), _hove_to(sight, beside, rule)]


def explanations(sight: Sight, beside: Beside, rule: Rendezvous, standing: list[Exclusion]) -> tuple[list[Exclusion], list[float]]:
    """Each innocent explanation that was tested, and the doubts of those that apply. `standing`: what the place says, as `standing_of` once found it."""
    trawl = beside.under_way and all(fishes(party) for party in beside.both) and all(TRAWL_KN[0] <= kn <= TRAWL_KN[1] for kn in beside.ways)
    boats = _boats(sight, beside, rule)
    found = [
        ep.checked("port_or_anchorage", beside.in_mask, yes="inside", no="outside", suppress=True),
        *standing,
        ep.roles_exclude([role(party) for party in beside.both]),
        sight.rescue.exclusion(*ep.degrees_of(int(beside.a["lat"]), int(beside.a["lon"])), beside.since_ms, sight.tick_ms, sight.params.rescue),
        ep.checked("net_buoy", any(is_buoy(party["name"]) for party in beside.both), suppress=True),
        ep.checked("pair_trawl", trawl, suppress=True),
        ep.checked("one_hull", beside.one_hull, suppress=True),
        ep.checked("untrue_position", any(int(party["trouble"]) for party in beside.both), suppress=True),
        ep.checked("mother_ship_and_boats", boats >= rule.boats_min, boats, suppress=True),
    ]
    doubts = _doubts(beside, boats)
    found += [ep.checked("shore_ring", beside.coast_nm < rule.shore_ring_nm, suppress=True)] if rule.shore_ring_nm else []
    found += [ep.checked(name, applies, observed) for name, applies, observed, _ in doubts]
    applying = [doubt for _, applies, _, doubt in doubts if applies]
    found.append(ep.doubt_exclusion(applying, rule.doubt_max))
    return found, applying


def doubts_of(beside: Beside) -> list[float]:
    """The doubts of `explanations`, of two of which no boats are asked."""
    return [doubt for _, applies, _, doubt in _doubts(beside, 0) if applies]


def neighbours(sight: Sight, a: np.ndarray, b: np.ndarray, rule: Rendezvous, *, bows: bool) -> np.ndarray:
    """int64[n, 3]: of n pairs (PARTY rows) what `company.beside` counts, and (ALIKE, if `bows` are asked for) what `_bows_alike` says at most of either."""
    return np.column_stack([company.beside(sight, a, b, rule), _most_alike(sight, a, b, rule) if bows else np.zeros(len(a), np.int64)])


def bows_alike(sight: Sight, a: np.ndarray, b: np.ndarray, rule: Rendezvous) -> np.ndarray:
    """int64[n]: of n pairs (PARTY rows) that show their bows in one direction, how many others near show theirs there; 0 of other pairs."""
    same = _one_direction(a["hdg"].astype(np.int64), b["hdg"].astype(np.int64), rule.bow_apart_deg_max)
    return np.where(same, _most_alike(sight, a, b, rule), 0)


def _most_alike(sight: Sight, a: np.ndarray, b: np.ndarray, rule: Rendezvous) -> np.ndarray:
    """int64[n]: of n pairs (PARTY rows) what `_bows_alike` says at most of either, in one pass over all who are seen."""
    both = np.concatenate([a, b])
    keys, first, of = np.unique(both["key"], return_index=True, return_inverse=True)
    places = np.zeros(len(keys), PLACE)
    for name in ("key", "lat", "lon"):
        places[name] = both[name][first]
    places["hdg"] = company.headings(both[first])
    limits = (rule.weather_nm, float(np.float32(rule.speed_kn_max)), 0.0, rule.bow_apart_deg_max, 0.0)
    alike = company_of(sight.around.parts(), places, (sight.tick_ms - company.FRESH_MS,) * 2, limits)["alike"][of]
    found: np.ndarray = alike.reshape(2, -1).max(axis=0).astype(np.int64)
    return found


def fishes(party: Party) -> bool:
    """By ship type or navigational status."""
    return int(party["ship_type"]) == subjects.TYPE_FISHING or int(party["nav"]) == subjects.NAV_FISHING


def waits(party: Party) -> bool:
    """At anchor or moored by its own word."""
    return int(party["nav"]) in WAITING_NAV


def _watched(zones: list[ZoneRelation]) -> bool:
    return any(zone.kind == "watch" and zone.relation == "inside" for zone in zones)


def _near(sight: Sight, beside: Beside, reach_nm: float) -> np.ndarray:
    """Others than the two within reach."""
    a = beside.a
    rows = company.others_near(sight, int(a["key"]), int(a["lat"]), int(a["lon"]), reach_nm)
    return rows[rows["key"] != beside.b["key"]]


def _harbour(sight: Sight, beside: Beside, rule: Rendezvous) -> Exclusion:
    """A harbour that no mask shows: ashore of the coarse coastline (a basin it does not show), or inshore with many more slow vessels near."""
    coast_nm = beside.coast_nm
    if coast_nm >= INSHORE_NM or _watched(beside.zones):
        return ep.checked(HARBOUR, False, 0, suppress=True)
    ashore = coast_nm <= 0
    others = len(company.slow(_near(sight, beside, rule.crowd_nm), rule.speed_kn_max)) if beside.near is None else int(beside.near[company.SLOW])
    return ep.checked(HARBOUR, ashore or others >= rule.crowd_others_min, "ashore of the coastline" if ashore else others, suppress=True)


def _anchorage(sight: Sight, beside: Beside, rule: Rendezvous) -> Exclusion:
    """An anchorage that no mask shows: one of the two at anchor by its own word (or both as still as that), among many that say they are."""
    still = any(waits(party) for party in beside.both) or all(kn <= rule.still_kn_max for kn in beside.ways)
    if not still or _watched(beside.zones):
        return ep.checked(ANCHORAGE, False, 0, suppress=True)
    anchored = company.at_anchor(_near(sight, beside, rule.anchorage_nm), rule.speed_kn_max) if beside.near is None else int(beside.near[company.ANCHORED])
    return ep.checked(ANCHORAGE, anchored >= rule.crowd_others_min, anchored, suppress=True)


def _hove_to(sight: Sight, beside: Beside, rule: Rendezvous) -> Exclusion:
    """Several ships with hardly any way on and their bows in one direction wait out a gale, and some of them come close, or are the last to leave."""
    hdg_a, hdg_b = (int(party["hdg"]) for party in beside.both)
    if _watched(beside.zones) or beside.under_way or not _one_direction(hdg_a, hdg_b, rule.bow_apart_deg_max):
        return ep.checked(WEATHER, False, 0, suppress=True)
    alike = max(_bows_alike(sight, one, rule) for one in beside.both) if beside.near is None else int(beside.near[ALIKE])
    alike = max(alike, beside.alike)
    return ep.checked(WEATHER, alike >= rule.crowd_others_min, alike, suppress=True)


def _one_direction(a: Any, b: Any, apart_deg_max: float) -> Any:
    """Whether two bows (one heading of each, or arrays of them) show in one direction, or one does not say where."""
    return (a == HDG_MISSING) | (b == HDG_MISSING) | (abs((a - b + 180) % 360 - 180) <= apart_deg_max)


def _bows_alike(sight: Sight, one: Party, rule: Rendezvous) -> int:
    rows = company.others_near(sight, int(one["key"]), int(one["lat"]), int(one["lon"]), rule.weather_nm)
    shown = {name: np.array([one[name]]) for name in ("hdg", "cog", "speed_kn")}
    return company.same_bow(rows, int(company.headings(shown)[0]), rule.speed_kn_max, rule.bow_apart_deg_max)


def _boats(sight: Sight, beside: Beside, rule: Rendezvous) -> int:
    """Fishing boats of the flag of the larger of two fishing vessels, much shorter than it, near: 0 unless the other one is such a boat."""
    large, small = sorted(beside.both, key=lambda party: -int(party["loa_m"]))
    if not all(fishes(party) for party in beside.both):
        return 0
    key, loa_m = int(large["key"]), int(large["loa_m"])
    rows = company.others_near(sight, key, int(large["lat"]), int(large["lon"]), rule.fleet_nm)
    hers = company.boats_of(rows[rows["key"] == small["key"]], key, loa_m, rule.boat_loa_share_max)
    return company.boats_of(rows, key, loa_m, rule.boat_loa_share_max) if hers else 0


def _doubts(beside: Beside, boats: int) -> list[tuple[str, bool, str | int | None, float]]:
    """(name, applies, observed, doubt) of explanations that may be so."""
    a, b = beside.both
    waiting = waits(a) and waits(b)
    anchored_barge = any(waits(one) and int(other["ship_type"]) in TANKERS and 0 < int(other["loa_m"]) <= BARGE_LOA_M for one, other in ((a, b), (b, a)))
    owner = _owner(a["name"])
    return [
        ("both_anchored_or_moored", waiting, f"{int(a['nav'])}, {int(b['nav'])}", 0.4),
        ("fishing_pair", fishes(a) and fishes(b), f"{int(a['ship_type'])}, {int(b['ship_type'])}", 0.4),
        ("mother_ship", boats > 0, boats, 0.4),
        ("same_owner", owner != "" and owner == _owner(b["name"]) and _flag(a) == _flag(b), owner or None, 0.3),
        ("bunkering", anchored_barge and beside.coast_nm <= ROADS_NM, f"{int(a['ship_type'])}, {int(b['ship_type'])}", 0.4),
    ]


def _owner(name: bytes) -> str:
    """First word of a name, as shipping companies paint it on all their ships; '' if it is too short to mean one."""
    words = name.decode("ascii", "replace").split()
    return words[0] if len(words) > 1 and len(words[0]) >= OWNER_LETTERS else ""


def _flag(party: Party) -> int:
    return mmsi_of(int(party["key"])) // company.MID_DIVISOR
