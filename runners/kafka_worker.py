"""One worker of one stage: consume, step, produce, exactly once. May hold: transactions, recovery. May not: know what a stage does.

Every poll becomes one transaction: what the task answers, the input offsets and, once in a while, a snapshot of the
task's state with the same offsets inside. A reader of committed records sees all of it or nothing.

Recovery: the newest snapshot, then the input from its offsets on again, muted up to the offsets that were committed.
Steps are deterministic, so the muted part rebuilds exactly the state in which the last commit was made, the reorder
buffer included, whatever the order in which two inputs come back. A worker that finds itself replaced (the broker
fences its transactional id) stops and writes nothing more; any other fault of the broker aborts the transaction and
starts over from the recovery, because the state in memory is then ahead of the log.
A worker that finds another at work waits as its standby (`kafka_standby`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from dogwatch.config import Kafka
from dogwatch.errors import InputError, SurroundingsError
from runners.kafka_client import ANSWER_S_MAX, TakenOverError, fenced, new_consumer, new_producer, taken_over, within, worker_id
from runners.kafka_letters import FAULTS, IN_A_ROW_MAX, Letters, PoisonError
from runners.kafka_standby import BEAT_S, wait_for_place
from runners.kafka_state import Snapshot, StateLog, claim, newest_generation, newest_snapshot, owner_record, require_owner, snapshot_records
from runners.kafka_topics import require_topics
from runners.wire import Headers, Record

if TYPE_CHECKING:
    from runners.metrics import Metrics

log = logging.getLogger("dogwatch.kafka")

POLL_MS = 250
RETRY_S_FIRST, RETRY_S_MAX = 0.5, 2.0  # a longer pause is how late a worker may notice that the broker is back
CLOSE_S_MAX = 5.0
APART_S_MAX = 2.0  # a snapshot (half a second for 30,000 vessels) waits so long for a transaction without answers: it would hold an alert up
SOON_S = 1.0  # who had to replay leaves a snapshot so soon: killed again and again, a stage still gets further each time
Observe = Callable[[list[Record], float], None]


class Task(Protocol):
    """What a stage does with its input; pure apart from its own state."""

    name: str
    inputs: tuple[str, ...]

    @property
    def ended(self) -> bool:
        """The recording is over and has been answered."""

    def take(self, topic: str, value: bytes, headers: Headers) -> list[Record]:
        """Answer to one input record. Raises InputError for one that it cannot read."""

    def missed(self, topic: str) -> None:
        """Input of a topic is gone unread: nothing may be concluded from what it does not say."""

    def close(self) -> list[Record]:
        """What ends a transaction: a heartbeat, if there is something new to say."""

    def to_sections(self) -> dict[str, Any]:
        """State for a snapshot."""

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""


def run_worker(
    kafka: Kafka,
    make_task: Callable[[], Task],
    stop: threading.Event,
    *,
    until_end: bool = False,
    observe: Observe | None = None,
    metrics: Metrics | None = None,
) -> None:
    """Wait for the place, then work until `stop`, or with `until_end` until the input's end marker has been answered.

    `observe` is told of every committed transaction: its answers, and the seconds of wall time that it took.
    A record that cannot be worked on becomes a dead letter (`kafka_letters`). Raises InputError for topics that are missing, and with
    `until_end` for an input that was paused, SurroundingsError when fenced.
    """
    from kafka.errors import KafkaError

    require_topics(kafka)
    token, claimed, pause_s = uuid.uuid4().hex, False, RETRY_S_FIRST
    poison: dict[tuple[str, int], str] = {}
    while not stop.is_set():
        task = make_task()
        worker: Worker | None = None
        try:
            worker = Worker(kafka, task, token, observe, metrics, poison)
            if claimed:
                require_owner(kafka, task.name, token)
            else:
                if metrics is not None:
                    metrics.health.say("standby or taking over")
                wait_for_place(task.name, worker.state, stop)
                if stop.is_set():
                    return
            worker.take_place()
            claimed = True
            if worker.recover(stop):
                pause_s = RETRY_S_FIRST
                worker.run(stop, until_end)
            else:
                worker.leave()
            return
        except TakenOverError:
            raise
        except PoisonError as fault:
            log.error("%s: %s", task.name, fault)
            poison[fault.where] = fault.reason
        except (KafkaError, SurroundingsError) as fault:
            if fenced(fault):
                raise taken_over(task.name) from fault
            log.warning("%s: %s; again in %.1f s", task.name, fault, pause_s)
            if metrics is not None:
                metrics.health.say("the broker does not answer")
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, RETRY_S_MAX)
        finally:
            if worker:
                worker.shut()


class Worker:
    """Clients, positions and snapshots around one task. Not thread-safe; one life: `take_place`, `recover`, `run`, `shut`."""

    def __init__(
        self,
        kafka: Kafka,
        task: Task,
        token: str,
        observe: Observe | None = None,
        metrics: Metrics | None = None,
        poison: dict[tuple[str, int], str] | None = None,
    ) -> None:
        from kafka import TopicPartition

        self.kafka, self.task, self.token, self.observe = kafka, task, token, observe
        self.id = worker_id(kafka, task.name)
        self.inputs = {name: TopicPartition(name, 0) for name in task.inputs}
        self.positions = dict.fromkeys(task.inputs, 0)  # next offset whose record is not yet in the state
        self.metrics, self.poison, self.letters = metrics, poison or {}, Letters(kafka, task.name)
        self.paused: set[str] = set()
        self.generation = 0
        self.snapshot_due_s = self.beat_due_s = 0.0
        self.state = StateLog(kafka, task.name)
        self.producer = new_producer(kafka, self.id, transactional=True, compression="lz4")
        self.consumer = new_consumer(kafka, self.id, group=self.id, lost="none")  # what retention took is found, not passed over

    def take_place(self) -> None:
        """Fence the predecessor, abort what it had open, and write down who owns the stage now."""
        self.producer.init_transactions()
        self._beat()

    def recover(self, stop: threading.Event) -> bool:
        """Load the newest snapshot, replay muted up to what was committed. False: `stop` came first, and the state is not where the commit is."""
        self.state.refresh()
        found, faults = newest_snapshot(self.task.name, self.state)
        self.generation = newest_generation(self.state)
        self.state.close()
        for fault in faults:
            log.warning("%s", fault)
        if found:
            self.task.restore(found.sections)
            self.generation, self.positions = found.generation, dict(found.offsets)
        self.consumer.assign(list(self.inputs.values()))
        limits = {name: self.consumer.committed(where) or 0 for name, where in self.inputs.items()}
        self._seek(limits)
        replayed = self._replay(limits, stop)
        if stop.is_set():
            log.info("%s: stopped after %d replayed records; the next start begins at generation %d again", self.task.name, replayed, self.generation)
            return False
        self.snapshot_due_s = time.monotonic() + min(self.kafka.snapshot_s, SOON_S if replayed else self.kafka.snapshot_s)
        log.info("%s: generation %d, %d records replayed, positions %s", self.task.name, self.generation, replayed, self.positions)
        return True

    def leave(self) -> None:
        """Say that the place is free, without a word about a state that is not where the commit is."""
        claim(self.kafka, self.task.name, self.producer, self.token, left=True)

    def run(self, stop: threading.Event, until_end: bool) -> None:
        """One transaction per poll; a last one with a snapshot on the way out."""
        first = True
        self._tell()
        while not stop.is_set() and not (until_end and self.task.ended):
            found = self.consumer.poll(timeout_ms=POLL_MS)
            if found:
                begun_s = time.monotonic()
                answers = self._answers(found)
                self._transact(answers)
                if first:
                    first = False
                    log.info("%s: first transaction since the start", self.task.name)
                if self.observe:
                    self.observe(answers, time.monotonic() - begun_s)
                self._settle(until_end)
            elif time.monotonic() >= self.beat_due_s:
                self._beat()
            self._tell()
        self.snapshot_due_s = 0.0
        self._transact([], leaving=True)

    def shut(self) -> None:
        """Leave the clients; an open transaction is aborted by the successor's `init_transactions` or by its timeout."""
        with contextlib.suppress(Exception):  # what cannot be closed is gone already
            self.producer.close(timeout=CLOSE_S_MAX)
        with contextlib.suppress(Exception):
            self.consumer.close(autocommit=False, timeout_ms=int(CLOSE_S_MAX * 1000))
        with contextlib.suppress(Exception):
            self.state.close()

    def _beat(self) -> None:
        """A sign of life in a transaction of its own: while nothing comes, and during a long recovery."""
        claim(self.kafka, self.task.name, self.producer, self.token)
        self.beat_due_s = time.monotonic() + BEAT_S

    def _transact(self, answers: list[Record], *, leaving: bool = False) -> None:
        from kafka.structs import OffsetAndMetadata

        self.producer.begin_transaction()
        records = [*answers, *self.task.close()]
        if leaving or time.monotonic() >= self.beat_due_s:
            records.append(owner_record(self.kafka, self.task.name, self.token, left=leaving))
            self.beat_due_s = time.monotonic() + BEAT_S
        if time.monotonic() >= self.snapshot_due_s + (min(APART_S_MAX, self.kafka.snapshot_s) if answers else 0.0):
            taken = Snapshot(self.generation + 1, dict(self.positions), self.task.to_sections())
            records += snapshot_records(self.kafka, self.task.name, taken)
            self.generation, self.snapshot_due_s = taken.generation, time.monotonic() + self.kafka.snapshot_s
        send_all(self.producer, records)
        offsets = {self.inputs[name]: OffsetAndMetadata(offset, "", -1) for name, offset in self.positions.items()}
        within(ANSWER_S_MAX, self.producer.send_offsets_to_transaction, offsets, self.id)
        within(ANSWER_S_MAX, self.producer.commit_transaction)

    def _answers(self, found: dict[Any, list[Any]]) -> list[Record]:
        answers: list[Record] = []
        for where in sorted(found):
            for record in found[where]:
                answers += self._take(record)
        return answers

    def _take(self, record: Any) -> list[Record]:
        """Answers to one record, or the dead letter that it becomes. A poll may hold work for many seconds: who works on it says that he lives."""
        if time.monotonic() >= self.beat_due_s:
            self._beat()
        where = (record.topic, record.offset)
        try:
            answers = (
                [self.letters.add(record, self.poison[where])] if where in self.poison else self.task.take(record.topic, record.value or b"", record.headers)
            )
            if where not in self.poison:
                self.letters.good(record)
        except InputError as fault:  # refused before the state was touched
            log.error("%s: set aside: %s, offset %d: %s", self.task.name, record.topic, record.offset, fault)
            answers = [self.letters.add(record, fault)]
        except FAULTS as fault:
            log.exception("%s: %s, offset %d breaks the step", self.task.name, record.topic, record.offset)
            raise PoisonError(where, f"{type(fault).__name__}: {fault}") from fault
        self.positions[record.topic] = record.offset + 1
        return answers

    def _settle(self, until_end: bool) -> None:
        """After a commit: pause an input that brings only what cannot be worked on."""
        for name in sorted(self.letters.full - self.paused):
            self.paused.add(name)
            text = f"{name} is paused at offset {self.positions[name]}: {IN_A_ROW_MAX} records in a row from one producer could not be worked on"
            if until_end:
                raise InputError(text, remedy="look into dogwatch.dlq for the reasons", value=name)
            self.consumer.pause(self.inputs[name])
            log.error("%s: %s; started again, the stage tries on", self.task.name, text)

    def _tell(self) -> None:
        """How far behind we are, and that we are alive."""
        if self.metrics is not None:
            self.metrics.health.say(f"paused: {', '.join(sorted(self.paused))}" if self.paused else "")
            for name, where in self.inputs.items():
                self.metrics.input_lag.labels(name).set(max(0, (self.consumer.highwater(where) or 0) - self.positions[name]))
                self.metrics.input_paused.labels(name).set(name in self.paused)

    def _seek(self, limits: dict[str, int]) -> None:
        """Go to the positions of the snapshot. Input that retention has already deleted cannot come back: say so, go on from the earliest."""
        for where, first in self.consumer.beginning_offsets(list(self.inputs.values())).items():
            if self.positions[where.topic] < first:
                log.error("%s: records %d to %d of %s are deleted and were not read", self.task.name, self.positions[where.topic], first - 1, where.topic)
                if self.metrics is not None:
                    self.metrics.input_lost.labels(where.topic).inc(first - self.positions[where.topic])
                self.task.missed(where.topic)
                self.positions[where.topic] = first
                limits[where.topic] = max(limits[where.topic], first)
            self.consumer.seek(where, self.positions[where.topic])

    def _replay(self, limits: dict[str, int], stop: threading.Event) -> int:
        """Take records below `limits` and drop the answers: they are committed. Returns their number. Ends after the record in hand at `stop`.

        An input that has come so far leaves the assignment for the while. (To pause it instead stalls kafka-python 3.0.12
        for good when records of it were buffered and a seek follows.)
        """
        replayed = 0
        behind = [where for name, where in self.inputs.items() if self.positions[name] < limits[name]]
        while behind:
            if stop.is_set():
                return replayed
            self.consumer.assign(behind)
            for where, records in self.consumer.poll(timeout_ms=POLL_MS).items():
                for record in records:
                    if stop.is_set():
                        return replayed
                    if record.offset < limits[where.topic]:
                        self._take(record)
                        replayed += 1
            behind = [where for where in behind if self.consumer.position(where) < limits[where.topic]]
            if time.monotonic() >= self.beat_due_s:
                self._beat()
        self.task.close()
        self.consumer.assign(list(self.inputs.values()))
        for name, where in self.inputs.items():
            self.positions[name] = max(self.positions[name], limits[name])
            self.consumer.seek(where, self.positions[name])
        return replayed


def send_all(producer: Any, records: Iterable[Record]) -> None:
    """Hand records to the producer in order; the commit waits for them and reports what failed."""
    for record in records:
        producer.send(record.topic, record.value, key=record.key, headers=record.headers, partition=record.shard)
