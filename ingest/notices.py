"""Safety notices: what the detectors see on the safety channel, as quiet alerts for the watch. May live here: their words, their number.

May not: distress (safety.py pages at once), scores, cases, decisions of detectors. A notice is of level caution and never of another kind than
`notice`: a ship adrift, aground or about to be hit needs eyes, she is no suspect.

A notice is told when it begins, when it ends and when it is withdrawn (a suppression found later, a retraction); updates in between change nothing
that a watch must read again. At most ACTIVE_MAX of one subtype stand on the board; what comes beyond is counted in one collective notice,
so that a flood of one rule hides nothing else.
"""

from __future__ import annotations

from typing import Any

from dogwatch.alerts import Alert, Condition, alert_id, marked
from dogwatch.events import Event
from dogwatch.geo import degrees_minutes

PROFILE = "safety"
ACTIVE_MAX = 25  # of one subtype
SHOWN_MAX = 20_000  # remembered; the oldest first
WHAT = {
    "drift": "Adrift",
    "nuc": "Says that she is not under command",
    "sudden_stop": "Stopped suddenly",
    "aground": "Aground",
    "assist": "Ships turn to one place and stand by",
    "collision_risk": "Two vessels will pass very close",
}
INNOCENT = {
    "drift": ["engines stopped by choice: waiting for orders, a pilot or daylight", "a faulty heading"],
    "nuc": ["a status forgotten after repairs, or set by mistake"],
    "sudden_stop": ["a crash-stop trial, or a hurried anchoring", "a speed sensor that froze"],
    "aground": ["a status set by mistake", "a ship at a short anchor in still water"],
    "assist": ["a pilot station, a regatta, or a meeting"],
    "collision_risk": ["one of them will give way, or has done so since the last report", "wrong dimensions or old fixes"],
}
ADVICE = "Never navigational advice: fixes may be a minute old, and the bridge sees more."


class Notices:
    """Which events stand on the board. Not thread-safe."""

    def __init__(self) -> None:
        self.shown: dict[str, str] = {}  # event id -> subtype, of notices that are active
        self.withheld: dict[str, int] = {}  # by subtype

    def to_sections(self) -> dict[str, Any]:
        """State for a snapshot."""
        return {"shown": [list(item) for item in self.shown.items()], "withheld": dict(sorted(self.withheld.items()))}

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> Notices:
        """The state that `to_sections` described."""
        notices = cls()
        notices.shown, notices.withheld = dict(sections["shown"]), dict(sections["withheld"])
        return notices


def notice_step(notices: Notices, events: list[Event]) -> list[Alert]:
    """Take event versions in their order; returns what the watch must be told, in that order."""
    alerts = []
    for event in events:
        if event.type == "safety" and event.subtype in WHAT:
            alert = _take(notices, event)
            if alert is not None:
                alerts.append(alert)
    return alerts


def _take(notices: Notices, event: Event) -> Alert | None:
    known = event.event_id in notices.shown
    if event.state == "open":
        if known:
            return None
        if sum(subtype == event.subtype for subtype in notices.shown.values()) >= ACTIVE_MAX:
            count = notices.withheld[event.subtype] = notices.withheld.get(event.subtype, 0) + 1
            return _collective(event, count) if count & (count - 1) == 0 else None
        if len(notices.shown) >= SHOWN_MAX:
            del notices.shown[next(iter(notices.shown))]
        notices.shown[event.event_id] = event.subtype
        return _alert(event, "active")
    if not known:
        return None
    del notices.shown[event.event_id]
    return _alert(event, "cleared" if event.state == "closed" else "retracted")


def _alert(event: Event, condition: Condition) -> Alert:
    who = ", ".join(subject.name or f"MMSI {subject.mmsi:09d}" for subject in event.subjects)
    where = "" if event.lat is None or event.lon is None else f", {degrees_minutes(event.lat, event.lon)}"
    ended = {"active": "", "cleared": "Over: ", "retracted": "Withdrawn: "}[condition]
    observed = "; ".join(f"{item.name} {item.observed} ({item.op} {item.threshold})" for item in event.evidence)
    advice = f" {ADVICE}" if event.subtype == "collision_risk" else ""
    return Alert(
        alert_id=alert_id(PROFILE, event.mmsi, event.event_id), revision=event.version, kind="notice", condition=condition, level="caution",
        score=0.0, score_milli=0, contributions=[], event_ids=[event.event_id], mmsi=sorted(set(event.mmsi)), subjects=event.subjects,
        t_first=event.t_start, t_last=event.t_detected, lat=event.lat, lon=event.lon,
        headline=marked(f"{ended}{WHAT[event.subtype]}: {who}{where}", exercise=event.exercise),
        explanation=f"Safety notice, never scored. Observed: {observed}. Confidence {event.confidence:.2f}.{advice}",
        innocent=INNOCENT[event.subtype], counterfactual="", profile=PROFILE, profile_hash="", exercise=event.exercise, reason=event.reason,
    )  # fmt: skip


def _collective(event: Event, count: int) -> Alert:
    """One notice for all that found no place on the board."""
    headline = f"{count} more notices '{WHAT[event.subtype]}' than the board shows: look at the list of events, or at the rule"
    return Alert(
        alert_id=alert_id(PROFILE, [], f"flood-{event.subtype}"), revision=count.bit_length(), kind="notice", condition="active", level="caution",
        score=0.0, score_milli=0, contributions=[], event_ids=[], mmsi=[], subjects=[], t_first=event.t_detected, t_last=event.t_detected, lat=None,
        lon=None, headline=marked(headline, exercise=event.exercise), explanation=f"More than {ACTIVE_MAX} are active at once.",
        innocent=[], counterfactual="", profile=PROFILE, profile_hash="", exercise=event.exercise,
    )  # fmt: skip
