"""Time over a real broker: clocks that step, and an hour of input that was deleted before anybody read it."""

from __future__ import annotations

import contextlib
import re
import threading
import time
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
from runners.kafka_client import new_admin, topic
from runners.kafka_ingest import Ingest
from runners.kafka_outbox import Outbox, ShortRoad
from runners.kafka_topics import init_topics
from runners.kafka_track import TrackTask
from runners.kafka_worker import run_worker
from runners.metrics import Metrics
from runners.rules import read_rules
from runners.tape import Tape

pytestmark = pytest.mark.kafka

WAIT_S = 60
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


def test_input_that_was_deleted_unread_is_followed_by_no_dark_period(kafka, monkeypatch):
    """Half an hour of everybody is gone; without the stage's word the detectors would accuse those who sailed on."""
    assert dark_in_the_hole(kafka) == []
    deaf = Kafka(bootstrap=kafka.bootstrap, prefix=kafka.prefix + "untold.", snapshot_s=0.0)
    init_topics(deaf)
    monkeypatch.setattr(TrackTask, "missed", lambda _task, _topic: None)
    assert dark_in_the_hole(deaf), "the hole must be one that would be seen"


def dark_in_the_hole(kafka: Kafka) -> list[str]:
    """Ids of dark events that begin around the hole."""
    rules, pieces = read_rules("border", []), pieces_of(recording(3, 6000), tags=True)
    start_ms = pieces[0].t_rx_ms or 0
    cut = [next(at for at, piece in enumerate(pieces) if (piece.t_rx_ms or 0) >= start_ms + second * 1000) for second in (2500, 4300)]
    ingested(kafka, pieces[: cut[0]], end=False)
    worked_on(kafka, rules)
    ingested(kafka, pieces[cut[0] : cut[1]], end=False)
    forget_all(kafka)
    ingested(kafka, pieces[cut[1] :], end=True)
    run_worker(kafka, lambda: TrackTask(kafka, rules), threading.Event(), until_end=True)
    hole_ms = (start_ms + 2_300_000, start_ms + 4_400_000)
    return [event.event_id for event in events_of(kafka) if event.type == "dark" and hole_ms[0] <= event.t_start <= hole_ms[1] and event.state != "retracted"]


def worked_on(kafka: Kafka, rules) -> None:
    """The track stage works until nothing waits, and leaves."""
    stop, metrics = threading.Event(), Metrics()
    thread = threading.Thread(target=run_worker, args=(kafka, lambda: TrackTask(kafka, rules), stop), kwargs={"metrics": metrics})
    thread.start()
    until_s = time.monotonic() + WAIT_S
    last = marks_of(kafka, "ais.fixes")[-1]
    while last not in marks_of(kafka, "risk.events"):
        assert time.monotonic() < until_s
        time.sleep(0.2)
    stop.set()
    thread.join(WAIT_S)
    assert not thread.is_alive()


def forget_all(kafka: Kafka) -> None:
    """What retention does with what is there now."""
    from kafka import TopicPartition

    places = [TopicPartition(topic(kafka, name), 0) for name in ("ais.fixes", "ais.statics")]
    with contextlib.closing(new_admin(kafka)) as admin:
        admin.delete_records(dict.fromkeys(places, -1))
