"""What the replay of one alert is made of: tracks, receivers and traffic around its time, beside the record itself.

May live here: which span is shown and in what steps. May not: keeping positions (console/history.py), HTTP, any judgement.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from console.history import MINUTE_MS, History
from dogwatch.times import from_iso, iso

BEFORE_MS, AFTER_MS = 30 * MINUTE_MS, 10 * MINUTE_MS
SPAN_MAX_MS = 26 * 60 * MINUTE_MS  # a longer story is shown from its end backwards
STEPS = 120  # intervals of the counts below the time bar, each at least a minute
OTHERS_M = 18_520.0  # ten miles: whoever is heard so near tells that the place is covered
VESSELS_MAX = 20


def evidence(record: dict[str, Any], history: History, then: dict[str, Any] | None = None) -> dict[str, Any]:
    """The alert `record` with what was heard from 30 min before its start to 10 min after its end.

    `tracks`: one per vessel of the alert (columns `t_ms, lat, lon, sog_kn, cog_deg`); `receivers` and `others` (vessels heard within
    10 miles): counts per `step_ms` from `from_ms` on. `known_from_ms` is where the console's memory begins: nothing before it was kept.
    `then` (of `Board.then`): what was known when it came up, with `alert`, `event_ms` and the `tracks` of that moment; None where unknown.
    """
    first, last = from_iso(record["t_first"]), from_iso(record["t_last"])
    assert first is not None, "every alert has a beginning"
    assert last is not None, "and a latest time"
    to_ms = last + AFTER_MS
    from_ms = max(first - BEFORE_MS, to_ms - SPAN_MAX_MS) // MINUTE_MS * MINUTE_MS
    step_ms = max(1, -(-(to_ms - from_ms) // (STEPS * MINUTE_MS))) * MINUTE_MS
    edges = np.arange(from_ms, to_ms + step_ms, step_ms, dtype=np.int64)
    mmsi = subjects_of(record)
    tracks = history.tracks(mmsi, from_ms, to_ms)
    placed = record["lat"] is not None and record["lon"] is not None
    return {
        "alert": record,
        "from": iso(from_ms),
        "from_ms": from_ms,
        "to_ms": to_ms,
        "first_ms": first,
        "last_ms": last,
        "step_ms": step_ms,
        "known_from_ms": history.begins_ms,
        "tracks": tracks,
        "then": then and {"alert": then["alert"], "event_ms": then["event_ms"], "tracks": history.tracks(mmsi, from_ms, to_ms, before=then["positions"])},
        "receivers": history.receivers(edges),
        "others": history.others(record["lat"], record["lon"], OTHERS_M, edges, mmsi) if placed else None,
    }


def subjects_of(record: dict[str, Any]) -> list[int]:
    """MMSI of the vessels of an alert, at most VESSELS_MAX, ascending."""
    return sorted({*record["mmsi"], *(one["mmsi"] for one in record["subjects"])})[:VESSELS_MAX]
