"""Each sentence about the score, as a property over events of every kind and over every profile that ships."""

from __future__ import annotations

import msgspec
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from risk_world import HOUR_MS, MIN_MS, PROFILES, histories, make, newest, run, shipped

from risk.criteria import BEHAVIOURS
from risk.explain import contributions
from risk.score import assess, counterfactual, level_of, milli, score_of_100

SHIPPED = [shipped(path.stem) for path in sorted(PROFILES.glob("*.toml"))]
BORDER = shipped()
RANK = {None: 0, "caution": 1, "warning": 2, "alarm": 3}
KINDS = [(kind, subtype) for kind, subtypes in BEHAVIOURS.items() for subtype in (subtypes or ("",))]


@st.composite
def cases(draw):
    """A shipped profile and living events of any kind that it weighs, with distinct ids."""
    profile = draw(st.sampled_from(SHIPPED))
    found = {}
    for _ in range(draw(st.integers(1, 7))):
        kind, subtype = draw(st.sampled_from(KINDS))
        start, lasting = draw(st.integers(0, 60)) * 12, draw(st.integers(20, 300))
        closed = draw(st.booleans())
        mmsi = [257000001, 257000002] if kind == "rendezvous" else [draw(st.sampled_from([257000001, 257000002]))]
        event = make(kind, mmsi, start, subtype=subtype, state="closed" if closed else "open", end_min=start + lasting if closed else None,
                     detected_min=start + lasting, confidence=draw(st.floats(0, 1)), coast_nm=draw(st.sampled_from([4.0, 15.0, 40.0])))  # fmt: skip
        ship_type = draw(st.sampled_from([30, 60, 70]))
        event = msgspec.structs.replace(event, subjects=[msgspec.structs.replace(one, ship_type=ship_type, loa_m=20.0) for one in event.subjects])
        if profile.rule_for(event) is not None:
            found[event.event_id] = event
    assume(found)
    return profile, list(found.values())


def test_there_are_profiles_and_kinds():
    assert len(SHIPPED) == 5
    assert len(KINDS) > 25
    for profile in SHIPPED:
        assert any(profile.could_count(kind) for kind, _ in KINDS)


@given(cases())
@settings(deadline=None)
def test_integer_points_sum_exactly_and_families_keep_their_caps(case):
    profile, events = case
    card = assess(profile, events)
    rows = contributions(profile, card)
    assert all(type(row.points) is int for row in rows)
    assert sum(row.points for row in rows) == card.score_milli
    assert 0 <= score_of_100(card.score_milli) <= 100
    for name, family in profile.families.items():
        assert 0 <= sum(line.points for line in card.lines if line.family == name) <= milli(family.cap)


@given(cases())
@settings(deadline=None)
def test_the_score_is_additive_in_log_odds(case):
    """Events of one family that do not reach its cap, and are no part of another one's episode, add what each adds alone."""
    profile, events = case
    as_of_ms = max(event.t_detected for event in events)
    card = assess(profile, events)
    for name, family in profile.families.items():
        heads = [line for line in card.lines if line.family == name and line.head == line.event.event_id]
        members = [line for line in card.lines if line.family == name]
        assume(len(members) == len(heads) or sum(line.raw for line in members) > 0)
        alone = []
        for head in heads:
            episode = [line.event for line in members if line.head == head.event.event_id]
            alone.append(sum(line.points for line in assess(profile, episode, as_of_ms=as_of_ms).lines))
        assert sum(line.points for line in members) == min(milli(family.cap), sum(alone))


@given(cases(), st.data())
@settings(max_examples=200, deadline=None)
def test_a_score_and_its_level_are_monotone_in_every_confidence(case, data):
    profile, events = case
    index = data.draw(st.integers(0, len(events) - 1))
    surer = data.draw(st.floats(events[index].confidence, 1))
    before = assess(profile, events)
    after = assess(profile, [msgspec.structs.replace(event, confidence=surer) if i == index else event for i, event in enumerate(events)])
    assert after.score_milli >= before.score_milli
    assert RANK[after.level] >= RANK[before.level]


@given(cases(), st.integers(-(10**6), 10**6))
@settings(deadline=None)
def test_the_score_knows_event_time_only(case, hours):
    """The same events at another time, by day, month or year, in a profile that asks for no hours: the same points."""
    profile, events = case
    assume(not any(item.hours_utc or item.weekdays or item.months or item.valid_from or item.valid_until for item in (*profile.rules, *profile.contexts)))
    by_ms = hours * HOUR_MS
    moved = [
        msgspec.structs.replace(
            event, t_start=event.t_start + by_ms, t_detected=event.t_detected + by_ms, t_end=None if event.t_end is None else event.t_end + by_ms
        )
        for event in events
    ]
    assert [(line.event.event_id, line.points) for line in assess(profile, moved).lines] == [
        (line.event.event_id, line.points) for line in assess(profile, events).lines
    ]


@given(cases(), st.integers(0, 400), st.integers(0, 400))
@settings(deadline=None)
def test_what_is_over_fades_with_event_time_and_by_half_each_half_life(case, sooner_h, later_h):
    profile, events = case
    events = [event for event in events if event.state == "closed"][:1]
    assume(events)
    end_ms = max(event.t_detected for event in events)
    sooner_h, later_h = sorted((sooner_h, later_h))
    [sooner], [later] = (assess(profile, events, as_of_ms=end_ms + hours * HOUR_MS).lines for hours in (sooner_h, later_h))
    assert later.raw <= sooner.raw
    half_life_ms = round(profile.families[sooner.family].half_life_h * HOUR_MS)
    [half] = assess(profile, events, as_of_ms=end_ms + sooner_h * HOUR_MS + half_life_ms).lines
    assert abs(2 * half.raw - sooner.raw) <= 1


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 30))
@settings(deadline=None)
def test_a_crossing_in_a_silence_and_waiting_in_a_meeting_count_once(one, other, offset):
    """One deed seen twice has the points of the stronger, and is no corroboration of itself."""
    for whole, part in ((("dark", "suspicious"), ("zone", "inferred_cross")), (("rendezvous", "ais_pair"), ("loitering", ""))):
        mmsi = [1, 2] if whole[0] == "rendezvous" else [1]
        deed = make(whole[0], mmsi, 0, subtype=whole[1], detected_min=90, end_min=90, state="closed", confidence=one)
        inside = make(part[0], [1], offset, subtype=part[1], detected_min=90, end_min=90, state="closed", confidence=other)
        card = assess(BORDER, [deed, inside])
        assert card.corroboration == 0
        raws = [line.raw for line in card.lines]
        assert sum(line.points for line in card.lines) == min(max(raws), milli(BORDER.families[card.lines[0].family].cap))
        assert sum(line.points > 0 for line in card.lines) <= 1


def test_a_silence_a_meeting_and_a_crossing_of_one_voyage_are_one_alert():
    voyage = [
        make("dark", [1], 0, detected_min=60, end_min=55, state="closed", subtype="reappeared", confidence=0.99),
        make("zone", [1], 20, detected_min=60, end_min=55, state="closed", subtype="inferred_cross", confidence=0.9),
        make("rendezvous", [1, 2], 120, detected_min=260, confidence=0.9),
    ]
    _, alerts = run(BORDER, voyage)
    assert len({alert.alert_id for alert in alerts}) == 1
    last = alerts[-1]
    points = {row.name: row.points for row in last.contributions}
    assert set(last.event_ids) == {event.event_id for event in voyage}
    assert points["zone inferred_cross"] == 0  # the silence explains it
    assert points["dark reappeared"] > 0
    assert points["rendezvous ais_pair"] > 0
    assert "also: silent for" in last.headline or "Silent for" in last.headline


@given(cases())
@settings(max_examples=150, deadline=None)
def test_the_counterfactual_is_the_one_episode_without_which_the_level_is_lower(case):
    profile, events = case
    card = assess(profile, events)
    as_of_ms = max(event.t_detected for event in events)
    lower = {}
    for head in {line.head for line in card.lines if line.points}:
        gone = {line.event.event_id for line in card.lines if line.head == head}
        without = assess(profile, [event for event in events if event.event_id not in gone], as_of_ms=as_of_ms)
        assert without.score_milli <= card.score_milli
        if without.level != card.level:
            assert RANK[without.level] < RANK[card.level]
            lower[head] = without.score_milli
    found = counterfactual(profile, events, card, as_of_ms)
    if found is None:
        assert not lower
        return
    event, without = found
    head = next(line.head for line in card.lines if line.event is event)
    assert lower[head] == without.score_milli == min(lower.values())


@given(histories())
@settings(max_examples=60, deadline=None)
def test_an_alert_tells_observed_against_threshold_and_what_speaks_for_innocence(events):
    _, alerts = run(BORDER, events)
    for alert in alerts:
        if alert.condition == "retracted":
            continue
        assert alert.headline
        assert alert.innocent
        assert "risk is not guilt" in alert.explanation
        assert alert.counterfactual.startswith(("Without '", "No single observation"))
        told = [row for row in alert.contributions if row.event_id is not None]
        assert told
        for row in told:
            assert row.observed is not None
            assert row.threshold is not None
            assert "threshold" in row.text
        assert level_of(BORDER.levels, alert.score_milli) in (alert.level, None)


@given(histories(5), st.data())
@settings(max_examples=80, deadline=None)
def test_a_retraction_gives_back_the_earlier_alerts_exactly(events, data):
    """Whatever came and was taken back: the alerts that stand say the same as if it had never come."""
    final = {event.event_id: event for event in events if event.state in ("open", "closed")}
    assume(final)
    victim = final[data.draw(st.sampled_from(sorted(final)))]
    end_ms = max(event.t_detected for event in events) + MIN_MS
    gone = msgspec.structs.replace(victim, version=99, state="retracted", t_detected=end_ms, reason="late data")

    def standing(alerts):
        alive = [alert for alert in newest(alerts).values() if alert.condition != "retracted" and alert.score_milli >= BORDER.levels.caution_milli]
        return sorted((alert.event_ids, alert.score_milli, alert.score, alert.level) for alert in alive)

    assert standing(run(BORDER, [*events, gone])[1]) == standing(run(BORDER, [event for event in events if event.event_id != victim.event_id])[1])
