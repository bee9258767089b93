"""Batches: the columns in which AIS travels through dogwatch, their sentinels, flags and counters.

May live here: dtypes, sentinels, masks, the canonical order, the counters of line accounting.
May not: decoding, files, clocks, anything that knows a detector.

Positions stay in the transmitter's own integers (ITU-R M.1371-5, Annex 8): 1/600000 degree, 0.1 knot, 0.1 degree.
"Missing" is a value of the standard until it is asked for through the masks below, and never leaves as a number.
A record is one structured row, so that a kernel takes one array instead of twenty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

UNITS_PER_DEG = 600_000
LAT_MISSING = 54_600_000  # 91 degrees
LON_MISSING = 108_600_000  # 181 degrees
LAT_MAX = 54_000_000
LON_MAX = 108_000_000
SOG_MISSING = 1023
SOG_MAX = 1022  # "102.2 knots or more"
SOG_AIRCRAFT_MAX = 10_220  # type 9 counts whole knots: "1,022 knots or more"
COG_MISSING = 3600
HDG_MISSING = 511
ROT_MISSING = -128
SEC_MISSING = 60
NAV_MISSING = 15
ALT_MISSING = 4095
T_MISSING = -(1 << 62)  # "no time known": below every real time

# Flags of a fix or a static row. A flag says what happened to the row, never what the vessel did.
F_CK_BAD = 1 << 0  # checksum wrong, decoded for forensic work only: never reaches a track
F_SHORT = 1 << 1  # payload cut: every block whose bits are not all there is missing
F_LONG = 1 << 2  # more than 5 bits over the nominal length
F_DELAYED = 1 << 3  # older than its receive time: UTC second (then event time is the receive time), UTC minute of the radio, or $PGHP says so
F_TAG_BAD = 1 << 4  # tag block checksum wrong, tag kept
F_DIALECT = 1 << 5  # 8-field sentence
F_RANGE = 1 << 6  # a value outside its legal range was turned to missing
F_NULL_ISLAND = 1 << 7  # position exactly 0, 0
F_SOG_MAX = 1 << 8
F_MMSI_BAD = 1 << 9
F_COARSE = 1 << 10  # type 27: steps of 0.1 minute
F_OWN_SHIP = 1 << 11  # VDO
F_CLASS_B = 1 << 12
F_EXERCISE = 1 << 13  # simulated, or of a run in which something is: may never leave as real
F_NO_TIME = 1 << 14  # no receive time known
F_LATE = 1 << 15  # came after its source's watermark had passed it (stamped by dogwatch.watermark)
F_FUTURE = 1 << 16  # implausibly far ahead of its source's clock: quarantined (stamped by dogwatch.watermark)
F_FIX_STATE = 1 << 17  # second 61-63: manual, dead reckoning or inoperative position source
F_STAMP_ODD = 1 << 18  # stamp over 5 s before the one before it (used), or impossible or over 1 h off the own-ship clock (not used)

EXERCISE_PREFIX = "EX-"  # of the names of stations and sources that are simulated
# What a simulated call for help carries inside, so that it is known without anything around it: a word in its text, and a state of the radio that no
# set is ever in: SOTDMA at slot timeout 6 names a slot beyond 2249 (16053), ITDMA an increment of more than three frames (M.1371-5, Annex 2, 3.3.7).
EXERCISE_WORD = "EX-DOGWATCH"
EXERCISE_RADIO = 0b11_110_11111010110101

# Where the receive time came from (column t_src).
T_SRC_NONE, T_SRC_TAG, T_SRC_PGHP, T_SRC_TRAILER, T_SRC_PREFIX, T_SRC_OWN_SHIP, T_SRC_ARRIVAL, T_SRC_BASE = range(8)

FIX_DTYPE = np.dtype(
    [
        ("t_ms", "<i8"),  # event time, UTC, or T_MISSING
        ("t_rx_ms", "<i8"),  # receive time, UTC, or T_MISSING
        ("release_ms", "<i8"),  # where the row takes part in the canonical stream: t_ms, or for late rows its source's watermark on arrival
        ("receivers", "<u8"),  # bit min(receiver, 63) for every receiver that heard it
        ("mmsi", "<u4"),
        ("lat", "<i4"),  # 1/600000 degree
        ("lon", "<i4"),
        ("flags", "<u4"),
        ("radio", "<u4"),  # SOTDMA/ITDMA state, 19 bits
        ("sog", "<u2"),  # 0.1 knot
        ("cog", "<u2"),  # 0.1 degree
        ("hdg", "<u2"),  # degree
        ("src", "<u2"),  # index into Batch.receivers
        ("alt_m", "<u2"),  # type 9 only
        ("msg_type", "u1"),
        ("nav", "u1"),
        ("sec", "u1"),
        ("rot", "i1"),  # raw: sign * sqrt law of ITU-R M.1371-5, table 48
        ("t_src", "u1"),
        ("ship_type", "u1"),  # 0 unless the same message carried it (type 19)
    ]
)

STATIC_DTYPE = np.dtype(
    [
        ("t_ms", "<i8"),
        ("t_rx_ms", "<i8"),
        ("release_ms", "<i8"),
        ("fixes_before", "<i8"),  # fixes its source had yielded before this row: where it stands in arrival order
        ("mmsi", "<u4"),
        ("imo", "<u4"),  # 0 missing
        ("flags", "<u4"),
        ("mothership", "<u4"),  # 24B of a craft associated with a parent ship (98MIDxxxx)
        ("bow", "<u2"),
        ("stern", "<u2"),
        ("port", "<u2"),
        ("starboard", "<u2"),
        ("src", "<u2"),
        ("draught_dm", "<u2"),  # 0.1 m, 0 missing
        ("msg_type", "u1"),
        ("part", "u1"),  # 24: 0 = A, 1 = B; else 0
        ("ship_type", "u1"),  # raw code; for type 21 the aid type
        ("eta_month", "u1"),
        ("eta_day", "u1"),
        ("eta_hour", "u1"),
        ("eta_minute", "u1"),
        ("has", "u1"),  # HAS_* bits: which of the fields below the message carried
        ("callsign", "S7"),
        ("name", "S34"),
        ("destination", "S20"),
    ]
)
HAS_NAME, HAS_CALLSIGN, HAS_TYPE_AND_SIZE, HAS_VOYAGE = 1, 2, 4, 8

OTHER_DTYPE = np.dtype(
    [("t_ms", "<i8"), ("t_rx_ms", "<i8"), ("mmsi", "<u4"), ("flags", "<u4"), ("start", "<u4"), ("length", "<u4"), ("src", "<u2"), ("msg_type", "u1")]
)


@dataclass(slots=True)
class Counts:
    """Line accounting: every physical line is in exactly one class, and the classes add up.

    `lines + glued == blank + sum(other) + tag_only + parts + sum(decoded) + sum(rejected) + open`
    """

    lines: int = 0
    glued: int = 0
    blank: int = 0
    tag_only: int = 0
    parts: int = 0
    open: int = 0
    other: dict[str, int] = field(default_factory=dict)
    decoded: dict[str, int] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)  # things seen on accepted lines (tag_checksum, time_backstep ...): outside the sum

    def balance(self) -> int:
        """Lines that no class accounts for; 0 in a correct program."""
        classes = self.blank + self.tag_only + self.parts + self.open
        classes += sum(self.other.values()) + sum(self.decoded.values()) + sum(self.rejected.values())
        return self.lines + self.glued - classes


@dataclass(slots=True)
class SafetyReport:
    """One distress or safety signal, taken out of the stream at decode and sent ahead on its own road."""

    t_ms: int
    mmsi: int
    kind: str  # "beacon", "status14", "text"
    msg_type: int
    text: str
    lat: int  # 1/600000 degree or LAT_MISSING
    lon: int
    nav: int
    damaged: bool
    receiver: str
    simulated: bool  # its own source is
    exercise: bool = False  # the run is: it may not leave as real
    sog: int = SOG_MISSING
    fixes_before: int = 0  # fixes its source had yielded before: where it stands in arrival order
    release_ms: int = T_MISSING  # where it takes part in the canonical stream, as a control row that follows from it

    def __post_init__(self) -> None:
        self.exercise = self.exercise or self.simulated


@dataclass(slots=True)
class Control:
    """A fact about the watch itself that detectors must know, recorded and replayed like data.

    kind: "source_silent", "source_back" (subject = source id), "system_down", "system_up", "end" (a recording is over),
    "sar_open", "sar_closed" (rescue areas: tracks/rescue.py says what their subjects hold).
    """

    t_ms: int
    kind: str
    subject: str = ""


@dataclass(slots=True)
class Heartbeat:
    """What a live source brought since its last heartbeat, ten seconds ago: "nothing heard" told from "nobody listened".

    state: the reader's word (connected, silent, garbled ...). counts: bytes, fixes, lines, valid (messages), noise (lines that
    were rejected or are no sentence), rejected.<reason>; what did not grow is absent.
    """

    t_ms: int
    source: str
    state: str
    counts: dict[str, int]


@dataclass(slots=True)
class Batch:
    """What one call of `decode` found. Rows stand in arrival order; `receivers[src]` names the receiver of a row."""

    fixes: np.ndarray
    statics: np.ndarray
    others: np.ndarray
    raw: bytes = b""  # `others` point into this
    safety: list[SafetyReport] = field(default_factory=list)
    control: list[Control] = field(default_factory=list)
    receivers: tuple[str, ...] = ()
    heartbeats: list[Heartbeat] = field(default_factory=list)


def empty_batch(receivers: tuple[str, ...] = ()) -> Batch:
    """A batch with no rows."""
    return Batch(np.empty(0, FIX_DTYPE), np.empty(0, STATIC_DTYPE), np.empty(0, OTHER_DTYPE), receivers=receivers)


def new_fixes(n: int) -> np.ndarray:
    """n rows of FIX_DTYPE in which every field says "not available"."""
    rows = np.zeros(n, FIX_DTYPE)
    rows["t_ms"] = rows["t_rx_ms"] = rows["release_ms"] = T_MISSING
    rows["lat"], rows["lon"] = LAT_MISSING, LON_MISSING
    rows["sog"], rows["cog"], rows["hdg"] = SOG_MISSING, COG_MISSING, HDG_MISSING
    rows["nav"], rows["sec"], rows["rot"], rows["alt_m"] = NAV_MISSING, SEC_MISSING, ROT_MISSING, ALT_MISSING
    return rows


def new_statics(n: int) -> np.ndarray:
    """n rows of STATIC_DTYPE in which every field says "not available"."""
    rows = np.zeros(n, STATIC_DTYPE)
    rows["t_ms"] = rows["t_rx_ms"] = rows["release_ms"] = T_MISSING
    rows["eta_hour"], rows["eta_minute"] = 24, 60
    return rows


def take_rows(rows: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Rows at indices or under a mask, copied whole: NumPy by itself copies records field by field, several times slower."""
    return np.ascontiguousarray(rows).view(f"V{rows.itemsize}")[which].view(rows.dtype)


def copied(rows: np.ndarray) -> np.ndarray:
    """The same rows in memory of their own, copied whole."""
    return np.ascontiguousarray(rows).view(f"V{rows.itemsize}").copy().view(rows.dtype)


def put_rows(rows: np.ndarray, where: np.ndarray, fresh: np.ndarray) -> None:
    """Overwrite the rows at indices, copied whole. Both arrays are contiguous."""
    rows.view(f"V{rows.itemsize}")[where] = fresh.view(f"V{rows.itemsize}")


def join_rows(parts: list[np.ndarray], dtype: np.dtype) -> np.ndarray:
    """One array of all parts, in order, copied whole."""
    if len(parts) == 1:
        return parts[0]
    whole: list[Any] = [np.ascontiguousarray(part) for part in parts]
    rows = bytearray().join(whole)  # a tenth of what NumPy takes for many small ones
    return np.frombuffer(rows, dtype) if rows else np.empty(0, dtype)


def has_position(fixes: np.ndarray) -> np.ndarray:
    """bool[n]: latitude and longitude both known."""
    return (fixes["lat"] != LAT_MISSING) & (fixes["lon"] != LON_MISSING)


def lat_deg(fixes: np.ndarray) -> np.ndarray:
    """float64[n] degrees north, NaN where missing."""
    return np.where(fixes["lat"] == LAT_MISSING, np.nan, fixes["lat"] / UNITS_PER_DEG)


def lon_deg(fixes: np.ndarray) -> np.ndarray:
    """float64[n] degrees east, NaN where missing."""
    return np.where(fixes["lon"] == LON_MISSING, np.nan, fixes["lon"] / UNITS_PER_DEG)


def sog_kn(fixes: np.ndarray) -> np.ndarray:
    """float64[n] knots, NaN where missing."""
    return np.where(fixes["sog"] == SOG_MISSING, np.nan, fixes["sog"] / 10)


def cog_deg(fixes: np.ndarray) -> np.ndarray:
    """float64[n] degrees, NaN where missing."""
    return np.where(fixes["cog"] >= COG_MISSING, np.nan, fixes["cog"] / 10)


def canonical_order(fixes: np.ndarray) -> np.ndarray:
    """int64[n] indices that put fixes into the one order every runner agrees on: content only, never arrival."""
    names = ("receivers", "src", "t_rx_ms", "nav", "hdg", "cog", "sog", "lon", "lat", "msg_type", "mmsi", "t_ms", "release_ms")  # last is most significant
    return np.lexsort([fixes[name] for name in names])


def translate_receivers(batch: Batch, numbers: list[int], *first: np.ndarray) -> None:
    """Rewrite `src` and the `receivers` bits of fresh rows (each heard by its own `src` only): old number -> new number.

    first: for fixes, statics and others, where in `numbers` those of each row begin; none: at 0.
    """
    table = np.array(numbers, np.uint16)
    for rows, start in zip((batch.fixes, batch.statics, batch.others), first or (0, 0, 0)):
        rows["src"] = table[rows["src"] + start]
    bit = np.minimum(batch.fixes["src"], 63).astype(np.uint64)
    batch.fixes["receivers"] = np.left_shift(np.uint64(1), bit)


def add_counts(total: Counts, part: Counts) -> None:
    """Add one accounting to another, in place."""
    for name in ("lines", "glued", "blank", "tag_only", "parts", "open"):
        setattr(total, name, getattr(total, name) + getattr(part, name))
    for name in ("other", "decoded", "rejected", "notes"):
        mine, theirs = getattr(total, name), getattr(part, name)
        for key, n in theirs.items():
            mine[key] = mine.get(key, 0) + n
