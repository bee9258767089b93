"""Receivers: who listens, from where, when not, and how what they hear travels on. May hold: their tables and rows.

May not: orbits (satellite), who hears whom (reception).
"""

from __future__ import annotations

import msgspec
import numpy as np

from dogwatch.batch import UNITS_PER_DEG

RECEIVER_DTYPE = np.dtype(
    [
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("antenna_m", "<f8"),
        ("heard_share_max", "<f8"),
        ("delay_least_ms", "<i8"),
        ("delay_most_ms", "<i8"),
        ("clock_ms", "<i8"),  # added to its stamps
        ("relay_ms", "<i8"),  # 0: everything it hears is passed on
        ("orbit", "<i4"),  # index of a satellite, or ASHORE
    ]
)
OUTAGE_DTYPE = np.dtype([("receiver", "<i4"), ("from_ms", "<i8"), ("to_ms", "<i8")])
ASHORE = -1


class Outage(msgspec.Struct, forbid_unknown_fields=True):
    """A receiver hears nothing between these moments."""

    from_s: float
    to_s: float


class Receiver(msgspec.Struct, forbid_unknown_fields=True):
    """A shore station. Its sentences carry the station name `EX-<id>`.

    `clock_offset_s` is added to its stamps. With `relay_every_s` its messages go through an aggregator, which passes on of each vessel at most
    one position in that time, and one copy of each static message, whoever of its stations heard it; distress is always passed on.
    """

    id: str
    lat_deg: float
    lon_deg: float
    antenna_m: float = 50.0
    heard_share_max: float = 0.98
    delay_ms: tuple[float, float] = (60.0, 700.0)
    clock_offset_s: float = 0.0
    relay_every_s: float = 0.0
    outages: list[Outage] = []


def receiver_rows(receivers: list[Receiver]) -> np.ndarray:
    """RECEIVER_DTYPE rows of a scenario's receivers."""
    rows = np.zeros(len(receivers), RECEIVER_DTYPE)
    for row, r in zip(rows, receivers):
        row["lat"], row["lon"] = round(r.lat_deg * UNITS_PER_DEG), round(r.lon_deg * UNITS_PER_DEG)
        row["antenna_m"], row["heard_share_max"] = r.antenna_m, r.heard_share_max
        row["delay_least_ms"], row["delay_most_ms"] = map(round, r.delay_ms)
        row["clock_ms"], row["relay_ms"], row["orbit"] = round(r.clock_offset_s * 1000), round(r.relay_every_s * 1000), ASHORE
    return rows


def outage_rows(receivers: list[Receiver], t_start_ms: int) -> np.ndarray:
    """OUTAGE_DTYPE rows of a scenario's receivers."""
    rows = [(i, t_start_ms + round(o.from_s * 1000), t_start_ms + round(o.to_s * 1000)) for i, r in enumerate(receivers) for o in r.outages]
    return np.array(rows, OUTAGE_DTYPE)
