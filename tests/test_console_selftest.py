"""The page looks at itself, and at the clocks."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.testclient import TestClient

from console.assets import hashes_of
from tests.console_harness import Harness
from tests.console_page import Browser, clean, in_browser

LOOKS = ["Graphics", "Frames", "Clocks", "Alerts", "Vessels", "Files", "Storage"]
LIST = "HTMLCanvasElement.prototype.getContext = () => null;"


def test_files_are_named_by_their_path_and_hash(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.mjs").write_bytes(b"a")
    assert hashes_of(tmp_path) == {"in/a.mjs": hashlib.sha256(b"a").hexdigest()}


def test_the_short_address_leads_to_the_page(served: Harness) -> None:
    answer = TestClient(served.app).get("/selftest", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "./?view=selftest")


class TestInTheBrowser:
    pytestmark = in_browser

    def test_each_part_is_looked_at(self, browser: Browser, served: Harness) -> None:
        browser("open", url=served.start() + "selftest", script="window.requestAnimationFrame = (run) => setTimeout(run, 1);")
        told = "[...document.querySelectorAll('[data-test^=look-]')].map((row) => [...row.cells].map((cell) => cell.innerText))"
        browser.until(f"{told}.length === 7 && {told}.every((row) => row[1] !== '…')", seconds=60)
        rows = browser("evaluate", js=told)
        assert [(row[0], row[1]) for row in rows] == [(name, "OK") for name in LOOKS], rows
        assert "WebGL2" in rows[0][2]
        assert "files are those of the server" in rows[5][2]
        clean(browser)
        browser("close")

    def test_without_graphics_it_says_so_and_what_to_do(self, browser: Browser, served: Harness) -> None:
        browser("open", url=served.start() + "?view=selftest", script=LIST)
        row = browser.until("[...(document.querySelector('[data-test=look-Graphics]')?.cells ?? [])].map((cell) => cell.innerText).join('|').includes('FAIL')")
        assert row
        browser("close")

    def test_a_clock_that_is_off_is_said_on_the_watch(self, browser: Browser, served: Harness) -> None:
        behind = "const real = Date.now; Date.now = () => real() - 60_000;"
        browser("open", url=served.start(), script=LIST + behind)
        text = browser.until("document.querySelector('[data-test=clock-off]')?.innerText")
        assert "This computer's clock is" in text
        assert "behind the server's." in text
        browser("close")
