"""Two monitors, going to a position, range and bearing: in headless Chromium."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from dogwatch.geo import NM_M, great_circle_m
from tests.console_harness import Harness, alert, gone_dark
from tests.console_page import READY, ROWS, Browser, clean, in_browser, shoot

pytestmark = in_browser
BOARD = "window.dogwatch?.state.map === 'ready'"


def test_queue_and_map_on_two_monitors_follow_each_other(browser: Browser, served: Harness) -> None:
    gone_dark(served)
    served.board.publish(alert(2, mmsi=198_100_008, level="alarm"))
    url = served.start()
    browser("open", url=url + "?view=queue", width=1100, height=800, script="localStorage.setItem('dogwatch.operator', 'Ana')")
    browser.until(f"{ROWS}.length === 2")
    assert browser("evaluate", js="document.querySelector('.map')") is None, "no map is drawn where none is seen"
    browser("open", "b", url=url + "?view=map", beside="a")
    browser.until(f"{BOARD} && dogwatch.vessels.count === 300", "b", seconds=90)
    assert browser("evaluate", "b", js="document.querySelector('.queue, .evidence')") is None
    assert browser(
        "evaluate", "b", js="((b) => b.width === innerWidth && b.height > innerHeight - 100)(document.querySelector('.sea').getBoundingClientRect())"
    )
    browser("press", key="j")
    browser.until("document.querySelector('.evidence .facts')")
    opened = browser.until("(document.querySelector('.evidence[data-alert]') ?? {}).dataset?.alert")
    browser.until(f"dogwatch.state.selected === '{opened}'", "b")
    shoot(browser, "console-screen-queue")
    shoot(browser, "console-screen-map", "b")
    browser("press", "b", key="j")
    browser.until(f"document.querySelector('.evidence[data-alert]').dataset.alert !== '{opened}'")
    browser("press", key="r")
    browser.until("dogwatch.state.replay?.evidence && dogwatch.state.replay.playing", "b")
    assert browser("evaluate", js="document.querySelector('.replay')") is None
    browser("press", key="a")
    browser.until("[...dogwatch.state.alerts.values()].some((one) => one.ack?.by === 'Ana')", "b")
    for name in ("a", "b"):
        clean(browser, name)
    browser("press", "b", key="?")
    browser("click", "b", on="[data-test=screens] a:last-child")
    browser.until(f"{BOARD} && document.querySelector('.queue') && document.querySelector('.evidence')", "b", seconds=90)
    browser("close")


READ = {
    "41 00.5 S 174 30.2 E": (-41.008333, 174.503333),
    "S41°00'30\" E174°30'12\"": (-41.008333, 174.503333),
    "-41.0083, 174.5033": (-41.0083, 174.5033),
    "−41.0083 174.5033": (-41.0083, 174.5033),
    "41,5N 3,25E": (41.5, 3.25),
    "174.5E 41S": (-41.0, 174.5),
    "54 10 N, 010 20.5 W": (54.166667, -10.341667),
}
SENSELESS = ("", "here", "91 N 3 E", "41 60 N 3 E", "41.5 30 N 3 E", "41 N 3 N", "41", "1 2 3", "41 N", "<img src=x>", "41 N 181 E")


def test_positions_are_read_as_people_write_them_and_the_map_goes_there(browser: Browser, served: Harness) -> None:
    browser("open", url=served.start())
    browser.until(READY, seconds=90)
    read = "import('./static/goto.mjs').then((m) => [{}].map(m.readPosition))"
    for text, (place, (lat, lon)) in zip(READ, READ.items(), strict=True):
        (found,) = browser("evaluate", js=read.format(json.dumps(text)))
        assert found is not None, place
        assert (found["lat"], found["lon"]) == pytest.approx((lat, lon), abs=1e-5), text
    assert browser("evaluate", js=read.format(", ".join(json.dumps(text) for text in SENSELESS))) == [None] * len(SENSELESS)
    browser("press", key="g")
    browser("fill", on="dialog input[name=position]", text="41 30 S 175 00 E")
    browser.until("document.querySelector('[data-test=read]').innerText.includes(\"41°30.00'S 175°00.00'E\")")
    browser("press", key="Enter")
    browser.until("((c) => Math.abs(c.lat + 41.5) < 0.01 && Math.abs(c.lng - 175) < 0.01)(dogwatch.sea.map.getCenter())")
    browser.until("dogwatch.sea.map.queryRenderedFeatures({ layers: ['ruler-end'] }).length === 1")
    browser("press", key="Escape")
    browser.until("!document.querySelector('[data-test=pin]')")
    clean(browser)
    browser("close")


def test_range_and_bearing_go_from_the_vessel_to_the_pointer_and_hold(browser: Browser, served: Harness) -> None:
    browser("open", url=served.start())
    browser.until(READY, seconds=90)
    measured = "import('./static/ruler.mjs').then((m) => m.rangeBearing({lat: %s, lon: %s}, {lat: %s, lon: %s}))"
    rng = np.random.default_rng(7)
    for lat, lon, lat2, lon2 in rng.uniform([-80, -180, -80, -180], [80, 180, 80, 180], (20, 4)).tolist():
        found = browser("evaluate", js=measured % (lat, lon, lat2, lon2))
        assert found["nm"] == pytest.approx(great_circle_m(lat, lon, lat2, lon2) / NM_M, rel=2e-3)
    for (lat, lon), deg in (((1, 0), 0), ((0, 1), 90), ((-1, 0), 180), ((0, -1), 270)):
        assert browser("evaluate", js=measured % (0, 0, lat, lon))["deg"] == pytest.approx(deg)
    across = browser("evaluate", js="import('./static/ruler.mjs').then((m) => m.along({lat: 10, lon: 179}, {lat: 10, lon: -179}))")
    assert max(abs(b[0] - a[0]) for a, b in itertools.pairwise(across)) < 1, "the line does not turn round the world"
    served.board.publish(alert(1, mmsi=198_100_005))
    browser.until(f"{ROWS}.length === 1")
    browser("press", key="j")
    browser.until("dogwatch.state.selected && dogwatch.vessels.statics.size === 300")
    browser("press", key="m")
    said = "(document.querySelector('[data-test=ruler]')?.innerText ?? '')"
    browser.until(f"{said}.includes('From TEST SHIP 5')")
    browser("point", x=620, y=500)  # moves there, then holds
    browser.until("dogwatch.state.ruler.fixed")
    first = browser("evaluate", js=said)
    assert "nm" in first
    assert "true, back" in first
    assert browser("evaluate", js="dogwatch.state.vessel") == 0, "a click while measuring chooses no vessel"
    browser.until("dogwatch.sea.map.queryRenderedFeatures({ layers: ['ruler-line'] }).length > 0")
    shoot(browser, "console-ruler")
    browser("press", key="m")
    browser.until("!document.querySelector('[data-test=ruler]')")
    browser("press", key="w")
    browser.until("document.querySelector('dialog input[name=of]')")
    browser("press", key="Escape")
    clean(browser)
    browser("close")
