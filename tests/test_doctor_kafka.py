"""The doctor at a broker: what is missing, behind, set aside or of another build is said, with a remedy."""

from __future__ import annotations

import contextlib
import threading

import pytest
from kafka_sums import Sums, fill

from dogwatch.config import Kafka
from runners import doctor_kafka, kafka_client, step
from runners.broker import free_port
from runners.doctor_kafka import examine_kafka
from runners.kafka_client import new_producer, topic
from runners.kafka_worker import Worker

pytestmark = pytest.mark.kafka


def found(kafka: Kafka) -> dict[str, tuple[str, str, str]]:
    return {f.name.removeprefix("topic ").removeprefix(kafka.prefix): (f.state, f.detail, f.remedy) for f in examine_kafka(kafka)}


def test_without_topics_the_remedy_is_init(kafka_bootstrap, kafka_prefix):
    rows = found(Kafka(bootstrap=kafka_bootstrap, prefix=kafka_prefix + "none."))
    assert rows["broker"][0] == "OK"
    assert "1 broker" in rows["broker"][1]
    assert rows["ais.fixes"][0] == "FAIL"
    assert "kafka init" in rows["ais.fixes"][2]


def test_lag_letters_and_snapshots(kafka, monkeypatch):
    assert {state for state, _, _ in found(kafka).values()} == {"OK"}
    fill(kafka)
    monkeypatch.setattr(doctor_kafka, "LAG_MAX", 50)
    assert found(kafka)["lag of track"] == ("WARN", "121 records", "start the track stage, or look at its log and at dogwatch_step_seconds")
    worker = Worker(kafka, Sums(kafka), "one")
    worker.take_place()
    worker.recover(threading.Event())
    found_once = worker.consumer.poll(timeout_ms=2000)
    worker._transact(worker._answers(found_once))
    worker.shut()
    with contextlib.closing(new_producer(kafka, "x")) as producer:
        producer.send(topic(kafka, "dogwatch.dlq"), b"?", partition=0)
        producer.flush()
    rows = found(kafka)
    assert int(rows["lag of track"][1].split()[0]) < 121
    assert rows["dead letters"][:2] == ("WARN", "about 1")
    assert rows["snapshot of track"][:2] == ("OK", "generation 1")
    monkeypatch.setattr(step, "STATE_SCHEMA", step.STATE_SCHEMA + 1)
    assert found(kafka)["snapshot of track"][0] == "FAIL"


def test_no_broker_is_one_finding(monkeypatch):
    monkeypatch.setattr(kafka_client, "BOOTSTRAP_MS", 500)
    [finding] = examine_kafka(Kafka(bootstrap=f"127.0.0.1:{free_port()}"))
    assert (finding.name, finding.state) == ("broker", "FAIL")
    assert finding.remedy
