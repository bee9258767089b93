"""Fleets at work in any region: at sea, moving as their trade does, bound for where they really go."""

from __future__ import annotations

import math
import re
from functools import lru_cache

import numpy as np
import pytest

from dogwatch.errors import ConfigError, InputError
from dogwatch.geo import KN_MS, great_circle_m
from sim.cast import build_world, cast
from sim.crew import NAV_BY_DRAUGHT, NAV_RESTRICTED, NAV_UNSET
from sim.fleet import HABITS
from sim.harbour import berths, harbours
from sim.motion import state_at
from sim.scenario import T_START_MS, load_scenario
from sim.sea import at_sea, shore_nm
from sim.ship import AIRCRAFT, CLASS_A, CLASS_B, NAV_ANCHORED, NAV_ENGINE, NAV_MOORED, Ship, assemble

BELT = (54.0, 9.5, 58.0, 13.0)
FIJI = (-19.5, 176.0, -15.5, -178.0)
HOURS = 6


def sea(region: tuple[float, float, float, float], fleets: str, hours: float = HOURS):
    text = f'name = "x"\ntitle = "x"\nregion = {list(region)}\nduration_s = {hours * 3600}\n'
    text += f'[[receivers]]\nid = "one"\nlat_deg = {region[0]}\nlon_deg = {region[1]}\n'
    return load_scenario(text + "".join(f"[[fleets]]\n{fleet}\n" for fleet in fleets.split(";")), file="x.toml")


def fleet(kind: str, count: int, region: tuple[float, float, float, float] = BELT, hours: float = HOURS, more: str = "") -> list[Ship]:
    return cast(sea(region, f'kind = "{kind}"\ncount = {count}\n{more}', hours), 5, hours * 3600).background


def track(ships: list[Ship], step_s: int, hours: float = HOURS) -> np.ndarray:
    """float64[ships, moments, 5]: latitude, longitude, speed in knots, heading, status; NaN where a vessel is not there."""
    world = assemble(ships, T_START_MS)
    out = np.full((len(ships), int(hours * 3600) // step_s, 5), np.nan)
    for i, ship in enumerate(world.ships):
        for j in range(out.shape[1]):
            lat, lon, north, east, _, heading, leg = state_at(world.knots, int(ship["first"]), int(ship["last"]), T_START_MS + j * step_s * 1000)
            if leg >= 0:
                out[i, j] = lat, lon, math.hypot(north, east) / KN_MS, heading, world.knots[int(leg)]["nav"]
    return out


@lru_cache(maxsize=4)
def all_kinds(region: tuple[float, float, float, float]) -> list[Ship]:
    kinds = ";".join(f'kind = "{kind}"\ncount = 16\nradius_nm = 2.0' for kind in HABITS if kind != "lane")
    return cast(sea(region, kinds), 3, HOURS * 3600).background


@pytest.mark.parametrize("region", [BELT, FIJI, (0.5, 102.0, 2.0, 105.0), (35.0, 20.0, 40.0, 27.0), (-56.0, -76.0, -48.0, -64.0)], ids=str)
def test_every_kind_finds_its_place_in_any_region_and_stays_at_sea(region):
    ships = [ship for ship in all_kinds(region) if ship.kind != AIRCRAFT]
    assert len(ships) >= 16 * 11
    seen = track(ships, 120)[:, :, :2].reshape(-1, 2)
    seen = seen[~np.isnan(seen[:, 0])]
    assert len(seen) > 20_000
    assert at_sea(seen[:, 0], seen[:, 1]).all()


def test_equal_seeds_give_equal_fleets_and_one_more_vessel_leaves_the_others():
    few, many = (build_world(sea(BELT, f'kind = "traffic"\ncount = {n}\n;kind = "tug"\ncount = 6', 2), 9) for n in (20, 20))
    assert few.knots.tobytes() == many.knots.tobytes()
    assert few.particulars.rows.tobytes() == many.particulars.rows.tobytes()
    more = build_world(sea(BELT, 'kind = "traffic"\ncount = 21\n;kind = "tug"\ncount = 6', 2), 9)
    last = int(few.ships[19]["last"])
    assert more.knots[:last].tobytes() == few.knots[:last].tobytes()


def test_traffic_neither_grows_nor_dies_away():
    there = ~np.isnan(track(fleet("traffic", 300, hours=24), 3600, 24)[:, :, 0])
    under_way = there.sum(axis=0)
    assert under_way.min() > 40
    assert abs(under_way[:6].mean() / under_way[-6:].mean() - 1) < 0.25
    assert not there.all(axis=1).all(), "some come over the edge, some leave over it"


def test_traffic_says_where_it_goes_and_when_it_arrives():
    ships, fitting, other, codes = fleet("traffic", 200, hours=24), 0, 0, {harbour.code: harbour for harbour in harbours(BELT)}
    for ship in ships:
        who = ship.identity
        code = who.destination.replace(" ", "").split(">")[-1]
        if code not in codes or who.eta_s is None or who.eta_s < 0:
            continue
        berthed_s = [knot[0] for knot in ship.plan.knots[1:] if knot[4] == NAV_MOORED and great_circle_m(*knot[1:3], *codes[code].at) < 5_000]
        if berthed_s:
            near = min(abs(who.eta_s / arrived_s - 1) for arrived_s in berthed_s) < 0.06
            fitting, other = fitting + near, other + (not near)
    assert other < 0.2 * fitting, "some crews are late to change it"
    assert fitting >= 15
    texts = [ship.identity.destination for ship in ships]
    assert sum(bool(re.fullmatch(r"[A-Z]{2} [A-Z0-9]{3}", text)) for text in texts) > 50
    assert len(set(texts)) > 40
    assert max(map(len, texts)) <= 20


def test_tugs_are_slow_and_tows_follow_them():
    ships = fleet("tug", 20)
    tugs, tows = [s for s in ships if s.identity.ship_type != 99], [s for s in ships if s.identity.ship_type == 99]
    assert len(tugs) == 20
    assert 4 <= len(tows) <= 16
    seen, names = track(ships, 600), [ship.identity.ship_type for ship in ships]
    moving = seen[:, :, 2][seen[:, :, 2] > 0.5]
    assert 3.5 < np.median(moving) < 6.1
    assert moving.max() < 6.3
    assert {int(knot[4]) for tug in tugs for knot in tug.plan.knots} <= {11, 12, NAV_MOORED, NAV_ENGINE}
    for i in (i for i, kind in enumerate(names) if kind == 99):
        both = ~np.isnan(seen[i, :, 0]) & ~np.isnan(seen[i - 1, :, 0])
        apart_m = [great_circle_m(*a, *b) for a, b in zip(seen[i, both, :2].tolist(), seen[i - 1, both, :2].tolist(), strict=True)]
        assert max(apart_m, default=0) < 900


def test_pilots_go_out_and_come_home_several_times_a_day():
    ships = fleet("pilot", 6, hours=24)
    for ship in ships:
        home = ship.plan.knots[0][1:3]
        stays = [knot for knot in ship.plan.knots if knot[4] == NAV_MOORED]
        assert len(stays) >= 4
        assert all(great_circle_m(*knot[1:3], *home) < 50 for knot in stays)
        assert max(great_circle_m(*knot[1:3], *home) for knot in ship.plan.knots) > 1_500
        assert ship.identity.ship_type == 50


def test_a_harbour_is_full_of_moored_vessels_along_its_quays():
    more = 'port = "DKAAR"\n'
    ships = fleet("harbour", 300, more=more)
    (port,) = [harbour for harbour in harbours(BELT) if harbour.code == "DKAAR"]
    seen = track(ships, 1800)
    moored = (seen[:, :, 4] == NAV_MOORED) & (seen[:, :, 2] < 0.1)
    assert moored.mean() > 0.9
    shifting = (seen[:, :, 2] > 1).any(axis=1)
    assert 1 <= shifting.sum() < 30
    assert all(great_circle_m(*place, *port.at) < 6_500 for place in seen[:, 0, :2].tolist())
    assert 0.2 < np.mean([ship.kind == CLASS_B for ship in ships]) < 0.7
    quays = {(round(lat, 6), round(lon, 6)): heading for lat, lon, heading in berths(BELT, port).tolist()}
    along = 0
    for lat, lon, _, heading, _ in seen[~shifting, 0].tolist():
        quay_deg = quays.get((round(lat, 6), round(lon, 6)))
        along += quay_deg is not None and min((heading - quay_deg) % 180, (quay_deg - heading) % 180) < 0.1
    assert along > 150
    assert len({tuple(place) for place in seen[:, 0, :2].round(5).tolist()}) > 280, "nobody lies in another's berth"


def test_a_waiting_fleet_swings_round_its_anchors():
    ships = fleet("waiting", 12, hours=13)
    seen = track(ships, 900, 13)
    assert np.nanmax(seen[:, :, 2]) < 0.5
    assert {ship.plan.knots[0][4] for ship in ships} <= {NAV_ANCHORED, NAV_ENGINE}
    for one in seen:
        heading = np.radians(one[:, 3])
        assert np.ptp(np.unwrap(heading)) > math.radians(60), "the tide turns them"
        moved_m = [great_circle_m(*one[0, :2], *place) for place in one[:, :2].tolist()]
        assert 60 < max(moved_m) < 1400
    assert min(shore_nm(*place) for place in seen[:, 0, :2].tolist()) > 0.3
    for moment in (0, 20, 51):
        there = seen[:, moment, :2].tolist()
        assert min(great_circle_m(*a, *b) for i, a in enumerate(there) for b in there[:i]) > 350, "they keep clear of each other"


def test_buoys_drift_together_and_aircraft_fly():
    buoys = fleet("buoys", 12, FIJI)
    assert all(re.fullmatch(r"\d\dV-\d\d%", ship.identity.name) and ship.kind == CLASS_B for ship in buoys)
    seen = track(buoys, 3600)
    assert 0.1 < np.nanmedian(seen[:, :, 2]) < 0.9
    courses = np.degrees(np.arctan2(seen[:, -1, 1] - seen[:, 0, 1], seen[:, -1, 0] - seen[:, 0, 0]))
    assert np.hypot(np.cos(np.radians(courses)).mean(), np.sin(np.radians(courses)).mean()) > 0.95
    (aircraft,) = fleet("aircraft", 1)
    assert aircraft.kind == AIRCRAFT
    assert aircraft.identity.mmsi // 1_000_000 == 111
    assert np.nanmax(track([aircraft], 60)[:, :, 2]) > 80


def test_flags_follow_the_coast_or_the_worlds_merchant_ships():
    local = [ship.identity.mmsi // 1_000_000 for ship in fleet("fishing", 60, FIJI)]
    assert local.count(520) > 40
    merchant = [ship.identity.mmsi // 1_000_000 for ship in fleet("traffic", 300)]
    assert len(set(merchant)) > 30
    assert sum(351 <= mid <= 374 for mid in merchant) > 20
    assert {ship.identity.mmsi // 1_000_000 for ship in fleet("fishing", 5, FIJI, more='flags = ["PG"]\n')} == {553}


def test_careless_crews_have_the_wrong_status_set():
    ships = fleet("traffic", 300, more="careless_share = 0.2\n")
    wrong = [ship for ship in ships if ship.kind == CLASS_A and all(knot[4] == NAV_MOORED for knot in ship.plan.knots[:-1] if knot[3] < 0)]
    moving = [ship for ship in wrong if great_circle_m(*ship.plan.knots[0][1:3], *ship.plan.knots[1][1:3]) > 100]
    assert 30 < len(moving) < 100
    unset = [{knot[4] for knot in ship.plan.knots} == {NAV_UNSET} for ship in ships if ship.kind == CLASS_A]
    assert 0.3 < np.mean(unset) < 0.5
    told = {knot[4] for ship in fleet("fishing", 30, more="careless_share = 0.0\n") for knot in ship.plan.knots}
    assert NAV_UNSET not in told
    assert NAV_MOORED not in told


def test_some_that_tow_are_restricted_and_some_of_the_largest_constrained():
    tugs = [{knot[4] for knot in ship.plan.knots} for ship in fleet("tug", 120, more="ship_types = [31]\n") if ship.identity.ship_type == 31]
    tugs = [told for told in tugs if told != {NAV_MOORED}]  # who lies in port all the time tells nothing of it
    assert 0.15 < np.mean([NAV_RESTRICTED in told for told in tugs]) < 0.45
    assert all(told <= {NAV_MOORED, NAV_RESTRICTED} for told in tugs if NAV_RESTRICTED in told)
    large = [{knot[4] for knot in ship.plan.knots} for ship in fleet("traffic", 200, more="ship_types = [80]\nloa_m = [240.0, 330.0]\n")]
    assert 0.0 < np.mean([NAV_BY_DRAUGHT in told for told in large]) < 0.08
    small = fleet("traffic", 200, more="ship_types = [80]\nloa_m = [90.0, 200.0]\n")
    assert not any(knot[4] == NAV_BY_DRAUGHT for ship in small for knot in ship.plan.knots)


@pytest.mark.parametrize(
    ("rows", "line", "words"),
    [
        ('kind = "traffic"\ncount = 3\nport = "XXXXX"', 12, "no port 'XXXXX'"),
        ('kind = "harbour"\ncount = 3\nport = "NZWLG"', 12, "no port 'NZWLG'"),
        ('kind = "traffic"\ncount = 3\nbeyond_share = 2.0', 9, "share"),
        ('kind = "fishing"\ncount = 3\nroute = "nowhere"', 12, "no route"),
        ('kind = "tug"\ncount = 3\nspeed_kn = [9.0, 3.0]', 9, "speed_kn"),
        ('kind = "tug"\ncount = 3\nregion = [9.0, 3.0, 2.0, 1.0]', 12, "without height"),
    ],
)
def test_a_wrong_fleet_is_refused_with_its_line(rows, line, words):
    with pytest.raises(ConfigError) as fault:
        sea(BELT, rows)
    assert words in str(fault.value)
    assert str(fault.value).startswith(f"x.toml:{line}:"), str(fault.value)
    assert fault.value.remedy


@pytest.mark.parametrize("kind", ["harbour", "pilot", "ferry", "moored", "waiting", "leisure"])
def test_a_region_without_ports_says_so(kind):
    with pytest.raises(InputError) as fault:
        fleet(kind, 3, (-40.0, -140.0, -35.0, -130.0))
    assert fault.value.remedy
