"""Watchlist hits in scores: IMO weighs more than MMSI more than a name, a name changes no level, delisting restores every score."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_risk import naive_score
from risk_world import HOUR_MS, PROFILES, T0_MS, as_bytes, histories, make, newest, run, shipped

from dogwatch.events import Evidence, event_id, event_order
from risk.explain import contributions
from risk.score import assess, level_of, score_of_100
from risk.step import RiskState, risk_step

BORDER, HIGH_SEAS = shipped(), shipped("high-seas-transshipment")
FLEET = (257_000_001, 257_000_002, 512_000_003)


def listing(mmsi, subtype="confirmed_identifier", start_min=0, *, version=1, state="open", name="ofac", confidence=0.9, detected_min=None, **more):
    """A hit as tracks/watchlist.py tells it."""
    event = make(
        "watchlist",
        [mmsi],
        start_min,
        subtype=subtype,
        version=version,
        state=state,
        confidence=confidence,
        detected_min=start_min if detected_min is None else detected_min,
        **more,
    )
    field = {"confirmed_identifier": "imo", "probable": "mmsi", "name_only": "name"}[subtype]
    measures = event.measures | {
        "list": name,
        "list_version": "abc123",
        "list_from": None,
        "entry": "X-1",
        "entry_name": "EXAMPLE",
        "matched": field,
        "differs": "name" * (field == "imo"),
    }
    rule = f"watchlist {name}"
    return msgspec.structs.replace(
        event,
        event_id=event_id("watchlist", [f"{mmsi}#0"], event.t_start, rule, "1.0"),
        rule=rule,
        measures=measures,
        evidence=[Evidence(field, "9999010", "is", "9999010", None, True)],
        exclusions=[],
        zones=[],
    )


def level(events, profile=BORDER):
    return assess(profile, events).level


@pytest.mark.parametrize(("subtype", "weight"), [("confirmed_identifier", 3000), ("probable", 1500), ("name_only", 300)])
@pytest.mark.parametrize("profile", [BORDER, HIGH_SEAS])
def test_the_weights_of_the_shipped_profiles(subtype, weight, profile):
    line = assess(profile, [listing(1, subtype, confidence=1.0)]).lines[0]
    assert (line.points, line.family) == (weight, "watchlist")


def test_levels_by_hand():
    far, near = {"coast_nm": 40.0}, {"coast_nm": 15.0}
    assert level([listing(1, **far)]) == "warning"
    assert level([listing(1, **near)]) == "alarm"
    assert level([listing(1, "probable", **far)]) is None
    assert level([listing(1, "probable", **near)]) == "warning"
    assert level([listing(1, "name_only", **near)]) is None


QUIET = st.lists(st.tuples(st.sampled_from(FLEET), st.sampled_from(["a", "b", "c"]), st.floats(0, 1)), min_size=1, max_size=4)


@st.composite
def cases(draw):
    """Events of a case, hits by number among them, and hits by name beside them."""
    events = [
        make(kind, [FLEET[0]], 12 * draw(st.integers(0, 40)), confidence=draw(st.floats(0, 1)), coast_nm=draw(st.sampled_from([15.0, 40.0])))
        for kind in draw(st.lists(st.sampled_from(["dark", "loitering"]), max_size=3))
    ]
    events += [
        listing(FLEET[0], tier, name=tier.replace("_", "-"), confidence=draw(st.floats(0, 1)))
        for tier in draw(st.sets(st.sampled_from(["confirmed_identifier", "probable"])))
    ]
    names = [listing(mmsi, "name_only", name=name, confidence=confidence) for mmsi, name, confidence in draw(QUIET)]
    unique = {event.event_id: event for event in (*events, *names)}
    return [event for event in unique.values() if event.subtype != "name_only"], [event for event in unique.values() if event.subtype == "name_only"]


@settings(deadline=None)
@given(cases(), st.sampled_from([BORDER, HIGH_SEAS]))
def test_a_name_never_changes_a_level(case, profile):
    events, names = case
    events = [event for event in events if profile.rule_for(event)]
    without, with_names = assess(profile, events), assess(profile, events + names)
    assert with_names.level == without.level
    assert with_names.score_milli >= without.score_milli
    assert with_names.contexts == without.contexts
    assert with_names.corroboration == without.corroboration
    assert level_of(profile.levels, without.score_milli) == without.level


@settings(deadline=None)
@given(cases(), st.data())
def test_sums_are_exact_monotone_and_within_the_cap(case, data):
    events = [*case[0], *case[1]]
    card = assess(BORDER, events)
    assert sum(row.points for row in contributions(BORDER, card)) == card.score_milli
    assert sum(line.points for line in card.lines if line.family == "watchlist") <= 3000
    index = data.draw(st.integers(0, len(events) - 1))
    surer = [msgspec.structs.replace(event, confidence=data.draw(st.floats(event.confidence, 1))) if i == index else event for i, event in enumerate(events)]
    assert assess(BORDER, surer).score_milli >= card.score_milli
    if not case[1]:
        assert abs(card.score_milli / 1000 - naive_score(BORDER, events)) <= 0.0005 * len(events)


def test_a_name_raises_no_alert_however_many_lists_have_it():
    events = [listing(1, "name_only", name=name, confidence=1.0, coast_nm=4.0) for name in ("a", "b", "c")]
    assert run(BORDER, events)[1] == []


def test_the_alert_names_list_version_entry_and_fields():
    alert = run(BORDER, [listing(257_000_001)])[1][0]
    row = next(row for row in alert.contributions if row.name.startswith("watchlist"))
    assert row.points == 2700
    for words in ("watchlist ofac", "version abc123", "entry X-1", "by IMO number", "against it: name"):
        assert words in row.text
        assert words in alert.headline or words == "watchlist ofac"
    assert (row.observed, row.threshold) == ("9999010", "9999010")
    assert "IMO number 9999010 (on the list: 9999010)" in alert.explanation
    assert any("namesake" in text for text in alert.innocent)
    assert alert.level == "alarm"


def test_a_listing_is_an_alert_of_its_own_and_counts_in_every_case_of_its_vessel():
    vessel, other = FLEET[:2]
    loiter = make("loitering", [vessel], 6000, confidence=0.5, lat=10.0)
    other_loiter = make("loitering", [other], 6000, confidence=0.5, lat=-10.0)
    _, alone = run(BORDER, [loiter])
    state, alerts = run(BORDER, [listing(vessel), loiter, other_loiter])
    assert len(newest(alerts)) == 3
    lent = next(alert for alert in newest(alerts).values() if loiter.event_id in alert.event_ids)
    assert lent.alert_id == newest(alone).popitem()[0], "the case keeps its own name"
    assert lent.score_milli == alone[-1].score_milli + 2700 + 1000, "with the hit, and corroborated by it"
    assert lent.headline.startswith("Slow without progress"), "what happened goes before who it is"
    assert (lent.lat, lent.t_first) == (loiter.lat, loiter.t_start)
    assert next(alert for alert in newest(alerts).values() if other_loiter.event_id in alert.event_ids).score_milli == alone[-1].score_milli
    gone = risk_step(
        state, [listing(vessel, version=2, state="retracted", detected_min=7000, reason="entry X-1 is no longer on list ofac")], T0_MS + 7000 * 60_000
    )
    assert {alert.alert_id: (alert.condition, alert.score_milli) for alert in gone} == {
        lent.alert_id: ("active", alone[-1].score_milli),
        next(alert.alert_id for alert in alerts if loiter.event_id not in alert.event_ids and vessel in alert.mmsi): ("retracted", -4000),
    }
    restored = next(alert for alert in gone if alert.alert_id == lent.alert_id)
    assert restored.contributions == alone[-1].contributions


def test_a_hit_that_is_renewed_each_day_revises_nothing():
    state, alerts = run(BORDER, [listing(1)])
    assert len(alerts) == 1
    days = [listing(1, version=day + 2, detected_min=1440 * (day + 1)) for day in range(40)]
    for event in days:
        assert risk_step(state, [event], event.t_detected) == []
    assert len(state.records) == 1, "and is not forgotten while it is told"


def test_an_open_listing_keeps_no_other_case_active():
    loiter = make("loitering", [1], 6000, confidence=0.8, state="closed", end_min=6040)
    _, alerts = run(BORDER, [listing(1), loiter])
    assert next(alert for alert in newest(alerts).values() if loiter.event_id in alert.event_ids).condition == "cleared"


@st.composite
def with_listings(draw):
    """A history with listings that are found, change their tier, close, or are taken back."""
    events = list(draw(histories(5)))
    for mmsi in draw(st.sets(st.sampled_from([257000001, 257000002, 512000003]), min_size=1)):
        start, detected = draw(st.integers(0, 90)) * 10, 0
        versions = draw(
            st.lists(
                st.tuples(
                    st.sampled_from(["open", "open", "closed", "candidate", "retracted"]), st.sampled_from(["confirmed_identifier", "probable", "name_only"])
                ),
                min_size=1,
                max_size=4,
            )
        )
        detected = start
        for version, (state, tier) in enumerate(versions, 1):
            events.append(
                listing(mmsi, tier, start, version=version, state=state, detected_min=detected, end_min=detected if state == "closed" else None, coast_nm=15.0)
            )
            if state == "retracted":
                break
            detected += draw(st.integers(1, 30)) * 10
    return sorted(events, key=event_order)


def condensed(state):
    """Each living case with its score, worked out anew by the words of docs/scoring.md; the alerts that stand must say the same."""
    living = [record.event for record in state.records.values() if record.live]
    found = []
    for name, ids in state.cases.items():
        own = [state.records[one].event for one in ids if state.records[one].live]
        if not own:
            continue
        vessels = {mmsi for event in own for mmsi in event.mmsi}
        lent = [] if own[0].type == "watchlist" else [event for event in living if event.type == "watchlist" and event.mmsi[0] in vessels]
        score = assess(BORDER, own + lent, as_of_ms=max(event.t_detected for event in own)).score_milli
        if name in state.alerts:
            assert state.alerts[name].score_milli == score
            assert set(state.alerts[name].event_ids) == {event.event_id for event in own + lent}
        found.append((sorted(event.event_id for event in own), score))
    return sorted(found)


@settings(deadline=None, max_examples=60)
@given(with_listings(), st.integers(1, 7))
def test_cuts_and_restarts_change_nothing(events, size):
    _, whole = run(BORDER, events)
    state, cut = RiskState.new(BORDER), []
    for at in range(0, len(events), size):
        cut += risk_step(state, events[at : at + size], events[min(at + size, len(events)) - 1].t_detected)
        state = RiskState.from_sections(msgspec.msgpack.decode(msgspec.msgpack.encode(state.to_sections())), BORDER)
    assert as_bytes(sorted(cut, key=lambda a: (a.t_last, a.alert_id, a.revision))) == as_bytes(sorted(whole, key=lambda a: (a.t_last, a.alert_id, a.revision)))


@settings(deadline=None, max_examples=60)
@given(with_listings())
def test_delisting_restores_every_score_exactly(events):
    plain = [event for event in events if event.type != "watchlist"]
    expected, _ = run(BORDER, plain)
    state, _ = run(BORDER, events)
    end = max(event.t_detected for event in events)
    versions = {event.event_id: event for event in events if event.type == "watchlist"}
    gone = [
        msgspec.structs.replace(event, version=event.version + 1, state="retracted", t_detected=end, reason="delisted")
        for event in versions.values()
        if event.state != "retracted"
    ]
    risk_step(state, gone, end)
    assert condensed(state) == condensed(expected)


@settings(deadline=None, max_examples=50)
@given(with_listings(), st.randoms())
def test_the_order_of_arrival_leaves_no_trace(events, random):
    shuffled = list(events)
    random.shuffle(shuffled)
    assert condensed(run(BORDER, events)[0]) == condensed(run(BORDER, shuffled)[0])


def test_a_listing_not_told_for_a_month_is_forgotten():
    state, _ = run(BORDER, [listing(1)])
    risk_step(state, [], T0_MS + 722 * HOUR_MS)
    assert state.records == {}


# (events, level, score): the rows of docs/scoring.md that have a list in them
TABLE = [
    ([("confirmed_identifier", 0.85, 40.0)], "warning", -4000 + 2550),
    ([("confirmed_identifier", 0.85, 15.0)], "alarm", -4000 + 2000 + 2550),
    ([("probable", 0.9, 15.0)], "warning", -4000 + 2000 + 1350),
    ([("name_only", 0.5, 15.0)], None, -4000 + 150),
    ([("loitering", 0.5, 15.0), ("confirmed_identifier", 0.9, 40.0)], "alarm", -4000 + 2000 + 350 + 2700 + 1000),
    ([("loitering", 0.5, 15.0), ("name_only", 0.5, 15.0)], "caution", -4000 + 2000 + 350 + 150),
]


@pytest.mark.parametrize(("what", "expected", "score_milli"), TABLE)
def test_the_documents_show_this_arithmetic(what, expected, score_milli):
    events = [
        make(kind, [1], confidence=sure, coast_nm=nm) if kind == "loitering" else listing(1, kind, confidence=sure, coast_nm=nm) for kind, sure, nm in what
    ]
    card = assess(BORDER, events)
    assert (card.level, card.score_milli) == (expected, score_milli)
    text = (PROFILES.parent / "docs" / "scoring.md").read_text(encoding="utf-8")
    assert f"| {score_milli} | {score_of_100(score_milli)} | {expected or 'none'} |" in text
