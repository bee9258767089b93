"""Alerts as lines of a terminal: one when it is new, rises, or goes; a flood folds as the queue of the console does.

May live here: which alert makes a line, and the line. May not: printing, decisions, clocks (event time is an argument).

A rule that floods is one line, told again when it worsens, when it has twice as many, and when it ends. While the whole room is flooded
cautions and warnings are counted by rule, and the counts are a line each ten minutes. Distress is always a line.
"""

from __future__ import annotations

from collections import Counter

from rich.markup import escape

from console.flood import WINDOW_MS, Flood, Room
from console.life import is_distress, rule_of
from dogwatch.alerts import Alert
from dogwatch.times import clock_text

LEVEL_STYLE = {"emergency": "bold white on red", "alarm": "bold red", "warning": "yellow", "caution": "cyan"}
LOUD = ("alarm", "emergency")


class AlertLines:
    """What a terminal has been told. Lines are Rich markup."""

    def __init__(self) -> None:
        self.shown: dict[str, str] = {}
        self._active: dict[str, Alert] = {}
        self._flood = Flood()
        self._room = Room(self._flood)
        self._told: dict[str, tuple[int, str, bool]] = {}  # of each flood: how many, level, whether it goes on
        self._counted: Counter[str] = Counter()
        self._since_ms = 0

    def news(self, alert: Alert) -> list[str]:
        """The lines that one revision of an alert makes; small revisions stay on the page."""
        state = f"{alert.condition}:{alert.level}"
        before = self.shown.get(alert.alert_id)
        if before == state:
            return []
        self.shown[alert.alert_id] = state
        if is_distress(alert):
            return [line(alert)]
        if alert.condition == "active":
            self._active[alert.alert_id] = alert
        else:
            self._active.pop(alert.alert_id, None)
        if before is None and alert.condition == "active" and self._flood.take(rule_of(alert), alert, self._active.get) is None:
            self._room.came(alert.alert_id, alert.t_last)
        self._flood.tick(alert.t_last)
        self._room.tick(alert.t_last)
        lines = [*self._floods(), *self._counts(alert.t_last)]
        if alert.alert_id in self._flood.home:
            return lines
        if self._room.on and alert.level not in LOUD:
            self._since_ms = self._since_ms or alert.t_last
            self._counted[rule_of(alert)] += alert.condition == "active"
            return lines
        return [*lines, line(alert)]

    def rest(self) -> list[str]:
        """What was counted and not yet told, at the end."""
        return self._counts(None)

    def _floods(self) -> list[str]:
        """Lines of floods that began, worsened, doubled or ended."""
        lines = []
        for row in self._flood.rows():
            hold = self._flood.holds[row.alert_id]
            many, level, on = self._told.get(row.alert_id, (0, "", True))
            if not many or len(hold.held) >= 2 * many or (hold.level, hold.on) != (level, on):
                self._told[row.alert_id] = (len(hold.held), hold.level, hold.on)
                lines.append(line(row))
        return lines

    def _counts(self, event_ms: int | None) -> list[str]:
        """The line that says how many were counted: after ten minutes, when the room is calm again, and at the end (None)."""
        due = event_ms is None or not self._room.on or event_ms - self._since_ms >= WINDOW_MS
        if not due or not self._counted:
            return []
        words = ", ".join(f"{many} {name}" for name, many in self._counted.most_common())
        when = clock_text(event_ms if event_ms is not None else self._since_ms)
        self._counted, self._since_ms = Counter(), 0
        return [f"{when} [cyan]FLOOD[/]  more alerts below alarm than can be read, by rule: {escape(words)}"]


def line(alert: Alert) -> str:
    """One alert: time, level or condition, score, headline."""
    style = LEVEL_STYLE[alert.level] if alert.condition == "active" else "dim"
    word = alert.level.upper() if alert.condition == "active" else alert.condition.upper()
    score = f" risk {alert.score:.0f}/100" if alert.kind == "risk" else ""
    return f"{clock_text(alert.t_last)} [{style}]{word}[/]{score}  {escape(alert.headline)}"
