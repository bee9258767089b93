"""The doctor at the broker: does it answer, are the topics right, how far behind are the stages, which versions. Looks and changes nothing."""

from __future__ import annotations

import contextlib
from importlib.metadata import version
from typing import Any

from dogwatch.config import Kafka
from dogwatch.errors import DogwatchError
from runners.finding import Finding
from runners.kafka_client import STAGES, new_admin, new_consumer, topic, worker_id
from runners.kafka_state import read_snapshot
from runners.kafka_topics import compare_topic, topics_of

CLIENT_MAJOR = "3"
BROKER_MIN = (2, 5)  # transactions as the stages use them
LAG_MAX = 1_000  # records: minutes of work
INPUTS = {"track": ("ais.fixes", "ais.statics"), "score": ("risk.events",)}


def examine_kafka(kafka: Kafka) -> list[Finding]:
    """Findings about one deployment; only the first where no broker answers."""
    try:
        with contextlib.closing(new_admin(kafka)) as admin:
            findings = [*_broker(kafka, admin), *(found := _topics(kafka, admin))]
        if all(finding.state == "OK" for finding in found):
            findings += [*_lag(kafka), *_states(kafka)]
        return findings
    except DogwatchError as fault:
        return [Finding("broker", "FAIL", fault.what, fault.remedy)]


def _broker(kafka: Kafka, admin: Any) -> list[Finding]:
    from kafka.errors import KafkaError

    client = version("kafka-python")
    findings = [
        Finding(
            "kafka client",
            "OK" if client.split(".")[0] == CLIENT_MAJOR else "WARN",
            f"kafka-python {client}",
            "" if client.split(".")[0] == CLIENT_MAJOR else f"this build was tested with {CLIENT_MAJOR}.x",
        )
    ]
    try:
        cluster = admin.describe_cluster()
    except KafkaError as fault:
        return [*findings, Finding("broker", "FAIL", f"{kafka.bootstrap}: {fault}", "look at the broker's log")]
    brokers = cluster.get("brokers", [])
    known = admin.config.get("api_version") or getattr(admin._manager, "broker_version", None) or ()
    text = f"{kafka.bootstrap} answers, {len(brokers)} broker{'s' * (len(brokers) != 1)}, {kafka.security}" + (
        f", speaks {'.'.join(map(str, known))}" if known else ""
    )
    old = bool(known) and tuple(known) < BROKER_MIN
    return [*findings, Finding("broker", "FAIL" if old else "OK", text, f"Kafka {'.'.join(map(str, BROKER_MIN))} or later is needed" if old else "")]


def _topics(kafka: Kafka, admin: Any) -> list[Finding]:
    there, findings = set(admin.list_topics()), []
    for name in topics_of(kafka):
        full = topic(kafka, name)
        if full not in there:
            findings.append(Finding(f"topic {full}", "FAIL", "absent", "run `dogwatch kafka init --config ...`"))
            continue
        try:
            findings.append(Finding(f"topic {full}", "OK", "as it should be" + compare_topic(admin, kafka, name)))
        except DogwatchError as fault:
            findings.append(Finding(f"topic {full}", "FAIL", fault.what, fault.remedy))
    return findings


def _lag(kafka: Kafka) -> list[Finding]:
    """How many records of its inputs each stage has not committed; and what was set aside."""
    from kafka import TopicPartition

    findings = []
    for stage, names in INPUTS.items():
        places = [TopicPartition(topic(kafka, name), 0) for name in names]
        with contextlib.closing(new_consumer(kafka, f"{worker_id(kafka, stage)}-doctor", group=worker_id(kafka, stage))) as consumer:
            ends, begins = consumer.end_offsets(places), consumer.beginning_offsets(places)
            behind = sum(max(0, ends[place] - max(consumer.committed(place) or 0, begins[place])) for place in places)
        late = behind > LAG_MAX
        remedy = f"start the {stage} stage, or look at its log and at dogwatch_step_seconds" if late else ""
        findings.append(Finding(f"lag of {stage}", "WARN" if late else "OK", f"{behind} records", remedy, {"records": behind}))
    place = TopicPartition(topic(kafka, "dogwatch.dlq"), 0)
    with contextlib.closing(new_consumer(kafka, "dogwatch-doctor")) as consumer:
        aside = consumer.end_offsets([place])[place] - consumer.beginning_offsets([place])[place]
    remedy = "their headers dlq.reason, dlq.topic and dlq.offset say why and which" if aside else ""
    return [*findings, Finding("dead letters", "WARN" if aside else "OK", f"about {aside}" if aside else "none", remedy)]


def _states(kafka: Kafka) -> list[Finding]:
    findings = []
    for stage in STAGES:
        found, faults = read_snapshot(kafka, stage)
        state = "OK" if not faults else "WARN" if found else "FAIL"
        text = f"generation {found.generation}" if found else "never one" if not faults else "none can be read"
        findings.append(Finding(f"snapshot of {stage}", state, "; ".join([text, *faults]), "docs/operations.md, 'Upgrade'" if faults else ""))
    return findings
