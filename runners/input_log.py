"""The input log: everything that an engine or a stage was told since its newest snapshot, on disk before it is worked on.

May live here: segments, their records, reading them back. May not: the engine, snapshots, what is done about a full disk.
Two use it: the embedded live run (`runners.live`) as follows, and the ingest stage (`runners.backlog`), which reads it while it grows.

A segment begins with each snapshot, which names it; once the snapshot is on disk, older segments are deleted. After a crash the
run restores the snapshot and takes the segments from there on once more: steps are deterministic, so it is then where it was.
Records are those of a capture (ingest/capture), not packed: a piece is given to the system before the engine sees it, which a
killed process survives, and is forced to disk at least every FLUSH_S seconds, which a power cut survives. A last record
that a crash cut in half was never worked on; what a write that failed has left is cut off again.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from dogwatch.batch import T_MISSING, Control
from dogwatch.errors import SurroundingsError
from ingest.capture import CODES, KINDS, MAGIC, DamagedError, create, read_records, record, record_at
from ingest.source import Received
from ingest.source_file import open_input, read_pieces

FLUSH_S = 1.0
READ_BYTES = 1 << 20
NAME = re.compile(r"input-(\d{8})\.log")


class InputLog:
    """Segments in one folder. Not thread-safe: one caller. `segment` is the number of the one that is written, `length` its bytes so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.segment = max(self.numbers(), default=0)
        self.length = 0
        self.file: BinaryIO | None = None
        self.forced_s = 0.0

    def begin(self) -> int:
        """Begin the next segment, which a snapshot that is now taken must name. Raises SurroundingsError."""
        self.close()
        self.segment += 1
        try:
            self.file = create(self._path(self.segment))  # another process may write here: its segment is not ours
        except OSError as fault:
            raise self._fault(fault) from fault
        self.length = 0
        self._write(MAGIC)
        return self.segment

    def drop(self) -> None:
        """Delete the segment that is written: all of it has become needless. `begin` comes next."""
        self.close()
        self._path(self.segment).unlink(missing_ok=True)

    def forget(self, before: int) -> None:
        """Delete the segments that a snapshot has made needless."""
        for number in self.numbers():
            if number < before:
                self._path(number).unlink(missing_ok=True)

    def take(self, pieces: Iterable[Received]) -> None:
        """Write pieces that are about to be worked on. Raises SurroundingsError."""
        self._write(b"".join(record(piece.kind, piece.t_rx_ms, piece.source, piece.sender, piece.data) for piece in pieces))

    def control(self, row: Control) -> None:
        """Write a row that did not come from a source: what an operator decided. Raises SurroundingsError."""
        self._write(record("control", None, "", "", msgspec.json.encode(row)))

    def read(self, first: int) -> Iterator[Received | Control]:
        """Everything in the segments from `first` on, in order."""
        for number in self.numbers():
            if number < first:
                continue
            path = self._path(number)
            if path.stat().st_size < len(MAGIC):  # cut before anything was in it
                continue
            for code, arrival, source, sender, data in read_records(read_pieces(open_input(path), b"", path.name, _silent), path, []):
                yield _said(code, arrival, source, sender, data)

    def tail(self, segment: int, offset: int) -> Tail:
        """A reader from a position on, also while the log grows."""
        return Tail(self, segment, offset)

    def close(self) -> None:
        """Leave the segment. Twice is once."""
        if self.file is not None:
            self.file.close()
            self.file = None

    def _write(self, data: bytes) -> None:
        assert self.file is not None, "begin comes first"
        view = memoryview(data)
        try:
            while view:
                view = view[self.file.write(view) :]
            if (now_s := time.monotonic()) - self.forced_s >= FLUSH_S:
                os.fsync(self.file.fileno())
                self.forced_s = now_s
        except OSError as fault:
            with contextlib.suppress(OSError):
                self.file.truncate(self.length)
                self.file.seek(self.length)
            raise self._fault(fault) from fault
        self.length += len(data)

    def _fault(self, fault: OSError) -> SurroundingsError:
        return SurroundingsError(f"cannot write to {self.folder}: {fault.strerror}", remedy="free disk space and start again; what was accepted is kept")

    def _path(self, number: int) -> Path:
        return self.folder / f"input-{number:08d}.log"

    def numbers(self) -> list[int]:
        """Numbers of the segments that are there, ascending."""
        return sorted(int(found.group(1)) for path in self.folder.iterdir() if (found := NAME.fullmatch(path.name))) if self.folder.is_dir() else []

    def size(self, number: int) -> int:
        """Bytes of a segment; 0 when it is gone."""
        try:
            return self._path(number).stat().st_size
        except FileNotFoundError:
            return 0

    def open(self, number: int) -> BinaryIO:
        """A segment for reading. Raises FileNotFoundError."""
        return self._path(number).open("rb", buffering=0)


class Tail:
    """Records from a position on. `segment`, `offset`: where the next one stands; `before`: where the last one stood.

    Not thread-safe: one caller, beside the one who writes.
    """

    def __init__(self, log: InputLog, segment: int, offset: int) -> None:
        self.log, self.segment, self.offset = log, segment, offset
        self.before = (segment, offset)
        self.file: BinaryIO | None = None
        self.held, self.at = bytearray(), 0
        self.damage = ""  # why the newest segment that was left before its end was left

    def next(self, end: tuple[int, int]) -> Received | Control | None:
        """The next record that lies before `end` (segment, offset), or None. What a crash cut in half, and what follows damage in a segment, is left out."""
        while self.segment <= end[0]:
            if self.file is None:
                self._open()
            try:
                found = record_at(self.held, self.at) if self.file is not None else None
            except DamagedError as fault:
                self.damage = f"input-{self.segment:08d}.log is left at byte {self.offset}: {fault}"
                self._leave()
                continue
            if found is not None:
                self.before = (self.segment, self.offset)
                self.offset += found[0] - self.at
                self.at = found[0]
                return _said(*found[1])
            room = end[1] - self.offset - (len(self.held) - self.at) if self.segment == end[0] else READ_BYTES
            data = self.file.read(min(room, READ_BYTES)) if self.file is not None and room > 0 else b""
            if data:
                self.held = self.held[self.at :] + data
                self.at = 0
            elif self.segment == end[0]:
                return None
            else:
                self._leave()
        return None

    def close(self) -> None:
        """Leave the file."""
        if self.file is not None:
            self.file.close()
            self.file = None

    def _open(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # deleted by hand, or never begun: the next one then
            self.file = self.log.open(self.segment)
            self.offset = max(self.offset, len(MAGIC))
            self.file.seek(self.offset)

    def _leave(self) -> None:
        self.close()
        self.segment, self.offset = self.segment + 1, 0
        self.held, self.at = bytearray(), 0


def _said(code: int, arrival: int, source: str, sender: str, data: bytes) -> Received | Control:
    if code == CODES["control"]:
        return msgspec.json.decode(data, type=Control)
    return Received(data, None if arrival == T_MISSING else arrival, source, sender, KINDS[code])  # type: ignore[arg-type]


def _silent(_sentence: str) -> None:
    """A segment of a killed run ends where it ends."""
