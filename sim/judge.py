"""The judge: events against truth. May hold: matching, counts, intervals. May not: files, opinions about thresholds.

Rules (house rules, section 6): of each event the last version counts, unless it is a candidate or retracted; an event finds a
fact when the vessels are the same and they overlap by at least half of their union (a fact without duration: starts
within POINT_MS). One event finds one fact. Recall is over facts that are visible and scored; an event that finds another
fact is neither right nor wrong. Later events about a beacon already found are repeats, not false alarms. Notices about the watch itself
(type `system`) are not judged. Pure functions: rows in, a report out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

import msgspec

from dogwatch.errors import InputError
from dogwatch.events import TIME_FIELDS, Event, to_plain
from dogwatch.times import from_iso, iso

OVERLAP_MIN = 0.5
POINT_MS = 60_000
Z_95 = 1.959964
Row = dict[str, Any]


class Share(msgspec.Struct):
    """`hits` of `total`, with the Wilson interval at 95 %; value None where there is nothing to count."""

    hits: int
    total: int
    value: float | None
    low: float
    high: float

    def text(self) -> str:
        """'0.95 (0.76-0.99)' or '-'."""
        return "-" if self.value is None else f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


class Tally(msgspec.Struct):
    """One behaviour: how many facts, how many found, how many false alarms, how late."""

    behaviour: str
    truth: int
    found: int
    events: int
    false_alarms: int
    repeats: int
    precision: Share
    recall: Share
    delay_s_median: float | None
    start_error_s_median: float | None
    end_error_s_median: float | None

    def line(self) -> str:
        """One line of the table for people."""
        delay = "-" if self.delay_s_median is None else f"{self.delay_s_median:.0f}"
        return f"{self.behaviour:14} {self.truth:>5} {self.found:>5} {self.false_alarms:>5}  {self.precision.text():21} {self.recall.text():21} {delay}"


class Miss(msgspec.Struct):
    """A visible, scored fact that no event found; `nearest`: the best overlap of any event about the same vessels."""

    behaviour: str
    mmsi: list[int]
    t_start: str | None
    t_end: str | None
    cause: str
    nearest: float


class FalseAlarm(msgspec.Struct):
    """An event that found nothing true; `fooled_by`: the innocent or true thing it overlaps, if any."""

    behaviour: str
    event_id: str
    mmsi: list[int]
    t_start: str | None
    t_end: str | None
    fooled_by: str


class Report(msgspec.Struct):
    """What the judge found, per behaviour and item by item."""

    behaviours: list[Tally]
    misses: list[Miss]
    false_alarms: list[FalseAlarm]


class _Pair(msgspec.Struct):
    event: Row
    fact: Row
    overlap: float


def judge(events: Iterable[Mapping[str, Any] | Event], truth: Iterable[Mapping[str, Any]]) -> Report:
    """Compare events (rows of events.ndjson or Event records, all versions) with truth rows. Raises InputError on rows of another kind."""
    every = [_plain(event, "event") for event in events]
    facts = [_plain(row, "truth") for row in truth]
    end_ms = max((row[name] for row in every + facts for name in ("t_start", "t_end", "t_detected") if row.get(name) is not None), default=0)
    last = [event for event in _last_versions(every) if event["state"] not in ("candidate", "retracted") and event["type"] != "system"]
    for row in last + facts:
        row["t_end"] = end_ms if row["t_end"] is None else row["t_end"]
    first_seen = _first_seen(every)
    names = sorted({_behaviour(row) for row in last} | {_behaviour(row) for row in facts})
    report = Report([], [], [])
    for name in names:
        _judge_one(name, [e for e in last if _behaviour(e) == name], [f for f in facts if _behaviour(f) == name], first_seen, report)
    return report


def wilson(hits: int, total: int) -> Share:
    """A share with its 95 % interval (Wilson 1927); no trials: value None, interval 0 to 1."""
    if total == 0:
        return Share(0, 0, None, 0.0, 1.0)
    share, z2 = hits / total, Z_95 * Z_95
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z_95 * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    return Share(hits, total, round(share, 4), round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4))


def overlap(event: Mapping[str, Any], fact: Mapping[str, Any]) -> float:
    """Share of the union of two spans that both cover; for a fact without duration 1 when the starts are within POINT_MS, else 0."""
    if fact["t_end"] <= fact["t_start"]:
        return float(abs(event["t_start"] - fact["t_start"]) <= POINT_MS)
    both = min(event["t_end"], fact["t_end"]) - max(event["t_start"], fact["t_start"])
    return max(0, both) / (max(event["t_end"], fact["t_end"]) - min(event["t_start"], fact["t_start"]))


def _judge_one(name: str, events: list[Row], facts: list[Row], first_seen: dict[str, int], report: Report) -> None:
    """Match one behaviour and add its part to the report."""
    true = [fact for fact in facts if fact["state"] != "retracted"]
    pairs = _match(events, true)
    right = [pair for pair in pairs if pair.fact["visible"] and pair.fact["scored"]]
    found, used = {id(pair.fact) for pair in pairs}, {id(pair.event) for pair in pairs}
    wanted = [fact for fact in true if fact["visible"] and fact["scored"]]
    left = [event for event in events if id(event) not in used]
    repeats = [event for event in left if any(_repeats(event, pair.fact) for pair in pairs)]
    false = [event for event in left if not any(event is other for other in repeats)]
    report.behaviours.append(
        Tally(
            behaviour=name,
            truth=len(wanted),
            found=len(right),
            events=len(events),
            false_alarms=len(false),
            repeats=len(repeats),
            precision=wilson(len(right), len(right) + len(false)),
            recall=wilson(len(right), len(wanted)),
            delay_s_median=_median_s(first_seen[pair.event["event_id"]] - pair.fact["t_start"] for pair in right),
            start_error_s_median=_median_s(abs(pair.event["t_start"] - pair.fact["t_start"]) for pair in right),
            end_error_s_median=_median_s(abs(pair.event["t_end"] - pair.fact["t_end"]) for pair in right),
        )
    )
    for fact in wanted:
        if id(fact) not in found:
            nearest = max((overlap(event, fact) for event in events if set(event["mmsi"]) == set(fact["mmsi"])), default=0.0)
            report.misses.append(Miss(name, fact["mmsi"], iso(fact["t_start"]), iso(fact["t_end"]), fact["cause"], round(nearest, 3)))
    for event in false:
        report.false_alarms.append(FalseAlarm(name, event["event_id"], event["mmsi"], iso(event["t_start"]), iso(event["t_end"]), _fooled_by(event, facts)))


def _match(events: list[Row], facts: list[Row]) -> list[_Pair]:
    """Pairs of one event and one fact, best overlap first."""
    pairs = [_Pair(e, f, overlap(e, f)) for f in facts for e in events if set(e["mmsi"]) == set(f["mmsi"])]
    pairs = sorted((p for p in pairs if p.overlap >= OVERLAP_MIN), key=lambda p: (-p.overlap, p.fact["t_start"], p.event["t_start"], p.event["event_id"]))
    chosen: list[_Pair] = []
    taken: set[int] = set()
    for pair in pairs:
        if id(pair.event) not in taken and id(pair.fact) not in taken:
            chosen.append(pair)
            taken |= {id(pair.event), id(pair.fact)}
    return chosen


def _repeats(event: Row, fact: Row) -> bool:
    """A beacon goes on after it was found: later events about it say nothing false."""
    return event["type"] == "safety" and set(event["mmsi"]) == set(fact["mmsi"]) and event["t_start"] >= fact["t_start"] - POINT_MS


def _fooled_by(event: Row, facts: list[Row]) -> str:
    near = [f for f in facts if set(f["mmsi"]) & set(event["mmsi"]) and f["t_start"] - POINT_MS <= event["t_end"] and event["t_start"] <= f["t_end"] + POINT_MS]
    return "; ".join(sorted(fact["cause"] for fact in near))


def _behaviour(row: Row) -> str:
    """The heading a row is counted under: its type; tests of beacons apart from distress."""
    if row["type"] != "safety":
        return str(row["type"])
    return "safety test" if row["subtype"] == "test" else "safety"


def _last_versions(events: list[Row]) -> list[Row]:
    newest: dict[str, Row] = {}
    for event in events:
        known = newest.get(event["event_id"])
        if known is None or event["version"] > known["version"]:
            newest[event["event_id"]] = event
    return sorted(newest.values(), key=lambda e: (e["t_start"], e["event_id"]))


def _first_seen(events: list[Row]) -> dict[str, int]:
    """When each event was first shown to anybody."""
    seen: dict[str, int] = {}
    for event in events:
        if event["state"] != "candidate":
            seen[event["event_id"]] = min(event["t_detected"], seen.get(event["event_id"], event["t_detected"]))
    return seen


def _median_s(values_ms: Iterable[int]) -> float | None:
    values = list(values_ms)
    return round(median(values) / 1000, 1) if values else None


_NEEDED = ("event_id", "version", "state", "type", "subtype", "mmsi", "t_start", "t_end", "t_detected")


def _plain(row: Mapping[str, Any] | Event, what: str) -> Row:
    """A copy with times in milliseconds. Raises InputError naming what is missing."""
    plain = to_plain(row) if isinstance(row, Event) else dict(row)
    missing = [name for name in _NEEDED + (("cause", "visible", "scored") if what == "truth" else ()) if name not in plain]
    if missing:
        other = "is this an events file? " if what == "truth" else "is this a truth or alerts file? "
        raise InputError(f"a row of the {what} file lacks {', '.join(missing)}", remedy=other + "see docs/simulator.md", value=plain)
    for name in TIME_FIELDS:
        if isinstance(plain.get(name), str):
            plain[name] = from_iso(plain[name])
    return plain
