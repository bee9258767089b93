"""What ships do that no scene is about: odd speeds and close passes of any of them. May hold: finding both in plans, as facts. May not: make plans.

A ship of a scene about something else (an anchor that drags, two ships abreast) goes at an odd speed all the same, and where many sail some truly
pass close. Such a fact is not scored: nobody is asked to tell it, and whoever does is not wrong. Measured on the true motion, in own words: the
limits are those of docs/behaviours/anomaly.md and collision-risk.md, a little wider for speeds, because a detector sees legs of five minutes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import numpy as np

from dogwatch.geo import KN_MS, NM_M
from sim.area import Area, Depth, depth_of, place_at
from sim.motion import M_PER_DEG, Plan, knot_rows, state_at
from sim.scene import Fact, middle
from sim.ship import BASE, Ship

STEP_S = 60.0
WATCHED_MAX = 2_000  # ships of a larger sea are not looked at
WAY_KN = 3.0  # slower is no way: stops are another matter
ODD_KN, ODD_STEPS = 3.5, 10  # off her usual speed by so much for ten minutes
USUAL_STEPS, USUAL_STEPS_MIN = 120, 40  # of the last two hours, under way
NEW_USUAL_STEPS = 60  # then the new speed is the usual one
WATCH_KIND = "watch"  # risks of collision are looked for in such zones only
NEAR_NM, RANGE_NM, AHEAD_S, LENGTHS = 0.25, 6.0, 1200.0, 3.0


def odd_speeds(ships: list[Ship], told: Iterable[Fact], until_s: float) -> list[Fact]:
    """Where a ship goes at another speed than in the two hours before for a while, but for the times of `told` facts of it."""
    known = [(id(ship), fact.start_s, fact.end_s) for fact in told if fact.type == "anomaly" for ship in fact.ships]
    facts: list[Fact] = []
    for ship in ships if len(ships) <= WATCHED_MAX else ():
        if ship.kind >= BASE or not _changes(ship.plan):
            continue
        moments, states = _states(ship.plan, until_s)
        speed_kn = np.hypot(states[:, 2], states[:, 3]) / KN_MS
        for first, last, usual_kn in odd_spans(speed_kn):
            start_s, end_s = float(moments[first]), float(moments[last])
            if any(who == id(ship) and a <= end_s and start_s <= b for who, a, b in known):
                continue
            odd_kn = float(np.median(speed_kn[first : last + 1]))
            cause, place = f"goes at {odd_kn:.1f} kn instead of {usual_kn:.1f}", (float(states[first, 0]), float(states[first, 1]))
            facts.append(Fact("anomaly", "speed", [ship], start_s, end_s, cause, *place, scored=False, measures={"speed_kn": round(odd_kn, 2)}))
    return facts


def odd_spans(speed_kn: np.ndarray) -> list[tuple[int, int, float]]:
    """(first, last sample, usual knots) of the stretches of a speed, told each STEP_S, that leave the median of what was before."""
    found, k = [], USUAL_STEPS_MIN
    while k < len(speed_kn):
        before = speed_kn[max(0, k - USUAL_STEPS) : k]
        way = before[before >= WAY_KN]
        usual_kn = float(np.median(way)) if len(way) >= USUAL_STEPS_MIN else math.nan
        end = k
        while end < len(speed_kn) and end - k < NEW_USUAL_STEPS and speed_kn[end] >= WAY_KN and abs(speed_kn[end] - usual_kn) >= ODD_KN:
            end += 1
        if end - k >= ODD_STEPS:
            found.append((k, end - 1, usual_kn))
        k = max(end, k + 1)
    return found


def close_passes(ships: list[Ship], zones: list[Area], told: Iterable[Fact], until_s: float) -> list[Fact]:
    """Pairs that pass closer than a risk of collision allows, in zones watched for it, from when their courses said so; but for pairs of `told` facts."""
    watched = [depth_of(zone) for zone in zones if zone.zone_kind == WATCH_KIND]
    known = {frozenset(id(ship) for ship in fact.ships) for fact in told if fact.subtype == "collision_risk"}
    there = [ship for ship in ships if ship.kind < BASE] if watched and len(ships) <= WATCHED_MAX else []
    tracks = [_states(ship.plan, until_s) for ship in there]
    moments = tracks[0][0] if tracks else np.empty(0)
    inside = np.array([[_inside(watched, state) for state in states] for _, states in tracks])
    facts: list[Fact] = []
    for i, j in itertools.combinations(range(len(there)), 2):
        both = inside[i] & inside[j]
        if both.any() and frozenset((id(there[i]), id(there[j]))) not in known:
            limit_m = max(NEAR_NM * NM_M, LENGTHS * max(there[i].identity.loa_m, there[j].identity.loa_m))
            facts += [_pass(there[i], there[j], float(moments[a]), float(moments[b]), m) for a, b, m in passes(tracks[i][1], tracks[j][1], both, limit_m)]
    return facts


def passes(a: np.ndarray, b: np.ndarray, both: np.ndarray, limit_m: float) -> list[tuple[int, int, float]]:
    """(first, last sample, metres at the closest) of the close passes of two tracks of states: as long as a pass within the limit lies ahead."""
    scale = np.cos(np.radians(a[:, 0]))
    y, x = (b[:, 0] - a[:, 0]) * M_PER_DEG, (b[:, 1] - a[:, 1]) * M_PER_DEG * scale
    vy, vx = b[:, 2] - a[:, 2], b[:, 3] - a[:, 3]
    fast = (np.hypot(a[:, 2], a[:, 3]) >= WAY_KN * KN_MS) & (np.hypot(b[:, 2], b[:, 3]) >= WAY_KN * KN_MS)
    ahead_s = -(y * vy + x * vx) / np.maximum(vy * vy + vx * vx, 1e-9)
    near_m = np.hypot(y + vy * ahead_s, x + vx * ahead_s)
    apart_m = np.hypot(y, x)
    risk = both & fast & (apart_m <= RANGE_NM * NM_M) & (ahead_s >= 0) & (ahead_s <= AHEAD_S) & (near_m <= limit_m)
    found, k = [], 0
    while k < len(risk):
        if not risk[k]:
            k += 1
            continue
        last = k
        while last + 1 < len(risk) and risk[last + 1 : last + 4].any():  # a course that wavers for a minute or two
            last += 1
        closest_m = float(apart_m[k : last + 3].min())  # samples lie a minute apart: the closest lies between two of them
        closest_m = min(closest_m, float(near_m[max(k, last - 1) : last + 1].min()))
        if last > k and closest_m <= limit_m and ahead_s[last] <= 2 * STEP_S:
            found.append((k, last, closest_m))
        k = last + 1
    return found


def _pass(a: Ship, b: Ship, start_s: float, end_s: float, metres: float) -> Fact:
    cause, at = f"pass {metres:.0f} m apart", middle(place_at(a.plan, end_s), place_at(b.plan, end_s))
    return Fact("safety", "collision_risk", [a, b], start_s, end_s, cause, *at, scored=False, measures={"cpa_m": round(metres, 1)})


def _states(plan: Plan, until_s: float) -> tuple[np.ndarray, np.ndarray]:
    """(float64[n] moments each STEP_S, float64[n, 4] degrees and metres a second; far away and at rest while it is not there)."""
    rows, moments = knot_rows(plan, 0), np.arange(0.0, until_s, STEP_S)
    states = np.array([state_at(rows, 0, len(rows), round(t * 1000)) for t in moments])
    states[states[:, 6] < 0, :4] = 90.0, 0.0, 0.0, 0.0
    return moments, states[:, :4]


def _inside(watched: list[Depth], state: np.ndarray) -> bool:
    return any(depth(float(state[0]), float(state[1])) >= 0 for depth in watched)


def _changes(plan: Plan) -> bool:
    """Whether the legs of a plan differ in speed by as much as an odd one must: few do."""
    speeds = []
    for (t0, lat0, lon0, *_), (t1, lat1, lon1, *_) in itertools.pairwise(plan.knots):
        metres = math.hypot(lat1 - lat0, (lon1 - lon0) * math.cos(math.radians((lat0 + lat1) / 2))) * M_PER_DEG
        speeds.append(metres / max(1.0, t1 - t0) / KN_MS)
    under_way = [kn for kn in speeds if kn >= WAY_KN - 0.5]
    return bool(under_way) and max(under_way) - min(under_way) >= ODD_KN - 0.5
