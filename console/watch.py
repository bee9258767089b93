"""Who has the watch, and how it is handed over. The repository, and the lists that are handed over with it.

    nobody --take--> ANA --offer--> ANA, offered --accept by BEN--> BEN
                      ^                |
                      +---withdraw-----+

Until the relief has accepted, the outgoing has the watch and answers for it. Nobody accepts their own hand-over, and none is accepted twice:
each step says which version of the watch it saw. Where somebody left without handing over, a supervisor takes the watch, with a reason.

May live here: the steps and their rules, the lists. May not: HTTP (console/watch_desk.py), what happens to alerts (console/board.py).
Each step is an entry of the watch log with both names, and on the disk before it is answered. Thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec

from console.board import wall_ms
from console.decisions import Act, Decisions
from console.life import WATCH, RefusedError
from dogwatch.times import iso

LATE_MS = 15 * 60_000  # a hand-over that nobody has accepted for so long is shown to everybody
TEXT_CHARS_MAX = 4_000
ROWS_MAX = 200  # of each list; its total is said
STEPS = ("take", "offer", "withdraw", "accept")


class Offer(msgspec.Struct, frozen=True):
    """What the outgoing hands over: their words, and the lists as they were then. `wall_ms`: when it was first offered."""

    text: str
    lists: dict[str, Any]
    wall_ms: int
    event_ms: int | None


class Watch(msgspec.Struct, frozen=True):
    """Who has the watch since when, what was handed over to them by whom, and what they offer. Version 0: nobody ever had it."""

    version: int = 0
    name: str = ""
    role: str = ""
    wall_ms: int = 0
    event_ms: int | None = None
    before: str = ""
    taken_over: Offer | None = None
    offer: Offer | None = None


class Watches:
    """The repository. `clock`: UTC ms."""

    def __init__(self, decisions: Decisions, *, clock: Callable[[], int] = wall_ms) -> None:
        self._decisions, self._store, self._clock = decisions, decisions.store, clock
        self._lock = threading.RLock()
        self._now = Watch()
        self.refresh()

    def now(self) -> Watch:
        """The watch as last read; never waits for the database."""
        with self._lock:
            return self._now

    def refresh(self) -> None:
        """Read what other consoles did. Raises StoreError."""
        rows = self._store.run("SELECT version, body FROM watch ORDER BY version DESC LIMIT 1")
        found = msgspec.json.decode(rows[0]["body"], type=Watch) if rows else Watch()
        with self._lock:
            if found.version > self._now.version:
                self._now = found

    def step(self, step: str, *, by: str, role: str, words: str, lists: dict[str, Any], version: int, event_ms: int | None) -> Watch:
        """One of STEPS, durably; the watch as it is then. words: the reason of a supervisor who takes it, the text of an offer.

        Raises RefusedError (403 not theirs to do, 409 not now, 412 somebody was first, 422 a word is missing), StoreError.
        """
        with self._store.writing():
            self.refresh()
            before, now_ms = self.now(), self._clock()
            if version != before.version:
                raise RefusedError(412, "the watch has changed since you looked", f"look again: {who_has(before)}")
            if role not in WATCH:
                raise RefusedError(403, f"a {role} has no watch", f"ask a {' or '.join(WATCH)}")
            after = _STEPS[step](before, by, role, words, Offer(words, lists, now_ms, event_ms))
            after = msgspec.structs.replace(after, version=before.version + 1)
            self._store.run("INSERT INTO watch (version, wall_ms, body) VALUES (?,?,?)", (after.version, now_ms, msgspec.json.encode(after).decode()))
            act = Act(f"watch {step}", by, role, now_ms, event_ms, reason=words)
            self._decisions.note(act, state_from=who_has(before), state_to=who_has(after))
        self.refresh()
        return self.now()


def _take(before: Watch, by: str, role: str, words: str, made: Offer) -> Watch:
    if _same(before.name, by):
        raise RefusedError(409, "you have the watch already", "hand it over when the relief is there")
    if before.name and role != "supervisor":
        raise RefusedError(403, who_has(before), f"ask {before.name} to hand over, or a supervisor to take it")
    if before.name and not words:
        raise RefusedError(422, f"{who_has(before)}: taking it needs a reason", "say why there was no hand-over")
    return Watch(name=by, role=role, wall_ms=made.wall_ms, event_ms=made.event_ms, before=before.name)


def _offer(before: Watch, by: str, role: str, words: str, made: Offer) -> Watch:
    _only_theirs(before, by)
    if before.offer is not None:  # its words are corrected, the relief is waited for since the first
        made = msgspec.structs.replace(made, wall_ms=before.offer.wall_ms)
    return msgspec.structs.replace(before, offer=made)


def _withdraw(before: Watch, by: str, role: str, words: str, made: Offer) -> Watch:
    _only_theirs(before, by)
    if before.offer is None:
        raise RefusedError(409, "no hand-over is offered", "there is nothing to take back")
    return msgspec.structs.replace(before, offer=None)


def _accept(before: Watch, by: str, role: str, words: str, made: Offer) -> Watch:
    if before.offer is None:
        raise RefusedError(409, f"no hand-over is offered: {who_has(before)}", "who has the watch offers it first; none is accepted twice")
    if _same(before.name, by):
        raise RefusedError(403, "nobody accepts their own hand-over", "the relief accepts it; until then you have the watch")
    return Watch(name=by, role=role, wall_ms=made.wall_ms, event_ms=made.event_ms, before=before.name, taken_over=before.offer)


_STEPS: dict[str, Callable[[Watch, str, str, str, Offer], Watch]] = {"take": _take, "offer": _offer, "withdraw": _withdraw, "accept": _accept}


def _only_theirs(watch: Watch, by: str) -> None:
    if not watch.name:
        raise RefusedError(409, "nobody has the watch", "take it first")
    if not _same(watch.name, by):
        raise RefusedError(403, who_has(watch), f"only {watch.name} hands it over; a supervisor may take it, with a reason")


def who_has(watch: Watch) -> str:
    """Who has the watch, and whether it is offered, in words."""
    if not watch.name:
        return "nobody has the watch"
    return f"{watch.name} ({watch.role}) has the watch" + (", hand-over offered" if watch.offer else "")


def brief(watch: Watch) -> dict[str, Any]:
    """What every page is told each second."""
    offered = watch.offer.wall_ms if watch.offer else None
    since = iso(watch.wall_ms) if watch.name else None
    times = {"since": since, "since_event": iso(watch.event_ms), "offered": iso(offered)}
    return {"version": watch.version, "name": watch.name, "role": watch.role, **times, "late_s": LATE_MS // 1000}


def plain(watch: Watch) -> dict[str, Any]:
    """The whole watch, ready for JSON."""
    return {**brief(watch), "before": watch.before, "offer": _offer_plain(watch.offer), "taken_over": _offer_plain(watch.taken_over)}


def lists_of(records: list[dict[str, Any]], health: dict[str, Any]) -> dict[str, Any]:
    """What is handed over, out of the records of the board and the facts about the feed: each list with its `total` and at most ROWS_MAX `rows`."""
    aside = [one for one in records if one["disposition"] or one["shelf"] or one["held"]]
    away = {one["alert_id"] for one in aside}
    found = {
        "open": [_row(one, acknowledged=(one["ack"] or {}).get("by", "")) for one in records if one["condition"] == "active" and one["alert_id"] not in away],
        "owned": [_row(one, owner=one["owner"]["name"]) for one in records if one["owner"]],
        "shelved": [_row(one, until=one["shelf"]["until"], by=one["shelf"]["by"], reason=one["shelf"]["reason"]) for one in records if one["shelf"]],
        "held": [_row(one) for one in records if one["held"]],
        "referred": [_row(one, to=one["disposition"]["of"], by=one["disposition"]["by"]) for one in records if _is_referred(one)],
        "outages": [
            *({"what": f"{source} is silent"} for source, state in sorted(health.get("sources", {}).items()) if state != "up"),
            *({"what": f"rule {rule} is on hold: it floods"} for rule in health.get("rules_on_hold", [])),
        ],
    }
    return {name: {"total": len(rows), "rows": rows[:ROWS_MAX]} for name, rows in found.items()}


def _is_referred(record: dict[str, Any]) -> bool:
    return bool(record["disposition"]) and record["disposition"]["code"] == "referred"


def _row(record: dict[str, Any], **more: str) -> dict[str, Any]:
    return {**{name: record[name] for name in ("alert_id", "level", "condition", "headline", "exercise", "t_first")}, **{k: v for k, v in more.items() if v}}


def _offer_plain(offer: Offer | None) -> dict[str, Any] | None:
    return {"text": offer.text, "lists": offer.lists, "at": iso(offer.wall_ms), "event_time": iso(offer.event_ms)} if offer else None


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
