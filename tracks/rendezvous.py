"""Rendezvous: two transmitting vessels so close, so slow (or so evenly abreast), so long that people or goods could pass.

May hold: when a pair has met, its event. May not: the search for contacts (contacts.py), what is remembered of a pair (pairs.py), innocent
explanations (alongside.py), loitering or dark partners. Definition: docs/behaviours/rendezvous.md.

Theory. Contacts of a minute are entered into pairs; a pair that has been in contact long enough, with enough reports of each, has met. There
are two kinds of contact, each with pairs of its own: still (both slow) and abreast (both under way at one speed on one course). State is
kept per pair: a vessel may meet several others at once. A pair is decided only in a minute in which both were heard lately, from
rows that travel with the tick: nothing is looked up in the table of another shard.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dogwatch.batch import take_rows
from dogwatch.events import Event, Evidence, Value, event_id
from tracks import episodes as ep
from tracks.alongside import ANCHORAGE, HARBOUR, WEATHER, Beside, explanations, grounds, neighbours, shores
from tracks.cells import search
from tracks.contacts import ABREAST, AGE_FACTOR, SLOW_REPORT_S, STILL, Found, Room, find_contacts, near_rows
from tracks.detector import Detector, Home, Sight
from tracks.pairs import DISTANCE_BINS, GONE, MET, OPEN, PAIR, PARTED, SUPPRESSED, WAITING, due, enter
from tracks.params import Params, Rendezvous
from tracks.parties import Brought, Party, farthest_m, gathered, subject, told
from tracks.unheard import seen_apart

TYPE = RULE = "rendezvous"
WAY_RULE = "rendezvous_under_way"
RULE_VERSION = "1.2"
RECHECK_MS = 600_000  # how often an open meeting is asked again whether something explains it (statics come each 6 min)
SUPPRESSED_RECHECK_MS = 1_800_000
WAY_REPORT_S = 60.0  # a report a minute of each is all the evidence that side by side under way needs
TRACK_BITS = 32
STANDING = tuple(f"suppressed: {name}" for name in (HARBOUR, ANCHORAGE, WEATHER))  # what the place said once; before them only masks are asked about
Pair = dict[str, Any]  # the fields of a PAIR row by name, and `median_m`: see `_median_distances_m`
CROWD_FROM = 16  # newly met at once: for fewer a pass over all vessels is not worth it


@dataclass(slots=True)
class Meetings:
    """Pairs of one kind of contact, sorted by key, and their events."""

    kind: int
    pairs: np.ndarray = field(default_factory=lambda: np.empty(0, PAIR))
    book: ep.Book = field(default_factory=ep.Book)

    @property
    def under_way(self) -> bool:
        """Abreast, not still."""
        return self.kind == ABREAST

    def duration_s(self, rule: Rendezvous) -> float:
        """How long contact must last."""
        return rule.way_duration_s_min if self.under_way else rule.duration_s_min

    def reports(self, rule: Rendezvous) -> int:
        """How many reports of each it takes."""
        return rule.way_reports_min if self.under_way else rule.reports_min

    def unheard_ms(self, rule: Rendezvous) -> float:
        """Longest break that does not end the contact if nobody saw the two apart: who is under way is somewhere else by then."""
        return 1000.0 * (rule.interpolation_s_max if self.under_way else max(rule.interpolation_s_max, rule.unheard_s_max))

    def widest_m(self, rule: Rendezvous) -> float:
        """Greatest distance of a contact of this kind."""
        return rule.way_m_max if self.under_way else rule.distance_m_ceiling


class RendezvousDetector(Detector):
    """Who is in contact, and the meetings that came of it."""

    NAME = "rendezvous"
    PAIRS = True

    def __init__(self) -> None:
        self.still, self.abreast = Meetings(STILL), Meetings(ABREAST)
        self.refused = self.crowded = self.examined = 0
        self._room = Room()  # written over at each tick

    def bring(self, sight: Sight) -> Brought | None:
        """Those of this table who may be in contact at this tick."""
        return self._near(sight) if sight.params.rendezvous.enabled else None

    def share(self, parts: list[Brought], params: Params, home: Home) -> list[Brought]:
        """All rows, and the contacts whose smaller track is at home there."""
        together = gathered(parts)
        found = search(together.near, params.rendezvous)
        smaller = (found.contacts["key"] >> np.uint64(TRACK_BITS)).astype(np.int64)
        contact_home, row_home = home(smaller), home(together.near["key"])
        out = []
        for k in range(len(parts)):
            part = Found(take_rows(found.contacts, contact_home == k), found.crowds & (row_home == k), found.examined if k == 0 else 0)
            out.append(Brought(together.near, together.trail, None, together.party, part))
        return out

    def _near(self, sight: Sight) -> Brought:
        return Brought(near_rows(sight.table, sight.tick_ms, sight.params.rendezvous, self._room), sight.table.trail, sight.table)

    def tick(self, sight: Sight) -> list[Event]:
        """Decide one minute for all pairs whose smaller track is at home here."""
        rule = sight.params.rendezvous
        if not rule.enabled:
            return []
        brought = sight.brought(self.NAME) or self._near(sight)
        found = brought.found or find_contacts(brought.near, rule, self._room)
        self.crowded += found.crowded
        self.examined += found.examined
        events: list[Event] = []
        for meetings, other in ((self.still, self.abreast), (self.abreast, self.still)):
            if len(meetings.pairs) or len(found.contacts):
                self.refused += _enter(meetings, found, sight, brought)
                events += _settle(meetings, other, sight, brought)
        return events

    def keys(self) -> set[int]:
        """Tracks of all pairs."""
        keys = np.concatenate([self.still.pairs["key"], self.abreast.pairs["key"]])
        return set((keys >> np.uint64(TRACK_BITS)).tolist()) | set((keys & np.uint64(0xFFFFFFFF)).tolist())

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
            meetings.pairs, meetings.book = sections[name]["pairs"].copy(), ep.Book.from_sections(sections[name]["book"])
        self.refused, self.crowded = sections["refused"], sections["crowded"]

    def _kinds(self) -> tuple[tuple[str, Meetings], ...]:
        return ("still", self.still), ("abreast", self.abreast)


def _enter(meetings: Meetings, found: Found, sight: Sight, brought: Brought) -> int:
    """Put the contacts of a tick into the pairs; returns how many found no room."""
    rule = sight.params.rendezvous
    breaks_ms = (rule.interpolation_s_max * 1000.0, meetings.unheard_ms(rule))
    speed_max = rule.way_kn_max if meetings.under_way else rule.speed_kn_max
    limits = (speed_max, *breaks_ms, rule.speed_kn_gate, meetings.widest_m(rule) / DISTANCE_BINS)
    meetings.pairs, new, refused = enter(meetings.pairs, found.contacts, meetings.kind, brought.near, brought.trail, limits, rule.pairs_max)
    if len(new):
        at = np.searchsorted(meetings.pairs["key"], new["key"])
        meetings.pairs["approach_m"][at] = farthest_m(brought.trails(new["a"]), brought.trails(new["b"]), sight.tick_ms, rule.approach_m)
    return refused


def _settle(meetings: Meetings, other: Meetings, sight: Sight, brought: Brought) -> list[Event]:
    """Events of pairs that became a rendezvous, go on, or have parted; the others are forgotten in time."""
    rule, pairs = sight.params.rendezvous, meetings.pairs
    if not len(pairs):
        return []
    unheard_ms = meetings.unheard_ms(rule)
    patience = (rule.interpolation_s_max * 1000.0, unheard_ms, unheard_ms + AGE_FACTOR * SLOW_REPORT_S * 1000.0, max(unheard_ms, rule.merge_s * 1000.0))
    which, what = due(pairs, sight.tick_ms, meetings.duration_s(rule) * 1000.0, meetings.reports(rule), patience)
    events: list[Event] = []
    met = which[what == MET]
    question = _in_question(meetings, other, sight, met, brought) if len(met) else met
    judged = _beside(meetings, sight, question, brought) if len(question) else {}
    for at, said in zip(which.tolist(), what.tolist()):
        key = int(pairs["key"][at])
        if said == MET:
            if at in judged:
                events += _together(meetings, sight, at, *judged[at])
        elif said == GONE:
            meetings.book.pages.pop(key, None)
        elif said == PARTED or _seen_apart(sight, pairs[at]):
            events += _parted(meetings, sight, at)
    gone = which[what == GONE]
    if len(gone):
        stays = np.ones(len(pairs), np.bool_)
        stays[gone] = False
        meetings.pairs = take_rows(pairs, stays)
    return events


def _in_question(meetings: Meetings, other: Meetings, sight: Sight, met: np.ndarray, brought: Brought) -> np.ndarray:
    """int64[k, 3]: of the pairs that have met, those about which there is something to find out, and the rows of `brought.near` of both.

    Where one was not heard lately, we look again next minute. What the place said of two that are still stands as long as they lie together.
    """
    pairs, told = meetings.pairs, other.book.pages
    keys = pairs["key"][met]
    rows_a, rows_b = brought.both((keys >> np.uint64(TRACK_BITS)).astype(np.int64), (keys & np.uint64(0xFFFFFFFF)).astype(np.int64))
    asked, stands = (rows_a >= 0) & (rows_b >= 0), np.zeros(len(met), np.bool_)
    for k, key in enumerate(keys.tolist()):
        page, elsewhere = meetings.book.pages.get(key), told.get(key)
        if elsewhere is not None and elsewhere.event.t_end is None:
            asked[k] = False  # what is told of the two as one kind need not be told as the other
        elif page is not None and not meetings.under_way:
            stands[k] = page.event.t_end is None and page.event.reason in STANDING
    pairs["stage"][met[asked & stands]] = SUPPRESSED
    pairs["due_ms"][met[asked & stands]] = sight.tick_ms + SUPPRESSED_RECHECK_MS
    asked &= ~stands
    return np.column_stack([met, rows_a, rows_b])[asked]


def _together(meetings: Meetings, sight: Sight, at: int, pair: Pair, beside: Beside) -> list[Event]:
    """The event of a pair that meets: new, revised, or (the usual answer) nothing."""
    tick_ms, params, rule, key = sight.tick_ms, sight.params, sight.params.rendezvous, int(pair["key"])
    page, contact_s = meetings.book.pages.get(key), _contact_s(pair)
    transfer = not meetings.under_way and contact_s >= rule.transfer_grade_s
    exclusions, doubts = explanations(sight, beside, rule, page.event.exclusions if page else [])
    reason = ep.suppressed_reason(exclusions)
    meetings.pairs["stage"][at] = SUPPRESSED if reason else OPEN
    meetings.pairs["due_ms"][at] = _look_again_ms(meetings, rule, tick_ms, contact_s, reason)
    fresh = page is not None and tick_ms - page.emitted_ms < params.revise_s * 1000.0
    if page and page.event.t_end is None and page.event.reason == reason and (reason or (fresh and page.event.measures["transfer_grade"] == transfer)):
        return []
    facts: dict[str, Any] = {
        "state": "candidate" if reason else "open",
        "subjects": [subject(beside.a), subject(beside.b)],
        "t_end": None,
        "lat": beside.place[0],
        "lon": beside.place[1],
        "zones": beside.zones,
        "measures": _measures(pair, beside, transfer=transfer),
        "evidence": _evidence(meetings, pair, beside, rule),
        "exclusions": exclusions,
        "confidence": _confidence(meetings, pair, rule, doubts),
        "reason": reason,
        "quality": _quality(pair),
    }
    if page:
        return [meetings.book.revise(key, tick_ms, **facts)]
    return [meetings.book.open_new(key, _new_event(meetings, int(pair["start_ms"]), sight, facts))]


def _beside(meetings: Meetings, sight: Sight, question: np.ndarray, brought: Brought) -> dict[int, tuple[Pair, Beside]]:
    """A pair, and what is known of the two when they are judged, by the row of the pair: asked for all of them at once.

    Of place and company it is asked only where nothing is told yet.
    """
    rule, pairs = sight.params.rendezvous, meetings.pairs
    a, b = brought.parties(question[:, 1]), brought.parties(question[:, 2])
    rows = question[:, 0].tolist()
    coast_nm, masked = shores(sight.geography, a, b, under_way=meetings.under_way)
    asked_pairs = take_rows(pairs, question[:, 0])
    told_pairs = told(asked_pairs)
    places = [_centre_deg(pair) for pair in told_pairs]
    new = [k for k, at in enumerate(rows) if int(pairs["key"][at]) not in meetings.book.pages]
    asked = dict(zip(new, grounds(sight.geography, [places[k] for k in new]), strict=True)) if new else {}
    near = dict(zip(new, neighbours(sight, a[new], b[new], rule, bows=not meetings.under_way), strict=True)) if len(new) >= CROWD_FROM else {}
    medians_m, found, of_a, of_b = _median_distances_m(meetings, asked_pairs, rule).tolist(), {}, told(a), told(b)
    for k, (at, pair) in enumerate(zip(rows, told_pairs, strict=True)):
        pair["median_m"] = medians_m[k]
        ways = (float(pair["speed_a"]) / int(pair["reports_a"]), float(pair["speed_b"]) / int(pair["reports_b"]))
        hull, since_ms = _one_hull(meetings, pair, of_a[k], of_b[k], rule), int(pair["start_ms"])
        shore = sight.geography, coast_nm[k], masked[k]
        found[at] = pair, Beside(of_a[k], of_b[k], since_ms, places[k], ways, *shore, meetings.under_way, hull, asked.get(k), near.get(k))
    return found


def _one_hull(meetings: Meetings, pair: Pair, a: Party, b: Party, rule: Rendezvous) -> bool:
    """Never farther apart than the longer one is long, and not seen farther apart before."""
    loa_m, approach_m = float(max(int(a["loa_m"]), int(b["loa_m"]))), float(pair["approach_m"])
    together_s = (int(pair["last_ms"]) - int(pair["segment_ms"])) / 1000.0
    return bool(pair["widest_m"] < loa_m and approach_m < loa_m and (approach_m >= 0 or (meetings.under_way and together_s >= rule.one_hull_s)))


def _look_again_ms(meetings: Meetings, rule: Rendezvous, tick_ms: int, contact_s: float, reason: str) -> int:
    """When this pair is looked at next: sooner if it then becomes a transfer, seldom if something explains it."""
    if reason and not reason.endswith("sar_context"):
        return tick_ms + SUPPRESSED_RECHECK_MS
    ahead_ms = round((rule.transfer_grade_s - contact_s) * 1000.0)
    return tick_ms + (min(ahead_ms, RECHECK_MS) if ahead_ms > 0 and not meetings.under_way else RECHECK_MS)


def _new_event(meetings: Meetings, start_ms: int, sight: Sight, facts: dict[str, Any]) -> Event:
    rule = WAY_RULE if meetings.under_way else RULE
    return Event(
        event_id=event_id(TYPE, [one.key for one in facts["subjects"]], start_ms, rule, RULE_VERSION),
        version=1,
        type=TYPE,
        subtype="under_way" if meetings.under_way else "ais_pair",
        mmsi=[one.mmsi for one in facts["subjects"]],
        t_start=start_ms,
        t_detected=sight.tick_ms,
        rule=rule,
        rule_version=RULE_VERSION,
        params_hash=sight.params.params_hash,
        **facts,
    )


def _seen_apart(sight: Sight, pair: np.void) -> bool:
    """Whether two without contact were heard where those who stay together are not."""
    key, was = int(pair["key"]), (int(pair["last_ms"]), int(pair["mid_lat"]), int(pair["mid_lon"]))
    rule = sight.params.rendezvous
    return seen_apart(sight, (key >> TRACK_BITS, key & 0xFFFFFFFF), was, rule.distance_m_ceiling, rule)


def _parted(meetings: Meetings, sight: Sight, at: int) -> list[Event]:
    """Contact has been broken for too long, or they were seen apart: the event closes, and waits to be merged."""
    pair, tick_ms = meetings.pairs[at], sight.tick_ms
    key = int(pair["key"])
    page = meetings.book.pages[key]
    pair["stage"] = WAITING
    closed = "closed" if page.event.state == "open" else page.event.state
    measures: dict[str, Value] = {**page.event.measures, "duration_s": ep.tidy("s", _contact_s(pair))}
    evidence = [one for one in page.event.evidence if one.name != "parting_m"]
    parting_m = sight.around.apart_m(key >> TRACK_BITS, key & 0xFFFFFFFF)
    if parting_m is not None and not page.event.reason:
        evidence.append(ep.at_least("parting_m", parting_m, sight.params.rendezvous.approach_m))
    return [meetings.book.revise(key, tick_ms, state=closed, t_end=int(pair["last_ms"]), measures=measures, evidence=evidence)]


def _contact_s(pair: Pair | np.void) -> float:
    """Seconds of contact in all segments of the episode."""
    return (int(pair["done_ms"]) + int(pair["last_ms"]) - int(pair["segment_ms"])) / 1000.0


def _centre_deg(pair: Pair) -> tuple[float, float]:
    n = int(pair["contacts"])
    return ep.degrees_of(int(pair["lat"]) + int(pair["sum_y"]) / n, int(pair["lon"]) + int(pair["sum_x"]) / n)


def contact_distance_m(loa_a: int, loa_b: int, rule: Rendezvous) -> float:
    """Distance that counts as contact for two lengths (0 = unknown: the ceiling)."""
    if loa_a == 0 or loa_b == 0:
        return rule.distance_m_ceiling
    return max(rule.distance_m_floor, min(rule.distance_m_ceiling, rule.distance_loa_factor * max(loa_a, loa_b)))


def _median_distances_m(meetings: Meetings, pairs: np.ndarray, rule: Rendezvous) -> np.ndarray:
    """float64[n]: median of the contact distances of PAIR rows, to the middle of its bin."""
    total = np.cumsum(pairs["distances"], axis=1, dtype=np.int64)
    median_m = ((2 * total < total[:, -1:]).sum(axis=1) + 0.5) * meetings.widest_m(rule) / DISTANCE_BINS
    found: np.ndarray = np.minimum(pairs["widest_m"].astype(np.float64), np.maximum(pairs["nearest_m"].astype(np.float64), median_m))
    return found


def _evidence(meetings: Meetings, pair: Pair, beside: Beside, rule: Rendezvous) -> list[Evidence]:
    limit_m = rule.way_m_max if meetings.under_way else contact_distance_m(int(beside.a["loa_m"]), int(beside.b["loa_m"]), rule)
    segment_s = (int(pair["last_ms"]) - int(pair["segment_ms"])) / 1000.0
    found = [
        ep.at_most("distance_m_median", min(limit_m, pair["median_m"]), limit_m),
        ep.at_least("duration_s", segment_s, meetings.duration_s(rule)),
        ep.at_least("reports_each", min(int(pair["reports_a"]), int(pair["reports_b"])), meetings.reports(rule)),
    ]
    if meetings.under_way:
        found += [ep.at_least("speed_kn_lower", min(beside.ways), rule.way_kn_min), ep.at_most("speed_kn_higher", max(beside.ways), rule.way_kn_max)]
    else:
        slow_share = min(int(pair["slow_a"]) / int(pair["reports_a"]), int(pair["slow_b"]) / int(pair["reports_b"]))
        found.append(ep.at_least("slow_report_share", slow_share, 0.5))
    if pair["approach_m"] >= 0:  # evidence, not a condition: where they came from
        found.append(ep.at_least("approach_m", float(pair["approach_m"]), rule.approach_m))
    return found


def _measures(pair: Pair, beside: Beside, *, transfer: bool) -> dict[str, Value]:
    return {
        "duration_s": ep.tidy("s", _contact_s(pair)),
        "distance_m_median": ep.tidy("m", pair["median_m"]),
        "distance_m_min": ep.tidy("m", float(pair["nearest_m"])),
        "speed_kn_mean_a": ep.tidy("kn", float(pair["speed_a"]) / int(pair["reports_a"])),
        "speed_kn_mean_b": ep.tidy("kn", float(pair["speed_b"]) / int(pair["reports_b"])),
        "transfer_grade": transfer,
        "coast_distance_nm": ep.tidy("nm", beside.ground.coast_nm),
        "watch_distance_nm": ep.tidy("nm", beside.ground.watch_nm),
    }


def _quality(pair: Pair) -> dict[str, Value]:
    share = ep.tidy("share", int(pair["bridged_ms"]) / 1000.0 / max(1.0, _contact_s(pair)))
    return {"reports_a": int(pair["reports_a"]), "reports_b": int(pair["reports_b"]), "contacts": int(pair["contacts"]), "interpolated_share": share}


def _confidence(meetings: Meetings, pair: Pair, rule: Rendezvous, doubts: list[float]) -> float:
    segment_s = (int(pair["last_ms"]) - int(pair["segment_ms"])) / 1000.0
    expected = max(1.0, segment_s / (WAY_REPORT_S if meetings.under_way else SLOW_REPORT_S))
    data = min(int(pair["reports_a"]), int(pair["reports_b"])) / expected
    return ep.confidence_of(rule.confidence_cap, ep.margin_quality(segment_s, meetings.duration_s(rule)), data, doubts)
