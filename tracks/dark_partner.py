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
from numba import float64, from_dtype, int64, types, uint32

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
from tracks.pool import take
from tracks.records import HOT_TYPE, MINUTE_MS, PLAIN
from tracks.vessels import VesselTable, degrees
from tracks.waiting import NAV_NOT_UNDER_COMMAND, Wait, explanations

RULE = ("rendezvous", "dark_partner", "dark_partner", "1.0")
LOOK_MS = 300_000
STEADY = 0.25  # weight of a new speed in the transit's own
PASSAGE, STOPPED, RESUMED = 1, 2, 3  # phases; 0 none
VOYAGE = np.dtype(
    [
        ("since_ms", "<i8"),  # of the transit
        ("transit_kn", "<f4"),
        ("at", "<u4"),  # number of its STOP in the pool; 0 in no phase but STOPPED and RESUMED
        ("cog", "<u2"),
        ("phase", "u1"),
    ]
)
STOP = np.dtype(
    [
        ("stop_ms", "<i8"),
        ("go_ms", "<i8"),
        ("other", "<i8"),  # key of the vessel that was silent near, 0 none
        ("other_ms", "<i8"),  # when it was last heard before
        ("lat", "<i4"),  # of the stop
        ("lon", "<i4"),
        ("partner", "u1"),  # somebody who is heard was beside it
        ("weather", "u1"),  # others lay with their bows in its direction
        ("nuc", "u1"),  # it said that it was not under command
    ]
)
_VOYAGE, _STOP = from_dtype(VOYAGE), from_dtype(STOP)
LIES, WENT_ON, OVER = 1, 2, 4  # what a look found: it lies; its voyage goes on as before; its stop is over


class DarkPartnerDetector(Detector):
    """The interruptions lie beside the tracks; nothing is kept outside."""

    NAME = "dark_partner"
    COLD = VOYAGE
    POOL = STOP

    def tick(self, sight: Sight) -> list[Event]:
        """Each five minutes: who stops, who lies, who goes on as before."""
        rule, table, tick_ms = sight.params.dark_partner, sight.table, sight.tick_ms
        if tick_ms % LOOK_MS or not rule.enabled:
            return []
        voyages, pool = table.cold[self.NAME][: len(table)], table.pools[self.NAME]
        ways = (rule.transit_kn_min, rule.slow_kn_max, rule.slow_share_max, rule.resume_share_min)
        spans = (int(rule.transit_s_min * 1000), int(rule.duration_s_min * 1000), int(rule.duration_s_max * 1000))
        found = np.zeros(len(table), np.uint8)
        look(table.used, voyages, pool.records, pool.numbers, tick_ms, ways, spans, rule.resume_deg_max * 10.0, found)
        if len(lying := np.flatnonzero(found == LIES)):
            _who_is_near(sight, lying, rule)
        went_on = table.in_order(np.flatnonzero(found & WENT_ON))
        events = [_interrupted(sight, int(slot), rule) for slot in went_on if _off_ports(sight, _stop_of(table, slot), rule)]
        over = np.flatnonzero(found & OVER)
        pool.give_back(voyages, over)
        voyages["since_ms"][over] = table.used["t_ms"][over]  # the next transit begins; the one before is told by now
        return events


def _stop_of(table: VesselTable, slots: Any) -> Any:
    """The stops of these tracks (STOP[n]), or the stop of one."""
    return table.pools[DarkPartnerDetector.NAME].records[table.cold[DarkPartnerDetector.NAME]["at"][slots]]


# Flat: a row after the other, each five minutes.
@kernel(
    (HOT_TYPE[::1], _VOYAGE[::1], _STOP[::1], uint32[::1], int64, types.UniTuple(float64, 4), types.UniTuple(int64, 3), float64, types.uint8[::1]),
    **PLAIN,
)
def look(rows, voyages, stops, numbers, tick_ms, ways, spans, turn_tenths_max, found):
    """Move every vessel's machine on, and write what was found: LIES, WENT_ON, OVER (the stop is then to be given back), or 0.

    ways: knots of a transit and of a stop, shares of the transit's speed that are a stop as well and that go on as before.
    spans in ms: transit, shortest and longest stop.
    """
    transit_kn, slow_kn, slow_share, resume_share = ways
    transit_ms, short_ms, long_ms = spans
    for i in range(rows.shape[0]):
        v, s = rows[i], voyages[i]
        phase, t = s["phase"], v["t_ms"]
        fresh = tick_ms - t <= LOOK_MS
        if not fresh:
            if phase != 0 and tick_ms - t > 3_600_000:
                s["phase"] = np.uint8(0)
                found[i] = OVER
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
                s["at"] = take(numbers)
                stop = stops[s["at"]]
                stop["stop_ms"] = t
                stop["lat"] = v["lat"]
                stop["lon"] = v["lon"]
                found[i] = LIES
            elif slow:
                s["phase"] = np.uint8(0)
            continue
        turn = abs(np.int64(v["cog"]) - np.int64(s["cog"]))
        as_before = fast and v["cog"] < COG_MISSING and min(turn, 3600 - turn) <= turn_tenths_max
        stop = stops[s["at"]]
        if phase == STOPPED:
            if tick_ms - stop["stop_ms"] > long_ms:
                s["phase"] = np.uint8(0)
                found[i] = OVER
            elif slow:
                found[i] = LIES
            elif fast:
                resumed = as_before and t - stop["stop_ms"] >= short_ms
                stop["go_ms"] = t
                s["phase"] = np.uint8(RESUMED) if resumed else np.uint8(0)
                found[i] = 0 if resumed else OVER
        elif slow:
            s["phase"] = np.uint8(STOPPED)  # it was no resumption
        elif fast:
            found[i] = OVER | WENT_ON if as_before and speed_kn >= resume_share * s["transit_kn"] else OVER
            s["phase"] = np.uint8(PASSAGE) if as_before else np.uint8(0)


def _who_is_near(sight: Sight, slots: np.ndarray, rule: DarkPartner) -> None:
    """Of those that lie: what does each say, who is beside it, who waits out the same gale, who was steering and fell silent before it stopped, in reach?"""
    table, queue = sight.table, sight.params.loitering
    stops, at = table.pools[DarkPartnerDetector.NAME].records, table.cold[DarkPartnerDetector.NAME]["at"][slots]
    places, around, since_ms = np.zeros(len(slots), PLACE), sight.around, (sight.tick_ms - company.FRESH_MS,) * 2
    places["key"], places["lat"], places["lon"] = table.keys_of(slots), stops["lat"][at], stops["lon"][at]
    places["hdg"] = company.headings(table.rows[slots])
    beside = company_of(around.parts(), places, since_ms, (rule.partner_nm, rule.slow_kn_max, 0.0, 0.0, 0.0))
    alike = company_of(around.parts(), places, since_ms, (queue.queue_nm, queue.speed_kn_max, 0.0, queue.bow_apart_deg_max, 0.0))
    stops["partner"][at] |= beside["slow"] > 0
    stops["nuc"][at] |= table.rows["nav"][slots] == NAV_NOT_UNDER_COMMAND
    stops["weather"][at] |= alike["alike"] >= queue.queue_others_min
    others, known = around.of_all(stops["other"][at])
    asked = ~known | (others["heard_ms"] != stops["other_ms"][at])
    places, at = places[asked], at[asked]
    stops["other"][at] = stops["other_ms"][at] = 0
    silent = np.concatenate([take_rows(seen, _able(seen, sight.tick_ms, rule)) for seen in around.parts()])
    silent = take_rows(silent, np.lexsort((silent["key"], silent["lat"])))
    limits, unheard = (rule.reach_nm * NM_M, rule.reach_kn * KN_MS), {}
    first = np.searchsorted(silent["lat"], places["lat"] - (int(limits[0] / M_PER_UNIT) + 1))
    for i, number in enumerate(at.tolist()):
        k = could_meet(silent, int(first[i]), places, i, int(stops["stop_ms"][number]), sight.tick_ms, limits)
        while k >= 0:
            if k not in unheard:
                unheard[k] = _only_unheard(sight, silent[k])
            if not unheard[k]:
                stops["other"][number], stops["other_ms"][number] = silent["key"][k], silent["heard_ms"][k]
                break
            k = could_meet(silent, k + 1, places, i, int(stops["stop_ms"][number]), sight.tick_ms, limits)


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


def _able(seen: np.ndarray, tick_ms: int, rule: DarkPartner) -> np.ndarray:
    """bool[n]: SIGHTING rows of those silent for as long as a meeting takes, who were under way."""
    silent_ms = tick_ms - seen["heard_ms"]
    able: np.ndarray = (silent_ms >= rule.silent_s_min * 1000.0) & (silent_ms <= rule.silent_s_max * 1000.0) & (seen["speed_kn"] >= rule.slow_kn_max)
    return able


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


def _interrupted(sight: Sight, slot: int, rule: DarkPartner) -> Event:
    """The event of a voyage that was interrupted and goes on."""
    table = sight.table
    voyage, stop = table.cold[DarkPartnerDetector.NAME][slot], _stop_of(table, slot)
    lat_deg, lon_deg = ep.degrees_of(int(stop["lat"]), int(stop["lon"]))
    start_ms, end_ms = int(stop["stop_ms"]), int(stop["go_ms"])
    zones = sight.geography.relations(lat_deg, lon_deg)
    wait = Wait(int(stop["lat"]), int(stop["lon"]), 0.0, start_ms, False, zones, nuc=bool(stop["nuc"]))
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
        "measures": {"duration_s": ep.tidy("s", duration_s), "transit_kn": ep.tidy("kn", float(voyage["transit_kn"]))},
        "evidence": _evidence(voyage, (start_ms - int(voyage["since_ms"])) / 1000.0, duration_s, rule),
        "exclusions": exclusions,
        "confidence": ep.confidence_of(cap, cap, 1.0, doubts),
        "reason": reason,
        "quality": {"start_uncertain_s": LOOK_MS / 1000.0},
    }
    return ep.new_event(sight, RULE, [table.key_of(slot)], start_ms, facts)


def _evidence(voyage: np.void, transit_s: float, duration_s: float, rule: DarkPartner) -> list[Evidence]:
    return [
        ep.at_least("transit_kn", float(voyage["transit_kn"]), rule.transit_kn_min),
        ep.at_least("transit_s", transit_s, rule.transit_s_min),
        ep.at_least("duration_s", duration_s, rule.duration_s_min),
        ep.at_most("duration_s_upper", duration_s, rule.duration_s_max),
    ]
