"""Other weights and lines over the events of a back-test that is over: what they would tell, without another replay. May hold: the events kept, the answer.

May not: replay, check texts, serve. What detectors find depends on their own thresholds and on zones alone; all else of a profile is scored anew
from the same events, as a back-test of that text does it. So an answer is what a back-test would say, and other thresholds of detectors have none.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from dogwatch.errors import InputError
from dogwatch.events import Event
from risk.normality import Normality
from risk.profile import Profile
from runners.backtest_cases import CaseRow, changes
from runners.backtest_relaxed import judged_cases, relaxed_alerts
from runners.ledger import replace_file
from runners.step import stamped

EVENTS_MAX = 20_000  # versions of events; more take longer than somebody waits who moves a slider
EVENTS = "events.msgpack"  # file beside the result


class Kept(msgspec.Struct):
    """What a back-test leaves: events in the order of events.ndjson, hash of the detectors' thresholds, hours of data, their end (UTC ms)."""

    events: list[Event]
    params_hash: str
    hours: float
    end_ms: int


def keep(folder: Path, events: Iterable[Event], params_hash: str, data: dict[str, Any]) -> None:
    """Leave the events beside the result of a back-test. `data`: what the result says of the recordings."""
    kept = Kept([event.whole() for event in events], params_hash, data["hours"], data["t_last_ms"])
    if len(kept.events) <= EVENTS_MAX:
        replace_file(folder / EVENTS, msgspec.msgpack.encode(kept))


class Resweep:
    """The events of one back-test, and what the text that was tested tells of them."""

    def __init__(self, folder: Path, tested: Profile, normality: Normality | None) -> None:
        """Raises InputError where a back-test kept none."""
        path = folder / EVENTS
        if not path.is_file():
            raise InputError(f"this back-test kept no events, or more than {EVENTS_MAX}", remedy="run a back-test of this text")
        try:
            self._kept = msgspec.msgpack.decode(path.read_bytes(), type=Kept)
        except msgspec.MsgspecError as fault:
            raise InputError(f"the events of this back-test cannot be read: {fault}", remedy="run a back-test of this text") from fault
        self._tested, self._normality = tested, normality
        self._before = self._cases(tested)

    def told(self, profile: Profile, params_hash: str) -> dict[str, Any]:
        """`alerts` of another profile, `per_day` beside `tested_per_day`, and how many are `kept`, `lost`, `added`. Raises InputError for other detectors."""
        if params_hash != self._kept.params_hash:
            raise InputError("what detectors look for is not as it was tested", remedy="run a back-test of this text")
        cases = self._cases(profile)
        kinds = [change.kind for change in changes(profile, cases, self._tested, self._before)]
        alerts, before = _told(profile, cases), _told(self._tested, self._before)
        days = self._kept.hours / 24
        return {
            "alerts": alerts,
            "per_day": round(alerts / days, 2),
            "tested_per_day": round(before / days, 2),
            "kept": alerts - kinds.count("added"),
            **{kind: kinds.count(kind) for kind in ("lost", "added")},
        }

    def _cases(self, profile: Profile) -> list[CaseRow]:
        events = self._kept.events
        stamped(events, profile.content_hash)
        return judged_cases(profile, events, relaxed_alerts(profile, events, self._normality), [], self._kept.end_ms)


def _told(profile: Profile, cases: list[CaseRow]) -> int:
    return sum(case.peak_milli >= profile.levels.caution_milli for case in cases)
