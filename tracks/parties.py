"""Parties: all that the pair stage must know of a vessel, in one row. May hold: the row, how it is filled, a party as a subject. May not: judge.

Theory. Pairs are decided where the smaller of two tracks is at home, and the other one may be kept by another process. So whatever a
decision about two vessels needs travels with the tick: who they are, what they say, where they are. Nobody looks into another's table.
"""

from __future__ import annotations

import numpy as np

from dogwatch.events import Subject
from tracks import episodes as ep
from tracks.vessels import ORDINAL_BITS, VesselTable, text_of

PARTY = np.dtype(
    [
        ("key", "<i8"),
        ("t_ms", "<i8"),
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("speed_kn", "<f4"),
        ("coast_nm", "<f4"),
        ("imo", "<u4"),
        ("cog", "<u2"),
        ("hdg", "<u2"),
        ("loa_m", "<u2"),
        ("nav", "u1"),
        ("class_b", "u1"),
        ("ship_type", "u1"),
        ("beam_m", "u1"),
        ("name", "S20"),
        ("callsign", "S7"),
    ]
)


def parties(table: VesselTable, slots: np.ndarray) -> np.ndarray:
    """PARTY rows of the tracks in these slots."""
    out = np.empty(len(slots), PARTY)
    for name in ("t_ms", "lat", "lon", "speed_kn", "cog", "hdg", "nav", "class_b"):
        out[name] = table.rows[name][slots]
    for name in ("loa_m", "beam_m", "ship_type", "coast_nm"):
        out[name] = table.more[name][slots]
    for name in ("name", "callsign", "imo"):
        out[name] = table.statics[name][slots]
    out["key"] = table.keys_of(slots)
    return out


def subject(party: np.void) -> Subject:
    """A party as the subject of an event."""
    key = int(party["key"])
    return Subject(
        key=ep.subject_key(key),
        mmsi=key >> ORDINAL_BITS,
        role=role(party) or "",
        name=text_of(party["name"]),
        callsign=text_of(party["callsign"]),
        imo=int(party["imo"]) or None,
        ship_type=int(party["ship_type"]) or None,
        loa_m=int(party["loa_m"]) or None,
        ais_class="B" if party["class_b"] else "A",
    )


def role(party: np.void) -> str | None:
    """Trade of a party that explains slowness and company, or None."""
    return "towing" if int(party["nav"]) in ep.TOWING_NAV else ep.ROLE_OF_TYPE.get(int(party["ship_type"]))
