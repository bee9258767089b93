"""Slow runs: how long each vessel has been slow, and how far it got meanwhile. May hold: the run, how a bucket extends or ends it. May not: events.

Theory. Every ten minutes a vessel's bucket is closed: how far did it get within it, over the time between its first and
last sample (fallback: median to median of the bucket before, then median SOG)? A slow bucket begins or continues a run;
fast buckets wait in the tail until the next slow one shows whether the run went on. A run, once ended, may still be
continued within `merge_s`, as long as the fast share allows it; one that ended in silence within `gap_s_max`, if the vessel cannot have got
far meanwhile: by satellite a drifter is heard for ten minutes of each hour or two. Progress is judged by the box around the medians of the
slow buckets and by net over path. No circle: a drifter leaves every circle, a moored ship fills it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import float64, from_dtype, int64, types, uint8, uint32

from dogwatch.batch import HDG_MISSING, LAT_MISSING, SOG_MISSING
from dogwatch.geo import COS_COURSE, KN_MS, M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference
from dogwatch.kernel import kernel
from tracks.params import INSHORE_NM, OFFSHORE_NM
from tracks.pool import Pool, take
from tracks.records import BUCKET_MS, MORE_TYPE, PLAIN, TRAIL_FIXES, TRAIL_MS, TRAIL_TYPE

SLOWEST_MS = 180_000  # the slowest nominal interval (ITU-R M.1371: moored or anchored): what the definition needs, not what was promised
SAMPLES = BUCKET_MS // TRAIL_MS  # of the trail in a bucket
SPAN_MS_MIN = 300_000  # first and last sample of a bucket this far apart: its own displacement is its speed
NONE, ACTIVE, ENDED = 0, 1, 2  # states of a run; an ended run may be continued within merge_s
MERGE_FAST = 2.0  # times the fast share: what an ended run may bring along and still be continued
WENT_ON, STOPPED, FORGOTTEN = 1, 2, 3  # what closing a bucket did to a run
LOOK, READY = 1, 2
AHEAD_MOST = 250
BOW_DEG, AHEAD_COS2 = 20, 0.75  # bows that agree; squared cosine of the angle from bow to way (30 degrees)
EARLY = 3  # slow buckets from which on its company is looked at
UNTOLD, TOLD_OPEN, TOLD_BEFORE, TOLD_ENDED = 0, 1, 254, 255  # values of `told`; between them 2 + the number of the reason for which it is not shown

PACE = np.dtype(
    [
        ("median_ms", "<i8"),  # time and place of the last bucket with reports, slow or not
        ("median_lat", "<i4"),
        ("median_lon", "<i4"),
        ("at", "<u4"),  # number of its RUN in the pool; 0 where `state` is NONE
        ("segment", "<u2"),  # of the track: after a jump a slow run may not go on
        ("state", "u1"),
    ]
)
RUN = np.dtype(
    [
        ("first_ms", "<i8"),  # first report of the run
        ("last_ms", "<i8"),  # last report of its last slow bucket
        ("path_m", "<f8"),
        ("speed_sum_kn", "<f8"),
        ("sum_y_m", "<f8"),
        ("sum_x_m", "<f8"),
        ("lat", "<i4"),  # origin of the offsets below: median position of the first slow bucket
        ("lon", "<i4"),
        ("at_lat", "<i4"),  # median position of the last slow bucket
        ("at_lon", "<i4"),
        ("min_y", "<i4"),  # box of the medians, in units from the origin
        ("max_y", "<i4"),
        ("min_x", "<i4"),
        ("max_x", "<i4"),
        ("known", "<i4"),  # last bucket with reports
        ("bucket", "<i4"),  # last slow bucket
        ("slow", "<i4"),  # buckets
        ("fast", "<i4"),
        ("tail", "<i4"),  # fast buckets since the last slow one
        ("resumed", "<i4"),  # of these, successive ones at resume speed
        ("unknown", "<i4"),  # bridged buckets
        ("clear", "<i4"),  # slow buckets outside every port and anchorage mask
        ("samples", "<u4"),
        ("told_min", "<u4"),  # minute of the newest version of its event
        ("bow", "<u2"),  # heading of its first slow bucket that told one
        ("told", "u1"),  # what the newest version of its event says; TOLD_BEFORE: there is one about an earlier run only
        ("stands", "u1"),  # bits of explanations by company that it gave: they hold while the run goes on
        ("ahead", "u1"),  # slow buckets, up to AHEAD_MOST, in which it went on along that heading
    ]
)
PACE_TYPE, RUN_TYPE = from_dtype(PACE), from_dtype(RUN)
RUNS_TYPE = types.Tuple((PACE_TYPE[::1], RUN_TYPE[::1], uint32[::1]))  # what is known of all, runs in their pool, and its numbers


def close_buckets(more: np.ndarray, trail: np.ndarray, paces: np.ndarray, pool: Pool, bucket: int, limits: tuple[float, ...]) -> np.ndarray:
    """Close bucket number `bucket` of every vessel; uint8[n] what it did to the run (0 nothing, WENT_ON, STOPPED, FORGOTTEN).

    A run that is forgotten keeps its record until the caller gives it back.

    limits: speed_kn_max, resume_kn, fast_share_max, then in buckets: resume, merge, unknown, gap (at least merge).
    """
    outcome = np.zeros(len(paces), np.uint8)
    _close_buckets(more, trail, (paces, pool.records, pool.numbers), bucket, limits, outcome)
    return outcome


def waiting(more: np.ndarray, paces: np.ndarray, pool: Pool, slots: np.ndarray, tick_ms: int, limits: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """(slots of runs that are worth a look, which of them have been told of or meet duration, fast share, progress and reports of the definition).

    Worth a look is a run of EARLY buckets: what others show of it counts before it is long enough. Masks near the coast are asked, zones are not.
    limits: least duration in s offshore, near the border, inshore; greatest fast share, radius in nm, net over path; fewest positions.
    """
    what = np.zeros(len(slots), np.uint8)
    _waiting(more, (paces, pool.records, pool.numbers), slots, tick_ms, limits, what)
    return slots[what > 0], what[what > 0] == READY


def shapes(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(latitude, longitude in units, radius in nm) of runs, float64[n] each: the mean place of the slow buckets, and half the diagonal of their box.

    Mean of offsets from the origin, so right across the date line (where a longitude may be beyond a half turn).
    """
    lat, lon, radius = np.empty(len(runs)), np.empty(len(runs)), np.empty(len(runs))
    _shapes(runs, lat, lon, radius)
    return lat, lon, radius


@kernel("int64(int64)", **PLAIN)
def since_ms(first_ms):
    """From when the duration of a run counts: from the start of the bucket of its first report, if that came within one slow interval."""
    late_ms = first_ms % BUCKET_MS
    return first_ms - late_ms if late_ms <= SLOWEST_MS else first_ms


@kernel(float64(RUN_TYPE), **PLAIN)
def _radius_nm(run):
    """Half the diagonal of the box around a run's medians."""
    narrow = cos_lat(run["lat"])
    high_m = run["max_y"] * M_PER_UNIT - run["min_y"] * M_PER_UNIT
    wide_m = run["max_x"] * M_PER_UNIT * narrow - run["min_x"] * M_PER_UNIT * narrow
    return math.sqrt(high_m * high_m + wide_m * wide_m) / 2 / NM_M


@kernel(float64(RUN_TYPE), **PLAIN)
def _net_over_path(run):
    """Distance from the first slow bucket to the last over the way between them; 0 where there was no way."""
    net_m = distance_m(run["lat"], run["lon"], run["at_lat"], run["at_lon"])
    return net_m / run["path_m"] if run["path_m"] > 0 else 0.0


@kernel((RUN_TYPE[::1], float64[::1], float64[::1], float64[::1]), **PLAIN)
def _shapes(runs, lat, lon, radius):
    for i in range(runs.shape[0]):
        run = runs[i]
        radius[i] = _radius_nm(run)
        lat[i] = run["lat"] + run["sum_y_m"] / run["slow"] / M_PER_UNIT
        lon[i] = run["lon"] + run["sum_x_m"] / run["slow"] / M_PER_UNIT / cos_lat(run["lat"])


def goes_ahead(runs: np.ndarray) -> np.ndarray:
    """bool[n]: runs that made way along one heading from bucket to bucket, but for one in five: who lies adrift shows her side to her way."""
    legs = np.minimum(runs["slow"] - 1, AHEAD_MOST)
    ahead: np.ndarray = (runs["slow"] >= EARLY) & (runs["ahead"] >= 0.8 * legs)
    return ahead


@kernel((MORE_TYPE[::1], RUNS_TYPE, int64[::1], int64, types.UniTuple(float64, 7), uint8[::1]), **PLAIN)
def _waiting(more, runs, slots, tick_ms, limits, what):
    """Write LOOK or READY for each of the slots that is."""
    offshore_s, border_s, inshore_s, share_max, radius_max, net_max, reports_min = limits
    paces, records, _ = runs
    for i in range(slots.shape[0]):
        m, pace = more[slots[i]], paces[slots[i]]
        run = records[pace["at"]]
        if run["told"] != UNTOLD and run["told"] != TOLD_BEFORE:
            what[i] = READY
            continue
        inshore = m["coast_nm"] < INSHORE_NM
        if pace["state"] != ACTIVE or (inshore and (m["masked"] != 0 or m["watched"] == 2)):
            continue
        if run["slow"] >= EARLY and m["masked"] == 0:
            what[i] = LOOK
        need_s = offshore_s if m["coast_nm"] > OFFSHORE_NM else (inshore_s if inshore else border_s)
        if tick_ms - since_ms(run["first_ms"]) < need_s * 1000.0 or run["fast"] > share_max * (run["slow"] + run["fast"]):
            continue
        if run["samples"] < reports_min:
            continue
        if _radius_nm(run) <= radius_max or _net_over_path(run) <= net_max:
            what[i] = READY


@kernel(int64(int64, int64, int64, int64), **PLAIN)
def _median(n, total, least, most):
    """Median of one to four integers (the lower-rounded middle of two), from their sum, least and greatest."""
    middle = total - least - most if n > 2 else total
    return middle // 2 if n % 2 == 0 else middle


@kernel((RUNS_TYPE, int64, int64, int64, int64, int64), **PLAIN)
def _begin(runs, slot, bucket, lat, lon, t_first):
    """A new run that starts with this bucket."""
    paces, records, numbers = runs
    if paces[slot]["at"] == 0:
        paces[slot]["at"] = take(numbers)
    run = records[paces[slot]["at"]]
    run["told"] = np.uint8(UNTOLD if run["told"] == UNTOLD else TOLD_BEFORE)
    run["stands"] = np.uint8(0)
    run["first_ms"] = t_first
    run["known"] = np.int32(bucket)
    run["lat"] = run["at_lat"] = np.int32(lat)
    run["lon"] = run["at_lon"] = np.int32(lon)
    run["bow"], run["ahead"] = np.uint16(HDG_MISSING), np.uint8(0)
    run["slow"] = run["clear"] = run["fast"] = run["tail"] = run["resumed"] = run["unknown"] = np.int32(0)
    run["samples"] = np.uint32(0)
    run["path_m"] = run["speed_sum_kn"] = run["sum_y_m"] = run["sum_x_m"] = 0.0
    run["min_y"] = run["max_y"] = run["min_x"] = run["max_x"] = np.int32(0)


@kernel((RUN_TYPE, int64, int64, int64), **PLAIN)
def _steer(run, lat, lon, hdg):
    """A slow bucket that ends at a place with a heading: did the run go ahead along the heading of its beginning?"""
    if hdg >= 360:
        return
    if run["bow"] >= 360:
        run["bow"] = np.uint16(hdg)
    y = np.float64(lat - run["at_lat"])
    x = lon_difference(lon, run["at_lon"]) * cos_lat(lat)
    along = y * COS_COURSE[hdg * 10] + x * COS_COURSE[(hdg * 10 + 2700) % 3600]
    agrees = abs((hdg - np.int64(run["bow"]) + 180) % 360 - 180) <= BOW_DEG
    if agrees and along > 0.0 and along * along >= AHEAD_COS2 * (y * y + x * x) and run["ahead"] < AHEAD_MOST:
        run["ahead"] += np.uint8(1)


@kernel((RUN_TYPE, int64, int64, int64, int64, float64, int64, int64), **PLAIN)
def _extend(run, bucket, lat, lon, t_last, speed_kn, samples, masked):
    """Add a slow bucket to a run."""
    run["unknown"] += np.int32(max(0, bucket - run["known"] - 1))
    run["path_m"] += distance_m(run["at_lat"], run["at_lon"], lat, lon)
    y, x = lat - run["lat"], lon_difference(lon, run["lon"])
    run["sum_y_m"] += y * M_PER_UNIT
    run["sum_x_m"] += x * M_PER_UNIT * cos_lat(run["lat"])
    run["min_y"] = np.int32(min(run["min_y"], y))
    run["max_y"] = np.int32(max(run["max_y"], y))
    run["min_x"] = np.int32(min(run["min_x"], x))
    run["max_x"] = np.int32(max(run["max_x"], x))
    run["at_lat"] = np.int32(lat)
    run["at_lon"] = np.int32(lon)
    run["fast"] += run["tail"]
    run["tail"] = run["resumed"] = np.int32(0)
    run["slow"] += np.int32(1)
    if masked == 0:
        run["clear"] += np.int32(1)
    run["speed_sum_kn"] += speed_kn
    run["samples"] += np.uint32(samples)
    run["last_ms"] = t_last
    run["bucket"] = np.int32(bucket)


@kernel(uint8(PACE_TYPE, RUN_TYPE, int64, float64, float64, float64), **PLAIN)
def _unheard(pace, run, bucket, merge_n, unknown_n, gap_n):
    """A bucket without a report: what it does to the run."""
    did = 0
    if pace["state"] == ACTIVE and bucket - run["known"] > unknown_n:
        pace["state"] = np.uint8(ENDED)
        did = STOPPED
    if pace["state"] == ENDED and bucket - run["bucket"] > (gap_n if run["tail"] == 0 else merge_n):
        pace["state"] = np.uint8(NONE)
        did = FORGOTTEN
    return np.uint8(did)


@kernel(float64(TRAIL_TYPE[:, ::1], int64, int64, int64), **PLAIN)
def _told_kn(trail, slot, begin_at, base):
    """Median speed over ground of the samples of a bucket, -1 where none tells it."""
    n, total, least, most = 0, np.int64(0), np.int64(SOG_MISSING), np.int64(0)
    for at in range(begin_at, begin_at + SAMPLES):
        point = trail[slot, at]
        sog = np.int64(point["sog"])
        if point["lat"] == LAT_MISSING or (np.int64(point["t"]) - base) & 0xFFFFFFFF >= BUCKET_MS or sog == SOG_MISSING:
            continue
        n += 1
        total += sog
        least, most = min(least, sog), max(most, sog)
    return _median(n, total, least, most) / 10.0 if n > 0 else -1.0


# Flat: a bucket of every vessel in one pass, with nothing written down between its samples and its run; slow twin in tests/naive_tracks.py.
@kernel((MORE_TYPE[::1], TRAIL_TYPE[:, ::1], RUNS_TYPE, int64, types.UniTuple(float64, 7), uint8[::1]), **PLAIN)
def _close_buckets(more, trail, runs, bucket, limits, outcome):
    """As `close_buckets`."""
    speed_max, resume_kn, share_max, resume_n, merge_n, unknown_n, gap_n = limits
    base, begin_at = bucket * BUCKET_MS, (bucket * SAMPLES) & (TRAIL_FIXES - 1)
    paces, records, _ = runs
    for slot in range(paces.shape[0]):
        pace = paces[slot]
        n, first, last, nought = 0, 0, 0, np.int64(0)
        t_sum, t_first, t_last = nought, nought, nought
        y_sum, y_least, y_most, x_sum, x_least, x_most = nought, nought, nought, nought, nought, nought
        for at in range(begin_at, begin_at + SAMPLES):
            point = trail[slot, at]
            t = (np.int64(point["t"]) - base) & 0xFFFFFFFF
            if point["lat"] == LAT_MISSING or t >= BUCKET_MS:
                continue
            y, x = np.int64(point["lat"]), np.int64(point["lon"])
            if n == 0:
                first, t_first, y_least, y_most = at, t, y, y
            x = lon_difference(x, np.int64(trail[slot, first]["lon"]))
            last, t_last = at, t
            n += 1
            t_sum += t
            y_sum += y
            x_sum += x
            y_least, y_most = min(y_least, y), max(y_most, y)
            x_least, x_most = min(x_least, x), max(x_most, x)
        if n == 0 and pace["state"] == NONE:
            continue
        m, run = more[slot], records[pace["at"]]
        if m["segment"] != pace["segment"]:
            if pace["state"] != NONE:
                outcome[slot] = FORGOTTEN
            pace["state"] = np.uint8(NONE)
            pace["median_ms"] = 0
            pace["segment"] = m["segment"]
            if run["told"] != UNTOLD:
                continue  # its event ends first: the next run begins with the next bucket
        if n == 0:
            did = _unheard(pace, run, bucket, merge_n, unknown_n, gap_n)
            if did != 0:
                outcome[slot] = did
            continue
        lat, lon = _median(n, y_sum, y_least, y_most), np.int64(trail[slot, first]["lon"]) + _median(n, x_sum, x_least, x_most)
        t_ms, since_ms, speed_kn = base + t_sum // n, pace["median_ms"], -1.0
        if t_last - t_first >= SPAN_MS_MIN:
            a, b = trail[slot, first], trail[slot, last]
            speed_kn = distance_m(a["lat"], a["lon"], b["lat"], b["lon"]) * 1000.0 / (t_last - t_first) / KN_MS
        elif since_ms > 0 and t_ms - since_ms <= 4 * BUCKET_MS and t_ms > since_ms:
            speed_kn = distance_m(pace["median_lat"], pace["median_lon"], lat, lon) * 1000.0 / (t_ms - since_ms) / KN_MS
        else:
            speed_kn = _told_kn(trail, slot, begin_at, base)
        if speed_kn < 0.0:
            did = _unheard(pace, run, bucket, merge_n, unknown_n, gap_n)
            if did != 0:
                outcome[slot] = did
            continue
        m["typical_kn"] = max(np.float32(m["typical_kn"] * 0.999), np.float32(speed_kn))
        silent = pace["state"] == ENDED and run["tail"] == 0
        left = silent and distance_m(pace["median_lat"], pace["median_lon"], lat, lon) * 1000.0 > speed_max * KN_MS * (t_ms - since_ms)
        pace["median_lat"] = np.int32(lat)
        pace["median_lon"] = np.int32(lon)
        pace["median_ms"] = t_ms
        fast = run["fast"] + run["tail"]
        if speed_kn <= speed_max:
            # within the merge time a pause may be longer than the definition's share: the whole is judged again as it goes on
            if pace["state"] == NONE or left or (pace["state"] == ENDED and fast > MERGE_FAST * share_max * (run["slow"] + fast + 1)):
                _begin(runs, slot, bucket, lat, lon, base + t_first)
                run = records[pace["at"]]
            pace["state"] = np.uint8(ACTIVE)
            _steer(run, lat, lon, np.int64(trail[slot, last]["hdg"]))
            _extend(run, bucket, lat, lon, base + t_last, speed_kn, n, m["masked"])
            run["known"] = np.int32(bucket)
            outcome[slot] = WENT_ON
        elif pace["state"] != NONE:
            run["tail"] += np.int32(1)
            run["resumed"] = np.int32(run["resumed"] + 1) if speed_kn >= resume_kn else np.int32(0)
            run["known"] = np.int32(bucket)
            share_kept = fast <= share_max * (run["slow"] + fast + 1)
            if pace["state"] == ACTIVE and (run["resumed"] >= resume_n or (run["tail"] >= 2 and not share_kept)):
                pace["state"] = np.uint8(ENDED)
                outcome[slot] = STOPPED
            elif pace["state"] == ENDED and bucket - run["bucket"] > merge_n:
                pace["state"] = np.uint8(NONE)
                outcome[slot] = FORGOTTEN
