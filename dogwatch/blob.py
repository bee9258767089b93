"""State as bytes: one versioned, checksummed form for every snapshot. May hold: packing. May not: files, topics, meaning.

Layout: magic, format version, CRC-32 of the rest, then one MessagePack map name -> section. An array section carries
its dtype description and shape, so that a reader notices a changed record instead of misreading it.
Equal states give equal bytes as long as the writer names its sections in a fixed order and sorts its tables.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import msgspec
import numpy as np

from dogwatch.errors import InputError

MAGIC = b"DOGW"
FORMAT_VERSION = 1
HEADER = struct.Struct("<4sHHI")


def pack(sections: dict[str, Any], *, schema: int) -> bytes:
    """Bytes of a state. Sections: NumPy arrays (also structured), bytes, dicts of sections, and anything MessagePack knows."""
    body = msgspec.msgpack.encode({name: _wrap(value) for name, value in sections.items()})
    return HEADER.pack(MAGIC, FORMAT_VERSION, schema, zlib.crc32(body)) + body


def schema_of(data: bytes) -> int:
    """The schema that a blob says it has; 0 where it is none. Whether it is damaged only `unpack` knows."""
    if len(data) < HEADER.size or data[:4] != MAGIC:
        return 0
    return int(HEADER.unpack_from(data)[2])


def unpack(data: bytes, *, schema: int) -> dict[str, Any]:
    """The sections that `pack` wrote. Raises InputError on a damaged blob or another schema; never guesses."""
    if len(data) < HEADER.size or data[:4] != MAGIC:
        raise InputError("not a dogwatch state blob", remedy="delete it; the state is rebuilt by replay")
    _, version, found, crc = HEADER.unpack_from(data)
    body = data[HEADER.size :]
    if zlib.crc32(body) != crc:
        raise InputError("state blob is damaged (checksum)", remedy="use the generation before it, or delete it and replay")
    if (version, found) != (FORMAT_VERSION, schema):
        raise InputError(
            f"state blob has format {version}, schema {found}; this build reads {FORMAT_VERSION}, {schema}",
            remedy="run the build that wrote it, or delete it and replay",
        )
    return {name: _unwrap(value) for name, value in msgspec.msgpack.decode(body).items()}


def _wrap(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"_": 1, "dtype": _describe(value.dtype), "shape": list(value.shape), "data": np.ascontiguousarray(value).tobytes()}
    if isinstance(value, dict):
        return {"_": 2, "sections": {name: _wrap(section) for name, section in value.items()}}
    return {"_": 0, "value": value}


def _unwrap(section: dict[str, Any]) -> Any:
    if section["_"] == 0:
        return section["value"]
    if section["_"] == 2:
        return {name: _unwrap(inner) for name, inner in section["sections"].items()}
    described = section["dtype"]
    dtype = np.dtype(described) if isinstance(described, str) else np.dtype([tuple(f) for f in described])
    return np.frombuffer(section["data"], dtype).reshape(section["shape"]).copy()


def _describe(dtype: np.dtype) -> Any:
    if dtype.names is None:
        return dtype.str
    assert dtype.itemsize == sum(dtype[name].itemsize for name in dtype.names), "records in a state are packed"
    return [[name, dtype[name].str] if not dtype[name].shape else [name, dtype[name].base.str, list(dtype[name].shape)] for name in dtype.names]
