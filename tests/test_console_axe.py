"""What a screen reader and weak eyes meet: axe-core (npm, by the lock file) finds nothing serious in any view, in any of the three palettes."""

from __future__ import annotations

import os
from typing import Any

import pytest

from benchmarks.browser import ROOT, Browser, missing
from tests.console_harness import Harness, busy_board, distress, gone_dark
from tests.console_page import READY, ROWS

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
ABSENT = missing() or ("" if AXE.is_file() else f"{AXE} is absent: npm ci")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(ABSENT) and os.environ.get("DOGWATCH_REQUIRE_BROWSER") != "1", reason=ABSENT or "can run")]
# What MapLibre brings along is judged with the rest; a canvas has no text of its own: the queue and the list say the same in words
TELL = "r.violations.map((v) => [v.id, v.impact, v.nodes.map((n) => n.html.slice(0, 160) + ' :: ' + n.failureSummary.slice(0, 240))])"
RUN = f"axe.run(document, {{ resultTypes: ['violations'] }}).then((r) => ({{ passes: r.passes.length, violations: {TELL} }}))"


def serious(browser: Browser, name: str = "a") -> list[Any]:
    """Findings of level serious or critical in what is on the screen now. Asserts that axe looked at all."""
    told = browser("evaluate", name, js=RUN)
    assert told["passes"] > 10, "axe found nothing to pass: it has not looked"
    return [v for v in told["violations"] if v[1] in ("serious", "critical")]


@pytest.mark.parametrize("palette", ["day", "dusk", "night"])
def test_nothing_serious_in_the_main_views(browser: Browser, served: Harness, palette: str) -> None:
    busy_board(served.board)
    mmsi = gone_dark(served)
    served.board.publish(distress())
    browser("open", url=f"{served.start()}?palette={palette}", script=AXE.read_text(encoding="utf-8"))
    browser.until(f"{READY} && {ROWS}.length > 5", seconds=60)
    found = {}
    browser("press", key="j")
    browser.until("document.querySelector('.evidence .why, .evidence .facts')")
    found["queue, map, distress"] = serious(browser)
    browser("press", key="j")
    browser.until("document.querySelector('[data-test=replay-open]')")
    browser("press", key="?")
    browser.until("document.querySelector('dialog')")
    found["list of keys"] = serious(browser)
    browser("press", key="Escape")
    browser.until("!document.querySelector('dialog')")
    browser("press", key="j")
    browser.until("document.querySelector('[data-test=replay-open]')")
    browser("evaluate", js="void document.querySelector('[data-test=replay-open]').click()")
    browser.until("document.querySelector('[data-test=replay]')")
    found["replay"] = serious(browser)
    browser("press", key="b")
    browser("evaluate", js=f"void (dogwatch.state.vessel = dogwatch.vessels.handle[dogwatch.vessels.slotOfMmsi({mmsi})])")
    browser("press", key="p")
    browser.until("document.querySelector('.dossier')")
    found["dossier"] = serious(browser)
    assert not any(found.values()), found
    browser("close")


def test_nothing_serious_in_the_list_without_a_map(browser: Browser, served: Harness) -> None:
    busy_board(served.board)
    no_gl = "HTMLCanvasElement.prototype.getContext = () => null;"
    browser("open", url=served.start(), script=no_gl + AXE.read_text(encoding="utf-8"))
    browser.until("document.querySelector('[data-test=vessel-list]')")
    assert serious(browser) == []
    browser("close")
