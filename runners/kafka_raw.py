"""What sources said, byte for byte, on its way to `ais.raw`: blocks by source, and back. Only where `[kafka] raw` asks for it.

May live here: collecting pieces, what a message looks like. May not: know transactions (kafka_outbox), keep lines (console/sentences.py), decode.

A message is a MessagePack map: `records`, zlib of the records of a capture (ingest/capture.py) in the order in which the pieces came; `mmsi`, whose
reports the decoder found in them (uint32, little-endian, ascending); `from_ms` and `to_ms`, the span of their times (null: none was found). A line may be
cut at its end: the rest begins the next block of the same source and sender. Blocks travel in the transaction of the columns that were made of them.
"""

from __future__ import annotations

import zlib

import msgspec
import numpy as np

from dogwatch.batch import T_MISSING, Batch
from dogwatch.errors import InputError
from ingest.capture import KINDS, DamagedError, record, record_at
from ingest.source import Received
from runners.wire import RAW, Meta, Record, to_headers

BLOCK_BYTES = 1 << 19  # a message at most, before it is packed: noise does not pack
REMEDY = "look for a foreign producer on this topic"


class Block(msgspec.Struct):
    """One message; see the module text."""

    records: bytes
    mmsi: bytes
    from_ms: int | None
    to_ms: int | None


class _Open(msgspec.Struct):
    records: list[bytes] = []
    mmsi: list[np.ndarray] = []
    times: list[np.ndarray] = []


class Blocks:
    """Pieces since the last message, by source. `bytes`: of all of them together."""

    def __init__(self) -> None:
        self.bytes = 0
        self._open: dict[str, _Open] = {}

    def take(self, piece: Received, batch: Batch) -> None:
        """A piece, and what the decoder made of it."""
        if piece.kind not in ("bytes", "end", "link"):
            return
        mine = self._open.setdefault(piece.source, _Open())
        mine.records.append(record(piece.kind, piece.t_rx_ms, piece.source, piece.sender, piece.data))
        self.bytes += len(mine.records[-1])
        for rows in (batch.fixes, batch.statics):
            if len(rows):
                mine.mmsi.append(np.unique(rows["mmsi"]))
                mine.times.append(rows["t_ms"][rows["t_ms"] != T_MISSING])

    def cut(self, topic: str, meta: Meta) -> list[Record]:
        """What has come as one message for each source; nothing is held any more."""
        found = [Record(topic, source.encode(), _packed(mine), to_headers(msgspec.structs.replace(meta, schema=RAW))) for source, mine in self._open.items()]
        self.bytes, self._open = 0, {}
        return found


def _packed(mine: _Open) -> bytes:
    who = np.unique(np.concatenate(mine.mmsi)).astype("<u4") if mine.mmsi else np.zeros(0, "<u4")
    times = np.concatenate(mine.times) if mine.times else np.zeros(0, np.int64)
    span = (int(times.min()), int(times.max())) if len(times) else (None, None)
    return msgspec.msgpack.encode(Block(zlib.compress(b"".join(mine.records), 1), who.tobytes(), *span))


def read_block(value: bytes) -> tuple[list[Received], np.ndarray, np.ndarray]:
    """(pieces, times of their reports, MMSI of who sent them) of a message. Raises InputError on a damaged one."""
    try:
        block = msgspec.msgpack.decode(value, type=Block)
        packed = zlib.decompressobj()
        records = packed.decompress(block.records, 2 * BLOCK_BYTES)
        if packed.unconsumed_tail:
            raise InputError("a block of ais.raw is larger than any of ours", remedy=REMEDY)
        pieces, at = [], 0
        while (found := record_at(records, at)) is not None:
            at, (code, arrival, source, sender, data) = found
            pieces.append(Received(data, None if arrival == T_MISSING else arrival, source, sender, KINDS[code]))  # type: ignore[arg-type]
        span = [one for one in (block.from_ms, block.to_ms) if one is not None]
        return pieces, np.array(span, np.int64), np.frombuffer(block.mmsi, "<u4")
    except (msgspec.MsgspecError, zlib.error, DamagedError, ValueError, IndexError) as fault:
        raise InputError(f"a block of ais.raw cannot be read: {fault}", remedy=REMEDY) from fault
