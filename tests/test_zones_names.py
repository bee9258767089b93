"""Borders and names for maps: only what two countries share is a border, each country has its name inside its largest piece."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import shapely

from zones import load
from zones.names import borders, names
from zones.ports import build_ports

# Two squares that share the edge at 10 degrees east; arc 0 is the shared one
NEIGHBOURS: dict[str, Any] = {
    "type": "Topology",
    "transform": {"scale": [1, 1], "translate": [0, 0]},
    "arcs": [[[10, 0], [0, 10]], [[10, 10], [-10, 0], [0, -10], [10, 0]], [[10, 0], [10, 0], [0, 10], [-10, 0]]],
    "objects": {
        "countries": {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Polygon", "arcs": [[0, 1]], "properties": {"name": "West"}},
                {"type": "MultiPolygon", "arcs": [[[2, -1]]], "properties": {"name": "East"}},
                {"type": None, "properties": {"name": "Nowhere"}},
            ],
        }
    },
}


def test_only_what_two_countries_share_is_a_border() -> None:
    assert json.loads(borders(json.dumps(NEIGHBOURS)))["geometry"]["coordinates"] == [[[10.0, 0.0], [10.0, 10.0]]]


def test_a_country_is_named_inside_itself_and_a_port_where_it_lies() -> None:
    ports = build_ports([(3_000_000, 6_000_000, "AAAAA", "Harbour")])
    rows = {f["properties"]["name"]: f for f in json.loads(names(json.dumps(NEIGHBOURS), ports))["features"]}
    assert sorted(rows) == ["East", "Harbour", "West"]
    assert 0 < rows["West"]["geometry"]["coordinates"][0] < 10 < rows["East"]["geometry"]["coordinates"][0] < 20
    assert rows["West"]["properties"]["size"] == 100
    assert rows["Harbour"]["geometry"]["coordinates"] == [10.0, 5.0]


def test_the_data_that_ship() -> None:
    folder = load.DATA_DIR
    if not (folder / "names.geojson").is_file():
        pytest.skip(f"{folder}/names.geojson is absent: run `make install`")
    found = json.loads((folder / "names.geojson").read_text())["features"]
    kinds = [f["properties"]["kind"] for f in found]
    assert kinds.count("country") > 200
    assert kinds.count("port") == len(load.read_ports().ids)
    lines = json.loads((folder / "borders.geojson").read_text())["geometry"]["coordinates"]
    assert len(lines) > 300
    assert max(np.abs(np.diff(np.array(line)[:, 0])).max() for line in lines) < 30, "no line runs across the map; the 49th parallel is 27.6 degrees in one edge"
    land = shapely.from_geojson((folder / "land.geojson").read_text()).buffer(0.05)
    inside = shapely.covers(land, shapely.linestrings([[p[0], p[1]] for p in max(lines, key=len)]))
    assert inside, "the longest border is on land"
