"""Dead letters: input that a stage cannot work on, set aside whole with the reason. May hold: the letter, the count in a row. May not: read, commit.

A letter in `dogwatch.dlq` is the record as it came (value, and its headers behind ours), with stage, topic, partition, offset and reason in front.
It is sent in the transaction that moves past the record: set aside once, or still to come. Three letters in a row from one producer
on one input are no accident: that input is paused until the stage is started again, so that a wrong writer does not empty a topic into the drawer.
"""

from __future__ import annotations

from typing import Any

from dogwatch.config import Kafka
from dogwatch.errors import DogwatchError, SurroundingsError
from runners.kafka_client import topic
from runners.wire import Record

IN_A_ROW_MAX = 3
REASON_CHARS_MAX = 500
FAULTS = (ArithmeticError, AssertionError, LookupError, TypeError, ValueError)  # what a step does with values that cannot be


class PoisonError(SurroundingsError):
    """A record broke a step half-way: the state in memory is void, and the record is set aside in the next life."""

    def __init__(self, where: tuple[str, int], reason: str) -> None:
        super().__init__(f"{where[0]}, offset {where[1]}: {reason}", remedy="the record is set aside in dogwatch.dlq", value=where)
        self.where, self.reason = where, reason


class Letters:
    """How many letters of one producer came one after another on each input. One life long; not thread-safe."""

    def __init__(self, kafka: Kafka, stage: str) -> None:
        self.kafka, self.stage = kafka, stage
        self.row: dict[str, tuple[bytes, int]] = {}
        self.full: set[str] = set()  # inputs that have to be paused; what came in the same poll is still worked on

    def good(self, record: Any) -> None:
        """A record that could be worked on ends the row of its input."""
        self.row.pop(record.topic, None)

    def add(self, record: Any, fault: Exception | str) -> Record:
        """The letter of one record."""
        producer = dict(record.headers).get("producer", b"")
        before, count = self.row.get(record.topic, (producer, 0))
        self.row[record.topic] = (producer, count + 1 if before == producer else 1)
        if self.row[record.topic][1] >= IN_A_ROW_MAX:
            self.full.add(record.topic)
        return dead_letter(self.kafka, self.stage, record, fault)


def dead_letter(kafka: Kafka, stage: str, record: Any, fault: Exception | str) -> Record:
    """One record of input as a letter; `fault` is why."""
    text = fault.what if isinstance(fault, DogwatchError) else f"{type(fault).__name__}: {fault}" if isinstance(fault, Exception) else fault
    ours = {"stage": stage, "topic": record.topic, "partition": str(record.partition), "offset": str(record.offset), "reason": text[:REASON_CHARS_MAX]}
    headers = [(f"dlq.{name}", value.encode("utf-8", "replace")) for name, value in ours.items()] + list(record.headers)
    return Record(topic(kafka, "dogwatch.dlq"), f"{record.topic}/{record.partition}/{record.offset}".encode(), record.value or b"", headers)
