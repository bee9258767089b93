"""One look at every row: whom it may concern is found as by asking each question of each row, and nobody's row is left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_position import how_odd

from dogwatch.batch import F_FIX_STATE, SOG_MISSING, new_fixes
from tracks.look import BEGUN, DOUBTFUL, PASSED, STRANGE, TWIN, Picks
from tracks.params import Params, SuddenStop
from tracks.records import ACCEPTED, BORN, GOES_ON, MARK_DOUBT, MARK_TWIN, NO_POSITION, NOT_VESSEL, TAKEN


def random_rows(rng, n):
    fixes, taken = new_fixes(n), np.zeros(n, TAKEN)
    taken["what"], taken["how"], taken["marks"] = rng.choice(10, n, p=[0.55, *[0.05] * 9]), rng.choice(4, n, p=[0.7, 0.1, 0.1, 0.1]), rng.integers(0, 32, n)
    taken["prev_speed_kn"] = rng.choice([-1.0, 0.5, 1.0, 2.0, 6.9, 7.0, 12.0], n).astype(np.float32)
    fixes["sog"], fixes["nav"] = rng.choice([0, 9, 10, 20, 30, 31, 70, 71, 300, SOG_MISSING], n), rng.integers(0, 16, n)
    fixes["cog"], fixes["flags"] = rng.choice([0, 900, 2707, 3600], n), np.where(rng.random(n) < 0.1, F_FIX_STATE, 0)
    fixes["t_ms"] = 1_767_225_600_000
    taken["prev_t_ms"] = fixes["t_ms"] - rng.choice([2_000, 10_000, 60_000, 70_000], n)
    taken["prev_lat"], taken["prev_lon"] = 32_400_000, rng.choice([6_000_000, 107_999_950], n)
    fixes["lat"] = taken["prev_lat"] + rng.integers(-600, 600, n)
    fixes["lon"] = (taken["prev_lon"].astype(np.int64) + rng.integers(-600, 600, n) + 108_000_000) % 216_000_000 - 108_000_000
    return fixes, taken


def disagrees(fix, told):
    before = {"t_ms": told["prev_t_ms"], "lat": told["prev_lat"], "lon": told["prev_lon"]}
    answer = how_odd(before, fix)
    return answer is not None and any(answer)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 200))
def test_rows_are_picked_as_by_asking_each(seed, n):
    fixes, taken = random_rows(np.random.default_rng(seed), n)
    picks = Picks(fixes, taken, Params())
    wanted = {whom: [] for whom in (DOUBTFUL, PASSED, STRANGE, BEGUN, TWIN)}
    for i, (fix, told) in enumerate(zip(fixes, taken)):
        if told["what"] == NOT_VESSEL:
            wanted[STRANGE].append(i)
        if told["what"] == NO_POSITION:
            wanted[DOUBTFUL].append(i)
        if told["what"] != ACCEPTED:
            continue
        if told["how"] != GOES_ON or fix["flags"] & F_FIX_STATE or told["marks"] & MARK_DOUBT or disagrees(fix, told):
            wanted[DOUBTFUL].append(i)
        now_kn, before_kn, missing = fix["sog"] / 10, told["prev_speed_kn"], fix["sog"] == SOG_MISSING
        passed = (before_kn > 7) != (now_kn > 7) or (before_kn >= 1) != (now_kn >= 1) or (before_kn >= 2) != (now_kn >= 2)
        if passed and told["how"] == GOES_ON and not missing:
            wanted[PASSED].append(i)
        for whom, concerned in ((BEGUN, told["how"] == BORN), (TWIN, told["marks"] & MARK_TWIN)):
            if concerned:
                wanted[whom].append(i)
    assert {whom: picks[whom].tolist() for whom in wanted} == wanted


def test_speeds_passed_are_those_of_the_profile():
    fixes, taken = random_rows(np.random.default_rng(1), 500)
    taken["what"], taken["how"] = ACCEPTED, GOES_ON
    quick = Picks(fixes, taken, Params(sudden_stop=SuddenStop(fast_kn=20.0, stopped_kn=1.0, resume_kn=2.0)))
    assert not np.array_equal(quick[PASSED], Picks(fixes, taken, Params())[PASSED])


@pytest.mark.parametrize("whom", [DOUBTFUL, PASSED, STRANGE, BEGUN, TWIN])
def test_picks_are_in_order_of_rows(whom):
    fixes, taken = random_rows(np.random.default_rng(2), 2000)
    found = Picks(fixes, taken, Params())[whom]
    assert found.dtype == np.int32
    assert len(found) > 20
    assert (np.diff(found) > 0).all()
