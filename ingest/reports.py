"""Safety reports: a message of types 12 or 14, a distress device or a status 14, taken out of the stream at decode.

May live here: the way from a payload or a fix row to `dogwatch.batch.SafetyReport`. May not: words that mean distress (safety.py).
"""

from __future__ import annotations

import numpy as np

from dogwatch.batch import F_CK_BAD, LAT_MAX, LAT_MISSING, LON_MAX, LON_MISSING, NAV_MISSING, SOG_MISSING, SafetyReport
from ingest import payload

DEVICES = (970, 972, 974)  # AIS-SART, man overboard, EPIRB-AIS (ITU-R M.585, Annex 2)
TEXT_START = {12: 72, 14: 40}


def safety_report(chars: bytes, nbits: int, t_ms: int, fix: np.void | None, flags: int, damaged: bool, receiver: str, exercise: bool) -> SafetyReport:
    """One report. chars: the payload, at least 7 characters of it; fix: the FIX_DTYPE row where the message made one.

    A damaged payload is read as far as it goes: an illegal character counts as 0.
    """
    if fix is not None:
        kind = "beacon" if int(fix["mmsi"]) // 1_000_000 in DEVICES else "status14"
        damaged = bool(fix["flags"] & F_CK_BAD)
        lat, lon, nav, sog = (int(fix[name]) for name in ("lat", "lon", "nav", "sog"))
        return SafetyReport(t_ms, int(fix["mmsi"]), kind, int(fix["msg_type"]), "", lat, lon, nav, damaged, receiver, exercise, sog)
    head = payload.Payload(chars, 6 * len(chars))
    kind_code, mmsi = head.bits(0, 6), head.bits(8, 30)
    damaged = bool(damaged or flags & F_CK_BAD)
    if kind_code in TEXT_START:
        words = payload.Payload(chars, nbits).text(TEXT_START[kind_code], len(chars))
        return SafetyReport(t_ms, mmsi, "text", kind_code, words, LAT_MISSING, LON_MISSING, NAV_MISSING, damaged, receiver, exercise)
    nav, sog, lat, lon = NAV_MISSING, SOG_MISSING, LAT_MISSING, LON_MISSING
    if kind_code <= 3 and nbits >= 143:
        nav, sog = head.bits(38, 4), head.bits(50, 10)
        lat, lon = head.signed(89, 27), head.signed(61, 28)
        if abs(lat) > LAT_MAX or abs(lon) > LON_MAX:
            lat, lon = LAT_MISSING, LON_MISSING
    return SafetyReport(t_ms, mmsi, "beacon", kind_code, "", lat, lon, nav, damaged, receiver, exercise, sog)
