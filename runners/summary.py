"""The summary of a run: `summary.json`. May hold: counting of finished results. May not: change them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from dogwatch import __version__
from dogwatch.alerts import Alert
from dogwatch.batch import T_MISSING, Counts
from dogwatch.events import Event
from dogwatch.times import iso
from runners.lane import Lane

STAMPS = ("tag", "pghp", "trailer", "prefix", "arrival")  # receive times: somebody wrote down when it came
STAND_INS = {"own_ship": "the own ship's clock", "base": "base stations"}


def summarise(
    counts: Counts,
    samples: dict[str, str],
    events: list[Event],
    alerts: list[Alert],
    *,
    fixes: int,
    vessels: int,
    track: dict[str, int],
    t_first_ms: int,
    t_last_ms: int,
    wall_s: float,
    cpu_s: float,
    exercise: bool,
    options: list[str],
    said: list[str],
) -> dict[str, Any]:
    """The document of house rules: line accounting, results by last version, time span, speed."""
    last_event = {event.event_id: event for event in events}
    last_alert = {alert.alert_id: alert for alert in alerts}
    shown = [event for event in last_event.values() if event.state in ("open", "closed")]
    messages = sum(counts.decoded.values())
    return {
        "dogwatch": __version__,
        "options": options,
        "lines": counts.lines,
        "glued": counts.glued,
        "blank": counts.blank,
        "other": _sorted(counts.other),
        "tag_only": counts.tag_only,
        "parts": counts.parts,
        "decoded": _sorted(counts.decoded),
        "rejected": _sorted(counts.rejected),
        "samples": samples,
        "open": counts.open,
        "notes": _sorted(counts.notes),
        "fixes": fixes,
        "track": _sorted(track),
        "vessels": vessels,
        "events": _sorted(Counter(event.type for event in shown)),
        "candidates": _sorted(Counter(event.type for event in last_event.values() if event.state == "candidate")),
        "retracted": _sorted(Counter(event.type for event in last_event.values() if event.state == "retracted")),
        "alerts": _sorted(Counter(alert.level for alert in last_alert.values() if alert.condition != "retracted")),
        "exercise": exercise,
        "input_notes": said,
        "t_first": None if t_first_ms == T_MISSING else iso(t_first_ms),
        "t_last": None if t_last_ms == T_MISSING else iso(t_last_ms),
        "seconds": round(wall_s, 3),
        "cpu_seconds": round(cpu_s, 3),
        "rates": {
            "lines_per_s": round(counts.lines / wall_s) if wall_s > 0 else 0,
            "messages_per_cpu_s": round(messages / cpu_s) if cpu_s > 0 else 0,
        },
    }


def time_notes(lanes: Iterable[Lane]) -> list[str]:
    """A sentence for each source whose messages have no receive time of their own: what was used instead, and what is left out.

    Tables are not asked: a row without a time is rejected there.
    """
    said = []
    for lane in lanes:
        notes, messages = lane.counts.notes, sum(lane.counts.decoded.values())
        if lane.table or not messages or any(notes.get(f"time_{kind}") for kind in STAMPS):
            continue
        without = int(notes.get("time_none", 0))
        used = [f"{words} ({notes[f'time_{kind}']:,} messages)" for kind, words in STAND_INS.items() if notes.get(f"time_{kind}")]
        if not used:
            said.append(f"{lane.source}: nothing in it tells the time: {messages:,} messages were decoded but cannot be placed in time; no tracks, no events")
        else:
            rest = f"; {without:,} messages before the first of them have no time and are left out" if without else ""
            said.append(f"{lane.source}: its lines have no receive time; the time is that of {' and '.join(used)}{rest}")
    return said


def _sorted(counter: dict[str, int]) -> dict[str, int]:
    return {key: counter[key] for key in sorted(counter, key=lambda k: (len(k), k) if k.isdigit() else (99, k))}
