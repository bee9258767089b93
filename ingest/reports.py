"""Safety reports: a message of types 12 or 14, a distress device or a status 14, taken out of the stream at decode.

May live here: the way from a payload or a fix row to `dogwatch.batch.SafetyReport`. May not: words that mean distress (safety.py).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from dogwatch.batch import F_CK_BAD, LAT_MAX, LAT_MISSING, LON_MAX, LON_MISSING, NAV_MISSING, SOG_MISSING, SafetyReport
from ingest import payload

DEVICES = (970, 972, 974)  # AIS-SART, man overboard, EPIRB-AIS (ITU-R M.585, Annex 2)
TEXT_START = {12: 72, 14: 40}


SIX = bytes(payload.VALUES.astype(np.uint8))  # value of each armour character, 0 where illegal
LETTERS = bytes(c + 64 if c < 32 else c for c in range(64)).ljust(256, b"@")  # ITU-R M.1371-5, Annex 8, table 47


def safety_report(chars: bytes, nbits: int, t_ms: int, fix: np.void | None, flags: int, damaged: bool, receiver: str, exercise: bool) -> SafetyReport:
    """One report. chars: the payload; fix: the FIX_DTYPE row where the message made one."""
    if fix is not None:
        kind = "beacon" if int(fix["mmsi"]) // 1_000_000 in DEVICES else "status14"
        damaged = bool(fix["flags"] & F_CK_BAD)
        lat, lon, nav, sog = (int(fix[name]) for name in ("lat", "lon", "nav", "sog"))
        return SafetyReport(t_ms, int(fix["mmsi"]), kind, int(fix["msg_type"]), "", lat, lon, nav, damaged, receiver, exercise, sog)
    six = chars[: payload.WIDTH].translate(SIX).ljust(payload.WIDTH, b"\0")
    kind_code, mmsi = _bits(six, 0, 6), _bits(six, 8, 30)
    damaged = bool(damaged or flags & F_CK_BAD)
    if kind_code in TEXT_START:
        words = _text(six, TEXT_START[kind_code], nbits)
        return SafetyReport(t_ms, mmsi, "text", kind_code, words, LAT_MISSING, LON_MISSING, NAV_MISSING, damaged, receiver, exercise)
    nav, sog, lat, lon = NAV_MISSING, SOG_MISSING, LAT_MISSING, LON_MISSING
    if kind_code <= 3 and nbits >= 143:
        nav, sog = _bits(six, 38, 4), _bits(six, 50, 10)
        lat, lon = _signed(six, 89, 27), _signed(six, 61, 28)
        if abs(lat) > LAT_MAX or abs(lon) > LON_MAX:
            lat, lon = LAT_MISSING, LON_MISSING
    return SafetyReport(t_ms, mmsi, "beacon", kind_code, "", lat, lon, nav, damaged, receiver, exercise, sog)


def _bits(six: bytes, start: int, width: int) -> int:
    """An unsigned field of one payload: a call of NumPy costs more than all of its bits."""
    value = 0
    end = start + width
    for sextet in six[start // 6 : (end + 5) // 6]:
        value = value << 6 | sextet
    return (value >> (-end % 6)) & ((1 << width) - 1)


def _signed(six: bytes, start: int, width: int) -> int:
    value = _bits(six, start, width)
    return value - (1 << width) if value >> (width - 1) else value


def _text(six: bytes, start: int, nbits: int) -> str:
    """Text from a bit to the end: without '@' and blanks at both ends, cut at the first '@' left."""
    first, shift = divmod(start, 6)
    n = max(0, min((nbits - start) // 6, payload.WIDTH - 1 - first))
    codes = bytes((a << 6 | b) >> (6 - shift) & 63 for a, b in pairwise(six[first : first + n + 1]))
    return codes.translate(LETTERS).decode("ascii").lstrip("@ ").split("@", maxsplit=1)[0].rstrip(" ")
