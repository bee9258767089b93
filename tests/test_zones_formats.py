"""Zones from GeoPackage, Shapefile, KML and foreign coordinate systems: the same zones whatever the file, and Marine Regions' own words."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely

from dogwatch.errors import ConfigError
from runners.rules import zones_geojson
from zones import check, load
from zones.geojson import examine, load_zones
from zones.kinds import understood
from zones.load import read_drawn, read_zones

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("DOGWATCH_SHARED_DATA", ROOT.parent / "shared" / "data"))
BOX = shapely.box(10.0, 55.0, 10.5, 55.25)
CABLE = shapely.LineString([(9.0, 54.0), (9.5, 54.5)])


def write(path: Path, shapes: list, columns: dict[str, list], crs: str = "EPSG:4326", **more) -> Path:
    pyogrio.raw.write(
        path,
        geometry=shapely.to_wkb(np.array(shapes, object)),
        field_data=[np.array(values, object if isinstance(values[0], str) else None) for values in columns.values()],
        fields=list(columns),
        crs=crs,
        geometry_type=shapes[0].geom_type,
        driver={".gpkg": "GPKG", ".shp": "ESRI Shapefile", ".kml": "LIBKML"}[path.suffix],
        **more,
    )
    return path


def geojson(shapes: list, columns: dict[str, list]) -> str:
    rows = [
        {"type": "Feature", "properties": {k: v[i] for k, v in columns.items()}, "geometry": json.loads(shapely.to_geojson(shape))}
        for i, shape in enumerate(shapes)
    ]
    return json.dumps({"type": "FeatureCollection", "features": rows})


COLUMNS = {
    "id": ["north"],
    "name": ["North watch"],
    "kind": ["watch"],
    "valid_from": ["2026-01-01"],
    "valid_to": ["2027-01-01"],
    "buffer_nm": [0.5],
    "owner": ["Operations room"],
    "tolerance_nm": [0.25],
}


@pytest.mark.filterwarnings("ignore:Normalized/laundered")
@pytest.mark.parametrize("name", ["z.gpkg", "z.shp", "z.kml"])
def test_the_same_zone_from_every_format(tmp_path, name):
    """The truth is the GeoJSON of the same zone: every field is equal but the file's name."""
    expected = load_zones(geojson([BOX], COLUMNS), file="z.geojson").zones[0]
    (zone,) = read_zones(write(tmp_path / name, [BOX], COLUMNS)).zones
    for field in ("id", "name", "kind", "version", "owner", "valid_from_ms", "valid_to_ms", "buffer_nm", "tolerance_nm", "is_area", "area_km2"):
        if field != "version" or name != "z.shp":  # a Shapefile turns outer rings clockwise, and the version is a hash of what is drawn
            assert getattr(zone, field) == getattr(expected, field), field
    assert {tuple(e) for e in zone.edges[:, :2].tolist()} == {tuple(e) for e in expected.edges[:, :2].tolist()}
    assert zone.area_km2 == pytest.approx(0.5 * 0.25 * 111.195**2 * np.cos(np.radians(55.125)), rel=1e-3)


def test_a_shapefile_in_a_zip_and_a_project_of_another_system(tmp_path):
    import pyproj

    to_utm = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32632", always_xy=True)
    flat = shapely.transform(BOX, lambda xy: np.column_stack(to_utm.transform(xy[:, 0], xy[:, 1])))
    write(tmp_path / "utm.shp", [flat], {"id": ["u"], "kind": ["area"]}, crs="EPSG:32632")
    with zipfile.ZipFile(tmp_path / "utm.zip", "w") as archive:
        for part in ("shp", "shx", "dbf", "prj"):
            archive.write(tmp_path / f"utm.{part}", f"in/a folder/utm.{part}")  # as Marine Regions packs them
        archive.writestr("read me.txt", "")
    for path in ("utm.shp", "utm.zip"):
        (zone,) = read_zones(tmp_path / path).zones
        assert np.abs(np.unique(zone.edges[:, 0]) - [55 * 600_000, 55.25 * 600_000]).max() <= 1
        assert np.abs(np.unique(zone.edges[:, 1] // 10) - [10 * 60_000, 10.5 * 60_000]).max() <= 1
    text = json.loads(geojson([flat], {"id": ["u"], "kind": ["area"]})) | {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}}
    (tmp_path / "utm.geojson").write_text(json.dumps(text), encoding="utf-8")
    (zone,) = read_zones(tmp_path / "utm.geojson").zones
    assert np.abs(np.unique(zone.edges[:, 0]) - [55 * 600_000, 55.25 * 600_000]).max() <= 1
    text["crs"]["properties"]["name"] = "EPSG:9999999"
    (tmp_path / "utm.geojson").write_text(json.dumps(text), encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown coordinate system"):
        read_zones(tmp_path / "utm.geojson")


def test_a_file_without_a_system_is_refused_not_guessed(tmp_path):
    write(tmp_path / "bare.shp", [BOX], {"id": ["a"], "kind": ["area"]})
    (tmp_path / "bare.prj").unlink()
    with pytest.raises(ConfigError, match="names no coordinate system"):
        read_zones(tmp_path / "bare.shp")


def test_what_is_wrong_in_a_foreign_file_is_named_without_a_line(tmp_path):
    bowtie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1), (0, 0)])
    write(tmp_path / "w.gpkg", [bowtie, BOX], {"id": ["a", "a"], "name": ["Bow", "Box"], "kind": ["area", "prot"]})
    report = check.check([str(tmp_path / "w.gpkg")])
    lines = check.check_lines(report)
    assert any(line.startswith(f"{tmp_path / 'w.gpkg'}: 'Bow' (feature 1): its outline is not valid: Self-intersection[0.5 0.5]") for line in lines)
    assert any("did you mean 'port'?" in line for line in lines)
    assert any("id 'a' is taken by the feature number 1" in line for line in lines)
    assert "w.gpkg:0" not in "\n".join(lines)
    with pytest.raises(ConfigError) as caught:
        read_zones(tmp_path / "w.gpkg")
    assert "gpkg:0" not in str(caught.value)


def test_layers_placemarks_and_times_of_kml(tmp_path):
    (tmp_path / "k.kml").write_text(
        """<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder><name>Watches</name>
        <Placemark><name>Cove</name><TimeSpan><begin>2026-05-01T00:00:00Z</begin></TimeSpan>
        <ExtendedData><Data name="kind"><value>watch</value></Data></ExtendedData>
        <Polygon><outerBoundaryIs><LinearRing><coordinates>10,55,0 11,55,0 11,56,0 10,55,0</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>
        </Folder><Folder><name>Lines</name><Placemark><name>Cable one</name>
        <ExtendedData><Data name="kind"><value>corridor</value></Data><Data name="subkind"><value>cable</value></Data>
        <Data name="buffer_nm"><value>0.5</value></Data></ExtendedData>
        <LineString><coordinates>10,55 11,56</coordinates></LineString></Placemark></Folder></Document></kml>""",
        encoding="utf-8",
    )
    cove, cable = read_zones(tmp_path / "k.kml").zones
    assert (cove.id, cove.kind, cove.valid_from_ms) == ("Cove", "watch", 1_777_593_600_000)
    assert (cable.id, cable.kind, cable.subkind, cable.buffer_nm) == ("Cable one", "corridor", "cable", 0.5)


def placemark(name: str, more: str = "", ring: str = "10,55 11,55 11,56 10,55") -> str:
    area = f"<Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon>"
    return f'<Placemark><name>{name}</name>{more}<ExtendedData><Data name="kind"><value>area</value></Data></ExtendedData>{area}</Placemark>'


def kml(path: Path, *placemarks: str) -> Path:
    text = f'<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{"".join(placemarks)}</Document></kml>'
    if path.suffix == ".kmz":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("doc.kml", text)
    else:
        path.write_text(text, encoding="utf-8")
    return path


def test_a_time_keeps_its_zone_in_every_format(tmp_path):
    """15:00 in Riyadh is noon in UTC; without a zone a time is UTC."""
    noon = 1_622_548_800_000
    spans = [f"<TimeSpan><begin>{t}</begin></TimeSpan>" for t in ("2021-06-01T15:00:00+03:00", "2021-06-01T12:00:00", "2021-06-01T12:00Z")]
    for zone in read_zones(kml(tmp_path / "k.kml", *(placemark(f"p{k}", span) for k, span in enumerate(spans)))).zones:
        assert zone.valid_from_ms == noon, zone.id
    columns = {"id": ["a"], "kind": ["area"], "valid_from": np.array(["2021-06-01T15:00:00"], "datetime64[ms]")}
    write(tmp_path / "t.gpkg", [BOX], columns, gdal_tz_offsets={"valid_from": np.array([112])})  # GDAL: 100 is UTC, 1 is a quarter of an hour
    assert read_zones(tmp_path / "t.gpkg").zones[0].valid_from_ms == noon


@pytest.mark.parametrize("suffix", ["kml", "kmz"])
@pytest.mark.parametrize("said", ["2021", "01.06.2021", "2021-06-01 12:00", "2021-06-01T12:00:00+0300"])
def test_a_time_of_kml_that_would_be_lost_is_a_fault(tmp_path, suffix, said):
    """GDAL drops what it does not read, the zone would hold for ever; the day of a `begin` outside of a placemark is no zone's."""
    view = "<LookAt><TimeSpan><begin>2021</begin></TimeSpan></LookAt>"
    path = kml(tmp_path / f"k.{suffix}", view, placemark("Right"), placemark("Bay &amp; cove", f"<TimeSpan><end>{said}</end></TimeSpan>"))
    (row,) = check.check([str(path)])["files"]
    assert [(fault["feature"], fault["what"]) for fault in row["faults"]] == [("'Bay & cove'", f"end '{said}' is not a time")]


@pytest.mark.filterwarnings("error")
def test_a_ring_that_is_not_closed_is_named_and_mended_in_every_format(tmp_path):
    hole = "<innerBoundaryIs><LinearRing><coordinates>10.5,55.1 10.8,55.1 10.8,55.2</coordinates></LinearRing></innerBoundaryIs>"
    two = placemark("Two").replace("</Polygon>", f"{hole}</Polygon>")
    path = kml(tmp_path / "k.kml", placemark("One", ring="10,55 11,55 11,56"), two, placemark("Right"))
    (row,) = check.check([str(path)])["files"]
    assert [fault["feature"] for fault in row["faults"]] == ["'One' (feature 1)", "'Two' (feature 2)"]
    assert [zone["id"] for zone in row["zones"]] == ["Right"]
    text, changes, left = check.repaired(str(path))
    assert changes == ["'One' (feature 1): ring closed", "'Two' (feature 2): ring closed"]
    assert not left
    one, two, right = load_zones(text).zones
    assert one.area_km2 == right.area_km2
    assert two.area_km2 == pytest.approx(right.area_km2 * (1 - 0.3 * 0.1), rel=0.01)


def test_a_shapefile_of_another_encoding_than_it_says(tmp_path):
    write(tmp_path / "e.shp", [BOX], {"id": ["a"], "name": ["Ærø"], "kind": ["area"]}, encoding="CP1252")
    (tmp_path / "e.cpg").unlink()
    assert read_zones(tmp_path / "e.shp").zones[0].name == "Ærø"
    (tmp_path / "e.cpg").write_text("UTF-8")
    with pytest.raises(ConfigError, match=r"correct the \.cpg"):
        read_zones(tmp_path / "e.shp")


def test_damaged_absent_and_huge_files_say_so(tmp_path, monkeypatch):
    (tmp_path / "x.gpkg").write_bytes(b"no database")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_zones(tmp_path / "x.gpkg")
    with pytest.raises(ConfigError, match="no such file"):
        read_zones(tmp_path / "absent.kml")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("z.geojson", "{}")
    with pytest.raises(ConfigError, match="holds no Shapefile"):
        read_zones(tmp_path / "empty.zip")
    (tmp_path / "x.zip").write_bytes(b"no archive")
    (row,) = check.check([str(tmp_path / "x.zip")])["files"]
    assert row["faults"][0]["what"].startswith("cannot be read: "), "the file is named once, before it"
    monkeypatch.setattr("zones.load.GIS_BYTES_MAX", 3)
    with pytest.raises(ConfigError, match="larger than"):
        read_zones(tmp_path / "x.gpkg")


def test_without_the_extra_the_remedy_is_named(tmp_path, monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(load.importlib, "import_module", absent)
    with pytest.raises(ConfigError, match=r"needs the Python package pyogrio.*dogwatch\[zones\]"):
        read_zones(tmp_path / "x.gpkg")
    (tmp_path / "plain.geojson").write_text(geojson([BOX], {"id": ["a"], "kind": ["area"]}), encoding="utf-8")
    assert read_zones(tmp_path / "plain.geojson").zones, "GeoJSON needs no extra"


def test_the_map_shows_zones_of_every_format(tmp_path):
    path = write(tmp_path / "z.gpkg", [BOX], COLUMNS)
    shown = json.loads(zones_geojson([str(path)]) or b"{}")
    assert shown["features"][0]["properties"]["id"] == "north"


# --- Marine Regions ---


@pytest.mark.parametrize(
    ("pol_type", "kind", "subkind"),
    [
        ("200NM", "eez", None),
        ("Overlapping claim", "eez", "overlapping_claim"),
        ("Joint regime", "eez", "joint_regime"),
        ("12NM", "territorial_sea", None),
        ("24NM", "contiguous_zone", None),
        ("Internal waters", None, None),
    ],
)
def test_polygon_types_of_marine_regions(pol_type, kind, subkind):
    said = understood({"MRGID": 5676.0, "GEONAME": "Example EEZ", "POL_TYPE": pol_type, "TERRITORY1": "Isle", "SOVEREIGN1": "Realm", "ISO_SOV1": "RLM"})
    assert (said["id"], said["name"], said["owner"]) == ("mr-5676", "Example EEZ", "Realm")
    assert (said.get("kind"), said.get("subkind")) == (kind, subkind)
    assert said["licence"] == "CC BY 4.0"


def test_lines_of_marine_regions_and_words_of_our_own():
    line = {"LINE_ID": 12, "LINE_NAME": "A - B", "LINE_TYPE": "Treaty", "SOVEREIGN1": "A"}
    assert understood(line)["kind"] == "border"
    assert "kind" not in understood({**line, "LINE_TYPE": "Straight baseline"})
    assert understood({**line, "kind": "watch", "id": "mine"})["id"] == "mine"
    assert understood({"name": "x"}) == {"name": "x"}


def test_real_territorial_seas_of_marine_regions():
    path = SHARED / "geo-baltic" / "territorial_waters_baltic.geojson"
    if not path.is_file():
        pytest.skip(f"shared data absent: tried {path}")
    zones, faults = examine(path.read_text(encoding="utf-8"), file=path.name)
    assert not faults
    assert {zone.id for zone in zones} == {"mr-49017", "mr-49016", "mr-49034", "mr-49031"}
    published_km2 = {"mr-49017": 24_661, "mr-49016": 13_412, "mr-49034": 54_804}
    for zone in zones:
        assert zone.kind == "territorial_sea"
        if zone.id in published_km2:  # the file is simplified: an area of the same size, to some percent
            assert zone.area_km2 > 0.9 * published_km2[zone.id]


def test_real_limits_of_a_shapefile_across_180():
    path = SHARED / "geo-us-limits" / "USMaritimeLimitsAndBoundariesSHP.zip"
    if not path.is_file():
        pytest.skip(f"shared data absent: tried {path}")
    drawn = read_drawn(path)
    assert len(drawn.features) == 260
    assert {feature["geometry"]["type"] for feature in drawn.features} <= {"LineString", "MultiLineString"}
    lon = np.concatenate([shapely.get_coordinates(shapely.geometry.shape(f["geometry"]))[:, 0] for f in drawn.features])
    assert lon.min() < -179
    assert lon.max() > 179
