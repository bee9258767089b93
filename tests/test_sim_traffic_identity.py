"""Who simulated vessels are: numbers as the world hands them out, each once, and crews as careless as at sea."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from dogwatch.errors import InputError
from sim.flags import FLAGS
from sim.hull import hull_of
from sim.identity import BLANK_SHARE, Registry, imo_number


def test_flags_have_digits_of_their_own_and_a_prefix():
    assert len(FLAGS) >= 60
    assert all(201 <= mid <= 775 for flag in FLAGS.values() for mid in flag.mids)
    shared = [mid for mid, n in Counter(mid for flag in FLAGS.values() for mid in flag.mids).items() if n > 1]
    assert shared == [235]  # ships of the Isle of Man fly under digits of the United Kingdom
    assert all(re.fullmatch(r"[A-Z0-9]{2}", flag.prefix) and flag.share > 0 for flag in FLAGS.values())


def test_many_vessels_are_unique_and_look_like_their_flag():
    rng, registry = np.random.default_rng(2), Registry()
    flags = [*FLAGS] * 40 + ["PA"] * 3000
    fleet = [(flag, registry.vessel(rng, flag, 70, 180.0, class_b=False)) for flag in flags]
    for numbers in ([who.mmsi for _, who in fleet], [who.callsign for _, who in fleet], [who.imo for _, who in fleet if who.imo]):
        assert len(numbers) == len(set(numbers)) > 6000
    for flag, who in fleet:
        mid, serial = divmod(who.mmsi, 1_000_000)
        assert mid in FLAGS[flag].mids
        assert serial > 900_000
        assert who.callsign.startswith(FLAGS[flag].prefix)
        assert len(who.callsign) <= 7
        assert who.imo == 0 or (who.imo // 1_000_000 in (3, 4) and imo_number(who.imo // 10) == who.imo)
    assert {who.mmsi // 1_000_000 for flag, who in fleet if flag == "PA"} == set(FLAGS["PA"].mids)


def test_crews_are_careless_to_the_shares_that_are_said():
    rng, registry = np.random.default_rng(3), Registry()
    crews = [registry.vessel(rng, "GR", 80, 240.0, class_b=False, bound_for=("NL RTM", 90_000.0)) for _ in range(4000)]
    assert {who.destination for who in crews} == {"", "NL RTM"}
    assert np.mean([who.destination == "" for who in crews]) == pytest.approx(BLANK_SHARE, abs=0.02)
    eta_s = np.array([who.eta_s for who in crews if who.eta_s is not None])
    assert 0.9 < len(eta_s) / len(crews) < 0.98
    fitting = np.abs(eta_s / 90_000.0 - 1) <= 0.05
    assert 0.8 < fitting.mean() < 0.95
    assert (eta_s[~fitting] < 10_000).all()  # the rest is old


@pytest.mark.parametrize(
    ("ship_type", "loa_m", "share"), [(30, 20.0, 0.8), (60, 28.0, 0.8), (52, 45.0, 0.3), (30, 70.0, 0.02), (70, 25.0, 0.02), (89, 250.0, 0.02)]
)
def test_small_working_and_passenger_vessels_have_no_imo_number(ship_type, loa_m, share):
    rng, registry = np.random.default_rng(6), Registry()
    crews = [registry.vessel(rng, "GR", ship_type, loa_m, class_b=False) for _ in range(1000)]
    assert np.mean([who.imo == 0 for who in crews]) == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize("ship_type", [30, 31, 36, 37, 40, 50, 52, 60, 70, 80, 90, 0])
def test_size_and_draught_belong_together(ship_type):
    rng, registry, hull = np.random.default_rng(4), Registry(), hull_of(ship_type)
    for _ in range(50):
        who = registry.vessel(rng, "NO", ship_type, float(rng.uniform(*hull.loa_m)), class_b=False)
        assert 2.4 < who.loa_m / who.beam_m < 7.5
        assert who.draught_m == 0 or 0.1 < who.draught_m / who.beam_m < 0.65
    boat = registry.vessel(rng, "NO", ship_type, 12.0, class_b=True)
    assert (boat.imo, boat.draught_m, boat.destination, boat.eta_s) == (0, 0.0, "", None)


def test_aircraft_and_buoys_have_numbers_of_their_kind():
    rng, registry = np.random.default_rng(5), Registry()
    aircraft = [registry.aircraft("NL").mmsi for _ in range(3)]
    assert aircraft == [111_244_901, 111_244_902, 111_244_903]
    buoys = [registry.buoy(rng) for _ in range(300)]
    assert len({who.mmsi for who in buoys}) == 300
    assert all(900_000_000 < who.mmsi < 901_000_000 and re.fullmatch(r"1[1-3]V-\d\d%", who.name) for who in buoys)


def test_a_flag_without_numbers_left_is_an_error_with_a_remedy(monkeypatch):
    monkeypatch.setattr("sim.identity._SERIALS", 3)
    rng, registry = np.random.default_rng(6), Registry()
    for _ in range(6):
        registry.vessel(rng, "KM", 70, 90.0, class_b=False)
    with pytest.raises(InputError, match="KM has no numbers left"):
        registry.vessel(rng, "KM", 70, 90.0, class_b=False)
