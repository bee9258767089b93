"""Files and standard input as bytes: plain, packed with gzip or Zstandard, Parquet as the CSV it stands for.

May live here: opening, cutting into blocks, the reader of a file or pipe among live sources. May not: lines, sentences,
columns, unpacking (packing), a file that grows (source_follow).
A block is `block_bytes` long wherever the file allows, so that offsets mean the same in every run. What cannot be read
to its end is used as far as it goes, and `say` is told; only what cannot be read at all is an error.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from dogwatch.errors import InputError
from ingest.packing import Say, unpacked
from ingest.source import POLL_S, READ_BYTES, Reader

BLOCK_BYTES = 65_536
FILE_READ_BYTES = 1 << 18
PARQUET_ROWS = 50_000  # rows turned to text at a time
PARQUET_MAGIC, ZIP_MAGIC = b"PAR1", b"PK\x03\x04"


def read_blocks(path: Path | str, block_bytes: int = BLOCK_BYTES, *, say: Say | None = None) -> Iterator[bytes]:
    """Bytes of a recording in blocks of exactly block_bytes (the last may be shorter); `-` is standard input.

    The kind of packing is found by the first bytes, not by the name. say: called with one sentence about anything left out.
    Raises InputError, at once, when there is no such file, it is a directory, may not be read, or is packed in another way.
    """
    tell = say or _silent
    if str(path) == "-":
        return _blocks(unpacked(read_pieces(sys.stdin.buffer, b"", "standard input", tell), "standard input", tell), block_bytes)
    name = str(path)
    stream = open_input(Path(path))
    head = stream.read(4)
    if head == PARQUET_MAGIC:
        stream.close()
        return _blocks(_parquet_text(Path(path)), block_bytes)
    if head == ZIP_MAGIC:
        stream.close()
        raise InputError(f"{name} is packed with ZIP", remedy="unpack it first; plain, .gz and .zst files are read as they are")
    return _blocks(unpacked(read_pieces(stream, head, name, tell), name, tell), block_bytes)


class FileReader(Reader):
    """A recording among live sources (no arrival times), or standard input `-`, which is live: a program pipes what it hears.

    descriptor: where `-` reads from; for tests.
    """

    def __init__(self, source: str, path: str, *, descriptor: int | None = None, **common: Any) -> None:
        super().__init__(source, **common)
        self.path = path
        self.live = path == "-"
        self.descriptor = descriptor
        self.blocks: Iterator[bytes] = iter(())

    def open(self) -> None:
        """Open the file. Raises InputError."""
        if not self.path:
            raise InputError(f"source '{self.source}': path is empty", remedy="name a file, or - for standard input")
        if not self.live:
            self.blocks = read_blocks(self.path, say=self.counters.notes.append)
        elif self.descriptor is None:
            self.descriptor = sys.stdin.fileno()

    def read(self) -> None:
        """Deliver everything, then say "end"; a full queue makes it wait."""
        self.counters.connections = 1
        if self.live:
            self._read_pipe()
        else:
            for block in self.blocks:
                if self.stopping:
                    return
                self.deliver(block, self.path)
        if not self.stopping:
            self.say("end")

    def _read_pipe(self) -> None:
        assert self.descriptor is not None, "open comes first"
        while not self.stopping:
            ready, _, _ = select.select([self.descriptor], [], [], POLL_S)
            if not ready:
                self.tend()
                continue
            data = os.read(self.descriptor, READ_BYTES)
            if not data:
                return
            self.deliver(data, self.path)


def open_input(path: Path) -> BinaryIO:
    """A file for reading. Raises InputError when there is none, it is a directory or may not be read."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a directory", remedy="name the files in it")
        return path.open("rb")
    except FileNotFoundError as fault:
        raise InputError(f"{path} does not exist", remedy="check the name") from fault
    except OSError as fault:
        raise InputError(f"{path} cannot be read: {fault.strerror or fault}", remedy="check its permissions") from fault


def read_pieces(stream: BinaryIO, head: bytes, name: str, say: Say) -> Iterator[bytes]:
    """What a file holds, after what was read of it already; a fault of the disk ends it, and is said. Closes the stream."""
    if head:
        yield head
    with stream:
        while True:
            try:
                piece = stream.read(FILE_READ_BYTES)
            except OSError as fault:
                say(f"{name}: reading stopped ({fault.strerror or fault}); what there is was used")
                return
            if not piece:
                return
            yield piece


def _blocks(pieces: Iterator[bytes], block_bytes: int) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        at = 0
        while len(held) - at >= block_bytes:
            yield bytes(held[at : at + block_bytes])
            at += block_bytes
        del held[:at]
    if held:
        yield bytes(held)


def _parquet_text(path: Path) -> Iterator[bytes]:
    """A Parquet table as CSV with a header: one reader, one accounting for both. Nested columns are left out."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as fault:
        raise InputError(f"{path} is no readable Parquet file: {fault}", remedy="it may be cut short; copy it again") from fault
    flat = [column.name for column in table.schema_arrow if not pa.types.is_nested(column.type)]
    options = pyarrow.csv.WriteOptions(include_header=False)
    header = ",".join('"' + name.replace('"', '""') + '"' for name in flat)
    return _parquet_rows(table, flat, header.encode() + b"\n", options)


def _parquet_rows(table, names: list[str], header: bytes, options) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.csv

    yield header
    for rows in table.iter_batches(PARQUET_ROWS, columns=names):
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(_plain(rows), sink, options)
        yield sink.getvalue().to_pybytes()


def _plain(rows):
    """Columns in types that the CSV writer knows: dictionaries as their values, bytes as text, times as ISO text."""
    import pyarrow as pa

    columns = [column.dictionary_decode() if pa.types.is_dictionary(column.type) else column for column in rows.columns]
    for i, kind in enumerate([column.type for column in columns]):
        if pa.types.is_timestamp(kind):
            columns[i] = columns[i].cast(pa.timestamp("ms", kind.tz), safe=False)
        elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_decimal(kind):
            columns[i] = columns[i].cast(pa.string())
    return pa.RecordBatch.from_arrays(columns, rows.schema.names)


def _silent(sentence: str) -> None:
    """Nobody listens."""
