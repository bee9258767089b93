"""Columns and documents on the wire: nothing is lost, nothing is guessed, another major version is refused."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.batch import F_EXERCISE, FIX_DTYPE, LAT_MISSING, STATIC_DTYPE, T_MISSING, Batch, Control, empty_batch, new_fixes, new_statics
from dogwatch.errors import InputError
from runners import wire
from runners.wire import EVENT, FIXES, HEARTBEAT, STATICS, Meta, from_headers, read_batch


def batch_of(seed: int, n: int) -> Batch:
    """Every byte of every column random: sentinels, flags and texts of any kind are among them."""
    rng = np.random.default_rng(seed)
    batch = empty_batch(("EX-tower", "second\x1f"))
    batch.fixes = np.frombuffer(rng.bytes(n * FIX_DTYPE.itemsize), FIX_DTYPE).copy()
    batch.statics = np.frombuffer(rng.bytes(n * STATIC_DTYPE.itemsize), STATIC_DTYPE).copy()
    batch.control = [Control(5, "source_silent", "tower")]
    return batch


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32), n=st.sampled_from([0, 1, 2, 7, 999, 1000, 1001]), mark=st.integers(-(2**62), 2**62))
def test_a_batch_comes_back_as_it_went(seed, n, mark):
    batch = batch_of(seed, n)
    meta = Meta(FIXES, "test", watermark_ms=mark, end=bool(seed % 2))
    fixes = wire.fixes_record("ais.fixes", batch, meta)
    statics = wire.statics_record("ais.statics", batch, meta)
    one, other = (read_batch(r.value, from_headers(r.headers, kind)) for r, kind in ((fixes, FIXES), (statics, STATICS)))
    assert one.fixes.tobytes() == batch.fixes.tobytes()
    assert one.fixes.dtype == FIX_DTYPE
    assert len(one.statics) == 0
    assert other.statics.tobytes() == batch.statics.tobytes()
    assert other.statics.dtype == STATIC_DTYPE
    assert one.receivers == other.receivers == batch.receivers
    assert one.control == batch.control
    assert other.control == []
    found = from_headers(fixes.headers, FIXES)
    assert (found.watermark_ms, found.rows, found.end, found.shard) == (mark, n, bool(seed % 2), 0)
    assert found.exercise == bool((batch.fixes["flags"] & F_EXERCISE).any())
    assert fixes == wire.fixes_record("ais.fixes", batch, meta), "equal batches are equal bytes"


def test_many_rows_are_compressed_and_few_are_not():
    batch = empty_batch()
    sizes = {}
    for n in (wire.COMPRESS_ROWS - 1, wire.COMPRESS_ROWS):
        batch.fixes = new_fixes(n)
        sizes[n] = len(wire.fixes_record("t", batch, Meta(FIXES, "test")).value)
    assert sizes[wire.COMPRESS_ROWS] < sizes[wire.COMPRESS_ROWS - 1] / 3


def test_columns_of_an_older_and_a_newer_minor_version_are_read_by_name():
    rows = new_fixes(3)
    rows["mmsi"], rows["lat"] = [1, 2, 3], 7
    kept = [name for name in FIX_DTYPE.names or () if name != "lat"]
    arrays = [pa.array(np.ascontiguousarray(rows[name])) for name in kept] + [pa.array(["x", "y", "z"])]
    sink = pa.BufferOutputStream()
    table = pa.RecordBatch.from_arrays(arrays, names=[*kept, "of_a_later_minor_version"])
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_batch(table)
    found = read_batch(sink.getvalue().to_pybytes(), Meta(FIXES, "test", rows=3))
    assert found.fixes["mmsi"].tolist() == [1, 2, 3]
    assert found.fixes["lat"].tolist() == [LAT_MISSING] * 3, "a column that the writer did not know is not available"


def headers_with(**changed: bytes) -> list[tuple[str, bytes]]:
    return list({**dict(wire.to_headers(Meta(FIXES, "test"))), **changed}.items())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"schema": b"dogwatch.fixes/2.0"}, "this build reads dogwatch.fixes/1.x"),
        ({"schema": b"dogwatch.fixes"}, "this build reads dogwatch.fixes/1.x"),
        ({"schema": b"dogwatch.statics/1.0"}, "expected dogwatch.fixes"),
        ({"schema": b"\xff"}, "expected dogwatch.fixes"),
        ({"schema": b""}, "expected dogwatch.fixes"),
        ({"shard": b"3/8"}, "shard 3/8"),
        ({"shard": b"1/1"}, "shard 1/1"),
        ({"shard": b"x"}, "cannot be read"),
        ({"watermark_ms": b"soon"}, "cannot be read"),
        ({"receivers": b"{}"}, "cannot be read"),
        ({"control": b"[1]"}, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused_with_words(changed, words):
    with pytest.raises(InputError) as caught:
        from_headers(headers_with(**changed), FIXES)
    assert words in str(caught.value)
    assert caught.value.remedy


def test_a_later_minor_version_is_read():
    assert from_headers(headers_with(schema=b"dogwatch.fixes/1.9"), FIXES).schema == FIXES


@pytest.mark.parametrize("damage", [lambda v: v[:40], lambda v: b"", lambda v: b"junk" * 20, lambda v: v[:-300]])
def test_damaged_columns_are_refused(damage):
    record = wire.fixes_record("t", batch_of(1, 5), Meta(FIXES, "test"))
    with pytest.raises(InputError):
        read_batch(damage(record.value), from_headers(record.headers, FIXES))


def test_rows_that_are_not_the_number_promised_or_of_another_width_are_refused():
    record = wire.fixes_record("t", batch_of(1, 5), Meta(FIXES, "test"))
    for claim in (6, -1, 10**15):
        with pytest.raises(InputError, match="rows and carries 5"):
            read_batch(record.value, msgspec.structs.replace(from_headers(record.headers, FIXES), rows=claim))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema([("mmsi", pa.int16())])) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays([pa.array([1], pa.int16())], names=["mmsi"]))
    with pytest.raises(InputError, match="'mmsi'"):
        read_batch(sink.getvalue().to_pybytes(), Meta(FIXES, "test", rows=1))


def test_a_heartbeat_carries_only_a_watermark():
    beat = wire.heartbeat("risk.events", producer="test", watermark_ms=61_000, end=True)
    meta = from_headers(beat.headers, EVENT, HEARTBEAT)
    assert (beat.value, meta.schema, meta.watermark_ms, meta.end) == (b"", HEARTBEAT, 61_000, True)


def test_a_batch_without_rows_carries_only_the_watermark():
    batch = empty_batch()
    batch.statics = new_statics(0)
    record = wire.statics_record("ais.statics", batch, Meta(STATICS, "test", watermark_ms=T_MISSING))
    assert record.value == b""
    assert len(read_batch(record.value, from_headers(record.headers, STATICS)).statics) == 0
