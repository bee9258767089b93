"""dogwatch as a contender. May live here: the ways through the program's own functions. May not: anything that the program does not do.

`columns/all columns`  every column of positions and statics; other types keep their sentence; safety reports are made
`dicts/NDJSON`         what `dogwatch decode --to ndjson` writes: positions only, 18 keys, missing is null
`dicts/dict, raw`      a dictionary per row of positions and statics with the columns' integers (sentinels stay), other types as records
`records/Arrow lz4`    positions and statics as records of `ais.fixes` and `ais.statics`, ready to send
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numba
import numpy as np
import pyarrow

from benchmarks.decode_worker import Input, Look
from benchmarks.peers_columns import FIX_TYPES
from dogwatch import __version__
from dogwatch.batch import FIX_DTYPE, STATIC_DTYPE, Batch, has_position
from dogwatch.config import Kafka
from ingest.decode import DecodeState, decode
from ingest.export import open_writer
from ingest.records import records
from runners.kafka_ingest import join
from runners.wire import FIXES, Meta, Record, fixes_record, statics_record

BATCH_ROWS = Kafka().batch_rows
FIX_NAMES, STATIC_NAMES = FIX_DTYPE.names or (), STATIC_DTYPE.names or ()


def versions() -> dict[str, str]:
    """What is measured."""
    return {"dogwatch": __version__, "numba": numba.__version__, "numpy": np.__version__, "pyarrow": pyarrow.__version__}


def positions(piece: Any) -> int:
    """Rows with a position in a batch, of the types that everybody here reads (not 28)."""
    return int((has_position(piece.fixes) & np.isin(piece.fixes["msg_type"], list(FIX_TYPES))).sum()) if isinstance(piece, Batch) else 0


def run_over(through: Callable[[Iterator[Batch], Look], None]) -> Callable[[Input, Look], int]:
    """A run that hands the columns of each chunk to `through`."""

    def run(source: Input, look: Look) -> int:
        state = DecodeState("bench")
        through(_batches(state, source), look)
        return sum(state.counts.decoded.values())

    return run


def to_columns(batches: Iterator[Batch], look: Look) -> None:
    """Columns and nothing else."""
    for batch in batches:
        look(batch)


def to_ndjson(batches: Iterator[Batch], look: Look) -> None:
    """The program's export, thrown away."""
    with open(os.devnull, "wb") as stream:
        writer = open_writer("ndjson", stream)
        for batch in batches:
            writer.write(batch.fixes, batch.receivers)
            look(batch)
        writer.close()


def to_dicts(batches: Iterator[Batch], look: Look) -> None:
    """A dictionary per row."""
    for batch in batches:
        rows = [dict(zip(FIX_NAMES, row)) for row in batch.fixes.tolist()]
        rows += [dict(zip(STATIC_NAMES, row)) for row in batch.statics.tolist()]
        rows += [msgspec.structs.asdict(record) for _, record in records(batch)]
        look(rows)


def to_records(batches: Iterator[Batch], look: Look) -> None:
    """Records of as many rows as the ingest stage collects."""
    pending: list[Batch] = []
    rows = 0
    for batch in batches:
        pending.append(batch)
        rows += len(batch.fixes) + len(batch.statics)
        if rows >= BATCH_ROWS:
            look(_records(pending))
            pending, rows = [], 0
    if pending:
        look(_records(pending))


def warm() -> Callable[[bytes], Batch]:
    """Decode of one sentence, on a state that goes on."""
    state = DecodeState("bench")
    return lambda line: decode(state, line)


def _batches(state: DecodeState, source: Input) -> Iterator[Batch]:
    for chunk in source.chunks():
        yield decode(state, chunk)
    yield decode(state, b"", final=True)


def _records(pending: list[Batch]) -> list[Record]:
    whole, meta = join(pending, pending[-1].receivers), Meta(FIXES, "bench")
    return [fixes_record("ais.fixes", whole, meta), statics_record("ais.statics", whole, meta)]


WAYS = {
    "columns/all columns": run_over(to_columns),
    "dicts/NDJSON": run_over(to_ndjson),
    "dicts/dict, raw": run_over(to_dicts),
    "records/Arrow lz4": run_over(to_records),
}
ONE = {"decode": warm()}
