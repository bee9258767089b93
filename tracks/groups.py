"""Groups: turns that belong together because they are near in place and in time. May hold: the rule of grouping. May not: what a group means.

Theory. Rows come in the order of their keys. The first that belongs to nobody begins a group, and each later one that belongs to nobody and is
near to *that* one joins it, while there is room. So the answer knows rows only, never who asked. Every pair may have to be looked at: a
compiled loop that asks the time first and the latitude second, so that few distances are measured.
"""

from __future__ import annotations

import numpy as np
from numba import float64, int64

from dogwatch.geo import M_PER_UNIT, distance_m
from dogwatch.kernel import kernel
from tracks.records import PLAIN


def groups(lat: np.ndarray, lon: np.ndarray, t_ms: np.ndarray, place_m: float, within_ms: float, members_max: int) -> list[list[int]]:
    """Row numbers of each group, groups in the order of their first rows. lat, lon: int[n] in units; t_ms: int[n].

    A row belongs to the first row of a group that is no farther from it than `place_m` metres and `within_ms`; at most `members_max` rows each.
    """
    number = np.empty(len(lat), np.int64)
    n = _number(lat.astype(np.int64), lon.astype(np.int64), t_ms.astype(np.int64), place_m, within_ms, members_max, number)
    order = np.argsort(number, kind="stable")
    return [part.tolist() for part in np.split(order, np.cumsum(np.bincount(number, minlength=n))[:-1])] if n else []


@kernel(int64(int64[::1], int64[::1], int64[::1], float64, float64, int64, int64[::1]), **PLAIN)
def _number(lat, lon, t_ms, place_m, within_ms, members_max, number):
    """Write the number of each row's group; returns how many groups. Slow twin in tests/naive_groups.py."""
    number[:] = -1
    sure = (place_m + 1.0) / M_PER_UNIT  # units of latitude that are too far, whatever the rounding
    n = 0
    for a in range(lat.shape[0]):
        if number[a] >= 0:
            continue
        number[a], members = n, 1
        for b in range(a + 1, lat.shape[0]):
            if members >= members_max:
                break
            if number[b] >= 0 or abs(t_ms[b] - t_ms[a]) > within_ms or abs(lat[b] - lat[a]) > sure:
                continue
            if distance_m(lat[a], lon[a], lat[b], lon[b]) <= place_m:
                number[b] = n
                members += 1
        n += 1
    return n
