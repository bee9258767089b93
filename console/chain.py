"""The chain of the watch log: each entry carries the hash of the one before it. What an entry is, how one is hashed, where the chain breaks.

May live here: reading the log in order and judging it. May not: what entries mean, writing them (console/decisions.py).

Old entries may be purged. The entry that says so stands in the chain itself and names the number and the hash of the last one that went, so
the rest still hangs on it: a log that begins later than at 1 is whole only if such an entry says why. What a chain alone cannot show is an end
that was cut off: keep a head (number and hash of the last entry, as `dogwatch audit verify` prints it) elsewhere and give it back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import msgspec

from console.database import Store

LOG_NAMES = (
    "seq", "wall_ms", "event_ms", "station", "user", "role", "action", "alert_id", "state_from", "state_to", "reason", "request_key", "prev_hash",
)  # fmt: skip
LOG_COLUMNS = ", ".join(f'"{name}"' for name in (*LOG_NAMES, "hash"))
PURGE = "purge"  # the action of an entry that says which ones went before it
PAGE = 5_000  # entries read at once


class Verdict(msgspec.Struct, frozen=True):
    """What a walk found. `broken`: number of the first entry that does not fit, 0 = none; `why`; `entry`: what stands there now, if anything."""

    entries: int
    first: int
    last: int
    head: str
    broken: int = 0
    why: str = ""
    entry: dict[str, Any] | None = None


def walk(store: Store) -> Iterator[dict[str, Any]]:
    """Every entry, oldest first, without holding all of them. Raises StoreError."""
    seq = -1
    while rows := store.run(f"SELECT {LOG_COLUMNS} FROM log WHERE seq > ? ORDER BY seq LIMIT ?", (seq, PAGE)):
        yield from rows
        seq = rows[-1]["seq"]


def verify(store: Store, *, head: tuple[int, str] | None = None) -> Verdict:
    """Walk the whole chain. head: number and hash of an entry as they were once; its absence or another hash is a break. Raises StoreError."""
    count, first, last, previous = 0, 0, 0, ""
    begin: tuple[int, str] | None = None  # (number, hash) that the first entry hangs on, when it is not number 1
    purged: set[str] = set()
    for row in walk(store):
        if not count:
            first, begin = row["seq"], (row["seq"] - 1, row["prev_hash"]) if row["seq"] != 1 else None
        if why := _fault(row, last, previous, begin is not None and not count):
            wanted = last + 1 if count else 1
            return Verdict(count, first, last, previous, min(row["seq"], wanted), why, row)
        if row["action"] == PURGE:
            purged.add(row["state_to"])
        if head is not None and row["seq"] == head[0] and row["hash"] != head[1]:
            return Verdict(count, first, last, previous, row["seq"], "it is not the entry whose hash was kept: the log was written anew", row)
        count, last, previous = count + 1, row["seq"], row["hash"]
    if begin is not None and purge_words(*begin) not in purged:
        return Verdict(count, first, last, previous, 1, f"entries 1 to {begin[0]} are missing, and none says that they were purged")
    if head is not None and (head[0] > last or not count):
        return Verdict(count, first, last, previous, last + 1, f"entries {last + 1} to {head[0]} are missing: the end of the log was cut off")
    return Verdict(count, first, last, previous)


def purge_words(seq: int, last_hash: str) -> str:
    """What an entry about a purge says went: up to which number, and the hash of that one."""
    return f"purged to {seq} {last_hash}"


def entry_hash(row: tuple[object, ...]) -> str:
    """The hash of an entry: of its fields in the order of LOG_NAMES, the hash of the one before among them."""
    return hashlib.blake2b(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode(), digest_size=32).hexdigest()


def _fault(row: dict[str, Any], last: int, previous: str, begins_later: bool) -> str:
    """Why an entry does not follow on the one before; "" if it does."""
    if row["hash"] != entry_hash(tuple(row[name] for name in LOG_NAMES)):
        return "its content is not what its hash was made of"
    if begins_later:
        return ""
    if row["seq"] != last + 1:
        return f"entries {last + 1} to {row['seq'] - 1} are missing"
    if row["prev_hash"] != previous:
        return "it does not follow on the entry before, which was replaced"
    return ""
