"""Blocks of what sources said: what goes in comes out, by source, in order; marks stay; what is damaged or too large is refused."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from kafka_reading import committed

from console.sentences import Sentences
from dogwatch.batch import empty_batch
from dogwatch.config import Config, Console, Kafka, Source
from dogwatch.config import Metrics as MetricsSettings
from dogwatch.errors import InputError
from ingest.source import Received
from runners.broker import free_port
from runners.kafka_client import new_admin, new_producer, topic
from runners.kafka_console import run_console
from runners.kafka_ingest import run_ingest
from runners.kafka_raw import BLOCK_BYTES, Block, Blocks, read_block
from runners.kafka_topics import DAY_MS, compare_topic, init_topics, topics_of
from runners.wire import FIXES, RAW, Meta, alert_record, from_headers
from tests.console_harness import T0, alert, batch, fleet
from tests.test_console_sentences import said


@pytest.mark.parametrize("seed", range(4))
def test_lines_that_travel_are_found_like_lines_that_were_heard_here(seed: int) -> None:
    """However the pieces are cut, and whenever a message is sent."""
    rng = random.Random(seed)
    here, there, blocks = Sentences(block_bytes=2_000), Sentences(block_bytes=3_000), Blocks()
    for step in range(60):
        rows = fleet(3)
        rows["mmsi"], rows["t_ms"] = [219_000_001, 219_000_002, 219_000_003], T0 + step * 60_000
        data = b"".join(said(T0 + step * 60_000, int(mmsi)) for mmsi in rows["mmsi"])
        at = rng.randrange(len(data))
        source = rng.choice(["hill", "mast"])
        for n, part in enumerate((data[:at], data[at:])):
            piece, made = Received(part, T0, source, "", "bytes"), batch(rows) if n else empty_batch()
            here.take([piece], made)
            blocks.take(piece, made)
            if rng.random() < 0.3:
                for one in blocks.cut("ais.raw", Meta(FIXES, "test", exercise=True)):
                    assert from_headers(one.headers, RAW).exercise
                    assert one.key in (b"hill", b"mast")
                    there.keep(*read_block(one.value))
                assert blocks.bytes == 0
    for one in blocks.cut("ais.raw", Meta(FIXES, "test")):
        there.keep(*read_block(one.value))
    found, wanted = (kept.find([219_000_002], T0, T0 + 10**8) for kept in (there, here))
    assert len(wanted) == 60
    assert sorted(found) == sorted(wanted)


def test_a_block_that_is_damaged_or_larger_than_ours_is_refused() -> None:
    blocks = Blocks()
    blocks.take(Received(b"!AIVDM" * 10, None, "hill", "", "bytes"), empty_batch())
    (good,) = blocks.cut("ais.raw", Meta(FIXES, "test"))
    pieces, times, who = read_block(good.value)
    assert (pieces[0].t_rx_ms, len(times), len(who)) == (None, 0, 0)
    whole = msgspec.msgpack.decode(good.value, type=Block)
    flipped = bytearray(zlib.decompress(whole.records))
    flipped[-1] ^= 1
    bomb = zlib.compress(bytes(64 * BLOCK_BYTES))
    for records, mmsi in ((bytes(flipped), b""), (zlib.compress(bytes(flipped)), b""), (bomb, b""), (whole.records, b"abc")):
        with pytest.raises(InputError):
            read_block(msgspec.msgpack.encode(Block(records, mmsi, None, None)))
    for value in (b"", b"no block", good.value[:-3]):
        with pytest.raises(InputError):
            read_block(value)


def test_the_topic_is_there_where_it_is_asked_for_and_keeps_a_week() -> None:
    assert "ais.raw" not in topics_of(Kafka())
    settings = topics_of(Kafka(raw=True))["ais.raw"][1]
    assert (settings["retention.ms"], settings["cleanup.policy"]) == (str(7 * DAY_MS), "delete")
    assert int(settings["retention.bytes"]) == 16 << 30
    assert all(int(topics_of(Kafka())[name][1]["segment.ms"]) <= DAY_MS for name in ("ais.fixes", "ais.statics")), "a segment that is open outlives the week"


def test_what_only_makes_noise_is_bounded() -> None:
    noise = np.random.default_rng(1).bytes(BLOCK_BYTES)
    blocks = Blocks()
    blocks.take(Received(noise, T0, "hill", "", "bytes"), empty_batch())
    assert blocks.bytes >= BLOCK_BYTES
    (one,) = blocks.cut("ais.raw", Meta(FIXES, "test"))
    assert len(one.value) < 2 * BLOCK_BYTES
    assert read_block(one.value)[0][0].data == noise


@pytest.mark.kafka
def test_the_console_behind_a_broker_shows_the_sentences_behind_an_alert(kafka: Kafka, tmp_path: Path) -> None:
    sea = b"".join(said(T0 + minute * 60_000, mmsi) for minute in range(60) for mmsi in (219_000_001, 219_000_002))
    (tmp_path / "sea.nmea").write_bytes(sea)
    kafka.raw = True
    init_topics(kafka)
    source = Source(id="hill", kind="file", path=str(tmp_path / "sea.nmea"), exercise=True)
    console = Console(port=free_port())
    config = Config(sources=[source], data_dir=str(tmp_path), console=console, kafka=kafka, metrics=MetricsSettings(enabled=False))
    run_ingest(config, stop=threading.Event(), until_end=True)
    found = committed(kafka, "ais.raw")
    assert b"".join(piece.data for record in found for piece in read_block(record.value)[0]) == sea
    assert all(record.key == b"hill" and from_headers(record.headers, RAW).exercise for record in found)
    with contextlib.closing(new_admin(kafka)) as admin:
        assert compare_topic(admin, kafka, "ais.raw") == "", "a week, and 16 GiB at most"
    one = alert(1, mmsi=219_000_001, subjects=[], t_first=T0 + 30 * 60_000, t_last=T0 + 40 * 60_000, exercise=False)
    with contextlib.closing(new_producer(kafka, "test")) as producer:
        record = alert_record(topic(kafka, "risk.alerts"), one, "test")
        producer.send(record.topic, record.value, key=record.key, headers=record.headers).get(30)
    stop = threading.Event()
    page = threading.Thread(target=run_console, args=(config,), kwargs={"stop": stop})
    page.start()
    try:
        answer, until_s = {"lines": []}, time.monotonic() + 90
        while len(answer["lines"]) < 50 and time.monotonic() < until_s:
            time.sleep(0.3)
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                answer = json.load(urllib.request.urlopen(f"http://127.0.0.1:{console.port}/api/v1/alerts/{one.alert_id}/sentences", timeout=10))
    finally:
        stop.set()
        page.join(60)
    assert answer["total"] == 51, "from half an hour before it began to ten minutes after"
    assert {line["mmsi"] for line in answer["lines"]} == {219_000_001}
    assert {line["source"] for line in answer["lines"]} == {"hill"}
    assert (tmp_path / "memory.sqlite").is_file()
