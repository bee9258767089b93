"""Points sum exactly, caps hold, a surer detector never lowers a score, one episode counts once."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_risk import naive_score
from risk_world import PROFILES, make, shipped

from risk.explain import contributions
from risk.score import assess, cap_shares, counterfactual, level_of, milli, score_of_100

BORDER = shipped()
HIGH_SEAS = shipped("high-seas-transshipment")


@st.composite
def live_events(draw):
    """Living events that all meet a rule, with distinct ids."""
    found = []
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["dark", "rendezvous", "loitering"]))
        start, lasting = draw(st.integers(0, 40)) * 12, draw(st.integers(20, 200))
        closed = draw(st.booleans())
        mmsi = [257000001, 257000002] if kind == "rendezvous" else [draw(st.sampled_from([257000001, 257000002]))]
        found.append(
            make(
                kind,
                mmsi,
                start,
                state="closed" if closed else "open",
                end_min=start + lasting if closed else None,
                detected_min=start + lasting,
                confidence=draw(st.floats(0, 1)),
                coast_nm=draw(st.sampled_from([15.0, 40.0])),
            )
        )
    return list({event.event_id: event for event in found}.values())


@given(live_events(), st.sampled_from([BORDER, HIGH_SEAS]))
def test_points_sum_exactly_and_agree_with_the_naive_twin(events, profile):
    events = [event for event in events if profile.rule_for(event)]
    if not events:
        return
    card = assess(profile, events)
    rows = contributions(profile, card)
    assert sum(row.points for row in rows) == card.score_milli
    assert all(isinstance(row.points, int) for row in rows)
    assert abs(card.score_milli / 1000 - naive_score(profile, events)) <= 0.0005 * len(events) + 1e-9


@given(live_events(), st.data())
def test_a_score_is_monotone_in_every_confidence(events, data):
    index = data.draw(st.integers(0, len(events) - 1))
    surer = data.draw(st.floats(events[index].confidence, 1))
    raised = [msgspec.structs.replace(event, confidence=surer) if i == index else event for i, event in enumerate(events)]
    assert assess(BORDER, raised).score_milli >= assess(BORDER, events).score_milli


@given(live_events())
def test_caps_hold(events):
    card = assess(BORDER, events)
    for name, family in BORDER.families.items():
        assert sum(line.points for line in card.lines if line.family == name) <= milli(family.cap)
    assert all(line.points >= 0 for line in card.lines)


@given(live_events(), st.randoms())
def test_order_of_events_is_irrelevant(events, random):
    shuffled = list(events)
    random.shuffle(shuffled)
    assert assess(BORDER, shuffled) == assess(BORDER, events)


@given(st.lists(st.integers(0, 5000), max_size=8), st.integers(1, 4000))
def test_cap_shares_are_proportional_and_exact(points, cap):
    shares = cap_shares(points, cap)
    total = sum(points)
    assert sum(shares) == min(cap, total)
    if total > cap:
        assert all(abs(share - value * cap / total) < 1 for share, value in zip(shares, points))
    else:
        assert shares == points


def test_loitering_inside_a_rendezvous_counts_once():
    meeting = make("rendezvous", [1, 2], 0, detected_min=90, confidence=0.8)
    inside = make("loitering", [1], 10, detected_min=90, confidence=0.9)
    alone, both = assess(BORDER, [meeting]), assess(BORDER, [meeting, inside])
    assert both.score_milli == alone.score_milli  # 0.8 * 0.8 = 0.64 > 0.7 * 0.9 = 0.63
    assert both.corroboration == 0
    assert [line.points for line in both.lines] == [640, 0]
    stronger = msgspec.structs.replace(meeting, confidence=0.4)
    assert [line.points for line in assess(BORDER, [stronger, inside]).lines] == [630, 0]


def test_waiting_before_a_meeting_is_a_second_behaviour():
    waiting = make("loitering", [1], 0, detected_min=180, end_min=180, state="closed", confidence=0.8)
    meeting = make("rendezvous", [1, 2], 150, detected_min=185, confidence=0.8)
    card = assess(BORDER, [waiting, meeting])
    assert card.corroboration == 1000
    assert card.level == "alarm"


# (events, level): the arithmetic of docs/scoring.md
TABLE = [
    ([("dark", 0.99)], "warning", -4000 + 2000 + 1485),
    ([("rendezvous", 0.5)], "caution", -4000 + 2000 + 400),
    ([("rendezvous", 0.7)], "warning", -4000 + 2000 + 560),
    ([("loitering", 0.3)], "caution", -4000 + 2000 + 210),
    ([("loitering", 0.5)], "caution", -4000 + 2000 + 350),
    ([("loitering", 0.8)], "warning", -4000 + 2000 + 560),
    ([("rendezvous", 0.5), ("loitering", 0.5)], "alarm", -4000 + 2000 + 400 + 350 + 1000),
    ([("dark", 0.99), ("loitering", 0.5)], "alarm", -4000 + 2000 + 1485 + 350 + 1000),
    ([("dark", 0.99), ("rendezvous", 0.5)], "alarm", -4000 + 2000 + 1485 + 400 + 1000),
    ([("loitering", 0.2)], None, -4000),
]


@pytest.mark.parametrize(("what", "level", "score_milli"), TABLE)
def test_the_border_profile_gives_these_levels(what, level, score_milli):
    events = [
        make(kind, [1, 2] if kind == "rendezvous" else [1], 200 * (len(what) - 1 - i), confidence=confidence) for i, (kind, confidence) in enumerate(what)
    ]
    card = assess(BORDER, events)
    assert (card.level, card.score_milli) == (level, score_milli)


def test_far_from_any_border_one_behaviour_is_no_alert():
    assert assess(BORDER, [make("dark", [1], confidence=0.99, coast_nm=40.0)]).level is None


def test_silence_on_the_way_to_the_border_is_an_alert_and_the_context_counts_once():
    bound = make("dark", [1], confidence=0.99, coast_nm=40.0)
    bound.measures["inbound_s"] = 3600.0
    card = assess(BORDER, [bound])
    assert (card.level, card.score_milli) == ("warning", -4000 + 2000 + 1485)
    near = make("dark", [1], 200, confidence=0.99, coast_nm=15.0)
    assert [context.name for context, _ in assess(BORDER, [bound, near]).contexts] == ["border"]


def test_the_documents_show_this_arithmetic():
    text = (PROFILES.parent / "docs" / "scoring.md").read_text(encoding="utf-8")
    for _, level, score_milli in TABLE:
        row = f"| {score_milli} | {score_of_100(score_milli)} | {level or 'none'} |"
        assert row in text, row


def test_no_score_reaches_emergency():
    assert level_of(BORDER.levels, 10**9) == "alarm"


def test_points_fade_by_event_time_only():
    old = make("loitering", [1], 0, detected_min=60, end_min=60, state="closed")
    new = make("dark", [1], 60 + 48 * 60 - 45, confidence=0.99)
    card = assess(BORDER, [old, new])
    assert next(line.points for line in card.lines if line.event is old) == 280  # 0.7 * 0.8 / 2 after one half-life


def test_the_counterfactual_names_what_decides():
    dark, loiter = make("dark", [1], 0, confidence=0.99), make("loitering", [1], 200, confidence=0.8)
    card = assess(BORDER, [dark, loiter])
    event, without = counterfactual(BORDER, [dark, loiter], card)
    assert event is dark
    assert without.level == "warning"
    thrice = [make("dark", [1], 0, confidence=0.99), make("dark", [1], 200, confidence=0.99), make("dark", [1], 400, confidence=0.99)]
    assert counterfactual(BORDER, thrice, assess(BORDER, thrice)) is None


@given(st.integers(-20_000, 20_000))
def test_people_see_0_to_100(score_milli):
    assert 0 <= score_of_100(score_milli) <= 100
    assert score_of_100(score_milli) <= score_of_100(score_milli + 1)
