"""Cells: the sea cut into pieces that can be searched apart. May hold: the cells, their halo, the search for contacts piece by piece.

May not: say what a contact is (contacts.py, collision.py), remember anything from one tick to the next.

Theory. A pair search is a fact of two rows and of what lies close around them. So whoever searches a cell of 20 km together with a *halo*,
every row within so many metres of the box around the rows of that cell, finds for the rows of the cell what a search of the whole sea finds.
A pair belongs to the cell in which its smaller track lies. The halo of a search is its own affair and is given in metres:

    contacts     twice the greatest contact distance, and the way of a minute     contacts.halo_m      1.3 km with the defaults
    collisions   the range within which two ships are looked at                   collision.halo_m    11.2 km with the defaults
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dogwatch.batch import take_rows
from dogwatch.geo import FULL_TURN, M_PER_UNIT, cos_lat
from tracks.contacts import CONTACT, POLAR_RIM, QUARTER, Found, find_contacts, halo_m
from tracks.params import Rendezvous

CELL_M = 20_000.0


def in_cells(lat: np.ndarray, lon: np.ndarray, reach_m: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(numbers of the positions in a cell and its halo, which of these lie in the cell itself) of every cell that is not empty. Positions in units."""
    cell, halo = int(CELL_M / M_PER_UNIT), int(reach_m / M_PER_UNIT) + 1
    lat, lon = lat.astype(np.int64), lon.astype(np.int64)
    homes = _cells(lat, lon, cell)
    for home in np.unique(homes):
        own = homes == home
        rows = np.flatnonzero(own | _in_halo(lat, lon, own, halo))
        yield rows, own[rows]


def search(near: np.ndarray, rule: Rendezvous) -> Found:
    """`find_contacts` cell by cell, as several searchers would."""
    contacts, crowds, examined = [np.empty(0, CONTACT)], np.zeros(len(near), np.bool_), 0
    for rows, own in in_cells(near["lat"], near["lon"], halo_m(rule)):
        found = find_contacts(take_rows(near, rows), rule)
        mine = take_rows(found.contacts, own[found.contacts["a"]])
        mine["a"], mine["b"] = rows[mine["a"]], rows[mine["b"]]
        contacts.append(mine)
        crowds[rows] |= found.crowds & own
        examined += found.examined
    together = np.concatenate(contacts)
    return Found(take_rows(together, np.argsort(together["key"])), crowds, examined)


def _cells(lat: np.ndarray, lon: np.ndarray, cell: int) -> np.ndarray:
    """Number of the cell of each position: rows of equal latitude, columns at least as wide; one cell each for what lies near a pole."""
    row = (lat + QUARTER) // cell
    edge = np.minimum(QUARTER, np.maximum(np.abs(row * cell - QUARTER), np.abs((row + 1) * cell - QUARTER)))
    columns = np.array([max(1, int(FULL_TURN * cos_lat(int(one))) // cell) for one in edge], np.int64)
    number = (row << 32) | ((lon % FULL_TURN) * columns // FULL_TURN)
    return np.where(np.abs(lat) >= POLAR_RIM, np.sign(lat) << 60, number)


def _in_halo(lat: np.ndarray, lon: np.ndarray, own: np.ndarray, halo: int) -> np.ndarray:
    """bool[n]: positions within the halo of the box around those of a cell; of a cell near a pole: of its circle of latitude."""
    south, north = int(lat[own].min()) - halo, int(lat[own].max()) + halo
    inside = (lat >= south) & (lat <= north)
    if max(abs(south), abs(north)) >= POLAR_RIM - halo:
        return inside | ((np.sign(lat) == np.sign(lat[own][0])) & (np.abs(lat) >= POLAR_RIM - halo))
    origin = int(lon[own][0])
    east = (lon - origin + FULL_TURN // 2) % FULL_TURN - FULL_TURN // 2
    margin = int(halo / cos_lat(max(abs(south), abs(north)))) + 1
    return inside & (east >= int(east[own].min()) - margin) & (east <= int(east[own].max()) + margin)
