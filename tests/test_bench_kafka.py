"""The benchmark over the broker: its sea says what was planted when it says so, seconds count from the right byte. No timing."""

from __future__ import annotations

import numpy as np

from benchmarks.kafka import goals
from benchmarks.kafka_feed import CALLER, CROSS_EVERY_S, CROSSER, EDGE_DEG, Feed
from benchmarks.kafka_latency import LATENESS_S, due_s, percentiles
from benchmarks.kafka_roads import JSON_FIELDS, columns, pieces, positions
from dogwatch.batch import UNITS_PER_DEG
from ingest.decode import DecodeState, decode

T0_S = 1_767_225_600.0


def test_the_sea_talks_at_its_rate_and_knows_its_deciding_lines():
    feed = Feed(0.5, rate=200)
    data = b"".join(feed.lines(at / 10, at / 10 + 0.1, T0_S + at / 10 + 0.1) for at in range(300))
    feed.server.close()
    state = DecodeState("bench")
    fixes = decode(state, data, final=True).fixes
    assert not state.counts.rejected
    assert abs(len(fixes) - 30 * 200) < 30 * 5
    assert feed.messages == sum(state.counts.decoded.values())
    crossed = [mmsi for mmsi in feed.said_s if mmsi < CALLER]
    assert len(crossed) > 0.5 * feed.seconds / CROSS_EVERY_S
    for mmsi in crossed:
        rows = fixes[fixes["mmsi"] == mmsi]
        inside = rows["lon"] >= EDGE_DEG * UNITS_PER_DEG
        assert CROSSER <= mmsi < CROSSER + feed.crossers
        assert abs(rows["t_ms"][inside][0] / 1000 - feed.said_s[mmsi]) <= 1.0, "the first report inside is the deciding one"
    assert sum(mmsi >= CALLER for mmsi in feed.said_s) == 15


def test_seconds_count_from_the_byte_that_decides():
    assert due_s(CALLER, T0_S + 7) == T0_S + 7
    assert due_s(CROSSER, T0_S + 7) == T0_S + 60 + LATENESS_S
    assert due_s(CROSSER, T0_S + 60) == T0_S + 120 + LATENESS_S
    assert percentiles([])["n"] == 0
    assert percentiles([1.0, 3.0])["max"] == 3.0


def test_both_roads_carry_the_same_rows():
    rows = positions(25_000, seconds=300.0)
    assert len(rows) == 25_000
    assert (np.diff(rows["t_ms"].reshape(-1)[:1000]) > -600_000).all()
    assert sum(len(batch.fixes) for batch in pieces(rows, 10_000)) == 25_000
    told = [dict(zip(JSON_FIELDS, row, strict=True)) for row in zip(*(rows[name][:50].tolist() for name in JSON_FIELDS), strict=True)]
    back = columns(told)
    assert len(JSON_FIELDS) >= 10
    for name in JSON_FIELDS:
        assert np.array_equal(back[name], rows[name][:50]), name


def test_a_missing_alert_is_a_missed_goal():
    good = {"p99": 0.5}
    found = {"throughput": {}, "latency": {"crossing_alert_s": good, "distress_alert_s": good, "alerts_missing": 0}}
    assert all(goal["met"] for goal in goals(found))
    found["latency"]["alerts_missing"] = 1
    assert not any(goal["met"] for goal in goals(found))
