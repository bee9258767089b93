"""The decoding kernel: one pass over bytes, rows and counters out. Everything compiled of this room lives here.

May live here: framing, tag blocks, stamps, reassembly, bit fields. May not: sources, words for people, Python objects.
One file, because the cache notices a changed source per file only: a kernel that calls into a second file would go on with
its stale code. What may stand in these functions, and what it becomes: dogwatch/translate.py.

Shape of the work, outermost first (sections stand in the opposite order, callee before caller):

    scan       bytes -> lines -> sentences; carries what is unfinished; stops early when an output table could overflow
      other_line, pghp, own_ship   lines that are not ours, and the times in them
      wrappers                     prefix and tag blocks before a sentence
      sentence                     one '!xxVDM,...*hh' -> checks -> single message or fragment
      fragment                     strict reassembly in a bounded table
      message                      payload bits -> a fix row, a static row, or a long row that Python finishes

All state lies in two flat stores: `m` (integers) and `buf` (bytes), with the layout named below. Two arrays instead of
twenty are what keeps compiling in seconds and a call in microseconds. Cells (C_) are kept by a snapshot: counters,
clocks, what waits for the next sentence. Registers (G_) belong to the current call: row counts, the sentence in hand.
Tables hold open fragments, stations, kinds of other lines, samples of rejects, and outputs that are no records.

Bits: six per character, packed in 48-bit words (8 characters), most significant first, so that any field up to 30 bits
lies in at most two words and never needs unsigned arithmetic. Layouts: ITU-R M.1371-5, Annex 8.
"""

# ruff: noqa: PLR1714, SIM109 - `x in (a, b)` is not in the language of these functions
from __future__ import annotations

import numba
import numpy as np
from llvmlite import binding as host
from llvmlite import ir
from numba import types
from numba.core import cgutils

from dogwatch.batch import (
    ALT_MISSING,
    COG_MISSING,
    EXERCISE_RADIO,
    EXERCISE_WORD,
    F_CK_BAD,
    F_CLASS_B,
    F_COARSE,
    F_DELAYED,
    F_DIALECT,
    F_EXERCISE,
    F_FIX_STATE,
    F_LONG,
    F_MMSI_BAD,
    F_NO_TIME,
    F_NULL_ISLAND,
    F_OWN_SHIP,
    F_RANGE,
    F_SHORT,
    F_SOG_MAX,
    F_STAMP_ODD,
    F_TAG_BAD,
    FIX_DTYPE,
    HAS_CALLSIGN,
    HAS_NAME,
    HAS_TYPE_AND_SIZE,
    HAS_VOYAGE,
    HDG_MISSING,
    LAT_MAX,
    LAT_MISSING,
    LON_MAX,
    LON_MISSING,
    NAV_MISSING,
    OTHER_DTYPE,
    ROT_MISSING,
    SEC_MISSING,
    SOG_MISSING,
    STATIC_DTYPE,
    T_MISSING,
    T_SRC_ARRIVAL,
    T_SRC_BASE,
    T_SRC_NONE,
    T_SRC_OWN_SHIP,
    T_SRC_PGHP,
    T_SRC_PREFIX,
    T_SRC_TAG,
    T_SRC_TRAILER,
)
from dogwatch.compiled import COMPILED, Unit
from dogwatch.translate import WORD, Primitive
from ingest.reports import BEACON, SAFETY_DTYPE, STATUS14, TEXT, TEXT_MAX

# Limits, each with its reason.
LINE_MAX = 1024  # bytes; longer lines are not AIS
SENTENCE_MAX = 512  # a whole type 5 in one sentence is 86 characters; a whole type 8 about 200
TAG_MAX = 256  # bytes of one tag block
JOINED_MAX = 240  # payload characters; the longest legal message has 1,064 bits = 178
PAYLOAD_PITCH = JOINED_MAX + 8  # bytes are copied eight at a time
OPEN_MAX = 1024  # messages being assembled
EXPIRE_SENTENCES = 1000
EXPIRE_MS = 2000
EXPIRE_OWN_MS = 10_000  # an own-ship clock only ticks when its sentence comes
SWEEP_EVERY = 64  # sentences between two looks for expired fragments
STATIONS_MAX = 4096
STATION_SLOTS = 8192  # power of two, at most half full
NAME_MAX = 48  # bytes of a station name
QUICK_SLOTS = 256  # power of two
KINDS_MAX = 64
SAMPLE_MAX = 128
WORD_BITS = 6 * len(EXERCISE_WORD)
_WORD = int("".join(f"{ord(c) & 63:06b}" for c in EXERCISE_WORD), 2)
WORD_HEAD, WORD_TAIL = _WORD >> (WORD_BITS - 48), _WORD & ((1 << (WORD_BITS - 48)) - 1)
JUMP_MS = 3_600_000  # a clock that moves more than this must be confirmed
CONFIRM = 60  # successive stamps that confirm a jump of the own-ship clock
BACKSTEP_MS = 5000
BASE_AGREE_MS = 120_000
BASE_OFF_MS = 60_000
BASE_RING = 8
Y2000_MS = 946_684_800_000
Y2100_MS = 4_102_444_800_000
DAY_MS = 86_400_000
# Room that one line can need at most (80 glued sentences; every open safety text expiring at once): checked before each line.
ROWS_MARGIN = 96
SAFETY_MARGIN = OPEN_MAX + 96
RAW_MARGIN = 65_536

REASONS = (
    "bad_checksum", "no_checksum", "bad_fragment", "bad_fill", "empty_payload", "too_short", "bad_armour", "unknown_type", "bad_part", "bad_length",
    "line_too_long", "bad_tag", "orphan_part", "part_order", "part_restart", "part_expired", "part_evicted", "dup_part", "part_too_long", "link_reset",
)  # fmt: skip
(
    R_CHECKSUM, R_NO_CHECKSUM, R_FRAGMENT, R_FILL, R_EMPTY, R_SHORT, R_ARMOUR, R_TYPE, R_PART, R_LENGTH,
    R_LINE, R_TAG, R_ORPHAN, R_ORDER, R_RESTART, R_EXPIRED, R_EVICTED, R_DUP, R_JOINED, R_LINK,
) = range(len(REASONS))  # fmt: skip
NOTES = (
    "garbage_prefix", "bad_tag", "tag_checksum", "talker_unknown", "time_implausible", "time_backstep", "time_foreign", "own_ship_jump", "n_gap",
    "pghp_mismatch", "pghp_buffered", "pghp_bad", "station_overflow", "checksum_flagged", "damaged_safety", "tag_dropped",
    "radio_time_late", "radio_time_ahead", "base_clock_off",
    "time_none", "time_tag", "time_pghp", "time_trailer", "time_prefix", "time_own_ship", "time_arrival", "time_base",
)  # fmt: skip
(
    N_PREFIX, N_TAG, N_TAG_SUM, N_TALKER, N_IMPLAUSIBLE, N_BACKSTEP, N_FOREIGN, N_OWN_JUMP, N_GAP,
    N_PGHP_SUM, N_PGHP_LATE, N_PGHP_BAD, N_STATION, N_FLAGGED, N_DAMAGED, N_TAG_DROPPED,
    N_RADIO_LATE, N_RADIO_AHEAD, N_BASE_OFF, N_TIME,
) = range(20)  # fmt: skip

# cells: what a snapshot keeps. Counters first, then clocks and what waits for the next sentence.
C_DECODED = 0  # 64 cells, by message type
C_REJECTED = 64  # 32 cells, by reason
C_NOTED = 96  # 32 cells, by note
(
    C_LINES, C_GLUED, C_BLANK, C_TAG_ONLY, C_PARTS, C_OPEN, C_SENTENCES, C_OPEN_MESSAGES, C_STATIONS, C_KINDS,
    C_MODE, C_STRICT_TAGS, C_KEEP_ALL,  # settings: 0 drop, 1 flag, 2 absent; then yes or no
    C_EXERCISE,  # 1: configured so, or a line has said so; never 0 again
    C_AFTER_CR, C_SKIP, C_SEEK,  # the last byte was CR; inside an over-long line; just connected
    C_TAG_T, C_TAG_STATION, C_TAG_GROUP, C_TAG_BAD,  # lone tag block waiting for its sentence
    C_PGHP_T, C_PGHP_STATION, C_PGHP_SUM, C_PGHP_LATE,  # $PGHP waiting for its sentence
    C_OWN_T, C_OWN_CANDIDATE, C_OWN_AGREE, C_FOREIGN_CANDIDATE, C_FOREIGN_AGREE, C_LAST_SRC, C_LAST_STAMP,
    C_YIELDED,  # fixes so far: where a static row stands among them decides which watermark judges it
    C_BASE_T, C_BASE_N, C_BASE_RING,  # ring: 8 times, then 8 MMSI
) = range(128, 164)  # fmt: skip
N_CELLS = C_BASE_RING + 2 * BASE_RING

# reg: registers of the current call.
(
    G_FIXES, G_STATICS, G_OTHERS, G_SAFETY, G_RAW, G_ARRIVAL,
    G_TAG_T, G_PGHP_T, G_TRAILER_T, G_PREFIX_T,  # in the order of T_SRC_TAG to T_SRC_PREFIX, the best one first
    G_TAG_STATION, G_TAG_GROUP, G_TAG_BAD, G_PGHP_STATION, G_PGHP_SUM, G_PGHP_LATE, G_TRAILER_STATION,
    G_COUNT, G_NUMBER, G_SEQ, G_CHANNEL, G_PAYLOAD, G_PAYLOAD_END, G_FILL, G_FLAGS, G_KEY, G_T,
    G_SRC, G_STATION, G_WHEN, G_STOP, G_SENTENCE, G_SENTENCE_END, G_NBITS, G_NEXT, G_ROW, G_SUM, G_START, G_END,
    G_NAME, G_NAME_END, G_WORD, G_WORD2, G_COUNTER, G_LAT, G_LON, G_SOG, G_NAV,
) = range(N_CELLS, N_CELLS + 48)  # fmt: skip
N_REG = 52

# One open message per row of the parts table.
(P_KEY, P_GROUP, P_OPENED, P_T, P_SRC, P_STATION, P_FLAGS, P_COUNT, P_GOT, P_LENGTH, P_SUM_WANTED, P_SUM, P_END) = range(13)
N_PART = P_END + 10

DONE, MESSAGE, FRAGMENT, DAMAGED = 0, 1, 2, 3  # verdicts on a sentence
DONE_ALL, FULL = 0, 1  # why a call stopped
CODE_PGHP, CODE_RMC, CODE_ZDA = 0x2450474850, 0x24524D43, 0x245A4441  # "$PGHP", "$RMC", "$ZDA"
K_COMMENT, K_TEXT, K_BINARY, K_JSON = 1, 2, 3, 4  # codes of other lines that have no address

# Room of the output tables; `scan` stops before one could overflow.
ROWS_MAX = 4096
STATICS_MAX = 4096
OTHERS_MAX = 4096
SAFETY_MAX = 2048
RAW_MAX = 1 << 19
INPUT_MAX = 1 << 17
INPUT_PAD = 512  # `common_lines` looks further before it asks whether a line has ended

# Integer store `m`: cells, registers, then tables.
WORDS = N_CELLS + N_REG
PARTS = WORDS + 96
STATIONS = PARTS + N_PART * OPEN_MAX  # hash, length, last line counter
SLOTS = STATIONS + 3 * STATIONS_MAX
KINDS = SLOTS + STATION_SLOTS  # code, count
QUICK = KINDS + 2 * KINDS_MAX  # names of up to 16 bytes as two words, and their station, by a hash of the words; in no snapshot
M_SIZE = QUICK + 3 * QUICK_SLOTS
# Byte store `buf`: tables first, the bytes to decode last.
PAYLOADS = 0
NAMES = PAYLOADS + PAYLOAD_PITCH * OPEN_MAX
SAMPLES = NAMES + NAME_MAX * STATIONS_MAX
RAW = SAMPLES + SAMPLE_MAX * len(REASONS)
STATIC_ROWS = RAW + RAW_MAX
OTHER_ROWS = STATIC_ROWS + STATICS_MAX * STATIC_DTYPE.itemsize
SAFETY_ROWS = OTHER_ROWS + OTHERS_MAX * OTHER_DTYPE.itemsize
INPUT = SAFETY_ROWS + SAFETY_MAX * SAFETY_DTYPE.itemsize
BUF_SIZE = INPUT + INPUT_MAX + INPUT_PAD


def places(dtype: np.dtype, names: str) -> list[int]:
    """Where the fields of a record stand in its bytes."""
    return [dtype.fields[name][1] for name in names.split()]  # type: ignore[index]


(
    S_BEFORE, S_T, S_T_RX, S_RELEASE, S_MMSI, S_IMO, S_FLAGS, S_MOTHERSHIP, S_BOW, S_STERN, S_PORT, S_STARBOARD, S_SRC, S_DRAUGHT,
    S_KIND, S_PART, S_TYPE, S_MONTH, S_DAY, S_HOUR, S_MINUTE, S_HAS, S_CALLSIGN, S_NAME, S_DESTINATION,
) = places(
    STATIC_DTYPE,
    "fixes_before t_ms t_rx_ms release_ms mmsi imo flags mothership bow stern port starboard src draught_dm "
    "msg_type part ship_type eta_month eta_day eta_hour eta_minute has callsign name destination",
)  # fmt: skip
S_SIZE = STATIC_DTYPE.itemsize
O_T, O_T_RX, O_MMSI, O_SRC, O_KIND, O_START, O_LENGTH, O_FLAGS = places(OTHER_DTYPE, "t_ms t_rx_ms mmsi src msg_type start length flags")
O_SIZE = OTHER_DTYPE.itemsize
A_T, A_BEFORE, A_MMSI, A_LAT, A_LON, A_FLAGS, A_SRC, A_SOG, A_KIND, A_NAV, A_REPORT, A_DAMAGED, A_TEXT = places(
    SAFETY_DTYPE, "t_ms fixes_before mmsi lat lon flags src sog msg_type nav kind damaged text"
)
A_SIZE = SAFETY_DTYPE.itemsize
# A fix row is written as nine integers of up to eight bytes instead of twenty-one fields: `put_fix` relies on this order.
F_SIZE = FIX_DTYPE.itemsize
assert places(FIX_DTYPE, "t_ms t_rx_ms release_ms receivers mmsi lat lon flags radio sog cog hdg src alt_m msg_type nav sec rot t_src ship_type") == [
    0, 8, 16, 24, 32, 36, 40, 44, 48, 52, 54, 56, 58, 60, 62, 63, 64, 65, 66, 67,
]  # fmt: skip
FIX_TYPES = sum(1 << kind for kind in (1, 2, 3, 4, 9, 11, 18, 19, 21, 27, 28))
# Where the fields of a fix begin (0: the type has none), and how many bits make its main block, all its fields, and the whole message.
AT_NAV, AT_ROT, AT_ALT, AT_SOG, AT_LON, AT_COG, AT_HDG, AT_SEC, AT_RADIO, AT_NEED, AT_FULL, AT_NOMINAL = range(12)
_CLASS_A = (38, 42, 0, 50, 61, 116, 128, 137, 149, 143, 168, 168)
_BASE = (0, 0, 0, 0, 79, 0, 0, 72, 149, 134, 168, 168)
_LAYOUTS = {
    1: _CLASS_A,
    2: _CLASS_A,
    3: _CLASS_A,
    4: _BASE,
    9: (0, 0, 38, 50, 61, 116, 0, 128, 149, 134, 168, 168),
    11: _BASE,
    18: (0, 0, 0, 46, 57, 112, 124, 133, 149, 139, 168, 168),
    19: (0, 0, 0, 46, 57, 112, 124, 133, 0, 139, 301, 312),
    21: (0, 0, 0, 0, 164, 0, 0, 253, 0, 219, 272, 360),
    27: (40, 0, 0, 79, 44, 85, 0, 0, 0, 94, 94, 168),
    28: (0, 0, 0, 0, 44, 0, 0, 38, 0, 168, 168, 168),
}
# Of messages that are no fix and no static data: bits up to the end of what they must have, and of the longest one.
_WHOLE = {
    6: (88, 1008), 7: (72, 168), 8: (56, 1008), 10: (70, 72), 12: (72, 1008), 13: (72, 168), 14: (40, 1008), 15: (88, 160), 16: (92, 144), 17: (75, 816),
    20: (70, 160), 22: (154, 168), 23: (154, 160), 25: (40, 168), 26: (60, 1064),
}  # fmt: skip
_LAYOUTS |= {kind: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, *whole) for kind, whole in _WHOLE.items()}
LAYOUT = np.array([_LAYOUTS.get(kind, (0,) * 12) for kind in range(32)], np.int64).ravel()
JOINED_HEAD = np.frombuffer(b"!AIVDM,1,1,,", np.uint8)
EXTENSION_MAX = 14  # characters that a type 21 may append to a full name

_I, _U, _M, _B = types.int64, types.void, types.int64[::1], types.uint8[::1]
HAS_PEXT = (  # not where it is microcode, and not where code for another processor is asked for
    bool(host.get_host_cpu_features().get("bmi2"))
    and host.get_host_cpu_name() not in ("znver1", "znver2")
    and not numba.config.CPU_NAME
    and numba.config.CPU_FEATURES is None
)
SWAR = COMPILED  # eight bytes at once: compiled only; without the compiler every line goes the long way
# Eight bytes in an int64, first byte lowest. No uint64: mixed with int64 it would become float64.
ONES = 0x0101010101010101
HIGH = -0x7F7F7F7F7F7F7F80  # bit 7 of each byte
HEAD, HEAD_MASK = int.from_bytes(b"!\0\0VD\0,\0", "little"), 0x00FF00FFFF0000FF  # talker, VDM or VDO and the count are looked at by themselves
SINGLE, SINGLE_MASK = int.from_bytes(b"M,1", "little") << 40, -(1 << 40)
REST = int.from_bytes(b",1,,", "little")
TAIL = int.from_bytes(b",0*", "little")  # behind a payload of 28 characters
FLAT_KINDS = sum(1 << kind for kind in (1, 2, 3, 4, 18))  # 28 characters, read in `common_lines`
KNOWN_A = sum(1 << (ord(c) - 65) for c in "BDINRSTX")
unit = Unit()
inner = unit.inner


# --- eight bytes at once ------------------------------------------------------------------------------------------


def _load(body, buf, at):
    """Eight bytes of buf from `at` on as int64, little-endian."""
    return body.builder.load(body.span(buf, at, WORD), align=1)


def _store(n_bytes):
    """A primitive that writes the low n_bytes of an integer to buf from `at` on, little-endian."""
    kind = ir.IntType(8 * n_bytes)

    def store(body, buf, at, value):
        body.builder.store(value if n_bytes == 8 else body.builder.trunc(value, kind), body.span(buf, at, kind), align=1)

    return Primitive(store)


def _intrinsic(body, name, *values):
    """One of LLVM's operations on 64 bits."""
    return body.builder.call(cgutils.get_or_insert_function(body.builder.module, ir.FunctionType(WORD, [WORD] * len(values)), name), values)


def _pext48(body, x):
    """The low six bits of eight bytes, those of the first byte highest: BMI2's parallel bit extract on the bytes in reverse."""
    return _intrinsic(body, "llvm.x86.bmi.pext.64", _intrinsic(body, "llvm.bswap.i64", x), ir.Constant(WORD, 0x3F3F3F3F3F3F3F3F))


def _pdep48(body, w):
    """The inverse of `pext48`: 48 bits as the low six bits of eight bytes, the highest six in the first byte."""
    return _intrinsic(body, "llvm.bswap.i64", _intrinsic(body, "llvm.x86.bmi.pdep.64", w, ir.Constant(WORD, 0x3F3F3F3F3F3F3F3F)))


def _among(*ranges):
    """A primitive: bit k (0 to 31) is 1 where the byte of buf at + k lies in one of the ranges (first, number of bytes); 32 at once."""
    row, bit = ir.VectorType(ir.IntType(8), 32), ir.IntType(32)

    def among(body, buf, at):
        builder = body.builder
        x = builder.load(body.span(buf, at, row), align=1)
        found = ir.Constant(ir.VectorType(ir.IntType(1), 32), [0] * 32)
        for first, n in ranges:
            found = builder.or_(found, builder.icmp_unsigned("<", builder.sub(x, ir.Constant(row, [first] * 32)), ir.Constant(row, [n] * 32)))
        return builder.zext(builder.bitcast(found, bit), WORD)

    return Primitive(among)


def _lowest_bit(body, x):
    """Place of the lowest bit that is 1, for x != 0."""
    return body.builder.cttz(x, ir.Constant(ir.IntType(1), 1))


ld64, pext48, pdep48, lowest_bit = Primitive(_load), Primitive(_pext48), Primitive(_pdep48), Primitive(_lowest_bit)
st16, st32, st64 = _store(2), _store(4), _store(8)
armour32 = _among((0x30, 0x28), (0x60, 0x18))  # characters of a payload
stops32 = _among((0x2A, 1), (0x2C, 1))  # '*' and ','
odd32 = _among((0, 0x20), (0x21, 1), (0x5C, 1), (0x80, 0x80))  # control characters, '!', a backslash, no ASCII


@inner(_I(_I, _I))
def holds(x, byte):
    """Not 0 where one of eight bytes is `byte`."""
    z = x ^ (byte * ONES)
    return (z - ONES) & ~z & HIGH


@inner(_I(_I))
def illegal(x):
    """Not 0 where one of eight characters is outside the armour alphabet (0x30-0x57, 0x60-0x77)."""
    return (x | ~(x + 0x50 * ONES) | (x + 0x08 * ONES) | ((x + 0x28 * ONES) & ~(x + 0x20 * ONES))) & HIGH


@inner(_I(_I))
def word48(x):
    """48 bits of eight legal characters, first character highest."""
    t = x - 0x30 * ONES
    t -= ((x + 0x20 * ONES) >> 4) & (0x08 * ONES)
    if HAS_PEXT:
        return pext48(t)
    t = ((t & 0x003F003F003F003F) << 6) | ((t >> 8) & 0x003F003F003F003F)
    t = ((t & 0x00000FFF00000FFF) << 12) | ((t >> 16) & 0x00000FFF00000FFF)
    return ((t & 0xFFFFFF) << 24) | (t >> 32)


@inner(_I(_I))
def letters(w):
    """Eight six-bit characters (48 bits, first one highest) as ASCII, first one lowest; ITU-R M.1371-5, table 47."""
    if HAS_PEXT:
        t = pdep48(w)
        return t + ((~t & (0x20 * ONES)) << 1)
    t = ((w >> 24) & 0xFFFFFF) | ((w & 0xFFFFFF) << 32)
    t = ((t >> 12) & 0x00000FFF00000FFF) | ((t & 0x00000FFF00000FFF) << 16)
    t = ((t >> 6) & 0x003F003F003F003F) | ((t & 0x003F003F003F003F) << 8)
    return t + ((~t & (0x20 * ONES)) << 1)


# --- bits ---------------------------------------------------------------------------------------------------------


@inner(_I(_M, _B, _I, _I, _I))
def unarmour(m, buf, start, end, lenient):
    """Pack the characters into 48-bit words. Returns how many, or -1 at an illegal byte (lenient: read as 0)."""
    acc = 0
    n = 0
    if SWAR:
        while start + n + 8 <= end and not illegal(ld64(buf, start + n)):
            m[WORDS + (n >> 3)] = word48(ld64(buf, start + n))
            n += 8
    for i in range(start + n, end):
        v = int(buf[i]) - 48
        if v < 0 or v > 71 or (39 < v < 48):
            if lenient == 0:
                return -1
            v = 0
        if v > 40:
            v -= 8
        acc = (acc << 6) | v
        n += 1
        if n & 7 == 0:
            m[WORDS + (n >> 3) - 1] = acc
            acc = 0
    k = n >> 3
    if n & 7:
        m[WORDS + k] = acc << (6 * (8 - (n & 7)))
        k += 1
    m[WORDS + k] = 0
    return n


@inner(_I(_M, _B, _I, _I))
def pack(m, buf, start, end):
    """As `unarmour`, for characters that were found legal before."""
    if not SWAR:
        return unarmour(m, buf, start, end, 0)
    k = WORDS
    for at in range(start, end - 7, 8):
        m[k] = word48(ld64(buf, at))
        k += 1
    left = (end - start) & 7
    mask = (1 << (8 * left)) - 1
    m[k], m[k + 1] = word48((ld64(buf, end - left) & mask) | ((0x30 * ONES) & ~mask)), 0
    return end - start


@inner(_I(_M, _I, _I))
def bits(m, start, width):
    """Unsigned field of up to 30 bits."""
    w = start // 48
    o = start - 48 * w
    r = 48 - o - width
    if r >= 0:
        return (m[WORDS + w] >> r) & ((1 << width) - 1)
    return ((m[WORDS + w] & ((1 << (48 - o)) - 1)) << -r) | (m[WORDS + w + 1] >> (48 + r))


@inner(_I(_M, _I, _I))
def signed(m, start, width):
    """Two's complement field of up to 30 bits."""
    v = bits(m, start, width)
    return v - (1 << width) if v >> (width - 1) else v


@inner(_I(_M, _I))
def bits48(m, start):
    """Eight characters from bit `start` on; what is not there is anything."""
    w = start // 48
    o = start - 48 * w
    return ((m[WORDS + w] << o) | (m[WORDS + w + 1] >> (48 - o))) & 0xFFFFFFFFFFFF


# --- numbers and times in text ------------------------------------------------------------------------------------


@unit.inner(_I(_B, _I, _I, _I), inline=False)
def find(buf, start, end, byte):
    """First index of a byte in [start, end), or -1."""
    if SWAR:
        while start + 8 <= end and not holds(ld64(buf, start), byte):
            start += 8
    for i in range(start, end):
        if buf[i] == byte:
            return i
    return -1


@inner(_I(_B, _I, _I, _I))
def field(buf, start, end, k):
    """Start of the k-th comma-separated field, or -1."""
    i = start
    for _ in range(k):
        i = find(buf, i, end, 44) + 1
        if i == 0:
            return -1
    return i


@unit.inner(_I(_B, _I, _I), inline=False)
def number(buf, start, end):
    """Decimal digits from start (at most 18); -1 where there is none."""
    if start < 0 or start >= end or buf[start] < 48 or buf[start] > 57:
        return -1
    v = 0
    for i in range(start, min(end, start + 18)):
        if buf[i] < 48 or buf[i] > 57:
            break
        v = v * 10 + (int(buf[i]) - 48)
    return v


@inner(_I(_B, _I, _I, _I))
def number_in(buf, start, end, k):
    """Number at the head of the k-th comma-separated field, or -1."""
    return number(buf, field(buf, start, end, k), end)


@inner(_I(_I))
def hex_value(c):
    """Value of a hex digit in either case, or -1."""
    if 48 <= c <= 57:
        return c - 48
    c &= 0xDF
    return c - 55 if 65 <= c <= 70 else -1


@inner(_I(_B, _I, _I))
def small_number(buf, start, end):
    """A field that is one to three decimal digits and nothing else; -1 for any other."""
    if end - start > 3:
        return -1
    for i in range(start, end):
        if buf[i] < 48 or buf[i] > 57:
            return -1
    return number(buf, start, end)


@inner(_I(_B, _I, _I))
def hex_pair(buf, at, end):
    """Two hex digits at `at`, or -1."""
    if at + 2 > end:
        return -1
    hi, lo = hex_value(int(buf[at])), hex_value(int(buf[at + 1]))
    return -1 if hi < 0 or lo < 0 else 16 * hi + lo


@inner(_I(_B, _I, _I))
def xor(buf, start, end):
    """NMEA checksum of [start, end)."""
    acc = 0
    if SWAR:
        while start + 8 <= end:
            acc ^= ld64(buf, start)
            start += 8
        acc ^= ld64(buf, start) & ((1 << (8 * max(end - start, 0))) - 1)
        acc ^= acc >> 32
        acc ^= acc >> 16
        return (acc ^ (acc >> 8)) & 255
    for i in range(start, end):
        acc ^= int(buf[i])
    return acc


@inner(_I(_I, _I, _I))
def day_ms(year, month, day):
    """UTC milliseconds of midnight, or T_MISSING where the date is impossible (proleptic Gregorian)."""
    if year < 1970 or year > 9999 or month < 1 or month > 12 or day < 1 or day > 31:
        return T_MISSING
    y = year - 1 if month <= 2 else year
    era = y // 400
    of_era = y - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return (era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468) * DAY_MS


@inner(_I(_I, _I, _I))
def clock_ms(hour, minute, second):
    """Milliseconds of the day, or T_MISSING where impossible (a leap second is the next midnight's)."""
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 60:
        return T_MISSING
    return hour * 3_600_000 + minute * 60_000 + second * 1000


@inner(_I(_B, _I, _I))
def calendar_ms(buf, start, end):
    """'2026-01-31T12:34:56' or '2026,1,31,12,34,56': six numbers with one byte between, as UTC milliseconds, or T_MISSING.

    What follows the sixth number (milliseconds, zone) is the caller's.
    """
    day = 0
    clock = 0
    at = start
    for k in range(6):
        v = number(buf, at, end)
        if v < 0:
            return T_MISSING
        while at < end and 48 <= buf[at] <= 57:
            at += 1
        at += 1
        if k < 3:
            day = day * 10_000 + v if v < 10_000 else -1
        else:
            clock = clock * 10_000 + v if v < 10_000 else -1
        if day < 0 or clock < 0:
            return T_MISSING
    midnight = day_ms(day // 100_000_000, day // 10_000 % 10_000, day % 10_000)
    time = clock_ms(clock // 100_000_000, clock // 10_000 % 10_000, clock % 10_000)
    return T_MISSING if midnight == T_MISSING or time == T_MISSING else midnight + time


@inner(_I(_B, _I, _I))
def epoch_ms(buf, start, end):
    """A Unix time in [start, end) as milliseconds: s, ms, us or ns by its number of digits, decimals of seconds allowed.

    T_MISSING where the field is anything else.
    """
    dot = find(buf, start, end, 46)
    whole = end if dot < 0 else dot
    n = whole - start
    if n < 1 or n > 19:
        return T_MISSING
    for i in range(start, end):
        if i != dot and (buf[i] < 48 or buf[i] > 57):
            return T_MISSING
    v = number(buf, start, whole)
    if n > 17:
        return v // 1_000_000 if n == 18 else v // 100_000  # `number` reads 18 of 19 digits
    if n > 14:
        return v // 1000
    if n > 11:
        return v
    v *= 1000
    scale = 100
    if dot >= 0:
        for i in range(dot + 1, min(end, dot + 4)):
            v += (int(buf[i]) - 48) * scale
            scale //= 10
    return v


@inner(_U(_M, _I, _I))
def own_ship_time(m, midnight, clock):
    """Take an RMC or ZDA as own-ship clock; a jump over an hour only when 60 successive ones agree."""
    t = midnight + clock
    if midnight == T_MISSING or clock == T_MISSING or t < Y2000_MS or t > Y2100_MS:
        return
    if m[C_OWN_T] != T_MISSING and abs(t - m[C_OWN_T]) > JUMP_MS:
        agrees = m[C_OWN_CANDIDATE] != T_MISSING and abs(t - m[C_OWN_CANDIDATE]) <= JUMP_MS
        m[C_OWN_AGREE] = m[C_OWN_AGREE] + 1 if agrees else 1
        m[C_OWN_CANDIDATE] = t
        if m[C_OWN_AGREE] < CONFIRM:
            m[C_NOTED + N_OWN_JUMP] += 1
            return
    m[C_OWN_T] = t
    m[C_OWN_CANDIDATE] = T_MISSING
    m[C_OWN_AGREE] = 0


@inner(_I(_I, _I))
def is_witnessed(t, src):
    """1 where a time comes from somebody other than base stations: a radio message's own time can be compared with it."""
    return 1 if t != T_MISSING and src != T_SRC_NONE and src != T_SRC_BASE else 0


@inner(_I(_M, _I, _I, _I))
def radio_time(m, radio, t, src):
    """Flag of a message whose SOTDMA state `radio` names an earlier minute than its event time t: F_DELAYED, else 0. Both signs are noted.

    At slot timeout 1 the state carries UTC hour and minute of the transmission (ITU-R M.1371-5, Annex 2, sub messages of SOTDMA), about every
    eighth message: the only thing in a position report that shows whole minutes. What was transmitted before it says it was received
    came late: buffered, relayed or played again. What was transmitted after that cannot be: then a clock is wrong, the transmitter's or
    ours, and the row is no older than it says. One minute more or less is the edge of a minute, or the age of the position. The
    difference is taken within half a day, as there is no date. Hour 0, minute 0 says nothing: radios without UTC send zeros. No time is
    ever set from it.
    """
    hour, minute = (radio >> 9) & 31, (radio >> 2) & 127
    if (radio >> 14) & 7 != 1 or hour > 23 or minute > 59 or hour + minute == 0 or not is_witnessed(t, src):
        return 0
    behind = (t // 60_000 - 60 * hour - minute + 720) % 1440 - 720
    if behind > 1:
        m[C_NOTED + N_RADIO_LATE] += 1
        return F_DELAYED
    if behind < -1:
        m[C_NOTED + N_RADIO_AHEAD] += 1
    return 0


@inner(_U(_M, _I, _I, _I))
def base_time(m, midnight, clock, mmsi):
    """Take a base station's clock as a vote. One alone never sets the time (GPS rollover: 1,024 weeks off is on record).

    The clock is set by 3 votes within 2 minutes from 2 stations, or 6 from one; moved far only by such a vote again. Where the
    sentence has a time of its own, a base station a minute off it is counted: one of the two clocks is wrong.
    """
    t = midnight + clock
    if midnight == T_MISSING or clock == T_MISSING:
        return
    if is_witnessed(m[G_T], m[G_SRC]) and abs(t - m[G_T]) > BASE_OFF_MS:
        m[C_NOTED + N_BASE_OFF] += 1
    if t < Y2000_MS or t > Y2100_MS:
        return
    m[C_BASE_RING + m[C_BASE_N] % BASE_RING] = t
    m[C_BASE_RING + BASE_RING + m[C_BASE_N] % BASE_RING] = mmsi
    m[C_BASE_N] += 1
    if m[C_BASE_T] != T_MISSING and abs(t - m[C_BASE_T]) <= BASE_AGREE_MS:
        m[C_BASE_T] = t
        return
    votes = 0
    strangers = 0
    for k in range(min(m[C_BASE_N], BASE_RING)):
        if abs(t - m[C_BASE_RING + k]) <= BASE_AGREE_MS:
            votes += 1
            if m[C_BASE_RING + BASE_RING + k] != mmsi:
                strangers += 1
    if votes >= 6 or (votes >= 3 and strangers > 0):
        m[C_BASE_T] = t


@inner(types.UniTuple(_I, 2)(_I, _I))
def event_time(t_rx, sec):
    """(event time, flags) from receive time and the UTC second of the position fix.

    lag = (t_rx - sec) mod 60. Up to 30 s: the position is that old. 58 s and more: the receiver's clock is up to 2 s slow.
    Between: the message was delayed by an unknown number of minutes, so the receive time stands and the row says so.
    """
    if t_rx == T_MISSING:
        return T_MISSING, F_NO_TIME
    if sec >= 60:
        return t_rx, 0
    s = t_rx // 1000
    lag = (s - sec) % 60
    sane = lag <= 30 or lag >= 58
    when = (s - lag + (60 if lag >= 58 else 0)) * 1000
    return when if sane else t_rx, 0 if sane else F_DELAYED


@inner(_U(_M))
def receive_time(m):
    """Choose the receive time of the sentence in hand from what its wrappers said: sets G_T and G_SRC, with notes and F_STAMP_ODD."""
    best = T_MISSING
    src = T_SRC_NONE
    latest = Y2100_MS if m[G_ARRIVAL] == T_MISSING else m[G_ARRIVAL] + DAY_MS
    for k in range(4):
        v = m[G_TAG_T + k]
        if v == T_MISSING or src != T_SRC_NONE:
            continue
        if v < Y2000_MS or v > latest:
            m[C_NOTED + N_IMPLAUSIBLE] += 1
            m[G_FLAGS] |= F_STAMP_ODD
            continue
        best = v
        src = T_SRC_TAG + k
    agree = 0
    if src != T_SRC_NONE and m[C_LAST_SRC] == T_SRC_OWN_SHIP and abs(best - m[C_OWN_T]) > JUMP_MS:
        agrees = m[C_FOREIGN_CANDIDATE] != T_MISSING and abs(best - m[C_FOREIGN_CANDIDATE]) <= JUMP_MS
        agree = m[C_FOREIGN_AGREE] + 1 if agrees else 1
        m[C_FOREIGN_CANDIDATE] = best
        if agree < CONFIRM:
            m[C_NOTED + N_FOREIGN] += 1
            m[G_FLAGS] |= F_STAMP_ODD
            src = T_SRC_NONE
        else:
            agree = 0
    m[C_FOREIGN_AGREE] = agree
    if src != T_SRC_NONE:
        if m[C_LAST_STAMP] != T_MISSING and best < m[C_LAST_STAMP] - BACKSTEP_MS:
            m[C_NOTED + N_BACKSTEP] += 1
            m[G_FLAGS] |= F_STAMP_ODD
        m[C_LAST_STAMP] = best
    elif m[G_ARRIVAL] != T_MISSING:
        best, src = m[G_ARRIVAL], T_SRC_ARRIVAL
    elif m[C_OWN_T] != T_MISSING:
        best, src = m[C_OWN_T], T_SRC_OWN_SHIP
    elif m[C_BASE_T] != T_MISSING:
        best, src = m[C_BASE_T], T_SRC_BASE
    else:
        best = T_MISSING
    m[C_LAST_SRC] = src
    m[G_T] = best
    m[G_SRC] = src


# --- stations, kinds, samples -------------------------------------------------------------------------------------


@inner(_I(_M, _B, _I, _I))
def station(m, buf, start, end):
    """Index of a station name, entered on first sight; 0 where the name is empty or the table is full. "EX-...": an exercise from here on."""
    n = min(end - start, NAME_MAX)
    if n <= 0:
        return 0
    if n >= 3 and buf[start] == 69 and buf[start + 1] == 88 and buf[start + 2] == 45:
        m[C_EXERCISE] = 1
    h = n
    for i in range(start, start + n):
        h = (h * 131 + int(buf[i])) % 1_099_511_627_689
    slot = h & (STATION_SLOTS - 1)
    while m[SLOTS + slot] >= 0:
        k = m[SLOTS + slot]
        if m[STATIONS + 3 * k + 0] == h and m[STATIONS + 3 * k + 1] == n:
            same = True
            for i in range(n):
                if buf[NAMES + NAME_MAX * k + i] != buf[start + i]:
                    same = False
            if same:
                return k
        slot = (slot + 1) & (STATION_SLOTS - 1)
    k = m[C_STATIONS]
    if k == STATIONS_MAX:
        m[C_NOTED + N_STATION] += 1
        return 0
    m[C_STATIONS] += 1
    m[SLOTS + slot] = k
    m[STATIONS + 3 * k + 0] = h
    m[STATIONS + 3 * k + 1] = n
    m[STATIONS + 3 * k + 2] = 0  # last line counter
    for i in range(n):
        buf[NAMES + NAME_MAX * k + i] = buf[start + i]
    return k


@inner(_U(_M, _I))
def count_kind(m, code):
    """Count one other line; kinds beyond the table share the last row."""
    for k in range(m[C_KINDS]):
        if m[KINDS + 2 * k + 0] == code:
            m[KINDS + 2 * k + 1] += 1
            return
    k = m[C_KINDS]
    if k < KINDS_MAX - 1:
        m[C_KINDS] += 1
        m[KINDS + 2 * k + 0] = code
        m[KINDS + 2 * k + 1] = 1
    else:
        m[KINDS + 2 * (KINDS_MAX - 1) + 1] += 1


@unit.inner(_U(_M, _B, _I, _I, _I, _I), inline=False)
def reject(m, buf, start, end, reason, n):
    """Count n sentences as rejected and keep the first of each reason as a sample."""
    if m[C_REJECTED + reason] == 0:
        for i in range(min(end - start, SAMPLE_MAX)):
            buf[SAMPLES + SAMPLE_MAX * reason + i] = buf[start + i]
    m[C_REJECTED + reason] += n


# --- messages -----------------------------------------------------------------------------------------------------


@inner(_I(_I))
def is_fix(kind):
    """1 for the types that make a row of `fixes`: 1-4, 9, 11, 18, 19, 21, 27, 28."""
    return (FIX_TYPES >> kind) & 1


@unit.inner(_U(_B, _I, _I, _I), inline=True)
def put(buf, at, value, width):
    """An integer as 2, 4 or 8 bytes, little-endian."""
    if not SWAR:
        for i in range(width):
            buf[at + i] = (value >> (8 * i)) & 255
    elif width == 2:
        st16(buf, at, value)
    elif width == 4:
        st32(buf, at, value)
    else:
        st64(buf, at, value)


# Inlined into both of its callers: a call with twenty arguments would cost as much as the work.
@unit.inner(_I(_M, _B, *[_I] * 20), inline=True)
def put_fix(m, fixes, row, flags, when, t, src, place, kind, mmsi, lon, lat, sog, cog, hdg, sec, nav, rot, alt, radio, sotdma, ship_type):
    """Write a row of `fixes`: raw values in unified units, what is out of range turned to missing. Returns its flags.

    when: the event time. sotdma: 1 where `radio` is a SOTDMA state, which may carry the time of the transmission.
    """
    if abs(lon) > LON_MAX or abs(lat) > LAT_MAX:
        flags |= 0 if lon == LON_MISSING or lat == LAT_MISSING else F_RANGE
        lon, lat = LON_MISSING, LAT_MISSING
    elif lon == 0 and lat == 0:
        flags |= F_NULL_ISLAND
    if mmsi == 0 or mmsi > 999_999_999:
        flags |= F_MMSI_BAD
    if sog == SOG_MISSING - 1:
        flags |= F_SOG_MAX
    if cog > COG_MISSING:
        cog = COG_MISSING
        flags |= F_RANGE
    wrong = ((359 - hdg) & (hdg - HDG_MISSING)) >> 63  # -1 from 360 to 510; no branch, as half of all vessels send 511
    hdg |= HDG_MISSING & wrong
    flags |= F_RANGE & wrong
    if sec > SEC_MISSING:
        sec = SEC_MISSING
        flags |= F_FIX_STATE
    if sotdma and is_witnessed(when, src) and (radio >> 14) & 7 == 1:
        flags |= radio_time(m, radio, when, src)
    at = row * F_SIZE
    put(fixes, at, when, 8)
    put(fixes, at + 8, t, 8)
    put(fixes, at + 16, T_MISSING, 8)
    put(fixes, at + 24, 1 << min(place, 63), 8)
    put(fixes, at + 32, mmsi | (lat << 32), 8)
    put(fixes, at + 40, (lon & 0xFFFFFFFF) | (flags << 32), 8)
    put(fixes, at + 48, radio, 4)
    put(fixes, at + 52, sog | (cog << 16) | (hdg << 32) | (place << 48), 8)
    put(fixes, at + 60, alt | (kind << 16) | (nav << 24) | (sec << 32) | ((rot & 255) << 40) | (src << 48) | (ship_type << 56), 8)
    return flags


@inner(_I(_M, _I, _I, _I, _I))
def field_or(m, at, width, there, missing):
    """An unsigned field, or `missing` where the type has none or its bits are not all there."""
    return bits(m, at, width) if at > 0 and there else missing


@inner(_I(_M, _I, _I, _B))
def fix_row(m, nbits, kind, fixes):
    """Fill the next row of `fixes` from a payload of type 1-4, 9, 11, 18, 19, 21, 27 or 28 (ITU-R M.1371-6); returns its flags.

    A block whose bits are not all there stays missing: the status (38-41), the main block (up to its accepted length, so
    that a position never comes from leftovers) and the radio state.
    """
    at = 12 * kind
    whole = nbits >= LAYOUT[at + AT_NEED]
    flags = m[G_FLAGS]
    flags |= F_CLASS_B if kind == 18 or kind == 19 else 0
    flags |= F_SHORT if nbits < LAYOUT[at + AT_FULL] else 0
    flags |= F_LONG if nbits > LAYOUT[at + AT_NOMINAL] + 5 else 0
    place, start = LAYOUT[at + AT_RADIO], LAYOUT[at + AT_LON]
    lon, lat = LON_MISSING, LAT_MISSING
    if kind == 27:  # tenths of minutes, whole knots and degrees
        flags |= F_COARSE if whole else 0
        sog, cog = field_or(m, 79, 6, whole, 63), field_or(m, 85, 9, whole, 511)
        flags |= F_SOG_MAX if sog == 62 else 0
        sog, cog = SOG_MISSING if sog == 63 else 10 * sog, COG_MISSING if cog == 511 else 10 * cog
        if whole:
            lon, lat = signed(m, start, 18) * 1000, signed(m, start + 18, 17) * 1000
    else:
        sog, cog = field_or(m, LAYOUT[at + AT_SOG], 10, whole, SOG_MISSING), field_or(m, LAYOUT[at + AT_COG], 12, whole, COG_MISSING)
        if kind == 9 and sog < SOG_MISSING:  # whole knots
            flags |= F_SOG_MAX if sog == SOG_MISSING - 1 else 0
            sog *= 10
        if whole:
            lon, lat = signed(m, start, 28), signed(m, start + 28, 27)
    nav, hdg = LAYOUT[at + AT_NAV], field_or(m, LAYOUT[at + AT_HDG], 9, whole, HDG_MISSING)
    nav = field_or(m, nav, 4, nbits >= nav + 4, NAV_MISSING)
    sec = LAYOUT[at + AT_SEC]
    sec = field_or(m, sec, 6, whole and nbits >= sec + 6, SEC_MISSING)
    if kind == 4 or kind == 11:  # the second of a clock, not of a position
        sec = min(sec, SEC_MISSING)
    rot = signed(m, 42, 8) if kind <= 3 and whole else ROT_MISSING
    alt = field_or(m, LAYOUT[at + AT_ALT], 12, whole, ALT_MISSING)
    radio = field_or(m, place, 19, nbits >= place + 19, 0)
    sotdma = nbits >= 168 and (kind <= 2 or kind == 4 or kind == 11 or ((kind == 9 or kind == 18) and bits(m, 148, 1) == 0))  # 3 is ITDMA
    ship_type = field_or(m, 263, 8, kind == 19 and nbits >= 301, 0)
    when, more = event_time(m[G_T], min(sec, SEC_MISSING))
    row = m[G_FIXES]
    m[G_FIXES] += 1
    m[G_WHEN], m[G_LAT], m[G_LON], m[G_SOG], m[G_NAV] = when, lat, lon, sog, nav
    flags |= more
    mmsi, place = bits(m, 8, 30), m[G_STATION]
    return put_fix(m, fixes, row, flags, when, m[G_T], m[G_SRC], place, kind, mmsi, lon, lat, sog, cog, hdg, sec, nav, rot, alt, radio, sotdma, ship_type)


@inner(_I(_I, _I))
def length_is_noise(kind, nbits):
    """1 where a rare type has a length that no transmitter gives it: noise that passed the checksum."""
    if kind == 27:
        return 0 if 94 <= nbits <= 101 or nbits == 168 else 1
    if kind == 22:
        return 0 if 168 <= nbits <= 173 else 1
    if kind == 23:
        return 0 if 160 <= nbits <= 165 else 1
    if kind == 25:
        return 0 if 40 <= nbits <= 173 else 1
    if kind == 26:
        return 0 if 60 <= nbits <= 1069 else 1
    if kind == 28:
        return 0 if nbits == 168 else 1
    return 0


@inner(_I(_M, _I))
def verdict(m, nbits):
    """Reason to reject a payload, or -1."""
    if nbits < 38:
        return R_SHORT
    kind = bits(m, 0, 6)
    if kind == 0 or kind > 28:
        return R_TYPE
    if kind == 24:
        if nbits < 40:
            return R_SHORT
        if bits(m, 38, 2) > 1:
            return R_PART
    return R_LENGTH if length_is_noise(kind, nbits) else -1


@inner(_U(_B, _I, _I, _I))
def copy(buf, to, start, n):
    """n bytes from start to `to`; up to seven behind them are overwritten too."""
    if SWAR:
        for i in range(0, n, 8):
            st64(buf, to + i, ld64(buf, start + i))
    else:
        for i in range(n):
            buf[to + i] = buf[start + i]


@inner(_U(_B, _I, _I))
def clear(buf, at, n):
    """n zeros from `at` on; up to seven behind them too."""
    if SWAR:
        for i in range(0, n, 8):
            st64(buf, at + i, 0)
    else:
        for i in range(n):
            buf[at + i] = 0


@inner(_I(_M, _B, _I, _I))
def joined_sentence(m, buf, payload, payload_end):
    """One long sentence for a message that was joined from fragments, at the end of the raw bytes. Returns its length."""
    start = RAW + m[G_RAW]
    for i in range(12):
        buf[start + i] = JOINED_HEAD[i]
    at = start + 12
    if m[G_CHANNEL]:
        buf[at] = m[G_CHANNEL]
        at += 1
    buf[at] = 44
    copy(buf, at + 1, payload, payload_end - payload)
    at += 1 + payload_end - payload
    buf[at], buf[at + 1] = 44, 48 + m[G_FILL]
    check = xor(buf, start + 1, at + 2)
    buf[at + 2] = 42
    buf[at + 3] = (check >> 4) + (48 if check >> 4 < 10 else 55)
    buf[at + 4] = (check & 15) + (48 if check & 15 < 10 else 55)
    return at + 5 - start


@inner(_I(_M, _I, _I))
def other_flags(m, kind, nbits):
    """Flags of a message that is neither a fix nor static data: whether what it must have is all there, and whether there is more than it can have."""
    full = LAYOUT[12 * kind + AT_FULL]
    if kind == 25 or kind == 26:  # their optional fields, where their flags say so
        full += 30 * bits(m, 38, 1) + 16 * bits(m, 39, 1)
    mmsi = bits(m, 8, 30)
    flags = F_MMSI_BAD if mmsi == 0 or mmsi > 999_999_999 else 0
    flags |= F_SHORT if nbits < full else 0
    return flags | (F_LONG if nbits > LAYOUT[12 * kind + AT_NOMINAL] + 5 else 0)


@inner(_U(_M, _B, _I))
def other_row(m, buf, flags):
    """Keep the whole message in hand as it is: its sentence goes to the raw bytes, or one long sentence where it was joined from fragments."""
    row = OTHER_ROWS + O_SIZE * m[G_OTHERS]
    m[G_OTHERS] += 1
    length = m[G_SENTENCE_END] - m[G_SENTENCE]
    if length > 0:
        copy(buf, RAW + m[G_RAW], m[G_SENTENCE], length)
    else:
        length = joined_sentence(m, buf, m[G_PAYLOAD], m[G_PAYLOAD_END])
    put(buf, row + O_T, m[G_WHEN], 8)
    put(buf, row + O_T_RX, m[G_T], 8)
    put(buf, row + O_MMSI, bits(m, 8, 30), 4)
    put(buf, row + O_START, m[G_RAW], 4)
    put(buf, row + O_LENGTH, length, 4)
    put(buf, row + O_FLAGS, flags, 4)
    put(buf, row + O_SRC, m[G_STATION], 2)
    buf[row + O_KIND] = bits(m, 0, 6)
    m[G_RAW] += length


@inner(_U(_M, _B, _I, _I, _I, _I, _I))
def put_long_text(m, buf, at, first, n, second, more):
    """n six-bit characters from bit `first`, then `more` from bit `second`: without '@' and blanks at both ends, cut at the first '@' left.

    Writes zeros behind it, up to the next multiple of eight characters after what it read.
    """
    total = n + more
    if SWAR:
        for i in range(0, n, 8):
            st64(buf, at + i, letters(bits48(m, first + 6 * i)))
        for i in range(0, more, 8):
            st64(buf, at + n + i, letters(bits48(m, second + 6 * i)))
    else:
        for i in range(total):
            c = bits(m, first + 6 * i if i < n else second + 6 * (i - n), 6)
            buf[at + i] = c + 64 if c < 32 else c
    begin = at
    while begin < at + total and (buf[begin] == 64 or buf[begin] == 32):
        begin += 1
    end = find(buf, begin, at + total, 64)
    if end < 0:
        end = at + total
    while end > begin and buf[end - 1] == 32:
        end -= 1
    if begin > at:
        for i in range(end - begin):
            buf[at + i] = buf[begin + i]
    for i in range(at + end - begin, at + total + 7):
        buf[i] = 0


@inner(_I(_I))
def before_at(x):
    """Mask of the letters before the first '@' of eight."""
    hit = holds(x, 64)
    return (((hit & -hit) >> 7) & ONES) - 1


@inner(_I(_I))
def without_blanks(x):
    """Eight letters, zeros at the end allowed, without the blanks behind the last other one."""
    last = ((x + 0x7F * ONES) & ((x ^ (0x20 * ONES)) + 0x7F * ONES) & HIGH) >> 7  # one bit for every letter that is neither 0 nor a blank
    last = (last & ONES) | ((last >> 8) & (ONES >> 8))
    last |= last >> 16
    last |= last >> 32
    return x & (last * 255)


@inner(_I(_I, _I))
def end_letters(x, n):
    """Eight letters, '@' from letter n on."""
    if n >= 8:
        return x
    keep = (1 << (8 * max(n, 0))) - 1
    return (x & keep) | ((0x40 * ONES) & ~keep)


@inner(_U(_M, _B, _I, _I, _I))
def put_text(m, buf, at, first, n):
    """At most 24 six-bit characters from bit `first`: without '@' and blanks at both ends, cut at the first '@' left.

    Writes 24 bytes: texts go into a row in the order in which they stand in it, so that each ends the zeros of the one before.
    """
    a = end_letters(letters(bits48(m, first)), n) if SWAR else 64
    if (a & 255) == 64 or (a & 255) == 32:
        put_long_text(m, buf, at, first, n, 0, 0)
        return
    b, c = end_letters(letters(bits48(m, first + 48)), n - 8), end_letters(letters(bits48(m, first + 96)), n - 16)
    keep = before_at(a)
    a &= keep
    keep = before_at(b) if keep == -1 else 0
    b &= keep
    c &= before_at(c) if keep == -1 else 0
    c = without_blanks(c)
    b = without_blanks(b) if c == 0 else b
    a = without_blanks(a) if b == 0 else a
    st64(buf, at, a)
    st64(buf, at + 8, b)
    st64(buf, at + 16, c)


@inner(_U(_M, _I))
def heed_mark(m, nbits):
    """A simulated call for help says so itself, whatever became of its tag block: EXERCISE_RADIO in a position, EXERCISE_WORD in a text."""
    if m[C_EXERCISE]:
        return
    kind, found = bits(m, 0, 6), False
    if kind <= 3:
        calls = bits(m, 38, 4) == 14 or 970 <= bits(m, 8, 30) // 1_000_000 <= 974
        found = calls and nbits >= 168 and bits(m, 149, 19) == EXERCISE_RADIO
    elif kind == 12 or kind == 14:
        at = 72 if kind == 12 else 40
        while at + WORD_BITS <= nbits and not found:
            found = bits48(m, at) == WORD_HEAD and bits(m, at + 48, WORD_BITS - 48) == WORD_TAIL
            at += 6
    if found:
        m[C_EXERCISE] = 1
        m[G_FLAGS] |= F_EXERCISE


@inner(_U(_M, _B, _I, _I, _I, _I, _I, _I, _I))
def safety_row(m, buf, report, nbits, damaged, lat, lon, sog, nav):
    """The message in the words goes ahead of the stream: a beacon, a status 14, or the text of a type 12 or 14 as far as it is there."""
    row = SAFETY_ROWS + A_SIZE * m[G_SAFETY]
    m[G_SAFETY] += 1
    kind = bits(m, 0, 6)
    start = 72 if kind == 12 else 40
    n = min((nbits - start) // 6, TEXT_MAX - 7) if report == TEXT and nbits > start else 0
    clear(buf, row + A_TEXT, TEXT_MAX)
    put_long_text(m, buf, row + A_TEXT, start, n, 0, 0)
    put(buf, row + A_T, m[G_T] if m[G_FLAGS] & F_CK_BAD else m[G_WHEN], 8)  # of a damaged message no second is believed
    put(buf, row + A_BEFORE, m[C_YIELDED] + m[G_FIXES], 8)
    put(buf, row + A_MMSI, bits(m, 8, 30), 4)
    put(buf, row + A_LAT, lat, 4)
    put(buf, row + A_LON, lon, 4)
    put(buf, row + A_FLAGS, m[G_FLAGS], 4)
    put(buf, row + A_SRC, m[G_STATION], 2)
    put(buf, row + A_SOG, sog, 2)
    buf[row + A_KIND], buf[row + A_NAV], buf[row + A_REPORT] = kind, nav, report
    buf[row + A_DAMAGED] = 1 if damaged or m[G_FLAGS] & F_CK_BAD else 0


@inner(_U(_M, _B, _I))
def damaged_report(m, buf, nbits):
    """What is left of a safety text or a beacon, read as far as it goes. Its time is that of the sentence in hand."""
    kind = bits(m, 0, 6)
    lat, lon, sog, nav = LAT_MISSING, LON_MISSING, SOG_MISSING, NAV_MISSING
    if kind <= 3 and nbits >= 143:
        nav, sog, lon, lat = bits(m, 38, 4), bits(m, 50, 10), signed(m, 61, 28), signed(m, 89, 27)
        if abs(lat) > LAT_MAX or abs(lon) > LON_MAX:
            lat, lon = LAT_MISSING, LON_MISSING
    m[G_WHEN] = m[G_T]
    m[C_NOTED + N_DAMAGED] += 1
    heed_mark(m, nbits)
    safety_row(m, buf, TEXT if kind == 12 or kind == 14 else BEACON, nbits, 1, lat, lon, sog, nav)


@inner(_U(_M, _B, _I, _I))
def put_size(m, buf, row, start):
    """Distances from the antenna to bow, stern, port and starboard, from bit `start` on."""
    put(buf, row + S_BOW, bits(m, start, 9), 2)
    put(buf, row + S_STERN, bits(m, start + 9, 9), 2)
    put(buf, row + S_PORT, bits(m, start + 18, 6), 2)
    put(buf, row + S_STARBOARD, bits(m, start + 24, 6), 2)


@inner(_I(_I))
def imo_is_bad(imo):
    """1 where a number given as IMO fails its check digit; 0 = not given, is not bad."""
    if imo == 0:
        return 0
    total = 0
    v = imo // 10
    for k in range(2, 8):
        total += v % 10 * k
        v //= 10
    return 1 if imo < 1_000_000 or imo > 9_999_999 or total % 10 != imo % 10 else 0


@inner(_I(_M, _B, _I, _I))
def voyage(m, buf, row, nbits):
    """Type 5: ETA, draught and destination (an incomplete last character is dropped). Returns flags."""
    month, day, hour, minute = bits(m, 274, 4), bits(m, 278, 5), bits(m, 283, 5), bits(m, 288, 6)
    flags = F_RANGE if month > 12 or hour > 24 or minute > 60 else 0
    buf[row + S_MONTH], buf[row + S_DAY] = month if month <= 12 else 0, day
    buf[row + S_HOUR], buf[row + S_MINUTE] = hour if hour <= 24 else 24, minute if minute <= 60 else 60
    put(buf, row + S_DRAUGHT, bits(m, 294, 8), 2)
    put_text(m, buf, row + S_DESTINATION, 302, min((nbits - 302) // 6, 20))
    return flags


# Flat on purpose: four layouts (ITU-R M.1371-5, tables 50, 68, 71, 76) that differ in where the same few fields stand.
@inner(_I(_M, _B, _I, _I))
def static_row(m, buf, nbits, kind):
    """The next static row from a payload of type 5, 19, 21 or 24; returns its flags. A block whose bits are not all there stays missing, never a partial value.

    24A and 24B are joined by the vessel table, field by field, with age.
    """
    row = STATIC_ROWS + S_SIZE * m[G_STATICS]
    m[G_STATICS] += 1
    clear(buf, row, S_SIZE)
    mmsi = bits(m, 8, 30)
    flags, has, full, nominal = m[G_FLAGS], 0, 160, 168
    name, callsign, ship_type, width, size, more = -1, -1, -1, 8, -1, 0
    buf[row + S_HOUR], buf[row + S_MINUTE] = 24, 60
    if kind == 5:
        full, nominal = 420, 424
        if nbits >= 70:
            put(buf, row + S_IMO, bits(m, 40, 30), 4)
            flags |= F_RANGE if imo_is_bad(bits(m, 40, 30)) else 0
        callsign = 70 if nbits >= 112 else -1
        name = 112 if nbits >= 232 else -1
        if nbits >= 270:
            ship_type, size = 232, 240
    elif kind == 19:
        full, nominal = 301, 312
        name, ship_type, size = 143, 263, 271
        flags |= F_CLASS_B
    elif kind == 21:
        full, nominal = 272, 360
        name = 43 if nbits >= 163 else -1
        if nbits > 272 and bits(m, 43 + 6 * 19, 6) != 0:  # the extension counts only behind a full name
            more = min((nbits - 272) // 6, EXTENSION_MAX)
        if nbits >= 249:
            ship_type, width, size = 38, 5, 219
    else:
        part = bits(m, 38, 2)
        buf[row + S_PART] = part
        flags |= F_CLASS_B
        if part == 0:
            name = 40 if nbits >= 160 else -1
        else:
            callsign = 90 if nbits >= 132 else -1
            flags |= F_SHORT if nbits < 162 else 0
            if nbits >= 162:
                ship_type = 40
                if mmsi // 10_000_000 == 98:  # craft of a parent ship: its MMSI stands where the size would
                    put(buf, row + S_MOTHERSHIP, bits(m, 132, 30), 4)
                else:
                    size = 132
    if callsign >= 0:  # texts in the order in which they stand in the row
        has |= HAS_CALLSIGN
        put_text(m, buf, row + S_CALLSIGN, callsign, 7)
    if name >= 0:
        has |= HAS_NAME
        if more:
            put_long_text(m, buf, row + S_NAME, name, 20, 272, more)
        else:
            put_text(m, buf, row + S_NAME, name, 20)
    if kind == 5 and nbits >= 302:
        has |= HAS_VOYAGE
        flags |= voyage(m, buf, row, nbits)
    if ship_type >= 0:
        has |= HAS_TYPE_AND_SIZE
        buf[row + S_TYPE] = bits(m, ship_type, width)
        flags |= F_RANGE if buf[row + S_TYPE] > 99 else 0
    if size >= 0:
        put_size(m, buf, row, size)
    flags |= F_SHORT if nbits < full else 0
    flags |= F_LONG if nbits > nominal + 5 else 0
    flags |= F_MMSI_BAD if mmsi == 0 or mmsi > 999_999_999 else 0
    flags |= F_NO_TIME if m[G_WHEN] == T_MISSING else 0
    put(buf, row + S_BEFORE, m[C_YIELDED] + m[G_FIXES], 8)
    put(buf, row + S_T, m[G_WHEN], 8)
    put(buf, row + S_T_RX, m[G_T], 8)
    put(buf, row + S_RELEASE, T_MISSING, 8)
    put(buf, row + S_MMSI, mmsi, 4)
    put(buf, row + S_FLAGS, flags, 4)
    put(buf, row + S_SRC, m[G_STATION], 2)
    buf[row + S_KIND], buf[row + S_HAS] = kind, has
    return flags


@inner(_U(_M, _B, _B))
def message(m, buf, fixes):
    """One whole, accepted message whose payload is in the words: a fix row, a static row or both, else a long row; that also where it is safety.

    Type 28 has both: its position is a fix, and what else it says of the aid has no column.
    """
    kind = bits(m, 0, 6)
    m[C_DECODED + kind] += 1
    m[C_NOTED + N_TIME + m[G_SRC]] += 1
    if m[G_T] == T_MISSING:
        m[G_FLAGS] |= F_NO_TIME
    m[G_WHEN] = m[G_T]
    nbits = m[G_NBITS]
    heed_mark(m, nbits)
    flags = m[G_FLAGS]
    if is_fix(kind):
        flags |= fix_row(m, nbits, kind, fixes)
        if kind == 4 and nbits >= 78:
            base_time(m, day_ms(bits(m, 38, 14), bits(m, 52, 4), bits(m, 56, 5)), clock_ms(bits(m, 61, 5), bits(m, 66, 6), bits(m, 72, 6)), bits(m, 8, 30))
        device = bits(m, 8, 30) // 1_000_000
        beacon = device == 970 or device == 972 or device == 974
        if beacon or (kind <= 3 and m[G_NAV] == 14):
            if abs(m[G_LON]) > LON_MAX or abs(m[G_LAT]) > LAT_MAX:
                m[G_LON], m[G_LAT] = LON_MISSING, LAT_MISSING
            safety_row(m, buf, BEACON if beacon else STATUS14, nbits, 0, m[G_LAT], m[G_LON], m[G_SOG], m[G_NAV])
    elif kind == 12 or kind == 14:
        safety_row(m, buf, TEXT, nbits, 0, LAT_MISSING, LON_MISSING, SOG_MISSING, NAV_MISSING)
    if kind == 5 or kind == 24 or kind == 21 or (kind == 19 and nbits >= 301):
        flags |= static_row(m, buf, nbits, kind)
    elif not is_fix(kind):
        flags |= other_flags(m, kind, nbits)
    if m[C_KEEP_ALL] or not (kind == 5 or kind == 24 or (is_fix(kind) and kind != 28)):
        other_row(m, buf, flags)


@inner(_U(_M, _B))
def damaged_safety(m, buf):
    """The one thing that a wrong checksum does not silence: types 12, 14 and MMSI 970, 972, 974 go ahead, marked damaged."""
    if m[G_NUMBER] != 1 or m[G_PAYLOAD_END] - m[G_PAYLOAD] < 7:
        return
    fill = m[G_FILL] if 0 <= m[G_FILL] <= 5 and m[G_COUNT] == 1 else 0
    nbits = 6 * unarmour(m, buf, m[G_PAYLOAD], m[G_PAYLOAD_END], 1) - fill
    kind = bits(m, 0, 6)
    device = bits(m, 8, 30) // 1_000_000
    if kind == 12 or kind == 14 or (is_fix(kind) and (device == 970 or device == 972 or device == 974)):
        stamp = m[C_LAST_STAMP]
        receive_time(m)
        m[C_LAST_STAMP] = stamp  # what is damaged moves no clock
        damaged_report(m, buf, nbits)


# --- fragments ----------------------------------------------------------------------------------------------------


@inner(_U(_M, _B, _I, _I))
def drop_parts(m, buf, row, reason):
    """Reject an open message: its fragments leave `open`. Safety text goes ahead with what there is. The last row takes its place."""
    p = PARTS + N_PART * row
    if reason >= 0:
        reject(m, buf, m[G_SENTENCE], m[G_SENTENCE_END], reason, m[p + P_GOT])
        m[C_OPEN] -= m[p + P_GOT]
    at = PAYLOADS + PAYLOAD_PITCH * row
    if reason >= 0 and (buf[at] == 60 or buf[at] == 62) and m[p + P_LENGTH] >= 7:  # armour of types 12 and 14
        keep_t, keep_src, keep_station, keep_flags, keep_channel = m[G_T], m[G_SRC], m[G_STATION], m[G_FLAGS], m[G_CHANNEL]
        m[G_T], m[G_SRC], m[G_STATION], m[G_CHANNEL] = m[p + P_T], m[p + P_SRC], m[p + P_STATION], 0
        m[G_FLAGS] = m[p + P_FLAGS] | (F_EXERCISE if m[C_EXERCISE] else 0)
        damaged_report(m, buf, 6 * unarmour(m, buf, at, at + m[p + P_LENGTH], 0))
        m[G_T], m[G_SRC], m[G_STATION], m[G_FLAGS], m[G_CHANNEL] = keep_t, keep_src, keep_station, keep_flags, keep_channel
    last = m[C_OPEN_MESSAGES] - 1
    if row != last:
        for i in range(N_PART):
            m[p + i] = m[PARTS + N_PART * last + i]
        copy(buf, at, PAYLOADS + PAYLOAD_PITCH * last, m[p + P_LENGTH])
    m[C_OPEN_MESSAGES] = last


@inner(_I(_M, _I))
def expired_parts(m, row):
    """First open message from a row on that is older than 1,000 sentences, or -1."""
    while row < m[C_OPEN_MESSAGES]:
        if m[C_SENTENCES] - m[PARTS + N_PART * row + P_OPENED] > EXPIRE_SENTENCES:
            return row
        row += 1
    return -1


@inner(_I(_M))
def find_parts(m):
    """Row of the open message that the fragment in hand belongs to, or -1. A tag group, where both have one, must be the same."""
    for row in range(m[C_OPEN_MESSAGES]):
        if m[PARTS + N_PART * row + P_KEY] == m[G_KEY]:
            group = m[PARTS + N_PART * row + P_GROUP]
            if group < 0 or m[G_TAG_GROUP] < 0 or group == m[G_TAG_GROUP]:
                return row
    return -1


@inner(_I(_M, _I, _I))
def too_late(m, row, number):
    """1 where the fragment in hand is over 2 s from the first one, or 1,000 sentences behind it.

    By stamps of the same kind; a fragment without one, as usual behind a tagged first one, counts as sent when the last stamp was heard.
    """
    p = PARTS + N_PART * row
    if m[C_SENTENCES] - m[p + P_OPENED] > EXPIRE_SENTENCES:
        return 1
    src = m[p + P_SRC]
    if number == 1 or src == T_SRC_NONE or src == T_SRC_BASE:
        return 0
    now = m[G_TAG_T]
    if src == T_SRC_PGHP:
        now = m[G_PGHP_T]
    elif src == T_SRC_TRAILER:
        now = m[G_TRAILER_T]
    elif src == T_SRC_PREFIX:
        now = m[G_PREFIX_T]
    if now == T_MISSING:
        now = m[C_LAST_STAMP]
    if src == T_SRC_ARRIVAL:
        now = m[G_ARRIVAL]
    elif src == T_SRC_OWN_SHIP:
        now = m[C_OWN_T]
    limit = EXPIRE_OWN_MS if src == T_SRC_OWN_SHIP else EXPIRE_MS
    return 1 if now != T_MISSING and abs(now - m[p + P_T]) > limit else 0


@inner(_I(_M, _B, _I))
def is_repeat(m, buf, row):
    """1 where the fragment in hand equals the one with its number that is already there."""
    number = m[G_NUMBER]
    p = PARTS + N_PART * row
    if number > m[p + P_GOT]:
        return 0
    a = m[p + P_END + number - 2] if number > 1 else 0
    z = m[p + P_END + number - 1]
    if z - a != m[G_PAYLOAD_END] - m[G_PAYLOAD]:
        return 0
    for i in range(z - a):
        if buf[PAYLOADS + PAYLOAD_PITCH * row + a + i] != buf[m[G_PAYLOAD] + i]:
            return 0
    return 1


@inner(_I(_M, _B, _I))
def joined(m, buf, row):
    """All fragments are there: time, station and flags are those of the first, fill bits those of the last. 1 where accepted."""
    p = PARTS + N_PART * row
    at = PAYLOADS + PAYLOAD_PITCH * row
    count = m[p + P_COUNT]
    m[G_PAYLOAD], m[G_PAYLOAD_END] = at, at + m[p + P_LENGTH]
    m[G_NBITS] = 6 * pack(m, buf, at, at + m[p + P_LENGTH]) - m[G_FILL]
    m[C_OPEN] -= count
    reason = verdict(m, m[G_NBITS])
    if reason >= 0:
        reject(m, buf, m[G_SENTENCE], m[G_SENTENCE_END], reason, count)
        return 0
    m[C_PARTS] += count - 1
    m[G_SENTENCE], m[G_SENTENCE_END] = 0, 0
    m[G_T], m[G_SRC], m[G_STATION] = m[p + P_T], m[p + P_SRC], m[p + P_STATION]
    m[G_FLAGS] |= m[p + P_FLAGS]
    if m[p + P_SUM_WANTED] >= 0 and m[p + P_SUM] != m[p + P_SUM_WANTED] and not m[G_FLAGS] & F_OWN_SHIP:
        m[C_NOTED + N_PGHP_SUM] += 1
    return 1


@inner(_I(_M, _B))
def fragment_verdict(m, buf):
    """What the fragment in hand means for the open message of its key (G_ROW, -1 = none): the reason to drop that one, or -1.

    R_DUP drops nothing: the fragment is a repetition.
    """
    row = find_parts(m)
    m[G_ROW] = row
    number_ = m[G_NUMBER]
    if row >= 0:
        p = PARTS + N_PART * row
        if too_late(m, row, number_):
            return R_EXPIRED
        if is_repeat(m, buf, row):
            return R_DUP
        if number_ == 1:
            return R_RESTART
        if number_ != m[p + P_GOT] + 1:
            return R_ORDER
        return R_JOINED if m[p + P_LENGTH] + m[G_PAYLOAD_END] - m[G_PAYLOAD] > JOINED_MAX else -1
    if number_ == 1 and m[C_OPEN_MESSAGES] == OPEN_MAX:
        oldest = 0
        for k in range(OPEN_MAX):
            if m[PARTS + N_PART * k + P_OPENED] < m[PARTS + N_PART * oldest + P_OPENED]:
                oldest = k
        m[G_ROW] = oldest
        return R_EVICTED
    return -1


@inner(_I(_M, _B))
def fragment(m, buf):
    """One fragment, strictly in order: 1 opens, then 2..n; a gap drops the message (a chimera is worse than a loss).

    Returns 1 where it completes a message, which then stands in the words, with its row in G_ROW.
    """
    number_ = m[G_NUMBER]
    n = m[G_PAYLOAD_END] - m[G_PAYLOAD]
    dropped = fragment_verdict(m, buf)
    row = m[G_ROW]
    if dropped >= 0 and dropped != R_DUP:
        drop_parts(m, buf, row, dropped)
        row = -1
    m[G_ROW] = -1
    own = dropped if dropped == R_DUP or dropped == R_ORDER or dropped == R_JOINED else -1
    if own < 0 and row < 0:
        own = R_ORPHAN if number_ > 1 else (R_JOINED if n > JOINED_MAX else -1)
    if own >= 0:
        reject(m, buf, m[G_SENTENCE], m[G_SENTENCE_END], own, 1)
        return 0
    if number_ == 1:
        row = m[C_OPEN_MESSAGES]
        m[C_OPEN_MESSAGES] += 1
        receive_time(m)
        for i in range(N_PART):
            m[PARTS + N_PART * row + i] = 0
        p = PARTS + N_PART * row
        m[p + P_KEY], m[p + P_GROUP], m[p + P_OPENED], m[p + P_COUNT] = m[G_KEY], m[G_TAG_GROUP], m[C_SENTENCES], m[G_COUNT]
        m[p + P_T], m[p + P_SRC], m[p + P_STATION], m[p + P_FLAGS] = m[G_T], m[G_SRC], m[G_STATION], m[G_FLAGS]
        m[p + P_SUM_WANTED] = m[G_PGHP_SUM]
    p = PARTS + N_PART * row
    length = m[p + P_LENGTH]
    copy(buf, PAYLOADS + PAYLOAD_PITCH * row + length, m[G_PAYLOAD], n)
    m[C_OPEN] += 1
    m[p + P_GOT] += 1
    m[p + P_LENGTH] = length + n
    m[p + P_END + number_ - 1] = length + n
    m[p + P_SUM] ^= m[G_SUM]
    if number_ < m[G_COUNT]:
        return 0
    m[G_ROW] = row
    return joined(m, buf, row)


# --- sentences ----------------------------------------------------------------------------------------------------


@inner(_I(_B, _I, _I))
def find_sentence(buf, start, end):
    """Index of the next '!xxVDM' or '!xxVDO' in either case, or -1."""
    i = find(buf, start, end - 5, 33)
    while i >= 0:
        if buf[i + 3] & 0xDF == 86 and buf[i + 4] & 0xDF == 68 and (buf[i + 5] & 0xDF == 77 or buf[i + 5] & 0xDF == 79):
            return i
        i = find(buf, i + 1, end - 5, 33)
    return -1


@inner(_I(_M, _B, _I, _I))
def header(m, buf, start, stop):
    """Fields of a sentence between '!' and its end into registers. Returns a reason, or -1. G_NUMBER is 0 where unreadable."""
    m[G_COUNT], m[G_NUMBER], m[G_FILL], m[G_PAYLOAD], m[G_PAYLOAD_END] = 0, 0, -1, 0, 0
    p1 = start + 7
    p2 = find(buf, p1, stop, 44) + 1
    p3 = find(buf, p2, stop, 44) + 1 if p2 > 0 else 0
    p4 = find(buf, p3, stop, 44) + 1 if p3 > 0 else 0
    p5 = find(buf, p4, stop, 44) + 1 if p4 > 0 else 0
    if p5 == 0 or buf[start + 6] != 44:
        return R_FRAGMENT
    m[G_COUNT], m[G_NUMBER] = small_number(buf, p1, p2 - 1), small_number(buf, p2, p3 - 1)
    m[G_SEQ] = int(buf[p3]) if p4 - p3 > 1 else 0
    m[G_CHANNEL] = int(buf[p4]) if p5 - p4 > 1 else 0
    if m[G_CHANNEL] == 49 or m[G_CHANNEL] == 50:
        m[G_CHANNEL] += 16  # 1, 2 -> A, B
    comma = find(buf, p5, stop, 44)
    m[G_PAYLOAD], m[G_PAYLOAD_END] = p5, stop if comma < 0 else comma
    if comma >= 0 and comma + 1 < stop:
        if comma + 2 == stop or buf[comma + 2] == 44:
            m[G_FILL] = int(buf[comma + 1]) - 48
        if comma + 2 < stop and buf[comma + 2] == 44:
            m[G_FLAGS] |= F_DIALECT
    if m[G_COUNT] < 1 or m[G_COUNT] > 9 or m[G_NUMBER] < 1 or m[G_NUMBER] > m[G_COUNT]:
        return R_FRAGMENT
    if m[G_COUNT] > 1 and (p4 - p3 > 2 or p5 - p4 > 2):  # fragments are told apart by these: one character, or they are damaged
        return R_FRAGMENT
    if m[G_PAYLOAD] == m[G_PAYLOAD_END]:
        return R_EMPTY
    return R_FILL if m[G_FILL] < 0 or m[G_FILL] > 5 else -1


@inner(_U(_M, _B, _I, _I))
def trailer(m, buf, start, end):
    """USCG fields behind the checksum and a comma: the last all-digit field of 9 digits or more is the time, r, b or rb the station."""
    stop = start
    while stop < end and buf[stop] != 33 and buf[stop] != 92:
        stop += 1
    comma = find(buf, start, stop, 44)  # what stands before the first one is a stamp of the next sentence, or noise
    while comma >= 0:
        i = comma + 1
        while i < stop and buf[i] == 32:
            i += 1
        comma = find(buf, i, stop, 44)
        z = stop if comma < 0 else comma
        while z > i and buf[z - 1] == 32:
            z -= 1
        if z - i >= 9 and buf[i] >= 48 and buf[i] <= 57:
            v = epoch_ms(buf, i, z)
            if v != T_MISSING and find(buf, i, z, 46) < 0:
                m[G_TRAILER_T] = v
        elif z - i > 1 and (buf[i] == 98 or buf[i] == 114):
            a = i + 2 if buf[i] == 114 and buf[i + 1] == 98 else i + 1
            m[G_TRAILER_STATION] = station(m, buf, a, z)


@inner(_I(_I, _I))
def talker_is_known(a, b):
    """1 for AB AD AI AN AR AS AT AX BS SA."""
    if a == 65:
        return 1 if (b == 66 or b == 68 or b == 73 or b == 78 or b == 82 or b == 83 or b == 84 or b == 88) else 0
    return 1 if (a == 66 and b == 83) or (a == 83 and b == 65) else 0


@inner(_U(_M, _B, _I))
def fragment_key(m, buf, start):
    """What fragments of one message have in common: talker, VDM or VDO, count, sequence number and channel."""
    talker = int(buf[start + 1] & 0xDF) * 256 + int(buf[start + 2] & 0xDF)
    m[G_KEY] = (((talker * 2 + (1 if m[G_FLAGS] & F_OWN_SHIP else 0)) * 16 + m[G_COUNT]) * 256 + m[G_SEQ]) * 256 + m[G_CHANNEL]


@inner(_I(_M, _B, _I, _I))
def sentence(m, buf, start, end):
    """One sentence from '!' on. G_NEXT: where the rest of the line begins, behind the checksum, or behind the '!' where that was wrong.

    Returns DONE, MESSAGE (single, payload in the words), FRAGMENT, or DAMAGED (perhaps a safety text).
    """
    star = find(buf, start, end, 42)
    given = hex_pair(buf, star + 1, end) if star >= 0 else -1
    after = star + 3
    m[G_NEXT] = start + 1
    m[G_SENTENCE], m[G_SENTENCE_END] = start, end
    if given < 0:
        if m[C_MODE] != 2:
            reject(m, buf, start, end, R_NO_CHECKSUM, 1)
            return DONE
        star = find_sentence(buf, start + 1, end)
        if star < 0:
            star = end
        after = star
    if star - start > SENTENCE_MAX:
        reject(m, buf, start, end, R_LINE, 1)
        return DONE
    m[G_SUM] = given
    m[G_FLAGS] = (F_TAG_BAD if m[G_TAG_BAD] else 0) | (F_OWN_SHIP if buf[start + 5] & 0xDF == 79 else 0) | (F_DELAYED if m[G_PGHP_LATE] else 0)
    reason = header(m, buf, start, star)
    if given >= 0 and after < end:
        trailer(m, buf, after, end)
    m[G_STATION] = m[G_TAG_STATION]
    if m[G_STATION] == 0:
        m[G_STATION] = m[G_PGHP_STATION] if m[G_PGHP_STATION] else m[G_TRAILER_STATION]
    m[G_FLAGS] |= F_EXERCISE if m[C_EXERCISE] else 0
    if given >= 0 and xor(buf, start + 1, star) != given:
        if m[C_MODE] != 1:
            reject(m, buf, start, end, R_CHECKSUM, 1)
            if reason < 0 and m[G_COUNT] > 1:  # what comes now must not complete an older message of this key
                fragment_key(m, buf, start)
                row = find_parts(m)
                if row >= 0:
                    drop_parts(m, buf, row, R_RESTART if m[G_NUMBER] == 1 else R_ORDER)
            return DAMAGED
        m[C_NOTED + N_FLAGGED] += 1
        m[G_FLAGS] |= F_CK_BAD
    m[G_NEXT] = after
    if reason < 0 and unarmour(m, buf, m[G_PAYLOAD], m[G_PAYLOAD_END], 0) < 0:
        reason = R_ARMOUR
    if reason >= 0:
        reject(m, buf, start, end, reason, 1)
        return DONE
    a, b = buf[start + 1] & 0xDF, buf[start + 2] & 0xDF
    if not talker_is_known(a, b):
        m[C_NOTED + N_TALKER] += 1
    m[G_SENTENCE_END] = min(after, end)
    if m[G_COUNT] > 1:
        fragment_key(m, buf, start)
        return FRAGMENT
    m[G_NBITS] = 6 * (m[G_PAYLOAD_END] - m[G_PAYLOAD]) - m[G_FILL]
    if m[G_PGHP_SUM] >= 0 and m[G_PGHP_SUM] != given and not m[G_FLAGS] & F_OWN_SHIP:
        m[C_NOTED + N_PGHP_SUM] += 1
    reason = verdict(m, m[G_NBITS])
    if reason >= 0:
        reject(m, buf, start, end, reason, 1)
        return DONE
    return MESSAGE


# --- lines --------------------------------------------------------------------------------------------------------


@inner(_U(_M, _I))
def line_counter(m, counter):
    """Tag block field n (1-999, then 1 again): a gap means that datagrams of this station were lost on their way to us."""
    k = m[G_TAG_STATION]
    before = m[STATIONS + 3 * k + 2]
    if before > 0 and counter != before and counter != before % 999 + 1:
        m[C_NOTED + N_GAP] += 1
    m[STATIONS + 3 * k + 2] = counter


@inner(_I(_M, _B, _I, _I))
def tag_block(m, buf, start, end):
    """One tag block from its '\\' on, into the G_TAG registers. Returns the index behind it, or -1 where it is damaged.

    A wrong checksum damages nothing by itself, as stale ones are common; where the source is strict, the block is passed over.
    """
    close = find(buf, start + 1, min(end, start + 1 + TAG_MAX), 92)
    star = find(buf, start + 1, close, 42) if close >= 0 else -1
    given = hex_pair(buf, star + 1, close) if star >= 0 else -1
    if given < 0:
        return -1
    if xor(buf, start + 1, star) != given:
        if m[C_STRICT_TAGS]:
            m[C_NOTED + N_TAG_DROPPED] += 1
            return close + 1
        m[C_NOTED + N_TAG_SUM] += 1
        m[G_TAG_BAD] = 1
    counter = -1
    i = start + 1
    while i < star:
        z = find(buf, i, star, 44)
        if z < 0:
            z = star
        colon = find(buf, i, z, 58)
        if colon == i + 1:
            key = buf[i] & 0xDF
            if key == 67:  # c: Unix time
                m[G_TAG_T] = epoch_ms(buf, colon + 1, z)
            elif key == 83:  # s: station
                m[G_TAG_STATION] = station(m, buf, colon + 1, z)
            elif key == 71:  # g: part-count-id
                dash = find(buf, colon + 1, z, 45)
                dash = find(buf, dash + 1, z, 45) if dash >= 0 else -1
                m[G_TAG_GROUP] = number(buf, dash + 1, z) if dash >= 0 else -1
            elif key == 78:  # n: line counter
                counter = number(buf, colon + 1, z)
        elif colon == i + 3 and buf[i + 1] == 71:  # xGy:id
            m[G_TAG_GROUP] = number(buf, colon + 1, z)
        i = z + 1
    if counter >= 0:
        line_counter(m, counter)
    return close + 1


@inner(_U(_M))
def take_pending(m):
    """Move what a lone tag block and a $PGHP left behind into the registers of the sentence in hand; both are spent by it."""
    m[G_TAG_T], m[G_TAG_STATION], m[G_TAG_GROUP], m[G_TAG_BAD] = m[C_TAG_T], m[C_TAG_STATION], m[C_TAG_GROUP], m[C_TAG_BAD]
    m[G_PGHP_T], m[G_PGHP_STATION], m[G_PGHP_SUM], m[G_PGHP_LATE] = m[C_PGHP_T], m[C_PGHP_STATION], m[C_PGHP_SUM], m[C_PGHP_LATE]
    m[G_PREFIX_T], m[G_TRAILER_T], m[G_TRAILER_STATION] = T_MISSING, T_MISSING, 0
    m[C_TAG_T], m[C_TAG_STATION], m[C_TAG_GROUP], m[C_TAG_BAD] = T_MISSING, 0, -1, 0
    m[C_PGHP_T], m[C_PGHP_STATION], m[C_PGHP_SUM], m[C_PGHP_LATE] = T_MISSING, 0, -1, 0


@inner(_I(_B, _I, _I))
def digit_run(buf, start, end):
    """How many digits stand from start on."""
    i = start
    while i < end and 48 <= buf[i] <= 57:
        i += 1
    return i - start


@inner(_I(_B, _I, _I))
def zone_ms(buf, at, end):
    """East of UTC in milliseconds where '+02:00', '-0330' or '+02' stands at `at`; 0 where no sign stands there; T_MISSING for a sign without a zone."""
    if at >= end or (buf[at] != 43 and buf[at] != 45):
        return 0
    n = digit_run(buf, at + 1, end)
    hours, minutes = number(buf, at + 1, min(end, at + 3)), 0
    if n == 4:
        minutes = number(buf, at + 3, end)
    elif n == 2 and at + 3 < end and buf[at + 3] == 58:
        n += digit_run(buf, at + 4, end)
        minutes = number(buf, at + 4, end) if n == 4 else 0
    if (n != 2 and n != 4) or hours > 14 or minutes > 59:  # UTC+14 is the furthest there is
        return T_MISSING
    east = (hours * 60 + minutes) * 60_000
    return east if buf[at] == 43 else -east


@inner(_I(_M, _B, _I, _I))
def prefix_time(m, buf, start, end):
    """Time before a sentence (10, 13, 16 or 19 digits, or ISO 8601, UTC unless it has an offset, then a separator) into G_PREFIX_T.

    Returns 0 where it is something else.
    """
    z = end
    while z > start and (buf[z - 1] == 32 or buf[z - 1] == 9 or buf[z - 1] == 44 or buf[z - 1] == 59 or buf[z - 1] == 124):
        z -= 1
    if z == start:
        return 1
    digits = digit_run(buf, start, z)
    v = T_MISSING
    if z < end and (digits == 10 or digits == 13 or digits == 16 or digits == 19):
        v = epoch_ms(buf, start, z)
    elif z < end and digits == 4 and z - start >= 19 and buf[start + 4] == 45:
        v = calendar_ms(buf, start, z)
        at = start + 19
        if v != T_MISSING:
            if at < z and buf[at] == 46:
                at += 1
                scale = 100
                while at < z and 48 <= buf[at] <= 57:
                    v += (int(buf[at]) - 48) * scale
                    scale //= 10
                    at += 1
            east = zone_ms(buf, at, z)
            v = T_MISSING if east == T_MISSING else v - east
    m[G_PREFIX_T] = v
    return 1 if v != T_MISSING else 0


@inner(_U(_M, _B, _I, _I, _I))
def wrappers(m, buf, start, at, first):
    """Everything in front of the sentence at `at`: prefix, then tag blocks. Damage costs the tag, never the sentence."""
    take_pending(m)
    i = find(buf, start, at, 92)
    if first and not prefix_time(m, buf, start, at if i < 0 else i):
        m[C_NOTED + N_PREFIX] += 1
    while 0 <= i < at:
        z = tag_block(m, buf, i, at)
        if z < 0:
            m[C_NOTED + N_TAG] += 1
            return
        i = find(buf, z, at, 92)


@inner(_U(_M, _B, _I, _I))
def pghp(m, buf, start, end):
    """$PGHP,1,Y,M,D,h,m,s,ms,country,region,site,online,cc*hh: receive time and station of the next sentence.

    online = 0: it was kept back and sent later, so that the time is that of the sending: its row is flagged F_DELAYED.
    """
    m[C_PGHP_T], m[C_PGHP_STATION], m[C_PGHP_SUM], m[C_PGHP_LATE] = T_MISSING, 0, -1, 0
    star = find(buf, start, end, 42)
    p = field(buf, start, star, 13) if star >= 0 else -1
    if p < 0 or xor(buf, start + 1, star) != hex_pair(buf, star + 1, end):
        m[C_NOTED + N_PGHP_BAD] += 1
        return
    when = calendar_ms(buf, field(buf, start, star, 2), star)
    ms = number_in(buf, start, star, 8)
    if when == T_MISSING or ms > 999:
        m[C_NOTED + N_PGHP_BAD] += 1
        return
    m[C_PGHP_T] = when + max(ms, 0)
    country, site, online = field(buf, start, star, 9), field(buf, start, star, 11), field(buf, start, star, 12)
    if online - site > 1:
        m[C_PGHP_STATION] = station(m, buf, site, online - 1)
    else:
        m[C_PGHP_STATION] = station(m, buf, country, find(buf, country, star, 44))
    if buf[online] == 48:
        m[C_NOTED + N_PGHP_LATE] += 1
        m[C_PGHP_LATE] = 1
    m[C_PGHP_SUM] = hex_pair(buf, p, star)


@inner(_U(_M, _B, _I, _I, _I))
def own_ship(m, buf, start, end, rmc):
    """$xxRMC (status A) and $xxZDA with a right checksum: the time source of last resort."""
    star = find(buf, start, end, 42)
    if star < 0 or xor(buf, start + 1, star) != hex_pair(buf, star + 1, end):
        return
    p = field(buf, start, star, 1)
    last = field(buf, start, star, 9 if rmc else 4)
    if last < 0 or p + 6 > star:
        return
    clock = clock_ms(number(buf, p, p + 2), number(buf, p + 2, p + 4), number(buf, p + 4, p + 6))
    if rmc == 0:
        own_ship_time(m, day_ms(number(buf, last, star), number_in(buf, start, star, 3), number_in(buf, start, star, 2)), clock)
    elif buf[field(buf, start, star, 2)] == 65 and last + 6 <= star:
        year = number(buf, last + 4, last + 6)  # of a GPS without its almanac: 80 (its epoch), or 99 (its first rollover), which is not the future
        own_ship_time(m, day_ms(year + (2000 if year < 80 else 1900), number(buf, last + 2, last + 4), number(buf, last, last + 2)), clock)


@inner(_I(_B, _I, _I))
def address_code(buf, start, end):
    """Kind of a '$' or foreign '!' sentence, packed: the sign and the last three letters; proprietary '$P' and three; the sign alone if damaged."""
    n = 0
    while start + 1 + n < end and n < 8:
        c = buf[start + 1 + n]
        if not (48 <= c <= 57 or 65 <= c <= 90):
            break
        n += 1
    code = int(buf[start])
    own = buf[start + 1] == 80
    if n == 5 or (n >= 4 and own):
        a = start + 1 if own else start + 3
        for i in range(a, a + (4 if own else 3)):
            code = code * 256 + int(buf[i])
    return code


@inner(_I(_B, _I, _I))
def says_exercise(buf, start, end):
    """1 where "s:EX-" stands anywhere in a line: in a tag block that is damaged, or not believed, or in a comment."""
    i = find(buf, start + 4, end, 45)
    while i >= 0:
        if buf[i - 1] == 88 and buf[i - 2] == 69 and buf[i - 3] == 58 and buf[i - 4] & 0xDF == 83:
            return 1
        i = find(buf, i + 1, end, 45)
    return 0


@inner(_I(_M, _B, _I, _I))
def lone_tags(m, buf, start, end):
    """Tag blocks at the head of a line without a sentence. Returns where they end (`end`: they wait for the next line), or -1: damaged."""
    take_pending(m)
    i = start
    while i < end and buf[i] == 92:
        i = tag_block(m, buf, i, end)
        if i < 0:
            return -1
        while i < end and (buf[i] == 32 or buf[i] == 9):
            i += 1
    if i == end:
        m[C_TAG_T], m[C_TAG_STATION], m[C_TAG_GROUP], m[C_TAG_BAD] = m[G_TAG_T], m[G_TAG_STATION], m[G_TAG_GROUP], m[G_TAG_BAD]
        m[C_PGHP_T], m[C_PGHP_STATION], m[C_PGHP_SUM], m[C_PGHP_LATE] = m[G_PGHP_T], m[G_PGHP_STATION], m[G_PGHP_SUM], m[G_PGHP_LATE]
    return i


@inner(_I(_B, _I, _I))
def prose_kind(buf, start, end):
    """Kind of a line that holds neither a sentence nor an address."""
    if buf[start] == 35:
        return K_COMMENT
    kind = K_JSON if buf[start] == 123 else K_TEXT
    for i in range(start, end):
        if buf[i] >= 127 or (buf[i] < 32 and buf[i] != 9):
            kind = K_BINARY
    return kind


@inner(_U(_M, _B, _I, _I))
def trim(m, buf, start, end):
    """Blanks and the head of a datagram off a line: G_START, G_END. A binary datagram (IEC 61162-450, other than "UdPbC") has G_START = -1."""
    while start < end and (buf[start] == 32 or buf[start] == 9):
        start += 1
    while end > start and (buf[end - 1] == 32 or buf[end - 1] == 9):
        end -= 1
    if end - start >= 6 and buf[start + 5] == 0:
        carries_lines = buf[start] == 85 and buf[start + 1] == 100 and buf[start + 2] == 80 and buf[start + 3] == 98 and buf[start + 4] == 67
        start = start + 6 if carries_lines else -1
    m[G_START], m[G_END] = start, end


@inner(_I(_M, _B, _I, _I))
def other_line(m, buf, at, end):
    """A line, or what stands before the first sentence `at` of it (-1: none), that is not ours. Counts it; returns 1 if there is an address to read.

    0: done, 1: a '$' or '!' address at G_START, 2: no other line, but a sentence.
    """
    start = m[G_START]
    if start < 0:
        count_kind(m, K_BINARY)
        return 0
    if start == end:
        m[C_BLANK] += 1
        return 0
    if at >= 0 and buf[start] != 36:
        return 2
    if buf[start] == 92:
        start = lone_tags(m, buf, start, end)
        if start < 0:
            reject(m, buf, m[G_START], end, R_TAG, 1)
            return 0
        if start == end:
            m[C_TAG_ONLY] += 1
            return 0
        m[G_START] = start
    if buf[start] == 33 or buf[start] == 36:
        return 1
    count_kind(m, prose_kind(buf, start, end))
    return 0


@inner(_I(_M, _B))
def room(m, fixes):
    """1 while every output table can take the worst line."""
    if (m[G_FIXES] + ROWS_MARGIN) * F_SIZE > fixes.shape[0] or m[G_STATICS] + ROWS_MARGIN > STATICS_MAX:
        return 0
    return 0 if m[G_OTHERS] + ROWS_MARGIN > OTHERS_MAX or m[G_SAFETY] + SAFETY_MARGIN > SAFETY_MAX or m[G_RAW] + RAW_MARGIN > RAW_MAX else 1


@unit.inner(types.UniTuple(_I, 3)(_B, _I), inline=True)
def plain_number(buf, at):
    """(value, index behind it, xor of its digits spread over eight bytes) of a run of at most 15 digits; eight at once where there are eight."""
    v, check, end = 0, 0, at
    y = ld64(buf, at)
    x = y ^ (0x30 * ONES)
    if (x | (x + 0x06 * ONES)) & (0xF0 * ONES) == 0:
        x = (x * 2561 >> 8) & 0x00FF00FF00FF00FF
        x = (x * 6_553_601 >> 16) & 0x0000FFFF0000FFFF
        v = x * 42_949_672_960_001 >> 32
        check = y
        end += 8
    while 48 <= buf[end] <= 57 and end - at < 15:
        v = v * 10 + (int(buf[end]) - 48)
        check ^= int(buf[end])
        end += 1
    return v, end, check


@inner(_I(_I))
def before(n):
    """Mask of the first n bytes of eight; all for more, none for less than 1."""
    return -1 if n >= 8 else (1 << (8 * max(n, 0))) - 1


@inner(_I(_I))
def folded(x):
    """Xor of the eight bytes of x."""
    x ^= x >> 32
    x ^= x >> 16
    return (x ^ (x >> 8)) & 255


@inner(_I(_I))
def hex_digits(check):
    """Two capital hex digits as they stand in memory: the first one lowest."""
    high, low = check >> 4, check & 15
    return high + 48 + (7 if high > 9 else 0) + ((low + 48 + (7 if low > 9 else 0)) << 8)


@unit.inner(_I(_M, _B, _I), inline=True)
def common_name(m, buf, at):
    """A station's name of up to 31 bytes in a tag block, up to ',' or '*', into registers, as words too. Returns its end, or -1: the long way."""
    stop = stops32(buf, at)
    n = lowest_bit(stop | (1 << 32))
    if stop == 0 or odd32(buf, at) & ((1 << n) - 1):
        return -1
    word, word2 = ld64(buf, at) & before(n), ld64(buf, at + 8) & before(n - 8)
    m[G_WORD], m[G_WORD2], m[G_NAME], m[G_NAME_END] = word, word2, at, at + n
    m[G_SUM] = word ^ word2 if n <= 16 else xor(buf, at, at + n)
    return at + n


@unit.inner(_I(_M, _B, _I), inline=True)
def common_tag(m, buf, i):
    """A tag block of the keys c, s, g and n alone, with a right checksum, into registers. Returns the index behind it, or -1: the long way.

    The station stays a name (G_NAME): it may be entered in the table only when the sentence behind the tag is known to be good.
    """
    m[G_TAG_T], m[G_NAME], m[G_NAME_END], m[G_TAG_GROUP], m[G_COUNTER] = T_MISSING, 0, 0, -1, -1
    a, check = i + 1, 0
    while a - i < 96:
        key, z = int(buf[a]), a + 2
        if buf[a + 1] != 58:
            return -1
        check ^= key ^ 58
        if key == 115:
            z = common_name(m, buf, z)
            if z < 0:
                return -1
            check ^= m[G_SUM]
        elif key == 99 or key == 110 or key == 103:
            v, z, digits = plain_number(buf, z)
            check ^= digits
            if key == 103:  # part-count-id
                for _ in range(2):
                    if buf[z] != 45 or buf[z + 1] == 45:
                        return -1
                    v, z, digits = plain_number(buf, z + 1)
                    check ^= digits ^ 45
                m[G_TAG_GROUP] = v
            elif key == 110:
                m[G_COUNTER] = v
            else:
                m[G_TAG_T] = v * 1000 if z - a <= 13 else v  # seconds have at most 11 digits
            if z == a + 2 or z - a > 16 or buf[z - 1] < 48:
                return -1
        else:
            return -1
        if buf[z] != 44:
            tail = ld64(buf, z)
            return z + 4 if (tail & 0xFF0000FF) == 0x5C00002A and (tail >> 8) & 0xFFFF == hex_digits(folded(check)) else -1
        check ^= 44
        a = z + 1
    return -1


@inner(_I(_M, _B))
def tagged_station(m, buf):
    """Index of the station that a common tag named; and its line counter is looked at. The tag's sentence is good."""
    place = 0
    n = m[G_NAME_END] - m[G_NAME]
    if n > 0:
        slot = QUICK + 3 * (((m[G_WORD] ^ (m[G_WORD2] * 31)) * 0x9E3779B97F4A7C1 >> 56) & (QUICK_SLOTS - 1))
        place = m[slot + 2]
        if n > 16 or m[slot] != m[G_WORD] or m[slot + 1] != m[G_WORD2]:
            place = station(m, buf, m[G_NAME], m[G_NAME_END])
            if n <= 16 and place > 0:
                m[slot], m[slot + 1], m[slot + 2] = m[G_WORD], m[G_WORD2], place
    m[G_TAG_STATION] = place
    if m[G_COUNTER] >= 0:
        line_counter(m, m[G_COUNTER])
    return place


@inner(_I(_I, _I))
def is_plain_talker(a, b):
    """Not 0 for the known talkers in capitals. Without branches: which of them speaks next cannot be foretold."""
    of_a = ((a ^ 65) - 1) & ((b ^ 64) - 32) & -((KNOWN_A >> ((b - 65) & 31)) & 1)
    return (of_a | (((a ^ 66) | (b ^ 83)) - 1) | (((a ^ 83) | (b ^ 65)) - 1)) >> 63


# Flat on purpose: one pass over the sentence, with all that is known of it in variables; says the same as `sentence`.
@inner(_I(_M, _B, _I, _I))
def plain_sentence(m, buf, start, n):
    """A sentence of any length whose every byte is as the standard has it, with its line end; into registers and words.

    Returns the index of the line end, or -1: the long way, nothing but registers was touched.
    """
    head, rest = ld64(buf, start), ld64(buf, start + 8)
    kind, count, number_, seq, channel = (head >> 40) & 255, ((head >> 56) & 255) - 48, ((rest >> 8) & 255) - 48, (rest >> 24) & 255, 0
    if (head & HEAD_MASK) != HEAD or (kind != 77 and kind != 79) or (rest & 0xFF00FF) != 0x2C002C or not is_plain_talker((head >> 8) & 255, (head >> 16) & 255):
        return -1
    if count < 1 or count > 9 or number_ < 1 or number_ > count:
        return -1
    p = start + 12
    rest >>= 32
    if seq == 44:
        seq = 0
    elif 48 <= seq <= 57 and rest & 255 == 44:
        p += 1
        rest >>= 8
    else:
        return -1
    if rest & 255 != 44:
        channel = rest & 255
        p += 1
        if (rest >> 8) & 255 != 44 or not (48 <= channel <= 57 or 65 <= channel <= 90):
            return -1
    p += 1
    check = head ^ 33
    check ^= (number_ + 48) ^ seq ^ channel  # the four commas behind them cancel out
    first = p
    inside = armour32(buf, p)
    while inside == 0xFFFFFFFF and p - first < JOINED_MAX:
        p += 32
        inside = armour32(buf, p)
    last = p + lowest_bit(~inside)
    if last - first > JOINED_MAX or first == last:
        return -1
    k = WORDS
    for p in range(first, last - 7, 8):
        x = ld64(buf, p)
        check ^= x
        m[k] = word48(x)
        k += 1
    left = (last - first) & 7
    mask = (1 << (8 * left)) - 1
    x = ld64(buf, last - left) & mask
    check ^= x
    m[k], m[k + 1] = word48(x | ((0x30 * ONES) & ~mask)), 0
    tail, end = ld64(buf, last), last + 5  # ",f*hh", the line end or a trailer
    fill = ((tail >> 8) & 255) - 48
    if end >= n or fill < 0 or fill > 5 or tail & 0xFF00FF != 0x2A002C:
        return -1
    check ^= (fill + 48) ^ 44
    if (tail >> 24) & 0xFFFF != hex_digits(folded(check)):
        return -1
    m[G_SENTENCE_END] = end
    if (tail >> 40) & 255 != 13 and (tail >> 40) & 255 != 10:
        if (tail >> 40) & 255 != 44:
            return -1
        while end < n and buf[end] != 13 and buf[end] != 10:
            if buf[end] == 33 or buf[end] == 92 or end - start > LINE_MAX - 256:
                return -1
            end += 1
        if end == n:
            return -1
    m[G_NBITS] = 6 * (last - first) - fill
    m[G_COUNT], m[G_NUMBER], m[G_SEQ], m[G_CHANNEL] = count, number_, seq, channel + 16 if channel == 49 or channel == 50 else channel  # 1, 2 -> A, B
    m[G_PAYLOAD], m[G_PAYLOAD_END], m[G_FILL], m[G_SUM] = first, last, fill, folded(check)
    m[G_SENTENCE], m[G_FLAGS] = start, F_OWN_SHIP if kind == 79 else 0
    if count == 1:
        return end if verdict(m, m[G_NBITS]) < 0 else -1
    fragment_key(m, buf, start)
    return end


@inner(_I(_M))
def nothing_waits(m):
    """1 where no earlier line has left anything for the next one, and no setting wants the long way."""
    if m[C_KEEP_ALL]:
        return 0
    if m[C_AFTER_CR] != 0 or m[C_SEEK] != 0 or m[C_SKIP] != 0 or m[C_TAG_BAD] != 0 or m[C_TAG_STATION] != 0 or m[C_PGHP_STATION] != 0:
        return 0
    if m[C_TAG_T] != T_MISSING or m[C_TAG_GROUP] != -1 or m[C_PGHP_T] != T_MISSING or m[C_PGHP_SUM] != -1:
        return 0
    return 1


@inner(_I(_M, _I))
def sweep_is_due(m, sentences):
    """1 where an open message expires at this count of sentences: the long way drops it."""
    if sentences % SWEEP_EVERY != 0:
        return 0
    m[C_SENTENCES] += 1
    old = expired_parts(m, 0)
    m[C_SENTENCES] -= 1
    return 1 if old >= 0 else 0


@inner(_I(_M, _B, _I, _I))
def next_line(m, buf, end, n):
    """Index behind the line end at `end`; a CR that is the last byte waits for its LF."""
    if buf[end] == 10:
        return end + 1
    if end + 1 == n:
        m[C_AFTER_CR] = 1
        return n
    return end + 2 if buf[end + 1] == 10 else end + 1


@inner(_I(_M))
def silent_source(m):
    """Where the receive time of a sentence without a stamp comes from (T_SRC_...)."""
    if m[G_ARRIVAL] != T_MISSING:
        return T_SRC_ARRIVAL
    if m[C_OWN_T] != T_MISSING:
        return T_SRC_OWN_SHIP
    return T_SRC_BASE if m[C_BASE_T] != T_MISSING else T_SRC_NONE


@inner(_I(_M, _I))
def silent_time(m, src):
    """Receive time of a sentence without a stamp from `silent_source`."""
    if src == T_SRC_ARRIVAL:
        return m[G_ARRIVAL]
    return m[C_OWN_T] if src == T_SRC_OWN_SHIP else m[C_BASE_T]


@unit.inner(_I(_M, _B, _I, _I, _I, _I, _B), inline=True)
def common_sentence(m, buf, i, p, n, tag_t, fixes):
    """The line at i whose plain sentence, of any kind, begins at p behind a common tag block (if p > i). Returns where the next line begins.

    -1: the long way, nothing but registers was touched.
    """
    end = plain_sentence(m, buf, p, n)
    if end < 0 or sweep_is_due(m, m[C_SENTENCES] + 1):
        return -1
    m[C_LINES] += 1
    m[C_SENTENCES] += 1
    m[G_STATION], m[G_TAG_T], m[G_ROW] = 0, tag_t, -1
    if p > i:
        m[G_STATION] = tagged_station(m, buf)
    else:
        m[G_TAG_GROUP] = -1
    after = m[G_SENTENCE_END]
    if after < end:
        trailer(m, buf, after, end)
        if m[G_STATION] == 0:
            m[G_STATION] = m[G_TRAILER_STATION]
    m[G_FLAGS] |= F_EXERCISE if m[C_EXERCISE] else 0
    i = next_line(m, buf, end, n)
    if m[G_COUNT] == 1:
        receive_time(m)
        message(m, buf, fixes)
    elif fragment(m, buf):
        message(m, buf, fixes)
    if m[G_ROW] >= 0:
        drop_parts(m, buf, m[G_ROW], -1)
    m[G_TRAILER_T], m[G_TRAILER_STATION] = T_MISSING, 0
    return i


# Flat on purpose: eight lines in ten come through here, and a call that takes the arrays costs as much as all the bits of a position.
# Says the same as wrappers, sentence, receive_time, message and fix_row; tests/test_decode_twin.py holds both ways together.
@inner(_I(_M, _B, _I, _I, _B))
def common_lines(m, buf, i, n, fixes):
    """Decode lines from i on for as long as they are common: perhaps a tag block, then one plain sentence. A type 1, 2, 3, 4 or 18 of 28
    characters becomes a row here, other sentences go to `fragment` and `message`. Returns where the first uncommon line begins, still
    uncounted.

    What changes with each line is kept in variables (`row`, `done`, `stamp`, `last_src`) and stored before others look at it.
    """
    if m[C_AFTER_CR] and i < n:
        m[C_AFTER_CR] = 0
        i += 1 if buf[i] == 10 else 0
    if not nothing_waits(m) or not room(m, fixes):
        return i
    m[G_PGHP_T], m[G_PGHP_STATION], m[G_PGHP_SUM], m[G_PGHP_LATE] = T_MISSING, 0, -1, 0
    m[G_PREFIX_T], m[G_TRAILER_T], m[G_TRAILER_STATION], m[G_TAG_BAD] = T_MISSING, T_MISSING, 0, 0
    latest = Y2100_MS if m[G_ARRIVAL] == T_MISSING else m[G_ARRIVAL] + DAY_MS
    row, row_end = m[G_FIXES], fixes.shape[0] // F_SIZE - ROWS_MARGIN
    done, to_sweep = 0, SWEEP_EVERY - m[C_SENTENCES] % SWEEP_EVERY
    stamp, last_src, exercise = m[C_LAST_STAMP], m[C_LAST_SRC], F_EXERCISE * m[C_EXERCISE]
    silent_src = silent_source(m)
    silent_t = silent_time(m, silent_src)
    split_t, second, minute_ms = T_MISSING, 0, 0  # the last receive time: its second, and the milliseconds of its minute
    while i < n and row <= row_end:
        # framing: every byte up to the line end is looked at, so that nothing can hide in it
        p = i
        tag_t = T_MISSING
        head = ld64(buf, i)
        if head & 255 == 92:
            p = common_tag(m, buf, i)
            if p < 0:
                break
            tag_t = m[G_TAG_T]
            head = ld64(buf, p)
        rest = ld64(buf, p + 8)
        channel = (rest >> 32) & 255
        q = p + (13 if channel == 44 else 14)
        x0, x3 = ld64(buf, q), ld64(buf, q + 24)
        tail, end = ld64(buf, q + 28), q + 33  # ",0*hh", the line end, and what follows
        w0 = word48(x0)
        kind = w0 >> 42
        mmsi = (w0 >> 10) & 0x3FFFFFFF
        flat = (tail & 0xFFFFFF) == TAIL and (head & HEAD_MASK) == HEAD and (head & SINGLE_MASK) == SINGLE and (rest & 0xFFFFFFFF) == REST
        if flat:
            x1, x2 = ld64(buf, q + 8), ld64(buf, q + 16)
            check = head ^ 33 ^ (rest & 0xFFFFFFFFFF) ^ x0 ^ x1 ^ x2 ^ (x3 & 0xFFFFFFFFFFFF) ^ (0 if channel == 44 else 44)
            x3 = (x3 & 0xFFFFFFFF) | (0x30303030 << 32)
            flat = ((tail >> 24) & 0xFFFF) == hex_digits(folded(check)) and armour32(buf, q) & 0xFFFFFFF == 0xFFFFFFF
            # A, B, 1 or 2 and its comma, or no channel: in one number, as nobody can foretell which it is
            strange = (((((channel & 15) - 1) | ((channel >> 4) - 3)) & ~1) | (((rest >> 40) & 255) ^ 44)) if channel != 44 else 0
            flat = flat and strange == 0
            flat = flat and end < n and ((tail >> 40) & 255 == 13 or (tail >> 40) & 255 == 10) and is_plain_talker((head >> 8) & 255, (head >> 16) & 255)
            flat = flat and (FLAT_KINDS >> kind) & 1 != 0
            # stamps that want a second look; distress devices, and what shares their thousand
            flat = flat and (tag_t == T_MISSING or (Y2000_MS <= tag_t <= latest and last_src != T_SRC_OWN_SHIP))
            flat = flat and (mmsi < 970_000_000 or mmsi >= 975_000_000) and (kind > 3 or (w0 >> 6) & 15 != 14)
        if not flat or done + 1 == to_sweep:
            m[G_FIXES], m[C_LAST_STAMP], m[C_LAST_SRC] = row, stamp, last_src
            m[C_LINES] += done
            m[C_SENTENCES] += done
            done = common_sentence(m, buf, i, p, n, tag_t, fixes)
            row = m[G_FIXES]
            if done >= 0:
                i = done
            done = -1 if done < 0 else 0
            if done < 0 or not room(m, fixes):
                return i
            to_sweep = SWEEP_EVERY - m[C_SENTENCES] % SWEEP_EVERY
            stamp, last_src, exercise = m[C_LAST_STAMP], m[C_LAST_SRC], F_EXERCISE * m[C_EXERCISE]
            silent_src = silent_source(m)
            silent_t = silent_time(m, silent_src)
            continue
        # the receive time, and with the first thing written the line is ours
        src, t, flags = silent_src, silent_t, exercise
        place = 0
        if p > i:
            place = tagged_station(m, buf)
            flags = exercise = F_EXERCISE * m[C_EXERCISE]  # a new station may have said so
            if tag_t != T_MISSING:
                src, t = T_SRC_TAG, tag_t
                if stamp != T_MISSING and t < stamp - BACKSTEP_MS:
                    m[C_NOTED + N_BACKSTEP] += 1
                    flags |= F_STAMP_ODD
                stamp = t
        last_src = src
        done += 1
        i = end + 1
        if (tail >> 40) & 255 == 13:
            if i == n:
                m[C_AFTER_CR] = 1
            elif (tail >> 48) & 255 == 10:
                i += 1
        m[C_DECODED + kind] += 1
        m[C_NOTED + N_TIME + src] += 1
        # what the payload says
        w1, w2, w3 = word48(x1), word48(x2), word48(x3)
        nav, rot, sog, cog, hdg, radio = NAV_MISSING, ROT_MISSING, SOG_MISSING, COG_MISSING, HDG_MISSING, (w3 >> 24) & 0x7FFFF
        sotdma = kind != 3
        if kind <= 3:
            nav, rot, sog, cog, hdg, sec = (w0 >> 6) & 15, ((w0 & 63) << 2) | (w1 >> 46), (w1 >> 36) & 1023, (w2 >> 16) & 4095, (w2 >> 7) & 511, (w2 >> 1) & 63
            lon, lat = (w1 >> 7) & 0xFFFFFFF, ((w1 & 127) << 20) | (w2 >> 28)
            rot -= 256 if rot > 127 else 0
        elif kind == 4:
            lon, lat, sec = ((w1 & 0x1FFFF) << 11) | (w2 >> 37), (w2 >> 10) & 0x7FFFFFF, min((w1 >> 18) & 63, SEC_MISSING)
        else:
            sog, cog, hdg, sec = ((w0 & 3) << 8) | (w1 >> 40), (w2 >> 20) & 4095, (w2 >> 11) & 511, (w2 >> 5) & 63
            lon, lat = (w1 >> 11) & 0xFFFFFFF, ((w1 & 2047) << 16) | (w2 >> 32)
            flags |= F_CLASS_B
            sotdma = (w3 >> 43) & 1 == 0
        lon -= (lon >> 27) << 28
        lat -= (lat >> 26) << 27
        # its time: `event_time`, with the receive time taken apart once for all that share it
        when = t
        if t == T_MISSING:
            flags |= F_NO_TIME
        else:
            if t != split_t:
                split_t, minute_ms = t, t % 60_000
                second = minute_ms // 1000
            # -1 and 0 stand for yes and no
            lag = second - sec
            lag += 60 & (lag >> 63)
            ahead, known = (57 - lag) >> 63, (sec - 60) >> 63
            sane = (ahead | ((lag - 31) >> 63)) & known
            when += (1000 * (second - lag + (60 & ahead)) - minute_ms) & sane
            flags |= F_DELAYED & known & ~sane
        put_fix(m, fixes, row, flags, when, t, src, place, kind, mmsi, lon, lat, sog, cog, hdg, sec, nav, rot, ALT_MISSING, radio, sotdma, 0)
        row += 1
        if kind == 4:
            m[G_T], m[G_SRC] = t, src
            midnight = day_ms(((w0 & 1023) << 4) | (w1 >> 44), (w1 >> 40) & 15, (w1 >> 35) & 31)
            base_time(m, midnight, clock_ms((w1 >> 30) & 31, (w1 >> 24) & 63, (w1 >> 18) & 63), mmsi)
            silent_src = silent_source(m)
            silent_t = silent_time(m, silent_src)
        m[C_FOREIGN_AGREE] = 0
    m[G_FIXES], m[C_LAST_STAMP], m[C_LAST_SRC] = row, stamp, last_src
    m[C_LINES] += done
    m[C_SENTENCES] += done
    return i


@inner(_I(_M))
def unaccounted(m):
    """Lines that no class accounts for; 0 in a correct program."""
    classes = m[C_BLANK] + m[C_TAG_ONLY] + m[C_PARTS] + m[C_OPEN]
    for k in range(C_NOTED):  # decoded and rejected
        classes += m[k]
    for k in range(KINDS_MAX):
        classes += m[KINDS + 2 * k + 1]
    return m[C_LINES] + m[C_GLUED] - classes


# Flat on purpose: the stages of a line, each called from here, in the order in which they count. Twin: tests/naive_decode.py, Twin.
@inner(_I(_M, _B, _I, _I, _B))
def whole_lines(m, buf, i, n, fixes):
    """Decode the whole lines of buf[i:n]; returns where it stopped."""
    while i < n:
        if SWAR:
            i = common_lines(m, buf, i, n, fixes)
            if i == n:
                break
        if not room(m, fixes):
            m[G_STOP] = FULL
            return i
        if m[C_AFTER_CR]:
            m[C_AFTER_CR] = 0
            if buf[i] == 10:
                i += 1
                continue
        if m[C_SEEK]:  # just connected: the rest of a line whose head we never saw is no line
            while i < n and m[C_SEEK] and (buf[i] != 33 and buf[i] != 36 and buf[i] != 92):
                if buf[i] == 10 or buf[i] == 13:
                    m[C_SEEK] = 0
                    m[C_AFTER_CR] = 1 if buf[i] == 13 else 0
                i += 1
            if i < n:
                m[C_SEEK] = 0
            continue
        end = i
        if SWAR:
            while end + 8 <= n and not (holds(ld64(buf, end), 10) | holds(ld64(buf, end), 13)):
                end += 8
        while end < n and buf[end] != 10 and buf[end] != 13:
            end += 1
        if m[C_SKIP] == 0 and end - i > LINE_MAX:
            m[C_LINES] += 1
            reject(m, buf, i, i + SAMPLE_MAX, R_LINE, 1)
            m[C_SKIP] = 1
        if end == n:
            return n if m[C_SKIP] else i
        m[C_AFTER_CR] = 1 if buf[end] == 13 else 0
        start = i
        i = end + 1
        if m[C_SKIP]:
            m[C_SKIP] = 0
            continue
        m[C_LINES] += 1
        if m[C_EXERCISE] == 0:
            m[C_EXERCISE] = says_exercise(buf, start, end)
        trim(m, buf, start, end)
        start, end = m[G_START], m[G_END]
        at = find_sentence(buf, start, end) if start >= 0 and buf[start] != 35 else -1
        first = other_line(m, buf, at, end)
        if first == 0:
            continue
        if first == 1:
            start = m[G_START]
            stop = end if at < 0 else at
            code = address_code(buf, start, stop)
            count_kind(m, code)
            if code == CODE_PGHP:
                pghp(m, buf, start, stop)
            else:
                take_pending(m)
                if code == CODE_RMC or code == CODE_ZDA:
                    own_ship(m, buf, start, stop, 1 if code == CODE_RMC else 0)
            if at < 0:
                continue
            start = find(buf, start, at, 92)  # a sentence of ours is glued to it, perhaps with a tag block
            if start < 0:
                start = at
            m[C_GLUED] += 1
        while True:
            wrappers(m, buf, start, at, first - 1)
            first = 1
            m[C_SENTENCES] += 1
            old = expired_parts(m, 0) if m[C_SENTENCES] % SWEEP_EVERY == 0 else -1
            m[G_SENTENCE], m[G_SENTENCE_END] = at, end
            while old >= 0:
                drop_parts(m, buf, old, R_EXPIRED)
                old = expired_parts(m, old)
            what = sentence(m, buf, at, end)
            m[G_ROW] = -1
            if what == DAMAGED:
                damaged_safety(m, buf)
            elif what == FRAGMENT:
                what = fragment(m, buf)
            elif what == MESSAGE:
                receive_time(m)
            if what == MESSAGE:
                message(m, buf, fixes)
            if m[G_ROW] >= 0:
                drop_parts(m, buf, m[G_ROW], -1)
            start = m[G_NEXT]
            at = find_sentence(buf, start, end)
            if at < 0:
                break
            m[C_GLUED] += 1
    return n


@unit.entry(types.UniTuple(_I, 6)(_M, _B, _I, _I, _I, _B))
def scan(m, buf, i, n, arrival, fixes):
    """Decode the whole lines of buf[i:n]; arrival: when these bytes came, or T_MISSING.

    Returns where it stopped; rows of `fixes`; rows of the other three tables together; why it stopped: DONE_ALL (at the end,
    or at an unfinished line) or FULL (the output tables could not take another line: take the rows away and call again from
    there); stations known; lines unaccounted for.
    """
    m[G_ARRIVAL] = arrival
    m[G_FIXES] = m[G_STATICS] = m[G_OTHERS] = m[G_SAFETY] = m[G_RAW] = 0
    m[G_STOP] = DONE_ALL
    i = whole_lines(m, buf, i, n, fixes)
    m[C_YIELDED] += m[G_FIXES]
    return i, m[G_FIXES], m[G_STATICS] + m[G_OTHERS] + m[G_SAFETY], m[G_STOP], m[C_STATIONS], unaccounted(m)
