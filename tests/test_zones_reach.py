"""Zones near a tile: nothing that lies within reach is left out, and far ones are."""

import numpy as np
import pytest
from naive_zones import star

from dogwatch.geo import HALF_TURN
from zones import rings
from zones.polygons import ALWAYS, build_tree
from zones.reach import build_near, tile_of
from zones.shore import POLE


@pytest.mark.parametrize("place", [(54.0, 10.0), (0.0, 179.8), (-70.0, -179.9), (88.0, 20.0)])
def test_no_near_zone_is_left_out(place):
    rng = np.random.default_rng(8)
    edges = []
    for _ in range(12):
        outline = star(rng, place[0] + rng.normal(0, 0.5), place[1] + rng.normal(0, 3), 30, 12)[[*range(12), 0]]
        lonlat = np.column_stack([(outline[:, 1] + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN, np.clip(outline[:, 0], -POLE, POLE)])
        edges.append(rings.edges_of(rings.united([[lonlat]])))
    tree = build_tree(edges, [True] * 12, [0.0] * 6 + [5.0] * 6, [ALWAYS] * 12)
    start, zone = build_near(tree, np.arange(12) != 3, 24.0)
    lists, near = [], 0
    for _ in range(400):
        lat = int(np.clip(place[0] * 600_000 + rng.normal(0, 1_500_000), -POLE, POLE))
        lon = int((place[1] * 600_000 + rng.normal(0, 3_000_000) + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN)
        listed = zone[start[tile_of(lat, lon)] : start[tile_of(lat, lon) + 1]].tolist()
        within = np.flatnonzero(tree.distances_nm(lat, lon, 24.0) < 24.0).tolist()
        assert set(within) - {3} <= set(listed)
        assert listed == sorted(set(listed) - {3})
        lists.append(len(listed))
        near += len(within)
    assert near > 50
