"""The database under the operators' decisions: SQLite in a file, or PostgreSQL that several consoles share. Its schema, step by step.

May live here: connections, transactions, migrations, what differs between the two. May not: what a row means (console/decisions.py).

Both are used alike: one statement with `?` for its values, rows as dictionaries, one writer at a time (SQLite by its own lock,
PostgreSQL by an advisory lock, so that the numbers of the log have no gaps). A transaction that has ended is on the disk: WAL
with synchronous=FULL, synchronous_commit=on. Every fault of either becomes a StoreError.

Migrations: MIGRATIONS holds, per database, one SQL text for each version of the schema. Opening runs those that are newer than what is
found, each in a transaction of its own with its version; a schema newer than this build is refused. Steps that were released never change.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dogwatch.errors import InputError

APPLICATION_ID = 0x444F4757  # "DOGW", so that `file` and we know whose database this is
URL_PREFIXES = ("postgresql://", "postgres://")
SCHEMA_VERSION = 3
LOG_STAYS = "CREATE TRIGGER log_stays BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
MIGRATIONS = {
    "sqlite": {
        1: """
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
"""
        + LOG_STAYS
        + ";",
        2: """
CREATE TABLE decision_2 (alert_id TEXT PRIMARY KEY, op_revision INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
INSERT INTO decision_2 SELECT alert_id, op_revision, CASE WHEN ack_by IS NULL THEN '{}' ELSE json_object('ack', json_object(
    'by', ack_by, 'wall_ms', ack_wall_ms, 'event_ms', ack_event_ms, 'seen_revision', ack_revision, 'level', ack_level)) END FROM decision;
DROP TABLE decision;
ALTER TABLE decision_2 RENAME TO decision;
CREATE TABLE shelf (scope TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE raised (alert_id TEXT PRIMARY KEY, event_ms INTEGER NOT NULL, level TEXT NOT NULL, rule TEXT NOT NULL, mmsi INTEGER NOT NULL) STRICT;
CREATE INDEX raised_when ON raised (event_ms);
""",
        3: """
CREATE TABLE account (name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL, wall_ms INTEGER NOT NULL) STRICT;
CREATE TABLE session (token TEXT PRIMARY KEY, name TEXT NOT NULL, until_ms INTEGER NOT NULL) STRICT;
CREATE TABLE watch (version INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
""",
    },
    "postgresql": {
        2: """
CREATE TABLE decision (alert_id TEXT PRIMARY KEY, op_revision BIGINT NOT NULL, body TEXT NOT NULL);
CREATE TABLE log (
    seq BIGINT PRIMARY KEY, wall_ms BIGINT NOT NULL, event_ms BIGINT, station TEXT NOT NULL, "user" TEXT NOT NULL, role TEXT NOT NULL,
    action TEXT NOT NULL, alert_id TEXT NOT NULL, state_from TEXT NOT NULL, state_to TEXT NOT NULL, reason TEXT NOT NULL,
    request_key TEXT UNIQUE, prev_hash TEXT NOT NULL, hash TEXT NOT NULL
);
CREATE FUNCTION log_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the log is append-only'; END $$;
CREATE TRIGGER log_keeps BEFORE UPDATE OR DELETE ON log FOR EACH ROW EXECUTE FUNCTION log_is_kept();
CREATE TRIGGER log_stays BEFORE TRUNCATE ON log FOR EACH STATEMENT EXECUTE FUNCTION log_is_kept();
CREATE TABLE shelf (scope TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE raised (alert_id TEXT PRIMARY KEY, event_ms BIGINT NOT NULL, level TEXT NOT NULL, rule TEXT NOT NULL, mmsi BIGINT NOT NULL);
CREATE INDEX raised_when ON raised (event_ms);
""",
        3: """
CREATE TABLE account (name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL, wall_ms BIGINT NOT NULL);
CREATE TABLE session (token TEXT PRIMARY KEY, name TEXT NOT NULL, until_ms BIGINT NOT NULL);
CREATE TABLE watch (version BIGINT PRIMARY KEY, wall_ms BIGINT NOT NULL, body TEXT NOT NULL);
""",
    },
}


WAIT_S = 10.0  # for another's transaction


class StoreError(Exception):
    """The database refused or is not there: what was asked has not been recorded."""


def _remedy(fault: Exception) -> str:
    """What helps against a file that cannot be opened: decisions in it are not lost while another has it, or the disk is full."""
    if getattr(fault, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "another program holds it (a second console, a backup, a shell of sqlite3): end that one, then start again"
    if getattr(fault, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return "check the disk and its free space, then start again"
    return "check the folder and its rights, or restore the file from a backup"


class SqliteStore:
    """One SQLite file, or memory for None. A second process may have it open too; it waits up to 10 s for the other's transaction."""

    def __init__(self, path: Path | None) -> None:
        self.name = str(path or "memory")
        self._lock = threading.RLock()
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=WAIT_S)
            self._db.row_factory = sqlite3.Row
            self._prepare()
        except (sqlite3.Error, OSError) as fault:
            raise InputError(f"cannot use {path} for operators' decisions: {fault}", remedy=_remedy(fault)) from fault

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        found = self._db.execute("PRAGMA user_version").fetchone()[0]
        owner = self._db.execute("PRAGMA application_id").fetchone()[0]
        empty = found == 0 and self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
        if not empty and (owner != APPLICATION_ID or not 1 <= found <= SCHEMA_VERSION):
            raise _foreign(self.name, f"application {owner:#x}, schema {found}, wanted {SCHEMA_VERSION}")
        for version, sql in MIGRATIONS["sqlite"].items():
            if version > found:
                stamps = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={version};"
                try:
                    self._db.executescript(f"BEGIN IMMEDIATE; {sql} {stamps} COMMIT;")
                except sqlite3.Error:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise

    def run(self, sql: str, values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        """One statement; its rows. Raises StoreError."""
        with self._lock:
            try:
                return [dict(row) for row in self._db.execute(sql, values)]
            except sqlite3.Error as fault:
                raise StoreError(str(fault)) from fault

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that nobody else writes beside; on the disk when it ends, undone when anything is raised."""
        with self._lock:
            self.run("BEGIN IMMEDIATE")
            try:
                yield
                self.run("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self.run("ROLLBACK")
                raise

    def forget(self, upto: int) -> None:
        """Take away the entries of the log up to this number: the one way around its being append-only. Inside `writing`. Raises StoreError."""
        self.run("DROP TRIGGER log_stays")
        self.run("DELETE FROM log WHERE seq <= ?", (upto,))
        self.run(LOG_STAYS)

    def copy(self, path: Path) -> None:
        """Everything as it is at one moment, into another file. Raises StoreError."""
        try:
            with self._lock, contextlib.closing(sqlite3.connect(path)) as other:
                self._db.backup(other)
        except sqlite3.Error as fault:
            raise StoreError(str(fault)) from fault

    def close(self) -> None:
        """Close the file. Further calls fail."""
        with self._lock:
            self._db.close()


class PostgresStore:
    """A PostgreSQL database that several consoles share. A lost connection is made anew at the next call; a call waits 5 s at most for another's lock."""

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError as fault:
            raise InputError("operators' decisions in PostgreSQL need a package that is not installed", remedy="pip install 'dogwatch[postgres]'") from fault
        self._psycopg = psycopg
        self._url = url
        self._lock = threading.RLock()
        self._db: Any = None
        try:
            self.name = str(psycopg.conninfo.conninfo_to_dict(url).get("dbname", "PostgreSQL"))
            self._connect()
            self._prepare()
        except (psycopg.Error, StoreError) as fault:
            raise InputError(f"cannot use PostgreSQL for operators' decisions: {fault}", remedy="check the address, the user and its rights") from fault

    def _connect(self) -> None:
        options = "-c synchronous_commit=on -c lock_timeout=5000 -c statement_timeout=10000 -c client_min_messages=warning"
        self._db = self._psycopg.connect(self._url, autocommit=True, connect_timeout=5, options=options, row_factory=self._psycopg.rows.dict_row)

    def _prepare(self) -> None:
        with self.writing():
            self.run("CREATE TABLE IF NOT EXISTS dogwatch_schema (version BIGINT NOT NULL)")
            found = self.run("SELECT coalesce(max(version), 0) AS version FROM dogwatch_schema")[0]["version"]
            if found > SCHEMA_VERSION:
                raise _foreign(self.name, f"schema {found}, wanted {SCHEMA_VERSION}")
            for version, sql in MIGRATIONS["postgresql"].items():
                if version > found:
                    self._db.execute(sql)
                    self.run("INSERT INTO dogwatch_schema VALUES (?)", (version,))

    def run(self, sql: str, values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        """One statement; its rows. Raises StoreError."""
        with self._lock:
            try:
                if self._db.closed:
                    self._connect()
                cursor = self._db.execute(sql.replace("?", "%s"), values)
                return cursor.fetchall() if cursor.description else []
            except self._psycopg.Error as fault:
                raise StoreError(str(fault).strip()) from fault

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that nobody else writes beside; on the disk of the server when it ends, undone when anything is raised."""
        with self._lock:
            with contextlib.suppress(StoreError):
                self.run("SELECT 1")  # a lost connection shows here, and the next call makes a new one
            try:
                if self._db.closed:
                    self._connect()
                with self._db.transaction():
                    self.run("SELECT pg_advisory_xact_lock(?)", (APPLICATION_ID,))
                    yield
            except self._psycopg.Error as fault:
                raise StoreError(str(fault).strip()) from fault

    def forget(self, upto: int) -> None:
        """Take away the entries of the log up to this number: the one way around its being append-only. Inside `writing`. Raises StoreError."""
        self.run("ALTER TABLE log DISABLE TRIGGER log_keeps")
        self.run("DELETE FROM log WHERE seq <= ?", (upto,))
        self.run("ALTER TABLE log ENABLE TRIGGER log_keeps")

    def close(self) -> None:
        """End the connection. Further calls make a new one."""
        with self._lock:
            self._db.close()


Store = SqliteStore | PostgresStore


def open_store(where: Path | str | None) -> Store:
    """The store at a path, a `postgresql://` address, or (None) in memory. Raises InputError when it cannot be used."""
    if isinstance(where, str) and where.startswith(URL_PREFIXES):
        return PostgresStore(where)
    return SqliteStore(Path(where) if where is not None else None)


def _foreign(name: str, what: str) -> InputError:
    return InputError(f"{name} is not a decisions database of this build ({what})", remedy="use the build that wrote it, or name another data folder")
