"""Late events: events whose words are written when somebody first reads them. May hold: that record. May not: what the words say.

Theory. Most crossings of zones are told to nobody: no rule asks for them, no page shows them. Of such an event only what orders, names and weighs it is
made at once (id, version, state, subtype, times, place, zones, confidence). Who it was and why it is believed (WORDS) are written by its `writer`, out of
the columns of the minute in which it was found, when one of them is first read; the writer is then let go. What is read is the same, to the byte, whenever
it is read: columns that a writer keeps are copies which nobody changes.
A late event is an Event for whoever reads fields. Whoever needs the plain record (JSON, a copy with changes) asks for `whole()`.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from dogwatch.events import Event, Subject, Value, ZoneRelation

WORDS = ("subjects", "measures", "evidence", "exclusions", "quality")


class Writer(Protocol):
    """Who knows the words of some events."""

    def write(self, event: LateEvent) -> None:
        """Set the WORDS of an event; `event.row` says which of the writer's it is."""


class LateEvent(Event):
    """An event without its words. Made by `late_event`, `late_version` and `place_of`."""

    writer: Any = None  # None: the words are written
    row: int = 0

    def __getattr__(self, name: str) -> Any:
        """Called for a field that is not set yet."""
        if name not in WORDS or self.writer is None:
            raise AttributeError(name)
        self.writer.write(self)
        self.writer = None
        return getattr(self, name)

    def whole(self) -> Event:
        """The plain record."""
        return Event(*[getattr(self, name) for name in FIELDS])

    __hash__ = None  # type: ignore[assignment]  # as of any Event

    def __eq__(self, other: object) -> bool:
        """Equal records are equal, written or not."""
        return self.whole() == other.whole() if isinstance(other, Event) else NotImplemented

    def __repr__(self) -> str:
        """As that of the plain record."""
        return repr(self.whole())


FIELDS = Event.__struct_fields__


def late_event(fields: tuple[Any, ...], writer: Writer, row: int) -> LateEvent:
    """An event of all its fields, in their order; those of WORDS are left to the writer."""
    event = LateEvent(*(*fields, writer, row))
    del event.subjects, event.measures, event.evidence, event.exclusions, event.quality
    return event


class _Before:
    """Words of a version: those of the version before, and some measures more."""

    def __init__(self, before: Event, more: dict[str, Value]) -> None:
        self.before, self.more = before, more

    def write(self, event: LateEvent) -> None:
        """As `Writer.write`."""
        for name in WORDS:
            setattr(event, name, getattr(self.before, name))
        event.measures = {**self.before.measures, **self.more}


class _Place:
    """Who it was, and nothing else."""

    def __init__(self, before: Event) -> None:
        self.before = before

    def write(self, event: LateEvent) -> None:
        """As `Writer.write`."""
        event.subjects = self.before.subjects


def late_version(before: LateEvent, t_detected: int, t_end: int, zones: list[ZoneRelation], more: dict[str, Value]) -> LateEvent:
    """The closed version of a late event that was open, with its zones as they are now and some measures more."""
    b, nobody = before, list[Subject]()
    fields = (b.event_id, b.version + 1, "closed", b.type, b.subtype, nobody, b.mmsi, b.t_start, t_end, t_detected, b.lat, b.lon, zones, None, None, None)
    rest = (b.confidence, b.rule, b.rule_version, b.params_hash, b.profile_hash, b.reason, b.supersedes, b.exercise, None)
    return late_event((*fields, *rest), _Before(before, more), before.row)


def place_of(event: Event) -> Event:
    """An event's place in time and sea, its vessels and its reason, without zones and evidence."""
    bare: dict[str, Any] = {"zones": [], "measures": {}, "evidence": [], "exclusions": [], "quality": {}}
    if not isinstance(event, LateEvent) or event.writer is None:
        return msgspec.structs.replace(event.whole(), **bare)
    fields = [None if name in WORDS else getattr(event, name) for name in FIELDS]
    place = late_event(tuple(fields), _Place(event), event.row)
    for name, value in bare.items():
        setattr(place, name, value)
    return place
