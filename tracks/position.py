"""Position integrity: a place that cannot be true, or none. Definitions: docs/behaviours/position-anomaly.md, gnss-area.md.

May hold: the verdicts over a record of doubt, the life of their events. May not: the record (place_facts.py), the fit of a
circle, areas (gnss.py), who can hear what (beyond.py), identity.

Theory. A track has at most one episode of a wrong place at a time: it jumps away, is told to circle or set ashore there,
and comes back; one event tells all of it, and its subtype is the strongest thing known of it (circle, on_land, jump,
offset). Whether the place that the vessel left or the one that it came to is the false one cannot be seen from one
track; what is certain is that both cannot be true. Where several vessels fail together the area is the event
(gnss.py), and theirs are kept, attached to it, without being shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dogwatch.batch import COG_MISSING
from dogwatch.events import Event, Evidence, Exclusion, Value, event_id
from dogwatch.geo import COS_COURSE, KN_MS, M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference
from tracks import beyond, subjects
from tracks import episodes as ep
from tracks.circle import Circle, fit
from tracks.coverage import BLOCK_MS, GROUPS_MAX, HOUR_MS
from tracks.detector import Detector, Sight
from tracks.ears import station_of
from tracks.gnss import Areas
from tracks.inland import inland
from tracks.key import mmsi_of
from tracks.look import DOUBTFUL
from tracks.params import Position
from tracks.place_facts import DOUBT, EVEN_RUN, FOUND, FactTable, note
from tracks.records import BELIEVED, MARK_DOUBT, MARK_ELSEWHERE, MINUTE_MS, TROUBLE_BEYOND, TROUBLE_JUMPED

TYPE, LOST = "position_anomaly", "position_lost"
RULE_VERSION = "1.0"
FORGET_MS = 6 * 3_600_000  # not heard for so long: what was in doubt is no more to be decided
SMALL_JUMP_MS = 2 * 3_600_000  # a jump too short to speak of is forgotten
HULLS_NM = 5.0
ODD_OVER_MS = 600_000  # no report for so long that disagrees (too slow to be tested, perhaps): over
FAR_OVER_MS = 600_000  # no look for so long that found it beyond reach (not heard, perhaps): over
ALONG_COS = 0.985  # within 10 degrees of the course line
CLOCK_S = 3_600.0
SLIP_S, SLIP_SHARE = 120.0, 0.2  # two ships whose clock slips by the same time, but for this
COMPANY_NM, COMPANY_MIN = 1.0, 2
RANK = {"geometry": 1, "offset": 2, "jump": 3, "on_land": 4, "circle": 5}  # of two things known of one episode the event is about the higher
ABSORBED = "absorbed by gnss_area"
CLASS_B_WARM_MS = 600_000


@dataclass(slots=True)
class Jump:
    """A record's jump, reckoned once for a verdict. `implied_kn`: the speed that it would have taken, between the last report at the old place and the
    first at the new one (at least a second apart).
    """

    facts: np.void
    length_m: float
    implied_kn: float
    evidence: list[Evidence]


@dataclass(slots=True)
class Verdict:
    """What is held against a place now. `t_end` None: it goes on."""

    subtype: str
    t_start: int
    t_end: int | None
    evidence: list[Evidence]
    exclusions: list[Exclusion]
    doubts: list[float]
    margin: float
    measures: dict[str, Value] = field(default_factory=dict)
    jump: Jump | None = None  # of which what it measures is told too


class PositionDetector(Detector):
    """Records of doubt beside the tracks; episodes of wrong and of lost places; areas of interference."""

    NAME = "position"
    COLD = DOUBT
    PAIRS = True

    def __init__(self) -> None:
        self.facts, self.areas = FactTable(), Areas()
        self.wrong, self.lost = ep.Book(), ep.Book()
        self.reaches, self.reaches_ms = np.zeros(GROUPS_MAX, beyond.REACH), 0  # of groups of receivers, and the tick at which they were learned

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """Fixes that disagree with their track are written down."""
        table, picked = sight.table, sight.picks(fixes, taken)[DOUBTFUL]
        at, doubts = 0, table.cold[self.NAME]
        while (at := note(fixes, taken, picked, at, table.rows, table.more, doubts, self.facts.rows, self.facts.cells)) < len(picked):
            self.facts.grow()

    def asks(self, sight: Sight) -> set[int]:
        """Who is in an area, or may be."""
        return self.areas.asks(sight) if sight.params.gnss.enabled or self.areas.areas else set()

    def tick(self, sight: Sight) -> list[Event]:
        """Areas first, then every track in doubt."""
        keys = self.facts.rows["key"][: int(self.facts.cells[0])]
        numbers = np.flatnonzero(keys)
        events = self.areas.tick(sight) if len(numbers) or self.areas.areas or sight.shared else []
        for number in numbers[np.argsort(keys[numbers], kind="stable")]:
            events += self._decide(sight, int(number) + 1)
        if sight.params.position.enabled and sight.tick_ms % BLOCK_MS == 0:
            self._look_beyond(sight)
        return events

    def _look_beyond(self, sight: Sight) -> None:
        """Note who has told a place beyond the reach of all that heard it. At the end of a tick: what it marks is read at the next one."""
        table, rule, tick_ms, doubts = sight.table, sight.params.position, sight.tick_ms, sight.table.cold[self.NAME]
        if tick_ms % HOUR_MS == 0 or not self.reaches_ms:
            self.reaches, self.reaches_ms = beyond.reaches_of(sight.coverage, rule), tick_ms
        since_ms = tick_ms - BLOCK_MS
        found = beyond.far_tracks(table.used, since_ms, self.reaches, sight.coverage.groups, sight.receivers)
        found = found[table.known["belief"][found["slot"]] == BELIEVED]
        for number in (np.flatnonzero(self.facts.rows["far_now"]) + 1).tolist():
            slot = table.slot_of_key(int(self.facts[number]["key"]))
            if slot >= 0 and slot not in found["slot"] and table.rows["t_ms"][slot] >= since_ms:
                self.facts[number]["far_now"] = 0
                table.more["trouble"][slot] &= 0xFF ^ TROUBLE_BEYOND
        found = found[np.argsort(table.keys_of(found["slot"]), kind="stable")]
        others = [_others_beyond(sight, int(far["slot"]), rule) for far in found]  # as the tick's neighbours have it: before any mark is set
        for far, n in zip(found, others, strict=True):
            slot = int(far["slot"])
            number = self.facts.number_of(doubts, slot, table.key_of(slot))
            if not number:
                continue
            f = self.facts[number]
            if not f["far_ms"] or tick_ms - int(f["far_last_ms"]) > max(FAR_OVER_MS, rule.merge_s * 1000):
                f["far_ms"], f["far_others"] = max(since_ms, int(table.more["birth_ms"][slot])), 0
            f["far_now"], f["far_last_ms"], f["far_others"] = 1, tick_ms, max(int(f["far_others"]), n)
            f["far_away_m"], f["far_limit_m"], f["far_by"] = far["away_m"], far["limit_m"], far["receiver"]
            f["last_ms"] = max(int(f["last_ms"]), int(table.rows["t_ms"][slot]))
            table.more["trouble"][slot] |= TROUBLE_BEYOND
            table.rows["marks"][slot] |= MARK_DOUBT | MARK_ELSEWHERE

    def _decide(self, sight: Sight, number: int) -> list[Event]:
        table, rule, tick_ms = sight.table, sight.params.position, sight.tick_ms
        doubts = table.cold[self.NAME]
        f = self.facts[number]
        key = int(f["key"])
        slot = table.slot_of_key(key)
        if slot < 0 or int(doubts["row"][slot]) != number:  # the track is gone, or another one under its number
            return self._gone(key, number, tick_ms)
        events = []
        if rule.enabled:
            events += self._led_back(sight, slot, key, f)
            events += self._write_wrong(sight, slot, key, wrong_of(sight, slot, f))
            events += self._write_lost(sight, slot, key, f)
        if key not in self.wrong and key not in self.lost and _is_idle(f, tick_ms):
            self.facts.drop(doubts, slot)
            table.rows["marks"][slot] &= 0xFF ^ (MARK_DOUBT | MARK_ELSEWHERE)
            table.more["trouble"][slot] = 0
        else:
            elsewhere = (f["jump_ms"] and not f["back_ms"]) or f["far_now"]
            table.rows["marks"][slot] &= 0xFF ^ MARK_ELSEWHERE
            table.rows["marks"][slot] |= MARK_DOUBT | (MARK_ELSEWHERE if elsewhere else 0)
        return events

    def _gone(self, key: int, number: int, tick_ms: int) -> list[Event]:
        self.facts.free(number)
        events = []
        for book in (self.wrong, self.lost):
            if key in book:
                page = book.pages[key]
                if page.event.t_end is None and page.event.state != "retracted":
                    events.append(book.revise(key, tick_ms, state="closed" if page.event.state == "open" else page.event.state, t_end=page.emitted_ms))
                del book.pages[key]
        return events

    def _led_back(self, sight: Sight, slot: int, key: int, f: np.void) -> list[Event]:
        """A jump that ends a circle, or words that fit no motion, leads from the false place to the true one: it is no jump of its own."""
        over_ms, page = int(f["over_ms"]), self.wrong.pages.get(key)
        f["over_ms"] = 0
        if not over_ms or page is None or page.event.t_end is not None or "jump_nm" in page.event.measures:
            return []
        f["jump_ms"] = f["back_ms"] = 0
        sight.table.more["trouble"][slot] &= 0xFF ^ TROUBLE_JUMPED
        page.notes["last_ms"] = over_ms
        if page.event.state == "retracted":
            return []
        return [self.wrong.revise(key, sight.tick_ms, t_end=over_ms, state="closed" if page.event.state == "open" else page.event.state)]

    def _write_wrong(self, sight: Sight, slot: int, key: int, verdict: Verdict | None) -> list[Event]:
        """The episode of a wrong place: opened, revised, ended, forgotten."""
        tick_ms, rule = sight.tick_ms, sight.params.position
        page = self.wrong.pages.get(key)
        if verdict is None:
            if page is None:
                return []
            events = []
            if page.event.t_end is None and page.event.state != "retracted":
                events = [self.wrong.revise(key, tick_ms, t_end=page.notes["last_ms"], state="closed" if page.event.state == "open" else page.event.state)]
            if tick_ms - page.notes["last_ms"] > rule.merge_s * 1000:
                del self.wrong.pages[key]
            return events
        return _write(self.wrong, sight, slot, key, TYPE, verdict, self.areas)

    def _write_lost(self, sight: Sight, slot: int, key: int, f: np.void) -> list[Event]:
        """The episode of a lost place."""
        tick_ms, rule = sight.tick_ms, sight.params.position
        page = self.lost.pages.get(key)
        verdict = lost_of(sight, slot, f)
        if page is not None and (verdict is None or verdict.t_start != page.event.t_start) and tick_ms - page.notes["last_ms"] > rule.merge_s * 1000:
            del self.lost.pages[key]
            page = None
        if verdict is None:
            return []
        if page is None and verdict.t_end is not None and verdict.t_end < tick_ms - 10 * MINUTE_MS:
            return []
        return _write(self.lost, sight, slot, key, LOST, verdict, self.areas)

    def keys(self) -> set[int]:
        """Tracks in doubt."""
        return set(self.facts.rows["key"][self.facts.rows["key"] != 0].tolist())

    def counts(self) -> dict[str, int]:
        """Tracks that found no room for a record."""
        return {"position_refused": int(self.facts.cells[2])}

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        used = int(self.facts.cells[0])
        return {
            "facts": self.facts.rows[:used].copy(),
            "cells": self.facts.cells.copy(),
            "areas": self.areas.to_sections(),
            "reaches": self.reaches.copy(),
            "reaches_ms": self.reaches_ms,
            "wrong": self.wrong.to_sections(),
            "lost": self.lost.to_sections(),
        }

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        facts = sections["facts"]
        self.facts = FactTable()
        while len(self.facts.rows) < len(facts):
            self.facts.grow()
        self.facts.rows[: len(facts)] = facts
        self.facts.cells[:] = sections["cells"]
        self.areas = Areas.from_sections(sections["areas"])
        self.reaches, self.reaches_ms = sections["reaches"].copy(), sections["reaches_ms"]
        self.wrong, self.lost = ep.Book.from_sections(sections["wrong"]), ep.Book.from_sections(sections["lost"])


def wrong_of(sight: Sight, slot: int, f: np.void) -> Verdict | None:
    """The strongest thing to be said against a track's place, or None."""
    tick_ms, rule = sight.tick_ms, sight.params.position
    circling, mismatched, far = circle_of(f, rule), mismatch_of(f, rule), far_of(f, rule, tick_ms)
    back_ms, jump = int(f["back_ms"]), _jump_of(sight, slot, f)
    if jump is not None:
        start, end = int(f["jump_ms"]), back_ms or None
    elif circling is not None or mismatched:
        start, end = int(f["odd_ms"]), None if _is_odd(f) else int(f["odd_last_ms"])
    elif far:
        start, end = int(f["far_ms"]), None
    else:
        return None
    ashore = _is_ashore(sight, slot, f, jumped=jump is not None)
    evidence = [] if jump is None else jump.evidence
    if circling is not None:
        measures: dict[str, Value] = {"radius_m": ep.tidy("m", circling.radius_m), "turns": round(circling.turns, 1)}
        turns = circling.turns / rule.circle_turns_min
        found = Verdict("circle", start, end, evidence + _circle_evidence(f, circling, rule), [], [], turns, measures, jump)
    elif ashore:
        evidence = [*evidence, ep.at_least("reports", int(f["there"]), rule.reports_min), ep.at_least("inland_nm", rule.inland_nm, rule.inland_nm)]
        found = Verdict("on_land", start, end, evidence, [], [], 2.0, {}, jump)
    elif jump is not None and jump.length_m >= rule.jump_nm_min * NM_M and all(e.passed for e in evidence):
        found = Verdict("jump", start, end, evidence, [], [], jump.length_m / NM_M / rule.jump_nm_min, {}, jump)
    elif jump is not None and (back_ms or tick_ms) - start >= rule.offset_s_min * 1000 and jump.length_m < rule.jump_nm_min * NM_M:
        steady = ep.at_least("steady_s", ((back_ms or tick_ms) - start) / 1000, rule.offset_s_min)
        found = Verdict("offset", start, end, [*evidence[:1], steady], [], [], jump.length_m / NM_M / rule.offset_nm_min, {}, jump)
    elif mismatched:
        found = Verdict("offset", int(f["odd_ms"]), end, _mismatch_evidence(f, rule), [], [], 1.0, {"reports_off": int(f["odd"])})
    elif far:
        goes_on = bool(f["far_now"]) and tick_ms - int(f["far_last_ms"]) <= FAR_OVER_MS
        start, end = int(f["far_ms"]), None if goes_on else int(f["far_last_ms"])
        found = Verdict("geometry", start, end, [], [], [], float(f["far_away_m"]) / float(f["far_limit_m"]))
    else:
        return None
    if far:  # whatever else is wrong with the place: it is the told one that is false
        found.evidence += _far_evidence(f, rule)
        found.measures |= {"receiver": station_of(sight.receivers, int(f["far_by"]))}
    found.exclusions, found.doubts = _exclusions(sight, slot, f, found, jump, ashore=ashore)
    return found


def lost_of(sight: Sight, slot: int, f: np.void) -> Verdict | None:
    """Transmitting without a position fix for long enough, or None."""
    rule = sight.params.position
    start, last = int(f["lost_ms"]), int(f["lost_last_ms"])
    if start == 0 or last - start < rule.lost_s_min * 1000 or int(f["lost_n"]) < FOUND:
        return None
    found_again = int(f["lost_good"]) >= FOUND
    evidence = [ep.at_least("lost_s", (last - start) / 1000, rule.lost_s_min), ep.at_least("reports_without_place", int(f["lost_n"]), FOUND)]
    measures: dict[str, Value] = {"reports_without_place": int(f["lost_n"]), "reports_second_61_63": int(f["lost_dead"])}
    young = bool(sight.table.rows["class_b"][slot]) and start - int(sight.table.more["birth_ms"][slot]) < CLASS_B_WARM_MS
    moored = bool(sight.table.more["masked"][slot]) and 0 <= float(sight.table.rows["speed_kn"][slot]) < 1.0
    exclusions = [
        ep.checked("warming_up", young, suppress=True),
        ep.checked("switched_off_in_port", moored, suppress=True),
    ]
    return Verdict("", start, last if found_again else None, evidence, exclusions, [], (last - start) / 1000 / rule.lost_s_min, measures)


def v_max_kn(sight: Sight, slot: int) -> float:
    """The most that a vessel of its type makes, as tracks/association.py has it."""
    ordinary, fast, merchant, _ = sight.params.reach
    kind = int(sight.table.more["ship_type"][slot])
    if 40 <= kind <= 49 or kind == 51:
        return fast
    return merchant if 70 <= kind <= 89 else ordinary


def circle_of(f: np.void, rule: Position) -> Circle | None:
    """The circle on which a record's places lie, if it is one that the courses told do not follow."""
    if int(f["odd_ms"]) == 0 or not int(f["tested"]) or int(f["turned"]) < rule.circle_course_share_min * int(f["tested"]):
        return None
    found = fit(f)
    if found is None or found.residual_m > rule.circle_residual_max * found.radius_m or found.turns < rule.circle_turns_min:
        return None
    return found if found.radius_m <= rule.circle_radius_nm_max * NM_M else None


def mismatch_of(f: np.void, rule: Position) -> bool:
    """Whether speed or course told disagree with the motion for long enough."""
    off = max(int(f["reversed"]), int(f["speed"]))
    if int(f["odd_ms"]) == 0 or off < rule.mismatch_reports_min or off < rule.mismatch_share_min * int(f["tested"]):
        return False
    return int(f["odd_last_ms"]) - int(f["odd_ms"]) >= rule.mismatch_s_min * 1000


def far_of(f: np.void, rule: Position, tick_ms: int) -> bool:
    """Whether the place told is, or was until lately, beyond the reach of all that heard it, for long enough."""
    last_ms = int(f["far_last_ms"])
    lasting = int(f["far_ms"]) != 0 and last_ms - int(f["far_ms"]) >= rule.reach_s_min * 1000
    return lasting and tick_ms - last_ms <= max(FAR_OVER_MS, rule.merge_s * 1000)


def _others_beyond(sight: Sight, slot: int, rule: Position) -> int:
    """Other vessels about a place that are beyond reach as well."""
    row = sight.table.rows[slot]
    near = sight.around.within(int(row["lat"]), int(row["lon"]), rule.reach_others_nm)
    return int(((near["key"] != sight.table.key_of(slot)) & (near["trouble"] & TROUBLE_BEYOND != 0)).sum())


def _is_ashore(sight: Sight, slot: int, f: np.void, *, jumped: bool) -> bool:
    """At least `reports_min` reports well inside the land, after a jump or while it says that it makes way."""
    rule, row = sight.params.position, sight.table.rows[slot]
    if jumped:
        if not f["ashore"] and int(f["there"]) >= rule.reports_min and not int(f["back_ms"]):
            f["ashore"] = inland(sight.geography, int(row["lat"]), int(row["lon"]), rule.inland_nm)
        return bool(f["ashore"])
    if int(f["speed"]) < rule.mismatch_reports_min:
        return False
    return inland(sight.geography, int(row["lat"]), int(row["lon"]), rule.inland_nm)


def _jump_of(sight: Sight, slot: int, f: np.void) -> Jump | None:
    """A record's jump, if it is long enough to speak of and neither settled nor long over."""
    rule, jump_ms, back_ms = sight.params.position, int(f["jump_ms"]), int(f["back_ms"])
    if not jump_ms or sight.tick_ms - jump_ms > rule.settle_s * 1000 or (back_ms and sight.tick_ms - back_ms > rule.merge_s * 1000):
        return None
    length_m = float(distance_m(int(f["from_lat"]), int(f["from_lon"]), int(f["to_lat"]), int(f["to_lon"])))
    if length_m < rule.offset_nm_min * NM_M:
        return None
    silent_ms = int(f["first_ms"]) - jump_ms
    implied_kn = length_m / KN_MS / max(1.0, silent_ms / 1000.0)
    evidence = [
        ep.at_least("jump_nm", length_m / NM_M, rule.jump_nm_min if length_m >= rule.jump_nm_min * NM_M else rule.offset_nm_min),
        ep.at_least("implied_kn", implied_kn, v_max_kn(sight, slot) + rule.jump_kn_over),
        ep.at_least("reports_there", int(f["there"]), rule.reports_min),
        ep.at_most("silent_between_s", max(0, silent_ms) / 1000.0, rule.jump_silent_s_max),
    ]
    return Jump(f, length_m, implied_kn, evidence)


def _jump_measures(jump: Jump) -> dict[str, Value]:
    f = jump.facts
    was, now = ep.degrees_of(int(f["from_lat"]), int(f["from_lon"])), ep.degrees_of(int(f["to_lat"]), int(f["to_lon"]))
    return {
        "jump_nm": ep.tidy("nm", jump.length_m / NM_M),
        "implied_kn": ep.tidy("kn", jump.implied_kn),
        "lat_was": was[0],
        "lon_was": was[1],
        "lat_told": now[0],
        "lon_told": now[1],
    }


def _watch_distance(sight: Sight, measures: dict[str, Value], lat: float | None, lon: float | None) -> dict[str, Value]:
    """Of a jump: how far the nearest of all its places (left, told, and where the event stands) is from a border or watch zone.

    A lie told far away begins before somebody's shore.
    """
    if "lat_was" not in measures:
        return {}
    lats, lons = (np.array([measures[f"{name}_was"], measures[f"{name}_told"], now], dtype=np.float64) for name, now in (("lat", lat), ("lon", lon)))
    return {"watch_distance_nm": ep.tidy("nm", float(np.nanmin(sight.geography.watch_distance_nm(lats, lons))))}


def _circle_evidence(f: np.void, circle: Circle, rule: Position) -> list[Evidence]:
    return [
        ep.at_most("residual_share", circle.residual_m / circle.radius_m, rule.circle_residual_max),
        ep.at_least("turns", circle.turns, rule.circle_turns_min),
        ep.at_least("course_off_share", int(f["turned"]) / max(1, int(f["tested"])), rule.circle_course_share_min),
    ]


def _mismatch_evidence(f: np.void, rule: Position) -> list[Evidence]:
    name = "speed_off" if int(f["speed"]) >= int(f["reversed"]) else "course_reversed"
    off = max(int(f["reversed"]), int(f["speed"]))
    return [
        ep.at_least(f"{name}_reports", off, rule.mismatch_reports_min),
        ep.at_least(f"{name}_share", off / max(1, int(f["tested"])), rule.mismatch_share_min),
        ep.at_least(f"{name}_s", (int(f["odd_last_ms"]) - int(f["odd_ms"])) / 1000, rule.mismatch_s_min),
    ]


def _far_evidence(f: np.void, rule: Position) -> list[Evidence]:
    return [
        ep.at_least("receiver_distance_nm", float(f["far_away_m"]) / NM_M, float(f["far_limit_m"]) / NM_M),
        ep.at_least("beyond_reach_s", (int(f["far_last_ms"]) - int(f["far_ms"])) / 1000, rule.reach_s_min),
    ]


def _exclusions(sight: Sight, slot: int, f: np.void, verdict: Verdict, jump: Jump | None, *, ashore: bool) -> tuple[list[Exclusion], list[float]]:
    """Each innocent explanation that was tested, and the doubts of those that apply."""
    away = jump is not None
    hulls = away and _second_hull(sight, slot, f)
    clock = jump is not None and (bool(f["clock"]) or _is_clock(sight, slot, f, jump.length_m))
    f["clock"] = clock
    fro = away and int(f["returns"]) >= 3
    stuck = verdict.subtype == "offset" and not away and int(f["same_cog"]) >= 0.8 * int(f["tested"]) and int(f["speed"]) < int(f["reversed"])
    company = _company(sight, slot, f) if ashore else 0
    in_port = not away and bool(sight.table.more["masked"][slot])
    only_far = verdict.subtype == "geometry"
    found = [
        ep.checked("two_hulls", hulls, suppress=True),
        ep.checked("clock_offset", clock, suppress=True),
        ep.checked("stuck_sensor", stuck, suppress=True),
        ep.checked("inland_water", company >= COMPANY_MIN, company, suppress=True),
        ep.checked("port", in_port and verdict.subtype not in ("circle", "geometry"), suppress=True),
        ep.checked("ducting", only_far and int(f["far_others"]) > sight.params.position.reach_others_max, int(f["far_others"]), suppress=True),
        ep.checked("to_and_fro", fro, int(f["returns"])),
    ]
    return found, [0.3] if fro else []


def _second_hull(sight: Sight, slot: int, f: np.void) -> bool:
    """Whether another believed track of this MMSI is or was near one end of the jump: then two ships send one number (identity.py)."""
    table = sight.table
    at = table.slot_of(int(table.rows["mmsi"][slot]))
    while at >= 0:
        row = table.rows[at]
        if at != slot and table.more["belief"][at] == BELIEVED and int(row["reports"]):
            for end in ("from", "to"):
                if distance_m(int(row["lat"]), int(row["lon"]), int(f[f"{end}_lat"]), int(f[f"{end}_lon"])) <= HULLS_NM * NM_M:
                    return True
        at = int(table.more["next"][at]) - 1
    return False


def _is_clock(sight: Sight, slot: int, f: np.void, jump_m: float) -> bool:
    """Whether not the place but the time is wrong: the jump runs along the course line, no farther than an hour's way, and others hear it there,
    or another ship slips by the same time.
    """
    kn, cog = float(f["from_kn"]), int(f["from_cog"])
    if kn < 3.0 or abs(float(f["to_kn"]) - kn) > 1.5 or jump_m > kn * KN_MS * CLOCK_S:
        return False
    if not _along(int(f["from_lat"]), int(f["from_lon"]), int(f["to_lat"]), int(f["to_lon"]), cog):
        return False
    if not int(f["rx_from"]) & int(f["rx_to"]):
        return True
    slip_s, rows = jump_m / (kn * KN_MS), sight.around.troubled
    rows = rows[(rows["trouble"] & TROUBLE_JUMPED != 0) & (rows["speed_kn"] >= 3.0) & (rows["key"] != sight.table.key_of(slot))]
    minute = int(f["jump_ms"]) // MINUTE_MS
    for row in rows[np.abs((minute - rows["trouble_min"].astype(np.int64) + 0x8000) % 0x10000 - 0x8000) <= 2]:
        was, now = (int(row["was_lat"]), int(row["was_lon"])), (int(row["lat"]), int(row["lon"]))
        other_s = distance_m(*was, *now) / (float(row["speed_kn"]) * KN_MS) - (int(row["t_ms"]) - int(f["jump_ms"])) / 1000
        if abs(other_s - slip_s) <= SLIP_S + SLIP_SHARE * slip_s and _along(*was, *now, int(row["cog"])):
            return True
    return False


def _along(lat: int, lon: int, to_lat: int, to_lon: int, cog: int) -> bool:
    """Whether the way from one place to another lies on a course or against it."""
    if cog >= COG_MISSING:
        return False
    y = (to_lat - lat) * M_PER_UNIT
    x = lon_difference(to_lon, lon) * M_PER_UNIT * cos_lat(lat)
    along = y * float(COS_COURSE[cog]) + x * float(COS_COURSE[(cog + 2700) % 3600])
    return abs(along) >= ALONG_COS * math.sqrt(x * x + y * y)


def _company(sight: Sight, slot: int, f: np.void) -> int:
    """Other vessels about the place told ashore, none of them in doubt themselves: then there is water that the map does not show."""
    row, back = sight.table.rows[slot], bool(f["jump_ms"] and f["back_ms"])  # who is back is told elsewhere, and among ships
    lat, lon = (int(f["to_lat"]), int(f["to_lon"])) if back else (int(row["lat"]), int(row["lon"]))
    near = sight.around.within(lat, lon, COMPANY_NM)
    return int(((near["key"] != sight.table.key_of(slot)) & (near["trouble"] == 0) & (near["t_ms"] >= sight.tick_ms - FORGET_MS)).sum())


def _is_odd(f: np.void) -> bool:
    """Whether motion and words still disagree."""
    return int(f["odd_ms"]) != 0 and int(f["even_run"]) < EVEN_RUN and int(f["last_ms"]) - int(f["odd_last_ms"]) <= ODD_OVER_MS


def _is_idle(f: np.void, tick_ms: int) -> bool:
    """Whether nothing is in doubt any more."""
    jump_ms, back_ms = int(f["jump_ms"]), int(f["back_ms"])
    jumped = jump_ms != 0 and tick_ms - (back_ms or jump_ms) < SMALL_JUMP_MS
    lost = int(f["lost_ms"]) != 0 and int(f["lost_good"]) < FOUND
    odd = _is_odd(f)
    silent = tick_ms - max(int(f["last_ms"]), int(f["lost_last_ms"]), jump_ms) > FORGET_MS
    far = bool(f["far_now"]) and tick_ms - int(f["far_last_ms"]) <= SMALL_JUMP_MS
    return silent or not (jumped or lost or odd or far)


def _write(book: ep.Book, sight: Sight, slot: int, key: int, kind: str, verdict: Verdict, areas: Areas) -> list[Event]:
    """Open or revise an episode's event as the verdict has it; attached to an area it is not shown."""
    table, tick_ms, params, rule = sight.table, sight.tick_ms, sight.params, sight.params.position
    page, area = book.pages.get(key), areas.of(key)
    reason = f"{ABSORBED} {area.event.event_id}" if area is not None else ep.suppressed_reason(verdict.exclusions)
    if page is not None and page.event.reason.startswith(ABSORBED):
        reason = page.event.reason  # for good: an area that is over was an area
    state = "candidate" if reason else "open" if verdict.t_end is None else "closed"
    if page is not None and area is not None and page.event.state in ("open", "closed"):
        state = "retracted"
    if page is not None and page.event.state == "retracted":
        page.notes["last_ms"] = verdict.t_end or tick_ms
        return []
    if page is not None:
        page.notes["last_ms"] = verdict.t_end or tick_ms
        subtype = page.event.subtype if RANK.get(page.event.subtype, 0) > RANK.get(verdict.subtype, 0) else verdict.subtype
        changed = (page.event.state, page.event.subtype, page.event.reason, page.event.t_end) != (state, subtype, reason, verdict.t_end)
        if not changed and not (state == "open" and tick_ms - page.emitted_ms >= params.revise_s * 1000):
            return []
    lat, lon = ep.degrees_of(int(table.rows["lat"][slot]), int(table.rows["lon"][slot])) if page is None else (page.event.lat, page.event.lon)
    measures = verdict.measures if verdict.jump is None else _jump_measures(verdict.jump) | verdict.measures
    receivers = bin(int(table.rows["rx"][slot]) | int(table.more["rx_before"][slot])).count("1")
    cap = rule.confidence_cap if receivers >= 2 else rule.confidence_cap_one_receiver
    facts: dict[str, Any] = {
        "state": state,
        "subtype": verdict.subtype,
        "subjects": [subjects.subject_of(table, slot)],
        "t_end": verdict.t_end,
        "measures": measures | _watch_distance(sight, measures, lat, lon),
        "evidence": verdict.evidence,
        "exclusions": verdict.exclusions,
        "confidence": ep.confidence_of(cap, ep.margin_quality(verdict.margin, 1.0), 1.0, verdict.doubts),
        "reason": reason,
        "quality": {"receivers": receivers},
    }
    if page is not None and subtype != verdict.subtype:  # what was known stays known
        facts |= {name: getattr(page.event, name) for name in ("subtype", "measures", "evidence", "exclusions", "confidence")}
    if page is None:
        identity = event_id(kind, [subjects.subject_key(key)], verdict.t_start, kind, RULE_VERSION)
        place: dict[str, Any] = {"lat": lat, "lon": lon, "zones": sight.geography.relations(lat, lon)}
        about: dict[str, Any] = {"type": kind, "mmsi": [mmsi_of(key)], "t_start": verdict.t_start, "rule": kind, "rule_version": RULE_VERSION}
        event = Event(event_id=identity, version=1, t_detected=tick_ms, params_hash=params.params_hash, **about, **place, **facts)
        return [book.open_new(key, event, last_ms=verdict.t_end or tick_ms)]
    return [book.revise(key, tick_ms, **facts)]
