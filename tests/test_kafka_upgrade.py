"""A state that another build has written: rebuilt from the topics where that is possible, refused with a remedy where it is not."""

from __future__ import annotations

import logging
import threading

import pytest
from kafka_reading import committed
from kafka_sums import EXPECTED, Sums, fill, limit, outcome

from dogwatch.errors import InputError
from runners import step
from runners.kafka_client import topic
from runners.kafka_outbox import Outbox
from runners.kafka_worker import Worker, run_worker
from runners.wire import Record

pytestmark = pytest.mark.kafka


def entered(kafka, token: str) -> Worker:
    worker = Worker(kafka, Sums(kafka), token)
    worker.take_place()
    worker.recover(limit())
    return worker


@pytest.mark.usefixtures("soon_silent")
def test_a_stage_rebuilds_the_state_of_another_build_by_replay_and_says_nothing_twice(kafka, monkeypatch, caplog):
    fill(kafka)
    before = entered(kafka, "before")
    for _ in range(5):  # the odd numbers come first
        before._transact(before._answers(before.consumer.poll(timeout_ms=5000, max_records=20)))
    said = len(outcome(kafka))
    assert 0 < said < len(EXPECTED)
    assert before.generation == 5
    before.shut()

    monkeypatch.setattr(step, "STATE_SCHEMA", step.STATE_SCHEMA + 1)
    after = entered(kafka, "after")
    assert "this build reads" in caplog.text, "it is said"
    assert after.generation == 5, "a new snapshot is newer than those that cannot be read"
    after._transact(after._answers(after.consumer.poll(timeout_ms=5000, max_records=20)))
    after.shut()

    with caplog.at_level(logging.INFO, "dogwatch.kafka"):
        run_worker(kafka, lambda: Sums(kafka), limit(), until_end=True)
    assert "generation 6, 0 records replayed" in caplog.text, "the first snapshot of the new build is found"
    assert outcome(kafka) == EXPECTED


def test_ingest_goes_on_from_the_state_of_the_build_before(kafka, monkeypatch):
    monkeypatch.setattr(step, "STATE_SCHEMA", step.STATE_SCHEMA - 1)
    first = Outbox(kafka, "ingest", threading.Event())
    first.send([Record(topic(kafka, "ais.fixes"), b"0", b"x", [])])
    first.commit({"said": 1})
    first.close()
    monkeypatch.undo()
    again = Outbox(kafka, "ingest", threading.Event())
    assert (again.generation, again.sections) == (1, {"said": 1})
    again.close()


def test_ingest_refuses_the_state_of_another_build_because_nothing_else_knows_what_it_had_read(kafka, monkeypatch):
    first = Outbox(kafka, "ingest", threading.Event())
    first.send([Record(topic(kafka, "ais.fixes"), b"0", b"x", [])])
    first.commit({"said": 1})
    first.close()
    monkeypatch.setattr(step, "STATE_SCHEMA", step.STATE_SCHEMA + 1)
    with pytest.raises(InputError, match="this build reads") as refused:
        Outbox(kafka, "ingest", threading.Event())
    assert "run the build that wrote it" in refused.value.remedy
    monkeypatch.undo()
    again = Outbox(kafka, "ingest", threading.Event())
    assert again.sections == {"said": 1}
    again.close()
    assert [record.value for record in committed(kafka, "ais.fixes")] == [b"x"]
