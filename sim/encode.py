"""Messages to sentences: the mirror of the decoder, in batches. May hold: bit layouts, armour, checksums, tag blocks.

May not: decide when a vessel reports or who hears it (radio). Layouts: ITU-R M.1371-5, Annex 8; sentences: IEC 61162-1.

Two steps, because one message is heard by several receivers: `encode_payloads` packs each message once into armoured
characters; `encode_sentences` wraps a payload for each hearing with tag block, parts, checksum. Everything is "not
available" until said otherwise: `new_messages` begins with the sentinels of the standard, never with zeros that would
put a ship at 0 N 0 E steaming north. What a message cannot carry is refused by `check_messages`, not wrapped around.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np

from dogwatch.batch import (
    ALT_MISSING,
    COG_MISSING,
    HDG_MISSING,
    LAT_MAX,
    LAT_MISSING,
    LON_MAX,
    LON_MISSING,
    NAV_MISSING,
    ROT_MISSING,
    SEC_MISSING,
    SOG_MAX,
    SOG_MISSING,
    T_MISSING,
    UNITS_PER_DEG,
)
from dogwatch.errors import InputError
from dogwatch.kernel import kernel

TYPES = (1, 2, 3, 4, 5, 9, 11, 12, 14, 18, 19, 21, 24, 27)
PART_CHARS = 60  # payload characters per sentence: 82 characters in all without the tag block
TEXT_CHARS_MAX = 161  # type 14: 968 bits
ADDRESSED_CHARS_MAX = 156  # type 12: 936 bits
STATION_CHARS_MAX = 48

# One transmission. Units as in FIX_DTYPE, but whole knots in `sog` of types 9 and 27 and whole degrees in `cog` of 27,
# as the messages themselves have it. `who` points into the particulars.
MESSAGE_DTYPE = np.dtype(
    [
        ("t_ms", "<i8"),
        ("utc_ms", "<i8"),  # types 4 and 11: the clock in the message, or T_MISSING
        ("who", "<i4"),
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("mmsi", "<u4"),
        ("radio", "<u4"),  # 19 bits; types 9 and 18: 20 bits, the selector first
        ("dest", "<u4"),  # type 12
        ("sog", "<u2"),
        ("cog", "<u2"),
        ("hdg", "<u2"),
        ("alt_m", "<u2"),
        ("msg_type", "u1"),
        ("part", "u1"),  # type 24: 0 is A, 1 is B; type 12: sequence number
        ("nav", "u1"),
        ("rot", "i1"),
        ("sec", "u1"),
        ("accurate", "u1"),
        ("channel", "u1"),  # 65 'A', 66 'B', 0 empty
        ("repeat", "u1"),
        ("maneuver", "u1"),
        ("raim", "u1"),
        ("assigned", "u1"),
        ("retransmit", "u1"),  # type 12
        ("latency", "u1"),  # type 27: position over 5 s old
    ]
)

# What a vessel says of itself, but for its texts, which stand in a matrix beside it (`Particulars.letters`).
PARTICULARS_DTYPE = np.dtype(
    [
        ("imo", "<u4"),
        ("serial", "<u4"),  # type 24 B
        ("mothership", "<u4"),  # type 24 B of MMSI 98xxxxxxx: stands where the size would
        ("bow", "<u2"),
        ("stern", "<u2"),
        ("port", "u1"),
        ("starboard", "u1"),
        ("ship_type", "u1"),  # type 21: the kind of aid
        ("draught_dm", "u1"),
        ("eta_month", "u1"),
        ("eta_day", "u1"),
        ("eta_hour", "u1"),
        ("eta_minute", "u1"),
        ("epfd", "u1"),
        ("version", "u1"),
        ("dte", "u1"),  # 1: no data terminal
        ("alt_sensor", "u1"),  # type 9
        ("long_range", "u1"),  # types 4 and 11
        ("class_b", "u1"),  # type 18, five bits: carrier sense, display, DSC, whole band, obeys message 22
        ("model", "u1"),  # type 24 B
        ("off_position", "u1"),  # type 21, and the next two
        ("aid_status", "u1"),
        ("virtual", "u1"),
        ("text_length", "u1"),  # types 12 and 14
    ]
)
# Columns of `letters`: ASCII, filled up with zero bytes, which are sent as '@'.
CALLSIGN, NAME, DESTINATION, TEXT = slice(0, 7), slice(7, 27), slice(27, 47), slice(47, 47 + TEXT_CHARS_MAX)
EXTENSION, VENDOR = slice(TEXT.stop, TEXT.stop + 14), slice(TEXT.stop + 14, TEXT.stop + 17)  # type 21: the rest of a long name; type 24 B
LETTERS = VENDOR.stop

# One receiver heard one message.
HEARING_DTYPE = np.dtype([("t_rx_ms", "<i8"), ("message", "<i4"), ("receiver", "<i4")])

_WORDS = 18  # 60 bits each: 1080 bits, more than the longest message
_CHARS_MAX = 172  # type 14 with 161 characters: 1006 bits
_MESSAGES = numba.from_dtype(MESSAGE_DTYPE)[::1]
_PARTICULARS = numba.from_dtype(PARTICULARS_DTYPE)[::1]
_HEARINGS = numba.from_dtype(HEARING_DTYPE)[::1]
_BYTES, _LETTERS, _INTS = numba.types.uint8[::1], numba.types.uint8[:, ::1], numba.types.int64[::1]
# Without Numba's runtime there is no counting of references to arrays at each call; nothing here allocates.
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}

# Layouts as data: (value, first bit, width) as ITU-R M.1371-5, Annex 8 has them. A kernel that names each field in its code
# compiles five times longer and runs no faster. Kinds 28 and 29 stand for part B of type 24, of a ship and of a craft of a parent ship.
PART_B_KIND, CRAFT_KIND, KINDS = 28, 29, 30
_DERIVED = ["year", "month", "day", "hour", "minute", "second", "lon_27", "lat_27", "sog_27", "cog_27"]
_CLASS_A = "nav@38:4 rot@42:8 sog@50:10 accurate@60:1 lon@61:28 lat@89:27 cog@116:12 hdg@128:9 sec@137:6 maneuver@143:2 raim@148:1 radio@149:19"
_CLASS_B = "sog@46:10 accurate@56:1 lon@57:28 lat@85:27 cog@112:12 hdg@124:9 sec@133:6 "
_CLOCK = "year@38:14 month@52:4 day@56:5 hour@61:5 minute@66:6 second@72:6 accurate@78:1 lon@79:28 lat@107:27 epfd@134:4 "
_CLOCK += "long_range@138:1 raim@148:1 radio@149:19"
_PART_B = "part@38:2 ship_type@40:8 model@66:4 serial@70:20 epfd@162:4 "
_LAYOUT = {
    1: _CLASS_A,
    2: _CLASS_A,
    3: _CLASS_A,
    4: _CLOCK,
    5: "version@38:2 imo@40:30 ship_type@232:8 bow@240:9 stern@249:9 port@258:6 starboard@264:6 epfd@270:4 "
    "eta_month@274:4 eta_day@278:5 eta_hour@283:5 eta_minute@288:6 draught_dm@294:8 dte@422:1",
    9: "alt_m@38:12 sog@50:10 accurate@60:1 lon@61:28 lat@89:27 cog@116:12 sec@128:6 alt_sensor@134:1 dte@142:1 assigned@146:1 raim@147:1 radio@148:20",
    11: _CLOCK,
    12: "part@38:2 dest@40:30 retransmit@70:1",
    14: "",
    18: _CLASS_B + "class_b@141:5 assigned@146:1 raim@147:1 radio@148:20",
    19: _CLASS_B + "ship_type@263:8 bow@271:9 stern@280:9 port@289:6 starboard@295:6 epfd@301:4 raim@305:1 dte@306:1 assigned@307:1",
    21: "ship_type@38:5 accurate@163:1 lon@164:28 lat@192:27 bow@219:9 stern@228:9 port@237:6 starboard@243:6 epfd@249:4 sec@253:6 "
    "off_position@259:1 aid_status@260:8 raim@268:1 virtual@269:1 assigned@270:1",
    24: "part@38:2",
    27: "accurate@38:1 raim@39:1 nav@40:4 lon_27@44:18 lat_27@62:17 sog_27@79:6 cog_27@85:9 latency@94:1",
    PART_B_KIND: _PART_B + "bow@132:9 stern@141:9 port@150:6 starboard@156:6",
    CRAFT_KIND: _PART_B + "mothership@132:30",
}
# first bit, first letter, letters
_TEXT_LAYOUT = {5: [(70, CALLSIGN), (112, NAME), (302, DESTINATION)], 12: [(72, TEXT)], 14: [(40, TEXT)], 19: [(143, NAME)], 24: [(40, NAME)]}
_TEXT_LAYOUT |= {21: [(43, NAME), (272, EXTENSION)], PART_B_KIND: [(48, VENDOR), (90, CALLSIGN)], CRAFT_KIND: [(48, VENDOR), (90, CALLSIGN)]}
_BITS = np.zeros(KINDS, np.int64)
for _kind in _LAYOUT:
    _BITS[_kind] = {5: 424, 12: 72, 14: 40, 19: 312, 21: 272, 24: 160, 27: 96}.get(_kind, 168)


def _flat(tables: dict[int, list[Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of numbers for all kinds one after the other, and where each kind's rows begin."""
    rows = [row for kind in range(KINDS) for row in tables.get(kind, [])]
    begin = np.cumsum([0] + [len(tables.get(kind, [])) for kind in range(KINDS)])
    return np.array(rows, np.int64), begin.astype(np.int64)


def _where(name: str) -> tuple[int, int, int]:
    """Where the kernel finds a value: 0 message, 1 particulars, 2 derived; first byte, bytes."""
    for table, dtype in enumerate((MESSAGE_DTYPE, PARTICULARS_DTYPE)):
        if dtype.fields and name in dtype.fields:
            kind, offset = dtype.fields[name][:2]
            return table, offset, kind.itemsize
    return 2, 8 * _DERIVED.index(name), 8


def _fields(kind: int) -> list[tuple[str, int, int]]:
    """(name, first bit, width) of a kind; every message carries its MMSI and repeat indicator."""
    items = [item.replace("@", ":").split(":") for item in ("repeat@6:2 mmsi@8:30 " + _LAYOUT[kind]).split()]
    return [(name, int(first), int(width)) for name, first, width in items]


_FIELD_ROWS, _FIELD_BEGIN = _flat({kind: [(*_where(name), first, width) for name, first, width in _fields(kind)] for kind in _LAYOUT})
_EXTENSION, _WORD = EXTENSION.start, (1 << 60) - 1
_MESSAGE_SIZE, _PARTICULARS_SIZE = MESSAGE_DTYPE.itemsize, PARTICULARS_DTYPE.itemsize
_TEXT_ROWS, _TEXT_BEGIN = _flat({kind: [(bit, f.start, f.stop - f.start) for bit, f in rows] for kind, rows in _TEXT_LAYOUT.items()})


@dataclass(slots=True)
class Particulars:
    """What each vessel says of itself: PARTICULARS_DTYPE[n] and uint8[n, LETTERS]."""

    rows: np.ndarray
    letters: np.ndarray

    def write(self, i: int, field: slice, text: str, *, name: str) -> None:
        """Put a text of the six-bit alphabet into a column of vessel i. Raises InputError when it cannot be sent as it is."""
        width = field.stop - field.start
        codes = [ord(c) for c in text]
        if len(codes) > width or any(not 32 <= c <= 95 for c in codes):
            raise InputError(f"{name}: cannot be sent: {text!r}", remedy=f"at most {width} characters of space to '_', capitals only", value=text)
        self.letters[i, field] = 0
        self.letters[i, field.start : field.start + len(codes)] = codes


@dataclass(slots=True)
class Payloads:
    """Armoured payloads one after the other: payload i is chars[start[i]:start[i + 1]], its last character has fill[i] idle bits."""

    chars: np.ndarray
    start: np.ndarray
    fill: np.ndarray
    channel: np.ndarray


_TAG_UNITS_MS = {"": 0, "s": 1000, "ms": 1}
_PREFIX_PER_S = {"": 0, "s": 1, "ms": 1000, "us": 1_000_000, "ns": 1_000_000_000}


@dataclass(slots=True)
class SentenceState:
    """How lines are written, and what a line needs from the lines before: per station the numbers that count up.

    Wrappers stand in this order: `$PGHP` on the line before, numeric prefix, tag block, sentence, USCG trailer.
    """

    stations: list[str]
    tag_time: str = "s"  # "s" or "ms": unit of `c:`; "" for sentences without tag blocks
    talker: str = "AI"
    own_ship: bool = False  # VDO instead of VDM
    part_chars: int = PART_CHARS
    line_numbers: bool = False  # `n:` in the tag block
    pghp: bool = False  # time and station on the line before, as Danish feeds have it
    trailer: bool = False  # `,bSTATION,1767225600` behind the checksum, as USCG feeds have it
    prefix: str = ""  # "s", "ms", "us" or "ns": Unix time in front
    counters: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.int64))  # message id on channel A, on others, group, line

    def __post_init__(self) -> None:
        if not re.fullmatch("[A-Z-]{2}", self.talker):
            raise InputError("talker: not two capitals", remedy="'AI' is a ship's set, 'BS' a base station", value=self.talker)
        if not 1 <= self.part_chars <= PART_CHARS:
            raise InputError(f"part_chars: not 1 to {PART_CHARS}", remedy="60 or 56 are common", value=self.part_chars)
        for name, known in (("tag_time", _TAG_UNITS_MS), ("prefix", _PREFIX_PER_S)):
            if getattr(self, name) not in known:
                raise InputError(f"{name}: no such unit", remedy=f"one of {', '.join(known)}", value=getattr(self, name))
        for name in self.stations:
            if len(name) > STATION_CHARS_MAX or not re.fullmatch("[A-Za-z0-9_.:/-]*", name):
                raise InputError("stations: a name that a tag block cannot hold", remedy="letters, digits and _ . : / -", value=name)
        if not len(self.counters):
            self.counters = np.zeros((len(self.stations), 4), np.int64)

    def options(self) -> np.ndarray:
        """The settings as the kernel takes them: int64[6]."""
        wrappers = self.line_numbers, self.pghp, self.trailer
        return np.array([_TAG_UNITS_MS[self.tag_time], self.part_chars, *wrappers, _PREFIX_PER_S[self.prefix]], np.int64)


def new_messages(n: int) -> np.ndarray:
    """n rows of MESSAGE_DTYPE, type 1, in which every field says "not available"; row i has `who` = i."""
    rows = np.zeros(n, MESSAGE_DTYPE)
    rows["msg_type"], rows["who"], rows["utc_ms"], rows["channel"] = 1, np.arange(n), T_MISSING, ord("A")
    rows["lat"] = LAT_MISSING
    rows["lon"] = LON_MISSING
    rows["sog"], rows["cog"], rows["hdg"], rows["alt_m"] = SOG_MISSING, COG_MISSING, HDG_MISSING, ALT_MISSING
    rows["nav"], rows["rot"], rows["sec"] = NAV_MISSING, ROT_MISSING, SEC_MISSING
    return rows


def new_particulars(n: int) -> Particulars:
    """n vessels of which every particular says "not available"; sets of class B sense the carrier, use the whole band and obey message 22."""
    rows = np.zeros(n, PARTICULARS_DTYPE)
    rows["eta_hour"], rows["eta_minute"], rows["dte"], rows["class_b"] = 24, 60, 1, 0b10011
    return Particulars(rows, np.zeros((n, LETTERS), np.uint8))


def set_units(messages: np.ndarray, **columns: np.ndarray | float) -> None:
    """Write lat_deg, lon_deg, sog_kn, cog_deg, heading_deg into messages whose types are set; NaN becomes "not available".

    Rounded as floor(x * scale + 0.5); 359.96 degrees are 0. Raises InputError naming the column where a value has no place in its message.
    """
    kind = messages["msg_type"]
    per_knot, knots_max = np.where(np.isin(kind, (9, 27)), 1, 10), np.select([kind == 9, kind == 27], [1022.0, 62.0], 102.2)
    rules: dict[str, tuple[str, Any, Any, Any, int]] = {  # field, scale, least, most, "not available"
        "lat_deg": ("lat", UNITS_PER_DEG, -90.0, 90.0, LAT_MISSING),
        "lon_deg": ("lon", UNITS_PER_DEG, -180.0, 180.0, LON_MISSING),
        "sog_kn": ("sog", per_knot, 0.0, knots_max, SOG_MISSING),
        "cog_deg": ("cog", np.where(kind == 27, 1, 10), 0.0, 360.0, COG_MISSING),
        "heading_deg": ("hdg", 1, 0.0, 360.0, HDG_MISSING),
    }
    for name, given in columns.items():
        target, scale, least, most, missing = rules[name]
        values = np.broadcast_to(np.asarray(given, np.float64), messages.shape)
        outside = (values < least) | (values > most)
        if outside.any():
            raise InputError(f"{name}: beyond its range", remedy="NaN says 'not available'", value=float(values[outside][0]))
        raw = np.floor(np.where(np.isnan(values), 0.0, values) * scale + 0.5).astype(np.int64)
        raw = raw % (360 * scale) if target in ("cog", "hdg") else raw
        messages[target] = np.where(np.isnan(values), missing, raw)


# What a value may be beyond fitting into its bits: (least, most, "not available").
_MEANING = {
    "mmsi": (0, 999_999_999, None),
    "dest": (0, 999_999_999, None),
    "mothership": (0, 999_999_999, None),
    "lat": (-LAT_MAX, LAT_MAX, LAT_MISSING),
    "lon": (-LON_MAX, LON_MAX, LON_MISSING),
    "sog": (0, SOG_MAX, SOG_MISSING),
    "cog": (0, 3599, COG_MISSING),
    "hdg": (0, 359, HDG_MISSING),
    "maneuver": (0, 2, None),
    "eta_month": (0, 12, None),
    "eta_hour": (0, 24, None),
    "eta_minute": (0, 60, None),
}
_COARSE = {"sog": (0, 62, SOG_MISSING), "cog": (0, 359, COG_MISSING), "lat": _MEANING["lat"], "lon": _MEANING["lon"]}  # type 27, which sends none as it is
_SIGNED = ("lat", "lon", "rot")
_UTC_MS = (-62_135_596_800_000, 253_402_300_799_999, T_MISSING)  # years 1 to 9999


def check_messages(messages: np.ndarray, particulars: Particulars, *, wrong: Collection[str] = ()) -> None:
    """Raise InputError naming the field when a value does not fit its message: nothing wraps around in silence.

    wrong: fields whose values may mean nothing (latitude 95, course 400), for tests of a decoder; they must fit into their bits all the same.
    """
    kinds = messages["msg_type"]
    unknown = ~np.isin(kinds, TYPES)
    if unknown.any():
        raise InputError("msg_type: no layout for it", remedy=f"types: {TYPES}", value=int(kinds[unknown][0]))
    if len(messages) and not 0 <= int(messages["who"].min()) <= int(messages["who"].max()) < len(particulars.rows):
        raise InputError("who: no such row of particulars", remedy="give one row for each vessel", value=int(messages["who"].max()))
    if not ((particulars.letters == 0) | ((particulars.letters >= 32) & (particulars.letters <= 95))).all():
        raise InputError("letters: cannot be sent", remedy="space to '_', capitals only; `Particulars.write` puts them there")
    _check_values("channel", messages["channel"], (65, 66, 0))
    for kind in np.unique(kinds).tolist():
        rows = messages[kinds == kind]
        _check_kind(kind, rows, particulars.rows[rows["who"]], wrong)


def _check_kind(kind: int, rows: np.ndarray, own: np.ndarray, wrong: Collection[str]) -> None:
    """`check_messages` for messages of one type, each with its own row of particulars."""
    fields = [field for layout in ([24, PART_B_KIND, CRAFT_KIND] if kind == 24 else [kind]) for field in _fields(layout)]
    for name, _, width in fields:
        table = _where(name)[0]
        if table < 2:
            bits = width - (name in _SIGNED)
            fits = (-(1 << bits) if name in _SIGNED else 0, (1 << bits) - 1, None)
            _check_values(name, (rows, own)[table][name], fits if name in wrong else _MEANING.get(name, fits))
    if kind == 27:
        for name, allowed in _COARSE.items():
            _check_values(name, rows[name], allowed)
    elif kind in (4, 11):
        _check_values("utc_ms", rows["utc_ms"], _UTC_MS)
    elif kind in (12, 14):
        _check_values("text_length", own["text_length"], (0, TEXT_CHARS_MAX if kind == 14 else ADDRESSED_CHARS_MAX, None))


def _check_values(name: str, values: np.ndarray, allowed: tuple[int, int, int | None]) -> None:
    """Raise InputError naming the field for the first value that is neither in its range nor its sentinel."""
    least, most, missing = allowed
    values = values.astype(np.int64)
    outside = ((values < least) | (values > most)) & (values != missing if missing is not None else True)
    if outside.any():
        hint = "correct the value" if missing is None else f"use {missing} for 'not available'"
        raise InputError(f"{name}: not within {least} to {most}", remedy=f"{hint}; nothing is wrapped around", value=int(values[outside][0]))


def encode_payloads(messages: np.ndarray, particulars: Particulars) -> Payloads:
    """Armoured payloads of messages (MESSAGE_DTYPE) with the particulars they point to; values are trusted (see `check_messages`)."""
    n = len(messages)
    widest = _CHARS_MAX if np.isin(messages["msg_type"], (12, 14)).any() else 71
    chars = np.empty(n * widest, np.uint8)
    start, fill = np.zeros(n + 1, np.int64), np.zeros(n, np.uint8)
    messages, rows = np.ascontiguousarray(messages), particulars.rows
    words, derived = np.zeros(_WORDS, np.int64), np.zeros(len(_DERIVED), np.int64)
    _encode_payloads(messages, messages.view(np.uint8), rows, rows.view(np.uint8), particulars.letters, chars, start, fill, words, derived)
    return Payloads(chars, start, fill, messages["channel"].copy())


def encode_sentences(payloads: Payloads, hearings: np.ndarray, state: SentenceState) -> bytes:
    """Lines (CR LF) of hearings (HEARING_DTYPE) in the order given, wrapped as `state` says; moves `state` on."""
    width = max((len(name) for name in state.stations), default=0) or 1
    names = np.array([np.frombuffer(name.encode("ascii").ljust(width, b"\0"), np.uint8) for name in state.stations]).reshape(-1, width)
    lengths = payloads.start[hearings["message"] + 1] - payloads.start[hearings["message"]]
    parts = int(((lengths + state.part_chars - 1) // state.part_chars).sum())
    out = np.empty(int(lengths.sum()) + parts * (3 * width + 220) + 16, np.uint8)
    head = np.frombuffer(f"!{state.talker}{'VDO' if state.own_ship else 'VDM'},".encode("ascii"), np.uint8).copy()
    p, scratch = payloads, np.zeros(6, np.int64)
    used = _encode_sentences(p.chars, p.start, p.fill, p.channel, hearings, names, state.counters, head, state.options(), out, scratch)
    return out[:used].tobytes()


def datagrams(lines: bytes) -> list[bytes]:
    """Lines of `encode_sentences` as IEC 61162-450 datagrams: one message each, all its parts, behind 'UdPbC' and a zero byte."""
    out, waiting = [], b""
    for line in lines.splitlines(keepends=True):
        waiting += line
        parts = re.search(rb"!.{5},(\d),(\d),", line)
        if parts and parts[1] == parts[2]:
            out.append(b"UdPbC\0" + waiting)
            waiting = b""
    return out


def encode(messages: np.ndarray, particulars: Particulars, *, station: str = "EX-test", wrong: Collection[str] = (), **options: Any) -> list[bytes]:
    """Checked messages as lines without line ends, heard by one station at their own time: for tests and small jobs.

    options: settings of SentenceState; without any, plain sentences.
    """
    check_messages(messages, particulars, wrong=wrong)
    hearings = np.zeros(len(messages), HEARING_DTYPE)
    hearings["t_rx_ms"], hearings["message"] = messages["t_ms"], np.arange(len(messages))
    return encode_sentences(encode_payloads(messages, particulars), hearings, SentenceState([station], **{"tag_time": "", **options})).splitlines()


@kernel("void(int64[::1], int64)", **_OPTIONS)
def _set_utc(values, utc_ms):
    """Year to second, or "not available" (civil date by the era method: 400 years are 146,097 days)."""
    year, month, day, hour, minute, second = 0, 0, 0, 24, 60, 60
    if utc_ms != T_MISSING:
        days = utc_ms // 86_400_000 + 719_468
        of_day = utc_ms // 1000 % 86_400
        era = days // 146_097
        doe = days - era * 146_097
        yoe = (doe - doe // 1460 + doe // 36_524 - doe // 146_096) // 365
        doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
        shifted = (5 * doy + 2) // 153
        day = doy - (153 * shifted + 2) // 5 + 1
        month = shifted + 3 if shifted < 10 else shifted - 9
        year = yoe + era * 400 + (1 if month <= 2 else 0)
        hour, minute, second = of_day // 3600, of_day // 60 % 60, of_day % 60
    values[0], values[1], values[2], values[3], values[4], values[5] = year, month, day, hour, minute, second


@kernel(numba.types.void(_INTS, numba.from_dtype(MESSAGE_DTYPE)), **_OPTIONS)
def _derive(values, m):
    """Values that stand in no column, in the order of _DERIVED: the clock of types 4 and 11, the coarse units of 27."""
    if m["msg_type"] == 4 or m["msg_type"] == 11:
        _set_utc(values, m["utc_ms"])
    elif m["msg_type"] == 27:
        values[6], values[7] = (m["lon"] + 500) // 1000, (m["lat"] + 500) // 1000
        values[8] = 63 if m["sog"] == SOG_MISSING else m["sog"]
        values[9] = 511 if m["cog"] == COG_MISSING else m["cog"]


@kernel("void(int64[::1], int64, int64, int64)", **_OPTIONS)
def _put(words, first, width, value):
    """Write the low `width` bits of value at bit `first` of the 60-bit words, most significant first."""
    value &= (1 << width) - 1
    word = first // 60
    room = 60 - first % 60 - width
    if room >= 0:
        words[word] |= value << room
    else:
        words[word] |= value >> -room
        words[word + 1] |= (value << (60 + room)) & _WORD


@kernel(numba.types.void(_INTS, _BYTES, numba.types.int64, _BYTES, numba.types.int64, _INTS, numba.types.int64), **_OPTIONS)
def _pack_fields(words, message, m, particulars, p, derived, kind):
    """All fields but texts into the words. `m`, `p`: where the records begin in their tables."""
    for k in range(_FIELD_BEGIN[kind], _FIELD_BEGIN[kind + 1]):
        source, offset, size = _FIELD_ROWS[k, 0], _FIELD_ROWS[k, 1], _FIELD_ROWS[k, 2]
        if source == 2:
            value = derived[offset // 8]
        else:
            value = np.int64(0)
            for i in range(size):  # little-endian; the sign does not matter, because only the low bits are sent
                value |= np.int64(message[m + offset + i] if source == 0 else particulars[p + offset + i]) << (8 * i)
        _put(words, _FIELD_ROWS[k, 3], _FIELD_ROWS[k, 4], value)


@kernel("int64(int64[::1], uint8[::1], int64, int64)", **_OPTIONS)
def _pack_texts(words, letters, kind, text_length):
    """All texts into the words; returns the number of bits of the message."""
    bits = _BITS[kind]
    for k in range(_TEXT_BEGIN[kind], _TEXT_BEGIN[kind + 1]):
        bit, first, count = _TEXT_ROWS[k, 0], _TEXT_ROWS[k, 1], _TEXT_ROWS[k, 2]
        if kind in (12, 14):
            count = text_length
            bits += 6 * count
        elif first == _EXTENSION:
            while count > 0 and letters[first + count - 1] == 0:
                count -= 1
            bits += 6 * count
        for i in range(count):  # a zero byte is sent as '@', which is zero bits
            _put(words, bit + 6 * i, 6, np.int64(letters[first + i]))
    return bits


@kernel(numba.types.void(_MESSAGES, _BYTES, _PARTICULARS, _BYTES, _LETTERS, _BYTES, _INTS, _BYTES, _INTS, _INTS), **_OPTIONS)
def _encode_payloads(messages, message_bytes, particulars, particular_bytes, letters, chars, start, fill, words, derived):
    at = 0
    for i in range(messages.shape[0]):
        m, who = messages[i], np.int64(messages[i]["who"])
        kind = np.int64(m["msg_type"])
        words[:] = 0
        words[0] = kind << 54
        if kind == 24 and m["part"] == 1:
            kind = np.int64(CRAFT_KIND if m["mmsi"] // 10_000_000 == 98 else PART_B_KIND)
        if kind in (4, 11, 27):
            _derive(derived, m)
        _pack_fields(words, message_bytes, i * _MESSAGE_SIZE, particular_bytes, who * _PARTICULARS_SIZE, derived, kind)
        bits = _BITS[kind]
        if _TEXT_BEGIN[kind] < _TEXT_BEGIN[kind + 1]:
            bits = _pack_texts(words, letters[who], kind, np.int64(particulars[who]["text_length"]))
        count = (bits + 5) // 6
        for k in range(count):
            v = (words[k // 10] >> (54 - 6 * (k % 10))) & 63
            chars[at + k] = v + (48 if v < 40 else 56)
        at += count
        start[i + 1] = at
        fill[i] = 6 * count - bits


@kernel("int64(uint8[::1], int64, int64)", **_OPTIONS)
def _decimal(out, at, value):
    """Write a non-negative number; returns the place after it."""
    size = 1
    rest = value
    while rest >= 10:
        rest //= 10
        size += 1
    rest = value
    for k in range(at + size - 1, at - 1, -1):
        out[k] = 48 + rest % 10
        rest //= 10
    return at + size


@kernel("int64(uint8[::1], int64, int64)", **_OPTIONS)
def _checksum(out, begin, at):
    """Close a sentence or tag block whose body began at `begin`: '*' and the XOR of its bytes in hex."""
    total = np.uint8(0)
    for k in range(begin, at):
        total ^= out[k]
    out[at] = 42
    for k in range(2):
        digit = (np.int64(total) >> (4 - 4 * k)) & 15
        out[at + 1 + k] = digit + 48 if digit < 10 else digit + 55
    return at + 3


@kernel("int64(uint8[::1], int64, uint8[::1])", **_OPTIONS)
def _name(out, at, station):
    """Write the name of a station (filled up with zero bytes); returns the place after it."""
    for k in range(station.shape[0]):
        if station[k] != 0:
            out[at] = station[k]
            at += 1
    return at


@kernel("int64(uint8[::1], int64, uint8[::1], int64, int64, int64, int64, int64)", **_OPTIONS)
def _tag_block(out, at, station, stamp, part, parts, group, line):
    """`\\g:1-2-7,s:EX-north,n:12,c:1767225600*hh\\`: the group only for several parts, the time on the first one, `n:` where line > 0."""
    out[at] = 92
    begin = at + 1
    at = begin
    if parts > 1:
        out[at], out[at + 1], out[at + 2], out[at + 3], out[at + 4], out[at + 5] = 103, 58, 48 + part, 45, 48 + parts, 45
        at = _decimal(out, at + 6, group)
        out[at] = 44
        at += 1
    out[at], out[at + 1] = 115, 58
    at = _name(out, at + 2, station)
    if line > 0:
        out[at], out[at + 1], out[at + 2] = 44, 110, 58
        at = _decimal(out, at + 3, line)
    if part == 1:
        out[at], out[at + 1], out[at + 2] = 44, 99, 58
        at = _decimal(out, at + 3, stamp)
    at = _checksum(out, begin, at)
    out[at] = 92
    return at + 1


@kernel("int64(uint8[::1], int64, uint8[::1], int64, int64[::1])", **_OPTIONS)
def _pghp(out, at, station, t_ms, clock):
    """`$PGHP,1,2026,1,1,0,0,7,250,,,EX-north,1,00` without its checksum: time and station of the next sentence; `clock` is scratch."""
    out[at], out[at + 1], out[at + 2], out[at + 3], out[at + 4], out[at + 5], out[at + 6] = 36, 80, 71, 72, 80, 44, 49
    at += 7
    _set_utc(clock, t_ms)
    for k in range(6):
        out[at] = 44
        at = _decimal(out, at + 1, clock[k])
    out[at] = 44
    at = _decimal(out, at + 1, t_ms % 1000)
    out[at], out[at + 1], out[at + 2] = 44, 44, 44
    at = _name(out, at + 3, station)
    out[at], out[at + 1], out[at + 2], out[at + 3], out[at + 4] = 44, 49, 44, 48, 48
    return at + 5


@kernel("void(uint8[::1], int64, int64, int64)", **_OPTIONS)
def _close_pghp(out, begin, end, total):
    """Put the XOR of the checksums of all parts in front of `end` and close the line with its own checksum."""
    for k in range(2):
        digit = (total >> (4 - 4 * k)) & 15
        out[end - 2 + k] = digit + 48 if digit < 10 else digit + 55
    at = _checksum(out, begin + 1, end)
    out[at], out[at + 1] = 13, 10


@kernel("int64(uint8[::1], int64, uint8[::1], int64, int64, int64, int64, int64, uint8[::1], int64, int64, int64)", **_OPTIONS)
def _sentence(out, at, head, parts, part, sequence, channel, fill, chars, first, last, part_chars):
    """`!AIVDM,2,1,3,A,payload,0*hh` of one part; returns the place after it."""
    begin = at + 1
    for k in range(head.shape[0]):  # not a slice: that compiles for two seconds
        out[at + k] = head[k]
    at += head.shape[0]
    out[at], out[at + 1], out[at + 2], out[at + 3] = 48 + parts, 44, 48 + part, 44
    at += 4
    if parts > 1:
        out[at] = 48 + sequence
        at += 1
    out[at] = 44
    at += 1
    if channel != 0:
        out[at] = channel
        at += 1
    out[at] = 44
    at += 1
    for k in range(first + (part - 1) * part_chars, min(last, first + part * part_chars)):
        out[at] = chars[k]
        at += 1
    out[at], out[at + 1] = 44, 48 + (fill if part == parts else 0)
    return _checksum(out, begin, at + 2)


@kernel(numba.types.int64(_BYTES, _INTS, _BYTES, _BYTES, _HEARINGS, _LETTERS, numba.types.int64[:, ::1], _BYTES, _INTS, _BYTES, _INTS), **_OPTIONS)
def _encode_sentences(chars, start, fill, channel, hearings, names, counters, head, options, out, clock):
    unit_ms, part_chars, numbered, pghp, trailer, per_second = options[0], options[1], options[2], options[3], options[4], options[5]
    at = 0
    for i in range(hearings.shape[0]):
        m, r, t_ms = hearings[i]["message"], hearings[i]["receiver"], hearings[i]["t_rx_ms"]
        first, last = start[m], start[m + 1]
        parts = max(1, (last - first + part_chars - 1) // part_chars)
        lane = 0 if channel[m] == 65 else 1
        if parts > 1:
            counters[r, lane] = (counters[r, lane] + 1) % 10
            counters[r, 2] = counters[r, 2] % 9999 + 1
        before, total = at, np.int64(0)
        if pghp:
            at = _pghp(out, at, names[r], t_ms, clock) + 5
        begun = at
        for part in range(1, parts + 1):
            counters[r, 3] = counters[r, 3] % 999 + 1
            if per_second > 0:
                at = _decimal(out, at, t_ms * (per_second // 1000) if per_second >= 1000 else t_ms // 1000)
                out[at] = 32
                at += 1
            if unit_ms > 0:
                at = _tag_block(out, at, names[r], t_ms // unit_ms, part, parts, counters[r, 2], counters[r, 3] if numbered else 0)
            at = _sentence(out, at, head, parts, part, counters[r, lane], channel[m], fill[m], chars, first, last, part_chars)
            high, low = np.int64(out[at - 2]), np.int64(out[at - 1])
            total ^= 16 * (high - 48 if high < 65 else high - 55) + (low - 48 if low < 65 else low - 55)
            if trailer:
                out[at], out[at + 1] = 44, 98  # 'b', because 'rb...' is a prefix of two letters
                at = _name(out, at + 2, names[r])
                out[at] = 44
                at = _decimal(out, at + 1, t_ms // 1000)
            out[at], out[at + 1] = 13, 10
            at += 2
        if pghp:
            _close_pghp(out, before, begun - 5, total)
    return at
