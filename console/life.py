"""The life of an alert in the room: what people may do to it, and when what they did no longer holds. Pure functions.

May live here: orders (what a person asks for), who may, what an order changes, when an acknowledgement, a shelf or a disposition ends.
May not: locks, databases, HTTP, clocks: time is an argument, and it is event time, so that a replay at any speed gives the same.

The fields are independent: acknowledged says "seen", owner says "mine", disposition says what it was, a shelf takes it off the queue for a
while. None implies another, and silence is never an acknowledgement.
"""

from __future__ import annotations

from typing import Any

import msgspec

from console.decisions import Ack, Decision, Disposition, Owner, Shelf
from dogwatch.alerts import Alert
from dogwatch.times import from_iso

LEVEL_RANK = {"caution": 0, "warning": 1, "alarm": 2, "emergency": 3}
ACK_HOLDS_S = {"alarm": 1800, "emergency": 600}  # event time
WATCH, SENIOR = ("watchstander", "supervisor", "analyst"), ("supervisor", "analyst")
MAY = {
    "undo": WATCH, "own": WATCH, "release": WATCH, "note": WATCH, "dispose": WATCH, "shelve": WATCH, "unshelve": WATCH,
    "assign": ("supervisor",), "reopen": ("supervisor",), "release-hold": ("supervisor",),
}  # fmt: skip
SHELF_HOURS_MAX = {"watchstander": 4, "supervisor": 30 * 24, "analyst": 366 * 24}
DISPOSITIONS = ("confirmed", "false_positive", "benign_known", "duplicate", "referred")
SCOPES = ("episode", "vessel_rule", "zone_rule")
HOUR_MS = 3_600_000
UNDO_MS = 10_000  # of the room's clock: as long as one notices a slip of the finger


class RefusedError(Exception):
    """The order is refused: `status` as in HTTP, what is wrong, what helps."""

    def __init__(self, status: int, title: str, remedy: str) -> None:
        super().__init__(title)
        self.status, self.title, self.remedy = status, title, remedy


class Order(msgspec.Struct, frozen=True):
    """What a person asks for. `of`: the owner named, the parent of a duplicate, the agency of a referral; `until_ms`: event time."""

    action: str
    by: str
    role: str = "watchstander"
    reason: str = ""
    code: str = ""
    of: str = ""
    scope: str = "episode"
    until_ms: int = 0


def check(order: Order, alert: Alert, event_ms: int) -> None:
    """Whether this person may do this to this alert at this event time. Raises RefusedError.

    Distress is never shelved and never made a duplicate of something else; only a person closes it, with a reason.
    """
    who = MAY[order.action]
    if order.role not in who:
        raise RefusedError(403, f"a {order.role} may not {order.action}", f"ask a {' or '.join(who)}")
    if order.action not in ("own", "release", "undo") and not (order.reason if order.action != "assign" else order.of):
        raise RefusedError(422, f"{order.action} needs a reason" if order.action != "assign" else "assign needs an owner", "say it in one sentence")
    if order.action == "dispose":
        _check_disposition(order, alert)
    if order.action == "shelve":
        _check_shelf(order, alert, event_ms)


def _check_disposition(order: Order, alert: Alert) -> None:
    if order.code not in DISPOSITIONS:
        raise RefusedError(422, f"no such disposition: '{order.code}'", f"code is one of {', '.join(DISPOSITIONS)}")
    if order.code in ("duplicate", "referred") and not order.of:
        raise RefusedError(422, f"{order.code} names no {'parent' if order.code == 'duplicate' else 'agency'}", "say it in 'of'")
    if order.code == "duplicate" and is_distress(alert):
        raise RefusedError(409, "distress is never merged away", "acknowledge it, or close it as what it was, with a reason")
    if order.code == "duplicate" and order.of == alert.alert_id:
        raise RefusedError(422, "an alert is no duplicate of itself", "name the other one in 'of'")


def _check_shelf(order: Order, alert: Alert, event_ms: int) -> None:
    if is_distress(alert):
        raise RefusedError(409, "distress is never shelved", "acknowledge it; it comes again after ten minutes while it is heard")
    if order.scope not in SCOPES:
        raise RefusedError(422, f"no such scope: '{order.scope}'", f"scope is one of {', '.join(SCOPES)}")
    most = SHELF_HOURS_MAX[order.role]
    if not 0 < order.until_ms - event_ms <= most * HOUR_MS:
        raise RefusedError(422, f"a {order.role} shelves for at most {most} h from now, in event time", "choose a moment within it, or ask a supervisor")


def changed(order: Order, before: Decision, alert: Alert, *, wall_ms: int, event_ms: int) -> Decision:
    """The decision after an order that was checked."""
    edit = msgspec.structs.replace
    match order.action:
        case "own":
            return edit(before, owner=Owner(order.by, order.by, wall_ms))
        case "assign":
            return edit(before, owner=Owner(order.of, order.by, wall_ms))
        case "release":
            return edit(before, owner=None)
        case "dispose":
            found = Disposition(order.code, order.reason, order.by, order.role, wall_ms, event_ms, alert.level, alert.revision, order.of)
            return edit(before, disposition=found)
        case "reopen":
            return edit(before, disposition=None, ack=None)
        case "shelve":
            return edit(before, shelf=shelf_of(order, alert, wall_ms=wall_ms, event_ms=event_ms))
        case "unshelve":
            return edit(before, shelf=None, ack=None)
        case "undo":
            return undone(before, order.by, wall_ms)
        case _:
            return before  # a note changes no field: it stands in the log


def undone(before: Decision, by: str, wall_ms: int) -> Decision:
    """Without the newest thing that this person did to the alert, at most UNDO_MS ago. Raises RefusedError where there is none.

    What stood there before does not come back: an owner who was replaced takes the alert again. Letting go leaves nothing to undo.
    """
    fields = {"ack": before.ack, "owner": before.owner, "disposition": before.disposition, "shelf": before.shelf}
    mine = {name: done.wall_ms for name, done in fields.items() if done is not None and done.by == by and 0 <= wall_ms - done.wall_ms <= UNDO_MS}
    if not mine:
        raise RefusedError(409, "there is nothing of yours to undo", f"a step is undone by whom it was, within {UNDO_MS // 1000} s")
    return msgspec.structs.replace(before, **{max(mine, key=mine.__getitem__): None})


def shelf_of(order: Order, alert: Alert, *, wall_ms: int, event_ms: int) -> Shelf:
    """The shelf that an order puts up."""
    return Shelf(order.until_ms, order.scope, order.reason, order.by, order.role, wall_ms, event_ms, alert.level)


class Then(msgspec.Struct, frozen=True):
    """What was known when an alert came up: the alert itself, the newest event time (UTC ms; None: no position yet), and how many past positions."""

    alert: Alert
    event_ms: int | None
    positions: int


class Story(msgspec.Struct):
    """An alert as it is now, and of its past what decisions depend on."""

    alert: Alert
    rises: list[tuple[int, str]] = []  # (revision, level) at each change of level
    returned: int = 0  # the revision at which it last became active again
    then: Then | None = None  # None where nobody told the board of positions

    def take(self, alert: Alert) -> None:
        """The next revision."""
        if alert.condition == "active" and self.alert.condition != "active":
            self.returned = alert.revision
        if not self.rises or self.rises[-1][1] != alert.level:
            self.rises.append((alert.revision, alert.level))
        self.alert = alert

    def level_at(self, revision: int) -> str:
        """The level that somebody saw who had this revision on the screen."""
        return next((level for at, level in reversed(self.rises) if at <= revision), self.rises[0][1])

    def rose_above(self, level: str, since_revision: int) -> str:
        """The worst level after a revision, if it is above `level`; "" if not."""
        worst = max((one for at, one in self.rises if at > since_revision), key=LEVEL_RANK.__getitem__, default=level)
        return worst if LEVEL_RANK[worst] > LEVEL_RANK[level] else ""


def withdrawn(story: Story, decision: Decision, event_ms: int) -> tuple[Decision, str]:
    """What still holds of a decision for the alert as it is now, and why the rest does not ("" = all of it holds).

    An acknowledgement ends when the level rises, when a cleared alert is active again, and by age; a disposition by the first two; a shelf
    at its event time or by a level above the one it was put up at. Where a disposition or a shelf ends the watch is asked anew.
    """
    edit, why = msgspec.structs.replace, []
    if decision.ack is not None and (reason := _ack_over(story, decision.ack, event_ms)):
        decision, why = edit(decision, ack=None), [reason]
    if (found := decision.disposition) is not None:
        rose, returned = story.rose_above(found.level, found.revision), story.returned > found.revision
        if rose or returned:
            decision, why = edit(decision, disposition=None, ack=None), [*why, f"reopened: {'now ' + rose if rose else 'active again'}"]
    if decision.shelf is not None and (reason := _shelf_over(story, decision.shelf, event_ms)):
        decision, why = edit(decision, shelf=None, ack=None), [*why, reason]
    return decision, "; ".join(why)


def _ack_over(story: Story, ack: Ack, event_ms: int) -> str:
    alert = story.alert
    if rose := story.rose_above(ack.level, ack.seen_revision):
        return f"level rose from {ack.level} to {rose}"
    if story.returned > ack.seen_revision:
        return "active again"
    holds_s = ACK_HOLDS_S.get(alert.level)
    if holds_s is not None and alert.condition == "active" and ack.event_ms is not None and event_ms - ack.event_ms > holds_s * 1000:
        return f"still active {holds_s // 60} min after the acknowledgement"
    return ""


def _shelf_over(story: Story, shelf: Shelf, event_ms: int) -> str:
    alert = story.alert
    if is_distress(alert):
        return "distress is never shelved"
    if LEVEL_RANK[alert.level] > LEVEL_RANK[shelf.level]:
        return f"{alert.level} now, shelved as {shelf.level}"
    if alert.t_last > shelf.until_ms or (alert.condition == "active" and event_ms >= shelf.until_ms):
        return "the shelf is over"
    return ""


def on_shelf(story: Story, shelf: Shelf | None, event_ms: int) -> bool:
    """Whether a shelf keeps an alert off the queue: its behaviour lies before the shelf's end, and it is not still going on after it.

    So a late report of what was shelved does not come up again, whenever it arrives, and what goes on does.
    """
    return shelf is not None and not _shelf_over(story, shelf, event_ms)


def is_distress(alert: Alert) -> bool:
    """Whether an alert is a call for help: those are never shelved, held or merged."""
    return alert.kind == "distress"


def rule_of(alert: Alert) -> str:
    """What made most of an alert: the rule with the most points; of alerts without points the kind."""
    parts = [c for c in alert.contributions if c.event_id is not None]
    return max(parts, key=lambda c: (c.points, c.name)).name if parts else alert.kind


def scope_of(alert: Alert) -> str:
    """The name of everything that this rule says about these vessels."""
    return "|".join((alert.profile, rule_of(alert), *(str(m) for m in sorted(alert.mmsi))))


def zone_scope_of(alert: Alert, zone: str) -> str:
    """The name of everything that this rule says in a zone, about whomever."""
    return "|".join(("zone", zone, alert.profile, rule_of(alert)))


def plain(order: dict[str, Any], action: str, clean: Any) -> Order:
    """An order out of a JSON body; `clean(text, most)` makes words fit for a log. `until` is ISO 8601, event time. Raises RefusedError."""
    words = {name: clean(order.get(name), most) for name, most in (("by", 60), ("role", 20), ("reason", 300), ("code", 20), ("of", 64), ("scope", 20))}
    if not words["by"]:
        raise RefusedError(422, f"{action} needs a name", '{"by": "your name"} as application/json')
    until_ms = 0
    if action == "shelve":
        try:
            until_ms = from_iso(str(order.get("until"))) or 0
        except ValueError as fault:
            raise RefusedError(422, "a shelf needs 'until', a moment of event time", '"until": "2026-01-01T04:00:00Z"') from fault
    return Order(action, **{name: text for name, text in words.items() if text}, until_ms=until_ms)
