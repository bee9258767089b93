"""Nineteen consoles without a screen: each holds the vessel stream and the alert stream and reads all of both. For benchmarks/console.py.

May live here: the two protocols as a page speaks them. May not: figures, a browser. They run in a thread of their own, on one event loop.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from urllib.parse import urlsplit

import numpy as np
from websockets.asyncio.client import connect

from benchmarks.console_sea import MARKER_LAT, MARKER_LON

CLIENTS = 19
HEADER_BYTES = 24
STOP_S_MAX = 10.0


class Clients:
    """Start, let them listen, stop; then `markers` and `alerts` say what came when (UTC s)."""

    def __init__(self, url: str, count: int = CLIENTS) -> None:
        self.markers: list[tuple[int, float]] = []
        self.alerts: list[tuple[str, float]] = []
        self.frames = [0] * count
        self._url = url
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)

    def start(self) -> None:
        """Connect all."""
        self._thread.start()

    def stop(self) -> None:
        """Let go of all connections."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S_MAX)

    def alive(self) -> int:
        """How many got frames."""
        return sum(n > 2 for n in self.frames)

    async def _all(self) -> None:
        with urllib.request.urlopen(self._url + "api/v1/alerts?limit=1", timeout=10) as answer:
            cursor = json.load(answer)["cursor"]
        tasks = [asyncio.create_task(one) for i in range(len(self.frames)) for one in (self._vessels(i), self._events(cursor))]
        while not self._over.is_set():
            await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _vessels(self, number: int) -> None:
        async with connect(self._url.replace("http", "ws", 1) + "api/v1/vessels", max_size=None, compression=None) as socket:
            known: set[int] = set()
            async for frame in socket:
                assert isinstance(frame, bytes)
                self.frames[number] += 1
                at = time.time()
                for n in markers_in(frame):
                    if n not in known:
                        known.add(n)
                        self.markers.append((n, at))

    async def _events(self, cursor: str) -> None:
        where = urlsplit(self._url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port, limit=1 << 22)
        writer.write(f"GET /api/v1/events?after={cursor} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
        kind, known = b"", set()
        while line := await reader.readline():
            if line.startswith(b"event:"):
                kind = line[6:].strip()
            elif line.startswith(b"data:") and kind == b"alert":
                at, one = time.time(), json.loads(line[5:])["alert_id"]
                if one not in known:  # it comes again when a flood folds it away
                    known.add(one)
                    self.alerts.append((one, at))


def markers_in(frame: bytes) -> list[int]:
    """Running numbers of the markers in a frame: vessels on the markers' parallel, by their longitude."""
    n = int.from_bytes(frame[4:8], "little")
    lon, lat = (np.frombuffer(frame, "<i4", n, HEADER_BYTES + 4 * n * column) for column in (1, 2))
    here = np.abs(lat - MARKER_LAT * 50 // 3) <= 1
    numbers = np.round(lon[here] * 0.06).astype(np.int64) - MARKER_LON
    return [int(one) for one in numbers if 0 <= one < 10_000]
