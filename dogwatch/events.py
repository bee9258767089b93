"""Events: what a detector saw, with its evidence. The word in which tracks/, risk/ and ingest/safety meet.

May live here: the event record, its deterministic id, its JSON form. May not: thresholds, scores, words for people.

Life of an event: candidate (not shown; also what an exclusion suppressed) -> open -> closed; retracted from anywhere.
(`event_id`, `version`) is unique, the larger version wins, a retracted id never reopens. All times are UTC
milliseconds in memory and ISO 8601 in JSON; numbers are rounded by whoever makes the event, so that equal runs are
equal bytes.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Literal

import msgspec

from dogwatch.times import from_iso, iso

State = Literal["candidate", "open", "closed", "retracted"]
Value = float | int | str | bool | None
START_BUCKET_MS = 600_000  # an episode's start is floored to 10 minutes in its id (house rules)


class Subject(msgspec.Struct):
    """A vessel as the event knew it. `key` = MMSI and hypothesis ordinal ('257000001#0')."""

    key: str
    mmsi: int
    role: str = ""
    name: str | None = None
    callsign: str | None = None
    imo: int | None = None
    ship_type: int | None = None
    loa_m: int | None = None
    ais_class: str | None = None


class Evidence(msgspec.Struct):
    """One condition of the rule: observed against threshold. `margin` > 0 means passed with room."""

    name: str
    observed: Value
    op: str
    threshold: Value
    margin: float | None
    passed: bool


class Exclusion(msgspec.Struct):
    """One innocent explanation that was tested, with its result. effect: none, doubt or suppress."""

    name: str
    result: str
    observed: Value
    effect: Literal["none", "doubt", "suppress"]


class ZoneRelation(msgspec.Struct, omit_defaults=True):
    """How the event stands to a zone. relation: inside, near, crossed, inside_last_known. subkind: what the zone's file says more, or nothing."""

    id: str
    version: str
    kind: str
    relation: str
    distance_nm: float
    subkind: str = ""


class Event(msgspec.Struct):
    """One version of one event; see the module text for its life."""

    event_id: str
    version: int
    state: State
    type: str
    subtype: str
    subjects: list[Subject]
    mmsi: list[int]
    t_start: int
    t_end: int | None
    t_detected: int
    lat: float | None
    lon: float | None
    zones: list[ZoneRelation]
    measures: dict[str, Value]
    evidence: list[Evidence]
    exclusions: list[Exclusion]
    confidence: float
    rule: str
    rule_version: str
    params_hash: str
    profile_hash: str = ""  # of the rule profile in force; '' for what no profile governs
    reason: str = ""
    supersedes: str | None = None
    exercise: bool = False
    quality: dict[str, Value] = msgspec.field(default_factory=dict)

    def whole(self) -> Event:
        """The plain record: itself, but for events whose words are written late (late.py)."""
        return self


def event_id(kind: str, subject_keys: list[str], t_start_ms: int, rule: str, rule_version: str) -> str:
    """128-bit hex id of an episode: type, sorted subjects, start floored to 10 minutes, rule and its major version."""
    return id_of(f"{kind}|{','.join(sorted(subject_keys))}", t_start_ms, f"{rule}|{rule_version.partition('.')[0]}")


def id_of(who: str, t_start_ms: int, why: str) -> str:
    """The id of an episode of which the parts before and behind the time are put together: for those who make many of one kind."""
    return blake2b(f"{who}|{t_start_ms // START_BUCKET_MS * START_BUCKET_MS}|{why}".encode("ascii"), digest_size=16).hexdigest()


def event_order(event: Event) -> tuple[int, str, int]:
    """Sort key of events.ndjson."""
    return (event.t_detected, event.event_id, event.version)


TIME_FIELDS = ("t_start", "t_end", "t_detected", "t_first", "t_last")


def to_plain(record: msgspec.Struct) -> dict[str, Any]:
    """A dict ready for JSON: every time field as ISO 8601 text."""
    row = msgspec.to_builtins(record.whole() if isinstance(record, Event) else record)
    for name in TIME_FIELDS:
        if name in row:
            row[name] = iso(row[name])
    return row


def to_json(record: msgspec.Struct) -> bytes:
    """One JSON object, without newline; equal records give equal bytes."""
    return msgspec.json.encode(to_plain(record))


def times_from_plain(row: dict[str, Any]) -> dict[str, Any]:
    """Undo the ISO texts of `to_plain`, in place."""
    for name in TIME_FIELDS:
        if isinstance(row.get(name), str):
            row[name] = from_iso(row[name])
    return row


def event_from_json(data: bytes) -> Event:
    """Read back what `to_json` wrote. Raises msgspec.ValidationError on anything else."""
    return msgspec.convert(times_from_plain(msgspec.json.decode(data)), Event)
