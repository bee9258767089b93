"""Parties: all that the pair stage must know of a vessel, in one row. May hold: the row, how it is filled, a party as a subject. May not: judge.

Theory. Pairs are decided where the smaller of two tracks is at home, and the other one may be kept by another process. So whatever a
decision about two vessels needs travels with the tick: who they are, what they say, where they are. Nobody looks into another's table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import float64, int64

from dogwatch.batch import LAT_MISSING, take_rows
from dogwatch.events import Subject
from dogwatch.geo import distance_m
from dogwatch.kernel import kernel
from tracks import subjects
from tracks.contacts import afoot
from tracks.key import mmsi_of
from tracks.records import TRAIL_FIXES, TRAIL_MS, TRAIL_TYPE
from tracks.vessels import VesselTable, text_of

if TYPE_CHECKING:
    from tracks.contacts import Found
    from tracks.params import Rendezvous

Party = np.void | dict[str, Any]  # a PARTY row, or its fields by name: those of many are read several times as quickly

PARTY = np.dtype(
    [
        ("key", "<i8"),
        ("t_ms", "<i8"),
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("speed_kn", "<f4"),
        ("imo", "<u4"),
        ("cog", "<u2"),
        ("hdg", "<u2"),
        ("loa_m", "<u2"),
        ("nav", "u1"),
        ("class_b", "u1"),
        ("ship_type", "u1"),
        ("beam_m", "u1"),
        ("trouble", "u1"),  # TROUBLE_* bits (tracks/records.py)
        ("name", "S20"),
        ("callsign", "S7"),
    ]
)

SEEN_SLOTS_MIN = 8  # of the 150 s slots of the trail in which both were heard: fewer do not tell whether they were apart


@dataclass(slots=True)
class Brought:
    """Those who may be in contact at a tick: NEAR rows in any order, and behind each all that a decision needs.

    Of one table it is looked up when asked for, by slot, and rows of those who are alone are not made; of several shards `party` and `trail` lie
    beside `near`, whose `slot` is then their row, and `found` is what the search of the whole sea found that is decided here.
    """

    near: np.ndarray
    trail: np.ndarray
    table: VesselTable | None = None
    party: np.ndarray | None = None
    found: Found | None = None

    def parties(self, places: np.ndarray) -> np.ndarray:
        """PARTY rows of those in these places (`slot` of `near`)."""
        return parties(self.table, places) if self.table is not None else self.party[places]  # type: ignore[index]

    def trails(self, at: np.ndarray) -> np.ndarray:
        """TRAIL[n, 16] of some of the near rows."""
        return self.trail[self.near["slot"][at]]

    def both(self, keys_a: np.ndarray, keys_b: np.ndarray, tick_ms: int, rule: Rendezvous) -> tuple[np.ndarray, np.ndarray]:
        """Places of many pairs of tracks, -1 for a track that cannot be in contact at this tick."""
        return self._places(keys_a, tick_ms, rule), self._places(keys_b, tick_ms, rule)

    def _places(self, keys: np.ndarray, tick_ms: int, rule: Rendezvous) -> np.ndarray:
        if self.table is not None:
            return afoot(self.table, keys, tick_ms, rule)
        rows = np.searchsorted(self.near["key"], keys)  # rows of several shards lie in order of keys
        return np.where(np.append(self.near["key"], -1)[rows] == keys, rows, -1)


def gathered(parts: list[Brought]) -> Brought:
    """What several shards brought, together."""
    near = np.concatenate([part.near for part in parts])
    party = np.concatenate([part.parties(part.near["slot"]) for part in parts])
    trail = np.concatenate([part.trails(np.arange(len(part.near))) for part in parts])
    order = np.argsort(near["key"])
    near = take_rows(near, order)
    near["slot"] = np.arange(len(near))
    return Brought(near, trail[order], None, take_rows(party, order))


def parties(table: VesselTable, slots: np.ndarray) -> np.ndarray:
    """PARTY rows of the tracks in these slots."""
    out = np.empty(len(slots), PARTY)
    for name in ("t_ms", "lat", "lon", "speed_kn", "cog", "hdg", "nav", "class_b"):
        out[name] = table.rows[name][slots]
    for name in ("loa_m", "beam_m", "ship_type", "trouble"):
        out[name] = table.more[name][slots]
    for name in ("name", "callsign", "imo"):
        out[name] = table.statics[name][slots]
    out["key"] = table.keys_of(slots)
    return out


def told(rows: np.ndarray) -> list[dict[str, Any]]:
    """The fields of each row by name."""
    names = rows.dtype.names or ()
    return [dict(zip(names, row)) for row in rows.tolist()]


def subject(party: Party) -> Subject:
    """A party as the subject of an event."""
    key = int(party["key"])
    return Subject(  # in the order of the fields: by name they take several times as long
        subjects.subject_key(key),
        mmsi_of(key),
        role(party) or "",
        text_of(party["name"]),
        text_of(party["callsign"]),
        int(party["imo"]) or None,
        int(party["ship_type"]) or None,
        int(party["loa_m"]) or None,
        "B" if party["class_b"] else "A",
    )


def role(party: Party) -> str | None:
    """Trade of a party that explains slowness and company, or None."""
    return "towing" if int(party["nav"]) in subjects.TOWING_NAV else subjects.ROLE_OF_TYPE.get(int(party["ship_type"]))


# Flat: a pair after the other.
@kernel(float64[::1](TRAIL_TYPE[:, ::1], TRAIL_TYPE[:, ::1], int64, float64))
def farthest_m(trails_a, trails_b, tick_ms, approach_m):
    """float64[n]: how far apart two were seen at most in the 40 minutes before a tick, in slots of 150 s in which both were heard.

    -1 where they were heard together in too few slots to say that they were not farther apart (and were not seen at `approach_m`).
    """
    out = np.empty(trails_a.shape[0], np.float64)
    for i in range(trails_a.shape[0]):
        seen, most_m = 0, -1.0
        for k in range(TRAIL_FIXES):
            a, b = trails_a[i, k], trails_b[i, k]
            if a["lat"] == LAT_MISSING or b["lat"] == LAT_MISSING:
                continue
            age_a, age_b = (tick_ms - np.int64(a["t"])) & 0xFFFFFFFF, (tick_ms - np.int64(b["t"])) & 0xFFFFFFFF
            if max(age_a, age_b) > TRAIL_FIXES * TRAIL_MS or abs(age_a - age_b) > TRAIL_MS:
                continue
            seen += 1
            most_m = max(most_m, distance_m(a["lat"], a["lon"], b["lat"], b["lon"]))
        out[i] = most_m if seen >= SEEN_SLOTS_MIN or most_m >= approach_m else -1.0
    return out
