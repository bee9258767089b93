"""How long a call for help takes from its last byte on the wire to the board that every page reads, in a ten-fold flood.

May live here: one live run in this process, a sender beside it, and what it counts. May not: anything of the product's.
A simulated sea is sent over TCP at ten times a busy feed; twice a second a beacon that nobody has heard before calls in the midst of it. Run:
python -m benchmarks.distress [--lines-per-s N] [--calls N]. The same with a broker between: `distress_kafka`.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import socket
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from pyais.encode import encode_dict
from rich.console import Console

from console.board import Board
from dogwatch.alerts import Alert
from dogwatch.config import Config, Source
from dogwatch.config import Console as Page
from runners.live import run_live
from runners.simulated import read_scenario
from sim.simulate import simulate

BUSY_LINES_PER_S = 1000  # a national feed
FLOOD = 10
TICK_S = 0.02
STOP_S_MAX = 60.0


def main() -> int:
    """Measure and print one JSON line; exit code 1 where p99 is above a second or a call is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines-per-s", type=int, default=FLOOD * BUSY_LINES_PER_S)
    parser.add_argument("--calls", type=int, default=100)
    given = parser.parse_args()
    lines = b"".join(chunk.data for chunk in simulate(read_scenario("rescue"), 5)).splitlines(keepends=True)
    sent: dict[int, float] = {}
    came: dict[int, float] = {}
    publish = Board.publish

    def timed(board: Board, alert: Alert) -> None:
        publish(board, alert)
        if alert.kind == "distress":
            came.setdefault(alert.mmsi[0], time.perf_counter())

    Board.publish = timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as door:
        source = Source(id="flood", kind="tcp", host="127.0.0.1", port=door.getsockname()[1])
        config = Config(sources=[source], data_dir=str(Path(folder)), console=Page(port=0))
        stop = threading.Event()
        run = threading.Thread(target=run_live, args=(config, Console(file=io.StringIO()), stop), daemon=True)
        run.start()
        peer, _ = door.accept()
        total = send(peer, lines, given.lines_per_s, given.calls, sent)
        time.sleep(3)
        stop.set()
        run.join(STOP_S_MAX)
    took = np.array([came[mmsi] - sent[mmsi] for mmsi in sent if mmsi in came])
    p50, p99 = np.percentile(took, [50, 99]) if len(took) else (np.inf, np.inf)
    result = {"lines_per_s": round(total), "calls": len(sent), "arrived": len(took), "p50_ms": round(1000 * p50, 1), "p99_ms": round(1000 * p99, 1)}
    print(json.dumps({**result, "max_ms": round(1000 * float(took.max(initial=0)), 1)}))
    return int(len(took) < len(sent) or p99 > 1.0)


def send(peer: socket.socket, lines: list[bytes], rate: int, calls: int, sent: dict[int, float], *, warm_s: float = 0.0) -> float:
    """The sea at `rate` lines per second; after `warm_s` with `calls` in it, two a second. `sent`: MMSI -> moment. Returns the rate that was reached."""
    flood, begun, gone = itertools.cycle(lines), time.perf_counter(), 0
    for tick in itertools.count():
        due = int((tick + 1) * TICK_S * rate)
        peer.sendall(b"".join(itertools.islice(flood, max(0, due - gone))))
        gone = max(gone, due)
        if tick % 25 == 24 and tick * TICK_S >= warm_s:
            mmsi = 970_100_000 + len(sent)
            fields = {"type": 1, "mmsi": mmsi, "status": 14, "lat": 50.0 + len(sent) / 100, "lon": 3.0, "second": 60}
            peer.sendall(encode_dict(fields, talker_id="AI")[0].encode() + b"\r\n")
            sent[mmsi] = time.perf_counter()
        if len(sent) == calls:
            return gone / (time.perf_counter() - begun)
        time.sleep(max(0.0, begun + (tick + 1) * TICK_S - time.perf_counter()))
    raise AssertionError("counting ends with the calls")


if __name__ == "__main__":
    raise SystemExit(main())
