"""What crews say of themselves: a navigational status, counted per track. May hold: the record and the kernel that counts.

May not: judge what a status means (drift.py, aground.py), look at motion. One report with a rare status is a slip of the finger; two
within a while are a word. A word is over when nothing of it has been heard for that while.
"""

from __future__ import annotations

import numpy as np
from numba import from_dtype, int64, njit, types

from tracks.records import ACCEPTED, FIX_TYPE, TAKEN_TYPE

WORD = np.dtype([("first_ms", "<i8"), ("last_ms", "<i8"), ("reports", "u1"), ("spare", "u1", (7,))])
REPORTS_MAX = 255  # counted no further
_WORD = from_dtype(WORD)


def heard(fixes: np.ndarray, taken: np.ndarray, words: np.ndarray, nav: int, reports_min: int, forget_s: float) -> list[int]:
    """Note reports with a status in `words` (WORD per slot); slots of the tracks that have now said it `reports_min` times."""
    said = np.flatnonzero((fixes["nav"] == nav) & (taken["what"] == ACCEPTED))
    if not len(said):
        return []
    found: list[int] = _note(fixes, taken, said, words, (reports_min, round(forget_s * 1000))).tolist()
    return found


# Slow twin in tests/naive_motion.py.
@njit(int64[::1](FIX_TYPE[::1], TAKEN_TYPE[::1], int64[::1], _WORD[::1], types.UniTuple(int64, 2)), cache=True)
def _note(fixes, taken, said, words, limits):
    """Enter rows `said`; slots whose count has just reached the limit. limits: reports, ms after which a word is forgotten."""
    reached = np.empty(said.shape[0], np.int64)
    n = 0
    for k in range(said.shape[0]):
        slot, t = np.int64(taken[said[k]]["slot"]), fixes[said[k]]["t_ms"]
        word = words[slot]
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
