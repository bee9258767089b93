"""Rare messages on demand: every type that makes no row of its own, read by pyais from the sentence kept in `Batch.raw`.

May live here: the call of pyais and the repair of what it reads wrong. May not: anything on the hot path.
Repairs (docs/decoder.md lists them with the other differences): type 17 positions are signed tenths of a minute; the corners of
types 22 and 23 are minutes, given here in degrees.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyais
from pyais.exceptions import AISBaseException

from ingest import payload

CORNERS = ("ne_lon", "ne_lat", "sw_lon", "sw_lat")


def decode_rare(raw: bytes) -> dict[str, Any]:
    """Fields of one sentence (`batch.raw[start:start + length]`) by pyais' names; an `error` key where it cannot be read."""
    try:
        fields: dict[str, Any] = dict(pyais.decode(raw).asdict(enum_as_int=True))
    except (AISBaseException, ValueError, IndexError, TypeError, KeyError) as fault:
        return {"error": f"{type(fault).__name__}: {fault}"}
    kind = fields.get("msg_type")
    if kind == 17:
        lon, lat = _coarse_position(raw)
        fields["lon"], fields["lat"] = lon, lat
    elif kind in (22, 23):
        for name in CORNERS:
            if isinstance(fields.get(name), int | float):
                fields[name] = round(fields[name] / 60, 6)
    return fields


def _coarse_position(raw: bytes) -> tuple[float, float]:
    chars = np.frombuffer(raw.split(b",")[5], np.uint8)
    six = payload.sextets(chars, np.zeros(1, np.int64), np.array([chars.size]))
    out = []
    for start, width in ((40, 18), (58, 17)):
        value = int(payload.bits(six, start, width)[0])
        out.append((value - (1 << width) if value >> (width - 1) else value) / 600)
    return round(out[0], 6), round(out[1], 6)
