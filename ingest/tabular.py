"""Tables: delimited text of positions -> columns, with the same interface as the decoder of radio sentences.

May live here: the reader's state, order and accounting. May not: files (source_file), the
meaning of cells (table_rows), the finding of columns (layout), byte loops (cells).

    state = TableState("archive"); batch = decode_table(state, data); ...; batch = decode_table(state, b"", final=True)

**Order.** Published tables are often not in time order, and rows later than a source's lateness would never reach a
track. With `in_time_order=True` (a replay) rows are held until `final` and leave once, stably sorted by time; that one
sort is what makes every cut of the file give the same batch. With False they leave in the order of the file, call by call.

**Accounting.** Every line is in one class: `blank`, `other{"header", "comment"}`, `decoded{"position", "static",
"base_station", "aid_to_navigation", "other_type"}`, `rejected{reason}`; reasons are table_rows.REASONS, one sample of each is kept.

**Time.** The table's time is both event and receive time (t_src = T_SRC_PREFIX: it stands in the line); `sec` stays missing.

**Statics.** A table repeats name and size in every row; a row of statics leaves when they change for an MMSI. Its type
says the class only: 5 (A or not told) or 19 (B); `has` says what is in it. Length and width without antenna position stand
in `stern` and `starboard` with bow = port = 0, as ITU-R M.1371-5 table 52 has it for an unknown reference point.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from dogwatch import batch as b
from dogwatch.errors import InputError
from ingest.cells import LINE_BYTES_MAX
from ingest.layout import STATIC_FIELDS, Layout, find_layout
from ingest.table_rows import (
    BLANK,
    COMMENT,
    HEADER,
    KIND_OF_TYPE,
    KINDS,
    POSITION,
    REASONS,
    STATIC,
    Cells,
    distress,
    dress,
    find_cells,
    read_rows,
    read_statics,
)

PIECE_BYTES = 1 << 20  # text is read in portions of about this size: less is slow, more only takes memory
HELD_ROWS_MAX = 60_000_000  # three days of a 20,000-vessel sea: about 5 GB of rows waiting to be sorted
SAMPLE_BYTES_MAX = 160
FIRST_REASON = HEADER + 1
BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class TableState:
    """What reading a table must remember between two calls.

    columns: explicit mapping (see ingest.layout), None = automatic. exercise: all that leaves from now on is marked; set for good by
    the first row that says so. `counts`, `samples` (reason -> first such line), `receivers` and `exercise` are for the caller to
    read; everything else belongs to `decode_table`.
    """

    source: str
    columns: dict[str, str] | None = None
    exercise: bool = False
    in_time_order: bool = True
    counts: b.Counts = field(default_factory=b.Counts)
    samples: dict[str, bytes] = field(default_factory=dict)
    layout: Layout | None = None
    tail: bytes = b""
    waiting: list[bytes] = field(default_factory=list)  # small pieces, until there is a portion of text worth reading
    waiting_bytes: int = 0
    skipping: bool = False  # inside a line that is too long
    known_mmsi: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint32))  # ascending
    known_print: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint64))  # fingerprint of its last statics
    fixes_out: int = 0
    held: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)  # (rows, fingerprints), in_time_order only
    held_rows: int = 0
    contents: dict[int, np.ndarray] = field(default_factory=dict)  # fingerprint -> one row of statics, in_time_order only

    def mark(self) -> None:
        """From the next row on this is an exercise. Nothing takes that back."""
        self.exercise = True

    @property
    def receivers(self) -> tuple[str, ...]:
        """Names of the receivers that `src` counts in: the table itself."""
        return (self.source,)

    def to_sections(self) -> dict[str, Any]:
        """The state for dogwatch.blob.pack; equal states give equal bytes."""
        prints = sorted(self.contents)
        return {
            "settings": [self.source, self.columns, self.exercise, self.in_time_order],
            "counts": {name: dict(sorted(v.items())) if isinstance(v, dict) else v for name, v in asdict(self.counts).items()},
            "samples": dict(sorted(self.samples.items())),
            "layout": asdict(self.layout) if self.layout else None,
            "line": [b"".join(self.waiting), self.tail, self.skipping, self.fixes_out],
            "known_mmsi": self.known_mmsi,
            "known_print": self.known_print,
            "held_fixes": np.concatenate([f for f, _ in self.held]) if self.held else np.empty(0, b.FIX_DTYPE),
            "held_print": np.concatenate([p for _, p in self.held]) if self.held else np.empty(0, np.uint64),
            "prints": np.array(prints, np.uint64),
            "contents": np.concatenate([self.contents[p] for p in prints]) if prints else np.empty(0, b.STATIC_DTYPE),
        }

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> TableState:
        """The state that `to_sections` described."""
        state = cls(*sections["settings"])
        state.counts = b.Counts(**sections["counts"])
        state.samples = sections["samples"]
        state.layout = Layout(**sections["layout"]) if sections["layout"] else None
        waiting, state.tail, state.skipping, state.fixes_out = sections["line"]
        state.waiting, state.waiting_bytes = [waiting] if waiting else [], len(waiting)
        state.known_mmsi, state.known_print = sections["known_mmsi"], sections["known_print"]
        if len(sections["held_fixes"]):
            state.held = [(sections["held_fixes"], sections["held_print"])]
            state.held_rows = len(sections["held_fixes"])
        state.contents = {int(p): sections["contents"][i : i + 1] for i, p in enumerate(sections["prints"])}
        return state


def decode_table(state: TableState, data: bytes, t_rx_ms: int | None = None, *, final: bool = False) -> b.Batch:
    """Rows of the lines that `data` completes; with `final` also of an unterminated last line, and of everything held.

    t_rx_ms is there for the decoder's interface and not used: a table carries its own times.
    Raises InputError when the header lacks a required column or too many rows would have to be held. Not thread-safe.
    """
    if state.in_time_order and not final and state.waiting_bytes + len(data) < PIECE_BYTES:
        state.waiting.append(data)
        state.waiting_bytes += len(data)
        return b.empty_batch(state.receivers)
    data = b"".join([*state.waiting, data])
    state.waiting, state.waiting_bytes = [], 0
    starts = range(0, max(len(data), 1), PIECE_BYTES)
    found = [_decode_piece(state, data[i : i + PIECE_BYTES], final and i == starts[-1]) for i in starts]
    parts = [part for part in found if part is not None]
    if state.in_time_order:
        return _release(state) if final else b.empty_batch(state.receivers)
    if not parts:
        return b.empty_batch(state.receivers)
    return _batch(state, np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]))


def _decode_piece(state: TableState, data: bytes, final: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """(fixes, changed statics) of the lines that data completes, or None; in time order the rows are held instead."""
    text = _complete_lines(state, data, final)
    if state.layout is None:
        text = _read_header(state, text, final)
    if not text or state.layout is None:
        return None
    table = find_cells(text, state.layout)
    classes, notes, rows = read_rows(table)
    _account(state, table, classes, notes)
    kept = np.flatnonzero(classes <= STATIC)
    found, prints = rows[kept], table.prints(STATIC_FIELDS)[kept]
    if not state.in_time_order:
        changed = _changed(state, found["mmsi"], prints)
        return _leave(state, found, read_statics(table, kept[changed]), changed)
    state.held_rows += len(found)
    if state.held_rows > HELD_ROWS_MAX:
        raise InputError(f"{state.source}: more than {HELD_ROWS_MAX} rows would have to be sorted", remedy="split the table, for example by day")
    distinct, first = np.unique(prints, return_index=True)
    new = [i for i, value in enumerate(distinct) if value and int(value) not in state.contents]
    contents = read_statics(table, kept[first[new]])
    for place, i in enumerate(new):
        state.contents[int(distinct[i])] = contents[place : place + 1]
    state.held.append((found, prints))
    return None


def _account(state: TableState, table: Cells, classes: np.ndarray, notes: np.ndarray) -> None:
    """Put every line into its class, with the first sample of each reject reason."""
    counts = state.counts
    tally = np.bincount(classes, minlength=FIRST_REASON + len(REASONS))
    counts.lines += len(classes)
    counts.blank += int(tally[BLANK])
    for name, kind in (("comment", COMMENT), ("header", HEADER)):
        _add(counts.other, name, int(tally[kind]))
    for kind, name in enumerate(KINDS):
        _add(counts.decoded, name, int(tally[kind]))
    for i, reason in enumerate(REASONS):
        _add(counts.rejected, reason, int(tally[FIRST_REASON + i]))
        if tally[FIRST_REASON + i] and reason not in state.samples:
            state.samples[reason] = table.line(int(np.argmax(classes == FIRST_REASON + i)))[:SAMPLE_BYTES_MAX]
    _add(counts.notes, "value_out_of_range", int(notes.sum()))


def _complete_lines(state: TableState, data: bytes, final: bool) -> bytes:
    """The complete lines in hand, each ended by a line feed; what follows the last one stays in state.tail."""
    if state.skipping:
        end = data.find(b"\n")
        if end < 0 and not final:
            return b""
        _count_long(state)
        data = data[end + 1 :] if end >= 0 else b""
    cut = data.rfind(b"\n") + 1
    text, tail = (state.tail + data[:cut], data[cut:]) if cut else (b"", state.tail + data)
    state.tail, state.skipping = tail, False
    if final and state.tail:
        text, state.tail = text + state.tail + b"\n", b""
    if len(state.tail) > LINE_BYTES_MAX:
        state.samples.setdefault("line_too_long", state.tail[:SAMPLE_BYTES_MAX])
        state.tail, state.skipping = b"", True
    return text


def _count_long(state: TableState) -> None:
    state.counts.lines += 1
    _add(state.counts.rejected, "line_too_long", 1)


def _read_header(state: TableState, text: bytes, final: bool) -> bytes:
    """Find the layout in the first line that is neither blank nor a comment; return what follows it."""
    at = 0
    while at < len(text):
        here, at = at, text.index(b"\n", at) + 1
        line = text[here : at - 1]
        bare = (line.removeprefix(BOM) if state.counts.lines == 0 else line).removesuffix(b"\r")
        if len(line) > LINE_BYTES_MAX:
            state.samples.setdefault("line_too_long", line[:SAMPLE_BYTES_MAX])
            _count_long(state)
        elif not bare.strip():
            state.counts.lines += 1
            state.counts.blank += 1
        elif bare.startswith(b"#") and not _is_header(bare, state):
            state.counts.lines += 1
            _add(state.counts.other, "comment", 1)
        else:
            state.layout = find_layout(bare, state.columns, file=state.source)
            if not state.layout.header:
                return text[here:]
            state.counts.lines += 1
            _add(state.counts.other, "header", 1)
            return text[at:]
    if final:
        raise InputError(f"{state.source}: no header line found", remedy="give a CSV or Parquet table with columns for time, MMSI, latitude and longitude")
    return b""


def _is_header(line: bytes, state: TableState) -> bool:
    """Whether a line that begins with # is a header all the same (the Danish layout writes '# Timestamp')."""
    try:
        find_layout(line, state.columns, file=state.source)
    except InputError:
        return False
    return True


def _changed(state: TableState, mmsi: np.ndarray, prints: np.ndarray) -> np.ndarray:
    """Rows (ascending) whose statics differ from the ones last seen of that MMSI, in row order; the memory moves on."""
    rows = np.flatnonzero(prints)
    rows = rows[np.argsort(mmsi[rows], kind="stable")]
    if not len(rows):
        return rows
    m, p = mmsi[rows], prints[rows]
    first = np.concatenate([[True], m[1:] != m[:-1]])
    before = np.concatenate([p[:1], p[:-1]])
    if len(state.known_mmsi):
        at = np.minimum(np.searchsorted(state.known_mmsi, m), len(state.known_mmsi) - 1)
        known = np.where(state.known_mmsi[at] == m, state.known_print[at], np.uint64(0))
    else:
        known = np.zeros(len(m), np.uint64)
    changed = np.where(first, known, before) != p
    last = np.concatenate([first[1:], [True]])
    keep = ~np.isin(state.known_mmsi, m[last])
    merged = np.concatenate([state.known_mmsi[keep], m[last]])
    order = np.argsort(merged)
    state.known_print = np.concatenate([state.known_print[keep], p[last]])[order]
    state.known_mmsi = merged[order]
    return np.sort(rows[changed])


def _release(state: TableState) -> b.Batch:
    """Everything held, stably sorted by time, with the statics that changed in that order."""
    rows = np.concatenate([r for r, _ in state.held]) if state.held else np.empty(0, b.FIX_DTYPE)
    prints = np.concatenate([p for _, p in state.held]) if state.held else np.empty(0, np.uint64)
    state.held, state.held_rows = [], 0
    order = np.argsort(rows["t_ms"], kind="stable")
    rows, prints = rows[order], prints[order]
    changed = _changed(state, rows["mmsi"], prints)
    contents = np.concatenate([state.contents[int(p)] for p in prints[changed]]) if len(changed) else np.empty(0, b.STATIC_DTYPE)
    state.contents = {}
    return _batch(state, *_leave(state, rows, contents, changed))


def _leave(state: TableState, rows: np.ndarray, contents: np.ndarray, changed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(fixes, statics) out of rows: the statics know how many fixes left before them. Behind a row that is marked all are."""
    marked = np.logical_or.accumulate((rows["flags"] & np.uint32(b.F_EXERCISE)) > 0) | state.exercise
    rows["flags"] |= np.where(marked, b.F_EXERCISE, 0).astype(np.uint32)
    state.exercise = state.exercise or bool(marked.any())
    is_fix = KIND_OF_TYPE[rows["msg_type"]] == POSITION
    statics = dress(contents, rows[changed], state.fixes_out + (np.cumsum(is_fix) - is_fix)[changed])
    fixes = rows[is_fix]
    state.fixes_out += len(fixes)
    return fixes, statics


def _batch(state: TableState, fixes: np.ndarray, statics: np.ndarray) -> b.Batch:
    return b.Batch(fixes, statics, np.empty(0, b.OTHER_DTYPE), safety=distress(fixes, state.source, state.fixes_out - len(fixes)), receivers=state.receivers)


def _add(counts: dict[str, int], name: str, n: int) -> None:
    if n:
        counts[name] = counts.get(name, 0) + n
