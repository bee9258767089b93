"""Listening: each source of a configuration tried for a few seconds, and what it sounded like. May hold: trial, measures, verdict.

May not: start a pipeline, change a setting, write anything. The doctor's ear: the readers and decoders are those of a run.
A measure is a number or null; a verdict compares measures with limits that are named here, with a remedy for each.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from dogwatch.batch import FIX_DTYPE
from dogwatch.config import Config, Source
from dogwatch.errors import InputError
from dogwatch.times import from_iso
from ingest.records import record
from ingest.source import Received
from ingest.sources import SourceSet
from runners.delays import clock_error_ms, lag_ms
from runners.intake import Intake, lanes_of

SPEEDS_TRIED = (38_400, 4_800, 115_200, 9_600)
SPEED_TRIAL_S = 5.0  # a multiplexer at 4800 speaks at least once in it
ROWS_KEPT = 200_000  # of one source, for delays and duplicates
BASE_DATES_KEPT = 1_000
POLL_S = 0.02
CLOCK_WARN_S, CLOCK_FAIL_S = 5.0, 60.0  # the second is where an own clock loses the minute of every report
REJECTED_SHARE_MAX = 0.2
BASE_STATION = re.compile(rb"!..VD[MO],1,1,[^,]*,[^,]*,4[0-W`-w]{22,},[0-5]\*[0-9A-Fa-f]{2}")  # types 4 begin with '4'
CONTENT = ("msg_type", "mmsi", "lat", "lon", "sog", "cog", "hdg", "nav", "sec", "radio")


@dataclass(slots=True)
class Heard:
    """One source after its trial. `refused`: why it could not even be opened."""

    source: Source
    seconds: float = 0.0
    refused: str = ""
    remedy: str = ""
    state: str = "new"
    error: str = ""
    connections: int = 0
    dropped: int = 0
    kernel_drops: int = 0
    intake: Intake | None = None
    fixes: list[np.ndarray] = field(default_factory=list)
    receivers: tuple[str, ...] = ()
    lag_ms: list[np.ndarray] = field(default_factory=list)
    clock_ms: list[np.ndarray] = field(default_factory=list)
    base_ms: list[int] = field(default_factory=list)
    baud_found: int = 0
    rows: int = 0

    def take(self, received: Received) -> None:
        """One piece of the trial."""
        assert self.intake is not None, "a refused source says nothing"
        batch, _, _ = self.intake.take(received)
        self.receivers = batch.receivers
        if received.t_rx_ms is not None:
            for found in BASE_STATION.findall(received.data)[: BASE_DATES_KEPT - len(self.base_ms)]:
                if (t_ms := from_iso(getattr(record(found), "utc", None))) is not None:
                    self.base_ms.append(received.t_rx_ms - t_ms)
        if not len(batch.fixes) or self.rows >= ROWS_KEPT:
            return
        self.rows += len(batch.fixes)
        self.fixes.append(batch.fixes)
        if received.t_rx_ms is not None:
            self.lag_ms.append(lag_ms(batch.fixes, received.t_rx_ms))
            self.clock_ms.append(clock_error_ms(batch.fixes, received.t_rx_ms))

    def measures(self, shares: dict[str, dict[str, float]]) -> dict[str, Any]:
        """Numbers for a person or a program; `shares`: duplicates of every receiver of the trial."""
        if self.intake is None:
            return {}
        lane = self.intake.lanes[self.source.id]
        counts, clock = lane.counts, lane.clock.counts()
        messages = sum(counts.decoded.values())
        return {
            "seconds": round(self.seconds, 1),
            "state": self.state,
            "bytes": self.intake.bytes_read[self.source.id],
            "lines": counts.lines,
            "messages": messages,
            "messages_per_s": round(messages / self.seconds, 2) if self.seconds else 0.0,
            "types": dict(sorted(counts.decoded.items(), key=lambda item: int(item[0]))),
            "rejected": counts.rejected,
            "other": counts.other,
            "notes": counts.notes,
            "times": clock,
            "lag_s": _quantiles(self.lag_ms),
            "clock_error_s": _quantiles(self.clock_ms),
            "base_station_error_s": _quantiles([np.array(self.base_ms, np.int64)]),
            "receivers": {name: shares[name] for name in self.receivers if name in shares},
            "dropped_bytes": self.dropped,
            "kernel_drops": self.kernel_drops,
            "baud_found": self.baud_found or None,
        }


def listen(sources: Sequence[Source], for_s: float) -> list[Heard]:
    """All sources at once for `for_s` seconds; a serial line without a valid message then at other speeds."""
    heard = [Heard(source) for source in sources]
    sets: list[tuple[Heard, SourceSet]] = []
    for one in heard:
        try:
            sets.append((one, _open(one, one.source)))
        except InputError as fault:
            one.refused, one.remedy = fault.what, fault.remedy
    _hear(sets, for_s)
    for one in heard:
        if one.source.kind == "serial" and one.connections and not _valid(one):
            one.baud_found = _other_speed(one.source, min(for_s, SPEED_TRIAL_S))
    return heard


def duplicate_shares(heard: Sequence[Heard]) -> dict[str, dict[str, float]]:
    """Per receiver: fixes, and the shares that it said twice itself and that some other receiver had as well.

    Equal content within one trial is one transmission: two of the same second with the same radio state are no accident.
    """
    tables, who, names = [np.empty(0, FIX_DTYPE)], [np.empty(0, np.int64)], list[str]()
    for one in heard:
        tables += one.fixes
        who += [fixes["src"].astype(np.int64) + len(names) for fixes in one.fixes]
        names += one.receivers
    packed = np.zeros(sum(map(len, tables)), [(name, FIX_DTYPE[name].str) for name in CONTENT])
    for name in CONTENT:
        packed[name] = np.concatenate([table[name] for table in tables])
    _, group = np.unique(packed.view(f"V{packed.itemsize}"), return_inverse=True)
    pairs, said = np.unique(np.stack([np.concatenate(who), group.ravel()], 1), axis=0, return_counts=True)
    hearers = np.bincount(pairs[:, 1])
    found: dict[str, dict[str, float]] = {}
    for number, name in enumerate(names):
        mine = pairs[:, 0] == number
        if n := int(said[mine].sum()):
            twice, shared = n - int(mine.sum()), int(said[mine & (hearers[pairs[:, 1]] > 1)].sum())
            found[name] = {"fixes": n, "repeated_share": round(twice / n, 3), "heard_by_others_share": round(shared / n, 3)}
    return found


def verdict(heard: Heard, measures: dict[str, Any]) -> tuple[str, str, str]:
    """(OK, WARN or FAIL; what; remedy) of one source; the worst finding speaks, the numbers follow."""
    source = heard.source
    if heard.refused:
        return "FAIL", heard.refused, heard.remedy
    numbers = _in_words(measures)
    if not measures["bytes"]:
        if not heard.connections:
            return "FAIL", heard.error or "no connection", "start the peer, plug in the device, or correct host, port and path"
        return "FAIL", f"nothing came in {measures['seconds']:g} s", "check antenna, receiver and cable; where traffic is rare listen longer: --for 60s"
    if not measures["messages"]:
        if heard.baud_found:
            return "FAIL", f"wrong speed: {numbers}", f"set baud = {heard.baud_found} for source '{source.id}': there it makes sense"
        return "FAIL", f"bytes, but no valid message: {numbers}", "is this AIS? On a serial line none of the usual speeds made sense either"
    for bad, state, what, remedy in _limits(source, measures):
        if bad:
            return state, f"{what}: {numbers}", remedy
    return "OK", numbers, ""


def _limits(source: Source, measures: dict[str, Any]) -> list[tuple[bool, str, str, str]]:
    error, lag = measures["clock_error_s"], measures["lag_s"]
    error_s = abs(error["p50"]) if error else 0.0
    times, notes = measures["times"], measures["notes"]
    rejected_share = sum(measures["rejected"].values()) / max(1, measures["lines"])
    ntp = "check NTP on this machine first, then at the sender"
    return [
        (error_s >= CLOCK_FAIL_S, "FAIL", "stamps and our clock differ", ntp),
        (error_s >= CLOCK_WARN_S, "WARN", "stamps and our clock differ", ntp),
        (rejected_share > REJECTED_SHARE_MAX, "WARN", "more than a fifth of the lines is rejected", "docs/decoder.md explains the reasons"),
        (times["future"] > 0, "WARN", "stamps far in the future", ntp),
        (notes.get("time_backstep", 0) > 0, "WARN", "stamps step back", "several feeds are joined upstream, or a recording is looped"),
        (bool(lag) and lag["p99"] > source.lateness_s, "WARN", "reports come later than lateness_s", f"set lateness_s above {lag and lag['p99']:g}"),
        (measures["dropped_bytes"] > 0, "WARN", "input was dropped", "this machine is too slow for the source"),
        (measures["kernel_drops"] > 0, "WARN", "the kernel dropped datagrams", "allow larger buffers: sysctl net.core.rmem_max"),
    ]


def _in_words(m: dict[str, Any]) -> str:
    parts = [f"{m['messages']} messages in {m['seconds']:g} s ({m['messages_per_s']:g}/s)"]
    if m["types"]:
        parts.append("types " + ", ".join(f"{kind}: {n}" for kind, n in Counter(m["types"]).most_common(6)))
    for name, table in (("rejected", m["rejected"]), ("other lines", m["other"])):
        if table:
            parts.append(f"{name} " + ", ".join(f"{key} {n}" for key, n in Counter(table).most_common(4)))
    for name, key in (("clock error", "clock_error_s"), ("against base stations", "base_station_error_s"), ("lag", "lag_s")):
        if m[key]:
            parts.append(f"{name} {m[key]['p50']:+.1f} s")
    twice = [f"{name} {share['repeated_share']:.0%} repeated, {share['heard_by_others_share']:.0%} heard by others" for name, share in m["receivers"].items()]
    return "; ".join(parts + twice[:4])


def _quantiles(pieces: list[np.ndarray]) -> dict[str, float] | None:
    """Median, 99th percentile in seconds, and how many; None without values."""
    ms = np.concatenate(pieces) if pieces else np.empty(0, np.int64)
    if not len(ms):
        return None
    return {"p50": round(float(np.quantile(ms, 0.5)) / 1000, 3), "p99": round(float(np.quantile(ms, 0.99)) / 1000, 3), "n": len(ms)}


def _open(one: Heard, source: Source) -> SourceSet:
    one.intake = Intake(lanes_of(Config(sources=[source])))
    opened = SourceSet([source])
    try:
        opened.start()
    except InputError:
        one.intake = None
        raise
    return opened


def _hear(sets: list[tuple[Heard, SourceSet]], for_s: float) -> None:
    """Take what comes until the time is over or every source is."""
    begun_s = time.monotonic()
    while time.monotonic() - begun_s < for_s and not all(opened.over for _, opened in sets):
        if not sum([_drain(one, opened) for one, opened in sets]):
            time.sleep(POLL_S)
    for one, opened in sets:
        one.seconds = time.monotonic() - begun_s
        counters = opened.readers[0].counters
        one.state, one.error, one.connections = counters.state, counters.error, counters.connections
        one.dropped, one.kernel_drops = counters.dropped_bytes, counters.kernel_drops
        opened.stop()
        _drain(one, opened)


def _drain(one: Heard, opened: SourceSet) -> int:
    """Take what waits, at most a queue's turn of it, so that a flood does not hide the others."""
    for n in range(100):
        if (received := opened.get(0.0)) is None:
            return n
        one.take(received)
    return 100


def _valid(one: Heard) -> bool:
    return one.intake is not None and bool(one.intake.lanes[one.source.id].counts.decoded)


def _other_speed(source: Source, for_s: float) -> int:
    """The first of the usual speeds at which a serial line makes sense; 0 = none."""
    for baud in SPEEDS_TRIED:
        trial = Heard(msgspec.structs.replace(source, baud=baud))
        if baud == source.baud:
            continue
        _hear([(trial, _open(trial, trial.source))], for_s)
        if _valid(trial):
            return baud
    return 0
