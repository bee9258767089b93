"""A sea that talks in real time at a given rate, and knows when it said what matters. For the latency part of `kafka`.

May live here: the fleet, the lines of the next moment, a TCP server, when each deciding sentence left. May not: dogwatch, Kafka.
`RATE` messages a second come from vessels that report every six seconds on straight courses in mid-ocean. Among them a row of vessels
sails east into a watch zone, one every `CROSS_EVERY_S`: the first report inside decides. A search and rescue transmitter calls
every `CALL_EVERY_S`, each with a number of its own: its first report decides.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from sim.encode import HEARING_DTYPE, SentenceState, encode_payloads, encode_sentences, new_messages, new_particulars, set_units

RATE = 5_000
REPORT_S = 6.0
MOMENT_S = 0.02
CROSS_EVERY_S, CALL_EVERY_S = 0.5, 2.0
SPEED_KN = 18.0
EDGE_DEG = -40.0  # the western edge of the zone
MILE_DEG = 1 / 60
CROSSER, FLEET, CALLER = 219_000_000, 257_000_000, 970_000_000
NAV_SART = 14
ZONE = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"id": "bench-watch", "kind": "watch", "name": "Bench", "version": "1"},
            "geometry": {"type": "Polygon", "coordinates": [[[EDGE_DEG, -5], [EDGE_DEG + 2, -5], [EDGE_DEG + 2, 5], [EDGE_DEG, 5], [EDGE_DEG, -5]]]},
        }
    ],
}
# Only the crossing is scored here: what is measured is the way of an alert, not how many there are.
PROFILE = """
name = "bench"
title = "Latency"
owner = "benchmark"
version = "1"
base = -4.0
[levels]
caution_milli = -1800
warning_milli = 5000
alarm_milli = 6000
[families.zone]
cap = 6.0
half_life_h = 24
[[rules]]
name = "enters the watch zone"
family = "zone"
weight = 6.0
behaviours = ["zone"]
subtypes = ["enter"]
zone_kinds = ["watch"]
"""


class Feed:
    """Serves one client on `port` from the moment it connects until `minutes` are over; `said_s` maps MMSI to the UTC second of its deciding line."""

    def __init__(self, minutes: float, rate: int = RATE, seed: int = 1) -> None:
        self.seconds, self.rate, self.rng = minutes * 60, rate, np.random.default_rng(seed)
        self.crossers = round(self.seconds / CROSS_EVERY_S)
        n = round(rate * REPORT_S)
        assert n > self.crossers, "more vessels cross than there are"
        self.mmsi = np.where(np.arange(n) < self.crossers, CROSSER + np.arange(n), FLEET + np.arange(n))
        self.lat = self.rng.uniform(-30.0, -12.0, n)  # the fleet is far from the zone
        self.lon = self.rng.uniform(-24.0, -8.0, n)
        self.cog = self.rng.integers(0, 360, n).astype(np.float64)
        mine = slice(0, self.crossers)
        per_s = SPEED_KN / 3600 * MILE_DEG
        self.lat[mine] = np.linspace(-4.9, 4.9, self.crossers)
        self.lon[mine] = EDGE_DEG - per_s * (CROSS_EVERY_S * np.arange(self.crossers) + REPORT_S)
        self.cog[mine] = 90.0
        self.phase = self.rng.permutation(n) * (REPORT_S / n)
        self.said_s: dict[int, float] = {}
        self.messages, self.late_s_max = 0, 0.0
        self.lines(0.0, 0.1, time.time())  # kernels are compiled before anybody waits
        self.said_s, self.messages = {}, 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.server.getsockname()[1])
        self.over, self.done = threading.Event(), threading.Event()
        self.fault: BaseException | None = None
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def lines(self, begin_s: float, end_s: float, now_s: float) -> bytes:
        """What is said between two seconds of the feed; `now_s` UTC of its end."""
        due = np.flatnonzero((self.phase - begin_s) % REPORT_S < end_s - begin_s)
        calls = np.arange(np.ceil(begin_s / CALL_EVERY_S), np.ceil(end_s / CALL_EVERY_S)).astype(np.int64)
        if not len(due) + len(calls):
            return b""
        messages = new_messages(len(due) + len(calls))
        east = SPEED_KN / 3600 * MILE_DEG * end_s
        lat = self.lat[due] + east * np.cos(np.radians(self.cog[due]))
        lon = self.lon[due] + east * np.sin(np.radians(self.cog[due])) / np.cos(np.radians(lat))
        ones = np.ones(len(calls))
        messages["msg_type"], messages["who"] = 1, 0
        messages["mmsi"] = np.concatenate((self.mmsi[due], CALLER + 1000 + calls))
        set_units(
            messages,
            lat_deg=np.concatenate((lat, -20 * ones)),
            lon_deg=np.concatenate((lon, -16 * ones)),
            sog_kn=np.concatenate((np.full(len(due), SPEED_KN), 0 * ones)),
            cog_deg=np.concatenate((self.cog[due], 0 * ones)),
            heading_deg=np.concatenate((self.cog[due], 0 * ones)),
        )
        messages["nav"] = np.concatenate((np.zeros(len(due)), NAV_SART * ones))
        messages["t_ms"], messages["sec"], messages["channel"] = round(now_s * 1000), int(now_s) % 60, ord("A")
        inside = self.mmsi[due[(due < self.crossers) & (np.round(lon * UNITS_PER_DEG) >= EDGE_DEG * UNITS_PER_DEG)]]  # as it is sent; the boundary is inside
        for mmsi in (*inside.tolist(), *(CALLER + 1000 + calls).tolist()):
            self.said_s.setdefault(int(mmsi), now_s)
        hearings = np.zeros(len(messages), HEARING_DTYPE)
        hearings["t_rx_ms"], hearings["message"] = messages["t_ms"], np.arange(len(messages))
        self.messages += len(messages)
        return encode_sentences(encode_payloads(messages, new_particulars(1)), hearings, SentenceState(["EX-bench"], "ms"))

    def write_files(self, folder: Path) -> tuple[Path, Path]:
        """Profile and zones of the measurement."""
        profile, zones = folder / "bench.toml", folder / "bench.geojson"
        profile.write_text(PROFILE, encoding="utf-8")
        zones.write_text(json.dumps(ZONE), encoding="utf-8")
        return profile, zones

    def _serve(self) -> None:
        try:
            client, _ = self.server.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            begun_s, at_s = time.monotonic(), 0.0
            with client:
                while at_s < self.seconds and not self.over.is_set():
                    time.sleep(max(0.0, at_s + MOMENT_S - (time.monotonic() - begun_s)))
                    self.late_s_max = max(self.late_s_max, time.monotonic() - begun_s - at_s - MOMENT_S)
                    client.sendall(self.lines(at_s, at_s + MOMENT_S, time.time()))
                    at_s += MOMENT_S
                self.done.set()
                self.over.wait(30)  # the connection stays: its end is no part of the measurement
        except BaseException as fault:  # told to who waits
            self.fault = fault
