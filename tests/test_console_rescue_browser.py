"""A call on the page: who can be there first, where it drifts, and the rescue areas, in headless Chromium."""

from __future__ import annotations

import numpy as np
import pytest

from console.app import create_app
from console.server import Server
from tests.console_harness import CENTRE, HOSTILE, Harness, alert, distress
from tests.console_page import READY, Browser, clean, in_browser, shoot

pytestmark = in_browser
EAST_IS_LAND = CENTRE[1] + 0.3
DRAWN = "dogwatch.sea.map.getSource('aid').serialize().data.features"
KINDS = f"{DRAWN}.map((f) => f.properties.kind)"


@pytest.fixture
def coasted(served: Harness) -> Harness:
    """The console over a sea whose east is land."""
    served.app = create_app(
        served.board, served.picture, served.decisions, info={"desk": "Test desk", "hosts": ["*"]}, on_land=lambda lat, lon: np.asarray(lon) > EAST_IS_LAND
    )
    served.server = Server(served.app)
    return served


def test_who_can_be_there_first_is_a_list_and_lines_and_the_drift_is_what_a_person_entered(browser: Browser, coasted: Harness) -> None:
    coasted.board.publish(distress())
    browser("open", url=coasted.start(), script="localStorage.setItem('dogwatch.operator', 'Ana Watch')", width=1600, height=900)
    browser.until(READY)
    browser("press", key="j")
    rows = "[...document.querySelectorAll('[data-test=helpers] tbody tr')]"
    browser.until(f"{rows}.length === 20")
    told = browser("evaluate", js="dogwatch.state.aid.found.vessels")
    etas = [one["eta_min"] for one in told]
    assert etas == sorted(etas)
    over = sum(one["land_in_the_way"] for one in told)
    assert 0 < over < 20, "some of them lie behind the land"
    assert browser("evaluate", js="document.querySelectorAll('[data-test=helpers] [data-test=land]').length") == over
    kinds = browser.until(f"{KINDS}.length === 20 && {KINDS}")
    assert (kinds.count("over-land"), kinds.count("way")) == (over, 20 - over)
    words = browser("evaluate", js="dogwatch.sea.aid.words.map((one) => one.text)")
    assert [text.split(".")[0] for text in words] == [str(n) for n in range(1, 21)]
    assert sum("land in the way" in text for text in words) == over

    browser("click", on="[data-test=drift-open]")
    asked = "[...document.querySelectorAll('dialog.drift input')].map((i) => [i.name, i.value])"
    assert browser.until(f"{asked}.length && {asked}") == [
        ["hours", ""], ["error_m", "500"], ["wind_ms", ""], ["wind_from", ""], ["current_ms", ""], ["current_to", ""],
    ], "neither wind nor current is guessed"  # fmt: skip
    browser("fill", on="dialog.drift [name=hours]", text="6")
    browser("fill", on="dialog.drift [name=wind_ms]", text="5")
    browser("click", on="[data-test=drift-now]")
    assert "Enter wind and current" in browser.until("document.querySelector('[data-test=drift-fault]').innerText")
    shoot(browser, "console-drift-form")
    browser("click", on="[data-test=drift-bound]")
    assert "whatever the wind" in browser.until("document.querySelector('[data-test=drift]')?.innerText")
    assert browser.until(f"{KINDS}.includes('area') && {KINDS}").count("area") == 1
    browser("click", on="[data-test=drift-open]")
    for name, value in (("wind_ms", "5"), ("wind_from", "270"), ("current_ms", "0.2"), ("current_to", "90")):
        browser("fill", on=f"dialog.drift [name={name}]", text=value)
    browser("click", on="[data-test=drift-now]")
    text = browser.until(
        "document.querySelector('[data-test=drift]')?.innerText.includes('Ana Watch') && document.querySelector('[data-test=drift]').innerText"
    )
    assert "wind 5 m/s from 270°, current 0.2 m/s toward 090°, entered by Ana Watch" in text
    assert "SAROPS" in text
    kinds = browser.until(f"{KINDS}.includes('drift-track') && {KINDS}")
    assert (kinds.count("area"), kinds.count("particles"), kinds.count("drift-track")) == (3, 1, 1)
    for palette in ("day", "dusk", "night"):
        browser.until(f"document.documentElement.dataset.palette === '{palette}'")
        browser("evaluate", js="new Promise((done) => setTimeout(done, 600))")
        shoot(browser, f"console-distress-{palette}")
        browser("press", key="t")
    browser("press", key="Escape")
    browser.until(f"{DRAWN}.length === 0")
    clean(browser)
    browser("close")


def test_in_a_distress_no_text_crosses_another_and_its_banner_leaves_the_map_free(browser: Browser, served: Harness) -> None:
    served.board.publish(distress())
    for n in range(30):  # of vessels about the call
        served.board.publish(alert(n + 20, mmsi=198_100_000 + n, lat=CENTRE[0] + 0.15, lon=CENTRE[1] + 0.2))
    browser("open", url=served.start(), script="localStorage.setItem('dogwatch.operator', 'Ana Watch')")
    browser.until(READY)
    browser("press", key="j")
    names = "[...document.querySelectorAll('.names span')].map((n) => ({text: n.innerText, look: n.className, ...n.getBoundingClientRect().toJSON()}))"
    browser.until(f"dogwatch.sea.aid.words.length === 20 && {names}.some((n) => n.look === 'coming')")
    whole = "((map) => (n) => map.left <= n.left && n.right <= map.right)(dogwatch.sea.map.getCanvas().getBoundingClientRect())"
    browser.until(f"{names}.every({whole})")  # no name is cut by the edge of the map, as soon as it has made room for the panel
    drawn = browser("evaluate", js=names)
    assert drawn[0]["text"] == "970010001", "the casualty first"
    assert sum(one["look"] == "coming" for one in drawn) >= 5
    crossing = [
        (one["text"], other["text"])
        for i, one in enumerate(drawn)
        for other in drawn[:i]
        if one["left"] < other["right"] and other["left"] < one["right"] and one["top"] < other["bottom"] and other["top"] < one["bottom"]
    ]
    assert crossing == []
    canvas = browser("evaluate", js="dogwatch.sea.map.getCanvas().getBoundingClientRect().toJSON()")
    alerted = "[...dogwatch.state.alerts.values()].map((a) => dogwatch.vessels.slotOfMmsi(a.mmsi[0]))"
    at = "dogwatch.sea.map.project([dogwatch.vessels.lon[s], dogwatch.vessels.lat[s]])"
    symbols = browser("evaluate", js=f"{alerted}.filter((s) => s >= 0).map((s) => {at})")
    assert len(symbols) > 10
    covered = [
        (one["text"], at)
        for one in drawn
        for at in symbols
        if one["left"] - 8 < at["x"] + canvas["left"] < one["right"] + 8 and one["top"] - 8 < at["y"] + canvas["top"] < one["bottom"] + 8
    ]
    assert covered == [], "nor covers a name the symbol of an alert"
    last = max(i for i, one in enumerate(drawn) if one["look"] == "coming")
    assert all(one["look"] == "coming" for one in drawn[1 : last + 1]), "who can come before who has another alert"
    banner = "[...document.querySelectorAll('.distress :is(strong, .grow > div)')].map((one) => one.getClientRects().length ? one.offsetHeight : 0)"
    assert all(0 < height < 30 for height in browser("evaluate", js=banner)), "one line each"
    assert browser("evaluate", js="document.querySelector('.distress').offsetHeight") < 80
    said = browser("evaluate", js="document.querySelector('.distress').innerText")
    assert "970010001" in said, "who calls stands beside where"
    wide, room = browser("evaluate", js="(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth])(document.querySelector('.distress .grow > div'))")
    assert wide <= room, "and is whole"
    shoot(browser, "console-distress-small")
    clean(browser)
    browser("close")


def test_a_rescue_area_is_begun_and_ended_by_a_named_person(browser: Browser, served: Harness) -> None:
    browser("open", url=served.start(), script="localStorage.setItem('dogwatch.operator', 'Ana Watch')")
    browser.until(READY)
    assert browser("evaluate", js="document.querySelector('[data-test=areas]') === null"), "no way to the detectors yet"
    served.board.health({"rescues": {"pattern-1": "pattern"}, "rescue_places": {"pattern-1": (CENTRE[0], CENTRE[1], 9260.0)}})
    assert browser.until("document.querySelector('[data-test=areas]')?.innerText") == "rescues: 1"
    browser("click", on="[data-test=areas]")
    text = browser.until("document.querySelector('[data-test=area]')?.innerText")
    assert "Opened by ships that turned to one place" in text
    assert "5 nm round it" in text
    browser("click", on="[data-test=area-new]")
    browser("fill", on=".begin [name=lat]", text="-41.25")
    browser("fill", on=".begin [name=lon]", text="174.75")
    browser("fill", on=".begin [name=reason]", text=f"told by radio {HOSTILE}")
    browser("click", on="[data-test=area-begin]")
    browser.until("document.querySelector('[data-test=area-begun]')")
    shoot(browser, "console-rescue-areas")
    begun = list(served.board.rescues_begun().values())
    assert [(one.lat, one.lon, one.by, one.role) for one in begun] == [(-41.25, 174.75, "Ana Watch", "watchstander")]
    browser("click", on="[data-test=area] summary")
    browser("fill", on="[data-test=area] [name=reason]", text="both have left")
    browser("click", on="[data-test=area-end]")
    assert "Ended by Ana Watch (watchstander)" in browser.until("document.querySelector('[data-test=area-ended]')?.innerText")
    assert [(row["action"], row["user"], row["reason"]) for row in served.decisions.log()] == [
        ("begin_rescue", "Ana Watch", f"told by radio {HOSTILE}"),
        ("end_rescue", "Ana Watch", "both have left"),
    ]
    assert browser("evaluate", js="window.hit === undefined")
    clean(browser)
    browser("close")
