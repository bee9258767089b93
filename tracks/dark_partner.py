"""Dark partner: one voyage that is interrupted as for a meeting, and nobody seen whom it could have met. Definition: docs/behaviours/dark-partner.md.

May hold: the interruption of a voyage, who was silent near, the event. May not: silence itself (dark.py), meetings of two that are heard.

Theory. A vessel in transit slows down, lies or creeps, and goes on as before: seen each five minutes, that is a small machine of three states
beside the track. Alone it is weak: engines fail, masters wait for daylight. What makes it a meeting is somebody who could have been there:
while it lay, a vessel that was steering before was silent, and its last position (and, if it was heard again, its next one) lies within
reach of the place. Only then the event is shown; otherwise it is kept as a candidate.
Neighbours are asked of the tick's Around alone, so that vessels may be spread over shards.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, from_dtype, int64, types

from dogwatch.batch import COG_MISSING, take_rows
from dogwatch.events import Event, Evidence, Exclusion
from dogwatch.geo import KN_MS, M_PER_UNIT, NM_M, distance_m
from dogwatch.kernel import kernel
from tracks import company, subjects
from tracks import episodes as ep
from tracks.around import SIGHTING_TYPE
from tracks.companions import PLACE, PLACE_TYPE, company_of
from tracks.coverage import BLOCK_MS, cell_key, p_silence
from tracks.detector import Detector, Sight
from tracks.key import mmsi_of
from tracks.params import DarkPartner
from tracks.records import HOT_TYPE, MINUTE_MS, PLAIN
from tracks.vessels import degrees
from tracks.waiting import Wait, explanations

RULE = ("rendezvous", "dark_partner", "dark_partner", "1.0")
LOOK_MS = 300_000
STEADY = 0.25  # weight of a new speed in the transit's own
PASSAGE, STOPPED, RESUMED = 1, 2, 3  # phases; 0 none
STOP = np.dtype(
    [
        ("since_ms", "<i8"),  # of the transit
        ("stop_ms", "<i8"),
        ("go_ms", "<i8"),
        ("other", "<i8"),  # key of the vessel that was silent near, 0 none
        ("other_ms", "<i8"),  # when it was last heard before
        ("lat", "<i4"),  # of the stop
        ("lon", "<i4"),
        ("transit_kn", "<f4"),
        ("cog", "<u2"),
        ("phase", "u1"),
        ("partner", "u1"),  # somebody who is heard was beside it
        ("weather", "u1"),  # others lay with their bows in its direction
    ]
)
_STOP = from_dtype(STOP)


class DarkPartnerDetector(Detector):
    """The interruptions lie beside the tracks; nothing is kept outside."""

    NAME = "dark_partner"
    COLD = STOP

    def tick(self, sight: Sight) -> list[Event]:
        """Each five minutes: who stops, who lies, who goes on as before."""
        rule, table, tick_ms = sight.params.dark_partner, sight.table, sight.tick_ms
        if tick_ms % LOOK_MS or not rule.enabled:
            return []
        stops = table.cold[self.NAME][: len(table)]
        ways = (rule.transit_kn_min, rule.slow_kn_max, rule.slow_share_max, rule.resume_share_min)
        spans = (int(rule.transit_s_min * 1000), int(rule.duration_s_min * 1000), int(rule.duration_s_max * 1000))
        done = np.zeros(len(table), np.uint8)
        watched = np.empty(len(table), np.int64)
        n = look(table.used, stops, tick_ms, ways, spans, rule.resume_deg_max * 10.0, done, watched)
        if n:
            _who_is_near(sight, watched[:n], stops, rule)
        return [_interrupted(sight, int(slot), stops[slot], rule) for slot in table.in_order(np.flatnonzero(done)) if _off_ports(sight, stops[slot], rule)]


# Flat: a row after the other, each five minutes.
@kernel(
    int64(HOT_TYPE[::1], _STOP[::1], int64, types.UniTuple(float64, 4), types.UniTuple(int64, 3), float64, types.uint8[::1], int64[::1]),
    **PLAIN,
)
def look(rows, stops, tick_ms, ways, spans, turn_tenths_max, done, watched):
    """Move every vessel's machine on; marks in `done` those that went on as before, writes slots of those that lie to `watched` and returns how many.

    ways: knots of a transit and of a stop, shares of the transit's speed that are a stop as well and that go on as before.
    spans in ms: transit, shortest and longest stop.
    """
    transit_kn, slow_kn, slow_share, resume_share = ways
    transit_ms, short_ms, long_ms = spans
    n = 0
    for i in range(rows.shape[0]):
        v, s = rows[i], stops[i]
        phase, t = s["phase"], v["t_ms"]
        fresh = tick_ms - t <= LOOK_MS
        if not fresh:
            if phase != 0 and tick_ms - t > 3_600_000:
                s["phase"] = np.uint8(0)
            continue
        speed_kn = np.float64(v["speed_kn"])
        fast = speed_kn >= transit_kn
        if phase == 0:
            if fast and v["cog"] < COG_MISSING:
                s["phase"] = np.uint8(PASSAGE)
                s["since_ms"] = t
                s["transit_kn"] = v["speed_kn"]
                s["cog"] = v["cog"]
            continue
        slow = speed_kn >= 0.0 and speed_kn <= max(slow_kn, slow_share * s["transit_kn"])
        if phase == PASSAGE:
            if fast and v["cog"] < COG_MISSING:
                s["transit_kn"] = np.float32(s["transit_kn"] + STEADY * (speed_kn - s["transit_kn"]))
                s["cog"] = v["cog"]
            elif slow and t - s["since_ms"] >= transit_ms:
                s["phase"] = np.uint8(STOPPED)
                s["stop_ms"] = t
                s["lat"] = v["lat"]
                s["lon"] = v["lon"]
                s["other"] = s["other_ms"] = 0
                s["partner"] = s["weather"] = np.uint8(0)
                watched[n] = i
                n += 1
            elif slow:
                s["phase"] = np.uint8(0)
            continue
        turn = abs(np.int64(v["cog"]) - np.int64(s["cog"]))
        as_before = fast and v["cog"] < COG_MISSING and min(turn, 3600 - turn) <= turn_tenths_max
        if phase == STOPPED:
            if tick_ms - s["stop_ms"] > long_ms:
                s["phase"] = np.uint8(0)
            elif slow:
                watched[n] = i
                n += 1
            elif fast:
                s["go_ms"] = t
                s["phase"] = np.uint8(RESUMED) if as_before and t - s["stop_ms"] >= short_ms else np.uint8(0)
        elif slow:
            s["phase"] = np.uint8(STOPPED)  # it was no resumption
        elif fast:
            done[i] = np.uint8(as_before and speed_kn >= resume_share * s["transit_kn"])
            s["phase"] = np.uint8(PASSAGE) if as_before else np.uint8(0)
            s["since_ms"] = t
    return n


def _who_is_near(sight: Sight, slots: np.ndarray, stops: np.ndarray, rule: DarkPartner) -> None:
    """Of those that lie: who is beside each, do others wait out the same gale, and who was steering and fell silent before it stopped, within reach of it?"""
    table, queue = sight.table, sight.params.loitering
    places, seen, since_ms = np.zeros(len(slots), PLACE), sight.around.seen, (sight.tick_ms - company.FRESH_MS,) * 2
    places["key"], places["lat"], places["lon"] = table.keys_of(slots), stops["lat"][slots], stops["lon"][slots]
    places["hdg"] = company.headings(table.rows[slots])
    beside = company_of(seen, places, since_ms, (rule.partner_nm, rule.slow_kn_max, 0.0, 0.0, 0.0))
    alike = company_of(seen, places, since_ms, (queue.queue_nm, queue.speed_kn_max, 0.0, queue.bow_apart_deg_max, 0.0))
    stops["partner"][slots] |= beside["slow"] > 0
    stops["weather"][slots] |= alike["alike"] >= queue.queue_others_min
    asked = (stops["other"][slots] == 0) | (_heard_ms(seen, stops["other"][slots]) != stops["other_ms"][slots])
    places, slots = places[asked], slots[asked]
    stops["other"][slots] = stops["other_ms"][slots] = 0
    silent_ms = sight.tick_ms - seen["heard_ms"]
    able = (silent_ms >= rule.silent_s_min * 1000.0) & (silent_ms <= rule.silent_s_max * 1000.0) & (seen["speed_kn"] >= rule.slow_kn_max)
    silent = take_rows(seen, able)
    silent = take_rows(silent, np.lexsort((silent["key"], silent["lat"])))
    limits, unheard = (rule.reach_nm * NM_M, rule.reach_kn * KN_MS), {}
    first = np.searchsorted(silent["lat"], places["lat"] - (int(limits[0] / M_PER_UNIT) + 1))
    for i, slot in enumerate(slots.tolist()):
        k = could_meet(silent, int(first[i]), places, i, int(stops["stop_ms"][slot]), sight.tick_ms, limits)
        while k >= 0:
            if k not in unheard:
                unheard[k] = _only_unheard(sight, silent[k])
            if not unheard[k]:
                stops["other"][slot], stops["other_ms"][slot] = silent["key"][k], silent["heard_ms"][k]
                break
            k = could_meet(silent, k + 1, places, i, int(stops["stop_ms"][slot]), sight.tick_ms, limits)


@kernel(int64(SIGHTING_TYPE[::1], int64, PLACE_TYPE[::1], int64, int64, int64, types.UniTuple(float64, 2)), **PLAIN)
def could_meet(silent, first, places, i, stop_ms, tick_ms, limits):
    """The next of the silent (in order of latitude, from `first` on) that fell silent before a stop and can have come to it since; -1 if none can.

    limits: metres from the place to where it was last heard, metres per second that it makes.
    """
    place = places[i]
    northmost = np.int64(place["lat"]) + np.int64(limits[0] / M_PER_UNIT) + 1
    for k in range(first, silent.shape[0]):
        one = silent[k]
        if one["lat"] > northmost:
            break
        if one["heard_ms"] > stop_ms or one["key"] == place["key"]:
            continue
        way_m = distance_m(place["lat"], place["lon"], one["lat"], one["lon"])
        if way_m <= limits[0] and way_m <= limits[1] * (tick_ms - one["t_ms"]) / 1000.0:
            return k
    return -1


def _only_unheard(sight: Sight, row: np.void) -> bool:
    """Whether the silence of a SIGHTING is ours rather than its own.

    A steady receiver that knows the waters where it was last heard was away when the silence began (or died within `common_cause_s` after); or of the
    receivers that are alive and have learned those waters none would surely have heard it. Where nobody has learned anything nobody can say.
    """
    rule, ears, coverage, since_ms = sight.params.dark, sight.ears, sight.coverage, int(row["heard_ms"])
    if ears is None or not ears.groups:
        return False
    heard, missed = coverage.blocks(
        np.array([cell_key(int(row["lat"]), int(row["lon"]), int(row["class_b"]), group) for group in range(ears.groups)], np.int64)
    )
    for group, died_ms, back_ms in ears.deaths.tolist():
        if heard[group] > 0 and died_ms - rule.common_cause_s * 1000.0 <= since_ms and (back_ms == 0 or back_ms > since_ms):
            return True
    learned = [group for group in ears.alive(sight.tick_ms) if heard[group] + missed[group] >= rule.blocks_learned_min]
    blocks = {group: ears.minutes(group, since_ms, sight.tick_ms) * MINUTE_MS // BLOCK_MS for group in learned}
    return bool(learned) and all(p_silence(heard[group] + 1.0, missed[group] + 1.0, blocks[group]) >= rule.candidate_p_max for group in learned)


def _heard_ms(seen: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """int64[n]: when tracks (by key) among SIGHTING rows were last heard; 0 where nobody sights one, or the key is 0."""
    if not len(seen) or not keys.any():
        return np.zeros(len(keys), np.int64)
    order = np.argsort(seen["key"])
    rows = order[np.minimum(np.searchsorted(seen["key"], keys, sorter=order), len(seen) - 1)]
    return np.where(seen["key"][rows] == keys, seen["heard_ms"][rows], 0)


def _still_possible(sight: Sight, stop: np.void, rule: DarkPartner) -> bool:
    """The silent one is silent yet, or was heard again where it can have come from the place."""
    row = sight.around.of(int(stop["other"])) if stop["other"] else None
    if row is None:
        return False
    if int(row["heard_ms"]) == int(stop["other_ms"]):
        return True
    way_m = distance_m(int(stop["lat"]), int(stop["lon"]), int(row["lat"]), int(row["lon"]))
    return bool(way_m <= rule.reach_kn * KN_MS * (int(row["t_ms"]) - int(stop["stop_ms"])) / 1000.0)


def _off_ports(sight: Sight, stop: np.void, rule: DarkPartner) -> bool:
    place = degrees(np.array([stop["lat"]])), degrees(np.array([stop["lon"]]))
    return bool(sight.geography.port_distance_nm(*place, rule.port_nm_min)[0] >= rule.port_nm_min)


def _interrupted(sight: Sight, slot: int, stop: np.void, rule: DarkPartner) -> Event:
    """The event of a voyage that was interrupted and goes on."""
    table = sight.table
    lat_deg, lon_deg = ep.degrees_of(int(stop["lat"]), int(stop["lon"]))
    start_ms, end_ms = int(stop["stop_ms"]), int(stop["go_ms"])
    zones = sight.geography.relations(lat_deg, lon_deg)
    wait = Wait(int(stop["lat"]), int(stop["lon"]), 0.0, start_ms, False, zones)
    exclusions, doubts = explanations(sight, slot, wait, sight.params.loitering, [])
    possible = _still_possible(sight, stop, rule)
    exclusions += [
        ep.checked("ais_partner", bool(stop["partner"]), suppress=True),
        ep.checked("gale_meanwhile", bool(stop["weather"]), suppress=True),
        Exclusion("silent_vessel", f"{mmsi_of(int(stop['other']))}" if possible else "none", None, "none"),
    ]
    reason = ep.suppressed_reason(exclusions) or ("" if possible else "nobody who was silent could have been there")
    crowd = any(exclusion.name == "queue" and exclusion.effect == "doubt" for exclusion in exclusions)
    cap = rule.crowd_cap if crowd else rule.alone_cap + (rule.silent_gain if possible else 0.0)
    duration_s = (end_ms - start_ms) / 1000.0
    facts: dict[str, Any] = {
        "state": "candidate" if reason else "closed",
        "subjects": [subjects.subject_of(table, slot)],
        "t_end": end_ms,
        "lat": lat_deg,
        "lon": lon_deg,
        "zones": zones,
        "measures": {"duration_s": ep.tidy("s", duration_s), "transit_kn": ep.tidy("kn", float(stop["transit_kn"]))},
        "evidence": _evidence(stop, duration_s, rule),
        "exclusions": exclusions,
        "confidence": ep.confidence_of(cap, 1.0, 1.0, doubts),
        "reason": reason,
        "quality": {"start_uncertain_s": LOOK_MS / 1000.0},
    }
    return ep.new_event(sight, RULE, [table.key_of(slot)], start_ms, facts)


def _evidence(stop: np.void, duration_s: float, rule: DarkPartner) -> list[Evidence]:
    transit_s = (int(stop["stop_ms"]) - int(stop["since_ms"])) / 1000.0
    return [
        ep.at_least("transit_kn", float(stop["transit_kn"]), rule.transit_kn_min),
        ep.at_least("transit_s", max(transit_s, rule.transit_s_min), rule.transit_s_min),
        ep.at_least("duration_s", duration_s, rule.duration_s_min),
        ep.at_most("duration_s_upper", duration_s, rule.duration_s_max),
    ]
