"""Places: squares of the sea against plain arithmetic, counts against a dictionary, whatever the order and the pieces."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch import blob
from tracks import places
from tracks.around import SIGHTING
from tracks.places import KINDS, Places, kind_of, looks_of, square_of

NOW = 1_767_225_600_000


def looked_at(*parts):
    """LOOK rows of sightings in parts, of the last millisecond and of ships of 50 m or more."""
    return looks_of(parts, NOW - 1, 50.0)


def sightings(rows):
    """SIGHTING rows of (key, lat_deg, lon_deg, ship type, length, knots)."""
    seen = np.zeros(len(rows), SIGHTING)
    for one, (key, lat, lon, ship_type, loa_m, kn) in zip(seen, rows, strict=True):
        one["key"], one["t_ms"], one["lat"], one["lon"] = key, NOW, round(lat * 600_000), round(lon * 600_000)
        one["ship_type"], one["loa_m"], one["speed_kn"] = ship_type, loa_m, kn
    return seen


@given(st.floats(-89.99, 89.99), st.floats(-179.99, 179.99))
def test_a_square_is_a_mile_wide_and_high(lat, lon):
    here = square_of(round(lat * 600_000), round(lon * 600_000))
    north = square_of(round(lat * 600_000) + 10_000, round(lon * 600_000))
    assert here >> 15 == math.floor((round(lat * 600_000) + 54_000_000) / 10_000)
    assert (north >> 15) - (here >> 15) == 1
    mile = 10_000 / max(math.cos(math.radians(lat)), 0.05)
    steps = {int(square_of(round(lat * 600_000), round(lon * 600_000 + k * mile / 10))) for k in range(21) if abs(lon * 600_000 + k * mile / 10) < 108e6}
    assert len(steps) <= 4


def test_the_date_line_is_no_edge_of_the_count():
    columns = [int(square_of(0, lon) & 0x7FFF) for lon in (-108_000_000, 107_999_999)]
    assert columns[0] == 0
    assert 21_590 < columns[1] < 21_600


@given(st.integers(0, 255), st.integers(0, 1022))
def test_kinds_are_numbers_below_their_number(ship_type, loa_m):
    assert 0 <= kind_of(ship_type, loa_m) < KINDS
    assert kind_of(ship_type, loa_m) % 3 == (loa_m >= 120) + (loa_m >= 220)


def test_trades_are_told_apart():
    assert len({int(kind_of(ship_type, 100)) for ship_type in (30, 52, 40, 60, 70, 80, 37, 90)}) == 8


ROWS = st.lists(
    st.tuples(
        st.integers(1, 40),
        st.floats(54.0, 54.05),
        st.floats(10.0, 10.05),
        st.sampled_from([0, 30, 70, 80]),
        st.sampled_from([0, 40, 100, 150, 300]),
        st.sampled_from([0.0, 2.9, 3.0, 12.0]),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_counts_agree_with_a_dictionary_in_any_order(looks, seed):
    rng, known, plain = np.random.default_rng(seed), Places(), Counter()
    for rows in looks:
        seen = sightings(rows)
        asked = known.ask(looked_at(seen[:7], seen[7:]), 3, 0.3)
        expected = set()
        counted = [r for r in rows if r[3] and r[4] >= 50 and r[5] >= 3.0]
        for key, lat, lon, ship_type, loa_m, _ in counted:
            square = int(square_of(round(lat * 600_000), round(lon * 600_000)))
            visits = sum(n for (where, _), n in plain.items() if where == square)
            own = plain[square, int(kind_of(ship_type, loa_m))]
            if visits >= 3 and own < 0.3 * visits:
                expected.add((key, square, visits, own))
        assert {tuple(int(v) for v in row) for row in asked} == expected
        known.learn(looked_at(seen[rng.permutation(len(seen))]), set())
        for _, lat, lon, ship_type, loa_m, _ in counted:
            plain[int(square_of(round(lat * 600_000), round(lon * 600_000))), int(kind_of(ship_type, loa_m))] += 1
        known = Places.from_sections(blob.unpack(blob.pack(known.to_sections(), schema=1), schema=1))
    sections = known.to_sections()
    found = {(int(square), kind): int(n) for square, row in zip(sections["squares"], sections["looks"], strict=True) for kind, n in enumerate(row) if n}
    assert found == {key: n for key, n in plain.items() if n}
    assert (np.diff(sections["squares"]) > 0).all()


def test_who_is_odd_does_not_teach():
    seen = sightings([(1, 54.0, 10.0, 70, 100, 10.0), (2, 54.0, 10.0, 80, 100, 10.0)])
    known = Places()
    known.learn(looked_at(seen), {2})
    assert known.to_sections()["looks"].sum() == 1


def test_old_positions_class_b_and_places_in_trouble_say_nothing():
    seen = sightings([(k, 54.0, 10.0, 70, 100, 10.0) for k in range(4)])
    seen["t_ms"][0], seen["class_b"][1], seen["trouble"][2] = NOW - 10, 1, 1
    known = Places()
    known.learn(looked_at(seen), set())
    assert known.to_sections()["looks"].sum() == 1


def test_a_quarter_of_a_year_halves_and_forgets():
    known = Places()
    for _ in range(3):
        known.learn(looked_at(sightings([(1, 54.0, 10.0, 70, 100, 10.0)])), set())
    known.learn(looked_at(sightings([(1, 55.0, 10.0, 70, 100, 10.0)])), set())
    known.halve()
    sections = known.to_sections()
    assert (len(sections["squares"]), int(sections["looks"].sum())) == (1, 1)
    known.learn(looked_at(sightings([(1, 55.0, 10.0, 70, 100, 10.0)])), set())
    assert len(known.squares) == 2


def test_squares_are_bounded_and_which_are_refused_does_not_depend_on_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(places, "SQUARES_MAX", 5)
    rows = [(k, 54.0 + k / 60, 10.0, 70, 100, 10.0) for k in range(9)]
    kept = []
    for order in (rows, rows[::-1]):
        known = Places()
        known.learn(looked_at(sightings(order)), set())
        assert (len(known.squares), known.refused) == (5, 4)
        kept.append(known.squares.tolist())
    assert kept[0] == kept[1]


def test_many_squares_grow_the_room():
    rows = [(k, 30.0 + k / 60, 10.0, 70, 100, 10.0) for k in range(1500)]
    known = Places()
    for part in (rows[:700], rows[700:], rows):
        known.learn(looked_at(sightings(part)), set())
    assert (known.to_sections()["looks"].sum(axis=1) == 2).all()
