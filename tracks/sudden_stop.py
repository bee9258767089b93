"""Sudden stop: from sea speed to none within two minutes, and staying so. May hold: the stop of a vessel, its conditions, its event.

May not: groundings (tracks/aground.py builds on the stops found here), scores: this is the safety channel.
Definition: docs/behaviours/sudden-stop.md.

Theory. A merchant ship under way needs miles to stop; one that stops within two minutes has hit something, or her data are wrong. The
trail is too coarse for that, so every fix is looked at, but only where the speed passes one of three marks: leaving `fast_kn`
downwards (then the time is kept), falling below `stopped_kn` (a candidate, if that was soon after), rising above `resume_kn` (over).
What is kept of a track is touched at these passages only; of one that lies nowhere it is given back once it has been slow for too long to stop
suddenly. At the ticks a candidate must still lie there `sustained_s` later, by its word and by its place, and must have made way before, by
its place too: a SOG that jumps is no stop.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, from_dtype, int32, int64, types, uint32

from dogwatch.batch import SOG_MISSING
from dogwatch.events import Event, Evidence, Exclusion, Value
from dogwatch.geo import KN_MS, distance_m
from dogwatch.kernel import kernel
from tracks import episodes as ep
from tracks import subjects
from tracks.detector import Detector, Sight
from tracks.look import PASSED
from tracks.params import SuddenStop
from tracks.pool import take
from tracks.records import BUCKET_MS, FIX_TYPE, TAKEN_TYPE
from tracks.vessels import VesselTable, trail_ms, trail_of

TYPE, RULE = "safety", "sudden_stop"
RULE_VERSION = "1.0"
NONE, CANDIDATE, LIES, DISMISSED, KEPT = range(5)  # stages of a stop; KEPT: it lies there, for a good reason
NOISE_M = 60.0  # of two positions
WAY_BEFORE_S = 900.0  # so far back the way made before the stop is looked at
NOBODY = np.empty(0, np.int64)
TYPES_SMALL = (36, 37)  # sailing and pleasure craft stop for fun
TYPES_PASSENGER = tuple(range(60, 70))

STOP = np.dtype(
    [
        ("fast_ms", "<i8"),  # last report above fast_kn before it slowed down
        ("stop_ms", "<i8"),  # first report below stopped_kn
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("before_kn", "<f4"),
        ("stage", "u1"),
    ]
)
SPEED = np.dtype([("at", "<u4")])  # number of its STOP in the pool
_SPEED, _STOP = from_dtype(SPEED), from_dtype(STOP)


class SuddenStopDetector(Detector):
    """Episodes of sudden stops; the stops themselves lie beside the tracks."""

    NAME = "sudden_stop"
    COLD = SPEED
    POOL = STOP

    def __init__(self) -> None:
        self.book = ep.Book()
        self.waiting: set[int] = set()  # tracks with a candidate
        self.stopped = NOBODY  # keys of all who have stopped suddenly, during a tick: no part of the state

    def bring(self, sight: Sight) -> np.ndarray:
        """int64[n]: keys of those who have stopped suddenly, as they were before this tick."""
        slots, stops = all_stops(sight.table)
        return sight.table.keys_of(slots[(stops["stage"] == CANDIDATE) | (stops["stage"] == LIES)])

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """Mark who stopped suddenly, and who goes on."""
        rule = sight.params.sudden_stop
        limits = (rule.fast_kn, rule.stopped_kn, rule.resume_kn, rule.within_s * 1000.0)
        pool = sight.table.pools[self.NAME]
        slots = _passages(fixes, taken, sight.picks(fixes, taken)[PASSED], sight.table.cold[self.NAME], pool.records, pool.numbers, limits)
        self.waiting |= {sight.table.key_of(slot) for slot in slots.tolist()}

    def tick(self, sight: Sight) -> list[Event]:
        """Candidates that have lain long enough, and episodes that are over."""
        rule, tick_ms = sight.params.sudden_stop, sight.tick_ms
        if not rule.enabled:
            self.waiting = set()
        events = self._go_on(sight) if self.waiting or self.book.pages else []
        if tick_ms % BUCKET_MS == 0:
            slots, stops = all_stops(sight.table)
            idle = (stops["stage"] == NONE) & (tick_ms - stops["fast_ms"] > rule.within_s * 1000.0)
            sight.table.pools[self.NAME].give_back(sight.table.cold[self.NAME], slots[idle])
        return events

    def _go_on(self, sight: Sight) -> list[Event]:
        """Candidates and episodes at a tick, in order of keys."""
        table, rule, tick_ms = sight.table, sight.params.sudden_stop, sight.tick_ms
        events: list[Event] = []
        self.stopped = np.concatenate(sight.brought(self.NAME) or [self.bring(sight)]) if self.waiting else NOBODY
        keys = sorted(self.waiting | set(self.book.pages))
        slots = table.slots_of_keys(np.array(keys, np.int64))
        stops = stops_of(table, slots)
        columns = slots, stops["stage"], stops["stop_ms"], table.rows["nav"][slots]
        for key, slot, was, stop_ms, nav in zip(keys, *(column.tolist() for column in columns), strict=True):
            judged = key in self.waiting
            if judged:
                events += self._candidate(sight, key, slot)
            stage = int(stops_of(table, slot)["stage"]) if judged else was
            page = self.book.pages.get(key)
            if page is None:
                continue
            if page.event.t_end is not None:
                if tick_ms - page.event.t_end > rule.merge_s * 1000.0:
                    del self.book.pages[key]
            elif stage not in (LIES, KEPT) or tick_ms - stop_ms > rule.open_s_max * 1000.0:
                closed = "closed" if page.event.state == "open" else page.event.state
                last_ms = min(tick_ms, max(int(table.rows["t_ms"][slot]), page.event.t_start))
                events.append(self.book.revise(key, tick_ms, state=closed, t_end=last_ms))
            elif stage == LIES and nav in (subjects.NAV_ANCHORED, subjects.NAV_MOORED):
                stops_of(table, slot)["stage"] = KEPT  # she says by now what she stopped for
                events.append(self.book.revise(key, tick_ms, state="candidate", reason="suppressed: anchored_or_moored"))
            elif page.event.state == "open" and tick_ms - page.emitted_ms >= sight.params.revise_s * 1000.0:
                duration_s = ep.tidy("s", (tick_ms - page.event.t_start) / 1000.0)
                events.append(self.book.revise(key, tick_ms, measures={**page.event.measures, "duration_s": duration_s}))
        return events

    def _candidate(self, sight: Sight, key: int, slot: int) -> list[Event]:
        table, rule, tick_ms = sight.table, sight.params.sudden_stop, sight.tick_ms
        stop, row = stops_of(table, slot), table.rows[slot]
        if stop["stage"] != CANDIDATE or tick_ms - int(stop["stop_ms"]) > 4000.0 * rule.sustained_s:
            self.waiting.discard(key)
            return []
        lain_s = (int(row["t_ms"]) - int(stop["stop_ms"])) / 1000.0
        if lain_s < rule.sustained_s:
            return []
        self.waiting.discard(key)
        moved_m = distance_m(int(stop["lat"]), int(stop["lon"]), int(row["lat"]), int(row["lon"]))
        told_kn, way_kn = _before(sight, slot, stop)
        if moved_m > NOISE_M + rule.stopped_kn * KN_MS * lain_s or way_kn < rule.fast_kn / 2 or not _is_asked_for(sight, slot, rule):
            stop["stage"] = DISMISSED
            return []
        facts = _facts(sight, slot, stop, (told_kn, way_kn, moved_m / lain_s / KN_MS), self.stopped)
        stop["stage"] = KEPT if facts["reason"] else LIES
        if key in self.book.pages:
            del self.book.pages[key]  # another stop: another episode
        return [self.book.open_new(key, ep.new_event(sight, (TYPE, "sudden_stop", RULE, RULE_VERSION), [key], int(stop["stop_ms"]), facts))]

    def keys(self) -> set[int]:
        """Tracks with an episode or a candidate."""
        return set(self.book.pages) | self.waiting

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"book": self.book.to_sections(), "waiting": sorted(self.waiting)}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.book, self.waiting = ep.Book.from_sections(sections["book"]), set(sections["waiting"])


def stops_of(table: VesselTable, slots: Any) -> Any:
    """The stops of these tracks (STOP[n]), or, to be written to if it has one, of one; all zero: it has none."""
    return table.pools[SuddenStopDetector.NAME].records[table.cold[SuddenStopDetector.NAME]["at"][slots]]


def all_stops(table: VesselTable) -> tuple[np.ndarray, np.ndarray]:
    """(slots, STOP[n]) of the tracks that have one."""
    slots = np.flatnonzero(table.cold[SuddenStopDetector.NAME]["at"][: len(table)])
    return slots, stops_of(table, slots)


def _is_asked_for(sight: Sight, slot: int, rule: SuddenStop) -> bool:
    """Class and length that a profile asks for."""
    return not (rule.class_a_only and sight.table.rows["class_b"][slot]) and int(sight.table.more["loa_m"][slot]) >= rule.loa_m_min


def _before(sight: Sight, slot: int, stop: np.void) -> tuple[float, float]:
    """(knots told, knots made good by places) before the stop, from the trail of WAY_BEFORE_S before it; the second is 0 without a point."""
    told_kn, way_kn = float(stop["before_kn"]), 0.0
    for point in trail_of(sight.table, slot, sight.tick_ms, (sight.tick_ms - int(stop["fast_ms"])) / 1000.0 + WAY_BEFORE_S):
        t_ms = int(trail_ms(np.array([point["t"]]), sight.tick_ms)[0])
        if t_ms > int(stop["fast_ms"]):
            break
        if point["sog"] != SOG_MISSING:
            told_kn = max(told_kn, int(point["sog"]) / 10.0)
        if way_kn == 0.0 and int(stop["fast_ms"]) - t_ms >= 30_000:
            way_m = distance_m(int(point["lat"]), int(point["lon"]), int(stop["lat"]), int(stop["lon"]))
            way_kn = way_m * 1000.0 / (int(stop["stop_ms"]) - t_ms) / KN_MS
    return told_kn, way_kn


def _facts(sight: Sight, slot: int, stop: np.void, speeds: tuple[float, float, float], stopped: np.ndarray) -> dict[str, Any]:
    """Fields of the event. speeds in knots: told before the stop, made good before it and after it. stopped: keys of all who stopped suddenly."""
    table, rule = sight.table, sight.params.sudden_stop
    before_kn, way_before_kn, way_after_kn = speeds
    here = ep.degrees_of(int(stop["lat"]), int(stop["lon"]))
    exclusions = _exclusions(sight, slot, stop, here, before_kn, _lay_there(sight, slot, rule, stopped))
    took_s = (int(stop["stop_ms"]) - int(stop["fast_ms"])) / 1000.0
    after_kn = float(table.rows["speed_kn"][slot])
    evidence: list[Evidence] = [
        ep.at_least("speed_before_kn", before_kn, rule.fast_kn),
        ep.at_most("stopping_s", took_s, rule.within_s),
        ep.at_most("speed_after_kn", after_kn, rule.stopped_kn),
        ep.at_least("way_before_kn", way_before_kn, rule.fast_kn / 2),
        ep.at_most("way_after_kn", way_after_kn, rule.stopped_kn + NOISE_M / rule.sustained_s / KN_MS),
        ep.at_least("lain_s", (int(table.rows["t_ms"][slot]) - int(stop["stop_ms"])) / 1000.0, rule.sustained_s),
    ]
    measures: dict[str, Value] = {
        "speed_before_kn": ep.tidy("kn", before_kn),
        "stopping_s": ep.tidy("s", took_s),
        "duration_s": ep.tidy("s", (sight.tick_ms - int(stop["stop_ms"])) / 1000.0),
        "coast_distance_nm": ep.tidy("nm", float(table.more["coast_nm"][slot])),
        "watch_distance_nm": ep.tidy("nm", float(table.more["watch_nm"][slot])),
    }
    confidence = ep.confidence_of(rule.confidence_cap, ep.margin_quality(before_kn, rule.fast_kn), 1.0, [])
    return ep.facts_of(sight, slot, here, exclusions, measures=measures, evidence=evidence, confidence=confidence)


def _lay_there(sight: Sight, slot: int, rule: SuddenStop, stopped: np.ndarray) -> int:
    """Slow vessels beside the place that have not stopped suddenly themselves (two that collide both do)."""
    row = sight.table.rows[slot]
    near = sight.around.within(int(row["lat"]), int(row["lon"]), rule.alongside_nm)
    lying = (near["speed_kn"] >= 0) & (near["speed_kn"] <= rule.resume_kn) & (sight.tick_ms - near["t_ms"] <= ep.FRESH_MS)
    return int((lying & (near["key"] != sight.table.key_of(slot)) & ~np.isin(near["key"], stopped)).sum())


def _exclusions(sight: Sight, slot: int, stop: np.void, here: tuple[float, float], before_kn: float, lay_there: int) -> list[Exclusion]:
    """Each innocent explanation that was tested."""
    table, rule = sight.table, sight.params.sudden_stop
    ship_type, nav, loa_m = int(table.more["ship_type"][slot]), int(table.rows["nav"][slot]), int(table.more["loa_m"][slot])
    coast_nm = float(table.more["coast_nm"][slot])
    small = ship_type in TYPES_SMALL or (bool(table.rows["class_b"][slot]) and loa_m < rule.small_loa_m)
    # no ship but a fast ferry comes so quickly so near to the shore; her type is often not known
    berthing = coast_nm <= rule.berth_nm and (ship_type in TYPES_PASSENGER or 40 <= ship_type <= 49 or before_kn >= rule.fast_craft_kn)
    return [
        ep.checked("port_or_anchorage", bool(table.more["masked"][slot]), yes="inside", no="outside", suppress=True),
        ep.checked("fishing", subjects.is_fishing(table, slot), ship_type, suppress=True),
        ep.role_exclusion(table, [slot]),
        ep.checked("special_craft", 54 <= ship_type <= 59, ship_type, suppress=True),
        ep.checked("small_craft", small, loa_m, suppress=True),
        ep.checked("ferry_at_the_shore", berthing, ep.tidy("nm", coast_nm), suppress=True),
        ep.checked("anchored_or_moored", nav in (subjects.NAV_ANCHORED, subjects.NAV_MOORED), nav, suppress=True),
        ep.checked("goes_alongside", lay_there > 0, lay_there, suppress=True),
        sight.rescue.exclusion(*here, int(stop["stop_ms"]), sight.tick_ms, sight.params.rescue),
    ]


# Slow twin in tests/naive_motion.py.
@kernel(int64[::1](FIX_TYPE[::1], TAKEN_TYPE[::1], int32[::1], _SPEED[::1], _STOP[::1], uint32[::1], types.UniTuple(float64, 4)))
def _passages(fixes, taken, passed, rows, stops, numbers, limits):
    """Enter passages of the three speeds (numbers of rows: look.py); slots with a new candidate. limits: fast, stopped, resume in knots, within in ms."""
    fast_kn, stopped_kn, resume_kn, within_ms = limits
    found = np.empty(16, np.int64)
    n = 0
    for i in passed:
        told = taken[i]
        before_kn = np.float64(told["prev_speed_kn"])
        now_kn = fixes[i]["sog"] / 10.0
        fell = before_kn > fast_kn and now_kn <= fast_kn
        stopped = before_kn >= stopped_kn and now_kn < stopped_kn
        rose = (before_kn < resume_kn and now_kn >= resume_kn) or (before_kn < stopped_kn and now_kn >= stopped_kn)
        if not (fell or stopped or rose):
            continue
        row = rows[told["slot"]]
        if row["at"] == 0:
            if not fell:
                continue  # it has not been fast of late
            row["at"] = take(numbers)
        stop = stops[row["at"]]
        if fell:
            stop["fast_ms"] = told["prev_t_ms"]
            stop["before_kn"] = np.float32(before_kn)
        t = fixes[i]["t_ms"]
        if stopped and stop["stage"] != LIES and stop["stage"] != KEPT and t - stop["fast_ms"] <= within_ms:
            stop["stage"] = np.uint8(CANDIDATE)
            stop["stop_ms"] = t
            stop["lat"] = fixes[i]["lat"]
            stop["lon"] = fixes[i]["lon"]
            if n == found.shape[0]:
                more = np.empty(2 * n, np.int64)
                more[:n] = found
                found = more
            found[n] = told["slot"]
            n += 1
        if rose and (stop["stage"] == CANDIDATE or now_kn >= resume_kn):
            stop["stage"] = np.uint8(NONE)
    return found[:n]
