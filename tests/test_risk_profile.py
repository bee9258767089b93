"""A profile says all its faults before it judges anybody, and its hash follows its content only."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from risk_world import HOUR_MS, PROFILES, T0_MS, make, shipped
from typer.testing import CliRunner

from dogwatch.errors import ConfigError
from dogwatch.events import ZoneRelation
from risk.criteria import BEHAVIOURS, CRITERIA, Where, reading
from risk.plain import BEHAVIOURS_SAID, SUBTYPES_SAID, profile_text, rule_text, slug
from risk.profile import Budget, CaseLimits, Context, Corroboration, Exclusion, Family, Levels, Profile, Rule, load_profile
from runners.cli import app
from runners.rules import profile_schema, read_profile, run_out

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
    ('behaviours = ["loitering"]', 'behaviours = ["loitring"]', "no behaviour 'loitring'", 'behaviours = ["loitring"]'),
    ('subtypes = ["within_range"]', 'subtypes = ["ais_pair"]', "no subtype 'ais_pair' of dark", 'subtypes = ["ais_pair"]'),
    ("at_least = { duration_s = 7200 }", "at_least = { d = 2 }\nat_most = { d = 1 }", "cannot be at least 2 and at most 1", "at_least = { d = 2 }"),
    ("weight = 0.7", "weight = 0.7\nhours_utc = [4, 4]", "not a pair of different hours", "hours_utc = [4, 4]"),
    ("weight = 0.7", "weight = 0.7\nhours_utc = [4, 25]", "Expected `int` <= 24", "hours_utc = [4, 25]"),
    ("weight = 0.7", "weight = 0.7\nloa_m_min = 9\nloa_m_max = 3", "no length is", "loa_m_min = 9"),
    ("weight = 0.7", 'weight = 0.7\nvalid_from = "soon"', "'soon' is no time", 'valid_from = "soon"'),
    ("weight = 0.7", 'weight = 0.7\nvalid_from = "2026-02-01"\nvalid_until = "2026-01-01"', "ends before it begins", 'valid_until = "2026-01-01"'),
    ("weight = 0.7", "weight = 0.7\nunless = [{}]", "would never fire", "unless = [{}]"),
    ("weight = 0.7", 'weight = 0.7\nunless = [{ behaviours = ["loitering", "dark"] }]', "its exception takes all", "unless = [{"),
    ("weight = 0.7", 'weight = 0.7\nwatchlists = ["x"]', "only a hit on a watchlist", 'watchlists = ["x"]'),
    ('behaviours = ["rendezvous"]\nat_least', 'behaviours = ["rendezvous"]\n# at_least', "is never reached", 'name = "meeting under way or'),
    ("weight = 0.7", "weight = 10.5", "weight 10.5 is not in 0-10", "weight = 10.5"),
    ("base = -4.0", "base = -40.0", "no case reaches caution: base, caps, contexts and corroboration together make -22850", "caution_milli = -1800"),
    ("alarm_milli = -400", "alarm_milli = -1600", "warning_milli is -1500, alarm_milli is -1600", "alarm_milli = -1600"),
    ("base = -4.0", 'base = -4.0\nvalid_from = "2026-02-01"\nvalid_until = "2026-01-01"', "ends before it begins", 'valid_until = "2026-01-01"'),
    ("[levels]", "[budget]\nalerts_per_operator_hour = 0\n\n[levels]", "Expected `float` > 0.0", "alerts_per_operator_hour = 0"),
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


def test_all_faults_of_structure_come_in_one_message():
    text = GOOD.replace("cap = 1.0", 'cap = "much"').replace("weight = 0.7", "weigth = 0.7").replace("alarm_milli = -400", "")
    text = text.replace("base = -4.0", "base = []").replace("weight = 1.5", "weight = -1", 1)
    with pytest.raises(ConfigError) as fault:
        load_profile(text, file="mine.toml")
    said = str(fault.value)
    assert said.startswith("mine.toml: 6 faults:\n"), "one head, and the place of each behind it"
    assert "6 faults" in said  # a negative weight beside five of structure: the misspelt weight is an unknown key and a missing one
    for words in (
        "Expected `float`, got `str`",
        "did you mean 'weight'",
        "missing required field `weight`",
        "`alarm_milli`",
        "Expected `float`, got `array`",
        "never negative",
    ):
        assert words in said


def test_an_exclusion_without_criterion_or_one_that_stops_a_rule_is_refused():
    bare = GOOD + '\n[[exclusions]]\nname = "all"\ntext = "why"\n'
    with pytest.raises(ConfigError, match="would take everything out"):
        load_profile(bare, file="mine.toml")
    with pytest.raises(ConfigError, match="'waiting where vessels do not wait' would never fire: the exclusion 'all'"):
        load_profile(bare + 'behaviours = ["loitering"]\n', file="mine.toml")


def test_a_context_that_an_exclusion_keeps_from_every_event_is_refused():
    text = GOOD + '\n[[exclusions]]\nname = "far out"\ntext = "why"\nat_most = { watch_distance_nm = 12.0 }\n'
    with pytest.raises(ConfigError, match=r"'border' would never fire: the exclusion 'far out' takes all that it asks for\. narrow the exclusion") as fault:
        load_profile(text, file="mine.toml")
    assert fault.value.line == 1 + text[: text.index("[[exclusions]]")].count("\n")


CONTRADICTORY = """extends = "border"
name = "mine"
valid_from = "2026-06-01"
valid_until = "2026-01-01"

[levels]
alarm_milli = -1700

[[rules]]
name = "meeting of two vessels"
weight = 10.5

[[exclusions]]
name = "no waiting"
text = "we never look at it"
behaviours = ["loitering"]

[[rules]]
name = "short and long"
family = "rendezvous"
weight = 1.0
behaviours = ["rendezvous"]
at_least = { duration_s = 7200 }
at_most = { duration_s = 3600 }
"""


def test_rules_that_contradict_each_other_are_all_told_with_line_and_remedy_before_anything_runs(tmp_path):
    mine, out, sea = tmp_path / "mine.toml", tmp_path / "out", tmp_path / "sea.nmea"
    mine.write_text(CONTRADICTORY, encoding="utf-8")
    sea.write_bytes(b"")
    asked = CliRunner().invoke(app, ["rules", "check", str(mine)])
    assert asked.exit_code == 2
    rows = CONTRADICTORY.splitlines()
    for text, what, remedy in (
        ('valid_until = "2026-01-01"', "ends before it begins", "must be later than valid_from"),
        ("alarm_milli = -1700", "levels are not in rising order", "caution_milli < warning_milli < alarm_milli"),
        ("weight = 10.5", "weight 10.5 is not in 0-10", "weights are log-odds"),
        ("[[exclusions]]", "'waiting where vessels do not wait' would never fire: the exclusion 'no waiting'", "narrow the exclusion"),
        ("at_least = { duration_s = 7200 }", "cannot be at least 7200 and at most 3600", "exchange them"),
    ):
        assert re.search(rf"mine\.toml:{1 + rows.index(text)}: .*{what}.*{remedy}", asked.output), asked.output
    ran = CliRunner().invoke(app, ["replay", str(sea), "--profile", str(mine), "--out", str(out)])
    assert isinstance(ran.exception, ConfigError)
    assert not out.exists()


def test_the_documents_name_every_key_and_quote_the_message():
    text = (PROFILES.parent / "docs" / "rules.md").read_text(encoding="utf-8")
    structs = (Profile, Rule, Context, Exclusion, Budget, Levels, Family, Corroboration, CaseLimits)
    keys = {field.name for kind in structs for field in msgspec.structs.fields(kind)}
    assert len(keys) > 30
    missing = [key for key in sorted(keys) if key not in text]
    assert not missing
    with pytest.raises(ConfigError) as fault:
        load_profile(GOOD.replace('behaviours = ["loitering"]\n', ""), file="my-waters.toml")
    assert str(fault.value) in text


def test_an_unknown_key_hides_neither_a_family_that_is_not_there_nor_levels_out_of_order():
    text = (
        GOOD.replace("weight = 0.7", "weight = 0.7\nbehaviour = []")
        .replace("alarm_milli = -400", "alarm_milli = -4000", 1)
        .replace('family = "dark"', 'family = "dork"', 1)
    )
    with pytest.raises(ConfigError) as fault:
        load_profile(text, file="mine.toml")
    for words in ("did you mean 'behaviours'", "no family 'dork'", "not in rising order"):
        assert words in str(fault.value)


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
    profile = read_profile(path.stem)
    assert profile.name == path.stem
    assert profile.owner
    assert profile.description


def test_there_are_shipped_profiles():
    assert {path.stem for path in PROFILES.glob("*.toml")} == {"border", "cable-watch", "high-seas-transshipment", "rescue", "small-island"}


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
    assert reading(bare, "watch_distance_nm") is None  # inside the contiguous zone, which is no border
    belt, own = ZoneRelation("belt-12nm", "v", "territorial_sea", "near", 8.0), ZoneRelation("own", "v", "eez", "inside", 0.0)
    assert reading(msgspec.structs.replace(bare, zones=[*bare.zones, own, belt]), "watch_distance_nm") == 8.0
    assert reading(msgspec.structs.replace(bare, zones=[ZoneRelation("beach", "v", "watch", "inside", 0.0), belt]), "watch_distance_nm") == 0.0
    assert reading(bare, "duration_s") == 2700.0
    assert reading(bare, "draught_m") is None


def test_detector_overrides_are_handed_through_unread():
    assert shipped("high-seas-transshipment").detectors == {"loitering": {"duration_s_min": {"offshore": 14400, "border": 14400, "inshore": 14400}}}


def test_size_watchlist_time_and_exceptions_are_criteria():
    event = make("loitering", [257000001], 60 * 13, detected_min=60 * 14)  # Thursday 2026-01-01, 13 to 14 h
    sized = msgspec.structs.replace(event, subjects=[msgspec.structs.replace(event.subjects[0], loa_m=24.0)])
    assert Where(loa_m_max=24.0).met(sized)
    assert not Where(loa_m_min=24.5).met(sized)
    assert not Where(loa_m_max=24.0).met(event)  # nobody knows its length
    assert Where(hours_utc=[14, 15]).met(event)
    assert not Where(hours_utc=[15, 13]).met(event)
    assert Where(weekdays=["thu"], months=[1]).met(event)
    assert not Where(weekdays=["fri"]).met(event)
    assert not Where(months=[2]).met(event)
    assert Where(valid_from="2026-01-01", valid_until="2026-01-01T13:01Z").met(event)
    assert not Where(valid_until="2026-01-01T13:00Z").met(event)
    hit = make("watchlist", [1], subtype="probable")
    hit.measures["list"] = "ours"
    assert Where(watchlists=["ours"]).met(hit)
    assert not Where(watchlists=["theirs"]).met(hit)
    rule = Rule(name="x", weight=1.0, family="f", behaviours=["loitering"], unless=[Where(ship_types=[70], months=[1])])
    assert not rule.met(event)
    assert Rule(name="x", weight=1.0, family="f", behaviours=["loitering"], unless=[Where(ship_types=[70], months=[2])]).met(event)


@given(st.integers(0, 24), st.integers(0, 24), st.integers(0, 4000), st.integers(0, 3000))
def test_hours_agree_with_looking_at_every_minute(first, last, start_min, lasting_min):
    if (last - first) % 24 == 0:
        return
    event = make("loitering", [1], start_min, end_min=start_min + lasting_min, detected_min=start_min + lasting_min)
    hours = {hour % 24 for hour in range(first, last + 24 * (last < first))}
    assert Where(hours_utc=[first, last]).met(event) == any(minute // 60 % 24 in hours for minute in range(start_min, start_min + lasting_min + 1))


def test_an_excluded_event_never_counts():
    text = GOOD + '\n[[exclusions]]\nname = "survey ships"\ntext = "they work"\nship_types = [70]\nat_most = { coast_distance_nm = 20 }\n'
    profile = load_profile(text, file="mine.toml")
    assert profile.rule_for(make("loitering", [1], coast_nm=15.0)) is None
    assert profile.rule_for(make("loitering", [1], coast_nm=25.0)) is not None


def test_a_profile_that_has_run_out_says_so():
    profile = load_profile('valid_from = "2026-01-02"\nvalid_until = "2026-02-01"\n' + GOOD, file="mine.toml")
    assert run_out(profile, T0_MS) == "profile 'border' is valid only from 2026-01-02"
    assert run_out(profile, T0_MS + 25 * HOUR_MS) == ""
    assert run_out(profile, T0_MS + 40 * 24 * HOUR_MS) == "profile 'border' was valid until 2026-02-01"


@pytest.mark.parametrize("path", sorted(PROFILES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_profile_is_told_in_plain_words(path):
    profile = read_profile(path.stem)
    text = "\n".join(profile_text(profile))
    items = [*profile.rules, *profile.contexts, *profile.exclusions]
    assert len({slug(item.name) for item in items}) == len(items)
    for item in items:
        told = "\n".join(rule_text(profile, item))
        assert told in text
        for name in item.behaviours:
            assert name.replace("_", " ") in told
            assert BEHAVIOURS_SAID[name] in told
    assert profile.owner in text


def test_every_name_that_a_rule_may_use_has_words_for_the_watch():
    assert set(BEHAVIOURS_SAID) == set(BEHAVIOURS)
    assert {subtype for subtypes in BEHAVIOURS.values() for subtype in subtypes} == set(SUBTYPES_SAID)


def test_a_rule_tells_what_comes_of_it_alone_and_in_each_circumstance():
    profile = shipped()
    rules = {slug(rule.name): "\n".join(rule_text(profile, rule)) for rule in profile.rules}
    assert "By itself and fully sure: no alert (7.6 of 100), in 'border' a warning (37.8)" in rules["silent-near-the-border"]
    assert "never changes a level" in rules["named-like-an-entry-of-a-watchlist"]
    cables = read_profile("cable-watch")
    drag = next(rule for rule in cables.rules if rule.name.startswith("anchor dragged"))
    waiting = next(rule for rule in cables.rules if rule.name == "waiting above a cable or pipeline")
    assert "in 'seen at a cable or pipeline' an alarm" in "\n".join(rule_text(cables, drag))
    assert "seen at" not in "\n".join(rule_text(cables, waiting))  # that circumstance is of deeds only


TOLD_TYPES = [
    ([30, 36, 37], "fishing, sailing or a pleasure craft (AIS type 30, 36-37)"),
    (list(range(60, 70)), "a passenger ship (AIS type 60-69)"),
    ([0, 99, 255], "of no stated kind or of another kind (AIS type 0, 99, 255)"),
]


@pytest.mark.parametrize(("types", "text"), TOLD_TYPES)
def test_ship_types_are_told_as_trades(types, text):
    rule = Rule(name="who", weight=1.0, family="dark", behaviours=["dark"], ship_types=types)
    assert f"a vessel that says it is {text}" in "\n".join(rule_text(shipped(), rule))


def test_every_criterion_is_told():
    full = Rule(name="all of it", weight=1.0, family="dark", behaviours=["dark"], subtypes=["suspicious"], zone_ids=["z1"], zone_kinds=["eez"],
                zone_subkinds=["cable"], mids=[257], ship_types=[30], loa_m_min=3.0, loa_m_max=9.0, watchlists=["ours"], hours_utc=[20, 4],
                weekdays=["mon"], months=[7], valid_from="2026-01-01", valid_until="2027-01-01", at_least={"gap_s": 7200}, at_most={"speed_kn_max": 4},
                unless=[Where(mids=[258])])  # fmt: skip
    told = "\n".join(rule_text(shipped(), full))
    for words in ("dark (suspicious), that is silence: where others were heard",
                  "z1", "eez or cable", "257", "type 30", "at least 3 m and at most 9 m", "ours", "20 and 04 h UTC", "on mon", "month 7",
                  "from 2026-01-01", "until 2027-01-01", "silent for at least 2 h 00 min",
                  "highest speed at most 4 kn", "Not counted: any behaviour; a vessel with country digits 258"):  # fmt: skip
        assert words in told
    assert all(getattr(full, name) for name in CRITERIA)


def test_the_schema_has_every_key():
    schema = profile_schema()
    parts = schema["$defs"]
    for kind in (Profile, Rule, Context, Exclusion, Budget, Levels, Family, Corroboration, CaseLimits):
        assert {field.name for field in msgspec.structs.fields(kind)} <= set(parts[kind.__name__]["properties"])
        assert parts[kind.__name__]["additionalProperties"] is False
    assert "loitering" in parts["Params"]["properties"]
    assert parts["Profile"]["required"] == ["name"]
    assert {"extends", "without"} <= set(parts["Profile"]["properties"])
