"""pyais as a contender. May live here: its calls, each the way its documents show."""

from __future__ import annotations

import io
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import msgspec
import pyais
from pyais.exceptions import AISBaseException

from benchmarks.decode_worker import Input, Look
from benchmarks.peers_columns import FIX_TYPES, pieces, positions, to_array

__all__ = ["NAMES", "ONE", "WAYS", "messages", "positions", "versions"]

NAMES = {
    "type": "msg_type",
    "mmsi": "mmsi",
    "lat": "lat",
    "lon": "lon",
    "sog": "speed",
    "cog": "course",
    "heading": "heading",
    "nav": "status",
    "turn": "turn",
}
ATTRIBUTES = tuple(NAMES.values())
FAULTS = (AISBaseException, ValueError, IndexError, TypeError, KeyError)


def versions() -> dict[str, str]:
    """What is measured."""
    return {"pyais": version("pyais"), "msgspec": version("msgspec")}


def decoded(source: Input) -> Iterator[Any]:
    """Message objects; a sentence that cannot be read is left out."""
    for sentence in pyais.IterMessages(io.BytesIO(source.data)):
        try:
            yield sentence.decode()
        except FAULTS:
            continue


def to_objects(source: Input, look: Look) -> int:
    """Its own message objects: the least that it can do."""
    count = 0
    for piece in pieces(decoded(source)):
        look(piece)
        count += len(piece)
    return count


def to_columns(source: Input, look: Look) -> int:
    """Arrays of the main columns."""
    count = 0
    for piece in pieces(decoded(source)):
        count += len(piece)
        look(to_array([tuple([getattr(message, name, None) for name in ATTRIBUTES]) for message in piece if message.msg_type in FIX_TYPES]))
    return count


def to_dicts(source: Input, look: Look) -> int:
    """One dictionary per message."""
    count = 0
    for piece in pieces(message.asdict() for message in decoded(source)):
        look(piece)
        count += len(piece)
    return count


def to_records(source: Input, look: Look) -> int:
    """One JSON record per message, written by the fastest ordinary library."""
    encode, count = msgspec.json.Encoder().encode, 0
    for piece in pieces(encode(message.asdict(enum_as_int=True)) for message in decoded(source)):
        look(piece)
        count += len(piece)
    return count


def messages(lines: list[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every message with the line that completed it."""
    at = [0]

    def told() -> Iterator[bytes]:
        for index, line in enumerate(lines):
            at[0] = index
            yield line

    for sentence in pyais.IterMessages(told()):
        try:
            fields = sentence.decode().asdict(enum_as_int=True)
        except FAULTS:
            continue
        yield at[0], fields


def one_shot(line: bytes) -> Any:
    """Its function for one message; None where it refuses the sentence."""
    try:
        return pyais.decode(line)
    except FAULTS:
        return None


WAYS = {"bare/objects": to_objects, "columns/arrays": to_columns, "dicts/dict": to_dicts, "records/JSON": to_records}
ONE = {"decode": one_shot}
