"""Delays of one source: how late its reports come and how wrong its stamps are, as counts per bucket. May not: clocks, labels, rows.

Lag: arrival minus event time, what `lateness_s` has to cover. Clock error: arrival minus the stamp that came with the
sentence; a steady error is a wrong clock (theirs or ours), a growing one a queue upstream. Live sources and captures only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dogwatch.batch import T_MISSING, T_SRC_PGHP, T_SRC_PREFIX, T_SRC_TAG, T_SRC_TRAILER

BOUNDS_S = (-3600.0, -60.0, -10.0, -2.0, 0.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 3600.0, 10_800.0)  # upper bounds, inclusive
STAMPED = (T_SRC_TAG, T_SRC_PGHP, T_SRC_TRAILER, T_SRC_PREFIX)  # times that travelled with the sentence
_BOUNDS_MS = np.array([round(bound * 1000) for bound in BOUNDS_S], np.int64)


@dataclass(slots=True)
class Delays:
    """Rows per bucket since the start: int64[len(BOUNDS_S) + 1], the last beyond every bound."""

    lag: np.ndarray = field(default_factory=lambda: np.zeros(len(BOUNDS_S) + 1, np.int64))
    clock_error: np.ndarray = field(default_factory=lambda: np.zeros(len(BOUNDS_S) + 1, np.int64))

    def add(self, fixes: np.ndarray, t_rx_ms: int | np.ndarray) -> None:
        """Count rows that arrived at `t_rx_ms` (UTC; one time, or one of each row)."""
        self.lag += _per_bucket(lag_ms(fixes, t_rx_ms))
        self.clock_error += _per_bucket(clock_error_ms(fixes, t_rx_ms))


def lag_ms(fixes: np.ndarray, t_rx_ms: int | np.ndarray) -> np.ndarray:
    """int64: arrival minus event time of the rows that have one."""
    return (t_rx_ms - fixes["t_ms"])[fixes["t_ms"] != T_MISSING]


def clock_error_ms(fixes: np.ndarray, t_rx_ms: int | np.ndarray) -> np.ndarray:
    """int64: arrival minus stamp of the rows whose time came with the sentence."""
    return (t_rx_ms - fixes["t_rx_ms"])[np.isin(fixes["t_src"], STAMPED)]


def _per_bucket(ms: np.ndarray) -> np.ndarray:
    return np.bincount(np.searchsorted(_BOUNDS_MS, ms), minlength=len(_BOUNDS_MS) + 1)
