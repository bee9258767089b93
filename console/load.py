"""How much a room asks of its operators: the alarm-management figures of EEMUA 191 over what came up. Pure functions.

May live here: counts over event times. May not: alerts, databases, judgement of a single operator.

A desk is whoever signs there. An alert is of the desk that took it up first, or that it was assigned to; what nobody took up is of none. Its hours are
those between its first and last entry in the log, one at least: who came for two hours of eight is not told a quarter of the load.

Source of the limits: EEMUA 191 as quoted by Nimmo: steady one per ten minutes, a flood is more than ten in ten minutes, priorities about
5/15/80 %. Days: EEMUA 120, IEC 62682:2014 144, ISA-18.2:2009 150 (dropped in 2016). A mean misleads where load is uneven, so the distribution over
ten-minute windows stands beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from console.decisions import Raised

WINDOW_MS, HOUR_MS, DAY_MS = 600_000, 3_600_000, 86_400_000
PER_DAY = {"EEMUA 191": 120.0, "IEC 62682:2014": 144.0, "ISA-18.2:2009": 150.0}  # the lines by which a day is read
TAKES_UP = ("ack", "own", "assign", "dispose", "shelve", "end_rescue")
GIVEN = re.compile(r"owner ([^,]+)")  # in what the log says an alert was made by an order
ENDED = ("unack", "return")  # entries of the system: what a desk had settled is open again
GOALS = {"per_hour": 5.0, "per_day": 120.0, "peak_hour": 15, "peak_minute": 2, "windows_over_10_percent": 1.0, "priorities_percent": [5, 15, 80]}
TOP = 10


class Open(NamedTuple):
    """An alert of the queue now: when it began (UTC ms), who owns it ("": nobody), whether it is acknowledged."""

    t_first: int
    owner: str
    acked: bool


def load(raised: list[Raised], log: list[dict[str, Any]], *, since_ms: int, until_ms: int, positions: int = 1, queue: Sequence[Open] = ()) -> dict[str, Any]:
    """Figures per operator position between two event times, and for each desk; `log` says what each of them did, `queue` what waits now.

    positions: how many people share the alerts evenly; every rate is divided by it, but those of desks.
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
        "waiting": _waiting([one for one in queue if not one.acked], until_ms),
        "operators": _desks([row for row in log if since_ms <= (row["event_ms"] or 0) < since_ms + span_ms], raised, queue, until_ms),
        "goals": GOALS | {"lines_per_day": PER_DAY},
    }


def _waiting(queue: Sequence[Open], now_ms: int) -> dict[str, Any]:
    """How many alerts wait to be acknowledged, and since when (event time; half and 95 %)."""
    return {"alerts": len(queue), **_halves("age_s", [(now_ms - one.t_first) / 1000 for one in queue])}


def _halves(name: str, seconds: list[float]) -> dict[str, float | None]:
    halves = np.percentile(seconds, [50, 95]).round(1).tolist() if seconds else [None, None]
    return {f"{name}_p50": halves[0], f"{name}_p95": halves[1]}


def _peak(times: np.ndarray, span_ms: int, positions: int) -> float:
    """The most in any span of this length, wherever it begins. times: sorted ms."""
    if not len(times):
        return 0.0
    return round(float((np.arange(len(times)) + 1 - np.searchsorted(times, times - span_ms, side="right")).max()) / positions, 2)


def _desks(log: list[dict[str, Any]], raised: list[Raised], queue: Sequence[Open], now_ms: int) -> dict[str, dict[str, Any]]:
    """Per desk: what it did, what it took up at what rate, how old alerts were when it acknowledged them, how often that did not hold, what it owns."""
    came, people = {one.alert_id: one.event_ms for one in raised}, [row for row in log if row["role"] != "system"]
    whose = _whose(people)
    found: dict[str, dict[str, Any]] = {}
    for name in sorted({*(row["user"] for row in people), *whose.values(), *(one.owner for one in queue)} - {""}):
        mine = [row for row in people if row["user"] == name]
        acted = np.array(sorted(row["event_ms"] for row in mine), np.int64)
        hours = max(1.0, float(np.ptp(acted)) / HOUR_MS) if len(acted) else 1.0
        times = np.array(sorted(came[one] for one, desk in whose.items() if desk == name and one in came), np.int64)
        ages = [(row["event_ms"] - came[row["alert_id"]]) / 1000 for row in mine if row["action"] == "ack" and row["alert_id"] in came]
        owned = [one for one in queue if one.owner == name]
        found[name] = {
            "decisions": dict(Counter(row["action"] for row in mine)),
            "peak_10_min": _peak(acted, WINDOW_MS, 1),
            **_halves("ack_age_s", ages),
            "hours": round(hours, 2),
            "alerts": len(times),
            "alerts_per_hour": round(len(times) / hours, 2),
            "alerts_peak_10_min": _peak(times, WINDOW_MS, 1),
            "alerts_peak_hour": _peak(times, HOUR_MS, 1),
            "escalations": sum(row["action"] in ENDED and row["role"] == "system" and whose.get(row["alert_id"]) == name for row in log),
            "owns": len(owned),
            "waiting": _waiting([one for one in owned if not one.acked], now_ms),
        }
    return found


def _whose(people: list[dict[str, Any]]) -> dict[str, str]:
    """The desk of each alert that a person has taken up; who is given one has it from then on."""
    found: dict[str, str] = {}
    for row in people:
        if row["action"] == "assign" and (given := GIVEN.search(row["state_to"])):
            found[row["alert_id"]] = given.group(1)
        elif row["action"] in TAKES_UP:
            found.setdefault(row["alert_id"], row["user"])
    return found
