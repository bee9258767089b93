"""A real broker for the tests: one per test session, on loopback, from Maven's jars. Skips (or fails) with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dogwatch.config import Kafka
from dogwatch.errors import DogwatchError
from runners import broker as house_broker
from runners.kafka_topics import init_topics


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running broker. `DOGWATCH_TEST_KAFKA` names one that already runs; `DOGWATCH_REQUIRE_KAFKA=1` forbids skipping."""
    if given := os.environ.get("DOGWATCH_TEST_KAFKA"):
        yield given
        return
    give_up = pytest.fail if os.environ.get("DOGWATCH_REQUIRE_KAFKA") == "1" else pytest.skip
    if why := house_broker.missing():
        give_up(f"no Kafka here: {why}")
    try:
        broker = house_broker.Broker.at(tmp_path_factory.mktemp("kafka"))
        broker.start()
    except DogwatchError as fault:
        give_up(f"no Kafka here: {fault}")
    try:
        yield broker.bootstrap
    finally:
        broker.stop()


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
