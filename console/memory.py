"""What the console remembers over a restart: where vessels were, who they said they are, and the evidence of alerts. One SQLite file beside the decisions.

May live here: that file, what of the positions is worth keeping for days, how long anything is kept. May not: what an exhibit says
(console/exhibits.py), the present picture, operators' decisions (console/database.py), HTTP.

Theory. Nobody who brings something waits for the disk: it is taken into memory, and the beat of the server writes it every few seconds. A
console that is killed has lost so much, and a disk that refuses costs nothing until WAITING_ROWS_MAX. Of a vessel's positions the first of
each SLOT_MS is kept, and both ends of each silence, so that no silence shows that there was not, and none that there was is lost.

Time is event time, and "now" is the newest that was ever kept: a clock that is set back widens nothing. What is deleted is overwritten.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from console.chronicle import ALL_MAX, Change
from console.database import StoreError
from dogwatch.batch import T_MISSING
from dogwatch.errors import InputError

log = logging.getLogger("dogwatch.console")

FILE = "memory.sqlite"  # its name in the data folder
APPLICATION_ID, SCHEMA_VERSION = 0x444F4D45, 1
DAY_MS = 86_400_000
KEEP_TRACK_DAYS = 7.0  # positions are personal data at short range
KEEP_DAYS = 365  # who a vessel said it was, and the evidence of alerts: as long as alerts
SLOT_MS = 240_000  # with a moored ship's three minutes between reports no step between kept positions reaches SILENCE_MS
SILENCE_MS = 480_000  # from so long on a track shows a silence
EXHIBITS_MAX = 20_000  # as many as alerts on a board
FILE_BYTES_MAX = 4 << 30  # beyond it the oldest day of positions goes: three days of 20,000 vessels
WAITING_ROWS_MAX = 500_000
FORGET_EVERY_MS = 3_600_000  # event time
WAIT_S = 10.0

PAST = np.dtype([("t_ms", "<i8"), ("mmsi", "<u4"), ("lon", "<i4"), ("lat", "<i4"), ("sog", "<u2"), ("cog", "<u2"), ("receiver", "<u2")])
SCHEMA = """
CREATE TABLE past (mmsi INTEGER, t_ms INTEGER, lon INTEGER, lat INTEGER, sog INTEGER, cog INTEGER, exercise INTEGER, PRIMARY KEY (mmsi, t_ms)) WITHOUT ROWID;
CREATE INDEX past_when ON past (t_ms);
CREATE TABLE static (mmsi INTEGER PRIMARY KEY, t_ms INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE change (mmsi INTEGER, t_ms INTEGER, field TEXT, body TEXT NOT NULL, PRIMARY KEY (mmsi, t_ms, field)) WITHOUT ROWID;
CREATE TABLE exhibit (alert_id TEXT PRIMARY KEY, revision INTEGER NOT NULL, whole INTEGER NOT NULL, t_ms INTEGER NOT NULL, body BLOB NOT NULL);
"""


class Memory:
    """The file; for None nothing of the positions is kept, and the rest in memory alone. Thread-safe."""

    def __init__(self, path: Path | None = None, *, keep_track_days: float = KEEP_TRACK_DAYS) -> None:
        """Raises InputError for a file that cannot be used."""
        self._keeps_tracks = path is not None  # days of positions are for a disk
        self._lock, self._keep_ms = threading.RLock(), round(keep_track_days * DAY_MS)
        self._heard: list[np.ndarray] = []
        self._waiting, self._exercise = 0, False
        self._statics: list[np.ndarray] = []
        self._changes: list[tuple[int, Change]] = []
        self._last = np.zeros(0, PAST)  # the newest position of each vessel, whether it was kept or not
        self._forgot_ms = T_MISSING
        self._troubled = False
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=WAIT_S)
            self._prepare(path)
            self.newest_ms: int | None = self._db.execute("SELECT max(t_ms) FROM past").fetchone()[0]
        except (sqlite3.Error, OSError) as fault:
            remedy = "free the disk or move the file away: decisions and the watch log stand elsewhere, what is lost is older tracks and evidence"
            raise InputError(f"cannot use {path} for what the console remembers: {fault}", remedy=remedy) from fault

    def _prepare(self, path: Path | None) -> None:
        for name in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
            self._db.execute(f"PRAGMA {name}")
        found, owner = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("user_version", "application_id"))
        if found == 0 and self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
            self._db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        elif (owner, found) != (APPLICATION_ID, SCHEMA_VERSION):
            remedy = "move it away: what is lost is older tracks and evidence of alerts"
            raise InputError(f"{path} was not written by this build (application {owner:#x}, schema {found}, wanted {SCHEMA_VERSION})", remedy=remedy)

    def heard(self, rows: np.ndarray, *, exercise: bool) -> None:
        """Positions (rows of PAST) as the history takes them; once one is of an exercise, all that follow are."""
        with self._lock:
            self._exercise |= exercise
            if len(rows) and self._waiting < WAITING_ROWS_MAX:
                self._heard.append(rows)
                self._waiting += len(rows)

    def named(self, rows: np.ndarray) -> None:
        """Static data of vessels as they are now: rows with a column `mmsi`."""
        with self._lock:
            if len(rows) and len(self._statics) < WAITING_ROWS_MAX:
                self._statics.append(rows)

    def changed(self, mmsi: int, change: Change) -> None:
        """A vessel says something else of itself than before."""
        with self._lock:
            if len(self._changes) < WAITING_ROWS_MAX:
                self._changes.append((mmsi, change))

    def write(self) -> None:
        """Bring to disk what has come since, and let go of what is too old. What the disk refuses waits, and is said once."""
        with self._lock:
            taken = self._heard, self._statics, self._changes
            try:
                if any(taken):
                    self._write(*taken)
                    self._heard, self._statics, self._changes, self._waiting = [], [], [], 0
                    self._forget()
                self._troubled = False
            except sqlite3.Error as fault:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if not self._troubled:
                    log.error("console: what is to be remembered over a restart cannot be written: %s", fault)
                self._troubled = True

    def _write(self, heard: list[np.ndarray], statics: list[np.ndarray], changes: list[tuple[int, Change]]) -> None:
        kept, last = worth_keeping(self._last, heard)
        newest = max(self.newest_ms or 0, int(kept["t_ms"].max(initial=0)))
        kept = kept if self._keeps_tracks else kept[:0]
        places = zip(*(kept[name].tolist() for name in ("mmsi", "t_ms", "lon", "lat", "sog", "cog")), [self._exercise] * len(kept), strict=True)
        named = ((int(row["mmsi"]), newest, row.tobytes()) for rows in statics for row in rows)
        told = ((mmsi, one.t_ms, one.field, msgspec.json.encode(one).decode()) for mmsi, one in changes)
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT OR IGNORE INTO past VALUES (?,?,?,?,?,?,?)", places)
        self._db.executemany("INSERT OR REPLACE INTO static VALUES (?,?,?)", named)
        self._db.executemany("INSERT OR REPLACE INTO change VALUES (?,?,?,?)", told)
        self._db.execute("COMMIT")
        self._last, self.newest_ms = last[last["t_ms"] > newest - DAY_MS], newest or None

    def _forget(self) -> None:
        newest = self.newest_ms
        if newest is None or newest - self._forgot_ms < FORGET_EVERY_MS:
            return
        self._forgot_ms = newest
        self._db.execute("DELETE FROM past WHERE t_ms < ?", (newest - self._keep_ms,))
        for table in ("static", "change", "exhibit"):
            self._db.execute(f"DELETE FROM {table} WHERE t_ms < ?", (newest - KEEP_DAYS * DAY_MS,))
        self._db.execute("DELETE FROM exhibit WHERE alert_id NOT IN (SELECT alert_id FROM exhibit ORDER BY t_ms DESC LIMIT ?)", (EXHIBITS_MAX,))
        while self._bytes() > FILE_BYTES_MAX and (oldest := self.begins_ms) is not None:
            self._db.execute("DELETE FROM past WHERE t_ms < ?", (oldest + DAY_MS,))
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what was deleted stands in the log of the database until then

    def _bytes(self) -> int:
        pages, free, size = (self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size"))
        return (pages - free) * size

    @property
    def begins_ms(self) -> int | None:
        """How far back positions are kept, ms."""
        return next((row[0] for row in self._read("SELECT min(t_ms) FROM past")), None)

    def track(self, mmsi: int, from_ms: int, to_ms: int) -> np.ndarray:
        """Kept positions of a vessel between two times, as rows of PAST."""
        return np.array(self._read("SELECT t_ms, mmsi, lon, lat, sog, cog, 0 FROM past WHERE mmsi = ? AND t_ms BETWEEN ? AND ?", mmsi, from_ms, to_ms), PAST)

    def exercise(self, mmsi: int | None = None) -> bool:
        """Whether a position that is kept, or one of this vessel, is of an exercise."""
        whose, values = ("", ()) if mmsi is None else ("mmsi = ? AND ", (mmsi,))
        return any(row[0] for row in self._read(f"SELECT EXISTS (SELECT 1 FROM past WHERE {whose}exercise)", *values))

    def _read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows; none where the file cannot be read: who looks at a vessel is shown what memory has."""
        with self._lock:
            try:
                return self._db.execute(sql, values).fetchall()
            except sqlite3.Error as fault:
                log.warning("console: what was remembered cannot be read: %s", fault)
                return []

    def known(self, kind: np.dtype[Any]) -> tuple[np.ndarray, list[tuple[int, Change]]]:
        """(static data of each vessel as rows of `kind`, sorted by MMSI; changes, oldest first): for a console that begins."""
        bodies = [body for (body,) in self._read("SELECT body FROM static ORDER BY mmsi")]
        newest = self._read("SELECT mmsi, body FROM change ORDER BY t_ms DESC LIMIT ?", ALL_MAX)
        changes = [(mmsi, msgspec.json.decode(body, type=Change)) for mmsi, body in reversed(newest)]
        return np.frombuffer(b"".join(bodies), kind).copy(), changes

    def exhibit(self, alert_id: str) -> dict[str, Any] | None:
        """The evidence of an alert as it was set aside; None where there is none, or it is damaged. Raises StoreError."""
        with self._lock:
            try:
                found = self._db.execute("SELECT body FROM exhibit WHERE alert_id = ?", (alert_id,)).fetchone()
            except sqlite3.Error as fault:
                raise StoreError(str(fault)) from fault
        try:
            return json.loads(zlib.decompress(found[0])) if found else None
        except (zlib.error, ValueError) as fault:
            log.error("console: the evidence that was set aside of alert %s is damaged: %s", alert_id, fault)
            return None

    def set_aside(self, alert_id: str, revision: int, t_ms: int, body: dict[str, Any], *, whole: bool) -> None:
        """Keep the evidence of an alert in place of what was set aside before. whole: nothing more is to come. Raises StoreError."""
        packed = zlib.compress(msgspec.json.encode(body), 1)
        with self._lock:
            try:
                self._db.execute("INSERT OR REPLACE INTO exhibit VALUES (?,?,?,?,?)", (alert_id, revision, whole, t_ms, packed))
            except sqlite3.Error as fault:
                raise StoreError(str(fault)) from fault

    def exhibits(self) -> dict[str, tuple[int, bool]]:
        """For which revision of which alert evidence is set aside, and whether it is whole."""
        return {alert_id: (revision, bool(whole)) for alert_id, revision, whole in self._read("SELECT alert_id, revision, whole FROM exhibit")}

    def close(self) -> None:
        """Write the rest, leave the file."""
        self.write()
        with self._lock:
            self._db.close()


def worth_keeping(last: np.ndarray, heard: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(rows to keep, the newest row of each vessel) out of new positions and the newest of each vessel before them."""
    rows = np.concatenate([last, *heard])
    new = np.arange(len(rows)) >= len(last)
    order = np.lexsort([rows["t_ms"], rows["mmsi"]])
    rows, new = rows[order], new[order]
    same = rows["mmsi"][1:] == rows["mmsi"][:-1]
    silent = same & (np.diff(rows["t_ms"]) >= SILENCE_MS)
    stays = same & (np.diff(rows["t_ms"] // SLOT_MS) == 0)
    kept = new.copy()
    kept[1:] &= ~stays
    kept[1:] |= silent
    kept[:-1] |= silent
    ends = np.ones(len(rows), bool)
    ends[:-1] = ~same
    return rows[kept], rows[ends]
