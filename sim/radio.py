"""Radio: when a set transmits what, and which receivers hear it when. May hold: reporting intervals, message contents, range, fading, delay.

May not: bits (encode), plans (world). Intervals: ITU-R M.1371-5, Annex 1, tables 1 and 2.

Everything random is a draw for (seed, purpose, vessel, moment): the same sea however it is cut into chunks. The clocks
of the sets (next report, next static message, counter) are the only state.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numba import njit

from dogwatch.batch import ALT_MISSING, COG_MISSING, HDG_MISSING, LAT_MISSING, LON_MISSING, ROT_MISSING, SOG_MISSING, T_MISSING
from dogwatch.geo import KN_MS, NM_M, distance_m
from sim import noise
from sim.encode import HEARING_DTYPE, MESSAGE_DTYPE
from sim.lie import CIRCLE, LIE_DTYPE, LOST, TRUE, lie_of, told
from sim.motion import KNOT_DTYPE, M_PER_DEG, state_at
from sim.receiver import OUTAGE_DTYPE, RECEIVER_DTYPE
from sim.ship import AID, AIRCRAFT, BASE, BEACON, BEACON_TEST, CLASS_A, CLASS_B, CLASS_B_SO, SHIP_DTYPE

CLOCK_DTYPE = np.dtype([("report_ms", "<i8"), ("static_ms", "<i8"), ("count", "<i8")])  # state of one set

STATIC_MS = 360_000
BURST, BURST_GAP_MS, BURST_EVERY_MS = 8, 2_000, 60_000  # a distress device: eight reports a minute (M.1371-5, Annex 9)
TEXT_EVERY = 32  # and its text with each fourth burst
GNSS_M, GNSS_PERIOD_MS = 4.0, 180_000
AIR_MS = 27  # one slot
HORIZON_NM = 2.22  # nautical miles per root of metres of antenna height, standard atmosphere
RANGE_END = 1.35  # beyond this multiple of the range nothing is heard
FADE_SHARE, FADE_PERIOD_MS = 0.05, 600_000

_SHIPS, _KNOTS = numba.from_dtype(SHIP_DTYPE)[::1], numba.from_dtype(KNOT_DTYPE)[::1]
_MESSAGES, _HEARINGS = numba.from_dtype(MESSAGE_DTYPE)[::1], numba.from_dtype(HEARING_DTYPE)[::1]
_CLOCKS, _RECEIVERS, _OUTAGES = numba.from_dtype(CLOCK_DTYPE)[::1], numba.from_dtype(RECEIVER_DTYPE)[::1], numba.from_dtype(OUTAGE_DTYPE)[::1]
_LIES = numba.from_dtype(LIE_DTYPE)[::1]
_INT, _FLOAT, _SEED = numba.types.int64, numba.types.float64, numba.types.uint64


@njit("int64(int64, int64, float64, float64)", cache=True)
def interval_ms(kind, nav, speed_kn, turn_deg_min):
    """Nominal reporting interval. A turn counts from 10 degrees a minute (5 degrees off the mean of the last 30 s)."""
    if kind == CLASS_A:
        if (nav in (1, 5)) and speed_kn <= 3.0:
            return 180_000
        turning = abs(turn_deg_min) > 10.0
        if speed_kn > 23.0:
            return 2_000
        if speed_kn > 14.0:
            return 2_000 if turning else 6_000
        return 3_333 if turning else 10_000
    if kind == CLASS_B:
        return 180_000 if speed_kn <= 2.0 else 30_000
    if kind == CLASS_B_SO:
        if speed_kn <= 2.0:
            return 180_000
        return 30_000 if speed_kn <= 14.0 else 15_000 if speed_kn <= 23.0 else 5_000
    return 10_000 if kind in (BASE, AIRCRAFT) else 180_000


@njit("int64(float64)", cache=True)
def rate_of_turn_field(turn_deg_min):
    """4.733 times the root of the rate, with its sign, at most 126 (M.1371-5, table 48)."""
    size = min(126, int(4.733 * math.sqrt(abs(turn_deg_min)) + 0.5))
    return size if turn_deg_min >= 0 else -size


@njit("float64(float64, float64, float64)", cache=True)
def range_nm(height_m, other_m, share):
    """Reach between two antennas: the radio horizon, less for weaker sets."""
    return HORIZON_NM * (math.sqrt(height_m) + math.sqrt(other_m)) * share


@njit("float64(float64, float64)", cache=True)
def heard_share(distance_nm, reach_nm):
    """Share of messages heard: near 1 well inside the reach, a half at it, none beyond RANGE_END."""
    ratio = distance_nm / reach_nm
    if ratio >= RANGE_END:
        return 0.0
    return 1.0 / (1.0 + math.exp((ratio - 1.0) / 0.06))


@njit(numba.types.void(_SHIPS, _KNOTS, _CLOCKS, _SEED, _INT), cache=True)
def start_clocks(ships, knots, clocks, seed, t_start_ms):
    """Spread the first reports over one interval, the static messages over six minutes; a beacon begins when it is switched on."""
    for i in range(ships.shape[0]):
        kind = np.int64(ships[i]["kind"])
        if kind >= BEACON:
            clocks[i]["report_ms"] = max(t_start_ms, knots[ships[i]["first"]]["t_ms"])
            clocks[i]["static_ms"] = np.int64(1) << 60
        else:
            _, _, north, east, turn, _, leg = state_at(knots, ships[i]["first"], ships[i]["last"], t_start_ms)
            nav = np.int64(knots[np.int64(leg)]["nav"]) if leg >= 0 else 0
            wait = interval_ms(kind, nav, math.hypot(north, east) / KN_MS, turn)
            clocks[i]["report_ms"] = t_start_ms + np.int64(wait * noise.unit(seed, noise.SLOT, i, 0))
            never = kind in (BASE, AID, AIRCRAFT)
            clocks[i]["static_ms"] = np.int64(1) << 60 if never else t_start_ms + np.int64(STATIC_MS * noise.unit(seed, noise.SLOT, i, 1))
        clocks[i]["count"] = 0


@njit("int64(int64, int64)", cache=True)
def _sotdma_state(count, t_ms):
    """Communication state of a class A report: slot timeout counts down; at 1 it carries UTC hour and minute."""
    timeout = 7 - count % 8
    content = 0
    if timeout == 1:
        content = (t_ms // 3_600_000 % 24) << 9 | (t_ms // 60_000 % 60) << 2
    elif timeout in (2, 4, 6):
        content = t_ms % 60_000 * 2250 // 60_000
    elif timeout in (3, 5, 7):
        content = 40 + count % 60
    return timeout << 14 | content


@njit("UniTuple(int64, 2)(float64, float64)", cache=True)
def units(lat_deg, lon_deg):
    """A place in units of a message, its longitude between -180 and 180 degrees."""
    lon_deg = lon_deg - 360.0 * math.floor((lon_deg + 180.0) / 360.0)
    return np.int64(math.floor(lat_deg * 600_000 + 0.5)), np.int64(math.floor(lon_deg * 600_000 + 0.5))


@njit(numba.types.void(_MESSAGES, _INT, _SHIPS, _INT, _INT, _FLOAT, _FLOAT), cache=True)
def _blank(out, n, ships, who, t_ms, lat_deg, lon_deg):
    """A message of a vessel with every value "not available"; `at_*` is the true place of its antenna."""
    m = out[n]
    m["t_ms"], m["utc_ms"], m["who"], m["mmsi"] = t_ms, T_MISSING, who, ships[who]["mmsi"]
    m["lat"], m["lon"], m["radio"], m["alt_m"] = LAT_MISSING, LON_MISSING, 0, ALT_MISSING
    m["at_lat"], m["at_lon"] = units(lat_deg, lon_deg)
    m["sog"], m["cog"], m["hdg"], m["rot"] = SOG_MISSING, COG_MISSING, HDG_MISSING, ROT_MISSING
    m["nav"], m["sec"], m["part"], m["accurate"] = 15, 60, 0, 0
    m["channel"] = 65 + (t_ms // 27 + who) % 2


@njit(numba.types.void(_MESSAGES, _INT, _LIES, _SEED, _INT, _FLOAT, _FLOAT, _FLOAT, _FLOAT, _FLOAT, _FLOAT), cache=True)
def _report(out, n, lies, seed, fix_ms, lat_deg, lon_deg, north_ms, east_ms, heading_deg, turn_deg_min):
    """Fill in place, motion and second as a GNSS receiver and a compass give them, a few metres and tenths off, or as the ship lies."""
    m = out[n]
    who = np.int64(m["who"])
    bow = heading_deg if heading_deg >= 0 else math.atan2(east_ms, north_ms) * 180 / math.pi - turn_deg_min / 60 * 3
    bow += noise.wander(seed, noise.HEADING, who, fix_ms, 60_000)
    m["hdg"] = np.int64(math.floor(bow + 0.5)) % 360
    lie = lie_of(lies, who, fix_ms, lat_deg, lon_deg)
    mode = np.int64(lies[lie]["mode"]) if lie >= 0 else TRUE
    if mode == LOST:
        m["sec"] = 63
        return
    if lie >= 0:
        lat_deg, lon_deg, north_ms, east_ms = told(lies, lie, seed, who, fix_ms, lat_deg, lon_deg, north_ms, east_ms)
    north_m = GNSS_M * noise.wander(seed, noise.NORTH, who, fix_ms, GNSS_PERIOD_MS) + 0.5 * noise.bell(seed, noise.NORTH, who, fix_ms)
    east_m = GNSS_M * noise.wander(seed, noise.EAST, who, fix_ms, GNSS_PERIOD_MS) + 0.5 * noise.bell(seed, noise.EAST, who, fix_ms)
    m["lat"], m["lon"] = units(lat_deg + north_m / M_PER_DEG, lon_deg + east_m / M_PER_DEG / math.cos(lat_deg * math.pi / 180))
    speed_kn = math.hypot(north_ms, east_ms) / KN_MS
    course = math.atan2(east_ms, north_ms) * 180 / math.pi
    per_knot = 1 if m["msg_type"] == 9 else 10
    noisy_kn = max(0.0, speed_kn + 0.1 * noise.bell(seed, noise.SPEED, who, fix_ms))
    m["sog"] = min(1022, np.int64(noisy_kn * per_knot + 0.5))
    # below a knot the receiver's own noise turns the course about
    course += noise.bell(seed, noise.COURSE, who, fix_ms) * min(60.0, 0.5 + 6.0 / max(0.1, speed_kn))
    if mode == CIRCLE:
        course = 360.0 * noise.unit(seed, noise.COURSE, who, fix_ms)
    m["cog"] = np.int64(math.floor(course * 10 + 0.5)) % 3600
    m["sec"] = fix_ms // 1000 % 60


@njit(numba.types.int64(_SHIPS, _KNOTS, _LIES, _CLOCKS, _SEED, _INT, _MESSAGES, _INT), cache=True)
def _one_report(ships, knots, lies, clocks, seed, who, out, n):
    """Write the report that is due (if the set is on), set its clock; returns the new number of messages."""
    t_ms, count = clocks[who]["report_ms"], clocks[who]["count"]
    kind = np.int64(ships[who]["kind"])
    fix_ms = t_ms // 1000 * 1000  # positions are of whole seconds, so that second and place belong together
    lat, lon, north, east, turn, heading, leg = state_at(knots, ships[who]["first"], ships[who]["last"], fix_ms)
    nav = np.int64(knots[max(0, np.int64(leg))]["nav"])
    transmits = leg >= 0 and knots[max(0, np.int64(leg))]["transmits"] > 0
    if transmits:
        _blank(out, n, ships, who, t_ms, lat, lon)
        out[n]["msg_type"] = 9 if kind == AIRCRAFT else 1
        _report(out, n, lies, seed, fix_ms, lat, lon, north, east, heading, turn)
        m = out[n]
        if kind in (CLASS_A, BEACON, BEACON_TEST):
            m["msg_type"] = 3 if abs(turn) > 10.0 else 1
            m["nav"] = nav
            m["rot"] = rate_of_turn_field(turn) if kind == CLASS_A else ROT_MISSING
            m["radio"] = _sotdma_state(count, t_ms) if m["msg_type"] == 1 else 0
            if kind >= BEACON:
                m["hdg"] = HDG_MISSING
        elif kind == BASE:
            m["msg_type"], m["utc_ms"] = 4, fix_ms
            m["lat"], m["lon"], m["accurate"] = m["at_lat"], m["at_lon"], 1
        elif kind == AID:
            m["msg_type"] = 21
        elif kind == AIRCRAFT:
            m["hdg"] = HDG_MISSING
            m["alt_m"] = np.int64(ships[who]["antenna_m"] + 10 * noise.wander(seed, noise.HEIGHT, who, fix_ms, 60_000))
        else:
            m["msg_type"] = 18
            m["hdg"] = HDG_MISSING  # small sets have no compass
        n += 1
    if kind >= BEACON:
        if transmits and count % TEXT_EVERY == 4:
            _blank(out, n, ships, who, t_ms + 500, lat, lon)
            out[n]["msg_type"] = 14
            n += 1
        wait = BURST_GAP_MS if (count + 1) % BURST else BURST_EVERY_MS - (BURST - 1) * BURST_GAP_MS
    else:
        wait = interval_ms(kind, nav, math.hypot(north, east) / KN_MS, turn)
        wait += np.int64(wait * 0.2 * (noise.unit(seed, noise.REPORT, who, count) - 0.5))
    clocks[who]["report_ms"], clocks[who]["count"] = t_ms + wait, count + 1
    return n


@njit(numba.types.int64(_SHIPS, _KNOTS, _CLOCKS, _INT, _MESSAGES, _INT), cache=True)
def _one_static(ships, knots, clocks, who, out, n):
    """Write the static message that is due (type 5; 24 A and B; 19), set its clock; returns the new number of messages."""
    t_ms = clocks[who]["static_ms"]
    kind = np.int64(ships[who]["kind"])
    lat, lon, _, _, _, _, leg = state_at(knots, ships[who]["first"], ships[who]["last"], t_ms)
    if leg >= 0 and knots[np.int64(leg)]["transmits"] > 0:
        _blank(out, n, ships, who, t_ms, lat, lon)
        out[n]["msg_type"] = 5 if kind == CLASS_A else 24
        n += 1
        if kind != CLASS_A:
            _blank(out, n, ships, who, t_ms + 27, lat, lon)
            out[n]["msg_type"], out[n]["part"] = 24, 1
            n += 1
    clocks[who]["static_ms"] = t_ms + STATIC_MS
    return n


@njit(numba.types.UniTuple(_INT, 2)(_SHIPS, _KNOTS, _LIES, _CLOCKS, _SEED, _INT, _INT, _MESSAGES), cache=True)
def transmit(ships, knots, lies, clocks, seed, begin, until_ms, out):
    """Messages that the sets send before `until_ms`, ship by ship from ship `begin`.

    Returns (messages written, next ship): less than all ships when `out` is full; its clock then waits for the next call.
    """
    n = 0
    for who in range(begin, ships.shape[0]):
        while clocks[who]["report_ms"] < until_ms:
            if n + 4 > out.shape[0]:
                return n, who
            n = _one_report(ships, knots, lies, clocks, seed, who, out, n)
        while clocks[who]["static_ms"] < until_ms:
            if n + 4 > out.shape[0]:
                return n, who
            n = _one_static(ships, knots, clocks, who, out, n)
    return n, ships.shape[0]


@njit("float64(uint64, int64, int64, int64)", cache=True)
def fade(seed, who, receiver, t_ms):
    """Multiple of the reach for a pair of antennas at a time: slow, a few per cent."""
    return 1.0 + FADE_SHARE * noise.wander(seed, noise.FADE, who * 64 + receiver, t_ms, FADE_PERIOD_MS)


@njit(numba.types.int64(_MESSAGES, _SHIPS, _RECEIVERS, _OUTAGES, _SEED, _HEARINGS), cache=True)
def hear(messages, ships, receivers, outages, seed, out):
    """Who hears what, and when it leaves the receiver. `out` has room for every pair; returns the number written."""
    n = 0
    for i in range(messages.shape[0]):
        m = messages[i]
        who, t_ms = np.int64(m["who"]), np.int64(m["t_ms"])
        for r in range(receivers.shape[0]):
            reach = range_nm(receivers[r]["antenna_m"], ships[who]["antenna_m"], ships[who]["range_share"])
            away = distance_m(m["at_lat"], m["at_lon"], receivers[r]["lat"], receivers[r]["lon"]) / NM_M
            if away > reach * RANGE_END * 1.3:
                continue
            share = receivers[r]["heard_share_max"] * heard_share(away, reach * fade(seed, who, r, t_ms))
            moment = t_ms * 128 + r * 2 + m["part"]
            deaf = noise.unit(seed, noise.HEAR, who, moment) >= share
            for k in range(outages.shape[0]):
                deaf |= outages[k]["receiver"] == r and outages[k]["from_ms"] <= t_ms < outages[k]["to_ms"]
            if deaf:
                continue
            least, most = receivers[r]["delay_least_ms"], receivers[r]["delay_most_ms"]
            out[n]["t_rx_ms"] = t_ms + AIR_MS + least + np.int64((most - least) * noise.unit(seed, noise.DELAY, who, moment))
            out[n]["message"], out[n]["receiver"] = i, r
            n += 1
    return n
