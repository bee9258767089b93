"""Messages to sentences: the mirror of the decoder, in batches. May hold: bit layouts, armour, checksums, tag blocks.

May not: decide when a vessel reports or who hears it (radio). Layouts: ITU-R M.1371-5, Annex 8; sentences: IEC 61162-1.

Two steps, because one message is heard by several receivers: `encode_payloads` packs each message once into armoured
characters; `encode_sentences` wraps a payload for each hearing with tag block, parts, checksum. Everything is "not
available" until said otherwise: `new_messages` begins with the sentinels of the standard, never with zeros that would
put a ship at 0 N 0 E steaming north. What a message cannot carry is refused by `check_messages`, not wrapped around.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numba
import numpy as np
from numba import njit

from dogwatch.batch import ALT_MISSING, COG_MISSING, HDG_MISSING, LAT_MISSING, LON_MISSING, NAV_MISSING, ROT_MISSING, SEC_MISSING, SOG_MISSING, T_MISSING
from dogwatch.errors import InputError

TYPES = (1, 2, 3, 4, 5, 9, 11, 14, 18, 19, 21, 24, 27)
PART_CHARS = 60  # payload characters per sentence: 82 characters in all without the tag block
TEXT_CHARS_MAX = 161  # type 14: 968 bits

# One transmission. Units as in FIX_DTYPE, but whole knots in `sog` of types 9 and 27 and whole degrees in `cog` of 27,
# as the messages themselves have it. `who` points into the particulars; `at_*` is where the antenna really is.
MESSAGE_DTYPE = np.dtype(
    [
        ("t_ms", "<i8"),
        ("utc_ms", "<i8"),  # types 4 and 11: the clock in the message, or T_MISSING
        ("who", "<i4"),
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("at_lat", "<i4"),
        ("at_lon", "<i4"),
        ("mmsi", "<u4"),
        ("radio", "<u4"),
        ("sog", "<u2"),
        ("cog", "<u2"),
        ("hdg", "<u2"),
        ("alt_m", "<u2"),
        ("msg_type", "u1"),
        ("part", "u1"),
        ("nav", "u1"),
        ("rot", "i1"),
        ("sec", "u1"),
        ("accurate", "u1"),
        ("channel", "u1"),  # 65 'A', 66 'B', 0 empty
    ]
)

# What a vessel says of itself, but for its texts, which stand in a matrix beside it (`Particulars.letters`).
PARTICULARS_DTYPE = np.dtype(
    [
        ("imo", "<u4"),
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
        ("virtual", "u1"),
        ("text_length", "u1"),  # type 14
    ]
)
# Columns of `letters`: ASCII, filled up with zero bytes, which are sent as '@'.
CALLSIGN, NAME, DESTINATION, TEXT = slice(0, 7), slice(7, 27), slice(27, 47), slice(47, 47 + TEXT_CHARS_MAX)
LETTERS = 47 + TEXT_CHARS_MAX

# One receiver heard one message.
HEARING_DTYPE = np.dtype([("t_rx_ms", "<i8"), ("message", "<i4"), ("receiver", "<i4")])

_WORDS = 18  # 60 bits each: 1080 bits, more than the longest message
_CHARS_MAX = 172  # type 14 with 161 characters: 1006 bits
_MESSAGES = numba.from_dtype(MESSAGE_DTYPE)[::1]
_PARTICULARS = numba.from_dtype(PARTICULARS_DTYPE)[::1]
_HEARINGS = numba.from_dtype(HEARING_DTYPE)[::1]
_BYTES = numba.types.uint8[::1]

# Layouts as data: (value, first bit, width) as ITU-R M.1371-5, Annex 8 has them. A kernel that names each field in its code
# compiles five times longer and runs no faster. Kind 28 stands for part B of type 24.
PART_B_KIND, KINDS = 28, 29
_VALUES = "one mmsi nav rot sog accurate lon lat cog hdg sec radio alt_m part imo ship_type bow stern port starboard epfd eta_month eta_day eta_hour eta_minute"
_SLOTS = {name: i for i, name in enumerate((_VALUES + " draught_dm virtual year month day hour minute second lon_27 lat_27 sog_27 cog_27").split())}
_CLASS_A = "nav@38:4 rot@42:8 sog@50:10 accurate@60:1 lon@61:28 lat@89:27 cog@116:12 hdg@128:9 sec@137:6 radio@149:19"
_CLASS_B = "sog@46:10 accurate@56:1 lon@57:28 lat@85:27 cog@112:12 hdg@124:9 sec@133:6"
_CLOCK = "year@38:14 month@52:4 day@56:5 hour@61:5 minute@66:6 second@72:6 accurate@78:1 lon@79:28 lat@107:27 epfd@134:4 radio@149:19"
_LAYOUT = {
    1: _CLASS_A,
    2: _CLASS_A,
    3: _CLASS_A,
    4: _CLOCK,
    5: "imo@40:30 ship_type@232:8 bow@240:9 stern@249:9 port@258:6 starboard@264:6 epfd@270:4 "
    "eta_month@274:4 eta_day@278:5 eta_hour@283:5 eta_minute@288:6 draught_dm@294:8",
    9: "alt_m@38:12 sog@50:10 accurate@60:1 lon@61:28 lat@89:27 cog@116:12 sec@128:6 one@142:1 radio@148:20",
    11: _CLOCK,
    14: "",
    18: _CLASS_B + " one@141:1 one@144:1 one@145:1 radio@148:20",  # carrier-sense set, whole band, obeys message 22
    19: _CLASS_B + " ship_type@263:8 bow@271:9 stern@280:9 port@289:6 starboard@295:6 epfd@301:4 one@306:1",
    21: "ship_type@38:5 accurate@163:1 lon@164:28 lat@192:27 bow@219:9 stern@228:9 port@237:6 starboard@243:6 epfd@249:4 sec@253:6 virtual@269:1",
    24: "part@38:2",
    27: "accurate@38:1 nav@40:4 lon_27@44:18 lat_27@62:17 sog_27@79:6 cog_27@85:9",
    PART_B_KIND: "part@38:2 ship_type@40:8 bow@132:9 stern@141:9 port@150:6 starboard@156:6 epfd@162:4",
}
# first bit, first letter, letters
_TEXT_LAYOUT = {5: [(70, CALLSIGN), (112, NAME), (302, DESTINATION)], 14: [(40, TEXT)], 19: [(143, NAME)], 21: [(43, NAME)], 24: [(40, NAME)]}
_TEXT_LAYOUT[PART_B_KIND] = [(90, CALLSIGN)]
_BITS = np.zeros(KINDS, np.int64)
for _kind in _LAYOUT:
    _BITS[_kind] = {5: 424, 14: 40, 19: 312, 21: 272, 24: 160, 27: 96}.get(_kind, 168)


def _flat(tables: dict[int, list[tuple[int, int, int]]]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of three numbers for all kinds one after the other, and where each kind's rows begin."""
    rows = [row for kind in range(KINDS) for row in tables.get(kind, [])]
    begin = np.cumsum([0] + [len(tables.get(kind, [])) for kind in range(KINDS)])
    return np.array(rows, np.int64), begin.astype(np.int64)


def _layout_rows(text: str) -> list[tuple[int, int, int]]:
    """'nav@38:4 ...' as (slot, first bit, width); every message carries its MMSI."""
    items = [item.replace("@", ":").split(":") for item in ("mmsi@8:30 " + text).split()]
    return [(_SLOTS[name], int(first), int(width)) for name, first, width in items]


_FIELD_ROWS, _FIELD_BEGIN = _flat({kind: _layout_rows(text) for kind, text in _LAYOUT.items()})
_TEXT_ROWS, _TEXT_BEGIN = _flat({kind: [(bit, f.start, f.stop - f.start) for bit, f in rows] for kind, rows in _TEXT_LAYOUT.items()})
_UTC_SLOT = _SLOTS["year"]


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


@dataclass(slots=True)
class SentenceState:
    """What a row of sentences needs from the row before: per receiver the sequential message id and the group id."""

    stations: list[str]
    tag_time: str = "s"  # unit of `c:`: "s", "ms", or "" for sentences without tag blocks
    talker: str = "AI"
    own_ship: bool = False  # VDO instead of VDM
    part_chars: int = PART_CHARS
    counters: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))

    def __post_init__(self) -> None:
        if not len(self.counters):
            self.counters = np.zeros((len(self.stations), 2), np.int64)


def new_messages(n: int) -> np.ndarray:
    """n rows of MESSAGE_DTYPE, type 1, in which every field says "not available"; row i has `who` = i."""
    rows = np.zeros(n, MESSAGE_DTYPE)
    rows["msg_type"], rows["who"], rows["utc_ms"], rows["channel"] = 1, np.arange(n), T_MISSING, ord("A")
    rows["lat"] = rows["at_lat"] = LAT_MISSING
    rows["lon"] = rows["at_lon"] = LON_MISSING
    rows["sog"], rows["cog"], rows["hdg"], rows["alt_m"] = SOG_MISSING, COG_MISSING, HDG_MISSING, ALT_MISSING
    rows["nav"], rows["rot"], rows["sec"] = NAV_MISSING, ROT_MISSING, SEC_MISSING
    return rows


def new_particulars(n: int) -> Particulars:
    """n vessels of which every particular says "not available"."""
    rows = np.zeros(n, PARTICULARS_DTYPE)
    rows["eta_hour"], rows["eta_minute"] = 24, 60
    return Particulars(rows, np.zeros((n, LETTERS), np.uint8))


_LIMITS = {"mmsi": 999_999_999, "sog": 1023, "cog": 3600, "hdg": 511, "alt_m": 4095, "nav": 15, "sec": 63, "accurate": 1, "radio": (1 << 20) - 1, "part": 1}
_PARTICULAR_LIMITS = {"imo": (1 << 30) - 1, "bow": 511, "stern": 511, "port": 63, "starboard": 63, "eta_month": 12, "eta_day": 31, "eta_hour": 24}
_PARTICULAR_LIMITS |= {"eta_minute": 60, "epfd": 15, "virtual": 1, "text_length": TEXT_CHARS_MAX}


def check_messages(messages: np.ndarray, particulars: Particulars) -> None:
    """Raise InputError naming the field when a value does not fit its message: nothing wraps around in silence."""
    unknown = ~np.isin(messages["msg_type"], TYPES)
    if unknown.any():
        raise InputError("msg_type: no layout for it", remedy=f"types: {TYPES}", value=int(messages["msg_type"][unknown][0]))
    for rows, limits in ((messages, _LIMITS), (particulars.rows, _PARTICULAR_LIMITS)):
        for name, most in limits.items():
            if (rows[name] > most).any():
                raise InputError(f"{name}: beyond {most}", remedy="correct the value; nothing is wrapped around", value=int(rows[name].max()))
    for name, most in (("lat", LAT_MISSING), ("lon", LON_MISSING)):
        outside = (np.abs(messages[name].astype(np.int64)) > most - 600_000) & (messages[name] != most)
        if outside.any():
            raise InputError(f"{name}: beyond its range", remedy=f"use the sentinel {most} for 'not available'", value=int(messages[name][outside][0]))
    if len(messages) and not 0 <= int(messages["who"].min()) <= int(messages["who"].max()) < len(particulars.rows):
        raise InputError("who: no such row of particulars", remedy="give one row for each vessel", value=int(messages["who"].max()))


def encode_payloads(messages: np.ndarray, particulars: Particulars) -> Payloads:
    """Armoured payloads of messages (MESSAGE_DTYPE) with the particulars they point to; values are trusted (see `check_messages`)."""
    n = len(messages)
    widest = 71 if not (messages["msg_type"] == 14).any() else _CHARS_MAX
    chars = np.empty(n * widest, np.uint8)
    start, fill = np.zeros(n + 1, np.int64), np.zeros(n, np.uint8)
    _encode_payloads(messages, particulars.rows, particulars.letters, chars, start, fill)
    return Payloads(chars, start, fill, messages["channel"].copy())


def encode_sentences(payloads: Payloads, hearings: np.ndarray, state: SentenceState) -> bytes:
    """Lines (CR LF) of hearings (HEARING_DTYPE) in the order given, every part with a tag block; moves `state` on."""
    width = max((len(name) for name in state.stations), default=1)
    names = np.array([np.frombuffer(name.encode("ascii").ljust(width, b"\0"), np.uint8) for name in state.stations]).reshape(-1, width)
    lengths = payloads.start[hearings["message"] + 1] - payloads.start[hearings["message"]]
    parts = int(((lengths + state.part_chars - 1) // state.part_chars).sum())
    out = np.empty(int(lengths.sum()) + parts * (width + 80) + 16, np.uint8)
    unit_ms = {"s": 1000, "ms": 1, "": 0}[state.tag_time]
    head = np.frombuffer(f"!{state.talker}{'VDO' if state.own_ship else 'VDM'},".encode("ascii"), np.uint8)
    used = _encode_sentences(
        payloads.chars, payloads.start, payloads.fill, payloads.channel, hearings, names, state.counters, head, unit_ms, state.part_chars, out
    )
    return out[:used].tobytes()


def encode(messages: np.ndarray, particulars: Particulars, *, station: str = "EX-test", tag_time: str = "") -> list[bytes]:
    """Checked messages as lines without line ends, heard by one station at their own time: for tests and small jobs."""
    check_messages(messages, particulars)
    hearings = np.zeros(len(messages), HEARING_DTYPE)
    hearings["t_rx_ms"], hearings["message"] = messages["t_ms"], np.arange(len(messages))
    return encode_sentences(encode_payloads(messages, particulars), hearings, SentenceState([station], tag_time)).splitlines()


@njit("void(uint64[::1], int64, int64, int64)", cache=True)
def _put(words, start, width, value):
    """Write the low `width` bits of value (two's complement) at bit `start`, most significant first."""
    bits = np.uint64(value) & ((np.uint64(1) << np.uint64(width)) - np.uint64(1))
    word = start // 60
    room = 60 - start % 60
    if width <= room:
        words[word] |= bits << np.uint64(room - width)
    else:
        words[word] |= bits >> np.uint64(width - room)
        words[word + 1] |= (bits & ((np.uint64(1) << np.uint64(width - room)) - np.uint64(1))) << np.uint64(60 - (width - room))


@njit("void(int64[::1], int64)", cache=True)
def _set_utc(values, utc_ms):
    """Year to second of types 4 and 11 (civil date by the era method: 400 years are 146,097 days)."""
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
    values[_UTC_SLOT], values[_UTC_SLOT + 1], values[_UTC_SLOT + 2] = year, month, day
    values[_UTC_SLOT + 3], values[_UTC_SLOT + 4], values[_UTC_SLOT + 5] = hour, minute, second


@njit(numba.types.void(numba.types.int64[::1], numba.from_dtype(MESSAGE_DTYPE), numba.from_dtype(PARTICULARS_DTYPE)), cache=True)
def _set_values(values, m, p):
    """All values of a message in the order of _SLOTS."""
    values[0], values[1], values[2], values[3], values[4] = 1, m["mmsi"], m["nav"], m["rot"], m["sog"]
    values[5], values[6], values[7], values[8], values[9] = m["accurate"], m["lon"], m["lat"], m["cog"], m["hdg"]
    values[10], values[11], values[12], values[13] = m["sec"], m["radio"], m["alt_m"], m["part"]
    kind = m["msg_type"]
    if kind in (5, 19, 21, 24, 4, 11):
        values[14], values[15], values[16], values[17], values[18] = p["imo"], p["ship_type"], p["bow"], p["stern"], p["port"]
        values[19], values[20], values[21], values[22], values[23] = p["starboard"], p["epfd"], p["eta_month"], p["eta_day"], p["eta_hour"]
        values[24], values[25], values[26] = p["eta_minute"], p["draught_dm"], p["virtual"]
        _set_utc(values, m["utc_ms"])
    if kind == 27:
        at = _UTC_SLOT + 6
        values[at], values[at + 1] = (values[6] + 500) // 1000, (values[7] + 500) // 1000
        values[at + 2] = 63 if m["sog"] == SOG_MISSING else min(values[4], 62)
        values[at + 3] = 511 if m["cog"] == COG_MISSING else values[8]


@njit(
    numba.types.int64(numba.types.uint64[::1], numba.types.int64[::1], numba.from_dtype(MESSAGE_DTYPE), numba.from_dtype(PARTICULARS_DTYPE), _BYTES), cache=True
)
def _pack(words, values, m, p, letters):
    """One message as bits, most significant first; returns their number."""
    kind = np.int64(m["msg_type"])
    for k in range(_WORDS):
        words[k] = 0
    _put(words, 0, 6, kind)
    if kind == 24 and m["part"] == 1:
        kind = np.int64(PART_B_KIND)
    _set_values(values, m, p)
    for k in range(_FIELD_BEGIN[kind], _FIELD_BEGIN[kind + 1]):
        _put(words, _FIELD_ROWS[k, 1], _FIELD_ROWS[k, 2], values[_FIELD_ROWS[k, 0]])
    bits = _BITS[kind]
    for k in range(_TEXT_BEGIN[kind], _TEXT_BEGIN[kind + 1]):
        count = _TEXT_ROWS[k, 2]
        if kind == 14:
            count = np.int64(p["text_length"])
            bits += 6 * count
        for i in range(count):  # a zero byte is sent as '@', which is zero bits
            _put(words, _TEXT_ROWS[k, 0] + 6 * i, 6, np.int64(letters[_TEXT_ROWS[k, 1] + i]) & 63)
    return bits


@njit(numba.types.void(_MESSAGES, _PARTICULARS, numba.types.uint8[:, ::1], _BYTES, numba.types.int64[::1], _BYTES), cache=True)
def _encode_payloads(messages, particulars, letters, chars, start, fill):
    words, values = np.zeros(_WORDS, np.uint64), np.zeros(_UTC_SLOT + 10, np.int64)
    at = 0
    for i in range(messages.shape[0]):
        who = messages[i]["who"]
        bits = _pack(words, values, messages[i], particulars[who], letters[who])
        count = (bits + 5) // 6
        for k in range(count):
            v = (words[k // 10] >> np.uint64(54 - 6 * (k % 10))) & np.uint64(63)
            chars[at + k] = v + np.uint64(48) if v < np.uint64(40) else v + np.uint64(56)
        at += count
        start[i + 1] = at
        fill[i] = 6 * count - bits


@njit("int64(uint8[::1], int64, int64)", cache=True)
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


@njit("int64(uint8[::1], int64, int64)", cache=True)
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


@njit("int64(uint8[::1], int64, uint8[::1], int64, int64, int64, int64)", cache=True)
def _tag_block(out, at, station, stamp, part, parts, group):
    """`\\g:1-2-7,s:EX-north,c:1767225600*hh\\`: the group only for several parts, the time on the first one."""
    out[at] = 92
    begin = at + 1
    at = begin
    if parts > 1:
        out[at], out[at + 1], out[at + 2], out[at + 3], out[at + 4], out[at + 5] = 103, 58, 48 + part, 45, 48 + parts, 45
        at = _decimal(out, at + 6, group)
        out[at] = 44
        at += 1
    out[at], out[at + 1] = 115, 58
    at += 2
    for k in range(station.shape[0]):
        if station[k] != 0:
            out[at] = station[k]
            at += 1
    if part == 1:
        out[at], out[at + 1], out[at + 2] = 44, 99, 58
        at = _decimal(out, at + 3, stamp)
    at = _checksum(out, begin, at)
    out[at] = 92
    return at + 1


@njit(
    numba.types.int64(
        numba.types.uint8[::1],
        numba.types.int64[::1],
        numba.types.uint8[::1],
        numba.types.uint8[::1],
        _HEARINGS,
        numba.types.uint8[:, ::1],
        numba.types.int64[:, ::1],
        numba.types.Array(numba.types.uint8, 1, "C", readonly=True),
        numba.types.int64,
        numba.types.int64,
        numba.types.uint8[::1],
    ),
    cache=True,
)
def _encode_sentences(chars, start, fill, channel, hearings, names, counters, head, unit_ms, part_chars, out):
    at = 0
    for i in range(hearings.shape[0]):
        m, r = hearings[i]["message"], hearings[i]["receiver"]
        first, last = start[m], start[m + 1]
        parts = max(1, (last - first + part_chars - 1) // part_chars)
        if parts > 1:
            counters[r, 0] = (counters[r, 0] + 1) % 10
            counters[r, 1] = counters[r, 1] % 9999 + 1
        for part in range(1, parts + 1):
            if unit_ms > 0:
                at = _tag_block(out, at, names[r], hearings[i]["t_rx_ms"] // unit_ms, part, parts, counters[r, 1])
            begin = at + 1
            for k in range(head.shape[0]):  # not a slice: that compiles for two seconds
                out[at + k] = head[k]
            at += head.shape[0]
            out[at], out[at + 1], out[at + 2], out[at + 3] = 48 + parts, 44, 48 + part, 44
            at += 4
            if parts > 1:
                out[at] = 48 + counters[r, 0]
                at += 1
            out[at] = 44
            at += 1
            if channel[m] != 0:
                out[at] = channel[m]
                at += 1
            out[at] = 44
            at += 1
            stop = min(last, first + part * part_chars)
            for k in range(first + (part - 1) * part_chars, stop):
                out[at] = chars[k]
                at += 1
            out[at], out[at + 1] = 44, 48 + (fill[m] if part == parts else 0)
            at = _checksum(out, begin, at + 2)
            out[at], out[at + 1] = 13, 10
            at += 2
    return at
