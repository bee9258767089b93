"""What is normal for a place and class, beside what was observed: of the model, of what was heard, or not known."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from starlette.testclient import TestClient

from console.normal import normal_of
from dogwatch.batch import HAS_TYPE_AND_SIZE
from dogwatch.events import Subject
from risk.normality import BINS, GROUPS, KINDS, Normality, bin_of, cell_of, group_of, key_of
from runners.usual import usual_speeds
from tests.console_harness import CENTRE, T0, Harness, alert, batch, distress, fleet, names
from tests.console_page import Browser, clean, in_browser

MINE = 198_100_000


def sea(served: Harness, speeds: list[float], *, kind: int = 70) -> dict[str, Any]:
    """Vessels of one kind at one place, a position an hour before the alert; the first is the alert's own. Its record."""
    rows = fleet(len(speeds))
    rows["lat"], rows["lon"] = round(CENTRE[0] * 600_000), round(CENTRE[1] * 600_000)
    rows["sog"], rows["msg_type"], rows["t_ms"] = np.array(speeds) * 10, 1, T0 - 600_000
    told = names(rows)
    told["ship_type"], told["has"] = kind, HAS_TYPE_AND_SIZE
    served.picture.update(batch(rows, told))
    subject = Subject(f"{MINE}#0", MINE, "", "TEST SHIP 0", "TEST1", None, kind, 100, "A")
    served.board.publish(alert(1, mmsi=MINE, subjects=[subject], t_first=T0 - 3_600_000, t_last=T0))
    record = served.board.record(f"{1:032x}")
    assert record is not None
    return record


def test_what_was_heard_is_told_with_the_number_of_vessels(served: Harness) -> None:
    record = sea(served, [3.1, 10, 11, 12, 13, 14, 0.1])  # its own speed and who lies still do not count
    (told,) = normal_of(record, served.picture)["vessels"]
    assert told == {"mmsi": MINE, "class": "cargo", "observed_kn": 3.1, "basis": "heard", "what": "cargo", "low_kn": 11.0, "high_kn": 13.0, "vessels": 5}


def test_from_too_few_nothing_is_said(served: Harness) -> None:
    (told,) = normal_of(sea(served, [3.1, 10, 11, 12, 13]), served.picture)["vessels"]
    assert (told["basis"], told["low_kn"], told["high_kn"], told["vessels"]) == ("unknown", None, None, 4)


def test_another_class_or_another_place_is_not_counted(served: Harness) -> None:
    record = sea(served, [3.1, 10, 11, 12, 13, 14], kind=30)
    record["subjects"][0]["ship_type"] = 80
    assert normal_of(record, served.picture)["vessels"][0]["vessels"] == 0
    record["subjects"][0]["ship_type"], record["lat"] = 30, CENTRE[0] + 1
    assert normal_of(record, served.picture)["vessels"][0]["vessels"] == 0


def model(speeds: dict[float, int]) -> Normality:
    """A model of one cell in which so many cargo ships of 150 m went so fast."""
    cell, group = cell_of(np.float64(CENTRE[0]), np.float64(CENTRE[1])), group_of(np.int64(70), np.int64(150))
    keys = np.array([int(key_of(cell, group, bin_of(np.float64(90), np.float64(knots)))) for knots in sorted(speeds)])
    counts = np.array([speeds[knots] for knots in sorted(speeds)])
    return Normality(keys, counts, np.array([int(cell)]), np.array([int(counts.sum())]), np.zeros((len(KINDS), 2)), {})


def test_the_model_gives_the_classes_of_speed_of_the_middle_half() -> None:
    assert max(model({12.0: 30}).keys) < (cell_of(np.float64(90), np.float64(180)) + 1) * GROUPS * BINS
    told = usual_speeds(model({6.0: 5, 12.0: 60, 15.0: 5}), *CENTRE, 70, 100)
    assert told == {"what": "cargo", "low_kn": 11.0, "high_kn": 14.0, "vessels": 70}
    assert usual_speeds(model({30.0: 40}), *CENTRE, 70, 0) == {"what": "cargo", "low_kn": 24.0, "high_kn": None, "vessels": 40}
    assert usual_speeds(model({12.0: 19}), *CENTRE, 70, 100) is None, "too few"
    assert usual_speeds(model({12.0: 60}), *CENTRE, 80, 100) is None, "no tankers"
    assert usual_speeds(model({12.0: 60}), CENTRE[0] + 1, CENTRE[1], 70, 100) is None, "elsewhere"


def test_the_model_is_asked_first(served: Harness) -> None:
    record = sea(served, [3.1, 1, 1, 1, 1, 1])
    (told,) = normal_of(record, served.picture, functools.partial(usual_speeds, model({12.0: 60})))["vessels"]
    assert (told["basis"], told["low_kn"], told["high_kn"], told["observed_kn"]) == ("model", 11.0, 14.0, 3.1)


def test_distress_is_compared_with_nothing(served: Harness) -> None:
    served.board.publish(distress())
    client = TestClient(served.app)
    assert client.get(f"api/v1/alerts/{9:032x}/normal").json() == {"vessels": []}
    assert client.get("api/v1/alerts/none/normal").status_code == 404


class TestInTheBrowser:
    pytestmark = in_browser

    def test_the_evidence_shows_it(self, browser: Browser) -> None:
        quiet = Harness(vessels=0)
        sea(quiet, [3.1, 10, 11, 12, 13, 14])
        try:
            browser("open", url=quiet.start(), script="HTMLCanvasElement.prototype.getContext = () => null;")  # the map is not in question
            browser.until("window.dogwatch?.state.shown.length === 1")
            browser("press", key="j")
            words = browser.until("document.querySelector('[data-test=normal]')?.innerText")
            assert words == (
                "Usual here for cargo: 11.0 kn to 13.0 kn; observed 3.1 kn. "
                "Middle half of 5 vessels under way, heard by this console within ten miles in the day before."
            )
            clean(browser)
            browser("close")
        finally:
            quiet.stop()
