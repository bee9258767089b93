"""Who lies side by side by trade, weather or anchorage does not meet: every innocent explanation of a pair, and the pair beside it that has none."""

from types import SimpleNamespace

import numpy as np
import pytest
from test_tracks_rendezvous import ALONE, A, B, meet
from tracks_sea import every, in_order, last_versions, static, track, watch

from tracks import company
from tracks.alongside import neighbours
from tracks.around import SIGHTING, Around
from tracks.params import Rendezvous
from tracks.parties import PARTY

M_DEG = 1 / 111_195


def judged(rows, *statics, params=ALONE):
    """(last version about A and B, exclusions by name)."""
    events = watch(in_order(*rows), np.concatenate(statics) if statics else None, params=params)[0]
    (event,) = [e for e in last_versions(events, "rendezvous") if e.mmsi == [A, B]]
    return event, {x.name: x for x in event.exclusions}


def others(n, *, nav=0, kn=0.0, hdg=511, lat=54.508, lon=10.38, first=211_000_010):
    rows = [track(first + k, every(60, 2), lat, lon + 0.01 * k, sog_kn=kn, nav=nav) for k in range(n)]
    for row in rows:
        row["hdg"] = hdg
    return rows


def pair(nav_a=0, nav_b=0, hdg=511, kn=0.3, lon=10.4):
    t = every(60, 2)
    rows = [track(A, t, 54.5, lon, sog_kn=kn, nav=nav_a), track(B, t + 7, 54.5 + 40 * M_DEG, lon, sog_kn=kn, nav=nav_b)]
    for row in rows:
        row["hdg"] = hdg
    return rows


def test_a_plain_meeting_has_every_explanation_tested():
    event, tested = judged([meet(A, B)])
    assert event.state == "open"
    names = {
        "unmapped_harbour",
        "unmapped_anchorage",
        "weather_stop",
        "role",
        "net_buoy",
        "pair_trawl",
        "one_hull",
        "mother_ship_and_boats",
        "same_owner",
        "bunkering",
    }
    assert names <= set(tested)
    assert {x.effect for x in tested.values()} == {"none"}


def test_a_bunker_barge_in_an_anchorage():
    barge = static(B, ship_type=80, loa_m=70)
    event, tested = judged([*pair(nav_a=1, lon=10.3), *others(3, nav=1, lon=10.28)], barge, static(A, ship_type=70, loa_m=200))
    assert event.reason == "suppressed: unmapped_anchorage"
    assert tested["bunkering"].effect == "doubt"
    event, tested = judged(pair(nav_a=1, lon=10.3), barge)
    assert (event.state, tested["bunkering"].effect) == ("open", "doubt"), "far from everybody it is a transfer like any other"


def test_who_forgets_to_say_so_lies_still_among_ships_at_anchor():
    assert judged([*pair(kn=0.1), *others(3, nav=1)])[0].reason == "suppressed: unmapped_anchorage"
    assert judged([*pair(kn=1.4), *others(3, nav=1)])[0].state == "open"


def test_bows_to_one_wind_are_a_gale():
    assert judged([*pair(hdg=30, kn=0.8), *others(3, hdg=40, kn=0.8)])[0].reason == "suppressed: weather_stop"
    assert judged([*pair(hdg=130, kn=0.8), *others(3, hdg=40, kn=0.8)])[0].state == "open"


def test_who_has_no_compass_shows_its_bow_by_the_way_it_makes():
    """Courses are 90 degrees; with less than half a knot a course says nothing."""
    assert judged([*pair(hdg=95, kn=0.8), *others(3, kn=0.8)])[0].reason == "suppressed: weather_stop"
    assert judged([*pair(kn=0.8), *others(3, hdg=80, kn=0.8)])[0].reason == "suppressed: weather_stop"
    assert judged([*pair(hdg=130, kn=0.8), *others(3, kn=0.8)])[0].state == "open"
    assert judged([*pair(hdg=95, kn=0.8), *others(3, kn=0.4)])[0].state == "open"


def test_a_mother_ship_and_her_boats():
    boats = [static(m, ship_type=30, loa_m=14) for m in (B, 211_000_010, 211_000_011)]
    event, _ = judged([*pair(), *others(2, kn=6.0)], static(A, ship_type=30, loa_m=90), *boats)
    assert event.reason == "suppressed: mother_ship_and_boats"
    event, tested = judged(pair(), static(A, ship_type=30, loa_m=90), static(B, ship_type=30, loa_m=14))
    assert tested["mother_ship"].effect == tested["fishing_pair"].effect == "doubt"
    event, _ = judged([*pair(), *others(2, kn=6.0)], static(A, ship_type=79, loa_m=90), *boats)
    assert event.state == "open", "a carrier among fishing boats is what the watch looks for"


def test_two_of_one_owner_are_doubted():
    plain = judged(pair())[0].confidence
    event, tested = judged(pair(), static(A, name="BALTIC ROSE"), static(B, name="BALTIC TIDE"))
    assert (event.state, tested["same_owner"].observed) == ("open", "BALTIC")
    assert event.confidence < plain
    assert judged(pair(), static(A, name="MV ROSE"), static(B, name="MV TIDE"))[1]["same_owner"].effect == "none"


def test_a_net_buoy_with_the_number_of_a_ship():
    assert judged(pair(), static(B, name="12V-85%"))[0].reason == "suppressed: net_buoy"


def test_two_strong_doubts_suppress():
    event, tested = judged(pair(nav_a=1, nav_b=1), static(A, ship_type=30), static(B, ship_type=30))
    assert tested["doubts"].observed == 0.64
    assert event.reason == "suppressed: doubts"


def test_who_tells_a_place_that_it_cannot_have_reached_meets_nobody():
    """Both are put down forty miles off, side by side, and lie there: what they tell is not so."""
    t = every(30, 3)
    there = t >= 1800
    rows = [
        track(m, t + 7 * k, np.where(there, 55.0 + 100 * k * M_DEG, 54.3 + 0.05 * k + t * 0.002 / 60), 10.6, sog_kn=np.where(there, 0.5, 7.0), cog_deg=0.0)
        for k, m in enumerate((A, B))
    ]
    event, tested = judged(rows)
    assert event.reason == "suppressed: untrue_position"
    assert tested["untrue_position"].result == "yes"


@pytest.mark.parametrize("seed", range(5))
def test_neighbours_of_many_pairs_are_those_of_each(seed):
    rng, rule, tick_ms, n = np.random.default_rng(seed), Rendezvous(), 10_000_000, 300
    rows = np.zeros(n, SIGHTING)
    rows["key"], rows["t_ms"] = 1 + rng.permutation(n), tick_ms - rng.integers(0, 1_200_000, n)
    rows["lat"], rows["lon"] = 600_000 * rng.normal(54.5, 0.02, n), 600_000 * rng.normal(10.4, 0.04, n)
    rows["speed_kn"], rows["nav"] = rng.choice([-1.0, 0.0, rule.speed_kn_max, 9.0], n), rng.choice([0, 1, 5], n)
    rows["hdg"], rows["cog"] = rng.choice([0, 10, 90, 355, 511], n), rng.choice([0, 905, 3600], n)
    a, b = np.zeros(60, PARTY), np.zeros(60, PARTY)
    for party in (a, b):
        some = rows[rng.integers(0, n, len(party))]
        for name in ("key", "lat", "lon", "hdg", "cog", "speed_kn"):
            party[name] = some[name]
    sight = SimpleNamespace(around=Around(rows), tick_ms=tick_ms)
    counted = neighbours(sight, a, b, rule, bows=True)
    assert counted.max(axis=0).min() > rule.crowd_others_min
    for one, other, (slow, anchored, alike) in zip(a, b, counted.tolist(), strict=True):
        assert alike == max(_alike(sight, party, rule) for party in (one, other))
        near = [company.others_near(sight, int(one["key"]), int(one["lat"]), int(one["lon"]), reach) for reach in (rule.crowd_nm, rule.anchorage_nm)]
        crowd, roads = (rows[rows["key"] != other["key"]] for rows in near)
        assert (slow, anchored) == (len(company.slow(crowd, rule.speed_kn_max)), company.at_anchor(roads, rule.speed_kn_max))


def _alike(sight, party, rule):
    """How many other slow ones show their bows where this one does."""
    near = company.others_near(sight, int(party["key"]), int(party["lat"]), int(party["lon"]), rule.weather_nm)
    return company.same_bow(near, int(company.headings(party.reshape(1))[0]), rule.speed_kn_max, rule.bow_apart_deg_max)


def test_many_that_meet_at_once_are_told_as_few_are(monkeypatch):
    rows = [row for k in range(8) for row in pair_at(k)]
    together = [watch(in_order(*rows), params=ALONE)[0] for _ in (monkeypatch.setattr("tracks.meeting.CROWD_FROM", least) for least in (1, 10_000))]
    assert together[0] == together[1]
    assert sum(event.type == "rendezvous" for event in together[0]) >= 8


def pair_at(k):
    """Two that lie close together, each such pair half a mile from the next."""
    t, lat = every(60, 1), 54.5 + 0.008 * k
    return [track(211_000_100 + 2 * k, t, lat, 10.4, sog_kn=0.2), track(211_000_101 + 2 * k, t + 7, lat + 40 * M_DEG, 10.4, sog_kn=0.2)]
