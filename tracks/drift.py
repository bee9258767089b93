"""Drift and "not under command": a ship that goes where the sea takes it, and one that says it cannot manoeuvre. May hold: both rules.

May not: judge why, stops and groundings (their own files), raise a score: this is the safety channel.
Definition: docs/behaviours/drift.md.

Theory. A ship under engine goes where her bow points (or straight astern); one adrift goes beam to the wind, slowly and in one
direction. Every ten minutes the last 40 minutes of the trail are looked at as a whole: speed over ground below 1 kn says
nothing by itself (a published rule asks 1 kn of every report and finds no drift at 0.6 kn), but half a kilometre made good in one
direction across the bow does. The angle is taken between the way made good and the heading, from a table of cosines, so that
all machines agree. Without a heading the way must be long and straight, and the vessel must have been faster before.
What a crew says (status 2) is a rule of its own: always shown, believed only where the motion fits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import boolean, float64, from_dtype, int64, types

from dogwatch.batch import LAT_MISSING
from dogwatch.events import Event, Evidence, Exclusion, Value
from dogwatch.geo import COS_COURSE, COS_TABLE, KN_MS, M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference
from dogwatch.kernel import kernel
from tracks import episodes as ep
from tracks import subjects, words
from tracks.detector import Detector, Sight
from tracks.params import Drift
from tracks.records import BUCKET_MS, HOT_TYPE, MORE_TYPE, PLAIN, TRAIL_FIXES, TRAIL_MS, TRAIL_TYPE

TYPE, RULE, RULE_NUC = "safety", "drift", "nuc"
RULE_VERSION = "1.0"
TYPE_SAILING = 36
STEP_MS = 290_000  # the path is measured in steps of five minutes: shorter ones are mostly noise of the fixes
LEG_MS = 590_000  # and directions are compared over ten minutes
GAP_MS_MAX = 900_000
EVEN_SHARE = 0.2  # of the way, at least, in each half of the time: one who comes and anchors is no drifter
SLOW_KN = 5.0  # a SOG above it: under way, not worth a look
BY_COMPANY = ("others_heave_to", "alongside_another")

WAY = np.dtype(
    [
        ("slot", "<i8"),
        ("first_ms", "<i8"),
        ("last_ms", "<i8"),
        ("lat", "<i4"),  # where the window began
        ("lon", "<i4"),
        ("points", "<i4"),
        ("headings", "<i4"),  # points that told one
        ("across", "<i4"),  # of these, with the way across the bow
        ("net_m", "<f8"),
        ("path_m", "<f8"),
        ("off_bow_cos", "<f8"),  # mean cosine of the angle between way and bow
        ("half_share", "<f8"),  # of the net way that was made in the first half of the time
        ("spread_cos", "<f8"),  # cosine of the widest angle between a ten-minute leg and the whole way
    ]
)
_WAY = from_dtype(WAY)


class DriftDetector(Detector):
    """Episodes of drift and of status 2. The words of the crews lie beside the tracks."""

    NAME = "drift"
    COLD = words.SAID
    POOL = words.WORD

    def __init__(self) -> None:
        self.book, self.words = ep.Book(), ep.Book()
        self.fresh: set[int] = set()  # tracks that have said it twice, until the next tick

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """Note who says that it is not under command."""
        rule = sight.params.nuc
        slots = words.heard(sight, fixes, taken, self.NAME, words.NAV_NUC, rule.reports_min, rule.lower_s)
        self.fresh |= {sight.table.key_of(slot) for slot in slots}

    def tick(self, sight: Sight) -> list[Event]:
        """Words each minute, ways each ten."""
        nuc = sight.params.nuc
        events = _words(self, sight) if nuc.enabled else []
        self.fresh = set()
        if sight.tick_ms % BUCKET_MS == 0:
            words.forget(sight, self.NAME, max(nuc.lower_s, nuc.silent_s), self.words)
        if sight.params.drift.enabled and sight.tick_ms % BUCKET_MS == 0:
            events += _ways(self, sight)
        return events

    def keys(self) -> set[int]:
        """Tracks with an episode."""
        return set(self.book.pages) | set(self.words.pages)

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"book": self.book.to_sections(), "words": self.words.to_sections(), "fresh": sorted(self.fresh)}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.book, self.words = ep.Book.from_sections(sections["book"]), ep.Book.from_sections(sections["words"])
        self.fresh = set(sections["fresh"])


def _ways(state: DriftDetector, sight: Sight) -> list[Event]:
    """Who is adrift at this tick, and who is no longer."""
    table, rule, tick_ms = sight.table, sight.params.drift, sight.tick_ms
    n = len(table)
    keep = rule.keep_share
    limits = (rule.window_s, keep * rule.speed_kn_min, rule.speed_kn_max, keep * rule.net_m_min, keep * rule.net_over_path_min)
    found = ways_of(table.used, table.known, table.trail[:n], tick_ms, limits, _cos(rule.off_bow_deg_min))
    events, adrift = [], set()
    for way in found[np.argsort(table.keys_of(found["slot"]), kind="stable")]:
        key = table.key_of(int(way["slot"]))
        asked = _asked(rule, says=_says_so(state, key), held=_is_adrift(state, key))
        if _is_drift(way, table.more[int(way["slot"])], asked):
            adrift.add(key)
            events += _adrift(state, sight, key, way, asked)
    for key in sorted(set(state.book.pages) - adrift):
        page = state.book.pages[key]
        last_ms = int(page.notes["last_ms"])
        if page.event.t_end is None:
            closed = "closed" if page.event.state == "open" else page.event.state
            events.append(state.book.revise(key, tick_ms, state=closed, t_end=last_ms))
        elif tick_ms - last_ms > rule.merge_s * 1000.0:
            del state.book.pages[key]
    return events


def _says_so(state: DriftDetector, key: int) -> bool:
    """Whether the crew says at present that the ship is not under command."""
    return key in state.words and state.words.pages[key].event.t_end is None


def _is_adrift(state: DriftDetector, key: int) -> bool:
    """Whether its drift goes on: what is asked of it is less than of a new one."""
    return key in state.book and state.book.pages[key].event.t_end is None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of a way: of one that drifts already `keep_share` of what is asked of another, and of a crew's word less without headings."""

    speed_kn_min: float
    speed_kn_max: float
    net_m: float
    net_m_blind: float
    net_over_path: float
    across_share: float
    spread_deg: float
    speed_before_kn: float
    loa_m: float


def _asked(rule: Drift, *, says: bool, held: bool) -> _Asked:
    keep = rule.keep_share if held else 1.0
    blind_m = rule.net_m_min if says else rule.net_nm_min_blind * NM_M
    spread_deg = min(rule.spread_deg_max / keep, 89.9)
    shares = keep * rule.net_over_path_min, keep * rule.across_share_min, spread_deg
    return _Asked(keep * rule.speed_kn_min, rule.speed_kn_max, keep * rule.net_m_min, keep * blind_m, *shares, rule.speed_before_kn_min, rule.loa_m_min)


def _is_drift(way: np.void, more: np.void, asked: _Asked) -> bool:
    """Way, speed and straightness, the length of the ship, and heading or its substitute."""
    net_m, span_s = float(way["net_m"]), (int(way["last_ms"]) - int(way["first_ms"])) / 1000.0
    if (asked.loa_m > 0 and int(more["loa_m"]) < asked.loa_m) or net_m < asked.net_m or net_m < asked.net_over_path * float(way["path_m"]):
        return False
    if net_m / span_s / KN_MS < asked.speed_kn_min:
        return False
    if 2 * int(way["headings"]) >= int(way["points"]):
        return int(way["across"]) >= asked.across_share * int(way["headings"])
    return float(way["spread_cos"]) >= _cos(asked.spread_deg) and net_m >= asked.net_m_blind and float(more["typical_kn"]) >= asked.speed_before_kn


def _adrift(state: DriftDetector, sight: Sight, key: int, way: np.void, asked: _Asked) -> list[Event]:
    table, rule, tick_ms, slot = sight.table, sight.params.drift, sight.tick_ms, int(way["slot"])
    page = state.book.pages.get(key)
    since_ms = page.event.t_start if page else int(way["first_ms"])
    here = ep.degrees_of(int(table.rows["lat"][slot]), int(table.rows["lon"][slot]))
    blind = 2 * int(way["headings"]) < int(way["points"])
    exclusions, doubts = _exclusions(sight, slot, since_ms, here, blind=blind)
    exclusions = [_stays(page.event, exclusion) for exclusion in exclusions] if page else exclusions
    threshold_m = asked.net_m_blind if blind else asked.net_m
    facts = ep.facts_of(
        sight,
        slot,
        here,
        exclusions,
        measures=_measures(table.more[slot], way, tick_ms - since_ms, says=_says_so(state, key)),
        evidence=_evidence(way, asked, table.more[slot], threshold_m, blind=blind),
        confidence=ep.confidence_of(
            rule.confidence_cap_blind if blind else rule.confidence_cap,
            ep.margin_quality(float(way["net_m"]), threshold_m),
            int(way["points"]) * TRAIL_MS / 1000.0 / rule.window_s,
            doubts,
        ),
        quality={"reports_real": int(way["points"]), "headings": int(way["headings"])},
    )
    if page is None:
        return [state.book.open_new(key, ep.new_event(sight, (TYPE, "drift", RULE, RULE_VERSION), [key], since_ms, facts), last_ms=int(way["last_ms"]))]
    page.notes["last_ms"] = int(way["last_ms"])
    changed = page.event.state != facts["state"] or page.event.reason != facts["reason"] or page.event.t_end is not None
    due = facts["state"] == "open" and tick_ms - page.emitted_ms >= sight.params.revise_s * 1000.0
    return [state.book.revise(key, tick_ms, **facts)] if changed or due else []


def _stays(event: Event, exclusion: Exclusion) -> Exclusion:
    """What explained an episode by company goes on to explain it when the others have gone first: a gale passes for all, but not all go on at once."""
    if exclusion.name not in BY_COMPANY or exclusion.effect == "suppress":
        return exclusion
    return next((before for before in event.exclusions if before.name == exclusion.name and before.effect == "suppress"), exclusion)


def _exclusions(sight: Sight, slot: int, since_ms: int, here: tuple[float, float], *, blind: bool) -> tuple[list[Exclusion], list[float]]:
    """Each innocent explanation that was tested, and the doubts of those that apply."""
    table, tick_ms = sight.table, sight.tick_ms
    nav, ship_type = int(table.rows["nav"][slot]), int(table.more["ship_type"][slot])
    others = ep.slow_neighbours(sight, slot, sight.params.drift.company_nm, SLOW_KN)
    rule = sight.params.drift
    fleet = ep.slow_neighbours(sight, slot, rule.fleet_nm, rule.speed_kn_max) if blind else 0
    gear_out = nav == subjects.NAV_FISHING
    found = [
        ep.checked("port_or_anchorage", bool(table.more["masked"][slot]), yes="inside", no="outside", suppress=True),
        ep.checked("towing", nav in subjects.TOWING_NAV or ship_type in (31, 32), nav, suppress=True),
        ep.checked("sailing", ship_type == TYPE_SAILING or nav == 8, ship_type, suppress=True),
        ep.checked("fishing_gear_out", gear_out, nav, suppress=True),
        ep.checked("anchored_or_moored", nav in (subjects.NAV_ANCHORED, subjects.NAV_MOORED), nav, suppress=True),
        ep.role_exclusion(table, [slot]),
        # without a heading a ship hove to in a gale looks like one adrift; she is not alone in it
        ep.checked("others_heave_to", fleet >= rule.fleet_others_min, fleet, suppress=True),
        sight.rescue.exclusion(*here, since_ms, tick_ms, sight.params.rescue),
        # and so do two that go slowly abreast
        ep.checked("alongside_another", others > 0, others, suppress=blind),
        # without a heading a trawler at work, whatever her status, looks like one adrift
        ep.checked("fishing_vessel", ship_type == subjects.TYPE_FISHING and not gear_out, ship_type, suppress=blind),
    ]
    doubts = ((others > 0, 0.4), (ship_type == subjects.TYPE_FISHING and not gear_out, 0.3))
    return found, [doubt for applies, doubt in doubts if applies]


def _evidence(way: np.void, asked: _Asked, more: np.void, threshold_m: float, *, blind: bool) -> list[Evidence]:
    span_s = (int(way["last_ms"]) - int(way["first_ms"])) / 1000.0
    speed_kn = float(way["net_m"]) / span_s / KN_MS
    found = [
        ep.at_least("net_m", float(way["net_m"]), threshold_m),
        ep.at_least("speed_kn", speed_kn, asked.speed_kn_min),
        ep.at_most("speed_kn", speed_kn, asked.speed_kn_max),
        ep.at_least("net_over_path", float(way["net_m"]) / float(way["path_m"]), asked.net_over_path),
    ]
    if blind:
        found.append(ep.at_most("course_spread_deg", math.degrees(math.acos(max(-1.0, min(1.0, float(way["spread_cos"]))))), asked.spread_deg))
        found.append(ep.at_least("speed_before_kn", float(more["typical_kn"]), asked.speed_before_kn))
    else:
        found.append(ep.at_least("across_bow_share", int(way["across"]) / int(way["headings"]), asked.across_share))
    return found


def _measures(more: np.void, way: np.void, duration_ms: int, *, says: bool) -> dict[str, Value]:
    span_s = (int(way["last_ms"]) - int(way["first_ms"])) / 1000.0
    off_bow = round(math.degrees(math.acos(max(-1.0, min(1.0, float(way["off_bow_cos"])))))) if way["headings"] else None
    return {
        "duration_s": ep.tidy("s", duration_ms / 1000.0),
        "drift_kn": ep.tidy("kn", float(way["net_m"]) / span_s / KN_MS),
        "net_m": ep.tidy("m", float(way["net_m"])),
        "net_over_path": ep.tidy("share", float(way["net_m"]) / float(way["path_m"])),
        "off_bow_deg": off_bow,
        "says_not_under_command": says,
        "coast_distance_nm": ep.tidy("nm", float(more["coast_nm"])),
        "watch_distance_nm": ep.tidy("nm", float(more["watch_nm"])),
    }


def _words(state: DriftDetector, sight: Sight) -> list[Event]:
    """Crews that began or ceased to say that they are not under command."""
    table, rule, tick_ms, events = sight.table, sight.params.nuc, sight.tick_ms, []
    for key in sorted(state.fresh | set(state.words.pages)):
        slot, page = table.slot_of_key(key), state.words.pages.get(key)
        word = words.word_of(table, DriftDetector.NAME, slot)
        silent_ms = tick_ms - int(word["last_ms"])
        says_otherwise = int(table.rows["t_ms"][slot]) > int(word["last_ms"])
        over = silent_ms >= (rule.lower_s if says_otherwise else rule.silent_s) * 1000.0
        if page and page.event.t_end is not None and silent_ms > rule.merge_s * 1000.0:
            del state.words.pages[key]
        elif page and page.event.t_end is None and over:
            events.append(state.words.revise(key, tick_ms, state="closed", t_end=int(word["last_ms"])))
        elif not over:
            events += _says(state, sight, key, slot)
    return events


def _says(state: DriftDetector, sight: Sight, key: int, slot: int) -> list[Event]:
    table, rule, tick_ms = sight.table, sight.params.nuc, sight.tick_ms
    page, word, row = state.words.pages.get(key), words.word_of(table, DriftDetector.NAME, slot), table.rows[slot]
    again = page is not None and page.event.t_end is not None
    if page and not again and tick_ms - page.emitted_ms < sight.params.revise_s * 1000.0:
        return []
    start_ms = page.event.t_start if page else int(word["first_ms"])
    here = ep.degrees_of(int(row["lat"]), int(row["lon"]))
    adrift = key in state.book and state.book.pages[key].event.t_end is None
    fits = adrift or 0.0 <= float(row["speed_kn"]) <= rule.speed_kn_max
    exclusions = [
        ep.checked("motion_does_not_fit", not fits, ep.tidy("kn", float(row["speed_kn"])), yes=f"above {rule.speed_kn_max:g} kn", no="fits"),
        ep.checked("port_or_anchorage", bool(table.more["masked"][slot]), yes="inside", no="outside"),
    ]
    measures = {"duration_s": ep.tidy("s", (tick_ms - start_ms) / 1000.0), "speed_kn": ep.tidy("kn", float(row["speed_kn"])), "adrift": adrift}
    evidence = [Evidence("status", words.NAV_NUC, "==", words.NAV_NUC, None, True), ep.at_least("reports", int(word["reports"]), rule.reports_min)]
    confidence = ep.confidence_of(rule.confidence_cap, 1.0, 1.0, [0.4 for x in exclusions if x.effect == "doubt"])
    facts = ep.facts_of(sight, slot, here, exclusions, measures=measures, evidence=evidence, confidence=confidence)
    if page:
        return [state.words.revise(key, tick_ms, **facts)]
    return [state.words.open_new(key, ep.new_event(sight, (TYPE, "nuc", RULE_NUC, RULE_VERSION), [key], start_ms, facts))]


def _cos(degrees: float) -> float:
    """Cosine of 0-90 degrees from the table that all machines share."""
    return float(COS_TABLE[round(degrees * 10)])


def ways_of(
    rows: np.ndarray, more: np.ndarray, trail: np.ndarray, tick_ms: int, limits: tuple[float, float, float, float, float], bow_cos: float
) -> np.ndarray:
    """WAY rows of the vessels whose last window is slow, long and straight enough; whether it is across the bow is left to the caller.

    limits: window in s, slowest and fastest in knots, least net way in m, least net over path. bow_cos: cosine of the least angle off the bow.
    """
    found = np.empty(len(rows), WAY)
    return found[: _find_ways(rows, more, trail, tick_ms, limits, bow_cos, np.empty((2, TRAIL_FIXES), np.int64), found)].copy()


@kernel(int64(TRAIL_TYPE[:, ::1], int64, int64, int64, int64[:, ::1]), **PLAIN)
def _window(trail, slot, tick_ms, window_ms, points):
    """The points of a trail in the window before a tick, in order of time: their places and times, written down; how many."""
    n = 0
    newest = tick_ms // TRAIL_MS - 1
    for k in range(TRAIL_FIXES):
        place = (newest - (TRAIL_FIXES - 1) + k) & (TRAIL_FIXES - 1)
        point = trail[slot, place]
        if point["lat"] == LAT_MISSING:
            continue
        t = tick_ms - ((tick_ms - np.int64(point["t"])) & 0xFFFFFFFF)
        if tick_ms - t > window_ms or (n > 0 and t <= points[1, n - 1]):
            continue
        points[0, n] = place
        points[1, n] = t
        n += 1
    return n


@kernel(boolean(TRAIL_TYPE[:, ::1], int64, int64[:, ::1], int64, types.UniTuple(float64, 5), _WAY[::1], int64), **PLAIN)
def _net(trail, slot, points, n, limits, ways, at):
    """Net way of n points: written down if it is long, slow and complete enough."""
    window_s, kn_min, kn_max, net_min_m, _ = limits
    window_ms = np.int64(window_s * 1000.0)
    if n < 3:
        return False
    first, last, span_ms = trail[slot, points[0, 0]], trail[slot, points[0, n - 1]], points[1, n - 1] - points[1, 0]
    if span_ms < window_ms - 2 * TRAIL_MS or n * 2 * TRAIL_MS < window_ms:
        return False
    net_m = distance_m(first["lat"], first["lon"], last["lat"], last["lon"])
    speed_kn = net_m * 1000.0 / span_ms / KN_MS
    if net_m < net_min_m or speed_kn < kn_min or speed_kn > kn_max:
        return False
    way = ways[at]
    way["slot"] = slot
    way["first_ms"] = points[1, 0]
    way["last_ms"] = points[1, n - 1]
    way["lat"] = first["lat"]
    way["lon"] = first["lon"]
    way["points"] = n
    way["net_m"] = net_m
    return True


@kernel(boolean(TRAIL_TYPE[:, ::1], int64, int64[:, ::1], int64, float64, _WAY[::1], int64), **PLAIN)
def _straight(trail, slot, points, n, straight_min, ways, at):
    """How straight and even a way is: written down if it is enough, and has no hole."""
    way, first, last = ways[at], trail[slot, points[0, 0]], trail[slot, points[0, n - 1]]
    net_m, span_ms = way["net_m"], points[1, n - 1] - points[1, 0]
    scale = cos_lat((np.int64(first["lat"]) + np.int64(last["lat"])) // 2)
    north = (np.int64(last["lat"]) - np.int64(first["lat"])) * M_PER_UNIT / net_m
    east = lon_difference(np.int64(last["lon"]), np.int64(first["lon"])) * M_PER_UNIT * scale / net_m
    path_m, spread, half_m = 0.0, 1.0, 0.0
    step, leg = 0, 0
    for k in range(n):
        point, t = trail[slot, points[0, k]], points[1, k]
        if t - points[1, 0] <= span_ms // 2:
            half_m = distance_m(first["lat"], first["lon"], point["lat"], point["lon"])
        if k > 0 and t - points[1, k - 1] > GAP_MS_MAX:
            return False
        if k > 0 and (t - points[1, step] >= STEP_MS or k == n - 1):
            begin = trail[slot, points[0, step]]
            path_m += distance_m(begin["lat"], begin["lon"], point["lat"], point["lon"])
            step = k
        if t - points[1, leg] >= LEG_MS:
            begin = trail[slot, points[0, leg]]
            dy = (np.int64(point["lat"]) - np.int64(begin["lat"])) * M_PER_UNIT
            dx = lon_difference(np.int64(point["lon"]), np.int64(begin["lon"])) * M_PER_UNIT * scale
            leg_m = np.sqrt(dy * dy + dx * dx)  # on the same plane as its parts: a length from elsewhere would bend small angles
            spread = min(spread, (dy * north + dx * east) / leg_m) if leg_m > 0.0 else -1.0
            leg = k
    way["path_m"] = path_m
    way["spread_cos"] = spread
    way["half_share"] = half_m / net_m
    return path_m > 0.0 and net_m >= straight_min * path_m and half_m >= EVEN_SHARE * net_m and half_m <= (1.0 - EVEN_SHARE) * net_m


@kernel((TRAIL_TYPE[:, ::1], int64, int64[:, ::1], int64, float64, _WAY[::1], int64), **PLAIN)
def _across(trail, slot, points, n, bow_cos, ways, at):
    """How the bow lay to the way: written down."""
    way, first, last = ways[at], trail[slot, points[0, 0]], trail[slot, points[0, n - 1]]
    scale = cos_lat((np.int64(first["lat"]) + np.int64(last["lat"])) // 2)
    north = (np.int64(last["lat"]) - np.int64(first["lat"])) * M_PER_UNIT / way["net_m"]
    east = lon_difference(np.int64(last["lon"]), np.int64(first["lon"])) * M_PER_UNIT * scale / way["net_m"]
    cos_sum, headings, across = 0.0, 0, 0
    for k in range(n):
        bow = np.int64(trail[slot, points[0, k]]["hdg"])
        if bow >= 360:
            continue
        cosine = COS_COURSE[bow * 10] * north + COS_COURSE[(bow * 10 + 2700) % 3600] * east
        headings += 1
        cos_sum += cosine
        across += abs(cosine) <= bow_cos
    way["headings"] = headings
    way["across"] = across
    way["off_bow_cos"] = cos_sum / headings if headings > 0 else 0.0


# Slow twin in tests/naive_motion.py.
@kernel(
    int64(HOT_TYPE[::1], MORE_TYPE[::1], TRAIL_TYPE[:, ::1], int64, types.UniTuple(float64, 5), float64, int64[:, ::1], _WAY[::1]),
    **PLAIN,
)
def _find_ways(rows, more, trail, tick_ms, limits, bow_cos, points, ways):
    """Write the ways of all vessels that are slow and outside masks; returns how many. points: room for those of one window."""
    window_ms = np.int64(limits[0] * 1000.0)
    found = 0
    for slot in range(rows.shape[0]):
        v = rows[slot]
        if v["t_ms"] < tick_ms - BUCKET_MS or v["speed_kn"] > SLOW_KN or v["speed_kn"] < 0.0 or more[slot]["masked"] != 0:
            continue
        n = _window(trail, slot, tick_ms, window_ms, points)
        if _net(trail, slot, points, n, limits, ways, found) and _straight(trail, slot, points, n, limits[4], ways, found):
            _across(trail, slot, points, n, bow_cos, ways, found)
            found += 1
    return found
