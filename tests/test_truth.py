"""The truth table on fixed seeds: floors are what was really reached; the scorer of recordings against cases worked out by hand."""

from __future__ import annotations

import math
import os
from collections import Counter

import msgspec
import numpy as np
import pytest

from benchmarks.contender import ROOT
from benchmarks.truth import ALONE, FAR, UNLEARNED, UNSEEN, leave_out_unknowable, measure
from benchmarks.truth_recordings import compare_gaps, compare_stops, score_pairs, silences, spans
from benchmarks.truth_report import document, goals, kept, pooled, summary_lines
from benchmarks.truth_seas import BENCHES, SHORT, STILL, jobs_of, titles
from dogwatch.times import from_iso
from sim.area import place_at
from sim.cast import cast
from sim.scenario import T_START_MS, load_scenario, scenario_text
from sim.ship import BASE
from sim.truth import truth_rows
from tracks.coverage import Coverage, cell_key


def test_seas_are_whole_and_named_once(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert set(titles()) == {bench.name for bench in (*BENCHES, *SHORT)}
    assert max(Counter(bench.name for bench in (*BENCHES, *SHORT)).values()) == 1
    jobs = jobs_of(BENCHES, [5, 6, 7], tmp_path)
    assert len({job.place for job in jobs}) == len(jobs)
    assert {job.bench.name for job in jobs} == {bench.name for bench in BENCHES}
    assert {job.seed for job in jobs if job.bench.name in STILL} == {5, 6, 7}


@pytest.mark.parametrize(
    ("both", "precision", "recall"),
    [
        ([("a", "1"), ("a", "1"), ("b", "2"), ("b", "2")], 1.0, 1.0),
        ([("a", "1"), ("a", "1"), ("b", "1"), ("b", "1")], 2 / 6, 1.0),  # everything in one track
        ([("a", "1"), ("a", "2"), ("b", "3"), ("b", "3")], 1.0, 0.5),
        ([("a", "none 0"), ("a", "none 1")], 0.0, 0.0),
    ],
)
def test_pairs_that_share_a_segment(both, precision, recall):
    score = score_pairs(both)
    assert (score["precision"], score["recall"]) == (pytest.approx(precision, abs=1e-4), pytest.approx(recall, abs=1e-4))
    assert score["f1"] == pytest.approx(2 * precision * recall / (precision + recall) if precision else 0.0, abs=1e-4)


def test_spans_go_from_a_start_to_the_next_end_of_the_same_vessel():
    marks = [(1, 0, {"GAP_START"}), (2, 5, {"GAP_END"}), (1, 9, {"GAP_END", "STOP_START", "GAP_START"}), (1, 20, {"GAP_END"})]
    assert spans(marks, "GAP") == [(1, 0, 9), (1, 9, 20)]
    assert silences([(1, 0), (1, 1000), (1, 902_000), (2, 903_000)], 900.0) == [(1, 1000, 902_000)]


def test_gaps_and_stops_are_put_into_classes():
    minute = 60_000
    quiet = [(1, 0, 20 * minute), (1, 40 * minute, 45 * minute), (2, 0, 16 * minute)]
    told = compare_gaps([(1, 0, 20 * minute), (1, 40 * minute, 45 * minute), (3, 0, minute)], [quiet[0], quiet[2]], quiet)
    assert (told.theirs, told.ours, told.same) == (3, 2, 1)
    assert told.only_theirs == {"shorter than our 15 minutes": 1, "several short silences taken together, or removed noise between": 1}
    assert told.only_ours == {"not marked by them, under 30 min": 1}
    told = compare_stops([(1, 0, 60 * minute), (1, 70 * minute, 75 * minute), (2, 0, 30 * minute)], [(1, 0, 50 * minute), (2, 0, 90 * minute)], [], [], set())
    assert (told.same, sum(told.only_theirs.values()), told.only_ours) == (1, 2, {"holds shorter stops of theirs": 1})
    assert told.only_theirs["a piece of one longer stop of ours"] == 1
    ours = [(3, 0, 60 * minute), (4, 0, 60 * minute), (5, 0, 60 * minute)]
    told = compare_stops([], ours, [], [(3, -5 * minute), (4, -20 * minute)], {ours[1]})
    assert told.only_ours == {
        "begun by them and never ended": 1,
        "not marked by them, without way by its positions": 1,
        "not marked by them, creeping by its positions": 1,
    }


def share(hits: int, total: int) -> dict:
    return {"hits": hits, "total": total, "value": None, "low": 0.0, "high": 1.0}


def test_shares_are_pooled_over_their_counts_and_goals_say_what_is_not_met():
    assert pooled([share(1, 2), share(3, 4)]).value == pytest.approx(4 / 6, abs=1e-4)
    report = {"behaviours": [{"behaviour": "loitering", "precision": share(19, 20), "recall": share(9, 20)}], "hard_negatives": [{"alarmed": share(1, 100)}]}
    met = {goal["goal"]: goal["met"] for goal in goals({"report": report, "still": {"clean": {"runs": 3, "alerts": [1]}}})}
    assert (met["loitering: precision"], met["loitering: recall"], met["rendezvous: recall"]) == (True, False, None)
    assert met["clean: alerts about a vessel in 3 runs"] is False
    assert met["look-alikes alarmed, all kinds"] is True


# What the detectors reach on the short sea of seed 11: recall and precision of each, at least; a figure that falls is a detector that got worse. All
# were 1.0 where nothing else is said; of many, as much may be lost as the interval at 95 % allows.
FLOORS = {
    "anomaly/course": (1.0, 1.0),
    "anomaly/speed": (1.0, 1.0),
    "identity/bad_mmsi": (1.0, 1.0),
    "identity/class_conflict": (1.0, 1.0),
    "identity/dup_mmsi": (1.0, 1.0),
    "identity/imo_conflict": (1.0, 1.0),
    "identity/mmsi_handover": (1.0, 1.0),
    "identity/static_change": (1.0, 1.0),
    "infra/anchor_drag": (1.0, 1.0),
    "infra/cable_approach": (1.0, 1.0),
    "infra/over_cable": (1.0, 1.0),
    "loitering": (0.66, 0.75),
    "port_visit": (1.0, 1.0),
    "position_anomaly": (0.75, 0.75),
    "position_lost": (1.0, 1.0),
    "rendezvous": (0.8, 0.8),
    "safety/aground": (1.0, 1.0),
    "safety/assist": (1.0, 1.0),
    "safety/beacon": (1.0, 1.0),
    "safety/collision_risk": (1.0, 0.3),  # ordinary ships come close as well
    "safety/drift": (1.0, 1.0),
    "safety/nuc": (1.0, 1.0),
    "safety/status14": (1.0, 1.0),
    "safety/sudden_stop": (1.0, 1.0),
    "safety/test": (1.0, 1.0),
    "safety/text": (1.0, 1.0),
    "zone/cross_line": (0.8, 0.8),
}
LOOK_ALIKES_ALARMED = 0.08  # 3 of 75 were


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The short sea with one fixed seed, through the whole product."""
    before = os.getcwd()
    os.chdir(ROOT)
    try:
        return measure(SHORT, [11], tmp_path_factory.mktemp("truth"))
    finally:
        os.chdir(before)


def test_the_short_sea_holds_its_floors(told):
    rows = {row["behaviour"]: row for row in told["report"]["behaviours"]}
    reached = {name: (rows[name]["recall"]["value"], rows[name]["precision"]["value"]) for name in FLOORS}
    short = {name: got for name, got in reached.items() if got[0] < FLOORS[name][0] or (got[1] or 0.0) < FLOORS[name][1]}
    assert not short, short
    assert pooled([row["alarmed"] for row in told["report"]["hard_negatives"]]).value <= LOOK_ALIKES_ALARMED


def test_the_document_says_what_was_measured(told):
    whole = (
        told
        | {"silences": {"": {"silences": 5, "told": 4}, ALONE: {"silences": 3, "told": 0}}}
        | {"machine": {"date": "2026-01-01", "commit": "c", "cpu": "x", "cores": 2, "python": "3"}, "versions": {"numpy": "2"}, "detectors": ["a"]}
    )
    whole |= {"seconds": 1, "recordings": {"`r`": {"lines": ["said"], "goal": "found", "reached": {"wanted": "yes", "reached": "no", "met": False}}}}
    whole["goals"] = goals(whole)
    text = document(whole)
    for row in told["report"]["behaviours"]:
        assert f"| `{row['behaviour']}` | {row['truth']} |" in text
        assert f"| {row['events']} | {row['false_alarms']} |" in text
    assert "| `r`: found | yes | no | NO |" in text
    assert "seeds 11" in text
    assert "| asked for | 5 | 4 |" in text
    assert f"| {ALONE} | 3 | 0 |" in text
    assert "said" in text
    misses = told["report"]["misses"]
    assert all(any(item["again"] in text for item in misses if item["behaviour"] == name) for name in {item["behaviour"] for item in misses})
    assert any(line.startswith("NO   `r`: found: no") for line in summary_lines(whole))
    again = msgspec.json.decode(kept(whole))
    assert document(again) == text, "what is kept says as much as the document needs"
    assert sum(item["count"] for item in again["report"]["false_alarms"]) == len(told["report"]["false_alarms"])
    assert kept(again) == kept(whole)


def test_results_that_are_kept_are_small():
    file = ROOT / "benchmarks" / "results" / "truth.json"
    assert 20_000 < file.stat().st_size <= 200_000
    found = msgspec.json.decode(file.read_bytes())
    assert all(item["again"].startswith("dogwatch sim ") and item["count"] >= 1 for item in found["report"]["misses"] + found["report"]["false_alarms"])


def test_a_silence_is_asked_for_only_where_it_would_have_been_heard_and_in_company(tmp_path):
    learned, file = Coverage(), tmp_path / "truth.ndjson"
    group, here, there = learned.group("EX-hill"), (54.0, 10.0), (55.0, 10.0)
    keys = [cell_key(round(lat * 600_000), round(lon * 600_000), 0, group) for lat, lon in (here, there)]
    learned.learn(np.array(sorted(30 * keys), np.int64), np.array(10 * keys[1:], np.int64))
    dark = {"type": "dark", "state": "closed", "scored": True, "visible": True, "lat": here[0], "lon": here[1], "measures": {"company": 3}}
    elsewhere = [{"lat": lat, "lon": lon} for lat, lon in (there, (10.0, 10.0))]
    rows = [dark | other for other in ({}, *elsewhere, {"measures": {"company": 2}}, {"visible": False}, {"scored": False})]
    rows += [{"type": "zone", "scored": True}, dark | {"state": "retracted", "scored": False}]
    file.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    leave_out_unknowable(file, learned)
    found = [msgspec.json.decode(line) for line in file.read_bytes().splitlines()]
    assert [row.get("unasked") for row in found] == ["", UNLEARNED, UNLEARNED, ALONE, UNSEEN, FAR, None, None]
    assert [row["scored"] for row in found] == [True, False, False, False, False, False, True, False]


def test_a_silence_says_who_else_is_near():
    scenario, seed, near = load_scenario(scenario_text("dark"), file="dark"), 5, 0.1
    rows = [row for row in truth_rows(scenario, seed) if row["type"] == "dark" and row["state"] != "retracted"]
    assert rows
    who = cast(scenario, seed, scenario.duration_s)
    ships = [ship for ship in who.background + [one for scene in who.scenes for one in scene.ships] if ship.kind < BASE]
    for row in rows:
        half_s = sum((from_iso(row[name]) - T_START_MS) / 2000 for name in ("t_start", "t_end"))
        others = [s for s in ships if s.identity.mmsi not in row["mmsi"] and s.plan.knots[0][0] <= half_s < s.plan.t_s]
        others = [s for s in others if next(k for k in reversed(s.plan.knots) if k[0] <= half_s)[5]]
        steps = [[abs(math.floor(a / near) - math.floor(b / near)) for a, b in zip(place_at(s.plan, half_s), (row["lat"], row["lon"]))] for s in others]
        assert abs(row["measures"]["company"] - sum(max(pair) <= 1 for pair in steps)) <= 1, "at a cell's edge turns are rounded"
