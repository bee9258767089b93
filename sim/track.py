"""Tracks: two plans read beside each other. May hold: what is measured on plans, for facts. May not: plans, noise, facts.

Measured with the kernel that the radio reads, so that a fact says what the ships really do, turns and all.
"""

from __future__ import annotations

import numpy as np

from dogwatch.geo import great_circle_m
from sim.motion import Plan, knot_rows, state_at


def apart_m(a: Plan, b: Plan, from_s: float, to_s: float, *, step_s: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """(float64[n] moments, float64[n] metres between two vessels) from one moment until before another, at which both are there."""
    one, other = knot_rows(a, 0), knot_rows(b, 0)
    moments = np.arange(from_s, to_s, step_s)
    metres = np.empty(len(moments))
    for i, t_ms in enumerate(np.rint(moments * 1000).astype(np.int64)):
        here, there = state_at(one, 0, len(one), t_ms), state_at(other, 0, len(other), t_ms)
        assert min(here[6], there[6]) >= 0, "asked outside a plan"
        metres[i] = great_circle_m(here[0], here[1], there[0], there[1])
    return moments, metres


def closest(a: Plan, b: Plan, from_s: float, to_s: float, *, step_s: float = 1.0) -> tuple[float, float]:
    """(moment, metres) of the closest point of approach."""
    moments, metres = apart_m(a, b, from_s, to_s, step_s=step_s)
    k = int(np.argmin(metres))
    return float(moments[k]), float(metres[k])
