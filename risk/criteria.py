"""Criteria: does this event meet what a rule asks for? May live here: the criteria that a profile can give, and when one implies another.

May not: weights, points, words. Every criterion that is given must hold; within a list any one will do. Whatever an event does not state
(a size, a measure) does not meet a criterion that asks for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

from dogwatch.events import Event, ZoneRelation
from dogwatch.times import from_iso

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Hour = Annotated[int, msgspec.Meta(ge=0, le=24)]
Month = Annotated[int, msgspec.Meta(ge=1, le=12)]
BEHAVIOURS = {  # event types with their subtypes: what a rule may name
    "dark": ("candidate", "suspicious", "within_range", "reappeared"),
    "rendezvous": ("ais_pair", "under_way", "dark_partner"),
    "loitering": (),
    "position_anomaly": ("geometry", "jump", "offset", "on_land", "circle", "simulated"),
    "gnss_area": ("displaced", "lost"),
    "identity": ("dup_mmsi", "bad_mmsi", "imo_conflict", "static_change", "mmsi_handover", "class_conflict"),
    "zone": ("enter", "exit", "cross_line", "inferred_cross", "approach", "inside_last_known"),
    "infra": ("over_cable", "cable_approach", "anchor_drag"),
    "anomaly": ("speed", "course", "place"),
    "port_visit": (),
    "watchlist": ("confirmed_identifier", "probable", "name_only"),
}


class Where(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What an event must be: which behaviour, where, by whom, when, how much of it."""

    behaviours: list[str] = []  # event types
    subtypes: list[str] = []
    zone_ids: list[str] = []  # inside, near or crossing one of these zones
    zone_kinds: list[str] = []
    zone_subkinds: list[str] = []
    mids: list[int] = []  # flag: first three digits of any subject's MMSI (maritime identification digits)
    ship_types: list[int] = []
    loa_m_min: float | None = None  # length of any subject
    loa_m_max: float | None = None
    watchlists: list[str] = []  # a hit on one of these lists
    hours_utc: list[Hour] = []  # [from, to): any moment of the event lies in it; [20, 4] is the night
    weekdays: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = []  # UTC
    months: list[Month] = []
    valid_from: str = ""  # the event began at or after it; ISO 8601, UTC
    valid_until: str = ""  # and before it
    at_least: dict[str, float] = {}  # measure of the event -> smallest value that counts
    at_most: dict[str, float] = {}

    def given(self) -> bool:
        """Whether there is any criterion of its own: a time of validity alone would fire on everything."""
        return any(bool(value) or isinstance(value, float) for name in CRITERIA if (value := getattr(self, name)) is not None)

    def met(self, event: Event) -> bool:
        """Whether an event meets all given criteria."""
        if (self.behaviours and event.type not in self.behaviours) or (self.subtypes and event.subtype not in self.subtypes):
            return False  # every version of an event asks every rule, and most say no here
        lists = (
            (self.zone_ids, (zone.id for zone in event.zones)),
            (self.zone_kinds, (zone.kind for zone in event.zones)),
            (self.zone_subkinds, (zone.subkind for zone in event.zones)),
            (self.mids, (int(f"{mmsi:09d}"[:3]) for mmsi in event.mmsi)),
            (self.ship_types, (subject.ship_type for subject in event.subjects)),
            (self.watchlists, (event.measures.get("list"),) if event.type == "watchlist" else ()),
        )
        return (
            all(not wanted or any(item in wanted for item in found) for wanted, found in lists)
            and self._size_met(event)
            and self._time_met(event)
            and all((value := reading(event, name)) is not None and value >= limit for name, limit in self.at_least.items())
            and all((value := reading(event, name)) is not None and value <= limit for name, limit in self.at_most.items())
        )

    def covers(self, other: Where) -> bool:
        """Whether every event that meets `other` meets this too, as far as the criteria tell."""
        return (
            all(not (mine := getattr(self, name)) or (bool(theirs := getattr(other, name)) and set(theirs) <= set(mine)) for name in LISTS)
            and self.hours_utc in ([], other.hours_utc)
            and self.valid_from in ("", other.valid_from)
            and self.valid_until in ("", other.valid_until)
            and (self.loa_m_min is None or (other.loa_m_min is not None and other.loa_m_min >= self.loa_m_min))
            and (self.loa_m_max is None or (other.loa_m_max is not None and other.loa_m_max <= self.loa_m_max))
            and all(name in other.at_least and other.at_least[name] >= limit for name, limit in self.at_least.items())
            and all(name in other.at_most and other.at_most[name] <= limit for name, limit in self.at_most.items())
        )

    def _size_met(self, event: Event) -> bool:
        if self.loa_m_min is None and self.loa_m_max is None:
            return True
        low, high = self.loa_m_min or 0.0, float("inf") if self.loa_m_max is None else self.loa_m_max
        return any(subject.loa_m is not None and low <= subject.loa_m <= high for subject in event.subjects)

    def _time_met(self, event: Event) -> bool:
        start_ms, end_ms = event.t_start, max(event.t_start, event.t_detected if event.t_end is None else event.t_end)
        if self.valid_from and start_ms < time_of(self.valid_from):
            return False
        if self.valid_until and start_ms >= time_of(self.valid_until):
            return False
        if self.hours_utc and not _touches_hours(self.hours_utc[0], self.hours_utc[1], start_ms, end_ms):
            return False
        if not self.weekdays and not self.months:
            return True
        days = range(start_ms // DAY_MS, min(end_ms // DAY_MS, start_ms // DAY_MS + 366) + 1)
        return any(
            (not self.weekdays or DAYS[(day + 3) % 7] in self.weekdays)  # 1970 began on a Thursday
            and (not self.months or datetime.fromtimestamp(day * DAY_MS / 1000, UTC).month in self.months)
            for day in days
        )


BORDER_KINDS = ("border", "watch", "territorial_sea")  # from which the distance to the border is measured; other zones are only named
LISTS = ("behaviours", "subtypes", "zone_ids", "zone_kinds", "zone_subkinds", "mids", "ship_types", "watchlists", "weekdays", "months")
CRITERIA = (*LISTS, "loa_m_min", "loa_m_max", "hours_utc", "at_least", "at_most")


def reading(event: Event, name: str) -> float | None:
    """A number that the event states: from its measures, else its evidence, else (distances) its zone relations."""
    value = event.measures.get(name)
    if value is None:
        value = next((item.observed for item in event.evidence if item.name == name), None)
    if value is None and name == "watch_distance_nm":
        value = min((_nearness_nm(zone) for zone in event.zones if zone.kind in BORDER_KINDS), default=None)
    return None if value is None or isinstance(value, str | bool) else float(value)


def time_of(text: str) -> int:
    """'2026-06-01' or '2026-06-01T12:00Z' as UTC milliseconds. Raises ValueError."""
    found = from_iso(text)
    assert found is not None, "a text has a time"
    return found


def contradictions(where: Where) -> Iterable[tuple[str, str, str]]:
    """Criteria that no event can meet, or that do not exist: (key, what is wrong, remedy)."""
    for name in where.behaviours:
        if name not in BEHAVIOURS:
            yield "behaviours", f"no behaviour '{name}'", "known: " + ", ".join(sorted(BEHAVIOURS))
    known = {subtype for name, subtypes in BEHAVIOURS.items() if name in (where.behaviours or BEHAVIOURS) for subtype in subtypes}
    for subtype in where.subtypes:
        if subtype not in known and not set(where.behaviours) - set(BEHAVIOURS):
            yield "subtypes", f"no subtype '{subtype}' of {', '.join(where.behaviours) or 'any behaviour'}", "known: " + (", ".join(sorted(known)) or "none")
    if where.watchlists and where.behaviours and "watchlist" not in where.behaviours:
        yield "watchlists", "only a hit on a watchlist is on a list", "add 'watchlist' to behaviours, or weigh the list in a context"
    for name in where.at_least:
        if name in where.at_most and where.at_least[name] > where.at_most[name]:
            yield "at_least", f"'{name}' cannot be at least {where.at_least[name]:g} and at most {where.at_most[name]:g}", "exchange them"
    if where.loa_m_min is not None and where.loa_m_max is not None and where.loa_m_min > where.loa_m_max:
        yield "loa_m_min", f"no length is at least {where.loa_m_min:g} and at most {where.loa_m_max:g} m", "exchange them"
    if where.hours_utc and (len(where.hours_utc) != 2 or (where.hours_utc[1] - where.hours_utc[0]) % 24 == 0):
        yield "hours_utc", "is not a pair of different hours", "write [from, to], such as [20, 4]"
    yield from validity_faults(where.valid_from, where.valid_until)


def validity_faults(valid_from: str, valid_until: str) -> Iterable[tuple[str, str, str]]:
    """What is wrong with a time of validity."""
    times = {}
    for name, text in (("valid_from", valid_from), ("valid_until", valid_until)):
        try:
            times[name] = time_of(text) if text else None
        except ValueError:
            yield name, f"'{text}' is no time", "write 2026-06-01 or 2026-06-01T12:00Z"
    begin, end = times.get("valid_from"), times.get("valid_until")
    if begin is not None and end is not None and begin >= end:
        yield "valid_until", "ends before it begins", "valid_until must be later than valid_from"


def _touches_hours(first: int, last: int, start_ms: int, end_ms: int) -> bool:
    """Whether [start, end] has a moment whose UTC hour lies in [first, last), which may go over midnight."""
    lasting_ms = (last - first) % 24 * HOUR_MS or DAY_MS
    into_ms = (start_ms - first * HOUR_MS) % DAY_MS
    return into_ms < lasting_ms or DAY_MS - into_ms <= end_ms - start_ms


def _nearness_nm(zone: ZoneRelation) -> float:
    return zone.distance_nm if zone.relation == "near" else 0.0
