"""The simulated sea: reproducible to the byte, reports as the standard prescribes, and its truth is what was really sent."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import lru_cache
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.events import event_from_json
from dogwatch.geo import great_circle_m
from dogwatch.times import from_iso
from sim.cast import build_world
from sim.identity import Registry, imo_number
from sim.motion import Plan, knot_rows, state_at
from sim.radio import interval_ms
from sim.scenario import T_START_MS, load_scenario, scenario_names, scenario_text
from sim.ship import CLASS_A, CLASS_B, CLASS_B_SO
from sim.simulate import simulate
from sim.truth import CLOSE_PASS, ODD_SPEED, TRAFFIC, truth_ndjson, truth_rows
from sim.world import starboard_of
from tests.naive_sim import message, read_lines

SEA = """
name = "test-sea"
title = "Two receivers, a few ships, one of each behaviour"
region = [-42.0, 174.0, -40.0, 176.0]
duration_s = 3600.0

[[receivers]]
id = "near"
lat_deg = -41.3
lon_deg = 174.9
antenna_m = 400.0
heard_share_max = 1.0
delay_ms = [50.0, 400.0]

[[receivers]]
id = "far"
lat_deg = -41.6
lon_deg = 175.2
antenna_m = 200.0
delay_ms = [100.0, 3500.0]
outages = [{ from_s = 1000.0, to_s = 2000.0 }]

[[routes]]
name = "lane"
points = [[-41.2, 174.4], [-41.5, 174.6], [-41.8, 174.7]]

[[fleets]]
kind = "lane"
count = 6
route = "lane"

[[fleets]]
kind = "lane"
count = 2
route = "lane"
speed_kn = [20.0, 21.0]

[[fleets]]
kind = "leisure"
count = 3
ais = "B"
centre = [-41.45, 174.75]
speed_kn = [5.0, 6.0]
loa_m = [8.0, 12.0]

[[fleets]]
kind = "moored"
count = 2
centre = [-41.35, 174.85]
radius_nm = 0.5

[[stations]]
kind = "base"
name = "BASE"
at = [-41.3, 174.9]

[[stations]]
kind = "aid"
name = "ROCK"
at = [-41.4, 174.8]

[[behaviours]]
kind = "loitering"
at = [-41.55, 174.85]
duration_s = 3000.0

[[behaviours]]
kind = "rendezvous"
at = [-41.65, 174.95]
start_s = 420.0
duration_s = 2700.0
distance_m = 150.0

[[behaviours]]
kind = "dark_period"
points = [[-41.45, 174.6], [-41.7, 175.0], [-41.8, 175.4]]
silent_from_s = 900.0
silent_s = 1800.0

[[behaviours]]
kind = "beacon"
at = [-41.5, 174.9]
at_s = 600.0
duration_s = 600.0

[[behaviours]]
kind = "beacon"
at = [-41.52, 174.9]
at_s = 100.0
duration_s = 130.0
device = "mob"
test = true

[[behaviours]]
kind = "passing_ships"
at = [-41.6, 174.7]
at_s = 1500.0

[[behaviours]]
kind = "quiet_boat"
at = [-41.4, 174.9]
silent_from_s = 600.0
silent_s = 1200.0
"""
SEED = 11
UNASKED = {TRAFFIC, ODD_SPEED, CLOSE_PASS}  # facts that nobody scripted


@lru_cache(maxsize=1)
def recording():
    """[(stamp ms, station, fields)] of the test sea, in order of reception."""
    data = b"".join(chunk.data for chunk in simulate(load_scenario(SEA, file="sea.toml"), SEED, tag_time="ms"))
    heard = list(read_lines(data.splitlines()))
    assert len(heard) > 5000
    return [(h.stamp, h.station, message(h.bits)) for h in heard]


def truth(kind: str, subtype: str = "") -> dict:
    rows = [r for r in truth_rows(load_scenario(SEA, file="sea.toml"), SEED) if r["type"] == kind and r["scored"] and subtype in ("", r["subtype"])]
    assert len(rows) == 1
    return rows[0]


def reports(mmsi: int, station: str = "EX-near", kinds: tuple[int, ...] = (1, 3, 18)) -> list[tuple[int, dict]]:
    found = [(stamp, m) for stamp, where, m in recording() if m["mmsi"] == mmsi and where == station and m["msg_type"] in kinds]
    assert found
    return found


def test_equal_arguments_give_equal_bytes_whatever_the_chunks():
    sea = load_scenario(SEA, file="sea.toml")
    coarse = load_scenario(SEA.replace("duration_s = 3600.0", "duration_s = 3600.0\nchunk_s = 37"), file="sea.toml")
    fine = list(simulate(sea, SEED, duration_s=400))
    again = b"".join(chunk.data for chunk in simulate(sea, SEED, duration_s=400))
    rough = b"".join(chunk.data for chunk in simulate(coarse, SEED, duration_s=400))
    assert len(again) > 10_000
    assert again == b"".join(chunk.data for chunk in fine) == rough
    assert [chunk.t_ms for chunk in fine] == [T_START_MS + 1000 * (i + 1) for i in range(400)]
    assert again != b"".join(chunk.data for chunk in simulate(sea, SEED + 1, duration_s=400))


def test_more_vessels_than_fit_into_one_call_change_nothing(monkeypatch):
    sea = load_scenario(SEA, file="sea.toml")
    whole = b"".join(chunk.data for chunk in simulate(sea, SEED, duration_s=120))
    monkeypatch.setattr("sim.simulate.MESSAGES_AT_ONCE", 5)
    assert b"".join(chunk.data for chunk in simulate(sea, SEED, duration_s=120)) == whole


def test_chunks_hold_what_was_received_before_their_end():
    for chunk in list(simulate(load_scenario(SEA, file="sea.toml"), SEED, duration_s=100, tag_time="ms"))[:-1]:
        stamps = [h.stamp for h in read_lines(chunk.data.splitlines())]
        assert all(chunk.t_ms - 1000 <= stamp < chunk.t_ms for stamp in stamps)
        assert stamps == sorted(stamps)


def test_every_sentence_is_marked_as_exercise():
    lines = b"".join(chunk.data for chunk in simulate(load_scenario(SEA, file="sea.toml"), SEED, duration_s=400)).splitlines()
    assert len(lines) > 500
    assert all(b"s:EX-" in line.split(b"!")[0] for line in lines)


@pytest.mark.parametrize(
    ("kind", "nav", "speed_kn", "turn", "expected_s"),
    [
        *[(CLASS_A, 5, 0.1, 0, 180), (CLASS_A, 1, 2.9, 0, 180), (CLASS_A, 1, 4.0, 0, 10), (CLASS_A, 0, 0.0, 0, 10), (CLASS_A, 0, 13.9, 0, 10)],
        *[(CLASS_A, 0, 13.9, 30, 10 / 3), (CLASS_A, 0, 14.1, 0, 6), (CLASS_A, 0, 22.9, -30, 2), (CLASS_A, 0, 23.1, 0, 2), (CLASS_B, 0, 2.0, 0, 180)],
        *[(CLASS_B, 0, 2.1, 0, 30), (CLASS_B_SO, 0, 1.9, 0, 180), (CLASS_B_SO, 0, 10, 0, 30), (CLASS_B_SO, 0, 20, 0, 15), (CLASS_B_SO, 0, 25, 0, 5)],
    ],
)
def test_intervals_are_those_of_the_standard(kind, nav, speed_kn, turn, expected_s):
    assert interval_ms(kind, nav, float(speed_kn), float(turn)) == pytest.approx(expected_s * 1000, abs=1)


def test_reports_keep_their_intervals_on_the_air():
    sent = defaultdict(list)
    for stamp, station, m in recording():
        if station == "EX-near" and m["msg_type"] in (1, 3, 18, 4, 21, 5, 24) and m.get("part", 0) == 0:
            sent[m["mmsi"], m["msg_type"] in (5, 24)].append((stamp, m))
    checked, odd = defaultdict(int), 0
    world = build_world(load_scenario(SEA, file="sea.toml"), SEED)
    behaves = {mmsi for row in truth_rows(load_scenario(SEA, file="sea.toml"), SEED) if row["behaviour"] not in UNASKED for mmsi in row["mmsi"]}
    for ship in world.ships:
        if int(ship["mmsi"]) in behaves:
            continue
        for static in (False, True):
            rows = sent[int(ship["mmsi"]), static]
            for (before, m), (after, _) in pairwise(rows):
                kn = m.get("sog", 0) / 10
                turning = m["msg_type"] == 3
                nominal = 360_000 if static else interval_ms(int(ship["kind"]), int(m.get("nav", 0)), kn, 30.0 if turning else 0.0)
                if not turning and abs(kn - 14) > 0.5:
                    # each slot is chosen within a fifth of the interval (class B: a third, at most 10 s) around its own time; 350 ms of delivery
                    room = 4_000 if static else min(10_000, nominal / 3) if ship["kind"] == CLASS_B else nominal / 5
                    as_prescribed = abs(after - before - nominal) <= room + 350
                    checked[nominal] += as_prescribed
                    odd += not as_prescribed
    assert {10_000, 6_000, 30_000, 180_000, 360_000} <= set(checked)
    assert all(checked[nominal] > 10 for nominal in (10_000, 6_000, 30_000, 180_000, 360_000))
    assert odd < 0.03 * sum(checked.values())  # a report lost to fading, a turn that begins


def test_silence_is_silent_and_only_then():
    row = truth("dark")
    stamps = sorted(stamp for stamp, _, m in recording() if m["mmsi"] == row["mmsi"][0])
    begin, end = from_iso(row["t_start"]), from_iso(row["t_end"])
    assert not [s for s in stamps if begin + 4000 < s < end]
    assert max(s for s in stamps if s <= begin + 4000) > begin - 15_000
    assert min(s for s in stamps if s >= end) < end + 15_000
    fixes = [m for stamp, m in reports(row["mmsi"][0])]
    assert all(m["sog"] > 100 for m in fixes)


def test_the_pair_is_close_slow_and_came_from_afar():
    row = truth("rendezvous")
    begin, end = from_iso(row["t_start"]), from_iso(row["t_end"])
    assert end - begin >= 2_700_000
    tracks = [{(s - T_START_MS) // 60_000: m for s, m in reversed(reports(mmsi))} for mmsi in row["mmsi"]]  # the first report of each minute
    near = 0
    for minute in sorted(set(tracks[0]) & set(tracks[1])):
        a, b = tracks[0][minute], tracks[1][minute]
        apart_m = great_circle_m(*(m[k] / 600_000 for m in (a, b) for k in ("lat", "lon")))
        t = T_START_MS + minute * 60_000
        if begin <= t and t + 60_000 <= end:
            near += 1
            assert 100 < apart_m < 300
            assert t < begin + 60_000 or max(a["sog"], b["sog"]) < 20
        if minute == 0:
            assert apart_m > 2000
    assert near >= 40


def test_the_loiterer_is_slow_and_stays():
    row = truth("loitering")
    begin, end = from_iso(row["t_start"]), from_iso(row["t_end"])
    inside = [m for s, m in reports(row["mmsi"][0]) if begin + 60_000 < s < end - 60_000]
    assert len(inside) > 200
    assert max(m["sog"] for m in inside) < 20
    assert great_circle_m(*(m[k] / 600_000 for m in (inside[0], inside[-1]) for k in ("lat", "lon"))) < 3 * 1852


def test_beacons_speak_as_devices_do():
    real, test = truth("safety", "beacon"), truth("safety", "test")
    assert str(real["mmsi"][0]).startswith("970")
    assert str(test["mmsi"][0]).startswith("972")
    for row, nav, words in ((real, 14, "SART ACTIVE"), (test, 15, "MOB TEST")):
        mine = reports(row["mmsi"][0])
        assert {m["nav"] for _, m in mine} == {nav}
        assert from_iso(row["t_start"]) <= mine[0][0] < from_iso(row["t_start"]) + 60_000
        texts = [m["text"] for _, m in reports(row["mmsi"][0], kinds=(14,))]
        assert set(texts) == {f"{words} EX-DOGWATCH"}
        first_minute = [s for s, _ in mine if s < from_iso(row["t_start"]) + 30_000]
        assert 6 <= len(first_minute) <= 8  # a device does not listen: now and then one of its eight meets another's slot


def test_a_dead_receiver_hears_nothing_and_the_other_goes_on():
    begin, end = T_START_MS + 1_000_000, T_START_MS + 2_000_000
    count = {station: sum(1 for s, where, _ in recording() if where == station and begin + 4000 <= s < end) for station in ("EX-near", "EX-far")}
    assert count["EX-far"] == 0
    assert count["EX-near"] > 1000
    assert sum(1 for s, where, _ in recording() if where == "EX-far" and s >= end) > 500


def test_receivers_hear_copies_with_their_own_delay():
    copies = defaultdict(dict)
    for stamp, station, m in recording():
        if m["msg_type"] == 1:
            copies[m["mmsi"], m["lat"], m["lon"], m["sec"], m["radio"], stamp // 30_000][station] = stamp
    both = [c for c in copies.values() if len(c) == 2]
    assert len(both) > 500
    assert all(abs(c["EX-near"] - c["EX-far"]) < 3600 for c in both)
    assert len({c["EX-near"] - c["EX-far"] for c in both}) > 100


def test_the_second_of_a_report_belongs_to_its_place():
    """lag of reception after the fix: at least nothing, at most a report's second and the longest delay."""
    for stamp, _, m in recording():
        if m["msg_type"] in (1, 3, 18):
            assert 0 <= (stamp / 1000 - m["sec"]) % 60 < 1 + 0.027 + 3.5


def test_reports_are_near_the_true_place():
    world = build_world(load_scenario(SEA, file="sea.toml"), SEED)
    by_mmsi = {int(ship["mmsi"]): ship for ship in world.ships}
    errors_m, speed_errors_kn = [], []
    for stamp, station, m in recording()[:3000]:
        if m["msg_type"] in (1, 18) and station == "EX-near":
            ship = by_mmsi[m["mmsi"]]
            t_ms = stamp - (stamp // 1000 - m["sec"]) % 60 * 1000 - stamp % 1000
            lat, lon, north, east, *_ = state_at(world.knots, int(ship["first"]), int(ship["last"]), t_ms)
            errors_m.append(great_circle_m(lat, lon, m["lat"] / 600_000, m["lon"] / 600_000))
            speed_errors_kn.append(abs(math.hypot(north, east) / 0.514444 - m["sog"] / 10))
    assert len(errors_m) > 500
    assert 1 < np.median(errors_m) < 10
    assert max(errors_m) < 40
    assert max(speed_errors_kn) < 0.6


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 360), st.floats(0.5, 25), st.integers(5, 900)), min_size=1, max_size=8), st.floats(-60, 60), st.floats(-180, 180))
def test_motion_has_no_jumps(legs, lat, lon):
    plan = Plan(0, lat, lon)
    for course, speed, seconds in legs:
        plan.run(course, speed, seconds)
    knots = knot_rows(plan, T_START_MS)
    last = int(knots["t_ms"][-1])
    previous = None
    for t in range(T_START_MS, last, 1000):
        lat_t, lon_t, north, east, _, _, leg = state_at(knots, 0, len(knots), t)
        assert leg >= 0
        assert math.hypot(north, east) < 26 * 0.5145 * 1.01
        if previous is not None:
            moved = great_circle_m(previous[0], previous[1], lat_t, lon_t)
            assert moved == pytest.approx(math.hypot((north + previous[2]) / 2, (east + previous[3]) / 2), abs=0.6 + 0.02 * moved)
        previous = (lat_t, lon_t, north, east)
    assert state_at(knots, 0, len(knots), last)[6] == -1
    assert state_at(knots, 0, len(knots), T_START_MS - 1)[6] == -1


def test_lanes_keep_to_starboard():
    north_bound = starboard_of([(0.0, 10.0), (1.0, 10.0), (2.0, 10.0)], 1.0)
    assert all(lon == pytest.approx(10 + 1 / 60, abs=1e-4) for _, lon in north_bound)
    south_bound = starboard_of([(2.0, 10.0), (0.0, 10.0)], 1.0)
    assert all(lon == pytest.approx(10 - 1 / 60, abs=1e-4) for _, lon in south_bound)


def test_identities_are_unique_and_well_formed():
    world = build_world(load_scenario(scenario_text("strait"), file="strait.toml"), 3)
    mmsi = world.ships["mmsi"].tolist()
    assert len(mmsi) == len(set(mmsi)) > 300
    assert imo_number(907472) == 9074729  # the worked example of the IMO's resolution A.1117(30)
    numbers = [int(n) for n in world.particulars.rows["imo"] if n]
    assert len(numbers) == len(set(numbers)) > 100
    assert all(imo_number(n // 10) == n for n in numbers)
    rng, registry = np.random.default_rng(1), Registry()
    names = [registry.vessel(rng, "NZ", 70, 100.0, class_b=False).name for _ in range(1200)]
    assert len(set(names)) == 1200
    assert max(map(len, names)) <= 20


def test_truth_rows_are_events_with_cause_visible_scored():
    sea = load_scenario(SEA, file="sea.toml")
    rows = truth_rows(sea, SEED)
    assert rows == truth_rows(sea, SEED)
    assert not any(r["scored"] for r in rows if r["behaviour"] in UNASKED)
    rows = [r for r in rows if r["behaviour"] not in UNASKED]
    assert {(r["type"], r["state"]) for r in rows} == {
        *[("loitering", "closed"), ("rendezvous", "closed"), ("dark", "closed"), ("safety", "closed"), ("rendezvous", "retracted"), ("dark", "retracted")]
    }
    assert all(r["exercise"] and r["visible"] and r["cause"] for r in rows)
    assert {r["behaviour"] for r in rows if r["type"] == "rendezvous"} == {"rendezvous", "passing_ships"}
    assert {r["behaviour"] for r in rows} == {"loitering", "rendezvous", "dark_period", "beacon", "passing_ships", "quiet_boat"}
    assert {(r["type"], r["cause"]) for r in rows if r["state"] != "retracted" and not r["scored"]} == {
        ("loitering", "drifts beside another ship"),
        ("safety", "drifts across its bow"),
    }
    assert not any(r["scored"] for r in rows if r["state"] == "retracted")
    for line in truth_ndjson(rows).splitlines():
        event = event_from_json(line)
        assert event.t_end is not None
        assert event.t_start <= event.t_end
    cut = [r for r in truth_rows(sea, SEED, duration_s=700) if r["behaviour"] not in UNASKED]
    assert {r["type"] for r in cut} == {"loitering", "rendezvous", "safety", "dark"}
    assert max(from_iso(r["t_end"]) for r in cut) == T_START_MS + 700_000
    deaf = load_scenario(SEA.replace("lat_deg = -41.3", "lat_deg = 10.0").replace("lat_deg = -41.6", "lat_deg = 12.0"), file="sea.toml")
    assert not any(r["visible"] for r in truth_rows(deaf, SEED))


def test_vessels_of_the_truth_are_on_the_air():
    heard = {m["mmsi"] for _, _, m in recording()}
    rows = truth_rows(load_scenario(SEA, file="sea.toml"), SEED)
    assert rows
    assert all(set(r["mmsi"]) <= heard for r in rows)


@pytest.mark.parametrize("name", scenario_names())
def test_shipped_scenarios_play(name):
    scenario = load_scenario(scenario_text(name), file=f"{name}.toml")
    assert scenario.name == name
    if name == "day-20k":
        scenario = msgspec.structs.replace(scenario, fleets=[msgspec.structs.replace(fleet, count=fleet.count // 40) for fleet in scenario.fleets])
    length_s = 60 if not scenario.satellites else 3600  # the next satellite
    data = b"".join(chunk.data for chunk in simulate(scenario, 5, duration_s=length_s))
    heard = list(read_lines(data.splitlines()))
    assert len(heard) > 200
    if name in ("clean", "outage", "strait-waters"):
        facts = [row for row in truth_rows(scenario, 5) if row["state"] != "retracted"]
        assert all(row["behaviour"] in ("port_call", "traffic") or not row["scored"] for row in facts), "nothing may alert here"
