"""Transmitters: one ship, aid or device, and all of a world as columns. May hold: what the radio and the truth must know of each.

May not: who is there (world, scenes), when it transmits (radio).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from sim.encode import CALLSIGN, DESTINATION, NAME, TEXT, Particulars, new_particulars
from sim.identity import Identity, antenna_place
from sim.lie import Lie, lie_rows
from sim.motion import KNOT_DTYPE, Plan, knot_rows

CLASS_A, CLASS_B, CLASS_B_SO, BASE, AID, AIRCRAFT, CALLER, BEACON, BEACON_TEST = range(9)
NAV_ENGINE, NAV_ANCHORED, NAV_MOORED, NAV_FISHING, NAV_SART = 0, 1, 5, 7, 14

SHIP_DTYPE = np.dtype(
    [
        ("mmsi", "<u4"),
        ("first", "<i4"),  # knots[first:last] are its plan
        ("last", "<i4"),
        ("antenna_m", "<f4"),  # of an aircraft: how high it flies
        ("range_share", "<f4"),  # of a class A set's range: less power
        ("kind", "u1"),  # CLASS_A ... BEACON_TEST
        ("epfd", "u1"),
        ("long_range", "u1"),  # a class A set that also sends type 27
        ("dest", "<u4"),  # of a caller: to whom (type 12); 0: to all (type 14)
    ]
)


@dataclass(slots=True)
class Ship:
    """One transmitter before it becomes rows: who, what kind of set, its plan; of an aircraft its height.

    A CALLER is the keyboard of a ship's set: it sends the text of its identity at each knot of its plan but the last.
    """

    identity: Identity
    kind: int
    plan: Plan
    altitude_m: float = 300.0
    long_range: bool = True
    hull: int = 0  # of the hulls that share its MMSI
    dest: int = 0  # of a caller: the MMSI that it calls; 0: everybody


@dataclass(slots=True)
class World:
    """All transmitters as columns: SHIP_DTYPE[n], their knots one after the other, their particulars; and LIE_DTYPE rows of what they say instead."""

    ships: np.ndarray
    knots: np.ndarray
    particulars: Particulars
    lies: np.ndarray


def assemble(ships: list[Ship], t_start_ms: int, lies: list[tuple[Lie, int]] | None = None) -> World:
    """Columns of a list of ships, in its order; of each lie with the index of its ship, or -1."""
    table, particulars = np.zeros(len(ships), SHIP_DTYPE), new_particulars(len(ships))
    plans = [knot_rows(ship.plan, t_start_ms) for ship in ships]
    ends = np.cumsum([len(rows) for rows in plans], dtype=np.int64)
    for i, ship in enumerate(ships):
        who = ship.identity
        share = (1.0, 0.75, 0.85, 1.0, 0.8, 1.0, 1.0, 0.45, 0.45)[ship.kind]
        epfd = 7 if ship.kind in (BASE, AID) else 1
        table[i] = (who.mmsi, ends[i] - len(plans[i]), ends[i], antenna_m(ship), share, ship.kind, epfd, ship.long_range, ship.dest)
        _describe(particulars, i, who, epfd, t_start_ms)
        if ship.kind == CLASS_B_SO:
            particulars.rows[i]["class_b"] = 0b00011  # it does not sense the carrier, it organises itself
    return World(table, np.concatenate(plans) if plans else np.empty(0, KNOT_DTYPE), particulars, lie_rows(lies or [], t_start_ms))


def antenna_m(ship: Ship) -> float:
    """Metres above the water: of a device in it, of a mast by the size of its ship, of an aircraft its height."""
    if ship.kind in (BASE, AIRCRAFT):
        return 35.0 if ship.kind == BASE else ship.altitude_m
    if ship.kind >= BEACON:
        return 2.0
    return 4.0 if ship.identity.loa_m < 30 else min(45.0, 8.0 + ship.identity.loa_m / 10)


def _describe(particulars: Particulars, i: int, who: Identity, epfd: int, t_start_ms: int) -> None:
    row = particulars.rows[i]
    row["imo"], row["ship_type"], row["epfd"], row["virtual"] = who.imo, who.aid_type or who.ship_type, epfd, who.virtual
    row["bow"], row["stern"], row["port"], row["starboard"] = antenna_place(who.loa_m, who.beam_m)
    row["draught_dm"] = min(255, round(who.draught_m * 10))
    if who.eta_s is not None:
        eta = datetime.fromtimestamp((t_start_ms + who.eta_s * 1000) // 60_000 * 60, UTC)
        row["eta_month"], row["eta_day"], row["eta_hour"], row["eta_minute"] = eta.month, eta.day, eta.hour, eta.minute
    particulars.write(i, NAME, who.name, name="name")
    particulars.write(i, CALLSIGN, who.callsign, name="callsign")
    particulars.write(i, DESTINATION, who.destination, name="destination")
    particulars.write(i, TEXT, who.text, name="text")
    row["text_length"] = len(who.text)
