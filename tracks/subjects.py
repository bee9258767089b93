"""Subjects: a track as an event names it, and the trade that it follows. May hold: names, roles. May not: events, judgements."""

from __future__ import annotations

import numpy as np

from dogwatch.events import Subject
from tracks.key import mmsi_of, ordinal_of
from tracks.vessels import VesselTable, text_of

NAV_ANCHORED, NAV_MOORED, NAV_FISHING = 1, 5, 7
TOWING_NAV = (11, 12)
# Ship types (ITU-R M.1371-5, table 53) that lie alongside others or wait as their trade.
ROLE_OF_TYPE = {31: "towing", 32: "towing", 52: "tug", 50: "pilot", 51: "search and rescue", 53: "port tender", 33: "dredging", 55: "law enforcement"}
TYPE_FISHING = 30


def subject_of(table: VesselTable, slot: int) -> Subject:
    """The vessel in a slot, as it is known now."""
    return subjects_of(table, np.array([slot]))[0]


def subjects_of(table: VesselTable, slots: np.ndarray) -> list[Subject]:
    """The vessels in slots, read column by column."""
    return [subject_from(*told) for told in zip(*(column.tolist() for column in columns_of(table, slots)), strict=True)]


def columns_of(table: VesselTable, slots: np.ndarray) -> tuple[np.ndarray, ...]:
    """What `subject_from` takes, of the vessels in slots as they are known now (copies)."""
    rows, more, statics = table.rows, table.more, table.statics
    return (
        table.keys_of(slots),
        rows["nav"][slots],
        rows["class_b"][slots],
        more["ship_type"][slots],
        more["loa_m"][slots],
        statics["name"][slots],
        statics["callsign"][slots],
        statics["imo"][slots],
    )


def subject_from(key: int, nav: int, class_b: int, ship_type: int, loa_m: int, name: bytes, callsign: bytes, imo: int) -> Subject:
    """A vessel of which so much is known. Fields in their order: by name they take several times as long."""
    return Subject(
        subject_key(key),
        mmsi_of(key),
        _role(nav, ship_type) or "",
        text_of(name) if name else None,
        text_of(callsign) if callsign else None,
        imo or None,
        ship_type or None,
        loa_m or None,
        "B" if class_b else "A",
    )


def subject_key(key: int) -> str:
    """A track's key in event ids: MMSI and number of the hypothesis."""
    return f"{mmsi_of(key)}#{ordinal_of(key)}"


def subject_keys(keys: np.ndarray) -> list[str]:
    """`subject_key` of many, read column by column."""
    return [f"{mmsi}#{ordinal}" for mmsi, ordinal in zip(mmsi_of(keys).tolist(), ordinal_of(keys).tolist(), strict=True)]


def role_of(table: VesselTable, slot: int) -> str | None:
    """Trade of a vessel that explains slowness and company (pilot, tug ...), or None."""
    return _role(int(table.rows["nav"][slot]), int(table.more["ship_type"][slot]))


def _role(nav: int, ship_type: int) -> str | None:
    return "towing" if nav in TOWING_NAV else ROLE_OF_TYPE.get(ship_type)


def is_fishing(table: VesselTable, slot: int) -> bool:
    """By ship type or navigational status."""
    return int(table.more["ship_type"][slot]) == TYPE_FISHING or int(table.rows["nav"][slot]) == NAV_FISHING
