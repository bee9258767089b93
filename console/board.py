"""The board: every alert the room should know about, its newest revision beside what people decided about it.

May live here: newest revision per alert, what of a decision still holds now, the health of the feed. May not: SQL, HTTP, drawing,
the rules of alert life (console/life.py) and of floods (console/flood.py).

Two writers, two sets of fields: the pipeline publishes alerts (`revision` counts), people decide (`op_revision` counts).

An alert never waits for a disk: `publish` touches memory only. What of a decision no longer holds is worked out whenever a record is
made, and written down by `expire`, which the beat of the server calls.

Thread-safe: the runner publishes from its thread while the server reads from its own. The board's lock is never held across a write.
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import hashlib
import operator
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from console.database import StoreError
from console.decisions import Ack, Act, Decision, Decisions, Disposition, Owner, Raised, RescueBegun, RescueEnd, Shelf, StaleError
from console.flood import Flood, Room
from console.life import (
    LEVEL_RANK,
    Order,
    RefusedError,
    Story,
    Then,
    changed,
    check,
    is_distress,
    on_shelf,
    rule_of,
    scope_of,
    shelf_of,
    withdrawn,
    zone_scope_of,
)
from console.load import Open, load
from console.protected import REACH_M, Area
from console.stream import Stream
from console.suppressed import Suppressed
from console.zones_told import ZonesTold
from dogwatch.alerts import Alert
from dogwatch.events import to_plain
from dogwatch.times import iso

ALERTS_MAX = 20_000  # on the board; the oldest that is no longer active leaves first, the record itself is on disk
RAISED_WAITING_MAX = 100_000  # alerts that came up while the database was away
MOVED = "its events are now part of alert "  # the reason of a case that another took in


class NoRescueError(Exception):
    """No rescue area is open for the alert."""


class LevelRoseError(Exception):
    """The alert became worse than what the operator had on the screen when acknowledging."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the board: `cursor` of the stream, `total` on the board, the place of the `last` record, whether `more` follow."""

    cursor: str
    total: int
    records: list[dict[str, Any]]
    last: tuple[int, int, str]
    more: bool


class Board:
    """Alerts by id, decisions about them, health; feeds `stream`."""

    def __init__(self, alerts_max: int = ALERTS_MAX) -> None:
        self.stream = Stream()
        self.suppressed = Suppressed()  # what rescue context holds back
        self.exercise = False
        self._alerts_max = alerts_max
        self._stories: dict[str, Story] = {}
        self._health: dict[str, Any] = {}
        self._decisions = Decisions()
        self.zones = ZonesTold()  # in which zones events are
        self._flood = Flood()
        self._room = Room(self._flood)
        self._came: list[Raised] = []  # not yet written
        self._heirs: dict[str, str] = {}  # alert whose case was taken in -> the alert that took it
        self._shown: dict[str, tuple[Any, ...]] = {}  # what the pages were told last of decision, shelf and hold
        self._event_ms = 0
        self.moment: Callable[[], tuple[int | None, int]] | None = None  # newest event time (UTC ms) and positions kept so far
        self._lock = threading.RLock()

    def attach(self, decisions: Decisions) -> None:
        """Use this repository from now on (`create_app` does it)."""
        with self._lock:
            self._decisions = decisions

    def recall(self, alerts: Iterable[Alert]) -> None:
        """Take what an earlier run published, before anything new: it was counted then, and what was known when it came up is not known any more."""
        moment, self.moment = self.moment, None
        for alert in alerts:
            self.publish(alert)
        self.moment, self._came = moment, []

    def publish(self, alert: Alert) -> None:
        """Take one revision of an alert and tell every page. Older and repeated revisions change nothing."""
        with self._lock:
            story = self._stories.get(alert.alert_id)
            if story is None:
                then = Then(alert, *self.moment()) if self.moment is not None else None
                story = self._stories[alert.alert_id] = Story(alert, [(alert.revision, alert.level)], then=then)
                self._first(alert)
            elif alert.revision <= story.alert.revision:
                return
            else:
                story.take(alert)
            self.exercise |= alert.exercise
            if alert.condition == "retracted" and alert.reason.startswith(MOVED):
                self._heirs[alert.alert_id] = alert.reason.removeprefix(MOVED).split(",")[0]
            self._evict()
            self._tell(story)

    def _first(self, alert: Alert) -> None:
        """An alert that the room has not seen: count it, and look whether its rule floods. Distress is never held."""
        if alert.condition != "active":
            return
        rule = rule_of(alert)
        before = len(self._flood.holds)
        held = None if is_distress(alert) else self._flood.take(rule, alert, self._untaken)
        if held is None:
            self._count(alert, rule)
            if not is_distress(alert):
                self._room.came(alert.alert_id, alert.t_last)
            return
        if len(self._flood.holds) > before:  # the room hears of the flood at once, of how far it went with the next beat
            self._tell_floods()
            for name in held.held:
                if name != alert.alert_id:
                    self._tell(self._stories[name])

    def _count(self, alert: Alert, rule: str) -> None:
        self._came.append(Raised(alert.alert_id, alert.t_last, alert.level, rule, alert.mmsi[0] if alert.mmsi else 0))
        del self._came[:-RAISED_WAITING_MAX]

    def _untaken(self, alert_id: str) -> Alert | None:
        """An alert that is still there, active, and in nobody's hands."""
        story = self._stories.get(alert_id)
        if story is None or story.alert.condition != "active":
            return None
        decision = self._decision(story)
        return None if decision.ack or decision.owner or decision.disposition else story.alert

    def _tell_floods(self) -> None:
        for row in self._flood.rows():
            story = self._stories.get(row.alert_id)
            if story is None:
                story = self._stories[row.alert_id] = Story(row, [(row.revision, row.level)])
                self._count(row, "flood")
            else:
                story.take(row)
            self._tell(story)

    def _evict(self) -> None:
        """Make room, a twentieth at a time: what is over first, then the oldest; distress only where nothing else is left."""
        over = len(self._stories) - self._alerts_max
        if over <= 0:
            return
        oldest = sorted((s.alert for s in self._stories.values()), key=lambda a: (is_distress(a), a.condition == "active", a.t_last, a.alert_id))
        for alert in oldest[: over + self._alerts_max // 20]:
            del self._stories[alert.alert_id]
            self._flood.forget(alert.alert_id)
            self._shown.pop(alert.alert_id, None)

    def acknowledge(
        self, alert_id: str, *, by: str, seen_revision: int, op_revision: int, event_ms: int | None, role: str = "watchstander", key: str | None = None
    ) -> dict[str, Any]:
        """Acknowledge for everybody, durably, then tell every page; the record as it is now.

        Raises KeyError (no such alert), LevelRoseError, `console.decisions.StaleError`, `console.database.StoreError`.
        """
        with self._lock:
            story = self._stories[alert_id]
            alert, known = story.alert, self._decisions.get(alert_id)
            if known.op_revision == op_revision and LEVEL_RANK[alert.level] > LEVEL_RANK[story.level_at(seen_revision)]:
                raise LevelRoseError
        self._decisions.ack(
            alert_id,
            by=by,
            seen_revision=min(seen_revision, alert.revision),
            level=alert.level,
            op_revision=op_revision,
            wall_ms=wall_ms(),
            event_ms=event_ms if event_ms is not None else alert.t_last,
            role=role,
            key=key,
        )
        return self._told(alert_id)

    def decide(self, alert_id: str, order: Order, *, op_revision: int, event_ms: int | None, key: str | None = None) -> dict[str, Any]:
        """Carry out an order for everybody, durably, then tell every page; the record as it is now.

        Raises KeyError (no such alert), `console.life.RefusedError`, `console.decisions.StaleError`, `console.database.StoreError`.
        """
        with self._lock:
            alert = self._stories[alert_id].alert
            if order.code == "duplicate":
                self._check_parent(order.of)
        now_ms, wall = event_ms if event_ms is not None else alert.t_last, wall_ms()
        check(order, alert, now_ms)
        hold = self._flood.holds.get(alert_id)
        if order.action == "release-hold" and (hold is None or not hold.on):
            raise RefusedError(409, "this alert is no rule on hold", "release the row that says which rule is flooding")
        wide = self._wide(order, alert)
        shelf = shelf_of(order, alert, wall_ms=wall, event_ms=now_ms) if order.action == "shelve" and wide else None
        note = {"note": "note", "release-hold": "hold released"}.get(order.action, "")
        act = Act(order.action, order.by, order.role, wall, now_ms, order.reason, key=key, note=note)
        self._decisions.change(
            alert_id,
            act,
            lambda before: changed(order, before, alert, wall_ms=wall, event_ms=now_ms),
            op_revision=op_revision,
            scope=wide,
            shelf=shelf,
        )
        if order.action == "release-hold":
            self._release(alert_id, f"released by {order.by}: {order.reason}")
        return self._told(alert_id)

    def _scopes(self, alert: Alert) -> list[str]:
        """The names of the shelves beside its own on which an alert may lie."""
        return [scope_of(alert), *(zone_scope_of(alert, zone) for zone in self.zones.of(alert))]

    def _wide(self, order: Order, alert: Alert) -> str:
        """The shelf beside the alert's own that an order puts up or takes away; "" where there is none. `of` names the zone if the alert has several."""
        if order.action == "unshelve":
            return next((scope for scope in self._scopes(alert) if self._decisions.shelf(scope) is not None), "")
        if order.action != "shelve" or order.scope == "episode":
            return ""
        if order.scope == "vessel_rule":
            return scope_of(alert)
        zones = self.zones.of(alert)
        zone = order.of or (zones[0] if len(zones) == 1 else "")
        if zone not in zones:
            raise RefusedError(
                422, "which zone is to be shelved?" if zones else "no zone is known of this alert", f"name in 'of' one of: {', '.join(zones) or '-'}"
            )
        return zone_scope_of(alert, zone)

    def _check_parent(self, parent: str) -> None:
        if parent not in self._stories:
            raise RefusedError(422, "the parent is not on this board", "name an alert of the queue in 'of'")
        found = self._decisions.get(parent).disposition
        if found is not None and found.code == "duplicate":
            raise RefusedError(422, "the parent is a duplicate itself", f"name its parent: {found.of}")

    def _release(self, row_id: str, reason: str) -> None:
        with self._lock:
            back = self._flood.release(row_id, reason)
            self._tell_floods()
            for name in back:
                if name in self._stories:
                    self._tell(self._stories[name])

    def hand_over(self, outgoing: str, relief: str, *, role: str, event_ms: int | None) -> int:
        """The relief looks after what the outgoing looked after; how many alerts that are. Raises StoreError, after those that went before."""
        with self._lock:
            theirs = [name for name, story in self._stories.items() if (owner := self._decision(story).owner) is not None and owner.name == outgoing]
        for name in theirs:
            wall = wall_ms()
            owned = Owner(relief, relief, wall)
            act = Act("hand-over", relief, role, wall, event_ms, f"from {outgoing}")
            self._decisions.change(name, act, functools.partial(msgspec.structs.replace, owner=owned), op_revision=None)
            self._told(name)
        return len(theirs)

    def _told(self, alert_id: str) -> dict[str, Any]:
        """Tell the pages of a decision, if it is news; the record."""
        with self._lock:
            story = self._stories[alert_id]
            self._news(story)
            found = self._decision(story).disposition
            if found is not None and found.of in self._stories:
                self._tell(self._stories[found.of])  # it counts its duplicates
            return self._record(story)

    def end_rescue(self, alert_id: str, *, by: str, role: str, reason: str, op_revision: int, event_ms: int | None, key: str | None = None) -> dict[str, Any]:
        """End the rescue areas that an alert opened, for everybody and for good, then tell every page; the record as it is now.

        alert_id: also the id of an area (`rescues`): what ships that turned to one place opened has no alert.
        Who feeds the board obeys (`rescues_ended`). Raises KeyError (no such alert), NoRescueError,
        `console.decisions.StaleError`, `console.database.StoreError`.
        """
        with self._lock:
            story, still_open = self._stories.get(alert_id), self._health.get("rescues", {})
            known = self._decisions.get(alert_id)
            if story is None and known.rescue_end is None and alert_id not in still_open:
                raise KeyError(alert_id)
            if known.rescue_end is None:
                areas = tuple(area for area in (story.alert.event_ids if story else [alert_id]) if area in still_open)
                if not areas:
                    raise NoRescueError
                end = RescueEnd(by, role, reason, wall_ms(), event_ms if event_ms is not None else self._event_ms, areas)
        if known.rescue_end is None:  # for good: who asks again is told who did it
            known = self._decisions.end_rescue(alert_id, end, op_revision=op_revision, key=key)
        return self._told(alert_id) if story else {"area": alert_id, **decision_plain(known)}

    def begin_rescue(self, lat: float, lon: float, *, by: str, role: str, reason: str, event_ms: int | None) -> str:
        """A person says that people are being helped at a place (degrees); the id of the area, which opens with the next full minute.

        Who feeds the board obeys (`rescues_begun`). Raises NoRescueError where nobody does, `console.database.StoreError`.
        """
        with self._lock:
            if "rescues" not in self._health:
                raise NoRescueError
            begun = RescueBegun(lat, lon, by, role, event_ms if event_ms is not None else self._event_ms)
        wall = wall_ms()
        area = "person-" + hashlib.sha256(f"{wall} {lat} {lon} {by}".encode()).hexdigest()[:24]
        self._decisions.begin_rescue(area, begun, wall_ms=wall, reason=reason)
        return area

    def rescues_begun(self) -> dict[str, RescueBegun]:
        """The areas that people opened, by id; those of earlier runs too."""
        return self._decisions.rescues_begun()

    def rescues(self) -> list[dict[str, Any]]:
        """The rescue areas that are open: how each was opened, where, what it holds back now, who ended it (the detectors obey with the next minute)."""
        with self._lock:
            still_open, places = self._health.get("rescues", {}), self._health.get("rescue_places", {})
        held, ended = self.suppressed.by_area(), self._decisions.rescues_ended()
        return [
            {
                "area": name,
                "how": how,
                **dict(zip(("lat", "lon", "reach_m"), places.get(name, (None, None, None)), strict=True)),
                "suppressed": held.get(name, []),
                "op_revision": self._decisions.get(name).op_revision,
                "ended": _end_plain(ended.get(name)),
            }
            for name, how in sorted(still_open.items())
        ]

    def rescue_areas(self) -> tuple[Area, ...]:
        """Where people are being helped: the open areas of the detectors, and calls that are active and that nobody has ended."""
        with self._lock:
            told = [Area(*place) for place in self._health.get("rescue_places", {}).values()]
            calls = [one.alert for one in self._stories.values() if is_distress(one.alert) and one.alert.condition == "active"]
        ended = self._decisions.rescues_ended()
        mine = [one for one in calls if not ended.keys() & set(one.event_ids)]
        return (*told, *(Area(one.lat, one.lon, REACH_M) for one in mine if one.lat is not None and one.lon is not None))

    def rescues_ended(self) -> dict[str, str]:
        """Who ended which rescue area, name and role, by the id of its event; those of earlier runs too."""
        return {area: f"{end.by} ({end.role})" for area, end in self._decisions.rescues_ended().items()}

    def expire(self, event_ms: int) -> int:
        """Event time goes on: write down what no longer holds of decisions, take over what other consoles decided, let calm rules go.

        Returns how many decisions were withdrawn. A database that refuses is asked again with the next beat; the pages see what holds in any case.
        """
        with self._lock:
            self._event_ms = max(self._event_ms, event_ms)
            self._flood.tick(self._event_ms)
            self._room.tick(self._event_ms)
            self._tell_floods()
            came, self._came = self._came, []
            heirs, self._heirs = self._heirs, {}
            stale = [s.alert for s in self._stories.values() if withdrawn(s, self._decisions.get(s.alert.alert_id), self._event_ms)[1]]
        done = 0
        try:
            self._decisions.refresh()
            for old, new in heirs.items():
                self._inherit(old, new)
            for alert in stale:
                done += self._withdraw(alert.alert_id)
            if came:
                self._decisions.raised(came)
            self.suppressed.write(self._decisions, wall_ms())
        except StoreError:
            with self._lock:
                self._came, self._heirs = (came + self._came)[-RAISED_WAITING_MAX:], {**heirs, **self._heirs}
        with self._lock:
            for story in self._stories.values():
                self._news(story)
        return done

    def _withdraw(self, alert_id: str) -> bool:
        """Write down what no longer holds of a decision; False where it was decided anew in between."""
        with self._lock:
            story, known = self._stories.get(alert_id), self._decisions.get(alert_id)
            if story is None:
                return False
            after, why = withdrawn(story, known, self._event_ms)
        if not why:
            return False
        action = "unack" if (after.disposition, after.shelf) == (known.disposition, known.shelf) else "return"
        act = Act(action, "dogwatch", "system", wall_ms(), self._event_ms, why)
        with contextlib.suppress(StaleError):
            self._decisions.change(alert_id, act, lambda before: after, op_revision=known.op_revision)
            return True
        return False

    def _inherit(self, old: str, new: str) -> None:
        """The alert that took a case in is taken up by whom the case was, unless somebody has decided about it already."""
        before, heir = self._decisions.get(old), self._stories.get(new)
        if heir is None or self._decisions.get(new).op_revision or not (before.ack or before.owner):
            return
        ack = before.ack and msgspec.structs.replace(before.ack, seen_revision=heir.alert.revision)
        act = Act("inherit", "dogwatch", "system", wall_ms(), self._event_ms, f"took in alert {old}")
        self._decisions.change(new, act, lambda now: msgspec.structs.replace(now, ack=ack, owner=before.owner), op_revision=None)

    def record(self, alert_id: str) -> dict[str, Any] | None:
        """One alert with its decisions, ready for JSON; None where unknown."""
        with self._lock:
            story = self._stories.get(alert_id)
            return self._record(story) if story else None

    def snapshot(self) -> tuple[str, list[dict[str, Any]]]:
        """(cursor, records): the state and where the stream goes on from it. Worst and newest first."""
        with self._lock:
            stories = sorted(self._stories.values(), key=lambda story: _place(story.alert))
            return self.stream.cursor, [self._record(story) for story in stories]

    def then(self, alert_id: str) -> dict[str, Any] | None:
        """What was known when an alert came up: the `alert` as it was published first, `event_ms`, how many `positions`; None where unknown."""
        with self._lock:
            story = self._stories.get(alert_id)
            found = story.then if story else None
        return None if found is None else {"alert": to_plain(found.alert), "event_ms": found.event_ms, "positions": found.positions}

    def stages(self, before_ms: int) -> dict[str, tuple[int, bool, int]]:
        """(revision, whether its last time lies before an event time, its last time) of each alert that no flood holds back, by id."""
        with self._lock:
            held = {one for hold in self._flood.holds.values() if hold.on for one in hold.held}
            alerts = (story.alert for name, story in self._stories.items() if name not in held)
            return {one.alert_id: (one.revision, one.t_last < before_ms, one.t_last) for one in alerts}

    def page(self, limit: int, *, after: tuple[int, int, str] | None = None, offset: int = 0) -> Page:
        """Records as in `snapshot`, at most `limit`, that come after a record (its `last` of the page before) and `offset` more. Makes no record but those."""
        with self._lock:
            keyed = sorted((_place(story.alert), story) for story in self._stories.values())
            start = (0 if after is None else bisect.bisect_right(keyed, after, key=operator.itemgetter(0))) + offset
            found = keyed[start : start + limit]
            last = found[-1][0] if found else (0, 0, "")
            more = start + limit < len(keyed)
            return Page(self.stream.cursor, len(keyed), [self._record(story) for _, story in found], last, more)

    def alerted(self) -> dict[int, int]:
        """MMSI -> score (0-100) of vessels with an active alert, for the picture."""
        with self._lock:
            found: dict[int, int] = {}
            for alert in (story.alert for story in self._stories.values()):
                if alert.condition == "active":
                    for mmsi in alert.mmsi:
                        found[mmsi] = max(found.get(mmsi, 0), min(100, max(0, round(alert.score))))
            return found

    def load(self, *, hours: float, positions: int) -> dict[str, Any]:
        """Load figures of the last `hours` of event time (console/load.py). Raises StoreError."""
        with self._lock:
            until_ms = max([self._event_ms, *(s.alert.t_last for s in self._stories.values())]) + 1
            queue = [one for story in self._stories.values() if (one := self._waits(story)) is not None]
        since_ms = until_ms - round(hours * 3_600_000)
        return load(self._decisions.raised_since(since_ms), self._decisions.log(), since_ms=since_ms, until_ms=until_ms, positions=positions, queue=queue)

    def _waits(self, story: Story) -> Open | None:
        """An alert as it stands in the queue; None of one that is over, closed, shelved or held."""
        decision, shelf, held = self._now(story)
        if story.alert.condition != "active" or decision.disposition or shelf or held:
            return None
        return Open(story.alert.t_first, decision.owner.name if decision.owner else "", decision.ack is not None)

    def health(self, values: dict[str, Any]) -> None:
        """Merge facts about the feed: `messages`, `messages_per_s`, `watermark_ms`, `sources` (see docs/console.md)."""
        with self._lock:
            self._health.update(values)

    def health_now(self) -> dict[str, Any]:
        """The facts about the feed that the runner gave, and counts of the board."""
        with self._lock:
            active = sum(story.alert.condition == "active" for story in self._stories.values())
            held = sum(name in self._stories for name in self._flood.home)
            holds = sorted(hold.rule for hold in self._flood.holds.values() if hold.on)
            return {
                **self._health,
                "alerts": len(self._stories),
                "alerts_active": active,
                "alerts_held": held,
                "rules_on_hold": holds,
                "room_flood": self._room.on,
            }

    def _record(self, story: Story) -> dict[str, Any]:
        decision, shelf, held = self._now(story)
        mine = self._decisions.duplicates(story.alert.alert_id)
        told = {"rule": rule_of(story.alert), "zones": list(self.zones.of(story.alert))}
        return {**to_plain(story.alert), **told, **decision_plain(decision), "shelf": _shelf_plain(shelf), "held": held, "duplicates": mine}

    def _now(self, story: Story) -> tuple[Decision, Shelf | None, str]:
        """(what holds of the decision, the shelf it stands on, the row of the flood it is folded into)."""
        alert, decision = story.alert, self._decision(story)
        wide = [self._decisions.shelf(scope) for scope in self._scopes(alert)]
        own = decision.shelf
        if own is not None and own.scope != "episode" and not any(wide) and (own.scope != "zone_rule" or self.zones.of(alert)):
            own = None  # it was part of a shelf that somebody took away at another alert
        shelf = next((one for one in (own, *wide) if on_shelf(story, one, self._event_ms)), None)
        hold = self._flood.home.get(alert.alert_id)
        taken = decision.ack or decision.owner or is_distress(alert)
        return decision, shelf, hold.row_id if hold is not None and not taken else ""

    def _decision(self, story: Story) -> Decision:
        return withdrawn(story, self._decisions.get(story.alert.alert_id), self._event_ms)[0]

    def _news(self, story: Story) -> None:
        """Tell the pages if decision, shelf or hold are not what they were told last."""
        name = story.alert.alert_id
        concerned = name in self._shown or name in self._flood.home or self._decisions.touches(name)
        if concerned and self._shown.get(name, (Decision(name), None, "")) != self._now(story):
            self._tell(story)

    def _tell(self, story: Story) -> None:
        name, now = story.alert.alert_id, self._now(story)
        if now == (Decision(name), None, ""):
            self._shown.pop(name, None)
        else:
            self._shown[name] = now
        self.stream.append("alert", msgspec.json.encode(self._record(story)))


def _place(alert: Alert) -> tuple[int, int, str]:
    """Where an alert stands in lists: worst and newest first; no two are equal."""
    return -LEVEL_RANK[alert.level], -alert.t_last, alert.alert_id


def decision_plain(decision: Decision) -> dict[str, Any]:
    """The operator's half of a record, ready for JSON."""
    return {
        "op_revision": decision.op_revision,
        "ack": _ack_plain(decision.ack),
        "owner": _owner_plain(decision.owner),
        "disposition": _disposition_plain(decision.disposition),
        "rescue_end": _end_plain(decision.rescue_end),
    }


def _owner_plain(owner: Owner | None) -> dict[str, Any] | None:
    return {"name": owner.name, "by": owner.by, "at": iso(owner.wall_ms)} if owner else None


def _disposition_plain(found: Disposition | None) -> dict[str, Any] | None:
    if found is None:
        return None
    times = {"at": iso(found.wall_ms), "event_time": iso(found.event_ms)}
    return {"code": found.code, "reason": found.reason, "of": found.of, "by": found.by, "role": found.role, **times}


def _shelf_plain(shelf: Shelf | None) -> dict[str, Any] | None:
    if shelf is None:
        return None
    return {"until": iso(shelf.until_ms), "scope": shelf.scope, "reason": shelf.reason, "by": shelf.by, "role": shelf.role, "at": iso(shelf.wall_ms)}


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
