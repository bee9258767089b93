"""Operators' decisions: who acknowledged, took, dismissed or shelved which alert, who ended which rescue, and the log of it. The repository.

May live here: the statements, the records, the hash chain of the log. May not: what a level means or who may do what (console/life.py),
connections and schema (console/database.py), HTTP.

A decision counts only once it is on the disk: `change` returns after the commit is flushed, so `kill -9` right after the answer
loses nothing. The log is append-only; each row carries the hash of the row before it, so a row that was changed or taken
out later shows (`verify`). Several processes may share one database: each reads what the others wrote with `refresh`.

Thread-safe. `get` and `shelf` answer from memory and never wait for the database, so that no alert does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from console.chain import LOG_COLUMNS, entry_hash, verify
from console.database import open_store

RESCUE_AT = "rescue at "  # in the log, before latitude and longitude
RESCUE_ENDED = "rescue ended"  # in the log, before the ids of the areas
BEGIN_RESCUE = "begin_rescue"  # an action of the log: an area that a person opened; its state afterwards is "rescue at LAT LON"
END_RESCUE = "end_rescue"  # an action of the log, where alone it is kept: a rescue is ended for good


class Ack(msgspec.Struct, frozen=True):
    """Who took note of an alert, when (wall and event time), and what they had seen of it."""

    by: str
    wall_ms: int
    event_ms: int | None
    seen_revision: int
    level: str


class Owner(msgspec.Struct, frozen=True):
    """Who looks after an alert, who said so, when. Owning is no acknowledgement."""

    name: str
    by: str
    wall_ms: int


class Disposition(msgspec.Struct, frozen=True):
    """What an alert was found to be: a code with words. `of`: the parent of a duplicate, the agency of a referral."""

    code: str
    reason: str
    by: str
    role: str
    wall_ms: int
    event_ms: int | None
    level: str
    revision: int
    of: str = ""


class Shelf(msgspec.Struct, frozen=True):
    """Off the queue until an event time (UTC ms), with who and why; `level`: what it was shelved at."""

    until_ms: int
    scope: str
    reason: str
    by: str
    role: str
    wall_ms: int
    event_ms: int | None
    level: str


class RescueEnd(msgspec.Struct, frozen=True):
    """Who said that a rescue is none, or over, in which role, why, and which areas (ids of their events) no longer excuse anybody."""

    by: str
    role: str
    reason: str
    wall_ms: int
    event_ms: int | None
    areas: tuple[str, ...]


class RescueBegun(msgspec.Struct, frozen=True):
    """Who said that people are being helped at a place (degrees), when."""

    lat: float
    lon: float
    by: str
    role: str
    event_ms: int | None


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """What people decided about one alert, in independent fields. `op_revision` counts every change; 0 = nothing decided yet."""

    alert_id: str = ""
    op_revision: int = 0
    ack: Ack | None = None
    owner: Owner | None = None
    disposition: Disposition | None = None
    shelf: Shelf | None = None
    rescue_end: RescueEnd | None = None


class Act(msgspec.Struct, frozen=True):
    """One entry of the log before it has a number: who did what, when. `note`: words for the log where no field changes."""

    action: str
    user: str
    role: str
    wall_ms: int
    event_ms: int | None
    reason: str = ""
    station: str = ""
    key: str | None = None
    note: str = ""


class Raised(msgspec.Struct, frozen=True):
    """That an alert came up in the room: what the load figures count."""

    alert_id: str
    event_ms: int
    level: str
    rule: str
    mmsi: int


class StaleError(Exception):
    """Somebody else decided first: `current` is what they decided."""

    def __init__(self, current: Decision) -> None:
        super().__init__(f"alert {current.alert_id} is at op_revision {current.op_revision}")
        self.current = current


class Decisions:
    """The repository. `where`: a path, a `postgresql://` address, or None for memory (tests, `demo`). Raises InputError when it cannot be used."""

    def __init__(self, where: Path | str | None = None) -> None:
        self.store = open_store(where)
        self._lock = threading.RLock()
        self._known: dict[str, Decision] = {}
        self._ended: dict[str, RescueEnd] = {}
        self._begun: dict[str, RescueBegun] = {}
        self._shelves: dict[str, Shelf] = {}
        self._children: dict[str, set[str]] = {}  # parent -> its duplicates
        self._seen = 0
        self.refresh()

    def get(self, alert_id: str) -> Decision:
        """What was decided about an alert; an empty decision where nothing was."""
        return self._known.get(alert_id) or Decision(alert_id)

    def shelf(self, scope: str) -> Shelf | None:
        """The shelf that holds for everything of a scope (vessels and rule, zone and rule), if there is one."""
        return self._shelves.get(scope)

    def duplicates(self, alert_id: str) -> list[str]:
        """Ids of the alerts that people found to be duplicates of this one."""
        return sorted(self._children.get(alert_id, ()))

    def touches(self, alert_id: str) -> bool:
        """Whether anything that was decided can concern an alert."""
        return alert_id in self._known or alert_id in self._children or bool(self._shelves)

    def refresh(self) -> set[str]:
        """Read what other processes have decided since; ids of the alerts concerned. Raises StoreError."""
        with self._lock:
            new = self.store.run(f"SELECT {LOG_COLUMNS} FROM log WHERE seq > ? ORDER BY seq", (self._seen,))
            if not new:
                return set()
            for row in new:
                if row["action"] == BEGIN_RESCUE:
                    self._begun[row["alert_id"]] = _rescue_begun(row)
                if row["action"] == END_RESCUE:
                    end = _rescue_end(row)
                    self._ended |= dict.fromkeys(end.areas, end)
                    self._known[row["alert_id"]] = msgspec.structs.replace(self.get(row["alert_id"]), rescue_end=end)
            rows = self.store.run("SELECT * FROM decision WHERE alert_id IN (SELECT alert_id FROM log WHERE seq > ?)", (self._seen,))
            for row in rows:
                self._know(self._decision(row))
            self._shelves = {row["scope"]: msgspec.json.decode(row["body"], type=Shelf) for row in self.store.run("SELECT * FROM shelf")}
            self._seen = new[-1]["seq"]
            return {row["alert_id"] for row in new}

    def _know(self, decision: Decision) -> None:
        name = decision.alert_id
        for parent in (self.get(name).disposition, decision.disposition):
            if parent is not None and parent.code == "duplicate":
                (self._children.setdefault(parent.of, set()).add if parent is decision.disposition else self._children[parent.of].discard)(name)
        self._known[name] = decision

    def change(
        self, alert_id: str, act: Act, edit: Callable[[Decision], Decision], *, op_revision: int | None, scope: str = "", shelf: Shelf | None = None
    ) -> Decision:
        """Change the fields of one alert, durably, and log it; the decision as it is then.

        op_revision: the one that was seen, None = whichever it is. scope: a shelf of this scope is set to `shelf` (None = taken
        away) with it. The same key again (a retry after a lost answer) changes nothing. Raises StaleError, StoreError.
        """
        with self._lock, self.store.writing():
            self.refresh()
            before = self.get(alert_id)
            if act.key is not None and self.store.run("SELECT 1 FROM log WHERE request_key=? AND alert_id=?", (act.key, alert_id)):
                return before
            if op_revision is not None and before.op_revision != op_revision:
                raise StaleError(before)
            after = msgspec.structs.replace(edit(before), alert_id=alert_id, op_revision=before.op_revision + 1)
            body = msgspec.json.encode(msgspec.structs.replace(after, alert_id="", op_revision=0, rescue_end=None)).decode()
            sql = "INSERT INTO decision VALUES (?,?,?) ON CONFLICT (alert_id) DO UPDATE SET op_revision=excluded.op_revision, body=excluded.body"
            self.store.run(sql, (alert_id, after.op_revision, body))
            if scope:
                self.store.run("DELETE FROM shelf WHERE scope=?", (scope,))
            if scope and shelf is not None:
                self.store.run("INSERT INTO shelf VALUES (?,?)", (scope, msgspec.json.encode(shelf).decode()))
            states = (act.note, act.note) if act.note else (_state(before), _state(after))
            if act.action == END_RESCUE and after.rescue_end is not None:
                states = ("rescue open", " ".join((RESCUE_ENDED, *after.rescue_end.areas)))
            self._log(act, alert_id, *states)
        self.refresh()  # what was committed, and nothing else, becomes what is known
        return self.get(alert_id)

    def ack(
        self,
        alert_id: str,
        *,
        by: str,
        seen_revision: int,
        level: str,
        op_revision: int,
        wall_ms: int,
        event_ms: int | None,
        role: str = "watchstander",
        station: str = "",
        key: str | None = None,
    ) -> Decision:
        """Acknowledge, durably. Raises StaleError unless `op_revision` is the current one, StoreError."""
        ack = Ack(by, wall_ms, event_ms, seen_revision, level)
        act = Act("ack", by, role, wall_ms, event_ms, station=station, key=key)
        return self.change(alert_id, act, lambda before: msgspec.structs.replace(before, ack=ack), op_revision=op_revision)

    def unack(self, alert_id: str, *, reason: str, wall_ms: int, event_ms: int | None) -> Decision:
        """Take an acknowledgement back because the alert itself changed (level rise, new activity, time); logged as the program's own act."""
        act = Act("unack", "dogwatch", "system", wall_ms, event_ms, reason=reason)
        return self.change(alert_id, act, lambda before: msgspec.structs.replace(before, ack=None), op_revision=None)

    def end_rescue(self, alert_id: str, end: RescueEnd, *, op_revision: int, station: str = "", key: str | None = None) -> Decision:
        """End the rescue areas of an alert, durably and for good. Raises StaleError unless `op_revision` is the current one, StoreError."""
        act = Act(END_RESCUE, end.by, end.role, end.wall_ms, end.event_ms, end.reason, station, key)
        return self.change(alert_id, act, lambda before: msgspec.structs.replace(before, rescue_end=end), op_revision=op_revision)

    def begin_rescue(self, area: str, begun: RescueBegun, *, wall_ms: int, reason: str) -> None:
        """A person opens a rescue area, durably. `area`: its id, one word. Raises StoreError."""
        act = Act(BEGIN_RESCUE, begun.by, begun.role, wall_ms, begun.event_ms, reason, key=area)
        self.enter([(act, area, "", f"{RESCUE_AT}{begun.lat:.6f} {begun.lon:.6f}")])

    def rescues_begun(self) -> dict[str, RescueBegun]:
        """Every area that a person opened, by id."""
        with self._lock:
            return dict(self._begun)

    def enter(self, entries: Iterable[tuple[Act, str, str, str]]) -> None:
        """Log what changed no decision: (act, id of what it is about, state before, state after). Raises StoreError.

        An act whose key the log has is not entered again.
        """
        with self._lock, self.store.writing():
            for act, about, before, after in entries:
                if act.key is None or not self.store.run("SELECT 1 FROM log WHERE request_key=?", (act.key,)):
                    self._log(act, about, before, after)
        self.refresh()

    def rescues_ended(self) -> dict[str, RescueEnd]:
        """Every area that a person ended, by id."""
        with self._lock:
            return dict(self._ended)

    def raised(self, rows: Iterable[Raised]) -> None:
        """Remember that these alerts came up; each counts once, whoever tells it, however often. Raises StoreError."""
        with self.store.writing():
            for row in rows:
                sql = "INSERT INTO raised VALUES (?,?,?,?,?) ON CONFLICT (alert_id) DO NOTHING"
                self.store.run(sql, (row.alert_id, row.event_ms, row.level, row.rule, row.mmsi))

    def raised_since(self, event_ms: int) -> list[Raised]:
        """What came up since an event time, oldest first. Raises StoreError."""
        return [Raised(**row) for row in self.store.run("SELECT * FROM raised WHERE event_ms >= ? ORDER BY event_ms, alert_id", (event_ms,))]

    def note(self, act: Act, subject: str = "", state_from: str = "", state_to: str = "") -> None:
        """An entry of the log that is about no alert: who logged in, who has the watch. Inside `store.writing()`. Raises StoreError."""
        self._log(act, subject, state_from, state_to)

    def log(self) -> list[dict[str, Any]]:
        """Every entry of the watch log, oldest first. Raises StoreError."""
        return self.store.run(f"SELECT {LOG_COLUMNS} FROM log ORDER BY seq")

    def verify(self) -> int | None:
        """Walk the chain of the log: the first number that does not fit, or None. Raises StoreError."""
        return verify(self.store).broken or None

    def close(self) -> None:
        """Close the database."""
        self.store.close()

    def _log(self, act: Act, alert_id: str, state_from: str, state_to: str) -> None:
        last = self.store.run("SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1")
        seq, previous = (last[0]["seq"] + 1, last[0]["hash"]) if last else (1, "")
        row = (seq, act.wall_ms, act.event_ms, act.station, act.user, act.role, act.action, alert_id, state_from, state_to, act.reason, act.key, previous)
        self.store.run(f"INSERT INTO log ({LOG_COLUMNS}) VALUES ({','.join('?' * 14)})", (*row, entry_hash(row)))

    def _decision(self, row: dict[str, Any]) -> Decision:
        body = msgspec.json.decode(row["body"], type=Decision)
        end = self.get(row["alert_id"]).rescue_end
        return msgspec.structs.replace(body, alert_id=row["alert_id"], op_revision=row["op_revision"], rescue_end=end)


def _rescue_end(row: dict[str, Any]) -> RescueEnd:
    areas = tuple(row["state_to"].removeprefix(RESCUE_ENDED).split())
    return RescueEnd(row["user"], row["role"], row["reason"], row["wall_ms"], row["event_ms"], areas)


def _rescue_begun(row: dict[str, Any]) -> RescueBegun:
    lat, lon = (float(part) for part in row["state_to"].removeprefix(RESCUE_AT).split())
    return RescueBegun(lat, lon, row["user"], row["role"], row["event_ms"])


def _state(decision: Decision) -> str:
    """The fields in words: 'acked, owner Ana, benign_known'; 'open' where nothing is decided."""
    shelf, found = decision.shelf, decision.disposition
    parts = [
        "acked" if decision.ack else "",
        f"owner {decision.owner.name}" if decision.owner else "",
        " ".join((found.code, found.of)).strip() if found else "",
        f"shelved {shelf.scope} until {shelf.until_ms}" if shelf else "",
    ]
    return ", ".join(part for part in parts if part) or "open"
