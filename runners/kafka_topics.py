"""Our topics: names, settings, creation. `dogwatch kafka init`. May not: send or read records.

Idempotent: what is missing is created, what exists is compared and kept (retention is the operator's decision); a wrong
number of partitions or a cleanup policy that would lose data is an error, because no later step could repair it.
"""

from __future__ import annotations

import contextlib
from typing import Any

from dogwatch.config import Kafka
from dogwatch.errors import InputError
from runners.kafka_client import MESSAGE_BYTES_MAX, STAGES, new_admin, topic
from runners.wire import SHARDS

DAY_MS = 86_400_000
_COMPACT = {"cleanup.policy": "compact", "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}  # only closed segments are compacted
_WEEK = {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS), "segment.ms": str(DAY_MS)}  # an open segment is never deleted: a week would be two
RAW_BYTES = 16 << 30  # a week of 800 lines a second
OPTIONAL = {"ais.raw"}  # only where the configuration asks for it
# name -> (partitions, settings). Positions are personal data at short range: seven days unless the operator decides otherwise.
TOPICS: dict[str, tuple[int, dict[str, str]]] = {
    "ais.fixes": (SHARDS, _WEEK),
    "ais.statics": (SHARDS, _WEEK),
    "ais.raw": (SHARDS, _WEEK | {"retention.bytes": str(RAW_BYTES)}),
    "ais.safety": (1, {"cleanup.policy": "delete", "retention.ms": str(365 * DAY_MS)}),
    "risk.events": (SHARDS, {"cleanup.policy": "delete", "retention.ms": str(365 * DAY_MS)}),
    "risk.alerts": (SHARDS, _COMPACT),
    "dogwatch.dlq": (1, {"cleanup.policy": "delete", "retention.ms": str(30 * DAY_MS)}),
    "dogwatch.state": (SHARDS * len(STAGES), _COMPACT),
}
_MUST_MATCH = ("cleanup.policy", "max.message.bytes")


def topics_of(kafka: Kafka) -> dict[str, tuple[int, dict[str, str]]]:
    """The topics of this deployment."""
    return {name: settings for name, settings in TOPICS.items() if kafka.raw or name not in OPTIONAL}


def init_topics(kafka: Kafka) -> list[str]:
    """Create the missing topics and compare the others; one line per topic. Raises InputError, SurroundingsError."""
    wanted = {
        topic(kafka, name): (partitions, {**settings, "max.message.bytes": str(MESSAGE_BYTES_MAX)}) for name, (partitions, settings) in topics_of(kafka).items()
    }
    with contextlib.closing(new_admin(kafka)) as admin:
        there = set(admin.list_topics()) & set(wanted)
        fresh = {name: {"num_partitions": n, "replication_factor": -1, "configs": settings} for name, (n, settings) in wanted.items() if name not in there}
        if fresh:
            _create(admin, fresh)
        return [f"{name}: {'created' if name in fresh else 'exists'}{_compare(admin, name, *wanted[name])}" for name in wanted]


def missing_topics(kafka: Kafka) -> list[str]:
    """Names of our topics that the broker does not have."""
    with contextlib.closing(new_admin(kafka)) as admin:
        there = set(admin.list_topics())
    return [topic(kafka, name) for name in topics_of(kafka) if topic(kafka, name) not in there]


def require_topics(kafka: Kafka) -> None:
    """Raise InputError unless all topics exist: a stage never creates them by accident with the broker's defaults."""
    if absent := missing_topics(kafka):
        raise InputError(f"topics are missing on {kafka.bootstrap}: {', '.join(absent)}", remedy="run `dogwatch kafka init --config ...` once")


def compare_topic(admin: Any, kafka: Kafka, name: str) -> str:
    """What differs and is kept ('' = nothing) of one of our topics that exists. Raises InputError for what would lose data."""
    partitions, settings = TOPICS[name]
    return _compare(admin, topic(kafka, name), partitions, {**settings, "max.message.bytes": str(MESSAGE_BYTES_MAX)})


def _create(admin: Any, fresh: dict[str, Any]) -> None:
    from kafka.errors import TopicAlreadyExistsError

    with contextlib.suppress(TopicAlreadyExistsError):  # two `init` at once: the other one was first
        admin.create_topics(fresh)
    admin.wait_for_topics(list(fresh))


def _compare(admin: Any, name: str, partitions: int, settings: dict[str, str]) -> str:
    (described,) = admin.describe_topics([name])
    if len(described["partitions"]) != partitions:
        raise InputError(
            f"topic {name} has {len(described['partitions'])} partitions, this build needs {partitions}",
            remedy="partitions are never changed in place: use another [kafka] prefix, or delete the topic if nothing in it is needed",
        )
    found = _configs(admin, name)
    differences = [f"{key}={found[key]} (ours would be {value})" for key, value in settings.items() if key in found and found[key] != value]
    if faults := [text for text in differences if text.startswith(_MUST_MATCH)]:
        raise InputError(f"topic {name} would lose data: {', '.join(faults)}", remedy="correct it with kafka-configs.sh")
    return f", kept: {', '.join(differences)}" if differences else ""


def _configs(admin: Any, name: str) -> dict[str, str]:
    from kafka.admin import ConfigResource, ConfigResourceType

    described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")
    return {key: entry["value"] for resource in described.values() for entries in resource.values() for key, entry in entries.items()}
