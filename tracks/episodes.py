"""What the detectors share when they put an episode into words: the book of episodes, subjects, confidence, innocent roles.

May hold: the life of an event (new, revised, closed, retracted), common exclusions. May not: decide that a rule is met.
Python objects exist here only for emitted events: the kernels deal in rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.events import Event, Evidence, Exclusion, Value, event_from_json, event_id, to_json
from tracks import subjects
from tracks.detector import Sight
from tracks.key import mmsi_of
from tracks.vessels import VesselTable

FRESH_MS = 600_000  # how lately a neighbour must have been heard
DECIMALS = {"nm": 2, "kn": 2, "m": 0, "s": 0, "share": 3, "min": 1}


@dataclass(slots=True)
class Episode:
    """Newest version of an event that may still change, when it was emitted, and what its detector wants remembered."""

    event: Event
    emitted_ms: int
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Book:
    """Episodes of one detector by key (of a track, or of two packed in one integer)."""

    pages: dict[int, Episode] = field(default_factory=dict)

    def __contains__(self, key: int) -> bool:
        return key in self.pages

    def open_new(self, key: int, event: Event, **notes: Any) -> Event:
        """Begin a page; returns the event as emitted."""
        self.pages[key] = Episode(event, event.t_detected, notes)
        return event

    def revise(self, key: int, t_detected: int, **changes: Any) -> Event:
        """Next version of a page's event with `changes`; returns it as emitted."""
        page = self.pages[key]
        page.event = next_version(page.event, t_detected, **changes)
        page.emitted_ms = t_detected
        return page.event

    def turn(self, key: int, event: Event) -> Event:
        """The event that a page holds from now on, a new one or another version; returns it."""
        if key in self.pages:
            page = self.pages[key]
            page.event, page.emitted_ms = event, event.t_detected
        else:
            self.open_new(key, event)
        return event

    def to_sections(self) -> list[list[Any]]:
        """Pages sorted by key, for `dogwatch.blob`."""
        return [[key, page.emitted_ms, to_json(page.event), page.notes] for key, page in sorted(self.pages.items())]

    @classmethod
    def from_sections(cls, rows: list[list[Any]]) -> Book:
        """The book that `to_sections` described."""
        return cls({key: Episode(event_from_json(text), emitted_ms, dict(notes)) for key, emitted_ms, text, notes in rows})


def new_event(sight: Sight, what: tuple[str, str, str, str], keys: list[int], start_ms: int, facts: dict[str, Any]) -> Event:
    """First version of an event detected at this tick. what: type, subtype, rule, rule version; keys: of its tracks; facts: the other fields."""
    kind, subtype, rule, rule_version = what
    return Event(
        event_id=event_id(kind, [subjects.subject_key(key) for key in keys], start_ms, rule, rule_version),
        version=1,
        type=kind,
        subtype=subtype,
        mmsi=[mmsi_of(key) for key in keys],
        t_start=start_ms,
        t_detected=sight.tick_ms,
        rule=rule,
        rule_version=rule_version,
        params_hash=sight.params.params_hash,
        **facts,
    )


def facts_of(sight: Sight, slot: int, here: tuple[float, float], exclusions: list[Exclusion], **own: Any) -> dict[str, Any]:
    """Fields of an event about one vessel at a place (degrees): shown and not over, unless an explanation suppresses it.

    own: fields that the detector adds, or says instead.
    """
    reason = suppressed_reason(exclusions)
    place = {"lat": here[0], "lon": here[1], "zones": sight.geography.relations(*here)}
    found = {"state": "candidate" if reason else "open", "subjects": [subjects.subject_of(sight.table, slot)], "t_end": None, **place}
    return {**found, "exclusions": exclusions, "reason": reason, **own}


def next_version(event: Event, t_detected: int, **changes: Any) -> Event:
    """A copy of an event as its next version, with `changes`."""
    return msgspec.structs.replace(event.whole(), version=event.version + 1, t_detected=t_detected, **changes)


def role_exclusion(table: VesselTable, slots: list[int]) -> Exclusion:
    """Roles that suppress: any of the vessels with a trade that explains it."""
    return roles_exclude([subjects.role_of(table, slot) for slot in slots])


def roles_exclude(known: list[str | None]) -> Exclusion:
    """The same of roles that are known."""
    roles = sorted({role for role in known if role})
    return Exclusion("role", roles[0] if roles else "none", ", ".join(roles) or None, "suppress" if roles else "none")


def checked(name: str, applies: bool, observed: Value = None, *, yes: str = "yes", no: str = "no", suppress: bool = False) -> Exclusion:
    """An innocent explanation with its result; it doubts (or suppresses) only if it applies."""
    effect = ("suppress" if suppress else "doubt") if applies else "none"
    return Exclusion(name, yes if applies else no, observed, effect)  # type: ignore[arg-type]  # one of the three literals


def doubt_exclusion(doubts: list[float], doubt_max: float) -> Exclusion:
    """Doubts that together leave too little: 1 - product of (1 - doubt) above `doubt_max` suppresses."""
    left = 1.0
    for doubt in doubts:
        left *= 1.0 - doubt
    return checked("doubts", 1.0 - left > doubt_max, round(1.0 - left, 3), suppress=True)


def suppressed_reason(exclusions: list[Exclusion]) -> str:
    """'suppressed: <name>' of the first exclusion that suppresses, or ''."""
    for exclusion in exclusions:
        if exclusion.effect == "suppress":
            return f"suppressed: {exclusion.name}"
    return ""


def at_least(name: str, observed: float, threshold: float) -> Evidence:
    """Condition `observed >= threshold`; margin is what it has to spare."""
    observed, threshold = tidy(name, observed), tidy(name, threshold)
    return Evidence(name, observed, ">=", threshold, tidy(name, observed - threshold), observed >= threshold)


def at_most(name: str, observed: float, threshold: float) -> Evidence:
    """Condition `observed <= threshold`; margin is what it has to spare."""
    observed, threshold = tidy(name, observed), tidy(name, threshold)
    return Evidence(name, observed, "<=", threshold, tidy(name, threshold - observed), observed <= threshold)


def tidy(name: str, value: float) -> float:
    """A number rounded as its unit deserves (unit = any part of its name): equal runs are equal bytes, and people can read it."""
    return round(float(value), _decimals(name))


@cache
def _decimals(name: str) -> int:
    """Decimals of a name: those of the last of its parts that is a unit. Names are few, so all are remembered."""
    return next((DECIMALS[part] for part in reversed(name.split("_")) if part in DECIMALS), 3)


def probability(value: float) -> float:
    """A probability with three significant digits (it may be very small)."""
    return float(f"{value:.3g}")


def margin_quality(observed: float, threshold: float) -> float:
    """0.5 at the threshold, growing in a straight line to 1 at three times it."""
    return min(1.0, max(0.5, 0.5 + 0.25 * (observed / threshold - 1.0)))


def confidence_of(cap: float, margin: float, data: float, doubts: list[float]) -> float:
    """Confidence that the definition is met: min(cap, margin x data x product of (1 - doubt)), data clipped to 0.3-1."""
    value = margin * min(1.0, max(0.3, data))
    for doubt in doubts:
        value *= 1.0 - doubt
    return round(float(min(cap, value)), 3)


def degrees_of(lat: float, lon: float) -> tuple[float, float]:
    """Degrees of a position in units, rounded to about 1 m; longitude wrapped to [-180, 180)."""
    lon_deg = (float(lon) / UNITS_PER_DEG + 180.0) % 360.0 - 180.0
    return round(float(lat) / UNITS_PER_DEG, 5), round(lon_deg, 5)


def slow_neighbours(sight: Sight, slot: int, reach_nm: float, speed_kn_max: float) -> int:
    """Other vessels, slow and heard in the last ten minutes, within `reach_nm`; those inside masks count too."""
    me, key = sight.table.rows[slot], sight.table.key_of(slot)
    rows = sight.around.within(int(me["lat"]), int(me["lon"]), reach_nm)
    slow = (rows["t_ms"] >= sight.tick_ms - FRESH_MS) & (rows["speed_kn"] >= 0) & (rows["speed_kn"] <= speed_kn_max)
    return int((slow & (rows["key"] != key)).sum())
