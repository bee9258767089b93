"""Snapshots in the compacted topic `dogwatch.state`. May hold: chunks, generations, reading back. May not: know what a state means.

A snapshot is one blob with the input offsets inside, cut into records below the message limit and sent inside the
worker's transaction: it appears whole, together with the output and the offsets it belongs to, or not at all. Three
generations rotate through three sets of keys, so that compaction keeps exactly them. A generation that cannot be read
(damaged, another build) is reported and the one before it is taken; the replay is then longer, the result the same.
Each stage has a partition of its own, because one worker's open transaction hides what follows it in a partition.

Beside the snapshots stands the owner: the token of the worker that last took the stage, and the process that it is. The
broker fences a zombie, but its client tells that in several ways and at several moments; a worker that has met any fault
looks here before it takes its place again, so that a process that slept never takes the stage back from its successor.
A worker repeats its record every second as a sign of life, and says with it that it leaves (`runners.kafka_standby`).
"""

from __future__ import annotations

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from dogwatch.config import Kafka
from dogwatch.errors import InputError, SurroundingsError
from runners.kafka_client import ANSWER_S_MAX, STAGES, new_consumer, taken_over, topic, within, worker_id
from runners.step import restore, snapshot
from runners.wire import SHARDS, Record

GENERATIONS_KEPT = 3
CHUNK_BYTES = 900_000
OWNER = "owner"
READ_S_MAX = 60.0
ANSWER_MS_MAX = 5_000


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


class Owner(msgspec.Struct):
    """Who works a stage: the token of one life of a worker, the process that it is, and whether it has left by itself."""

    token: str
    process: str
    left: bool = False


def owner_record(kafka: Kafka, stage: str, token: str, *, left: bool = False) -> Record:
    """The record by which a worker says that the stage is its own, or that it leaves it."""
    shard = partition_of(stage)
    value = msgspec.json.encode(Owner(token, this_process(), left))
    return Record(topic(kafka, "dogwatch.state"), f"{stage}/{shard}/{OWNER}".encode(), value, [], shard)


def claim(kafka: Kafka, stage: str, producer: Any, token: str, *, left: bool = False) -> None:
    """Write down, in a transaction of its own, that `token` owns the stage, or has left it. First call it right after `init_transactions`."""
    record = owner_record(kafka, stage, token, left=left)
    producer.begin_transaction()
    producer.send(record.topic, record.value, key=record.key, partition=record.shard)
    within(ANSWER_S_MAX, producer.commit_transaction)


def require_owner(kafka: Kafka, stage: str, token: str) -> None:
    """Raise TakenOverError unless `token` still owns the stage."""
    with contextlib.closing(StateLog(kafka, stage)) as log:
        log.refresh()
        if log.owner is None or log.owner.token != token:
            raise taken_over(stage)


def this_process() -> str:
    """Host, boot, process namespace, number and start of this process: equal only for itself. Empty where the system does not tell."""
    return _process(os.getpid())


def is_gone(process: str) -> bool:
    """Whether the process of a `this_process` lived beside us and is dead. False where that cannot be known, on another machine for one."""
    here, there = this_process().split(" "), process.split(" ")
    if len(here) != len(there) or len(here) < 2 or here[:-2] != there[:-2]:
        return False
    return _process(int(there[-2])) != process


def _process(pid: int) -> str:
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink().name
    except OSError:
        return ""
    return "" if state in "ZX" else f"{socket.gethostname()} {boot} {space} {pid} {fields[18]}"


def read_snapshot(kafka: Kafka, stage: str) -> tuple[Snapshot | None, list[str]]:
    """The newest readable snapshot of a stage (None = never one), and what was wrong with newer ones.

    Call it after `init_transactions`: then no transaction of a predecessor hides anything.
    """
    with contextlib.closing(StateLog(kafka, stage)) as log:
        log.refresh()
        return newest_snapshot(stage, log)


def newest_snapshot(stage: str, log: StateLog) -> tuple[Snapshot | None, list[str]]:
    """The same of a log that has been refreshed after `init_transactions`."""
    found: dict[int, dict[int, bytes]] = {}
    sizes: dict[int, int] = {}
    for key, value, headers in log.newest.values():
        if key.endswith(OWNER.encode()):
            continue
        slot, number = (int(part) for part in key.decode().split("/")[-2:])
        generation, (_, _, count) = int(headers["generation"]), headers["chunk"].partition(b"/")
        assert slot == generation % GENERATIONS_KEPT, "a generation lives in its slot"
        found.setdefault(generation, {})[number] = value
        sizes[generation] = int(count)
    faults: list[str] = []
    for generation in sorted(found, reverse=True):  # a build that cannot read them begins at 1 again, below what it found
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


def newest_generation(log: StateLog) -> int:
    """The largest number that any snapshot bears, readable or not: the next one must be larger, or it would be taken for an old one."""
    return max((int(headers["generation"]) for key, _, headers in log.newest.values() if not key.endswith(OWNER.encode())), default=0)


class StateLog:
    """A stage's partition of `dogwatch.state` as far as it was read: the newest record of every key. Not thread-safe; `close` it."""

    def __init__(self, kafka: Kafka, stage: str) -> None:
        from kafka import TopicPartition

        self.where = TopicPartition(topic(kafka, "dogwatch.state"), partition_of(stage))
        self.newest: dict[bytes, tuple[bytes, bytes, dict[str, bytes]]] = {}
        self.consumer = new_consumer(kafka, worker_id(kafka, f"{stage}-state"))
        self.consumer.assign([self.where])
        self.consumer.seek_to_beginning(self.where)

    @property
    def owner(self) -> Owner | None:
        """Who last said that the stage is its own."""
        found = next((value for key, value, _ in self.newest.values() if key.endswith(OWNER.encode())), None)
        try:
            return msgspec.json.decode(found, type=Owner) if found else None
        except msgspec.DecodeError:  # of a build that wrote the token alone
            return Owner((found or b"").decode("utf-8", "replace"), "")

    def refresh(self) -> int:
        """Read what has been committed since the last call; the number of records. Raises KafkaError or SurroundingsError without an answer."""
        end = self.consumer.end_offsets([self.where], timeout_ms=ANSWER_MS_MAX)[self.where]
        idle_s, n = 0.0, 0
        while (self.consumer.position(self.where) or 0) < end:
            records = self.consumer.poll(timeout_ms=500).get(self.where, [])
            idle_s, n = (0.0 if records else idle_s + 0.5), n + len(records)
            if idle_s > READ_S_MAX:
                raise SurroundingsError(
                    f"{self.where.topic} stops answering at offset {self.consumer.position(self.where)} of {end}", remedy="look at the broker"
                )
            for record in records:
                self.newest[record.key] = (record.key, record.value, dict(record.headers))
        return n

    def close(self) -> None:
        """Leave the client."""
        self.consumer.close(autocommit=False)
