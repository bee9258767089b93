"""The board: every alert the room should know about, its newest revision beside what people decided about it.

May live here: newest revision per alert, when an acknowledgement stops to hold, the health of the feed. May not: SQL, HTTP, drawing.

Two writers, two sets of fields: the pipeline publishes alerts (`revision` counts), people decide (`op_revision` counts).
An acknowledgement holds until the level rises above what was acknowledged, until a cleared alert becomes active again, or
until it is too old (alarm 30 min, emergency 10 min of event time). Silence is never an acknowledgement.

Thread-safe: the runner publishes from its thread while the server reads from its own.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import msgspec

from console.decisions import Ack, Decision, Decisions, RescueEnd
from console.stream import Stream
from dogwatch.alerts import Alert
from dogwatch.events import to_plain
from dogwatch.times import iso

ALERTS_MAX = 20_000  # on the board; the oldest that is no longer active leaves first, the record itself is on disk
LEVEL_RANK = {"caution": 0, "warning": 1, "alarm": 2, "emergency": 3}
ACK_HOLDS_S = {"alarm": 1800, "emergency": 600}


class NoRescueError(Exception):
    """No rescue area is open for the alert."""


class LevelRoseError(Exception):
    """The alert became worse than what the operator had on the screen when acknowledging."""


@dataclass(slots=True)
class _Entry:
    alert: Alert
    rises: list[tuple[int, str]] = field(default_factory=list)  # (revision, level) at each change of level
    cleared: bool = False  # was not active at its last revision
    void_ack: Ack | None = None  # no longer holds, but the disk refused to take that down


class Board:
    """Alerts by id, decisions about them, health; feeds `stream`."""

    def __init__(self, alerts_max: int = ALERTS_MAX) -> None:
        self.stream = Stream()
        self.exercise = False
        self._alerts_max = alerts_max
        self._entries: dict[str, _Entry] = {}
        self._health: dict[str, Any] = {}
        self._decisions = Decisions()
        self._lock = threading.RLock()

    def attach(self, decisions: Decisions) -> None:
        """Use this repository from now on (`create_app` does it)."""
        with self._lock:
            self._decisions = decisions

    def publish(self, alert: Alert) -> None:
        """Take one revision of an alert and tell every page. Older and repeated revisions change nothing."""
        with self._lock:
            entry = self._entries.get(alert.alert_id)
            if entry is None:
                entry = self._entries[alert.alert_id] = _Entry(alert)
            elif alert.revision <= entry.alert.revision:
                return
            if not entry.rises or entry.rises[-1][1] != alert.level:
                entry.rises.append((alert.revision, alert.level))
            entry.alert = alert
            self.exercise |= alert.exercise
            self._review(entry)
            self._evict()
            self.stream.append("alert", self._json(entry))

    def _review(self, entry: _Entry) -> None:
        """Withdraw an acknowledgement that no longer holds for the alert as it is now."""
        alert, ack = entry.alert, self._decision(entry).ack
        if ack is not None and alert.revision > ack.seen_revision:
            if LEVEL_RANK[alert.level] > LEVEL_RANK[ack.level]:
                self._unack(entry, f"level rose from {ack.level} to {alert.level}")
            elif alert.condition == "active" and entry.cleared:
                self._unack(entry, "active again")
        entry.cleared = alert.condition != "active"

    def _unack(self, entry: _Entry, reason: str) -> None:
        """Write it down; where the disk refuses, still show it: an alert never waits for a disk."""
        alert = entry.alert
        try:
            self._decisions.unack(alert.alert_id, reason=reason, wall_ms=wall_ms(), event_ms=alert.t_last)
        except sqlite3.Error:
            entry.void_ack = self._decisions.get(alert.alert_id).ack

    def _evict(self) -> None:
        if len(self._entries) > self._alerts_max:
            closed = [e.alert for e in self._entries.values() if e.alert.condition != "active"] or [e.alert for e in self._entries.values()]
            del self._entries[min(closed, key=lambda a: (a.t_last, a.alert_id)).alert_id]

    def acknowledge(self, alert_id: str, *, by: str, seen_revision: int, op_revision: int, event_ms: int | None, key: str | None = None) -> dict[str, Any]:
        """Acknowledge for everybody, durably, then tell every page; the record as it is now.

        Raises KeyError (no such alert), LevelRoseError, `console.decisions.StaleError`.
        """
        with self._lock:
            entry = self._entries[alert_id]
            alert = entry.alert
            seen_level = next((level for revision, level in reversed(entry.rises) if revision <= seen_revision), entry.rises[0][1])
            if self._decisions.get(alert_id).op_revision == op_revision and LEVEL_RANK[alert.level] > LEVEL_RANK[seen_level]:
                raise LevelRoseError
            before = self._decisions.get(alert_id)
            after = self._decisions.ack(
                alert_id,
                by=by,
                seen_revision=min(seen_revision, alert.revision),
                level=alert.level,
                op_revision=op_revision,
                wall_ms=wall_ms(),
                event_ms=event_ms if event_ms is not None else alert.t_last,
                key=key,
            )
            if after != before:
                self.stream.append("alert", self._json(entry))
            return self._record(entry)

    def end_rescue(self, alert_id: str, *, by: str, role: str, reason: str, op_revision: int, event_ms: int | None, key: str | None = None) -> dict[str, Any]:
        """End the rescue areas that an alert opened, for everybody and for good, then tell every page; the record as it is now.

        Who feeds the board obeys (`rescues_ended`). Raises KeyError (no such alert), NoRescueError, `console.decisions.StaleError`.
        """
        with self._lock:
            entry = self._entries[alert_id]
            before = self._decisions.get(alert_id)
            if before.rescue_end is not None:  # for good: who asks again is told who did it
                return self._record(entry)
            areas = tuple(area for area in entry.alert.event_ids if area in self._health.get("rescues", {}))
            if not areas:
                raise NoRescueError
            end = RescueEnd(by, role, reason, wall_ms(), event_ms if event_ms is not None else entry.alert.t_last, areas)
            self._decisions.end_rescue(alert_id, end, op_revision=op_revision, key=key)
            self.stream.append("alert", self._json(entry))
            return self._record(entry)

    def rescues_ended(self) -> dict[str, str]:
        """Who ended which rescue area, name and role, by the id of its event; those of earlier runs too."""
        with self._lock:
            return {area: f"{end.by} ({end.role})" for area, end in self._decisions.rescues_ended().items()}

    def expire(self, event_ms: int) -> int:
        """Withdraw acknowledgements that are too old for an alert still active; how many."""
        with self._lock:
            old = 0
            for entry in self._entries.values():
                holds_s = ACK_HOLDS_S.get(entry.alert.level)
                if holds_s is None or entry.alert.condition != "active":
                    continue
                ack = self._decision(entry).ack
                if ack is not None and ack.event_ms is not None and event_ms - ack.event_ms > holds_s * 1000:
                    self._unack(entry, f"still active {holds_s // 60} min after the acknowledgement")
                    self.stream.append("alert", self._json(entry))
                    old += 1
            return old

    def record(self, alert_id: str) -> dict[str, Any] | None:
        """One alert with its decisions, ready for JSON; None where unknown."""
        with self._lock:
            entry = self._entries.get(alert_id)
            return self._record(entry) if entry else None

    def snapshot(self) -> tuple[str, list[dict[str, Any]]]:
        """(cursor, records): the state and where the stream goes on from it. Worst and newest first."""
        with self._lock:
            entries = sorted(self._entries.values(), key=lambda e: (-LEVEL_RANK[e.alert.level], -e.alert.t_last, e.alert.alert_id))
            return self.stream.cursor, [self._record(entry) for entry in entries]

    def alerted(self) -> dict[int, int]:
        """MMSI -> score (0-100) of vessels with an active alert, for the picture."""
        with self._lock:
            found: dict[int, int] = {}
            for entry in self._entries.values():
                if entry.alert.condition == "active":
                    for mmsi in entry.alert.mmsi:
                        found[mmsi] = max(found.get(mmsi, 0), min(100, max(0, round(entry.alert.score))))
            return found

    def health(self, values: dict[str, Any]) -> None:
        """Merge facts about the feed: `messages`, `messages_per_s`, `watermark_ms`, `sources` (see docs/console.md)."""
        with self._lock:
            self._health.update(values)

    def health_now(self) -> dict[str, Any]:
        """The facts about the feed that the runner gave, and counts of the board."""
        with self._lock:
            active = sum(entry.alert.condition == "active" for entry in self._entries.values())
            return {**self._health, "alerts": len(self._entries), "alerts_active": active}

    def _record(self, entry: _Entry) -> dict[str, Any]:
        return {**to_plain(entry.alert), **decision_plain(self._decision(entry))}

    def _decision(self, entry: _Entry) -> Decision:
        decision = self._decisions.get(entry.alert.alert_id)
        if decision.ack is not None and decision.ack == entry.void_ack:
            return Decision(decision.alert_id, decision.op_revision, None, decision.rescue_end)
        return decision

    def _json(self, entry: _Entry) -> bytes:
        return msgspec.json.encode(self._record(entry))


def decision_plain(decision: Decision) -> dict[str, Any]:
    """The operator's half of a record, ready for JSON."""
    return {"op_revision": decision.op_revision, "ack": _ack_plain(decision.ack), "rescue_end": _end_plain(decision.rescue_end)}


def _end_plain(end: RescueEnd | None) -> dict[str, Any] | None:
    if end is None:
        return None
    return {"by": end.by, "role": end.role, "reason": end.reason, "at": iso(end.wall_ms), "event_time": iso(end.event_ms)}


def _ack_plain(ack: Ack | None) -> dict[str, Any] | None:
    if ack is None:
        return None
    return {"by": ack.by, "at": iso(ack.wall_ms), "event_time": iso(ack.event_ms), "seen_revision": ack.seen_revision, "level": ack.level}


def wall_ms() -> int:
    """The room's clock, UTC milliseconds: only for the log of what people did."""
    return time.time_ns() // 1_000_000
