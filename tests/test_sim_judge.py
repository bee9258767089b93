"""The judge on cases made by hand: each row of the table is one rule of matching."""

from __future__ import annotations

import contextlib
import shlex
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dogwatch.errors import InputError
from dogwatch.times import iso
from runners.cli import app
from runners.judging import find_runs
from sim.judge import Run, about, judge, judge_runs, overlap
from sim.recipe import command_of, sea_row
from sim.report import spread, wilson

HOUR = 3_600_000


def event(name: str, start_h: float, end_h: float | None, mmsi=(1,), *, kind="loitering", subtype="", state="closed", version=1, detected_h=None, at=None):
    t_end = None if end_h is None else round(end_h * HOUR)
    detected = round((detected_h if detected_h is not None else end_h or start_h) * HOUR)
    found = {"event_id": name, "version": version, "state": state, "type": kind, "subtype": subtype, "mmsi": list(mmsi)}
    found |= {"lat": at[0], "lon": at[1]} if at else {}
    return {**found, "t_start": iso(round(start_h * HOUR)), "t_end": iso(t_end), "t_detected": iso(detected)}


def fact(start_h: float, end_h: float, mmsi=(1,), *, visible=True, scored=True, innocent=False, cause="scripted", scene="", **kind):
    row = event(f"truth-{start_h}-{mmsi}", start_h, end_h, mmsi, state="retracted" if innocent else "closed", **kind)
    return {**row, "cause": cause, "behaviour": scene, "visible": visible, "scored": scored and not innocent}


BEACON = {"kind": "safety", "subtype": "beacon"}
BAD = {"kind": "identity", "subtype": "bad_mmsi"}
# events, truth, then of the one behaviour: truth, found, false alarms
CASES = {
    "exact": ([event("a", 1, 2)], [fact(1, 2)], 1, 1, 0),
    "half of the union": ([event("a", 1, 2)], [fact(1, 3)], 1, 1, 0),
    "less than half": ([event("a", 1, 1.9)], [fact(1, 3)], 1, 0, 1),
    "other vessel": ([event("a", 1, 2, (2,))], [fact(1, 2)], 1, 0, 1),
    "only one of the pair": ([event("a", 1, 2, (1,))], [fact(1, 2, (1, 2))], 1, 0, 1),
    "order of the pair is nothing": ([event("a", 1, 2, (2, 1))], [fact(1, 2, (1, 2))], 1, 1, 0),
    "candidates do not count": ([event("a", 1, 2, state="candidate")], [fact(1, 2)], 1, 0, 0),
    "retracted at last": ([event("a", 1, 2), event("a", 1, 2, state="retracted", version=2)], [fact(1, 2)], 1, 0, 0),
    "the last version counts, in any order": ([event("a", 1, 2, version=2), event("a", 5, 6, version=1)], [fact(1, 2)], 1, 1, 0),
    "one fact is found once": ([event("a", 1, 2), event("b", 1, 2)], [fact(1, 2)], 1, 1, 1),
    "two ships under one bad number": ([event("a", 0, 4, **BAD)], [fact(0, 4, cause="one", **BAD), fact(0, 4, cause="other", **BAD)], 1, 1, 0),
    "an open event goes on to the end": ([event("a", 1, None), event("z", 0, 3, kind="system")], [fact(1, 3)], 1, 1, 0),
    "invisible: neither right nor wrong": ([event("a", 1, 2)], [fact(1, 2, visible=False)], 0, 0, 0),
    "not scored: no miss": ([], [fact(1, 2, scored=False)], 0, 0, 0),
    "innocent: whoever reports it is wrong": ([event("a", 1, 2)], [fact(1, 2, innocent=True)], 0, 0, 1),
    "beacon within a minute": ([event("a", 1.01, 1.5, **BEACON)], [fact(1, 1, **BEACON)], 1, 1, 0),
    "beacon too late": ([event("a", 1.02, 1.5, (9,), **BEACON)], [fact(1, 1, (9,), **BEACON)], 1, 0, 1),
    "an area is never known to the last vessel": ([event("a", 1, 2, (1, 2, 3), kind="gnss_area")], [fact(1, 2, (1, 2, 3, 4, 5), kind="gnss_area")], 1, 1, 0),
    "but for half of them": ([event("a", 1, 2, (1, 2), kind="gnss_area")], [fact(1, 2, (1, 2, 3, 4, 5), kind="gnss_area")], 1, 0, 1),
    "how a silence looks changes": ([event("a", 1, 2, kind="dark", subtype="reappeared")], [fact(1, 2, kind="dark", subtype="suspicious")], 1, 1, 0),
    "beacon heard again": ([event("a", 1, 1.2, **BEACON), event("b", 2, 2.5, **BEACON)], [fact(1, 1, **BEACON)], 1, 1, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_matching(name):
    events, truth, wanted, found, false = CASES[name]
    report = judge(events, truth)
    (row,) = [t for t in report.behaviours if t.behaviour in ("loitering", "gnss_area", "dark", "safety/beacon", "identity/bad_mmsi")]
    assert (row.truth, row.found, row.false_alarms) == (wanted, found, false)
    assert len(report.false_alarms) == false
    assert len(report.misses) == wanted - found


def test_two_hulls_under_one_mmsi_are_told_apart_by_place():
    here, there = (10.0, 10.0), (40.0, 40.0)
    facts = [fact(1, 3, cause="here"), fact(1.1, 3.1, cause="there")]
    for row, at in zip(facts, (here, there)):
        row |= {"lat": at[0], "lon": at[1]}
    # by their times alone the event of one hull would find the other
    swapped = [event("a", 1.1, 3.1, at=here), event("b", 1, 3, at=there)]
    (row,) = judge(swapped, facts).behaviours
    assert (row.truth, row.found, row.false_alarms) == (2, 2, 0)
    assert (row.start_error.median_s, row.end_error.median_s) == (360, 360)
    alone = judge(swapped[:1], facts)
    assert [miss.cause for miss in alone.misses] == ["there"]
    # a place that is a lie all over forbids nothing
    assert judge([event("a", 1, 3, at=(0.0, 0.0))], facts[:1]).behaviours[0].found == 1


def test_a_moment_has_no_end_to_be_wrong_about():
    (row,) = judge([event("a", 1, 9, **BEACON)], [fact(1, 1, **BEACON)]).behaviours
    assert (row.found, row.start_error.median_s, row.end_error.n) == (1, 0, 0)


def test_scenes_and_hard_negatives_have_tables_of_their_own():
    truth = [
        fact(1, 2, (1,), scene="drift"),
        fact(1, 2, (2,), scene="zigzag"),
        fact(1, 2, (3,), scene="drift", visible=False),
        fact(1, 2, (4, 5), scene="pilot_transfer", innocent=True, kind="rendezvous"),
        fact(5, 6, (6, 7), scene="pilot_transfer", innocent=True, kind="rendezvous"),
        fact(1, 9, (8,), scene="never_found", kind="identity", subtype="dup_mmsi"),
    ]
    events = [event("a", 1, 2, (1,)), event("b", 1, 1.2, (2,)), event("c", 1.5, 1.8, (4, 5), kind="rendezvous"), event("d", 1.5, 2.5, (5,), kind="dark")]
    report = judge(events, truth)
    assert {(t.scene, t.behaviour): (t.truth, t.unasked, t.found, t.false_alarms) for t in report.scenes} == {
        ("drift", "loitering"): (1, 1, 1, 0),
        ("zigzag", "loitering"): (1, 0, 0, 1),
        ("never_found", "identity/dup_mmsi"): (1, 0, 0, 0),
    }
    assert [(n.scene, n.alarmed.hits, n.alarmed.total, n.by) for n in report.hard_negatives] == [("pilot_transfer", 1, 2, {"dark": 1, "rendezvous": 1})]
    assert {a.behaviour: a.scenes for a in report.false_alarms} == {"loitering": ["zigzag"], "rendezvous": ["pilot_transfer"], "dark": ["pilot_transfer"]}
    assert {(m.scene, m.behaviour) for m in report.misses} == {("zigzag", "loitering"), ("never_found", "identity/dup_mmsi")}


def test_runs_are_matched_apart_and_counted_together():
    found, missed = ([event("a", 1, 2)], [fact(1, 2)]), ([event("a", 5, 6, (2,))], [fact(1, 2)])
    report = judge_runs([Run(*found, name="one"), Run(*missed, name="two", again="again")])
    (row,) = report.behaviours
    assert (report.runs, row.truth, row.found, row.false_alarms, row.delay.n) == (2, 2, 1, 1, 1)
    assert [(miss.run, miss.again) for miss in report.misses] == [("two", "again --only 1")]
    assert [(alarm.run, alarm.again) for alarm in report.false_alarms] == [("two", "again --only 2")]


def test_judging_some_vessels_gives_their_items_alone():
    events = [event("a", 1, 1.2), event("b", 1, 2, (2, 3), kind="rendezvous"), event("z", 0, 9, (), kind="system")]
    truth = [sea_row("dogwatch sim x", 0, HOUR), fact(1, 2), fact(1, 2, (2, 3), kind="rendezvous"), fact(1, 2, (3, 4), kind="rendezvous", innocent=True)]
    whole, part = judge(events, truth), judge(about(events, {1}), about(truth, {1}))
    assert [m for m in whole.misses if 1 in m.mmsi] == part.misses
    assert [f for f in whole.false_alarms if 1 in f.mmsi] == part.false_alarms
    assert len(part.behaviours) == 1
    assert command_of(about(truth, {1})) == "dogwatch sim x"


def test_the_row_about_the_sea_has_the_keys_of_truth_and_is_judged_by_nobody():
    row = sea_row("dogwatch sim strait --seed 7", 0, HOUR)
    assert set(row) >= set(fact(1, 2))
    assert judge([], [row]).behaviours == []


SEA = """name = "small"
title = "One drifter that is seen, one that is not"
region = [-42.0, 174.0, -41.0, 175.5]
duration_s = 7200.0
[[receivers]]
id = "hill"
lat_deg = -41.3
lon_deg = 174.9
antenna_m = 400.0
[[behaviours]]
kind = "loitering"
at = [-41.55, 174.85]
start_s = 0.0
duration_s = 6000.0
[[behaviours]]
kind = "loitering"
at = [-41.6, 174.9]
start_s = 3600.0
duration_s = 900.0
drift_kn = 0.8
approach_from_deg = 180.0
[[zones]]
id = "watched"
zone_kind = "watch"
points = [[-41.7, 174.7], [-41.7, 175.0], [-41.5, 175.0], [-41.5, 174.7]]
"""


def dogwatch(*words: str, folder: Path) -> str:
    """Output of the program in a folder."""
    with contextlib.chdir(folder):
        done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def test_the_printed_commands_show_a_miss_again(tmp_path):
    """One drifter stays for a quarter of an hour only: too short for the rule, so a miss for certain."""
    (tmp_path / "small.toml").write_text(SEA)
    dogwatch("sim", "small.toml", "--seed", "5", "--nmea", "sea.nmea", "--truth", "truth.ndjson", "--zones", "zones.geojson", folder=tmp_path)
    dogwatch("replay", "sea.nmea", "--out", "out", "--profile", "border", "--zones", "zones.geojson", folder=tmp_path)
    files = ("--events", "out/events.ndjson", "--truth", "truth.ndjson")
    report = msgspec.json.decode(dogwatch("judge", *files, "--json", folder=tmp_path))
    (miss,) = report["misses"]
    assert miss["cause"] == "drifts at 0.8 kn for 15 min"
    assert miss["again"] in dogwatch("judge", *files, folder=tmp_path)
    commands = [shlex.split(part) for part in miss["again"].split("&&")]
    assert [words[1] for words in commands] == ["sim", "replay", "judge"]
    assert commands[1][-4:] == ["--profile", "border", "--zones", "zones.geojson"]
    for words in commands[:-1]:
        dogwatch(*words[1:], folder=tmp_path)
    again = msgspec.json.decode(dogwatch(*commands[-1][1:], "--json", folder=tmp_path))
    assert [{**found, "run": "", "again": ""} for found in again["misses"]] == [{**miss, "run": "", "again": ""}]
    assert (tmp_path / "again" / "events.ndjson").read_bytes() == (tmp_path / "out" / "events.ndjson").read_bytes()


def test_folders_of_runs_are_found_and_wrong_words_refused(tmp_path):
    for name, where in (("b", "out"), ("a", ".")):
        (tmp_path / name / where).mkdir(parents=True)
        (tmp_path / name / "truth.ndjson").write_bytes(msgspec.json.encode(fact(1, 2)) + b"\n")
        (tmp_path / name / where / "events.ndjson").write_bytes(msgspec.json.encode(event("a", 1, 2)) + b"\n")
    assert [events.relative_to(tmp_path).as_posix() for events, _ in find_runs(tmp_path)] == ["a/events.ndjson", "b/out/events.ndjson"]
    done = CliRunner().invoke(app, ["judge", "--runs", str(tmp_path), "--json"])
    assert msgspec.json.decode(done.stdout)["runs"] == 2
    assert msgspec.json.decode(done.stdout)["behaviours"][0]["found"] == 2
    (tmp_path / "b" / "out" / "events.ndjson").unlink()
    with pytest.raises(InputError, match=r"no events.ndjson"):
        find_runs(tmp_path)
    with pytest.raises(InputError, match=r"no truth.ndjson"):
        find_runs(tmp_path / "a" / "nothing")
    for words in (["--events", "x"], ["--runs", ".", "--truth", "x"], [], ["--runs", ".", "--only", "EX"]):
        assert isinstance(CliRunner().invoke(app, ["judge", *words]).exception, InputError)


def test_a_tested_beacon_reported_as_distress_is_wrong_twice():
    report = judge([event("a", 1, 1, **BEACON)], [fact(1, 1, kind="safety", subtype="test")])
    assert {t.behaviour: (t.truth, t.found, t.false_alarms) for t in report.behaviours} == {
        "safety/beacon": (0, 0, 1),
        "safety/test": (1, 0, 0),
    }


def test_what_fooled_it_is_named_and_near_misses_are_kept():
    report = judge([event("a", 1, 1.5), event("b", 4, 5, (7,))], [fact(1, 3), fact(4, 6, (7,), innocent=True, cause="pilot transfer")])
    assert [f.fooled_by for f in report.false_alarms] == ["scripted", "pilot transfer"]
    assert [m.nearest for m in report.misses] == [0.25]


def test_delay_counts_from_the_first_version_shown():
    versions = [
        event("a", 1, 2, state="candidate", detected_h=1.1),
        event("a", 1, 2, state="open", version=2, detected_h=1.5),
        event("a", 1, 2, version=3, detected_h=2),
    ]
    (row,) = judge(versions, [fact(1, 2)]).behaviours
    assert (row.delay.median_s, row.start_error.median_s, row.end_error.median_s) == (1800, 0, 0)
    assert row.cells() == ("loitering", "1", "0", "1", "0", "1.00 (0.21-1.00)", "1.00 (0.21-1.00)", "1800/1800", "0/0", "0/0")


def test_nothing_to_judge_is_not_perfection():
    assert judge([], []).behaviours == []
    (row,) = judge([], [fact(1, 2)]).behaviours
    assert (row.precision.value, row.recall.value) == (None, 0.0)
    assert row.cells()[5] == "-"


def test_rows_of_another_kind_are_refused():
    with pytest.raises(InputError, match="truth"):
        judge([], [event("a", 1, 2)])
    with pytest.raises(InputError, match="event_id"):
        judge([{"alert_id": "x"}], [])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"t_start": "yesterday"}, "yesterday"),
        ({"t_start": None}, "t_start"),
        ({"mmsi": 1}, "mmsi"),
        ({"mmsi": ["1"]}, "mmsi"),
        ({"state": "clsoed"}, "clsoed"),
        ({"version": "2"}, "version"),
        ({"lat": "north", "lon": 1.0}, "lat"),
        ({"visible": "yes"}, "visible"),
        ({"scored": 1}, "scored"),
        ({"t_end": "1969-12-31T00:00:00Z"}, "ends before it starts"),
    ],
)
def test_a_row_of_wrong_values_is_named_with_its_line(tmp_path, wrong, says):
    """A fault of the file is no fault of ours, and a word that the judge does not know never counts as another."""
    (tmp_path / "truth").write_bytes(b"\n".join(map(msgspec.json.encode, (fact(1, 2), fact(3, 4) | wrong))))
    (tmp_path / "events").write_bytes(msgspec.json.encode(event("a", 1, 2)))
    done = CliRunner().invoke(app, ["judge", "--events", str(tmp_path / "events"), "--truth", str(tmp_path / "truth")])
    assert isinstance(done.exception, InputError)
    assert f"{tmp_path / 'truth'}:2: " in str(done.exception)
    assert says in str(done.exception)
    if not wrong.keys() & {"visible", "scored", "t_end"}:
        with pytest.raises(InputError, match=says):
            judge([event("b", 3, 4) | wrong], [])


def test_the_report_is_json():
    report = judge([event("a", 1, 2)], [fact(1, 2)])
    assert msgspec.json.decode(msgspec.json.encode(report))["behaviours"][0]["recall"]["value"] == 1.0


@pytest.mark.parametrize(("hits", "total", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)])
def test_wilson_intervals_are_the_published_ones(hits, total, low, high):
    share = wilson(hits, total)
    assert (share.low, share.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_spread_is_median_and_ninetieth_percentile():
    assert (spread([]).median_s, spread([]).text()) == (None, "-")
    assert (spread(range(0, 11_000, 1000)).median_s, spread(range(0, 11_000, 1000)).p90_s) == (5, 9)
    assert spread([4000]).text() == "4/4"


@given(*[st.integers(0, 100) for _ in range(4)])
def test_overlap_is_a_share_and_symmetric(a, b, c, d):
    one, two = {"t_start": min(a, b), "t_end": max(a, b) + 1}, {"t_start": min(c, d), "t_end": max(c, d) + 1}
    assert overlap(one, two) == overlap(two, one)
    assert 0 <= overlap(one, two) <= 1
    assert overlap(one, one) == 1
