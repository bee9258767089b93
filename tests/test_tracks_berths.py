"""Berths: what is read from the list and searched for besides is what a search of everybody finds, and events do not depend on it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_contacts import contacts
from test_tracks_contacts import rows_at, sure
from tracks_sea import every, in_order, lines, static, track, watch

from dogwatch import blob
from tracks import berths
from tracks import contacts as search
from tracks.berths import Berths
from tracks.contacts import ABREAST, STILL, Room, find_contacts
from tracks.params import Dark, Loitering, Params, Rendezvous

RULE = Rendezvous()
M_DEG = 1 / 111_195  # degrees of latitude per metre
PLACES = [0.0, 54.0, -60.0, 80.0, 88.3, 88.79, 88.85, -88.9, 89.5]


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch):
    monkeypatch.setattr(berths, "ROWS_MIN", 2)


def step(rows, rng, lat0):
    """A minute: most lie still and their positions scatter, some creep, some jump; lengths become known, speeds change, most report anew."""
    n, rows = len(rows), rows.copy()
    way_m = rng.choice([0.0, 3.0, 15.0, 60.0, 800.0], n, p=[0.35, 0.3, 0.2, 0.1, 0.05])
    turn = rng.uniform(0, 2 * np.pi, n)
    north, east = way_m * np.cos(turn) * M_DEG, way_m * np.sin(turn) * M_DEG / np.cos(np.radians(min(abs(lat0), 89.0)))
    rows["lat"] = np.clip(rows["lat"] + np.round(north * 600_000), -54_000_000, 54_000_000)
    rows["lon"] = (rows["lon"] + np.round(east * 600_000) + 108_000_000) % 216_000_000 - 108_000_000
    rows["t_ms"] += 60_000 * ((way_m > 0) | (rng.random(n) < 0.2))
    changed = rng.random(n) < 0.02
    rows["own_m"][changed] = rng.choice([150, 240, 500], np.count_nonzero(changed))
    changed = rng.random(n) < 0.03
    rows["gait"][changed] = rng.choice([STILL, STILL, STILL | ABREAST, ABREAST], np.count_nonzero(changed))
    rows["speed_kn"] = np.where(rows["gait"] == STILL, 0.3, 2.5)
    return rows


def begin(n, rng, lat0, lon0, spread_m):
    north, east = rng.uniform(-spread_m, spread_m, (2, n)) * M_DEG
    rows = rows_at(np.clip(lat0 + north, -90, 90), lon0 + east / np.cos(np.radians(min(abs(lat0), 89.0))), own_m=rng.choice([150, 300, 500], n), speed_kn=0.3)
    rows["key"] = 840_000_000 + rng.choice([1, 4]) * rng.permutation(n)  # each of a number of its own, or four of one
    rows["slot"] = rng.permutation(n)
    return rows


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(2, 60), st.sampled_from(PLACES), st.sampled_from([10.0, 179.998, -179.999]), st.sampled_from([200, 600, 3000]),
    st.sampled_from([0, 600_000]),
)  # fmt: skip
def test_the_list_and_the_search_besides_find_what_a_search_finds(seed, n, lat0, lon0, spread_m, listed_ms):
    rng, room = np.random.default_rng(seed), Room()
    everybody, found_before, kept = begin(n, rng, lat0, lon0, spread_m), {}, Berths()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(berths, "LISTED_MS", listed_ms or berths.LISTED_MS)
        for minute in range(30):
            everybody = step(everybody, rng, lat0)
            if rng.random() < 0.1:  # a slot is given to another
                who = rng.integers(0, n)
                everybody["key"][who] = 850_000_000 + 4 * minute
            rows = everybody[rng.permutation(n)[: n - int(rng.integers(0, 2 + n // 8))]]
            whole, told = find_contacts(rows, RULE), bool(rng.random() < 0.3)
            found = kept.find(rows, 60_000 * minute, RULE, room, whole=told)
            assert (found.crowds == whole.crowds).all()
            said, now = {bytes(one) for one in found.contacts}, {}
            for one in whole.contacts:
                reports = int(rows["t_ms"][one["a"]]), int(rows["t_ms"][one["b"]])
                now[int(one["key"])] = reports
                assert bytes(one) in said or (not told and found_before.get(int(one["key"])) == reports), "left out is only what was said of the same reports"
            assert said <= {bytes(one) for one in whole.contacts}
            assert (found.contacts["key"][1:] > found.contacts["key"][:-1]).all()
            if minute % 10 == 9 and sure(rows):
                assert {(int(c["a"]), int(c["b"])) for c in whole.contacts if rows["key"][c["a"]] < rows["key"][c["b"]]} == {
                    pair if rows["key"][pair[0]] < rows["key"][pair[1]] else pair[::-1] for pair in contacts(rows, RULE)[0]
                }
            found_before = now


def harbour(n=300, seed=3):
    rng = np.random.default_rng(seed)
    rows = rows_at(54.0 + rng.uniform(0, 6000, n) * M_DEG, 10.0 + rng.uniform(0, 6000, n) * M_DEG / 0.6, own_m=200.0)
    rows["slot"] = np.arange(n)
    return rows


def test_who_lies_still_is_not_searched_for_and_not_told_again():
    rows, kept = harbour(), Berths()
    kept.find(rows, 0, RULE, Room(), whole=True)
    again = kept.find(rows, 60_000, RULE, Room(), whole=False)
    assert len(find_contacts(rows, RULE).contacts) > 100
    assert len(again.contacts) == 0
    assert again.examined == len(kept.listed), "the list is read, nobody is searched for"
    every_one = find_contacts(rows, RULE).contacts
    who = every_one["a"][0]
    rows["t_ms"][who] = 60_000
    anew = kept.find(rows, 120_000, RULE, Room(), whole=False).contacts
    assert (anew == every_one[(every_one["a"] == who) | (every_one["b"] == who)]).all()
    rows["lat"][:3] += 1_000_000
    assert kept.find(rows, 180_000, RULE, Room(), whole=False).examined <= len(kept.listed) + 3 * 50


def test_a_list_longer_than_rows_without_a_crowd_make_it_is_not_kept():
    rows = rows_at(np.full(40, 54.0), 10.0 + np.arange(40) * 1e-5)
    rows["slot"] = np.arange(40)
    kept = Berths()
    assert kept.find(rows, 0, RULE, Room(), whole=True).crowded == 40
    assert len(kept.listed) == 0


def test_a_search_besides_that_grows_too_long_is_given_up(monkeypatch):
    """A crowd of those who creep among many that lie still: the search for them ends at the first partners too many, so nothing is counted for others."""
    rows, kept = harbour(), Berths()
    kept.find(rows, 0, RULE, Room(), whole=True)
    crowd = rows_at(54.04 + np.arange(300) * 1e-6, np.full(300, 10.05), gait=ABREAST | STILL, speed_kn=2.5)
    crowd["key"] += 4 * 300
    crowd["slot"] = 300 + np.arange(300)
    rows = np.concatenate([rows, crowd])
    found, whole = kept.find(rows, 60_000, RULE, Room(), whole=True), find_contacts(rows, RULE)
    assert (found.contacts == whole.contacts).all()
    assert found.examined == whole.examined <= search.EXAMINED_MAX * len(rows)
    assert len(kept.listed) == 0


@pytest.mark.parametrize("lat", [89.999, -89.999, 88.801, 88.79])
def test_near_a_pole_nobody_is_missed(lat):
    rng = np.random.default_rng(5)
    rows = rows_at(np.full(12, lat), rng.uniform(-180, 180, 12) if abs(lat) > 89 else 10.0 + rng.uniform(0, 0.1, 12))
    rows["slot"] = np.arange(12)
    rows["key"][:2] = rows["key"][1::-1]
    kept = Berths()
    for minute in range(2):
        assert len(kept.find(rows, 60_000 * minute, RULE, Room(), whole=True).contacts) == len(find_contacts(rows, RULE).contacts) > 20


@pytest.mark.parametrize("lat", [54.0, -71.0, 85.0, 88.0, 89.5])
def test_at_the_limit_of_a_contact_the_list_measures_as_the_search_does(lat):
    """Pairs far from each other, each as far apart as counts for contact, or by a hair more or less."""
    rng, n = np.random.default_rng(7), 600 if lat < 89 else 100
    north, east = rng.choice([-1, 1], (2, n)) * rng.uniform(100, 300, (2, n)) * M_DEG
    lon = np.linspace(-150, 150, n)
    rows = rows_at(np.concatenate([np.full(n, lat), lat + north]), np.concatenate([lon, lon + east / np.cos(np.radians(lat))]))
    rows["slot"] = rng.permutation(2 * n)
    apart_m = np.array([search.apart_m(*(int(rows[name][k]) for k in (i, i + n) for name in ("lat", "lon"))) for i in range(n)])
    rows["own_m"] = np.tile(apart_m * rng.choice([1 - 1e-5, 1 + 1e-5], n), 2)
    found, whole = Berths().find(rows, 0, RULE, Room(), whole=True), find_contacts(rows, RULE)
    assert (found.contacts == whole.contacts).all()
    assert n / 3 < len(whole.contacts) < 2 * n / 3


def kept_of(state):
    """Pairs, their events and counts, as a snapshot holds them."""
    (detector,) = (one for one in state.detectors if one.NAME == "rendezvous")
    return blob.pack(detector.to_sections(), schema=1)


RULES = st.sampled_from(
    [
        {},
        {"pairs_max": 9},
        {"partners_max": 3},
        {"merge_s": 0, "interpolation_s_max": 60, "unheard_s_max": 0},
        {"merge_s": 0, "interpolation_s_max": 60, "unheard_s_max": 0, "report_age_s_max": 3600},
    ]
)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), RULES)
def test_events_are_the_same_whether_there_are_berths_or_not_and_however_often_they_are_lost(seed, more):
    rng, ships, hours = np.random.default_rng(seed), [], 3.0
    for k in range(14):
        t = every(float(rng.choice([60, 180, 400])), hours) + float(rng.integers(0, 60))
        walk = np.cumsum(rng.normal(0, rng.choice([0.0, 3.0, 40.0]), (2, len(t))), axis=1) * M_DEG
        seen = rng.random(len(t)) < rng.choice([1.0, 0.6])
        place = 54.5 + rng.uniform(0, 900) * M_DEG + walk[0], 10.4 + rng.uniform(0, 900) * M_DEG / 0.58 + walk[1]
        ships.append(track(211_000_001 + k, t[seen], place[0][seen], place[1][seen], sog_kn=float(rng.choice([0.1, 0.4, 1.5])), nav=int(rng.choice([0, 1, 5]))))
    told = np.concatenate([static(211_000_001 + k, t_s=float(rng.integers(0, 9000)), ship_type=70, loa_m=int(rng.choice([20, 60, 150]))) for k in range(7)])
    how = {"statics": told, "params": Params(loitering=Loitering(enabled=False), dark=Dark(enabled=False), rendezvous=Rendezvous(**more))}
    rows = in_order(*ships)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(berths, "ROWS_MIN", 1 << 30)
        expected, state = watch(rows, **how)
    for restarts in ((), range(0, 200, 5)):
        events, again = watch(rows, **how, restarts=restarts)
        assert lines(events) == lines(expected)
        assert kept_of(again) == kept_of(state)
    assert expected or more
