"""Where tracks stand to the lines on the sea, fix by fix: the kernel and its records. May hold: what changed. May not: words, events, thresholds.

Theory. A track remembers the zones that it is in, and two ways to see at once that nothing has changed:
- the place in its cell of the zone grid (zones/grid.py) where the zones were last looked up. Where no boundary runs through the cell, all of it has
  the same zones, and so has any other with the same code; in a cell with a boundary a circle around that place, to the nearest of its boundaries;
- a circle of `reach_nm` around the place where the built-in belt and the drawn lines were last measured: within it neither
  can have been crossed. Only a fix outside the circle measures again, and asks whether the step before it crossed a line.
A zone is entered with the first fix inside. It is left when a fix lies `exit_nm` outside, or two fixes in a row lie outside
at all (by more than the noise of a fix); then the step in which the first of them left is the one that counts. The moment of a
crossing is where that step meets the boundary. A first fix, a jump, and a return that no ship could have made are not crossings.
Zones beyond ZONES_HELD over one place are not followed (those with the highest numbers; counted).
"""

from __future__ import annotations

import math

import numpy as np
from numba import float64, from_dtype, int64, types

from dogwatch.fetch import fetch
from dogwatch.geo import FULL_TURN, HALF_TURN, KN_MS, M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference
from dogwatch.kernel import kernel
from tracks.key import make_key
from tracks.pool import leave, take
from tracks.records import ACCEPTED, BORN, FIX_TYPE, GOES_ON, JUMPED, MORE_TYPE, PLAIN, RETURNED, TAKEN_TYPE
from zones.grid import ASK_TREE, CELL_BITS, CELL_HALF, CELL_MASK, code_at, members_at, sorted_once
from zones.polygons import ALWAYS, EDGES, NODES, STACK, STACK_MAX, ZONES, distance, inside_tree, to_zone
from zones.reach import NEAR, tile_of
from zones.shore import POLE, side
from zones.shore_cells import COAST as COAST_ARRAYS
from zones.shore_cells import coast_nm

ZONES_HELD = 12
OUT = 0x8000  # bit of a held zone: the last fix lay outside, the next one decides
BELT, NOWHERE = -1, -2  # in place of a zone's number
BELT_NM = 12.0
ASK = -1
WHOLE = -2.0
IN_BELT, OUT_OF_BELT, APPROACHING, HEADING = 1, 2, 4, 8  # flags of a track
HELD, LINE, AHEAD = 1, 2, 4  # what a zone is followed for: entered and left; crossed; approached
ENTER, LEAVE, CROSS, APPROACH, AWAY = range(5)
NM_PER_UNIT = M_PER_UNIT / NM_M
LOOK_NM = 0.5  # how often a vessel near a limit is measured
NEAR_NM = 7.5  # half an hour at 15 knots: who is so near a limit may be approaching it
AHEAD_ROWS = 16  # so far ahead of its row a standing is fetched
CELL_NM = 3.0  # more than a cell is wide
FLAT_MAX = 51_000_000  # 85 degrees: up to there the plane of a place is good for a cell around it
CAP_NM = 24.0  # lines farther away are not measured: no vessel is there in half an hour
ON_IT_NM = 1e-9
LASTS, FROM_AFAR = 1.5, 2.0  # times approach_s: an approach goes on while its limit is so near ahead; heading for one begins there
UNHEARD_MS = 1_800_000  # who was not heard for longer heads nowhere that we know
SLANT_MIN = 0.25  # so much of the way to a limit ahead at least lies between it and the vessel: 15 degrees
MET_NM, FEELS_MAX = 0.02, 40  # so near a limit ahead is met; after so many looks along the way it is passed by

STANDING = np.dtype(
    [
        ("ref_ms", "<i8"),  # when and where belt and lines were measured
        ("ref_lat", "<i4"),
        ("ref_lon", "<i4"),
        ("code", "<i4"),  # of the cell, plus 1; less than ASK: a cell with a boundary; ASK: whatever comes next must be looked at; 0: nothing is known
        ("cell_lat", "<i4"),  # where the zones were last looked up, if the cell is WHOLE or has a boundary
        ("cell_lon", "<i4"),
        ("cell_nm", "<f4"),  # how far from there they are the same, in this cell; WHOLE: in all of it
        ("reach_nm", "<f4"),
        ("at", "<u4"),  # number of its EXIT; 0: nothing is marked OUT
        ("ahead", "<i2"),  # which limit that is, plus 2; 0 none
        ("toward", "<i2"),  # the limit approached, plus 2
        ("held", "<u2", (ZONES_HELD,)),  # zones that it is in, plus 1
        ("n", "u1"),
        ("flags", "u1"),
        ("since_s", "<u2"),  # HEADING: since when it heads for the limit ahead, in seconds modulo 2**16
    ]
)
# The step in which what is marked OUT was left: few tracks at a time, until their next fix.
EXIT = np.dtype([("from_ms", "<i8"), ("ms", "<i8"), *((name, "<i4") for name in ("from_lat", "from_lon", "lat", "lon"))])
CHANGE = np.dtype(
    [
        ("key", "<i8"),
        ("t_ms", "<i8"),  # the step: from, to
        ("from_ms", "<i8"),  # APPROACH: since when it heads there
        ("at_ms", "<i8"),  # the crossing; APPROACH: since when the limit is so near ahead; AWAY: when it was last known to head there
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("from_lat", "<i4"),
        ("from_lon", "<i4"),
        ("at_lat", "<i4"),
        ("at_lon", "<i4"),
        ("zone", "<i4"),  # BELT or number
        ("kind", "<i2"),  # ENTER, LEAVE, CROSS, APPROACH, AWAY
        ("sense", "<i2"),  # of a line: 1 from its left to its right, -1 the other way
        ("speed_kn", "<f4"),  # along the step
        ("depth_nm", "<f4"),  # how far beyond the limit the fix lies; approach: how far before it
        ("eta_s", "<f4"),
        ("from_kn", "<f4"),  # what the track said before the step, -1 unknown
    ]
)
_STANDING, _CHANGE = from_dtype(STANDING), from_dtype(CHANGE)
GRID = types.Tuple((types.int32[::1], types.int32[:, ::1], types.int32[::1], types.int32[::1], types.int32[::1], EDGES, NODES, ZONES))
COAST = types.Tuple(COAST_ARRAYS)
LIMITS = types.UniTuple(float64, 7)  # exit_nm, noise_nm, approach_s, approach_kn, v_max_kn, 1 if the belt is followed, approach_hold_s
EXITS = types.Tuple((from_dtype(EXIT)[::1], types.uint32[::1]))
STEP = types.UniTuple(int64, 6)  # from_ms, lat, lon, to_ms, lat, lon


@kernel(types.boolean(GRID, COAST, int64, int64, int64, STACK), **PLAIN)
def _inside(grid, coast, zone, lat, lon, stack):
    if zone == BELT:
        return coast_nm(*coast, lat, lon) <= BELT_NM
    if grid[7][zone]["buffer_nm"] > 0.0:
        return to_zone(grid[5], grid[6], grid[7], zone, lat, lon, ON_IT_NM, stack) <= 0.0
    root = grid[7][zone]["root"]
    return inside_tree(grid[5], grid[6], root, lat, lon, stack) or (abs(lon) == HALF_TURN and inside_tree(grid[5], grid[6], root, lat, -lon, stack))


@kernel("UniTuple(int64, 2)(int64, int64, int64, int64, float64)", **PLAIN)
def between(lat_a, lon_a, lat_b, lon_b, share):
    """A place on the way from a to b, the short way round."""
    lon = lon_a + np.int64(np.rint(share * lon_difference(lon_b, lon_a)))
    if lon >= HALF_TURN:
        lon -= FULL_TURN
    elif lon < -HALF_TURN:
        lon += FULL_TURN
    return lat_a + np.int64(np.rint(share * (lat_b - lat_a))), lon


@kernel("Tuple((int64, float64))(int32[:, ::1], int64, int64, int64, int64, int64, int64)", **PLAIN)
def _edge_crossed(edges, e, lat_a, lon_a, lat_b, lon_b, turn):
    """(1 left to right, -1 right to left, 0 not, share of the way) of the step a-b over an edge; what lies on a line lies right of it."""
    p_lat, p_lon, q_lat, q_lon = np.int64(edges[e, 0]), np.int64(edges[e, 1]) + turn, np.int64(edges[e, 2]), np.int64(edges[e, 3]) + turn
    if min(p_lat, q_lat) > max(lat_a, lat_b) or max(p_lat, q_lat) < min(lat_a, lat_b):
        return 0, 0.0
    if min(p_lon, q_lon) > max(lon_a, lon_b) or max(p_lon, q_lon) < min(lon_a, lon_b):
        return 0, 0.0
    s_a, s_b = side(p_lat, p_lon, q_lat, q_lon, lat_a, lon_a), side(p_lat, p_lon, q_lat, q_lon, lat_b, lon_b)
    left_a, left_b = s_a > 0, s_b > 0
    if left_a == left_b or (side(lat_a, lon_a, lat_b, lon_b, p_lat, p_lon) > 0) == (side(lat_a, lon_a, lat_b, lon_b, q_lat, q_lon) > 0):
        return 0, 0.0
    return 1 if left_a else -1, float(s_a) / float(s_a - s_b)


@kernel(types.Tuple((int64, float64))(EDGES, NODES, int64, int64, int64, int64, int64, STACK), **PLAIN)
def line_crossed(edges, nodes, root, lat_a, lon_a, lat_b, lon_b, stack):
    """(net sense, share of the first crossing) of the step a-b over a line; (0, 0) if it ends on the side from which it came."""
    lon_b = lon_a + lon_difference(lon_b, lon_a)  # may pass 180: the line is then asked a turn away too
    net, first = 0, 2.0
    for turn in (-FULL_TURN, 0, FULL_TURN):
        south, north, west, east = min(lat_a, lat_b), max(lat_a, lat_b), min(lon_a, lon_b) - turn, max(lon_a, lon_b) - turn
        stack[0] = root
        depth = 1
        while depth > 0:
            depth -= 1
            node = nodes[stack[depth]]
            if node["south"] > north or node["north"] < south or node["west"] > east or node["east"] < west:
                continue
            begin, count = node["first"], node["count"]
            if count > 0:
                for k in range(count):
                    stack[depth + k] = begin + k
                depth += count
                continue
            for e in range(begin, begin - count):
                sense, share = _edge_crossed(edges, e, lat_a, lon_a, lat_b, lon_b, turn)
                if sense != 0:
                    net += sense
                    first = min(first, share)
    return (0, 0.0) if net == 0 else (1 if net > 0 else -1, first)


@kernel(float64(GRID, COAST, int64, STEP, STACK), **PLAIN)
def _share(grid, coast, zone, step, stack):
    """Share of a step at which a zone's boundary is crossed; 0 if both its ends lie on one side of it.

    Over the outline of an area it is the edge that tells; the limits of buffers and of the belt are found by halving, to half a second.
    """
    lat_a, lon_a, lat_b, lon_b = step[1], step[2], step[4], step[5]
    if zone != BELT and grid[7][zone]["buffer_nm"] == 0.0:
        sense, share = line_crossed(grid[5], grid[6], grid[7][zone]["root"], lat_a, lon_a, lat_b, lon_b, stack)
        if sense != 0:
            return share
    there = _inside(grid, coast, zone, lat_b, lon_b, stack)
    if _inside(grid, coast, zone, lat_a, lon_a, stack) == there:
        return 0.0
    low, high = 0.0, 1.0
    while (high - low) * (step[3] - step[0]) > 500.0:
        middle = 0.5 * (low + high)
        lat, lon = between(lat_a, lon_a, lat_b, lon_b, middle)
        if _inside(grid, coast, zone, lat, lon, stack) == there:
            high = middle
        else:
            low = middle
    return high


@kernel((_CHANGE[::1], int64, int64, int64, int64, float64, STEP, float64, float64), **PLAIN)
def _tell(changes, n, key, kind, zone, share, step, from_kn, depth_nm):
    """Write a change; step: from_ms, lat, lon, to_ms, lat, lon."""
    from_ms, from_lat, from_lon, t_ms, lat, lon = step
    c = changes[n]
    c["key"], c["kind"], c["zone"], c["sense"] = key, kind, zone, 0
    c["from_ms"], c["from_lat"], c["from_lon"] = from_ms, from_lat, from_lon
    c["t_ms"], c["lat"], c["lon"] = t_ms, lat, lon
    c["at_ms"] = from_ms + np.int64(np.rint(share * (t_ms - from_ms)))
    c["at_lat"], c["at_lon"] = between(from_lat, from_lon, lat, lon, share)
    c["depth_nm"], c["eta_s"], c["from_kn"] = depth_nm, 0.0, from_kn
    c["speed_kn"] = distance_m(from_lat, from_lon, lat, lon) * 1000.0 / max(1, t_ms - from_ms) / KN_MS


@kernel(types.int64(GRID, types.uint8[::1], int64, int64, int64, STACK, types.int32[::1]), **PLAIN)
def _zones_here(grid, roles, t_ms, lat, lon, stack, found):
    """Followed zones that hold a place at a time, ascending; returns how many."""
    n = members_at(*grid, lat, lon, 0, stack, found)
    if abs(lon) == HALF_TURN:
        n = members_at(*grid, lat, -lon, n, stack, found)
    n = sorted_once(found, 0, n)
    kept = 0
    for k in range(n):
        z = found[k]
        if roles[z] & HELD and grid[7][z]["from_ms"] <= t_ms < grid[7][z]["to_ms"]:
            found[kept] = z
            kept += 1
    return kept


@kernel(float64(GRID, types.uint8[::1], int64, int64, int64, STACK), **PLAIN)
def _same_zones_nm(grid, roles, lat, lon, place, stack):
    """How far one may go from here within a cell with a boundary (its place in the grid) before a followed zone can begin or end.

    Only edges that run through the cell can matter there, and in the plane of the place: a cell is a mile and a half. Zones that begin or end in time
    leave no room.
    """
    mixed, zones = grid[2], grid[7]
    if abs(lat) > FLAT_MAX:
        return 0.0
    for k in range(grid[3][mixed[place]], grid[3][mixed[place] + 1]):
        zone = grid[4][k]
        if roles[zone] & HELD and (zones[zone]["from_ms"] > ALWAYS[0] or zones[zone]["to_ms"] < ALWAYS[1]):
            return 0.0
    narrow = cos_lat(lat)
    y, x = ((lat + POLE) & CELL_MASK) - CELL_HALF, ((lon + HALF_TURN) & CELL_MASK) - CELL_HALF
    reach_nm = CELL_NM
    left, at = mixed[place + 1], place + 2
    while left > 0:
        left -= 1
        zone, told = mixed[at], mixed[at + 1]
        first = at + 2
        at = first if told == ASK_TREE else first + 4 * (told >> 1)
        if roles[zone] & HELD == 0:
            continue
        if zones[zone]["from_ms"] > ALWAYS[0] or zones[zone]["to_ms"] < ALWAYS[1]:
            return 0.0
        if told == ASK_TREE:
            buffer_nm = zones[zone]["buffer_nm"]
            edge_nm = distance(grid[5], grid[6], zones[zone]["root"], lat, lon, buffer_nm + reach_nm, stack)
            reach_nm = min(reach_nm, abs(edge_nm - buffer_nm))
            continue
        least = (reach_nm / NM_PER_UNIT) ** 2
        for e in range(first, at, 4):
            y_a, x_a = float(mixed[e] - y), narrow * float(mixed[e + 1] - x)
            d_y, d_x = float(mixed[e + 2] - mixed[e]), narrow * float(mixed[e + 3] - mixed[e + 1])
            along = min(1.0, max(0.0, -(y_a * d_y + x_a * d_x) / max(1.0e-9, d_y * d_y + d_x * d_x)))
            least = min(least, (y_a + along * d_y) ** 2 + (x_a + along * d_x) ** 2)
        reach_nm = min(reach_nm, math.sqrt(least) * NM_PER_UNIT)
    return max(0.0, 0.98 * reach_nm - 0.001)  # planes of near places differ a little


# Flat: one fix against the zones it holds and the zones that hold it; apart it would hand ten arrays to and fro.
@kernel(STEP(EXITS, types.uint32), **PLAIN)
def _exit_of(exits, at):
    """The step in which what is marked OUT was left."""
    out = exits[0][at]
    return out["from_ms"], np.int64(out["from_lat"]), np.int64(out["from_lon"]), out["ms"], np.int64(out["lat"]), np.int64(out["lon"])


@kernel(types.uint32(EXITS, types.uint32, STEP), **PLAIN)
def _with_exit(exits, at, step):
    """Number of the record in which a step is written down: `at`, or a new one for 0."""
    at = at if at != 0 else take(exits[1])
    out = exits[0][at]
    out["from_ms"], out["from_lat"], out["from_lon"], out["ms"], out["lat"], out["lon"] = step
    return at


@kernel((_STANDING[::1], EXITS, int64), **PLAIN)
def _forget_exit(standing, exits, slot):
    """The next fix has decided: where nothing is marked OUT any more, its step is needed no longer."""
    st = standing[slot]
    marked = (np.int64(st["flags"]) & OUT_OF_BELT) != 0
    for k in range(st["n"]):
        marked = marked or (np.int64(st["held"][k]) & OUT) != 0
    if not marked:
        _with_exit(exits, st["at"], (0, 0, 0, 0, 0, 0))
        leave(exits[1], st["at"])
        st["at"] = 0


@kernel(
    types.int64(
        *(GRID, COAST, types.uint8[::1], LIMITS, _STANDING[::1], EXITS, int64, int64, types.boolean, STEP, STEP, float64, _CHANGE[::1], int64),
        *(STACK, types.int32[::1], int64[::1], int64[::1]),
    ),
    **PLAIN,
)
def _areas(grid, coast, roles, limits, standing, exits, slot, key, fresh, step, left, from_kn, changes, n, stack, found, held, counts):
    """Zones entered and left with a fix. left: the step in which what is marked OUT was left."""
    st = standing[slot]
    t_ms, lat, lon = step[3], step[4], step[5]
    here = _zones_here(grid, roles, t_ms, lat, lon, stack, found)
    if here == st["n"]:
        same = True
        for k in range(here):
            same = same and st["held"][k] == found[k] + 1
        if same:
            st["cell_nm"] = 0.0
            return n
    kept, pending, lingers = 0, False, False
    for k in range(st["n"]):
        zone = np.int64(st["held"][k] & ~OUT) - 1
        was_out = (st["held"][k] & OUT) != 0
        inside = False
        for j in range(here):
            inside = inside or found[j] == zone
        if inside:
            held[kept] = zone + 1
            kept += 1
            continue
        if not grid[7][zone]["from_ms"] <= t_ms < grid[7][zone]["to_ms"]:
            continue  # the zone is over; nobody left it
        outside_nm = to_zone(grid[5], grid[6], grid[7], zone, lat, lon, limits[0] + 0.01, stack)
        if outside_nm <= limits[1]:
            held[kept] = zone + 1
            kept += 1
            lingers = True
        elif outside_nm >= limits[0] or was_out:
            way = left if was_out else step
            share = _share(grid, coast, zone, way, stack)
            _tell(changes, n, key, LEAVE, zone, share, way, from_kn, outside_nm)
            n += 1
        else:
            held[kept] = zone + 1 + OUT
            kept += 1
            pending = True
    for j in range(here):
        zone = np.int64(found[j])
        known = False
        for k in range(kept):
            known = known or (held[k] & ~OUT) == zone + 1
        if known:
            continue
        if kept == ZONES_HELD:
            counts[0] += 1
            continue
        held[kept] = zone + 1
        kept += 1
        if not fresh and not _inside(grid, coast, zone, step[1], step[2], stack):
            share = _share(grid, coast, zone, step, stack)
            depth_nm = distance(grid[5], grid[6], grid[7][zone]["root"], lat, lon, 1.0, stack)
            _tell(changes, n, key, ENTER, zone, share, step, from_kn, depth_nm)
            n += 1
    for k in range(1, kept):  # ascending, as they are found
        value, j = held[k], k
        while j > 0 and (held[j - 1] & ~OUT) > (value & ~OUT):
            held[j] = held[j - 1]
            j -= 1
        held[j] = value
    for k in range(ZONES_HELD):
        st["held"][k] = held[k] if k < kept else 0
    st["n"] = kept
    st["cell_nm"] = ASK if pending or lingers else 0.0
    if pending:
        st["at"] = _with_exit(exits, st["at"], step)
    return n


@kernel(
    types.Tuple((int64, float64, int64))(
        GRID, COAST, LIMITS, _STANDING[::1], EXITS, int64, int64, types.boolean, STEP, STEP, float64, _CHANGE[::1], int64, STACK
    ),
    **PLAIN,
)
def _belt(grid, coast, limits, standing, exits, slot, key, fresh, step, left, from_kn, changes, n, stack):
    """(changes written, miles outside the belt (less than 0 in it), BELT if the step crossed its limit, else NOWHERE): the belt entered and left."""
    st = standing[slot]
    exit_nm, noise_nm = limits[0], limits[1]
    beyond_nm = coast_nm(*coast, step[4], step[5]) - BELT_NM
    flags, crossed = np.int64(st["flags"]), NOWHERE
    was_in, was_out = flags & IN_BELT != 0, flags & OUT_OF_BELT != 0
    flags &= ~OUT_OF_BELT
    if beyond_nm <= 0.0:
        if not fresh and not was_in:
            _tell(changes, n, key, ENTER, BELT, _share(grid, coast, BELT, step, stack), step, from_kn, -beyond_nm)
            n += 1
            crossed = BELT
        flags |= IN_BELT
    elif fresh:
        flags &= ~IN_BELT
    elif was_in and beyond_nm > noise_nm:
        way = left if was_out else step
        if beyond_nm >= exit_nm or was_out:
            _tell(changes, n, key, LEAVE, BELT, _share(grid, coast, BELT, way, stack), way, from_kn, beyond_nm)
            n += 1
            flags &= ~IN_BELT
        else:
            flags |= OUT_OF_BELT
            st["at"] = _with_exit(exits, st["at"], step)
    st["flags"] = flags
    return n, beyond_nm, crossed


@kernel(
    types.Tuple((int64, float64, float64, int64, int64, float64))(
        *(GRID, NEAR, types.uint8[::1], int64, types.boolean, STEP, float64, _CHANGE[::1], int64, STACK, float64, int64, int64)
    ),
    **PLAIN,
)
def _drawn(grid, near, roles, key, fresh, step, from_kn, changes, n, stack, ahead_nm, ahead, toward):
    """(changes written, miles to the nearest drawn line, to the nearest limit ahead, which that is, the line crossed or NOWHERE, miles to `toward`).

    Only what lies near the place is asked; after a step longer than that, all. ahead_nm, ahead: the belt, if it lies ahead. toward: the limit that is
    being approached; CAP_NM to one that is not ahead.
    """
    toward_nm = ahead_nm if toward != NOWHERE and toward == ahead else CAP_NM
    t_ms, lat, lon = step[3], step[4], step[5]
    line_nm, crossed = CAP_NM, NOWHERE
    everything = not fresh and distance_m(step[1], step[2], lat, lon) > CAP_NM * NM_M
    tile = tile_of(lat, lon)
    first, after = (0, roles.shape[0]) if everything else (near[0][tile], near[0][tile + 1])
    for k in range(first, after):
        z = k if everything else int(near[1][k])
        if roles[z] & (LINE | AHEAD) == 0 or not grid[7][z]["from_ms"] <= t_ms < grid[7][z]["to_ms"]:
            continue
        # of a limit ahead it is asked only whether it is the nearest (with a buffer taken off, a shorter measure could round differently)
        nearest_only = roles[z] & LINE == 0 and z != toward and grid[7][z]["buffer_nm"] == 0.0
        far_nm = to_zone(grid[5], grid[6], grid[7], z, lat, lon, ahead_nm if nearest_only else CAP_NM, stack)
        if roles[z] & LINE:
            line_nm = min(line_nm, far_nm)
            sense, share = (0, 0.0) if fresh else line_crossed(grid[5], grid[6], grid[7][z]["root"], step[1], step[2], lat, lon, stack)
            if sense != 0:
                _tell(changes, n, key, CROSS, z, share, step, from_kn, far_nm)
                changes[n]["sense"] = sense
                n += 1
                crossed = z
                continue  # it lies astern
        if roles[z] & AHEAD and far_nm > 0.0:
            if z == toward:
                toward_nm = min(toward_nm, far_nm)
            if far_nm < ahead_nm:
                ahead_nm, ahead = far_nm, z
    return n, line_nm, ahead_nm, ahead, crossed, toward_nm


@kernel(float64(GRID, COAST, int64, STEP, float64, float64, STACK), **PLAIN)
def _eta_s(grid, coast, zone, step, first_nm, latest_s, stack):
    """When a vessel that goes on as it came in a step meets a limit that lies outside it: seconds from its end, 1e9 if later than the latest or never.

    From place to place on its way it goes as far as no part of the limit can be nearer. first_nm: to the limit from the end of the step, CAP_NM: or farther.
    """
    from_ms, from_lat, from_lon, t_ms, lat, lon = step
    way_nm = distance_m(from_lat, from_lon, lat, lon) / NM_M
    if way_nm <= 0.0 or t_ms <= from_ms:
        return 1e9
    step_s = (t_ms - from_ms) / 1000.0
    ahead_s = 0.0
    for k in range(FEELS_MAX):
        at_lat, at_lon = between(from_lat, from_lon, lat, lon, 1.0 + ahead_s / step_s)
        if abs(at_lat) > POLE:
            return 1e9
        if k == 0 and first_nm < CAP_NM:
            left_nm = first_nm
        elif zone == BELT:
            left_nm = coast_nm(*coast, at_lat, at_lon) - BELT_NM
        else:
            buffer_nm = grid[7][zone]["buffer_nm"]  # it lies outside still: the limit itself tells how far
            left_nm = max(0.0, distance(grid[5], grid[6], grid[7][zone]["root"], at_lat, at_lon, CAP_NM + buffer_nm, stack) - buffer_nm)
        if left_nm <= MET_NM:
            return ahead_s
        ahead_s += 0.99 * left_nm / way_nm * step_s
        if ahead_s > latest_s:
            return 1e9
    return 1e9


@kernel(int64(GRID, COAST, LIMITS, _STANDING[::1], int64, int64, types.boolean, STEP, float64, _CHANGE[::1], int64, STACK, float64, float64, int64), **PLAIN)
def _forecast(grid, coast, limits, standing, slot, key, known, step, from_kn, changes, n, stack, speed_kn, ahead_nm, ahead):
    """Whether the limit ahead is being approached: the way since the last measurement, gone on with, meets it soon, and has done so for a while."""
    st = standing[slot]
    approach_s, slowest_kn, hold_ms = limits[2], limits[3], limits[6] * 1000.0
    t_ms, ref_ms = step[3], st["ref_ms"]
    flags = np.int64(st["flags"])
    same = known and st["ahead"] == ahead + 2 and t_ms - ref_ms <= UNHEARD_MS and speed_kn >= slowest_kn
    latest_s = (LASTS if flags & APPROACHING else FROM_AFAR) * approach_s
    eta_s = 1e9
    if same and ahead_nm <= 1.5 * speed_kn * latest_s / 3600.0:
        way = (ref_ms, np.int64(st["ref_lat"]), np.int64(st["ref_lon"]), t_ms, step[4], step[5])
        way_kn = distance_m(way[1], way[2], way[4], way[5]) * 1000.0 / max(1, t_ms - ref_ms) / KN_MS
        if way_kn >= slowest_kn:  # what would be met later than the second of these lies too much aside
            eta_s = _eta_s(grid, coast, ahead, way, ahead_nm, min(latest_s, 1.001 * ahead_nm * 3600.0 / (SLANT_MIN * way_kn) + 1.0), stack)
        if ahead_nm < SLANT_MIN * way_kn * eta_s / 3600.0:
            eta_s = 1e9  # it goes along the limit, and only a little towards it
    if eta_s > latest_s:
        if flags & APPROACHING:
            _tell(changes, n, key, AWAY, np.int64(st["toward"]) - 2, 1.0, step, from_kn, ahead_nm)
            changes[n]["at_ms"] = ref_ms  # when it was last known to head there
            n += 1
        flags &= ~(APPROACHING | HEADING)
    else:
        if flags & HEADING == 0:
            st["since_s"] = np.uint16(ref_ms // 1000 & 0xFFFF)
            flags |= HEADING
        for_ms = (t_ms // 1000 - np.int64(st["since_s"]) & 0xFFFF) * 1000
        if flags & APPROACHING == 0 and eta_s <= approach_s and for_ms >= hold_ms:
            _tell(changes, n, key, APPROACH, ahead, 1.0, step, from_kn, ahead_nm)
            changes[n]["eta_s"] = eta_s
            # since it has headed there, but no longer than the limit is so near ahead
            changes[n]["from_ms"] = t_ms - for_ms
            changes[n]["at_ms"] = t_ms - np.int64(min(float(for_ms), (approach_s - eta_s) * 1000.0))
            n += 1
            flags |= APPROACHING
            st["toward"] = ahead + 2
    st["flags"] = flags
    return n


@kernel(
    int64(
        *(GRID, COAST, NEAR, types.uint8[::1], LIMITS, _STANDING[::1], EXITS, int64, int64, types.boolean, STEP, STEP, float64, _CHANGE[::1], int64),
        *(STACK, float64),
    ),
    **PLAIN,
)
def _lines(grid, coast, near, roles, limits, standing, exits, slot, key, fresh, step, left, from_kn, changes, n, stack, speed_kn):
    """The belt entered and left, lines crossed, what is approached; measures the circle in which nothing of this can happen."""
    st = standing[slot]
    margin_nm, ahead_nm, ahead, crossed = CAP_NM, CAP_NM, NOWHERE, NOWHERE
    if limits[5] != 0.0:
        n, beyond_nm, crossed = _belt(grid, coast, limits, standing, exits, slot, key, fresh, step, left, from_kn, changes, n, stack)
        margin_nm = abs(beyond_nm)
        if beyond_nm > 0.0:
            ahead_nm, ahead = min(CAP_NM, beyond_nm), BELT
            if st["flags"] & IN_BELT:
                margin_nm = 0.0  # it lingers, or the next fix decides
    toward = int(st["toward"]) - 2 if st["flags"] & APPROACHING else NOWHERE
    n, line_nm, ahead_nm, ahead, line, toward_nm = _drawn(grid, near, roles, key, fresh, step, from_kn, changes, n, stack, ahead_nm, ahead, toward)
    known = not fresh and ahead != NOWHERE and crossed == NOWHERE and line == NOWHERE
    if toward_nm < CAP_NM:  # what is approached is followed to its end, whatever else comes nearer or is crossed meanwhile
        ahead_nm, ahead, known = toward_nm, toward, not fresh
        st["ahead"] = toward + 2
    n = _forecast(grid, coast, limits, standing, slot, key, known, step, from_kn, changes, n, stack, speed_kn, ahead_nm, ahead)
    look_nm = LOOK_NM if st["flags"] & APPROACHING else max(LOOK_NM, ahead_nm - NEAR_NM)
    # a little less than measured: planes of near places differ a little
    st["reach_nm"] = max(0.0, 0.98 * min(margin_nm, line_nm, look_nm) - 0.001)
    st["ahead"] = ahead + 2
    st["ref_ms"], st["ref_lat"], st["ref_lon"] = step[3], step[4], step[5]
    return n


def room_for(zones: int) -> tuple[np.ndarray, ...]:
    """What `follow` writes changes into and works in, with so many zones."""
    changes = np.empty(256 + 2 * zones, CHANGE)
    return changes, np.empty(STACK_MAX, np.int64), np.empty(2 * zones + 16, np.int32), np.empty(ZONES_HELD, np.int64)


# Flat: the road of nearly every fix is the four conditions in front.
@kernel(
    types.UniTuple(int64, 2)(
        FIX_TYPE[::1],
        TAKEN_TYPE[::1],
        int64,
        MORE_TYPE[::1],
        _STANDING[::1],
        EXITS,
        GRID,
        COAST,
        NEAR,
        types.uint8[::1],
        LIMITS,
        _CHANGE[::1],
        int64[::1],
        STACK,
        types.int32[::1],
        int64[::1],
    ),
    **PLAIN,
)
def follow(fixes, taken, done, more, standing, exits, grid, coast, near, roles, limits, changes, counts, stack, found, held):
    """(rows done, changes written) from row `done`; stops where a row might find no room. counts[0]: zones beyond ZONES_HELD.

    exits: records and numbers of the pool of EXIT. stack, found, held: the room of `room_for`.
    """
    tiles, blocks = grid[0], grid[1]
    n = 0
    room = changes.shape[0] - 2 * ZONES_HELD - roles.shape[0] - 4
    for i in range(done, fixes.shape[0]):
        if i + AHEAD_ROWS < fixes.shape[0]:
            fetch(standing, max(0, np.int64(taken[i + AHEAD_ROWS]["slot"])))
        if taken[i]["what"] != ACCEPTED or taken[i]["late"] != 0:
            continue
        slot, how = np.int64(taken[i]["slot"]), taken[i]["how"]
        lat, lon = np.int64(fixes[i]["lat"]), np.int64(fixes[i]["lon"])
        narrow = NM_PER_UNIT * cos_lat(lat)
        dy = (lat - standing[slot]["ref_lat"]) * NM_PER_UNIT
        dx = lon_difference(lon, np.int64(standing[slot]["ref_lon"])) * narrow
        reach_nm = np.float64(standing[slot]["reach_nm"])
        moved = dx * dx + dy * dy >= reach_nm * reach_nm
        code, cell_nm = int(standing[slot]["code"]), np.float64(standing[slot]["cell_nm"])
        cell_lat, cell_lon = np.int64(standing[slot]["cell_lat"]), np.int64(standing[slot]["cell_lon"])
        same_cell = ((lat + POLE) ^ (cell_lat + POLE) | (lon + HALF_TURN) ^ (cell_lon + HALF_TURN)) >> CELL_BITS == 0
        if same_cell and (code < ASK or (code > 0 and cell_nm == WHOLE)) and abs(lon) != HALF_TURN:
            settled = cell_nm == WHOLE  # what the grid would say is known
        else:
            found_code = code_at(tiles, blocks, lat, lon)
            here = ASK if abs(lon) == HALF_TURN else int(found_code + 1 if found_code >= 0 else found_code - 1)
            settled = code == here and here > 0
            same_cell, code = code == here and here < ASK, here
            if settled:
                standing[slot]["cell_lat"], standing[slot]["cell_lon"], standing[slot]["cell_nm"] = lat, lon, WHOLE
        if same_cell and not settled:
            dy = (lat - cell_lat) * NM_PER_UNIT
            dx = lon_difference(lon, cell_lon) * narrow
            settled = dx * dx + dy * dy < cell_nm * cell_nm
        if settled and not moved and how == GOES_ON:
            continue
        if n > room:
            return i, n
        key = make_key(np.int64(fixes[i]["mmsi"]), np.int64(more[slot]["ordinal"]))
        t_ms, from_ms = fixes[i]["t_ms"], taken[i]["prev_t_ms"]
        from_lat, from_lon = np.int64(taken[i]["prev_lat"]), np.int64(taken[i]["prev_lon"])
        fresh = standing[slot]["code"] == 0 or how in (BORN, JUMPED) or from_ms >= t_ms
        if how == RETURNED and not fresh:
            fresh = distance_m(from_lat, from_lon, lat, lon) * 1000.0 > limits[4] * KN_MS * (t_ms - from_ms)
        step = (from_ms, from_lat, from_lon, t_ms, lat, lon)
        if fresh:
            if standing[slot]["flags"] & APPROACHING:
                _tell(changes, n, key, AWAY, np.int64(standing[slot]["toward"]) - 2, 0.0, (t_ms, lat, lon, t_ms, lat, lon), -1.0, 0.0)
                n += 1
            standing[slot]["n"], standing[slot]["flags"] = 0, 0
            step = (t_ms, lat, lon, t_ms, lat, lon)
        left = _exit_of(exits, standing[slot]["at"])  # before the areas write theirs: the belt may have been left in an earlier step
        from_kn = np.float64(taken[i]["prev_speed_kn"])
        if fresh or not settled:
            n = _areas(grid, coast, roles, limits, standing, exits, slot, key, fresh, step, left, from_kn, changes, n, stack, found, held, counts)
        if fresh or moved:
            speed_kn = fixes[i]["sog"] / 10.0 if fixes[i]["sog"] < 1022 else from_kn
            n = _lines(grid, coast, near, roles, limits, standing, exits, slot, key, fresh, step, left, from_kn, changes, n, stack, speed_kn)
        if standing[slot]["at"] != 0:
            _forget_exit(standing, exits, slot)
        if (fresh or not settled) and standing[slot]["cell_nm"] == ASK:
            code = ASK  # the next fix decides, wherever it is
        if code != ASK and (fresh or not settled):
            standing[slot]["cell_lat"], standing[slot]["cell_lon"] = lat, lon
            standing[slot]["cell_nm"] = WHOLE if code > 0 else _same_zones_nm(grid, roles, lat, lon, -code - 2, stack)
        standing[slot]["code"] = code
    return fixes.shape[0], n
