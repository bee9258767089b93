"""The reorder buffer: from rows in arrival order to one stream in canonical order. May hold: order, merging, release.

May not: judge lateness (`dogwatch.watermark` did, where the source was read), know a vessel or a detector.

Theory. A row waits until the watermark has passed its `release_ms`; then no earlier row can come, and the order in which
rows leave depends on their content alone: not on chunks, sources or receivers. Copies of one transmission (same content,
same time) leave as one row with the union of receivers. Static rows wait for the full minute: detectors decide on
minutes, and what a vessel is called must not depend on where a chunk was cut.
That we were down, and are up again, is told at the watermark and at the first row: two absences that follow each other within the lateness would
overlap, and the end of the first would end the second. So what is told of ourselves keeps the order in which it was told.
The buffer is bounded by lateness times rate; above ROWS_ALARM it counts an alarm and still drops nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numba import boolean, from_dtype, int64

from dogwatch.batch import F_CK_BAD, F_FUTURE, F_LATE, F_NO_TIME, FIX_DTYPE, STATIC_DTYPE, T_MISSING, Control, copied, join_rows, take_rows
from dogwatch.kernel import kernel
from tracks.records import PLAIN

ROWS_ALARM = 4_000_000  # rows: about an hour of the busiest national feed, 350 MB
MINUTE_MS = 60_000
# Most significant last, as lexsort wants it. Refines dogwatch.batch.canonical_order, so that no tie is left to arrival.
FIX_ORDER = (
    "flags",
    "ship_type",
    "alt_m",
    "radio",
    "sec",
    "rot",
    "receivers",
    "src",
    "t_rx_ms",
    "nav",
    "hdg",
    "cog",
    "sog",
    "lon",
    "lat",
    "msg_type",
    "mmsi",
    "t_ms",
)
_LAST = ("release_ms", "t_ms", "mmsi", "msg_type")  # of the static order; arrival (src, fixes_before, t_rx_ms) plays no part
STATIC_ORDER = (*(name for name in STATIC_DTYPE.names or () if name not in (*_LAST, "src", "fixes_before", "t_rx_ms")), *_LAST[::-1])
MMSI_BITS = 30
CHECKSUM, FUTURE, NO_TIME, EARLIEST, LATEST = range(5)  # what `_judge` tells
_FIX, _STATIC = from_dtype(FIX_DTYPE), from_dtype(STATIC_DTYPE)
COUNTED = (
    *("rows_in", "checksum", "no_time", "future", "duplicate", "reorder_alarm"),
    *("statics_in", "statics_checksum", "statics_no_time", "statics_future"),
)


@dataclass(slots=True)
class Released:
    """Rows whose time has come: fixes and statics in canonical order, control rows by (time, kind, subject)."""

    fixes: np.ndarray
    statics: np.ndarray
    control: list[Control] = field(default_factory=list)


class Chunk(NamedTuple):
    """Rows that came together, and when the first and the last of them are released: a chunk that wholly waits need not be touched."""

    rows: np.ndarray
    earliest_ms: int
    latest_ms: int


@dataclass(slots=True)
class Reorder:
    """Buffer between the sources and the detectors. Not thread-safe; push and release in any rhythm."""

    watermark_ms: int = T_MISSING
    fixes: list[Chunk] = field(default_factory=list)
    statics: list[Chunk] = field(default_factory=list)
    control: list[Control] = field(default_factory=list)
    told_ms: int = T_MISSING  # when we were last down or up
    waiting: int = 0  # fixes in the buffer
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))

    def push(self, fixes: np.ndarray, statics: np.ndarray, control: list[Control] | tuple[Control, ...] = ()) -> None:
        """Take rows stamped by SourceClock. Rows without usable time or with a bad checksum are dropped and counted."""
        if len(fixes):
            self.counts["rows_in"] += len(fixes)
            self.waiting += self._put(self.fixes, fixes, "")
        if len(statics):
            self.counts["statics_in"] += len(statics)
            self._put(self.statics, statics, "statics_")
        self.control.extend(self._in_turn(row) for row in control)
        if self.waiting > ROWS_ALARM:
            self.counts["reorder_alarm"] += 1

    def release(self, watermark_ms: int) -> Released:
        """Every row with release_ms below the watermark (statics: below its full minute), once."""
        self.watermark_ms = max(self.watermark_ms, watermark_ms)
        fixes, statics = np.empty(0, FIX_DTYPE), np.empty(0, STATIC_DTYPE)
        if any(chunk.earliest_ms < self.watermark_ms for chunk in self.fixes):
            fixes, self.fixes = _split(self.fixes, FIX_DTYPE, self.watermark_ms)
            self.waiting -= len(fixes)
            fixes = self._merged(take_rows(fixes, order_of_fixes(fixes)))
        minute_ms = self.watermark_ms // MINUTE_MS * MINUTE_MS
        if self.statics and minute_ms > T_MISSING:
            statics, self.statics = _split(self.statics, STATIC_DTYPE, minute_ms)
            statics = take_rows(statics, order_of_statics(statics))
        return Released(fixes, statics, self._released_control())

    @property
    def buffered(self) -> tuple[int, int]:
        """Rows waiting: (fixes, statics)."""
        return self.waiting, sum(len(chunk.rows) for chunk in self.statics)

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`; the buffer in canonical order, so that equal states are equal bytes."""
        fixes = np.concatenate([np.empty(0, FIX_DTYPE), *(chunk.rows for chunk in self.fixes)])
        statics = np.concatenate([np.empty(0, STATIC_DTYPE), *(chunk.rows for chunk in self.statics)])
        control = sorted((c.t_ms, c.kind, c.subject) for c in self.control)
        return {
            "watermark_ms": self.watermark_ms,
            "fixes": fixes[order_of_fixes(fixes)],
            "statics": statics[order_of_statics(statics)],
            "control": [list(c) for c in control],
            "told_ms": self.told_ms,
            "counts": dict(sorted(self.counts.items())),
        }

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> Reorder:
        """The buffer that `to_sections` described."""
        buffer = cls(watermark_ms=sections["watermark_ms"], told_ms=sections["told_ms"], counts=dict(sections["counts"]))
        buffer.fixes, buffer.statics = (_chunks(sections[name].copy()) for name in ("fixes", "statics"))
        buffer.waiting = len(sections["fixes"])
        buffer.control = [Control(*c) for c in sections["control"]]
        return buffer

    def _in_turn(self, row: Control) -> Control:
        """The row; of ourselves not before what was told last (at one time, "down" comes before "up")."""
        if not row.kind.startswith("system_"):
            return row
        if self.told_ms != T_MISSING and (earliest_ms := self.told_ms + (row.kind == "system_down")) > row.t_ms:
            row = Control(earliest_ms, row.kind, row.subject)
        self.told_ms = row.t_ms
        return row

    def _put(self, chunks: list[Chunk], rows: np.ndarray, prefix: str) -> int:
        """Let usable rows wait; returns how many. Old rows of a source that had left the watermark and came back are late."""
        rows, kept, told = copied(rows), np.empty(len(rows), np.bool_), np.empty(LATEST + 1, np.int64)
        usable = _judge(rows, self.watermark_ms, kept, told)
        for name, which in (("checksum", CHECKSUM), ("future", FUTURE), ("no_time", NO_TIME)):
            self.counts[prefix + name] += int(told[which])
        if usable:
            chunks.append(Chunk(rows if usable == len(rows) else take_rows(rows, kept), int(told[EARLIEST]), int(told[LATEST])))
        return int(usable)

    def _merged(self, fixes: np.ndarray) -> np.ndarray:
        if len(fixes) < 2:
            return fixes
        first = np.empty(len(fixes), np.bool_)
        n = int(_fold_copies(fixes, first))
        self.counts["duplicate"] += len(fixes) - n
        return fixes if n == len(fixes) else take_rows(fixes, first)

    def _released_control(self) -> list[Control]:
        if not self.control:
            return []
        self.control.sort(key=lambda c: (c.t_ms, c.kind, c.subject))
        ready = [c for c in self.control if c.t_ms < self.watermark_ms]
        self.control = [c for c in self.control if c.t_ms >= self.watermark_ms]
        return ready


def order_of_fixes(fixes: np.ndarray) -> np.ndarray:
    """int64[n] indices of the canonical order (release, time, vessel, content).

    One integer sort does most of the work; only rows that share a release time with a copy or a late row are sorted by
    every column.
    """
    if len(fixes) < 2:
        return np.arange(len(fixes))
    release, number_bits = fixes["release_ms"] - fixes["release_ms"].min(), len(fixes).bit_length()
    widest = int(release.max())
    if widest >= 1 << (63 - MMSI_BITS):
        return np.lexsort([fixes[name] for name in (*FIX_ORDER, "release_ms")])
    key = (release << MMSI_BITS) | fixes["mmsi"].astype(np.int64)
    if widest < 1 << (63 - MMSI_BITS - number_bits):  # a minute of any feed: the number of the row is sorted along, which is quicker than to sort numbers
        key = (key << number_bits) | np.arange(len(fixes))
        key.sort()
        order, key = key & ((1 << number_bits) - 1), key >> number_bits
    else:
        order = np.argsort(key)
        key = key[order]
    tie = np.zeros(len(order), bool)
    tie[1:] = key[1:] == key[:-1]
    tie[:-1] |= tie[1:]
    late = fixes["t_ms"] != fixes["release_ms"]
    if late.any():  # event time comes before the vessel: all that is released with a late row is sorted anew
        tie |= np.isin(key >> MMSI_BITS, np.unique(release[late]))
    if not tie.any():
        return order
    messy = np.flatnonzero(tie)
    rows = take_rows(fixes, order[messy])
    order[messy] = order[messy][np.lexsort([rows[name] for name in (*FIX_ORDER, "release_ms")])]
    return order


def order_of_statics(statics: np.ndarray) -> np.ndarray:
    """int64[n] indices of the canonical order of static rows; only rows of one time, vessel and type are sorted by every column (texts cost most)."""
    order = np.lexsort([statics[name] for name in _LAST[::-1]])
    tie = np.zeros(len(order), bool)
    tie[1:] = np.logical_and.reduce([np.diff(statics[name][order].astype(np.int64)) == 0 for name in _LAST])
    tie[:-1] |= tie[1:]
    messy = np.flatnonzero(tie)
    if len(messy):
        rows = take_rows(statics, order[messy])
        order[messy] = order[messy][np.lexsort([rows[name] for name in STATIC_ORDER])]
    return order


def _chunks(rows: np.ndarray) -> list[Chunk]:
    return [Chunk(rows, int(rows["release_ms"].min()), int(rows["release_ms"].max()))] if len(rows) else []


def _split(chunks: list[Chunk], dtype: np.dtype, watermark_ms: int) -> tuple[np.ndarray, list[Chunk]]:
    """(rows released before the watermark, chunks that still wait), both in the order in which they came."""
    ready, rest = [], []
    for chunk in chunks:
        if chunk.latest_ms < watermark_ms:
            ready.append(chunk.rows)
        elif chunk.earliest_ms >= watermark_ms:
            rest.append(chunk)
        else:
            over = chunk.rows["release_ms"] < watermark_ms
            ready.append(take_rows(chunk.rows, over))
            rest += _chunks(take_rows(chunk.rows, ~over))
    return join_rows(ready, dtype), rest


# Flat: a row after the other, each time rows arrive.
@kernel(int64(_FIX[::1], int64, boolean[::1], int64[::1]), int64(_STATIC[::1], int64, boolean[::1], int64[::1]), **PLAIN)
def _judge(rows, watermark_ms, kept, told):
    """Write which rows are usable, and what is told of them; those before the watermark become late. Returns how many are usable."""
    told[CHECKSUM] = told[FUTURE] = told[NO_TIME] = n = 0
    told[EARLIEST], told[LATEST] = -T_MISSING, T_MISSING
    for i in range(rows.shape[0]):
        row = rows[i]
        flags = np.int64(row["flags"])
        kept[i] = False
        if flags & F_CK_BAD:
            told[CHECKSUM] += 1
        elif flags & F_FUTURE:
            told[FUTURE] += 1
        elif flags & F_NO_TIME or row["t_ms"] == T_MISSING or row["release_ms"] == T_MISSING:
            told[NO_TIME] += 1
        else:
            if row["release_ms"] < watermark_ms:
                row["flags"] = np.uint32(flags | F_LATE)
                row["release_ms"] = watermark_ms
            told[EARLIEST], told[LATEST] = min(told[EARLIEST], row["release_ms"]), max(told[LATEST], row["release_ms"])
            kept[i] = True
            n += 1
    return n


# Flat: a row after the other, each minute.
@kernel(int64(_FIX[::1], boolean[::1]), **PLAIN)
def _fold_copies(fixes, first):
    """Write which rows in canonical order are no copies (same content, same time) of the row before, and give these what their copies add; returns how many."""
    n, at = 0, 0
    for i in range(fixes.shape[0]):
        a, b = fixes[i], fixes[at]
        copy = i > 0 and a["release_ms"] == b["release_ms"] and a["t_ms"] == b["t_ms"] and a["mmsi"] == b["mmsi"] and a["msg_type"] == b["msg_type"]
        copy = copy and a["lat"] == b["lat"] and a["lon"] == b["lon"] and a["sog"] == b["sog"] and a["cog"] == b["cog"]
        copy = copy and a["hdg"] == b["hdg"] and a["nav"] == b["nav"]
        first[i] = not copy
        if copy:
            b["receivers"] |= a["receivers"]
            b["flags"] |= a["flags"]
            b["ship_type"] = max(a["ship_type"], b["ship_type"])
        else:
            at = i
            n += 1
    return n
