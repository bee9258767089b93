"""Areas in which satellite navigation fails: several vessels whose places go wrong together. Definition: docs/behaviours/gnss-area.md.

May hold: how vessels in trouble are grouped, the life of an area, its event. May not: judge one vessel (position.py).

Theory. One vessel's wrong place is the vessel's affair; that of several at one time is somebody's who lies to all of
them, or drowns the satellites out. Two signs: vessels near each other (source) show places near each other (target) that
they cannot have reached, within half an hour; or vessels near each other transmit without a place. Who is in trouble is
said in the records of the tracks, so it is asked of the tick's Around, and does not depend on who keeps which vessel: an area is nobody's vessel,
so every shard works out all of them alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.events import Event, event_id
from dogwatch.geo import NM_M, distance_m, mean_position
from tracks import episodes as ep
from tracks import subjects
from tracks.detector import Sight
from tracks.key import mmsi_of
from tracks.params import Gnss
from tracks.records import MINUTE_MS, TROUBLE_JUMPED, TROUBLE_LOST

TYPE = RULE = "gnss_area"
RULE_VERSION = "1.0"
HEARD_MS = 600_000
AREAS_MAX = 1000
CONFIRM_MS = 600_000  # so long it may take until a jump is believed


@dataclass(slots=True)
class Area:
    """An area while it lasts: kind TROUBLE_*, members by key -> place where it found them (units), the target, and its event."""

    kind: int
    start_ms: int
    members: dict[int, tuple[int, int]]
    target: tuple[int, int]
    last_ms: int  # last tick at which a member was in trouble
    share: float
    event: Event
    emitted_ms: int
    told: int = 0  # members of the newest version


@dataclass(slots=True)
class Areas:
    """All areas that are not over for `merge_s`."""

    areas: list[Area] = field(default_factory=list)

    def tick(self, sight: Sight) -> list[Event]:
        """Who is in trouble together at this tick; events of areas that begin, grow and end."""
        rule, tick_ms = sight.params.gnss, sight.tick_ms
        events: list[Event] = []
        rows = sight.around.troubled  # asked here in any case: before position.py lets the first of them out of it
        if not self.areas and not (rule.enabled and len(rows) >= rule.vessels_min):
            return []
        since_ms = tick_ms - ((tick_ms // MINUTE_MS - rows["trouble_min"].astype(np.int64)) & 0xFFFF) * MINUTE_MS
        for kind in (TROUBLE_JUMPED, TROUBLE_LOST):
            of_kind = (rows["trouble"] & kind) != 0
            troubled, since = rows[of_kind], since_ms[of_kind]
            free = self._join(kind, troubled, sight)
            events += self._found(kind, troubled[free], since[free], sight)
        for area in self.areas:
            events += _told(area, sight)
        self.areas = [area for area in self.areas if tick_ms - area.last_ms <= rule.merge_s * 1000]
        return events

    def asks(self, sight: Sight) -> set[int]:
        """Who is in trouble at this tick, or in an area."""
        members = {key for area in self.areas for key in area.members}
        return members | set(sight.around.troubled["key"].tolist())

    def of(self, key: int) -> Area | None:
        """The area to which a track belongs."""
        return next((area for area in self.areas if key in area.members), None)

    def _join(self, kind: int, rows: np.ndarray, sight: Sight) -> np.ndarray:
        """Vessels in trouble where an area is belong to it; bool[n]: which do not."""
        free = np.full(len(rows), True)
        for i, row in enumerate(rows):
            for area in self.areas:
                if area.kind == kind and _belongs(area, row, sight.params.gnss):
                    area.members.setdefault(int(row["key"]), _source(row, kind))
                    area.last_ms = sight.tick_ms
                    free[i] = False
                    break
        return free

    def _found(self, kind: int, rows: np.ndarray, since_ms: np.ndarray, sight: Sight) -> list[Event]:
        """Areas that enough vessels, not yet in one, show for the first time."""
        rule, tick_ms = sight.params.gnss, sight.tick_ms
        fresh = since_ms >= tick_ms - rule.window_s * 1000 - (CONFIRM_MS if kind == TROUBLE_JUMPED else 0)
        if kind == TROUBLE_JUMPED:
            far = [distance_m(int(r["was_lat"]), int(r["was_lon"]), int(r["lat"]), int(r["lon"])) >= sight.params.position.jump_nm_min * NM_M for r in rows]
            fresh = fresh & np.array(far, bool)
        rows, since_ms = rows[fresh], since_ms[fresh]
        events = []
        taken: set[int] = set()
        for i, seed in enumerate(rows):
            if int(seed["key"]) in taken or len(self.areas) >= AREAS_MAX:
                continue
            near = _near(rows, seed, kind, rule) & (np.abs(since_ms - since_ms[i]) <= rule.window_s * 1000)
            near &= ~np.isin(rows["key"], list(taken))
            if int(near.sum()) < rule.vessels_min:
                continue
            members = rows[near]
            share = _lost_share(members, seed, sight, rule) if kind == TROUBLE_LOST else 1.0
            if kind == TROUBLE_LOST and share < rule.lost_share_min:
                continue
            taken |= set(members["key"].tolist())
            area = _new_area(kind, members, seed, int(since_ms[near].min()), share, sight)
            self.areas.append(area)
            events.append(area.event)
        return events

    def to_sections(self) -> list[Any]:
        """State for `dogwatch.blob`."""
        return [
            [
                a.kind,
                a.start_ms,
                [[key, *place] for key, place in sorted(a.members.items())],
                list(a.target),
                a.last_ms,
                a.share,
                ep.to_json(a.event),
                a.emitted_ms,
                a.told,
            ]
            for a in self.areas
        ]

    @classmethod
    def from_sections(cls, rows: list[Any]) -> Areas:
        """The areas that `to_sections` described."""
        areas = [
            Area(k, start, {m[0]: (m[1], m[2]) for m in members}, (target[0], target[1]), last, share, ep.event_from_json(text), emitted, told)
            for k, start, members, target, last, share, text, emitted, told in rows
        ]
        return cls(areas)


def _source(row: np.void, kind: int) -> tuple[int, int]:
    """Where a vessel was before its trouble."""
    return (int(row["was_lat"]), int(row["was_lon"])) if kind == TROUBLE_JUMPED else (int(row["lat"]), int(row["lon"]))


def _belongs(area: Area, row: np.void, rule: Gnss) -> bool:
    if int(row["key"]) in area.members:
        return True
    lat, lon = _source(row, area.kind)
    if area.kind == TROUBLE_JUMPED and distance_m(int(row["lat"]), int(row["lon"]), *area.target) > rule.target_nm * NM_M:
        return False
    return any(distance_m(lat, lon, *place) <= rule.source_nm * NM_M for place in area.members.values())


def _near(rows: np.ndarray, seed: np.void, kind: int, rule: Gnss) -> np.ndarray:
    """bool[n]: source and target near those of the seed."""
    at = _source(seed, kind)
    near = [distance_m(*_source(row, kind), *at) <= rule.source_nm * NM_M for row in rows]
    if kind == TROUBLE_JUMPED:
        target = int(seed["lat"]), int(seed["lon"])
        near = [n and distance_m(int(row["lat"]), int(row["lon"]), *target) <= rule.target_nm * NM_M for n, row in zip(near, rows)]
    return np.array(near, np.bool_)


def _lost_share(members: np.ndarray, seed: np.void, sight: Sight, rule: Gnss) -> float:
    """Share of the vessels heard about the seed that have no place."""
    about = sight.around.within(int(seed["lat"]), int(seed["lon"]), rule.source_nm)
    heard = about[about["heard_ms"] >= sight.tick_ms - HEARD_MS]
    return len(members) / max(1, len(heard), len(members))


def _new_area(kind: int, members: np.ndarray, seed: np.void, start_ms: int, share: float, sight: Sight) -> Area:
    target = int(seed["lat"]), int(seed["lon"])
    places = {int(row["key"]): _source(row, kind) for row in members}
    keys = sorted(places)
    identity = event_id(TYPE, [subjects.subject_key(keys[0])], start_ms, RULE, RULE_VERSION)
    event = Event(
        event_id=identity,
        version=1,
        state="open",
        type=TYPE,
        subtype="displaced" if kind == TROUBLE_JUMPED else "lost",
        subjects=[],
        mmsi=[],
        t_start=start_ms,
        t_end=None,
        t_detected=sight.tick_ms,
        lat=None,
        lon=None,
        zones=[],
        measures={},
        evidence=[],
        exclusions=[],
        confidence=0.0,
        rule=RULE,
        rule_version=RULE_VERSION,
        params_hash=sight.params.params_hash,
    )
    area = Area(kind, start_ms, places, target, sight.tick_ms, share, event, sight.tick_ms)
    _describe(area, sight)
    return area


def _describe(area: Area, sight: Sight) -> None:
    """Put members, place, evidence and confidence into the event, as they are now."""
    rule, event = sight.params.gnss, area.event
    keys = sorted(area.members)
    places = np.array([area.members[key] for key in keys], float) / UNITS_PER_DEG
    lat, lon = mean_position(places[:, 0], places[:, 1])
    event.lat, event.lon = round(lat, 4), round(lon, 4)
    event.mmsi = sorted({mmsi_of(key) for key in keys})
    event.subjects = [sight.subject(key) for key in keys]
    centre = round(lat * UNITS_PER_DEG), round(lon * UNITS_PER_DEG)
    radius_nm = max(distance_m(*centre, *place) for place in area.members.values()) / NM_M
    event.measures = {"vessels": len(keys), "radius_nm": ep.tidy("nm", radius_nm)}
    event.evidence = [ep.at_least("vessels", len(keys), rule.vessels_min)]
    if area.kind == TROUBLE_LOST:
        event.evidence.append(ep.at_least("lost_share", area.share, rule.lost_share_min))
    else:
        to = ep.degrees_of(*area.target)
        event.measures |= {"target_lat": to[0], "target_lon": to[1], "target_distance_nm": ep.tidy("nm", distance_m(*centre, *area.target) / NM_M)}
        event.evidence += [ep.at_most("source_nm", min(radius_nm, rule.source_nm), rule.source_nm), ep.at_most("target_nm", 0.0, rule.target_nm)]
    event.zones = sight.geography.relations(event.lat, event.lon)
    event.confidence = ep.confidence_of(rule.confidence_cap, ep.margin_quality(len(keys), rule.vessels_min), 1.0, [])
    area.told = len(keys)


def _told(area: Area, sight: Sight) -> list[Event]:
    """The next version, if there is something new to say."""
    tick_ms, event = sight.tick_ms, area.event
    over = event.t_end is None and tick_ms - area.last_ms > MINUTE_MS
    again = event.t_end is not None and area.last_ms == tick_ms
    grown = len(area.members) != area.told and (tick_ms - area.emitted_ms >= 600_000 or over)
    if not (over or again or grown) or area.emitted_ms == tick_ms:
        return []
    area.event = event = ep.next_version(event, tick_ms)
    if over:
        event.t_end, event.state = area.last_ms, "closed"
    elif again:
        event.t_end, event.state = None, "open"
    _describe(area, sight)
    area.emitted_ms = tick_ms
    return [event]
