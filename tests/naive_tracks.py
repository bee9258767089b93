"""Slow, obvious twins of the kernels of tracks/: dictionaries, lists and brute force."""

from __future__ import annotations

import statistics

from dogwatch.batch import F_CLASS_B, F_COARSE, F_LATE, LAT_MISSING, LON_MISSING, SOG_MISSING
from dogwatch.geo import KN_MS, NM_M, distance_m, lon_difference

BUCKET_MS = 600_000


def content_of(row) -> tuple:
    """What makes two reports copies of each other."""
    return tuple(int(row[name]) for name in ("lat", "lon", "sog", "cog", "hdg", "nav", "sec", "rot", "msg_type", "radio"))


def take_fixes(rows, v_max_kn, slack_s, reacquire):
    """(counts by reason, vessel by MMSI) of rows in canonical order."""
    counts: dict[str, int] = {}
    vessels: dict[int, dict] = {}
    for row in rows:
        reason = _take(row, vessels, v_max_kn * KN_MS, slack_s, reacquire)
        counts[reason] = counts.get(reason, 0) + 1
    return counts, vessels


def _take(row, vessels, v_max_ms, slack_s, reacquire):
    mmsi, t, kind = int(row["mmsi"]), int(row["t_ms"]), int(row["msg_type"])
    if not 200_000_000 <= mmsi <= 799_999_999 or kind in (4, 9, 11, 21, 28):
        return "not_vessel"
    if row["flags"] & F_LATE:
        if mmsi in vessels and t > vessels[mmsi]["heard_ms"]:
            vessels[mmsi]["heard_ms"] = t
            return "late_used"
        return "late"
    v = vessels.setdefault(mmsi, {"heard_ms": t, "t_ms": None, "recent": [], "held": [], "reports": 0, "segment": 0, "speed_kn": -1.0})
    v["heard_ms"] = max(t, v["heard_ms"])
    if row["lat"] == LAT_MISSING or row["lon"] == LON_MISSING:
        return "no_position"
    if row["flags"] & F_COARSE or kind == 27:
        return "coarse"
    if any(content == content_of(row) and t - when <= 30_000 for when, content in v["recent"]):
        return "duplicate_30s"
    if t == v["t_ms"]:
        return "same_time"
    v["recent"] = [*v["recent"], (t, content_of(row))][-4:]
    here = (int(row["lat"]), int(row["lon"]))
    known = v["t_ms"] is not None
    if known and distance_m(*v["at"], *here) > v_max_ms * ((t - v["t_ms"]) / 1000 + slack_s):
        agrees = v["held"] and distance_m(*v["held"][-1][1], *here) <= v_max_ms * ((t - v["held"][-1][0]) / 1000 + slack_s)
        v["held"] = [*v["held"], (t, here)] if agrees else [(t, here)]
        if len(v["held"]) < reacquire:
            return "quarantined"
        v["segment"] += 1
        known = False
    v["held"] = []
    if row["sog"] != SOG_MISSING:
        v["speed_kn"] = int(row["sog"]) / 10
    elif known and t - v["t_ms"] >= 30_000:
        v["speed_kn"] = distance_m(*v["at"], *here) * 1000 / (t - v["t_ms"]) / KN_MS
    v["t_ms"], v["at"] = t, here
    v["reports"] += 1
    v["class_b"] = bool(row["flags"] & F_CLASS_B) or kind in (18, 19)
    return "accepted"


def contacts(positions, limit_m):
    """{(i, j)}: pairs of (lat, lon, loa) rows within limit_m(loa_i, loa_j), by comparing all with all."""
    found = set()
    for i, (lat_a, lon_a, loa_a) in enumerate(positions):
        for j in range(i):
            lat_b, lon_b, loa_b = positions[j]
            if distance_m(lat_a, lon_a, lat_b, lon_b) <= limit_m(loa_a, loa_b):
                found.add((j, i))
    return found


class Run:
    """Slow run of one vessel, bucket by bucket, with lists instead of sums."""

    def __init__(self, rule):
        self.rule, self.state, self.slow, self.fast, self.tail, self.known, self.median = rule, "none", [], 0, [], None, None

    def close(self, bucket, samples, masked=False):
        """Take one bucket; samples: (t_ms, lat, lon, sog or None) of its 75-second slots. Returns what it did to the run."""
        rule, speed = self.rule, None
        if samples:
            speed = self._speed(samples)
        if speed is None:
            return self._unknown(bucket)
        lat = _middle([s[1] for s in samples])
        lon = samples[0][2] + _middle([lon_difference(s[2], samples[0][2]) for s in samples])
        t_ms = bucket * BUCKET_MS + sum(s[0] - bucket * BUCKET_MS for s in samples) // len(samples)
        self.median = (t_ms, lat, lon)
        fast = self.fast + len(self.tail)
        share_kept = fast <= rule.fast_share_max * (len(self.slow) + fast + 1)
        outcome = None
        if speed <= rule.speed_kn_max:
            if self.state == "none" or (self.state == "ended" and not share_kept):
                self.slow, self.fast, self.tail = [], 0, []
            self.state = "active"
            self.fast += len(self.tail)
            self.tail = []
            self.slow.append((bucket, samples[0][0], samples[-1][0], lat, lon, speed, masked))
            outcome = "went on"
        elif self.state != "none":
            self.tail.append(speed)
            resumed = 0
            for s in reversed(self.tail):
                if s < rule.resume_kn:
                    break
                resumed += 1
            if self.state == "active" and (resumed * 600 >= rule.resume_s or (len(self.tail) >= 2 and not share_kept)):
                self.state, outcome = "ended", "stopped"
            elif self.state == "ended" and (bucket - self.slow[-1][0]) * 600 > rule.merge_s:
                self.state, outcome = "none", "forgotten"
        self.known = bucket
        return outcome

    def _unknown(self, bucket):
        outcome = None
        if self.state == "active" and (bucket - self.known) * 600 > self.rule.unknown_s_max:
            self.state, outcome = "ended", "stopped"
        if self.state == "ended" and (bucket - self.slow[-1][0]) * 600 > self.rule.merge_s:
            self.state, outcome = "none", "forgotten"
        return outcome

    def _speed(self, samples):
        span_ms = samples[-1][0] - samples[0][0]
        if span_ms >= 300_000:
            return distance_m(samples[0][1], samples[0][2], samples[-1][1], samples[-1][2]) * 1000 / span_ms / KN_MS
        bucket = samples[0][0] // BUCKET_MS
        t_ms = bucket * BUCKET_MS + sum(s[0] - bucket * BUCKET_MS for s in samples) // len(samples)
        if self.median and t_ms - self.median[0] <= 4 * BUCKET_MS:
            lat = _middle([s[1] for s in samples])
            lon = samples[0][2] + _middle([lon_difference(s[2], samples[0][2]) for s in samples])
            return distance_m(self.median[1], self.median[2], lat, lon) * 1000 / (t_ms - self.median[0]) / KN_MS
        sogs = [s[3] for s in samples if s[3] is not None]
        return _middle(sogs) / 10 if sogs else None

    def radius_nm(self):
        """Half the diagonal of the box of bucket medians."""
        from dogwatch.geo import M_PER_UNIT, cos_lat

        lat0, lon0 = self.slow[0][3], self.slow[0][4]
        ys = [(s[3] - lat0) * M_PER_UNIT for s in self.slow]
        xs = [lon_difference(s[4], lon0) * M_PER_UNIT * cos_lat(lat0) for s in self.slow]
        return ((max(ys) - min(ys)) ** 2 + (max(xs) - min(xs)) ** 2) ** 0.5 / 2 / NM_M


def _middle(values):
    low, high = statistics.median_low(values), statistics.median_high(values)
    return (low + high) // 2
