"""The flood guard: a rule that raises more alerts than a room can read goes on hold, and its alerts become one row.

May live here: the bucket per rule, what is held, the row that says so, whether the whole room is flooded.
May not: decisions, the stream, clocks (event time is an argument).

A rule may raise ten alerts in ten minutes (a token bucket: EEMUA 191 calls more than that a flood). The next one puts it on hold: all its
alerts since the bucket was last full fold into one row that counts them. Nothing is lost: each stays on the board, on disk and in
the browser's list of held ones. A hold ends when a supervisor says so (the held alerts come back into the queue) or by itself
once the rule has raised at most two in any ten minutes for half an hour (what was held stays folded). Distress never comes here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from dogwatch.alerts import Alert, Level, alert_id, marked

BURST = 10
WINDOW_MS = 600_000
CALM_PER_WINDOW, CALM_MS = 2, 1_800_000
PROFILE = "flood"


@dataclass(slots=True)
class Hold:
    """One rule on hold, or once on hold: `held` are the ids of the alerts that its row stands for."""

    rule: str
    row_id: str
    t_first: int
    t_last: int
    held: dict[str, tuple[int, ...]] = field(default_factory=dict)  # alert id -> its vessels
    level: Level = "caution"
    exercise: bool = False
    on: bool = True
    reason: str = ""
    revision: int = 0
    told: tuple[object, ...] = ()


@dataclass(slots=True)
class _Rule:
    tokens: float = BURST
    at_ms: int = 0
    busy_ms: int = 0  # when it last raised more than a calm rule does
    recent: deque[tuple[int, str]] = field(default_factory=deque)  # of the last window
    hold: Hold | None = None


class Flood:
    """All rules of a room. Not thread-safe: the board has the lock."""

    def __init__(self) -> None:
        self.rules: dict[str, _Rule] = {}
        self.holds: dict[str, Hold] = {}  # by the id of the row
        self.home: dict[str, Hold] = {}  # alert id -> the hold that folds it

    def take(self, rule: str, alert: Alert, untaken: Callable[[str], Alert | None]) -> Hold | None:
        """A new alert of a rule; the hold that it falls under, if any. `untaken`: an earlier alert by its id, where nobody has taken it up."""
        one = self.rules.setdefault(rule, _Rule(at_ms=alert.t_last))
        now = max(one.at_ms, alert.t_last)
        one.tokens, one.at_ms = min(BURST, one.tokens + (now - one.at_ms) * BURST / WINDOW_MS), now
        while one.recent and one.recent[0][0] <= now - WINDOW_MS:
            one.recent.popleft()
        one.recent.append((now, alert.alert_id))
        if len(one.recent) > CALM_PER_WINDOW:
            one.busy_ms = now
        if one.hold is None and one.tokens >= 1:
            one.tokens -= 1
            return None
        if one.hold is None:
            one.hold = Hold(rule, alert_id(PROFILE, [], f"{rule}|{now}"), now, now)
            self.holds[one.hold.row_id] = one.hold
            for earlier in (untaken(name) for _, name in one.recent):
                if earlier is not None:
                    self._fold(one.hold, earlier)
        self._fold(one.hold, alert)
        one.hold.t_last = now
        return one.hold

    def _fold(self, hold: Hold, alert: Alert) -> None:
        hold.held[alert.alert_id] = tuple(alert.mmsi)
        hold.level = worse(hold.level, alert.level)
        hold.exercise |= alert.exercise
        self.home[alert.alert_id] = hold

    def release(self, row_id: str, reason: str) -> list[str]:
        """End a hold by hand; ids of the alerts that come back into the queue."""
        hold = self.holds[row_id]
        self._end(hold, reason)
        for name in hold.held:
            self.home.pop(name, None)
        return list(hold.held)

    def tick(self, event_ms: int) -> None:
        """Let rules go that have been calm for long enough."""
        for one in self.rules.values():
            if one.hold is not None and event_ms - one.busy_ms >= CALM_MS:
                self._end(one.hold, "calm for 30 min")

    def _end(self, hold: Hold, reason: str) -> None:
        hold.on, hold.reason = False, reason
        one = self.rules[hold.rule]
        if one.hold is hold:
            one.hold, one.tokens = None, BURST

    def forget(self, name: str) -> None:
        """An alert has left the board."""
        self.home.pop(name, None)

    def rows(self) -> list[Alert]:
        """The rows that have something new to say."""
        found = []
        for hold in self.holds.values():
            now = (len(hold.held), hold.level, hold.on)
            if now != hold.told:
                hold.told = now
                hold.revision += 1
                found.append(_row(hold))
        return found


class Room:
    """Whether the room as a whole is flooded: more than ten new alerts in ten minutes, of whichever rules, that no hold folds. Distress never comes here.

    While it is, the queue stands by rule and only alarms speak up. It ends when ten minutes brought half as many.
    """

    def __init__(self, flood: Flood) -> None:
        self.on = False
        self._flood = flood
        self._recent: deque[tuple[int, str]] = deque()

    def came(self, name: str, event_ms: int) -> None:
        """A new alert."""
        self._recent.append((event_ms, name))
        self.tick(max(when for when, _ in self._recent))

    def tick(self, event_ms: int) -> None:
        """Event time goes on."""
        self._recent = deque((when, name) for when, name in self._recent if when > event_ms - WINDOW_MS)
        new = sum(name not in self._flood.home for _, name in self._recent)
        self.on = new > (BURST // 2 if self.on else BURST)


def worse(a: Level, b: Level) -> Level:
    """The higher of two levels, at most `alarm`: a flood is no distress."""
    ranks: tuple[Level, ...] = ("caution", "warning", "alarm")
    return max(a, b if b in ranks else "alarm", key=ranks.index)


def _row(hold: Hold) -> Alert:
    vessels = sorted({mmsi for one in hold.held.values() for mmsi in one})
    words = f"Rule {hold.rule} is flooding: {len(hold.held):,} alerts about {len(vessels):,} vessels held"
    more = (
        f"More than {BURST} new alerts in {WINDOW_MS // 60_000} min of event time. Each is recorded and can be read; acknowledging this row acknowledges none."
    )
    return Alert(
        alert_id=hold.row_id, revision=hold.revision, kind="system", condition="active" if hold.on else "cleared", level=hold.level, score=0.0, score_milli=0,
        contributions=[], event_ids=[], mmsi=[], subjects=[], t_first=hold.t_first, t_last=hold.t_last, lat=None, lon=None,
        headline=marked(words, exercise=hold.exercise), explanation=more,
        innocent=["a rule or zone that was changed badly", "a receiver that repeats old data"],
        counterfactual="", profile=PROFILE, profile_hash="", exercise=hold.exercise, reason=hold.reason,
    )  # fmt: skip
