"""Static rows: who a vessel says it is, from types 5, 19, 21, 24A and 24B, many payloads at once.

May live here: the layouts of those types and their sentinels (ITU-R M.1371-5, tables 50, 68, 71, 76). May not: joining 24A
with 24B (the vessel table merges field by field, with age), sentences, counters.
A block whose bits are not all there stays missing, never a partial value.
"""

from __future__ import annotations

import numpy as np

from dogwatch.batch import (
    F_CLASS_B,
    F_LONG,
    F_MMSI_BAD,
    F_NO_TIME,
    F_RANGE,
    F_SHORT,
    HAS_CALLSIGN,
    HAS_NAME,
    HAS_TYPE_AND_SIZE,
    HAS_VOYAGE,
    T_MISSING,
    new_statics,
)
from ingest import payload

EXTENSION_MAX = 14  # characters that a type 21 may append to a full name


def static_rows(six: np.ndarray, nbits: np.ndarray, when: np.ndarray, t_rx: np.ndarray, station: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """STATIC_DTYPE[n] of payloads of types 5, 19, 21 and 24 (sextets int32[STATIC_WIDTH, n] and columns int64[n])."""
    rows = new_statics(six.shape[1])
    kind = payload.bits(six, 0, 6)
    rows["msg_type"], rows["mmsi"] = kind, payload.bits(six, 8, 30)
    rows["t_ms"], rows["t_rx_ms"], rows["src"] = when, t_rx, station
    flags = flags.copy()
    for code, fill in ((5, _type_5), (19, _type_19), (21, _type_21), (24, _type_24)):
        which = np.flatnonzero(kind == code)
        if which.size:
            part, more = fill(six[:, which], nbits[which], rows[which])
            rows[which], flags[which] = part, flags[which] | more
    flags |= np.where((rows["mmsi"] == 0) | (rows["mmsi"] > 999_999_999), F_MMSI_BAD, 0)
    flags |= np.where(((rows["has"] & HAS_TYPE_AND_SIZE) != 0) & (rows["ship_type"] > 99), F_RANGE, 0)
    rows["flags"] = flags | np.where(when == T_MISSING, F_NO_TIME, 0)
    return rows


def imo_is_bad(imo: np.ndarray) -> np.ndarray:
    """bool[n]: a number given as IMO that fails its check digit; 0 = not given, is not bad."""
    digits = [imo // 10**k % 10 for k in range(7)]
    total = sum(digits[k] * (k + 1) for k in range(1, 7))
    return (imo != 0) & ((imo < 1_000_000) | (imo > 9_999_999) | (total % 10 != digits[0]))


def _length_flags(nbits: np.ndarray, full: int, nominal: int) -> np.ndarray:
    return np.where(nbits < full, F_SHORT, 0) | np.where(nbits > nominal + 5, F_LONG, 0)


def _put_text(rows: np.ndarray, field: str, six: np.ndarray, start: int, n: int, there: np.ndarray, bit: int) -> None:
    rows[field] = np.where(there, payload.as_bytes(payload.strip(payload.text(six, start, n))), b"")
    rows["has"] |= np.where(there, bit, 0).astype(np.uint8)


def _put_size(rows: np.ndarray, six: np.ndarray, start: int, there: np.ndarray) -> None:
    for field, offset, width in (("bow", 0, 9), ("stern", 9, 9), ("port", 18, 6), ("starboard", 24, 6)):
        rows[field] = np.where(there, payload.bits(six, start + offset, width), 0)


def _put_type(rows: np.ndarray, ship_type: np.ndarray, there: np.ndarray) -> None:
    rows["ship_type"] = np.where(there, ship_type, 0)
    rows["has"] |= np.where(there, HAS_TYPE_AND_SIZE, 0).astype(np.uint8)


def _type_5(six: np.ndarray, nbits: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flags = _length_flags(nbits, 420, 424)
    imo = np.where(nbits >= 70, payload.bits(six, 40, 30), 0)
    rows["imo"] = imo
    flags |= np.where(imo_is_bad(imo), F_RANGE, 0)
    _put_text(rows, "callsign", six, 70, 7, nbits >= 112, HAS_CALLSIGN)
    _put_text(rows, "name", six, 112, 20, nbits >= 232, HAS_NAME)
    _put_type(rows, payload.bits(six, 232, 8), nbits >= 270)
    _put_size(rows, six, 240, nbits >= 270)
    voyage = nbits >= 302
    month, day, hour, minute = (payload.bits(six, start, width) for start, width in ((274, 4), (278, 5), (283, 5), (288, 6)))
    flags |= np.where(voyage & ((month > 12) | (hour > 24) | (minute > 60)), F_RANGE, 0)
    rows["eta_month"], rows["eta_day"] = np.where(voyage & (month <= 12), month, 0), np.where(voyage, day, 0)
    rows["eta_hour"], rows["eta_minute"] = np.where(voyage & (hour <= 24), hour, 24), np.where(voyage & (minute <= 60), minute, 60)
    rows["draught_dm"] = np.where(voyage, payload.bits(six, 294, 8), 0)
    rows["has"] |= np.where(voyage, HAS_VOYAGE, 0).astype(np.uint8)
    whole = np.clip((nbits - 302) // 6, 0, 20)  # an incomplete last character is dropped
    chars = payload.text(six, 302, 20)
    chars[np.arange(20) >= whole[:, None]] = 64
    rows["destination"] = payload.as_bytes(payload.strip(chars))
    return rows, flags


def _type_19(six: np.ndarray, nbits: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    there = nbits >= 301
    _put_text(rows, "name", six, 143, 20, there, HAS_NAME)
    _put_type(rows, payload.bits(six, 263, 8), there)
    _put_size(rows, six, 271, there)
    return rows, _length_flags(nbits, 301, 312) | F_CLASS_B


def _type_21(six: np.ndarray, nbits: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    there = nbits >= 163
    whole = np.clip((nbits - 272) // 6, 0, EXTENSION_MAX)
    name, extension = payload.text(six, 43, 20), payload.text(six, 272, EXTENSION_MAX)
    extension[np.arange(EXTENSION_MAX) >= np.where(name[:, 19] == 64, 0, whole)[:, None]] = 64  # it counts only behind a full name
    rows["name"] = np.where(there, payload.as_bytes(payload.strip(np.concatenate([name, extension], axis=1))), b"")
    rows["has"] |= np.where(there, HAS_NAME, 0).astype(np.uint8)
    _put_type(rows, payload.bits(six, 38, 5), nbits >= 249)
    _put_size(rows, six, 219, nbits >= 249)
    return rows, _length_flags(nbits, 272, 360)


def _type_24(six: np.ndarray, nbits: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    part = payload.bits(six, 38, 2)
    rows["part"] = part
    _put_text(rows, "name", six, 40, 20, (part == 0) & (nbits >= 160), HAS_NAME)
    _put_text(rows, "callsign", six, 90, 7, (part == 1) & (nbits >= 132), HAS_CALLSIGN)
    there = (part == 1) & (nbits >= 162)
    auxiliary = payload.bits(six, 8, 30) // 10_000_000 == 98  # craft of a parent ship: its MMSI stands where the size would
    _put_type(rows, payload.bits(six, 40, 8), there)
    _put_size(rows, six, 132, there & ~auxiliary)
    rows["mothership"] = np.where(there & auxiliary, payload.bits(six, 132, 30), 0)
    return rows, _length_flags(nbits, 160, 168) | np.where((part == 1) & (nbits < 162), F_SHORT, 0) | F_CLASS_B
