"""aiscat (AIS-catcher, GPL-3) as a contender: runs only in its own environment, in a process of its own.

May live here: calls of its documented interface. It does more than anybody else here: binary bodies of types 6 and 8, texts of codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import aiscat

from benchmarks.decode_worker import Input, Look
from benchmarks.peers_columns import columns_of, positions

__all__ = ["NAMES", "ONE", "WAYS", "messages", "positions", "versions"]

NAMES = {"type": "type", "mmsi": "mmsi", "lat": "lat", "lon": "lon", "sog": "speed", "cog": "course", "heading": "heading", "nav": "status", "turn": "turn"}


def versions() -> dict[str, str]:
    """What is measured."""
    return {"aiscat": version("aiscat")}


def drained(source: Input, output: str) -> Iterator[list[Any]]:
    """Its output of each chunk."""
    decoder = aiscat.Decoder(format=output)
    for chunk in source.chunks():
        decoder.feed(chunk)
        yield list(iter(decoder.next, None))


def way(output: str) -> Callable[[Input, Look], int]:
    """A run in one of its formats."""

    def run(source: Input, look: Look) -> int:
        count = 0
        for piece in drained(source, output):
            look(piece)
            count += len(piece)
        return count

    return run


def to_columns(source: Input, look: Look) -> int:
    """Arrays of the main columns, from dictionaries."""
    return columns_of(NAMES, (fields for piece in drained(source, "dictionary") for fields in piece), look)


def messages(lines: list[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every message with the line that completed it."""
    decoder = aiscat.Decoder()
    for index, line in enumerate(lines):
        decoder.feed(line)
        for fields in iter(decoder.next, None):
            yield index, fields


def one_shot(line: bytes) -> Any:
    """Its function for one message; None where it refuses the sentence."""
    try:
        return aiscat.decode(line)
    except ValueError:
        return None


def _one() -> Callable[[bytes], Any]:
    decoder = aiscat.Decoder()

    def one(line: bytes) -> Any:
        decoder.feed(line)
        return decoder.next()

    return one


WAYS = {
    "bare/nmea": way("nmea"),
    "columns/arrays": to_columns,
    "dicts/dict": way("dictionary"),
    "dicts/JSON": way("json"),
    "records/JSON": way("json"),
}
ONE = {"decode": one_shot, "feed and next": _one()}
