"""Scenes of meeting, passing and work: pairs are as close, as slow, as long as their facts say, come from afar and part; read back from the plans."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dogwatch.geo import great_circle_m
from sim.scene import Fact, Scene
from sim.scene_meeting import DarkPartner, Rendezvous, RendezvousThree, RendezvousUnderWay
from sim.scene_passing import FerriesCrossing, NearCollision, PassingShips
from sim.scene_working import Bunkering, MotherShip, PairTrawling, PilotTransfer, TugAndTow, TugAssist
from sim.ship import CLASS_B, NAV_ANCHORED, NAV_FISHING, NAV_MOORED
from tests.scene_harness import apart, behaviour, heard, scenes, track, turned, within

MEETINGS = ("rendezvous", "rendezvous_three", "rendezvous_under_way", "dark_partner")
PASSINGS = ("near_collision", "ferries_crossing", "passing_ships")
WORK = ("pilot_transfer", "tug_assist", "tug_and_tow", "bunkering", "pair_trawling", "mother_ship", "moored_pair")
TABLES = "".join(behaviour(kind) for kind in (*MEETINGS, *PASSINGS, *WORK))
SEEDS = range(6)
END_S = 10_800.0
PARTED_M = 2_000.0


def scene(kind: str, seed: int) -> Scene:
    (one,) = [found for found in scenes(TABLES, seed) if found.kind == kind]
    return one


def pairs(kind: str, seed: int, subtype: str) -> list[Fact]:
    return [f for f in scene(kind, seed).facts if (f.type, f.subtype) == ("rendezvous", subtype)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kind", "cls", "count"), [("rendezvous", Rendezvous, 1), ("rendezvous_three", RendezvousThree, 3)])
def test_those_who_meet_come_from_afar_drift_as_close_as_said_and_part(kind, cls, count, seed):
    row, facts = cls(), pairs(kind, seed, "ais_pair")
    assert len(facts) == count
    for fact in facts:
        assert within(fact.measures["distance_m"], row.distance_m)
        near_m = apart(fact, fact.start_s + 30, fact.end_s - 30)
        assert near_m == pytest.approx(fact.measures["distance_m"], abs=2.0)
        for ship in fact.ships:
            assert track(ship.plan, np.arange(fact.start_s + 30, fact.end_s - 30, 60))[:, 2].max() <= row.drift_kn[1] + 0.01
        assert apart(fact, max(0.0, fact.start_s - 900), fact.start_s - 400)[0] > 1000
        if fact.end_s + 900 < END_S:
            assert apart(fact, fact.end_s + 880, fact.end_s + 890)[0] > PARTED_M
        assert great_circle_m(fact.lat_deg, fact.lon_deg, *track(fact.ships[0].plan, [(fact.start_s + fact.end_s) / 2])[0, :2]) < 300
    alone = [f for f in scene(kind, seed).facts if f.type == "loitering"]
    assert len(alone) == len(scene(kind, seed).ships)
    assert not any(f.scored for f in alone)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_meeting_under_way_is_abreast_at_one_speed(seed):
    (fact,) = pairs("rendezvous_under_way", seed, "under_way")
    row = RendezvousUnderWay()
    assert within(fact.end_s - fact.start_s, row.duration_s)
    assert apart(fact, fact.start_s + 30, fact.end_s - 30) == pytest.approx(fact.measures["distance_m"], abs=2.0)
    a, b = (track(ship.plan, np.arange(fact.start_s + 30, fact.end_s - 30, 30)) for ship in fact.ships)
    assert within(a[:, 2].min(), row.speed_kn)
    assert np.abs(a[:, 2] - b[:, 2]).max() < 0.2
    assert turned(a[:, 3], b[:, 3]).max() < 2
    assert apart(fact, max(0.0, fact.start_s - 900), fact.start_s - 880)[0] > 1000
    assert apart(fact, fact.end_s + 700, fact.end_s + 720)[0] > 1000


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dark_partner_is_there_unheard_and_the_other_only_interrupts_its_voyage(seed):
    (met,) = pairs("dark_partner", seed, "dark_partner")
    (gap,) = [f for f in scene("dark_partner", seed).facts if f.type == "dark"]
    row = DarkPartner()
    assert gap.start_s < met.start_s < met.end_s < gap.end_s
    both = Fact("rendezvous", "", [*met.ships, *gap.ships], met.start_s, met.end_s, "", 0.0, 0.0)
    assert apart(both, met.start_s + 30, met.end_s - 30) == pytest.approx(met.measures["distance_m"], abs=2.0)
    before, during, after = (
        track(met.ships[0].plan, moments)
        for moments in (np.arange(met.start_s - 600, met.start_s - 300, 30), np.arange(met.start_s + 30, met.end_s - 30, 60), [met.end_s + 120])
    )
    assert within(before[:, 2].min(), row.transit_kn)
    assert during[:, 2].max() < min(3.0, 0.4 * before[:, 2].min())
    assert turned(before[-1, 3], after[0, 3]) <= 45
    assert great_circle_m(gap.lat_deg, gap.lon_deg, *track(gap.ships[0].plan, [gap.start_s])[0, :2]) < 1
    for t_s in np.arange(60, END_S - 60, 60):
        ship = gap.ships[0]
        silent = ship.plan.knots[int(track(ship.plan, [t_s])[0, 4])][5] == 0
        assert silent == (gap.start_s <= t_s < gap.end_s)


def test_the_silent_partner_is_silent_on_the_air():
    table, seed = behaviour("dark_partner"), 3
    (one,) = scenes(table, seed)
    (gap,) = [f for f in one.facts if f.type == "dark"]
    stamps = np.array([(stamp - 1_767_225_600_000) / 1000 for stamp, _ in heard(table, seed, gap.ships[0].identity.mmsi)])
    assert (stamps < gap.start_s).sum() > 10
    assert (stamps > gap.end_s).sum() > 10
    assert not ((stamps > gap.start_s + 2) & (stamps < gap.end_s)).any()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kind", "cls"), [("near_collision", NearCollision), ("ferries_crossing", FerriesCrossing)])
def test_the_closest_point_of_approach_is_where_and_when_the_fact_ends(kind, cls, seed):
    (fact,) = scene(kind, seed).facts
    assert (fact.type, fact.subtype) == ("safety", "collision_risk")
    assert fact.innocent == (kind == "ferries_crossing")
    window = np.arange(fact.start_s, fact.end_s + 300, 1.0)
    metres = apart(fact, fact.start_s, fact.end_s + 300, 1.0)
    assert window[np.argmin(metres)] == pytest.approx(fact.end_s, abs=2.0)
    assert metres.min() == pytest.approx(fact.measures["cpa_m"], abs=2.0)
    assert within(metres.min(), (cls().cpa_m[0] - 4, cls().cpa_m[1] + 4))
    assert metres[0] == pytest.approx(fact.measures["range_nm"] * 1852, abs=30)
    assert metres[0] <= 6.05 * 1852
    assert fact.end_s - fact.start_s == pytest.approx(fact.measures["tcpa_s"], abs=1.0)
    for ship in fact.ships:  # neither gives way
        rows = track(ship.plan, np.arange(fact.start_s, fact.end_s, 30))
        assert turned(rows[:, 3], rows[0, 3]).max() < 2
        assert rows[:, 2].min() > 7


@pytest.mark.parametrize("seed", SEEDS)
def test_passing_ships_pass(seed):
    (fact,) = scene("passing_ships", seed).facts
    metres = apart(fact, fact.start_s, fact.end_s, 1.0)
    assert within(metres.min(), (PassingShips().distance_m[0] - 3, PassingShips().distance_m[1] + 3))
    assert metres.min() == pytest.approx(fact.measures["cpa_m"], abs=2.0)
    assert apart(fact, fact.start_s - 600, fact.start_s - 599)[0] > PARTED_M
    assert apart(fact, fact.end_s + 480, fact.end_s + 481)[0] > PARTED_M


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", WORK)
def test_who_works_together_is_as_close_as_said_and_innocent(kind, seed):
    together = [f for f in scene(kind, seed).facts if f.type == "rendezvous"]
    assert together
    for fact in together:
        assert fact.innocent
        end_s = min(fact.end_s, END_S)
        if end_s - fact.start_s < 120:
            continue
        metres = apart(fact, fact.start_s + 30, end_s - 30)
        assert np.median(metres) == pytest.approx(fact.measures["distance_m"], abs=5.0 + 0.05 * fact.measures["distance_m"])
        assert metres.max() < 1.1 * fact.measures["distance_m"] + 10
        assert metres.min() > 0.6 * fact.measures["distance_m"] - 10


@pytest.mark.parametrize("seed", SEEDS)
def test_trades_move_as_trades_do(seed):
    pilot = scene("pilot_transfer", seed)
    (fact,) = pilot.facts
    assert within(fact.end_s - fact.start_s, PilotTransfer().alongside_s)
    boat = pilot.ships[1].plan
    assert boat.knots[-2][4] == NAV_MOORED
    assert track(boat, np.arange(fact.start_s + 60, fact.end_s - 60, 30))[:, 2].max() <= PilotTransfer().speed_kn[1] + 0.1

    assist = scene("tug_assist", seed)
    assert 1 <= len(assist.ships) - 1 <= 2
    assert assist.ships[0].plan.knots[-2][4] == NAV_MOORED
    assert within(track(assist.ships[0].plan, [assist.facts[0].start_s + 120])[0, 2], TugAssist().speed_kn)

    tow = scene("tug_and_tow", seed)
    tug, barge = (track(ship.plan, np.arange(0, END_S, 120)) for ship in tow.ships)
    assert within(np.median(tug[:, 2]), TugAndTow().speed_kn)
    assert {ship.plan.knots[3][4] for ship in tow.ships} == {11, 0}
    assert turned(np.median(tug[:, 3]), np.median(barge[:, 3])) < 30

    bunker = scene("bunkering", seed)
    assert {k[4] for k in bunker.ships[0].plan.knots} == {NAV_ANCHORED}
    assert within(bunker.facts[0].end_s - bunker.facts[0].start_s, Bunkering().duration_s)
    near_m = [great_circle_m(*bunker.ships[0].plan.knots[0][1:3], *ship.plan.knots[0][1:3]) for ship in bunker.ships[2:]]
    assert 3 <= len(near_m) <= 5, "without a roads around them they would be two tankers side by side"
    assert all(within(m / 1852, Bunkering().others_nm) for m in near_m)

    trawlers = scene("pair_trawling", seed)
    for ship in trawlers.ships:
        assert {k[4] for k in ship.plan.knots} == {NAV_FISHING}
        assert within(np.median(track(ship.plan, np.arange(0, END_S, 60))[:, 2]), PairTrawling().speed_kn)

    mother = scene("mother_ship", seed)
    assert 3 <= len(mother.ships) - 1 <= 5
    assert all(ship.kind == CLASS_B for ship in mother.ships[1:])
    assert [f.innocent for f in mother.facts] == [True] * len(mother.facts)
    assert track(mother.ships[0].plan, np.arange(60, END_S, 300))[:, 2].max() <= MotherShip().drift_kn[1] + 0.01
    visits = [f.start_s for f in mother.facts if f.type == "rendezvous"]
    assert all(b - a >= MotherShip().every_s[0] for a, b in itertools.pairwise(visits))
