"""Each state of the page is designed: it says what is, and what to do; none is blank. In headless Chromium.

A lost server, a lost graphics context and a missing map or library have their tests in tests/test_console_browser.py.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest

from console import app
from runners.broker_watch import BrokerWatch
from tests.console_harness import Harness, alert, busy_board, distress
from tests.console_page import READY, Browser, clean, in_browser, shoot

STALLED = """const ask = window.fetch; window.gate = new Promise((open) => { window.openGate = open; });
    window.fetch = async (url, ...rest) => { if (String(url).includes('api/v1/alerts?')) await window.gate; return ask(url, ...rest); };"""
EMPTY = "(document.querySelector('.queue .empty')?.innerText ?? '')"
pytestmark = in_browser


def test_before_the_alerts_are_read_nothing_is_said_about_them(browser: Browser, served: Harness) -> None:
    browser("open", url=served.start(), script=STALLED)
    assert "Reading the alerts" in browser.until(f"{EMPTY}.includes('Reading') && {EMPTY}")
    assert "No open alerts" not in browser("evaluate", js="document.body.innerText")
    shoot(browser, "state-loading")
    browser.until(f"{EMPTY}.includes('slow to answer')")
    browser("evaluate", js="void openGate()")
    browser.until(f"{EMPTY}.includes('No open alerts')")
    browser.until("!document.querySelector('.card.drawing')")
    clean(browser)
    browser("close")


def test_an_empty_sea_says_what_it_listens_to_and_what_may_be_wrong(browser: Browser) -> None:
    quiet = Harness(vessels=0)
    browser("open", url=quiet.start())
    text = browser.until("document.querySelector('.listening')?.innerText")
    assert "Listening on UDP 10110" in text
    assert "dogwatch doctor" in text
    browser.until(f"{EMPTY}.includes('6 rules active, no position yet')")
    shoot(browser, "state-empty")
    clean(browser)
    browser("close")
    quiet.stop()


def test_a_feed_that_fell_silent_is_no_calm_sea(browser: Browser, served: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = app._Room.health
    silent = {"silent_s": 45.0, "messages": 9, "sources": {"hill": "silent", "pier": "up"}}
    monkeypatch.setattr(app._Room, "health", lambda room: {**counted(room), **silent})
    browser("open", url=served.start())
    browser.until(READY, seconds=60)
    text = browser.until("[...document.querySelectorAll('.bar.stale')].map((b) => b.innerText).find((t) => t.includes('No messages for 45 s'))")
    assert "Silent: hill" in text
    assert browser("evaluate", js="document.querySelector('header .link').innerText") == "silent"
    shoot(browser, "state-stale")
    browser("close")


def test_a_broker_that_is_down_is_named_with_the_remedy(browser: Browser, served: Harness) -> None:
    served.board.health({"broker": {"address": "broker.example:9092", "down_s": 42.0}})
    served.board.publish(alert(1))
    browser("open", url=served.start(), script="localStorage.setItem('dogwatch.operator', 'Ana Watch')")
    browser.until(READY, seconds=60)
    text = browser.until("document.querySelector('[data-test=broker-down]')?.innerText")
    for words in ("broker.example:9092", "42 s", "distress neither", "dogwatch doctor"):
        assert words in text, words
    shoot(browser, "state-broker-down")
    browser("press", key="j")
    browser("press", key="a")
    browser.until(f"dogwatch.state.alerts.get('{1:032x}').ack?.by === 'Ana Watch'")
    served.board.health({"broker": {"address": "broker.example:9092", "down_s": 0}})
    browser.until("!document.querySelector('[data-test=broker-down]')")
    clean(browser)
    browser("close")


def test_on_a_small_screen_nothing_is_cut_off_and_distress_stays_in_view(browser: Browser, served: Harness) -> None:
    busy_board(served.board)
    served.board.publish(distress())
    browser("open", url=served.start(), width=360, height=740, script="localStorage.setItem('dogwatch.operator', 'Ana Watch')")
    browser.until(READY, seconds=60)
    browser("press", key="j")
    browser.until("document.querySelector('.evidence .facts')")
    shoot(browser, "state-small")
    assert browser("evaluate", js="document.documentElement.scrollWidth") <= 360
    for edge in ("0", "document.documentElement.scrollHeight"):
        browser("evaluate", js=f"void scrollTo(0, {edge})")
        box = browser("evaluate", js="(({ top, bottom }) => [top, bottom])(document.querySelector('.distress').getBoundingClientRect())")
        assert 0 <= box[0] < box[1] <= 740
    browser("click", on=".distress button.primary")
    browser.until("[...dogwatch.state.alerts.values()].some((a) => a.level === 'emergency' && a.ack)")
    order = "['.queue', '.evidence', '.sea'].map((c) => document.querySelector(c).getBoundingClientRect().top)"
    tops = browser("evaluate", js=order)
    assert tops == sorted(tops), "what an alert says stands below the queue, not below the map"
    browser("close")


def test_a_person_chooses_local_time_and_units_and_the_browser_keeps_them(browser: Browser, served: Harness) -> None:
    served.board.publish(alert(1))
    url = served.start()
    browser("open", url=url, timezone="Pacific/Chatham")
    browser.until(READY, seconds=60)
    wall = "document.querySelector('[data-test=wall]').innerText"
    browser.until(f"{wall}.endsWith('Z')")
    assert "local" in browser("evaluate", js="document.querySelector('[data-test=wall]').previousElementSibling.innerText"), "both are in view"
    browser("press", key="?")
    for name, value in (("time", "local"), ("speed", "kmh"), ("distance", "km")):
        browser.until(f"document.querySelector('[name=unit-{name}]')")
        browser(
            "evaluate",
            js=f"(s => {{ s.value = '{value}'; s.dispatchEvent(new Event('change', {{bubbles: true}})); }})(document.querySelector('[name=unit-{name}]'))",
        )
    shoot(browser, "display")
    browser("press", key="Escape")
    browser.until(f"!document.querySelector('dialog') && {wall}.endsWith('+13:45')")
    browser("press", key="j")
    told = "(document.querySelector('.evidence .facts')?.innerText ?? '')"
    text = browser.until(f"{told}.includes('+13:45') && {told}")
    assert "2026-01-01 12:42+13:45" in text, "the alert of 23:59 the day before, less an hour and two minutes, begins at noon there"
    shown = browser(
        "evaluate", js="import(new URL('static/text.mjs', document.baseURI)).then((t) => [t.speed(10), t.distance(10), t.clock(0), t.clock(0, 'utc')])"
    )
    assert shown == ["18.5 km/h", "18.5 km", "12:45:00+12:45", "00:00:00Z"], "the zone of then"
    assert browser("evaluate", js="JSON.parse(localStorage.getItem('dogwatch.units'))") == {"time": "local", "distance": "km", "speed": "kmh"}
    clean(browser)
    browser("close")


def test_a_broker_is_down_when_nothing_listens_and_up_again_when_something_does() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        watch = BrokerWatch(f"127.0.0.1:{port}", every_s=0.05)
        time.sleep(0.3)
        assert watch.told() == {"address": f"127.0.0.1:{port}", "down_s": 0}
    until(lambda: watch.told()["down_s"] > 0)
    with socket.create_server(("127.0.0.1", port)):
        until(lambda: watch.told()["down_s"] == 0)
    watch.close()


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "never became true"
        time.sleep(0.05)
