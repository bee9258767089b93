"""Receivers: who listens, from where, and when not. May hold: their tables and rows. May not: who hears whom (radio)."""

from __future__ import annotations

import msgspec
import numpy as np

from dogwatch.batch import UNITS_PER_DEG

RECEIVER_DTYPE = np.dtype(
    [("lat", "<i4"), ("lon", "<i4"), ("antenna_m", "<f8"), ("heard_share_max", "<f8"), ("delay_least_ms", "<i8"), ("delay_most_ms", "<i8")]
)
OUTAGE_DTYPE = np.dtype([("receiver", "<i4"), ("from_ms", "<i8"), ("to_ms", "<i8")])


class Outage(msgspec.Struct, forbid_unknown_fields=True):
    """A receiver hears nothing between these moments."""

    from_s: float
    to_s: float


class Receiver(msgspec.Struct, forbid_unknown_fields=True):
    """A shore station. Its sentences carry the station name `EX-<id>`."""

    id: str
    lat_deg: float
    lon_deg: float
    antenna_m: float = 50.0
    heard_share_max: float = 0.98
    delay_ms: tuple[float, float] = (60.0, 700.0)
    outages: list[Outage] = []


def receiver_rows(receivers: list[Receiver]) -> np.ndarray:
    """RECEIVER_DTYPE rows of a scenario's receivers."""
    rows = [(round(r.lat_deg * UNITS_PER_DEG), round(r.lon_deg * UNITS_PER_DEG), r.antenna_m, r.heard_share_max, *map(round, r.delay_ms)) for r in receivers]
    return np.array(rows, RECEIVER_DTYPE)


def outage_rows(receivers: list[Receiver], t_start_ms: int) -> np.ndarray:
    """OUTAGE_DTYPE rows of a scenario's receivers."""
    rows = [(i, t_start_ms + round(o.from_s * 1000), t_start_ms + round(o.to_s * 1000)) for i, r in enumerate(receivers) for o in r.outages]
    return np.array(rows, OUTAGE_DTYPE)
