"""What a replay that was shot at has left on the broker, beside what it must have left. May hold: reading, comparing, counting.

May not: kill, wait. Readers do what docs/kafka.md tells them: committed records only, and of equal id and version the last.
Two contents of one id and version are a fault, whatever the last one says; equal ones are counted as sent again. Track and
score work in transactions, so of theirs not even that may happen; distress is sent again until it is acknowledged.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from benchmarks.chaos_sea import Sea
from dogwatch.alerts import alert_from_json, alert_order
from dogwatch.config import Kafka
from dogwatch.events import event_from_json, event_order
from runners.kafka_client import new_consumer, topic

IDLE_POLLS_MAX = 60
Found = dict[tuple[str, int], list[tuple[bytes, bytes]]]  # (id, version) -> producer and value of every record


def judge(kafka: Kafka, sea: Sea) -> dict[str, Any]:
    """Counts and, in `faults`, sentences about anything that differs from the quiet run; none = it was survived."""
    events = collect(kafka, "risk.events", key_of_event)
    alerts = collect(kafka, "risk.alerts", key_of_alert)
    faults = compare("event", events, sea.events, order_of_event)
    faults += compare("alert", alerts, sea.alerts, order_of_alert)
    return {
        "events": len(events),
        "alerts": len(alerts),
        "distress_alerts": sum(any(b"ingest" in producer for producer, _ in records) for records in alerts.values()),
        "sent_again": sum(len(records) - 1 for records in (*events.values(), *alerts.values())),
        "faults": faults,
    }


def compare(what: str, found: Found, expected: list[bytes], order: Callable[[bytes], Any]) -> list[str]:
    """Sentences about what is lost, foreign, doubled or different; the bytes of the whole are compared last."""
    faults = []
    for (name, version), records in found.items():
        if len({value for _, value in records}) > 1:
            faults.append(f"{what} {name} version {version} has {len({value for _, value in records})} contents")
        transacted = [value for producer, value in records if b"ingest" not in producer]
        if len(transacted) > 1:
            faults.append(f"{what} {name} version {version} was committed {len(transacted)} times")
    lines = [records[-1][1] for records in found.values()]
    lost, foreign = set(expected) - set(lines), set(lines) - set(expected)
    faults += [f"{what} lost: {line.decode()[:200]}" for line in sorted(lost)]
    faults += [f"{what} that the quiet run does not have: {line.decode()[:200]}" for line in sorted(foreign)]
    if not faults and sorted(lines, key=order) != expected:
        faults.append(f"{what}s differ from the quiet run")
    return faults


def collect(kafka: Kafka, name: str, key: Callable[[bytes], tuple[str, int]]) -> Found:
    """Every committed document of a topic by id and version."""
    from kafka import TopicPartition

    where = TopicPartition(topic(kafka, name), 0)
    found: Found = defaultdict(list)
    with contextlib.closing(new_consumer(kafka, "judge")) as consumer:
        consumer.assign([where])
        consumer.seek_to_beginning(where)
        end, idle = consumer.end_offsets([where])[where], 0
        while consumer.position(where) < end:
            records = consumer.poll(timeout_ms=500).get(where, [])
            idle = 0 if records else idle + 1
            if idle > IDLE_POLLS_MAX:
                raise SystemExit(f"{where.topic} stops at offset {consumer.position(where)} of {end}")
            for record in records:
                if record.value:
                    found[key(record.value)].append((dict(record.headers)["producer"], record.value))
    return dict(found)


def key_of_event(line: bytes) -> tuple[str, int]:
    """Id and version."""
    event = event_from_json(line)
    return event.event_id, event.version


def key_of_alert(line: bytes) -> tuple[str, int]:
    """Id and revision."""
    alert = alert_from_json(line)
    return alert.alert_id, alert.revision


def order_of_event(line: bytes) -> Any:
    """The place of an event in `events.ndjson`."""
    return event_order(event_from_json(line))


def order_of_alert(line: bytes) -> Any:
    """The place of an alert in `alerts.ndjson`."""
    return alert_order(alert_from_json(line))
