"""Pages beside the watch and doors to it, in headless Chromium: rules by two people who log in, coverage and ages for analysts, files of alerts, weak eyes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from console import passwords
from console.editing import Editor
from console.versions import Versions
from tests.console_harness import CENTRE, T0, Harness, alert, distress, land_nearby
from tests.console_page import READY, Browser, clean, in_browser, shoot
from tests.test_console_axe import AXE, serious
from tests.test_console_login_browser import FORM, WORDS, arrive, log_in
from tests.test_versions import FakeBench

pytestmark = in_browser
SAID = "(document.querySelector('[data-test=said]')?.innerText ?? '')"


def cells() -> bytes:
    """Nine cells south of the centre; the last is not learned."""
    found = []
    for i in range(9):
        west, south = CENTRE[1] + 0.1 * (i % 3), CENTRE[0] - 0.1 * (i // 3)
        ring = [[west, south], [west + 0.1, south], [west + 0.1, south + 0.1], [west, south + 0.1], [west, south]]
        about = {"ais_class": "A", "learned": i < 8, "heard_share": 0.1 + 0.1 * i}
        found.append({"type": "Feature", "properties": about, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    return json.dumps({"type": "FeatureCollection", "features": found}).encode()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Harness, Versions]]:
    """A console with users, a rule text and a bench that has tried everything, with coverage and alerts that people have judged."""
    monkeypatch.setattr(passwords, "LOG_N", 4)
    versions = Versions(tmp_path / "versions", "rules", "first = 1\n")
    editor = Editor(FullBench(), {"rules": versions}, {"rules": versions.active().hash})
    harness = Harness(database=tmp_path / "decisions.sqlite", land=land_nearby(tmp_path), editor=editor, coverage=cells)
    for number in range(1, 9):
        harness.board.publish(alert(number, level=("alarm", "warning", "caution")[number % 3]))
    harness.board.health({"sources": {"hill": "up", "pier": "silent"}, "heartbeats": {"hill": {"t": "2026-01-01T00:00:00.000Z", "state": "up"}}})
    harness.board.expire(T0)
    yield harness, versions
    harness.stop()


class FullBench(FakeBench):
    """Says what the page shows of a back-test."""

    def start(self, kind: str, text: str, before: str, keep: set[str]) -> str:
        test = super().start(kind, text, before, keep)
        load = {"alerts": 4, "per_operator_hour": 0.2, "budget_per_operator_hour": 6.0, "window_max": 1, "judged": 0, "right": 0, "precision": None}
        data = {"exercise": True, "files": [{"name": "day.nmea"}], "hours": 24.0, "positions": 9, "vessels": 2, "minutes_silent": 0, "coverage_known": True}
        self.tests[test] |= {"now": load, "before": load, "data": data, "counts": {"added": 0, "lost": 0, "changed": 0}, "changes": []}
        return test


def add_people(harness: Harness) -> None:
    for name, role in (("Ana", "analyst"), ("Sol", "supervisor")):
        harness.app.state.users.add(name, role, WORDS, by="root")


def test_four_eyes_are_those_of_two_people_who_logged_in(browser: Browser, desk: tuple[Harness, Versions]) -> None:
    harness, versions = desk
    add_people(harness)
    url = harness.start() + "?view=rules"
    for name, user, role in (("a", "ana", "Ana, analyst"), ("b", "sol", "Sol, supervisor")):
        browser("open", name, url=url, script="localStorage.setItem('dogwatch.operator', 'Eve')")
        log_in(browser, WORDS, name, user)
        arrive(browser, "document.querySelector('textarea')", seconds=60, name=name)
        assert browser("evaluate", name, js="document.querySelector('header [data-test=who]').innerText") == role
        assert browser("evaluate", name, js="document.querySelector('header input') === null"), "nobody says who they are who has logged in"
    browser("fill", "a", on="textarea", text="second = 2\n")
    browser("click", "a", on="[data-test=test]")
    browser.until("document.querySelector('[data-test=propose]')", "a")
    browser("fill", "a", on="form.reason:has([data-test=propose]) input", text="an exercise")
    browser("click", "a", on="[data-test=propose]")
    browser.until(f"{SAID}.includes('Proposed as version 1')", "a")
    browser("evaluate", "b", js="void location.reload()")
    arrive(browser, "document.querySelector('[data-test=activate-1]')", seconds=60, name="b")
    for name, says in (("a", "never activates"), ("b", "in force")):
        browser("click", name, on="[data-test=activate-1]")
        browser("fill", name, on="form.reason:has([data-test=decide]) input", text="looked at")
        browser("click", name, on="[data-test=decide]")
        browser.until(f"document.body.innerText.includes('{says}')", name)
    browser.until("document.querySelector('[data-test=version-1]').innerText.includes('in force')", "b")
    assert [(act.action, act.by, act.role) for act in versions.journal()] == [("propose", "Ana", "analyst"), ("activate", "Sol", "supervisor")]
    for name in "ab":
        report = browser("report", name)
        assert report["foreign"] == report["csp"] == []
        browser("close", name)


def test_an_analyst_sees_coverage_and_the_age_of_each_source(browser: Browser, desk: tuple[Harness, Versions]) -> None:
    harness, _ = desk
    browser("open", url=harness.start() + "?view=analysis")
    told = "document.querySelector('[data-test=coverage-figures]')?.innerText"
    figures = browser.until(f"{told}?.includes('learned') && {told}")
    assert "8 cells learned; of the reports sent in the middle one 50 % are heard; 4 hear less than half" in figures
    ages = browser("evaluate", js="[...document.querySelectorAll('[data-test=ages] tbody tr')].map((r) => [...r.children].map((c) => c.innerText))")
    assert [row[:2] for row in ages] == [["hill", "up"], ["pier", "silent"]]
    assert ages[0][2] == "2026-01-01 00:00Z"
    browser("evaluate", js="(s => { s.value = 'B'; s.dispatchEvent(new Event('change', {bubbles: true})); })(document.querySelector('[name=class]'))")
    browser.until("document.querySelector('[data-test=coverage-figures]').innerText.includes('No cell is learned yet')")
    clean(browser)
    browser("close")


def test_what_the_queue_shows_is_saved_as_a_file_without_distress(browser: Browser, desk: tuple[Harness, Versions]) -> None:
    harness, _ = desk
    harness.board.publish(distress(20))
    browser("open", url=harness.start())
    browser.until(READY, seconds=60)
    read = """(form) => fetch(document.querySelector(`[data-test=alerts-${form}]`).href).then(async (r) => [r.status, await r.text()])"""
    status, text = browser("evaluate", js=f"({read})('csv')")
    assert status == 200
    assert text.count(f"{1:032x}"[:24]) == 8
    assert "SART" not in text
    browser("evaluate", js="void (document.querySelector('[name=filter]').focus())")
    browser("evaluate", js="(s => { s.value = 'alarm'; s.dispatchEvent(new Event('change', {bubbles: true})); })(document.querySelector('.filters select'))")
    browser.until("document.querySelector('.saves').innerText.includes('what is shown')")
    status, text = browser("evaluate", js=f"({read})('geojson')")
    assert {one["properties"]["level"] for one in json.loads(text)["features"]} == {"alarm"}
    clean(browser)
    browser("close")


@pytest.mark.parametrize("palette", ["day", "dusk", "night"])
def test_nothing_serious_for_weak_eyes_on_the_pages_beside_the_watch(browser: Browser, desk: tuple[Harness, Versions], palette: str) -> None:
    harness, _ = desk
    found = {}
    axe = AXE.read_text(encoding="utf-8")
    url = harness.start()

    def look(name: str, query: str, ready: str, key: str = "") -> None:
        browser("open", url=f"{url}{query}palette={palette}", script=f"localStorage.setItem('dogwatch.operator', 'Ana Watch');{axe}", width=1280, height=800)
        browser.until(ready, seconds=60)
        if key:
            browser.until(READY, seconds=60)
            browser("press", key=key)
            browser.until("document.querySelector('dialog.watch .handing')")
        shoot(browser, f"page-{name}-{palette}")
        found[name] = serious(browser)
        browser("close")

    near = "/^[0-9]{1,2}[^0-9]/.test(document.querySelector('.maplibregl-ctrl-scale')?.innerText)"  # the map has gone to the cells
    look("analysis", "?view=analysis&", f"document.querySelector('[data-test=rules]') && {near}")
    look("rules", "?view=rules&", "document.querySelector('textarea') && document.querySelector('.maplibregl-ctrl-scale')")
    look("hand-over", "?", "document.querySelector('[data-test=watch]')", "h")
    add_people(harness)
    look("log-in", "?", FORM)
    assert not any(found.values()), found
