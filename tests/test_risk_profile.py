"""A profile says all its faults before it judges anybody, and its hash follows its content only."""

from __future__ import annotations

import msgspec
import pytest
from risk_world import PROFILES, make, shipped

from dogwatch.errors import ConfigError
from risk.profile import CaseLimits, Context, Corroboration, Family, Levels, Profile, Rule, load_profile, reading

GOOD = (PROFILES / "border.toml").read_text(encoding="utf-8")

# (what is changed in the good profile, by what, words of the message, line of the fault is where this text stands)
FAULTS = [
    ("weight = 1.5\n", "weigth = 1.5\n", "did you mean 'weight'", "weigth = 1.5"),
    ('behaviours = ["loitering"]\n', "", "no criterion", 'name = "waiting where'),
    ("weight = 0.7", "weight = -0.7", "never negative", "weight = -0.7"),
    ("weight = 0.7", "weight = nan", "never negative", "weight = nan"),
    ('family = "loitering"', 'family = "loiter"', "known: dark, identity, infra, loitering, position, rendezvous, watchlist, zone", 'family = "loiter"'),
    ("warning_milli = -1500", "warning_milli = -1800", "rising order", "warning_milli"),
    ("base = -4.0", "base = -1.0", "every vessel would be an alert", "base = -1.0"),
    ("base = -4.0", "base = nan", "no number", "base = nan"),
    ("base = -4.0", 'base = "low"', "Expected `float`", 'base = "low"'),
    ("cap = 1.0", "cap = 0.0", "cap 0.0", "cap = 0.0"),
    ("half_life_h = 48", "half_life_h = inf", "half-life", "half_life_h = inf"),
    ("min_confidence = 0.3", "min_confidence = 3", "not in 0-1", "min_confidence = 3"),
    ('name = "meeting of two vessels"', 'name = "silent near the border"', "is taken", 'name = "silent near the border"\nfamily = "rendezvous"'),
    ('behaviours = ["loitering"]', 'behaviours = ["safety"]', "never scored", 'behaviours = ["safety"]'),
    ('name = "border"\ntitle', 'name = "bor der"\ntitle', "no profile name", 'name = "bor der"'),
    ("base = -4.0", "base = = -4.0", "not valid TOML", "base = ="),
]


@pytest.mark.parametrize(("old", "new", "words", "place"), FAULTS)
def test_a_fault_names_file_line_and_remedy(old, new, words, place):
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    with pytest.raises(ConfigError) as fault:
        load_profile(text, file="mine.toml")
    assert words in str(fault.value)
    line = text[: text.index(place)].count("\n") + 1
    # a missing key is reported at its table, one line above its first key
    assert str(fault.value).startswith("mine.toml:")
    assert abs(fault.value.line - line) <= 1


def test_all_faults_come_in_one_message():
    text = GOOD.replace("cap = 1.0", "cap = 99.0").replace("weight = 0.7", "weight = -1.0").replace('family = "rendezvous"', 'family = "meeting"')
    with pytest.raises(ConfigError) as fault:
        load_profile(text, file="mine.toml")
    assert "5 faults" in str(fault.value)
    assert str(fault.value).count("mine.toml:") == 6


def test_the_documents_name_every_key_and_quote_the_message():
    text = (PROFILES.parent / "docs" / "rules.md").read_text(encoding="utf-8")
    structs = (Profile, Rule, Context, Levels, Family, Corroboration, CaseLimits)
    keys = {field.name for kind in structs for field in msgspec.structs.fields(kind)}
    assert len(keys) > 30
    missing = [key for key in sorted(keys) if key not in text]
    assert not missing
    with pytest.raises(ConfigError) as fault:
        load_profile(GOOD.replace('behaviours = ["loitering"]\n', ""), file="my-waters.toml")
    assert str(fault.value) in text


def test_a_profile_without_rules_is_refused():
    text = GOOD[: GOOD.index("[[rules]]")]
    with pytest.raises(ConfigError, match=r"missing required field `rules`|no rule"):
        load_profile(text, file="mine.toml")


def test_the_hash_follows_the_content_and_not_the_form():
    profile = load_profile(GOOD, file="a")
    assert load_profile("# a remark\n" + GOOD.replace("cap = 2.0", "cap   = 2.00"), file="b").content_hash == profile.content_hash
    assert load_profile(GOOD.replace("weight = 0.7", "weight = 0.71"), file="c").content_hash != profile.content_hash
    assert len(profile.content_hash) == 16


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_profiles_are_sound(path):
    profile = load_profile(path.read_text(encoding="utf-8"), file=path.name)
    assert profile.name == path.stem
    assert profile.owner
    assert profile.description


def test_there_are_shipped_profiles():
    assert {path.stem for path in PROFILES.glob("*.toml")} >= {"border", "high-seas"}


def test_the_first_rule_that_fits_counts():
    profile = shipped()
    assert profile.rule_for(make("rendezvous", [1, 2], detected_min=130)).weight == 1.5
    assert profile.rule_for(make("rendezvous", [1, 2], detected_min=40)).weight == 0.8
    assert profile.rule_for(make("rendezvous", [1, 2], detected_min=40, subtype="under_way")).weight == 1.0
    assert profile.rule_for(make("dark", [1], subtype="candidate")) is None
    assert profile.rule_for(make("port_visit", [1])) is None


def test_criteria_on_flag_ship_type_zone_and_measures():
    event = make("loitering", [257000001], coast_nm=15.0)
    text = GOOD.replace('behaviours = ["loitering"]', "mids = [257]\nship_types = [70]\nzone_kinds = ['contiguous_zone']\nat_most = { coast_distance_nm = 24 }")
    rule = next(rule for rule in load_profile(text, file="a").rules if rule.mids)
    assert rule.met(event)
    assert not rule.met(make("loitering", [512000001], coast_nm=15.0))
    assert not rule.met(make("loitering", [257000001], coast_nm=30.0))
    assert not rule.met(msgspec.structs.replace(event, measures={}))


def test_a_reading_comes_from_measures_then_evidence_then_zones():
    event = make("loitering", [1], coast_nm=20.0)
    assert reading(event, "watch_distance_nm") == 8.0
    bare = msgspec.structs.replace(event, measures={})
    assert reading(bare, "watch_distance_nm") == 0.0  # inside a zone
    assert reading(bare, "duration_s") == 2700.0
    assert reading(bare, "draught_m") is None


def test_detector_overrides_are_handed_through_unread():
    assert shipped("high-seas").detectors == {"loitering": {"duration_s_min": {"offshore": 14400, "border": 14400, "inshore": 14400}}}
