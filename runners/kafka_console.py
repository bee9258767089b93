"""The console stage: risk.alerts, risk.events, ais.fixes, ais.statics and ais.raw -> the page. May hold: where reading starts, what goes where.

May not: compute risk. Alerts are read from the first one kept (the topic is compacted: the newest revision of each), events from the last week (what
was said of a vessel, the zones of an alert, what rescue holds back), columns only from the last minutes: an older position is not a picture; sentences,
where they travel, from the last hour. Nothing is committed: a console may be started and stopped anywhere, any number of them, and never holds anybody up.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from pathlib import Path
from typing import Any

import msgspec

from dogwatch.alerts import alert_from_json, marked
from dogwatch.batch import T_MISSING
from dogwatch.config import Config, Kafka
from dogwatch.errors import InputError
from dogwatch.events import Event, event_from_json
from dogwatch.times import iso
from runners.broker_watch import BrokerWatch
from runners.kafka_client import new_consumer, topic, worker_id
from runners.kafka_metrics import serve_metrics
from runners.kafka_raw import read_block
from runners.kafka_topics import require_topics
from runners.metrics import Metrics
from runners.protected_list import protected_numbers
from runners.wire import ALERT, EVENT, FIXES, HEARTBEAT, RAW, STATICS, from_headers, read_batch

log = logging.getLogger("dogwatch.kafka")

EVENTS_S = 7 * 86_400  # as long as positions are kept
RAW_S = 3_600  # from half an hour before an alert its sentences are shown
PICTURE_S = 600  # as long as the console shows a vessel that fell silent
POLL_MS = 200
QUIET_S = 5.0  # after the end of a recording: no alert for so long means the score stage is through
HEALTH_S = 1.0


def run_console(config: Config, *, stop: threading.Event, until_end: bool = False) -> None:
    """Serve the page from the broker until `stop`. Raises InputError (extra or topics missing, port taken), SurroundingsError."""
    kafka = config.kafka
    if kafka is None:
        raise InputError("console needs a [kafka] table", remedy="examples/kafka.toml shows one; without a broker use `dogwatch run`")
    require_topics(kafka)
    metrics = serve_metrics(config, "console")
    desk = Page(config, metrics)
    try:
        with contextlib.closing(new_consumer(kafka, worker_id(kafka, "console"))) as consumer:
            _start(consumer, kafka)
            while not stop.is_set() and not (until_end and desk.ended and time.monotonic() - desk.last_s > QUIET_S):
                for where, records in consumer.poll(timeout_ms=POLL_MS).items():
                    for record in records:
                        desk.take(where.topic, record.value or b"", record.headers)
                metrics.health.say()
                desk.health()
    finally:
        desk.close()


class Page:
    """Board, picture and server of one console process; counts and skips what it cannot read, because a page must stay up."""

    def __init__(self, config: Config, metrics: Metrics) -> None:
        try:
            from console.app import create_app
            from console.basemap import depths_file
            from console.board import Board
            from console.decisions import Decisions
            from console.memory import FILE, Memory
            from console.picture import Picture
            from console.server import Server
            from runners.people import people
        except ImportError as fault:
            raise InputError(f"the console needs a package that is not installed ({fault.name})", remedy="pip install 'dogwatch[console]'") from fault
        from zones.load import land_path

        assert config.kafka is not None, "run_console has looked"
        self.alerts, self.events, self.raw = (topic(config.kafka, name) for name in ("risk.alerts", "risk.events", "ais.raw"))
        memory = Memory(Path(config.data_dir) / FILE, keep_track_days=config.console.keep_track_days)
        self.board, self.picture = Board(), Picture(memory=memory)
        database = config.console.decisions or Path(config.data_dir) / "decisions.sqlite"
        info = {"desk": "dogwatch", "sources": [source.id for source in config.sources]}
        decisions = Decisions(database)
        users, trust = people(config.console, decisions)
        app = create_app(
            self.board,
            self.picture,
            decisions,
            metrics=metrics.text,
            land_geojson=land_path(),
            depths=depths_file(config.console.depths),
            zones_geojson=None,
            protected=protected_numbers(config.console.protected),
            info=info | {"hosts": config.console.hosts},
            users=users,
            trust=trust,
        )
        self.broker = BrokerWatch(config.kafka.bootstrap)
        self.server = Server(app)
        self.url = self.server.start(config.console.host, config.console.port)
        log.info("console: %s", self.url)
        self.messages, self.skipped, self.watermark_ms, self.ended = 0, 0, T_MISSING, False
        self.exercise = False
        self.last_s = time.monotonic()
        self.health_due_s, self.messages_before = 0.0, 0

    def take(self, topic: str, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """One record: an alert to the board, an event to those who remember, columns and sentences to the picture."""
        self.last_s = time.monotonic()
        try:
            if topic == self.alerts:
                meta, alert = from_headers(headers, ALERT), alert_from_json(value)
                exercise = alert.exercise or meta.exercise
                self.board.publish(msgspec.structs.replace(alert, exercise=exercise, headline=marked(alert.headline, exercise=exercise)))
                return
            if topic == self.events:
                meta = from_headers(headers, EVENT, HEARTBEAT)
                if meta.schema == EVENT:
                    self._remember(event_from_json(value), exercise=meta.exercise)
                return
            if topic == self.raw:
                meta = from_headers(headers, RAW)
                self.picture.sentences.keep(*read_block(value))
                self.exercise = self.exercise or meta.exercise
                return
            meta = from_headers(headers, FIXES, STATICS)
            self.picture.update(read_batch(value, meta))
        except (InputError, msgspec.DecodeError, ValueError) as fault:
            self.skipped += 1
            log.warning("console: a record of %s is skipped: %s", topic, fault)
            return
        self.messages += meta.rows
        self.watermark_ms = max(self.watermark_ms, meta.watermark_ms)
        self.ended = self.ended or meta.end
        self.exercise = self.exercise or meta.exercise

    def _remember(self, event: Event, *, exercise: bool) -> None:
        event.exercise = event.exercise or exercise
        self.picture.chronicle.take([event])
        self.board.suppressed.take([event])
        self.board.zones.take([event])

    def health(self) -> None:
        """Once a second: how far event time has come, and at what rate rows arrive."""
        now = time.monotonic()
        if now < self.health_due_s:
            return
        rate = (self.messages - self.messages_before) / max(1e-3, now - self.health_due_s + HEALTH_S) if self.health_due_s else 0.0
        self.health_due_s, self.messages_before = now + HEALTH_S, self.messages
        known = self.watermark_ms != T_MISSING
        self.board.health(
            {
                "messages": self.messages,
                "messages_per_s": round(rate, 1),
                "event_time": iso(self.watermark_ms) if known else None,
                "watermark_ms": self.watermark_ms if known else None,
                "skipped": self.skipped,
                "exercise": self.exercise,
                "broker": self.broker.told(),
            }
        )
        if known:
            self.board.expire(self.watermark_ms)

    def close(self) -> None:
        """Stop the server."""
        self.broker.close()
        self.server.stop()


def _start(consumer: Any, kafka: Kafka) -> None:
    """Alerts from the first, events from `EVENTS_S` and columns from `PICTURE_S` ago."""
    from kafka import TopicPartition

    alerts = TopicPartition(topic(kafka, "risk.alerts"), 0)
    ago_s = {"risk.events": EVENTS_S, "ais.statics": PICTURE_S, "ais.fixes": PICTURE_S} | ({"ais.raw": RAW_S} if kafka.raw else {})
    since_ms = {TopicPartition(topic(kafka, name), 0): int((time.time() - ago) * 1000) for name, ago in ago_s.items()}
    consumer.assign([alerts, *since_ms])
    consumer.seek_to_beginning(alerts)
    found = consumer.offsets_for_times(since_ms)
    for where in since_ms:
        if found.get(where):
            consumer.seek(where, found[where].offset)
        else:
            consumer.seek_to_end(where)
