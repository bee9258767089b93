"""The ingest stage: sources -> ais.fixes, ais.statics, ais.safety, and distress straight to risk.events and risk.alerts.

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

import msgspec

from dogwatch import __version__
from dogwatch.alerts import Alert
from dogwatch.batch import (
    FIX_DTYPE,
    LAT_MISSING,
    LON_MISSING,
    NAV_MISSING,
    SOG_MISSING,
    STATIC_DTYPE,
    UNITS_PER_DEG,
    Batch,
    Control,
    SafetyReport,
    empty_batch,
    join_rows,
)
from dogwatch.config import Config, Kafka
from dogwatch.errors import InputError, SurroundingsError
from dogwatch.events import Event
from dogwatch.times import iso
from ingest.sources import Received, SourceSet
from runners.intake import Intake, lanes_of
from runners.kafka_client import topic
from runners.kafka_metrics import book_answers, serve_metrics
from runners.kafka_outbox import Outbox, ShortRoad
from runners.kafka_topics import require_topics
from runners.metrics import Metrics
from runners.tape import Tape
from runners.wire import FIXES, SAFETY, Meta, Record, alert_record, document, event_record, fixes_record, statics_record

log = logging.getLogger("dogwatch.kafka")

ROWS_MAX = 40_000  # a message of this many rows stays below the message limit even uncompressed
PRODUCER = f"dogwatch-ingest {__version__}"
FINITE = ("file", "stdin")


def run_ingest(config: Config, *, stop: threading.Event, until_end: bool = False) -> None:
    """Read sources into the broker until `stop`, or with `until_end` until all of them are over. Raises InputError, SurroundingsError."""
    kafka = config.kafka
    if kafka is None or not config.sources:
        raise InputError("ingest needs a [kafka] table and at least one [[sources]]", remedy="examples/kafka.toml shows both")
    require_topics(kafka)
    metrics = serve_metrics(config, "ingest")
    outbox = Outbox(kafka, "ingest", stop, metrics.health)
    tape = Tape(config, log.error)
    stage = Ingest(config, kafka, outbox, ShortRoad(kafka), metrics, tape)
    sources = SourceSet(config.sources)
    stage.metrics.watch(sources.readers)
    stage.metrics.watch_tape(tape)
    sources.start()
    try:
        while not stop.is_set() and not (until_end and stage.ended):
            metrics.health.say()
            wait_s = max(0.001, stage.due_s - time.monotonic()) if stage.rows else kafka.batch_ms / 1000
            stage.take(sources.get(wait_s))
        sources.stop()
        while (received := sources.get(0.0)) is not None:  # what was accepted is sent
            stage.take(received)
        stage.flush()
        stage.commit()
        if stage.road.waiting:
            raise SurroundingsError(
                f"{len(stage.road.waiting)} distress records could not be delivered", remedy="look at the broker; a file is read again from the last commit"
            )
    finally:
        sources.stop()
        tape.close()
        stage.close()
    tape.check()


class Ingest:
    """Rows on their way out. Not thread-safe: one caller."""

    def __init__(self, config: Config, kafka: Kafka, outbox: Outbox, road: ShortRoad, metrics: Metrics, tape: Tape) -> None:
        self.kafka, self.outbox, self.road, self.metrics, self.tape = kafka, outbox, road, metrics, tape
        self.intake = Intake(lanes_of(config))
        self.finite = {source.id for source in config.sources if source.kind in FINITE and not source.follow}
        self.pending: list[Batch] = []
        self.rows = 0
        # can be read again from where it stood; a pipe and a file that is followed through rotations cannot
        self.again = {source.id for source in config.sources if source.kind == "file" and not source.follow and Path(source.path).is_file()}
        self.said_ms, self.said_end = self.intake.watermark_ms, False
        self.due_s = 0.0
        self.ended = False
        self.skip = dict.fromkeys(self.intake.lanes, 0)
        if outbox.sections is not None:
            self._resume(outbox.sections)

    def take(self, received: Received | None) -> None:
        """One piece from a source, or None when nothing came in time."""
        if received is not None and received.source not in self.intake.ended:
            begun_s = time.monotonic()
            self._decode(received)
            self.metrics.step.labels("ingest").observe(time.monotonic() - begun_s)
        if self.finite == set(self.intake.lanes) == self.intake.ended and not self.ended:
            self.ended = True
            self.intake.end()
            self.flush()
            self.commit()
        elif self.rows >= min(self.kafka.batch_rows, ROWS_MAX):
            self.flush()
        if time.monotonic() >= self.due_s:
            self.flush()
            self.commit()
        self.tape.settle(self.intake.simulated)

    def flush(self) -> None:
        """Put the collected rows and the watermark into the transaction."""
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
        if self.outbox.sent and self.road.retry():
            self.outbox.commit(self.intake.to_sections() | {"over": self.ended})

    def close(self) -> None:
        """Leave the clients."""
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
        if batch.safety:
            distress = self._distress(batch.safety, events, alerts)
            self.road.send(distress)
            book_answers(self.metrics, "distress", distress, time.monotonic() - begun_s)
        self.metrics.book_intake(self.intake, len(batch.fixes))
        if len(batch.fixes) + len(batch.statics) + len(batch.control):
            self.pending.append(batch)
            self.rows += len(batch.fixes) + len(batch.statics)

    def _distress(self, reports: list[SafetyReport], events: list[Event], alerts: list[Alert]) -> list[Record]:
        """The alert first: it is what somebody waits for."""
        records = [alert_record(topic(self.kafka, "risk.alerts"), alert, PRODUCER) for alert in alerts]
        records += [event_record(topic(self.kafka, "risk.events"), event, PRODUCER) for event in events]
        return records + [
            document(topic(self.kafka, "ais.safety"), str(r.mmsi), safety_json(r), schema=SAFETY, producer=PRODUCER, exercise=r.exercise) for r in reports
        ]

    def _resume(self, sections: dict) -> None:
        """Continue a former run; the time between is told to the detectors where a source could have been heard."""
        self.intake.restore(sections)
        self.ended = sections["over"] and self.finite == set(self.intake.lanes) == self.intake.ended
        self.skip |= {source: self.intake.bytes_read[source] for source in self.again}
        self.said_ms, self.said_end = self.intake.watermark_ms, self.ended
        if self.again != set(self.intake.lanes):
            self.pending.append(self.intake.control(Control(self.intake.watermark_ms, "system_down")))
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


def safety_json(report: SafetyReport) -> bytes:
    """A safety report as a document: degrees and knots, null where the transmitter said nothing."""
    return msgspec.json.encode(
        {
            "t": iso(report.t_ms),
            "mmsi": report.mmsi,
            "kind": report.kind,
            "type": report.msg_type,
            "text": report.text,
            "lat": None if report.lat == LAT_MISSING else report.lat / UNITS_PER_DEG,
            "lon": None if report.lon == LON_MISSING else report.lon / UNITS_PER_DEG,
            "sog_kn": None if report.sog == SOG_MISSING else report.sog / 10,
            "nav_status": None if report.nav == NAV_MISSING else report.nav,
            "damaged": report.damaged,
            "receiver": report.receiver,
            "exercise": report.exercise,
        }
    )
