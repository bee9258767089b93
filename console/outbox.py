"""What waits to be sent, on disk: a message that no address has taken yet outlives the program. May live here: that table. May not: sending, signing.

A message is in the file before `put` returns, so that a killed program loses none; the file is not forced to the disk (no alert waits for one),
so a power cut may cost the last ones. Where the file refuses, messages are sent from memory as ever and counted in `unsaved`. Thread-safe.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

from dogwatch.errors import InputError

BUSY_S = 0.2  # a second program that holds the file may cost an alert so much, no more
log = logging.getLogger("dogwatch.console")


class Outbox:
    """Messages by address. `path`: the file, None for memory. Raises InputError where it cannot be used at all."""

    def __init__(self, path: Path | None) -> None:
        self.unsaved = 0
        self._lock = threading.Lock()
        try:
            self._database = sqlite3.connect(str(path or ":memory:"), timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
                self._database.execute(f"PRAGMA {pragma}")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS message (seq INTEGER PRIMARY KEY, hook TEXT NOT NULL, delivery TEXT NOT NULL, urgent INTEGER NOT NULL,"
                " body BLOB NOT NULL, UNIQUE (hook, delivery)) STRICT"
            )
        except sqlite3.Error as fault:
            raise InputError(
                f"the webhooks that wait in {path} cannot be read: {fault}", remedy="move the file away; what waits in it is not sent then"
            ) from fault

    def put(self, hook: str, delivery: str, body: bytes, *, urgent: bool) -> None:
        """A message waits for an address."""
        self._run("INSERT OR REPLACE INTO message (hook, delivery, urgent, body) VALUES (?,?,?,?)", (hook, delivery, urgent, body))

    def gone(self, hook: str, delivery: str) -> None:
        """A message waits no longer: taken, given up or dropped."""
        self._run("DELETE FROM message WHERE hook=? AND delivery=?", (hook, delivery))

    def waiting(self, hook: str) -> list[tuple[bool, str, bytes]]:
        """What waits for an address from before, (urgent, delivery, body), urgent ones first, each kind in its order."""
        with self._lock:
            rows = self._database.execute("SELECT urgent, delivery, body FROM message WHERE hook=? ORDER BY urgent DESC, seq", (hook,)).fetchall()
        return [(bool(urgent), delivery, body) for urgent, delivery, body in rows]

    def keep_only(self, hooks: Iterable[str]) -> None:
        """Forget what waits for addresses that are configured no more."""
        names = list(hooks)
        self._run(f"DELETE FROM message WHERE hook NOT IN ({','.join('?' * len(names))})", tuple(names))

    def close(self) -> None:
        """Close the file; what waits stays in it."""
        with self._lock:
            self._database.close()

    def _run(self, sql: str, values: tuple[object, ...]) -> None:
        with self._lock:
            try:
                self._database.execute(sql, values)
            except sqlite3.Error as fault:
                self.unsaved += 1
                log.warning("webhooks: what waits is not on disk: %s", fault)
