"""The records of a track: what is kept of every vessel, byte by byte. May hold: dtypes, their constants. May not: code that fills them.

A *track* is one hypothesis of one MMSI: usually the vessel itself, sometimes one of several hulls that send one number
(tracks/association.py). A track has a slot; every array of the table (tracks/vessels.py) has one row under that number.

HOT is what an ordinary fix touches, MORE what only slow paths and ticks read: 64 bytes each, one cache line. TRAIL is the
short history that several detectors share: the first accepted fix of each 150 s, 40 minutes long. TAKEN tells the
detectors, row by row, which track a fix was given to and where that track was before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype

from dogwatch.batch import FIX_DTYPE

RECENT = 3  # contents remembered for duplicates
TRAIL_MS = 150_000  # a quarter of the 10-minute bucket on which slowness is judged
TRAIL_FIXES = 16
MINUTE_MS = 60_000
BUCKET_MS = 600_000

HOT = np.dtype(
    [
        ("t_ms", "<i8"),  # last accepted position, or T_MISSING
        ("rx", "<u8"),  # receivers that heard it since the last 5-minute tick
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("mmsi", "<u4"),
        ("speed_kn", "<f4"),  # SOG, or derived where SOG is missing; -1 unknown, and for a track not yet believed
        ("reports", "<u4"),  # accepted positions
        ("recent", "<u4", (RECENT,)),  # hashes of the last contents
        ("cog", "<u2"),
        ("hdg", "<u2"),
        ("recent_s", "<u2", (RECENT,)),  # and their times, in seconds modulo 2**16
        ("nav", "u1"),
        ("class_b", "u1"),
        ("turn", "u1"),  # next place in `recent`
        ("marks", "u1"),  # MARK_* bits that detectors set, to find "their" tracks among the fixes
        ("sisters", "u1"),  # head of a chain only: 0 no other tracks of this MMSI, 1 + steps that it may make before they are looked at (association.py)
        ("trail_slot", "u1"),  # low bits of the number of the 150 s slot last written to the trail
    ]
)
MORE = np.dtype(
    [
        ("birth_ms", "<i8"),
        ("geo_lat", "<i4"),  # where the geography values below were asked, or LAT_MISSING
        ("geo_lon", "<i4"),
        ("coast_nm", "<f4"),
        ("watch_nm", "<f4"),
        ("typical_kn", "<f4"),  # slowly fading maximum of its own 10-minute speeds
        ("next", "<i4"),  # slot + 1 of the next track of the same MMSI, 0 at the end
        ("rx_before", "<u8"),  # receivers that heard it in the last full 5 minutes in which any did
        ("loa_m", "<u2"),  # 0 unknown
        ("segment", "<u2"),  # times re-acquired after a jump
        ("draught_dm", "<u2"),  # 0 unknown
        ("beam_m", "u1"),  # 0 unknown
        ("ship_type", "u1"),
        ("masked", "u1"),
        ("watched", "u1"),  # inside a watched zone: 0 not asked, 1 yes, 2 no
        ("ordinal", "u1"),  # number of the track within its MMSI
        ("belief", "u1"),  # DEAD, TENTATIVE, SHADOW, BELIEVED or BESIDE
        ("turns", "u1"),  # shadow: how often the reports have changed to and fro; beside: how often both were heard in one second
        ("trouble", "u1"),  # TROUBLE_* bits: what is wrong with its place
        ("trouble_min", "<u2"),  # since when, in minutes modulo 2**16
        ("was_lat", "<i4"),  # where it was before
        ("was_lon", "<i4"),
    ]
)
STATICS = np.dtype([("t_ms", "<i8"), ("imo", "<u4"), ("name", "S20"), ("callsign", "S7"), ("destination", "S20")])
TRAIL = np.dtype([("t", "<u4"), ("lat", "<i4"), ("lon", "<i4"), ("sog", "<u2"), ("hdg", "<u2")])  # lat is LAT_MISSING in an empty place
TAKEN = np.dtype(
    [
        ("prev_t_ms", "<i8"),  # accepted position of the track before this row, T_MISSING if there was none
        ("prev_lat", "<i4"),
        ("prev_lon", "<i4"),
        ("slot", "<i4"),  # -1: no track
        ("prev_speed_kn", "<f4"),  # -1 unknown
        ("prev_cog", "<u2"),
        ("prev_hdg", "<u2"),
        ("what", "u1"),  # ACCEPTED, or why not
        ("how", "u1"),  # GOES_ON, BORN, JUMPED or RETURNED (accepted rows)
        ("marks", "u1"),  # of the track, before this minute's tick
        ("late", "u1"),  # came after the watermark had passed it
    ]
)
assert (HOT.itemsize, MORE.itemsize) == (64, 64)

DEAD, TENTATIVE, SHADOW, BELIEVED, BESIDE = range(5)  # belief in a track
GOES_ON, BORN, JUMPED, RETURNED = range(4)  # how a fix continues its track
(ACCEPTED, DUPLICATE, LATE_USED, LATE, NOT_VESSEL, NO_POSITION, COARSE, SAME_TIME, QUARANTINED, TABLE_FULL) = range(10)
COUNTERS = ("accepted", "duplicate_30s", "late_used", "late", "not_vessel", "no_position", "coarse", "same_time", "quarantined", "table_full")
SLOTS, SLOTS_MAX, LAST_ROW = 10, 11, 12  # further cells: slots in use, their limit, event time of the newest row
CELLS = 13
MARK_SILENT = 1  # dark.py: an episode of silence is open
TROUBLE_JUMPED, TROUBLE_LOST, TROUBLE_BEYOND = 1, 2, 4
MARK_CLASSES = 128  # association.py: has sent as class A and as class B since the mark was taken off (numbers.py)
MARK_DOUBT = 2  # position.py: its place is in doubt, every fix is looked at
MARK_MASKED = 4  # vessels.py: inside a mask; the same as `masked` of MORE, for sweeps that read HOT alone
MARK_ELSEWHERE = 8  # position.py: it has jumped away, or is beyond reach of all that hear it: its place teaches nothing (ears.py)
MARK_TWIN = 16  # hulls.py: another hull sends its number, the turns of their reports are counted

FIX_TYPE, HOT_TYPE, MORE_TYPE, TRAIL_TYPE, TAKEN_TYPE = (from_dtype(dtype) for dtype in (FIX_DTYPE, HOT, MORE, TRAIL, TAKEN))

# How kernels are compiled that allocate nothing: without Numba's runtime there is no counting of references to arrays, which costs an
# atomic operation for each array at each call of a sub-function. A test looks for such counting in the machine code of the hot ones.
PLAIN: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
