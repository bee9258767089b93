"""Smooth tracks: places on a line as no antenna draws it. May hold: which tracks are smooth, since when, the event. May not: other wrong places.

Definition: docs/behaviours/position-anomaly.md, `simulated`.

Theory. A place from a satellite receiver is a few metres off, and slowly another few: three places of one steady course lie metres off their line.
A track that somebody reckoned lies on it to the last digit of the message (a ten-thousandth of a minute, 0.19 m), at one speed to the tenth of a
knot. Of the trail the four places of each ten minutes are looked at: how far does the second lie off the chord from the first to the third, the
third off that from the second to the fourth? Only across the chord, because the second of a report is rounded. Of real ships one ten minutes in
a hundred is as smooth as that, of a good receiver on a calm day a few more; an hour of them no ship has. A generated voyage turns at its way
points, so one ten minutes between may be uneven. It is supporting evidence: the confidence stays low, unless the nearest station does not
hear her whom others hear.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, from_dtype, int64, types

from dogwatch.batch import LAT_MISSING, SOG_MISSING
from dogwatch.events import Event, Evidence, Exclusion
from dogwatch.geo import M_PER_UNIT, cos_lat, distance_m, lon_difference
from dogwatch.kernel import kernel
from tracks import beyond
from tracks import episodes as ep
from tracks.detector import Detector, Sight
from tracks.ears import station_of
from tracks.params import Position
from tracks.records import BELIEVED, BUCKET_MS, HOT_TYPE, MORE_TYPE, TRAIL_FIXES, TRAIL_MS, TRAIL_TYPE

TYPE, SUBTYPE, RULE = "position_anomaly", "simulated", "smooth_track"
RULE_VERSION = "1.0"
SAMPLES = BUCKET_MS // TRAIL_MS
UNEVEN_MAX = 1  # buckets between two smooth ones

SMOOTH = np.dtype([("slot", "<i8"), ("first_ms", "<i8"), ("last_ms", "<i8"), ("off_m", "<f8")])
_SMOOTH = from_dtype(SMOOTH)


class SmoothDetector(Detector):
    """Runs of smooth ten minutes by track (first and last UTC ms, last bucket, how many, worst in m), and their events."""

    NAME = "smooth"

    def __init__(self) -> None:
        self.book = ep.Book()
        self.runs: dict[int, tuple[int, int, int, int, float]] = {}

    def tick(self, sight: Sight) -> list[Event]:
        """Each ten minutes: whose run goes on, whose is over, of whom it is told."""
        table, rule, tick_ms = sight.table, sight.params.position, sight.tick_ms
        if tick_ms % BUCKET_MS or not (rule.enabled and rule.smooth):
            return []
        bucket = tick_ms // BUCKET_MS - 1
        found = np.empty(len(table), SMOOTH)
        limits = (rule.smooth_kn_min, rule.smooth_m_max)
        found = found[: smooth_tracks(table.used, table.known, table.trail[: len(table)], bucket, limits, found)]
        for row, key in zip(found, table.keys_of(found["slot"]).tolist(), strict=True):
            first_ms, _, last, n, worst_m = self.runs.get(key, (int(row["first_ms"]), 0, bucket, 0, 0.0))
            if bucket - last <= 1 + UNEVEN_MAX:
                self.runs[key] = (first_ms, int(row["last_ms"]), bucket, n + 1, max(worst_m, float(row["off_m"])))
        over = [key for key, run in self.runs.items() if bucket - run[2] > UNEVEN_MAX]
        events = [event for key in sorted(over) for event in self._ended(key, tick_ms)]
        told = [key for key, run in self.runs.items() if run[2] == bucket and run[3] * BUCKET_MS >= rule.smooth_s_min * 1000.0]
        return events + [event for key in sorted(told) for event in self._told(sight, key)]

    def _told(self, sight: Sight, key: int) -> list[Event]:
        """The first or next version of the event about a run that is long enough."""
        table, rule, tick_ms = sight.table, sight.params.position, sight.tick_ms
        slot, (first_ms, last_ms, _, n, worst_m) = table.slot_of_key(key), self.runs[key]
        page = self.book.pages.get(key)
        if slot < 0 or (page is not None and tick_ms - page.emitted_ms < sight.params.revise_s * 1000.0):
            return []
        row = table.rows[slot]
        here = ep.degrees_of(int(row["lat"]), int(row["lon"]))
        exclusion, cap = _nearest_station(sight, slot, rule)
        measures = {"speed_kn": ep.tidy("kn", float(row["speed_kn"])), "duration_s": ep.tidy("s", (last_ms - first_ms) / 1000.0)}
        confidence = ep.confidence_of(cap, ep.margin_quality(n * BUCKET_MS / 1000.0, rule.smooth_s_min), 1.0, [])
        facts = ep.facts_of(sight, slot, here, [exclusion], measures=measures, evidence=_evidence(n, worst_m, rule), confidence=confidence)
        if page is None:
            return [self.book.open_new(key, ep.new_event(sight, (TYPE, SUBTYPE, RULE, RULE_VERSION), [key], first_ms, facts))]
        return [self.book.revise(key, tick_ms, **facts)]

    def _ended(self, key: int, tick_ms: int) -> list[Event]:
        """A run is over: its event closes."""
        _, last_ms, *_ = self.runs.pop(key)
        if key not in self.book:
            return []
        event = self.book.revise(key, tick_ms, state="closed", t_end=last_ms)
        del self.book.pages[key]
        return [event]

    def keys(self) -> set[int]:
        """Tracks with a run."""
        return set(self.runs)

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"book": self.book.to_sections(), "runs": [[key, *run] for key, run in sorted(self.runs.items())]}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.book, self.runs = ep.Book.from_sections(sections["book"]), {key: tuple(run) for key, *run in sections["runs"]}


def _evidence(buckets: int, worst_m: float, rule: Position) -> list[Evidence]:
    return [
        ep.at_least("smooth_s", buckets * BUCKET_MS / 1000.0, rule.smooth_s_min),
        ep.at_most("off_line_m", worst_m, rule.smooth_m_max),
    ]


def _nearest_station(sight: Sight, slot: int, rule: Position) -> tuple[Exclusion, float]:
    """(whether the nearest of the stations within whose learned range she is hears her, the most that can be believed then)."""
    reaches, row = beyond.reaches_of(sight.coverage, rule), sight.table.rows[slot]
    away = {}
    for k, name in enumerate(sight.coverage.groups):
        off_m = float(distance_m(int(row["lat"]), int(row["lon"]), int(reaches["lat"][k]), int(reaches["lon"][k])))
        if off_m * rule.reach_factor <= float(reaches["limit_m"][k]):
            away[name] = off_m
    if not away:
        return Exclusion("heard_by_nearest", "unknown", None, "none"), rule.smooth_confidence_cap
    nearest = min(away, key=lambda name: (away[name], name))
    bits = int(row["rx"]) | int(sight.table.more["rx_before"][slot])
    heard = any(bits >> bit & 1 and station_of(sight.receivers, bit) == nearest for bit in range(bits.bit_length()))
    cap = rule.smooth_confidence_cap if heard else rule.confidence_cap
    return Exclusion("heard_by_nearest", "yes" if heard else "no", nearest, "none"), cap


# Slow twin: tests/naive_position.py.
@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], TRAIL_TYPE[:, ::1], int64, types.UniTuple(float64, 2), _SMOOTH[::1]))
def smooth_tracks(rows, more, trail, bucket, limits, out):
    """Write a SMOOTH row of each track whose places in a bucket lie on one line at one speed; returns how many.

    limits: least speed in knots, how far off the line in m.
    """
    kn_min, off_max = limits
    n = 0
    for slot in range(rows.shape[0]):
        if more[slot]["belief"] != BELIEVED or rows[slot]["t_ms"] < bucket * BUCKET_MS or rows[slot]["speed_kn"] < kn_min:
            continue
        worst_m, first_ms, last_ms, sog = 0.0, np.int64(0), np.int64(0), np.int64(trail[slot, bucket * SAMPLES % TRAIL_FIXES]["sog"])
        even = sog != SOG_MISSING and sog >= kn_min * 10.0
        for k in range(SAMPLES):
            number = bucket * SAMPLES + k
            here = trail[slot, number % TRAIL_FIXES]
            t = number * TRAIL_MS + ((np.int64(here["t"]) - number * TRAIL_MS) & 0xFFFFFFFF)
            even = even and here["lat"] != LAT_MISSING and t // TRAIL_MS == number and abs(np.int64(here["sog"]) - sog) <= 1
            first_ms = t if k == 0 else first_ms
            last_ms = t
        for k in range(SAMPLES - 2):
            if even:
                at = bucket * SAMPLES + k
                worst_m = max(worst_m, _off_chord_m(trail[slot, at % TRAIL_FIXES], trail[slot, (at + 1) % TRAIL_FIXES], trail[slot, (at + 2) % TRAIL_FIXES]))
        if even and worst_m <= off_max:
            out[n]["slot"] = slot
            out[n]["first_ms"] = first_ms
            out[n]["last_ms"] = last_ms
            out[n]["off_m"] = worst_m
            n += 1
    return n


@kernel(float64(TRAIL_TYPE, TRAIL_TYPE, TRAIL_TYPE))
def _off_chord_m(a, b, c):
    """Metres by which place b lies off the line from a to c."""
    narrow = cos_lat(np.int64(b["lat"]))
    cy = (np.int64(c["lat"]) - np.int64(a["lat"])) * M_PER_UNIT
    cx = lon_difference(np.int64(c["lon"]), np.int64(a["lon"])) * M_PER_UNIT * narrow
    by = (np.int64(b["lat"]) - np.int64(a["lat"])) * M_PER_UNIT
    bx = lon_difference(np.int64(b["lon"]), np.int64(a["lon"])) * M_PER_UNIT * narrow
    chord_m = np.sqrt(cy * cy + cx * cx)
    return abs(by * cx - bx * cy) / chord_m if chord_m > 0.0 else np.sqrt(by * by + bx * bx)
