"""Safety reports: a message of types 12 or 14, a distress device or a status 14, taken out of the stream at decode.

May live here: the row that the kernel writes of one, and the way from it to `dogwatch.batch.SafetyReport`.
May not: words that mean distress (safety.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dogwatch.batch import F_EXERCISE, SafetyReport

KINDS = ("beacon", "status14", "text")
BEACON, STATUS14, TEXT = range(3)
TEXT_MAX = 240  # characters: more than fit into a payload of the longest that is assembled

SAFETY_DTYPE = np.dtype(
    [
        ("t_ms", "<i8"),
        ("fixes_before", "<i8"),  # fixes its source had yielded: where it stands in arrival order
        ("mmsi", "<u4"),
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("flags", "<u4"),
        ("src", "<u2"),
        ("sog", "<u2"),
        ("msg_type", "u1"),
        ("nav", "u1"),
        ("kind", "u1"),  # index into KINDS
        ("damaged", "u1"),
        ("text", f"S{TEXT_MAX}"),
    ]
)


def safety_reports(rows: np.ndarray, receivers: Sequence[str]) -> list[SafetyReport]:
    """One report per row of SAFETY_DTYPE, in order; receivers[src] names who heard it."""
    return [
        SafetyReport(
            t_ms, mmsi, KINDS[kind], msg_type, text.decode("ascii"), lat, lon, nav, bool(damaged), receivers[src], bool(flags & F_EXERCISE), sog=sog,
            fixes_before=before,
        )
        for t_ms, before, mmsi, lat, lon, flags, src, sog, msg_type, nav, kind, damaged, text in rows.tolist()
    ]  # fmt: skip
