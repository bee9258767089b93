"""`dogwatch coverage`: the learned model as people see it, from a coverage file and from the state of a run."""

import msgspec
import numpy as np
import pytest
from tracks_sea import lane_traffic, watch
from typer.testing import CliRunner

from dogwatch import blob
from dogwatch.errors import InputError
from runners.cli import app
from runners.coverage_map import features, heard_by, load_coverage, picture, summary
from runners.rules import COVERAGE_SCHEMA, read_coverage
from tracks.coverage import Coverage, cell_key


def model(*places, receiver="hill"):
    """Coverage of one receiver: (lat, lon, class, heard, missed) each."""
    coverage = Coverage()
    group = coverage.group(receiver)
    for lat, lon, class_b, heard, missed in places:
        key = np.array([cell_key(round(lat * 600_000), round(lon * 600_000), class_b, group)])
        coverage.learn(np.repeat(key, heard), np.repeat(key, missed))
    return coverage


def test_a_cell_is_a_character_and_north_is_on_top():
    (cells,) = heard_by(model((54.05, 10.05, 0, 100, 0), (54.05, 10.15, 0, 60, 40), (54.15, 10.05, 0, 3, 0), (54.15, 10.25, 0, 1, 99)))
    assert list(picture(cells)) == ["   54.1 |· ░", "   54.0 |█▒", "        10.0 10.3"]


def test_the_map_goes_across_the_date_line():
    (cells,) = heard_by(model((0.05, 179.95, 0, 100, 0), (0.05, -179.95, 0, 100, 0)))
    assert list(picture(cells)) == ["    0.0 |██", "        179.9 -179.9"]


def test_a_wide_sea_is_drawn_in_larger_steps():
    (cells,) = heard_by(model(*((0.05, lon + 0.05, 1, 30, 0) for lon in range(0, 60, 2))))
    assert 60 < max(len(line) for line in picture(cells)) < 80, "a terminal has 80 columns"
    assert cells.ais_class == "B"


def test_learned_from_traffic_and_told_in_numbers(tmp_path):
    _, state = watch(lane_traffic(4.0))
    rows = summary(heard_by(state.coverage))
    assert [(row["receiver"], row["ais_class"]) for row in rows] == [("receiver 0", "A")]
    assert rows[0]["learned_cells"] >= 3
    assert rows[0]["heard_share"] > 0.95
    shapes = features(heard_by(state.coverage))["features"]
    assert len(shapes) == rows[0]["cells"]
    assert all(len(shape["geometry"]["coordinates"][0]) == 5 for shape in shapes)


def test_the_command_reads_what_it_saved(tmp_path):
    first = tmp_path / "first.coverage"
    first.write_bytes(blob.pack(model((54.05, 10.05, 0, 100, 0)).to_sections(), schema=COVERAGE_SCHEMA))
    asked = ["coverage", str(first), "--geojson", str(tmp_path / "c.geojson"), "--save", str(tmp_path / "again.coverage")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert "hill, class A: 1 of 1 cells learned, 100% of 5-minute blocks heard" in result.output
    assert (tmp_path / "again.coverage").read_bytes() == first.read_bytes()
    (shape,) = msgspec.json.decode((tmp_path / "c.geojson").read_bytes())["features"]
    assert shape["properties"] == {"receiver": "hill", "ais_class": "A", "heard_blocks": 100.0, "missed_blocks": 0.0, "heard_share": 1.0, "learned": True}


def test_a_replay_shows_all_that_it_has_learned(tmp_path):
    """A table is released at its end, after the state that `--resume` goes on from."""
    lines = ["mmsi,t,lat,lon,sog_kn,cog_deg"]
    for k in range(240):
        stamp = np.datetime64("2026-01-01", "ms") + np.timedelta64(30 * k, "s")
        lines += [f"{219_000_001 + v},{stamp}Z,{54.01 + v * 0.01 + (k % 20) * 0.001:.4f},10.05,12.0,0" for v in range(6)]
    (tmp_path / "sea.csv").write_text("\n".join(lines) + "\n")
    assert CliRunner().invoke(app, ["replay", str(tmp_path / "sea.csv"), "--out", str(tmp_path / "out")]).exit_code == 0
    result = CliRunner().invoke(app, ["coverage", str(tmp_path / "out"), "--save", str(tmp_path / "learned.coverage")])
    assert "sea.csv, class A: 1 of 1 cells learned, 100% of 5-minute blocks heard" in result.output
    again = ["replay", str(tmp_path / "sea.csv"), "--out", str(tmp_path / "again"), "--coverage", str(tmp_path / "learned.coverage")]
    assert CliRunner().invoke(app, again).exit_code == 0
    (cells,) = heard_by(load_coverage(tmp_path / "again"))
    assert cells.heard[0] == pytest.approx(2 * heard_by(load_coverage(tmp_path / "out"))[0].heard[0], rel=0.02)


@pytest.mark.parametrize("what", ["absent", "folder", "noise", "learned anchorages"])
def test_what_is_no_state_is_named(tmp_path, what):
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what == "noise":
        path.write_bytes(b"nothing of ours")
    elif what == "learned anchorages":
        path.write_bytes(blob.pack({"vessels": [1]}, schema=COVERAGE_SCHEMA))
    with pytest.raises(InputError, match=f"{what}.*name the --out folder of a replay"):
        load_coverage(path)
    if what != "folder":
        with pytest.raises(InputError, match=what):
            read_coverage(path)
