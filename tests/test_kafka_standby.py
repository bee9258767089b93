"""Two workers of one stage: who waits, when the place is free, and that the one that lost it says nothing more."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time

import pytest
from kafka_reading import committed
from kafka_sums import EXPECTED, N, Sums, fill, limit, outcome

from runners import kafka_standby
from runners.kafka_client import new_producer, topic
from runners.kafka_standby import SILENCE_S, why_free
from runners.kafka_state import Owner, StateLog, is_gone, owner_record, this_process
from runners.kafka_worker import Worker, run_worker

WAIT_S = 30


def test_a_place_is_free_when_nobody_can_be_at_work():
    here = this_process()
    assert why_free(None, 0.0)
    assert why_free(Owner("a", here, left=True), 0.0)
    assert why_free(Owner("a", "another machine"), SILENCE_S)
    assert not why_free(Owner("a", "another machine"), SILENCE_S - 0.1)
    assert not why_free(Owner("a", here), 0.0)


def test_a_dead_process_is_known_on_its_own_machine_only():
    child = subprocess.Popen(
        [sys.executable, "-c", "from runners.kafka_state import this_process; print(this_process(), flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    process = child.stdout.readline().strip()
    assert process.count(" ") == 4
    assert not is_gone(process)
    child.kill()
    assert child.stdout.read() == ""
    deadline = time.monotonic() + WAIT_S
    while not is_gone(process) and time.monotonic() < deadline:  # not waited for: a zombie is as dead
        time.sleep(0.01)
    assert is_gone(process)
    child.wait(60)
    assert is_gone(process)
    host, rest = process.split(" ", 1)
    assert not is_gone(f"{host}-other {rest}")
    assert not is_gone("")
    assert not is_gone(this_process())


class Running:
    """A `run_worker` in a thread."""

    def __init__(self, kafka) -> None:
        self.stop, self.taken, self.caught = threading.Event(), 0, list[Exception]()
        self.thread = threading.Thread(target=self._work, args=(kafka,))
        self.thread.start()

    def _work(self, kafka) -> None:
        outer = self

        class Counted(Sums):
            def take(self, topic, value, headers):
                outer.taken += 1
                return super().take(topic, value, headers)

        try:
            run_worker(kafka, lambda: Counted(kafka), self.stop)
        except Exception as fault:
            self.caught.append(fault)

    def end(self) -> None:
        self.stop.set()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()
        assert not self.caught, self.caught


def send(kafka, numbers) -> None:
    with contextlib.closing(new_producer(kafka, "fill")) as producer:
        for n in numbers:
            producer.send(topic(kafka, "ais.fixes" if n % 2 else "ais.statics"), b"%d" % n, partition=0)
        producer.flush()


def wait_for(kafka, n: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while len(outcome(kafka)) < n:
        assert time.monotonic() < deadline, f"{len(outcome(kafka))} of {n} answers"
        time.sleep(0.05)


@pytest.mark.kafka
def test_a_standby_waits_and_takes_over_in_both_directions(kafka):
    first = Running(kafka)
    send(kafka, range(1, 41))
    wait_for(kafka, 38)
    second = Running(kafka)
    time.sleep(3 * kafka_standby.LOOK_S)
    send(kafka, range(41, 61))
    wait_for(kafka, 58)
    assert second.taken == 0, "one works"
    first.end()
    send(kafka, range(61, 91))
    wait_for(kafka, 88)
    assert second.taken > 0
    third = Running(kafka)
    time.sleep(3 * kafka_standby.LOOK_S)
    second.end()
    send(kafka, range(91, N + 2))
    wait_for(kafka, N - 1)
    third.end()
    assert outcome(kafka) == EXPECTED


@pytest.mark.kafka
def test_an_idle_owner_is_believed_and_a_sleeping_one_is_replaced_and_writes_nothing_more(kafka, monkeypatch):
    from kafka.errors import KafkaError

    monkeypatch.setattr(kafka_standby, "SILENCE_S", 2.5)
    first = Running(kafka)
    send(kafka, range(1, 21))
    wait_for(kafka, 18)
    second = Running(kafka)
    time.sleep(6.0)  # nothing comes: the owner's signs of life are all there is
    send(kafka, range(21, 41))
    wait_for(kafka, 38)
    assert second.taken == 0
    first.end()
    second.end()

    asleep = Worker(kafka, Sums(kafka), "asleep")
    asleep.take_place()
    asleep.recover(limit())
    send(kafka, range(41, N + 2))
    answers = asleep._answers(asleep.consumer.poll(timeout_ms=5000, max_records=20))
    assert answers
    third = Running(kafka)
    wait_for(kafka, N - 1)
    with pytest.raises(KafkaError):
        asleep._transact(answers)
    third.end()
    asleep.shut()
    assert outcome(kafka) == EXPECTED


@pytest.mark.kafka
def test_a_standby_that_is_never_needed_leaves_no_trace(kafka):
    fill(kafka)
    first = Running(kafka)
    wait_for(kafka, N - 1)
    second = Running(kafka)
    time.sleep(2 * kafka_standby.LOOK_S)
    second.end()
    with contextlib.closing(StateLog(kafka, "track")) as log:
        log.refresh()
        assert log.owner is not None
        assert not log.owner.left, "the one that works is still the owner"
    first.end()
    assert len(committed(kafka, "risk.events")) == N - 1


@pytest.mark.kafka
def test_a_token_without_a_process_is_read_as_an_owner(kafka):
    """Builds before the standby wrote the token alone."""
    with contextlib.closing(new_producer(kafka, "old")) as producer:
        record = owner_record(kafka, "track", "x")
        producer.send(record.topic, b"0123abcd", key=record.key, partition=record.shard)
        producer.flush()
    with contextlib.closing(StateLog(kafka, "track")) as log:
        log.refresh()
        assert log.owner == Owner("0123abcd", "")
