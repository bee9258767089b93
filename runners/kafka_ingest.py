"""The ingest stage: sources -> ais.fixes, ais.statics, ais.raw (if asked for), ais.safety, and distress straight to risk.events and risk.alerts.

May live here: batching, markers. May not: detect, score, know transactions (`kafka_outbox`).
Rows go out after `batch_rows` rows or `batch_ms`, whichever is first; both topics carry the same common watermark, so
that the track stage may take the minimum of the two in any order. A finite input ends with a message that moves the
watermark past its last event and says end=1.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dogwatch.batch import (
    FIX_DTYPE,
    STATIC_DTYPE,
    Batch,
    Control,
    empty_batch,
    join_rows,
)
from dogwatch.config import Config, Kafka
from dogwatch.errors import InputError, SurroundingsError
from dogwatch.times import iso
from ingest.source import Received
from runners.backlog import Backlog
from runners.health import Health
from runners.intake import Intake, lanes_of
from runners.kafka_client import TakenOverError, topic, worker_id
from runners.kafka_lookout import Lookout
from runners.kafka_metrics import book_answers, serve_metrics
from runners.kafka_outbox import Outbox
from runners.kafka_raw import BLOCK_BYTES, Blocks
from runners.kafka_short_road import ACK_S_MAX, PRODUCER, ShortRoad, distress_records
from runners.kafka_topics import require_topics
from runners.metrics import Metrics
from runners.tape import Tape
from runners.wire import FIXES, RAW, Meta, Record, fixes_record, statics_record

log = logging.getLogger("dogwatch.kafka")

ROWS_MAX = 40_000  # a message of this many rows stays below the message limit even uncompressed
RETRY_S, DRAIN_S = 1.0, 5.0
UNSAID_BYTES = 1 << 20  # input that brings nothing to send is committed too, after so much of it
FINITE = ("file", "stdin")


def run_ingest(config: Config, *, stop: threading.Event, until_end: bool = False) -> None:
    """Read sources into the broker until `stop`, or with `until_end` until all of them are over. Raises InputError, SurroundingsError."""
    kafka = config.kafka
    if kafka is None or not config.sources:
        raise InputError("ingest needs a [kafka] table and at least one [[sources]]", remedy="examples/kafka.toml shows both")
    metrics = serve_metrics(config, "ingest")
    backlog = Backlog(Path(config.data_dir) / "input" / worker_id(kafka, "ingest"), config.sources, log.error)
    tape = Tape(config, log.error)
    metrics.watch(backlog.readers)
    metrics.watch_tape(tape)
    metrics.watch_backlog(backlog)
    try:
        if backlog.known:  # it has worked before: it captures while it looks for the broker
            backlog.start()
        outbox, road = _connected(kafka, stop, metrics.health, patient=backlog.known)
        stage = Ingest(config, kafka, outbox, road, metrics, tape, backlog)
        try:
            backlog.start()
            _work(stage, backlog, stop, until_end)
        finally:
            stage.close()
    finally:
        backlog.close()
        tape.close()
    tape.check()


def _work(stage: Ingest, backlog: Backlog, stop: threading.Event, until_end: bool) -> None:
    while not stop.is_set() and not (until_end and stage.ended):
        stage.metrics.health.say()
        wait_s = max(0.001, stage.due_s - time.monotonic()) if stage.rows else stage.kafka.batch_ms / 1000
        stage.take(backlog.get(wait_s))
    backlog.stop()
    until_s = time.monotonic() + DRAIN_S
    while (time.monotonic() < until_s or backlog.holding) and (received := backlog.get(0.0)) is not None:
        stage.take(received)  # what was accepted is sent, or stands on disk for the next start
    stage.flush()
    stage.commit()
    if stage.road.waiting:
        raise SurroundingsError(
            f"{len(stage.road.waiting)} distress records could not be delivered", remedy="look at the broker; input is taken again from the last commit"
        )


def _connected(kafka: Kafka, stop: threading.Event, health: Health, *, patient: bool) -> tuple[Outbox, ShortRoad]:
    """The stage's two producers; a patient one waits for a broker until `stop`. Raises InputError, SurroundingsError."""
    from kafka.errors import KafkaError

    while True:
        try:
            require_topics(kafka)
            return Outbox(kafka, "ingest", stop, health), ShortRoad(kafka)
        except TakenOverError:
            raise
        except (KafkaError, SurroundingsError) as fault:
            if not patient or stop.wait(RETRY_S):
                raise
            log.warning("ingest: %s; input is kept on disk meanwhile", fault)
            health.say("the broker does not answer")


class Ingest:
    """Rows on their way out. Not thread-safe: one caller."""

    def __init__(self, config: Config, kafka: Kafka, outbox: Outbox, road: ShortRoad, metrics: Metrics, tape: Tape, backlog: Backlog | None = None) -> None:
        self.kafka, self.outbox, self.road, self.metrics, self.tape = kafka, outbox, road, metrics, tape
        self.backlog = backlog or Backlog(Path(config.data_dir), [], log.error)
        self.intake = Intake(lanes_of(config))
        self.finite = {source.id for source in config.sources if source.kind in FINITE and not source.follow}
        self.pending: list[Batch] = []
        self.raw = Blocks()
        self.rows = 0
        self.said_ms, self.said_end = self.intake.watermark_ms, False
        self.due_s = 0.0
        self.ended = False
        self.skip = dict.fromkeys(self.intake.lanes, 0)
        if outbox.sections is not None:
            self._resume(outbox.sections)
        self.backlog.resume(outbox.sections.get("logs", {}) if outbox.sections is not None else None)
        self.lookout = Lookout(config, kafka, self.backlog, road, outbox.sections, self._called) if self.backlog.logged else None

    def take(self, received: Received | Control | None) -> None:
        """One piece from a source, a row of the backlog, or None when nothing came in time."""
        if isinstance(received, Control):
            if (row := self.intake.started()) is not None:
                self.pending.append(row)
        elif received is not None and self.intake.takes(received.source):
            begun_s = time.monotonic()
            self._decode(received)
            self.metrics.step.labels("ingest").observe(time.monotonic() - begun_s)
        if self.finite == set(self.intake.lanes) == self.intake.ended and not self.ended:
            self.ended = True
            self.intake.end()
            self.flush()
            self.commit()
        elif self.rows >= min(self.kafka.batch_rows, ROWS_MAX) or self.raw.bytes >= BLOCK_BYTES:
            self.flush()
        if time.monotonic() >= self.due_s:
            self.flush()
            self.commit()
        self.tape.settle(self.intake.simulated)

    def flush(self) -> None:
        """Put the collected rows and the watermark into the transaction."""
        if self.raw.bytes:
            self.outbox.send(self.raw.cut(topic(self.kafka, "ais.raw"), Meta(RAW, PRODUCER, exercise=self.intake.exercise)))
        if not self.pending and (self.intake.watermark_ms, self.ended) == (self.said_ms, self.said_end):
            return
        whole = join(self.pending, tuple(self.intake.receivers))
        for batch, last in cut(whole, min(self.kafka.batch_rows, ROWS_MAX)):
            # the rows of the other pieces are still to come: only the last may move the watermark
            meta = Meta(
                FIXES, PRODUCER, watermark_ms=self.intake.watermark_ms if last else self.said_ms, exercise=self.intake.exercise, end=self.ended and last
            )
            self.outbox.send([fixes_record(topic(self.kafka, "ais.fixes"), batch, meta), statics_record(topic(self.kafka, "ais.statics"), batch, meta)])
        self.pending, self.rows = [], 0
        self.said_ms, self.said_end = self.intake.watermark_ms, self.ended

    def commit(self) -> None:
        """Make it count, together with the state of the lanes; not before all distress is acknowledged."""
        self.due_s = time.monotonic() + self.kafka.batch_ms / 1000
        if not self.outbox.sent and self.backlog.uncommitted() <= UNSAID_BYTES:
            return
        positions = self.backlog.positions()
        while not self._acknowledged():
            if self.outbox.stop.is_set():
                return
            self.metrics.health.say("distress is not acknowledged")
        self.outbox.commit(self.intake.to_sections() | {"over": self.ended, "logs": positions})
        self.backlog.settle(positions)

    def close(self) -> None:
        """Leave the clients."""
        if self.lookout is not None:
            self.lookout.close()
        self.outbox.close()
        self.road.close()

    def _decode(self, received: Received) -> None:
        source = received.source
        if skipped := min(len(received.data), self.skip[source]):  # read before the restart
            self.skip[source] -= skipped
            received = replace(received, data=received.data[skipped:])
        self.tape.take(received)
        begun_s = time.monotonic()
        batch, events, alerts = self.intake.take(received)
        if batch.safety and (self.lookout is None or self.backlog.holding):  # what the disk refused has passed no lookout
            distress = distress_records(self.kafka, batch.safety, events, alerts)
            self.road.send(distress)
            self.road.deliver(ACK_S_MAX)
            self._called(distress, time.monotonic() - begun_s)
        if self.kafka.raw:
            self.raw.take(received, batch)
        self.metrics.book_intake(self.intake, len(batch.fixes))
        if len(batch.fixes) + len(batch.statics) + len(batch.control):
            self.pending.append(batch)
            self.rows += len(batch.fixes) + len(batch.statics)

    def _acknowledged(self) -> bool:
        """Whether every call for help in what was taken is with the broker. Waits for it, but not for ever."""
        if self.lookout is not None and not self.lookout.wait(self.backlog.position, ACK_S_MAX):
            return False
        return (self.lookout is not None and not self.backlog.holding) or self.road.deliver(ACK_S_MAX)

    def _called(self, distress: list[Record], seconds: float) -> None:
        book_answers(self.metrics, "distress", distress, seconds)

    def _resume(self, sections: dict) -> None:
        """Continue a former run."""
        self.intake.restore(sections)
        self.ended = sections["over"] and self.finite == set(self.intake.lanes) == self.intake.ended
        self.skip |= {source: self.intake.bytes_read[source] for source in self.backlog.again}
        self.said_ms, self.said_end = self.intake.watermark_ms, self.ended
        log.info("ingest: generation %d, watermark %s", self.outbox.generation, iso(self.said_ms))


def join(batches: list[Batch], receivers: tuple[str, ...]) -> Batch:
    """Several batches of one intake as one, in order; receiver numbers are common to them."""
    whole = empty_batch(receivers)
    if batches:
        whole.fixes = join_rows([batch.fixes for batch in batches], FIX_DTYPE)
        whole.statics = join_rows([batch.statics for batch in batches], STATIC_DTYPE)
        whole.control = [row for batch in batches for row in batch.control]
    return whole


def cut(whole: Batch, rows_max: int) -> Iterator[tuple[Batch, bool]]:
    """A batch in pieces of at most `rows_max` fixes and as many static rows, each with whether it is the last; at least one."""
    n = max(len(whole.fixes), len(whole.statics), 1)
    for start in range(0, n, rows_max):
        piece, stop = empty_batch(whole.receivers), start + rows_max
        piece.fixes, piece.statics = whole.fixes[start:stop], whole.statics[start:stop]
        if stop >= n:
            piece.control = whole.control
        yield piece, stop >= n
