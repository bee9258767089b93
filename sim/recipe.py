"""The recipe of a sea: the command that makes a recording again, kept in its truth. May hold: that row and how it is read back. May not: files, processes.

A truth file begins with a row about the sea itself: type `system`, subtype `sea`, no vessels, from its start to its end, with the
command as its cause. It has the keys of every other row, and the judge, which judges no `system` rows, takes the command from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dogwatch.events import Event, event_id, to_plain

RULE, RULE_VERSION = "truth", "1"


def sea_row(command: str, t_start_ms: int, t_end_ms: int) -> dict[str, Any]:
    """The row about a whole sea, made by `command` (`dogwatch sim strait --seed 7`)."""
    event = Event(
        event_id=event_id("system", [command], t_start_ms, RULE, RULE_VERSION),
        version=1,
        state="closed",
        type="system",
        subtype="sea",
        subjects=[],
        mmsi=[],
        t_start=t_start_ms,
        t_end=t_end_ms,
        t_detected=t_end_ms,
        lat=None,
        lon=None,
        zones=[],
        measures={"duration_s": (t_end_ms - t_start_ms) / 1000},
        evidence=[],
        exclusions=[],
        confidence=1.0,
        rule=RULE,
        rule_version=RULE_VERSION,
        params_hash="",
        exercise=True,
    )
    return {**to_plain(event), "behaviour": "", "cause": command, "visible": True, "scored": False}


def command_of(truth: Iterable[Mapping[str, Any]]) -> str:
    """The command that made the sea of these truth rows; '' where no row tells."""
    return next((str(row.get("cause", "")) for row in truth if (row.get("type"), row.get("subtype")) == ("system", "sea")), "")
