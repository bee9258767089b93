"""Shards: the same events whether one table keeps all vessels or 4 or 64 do, and a search cell by cell finds what one search finds."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_tracks_contacts import rows_at
from test_tracks_dark_partner import silent, voyage
from test_tracks_rendezvous import abreast, meet
from tracks_sea import FlatSea, every, in_order, lane_traffic, lines, stamped, static, track, watch, well_heard

from dogwatch.batch import STATIC_DTYPE
from tracks.clock import Released
from tracks.contacts import find_contacts
from tracks.params import Params, Rendezvous
from tracks.shards import home_of, minute, search
from tracks.step import TrackState

RULE = Rendezvous()
HOLDING = ("loitering", "dark", "ears", "legs", "drift", "sudden_stop", "aground", "port_visit", "dark_partner", "rendezvous")


def sea():
    waiting = [track(211_000_040 + k, every(60, 3), 54.81 + 0.003 * k, 10.45, sog_kn=0.0, nav=1) for k in range(5)]
    crowd = [track(211_000_060 + k, every(60, 2), 54.9 + 0.0002 * k, 10.5, sog_kn=0.1) for k in range(16)]
    drifter = track(211_000_030, every(60, 3), 54.62 + every(60, 3) * 0.6 / 3600 / 60, 10.5, sog_kn=0.6, cog_deg=0.0)
    gone = track(211_000_050, every(30, 1.2), 54.3 + every(30, 1.2) * 12 / 3600 / 60, 10.3, sog_kn=12.0, cog_deg=0.0)
    t = every(60, 2)
    line = in_order(track(211_000_090, t, -20.0, 179.999, sog_kn=0.2), track(211_000_091, t, -20.0, -179.999, sog_kn=0.2))
    parts = [lane_traffic(3.0), abreast(), meet(211_000_010, 211_000_011, lat=54.7), meet(211_000_011, 211_000_012, lat=54.7, metres=300.0)]
    return in_order(*parts, voyage(211_000_020), silent(211_000_021), drifter, gone, line, *waiting, *crowd)


def statics():
    kinds = [(211_000_010, 79, 120), (211_000_011, 30, 40), (211_000_012, 52, 30), (211_000_030, 70, 100)]
    return np.concatenate([static(mmsi, t_s=60.0 * k, ship_type=kind, loa_m=loa, name="ALPHA ONE") for k, (mmsi, kind, loa) in enumerate(kinds)])


def sharded(rows, told, shards, names=HOLDING, geography=None):
    """(events, states) of a sea kept by so many tables."""
    fixes, told, _ = stamped(rows, told)
    fixes, told = fixes[np.argsort(fixes["release_ms"], kind="stable")], told[np.argsort(told["release_ms"], kind="stable")]
    states = [TrackState.new(Params(), geography or FlatSea(), well_heard()) for _ in range(shards)]
    for state in states:
        state.detectors = [detector for detector in state.detectors if names is None or detector.NAME in names]
    first, last = int(fixes["release_ms"].min()) // 60_000 * 60_000, int(fixes["release_ms"].max()) + 60_000
    events = []
    for start, stop in pairwise(range(first, last + 60_000, 60_000)):
        here = (fixes["release_ms"] >= start) & (fixes["release_ms"] < stop)
        there = (told["release_ms"] >= start) & (told["release_ms"] < stop) if len(told) else np.zeros(0, np.bool_)
        events += minute(states, Released(fixes[here], told[there] if len(told) else np.empty(0, STATIC_DTYPE)), stop)
    return events, states


def test_the_same_events_for_1_4_and_64_shards():
    one, (state,) = sharded(sea(), statics(), 1)
    kinds = {(event.type, event.subtype) for event in one}
    assert {("loitering", "slow_run"), ("rendezvous", "ais_pair"), ("rendezvous", "under_way"), ("rendezvous", "dark_partner"), ("dark", "suspicious")} <= kinds
    for shards in (4, 64):
        many, states = sharded(sea(), statics(), shards)
        assert lines(many) == lines(one)
        assert sum(len(s.table) for s in states) == len(state.table)
        counted = [sum(d.crowded for s in group for d in s.detectors if d.NAME == "rendezvous") for group in (states, [state])]
        assert counted[0] == counted[1] > 0
        coverage = [s.coverage.to_sections() for s in states]
        assert all((c["heard"] == state.coverage.heard).all() and (c["missed"] == state.coverage.missed).all() for c in coverage)


def test_one_shard_is_the_step():
    rows, told = sea(), statics()
    events, _ = sharded(rows, told, 1, None)
    whole, _ = watch(rows, told, coverage=well_heard())
    last_ms = min(max(event.t_detected for event in some) for some in (events, whole))  # a recording ends within a minute
    one, other = ([e for e in some if e.t_detected <= last_ms] for some in (events, whole))
    assert lines(one) == lines(other)


@pytest.mark.parametrize("shards", [4, 8, 64])
def test_numbers_that_end_in_zeros_are_spread(shards):
    homes = home_of(211_000_000 + 1000 * np.arange(4000), shards)
    counts = np.bincount(homes, minlength=shards)
    assert counts.max() <= 1.5 * 4000 / shards
    assert counts.min() >= 0.5 * 4000 / shards


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 54.0, 75.0, 85.0, 88.7, -88.85, 89.6]), st.sampled_from([10.0, 179.9, -179.95]))
def test_cell_by_cell_as_in_one(seed, lat0, lon0):
    rng, n = np.random.default_rng(seed), 300
    spread = 0.4 if abs(lat0) < 88 else 0.1
    clump = rng.integers(0, 60, n)
    north, east = (rng.uniform(0, spread, 60)[clump] + rng.normal(0, 0.002, n) for _ in range(2))
    rows = rows_at(np.clip(lat0 + north, -89.99, 89.99), lon0 + east / np.cos(np.radians(min(89.0, abs(lat0)))), own_m=rng.choice([150, 500], n))
    whole, parts = find_contacts(rows, RULE), search(rows, RULE)
    assert (whole.contacts == parts.contacts).all()
    assert (whole.crowds == parts.crowds).all()
