"""Ten thousand open alerts: read by the page, counted, reached by keys and by scrolling, while a screenful of rows is drawn."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from console.board import Board
from dogwatch.alerts import Alert, Contribution
from tests.console_harness import T0, Harness, alert
from tests.console_page import ROWS, Browser, clean, in_browser

SLOW_S = 60.0  # thirty megabytes of alerts on a busy machine

MANY = 10_000
APART_MS = 70_000  # rarer than a flood
LEVELS = ("caution", "warning", "warning", "alarm")


def one(number: int, **more: object) -> Alert:
    """An alert of a rule that twenty share by turns, older the smaller its number."""
    when = T0 - (MANY - number) * APART_MS
    parts = [Contribution("base", -3000), Contribution(f"rule{number % 20}", 4000, f"event{number}")]
    level = LEVELS[number % len(LEVELS)]
    fields = {"level": level, "mmsi": 198_200_000 + number, "t_first": when - 3_600_000, "t_last": when, "contributions": parts, "score_milli": 1000}
    return alert(number, **{**fields, **more})  # type: ignore[arg-type]


def seed(board: Board, count: int) -> None:
    for number in range(count):
        board.publish(one(number))


def test_pages_follow_one_another_while_alerts_come_and_go(served: Harness) -> None:
    seed(served.board, 500)
    client = TestClient(served.app)
    whole = [one["alert_id"] for one in served.board.snapshot()[1]]
    got, after = [], ""
    while after is not None:
        answer = client.get("api/v1/alerts", params={"limit": 60, "after": after}).json()
        got += [record["alert_id"] for record in answer["alerts"]]
        after = answer["next"]
        served.board.publish(one(600 + len(got), level="alarm"))  # before all that is read yet
        assert answer["total"] >= 500
    assert got == whole


def test_an_unchanged_list_is_not_sent_again(served: Harness) -> None:
    seed(served.board, 3)
    client = TestClient(served.app)
    first = client.get("api/v1/alerts")
    again = client.get("api/v1/alerts", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    served.board.publish(one(4))
    changed = client.get("api/v1/alerts", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.json()["total"] == 4


@pytest.mark.parametrize("after", ["nonsense", "1.x.y", "1"])
def test_a_page_that_begins_nowhere_is_refused(served: Harness, after: str) -> None:
    assert TestClient(served.app).get("api/v1/alerts", params={"after": after}).status_code == 400


DRAWN = "[...document.querySelectorAll('.queue tr[data-alert]')]"
LAST = "dogwatch.state.shown.at(-1)"
BOX = "document.querySelector('.queue .scroll')"


class TestInTheBrowser:
    pytestmark = in_browser

    def test_all_are_counted_and_reached_and_few_are_drawn(self, browser: Browser, served: Harness) -> None:
        seed(served.board, MANY)
        browser("open", url=served.start(), script="HTMLCanvasElement.prototype.getContext = () => null;")  # the map is not in question
        browser.until("document.querySelector('.queue .panel-head')?.innerText.includes('10000 open')", seconds=SLOW_S)
        few = browser("evaluate", js=f"{ROWS}.length")
        assert 5 <= few <= 60
        assert browser("evaluate", js="document.querySelector('.queue table').getAttribute('aria-rowcount')") == "10001"

        for key in "jj":
            browser("press", key=key)
        second = browser.until("dogwatch.state.selected === dogwatch.state.shown[1] && dogwatch.state.selected")
        browser("evaluate", js=f"void document.querySelector('tr[data-alert=\"{second}\"]').focus()")
        browser("press", key="End")
        browser.until(f"document.activeElement?.dataset?.alert === {LAST} && dogwatch.state.selected === {LAST}", seconds=SLOW_S)
        boxes = f"const r = document.activeElement.getBoundingClientRect(), b = {BOX}.getBoundingClientRect()"
        inside = f"(() => {{ {boxes}; return r.top >= b.top - 1 && r.bottom <= b.bottom + 1; }})()"
        browser.until(inside)
        assert browser("evaluate", js="document.activeElement.getAttribute('aria-rowindex')") == "10001"
        browser("press", key="k")
        browser.until("document.activeElement?.dataset?.alert === dogwatch.state.shown.at(-2)")

        browser("evaluate", js=f"void ({BOX}.scrollTop = {BOX}.scrollHeight / 2)")
        middle = browser.until(f"{DRAWN}.map((r) => Number(r.getAttribute('aria-rowindex'))).find((i) => i > 4000 && i < 6000)")
        assert browser("evaluate", js=f"{DRAWN}.length") <= 60
        centre = "document.elementFromPoint(b.x + 100, b.y + b.height / 2)"
        shown = f"(() => {{ const b = {BOX}.getBoundingClientRect(); return {centre}?.closest('tr')?.dataset?.alert; }})()"
        assert browser.until(shown), f"a row, and no hole, is in the middle of the list (near row {middle})"

        served.board.publish(one(MANY + 1, level="alarm"))
        browser.until("document.querySelector('.queue .panel-head').innerText.includes('10001 open')", seconds=SLOW_S)
        clean(browser)
        browser("close")

    def test_a_row_that_has_left_is_let_go(self, browser: Browser, served: Harness) -> None:
        """A watch lasts for days: what left the queue may stay in memory nowhere, as it did in elements that templates keep."""
        browser("open", url=served.start(), script="HTMLCanvasElement.prototype.getContext = () => null;")
        browser.until("window.dogwatch?.state.loaded")
        browser("evaluate", js="void (window.met = [])")
        for number in range(30):  # each stands beside the next ones: a row holds on to its neighbours, and these to theirs
            served.board.publish(one(number, level="caution"))
            if number >= 3:
                served.board.publish(one(number - 3, level="caution", condition="cleared", revision=2))
            browser.until(
                f"{DRAWN}.map((row) => row.dataset.alert).sort().join() === '{','.join(one(i).alert_id for i in range(max(0, number - 2), number + 1))}'"
            )
            browser("evaluate", js=f"void met.push(new WeakRef({DRAWN}.find((row) => row.dataset.alert === '{one(number).alert_id}')))")
        browser("heap")  # collects what nothing holds
        assert browser("evaluate", js="met.length") == 30
        assert browser("evaluate", js="met.filter((row) => row.deref()).length") <= 6
        clean(browser)
        browser("close")
