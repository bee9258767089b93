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

from dogwatch.events import Event, State, ZoneRelation

WORDS = ("subjects", "measures", "evidence", "exclusions", "quality")


class Writer(Protocol):
    """Who knows the words of some events."""

    def write(self, event: LateEvent) -> None:
        """Set the WORDS of an event; `event.row` says which of the writer's it is."""


class LateEvent(Event):
    """An event without its words: made like an Event, then `unwritten`; its versions by `late_version`, its place by `place_of`."""

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


def unwritten(event: LateEvent) -> LateEvent:
    """The same event, made of all its fields, without its words: what stood in their places is nothing."""
    del event.subjects, event.measures, event.evidence, event.exclusions, event.quality
    return event


def late_version(before: LateEvent, state: State, t_detected: int, t_end: int, zones: list[ZoneRelation], reason: str, writer: Writer) -> LateEvent:
    """The next version of a late event, with its state, end, zones and reason as they are now; what its words say more than before, the writer knows."""
    b, none = before, None
    what = (b.event_id, b.version + 1, state, b.type, b.subtype, none, b.mmsi, b.t_start, t_end, t_detected, b.lat, b.lon, zones, none, none, none)
    rest = (b.confidence, b.rule, b.rule_version, b.params_hash, b.profile_hash, reason, b.supersedes, b.exercise, none, writer, b.row)
    return unwritten(LateEvent(*what, *rest))  # type: ignore[arg-type]  # no words yet


class Before:
    """Words of a version: those of the version before. Who extends it adds what the version says more."""

    __slots__ = ("before",)

    def __init__(self, before: Event) -> None:
        self.before = before

    def write(self, event: LateEvent) -> None:
        """As `Writer.write`."""
        b = self.before
        event.subjects, event.measures, event.evidence, event.exclusions, event.quality = b.subjects, b.measures, b.evidence, b.exclusions, b.quality


class _Place:
    """Who it was, and nothing else."""

    def __init__(self, before: Event) -> None:
        self.before = before

    def write(self, event: LateEvent) -> None:
        """As `Writer.write`."""
        event.subjects = self.before.subjects


def place_of(event: Event) -> Event:
    """An event's place in time and sea, its vessels and its reason, without zones and evidence."""
    bare: dict[str, Any] = {"zones": [], "measures": {}, "evidence": [], "exclusions": [], "quality": {}}
    if not isinstance(event, LateEvent) or event.writer is None:
        return msgspec.structs.replace(event.whole(), **bare)
    fields = [None if name in WORDS else getattr(event, name) for name in FIELDS]
    place = unwritten(LateEvent(*fields, _Place(event), event.row))  # type: ignore[arg-type,call-arg]  # a column each
    for name, value in bare.items():
        setattr(place, name, value)
    return place
