"""From the last byte of the deciding sentence to the alert that a reader of committed records sees. For `kafka`.

May live here: the stages as processes, what they cost, the reader, percentiles. May not: the sea (`kafka_feed`), throughput.
house.md's measure: the source's lateness is taken off for alerts that wait for it; distress waits for nothing.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kafka_feed import CALLER, Feed
from dogwatch.alerts import alert_from_json
from dogwatch.config import Kafka
from runners.broker import free_port
from runners.kafka_client import new_consumer, topic
from runners.kafka_topics import init_topics

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("score", "track", "ingest")
LATENESS_S = 5.0
WARM_S, WARM_SHARE = 90.0, 0.4  # of the feed, at most this share of it: stages have just begun, and the first minute that is decided loads every kernel
START_S_MAX, STOP_S_MAX = 90.0, 30.0
GRACE_S = 3.0
MINUTE_S = 60.0  # detectors decide once a minute of event time: the duration that every rule has
POLL_MS = 50
SETTINGS = """
profile = "{profile}"
zones = ["{zones}"]
data_dir = "{folder}/data"
[[sources]]
id = "sea"
kind = "tcp"
port = {port}
lateness_s = {lateness_s}
[metrics]
port = {metrics_port}
[kafka]
bootstrap = "{bootstrap}"
prefix = "{prefix}"
"""


def measure(kafka: Kafka, folder: Path, minutes: float, rate: int, broker_pid: int) -> dict[str, Any]:
    """Latency of crossings and of distress calls over `minutes` at `rate` messages a second, and what the processes cost meanwhile."""
    init_topics(kafka)
    feed = Feed(minutes, rate)
    profile, zones = feed.write_files(folder)
    config = folder / "bench-kafka.toml"
    known = {"profile": profile, "zones": zones, "folder": folder, "port": feed.port, "lateness_s": LATENESS_S, "metrics_port": free_port()}
    config.write_text(SETTINGS.format(bootstrap=kafka.bootstrap, prefix=kafka.prefix, **known), encoding="utf-8")
    feed.thread.start()
    crew: list[subprocess.Popen[bytes]] = []
    try:
        for stage in STAGES:
            with (folder / f"{stage}.log").open("wb") as log:
                command = [sys.executable, "-c", "from runners.cli import main; main()", stage, "--config", str(config)]
                crew.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log))
        seats = Costs({"broker": broker_pid} | {stage: process.pid for stage, process in zip(STAGES, crew, strict=True)})
        seen_s = _watch(kafka, feed, crew, seats, folder)
        costs = seats.told()
    finally:
        feed.over.set()
        for process in crew:
            process.terminate()
        for process in crew:
            try:
                process.wait(STOP_S_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
    return _told(feed, seen_s) | {"costs": costs}


class Costs:
    """CPU of processes from `begin` on, and the most memory that each ever had."""

    def __init__(self, pids: dict[str, int]) -> None:
        self.pids = pids
        self.begin()

    def begin(self) -> None:
        """From here on it counts: what went before was starting."""
        self.at_s, self.cpu_s = time.monotonic(), {name: process_cpu_s(pid) for name, pid in self.pids.items()}

    def told(self) -> dict[str, dict[str, float]]:
        """Name -> share of a core, MiB; of those that are still there."""
        seconds = time.monotonic() - self.at_s
        return {
            name: {"cores": round((process_cpu_s(pid) - self.cpu_s[name]) / seconds, 4), "mib_most": memory_mib_most(pid)}
            for name, pid in self.pids.items()
            if process_cpu_s(pid)
        }


def process_cpu_s(pid: int) -> float:
    """CPU seconds of a process so far, user and system; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib_most(pid: int) -> float:
    """MiB of memory that a process held at most; 0 where the system does not tell."""
    try:
        words = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").split("VmHWM:")[1].split()
    except (OSError, IndexError):
        return 0.0
    return round(int(words[0]) / 1024)


def _watch(kafka: Kafka, feed: Feed, crew: list[subprocess.Popen[bytes]], costs: Costs, folder: Path) -> dict[int, float]:
    """MMSI -> UTC second at which its first alert was seen. Raises RuntimeError with the last words of a stage that ends."""
    from kafka import TopicPartition

    seen_s: dict[int, float] = {}
    where = TopicPartition(topic(kafka, "risk.alerts"), 0)
    with contextlib.closing(new_consumer(kafka, "bench-reader")) as consumer:
        consumer.assign([where])
        consumer.seek_to_beginning(where)
        until_s, warm = time.monotonic() + feed.seconds + START_S_MAX, False
        while time.monotonic() < until_s and not feed.done.is_set():
            if not warm and feed.said_s and time.time() >= next(iter(feed.said_s.values())) + warm_s(feed):
                costs.begin()
                warm = True
            found = consumer.poll(timeout_ms=POLL_MS).get(where, [])
            now_s = time.time()
            for record in found:
                for mmsi in alert_from_json(record.value).mmsi:
                    seen_s.setdefault(mmsi, now_s)
            if dead := [stage for stage, process in zip(STAGES, crew, strict=True) if process.poll() is not None]:
                raise RuntimeError("\n".join(f"{stage} ended: {(folder / f'{stage}.log').read_text(errors='replace')[-2000:]}" for stage in dead))
            if feed.fault:
                raise feed.fault
    return seen_s


def _told(feed: Feed, seen_s: dict[int, float]) -> dict[str, Any]:
    begun_s = min(feed.said_s.values())
    counted = {mmsi: said for mmsi, said in feed.said_s.items() if said >= begun_s + warm_s(feed) and due_s(mmsi, said) + GRACE_S < begun_s + feed.seconds}
    crossings = {mmsi: said for mmsi, said in counted.items() if mmsi < CALLER and mmsi in seen_s}
    return {
        "minutes": feed.seconds / 60,
        "messages": feed.messages,
        "messages_per_s": round(feed.messages / feed.seconds),
        "lateness_s": LATENESS_S,
        "feed_late_s_max": round(feed.late_s_max, 3),
        "alerts_missing": sum(mmsi not in seen_s for mmsi in counted),
        "crossing_alert_s": percentiles([seen_s[mmsi] - due_s(mmsi, said) for mmsi, said in crossings.items()]),
        "crossing_alert_from_its_own_byte_s": percentiles([seen_s[mmsi] - said for mmsi, said in crossings.items()]),
        "distress_alert_s": percentiles([seen_s[mmsi] - said for mmsi, said in counted.items() if mmsi >= CALLER and mmsi in seen_s]),
    }


def warm_s(feed: Feed) -> float:
    """Seconds at the beginning of a feed that are not counted."""
    return min(WARM_S, WARM_SHARE * feed.seconds)


def due_s(mmsi: int, said_s: float) -> float:
    """The UTC second from which latency counts: distress its own byte; else the byte that lets the watermark pass the minute in which it was said."""
    return said_s if mmsi >= CALLER else (said_s // MINUTE_S + 1) * MINUTE_S + LATENESS_S


def percentiles(values: list[float]) -> dict[str, float]:
    """Count, median, p95, p99, greatest."""
    p50, p95, p99 = np.percentile(values, (50, 95, 99)) if values else (np.nan,) * 3
    return {
        "n": len(values),
        "p50": round(float(p50), 3),
        "p95": round(float(p95), 3),
        "p99": round(float(p99), 3),
        "max": round(max(values, default=np.nan), 3),
    }
