"""Search, dossier, filters and keys of the console, in headless Chromium."""

from __future__ import annotations

from tests.console_harness import HOSTILE, T0, Harness, alert, batch, distress, names
from tests.console_page import READY, ROWS, Browser, clean, in_browser, shoot

pytestmark = in_browser

PANEL = "(document.querySelector('.dossier')?.innerText ?? '')"


def test_a_vessel_is_found_by_name_its_dossier_opens_and_the_map_flies_there(browser: Browser, served: Harness) -> None:
    browser("open", url=served.start() + "?keep-pixels")
    browser.until(READY)
    served.board.publish(alert(1, mmsi=198_100_003, headline="Loitering 62 min"))
    said = names(served.fixes)[3:4]
    said["name"], said["t_ms"] = b"=RENAMED", T0 + 1000
    served.picture.update(batch(None, said))
    browser("press", key="/")
    browser("fill", on="dialog.search input", text="=renam")
    browser("press", key="Enter")
    text = browser.until(f"{PANEL}.includes('Last positions') && {PANEL}")
    for words in ("=RENAMED", "198100003", HOSTILE, "Loitering 62 min", "EXERCISE", "call sign TEST1", "<B>NOWHERE</B>"):
        assert words in text, words
    assert browser("evaluate", js="window.hit === undefined && !document.querySelector('.dossier img')")
    near = """(() => { const v = dogwatch.vessels, s = v.slotOfMmsi(198100003), c = dogwatch.sea.map.getCenter();
        return Math.hypot(c.lng - v.lon[s], c.lat - v.lat[s]) < 0.02; })()"""
    browser.until(near)
    assert "vessel=198100003" in browser("evaluate", js="location.hash")
    shoot(browser, "console-dossier")
    saved = browser(
        "evaluate",
        js="""Promise.all([...document.querySelectorAll('.dossier .export a')].map(async (a) => {
            const r = await fetch(a.href); return [r.status, (await r.text()).includes('RENAMED')]; }))""",
    )
    assert [status for status, _ in saved] == [200] * 6
    assert [told for _, told in saved[:4]] == [True] * 4, "GeoJSON, KML, CSV and GPX name the vessel; what CoT and GeoParquet hold is read in test_protected.py"
    browser("press", key="Escape")
    browser.until("!document.querySelector('.dossier') && !location.hash.includes('vessel=')")
    browser("press", key="j")
    browser("press", key="p")  # the dossier of the alert's vessel
    browser.until(f"{PANEL}.includes('198100003')")
    clean(browser)
    browser("close")


def test_a_search_lists_what_it_found_and_says_when_there_is_nothing(browser: Browser, served: Harness) -> None:
    browser("open", url=served.start())
    browser.until(READY)
    browser("press", key="/")
    browser("fill", on="dialog.search input", text="no such ship")
    browser.until("document.querySelector('dialog.search [role=status]').innerText.includes('no such vessel')")
    browser("fill", on="dialog.search input", text="test ship 1")
    browser.until("document.querySelectorAll('dialog.search li').length === 20")
    browser("press", key="ArrowDown")
    assert browser("evaluate", js="[...document.querySelectorAll('dialog.search li')].findIndex((li) => li.ariaSelected === 'true')") == 1
    browser("press", key="Escape")
    browser.until("!document.querySelector('dialog.search')")
    clean(browser)
    browser("close")


# What is sent lingers on its way, and so does the answer: the stream tells of a step before its sender has the answer, and keys come before both.
SLOW_WAY = """
    const real = window.fetch;
    const linger = (how) => (how?.method === 'POST' ? new Promise((done) => setTimeout(done, 500)) : undefined);
    window.fetch = async (what, how) => {
      await linger(how);
      const answer = await real(what, how);
      await linger(how);
      return answer;
    };
"""


def test_a_decision_takes_two_keys_and_is_undone_with_one(browser: Browser, served: Harness) -> None:
    served.board.publish(alert(1))
    served.board.publish(alert(2))
    browser("open", url=served.start(), script="localStorage.setItem('dogwatch.operator', 'Ana Watch');" + SLOW_WAY)
    browser.until(READY)
    browser.until("dogwatch.state.shown.length === 2")
    first = browser("evaluate", js="dogwatch.state.shown[0]")
    of_first = f"dogwatch.state.alerts.get('{first}')"
    for key in ("j", "d", "1"):
        browser("press", key=key)
    browser.until(f"{of_first}.disposition?.code === 'benign_known'")
    assert browser("evaluate", js=f"{of_first}.disposition.reason") == "known and harmless"
    browser("press", key="u")
    browser.until(f"!{of_first}.disposition && dogwatch.state.selected === '{first}'")
    for key in ("s", "2"):
        browser("press", key=key)
    browser.until(f"{of_first}.shelf?.reason === 'for 2 h'")
    browser("press", key="u")
    browser.until(f"!{of_first}.shelf && dogwatch.state.selected === '{first}'")
    browser("press", key="o")
    browser.until(f"{of_first}.owner?.name === 'Ana Watch'")
    browser("press", key="o")
    browser.until(f"!{of_first}.owner")
    browser("press", key="n")
    browser("fill", on="dialog input[name=reason]", text="called on 16")
    browser("press", key="Enter")
    browser.until("!document.querySelector('dialog')")
    browser("press", key="a")
    browser.until(f"{of_first}.ack?.by === 'Ana Watch'")
    browser("press", key="u")
    browser.until(f"!{of_first}.ack")
    actions = [row["action"] for row in served.decisions.log()]
    assert actions == ["dispose", "undo", "shelve", "undo", "own", "release", "note", "ack", "undo"]
    clean(browser)
    browser("close")


def test_a_filter_hides_and_says_so_but_never_hides_distress(browser: Browser, served: Harness) -> None:
    for one in (alert(1, level="alarm"), alert(2), alert(3, level="caution", headline="Name changed at sea"), distress()):
        served.board.publish(one)
    url = served.start()
    browser("open", url=url)
    browser.until(READY)
    browser.until("dogwatch.state.shown.length === 4")
    browser("press", key="f")
    browser("fill", on="[name=filter]", text="changed")
    browser.until(f"{ROWS}.join() === '{9:032x},{3:032x}'")
    assert browser("evaluate", js="document.querySelector('[data-test=filter-off]').innerText") == "2 hidden: show all"
    assert "filter-text=changed" in browser("evaluate", js="location.hash")
    shoot(browser, "console-filter")
    browser("press", key="Escape")
    browser.until("dogwatch.state.shown.length === 4 && !location.hash.includes('filter-text')")
    clean(browser)
    browser("close")
    browser("open", url=url + "#filter-level=alarm")
    browser.until(READY)
    browser.until("dogwatch.state.shown.length === 2")
    browser("click", on="header button[aria-label^=Keys]")
    keys = browser.until("[...document.querySelectorAll('table.keys input')].map((field) => field.value).join(' ')")
    assert set("JKAZRBNTODSGUEYFIP/?[]HLMVWXC") == set(keys.split())
    clean(browser)
    browser("close")
