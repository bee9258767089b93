"""Sending what only we have: the ingest stage's transactions. May not: read sources, decode, step, send distress (`kafka_short_road`).

Ingest cannot replay a radio. It therefore keeps what it sent until the broker has committed it, together with the state
of its lanes (half sentences, clocks, bytes read of finite inputs) in the same transaction. After a fault it asks the
state topic whether that transaction counted, and sends it once more only if not.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import uuid
from typing import Any

from dogwatch.config import Kafka
from dogwatch.errors import InputError, SurroundingsError
from runners.health import Health
from runners.kafka_client import ANSWER_S_MAX, TakenOverError, fenced, new_producer, taken_over, within, worker_id
from runners.kafka_state import Snapshot, claim, read_snapshot, require_owner, snapshot_records
from runners.wire import Record

log = logging.getLogger("dogwatch.kafka")

RETRY_S_FIRST, RETRY_S_MAX = 0.5, 2.0  # a longer pause is how late a worker may notice that the broker is back
CLOSE_S_MAX = 5.0


class Outbox:
    """One producer's open transaction and everything in it. Not thread-safe."""

    def __init__(self, kafka: Kafka, stage: str, stop: threading.Event, health: Health | None = None) -> None:
        self.kafka, self.stage, self.stop, self.health = kafka, stage, stop, health or Health()
        self.sent: list[Record] = []
        self.begun = self.broken = self.counted = False
        self.producer: Any = None
        self.generation = 0
        self.sections: dict[str, Any] | None = None
        self.token = uuid.uuid4().hex
        self._open()
        claim(kafka, stage, self.producer, self.token)

    def send(self, records: list[Record]) -> None:
        """Add records to the open transaction (begins one if needed). A fault of the broker is met at the commit; SurroundingsError when fenced."""
        from kafka.errors import KafkaError

        self.sent += records
        try:
            self._hand_over(records)
        except KafkaError as fault:
            if fenced(fault):
                raise taken_over(self.stage) from fault
            log.warning("%s: %s", self.stage, fault)
            self.broken = True

    def commit(self, sections: dict[str, Any]) -> None:
        """End the transaction with the state that belongs to it; returns when it counts.

        Raises SurroundingsError when fenced, or stopped while the broker is away.
        """
        from kafka.errors import KafkaError

        expected = self.generation + 1
        self.send(snapshot_records(self.kafka, self.stage, Snapshot(expected, {}, sections)))
        pause_s = RETRY_S_FIRST
        while self.generation < expected:
            try:
                if not self._sent_again(expected):
                    within(ANSWER_S_MAX, self.producer.commit_transaction)
                    self.generation = expected
            except TakenOverError:
                raise
            except (KafkaError, SurroundingsError) as fault:
                if fenced(fault):
                    raise taken_over(self.stage) from fault
                self.broken = True
                log.warning("%s: %s; again in %.1f s", self.stage, fault, pause_s)
                self.health.say("the broker does not answer")
                if self.stop.wait(pause_s):
                    raise SurroundingsError(f"stopped while {len(self.sent)} messages were not delivered", remedy="look at the broker") from fault
                pause_s = min(2 * pause_s, RETRY_S_MAX)
        self.sent, self.begun = [], False
        if not self.counted:
            self.counted = True
            log.info("%s: first transaction since the start", self.stage)

    def close(self) -> None:
        """Leave; an open transaction is aborted by the successor."""
        with contextlib.suppress(Exception):  # what cannot be closed is gone already
            self.producer.close(timeout=CLOSE_S_MAX)

    def _open(self) -> None:
        """Fence the predecessor (or ourselves after a fault) and look how far the committed state is."""
        if self.producer is not None:
            self.close()
        self.producer = new_producer(self.kafka, worker_id(self.kafka, self.stage), transactional=True)
        self.producer.init_transactions()
        found, faults = read_snapshot(self.kafka, self.stage)
        for fault in faults:
            log.warning("%s", fault)
        if faults and not found:
            raise InputError(
                f"the state of {self.stage} in dogwatch.state cannot be read, and nothing else knows how far it had come: {faults[0]}",
                remedy="run the build that wrote it; or begin anew with another [kafka] prefix",
            )
        if found:
            self.generation, self.sections = found.generation, found.sections
        self.begun = self.broken = False

    def _sent_again(self, expected: int) -> bool:
        """After a fault: True if the commit had counted all the same, else everything is sent once more into a new transaction."""
        if not self.broken:
            return False
        require_owner(self.kafka, self.stage, self.token)
        self._open()
        if self.generation >= expected:
            return True
        self._hand_over(self.sent)
        return False

    def _hand_over(self, records: list[Record]) -> None:
        if self.broken or not records:
            return
        if not self.begun:
            self.producer.begin_transaction()
            self.begun = True
        for record in records:
            self.producer.send(record.topic, record.value, key=record.key, headers=record.headers, partition=record.shard)
