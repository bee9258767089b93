"""A real broker for the tests: one for all workers of a run, on loopback, from Maven's jars. Skips (or fails) with the reason.

A run has a folder (`begin_run`, by the process that begins it); the first worker that needs a broker starts it there, under a lock, and whoever
began the run stops it (`end_run`). Tests do not meet in it: each has topics of its own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dogwatch.config import Kafka
from dogwatch.errors import DogwatchError
from runners import broker as house_broker
from runners import kafka_standby
from runners.kafka_topics import init_topics

RUN = "DOGWATCH_TEST_RUN"


def begin_run() -> None:
    """Make the folder that all workers of this run find."""
    os.environ[RUN] = tempfile.mkdtemp(prefix="dogwatch-tests-")


def end_run() -> None:
    """Stop the broker, if there was one, and leave nothing."""
    folder = Path(os.environ.pop(RUN))
    if (folder / "kafka" / "server.properties").exists():
        house_broker.Broker.at(folder / "kafka").stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """Address of a running broker. `DOGWATCH_TEST_KAFKA` names one that already runs; `DOGWATCH_REQUIRE_KAFKA=1` forbids skipping."""
    if given := os.environ.get("DOGWATCH_TEST_KAFKA"):
        yield given
        return
    give_up = pytest.fail if os.environ.get("DOGWATCH_REQUIRE_KAFKA") == "1" else pytest.skip
    if why := house_broker.missing():
        give_up(f"no Kafka here: {why}")
    folder = Path(os.environ[RUN])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            broker = house_broker.Broker.at(folder / "kafka")
            if not broker.pid():
                broker.start(detached=True)
        except DogwatchError as fault:
            give_up(f"no Kafka here: {fault}")
    yield broker.bootstrap


@pytest.fixture
def kafka_prefix(request: pytest.FixtureRequest) -> str:
    """Topics of their own for every test."""
    return f"t{os.getpid()}-{abs(hash(request.node.nodeid)) % 10**9}."


@pytest.fixture
def kafka(kafka_bootstrap: str, kafka_prefix: str) -> Kafka:
    """A deployment of its own, with topics."""
    kafka = Kafka(bootstrap=kafka_bootstrap, prefix=kafka_prefix, snapshot_s=0.0)
    init_topics(kafka)
    return kafka


@pytest.fixture
def soon_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that was left without a word is given up after half a second, not five: here nobody else works the stage, so nobody can be mistaken."""
    monkeypatch.setattr(kafka_standby, "SILENCE_S", 0.5)
