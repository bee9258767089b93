"""How much a room asks of its operators: the alarm-management figures of EEMUA 191 over what came up. Pure functions.

May live here: counts over event times. May not: alerts, databases, judgement of a single operator.

Source of the limits: EEMUA 191 as quoted by Nimmo: steady one per ten minutes, a flood is more than ten in ten minutes, priorities about
5/15/80 %. A mean misleads where load is uneven, so the distribution over ten-minute windows stands beside it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from console.decisions import Raised

WINDOW_MS, HOUR_MS, DAY_MS = 600_000, 3_600_000, 86_400_000
GOALS = {"per_hour": 5.0, "per_day": 120.0, "peak_hour": 15, "peak_minute": 2, "windows_over_10_percent": 1.0, "priorities_percent": [5, 15, 80]}
TOP = 10


def load(raised: list[Raised], log: list[dict[str, Any]], *, since_ms: int, until_ms: int, positions: int = 1) -> dict[str, Any]:
    """Figures per operator position between two event times; `log` rows of people give what each of them did.

    positions: how many people share the alerts evenly; every rate is divided by it.
    """
    span_ms = max(WINDOW_MS, until_ms - since_ms)
    times = np.array(sorted(one.event_ms for one in raised if since_ms <= one.event_ms < since_ms + span_ms), np.int64) - since_ms
    windows = np.bincount(times // WINDOW_MS, minlength=-(-span_ms // WINDOW_MS)) / positions
    levels = Counter(one.level for one in raised)
    count = max(1, len(raised))
    return {
        "alerts": len(raised),
        "positions": positions,
        "hours": round(span_ms / HOUR_MS, 2),
        "per_hour": round(len(raised) * HOUR_MS / span_ms / positions, 2),
        "per_day": round(len(raised) * DAY_MS / span_ms / positions, 1),
        "peak_minute": _peak(times, 60_000, positions),
        "peak_10_min": _peak(times, WINDOW_MS, positions),
        "peak_hour": _peak(times, HOUR_MS, positions),
        "windows_over_2_percent": round(100 * float((windows > 2).mean()), 2),
        "windows_over_10_percent": round(100 * float((windows > 10).mean()), 2),
        "levels_percent": {level: round(100 * levels[level] / count, 1) for level in ("emergency", "alarm", "warning", "caution")},
        "top_vessels": Counter(one.mmsi for one in raised).most_common(TOP),
        "top_rules": Counter(one.rule for one in raised).most_common(TOP),
        "operators": _operators([row for row in log if row["role"] != "system" and since_ms <= (row["event_ms"] or 0) < since_ms + span_ms], raised),
        "goals": GOALS,
    }


def _peak(times: np.ndarray, span_ms: int, positions: int) -> float:
    """The most in any span of this length, wherever it begins. times: sorted ms."""
    if not len(times):
        return 0.0
    return round(float((np.arange(len(times)) + 1 - np.searchsorted(times, times - span_ms, side="right")).max()) / positions, 2)


def _operators(log: list[dict[str, Any]], raised: list[Raised]) -> dict[str, dict[str, Any]]:
    """Per person: decisions, the most in ten minutes, and how old the alerts were when acknowledged (event time; half and 95 %)."""
    came = {one.alert_id: one.event_ms for one in raised}
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({row["user"] for row in log}):
        mine = [row for row in log if row["user"] == name]
        ages = [(row["event_ms"] - came[row["alert_id"]]) / 1000 for row in mine if row["action"] == "ack" and row["alert_id"] in came]
        times = np.array(sorted(row["event_ms"] for row in mine), np.int64)
        halves = np.percentile(ages, [50, 95]).round(1).tolist() if ages else [None, None]
        found[name] = {
            "decisions": dict(Counter(row["action"] for row in mine)),
            "peak_10_min": _peak(times, WINDOW_MS, 1),
            "ack_age_s_p50": halves[0],
            "ack_age_s_p95": halves[1],
        }
    return found
