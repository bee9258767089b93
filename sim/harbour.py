"""Harbours: real ports of a region, how ships come in, where they lie. May hold: ports on the water grid, berths, edges of the region. May not: vessels.

Ports are those that the product ships (`zones/`), coarse to a minute of arc; quays are drawn along its coastline, since nothing better ships:
a berth lies off the shore line with its head along it, in sight of the water by which ships come in. Invented, but never on land.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.geo import NM_M
from sim.passage import NONE, waters
from sim.sea import Point, Region, at_sea, coast
from zones.load import read_ports
from zones.ports import Ports

APPROACH_NM = 4.0  # a port whose water is farther from its place in the table is left out
QUAY_NM = 2.0  # berths lie within this of the port's place: waters that count as the port's own
BERTH_M = 90.0  # along the quay
ROWS_M = (80.0, 150.0, 220.0)  # off the shore line: the map is no better
EDGE_ENDS = 8  # places on the edge of a region where ships come and go
EDGE_OFF_NM = 3.0


@dataclass(frozen=True, slots=True)
class Harbour:
    """A port: UN/LOCODE, name, its place in the table, the cell of the water grid by which ships come in."""

    code: str
    name: str
    at: Point
    cell: int


@lru_cache(maxsize=1)
def ports() -> Ports:
    """The ports that ship with the product, read once."""
    return read_ports()


def port_place(code: str) -> Point:
    """Where the table has a port; the code must be in it."""
    number = ports().ids.index(code)
    return float(ports().lat[number]) / UNITS_PER_DEG, float(ports().lon[number]) / UNITS_PER_DEG


@lru_cache(maxsize=8)
def harbours(region: Region) -> tuple[Harbour, ...]:
    """Ports of a region that ships can reach, by code."""
    sea, table = waters(region), ports()
    found = []
    for lat, lon, code, name in zip((table.lat / UNITS_PER_DEG).tolist(), (table.lon / UNITS_PER_DEG).tolist(), table.ids, table.names, strict=True):
        if not within(region, (lat, lon)):
            continue
        cell = sea.cell_near((lat, lon), APPROACH_NM)
        if cell != NONE:
            found.append(Harbour(code, name, (lat, sea.west + (lon - sea.west) % 360), cell))
    return tuple(sorted(found, key=lambda harbour: harbour.code))


@lru_cache(maxsize=8192)
def berths(region: Region, harbour: Harbour) -> np.ndarray:
    """float64[n, 3]: latitude, longitude, heading of places to lie, those nearest to the port first; none where the shore is out of sight."""
    scale = math.cos(math.radians(harbour.at[0]))
    a_y, a_x, b_y, b_x = _edges_near(harbour.at, QUAY_NM)
    length = np.hypot(b_x - a_x, b_y - a_y)
    keep = length > 1.0
    a_y, a_x, b_y, b_x, length = (column[keep] for column in (a_y, a_x, b_y, b_x, length))
    number = np.maximum(1, (length / BERTH_M).astype(np.int64))
    edge = np.repeat(np.arange(len(length)), number)
    share = (np.arange(len(edge)) - np.repeat(np.cumsum(number) - number, number) + 0.5) / number[edge]
    along_y, along_x = (b_y - a_y) / length, (b_x - a_x) / length
    rows = []
    for off_m in ROWS_M:
        for side in (-1.0, 1.0):
            y = a_y[edge] + share * (b_y - a_y)[edge] + side * off_m * along_x[edge]
            x = a_x[edge] + share * (b_x - a_x)[edge] - side * off_m * along_y[edge]
            heading = np.degrees(np.arctan2(along_x, along_y))[edge] % 360
            rows.append(np.column_stack((harbour.at[0] + y / 60 / NM_M, harbour.at[1] + x / 60 / NM_M / scale, heading, np.hypot(x, y))))
    places = np.concatenate(rows)
    places = places[places[:, 3] < QUAY_NM * NM_M]
    places = places[_in_sight(harbour.at, waters(region).centre(harbour.cell), places[:, 0], places[:, 1])]
    return places[np.argsort(places[:, 3], kind="stable")][:, :3]


@lru_cache(maxsize=8)
def edge_cells(region: Region) -> tuple[int, ...]:
    """Cells of the sea on the region's edge where ships come and go: the middle of each stretch of open water, several on a long one."""
    sea = waters(region)
    ring = np.concatenate(
        (
            np.arange(sea.cols),
            np.arange(1, sea.rows) * sea.cols + sea.cols - 1,
            (sea.rows - 1) * sea.cols + np.arange(sea.cols - 1)[::-1],
            np.arange(1, sea.rows - 1)[::-1] * sea.cols,
        )
    )
    open_water = (sea.at_sea & (sea.off_nm >= min(EDGE_OFF_NM, sea.cap_nm))).ravel()[ring]
    marks = np.flatnonzero(np.diff(np.concatenate(([0], open_water.astype(np.int8), [0]))))
    cells: list[int] = []
    for first, last in marks.reshape(-1, 2).tolist():
        n = max(1, round(EDGE_ENDS * (last - first) / len(ring)))
        cells += [int(ring[first + int((k + 0.5) * (last - first) / n)]) for k in range(n)]
    return tuple(cells)


def within(region: Region, place: Point) -> bool:
    """Is a place inside a region?"""
    south, west, north, east = region
    return south < place[0] < north and (place[1] - west) % 360 < (east - west) % 360


@lru_cache(maxsize=1)
def _shore() -> tuple[np.ndarray, np.ndarray, float]:
    """Coast edges in degrees by their southern end, those ends, and how far north the longest reaches."""
    edges = coast().edges.astype(np.float64) / UNITS_PER_DEG
    south = np.minimum(edges[:, 0], edges[:, 2])
    order = np.argsort(south, kind="stable")
    return edges[order], south[order], float(np.abs(edges[:, 0] - edges[:, 2]).max(initial=0.0))


def _edges_near(at: Point, within_nm: float) -> tuple[np.ndarray, ...]:
    """Coast edges of which an end or the middle lies near a place, as metres north and east of it: (a_y, a_x, b_y, b_x)."""
    edges, south, tallest = _shore()
    reach = (within_nm + 2) / 60
    edges = edges[np.searchsorted(south, at[0] - reach - tallest) : np.searchsorted(south, at[0] + reach)]
    m, scale = 60 * NM_M, math.cos(math.radians(at[0]))
    a_y, b_y = (edges[:, 0] - at[0]) * m, (edges[:, 2] - at[0]) * m
    a_x, b_x = (((edges[:, k] - at[1] + 180) % 360 - 180) * m * scale for k in (1, 3))
    away_m = np.minimum.reduce([np.hypot(a_x, a_y), np.hypot(b_x, b_y), np.hypot((a_x + b_x) / 2, (a_y + b_y) / 2)])
    near = away_m < (within_nm + 0.2) * NM_M
    return a_y[near], a_x[near], b_y[near], b_x[near]


def _in_sight(at: Point, eye: Point, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """bool[n]: over water, and no shore crosses the straight line from a place by which ships come in."""
    m, scale = 60 * NM_M, math.cos(math.radians(at[0]))
    a_y, a_x, b_y, b_x = (column[:, None] for column in _edges_near(at, APPROACH_NM + QUAY_NM))
    eye_y, eye_x, y, x = np.array((eye[0] - at[0]) * m), np.array((eye[1] - at[1]) * m * scale), (lat - at[0]) * m, (lon - at[1]) * m * scale

    def side(p_y: np.ndarray, p_x: np.ndarray, q_y: np.ndarray, q_x: np.ndarray, r_y: np.ndarray, r_x: np.ndarray) -> np.ndarray:
        return (q_x - p_x) * (r_y - p_y) > (q_y - p_y) * (r_x - p_x)

    crossed = side(a_y, a_x, b_y, b_x, eye_y, eye_x) != side(a_y, a_x, b_y, b_x, y, x)
    crossed &= side(eye_y, eye_x, y, x, a_y, a_x) != side(eye_y, eye_x, y, x, b_y, b_x)
    return at_sea(lat, lon) & ~crossed.any(axis=0)
