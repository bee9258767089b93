"""How long a stage stands still when its worker is gone: seconds from the kill to the first transaction of its successor.

May live here: the kills, who works at the moment, the table. May not: the sea (`kafka_feed`), what a stage does.
A sea of 1,000 messages a second comes over TCP through ingest, track and score, each a process, with a broker of their own that nobody touches. One
worker is killed at a time, again only when its successor works and a standby stands by. Three cases for track and for score:

    standby             a second worker on this machine, which sees that the process is dead
    standby elsewhere   the owner is stopped (SIGSTOP), so that only its silence tells, as with a machine that has burnt down
    restarted           no standby: a new process is started in the moment of the kill

Each case has its share of `--minutes` and ends with it, so that the run takes about that long on any machine and nobody need watch; how many
kills it came to stands in the table. A case comes to `KILLS_LEAST` even where that takes longer.

    python -m benchmarks.takeover [--minutes 8] [--kills 20]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.chaos_victim import moments
from benchmarks.contender import machine
from benchmarks.kafka_feed import Feed
from benchmarks.nursery import Child, Nursery
from dogwatch.config import Kafka
from runners.broker import Broker
from runners.kafka_topics import init_topics

ROOT = Path(__file__).resolve().parent.parent
RESULT = Path(__file__).parent / "results" / "takeover.json"
GOAL_S = 10.0
PROGRAM = "from runners.cli import main; main()"
RATE, FEED_MINUTES_MORE = 1000, 20.0  # the sea goes on for so long after the time is over: the least kills on a slow machine
READY, STANDBY = "first transaction", "standby, another worker"
STAGES_SHOT = ("track", "score")
STANDBY_HERE, STANDBY_ELSEWHERE, RESTARTED = "standby", "standby elsewhere", "restarted"
SHARES = {STANDBY_HERE: 0.25, STANDBY_ELSEWHERE: 0.4, RESTARTED: 0.35}  # of a stage's time
KILLS_LEAST = 5
LOOK_S, REST_S = 0.02, (0.5, 2.5)
WAIT_S_MAX, STOP_S_MAX = 120.0, 30.0
SETTINGS = """
profile = "{profile}"
zones = ["{zones}"]
data_dir = "{folder}/data"
[[sources]]
id = "feed"
kind = "tcp"
host = "127.0.0.1"
port = {port}
lateness_s = 5
[metrics]
enabled = false
[kafka]
bootstrap = "{bootstrap}"
snapshot_s = 10
"""


class Seat:
    """The workers of one stage. Each process has a log of its own; the one that came to work last has the place."""

    def __init__(self, stage: str, folder: Path, config: Path, nursery: Nursery) -> None:
        self.stage, self.folder, self.config, self.nursery = stage, folder, config, nursery
        self.workers: dict[Path, subprocess.Popen[bytes] | Child] = {}
        self.born = 0

    def start(self, *, from_nothing: bool = False) -> Path:
        """One more worker; its log. from_nothing: by the real command, imports and all; a standby has done them when its turn comes."""
        self.born += 1
        log, arguments = self.folder / f"{self.stage}-{self.born}.log", [self.stage, "--config", str(self.config)]
        if not from_nothing:
            self.workers[log] = self.nursery.start(arguments, log)
            return log
        with log.open("wb") as out:
            self.workers[log] = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, stdout=out, stderr=out)
        return log

    def wait(self, log: Path, words: str) -> float:
        """The UNIX second at which a worker said `words`. Raises SystemExit for one that ends, or never says it."""
        until_s = time.monotonic() + WAIT_S_MAX
        while not (said := moments(log, words)):
            if self.workers[log].poll() is not None or time.monotonic() > until_s:
                raise SystemExit(f"{log.stem} does not say '{words}':\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(LOOK_S)
        return said[0]

    @property
    def owner(self) -> Path:
        """The log of the one at work."""
        return max(self.workers, key=lambda log: max(moments(log, READY), default=0.0))

    def shoot(self, case: str, dice: random.Random) -> float:
        """Kill the one at work; seconds until its successor's first transaction. Afterwards there is one at work, and a standby where there was one."""
        time.sleep(dice.uniform(*REST_S))
        victim = self.workers.pop(self.owner)
        gone = time.time()
        victim.send_signal(signal.SIGSTOP if case == STANDBY_ELSEWHERE else signal.SIGKILL)
        successor = self.start(from_nothing=True) if case == RESTARTED else next(iter(self.workers))
        took = self.wait(successor, READY) - gone
        victim.kill()
        victim.wait(STOP_S_MAX)
        if case != RESTARTED:
            self.wait(self.start(), STANDBY)
        return took

    def dismiss(self) -> None:
        """Kill whoever is not at work."""
        for log in set(self.workers) - {self.owner}:
            idle = self.workers.pop(log)
            idle.kill()
            idle.wait(STOP_S_MAX)

    def stop(self) -> None:
        """Kill all of them."""
        for worker in self.workers.values():
            worker.kill()
        for worker in self.workers.values():
            worker.wait(STOP_S_MAX)


@contextlib.contextmanager
def deployment(folder: Path, broker: Broker, feed: Feed) -> Iterator[dict[str, Seat]]:
    """A worker of every stage, at work."""
    init_topics(Kafka(bootstrap=broker.bootstrap))
    profile, zones = feed.write_files(folder)
    config = folder / "takeover.toml"
    config.write_text(SETTINGS.format(profile=profile, zones=zones, folder=folder, port=feed.port, bootstrap=broker.bootstrap), encoding="utf-8")
    nursery = Nursery()
    seats = {stage: Seat(stage, folder, config, nursery) for stage in ("ingest", "track", "score")}
    feed.thread.start()
    try:
        for seat, log in [(seat, seat.start()) for seat in seats.values()]:
            seat.wait(log, READY)
        yield seats
    finally:
        feed.over.set()
        for seat in seats.values():
            seat.stop()
        nursery.close()


def measure(seats: dict[str, Seat], kills: int, minutes: float, say: Callable[[str], object]) -> dict[str, dict[str, Any]]:
    """Stage and case -> what its kills took, at most `kills` of each."""
    told: dict[str, dict[str, Any]] = {}
    dice = random.Random(1)
    for stage in STAGES_SHOT:
        seat = seats[stage]
        seat.wait(seat.start(), STANDBY)
        for case, share in SHARES.items():
            if case == RESTARTED:
                seat.dismiss()
            until_s, took = time.monotonic() + share * minutes * 60 / len(STAGES_SHOT), []
            while len(took) < kills and (time.monotonic() < until_s or len(took) < KILLS_LEAST):
                took.append(seat.shoot(case, dice))
            told[f"{stage}, {case}"] = spread(took)
            say(f"{stage}, {case}: {spread(took)}\n")
    return told


def spread(took: list[float]) -> dict[str, Any]:
    """Number, median, p95 and most, in seconds."""
    p50, p95 = np.percentile(took, [50, 95])
    return {"kills": len(took), "median_s": round(float(p50), 2), "p95_s": round(float(p95), 2), "max_s": round(max(took), 2)}


def main() -> int:
    """Measure, print and store; exit code 1 where a standby took longer than ten seconds once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8.0, help="of all kills together (default %(default)s)")
    parser.add_argument("--kills", type=int, default=20, help="of each stage in each case at most (default %(default)s)")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    before = machine()
    with tempfile.TemporaryDirectory(prefix="dogwatch-takeover-") as name:
        broker = Broker.at(Path(name) / "broker")
        broker.start()
        try:
            with deployment(Path(name), broker, Feed(given.minutes + FEED_MINUTES_MORE, RATE)) as seats:
                told = measure(seats, given.kills, given.minutes, sys.stderr.write)
        finally:
            broker.stop()
    given.out.write_text(json.dumps({"takeover": told, "machine": before | {"load_1_min_after": machine()["load_1_min"]}}, indent=2) + "\n", encoding="utf-8")
    return int(any(row["max_s"] > GOAL_S for name, row in told.items() if "standby" in name))


if __name__ == "__main__":
    raise SystemExit(main())
