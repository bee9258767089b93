"""A simulated sea mixed into a recording. May hold: where lines may stand between others, and what a recording tells of its sea. May not: files, decoding.

Whoever has decoded a recording line by line knows the receive time of each and whether what follows belongs to it. Here the lines become
blocks, into which nothing is put: a lone tag block or `$PGHP` with its sentence, and all between the parts of a message. A
simulated line goes before the first block that was received at its time or later. The recording's lines stay as they are, byte for byte and in order.

A line put between two stamped ones may not change what a reader thinks of the second: a stamp that goes back more than the reader allows
is odd, so the new line waits for a place where it makes no such step, nor hides one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from dogwatch.geo import NM_M, great_circle_m, mean_position
from sim.damage import SENTENCE, stamp_s
from sim.radio import HORIZON_NM
from sim.receiver import Receiver
from sim.simulate import Chunk

PARTS_APART_MAX = 200  # lines between the parts of a message; what comes later belongs to another one
AREA_PERCENT = 1.0  # of positions that are left out on each side of the area: single wild fixes
AREA_MARGIN_DEG = 0.02
REACH_PERCENT = 95.0  # of what a station heard lies within its reach
REACH_NM = (5.0, 150.0)  # least and most: a satellite's feed looks like a station without a horizon
SHIP_ANTENNA_M = 20.0
STATIONS_MAX = 32
HEARD_MIN = 20  # positions from which a reach is learned
CHUNK_MS = 1000
BASE_STATION = re.compile(rb"!..VDM,1,1,.?,.?,[4;]")  # types 4 and 11


@dataclass(slots=True)
class Block:
    """Lines of a recording that stay together. `t_ms`: when they were received, UTC; None where nothing tells."""

    t_ms: int | None
    data: bytes


def blocks_of(lines: list[bytes], times: list[int | None], binds: list[bool]) -> list[Block]:
    """Blocks from lines with their receive times; `binds`: whether the next line belongs to this one. A block has the first time in it."""
    together = _between_parts(lines)
    blocks: list[Block] = []
    for i, line in enumerate(lines):
        if i and (binds[i - 1] or together[i]):
            last = blocks[-1]
            last.data += line
            last.t_ms = times[i] if last.t_ms is None else last.t_ms
        else:
            blocks.append(Block(times[i], line))
    return blocks


def mix(blocks: list[Block], simulated: Iterable[Chunk], backstep_ms: int) -> Iterator[Chunk]:
    """The recording with simulated lines in it, as chunks of about a second. `backstep_ms`: see the module text."""
    due, waiting, out = _arrivals(simulated), list[tuple[int, int, bytes]](), list[bytes]()
    coming = next(due, None)
    now_ms = began_ms = previous_ms = None
    last = len(blocks) - 1
    for i, block in enumerate(blocks):
        ends = i == last and not block.data.endswith((b"\n", b"\r"))  # nothing can follow it
        if block.t_ms is not None or ends:
            now_ms = max(now_ms or 0, block.t_ms or 0)
            while coming is not None and (coming[0] <= now_ms or ends):
                waiting.append(coming)
                coming = next(due, None)
            if waiting and (ends or _harmless(previous_ms, waiting, block.t_ms, backstep_ms)):
                out += [line for _, _, line in waiting]
                waiting = []
            previous_ms = previous_ms if block.t_ms is None else block.t_ms
        out.append(block.data)
        began_ms = now_ms if began_ms is None else began_ms
        if now_ms is not None and began_ms is not None and now_ms - began_ms >= CHUNK_MS:
            yield Chunk(now_ms, b"".join(out))
            out, began_ms = [], now_ms
    out += [line for _, _, line in waiting]
    while coming is not None:
        out.append(coming[2])
        coming = next(due, None)
    yield Chunk(now_ms or 0, b"".join(out))


def without_clocks(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """The same without messages of base stations, for a recording whose time is told by base stations alone: it keeps its own clock."""
    for chunk in chunks:
        lines = (line for line in chunk.data.splitlines(keepends=True) if not BASE_STATION.search(line))
        yield Chunk(chunk.t_ms, b"".join(lines))


def area_of(lat_deg: np.ndarray, lon_deg: np.ndarray) -> tuple[float, float, float, float]:
    """South, west, north, east of most of these positions (float64, degrees); a west beyond the east crosses the date line."""
    _, middle = mean_position(lat_deg, lon_deg)
    south, north = np.percentile(lat_deg, [AREA_PERCENT, 100 - AREA_PERCENT])
    west, east = np.percentile((lon_deg - middle + 180) % 360 - 180, [AREA_PERCENT, 100 - AREA_PERCENT]) + middle
    wide = AREA_MARGIN_DEG / max(0.1, math.cos(math.radians(middle)))
    west, east = (((lon + 180) % 360) - 180 for lon in (west - wide, east + wide))
    return max(-85.0, float(south) - AREA_MARGIN_DEG), float(west), min(85.0, float(north) + AREA_MARGIN_DEG), float(east)


def receivers_of(heard: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[Receiver]:
    """A receiver for each station that heard enough: in the middle of the positions (latitudes, longitudes in degrees), as high as its reach needs.

    Those that heard most come first; with too little of each, one for all of them.
    """
    able = {name: places for name, places in sorted(heard.items(), key=lambda item: -len(item[1][0])) if len(places[0]) >= HEARD_MIN}
    if not able and heard:
        able = {"all": (np.concatenate([lat for lat, _ in heard.values()]), np.concatenate([lon for _, lon in heard.values()]))}
    receivers: list[Receiver] = []
    for name, (lat, lon) in list(able.items())[:STATIONS_MAX]:
        at = mean_position(lat, lon)
        away_nm = [great_circle_m(*at, float(one), float(other)) / NM_M for one, other in zip(lat, lon)]
        reach_nm = min(max(float(np.percentile(away_nm, REACH_PERCENT)), REACH_NM[0]), REACH_NM[1])
        antenna_m = max(1.0, reach_nm / HORIZON_NM - math.sqrt(SHIP_ANTENNA_M)) ** 2
        receivers.append(Receiver(_id(name, [r.id for r in receivers]), round(at[0], 4), round(at[1], 4), antenna_m=round(antenna_m, 1)))
    return receivers


def _id(name: str, taken: list[str]) -> str:
    """A receiver id like a station's name, and nobody else's."""
    short = re.sub("[^A-Za-z0-9-]", "", name)[:12].strip("-") or "all"
    return next(one for k in range(1, STATIONS_MAX + 2) if (one := short if k == 1 else f"{short[:9]}-{k}") not in taken)


def _between_parts(lines: list[bytes]) -> list[bool]:
    """Whether a line stands between the first and the last part of a message (or is the last): nothing may be put before it."""
    together, begun = [False] * len(lines), dict[tuple[bytes, ...], tuple[int, int]]()  # message -> first line, how many have begun
    for i, line in enumerate(lines):
        found = SENTENCE.search(line)
        if not found or found[1] < b"2":
            continue
        key = (found[1], found[3], found[4])
        first, open_now = begun.get(key, (i, 0))
        if open_now == 0 or i - first > PARTS_APART_MAX:
            first, open_now = i, 0
        if found[2] == b"1":
            begun[key] = (first, open_now + 1)
        elif open_now:
            together[first + 1 : i + 1] = [True] * (i - first)
            begun[key] = (first, open_now - (found[2] == found[1]))
    return together


def _arrivals(simulated: Iterable[Chunk]) -> Iterator[tuple[int, int, bytes]]:
    """(when it arrives, its stamp, line), in order; both UTC ms. A line without a stamp of its own comes with the one before it."""
    now_ms = stamp_ms = 0
    for chunk in simulated:
        for line in chunk.data.splitlines(keepends=True):
            stamp = stamp_s(line)
            if stamp is not None:
                stamp_ms = round(stamp * 1000)
                # delivered much later than it was heard (satellites): when, only the chunk tells
                now_ms = max(now_ms, stamp_ms if chunk.t_ms - CHUNK_MS <= stamp_ms <= chunk.t_ms else chunk.t_ms)
            yield now_ms, stamp_ms, line


def _harmless(previous_ms: int | None, waiting: list[tuple[int, int, bytes]], next_ms: int | None, backstep_ms: int) -> bool:
    """Whether the next stamp is as odd behind the last of these lines as it is behind the one before them."""
    if previous_ms is None or next_ms is None:
        return True
    return (next_ms < previous_ms - backstep_ms) == (next_ms < waiting[-1][1] - backstep_ms)
