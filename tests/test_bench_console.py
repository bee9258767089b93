"""The benchmark of the console: a marker comes through encoder, decoder, picture and frame as it went in; figures mean what they say. No timing."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.console import KEYS, growth_of, judged, key_figures, share
from benchmarks.console_clients import markers_in
from benchmarks.console_sea import MARKER_MMSI, T0_MS, Fleet
from console.picture import Picture
from ingest.decode import decode


@pytest.mark.parametrize("marker", [0, 3, 9_999])
def test_a_marker_is_read_back_from_a_frame(marker: int) -> None:
    fleet, picture = Fleet(40), Picture()
    picture.update(decode(fleet.decoder, fleet.say(np.arange(40), T0_MS, 10.0, marker=marker)))
    picture.advance()
    assert markers_in(picture.frame("key")) == [marker]
    assert picture.vessels == 41
    assert any(row["mmsi"] == MARKER_MMSI + marker % 5 for row in picture.list())


def test_the_fleet_moves_at_its_speed_and_those_who_leave_are_replaced() -> None:
    fleet = Fleet(30)
    before = fleet.lat.copy(), fleet.lon.copy()
    fleet.say(np.arange(30), T0_MS, 3600.0)
    north, east = (fleet.lat - before[0]) * 60, (fleet.lon - before[1]) * 60 * np.cos(np.radians(fleet.lat))
    assert np.hypot(north, east) == pytest.approx(fleet.rows["sog"] / 10, rel=0.01)
    old = set(fleet.rows["mmsi"].tolist())
    new = fleet.replace(0.2, np.random.default_rng(1))
    assert len(new) == 6
    assert not old & set(new.tolist())
    assert len(set(fleet.rows["mmsi"].tolist())) == 30


def test_growth_compares_the_last_quarter_with_the_one_before() -> None:
    assert growth_of([1.0, 5.0, 9.0, 9.0, 10.0, 10.0, 10.0, 10.0]) == 0.0
    assert growth_of([1.0] * 6 + [1.5, 1.5]) == 0.5
    assert share([3.0, 1.0, 2.0], 0.95) == 3.0


def test_keys_that_the_browser_does_not_tell_were_short_ones() -> None:
    assert key_figures([136.0]) == {"key_ms_p50": 16.0, "key_ms_p95": 16.0, "key_ms_max": 136.0, "key_samples": KEYS}
    assert key_figures([40.0] * KEYS)["key_ms_p50"] == 40.0


def test_a_missed_goal_is_said() -> None:
    live = dict.fromkeys(("frame_ratio", "script_ms_p50", "script_ms_p95", "screen_s_p95", "alert_s_p95"), 0.5) | {
        "bytes_per_vessel": 25.0,
        "clients_with_frames": 18,
    }
    day = {"hours": 24, "server_growth": 0.2, "page_growth": -0.1}
    verdicts = {goal["name"]: goal["met"] for goal in judged({"live": live, "keys": {"key_ms_p95": 104.0}, "day": day})}
    assert [name for name, met in verdicts.items() if not met] == [
        "bytes per vessel and update",
        "key to paint among 10,000 open alerts p95, ms",
        "consoles served at once",
        "growth of the server, last six hours of 24 against the six before",
    ]
