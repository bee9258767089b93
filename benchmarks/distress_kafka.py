"""How long a call for help takes from its last byte to `ais.safety` and to `risk.alerts`, in a ten-fold flood and behind a slow broker.

May live here: a broker that is slowed down, the stages as processes, readers of committed records, what they count. May not: the flood (`distress`).
The embedded run is measured by `distress`; here ingest, track and score are processes with a broker of their own, all on the same cores. A slow
broker is one that the system stops (SIGSTOP) for `--stall-ms` of each `--every-ms` (1.3 s, so that calls twice a second meet it at every moment): whatever is
asked of it then waits. `ais.safety` is distress alone; in `risk.alerts` a reader of committed records also waits for the transactions of score that
are open there. Run:

    python -m benchmarks.distress_kafka [--lines-per-s N] [--calls N] [--stall-ms 300 [--every-ms 1300]]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.contender import machine
from benchmarks.distress import BUSY_LINES_PER_S, FLOOD, send
from dogwatch.alerts import alert_from_json
from dogwatch.config import Kafka
from runners.broker import Broker, free_port
from runners.kafka_client import STAGES, new_consumer, topic
from runners.kafka_topics import init_topics
from runners.simulated import read_scenario
from sim.simulate import simulate

ROOT = Path(__file__).resolve().parent.parent
RESULT = Path(__file__).parent / "results" / "distress-kafka.json"
GOAL_S = 1.0
WARM_S, GRACE_S = 20.0, 10.0
START_S_MAX, STOP_S_MAX = 180.0, 30.0
POLL_MS = 20
SETTINGS = """
profile = "border"
data_dir = "{folder}/data"
[[sources]]
id = "flood"
kind = "tcp"
host = "127.0.0.1"
port = {port}
[metrics]
port = {metrics_port}
[kafka]
bootstrap = "{bootstrap}"
"""


class Reader:
    """First sight of every caller in one topic, by a thread of its own. `came`: MMSI -> moment."""

    def __init__(self, kafka: Kafka, name: str, read: Callable[[bytes], list[int]]) -> None:
        self.kafka, self.name, self.read = kafka, name, read
        self.came: dict[int, float] = {}
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        from kafka import TopicPartition

        where = TopicPartition(topic(self.kafka, self.name), 0)
        with contextlib.closing(new_consumer(self.kafka, f"distress-{self.name}")) as consumer:
            consumer.assign([where])
            consumer.seek_to_beginning(where)
            while not self.stop.is_set():
                records = consumer.poll(timeout_ms=POLL_MS).get(where, [])
                now = time.perf_counter()
                for record in records:
                    for mmsi in self.read(record.value) if record.value else ():
                        self.came.setdefault(mmsi, now)


def callers_of_report(value: bytes) -> list[int]:
    """The sender of a record of `ais.safety`."""
    return [msgspec.json.decode(value)["mmsi"]]


def callers_of_alert(value: bytes) -> list[int]:
    """The vessels of a distress alert; none of any other."""
    alert = alert_from_json(value)
    return alert.mmsi if alert.kind == "distress" else []


@contextlib.contextmanager
def slowed(broker: Broker, stall_ms: float, every_ms: float) -> Iterator[None]:
    """The broker stands still for `stall_ms` of each `every_ms`."""
    over, pid = threading.Event(), broker.pid()

    def stall() -> None:
        while not over.wait((every_ms - stall_ms) / 1000):
            os.kill(pid, signal.SIGSTOP)
            try:
                over.wait(stall_ms / 1000)
            finally:
                os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=stall, daemon=True)
    if stall_ms:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if stall_ms:
            thread.join(STOP_S_MAX)


@contextlib.contextmanager
def stages(folder: Path, config: Path) -> Iterator[None]:
    """Ingest, track and score at work."""
    crew = []
    try:
        for stage in STAGES:
            with (folder / f"{stage}.log").open("wb") as log:
                command = [sys.executable, "-c", "from runners.cli import main; main()", stage, "--config", str(config)]
                crew.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log))
        yield
    finally:
        for stage, process in zip(STAGES, crew, strict=False):
            if process.poll() is not None:
                last = "\n".join((folder / f"{stage}.log").read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
                sys.stderr.write(f"the {stage} stage ended:\n{last}\n")
        for process in crew:
            process.kill()
        for process in crew:
            process.wait(STOP_S_MAX)


def measure(broker: Broker, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Seconds from the last byte of each call to both topics."""
    kafka = Kafka(bootstrap=broker.bootstrap)
    init_topics(kafka)
    lines = b"".join(chunk.data for chunk in simulate(read_scenario("rescue"), 5)).splitlines(keepends=True)
    sent: dict[int, float] = {}
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(START_S_MAX)
        config = folder / "distress.toml"
        known = {"folder": folder, "port": door.getsockname()[1], "metrics_port": free_port(), "bootstrap": broker.bootstrap}
        config.write_text(SETTINGS.format(**known), encoding="utf-8")
        readers = [Reader(kafka, "ais.safety", callers_of_report), Reader(kafka, "risk.alerts", callers_of_alert)]
        with stages(folder, config):
            peer, _ = door.accept()
            peer.settimeout(START_S_MAX)
            with peer, slowed(broker, given.stall_ms, given.every_ms):
                rate = send(peer, lines, given.lines_per_s, given.calls, sent, warm_s=WARM_S)
                time.sleep(GRACE_S)
    for reader in readers:
        reader.stop.set()
        reader.thread.join(STOP_S_MAX)
    told: dict[str, Any] = {"lines_per_s": round(rate), "calls": len(sent), "broker_stalled_ms": [given.stall_ms, given.every_ms]}
    return told | {reader.name: figures(sent, reader.came) for reader in readers}


def figures(sent: dict[int, float], came: dict[int, float]) -> dict[str, float]:
    """How many calls arrived, and the spread of their seconds."""
    took = np.array([came[mmsi] - sent[mmsi] for mmsi in sent if mmsi in came])
    p50, p99 = np.percentile(took, [50, 99]) if len(took) else (np.inf, np.inf)
    return {"arrived": len(took), "p50_ms": round(1000 * p50, 1), "p99_ms": round(1000 * p99, 1), "max_ms": round(1000 * float(took.max(initial=0)), 1)}


def main() -> int:
    """Measure, print and store; exit code 1 where p99 in `ais.safety` is above a second or a call is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines-per-s", type=int, default=FLOOD * BUSY_LINES_PER_S)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--stall-ms", type=float, default=0.0, help="so long the broker stands still ...")
    parser.add_argument("--every-ms", type=float, default=1300.0, help="... of each so many milliseconds")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dogwatch-distress-") as name:
        broker = Broker.at(Path(name) / "broker")
        broker.start()
        try:
            told = measure(broker, Path(name), given) | {"machine": machine()}
        finally:
            broker.stop()
    print(json.dumps(told))
    given.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    safe = told["ais.safety"]
    return int(safe["arrived"] < told["calls"] or safe["p99_ms"] > 1000 * GOAL_S)


if __name__ == "__main__":
    raise SystemExit(main())
