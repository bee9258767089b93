"""A broker that goes away, for real: live sources go on, nothing that they said is lost, doubled or turned round."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from kafka_reading import committed
from test_kafka_pipeline import LATENESS_S, STAGE_S_MAX, Pipeline, wait_until, whole  # noqa: F401 - a fixture

from dogwatch.events import to_json
from runners import broker as house_broker
from runners import wire
from runners.broker import Broker
from runners.intake import Intake
from runners.lane import Lane
from runners.rules import read_config

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Iterator[Broker]:
    """One of our own, that may be killed. Each test leaves it at work."""
    if why := house_broker.missing():
        (pytest.fail if os.environ.get("DOGWATCH_REQUIRE_KAFKA") == "1" else pytest.skip)(f"no Kafka here: {why}")
    broker = Broker.at(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


def metric(line: Pipeline, name: str) -> float:
    """Value of a metric of the ingest stage without labels or with the source alone; -1 while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{read_config(line.file).metrics.port}/metrics", timeout=10) as answer:
            found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)", answer.read().decode(), re.MULTILINE)
    except OSError:
        return -1.0
    return float(found.group(1)) if found else -1.0


def test_the_broker_is_killed_while_a_source_goes_on_and_events_are_those_without(whole, broker, nursery, tmp_path):  # noqa: F811
    """A pipe, because it ends: then everything can be compared, byte for byte."""
    sea, events, alerts = whole
    pipe = tmp_path / "sea.fifo"
    os.mkfifo(pipe)
    gone = threading.Event()

    def write() -> None:
        with pipe.open("wb", buffering=0) as out:
            out.write(sea[: len(sea) // 3])
            gone.wait(STAGE_S_MAX)
            out.write(sea[len(sea) // 3 :])

    threading.Thread(target=write, daemon=True).start()
    line = Pipeline(tmp_path, broker.bootstrap, "away.", pipe, nursery)
    try:
        line.start("ingest")
        wait_until(lambda: metric(line, "dogwatch_ingest_bytes_total") >= 1 << 18, "a first block")
        line.start("track", "score")
        for stage in ("track", "score"):
            wait_until(lambda stage=stage: "first transaction" in line.log(stage), f"the {stage} stage at work")
        broker.kill()
        gone.set()
        wait_until(lambda: metric(line, "dogwatch_ingest_bytes_total") == len(sea), "the rest of the source, taken without a broker")
        wait_until(lambda: metric(line, "dogwatch_backlog_bytes") > len(sea) // 2, "it stands on disk")
        broker.start()
        line.finish("ingest", "track", "score")
    finally:
        line.stop()
    assert line.outcome() == (events, alerts)
    assert line.said_twice() == 0


class Mast:
    """A TCP source that sends on when told, to whoever is connected then."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(STAGE_S_MAX)
        self.port = self.listener.getsockname()[1]

    def connect(self) -> None:
        self.peer, _ = self.listener.accept()


def over_tcp(line: Pipeline, port: int) -> None:
    text = re.sub(r'kind = "file"\npath = "[^"]*"', f'kind = "tcp"\nport = {port}\nsilent_s = 600', line.file.read_text())
    line.file.write_text(text)


def test_ingest_and_broker_killed_and_every_row_that_was_accepted_comes_once_and_in_order(whole, broker, nursery, tmp_path):  # noqa: F811
    """The source goes on all the time; ingest is killed while the broker is away, and starts again before it is back."""
    sea = whole[0]
    cuts = [0, *(sea.index(b"\n", len(sea) * part // 4) + 1 for part in (1, 2, 3)), len(sea)]
    parts = [sea[start:stop] for start, stop in pairwise(cuts)]
    mast = Mast()
    line = Pipeline(tmp_path, broker.bootstrap, "killed.", tmp_path / "unused", nursery)
    over_tcp(line, mast.port)
    log = tmp_path / "data" / "input" / "killed-ingest-0"

    def accepted(n: int) -> bool:
        return metric(line, "dogwatch_ingest_bytes_total") >= n and time.sleep(0.5) is None

    try:
        line.start("ingest")
        mast.connect()
        mast.peer.sendall(parts[0])
        wait_until(lambda: accepted(len(parts[0])), "the first part")
        broker.kill()
        mast.peer.sendall(parts[1])
        wait_until(lambda: accepted(len(parts[0] + parts[1])), "the second, without a broker")
        line.kill("ingest")
        mast.peer.close()
        line.start("ingest")
        mast.connect()
        mast.peer.sendall(parts[2])
        wait_until(lambda: accepted(len(parts[2])), "the third, by a new process without a broker")
        assert metric(line, "dogwatch_ready") == 0
        broker.start()
        mast.peer.sendall(parts[3])
        wait_until(lambda: metric(line, "dogwatch_fixes_total") > 0, "work again")
        wait_until(lambda: 0 <= metric(line, "dogwatch_backlog_bytes") < 5_000, "everything committed but heartbeats, which have nothing to send")
        line.end("ingest")
    finally:
        line.stop()
    records = committed(line.kafka, "ais.fixes")
    batches = [wire.read_batch(record.value, wire.from_headers(record.headers, wire.FIXES)) for record in records]
    expected, events, alerts = Intake([Lane("sea.nmea", lateness_ms=LATENESS_S * 1000)]).feed("sea.nmea", sea, None)
    for name, calls in (("risk.events", events), ("risk.alerts", alerts)):
        assert {record.value for record in committed(line.kafka, name)} == {to_json(call) for call in calls} != set(), (
            f"{name}: no call is missing, each has one content"
        )
    rows = np.concatenate([batch.fixes for batch in batches])
    assert len(rows) == len(expected.fixes), "no row is lost, none comes twice"
    for name in ("t_ms", "mmsi", "lat", "lon"):
        assert (rows[name] == expected.fixes[name]).all(), f"{name}: every row in its place"
    told = [(at, row.kind) for at, batch in enumerate(batches) for row in batch.control if row.kind.startswith("system")]
    assert [kind for _, kind in told] == ["system_down", "system_up"]
    assert sum(len(batch.fixes) for batch in batches[: told[0][0]]) >= fixes_in(parts[0] + parts[1]) * 0.9, "the rest is drained before system_down is told"
    assert sum(path.stat().st_size for path in Path(log).glob("input-*")) < len(sea) * 2


def fixes_in(data: bytes) -> int:
    batch, _, _ = Intake([Lane("sea.nmea", lateness_ms=LATENESS_S * 1000)]).feed("sea.nmea", data, None)
    return len(batch.fixes)
