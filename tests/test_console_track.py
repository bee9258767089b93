"""The track of the vessel in focus: what the server tells, and how the map draws it by speed, with ticks of time and a dashed silence."""

from __future__ import annotations

import numpy as np
from starlette.testclient import TestClient

from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.picture import Picture
from tests.console_harness import T0, Harness, batch, move
from tests.console_page import Browser, clean, in_browser, shoot

MMSI = 198_100_005
STEP_S = 30
SILENT_S = range(1_200, 2_400)


def feed(picture: Picture, fixes: np.ndarray) -> int:
    """An hour of one ship: slow, then silent for 20 minutes, then fast; how many positions were fed."""
    one, fed = fixes[fixes["mmsi"] == MMSI].copy(), 0
    for second in range(0, 3_601, STEP_S):
        if second in SILENT_S:
            continue
        row = move(one, second - 3_600)
        row["sog"] = 30 if second < 1_200 else 160
        picture.update(batch(row))
        fed += 1
    return fed


def test_the_server_tells_the_positions_of_the_last_hours_and_refuses_senseless_ones() -> None:
    harness, picture = Harness(vessels=30), Picture()
    fed = feed(picture, harness.fixes)
    with TestClient(create_app(Board(), picture, Decisions())) as client:
        whole = client.get(f"/api/v1/vessels/{MMSI}/track").json()
        assert len(whole["t_ms"]) == len(whole["lat"]) == len(whole["sog_kn"]) == fed
        assert whole["t_ms"] == sorted(whole["t_ms"])
        assert whole["until_ms"] == T0
        part = client.get(f"/api/v1/vessels/{MMSI}/track?hours=0.5").json()
        assert part["t_ms"] == [t for t in whole["t_ms"] if t >= T0 - 1_800_000]
        assert client.get("/api/v1/vessels/1/track").json()["t_ms"] == []
        for hours in ("0", "-1", "26", "nan", "x"):
            assert client.get(f"/api/v1/vessels/{MMSI}/track?hours={hours}").status_code == 400


@in_browser[0]
@in_browser[1]
def test_the_map_draws_it_by_speed_with_ticks_and_a_dashed_silence(browser: Browser) -> None:
    harness = Harness(vessels=30)
    feed(harness.picture, harness.fixes)
    browser("open", url=harness.start())
    browser.until("window.dogwatch && dogwatch.state.map === 'ready' && dogwatch.vessels.statics.size === 30")
    browser("evaluate", js=f"void (dogwatch.state.vessel = dogwatch.vessels.byMmsi.get({MMSI}))")
    browser.until("document.querySelector('[data-test=track-legend]')")
    place = f"(s => [dogwatch.vessels.lon[s], dogwatch.vessels.lat[s]])(dogwatch.vessels.slotOfMmsi({MMSI}))"
    browser("evaluate", js=f"void dogwatch.sea.map.jumpTo({{center: {place}, zoom: 10}})")
    drawn = "dogwatch.sea.map.queryRenderedFeatures({{layers: ['{}']}})"
    bands = f"[...new Set({drawn.format('track-run')}.map((f) => f.properties.band))].sort().join()"
    browser.until(f"{bands}.startsWith('1,') && {bands}.endsWith('4')")  # 3 kn, then 16 kn
    browser.until(f"{drawn.format('track-gap')}.length === 1")
    browser.until(f"{drawn.format('track-words')}.some((f) => f.properties.text === 'silent 20 min')")
    browser.until(f"{drawn.format('track-tick')}.length === 3")  # of ten minutes: one before the silence, two after it
    shoot(browser, "console-track")
    legend = browser("evaluate", js="document.querySelector('[data-test=track-legend]').innerText")
    assert "15 and more" in legend
    assert "silent" in legend
    browser("press", key="v")
    browser.until(f"!document.querySelector('[data-test=track-legend]') && {drawn.format('track-run')}.length === 0")
    clean(browser)
    browser("close")
    harness.stop()


def test_a_batch_with_an_hour_in_it_leaves_the_same_track_as_many_small_ones() -> None:
    harness = Harness(vessels=40)
    minutes = [move(harness.fixes, second) for second in range(-3_600, 1, 4)]
    one, many = Picture(), Picture()
    one.update(batch(np.concatenate(minutes)))
    for part in minutes:
        many.update(batch(part))
    (whole,), (small,) = (picture.history.tracks([MMSI], 0, T0) for picture in (one, many))
    for track in (whole, small):
        steps = np.diff(track["t_ms"])
        assert steps.min() >= 4_000
        assert steps.max() <= 20_000, "no silence that was none"
        assert T0 - track["t_ms"][-1] < 10_000
    late = harness.fixes.copy()
    late["t_ms"] -= 1_800_000
    before = one.history.tracks([MMSI], 0, T0)[0]["positions"]
    one.update(batch(np.concatenate([late, late])))
    assert one.history.tracks([MMSI], 0, T0)[0]["positions"] == before, "what is older than the newest is not kept"
