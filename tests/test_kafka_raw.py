"""Blocks of what sources said: what goes in comes out, by source, in order; marks stay; what is damaged or too large is refused."""

from __future__ import annotations

import random
import zlib

import msgspec
import numpy as np
import pytest

from console.sentences import Sentences
from dogwatch.batch import empty_batch
from dogwatch.config import Kafka
from dogwatch.errors import InputError
from ingest.source import Received
from runners.kafka_raw import BLOCK_BYTES, Block, Blocks, read_block
from runners.kafka_topics import DAY_MS, topics_of
from runners.wire import FIXES, RAW, Meta, from_headers
from tests.console_harness import T0, batch, fleet
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
