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

import msgspec
import numpy as np

from dogwatch import __version__
from dogwatch.alerts import Alert
from dogwatch.batch import LAT_MISSING, LON_MISSING, NAV_MISSING, SOG_MISSING, UNITS_PER_DEG, Batch, Control, SafetyReport, empty_batch
from dogwatch.config import Config, Kafka
from dogwatch.errors import InputError
from dogwatch.events import Event, to_json
from dogwatch.times import iso
from ingest.sources import Received, SourceSet
from runners.intake import Intake, lanes_of
from runners.kafka_client import topic
from runners.kafka_outbox import Outbox, ShortRoad
from runners.kafka_topics import require_topics
from runners.wire import ALERT, EVENT, FIXES, SAFETY, Meta, Record, document, fixes_record, statics_record

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
    outbox = Outbox(kafka, "ingest", stop)
    stage = Ingest(config, kafka, outbox, ShortRoad(kafka))
    sources = SourceSet(config.sources)
    sources.start()
    try:
        while not stop.is_set() and not (until_end and stage.ended):
            wait_s = max(0.001, stage.due_s - time.monotonic()) if stage.rows else kafka.batch_ms / 1000
            stage.take(sources.get(wait_s))
        sources.stop()
        while (received := sources.get(0.0)) is not None:  # what was accepted is sent
            stage.take(received)
        stage.flush()
        stage.commit()
    finally:
        sources.stop()
        stage.close()


class Ingest:
    """Rows on their way out. Not thread-safe: one caller."""

    def __init__(self, config: Config, kafka: Kafka, outbox: Outbox, road: ShortRoad) -> None:
        self.kafka, self.outbox, self.road = kafka, outbox, road
        self.intake = Intake(lanes_of(config))
        self.finite = {source.id for source in config.sources if source.kind in FINITE}
        self.pending: list[Batch] = []
        self.rows = 0
        self.said_ms = self.intake.watermark_ms
        self.due_s = 0.0
        self.ended = self.resumed = False
        self.skip = dict.fromkeys(self.intake.lanes, 0)
        if outbox.sections is not None:
            self._resume(outbox.sections)

    def take(self, received: Received | None) -> None:
        """One piece from a source, or None when nothing came in time."""
        if received is not None and received.source not in self.intake.ended:
            self._decode(received)
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

    def flush(self) -> None:
        """Put the collected rows and the watermark into the transaction."""
        if not self.pending and self.intake.watermark_ms == self.said_ms and not self.ended:
            return
        batch = join(self.pending, tuple(self.intake.receivers))
        meta = Meta(FIXES, PRODUCER, watermark_ms=self.intake.watermark_ms, end=self.ended)
        self.outbox.send([fixes_record(topic(self.kafka, "ais.fixes"), batch, meta), statics_record(topic(self.kafka, "ais.statics"), batch, meta)])
        self.pending, self.rows, self.said_ms = [], 0, self.intake.watermark_ms

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
        source, data = received.source, received.data
        if received.kind in ("silent", "back"):
            moment = received.t_rx_ms if received.t_rx_ms is not None else self.intake.lanes[source].clock.newest_ms
            self.pending.append(self.intake.control(Control(moment, f"source_{received.kind}", source)))
            return
        if source in self.finite and self.skip[source]:  # read before the restart
            skipped = min(len(data), self.skip[source])
            self.skip[source] -= skipped
            data = data[skipped:]
        batch, events, alerts = self.intake.feed(source, data, received.t_rx_ms, final=received.kind == "end")
        if batch.safety:
            self.road.send(self._distress(batch.safety, events, alerts))
        if len(batch.fixes) + len(batch.statics):
            self.pending.append(batch)
            self.rows += len(batch.fixes) + len(batch.statics)

    def _distress(self, reports: list[SafetyReport], events: list[Event], alerts: list[Alert]) -> list[Record]:
        """The alert first: it is what somebody waits for."""
        records = [document(topic(self.kafka, "risk.alerts"), a.alert_id, to_json(a), schema=ALERT, producer=PRODUCER, exercise=a.exercise) for a in alerts]
        records += [document(topic(self.kafka, "risk.events"), e.event_id, to_json(e), schema=EVENT, producer=PRODUCER, exercise=e.exercise) for e in events]
        return records + [
            document(topic(self.kafka, "ais.safety"), str(r.mmsi), safety_json(r), schema=SAFETY, producer=PRODUCER, exercise=r.exercise) for r in reports
        ]

    def _resume(self, sections: dict) -> None:
        """Continue a former run; the time between is told to the detectors where a source could have been heard."""
        self.intake.restore(sections)
        self.ended = sections["over"] and self.finite == set(self.intake.lanes) == self.intake.ended
        self.skip = {source: self.intake.bytes_read[source] for source in self.intake.lanes}
        self.said_ms = self.intake.watermark_ms
        if self.finite != set(self.intake.lanes):
            self.pending.append(self.intake.control(Control(self.intake.watermark_ms, "system_down")))
        log.info("ingest: generation %d, watermark %s", self.outbox.generation, iso(self.said_ms))


def join(batches: list[Batch], receivers: tuple[str, ...]) -> Batch:
    """Several batches of one intake as one, in order; receiver numbers are common to them."""
    whole = empty_batch(receivers)
    if batches:
        whole.fixes = np.concatenate([batch.fixes for batch in batches])
        whole.statics = np.concatenate([batch.statics for batch in batches])
        whole.control = [row for batch in batches for row in batch.control]
    return whole


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
