"""Screening: the lists of a run, which of them hold at a moment, and whom they hit. May hold: that. May not: remember a vessel (tracks/ does).

The same list may come in several versions, each with a period: then the one that began last is in force, by event time, so that a
replay finds what a watch would have found. A version whose period is over and that has no successor is used on and said to be old:
to forget a list because its renewal is late would be worse. Entries with a period of their own count within it only.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from watchlists.entry import Entry
from watchlists.hit import Hit, Vessel, judge, vessel_of
from watchlists.index import Columns, Index
from watchlists.values import sign_could_be, that_could_be
from watchlists.watchlist import Watchlist


@dataclass(slots=True)
class Force:
    """What is in force at a moment: a list of each name, its entries, their index. `stamp` changes with anything that could change a hit."""

    stamp: str
    lists: dict[str, Watchlist]
    old: frozenset[str]  # names whose period is over
    entries: list[tuple[str, Entry]]
    index: Index

    def screen(self, vessels: Columns) -> dict[int, dict[str, Hit]]:
        """row -> list name -> its best hit (ties: the entry that stands first), for the rows that have any."""
        vessels = Columns(*that_could_be(vessels.mmsi, vessels.imo), vessels.callsign, vessels.name, vessels.loa_m)
        found: dict[int, dict[str, Hit]] = {}
        row_before, vessel = -1, Vessel(0)
        for row, number in self.index.candidates(vessels):
            if row != row_before:
                row_before, vessel = row, Vessel(int(vessels.mmsi[row]), int(vessels.imo[row]), *texts_at(vessels, row), int(vessels.loa_m[row]))
            name, entry = self.entries[number]
            hit = judge(vessel, entry)
            if hit is not None:
                best = found.setdefault(row, {}).get(name)
                if best is None or hit.rank > best.rank:
                    found[row][name] = hit
        return found

    def hit(self, vessel: Vessel, name: str) -> Hit | None:
        """The best hit of one vessel on one list."""
        return self.screen(columns_of([vessel])).get(0, {}).get(name)


class Watchlists:
    """All lists of a run. Immutable but for a cache of what is in force; may be shared, by one caller at a time."""

    def __init__(self, lists: tuple[Watchlist, ...] = ()) -> None:
        self.lists = lists
        self.steps_ms = tuple(sorted({step for one in lists for step in one.steps_ms}))
        self._made: tuple[int, Force] | None = None

    def __bool__(self) -> bool:
        return bool(self.lists)

    @property
    def version(self) -> str:
        """16 hex digits that change with any list, name or period."""
        text = "|".join(f"{one.name}:{one.version}:{one.from_ms}:{one.until_ms}" for one in self.lists)
        return blake2b(text.encode("ascii"), digest_size=8).hexdigest()

    def in_force(self, t_ms: int) -> Force:
        """What holds at an event time (UTC ms)."""
        place = bisect_right(self.steps_ms, t_ms)
        if self._made is None or self._made[0] != place:
            self._made = (place, self._force(t_ms, place))
        return self._made[1]

    def _force(self, t_ms: int, place: int) -> Force:
        lists: dict[str, Watchlist] = {}
        for one in self.lists:
            if one.from_ms <= t_ms and (one.name not in lists or one.from_ms >= lists[one.name].from_ms):
                lists[one.name] = one
        lists = dict(sorted(lists.items()))
        entries = [(name, entry) for name, one in lists.items() for entry in one.entries if entry.holds_at(t_ms)]
        old = frozenset(name for name, one in lists.items() if one.until_ms <= t_ms)
        return Force(f"{self.version}:{place}", lists, old, entries, Index.of([entry for _, entry in entries]))


def columns_of(vessels: list[Vessel]) -> Columns:
    """Vessels as columns."""
    return Columns(
        np.array([one.mmsi for one in vessels], np.int64),
        np.array([one.imo for one in vessels], np.int64),
        np.array([one.callsign.encode("ascii", "replace") for one in vessels], "S8"),
        np.array([one.name.encode("ascii", "replace") for one in vessels], "S40"),
        np.array([one.loa_m for one in vessels], np.int64),
    )


def vessel_at(vessels: Columns, row: int) -> Vessel:
    """One row as a vessel, without what can be nobody's."""
    return vessel_of(int(vessels.mmsi[row]), int(vessels.imo[row]), *texts_at(vessels, row), int(vessels.loa_m[row]))


def texts_at(vessels: Columns, row: int) -> tuple[str, str]:
    """(call sign, name) of one row: the call sign as lists write it, or '' for one that can be nobody's."""
    callsign, name = (bytes(column[row]).decode("ascii", "replace").strip(" @\0") for column in (vessels.callsign, vessels.name))
    return sign_could_be(callsign), name
