"""Alerts: the operator's view of one case. Written by risk/ and by ingest/safety, read by console/ and partners.

May live here: the alert record, its id, its JSON form. May not: how a score is made (risk/), who acknowledged (console/).
One alert per case (profile + vessels + episode); rules and events live in its contributions, whose integer points
(milli-logits, `base` and `context` among them) sum exactly to `score_milli`; `score` 0-100 is derived for people.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Literal

import msgspec

from dogwatch.events import Subject, Value, times_from_plain

Level = Literal["emergency", "alarm", "warning", "caution"]
Condition = Literal["active", "cleared", "retracted"]
EXERCISE_MARK = "EXERCISE: "  # a drill must not read like a rescue, wherever the line is pasted


class Contribution(msgspec.Struct):
    """One summand of a score. `observed` and `threshold` are what the watch reads beside the points."""

    name: str
    points: int
    event_id: str | None = None
    observed: Value = None
    threshold: Value = None
    text: str = ""


class Alert(msgspec.Struct):
    """One revision of one alert; a larger revision replaces a smaller one. Times are UTC milliseconds."""

    alert_id: str
    revision: int
    kind: Literal["risk", "distress", "test_beacon", "system", "notice"]
    condition: Condition
    level: Level
    score: float
    score_milli: int
    contributions: list[Contribution]
    event_ids: list[str]
    mmsi: list[int]
    subjects: list[Subject]
    t_first: int
    t_last: int
    lat: float | None
    lon: float | None
    headline: str
    explanation: str
    innocent: list[str]
    counterfactual: str
    profile: str
    profile_hash: str
    exercise: bool
    reason: str = ""


def alert_id(profile_id: str, mmsi: list[int], first_event_id: str) -> str:
    """128-bit hex id of a case: profile id, sorted MMSI, first event id."""
    text = "|".join((profile_id, ",".join(str(m) for m in sorted(mmsi)), first_event_id))
    return blake2b(text.encode("utf-8"), digest_size=16).hexdigest()


def marked(headline: str, *, exercise: bool) -> str:
    """A headline that says whether it is of an exercise; one that has said so once goes on saying it."""
    return EXERCISE_MARK + headline.removeprefix(EXERCISE_MARK) if exercise else headline


def alert_order(alert: Alert) -> tuple[int, str, int]:
    """Sort key of alerts.ndjson."""
    return (alert.t_last, alert.alert_id, alert.revision)


def alert_from_json(data: bytes) -> Alert:
    """Read back what `dogwatch.events.to_json` wrote of an alert. Raises msgspec.ValidationError."""
    return msgspec.convert(times_from_plain(msgspec.json.decode(data)), Alert)
