"""Inputs of replay and decode: recordings, one source each, or a capture with all the sources of a live run.

May hold: which of the two an argument is, opening it, what comes next, how far it was read. May not: decode, write.
A recording has its times in its bytes and its settings on the command line; a capture brings arrival times and settings
with it, and is the order of its sources too. That is why it stands alone: beside another input there is no such order.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

import msgspec

from dogwatch.config import LATENESS_S as LANE_LATENESS_S
from dogwatch.config import Config, Source
from dogwatch.errors import InputError
from ingest.capture import Session, capture_files, is_capture, read_capture
from ingest.packing import Say
from ingest.source import Received
from ingest.source_file import BLOCK_BYTES, read_blocks
from runners.intake import RUN_PIECES, is_table, lanes_of
from runners.lane import Lane

LATENESS_S = 120.0  # of a recording: nobody knows what relayed it


@dataclass(slots=True)
class Settings:
    """What the command line says of its inputs.

    lateness_s: None = 120 s for a recording, three hours for one of a satellite, its own for a capture. satellites: names of recordings from
    satellites; a capture knows its own.
    """

    lateness_s: float | None = None
    exercise: bool = False
    columns: dict[str, str] = field(default_factory=dict)
    keep_all: bool = False  # every message with its sentence, for records
    checksum: Literal["drop", "flag", "absent"] = "drop"  # of recordings; a capture has its own
    satellites: frozenset[str] = frozenset()

    def stamp(self) -> str:
        """What a resumed run must have in common with the one that it continues."""
        return f"{self.lateness_s}:{self.exercise}:{sorted(self.columns.items())}:{sorted(self.satellites)}"


class Input:
    """One input. `head` is what comes next (None: nothing), `offset` how much has been passed, in bytes or records."""

    def __init__(self, name: str, what: str, items: Iterator[Received | Session]) -> None:
        self.name, self.what, self.items = name, what, items
        self.lanes: list[Lane] = []
        self.offset = 0
        self.head: Received | Session | None = None

    def identity(self) -> list[int | str]:
        """What the beginning looked like: [length, hash]."""
        raise NotImplementedError

    def lanes_of(self, session: Session) -> list[Lane]:
        """Fresh lanes for a session that begins in the middle."""
        raise NotImplementedError

    def step(self) -> int:
        """How much the head counts."""
        raise NotImplementedError

    def run(self, bytes_max: int) -> deque[Received]:
        """The head, which is a piece, alone: whoever reads several inputs chooses among them after each. It has been passed then."""
        assert isinstance(self.head, Received), "a session is no piece"
        pieces = deque([self.head])
        self.advance()
        return pieces

    def advance(self) -> None:
        """The head has been dealt with."""
        self.offset += self.step()
        self.head = next(self.items, None)

    def skip(self, offset: int, identity: list[int | str]) -> None:
        """Go to where an earlier run stood. Raises InputError when this is not what it read."""
        raise NotImplementedError

    def over_before(self, ended: set[str]) -> bool:
        """Whether it had been read to its end beside other inputs, so that nothing may follow."""
        return False


class Recording(Input):
    """A file, or standard input as `-`: NMEA or a table, one source."""

    def __init__(self, name: str, path: Path, settings: Settings, say: Say) -> None:
        blocks = read_blocks(path, BLOCK_BYTES, say=say)
        super().__init__(name, str(path), (Received(block, None, name, "", "bytes") for block in blocks))
        satellite = name in settings.satellites
        usual_s = LANE_LATENESS_S["satellite"] if satellite else LATENESS_S
        lateness_s = usual_s if settings.lateness_s is None else settings.lateness_s
        table, columns = is_table(path), settings.columns or None
        self.lanes = [
            Lane(
                name,
                lateness_ms=round(lateness_s * 1000),
                exercise=settings.exercise,
                keep_all=settings.keep_all,
                checksum=settings.checksum,
                table=table,
                columns=columns,
                satellite=satellite,
            )
        ]
        self.head = next(self.items, None)
        self.first = self._data()

    def identity(self) -> list[int | str]:
        return [len(self.first), blake2b(self.first, digest_size=16).hexdigest()]

    def step(self) -> int:
        return len(self._data())

    def skip(self, offset: int, identity: list[int | str]) -> None:
        length = int(identity[0])
        if blake2b(self.first[:length], digest_size=16).hexdigest() != identity[1]:
            raise InputError(f"{self.what} is not the file that was read before", remedy="name the same inputs, or leave out --resume")
        while self.head is not None and self.offset + self.step() <= offset:
            self.advance()
        data = self._data()
        if offset - self.offset > len(data):
            raise InputError(f"{self.what} is shorter than what was read of it before", remedy="leave out --resume")
        if rest := data[offset - self.offset :]:
            self.head = Received(rest, None, self.name, "", "bytes")
        self.offset = offset

    def over_before(self, ended: set[str]) -> bool:
        return self.head is not None and self.name in ended

    def _data(self) -> bytes:
        return self.head.data if isinstance(self.head, Received) else b""


class Captured(Input):
    """A capture: every source of a live run, in the order in which it heard them."""

    def __init__(self, paths: list[Path], settings: Settings, say: Say) -> None:
        files = list(chain.from_iterable(capture_files(path) for path in paths))
        super().__init__("capture", str(paths[0]), read_capture(files, say=say))
        self.settings = settings
        first = next(self.items, None)
        if not isinstance(first, Session):
            raise InputError(f"{self.what} holds nothing", remedy="its files were cut before their first record")
        self.first = first
        self.lanes = self.lanes_of(first)
        self.head = next(self.items, None)

    def identity(self) -> list[int | str]:
        return [0, self.first.name]

    def step(self) -> int:
        return 1

    def skip(self, offset: int, identity: list[int | str]) -> None:
        if identity != self.identity():
            raise InputError(f"{self.what} does not begin with the file that was read before", remedy="name the same files, or leave out --resume")
        lanes = {lane.source: lane for lane in self.lanes}
        while self.head is not None and self.offset < offset:
            if isinstance(self.head, Session):
                lanes |= {lane.source: lane for lane in self.lanes_of(self.head)}
            self.advance()
        if self.offset < offset:
            raise InputError(f"{self.what} is shorter than what was read of it before", remedy="leave out --resume")
        self.lanes = list(lanes.values())

    def run(self, bytes_max: int) -> deque[Received]:
        """The head and the pieces behind it, whose order is given, up to `bytes_max` bytes or RUN_PIECES."""
        pieces = super().run(bytes_max)
        room = bytes_max - len(pieces[0].data)
        while isinstance(self.head, Received) and len(self.head.data) <= room and len(pieces) < RUN_PIECES:
            pieces.append(self.head)
            room -= len(self.head.data)
            self.advance()
        return pieces

    def lanes_of(self, session: Session) -> list[Lane]:
        sources = session.sources
        if self.settings.lateness_s is not None:
            sources = [msgspec.structs.replace(source, lateness_s=self.settings.lateness_s) for source in sources]
        if self.settings.exercise:
            sources = [msgspec.structs.replace(source, exercise=True) for source in sources]
        return lanes_of(Config(sources=sources, columns=self.settings.columns or session.columns), keep_all=self.settings.keep_all)


def open_inputs(paths: list[Path], settings: Settings, say: Say) -> dict[str, Input]:
    """Inputs by name, each opened and ready. Raises InputError for what cannot be read, and for a capture beside something else."""
    captured = [is_capture(path) for path in paths]
    if settings.satellites and any(captured):
        raise InputError(f"{paths[captured.index(True)]} is a capture and knows the lanes of its sources", remedy="leave out --lane")
    if paths and all(captured):
        folders = {path if path.is_dir() else path.parent for path in paths}
        if len(folders) > 1:
            raise InputError("two captures cannot be read as one", remedy="read each on its own")
        return {"capture": Captured(paths, settings, say)}
    if any(captured):
        raise InputError(f"{paths[captured.index(True)]} is a capture and stands alone", remedy="read it and the recordings one after the other")
    named = name_sources(paths)
    if unknown := sorted(settings.satellites - set(named)):
        raise InputError(f"no input is called '{unknown[0]}'", remedy=f"--lane NAME=satellite, with one of: {', '.join(named)}")
    return {name: Recording(name, path, settings, say) for name, path in named.items()}


def satellites_of(lanes: list[str], paths: list[Path]) -> frozenset[str]:
    """Names of the inputs that `--lane satellite` (all of them) or `--lane NAME=satellite` (repeated) puts into a satellite's lane. Raises InputError."""
    found: set[str] = set()
    for text in lanes:
        name, _, lane = text.rpartition("=")
        if lane not in LANE_LATENESS_S:
            raise InputError(f"'{text}' is no lane", remedy=f"write {' or '.join(LANE_LATENESS_S)}, for one of several inputs NAME=satellite")
        if lane == "satellite":
            found |= {name} if name else set(name_sources(paths))
    return frozenset(found)


def source_of(text: str) -> Source:
    """A source named on a command line: `[id=]where`; where: tcp://host:port (connect), tcp-server://host:port (listen),
    udp://host:port, serial:///dev/ttyUSB0?baud=38400, `-` or a file. Raises InputError.
    """
    name, where = found.groups() if (found := re.fullmatch(r"([\w.-]+)=(.*)", text)) else ("", text)
    try:
        return msgspec.convert(_settings_of(name, where), Source)
    except (ValueError, msgspec.ValidationError) as fault:
        remedy = "write tcp://host:port, tcp-server://host:port, udp://host:port, serial:///dev/ttyUSB0, - or a file"
        raise InputError(f"'{text}' is no source: {fault}", remedy=remedy) from fault


def _settings_of(name: str, where: str) -> dict[str, str | int]:
    url = urlsplit(where)
    if where == "-":
        return {"id": name or "stdin", "kind": "stdin"}
    if url.scheme == "serial":
        return {"id": name or Path(url.path).name, "kind": "serial", "path": url.path, "baud": int(dict(parse_qsl(url.query)).get("baud", 38_400))}
    if url.scheme and url.port is not None:
        host = url.netloc.rpartition(":")[0].strip("[]") or "0.0.0.0"  # as it stands: a group may be joined @interface
        return {"id": name or f"{url.scheme}-{url.port}", "kind": url.scheme.replace("-", "_"), "host": host, "port": url.port}
    if url.scheme or not where:
        raise ValueError("a port is missing")
    return {"id": name or Path(where).name, "kind": "file", "path": where}


def name_sources(inputs: list[Path]) -> dict[str, Path]:
    """A source id for each file: its name, with a number where inputs share one. Raises InputError for a file named twice."""
    named: dict[str, Path] = {}
    for path in inputs:
        if path in named.values():
            raise InputError(f"{path} is named twice", remedy="name each input once")
        same = [other for other in inputs if other.name == path.name]
        named[path.name if len(same) == 1 else f"{path.name}#{same.index(path) + 1}"] = path
    return named
