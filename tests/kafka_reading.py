"""Reading topics in tests: what is committed by now, and what arrives from now on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from dogwatch.config import Kafka
from runners.kafka_client import new_consumer, topic

READ_S_MAX = 60.0


def committed(kafka: Kafka, name: str, partition: int = 0) -> list[Any]:
    """Every committed record of a partition of a topic."""
    from kafka import TopicPartition

    where = TopicPartition(topic(kafka, name), partition)
    found: list[Any] = []
    with contextlib.closing(new_consumer(kafka, "read")) as consumer:
        consumer.assign([where])
        consumer.seek_to_beginning(where)
        end = consumer.end_offsets([where])[where]
        until_s = time.monotonic() + READ_S_MAX
        while consumer.position(where) < end:
            assert time.monotonic() < until_s, f"{where.topic} stops at {consumer.position(where)} of {end}"
            found += consumer.poll(timeout_ms=500).get(where, [])
    return found


@contextlib.contextmanager
def reader_of(kafka: Kafka, name: str) -> Iterator[Callable[[], list[Any]]]:
    """A function that returns what has been committed to a topic since it was last called."""
    from kafka import TopicPartition

    where = TopicPartition(topic(kafka, name), 0)
    with contextlib.closing(new_consumer(kafka, "watch")) as consumer:
        consumer.assign([where])
        consumer.seek_to_beginning(where)
        yield lambda: consumer.poll(timeout_ms=20).get(where, [])
