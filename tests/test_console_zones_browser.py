"""The page for zones, in headless Chromium over a real bench: draw by click and by keys, move, add and take away vertices, see the server's faults where
they are, try, propose, four eyes, activate, roll back. And, without a browser, what the server says about where a fault is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dogwatch.config import Backtest, Config
from runners.bench import Workbench, editor_of, versions_of
from runners.simulated import read_scenario
from sim.simulate import simulate
from tests.console_harness import Harness, land_nearby
from tests.console_page import Browser, clean, in_browser, shoot
from tests.test_console_rules_browser import SAID, decide, say

AREA = [[174.0, -41.4], [174.4, -41.4], [174.4, -41.1], [174.0, -41.1]]
LINES_TRIED = 3_000
PAUSE_S = 0.5  # of drawing, before the page asks the server
PATHS = "JSON.parse(dogwatch.pen.current.get().length ? JSON.stringify(dogwatch.pen.current.get().at(-1).geometry.coordinates) : '[]')"
CANVAS = "document.querySelector('.sea-chart canvas')"


def console_of(recordings: list[str], folder: Path) -> Harness:
    """A console whose zones are drawn."""
    config = Config(backtest=Backtest(recordings))
    editor = editor_of(config, versions_of(config, folder / "versions"), folder / "tests")
    return Harness(land=land_nearby(folder), editor=editor, info={"map_center": [174.2, -41.2], "map_zoom": 8})


@pytest.fixture
def drawn(tmp_path: Path) -> Iterator[Harness]:
    """With a short simulated recording to try zones on."""
    recording = tmp_path / "short.nmea"
    whole = b"".join(chunk.data for chunk in simulate(read_scenario("dark"), 3))
    recording.write_bytes(b"".join(whole.splitlines(keepends=True)[:LINES_TRIED]))
    harness = console_of([str(recording)], tmp_path)
    yield harness
    assert harness.editor is not None
    harness.editor.bench.close()  # type: ignore[attr-defined]
    harness.stop()


def spot(browser: Browser, place: list[float]) -> dict[str, float]:
    """Where a place is on the screen."""
    box = f"const b = {CANVAS}.getBoundingClientRect(), p = map.project({place})"
    return dict(browser("evaluate", js=f"dogwatch.chart.then(({{map}}) => {{ {box}; return {{x: b.x + p.x, y: b.y + p.y}}; }})"))


def drag(browser: Browser, start: list[float], end: list[float]) -> None:
    browser("drag", start=spot(browser, start), end=spot(browser, end))


def outline(browser: Browser) -> list[list[float]]:
    """Vertices of the newest zone."""
    found: list[Any] = browser("evaluate", js=PATHS)
    return found[0][:-1] if isinstance(found[0][0], list) else found


def near(places: list[list[float]], wanted: list[list[float]]) -> bool:
    return len(places) == len(wanted) and all(abs(a - b) < 0.01 for one, other in zip(places, wanted, strict=True) for a, b in zip(one, other, strict=True))


@in_browser[0]
@in_browser[1]
def test_a_zone_is_drawn_mended_tried_proposed_activated_by_another_and_rolled_back(browser: Browser, drawn: Harness) -> None:
    browser("open", url=drawn.start() + "?view=zones", width=1400, height=900, script="localStorage.setItem('dogwatch.operator', 'Ana Lyst')")
    browser.until("window.dogwatch?.chart?.then((c) => c.ready.then(() => dogwatch.pen.current !== null))")
    browser("click", on="[data-test=draw-area]")
    for place in AREA:
        browser("point", **spot(browser, place))
    browser("point", **spot(browser, AREA[0]))  # the first again ends it
    browser.until("document.querySelector('[data-test=zone-0]')")
    assert near(outline(browser), AREA)
    browser.until("document.querySelector('[data-test=checked]')?.innerText.includes('No faults')")

    drag(browser, AREA[2], [174.2, -41.5])  # across the southern edge: the outline crosses itself
    fault = browser.until("document.querySelector('.faults li')?.innerText")
    assert "not valid" in fault
    browser.until("dogwatch.chart.then((c) => c.map.queryRenderedFeatures({layers: ['fault']}).length === 1)")
    browser.until("document.querySelectorAll('.vertices tr.faulty').length === 1")
    shoot(browser, "console-zones-fault")
    assert browser("evaluate", js="document.querySelector('[data-test=test]').disabled"), "what has faults is not tried"
    browser("click", on="[data-test=undo]")
    browser.until("document.querySelector('[data-test=checked]')?.innerText.includes('No faults')")
    assert near(outline(browser), AREA)

    browser("point", **spot(browser, [174.2, -41.25]))  # chosen again, by a click into it
    browser.until("document.querySelectorAll('.vertices tbody tr').length === 4")
    drag(browser, [174.2, -41.4], [174.2, -41.45])  # the middle of the southern edge becomes a vertex
    assert near(outline(browser), [AREA[0], [174.2, -41.45], *AREA[1:]])
    browser("press", key="Delete")
    assert near(outline(browser), AREA)
    browser("evaluate", js=f"{CANVAS}.focus()")
    browser("press", key="]")
    before = outline(browser)[0]
    browser("press", key="ArrowUp")
    assert outline(browser)[0][1] > before[1], "an arrow moves the chosen vertex"
    browser("fill", on=".vertices tbody tr:nth-child(3) input[aria-label^=Latitude]", text="-41.05")
    time.sleep(2 * PAUSE_S)  # meanwhile the server says what it thinks of the vertex that was moved: the figure stays
    browser("press", key="Tab")
    browser.until(f"({PATHS})[0][2][1] === -41.05")
    browser("fill", on="input[name=zone-name]", text="<img src=x onerror=hit()>")
    browser("press", key="Tab")
    browser.until("document.querySelector('[data-test=zone-0]').innerText.includes('<img')")
    browser.until("document.querySelector('[data-test=checked]')?.innerText.includes('No faults')")

    browser("click", on="[data-test=test]")
    browser.until("document.querySelector('[data-test=counts]')", seconds=120)
    browser("fill", on="form.reason:has([data-test=propose]) input", text="an exercise for the test")
    browser("click", on="[data-test=propose]")
    browser.until(f"({SAID}).includes('Proposed as version 1')")
    decide(browser, "activate-1", "mine")
    browser.until(f"({SAID}).includes('never activates')")
    say(browser, "Ben Super", "supervisor")
    decide(browser, "activate-1", "looked at on the chart")
    browser.until("document.querySelector('[data-test=version-1]').innerText.includes('in force')")
    shoot(browser, "console-zones")
    assert drawn.editor is not None
    assert json.loads(drawn.editor.versions["zones"].active_text() or "")["features"][0]["properties"]["name"] == "<img src=x onerror=hit()>"
    decide(browser, "activate-0", "back again")
    browser.until("document.querySelector('[data-test=version-0]').innerText.includes('in force')")
    report = browser("report")
    assert [one.split()[0] for one in report["failed"]] == ["403"], "the refusal of the same hand"
    assert report["foreign"] == report["csp"] == []
    assert browser("evaluate", js="window.hit === undefined && !document.querySelector('.zone-list img')")
    browser("close")


@in_browser[0]
@in_browser[1]
def test_a_line_and_a_circle_are_drawn_by_keys_alone(browser: Browser, tmp_path: Path) -> None:
    harness = console_of([], tmp_path)
    browser("open", url=harness.start() + "?view=zones", width=1400, height=900)
    browser.until("window.dogwatch?.chart?.then((c) => c.ready.then(() => dogwatch.pen.current !== null))")
    browser("evaluate", js="document.querySelector('[data-test=draw-line]').focus()")
    browser("press", key="Enter")
    browser.until(f"document.activeElement === {CANVAS}")
    for _ in range(3):
        browser("press", key="Enter")
        at = browser("evaluate", js="dogwatch.chart.then((c) => c.map.getCenter().lng)")
        browser("press", key="ArrowRight")
        browser.until(f"dogwatch.chart.then((c) => !c.map.isMoving() && c.map.getCenter().lng > {at})")
    browser("press", key="Backspace")
    browser("press", key="f")
    browser.until("document.querySelector('[data-test=zone-0]')")
    line = outline(browser)
    assert len(line) == 2
    assert line[0][0] < line[1][0]
    assert line[0][1] == pytest.approx(line[1][1], abs=1e-4)
    browser("evaluate", js="document.querySelector('[data-test=draw-circle]').focus()")
    browser("press", key="Enter")
    browser("press", key="Enter")
    browser.until("document.querySelector('[data-test=zone-1]') && document.querySelector('[data-test=checked]')?.innerText.includes('No faults')")
    assert browser("evaluate", js="dogwatch.pen.current.get()[1].geometry.type") == "Point"
    clean(browser)
    browser("close")
    harness.stop()


@pytest.mark.parametrize(
    ("coordinates", "place"),
    [
        ([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]], [0.5, 0.5]),
        ([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0]], None),
        ([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.5, 0.25]], [0.5, 0.25]),
        ([[-170.0, 0.0], [170.0, 1.0], [170.0, 0.0], [-170.0, 0.0]], [-170.0, 0.0]),
        ([[0.0, 0.0], [1.0, 91.0], [1.0, 0.0], [0.0, 0.0]], None),
    ],
    ids=["crosses itself", "too short", "open", "around the world", "off the earth"],
)
def test_a_fault_of_a_line_says_where_it_is(tmp_path: Path, coordinates: list[list[float]], place: list[float] | None) -> None:
    feature = {"type": "Feature", "properties": {"id": "a", "kind": "area"}, "geometry": {"type": "Polygon", "coordinates": [coordinates]}}
    found = Workbench(Config(), tmp_path).check("zones", json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert not found["ok"]
    assert [None if one["place"] is None else list(one["place"]) for one in found["faults"]] == [place]
    assert found["kinds"]["corridor"] == ["cable", "pipeline", "lane"]
