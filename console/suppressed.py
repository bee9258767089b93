"""What rescue context holds back: which event, by which rule, for which rescue area; each such step is written into the watch log.

May live here: telling from events what was suppressed and what came back, until the log has it. May not: suppress anything (the
detectors do, tracks/rescue.py), end an area (console/board.py), SQL.

A suppression is an event kept as a candidate with the reason `suppressed: sar_context`. It is undone by a named person who ends the area: then the
event is judged anew, and that it came back is written down too. The log holds ids, no vessel. The same step told again (after a restart the
events of a run are read once more) is written once. Thread-safe: the runner tells, the beat of the server writes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from console.decisions import Act, Decisions
from dogwatch.events import Event, event_from_json
from dogwatch.times import iso

NAME = "sar_context"
REASON = f"suppressed: {NAME}"
HELD_MAX = 10_000  # shown of those that are held back; the log has all
WAITING_MAX = 100_000  # while the database is away; what is dropped is read from the journal at the next start
PAGE_ROWS = 500


class Step(msgspec.Struct, frozen=True):
    """One entry for the log: an event was held back, or came back. `area`: id of the rescue area; `why`: of what came back."""

    event_id: str
    type: str
    rule: str
    area: str
    event_ms: int
    why: str = ""


class Suppressed:
    """What is held back now, and the steps that no log has yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, Step] = {}
        self._waiting: list[Step] = []

    def take(self, events: Iterable[Event]) -> None:
        """Look at new versions of events, in their order."""
        with self._lock:
            for event in events:
                known = self._held.get(event.event_id)
                if event.reason == REASON:
                    step = Step(event.event_id, event.type, event.rule, _context(event), event.t_detected)
                    if known is None or known.area != step.area:
                        self._waiting.append(step)
                        self._held.pop(event.event_id, None)
                        self._held[event.event_id] = step
                elif known is not None:
                    why = _context(event) or event.reason or f"{event.state} now"
                    self._waiting.append(msgspec.structs.replace(known, event_ms=event.t_detected, why=why))
                    del self._held[event.event_id]
            for name in list(self._held)[: max(0, len(self._held) - HELD_MAX)]:
                del self._held[name]

    def recall(self, journal: Path) -> None:
        """Look at the events that an earlier run wrote (events.ndjson): what a crash kept from the log is in them."""
        if not journal.is_file():
            return
        with journal.open("rb") as lines:
            for line in lines:
                if REASON.encode() in line or (self._held and b'"closed by ' in line):
                    try:
                        self.take([event_from_json(line)])
                    except (msgspec.MsgspecError, ValueError):
                        continue  # the last line of a run that was killed

    def write(self, decisions: Decisions, wall_ms: int) -> None:
        """Write down what is not yet. Raises StoreError: then it waits."""
        with self._lock:
            steps, self._waiting = self._waiting, []
        try:
            if steps:
                decisions.enter([(_act(step, wall_ms), step.event_id, *_states(step)) for step in steps])
        except BaseException:
            with self._lock:
                self._waiting = (steps + self._waiting)[-WAITING_MAX:]
            raise

    def by_area(self) -> dict[str, list[dict[str, Any]]]:
        """What each area holds back now, ready for JSON, the newest of it first."""
        with self._lock:
            found: dict[str, list[dict[str, Any]]] = {}
            for step in reversed(self._held.values()):
                rows = found.setdefault(step.area, [])
                if len(rows) < PAGE_ROWS:
                    rows.append({"event_id": step.event_id, "type": step.type, "rule": step.rule, "reason": REASON, "since": iso(step.event_ms)})
            return found


def _context(event: Event) -> str:
    """What the exclusion says: the area that holds back, or who closed it."""
    return next((str(one.observed) for one in event.exclusions if one.name == NAME and one.observed), "")


def _act(step: Step, wall_ms: int) -> Act:
    action = "unsuppress" if step.why else "suppress"
    reason = f"rule {step.rule}: {step.why or NAME}"
    return Act(action, "dogwatch", "system", wall_ms, step.event_ms, reason, key=f"{action} {step.event_id} {step.event_ms}")


def _states(step: Step) -> tuple[str, str]:
    held = f"held back by rescue area {step.area}"
    return (held, "judged anew") if step.why else (step.type, held)
