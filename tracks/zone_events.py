"""Zones and borders: who enters, leaves, crosses and heads for the lines on the sea. May hold: the rule, its words, its stays.

May not: measure (zone_follow.py), port calls, what a crossing is worth (risk/). Definition: docs/behaviours/zones-and-borders.md.

Theory. The kernel tells what changed with which fix; this file puts it into events at the minute's tick.
- A step over a boundary is `enter` or `exit`, over a line `cross_line`, at the interpolated moment. If the step is a gap of more
  than three times the expected interval (and ten minutes: a shorter one is reception), the moment is unknown: `inferred_cross`, with
  the gap as its time.
- Inside a drawn zone a vessel has a *stay*: its `enter` stays open until it leaves. Silence never ends a stay: the zone is then
  where the vessel was last known (`inside_last_known`), and the stay goes on when it is heard inside again. The
  built-in belt has too many vessels in it for that: there `enter` is closed at once.
- A crossing in a gap is told if the gap is strange: if of the receivers that listened one would hardly have missed the vessel all the way
  from one end of it to the other. Else it is a candidate, kept and not shown: a hole in what we hear is nobody else's doing.
- An `approach` is a forecast of the limit that it began with. It closes when the vessel turns away, or was not heard for half an hour (at its last
  report), and is retracted when it comes true: the crossing supersedes it.
- What a track in doubt tells (a place that it cannot have reached, or none) crosses nothing: it is kept as a candidate.
Nothing here is an alert by itself: these events inform, and rules ask for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.events import Event, Exclusion, State, Value, ZoneRelation, event_id, id_of
from dogwatch.geo import NM_M, distance_m
from dogwatch.late import Before, LateEvent, late_version, unwritten
from tracks import episodes as ep
from tracks.coverage import BLOCK_MS, GROUP_KEYS, cell_key, p_path
from tracks.detector import Detector, Sight
from tracks.key import mmsi_of
from tracks.params import ZoneLimits
from tracks.records import MINUTE_MS
from tracks.subjects import subject_key
from tracks.zone_follow import (
    AHEAD,
    APPROACH,
    AWAY,
    BELT,
    CAP_NM,
    CHANGE,
    CROSS,
    ENTER,
    EXIT,
    HELD,
    LEAVE,
    LINE,
    STANDING,
    UNHEARD_MS,
    between,
    follow,
    room_for,
)
from tracks.zone_stays import ZONE_BITS, Stay, Stays, begun_by
from tracks.zone_steps import Limit, Step, Steps, Who
from tracks.zone_words import DOUBTED, RULE_VERSION, TYPE, TYPES_PASSENGER, ApproachWords, CrossingWords, crossing_quality, crossing_words
from zones.reach import build_near

BELT_ID, BELT_KIND = "belt-12nm", "territorial_sea"
BELT_ERROR_NM = 0.5  # the shore of the map against the true one
FIX_ERROR_NM = 0.016  # 30 m
AHEAD_KINDS = ("border", "watch", "territorial_sea")
FIRST_MS = 30 * 86_400_000  # a crossing is the first when there was none for so long
SAID_MS = 1_200_000  # ids are made of ten minutes: twice that is remembered
HOUSEKEEPING_MS = 600_000
CROSSING_POINT_NM = 50.0
PATH_BLOCKS_MAX = 288  # a day of a gap is looked at
PLAIN = {  # subtype, rule, and the end of the text that makes an id
    kind: (word, f"zone_{word}", f"zone_{word}|{RULE_VERSION.partition('.')[0]}") for kind, word in ((ENTER, "enter"), (LEAVE, "exit"))
}


class ZoneDetector(Detector):
    """Crossings of zones, lines and the 12-mile belt. `ahead`: open approaches, by track."""

    NAME = "zone"
    COLD = STANDING
    POOL = EXIT

    def __init__(self) -> None:
        self.stays, self.ahead = Stays(), ep.Book()
        self.changes: list[np.ndarray] = []  # since the last tick
        self.said: dict[str, int] = {}  # event ids of the last minutes
        self.crossed: dict[int, int] = {}  # (track, line) -> when last
        self.beyond = np.zeros(1, np.int64)
        self.repeated = 0
        self.version = ""  # of the geography whose zone numbers and cells the state speaks of
        self.has_points = False  # official crossing points are drawn: asked at each tick
        self.limits: dict[int, Limit] = {}  # zones of the geography of `version` that were named, by number: no part of the state
        self._room = room_for(0)  # that `follow` works in: no part of the state
        self._followed: tuple[str, np.ndarray, tuple[np.ndarray, np.ndarray]] | None = None  # of the geography of that version: no part of the state

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """Follow the tracks; keep what changed until the tick."""
        rule, geography = sight.params.zone, sight.geography
        if not rule.enabled or getattr(geography, "grid", None) is None:
            return
        self._same_lines(sight)
        roles, near = self._followed_in(geography, rule)
        slowest_kn = rule.approach_kn_min if rule.approach else np.inf
        limits = (rule.exit_nm, rule.noise_m / NM_M, rule.approach_s, slowest_kn, sight.params.v_max_kn, float(rule.belt), rule.approach_hold_s)
        done, (changes, *work) = 0, self._room
        exits = sight.table.pools[self.NAME]
        while done < len(fixes):
            standing = sight.table.cold[self.NAME], (exits.records, exits.numbers)
            arrays = (sight.table.more, *standing, geography.grid.arrays(), geography.coast.arrays(), near, roles, limits)
            done, n = follow(fixes, taken, done, *arrays, changes, self.beyond, *work)
            if n:
                self.changes.append(changes[:n].copy())

    def tick(self, sight: Sight) -> list[Event]:
        """Put the minute's changes into events, in order of time and track; look after stays and approaches each ten minutes."""
        events: list[Event] = []
        if self.changes:
            rows = np.concatenate(self.changes)
            self.changes, self.has_points = [], sight.geography.has_zones(("crossing_point",))
            told_ms = np.where(rows["kind"] >= APPROACH, rows["t_ms"], rows["at_ms"])  # a forecast that came true is first retracted
            rows = rows[np.lexsort((rows["zone"], rows["kind"], rows["key"], told_ms))]
            self.name(sight.geography, set(rows["zone"].tolist()))
            steps = Steps(sight.table, rows, self.limits, sight.params.zone)
            if self.has_points:
                for i, kind in enumerate(steps.kinds):
                    events += _TELL[kind](self, sight, steps, i)
            else:
                _tell_all(self, sight, steps, events)
        if sight.tick_ms % HOUSEKEEPING_MS == 0:
            events += _silent(self, sight)
            self.said = {name: t_ms for name, t_ms in self.said.items() if sight.tick_ms - t_ms <= SAID_MS}
            self.crossed = {key: t_ms for key, t_ms in self.crossed.items() if sight.tick_ms - t_ms <= FIRST_MS}
        return events

    def keys(self) -> set[int]:
        """Tracks with a stay or an approach."""
        return set((self.stays.held["mark"] >> ZONE_BITS).tolist()) | set(self.ahead.pages)

    def counts(self) -> dict[str, int]:
        """Zones that lay over a place beyond those followed; crossings told before within their ten minutes."""
        return {"zones_not_followed": int(self.beyond[0]), "zone_events_repeated": self.repeated}

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {
            "stays": self.stays.to_sections(),
            "ahead": self.ahead.to_sections(),
            "changes": np.concatenate([np.zeros(0, CHANGE), *self.changes]),
            "said": dict(sorted(self.said.items())),
            "crossed": [[key, t_ms] for key, t_ms in sorted(self.crossed.items())],
            "beyond": int(self.beyond[0]),
            "repeated": self.repeated,
            "version": self.version,
        }

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.stays, self.ahead = Stays.from_sections(sections["stays"]), ep.Book.from_sections(sections["ahead"])
        self.changes = [sections["changes"].copy()] if len(sections["changes"]) else []
        self.said = dict(sections["said"])
        self.crossed = dict(sections["crossed"])
        self.beyond[0], self.repeated, self.version = sections["beyond"], sections["repeated"], sections["version"]

    def remember(self, identity: str, t_ms: int) -> bool:
        """False if this event was told before (a vessel that goes to and fro over a line within ten minutes crosses it once)."""
        if identity in self.said:
            self.repeated += 1
            return False
        self.said[identity] = t_ms
        return True

    def name(self, geography: Any, numbers: set[int]) -> None:
        """See that these zones stand in `limits`."""
        for number in numbers - self.limits.keys():
            self.limits[number] = _limit_of(geography, number)

    def _same_lines(self, sight: Sight) -> None:
        """Other lines than before: everybody's zones are found anew, without an event; open stays keep the version they began with."""
        if self.version == sight.geography.version:
            return
        if self.version:
            standing = sight.table.cold[self.NAME]
            sight.table.pools[self.NAME].give_back(standing, np.flatnonzero(standing["at"]))
            standing[:] = np.zeros(1, STANDING)[0]
            self.changes, self.stays, self.ahead, self.crossed = [], Stays(), ep.Book(), {}
        self.version, self.limits = sight.geography.version, {}

    def _followed_in(self, geography: Any, rule: ZoneLimits) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """(uint8[z]: what each zone is followed for; which lines and limits ahead lie near what tile)."""
        if self._followed is None or self._followed[0] != geography.version:
            roles = np.zeros(len(geography.zones), np.uint8)
            for z, zone in enumerate(geography.zones):
                is_line = not zone.is_area and zone.buffer_nm == 0
                if zone.kind in rule.kinds:
                    roles[z] = (LINE if is_line else HELD) | (AHEAD if zone.kind in AHEAD_KINDS else 0)
            self._room = room_for(len(roles))
            self._followed = (geography.version, roles, build_near(geography.tree, roles & (LINE | AHEAD) != 0, CAP_NM))
        return self._followed[1:]


def _limit_of(geography: Any, number: int) -> Limit:
    """A zone by its number, or the belt."""
    if number == BELT:
        name, version, kind, error_nm, owner = BELT_ID, geography.coast_version, BELT_KIND, BELT_ERROR_NM, ""
    else:
        zone = geography.zones[number]
        name, version, kind, error_nm, owner = zone.id, zone.version, zone.kind, FIX_ERROR_NM + zone.tolerance_nm, zone.owner
    ascii_name = name if name.isascii() else name.encode("ascii", "backslashreplace").decode("ascii")
    return Limit(name, version, kind, error_nm, ep.tidy("nm", error_nm), owner, f"zone:{ascii_name}", ZoneRelation(name, version, kind, "crossed", 0.0))


def _identity(key: int, subtype: str, start_ms: int, limit: Limit) -> str:
    """The event's id: the zone is a subject of it, so that two zones entered at once are two events."""
    return event_id(TYPE, [subject_key(key), limit.subject], start_ms, f"zone_{subtype}", RULE_VERSION)


def _crossing(state: ZoneDetector, sight: Sight, steps: Steps, i: int, word: str, sense: str) -> list[Event]:
    """An event for a step over a boundary: `word`, or inferred_cross over a gap. Fields in their order: by name they take five times as long."""
    who, row, told = steps.who(i), steps.row(i), steps.numbers(i)
    number, key, gap = row.zone, row.key, told.gap
    limit, tick_ms = state.limits[number], sight.tick_ms
    subtype = "inferred_cross" if gap else word
    start_ms, end_ms = (row.from_ms, row.t_ms) if gap else (row.at_ms, row.at_ms)
    identity = _identity(key, subtype, start_ms, limit)
    forecast = _came_true(state, sight, key, number, row.at_ms, identity) if key in state.ahead else []
    if not state.remember(identity, tick_ms):
        return forecast
    confidence = told.confidence
    measures, evidence, exclusions = crossing_words(who, told, limit, sense)
    if row.kind == CROSS or state.has_points or who.destination:
        measures |= _of_line(state, sight, who, row)
    if gap:
        confidence = round(confidence * 0.9, 3)
        _weigh_gap(sight, who, row, measures, exclusions)
    reason = ep.suppressed_reason(exclusions) if gap or who.doubted else ""
    stays = word == "enter" and number != BELT and not gap and not reason
    event = Event(
        identity,
        1,
        "candidate" if reason else "open" if stays else "closed",
        TYPE,
        subtype,
        [who.subject],
        [who.subject.mmsi],
        start_ms,
        None if stays else end_ms,
        tick_ms,
        told.lat_deg,
        told.lon_deg,
        [limit.crossed],
        measures,
        evidence,
        exclusions,
        confidence,
        f"zone_{subtype}",
        RULE_VERSION,
        sight.params.params_hash,
        reason=reason,
        quality=crossing_quality(told),
    )
    if stays:
        point_nm: Any = measures.get("crossing_point_nm", np.nan)
        state.stays.open(begun_by(steps)[i], identity, event.params_hash, point_nm)
    return [*forecast, event]


def _tell_all(state: ZoneDetector, sight: Sight, steps: Steps, events: list[Event]) -> None:
    """All changes of a tick; zones entered and left with nothing to wonder about become late events, column by column."""
    words, begun, stays = CrossingWords(steps), begun_by(steps), state.stays
    tick_ms, params_hash, ahead = sight.tick_ms, sight.params.params_hash, state.ahead.pages
    where = steps.lat_deg, steps.lon_deg, steps.confidence
    columns = steps.kinds, steps.plain, steps.keys, steps.zones, steps.limits, steps.at_ms, *where
    for i, (kind, plain, key, zone, limit, at_ms, lat_deg, lon_deg, confidence) in enumerate(zip(*columns, strict=True)):
        if not plain:
            events += _TELL[kind](state, sight, steps, i)
            continue
        subtype, rule, why = PLAIN[kind]
        # the names of vessels, which begin with a number, stand before those of zones
        identity = id_of(f"{TYPE}|{subject_key(key)},{limit.subject}", at_ms, why)
        if kind == LEAVE and (mark := key << ZONE_BITS | zone) in stays:
            events.append(_stay_over(state, sight, mark, limit, at_ms))
        if key in ahead:
            events += _came_true(state, sight, key, zone, at_ms, identity)
        if not state.remember(identity, tick_ms):
            continue
        life, end_ms = ("open", None) if kind == ENTER and zone != BELT else ("closed", at_ms)
        what = (identity, 1, life, TYPE, subtype, None, [mmsi_of(key)], at_ms, end_ms, tick_ms, lat_deg, lon_deg, [limit.crossed], None, None, None)
        event = unwritten(LateEvent(*what, confidence, rule, RULE_VERSION, params_hash, "", "", None, False, None, words, i))  # type: ignore[arg-type]
        if end_ms is None:
            stays.open(begun[i], identity, params_hash)
        events.append(event)


def _weigh_gap(sight: Sight, who: Who, row: Step, measures: dict[str, Value], exclusions: list[Exclusion]) -> None:
    """Say of a crossing in a gap how strange the gap is. One that nobody need wonder about makes it a candidate: it is known, and no news."""
    rule, (p, known) = sight.params.zone, _gap_expected(sight, who, row)
    measures["p_silence"] = ep.probability(p)
    exclusions += [
        ep.checked("coverage_unknown", rule.coverage_needed and not known, suppress=True),
        ep.checked("gap_expected", rule.coverage_needed and known and p > rule.silence_p_max, ep.probability(p), suppress=True),
    ]


def _gap_expected(sight: Sight, who: Who, row: Step) -> tuple[float, bool]:
    """(chance that a vessel which transmits is not heard between the ends of a gap, by the most telling receiver that listened; is some of that sea known?)."""
    ears, coverage, least_p, known = sight.ears, sight.coverage, 1.0, False
    if ears is None:
        return least_p, known
    from_ms, t_ms, class_b = row.from_ms, row.t_ms, int(who.class_b)
    ways: dict[int, np.ndarray] = {}  # by their number of blocks: most receivers listened as long
    for group in range(len(coverage.groups)):
        blocks = min(ears.minutes(group, from_ms, t_ms) * MINUTE_MS // BLOCK_MS, PATH_BLOCKS_MAX)
        if blocks not in ways:
            places = [between(row.from_lat, row.from_lon, row.lat, row.lon, (k + 0.5) / blocks) for k in range(blocks)]
            ways[blocks] = np.array([cell_key(lat, lon, class_b, 0) for lat, lon in places], np.int64)
        path = ways[blocks] + group * GROUP_KEYS
        p, _, learned = p_path(path, *coverage.blocks(path), float(sight.params.dark.blocks_learned_min))
        known |= learned > 0
        least_p = min(least_p, p)
    return least_p, known


def _of_line(state: ZoneDetector, sight: Sight, who: Who, row: Step) -> dict[str, Value]:
    """Measures of a crossed line: first in 30 days, distance to an official crossing point, declared destination."""
    found: dict[str, Value] = {}
    if row.kind == CROSS:
        mark = row.key << ZONE_BITS | row.zone
        found["first_in_30d"] = mark not in state.crossed
        state.crossed[mark] = row.at_ms
    if state.has_points:
        place = np.array([row.at_lat]) / UNITS_PER_DEG, np.array([row.at_lon]) / UNITS_PER_DEG
        points_nm = sight.geography.zone_distance_nm(("crossing_point",), *place, CROSSING_POINT_NM, row.at_ms)
        found["crossing_point_nm"] = ep.tidy("nm", float(points_nm[0]))
    if who.destination:
        found["destination"] = who.destination
    return found


def _entered(state: ZoneDetector, sight: Sight, steps: Steps, i: int) -> list[Event]:
    return _crossing(state, sight, steps, i, "enter", "in")


def _left(state: ZoneDetector, sight: Sight, steps: Steps, i: int) -> list[Event]:
    """The exit, and the end of the stay."""
    events = _crossing(state, sight, steps, i, "exit", "out")
    mark = steps.keys[i] << ZONE_BITS | steps.zones[i]
    return [_stay_over(state, sight, mark, steps.limits[i], steps.at_ms[i]), *events] if mark in state.stays else events


def _stay_over(state: ZoneDetector, sight: Sight, mark: int, limit: Limit, at_ms: int) -> Event:
    """The last version of a stay: the vessel left."""
    stay = state.stays.close(mark)
    over = stay._replace(version=stay.version + 1)
    return state.stays.version(over, limit, "closed", max(stay.t_ms, at_ms), sight.tick_ms, limit.crossed)


def _over(state: ZoneDetector, sight: Sight, steps: Steps, i: int) -> list[Event]:
    """A line: which way, seen from its drawing, and in or out where the zone says which side is in."""
    zone = sight.geography.zones[steps.zones[i]]
    to = "right" if steps.rows["sense"][i] > 0 else "left"
    sense = f"to_{to}" if not zone.inside else "in" if zone.inside == to else "out"
    return _crossing(state, sight, steps, i, "cross_line", sense)


def _heads(state: ZoneDetector, sight: Sight, steps: Steps, i: int) -> list[Event]:
    """A limit lies half an hour ahead, or less."""
    key, limit, at_ms, tick_ms, none = steps.keys[i], steps.limits[i], steps.at_ms[i], sight.tick_ms, None
    identity = _identity(key, "approach", at_ms, limit)
    if key in state.ahead or not state.remember(identity, tick_ms):
        return []
    reason = "suppressed: passenger_ship" if steps.ship_type(i) in TYPES_PASSENGER else f"suppressed: {DOUBTED.name}" if steps.doubted[i] else ""
    near = [ZoneRelation(limit.id, limit.version, limit.kind, "near", round(float(steps.rows["depth_nm"][i]), 2))]
    confidence = ep.confidence_of(sight.params.zone.confidence_cap, 0.8, 1.0, [])
    heading, place = steps.only(APPROACH)
    what = identity, 1, "candidate" if reason else "open", TYPE, "approach", none, [mmsi_of(key)], at_ms, none, tick_ms
    where, why = (steps.lat_deg[i], steps.lon_deg[i], near), ("zone_approach", RULE_VERSION, sight.params.params_hash, "", reason)
    rest = *where, none, none, none, confidence, *why, none, False, none
    return [state.ahead.open_new(key, unwritten(LateEvent(*what, *rest, ApproachWords(heading), place[i])), zone=steps.zones[i])]  # type: ignore[arg-type]


def _turned(state: ZoneDetector, sight: Sight, steps: Steps, i: int) -> list[Event]:
    """It no longer heads there."""
    key = steps.keys[i]
    return [_closed(state, sight, key, steps.at_ms[i])] if key in state.ahead else []


_TELL = {ENTER: _entered, LEAVE: _left, CROSS: _over, APPROACH: _heads, AWAY: _turned}


def _closed(state: ZoneDetector, sight: Sight, key: int, end_ms: int) -> Event:
    """The last version of an approach."""
    event = state.ahead.pages[key].event
    return _ahead_over(state, sight, key, "candidate" if event.state == "candidate" else "closed", end_ms, event.reason)


def _came_true(state: ZoneDetector, sight: Sight, key: int, zone: int, at_ms: int, identity: str) -> list[Event]:
    """The approach to this limit, retracted because the limit was crossed."""
    page = state.ahead.pages.get(key)
    return [_ahead_over(state, sight, key, "retracted", at_ms, f"crossed: {identity}")] if page is not None and int(page.notes["zone"]) == zone else []


def _ahead_over(state: ZoneDetector, sight: Sight, key: int, over: State, end_ms: int, reason: str) -> Event:
    event = state.ahead.pages.pop(key).event
    end_ms = max(end_ms, event.t_start)
    if isinstance(event, LateEvent):
        return late_version(event, over, sight.tick_ms, end_ms, event.zones, reason, Before(event))
    return ep.next_version(event, sight.tick_ms, state=over, t_end=end_ms, reason=reason)


def _silent(state: ZoneDetector, sight: Sight) -> list[Event]:
    """Who is silent inside a zone was last known there; who is silent before one approaches it no longer."""
    table, tick_ms = sight.table, sight.tick_ms
    events: list[Event] = []
    for key in sorted(state.ahead.pages):
        slot = table.slot_of_key(key)
        last_ms = int(table.rows["t_ms"][slot]) if slot >= 0 else 0
        if tick_ms - last_ms > UNHEARD_MS:
            events.append(_closed(state, sight, key, last_ms))
    return events + _silent_in(state, sight)


def _silent_in(state: ZoneDetector, sight: Sight) -> list[Event]:
    """Stays of which it is no longer as it was whether the vessel is heard: a version each that says where it was then."""
    held, table, tick_ms = state.stays.held, sight.table, sight.tick_ms
    slots = table.slots_of_keys(held["mark"] >> ZONE_BITS)
    are_silent = tick_ms - np.where(slots >= 0, table.rows["t_ms"][slots], 0) > sight.params.zone.silent_s * 1000.0
    others = np.flatnonzero(are_silent != held["silent"])
    others = others[np.argsort(held["mark"][others])]
    held["silent"][others] = are_silent[others]
    held["version"][others] += 1
    events: list[Event] = []
    for number, slot in zip(others.tolist(), slots[others].tolist(), strict=True):
        record, row = held[number], table.rows[slot]
        here = ep.degrees_of(int(row["lat"]), int(row["lon"]))
        near_m = distance_m(*(round(float(degrees) * UNITS_PER_DEG) for degrees in (record["lat_deg"], record["lon_deg"], *here)))
        record["last_lat_deg"], record["last_lon_deg"], record["from_entry_m"] = *here, ep.tidy("m", near_m)
        stay = Stay(*record.item())
        state.name(sight.geography, {stay.zone})
        limit = state.limits[stay.zone]
        relation = ZoneRelation(limit.id, limit.version, limit.kind, "inside_last_known" if stay.silent else "inside", 0.0)
        events.append(state.stays.version(stay, limit, "open", None, tick_ms, relation))
    return events
