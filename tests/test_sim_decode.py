"""The simulator and the decoder agree: what one says the other reads, marked as exercise; damage is counted, never believed."""

from __future__ import annotations

import numpy as np

from dogwatch.batch import F_DELAYED, F_EXERCISE, F_LONG, F_RANGE, F_SHORT
from ingest.decode import DecodeState, decode
from sim.faults import Fault, Rates, damage, faults_text, seeded
from sim.scenario import load_scenario, scenario_text
from sim.simulate import simulate

STRAIT = load_scenario(scenario_text("strait"), file="strait.toml")


def test_every_line_is_decoded_marked_and_timed():
    state, lines, fixes = DecodeState("sea"), 0, []
    for chunk in simulate(STRAIT, 9, duration_s=240):
        batch = decode(state, chunk.data)
        lines += chunk.data.count(b"\n")
        fixes.append(batch.fixes)
        assert (batch.statics["flags"] & F_EXERCISE).all()
    rows = np.concatenate(fixes)
    assert len(rows) > 5000
    assert (rows["flags"] & F_EXERCISE).all()
    assert not (rows["flags"] & (F_DELAYED | F_RANGE | F_SHORT | F_LONG)).any()
    lag_s = (rows["t_rx_ms"] - rows["t_ms"]) / 1000
    assert lag_s.min() >= 0
    assert lag_s.max() <= 3
    assert state.counts.lines == lines
    assert state.counts.rejected == {}
    assert {name.partition("/")[2] for name in state.receivers} >= {"EX-hill", "EX-west", "EX-south"}


def test_damage_is_counted_and_puts_no_vessel_on_the_map():
    clean, dirty, done = DecodeState("sea"), DecodeState("sea"), list[Fault]()
    rates = Rates(lost=0.02, repeated=0.02, checksum=0.05, cut=0.05, glued=0.02, garbage=0.05)
    whole = b"".join(chunk.data for chunk in simulate(STRAIT, 9, duration_s=120))
    damaged = b"".join(chunk.data for chunk in damage(simulate(STRAIT, 9, duration_s=120), seeded(4, rates), done))
    names = ["mmsi", "lat", "lon", "sog", "cog", "hdg", "msg_type", "t_ms"]
    known, found = (set(decode(state, data, final=True).fixes[names].tolist()) for state, data in ((clean, whole), (dirty, damaged)))
    assert len(done) > 100
    assert len(found) > 0.8 * len(known)
    assert found <= known, faults_text(done)
    assert dirty.counts.balance() == 0
    assert sum(dirty.counts.rejected.values()) > 50
