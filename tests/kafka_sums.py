"""A stage that is easy to see through: numbers in, running sums out. For tests of the worker around any stage."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from kafka_reading import committed

from dogwatch.config import Kafka
from dogwatch.errors import InputError
from runners.kafka_client import new_producer, topic
from runners.wire import Headers, Record

N = 120
WORK_S_MAX = 120.0


class Sums:
    """Numbers of two inputs, released in order up to the smaller of both marks; answers with running sums. Its buffer must survive."""

    name = "track"

    def __init__(self, kafka: Kafka, die_at: int = -1, breaks: tuple[int, ...] = ()) -> None:
        self.breaks, self.gone = breaks, []
        self.inputs = (topic(kafka, "ais.fixes"), topic(kafka, "ais.statics"))
        self.output = topic(kafka, "risk.events")
        self.marks = dict.fromkeys(self.inputs, 0)
        self.waiting: list[int] = []
        self.total = 0
        self.die_at, self.taken = die_at, 0

    @property
    def ended(self) -> bool:
        return min(self.marks.values()) >= N

    def take(self, topic: str, value: bytes, headers: Headers) -> list[Record]:
        self.taken += 1
        if self.taken == self.die_at:
            raise KilledError
        if not value.isdigit():
            raise InputError("not a number", remedy="send numbers")
        if int(value) in self.breaks:
            self.waiting.append(-1)  # half a step: what is in memory now is void
            raise ValueError("no such number")
        self.marks[topic] = int(value)
        self.waiting.append(int(value))
        ready = sorted(n for n in self.waiting if n < min(self.marks.values()))
        self.waiting = [n for n in self.waiting if n not in ready]
        answers = []
        for n in ready:
            self.total += n
            answers.append(Record(self.output, b"%d" % n, b"%d" % self.total, []))
        return answers

    def missed(self, topic: str) -> None:
        self.gone.append(topic)

    def close(self) -> list[Record]:
        return []

    def to_sections(self) -> dict[str, Any]:
        return {"marks": list(self.marks.values()), "waiting": self.waiting, "total": self.total}

    def restore(self, sections: dict[str, Any]) -> None:
        self.marks = dict(zip(self.inputs, sections["marks"], strict=True))
        self.waiting, self.total = sections["waiting"], sections["total"]


class KilledError(Exception):
    """Stands for SIGKILL: the transaction stays open, nothing is closed."""


def limit() -> threading.Event:
    """What tells a worker to stop when it has worked for longer than any test needs: the test then fails at what is missing."""
    stop = threading.Event()
    timer = threading.Timer(WORK_S_MAX, stop.set)
    timer.daemon = True
    timer.start()
    return stop


def fill(kafka: Kafka) -> None:
    """Odd numbers on one input, even ones on the other, then the mark that ends both."""
    with contextlib.closing(new_producer(kafka, "fill")) as producer:
        for n in [*range(1, N), N, N + 1]:
            producer.send(topic(kafka, "ais.fixes" if n % 2 else "ais.statics"), b"%d" % n, partition=0)
        producer.flush()


EXPECTED = [(n, sum(range(1, n + 1))) for n in range(1, N)]


def outcome(kafka: Kafka) -> list[tuple[int, int]]:
    return [(int(record.key), int(record.value)) for record in committed(kafka, "risk.events")]
