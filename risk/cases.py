"""Cases: which events a watch should see as one story. May live here: grouping. May not: points, words, memory.

Two events belong together when they share a vessel and lie within `gap_h` hours and `distance_nm` miles of each other.
Grouping is a function of the set of newest versions, never of the order in which they came:

- Living events are taken in the order in which they were raised (first detection, then id); each joins the oldest case
  in which some living member belongs with it, else it begins a case. A newcomer is the last in that order, so in the
  live stream it never moves what is already grouped. Cases do not merge: a chain of meetings across a whole fleet must
  not become one row, and span, events and vessels of a case are limited for the same reason.
- What stands as long as it stands (a watchlist hit) is a case of its own, of one vessel, whatever the time and the place; it is lent to the
  other cases of its vessel (risk/step.py), so that each of them counts it and none owns it.
- Events that live no more (retracted, suppressed, no rule fits) bridge nothing, but they stay with the oldest case they
  belong to: a case keeps the name of the event that first raised it, even if late data took that event back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.events import Event
from dogwatch.geo import NM_M, distance_m
from risk.profile import CaseLimits

HOUR_MS = 3_600_000
FOR_EVER_MS = 1 << 62
STANDING = frozenset({"watchlist"})  # types that say what a vessel is, not what it did


@dataclass(slots=True)
class Record:
    """The newest version of an event, when it was first raised, and whether it lives (open or closed, and a rule fits)."""

    event: Event
    raised_ms: int | None
    live: bool

    @property
    def order(self) -> tuple[int, str]:
        """Canonical order of raised events."""
        assert self.raised_ms is not None, "only raised events are grouped"
        return (self.raised_ms, self.event.event_id)


@dataclass(slots=True)
class Case:
    """Events that belong together; `gone` score nothing and only keep the case's name."""

    live: list[Record] = field(default_factory=list)
    gone: list[Record] = field(default_factory=list)

    @property
    def anchor(self) -> Record:
        """The event that was raised first: it names the case."""
        return min((*self.live, *self.gone), key=lambda record: record.order)

    @property
    def members(self) -> list[Record]:
        """All events of the case in canonical order."""
        return sorted((*self.live, *self.gone), key=lambda record: record.order)


def group(records: Iterable[Record], limits: CaseLimits) -> list[Case]:
    """The cases of raised records, oldest first; then, each by itself, gone records that belong to no living case."""
    ordered = sorted(records, key=lambda record: record.order)
    cases: list[Case] = []
    by_vessel: dict[int, list[int]] = {}
    for record in ordered:
        if not record.live:
            continue
        index = next((i for i in _candidates(record, by_vessel) if takes(cases[i], record, limits)), None)
        if index is None:
            index = len(cases)
            cases.append(Case())
        cases[index].live.append(record)
        _note(record, index, by_vessel)
    found = len(cases)
    for record in ordered:
        if record.live:
            continue
        index = _host(record, cases, by_vessel, limits)
        if index is None:
            cases.append(Case(gone=[record]))
        else:
            cases[index].gone.append(record)
    assert all(case.live for case in cases[:found]), "a living case has a living member"
    return cases


def belong_together(one: Event, other: Event, limits: CaseLimits) -> bool:
    """Same vessel, near in time and in place; a drill never belongs to a real case. An unknown place is near everything."""
    if one.exercise != other.exercise or not set(one.mmsi) & set(other.mmsi) or (one.type in STANDING) != (other.type in STANDING):
        return False
    if one.type in STANDING:
        return True
    gap_ms = max(one.t_start - _end_ms(other), other.t_start - _end_ms(one))
    if gap_ms > limits.gap_h * HOUR_MS:
        return False
    if one.lat is None or one.lon is None or other.lat is None or other.lon is None:
        return True
    return float(distance_m(_units(one.lat), _units(one.lon), _units(other.lat), _units(other.lon))) <= limits.distance_nm * NM_M


def takes(case: Case, record: Record, limits: CaseLimits) -> bool:
    """Whether a living record may join a case: room in it, and a living member that the record belongs with."""
    far = abs(record.event.t_start - case.live[0].event.t_start) > limits.span_h * HOUR_MS and record.event.type not in STANDING
    if len(case.live) >= limits.events_max or far:
        return False
    if len({mmsi for member in (*case.live, record) for mmsi in member.event.mmsi}) > limits.vessels_max:
        return False
    return any(belong_together(record.event, member.event, limits) for member in case.live)


def _host(record: Record, cases: list[Case], by_vessel: dict[int, list[int]], limits: CaseLimits) -> int | None:
    """Index of the oldest living case that a gone record stays with."""
    return next((i for i in _candidates(record, by_vessel) if any(belong_together(record.event, member.event, limits) for member in cases[i].live)), None)


def _candidates(record: Record, by_vessel: dict[int, list[int]]) -> list[int]:
    return sorted({index for mmsi in record.event.mmsi for index in by_vessel.get(mmsi, ())})


def _note(record: Record, index: int, by_vessel: dict[int, list[int]]) -> None:
    for mmsi in record.event.mmsi:
        known = by_vessel.setdefault(mmsi, [])
        if index not in known:
            known.append(index)


def _end_ms(event: Event) -> int:
    if event.t_end is not None:
        return event.t_end
    return FOR_EVER_MS if event.state == "open" else event.t_detected


def _units(degrees: float) -> int:
    return round(degrees * UNITS_PER_DEG)
