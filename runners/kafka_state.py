"""Snapshots in the compacted topic `dogwatch.state`. May hold: chunks, generations, reading back. May not: know what a state means.

A snapshot is one blob with the input offsets inside, cut into records below the message limit and sent inside the
worker's transaction: it appears whole, together with the output and the offsets it belongs to, or not at all. Three
generations rotate through three sets of keys, so that compaction keeps exactly them. A generation that cannot be read
(damaged, another build) is reported and the one before it is taken; the replay is then longer, the result the same.
Each stage has a partition of its own, because one worker's open transaction hides what follows it in a partition.

Beside the snapshots stands the owner: the token of the worker that last took the stage. The broker fences a zombie, but
its client tells that in several ways and at several moments; a worker that has met any fault looks here before it takes
its place again, so that a process that slept never takes the stage back from its successor.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from dogwatch.config import Kafka
from dogwatch.errors import InputError, SurroundingsError
from runners.kafka_client import ANSWER_S_MAX, STAGES, new_consumer, taken_over, topic, within, worker_id
from runners.step import restore, snapshot
from runners.wire import SHARDS, Record

GENERATIONS_KEPT = 3
CHUNK_BYTES = 900_000
OWNER = "owner"
READ_S_MAX = 60.0


@dataclass(slots=True)
class Snapshot:
    """One generation: where the inputs stood (topic -> next offset), and the sections of the state."""

    generation: int
    offsets: dict[str, int]
    sections: dict[str, Any]


def partition_of(stage: str, shard: int = 0) -> int:
    """Partition of `dogwatch.state` that holds a worker's snapshots."""
    return STAGES.index(stage) * SHARDS + shard


def snapshot_records(kafka: Kafka, stage: str, taken: Snapshot) -> list[Record]:
    """The records of one snapshot, to be sent inside the worker's transaction."""
    body = snapshot({"generation": taken.generation, "offsets": taken.offsets, "state": taken.sections})
    chunks = [body[start : start + CHUNK_BYTES] for start in range(0, len(body), CHUNK_BYTES)]
    slot = taken.generation % GENERATIONS_KEPT
    shard = partition_of(stage)
    return [
        Record(
            topic(kafka, "dogwatch.state"),
            f"{stage}/{shard}/{slot}/{number}".encode(),
            chunk,
            [("generation", b"%d" % taken.generation), ("chunk", b"%d/%d" % (number, len(chunks)))],
            shard,
        )
        for number, chunk in enumerate(chunks)
    ]


def claim(kafka: Kafka, stage: str, producer: Any, token: str) -> None:
    """Write down, in a transaction of its own, that `token` owns the stage now. Call it right after `init_transactions`."""
    shard = partition_of(stage)
    producer.begin_transaction()
    producer.send(topic(kafka, "dogwatch.state"), token.encode(), key=f"{stage}/{shard}/{OWNER}".encode(), partition=shard)
    within(ANSWER_S_MAX, producer.commit_transaction)


def require_owner(kafka: Kafka, stage: str, token: str) -> None:
    """Raise TakenOverError unless `token` still owns the stage."""
    owners = [value for key, value, _ in _records(kafka, stage) if key.endswith(OWNER.encode())]
    if owners != [token.encode()]:
        raise taken_over(stage)


def read_snapshot(kafka: Kafka, stage: str) -> tuple[Snapshot | None, list[str]]:
    """The newest readable snapshot of a stage (None = never one), and what was wrong with newer ones.

    Call it after `init_transactions`: then no transaction of a predecessor hides anything.
    """
    found: dict[int, dict[int, bytes]] = {}
    sizes: dict[int, int] = {}
    for key, value, headers in _records(kafka, stage):
        if key.endswith(OWNER.encode()):
            continue
        slot, number = (int(part) for part in key.decode().split("/")[-2:])
        generation, (_, _, count) = int(headers["generation"]), headers["chunk"].partition(b"/")
        assert slot == generation % GENERATIONS_KEPT, "a generation lives in its slot"
        found.setdefault(generation, {})[number] = value
        sizes[generation] = int(count)
    faults: list[str] = []
    newest = max(found, default=0)
    for generation in sorted(found, reverse=True):
        if generation <= newest - GENERATIONS_KEPT:
            break
        if len(found[generation]) != sizes[generation]:
            faults.append(f"{stage} snapshot {generation}: {len(found[generation])} of {sizes[generation]} pieces are there")
            continue
        body = b"".join(found[generation][number] for number in range(sizes[generation]))
        try:
            plain = restore(body)
        except InputError as fault:
            faults.append(f"{stage} snapshot {generation}: {fault}")
            continue
        return Snapshot(plain["generation"], plain["offsets"], plain["state"]), faults
    return None, faults


def _records(kafka: Kafka, stage: str) -> list[tuple[bytes, bytes, dict[str, bytes]]]:
    """All committed records of a stage's partition; a later record of a key replaces an earlier one."""
    from kafka import TopicPartition

    where = TopicPartition(topic(kafka, "dogwatch.state"), partition_of(stage))
    newest: dict[bytes, tuple[bytes, bytes, dict[str, bytes]]] = {}
    with contextlib.closing(new_consumer(kafka, worker_id(kafka, f"{stage}-state"))) as consumer:
        consumer.assign([where])
        consumer.seek_to_beginning(where)
        end = consumer.end_offsets([where])[where]
        idle_s = 0.0
        while (consumer.position(where) or 0) < end:
            records = consumer.poll(timeout_ms=500).get(where, [])
            idle_s = 0.0 if records else idle_s + 0.5
            if idle_s > READ_S_MAX:
                raise SurroundingsError(f"{where.topic} stops answering at offset {consumer.position(where)} of {end}", remedy="look at the broker")
            for record in records:
                newest[record.key] = (record.key, record.value, dict(record.headers))
    return list(newest.values())
