"""Letters as keys: remapped, switched off, kept in the browser; and a shelf that ends when a person says."""

from __future__ import annotations

from tests.console_harness import Harness, alert
from tests.console_page import ROWS, Browser, clean, in_browser

pytestmark = in_browser

LIST = "HTMLCanvasElement.prototype.getContext = () => null;"  # the map is not in question
SELECTED = "dogwatch.state.selected"


def press_into(browser: Browser, letter: str, key: str) -> str:
    """Give an action another key in the open list of keys; what the page says against it."""
    browser("fill", on=f"input[name='key-{letter}']", text=key)
    browser("press", key="Tab")
    return browser("evaluate", js="document.querySelector('[data-test=keys-fault]').innerText")


def test_letters_are_remapped_switched_off_and_kept(browser: Browser, served: Harness) -> None:
    url = served.start()
    served.board.publish(alert(1))
    served.board.publish(alert(2))
    browser("open", url=url, script=LIST)
    browser.until(f"{ROWS}.length === 2")
    browser("press", key="?")
    browser.until("document.querySelector('dialog .keys')")
    assert press_into(browser, "j", "q") == ""
    assert press_into(browser, "k", "q") == "Q is taken: next alert."
    assert press_into(browser, "k", "3") == "One letter or sign, no digit."
    browser("press", key="Escape")
    browser.until("!document.querySelector('dialog')")
    browser("press", key="j")
    assert browser("evaluate", js=SELECTED) == "", "J means nothing now"
    browser("press", key="q")
    browser.until(f"{SELECTED} === {ROWS}[0]")

    browser("open", "b", url=url, script=LIST, beside="a")  # as after a reload
    browser.until(f"{ROWS}.length === 2", "b")
    assert "Q" in browser("evaluate", "b", js="[...document.querySelectorAll('.evidence kbd')].map((k) => k.innerText)")
    browser("press", "b", key="?")
    browser.until("document.querySelector('[name=keys-on]')", "b")
    browser("click", "b", on="[name=keys-on]")
    browser("press", "b", key="Escape")
    for key in ("q", "j", "?", "/"):
        browser("press", "b", key=key)
    browser.until("!document.querySelector('dialog') && !document.querySelector('.evidence kbd')", "b")
    assert browser("evaluate", "b", js=SELECTED) == ""
    browser("click", "b", on="header button[aria-label^='Keys']")
    browser.until("document.querySelector('[data-test=keys-back]')", "b")
    browser("click", "b", on="[data-test=keys-back]")
    browser("press", "b", key="Escape")
    browser("press", "b", key="j")
    browser.until(f"{SELECTED} === {ROWS}[0]", "b")
    clean(browser, "b")
    browser("close")


def test_a_shelf_ends_when_a_person_says(browser: Browser, served: Harness) -> None:
    served.board.publish(alert(1))
    browser("open", url=served.start(), script=LIST + "localStorage.setItem('dogwatch.operator', 'Sol'); localStorage.setItem('dogwatch.role', 'supervisor');")
    browser.until(f"{ROWS}.length === 1 && dogwatch.vessels.count === 300")
    browser("press", key="j")
    browser("press", key="s")
    browser.until("document.querySelector('dialog [name=until]')")
    browser("fill", on="dialog [name=until]", text="2026-01-02T06:30")
    browser("click", on="[data-test=order-now]")
    shelf = browser.until(f"dogwatch.state.alerts.get('{1:032x}').shelf")
    assert (shelf["until"], shelf["reason"], shelf["by"]) == ("2026-01-02T06:30:00.000Z", "until 2026-01-02 06:30Z", "Sol")
    clean(browser)
    browser("close")
