"""Two roads for positions from ingest to track over a broker: the house's columns, and one JSON record per message.

May live here: the two senders, the two readers, each run as a process of its own. May not: timing policy, printing (`kafka`).
The columns go the way of the product: the ingest stage's own batching and transactions, the worker of a stage on the other side.
The JSON road is given every ease that costs safety: no transactions on either side, no headers, no schema.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

import msgspec
import numpy as np

from dogwatch.batch import FIX_DTYPE, Batch, empty_batch, new_fixes
from dogwatch.config import Config, Kafka, Source
from dogwatch.kernel import load_all
from ingest.decode import DecodeState, decode
from runners.kafka_client import MESSAGE_BYTES_MAX, RETRY_BACKOFF_MS, topic
from runners.kafka_ingest import PRODUCER, Ingest
from runners.kafka_outbox import Outbox
from runners.kafka_short_road import ShortRoad
from runners.kafka_track import TrackTask
from runners.kafka_worker import Task, run_worker
from runners.metrics import Metrics
from runners.rules import read_rules
from runners.tape import Tape
from runners.wire import FIXES, STATICS, Headers, Record, from_headers, heartbeat, read_batch

CYCLE_ROWS = 200_000  # different rows that are sent over and over, each time later
JSON_LINGER_MS = 20
JSON_RECORDS_PER_POLL = 5_000
QUIET_S_MAX = 60.0
FIELDS = FIX_DTYPE.names or ()


class Position(msgspec.Struct):
    """What one JSON record says: every column of a fix that has a meaning for people."""

    t_ms: int
    mmsi: int
    lat: int
    lon: int
    sog: int
    cog: int
    hdg: int
    nav: int
    rot: int
    src: int
    flags: int
    msg_type: int
    t_rx_ms: int


JSON_FIELDS = [name for name in msgspec.structs.asdict(Position(*[0] * 13)) if name in FIELDS]


def positions(n: int = CYCLE_ROWS, seconds: float = 900.0) -> np.ndarray:
    """FIX_DTYPE[n]: a simulated strait, decoded, repeated with later times until there are enough."""
    from benchmarks.pipeline import simulated

    batch = decode(DecodeState("bench"), simulated(seconds), final=True)
    rows = batch.fixes[batch.fixes["t_ms"] > 0]
    assert len(rows) > 1000, "the strait must have spoken"
    times = -(-n // len(rows))
    whole = np.tile(rows, times)
    whole["t_ms"] += np.repeat(np.arange(times, dtype=np.int64) * round(seconds * 1000), len(rows))
    whole["release_ms"] = whole["t_ms"]
    return whole[:n]


def send_columns(kafka: Kafka, rows: np.ndarray, n: int) -> float:
    """`n` rows by the ingest stage's own hands, last of them with the end marker; returns the monotonic second at which it began."""
    config = Config(sources=[Source(id="bench", kind="stdin")], kafka=kafka)
    stage = Ingest(config, kafka, Outbox(kafka, "ingest", threading.Event()), ShortRoad(kafka), Metrics(), Tape(config, print))
    batches = pieces(rows, kafka.batch_rows)
    begun_s, sent = time.monotonic(), 0
    while sent < n:
        batch = batches[sent // kafka.batch_rows % len(batches)]
        stage.pending.append(batch)
        stage.rows += len(batch.fixes)
        sent += len(batch.fixes)
        stage.intake.watermark_ms = int(batch.fixes["t_ms"][-1])
        stage.flush()
        if time.monotonic() >= stage.due_s:
            stage.commit()
    stage.ended = True
    stage.intake.watermark_ms += 1
    stage.flush()
    stage.commit()
    stage.close()
    return begun_s


def take_columns(kafka: Kafka, n: int) -> float:
    """Read `n` rows as the track stage does, without detectors; returns the monotonic second at which the last was committed."""
    task = Columns(kafka)
    done_s = _work(kafka, task)
    assert task.rows == n, f"{task.rows} rows of {n} arrived"
    return done_s


def take_tracks(kafka: Kafka, n: int) -> float:
    """The whole track stage with its detectors; returns the monotonic second at which the last event was committed."""
    load_all()  # a stage at work has its kernels
    task = TrackTask(kafka, read_rules("border", []))
    done_s = _work(kafka, task)
    assert task.state.counters["rows_in"] == n, f"{task.state.counters['rows_in']} rows of {n} arrived"
    return done_s


def _work(kafka: Kafka, task: Task) -> float:
    done_s = [0.0]

    def observe(answers: list[Record], seconds: float) -> None:
        done_s[0] = time.monotonic()

    run_worker(kafka, lambda: task, threading.Event(), until_end=True, observe=observe)
    return done_s[0]


def send_json(kafka: Kafka, rows: np.ndarray, n: int) -> float:
    """`n` rows as one JSON record each; returns the monotonic second at which it began."""
    from kafka import KafkaProducer

    encode, name = msgspec.json.Encoder().encode, topic(kafka, "ais.fixes")
    producer = KafkaProducer(
        bootstrap_servers=kafka.bootstrap,
        acks="all",
        compression_type="lz4",
        linger_ms=JSON_LINGER_MS,
        batch_size=256 * 1024,
        max_request_size=MESSAGE_BYTES_MAX,
        retry_backoff_ms=RETRY_BACKOFF_MS,
    )
    begun_s = time.monotonic()
    with contextlib.closing(producer):
        for start in range(0, n, len(rows)):
            part = rows[: min(len(rows), n - start)]
            for values in zip(*(part[field].tolist() for field in JSON_FIELDS), strict=True):
                producer.send(name, encode(dict(zip(JSON_FIELDS, values, strict=True))), partition=0)
        producer.flush()
    return begun_s


def take_json(kafka: Kafka, n: int) -> float:
    """Read `n` JSON records into columns; returns the monotonic second at which the last was there."""
    from kafka import KafkaConsumer, TopicPartition

    decode_one = msgspec.json.Decoder().decode
    where, taken, quiet_s = TopicPartition(topic(kafka, "ais.fixes"), 0), 0, time.monotonic()
    consumer = KafkaConsumer(
        bootstrap_servers=kafka.bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=JSON_RECORDS_PER_POLL,
        max_partition_fetch_bytes=2 * MESSAGE_BYTES_MAX,
    )
    with contextlib.closing(consumer):
        consumer.assign([where])
        consumer.seek_to_beginning(where)
        while taken < n:
            found = [decode_one(record.value) for record in consumer.poll(timeout_ms=250).get(where, [])]
            if found:
                columns(found)
                taken, quiet_s = taken + len(found), time.monotonic()
            assert time.monotonic() - quiet_s < QUIET_S_MAX, f"{taken} records of {n} arrived"
    return time.monotonic()


def columns(found: list[dict[str, Any]]) -> np.ndarray:
    """JSON positions as rows."""
    rows = new_fixes(len(found))
    for field in JSON_FIELDS:
        rows[field] = [position[field] for position in found]
    return rows


def pieces(rows: np.ndarray, size: int) -> list[Batch]:
    """Rows in batches of `size`."""
    found = []
    for start in range(0, len(rows), size):
        batch = empty_batch(("bench",))
        batch.fixes = rows[start : start + size]
        found.append(batch)
    return found


class Columns:
    """The track stage's reading and its heartbeat, and nothing between."""

    name = "track"

    def __init__(self, kafka: Kafka) -> None:
        self.inputs: tuple[str, ...] = (topic(kafka, "ais.fixes"), topic(kafka, "ais.statics"))
        self.output = topic(kafka, "risk.events")
        self.rows, self.watermark_ms = 0, 0
        self.over: set[str] = set()

    @property
    def ended(self) -> bool:
        """Both inputs are over."""
        return self.over == set(self.inputs)

    def take(self, topic: str, value: bytes, headers: Headers) -> list[Record]:
        """Columns of one message, read and counted."""
        meta = from_headers(headers, FIXES if topic == self.inputs[0] else STATICS)
        self.rows += len(read_batch(value, meta).fixes)
        self.watermark_ms = max(self.watermark_ms, meta.watermark_ms)
        if meta.end:
            self.over.add(topic)
        return []

    def close(self) -> list[Record]:
        """A heartbeat."""
        return [heartbeat(self.output, producer=PRODUCER, watermark_ms=self.watermark_ms)]

    def to_sections(self) -> dict[str, Any]:
        """How many rows so far."""
        return {"rows": self.rows}

    def restore(self, sections: dict[str, Any]) -> None:
        """Go on counting."""
        self.rows = sections["rows"]
