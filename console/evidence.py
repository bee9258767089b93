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
    from_ms, to_ms = span_of(first, last)
    from_ms = from_ms // MINUTE_MS * MINUTE_MS
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


def together(now: dict[str, Any], held: dict[str, Any]) -> dict[str, Any]:
    """The evidence as it is known `now` with what was set aside of it earlier (`held`): a track has the positions of both, an interval the larger count.

    Both count the same hours, so where one has less it has forgotten, or did not listen. What was known then was known first by what was held first.
    """
    before = {track["mmsi"]: track for track in held["tracks"]}
    tracks = [_joined(track, before[track["mmsi"]]) if track["mmsi"] in before else track for track in now["tracks"]]
    steps = len(now["others"] or ()) or max((len(one["positions"]) for one in now["receivers"]), default=0)
    steps = steps or -(-(now["to_ms"] - now["from_ms"]) // now["step_ms"])
    counts = {one["receiver"]: one["positions"] for one in now["receivers"]}
    for one in held["receivers"]:
        counts[one["receiver"]] = _larger(counts.get(one["receiver"], [0] * steps), _shifted(one["positions"], held, now, steps))
    others = held["others"] and _shifted(held["others"], held, now, steps)
    known = [one["known_from_ms"] for one in (now, held) if one["known_from_ms"] is not None]
    return {
        **now,
        "known_from_ms": min(known, default=None),
        "tracks": tracks,
        "then": held["then"] or now["then"],
        "receivers": [{"receiver": name, "positions": positions} for name, positions in counts.items()],
        "others": _larger(now["others"], others) if now["others"] and others else now["others"] or others,
    }


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Two tracks of one vessel as one, by time; a moment that both have is taken once."""
    columns = [name for name in one if name not in ("mmsi", "positions")]
    rows = {row[0]: row for track in (other, one) for row in zip(*(track[name] for name in columns), strict=True)}
    cells = zip(*(rows[t_ms] for t_ms in sorted(rows)), strict=True) if rows else ([] for _ in columns)
    return {
        "mmsi": one["mmsi"],
        "positions": max(len(rows), one["positions"], other["positions"]),
        **{name: list(cell) for name, cell in zip(columns, cells, strict=True)},
    }


def _shifted(counts: list[int], held: dict[str, Any], now: dict[str, Any], steps: int) -> list[int]:
    """Counts per interval of one division of time, told in another: each goes where it began."""
    found = [0] * steps
    for i, n in enumerate(counts):
        slot = (held["from_ms"] + i * held["step_ms"] - now["from_ms"]) // now["step_ms"]
        if 0 <= slot < steps:
            found[slot] += n
    return found


def _larger(one: list[int], other: list[int]) -> list[int]:
    return [max(pair) for pair in zip(one, other, strict=True)]


def span_of(first_ms: int, last_ms: int) -> tuple[int, int]:
    """From when to when what belongs to an alert is looked for."""
    to_ms = last_ms + AFTER_MS
    return max(first_ms - BEFORE_MS, to_ms - SPAN_MAX_MS), to_ms


def subjects_of(record: dict[str, Any]) -> list[int]:
    """MMSI of the vessels of an alert, at most VESSELS_MAX, ascending."""
    return sorted({*record["mmsi"], *(one["mmsi"] for one in record["subjects"])})[:VESSELS_MAX]
