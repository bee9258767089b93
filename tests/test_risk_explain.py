"""What the watch reads: observed against threshold, what was tested, innocent reasons, and never a verdict."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from risk_world import PROFILES, histories, make, newest, run, shipped

from dogwatch.events import Evidence, Exclusion, ZoneRelation, event_order
from risk import words
from risk.explain import IDENTITY_PHRASES, INFRA_PHRASES, POSITION_PHRASES, ZONE_PHRASES
from risk.profile import load_profile

BORDER = shipped()


def only(*events):
    alerts = newest(run(BORDER, sorted(events, key=event_order))[1])
    assert len(alerts) == 1
    return next(iter(alerts.values()))


# (event, headline): a case is data
HEADLINES = [
    (
        make("rendezvous", [512000123, 538000456], 100, coast_nm=7.9),
        "Two vessels close together and slow for 45 min, 7.9 nm off the coast: MMSI 512000123 and 538000456",
    ),
    (
        make("dark", [512000123], 845, detected_min=886, coast_nm=15.2),
        "Silent for 41 min where others were heard, 3.2 nm from the 12-mile line: MMSI 512000123, last seen 14:05Z",
    ),
    (
        make("dark", [512000123], 0, detected_min=60, end_min=55, state="closed", subtype="reappeared", coast_nm=5.0),
        "Silent for 55 min, then heard again, inside the 12-mile belt, 5 nm off the coast: MMSI 512000123, last seen 00:00Z",
    ),
    (
        make("loitering", [2570001], 0, detected_min=75, coast_nm=18.0),
        "Slow without progress for 75 min, 6 nm from the 12-mile line: MMSI 002570001",
    ),
    (
        make("loitering", [257000001], 0, exercise=True, coast_nm=12.0),
        "EXERCISE: Slow without progress for 45 min, 12 nm off the coast: MMSI 257000001",
    ),
]


@pytest.mark.parametrize(("event", "headline"), HEADLINES)
def test_headlines(event, headline):
    alert = only(msgspec.structs.replace(event, confidence=0.9))
    assert alert.headline == headline
    assert alert.exercise == headline.startswith("EXERCISE")


def test_the_headline_names_every_behaviour_and_vessel_of_the_case():
    alert = only(make("dark", [512000123], 0, confidence=0.99), make("rendezvous", [512000123, 538000456], 100, confidence=0.9))
    assert alert.headline.endswith("; also: two vessels close together and slow for 45 min (MMSI 538000456)")
    assert alert.mmsi == [512000123, 538000456]
    assert [subject.mmsi for subject in alert.subjects] == alert.mmsi


def test_a_case_of_many_still_reads_at_a_glance():
    alert = only(*(make("rendezvous", [211000001, 211000010 + k], start_min=k) for k in range(12)))
    assert len(alert.headline) < 320
    assert alert.headline.count(";") == 3
    assert "; and 9 more" in alert.headline
    assert "7 further events of this case" in alert.explanation
    assert len(alert.event_ids) == 12


def test_the_explanation_states_observed_threshold_tests_doubts_and_data():
    alert = only(make("dark", [512000123], 0, detected_min=41, confidence=0.99, coast_nm=15.2))
    for text in (
        "silent for 41 min (threshold: at least 30 min)",
        "1 in 50,000 (threshold: at most 1 in 10,000)",
        "Tested and no reason to dismiss: port mask: outside.",
        "Casts doubt, and lowers the confidence: queue: 2 others within 3 nm",
        "of the reports sent there 93% are normally heard",
        "risk is not guilt",
        "confidence 0.99",
    ):
        assert text in alert.explanation
    assert "below any alert" in alert.counterfactual
    assert any("A.917(22)" in text for text in alert.innocent)
    dark = alert.contributions[-1]
    assert (dark.observed, dark.threshold) == (2460.0, 1800.0)
    assert "silent for 41 min" in dark.text


def test_what_was_looked_for_and_not_found_is_one_line_that_can_be_passed_over():
    found = [Exclusion("port_mask", "outside", None, "none"), Exclusion("one_hull", "no", None, "none"), Exclusion("role", "none", None, "none")]
    alert = only(msgspec.structs.replace(make("loitering", [1]), exclusions=found))
    assert "Tested and no reason to dismiss: port mask: outside.\n" in alert.explanation
    assert "Looked for and not found: two transmitters on one hull, work that explains it.\n" in alert.explanation


def test_the_explanation_says_where_the_levels_begin():
    assert "warning (caution from 14.2, warning from 18.2, alarm from 40.1)." in only(make("dark", [1], 0, confidence=0.99)).explanation


def test_a_meeting_of_three_is_told_of_the_third_once():
    alert = only(*(make("rendezvous", pair, 0, confidence=0.9) for pair in ([1, 2], [1, 3], [2, 3])))
    assert alert.headline.count("; ") == 1
    assert re.search(r": MMSI 00000000\d and 00000000\d; also: two vessels close together and slow for 45 min \(MMSI 00000000\d\)$", alert.headline)


def test_a_deed_at_a_cable_names_the_corridor():
    zones = [ZoneRelation("belt-12nm", "1", "territorial_sea", "inside", 0.0), ZoneRelation("cable-two", "1", "corridor", "inside", 0.0, "cable")]
    alert = only(msgspec.structs.replace(make("infra", [1], 0, confidence=0.9), subtype="over_cable", zones=zones))
    assert alert.headline == "Stopped over a cable or pipeline, at cable-two: MMSI 000000001"


def test_a_crossing_names_its_line_and_a_deed_in_a_drawn_area_the_area():
    """A desk with a wide sea asks first: in which of our reserves?"""
    reserve, belt = ZoneRelation("east-reserve", "1", "area", "inside", 0.0, "protected"), ZoneRelation("belt-12nm", "1", "territorial_sea", "inside", 0.0)
    waiting = msgspec.structs.replace(make("loitering", [1], 0, confidence=0.9, coast_nm=4.6), zones=[belt, reserve])
    assert only(waiting).headline == "Slow without progress for 45 min, in east-reserve, 4.6 nm off the coast: MMSI 000000001"
    text = (PROFILES / "border.toml").read_text(encoding="utf-8").replace("weight = 0.15", "weight = 2.0").replace("cap = 0.15", "cap = 2.0")
    profile = load_profile(text.replace('"inferred_cross"', '"approach"'), file="mine.toml")
    line = ZoneRelation("median", "1", "border", "near", 3.3)
    heads = msgspec.structs.replace(make("zone", [1], 0, confidence=0.9, coast_nm=20.0), subtype="approach", zones=[line])
    [alert] = run(profile, [heads])[1]
    assert alert.headline == "Heads for a line or zone, 3.3 nm from median: MMSI 000000001"
    crossed = msgspec.structs.replace(heads, zones=[ZoneRelation("median", "1", "border", "crossed", 0.0)])
    assert run(profile, [crossed])[1][0].headline == "Heads for a line or zone, median, 20 nm off the coast: MMSI 000000001"
    over = msgspec.structs.replace(heads, version=2, state="retracted", t_detected=heads.t_detected + 60_000, reason=f"crossed: {'8d39' * 8}")
    ended = run(profile, [heads, over])[1][-1]
    assert (ended.condition, ended.reason, ended.explanation) == ("retracted", "crossed", "Withdrawn: crossed. Nothing of it is left in any score.")


def test_a_doubt_is_told_without_an_empty_count():
    assert words.exclusion(Exclusion("hove_to", "yes", 0, "doubt")) == "hove to: yes"
    assert words.exclusion(Exclusion("queue", "yes", 3, "doubt")) == "queue: yes (3)"


def test_capitals_stay_capitals_within_a_sentence():
    alert = only(msgspec.structs.replace(make("identity", [1], 0, confidence=0.9), subtype="imo_conflict"))
    assert "Without 'IMO number of another vessel or of none' this" in alert.counterfactual


def test_no_behaviour_is_told_with_a_comma_in_it():
    """The console shows what stands before the first comma of a headline as the behaviour, and the rest as its place."""
    for table in (POSITION_PHRASES, IDENTITY_PHRASES, ZONE_PHRASES, INFRA_PHRASES):
        assert not [phrase for phrase in table.values() if "," in phrase]


def test_an_absorbed_event_is_listed_and_says_so():
    alert = only(make("rendezvous", [1, 2], 0, detected_min=90, confidence=0.9), make("loitering", [1], 10, detected_min=90))
    assert alert.contributions[-1].points == 0
    assert "already counted" in alert.contributions[-1].text
    assert len(alert.event_ids) == 2
    assert "also" not in alert.headline
    assert alert.counterfactual.startswith("Without 'two vessels close together and slow for 90 min' this would be below any alert (score 1.8")


def test_over_the_cap_each_member_says_it_is_a_share():
    alert = only(*(make("dark", [1], 100 * i, detected_min=100 * i + 40, confidence=0.99) for i in range(3)))
    points = [row.points for row in alert.contributions if row.event_id]
    assert points == [667, 667, 666]
    assert "adds at most 2 log-odds" in alert.contributions[-1].text
    assert alert.counterfactual.startswith("No single observation decides")


def test_an_uncertain_event_is_listed_without_points():
    alert = only(make("dark", [1], 0, confidence=0.99), make("loitering", [1], 100, confidence=0.2))
    assert alert.contributions[-1].points == 0
    assert "below the profile's minimum" in alert.contributions[-1].text
    assert "also" not in alert.headline


def test_every_event_without_evidence_or_place_still_has_words():
    nothing = {"evidence": [], "exclusions": [], "quality": {}, "lat": None, "lon": None}
    bare = msgspec.structs.replace(make("loitering", [1]), measures={"watch_distance_nm": 0.0}, **nothing)
    alert = only(bare)
    assert alert.headline == "Slow without progress for 45 min, inside a border or watch zone: MMSI 000000001"
    assert "coverage there not stated" in alert.explanation


@given(histories())
def test_an_alert_never_accuses_and_always_explains(events):
    for alert in run(BORDER, events)[1]:
        text = f"{alert.headline} {alert.explanation} {alert.counterfactual} {' '.join(alert.innocent)}".lower()
        assert alert.headline
        assert alert.explanation
        for word in ("smuggl", "illegal", "criminal", "suspect", "guilty", "None", "nan"):
            assert word not in text.replace("suspicious", "")
        if alert.condition != "retracted":
            assert "risk is not guilt" in text
            assert alert.innocent
            assert alert.counterfactual


# (name, value, text)
QUANTITIES = [
    ("gap_s", 2460, "41 min"),
    ("distance_m_median", 212.4, "212 m"),
    ("coast_distance_nm", 7.9, "7.9 nm"),
    ("speed_kn_max", 1.85, "1.9 kn"),
    ("implied_kn", 12, "12 kn"),
    ("p_silence", 2e-4, "1 in 5,000"),
    ("p_silence", 1e-9, "less than 1 in 1,000,000"),
    ("p_silence", 0.5, "0.50"),
    ("vessels", 1900, "1,900"),
    ("near_border", True, "yes"),
    ("anything", None, "unknown"),
    ("relation", "inside_last_known", "inside last known"),
    ("course_deg", 45.25, "45.2°"),
    ("share", 0.04, "0.04"),
    ("fast_share", 0.0, "0%"),
    ("interpolated_share", 0.55, "55%"),
    ("slow_report_share", 1, "100%"),
]


@pytest.mark.parametrize(("name", "value", "text"), QUANTITIES)
def test_quantities_read_with_their_unit(name, value, text):
    assert words.quantity(name, value) == text


def test_conditions_and_exclusions_in_words():
    assert words.condition(Evidence("reports_real", 3, ">=", 3, 0.0, True)) == "real reports 3 (threshold: at least 3)"
    assert words.condition(Evidence("net_over_path", 0.5, "<=", 0.3, -0.6, False)) == "way made good over way sailed 0.5 (threshold: at most 0.3), not met"
    assert words.condition(Evidence("check_digit_right", 0, "<=", 0, 0.0, True)) == "check digit of the IMO number right: no"
    assert words.condition(Evidence("duration_s_upper", 2697, "<=", 43200, 0.9, True)) == "duration 44 min (threshold: at most 12 h 00 min)"
    assert words.condition(Evidence("speed_kn_lower", 2.5, ">=", 2, 0.2, True)) == "speed of the slower one 2.5 kn (threshold: at least 2 kn)"
    assert words.condition(Evidence("border_near", True, "==", None, None, True)) == "border near yes"
    assert words.exclusion(Exclusion("towing_or_pilot", "none", None, "none")) == "towing or pilot: none"
