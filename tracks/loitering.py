"""Loitering: a slow run without progress where vessels do not normally wait. Definition: docs/behaviours/loitering.md.

May hold: when a run is an event, the event. May not: the run itself (slow_runs.py), what excuses it (waiting.py), other detectors, the reading
of thresholds.

Theory. Every ten minutes the kernels of slow_runs.py say whose run goes on and meets the definition, waiting.py says of all of them at once
for what reason each is not shown. Of most there is nothing new to tell. Words are made for the others: the first version, a reason that came
or went, an open event's revision, its end. What the newest version says is kept beside the run (`told`), so that the book is not opened to see it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.events import Event, Evidence, Value, ZoneRelation
from dogwatch.geo import NM_M, distance_m
from tracks import episodes as ep
from tracks import subjects
from tracks.detector import Detector, Sight
from tracks.params import INSHORE_NM, OFFSHORE_NM, Loitering
from tracks.records import BUCKET_MS, MINUTE_MS
from tracks.slow_runs import (
    FORGOTTEN,
    PACE,
    RUN,
    SLOWEST_MS,
    STOPPED,
    TOLD_BEFORE,
    TOLD_ENDED,
    UNTOLD,
    WENT_ON,
    close_buckets,
    goes_ahead,
    shapes,
    since_ms,
    waiting,
)
from tracks.vessels import VesselTable, ask_geography
from tracks.waiting import SEEN_EARLY, WAIT, Judged, judge, words

TYPE = RULE = "loitering"
RULE_VERSION = "1.0"
WATCHED_KINDS = ("watch", "border", "corridor")
BUCKET_S = BUCKET_MS / 1000.0


class LoiteringDetector(Detector):
    """Episodes of loitering; the runs themselves lie beside the tracks."""

    NAME = "loitering"
    COLD = PACE
    POOL = RUN

    def __init__(self) -> None:
        self.book = ep.Book()

    def tick(self, sight: Sight) -> list[Event]:
        """At each ten minutes: close the bucket that ends there; events that begin, go on or end."""
        tick_ms, table, rule = sight.tick_ms, sight.table, sight.params.loitering
        if tick_ms % BUCKET_MS:
            return []
        n, paces, pool = len(table), table.cold[self.NAME][: len(table)], table.pools[self.NAME]
        outcome = close_buckets(table.known, table.trail[:n], paces, pool, tick_ms // BUCKET_MS - 1, _limits(rule))
        went_on = np.flatnonzero(outcome == WENT_ON)
        ask_geography(table, went_on, sight.geography)
        events, over = [], np.flatnonzero((outcome == STOPPED) | (outcome == FORGOTTEN))
        for slot in table.in_order(over[pool.records["told"][paces["at"][over]] != UNTOLD]) if rule.enabled else ():
            events += self._ended(sight, int(slot), forgotten=bool(outcome[slot] == FORGOTTEN))
        pool.give_back(paces, np.flatnonzero(outcome == FORGOTTEN))
        if not rule.enabled:
            return []
        by = rule.duration_s_min
        needs = (by.offshore, by.border, by.inshore, rule.fast_share_max, rule.radius_nm_max, rule.net_over_path_max, float(rule.reports_min))
        slots, ready = waiting(table.known, paces, pool, went_on, tick_ms, needs)
        return events + self._went_on(sight, slots, ready) if len(slots) else events

    def _went_on(self, sight: Sight, slots: np.ndarray, ready: np.ndarray) -> list[Event]:
        """Runs that wait; those that are `ready` meet the definition or have been told of: what is new about them."""
        tick_ms, rule, runs = sight.tick_ms, sight.params.loitering, sight.table.pools[self.NAME].records
        waits, need_s, ready = _waits(sight, slots, ready, rule)
        if not len(waits):
            return []
        judged, at = judge(sight, waits, rule), sight.table.cold[self.NAME]["at"][waits["slot"]]
        runs["stands"][at] |= np.where(ready, judged.stands(), judged.stands(SEEN_EARLY))
        reasons, told = judged.reasons(rule.doubt_max), runs["told"][at]
        new = (told == UNTOLD) | (told == TOLD_BEFORE)
        minutes = tick_ms // MINUTE_MS - runs["told_min"][at].astype(np.int64)
        due = (reasons < 0) & (minutes * MINUTE_MS >= sight.params.revise_s * 1000.0)
        rows, events = np.flatnonzero(ready & (new | due | (told != reasons + 2))), []
        rows = rows[np.argsort(sight.table.keys_of(waits["slot"][rows]))]
        zones = sight.geography.relations_of(waits["lat_deg"][rows], waits["lon_deg"][rows]) if len(rows) else []
        for i, near in zip(rows.tolist(), zones):
            events.append(self._tell(sight, judged, i, near, float(need_s[i]), new=bool(new[i])))
        runs["told"][at[rows]], runs["told_min"][at[rows]] = reasons[rows] + 2, tick_ms // MINUTE_MS
        return events

    def _tell(self, sight: Sight, judged: Judged, i: int, zones: list[ZoneRelation], need_s: float, *, new: bool) -> Event:
        """The first or next version of the event about row i. `zones`: of its place."""
        table, tick_ms, rule, wait = sight.table, sight.tick_ms, sight.params.loitering, judged.waits[i]
        slot, lat_deg, lon_deg = int(wait["slot"]), float(wait["lat_deg"]), float(wait["lon_deg"])
        run, key = _runs(table, slot), table.key_of(slot)
        exclusions, doubts = words(sight, judged, i, zones, rule, [] if new else self.book.pages[key].event.exclusions)
        reason = ep.suppressed_reason(exclusions)
        duration_s = (tick_ms - since_ms(int(run["first_ms"]))) / 1000.0
        data = float(run["samples"]) / max(1.0, duration_s * 1000.0 / SLOWEST_MS)
        facts: dict[str, Any] = {
            "state": "candidate" if reason else "open",
            "subjects": [subjects.subject_of(table, slot)],
            "t_end": None,
            "lat": lat_deg,
            "lon": lon_deg,
            "zones": zones,
            "measures": _measures(table.more[slot], run, wait, duration_s),
            "evidence": _evidence(run, wait, duration_s, rule, need_s),
            "exclusions": exclusions,
            "confidence": ep.confidence_of(rule.confidence_cap, ep.margin_quality(duration_s, need_s), data, doubts),
            "reason": reason,
            "quality": {"reports_real": int(run["samples"]), "data_share": ep.tidy("share", min(1.0, data)), "buckets_unknown": int(run["unknown"])},
        }
        if new:
            return self.book.open_new(key, ep.new_event(sight, (TYPE, "slow_run", RULE, RULE_VERSION), [key], int(run["first_ms"]), facts))
        return self.book.revise(key, tick_ms, **facts)

    def _ended(self, sight: Sight, slot: int, *, forgotten: bool) -> list[Event]:
        """The run stopped: an open event closes, a candidate gets its end; forgotten runs leave the book."""
        key, run = sight.table.key_of(slot), _runs(sight.table, slot)
        page, out = self.book.pages[key], []
        if page.event.t_end is None:
            closed = "closed" if page.event.state == "open" else page.event.state
            measures: dict[str, Value] = {**page.event.measures, "duration_s": ep.tidy("s", (int(run["last_ms"]) - int(run["first_ms"])) / 1000.0)}
            out.append(self.book.revise(key, sight.tick_ms, state=closed, t_end=int(run["last_ms"]), measures=measures))
        if run["told"] != TOLD_BEFORE:
            run["told"] = TOLD_ENDED
        if forgotten:
            del self.book.pages[key]
            run["told"] = UNTOLD
        return out

    def keys(self) -> set[int]:
        """Tracks with an episode."""
        return set(self.book.pages)

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"book": self.book.to_sections()}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.book = ep.Book.from_sections(sections["book"])


def _runs(table: VesselTable, slots: Any) -> Any:
    """The runs of these tracks (RUN[n]), or the run of one."""
    return table.pools[LoiteringDetector.NAME].records[table.cold[LoiteringDetector.NAME]["at"][slots]]


def _limits(rule: Loitering) -> tuple[float, ...]:
    """What closing a bucket asks of the profile: `close_buckets`."""
    buckets = (rule.resume_s, rule.merge_s, rule.unknown_s_max, max(rule.gap_s_max, rule.merge_s))
    return rule.speed_kn_max, rule.resume_kn, rule.fast_share_max, *(seconds / BUCKET_S for seconds in buckets)


def _waits(sight: Sight, slots: np.ndarray, ready: np.ndarray, rule: Loitering) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(WAIT rows, float64 least durations in s, bool ready) of runs; inshore, outside the zones that count there, only those of which was told."""
    table, more = sight.table, sight.table.more
    runs = _runs(table, slots)
    coast_nm, waits = more["coast_nm"][slots], np.zeros(len(slots), WAIT)
    lat, lon, waits["radius_nm"] = shapes(runs)
    waits["slot"], waits["lat"], waits["lon"] = slots, runs["at_lat"], runs["at_lon"]
    waits["lat_deg"], waits["lon_deg"] = np.round(lat / UNITS_PER_DEG, 5), np.round((lon / UNITS_PER_DEG + 180.0) % 360.0 - 180.0, 5)
    waits["since_ms"], waits["stands"], waits["ahead"] = runs["first_ms"], runs["stands"], goes_ahead(runs)
    waits["offshore"] = coast_nm > rule.fishing_nm_min
    by, inshore = rule.duration_s_min, coast_nm < INSHORE_NM
    need_s = np.where(coast_nm > OFFSHORE_NM, by.offshore, np.where(inshore, by.inshore, by.border))
    waits["in_mask"] = (runs["clear"] * BUCKET_S < need_s) & (runs["clear"] < runs["slow"])
    places = waits["lat_deg"].copy(), waits["lon_deg"].copy()
    waits["watched"] = sight.geography.in_zones(("watch",), *places)
    counts = ~inshore
    if inshore.any():
        watched = sight.geography.in_zones(WATCHED_KINDS, *places)
        more["watched"][slots[inshore]] = np.where(watched[inshore], 1, 2)
        counts |= watched | ((runs["told"] != UNTOLD) & (runs["told"] != TOLD_BEFORE))
    return waits[counts], need_s[counts], ready[counts]


def _evidence(run: np.void, wait: np.void, duration_s: float, rule: Loitering, need_s: float) -> list[Evidence]:
    total = int(run["slow"]) + int(run["fast"])
    progress = ep.at_most("radius_nm", float(wait["radius_nm"]), rule.radius_nm_max)
    if not progress.passed:
        progress = ep.at_most("net_over_path", _net_over_path(run), rule.net_over_path_max)
    return [
        ep.at_least("duration_s", duration_s, need_s),
        ep.at_most("speed_kn_mean", float(run["speed_sum_kn"]) / int(run["slow"]), rule.speed_kn_max),
        ep.at_most("fast_share", int(run["fast"]) / total, rule.fast_share_max),
        progress,
    ]


def _measures(more: np.void, run: np.void, wait: np.void, duration_s: float) -> dict[str, Value]:
    return {
        "duration_s": ep.tidy("s", duration_s),
        "speed_kn_mean": ep.tidy("kn", float(run["speed_sum_kn"]) / int(run["slow"])),
        "radius_nm": ep.tidy("nm", float(wait["radius_nm"])),
        "path_nm": ep.tidy("nm", float(run["path_m"]) / NM_M),
        "net_over_path": ep.tidy("share", _net_over_path(run)),
        "coast_distance_nm": ep.tidy("nm", float(more["coast_nm"])),
        "watch_distance_nm": ep.tidy("nm", float(more["watch_nm"])),
    }


def _net_over_path(run: np.void) -> float:
    net_m = float(distance_m(int(run["lat"]), int(run["lon"]), int(run["at_lat"]), int(run["at_lon"])))
    return net_m / float(run["path_m"]) if run["path_m"] > 0 else 0.0
