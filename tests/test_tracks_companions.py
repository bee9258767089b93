"""Companions: the counts about many places in one pass against the questions of company.py, asked of one place at a time."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tracks import company
from tracks.around import SIGHTING, within
from tracks.companions import MATE_NM, PLACE, company_of

QUEUE_NM, SLOW_KN, ANCHOR_KN, APART_DEG, SHARE = LIMITS = (3.0, 2.0, 1.0, 20.0, 0.4)
SINCE_MS, STILL_MS = 1_000_000, 400_000  # heard so lately, and so lately who lay still


def crowd(rng, n, lat, lon):
    """Sightings about a place, some of them old, fast, fishing, without a heading."""
    seen = np.zeros(n, SIGHTING)
    seen["key"] = (rng.choice([219, 220, 257], n) * 1_000_000 + np.arange(n)) << 2
    seen["t_ms"] = rng.choice([STILL_MS - 1, STILL_MS, SINCE_MS - 1, SINCE_MS, SINCE_MS + 5_000], n)
    seen["lat"] = np.clip(lat + rng.integers(-150_000, 150_000, n), -54_000_000, 54_000_000)
    seen["lon"] = (lon + rng.integers(-150_000, 150_000, n) + 108_000_000) % 216_000_000 - 108_000_000
    seen["speed_kn"] = rng.choice([-1.0, 0.0, 0.4, 0.5, 0.9, 1.0, 1.5, 2.0, 2.1, 9.0], n)
    seen["hdg"] = rng.choice([0, 5, 20, 25, 180, 350, 359, 400, 511], n)
    seen["cog"] = rng.choice([0, 3, 148, 1795, 3599, 3600], n)
    seen["nav"], seen["ship_type"], seen["loa_m"] = rng.choice([0, 1, 5, 7], n), rng.choice([0, 30, 70], n), rng.choice([0, 10, 40, 90], n)
    return seen


def asked_one_by_one(seen, place):
    """The same counts, as rendezvous and dark partners ask for them."""
    lat, lon = int(place["lat"]), int(place["lon"])
    others = within(seen, lat, lon, max(QUEUE_NM, float(place["reach_nm"])))
    lay_still = (others["speed_kn"] >= 0) & (others["speed_kn"] <= SLOW_KN)
    others = others[(others["t_ms"] >= np.where(lay_still, STILL_MS, SINCE_MS)) & (others["key"] != place["key"])]
    near = within(others, lat, lon, QUEUE_NM)
    clear = near[~np.isin(near["key"], within(near, lat, lon, MATE_NM)["key"])]
    return (
        len(company.slow(near, SLOW_KN)),
        company.at_anchor(near, ANCHOR_KN),
        company.same_bow(near, int(place["hdg"]), SLOW_KN, APART_DEG),
        company.same_bow(clear, int(place["hdg"]), SLOW_KN, APART_DEG) if place["hdg"] < 511 else 0,
        int(company.fishing(others).sum()),
        company.boats_of(others, int(place["key"]), int(place["loa_m"]), SHARE),
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 54.5, -41.0, 89.9, -89.9]), st.sampled_from([10.0, 179.9, -180.0]))
def test_counts_are_those_asked_one_by_one(seed, lat_deg, lon_deg):
    rng = np.random.default_rng(seed)
    lat, lon = round(lat_deg * 600_000), round(lon_deg * 600_000)
    seen, places = crowd(rng, 80, lat, lon), np.zeros(12, PLACE)
    who = rng.choice(80, 12, replace=False)
    for name in ("key", "lat", "lon", "loa_m", "hdg"):
        places[name] = seen[name][who]
    places["reach_nm"] = rng.choice([3.0, 10.0], 12)
    found = company_of([seen[:30], seen[30:]], places, (SINCE_MS, STILL_MS), LIMITS)
    assert [tuple(int(x) for x in row) for row in found] == [asked_one_by_one(seen, place) for place in places]
    assert sum(row["slow"] for row in found) > 0


def test_nobody_about_and_nobody_asked():
    place = np.zeros(1, PLACE)
    place["reach_nm"] = 3.0
    assert company_of([np.empty(0, SIGHTING)], place, (0, 0), LIMITS)[0].tolist() == (0, 0, 0, 0, 0, 0)
    assert len(company_of([np.zeros(3, SIGHTING)], np.empty(0, PLACE), (0, 0), LIMITS)) == 0
