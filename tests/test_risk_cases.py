"""A case is the same vessels within 6 hours and 50 miles; it keeps its name when late data take its first event back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from risk_world import T0_MS, histories, make, newest, run, shipped

from risk.cases import Record, group
from risk.profile import CaseLimits
from risk.step import RiskState, risk_step

LIMITS = CaseLimits()
BORDER = shipped()


def records(*events):
    return [Record(event, event.t_detected, event.state in ("open", "closed")) for event in events]


def shape(cases):
    return [sorted(member.event.t_start - T0_MS for member in case.live) for case in cases if case.live]


def closed(kind, mmsi, start, end, **more):
    return make(kind, mmsi, start, end_min=end, detected_min=end, state="closed", **more)


def test_near_in_time_place_and_vessel_is_one_case():
    first = closed("dark", [1], 0, 45)
    assert len(group(records(first, make("loitering", [1], 45 + 360)), LIMITS)) == 1
    assert len(group(records(first, make("loitering", [1], 45 + 361)), LIMITS)) == 2
    assert len(group(records(first, make("loitering", [2], 60)), LIMITS)) == 2
    assert len(group(records(first, make("loitering", [1], 60, lat=50.83)), LIMITS)) == 1
    assert len(group(records(first, make("loitering", [1], 60, lat=50.84)), LIMITS)) == 2
    assert len(group(records(first, make("loitering", [1], 60, lat=None)), LIMITS)) == 1


def test_across_the_date_line_is_near():
    assert len(group(records(make("dark", [1], 0, lon=179.9), make("loitering", [1], 60, lon=-179.9)), LIMITS)) == 1


def test_a_drill_never_joins_a_real_case():
    assert len(group(records(make("dark", [1], 0), make("loitering", [1], 60, exercise=True)), LIMITS)) == 2


def test_cases_do_not_grow_without_limit():
    daily = [closed("loitering", [1], 300 * i, 300 * i + 60) for i in range(40)]
    assert [len(case.live) for case in group(records(*daily), LIMITS)] == [15, 15, 10]  # 72 h = 4320 min = 14.4 steps
    fleet = [make("rendezvous", [1, 2 + i], 12 * i) for i in range(30)]
    cases = group(records(*fleet), LIMITS)
    assert [len(case.live) for case in cases] == [15, 15]
    tight = CaseLimits(events_max=3)
    assert [len(case.live) for case in group(records(*fleet[:7]), tight)] == [3, 3, 1]


def test_a_gone_event_bridges_nothing_but_names_its_case():
    early, late = closed("dark", [1], 0, 30), closed("loitering", [1], 600, 660)
    bridge = closed("rendezvous", [1, 2], 300, 340)
    assert len(group(records(early, bridge, late), LIMITS)) == 1
    without = group(records(early, make("rendezvous", [1, 2], 300, state="retracted", detected_min=340), late), LIMITS)
    assert shape(without) == shape(group(records(early, late), LIMITS))
    taken_back = make("dark", [1], 0, state="retracted", detected_min=100)
    follower = make("loitering", [1], 120)
    [case] = group(records(taken_back, follower), LIMITS)
    assert case.anchor.event is taken_back
    assert [member.event for member in case.live] == [follower]


@given(histories(), st.randoms())
@settings(max_examples=60)
def test_grouping_is_a_function_of_the_set(events, random):
    final = list({event.event_id: event for event in events if event.state != "candidate"}.values())
    shuffled = records(*final)
    random.shuffle(shuffled)
    one, other = group(records(*final), LIMITS), group(shuffled, LIMITS)
    assert [[m.event.event_id for m in case.members] for case in one] == [[m.event.event_id for m in case.members] for case in other]
    assert sum(len(case.members) for case in one) == len(final)


@given(histories(9), st.booleans(), st.randoms())
@settings(max_examples=120)
def test_the_short_cuts_group_as_the_whole_would(events, shuffle, random):
    if shuffle:
        random.shuffle(events)
    state = RiskState.new(BORDER)
    for event in events:
        risk_step(state, [event], T0_MS)
        anew = RiskState.from_sections(state.to_sections(), BORDER)  # groups all records at once
        assert state.cases == anew.cases
        assert state.homes == anew.homes


@given(histories())
@settings(max_examples=60)
def test_every_living_event_is_in_exactly_one_alerting_or_silent_case(events):
    state, alerts = run(BORDER, events)
    members = [one for ids in state.cases.values() for one in ids]
    raised = [one for one, record in state.records.items() if record.raised_ms is not None]
    assert sorted(members) == sorted(raised)
    shown = [one for alert in newest(alerts).values() if alert.condition != "retracted" for one in alert.event_ids]
    assert len(shown) == len(set(shown))
