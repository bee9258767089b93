"""Operators' decisions in SQLite: who acknowledged which alert, who ended which rescue, and the log of it. The one module that knows SQL.

May live here: schema, transactions, the hash chain of the log. May not: alerts' contents, HTTP, what a level means.

A decision counts only once it is on the disk: WAL with synchronous=FULL makes `ack` return after the commit is flushed, so
`kill -9` right after the answer loses nothing. The log is append-only; each row carries the hash of the row before it,
so a row that was changed or taken out later shows (`verify`).

Thread-safe: one connection behind a lock. One process at a time writes; readers may open the file beside it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from pathlib import Path

import msgspec

from dogwatch.errors import InputError

APPLICATION_ID = 0x444F4757  # "DOGW", so that `file` and we know whose database this is
SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE decision (
    alert_id TEXT PRIMARY KEY, op_revision INTEGER NOT NULL,
    ack_by TEXT, ack_wall_ms INTEGER, ack_event_ms INTEGER, ack_revision INTEGER, ack_level TEXT
) STRICT;
CREATE TABLE log (
    seq INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, event_ms INTEGER, station TEXT NOT NULL, user TEXT NOT NULL, role TEXT NOT NULL,
    action TEXT NOT NULL, alert_id TEXT NOT NULL, state_from TEXT NOT NULL, state_to TEXT NOT NULL, reason TEXT NOT NULL,
    request_key TEXT UNIQUE, prev_hash TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER log_keeps BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER log_stays BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"""
RESCUE_ENDED = "rescue ended"  # in the log, before the ids of the areas
END_RESCUE = "end_rescue"  # an action of the log, where alone it is kept: a rescue is ended for good
LOG_HASHED = ("seq", "wall_ms", "event_ms", "station", "user", "role", "action", "alert_id", "state_from", "state_to", "reason", "request_key", "prev_hash")


class Ack(msgspec.Struct, frozen=True):
    """Who took note of an alert, when (wall and event time), and what they had seen of it."""

    by: str
    wall_ms: int
    event_ms: int | None
    seen_revision: int
    level: str


class RescueEnd(msgspec.Struct, frozen=True):
    """Who said that a rescue is none, or over, in which role, why, and which areas (ids of their events) no longer excuse anybody."""

    by: str
    role: str
    reason: str
    wall_ms: int
    event_ms: int | None
    areas: tuple[str, ...]


class Decision(msgspec.Struct, frozen=True):
    """What people decided about one alert. `op_revision` counts every change; 0 = nothing decided yet."""

    alert_id: str
    op_revision: int = 0
    ack: Ack | None = None
    rescue_end: RescueEnd | None = None


class _Act(msgspec.Struct, frozen=True):
    """One entry of the log before it has a number: who did what, when."""

    action: str
    user: str
    role: str
    wall_ms: int
    event_ms: int | None
    reason: str = ""
    station: str = ""
    key: str | None = None


class StaleError(Exception):
    """Somebody else decided first: `current` is what they decided."""

    def __init__(self, current: Decision) -> None:
        super().__init__(f"alert {current.alert_id} is at op_revision {current.op_revision}")
        self.current = current


class Decisions:
    """The repository. `path` None keeps it in memory (tests, `demo`)."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.RLock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=10)
            self._db.row_factory = sqlite3.Row
            self._prepare(str(path))
            ends = {row["alert_id"]: _rescue_end(row) for row in self._db.execute("SELECT * FROM log WHERE action=? ORDER BY seq", (END_RESCUE,))}
            self._known = {row["alert_id"]: _decision(row, ends.get(row["alert_id"])) for row in self._db.execute("SELECT * FROM decision")}
            self._ended = {area: end for end in ends.values() for area in end.areas}
        except (sqlite3.Error, OSError) as fault:
            raise InputError(
                f"cannot use {path} for operators' decisions: {fault}", remedy="check the folder and its rights, or restore the file from a backup"
            ) from fault

    def _prepare(self, name: str) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        owner = self._db.execute("PRAGMA application_id").fetchone()[0]
        if found == 0 and self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            self._db.executescript(f"BEGIN; {SCHEMA} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        elif (owner, found) != (APPLICATION_ID, SCHEMA_VERSION):
            raise InputError(
                f"{name} is not a decisions database of this build (application {owner:#x}, schema {found}, wanted {SCHEMA_VERSION})",
                remedy="use the build that wrote it, or name another data folder",
            )

    def get(self, alert_id: str) -> Decision:
        """What was decided about an alert; an empty decision where nothing was. From memory: the file has one writer."""
        with self._lock:
            return self._known.get(alert_id) or Decision(alert_id)

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
        station: str = "",
        key: str | None = None,
    ) -> Decision:
        """Acknowledge, durably. Raises StaleError unless `op_revision` is the current one.

        The same `key` again (a retry after a lost answer) changes nothing and returns what is.
        """
        act = _Act("ack", by, "watch", wall_ms, event_ms, station=station, key=key)
        return self._change(alert_id, Ack(by, wall_ms, event_ms, seen_revision, level), op_revision, act)

    def unack(self, alert_id: str, *, reason: str, wall_ms: int, event_ms: int | None) -> Decision:
        """Take an acknowledgement back because the alert itself changed (level rise, new activity, time); logged as the program's own act."""
        with self._lock:
            act = _Act("unack", "dogwatch", "system", wall_ms, event_ms, reason=reason)
            return self._change(alert_id, None, self.get(alert_id).op_revision, act)

    def end_rescue(self, alert_id: str, end: RescueEnd, *, op_revision: int, station: str = "", key: str | None = None) -> Decision:
        """End the rescue areas of an alert, durably and for good. Raises StaleError unless `op_revision` is the current one; a `key` again changes nothing."""
        act = _Act(END_RESCUE, end.by, end.role, end.wall_ms, end.event_ms, end.reason, station, key)
        return self._change(alert_id, self.get(alert_id).ack, op_revision, act, end)

    def rescues_ended(self) -> dict[str, RescueEnd]:
        """Every area that a person ended, by id."""
        with self._lock:
            return dict(self._ended)

    def _change(self, alert_id: str, ack: Ack | None, op_revision: int, act: _Act, end: RescueEnd | None = None) -> Decision:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                before = self.get(alert_id)
                if act.key is not None and self._db.execute("SELECT 1 FROM log WHERE request_key=? AND alert_id=?", (act.key, alert_id)).fetchone():
                    self._db.execute("ROLLBACK")
                    return before
                if before.op_revision != op_revision:
                    raise StaleError(before)
                after = Decision(alert_id, op_revision + 1, ack, end or before.rescue_end)
                columns = (ack.by, ack.wall_ms, ack.event_ms, ack.seen_revision, ack.level) if ack else (None,) * 5
                self._db.execute("REPLACE INTO decision VALUES (?,?,?,?,?,?,?)", (alert_id, after.op_revision, *columns))
                states = ("rescue open", " ".join((RESCUE_ENDED, *end.areas))) if end else (_state(before), _state(after))
                self._log(act, alert_id, *states)
                self._db.execute("COMMIT")
                self._known[alert_id] = after
                self._ended |= dict.fromkeys(end.areas, end) if end else {}
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        return after

    def _log(self, act: _Act, alert_id: str, state_from: str, state_to: str) -> None:
        last = self._db.execute("SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1").fetchone()
        seq, previous = (last["seq"] + 1, last["hash"]) if last else (1, "")
        row = (seq, act.wall_ms, act.event_ms, act.station, act.user, act.role, act.action, alert_id, state_from, state_to, act.reason, act.key, previous)
        self._db.execute(f"INSERT INTO log VALUES ({','.join('?' * 14)})", (*row, _hash(row)))

    def log(self) -> list[dict[str, object]]:
        """Every entry of the watch log, oldest first."""
        with self._lock:
            return [dict(row) for row in self._db.execute("SELECT * FROM log ORDER BY seq")]

    def verify(self) -> int | None:
        """Walk the chain of the log: the first number that does not fit, or None."""
        previous, wanted = "", 1
        for row in self.log():
            if row["seq"] != wanted or row["prev_hash"] != previous or row["hash"] != _hash(tuple(row[name] for name in LOG_HASHED)):
                return wanted
            previous, wanted = str(row["hash"]), wanted + 1
        return None

    def close(self) -> None:
        """Close the file. Further calls fail."""
        with self._lock:
            self._db.close()


def _decision(row: sqlite3.Row, end: RescueEnd | None) -> Decision:
    ack = None
    if row["ack_by"] is not None:
        ack = Ack(row["ack_by"], row["ack_wall_ms"], row["ack_event_ms"], row["ack_revision"], row["ack_level"])
    return Decision(row["alert_id"], row["op_revision"], ack, end)


def _rescue_end(row: sqlite3.Row) -> RescueEnd:
    areas = tuple(row["state_to"].removeprefix(RESCUE_ENDED).split())
    return RescueEnd(row["user"], row["role"], row["reason"], row["wall_ms"], row["event_ms"], areas)


def _state(decision: Decision) -> str:
    return "acked" if decision.ack else "open"


def _hash(row: tuple[object, ...]) -> str:
    return hashlib.blake2b(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode(), digest_size=32).hexdigest()
