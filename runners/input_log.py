"""The input log of a live run: everything that its engine was told since the newest snapshot, on disk before it is worked on.

May live here: segments, their records, reading them back. May not: the engine, snapshots, what is done about a full disk.

A segment begins with each snapshot, which names it; once the snapshot is on disk, older segments are deleted. After a crash the
run restores the snapshot and takes the segments from there on once more: steps are deterministic, so it is then where it was.
Records are those of a capture (ingest/capture), not packed: a piece is given to the system before the engine sees it, which a
killed process survives, and is forced to disk at least every FLUSH_S seconds, which a power cut survives. A last record
that a crash cut in half was never worked on.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from dogwatch.batch import T_MISSING, Control
from dogwatch.errors import SurroundingsError
from ingest.capture import CODES, KINDS, MAGIC, read_records, record
from ingest.source import Received
from ingest.source_file import open_input, read_pieces

FLUSH_S = 1.0
NAME = re.compile(r"input-(\d{8})\.log")


class InputLog:
    """Segments in one folder. Not thread-safe: one caller. `segment` is the number of the one that is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.segment = max(self._numbers(), default=0)
        self.file: BinaryIO | None = None
        self.forced_s = 0.0

    def begin(self) -> int:
        """Begin the next segment, which a snapshot that is now taken must name. Raises SurroundingsError."""
        self.close()
        self.segment += 1
        try:
            self.file = self._path(self.segment).open("wb", buffering=0)
        except OSError as fault:
            raise self._fault(fault) from fault
        self._write(MAGIC)
        return self.segment

    def forget(self, before: int) -> None:
        """Delete the segments that a snapshot has made needless."""
        for number in self._numbers():
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
        for number in self._numbers():
            if number < first:
                continue
            path = self._path(number)
            if path.stat().st_size < len(MAGIC):  # cut before anything was in it
                continue
            for code, arrival, source, sender, data in read_records(read_pieces(open_input(path), b"", path.name, _silent), path, []):
                if code == CODES["control"]:
                    yield msgspec.json.decode(data, type=Control)
                else:
                    yield Received(data, None if arrival == T_MISSING else arrival, source, sender, KINDS[code])  # type: ignore[arg-type]

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
            raise self._fault(fault) from fault

    def _fault(self, fault: OSError) -> SurroundingsError:
        return SurroundingsError(f"cannot write to {self.folder}: {fault.strerror}", remedy="free disk space and start again; what was accepted is kept")

    def _path(self, number: int) -> Path:
        return self.folder / f"input-{number:08d}.log"

    def _numbers(self) -> list[int]:
        return sorted(int(found.group(1)) for path in self.folder.iterdir() if (found := NAME.fullmatch(path.name))) if self.folder.is_dir() else []


def _silent(_sentence: str) -> None:
    """A segment of a killed run ends where it ends."""
