"""What lies under the vessels: sheets that are there are served, coverage is asked for each time."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.picture import Picture


def test_sheets_that_are_there_are_served_and_no_other_file(tmp_path: Path) -> None:
    for name in ("land", "borders", "secret"):
        (tmp_path / f"{name}.geojson").write_text(f'"{name}"')
    answers = iter([b"1", b"2"])
    app = create_app(Board(), Picture(), Decisions(None), land_geojson=tmp_path / "land.geojson", coverage_geojson=lambda: next(answers))
    client = TestClient(app)
    told = client.get("/api/info").json()
    assert {name: told[name] for name in ("land", "borders", "names", "coverage")} == {"land": True, "borders": True, "names": False, "coverage": True}
    assert client.get("/basemap/borders.geojson").json() == "borders"
    for name in ("names", "secret", "..%2Fland"):
        assert client.get(f"/basemap/{name}.geojson").status_code == 404
    assert [client.get("/coverage.geojson").text for _ in range(2)] == ["1", "2"]


def test_without_a_basemap_or_coverage_the_answers_say_what_to_do() -> None:
    client = TestClient(create_app(Board(), Picture(), Decisions(None)))
    assert "make install" in client.get("/basemap/land.geojson").json()["remedy"]
    assert client.get("/coverage.geojson").status_code == 404
