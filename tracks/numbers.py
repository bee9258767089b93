"""Numbers that cannot be, or mean two things: bad_mmsi, imo_conflict, class_conflict. Definitions: docs/behaviours/identity.md.

May hold: these three rules. May not: two hulls on one number (hulls.py), changed particulars (particulars.py).

Theory. Ships' numbers are tracked, so those among them that no country has are found by looking at the table each ten
minutes. Numbers that are no ship's (placeholders, wrong forms) and ships' numbers in base station reports have no track;
of these a bounded list is kept. A set that changes its class is marked by the association; marked in two windows of ten
minutes within an hour, it is two sets.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dogwatch.batch import F_LATE, F_OWN_SHIP, LAT_MISSING
from dogwatch.events import Event, Subject
from dogwatch.mids import ALLOTTED, IMO_MAX, IMO_MIN, PLACEHOLDERS, imo_is_valid, mmsi_fault
from tracks import episodes as ep
from tracks import subjects, who
from tracks.detector import Sight
from tracks.key import ORDINAL_BITS, SHIP_MMSI_MAX, SHIP_MMSI_MIN, mmsi_of
from tracks.records import MARK_CLASSES
from tracks.vessels import VesselTable

STRANGERS_MAX = 4096
SHIP_REPORTS = (1, 2, 3, 18, 19)  # a beacon's number (97x) is allowed to send them
STATION_REPORT = 4  # not 11: a mobile station answers so when it is asked for the time (M.1371-5, message 11)
WINDOW_S = 3_600
CLASSES_MIN = 2
ONE_DIGIT = 111_111_111  # placeholders among the numbers of ships are multiples of it
IMO_EXAMPLES = (1_234_567, 9_999_999)  # typed in for want of a number: many have them
TOLD = np.dtype([("imo", "<u4"), ("mmsi", "<u4"), ("heard_ms", "<i8"), ("fresh_ms", "<i8")])  # fresh_ms: told anew since the last look, 0: not


class Strangers:
    """Numbers without a track: MMSI -> [first ms, last ms, reports, reports of class B, lat, lon]; of bad numbers, and of ships in station reports."""

    def __init__(self) -> None:
        self.bad: dict[int, list[int]] = {}
        self.stations: dict[int, list[int]] = {}
        self.refused = 0

    def see(self, fixes: np.ndarray) -> None:
        """Rows that are no vessel's (FIX_DTYPE); not late ones."""
        ship = (fixes["mmsi"] >= SHIP_MMSI_MIN) & (fixes["mmsi"] <= SHIP_MMSI_MAX)
        fresh = (fixes["flags"] & (F_LATE | F_OWN_SHIP)) == 0
        self._take(self.stations, fixes[ship & fresh & (fixes["msg_type"] == STATION_REPORT)])
        rows = fixes[~ship & fresh & np.isin(fixes["msg_type"], SHIP_REPORTS)]
        numbers = np.unique(rows["mmsi"])
        bad = np.array([n for n in numbers.tolist() if mmsi_fault(n)], np.int64)
        self._take(self.bad, rows[np.isin(rows["mmsi"], bad)])

    def _take(self, known: dict[int, list[int]], rows: np.ndarray) -> None:
        """Remember these rows, number by number."""
        for mmsi in np.unique(rows["mmsi"]).tolist():
            of_it = rows[rows["mmsi"] == mmsi]
            if mmsi not in known:
                if len(known) >= STRANGERS_MAX:
                    self.refused += len(of_it)
                    continue
                known[mmsi] = [int(of_it["t_ms"][0]), 0, 0, 0, LAT_MISSING, 0]
            entry = known[mmsi]
            entry[1] = max(entry[1], int(of_it["t_ms"].max()))
            entry[2] += len(of_it)
            entry[3] += int(np.isin(of_it["msg_type"], (18, 19)).sum())
            placed = of_it[of_it["lat"] != LAT_MISSING]
            if len(placed):
                entry[4:6] = [int(placed["lat"][-1]), int(placed["lon"][-1])]


def bad_mmsi(book: ep.Book, strangers: Strangers, sight: Sight) -> list[Event]:
    """Numbers that nobody was given: tracked ones by the table, others by the list. Each ten minutes."""
    table, rule, tick_ms = sight.table, sight.params.identity, sight.tick_ms
    mmsi = np.ascontiguousarray(table.used["mmsi"])
    slots = np.flatnonzero(~ALLOTTED[np.minimum(mmsi // 1_000_000, 999)] | (mmsi % ONE_DIGIT == 0))
    slots = slots[(table.used["reports"][slots] >= rule.reports_min) & (table.known["ordinal"][slots] == 0)]
    events = []
    for slot in table.in_order(slots):
        key = table.key_of(int(slot))
        last = int(table.heard_ms[slot])
        if tick_ms - last > rule.silent_s * 1000:
            continue
        where, number = who.place_of(sight, int(slot)), int(mmsi[slot])
        subject = subjects.subject_of(table, int(slot))
        events += _bad(book, key, sight, subject, int(table.more["birth_ms"][slot]), int(table.rows["reports"][slot]), where, mmsi_fault(number), buoy=False)
    for number, (first, last, n, n_b, lat, lon) in sorted(strangers.bad.items()):
        if n >= rule.reports_min and tick_ms - last <= rule.silent_s * 1000:
            buoy = number not in PLACEHOLDERS and n_b == n and (number >= 800_000_000 or number < 100_000_000)
            key = number << ORDINAL_BITS
            events += _bad(book, key, sight, who.stranger(number), first, n, (lat, lon), mmsi_fault(number), buoy=buoy)
    for key in sorted(book.pages):
        slot, entry = table.slot_of_key(key), strangers.bad.get(mmsi_of(key))
        heard = int(table.heard_ms[slot]) if slot >= 0 else entry[1] if entry else 0
        if tick_ms - heard > rule.silent_s * 1000:
            events += who.end(book, key, tick_ms, max(heard, book.pages[key].event.t_start))
            strangers.bad.pop(mmsi_of(key), None)
    return events


def _bad(book: ep.Book, key: int, sight: Sight, subject: Subject, first: int, n: int, at: tuple[int, int], fault: str, *, buoy: bool) -> list[Event]:
    rule = sight.params.identity
    evidence = [ep.at_least("reports", n, rule.reports_min)]
    exclusions = [ep.checked("net_buoy", buoy, suppress=True)]
    confidence = ep.confidence_of(rule.confidence_cap, 1.0, 1.0, [])
    return who.write(book, key, sight, "bad_mmsi", [subject], (first, None), evidence, exclusions, {"fault": fault}, confidence, at)


def class_conflict(book: ep.Book, strangers: Strangers, sight: Sight) -> list[Event]:
    """Ships' numbers in base station reports, and numbers of both classes. Each ten minutes."""
    table, rule, tick_ms = sight.table, sight.params.identity, sight.tick_ms
    known = table.cold["identity"]
    events = []
    for mmsi, (first, last, n, _, lat, lon) in sorted(strangers.stations.items()):
        if n < rule.reports_min or tick_ms - last > rule.silent_s * 1000:
            continue
        slot = table.slot_of(mmsi)
        subject = subjects.subject_of(table, slot) if slot >= 0 else who.stranger(mmsi)
        evidence = [ep.at_least("station_reports", n, rule.reports_min)]
        confidence = ep.confidence_of(rule.confidence_cap, 1.0, 1.0, [])
        key = mmsi << ORDINAL_BITS
        events += who.write(book, key, sight, "class_conflict", [subject], (first, None), evidence, [], {"classes": "station"}, confidence, (lat, lon))
    both = np.flatnonzero(table.used["marks"] & MARK_CLASSES)
    table.used["marks"] &= 0xFF ^ MARK_CLASSES
    for slot in table.in_order(both):
        record, now_s = known[slot], tick_ms // 1000
        running = record["classes"] > 0 and now_s - int(record["classes_s"]) <= WINDOW_S
        windows = min(255, int(record["classes"]) + 1) if running else 1
        first_ms = (int(record["classes_s"]) if running else now_s) * 1000 - 600_000
        record["classes"], record["classes_s"] = windows, now_s
        key = table.key_of(int(slot))
        if windows < CLASSES_MIN:
            continue
        evidence = [ep.at_least("windows_with_both", windows, CLASSES_MIN)]
        subject, confidence = subjects.subject_of(table, int(slot)), ep.confidence_of(rule.confidence_cap, 1.0, 1.0, [])
        at = who.place_of(sight, int(slot))
        events += who.write(book, key, sight, "class_conflict", [subject], (first_ms, None), evidence, [], {"classes": "A and B"}, confidence, at)
    for key in sorted(book.pages):
        slot, entry = table.slot_of_key(key), strangers.stations.get(mmsi_of(key))
        last = entry[1] if entry else int(known["classes_s"][slot]) * 1000 if slot >= 0 else 0
        if tick_ms - last > rule.silent_s * 1000:
            events += who.end(book, key, tick_ms, max(last, book.pages[key].event.t_start))
            strangers.stations.pop(mmsi_of(key), None)
    return events


class Imos:
    """IMO numbers: which are new to us since the last look, and pages of wrong ones by track, of shared ones by number.

    A number that two tell belongs to neither: every shard works out all of them alike, from what all tracks tell (`numbers_told`).
    """

    def __init__(self) -> None:
        self.anew: list[np.ndarray] = []  # rows of (MMSI, when it told a number that it had not told before): of a whole fleet, when a watch begins
        self.wrong, self.shared = ep.Book(), ep.Book()

    def join(self, sight: Sight, statics: np.ndarray, slots: np.ndarray) -> None:
        """Static rows with a number that their vessel did not tell before."""
        known = sight.table.cold["identity"]
        changed = (statics["imo"] > 0) & (statics["imo"] != known["imo"][slots])
        if changed.any():
            self.anew.append(np.column_stack([statics["mmsi"][changed], statics["t_ms"][changed]]).astype(np.int64))
        known["imo"][slots[changed]] = statics["imo"][changed]

    def fresh(self) -> np.ndarray:
        """int64[n, 2], in order of MMSI: who told a number anew since the last look, and when last."""
        rows = np.concatenate([np.empty((0, 2), np.int64), *self.anew])[::-1]
        return rows[np.unique(rows[:, 0], return_index=True)[1]]

    def numbers_told(self, table: VesselTable) -> np.ndarray:
        """TOLD rows of all first tracks of a table that have told an IMO number."""
        imo = table.statics["imo"][: len(table)]
        slots = np.flatnonzero((imo > 0) & (table.known["ordinal"] == 0))
        out = np.zeros(len(slots), TOLD)
        out["imo"], out["mmsi"], out["heard_ms"] = imo[slots], table.used["mmsi"][slots], table.heard_ms[slots]
        fresh = self.fresh()
        if len(fresh):
            at = np.minimum(np.searchsorted(fresh[:, 0], out["mmsi"]), len(fresh) - 1)
            out["fresh_ms"] = np.where(fresh[at, 0] == out["mmsi"], fresh[at, 1], 0)
        return out

    def asks(self, sight: Sight, told: np.ndarray) -> set[int]:
        """Who tell a number together."""
        return {key for sharers in self._sharers(sight, told) for key in _first_keys(sharers)}

    def tick(self, sight: Sight, told: np.ndarray | None) -> list[Event]:
        """Wrong check digits, and numbers that two MMSIs tell. Each ten minutes. told: TOLD rows of all shards; None: nobody told a new number."""
        table = sight.table
        events: list[Event] = []
        (mmsi, told_ms), self.anew = np.ascontiguousarray(self.fresh().T), []
        slots = table.slots_of(mmsi)
        claimed = np.where(slots >= 0, table.statics["imo"][slots], 0).astype(np.int64)
        wrong = (claimed > 0) & (claimed <= IMO_MAX) & ~imo_is_valid(claimed)
        for row in zip(mmsi[wrong].tolist(), claimed[wrong].tolist(), told_ms[wrong].tolist()):
            events += self._wrong(sight, *row)
        for key in sorted(self.wrong.pages):
            slot = table.slot_of_key(key)
            events += _no_more(self.wrong, key, sight, int(table.heard_ms[slot]) if slot >= 0 else 0)
        if told is None:
            return events
        for sharers in self._sharers(sight, told):
            events += self._shared(sight, sharers)
        heard = dict(zip(told["mmsi"].tolist(), told["heard_ms"].tolist())) if self.shared.pages else {}
        for number in sorted(self.shared.pages):
            events += _no_more(self.shared, number, sight, min(heard.get(mmsi, 0) for mmsi in self.shared.pages[number].event.mmsi))
        return events

    def _wrong(self, sight: Sight, mmsi: int, number: int, t_ms: int) -> list[Event]:
        table, rule = sight.table, sight.params.identity
        slot = table.slot_of(mmsi)
        confidence = ep.confidence_of(rule.confidence_cap, 0.8, 1.0, [0.3])
        key, subject = mmsi << ORDINAL_BITS, subjects.subject_of(table, slot)
        evidence = [ep.at_most("check_digit_right", 0, 0)]
        at = who.place_of(sight, slot)
        return who.write(self.wrong, key, sight, "imo_conflict", [subject], (t_ms, None), evidence, [], {"imo": number, "fault": "check digit"}, confidence, at)

    def _sharers(self, sight: Sight, told: np.ndarray) -> list[np.ndarray]:
        """TOLD rows, in order of MMSI, of each number that one told anew and two or more tell who were heard lately; told of before: none."""
        anew = np.unique(told["imo"][told["fresh_ms"] > 0])
        anew = anew[(anew >= IMO_MIN) & ~np.isin(anew, IMO_EXAMPLES)]
        lately = told[np.isin(told["imo"], anew) & (told["heard_ms"] >= sight.tick_ms - sight.params.identity.imo_shared_s * 1000)]
        numbers, tellers = np.unique(lately["imo"], return_counts=True)
        return [np.sort(lately[lately["imo"] == number], order="mmsi") for number in numbers[tellers >= 2].tolist() if number not in self.shared]

    def _shared(self, sight: Sight, sharers: np.ndarray) -> list[Event]:
        rule, number, keys = sight.params.identity, int(sharers["imo"][0]), _first_keys(sharers)
        last = sight.party(keys[-1])
        assert last is not None, "who tells a number is known"
        evidence = [ep.at_least("mmsi_numbers", len(keys), 2)]
        confidence = ep.confidence_of(rule.confidence_cap, 0.8, 1.0, [])
        measures: dict[str, Any] = {"imo": number, "fault": "shared"}
        span, at, named = (int(sharers["fresh_ms"].max()), None), (int(last["lat"]), int(last["lon"])), [sight.subject(key) for key in keys]
        return who.write(self.shared, number, sight, "imo_conflict", named, span, evidence, [], measures, confidence, at)


def _first_keys(told: np.ndarray) -> list[int]:
    """Keys of the first tracks of TOLD rows."""
    return [mmsi << ORDINAL_BITS for mmsi in told["mmsi"].tolist()]


def _no_more(book: ep.Book, key: int, sight: Sight, heard_ms: int) -> list[Event]:
    """The page is over when one of its vessels, last heard at `heard_ms`, has not been heard for a day."""
    if sight.tick_ms - heard_ms <= sight.params.identity.imo_shared_s * 1000:
        return []
    return who.end(book, key, sight.tick_ms, max(heard_ms, book.pages[key].event.t_start))
