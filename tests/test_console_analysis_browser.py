"""The analyst's page in headless Chromium."""

from __future__ import annotations

from tests.console_harness import HOSTILE, T0, Harness, alert
from tests.console_page import Browser, clean, in_browser, shoot

pytestmark = in_browser


def test_an_analyst_sees_what_came_up_and_text_from_the_air_stays_text(browser: Browser, served: Harness) -> None:
    for number in (1, 2, 3):
        served.board.publish(alert(number))
    served.board.health({"sources": {HOSTILE: "up"}})
    served.board.expire(T0)
    browser("open", url=served.start() + "?view=analysis")
    browser.until("document.querySelector('[data-test=total]')?.innerText.startsWith('3 alerts')")
    assert "loitering" in browser("evaluate", js="document.querySelector('[data-test=rules]').innerText")
    assert HOSTILE in browser("evaluate", js="document.body.innerText")
    assert browser("evaluate", js="window.hit === undefined")
    shoot(browser, "console-analysis")
    clean(browser)
    browser("close")
