"""The hand-over on two pages, in headless Chromium."""

from __future__ import annotations

import json

import pytest

from console import watch
from tests.console_harness import Harness, alert
from tests.console_page import READY, Browser, clean, in_browser, shoot

pytestmark = in_browser

BUTTON = "document.querySelector('[data-test=watch]').innerText"
DIALOG = "document.querySelector('dialog.watch')?.innerText"


def step(browser: Browser, name: str, which: str) -> None:
    browser.until(f"document.querySelector('[data-test=watch-{which}]:not([disabled])')", name)
    browser("click", name, on=f"[data-test=watch-{which}]")


def test_the_watch_goes_from_one_page_to_another_when_the_relief_accepts(browser: Browser, served: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LATE_MS", 0)
    served.board.publish(alert(1))
    url = served.start()
    for name, who in (("a", "Ana"), ("b", "Ben")):
        browser("open", name, url=url, script=f"localStorage.setItem('dogwatch.operator', '{who}')")
        browser.until(READY, name)
        browser.until(f"{BUTTON}.startsWith('Nobody has the watch') && dogwatch.state.link.alerts && dogwatch.state.link.vessels", name)
    browser("press", "a", key="h")
    step(browser, "a", "take")
    browser.until(f"{DIALOG}?.includes('Ana, watchstander, has the watch')", "a")
    edge = "document.querySelector('dialog.watch {0}').getBoundingClientRect().{1}"
    fold = f"{edge.format('.row.end', 'top')} - {edge.format('textarea', 'bottom')}"
    browser.until("document.querySelector('dialog.watch [data-test=load]')", "a")
    assert browser("evaluate", "a", js=f"innerHeight === 720 && {fold} > 0"), "the words are in view without a scroll"
    browser("fill", "a", on="dialog.watch textarea", text="fog in the north <b>bold</b>")
    drawn = browser("evaluate", "a", js="document.querySelector('header').innerText")
    browser.until(f"document.querySelector('header').innerText !== {json.dumps(drawn)}", "a")  # what is typed outlives a second
    step(browser, "a", "offer")
    browser.until(f"{BUTTON}.startsWith('On watch: Ana, hands over')", "b")
    assert "Ana still has the watch" in browser.until("document.querySelector('[data-test=watch-late]')?.innerText", "b")
    browser("press", "b", key="h")
    text = browser.until(f"{DIALOG}?.includes('Accept') && {DIALOG}?.includes('EEMUA 191') && {DIALOG}", "b")
    for words in ("EXERCISE", "fog in the north <b>bold</b>", "Open: 1", "Loitering 62 min", "until it is accepted Ana answers for it", "Outages: 0"):
        assert words in text, words
    desks = browser.until("document.querySelector('[data-test=desks]')?.innerText", "b")
    assert all(words in desks for words in ("Ana", "escalated", "owns", "EEMUA 191")), "each desk beside the lines"
    assert browser("evaluate", "b", js="document.querySelector('[data-test=waiting]').innerText").startswith("Waiting for an acknowledgement: 1, for ")
    shoot(browser, "console-watch", "b")
    step(browser, "b", "accept")
    browser.until(f"{DIALOG}?.includes('Ben, watchstander, has the watch')", "b")
    browser.until(f"{BUTTON}.startsWith('On watch: Ben') && !document.querySelector('[data-test=watch-late]')", "a")
    assert [row["action"] for row in served.decisions.log()] == ["watch take", "watch offer", "watch accept"]
    for name in "ab":
        clean(browser, name)
        browser("close", name)
