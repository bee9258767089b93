"""Reading topics in tests: what is committed by now, and what arrives from now on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from dogwatch.config import Kafka
from runners.kafka_client import new_consumer, topic


def committed(kafka: Kafka, name: str) -> list[Any]:
    """Every committed record of partition 0 of a topic."""
    from kafka import TopicPartition

    where = TopicPartition(topic(kafka, name), 0)
    found: list[Any] = []
    with contextlib.closing(new_consumer(kafka, "read")) as consumer:
        consumer.assign([where])
        consumer.seek_to_beginning(where)
        end = consumer.end_offsets([where])[where]
        while consumer.position(where) < end:
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
