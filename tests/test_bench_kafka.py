"""The benchmark over the broker: its sea says what was planted when it says so, seconds count from the right byte. No timing."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np

from benchmarks import takeover
from benchmarks.kafka import COLUMNS, DETECTORS, QUICK, RECORDS, RESULT, WHOLE, goals, options_of, table
from benchmarks.kafka_feed import CALLER, CROSS_EVERY_S, CROSSER, EDGE_DEG, Feed
from benchmarks.kafka_latency import LATENESS_S, Costs, due_s, percentiles
from benchmarks.kafka_roads import JSON_FIELDS, columns, pieces, positions
from dogwatch.batch import UNITS_PER_DEG
from ingest.decode import DecodeState, decode
from runners.rules import read_rules

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


def test_the_table_names_every_road_every_wait_and_every_goal():
    rate = {"per_s": {"median": 1_100_000.0, "min": 1.0, "max": 2.0}, "cpu_s_per_million": {"sender": 0.4, "broker": 0.3, "reader": 0.2}}
    waits = {"n": 3, "p50": 0.1, "p95": 0.2, "p99": 0.3, "max": 0.4}
    live = {"minutes": 10.0, "messages_per_s": 5000, "alerts_missing": 0}
    live["costs"] = Costs({"myself": os.getpid(), "nobody": 0}).told()
    assert list(live["costs"]) == ["myself"]
    assert live["costs"]["myself"]["mib_most"] > 20
    live |= dict.fromkeys(("crossing_alert_s", "crossing_alert_from_its_own_byte_s", "distress_alert_s"), waits)
    told = {"throughput": {COLUMNS: rate, DETECTORS: rate, RECORDS: rate | {"per_s": rate["per_s"] | {"median": 22_000.0}}}, "latency": live}
    told["goals"] = goals(told)
    text = table(told)
    assert all(name in text for name in (COLUMNS, DETECTORS, RECORDS, *(name for name in live if name.endswith("_s") and "alert" in name)))
    assert "columns carry 50 times" in text
    assert "of myself" in text
    assert text.count("\nmet ") == 3
    assert "MISSED" not in text
    told["throughput"][COLUMNS] = rate | {"per_s": rate["per_s"] | {"median": 900_000.0}}
    told["goals"] = goals(told)
    assert "MISSED positions a second" in table(told)


def test_quick_fills_in_only_what_was_not_said():
    assert vars(options_of([])).items() >= {**WHOLE, "out": RESULT}.items()
    quick = options_of(["--quick", "--rounds", "0"])
    assert (quick.rounds, quick.rows, quick.minutes, quick.out) == (0, QUICK["rows"], QUICK["minutes"], None)


class Sitting:
    """A seat whose kills cost nothing but time."""

    def __init__(self, clock: list[float], shot_s: float) -> None:
        self.clock, self.shot_s, self.shot = clock, shot_s, []

    def start(self) -> None:
        """A standby."""

    def wait(self, _log: None, _words: str) -> None:
        """It stands by."""

    def dismiss(self) -> None:
        self.shot.append("dismissed")

    def shoot(self, case: str, _dice: object) -> float:
        self.clock[0] += self.shot_s
        self.shot.append(case)
        return self.shot_s


def test_the_kills_of_a_take_over_end_with_their_time_and_are_never_too_few(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(takeover.time, "monotonic", lambda: clock[0])
    for shot_s, fewest, most in ((1.0, 20, 20), (10.0, 6, 10), (200.0, takeover.KILLS_LEAST, takeover.KILLS_LEAST)):
        seats = {stage: Sitting(clock, shot_s) for stage in takeover.STAGES_SHOT}
        told = takeover.measure(seats, 20, 8.0, lambda _text: None)
        assert len(told) == 6
        assert all(fewest <= row["kills"] <= most and row["max_s"] == shot_s for row in told.values())
        assert all(seat.shot.index("dismissed") == len(seat.shot) - told[f"{stage}, restarted"]["kills"] - 1 for stage, seat in seats.items())


def test_the_rules_of_the_live_sea_are_accepted(tmp_path: Path) -> None:
    feed = Feed(1.0, 100)
    with contextlib.closing(feed.server):
        profile, zones = feed.write_files(tmp_path)
    assert [rule.name for rule in read_rules(str(profile), [str(zones)]).profile.rules] == ["enters the watch zone"]
