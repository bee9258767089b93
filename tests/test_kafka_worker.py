"""Exactly once, with a real broker and a task that is easy to see through: whatever breaks, committed output is what one quiet run gives."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from typing import Any

import pytest
from kafka_reading import committed
from kafka_sums import EXPECTED, KilledError, Sums, fill, limit, outcome

from dogwatch.blob import HEADER
from dogwatch.config import Kafka
from dogwatch.errors import InputError, SurroundingsError
from runners import kafka_client, kafka_outbox, kafka_short_road, kafka_state, kafka_worker
from runners.kafka_client import TakenOverError, new_producer, topic
from runners.kafka_outbox import Outbox
from runners.kafka_short_road import ShortRoad
from runners.kafka_state import Snapshot, StateLog, partition_of, read_snapshot, require_owner, snapshot_records
from runners.kafka_topics import init_topics, require_topics
from runners.kafka_worker import Worker, run_worker
from runners.wire import Headers, Record

pytestmark = pytest.mark.kafka


class DyingProducer:
    """A producer that is killed just before or just after its n-th commit."""

    def __init__(self, real: Any, before: int, after: int) -> None:
        self._real, self.before, self.after, self.commits = real, before, after, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def commit_transaction(self) -> None:
        self.commits += 1
        if self.commits == self.before:
            self._real.flush()
            raise KilledError
        self._real.commit_transaction()
        if self.commits == self.after:
            raise KilledError


def entered_worker(kafka: Kafka, token: str) -> Worker:
    """A worker in its place, ready to run."""
    worker = Worker(kafka, Sums(kafka), token)
    worker.take_place()
    worker.recover(limit())
    return worker


@pytest.mark.parametrize("snapshot_s", [0.0, 3600.0], ids=["snapshot-each-time", "snapshot-never"])
def test_killed_anywhere_every_answer_counts_once(kafka, snapshot_s):
    """Both ways of recovery: from a fresh snapshot, and by replaying everything muted. No id is absorbed by a reader here: duplicates would show."""
    kafka.snapshot_s = snapshot_s
    seed = 20260101
    dice = random.Random(seed)
    fill(kafka)
    kills = 0
    for life in range(40):
        worker = Worker(kafka, Sums(kafka, die_at=dice.choice([-1, -1, dice.randrange(1, 60)])), f"life {life}")
        worker.take_place()
        worker.consumer.config["max_poll_records"] = dice.randrange(3, 30)
        worker.producer = DyingProducer(worker.producer, before=dice.randrange(1, 5), after=dice.randrange(1, 5))
        try:
            worker.recover(limit())
            worker.run(limit(), until_end=True)
            worker.shut()
            break
        except KilledError:
            kills += 1
            assert life < 39, "it must come to an end"
            worker.consumer.close(autocommit=False)  # as the kernel would close its sockets; its transaction stays open
    assert kills >= 3, "the test must have killed something"
    assert outcome(kafka) == EXPECTED, f"seed {seed}"


def test_a_snapshot_waits_for_a_transaction_without_answers_but_not_for_ever(kafka):
    kafka.snapshot_s = 3600.0
    worker = entered_worker(kafka, "apart")
    answer = Record(topic(kafka, "risk.events"), b"1", b"1", [])
    generations = []
    for since_s, answers in ((1.0, [answer]), (1.0, []), (kafka_worker.APART_S_MAX + 1.0, [answer]), (-10.0, [])):
        worker.snapshot_due_s = time.monotonic() - since_s
        worker._transact(answers)
        generations.append(worker.generation)
    worker.shut()
    assert generations == [0, 1, 2, 2]


def committed_without_a_snapshot(kafka: Kafka) -> int:
    """Work on about half of the input, a few records at a time, and die; the number of records that a successor must replay."""
    kafka.snapshot_s = 3600.0
    fill(kafka)
    first = entered_worker(kafka, "first")
    first.snapshot_due_s = float("inf")
    for _ in range(6):
        first._transact(first._answers(first.consumer.poll(timeout_ms=5000, max_records=10)))
    first.shut()
    return first.task.taken


@pytest.mark.usefixtures("soon_silent")
def test_a_worker_told_to_stop_while_it_replays_ends_after_the_record_in_hand_and_the_next_one_is_right(kafka):
    behind = committed_without_a_snapshot(kafka)
    assert behind >= 30
    said = outcome(kafka)
    stop, tasks = threading.Event(), []

    class Told(Sums):
        """Is told to stop in its tenth record."""

        def take(self, topic: str, value: bytes, headers: Headers) -> list[Record]:
            answers = super().take(topic, value, headers)
            if self.taken == 10:
                stop.set()
            return answers

    def make() -> Told:
        tasks.append(Told(kafka))
        return tasks[-1]

    run_worker(kafka, make, stop, until_end=True)
    assert [task.taken for task in tasks] == [10], "nothing after the record in hand"
    assert outcome(kafka) == said, "nothing is said out of a state that is behind the commit"
    assert read_snapshot(kafka, "track") == (None, []), "and no snapshot is made of it"
    with contextlib.closing(StateLog(kafka, "track")) as log:
        log.refresh()
        assert log.owner is not None
        assert log.owner.left, "a standby need not wait"
    run_worker(kafka, lambda: Sums(kafka), limit(), until_end=True)
    assert outcome(kafka) == EXPECTED


def test_signs_of_life_go_out_between_the_records_of_one_poll_and_while_it_replays(kafka, monkeypatch):
    """A poll may hold half a million rows: a standby must not take a busy worker for a dead one."""
    behind = committed_without_a_snapshot(kafka)
    monkeypatch.setattr(kafka_worker, "BEAT_S", 0.0)

    def owners() -> int:
        return sum(record.key.endswith(b"owner") for record in committed(kafka, "dogwatch.state", partition_of("track")))

    second = Worker(kafka, Sums(kafka), "second")
    second.take_place()
    before = owners()
    second.recover(limit())
    assert owners() - before >= behind
    found = second.consumer.poll(timeout_ms=5000, max_records=20)
    before, records = owners(), sum(len(records) for records in found.values())
    second._answers(found)
    assert owners() - before == records > 5
    second.shut()


def test_a_worker_that_was_replaced_writes_nothing_more(kafka):
    from kafka.errors import KafkaError

    fill(kafka)
    first = entered_worker(kafka, "first")
    first._transact(first._answers(first.consumer.poll(timeout_ms=5000, max_records=20)))
    second = entered_worker(kafka, "second")
    with pytest.raises(KafkaError):
        first._transact(first._answers(first.consumer.poll(timeout_ms=5000, max_records=20)))
    with pytest.raises(TakenOverError):
        require_owner(kafka, "track", "first")
    require_owner(kafka, "track", "second")
    second.run(limit(), until_end=True)
    assert outcome(kafka) == EXPECTED
    first.shut()
    second.shut()


def test_a_replaced_worker_stops_with_words(kafka):
    fill(kafka)
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Sums):
        def take(self, topic: str, value: bytes, headers: Headers) -> list[Record]:
            if value == b"20":
                entered.set()
                go_on.wait(20)
            return super().take(topic, value, headers)

    caught: list[Exception] = []

    def work() -> None:
        try:
            run_worker(kafka, lambda: Slow(kafka), limit(), until_end=True)
        except TakenOverError as fault:
            caught.append(fault)

    thread = threading.Thread(target=work)
    thread.start()
    assert entered.wait(20)
    second = entered_worker(kafka, "second")
    go_on.set()
    thread.join(30)
    assert not thread.is_alive()
    assert len(caught) == 1
    assert "has taken over" in str(caught[0])
    second.run(limit(), until_end=True)
    second.shut()
    assert outcome(kafka) == EXPECTED


def test_a_large_state_travels_in_pieces_and_a_damaged_one_falls_back(kafka, monkeypatch):
    monkeypatch.setattr(kafka_state, "CHUNK_BYTES", 1000)
    with contextlib.closing(new_producer(kafka, "state")) as producer:
        for generation in range(1, 6):
            records = snapshot_records(kafka, "track", Snapshot(generation, {"a": generation}, {"blob": bytes([generation]) * (9000 - 900 * generation)}))
            assert len(records) > 1
            for record in records:
                value = record.value
                if generation == 5 and record is records[0]:
                    value = value[: HEADER.size + 50] + bytes([value[HEADER.size + 50] ^ 1]) + value[HEADER.size + 51 :]
                producer.send(record.topic, value, key=record.key, headers=record.headers, partition=record.shard)
        producer.flush()
    found, faults = read_snapshot(kafka, "track")
    assert found is not None
    assert (found.generation, found.offsets) == (4, {"a": 4})
    assert found.sections["blob"] == bytes([4]) * 5400
    assert len(faults) == 1
    assert "snapshot 5" in faults[0]
    assert read_snapshot(kafka, "score") == (None, [])


def test_topics_are_created_once_and_compared_afterwards(kafka, kafka_bootstrap):
    assert all(": exists" in line for line in init_topics(kafka))
    require_topics(kafka)
    other = Kafka(bootstrap=kafka_bootstrap, prefix=kafka.prefix + "none.")
    with pytest.raises(InputError, match="topics are missing"):
        require_topics(other)


def test_topics_of_another_shape_are_refused(kafka, kafka_bootstrap):
    from runners.kafka_client import new_admin

    other = Kafka(bootstrap=kafka_bootstrap, prefix=kafka.prefix + "odd.")
    with contextlib.closing(new_admin(other)) as admin:
        admin.create_topics({topic(other, "ais.fixes"): {"num_partitions": 3, "replication_factor": 1}}, wait_for_metadata=True)
    with pytest.raises(InputError, match="3 partitions"):
        init_topics(other)
    third = Kafka(bootstrap=kafka_bootstrap, prefix=kafka.prefix + "lossy.")
    with contextlib.closing(new_admin(third)) as admin:
        lossy = {"num_partitions": 1, "replication_factor": 1, "configs": {"cleanup.policy": "delete"}}
        admin.create_topics({topic(third, "risk.alerts"): lossy}, wait_for_metadata=True)
    with pytest.raises(InputError, match="would lose data"):
        init_topics(third)


def test_no_broker_is_said_in_words(monkeypatch):
    monkeypatch.setattr(kafka_client, "BOOTSTRAP_MS", 300)
    with pytest.raises(SurroundingsError, match=r"no Kafka broker answers at 127\.0\.0\.1:1"):
        require_topics(Kafka(bootstrap="127.0.0.1:1"))


class FaultyProducer:
    """A producer whose first commit ends in a fault of the broker, either before or after it counted."""

    def __init__(self, real: Any, counts: bool) -> None:
        self._real, self.counts, self.faults = real, counts, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def commit_transaction(self) -> None:
        from kafka.errors import KafkaTimeoutError

        if self.counts:
            self._real.commit_transaction()
        self.faults += 1
        raise KafkaTimeoutError("the broker did not answer")


@pytest.mark.parametrize("counts", [True, False], ids=["it-counted", "it-did-not-count"])
def test_a_commit_of_unknown_fate_is_looked_up_and_never_doubled(kafka, counts, monkeypatch):
    monkeypatch.setattr(kafka_outbox, "RETRY_S_FIRST", 0.01)
    outbox = Outbox(kafka, "ingest", threading.Event())
    faulty = outbox.producer = FaultyProducer(outbox.producer, counts)
    for n in range(3):
        outbox.send([Record(topic(kafka, "ais.fixes"), b"0", b"%d" % n, [])])
        outbox.commit({"said": n})
    outbox.close()
    assert faulty.faults == 1
    assert [record.value for record in committed(kafka, "ais.fixes")] == [b"0", b"1", b"2"]
    again = Outbox(kafka, "ingest", threading.Event())
    assert (again.generation, again.sections) == (3, {"said": 2})
    again.close()


def test_what_was_sent_before_a_crash_but_never_committed_is_not_seen(kafka):
    first = Outbox(kafka, "ingest", threading.Event())
    first.send([Record(topic(kafka, "ais.fixes"), b"0", b"lost", [])])
    first.producer.flush()
    second = Outbox(kafka, "ingest", threading.Event())
    second.send([Record(topic(kafka, "ais.fixes"), b"0", b"kept", [])])
    second.commit({})
    assert [record.value for record in committed(kafka, "ais.fixes")] == [b"kept"]

    def wake_up() -> None:
        first.send([Record(topic(kafka, "ais.fixes"), b"0", b"zombie", [])])
        first.commit({})

    with pytest.raises(TakenOverError):
        wake_up()
    assert [record.value for record in committed(kafka, "ais.fixes")] == [b"kept"]
    first.close()
    second.close()


def test_distress_is_kept_until_it_is_acknowledged(kafka, monkeypatch):
    road = ShortRoad(kafka)
    real, opened, refusals = road.producer, [], [3]

    class Refusing:
        """Takes nothing three times; then a new client does."""

        def send(self, *args: Any, **named: Any) -> Any:
            from kafka.errors import KafkaTimeoutError

            if refusals[0]:
                refusals[0] -= 1
                raise KafkaTimeoutError("no room")
            return real.send(*args, **named)

        def close(self, timeout: float) -> None:
            opened.append(timeout)

    road.producer = Refusing()
    monkeypatch.setattr(road, "_open", lambda: road.producer)
    monkeypatch.setattr(kafka_short_road, "AGAIN_S", 0.01)
    signals = [Record(topic(kafka, "ais.safety"), b"1", b"%d" % n, []) for n in range(3)]
    road.send(signals[:2], (1, 10))
    road.send(signals[2:], (1, 20))
    assert road.waiting == signals, "in their order, none forgotten"
    assert road.oldest == (1, 10)
    assert not road.settle()
    assert road.deliver(30)
    assert road.oldest is None
    assert len(opened) == 1, "what is of unknown fate is sent by a client that knows nothing of it"
    assert [record.value for record in committed(kafka, "ais.safety")] == [b"0", b"1", b"2"]
    road.producer = real
    road.close()


def test_one_that_had_to_replay_leaves_a_snapshot_soon_so_that_the_next_replays_less(kafka, monkeypatch):
    """Killed faster than `snapshot_s` again and again, a stage would otherwise have more to replay each time."""
    kafka.snapshot_s = 3600
    fill(kafka)
    first = entered_worker(kafka, "first")
    first._transact(first._answers(first.consumer.poll(timeout_ms=5000, max_records=20)))
    first.shut()
    monkeypatch.setattr(kafka_worker, "SOON_S", 0.0)
    second = entered_worker(kafka, "second")
    assert second.generation == 0
    second._transact(second._answers(second.consumer.poll(timeout_ms=5000, max_records=20)))
    second.shut()
    third = entered_worker(kafka, "third")
    assert third.generation == 1
    assert third.snapshot_due_s > time.monotonic() + 3000, "it had nothing to replay"
    third.run(limit(), until_end=True)
    third.shut()
    assert outcome(kafka) == EXPECTED
