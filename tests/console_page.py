"""What tests of the page share: when the page is ready, that it is clean, pictures of it. Not a test itself; its fixtures are in tests/browser_fixtures.py.

Screenshots go to DOGWATCH_SCREENSHOTS where that is set.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.browser import ROOT, Browser, missing

__all__ = ["READY", "ROOT", "ROWS", "Browser", "clean", "in_browser", "shoot"]

in_browser = [pytest.mark.browser, pytest.mark.skipif(bool(missing()) and os.environ.get("DOGWATCH_REQUIRE_BROWSER") != "1", reason=missing() or "can run")]
READY = "window.dogwatch && dogwatch.state.map === 'ready' && dogwatch.vessels.count === 300 && dogwatch.sea.layer.frames > 3"
ROWS = "[...document.querySelectorAll('.queue tbody tr')].map((r) => r.dataset.alert)"


def clean(browser: Browser, name: str = "a") -> None:
    """Nothing failed, nothing was refused by the policy, nothing left the house."""
    report = browser("report", name)
    assert report["requests"] > 5, "the page asked for nothing: this checks nothing"
    problems = {key: report[key] for key in ("errors", "failed", "foreign", "csp")}
    # pixels leave the software GL for the page and for our pictures
    problems["errors"] = [e for e in problems["errors"] if "GPU stall due to ReadPixels" not in e]
    assert not any(problems.values()), problems


def shoot(browser: Browser, title: str, name: str = "a") -> None:
    """A screenshot for people, where somebody wants one."""
    if folder := os.environ.get("DOGWATCH_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser("screenshot", name, file=str(Path(folder) / f"{title}.png"))
