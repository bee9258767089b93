"""Dark rules that are suspended: which receivers are down, which cells that concerns, what the page says and hatches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tracks_sea import T0 as SEA_T0
from tracks_sea import heard_too, lane_traffic, watch, well_heard

from dogwatch.batch import Control
from runners.coverage_map import features, heard_by
from runners.hearing import EVERYWHERE, ears_of, mark, suspended
from tests.console_harness import CENTRE, Harness, land_nearby
from tests.console_page import Browser, clean, in_browser, shoot


def test_a_receiver_that_is_down_is_named_until_it_is_heard_again() -> None:
    rows = lane_traffic(3.0, vessels=8, lat_deg=54.2, length_deg=0.6)
    rows["receivers"], rows["src"] = 1 << (rows["mmsi"] % 2), rows["mmsi"] % 2
    dead = (rows["mmsi"] % 2 == 0) & (rows["t_ms"] > SEA_T0 + 5_400_000)
    _, healthy = watch(rows)
    assert suspended(ears_of(healthy), healthy.coverage) == {}
    _, state = watch(rows[~dead])
    ((name, since),) = suspended(ears_of(state), state.coverage).items()
    assert name == "receiver 0"
    assert since is not None
    assert since.startswith("2026-01-01T01:")
    again = rows[~dead | (rows["t_ms"] > SEA_T0 + 9_000_000)]
    _, back = watch(again)
    assert suspended(ears_of(back), back.coverage) == {}


def test_a_silent_source_suspends_everywhere() -> None:
    rows = lane_traffic(1.0, vessels=4, lat_deg=54.2, length_deg=0.6)
    _, state = watch(rows, control=[Control(SEA_T0 + 1_800_000, "source_silent", "mast")])
    assert EVERYWHERE in suspended(ears_of(state), state.coverage)


@pytest.mark.parametrize(("missed", "hatched"), [(0, False), (900, True)])
def test_only_cells_that_no_living_receiver_hears_well_are_suspended(missed: int, hatched: bool) -> None:
    coverage = heard_too(well_heard((54.0, 54.2), (10.0, 10.1)), "hill", (54.1, 54.2), (10.0, 10.1), missed=missed)
    cells = mark(features(heard_by(coverage)), {"receiver 0"})["features"]
    found = {
        (c["properties"]["receiver"], round(c["geometry"]["coordinates"][0][0][1], 1)): c["properties"]["suspended"]
        for c in cells
        if c["properties"]["ais_class"] == "A"
    }
    assert found["receiver 0", 54.0] is True
    assert found["receiver 0", 54.1] is hatched
    assert not any(value for (receiver, _), value in found.items() if receiver == "hill")
    assert not any(c["properties"]["suspended"] for c in mark({"features": cells}, ())["features"])
    assert all(c["properties"]["suspended"] for c in mark({"features": cells}, {EVERYWHERE})["features"])


def chart() -> bytes:
    """Two cells at CENTRE: the western is suspended."""

    def cell(west: float, suspended: bool) -> dict[str, object]:
        south = CENTRE[0] - 0.1
        ring = [[west, south], [west + 0.2, south], [west + 0.2, south + 0.2], [west, south + 0.2], [west, south]]
        said = {"receiver": "hill", "ais_class": "A", "heard_share": 0.9, "learned": True, "suspended": suspended}
        return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": said}

    return json.dumps({"type": "FeatureCollection", "features": [cell(CENTRE[1] - 0.2, True), cell(CENTRE[1], False)]}).encode()


@in_browser[0]
@in_browser[1]
def test_the_page_says_it_and_hatches_the_map(browser: Browser, tmp_path: Path) -> None:
    served = Harness(vessels=30, land=land_nearby(tmp_path), coverage=chart)
    served.board.health({"suspended": {"<b>hill</b>": "2026-01-01T00:04:00.000Z"}})
    try:
        browser("open", url=served.start() + "?keep-pixels#map=9/-41/174.5")
        said = browser.until("document.querySelector('[data-test=suspended]')?.innerText")
        assert "Dark rules suspended" in said
        assert "receiver down (<b>hill</b> since 00:04" in said
        browser.until("window.dogwatch?.state.map === 'ready'")
        drawn = "dogwatch.sea.map.queryRenderedFeatures({ layers: ['suspended'] })"
        browser.until(f"{drawn}.length && {drawn}.every((f) => f.properties.suspended)")
        west = "dogwatch.sea.map.queryRenderedFeatures(dogwatch.sea.map.project([174.4, -41]), { layers: ['suspended'] }).length"
        assert browser("evaluate", js=west) > 0
        assert browser("evaluate", js=west.replace("174.4", "174.6")) == 0
        for palette in ("day", "dusk", "night"):
            browser.until(f"document.documentElement.dataset.palette === '{palette}'")
            shoot(browser, f"console-suspended-{palette}")
            browser("press", key="t")
        served.board.health({"suspended": {}})
        browser.until("!document.querySelector('[data-test=suspended]')")
        browser.until(f"{drawn}.length === 0")
        clean(browser)
    finally:
        browser("close")
        served.stop()
