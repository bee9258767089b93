"""The benchmark of the detectors: its seas hold what was planted, every contender gives an answer, the report says what is so. No timing."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import tracks, tracks_ours
from benchmarks.contender import ROOT, Contender
from benchmarks.tracks_lines import lines_of, zones_of
from benchmarks.tracks_report import goals, not_won, show
from benchmarks.tracks_seas import (
    HOUR_MS,
    PIECE_MS,
    PLAN,
    T0_MS,
    Recipe,
    geography_of,
    imo_numbers,
    numbers,
    plan_of,
    read_sea,
    rows_between,
    write_sea,
)
from dogwatch.batch import F_LATE
from dogwatch.mids import imo_is_valid, mmsi_fault
from ingest.decode import DecodeState, decode

SMALL = Recipe("small", 1500, 6.0, 20, 0.4, rendezvous=4, loiterers=5, gaps=6, meeting_hours=(1.0, 2.0), drift_hours=(4.7, 5.5), gap_hours=(1.0, 2.0), seed=3)
FEW = replace(SMALL, name="few", vessels=60, hours=4.0, rendezvous=1, loiterers=0, gaps=1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("seas")


@pytest.fixture(scope="module")
def small(cache: Path) -> tracks_ours.Prepared:
    return tracks_ours.prepare(str(write_sea(SMALL, cache).folder))


def test_rows_stand_in_order_and_do_not_depend_on_the_pieces(small: tracks_ours.Prepared) -> None:
    rows = small.rows
    assert (np.diff(rows["release_ms"]) >= 0).all()
    plan, facts = plan_of(SMALL)
    assert facts == small.sea.facts
    for piece in (0, 5):
        from_ms = T0_MS + piece * PIECE_MS
        again = rows_between(plan, SMALL, from_ms, from_ms + PIECE_MS)
        kept = rows[(rows["release_ms"] >= from_ms) & (rows["release_ms"] < from_ms + PIECE_MS)]
        assert again.tobytes() == kept.tobytes()
    assert read_sea(small.sea.folder).recipe == SMALL


def test_a_sea_is_as_its_recipe_says(small: tracks_ours.Prepared) -> None:
    rows, plan = small.rows, np.fromfile(small.sea.folder / "plan.bin", PLAN)
    assert len(np.unique(plan["mmsi"])) == SMALL.vessels
    expected = (SMALL.hours * HOUR_MS / plan["interval_ms"]).sum()
    assert 0.95 * expected < len(rows) < 1.02 * expected
    assert 0.003 < ((rows["flags"] & F_LATE) != 0).mean() < 0.007
    assert 0.2 < (rows["msg_type"] == 3).mean() < 0.3, "moored: 45 % of the vessels, a third as often"
    for mmsi, from_ms, to_ms in small.sea.facts["gaps"]:
        own = rows[(rows["mmsi"] == mmsi) & ((rows["flags"] & F_LATE) == 0)]
        assert not ((own["t_ms"] > from_ms + 1000) & (own["t_ms"] < to_ms - 1000)).any()


def test_what_was_planted_is_found(small: tracks_ours.Prepared) -> None:
    state = tracks_ours.new_state(small, None)
    newest = {}
    for found in tracks_ours.minutes(small, state):
        newest |= {event.event_id: event for event in found}
    events = [event for event in newest.values() if event.state != "retracted"]
    facts = small.sea.facts
    met = {tuple(event.mmsi) for event in events if event.type == "rendezvous" and event.state != "candidate"}
    assert {tuple(fact[:2]) for fact in facts["rendezvous"]} <= met
    loitered = {event.mmsi[0] for event in events if event.type == "loitering" and event.state != "candidate"}
    assert {fact[0] for fact in facts["loiterers"]} <= loitered
    silent = {event.mmsi[0] for event in events if event.type == "dark"}
    assert len({fact[0] for fact in facts["gaps"]} & silent) >= 5, "of six: where nobody has sailed yet, the coverage is unknown"
    assert state.counters["table_full"] == 0
    assert sum(state.table.counts().values()) == len(small.rows), "every row is accounted for"


def test_a_dense_harbour_is_dense_and_has_no_mask(cache: Path) -> None:
    recipe = Recipe("dense", 300, 1.0, dense=True, jumps=0.0)
    sea = write_sea(recipe, cache)
    rows = sea.load()
    assert np.ptp(rows["lat"]) / 600_000 * 111_195 < 4_200
    geography = geography_of(recipe)
    assert not geography.masked(rows["lat"] / 600_000, rows["lon"] / 600_000).any()
    assert not geography.on_land(rows["lat"][:1000] / 600_000, rows["lon"][:1000] / 600_000).all()


def test_lines_of_a_sea_are_decoded_to_its_rows(small: tracks_ours.Prepared) -> None:
    data = lines_of(small.sea, 0.5)
    state = DecodeState("bench")
    batch = decode(state, data, final=True)
    assert sum(state.counts.rejected.values()) == 0
    assert set(state.counts.decoded) == {"1", "3", "5", "18", "24"}
    wanted = small.rows[(small.rows["release_ms"] < T0_MS + HOUR_MS // 2) & ((small.rows["flags"] & F_LATE) == 0)]
    assert len(batch.fixes) == len(wanted)
    assert int(batch.fixes["lat"].astype(np.int64).sum()) == int(wanted["lat"].astype(np.int64).sum())


def test_zones_are_drawn_over_the_region() -> None:
    zones = zones_of(SMALL, 20)
    assert len(zones.zones) == 20
    cables = [zone for zone in zones.zones if zone.subkind == "cable"]
    assert len(cables) == 2
    assert all(not zone.is_area and zone.buffer_nm == 0.25 and 14 < length_nm(zone.edges) < 70 for zone in cables)
    assert all(zone.is_area and len(zone.edges) == 400 for zone in zones.zones if zone.subkind != "cable")


def length_nm(edges: np.ndarray) -> float:
    lat, lon = edges[:, [0, 2]] / 600_000, edges[:, [1, 3]] / 600_000
    return float(np.hypot(np.diff(lat), np.diff(lon) * np.cos(np.radians(lat[:, :1]))).sum() * 60)


def test_vessels_have_numbers_that_exist(small: tracks_ours.Prepared) -> None:
    plan = np.fromfile(small.sea.folder / "plan.bin", PLAN)
    assert not any(mmsi_fault(mmsi) for mmsi in [*plan["mmsi"].tolist(), *numbers(1_000_000)[::371].tolist()])
    assert len(np.unique(numbers(1_000_000))) == 1_000_000
    has = plan["imo"] > 0
    assert 0.5 < has.mean() < 0.9
    assert imo_is_valid(plan["imo"][has]).all()
    assert len(np.unique(imo_numbers(800_000))) == 800_000


@pytest.fixture
def contenders() -> Iterator[dict[str, Contender]]:
    made = {
        tracks.OURS: Contender(tracks.OURS, *tracks.MODULES[tracks.OURS], worker="benchmarks.tracks_worker"),
        "duckdb": Contender("duckdb", Path("/nowhere/python"), "benchmarks.peers_duckdb", worker="benchmarks.tracks_worker"),
    }
    yield made
    for contender in made.values():
        contender.close()


def test_the_report_holds_every_part_and_says_what_is_absent(cache: Path, contenders: dict[str, Contender], capsys: pytest.CaptureFixture[str]) -> None:
    dense = Recipe("few-dense", 40, 1.0, dense=True, jumps=0.0)
    made = {recipe: write_sea(recipe, cache) for recipe in (FEW, dense)}
    seas = {part: made[dense if "dense" in part else FEW] for part in tracks.recipes(quick=True)}
    told = tracks.report(contenders, seas, argparse.Namespace(rounds=1, quick=True, without_zones=True, parts=list(tracks.PARTS)))
    assert told["contenders"]["duckdb"]["absent"] == "not installed"
    assert {row["way"] for row in told["results"] if row["sea"] == "day"} == set(tracks.DAY_WAYS[tracks.OURS])
    assert all(row["answers"]["detectors"] for row in told["results"] if row["way"] not in ("table",))
    assert {goal["met"] for goal in told["goals"] if "DuckDB" in goal["name"]} == {None}
    assert told["memory"]["answers"]["state_bytes"] > 128
    show(told)
    printed = capsys.readouterr().out
    assert "where we do not win" in printed
    assert "twice the gaps" in printed

    slow = [{**row, "contender": "duckdb", "m_per_cpu_s": 1e9} for row in told["results"]]
    assert sum("duckdb" in line for line in not_won({**told, "results": told["results"] + slow})) == len(slow)
    fast = [{**row, "m_per_cpu_s": 1e9} for row in told["results"]]
    assert all(goal["met"] for goal in goals({**told, "results": fast}) if "vessels, M/s" in goal["name"])


def test_every_peer_offers_the_ways_that_are_asked_of_it() -> None:
    """By the text of the modules: peers live in environments of their own."""
    for name in ("duckdb", "polars", "movingpandas"):
        text = (ROOT / "benchmarks" / f"peers_{name}.py").read_text()
        for ways in (tracks.DAY_WAYS, tracks.MILLION_WAYS, tracks.DENSE_WAYS):
            assert all(f'"{way}"' in text for way in ways.get(name, ()))


def test_help_has_an_example() -> None:
    done = subprocess.run([sys.executable, "-m", "benchmarks.tracks", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "make bench-tracks" in done.stdout
