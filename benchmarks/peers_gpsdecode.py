"""gpsdecode (gpsd) as a contender: a program, so its CPU seconds are those of a child.

May live here: how it is called, and how a message of its output finds its line again. Needs the program: Debian `gpsd-clients`.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from functools import reduce
from operator import xor
from typing import Any

import msgspec

from benchmarks.decode_worker import Input, Look
from benchmarks.peers_columns import columns_of, pieces, positions

__all__ = ["NAMES", "ONE", "WAYS", "messages", "positions", "versions"]

COMMAND = ("gpsdecode", "-j")
NAMES = {"type": "type", "mmsi": "mmsi", "lat": "lat", "lon": "lon", "sog": "speed", "cog": "course", "heading": "heading", "nav": "status", "turn": "turn"}
MARK = 900_000_000  # MMSI of line 0 in marks


def versions() -> dict[str, str]:
    """What is measured. Raises FileNotFoundError where the program is missing."""
    said = subprocess.run(["gpsdecode", "-V"], capture_output=True, text=True, check=True)
    return {"gpsdecode": (said.stdout + said.stderr).split()[-1]}


def lines_of(source: Input) -> Iterator[bytes]:
    """Its JSON lines as they come through a pipe."""
    with open(source.path, "rb") as stream, subprocess.Popen(COMMAND, stdin=stream, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        yield from child.stdout


def to_json(source: Input, look: Look) -> None:
    """One line of JSON per message, thrown away: the program alone. How many, only a reader would know."""
    with open(source.path, "rb") as stream:
        subprocess.run(COMMAND, stdin=stream, stdout=subprocess.DEVNULL, check=True)


def to_columns(source: Input, look: Look) -> int:
    """Arrays of the main columns, from its JSON."""
    return columns_of(NAMES, map(msgspec.json.Decoder().decode, lines_of(source)), look)


def to_records(source: Input, look: Look) -> int:
    """One JSON record per message, through a pipe."""
    count = 0
    for piece in pieces(lines_of(source)):
        look(piece)
        count += len(piece)
    return count


def messages(lines: list[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every message with the line that completed it.

    The output does not name lines, so a mark follows each sentence that may complete a message: a type 10 from a made-up
    MMSI that carries the line's number. Between two parts there is none: gpsdecode would lose the message.
    """
    with tempfile.NamedTemporaryFile(suffix=".nmea") as marked:
        for index, line in enumerate(lines):
            marked.write(line)
            fields = line[line.find(b"!") :].split(b",", 3)
            if len(fields) == 4 and fields[1] == fields[2]:
                marked.write(mark(index))
        marked.flush()
        waiting: list[dict[str, Any]] = []
        for fields in map(msgspec.json.Decoder().decode, lines_of(Input(marked.name))):
            if fields.get("type") == 10 and fields["mmsi"] >= MARK and fields["dest_mmsi"] == MARK:
                yield from ((fields["mmsi"] - MARK, found) for found in waiting)
                waiting = []
            else:
                waiting.append(fields)


def mark(index: int) -> bytes:
    """A type 10 sentence (UTC inquiry, 72 bits) from MMSI MARK + index to MARK."""
    bits = f"{10:06b}00{MARK + index:030b}00{MARK:030b}00"
    values = [int(bits[at : at + 6], 2) for at in range(0, 72, 6)]
    body = b"AIVDM,1,1,,A,%s,0" % bytes(value + (48 if value < 40 else 56) for value in values)
    return b"!%s*%02X\r\n" % (body, reduce(xor, body))


WAYS = {"columns/arrays": to_columns, "dicts/JSON": to_json, "records/JSON": to_records}
ONE: dict[str, Any] = {}
