"""Every case of some events, whatever its score: the relaxed run from which lines and thresholds are swept. May hold: that run, and the judged cases of it.

May not: read recordings, count (runners/backtest_cases.py), draw.
"""

from __future__ import annotations

import msgspec

from dogwatch.alerts import Alert
from dogwatch.events import Event
from risk.normality import Normality
from risk.profile import Profile
from risk.score import milli
from risk.step import RiskState, risk_step
from runners.backtest_cases import CaseRow, Label, case_rows, give_verdicts


def relaxed_alerts(profile: Profile, events: list[Event], normality: Normality | None = None) -> list[Alert]:
    """All revisions of all cases, whatever their score: the profile with its caution line just above the base. `events`: in the order of events.ndjson."""
    levels = msgspec.structs.replace(profile.levels, caution_milli=milli(profile.base) + 1)
    state = RiskState.new(msgspec.structs.replace(profile, levels=levels), normality)
    return risk_step(state, events, max((event.t_detected for event in events), default=0))


def judged_cases(profile: Profile, events: list[Event], alerts: list[Alert], labels: list[Label], end_ms: int) -> list[CaseRow]:
    """The cases of relaxed alerts with what the labels say of them. `end_ms`: end of the data (UTC), where open events end."""
    cases = case_rows(profile, alerts, events)
    give_verdicts(cases, labels, events, end_ms)
    return cases
