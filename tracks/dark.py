"""Dark period: silence where a transmitting vessel would have been heard. Definition: docs/behaviours/dark-period.md.

May hold: the watch over silence, its conditions and innocent explanations, its event. May not: the coverage arithmetic
(coverage.py), intent (a dark period is what we did not hear, not what somebody did).

Theory. Once a minute of event time every vessel's age of silence is looked at. At 15 minutes (class B: 30) and then each
five minutes it is judged: the chance of so many silent 5-minute blocks along the reckoned path, given what was heard in
those cells before; were the neighbours heard; is a receiver that used to hear it alive; did it leave coverage or make
port. Only minutes in which the watch itself was listening count as silence (ears.py): a dead source, our own downtime, a sea
from which nothing comes at all, accuse nobody. Gap start is the last transmission heard, not the moment of suspicion.
Life: candidate (kept, not shown) -> suspicious and open near a border or inbound -> closed as reappeared. Late rows move
the start of a silence; if what remains is below the threshold the event is retracted, if the start moves to another ten
minutes it is restated under a new id that names the old one.
"""

from __future__ import annotations

import math
from itertools import compress, pairwise
from typing import Any

import msgspec
import numpy as np
from numba import int32, int64, types

from dogwatch.batch import COG_MISSING, Control, take_rows
from dogwatch.events import START_BUCKET_MS, Event, Evidence, Exclusion, Value, event_id
from dogwatch.geo import KN_MS, NM_M, distance_m
from dogwatch.kernel import kernel
from tracks import episodes as ep
from tracks import subjects
from tracks.detector import Detector, Sight
from tracks.ears import BACK, BACK_TYPE, EAR, EAR_TYPE, HOUR_BUCKETS, Ears
from tracks.key import mmsi_of
from tracks.params import INSHORE_NM, Dark
from tracks.records import ACCEPTED, FIX_TYPE, MARK_SILENT, PLAIN, TAKEN_TYPE
from tracks.silence import CAUSES, Silence, ask_ears, ask_peers, ask_places, ask_watch, due, expected, settle
from tracks.vessels import VesselTable, text_of

TYPE = RULE = "dark"
RULE_VERSION = "1.0"
REASONS = tuple(cause if cause in ("coverage unknown", "") else f"suppressed: {cause}" for cause in CAUSES)  # '': too short, or too little evidence
NEAR_COAST = "nearer to the coast than is asked for"
SAID_MS, SAID_WITHIN_MS = 600_000, 1_800_000  # how often, and how long after a silence, statics are compared with those before it


class DarkDetector(Detector):
    """What the watch knows of its own ears, and the episodes of silence."""

    NAME = "dark"
    COLD = EAR
    POOL = BACK

    def __init__(self) -> None:
        self.book = ep.Book()
        self.ears = Ears()
        self.late: list[tuple[int, int]] = []  # (track key, t_ms) of late rows of tracks in the book, until the next tick
        self.corrected = 0
        self.back: set[int] | None = None  # keys of silent tracks heard since the last tick; None: all must be looked at. No part of the state

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """Who was heard again; late rows of vessels that have an episode."""
        noted = sight.table.noted
        if not self.book.pages or not len(noted):
            return
        late, back = np.empty((2, len(noted)), np.int64)
        n, n_back = _heard_back(fixes, taken, noted, sight.table.cold[self.NAME], sight.table.pools[self.NAME].records, late, back)
        if n_back and self.back is not None:
            self.back.update(sight.table.keys_of(back[:n_back]).tolist())
        if n:
            keys = sight.table.keys_of(taken["slot"][late[:n]])
            self.late += [(key, t_ms) for key, t_ms in zip(keys.tolist(), fixes["t_ms"][late[:n]].tolist()) if key in self.book]

    def join(self, sight: Sight, statics: np.ndarray, slots: np.ndarray) -> None:
        """A static row is a sign of life too."""
        ears = sight.table.cold[self.NAME]
        for at in np.flatnonzero(ears["silence"][slots]):
            back, t = _back_of(sight.table, int(slots[at])), int(statics["t_ms"][at])
            back["back_ms"] = min(int(back["back_ms"]), t) if back["back_ms"] else t
            if self.back is not None:
                self.back.add(sight.table.key_of(int(slots[at])))

    def control(self, sight: Sight, rows: list[Control]) -> None:
        """Keep released control rows until the tick that they precede."""
        self.ears.control(rows)

    def tick(self, sight: Sight) -> list[Event]:
        """Judge every silence that is due; close what was heard again; correct what late rows shortened; learn coverage."""
        rule, table = sight.params.dark, sight.table
        events = self.ears.tick(sight, table.cold[self.NAME][: len(table)])
        events += _corrected(self, sight)
        events += _ended(self, sight)
        if not rule.enabled:
            return events
        slots = due(table, table.cold[self.NAME][: len(table)], sight.tick_ms, rule)
        return events + _judge(self, sight, slots) if len(slots) else events

    def keys(self) -> set[int]:
        """Tracks with an episode."""
        return set(self.book.pages)

    def counts(self) -> dict[str, int]:
        """Minutes in which nobody listened, and late rows that corrected an episode."""
        return {"dark_minutes_deaf": self.ears.minutes_deaf, "dark_corrected": self.corrected}

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"book": self.book.to_sections(), "ears": self.ears.to_sections(), "late": [list(row) for row in self.late], "corrected": self.corrected}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.book, self.ears = ep.Book.from_sections(sections["book"]), Ears.from_sections(sections["ears"])
        self.late = [(row[0], row[1]) for row in sections["late"]]
        self.corrected = sections["corrected"]


def _judge(state: DarkDetector, sight: Sight, slots: np.ndarray, supersedes: str | None = None) -> list[Event]:
    """Silences at one tick (tracks in order of their keys): events begin, change, or (the usual answer) nothing. What costs more is asked of fewer."""
    rule, quiet_ms = sight.params.dark, sight.tick_ms - sight.params.revise_s * 1000.0
    pages = [_running(state, key) for key in sight.table.keys_of(slots).tolist()]
    asked = [not (page and page.event.state == "open" and page.emitted_ms > quiet_ms) for page in pages]
    found, pages = expected(sight, state.ears, slots[asked]), list(compress(pages, asked))
    found, pages = _those(found, pages, (found["blocks"] >= 1) & (_unlikely(found, rule) | np.array([page is not None for page in pages], np.bool_)))
    ask_ears(sight, state.ears, sight.table.cold[DarkDetector.NAME], found)
    ask_peers(sight, found)
    _in_company(found, pages, rule)
    found, pages = _those(found, pages, _news(pages, settle(found, rule, placed=False)))
    ask_places(sight, found)
    found, pages = _those(found, pages, _news(pages, settle(found, rule, placed=True)))
    ask_watch(sight, found)
    events: list[Event] = []
    for row, page in zip(found, pages):
        events += _tell(state, sight, Silence(*row.item()), page, supersedes)
    return events


def _those(found: np.ndarray, pages: list[ep.Episode | None], wanted: np.ndarray) -> tuple[np.ndarray, list[ep.Episode | None]]:
    """What of the silences (SILENCE[n]) and their pages is wanted (bool[n])."""
    return (found, pages) if wanted.all() else (take_rows(found, wanted), list(compress(pages, wanted)))


def _in_company(found: np.ndarray, pages: list[ep.Episode | None], rule: Dark) -> None:
    """What was improbable in company stays so when the company has sailed on or fallen silent later: others were heard in the blocks silent then."""
    company = (found["peers"] >= rule.peers_min) & (found["peers_heard"] >= rule.peers_heard_min * found["peers"])
    for i, page in enumerate(pages):
        if page is None:
            continue
        if company[i]:
            page.notes["p"] = float(found["p"][i])
        elif found["p"][i] <= rule.p_floor_few_peers:
            found["p"][i] = min(float(found["p"][i]), page.notes.get("p", 1.0))


def _unlikely(found: np.ndarray, rule: Dark) -> np.ndarray:
    """bool[n]: silences that a transmitting vessel would hardly keep, or of which nobody can say."""
    unlikely: np.ndarray = (found["p"] < rule.candidate_p_max) | (found["known_cell"] == 0)
    return unlikely if rule.coverage_needed else np.ones(len(found), np.bool_)


def _news(pages: list[ep.Episode | None], causes: np.ndarray) -> np.ndarray:
    """bool[n]: silences of which more is to be said than their pages say, or may be. causes: of `settle`."""
    told = [
        page is not None and cause > 0 and (page.event.state == "open" or (page.event.subtype, page.event.reason) == ("candidate", REASONS[cause - 1]))
        for page, cause in zip(pages, causes.tolist())
    ]
    return ~np.array(told, np.bool_)


def _tell(state: DarkDetector, sight: Sight, silence: Silence, page: ep.Episode | None, supersedes: str | None) -> list[Event]:
    """The event of a silence of which everything is known, if it says more than its page."""
    table, tick_ms, rule = sight.table, sight.tick_ms, sight.params.dark
    slot, key = silence.slot, table.key_of(silence.slot)
    exclusions = _exclusions(silence, rule)
    reason = ep.suppressed_reason(exclusions)
    if rule.coverage_needed and not silence.known_cell:
        reason = reason or "coverage unknown"
    if silence.coast_nm < rule.coast_nm_min:
        reason = reason or NEAR_COAST
    subtype, opened = _grade(silence, rule, reason)
    if not reason and subtype == "suspicious" and not opened:
        reason = "not near a border or watched zone"
    if page and not opened and (page.event.state == "open" or (page.event.subtype, page.event.reason) == (subtype, reason)):
        return []  # what once was open stays open until it is heard again, or late data say otherwise
    facts = _facts(sight, silence, exclusions)
    facts |= {"state": "open" if opened else "candidate", "subtype": subtype, "reason": reason}
    if page:
        events = [state.book.revise(key, tick_ms, **facts)]
    else:
        events = _begin(state, sight, silence, _new_event(key, sight, slot, facts, supersedes))
    if events:
        ears = table.cold[DarkDetector.NAME]
        table.pools[DarkDetector.NAME].of(ears, slot)
        ears["silence"][slot] = 2 if opened or silence.lost_share >= rule.common_cause_share else 1
        table.rows["marks"][slot] |= MARK_SILENT
    return events


def _running(state: DarkDetector, key: int) -> ep.Episode | None:
    """The vessel's silence that has not ended, or None."""
    page = state.book.pages.get(key)
    return page if page and page.event.t_end is None and page.event.state != "retracted" else None


def _begin(state: DarkDetector, sight: Sight, silence: Silence, event: Event) -> list[Event]:
    """Enter a new silence in the book, unless its id was retracted: a retracted id never reopens."""
    slot = silence.slot
    row, key = sight.table.rows[slot], sight.table.key_of(slot)
    old = state.book.pages.get(key)
    if old and old.event.event_id == event.event_id:
        return []
    typical_kn = max(1.0, float(sight.table.more["typical_kn"][slot]), float(row["speed_kn"]))
    notes: dict[str, Any] = {"said": _said(sight.table, slot), "p": float(silence.p)}
    notes |= {"t_ms": int(row["t_ms"]), "lat": int(row["lat"]), "lon": int(row["lon"]), "typical_kn": round(typical_kn, 2), "class_b": int(row["class_b"])}
    return [state.book.open_new(key, event, **notes)]


def _said(table: VesselTable, slot: int) -> dict[str, Any]:
    """What a vessel says of itself and of its voyage, as far as it has said it."""
    static = table.statics[slot]
    said = {name: text_of(static[name]) for name in ("name", "callsign", "destination")}
    return {**said, "draught_dm": int(table.more["draught_dm"][slot]) or None, "imo": int(static["imo"]) or None}


def _changed(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Names of what a vessel says otherwise than before (what was unsaid once is no change), or ''."""
    return ", ".join(name for name, value in before.items() if value is not None and now[name] is not None and now[name] != value)


def _new_event(key: int, sight: Sight, slot: int, facts: dict[str, Any], supersedes: str | None = None) -> Event:
    start_ms = int(sight.table.heard_ms[slot])
    return Event(
        event_id=event_id(TYPE, [subjects.subject_key(key)], start_ms, RULE, RULE_VERSION),
        version=1,
        type=TYPE,
        mmsi=[mmsi_of(key)],
        t_start=start_ms,
        t_end=None,
        t_detected=sight.tick_ms,
        rule=RULE,
        rule_version=RULE_VERSION,
        params_hash=sight.params.params_hash,
        supersedes=supersedes,
        **facts,
    )


def _grade(silence: Silence, rule: Dark, reason: str) -> tuple[str, bool]:
    """(subtype, open?) of a silence that no exclusion explains."""
    need_s = rule.suspicious_s_b if silence.class_b else rule.suspicious_s_a
    strong = silence.p < rule.suspicious_p_max and silence.coverage >= rule.coverage_min
    if reason or silence.gap_s < need_s or (rule.coverage_needed and not strong):
        return "candidate", False
    if silence.watch_nm <= rule.border_nm_max or not math.isnan(silence.inbound_s):
        return "suspicious", True
    return ("within_range", True) if silence.reach_nm >= silence.watch_nm else ("suspicious", False)


def _exclusions(silence: Silence, rule: Dark) -> list[Exclusion]:
    stopped, in_mask = bool(silence.stopped), bool(silence.in_mask)
    common = silence.peers > 0 and silence.lost_share >= rule.common_cause_share
    return [
        ep.checked("receiver_down", bool(silence.receivers_lost), yes="silent", no="heard", suppress=True),
        ep.checked("common_cause", common, ep.tidy("share", silence.lost_share), suppress=True),
        ep.checked("fading", rule.coverage_needed and bool(silence.fading), suppress=True),
        ep.checked("stopped_in_port_or_anchorage", stopped and in_mask, suppress=True),
        ep.checked("stopped_inshore", stopped and not in_mask and silence.coast_nm < INSHORE_NM and not silence.in_watch_zone, suppress=True),
        ep.checked("reckoned_into_port_or_ashore", bool(silence.reckoned_ashore), suppress=True),
        ep.checked("leaving_coverage", rule.coverage_needed and bool(silence.leaving), suppress=True),
        ep.checked("few_peers", silence.peers < rule.peers_min, silence.peers),
    ]


def _facts(sight: Sight, silence: Silence, exclusions: list[Exclusion]) -> dict[str, Any]:
    table, rule, slot = sight.table, sight.params.dark, silence.slot
    row, reports = table.rows[slot], reports_1h(table, slot)
    lat_deg, lon_deg = ep.degrees_of(int(row["lat"]), int(row["lon"]))
    confidence = rule.prior / (rule.prior + (1.0 - rule.prior) * silence.p)
    return {
        "subjects": [subjects.subject_of(table, slot)],
        "lat": lat_deg,
        "lon": lon_deg,
        "zones": sight.geography.relations(lat_deg, lon_deg),
        "measures": _measures(row, silence),
        "evidence": _evidence(row, reports, silence, rule),
        "exclusions": exclusions,
        "confidence": round(float(min(rule.confidence_cap, confidence)), 3),
        "quality": {
            "coverage_p": ep.tidy("share", silence.coverage),
            "reports_1h": reports,
            "peers": silence.peers,
            "blocks_listened": silence.blocks,
            "receiver": sight.coverage.groups[silence.group],
        },
    }


def _measures(row: np.void, silence: Silence) -> dict[str, Value]:
    reckoned_lat, reckoned_lon = ep.degrees_of(silence.reckoned_lat, silence.reckoned_lon)
    return {
        "gap_s": ep.tidy("s", silence.gap_s),
        "p_silence": ep.probability(silence.p),
        "coverage_share": ep.tidy("share", silence.coverage),
        "blocks_silent": silence.blocks,
        "peers": silence.peers,
        "peers_heard": silence.peers_heard,
        "speed_kn": ep.tidy("kn", float(row["speed_kn"])) if row["speed_kn"] >= 0 else None,
        "course_deg": int(row["cog"]) / 10 if row["cog"] < COG_MISSING else None,
        "reckoned_lat": reckoned_lat,
        "reckoned_lon": reckoned_lon,
        "coast_distance_nm": ep.tidy("nm", silence.coast_nm),
        "watch_distance_nm": ep.tidy("nm", silence.watch_nm),
        "reach_nm": ep.tidy("nm", silence.reach_nm),
        "inbound_s": None if math.isnan(silence.inbound_s) else silence.inbound_s,
    }


def _evidence(row: np.void, reports: int, silence: Silence, rule: Dark) -> list[Evidence]:
    """Observed against what `suspicious` asks for; a candidate shows here what it still lacks."""
    need_s = rule.suspicious_s_b if row["class_b"] else rule.suspicious_s_a
    heard_share = silence.peers_heard / silence.peers if silence.peers else 0.0
    p = ep.probability(silence.p)
    return [
        ep.at_least("gap_s", silence.gap_s, need_s),
        Evidence("p_silence", p, "<", rule.suspicious_p_max, ep.probability(rule.suspicious_p_max - silence.p), silence.p < rule.suspicious_p_max),
        ep.at_least("coverage_share", silence.coverage, rule.coverage_min),
        ep.at_least("peers", silence.peers, rule.peers_min),
        ep.at_least("peers_heard_share", heard_share, rule.peers_heard_min),
        ep.at_least("reports_1h", reports, rule.reports_1h_min),
        ep.at_most("watch_distance_nm", silence.watch_nm, rule.border_nm_max),
    ]


def reports_1h(table: VesselTable, slot: int) -> int:
    """Positions of a track in its last running 10-minute bucket and the six before it."""
    ear = table.cold[DarkDetector.NAME][slot]
    return int(table.rows["reports"][slot]) - int(ear["totals"][(int(ear["bucket"]) + 1) % HOUR_BUCKETS])


def _ended(state: DarkDetector, sight: Sight) -> list[Event]:
    """Episodes whose vessel was heard again; each hour, those that have lasted beyond their limit, and old pages leave the book."""
    table, tick_ms, rule = sight.table, sight.tick_ms, sight.params.dark
    events = []
    for slot in _returned(state, table):
        events.append(_heard_again(state, sight, slot))
        _forget_silence(table, slot)
    if tick_ms % SAID_MS:
        return events
    for key in sorted(state.book.pages):
        page = state.book.pages[key]
        if page.event.t_end is not None and page.event.state != "retracted":
            events += _said_otherwise(state, sight, key)
        if _running(state, key) is None:
            if tick_ms - page.emitted_ms > rule.correct_s_max * 1000.0:
                del state.book.pages[key]
        elif tick_ms - page.event.t_start > rule.open_s_max * 1000.0:
            _forget_silence(table, table.slot_of_key(key))
            events.append(state.book.revise(key, tick_ms, state=_final(page.event), t_end=tick_ms, reason="silent beyond the limit of the watch"))
    return events


def _returned(state: DarkDetector, table: VesselTable) -> list[int]:
    """Slots, in order of their keys, of silent tracks that were heard since the last tick."""
    keys, state.back = state.back, set()
    if keys is None:
        backs = table.pools[DarkDetector.NAME].records[table.cold[DarkDetector.NAME]["at"][: len(table)]]
        slots = table.in_order(np.flatnonzero(backs["back_ms"])).tolist()
    else:
        slots = [slot for slot in map(table.slot_of_key, sorted(keys)) if slot >= 0 and _back_of(table, slot)["back_ms"]]
    return slots if state.book.pages else []


def _said_otherwise(state: DarkDetector, sight: Sight, key: int) -> list[Event]:
    """Statics come minutes after the first position: a name, draught or destination that changed while it was silent is told once it is known."""
    page = state.book.pages[key]
    if sight.tick_ms - page.event.t_end > SAID_WITHIN_MS:  # type: ignore[operator]  # it has ended
        return []
    slot = sight.table.slot_of_key(key)
    if slot < 0:
        return []
    changed = _changed(page.notes["said"], _said(sight.table, slot))
    if changed == page.event.measures.get("changed_while_silent", ""):
        return []
    return [state.book.revise(key, sight.tick_ms, measures={**page.event.measures, "changed_while_silent": changed})]


def _final(event: Event) -> str:
    """State of an event that is over: a candidate never becomes more than a candidate."""
    return "closed" if event.state == "open" else event.state


def _forget_silence(table: VesselTable, slot: int) -> None:
    if slot < 0:
        return
    ears = table.cold[DarkDetector.NAME]
    if ears["silence"][slot] == 2:
        ears["block"][slot] = 0  # what a suspect did not send says nothing about coverage
    ears["silence"][slot] = 0
    table.pools[DarkDetector.NAME].give_back(ears, np.array([slot]))
    table.rows["marks"][slot] &= 0xFF ^ MARK_SILENT


def _back_of(table: VesselTable, slot: int) -> np.void:
    """How a silent track was heard again; all zero: it was not, or is not silent."""
    record: np.void = table.pools[DarkDetector.NAME].records[table.cold[DarkDetector.NAME]["at"][slot]]
    return record


def _heard_again(state: DarkDetector, sight: Sight, slot: int) -> Event:
    """The silence is over: how long, how far, and how much of it the distance does not explain."""
    back, key = _back_of(sight.table, slot), sight.table.key_of(slot)
    page = state.book.pages[key]
    event, notes = page.event, page.notes
    gap_s = (int(back["back_ms"]) - event.t_start) / 1000.0
    measures: dict[str, Value] = {**event.measures, "gap_s": ep.tidy("s", gap_s)}
    if int(back["fix_ms"]):
        moved_m = distance_m(notes["lat"], notes["lon"], int(back["lat"]), int(back["lon"]))
        between_s = max(1.0, (int(back["fix_ms"]) - notes["t_ms"]) / 1000.0)
        lat_deg, lon_deg = ep.degrees_of(int(back["lat"]), int(back["lon"]))
        measures |= {
            "distance_nm": ep.tidy("nm", moved_m / NM_M),
            "implied_kn": ep.tidy("kn", moved_m / between_s / KN_MS),
            "unexplained_s": ep.tidy("s", max(0.0, gap_s - moved_m / (notes["typical_kn"] * KN_MS))),
            "reappeared_lat": lat_deg,
            "reappeared_lon": lon_deg,
        }
    subtype = "reappeared" if event.state == "open" else event.subtype
    return state.book.revise(key, sight.tick_ms, state=_final(event), subtype=subtype, t_end=int(back["back_ms"]), measures=measures)


def _corrected(state: DarkDetector, sight: Sight) -> list[Event]:
    """What late rows change: a silence is shortened, restated under a new start, or retracted."""
    late, state.late = sorted(set(state.late)), []
    tick_ms, events = sight.tick_ms, []
    for key in sorted({row[0] for row in late}):
        page = state.book.pages.get(key)
        if page is None or page.event.state == "retracted":
            continue
        event = page.event
        end_ms = tick_ms if event.t_end is None else event.t_end
        inside = [t for k, t in late if k == key and event.t_start < t < end_ms]
        if not inside:
            continue
        state.corrected += len(inside)
        if event.t_end is None:
            events += _shortened_running(state, sight, sight.table.slot_of_key(key), max(inside))
        else:
            edges = [event.t_start, *inside, end_ms]
            _, start_ms = max((b - a, -a) for a, b in pairwise(edges))
            start_ms = -start_ms
            events += _shortened_past(state, sight, key, start_ms, edges[edges.index(start_ms) + 1])
    return events


def _enough_s(event: Event, class_b: int, rule: Dark) -> float:
    """Silence below which the event would not have its subtype."""
    if event.subtype == "candidate":
        return rule.candidate_s_b if class_b else rule.candidate_s_a
    return rule.suspicious_s_b if class_b else rule.suspicious_s_a


def _shortened_running(state: DarkDetector, sight: Sight, slot: int, start_ms: int) -> list[Event]:
    key, tick_ms = sight.table.key_of(slot), sight.tick_ms
    page = state.book.pages[key]
    gap_s = (tick_ms - start_ms) / 1000.0
    enough = gap_s >= _enough_s(page.event, page.notes["class_b"], sight.params.dark)
    measures: dict[str, Value] = {**page.event.measures, "gap_s": ep.tidy("s", gap_s)}
    if same_bucket(page.event.t_start, start_ms):
        kept = {"state": page.event.state} if enough else {"state": "candidate", "subtype": "candidate"}
        return [state.book.revise(key, tick_ms, t_start=start_ms, measures=measures, reason="shortened by late data", **kept)]
    old = state.book.revise(key, tick_ms, state="retracted", reason="restated" if enough else "late_data")
    _forget_silence(sight.table, slot)
    return [old, *(_judge(state, sight, np.array([slot], np.int64), old.event_id) if enough else [])]


def _shortened_past(state: DarkDetector, sight: Sight, key: int, start_ms: int, end_ms: int) -> list[Event]:
    page, tick_ms = state.book.pages[key], sight.tick_ms
    gap_s = (end_ms - start_ms) / 1000.0
    needed_s = _enough_s(page.event, page.notes["class_b"], sight.params.dark)
    if gap_s < needed_s:
        return [state.book.revise(key, tick_ms, state="retracted", reason="late_data")]
    changes: dict[str, Any] = {"t_start": start_ms, "t_end": end_ms, "measures": {**page.event.measures, "gap_s": ep.tidy("s", gap_s)}}
    if same_bucket(page.event.t_start, start_ms):
        return [state.book.revise(key, tick_ms, reason="shortened by late data", **changes)]
    before, notes = page.event, page.notes
    old = state.book.revise(key, tick_ms, state="retracted", reason="restated")
    identity = event_id(TYPE, [subjects.subject_key(key)], start_ms, RULE, RULE_VERSION)
    new = msgspec.structs.replace(before, event_id=identity, version=1, t_detected=tick_ms, supersedes=old.event_id, reason="shortened by late data", **changes)
    return [old, state.book.open_new(key, new, **notes)]


def same_bucket(a_ms: int, b_ms: int) -> bool:
    """Whether two starts give an event the same id."""
    return a_ms // START_BUCKET_MS == b_ms // START_BUCKET_MS


@kernel(types.UniTuple(int64, 2)(FIX_TYPE[::1], TAKEN_TYPE[::1], int32[::1], EAR_TYPE[::1], BACK_TYPE[::1], int64[::1], int64[::1]), **PLAIN)
def _heard_back(fixes, taken, noted, ears, backs, late, slots):
    """Note the first transmission and the first position of every track that was silent, and write its slot (once or more) to `slots`.

    noted: numbers of the rows to look at (`associate`). Writes those of late rows to `late`. Returns how many of both: (late, back).
    """
    n, n_back = 0, 0
    for i in noted:
        if taken[i]["late"] != 0:
            late[n] = i
            n += 1
            continue
        at = ears[taken[i]["slot"]]["at"]
        if at == 0:  # a track born anew is not silent, whatever the one before it in this slot was
            continue
        slots[n_back] = taken[i]["slot"]
        n_back += 1
        back = backs[at]
        if back["back_ms"] == 0:
            back["back_ms"] = fixes[i]["t_ms"]
        if taken[i]["what"] == ACCEPTED and back["fix_ms"] == 0:
            back["fix_ms"] = fixes[i]["t_ms"]
            back["lat"] = fixes[i]["lat"]
            back["lon"] = fixes[i]["lon"]
    return n, n_back
