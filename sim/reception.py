"""Reception: which transmissions are heard by whom, and which of them are passed on. May hold: links, slots as receivers hear them, relays.

May not: what sets hear of each other (slots), what is said (message).

Theory: each minute every set that sends has a link to every receiver in reach: the share of its messages that would be heard if nobody else sent,
and how strong it arrives. In each slot a receiver hears at most one transmission: the strongest, if it is CAPTURE times as strong as any other
in the slot, else none. Sets that hear each other have not chosen the same slot; so what a station loses grows with the number of sets that it
hears and that do not hear each other, which for a low mast in a thin sea is nothing, for a satellite nearly everything.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.kernel import kernel
from sim import noise
from sim.place import CELL_DEG, CELLS_X, CELLS_Y, PLACE_DTYPE, cell_of, plane_nm
from sim.radio import FADE_MOST, HORIZON_NM, PAIRS, RANGE_END, fade, heard_share, range_nm, strength
from sim.receiver import ASHORE, OUTAGE_DTYPE, RECEIVER_DTYPE
from sim.satellite import EARTH_KM, SKY_DTYPE, STEP_MS
from sim.schedule import SENT_DTYPE, SILENT
from sim.ship import BEACON, SHIP_DTYPE

LINK_DTYPE = np.dtype([("receiver", "<i4"), ("share", "<f4"), ("power", "<f4")])
HEARD_DTYPE = np.dtype([("arrive_ms", "<i8"), ("t_rx_ms", "<i8"), ("sent", "<i4"), ("receiver", "<i4")])
CAPTURE = 10.0  # 10 dB: GMSK at 9,600 bit/s needs as much over a neighbour in the same slot (M.1371-5, Annex 2: co-channel rejection)
SLOT_MS = 27
HIGHEST_NM = HORIZON_NM * math.sqrt(600.0)  # a sender's own part of a horizon, at most: a rescue aircraft
AGGREGATORS = 2  # one of the stations ashore, one of the satellites
COLUMNS = 3  # what an aggregator remembers of a vessel: when it passed on a position, a static message, part B of one
STATIC_RELAY_MS = 300_000  # less than six minutes, so that each message passes, and only one copy

_SHIPS, _PLACES = numba.from_dtype(SHIP_DTYPE)[::1], numba.from_dtype(PLACE_DTYPE)[::1]
_SENT, _LINKS, _HEARD = numba.from_dtype(SENT_DTYPE)[::1], numba.from_dtype(LINK_DTYPE)[::1], numba.from_dtype(HEARD_DTYPE)[::1]
_RECEIVERS, _OUTAGES, _SKY = numba.from_dtype(RECEIVER_DTYPE)[::1], numba.from_dtype(OUTAGE_DTYPE)[::1], numba.from_dtype(SKY_DTYPE)[::1]
_INT, _FLOAT, _SEED, _INDEX = numba.types.int64, numba.types.float64, numba.types.uint64, numba.types.int32[::1]
_LOUD, _RELAYS, _DELIVERIES = numba.types.float32[:, :, :, ::1], numba.types.int64[:, :, ::1], numba.types.int64[:, ::1]


def near_cells(receivers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which stations ashore may hear a set in a cell: those of cell c are near[start[c]:start[c + 1]]."""
    cells: list[list[int]] = [[] for _ in range(CELLS_X * CELLS_Y)]
    for r in np.flatnonzero(receivers["orbit"] == ASHORE):
        lat, lon = float(receivers["lat"][r]) / UNITS_PER_DEG, float(receivers["lon"][r]) / UNITS_PER_DEG
        reach_deg = (HORIZON_NM * math.sqrt(float(receivers["antenna_m"][r])) + HIGHEST_NM) * RANGE_END * FADE_MOST / 60
        aside_deg = min(179.0, reach_deg / max(0.02, math.cos(math.radians(min(89.0, abs(lat) + reach_deg)))))
        columns = range(math.floor((lon - aside_deg) / CELL_DEG), math.floor((lon + aside_deg) / CELL_DEG) + 1)
        for row_lat in np.arange(math.floor((lat - reach_deg) / CELL_DEG), math.floor((lat + reach_deg) / CELL_DEG) + 1) * CELL_DEG:
            for cell in sorted({cell_of(float(row_lat), float(column * CELL_DEG)) for column in columns}):
                if not cells[cell] or cells[cell][-1] != r:
                    cells[cell].append(int(r))
    start = np.cumsum([0] + [len(cell) for cell in cells])
    return start.astype(np.int32), np.array([r for cell in cells for r in cell], np.int32)


@kernel(numba.types.int64(_SHIPS, _PLACES, _INT, _RECEIVERS, _INDEX, _INDEX, _SKY, _SEED, _INT, _LINKS, _INT))
def _links_of(ships, places, who, receivers, near_start, near, sky, seed, t_ms, out, n):
    """Write the links of one set; returns the new number of them."""
    p, share_of_set = places[who], np.float64(ships[who]["range_share"])
    for k in range(near_start[p["cell"]], near_start[p["cell"] + 1]):
        r = np.int64(near[k])
        row = receivers[r]
        away = plane_nm(p["lat_deg"], p["lon_deg"], p["cos"], row["lat"] / UNITS_PER_DEG, row["lon"] / UNITS_PER_DEG)
        reach = range_nm(row["antenna_m"], np.float64(ships[who]["antenna_m"]), share_of_set)
        if away < reach * RANGE_END * FADE_MOST:
            faded = fade(seed, who, r, t_ms)
            share = heard_share(away, reach * faded)
            if share > 0.0:
                out[n]["receiver"], out[n]["share"], out[n]["power"] = r, row["heard_share_max"] * share, strength(away, share_of_set * faded)
                n += 1
    ashore = receivers.shape[0] - sky.shape[0]
    for k in range(sky.shape[0]):
        sat = sky[k]
        lat, at_lat = p["lat_deg"] * math.pi / 180, sat["lat_deg"] * math.pi / 180
        cos = math.sin(lat) * math.sin(at_lat) + p["cos"] * math.cos(at_lat) * math.cos((p["lon_deg"] - sat["lon_deg"]) * math.pi / 180)
        if cos >= sat["cos_view"]:
            share = share_of_set * share_of_set  # weaker sets are heard less from above
            far_2 = EARTH_KM * EARTH_KM + sat["radius_km"] * sat["radius_km"] - 2 * EARTH_KM * sat["radius_km"] * cos
            out[n]["receiver"], out[n]["share"] = ashore + k, receivers[ashore + k]["heard_share_max"] * share
            out[n]["power"] = share * share / far_2  # free space: the square of the distance
            n += 1
    return n


@kernel(numba.types.int64(_SENT, _SHIPS, _PLACES, _RECEIVERS, _INDEX, _INDEX, _SKY, _SEED, _INT, _INDEX, _LINKS), nogil=True)
def link(sent, ships, places, receivers, near_start, near, sky, seed, t_ms, start, out):
    """Links of all sets that send in a frame: those of set i are out[start[i]:start[i + 1]]. Returns their number; `sent` goes ship by ship."""
    n, i = 0, 0
    for who in range(ships.shape[0]):
        start[who] = n
        if i < sent.shape[0] and sent[i]["who"] == who:
            n = _links_of(ships, places, who, receivers, near_start, near, sky, seed, t_ms, out, n)
            while i < sent.shape[0] and sent[i]["who"] == who:
                i += 1
    start[ships.shape[0]] = n
    return n


@kernel(numba.types.boolean(_RECEIVERS, _INT, _INT))
def _listens(receivers, r, channel):
    """Stations ashore listen to channels A and B, satellites also to the two of type 27."""
    return channel < 2 or (channel != SILENT and receivers[r]["orbit"] >= 0)


@kernel(numba.types.void(_SENT, _LINKS, _INDEX, _RECEIVERS, _LOUD), nogil=True)
def listen(sent, links, start, receivers, loud):
    """Strongest and second strongest in each slot at each receiver: loud[receiver, channel, slot, 0 or 1]."""
    loud[:] = 0.0
    for i in range(sent.shape[0]):
        who, channel = np.int64(sent[i]["who"]), np.int64(sent[i]["channel"])
        for k in range(start[who], start[who + 1]):
            r, power = np.int64(links[k]["receiver"]), links[k]["power"]
            if not _listens(receivers, r, channel):
                continue
            for more in range(np.int64(sent[i]["slots"])):
                pair = loud[r, channel, np.int64(sent[i]["slot"]) + more]
                if power > pair[0]:
                    pair[0], pair[1] = power, pair[0]
                elif power > pair[1]:
                    pair[1] = power


@kernel(numba.types.boolean(_SENT, _INT, _LINKS, _INT, _LOUD))
def _stands_out(sent, i, links, k, loud):
    """Is a transmission much stronger than any other in all its slots at the receiver of link k?"""
    s, r, power = sent[i], np.int64(links[k]["receiver"]), links[k]["power"]
    for more in range(np.int64(s["slots"])):
        pair = loud[r, np.int64(s["channel"]), np.int64(s["slot"]) + more]
        if power < pair[0] or power < np.float32(CAPTURE) * pair[1]:
            return False
    return True


@kernel(numba.types.UniTuple(_INT, 2)(_RECEIVERS, _INT, _DELIVERIES, _INT, _SEED, _INT, _INT, _INT))
def _travel(receivers, r, deliveries, t_start_ms, seed, t_ms, pair, moment):
    """(stamp, arrival) of a message heard by receiver r, UTC milliseconds. Most of what is heard ashore comes soon, some of it late."""
    row = receivers[r]
    end_ms = t_ms + SLOT_MS
    if row["orbit"] >= 0:
        return end_ms + row["clock_ms"], max(end_ms, deliveries[np.int64(row["orbit"]), (t_ms - t_start_ms) // STEP_MS])
    luck = noise.unit(seed, noise.DELAY, pair, moment)
    least, most = row["delay_least_ms"], row["delay_most_ms"]
    arrive_ms = end_ms + least + np.int64((most - least) * luck * luck)
    return arrive_ms + row["clock_ms"], arrive_ms


@kernel(
    numba.types.UniTuple(_INT, 2)(_SENT, _INT, _LINKS, _INDEX, _LOUD, _RECEIVERS, _OUTAGES, _DELIVERIES, _INT, _SEED, _SHIPS, _RELAYS, _HEARD),
    nogil=True,
)
def hear(sent, begin, links, start, loud, receivers, outages, deliveries, t_start_ms, seed, ships, relays, out):
    """Who hears what of `sent` from row `begin` on, and what is passed on of it.

    Returns (rows written, next row of `sent`): less than all when `out`, which has room for all receivers at least once, is full.
    """
    n = 0
    least_ms, passed_ms, best = np.zeros(AGGREGATORS, np.int64), np.zeros(AGGREGATORS, np.int64), np.zeros(AGGREGATORS, np.int64)
    for i in range(begin, sent.shape[0]):
        s = sent[i]
        who, t_ms, kind, channel = np.int64(s["who"]), s["t_ms"], np.int64(s["msg_type"]), np.int64(s["channel"])
        if n + start[who + 1] - start[who] > out.shape[0]:
            return n, i
        column = 0 if kind not in (5, 19, 24) else 1 + np.int64(s["part"])
        best[:] = -1
        for group in range(AGGREGATORS):
            passed_ms[group] = relays[who, group, column]
        for k in range(start[who], start[who + 1]):
            r = np.int64(links[k]["receiver"])
            if not _listens(receivers, r, channel):
                continue
            group = 1 if receivers[r]["orbit"] >= 0 else 0
            relay_ms = 0 if kind in (12, 14) or ships[who]["kind"] >= BEACON else receivers[r]["relay_ms"]
            if relay_ms > 0 and t_ms - passed_ms[group] < (max(relay_ms, STATIC_RELAY_MS) if column > 0 else relay_ms):
                continue
            pair, moment = who * PAIRS + r, t_ms * 2 + s["part"]
            if not _stands_out(sent, i, links, k, loud) or noise.unit(seed, noise.HEAR, pair, moment) >= links[k]["share"]:
                continue
            deaf = False
            for o in range(outages.shape[0]):
                deaf |= outages[o]["receiver"] == r and outages[o]["from_ms"] <= t_ms < outages[o]["to_ms"]
            if deaf:
                continue
            t_rx_ms, arrive_ms = _travel(receivers, r, deliveries, t_start_ms, seed, t_ms, pair, moment)
            at = n
            if relay_ms > 0:  # of an aggregator's copies the first to arrive is passed on, the others are overwritten
                if best[group] >= 0 and arrive_ms >= least_ms[group]:
                    continue
                at = best[group] if best[group] >= 0 else n
                best[group], least_ms[group], relays[who, group, column] = at, arrive_ms, t_ms
            out[at]["arrive_ms"], out[at]["t_rx_ms"], out[at]["sent"], out[at]["receiver"] = arrive_ms, t_rx_ms, i, r
            n += at == n
    return n, sent.shape[0]
