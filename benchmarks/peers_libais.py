"""libais as a contender: its C++ decoder behind the least line splitter that joins parts.

May live here: the splitter, calls of `ais.decode`. libais decodes payloads; it is not asked to verify checksums (nothing in C++ of
it does), which is in its favour. Its own `NmeaQueue` is about five times slower.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import ais
import msgspec

from benchmarks.decode_worker import Input, Look
from benchmarks.peers_columns import columns_of, pieces, positions

__all__ = ["NAMES", "ONE", "WAYS", "messages", "positions", "versions"]

NAMES = {"type": "id", "mmsi": "mmsi", "lat": "y", "lon": "x", "sog": "sog", "cog": "cog", "heading": "true_heading", "nav": "nav_status", "turn": "rot"}


def versions() -> dict[str, str]:
    """What is measured."""
    return {"libais": version("libais"), "msgspec": version("msgspec")}


def decoded(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Dictionaries of complete messages; what it cannot read is left out."""
    return (fields for _, fields in messages(lines))


def messages(lines: Iterable[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every message with the line that completed it; parts are joined in strict order by talker, count, sequence and channel."""
    parts: dict[tuple[str, ...], list[str]] = {}
    for index, line in enumerate(lines):
        fields = line[line.find(b"!") :].decode("latin-1").split(",", 6)
        if len(fields) < 7:
            continue
        head, count, number, sequence, channel, payload, rest = fields
        if count != "1":
            key = (head, count, sequence, channel)
            if number == "1":
                parts[key] = [payload]
                continue
            opened = parts.get(key, ())
            if number != str(len(opened) + 1) or not opened:
                continue
            opened.append(payload)
            if number != count:
                continue
            payload = "".join(parts.pop(key))
        try:
            yield index, ais.decode(payload, int(rest[:1]))
        except (ais.DecodeError, ValueError):
            continue


def to_columns(source: Input, look: Look) -> int:
    """Arrays of the main columns."""
    return columns_of(NAMES, decoded(io.BytesIO(source.data)), look)


def to_dicts(source: Input, look: Look) -> int:
    """One dictionary per message."""
    count = 0
    for piece in pieces(decoded(io.BytesIO(source.data))):
        look(piece)
        count += len(piece)
    return count


def to_records(source: Input, look: Look) -> int:
    """One JSON record per message, written by the fastest ordinary library."""
    encode, count = msgspec.json.Encoder().encode, 0
    for piece in pieces(encode(fields) for fields in decoded(io.BytesIO(source.data))):
        look(piece)
        count += len(piece)
    return count


WAYS = {"columns/arrays": to_columns, "dicts/dict": to_dicts, "records/JSON": to_records}
ONE = {"split and decode": lambda line: next(decoded((line,)), None)}
