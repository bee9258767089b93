"""The search for contacts: the grid against everybody with everybody, crowds, poles, the date line, parts of a sea, and how much is compared."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_contacts import contacts

from tracks.contacts import ABREAST, NEAR, STILL, Room, find_contacts, halo_m, near_rows
from tracks.key import mmsi_of, ordinal_of
from tracks.params import Rendezvous
from tracks.records import SLOTS
from tracks.vessels import VesselTable

RULE = Rendezvous()


def rows_at(lat, lon, *, own_m=500.0, gait=STILL, speed_kn=0.3, cog=0, t_ms=0):
    """NEAR rows at degrees."""
    rows = np.zeros(len(lat), NEAR)
    rows["key"] = 840_000_000 + 4 * np.arange(len(lat))
    rows["lat"] = np.round(np.asarray(lat) * 600_000)
    rows["lon"] = np.round((np.asarray(lon) * 600_000 + 108_000_000) % 216_000_000 - 108_000_000)
    rows["own_m"], rows["gait"], rows["speed_kn"], rows["cog"], rows["t_ms"] = own_m, gait, speed_kn, cog, t_ms
    return rows


@st.composite
def seas(draw):
    n, rng = draw(st.integers(2, 70)), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lat0, lon0 = draw(st.sampled_from([0, 54, -60, 71, 80, 85, 88.5, 88.8, 88.89, -88.9, 89.5])), draw(st.sampled_from([0, 10, 179.995, -179.998]))
    spread_m = draw(st.sampled_from([150, 300, 2000, 20_000]))
    north, east = rng.uniform(-spread_m, spread_m, (2, n)) / 111_195
    rows = rows_at(lat0 + north, lon0 + east / np.cos(np.radians(lat0)))
    rows["key"] = 840_000_000 + draw(st.sampled_from([4, 2, 1])) * np.arange(n)  # each of a number of its own, two of one, four of one
    rows["own_m"] = rng.choice([150, 240, 360, 500], n)
    rows["gait"] = rng.choice([STILL, ABREAST, STILL | ABREAST], n)
    rows["speed_kn"] = rng.uniform(2.0, 3.0, n)
    rows["cog"] = (3590 + rng.integers(0, 250, n)) % 3600
    rows["t_ms"] = rng.integers(0, 120_000, n)
    return rows


def found_of(rows, rule=RULE):
    found = find_contacts(rows, rule)
    return {(int(c["a"]), int(c["b"])): int(c["kind"]) for c in found.contacts}, found


def sure(rows):
    """Whether no distance is so near to a limit that a plane and a ball may differ: those few are left out of the comparison."""
    return (
        contacts(rows, Rendezvous(way_m_max=150.0))
        == contacts(_wider(rows, 1.004), Rendezvous(way_m_max=150.6))
        == contacts(_wider(rows, 0.996), Rendezvous(way_m_max=149.4))
    )


def _wider(rows, factor):
    out = rows.copy()
    out["own_m"] *= factor
    return out


@settings(max_examples=250, deadline=None)
@given(seas())
def test_the_grid_finds_what_everybody_with_everybody_finds(rows):
    if not sure(rows):
        return
    expected, crowd = contacts(rows, RULE)
    pairs, found = found_of(rows)
    assert pairs == expected
    assert found.crowded == len(crowd)
    assert (found.contacts["key"][1:] > found.contacts["key"][:-1]).all(), "each pair once, in order"


@pytest.mark.parametrize("lon", [(0.0, 180.0), (-90.0, 90.0), (10.0, 130.0), (179.9, -179.9), (10.0, 11.0)])
@pytest.mark.parametrize("side", [1, -1])
def test_a_pair_across_the_pole(lon, side):
    pairs, _ = found_of(rows_at(np.array([89.999, 89.999]) * side, lon))
    assert pairs == {(0, 1): STILL}, "at most 222 m apart"
    assert not found_of(rows_at(np.array([89.99, 89.99]) * side, lon if abs(lon[0] - lon[1]) > 60 and abs(lon[0]) < 179 else (0.0, 180.0)))[0]


def test_a_pair_across_the_date_line():
    assert found_of(rows_at([-20.0, -20.0], [179.9985, -179.9985]))[0] == {(0, 1): STILL}


def harbour(n, *, box_m=4000.0, own_m=500.0, seed=1):
    rng = np.random.default_rng(seed)
    return rows_at(54.0 + rng.uniform(0, box_m, n) / 111_195, 10.0 + rng.uniform(0, box_m, n) / 65_000, own_m=own_m)


def test_a_crowd_is_counted_and_forms_no_pairs():
    rows = rows_at(np.full(40, 54.0), 10.0 + np.arange(40) * 1e-5)
    found = find_contacts(rows, RULE)
    assert (len(found.contacts), found.crowded) == (0, 40)
    small = find_contacts(rows[:13], RULE)
    assert (len(small.contacts), small.crowded) == (13 * 12 // 2, 0), "twelve partners are no crowd"


def test_who_lies_at_the_edge_of_a_crowd_is_still_found():
    crowd = rows_at(np.full(30, 54.0), 10.0 + np.arange(30) * 1e-5)
    pair = rows_at([54.02, 54.0204], [10.0, 10.0])
    rows = np.concatenate([crowd, pair])
    rows["key"] = 840_000_000 + 4 * np.arange(32)
    assert found_of(rows)[0] == {(30, 31): STILL}


def test_what_is_compared_is_bounded_whatever_the_density():
    """The work of a vessel in a crowd ends with its thirteenth partner; doubling the density costs at most 2.2 times as much."""
    work = [find_contacts(harbour(n), RULE).examined for n in (1000, 2000, 4000)]
    assert work[1] <= 2.2 * work[0]
    assert work[2] <= 2.2 * work[1]
    assert work[1] <= 60 * 2000
    apart = [find_contacts(harbour(n, box_m=40_000.0), RULE).examined for n in (1000, 2000)]
    assert apart[1] <= 4.4 * apart[0], "pairs themselves grow with the square; what is compared for each is the same"


def test_under_way_the_later_report_is_taken_back_to_the_time_of_the_earlier():
    """Two abreast at 7 kn, 100 m apart, heard 40 s after each other: their last positions are 180 m apart."""
    back = 40 * 7 * 0.514444 / 111_195
    rows = rows_at([54.0, 54.0 + back], [10.0, 10.0 + 100 / 65_300], gait=ABREAST, speed_kn=7.0)
    rows["t_ms"] = (0, 40_000)
    pairs, found = found_of(rows)
    assert pairs == {(0, 1): ABREAST}
    assert found.contacts["distance_m"][0] == pytest.approx(100, abs=2)
    rows["t_ms"] = (0, 200_000)
    assert not found_of(rows)[0], "too long after each other: nothing is guessed"


@pytest.mark.parametrize(
    ("speeds", "cogs", "abreast"),
    [
        ((5, 5.9), (0, 0), True),
        ((5, 6.1), (0, 0), False),
        ((5, 5), (0, 100), True),
        ((7, 7), (3550, 30), True),
        ((7, 7), (0, 100), False),
        ((3, 3), (0, 160), False),
    ],
)
def test_abreast_is_one_speed_on_one_course(speeds, cogs, abreast):
    rows = rows_at([54.0, 54.0005], [10.0, 10.0], gait=ABREAST)
    rows["speed_kn"], rows["cog"] = speeds, cogs
    assert bool(found_of(rows)[0]) == abreast


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 54.0, 80.0]))
def test_a_part_of_the_sea_with_its_halo_finds_what_the_whole_finds(seed, lat0):
    rng = np.random.default_rng(seed)
    n = 400
    rows = rows_at(lat0 + rng.uniform(0, 0.06, n), 179.97 + rng.uniform(0, 0.06, n) / np.cos(np.radians(lat0)), own_m=rng.choice([150, 500], n))
    whole, _ = found_of(rows)
    halo = halo_m(RULE)
    cut = float(np.median(rows["lat"]))
    got = {}
    for home in (rows["lat"] < cut, rows["lat"] >= cut):
        near = np.abs(rows["lat"] - cut) * 0.18532 <= halo
        part = np.flatnonzero(home | near)
        for (a, b), kind in found_of(rows[part])[0].items():
            if home[part[a]]:
                got[int(part[a]), int(part[b])] = kind
    assert got == whole


@settings(max_examples=60, deadline=None)
@given(seas(), st.integers(0, 2**32 - 1))
def test_the_order_of_the_rows_plays_no_part(rows, seed):
    whole = find_contacts(rows, RULE)
    order = np.random.default_rng(seed).permutation(len(rows))
    other = find_contacts(rows[order], RULE)
    assert (other.contacts["key"] == whole.contacts["key"]).all()
    assert (other.contacts["kind"] == whole.contacts["kind"]).all()
    assert (order[other.contacts["a"]] == whole.contacts["a"]).all()
    assert (order[other.contacts["b"]] == whole.contacts["b"]).all()
    assert (other.crowds == whole.crowds[order]).all()


@settings(max_examples=20, deadline=None)
@given(st.lists(seas(), min_size=2, max_size=4))
def test_a_room_used_again_holds_nothing_of_the_minute_before(several):
    room = Room()
    for rows in several:
        again, fresh = find_contacts(rows, RULE, room), find_contacts(rows, RULE)
        assert (again.contacts == fresh.contacts).all()
        assert (again.crowds == fresh.crowds).all()


def table_of(rows, speed_kn):
    """A table in which lie vessels as NEAR rows say, at these speeds."""
    table = VesselTable.new(len(rows), {}, len(rows))
    table.cells[SLOTS] = len(rows)
    table.rows["mmsi"], table.more["ordinal"] = mmsi_of(rows["key"]), ordinal_of(rows["key"])
    table.more["loa_m"] = np.where(rows["own_m"] < 500, rows["own_m"] / 3, 0)
    for name in ("lat", "lon", "cog", "t_ms"):
        table.rows[name] = rows[name]
    table.rows["speed_kn"] = speed_kn
    return table


@settings(max_examples=250, deadline=None)
@given(seas(), st.integers(0, 2**32 - 1))
def test_who_is_alone_is_left_out_and_nothing_is_found_less(rows, seed):
    table = table_of(rows, np.random.default_rng(seed).uniform(0.0, 9.0, len(rows)))
    everybody, some = (near_rows(table, 120_000, RULE, Room(), alone=alone) for alone in (True, False))
    whole, found = find_contacts(everybody, RULE), find_contacts(some, RULE)
    for name in ("key", "kind", "distance_m"):
        assert (found.contacts[name] == whole.contacts[name]).all()
    assert sorted(some["key"][found.crowds]) == sorted(everybody["key"][whole.crowds])
    assert set(some["key"]) <= set(everybody["key"])


def test_of_a_sea_in_which_all_are_alone_no_rows_are_made():
    n = 400
    table = table_of(rows_at(np.linspace(-70, 70, n), np.linspace(-179, 179, n)), 0.3)
    assert len(near_rows(table, 0, RULE, Room())) == 0
    assert len(near_rows(table, 0, RULE, Room(), alone=True)) == n


def test_two_across_the_date_line_are_not_alone():
    table = table_of(rows_at([-20.0, -20.0], [179.9985, -179.9985]), 0.3)
    assert len(find_contacts(near_rows(table, 0, RULE, Room()), RULE).contacts) == 1
