"""The key of a track, its MMSI and its ordinal in one number, and the key of two tracks. May hold: making a key, reading it. May not: anything else.

The two lowest bits are those of the ordinal, then comes the MMSI (below 2**30); the third bit of the ordinal lies above it, so that the keys of the
first four tracks of a number are what they were when there were no more, in states and in events.

Two such keys are longer than 64 bits. So the key of two counts the tracks that can be, N, and says i * N + j with i < j. Of that square only the
half above its diagonal is used; where i lies in the second half of N, both are counted from the end, which leads to the half below.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numba import int64, types, uint64

from dogwatch.kernel import kernel

ORDINAL_BITS = 2  # below the MMSI: the key of its first track is MMSI << ORDINAL_BITS
LOW, HIGH_BIT = (1 << ORDINAL_BITS) - 1, 32
MMSI_MASK = (1 << HIGH_BIT - ORDINAL_BITS) - 1
TRACKS_MAX = 8  # of one MMSI
SHIP_MMSI_MIN, SHIP_MMSI_MAX = 200_000_000, 799_999_999  # no others have tracks
TRACKS_COUNTED = (SHIP_MMSI_MAX + 1 - SHIP_MMSI_MIN) * TRACKS_MAX

Numbers = TypeVar("Numbers", int, np.ndarray)


def key_of(mmsi: Numbers, ordinal: Numbers) -> Numbers:
    """The key of a track, or int64[n] keys."""
    return mmsi << ORDINAL_BITS | ordinal & LOW | ordinal >> ORDINAL_BITS << HIGH_BIT


def mmsi_of(key: Numbers) -> Numbers:
    """The MMSI in a key, or in each."""
    return key >> ORDINAL_BITS & MMSI_MASK


def ordinal_of(key: Numbers) -> Numbers:
    """The number of a track within its MMSI, or of each."""
    return key & LOW | key >> HIGH_BIT << ORDINAL_BITS


@kernel(int64(int64, int64))
def make_key(mmsi, ordinal):
    """`key_of` for kernels."""
    return mmsi << ORDINAL_BITS | ordinal & LOW | ordinal >> ORDINAL_BITS << HIGH_BIT


@kernel(int64(int64))
def read_mmsi(key):
    """`mmsi_of` for kernels."""
    return key >> ORDINAL_BITS & MMSI_MASK


@kernel(int64(int64))
def _number_of(key):
    """Which of TRACKS_COUNTED a track is."""
    return (read_mmsi(key) - SHIP_MMSI_MIN) * TRACKS_MAX + (key & LOW | key >> HIGH_BIT << ORDINAL_BITS)


@kernel(int64(int64))
def _key_of_number(number):
    return make_key(number // TRACKS_MAX + SHIP_MMSI_MIN, number % TRACKS_MAX)


@kernel(uint64(int64, int64))
def make_pair(a, b):
    """The key of two tracks, in whatever order their keys are given."""
    one, other = _number_of(a), _number_of(b)
    i, j = min(one, other), max(one, other)
    if i >= TRACKS_COUNTED // 2:
        i, j = TRACKS_COUNTED - 1 - i, TRACKS_COUNTED - 1 - j
    return np.uint64(i) * np.uint64(TRACKS_COUNTED) + np.uint64(j)


@kernel(types.UniTuple(int64, 2)(uint64))
def read_pair(pair):
    """The keys of two tracks, the smaller first."""
    i, j = np.int64(pair // np.uint64(TRACKS_COUNTED)), np.int64(pair % np.uint64(TRACKS_COUNTED))
    if j < i:
        i, j = TRACKS_COUNTED - 1 - i, TRACKS_COUNTED - 1 - j
    a, b = _key_of_number(i), _key_of_number(j)
    return min(a, b), max(a, b)


def tracks_of(pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int64[n], int64[n]): the keys of the two tracks of n keys of two, the smaller first."""
    tracks = np.empty((2, len(pairs)), np.int64)
    _read_pairs(pairs, tracks)
    return tracks[0], tracks[1]


@kernel((uint64[:], int64[:, ::1]))
def _read_pairs(pairs, tracks):
    for k in range(pairs.shape[0]):
        tracks[0, k], tracks[1, k] = read_pair(pairs[k])
