"""Aground: a crew that says so, or a ship that stopped suddenly and has not moved since. May hold: both roads to one episode.

May not: find the stop (tracks/sudden_stop.py does), scores: this is the safety channel. Definition: docs/behaviours/aground.md.

Theory. Status 6 in two reports is a word, always shown and believed where the ship does not move. Crews set it late, or never: a sudden stop
outside ports after which all positions of half an hour lie within `spread_m` is a grounding too, with less confidence, because a
ship at anchor swings wider. Both are one episode: it begins with the stop where one is known.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dogwatch.events import Event, Evidence, Exclusion
from dogwatch.geo import distance_m
from tracks import episodes as ep
from tracks import subjects, words
from tracks.detector import Detector, Sight
from tracks.params import Aground
from tracks.records import BUCKET_MS
from tracks.sudden_stop import KEPT, LIES, all_stops, stops_of
from tracks.vessels import trail_of

TYPE, RULE = "safety", "aground"
RULE_VERSION = "1.0"
POINTS_MIN = 5  # of the trail, in half an hour


class AgroundDetector(Detector):
    """Episodes of groundings. The words of the crews lie beside the tracks, the stops are those of the detector before."""

    NAME = "aground"
    COLD = words.SAID
    POOL = words.WORD

    def __init__(self) -> None:
        self.book = ep.Book()
        self.fresh: set[int] = set()  # tracks that have said it twice, until the next tick

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """Note who says that it is aground."""
        rule = sight.params.aground
        slots = words.heard(sight, fixes, taken, self.NAME, words.NAV_AGROUND, rule.reports_min, rule.lower_s)
        self.fresh |= {sight.table.key_of(slot) for slot in slots}

    def tick(self, sight: Sight) -> list[Event]:
        """Words each minute; those who lie where they stopped each ten."""
        table, rule = sight.table, sight.params.aground
        wanted = self.fresh | set(self.book.pages)
        self.fresh = set()
        if sight.tick_ms % BUCKET_MS == 0:
            words.forget(sight, self.NAME, max(rule.lower_s, rule.silent_s), self.book)
        if not rule.enabled:
            return []
        if sight.tick_ms % BUCKET_MS == 0:
            slots, stops = all_stops(table)
            wanted |= set(table.keys_of(slots[stops["stage"] == LIES]).tolist())
        events: list[Event] = []
        for key in sorted(wanted):
            events += self._judge(sight, key, table.slot_of_key(key))
        return events

    def _judge(self, sight: Sight, key: int, slot: int) -> list[Event]:
        table, rule, tick_ms = sight.table, sight.params.aground, sight.tick_ms
        page, row = self.book.pages.get(key), table.rows[slot]
        says, lies = _says(sight, slot), _lies_s(sight, slot)
        if page is not None and page.event.t_end is not None:
            if not says and not lies and tick_ms - page.event.t_end > rule.merge_s * 1000.0:
                del self.book.pages[key]
                return []
        elif page is not None and not says and (_afloat(page.event, row, rule) or not (lies or page.notes["by_motion"])):
            last_ms = max(page.event.t_start, int(row["t_ms"]))
            return [self.book.revise(key, tick_ms, state="closed" if page.event.state == "open" else page.event.state, t_end=last_ms)]
        if not says and not lies:
            return []
        if page is not None and page.event.t_end is None and page.notes["says"] == says and tick_ms - page.emitted_ms < sight.params.revise_s * 1000.0:
            return []
        return self._lies(sight, key, slot, says=says, lain_s=lies)

    def _lies(self, sight: Sight, key: int, slot: int, *, says: bool, lain_s: float) -> list[Event]:
        table, rule, tick_ms = sight.table, sight.params.aground, sight.tick_ms
        page, row = self.book.pages.get(key), table.rows[slot]
        stop, word = stops_of(table, slot), words.word_of(table, self.NAME, slot)
        stopped = int(stop["stage"]) in (LIES, KEPT)
        start_ms = page.event.t_start if page else int(stop["stop_ms"] if stopped else word["first_ms"])
        here = ep.degrees_of(int(row["lat"]), int(row["lon"]))
        exclusions, doubts = _exclusions(sight, slot, rule, says=says, stopped=bool(stopped))
        by_motion = lain_s > 0.0
        cap = rule.confidence_cap if says and stopped else (rule.confidence_cap_word if says else rule.confidence_cap_motion)
        shown = {"state": "open", "reason": ""} if says else {}  # what the crew says is shown, whatever explains it
        facts = ep.facts_of(
            sight,
            slot,
            here,
            exclusions,
            measures={
                "duration_s": ep.tidy("s", (tick_ms - start_ms) / 1000.0),
                "says_aground": says,
                "stopped_suddenly": bool(stopped),
                "speed_before_kn": ep.tidy("kn", float(stop["before_kn"])) if stopped else None,
                "coast_distance_nm": ep.tidy("nm", float(table.more["coast_nm"][slot])),
                "watch_distance_nm": ep.tidy("nm", float(table.more["watch_nm"][slot])),
            },
            evidence=_evidence(rule, int(word["reports"]), lain_s, says=says),
            confidence=ep.confidence_of(cap, 1.0, 1.0, doubts),
            **shown,
        )
        if page is None:
            event = ep.new_event(sight, (TYPE, "aground", RULE, RULE_VERSION), [key], start_ms, facts)
            return [self.book.open_new(key, event, says=says, by_motion=by_motion)]
        page.notes.update(says=says, by_motion=by_motion or page.notes["by_motion"])
        return [self.book.revise(key, tick_ms, **facts)]

    def keys(self) -> set[int]:
        """Tracks with an episode."""
        return set(self.book.pages)

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"book": self.book.to_sections(), "fresh": sorted(self.fresh)}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.book, self.fresh = ep.Book.from_sections(sections["book"]), set(sections["fresh"])


def _says(sight: Sight, slot: int) -> bool:
    """Whether the crew's word is said often enough, and still holds: nothing else has been said for `lower_s`, or while she moves."""
    word, rule, row = words.word_of(sight.table, AgroundDetector.NAME, slot), sight.params.aground, sight.table.rows[slot]
    if int(word["reports"]) < rule.reports_min:
        return False
    otherwise = int(row["t_ms"]) > int(word["last_ms"])
    if otherwise and float(row["speed_kn"]) > rule.speed_kn_max:
        return False
    return sight.tick_ms - int(word["last_ms"]) < (rule.lower_s if otherwise else rule.silent_s) * 1000.0


def _lies_s(sight: Sight, slot: int) -> float:
    """Seconds since a sudden stop after which all positions of the last `still_s` lie within `spread_m`; 0: not so."""
    rule, stop, tick_ms = sight.params.aground, stops_of(sight.table, slot), sight.tick_ms
    lain_s = (tick_ms - int(stop["stop_ms"])) / 1000.0
    if stop["stage"] != LIES or lain_s < rule.still_s or tick_ms - int(sight.table.rows["t_ms"][slot]) > rule.still_s * 500.0:
        return 0.0
    points = trail_of(sight.table, slot, tick_ms, rule.still_s)
    if len(points) < POINTS_MIN:
        return 0.0
    spread_m = max(distance_m(int(points["lat"][0]), int(points["lon"][0]), int(lat), int(lon)) for lat, lon in zip(points["lat"], points["lon"], strict=True))
    return lain_s if spread_m <= rule.spread_m else 0.0


def _afloat(event: Event, row: np.void, rule: Aground) -> bool:
    """Whether the ship has left the place or goes faster than anything aground."""
    here = ep.degrees_of(int(row["lat"]), int(row["lon"]))
    apart_m = distance_m(*(round(x * 600_000) for x in (event.lat or 0.0, event.lon or 0.0, *here)))
    return bool(float(row["speed_kn"]) > rule.speed_kn_max and apart_m > rule.spread_m)


def _evidence(rule: Aground, reports: int, lain_s: float, *, says: bool) -> list[Evidence]:
    found = []
    if says:
        found += [Evidence("status", words.NAV_AGROUND, "==", words.NAV_AGROUND, None, True), ep.at_least("reports", reports, rule.reports_min)]
    if lain_s > 0.0:
        found += [Evidence("stopped_suddenly", True, "==", True, None, True), ep.at_least("still_s", lain_s, rule.still_s)]
    return found


def _exclusions(sight: Sight, slot: int, rule: Aground, *, says: bool, stopped: bool) -> tuple[list[Exclusion], list[float]]:
    """Each innocent explanation that was tested, and the doubts of those that apply. They suppress only what no crew says."""
    table = sight.table
    nav, masked, speed_kn = int(table.rows["nav"][slot]), bool(table.more["masked"][slot]), float(table.rows["speed_kn"][slot])
    moves = says and not stopped and speed_kn > rule.speed_kn_max
    waits = nav in (subjects.NAV_ANCHORED, subjects.NAV_MOORED)
    found = [
        ep.checked("port_or_anchorage", masked, yes="inside", no="outside", suppress=not says),
        ep.checked("anchored_or_moored", waits, nav, suppress=not says),
        ep.checked("motion_does_not_fit", moves, ep.tidy("kn", speed_kn)),
    ]
    if not says:
        found += [ep.role_exclusion(table, [slot]), ep.checked("fishing", subjects.is_fishing(table, slot), int(table.more["ship_type"][slot]), suppress=True)]
    return found, [0.4 for applies in (masked, moves) if applies]
