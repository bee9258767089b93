"""The short road: records of distress, sent at once by a producer of their own and kept until they are acknowledged.

May live here: the records that a call for help becomes, sending, acknowledgements, sending again. May not: decode, wait for transactions.
The producer is idempotent (acks=all), lingers for nothing and has its own connection and thread, so that nothing of the columns
stands before it. What it sends again carries the same ids: readers keep one. Each record has a mark, the place in the input
log where its piece begins: while it is on the road, nobody commits a position behind it.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from dogwatch import __version__
from dogwatch.alerts import Alert
from dogwatch.batch import LAT_MISSING, LON_MISSING, NAV_MISSING, SOG_MISSING, UNITS_PER_DEG, SafetyReport
from dogwatch.config import Kafka
from dogwatch.errors import SurroundingsError
from dogwatch.events import Event
from dogwatch.times import iso
from runners.kafka_client import new_producer, topic, worker_id
from runners.wire import SAFETY, Record, alert_record, document, event_record

log = logging.getLogger("dogwatch.kafka")

PRODUCER = f"dogwatch-ingest {__version__}"
TOPICS = ("risk.alerts", "risk.events", "ais.safety")
AGAIN_S, LOOK_S = 1.0, 0.005
ACK_S_MAX = 5.0  # so long a caller waits at a time
Mark = tuple[int, int]
NOWHERE: Mark = (0, 0)


@dataclass(slots=True)
class Sent:
    """A record on the road. future: the client's promise; None where it refused the record at once."""

    record: Record
    mark: Mark
    future: Any


class ShortRoad:
    """Distress on its way. Thread-safe."""

    def __init__(self, kafka: Kafka) -> None:
        """Raises SurroundingsError without a broker."""
        self.kafka, self.lock = kafka, threading.RLock()
        self.sent: list[Sent] = []
        self.again_s = 0.0
        self.producer = self._open()

    @property
    def waiting(self) -> list[Record]:
        """What is not acknowledged yet, in its order."""
        return [sent.record for sent in self.sent]

    @property
    def oldest(self) -> Mark | None:
        """The mark of the first record without an acknowledgement."""
        with self.lock:
            return self.sent[0].mark if self.sent else None

    def send(self, records: list[Record], mark: Mark = NOWHERE) -> None:
        """Hand records over and return at once."""
        with self.lock:
            self.sent += [Sent(record, mark, self._hand_over(record)) for record in records]

    def settle(self) -> bool:
        """Forget what is acknowledged, send again what failed; True when nothing is left. The order is kept."""
        with self.lock:
            self.sent = [sent for sent in self.sent if sent.future is None or not sent.future.succeeded()]
            if time.monotonic() >= self.again_s and any(sent.future is None or sent.future.failed() for sent in self.sent):
                self._send_again()
            return not self.sent

    def deliver(self, wait_s: float) -> bool:
        """Wait until all of it is acknowledged; False where that takes longer than `wait_s`."""
        until_s = time.monotonic() + wait_s
        while not self.settle():
            if time.monotonic() >= until_s:
                return False
            time.sleep(LOOK_S)
        return True

    def close(self) -> None:
        """Leave."""
        with self.lock, contextlib.suppress(Exception):  # what cannot be closed is gone already
            self.producer.close(timeout=AGAIN_S)

    def _open(self) -> Any:
        producer = new_producer(self.kafka, worker_id(self.kafka, "distress"))
        for name in TOPICS:  # asked for now: a call would wait for the answer
            producer.partitions_for(topic(self.kafka, name))
        return producer

    def _hand_over(self, record: Record) -> Any:
        from kafka.errors import KafkaError

        try:
            return self.producer.send(record.topic, record.value, key=record.key, headers=record.headers, partition=record.shard)
        except KafkaError as fault:
            log.error("a distress record is refused: %s", fault)
            return None

    def _send_again(self) -> None:
        """All that waits, by a new client: what the old one has in hand is of unknown fate."""
        from kafka.errors import KafkaError

        why = next((sent.future.exception for sent in self.sent if sent.future is not None and sent.future.failed()), "refused")
        log.error("%d distress records are not acknowledged: %s", len(self.sent), why)
        self.close()
        try:
            self.producer = self._open()
        except (KafkaError, SurroundingsError) as fault:
            log.error("%d distress records wait for a broker: %s", len(self.sent), fault)
        else:
            for sent in self.sent:
                sent.future = self._hand_over(sent.record)
        self.again_s = time.monotonic() + AGAIN_S


def distress_records(kafka: Kafka, reports: list[SafetyReport], events: list[Event], alerts: list[Alert]) -> list[Record]:
    """What calls for help become: the alert first, it is what somebody waits for; then the event, then every report unfiltered."""
    records = [alert_record(topic(kafka, "risk.alerts"), alert, PRODUCER) for alert in alerts]
    records += [event_record(topic(kafka, "risk.events"), event, PRODUCER) for event in events]
    return records + [document(topic(kafka, "ais.safety"), str(r.mmsi), safety_json(r), schema=SAFETY, producer=PRODUCER, exercise=r.exercise) for r in reports]


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
