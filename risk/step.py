"""Events in, alerts out: the memory of risk/ and its one step. May live here: newest versions, case names, revisions.

May not: points, words, grouping (their own files), clocks. The step takes events one by one in their order; what it
says about a case is worked out anew from the events that live at that moment, so that nothing has to be undone. How
events are cut into calls does not matter: even forgetting follows the detection times of the events.

Life of an alert: raised once its case reaches `caution`; revised when something that a person would see has changed;
`cleared` when all its behaviours are over (or it fell below the level); `retracted` when no event is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from dogwatch.alerts import Alert, Condition, alert_id, alert_order, marked
from dogwatch.errors import InputError
from dogwatch.events import Event, Subject
from dogwatch.late import place_of
from risk.cases import HOUR_MS, STANDING, Case, Record, belong_together, group, takes
from risk.explain import base_contribution, contributions, counterfactual_text, explanation, headline, innocent
from risk.normality import Normality
from risk.profile import LIVE_STATES, NEVER_SCORED, CaseLimits, Profile
from risk.score import Card, assess, counterfactual, milli, score_of_100
from risk.words import plain_reason

CORRECTIONS_H = 24  # late data may correct an event for a day; then a case whose span is over is forgotten
HOLD_OPEN_H = 720  # a case with an open event that nobody updated for 30 days
UNRAISED_MAX = 100_000  # about 100 MB; the oldest are forgotten first


@dataclass(slots=True)
class RiskState:
    """Newest event versions, the alerts last given, and counters; `homes` and `cases` follow from the records."""

    profile: Profile
    profile_hash: str
    records: dict[str, Record] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    hour: int = -(1 << 40)  # event-time hour of the last forgetting
    unraised: int = 0
    by_vessel: dict[int, set[str]] = field(default_factory=dict)  # raised events
    cases: dict[str, tuple[str, ...]] = field(default_factory=dict)  # alert id -> event ids
    homes: dict[str, str] = field(default_factory=dict)  # event id -> alert id
    normality: Normality | None = None  # of the run, no part of the state

    @classmethod
    def new(cls, profile: Profile, normality: Normality | None = None) -> RiskState:
        """A state that has seen nothing."""
        return cls(profile, profile.content_hash, normality=normality)

    def to_sections(self) -> dict[str, Any]:
        """Plain sections for dogwatch.blob; equal states give equal bytes."""
        return {
            "profile": self.profile.name,
            "records": [[msgspec.to_builtins(r.event.whole()), r.raised_ms, r.live] for _, r in sorted(self.records.items())],
            "alerts": [msgspec.to_builtins(alert) for _, alert in sorted(self.alerts.items())],
            "counters": sorted(self.counters.items()),
            "hour": self.hour,
        }

    @classmethod
    def from_sections(cls, sections: dict[str, Any], profile: Profile, normality: Normality | None = None) -> RiskState:
        """The state that `to_sections` described. A changed profile of the same name judges each case anew at its next event.

        Raises InputError for a state of another profile.
        """
        if sections["profile"] != profile.name:
            raise InputError(
                f"the saved state is of profile '{sections['profile']}', not '{profile.name}'", remedy="use that profile, or start without --resume"
            )
        state = cls(profile, profile.content_hash, counters=dict(sections["counters"]), hour=sections["hour"], normality=normality)
        for plain, raised_ms, live in sections["records"]:
            event = msgspec.convert(plain, Event)
            state.records[event.event_id] = Record(event, raised_ms, live and profile.rule_for(event) is not None)
        state.alerts = {alert.alert_id: alert for alert in (msgspec.convert(plain, Alert) for plain in sections["alerts"])}
        state.unraised = sum(record.raised_ms is None for record in state.records.values())
        raised = [record for record in state.records.values() if record.raised_ms is not None]
        for record in raised:
            _index(state, record.event)
        _adopt(state, {_case_id(profile, case): case for case in group(raised, profile.case)})
        return state


def risk_step(state: RiskState, events: list[Event], watermark_ms: int) -> list[Alert]:
    """New and revised alerts, sorted by (t_last, alert_id, revision). `state` is changed, the events are not.

    Events come in the order of events.ndjson (t_detected, event_id, version); other orders and repetitions are borne and
    end in the same alerts. `watermark_ms` (UTC) only lets finished cases be forgotten: no event detected before it will come.
    """
    alerts: list[Alert] = []
    for event in events:
        _forget(state, event.t_detected)
        alerts += _take(state, event)
    _forget(state, watermark_ms)
    return sorted(alerts, key=alert_order)


def _take(state: RiskState, event: Event) -> list[Alert]:
    """Take one event version and revise the cases that it touches."""
    if event.type == NEVER_SCORED or not state.profile.could_count(event.type):
        _count(state, "not_scored")
        return []
    known = state.records.get(event.event_id)
    if not _remember(state, event):
        return []
    before, cases = _regroup(state, state.records[event.event_id], known)
    changed = [name for name, case in cases.items() if state.cases.get(name) != _ids(case) or event.event_id in _ids(case)]
    alerts = [_dissolved(state, name, cases, event) for name in sorted(before - set(cases))]
    for name in before:
        del state.cases[name]
    _adopt(state, cases)
    alerts += [_revise(state, name, cases[name], event) for name in sorted(changed)]
    if event.type in STANDING:
        alerts += [_revise(state, name, _case(state, name), event) for name in sorted(_borrowers(state, event))]
    return [alert for alert in alerts if alert is not None]


def _remember(state: RiskState, event: Event) -> bool:
    """Keep the newest version and the first raising. False if nothing that counts can have changed."""
    live = event.state in state.profile.states and state.profile.rule_for(event) is not None
    known = state.records.get(event.event_id)
    newer = known is None or event.version > known.event.version
    _count(state, "taken" if newer else "stale")
    raised_ms = None if known is None else known.raised_ms
    if live and (raised_ms is None or event.t_detected < raised_ms):
        raised_ms = event.t_detected
    if not newer and known is not None:
        if raised_ms == known.raised_ms:
            return False
        event, live = known.event, known.live
    state.unraised += (raised_ms is None) - (known is not None and known.raised_ms is None)
    state.records[event.event_id] = Record(event if live else place_of(event), raised_ms, live)  # what does not live needs no evidence
    if raised_ms is not None:
        _index(state, event)
    elif state.unraised > UNRAISED_MAX:
        _forget_unraised(state)
    return raised_ms is not None


def _regroup(state: RiskState, record: Record, known: Record | None) -> tuple[set[str], dict[str, Case]]:
    """(names of the cases as they were, the cases as they are now), of all cases that this record's change can touch.

    The result is that of `group` over all records. Two short cuts keep it quick where one vessel after the other meets
    the next: a new version that stands to its neighbours as the old one did changes no case; and a newcomer that is the
    last in canonical order, with no gone neighbour, can only join one case or begin one.
    """
    limits, name = state.profile.case, record.event.event_id
    neighbours = [state.records[one] for one in {one for mmsi in record.event.mmsi for one in state.by_vessel[mmsi]} - {name}]
    if known is not None and known.raised_ms is not None:
        if _stands_as_before(record, known, neighbours, limits):
            return {state.homes[name]}, {state.homes[name]: _case(state, state.homes[name])}
    elif record.live and all(one.live for one in neighbours):
        near = [_case(state, home) for home in {state.homes[one.event.event_id] for one in neighbours}]
        if all(member.order < record.order for case in near for member in case.members):
            near.sort(key=lambda case: case.live[0].order)
            joined = next((case for case in near if takes(case, record, limits)), Case())
            before = {_case_id(state.profile, joined)} if joined.live else set()
            joined.live.append(record)
            return before, {_case_id(state.profile, joined): joined}
    members = _component(state, record.event)
    found = {state.homes[one.event.event_id] for one in members if one.event.event_id in state.homes}
    return found, {_case_id(state.profile, case): case for case in group(members, limits)}


def _stands_as_before(record: Record, known: Record, neighbours: list[Record], limits: CaseLimits) -> bool:
    """Whether nothing that `group` looks at has changed with a new version."""
    if (record.raised_ms, record.live, record.event.t_start) != (known.raised_ms, known.live, known.event.t_start):
        return False
    return all(belong_together(one.event, record.event, limits) == belong_together(one.event, known.event, limits) for one in neighbours)


def _case(state: RiskState, name: str) -> Case:
    records = [state.records[one] for one in state.cases[name]]
    return Case([record for record in records if record.live], [record for record in records if not record.live])


def _component(state: RiskState, event: Event) -> list[Record]:
    """All raised events that are tied to this one through shared vessels: beyond them no case can change."""
    found: dict[str, Record] = {}
    vessels, seen = list(event.mmsi), set(event.mmsi)
    while vessels:
        for name in state.by_vessel.get(vessels.pop(), ()):
            if name not in found:
                found[name] = state.records[name]
                fresh = [mmsi for mmsi in found[name].event.mmsi if mmsi not in seen]
                seen.update(fresh)
                vessels += fresh
    return list(found.values())


def _borrowers(state: RiskState, event: Event) -> set[str]:
    """Names of the living cases to which a standing event is lent."""
    near = [state.records[one] for mmsi in event.mmsi for one in state.by_vessel.get(mmsi, ())]
    return {state.homes[one.event.event_id] for one in near if one.live and one.event.type not in STANDING and one.event.exercise == event.exercise}


def _lent(state: RiskState, live: list[Event]) -> list[Event]:
    """Standing events of the vessels of a case, which has none of its own."""
    if any(event.type in STANDING for event in live):
        return []
    names = {one for event in live for mmsi in event.mmsi for one in state.by_vessel.get(mmsi, ())}
    records = [state.records[name] for name in sorted(names)]
    return [one.event for one in records if one.live and one.event.type in STANDING and one.event.exercise == live[0].exercise]


def _revise(state: RiskState, name: str, case: Case, cause: Event) -> Alert | None:
    """The next revision of a case's alert, if there is one to give."""
    last = state.alerts.get(name)
    live = [record.event for record in case.live]
    lent = _lent(state, live) if live else []
    as_of_ms = max((event.t_detected for event in live), default=0)
    card = assess(state.profile, live + lent, as_of_ms=as_of_ms, normality=state.normality) if live else None
    if last is None and (card is None or card.level is None):
        return None
    alert = _ended(state, last, cause) if card is None else _compose(state, name, case, card, cause, last, lent)
    if alert is None or (last is not None and _visible(alert) == _visible(last)):
        return None
    state.alerts[name] = alert
    return alert


def _compose(state: RiskState, name: str, case: Case, card: Card, cause: Event, last: Alert | None, lent: list[Event]) -> Alert:
    profile, live = state.profile, [record.event for record in case.live]
    own = {event.event_id for event in live}
    lines = sorted(card.lines, key=lambda line: line.event.event_id not in own)  # what happened goes before who it is
    lead = lines[0].event
    decisive = counterfactual(profile, live + lent, card, max(event.t_detected for event in live), state.normality)
    reason, condition = _condition(card, live)
    exercise = cause.exercise or any(event.exercise for event in live)
    return Alert(
        alert_id=name,
        revision=1 if last is None else last.revision + 1,
        kind="risk",
        condition=condition,
        level=card.level or "caution",
        score=score_of_100(card.score_milli),
        score_milli=card.score_milli,
        contributions=contributions(profile, card),
        event_ids=[event.event_id for event in sorted(live + lent, key=lambda event: (event.t_start, event.event_id))],
        mmsi=sorted({mmsi for event in live for mmsi in event.mmsi}),
        subjects=_subjects(live),
        t_first=min(event.t_start for event in live),
        t_last=cause.t_detected if last is None else max(cause.t_detected, last.t_last),
        lat=lead.lat,
        lon=lead.lon,
        headline=headline(lines, exercise=exercise),
        explanation=explanation(profile, card, sorted(case.gone, key=lambda record: record.order)),
        innocent=innocent(lines),
        counterfactual=counterfactual_text(card, decisive),
        profile=profile.name,
        profile_hash=state.profile_hash,
        exercise=exercise,
        reason=reason,
    )


def _condition(card: Card, live: list[Event]) -> tuple[str, Condition]:
    if card.level is None:
        return "the score fell below the alert level", "cleared"
    if any(event.state == "open" for event in live):
        return "", "active"
    return "all behaviours of the case have ended", "cleared"


def _ended(state: RiskState, last: Alert | None, cause: Event) -> Alert | None:
    """The revision that says: no event is left. Who, where and when stay, so that the watch knows what was withdrawn."""
    if last is None or last.condition == "retracted":
        return None
    return _withdrawn(state, last, cause, _why_gone(cause))


def _dissolved(state: RiskState, name: str, cases: dict[str, Case], cause: Event) -> Alert | None:
    """The last revision of a case whose events now belong to another one."""
    last = state.alerts.get(name)
    if last is None or last.condition == "retracted":
        return None
    hosts = sorted(host for host, case in cases.items() if set(_ids(case)) & set(state.cases.get(name, ())))
    alert = _withdrawn(state, last, cause, "its events are now part of alert " + ", ".join(hosts) if cause.state in LIVE_STATES else _why_gone(cause))
    state.alerts[name] = alert
    return alert


def _why_gone(cause: Event) -> str:
    return plain_reason(cause.reason) or "the observation no longer holds"


def _withdrawn(state: RiskState, last: Alert, cause: Event, reason: str) -> Alert:
    base = milli(state.profile.base)
    return msgspec.structs.replace(
        last,
        revision=last.revision + 1,
        condition="retracted",
        score=score_of_100(base),
        score_milli=base,
        contributions=[base_contribution(base)],
        t_last=max(cause.t_detected, last.t_last),
        headline=marked(last.headline, exercise=cause.exercise),
        exercise=last.exercise or cause.exercise,
        explanation=f"Withdrawn: {reason}. Nothing of it is left in any score.",
        innocent=[],
        counterfactual="",
        reason=reason,
    )


def _visible(alert: Alert) -> Alert:
    """What a person sees of a revision: everything but its number and its time."""
    return msgspec.structs.replace(alert, revision=0, t_last=0)


def _subjects(live: list[Event]) -> list[Subject]:
    """Each vessel once, as the newest event that knew it described it."""
    newest: dict[str, Subject] = {}
    for event in sorted(live, key=lambda event: (event.t_detected, event.event_id)):
        newest.update({subject.key: msgspec.structs.replace(subject, role="") for subject in event.subjects})
    return [newest[key] for key in sorted(newest)]


def _case_id(profile: Profile, case: Case) -> str:
    anchor = case.anchor.event
    return alert_id(profile.name, anchor.mmsi, anchor.event_id)


def _ids(case: Case) -> tuple[str, ...]:
    return tuple(record.event.event_id for record in case.members)


def _adopt(state: RiskState, cases: dict[str, Case]) -> None:
    for name, case in cases.items():
        state.cases[name] = _ids(case)
        state.homes.update(dict.fromkeys(state.cases[name], name))


def _index(state: RiskState, event: Event) -> None:
    for mmsi in event.mmsi:
        state.by_vessel.setdefault(mmsi, set()).add(event.event_id)


def _count(state: RiskState, name: str) -> None:
    state.counters[name] = state.counters.get(name, 0) + 1


def _forget(state: RiskState, t_ms: int) -> None:
    """Once per event-time hour: drop finished cases and events that were never raised. Whole cases only, so that no other case moves."""
    hour = t_ms // HOUR_MS
    if hour <= state.hour:
        return
    state.hour = hour
    hold_h = state.profile.case.span_h + CORRECTIONS_H
    for name in [name for name, ids in state.cases.items() if all(_is_over(state.records[one], hour, hold_h) for one in ids)]:
        for one in state.cases.pop(name):
            _drop(state, one)
        state.alerts.pop(name, None)
        _count(state, "cases_forgotten")
    for name in [name for name, alert in state.alerts.items() if name not in state.cases and alert.t_last < (hour - hold_h) * HOUR_MS]:
        del state.alerts[name]
    for one in [one for one, record in state.records.items() if record.raised_ms is None and record.event.t_detected < (hour - CORRECTIONS_H) * HOUR_MS]:
        _drop(state, one)


def _is_over(record: Record, hour: int, hold_h: float) -> bool:
    held_h = HOLD_OPEN_H if record.event.state == "open" else hold_h
    return record.event.t_detected < (hour - held_h) * HOUR_MS


def _forget_unraised(state: RiskState) -> None:
    """Over the limit: the oldest tenth goes, counted."""
    oldest = sorted((r.event.t_detected, one) for one, r in state.records.items() if r.raised_ms is None)
    for _, one in oldest[: UNRAISED_MAX // 10]:
        _drop(state, one)
        _count(state, "unraised_dropped")


def _drop(state: RiskState, name: str) -> None:
    record = state.records.pop(name)
    state.homes.pop(name, None)
    state.unraised -= record.raised_ms is None
    for mmsi in record.event.mmsi:
        known = state.by_vessel.get(mmsi)
        if known is not None:
            known.discard(name)
            if not known:
                del state.by_vessel[mmsi]
