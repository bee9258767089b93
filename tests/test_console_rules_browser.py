"""The page for rules, in headless Chromium over a real bench: edit, check, back-test, propose, four eyes, activate, roll back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dogwatch.config import Backtest, Config
from runners.bench import editor_of, versions_of
from runners.rules import configured_text
from runners.simulated import read_scenario
from sim.simulate import simulate
from tests.console_harness import Harness
from tests.console_page import READY, ROOT, Browser, clean, in_browser, shoot
from tests.test_bench import deafened

pytestmark = in_browser

SAID = "document.querySelector('[data-test=said]')?.innerText ?? ''"
WAIT_S = 120.0


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[Harness]:
    """A console whose rules are edited, with a short simulated recording to try them on."""
    recording = tmp_path / "dark.nmea"
    recording.write_bytes(b"".join(chunk.data for chunk in simulate(read_scenario("dark"), 3)))
    config = Config(backtest=Backtest([str(recording)]))
    editor = editor_of(config, versions_of(config, tmp_path / "versions"), tmp_path / "tests")
    land = ROOT / "zones" / "data" / "land.geojson"
    harness = Harness(land=land if land.is_file() else None, editor=editor)
    yield harness
    editor.bench.close()  # type: ignore[attr-defined]
    harness.stop()


def say(browser: Browser, name: str, role: str) -> None:
    browser("fill", on="header input[name=by]", text=name)
    browser(
        "evaluate",
        js=f"(s => {{ s.value = '{role}'; s.dispatchEvent(new Event('change', {{bubbles: true}})); }})(document.querySelector('header select[name=role]'))",
    )
    browser("press", key="Tab")


def decide(browser: Browser, button: str, reason: str) -> None:
    browser("click", on=f"[data-test={button}]")
    browser("fill", on="form.reason:has([data-test=decide]) input", text=reason)
    browser("click", on="[data-test=decide]")


def test_a_rule_is_changed_tried_proposed_and_activated_by_another(browser: Browser, edited: Harness) -> None:
    text = configured_text("rules", Config())
    browser("open", url=edited.start() + "?view=rules", script="localStorage.setItem('dogwatch.operator', 'Ana Lyst')")
    browser.until("document.querySelector('textarea')?.value.length > 1000")
    browser.until("window.dogwatch?.chart?.then((c) => c.ready.then(() => true))")
    assert "log-odds" in browser.until("document.querySelector('[data-test=explained]')?.innerText")
    browser("fill", on="textarea", text=text.replace("weight =", "wieght =", 1))
    browser("click", on="[data-test=check]")
    fault = browser.until("document.querySelector('.faults li')?.innerText")
    line = text[: text.index("weight =")].count("\n") + 1
    assert f"line {line}" in fault, fault
    assert "weight" in fault
    browser("click", on=".faults button")
    assert "wieght" in browser("evaluate", js="((t) => t.value.slice(t.selectionStart, t.selectionEnd))(document.querySelector('textarea'))")
    assert browser("evaluate", js="document.querySelector('[data-test=propose]') === null"), "nothing is proposed without a back-test"

    browser("fill", on="textarea", text=deafened(text))
    browser("click", on="[data-test=test]")
    browser.until("document.querySelector('[data-test=cancel]')")
    browser("click", on="[data-test=cancel]")
    browser.until("document.querySelector('[data-test=test-over]')?.innerText.includes('cancelled')")
    browser("click", on="[data-test=test]")
    counts = browser.until("document.querySelector('[data-test=counts]')?.innerText", seconds=WAIT_S)
    assert counts.startswith("0 added, ")
    assert "0 lost" not in counts
    lost = browser("evaluate", js="document.querySelectorAll('.changes tr.lost').length")
    assert lost > 0
    browser.until("dogwatch.chart.then((c) => c.map.queryRenderedFeatures({layers: ['change']}).length >= 1)")
    browser("click", on=".changes button")
    shoot(browser, "console-rules")

    swept = "document.querySelector('[data-test=swept]')?.innerText"
    assert "0 alerts a day, 0 as tested" in browser.until(swept)
    slide = "(s) => { s.value = '-1800'; s.dispatchEvent(new Event('input')); }"
    browser("evaluate", js=f"({slide})(document.querySelector('[data-slider=\"levels.caution_milli\"]'))")
    assert f"0 kept, 0 lost, {lost} added" in browser.until(f"{swept}.startsWith('0 alerts') ? '' : {swept}"), "what the replay found lost"
    assert browser("evaluate", js="document.querySelector('[data-test=propose]') === null"), "a sweep is no back-test"
    browser("fill", on="[data-field='levels.caution_milli']", text="13001")
    browser("press", key="Tab")
    browser.until("document.querySelector('[data-test=propose]')")

    browser("fill", on="form.reason:has([data-test=propose]) input", text="an exercise for the test")
    browser("click", on="[data-test=propose]")
    browser.until(f"({SAID}).includes('Proposed as version 1')")
    decide(browser, "activate-1", "mine")
    assert "four eyes" in browser.until(f"({SAID}).includes('never activates') && ({SAID})")
    say(browser, "Ben Super", "supervisor")
    decide(browser, "activate-1", "all of them looked at")
    browser.until("document.querySelector('[data-test=version-1]').innerText.includes('in force')")
    row = browser("evaluate", js="document.querySelector('[data-test=version-1]').innerText")
    assert "Ana Lyst" in row
    assert "Ben Super" in row
    browser.until("document.querySelector('[data-test=waits]')")
    decide(browser, "activate-0", "back again")
    browser.until("document.querySelector('[data-test=version-0]').innerText.includes('in force') && !document.querySelector('[data-test=waits]')")
    report = browser("report")
    assert [one.split()[0] for one in report["failed"]] == ["403"], "the refusal of the same hand"
    report["failed"].clear()
    assert report["foreign"] == report["csp"] == []
    browser("close")


def choose(browser: Browser, section: str) -> None:
    browser(
        "evaluate",
        js=f"(s => {{ s.value = '{section}'; s.dispatchEvent(new Event('change', {{bubbles: true}})); }})(document.querySelector('[data-test=section]'))",
    )
    browser.until(f"document.querySelector('[data-test=section]').value === '{section}'")


def field(name: str) -> str:
    return f"document.querySelector('[data-field=\"{name}\"]')"


def test_fields_and_text_of_the_rules_stay_in_step(browser: Browser, edited: Harness) -> None:
    text = configured_text("rules", Config())
    browser("open", url=edited.start() + "?view=rules")
    browser.until(f"{field('levels.caution_milli')}?.value === '-1800'")
    browser("fill", on="[data-field='levels.caution_milli']", text="-1700")
    browser("press", key="Tab")
    told = text.replace("caution_milli = -1800  #", "caution_milli = -1700  #")
    written = "document.querySelector('textarea').value"
    assert browser.until(f"{written}.includes('-1700') && {written}") == told, "the rest of the text, comments too, is as it was"
    slide = "(s) => { s.value = '-1750'; s.dispatchEvent(new Event('input')); }"
    browser("evaluate", js=f"({slide})(document.querySelector('[data-slider=\"levels.caution_milli\"]'))")
    browser.until(f"{written}.includes('caution_milli = -1750') && {field('levels.caution_milli')}.value === '-1750'")
    browser("fill", on="[data-field='levels.caution_milli']", text="-100")
    browser("press", key="Tab")
    fault = browser.until("document.querySelector('.faults li')?.innerText")
    assert "levels are not in rising order" in fault
    assert "line" in fault
    assert browser.until(f"{field('levels.warning_milli')}.getAttribute('aria-invalid')") == "true"

    choose(browser, "rules/0")
    browser.until(f"{field('rules[0].weight')}?.value === '1.5'")
    browser("fill", on="textarea", text=text.replace("weight = 1.5", "weight = 1.25", 1))
    browser.until(f"{field('rules[0].weight')}.value === '1.25' && !document.querySelector('.faults')")
    browser("fill", on="[data-field='rules[0].mids']", text="227, 232")
    browser("press", key="Tab")
    browser.until(f"{written}.includes('mids = [227, 232]')")
    choose(browser, "detectors/loitering")
    browser("click", on="[data-field='detectors.loitering.enabled']")
    browser.until(f"/\\[detectors.loitering\\]\\s+enabled = false/.test({written})")
    shoot(browser, "console-rule-form")
    browser("fill", on="textarea", text="name = ")
    browser.until("document.querySelector('.rule-form fieldset').disabled && document.querySelector('.faults li')?.innerText.includes('line 1')")
    clean(browser)
    browser("close")


def test_the_page_for_rules_says_what_is_missing_where_nothing_is_edited(browser: Browser) -> None:
    harness = Harness(vessels=0)
    browser("open", url=harness.start() + "?view=rules")
    browser.until(f"({SAID}).includes('nothing is edited here')")
    browser("close")
    harness.stop()


def test_the_watch_page_leads_to_the_rules_and_back(browser: Browser, edited: Harness) -> None:
    browser("open", url=edited.start())
    link = "document.querySelector('header a[href=\"?view=rules\"]')"
    place = browser.until(f"{link} && JSON.stringify({link}.getBoundingClientRect())")
    browser.until(READY)
    assert browser("evaluate", js=f"JSON.stringify({link}.getBoundingClientRect())") == place, "it stands where it stood before anything was heard"
    browser("click", on="header a[href='?view=rules']")
    browser.until("document.querySelector('textarea')?.value.length > 1000")
    clean(browser)
    browser("close")
