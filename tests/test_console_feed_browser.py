"""One stream of events for all pages of a browser: the seventh page on one machine works like the first."""

from __future__ import annotations

from tests.console_harness import Harness, alert
from tests.console_page import ROWS, Browser, clean, in_browser

pytestmark = in_browser

LIST = "HTMLCanvasElement.prototype.getContext = () => null;"  # the map is not in question
PAGES = "abcdefgh"


def test_eight_pages_of_one_browser_share_one_stream(browser: Browser, served: Harness) -> None:
    url = served.start()
    served.board.publish(alert(1))
    for name in PAGES:
        browser("open", name, url=url, script=LIST, beside="" if name == "a" else "a")
    for name in PAGES:
        browser.until(f"{ROWS}.length === 1 && dogwatch.state.link.alerts", name)
    assert served.board.stream.clients == 1
    served.board.publish(alert(2))
    for name in PAGES:
        browser.until(f"{ROWS}.length === 2", name)

    served.board.publish(alert(2, revision=2, level="alarm"))
    browser("open", "late", url=url, script=LIST, beside="a")  # comes while the others follow
    browser.until(f"{ROWS}.length === 2 && dogwatch.state.alerts.get('{2:032x}').level === 'alarm'", "late")
    assert served.board.stream.clients == 1
    clean(browser, "h")
    browser("close")


def test_without_shared_workers_each_page_has_its_own(browser: Browser, served: Harness) -> None:
    url = served.start()
    served.board.publish(alert(1))
    for name in "ab":
        browser("open", name, url=url, script=f"delete window.SharedWorker; {LIST}", beside="" if name == "a" else "a")
    for name in "ab":
        browser.until(f"{ROWS}.length === 1 && dogwatch.state.link.alerts", name)
    assert served.board.stream.clients == 2
    served.board.publish(alert(2))
    browser.until(f"{ROWS}.length === 2", "b")
    browser("close")
