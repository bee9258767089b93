"""Safety reports: a message of types 12 or 14, a distress device or a status 14, taken out of the stream at decode.

May live here: the way from a payload or a fix row to `dogwatch.batch.SafetyReport`. May not: words that mean distress (safety.py).
"""

from __future__ import annotations

import numpy as np

from dogwatch.batch import F_CK_BAD, LAT_MAX, LAT_MISSING, LON_MAX, LON_MISSING, NAV_MISSING, SOG_MISSING, SafetyReport
from ingest import payload

DEVICES = (970, 972, 974)  # AIS-SART, man overboard, EPIRB-AIS (ITU-R M.585, Annex 2)
TEXT_START = {12: 72, 14: 40}


def safety_report(six: np.ndarray, nbits: int, t_ms: int, fix: np.void | None, flags: int, damaged: bool, receiver: str, exercise: bool) -> SafetyReport:
    """One report. six: sextets int32[WIDTH, 1] of the payload; fix: the FIX_DTYPE row where the message made one."""
    if fix is not None:
        kind = "beacon" if int(fix["mmsi"]) // 1_000_000 in DEVICES else "status14"
        damaged = bool(fix["flags"] & F_CK_BAD)
        lat, lon, nav, sog = (int(fix[name]) for name in ("lat", "lon", "nav", "sog"))
        return SafetyReport(t_ms, int(fix["mmsi"]), kind, int(fix["msg_type"]), "", lat, lon, nav, damaged, receiver, exercise, sog)
    row = six
    kind_code, mmsi = int(payload.bits(row, 0, 6)[0]), int(payload.bits(row, 8, 30)[0])
    damaged = bool(damaged or flags & F_CK_BAD)
    if kind_code in TEXT_START:
        n = max(0, min((nbits - TEXT_START[kind_code]) // 6, payload.WIDTH - 1 - TEXT_START[kind_code] // 6))
        words = payload.as_bytes(payload.strip(payload.text(row, TEXT_START[kind_code], n)))[0].decode("ascii") if n else ""
        return SafetyReport(t_ms, mmsi, "text", kind_code, words, LAT_MISSING, LON_MISSING, NAV_MISSING, damaged, receiver, exercise)
    nav, sog, lat, lon = NAV_MISSING, SOG_MISSING, LAT_MISSING, LON_MISSING
    if kind_code <= 3 and nbits >= 143:
        nav, sog = int(payload.bits(row, 38, 4)[0]), int(payload.bits(row, 50, 10)[0])
        lat, lon = _signed(row, 89, 27), _signed(row, 61, 28)
        if abs(lat) > LAT_MAX or abs(lon) > LON_MAX:
            lat, lon = LAT_MISSING, LON_MISSING
    return SafetyReport(t_ms, mmsi, "beacon", kind_code, "", lat, lon, nav, damaged, receiver, exercise, sog)


def _signed(row: np.ndarray, start: int, width: int) -> int:
    value = int(payload.bits(row, start, width)[0])
    return value - (1 << width) if value >> (width - 1) else value
