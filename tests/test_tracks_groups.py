"""Groups of turns (tracks/groups.py) against their slow twin."""

import naive_groups
import numpy as np
import pytest

from dogwatch.geo import distance_m
from tracks.groups import groups


@pytest.mark.parametrize("seed", range(8))
def test_groups_are_those_of_the_slow_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for n in (0, 1, 2, 7, 300):
        lat = rng.integers(-40_000, 40_000, n) + (30_000_000 if seed % 2 else 0)
        lon = (rng.integers(-40_000, 40_000, n) + 216_000_000 * (seed % 3 == 0)).astype(np.int32)
        lon[lon >= 108_000_000] -= 216_000_000
        t_ms = rng.integers(0, 4_000_000, n)
        limits = float(rng.choice([500.0, 3704.0])), 1_800_000.0, int(rng.choice([2, 5, 32]))
        expected = naive_groups.groups(list(zip(lat.tolist(), lon.tolist(), t_ms.tolist(), strict=True)), *limits)
        assert groups(lat, lon, t_ms, *limits) == expected
        assert n < 300 or any(len(group) > 1 for group in expected)


def test_distances_at_the_limit_are_within() -> None:
    lat = np.array([0, 600_000, 600_001])
    none = np.zeros(3, int)
    assert groups(lat, none, none, distance_m(0, 0, 600_000, 0), 0.0, 9) == [[0, 1], [2]]
    assert groups(none, none, none, 0.0, 0.0, 2) == [[0, 1], [2]]
