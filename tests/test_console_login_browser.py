"""Logging in and out of the console, in headless Chromium."""

from __future__ import annotations

import time

import pytest

from console import passwords
from tests.console_harness import Harness, alert
from tests.console_page import READY, Browser, in_browser, shoot

pytestmark = in_browser

WORDS = "four calm seals asleep"
FORM = "document.querySelector('form.login')"


def arrive(browser: Browser, js: str, seconds: float = 30.0, name: str = "a") -> None:
    """Until an expression is true on the page that is being loaded anew; asking one that is just going away fails, and means nothing."""
    end = time.monotonic() + seconds
    while True:
        try:
            browser.until(js, name, seconds=seconds)
            return
        except AssertionError as fault:
            if "context was destroyed" not in str(fault) or time.monotonic() > end:
                raise


def log_in(browser: Browser, password: str, name: str = "a", user: str = "ana") -> None:
    browser.until(FORM, name)
    browser("fill", name, on="form.login [name=name]", text=user)
    browser("fill", name, on="form.login [name=password]", text=password)
    browser("press", name, key="Enter")


def test_a_person_logs_in_decides_under_their_name_and_logs_out(browser: Browser, served: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "LOG_N", 4)
    users = served.app.state.users
    users.add("Ana", "watchstander", WORDS, by="root")
    served.board.publish(alert(1))
    url = served.start() + f"#alert={1:032x}"
    browser("open", url=url, script="localStorage.setItem('dogwatch.operator', 'Eve'); localStorage.setItem('dogwatch.role', 'supervisor')")
    text = browser.until(f"{FORM} && document.body.innerText")
    assert "EXERCISE" in text, "also before anybody is in"
    assert "Loitering" not in text
    shoot(browser, "console-login")
    log_in(browser, "not the words at all")
    browser.until(f"{FORM}.innerText.includes('Not logged in: name and password do not fit')")
    log_in(browser, WORDS)
    arrive(browser, READY)
    browser.until(f"dogwatch.state.alerts.has('{1:032x}') && dogwatch.state.link.alerts && dogwatch.state.link.vessels")
    assert browser("evaluate", js="document.querySelector('[data-test=who]').innerText") == "Ana, watchstander"
    assert browser("evaluate", js="document.cookie") == "", "no script can read the session"
    browser("press", key="n")
    assert "Recorded as Ana, watchstander" in browser.until("document.querySelector('dialog')?.innerText")
    browser("fill", on="dialog input[name=reason]", text="called on 16")
    browser("press", key="Enter")
    browser.until(f"!document.querySelector('dialog') && dogwatch.state.alerts.get('{1:032x}').op_revision === 1")
    browser("press", key="a")
    browser.until(f"dogwatch.state.alerts.get('{1:032x}').ack?.by === 'Ana'")
    assert [(row["action"], row["user"], row["role"]) for row in served.decisions.log()][1:] == [
        (action, "Ana", "watchstander") for action in ("log-in", "note", "ack")
    ]
    browser("click", on="[data-test=who]")
    browser("click", on="[data-test=log-out]")
    arrive(browser, FORM)
    log_in(browser, WORDS)
    arrive(browser, READY)
    users.remove("Ana", by="root")  # as another process does it
    arrive(browser, FORM)
    report = browser("report")
    assert not report["foreign"]
    assert not report["csp"]
    assert all("401" in one or "403" in one for one in report["errors"]), report["errors"]  # the browser's own words about what was refused
    browser("close")
