"""Loitering: a slow run without progress where vessels do not normally wait. Definition: docs/behaviours/loitering.md.

May hold: the run of a vessel, its conditions, its event. May not: other detectors, the reading of thresholds.

Theory. Every ten minutes a vessel's bucket is closed: how far did it get within it, over the time between its first and
last sample (fallback: median to median of the bucket before, then median SOG)? A slow bucket begins or continues a run;
fast buckets wait in the tail until the next slow one shows whether the run went on. A run, once ended, may still be
continued within `merge_s`, as long as the fast share allows it. Progress is judged by the box around the medians of the
slow buckets and by net over path. No circle: a drifter leaves every circle, a moored ship fills it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import boolean, float64, from_dtype, int64, njit, types, uint8

from dogwatch.batch import SOG_MISSING
from dogwatch.events import Event, Evidence, Value, event_id
from dogwatch.geo import KN_MS, M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference
from tracks import episodes as ep
from tracks import subjects
from tracks.detector import Detector, Sight
from tracks.params import INSHORE_NM, OFFSHORE_NM, Loitering, Params
from tracks.records import BUCKET_MS, HOT_TYPE, MORE_TYPE, PLAIN, TRAIL_FIXES, TRAIL_MS, TRAIL_TYPE
from tracks.vessels import ORDINAL_BITS, ask_geography
from tracks.waiting import Wait, explanations

TYPE = RULE = "loitering"
RULE_VERSION = "1.0"
WATCHED_KINDS = ("watch", "border", "corridor")
EXPECTED_S = 180.0  # the slowest nominal interval (ITU-R M.1371: moored or anchored): what the definition needs, not what was promised
SAMPLES = BUCKET_MS // TRAIL_MS  # of the trail in a bucket
SPAN_MS_MIN = 300_000  # first and last sample of a bucket this far apart: its own displacement is its speed
NONE, ACTIVE, ENDED = 0, 1, 2  # states of a run; an ended run may be continued within merge_s
MERGE_FAST = 2.0  # times the fast share: what an ended run may bring along and still be continued
WENT_ON, STOPPED, FORGOTTEN = 1, 2, 3  # what closing a bucket did to a run

RUN = np.dtype(
    [
        ("state", "u1"),
        ("segment", "<u2"),  # of the track: after a jump a slow run may not go on
        ("start_ms", "<i8"),  # from here duration counts: the bucket's start, if a report came within one slow interval
        ("first_ms", "<i8"),  # first report of the run
        ("last_ms", "<i8"),  # last report of its last slow bucket
        ("bucket", "<i8"),  # last slow bucket
        ("known", "<i8"),  # last bucket with reports
        ("lat", "<i4"),  # origin of the offsets below: median position of the first slow bucket
        ("lon", "<i4"),
        ("at_lat", "<i4"),  # median position of the last slow bucket
        ("at_lon", "<i4"),
        ("median_lat", "<i4"),  # of the last bucket with reports, slow or not
        ("median_lon", "<i4"),
        ("median_ms", "<i8"),
        ("slow", "<i4"),  # buckets
        ("clear", "<i4"),  # slow buckets outside every port and anchorage mask
        ("fast", "<i4"),
        ("tail", "<i4"),  # fast buckets since the last slow one
        ("resumed", "<i4"),  # of these, successive ones at resume speed
        ("unknown", "<i4"),  # bridged buckets
        ("samples", "<i8"),
        ("path_m", "<f8"),
        ("speed_sum_kn", "<f8"),
        ("sum_y_m", "<f8"),
        ("sum_x_m", "<f8"),
        ("min_y_m", "<f8"),
        ("max_y_m", "<f8"),
        ("min_x_m", "<f8"),
        ("max_x_m", "<f8"),
    ]
)
_RUN = from_dtype(RUN)


class LoiteringDetector(Detector):
    """Episodes of loitering; the runs themselves lie beside the tracks."""

    NAME = "loitering"
    COLD = RUN

    def __init__(self) -> None:
        self.book = ep.Book()

    def tick(self, sight: Sight) -> list[Event]:
        """At each ten minutes: close the bucket that ends there; events that begin, go on or end."""
        tick_ms, table, rule = sight.tick_ms, sight.table, sight.params.loitering
        if tick_ms % BUCKET_MS:
            return []
        n, runs = len(table), table.cold[self.NAME][: len(table)]
        buckets = BUCKET_MS / 1000.0
        limits = (rule.speed_kn_max, rule.resume_kn, rule.fast_share_max, rule.resume_s / buckets, rule.merge_s / buckets, rule.unknown_s_max / buckets)
        outcome = close_buckets(table.used, table.known, table.trail[:n], runs, tick_ms // BUCKET_MS - 1, limits)
        ask_geography(table, outcome == WENT_ON, sight.geography)
        if not rule.enabled:
            return []
        events = []
        for slot in table.in_order(np.flatnonzero((outcome == STOPPED) | (outcome == FORGOTTEN))):
            key = table.key_of(int(slot))
            if key in self.book:
                events += _ended(self.book, key, runs[slot], tick_ms, forgotten=bool(outcome[slot] == FORGOTTEN))
        went_on = np.flatnonzero(outcome == WENT_ON)
        by = rule.duration_s_min
        needs = (by.offshore, by.border, by.inshore, rule.fast_share_max, rule.radius_nm_max, rule.net_over_path_max)
        mature = np.zeros(len(went_on), np.bool_)
        _meets(table.known, runs, went_on, tick_ms, needs, mature)
        if self.book.pages:
            mature |= np.isin(table.keys_of(went_on), list(self.book.pages))
        for slot in table.in_order(went_on[mature]):
            events += _went_on(self.book, sight, int(slot))
        return events

    def keys(self) -> set[int]:
        """Tracks with an episode."""
        return set(self.book.pages)

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"book": self.book.to_sections()}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.book = ep.Book.from_sections(sections["book"])


def _went_on(book: ep.Book, sight: Sight, slot: int) -> list[Event]:
    table, tick_ms, params, rule = sight.table, sight.tick_ms, sight.params, sight.params.loitering
    more, run = table.more[slot], table.cold[LoiteringDetector.NAME][slot]
    lat_deg, lon_deg = centre_deg(run)
    key = table.key_of(slot)
    zones = sight.geography.relations(lat_deg, lon_deg)
    if more["coast_nm"] < INSHORE_NM:
        watched = any(z.kind in WATCHED_KINDS and z.relation == "inside" for z in zones)
        table.more["watched"][slot] = 1 if watched else 2
        if not watched and key not in book:
            return []
    need_s = rule.duration_s_min.at(float(more["coast_nm"]))
    clear_s = float(run["clear"]) * BUCKET_MS / 1000.0
    in_mask = bool(clear_s < need_s and run["clear"] < run["slow"])
    wait = Wait(int(run["at_lat"]), int(run["at_lon"]), _radius_nm(run), int(run["first_ms"]), in_mask, zones)
    page = book.pages.get(key)
    same = page is not None and page.event.t_start == int(run["first_ms"])
    exclusions, doubts = explanations(sight, slot, wait, rule, page.event.exclusions if page and same else [])
    reason = ep.suppressed_reason(exclusions)
    evidence = _evidence(run, tick_ms, rule, need_s)
    q_data = float(run["samples"]) / max(1.0, (tick_ms - int(run["start_ms"])) / 1000.0 / EXPECTED_S)
    facts: dict[str, Any] = {
        "state": "candidate" if reason else "open",
        "subjects": [subjects.subject_of(table, slot)],
        "t_end": None,
        "lat": lat_deg,
        "lon": lon_deg,
        "zones": zones,
        "measures": _measures(more, run, tick_ms),
        "evidence": evidence,
        "exclusions": exclusions,
        "confidence": ep.confidence_of(rule.confidence_cap, ep.margin_quality((tick_ms - int(run["start_ms"])) / 1000.0, need_s), q_data, doubts),
        "reason": reason,
        "quality": {"reports_real": int(run["samples"]), "data_share": ep.tidy("share", min(1.0, q_data)), "buckets_unknown": int(run["unknown"])},
    }
    if page is None or not same:
        return [book.open_new(key, _new_event(key, int(run["first_ms"]), tick_ms, params, facts))]
    if page.event.state == "retracted":
        return []
    changed = page.event.state != facts["state"] or page.event.reason != reason
    due = facts["state"] == "open" and tick_ms - page.emitted_ms >= params.revise_s * 1000.0
    return [book.revise(key, tick_ms, **facts)] if changed or due else []


def _new_event(key: int, start_ms: int, tick_ms: int, params: Params, facts: dict[str, Any]) -> Event:
    identity = event_id(TYPE, [subjects.subject_key(key)], start_ms, RULE, RULE_VERSION)
    return Event(
        event_id=identity,
        version=1,
        type=TYPE,
        subtype="slow_run",
        mmsi=[key >> ORDINAL_BITS],
        t_start=start_ms,
        t_detected=tick_ms,
        rule=RULE,
        rule_version=RULE_VERSION,
        params_hash=params.params_hash,
        **facts,
    )


def _ended(book: ep.Book, key: int, run: np.void, tick_ms: int, *, forgotten: bool) -> list[Event]:
    """The run stopped: an open event closes, a candidate gets its end; forgotten runs leave the book."""
    page = book.pages[key]
    out = []
    if page.event.t_end is None:
        closed = "closed" if page.event.state == "open" else page.event.state
        measures: dict[str, Value] = {**page.event.measures, "duration_s": ep.tidy("s", (int(run["last_ms"]) - int(run["first_ms"])) / 1000.0)}
        out.append(book.revise(key, tick_ms, state=closed, t_end=int(run["last_ms"]), measures=measures))
    if forgotten:
        del book.pages[key]
    return out


def centre_deg(run: np.void) -> tuple[float, float]:
    """Mean position of a run's slow buckets in degrees: mean of offsets from its origin, so right across the date line."""
    y_units = float(run["sum_y_m"]) / int(run["slow"]) / M_PER_UNIT
    x_units = float(run["sum_x_m"]) / int(run["slow"]) / M_PER_UNIT / cos_lat(int(run["lat"]))
    return ep.degrees_of(int(run["lat"]) + y_units, int(run["lon"]) + x_units)


@njit(float64(_RUN), **PLAIN)
def _radius_nm(run):
    high_m, wide_m = run["max_y_m"] - run["min_y_m"], run["max_x_m"] - run["min_x_m"]
    return math.sqrt(high_m * high_m + wide_m * wide_m) / 2 / NM_M


@njit(float64(_RUN), **PLAIN)
def _net_over_path(run):
    net_m = distance_m(run["lat"], run["lon"], run["at_lat"], run["at_lon"])
    return net_m / run["path_m"] if run["path_m"] > 0 else 0.0


@njit((MORE_TYPE[::1], _RUN[::1], int64[::1], int64, types.UniTuple(float64, 6), boolean[::1]), **PLAIN)
def _meets(more, runs, slots, tick_ms, limits, met):
    """Mark the slots whose duration, fast share and progress are those of the definition (masks and zones apart).

    limits: least duration in s offshore, near the border, inshore; greatest fast share, radius in nm, net over path.
    """
    offshore_s, border_s, inshore_s, share_max, radius_max, net_max = limits
    for i in range(slots.shape[0]):
        m, run = more[slots[i]], runs[slots[i]]
        inshore = m["coast_nm"] < INSHORE_NM
        if run["state"] != ACTIVE or (inshore and (m["masked"] != 0 or m["watched"] == 2)):
            continue
        need_s = offshore_s if m["coast_nm"] > OFFSHORE_NM else (inshore_s if inshore else border_s)
        if tick_ms - run["start_ms"] < need_s * 1000.0 or run["fast"] > share_max * (run["slow"] + run["fast"]):
            continue
        met[i] = _radius_nm(run) <= radius_max or _net_over_path(run) <= net_max


def _evidence(run: np.void, tick_ms: int, rule: Loitering, need_s: float) -> list[Evidence]:
    total = int(run["slow"]) + int(run["fast"])
    progress = ep.at_most("radius_nm", _radius_nm(run), rule.radius_nm_max)
    if not progress.passed:
        progress = ep.at_most("net_over_path", _net_over_path(run), rule.net_over_path_max)
    return [
        ep.at_least("duration_s", (tick_ms - int(run["start_ms"])) / 1000.0, need_s),
        ep.at_most("speed_kn_mean", float(run["speed_sum_kn"]) / int(run["slow"]), rule.speed_kn_max),
        ep.at_most("fast_share", int(run["fast"]) / total, rule.fast_share_max),
        progress,
    ]


def _measures(more: np.void, run: np.void, tick_ms: int) -> dict[str, Value]:
    return {
        "duration_s": ep.tidy("s", (tick_ms - int(run["start_ms"])) / 1000.0),
        "speed_kn_mean": ep.tidy("kn", float(run["speed_sum_kn"]) / int(run["slow"])),
        "radius_nm": ep.tidy("nm", _radius_nm(run)),
        "path_nm": ep.tidy("nm", float(run["path_m"]) / NM_M),
        "net_over_path": ep.tidy("share", _net_over_path(run)),
        "coast_distance_nm": ep.tidy("nm", float(more["coast_nm"])),
        "watch_distance_nm": ep.tidy("nm", float(more["watch_nm"])),
    }


@njit(int64(int64[::1], int64), **PLAIN)
def _median(values, n):
    """Median of the first n values (the lower-rounded middle of two), sorting them in place."""
    for i in range(1, n):
        x = values[i]
        j = i - 1
        while j >= 0 and values[j] > x:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = x
    return (values[(n - 1) // 2] + values[n // 2]) // 2


# Flat: fills one row of scratch per vessel in a single pass; slow twin in tests/naive_tracks.py.
@njit((TRAIL_TYPE[:, ::1], _RUN[::1], int64, int64, int64[::1], int64[::1], int64[::1]), **PLAIN)
def _summary(trail, runs, slot, bucket, ys, xs, sogs):
    """Median position, time and speed of a bucket: (lat, lon, t_ms, speed_kn or -1, first ms, last ms, samples); no samples: all 0, speed -1."""
    base = bucket * BUCKET_MS
    n, known_sog, first, last = 0, 0, -1, -1
    t_sum, t_first, t_last = 0, 0, 0
    for k in range(SAMPLES):
        at = (bucket * SAMPLES + k) & (TRAIL_FIXES - 1)
        point = trail[slot, at]
        t = (np.int64(point["t"]) - base) & 0xFFFFFFFF
        if point["filled"] == 0 or t >= BUCKET_MS:
            continue
        if first < 0:
            first, t_first = at, base + t
        last, t_last = at, base + t
        ys[n] = np.int64(point["lat"])
        xs[n] = lon_difference(np.int64(point["lon"]), np.int64(trail[slot, first]["lon"]))
        t_sum += t
        n += 1
        if point["sog"] != SOG_MISSING:
            sogs[known_sog] = np.int64(point["sog"])
            known_sog += 1
    if n == 0:
        return 0, 0, 0, -1.0, 0, 0, 0
    a, b = trail[slot, first], trail[slot, last]
    lat = _median(ys, n)
    lon = np.int64(a["lon"]) + _median(xs, n)
    t_ms = base + t_sum // n
    run = runs[slot]
    speed_kn = -1.0
    if t_last - t_first >= SPAN_MS_MIN:
        moved_m = distance_m(a["lat"], a["lon"], b["lat"], b["lon"])
        speed_kn = moved_m * 1000.0 / (t_last - t_first) / KN_MS
    elif run["median_ms"] > 0 and t_ms - run["median_ms"] <= 4 * BUCKET_MS and t_ms > run["median_ms"]:
        speed_kn = distance_m(run["median_lat"], run["median_lon"], lat, lon) * 1000.0 / (t_ms - run["median_ms"]) / KN_MS
    elif known_sog > 0:
        speed_kn = _median(sogs, known_sog) / 10.0
    return lat, lon, t_ms, speed_kn, t_first, t_last, n


@njit((_RUN[::1], int64, int64, int64, int64, int64, int64), **PLAIN)
def _begin(runs, slot, bucket, lat, lon, t_first, t_last):
    """A new run that starts with this bucket."""
    run = runs[slot]
    run["state"] = np.uint8(ACTIVE)
    begin = bucket * BUCKET_MS
    run["start_ms"] = begin if t_first - begin <= EXPECTED_S * 1000.0 else t_first
    run["first_ms"] = t_first
    run["lat"] = run["at_lat"] = np.int32(lat)
    run["lon"] = run["at_lon"] = np.int32(lon)
    run["slow"] = run["clear"] = run["fast"] = run["tail"] = run["resumed"] = run["unknown"] = np.int32(0)
    run["samples"] = 0
    run["path_m"] = run["speed_sum_kn"] = run["sum_y_m"] = run["sum_x_m"] = 0.0
    run["min_y_m"] = run["max_y_m"] = run["min_x_m"] = run["max_x_m"] = 0.0


@njit((_RUN[::1], int64, int64, int64, int64, int64, float64, int64, int64), **PLAIN)
def _extend(runs, slot, bucket, lat, lon, t_last, speed_kn, samples, masked):
    """Add a slow bucket to a run."""
    run = runs[slot]
    run["state"] = np.uint8(ACTIVE)
    run["path_m"] += distance_m(run["at_lat"], run["at_lon"], lat, lon)
    y_m = (lat - run["lat"]) * M_PER_UNIT
    x_m = lon_difference(lon, run["lon"]) * M_PER_UNIT * cos_lat(run["lat"])
    run["sum_y_m"] += y_m
    run["sum_x_m"] += x_m
    run["min_y_m"] = min(run["min_y_m"], y_m)
    run["max_y_m"] = max(run["max_y_m"], y_m)
    run["min_x_m"] = min(run["min_x_m"], x_m)
    run["max_x_m"] = max(run["max_x_m"], x_m)
    run["at_lat"] = np.int32(lat)
    run["at_lon"] = np.int32(lon)
    run["fast"] += run["tail"]
    run["tail"] = run["resumed"] = np.int32(0)
    run["slow"] += 1
    if masked == 0:
        run["clear"] += 1
    run["speed_sum_kn"] += speed_kn
    run["samples"] += samples
    run["last_ms"] = t_last
    run["bucket"] = bucket


def close_buckets(rows: np.ndarray, more: np.ndarray, trail: np.ndarray, runs: np.ndarray, bucket: int, limits: tuple[float, ...]) -> np.ndarray:
    """Close bucket number `bucket` of every vessel; uint8[n] what it did to the run (0 nothing, WENT_ON, STOPPED, FORGOTTEN).

    limits: speed_kn_max, resume_kn, fast_share_max, then in buckets: resume, merge, unknown.
    """
    outcome = np.zeros(len(rows), np.uint8)
    _close_buckets(rows, more, trail, runs, bucket, limits, np.zeros((3, SAMPLES), np.int64), outcome)
    return outcome


@njit((HOT_TYPE[::1], MORE_TYPE[::1], TRAIL_TYPE[:, ::1], _RUN[::1], int64, types.UniTuple(float64, 6), int64[:, ::1], uint8[::1]), **PLAIN)
def _close_buckets(rows, more, trail, runs, bucket, limits, scratch, outcome):
    """As `close_buckets`; scratch: int64[3, SAMPLES]."""
    speed_max, resume_kn, share_max, resume_n, merge_n, unknown_n = limits
    ys, xs, sogs = scratch[0], scratch[1], scratch[2]
    for slot in range(rows.shape[0]):
        run = runs[slot]
        heard = rows[slot]["t_ms"] >= bucket * BUCKET_MS
        if not heard and run["state"] == NONE:
            continue
        if more[slot]["segment"] != run["segment"]:
            if run["state"] != NONE:
                outcome[slot] = FORGOTTEN
            run["state"] = np.uint8(NONE)
            run["median_ms"] = 0
            run["segment"] = more[slot]["segment"]
        speed_kn = -1.0
        if heard:
            lat, lon, t_ms, speed_kn, t_first, t_last, n = _summary(trail, runs, slot, bucket, ys, xs, sogs)
        if speed_kn < 0.0:
            if run["state"] == ACTIVE and bucket - run["known"] > unknown_n:
                run["state"] = np.uint8(ENDED)
                outcome[slot] = STOPPED
            if run["state"] == ENDED and bucket - run["bucket"] > merge_n:
                run["state"] = np.uint8(NONE)
                outcome[slot] = FORGOTTEN
            continue
        more[slot]["typical_kn"] = max(np.float32(more[slot]["typical_kn"] * 0.999), np.float32(speed_kn))
        run["median_lat"] = np.int32(lat)
        run["median_lon"] = np.int32(lon)
        run["median_ms"] = t_ms
        fast = run["fast"] + run["tail"]
        share_kept = fast <= share_max * (run["slow"] + fast + 1)
        if speed_kn <= speed_max:
            # within the merge time a pause may be longer than the definition's share: the whole is judged again as it goes on
            if run["state"] == NONE or (run["state"] == ENDED and fast > MERGE_FAST * share_max * (run["slow"] + fast + 1)):
                _begin(runs, slot, bucket, lat, lon, t_first, t_last)
                run["known"] = bucket
            run["unknown"] += max(0, bucket - run["known"] - 1)
            _extend(runs, slot, bucket, lat, lon, t_last, speed_kn, n, more[slot]["masked"])
            outcome[slot] = WENT_ON
        elif run["state"] != NONE:
            run["tail"] += 1
            run["resumed"] = np.int32(run["resumed"] + 1) if speed_kn >= resume_kn else np.int32(0)
            if run["state"] == ACTIVE and (run["resumed"] >= resume_n or (run["tail"] >= 2 and not share_kept)):
                run["state"] = np.uint8(ENDED)
                outcome[slot] = STOPPED
            elif run["state"] == ENDED and bucket - run["bucket"] > merge_n:
                run["state"] = np.uint8(NONE)
                outcome[slot] = FORGOTTEN
        run["known"] = bucket
