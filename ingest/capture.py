"""A capture: everything that sources said, byte for byte with its arrival, on disk; and back again.

May live here: the record format, writing it so that a crash costs little and is seen, reading it. May not: sockets, decoding,
what is done about a full disk (runners/).

Theory of operation. What a live run decides depends on nothing but the sequence of `Received` that it took and on the
settings of its sources; so the capture is that sequence, in one order for all sources, and its header carries those settings.
A file is one Zstandard frame (or its plain content: both are read) of

    "dogwatch-capture 1\n"  record*          record = length u32, CRC-32 u32, body          (little-endian)
    body = kind u8, arrival i64, length of source u16, length of sender u16, source, sender, data

length and CRC-32 are those of the body, arrival is UTC in ms (-2^62: none, a recording was read), texts are UTF-8. The first
record is a header, whose data is JSON; a file that was ended in good order has "close" as its last one, all others end as far
as they were written. A session is one life of the writing process; its files are numbered, and a number that is missing,
like a new session, means that nobody listened between.

`take` only remembers; `settle` writes, at least every `flush_s` seconds, and forces it to disk: that much is lost at most by
a crash or a power cut. What a failed write leaves behind is cut back to what had been forced to disk, so that everything
that was ever settled can be read. Not thread-safe: one caller.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import sys
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from dogwatch import __version__
from dogwatch.batch import T_MISSING
from dogwatch.config import Source
from dogwatch.errors import InputError
from dogwatch.times import iso
from ingest.packing import Say, unpacked
from ingest.source import Clock, Kind, Received, SystemClock
from ingest.source_file import open_input, read_pieces

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = b"dogwatch-capture 1\n"
PREFIX, FIXED = struct.Struct("<II"), struct.Struct("<BqHH")
Word = Literal["header", "close", "control"]
KINDS: tuple[Kind | Word, ...] = (
    "header",
    "bytes",
    "silent",
    "back",
    "end",
    "link",
    "beat",
    "close",
    "control",  # a row of the watch itself: only in the input log of a live run (runners/input_log)
)  # never reordered: files outlive us
CODES = {kind: code for code, kind in enumerate(KINDS)}
NAME = re.compile(r"capture-(\d{6,})-\d{8}T\d{6}Z\.zst(\.part)?")
RECORD_BYTES_MAX = 1 << 24  # a hundred times the largest piece of any reader: a longer one is damage
HELD_BYTES_MAX = 65_536  # what is worth a write before its time
FLUSH_S, ROTATE_BYTES, ROTATE_S, RETRY_S = 1.0, 64 << 20, 3_600.0, 60.0
LEVEL = 6  # docs/sources.md has the measurement


class DamagedError(ValueError):
    """What stands there is no record; the words say why."""


class Loss(msgspec.Struct):
    """What a capture could not keep: pieces, their bytes, the arrival of the first (ISO text), and why."""

    pieces: int = 0
    bytes: int = 0
    since: str | None = None
    why: str = ""


class Header(msgspec.Struct):
    """What stands at the head of each file. `part` counts the files of a session from 1; `sources` are those of the configuration."""

    writer: str
    session: str
    part: int
    sources: list[dict[str, Any]]
    columns: dict[str, str] = {}
    lost: Loss | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A session begins, or goes on after a hole. sources, columns: settings under which everything that follows was received.

    name: of the session and the file, the same for nothing else.
    """

    name: str
    sources: list[Source]
    columns: dict[str, str]


@dataclass(slots=True)
class _File:
    """A file being written: how much is compressed into it and how much of that is on disk for certain."""

    path: Path
    stream: BinaryIO
    begun_s: float
    packer: zstd.ZstdCompressor = field(default_factory=lambda: zstd.ZstdCompressor(LEVEL))
    written: int = 0
    settled: int = 0


def create(path: Path) -> BinaryIO:
    """A new unbuffered file that did not exist. Raises OSError."""
    return path.open("xb", buffering=0)


class Capture:
    """The writer. `loss` is what the current outage has cost, None while all is well; `outages` counts them."""

    def __init__(
        self,
        folder: Path,
        sources: Sequence[Source],
        columns: dict[str, str] | None = None,
        *,
        clock: Clock | None = None,
        flush_s: float = FLUSH_S,
        rotate_bytes: int = ROTATE_BYTES,
        rotate_s: float = ROTATE_S,
        create: Callable[[Path], BinaryIO] = create,
    ) -> None:
        """Take the folder. Raises InputError when it cannot be written or another process captures there."""
        self.folder, self.clock, self.create = folder, clock or SystemClock(), create
        self.flush_s, self.rotate_bytes, self.rotate_s = flush_s, rotate_bytes, rotate_s
        self.sources, self.columns = [msgspec.to_builtins(source) for source in sources], dict(columns or {})
        self.loss: Loss | None = None
        self.outages = self.pieces = self.bytes = 0
        self._reported: Loss | None = None  # told by the next header
        self._held = bytearray()  # records that no write has seen yet
        self._open = Loss()  # what a fault of the disk would cost now
        self._file: _File | None = None
        self._lock = _take_folder(folder)
        self._number = max((number for number, _ in _named(folder)), default=0)
        self._begin_session()
        self._settled_s = self._retry_s = self.clock.monotonic_s()

    def take(self, received: Received) -> None:
        """Remember a piece; nothing is written before `settle`."""
        at_stake = self._open if self.loss is None else self.loss
        at_stake.since = at_stake.since or iso(received.t_rx_ms)
        at_stake.pieces += 1
        at_stake.bytes += len(received.data)
        if self.loss is None:
            self._held += record(received.kind, received.t_rx_ms, received.source, received.sender, received.data)

    def mark(self, sources: Collection[str]) -> None:
        """These sources are simulated, as it has turned out: every file that is begun from now on says so at its head."""
        for source in self.sources:
            source["exercise"] = source["exercise"] or source["id"] in sources

    def settle(self, *, now: bool = False) -> None:
        """Write what is due; `now`: all of it. A fault of the disk shows as `loss`, and is tried again with a new file each RETRY_S."""
        now_s = self.clock.monotonic_s()
        if self.loss is not None and now_s >= self._retry_s:
            self._resume()
        due = now or now_s - self._settled_s >= self.flush_s
        if self.loss is not None or not (self._open.pieces and (due or len(self._held) >= HELD_BYTES_MAX)):
            return
        try:
            self._write(force=due)
            if self._file and (self._file.written >= self.rotate_bytes or now_s - self._file.begun_s >= self.rotate_s):
                self._finish()
        except OSError as fault:
            self._fail(fault)

    def close(self) -> None:
        """Write everything and end the file in good order; `outages` tells afterwards whether anything is missing. Twice is once."""
        if self._lock.closed:
            return
        self.settle(now=True)
        if self._file:
            try:
                self._finish()
            except OSError as fault:
                self._fail(fault)
        self._lock.close()

    def report(self) -> str:
        """One sentence about how the capture is."""
        if self.loss is not None:
            return f"capture in {self.folder} stopped ({self.loss.why}): {self.loss.pieces} pieces ({self.loss.bytes} bytes) lost since {self.loss.since}"
        if self.outages:
            return f"capture in {self.folder} was interrupted {self.outages} times; its files say what is missing"
        return f"capture in {self.folder}: {self.pieces} pieces, {self.bytes} bytes"

    def _begin_session(self) -> None:
        self._session, self._part = f"{iso(self.clock.wall_ms())}-{self._number + 1}", 0

    def _resume(self) -> None:
        """Try again, as a new session: nobody kept what was said between."""
        self._reported, self.loss = self.loss, None
        self._begin_session()
        try:
            self._start_file()
        except OSError as fault:
            self.loss, self._reported = self._reported, None
            assert self.loss is not None, "it was just taken from there"
            self._abandon(fault)

    def _write(self, *, force: bool) -> None:
        """Compress what is held into the file; force: to disk, and everything taken so far is settled."""
        file = self._file or self._start_file()
        _put(file, file.packer.compress(bytes(self._held), file.packer.FLUSH_BLOCK if force else file.packer.CONTINUE))
        self._held.clear()
        if force:
            os.fsync(file.stream.fileno())
            file.settled = file.written
            self.pieces += self._open.pieces
            self.bytes += self._open.bytes
            self._open = Loss()
            self._settled_s = self.clock.monotonic_s()

    def _start_file(self) -> _File:
        self._number += 1
        self._part += 1
        stamp = (iso(self.clock.wall_ms()) or "").replace("-", "").replace(":", "")[:15]
        path = self.folder / f"capture-{self._number:06d}-{stamp}Z.zst.part"
        self._file = file = _File(path, self.create(path), self.clock.monotonic_s())
        header = Header(f"dogwatch {__version__}", self._session, self._part, self.sources, self.columns, self._reported)
        head = MAGIC + record("header", None, "", "", msgspec.json.encode(header))
        _put(file, file.packer.compress(head, file.packer.FLUSH_BLOCK))
        os.fsync(file.stream.fileno())
        _sync_folder(self.folder)
        file.settled, self._reported = file.written, None
        return file

    def _finish(self) -> None:
        """End the file in good order; the next piece begins another."""
        if self._open.pieces:
            self._write(force=True)
        file = self._file
        assert file is not None, "only a file that was begun is ended"
        _put(file, file.packer.compress(record("close", None, "", "", b""), file.packer.FLUSH_FRAME))
        os.fsync(file.stream.fileno())
        file.settled = file.written
        file.stream.close()
        self._file = None
        file.path.replace(file.path.with_suffix(""))
        _sync_folder(self.folder)

    def _fail(self, fault: OSError) -> None:
        """The disk refused: what was not settled is lost, and counted; what was settled stays readable."""
        self.outages += 1
        before, self._reported = self._reported or Loss(), None  # of an outage that no header has told yet
        self.loss = Loss(before.pieces + self._open.pieces, before.bytes + self._open.bytes, before.since or self._open.since)
        self._abandon(fault)

    def _abandon(self, fault: OSError) -> None:
        assert self.loss is not None, "an outage has begun"
        self.loss.why = fault.strerror or str(fault)
        self._held.clear()
        self._open = Loss()
        self._retry_s = self.clock.monotonic_s() + RETRY_S
        file, self._file = self._file, None
        if file is None:
            return
        with contextlib.suppress(OSError):  # a disk that is gone; the reader finds the last whole record by itself
            os.ftruncate(file.stream.fileno(), file.settled)
        with contextlib.suppress(OSError):
            file.stream.close()
        with contextlib.suppress(OSError):
            if file.settled:
                file.path.replace(file.path.with_suffix(""))
            else:
                file.path.unlink()


def record(kind: Kind | Word, t_rx_ms: int | None, source: str, sender: str, data: bytes) -> bytes:
    """The bytes of one record."""
    names = source.encode(), sender.encode(errors="surrogateescape")
    body = FIXED.pack(CODES[kind], T_MISSING if t_rx_ms is None else t_rx_ms, len(names[0]), len(names[1])) + names[0] + names[1] + data
    assert len(body) <= RECORD_BYTES_MAX, "no reader hands over so much at once"
    return PREFIX.pack(len(body), zlib.crc32(body)) + body


def capture_files(path: Path) -> list[Path]:
    """Files of a capture in the order in which they were written: those of a folder, or the one file that is named."""
    return [found for _, found in sorted(_named(path))] if path.is_dir() else [path]


def is_capture(path: Path) -> bool:
    """Whether a folder or file holds a capture, by its content. A folder counts if it has a file of our naming. Raises InputError."""
    if path.is_dir():
        return bool(capture_files(path))
    if str(path) == "-" or not path.is_file():
        return False
    head = b""
    for piece in unpacked(read_pieces(open_input(path), b"", path.name, _silent), path.name, _silent):
        head += piece
        if len(head) >= len(MAGIC):
            break
    return head.startswith(MAGIC)


def read_capture(files: Sequence[Path], *, say: Say) -> Iterator[Session | Received]:
    """What was captured, in the order in which it was taken. A `Session` comes first, and again wherever nobody listened between.

    What cannot be read is said: a file that was not ended is used up to its last whole record. Raises InputError at a file that
    cannot be opened or is no capture.
    """
    last: Header | None = None
    ended = False
    known: set[str] = set()
    for path in files:
        for item in _read_file(path, say):
            if isinstance(item, Header):
                goes_on = ended and last is not None and (last.session, last.part + 1) == (item.session, item.part)
                if item.lost:
                    say(f"{path.name}: before it {item.lost.pieces} pieces ({item.lost.bytes} bytes) were lost since {item.lost.since}: {item.lost.why}")
                elif last is not None and last.session == item.session and not goes_on:
                    say(f"{path.name}: part {item.part} follows part {last.part}; what was between is missing")
                last, ended = item, False
                session = Session(f"{item.session}/{item.part}", _settings(item, path.name, say), item.columns)
                known = {source.id for source in session.sources}
                if not goes_on:
                    yield session
            elif item is None:
                ended = True
            elif item.source in known:
                yield item
            else:
                raise InputError(f"{path} has a piece of source '{item.source}', which its header does not name", remedy="it was not written by dogwatch")


def _read_file(path: Path, say: Say) -> Iterator[Header | Received | None]:
    """Header, pieces and, at an end in good order, None."""
    troubles: list[str] = []
    whole = 0
    pieces = unpacked(read_pieces(open_input(path), b"", path.name, troubles.append), path.name, troubles.append)
    for code, arrival, source, sender, data in read_records(pieces, path, troubles):
        if code == CODES["close"]:
            yield None
            return
        if (whole == 0) != (code == CODES["header"]):
            raise InputError(f"{path} has no header, or two", remedy="it was not written by dogwatch")
        whole += 1
        if code == CODES["header"]:
            yield _header(data, path)
        elif code < len(KINDS):
            yield Received(data, None if arrival == T_MISSING else arrival, source, sender, KINDS[code])  # type: ignore[arg-type]
        else:
            say(f"{path.name}: a record of kind {code} comes from a later version and was left out")
    why = troubles[0].removeprefix(f"{path.name}: ").split(";")[0] if troubles else "it ends without its last record"
    say(f"{path.name}: {why}: cut short, or still being written; its {max(whole - 1, 0)} whole records were used")


def _header(data: bytes, path: Path) -> Header:
    try:
        return msgspec.json.decode(data, type=Header)
    except msgspec.MsgspecError as fault:
        raise InputError(f"the header of {path} cannot be read: {fault}", remedy="it was not written by dogwatch") from fault


def read_records(pieces: Iterator[bytes], path: Path, troubles: list[str]) -> Iterator[tuple[int, int, str, str, bytes]]:
    """(code of the kind, arrival, source, sender, data) of all whole records after the first line; why they end is added to `troubles`."""
    held = bytearray()
    at = -1  # the magic line is still to come
    for piece in pieces:
        held += piece
        if at < 0:
            if not MAGIC.startswith(held[: len(MAGIC)]):
                raise InputError(f"{path} is no capture of this version", remedy=f"a capture begins with '{MAGIC.decode().strip()}' when unpacked")
            if len(held) < len(MAGIC):
                continue
            at = len(MAGIC)
        try:
            while (found := record_at(held, at)) is not None:
                at, parts = found
                yield parts
        except DamagedError as fault:
            troubles.append(str(fault))
            return
        del held[:at]
        at = 0


def record_at(held: bytes | bytearray, at: int) -> tuple[int, tuple[int, int, str, str, bytes]] | None:
    """Where the record at `at` ends, and its parts (code of the kind, arrival, source, sender, data); None while it is not all there.

    Raises DamagedError.
    """
    if len(held) - at < PREFIX.size:
        return None
    length, crc = PREFIX.unpack_from(held, at)
    if not FIXED.size <= length <= RECORD_BYTES_MAX:
        raise DamagedError("a record has an impossible length")
    if len(held) - at < PREFIX.size + length:
        return None
    body = bytes(held[at + PREFIX.size : at + PREFIX.size + length])
    if zlib.crc32(body) != crc:
        raise DamagedError("a record is damaged (CRC)")
    return at + PREFIX.size + length, _parted(body)


def _parted(body: bytes) -> tuple[int, int, str, str, bytes]:
    code, arrival, n_source, n_sender = FIXED.unpack_from(body)
    sender_at = FIXED.size + n_source
    data_at = sender_at + n_sender
    return code, arrival, body[FIXED.size : sender_at].decode(errors="replace"), body[sender_at:data_at].decode(errors="surrogateescape"), body[data_at:]


def _settings(header: Header, name: str, say: Say) -> list[Source]:
    """The sources as this build knows them; a setting that it does not know is left out, and said."""
    known = set(Source.__struct_fields__)
    if unknown := sorted({key for source in header.sources for key in source} - known):
        say(f"{name}: written by {header.writer}; this build does not know {', '.join(unknown)}")
    try:
        return [msgspec.convert({key: value for key, value in source.items() if key in known}, Source) for source in header.sources]
    except msgspec.ValidationError as fault:
        raise InputError(f"the header of {name} names a source that this build does not know: {fault}", remedy="use the build that wrote it") from fault


def _put(file: _File, data: bytes) -> None:
    """All of it: an unbuffered write may take less than it was given."""
    view = memoryview(data)
    while view:
        view = view[file.stream.write(view) :]
    file.written += len(data)


def _named(folder: Path) -> list[tuple[int, Path]]:
    return [(int(found.group(1)), path) for path in folder.iterdir() if (found := NAME.fullmatch(path.name))]


def _take_folder(folder: Path) -> BinaryIO:
    """The folder's lock; files that a crash left as parts get their names. Raises InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("wb")
    except OSError as fault:
        raise InputError(f"cannot capture to {folder}: {fault.strerror or fault}", remedy="name a folder that can be written") from fault
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as fault:
        lock.close()
        raise InputError(f"another process captures to {folder}", remedy="give each its own folder") from fault
    for _, path in _named(folder):
        if path.suffix == ".part":
            path.replace(path.with_suffix(""))
    return lock


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _silent(sentence: str) -> None:
    """Nobody listens."""
