"""The key of a track: its MMSI and its ordinal in one number. May hold: making a key, reading it. May not: anything else.

The two lowest bits are those of the ordinal, then comes the MMSI (below 2**30); the third bit of the ordinal lies above it, so that the keys of the
first four tracks of a number are what they were when there were no more, in states and in events.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numba import int64

from dogwatch.kernel import kernel

ORDINAL_BITS = 2  # below the MMSI: the key of its first track is MMSI << ORDINAL_BITS
LOW, HIGH_BIT = (1 << ORDINAL_BITS) - 1, 32
MMSI_MASK = (1 << HIGH_BIT - ORDINAL_BITS) - 1
TRACKS_MAX = 8  # of one MMSI
PAIRED_MAX = 1 << ORDINAL_BITS  # of them, the first: two of their keys fit into 64 bits, and pairs know no others

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
