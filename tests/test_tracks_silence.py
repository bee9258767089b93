"""Silences measured together are what each of them is alone."""

from __future__ import annotations

from functools import cache

import naive_silence
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracks_sea import FlatSea, every, in_order, lane_traffic, track, watch

from dogwatch.batch import COG_MISSING
from tracks.around import around_of, sightings
from tracks.coverage import GROUPS_MAX, cell_key
from tracks.dark import REASONS, _exclusions, _grade
from tracks.detector import Sight
from tracks.ears import Ears
from tracks.episodes import suppressed_reason
from tracks.params import Dark, Params
from tracks.rescue import Rescue
from tracks.silence import SILENCE, Silence, ask_ears, ask_peers, ask_places, ask_watch, due, expected, settle

RULE = Params().dark


@cache
def lane():
    """A state whose tracks the tests put elsewhere: a lane, and two hulls on one number (one of them quarantined at first)."""
    t = every(60, 0.5)
    twins = in_order(track(211_000_001, t, 54.0, 10.6, sog_kn=0.0), track(211_000_001, t + 20, 55.0, 10.6, sog_kn=0.0))
    return watch(in_order(lane_traffic(0.5, vessels=40), twins))[1]


def random_watch(seed, around_lat=54.3, around_lon=10.3):
    """(sight, ears): the lane's tracks thrown about a place, lost at random times, with random coverage, receivers and deaths."""
    rng, state = np.random.default_rng(seed), lane()
    table, n = state.table, len(state.table)
    tick_ms = int(state.tick_ms) // 60_000 * 60_000 + 6 * 3_600_000
    near = rng.random(n) < 0.7
    table.rows["lat"][:n] = np.round((around_lat + rng.normal(0, np.where(near, 0.08, 1.0))) * 600_000).clip(-54_000_000, 54_000_000)
    table.rows["lon"][:n] = np.round(((around_lon + rng.normal(0, np.where(near, 0.1, 1.5)) + 180) % 360 - 180) * 600_000)
    table.rows["speed_kn"][:n] = rng.choice([-1.0, 0.0, 0.1, 2.9, 3.0, 8.0, 14.0], n)
    table.rows["cog"][:n] = np.where(rng.random(n) < 0.2, COG_MISSING, rng.integers(0, 3600, n))
    table.rows["class_b"][:n] = rng.random(n) < 0.3
    table.rows["rx"][:n], table.more["rx_before"][:n] = rng.integers(0, 4, n), rng.integers(0, 4, n)
    ages_min = np.where(rng.random(n) < 0.4, rng.choice([5, 14, 15, 16, 20, 30, 35, 60, 120, 125, 150], n), rng.integers(0, 359, n))
    table.heard_ms[:n] = tick_ms - ages_min * 60_000 - rng.choice([0, 0, 1, 30_000], n)
    ears = Ears()
    ears.group_of[:4], ears.heard_ms[:4] = [0, 0, 1, 2], tick_ms - rng.integers(0, 8, 4) * 60_000
    for group in range(GROUPS_MAX):
        minutes = np.arange(tick_ms // 60_000 - 400, tick_ms // 60_000 + 1)
        ears.listened[group, minutes % 2048] = np.cumsum(rng.random(len(minutes)) < 0.95)
    died = tick_ms - rng.integers(10, 300, 3) * 60_000
    ears.deaths = np.array(
        [(k, at, at + 1_200_000 if rng.random() < 0.7 else 0) for k, at in enumerate(died.tolist()) if rng.random() < 0.4], np.int64
    ).reshape(-1, 3)
    coverage = state.coverage
    coverage.groups = ["a", "b", "c"]
    lat, lon = (rng.normal(middle, 0.5, 2_000) * 600_000 for middle in (around_lat, around_lon))
    lat, lon = lat.clip(-54_000_000, 54_000_000), (lon + 108_000_000) % 216_000_000 - 108_000_000
    coverage.keys = np.unique([cell_key(int(a), int(b), int(c), int(g)) for a, b, c, g in zip(lat, lon, rng.integers(0, 2, 2_000), rng.integers(0, 3, 2_000))])
    coverage.heard, coverage.missed = rng.uniform(0, 200, len(coverage.keys)), rng.uniform(0, 30, len(coverage.keys))
    return Sight(table, FlatSea(), coverage, Params(), Rescue(), tick_ms), ears


PLACES = st.sampled_from([(54.3, 10.3), (-20.0, 179.98), (89.9, 10.0), (-89.95, -179.99)])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), PLACES)
def test_who_is_due_and_what_was_expected(seed, place):
    sight, ears = random_watch(seed, *place)
    table, tick_ms = sight.table, sight.tick_ms
    cold = table.cold["dark"][: len(table)]
    slots = due(table, cold, tick_ms, RULE)
    assert sorted(slots.tolist()) == [k for k in range(len(table)) if naive_silence.due(table.rows[k], cold[k], int(table.heard_ms[k]), tick_ms, RULE)]
    found = expected(sight, ears, np.arange(len(table)))
    for k, row in enumerate(found):
        alone = naive_silence.expected(table.rows[k], int(table.heard_ms[k]), ears, sight.coverage, RULE, tick_ms)
        group, p, mean, blocks, known, leaving = alone
        assert (row["slot"], row["group"], row["blocks"], bool(row["known_cell"]), bool(row["leaving"])) == (k, group, blocks, known, leaving)
        assert (row["p"], row["coverage"]) == (p, mean), "bit for bit"


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), PLACES)
def test_neighbours_from_the_table_and_from_sightings(seed, place):
    sight, ears = random_watch(seed, *place)
    table = sight.table
    slots = due(table, table.cold["dark"][: len(table)], sight.tick_ms, RULE)
    found = expected(sight, ears, slots)
    shared = found.copy()
    ask_peers(sight, found)
    ask_peers(sight.at(sight.tick_ms, around_of([sightings(table, sight.tick_ms)])), shared)
    assert found.tobytes() == shared.tobytes()
    for row in found:
        peers, heard, together = naive_silence.peers(table, int(row["slot"]), sight.tick_ms, RULE)
        assert (row["peers"], row["peers_heard"], row["lost_share"]) == (peers, heard, together / peers if peers else 0.0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_together_as_one_by_one(seed):
    sight, ears = random_watch(seed)

    def measured(slots):
        found = expected(sight, ears, slots)
        for ask in (
            lambda f: ask_ears(sight, ears, sight.table.cold["dark"], f),
            lambda f: ask_peers(sight, f),
            lambda f: ask_places(sight, f),
            lambda f: ask_watch(sight, f),
        ):
            ask(found)
        return found

    slots = np.arange(len(sight.table))
    assert measured(slots).tobytes() == b"".join(measured(slots[k : k + 1]).tobytes() for k in slots)
    assert not len(measured(slots[:0]))


@given(st.integers(0, 2**32 - 1), st.sampled_from([Dark(), Dark(coverage_needed=False), Dark(suspicious_s_a=600.0, coverage_min=0.3)]))
def test_causes_of_many_are_those_of_one(seed, rule):
    """`settle` against the exclusions and the grade that an event is made of."""
    rng, n = np.random.default_rng(seed), 60
    found = np.zeros(n, SILENCE)
    for name in ("class_b", "stopped", "known_cell", "leaving", "receivers_lost", "fading", "reckoned_ashore", "in_mask", "in_watch_zone"):
        found[name] = rng.random(n) < 0.2
    found["known_cell"] = rng.random(n) < 0.8
    found["peers"], found["lost_share"] = rng.integers(0, 5, n), rng.choice([0.0, 0.2, 0.499, 0.5, 1.0], n)
    found["coast_nm"], found["gap_s"] = rng.choice([0.0, 2.99, 3.0, 9.0], n), rng.choice([599.0, 1799.0, 1800.0, 3599.0, 3600.0, 9000.0], n)
    found["p"], found["coverage"] = rng.choice([1e-9, 9e-5, 1e-4, 1e-2], n), rng.choice([0.2, 0.69, 0.7, 0.95], n)
    for row, cause in zip(found, settle(found, rule, placed=True).tolist()):
        one = Silence(*row.item())
        reason = suppressed_reason(_exclusions(one, rule)) or ("coverage unknown" if rule.coverage_needed and not one.known_cell else "")
        assert (REASONS[cause - 1] if cause else "") == reason
        assert (cause == 0) == (_grade(one, rule, reason)[0] != "candidate")
    early = settle(found, rule, placed=False)
    assert set(early.tolist()) <= {0, 1, 2, 3}
    assert ((early == 0) | (early == settle(found, rule, placed=True))).all()


def test_a_row_reads_as_it_is_written():
    row = np.zeros(1, SILENCE)
    row["p"], row["inbound_s"], row["in_mask"] = 0.25, 1800.0, 1
    one = Silence(*row[0].item())
    assert list(Silence.__dataclass_fields__) == list(SILENCE.names)
    assert (one.p, one.inbound_s, one.in_mask, one.stopped) == (0.25, 1800.0, 1, 0)


@pytest.mark.parametrize("rule", [Dark(), Dark(candidate_s_a=14_400.0, candidate_s_b=14_400.0, gap_s_max=14 * 86_400.0)])
def test_due_at_the_edges(rule):
    sight, _ = random_watch(1)
    table = sight.table
    cold = table.cold["dark"][: len(table)]
    for gap_ms in (
        rule.candidate_s_a * 1000 - 1,
        rule.candidate_s_a * 1000,
        rule.candidate_s_a * 1000 + 59_999,
        rule.gap_s_max * 1000,
        rule.gap_s_max * 1000 + 1,
    ):
        table.heard_ms[: len(table)] = sight.tick_ms - int(gap_ms)
        wanted = [k for k in range(len(table)) if naive_silence.due(table.rows[k], cold[k], int(table.heard_ms[k]), sight.tick_ms, rule)]
        assert sorted(due(table, cold, sight.tick_ms, rule).tolist()) == wanted
