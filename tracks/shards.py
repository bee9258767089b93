"""Shards: one minute of a watch whose vessels are spread over several tables. May hold: who is at home where, what travels between shards, the order.

May not: transport (runners do), thresholds, the inside of a detector. A pure function: what it gives is what one table gives.

Theory. Three keyed stages, closed by the same tick:
1. Vessel, at home by a multiplicative hash of its MMSI (never MMSI modulo S: many end in 000). Every shard takes its own rows. Then what
   concerns the watch as a whole is made common: which receivers spoke, the newest row, the sightings of all (the tick's Around), and at
   the end of the tick what was learned of coverage (sums, so the order does not matter). Only then vessels are decided.
2. Space: the rows of those who may be in contact are searched in cells of 20 km, each with a halo around it that holds every row and every
   crowd that its own contacts depend on. A contact belongs to the cell in which its smaller track lies. Nothing is remembered.
3. Pair, at home where the smaller track is. All that a decision needs of either party travels with its row.
A detector holds under this if it looks at its own tracks and asks everything else of `sight.around` or `sight.brought`.
"""

from __future__ import annotations

import numpy as np

from dogwatch.batch import take_rows
from dogwatch.events import Event, event_order
from dogwatch.geo import FULL_TURN, M_PER_UNIT, cos_lat
from tracks.around import around_of, sightings
from tracks.association import HASH_FACTOR
from tracks.clock import Released
from tracks.contacts import CONTACT, POLAR_RIM, QUARTER, Found, find_contacts, halo_m
from tracks.params import Rendezvous
from tracks.parties import Brought, gathered
from tracks.records import LAST_ROW
from tracks.rendezvous import TRACK_BITS, RendezvousDetector
from tracks.step import TrackState, decide_pairs, decide_vessels, forget, take_rows_of
from tracks.vessels import ORDINAL_BITS

CELL_M = 20_000.0


def home_of(mmsi: np.ndarray, shards: int) -> np.ndarray:
    """int64[n]: the shard in which each MMSI is at home."""
    mixed = (mmsi.astype(np.uint64) * np.uint64(HASH_FACTOR)) >> np.uint64(32)
    return (mixed % np.uint64(shards)).astype(np.int64)


def minute(states: list[TrackState], released: Released, tick_ms: int) -> list[Event]:
    """Take the rows of a minute (canonical order) into the shards and decide it. Events in their order; `states` are changed."""
    n = len(states)
    fix_home, static_home = home_of(released.fixes["mmsi"], n), home_of(released.statics["mmsi"], n)
    for k, state in enumerate(states):
        state.tick_ms = tick_ms
        take_rows_of(state, Released(released.fixes[fix_home == k], released.statics[static_home == k]), tick_ms)
    _make_common(states)
    around = around_of([sightings(state.table, tick_ms) for state in states])
    sights = [state.sight.at(tick_ms, around) for state in states]
    events = [event for state, sight in zip(states, sights) for event in decide_vessels(state, sight)]
    for sight, brought in zip(sights, _meet(states, tick_ms)):
        sight.brought = brought
    events += [event for state, sight in zip(states, sights) for event in decide_pairs(state, sight)]
    learned = [part for state in states for part in state.coverage.pending]
    keep = set().union(*(detector.keys() for state in states for detector in state.detectors))
    for state in states:
        state.coverage.pending = list(learned)
        forget(state, tick_ms, keep)
        state.tick_ms = tick_ms + 60_000
    return sorted(events, key=event_order)


def _make_common(states: list[TrackState]) -> None:
    """Which receivers spoke and when the newest row came are facts of the watch, not of a shard."""
    heard = np.bitwise_or.reduce([state.table.receivers[0] for state in states])
    newest = max(int(state.table.cells[LAST_ROW]) for state in states)
    for state in states:
        state.table.receivers[0], state.table.cells[LAST_ROW] = heard, newest


def _meet(states: list[TrackState], tick_ms: int) -> list[Brought | None]:
    """What each shard must know of those who may be in contact: all rows, and the contacts that are decided there."""
    detectors = [next((d for d in state.detectors if isinstance(d, RendezvousDetector)), None) for state in states]
    rule = states[0].params.rendezvous
    if not rule.enabled or any(detector is None for detector in detectors):
        return [None] * len(states)
    together = gathered([detector.bring(state.sight.at(tick_ms)) for state, detector in zip(states, detectors) if detector])
    found = search(together.near, rule)
    smaller = (found.contacts["key"] >> np.uint64(TRACK_BITS)).astype(np.int64) >> ORDINAL_BITS
    contact_home, row_home = home_of(smaller, len(states)), home_of(together.near["key"] >> ORDINAL_BITS, len(states))
    out: list[Brought | None] = []
    for k in range(len(states)):
        part = Found(take_rows(found.contacts, contact_home == k), found.crowds & (row_home == k), found.examined if k == 0 else 0)
        out.append(Brought(together.near, None, together.party, together.trail, part))
    return out


def search(near: np.ndarray, rule: Rendezvous) -> Found:
    """`find_contacts` cell by cell, as several searchers would."""
    cell, halo = int(CELL_M / M_PER_UNIT), int(halo_m(rule) / M_PER_UNIT) + 1
    lat, lon = near["lat"].astype(np.int64), near["lon"].astype(np.int64)
    homes = _cells(lat, lon, cell)
    contacts, crowds, examined = [np.empty(0, CONTACT)], np.zeros(len(near), np.bool_), 0
    for home in np.unique(homes):
        own = homes == home
        wide = own | _in_halo(lat, lon, own, halo)
        rows = np.flatnonzero(wide)
        found = find_contacts(take_rows(near, rows), rule)
        mine = take_rows(found.contacts, own[rows[found.contacts["a"]]])
        mine["a"], mine["b"] = rows[mine["a"]], rows[mine["b"]]
        contacts.append(mine)
        crowds[rows] |= found.crowds & own[rows]
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
