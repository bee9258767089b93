"""Decode: bytes of one source in, one batch of columns out. The public face of the decoding kernel.

May live here: the state of a source's decoder, its counters as words, the way from kernel tables to a Batch.
May not: sockets, files, clocks (the arrival time is an argument), bit layouts (kernel), judgement of lateness.

A pure function over columns: however the bytes are cut, and wherever the state is packed and unpacked between two calls,
rows and counters come out the same. Rows stand in arrival order. Not thread-safe: one state per source, one caller.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from dogwatch.batch import (
    FIX_DTYPE,
    OTHER_DTYPE,
    STATIC_DTYPE,
    T_MISSING,
    Batch,
    Counts,
    SafetyReport,
    empty_batch,
    join_rows,
)
from ingest import kernel as k
from ingest.reports import SAFETY_DTYPE, safety_reports

MODES = ("drop", "flag", "absent")
TAG_MODES = ("keep", "strict")
PIECE = k.INPUT_MAX - k.LINE_MAX  # bytes per turn of the kernel; what is unfinished before them is at most a line
MISSING_CELLS = (k.C_TAG_T, k.C_PGHP_T, k.C_OWN_T, k.C_OWN_CANDIDATE, k.C_FOREIGN_CANDIDATE, k.C_LAST_STAMP, k.C_BASE_T)
FIX_BYTES, BYTE = FIX_DTYPE.itemsize, np.dtype(np.uint8)
INPUT, ROWS_MAX, ROWS_MARGIN, DONE_ALL = k.INPUT, k.ROWS_MAX, k.ROWS_MARGIN, k.DONE_ALL
LINE_MIN = 32  # bytes of the shortest sentence that makes a fix, and some to spare
NO_STATICS, NO_OTHERS = np.empty(0, STATIC_DTYPE), np.empty(0, OTHER_DTYPE)
NONE_CELLS = (k.C_TAG_GROUP, k.C_PGHP_SUM)
KIND_NAMES = {k.K_COMMENT: "comment", k.K_TEXT: "text", k.K_BINARY: "binary", k.K_JSON: "json", 0: "more"}


class DecodeState:
    """Everything the decoder of one source remembers between two calls.

    checksum: what to do with a wrong or missing checksum. "drop" (default) rejects both; "flag" decodes wrong ones with
    F_CK_BAD, for forensic work; "absent" accepts sentences without one. tags: "keep" (default) uses a tag block whose
    checksum is wrong; "strict" does not, neither its time nor station nor group. exercise: the whole source is simulated; it is
    so too from the first line on that names a station `EX-...`, whatever damaged it, and for good.
    keep_all: every message comes in `others` too, with its sentence, not only those that have no columns; slower.
    """

    def __init__(
        self,
        source: str,
        *,
        checksum: Literal["drop", "flag", "absent"] = "drop",
        tags: Literal["keep", "strict"] = "keep",
        exercise: bool = False,
        keep_all: bool = False,
    ) -> None:
        self.source = source
        self._m = np.zeros(k.M_SIZE, np.int64)
        self._buf = np.zeros(k.BUF_SIZE, np.uint8)
        self._window = self._buf.data  # the same bytes: filled from here in a tenth of the time that NumPy takes for a few
        self._tail = b""
        self._scan = k.scan.load()
        self._m[list(MISSING_CELLS)] = T_MISSING
        self._m[list(NONE_CELLS)] = -1
        self._m[k.C_EXERCISE], self._m[k.C_KEEP_ALL] = exercise, keep_all
        self.use(checksum, tags)
        self._m[k.C_STATIONS] = 1  # station 0 is the source itself
        self._m[k.SLOTS : k.SLOTS + k.STATION_SLOTS] = -1
        self.receivers: list[str] = [source]
        self._names: tuple[str, ...] = (source,)

    def use(self, checksum: Literal["drop", "flag", "absent"], tags: Literal["keep", "strict"]) -> None:
        """From the next line on, treat wrong checksums of sentences and of tag blocks like this."""
        self._m[k.C_MODE], self._m[k.C_STRICT_TAGS] = MODES.index(checksum), TAG_MODES.index(tags)

    def mark(self) -> None:
        """From the next line on this is an exercise. Nothing takes that back."""
        self._m[k.C_EXERCISE] = 1

    @property
    def exercise(self) -> bool:
        """Whether what comes now is marked as simulated."""
        return bool(self._m[k.C_EXERCISE])

    @property
    def counts(self) -> Counts:
        """Line accounting since the state began."""
        m = self._m
        counts = Counts(lines=int(m[k.C_LINES]), glued=int(m[k.C_GLUED]), blank=int(m[k.C_BLANK]), tag_only=int(m[k.C_TAG_ONLY]))
        counts.parts, counts.open = int(m[k.C_PARTS]), int(m[k.C_OPEN])
        counts.decoded = {str(kind): n for kind, n in _told(m[k.C_DECODED : k.C_DECODED + 64])}
        counts.rejected = {k.REASONS[i]: n for i, n in _told(m[k.C_REJECTED : k.C_REJECTED + len(k.REASONS)])}
        counts.notes = {k.NOTES[i]: n for i, n in _told(m[k.C_NOTED : k.C_NOTED + len(k.NOTES)])}
        kinds = m[k.KINDS : k.KINDS + 2 * k.KINDS_MAX].reshape(-1, 2)
        counts.other = dict(sorted((_kind_name(int(kinds[i, 0])), n) for i, n in _told(kinds[:, 1])))
        return counts

    @property
    def samples(self) -> dict[str, bytes]:
        """The first line that was rejected for each reason, cut to 128 bytes."""
        table = self._table(k.SAMPLES, len(k.REASONS), k.SAMPLE_MAX)
        return {name: table[i].tobytes().rstrip(b"\0") for i, name in enumerate(k.REASONS) if self._m[k.C_REJECTED + i]}

    @property
    def awaits_sentence(self) -> bool:
        """Whether a lone tag block or $PGHP has been read and waits for the sentence it is about."""
        m = self._m
        return bool(m[k.C_TAG_T] != T_MISSING or m[k.C_TAG_STATION] or m[k.C_TAG_GROUP] != -1 or m[k.C_PGHP_T] != T_MISSING or m[k.C_PGHP_SUM] != -1)

    @property
    def own_clock_ms(self) -> int:
        """The own ship's clock as its last RMC or ZDA told it, UTC, or T_MISSING."""
        return int(self._m[k.C_OWN_T])

    def relink(self) -> None:
        """The connection was lost and is back: open fragments are rejected, the unfinished line and the rest of the first one are no lines."""
        m = self._m
        m[k.C_REJECTED + k.R_LINK] += m[k.C_OPEN]
        m[k.C_OPEN] = m[k.C_OPEN_MESSAGES] = m[k.C_SKIP] = m[k.C_AFTER_CR] = 0
        m[k.C_SEEK] = 1
        m[k.C_TAG_T], m[k.C_TAG_STATION], m[k.C_TAG_GROUP], m[k.C_TAG_BAD] = T_MISSING, 0, -1, 0
        m[k.C_PGHP_T], m[k.C_PGHP_STATION], m[k.C_PGHP_SUM], m[k.C_PGHP_LATE] = T_MISSING, 0, -1, 0
        self._tail = b""

    def to_sections(self) -> dict[str, Any]:
        """Named sections for `dogwatch.blob.pack`; equal states give equal bytes."""
        m = self._m
        n_open, n_stations = int(m[k.C_OPEN_MESSAGES]), int(m[k.C_STATIONS])
        parts = m[k.PARTS : k.PARTS + k.N_PART * n_open].reshape(-1, k.N_PART).copy()
        payloads = self._table(k.PAYLOADS, n_open, k.PAYLOAD_PITCH).copy()
        payloads[np.arange(k.PAYLOAD_PITCH) >= parts[:, k.P_LENGTH, None]] = 0
        return {
            "source": self.source,
            "cells": m[: k.N_CELLS].copy(),
            "kinds": m[k.KINDS : k.KINDS + 2 * k.KINDS_MAX].copy(),
            "parts": parts,
            "payloads": payloads,
            "stations": m[k.STATIONS : k.STATIONS + 3 * n_stations].reshape(-1, 3).copy(),
            "names": self._table(k.NAMES, n_stations, k.NAME_MAX).copy(),
            "samples": self._table(k.SAMPLES, len(k.REASONS), k.SAMPLE_MAX).copy(),
            "tail": self._tail,
        }

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> DecodeState:
        """The state that `to_sections` described."""
        state = cls(sections["source"])
        m = state._m
        m[: k.N_CELLS] = sections["cells"]
        m[k.KINDS : k.KINDS + 2 * k.KINDS_MAX] = sections["kinds"]
        m[k.PARTS : k.PARTS + sections["parts"].size] = sections["parts"].ravel()
        m[k.STATIONS : k.STATIONS + sections["stations"].size] = sections["stations"].ravel()
        for base, name in ((k.PAYLOADS, "payloads"), (k.NAMES, "names"), (k.SAMPLES, "samples")):
            state._buf[base : base + sections[name].size] = sections[name].ravel()
        for index in range(1, len(sections["stations"])):
            slot = int(sections["stations"][index, 0]) & (k.STATION_SLOTS - 1)
            while m[k.SLOTS + slot] >= 0:
                slot = (slot + 1) & (k.STATION_SLOTS - 1)
            m[k.SLOTS + slot] = index
        state._tail = sections["tail"]
        state._name_receivers()
        return state

    def receiver_names(self) -> tuple[str, ...]:
        """`receivers`, unchangeable."""
        return self._names

    def _table(self, base: int, rows: int, width: int) -> np.ndarray:
        return self._buf[base : base + rows * width].reshape(rows, width)

    def _rows(self, base: int, n: int, dtype: np.dtype) -> np.ndarray:
        return np.ndarray((n,), dtype, self._buf[base : base + n * dtype.itemsize].copy())

    def _name_receivers(self) -> None:
        for index in range(len(self.receivers), int(self._m[k.C_STATIONS])):
            at = k.NAMES + k.NAME_MAX * index
            name = self._buf[at : at + int(self._m[k.STATIONS + 3 * index + 1])].tobytes().decode("ascii", "replace")
            self.receivers.append(f"{self.source}/{name}")
        self._names = tuple(self.receivers)


def decode(state: DecodeState, data: bytes, t_rx_ms: int | None = None, *, final: bool = False) -> Batch:
    """Take more bytes of a source and return what they complete, in arrival order.

    t_rx_ms: when these bytes arrived (live); None in a replay, where time comes from the bytes alone.
    final: the input has ended; a last line without its end is a line.
    """
    arrival = T_MISSING if t_rx_ms is None else t_rx_ms
    if len(data) <= PIECE:
        batch, more = _turn(state, data, arrival)
        if not (more or final):
            return batch
        pieces = [batch, *more]
    else:
        pieces = [batch for start in range(0, len(data), PIECE) for batch in _turns(state, data[start : start + PIECE], arrival)]
    if final and state._tail:
        pieces += _turns(state, b"\n", arrival)
        state._m[k.C_AFTER_CR] = 0
    return joined(pieces, state.receiver_names())


def _turns(state: DecodeState, data: bytes, arrival: int) -> list[Batch]:
    batch, more = _turn(state, data, arrival)
    return [batch, *more]


def _turn(state: DecodeState, data: bytes, arrival: int) -> tuple[Batch, list[Batch]]:
    """One filling of the kernel's input, as many calls as its output tables need: the first batch, and the others. For one sentence every step here counts."""
    window, at = state._window, INPUT
    end = INPUT + len(data)
    if state._tail:
        middle = INPUT + len(state._tail)
        window[INPUT:middle] = state._tail
        end += middle - INPUT
        window[middle:end] = data
    else:
        window[INPUT:end] = data
    more: list[Batch] = []
    first = None
    while True:
        room = (end - at) // LINE_MIN
        room = (ROWS_MAX if room > ROWS_MAX else room) + ROWS_MARGIN
        fixes = np.empty(room * FIX_BYTES, BYTE)
        at, n_fixes, n_more, stop, stations, unaccounted = state._scan(state._m, state._buf, at, end, arrival, fixes)
        assert unaccounted == 0, f"{state.source}: {unaccounted} lines unaccounted for"
        if stations != len(state._names):
            state._name_receivers()
        # NumPy's usual ways to records (`empty`, `view`) look at every field of the type first: three times the price of all else here
        batch = Batch(np.ndarray((n_fixes,), FIX_DTYPE, fixes), NO_STATICS, NO_OTHERS, b"", [], [], state._names)
        if n_more:
            _harvest(state, batch)
        if first is None:
            first = batch
        else:
            more.append(batch)
        if stop == DONE_ALL:
            state._tail = bytes(window[at:end]) if at < end else b""
            return first, more


def _harvest(state: DecodeState, batch: Batch) -> None:
    """Add what stands in the kernel's other output tables."""
    statics, others, safety, n_raw = state._m[k.G_STATICS : k.G_RAW + 1].tolist()
    if statics:
        batch.statics = state._rows(k.STATIC_ROWS, statics, STATIC_DTYPE)
    if others:
        batch.others = state._rows(k.OTHER_ROWS, others, OTHER_DTYPE)
        batch.raw = bytes(state._window[k.RAW : k.RAW + n_raw])
    if safety:
        batch.safety = safety_reports(state._rows(k.SAFETY_ROWS, safety, SAFETY_DTYPE), state.receivers)


def joined(pieces: list[Batch], receivers: tuple[str, ...]) -> Batch:
    """Batches, in order, as one; all number their receivers as `receivers` does."""
    if not pieces:
        return empty_batch(receivers)
    if len(pieces) == 1:
        pieces[0].receivers = receivers
        return pieces[0]
    offset = 0
    safety: list[SafetyReport] = []
    for piece in pieces:
        piece.others["start"] += np.uint32(offset)
        offset += len(piece.raw)
        safety += piece.safety
    fixes, statics = join_rows([p.fixes for p in pieces], FIX_DTYPE), join_rows([p.statics for p in pieces], STATIC_DTYPE)
    others = join_rows([p.others for p in pieces], OTHER_DTYPE)
    return Batch(fixes, statics, others, b"".join(p.raw for p in pieces), safety, [], receivers)


def _told(counters: np.ndarray) -> list[tuple[int, int]]:
    """Number and value of each counter that is not zero: few of many are not."""
    at = np.flatnonzero(counters)
    return list(zip(at.tolist(), counters[at].tolist(), strict=True))


def _kind_name(code: int) -> str:
    """'$RMC' or 'comment' of a packed kind code; a bare '$' or '!' is an address we could not read."""
    return KIND_NAMES[code] if code in KIND_NAMES else code.to_bytes((code.bit_length() + 7) // 8, "big").decode("ascii")
