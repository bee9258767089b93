"""The watch log as a whole: taken out as a file, backed up, and relieved of what need not be kept any longer.

May live here: export, backup, purge. May not: the chain itself (console/chain.py), what entries mean, the words of the command line.

A purge takes whole days from the beginning of the log and says so in the log first; the chain of the rest stays verifiable. With the entries go
the decisions that no entry is left of. Users stay until they are removed.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from console.chain import LOG_NAMES, PURGE, Verdict, purge_words, verify, walk
from console.database import SqliteStore, Store
from console.decisions import Act, Decisions, Shelf
from console.dossier import safe
from dogwatch.errors import InputError
from dogwatch.times import iso

DAY_MS = 86_400_000
DAYS_MIN = 30  # younger than this an alert may still be open, and its load figures are asked for
COLUMNS = (*LOG_NAMES, "hash")


def export_lines(store: Store, form: str) -> Iterator[str]:
    """The log as lines of `ndjson` or `csv`, times beside their milliseconds in UTC; no cell of the CSV is a formula. Raises StoreError."""
    if form == "csv":
        yield _csv([*COLUMNS, "wall_time", "event_time"])
    for row in walk(store):
        told = {**{name: row[name] for name in COLUMNS}, "wall_time": iso(row["wall_ms"]), "event_time": iso(row["event_ms"])}
        yield _csv(list(told.values())) if form == "csv" else msgspec.json.encode(told).decode() + "\n"


def backup(store: Store, out: Path) -> Verdict:
    """A copy of the whole database as it is at one moment, beside consoles that go on writing; what a walk through the copy found.

    For the owner's eyes only: it holds what is stored of passwords. Raises InputError (PostgreSQL, the file is there), StoreError.
    """
    if not isinstance(store, SqliteStore):
        raise InputError("a PostgreSQL database is not copied by us", remedy="use pg_dump, and dogwatch audit verify on what you restore from it")
    if out.exists():
        raise InputError(f"{out} is there already", remedy="name a new file; an older backup is never written over")
    half = out.with_name(out.name + ".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        half.unlink(missing_ok=True)
        os.close(os.open(half, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        store.copy(half)
        with half.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(half, out)
    except OSError as fault:
        raise InputError(f"cannot write {out}: {fault}", remedy="name a folder with room that you may write to") from fault
    copied = SqliteStore(out)
    try:
        return verify(copied)
    finally:
        copied.close()


def purge(decisions: Decisions, *, now_ms: int, by: str, log_days: float | None, load_days: float | None, dry: bool = False) -> dict[str, int]:
    """Take away what is older than this many days (None = for good kept); how much went, by table. `dry`: only count. One transaction.

    log_days: entries of the log, with what was decided, by wall time. load_days: what the load figures count, by event time.
    Raises InputError (fewer than DAYS_MIN days), StoreError.
    """
    for days in (log_days, load_days):
        if days is not None and days < DAYS_MIN:
            raise InputError(f"{days:g} days are too few", remedy=f"keep {DAYS_MIN} at least")
    store = decisions.store
    with store.writing():
        gone = {"log": 0, "decisions": 0, "shelves": 0, "watches": 0, "raised": 0}
        if log_days is not None:
            gone |= _purge_log(decisions, round(now_ms - log_days * DAY_MS), now_ms, by, dry)
        if load_days is not None:
            gone["raised"] = _take(store, "raised", "event_ms < ?", (round(now_ms - load_days * DAY_MS),), dry)
    return gone


def _purge_log(decisions: Decisions, before_ms: int, now_ms: int, by: str, dry: bool) -> dict[str, int]:
    store = decisions.store
    young = store.run("SELECT min(seq) AS seq FROM log WHERE wall_ms >= ?", (before_ms,))[0]["seq"]
    old = store.run("SELECT seq, hash FROM log WHERE seq < ? ORDER BY seq DESC LIMIT 1", (young if young is not None else 2**62,))
    if not old:
        return {}
    upto = old[0]["seq"]
    count = store.run("SELECT count(*) AS n FROM log WHERE seq <= ?", (upto,))[0]["n"]
    lost = "alert_id NOT IN (SELECT alert_id FROM log WHERE seq > ?)"
    if not dry:
        words = f"{count} entries, all from before {iso(before_ms)}"
        decisions.note(Act(PURGE, by, "system", now_ms, None, reason=words), state_to=purge_words(upto, old[0]["hash"]))
        store.forget(upto)
    shelves = store.run("SELECT scope, body FROM shelf")
    over = [row["scope"] for row in shelves if msgspec.json.decode(row["body"], type=Shelf).until_ms < before_ms]
    return {
        "log": count,
        "decisions": _take(store, "decision", lost, (upto,), dry),
        "shelves": sum(_take(store, "shelf", "scope = ?", (scope,), dry) for scope in over),
        "watches": _take(store, "watch", "wall_ms < ? AND version < (SELECT max(version) FROM watch)", (before_ms,), dry),
    }


def _take(store: Store, table: str, which: str, values: tuple[Any, ...], dry: bool) -> int:
    count = int(store.run(f"SELECT count(*) AS n FROM {table} WHERE {which}", values)[0]["n"])
    if count and not dry:
        store.run(f"DELETE FROM {table} WHERE {which}", values)
    return count


def _csv(cells: list[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([safe(cell) for cell in cells])
    return out.getvalue()
