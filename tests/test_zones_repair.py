"""Repair: each fault that can be mended without guessing is, what was changed is said, and what is right stays as it is."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.errors import ConfigError
from zones import check
from zones.coast import build_coast
from zones.geojson import Drawn, drawn_of, examine_drawn
from zones.repair import SLIVER_M, faults_of, repair, slivers
from zones.rings import edges_of

SQUARE = [[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
BOWTIE = [[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0], [0.0, 0.0]]
OVER_180 = [[179.0, 0.0], [-179.0, 0.0], [-179.0, 1.0], [179.0, 1.0], [179.0, 0.0]]


def feature(coordinates, shape="Polygon", **properties):
    return {"type": "Feature", "properties": {"id": "z", "name": "Box", "kind": "area", **properties}, "geometry": {"type": shape, "coordinates": coordinates}}


def mend(*features):
    drawn = Drawn(list(features), [0] * len(features), [])
    before = copy.deepcopy(drawn.features)
    rows, changes = repair(drawn)
    assert drawn.features == before, "what was given is not changed"
    return rows, changes


def area(row) -> float:
    return shapely.geometry.shape(row["geometry"]).area


def test_what_is_right_stays_as_it_is():
    right = [feature([SQUARE]), feature([[0.0, 0.0], [5.0, 5.0]], "LineString", id="y", kind="border")]
    rows, changes = mend(*right)
    assert rows == right
    assert changes == []


@pytest.mark.parametrize(
    ("name", "row", "said", "size"),
    [
        ("open ring", feature([SQUARE[:-1]]), "ring closed", 2.0),
        ("crosses itself", feature([BOWTIE]), "outline mended (Self-intersection[1 1])", 2.0),
        ("axes", feature([[[-41.0, 174.0], [-41.0, 175.0], [-42.0, 175.0], [-41.0, 174.0]]]), "latitude and longitude exchanged", 0.5),
        ("over 180", feature([OVER_180]), "cut at the 180th meridian", 2.0),
        ("beyond 180", feature([[[179.0, 0.0], [181.0, 0.0], [181.0, 1.0], [179.0, 1.0], [179.0, 0.0]]]), "cut at the 180th meridian", 2.0),
        ("parts overlap", feature([[SQUARE], [[[1.0, 0.0], [3.0, 0.0], [3.0, 1.0], [1.0, 1.0], [1.0, 0.0]]]], "MultiPolygon"), "outline mended", 3.0),
        ("not a number", feature([[[0.0, 0.0], [float("nan"), 1.0], *SQUARE[1:]]]), "1 positions that are no numbers left out", 2.0),
        ("sliver", feature([[SQUARE], [[[5.0, 0.0], [6.0, 0.0], [6.0, 0.0001], [5.0, 0.0]]]], "MultiPolygon"), "slivers narrower than 20 m left out", 2.0),
    ],
)
def test_each_fault_is_mended_and_said(name, row, said, size):
    rows, changes = mend(row)
    assert len(changes) >= 1
    assert all(change.startswith("'Box' (feature 1): ") for change in changes)
    assert any(said in change for change in changes), changes
    assert faults_of(rows, "f") == []
    assert area(rows[0]) == pytest.approx(size, rel=1e-5)
    assert mend(*rows) == (rows, []), "mending twice changes nothing"


HOLE = [[0.5, 0.25], [1.5, 0.25], [1.5, 0.75], [0.5, 0.75], [0.5, 0.25]]
CAP = [[-180.0, 80.0], [0.0, 80.0], [180.0, 80.0], [180.0, 90.0], [-180.0, 90.0]]
HOLES = {
    "outside": ([SQUARE, [[x + 9, y] for x, y in HOLE]], 2.0),
    "over the edge": ([SQUARE, [[x + 1, y] for x, y in HOLE]], 1.75),
    "in a hole": ([SQUARE, HOLE, [[x / 2 + 0.5, y / 2 + 0.25] for x, y in HOLE]], 1.5),
    "crossing itself": ([SQUARE, [[0.2, 0.2], [0.8, 0.8], [0.8, 0.2], [0.2, 0.8], [0.2, 0.2]]], 1.82),
    "over 180, open": ([OVER_180, [[179.5, 0.25], [-179.5, 0.25], [-179.5, 0.75], [179.5, 0.75]]], 1.5),
    "from 0 to 360": ([[[170.0, 0.0], [200.0, 0.0], [200.0, 10.0], [170.0, 10.0]], [[185.0, 2.0], [190.0, 2.0], [190.0, 4.0], [185.0, 2.0]]], 295.0),
}


@pytest.mark.parametrize(("rings", "size"), HOLES.values(), ids=HOLES)
def test_a_hole_is_never_area_wherever_it_lies(rings, size):
    rows, changes = mend(feature(rings))
    assert changes
    assert not any("sliver" in change for change in changes), changes
    assert faults_of(rows, "f") == []
    assert area(rows[0]) == pytest.approx(size, rel=1e-5)


def test_a_hole_as_large_as_its_zone_leaves_nothing_and_stays_a_fault():
    row = feature([SQUARE, SQUARE])
    assert mend(row) == ([row], [])
    assert len(faults_of([row], "f")) == 1


@pytest.mark.parametrize("rings", [[CAP], [[*CAP[:2], [0.0, 75.0], *CAP[1:], CAP[0]]], [[[-180.0, -90.0], [180.0, -90.0], [180.0, 90.0], [-180.0, 90.0]]]])
def test_areas_that_go_round_the_world_stay_whole(rings):
    rows, changes = mend(feature(rings))
    assert len(changes) == 1
    assert area(rows[0]) == (3600 if rings[0][0] == CAP[0] else 64_800)
    assert faults_of(rows, "f") == []


def test_metres_and_nonsense_stay_as_they_are():
    for rows in ([[5e5, 5e6], [6e5, 5e6], [6e5, 6e6], [5e5, 5e6]], [[1e308, 0.0], *SQUARE], [[10**400, 0], *SQUARE]):
        row = feature([rows])
        assert mend(row) == ([row], [])
        assert faults_of([row], "f")


def test_one_id_at_two_times_is_no_double():
    rows, changes = mend(feature([SQUARE], valid_to="2026-06-01"), feature([SQUARE], valid_from="2026-06-01"))
    assert [row["properties"]["id"] for row in rows] == ["z", "z-2"]
    assert changes == ["'Box' (feature 2): id 'z' was taken: now 'z-2'"]


def test_what_holds_no_feature_is_not_mended_into_an_empty_file(tmp_path):
    (tmp_path / "z.geojson").write_text('{"type": "Polygon"}', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"z.geojson:1: nothing to mend: the file is a 'Polygon'"):
        check.repaired(str(tmp_path / "z.geojson"))


def test_a_line_over_180_is_cut_and_stays_as_long():
    rows, changes = mend(feature([[178.0, 0.0], [-178.0, 4.0], [-177.0, 4.0]], "LineString", kind="border"))
    assert changes == ["'Box' (feature 1): cut at the 180th meridian"]
    line = shapely.geometry.shape(rows[0]["geometry"])
    assert line.length == pytest.approx(np.hypot(4, 4) + 1)
    assert faults_of(rows, "f") == []


def test_doubles_and_taken_ids():
    rows, changes = mend(feature([SQUARE]), feature([SQUARE]), feature([[p[:] for p in SQUARE[:2]] + [[2.0, 3.0], [0.0, 0.0]]]))
    assert [row["properties"]["id"] for row in rows] == ["z", "z-2"]
    assert changes == ["'Box' (feature 2): left out, 'z' is drawn the same way before", "'Box' (feature 3): id 'z' was taken: now 'z-2'"]


def test_meaning_is_never_guessed():
    rows, changes = mend(feature([SQUARE], kind="prot"), feature([SQUARE], id=None), feature([[0.0, 0.0]], "Point", id="p"), 17)
    assert changes == []
    assert len(faults_of(rows, "f")) == 4


def test_holes_stay_holes():
    hole = [[0.5, 0.25], [1.5, 0.25], [1.5, 0.75], [0.5, 0.75], [0.5, 0.25]]
    rows, changes = mend(feature([SQUARE[:-1], hole]))
    assert len(changes) == 1
    assert area(rows[0]) == pytest.approx(1.5)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(-40, 40), st.integers(-30, 30)), min_size=3, max_size=9), st.booleans())
def test_any_ring_becomes_right_or_is_still_named(corners, closed):
    """Random scribbles: what repair returns has no outline fault, or is unchanged and still a fault."""
    ring = [[x / 10.0, y / 10.0] for x, y in corners]
    row = feature([[*ring, ring[0]] if closed else ring])
    rows, changes = mend(row)
    left = faults_of(rows, "f")
    assert not left or rows == [row]
    if not left and changes:
        assert area(rows[0]) > 0


# --- notes of check ---


def test_slivers_doubles_and_exchanged_axes_are_noted(tmp_path):
    island = build_coast(edges_of([shapely.box(10 * 600_000, 50 * 600_000, 12 * 600_000, 52 * 600_000)]))
    sliver = [[[SQUARE], [[[5.0, 0.0], [6.0, 0.0], [6.0, 0.0001], [5.0, 0.0]]]]]
    ashore = [[10.5, 50.5], [11.0, 50.5], [11.0, 51.0], [10.5, 50.5]]
    rows = [feature(*sliver, "MultiPolygon", id="a"), feature([SQUARE], id="b"), feature([SQUARE], id="c"), feature([ashore], id="d", name="Ashore")]
    path = tmp_path / "z.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}), encoding="utf-8")
    report = check.check([str(path)], island)
    said = [note["what"] for note in report["files"][0]["notes"]]
    assert report["ok"]
    assert len(said) == 3
    assert f"narrower than {SLIVER_M:g} m at longitude 5" in said[0]
    assert "exactly as 'b'" in said[1]
    assert "exchanged" in said[2]
    assert len(check.check([str(path)])["files"][0]["notes"]) == 2, "without a coast nobody can tell"


def test_a_narrow_zone_is_no_sliver():
    """A lane of 100 m on 10 km is drawn on purpose."""
    lane = np.array([[0, 0], [0.09, 0], [0.09, 0.0009], [0, 0.0009], [0, 0]], float)
    assert slivers([lane]) == []
    assert len(slivers([lane * [1, 0.1]])) == 1


def test_a_collection_is_one_feature_per_line():
    text = check.collection_text([feature([SQUARE]), feature([SQUARE], id="y")])
    drawn = drawn_of(text)
    assert drawn.lines == [2, 3]
    assert len(examine_drawn(drawn, "f")[0]) == 2
