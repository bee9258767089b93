"""Shards: every detector tells the same events whether one table keeps all vessels or 4 or 64 do, however the rows are cut; and a search cell by
cell finds what one search finds.
"""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import test_tracks_anomaly
import test_tracks_assist
import test_tracks_collision
import test_tracks_dark_partner
import test_tracks_drift
import test_tracks_identity
import test_tracks_infra
import test_tracks_position
import test_tracks_stops
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tracks_contacts import rows_at
from test_tracks_rendezvous import abreast, gale, meet
from tracks_sea import every, in_order, lane_traffic, lines, restarted, silent_source, static, track, watch, watch_sharded, well_heard

from dogwatch.batch import STATIC_DTYPE
from dogwatch.geo import KN_MS, M_PER_UNIT
from runners.intake import Intake
from runners.lane import Lane
from runners.simulated import zones_of
from sim.scenario import load_scenario, scenario_text
from sim.simulate import simulate
from tests.scene_harness import WATERS
from tracks import around, cells, collision, ears
from tracks.collision import MOVER, closest
from tracks.contacts import find_contacts
from tracks.detectors import KINDS
from tracks.params import Collision, Params, Rendezvous
from tracks.shards import home_of, shards_step
from tracks.step import TrackState, track_step
from zones.geography import Geography
from zones.geojson import load_zones

RULE = Rendezvous()
EVERYWHERE = Params(collision=Collision(everywhere=True))  # watched zones are few in hand-made seas


def meetings():
    waiting = [track(211_000_040 + k, every(60, 3), 54.81 + 0.003 * k, 10.45, sog_kn=0.0, nav=1) for k in range(5)]
    crowd = [track(211_000_060 + k, every(60, 2), 54.9 + 0.0002 * k, 10.5, sog_kn=0.1) for k in range(16)]
    drifter = track(211_000_030, every(60, 3), 54.62 + every(60, 3) * 0.6 / 3600 / 60, 10.5, sog_kn=0.6, cog_deg=0.0)
    gone = track(211_000_050, every(30, 1.2), 54.3 + every(30, 1.2) * 12 / 3600 / 60, 10.3, sog_kn=12.0, cog_deg=0.0)
    t = every(60, 2)
    line = in_order(track(211_000_090, t, -20.0, 179.999, sog_kn=0.2), track(211_000_091, t, -20.0, -179.999, sog_kn=0.2))
    parts = [lane_traffic(3.0), abreast(), meet(211_000_010, 211_000_011, lat=54.7), meet(211_000_011, 211_000_012, lat=54.7, metres=300.0)]
    dark = [test_tracks_dark_partner.voyage(211_000_020), test_tracks_dark_partner.silent(211_000_021)]
    kinds = [(211_000_010, 79, 120), (211_000_011, 30, 40), (211_000_012, 52, 30), (211_000_030, 70, 100)]
    told = [static(mmsi, t_s=60.0 * k, ship_type=kind, loa_m=loa, name="ALPHA ONE") for k, (mmsi, kind, loa) in enumerate(kinds)]
    return in_order(*parts, *dark, drifter, gone, line, *waiting, *crowd, *gale(1300)), np.concatenate(told)


def engines():
    """Ships that stop suddenly, two of them at one place and one beside another that lies there; aground, adrift, out of command, odd."""
    stopper, adrift = test_tracks_stops.stopper, test_tracks_drift.adrift
    ships = [
        stopper(220_000_001),
        stopper(220_000_002, lat=54.501),
        stopper(220_000_003, lat=54.7),
        track(220_000_004, every(60, 2.5), 54.701, 10.4, sog_kn=0.0),
        test_tracks_stops.grounded(660, mmsi=220_000_005, lat=54.8),
        adrift(220_000_006, lat=54.9, nav=2),
        test_tracks_anomaly.voyage(220_000_007, odd_kn=7.5, lon=10.7),
        test_tracks_anomaly.voyage(220_000_008, turn=60.0, lon=10.9),
    ]
    return in_order(*ships), np.empty(0, STATIC_DTYPE)


def helpers():
    called = test_tracks_assist.fleet(3)
    return in_order(called, track(219_500_000, every(60, 4), 54.52, 10.62, sog_kn=0.2)), static(211_000_002, ship_type=51, name="RESCUE ONE")


def collisions():
    ship = test_tracks_collision.ship
    ships = [ship(211_700_001), ship(211_700_002, course=0.0), ship(211_700_003, course=200.0, off_m=150.0), ship(211_700_004, course=20.0, place=(54.2, 11.0))]
    return in_order(*ships, ship(211_700_005, course=200.0, place=(54.2, 11.0))), static(211_700_001, ship_type=70, loa_m=180, name="LONG ONE")


def cables():
    infra = test_tracks_infra
    slow = infra.course(infra.SHIP + 1, [(8.0, 1800), (0.4, 3000), (8.0, 1800)], start_nm=-4.0, lat=54.9)
    return in_order(infra.dragging(), slow, infra.dragging(infra.SHIP + 2, lat=54.65)), np.empty(0, STATIC_DTYPE)


SEAS = {
    "meetings": meetings,
    "engines": engines,
    "helpers": helpers,
    "collisions": collisions,
    "cables": cables,
    "positions": lambda: (test_tracks_position.mixed(), np.empty(0, STATIC_DTYPE)),
    "names": test_tracks_identity.mixed,
}


def generated(seed):
    """(fixes, statics) of several of the seas at once, each ship under another number of the same country, so that others are at home together."""
    rng = np.random.default_rng(seed)
    names = sorted(SEAS) if seed == 0 else sorted(rng.choice(sorted(SEAS), 4, replace=False))
    fixes, statics = [], []
    for name in names:
        rows, told = (part.copy() for part in SEAS[name]())
        ships = np.unique(rows["mmsi"][rows["mmsi"] >= 200_000_000])
        numbers = ships // 1_000_000 * 1_000_000 + rng.permutation(1_000_000)[: len(ships)]
        for part in (rows, told):
            at = np.minimum(np.searchsorted(ships, part["mmsi"]), len(ships) - 1)
            part["mmsi"] = np.where(ships[at] == part["mmsi"], numbers[at], part["mmsi"])
        fixes.append(rows)
        statics.append(told)
    told = np.concatenate(statics)
    return in_order(*fixes), told[np.argsort(told["t_ms"], kind="stable")]


def assert_alike(states, state):
    """Many tables know together what one knows, and what belongs to nobody each of them knows."""
    assert sum(len(s.table) for s in states) == len(state.table)
    counts = [s.counters for s in states]
    own = {name for name in counts[0] if name != "dark_minutes_deaf"}
    assert {name: sum(c[name] for c in counts) for name in own} == {name: state.counters[name] for name in own}
    whole = state.coverage.to_sections()
    detectors = {detector.NAME: detector for detector in state.detectors}
    for each in states:
        learned = each.coverage.to_sections()
        assert all(np.array_equal(learned[name], whole[name]) for name in ("keys", "heard", "missed"))
        assert each.rescue.to_sections() == state.rescue.to_sections()
        mine = {detector.NAME: detector for detector in each.detectors}
        assert mine["position"].areas.to_sections() == detectors["position"].areas.to_sections()
        assert mine["assist"].to_sections()["book"] == detectors["assist"].to_sections()["book"]
        assert mine["identity"].imos.shared.to_sections() == detectors["identity"].imos.shared.to_sections()


WANTED = {
    *(("loitering", "slow_run"), ("rendezvous", "ais_pair"), ("rendezvous", "under_way"), ("rendezvous", "dark_partner"), ("dark", "suspicious")),
    *(("safety", name) for name in ("sudden_stop", "aground", "drift", "nuc", "assist", "collision_risk")),
    *(("anomaly", "speed"), ("anomaly", "course"), ("gnss_area", "displaced"), ("position_anomaly", "circle"), ("position_lost", "")),
    *(("identity", name) for name in ("dup_mmsi", "bad_mmsi", "static_change", "mmsi_handover", "imo_conflict", "class_conflict")),
    *(("infra", name) for name in ("anchor_drag", "over_cable")),
}


@pytest.mark.parametrize(("seed", "numbers"), [(0, (1, 4, 64)), (1, (1, 4, 7)), (2, (1, 4, 7))])
def test_the_same_events_for_1_4_and_64_shards(seed, numbers, monkeypatch):
    fixes, statics = generated(seed)
    rng = np.random.default_rng(seed)
    calls = [*test_tracks_assist.call(), *silent_source(5400, 5700)]
    how = {"coverage": well_heard(), "params": EVERYWHERE, "geography": test_tracks_infra.Cable(), "control": calls}
    with monkeypatch.context() as small:  # one table is looked at in parts
        for module in (around, ears) if seed == 0 else ():
            small.setattr(module, "PART", 9)
        one, state = watch(fixes, statics, **how)
    kinds = {(event.type, event.subtype) for event in one}
    assert kinds >= WANTED if seed == 0 else len(kinds & WANTED) >= 6, WANTED - kinds
    for shards in numbers:
        cuts = rng.integers(0, len(fixes), 30).tolist()
        many, states = watch_sharded(shards, fixes, statics, cuts=cuts, restarts=(7, 19) if shards == 4 else (), **how)
        assert lines(many) == lines(one), shards
        assert_alike(states, state)


KITCHEN_SINK = scenario_text("kitchen-sink").partition("duration_s = 14400.0")[2]
CLEAN_ZONES = scenario_text("clean").partition("[[zones]]")[1:]
TRAFFIC = """
[[receivers]]
id = "cape"
lat_deg = -41.7
lon_deg = 174.3
antenna_m = 300.0

[[fleets]]
kind = "traffic"
count = 30
"""


def batches(data, piece, lane="sea"):
    """[(columns, watermark)] of a recording in pieces."""
    intake, found = Intake([Lane(lane, lateness_ms=120_000)]), []
    for start in range(0, len(data), piece):
        found.append((intake.feed(lane, data[start : start + piece], None)[0], intake.watermark_ms))
    found.append((intake.feed(lane, b"", None, final=True)[0], intake.watermark_ms))
    return found


def test_a_scenario_with_every_behaviour_for_1_4_and_64_shards():
    scenario = load_scenario(WATERS + "".join(CLEAN_ZONES).partition("[[behaviours]]")[0] + TRAFFIC + KITCHEN_SINK, file="kitchen-sink piece")
    data = b"".join(chunk.data for chunk in simulate(scenario, 5))
    lines_drawn = msgspec.json.encode(zones_of(scenario)).decode()
    geography = Geography.default([load_zones(lines_drawn)])
    state = TrackState.new(Params(), geography)
    one = [event for batch, mark in batches(data, 1 << 20) for event in track_step(state, batch, mark)]
    told = {event.type for event in one}
    assert told >= {"loitering", "rendezvous", "zone", "safety", "identity", "position_anomaly", "gnss_area", "infra", "port_visit", "anomaly"}, told
    for shards, piece in ((1, 300_007), (4, 70_001), (64, 1 << 19)):
        states, many = [TrackState.new(Params(), geography) for _ in range(shards)], []
        for number, (batch, mark) in enumerate(batches(data, piece)):
            many += shards_step(states, batch, mark)
            if shards == 4 and number % 100 == 50:
                states = [restarted(each) for each in states]
        assert lines(many) == lines(one), shards
        assert_alike(states, state)


def test_every_detector_told_something_in_some_sea():
    quiet = {"legs", "watchlist", "smooth"}  # keeps what others read; two that are asked over shards in test_watchlists_hits.py and test_tracks_smooth.py
    types = {"safety": {"drift", "sudden_stop", "aground", "assist", "collision"}, "rendezvous": {"rendezvous", "dark_partner"}}
    told = {name for kind, _ in WANTED for name in types.get(kind, {kind.partition("_")[0]})} | {"zone", "port_visit", "position"}
    assert {kind.NAME for kind in KINDS} - quiet <= told


@pytest.mark.parametrize("shards", [4, 8, 64])
def test_numbers_that_end_in_zeros_are_spread(shards):
    homes = home_of(211_000_000 + 1000 * np.arange(4000), shards)
    counts = np.bincount(homes, minlength=shards)
    assert counts.max() <= 1.5 * 4000 / shards
    assert counts.min() >= 0.5 * 4000 / shards


PLACES = st.tuples(st.sampled_from([0.0, 54.0, 75.0, 85.0, 88.7, -88.85, 89.6]), st.sampled_from([10.0, 179.9, -179.95]))


def clumps(rng, n, lat0, lon0, spread_m):
    """(lat, lon) degrees of n places in sixty clumps."""
    clump = rng.integers(0, 60, n)
    spread = 0.4 if abs(lat0) < 88 else 0.1
    north, east = (rng.uniform(0, spread, 60)[clump] + rng.normal(0, spread_m / 111_195, n) for _ in range(2))
    return np.clip(lat0 + north, -89.99, 89.99), lon0 + east / np.cos(np.radians(min(89.0, abs(lat0))))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), PLACES)
def test_contacts_cell_by_cell_as_in_one(seed, place):
    rng, n = np.random.default_rng(seed), 300
    rows = rows_at(*clumps(rng, n, *place, 220.0), own_m=rng.choice([150, 500], n))
    whole, parts = find_contacts(rows, RULE), cells.search(rows, RULE)
    assert (whole.contacts == parts.contacts).all()
    assert (whole.crowds == parts.crowds).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), PLACES)
def test_collisions_cell_by_cell_as_in_one(seed, place):
    rng, n, rule = np.random.default_rng(seed), 300, Collision()
    lat, lon = clumps(rng, n, *place, 5_000.0)
    movers, way, kn = np.zeros(n, MOVER), rng.uniform(0, 2 * np.pi, n), rng.uniform(3, 20, n) * KN_MS
    movers["key"], movers["lat"], movers["lon"] = rng.permutation(n), lat * 600_000, ((lon + 180) % 360 - 180) * 600_000
    movers["y_m"], movers["north"], movers["east"], movers["loa_m"] = movers["lat"] * M_PER_UNIT, kn * np.cos(way), kn * np.sin(way), rng.integers(0, 300, n)
    movers = movers[np.lexsort((movers["key"], movers["lat"]))]
    assert closest(movers, rule).tobytes() == collision.search(movers, rule).tobytes()
