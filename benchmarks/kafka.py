"""A real broker on the same cores: positions a second from ingest to track, and seconds from byte to alert. `make bench-kafka`.

May live here: the broker, turns, rounds, goals, the table. May not: the roads (`kafka_roads`), the live sea (`kafka_latency`).
Every process may use every core that this one may use: broker, sender and reader share them. Roads take turns; wall time from
the first send to the last commit of the reader; medians. acks=all and lz4 everywhere. CPU seconds stand beside: where a machine is
busy with other things, they tell what the road costs. About twelve minutes, and nobody need watch.

    python -m benchmarks.kafka [--quick] [--rounds 3 --rows 5000000 --minutes 10]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from queue import Empty
from typing import Any

import numpy as np

from benchmarks import kafka_roads as roads
from benchmarks.contender import machine, spread
from benchmarks.kafka_feed import RATE
from benchmarks.kafka_latency import measure, process_cpu_s
from dogwatch.config import Kafka
from runners.broker import Broker, libs_path
from runners.kafka_topics import init_topics

RESULT = Path(__file__).parent / "results" / "kafka.json"
GOAL_POSITIONS_PER_S, GOAL_ALERT_S = 1_000_000, 1.0
COLUMNS, DETECTORS, RECORDS = "columns: ingest to track", "columns: ingest to track, with all its detectors", "one JSON record per message"
STRAIT_ROWS_PER_S = 29.0  # what the simulated strait says in a second: so many seconds need not be repeated
WHOLE: dict[str, Any] = {"rounds": 3, "rows": 5_000_000, "minutes": 10.0, "out": RESULT}
QUICK: dict[str, Any] = {"rounds": 1, "rows": 2_000_000, "minutes": 2.5, "out": None}
READER_READY_S = 6.0
CHILD_S_MAX, CHILD_STOP_S_MAX = 240.0, 10.0
Road = tuple[str, Callable[..., float], Callable[..., float], int]


def one_round(broker: Broker, rows: np.ndarray, road: Road) -> dict[str, float]:
    """Wall seconds of one road on fresh topics, each side in a process of its own, and the CPU seconds of each side and of the broker."""
    _, send, take, n = road
    kafka = Kafka(bootstrap=broker.bootstrap, prefix=f"bench-{time.time_ns()}.", snapshot_s=3600)
    init_topics(kafka)
    context = multiprocessing.get_context("spawn")
    queues = [context.Queue(), context.Queue()]
    reader = context.Process(target=_side, args=(queues[0], take, (kafka, n)))
    sender = context.Process(target=_side, args=(queues[1], send, (kafka, rows, n)))
    reader.start()
    time.sleep(READER_READY_S)
    broker_s = process_cpu_s(broker.pid())
    sender.start()
    try:
        (done_s, reader_s), (begun_s, sender_s) = _answer(queues[0], reader), _answer(queues[1], sender)
    finally:
        for child in (reader, sender):
            child.join(CHILD_STOP_S_MAX)
            child.kill()
    return {"wall": done_s - begun_s, "sender": sender_s, "reader": reader_s, "broker": process_cpu_s(broker.pid()) - broker_s}


def throughput(broker: Broker, rounds: int, n: int) -> dict[str, Any]:
    """Rows a second of each road, in turns, after a round that is not counted: the broker's machine code is made meanwhile."""
    rows = roads.positions()
    strait = roads.positions(n // 20, seconds=n / 20 / STRAIT_ROWS_PER_S)
    columns = (COLUMNS, roads.send_columns, roads.take_columns)
    ways: list[tuple[Road, np.ndarray, int]] = [
        ((*columns, n), rows, rounds),
        ((DETECTORS, roads.send_columns, roads.take_tracks, n // 20), strait, 1),
        ((RECORDS, roads.send_json, roads.take_json, n // 50), rows, rounds),
    ]
    one_round(broker, rows, (*columns, n // 5))
    found: dict[str, list[dict[str, float]]] = {}
    for number in range(rounds):
        for road, given, times in ways:
            if number < times:
                found.setdefault(road[0], []).append(one_round(broker, given, road))
                say(f"  round {number + 1}, {road[0]}: {road[3] / found[road[0]][-1]['wall']:,.0f} a second\n")
    return {road[0]: _rates(road[3], found[road[0]]) for road, *_ in ways}


def _rates(n: int, found: list[dict[str, float]]) -> dict[str, Any]:
    cpu = {side: round(statistics.median(one[side] for one in found) / n * 1e6, 3) for side in ("sender", "broker", "reader")}
    walls = [one["wall"] for one in found]
    return {"rows": n, "seconds": spread(walls), "per_s": spread([n / wall for wall in walls]), "cpu_s_per_million": cpu}


def goals(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What was asked for beside what was measured."""
    told = []
    if found["throughput"]:
        value = found["throughput"][COLUMNS]["per_s"]["median"]
        told.append({"goal": "positions a second, ingest to track", "asked": GOAL_POSITIONS_PER_S, "measured": value, "met": value >= GOAL_POSITIONS_PER_S})
    for name in ("crossing_alert_s", "distress_alert_s") if found["latency"] else ():
        value = found["latency"][name]["p99"]
        met = value <= GOAL_ALERT_S and not found["latency"]["alerts_missing"]
        told.append({"goal": f"p99 of {name}", "asked": GOAL_ALERT_S, "measured": value, "met": met})
    return told


def table(told: dict[str, Any]) -> str:
    """What was measured, for people."""
    lines = []
    if told.get("throughput"):
        lines.append(f"{'positions a second':48}{'median':>12}{'least':>12}{'most':>12}   CPU s a million: sender, broker, reader")
        for name, row in told["throughput"].items():
            rate, cpu = row["per_s"], row["cpu_s_per_million"]
            lines.append(
                f"{name:48}{rate['median']:12,.0f}{rate['min']:12,.0f}{rate['max']:12,.0f}   {cpu['sender']:.2f}, {cpu['broker']:.2f}, {cpu['reader']:.2f}"
            )
        times = told["throughput"][COLUMNS]["per_s"]["median"] / told["throughput"][RECORDS]["per_s"]["median"]
        lines.append(f"columns carry {times:.0f} times what one JSON record per message carries\n")
    if told.get("latency"):
        live = told["latency"]
        lines.append(f"{live['minutes']:g} minutes at {live['messages_per_s']:,} messages a second, {live['alerts_missing']} alerts missing")
        lines.append(f"{'seconds from byte to alert':48}{'n':>8}{'p50':>9}{'p95':>9}{'p99':>9}{'most':>9}")
        for name in ("crossing_alert_s", "crossing_alert_from_its_own_byte_s", "distress_alert_s"):
            lines.append(f"{name:48}{live[name]['n']:8}" + "".join(f"{live[name][part]:9.3f}" for part in ("p50", "p95", "p99", "max")))
        lines += [f"{'of ' + name:48}{cost['cores']:8.3f} cores{cost['mib_most']:9,.0f} MiB" for name, cost in live["costs"].items()]
    lines += [f"{'met' if goal['met'] else 'MISSED':7}{goal['goal']}: asked {goal['asked']:,}, measured {goal['measured']:,}" for goal in told["goals"]]
    return "\n".join(lines) + "\n"


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    """The command line; `--quick` fills in what was not said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="a look of four minutes: one round of 2,000,000, 2.5 minutes of the live sea; not stored unless --out is given"
    )
    parser.add_argument("--rounds", type=int, help="default 3; 0 = no throughput")
    parser.add_argument("--rows", type=int, help="positions of the columns (default 5,000,000); the others send a fraction")
    parser.add_argument("--minutes", type=float, help="of the live sea (default 10); at least 2.5, 0 = no latency")
    parser.add_argument("--rate", type=int, default=RATE, help="messages a second of the live sea")
    parser.add_argument("--out", type=Path, help=f"default {RESULT.relative_to(RESULT.parents[2])}")
    options = parser.parse_args(arguments)
    for name, value in (QUICK if options.quick else WHOLE).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run, print, store; 1 if a goal is missed."""
    options = options_of(arguments)
    told: dict[str, Any] = {"machine": machine(), "versions": {name: version(name) for name in ("kafka-python", "pyarrow", "lz4", "numpy", "numba")}}
    told["versions"]["kafka"] = kafka_version()
    told["machine"]["cores_shared_by_broker_and_stages"] = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="dogwatch-bench-") as folder:
        broker = Broker.at(Path(folder) / "broker")
        broker.start()
        try:
            told["throughput"] = throughput(broker, options.rounds, options.rows) if options.rounds else {}
            live = Kafka(bootstrap=broker.bootstrap, prefix="bench-live.")
            told["latency"] = measure(live, Path(folder), options.minutes, options.rate, broker.pid()) if options.minutes else {}
        finally:
            broker.stop()
    told["machine"]["load_1_min_after"] = round(os.getloadavg()[0], 2)
    told["goals"] = goals(told)
    say(table(told))
    if options.out:
        options.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0 if all(goal["met"] for goal in told["goals"]) else 1


def say(text: str) -> None:
    """To whoever waits."""
    sys.stdout.write(text)
    sys.stdout.flush()


def kafka_version() -> str:
    """Of the broker: the release in the name of its jar."""
    return next(libs_path().glob("kafka_2.13-*.jar")).stem.removeprefix("kafka_2.13-")


def _answer(queue: Any, child: Any) -> tuple[float, float]:
    """What a side says. Raises RuntimeError where it ended without a word, or says nothing for `CHILD_S_MAX`."""
    until_s = time.monotonic() + CHILD_S_MAX
    while time.monotonic() < until_s:
        with contextlib.suppress(Empty):
            value: tuple[float, float] = queue.get(timeout=1.0)
            return value
        if child.exitcode not in (None, 0):
            break
    raise RuntimeError(f"a side of the road ended with {child.exitcode}")


def _side(queue: Any, call: Callable[..., float], given: tuple[Any, ...]) -> None:
    import kafka  # noqa: F401 - its half second is no part of a position

    begun_s = time.process_time()
    queue.put((call(*given), time.process_time() - begun_s))


if __name__ == "__main__":
    raise SystemExit(main())
