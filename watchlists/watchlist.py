"""A watchlist: its entries with name, version and period; made from the text of a file. May hold: that, and guessing the kind. May not: open files, match.

The version is a hash of the text, so that it changes with any change of the list and with nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from dogwatch.errors import ConfigError
from watchlists import ftm, ofac, opensanctions, plain
from watchlists.entry import FOR_EVER_MS, Entry
from watchlists.reading import Reading

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
Reader = Callable[..., None]
KINDS: dict[str, Reader] = {"opensanctions": opensanctions.read, "ofac": ofac.read, "ftm": ftm.read, "csv": plain.read}


@dataclass(frozen=True, slots=True)
class Watchlist:
    """One version of one list. Of versions of one `name` the one that began last is in force; after `until_ms` it is used on, but said to be old."""

    name: str
    kind: str
    version: str
    entries: tuple[Entry, ...]
    reading: Reading
    from_ms: int = -FOR_EVER_MS
    until_ms: int = FOR_EVER_MS
    file: str = ""
    steps_ms: tuple[int, ...] = field(default=(), repr=False)  # moments at which something of it begins or ends


def watchlist_of(text: str, *, name: str, kind: str = "auto", file: str, from_ms: int = -FOR_EVER_MS, until_ms: int = FOR_EVER_MS) -> Watchlist:
    """A list from text. Raises ConfigError for a text that is none of this kind, or that holds no entry at all."""
    kind = kind_of(text) if kind == "auto" else kind
    reading = Reading()
    KINDS[kind](text, reading, file=file)
    if not reading.entries:
        refused = ", ".join(f"{n} {reason}" for reason, n in sorted(reading.rejected.items())) or "no row"
        raise ConfigError(f"no vessel in this list ({refused})", file=file, line=1, remedy="an empty list would watch for nothing; check file and kind")
    entries = tuple(reading.entries.values())
    moments = {moment for entry in entries for moment in (entry.from_ms, entry.until_ms)} | {from_ms, until_ms}
    steps = tuple(sorted(moment for moment in moments if abs(moment) < FOR_EVER_MS))
    version = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return Watchlist(name, kind, version, entries, reading, from_ms, until_ms, file, steps)


def kind_of(text: str) -> str:
    """The kind of a list by its first line: 'ftm', 'opensanctions', 'ofac', else 'csv'."""
    head = text.lstrip("\ufeff \t\r\n")[:10_000].split("\n", 1)[0].lower()
    if head.startswith("{"):
        return "ftm"
    names = [part.strip(' "\r') for part in head.split(",")]
    if {"type", "caption", "imo", "id"} <= set(names):
        return "opensanctions"
    if "-0-" in head or {"col_f", "details"} <= set(names) or {"ent_num", "remarks"} <= set(names):
        return "ofac"
    return "csv"


def name_fault(name: str) -> str:
    """What is wrong with the name of a list, or ''."""
    return "" if NAME.fullmatch(name) else f"'{name}' is no name of a list"
