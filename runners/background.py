"""A recording as the background of an exercise. May hold: reading and decoding it line by line. May not: simulate, mix.

What a simulated sea must know of it: when it begins and ends, where its traffic is, who received it, which MMSIs it has, and where a line
may be put. The decoder knows all of that; it is asked after every line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dogwatch.batch import LAT_MAX, LON_MAX, T_MISSING, T_SRC_BASE, UNITS_PER_DEG
from dogwatch.errors import InputError
from ingest.decode import DecodeState, decode
from ingest.source_file import read_blocks
from sim.mix import Block, area_of, blocks_of, receivers_of
from sim.receiver import Receiver

NAME = "background"


@dataclass(slots=True)
class Background:
    """A recording, read. Times UTC ms; `region`: south, west, north, east in degrees. `by_base`: base stations alone tell its time."""

    blocks: list[Block]
    first_ms: int
    last_ms: int
    region: tuple[float, float, float, float]
    receivers: list[Receiver]
    mmsi: set[int]
    by_base: bool


def read_background(path: Path) -> Background:
    """A recording (plain, .gz, .zst) with any kind of time. Raises InputError when it cannot be read or nothing tells when and where it was."""
    lines = b"".join(read_blocks(path)).splitlines(keepends=True)
    state, times, binds, fixes, mmsi = DecodeState(NAME, keep_all=True), list[int | None](), list[bool](), [], set[int]()
    clock_ms, by_base = T_MISSING, True
    for line in lines:
        batch = decode(state, line)
        heard_ms = int(batch.others["t_rx_ms"].max()) if len(batch.others) else T_MISSING
        if heard_ms == T_MISSING and state.own_clock_ms != clock_ms:
            heard_ms = clock_ms = state.own_clock_ms
        times.append(None if heard_ms == T_MISSING else heard_ms)
        binds.append(state.awaits_sentence)
        if len(batch.fixes):
            fixes.append(batch.fixes)
            by_base &= bool((batch.fixes["t_src"] == T_SRC_BASE).all() or (batch.fixes["t_rx_ms"] == T_MISSING).all())
        mmsi |= set(batch.others["mmsi"].tolist())
    known = [time for time in times if time is not None]
    if not known:
        remedy = "choose one with tag blocks, $PGHP, epochs or own-ship RMC lines, or record with 'dogwatch ingest --capture', which keeps arrival times"
        raise InputError(f"nothing in {path} tells when it was received", remedy=remedy)
    rows = np.concatenate(fixes) if fixes else np.empty(0, batch.fixes.dtype)
    rows = rows[(abs(rows["lat"]) <= LAT_MAX) & (abs(rows["lon"]) <= LON_MAX)]
    if not len(rows):
        raise InputError(f"no position in {path}: nobody knows where it was", remedy="choose a recording with position reports")
    lat, lon = rows["lat"] / UNITS_PER_DEG, rows["lon"] / UNITS_PER_DEG
    names = {src: state.receivers[src].removeprefix(f"{NAME}/") for src in np.unique(rows["src"])}
    heard = {name: (lat[rows["src"] == src], lon[rows["src"] == src]) for src, name in names.items()}
    return Background(blocks_of(lines, times, binds), known[0], max(known), area_of(lat, lon), receivers_of(heard), mmsi, by_base)
