"""`dogwatch zones build`, `check` and `show`: port zones from a table, belts, conversion, exit codes; and the harbour that must stay quiet."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import shapely
from typer.testing import CliRunner

from dogwatch.errors import InputError
from dogwatch.geo import great_circle_m
from runners.cli import app
from zones.belts import STEP_UNITS, belt_features
from zones.coast import build_coast
from zones.geojson import load_zones
from zones.load import read_coast, read_zones
from zones.ports_table import CORNERS, RADIUS_NM, circle, port_features
from zones.rings import edges_of

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("DOGWATCH_SHARED_DATA", ROOT.parent / "shared" / "data"))
DEG = 600_000
ISLAND = build_coast(edges_of([shapely.box(0, 0, DEG, DEG), shapely.box(179 * DEG, 0, 180 * DEG, DEG), shapely.box(-180 * DEG, 0, -179 * DEG, DEG)]))
HEADING = "World Port Index Number,Main Port Name,UN/LOCODE,Country Code,Harbor Size,Latitude,Longitude"


def dogwatch(*words, code=0):
    done = CliRunner().invoke(app, [str(w) for w in words])
    assert done.exit_code == code, done.output + done.stderr
    return done


def test_ports_of_a_table_become_circles_by_harbour_size():
    rows = [
        "1.0,Alpha,XX AAA,Xland,Large,0.0,0.5",
        '2,Beta,"XXBBB",Xland,Very Small,0.5,1.0',
        "2,Beta Roads,,Xland, ,0.9,1.0",
        "1,Alpha,XXAAA,Xland,Small,0.0,0.5",
        "4,Far,XXFFF,Xland,Medium,-30,40",
        "5,Absurd,,Xland,Small,12,1001",
        "6,Nothing,,Xland,Small,,",
        "7,Date Line,,Xland,Small,-0.01,180.0",
    ]
    features, left_out = port_features("\ufeff" + "\n".join([HEADING, *rows]), ISLAND, file="wpi.csv")
    assert [f["properties"]["id"] for f in features] == ["wpi-1", "wpi-1-xland-alpha", "wpi-2", "wpi-2-xland-beta-roads", "wpi-7"]
    assert left_out == {"bad_position": 2, "at_sea": 1, "duplicate": 0, "outside_box": 0}
    assert [f["properties"]["radius_nm"] for f in features] == [4.0, 2.0, 1.5, 1.5, 2.0]
    zones = load_zones(json.dumps({"type": "FeatureCollection", "features": features})).zones
    for zone, feature in zip(zones, features, strict=True):
        circle_km2 = np.pi * (feature["properties"]["radius_nm"] * 1.852) ** 2
        assert zone.area_km2 == pytest.approx(circle_km2, rel=0.01)
        assert (zone.kind, zone.subkind) == ("port", "harbour")
    assert {abs(v) for v in zones[-1].edges[:, 1].tolist()} >= {180 * DEG}
    again, _ = port_features("\n".join([HEADING, *rows[::-1]]), ISLAND, file="wpi.csv", box=(179.0, -1.0, -179.0, 1.0))
    assert [f["properties"]["id"] for f in again] == ["wpi-7"]


def test_other_tables_of_ports_are_understood():
    features, _ = port_features("iso3,label,sublabel,latitude,longitude\nXLD,GAMMA,,0.5,1.0\n", ISLAND, file="x.csv")
    assert features[0]["properties"]["id"] == "name-xld-gamma"
    with pytest.raises(InputError, match="no columns of latitude"):
        port_features("a,b\n1,2\n", ISLAND, file="x.csv")


@pytest.mark.parametrize("place", [(0.0, 0.0), (60.0, 20.0), (-70.0, 179.999), (84.0, -180.0)])
def test_every_corner_of_a_circle_is_as_far_as_it_should_be(place):
    rows = np.concatenate([np.array(ring) for ring in shapely_rings(circle(*place, 2.0))])
    far_nm = np.array([great_circle_m(*place, lat, lon) / 1852 for lon, lat in rows if abs(lon) < 180])
    assert len(far_nm) >= CORNERS - 2
    assert far_nm == pytest.approx(2.0, rel=0.006)


def shapely_rings(geometry):
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [ring for part in parts for ring in part]


@pytest.mark.parametrize("box", [(-1.0, -1.0, 2.0, 2.0), (178.0, -1.0, -178.0, 2.0)])
def test_belts_follow_the_distance_to_the_coast(box):
    features = belt_features(ISLAND, box)
    assert [f["properties"]["kind"] for f in features] == ["territorial_sea", "contiguous_zone"]
    rng = np.random.default_rng(4)
    width = (box[2] - box[0]) % 360
    lon = (np.rint((box[0] + rng.uniform(0, width, 4000)) * DEG).astype(np.int64) + 180 * DEG) % (360 * DEG) - 180 * DEG
    lat = np.rint(rng.uniform(box[1], box[3], 4000) * DEG).astype(np.int64)
    far_nm = ISLAND.distance_nm(lat, lon)
    for feature, miles in zip(features, (12.0, 24.0), strict=True):
        inside = shapely.intersects_xy(shapely.geometry.shape(feature["geometry"]), lon / DEG, lat / DEG)
        clear = np.abs(far_nm - miles) > STEP_UNITS / 10_000  # within the tolerance that the zone names
        assert clear.sum() > 3000
        assert np.array_equal(inside[clear], far_nm[clear] <= miles)
        assert feature["properties"]["tolerance_nm"] >= STEP_UNITS / 10_000
        assert "approximate" in feature["properties"]["name"]
    assert len(load_zones(json.dumps({"type": "FeatureCollection", "features": features})).zones) == 2


def test_boxes_that_are_none_are_refused():
    for box in ((0.0, 2.0, 1.0, 1.0), (5.0, 0.0, 5.0, 1.0), (-170.0, -60.0, 170.0, 60.0)):
        with pytest.raises(InputError):
            belt_features(ISLAND, box)


# --- the commands ---


def test_check_says_0_1_or_2(tmp_path):
    square = [[[10.0, 0.0], [12.0, 0.0], [12.0, 1.0], [10.0, 1.0], [10.0, 0.0]]]

    def write(name, *features):
        rows = [
            {"type": "Feature", "properties": {"id": f"z{k}", "kind": "area"}, "geometry": {"type": "Polygon", "coordinates": c}}
            for k, c in enumerate(features)
        ]
        (tmp_path / name).write_text(json.dumps({"type": "FeatureCollection", "features": rows}), encoding="utf-8")
        return tmp_path / name

    dogwatch("zones", "check", ROOT / "examples" / "zones.geojson")
    dogwatch("zones", "check", write("noted.geojson", square, square), code=1)
    wrong = write("wrong.geojson", [square[0][:-1]])
    before = wrong.read_bytes()
    done = dogwatch("zones", "check", wrong, code=2)
    assert f"{wrong}:1: 'z0' (feature 1): a ring is not closed" in done.output + done.stderr
    done = dogwatch("zones", "check", wrong, "--repair", tmp_path / "right.geojson")
    assert "changed: 'z0' (feature 1): ring closed" in done.output
    assert wrong.read_bytes() == before, "the file itself is left alone"
    dogwatch("zones", "check", tmp_path / "right.geojson")
    said = json.loads(dogwatch("zones", "check", wrong, "--repair", tmp_path / "right.geojson", "--json").stdout)
    assert said["changes"] == ["'z0' (feature 1): ring closed"]
    assert json.loads(dogwatch("zones", "check", wrong, "--json", code=2).stdout)["files"][0]["faults"][0]["feature"] == "'z0' (feature 1)"


def test_show_lists_and_tells_of_a_place(tmp_path):
    example = ROOT / "examples" / "zones.geojson"
    zones = read_zones(example).zones
    listed = dogwatch("zones", "show", example).output
    for zone in zones:
        assert f"{zone.id}: {zone.name} ({zone.kind}" in listed
    report = json.loads(dogwatch("zones", "show", example, "--json").stdout)
    assert {"id", "kind", "version", "valid_from", "valid_to", "owner", "area_km2", "subkind", "inside", "tolerance_nm"} <= set(report["zones"][0])
    said = dogwatch("zones", "show", "--at", "-41.3", "174.6").output
    assert "belt-12nm (territorial_sea" in said
    assert json.loads(dogwatch("zones", "show", "--at", "51.0", "1.5", "--json").stdout)["zones"][0]["id"] == "belt-12nm"


def test_build_converts_and_gives_what_is_absent(tmp_path):
    rows = [{"type": "Feature", "properties": {"id": "c1"}, "geometry": {"type": "LineString", "coordinates": [[1.0, 1.0], [2.0, 2.0]]}}]
    (tmp_path / "in.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": rows}), encoding="utf-8")
    out = tmp_path / "out.geojson"
    done = CliRunner().invoke(app, ["zones", "build", str(tmp_path / "in.geojson"), "--convert", "--kind", "border", "--owner", "Me", "--out", str(out)])
    assert done.exit_code == 0, done.output
    (zone,) = read_zones(out).zones
    assert (zone.kind, zone.owner) == ("border", "Me")
    for words in (["zones", "build"], ["zones", "build", "x", "--out", str(out)], ["zones", "build", "--belts"], ["zones", "build", "--ports", "absent.csv"]):
        done = CliRunner().invoke(app, words)
        assert isinstance(done.exception, InputError), words


def test_a_busy_harbour_gives_no_rendezvous_with_the_ports_of_the_index(tmp_path):
    """The issue allows two. 91 vessels of a harbour in 84 minutes; 164 pairs of them lie close and slow for half an hour."""
    index, recording = SHARED / "tab-ports" / "wpi_UpdatedPub150.csv", SHARED / "dec-solent" / "SolentAIS_20160112_130211.csv"
    for path in (index, recording):
        if not path.is_file():
            pytest.skip(f"shared data absent: tried {path}")
    ports = tmp_path / "ports.geojson"
    dogwatch("zones", "build", "--ports", index, "--box=-2.5,50,0,51.5", "--out", ports)
    zones = read_zones(ports).zones
    assert len(zones) > 10
    dogwatch("zones", "check", ports)
    dogwatch("replay", recording, "--zones", ports, "--out", tmp_path / "run")
    lines = (tmp_path / "run" / "events.ndjson").read_text(encoding="utf-8").splitlines()
    assert lines
    shown = {e["event_id"] for e in map(json.loads, lines) if e["type"] == "rendezvous" and e["state"] != "candidate"}
    assert len(shown) <= 2


def test_the_whole_index_becomes_right_zones():
    index = SHARED / "tab-ports" / "wpi_UpdatedPub150.csv"
    if not index.is_file():
        pytest.skip(f"shared data absent: tried {index}")
    features, left_out = port_features(index.read_text(encoding="utf-8-sig"), read_coast(), file=index.name)
    zones = load_zones(json.dumps({"type": "FeatureCollection", "features": features})).zones
    assert len(zones) + sum(left_out.values()) == 3768
    assert len(zones) > 3500
    assert left_out["bad_position"] == left_out["duplicate"] == 0
    assert max(zone.area_km2 for zone in zones) < np.pi * (max(RADIUS_NM.values()) * 1.852) ** 2
