"""Odd speed, course and place: a vessel that does not go on as it went for two hours, or is where her kind is not seen. May hold: the rules, the event.

May not: page anybody (low weight, capped at half), know routes, keep the counts of places (tracks/places.py). Definition: docs/behaviours/anomaly.md.

Theory. Ships under way keep speed and course for hours, so what a vessel did in the last two hours is the best guess of what she
will do, and her own scatter says how good it is. Legs of five minutes (tracks/legs.py) leave a flag where something changed; only those vessels are
looked at. A step must last three legs, leave the median by `deviations_min` robust deviations *and* `step_kn_min`: the one alone fires on the steadiest,
the other on the restless. A turn must be kept for two legs and not be what others do there; and because every route has turns, it is told only
when she takes her old course up again. All of it is ended by going on as before, or by `usual_s`: then the new way is the usual one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import float64, from_dtype, int64, types

from dogwatch.events import Event, Evidence, Exclusion, Value
from dogwatch.geo import COS_TABLE
from dogwatch.kernel import kernel
from tracks import episodes as ep
from tracks import subjects
from tracks.coverage import cell_key
from tracks.detector import Detector, Sight
from tracks.infra import InfraDetector
from tracks.legs import FAST, LEG_MS, LEGS, M_PER_LEG_KN, RING_TYPE, STEPPED, TURNED, TURNED_BEFORE, LegsKeeper, flagged
from tracks.params import INSHORE_NM
from tracks.places import HALVE_MS, LOOK_MS, Places, looks_of
from tracks.records import MARK_DOUBT
from tracks.vessels import VesselTable

TYPE = "anomaly"
RULE_STEP, RULE_TURN, RULE_BOUND, RULE_PLACE = "speed_step", "course_change", "speed_bound", "unusual_place"
RULE_VERSION = "1.0"
KEPT = 2  # legs for which a new course has been kept
STEP_LEGS = 3  # and a new speed: of the first, a part may still be old, and ten minutes are asked for
STEADY_COS = 0.94  # of 20 degrees: legs before the turn agree
DEVIATION_KN_MIN = 0.3  # nobody keeps speed better than that
ROBUST = 1.4826  # a median absolute deviation as a standard deviation
MAY_BE_A_TURN = "may be a turn of her route"
MAY_DO_ANYTHING = np.isin(np.arange(256), (30, 33, 34, 35, 36, 37))  # fishing, dredging, diving, military, sailing, pleasure
# knots that hulls of a type do not exceed; ships not named here: V_MAX_OTHER_KN
V_MAX_KN = {30: 18.0, 31: 18.0, 32: 18.0, 33: 18.0, 52: 18.0, 53: 30.0, **dict.fromkeys(range(60, 70), 32.0), **dict.fromkeys(range(70, 90), 26.0)}
V_MAX_OTHER_KN = 60.0

STEP = np.dtype([("slot", "<i8"), ("usual_kn", "<f8"), ("deviation_kn", "<f8"), ("now_kn", "<f8"), ("legs", "<i8")])
TURN = np.dtype([("slot", "<i8"), ("old_north", "<f8"), ("old_east", "<f8"), ("north", "<f8"), ("east", "<f8"), ("kn", "<f8"), ("legs", "<i8")])
_STEP, _TURN = from_dtype(STEP), from_dtype(TURN)


class AnomalyDetector(Detector):
    """Episodes of odd speeds, courses, impossible speeds and odd places, each by track; what is known of places; looks in a row at odd ones by key."""

    NAME = "anomaly"
    PAIRS = True  # asks what others do there

    def __init__(self) -> None:
        self.speeds, self.courses, self.bounds, self.odd_places = ep.Book(), ep.Book(), ep.Book(), ep.Book()
        self.places = Places()
        self.odd_looks: dict[int, int] = {}

    def tick(self, sight: Sight) -> list[Event]:
        """Each five minutes."""
        rule = sight.params.anomaly
        if sight.tick_ms % LEG_MS or not rule.enabled:
            return []
        table = sight.table
        rings = table.cold[LegsKeeper.NAME]
        events: list[Event] = []
        steps = steps_of(rings, table.in_order(flagged(sight, STEPPED)), sight.tick_ms, (rule.step_kn_min, rule.deviations_min, float(rule.legs_min)))
        for step in steps[_is_asked(table, steps["slot"])]:
            events += self._step(sight, step)
        cosine = float(COS_TABLE[round(rule.turn_deg_min * 10)])
        turns = turns_of(rings, table.in_order(flagged(sight, TURNED | TURNED_BEFORE)), sight.tick_ms, (cosine, float(rule.steady_legs_min)))
        for turn in turns[_is_asked(table, turns["slot"]) & (turns["kn"] >= rule.turn_kn_min) & _may_be_odd(turns, rule.turn_deg_max)]:
            events += self._turn(sight, turn)
        events += self._bounds(sight)
        events += self._places(sight) if sight.tick_ms % LOOK_MS == 0 else []
        for book in (self.speeds, self.courses, self.bounds):
            for key in sorted(book.pages):
                events += _ended(sight, book, key)
        return events

    def _step(self, sight: Sight, step: np.void) -> list[Event]:
        rule, key = sight.params.anomaly, sight.table.key_of(int(step["slot"]))
        if key in self.speeds:
            return []
        usual_kn, now_kn = float(step["usual_kn"]), float(step["now_kn"])
        deviation_kn = float(step["deviation_kn"])
        evidence = [
            ep.at_least("step_kn", abs(now_kn - usual_kn), rule.step_kn_min),
            ep.at_least("deviations", abs(now_kn - usual_kn) / deviation_kn, rule.deviations_min),
            ep.at_least("legs_known", int(step["legs"]), rule.legs_min),
        ]
        measures = {"speed_kn": ep.tidy("kn", now_kn), "usual_kn": ep.tidy("kn", usual_kn), "deviation_kn": ep.tidy("kn", deviation_kn)}
        margin = ep.margin_quality(abs(now_kn - usual_kn), rule.step_kn_min)
        facts = _facts(sight, int(step["slot"]), evidence, measures, margin, _exclusions(sight, int(step["slot"]), None))
        event = ep.new_event(sight, (TYPE, "speed", RULE_STEP, RULE_VERSION), [key], sight.tick_ms - STEP_LEGS * LEG_MS, facts)
        return [self.speeds.open_new(key, event, usual=[usual_kn, 0.0], last_ms=sight.tick_ms)]

    def _turn(self, sight: Sight, turn: np.void) -> list[Event]:
        rule, key = sight.params.anomaly, sight.table.key_of(int(turn["slot"]))
        if key in self.courses:
            return []
        old, new = (float(turn["old_north"]), float(turn["old_east"])), (float(turn["north"]), float(turn["east"]))
        turned_deg = _angle_deg(old, new)
        if turned_deg > rule.turn_deg_max:
            return []
        evidence = [
            ep.at_least("turn_deg", turned_deg, rule.turn_deg_min),
            ep.at_least("kept_s", KEPT * LEG_MS / 1000.0, KEPT * LEG_MS / 1000.0),
            ep.at_least("steady_legs_before", int(turn["legs"]), rule.steady_legs_min),
        ]
        measures = {
            "turn_deg": round(turned_deg),
            "speed_kn": ep.tidy("kn", float(turn["kn"])),
            "course_before_deg": _course_deg(old),
            "course_deg": _course_deg(new),
        }
        margin = ep.margin_quality(turned_deg, rule.turn_deg_min)
        facts = _facts(sight, int(turn["slot"]), evidence, measures, margin, _exclusions(sight, int(turn["slot"]), new))
        if facts["state"] == "open" and rule.excursions_only:
            facts |= {"state": "candidate", "reason": MAY_BE_A_TURN}
        event = ep.new_event(sight, (TYPE, "course", RULE_TURN, RULE_VERSION), [key], sight.tick_ms - KEPT * LEG_MS, facts)
        return [self.courses.open_new(key, event, usual=list(old), last_ms=sight.tick_ms)]

    def _bounds(self, sight: Sight) -> list[Event]:
        """Who makes good more way than hulls of her type can."""
        rule, table, events = sight.params.anomaly, sight.table, []
        for slot in table.in_order(flagged(sight, FAST)).tolist():
            key, ship_type, now_kn = table.key_of(slot), int(table.more["ship_type"][slot]), _leg_kn(sight, slot)
            limit_kn = rule.bound_factor * V_MAX_KN.get(ship_type, V_MAX_OTHER_KN)
            page = self.bounds.pages.get(key)
            if now_kn is None or now_kn <= limit_kn:
                continue
            if page is not None:
                page.notes["last_ms"] = sight.tick_ms
                continue
            evidence = [ep.at_least("speed_kn", now_kn, limit_kn), ep.at_least("kept_s", LEG_MS / 1000.0, LEG_MS / 1000.0)]
            measures = {"speed_kn": ep.tidy("kn", now_kn), "type_bound_kn": ep.tidy("kn", limit_kn)}
            facts = _facts(sight, slot, evidence, measures, ep.margin_quality(now_kn, limit_kn), _explained(sight, slot))
            event = ep.new_event(sight, (TYPE, "speed", RULE_BOUND, RULE_VERSION), [key], sight.tick_ms - LEG_MS, facts)
            events.append(self.bounds.open_new(key, event, usual=[0.0, 0.0], last_ms=sight.tick_ms))
        return events

    def _places(self, sight: Sight) -> list[Event]:
        """Each ten minutes: who is where her kind is not seen, who no longer; then the places learn."""
        rule, table, events = sight.params.anomaly, sight.table, []
        seen = looks_of(sight.around.parts(), sight.tick_ms - LOOK_MS, rule.place_loa_m_min)
        found = self.places.ask(seen, rule.place_visits_min, rule.place_share_max)
        self.odd_looks = {(key := int(row["key"])): self.odd_looks.get(key, 0) + 1 for row in found}  # of all the watch, whoever keeps them
        slots = table.slots_of_keys(found["key"].astype(np.int64))
        own = {int(row["key"]): row for row in found[(slots >= 0) & _is_asked(table, slots)]}
        for key, row in own.items():
            looks = self.odd_looks[key]
            if key in self.odd_places.pages and self.odd_places.pages[key].event.t_end is None:
                self.odd_places.pages[key].notes.update(last_ms=sight.tick_ms, others=0)
            elif key not in self.odd_places.pages and looks >= rule.place_looks_min:
                events += self._odd_place(sight, key, row, looks)
        for key in sorted(set(self.odd_places.pages) - set(own)):
            page = self.odd_places.pages[key]
            page.notes["others"] += 1
            if page.event.t_end is not None:
                if sight.tick_ms - page.event.t_end > rule.merge_s * 1000.0:
                    del self.odd_places.pages[key]
            elif page.notes["others"] >= rule.place_lower_looks:
                closed = "closed" if page.event.state == "open" else page.event.state
                events.append(self.odd_places.revise(key, sight.tick_ms, state=closed, t_end=int(page.notes["last_ms"])))
        told = {key for key, looks in self.odd_looks.items() if looks >= rule.place_looks_min}
        self.places.learn(seen, told)
        if sight.tick_ms % HALVE_MS == 0:
            self.places.halve()
        return events

    def _odd_place(self, sight: Sight, key: int, row: np.void, looks: int) -> list[Event]:
        rule, slot, visits, own = sight.params.anomaly, sight.table.slot_of_key(key), int(row["visits"]), int(row["own"])
        evidence = [
            ep.at_least("looks_known", visits, rule.place_visits_min),
            ep.at_most("own_kind_share", own / visits, rule.place_share_max),
            ep.at_least("looks_in_a_row", looks, rule.place_looks_min),
        ]
        measures = {"looks_known": visits, "looks_of_her_kind": own, "loa_m": int(sight.table.more["loa_m"][slot])}
        exclusions = [*_exclusions(sight, slot, None), _coverage(sight, slot)]
        facts = _facts(sight, slot, evidence, measures, ep.margin_quality(rule.place_share_max, max(own / visits, rule.place_share_max / 3)), exclusions)
        event = ep.new_event(sight, (TYPE, "place", RULE_PLACE, RULE_VERSION), [key], sight.tick_ms - looks * LOOK_MS, facts)
        return [self.odd_places.open_new(key, event, last_ms=sight.tick_ms, others=0)]

    @property
    def _books(self) -> dict[str, ep.Book]:
        return {"speeds": self.speeds, "courses": self.courses, "bounds": self.bounds, "odd_places": self.odd_places}

    def keys(self) -> set[int]:
        """Tracks with an episode."""
        return set().union(*(book.pages for book in self._books.values()))

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        books = {name: book.to_sections() for name, book in self._books.items()}
        return {**books, "places": self.places.to_sections(), "odd_looks": [list(item) for item in sorted(self.odd_looks.items())]}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.speeds, self.courses, self.bounds, self.odd_places = (ep.Book.from_sections(sections[name]) for name in self._books)
        self.places, self.odd_looks = Places.from_sections(sections["places"]), dict(sections["odd_looks"])


def _is_asked(table: VesselTable, slots: np.ndarray) -> np.ndarray:
    """bool[n]: not vessels that change speed and course as their trade, and small ones: thousands of candidates would say nothing."""
    small, fishing = table.rows["class_b"][slots] != 0, table.rows["nav"][slots] == subjects.NAV_FISHING
    asked: np.ndarray = ~(MAY_DO_ANYTHING[table.more["ship_type"][slots]] | fishing | small)
    return asked


def _may_be_odd(turns: np.ndarray, deg_max: float) -> np.ndarray:
    """bool[n]: TURN rows of no more than so many degrees, and a hair beyond: whoever is left is measured exactly."""
    along = turns["old_north"] * turns["north"] + turns["old_east"] * turns["east"]
    lengths = np.hypot(turns["old_north"], turns["old_east"]) * np.hypot(turns["north"], turns["east"])
    may: np.ndarray = along >= (math.cos(math.radians(min(180.0, deg_max))) - 1e-4) * lengths
    return may


def _leg_kn(sight: Sight, slot: int) -> float | None:
    """Knots of the newest leg, None if it is unknown."""
    ring = sight.table.cold[LegsKeeper.NAME][slot]
    at = (sight.tick_ms // LEG_MS - 1) % LEGS
    return math.hypot(int(ring["north"][at]), int(ring["east"][at])) / M_PER_LEG_KN if ring["known"] else None


def _ended(sight: Sight, book: ep.Book, key: int) -> list[Event]:
    """Close who goes as usual again, who is not heard, and whose new way has become the usual one; forget those long over."""
    rule, tick_ms, page = sight.params.anomaly, sight.tick_ms, book.pages[key]
    event, usual = page.event, page.notes["usual"]
    if event.t_end is not None:
        if tick_ms - event.t_end > rule.merge_s * 1000.0:
            del book.pages[key]
        return []
    slot = sight.table.slot_of_key(key)
    if event.state == "open" and (reason := ep.suppressed_reason(other := _explained(sight, slot))):
        names = {exclusion.name for exclusion in other}
        exclusions = [x for x in event.exclusions if x.name not in names] + other
        return [book.revise(key, tick_ms, state="candidate", reason=reason, exclusions=exclusions)]
    ring, at, now_kn = sight.table.cold[LegsKeeper.NAME][slot], (tick_ms // LEG_MS - 1) % LEGS, _leg_kn(sight, slot)
    if now_kn is None:
        over = tick_ms - int(page.notes["last_ms"]) >= rule.silent_s * 1000.0
    elif event.rule == RULE_STEP:
        over = abs(now_kn - usual[0]) < rule.step_kn_min / 2
    elif event.rule == RULE_TURN:
        way = (float(ring["north"][at]), float(ring["east"][at]))
        over = now_kn < rule.slow_kn or _angle_deg((usual[0], usual[1]), way) < rule.turn_deg_min / 2
    else:
        over = tick_ms > int(page.notes["last_ms"])
    if not over and now_kn is not None:
        page.notes["last_ms"] = tick_ms
    if not over and tick_ms - event.t_start < rule.usual_s * 1000.0:
        return []
    last_ms = max(event.t_start, tick_ms - LEG_MS if over else tick_ms)
    back = event.reason == MAY_BE_A_TURN and over and now_kn is not None and now_kn >= rule.slow_kn
    if back and not ep.suppressed_reason(_explained(sight, slot)):
        return [book.revise(key, tick_ms, state="closed", reason="", t_end=last_ms)]  # it was none: she is on her old course again
    return [book.revise(key, tick_ms, state="closed" if event.state == "open" else event.state, t_end=last_ms)]


def _facts(sight: Sight, slot: int, evidence: list[Evidence], measures: dict[str, Any], margin: float, exclusions: list[Exclusion]) -> dict[str, Any]:
    row, rule = sight.table.rows[slot], sight.params.anomaly
    here = ep.degrees_of(int(row["lat"]), int(row["lon"]))
    place = np.array([here[0]]), np.array([here[1]])
    more: dict[str, Value] = {
        "coast_distance_nm": ep.tidy("nm", float(sight.geography.coast_distance_nm(*place)[0])),
        "watch_distance_nm": ep.tidy("nm", float(sight.geography.watch_distance_nm(*place)[0])),
    }
    confidence = ep.confidence_of(rule.confidence_cap, margin, 1.0, [0.5 for x in exclusions if x.effect == "doubt"])
    return ep.facts_of(sight, slot, here, exclusions, measures={**measures, **more}, evidence=evidence, confidence=confidence)


def _exclusions(sight: Sight, slot: int, way: tuple[float, float] | None) -> list[Exclusion]:
    """Each innocent explanation that was tested. way: metres north and east of a leg on the new course, None for speeds."""
    table, rule, row = sight.table, sight.params.anomaly, sight.table.rows[slot]
    here = ep.degrees_of(int(row["lat"]), int(row["lon"]))
    place = np.array([here[0]]), np.array([here[1]])
    coast_nm = float(sight.geography.coast_distance_nm(*place)[0])
    port_nm = float(sight.geography.port_distance_nm(*place, rule.pilotage_nm)[0])
    found = [
        ep.checked("port_or_pilotage", port_nm < rule.pilotage_nm, ep.tidy("nm", port_nm), suppress=True),
        ep.checked("inshore", coast_nm < INSHORE_NM, ep.tidy("nm", coast_nm), suppress=True),
        ep.role_exclusion(table, [slot]),
        sight.rescue.exclusion(*here, sight.tick_ms - KEPT * LEG_MS, sight.tick_ms, sight.params.rescue),
        *_explained(sight, slot),
    ]
    if way is not None:
        others = _others_on(sight, slot, way)
        found.append(ep.checked("lane_turn", others > 0, others, suppress=True))
    return found


def _explained(sight: Sight, slot: int) -> list[Exclusion]:
    """What another behaviour says of her that explains it: her place is in doubt, or her anchor drags."""
    table = sight.table
    doubt = bool(int(table.rows["marks"][slot]) & MARK_DOUBT) or int(table.more["trouble"][slot]) != 0
    drags = bool(table.cold[InfraDetector.NAME]["dragging"][slot])
    return [ep.checked("position_in_doubt", doubt, suppress=True), ep.checked("anchor_drag", drags, suppress=True)]


def _coverage(sight: Sight, slot: int) -> Exclusion:
    """Whether too little of what is sent there is heard to say who goes there: the best receiver's share counts."""
    row, coverage, least = sight.table.rows[slot], sight.coverage, sight.params.anomaly.place_coverage_min
    cells = np.array([cell_key(int(row["lat"]), int(row["lon"]), 0, group) for group in range(len(coverage.groups))], np.int64)
    heard, missed = coverage.blocks(cells)
    share = float(np.max(heard / np.maximum(heard + missed, 1.0), initial=0.0))
    return ep.checked("badly_heard", share < least, ep.tidy("share", share), suppress=True)


def _others_on(sight: Sight, slot: int, way: tuple[float, float]) -> int:
    """Other class A vessels near by that make way on the new course: a lane turns there."""
    rule, row, key = sight.params.anomaly, sight.table.rows[slot], sight.table.key_of(slot)
    rows = sight.around.within(int(row["lat"]), int(row["lon"]), rule.lane_nm)
    rows = rows[
        (rows["key"] != key)
        & (rows["speed_kn"] >= rule.turn_kn_min)
        & (rows["class_b"] == 0)
        & (rows["cog"] < 3600)
        & (sight.tick_ms - rows["t_ms"] <= ep.FRESH_MS)
    ]
    course = _course_deg(way)
    off = np.abs((rows["cog"].astype(np.int64) / 10.0 - course + 180.0) % 360.0 - 180.0)
    return int((off <= rule.lane_deg).sum())


def _course_deg(way: tuple[float, float]) -> int:
    """Whole degrees of a way north and east."""
    return round(math.degrees(math.atan2(way[1], way[0]))) % 360


def _angle_deg(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Angle between two ways, 0-180 degrees, rounded so that all machines agree."""
    lengths = math.hypot(*a) * math.hypot(*b)
    return round(math.degrees(math.acos(max(-1.0, min(1.0, (a[0] * b[0] + a[1] * b[1]) / lengths)))), 3) if lengths else 0.0


@kernel(float64(float64[::1], int64))
def _median(values, n):
    """Median of the first n values, sorting them in place."""
    for i in range(1, n):
        x = values[i]
        j = i - 1
        while j >= 0 and values[j] > x:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = x
    return (values[(n - 1) // 2] + values[n // 2]) / 2.0


# Flat: two passes over the legs of one vessel after the other; slow twin in tests/naive_motion.py.
@kernel(_STEP[::1](RING_TYPE[::1], int64[::1], int64, types.UniTuple(float64, 3)))
def steps_of(rings, slots, tick_ms, limits):
    """STEP rows of vessels whose last STEP_LEGS legs, and not the one before (under way as well), leave the median of the legs before them.

    limits: least step in knots, least number of robust deviations, least number of legs before. Legs slower than 3 kn are no way.
    """
    step_kn, deviations, legs_min = limits
    newest = (tick_ms // LEG_MS - 1) % LEGS
    found = np.empty(slots.shape[0], _STEP)
    n_found = 0
    speeds, apart = np.empty(LEGS), np.empty(LEGS)
    for i in range(slots.shape[0]):
        ring = rings[slots[i]]
        if ring["known"] < legs_min + STEP_LEGS:
            continue
        now_kn = 1e9
        n = 0
        for k in range(np.int64(ring["known"])):
            at = (newest - k) % LEGS
            y, x = np.float64(ring["north"][at]), np.float64(ring["east"][at])
            kn = np.sqrt(y * y + x * x) / M_PER_LEG_KN
            if k < STEP_LEGS:
                now_kn = min(now_kn, kn)
                if kn < 3.0:
                    break
            elif kn >= 3.0:
                speeds[n] = kn
                n += 1
            elif k == STEP_LEGS:  # she stood just before: stops are another matter
                now_kn = 0.0
                break
        if now_kn < 3.0 or n < legs_min:
            continue
        before_kn = speeds[0]
        usual_kn = _median(speeds, n)
        for k in range(n):
            apart[k] = abs(speeds[k] - usual_kn)
        deviation_kn = max(DEVIATION_KN_MIN, ROBUST * _median(apart, n))
        kept = abs(before_kn - usual_kn) < step_kn
        nearest = 1e9
        for k in range(STEP_LEGS):
            at = (newest - k) % LEGS
            y, x = np.float64(ring["north"][at]), np.float64(ring["east"][at])
            off = np.sqrt(y * y + x * x) / M_PER_LEG_KN - usual_kn
            if abs(off) < abs(nearest):
                nearest = off
            kept = kept and abs(off) >= step_kn and abs(off) > deviations * deviation_kn
        if kept:
            row = found[n_found]
            n_found += 1
            row["slot"] = slots[i]
            row["usual_kn"] = usual_kn
            row["deviation_kn"] = deviation_kn
            row["now_kn"] = usual_kn + nearest
            row["legs"] = n
    return found[:n_found].copy()


# Flat: as above; slow twin in tests/naive_motion.py.
@kernel(_TURN[::1](RING_TYPE[::1], int64[::1], int64, types.UniTuple(float64, 2)))
def turns_of(rings, slots, tick_ms, limits):
    """TURN rows of vessels whose last KEPT legs agree, and lie off the steady legs before them (one leg between may be the turn itself).

    limits: cosine of the least turn, least number of steady legs before.
    """
    turn_cos, steady_min = limits
    newest = (tick_ms // LEG_MS - 1) % LEGS
    found = np.empty(slots.shape[0], _TURN)
    n_found = 0
    least2 = (3.0 * M_PER_LEG_KN) ** 2
    for i in range(slots.shape[0]):
        ring = rings[slots[i]]
        known = np.int64(ring["known"])
        if known < steady_min + KEPT + 1:
            continue
        y0, x0 = np.float64(ring["north"][newest]), np.float64(ring["east"][newest])
        y1, x1 = np.float64(ring["north"][(newest - 1) % LEGS]), np.float64(ring["east"][(newest - 1) % LEGS])
        a2, b2 = y0 * y0 + x0 * x0, y1 * y1 + x1 * x1
        if a2 < least2 or b2 < least2 or y0 * y1 + x0 * x1 < STEADY_COS * np.sqrt(a2 * b2):
            continue
        oy, ox = 0.0, 0.0
        for k in range(KEPT + 1, KEPT + 1 + np.int64(steady_min)):
            at = (newest - k) % LEGS
            oy += ring["north"][at]
            ox += ring["east"][at]
        o2 = oy * oy + ox * ox
        steady = True
        for k in range(KEPT + 1, KEPT + 1 + np.int64(steady_min)):
            at = (newest - k) % LEGS
            y, x = np.float64(ring["north"][at]), np.float64(ring["east"][at])
            leg2 = y * y + x * x
            steady = steady and bool(leg2 >= least2) and bool(y * oy + x * ox >= STEADY_COS * np.sqrt(leg2 * o2))
        if not steady or o2 == 0.0:
            continue
        turned = y0 * oy + x0 * ox <= turn_cos * np.sqrt(a2 * o2) and y1 * oy + x1 * ox <= turn_cos * np.sqrt(b2 * o2)
        if turned:
            row = found[n_found]
            n_found += 1
            row["slot"] = slots[i]
            row["old_north"] = oy
            row["old_east"] = ox
            row["north"] = y0
            row["east"] = x0
            row["kn"] = np.sqrt(a2) / M_PER_LEG_KN
            row["legs"] = np.int64(steady_min)
    return found[:n_found].copy()
