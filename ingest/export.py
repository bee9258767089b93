"""Export: fixes -> columns for other programs: CSV, NDJSON, Parquet. May live here: names, units, missing values, text that
is safe in a spreadsheet. May not: opening files (the caller hands a binary stream), decoding, statics.

Missing is null (empty in CSV), never a sentinel. Everything made by a simulator says `exercise`. What is written to CSV
comes back through ingest.tabular as the same position, speed, course, heading, status and turn.

CSV goes to spreadsheets: a text that begins like a formula gets an apostrophe in front (station names come from the air).
NDJSON and Parquet keep texts as they are.
"""

from __future__ import annotations

from typing import Any, BinaryIO, Protocol

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
        "source": _by_value(fixes["src"], lambda src: receivers[src] if src < len(receivers) else None),
        "type": fixes["msg_type"],
        "mmsi": fixes["mmsi"],
        "lat": _masked(np.round(fixes["lat"] / b.UNITS_PER_DEG, 6), has),
        "lon": _masked(np.round(fixes["lon"] / b.UNITS_PER_DEG, 6), has),
        "sog_kn": _masked(fixes["sog"] / 10, fixes["sog"] <= b.SOG_MAX),
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


class CsvWriter:
    """Comma, header, LF; times as ISO 8601 with milliseconds and Z."""

    def __init__(self, stream: BinaryIO) -> None:
        self.schema = pa.schema([(f.name, pa.string() if pa.types.is_timestamp(f.type) else f.type) for f in SCHEMA])
        self.sink = pyarrow.csv.CSVWriter(stream, self.schema, write_options=pyarrow.csv.WriteOptions(quoting_style="needed", quoting_header="none"))

    def write(self, fixes: np.ndarray, receivers: tuple[str, ...]) -> None:
        """Append fixes."""
        table = columns(fixes, tuple(formula_safe(name) for name in receivers))
        parts = {
            name: iso_times(fixes[field]) if field else table[name] for name, field in ((n, {"t": "t_ms", "t_rx": "t_rx_ms"}.get(n)) for n in SCHEMA.names)
        }
        self.sink.write_table(pa.table(list(parts.values()), schema=self.schema))

    def close(self) -> None:
        """Flush."""
        self.sink.close()


class NdjsonWriter:
    """One JSON object per line, every key in every line."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.encoder = msgspec.json.Encoder()

    def write(self, fixes: np.ndarray, receivers: tuple[str, ...]) -> None:
        """Append fixes."""
        table = columns(fixes, receivers)
        times = {"t": iso_times(fixes["t_ms"]), "t_rx": iso_times(fixes["t_rx_ms"])}
        cells: list[list[Any]] = [times.get(name, table[name]).to_pylist() for name in SCHEMA.names]
        self.stream.write(self.encoder.encode_lines([dict(zip(SCHEMA.names, row)) for row in zip(*cells)]))

    def close(self) -> None:
        """Nothing is held back."""


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


def _by_value(values: np.ndarray, meaning: Any) -> pa.Array:
    """Text of each value, asked once per distinct value."""
    distinct, inverse = np.unique(values, return_inverse=True)
    return pa.array([meaning(int(value)) for value in distinct], pa.string()).take(pa.array(inverse))


def _names(bits: int, receivers: tuple[str, ...]) -> str | None:
    """Names of the receivers in a bit set; bit 63 stands for every receiver from the 64th on."""
    found = [receivers[i] for i in range(min(63, len(receivers))) if bits >> i & 1]
    if bits >> 63 & 1:
        found.append(receivers[63] if len(receivers) == 64 else "others")
    return " ".join(found) or None
