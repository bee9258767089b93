"""The capture reader under the fuzzer: a capture cut, bent and spliced. May live here: its inputs and oracles. May not: the loop (fuzz_decode)."""

from __future__ import annotations

import random
import tempfile
import zlib
from pathlib import Path

import msgspec

from dogwatch.errors import InputError
from ingest.capture import FIXED, KINDS, MAGIC, PREFIX, Header, is_capture, read_capture, record, zstd
from ingest.source import Received


def capture(rng: random.Random) -> tuple[bytes, list[Received]]:
    """(plain content of a capture file, what was taken)."""
    header = Header("fuzz", "s", 1, [{"id": "mast", "kind": "tcp"}])
    said = [
        Received(rng.randbytes(rng.randrange(60)), rng.choice((None, 1_767_225_600_000 + i)), "mast", rng.choice(("", "192.0.2.7:4001", "\udcff")), "bytes")
        for i in range(rng.randrange(30))
    ]
    records = [record(one.kind, one.t_rx_ms, one.source, one.sender, one.data) for one in said]
    return MAGIC + record("header", None, "", "", msgspec.json.encode(header)) + b"".join(records) + record("close", None, "", "", b""), said


def forged(rng: random.Random) -> bytes:
    """A record whose checksum is right and whose content is not."""
    body = FIXED.pack(rng.randrange(len(KINDS) + 2), rng.choice((0, -(1 << 62), (1 << 63) - 1)), rng.choice((0, 4, 65_535)), rng.choice((0, 9, 65_535)))
    body += rng.choice((b"", b"mast", b"[1]", b'{"writer":1}', rng.randbytes(20)))
    return PREFIX.pack(len(body), zlib.crc32(body)) + body


def check(rng: random.Random) -> int:
    """One capture, damaged; returns its bytes. Raises AssertionError, or whatever the reader raises but a refusal."""
    data, said = capture(rng)
    at = rng.randrange(len(data))
    packed = rng.random() < 0.3
    honest = rng.random() < 0.7
    if packed:
        data = zstd.compress(data)
        at = rng.randrange(len(data))
    if not honest:
        data = data[:at] + forged(rng) + data[at:]
    else:
        data = rng.choice((data[:at], data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :], data[:at] + data[at + rng.randrange(1, 9) :]))
    with tempfile.NamedTemporaryFile(suffix=".zst") as file:
        path = Path(file.name)
        path.write_bytes(data)
        found, told = list[Received](), list[str]()
        try:
            is_capture(path)
            found += [item for item in read_capture([path], say=told.append) if isinstance(item, Received)]
        except InputError:
            return len(data)
    if honest:
        assert found == said[: len(found)], "damage invented a piece"
        assert found == said or told, "pieces are missing and nobody said so"
    return len(data)
