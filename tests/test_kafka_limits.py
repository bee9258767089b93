"""Limits of a stage against a real broker: a slow one, what it cannot work on, what was deleted before it was read."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import pytest
from kafka_reading import committed
from kafka_sums import EXPECTED, N, Sums, fill, limit, outcome
from test_kafka_worker import entered_worker

from dogwatch.batch import T_MISSING, empty_batch, new_fixes
from dogwatch.config import Kafka
from dogwatch.errors import InputError
from runners import step
from runners.kafka_client import MESSAGES_PER_POLL, new_admin, new_producer, topic
from runners.kafka_metrics import book_answers
from runners.kafka_track import TrackTask
from runners.kafka_worker import run_worker
from runners.metrics import Metrics
from runners.rules import read_rules
from runners.wire import FIXES, STATICS, Meta, Record, fixes_record

pytestmark = pytest.mark.kafka

WAIT_S = 60


def send(kafka: Kafka, name: str, *values: bytes, producer: bytes = b"somebody") -> None:
    with contextlib.closing(new_producer(kafka, "fill")) as client:
        for value in values:
            client.send(topic(kafka, name), value, partition=0, headers=[("producer", producer)])
        client.flush()


def value_of(metrics: Metrics, name: str, **labels: str) -> float:
    return float(metrics.registry.get_sample_value(name, labels) or 0)


def work(kafka: Kafka, make: Any, metrics: Metrics) -> None:
    def observe(answers: list[Record], seconds: float) -> None:
        book_answers(metrics, "track", answers, seconds)

    run_worker(kafka, make, limit(), until_end=True, observe=observe, metrics=metrics)


def letters(kafka: Kafka) -> list[tuple[str, int, str, bytes]]:
    """(topic, offset, reason, value) of every dead letter."""
    found = [(dict(record.headers), record.value) for record in committed(kafka, "dogwatch.dlq")]
    return [(h["dlq.topic"].decode(), int(h["dlq.offset"]), h["dlq.reason"].decode(), value) for h, value in found]


class Slow(Sums):
    """Takes its time with each record."""

    lag = 0.0

    def __init__(self, kafka: Kafka, metrics: Metrics) -> None:
        super().__init__(kafka)
        self.metrics = metrics

    def take(self, topic: str, value: bytes, headers: Any) -> list[Record]:
        Slow.lag = max(Slow.lag, value_of(self.metrics, "dogwatch_input_lag_records", topic=topic))
        time.sleep(0.02)
        return super().take(topic, value, headers)


def test_a_slow_stage_loses_nothing_keeps_the_order_and_shows_its_lag(kafka):
    """Everything waits in the topic: the stage never holds more than one poll of records."""
    kafka.snapshot_s = 3600
    fill(kafka)
    metrics, Slow.lag = Metrics(), 0.0
    work(kafka, lambda: Slow(kafka, metrics), metrics)
    assert outcome(kafka) == EXPECTED
    assert 0 < Slow.lag < N
    assert value_of(metrics, "dogwatch_input_lag_records", topic=topic(kafka, "ais.fixes")) == 0


def test_a_poll_is_bounded(kafka):
    send(kafka, "ais.fixes", *[b"%d" % n for n in range(1, 3 * MESSAGES_PER_POLL)])
    worker = entered_worker(kafka, "only")
    sizes, until_s = [], time.monotonic() + WAIT_S
    while sum(sizes) < 3 * MESSAGES_PER_POLL - 1:
        assert time.monotonic() < until_s
        sizes.append(sum(len(records) for records in worker.consumer.poll(timeout_ms=1000).values()))
    worker.shut()
    assert max(sizes) <= MESSAGES_PER_POLL


def test_what_cannot_be_read_is_set_aside_and_the_rest_goes_on(kafka):
    send(kafka, "ais.fixes", b"poison")
    fill(kafka)
    metrics = Metrics()
    work(kafka, lambda: Sums(kafka), metrics)
    assert outcome(kafka) == EXPECTED
    assert letters(kafka) == [(topic(kafka, "ais.fixes"), 0, "not a number", b"poison")]
    assert value_of(metrics, "dogwatch_dead_letters_total", stage="track") == 1
    assert dict(committed(kafka, "dogwatch.dlq")[0].headers)["producer"] == b"somebody", "the letter carries the headers of the record"


@pytest.mark.parametrize("snapshot_s", [0.0, 3600.0], ids=["snapshot-each-time", "snapshot-never"])
def test_what_breaks_a_step_half_way_is_set_aside_in_the_next_life(kafka, snapshot_s):
    """The state that the broken step left is thrown away; the letter is written once, also when the record comes back in a replay."""
    kafka.snapshot_s = snapshot_s
    send(kafka, "ais.fixes", b"1000")
    fill(kafka)
    work(kafka, lambda: Sums(kafka, breaks=(1000,)), Metrics())
    send(kafka, "ais.fixes", b"%d" % (N + 3))
    work(kafka, lambda: Sums(kafka, breaks=(1000,)), Metrics())
    assert outcome(kafka)[: len(EXPECTED)] == EXPECTED
    [(name, offset, reason, value)] = letters(kafka)
    assert (name, offset, reason, value) == (topic(kafka, "ais.fixes"), 0, "ValueError: no such number", b"1000")


def test_three_in_a_row_from_one_producer_pause_the_input_and_only_that(kafka):
    send(kafka, "ais.statics", b"x", b"y", b"z", b"2")
    send(kafka, "ais.fixes", b"1", b"3")
    metrics, stop, task = Metrics(), threading.Event(), Sums(kafka)
    name, other = topic(kafka, "ais.statics"), topic(kafka, "ais.fixes")
    thread = threading.Thread(target=run_worker, args=(kafka, lambda: task, stop), kwargs={"metrics": metrics})
    thread.start()
    until_s = time.monotonic() + WAIT_S
    while not value_of(metrics, "dogwatch_input_paused", topic=name):
        assert time.monotonic() < until_s, "it must be paused"
        time.sleep(0.05)
    send(kafka, "ais.statics", b"4")
    send(kafka, "ais.fixes", b"5")
    while task.marks[other] < 5:
        assert time.monotonic() < until_s
        time.sleep(0.05)
    stop.set()
    thread.join(WAIT_S)
    assert [(found, offset) for found, offset, _, _ in letters(kafka)] == [(name, 0), (name, 1), (name, 2)]
    assert task.marks[name] in (0, 2), "what came in the same poll is worked on, what came later is not"
    assert not value_of(metrics, "dogwatch_input_paused", topic=other)


def test_a_good_record_or_another_producer_ends_the_row_and_a_finite_run_ends_with_words(kafka):
    send(kafka, "ais.fixes", b"x", b"y", b"1", b"z")
    send(kafka, "ais.fixes", b"x", b"y", producer=b"another")
    send(kafka, "ais.fixes", b"%d" % (N + 1))
    send(kafka, "ais.statics", b"%d" % N)
    work(kafka, lambda: Sums(kafka), Metrics())
    assert len(letters(kafka)) == 5
    send(kafka, "ais.fixes", b"x", b"y", b"z")
    with pytest.raises(InputError, match="is paused at offset"):
        run_worker(kafka, lambda: Endless(kafka), limit(), until_end=True)


@pytest.mark.usefixtures("soon_silent")
def test_an_upgrade_that_cannot_read_the_state_rebuilds_it_and_says_nothing_twice(kafka, monkeypatch):
    """Another schema of the state: everything that retention kept is stepped again, muted; the next start finds the new snapshot."""
    send(kafka, "ais.fixes", *[b"%d" % n for n in range(1, 60, 2)])
    send(kafka, "ais.statics", *[b"%d" % n for n in range(2, 60, 2)])
    stop = threading.Event()
    for _ in range(3):
        worker = entered_worker(kafka, "before")
        until_s = time.monotonic() + WAIT_S
        while any(position < 29 for position in worker.positions.values()):
            assert time.monotonic() < until_s
            worker._transact(worker._answers(worker.consumer.poll(timeout_ms=500)))
        stop.set()
        worker.run(stop, until_end=False)
        worker.shut()
    told = outcome(kafka)
    before = worker.generation
    assert before >= 3
    assert told == EXPECTED[: len(told)] != []
    monkeypatch.setattr(step, "STATE_SCHEMA", step.STATE_SCHEMA + 1)
    worker = entered_worker(kafka, "after")
    worker.run(stop, until_end=False)
    worker.shut()
    assert worker.generation > before, "numbers go on, so that a new snapshot is newer than those of the old build"
    rebuilt = worker.generation
    assert outcome(kafka) == told
    worker = entered_worker(kafka, "once more")
    assert worker.generation == rebuilt, "the snapshot of the new build is found beside those of the old one"
    send(kafka, "ais.fixes", *[b"%d" % n for n in range(61, N + 2, 2)])
    send(kafka, "ais.statics", *[b"%d" % n for n in range(60, N + 2, 2)])
    worker.run(limit(), until_end=True)
    worker.shut()
    assert outcome(kafka) == EXPECTED


class Endless(Sums):
    """Waits for more, whatever has come."""

    @property
    def ended(self) -> bool:
        return False


def forget(kafka: Kafka, name: str, before: int) -> None:
    """What retention does, at once."""
    from kafka import TopicPartition

    with contextlib.closing(new_admin(kafka)) as admin:
        admin.delete_records({TopicPartition(topic(kafka, name), 0): before})


@pytest.mark.usefixtures("soon_silent")
def test_input_that_was_deleted_unread_is_counted_and_told_and_work_goes_on(kafka):
    """At the start, and in the middle of the work."""
    from kafka.errors import OffsetOutOfRangeError

    send(kafka, "ais.fixes", b"1", b"3", b"5")
    forget(kafka, "ais.fixes", 2)
    metrics, tasks = Metrics(), []
    name = topic(kafka, "ais.fixes")

    def make() -> Sums:
        tasks.append(Sums(kafka))
        return tasks[-1]

    worker = entered_worker(kafka, "first")
    assert worker.task.gone == [name]
    assert worker.positions[name] == 2
    send(kafka, "ais.fixes", b"7", b"9", b"%d" % (N + 1))
    send(kafka, "ais.statics", b"%d" % N)
    forget(kafka, "ais.fixes", 5)
    with pytest.raises(OffsetOutOfRangeError):
        worker.run(limit(), until_end=True)
    worker.shut()
    work(kafka, make, metrics)
    assert tasks[-1].gone == [name]
    assert value_of(metrics, "dogwatch_input_lost_records_total", topic=name) == 5
    assert tasks[-1].marks[name] == N + 1


def test_the_track_stage_tells_its_detectors_that_nobody_listened(kafka):
    task = TrackTask(kafka, read_rules("border", []))
    minute = 60_000

    def message(t_ms: int) -> None:
        batch = empty_batch(("mast",))
        batch.fixes = new_fixes(1)
        batch.fixes["t_ms"] = batch.fixes["release_ms"] = t_ms
        batch.fixes["mmsi"], batch.fixes["lat"], batch.fixes["lon"] = 257_000_001, 30_000_000, 3_000_000
        for name in task.inputs:
            schema = FIXES if name == task.inputs[0] else STATICS
            if schema == FIXES:
                record = fixes_record(name, batch, Meta(FIXES, "test", watermark_ms=t_ms))
                task.take(name, record.value, record.headers)
        task.marks = dict.fromkeys(task.inputs, t_ms)

    message(1000 * minute)
    message(1001 * minute)
    task.missed(task.inputs[0])
    task.missed(task.inputs[1])
    assert task.down_ms == 1001 * minute
    again = TrackTask(kafka, read_rules("border", []))
    again.restore(task.to_sections())
    assert again.down_ms == 1001 * minute
    waiting = task.state.reorder.to_sections()
    assert "system_down" in str(waiting)
    message(1100 * minute)
    assert task.down_ms == T_MISSING
    assert "system_up" in str(task.state.reorder.to_sections())
