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
    F_EXERCISE,
    FIX_DTYPE,
    OTHER_DTYPE,
    STATIC_DTYPE,
    T_MISSING,
    Batch,
    Counts,
    SafetyReport,
    empty_batch,
)
from ingest import kernel as k
from ingest.reports import safety_report

MODES = ("drop", "flag", "absent")
TAG_MODES = ("keep", "strict")
PIECE = k.INPUT_MAX - k.LINE_MAX  # bytes per turn of the kernel; what is unfinished before them is at most a line
MISSING_CELLS = (k.C_TAG_T, k.C_PGHP_T, k.C_OWN_T, k.C_OWN_CANDIDATE, k.C_FOREIGN_CANDIDATE, k.C_LAST_STAMP, k.C_BASE_T)
NONE_CELLS = (k.C_TAG_GROUP, k.C_PGHP_SUM)
KIND_NAMES = {k.K_COMMENT: "comment", k.K_TEXT: "text", k.K_BINARY: "binary", k.K_JSON: "json", 0: "more"}


class DecodeState:
    """Everything the decoder of one source remembers between two calls.

    checksum: what to do with a wrong or missing checksum. "drop" (default) rejects both; "flag" decodes wrong ones with
    F_CK_BAD, for forensic work; "absent" accepts sentences without one. tags: "keep" (default) uses a tag block whose
    checksum is wrong; "strict" does not, neither its time nor station nor group. exercise: the whole source is simulated.
    """

    def __init__(
        self, source: str, *, checksum: Literal["drop", "flag", "absent"] = "drop", tags: Literal["keep", "strict"] = "keep", exercise: bool = False
    ) -> None:
        self.source = source
        self._m = np.zeros(k.M_SIZE, np.int64)
        self._buf = np.zeros(k.BUF_SIZE, np.uint8)
        self._fixes = np.zeros(k.ROWS_MAX, FIX_DTYPE)
        self._tail = b""
        self._yielded = 0  # fixes so far: where a static row stands among them decides which watermark judges it
        self._m[list(MISSING_CELLS)] = T_MISSING
        self._m[list(NONE_CELLS)] = -1
        self._m[k.C_MODE], self._m[k.C_ALL_EXERCISE] = MODES.index(checksum), exercise
        self.use_tags(tags)
        self._m[k.C_STATIONS] = 1  # station 0 is the source itself
        self._m[k.SLOTS : k.SLOTS + k.STATION_SLOTS] = -1
        self.receivers: list[str] = [source]
        self._names: tuple[str, ...] = ()

    def use_tags(self, tags: Literal["keep", "strict"]) -> None:
        """From the next line on, treat tag blocks with a wrong checksum like this."""
        self._m[k.C_STRICT_TAGS] = TAG_MODES.index(tags)

    @property
    def counts(self) -> Counts:
        """Line accounting since the state began."""
        m = self._m
        counts = Counts(lines=int(m[k.C_LINES]), glued=int(m[k.C_GLUED]), blank=int(m[k.C_BLANK]), tag_only=int(m[k.C_TAG_ONLY]))
        counts.parts, counts.open = int(m[k.C_PARTS]), int(m[k.C_OPEN])
        counts.decoded = {str(kind): int(n) for kind, n in enumerate(m[k.C_DECODED : k.C_DECODED + 64]) if n}
        counts.rejected = {name: int(m[k.C_REJECTED + i]) for i, name in enumerate(k.REASONS) if m[k.C_REJECTED + i]}
        counts.notes = {name: int(m[k.C_NOTED + i]) for i, name in enumerate(k.NOTES) if m[k.C_NOTED + i]}
        for code, n in m[k.KINDS : k.KINDS + 2 * k.KINDS_MAX].reshape(-1, 2):
            if n:
                counts.other[_kind_name(int(code))] = int(n)
        counts.other = dict(sorted(counts.other.items()))
        return counts

    def unaccounted(self) -> int:
        """Lines that no class accounts for; 0 in a correct program. The same as `counts.balance()`, without building words."""
        m = self._m
        classes = m[k.C_BLANK] + m[k.C_TAG_ONLY] + m[k.C_PARTS] + m[k.C_OPEN]
        classes += np.add.reduce(m[: k.C_NOTED]) + np.add.reduce(m[k.KINDS + 1 : k.KINDS + 2 * k.KINDS_MAX : 2])  # decoded and rejected; other lines
        return int(m[k.C_LINES] + m[k.C_GLUED] - classes)

    @property
    def samples(self) -> dict[str, bytes]:
        """The first line that was rejected for each reason, cut to 128 bytes."""
        table = self._table(k.SAMPLES, len(k.REASONS), k.SAMPLE_MAX)
        return {name: table[i].tobytes().rstrip(b"\0") for i, name in enumerate(k.REASONS) if self._m[k.C_REJECTED + i]}

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
        payloads = self._table(k.PAYLOADS, n_open, k.JOINED_MAX).copy()
        payloads[np.arange(k.JOINED_MAX) >= parts[:, k.P_LENGTH, None]] = 0
        return {
            "source": self.source,
            "cells": m[: k.N_CELLS].copy(),
            "kinds": m[k.KINDS : k.KINDS + 2 * k.KINDS_MAX].copy(),
            "parts": parts,
            "payloads": payloads,
            "stations": m[k.STATIONS : k.STATIONS + 4 * n_stations].reshape(-1, 4).copy(),
            "names": self._table(k.NAMES, n_stations, k.NAME_MAX).copy(),
            "samples": self._table(k.SAMPLES, len(k.REASONS), k.SAMPLE_MAX).copy(),
            "tail": self._tail,
            "yielded": self._yielded,
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
        state._yielded = sections["yielded"]
        state._name_receivers()
        return state

    def receiver_names(self) -> tuple[str, ...]:
        """`receivers`, unchangeable."""
        if len(self._names) != len(self.receivers):
            self._names = tuple(self.receivers)
        return self._names

    def _table(self, base: int, rows: int, width: int) -> np.ndarray:
        return self._buf[base : base + rows * width].reshape(rows, width)

    def _name_receivers(self) -> None:
        for index in range(len(self.receivers), int(self._m[k.C_STATIONS])):
            at = k.NAMES + k.NAME_MAX * index
            name = self._buf[at : at + int(self._m[k.STATIONS + 4 * index + 1])].tobytes().decode("ascii", "replace")
            self.receivers.append(f"{self.source}/{name}")


def decode(state: DecodeState, data: bytes, t_rx_ms: int | None = None, *, final: bool = False) -> Batch:
    """Take more bytes of a source and return what they complete, in arrival order.

    t_rx_ms: when these bytes arrived (live); None in a replay, where time comes from the bytes alone.
    final: the input has ended; a last line without its end is a line.
    """
    pieces: list[Batch] = []
    for start in range(0, len(data), PIECE):
        _turn(state, data[start : start + PIECE], t_rx_ms, pieces)
    if final and state._tail:
        _turn(state, b"\n", t_rx_ms, pieces)
        state._m[k.C_AFTER_CR] = 0
    state._name_receivers()
    assert state.unaccounted() == 0, f"{state.source}: {state.unaccounted()} lines unaccounted for"
    return joined(pieces, state.receiver_names())


def _turn(state: DecodeState, data: bytes, t_rx_ms: int | None, pieces: list[Batch]) -> None:
    """One filling of the kernel's input, as many calls as its output tables need."""
    m, buf = state._m, state._buf
    middle = k.INPUT + len(state._tail)
    end = middle + len(data)
    buf[k.INPUT : middle] = np.frombuffer(state._tail, np.uint8)
    buf[middle:end] = np.frombuffer(data, np.uint8)
    m[k.G_ARRIVAL] = T_MISSING if t_rx_ms is None else t_rx_ms
    at = k.INPUT
    while True:
        m[k.G_FIXES] = m[k.G_LONG] = m[k.G_RAW] = m[k.G_STATICS] = 0
        at = k.scan(m, buf, at, end, state._fixes)
        if m[k.G_FIXES] or m[k.G_LONG] or m[k.G_STATICS]:
            state._name_receivers()
            pieces.append(_harvest(state))
        if not m[k.G_FILLED]:
            break
    state._tail = buf[at:end].tobytes()


def _harvest(state: DecodeState) -> Batch:
    """What stands in the kernel's output tables, as a batch."""
    m = state._m
    batch = empty_batch()
    if m[k.G_FIXES]:
        batch.fixes = state._fixes[: int(m[k.G_FIXES])].view(np.uint8).copy().view(FIX_DTYPE)  # as bytes: NumPy copies records field by field
    if m[k.G_STATICS]:
        batch.statics = state._buf[k.STATIC_ROWS : k.STATIC_ROWS + int(m[k.G_STATICS]) * k.S_SIZE].copy().view(STATIC_DTYPE)
        batch.statics["fixes_before"] += state._yielded
    state._yielded += len(batch.fixes)
    n = int(m[k.G_LONG])
    if n == 0:
        return batch
    rows = m[k.LONG : k.LONG + n * k.N_LONG].reshape(n, k.N_LONG)
    raw = state._buf[k.RAW : k.RAW + int(m[k.G_RAW])]
    kind, nbits, what = rows[:, k.L_KIND], rows[:, k.L_NBITS], rows[:, k.L_WHAT]
    batch.others, batch.raw = _others(rows[(what == 0) | ((what == 2) & (kind == 28))], raw)
    for index in np.flatnonzero((what > 0) | (kind == 12) | (kind == 14)).tolist():
        row = rows[index]
        fix = batch.fixes[row[k.L_FIX]] if row[k.L_WHAT] == 2 else None
        chars = raw[row[k.L_PAYLOAD] : row[k.L_PAYLOAD] + row[k.L_PAYLOAD_LENGTH]].tobytes()
        flags, place = int(row[k.L_FLAGS]), state.receivers[row[k.L_STATION]]
        batch.safety.append(safety_report(chars, int(nbits[index]), int(row[k.L_WHEN]), fix, flags, bool(what[index] == 1), place, bool(flags & F_EXERCISE)))
    return batch


def _others(rows: np.ndarray, raw: np.ndarray) -> tuple[np.ndarray, bytes]:
    """Rows of OTHER_DTYPE and their sentences: as they came, or where a message was joined from fragments, one long sentence."""
    out = np.zeros(len(rows), OTHER_DTYPE)
    length = rows[:, k.L_LENGTH]
    out["length"], out["start"] = length, np.cumsum(length) - length
    out["t_ms"], out["t_rx_ms"], out["src"] = rows[:, k.L_WHEN], rows[:, k.L_T], rows[:, k.L_STATION]
    out["msg_type"], out["mmsi"] = rows[:, k.L_KIND], rows[:, k.L_MMSI]
    if int(length.sum()) == raw.size:
        return out, raw.tobytes()
    return out, b"".join(raw[at : at + n].tobytes() for at, n in rows[:, [k.L_START, k.L_LENGTH]].tolist())  # safety signals stand between them


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
    fixes, others = np.concatenate([p.fixes for p in pieces]), np.concatenate([p.others for p in pieces])
    rows = np.concatenate([p.statics for p in pieces])
    assert fixes.dtype == FIX_DTYPE
    assert rows.dtype == STATIC_DTYPE
    return Batch(fixes, rows, others, b"".join(p.raw for p in pieces), safety, [], receivers)


def _kind_name(code: int) -> str:
    """'$RMC' or 'comment' of a packed kind code; a bare '$' or '!' is an address we could not read."""
    return KIND_NAMES[code] if code in KIND_NAMES else code.to_bytes((code.bit_length() + 7) // 8, "big").decode("ascii")
