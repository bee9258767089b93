"""Odd speed and odd course: a vessel that does not go on as it went for two hours. May hold: the two rules, a bound by type, the event.

May not: page anybody (low weight, capped at half), know routes. Definition: docs/behaviours/anomaly.md.

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
from numba import float64, from_dtype, int64, njit, types

from dogwatch.events import Event, Evidence, Exclusion, Value
from dogwatch.geo import COS_TABLE
from tracks import episodes as ep
from tracks import subjects
from tracks.detector import Detector, Sight
from tracks.legs import FAST, LEG_MS, LEGS, M_PER_LEG_KN, RING_TYPE, STEPPED, TURNED, TURNED_BEFORE, LegsKeeper, flagged
from tracks.params import INSHORE_NM

TYPE = "anomaly"
RULE_STEP, RULE_TURN, RULE_BOUND = "speed_step", "course_change", "speed_bound"
RULE_VERSION = "1.0"
KEPT = 2  # legs for which a new course has been kept
STEP_LEGS = 3  # and a new speed: of the first, a part may still be old, and ten minutes are asked for
STEADY_COS = 0.94  # of 20 degrees: legs before the turn agree
DEVIATION_KN_MIN = 0.3  # nobody keeps speed better than that
ROBUST = 1.4826  # a median absolute deviation as a standard deviation
MAY_BE_A_TURN = "may be a turn of her route"
MAY_DO_ANYTHING = (30, 33, 34, 35, 36, 37)  # fishing, dredging, diving, military, sailing, pleasure
# knots that hulls of a type do not exceed; ships not named here: V_MAX_OTHER_KN
V_MAX_KN = {30: 18.0, 31: 18.0, 32: 18.0, 33: 18.0, 52: 18.0, 53: 30.0, **dict.fromkeys(range(60, 70), 32.0), **dict.fromkeys(range(70, 90), 26.0)}
V_MAX_OTHER_KN = 60.0

STEP = np.dtype([("slot", "<i8"), ("usual_kn", "<f8"), ("deviation_kn", "<f8"), ("now_kn", "<f8"), ("legs", "<i8")])
TURN = np.dtype([("slot", "<i8"), ("old_north", "<f8"), ("old_east", "<f8"), ("north", "<f8"), ("east", "<f8"), ("kn", "<f8"), ("legs", "<i8")])
_STEP, _TURN = from_dtype(STEP), from_dtype(TURN)


class AnomalyDetector(Detector):
    """Episodes of odd speeds, courses and impossible speeds, each by track."""

    NAME = "anomaly"
    PAIRS = True  # asks what others do there

    def __init__(self) -> None:
        self.speeds, self.courses, self.bounds = ep.Book(), ep.Book(), ep.Book()

    def tick(self, sight: Sight) -> list[Event]:
        """Each five minutes."""
        rule = sight.params.anomaly
        if sight.tick_ms % LEG_MS or not rule.enabled:
            return []
        table = sight.table
        rings = table.cold[LegsKeeper.NAME]
        events: list[Event] = []
        for step in steps_of(rings, table.in_order(flagged(sight, STEPPED)), sight.tick_ms, (rule.step_kn_min, rule.deviations_min, float(rule.legs_min))):
            events += self._step(sight, step)
        cosine = float(COS_TABLE[round(rule.turn_deg_min * 10)])
        for turn in turns_of(rings, table.in_order(flagged(sight, TURNED | TURNED_BEFORE)), sight.tick_ms, (cosine, float(rule.steady_legs_min))):
            events += self._turn(sight, turn)
        events += self._bounds(sight)
        for book in (self.speeds, self.courses, self.bounds):
            for key in sorted(book.pages):
                events += _ended(sight, book, key)
        return events

    def _step(self, sight: Sight, step: np.void) -> list[Event]:
        rule, key = sight.params.anomaly, sight.table.key_of(int(step["slot"]))
        if key in self.speeds or _not_asked(sight, int(step["slot"])):
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
        if key in self.courses or _not_asked(sight, int(turn["slot"])):
            return []
        old, new = (float(turn["old_north"]), float(turn["old_east"])), (float(turn["north"]), float(turn["east"]))
        turned_deg = _angle_deg(old, new)
        if turned_deg > rule.turn_deg_max or float(turn["kn"]) < rule.turn_kn_min:
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
            facts = _facts(sight, slot, evidence, measures, ep.margin_quality(now_kn, limit_kn), [])
            event = ep.new_event(sight, (TYPE, "speed", RULE_BOUND, RULE_VERSION), [key], sight.tick_ms - LEG_MS, facts)
            events.append(self.bounds.open_new(key, event, usual=[0.0, 0.0], last_ms=sight.tick_ms))
        return events

    def keys(self) -> set[int]:
        """Tracks with an episode."""
        return set(self.speeds.pages) | set(self.courses.pages) | set(self.bounds.pages)

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"speeds": self.speeds.to_sections(), "courses": self.courses.to_sections(), "bounds": self.bounds.to_sections()}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.speeds, self.courses, self.bounds = (ep.Book.from_sections(sections[name]) for name in ("speeds", "courses", "bounds"))


def _not_asked(sight: Sight, slot: int) -> bool:
    """Vessels that change speed and course as their trade, and small ones: thousands of candidates would say nothing."""
    table = sight.table
    return int(table.more["ship_type"][slot]) in MAY_DO_ANYTHING or subjects.is_fishing(table, slot) or bool(table.rows["class_b"][slot])


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
    if event.reason == MAY_BE_A_TURN and over and now_kn is not None and now_kn >= rule.slow_kn:
        return [book.revise(key, tick_ms, state="closed", reason="", t_end=last_ms)]  # it was none: she is on her old course again
    return [book.revise(key, tick_ms, state="closed" if event.state == "open" else event.state, t_end=last_ms)]


def _facts(sight: Sight, slot: int, evidence: list[Evidence], measures: dict[str, Any], margin: float, exclusions: list[Exclusion]) -> dict[str, Any]:
    row, rule = sight.table.rows[slot], sight.params.anomaly
    here = ep.degrees_of(int(row["lat"]), int(row["lon"]))
    place = np.array([here[0]]), np.array([here[1]])
    reason = ep.suppressed_reason(exclusions)
    more: dict[str, Value] = {
        "coast_distance_nm": ep.tidy("nm", float(sight.geography.coast_distance_nm(*place)[0])),
        "watch_distance_nm": ep.tidy("nm", float(sight.geography.watch_distance_nm(*place)[0])),
    }
    return {
        "state": "candidate" if reason else "open",
        "subjects": [subjects.subject_of(sight.table, slot)],
        "t_end": None,
        "lat": here[0],
        "lon": here[1],
        "zones": sight.geography.relations(*here),
        "measures": {**measures, **more},
        "evidence": evidence,
        "exclusions": exclusions,
        "confidence": ep.confidence_of(rule.confidence_cap, margin, 1.0, [0.5 for x in exclusions if x.effect == "doubt"]),
        "reason": reason,
    }


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
    ]
    if way is not None:
        others = _others_on(sight, slot, way)
        found.append(ep.checked("lane_turn", others > 0, others, suppress=True))
    return found


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


@njit(float64(float64[::1], int64), cache=True)
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
@njit(_STEP[::1](RING_TYPE[::1], int64[::1], int64, types.UniTuple(float64, 3)), cache=True)
def steps_of(rings, slots, tick_ms, limits):
    """STEP rows of vessels whose last STEP_LEGS legs, and not the one before, leave the median of the legs before them.

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
@njit(_TURN[::1](RING_TYPE[::1], int64[::1], int64, types.UniTuple(float64, 2)), cache=True)
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
