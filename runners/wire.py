"""How batches and records look on the broker: Arrow columns, JSON documents, and the headers of both.

May live here: bytes and headers <-> Batch, the schema versions. May not: the broker client, topics, state.

Columns (`ais.fixes`, `ais.statics`) travel as one Arrow IPC stream per message, a column per field of FIX_DTYPE or
STATIC_DTYPE with the same width, sentinels raw; lz4 from 1,000 rows on (below, compression costs more than it saves).
Everything else is one JSON document per record, readable by anything. A schema is `name/major.minor`: columns are only
added (minor grows), readers map them by name and fill what an older writer did not know with "not available";
another major version is refused.

Headers: schema, producer, shard (`k/S`), watermark_ms (what this producer will still send has `release_ms` at or above
it), rows, receivers (JSON; `src` is an index into it), and only where they apply: exercise=1 (a row in it is simulated, or it
has no row and the run is an exercise: a reader believes the header even where the value does not say so), end=1 (a recording is
over), control (JSON rows). A record with an empty value is a heartbeat: it only carries the watermark; readers of
documents skip it.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from dogwatch.alerts import Alert
from dogwatch.batch import F_EXERCISE, FIX_DTYPE, STATIC_DTYPE, T_MISSING, Batch, Control, empty_batch, new_fixes, new_statics
from dogwatch.errors import InputError
from dogwatch.events import Event, to_json

FIXES, STATICS, RAW, SAFETY, EVENT, ALERT, HEARTBEAT = (
    "dogwatch.fixes",
    "dogwatch.statics",
    "dogwatch.raw",
    "dogwatch.safety",
    "dogwatch.event",
    "dogwatch.alert",
    "dogwatch.heartbeat",
)
VERSION = {FIXES: (1, 0), STATICS: (1, 0), RAW: (1, 0), SAFETY: (1, 0), EVENT: (1, 0), ALERT: (1, 0), HEARTBEAT: (1, 0)}
COMPRESS_ROWS = 1000  # measured in docs/kafka.md
SHARDS = 1
Headers = list[tuple[str, bytes]]


class Record(msgspec.Struct, frozen=True):
    """One record to send: topic, key, value, headers. The partition is the shard; `label` is for counters and stays here."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    shard: int = 0
    label: str = ""


class Meta(msgspec.Struct):
    """What the headers of a message say."""

    schema: str
    producer: str
    shard: int = 0
    watermark_ms: int = T_MISSING
    rows: int = 0
    receivers: tuple[str, ...] = ()
    exercise: bool = False
    end: bool = False
    control: list[Control] = []


def to_headers(meta: Meta) -> Headers:
    """Headers of a message, always in the same order."""
    major, minor = VERSION[meta.schema]
    headers = [
        ("schema", f"{meta.schema}/{major}.{minor}".encode()),
        ("producer", meta.producer.encode()),
        ("shard", b"%d/%d" % (meta.shard, SHARDS)),
    ]
    if meta.schema in (FIXES, STATICS, HEARTBEAT):
        headers.append(("watermark_ms", b"%d" % meta.watermark_ms))
    if meta.schema in (FIXES, STATICS):
        headers += [("rows", b"%d" % meta.rows), ("receivers", msgspec.json.encode(meta.receivers))]
    if meta.exercise:
        headers.append(("exercise", b"1"))
    if meta.end:
        headers.append(("end", b"1"))
    if meta.control:
        headers.append(("control", msgspec.json.encode(meta.control)))
    return headers


def from_headers(headers: Headers, *expected: str) -> Meta:
    """The headers of a message of one of the `expected` schemas. Raises InputError for anything this build cannot read."""
    found = dict(headers)
    schema, shard = _schema(found, expected), found.get("shard", b"0/1")
    try:
        number, _, shards = shard.partition(b"/")
        if int(shards) != SHARDS or not 0 <= int(number) < SHARDS:
            raise InputError(f"message is of shard {shard.decode()}; this deployment has {SHARDS}", remedy="the number of shards is fixed: use another prefix")
        return Meta(
            schema=schema,
            producer=found.get("producer", b"").decode(),
            shard=int(number),
            watermark_ms=int(found.get("watermark_ms", T_MISSING)),
            rows=int(found.get("rows", 0)),
            receivers=msgspec.json.decode(found.get("receivers", b"[]"), type=tuple[str, ...]),
            exercise=found.get("exercise") == b"1",
            end=found.get("end") == b"1",
            control=msgspec.json.decode(found.get("control", b"[]"), type=list[Control]),
        )
    except (ValueError, msgspec.DecodeError) as fault:
        raise InputError(f"message headers cannot be read: {fault}", remedy="look for a foreign producer on this topic", value=headers) from fault


def _schema(found: dict[str, bytes], expected: tuple[str, ...]) -> str:
    text = found.get("schema", b"").decode("utf-8", "replace")
    name, _, version = text.partition("/")
    major, _, _ = version.partition(".")
    if name not in expected:
        raise InputError(f"message of schema '{text}', expected {' or '.join(expected)}", remedy="look for a foreign producer on this topic", value=text)
    if major != str(VERSION[name][0]):
        remedy = "upgrade the readers before the writers, or run the build that wrote it"
        raise InputError(f"message of schema '{text}'; this build reads {name}/{VERSION[name][0]}.x", remedy=remedy, value=text)
    return name


def fixes_record(topic: str, batch: Batch, meta: Meta) -> Record:
    """The fixes of a batch (and its control rows) as one message; zero rows carry only the watermark."""
    return _columns_record(topic, batch.fixes, batch, msgspec.structs.replace(meta, schema=FIXES, control=batch.control))


def statics_record(topic: str, batch: Batch, meta: Meta) -> Record:
    """The static rows of a batch as one message."""
    return _columns_record(topic, batch.statics, batch, msgspec.structs.replace(meta, schema=STATICS))


def read_batch(value: bytes, meta: Meta) -> Batch:
    """The batch of one message (the other table is empty). Raises InputError on a damaged value."""
    batch = empty_batch(meta.receivers)
    table = _table(value, meta.rows) if meta.rows else None  # read before rows are made: the header's number is only a claim
    rows = _rows(meta, table)
    if table is not None:
        _fill(rows, table)
    if meta.exercise and not (rows["flags"] & np.uint32(F_EXERCISE)).any():
        rows["flags"] |= np.uint32(F_EXERCISE)  # we write no such message: somebody took the marks of the rows away
    if meta.schema == FIXES:
        batch.fixes, batch.control = rows, meta.control
    else:
        batch.statics = rows
    return batch


def document(topic: str, key: str, value: bytes, *, schema: str, producer: str, exercise: bool = False, label: str = "") -> Record:
    """One JSON document (event, alert, safety report)."""
    return Record(topic, key.encode(), value, to_headers(Meta(schema, producer, exercise=exercise)), label=label)


def event_record(topic: str, event: Event, producer: str) -> Record:
    """One version of an event as a document."""
    return document(topic, event.event_id, to_json(event), schema=EVENT, producer=producer, exercise=event.exercise, label=event.type)


def alert_record(topic: str, alert: Alert, producer: str) -> Record:
    """One revision of an alert as a document."""
    return document(topic, alert.alert_id, to_json(alert), schema=ALERT, producer=producer, exercise=alert.exercise, label=alert.level)


def heartbeat(topic: str, *, producer: str, watermark_ms: int, exercise: bool = False, end: bool = False) -> Record:
    """A record that carries only the watermark: everything up to it has been said."""
    return Record(topic, b"heartbeat", b"", to_headers(Meta(HEARTBEAT, producer, watermark_ms=watermark_ms, exercise=exercise, end=end)))


def to_arrow(rows: np.ndarray) -> bytes:
    """Structured rows as one Arrow IPC stream; equal rows give equal bytes."""
    arrays = [_arrow_column(rows[name]) for name in rows.dtype.names or ()]
    batch = pa.RecordBatch.from_arrays(arrays, names=list(rows.dtype.names or ()))
    # a pool of threads costs more CPU than it saves: a third of the whole call
    options = pa.ipc.IpcWriteOptions(compression="lz4" if len(rows) >= COMPRESS_ROWS else None, use_threads=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def _columns_record(topic: str, rows: np.ndarray, batch: Batch, meta: Meta) -> Record:
    assert rows.dtype in (FIX_DTYPE, STATIC_DTYPE), "only the house's own columns travel"
    meta.rows, meta.receivers = len(rows), batch.receivers
    meta.exercise = bool((rows["flags"] & np.uint32(F_EXERCISE)).any()) if len(rows) else meta.exercise
    return Record(topic, b"%d" % meta.shard, to_arrow(rows) if len(rows) else b"", to_headers(meta))


def _arrow_column(column: np.ndarray) -> pa.Array:
    plain = np.ascontiguousarray(column)
    kind: Any = pa.binary(plain.dtype.itemsize) if plain.dtype.kind == "S" else pa.from_numpy_dtype(plain.dtype)
    return pa.Array.from_buffers(kind, len(plain), [None, pa.py_buffer(plain)])


def _table(value: bytes, rows: int) -> pa.Table:
    try:
        table = pa.ipc.open_stream(value, options=pa.ipc.IpcReadOptions(use_threads=False)).read_all()
    except (pa.ArrowException, OSError) as fault:
        raise InputError(f"columns of a message cannot be read: {fault}", remedy="look for a foreign producer on this topic") from fault
    if table.num_rows != rows:
        raise InputError(f"message says {rows} rows and carries {table.num_rows}", remedy="look for a foreign producer on this topic")
    return table


def _rows(meta: Meta, table: pa.Table | None) -> np.ndarray:
    """Rows for the columns of a message: they say "not available" everywhere where it lacks one of ours."""
    kind = FIX_DTYPE if meta.schema == FIXES else STATIC_DTYPE
    if table is not None and set(table.column_names).issuperset(kind.names or ()):
        return np.empty(meta.rows, kind)
    return new_fixes(meta.rows) if meta.schema == FIXES else new_statics(meta.rows)


def _fill(rows: np.ndarray, table: pa.Table) -> None:
    """Copy the columns that we know, by name."""
    told = set(table.column_names)
    for name in rows.dtype.names or ():
        if name not in told:
            continue
        column = table.column(name)
        column = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
        data = column.buffers()[1]
        wide = rows.dtype[name]
        if column.null_count or column.offset or data is None or _width(column.type) != wide.itemsize:
            raise InputError(f"column '{name}' of a message has type {column.type}, expected {wide}", remedy="look for a foreign producer on this topic")
        rows[name] = np.frombuffer(data, wide, len(rows))


def _width(kind: pa.DataType) -> int:
    try:
        return int(kind.bit_width) // 8
    except ValueError:  # a column of variable width
        return -1
