"""Zones files: what is accepted, and that each fault is told once, with line, feature and remedy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.errors import ConfigError
from zones import check
from zones.geojson import VERTICES_MAX, examine, load_zones
from zones.kinds import KINDS
from zones.load import FILE_BYTES_MAX, read_zones
from zones.polygons import ALWAYS

ROOT = Path(__file__).resolve().parent.parent
SQUARE = [[0, 0], [2, 0], [2, 1], [0, 1], [0, 0]]


def feature(coordinates=None, shape="Polygon", **properties):
    geometry = {"type": shape, "coordinates": [SQUARE] if coordinates is None else coordinates}
    return {"type": "Feature", "properties": {"id": "z1", "name": "Test box", "kind": "area", **properties}, "geometry": geometry}


def collection(*features, **more) -> str:
    """One feature per line: feature k begins on line k + 2."""
    body = ",\n".join(json.dumps(f) for f in features)
    extra = "".join(f', "{k}": {json.dumps(v)}' for k, v in more.items())
    return f'{{"type": "FeatureCollection"{extra}, "features": [\n{body}\n]}}'


def test_a_right_file_becomes_zones():
    text = collection(
        feature(),
        feature(id="z2", kind="port", version=3, owner="Harbour office", valid_from="2026-01-01", valid_to="2026-02-01T00:00:00Z", buffer_nm=1),
        feature([[0, 0], [5, 5]], "LineString", id="z3", kind="border"),
        feature([[[0, 0], [5, 5]], [[7, 7], [8, 8]]], "MultiLineString", id="z4", kind="corridor", buffer_nm=0.5),
        feature([[SQUARE], [[[10, 10], [11, 10], [11, 11], [10, 10]]]], "MultiPolygon", id=5),
    )
    zones = load_zones(text, file="x.geojson").zones
    assert [z.id for z in zones] == ["z1", "z2", "z3", "z4", "5"]
    assert [len(z.edges) for z in zones] == [4, 4, 1, 2, 7]
    assert [z.is_area for z in zones] == [True, True, False, False, True]
    assert zones[1].version == "3"
    assert (zones[1].valid_to_ms - zones[1].valid_from_ms) == 31 * 86_400_000
    assert (zones[0].valid_from_ms, zones[0].valid_to_ms) == ALWAYS
    assert zones[0].edges[0].tolist() == [0, 0, 0, 1_200_000]
    assert zones[0].version.startswith("h-")


def test_a_version_follows_what_is_drawn():
    versions = {
        load_zones(collection(f)).zones[0].version
        for f in (feature(), feature(name="other"), feature(kind="watch"), feature(buffer_nm=1), feature([[[0, 0], [3, 0], [2, 1], [0, 0]]]))
    }
    assert len(versions) == 4, "a name is no part of the place; the rest is"


FAULTS = [
    ("not JSON", '{"type": "FeatureCollection",\n "features": [}', ":2: not JSON", "syntax"),
    ("not a collection", json.dumps(feature()), "'Feature', not a FeatureCollection", "wrap it"),
    ("a list", "[]", "'list'", "wrap it"),
    ("a number", "17", "'int'", "wrap it"),
    ("empty", collection(), "no features", "at least one"),
    ("coordinate system", collection(feature(), crs={"type": "name", "properties": {"name": "EPSG:3857"}}), "EPSG:3857", "4326"),
    ("not a feature", collection(SQUARE), ":2: feature 1: is not a Feature", '"Feature"'),
    ("no id", collection(feature(id=None)), "'Test box' (feature 1): has no id", "unique"),
    ("reserved id", collection(feature(id="belt-12nm")), "reserved", "built-in"),
    ("duplicate id", collection(feature(), feature()), ":3: 'Test box' (feature 2): id 'z1' is taken by the feature in line 2", "of its own"),
    ("no kind", collection(feature(kind=None)), "has no kind", "territorial_sea"),
    ("unknown kind", collection(feature(kind="teritorial_sea")), "unknown kind 'teritorial_sea'", "did you mean 'territorial_sea'?"),
    ("unheard-of kind", collection(feature(kind="zzz")), "unknown kind 'zzz'", "known kinds"),
    ("mistyped property", collection(feature(bufer_nm=3)), "unknown property 'bufer_nm'", "did you mean 'buffer_nm'?"),
    ("property in capitals", collection(feature(VALID_TO="2026-01-01")), "unknown property 'VALID_TO'", "did you mean 'valid_to'?"),
    ("bad time", collection(feature(valid_from="soon")), "valid_from 'soon' is not a time", "ISO 8601"),
    ("reversed times", collection(feature(valid_from="2026-02-01", valid_to="2026-01-01")), "not after", "exchange"),
    ("negative buffer", collection(feature(buffer_nm=-1)), "buffer_nm -1", "0 to 60"),
    ("text buffer", collection(feature(buffer_nm="2")), "buffer_nm '2'", "0 to 60"),
    ("no geometry", collection({**feature(), "geometry": None}), "geometry is empty", "draw a Polygon"),
    ("a point", collection(feature([0, 0], "Point")), "geometry is Point", "draw a Polygon"),
    ("no coordinates", collection(feature([])), "no coordinates", "remove"),
    ("empty part", collection(feature([[]], "MultiPolygon")), "empty part", "remove"),
    ("wrong nesting", collection(feature(SQUARE)), "not a list of [longitude, latitude]", "nesting"),
    ("text coordinate", collection(feature([[["0", 0], *SQUARE[1:]]])), "not a list of [longitude, latitude]", "numbers"),
    ("too few", collection(feature([[[0, 0], [1, 1], [0, 0]]])), "a ring has 3 positions", "at least 4"),
    ("short line", collection(feature([[0, 0]], "LineString", kind="border")), "a line has 1 positions", "at least 2"),
    ("not closed", collection(feature([SQUARE[:-1]])), "a ring is not closed: first [0.0, 0.0], last [0.0, 1.0]", "repeat the first"),
    ("swapped", collection(feature([[[-41.5, 174.0], [-41.5, 175], [-42, 175], [-41.5, 174.0]]])), "latitude 174, out of range", "swapped"),
    ("metres", collection(feature([[[500000, 0], [500100, 0], [500100, 90], [500000, 0]]])), "longitude 500000", "metres"),
    ("beyond 180", collection(feature([[[179, 0], [181, 0], [181, 1], [179, 0]]])), "longitude 181", "3.1.9"),
    ("not a number", collection(feature([[[0, 0], [float("nan"), 0], [1, 1], [0, 0]]])), "longitude nan", "finite"),
    (
        "over 180",
        collection(feature([[[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]])),
        "from longitude 179 to -179",
        "cut the ring at the 180th meridian",
    ),
    ("crosses itself", collection(feature([[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]])), "Self-intersection[1 1]", "redraw"),
    ("parts overlap", collection(feature([[SQUARE], [[[1, 0.5], [3, 0.5], [3, 3], [1, 0.5]]]], "MultiPolygon")), "not valid", "overlap"),
    ("single point", collection(feature([[[1, 1]] * 4])), "single point", "remove"),
    (
        "unknown subkind",
        collection(feature([[0, 0], [1, 1]], "LineString", kind="corridor", subkind="road", buffer_nm=1)),
        "subkind 'road'",
        "cable, pipeline, lane",
    ),
    ("subkind of none", collection(feature(kind="watch", subkind="cable")), "subkind 'cable'", "remove it"),
    ("no side", collection(feature([[0, 0], [1, 1]], "LineString", kind="border", inside="north")), "inside 'north'", "left or right"),
    ("side of an area", collection(feature(kind="border", inside="left")), "a 'border' area has no side", "remove"),
    ("tolerance", collection(feature(tolerance_nm=-1)), "tolerance_nm -1", "0 to 60"),
    ("approval", collection(feature(approved="perhaps")), "approved 'perhaps'", "true"),
    ("learned too soon", collection(feature(kind="anchorage", approved=True, evidence={"belt": "border", "ship_types": 1})), "1 types of ships", "needs 3"),
    ("a point of nowhere", collection(feature([1, 2, "x"][:1], "Point", kind="port", buffer_nm=1)), "not a list of [longitude, latitude]", "numbers"),
    ("a point out of range", collection(feature([200, 2], "Point", kind="port", buffer_nm=1)), "longitude 200", "180"),
    ("a list as id", collection(feature(id=[1])), "has no id", "unique"),
    ("an endless id", collection(feature(id="x" * 201)), "its id has 201 letters", "at most 200"),
    ("a terminal's word", collection(feature(id="a\x1b[31m")), "property 'id' holds a control character", "plain text"),
    ("half a character", collection(feature(name="\ud800x")), r"'\ud800x' (feature 1): holds half of a character", "plain text"),
    ("half a character within", collection(feature(note={"a": ["\udc00"]})), "'Test box' (feature 1): holds half of a character", "plain text"),
    ("a number too large", collection(feature([[[10**400, 0], [1, 0], [1, 1], [10**400, 0]]])), "not a list of [longitude, latitude]", "numbers"),
    ("a number too long", collection(feature()).replace('"kind"', '"n": ' + "7" * 5000 + ', "kind"', 1), "thousands of digits", "plain"),
    ("line as port", collection(feature([[0, 0], [1, 1]], "LineString", kind="port")), "a line cannot be a 'port'", "buffer_nm"),
]


@pytest.mark.parametrize(("text", "what", "remedy"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_each_fault_has_place_and_remedy(text, what, remedy):
    with pytest.raises(ConfigError) as caught:
        load_zones(text, file="my.geojson")
    message = str(caught.value)
    assert message.startswith("my.geojson:")
    assert what in message
    assert remedy in message
    assert caught.value.exit_code == 2
    assert len(examine(text, file="my.geojson")[1]) == 1, message


def test_all_faults_come_in_one_message():
    text = collection(feature(), feature(id="z2", kind="prot"), feature([SQUARE[:-1]], id="z3", buffer_nm=-2), feature(id="z4"))
    with pytest.raises(ConfigError) as caught:
        load_zones(text, file="my.geojson")
    message = str(caught.value)
    assert "3 faults" in message
    for part in ("my.geojson:3:", "did you mean 'port'", "my.geojson:4:", "not closed", "buffer_nm -2"):
        assert part in message
    zones, faults = examine(text, file="my.geojson")
    assert [z.id for z in zones] == ["z1", "z4"]
    assert [f.line for f in faults] == [3, 4, 4]


def test_many_faults_are_counted_not_all_printed():
    with pytest.raises(ConfigError) as caught:
        load_zones(collection(*[feature(id=f"z{k}", kind="") for k in range(80)]))
    assert "80 faults" in str(caught.value)
    assert "and 30 more" in str(caught.value)
    assert len(str(caught.value)) < 20_000


def test_lines_are_found_in_any_layout():
    features = [feature(id="a", note='a trap: "features": [1, 2, 3]', kind="x"), feature(id="b"), feature(id="c", kind="y")]
    for indent in (None, 1, 4):
        text = json.dumps({"name": {"features": [1, 2]}, "type": "FeatureCollection", "features": features}, indent=indent)
        lines = text.splitlines()
        for fault, wanted in zip(examine(text, file="f")[1], ("a", "c"), strict=True):
            following = "\n".join(lines[fault.line - 1 : fault.line + 12])
            assert f'"id": "{wanted}"' in following
            assert indent is None or lines[fault.line - 1].strip() == "{"


def test_numbers_and_white_space_in_texts_of_ours_do_no_harm():
    """Tables keep ids as 17.0, and a name may be a number or run over two lines; what is not ours may hold anything."""
    (zone,) = load_zones(collection(feature(id=17.0, name=5, owner=" The\n office ", version="", description="two\nlines\x07"))).zones
    assert (zone.id, zone.name, zone.owner) == ("17", "5", "The office")
    assert zone.version.startswith("h-"), "an empty version is none"


def test_areas_cut_at_180_and_around_a_pole_are_accepted():
    fiji = [[[[177, -18], [180, -18], [180, -16], [177, -16], [177, -18]]], [[[-180, -18], [-178, -18], [-178, -16], [-180, -16], [-180, -18]]]]
    ross = [[[-180, -90], [180, -90], [180, -60], [60, -60], [-60, -60], [-180, -60], [-180, -90]]]
    zones = load_zones(collection(feature(fiji, "MultiPolygon"), feature(ross, id="z2"))).zones
    assert len(zones) == 2


def test_areas_over_the_poles_and_the_world_have_no_sliver(tmp_path):
    cap = [[[-180, 80], [0, 80], [180, 80], [180, 90], [-180, 90], [-180, 80]]]
    world = [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]
    (tmp_path / "z.geojson").write_text(collection(feature(cap, id="a"), feature(world, id="b")), encoding="utf-8")
    (row,) = check.check([str(tmp_path / "z.geojson")])["files"]
    assert row["ok"]
    assert row["notes"] == []


def test_a_byte_order_mark_and_foreign_properties_do_no_harm():
    assert len(load_zones("\ufeff" + collection(feature(FID=7, NAME="X", Shape_Area=2.5, source="chart"))).zones) == 1


def test_limits_have_names(monkeypatch):
    monkeypatch.setattr("zones.geojson.VERTICES_MAX", 3)
    with pytest.raises(ConfigError, match="4 edges; at most 3"):
        load_zones(collection(feature()))
    monkeypatch.setattr("zones.geojson.ZONES_MAX", 1)
    with pytest.raises(ConfigError, match="2 features; at most 1"):
        load_zones(collection(feature(), feature(id="z2")))
    assert VERTICES_MAX >= 1_000_000


def test_deep_nesting_is_a_fault_not_a_crash():
    with pytest.raises(ConfigError):
        load_zones("[" * 100_000)


def test_what_cannot_be_opened_says_why(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="no such file"):
        read_zones(tmp_path / "absent.geojson")
    with pytest.raises(ConfigError, match="is a directory"):
        read_zones(tmp_path)
    (tmp_path / "latin.geojson").write_bytes(b'{"type": "\xe9"}')
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_zones(tmp_path / "latin.geojson")
    (tmp_path / "zones.geojson").write_text(collection(feature()), encoding="utf-8")
    assert read_zones(tmp_path / "zones.geojson").zones[0].file.endswith("zones.geojson")
    monkeypatch.setattr("zones.load.FILE_BYTES_MAX", 10)
    with pytest.raises(ConfigError, match="larger than"):
        read_zones(tmp_path / "zones.geojson")
    assert FILE_BYTES_MAX > 1 << 20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["Feature", "Polygon", "LineString", "area"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["type", "geometry", "coordinates", "properties", "id", "kind", "buffer_nm", "valid_to", "name"]), inner, max_size=5)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(JSON, max_size=3), JSON, JSON)
def test_no_json_makes_it_stumble(features, coordinates, value):
    features = [*features, feature(coordinates), feature(name=value, buffer_nm=value, valid_from=value, id=value)]
    zones, faults = examine(json.dumps({"type": "FeatureCollection", "features": features}), file="f")
    assert zones or faults
    for zone in zones:
        assert zone.edges.dtype == np.int32
        assert len(zone.edges)
    for fault in faults:
        assert fault.what
        assert fault.remedy
        assert fault.line >= 1


# --- check, for the command line ---


def test_check_reports_files_zones_and_faults(tmp_path):
    right, wrong, again = tmp_path / "right.geojson", tmp_path / "wrong.geojson", tmp_path / "again.geojson"
    right.write_text(collection(feature(valid_from="2026-01-01", buffer_nm=2)), encoding="utf-8")
    wrong.write_text(collection(feature(kind="prot", id="z9")), encoding="utf-8")
    again.write_text(collection(feature()), encoding="utf-8")
    report = check.check([str(right)])
    assert report["ok"]
    assert report["files"][0]["zones"][0]["box_deg"] == [0.0, 0.0, 2.0, 1.0]
    report = check.check([str(right), str(wrong), str(again), str(tmp_path / "absent.geojson")])
    json.dumps(report)
    assert not report["ok"]
    assert [row["ok"] for row in report["files"]] == [True, False, False, False]
    lines = check.check_lines(report)
    assert any(line.startswith(f"{wrong}:2: 'Test box'") and "did you mean 'port'?" in line for line in lines)
    assert any("is also in" in line and str(right) in line for line in lines)
    assert any("no such file" in line for line in lines)
    assert any("valid 2026-01-01T00:00:00.000Z to always" in line for line in lines)


def test_the_documents_example_is_right_and_names_every_kind():
    text = (ROOT / "docs" / "zones.md").read_text(encoding="utf-8")
    blocks = text.split("```json\n")[1:]
    assert blocks, "docs/zones.md shows an example"
    for block in blocks:
        assert load_zones(block.split("```")[0], file="docs/zones.md").zones
    for kind in KINDS:
        assert f"`{kind}`" in text
