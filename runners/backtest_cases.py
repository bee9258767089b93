"""What a back-test counts: cases from alert revisions, verdicts from labels, load, sweeps, differences. Pure functions over records.

May not: run the watch, read files, draw. One relaxed run (risk/ with the caution line far down) tells of every case how its score went; which cases
would have been told at any line is then arithmetic. A case that no label speaks of is neither right nor wrong: it is counted apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from dogwatch.alerts import Alert
from dogwatch.events import Event
from risk.profile import Profile
from risk.score import QUIET, level_of, milli, score_of_100
from sim.judge import OVERLAP_MIN, overlap, same_vessels
from sim.report import Share, Spread, spread, wilson

WINDOW_MS = 600_000  # EEMUA 191 counts alarms in ten minutes
FLOOD = 10  # new alerts in such a window: more than one person can take in
MOVED_MS = 600_000  # an alert that comes so much sooner or later has changed
NEAR_MILLI = 500  # so far below the line a case is worth a label
NEAR_MAX = 10
SWEEP_STEP_MILLI = 250


class Label(msgspec.Struct):
    """What a person or the simulator knows: these vessels, this time, this behaviour ('' = whatever it was), rightly told or not."""

    right: bool
    mmsi: list[int]
    t_start: int
    t_end: int | None  # None: until the data end
    type: str = ""
    alert_id: str = ""


class CaseRow(msgspec.Struct):
    """One case and how its score went: `steps` are (event time, score) of its revisions; scores without what never escalates."""

    alert_id: str
    mmsi: list[int]
    t_first: int
    t_last: int
    steps: list[tuple[int, int]]
    peak_milli: int
    headline: str
    lat: float | None
    lon: float | None
    event_ids: list[str]
    rules: list[str]
    verdict: str = "unlabelled"  # right, wrong, unlabelled
    labels: list[int] = []  # numbers of the right labels that it finds

    def told_ms(self, line_milli: int) -> int | None:
        """When it first stood at a line or above it."""
        return next((t_ms for t_ms, score in self.steps if score >= line_milli), None)


def case_rows(profile: Profile, alerts: Iterable[Alert], events: Iterable[Event]) -> list[CaseRow]:
    """Cases from the revisions of a relaxed run; `events`: all versions, in their order."""
    revisions: dict[str, list[Alert]] = {}
    for alert in alerts:
        if alert.kind == "risk":
            revisions.setdefault(alert.alert_id, []).append(alert)
    newest = {event.event_id: event for event in events if event.state in profile.states}
    return [_row(profile, told, newest) for _, told in sorted(revisions.items())]


def _row(profile: Profile, told: list[Alert], newest: dict[str, Event]) -> CaseRow:
    steps = [(alert.t_last, _loud(alert)) for alert in told]
    top = max(range(len(told)), key=lambda index: (steps[index][1], -index))
    peak = told[top]
    rules: dict[str, None] = {}
    for part in peak.contributions:
        if part.event_id in newest and part.points and (rule := profile.rule_for(newest[part.event_id])) is not None:
            rules[rule.name] = None
    return CaseRow(
        alert_id=peak.alert_id,
        mmsi=sorted({mmsi for alert in told for mmsi in alert.mmsi}),
        t_first=min(alert.t_first for alert in told),
        t_last=told[-1].t_last,
        steps=steps,
        peak_milli=steps[top][1],
        headline=peak.headline,
        lat=peak.lat,
        lon=peak.lon,
        event_ids=sorted({one for alert in told for one in alert.event_ids}),
        rules=list(rules),
    )


def _loud(alert: Alert) -> int:
    quiet = {f"{kind} {subtype}" for kind, subtype in QUIET}
    return alert.score_milli - sum(part.points for part in alert.contributions if part.name in quiet)


def give_verdicts(cases: list[CaseRow], labels: list[Label], events: Iterable[Event], end_ms: int) -> None:
    """Say of each case whether a label makes it right or wrong. Right: one of its events (or all of it) has the same vessels and half of the time."""
    last = {event.event_id: event for event in events}
    for case in cases:
        spans = [_span(last[one], end_ms) for one in case.event_ids if one in last and last[one].state in ("open", "closed")]
        whole = {"mmsi": case.mmsi, "t_start": case.t_first, "t_end": case.t_last, "type": ""}
        case.labels = [number for number, label in enumerate(labels) if label.right and _finds(case, [*spans, whole], label)]
        wrong = any(not label.right and _touches(case, label) for label in labels)
        case.verdict = "right" if case.labels else "wrong" if wrong else "unlabelled"


def _span(event: Event, end_ms: int) -> dict[str, Any]:
    return {"mmsi": event.mmsi, "t_start": event.t_start, "t_end": end_ms if event.t_end is None else event.t_end, "type": event.type}


def _finds(case: CaseRow, spans: list[dict[str, Any]], label: Label) -> bool:
    if label.alert_id and label.alert_id == case.alert_id:
        return True
    assert label.t_end is not None, "open labels end with the data"
    fact = {"t_start": label.t_start, "t_end": label.t_end}
    alike = (span for span in spans if span["type"] == label.type and same_vessels(span["mmsi"], label.mmsi))
    return any(overlap(span, fact) >= OVERLAP_MIN for span in alike)


def _touches(case: CaseRow, label: Label) -> bool:
    if label.alert_id and label.alert_id == case.alert_id:
        return True
    return bool(set(case.mmsi) & set(label.mmsi)) and label.t_start <= case.t_last and (label.t_end is None or case.t_first <= label.t_end)


class Accuracy(msgspec.Struct):
    """Of cases told at a line. `unlabelled` are in neither share; `delay_median`: 95 % interval of the median delay in seconds, None of fewer than six."""

    right: int
    wrong: int
    unlabelled: int
    precision: Share
    recall: Share
    delay: Spread
    delay_median: tuple[float, float] | None


def accuracy(profile: Profile, cases: list[CaseRow], labels: list[Label], line_milli: int) -> Accuracy:
    """Precision over labelled cases, recall over right labels of behaviours that the profile weighs, delay from their start to the alert."""
    asked = {number for number, label in enumerate(labels) if label.right and (not label.type or profile.could_count(label.type))}
    told = [(case, t_ms) for case in cases if (t_ms := case.told_ms(line_milli)) is not None]
    found: dict[int, int] = {}
    for case, t_ms in told:
        for number in asked.intersection(case.labels):
            found[number] = min(t_ms, found.get(number, t_ms))
    delays = [t_ms - labels[number].t_start for number, t_ms in found.items()]
    count = {verdict: sum(case.verdict == verdict for case, _ in told) for verdict in ("right", "wrong", "unlabelled")}
    return Accuracy(
        **count,
        precision=wilson(count["right"], count["right"] + count["wrong"]),
        recall=wilson(len(found), len(asked)),
        delay=spread(delays),
        delay_median=median_interval(delays),
    )


def median_interval(values_ms: list[int]) -> tuple[float, float] | None:
    """95 % interval of the median of milliseconds, in seconds, whatever their distribution: the order statistics that the binomial law names.

    None of fewer than six values: no pair of them holds the median so often. Source: Conover, Practical Nonparametric Statistics, 3.2.
    """
    values, n = sorted(values_ms), len(values_ms)
    below, rank = 0.5**n if n < 1000 else 0.0, 0
    if n >= 1000:  # the normal law serves there, and 0.5**n has no digits left
        rank = math.floor(n / 2 - 0.98 * math.sqrt(n))
    while n < 1000 and below <= 0.025:
        rank += 1
        below += math.comb(n, rank) * 0.5**n
    return (round(values[rank - 1] / 1000, 1), round(values[n - rank] / 1000, 1)) if rank >= 1 else None


class Load(msgspec.Struct):
    """How much a watch would have had to read."""

    alerts: int
    levels: dict[str, int]
    per_day_per_100_vessels: float
    per_operator_hour: float
    budget_per_operator_hour: float
    window_p95: float
    window_max: int
    windows_flooded: float
    top_10_vessels: float  # share of the alerts that are about them


def load(profile: Profile, cases: list[CaseRow], *, hours: float, vessels: int, t_first_ms: int) -> Load:
    """Alerts told at the profile's own line."""
    told = [(case, t_ms) for case in cases if (t_ms := case.told_ms(profile.levels.caution_milli)) is not None]
    windows = np.zeros(max(1, math.ceil(hours * 3_600_000 / WINDOW_MS) + 1), np.int64)
    np.add.at(windows, [min(len(windows) - 1, max(0, t_ms - t_first_ms) // WINDOW_MS) for _, t_ms in told], 1)
    levels = [level_of(profile.levels, case.peak_milli) or "" for case, _ in told]
    per_vessel: dict[int, int] = {}
    for case, _ in told:
        for mmsi in case.mmsi:
            per_vessel[mmsi] = per_vessel.get(mmsi, 0) + 1
    top = set(sorted(per_vessel, key=lambda mmsi: (-per_vessel[mmsi], mmsi))[:10])
    return Load(
        alerts=len(told),
        levels={level: levels.count(level) for level in ("caution", "warning", "alarm")},
        per_day_per_100_vessels=_rate(len(told), hours / 24 * vessels / 100),
        per_operator_hour=_rate(len(told), hours * profile.budget.operators),
        budget_per_operator_hour=profile.budget.alerts_per_operator_hour,
        window_p95=round(float(np.percentile(windows, 95)), 2),
        window_max=int(windows.max()),
        windows_flooded=round(float((windows > FLOOD).mean()), 4),
        top_10_vessels=_rate(sum(bool(top & set(case.mmsi)) for case, _ in told), len(told)),
    )


def _rate(count: float, by: float) -> float:
    return round(count / by, 4) if by else 0.0


class SweepRow(msgspec.Struct):
    """What another caution line would have given."""

    line_milli: int
    of_100: float
    current: bool
    alerts: int
    per_operator_hour: float
    accuracy: Accuracy


def sweep(profile: Profile, cases: list[CaseRow], labels: list[Label], hours: float) -> list[SweepRow]:
    """Caution lines from just above the base to the highest score that was reached, the profile's own among them."""
    current, floor = profile.levels.caution_milli, milli(profile.base) + SWEEP_STEP_MILLI
    top = max([case.peak_milli for case in cases] + [profile.levels.alarm_milli])
    peaks = np.sort(np.array([case.peak_milli for case in cases], np.int64))
    rows = []
    for line in sorted({*range(floor, top + 1, SWEEP_STEP_MILLI), current}):
        told = int(len(peaks) - np.searchsorted(peaks, line))
        told_rate = _rate(told, hours * profile.budget.operators)
        rows.append(SweepRow(line, score_of_100(line), line == current, told, told_rate, accuracy(profile, cases, labels, line)))
    return rows


def near_misses(profile: Profile, cases: list[CaseRow]) -> list[CaseRow]:
    """Cases just below the line, the nearest first: labels there say most about where the line should be."""
    line = profile.levels.caution_milli
    near = [case for case in cases if line - NEAR_MILLI <= case.peak_milli < line]
    return sorted(near, key=lambda case: (-case.peak_milli, case.alert_id))[:NEAR_MAX]


class RuleRow(msgspec.Struct):
    """What one rule brings: event versions that fit it, alerts in which it counts, alerts that no other rule adds to, and CPU time of its criteria."""

    name: str
    events: int
    alerts: int
    alone: int
    right: int
    wrong: int
    cpu_ms: float


def rule_rows(profile: Profile, cases: list[CaseRow], events: list[Event], cpu_ms: dict[str, float]) -> list[RuleRow]:
    """One row for each rule, in the order of the profile."""
    told = [case for case in cases if case.peak_milli >= profile.levels.caution_milli]
    fits: dict[str, int] = {}
    for event in events:
        if (rule := profile.rule_for(event)) is not None and event.type != "safety":
            fits[rule.name] = fits.get(rule.name, 0) + 1
    rows = []
    for rule in profile.rules:
        mine = [case for case in told if rule.name in case.rules]
        verdicts = [case.verdict for case in mine]
        alone = sum(case.rules == [rule.name] for case in mine)
        rows.append(RuleRow(rule.name, fits.get(rule.name, 0), len(mine), alone, verdicts.count("right"), verdicts.count("wrong"), cpu_ms.get(rule.name, 0.0)))
    return rows


class Change(msgspec.Struct):
    """A case of one side, of the other, or of both where level or time differ."""

    kind: str  # added, lost, changed
    now: CaseRow | None
    before: CaseRow | None
    text: str

    @property
    def case(self) -> CaseRow:
        """The case to show: as it would be, else as it was."""
        found = self.now or self.before
        assert found is not None, "a change is about a case"
        return found


def changes(new: Profile, now: list[CaseRow], old: Profile, before: list[CaseRow]) -> list[Change]:
    """What `new` tells and `old` does not, the other way round, and what both tell otherwise. The same case: shared events, else the same vessels and time."""
    told = [case for case in now if case.peak_milli >= new.levels.caution_milli]
    left = {case.alert_id: case for case in before if case.peak_milli >= old.levels.caution_milli}
    of_vessel: dict[int, list[str]] = {}
    for case in left.values():
        for mmsi in case.mmsi:
            of_vessel.setdefault(mmsi, []).append(case.alert_id)
    found = []
    for case in told:
        near = {name for mmsi in case.mmsi for name in of_vessel.get(mmsi, ()) if name in left}
        same = max((left[name] for name in near), key=lambda other: (_alike(case, other), other.alert_id), default=None)
        if same is None or _alike(case, same) == 0:
            found.append(Change("added", case, None, f"new, {level_of(new.levels, case.peak_milli)}"))
            continue
        del left[same.alert_id]
        if text := _difference(new, case, old, same):
            found.append(Change("changed", case, same, text))
    return found + [Change("lost", None, case, f"was {level_of(old.levels, case.peak_milli)}") for case in left.values()]


def _alike(case: CaseRow, other: CaseRow) -> float:
    shared = len(set(case.event_ids) & set(other.event_ids))
    together = min(case.t_last, other.t_last) - max(case.t_first, other.t_first)
    return shared or (0.5 if case.mmsi == other.mmsi and together >= 0 else 0)


def _difference(new: Profile, case: CaseRow, old: Profile, other: CaseRow) -> str:
    levels = level_of(old.levels, other.peak_milli), level_of(new.levels, case.peak_milli)
    times = other.told_ms(old.levels.caution_milli), case.told_ms(new.levels.caution_milli)
    assert times[0] is not None, "it was told"
    assert times[1] is not None, "it is told"
    texts = [f"{levels[0]} becomes {levels[1]}"] if levels[0] != levels[1] else []
    if abs(times[1] - times[0]) >= MOVED_MS:
        texts.append(f"{abs(times[1] - times[0]) // 60_000} min {'later' if times[1] > times[0] else 'sooner'}")
    return ", ".join(texts)
