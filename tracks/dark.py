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

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numba import boolean, float64, int64, njit, types

from dogwatch.batch import COG_MISSING, T_MISSING, Control
from dogwatch.events import START_BUCKET_MS, Event, Evidence, Exclusion, Value, event_id
from dogwatch.geo import HALF_TURN, KN_MS, M_PER_UNIT, NM_M, cos_lat, distance_m
from tracks import episodes as ep
from tracks import subjects
from tracks.around import SIGHTING_TYPE
from tracks.coverage import BLOCK_MS, CELL_UNITS, cell_key, p_path
from tracks.detector import Detector, Sight
from tracks.ears import EAR, EAR_TYPE, HOUR_BUCKETS, UNDER_WAY_KN_A, Ears
from tracks.params import INSHORE_NM, Dark
from tracks.records import ACCEPTED, FIX_TYPE, HOT_TYPE, MARK_SILENT, MINUTE_MS, PLAIN, TAKEN_TYPE
from tracks.vessels import ORDINAL_BITS, VesselTable, degrees, text_of

TYPE = RULE = "dark"
RULE_VERSION = "1.0"
HEARD_LATELY_MS = 540_000  # three intervals of the slowest reporter (ITU-R M.1371-5, table 1)
PEER_WINDOW_MS = 1_800_000  # peers are vessels heard this long before the silence began
PATH_BLOCKS_MAX = 288
SAID_MS, SAID_WITHIN_MS = 600_000, 1_800_000  # how often, and how long after a silence, statics are compared with those before it
AHEAD_BLOCKS = 2  # the path is looked at this much farther, to see whether it leaves coverage
STEADY_JUDGE_MIN, FIRST_HOURS_MIN, LATER_JUDGE_MIN = 5, 120, 30  # minutes of silence: judged each 5 up to 120, then each 30


class DarkDetector(Detector):
    """What the watch knows of its own ears, and the episodes of silence."""

    NAME = "dark"
    COLD = EAR

    def __init__(self) -> None:
        self.book = ep.Book()
        self.ears = Ears()
        self.late: list[tuple[int, int]] = []  # (track key, t_ms) of late rows of tracks in the book, until the next tick
        self.corrected = 0
        self.returned = True  # a silent track may have been heard since the last tick: no part of the state

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """Who was heard again; late rows of vessels that have an episode."""
        if not self.book.pages:
            return
        late = np.empty(len(taken), np.int64)
        n, returned = _heard_back(fixes, taken, sight.table.cold[self.NAME], late)
        self.returned |= returned
        keys = sight.table.keys_of(taken["slot"][late[:n]])
        self.late += [(key, t_ms) for key, t_ms in zip(keys.tolist(), fixes["t_ms"][late[:n]].tolist()) if key in self.book]

    def join(self, sight: Sight, statics: np.ndarray, slots: np.ndarray) -> None:
        """A static row is a sign of life too."""
        ears = sight.table.cold[self.NAME]
        for at in np.flatnonzero(ears["silence"][slots]):
            back_ms, t = int(ears["back_ms"][slots[at]]), int(statics["t_ms"][at])
            ears["back_ms"][slots[at]] = min(back_ms, t) if back_ms else t
            self.returned = True

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
        limits = (rule.candidate_s_a, rule.candidate_s_b, rule.gap_s_max, rule.speed_kn_min_b)
        n = len(table)
        due = _due(table.used, table.cold[self.NAME][:n], table.heard_ms[:n], sight.tick_ms, limits, rule.reports_1h_min)
        for slot in table.in_order(np.flatnonzero(due)):
            events += _judge(self, sight, int(slot))
        return events

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


@dataclass(slots=True)
class Silence:
    """Everything measured about one silence at one tick."""

    gap_s: float
    p: float
    expected: Expected
    peers: int
    peers_heard: int
    lost_share: float
    receiver_alive: bool
    reckoned: tuple[int, int]
    coast_nm: float
    watch_nm: float
    reach_nm: float
    inbound_s: float | None
    reckoned_ashore: bool
    in_mask: bool
    in_watch_zone: bool  # asked of a stopped vessel only


def _judge(state: DarkDetector, sight: Sight, slot: int, supersedes: str | None = None) -> list[Event]:
    """The silence of one vessel at one tick: its event begins, changes, or (the usual answer) nothing."""
    table, tick_ms, params, rule = sight.table, sight.tick_ms, sight.params, sight.params.dark
    row, key = table.rows[slot], table.key_of(slot)
    page = _running(state, key)
    if page and page.event.state == "open" and tick_ms - page.emitted_ms < params.revise_s * 1000.0:
        return []
    expected = _expected(state, sight, slot)
    if expected.blocks < 1 or (rule.coverage_needed and expected.known_cell and expected.p >= rule.candidate_p_max and page is None):
        return []
    silence = _measure(state, sight, slot, expected)
    exclusions = _exclusions(row, silence, rule)
    reason = ep.suppressed_reason(exclusions)
    if rule.coverage_needed and not expected.known_cell:
        reason = reason or "coverage unknown"
    subtype, opened = _grade(row, silence, rule, reason)
    if not reason and subtype == "suspicious" and not opened:
        reason = "not near a border or watched zone"
    if page and page.event.state == "open" and not opened:
        return []  # what once was open stays open until it is heard again, or late data say otherwise
    if page and (page.event.state, page.event.subtype, page.event.reason) == ("open" if opened else "candidate", subtype, reason) and not opened:
        return []
    facts = _facts(sight, slot, silence, exclusions)
    facts |= {"state": "open" if opened else "candidate", "subtype": subtype, "reason": reason}
    table.cold[DarkDetector.NAME]["silence"][slot] = 2 if opened or silence.lost_share >= rule.common_cause_share else 1
    table.rows["marks"][slot] |= MARK_SILENT
    if page:
        return [state.book.revise(key, tick_ms, **facts)]
    return _begin(state, sight, slot, _new_event(key, sight, slot, facts, supersedes))


def _running(state: DarkDetector, key: int) -> ep.Episode | None:
    """The vessel's silence that has not ended, or None."""
    page = state.book.pages.get(key)
    return page if page and page.event.t_end is None and page.event.state != "retracted" else None


def _begin(state: DarkDetector, sight: Sight, slot: int, event: Event) -> list[Event]:
    """Enter a new silence in the book, unless its id was retracted: a retracted id never reopens."""
    row, key = sight.table.rows[slot], sight.table.key_of(slot)
    old = state.book.pages.get(key)
    if old and old.event.event_id == event.event_id:
        return []
    typical_kn = max(1.0, float(sight.table.more["typical_kn"][slot]), float(row["speed_kn"]))
    notes: dict[str, Any] = {"said": _said(sight.table, slot)}
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
        mmsi=[key >> ORDINAL_BITS],
        t_start=start_ms,
        t_end=None,
        t_detected=sight.tick_ms,
        rule=RULE,
        rule_version=RULE_VERSION,
        params_hash=sight.params.params_hash,
        supersedes=supersedes,
        **facts,
    )


def _grade(row: np.void, silence: Silence, rule: Dark, reason: str) -> tuple[str, bool]:
    """(subtype, open?) of a silence that no exclusion explains."""
    need_s = rule.suspicious_s_b if row["class_b"] else rule.suspicious_s_a
    expected = silence.p < rule.suspicious_p_max and silence.expected.coverage >= rule.coverage_min
    if reason or silence.gap_s < need_s or (rule.coverage_needed and not expected):
        return "candidate", False
    if silence.watch_nm <= rule.border_nm_max or silence.inbound_s is not None:
        return "suspicious", True
    return ("within_range", True) if silence.reach_nm >= silence.watch_nm else ("suspicious", False)


@dataclass(slots=True)
class Expected:
    """What one group of receivers should have heard of a silent vessel: chance of this silence, mean coverage, blocks it listened."""

    group: str
    p: float
    coverage: float
    blocks: int
    known_cell: bool
    leaving: bool


def _expected(state: DarkDetector, sight: Sight, slot: int) -> Expected:
    """Of the groups that are alive, the one whose silence says most; if none knows the place, the first."""
    row, coverage, heard_ms = sight.table.rows[slot], sight.coverage, int(sight.table.heard_ms[slot])
    groups = state.ears.alive(sight.tick_ms)
    blocks = [state.ears.minutes(group, heard_ms, sight.tick_ms) * MINUTE_MS // BLOCK_MS for group in groups]
    last = (int(row["lat"]), int(row["lon"]), int(row["cog"]), int(row["class_b"]))
    learned = (coverage.keys, coverage.heard, coverage.missed)
    asked = np.array([groups, blocks], np.int64)
    at, p, mean, known, leaving = _most_telling(last, float(row["speed_kn"]), asked, *learned, float(sight.params.dark.blocks_learned_min))
    if at < 0:
        return Expected("", 1.0, 0.0, 0, False, False)
    return Expected(coverage.groups[groups[at]], p, mean, blocks[at], known, leaving)


def reckon(row: np.void, seconds: float) -> tuple[int, int]:
    """Position in units that a vessel would reach from its last report at unchanged course and speed; still if either is unknown.

    East and north come from the cosine table (sin x = cos(90 - x)), so every platform reckons the same bits.
    """
    lat, lon = _reckoned(int(row["lat"]), int(row["lon"]), float(row["speed_kn"]), int(row["cog"]), seconds)
    return lat, lon


@njit(float64(int64), cache=True)
def _cosine(tenth_deg):
    """Cosine of an angle in tenths of a degree, from the table of latitudes (clamped near a pole; a course is not)."""
    a = abs(tenth_deg) % 3600
    a = min(a, 3600 - a)
    quarter = a if a <= 900 else 1800 - a
    cosine = 0.0 if quarter == 900 else cos_lat(quarter * 60_000)
    return cosine if a <= 900 else -cosine


@njit(types.UniTuple(int64, 2)(int64, int64, float64, int64, float64), cache=True)
def _reckoned(lat, lon, speed_kn, cog, seconds):
    if cog >= COG_MISSING or speed_kn <= 0.0:
        return lat, lon
    way_units = speed_kn * KN_MS * seconds / M_PER_UNIT
    north, east = _cosine(cog), _cosine(900 - cog)
    to_lat = max(-53_990_000, min(53_990_000, lat + int(way_units * north)))
    to_lon = lon + int(way_units * east / max(0.1, cos_lat((lat + to_lat) // 2)))
    return to_lat, (to_lon + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN


@njit(int64[::1](int64, int64, float64, int64, int64, int64, int64), cache=True)
def _path(lat, lon, speed_kn, cog, class_b, group, n):
    """Cells of the next n blocks of 5 minutes, each where its middle is reckoned to be."""
    cells = np.empty(n, np.int64)
    for i in range(n):
        to_lat, to_lon = _reckoned(lat, lon, speed_kn, cog, (i + 0.5) * BLOCK_MS / 1000.0)
        cells[i] = cell_key(to_lat, to_lon, class_b, group)
    return cells


@njit(
    types.Tuple((int64, float64, float64, boolean, boolean))(types.UniTuple(int64, 4), float64, int64[:, ::1], int64[::1], float64[::1], float64[::1], float64),
    cache=True,
)
def _most_telling(last, speed_kn, asked, keys, heard, missed, learned_min):
    """(number of the group in `asked`, P of this silence, mean coverage, last cell learned?, path leaves coverage?) along the reckoned path.

    last: latitude, longitude, course and class of the last report. asked: groups, and the blocks that each has listened since; -1: none
    has. keys, heard, missed: those of Coverage.
    """
    lat, lon, cog, class_b = last
    best, best_p, best_mean, best_known, best_leaving = -1, 1.0, 0.0, False, False
    for g in range(asked.shape[1]):
        group, blocks = asked[0, g], asked[1, g]
        if blocks < 1:
            continue
        n = min(blocks, PATH_BLOCKS_MAX)
        path = _path(lat, lon, speed_kn, cog, class_b, group, n + AHEAD_BLOCKS)
        path_heard, path_missed = np.zeros(path.shape[0]), np.zeros(path.shape[0])
        whole = True
        for i in range(path.shape[0]):
            at = np.searchsorted(keys, path[i])
            if at < keys.shape[0] and keys[at] == path[i]:
                path_heard[i], path_missed[i] = heard[at], missed[at]
            whole = whole and path_heard[i] + path_missed[i] >= learned_min
        p, mean, _ = p_path(path[:n], path_heard[:n], path_missed[:n], learned_min)
        here = cell_key(lat, lon, class_b, group)
        at = np.searchsorted(keys, here)
        known = at < keys.shape[0] and keys[at] == here and heard[at] + missed[at] >= learned_min
        if best < 0 or (known and not best_known) or (known == best_known and p < best_p):
            best, best_p, best_mean, best_known, best_leaving = g, p, mean, known, known and not whole
    return best, best_p, best_mean, best_known, best_leaving


def _measure(state: DarkDetector, sight: Sight, slot: int, expected: Expected) -> Silence:
    table, tick_ms, geography, rule = sight.table, sight.tick_ms, sight.geography, sight.params.dark
    row = table.rows[slot]
    p = expected.p
    gap_s = (tick_ms - int(table.heard_ms[slot])) / 1000.0
    peers, heard, lost_share = _peers(sight, slot)
    if peers < rule.peers_min or heard < rule.peers_heard_min * peers:
        p = max(p, rule.p_floor_few_peers)
    heard_by, heard_ms = int(row["rx"]) | int(table.more["rx_before"][slot]), int(table.heard_ms[slot])
    alive = state.ears.any_alive(heard_by, tick_ms) and not state.ears.died_with(heard_by, heard_ms, rule.common_cause_s * 1000.0, tick_ms)
    since_fix_s = (tick_ms - int(row["t_ms"])) / 1000.0
    steps = [0.0, since_fix_s, *(since_fix_s + share * rule.inbound_s_max for share in (0.25, 0.5, 0.75, 1.0))]
    ways = [reckon(row, seconds) for seconds in steps]
    lat_deg, lon_deg = degrees(np.array([w[0] for w in ways])), degrees(np.array([w[1] for w in ways]))
    watch_nm = geography.watch_distance_nm(lat_deg, lon_deg)
    masked = geography.masked(lat_deg[:2], lon_deg[:2])
    inbound = next((steps[i] - since_fix_s for i in range(2, len(steps)) if watch_nm[i] <= 0.0), None)
    return Silence(
        gap_s,
        p,
        expected,
        peers,
        heard,
        lost_share,
        alive,
        ways[1],
        float(geography.coast_distance_nm(lat_deg[:1], lon_deg[:1])[0]),
        float(min(watch_nm[0], watch_nm[1])),
        rule.reach_factor * max(1.0, float(table.more["typical_kn"][slot]), float(row["speed_kn"])) * since_fix_s / 3600.0,
        inbound,
        bool(masked[1] or geography.on_land(lat_deg[1:2], lon_deg[1:2])[0]),
        bool(masked[0]),
        _is_stopped(row) and any(zone.kind == "watch" and zone.relation == "inside" for zone in geography.relations(float(lat_deg[0]), float(lon_deg[0]))),
    )


def _is_stopped(row: np.void) -> bool:
    return bool(row["speed_kn"] >= 0 and row["speed_kn"] < UNDER_WAY_KN_A)


def _peers(sight: Sight, slot: int) -> tuple[int, int, float]:
    """Others last heard in the same or the next cell: (how many, how many are heard lately, share lost together with it)."""
    me, heard_ms, rule = sight.table.rows[slot], int(sight.table.heard_ms[slot]), sight.params.dark
    others = sight.around.cells(int(me["lat"]), int(me["lon"]), CELL_UNITS)
    limits = (heard_ms - PEER_WINDOW_MS, sight.tick_ms - HEARD_LATELY_MS, heard_ms)
    peers, heard, together = _count_peers(others, sight.table.key_of(slot), limits, rule.common_cause_s * 1000.0)
    return peers, heard, together / peers if peers else 0.0


@njit(types.UniTuple(int64, 3)(SIGHTING_TYPE[::1], int64, types.UniTuple(int64, 3), float64), **PLAIN)
def _count_peers(others, key, limits, together_ms):
    """(heard since the first limit, of these heard since the second, of the rest lost within `together_ms` of the third)."""
    since_ms, lately_ms, lost_ms = limits
    peers, heard, together = 0, 0, 0
    for i in range(others.shape[0]):
        t_ms = others[i]["heard_ms"]
        if t_ms < since_ms or others[i]["key"] == key:
            continue
        peers += 1
        if t_ms >= lately_ms:
            heard += 1
        elif abs(t_ms - lost_ms) <= together_ms:
            together += 1
    return peers, heard, together


def _exclusions(row: np.void, silence: Silence, rule: Dark) -> list[Exclusion]:
    stopped = _is_stopped(row)
    common = silence.peers > 0 and silence.lost_share >= rule.common_cause_share
    return [
        ep.checked("receiver_down", not silence.receiver_alive, yes="silent", no="heard", suppress=True),
        ep.checked("common_cause", common, ep.tidy("share", silence.lost_share), suppress=True),
        ep.checked("stopped_in_port_or_anchorage", stopped and silence.in_mask, suppress=True),
        ep.checked("stopped_inshore", stopped and not silence.in_mask and silence.coast_nm < INSHORE_NM and not silence.in_watch_zone, suppress=True),
        ep.checked("reckoned_into_port_or_ashore", silence.reckoned_ashore, suppress=True),
        ep.checked("leaving_coverage", rule.coverage_needed and silence.expected.leaving, suppress=True),
        ep.checked("few_peers", silence.peers < rule.peers_min, silence.peers),
    ]


def _facts(sight: Sight, slot: int, silence: Silence, exclusions: list[Exclusion]) -> dict[str, Any]:
    table, rule = sight.table, sight.params.dark
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
            "coverage_p": ep.tidy("share", silence.expected.coverage),
            "reports_1h": reports,
            "peers": silence.peers,
            "blocks_listened": silence.expected.blocks,
            "receiver": silence.expected.group,
        },
    }


def _measures(row: np.void, silence: Silence) -> dict[str, Value]:
    reckoned_lat, reckoned_lon = ep.degrees_of(*silence.reckoned)
    return {
        "gap_s": ep.tidy("s", silence.gap_s),
        "p_silence": ep.probability(silence.p),
        "coverage_share": ep.tidy("share", silence.expected.coverage),
        "blocks_silent": silence.expected.blocks,
        "peers": silence.peers,
        "peers_heard": silence.peers_heard,
        "speed_kn": ep.tidy("kn", float(row["speed_kn"])) if row["speed_kn"] >= 0 else None,
        "course_deg": int(row["cog"]) / 10 if row["cog"] < COG_MISSING else None,
        "reckoned_lat": reckoned_lat,
        "reckoned_lon": reckoned_lon,
        "coast_distance_nm": ep.tidy("nm", silence.coast_nm),
        "watch_distance_nm": ep.tidy("nm", silence.watch_nm),
        "reach_nm": ep.tidy("nm", silence.reach_nm),
        "inbound_s": silence.inbound_s,
    }


def _evidence(row: np.void, reports: int, silence: Silence, rule: Dark) -> list[Evidence]:
    """Observed against what `suspicious` asks for; a candidate shows here what it still lacks."""
    need_s = rule.suspicious_s_b if row["class_b"] else rule.suspicious_s_a
    heard_share = silence.peers_heard / silence.peers if silence.peers else 0.0
    p = ep.probability(silence.p)
    return [
        ep.at_least("gap_s", silence.gap_s, need_s),
        Evidence("p_silence", p, "<", rule.suspicious_p_max, ep.probability(rule.suspicious_p_max - silence.p), silence.p < rule.suspicious_p_max),
        ep.at_least("coverage_share", silence.expected.coverage, rule.coverage_min),
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
    ears = table.cold[DarkDetector.NAME][: len(table)]
    events = []
    if state.book.pages and state.returned:
        for slot in table.in_order(np.flatnonzero((ears["silence"] != 0) & (ears["back_ms"] != 0))):
            events.append(_heard_again(state, sight, int(slot)))
            _forget_silence(table, int(slot))
    state.returned = False
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


def _said_otherwise(state: DarkDetector, sight: Sight, key: int) -> list[Event]:
    """Statics come minutes after the first position: a name, draught or destination that changed while it was silent is told once it is known."""
    page, slot = state.book.pages[key], sight.table.slot_of_key(key)
    if slot < 0 or sight.tick_ms - page.event.t_end > SAID_WITHIN_MS:  # type: ignore[operator]  # it has ended
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
    ear = table.cold[DarkDetector.NAME][slot]
    if ear["silence"] == 2:
        ear["block"] = 0  # what a suspect did not send says nothing about coverage
    ear["silence"] = ear["back_ms"] = ear["back_fix_ms"] = 0
    table.rows["marks"][slot] &= 0xFF ^ MARK_SILENT


def _heard_again(state: DarkDetector, sight: Sight, slot: int) -> Event:
    """The silence is over: how long, how far, and how much of it the distance does not explain."""
    ear, key = sight.table.cold[DarkDetector.NAME][slot], sight.table.key_of(slot)
    page = state.book.pages[key]
    event, notes = page.event, page.notes
    gap_s = (int(ear["back_ms"]) - event.t_start) / 1000.0
    measures: dict[str, Value] = {**event.measures, "gap_s": ep.tidy("s", gap_s)}
    if int(ear["back_fix_ms"]):
        moved_m = distance_m(notes["lat"], notes["lon"], int(ear["back_lat"]), int(ear["back_lon"]))
        between_s = max(1.0, (int(ear["back_fix_ms"]) - notes["t_ms"]) / 1000.0)
        lat_deg, lon_deg = ep.degrees_of(int(ear["back_lat"]), int(ear["back_lon"]))
        measures |= {
            "distance_nm": ep.tidy("nm", moved_m / NM_M),
            "implied_kn": ep.tidy("kn", moved_m / between_s / KN_MS),
            "unexplained_s": ep.tidy("s", max(0.0, gap_s - moved_m / (notes["typical_kn"] * KN_MS))),
            "reappeared_lat": lat_deg,
            "reappeared_lon": lon_deg,
        }
    subtype = "reappeared" if event.state == "open" else event.subtype
    return state.book.revise(key, sight.tick_ms, state=_final(event), subtype=subtype, t_end=int(ear["back_ms"]), measures=measures)


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
    return [old, *(_judge(state, sight, slot, old.event_id) if enough else [])]


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


@njit(boolean[::1](HOT_TYPE[::1], EAR_TYPE[::1], int64[::1], int64, types.UniTuple(float64, 4), int64), cache=True)
def _due(rows, ears, heard, tick_ms, limits, reports_min):
    """bool[n]: silent for long enough and due to be judged. limits: candidate s (A, B), longest s, least speed of a class B vessel."""
    s_a, s_b, s_max, speed_b = limits
    shortest_ms = min(s_a, s_b) * 1000.0
    out = np.zeros(rows.shape[0], np.bool_)
    for i in range(rows.shape[0]):
        gap_ms = tick_ms - heard[i]
        if gap_ms < shortest_ms or gap_ms > s_max * 1000.0:
            continue
        v = rows[i]
        if v["t_ms"] == T_MISSING:
            continue
        least_ms = (s_b if v["class_b"] != 0 else s_a) * 1000.0
        if gap_ms < least_ms:
            continue
        if v["class_b"] != 0 and v["speed_kn"] < speed_b:
            continue
        minutes = gap_ms // MINUTE_MS
        first = minutes == int(least_ms) // MINUTE_MS
        if not first and minutes % (STEADY_JUDGE_MIN if minutes <= FIRST_HOURS_MIN else LATER_JUDGE_MIN) != 0:
            continue
        before = np.int64(ears[i]["totals"][(ears[i]["bucket"] + 1) % HOUR_BUCKETS])
        out[i] = np.int64(v["reports"]) - before >= reports_min
    return out


@njit(types.Tuple((int64, boolean))(FIX_TYPE[::1], TAKEN_TYPE[::1], EAR_TYPE[::1], int64[::1]), **PLAIN)
def _heard_back(fixes, taken, ears, late):
    """Note the first transmission and the first position of every track that was silent; whether there was one.

    Writes the numbers of late rows that have a track, and returns how many.
    """
    n, returned = 0, False
    for i in range(fixes.shape[0]):
        if taken[i]["slot"] < 0:
            continue
        if taken[i]["late"] != 0:
            late[n] = i
            n += 1
            continue
        if taken[i]["marks"] & MARK_SILENT == 0:
            continue
        returned = True
        ear = ears[taken[i]["slot"]]
        if ear["back_ms"] == 0:
            ear["back_ms"] = fixes[i]["t_ms"]
        if taken[i]["what"] == ACCEPTED and ear["back_fix_ms"] == 0:
            ear["back_fix_ms"] = fixes[i]["t_ms"]
            ear["back_lat"] = fixes[i]["lat"]
            ear["back_lon"] = fixes[i]["lon"]
    return n, returned
