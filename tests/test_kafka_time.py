"""Time over a real broker: clocks that step."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable

import pytest
from kafka_reading import committed
from seas import recording

from dogwatch.config import Config, Kafka, Source
from dogwatch.events import Event, event_from_json, to_json
from ingest.source import Received
from runners import wire
from runners.engine import Engine
from runners.intake import lanes_of
from runners.kafka_ingest import Ingest
from runners.kafka_outbox import Outbox
from runners.kafka_short_road import ShortRoad
from runners.kafka_track import TrackTask
from runners.kafka_worker import run_worker
from runners.metrics import Metrics
from runners.rules import read_rules
from runners.tape import Tape

pytestmark = pytest.mark.kafka

TAG = re.compile(rb"^\\[^\\]*c:(\d+)[^\\]*\\", re.MULTILINE)
LATENESS_S = 30.0


def pieces_of(sea: bytes, *, tags: bool) -> list[Received]:
    """Pieces of a few seconds with the arrival that their first line says; with or without its tag blocks."""
    pieces: list[Received] = []
    lines: list[bytes] = []
    begun_s = 0
    for line in sea.splitlines(keepends=True):
        found = TAG.match(line)
        second = int(found.group(1)) if found else begun_s
        if lines and second >= begun_s + 5:
            pieces.append(Received(b"".join(lines), begun_s * 1000, "mast", "", "bytes"))
            lines = []
        if not lines:
            begun_s = second
        lines.append(line if tags else TAG.sub(b"", line))
    return [*pieces, Received(b"".join(lines), begun_s * 1000, "mast", "", "bytes")]


def settings(kafka: Kafka) -> Config:
    return Config(sources=[Source("mast", "stdin", lateness_s=LATENESS_S)], kafka=kafka)


def ingested(kafka: Kafka, pieces: Iterable[Received], *, end: bool) -> None:
    """What one life of the ingest stage does with them."""
    config = settings(kafka)
    stage = Ingest(config, kafka, Outbox(kafka, "ingest", threading.Event()), ShortRoad(kafka), Metrics(), Tape(config, print))
    for piece in pieces:
        stage.take(piece)
    if end:
        stage.take(Received(b"", None, "mast", "", "end"))
    stage.flush()
    stage.commit()
    stage.close()


def events_of(kafka: Kafka) -> list[Event]:
    return [event_from_json(record.value) for record in committed(kafka, "risk.events") if record.value]


def marks_of(kafka: Kafka, name: str) -> list[int]:
    schema = {"ais.fixes": wire.FIXES, "risk.events": wire.HEARTBEAT}[name]
    records = [record for record in committed(kafka, name) if name == "ais.fixes" or not record.value]
    return [wire.from_headers(record.headers, schema).watermark_ms for record in records]


@pytest.mark.parametrize("tags", [True, False], ids=["stamped-by-the-receiver", "stamped-by-our-clock"])
def test_clocks_that_step_change_nothing_between_one_process_and_the_broker(kafka, tags):
    """Ours goes back by two minutes, forward by an hour, and back again; where lines carry no time, events hang on it."""
    kafka.batch_rows = 300
    rules, pieces = read_rules("border", []), pieces_of(recording(3, 3000), tags=tags)
    steps_ms = [0, -120_000, 3_600_000, 0]
    pieces = [
        Received(piece.data, piece.t_rx_ms + steps_ms[4 * number // len(pieces)], "mast", "", "bytes")  # type: ignore[operator]
        for number, piece in enumerate(pieces)
    ]
    engine = Engine(rules, lanes_of(settings(kafka)))
    expected = [event for piece in pieces for event in engine.take(piece).all_events()]
    expected += engine.take(Received(b"", None, "mast", "", "end")).all_events()
    expected += engine.end().all_events()
    ingested(kafka, pieces, end=True)
    run_worker(kafka, lambda: TrackTask(kafka, rules), threading.Event(), until_end=True)
    assert {to_json(event) for event in events_of(kafka)} == {to_json(event) for event in expected}
    assert len(expected) > 5
    for name in ("ais.fixes", "risk.events"):
        marks = marks_of(kafka, name)
        assert marks == sorted(marks), f"{name}: a watermark never goes back"
    assert len(set(marks_of(kafka, "ais.fixes"))) > 10, "it travelled in many pieces"
