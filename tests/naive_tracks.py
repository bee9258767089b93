"""Slow, obvious twins of the kernels of tracks/: dictionaries, lists and brute force."""

from __future__ import annotations

import cmath
import math
import statistics

from dogwatch.geo import KN_MS, NM_M, distance_m, lon_difference

BUCKET_MS = 600_000


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
        """Take one bucket; samples: (t_ms, lat, lon, sog or None, heading or 511) of its 150-second slots. Returns what it did to the run."""
        rule, speed = self.rule, None
        if samples:
            speed = self._speed(samples)
        if speed is None:
            return self._unknown(bucket)
        lat = _middle([s[1] for s in samples])
        lon = samples[0][2] + _middle([lon_difference(s[2], samples[0][2]) for s in samples])
        t_ms = bucket * BUCKET_MS + sum(s[0] - bucket * BUCKET_MS for s in samples) // len(samples)
        left = False
        if self.state == "ended" and not self.tail:
            left = distance_m(self.median[1], self.median[2], lat, lon) > rule.speed_kn_max * KN_MS * (t_ms - self.median[0]) / 1000
        self.median = (t_ms, lat, lon)
        fast = self.fast + len(self.tail)
        share_kept = fast <= rule.fast_share_max * (len(self.slow) + fast + 1)
        outcome = None
        if speed <= rule.speed_kn_max:
            if self.state == "none" or left or (self.state == "ended" and fast > 2 * rule.fast_share_max * (len(self.slow) + fast + 1)):
                self.slow, self.fast, self.tail = [], 0, []
            self.state = "active"
            self.fast += len(self.tail)
            self.tail = []
            self.slow.append((bucket, samples[0][0], samples[-1][0], lat, lon, speed, masked, samples[-1][4]))
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
        if self.state == "ended" and (bucket - self.slow[-1][0]) * 600 > (self.rule.merge_s if self.tail else self.rule.gap_s_max):
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

    def ahead(self):
        """Slow buckets that went on along the first heading that was told."""
        from dogwatch.geo import cos_lat

        bows = [s[7] for s in self.slow if s[7] < 360]
        n = 0
        for before, now in zip(self.slow, self.slow[1:]):
            if now[7] >= 360:
                continue
            way = complex(now[3] - before[3], lon_difference(now[4], before[4]) * cos_lat(now[3]))
            off = abs(math.degrees(cmath.phase(way * cmath.rect(1, -math.radians(now[7]))))) if way else 180.0
            n += abs((now[7] - bows[0] + 180) % 360 - 180) <= 20 and off <= 30.0
        return n

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


class PortCall:
    """A vessel's way to port as docs/behaviours/port-visit.md has it, asking about ports at every look."""

    def __init__(self, stop_kn=0.2, resume_kn=0.5, gap_s=14_400, exit_nm=0.54):
        self.stop_kn, self.resume_kn, self.gap_s, self.exit_nm = stop_kn, resume_kn, gap_s, exit_nm
        self.state, self.entered, self.stopped, self.silent = "new", False, False, False
        self.last = None  # (s, lat_deg, lon_deg)

    def look(self, t_s, lat_deg, lon_deg, speed_kn, far_nm, moved_m):
        """One look, with a position newer than the last one; `moved_m`: metres since then (None at first)."""
        if self.state == "in port" and self.last is not None:
            since_s = t_s - self.last
            self.silent |= since_s >= self.gap_s
            still = moved_m <= 50.0 + self.resume_kn * 1852 / 3600 * since_s
            self.stopped |= still and speed_kn <= self.stop_kn
        self.last = t_s
        if far_nm <= 0 and self.state != "in port":
            self.entered = self.state == "at sea"
            self.state = "in port"
        elif self.state == "in port" and far_nm > self.exit_nm:
            self.state, self.entered, self.stopped, self.silent = "at sea", False, False, False
        elif self.state == "new":
            self.state = "at sea"


class Slowing:
    """A vessel's speed at each look and the median of its own two hours, as docs/behaviours/infra.md has them."""

    def __init__(self, share_max=0.75, share_end=0.85, kn=(2.0, 10.0), base_min=5.0, steady_deg=20.0):
        self.share_max, self.share_end, self.kn, self.base_min, self.steady_deg = share_max, share_end, kn, base_min, steady_deg
        self.speeds, self.base, self.slow = {}, None, 0
        self.cog, self.slow_cog = None, None

    def look(self, number, speed_kn, cog_deg):
        """One look; speed_kn None: nothing new was heard. Says 'slow' (now and at the look before), 'quick' (slow until now) or None."""
        if speed_kn is None:
            return None
        self.speeds = {n: kn for n, kn in self.speeds.items() if number - n < 24}
        if self.slow == 0:
            known = sorted(self.speeds.values())
            self.base = known[len(known) // 2] if len(known) >= 6 else None
        compared = self.slow_cog if self.slow else self.cog
        steady = compared is not None and abs((cog_deg - compared + 180) % 360 - 180) <= self.steady_deg
        limit = self.share_end if self.slow else self.share_max
        fits = self.base is not None and self.base >= self.base_min and self.kn[0] <= speed_kn <= self.kn[1] and speed_kn <= limit * self.base + 1e-9
        said = None
        if fits and steady:
            if self.slow == 0:
                self.slow_cog = self.cog
            else:
                said = "slow"
            self.slow += 1
        elif self.slow:
            self.slow, said = 0, "quick"
        self.speeds[number] = int(speed_kn / 0.2 + 0.5) * 0.2
        self.cog = cog_deg
        return said
