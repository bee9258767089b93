"""Rendezvous: two transmitting vessels so close, so slow (or so evenly abreast), so long that people or goods could pass.

May hold: when a pair has met, its event. May not: the search for contacts (contacts.py), what is remembered of a pair (pairs.py), the words of a
meeting (meeting.py), innocent explanations (alongside.py), loitering or dark partners. Definition: docs/behaviours/rendezvous.md.

Theory. Contacts of a minute are entered into pairs; a pair that has been in contact long enough, with enough reports of each, has met. There
are two kinds of contact, each with pairs of its own: still (both slow) and abreast (both under way at one speed on one course). State is
kept per pair: a vessel may meet several others at once. A pair is decided only in a minute in which both were heard lately, from
rows that travel with the tick: nothing is looked up in the table of another shard.
Most pairs lie in harbours that no mask shows, and part and meet again all day, at the limit of a contact. What their place says stands, so nothing is found out
by asking again and nobody reads it: such a candidate is told when it is found, and once more when it is over and can no longer be merged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dogwatch.batch import take_rows
from dogwatch.events import Event, Exclusion, Value, event_id
from dogwatch.late import FIELDS, WORDS, LateEvent, unwritten
from tracks import episodes as ep
from tracks.alongside import ANCHORAGE, HARBOUR, STANDING, Beside, bows_alike, doubts_of, explanations
from tracks.berths import Berths
from tracks.cells import search
from tracks.contacts import ABREAST, AGE_FACTOR, SLOW_REPORT_S, STILL, Found, Room, near_rows, oldest_s
from tracks.detector import Detector, Home, Sight
from tracks.key import mmsi_of, read_pair, tracks_of
from tracks.meeting import Kind, Met, Parted
from tracks.pairs import DISTANCE_BINS, EXPLAINED, GONE, LOOK, MET, OPEN, PAIR, PARTED, SUPPRESSED, UNHEARD, WAITING, due, enter
from tracks.params import Params, Rendezvous
from tracks.parties import Brought, farthest_m, gathered
from tracks.subjects import subject_key
from tracks.unheard import seen_apart

TYPE = RULE = "rendezvous"
WAY_RULE = "rendezvous_under_way"
RULE_VERSION = "1.3"
RECHECK_MS = 600_000  # how often an open meeting is asked again whether something explains it (statics come each 6 min)
SUPPRESSED_RECHECK_MS = 1_800_000
ALIKE_MOST = 255
UNWRITTEN = dict.fromkeys(WORDS)  # in place of what a late event says
SUPPRESSED_HARBOUR = tuple(f"suppressed: {name}" for name in (HARBOUR, ANCHORAGE))  # who lies there does not drift
SUPPRESSED_STANDING = tuple(f"suppressed: {name}" for name in STANDING)  # what the place said once; before them only masks are asked about


@dataclass(slots=True)
class Meetings:
    """Pairs of one kind of contact, sorted by key, and their events."""

    kind: Kind
    pairs: np.ndarray = field(default_factory=lambda: np.empty(0, PAIR))
    book: ep.Book = field(default_factory=ep.Book)
    # what the place said of pairs in the book: read from their events, where it is not known
    standing: dict[int, list[Exclusion]] = field(default_factory=dict)

    def said_of(self, key: int) -> list[Exclusion]:
        """What the place said of a pair once, nothing if nothing is told of it."""
        if key in self.book.pages and key not in self.standing:
            self.standing[key] = [one for one in self.book.pages[key].event.exclusions if one.name in STANDING]
        return self.standing.get(key, [])

    def forget(self, key: int) -> None:
        """A pair is gone."""
        self.book.pages.pop(key, None)
        self.standing.pop(key, None)


class RendezvousDetector(Detector):
    """Who is in contact, and the meetings that came of it."""

    NAME = "rendezvous"
    PAIRS = True

    def __init__(self) -> None:
        self.still, self.abreast = Meetings(Kind(STILL)), Meetings(Kind(ABREAST))
        self.refused = self.crowded = self.examined = 0
        self._room = Room()  # written over at each tick
        self._berths, self._whole = Berths(), True

    def bring(self, sight: Sight) -> Brought | None:
        """Those of this table who may be in contact at this tick."""
        return self._near(sight, alone=True) if sight.params.rendezvous.enabled else None

    def share(self, parts: list[Brought], params: Params, home: Home) -> list[Brought]:
        """All rows, and the contacts whose smaller track is at home there."""
        together = gathered(parts)
        found = search(together.near, params.rendezvous)
        row_home = home(together.near["key"])
        contact_home = row_home[found.contacts["a"]]
        out = []
        for k in range(len(parts)):
            part = Found(take_rows(found.contacts, contact_home == k), found.crowds & (row_home == k), found.examined if k == 0 else 0)
            out.append(Brought(together.near, together.trail, None, together.party, part))
        return out

    def _near(self, sight: Sight, *, alone: bool = False) -> Brought:
        return Brought(near_rows(sight.table, sight.tick_ms, sight.params.rendezvous, self._room, alone=alone), sight.table.trail, sight.table)

    def tick(self, sight: Sight) -> list[Event]:
        """Decide one minute for all pairs whose smaller track is at home here."""
        rule = sight.params.rendezvous
        if not rule.enabled:
            return []
        brought = sight.brought(self.NAME) or self._near(sight)
        found = brought.found or self._berths.find(brought.near, sight.tick_ms, rule, self._room, whole=self._whole)
        refused = self.refused
        self.crowded += found.crowded
        self.examined += found.examined
        events: list[Event] = []
        for meetings, other in ((self.still, self.abreast), (self.abreast, self.still)):
            if len(meetings.pairs) or len(found.contacts):
                events += self._enter(meetings, found, sight, brought)
                events += _settle(meetings, other, sight, brought)
        self._whole = self.refused > refused or not _outlasts(self.still.kind, rule)
        return events

    def _enter(self, meetings: Meetings, found: Found, sight: Sight, brought: Brought) -> list[Event]:
        """Put the contacts of a tick into the pairs; returns the last word about those who have left and meet elsewhere."""
        rule, kind = sight.params.rendezvous, meetings.kind
        breaks_ms = (rule.interpolation_s_max * 1000.0, kind.unheard_ms(rule))
        speed_max = rule.way_kn_max if kind.under_way else rule.speed_kn_max
        limits = (speed_max, *breaks_ms, rule.speed_kn_gate, kind.widest_m(rule) / DISTANCE_BINS, rule.approach_m)
        entered = enter(meetings.pairs, found.contacts, kind.kind, brought.near, brought.trail, limits, rule.pairs_max)
        meetings.pairs, began = entered.pairs, entered.began
        if len(began):
            meetings.pairs["approach_m"][entered.at] = farthest_m(brought.trails(began["a"]), brought.trails(began["b"]), sight.tick_ms, rule.approach_m)
        self.refused += entered.refused
        events: list[Event] = []
        for pair in entered.left:
            if meetings.book.pages[int(pair["key"])].event.t_end is None:
                events += _parted(meetings, sight, pair)
            meetings.forget(int(pair["key"]))
        return events

    def keys(self) -> set[int]:
        """Tracks of all pairs."""
        return {key for meetings in (self.still, self.abreast) for tracks in tracks_of(meetings.pairs["key"]) for key in tracks.tolist()}

    def counts(self) -> dict[str, int]:
        """Pairs not entered because `pairs_max` was reached; vessels (each minute) in a crowd of more than `partners_max` partners."""
        return {"pairs_refused": self.refused, "pairs_crowded": self.crowded}

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        kinds = {name: {"pairs": meetings.pairs, "book": meetings.book.to_sections()} for name, meetings in self._kinds()}
        return {**kinds, "refused": self.refused, "crowded": self.crowded}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        for name, meetings in self._kinds():
            meetings.pairs, meetings.book, meetings.standing = sections[name]["pairs"].copy(), ep.Book.from_sections(sections[name]["book"]), {}
        self.refused, self.crowded = sections["refused"], sections["crowded"]
        self._berths, self._whole = Berths(), True

    def _kinds(self) -> tuple[tuple[str, Meetings], ...]:
        return ("still", self.still), ("abreast", self.abreast)


def _patience(kind: Kind, rule: Rendezvous) -> tuple[float, float, float, float]:
    """Of `due`."""
    unheard_ms = kind.unheard_ms(rule)
    return rule.interpolation_s_max * 1000.0, unheard_ms, unheard_ms + AGE_FACTOR * SLOW_REPORT_S * 1000.0, max(unheard_ms, rule.merge_s * 1000.0)


def _outlasts(kind: Kind, rule: Rendezvous) -> bool:
    """Whether no pair is forgotten as long as the reports with which it was entered make a contact."""
    return oldest_s(rule) * 1000.0 <= min(_patience(kind, rule)[2:])


def _settle(meetings: Meetings, other: Meetings, sight: Sight, brought: Brought) -> list[Event]:
    """Events of pairs that became a rendezvous, go on, or have parted; the others are forgotten in time."""
    rule, kind, pairs = sight.params.rendezvous, meetings.kind, meetings.pairs
    if not len(pairs):
        return []
    need_ms = kind.duration_s(rule) * 1000.0
    which, what = due(pairs, sight.tick_ms, (need_ms if kind.under_way else need_ms / 2, need_ms), kind.reports(rule), _patience(kind, rule))
    if not len(which):
        return []
    _look_about(pairs, sight, which[what == LOOK], brought)
    question = _in_question(meetings, other, sight, which[what == MET], brought)
    judged = _judged(meetings, sight, question, brought) if len(question) else None
    over = (what == PARTED) | ((what == GONE) & (pairs["stage"][which] == EXPLAINED))
    asked = np.flatnonzero(what == UNHEARD)
    if len(asked):
        over[asked] = seen_apart(sight, take_rows(pairs, which[asked]), rule)
    events: list[Event] = []
    order = {at: k for k, at in enumerate(question[:, 0].tolist())}
    for at, parted in zip(which.tolist(), over.tolist(), strict=True):
        if parted:
            events += _parted(meetings, sight, pairs[at])
        elif judged is not None and at in order:
            events += _together(meetings, sight, at, judged, order[at])
    if judged is not None:
        judged.let_go()
    gone = which[what == GONE]
    if len(gone):
        for key in pairs["key"][gone].tolist():
            meetings.forget(key)
        stays = np.ones(len(pairs), np.bool_)
        stays[gone] = False
        meetings.pairs = take_rows(pairs, stays)
    return events


def _look_about(pairs: np.ndarray, sight: Sight, at: np.ndarray, brought: Brought) -> None:
    """Count who lies bow to the wind as they do, half-way to a meeting: of those who wait out a gale, two are the last to leave."""
    if not len(at):
        return
    rows_a, rows_b = brought.both(*tracks_of(pairs["key"][at]), sight.tick_ms, sight.params.rendezvous)
    heard = (rows_a >= 0) & (rows_b >= 0)
    at, parties = at[heard], (brought.parties(rows_a[heard]), brought.parties(rows_b[heard]))
    pairs["alike"][at] = np.minimum(bows_alike(sight, *parties, sight.params.rendezvous), ALIKE_MOST)
    pairs["looked"][at] = 1


def _in_question(meetings: Meetings, other: Meetings, sight: Sight, met: np.ndarray, brought: Brought) -> np.ndarray:
    """int64[k, 3]: of the pairs that have met, those about which there is something to find out, and the places in `brought` of both.

    Where one was not heard lately, we look again next minute. What is told of the two as one kind need not be told as the other.
    """
    if not len(met):
        return np.empty((0, 3), np.int64)
    pairs = take_rows(meetings.pairs, met)
    rows_a, rows_b = brought.both(*tracks_of(pairs["key"]), sight.tick_ms, sight.params.rendezvous)
    asked = (rows_a >= 0) & (rows_b >= 0) & ~_go_on(other, pairs["key"], sight)
    return np.column_stack([met, rows_a, rows_b])[asked]


def _go_on(meetings: Meetings, keys: np.ndarray, sight: Sight) -> np.ndarray:
    """bool[n]: whether pairs of tracks meet now and it is told; those whose place explains it only as long as they are in contact."""
    if not len(meetings.pairs):
        return np.zeros(len(keys), np.bool_)
    at = np.minimum(np.searchsorted(meetings.pairs["key"], keys), len(meetings.pairs) - 1)
    pairs = take_rows(meetings.pairs, at)
    close = sight.tick_ms - pairs["last_ms"] <= sight.params.rendezvous.interpolation_s_max * 1000.0
    told = (pairs["stage"] == OPEN) | (pairs["stage"] == SUPPRESSED) | ((pairs["stage"] == EXPLAINED) & close)
    found: np.ndarray = told & (pairs["key"] == keys)
    return found


def _judged(meetings: Meetings, sight: Sight, question: np.ndarray, brought: Brought) -> Met:
    """All that is known of the pairs in question; of place and company it is asked where nothing is told yet, of the place where it will be told again."""
    pairs, pages = take_rows(meetings.pairs, question[:, 0]), meetings.book.pages
    keys, parties = pairs["key"].tolist(), (brought.parties(question[:, 1]), brought.parties(question[:, 2]))
    judged = Met(meetings.kind, sight, pairs, parties, [meetings.said_of(key) for key in keys])
    fresh = [k for k, key in enumerate(keys) if key not in pages]
    again = [k for k, key in enumerate(keys) if key in pages and pages[key].event.t_end is not None]
    judged.ask(sight, fresh, again)
    for k in fresh:
        meetings.standing[keys[k]] = judged.standing[k]
    return judged


def _together(meetings: Meetings, sight: Sight, at: int, judged: Met, k: int) -> list[Event]:
    """The event of a pair that meets: new, revised, or (the usual answer) nothing."""
    tick_ms, rule, key = sight.tick_ms, judged.rule, judged.keys[k]
    page, reason, exclusions, doubts = meetings.book.pages.get(key), judged.place_reason(k), list[Exclusion](), list[float]()
    late = reason != ""
    if not late:
        exclusions, doubts = explanations(sight, judged.beside(k), rule, judged.standing[k])
        reason = ep.suppressed_reason(exclusions)
    meetings.pairs["harboured"][at] = reason in SUPPRESSED_HARBOUR and not judged.kind.under_way
    meetings.pairs["stage"][at] = OPEN if not reason else EXPLAINED if reason in SUPPRESSED_STANDING else SUPPRESSED
    meetings.pairs["due_ms"][at] = _look_again_ms(meetings.kind, rule, tick_ms, judged.contact_s[k], reason)
    fresh = page is not None and tick_ms - page.emitted_ms < sight.params.revise_s * 1000.0
    told = page.event if page is not None and page.event.t_end is None and page.event.reason == reason else None
    if told is not None and (reason or (fresh and told.measures["transfer_grade"] == judged.transfer(k))):
        return []
    beside = judged.beside(k)
    doubts = doubts_of(beside) if late else doubts
    facts: dict[str, Any] = {
        "state": "candidate" if reason else "open",
        "t_end": None,
        "lat": beside.place[0],
        "lon": beside.place[1],
        "zones": beside.zones,
        "confidence": judged.confidence(k, doubts),
        "reason": reason,
        **(UNWRITTEN if late else judged.words(k, beside, exclusions)),
    }
    fields = _version(page.event, tick_ms, facts) if page else _new_event(meetings.kind, beside, sight, facts)
    event = unwritten(LateEvent(**fields, writer=judged, row=k)) if late else Event(**fields)
    return [meetings.book.turn(key, event)]


def _look_again_ms(kind: Kind, rule: Rendezvous, tick_ms: int, contact_s: float, reason: str) -> int:
    """When this pair is looked at next: sooner if it then becomes a transfer, seldom if something explains it."""
    if reason and not reason.endswith("sar_context"):
        return tick_ms + SUPPRESSED_RECHECK_MS
    ahead_ms = round((rule.transfer_grade_s - contact_s) * 1000.0)
    return tick_ms + (min(ahead_ms, RECHECK_MS) if ahead_ms > 0 and not kind.under_way else RECHECK_MS)


def _new_event(kind: Kind, beside: Beside, sight: Sight, facts: dict[str, Any]) -> dict[str, Any]:
    """The fields of the first version of an event."""
    rule, keys = WAY_RULE if kind.under_way else RULE, [int(one["key"]) for one in beside.both]
    return {
        "event_id": event_id(TYPE, [subject_key(key) for key in keys], beside.since_ms, rule, RULE_VERSION),
        "version": 1,
        "type": TYPE,
        "subtype": "under_way" if kind.under_way else "ais_pair",
        "mmsi": [mmsi_of(key) for key in keys],
        "t_start": beside.since_ms,
        "t_detected": sight.tick_ms,
        "rule": rule,
        "rule_version": RULE_VERSION,
        "params_hash": sight.params.params_hash,
        "profile_hash": "",
        "supersedes": None,
        "exercise": False,
        **facts,
    }


def _version(event: Event, tick_ms: int, changes: dict[str, Any]) -> dict[str, Any]:
    """The fields of the next version of an event."""
    same = {name: getattr(event, name) for name in FIELDS if name not in changes}
    return {**same, **changes, "version": event.version + 1, "t_detected": tick_ms}


def _parted(meetings: Meetings, sight: Sight, pair: np.void) -> list[Event]:
    """Contact has been broken for too long, or they were seen apart: the event closes, and waits to be merged."""
    tick_ms = sight.tick_ms
    key, end_ms = int(pair["key"]), int(pair["last_ms"])
    page = meetings.book.pages[key]
    pair["stage"] = WAITING
    duration_s = ep.tidy("s", (int(pair["done_ms"]) + end_ms - int(pair["segment_ms"])) / 1000.0)
    if isinstance(page.event, LateEvent):  # explained: how far they are apart now is nobody's question
        fields = _version(page.event, tick_ms, {"t_end": end_ms, **UNWRITTEN})
        return [meetings.book.turn(key, unwritten(LateEvent(**fields, writer=Parted(page.event, duration_s))))]
    closed = "closed" if page.event.state == "open" else page.event.state
    measures: dict[str, Value] = {**page.event.measures, "duration_s": duration_s}
    evidence = [one for one in page.event.evidence if one.name != "parting_m"]
    parting_m = None if page.event.reason else sight.around.apart_m(*read_pair(key))
    if parting_m is not None:
        evidence.append(ep.at_least("parting_m", parting_m, sight.params.rendezvous.approach_m))
    return [meetings.book.revise(key, tick_ms, state=closed, t_end=end_ms, measures=measures, evidence=evidence)]
