"""Past positions and the evidence made of them: what is kept, what is answered, how far back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.history import PAST, History
from console.picture import Picture
from tests.console_harness import CENTRE, T0, Harness, alert, batch, fleet, gone_dark, move, names
from tests.console_page import READY, Browser, clean, in_browser, shoot

MINUTE = 60_000


def heard(picture: Picture, minutes: list[int], vessels: int = 8) -> np.ndarray:
    """A fleet at rest around CENTRE that speaks at these minutes before T0."""
    ships = fleet(vessels)
    ships["lat"], ships["lon"] = round(CENTRE[0] * 600_000), round(CENTRE[1] * 600_000)
    for minute in minutes:
        now = ships.copy()
        now["t_ms"] = T0 - minute * MINUTE
        picture.update(batch(now, names(now)))
    return ships


def test_evidence_has_the_tracks_with_their_gap_and_who_was_heard_meanwhile() -> None:
    board, picture = Board(), Picture()
    ships = heard(picture, [60, 50, 40])
    silent = int(ships["mmsi"][5])
    for minute in (30, 20, 10):  # all but one go on
        now = ships[ships["mmsi"] != silent].copy()
        now["t_ms"] = T0 - minute * MINUTE
        picture.update(batch(now))
    heard(picture, [0])
    board.publish(alert(1, mmsi=silent, t_first=T0 - 40 * MINUTE, t_last=T0))
    client = TestClient(create_app(board, picture, Decisions(None)))
    answer = client.get(f"/api/alerts/{1:032x}/evidence").json()
    (track,) = answer["tracks"]
    assert [(T0 - t) // MINUTE for t in track["t_ms"]] == [60, 50, 40, 0]
    assert len({len(track[name]) for name in ("t_ms", "lat", "lon", "sog_kn", "cog_deg")}) == 1
    assert track["lat"][0] == pytest.approx(CENTRE[0], abs=1e-5)
    at = {(T0 - answer["from_ms"] - i * answer["step_ms"]) // MINUTE: n for i, n in enumerate(answer["others"])}
    assert [at[minute] for minute in (30, 20, 10)] == [7, 7, 7], "seven others were heard near by while it was silent"
    assert sum(at.values()) == 7 * 7
    (receiver,) = answer["receivers"]
    assert receiver["receiver"] == "test"
    assert sum(receiver["positions"]) == 4 * 8 + 3 * 7
    assert answer["known_from_ms"] == T0 - 60 * MINUTE
    assert answer["from_ms"] == T0 - 70 * MINUTE
    assert client.get("/api/alerts/none/evidence").status_code == 404


def test_an_alert_without_position_or_past_has_empty_evidence() -> None:
    board = Board()
    board.publish(alert(1, lat=None, lon=None))
    answer = TestClient(create_app(board, Picture(), Decisions(None))).get(f"/api/alerts/{1:032x}/evidence").json()
    assert answer["others"] is None
    assert answer["known_from_ms"] is None
    assert [track["t_ms"] for track in answer["tracks"]] == [[]]


def test_a_vessel_is_kept_once_in_ten_seconds_and_in_order_of_time() -> None:
    picture = Picture()
    ships = fleet(3)
    for second in range(0, 61, 2):
        picture.update(batch(move(ships, second)))
    (track,) = picture.history.tracks([int(ships["mmsi"][0])], T0, T0 + 60_000)
    assert [(t - T0) // 1000 for t in track["t_ms"]] == [0, 10, 20, 30, 40, 50, 60]


def test_what_was_known_when_an_alert_came_up_stays_as_it_was() -> None:
    board, picture = Board(), Picture()
    client = TestClient(create_app(board, picture, Decisions(None)))
    mmsi = int(heard(picture, [60, 50])["mmsi"][5])
    board.publish(alert(1, mmsi=mmsi, t_first=T0 - 60 * MINUTE, t_last=T0 - 50 * MINUTE, headline="Silent for 10 min"))
    heard(picture, [20, 0])
    board.publish(alert(1, mmsi=mmsi, revision=2, condition="cleared", t_first=T0 - 60 * MINUTE, t_last=T0, headline="Heard again"))
    answer = client.get(f"/api/v1/alerts/{1:032x}/evidence").json()
    assert [(T0 - t) // MINUTE for t in answer["tracks"][0]["t_ms"]] == [60, 50, 20, 0]
    assert [(T0 - t) // MINUTE for t in answer["then"]["tracks"][0]["t_ms"]] == [60, 50]
    assert answer["then"]["event_ms"] == T0 - 50 * MINUTE
    assert (answer["then"]["alert"]["headline"], answer["then"]["alert"]["revision"]) == ("Silent for 10 min", 1)
    assert answer["alert"]["headline"] == "Heard again"


@in_browser[0]
@in_browser[1]
def test_the_replay_switches_between_what_was_known_then_and_what_is_known_now(browser: Browser, served: Harness) -> None:
    mmsi = gone_dark(served)
    more = alert(1, mmsi=mmsi, revision=2, t_first=T0 - 70 * MINUTE, t_last=T0, headline="EXERCISE: Heard again after 50 min")
    url = served.start()
    served.board.publish(more)
    browser("open", url=url)
    browser.until(READY, seconds=90)
    browser("press", key="j")
    browser("press", key="r")
    browser.until("document.querySelector('[data-test=then]') && dogwatch.sea.past.shown")
    head = "document.querySelector('.evidence .headline').innerText"
    assert "Heard again" in browser("evaluate", js=head)
    browser("press", key="c")
    browser.until("document.querySelector('[data-test=then-told]')?.innerText.includes('revision 1; 2 now')")
    browser.until(f"{head}.includes('Silent for 50 min')")
    assert browser("evaluate", js="document.querySelector('[data-test=then]').getAttribute('aria-pressed')") == "true"
    shoot(browser, "console-replay-then")
    browser("press", key="c")
    browser.until(f"{head}.includes('Heard again') && !document.querySelector('[data-test=then-told]')")
    clean(browser)
    browser("close")


@pytest.mark.parametrize("seed", range(5))
def test_a_history_answers_like_a_list_of_all_its_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    history = History(block_rows=50, blocks_max=4)
    everything: list[Any] = []
    for _ in range(20):
        rows = np.zeros(int(rng.integers(0, 30)), PAST)
        rows["t_ms"], rows["mmsi"] = rng.integers(0, 1000, len(rows)), rng.integers(1, 6, len(rows))
        history.add(rows)
        everything += rows.tolist()
        assert history.total == len(everything)
    full = len(everything) // 50
    kept = everything[max(0, full - 4) * 50 :]
    for one in range(1, 6):
        wanted = sorted(row[0] for row in kept if row[1] == one and 200 <= row[0] <= 800)
        assert history.tracks([one], 200, 800)[0]["t_ms"] == wanted
        for moment in (0, len(everything) - len(kept), len(everything) - 30, len(everything)):
            then = sorted(row[0] for row in everything[max(0, full - 4) * 50 : max(0, moment)] if row[1] == one and 200 <= row[0] <= 800)
            assert history.tracks([one], 200, 800, before=moment)[0]["t_ms"] == then
    assert history.begins_ms == min(row[0] for row in kept)


def test_a_long_track_is_thinned_but_keeps_its_ends() -> None:
    history = History()
    rows = np.zeros(10_000, PAST)
    rows["t_ms"], rows["mmsi"] = np.arange(10_000), 5
    history.add(rows)
    (track,) = history.tracks([5], 0, 10_000)
    assert track["positions"] == 10_000
    assert len(track["t_ms"]) <= 4_000
    assert (track["t_ms"][0], track["t_ms"][-1]) == (0, 9_999)
