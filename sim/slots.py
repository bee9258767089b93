"""Slots: which of the 2,250 slots of a minute a transmission takes. May hold: the choice, the table of slots taken.

May not: what a shore station makes of two in one slot (reception).

Theory (M.1371-5, Annexes 2 and 7): a set knows what the sets that it hears have reserved, and picks a free slot near the time at which it
means to report. Where all that it tries are taken, a set of class A takes that of the most distant user; one of class B, which only senses the
carrier, keeps silent. Sets that do not hear each other know nothing of each other: a hill station between them hears both, or neither. A
distress device cannot listen and sends when it must.

Taken slots are found by (cell of the sea, channel, slot): a choice costs a few look-ups however many sets there are.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from dogwatch.kernel import kernel
from sim import noise
from sim.motion import KNOT_DTYPE
from sim.place import CELL_DEG, CELLS_X, CELLS_Y, PLACE_DTYPE, apart_nm
from sim.radio import CHANNELS, SLOTS
from sim.schedule import SENT_DTYPE, SILENT
from sim.ship import CLASS_B, SHIP_DTYPE

TAKEN_DTYPE = np.dtype([("who", "<i4"), ("after", "<i4")])
TRIES = 8
MAST_NM = 15.0  # part of the horizon of the tallest ship's antenna: how much farther than its own horizon a set may hear ships
FREE = 1e9
AROUND_MAX = 64  # cells in which a set may hear others; a rescue aircraft near the pole sees into 57
NOWHERE = -1

_SHIPS, _KNOTS, _PLACES = numba.from_dtype(SHIP_DTYPE)[::1], numba.from_dtype(KNOT_DTYPE)[::1], numba.from_dtype(PLACE_DTYPE)[::1]
_SENT, _TAKEN, _HEADS = numba.from_dtype(SENT_DTYPE)[::1], numba.from_dtype(TAKEN_DTYPE)[::1], numba.types.int32[:, :, ::1]
_INT, _SEED, _INDEX = numba.types.int64, numba.types.uint64, numba.types.int32[::1]


@kernel("int64(int64, int64)")
def slot_ms(frame_ms, slot):
    """The first whole millisecond in a slot."""
    return frame_ms + (slot * 80 + 2) // 3


@kernel(numba.types.int64(_PLACES, _INT, _INDEX, _INDEX))
def _cells_around(places, who, cell_rows, out):
    """Rows of the table of heads for the cells in which a set may hear others; returns their number."""
    p, n = places[who], 0
    reach_deg = (p["root_nm"] + MAST_NM) / 60.0
    aside_deg = reach_deg / max(0.05, p["cos"])
    row_0 = math.floor((p["lat_deg"] - reach_deg + 90.0) / CELL_DEG)
    row_1 = math.floor((p["lat_deg"] + reach_deg + 90.0) / CELL_DEG)
    column_0 = math.floor((p["lon_deg"] - aside_deg + 180.0) / CELL_DEG)
    column_1 = math.floor((p["lon_deg"] + aside_deg + 180.0) / CELL_DEG)
    for row in range(max(0, row_0), min(CELLS_Y - 1, row_1) + 1):
        for column in range(column_0, column_1 + 1):
            here = cell_rows[row * CELLS_X + column % CELLS_X]
            if here != NOWHERE and n < AROUND_MAX:
                out[n] = here
                n += 1
    return n


@kernel(numba.types.float64(_SHIPS, _PLACES, _HEADS, _TAKEN, _INDEX, _INT, _INT, _INT, _INT))
def _nearest_nm(ships, places, heads, taken, around, n_around, who, channel, slot):
    """Distance to the nearest set that this one hears in a slot, or FREE."""
    nearest = FREE
    for c in range(n_around):
        k = np.int64(heads[around[c], channel, slot])
        while k >= 0:
            other = np.int64(taken[k]["who"])
            away = apart_nm(places, who, other)
            if other != who and away < (places[who]["root_nm"] + places[other]["root_nm"]) * ships[other]["range_share"]:
                nearest = min(nearest, away)
            k = np.int64(taken[k]["after"])
    return nearest


@kernel("int64(int64, int64, int64)")
def _within(slot, first, last):
    """A slot of this frame: what would be beyond an end of it is as far on this side, so that the ends are not crowded."""
    slot = 2 * last - slot if slot > last else slot
    slot = 2 * first - slot if slot < first else slot
    return min(last, slot)


@kernel(numba.types.boolean(_KNOTS, _SHIPS, _INT, _INT, _INT))
def _on(knots, ships, who, leg, t_ms):
    """Is the set on at a time near the leg for which it was asked?"""
    while leg > ships[who]["first"] and t_ms < knots[leg]["t_ms"]:
        leg -= 1
    while leg < ships[who]["last"] - 2 and t_ms >= knots[leg + 1]["t_ms"]:
        leg += 1
    return knots[leg]["t_ms"] <= t_ms < knots[leg + 1]["t_ms"] and knots[leg]["transmits"] > 0


@kernel(numba.types.void(_SENT, _SHIPS, _KNOTS, _PLACES, _SEED, _INT, _INT, _INT, _INDEX, _INDEX, _HEADS, _TAKEN), nogil=True)
def claim(sent, ships, knots, places, seed, frame_ms, from_ms, to_ms, cell_rows, around, heads, taken):
    """Give each transmission of a frame its slot and the time of its beginning, in the order of the table, which goes ship by ship.

    Nothing is sent before `from_ms`, nor from `to_ms` on. `heads` (all -1 before) has a row for each cell with a set in it, `cell_rows` says which;
    `around` is scratch, `taken` has room for each slot.
    """
    n, n_around, before = 0, 0, np.int64(-1)
    first = max(0, ((from_ms - frame_ms) * 3 + 79) // 80)
    for i in range(sent.shape[0]):
        s = sent[i]
        who, channel, spread = np.int64(s["who"]), np.int64(s["channel"]), np.int64(s["spread"])
        if who != before:
            n_around, before = _cells_around(places, who, cell_rows, around), who
        last = SLOTS - np.int64(s["slots"])
        nominal, best, best_nm = (s["t_ms"] - frame_ms) * 3 // 80, np.int64(0), -1.0
        for k in range(TRIES if spread > 0 else 1):
            aside = np.int64(math.floor((2 * spread + 1) * noise.unit(seed, noise.SLOT, who, s["t_ms"] * 16 + k))) - spread
            slot = _within(nominal + aside, first, last)
            nearest = FREE
            if spread > 0:
                for more in range(np.int64(s["slots"])):
                    nearest = min(nearest, _nearest_nm(ships, places, heads, taken, around, n_around, who, channel, slot + more))
            if nearest > best_nm:
                best, best_nm = slot, nearest
            if nearest == FREE:
                break
        t_ms = slot_ms(frame_ms, best)
        s["slot"], s["t_ms"] = best, t_ms
        if not from_ms <= t_ms < to_ms or not _on(knots, ships, who, np.int64(s["leg"]), t_ms) or (best_nm < FREE and ships[who]["kind"] == CLASS_B):
            s["channel"] = SILENT
            continue
        here = cell_rows[places[who]["cell"]]
        for more in range(np.int64(s["slots"])):
            taken[n]["who"], taken[n]["after"] = who, heads[here, channel, best + more]
            heads[here, channel, best + more] = n
            n += 1


def claim_slots(sent: np.ndarray, ships: np.ndarray, knots: np.ndarray, places: np.ndarray, seed: np.uint64, frame_ms: int, from_ms: int, to_ms: int) -> None:
    """`claim` with tables of the right size."""
    cells = np.unique(places["cell"])
    cell_rows, around = np.full(CELLS_X * CELLS_Y, NOWHERE, np.int32), np.empty(AROUND_MAX, np.int32)
    cell_rows[cells] = np.arange(len(cells))
    heads, taken = np.full((len(cells), CHANNELS, SLOTS), NOWHERE, np.int32), np.empty(int(sent["slots"].sum()), TAKEN_DTYPE)
    claim(sent, ships, knots, places, seed, frame_ms, from_ms, to_ms, cell_rows, around, heads, taken)
