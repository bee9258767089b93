"""A file that grows, followed as `tail -F` does. May live here: noticing growth, rotation, truncation, replacement. May not: sentences.

What the file holds when it is opened is a recording: its times are in its bytes. What is appended later is live and stamped
on arrival, as soon as its line is whole; half a line waits. At the end of the file the reader looks again every
FOLLOW_S, at nothing but the file's size and identity, and reads only when one of them changed:

- another file under the name (rotation by rename, an editor's replacement): the old one is read to its end, then the new
  one from its beginning;
- shorter than what was read, or other bytes just before that place: truncated, read from its beginning;
- no file under the name: the old one is kept until there is a new one.
Each of them is a note and a "link": a half line that is left then joins nothing. A file that is not there yet is waited for.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

from dogwatch.errors import InputError
from ingest.packing import MAGIC_BYTES, is_packed
from ingest.source import READ_BYTES, Connection, Reader
from ingest.source_file import open_input

FOLLOW_S = 0.25
PAST_BYTES = 64  # so many bytes before our place tell whether it is still the same file


class FollowedFile(Reader):
    """Reads a file for ever; never ends by itself."""

    live = True

    def __init__(self, source: str, path: str, **common: Any) -> None:
        super().__init__(source, **common)
        self.path = Path(path)
        self.stream: BinaryIO | None = None
        self.connection: Connection | None = None
        self.place = 0
        self.past = b""
        self.old_bytes = 0  # of the first file: what was in it before we came has no arrival time

    def open(self) -> None:
        """Open the file, or its folder at least. Raises InputError."""
        if not str(self.path) or not self.path.parent.is_dir():
            raise InputError(f"source '{self.source}': there is no folder {self.path.parent}", remedy="name a file to follow")
        if self.path.exists():
            self._open()
            assert self.stream is not None, "it has just been opened"
            self.old_bytes = os.fstat(self.stream.fileno()).st_size

    def read(self) -> None:
        """Read, wait, look again; until stopping."""
        while not self.stopping:
            if self.stream is None:
                self._open_later()
            elif not self._changed() and not self._read_on():
                self.wait(FOLLOW_S)
        if self.stream is not None:
            self._close()

    def _open(self) -> None:
        stream = open_input(self.path)
        head = os.pread(stream.fileno(), MAGIC_BYTES, 0)
        if is_packed(head):
            stream.close()
            raise InputError(f"source '{self.source}': {self.path} is packed and cannot be followed", remedy="leave out 'follow', or follow a plain file")
        self.stream, self.place, self.past = stream, 0, b""

    def _open_later(self) -> None:
        try:
            self._open()
        except InputError as fault:
            self.failed(fault)
            self.wait(FOLLOW_S)

    def _read_on(self) -> bool:
        """Deliver what there is; False at the end of the file."""
        assert self.stream is not None, "only an open file is read"
        if self.connection is None:
            self.connection = Connection(self, str(self.path))
        wanted = min(READ_BYTES, self.old_bytes - self.place) if self.place < self.old_bytes else READ_BYTES
        try:
            # together with what was read last: between two reads somebody may have written over it
            seen = os.pread(self.stream.fileno(), len(self.past) + wanted, self.place - len(self.past))
        except OSError as fault:  # a network drive that went
            self.failed(fault)
            return False
        data = seen[len(self.past) :]
        if not data or not seen.startswith(self.past):
            return False
        self.live = self.place >= self.old_bytes
        self.place += len(data)
        self.past = (self.past + data)[-PAST_BYTES:]
        self.connection.take(data)
        self.live = True
        return True

    def _changed(self) -> bool:
        """Whether the name now stands for something else than what was read; then it is opened anew."""
        assert self.stream is not None, "only an open file can change"
        try:
            there = self.path.stat()
        except OSError:
            return False
        own = os.fstat(self.stream.fileno())
        if (there.st_dev, there.st_ino) != (own.st_dev, own.st_ino):
            while not self.stopping and self._read_on():  # what was still written to the old one
                pass
            self._again("another file")
        elif there.st_size < self.place or (there.st_size > self.place and not self._same_past()):
            self._again("truncated")
        else:
            return False
        return True

    def _again(self, why: str) -> None:
        self.counters.notes.append(f"{self.path}: {why}; read from its beginning")
        self.old_bytes = 0
        self._close()

    def _same_past(self) -> bool:
        assert self.stream is not None, "only an open file has a past"
        return os.pread(self.stream.fileno(), len(self.past), self.place - len(self.past)) == self.past

    def _close(self) -> None:
        assert self.stream is not None, "only an open file is closed"
        if self.connection is not None:
            self.connection.end()
        self.stream.close()
        self.stream = self.connection = None
