"""Measures of a sea: what a recording, real or simulated, says about traffic and reception, as samples and shares.

May live here: columns -> samples and shares, and the distance between two of them. May not: files, pictures, words, vessels' names:
what leaves this file are statistics of many vessels.

Theory. A vessel is weighted by minutes, not by reports: wherever speed, course or what is missing is counted, one report of a
vessel and minute stands for that minute, so that a fast ship (30 reports a minute) does not outweigh a moored one (a third). Copies
over several receivers count once, but for the measure that counts them. Samples are compared by the Kolmogorov-Smirnov distance
(the largest gap between two cumulative distributions, 0 to 1), shares by the total variation (half of the sum of differences).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dogwatch.batch import (
    COG_MISSING,
    F_CLASS_B,
    HAS_TYPE_AND_SIZE,
    HAS_VOYAGE,
    HDG_MISSING,
    LAT_MISSING,
    NAV_MISSING,
    ROT_MISSING,
    SOG_MISSING,
    T_MISSING,
    Batch,
)

CLASS_A, CLASS_B = (1, 2, 3), (18, 19)
INTERVAL_MAX_S = 400  # longer ones are gaps of reception, not a rate of reporting
MINUTE_MS = 60_000
UNDER_WAY_KN = 3.0
PARTS_MAX = 200  # lines between the parts of a message
# Bands of ITU-R M.1371-5 table 1: nominal interval by class, status and speed (class A: 3 min, 10 s, 6 s, 2 s; class B: 3 min, 30 s)
BANDS: dict[str, tuple[tuple[int, ...], Callable[[np.ndarray], np.ndarray]]] = {
    "A, at anchor or moored": (CLASS_A, lambda r: np.isin(r["nav"], (1, 5)) & (r["sog"] <= 30)),
    "A, 0-14 kn": (CLASS_A, lambda r: ~np.isin(r["nav"], (1, 5)) & (r["sog"] <= 140)),
    "A, 14-23 kn": (CLASS_A, lambda r: (r["sog"] > 140) & (r["sog"] <= 230)),
    "A, over 23 kn": (CLASS_A, lambda r: (r["sog"] > 230) & (r["sog"] < SOG_MISSING)),
    "B, up to 2 kn": (CLASS_B, lambda r: r["sog"] <= 20),
    "B, over 2 kn": (CLASS_B, lambda r: (r["sog"] > 20) & (r["sog"] < SOG_MISSING)),
}
SHIP_GROUPS = (
    ("fishing", 30, 30), ("tug, pilot, service", 31, 35), ("service", 50, 59), ("sailing, pleasure", 36, 37), ("fast craft", 40, 49), ("passenger", 60, 69),
    ("cargo", 70, 79), ("tanker", 80, 89), ("not told", 0, 0),
)  # fmt: skip
FIRST_PART = re.compile(rb"!..VD[MO],(\d),(\d),(\d?),([AB12]?),")


@dataclass(slots=True)
class Measures:
    """One sea: `samples[name]` float64[n] in the unit of its name, `shares[name]` category -> share (0 to 1)."""

    samples: dict[str, np.ndarray]
    shares: dict[str, dict[str, float]]


def measure(batch: Batch, decoded: dict[str, int], lines: list[bytes]) -> Measures:
    """Everything that a recording says: its rows (all of them, arrival order), messages by type, and its lines."""
    fixes = batch.fixes[(batch.fixes["t_ms"] != T_MISSING) & (batch.fixes["mmsi"] > 0)]
    ships = fixes[np.isin(fixes["msg_type"], CLASS_A + CLASS_B)]
    once, copies = without_copies(ships)
    minutes = one_a_minute(once)
    samples = {f"interval {band}, s": intervals_s(once, *BANDS[band]) for band in BANDS}
    moving = minutes[(minutes["sog"] < SOG_MISSING) & (minutes["lat"] != LAT_MISSING)]
    samples["speed, kn"] = moving["sog"] / 10.0
    samples["change of course in a minute, deg"] = course_changes_deg(minutes)
    turning = minutes["rot"][np.isin(minutes["msg_type"], CLASS_A) & (minutes["rot"] != ROT_MISSING) & (minutes["sog"] > UNDER_WAY_KN * 10)]
    samples["rate of turn told, |ROT|"] = np.abs(turning.astype(float))
    samples["receivers of a report"] = copies.astype(float)
    stamped = once[(once["sec"] < 60) & (once["t_rx_ms"] != T_MISSING)]
    samples["delay of the stamp, s"] = (stamped["t_rx_ms"] // 1000 - stamped["sec"] + 2) % 60 - 2.0
    samples["lines between two parts"] = part_gaps(lines)
    total = sum(decoded.values())
    shares = {
        "messages by type": {kind: n / total for kind, n in decoded.items()} if total else {},
        "vessels by class": _shares(np.where(_last(once)["flags"] & np.uint32(F_CLASS_B), "B", "A")),
        "vessels by type": ship_groups(batch),
        "status, class A": _shares(_last(once[np.isin(once["msg_type"], CLASS_A)])["nav"].astype(str)),
        "missing": missing(minutes, batch.statics),
    }
    return Measures(samples, shares)


def without_copies(ships: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the first copy of each report, how many receivers or repetitions gave it): equal content within the same second of event time."""
    content = ("mmsi", "msg_type", "t_ms", "lat", "lon", "sog", "cog", "radio")
    order = np.lexsort([np.arange(len(ships)), *(ships[name] for name in content[::-1])])
    rows = ships[order]
    fresh = np.ones(len(rows), bool)
    same = np.ones(max(len(rows) - 1, 0), bool)
    for name in content:
        same &= rows[name][1:] == rows[name][:-1]
    fresh[1:] = ~same
    starts = np.flatnonzero(fresh)
    copies = np.diff(np.append(starts, len(rows)))
    return rows[starts], copies


def intervals_s(once: np.ndarray, kinds: tuple[int, ...], band: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Seconds from a report of a vessel in a band to its next report, up to INTERVAL_MAX_S."""
    rows = once[np.isin(once["msg_type"], kinds)]
    rows = rows[np.lexsort((rows["t_ms"], rows["mmsi"]))]
    gap = np.diff(rows["t_ms"]) / 1000.0
    kept = (rows["mmsi"][1:] == rows["mmsi"][:-1]) & (gap > 0) & (gap <= INTERVAL_MAX_S) & band(rows[:-1])
    return gap[kept]


def one_a_minute(once: np.ndarray) -> np.ndarray:
    """The first report of each vessel in each minute, by vessel and time."""
    rows = once[np.lexsort((once["t_ms"], once["mmsi"]))]
    minute = rows["t_ms"] // MINUTE_MS
    first = np.ones(len(rows), bool)
    first[1:] = (rows["mmsi"][1:] != rows["mmsi"][:-1]) | (minute[1:] != minute[:-1])
    return rows[first]


def course_changes_deg(minutes: np.ndarray) -> np.ndarray:
    """|change of course| from one minute to the next of vessels faster than UNDER_WAY_KN in both."""
    known = minutes[(minutes["cog"] < COG_MISSING) & (minutes["sog"] > UNDER_WAY_KN * 10) & (minutes["sog"] < SOG_MISSING)]
    next_ = (known["mmsi"][1:] == known["mmsi"][:-1]) & (np.diff(known["t_ms"] // MINUTE_MS) == 1)
    turn = np.diff(known["cog"].astype(float) / 10.0)[next_]
    return np.abs((turn + 180.0) % 360.0 - 180.0)


def ship_groups(batch: Batch) -> dict[str, float]:
    """Share of vessels by ship type, of those that told their static data."""
    told = batch.statics[(batch.statics["has"] & HAS_TYPE_AND_SIZE) > 0]
    kinds = _last(told)["ship_type"]
    found = {name: float(((kinds >= low) & (kinds <= high)).mean()) if len(kinds) else 0.0 for name, low, high in SHIP_GROUPS}
    return found | {"other": max(0.0, 1.0 - sum(found.values()))} if len(kinds) else {}


def missing(minutes: np.ndarray, statics: np.ndarray) -> dict[str, float]:
    """Share of vessel minutes, or of voyage reports, in which something is not available."""
    a, b = minutes[np.isin(minutes["msg_type"], CLASS_A)], minutes[np.isin(minutes["msg_type"], CLASS_B)]
    voyage = statics[(statics["has"] & HAS_VOYAGE) > 0]
    voyage = _last(voyage)
    asked = {
        "heading, A": a["hdg"] == HDG_MISSING,
        "heading, B": b["hdg"] == HDG_MISSING,
        "rate of turn, A": a["rot"] == ROT_MISSING,
        "status, A": a["nav"] == NAV_MISSING,
        "speed": minutes["sog"] == SOG_MISSING,
        "course": minutes["cog"] == COG_MISSING,
        "position": minutes["lat"] == LAT_MISSING,
        "destination": voyage["destination"] == b"",
        "draught": voyage["draught_dm"] == 0,
        "IMO number": voyage["imo"] == 0,
        "call sign": voyage["callsign"] == b"",
        "ETA": (voyage["eta_month"] == 0) | (voyage["eta_day"] == 0),
    }
    return {name: float(rows.mean()) for name, rows in asked.items() if len(rows)}


def part_gaps(lines: list[bytes]) -> np.ndarray:
    """Lines between the parts of messages of several sentences, 0 where one follows the other."""
    waiting: dict[tuple[bytes, ...], tuple[int, int]] = {}
    gaps = []
    for at, line in enumerate(lines):
        found = FIRST_PART.search(line)
        if found is None or found[1] == b"1":
            continue
        key = (found[1], found[3], found[4])
        number = int(found[2])
        if number > 1 and key in waiting and waiting[key][0] == number - 1 and at - waiting[key][1] <= PARTS_MAX:
            gaps.append(at - waiting[key][1] - 1)
        waiting[key] = (number, at)
    return np.array(gaps, float)


def ks(a: np.ndarray, b: np.ndarray) -> float:
    """Kolmogorov-Smirnov distance of two samples: the largest gap between their cumulative distributions. NaN where one is empty."""
    if not len(a) or not len(b):
        return float("nan")
    both = np.sort(np.concatenate([a, b]))
    below = [np.searchsorted(np.sort(x), both, side="right") / len(x) for x in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def variation(a: dict[str, float], b: dict[str, float]) -> float:
    """Total variation of two sets of shares that each sum to 1. NaN where one is empty."""
    if not a or not b:
        return float("nan")
    return sum(abs(a.get(name, 0.0) - b.get(name, 0.0)) for name in a.keys() | b.keys()) / 2


def _shares(values: np.ndarray) -> dict[str, float]:
    names, counts = np.unique(values, return_counts=True)
    return {str(name): float(n / len(values)) for name, n in zip(names, counts, strict=True)}


def _last(rows: np.ndarray) -> np.ndarray:
    """The last row of each vessel."""
    rows = rows[np.argsort(rows["mmsi"], kind="stable")]
    return rows[np.append(rows["mmsi"][1:] != rows["mmsi"][:-1], True)] if len(rows) else rows
