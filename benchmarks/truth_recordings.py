"""Recordings of `make truth`: real traffic with something known about it. May hold: how each is replayed and compared. May not: simulated seas.

Named by folder, never by vessel. A recording that is absent is left out, and said. Whose labels they are stands in the words of each.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.truth_seas import PROFILE, vessel_alerts
from dogwatch.batch import UNITS_PER_DEG
from dogwatch.events import Event
from dogwatch.times import iso
from runners.engine import Engine
from runners.lane import Lane
from runners.replay import Options, replay
from runners.rules import read_rules
from runners.step import Rules
from runners.zoning import BuildOptions, build_zones
from tracks.detector import Detector, Sight
from tracks.params import ByDistance, Loitering, Params
from tracks.records import ACCEPTED, BUCKET_MS, DUPLICATE, GOES_ON, SAME_TIME

LATENESS_MS = 120_000
GAP_S = 900.0  # of class A, from which a silence may become a dark period
STOP = Loitering(speed_kn_max=0.5, duration_s_min=ByDistance(600.0, 600.0, 600.0), merge_s=0.0, resume_kn=1.0, resume_s=600.0, fast_share_max=0.0)
SAME_MS = 60_000
STILL_KN = 0.2  # what positions rounded to 1e-5 degree, a minute apart, seem to move
SOLENT_BOX = (-2.0, 50.0, 0.0, 51.5)  # west, south, east, north
Span = tuple[int, int, int]  # vessel, from, to (ms)


def all_recordings(data: Path, folder: Path) -> dict[str, Any]:
    """Every recording that is there: its figures and lines by name."""
    found = {}
    for name, (file, one) in RECORDINGS.items():
        if (data / name / file).exists():
            found[f"`{name}`"] = one(data, folder / name)
        else:
            found[f"`{name}`"] = {"lines": [f"{file} is not in the data folder: not measured."]}
    return found


class Probe(Detector):
    """Looks on: which track each accepted fix was given to."""

    NAME = "probe"

    def __init__(self) -> None:
        self.rows: list[np.ndarray] = []

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """Keep (vessel, t, lat, lon, track, whether it began there) of the rows that a track was given, copies among them."""
        mine = np.flatnonzero(np.isin(taken["what"], (ACCEPTED, DUPLICATE, SAME_TIME)) & (taken["slot"] >= 0))
        slots = taken["slot"][mine]
        known = sight.table.known
        begun = taken["how"][mine] != GOES_ON  # born, jumped, or returned after a long silence
        columns = (fixes["mmsi"][mine], fixes["t_ms"][mine], fixes["lat"][mine], fixes["lon"][mine], known["ordinal"][slots], begun)
        self.rows.append(np.stack([np.asarray(column, np.int64) for column in columns], axis=1))

    def tracks(self) -> list[tuple[int, int, int, int, str]]:
        """(vessel, t ms, lat, lon, segment) of every row: a new segment wherever a track does not simply go on."""
        number: Counter[tuple[int, int]] = Counter()
        found = []
        for mmsi, t_ms, lat, lon, ordinal, begun in np.concatenate(self.rows).tolist() if self.rows else []:
            number[mmsi, ordinal] += begun
            found.append((mmsi, t_ms, lat, lon, f"{mmsi}#{ordinal}.{number[mmsi, ordinal]}"))
        return found


def watched(table: str, rules: Rules, only: str = "") -> tuple[Probe, list[Event]]:
    """A table of positions through the embedded pipeline with a probe beside the detectors (`only` one of them, if named)."""
    engine, probe = Engine(rules, [Lane("table", lateness_ms=LATENESS_MS, table=True)]), Probe()
    track = engine.watch.track
    track.detectors = [detector for detector in track.detectors if only in ("", detector.NAME)] + [probe]
    outputs = [engine.feed("table", table.encode(), final=True), engine.end()]
    return probe, [event for output in outputs for event in output.all_events()]


def table_of(rows: Iterable[tuple[int, str, float, float]]) -> str:
    """mmsi, time, lat, lon as the CSV that the product reads, sorted by time."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("mmsi", "t", "lat", "lon"))
    writer.writerows(sorted(rows, key=lambda row: row[1]))
    return out.getvalue()


def newest(events: Iterable[Event]) -> list[Event]:
    """Last version of every event."""
    return list({event.event_id: event for event in sorted(events, key=lambda event: event.version)}.values())


# --- a busy harbour --------------------------------------------------------------------------------------------------


def solent(data: Path, folder: Path) -> dict[str, Any]:
    """Unlabelled: neighbours in port waters, so a rendezvous is presumed false."""
    folder.mkdir(parents=True, exist_ok=True)
    zones = folder / "ports.geojson"
    build_zones(BuildOptions(zones, ports=data / "tab-ports" / "wpi_UpdatedPub150.csv", box=SOLENT_BOX), lambda _: None)
    file = next((data / "dec-solent").glob("*.csv"))
    summary = replay([file], read_rules(PROFILE, [str(zones)]), Options(folder, snapshot_wall_s=1e9))
    events: dict[str, dict[str, Any]] = {}
    for line in (folder / "events.ndjson").read_bytes().splitlines():
        event = msgspec.json.decode(line)
        if event["version"] >= events.get(event["event_id"], event)["version"]:
            events[event["event_id"]] = event
    shown = Counter(f"{e['type']}/{e['subtype']}" for e in events.values() if e["state"] not in ("candidate", "retracted"))
    kept = Counter(f"{e['type']}: {e['reason'] or 'candidate'}" for e in events.values() if e["state"] == "candidate")
    alerts = vessel_alerts(folder)
    meetings = sum("endezvous" in alert["headline"] or any("rendezvous" in c["name"] for c in alert["contributions"]) for alert in alerts)
    lines = [
        f"{summary['fixes']:,} positions of {summary['vessels']} vessels; port zones by `dogwatch zones build --ports` from the World Port Index.",
        f"{meetings} alerts with a rendezvous, {len(alerts)} about vessels in all.",
        "",
        f"Shown events: {_told(shown)}. Kept and not shown: {_told(kept)}.",
    ]
    goal = {"goal": "rendezvous alerts", "reached": {"wanted": "<= 2", "reached": meetings, "met": meetings <= 2}}
    return {**goal, "alerts": len(alerts), "shown": dict(shown), "kept": dict(kept), "lines": lines}


# --- one number, many hulls ------------------------------------------------------------------------------------------


def hulls(data: Path, folder: Path) -> dict[str, Any]:
    """Labels are those of GFW's segmenter, not a person's."""
    labels, rows = {}, []
    for line in (data / "lab-gfw-segment" / "segmented-416000000.json").read_text().splitlines():
        row = json.loads(line)
        labels[_place(row)] = row["segment"]
    for line in (data / "lab-gfw-segment" / "416000000.json").read_text().splitlines():
        row = json.loads(line)
        rows.append((row["ssvid"], row["timestamp"][:19].replace(" ", "T") + "Z", row["lat"], row["lon"]))
    probe, _ = watched(table_of(rows), read_rules(PROFILE, []))
    ours = {(t_ms // 1000, lat, lon): segment for _, t_ms, lat, lon, segment in probe.tracks()}
    both = [(labels[key], ours.get(key, f"none {i}")) for i, key in enumerate(sorted(labels))]
    score = score_pairs(both)
    lost = sum(segment.startswith("none") for _, segment in both)
    split = {label: len({mine for theirs, mine in both if theirs == label}) for label in {label for label, _ in both}}
    merged = Counter(len({theirs for theirs, mine in both if mine == one}) for one in {mine for _, mine in both if not mine.startswith("none")})
    lines = [
        f"{len(both):,} distinct positions in {len(split)} labelled segments; ours: {len({mine for _, mine in both}) - lost} tracks, {lost} positions in none.",
        f"Pairs of positions in one segment: precision {score['precision']:.3f}, recall {score['recall']:.3f}, F1 {score['f1']:.3f}.",
        "",
        f"Labelled segments that lie in one of our tracks: {sum(n == 1 for n in split.values())} of {len(split)}; in the most pieces: {max(split.values())}. "
        f"Our tracks by the number of labelled segments in them: {', '.join(f'{n} in {count}' for n, count in sorted(merged.items()))}. "
        "The labels are the output of another segmenter, which joins positions hours apart and ends a segment by its own rules: agreement, not accuracy.",
    ]
    goal = {"goal": "pairwise F1", "reached": {"wanted": ">= 0.95", "reached": round(score["f1"], 3), "met": score["f1"] >= 0.95}}
    return {**goal, **score, "in_none": lost, "lines": lines}


def _place(row: dict[str, Any]) -> tuple[int, int, int]:
    """(second, lat, lon in units): what both files and our columns have in common."""
    t_ms = int(np.datetime64(row["timestamp"].rstrip("Z").replace(" ", "T"), "ms").astype(np.int64))
    return t_ms // 1000, round(row["lat"] * UNITS_PER_DEG), round(row["lon"] * UNITS_PER_DEG)


def score_pairs(both: list[tuple[str, str]]) -> dict[str, float]:
    """Precision, recall and F1 of "these two share a segment" over all pairs of (label, ours)."""

    def pairs(counts: Iterable[int]) -> int:
        return sum(n * (n - 1) // 2 for n in counts)

    together = pairs(Counter(both).values())
    theirs, ours = pairs(Counter(label for label, _ in both).values()), pairs(Counter(mine for _, mine in both).values())
    precision, recall = together / ours if ours else 0.0, together / theirs if theirs else 0.0
    f1 = 2 * precision * recall / (precision + recall) if together else 0.0
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


# --- a drifter -------------------------------------------------------------------------------------------------------


def drifter(data: Path, folder: Path) -> dict[str, Any]:
    """Labelled "drift" by the name of its file, without start or end."""
    file = data / "nmea-dma-abnormal" / "212123000_drift_1.ais"
    replay([file], read_rules(PROFILE, []), Options(folder, snapshot_wall_s=1e9))
    events = [msgspec.json.decode(line) for line in (folder / "events.ndjson").read_bytes().splitlines()]
    shown = [event for event in events if event["state"] not in ("candidate", "retracted")]
    wanted = [event for event in shown if event["type"] == "safety" and event["subtype"] in ("drift", "nuc")]
    first = {subtype: min(e["t_detected"] for e in wanted if e["subtype"] == subtype) for subtype in sorted({e["subtype"] for e in wanted})}
    others = Counter(f"{e['type']}/{e['subtype']}" for e in {e["event_id"]: e for e in shown if e not in wanted}.values())
    lines = [
        "Adrift at half a knot for half a day, a report each three minutes.",
        "First shown: "
        + (", ".join(f"`safety/{name}` at {when}" for name, when in first.items()) or "neither drift nor not-under-command")
        + f". Also shown: {_told(others)}.",
    ]
    goal = {"goal": "drift or not-under-command found", "reached": {"wanted": "one of them", "reached": ", ".join(first) or "none", "met": bool(first)}}
    return {**goal, "first": first, "others": dict(others), "lines": lines}


# --- gaps and stops --------------------------------------------------------------------------------------------------


class OpenSea:
    """No land, no ports: a stop is a stop wherever it is."""

    version = "open sea"

    def coast_distance_nm(self, lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
        """Ten miles everywhere."""
        return np.full(np.shape(lat_deg), 10.0)

    def masked(self, lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
        """Nowhere."""
        return np.zeros(np.shape(lat_deg), bool)

    def watch_distance_nm(self, lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
        """Far from everything."""
        return np.full(np.shape(lat_deg), 48.0)

    def in_zones(self, _kinds: tuple[str, ...], lat_deg: np.ndarray, _lon_deg: np.ndarray) -> np.ndarray:
        """Nowhere."""
        return np.zeros(np.shape(lat_deg), bool)

    def relations_of(self, lat_deg: np.ndarray, _lon_deg: np.ndarray) -> list[list[Any]]:
        """None of any."""
        return [[] for _ in lat_deg]


@dataclass(slots=True)
class Compared:
    """Two lists of spans, one by one: how many are the same, and what the others are, in classes."""

    theirs: int
    ours: int
    same: int
    only_theirs: Counter[str] = field(default_factory=Counter)
    only_ours: Counter[str] = field(default_factory=Counter)

    def line(self, what: str) -> str:
        """In words."""
        counts = f"{self.theirs} of theirs, {self.ours} of ours, {self.same} the same"
        return f"- {what}: {counts}. Only theirs: {_told(self.only_theirs)}. Only ours: {_told(self.only_ours)}."

    def plain(self) -> dict[str, Any]:
        """For the results file."""
        return {"theirs": self.theirs, "ours": self.ours, "same": self.same, "only_theirs": dict(self.only_theirs), "only_ours": dict(self.only_ours)}


def annotated(data: Path, folder: Path) -> dict[str, Any]:
    """Labels are those of another algorithm; the vessels have no numbers, so they are given invented ones."""
    rows = [line.split() for line in (data / "lab-m3-annotation" / "vessels.csv").read_text().splitlines()]
    table = table_of((200_000_000 + int(who), iso(int(t) * 1000) or "", float(lat), float(lon)) for who, lon, lat, t in rows)
    labels = [line.split(" ") for line in (data / "lab-m3-annotation" / "vessels_annotated.csv").read_text().splitlines()[1:]]
    marks = [(200_000_000 + int(row[0]), int(row[3]) * 1000, set(row[6].split(";")) if len(row) > 6 else set()) for row in labels]
    heard = sorted((200_000_000 + int(who), int(t) * 1000) for who, _, _, t in rows)
    rules = read_rules(PROFILE, [])
    probe, events = watched(table, rules)
    gaps = compare_gaps(spans(marks, "GAP"), silences(heard, GAP_S), silences(heard, 0.0))
    dark = [event for event in newest(events) if event.type == "dark"]
    _, slow = watched(table, Rules(Params(loitering=STOP), rules.profile, OpenSea()), only="loitering")  # type: ignore[arg-type]  # answers like a geography
    mine = [(e.mmsi[0], e.t_start, e.t_end if e.t_end is not None else max(t for _, t in heard)) for e in newest(slow) if e.type == "loitering"]
    begun = [(who, t_ms) for who, t_ms, words in marks if "STOP_START" in words]
    slow_kn = {(e.mmsi[0], e.t_start): float(e.measures["speed_kn_mean"] or 0.0) for e in newest(slow)}
    stops = compare_stops(spans(marks, "STOP"), mine, silences(heard, GAP_S), begun, {span for span in mine if slow_kn[span[:2]] < STILL_KN})
    in_tracks = len({(row[0], row[1]) for row in probe.tracks()})
    lines = [
        f"{len(rows):,} positions of five vessels, {in_tracks:,} of them in our tracks. "
        "The labels are the output of another algorithm: agreement, not accuracy.",
        "",
        gaps.line("Gaps (ours: a silence of at least 15 min, from which a dark period may come)"),
        f"  Of ours {len(dark)} became dark candidates, {sum(e.state not in ('candidate', 'retracted') for e in dark)} were shown: coverage is unknown here. "
        "The others are silences of who had not been heard ten times in the hour before, or was not under way.",
        stops.line("Stops (ours: the loitering detector set to 0.5 knots and ten minutes, on an open sea)"),
    ]
    return {"gaps": gaps.plain(), "stops": stops.plain(), "dark": len(dark), "lines": lines}


def spans(marks: list[tuple[int, int, set[str]]], what: str) -> list[Span]:
    """From each start mark of a vessel to its next end mark."""
    found, begun = [], dict[int, int]()
    for who, t_ms, words in sorted(marks, key=lambda mark: mark[:2]):
        if f"{what}_END" in words and who in begun:
            found.append((who, begun.pop(who), t_ms))
        if f"{what}_START" in words:
            begun[who] = t_ms
    return found


def silences(heard: list[tuple[int, int]], least_s: float) -> list[Span]:
    """Spans between two successive positions of a vessel that are at least so far apart."""
    return [(a, t, u) for (a, t), (b, u) in pairwise(heard) if a == b and u - t >= max(1.0, least_s * 1000)]


def compare_gaps(theirs: list[Span], ours: list[Span], all_silences: list[Span]) -> Compared:
    """Gaps are the same when both ends are, to a minute."""
    same = [a for a in theirs if any(_equal(a, b) for b in ours)]
    told = Compared(len(theirs), len(ours), len(same))
    for a in (a for a in theirs if a not in same):
        inside = [b for b in all_silences if b[0] == a[0] and b[1] >= a[1] - SAME_MS and b[2] <= a[2] + SAME_MS]
        longest_s = max((b[2] - b[1] for b in inside), default=0) / 1000
        if any(_equal(a, b) for b in all_silences):
            told.only_theirs["shorter than our 15 minutes"] += 1
        elif longest_s < GAP_S:
            told.only_theirs["several short silences taken together, or removed noise between"] += 1
        else:
            told.only_theirs["longer than the silence in it: their ends are at other reports"] += 1
    for b in (b for b in ours if not any(_equal(a, b) for a in theirs)):
        inside_theirs = any(a[0] == b[0] and a[1] <= b[1] and a[2] >= b[2] for a in theirs)
        length = "under 30 min" if b[2] - b[1] < 1_800_000 else "30 min and more"
        told.only_ours["inside a longer gap of theirs" if inside_theirs else f"not marked by them, {length}"] += 1
    return told


def compare_stops(theirs: list[Span], ours: list[Span], quiet: list[Span], begun: list[tuple[int, int]], still: set[Span]) -> Compared:
    """Stops are the same when they overlap by half of their union. begun: all that they begin, ended or not; still: those of ours without way."""
    same = [a for a in theirs if any(_share(a, b) >= 0.5 for b in ours)]
    told = Compared(len(theirs), len(ours), len(same))
    for a in (a for a in theirs if a not in same):
        over = [b for b in ours if _share(a, b) > 0]
        if a[2] - a[1] < 600_000:
            told.only_theirs["shorter than one of our ten-minute buckets"] += 1
        elif any(q[0] == a[0] and q[1] >= a[1] - SAME_MS and q[2] <= a[2] + SAME_MS for q in quiet):
            told.only_theirs["goes on over a silence, where ours ends after 30 min"] += 1
        elif any(b[1] <= a[1] + 600_000 and b[2] >= a[2] - 600_000 for b in over):
            told.only_theirs["a piece of one longer stop of ours"] += 1
        elif over:
            told.only_theirs["ours begins or ends at another bucket: less than half in common"] += 1
        else:
            told.only_theirs["no ten minutes in it without way"] += 1
    for b in (b for b in ours if not any(_share(a, b) >= 0.5 for a in theirs)):
        over = any(_share(a, b) > 0 for a in theirs)
        if over:
            told.only_ours["holds shorter stops of theirs"] += 1
        elif any(who == b[0] and b[1] - BUCKET_MS <= t_ms <= b[2] for who, t_ms in begun):
            told.only_ours["begun by them and never ended"] += 1
        else:
            told.only_ours[f"not marked by them, {'without way' if b in still else 'creeping'} by its positions"] += 1
    return told


def _equal(a: Span, b: Span) -> bool:
    return a[0] == b[0] and abs(a[1] - b[1]) <= SAME_MS and abs(a[2] - b[2]) <= SAME_MS


def _share(a: Span, b: Span) -> float:
    if a[0] != b[0]:
        return 0.0
    return max(0, min(a[2], b[2]) - max(a[1], b[1])) / max(1, max(a[2], b[2]) - min(a[1], b[1]))


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items(), key=lambda one: (-one[1], one[0]))) or "none"


RECORDINGS: dict[str, tuple[str, Callable[[Path, Path], dict[str, Any]]]] = {
    "dec-solent": ("SolentAIS_20160112_130211.csv", solent),
    "lab-gfw-segment": ("416000000.json", hulls),
    "nmea-dma-abnormal": ("212123000_drift_1.ais", drifter),
    "lab-m3-annotation": ("vessels.csv", annotated),
}
