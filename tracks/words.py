"""What crews say of themselves: a navigational status, counted per track. May hold: the record and the kernel that counts.

May not: judge what a status means (drift.py, aground.py), look at motion. One report with a rare status is a slip of the finger; two
within a while are a word. A word is over when nothing of it has been heard for that while. Several detectors look for rare rows: they are
picked out once for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import from_dtype, int64, types, uint32

from dogwatch.kernel import kernel
from tracks.pool import take
from tracks.records import ACCEPTED, FIX_TYPE, PLAIN, TAKEN_TYPE

if TYPE_CHECKING:
    from tracks.detector import Sight
    from tracks.episodes import Book
    from tracks.vessels import VesselTable

NAV_NUC, NAV_AGROUND = 2, 6
AIRCRAFT_REPORT = 9  # standard SAR aircraft position report, ITU-R M.1371-5, message 9

SAID = np.dtype([("at", "<u4")])  # number of its WORD in the pool
WORD = np.dtype([("first_ms", "<i8"), ("last_ms", "<i8"), ("reports", "u1")])
REPORTS_MAX = 255  # counted no further
_SAID, _WORD = from_dtype(SAID), from_dtype(WORD)


def rare(sight: Sight, fixes: np.ndarray) -> np.ndarray:
    """int64 rows, in order, that say "not under command" or "aground" or are of a rescue aircraft. Looked for once in a call of `see`."""
    if sight.rare is None or sight.rare[0] is not fixes:
        rows = np.empty(len(fixes), np.int64)
        sight.rare = fixes, rows[: _rare(fixes, rows)]
    return sight.rare[1]


def heard(sight: Sight, fixes: np.ndarray, taken: np.ndarray, name: str, nav: int, reports_min: int, forget_s: float) -> list[int]:
    """Note reports with a status (NAV_NUC or NAV_AGROUND) among the words of a detector; slots of the tracks that have now said it `reports_min` times."""
    rows = rare(sight, fixes)
    said = rows[(fixes["nav"][rows] == nav) & (taken["what"][rows] == ACCEPTED)] if len(rows) else rows
    if not len(said):
        return []
    rows, pool = sight.table.cold[name], sight.table.pools[name]
    found: list[int] = _note(fixes, taken, said, rows, pool.records, pool.numbers, (reports_min, round(forget_s * 1000))).tolist()
    return found


def word_of(table: VesselTable, name: str, slot: int) -> np.void:
    """What the crew of a track has said, as the detector of that name counts it; all zero: nothing of late."""
    word: np.void = table.pools[name].records[table.cold[name]["at"][slot]]
    return word


def forget(sight: Sight, name: str, after_s: float, book: Book) -> None:
    """Give back the words that were last said so long ago that they hold no more, but those of episodes."""
    table = sight.table
    slots = np.flatnonzero(table.cold[name]["at"][: len(table)])
    words = table.pools[name].records[table.cold[name]["at"][slots]]
    slots = slots[sight.tick_ms - words["last_ms"] > after_s * 1000.0]
    kept = np.isin(table.keys_of(slots), np.array(list(book.pages), np.int64))
    table.pools[name].give_back(table.cold[name], slots[~kept])


@kernel(int64(FIX_TYPE[::1], int64[::1]), **PLAIN)
def _rare(fixes, out):
    """Write the rows that say something rare; returns how many."""
    n = 0
    for i in range(fixes.shape[0]):
        nav = fixes[i]["nav"]
        if nav in (NAV_NUC, NAV_AGROUND) or fixes[i]["msg_type"] == AIRCRAFT_REPORT:
            out[n] = i
            n += 1
    return n


# Slow twin in tests/naive_motion.py.
@kernel(int64[::1](FIX_TYPE[::1], TAKEN_TYPE[::1], int64[::1], _SAID[::1], _WORD[::1], uint32[::1], types.UniTuple(int64, 2)))
def _note(fixes, taken, said, rows, words, numbers, limits):
    """Enter rows `said`; slots whose count has just reached the limit. limits: reports, ms after which a word is forgotten."""
    reached = np.empty(said.shape[0], np.int64)
    n = 0
    for k in range(said.shape[0]):
        slot, t = np.int64(taken[said[k]]["slot"]), fixes[said[k]]["t_ms"]
        if rows[slot]["at"] == 0:
            rows[slot]["at"] = take(numbers)
        word = words[rows[slot]["at"]]
        if word["reports"] == 0 or t - word["last_ms"] > limits[1]:
            word["first_ms"] = t
            word["reports"] = np.uint8(0)
        word["last_ms"] = t
        if word["reports"] < REPORTS_MAX:
            word["reports"] += np.uint8(1)
        if np.int64(word["reports"]) == limits[0]:
            reached[n] = slot
            n += 1
    return reached[:n]
