"""The raw sentences of the last hours, as they came off the air.

May live here: keeping lines, finding those of a vessel. May not: decoding beyond whose line it is, what is set aside for an alert
(console/exhibits.py), HTTP, files.

Theory. Whole lines are appended to a block as records of a capture (ingest/capture.py); a full block is packed, with the span of time and
the vessels that the decoder found in it, so that a search opens only blocks in which the vessel spoke. Memory is bounded: the oldest
block goes. In a message the number of the sender always stands in the same bits, so in its armour four characters are fixed and two
nearly: one pattern finds all lines of a vessel without decoding any.
"""

from __future__ import annotations

import re
import threading
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from dogwatch.batch import T_MISSING, Batch
from ingest.capture import record, record_at
from ingest.source import TAIL_BYTES_MAX, Received

BLOCK_BYTES = 1 << 18
BYTES_MAX = 64 << 20  # packed: two hours and more at 500 lines a second
LINES_MAX = 400  # of one alert
LINE_CHARS_MAX = 240
TOGETHER_BYTES = 4_096  # within so many bytes the other parts of a message follow its first
TAG_TIME = re.compile(rb"c:(\d{9,13})")
PART = re.compile(rb"![A-Z]{2}VD[MO],(\d),1,(\d?),")


class Line(NamedTuple):
    """One sentence: when it was received (UTC ms; None where nothing says so), by which source, whose, and its text, made printable."""

    t_ms: int | None
    source: str
    mmsi: int
    text: str


class _Block(NamedTuple):
    data: bytes
    from_ms: int
    to_ms: int
    mmsi: np.ndarray  # uint32, sorted


class Sentences:
    """Lines of one run. Thread-safe: written by the runner, read by the server."""

    def __init__(self, *, block_bytes: int = BLOCK_BYTES, bytes_max: int = BYTES_MAX) -> None:
        self._lock = threading.Lock()
        self._block_bytes, self._bytes_max = block_bytes, bytes_max
        self._blocks: list[_Block] = []
        self._tails: dict[tuple[str, str], bytes] = {}
        self._open: list[bytes] = []
        self._length = 0
        self._spans: list[np.ndarray] = []
        self._who: list[np.ndarray] = []

    def take(self, pieces: Iterable[Received], batch: Batch) -> None:
        """Keep what sources brought, and what the decoder made of it."""
        times, who = (np.concatenate([rows[name] for rows in (batch.fixes, batch.statics)]) for name in ("t_ms", "mmsi"))
        self.keep(pieces, times[times != T_MISSING], np.unique(who))

    def keep(self, pieces: Iterable[Received], times: np.ndarray, mmsi: np.ndarray) -> None:
        """Keep what sources brought; times: of the reports in it, UTC ms, or the first and last of them; mmsi: who sent them."""
        with self._lock:
            for piece in pieces:
                self._append(piece)
            if len(times):
                self._spans.append(times)
            if len(mmsi):
                self._who.append(mmsi)
            if self._length >= self._block_bytes:
                self._close()

    def _append(self, piece: Received) -> None:
        """Its whole lines; what is cut waits for the rest, unless the connection ended."""
        key = (piece.source, piece.sender)
        if piece.kind == "link":
            self._tails.pop(key, None)
        if piece.kind not in ("bytes", "end"):
            return
        whole, cut, rest = (self._tails.pop(key, b"") + piece.data).rpartition(b"\n")
        if piece.kind == "end" or len(rest) > TAIL_BYTES_MAX:
            whole, cut, rest = whole + cut + rest, b"\n" if whole or rest else b"", b""
        if rest:
            self._tails[key] = rest
        if whole:
            self._open.append(record("bytes", piece.t_rx_ms, piece.source, piece.sender, whole + cut))
            self._length += len(self._open[-1])

    def _close(self) -> None:
        spans = np.concatenate(self._spans) if self._spans else np.zeros(0, np.int64)
        if len(spans):  # without a single row there is nobody whose lines these are
            who = np.unique(np.concatenate(self._who)).astype(np.uint32)
            self._blocks.append(_Block(zlib.compress(b"".join(self._open), 1), int(spans.min()), int(spans.max()), who))
        self._open, self._length, self._spans, self._who = [], 0, [], []
        room = self._bytes_max
        for kept, block in enumerate(reversed(self._blocks)):
            room -= len(block.data) + block.mmsi.nbytes
            if room < 0:
                self._blocks = self._blocks[len(self._blocks) - kept :]
                break

    @property
    def begins_ms(self) -> int | None:
        """How far back lines are kept, ms; None while none is."""
        with self._lock:
            return min([block.from_ms for block in self._blocks] + [int(span.min()) for span in self._spans if len(span)], default=None)

    def find(self, mmsi: list[int], from_ms: int, to_ms: int) -> list[Line]:
        """Every line of these vessels between two times, oldest first."""
        with self._lock:
            blocks = list(self._blocks)
            spans = [span for span in self._spans if len(span)]
            loose, span = b"".join(self._open), (min(int(s.min()) for s in spans), max(int(s.max()) for s in spans)) if spans else None
        wanted = np.array(mmsi, np.uint32)
        speaks = [bool(np.isin(wanted, block.mmsi).any()) for block in blocks]
        found: list[Line] = []
        for i, block in enumerate(blocks):
            near = speaks[i] or (i + 1 < len(blocks) and speaks[i + 1])  # its last part may have come with the next
            if near and block.to_ms >= from_ms and block.from_ms <= to_ms:
                found += lines_of(zlib.decompress(block.data), mmsi)
        if span is not None and span[1] >= from_ms and span[0] <= to_ms:
            found += lines_of(loose, mmsi)
        within = [line for line in found if line.t_ms is None or from_ms <= line.t_ms <= to_ms]
        return sorted(within, key=lambda line: line.t_ms or 0)

    def behind(self, mmsi: list[int], span: tuple[int, int], first_ms: int, last_ms: int, known: Iterable[Line] = ()) -> tuple[int, list[Line]]:
        """How many lines of these vessels there are within `span`, with those that were `known` before, and those to show.

        Of more than LINES_MAX those nearest to the alert's beginning and latest time (`first_ms`, `last_ms`).
        """
        lines = sorted({*known, *self.find(mmsi, *span)}, key=lambda line: (line.t_ms or 0, line.text))
        total = len(lines)
        if total > LINES_MAX:
            by_distance = sorted(lines, key=lambda line: min(abs((line.t_ms or 0) - edge) for edge in (first_ms, last_ms)))
            lines = sorted(by_distance[:LINES_MAX], key=lambda line: (line.t_ms or 0, line.text))
        return total, lines


def lines_of(records: bytes, mmsi: list[int]) -> Iterator[Line]:
    """Lines of these vessels in records of a block, further parts of a message with its first, in the order they came per sender."""
    senders: dict[tuple[str, str], list[tuple[int | None, bytes]]] = {}
    at = 0
    while (found := record_at(records, at)) is not None:
        at, (_code, arrival, source, sender, data) = found
        senders.setdefault((source, sender), []).append((None if arrival == T_MISSING else arrival, data))
    whose = {armoured: one for one in mmsi for armoured in [_middle(one)]}
    pattern = spoken_by(mmsi)
    for (source, _sender), pieces in senders.items():
        text = b"".join(data for _t, data in pieces)
        starts = np.cumsum([0, *(len(data) for _t, data in pieces)])
        for match in pattern.finditer(text):
            one = whose[match.group(1)]
            for line in _message(text, match.start()):
                received = pieces[bisect_right(starts, line.start()) - 1][0]
                yield Line(_time(line.group(), received), source, one, printable(line.group()))


def spoken_by(mmsi: list[int]) -> re.Pattern[bytes]:
    """A pattern for the first parts of messages of these vessels, up to the sender's number; its group is what `_middle` gives."""
    each = []
    for one in mmsi:
        first = b"".join(re.escape(_armour(repeat << 4 | one >> 26)) for repeat in range(4))
        last = b"".join(re.escape(_armour((one & 3) << 4 | rest)) for rest in range(16))
        each.append(b"[" + first + b"](?=" + re.escape(_middle(one)) + b"[" + last + b"])")
    middle = b"|".join(each) or b"(?!)"
    return re.compile(rb"![A-Z]{2}VD[MO],\d,1,\d?,[^,\r\n]*,.(?:" + middle + rb")(.{4})")


def _middle(mmsi: int) -> bytes:
    """The four characters of the armour that hold bits 2 to 25 of a number."""
    return b"".join(_armour(mmsi >> shift & 63) for shift in (20, 14, 8, 2))


def _armour(six: int) -> bytes:
    """A character for six bits (ITU-R M.1371, IEC 61162-1)."""
    return bytes([six + 48 if six < 40 else six + 56])


LINE = re.compile(rb"[^\r\n]+")


def _message(text: bytes, at: int) -> Iterator[re.Match[bytes]]:
    """The line in which a message begins at `at`, and the lines with its further parts."""
    start = max(text.rfind(b"\n", 0, at), text.rfind(b"\r", 0, at)) + 1
    line = LINE.match(text, start)
    part = PART.match(text, at)
    assert line is not None, "a match lies in a line"
    assert part is not None, "and is the head of a message"
    yield line
    for number in range(2, int(part.group(1)) + 1):
        head = b"VD[MO]," + part.group(1) + b"," + str(number).encode() + b"," + part.group(2) + b","
        further = re.compile(rb"[^\r\n]*![A-Z]{2}" + head + rb"[^\r\n]*").search(text, line.end(), line.end() + TOGETHER_BYTES)
        if further is None:
            return
        yield further


def _time(line: bytes, arrival: int | None) -> int | None:
    """When a line was received: as its tag block says (seconds, or milliseconds; by whoever heard it, hours ago perhaps), else as its source was read."""
    if (said := TAG_TIME.search(line)) is None:
        return arrival
    value = int(said.group(1))
    return value * 1000 if value < 10**11 else value


def printable(line: bytes) -> str:
    """A line as text: what is no printable ASCII becomes U+FFFD, and it is capped."""
    return "".join(chr(c) if 32 <= c < 127 else "\ufffd" for c in line[:LINE_CHARS_MAX])
