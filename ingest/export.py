"""Export: fixes -> columns for other programs: CSV, NDJSON, Parquet. May live here: names, units, missing values, text that
is safe in a spreadsheet. May not: opening files (the caller hands a binary stream), decoding, statics.

Missing is null (empty in CSV), never a sentinel. Everything made by a simulator says `exercise`. What is written to CSV
comes back through ingest.tabular as the same position, speed, course, heading, status and turn.

CSV goes to spreadsheets: a text that begins like a formula gets an apostrophe in front (station names come from the air).
NDJSON and Parquet keep texts as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from dogwatch import batch as b
from dogwatch.errors import InputError

FORMATS = ("csv", "ndjson", "parquet")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
WORDS = {
    b.F_CK_BAD: "checksum_bad", b.F_SHORT: "short", b.F_LONG: "long", b.F_DELAYED: "delayed", b.F_TAG_BAD: "tag_bad", b.F_DIALECT: "dialect",
    b.F_RANGE: "out_of_range", b.F_NULL_ISLAND: "null_island", b.F_SOG_MAX: "speed_or_more", b.F_MMSI_BAD: "mmsi_bad", b.F_COARSE: "coarse",
    b.F_OWN_SHIP: "own_ship", b.F_CLASS_B: "class_b", b.F_EXERCISE: "exercise", b.F_NO_TIME: "no_time", b.F_LATE: "late", b.F_FUTURE: "future",
    b.F_FIX_STATE: "no_electronic_fix", b.F_STAMP_ODD: "stamp_odd",
}  # fmt: skip
SCHEMA = pa.schema(
    [
        ("t", pa.timestamp("ms", "UTC")),  # event time
        ("source", pa.string()),  # the receiver whose copy was taken
        ("type", pa.uint8()),  # message type, ITU-R M.1371-5
        ("mmsi", pa.uint32()),
        ("lat", pa.float64()),  # degrees, WGS 84, six decimals
        ("lon", pa.float64()),
        ("sog_kn", pa.float64()),
        ("cog_deg", pa.float64()),
        ("heading_deg", pa.uint16()),
        ("nav_status", pa.uint8()),
        ("rot_deg_min", pa.float64()),  # null also where the message says only "turning faster than 5 degrees in 30 s"
        ("utc_second", pa.uint8()),
        ("alt_m", pa.uint16()),
        ("ship_type", pa.uint8()),
        ("t_rx", pa.timestamp("ms", "UTC")),  # receive time
        ("receivers", pa.string()),  # all that heard it, separated by blanks
        ("exercise", pa.bool_()),
        ("flags", pa.string()),  # words, separated by blanks: docs/tables.md
    ]
)


RAW = {
    "type": ("msg_type", 256), "sog_kn": ("sog", b.SOG_AIRCRAFT_MAX + 2), "cog_deg": ("cog", b.COG_MISSING + 1), "heading_deg": ("hdg", 361),
    "nav_status": ("nav", b.NAV_MISSING + 1), "rot_deg_min": ("rot", 256), "utc_second": ("sec", b.SEC_MISSING + 1),
    "alt_m": ("alt_m", b.ALT_MISSING + 1), "ship_type": ("ship_type", 256),
}  # fmt: skip
"""Columns with few raw values: column of FIX_DTYPE and how many there are; the last one stands for all beyond it."""
Part = np.ndarray | list[bytes] | bytes  # of a row: cells of its own, or the same for all
TEXT_ROWS = 4096  # rows that are text at once: about 2 MB


class Writer(Protocol):
    """Writes fixes in chunks; `close` completes the file and leaves the stream open."""

    def write(self, fixes: np.ndarray, receivers: tuple[str, ...]) -> None:
        """Append fixes (FIX_DTYPE); `receivers[src]` names the receiver of a row."""

    def close(self) -> None:
        """Write what a format needs at its end. A file without rows still has its header."""


def open_writer(to: str, stream: BinaryIO) -> Writer:
    """A writer of format `to` (csv, ndjson, parquet) on a binary stream. Raises InputError for another format."""
    makers: dict[str, type[CsvWriter] | type[NdjsonWriter] | type[ParquetWriter]] = {"csv": CsvWriter, "ndjson": NdjsonWriter, "parquet": ParquetWriter}
    if to not in makers:
        raise InputError(f"unknown format '{to}'", remedy=f"choose one of {', '.join(FORMATS)}")
    return makers[to](stream)


def columns(fixes: np.ndarray, receivers: tuple[str, ...]) -> pa.Table:
    """Fixes (FIX_DTYPE) as a table of SCHEMA; missing is null."""
    has = b.has_position(fixes)
    rot = fixes["rot"].astype(np.int64)
    flags = fixes["flags"]
    values = {
        "t": _times(fixes["t_ms"]),
        "source": _by_value(fixes["src"], lambda src: _name(src, receivers)),
        "type": fixes["msg_type"],
        "mmsi": fixes["mmsi"],
        "lat": _degrees(fixes["lat"], has),
        "lon": _degrees(fixes["lon"], has),
        "sog_kn": _masked(fixes["sog"] / 10, (fixes["sog"] != b.SOG_MISSING) & (fixes["sog"] <= b.SOG_AIRCRAFT_MAX)),
        "cog_deg": _masked(fixes["cog"] / 10, fixes["cog"] < b.COG_MISSING),
        "heading_deg": _masked(fixes["hdg"], fixes["hdg"] < 360),
        "nav_status": _masked(fixes["nav"], fixes["nav"] < b.NAV_MISSING),
        "rot_deg_min": _masked(np.round(np.sign(rot) * (rot / 4.733) ** 2, 2), np.abs(rot) < 127),
        "utc_second": _masked(fixes["sec"], fixes["sec"] < b.SEC_MISSING),
        "alt_m": _masked(fixes["alt_m"], fixes["alt_m"] < b.ALT_MISSING),
        "ship_type": _masked(fixes["ship_type"], fixes["ship_type"] > 0),
        "t_rx": _times(fixes["t_rx_ms"]),
        "receivers": _by_value(fixes["receivers"], lambda bits: _names(bits, receivers)),
        "exercise": (flags & np.uint32(b.F_EXERCISE)) > 0,
        "flags": _by_value(flags, words),
    }
    return pa.table([pa.array(value, SCHEMA.field(name).type) if isinstance(value, np.ndarray) else value for name, value in values.items()], schema=SCHEMA)


class TextWriter:
    """Rows as text: a row is the join of its cells, and a cell is its value with all that stands around it: key, comma, line end.

    Hardly any value is written for a row. The standard has 1,024 speeds and 3,601 courses: what `columns` says of every raw
    value that there is (RAW) is written once, and looked up; times, names and flags are written once per distinct value of a
    piece. What is left are MMSI and positions. A subclass is a dialect: how values look, and what stands around them.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.tables = {name: self._cells(name, self.numbers(_every(raw, n)[name].combine_chunks())) for name, (raw, n) in RAW.items()}
        self.truths = self._cells("exercise", [b"false", b"true"])
        self.milliseconds = np.array([*(b'.%03dZ"' % ms for ms in range(1000)), b""], object)  # the last one follows a missing second

    def numbers(self, values: pa.Array) -> list[bytes]:
        """Each value as text."""
        raise NotImplementedError

    def text(self, value: str | None) -> bytes:
        """A text in its quotes, or what says that there is none."""
        raise NotImplementedError

    def around(self, name: str) -> tuple[bytes, bytes]:
        """What stands before and behind a value in the column `name`."""
        raise NotImplementedError

    def write(self, fixes: np.ndarray, receivers: tuple[str, ...]) -> None:
        """Append fixes."""
        for start in range(0, len(fixes), TEXT_ROWS):
            self.stream.write(self._rows(fixes[start : start + TEXT_ROWS], receivers))

    def close(self) -> None:
        """Nothing is held back."""

    def _rows(self, fixes: np.ndarray, receivers: tuple[str, ...]) -> bytes:
        has, exercise = b.has_position(fixes), (fixes["flags"] & np.uint32(b.F_EXERCISE)) > 0
        parts: dict[str, list[Part]] = {
            "t": self._times("t", fixes["t_ms"]),
            "source": self._by_value("source", fixes["src"], lambda src: _name(src, receivers)),
            "mmsi": self._each("mmsi", pa.array(fixes["mmsi"])),
            "lat": self._each("lat", _degrees(fixes["lat"], has)),
            "lon": self._each("lon", _degrees(fixes["lon"], has)),
            "t_rx": self._times("t_rx", fixes["t_rx_ms"]),
            "receivers": self._by_value("receivers", fixes["receivers"], lambda bits: _names(bits, receivers)),
            "exercise": [self.truths[exercise.view(np.uint8)]],
            "flags": self._by_value("flags", fixes["flags"], words),
        }
        for name, (raw, n) in RAW.items():
            values = fixes[raw].view(np.uint8) if raw == "rot" else fixes[raw]
            parts[name] = [self.tables[name][np.minimum(values, n - 1)]]
        ordered = [part for name in SCHEMA.names for part in parts[name]]
        cells = np.empty((len(fixes), len(ordered)), object)
        for column, part in enumerate(ordered):
            cells[:, column] = part
        return b"".join(cells.ravel().tolist())

    def _times(self, name: str, t_ms: np.ndarray) -> list[Part]:
        """Cells up to the second, and the rest of them."""
        known = t_ms != b.T_MISSING
        second, which = _distinct(np.where(known, t_ms // 1000, b.T_MISSING))
        before, _ = self.around(name)
        texts = np.datetime_as_string(np.where(second == b.T_MISSING, 0, second).astype("M8[s]")).tolist()
        cells = [before + (self.text(None) if s == b.T_MISSING else b'"' + text.encode()) for s, text in zip(second.tolist(), texts)]
        return [np.array(cells, object)[which], self.milliseconds[np.where(known, t_ms % 1000, 1000)]]

    def _each(self, name: str, values: pa.Array) -> list[Part]:
        """A value for each row of a column that is not the last; its key stands beside it, cheaper than in every cell."""
        return [self.around(name)[0], self.numbers(values)]

    def _by_value(self, name: str, values: np.ndarray, meaning: Callable[[int], str | None]) -> list[Part]:
        distinct, which = _distinct(values)
        return [self._cells(name, [self.text(meaning(value)) for value in distinct.tolist()])[which]]

    def _cells(self, name: str, texts: list[bytes]) -> np.ndarray:
        before, behind = self.around(name)
        return np.array([before + text + behind for text in texts], object)


class CsvWriter(TextWriter):
    """Comma, header, LF; times as ISO 8601 with milliseconds and Z; texts in quotes."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        stream.write(",".join(SCHEMA.names).encode() + b"\n")

    def write(self, fixes: np.ndarray, receivers: tuple[str, ...]) -> None:
        """Append fixes; names that come from the air are made safe."""
        super().write(fixes, tuple(formula_safe(name) for name in receivers))

    def numbers(self, values: pa.Array) -> list[bytes]:
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(pa.table([values], names=[""]), sink, pyarrow.csv.WriteOptions(include_header=False))
        return sink.getvalue().to_pybytes().split(b"\n")[:-1]

    def text(self, value: str | None) -> bytes:
        return b"" if value is None else b'"' + value.encode().replace(b'"', b'""') + b'"'

    def around(self, name: str) -> tuple[bytes, bytes]:
        return b"" if name == SCHEMA.names[0] else b",", b"\n" if name == SCHEMA.names[-1] else b""


class NdjsonWriter(TextWriter):
    """One JSON object per line, every key in every line."""

    def numbers(self, values: pa.Array) -> list[bytes]:
        quick = pa.types.is_floating(values.type) or not values.null_count  # NumPy says NaN, and JSON says null
        return msgspec.json.encode(values.to_numpy(zero_copy_only=False).tolist() if quick else values.to_pylist())[1:-1].split(b",")

    def text(self, value: str | None) -> bytes:
        return msgspec.json.encode(value)

    def around(self, name: str) -> tuple[bytes, bytes]:
        return (b'{"%s":' if name == SCHEMA.names[0] else b',"%s":') % name.encode(), b"}\n" if name == SCHEMA.names[-1] else b""


class ParquetWriter:
    """One row group per chunk, zstd."""

    def __init__(self, stream: BinaryIO) -> None:
        self.sink = pyarrow.parquet.ParquetWriter(stream, SCHEMA, compression="zstd")

    def write(self, fixes: np.ndarray, receivers: tuple[str, ...]) -> None:
        """Append fixes."""
        if len(fixes):
            self.sink.write_table(columns(fixes, receivers))

    def close(self) -> None:
        """Write the footer."""
        self.sink.close()


def words(flags: int) -> str | None:
    """Flags as words separated by blanks; None where there are none."""
    return " ".join(word for bit, word in WORDS.items() if flags & bit) or None


def formula_safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(FORMULA) else text


def _times(t_ms: np.ndarray) -> pa.Array:
    return pa.array(t_ms, pa.int64(), mask=t_ms == b.T_MISSING).cast(pa.timestamp("ms", "UTC"))


def iso_times(t_ms: np.ndarray) -> pa.Array:
    """UTC milliseconds as ISO 8601 with milliseconds and Z; null where missing."""
    known = t_ms != b.T_MISSING
    text = np.datetime_as_string(np.where(known, t_ms, 0).astype("M8[ms]"), unit="ms", timezone="UTC")
    return pa.array(text, pa.string(), mask=~known)


def _masked(values: np.ndarray, known: np.ndarray) -> pa.Array:
    return pa.array(values, mask=~known)


def _degrees(units: np.ndarray, known: np.ndarray) -> pa.Array:
    return _masked(np.round(units / b.UNITS_PER_DEG, 6), known)


def _by_value(values: np.ndarray, meaning: Callable[[int], str | None]) -> pa.Array:
    """Text of each value, asked once per distinct value."""
    distinct, which = _distinct(values)
    return pa.array([meaning(value) for value in distinct.tolist()], pa.string()).take(pa.array(which))


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values in order, and which of them each value is: several times quicker than `return_inverse` where they are few."""
    distinct = np.unique(values)
    return distinct, np.searchsorted(distinct, values)


def _every(raw: str, n: int) -> pa.Table:
    """`columns` of n rows in which the column `raw` takes its values from 0 on (`rot`, which has a sign: 0 to 127, then -128 to -1)."""
    rows = b.new_fixes(n)
    rows[raw] = np.arange(n).astype(rows.dtype[raw])
    return columns(rows, ())


def _name(number: int, receivers: tuple[str, ...]) -> str | None:
    return receivers[number] if number < len(receivers) else None


def _names(bits: int, receivers: tuple[str, ...]) -> str | None:
    """Names of the receivers in a bit set; bit 63 stands for every receiver from the 64th on."""
    found = [receivers[i] for i in range(min(63, len(receivers))) if bits >> i & 1]
    if bits >> 63 & 1:
        found.append(receivers[63] if len(receivers) == 64 else "others")
    return " ".join(found) or None
