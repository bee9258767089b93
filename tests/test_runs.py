"""What waits is taken together, and what comes of it is what would have come piece by piece: rows, events, alerts, counters, state, to the byte."""

from __future__ import annotations

import random
from collections import deque
from functools import cache
from heapq import merge

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import script_of
from seas import recording

from dogwatch import blob
from dogwatch.alerts import Alert
from dogwatch.batch import FIX_DTYPE, STATIC_DTYPE, join_rows, new_fixes, put_rows
from dogwatch.events import to_json
from ingest.source import Health, Received
from runners.engine import Engine, Output
from runners.lane import Lane
from runners.rules import read_rules
from runners.step import Rules


@cache
def rules() -> Rules:
    return read_rules("border", [])


@cache
def lines() -> list[bytes]:
    return recording(duration_s=3_300.0).splitlines(keepends=True)


def lanes() -> list[Lane]:
    return [Lane("hill", lateness_ms=3_000, exercise=True), Lane("cape", lateness_ms=20_000), Lane("gps", lateness_ms=5_000)]


def day(seed: int) -> list[Received]:
    """Three sources as they interleave: two with vessels, in datagrams of a few sentences, with peers, silences and heartbeats; one that only beats."""
    names = {"hill": b"EX-HILL", "cape": b"EX-CAPE"}
    scripts = {
        source: script_of([line for line in lines() if name in line], seed + at, bare=source == "hill") for at, (source, name) in enumerate(names.items())
    }
    first_ms = scripts["hill"][0][0]
    scripts["gps"] = [(first_ms + at * 10_000, "beat", "", msgspec.json.encode(Health("connected"))) for at in range(330)]
    pieces = [[Received(data, t_ms, source, sender, kind) for t_ms, kind, sender, data in script] for source, script in scripts.items()]
    return held_up(list(merge(*pieces, key=lambda piece: piece.t_rx_ms)), seed)


def held_up(pieces: list[Received], seed: int) -> list[Received]:
    """One source held up for minutes, so that it is behind the common watermark when it comes back from silence."""
    rng = random.Random(seed)
    start = rng.randrange(len(pieces) // 3)
    window = pieces[start : start + 400]
    held = [piece for piece in window if piece.source == "cape"]
    if held:
        held = [Received(b"", held[0].t_rx_ms, "cape", "", "silent"), *held]
    return pieces[:start] + held[:1] + [piece for piece in window if piece.source != "cape"] + held[1:] + pieces[start + 400 :]


def said(outputs: list[Output]) -> tuple[bytes, ...]:
    """Everything that outputs hold, in order."""
    events = b"".join(to_json(event) for output in outputs for event in output.all_events())
    alerts = b"".join(to_json(alert) for output in outputs for alert in output.all_alerts())
    rows = [
        join_rows([getattr(output.batch, name) for output in outputs], dtype).tobytes() for name, dtype in (("fixes", FIX_DTYPE), ("statics", STATIC_DTYPE))
    ]
    control = msgspec.json.encode([row for output in outputs for row in output.batch.control + output.batch.heartbeats])
    safety = msgspec.json.encode([report for output in outputs for report in output.batch.safety])
    return (events, alerts, *rows, control, safety)


def all_of(engine: Engine) -> tuple:
    delays = [(lane.delays.lag.tolist(), lane.delays.clock_error.tolist()) for lane in engine.lanes.values()]
    return blob.pack(engine.to_sections(), schema=1), engine.counts(), engine.intake.samples(), delays


@pytest.fixture(scope="module")
def alone():
    """Engine and outputs of a day, a piece at a time: the slow twin."""
    engine = Engine(rules(), lanes())
    outputs = [engine.take(piece) for piece in day(1)]
    return engine, outputs


def test_the_day_has_something_to_compare(alone):
    engine, outputs = alone
    events = [event.type for output in outputs for event in output.all_events()]
    assert {"safety", "rendezvous"} <= set(events)
    assert {row.kind for output in outputs for row in output.batch.control} >= {"source_silent", "source_back"}
    counts = engine.counts()
    assert counts.rejected
    late = engine.watch.track.counters
    assert late["late"] + late["late_used"] > 0, "no row came after the common watermark"
    assert counts.parts > 50


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_pieces_taken_together_give_what_each_would_have_given(alone, seed):
    """Restored from a snapshot at some of the places where nothing waits."""
    expected, outputs = alone
    rng, pieces = random.Random(seed), day(1)
    most = rng.choice([2, 30, 1_000, len(pieces)])
    engine, found, at = Engine(rules(), lanes()), [], 0
    while at < len(pieces):
        n = rng.randint(1, most)
        waiting = deque(pieces[at : at + n])
        while waiting:
            found.append(engine.take_run(waiting))
        at += n
        if rng.random() < 0.02:
            packed, delays = engine.to_sections(), {source: lane.delays for source, lane in engine.lanes.items()}
            engine = Engine(rules(), lanes())
            engine.restore(blob.unpack(blob.pack(packed, schema=1), schema=1))
            for source, lane in engine.lanes.items():
                lane.delays = delays[source]  # no part of the state
    assert said(found) == said(outputs)
    assert all_of(engine) == all_of(expected)


@pytest.mark.parametrize("seed", [2, 3])
def test_at_every_place_the_state_is_that_of_one_by_one(seed):
    slow, quick, pieces = Engine(rules(), lanes()), Engine(rules(), lanes()), day(seed)
    rng, at = random.Random(seed), 0
    while at < len(pieces) // 3:
        n = rng.randint(50, 200)
        waiting = deque(pieces[at : at + n])
        outputs = [slow.take(piece) for piece in waiting]
        found: list[Output] = []
        while waiting:
            found.append(quick.take_run(waiting))
        assert said(found) == said(outputs)
        assert all_of(quick) == all_of(slow)
        at += n


def test_datagrams_that_wait_cost_few_steps():
    """All but the first of every lane, which begins to hold the watermark, and up to each distress."""
    engine = Engine(rules(), lanes()[:2])
    start_ms = 1_800_000_000_000
    waiting = deque(Received(line, start_ms + at, "cape" if b"EX-CAPE" in line else "hill", f"peer#{at % 3}", "bytes") for at, line in enumerate(lines()))
    n, outputs = len(waiting), []
    while waiting:
        outputs.append(engine.take_run(waiting))
    distress = sum(bool(output.batch.safety) for output in outputs)
    assert n > 5_000
    assert 0 < distress < 200
    assert len(outputs) <= distress + 5


def test_distress_is_told_before_what_waits_behind_it():
    engine = Engine(rules(), lanes()[:2])
    told: list[Alert] = []
    engine.distress = told.extend
    waiting = deque(Received(line, 1_800_000_000_000, "cape", "", "bytes") for line in lines())
    left = []
    while waiting:
        before = len(told)
        batch = engine.take_run(waiting).batch
        if len(told) > before:
            left.append(len(waiting))
            assert batch.safety
    assert left
    assert left[0] > 100


def test_rows_are_joined_whole_into_memory_of_their_own():
    rows = new_fixes(9)
    rows["mmsi"] = np.arange(9)
    parts = [rows[:1], rows[1:1], rows[1:8:2], rows[8:]]
    whole = join_rows(parts, FIX_DTYPE)
    assert whole.tobytes() == np.concatenate(parts).tobytes()
    whole["mmsi"] = 7
    assert rows["mmsi"].tolist() == list(range(9))
    assert len(join_rows([], STATIC_DTYPE)) == len(join_rows([rows[:0], rows[:0]], FIX_DTYPE)) == 0
    put_rows(rows, np.array([2, 5]), whole[:2].copy())
    assert rows["mmsi"].tolist() == [0, 1, 7, 3, 4, 7, 6, 7, 8]
