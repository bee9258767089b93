"""Webhooks: configured addresses are told of alerts, signed, again and again until they answer, and never at the cost of the watch.

May live here: the message, the queue, the sending threads. May not: who is told of what is protected (the desk leaves that out), decisions of people.

A message is sent when an alert is new, or its level or condition changes. It holds what the pipeline says and nothing about a person: no operator,
no vessel's name, no words of people. One thread and one bounded queue for each address: distress goes before the rest and is dropped last.
What waits is on disk too (console/outbox.py), and is sent after the next start.
The same message may come twice (after a restart): its `delivery` is then the same.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from console.outbox import Outbox
from dogwatch.alerts import Alert, marked
from dogwatch.times import iso

QUEUE_MAX = 1_000  # messages of some 600 bytes that wait for one address
TRIES_MAX = 8
BACKOFF_S, BACKOFF_S_MAX = 1.0, 60.0  # doubled after each failure: eight tries take about two minutes
ANSWER_S = 10.0
STATES_MAX = 50_000  # alerts whose last state is known; the oldest are told once more
LEVELS = ("caution", "warning", "alarm", "emergency")


@dataclass(frozen=True, slots=True)
class Hook:
    """One address. `secret` signs; `level`: the least that is sent."""

    name: str
    url: str
    secret: bytes
    level: str = "warning"


def message(alert: Alert) -> dict[str, Any]:
    """What is sent of an alert, ready for JSON."""
    return {
        "delivery": f"{alert.alert_id}:{alert.revision}",
        "alert_id": alert.alert_id,
        "revision": alert.revision,
        "kind": alert.kind,
        "distress": alert.kind == "distress",
        "exercise": alert.exercise,
        "condition": alert.condition,
        "level": alert.level,
        "score": alert.score,
        "mmsi": alert.mmsi,
        "t_first": iso(alert.t_first),
        "t_last": iso(alert.t_last),
        "lat": alert.lat,
        "lon": alert.lon,
        "what": marked(f"{alert.level} about {', '.join(map(str, alert.mmsi))}", exercise=alert.exercise),
        "rules": [{"name": one.name, "points": one.points} for one in alert.contributions],
        "profile": alert.profile,
        "profile_hash": alert.profile_hash,
    }


def signature(secret: bytes, sent_s: int, body: bytes) -> str:
    """`sha256=` and the HMAC of 'SECONDS.' and the body, in hex: a receiver compares it, and refuses what is older than it likes."""
    return "sha256=" + hmac.new(secret, f"{sent_s}.".encode() + body, hashlib.sha256).hexdigest()


class Webhooks:
    """All addresses. `publish` never waits for one; call it from any thread. `outbox`: what waits from before is sent first; None keeps nothing."""

    def __init__(self, hooks: Sequence[Hook], *, outbox: Outbox | None = None, backoff_s: float = BACKOFF_S, queue_max: int = QUEUE_MAX) -> None:
        self._states: dict[str, str] = {}
        self._outbox = outbox or Outbox(None)
        self._outbox.keep_only(hook.name for hook in hooks)
        self._lines = [_Line(hook, self._outbox, backoff_s, queue_max) for hook in hooks]

    def publish(self, alert: Alert) -> None:
        """Queue an alert for every address that wants it."""
        state = f"{alert.condition}:{alert.level}"
        if self._states.get(alert.alert_id) == state:
            return
        if len(self._states) >= STATES_MAX:
            del self._states[next(iter(self._states))]
        self._states[alert.alert_id] = state
        said = message(alert)
        for line in self._lines:
            if LEVELS.index(alert.level) >= LEVELS.index(line.hook.level):
                line.put(said["delivery"], msgspec.json.encode(said), first=said["distress"])

    def counts(self) -> dict[str, dict[str, int]]:
        """By name: `sent`, `failed` (tries), `dead` (given up), `dropped` (the queue was full), `waiting`. What the disk refused: `unsaved` of the outbox."""
        return {line.hook.name: {**line.counts, "waiting": len(line.queue)} for line in self._lines}

    def close(self) -> None:
        """Stop sending; what waits stays in the outbox."""
        for line in self._lines:
            line.stop()
        self._outbox.close()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An address that sends elsewhere is an error: elsewhere was never configured."""

    def redirect_request(self, *args: Any, **more: Any) -> None:
        """Refuse."""


class _Line:
    """The queue and the thread of one address."""

    def __init__(self, hook: Hook, outbox: Outbox, backoff_s: float, queue_max: int) -> None:
        self.hook, self._outbox, self._backoff_s, self._queue_max = hook, outbox, backoff_s, queue_max
        self.queue: deque[tuple[bool, str, bytes]] = deque(outbox.waiting(hook.name))
        self.counts = dict.fromkeys(("sent", "failed", "dead", "dropped"), 0)
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"webhook {hook.name}")
        self._thread.start()

    def put(self, delivery: str, body: bytes, *, first: bool) -> None:
        """Queue a message; distress behind earlier distress and before all else. The oldest of no distress is dropped when it is full."""
        self._outbox.put(self.hook.name, delivery, body, urgent=first)
        with self._changed:
            if len(self.queue) >= self._queue_max:
                victim = next((i for i, one in enumerate(self.queue) if not one[0]), 0)
                self._outbox.gone(self.hook.name, self.queue[victim][1])
                del self.queue[victim]
                self.counts["dropped"] += 1
            place = sum(one[0] for one in self.queue) if first else len(self.queue)
            self.queue.insert(place, (first, delivery, body))
            self._changed.notify()

    def stop(self) -> None:
        """End the thread; a try that hangs is left behind, and its message stays in the outbox."""
        self._stopped.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._changed:
                if not self.queue:
                    self._changed.wait(1.0)
                    continue
                _, delivery, body = self.queue.popleft()
            self._deliver(delivery, body)

    def _deliver(self, delivery: str, body: bytes) -> None:
        for number in range(TRIES_MAX):
            status = self._send(delivery, body)
            if 200 <= status < 300:
                self.counts["sent"] += 1
                self._outbox.gone(self.hook.name, delivery)
                return
            self.counts["failed"] += 1
            lasting = 300 <= status < 500 and status not in (408, 425, 429)
            if lasting or number == TRIES_MAX - 1:
                break
            if self._stopped.wait(min(BACKOFF_S_MAX, self._backoff_s * 2**number)):
                return  # it waits for the next start
        self.counts["dead"] += 1
        self._outbox.gone(self.hook.name, delivery)

    def _send(self, delivery: str, body: bytes) -> int:
        """One try: the status, 0 where there was no answer."""
        sent_s = int(time.time())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "dogwatch",
            "X-Dogwatch-Delivery": delivery,
            "X-Dogwatch-Timestamp": str(sent_s),
            "X-Dogwatch-Signature": signature(self.hook.secret, sent_s, body),
        }
        try:
            with self._opener.open(urllib.request.Request(self.hook.url, body, headers, method="POST"), timeout=ANSWER_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as fault:
            fault.close()
            return fault.code
        except (OSError, http.client.HTTPException):
            return 0
