"""One look at every row: which rows concern whom. May hold: the kernel that sorts rows out, and what it goes by. May not: keep anything, decide.

Theory. Nearly every fix goes on as the one before, and concerns no detector that looks for what is odd. To find that out costs each
of them a pass over rows that no nearer cache holds, so they share one: a row is read once, and its number is written down for those whom it may concern.
A pick is never too small (what is in it, its detector judges) and in order of rows. Detectors ask `Sight.picks`; rows of a minute that
come in several calls are looked at in several pieces, and picks know nothing of each other.
"""

from __future__ import annotations

import numpy as np
from numba import float64, int32, int64, types

from dogwatch.batch import F_FIX_STATE, SOG_MISSING
from dogwatch.kernel import kernel
from tracks.params import Params
from tracks.place_facts import SPEED_OFF, TURNED, disagreement
from tracks.records import ACCEPTED, BORN, FIX_TYPE, GOES_ON, MARK_DOUBT, MARK_TWIN, NO_POSITION, NOT_VESSEL, PLAIN, TAKEN_TYPE

DOUBTFUL = 0  # place_facts.py: disagrees with its motion, has jumped, has no place, or is of a track in doubt
PASSED = 1  # sudden_stop.py: goes on and passes one of its three speeds
STRANGE = 2  # identity.py: of a number that has no track
BEGUN = 3  # identity.py: with which a track begins
TWIN = 4  # hulls.py: of a track marked as a twin
PICKS = 5


class Picks:
    """Numbers of rows (int32, ascending) by whom they concern: `picks[DOUBTFUL]`."""

    __slots__ = ("_counts", "_rows", "taken")

    def __init__(self, fixes: np.ndarray, taken: np.ndarray, params: Params) -> None:
        stop = params.sudden_stop
        self.taken = taken
        self._rows, self._counts = np.empty((PICKS, len(taken)), np.int32), np.zeros(PICKS, np.int64)
        pick(fixes, taken, (stop.fast_kn, stop.stopped_kn, stop.resume_kn), self._rows, self._counts)

    def __getitem__(self, whom: int) -> np.ndarray:
        found: np.ndarray = self._rows[whom, : int(self._counts[whom])]
        return found


# Flat: one pass over every row. Slow twin: tests/test_tracks_look.py.
@kernel((FIX_TYPE[::1], TAKEN_TYPE[::1], types.UniTuple(float64, 3), int32[:, ::1], int64[::1]), **PLAIN)
def pick(fixes, taken, limits, out, counts):
    """Write the numbers of rows that concern each, and how many. limits in knots: sudden_stop.py's fast, stopped and resumed."""
    fast_kn, stopped_kn, resume_kn = limits
    n0 = n1 = n2 = n3 = n4 = 0
    for i in range(taken.shape[0]):
        told = taken[i]
        what = told["what"]
        if what != ACCEPTED:
            out[STRANGE, n2] = i
            n2 += what == NOT_VESSEL
            out[DOUBTFUL, n0] = i
            n0 += what == NO_POSITION
            continue
        fix = fixes[i]
        marks, how, sog = told["marks"], told["how"], np.int64(fix["sog"])
        goes_on = how == GOES_ON
        doubtful = not goes_on or (np.int64(fix["flags"]) & F_FIX_STATE) != 0 or (marks & MARK_DOUBT) != 0
        if not doubtful:
            place = np.int64(fix["lat"]), np.int64(fix["lon"]), np.int64(told["prev_lat"]), np.int64(told["prev_lon"])
            doubtful = disagreement(sog, np.int64(fix["cog"]), fix["t_ms"] - told["prev_t_ms"], *place) & (TURNED | SPEED_OFF) != 0
        out[DOUBTFUL, n0] = i
        n0 += doubtful
        now_kn, before_kn = sog / 10.0, np.float64(told["prev_speed_kn"])
        passed = (before_kn > fast_kn) != (now_kn > fast_kn) or (before_kn < stopped_kn) != (now_kn < stopped_kn)
        passed = passed or (before_kn < resume_kn) != (now_kn < resume_kn)
        out[PASSED, n1] = i
        n1 += passed and goes_on and sog != SOG_MISSING
        out[BEGUN, n3] = i
        n3 += how == BORN
        out[TWIN, n4] = i
        n4 += (marks & MARK_TWIN) != 0
    counts[0], counts[1], counts[2], counts[3], counts[4] = n0, n1, n2, n3, n4
