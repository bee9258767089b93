"""dogwatch as a contender of `make bench-tracks`: rows of a sea through the steps, minute by minute, as a runner does.

May live here: which detectors are on, the loop over minutes, what is counted. May not: another way into the detectors than the runners
have, clocks but those of single calls. Rows come decoded and in order, as house.md section 6 says; sorting them is part of "bytes to alerts".
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tracks_lines import zones_of
from benchmarks.tracks_seas import MINUTE_MS, T0_MS, Sea, geography_of, read_sea
from dogwatch import __version__
from dogwatch.batch import STATIC_DTYPE
from dogwatch.events import Event
from ingest.decode import DecodeState, decode
from runners.engine import Engine, spare_what_stays
from runners.lane import Lane
from runners.rules import read_profile
from runners.step import Rules
from tracks.clock import Released
from tracks.detector import Detector, Sight
from tracks.params import Params, params_of
from tracks.step import TrackState, pair_step, vessel_step
from zones.geography import Geography

LIGHT = ("dark", "loitering")  # gap and stop are dark's and loitering's: a silence, a slow bucket
CALL_ROWS = 512
WARM_MINUTES = 30
CPU_S_MAX = 15.0  # with everything on, or nothing masked, a run that takes longer stops there, and its rate is that of what it did
ZONES = 250
LINES = "lines.nmea"
CHUNK_BYTES = 65_536


@dataclass(slots=True)
class Prepared:
    """A sea in memory, cut into minutes: rows[cuts[k]:cuts[k + 1]] belong to the tick at T0 + (k + 1) minutes."""

    sea: Sea
    rows: np.ndarray
    statics: np.ndarray
    cuts: np.ndarray
    static_cuts: np.ndarray
    geographies: dict[str, Geography] = field(default_factory=dict)
    lines: bytes = b""

    def geography(self, *, masked: bool = True, zones: int = 0) -> Geography:
        """The coast with the sea's harbours (unless nothing shall be masked) and so many drawn zones; made once."""
        name = f"{masked} {zones}"
        if name not in self.geographies:
            recipe = self.sea.recipe if masked else replace(self.sea.recipe, dense=True)  # a dense harbour is one that nobody knows
            self.geographies[name] = geography_of(recipe, (zones_of(self.sea.recipe, zones),) if zones else ())
        return self.geographies[name]


class Timed(Detector):
    """A detector with a watch of its own: CPU seconds of all it was asked."""

    def __init__(self, inner: Detector) -> None:
        self.inner, self.cpu_s = inner, 0.0
        self.NAME, self.PAIRS = inner.NAME, inner.PAIRS  # type: ignore[misc]

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """As `Detector.see`."""
        begun = time.process_time()
        self.inner.see(sight, fixes, taken)
        self.cpu_s += time.process_time() - begun

    def join(self, sight: Sight, statics: np.ndarray, slots: np.ndarray) -> None:
        """As `Detector.join`."""
        begun = time.process_time()
        self.inner.join(sight, statics, slots)
        self.cpu_s += time.process_time() - begun

    def tick(self, sight: Sight) -> list[Event]:
        """As `Detector.tick`."""
        begun = time.process_time()
        found = self.inner.tick(sight)
        self.cpu_s += time.process_time() - begun
        return found

    def keys(self) -> set[int]:
        """As `Detector.keys`."""
        return self.inner.keys()


def versions() -> dict[str, str]:
    """What is measured."""
    from importlib.metadata import version

    return {"dogwatch": __version__, "numpy": version("numpy"), "numba": version("numba")}


def prepare(folder: str) -> Prepared:
    """A sea with its minutes and both geographies; the kernels are compiled or loaded on the way."""
    sea = read_sea(Path(folder))
    rows, statics = sea.load(), sea.statics()
    ends = T0_MS + MINUTE_MS * np.arange(int(np.ceil(sea.recipe.hours * 60)) + 1)
    prepared = Prepared(sea, rows, statics, np.searchsorted(rows["release_ms"], ends), np.searchsorted(statics["release_ms"], ends))
    for _ in minutes(prepared, new_state(prepared, None), upto=WARM_MINUTES):
        pass
    spare_what_stays()
    return prepared


def new_state(sea: Prepared, names: Iterable[str] | None, *, masked: bool = True, zones: int = 0) -> TrackState:
    """A watch with some of the detectors (None: all of them)."""
    state = TrackState.new(Params(), sea.geography(masked=masked, zones=zones))
    if names is not None:
        state.detectors = [detector for detector in state.detectors if detector.NAME in names]
    state.tick_ms = T0_MS + MINUTE_MS
    return state


def minutes(sea: Prepared, state: TrackState, *, upto: int | None = None, statics: bool = True) -> Iterable[list[Event]]:
    """Run the sea, yielding the events of each minute; without statics nobody's size and type are known."""
    none = np.empty(0, STATIC_DTYPE)
    for (start, stop), (static_start, static_stop) in list(zip(pairwise(sea.cuts.tolist()), pairwise(sea.static_cuts.tolist())))[:upto]:
        said = sea.statics[static_start:static_stop] if statics and static_stop > static_start else none
        found = vessel_step(state, Released(sea.rows[start:stop], said), state.tick_ms)
        found += pair_step(state, state.tick_ms)
        yield found
        state.tick_ms += MINUTE_MS


def run(
    sea: Prepared, names: Iterable[str] | None, *, masked: bool = True, zones: int = 0, watched: bool = False, statics: bool = True, cpu_s_max: float = 1e9
) -> dict[str, Any]:
    """The whole sea, or what of it is done in so many CPU seconds; returns last versions by type and state, the detectors, and with `watched`
    the CPU seconds of each."""
    state = new_state(sea, names, masked=masked, zones=zones)
    if watched:
        state.detectors = [Timed(detector) for detector in state.detectors]
    newest: dict[str, Event] = {}
    versions_told = 0
    begun_s, done = time.process_time(), 0
    for found in minutes(sea, state, statics=statics):
        done += 1
        versions_told += len(found)
        for event in found:
            newest[event.event_id] = event
        if time.process_time() - begun_s > cpu_s_max:
            break
    told: dict[str, Any] = {
        "positions": int(sea.cuts[done]),
        "minutes": done,
        "detectors": [detector.NAME for detector in state.detectors],
        "accepted": state.table.counts()["accepted"],
        "events": dict(sorted(Counter(f"{event.type} {event.state}" for event in newest.values()).items())),
        "versions": versions_told,
    }
    if watched:
        told["own_cpu_s"] = {timed.NAME: round(timed.cpu_s, 4) for timed in state.detectors if isinstance(timed, Timed)}
    return told


def alerts(sea: Prepared) -> dict[str, Any]:
    """The sea's sentences (`lines.nmea`) from bytes to alerts, all detectors on, as the embedded runner does."""
    if not sea.lines:
        sea.lines = (sea.sea.folder / LINES).read_bytes()
    profile = read_profile("border")
    engine = Engine(Rules(params_of(profile.detectors), profile, sea.geography(zones=ZONES)), [Lane("bench", lateness_ms=120_000)])
    found: Counter[str] = Counter()
    for start in range(0, len(sea.lines), CHUNK_BYTES):
        out = engine.feed("bench", sea.lines[start : start + CHUNK_BYTES])
        found["events"] += len(out.events)
        found["alerts"] += len(out.alerts)
    engine.feed("bench", b"", final=True)
    out = engine.end()
    detectors = [detector.NAME for detector in engine.watch.track.detectors]
    return {"messages": sum(engine.counts().decoded.values()), "detectors": detectors, "events": found["events"], "alerts": found["alerts"] + len(out.alerts)}


def columns(sea: Prepared) -> dict[str, Any]:
    """The same sentences to columns only: what of "bytes to alerts" is decoding."""
    state = DecodeState("bench")
    sea.lines = sea.lines or (sea.sea.folder / LINES).read_bytes()
    for start in range(0, len(sea.lines), CHUNK_BYTES):
        decode(state, sea.lines[start : start + CHUNK_BYTES])
    decode(state, b"", final=True)
    return {"messages": sum(state.counts.decoded.values())}


def memory(sea: Prepared) -> dict[str, Any]:
    """Bytes per vessel when all vessels are known and all detectors have been asked: counted, not what the system lends."""
    state = new_state(sea, None, zones=ZONES)
    for _ in minutes(sea, state):
        pass
    table = state.table
    counted = table.bytes_per_track()
    return {
        "tracks": len(table),
        "capacity": len(table.rows),
        "state_bytes": round(counted["rows"] + counted["more"] + counted["places"], 1),
        "bytes": round(sum(counted.values()), 1),
        "bytes_of": {name: round(each, 1) for name, each in sorted(counted.items())},
        "pools_held": {name: pool.held for name, pool in table.pools.items()},
    }


def calls(sea: Prepared, names: Iterable[str] | None) -> list[float]:
    """Microseconds of calls of vessel_step with CALL_ROWS rows within a minute; the ticks between are made and not counted."""
    state = new_state(sea, names)
    taken_us: list[float] = []
    none = np.empty(0, STATIC_DTYPE)
    for minute, (start, stop) in enumerate(pairwise(sea.cuts.tolist())):
        for at in range(start, stop - CALL_ROWS, CALL_ROWS):
            released = Released(sea.rows[at : at + CALL_ROWS], none)
            begun = time.perf_counter_ns()
            vessel_step(state, released, state.tick_ms - 1)
            taken_us.append((time.perf_counter_ns() - begun) / 1000)
        vessel_step(state, Released(sea.rows[stop - (stop - start) % CALL_ROWS or stop : stop], none), state.tick_ms)
        pair_step(state, state.tick_ms)
        state.tick_ms += MINUTE_MS
        if minute < WARM_MINUTES:
            taken_us.clear()
    return taken_us


def ticks(sea: Prepared, names: Iterable[str] | None) -> list[float]:
    """Microseconds of ticks, without a row: what is decided at each full minute."""
    state = new_state(sea, names)
    taken_us: list[float] = []
    none = np.empty(0, STATIC_DTYPE)
    for minute, (start, stop) in enumerate(pairwise(sea.cuts.tolist())):
        vessel_step(state, Released(sea.rows[start:stop], none), state.tick_ms - 1)
        begun = time.perf_counter_ns()
        vessel_step(state, Released(sea.rows[:0], none), state.tick_ms)
        pair_step(state, state.tick_ms)
        if minute >= WARM_MINUTES:
            taken_us.append((time.perf_counter_ns() - begun) / 1000)
        state.tick_ms += MINUTE_MS
    return taken_us


WAYS: dict[str, Callable[[Prepared], dict[str, Any]]] = {
    "table": lambda sea: run(sea, (), statics=False),
    "track": lambda sea: run(sea, LIGHT, statics=False),
    "rendezvous masked": lambda sea: run(sea, ("rendezvous",), watched=True),
    "rendezvous unmasked": lambda sea: run(sea, ("rendezvous",), masked=False, watched=True, cpu_s_max=CPU_S_MAX),
    "everything": lambda sea: run(sea, None, zones=ZONES, cpu_s_max=CPU_S_MAX),
    "everything, zones doubled": lambda sea: run(sea, None, zones=2 * ZONES, cpu_s_max=CPU_S_MAX),
    "each detector": lambda sea: run(sea, None, zones=ZONES, watched=True, cpu_s_max=CPU_S_MAX),
    "bytes to columns": columns,
    "bytes to alerts": alerts,
    "memory": memory,
}
LATENCY: dict[str, Callable[[Prepared], list[float]]] = {
    "track": lambda sea: calls(sea, LIGHT),
    "everything": lambda sea: calls(sea, None),
    "ticks, track": lambda sea: ticks(sea, LIGHT),
    "ticks, everything": lambda sea: ticks(sea, None),
}
