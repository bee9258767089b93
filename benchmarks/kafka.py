"""A real broker on the same cores: positions a second from ingest to track, and seconds from byte to alert. `make bench-kafka`.

May live here: the broker, turns, rounds, goals, the table. May not: the roads (`kafka_roads`), the live sea (`kafka_latency`).
Every process may use every core that this one may use: broker, sender and reader share them. Roads take turns; wall time from
the first send to the last commit of the reader; medians. acks=all and lz4 everywhere.

    python -m benchmarks.kafka --rounds 3 --rows 5000000 --minutes 10
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import kafka_roads as roads
from benchmarks.contender import machine, spread
from benchmarks.kafka_feed import RATE
from benchmarks.kafka_latency import measure
from dogwatch.config import Kafka
from runners.broker import Broker
from runners.kafka_topics import init_topics

RESULT = Path(__file__).parent / "results" / "kafka.json"
GOAL_POSITIONS_PER_S, GOAL_ALERT_S = 1_000_000, 1.0
READER_READY_S = 4.0
CHILD_S_MAX = 600.0
Road = tuple[str, Callable[..., float], Callable[..., float], int]


def one_round(bootstrap: str, rows: np.ndarray, road: Road) -> float:
    """Wall seconds of one road, each side in a process of its own, on fresh topics."""
    _, send, take, n = road
    kafka = Kafka(bootstrap=bootstrap, prefix=f"bench-{time.time_ns()}.", snapshot_s=3600)
    init_topics(kafka)
    context = multiprocessing.get_context("spawn")
    sides = [(take, (kafka, n)), (send, (kafka, rows, n))]
    queues = [context.Queue() for _ in sides]
    children = [context.Process(target=_side, args=(queue, call, given)) for queue, (call, given) in zip(queues, sides, strict=True)]
    for child in children:
        child.start()
        time.sleep(READER_READY_S)
    done_s, begun_s = (queue.get(timeout=CHILD_S_MAX) for queue in queues)
    for child in children:
        child.join()
    return float(done_s - begun_s)


def throughput(bootstrap: str, rounds: int, n: int) -> dict[str, Any]:
    """Rows a second of each road, in turns."""
    rows = roads.positions()
    whole = roads.positions(n // 5)
    ways: list[tuple[Road, np.ndarray]] = [
        (("columns: ingest to track", roads.send_columns, roads.take_columns, n), rows),
        (("columns: ingest to track, with all its detectors", roads.send_columns, roads.take_tracks, n // 5), whole),
        (("one JSON record per message", roads.send_json, roads.take_json, n // 25), rows),
    ]
    seconds: dict[str, list[float]] = {}
    for number in range(rounds):
        for road, given in ways:
            seconds.setdefault(road[0], []).append(one_round(bootstrap, given, road))
            print(f"  round {number + 1}, {road[0]}: {road[3] / seconds[road[0]][-1]:,.0f} a second", flush=True)
    return {road[0]: {"rows": road[3], "seconds": spread(seconds[road[0]]), "per_s": spread([road[3] / s for s in seconds[road[0]]])} for road, _ in ways}


def goals(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What was asked for beside what was measured."""
    told = []
    if found["throughput"]:
        value = found["throughput"]["columns: ingest to track"]["per_s"]["median"]
        told.append({"goal": "positions a second, ingest to track", "asked": GOAL_POSITIONS_PER_S, "measured": value, "met": value >= GOAL_POSITIONS_PER_S})
    for name in ("crossing_alert_s", "distress_alert_s") if found["latency"] else ():
        value = found["latency"][name]["p99"]
        met = value <= GOAL_ALERT_S and not found["latency"]["alerts_missing"]
        told.append({"goal": f"p99 of {name}", "asked": GOAL_ALERT_S, "measured": value, "met": met})
    return told


def main() -> int:
    """Run, print, store; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="0 = no throughput")
    parser.add_argument("--rows", type=int, default=5_000_000, help="positions of the columns; the others send a fraction")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the live sea; at least 4, 0 = no latency")
    parser.add_argument("--rate", type=int, default=RATE, help="messages a second of the live sea")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    told = {"machine": machine(), "versions": {name: version(name) for name in ("kafka-python", "pyarrow", "lz4", "numpy", "numba")}}
    told["machine"]["cores_shared_by_broker_and_stages"] = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="dogwatch-bench-") as folder:
        broker = Broker.at(Path(folder) / "broker")
        broker.start()
        try:
            told["throughput"] = throughput(broker.bootstrap, options.rounds, options.rows) if options.rounds else {}
            live = Kafka(bootstrap=broker.bootstrap, prefix="bench-live.")
            told["latency"] = measure(live, Path(folder), options.minutes, options.rate) if options.minutes else {}
        finally:
            broker.stop()
    told["goals"] = goals(told)
    print(json.dumps({name: told[name] for name in ("throughput", "latency", "goals")}, indent=1))
    options.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0 if all(goal["met"] for goal in told["goals"]) else 1


def _side(queue: Any, call: Callable[..., float], given: tuple[Any, ...]) -> None:
    queue.put(call(*given))


if __name__ == "__main__":
    raise SystemExit(main())
