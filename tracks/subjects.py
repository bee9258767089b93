"""Subjects: a track as an event names it, and the trade that it follows. May hold: names, roles. May not: events, judgements."""

from __future__ import annotations

from dogwatch.events import Subject
from tracks.vessels import ORDINAL_BITS, VesselTable, text_of

NAV_ANCHORED, NAV_MOORED, NAV_FISHING = 1, 5, 7
TOWING_NAV = (11, 12)
# Ship types (ITU-R M.1371-5, table 53) that lie alongside others or wait as their trade.
ROLE_OF_TYPE = {31: "towing", 32: "towing", 52: "tug", 50: "pilot", 51: "search and rescue", 53: "port tender", 33: "dredging", 55: "law enforcement"}
TYPE_FISHING = 30


def subject_of(table: VesselTable, slot: int) -> Subject:
    """The vessel in a slot, as it is known now."""
    row, more, static = table.rows[slot], table.more[slot], table.statics[slot]
    return Subject(
        key=subject_key(table.key_of(slot)),
        mmsi=int(row["mmsi"]),
        role=role_of(table, slot) or "",
        name=text_of(static["name"]),
        callsign=text_of(static["callsign"]),
        imo=int(static["imo"]) or None,
        ship_type=int(more["ship_type"]) or None,
        loa_m=int(more["loa_m"]) or None,
        ais_class="B" if row["class_b"] else "A",
    )


def subject_key(key: int) -> str:
    """A track's key in event ids: MMSI and number of the hypothesis."""
    return f"{key >> ORDINAL_BITS}#{key & ((1 << ORDINAL_BITS) - 1)}"


def role_of(table: VesselTable, slot: int) -> str | None:
    """Trade of a vessel that explains slowness and company (pilot, tug ...), or None."""
    if int(table.rows["nav"][slot]) in TOWING_NAV:
        return "towing"
    return ROLE_OF_TYPE.get(int(table.more["ship_type"][slot]))


def is_fishing(table: VesselTable, slot: int) -> bool:
    """By ship type or navigational status."""
    return int(table.more["ship_type"][slot]) == TYPE_FISHING or int(table.rows["nav"][slot]) == NAV_FISHING
