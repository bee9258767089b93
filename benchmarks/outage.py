"""A broker that is really away while a live source goes on: what is kept, what is caught up with, what it costs. `make outage`.

May live here: the broker's absence, the paced source, samples, the verdict. May not: the sea (`chaos_sea`), comparing (`chaos_judge`).
A simulated sea comes through a named pipe at an even pace, as from a radio that nobody can ask again, into ingest, track and score, each a process,
with a broker of their own. Everything is at work, then the broker is killed (SIGKILL) and stays away for OUTAGE_MINUTES; the sea goes on all the
time, and for a while afterwards. In the end the committed events and alerts must be those of one quiet embedded run, byte for byte, and every row
of `ais.fixes` must stand there once, in the order of the sea. Run:

    python -m benchmarks.outage --minutes 10
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.chaos_judge import judge
from benchmarks.chaos_sea import LATENESS_S, PROFILE, SOURCE, Sea, make_sea
from benchmarks.contender import machine
from dogwatch.config import Kafka
from runners import wire
from runners.broker import Broker, free_port
from runners.intake import Intake
from runners.kafka_client import new_consumer, topic, worker_id
from runners.kafka_topics import init_topics
from runners.lane import Lane

ROOT = Path(__file__).resolve().parent.parent
RESULT = Path(__file__).parent / "results" / "outage.json"
STAGES = ("score", "track", "ingest")
BEFORE_S, AFTER_S = 20.0, 20.0  # of the sea, with a broker; the rest of it comes without
SEA_MINUTES = 60.0
TICK_S, SAMPLE_S = 0.05, 0.25
CAUGHT_UP_BYTES = 256 << 10
ON_THE_WAY_BYTES = 256 << 10  # in the pipe and in the reader's hands when the broker comes back
READY = b"first transaction"
START_S_MAX, FINISH_S_MAX, STOP_S_MAX = 180.0, 600.0, 30.0
SETTINGS = """
profile = "{profile}"
data_dir = "{folder}/data"
[[sources]]
id = "{source}"
kind = "file"
path = "{pipe}"
lateness_s = {lateness_s}
[metrics]
port = {metrics_port}
[kafka]
bootstrap = "{bootstrap}"
prefix = "{prefix}"
snapshot_s = 10
"""


class Radio:
    """The sea through a pipe at an even pace; `said` bytes have left. A lead of it comes at once, so that there is work before the clock starts."""

    def __init__(self, pipe: Path, data: bytes, seconds: float) -> None:
        self.pipe, self.data, self.seconds, self.said = pipe, data, seconds, 0
        self.go = threading.Event()
        self.fault: BaseException | None = None
        self.thread = threading.Thread(target=self._speak, daemon=True)

    def _speak(self) -> None:
        try:
            lead = len(self.data) // 10
            with self.pipe.open("wb", buffering=0) as out:
                self._say(out, lead)
                self.go.wait(START_S_MAX)
                begun_s = time.monotonic()
                while self.said < len(self.data):
                    share = min(1.0, (time.monotonic() - begun_s) / self.seconds)
                    self._say(out, lead + round(share * (len(self.data) - lead)))
                    time.sleep(TICK_S)
        except BaseException as fault:  # told to who waits
            self.fault = fault

    def _say(self, out: Any, upto: int) -> None:
        while self.said < upto:
            self.said += out.write(self.data[self.said : min(upto, self.said + 65536)])


class Crew:
    """The stages as processes, and what ingest costs."""

    def __init__(self, folder: Path, config: Path, log: Path) -> None:
        self.folder, self.log = folder, log
        self.memory_mb, self.disk_bytes = 0.0, 0
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for stage in STAGES:
            with (folder / f"{stage}.log").open("wb") as out:
                command = [sys.executable, "-c", "from runners.cli import main; main()", stage, "--config", str(config), "--until-end"]
                self.processes[stage] = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)

    def sample(self) -> None:
        """Memory of ingest now, bytes of its log now; the peaks are kept. Raises for a stage that has failed."""
        for stage, process in self.processes.items():
            if process.poll() not in (None, 0):
                raise SystemExit(f"{stage} ended with {process.returncode}:\n{(self.folder / f'{stage}.log').read_text(errors='replace')[-2000:]}")
        self.disk_bytes = max(self.disk_bytes, self.on_disk())
        self.memory_mb = max(self.memory_mb, self.memory())

    def memory(self) -> float:
        """Resident MB of ingest; 0 when it is over."""
        try:
            return int(Path(f"/proc/{self.processes['ingest'].pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
        except (OSError, IndexError):
            return 0.0

    def on_disk(self) -> int:
        """Bytes of the backlog."""
        total = 0
        for path in self.log.glob("input-*"):
            try:
                total += path.stat().st_size
            except FileNotFoundError:  # committed meanwhile
                continue
        return total

    def wait(self, condition: Callable[[], bool], limit_s: float, what: str) -> float:
        """Seconds until it holds, sampling all the while. Raises after the limit."""
        begun_s = time.monotonic()
        while not condition():
            if time.monotonic() - begun_s > limit_s:
                raise SystemExit(f"waited {limit_s:.0f} s in vain for {what}")
            self.sample()
            time.sleep(SAMPLE_S)
        return time.monotonic() - begun_s

    def caught_up(self) -> bool:
        """Whether next to nothing that ingest has taken waits for the broker, by its own metrics, or ingest is over."""
        if self.processes["ingest"].poll() == 0:
            return True
        where = re.search(r"metrics at (http://\S+)", (self.folder / "ingest.log").read_text(errors="replace"))
        if where is None:
            return False
        try:
            with urllib.request.urlopen(where.group(1), timeout=10) as answer:
                waiting = re.search(r"^dogwatch_backlog_bytes (\S+)", answer.read().decode(), re.MULTILINE)
        except OSError:
            return False
        return waiting is not None and float(waiting.group(1)) < CAUGHT_UP_BYTES

    def at_work(self) -> bool:
        """Whether track and score have come to their first transaction."""
        return all(READY in (self.folder / f"{stage}.log").read_bytes() for stage in ("track", "score"))

    def over(self) -> bool:
        """Whether all stages have come to the end of the sea."""
        return all(process.poll() == 0 for process in self.processes.values())

    def stop(self) -> None:
        """End what still runs."""
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait(STOP_S_MAX)


def outage(broker: Broker, folder: Path, sea: Sea, minutes: float) -> dict[str, Any]:
    """One absence: what was said meanwhile, what it cost, how long catching up took, and in `faults` whatever is not as it should be."""
    kafka = Kafka(bootstrap=broker.bootstrap, prefix="outage.")
    init_topics(kafka)
    pipe, config = folder / "sea.fifo", folder / "outage.toml"
    os.mkfifo(pipe)
    known = {"profile": PROFILE, "folder": folder, "source": SOURCE, "pipe": pipe, "lateness_s": LATENESS_S, "metrics_port": free_port()}
    config.write_text(SETTINGS.format(bootstrap=kafka.bootstrap, prefix=kafka.prefix, **known), encoding="utf-8")
    data, away_s = sea.file.read_bytes(), 60 * minutes
    radio = Radio(pipe, data, BEFORE_S + away_s + AFTER_S)
    radio.thread.start()
    crew = Crew(folder, config, folder / "data" / "input" / worker_id(kafka, "ingest"))
    try:
        crew.wait(crew.at_work, START_S_MAX, "the stages at work")
        radio.go.set()
        _pass(crew, BEFORE_S)
        crew.memory_mb, crew.disk_bytes = 0.0, 0
        before_mb, before = crew.memory(), radio.said
        broker.kill()
        _pass(crew, away_s)
        said, kept, peak_mb = radio.said - before, crew.on_disk(), crew.memory_mb
        broker.start()
        told = {"caught_up_s": round(crew.wait(crew.caught_up, FINISH_S_MAX, "the backlog to be sent"), 1)}
        told["over_s"] = round(crew.wait(crew.over, FINISH_S_MAX + AFTER_S, "the end of the sea"), 1)
        if radio.fault:
            raise radio.fault
    finally:
        crew.stop()
    told |= {"outage_minutes": minutes, "lines": data.count(b"\n"), "bytes": len(data), "bytes_said_without_a_broker": said}
    told |= {"lines_per_s_without_a_broker": round(said / len(data) * data.count(b"\n") / away_s), "on_disk_at_its_end_bytes": kept}
    told |= {"on_disk_peak_bytes": crew.disk_bytes, "ingest_mb_before": round(before_mb), "ingest_mb_peak_without_a_broker": round(peak_mb)}
    told |= {"ingest_mb_peak": round(crew.memory_mb), **judge(kafka, sea)}
    told["rows"], faults = rows_in_order(kafka, data)
    told["faults"] += faults
    if kept < said - ON_THE_WAY_BYTES:
        told["faults"].append(f"{said} bytes were said without a broker, and {kept} stand on disk")
    return told


def _pass(crew: Crew, seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        crew.sample()
        time.sleep(SAMPLE_S)


def rows_in_order(kafka: Kafka, data: bytes) -> tuple[int, list[str]]:
    """Rows of `ais.fixes`, and what is wrong with them beside the same bytes decoded in one piece."""
    from kafka import TopicPartition

    where, rows = TopicPartition(topic(kafka, "ais.fixes"), 0), []
    until_s = time.monotonic() + FINISH_S_MAX
    with contextlib.closing(new_consumer(kafka, "judge")) as consumer:
        consumer.assign([where])
        consumer.seek_to_beginning(where)
        end = consumer.end_offsets([where])[where]
        while consumer.position(where) < end:
            if time.monotonic() > until_s:
                raise SystemExit(f"{where.topic} stops at offset {consumer.position(where)} of {end}")
            for record in consumer.poll(timeout_ms=500).get(where, []):
                rows.append(wire.read_batch(record.value, wire.from_headers(record.headers, wire.FIXES)).fixes)
    found = np.concatenate(rows)
    expected = Intake([Lane(SOURCE, lateness_ms=round(LATENESS_S * 1000))]).feed(SOURCE, data, None, final=True)[0].fixes
    return len(found), differences(found, expected)


def differences(found: np.ndarray, expected: np.ndarray) -> list[str]:
    """Sentences about fixes that are lost, doubled or in another order than those expected."""
    if len(found) != len(expected):
        return [f"{len(found)} rows of {len(expected)}"]
    return [f"{name} differs: rows are not in the order of the sea" for name in ("t_ms", "mmsi", "lat", "lon") if (found[name] != expected[name]).any()]


def main() -> int:
    """Run, print, store; 1 where anything is lost, doubled or turned round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="that the broker stays away")
    parser.add_argument("--sea-minutes", type=float, default=SEA_MINUTES, help="of the sea, which is played in the time that there is")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dogwatch-outage-") as name:
        folder = Path(name)
        sea = make_sea(folder / "sea", given.seed, given.sea_minutes)
        broker = Broker.at(folder / "broker")
        broker.start()
        try:
            told = {"seed": given.seed, **outage(broker, folder, sea, given.minutes), "machine": machine()}
        finally:
            broker.stop()
    print(json.dumps(told, indent=1))
    given.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return int(bool(told["faults"]))


if __name__ == "__main__":
    raise SystemExit(main())
