"""A console with a crowded sea behind it, in a process of its own: what benchmarks/console.py measures. Not for people.

Sentences are written by the simulator's encoder, read by the decoder and drawn by the picture, as in a live run; tracks and rules are left
out (they have figures of their own). Says JSON lines: its address, when each marker was handed in, when each alert was published, its own
memory and CPU time. `live` goes by the clock; `day` plays 24 h as fast as it is told, with vessels and alerts that come and go.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.picture import Picture
from console.server import Server
from dogwatch.alerts import Alert, Contribution
from ingest.decode import DecodeState, decode
from sim.encode import CALLSIGN, HEARING_DTYPE, NAME, SentenceState, encode_payloads, encode_sentences, new_messages, new_particulars
from zones.load import land_path

T0_MS = 1_767_225_600_000
CENTRE = (-41.0, 174.5)
FIRST_MMSI = 198_100_000  # a country code that no country has
MARKER_MMSI = 198_000_000
MARKERS = 5  # vessels whose longitude is a running number, so that a picture says which report it shows
MARKER_LON, MARKER_LAT = round(174.0 * 600_000), round(-41.0 * 600_000)  # units of 1/600,000 degree
STEP_S = 0.2
REPORT_S = 10.0  # a ship under way at 14 knots and less speaks each ten seconds
DAY_STEP_S = 60
LEAVING_PER_HOUR = 0.05
ALERT_EVERY_S = 2.0
APART_MS = 70_000  # ten of a rule in ten minutes would be a flood
OPEN_FIRST = 1_000_000  # number of the first alert that is open from the start


class Fleet:
    """Vessels that all move, and their sentences."""

    def __init__(self, n: int, seed: int = 5) -> None:
        rng = np.random.default_rng(seed)
        self.rows = new_messages(n)
        self.rows["msg_type"], self.rows["nav"] = 1, 0
        self.rows["mmsi"] = FIRST_MMSI + np.arange(n)
        self.next_mmsi = FIRST_MMSI + n
        self.lat, self.lon = CENTRE[0] + rng.normal(0, 0.35, n), CENTRE[1] + rng.normal(0, 0.5, n)
        self.rows["sog"], self.rows["cog"] = rng.integers(20, 190, n), rng.integers(0, 3600, n)
        self.rows["hdg"] = self.rows["cog"] // 10
        self.station = SentenceState(["EX-bench"], "s")
        self.decoder = DecodeState("EX-bench")
        self.sentences = 0

    def say(self, which: np.ndarray, t_ms: int, seconds: float, marker: int = -1) -> bytes:
        """These vessels have moved for so long and speak; with them the marker of that number."""
        rows = self.rows[which]
        metres, course = rows["sog"] / 10 * 0.514444 * seconds, np.radians(rows["cog"] / 10)
        self.lat[which] += metres * np.cos(course) / 111_195
        self.lon[which] += metres * np.sin(course) / 111_195 / np.cos(np.radians(self.lat[which]))
        rows["lat"], rows["lon"] = np.round(self.lat[which] * 600_000), np.round(self.lon[which] * 600_000)
        if marker >= 0:
            one = self.rows[:1].copy()
            one["mmsi"], one["sog"], one["lat"], one["lon"] = MARKER_MMSI + marker % MARKERS, 0, MARKER_LAT, MARKER_LON + marker
            rows = np.concatenate([one, rows])
        rows["t_ms"], rows["sec"] = t_ms, t_ms // 1000 % 60
        return self._sentences(rows)

    def names(self, mmsi: np.ndarray, t_ms: int) -> bytes:
        """Static reports (type 24, one sentence) of these vessels."""
        rows, who = new_messages(len(mmsi)), new_particulars(len(mmsi))
        rows["msg_type"], rows["mmsi"], rows["who"], rows["t_ms"] = 24, mmsi, np.arange(len(mmsi)), t_ms
        for i, one in enumerate(mmsi):
            who.write(i, NAME, f"BENCH {one % 1_000_000}", name="name")
            who.write(i, CALLSIGN, "BENCH1", name="callsign")
        return self._sentences(rows, who)

    def _sentences(self, rows: np.ndarray, who: Any = None) -> bytes:
        heard = np.zeros(len(rows), HEARING_DTYPE)
        heard["t_rx_ms"], heard["message"] = rows["t_ms"], np.arange(len(rows))
        self.sentences += len(rows)
        return encode_sentences(encode_payloads(rows, who or new_particulars(len(rows))), heard, self.station)

    def replace(self, share: float, rng: np.random.Generator) -> np.ndarray:
        """So many leave for good and others come in their place; the new MMSI."""
        who = rng.choice(len(self.rows), round(share * len(self.rows)), replace=False)
        self.rows["mmsi"][who] = np.arange(self.next_mmsi, self.next_mmsi + len(who))
        self.next_mmsi += len(who)
        return self.rows["mmsi"][who]


class Sea:
    """Board, picture, server and fleet."""

    def __init__(self, vessels: int) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="dogwatch-bench-")
        self.board, self.picture = Board(), Picture()
        decisions = Decisions(Path(self.folder.name) / "decisions.sqlite")
        land = land_path()
        about = {"desk": "Bench", "listening": "the simulator", "map_center": [CENTRE[1], CENTRE[0]], "map_zoom": 7}
        self.server = Server(create_app(self.board, self.picture, decisions, land_geojson=land, info=about))
        self.fleet = Fleet(vessels)

    def take(self, data: bytes) -> None:
        """Bytes into the picture, by the road of a live run."""
        self.picture.update(decode(self.fleet.decoder, data))

    def live(self, seconds: float) -> None:
        """Everybody speaks each ten seconds, spread evenly; a marker in each step."""
        fleet, turns = self.fleet, round(REPORT_S / STEP_S)
        places = np.arange(len(fleet.rows))
        began, alerts_due, cpu_due = time.monotonic(), 5.0, 0.0
        for step in itertools.count():
            now = step * STEP_S
            if now > seconds:
                return
            time.sleep(max(0.0, began + now - time.monotonic()))
            data = fleet.say(places[places % turns == step % turns], T0_MS + round(now * 1000), REPORT_S, marker=step)
            tell(marker=step, at=time.time())
            self.take(data)
            if now >= alerts_due:
                alerts_due += ALERT_EVERY_S
                self.publish(step, T0_MS + round(now * 1000))
            if now >= cpu_due:
                cpu_due += 5
                tell(second=now, cpu_s=time.process_time(), rss_bytes=rss_bytes(), sentences=fleet.sentences)

    def open_alerts(self, count: int) -> None:
        """So many alerts that are open from the start, each about a vessel of its own, rarer than a flood."""
        for number in range(count):
            at_ms = T0_MS - (count - number) * APART_MS
            self.board.publish(bench_alert(f"{OPEN_FIRST + number:032x}", FIRST_MMSI + number, at_ms, "active", 1))

    def publish(self, number: int, t_ms: int, condition: str = "active", revision: int = 1) -> None:
        """One alert about one vessel."""
        alert_id = f"{number:032x}"
        tell(alert=alert_id, at=time.time())
        self.board.publish(bench_alert(alert_id, FIRST_MMSI + number, t_ms, condition, revision))

    def day(self, hours: float, pace_s: float) -> None:
        """A day in steps of a minute, each `pace_s` of the clock: a step is due then, or as soon as the one before is done."""
        rng, fleet = np.random.default_rng(7), self.fleet
        everybody, steps = np.arange(len(fleet.rows)), round(hours * 3600 / DAY_STEP_S)
        for step in range(steps + 1):
            begun, t_ms = time.monotonic(), T0_MS + step * DAY_STEP_S * 1000
            if step % 60 == 30:
                self.take(fleet.names(fleet.replace(LEAVING_PER_HOUR, rng), t_ms))
            self.take(fleet.say(everybody, t_ms, DAY_STEP_S))
            if step % 3 == 0:
                self.publish(step, t_ms)
            if step % 3 == 0 and step >= 30:
                self.publish(step - 30, t_ms, "cleared", 2)
            if step % 60 == 0:
                tell(hour=step // 60, cpu_s=time.process_time(), rss_bytes=rss_bytes(), sentences=fleet.sentences)
            time.sleep(max(0.0, begun + pace_s - time.monotonic()))


def bench_alert(alert_id: str, mmsi: int, t_ms: int, condition: Any, revision: int) -> Alert:
    """A caution with one line of evidence: when it clears it leaves the queue by itself."""
    return Alert(
        alert_id=alert_id,
        revision=revision,
        kind="risk",
        condition=condition,
        level="caution",
        score=51.2,
        score_milli=50,
        contributions=[Contribution("loitering", 50, "event", "62 min", "45 min", "stayed within 1.1 nm of one place")],
        event_ids=["event"],
        mmsi=[mmsi],
        subjects=[],
        t_first=t_ms - 3_600_000,
        t_last=t_ms,
        lat=CENTRE[0],
        lon=CENTRE[1],
        headline="Loitering 62 min",
        explanation="The ship stayed within 1.1 nm of one place for 62 min.",
        innocent=[],
        counterfactual="",
        profile="border",
        profile_hash="0123456789abcdef",
        exercise=True,
    )


def tell(**what: Any) -> None:
    """One JSON line to whoever measures."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def rss_bytes() -> int:
    """Memory of this process that is in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Serve, wait for one line on stdin, play, wait for the next line, end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("play", choices=("live", "day"))
    parser.add_argument("--vessels", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--pace-s", type=float, default=0.125)
    parser.add_argument("--open", type=int, default=0, help="alerts that are open from the start")
    options = parser.parse_args()
    sea = Sea(options.vessels)
    with sea.folder:
        everybody = np.arange(options.vessels)
        sea.take(sea.fleet.names(sea.fleet.rows["mmsi"], T0_MS))
        sea.take(sea.fleet.say(everybody, T0_MS, 0.0, marker=0))
        sea.open_alerts(options.open)
        tell(url=sea.server.start(port=0))
        sys.stdin.readline()
        sea.live(options.seconds) if options.play == "live" else sea.day(options.hours, options.pace_s)
        tell(done=True)
        sys.stdin.readline()
        sea.server.stop()


if __name__ == "__main__":
    main()
