"""Messages: what a set says in each of them. May hold: sensors with their noise, contents. May not: bits (encode), when and to whom (schedule, reception).

Everything random is a draw for (seed, purpose, vessel, moment), so a report that nobody hears need not be written.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from dogwatch.batch import (
    ALT_MISSING,
    COG_MISSING,
    EXERCISE_RADIO,
    HDG_MISSING,
    LAT_MISSING,
    LON_MISSING,
    NAV_MISSING,
    ROT_MISSING,
    SOG_MISSING,
    T_MISSING,
)
from dogwatch.geo import KN_MS
from dogwatch.kernel import kernel
from sim import noise
from sim.encode import MESSAGE_DTYPE
from sim.lie import CIRCLE, LIE_DTYPE, LOST, SIMULATED, TRUE, lie_of, told
from sim.motion import KNOT_DTYPE, M_PER_DEG, state_at
from sim.radio import TURN_DEG_MIN, rate_of_turn_field
from sim.schedule import SENT_DTYPE
from sim.ship import BASE, BEACON, CLASS_A, CLASS_B, NAV_SART, SHIP_DTYPE

GNSS_M, GNSS_PERIOD_MS = 4.0, 180_000
HEADING_LAG_S = 3
# Of class A sets: without a compass and a turn indicator; without a turn indicator only, which can but say that the ship turns fast.
BARE_SHARE, NO_TURN_SHARE = 0.17, 0.3
ROT_FAST = 127  # a turn of more than 5 degrees in half a minute, without a rate
YAW_DEG_M, YAW_PERIOD_MS = 12.0, 15_000  # a hull yaws in a sea: the smaller, the more. By its mast: a boat of 4 m 3 degrees, a big ship a third of one
CIRCLE_OFF_DEG = 75.0  # a course told on a false circle is at least so far off the told motion: behaviours 3.5 found more than 60 in most reports
CARRIER_SENSE = 0b1_1100000000000000110  # the state of a class B set that senses the carrier (M.1371-5, Annex 8, message 18)

_SHIPS, _KNOTS, _LIES = numba.from_dtype(SHIP_DTYPE)[::1], numba.from_dtype(KNOT_DTYPE)[::1], numba.from_dtype(LIE_DTYPE)[::1]
_MESSAGES, _SENT = numba.from_dtype(MESSAGE_DTYPE)[::1], numba.from_dtype(SENT_DTYPE)[::1]
_INT, _FLOAT, _SEED = numba.types.int64, numba.types.float64, numba.types.uint64


@kernel("int64(int64, int64, int64)")
def _sotdma_state(count, t_ms, slot):
    """Communication state: slot timeout counts down; at 1 it carries UTC hour and minute, at even ones the slot's number, at odd ones stations heard."""
    timeout = 7 - count % 8
    content = 0
    if timeout == 1:
        content = (t_ms // 3_600_000 % 24) << 9 | (t_ms // 60_000 % 60) << 2
    elif timeout in (2, 4, 6):
        content = slot
    elif timeout in (3, 5, 7):
        content = 40 + count % 60
    return timeout << 14 | content


@kernel("UniTuple(int64, 2)(float64, float64)")
def _units(lat_deg, lon_deg):
    """A place in units of a message, its longitude between -180 and 180 degrees."""
    lon_deg = lon_deg - 360.0 * math.floor((lon_deg + 180.0) / 360.0)
    return np.int64(math.floor(lat_deg * 600_000 + 0.5)), np.int64(math.floor(lon_deg * 600_000 + 0.5))


@kernel(numba.types.void(_MESSAGES, _INT, _SENT, _INT, _SHIPS))
def _blank(out, n, sent, i, ships):
    """The message of a transmission with every value "not available"."""
    m, s = out[n], sent[i]
    m["t_ms"], m["utc_ms"], m["who"], m["mmsi"] = s["t_ms"], T_MISSING, s["who"], ships[s["who"]]["mmsi"]
    m["msg_type"], m["part"], m["accurate"] = s["msg_type"], s["part"], 0
    m["lat"], m["lon"], m["radio"], m["alt_m"] = LAT_MISSING, LON_MISSING, 0, ALT_MISSING
    m["sog"], m["cog"], m["hdg"], m["rot"] = SOG_MISSING, COG_MISSING, HDG_MISSING, ROT_MISSING
    m["nav"], m["sec"] = 15, 60
    m["channel"] = 65 + s["channel"] if s["channel"] < 2 else 0


@kernel(numba.types.void(_MESSAGES, _INT, _LIES, _SEED, _INT, _FLOAT, _FLOAT, _FLOAT, _FLOAT, _FLOAT, _FLOAT, _FLOAT))
def _sense(out, n, lies, seed, fix_ms, mast_m, lat_deg, lon_deg, north_ms, east_ms, heading_deg, turn_deg_min):
    """Fill in place, motion and second as a GNSS receiver and a compass give them, a few metres and tenths off, or as the ship lies."""
    m = out[n]
    who = np.int64(m["who"])
    yaw = YAW_DEG_M / mast_m * noise.wander(seed, noise.YAW, who, fix_ms, YAW_PERIOD_MS) if mast_m > 0 and math.hypot(north_ms, east_ms) > KN_MS else 0.0
    bow = heading_deg if heading_deg >= 0 else math.atan2(east_ms, north_ms) * 180 / math.pi - turn_deg_min / 60 * HEADING_LAG_S
    bow += yaw + noise.wander(seed, noise.HEADING, who, fix_ms, 60_000)
    m["hdg"] = np.int64(math.floor(bow + 0.5)) % 360
    lie = lie_of(lies, who, fix_ms, lat_deg, lon_deg)
    mode = np.int64(lies[lie]["mode"]) if lie >= 0 else TRUE
    if mode == LOST:
        m["sec"] = 63
        return
    if lie >= 0:
        lat_deg, lon_deg, north_ms, east_ms = told(lies, lie, seed, who, fix_ms, lat_deg, lon_deg, north_ms, east_ms)
    noisy = 0.0 if mode == SIMULATED else 1.0
    north_m = noisy * (GNSS_M * noise.wander(seed, noise.NORTH, who, fix_ms, GNSS_PERIOD_MS) + 0.5 * noise.bell(seed, noise.NORTH, who, fix_ms))
    east_m = noisy * (GNSS_M * noise.wander(seed, noise.EAST, who, fix_ms, GNSS_PERIOD_MS) + 0.5 * noise.bell(seed, noise.EAST, who, fix_ms))
    m["lat"], m["lon"] = _units(lat_deg + north_m / M_PER_DEG, lon_deg + east_m / M_PER_DEG / math.cos(lat_deg * math.pi / 180))
    m["sec"] = fix_ms // 1000 % 60
    speed_kn = math.hypot(north_ms, east_ms) / KN_MS
    noisy_kn = max(0.0, speed_kn + noisy * 0.1 * noise.bell(seed, noise.SPEED, who, fix_ms))
    course = noisy * yaw + math.atan2(east_ms, north_ms) * 180 / math.pi
    # below a knot the receiver's own noise turns the course about
    course += noisy * noise.bell(seed, noise.COURSE, who, fix_ms) * min(60.0, 0.5 + 6.0 / max(0.1, speed_kn))
    if mode == CIRCLE:
        course += CIRCLE_OFF_DEG + (360.0 - 2 * CIRCLE_OFF_DEG) * noise.unit(seed, noise.COURSE, who, fix_ms)
    if m["msg_type"] == 27:
        m["sog"], m["cog"] = min(62, np.int64(noisy_kn + 0.5)), np.int64(math.floor(course + 0.5)) % 360
    else:
        m["sog"] = min(1022, np.int64(noisy_kn * (1 if m["msg_type"] == 9 else 10) + 0.5))
        m["cog"] = np.int64(math.floor(course * 10 + 0.5)) % 3600


@kernel(numba.types.void(_MESSAGES, _INT, _SENT, _INT, _SHIPS, _SEED, _INT, _INT, _FLOAT))
def _finish(out, n, sent, i, ships, seed, fix_ms, nav, turn_deg_min):
    """What each type has of its own."""
    m, who = out[n], np.int64(sent[i]["who"])
    kind, ship_kind, state = np.int64(m["msg_type"]), np.int64(ships[who]["kind"]), _sotdma_state(np.int64(sent[i]["count"]), m["t_ms"], sent[i]["slot"])
    if ship_kind != CLASS_A or kind == 27:
        m["hdg"] = HDG_MISSING  # small sets have no compass
    if kind in (1, 3, 27):
        m["nav"] = nav
    if kind == 4:
        m["utc_ms"], m["accurate"] = fix_ms, 1
    if kind in (1, 3) and ship_kind == CLASS_A:
        make = noise.unit(seed, noise.MAKE, who, 1)
        if make < BARE_SHARE:
            m["hdg"] = HDG_MISSING
        elif make < BARE_SHARE + NO_TURN_SHARE:
            m["rot"] = 0 if abs(turn_deg_min) <= TURN_DEG_MIN else ROT_FAST if turn_deg_min > 0 else -ROT_FAST
        else:
            m["rot"] = rate_of_turn_field(turn_deg_min)
    if kind == 9:
        m["alt_m"] = np.int64(ships[who]["antenna_m"] + 10 * noise.wander(seed, noise.HEIGHT, who, fix_ms, 60_000))
    if kind in (1, 3) and (nav == NAV_SART or ship_kind >= BEACON):
        m["radio"] = EXERCISE_RADIO  # not that of any set: a call for help is known for simulated whatever it loses on its way
    elif kind == 27 and nav == NAV_SART:
        m["nav"] = NAV_MISSING  # it has no room for that mark, so it does not call
    elif kind in (1, 4, 9) or (kind == 18 and ship_kind != CLASS_B):
        m["radio"] = state
    elif kind == 18:
        m["radio"] = CARRIER_SENSE


@kernel(numba.types.void(_SENT, _SHIPS, _KNOTS, _LIES, _SEED, _MESSAGES), nogil=True)
def compose(sent, ships, knots, lies, seed, out):
    """Write the message (MESSAGE_DTYPE) of each transmission (SENT_DTYPE)."""
    for i in range(sent.shape[0]):
        _blank(out, i, sent, i, ships)
        out[i]["dest"] = ships[sent[i]["who"]]["dest"]
        if sent[i]["msg_type"] in (5, 12, 14, 24):
            continue
        who = np.int64(sent[i]["who"])
        first, last = np.int64(ships[who]["first"]), np.int64(ships[who]["last"])
        # positions are of whole seconds, so that second and place belong together
        fix_ms = max(knots[first]["t_ms"], sent[i]["t_ms"] // 1000 * 1000)
        lat, lon, north, east, turn, heading, leg = state_at(knots, first, last, fix_ms)
        if ships[who]["kind"] == BASE:  # surveyed: it knows where it is
            out[i]["lat"], out[i]["lon"] = _units(lat, lon)
        else:
            mast_m = np.float64(ships[who]["antenna_m"]) if ships[who]["kind"] < BASE else 0.0
            _sense(out, i, lies, seed, fix_ms, mast_m, lat, lon, north, east, heading, turn)
        _finish(out, i, sent, i, ships, seed, fix_ms, np.int64(knots[np.int64(leg)]["nav"]), turn)
