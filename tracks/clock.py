"""The reorder buffer: from rows in arrival order to one stream in canonical order. May hold: order, merging, release.

May not: judge lateness (`dogwatch.watermark` did, where the source was read), know a vessel or a detector.

Theory. A row waits until the watermark has passed its `release_ms`; then no earlier row can come, and the order in which
rows leave depends on their content alone: not on chunks, sources or receivers. Copies of one transmission (same content,
same time) leave as one row with the union of receivers. Static rows wait for the full minute: detectors decide on
minutes, and what a vessel is called must not depend on where a chunk was cut.
The buffer is bounded by lateness times rate; above ROWS_ALARM it counts an alarm and still drops nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dogwatch.batch import F_CK_BAD, F_FUTURE, F_LATE, F_NO_TIME, FIX_DTYPE, STATIC_DTYPE, T_MISSING, Control, join_rows, take_rows

ROWS_ALARM = 4_000_000  # rows: about an hour of the busiest national feed, 350 MB
MINUTE_MS = 60_000
CONTENT = ("release_ms", "t_ms", "mmsi", "msg_type", "lat", "lon", "sog", "cog", "hdg", "nav")
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


@dataclass(slots=True)
class Reorder:
    """Buffer between the sources and the detectors. Not thread-safe; push and release in any rhythm."""

    watermark_ms: int = T_MISSING
    fixes: list[np.ndarray] = field(default_factory=list)
    statics: list[np.ndarray] = field(default_factory=list)
    control: list[Control] = field(default_factory=list)
    earliest_ms: int = -T_MISSING  # no fix in the buffer is released before this
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))

    def push(self, fixes: np.ndarray, statics: np.ndarray, control: list[Control] | tuple[Control, ...] = ()) -> None:
        """Take rows stamped by SourceClock. Rows without usable time or with a bad checksum are dropped and counted."""
        if len(fixes):
            self.counts["rows_in"] += len(fixes)
            fixes = self._usable(fixes, "")
            if len(fixes):
                self.fixes.append(fixes)
                self.earliest_ms = min(self.earliest_ms, int(fixes["release_ms"].min()))
        if len(statics):
            self.counts["statics_in"] += len(statics)
            statics = self._usable(statics, "statics_")
            if len(statics):
                self.statics.append(statics)
        self.control.extend(control)
        if sum(map(len, self.fixes)) > ROWS_ALARM:
            self.counts["reorder_alarm"] += 1

    def release(self, watermark_ms: int) -> Released:
        """Every row with release_ms below the watermark (statics: below its full minute), once."""
        self.watermark_ms = max(self.watermark_ms, watermark_ms)
        fixes, statics = np.empty(0, FIX_DTYPE), np.empty(0, STATIC_DTYPE)
        if self.earliest_ms < self.watermark_ms:
            fixes, rest = _split(self.fixes, FIX_DTYPE, self.watermark_ms)
            self.fixes = [rest] if len(rest) else []
            self.earliest_ms = int(rest["release_ms"].min()) if len(rest) else -T_MISSING
            fixes = self._merged(take_rows(fixes, order_of_fixes(fixes)))
        minute_ms = self.watermark_ms // MINUTE_MS * MINUTE_MS
        if self.statics and minute_ms > T_MISSING:
            statics, rest = _split(self.statics, STATIC_DTYPE, minute_ms)
            self.statics = [rest] if len(rest) else []
            statics = take_rows(statics, np.lexsort([statics[name] for name in STATIC_ORDER]))
        return Released(fixes, statics, self._released_control())

    @property
    def buffered(self) -> tuple[int, int]:
        """Rows waiting: (fixes, statics)."""
        return sum(map(len, self.fixes)), sum(map(len, self.statics))

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`; the buffer in canonical order, so that equal states are equal bytes."""
        fixes = np.concatenate([np.empty(0, FIX_DTYPE), *self.fixes])
        statics = np.concatenate([np.empty(0, STATIC_DTYPE), *self.statics])
        control = sorted((c.t_ms, c.kind, c.subject) for c in self.control)
        return {
            "watermark_ms": self.watermark_ms,
            "fixes": fixes[order_of_fixes(fixes)],
            "statics": statics[np.lexsort([statics[name] for name in STATIC_ORDER])],
            "control": [list(c) for c in control],
            "counts": dict(sorted(self.counts.items())),
        }

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> Reorder:
        """The buffer that `to_sections` described."""
        buffer = cls(watermark_ms=sections["watermark_ms"], counts=dict(sections["counts"]))
        if len(sections["fixes"]):
            buffer.fixes = [sections["fixes"].copy()]
            buffer.earliest_ms = int(sections["fixes"]["release_ms"].min())
        if len(sections["statics"]):
            buffer.statics = [sections["statics"].copy()]
        buffer.control = [Control(*c) for c in sections["control"]]
        return buffer

    def _usable(self, rows: np.ndarray, prefix: str) -> np.ndarray:
        flags = rows["flags"]
        checksum, future = (flags & F_CK_BAD) != 0, (flags & F_FUTURE) != 0
        no_time = ((flags & F_NO_TIME) != 0) | (rows["t_ms"] == T_MISSING) | (rows["release_ms"] == T_MISSING)
        self.counts[prefix + "checksum"] += int(checksum.sum())
        self.counts[prefix + "future"] += int((future & ~checksum).sum())
        self.counts[prefix + "no_time"] += int((no_time & ~future & ~checksum).sum())
        kept = take_rows(rows, ~(checksum | no_time | future))
        overdue = kept["release_ms"] < self.watermark_ms
        if overdue.any():  # a source that had left the watermark came back: its old rows are late
            kept["flags"][overdue] |= np.uint32(F_LATE)
            kept["release_ms"][overdue] = self.watermark_ms
        return kept

    def _merged(self, fixes: np.ndarray) -> np.ndarray:
        if len(fixes) < 2:
            return fixes
        same = np.ones(len(fixes), bool)
        same[0] = False
        for name in CONTENT:
            same[1:] &= fixes[name][1:] == fixes[name][:-1]
        if not same.any():
            return fixes
        starts = np.flatnonzero(~same)
        merged = take_rows(fixes, starts)
        merged["receivers"] = np.bitwise_or.reduceat(fixes["receivers"], starts)
        merged["flags"] = np.bitwise_or.reduceat(fixes["flags"], starts)
        merged["ship_type"] = np.maximum.reduceat(fixes["ship_type"], starts)
        self.counts["duplicate"] += len(fixes) - len(merged)
        return merged

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
    release = fixes["release_ms"] - fixes["release_ms"].min()
    if int(release.max()) >= 1 << (63 - MMSI_BITS):
        return np.lexsort([fixes[name] for name in (*FIX_ORDER, "release_ms")])
    key = (release << MMSI_BITS) | fixes["mmsi"].astype(np.int64)
    order = np.argsort(key)
    key, release = key[order], release[order]
    tie = np.zeros(len(order), bool)
    tie[1:] = key[1:] == key[:-1]
    tie[:-1] |= tie[1:]
    late = fixes["t_ms"][order] != fixes["release_ms"][order]
    if late.any():  # event time comes before the vessel: all that is released with a late row is sorted anew
        tie |= np.isin(release, np.unique(release[late]))
    if not tie.any():
        return order
    messy = np.flatnonzero(tie)
    rows = take_rows(fixes, order[messy])
    order[messy] = order[messy][np.lexsort([rows[name] for name in (*FIX_ORDER, "release_ms")])]
    return order


def _split(chunks: list[np.ndarray], dtype: np.dtype, watermark_ms: int) -> tuple[np.ndarray, np.ndarray]:
    rows = join_rows(chunks, dtype)
    ready = rows["release_ms"] < watermark_ms
    return take_rows(rows, ready), take_rows(rows, ~ready)
