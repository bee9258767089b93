"""The measurements with a broker that is away or slow: they see what is lost, doubled or turned round. No timing."""

from __future__ import annotations

import os
import threading

import numpy as np

from benchmarks.distress_kafka import callers_of_alert, callers_of_report, figures
from benchmarks.outage import Radio, differences
from dogwatch.batch import SafetyReport, new_fixes
from dogwatch.events import to_json
from ingest.safety import SafetyRoad, safety_step
from runners.kafka_short_road import safety_json

WAIT_S = 60.0


def test_rows_that_are_lost_doubled_or_turned_round_are_named():
    rows = new_fixes(4)
    rows["t_ms"] = [1, 2, 3, 4]
    assert differences(rows, rows) == []
    assert differences(rows[:3], rows) == ["3 rows of 4"]
    assert differences(np.concatenate((rows, rows[:1])), rows) == ["5 rows of 4"]
    assert differences(rows[[0, 2, 1, 3]], rows) == ["t_ms differs: rows are not in the order of the sea"]


def test_the_radio_says_a_lead_at_once_and_the_rest_when_told(tmp_path):
    pipe, data, heard = tmp_path / "sea.fifo", bytes(range(256)) * 1000, list[bytes]()
    os.mkfifo(pipe)
    radio = Radio(pipe, data, 0.2)
    lead = threading.Event()

    def listen() -> None:
        with pipe.open("rb", buffering=0) as into:
            while piece := into.read(65536):
                heard.append(piece)
                if sum(map(len, heard)) == len(data) // 10:
                    lead.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    radio.thread.start()
    assert lead.wait(WAIT_S)
    assert not radio.go.is_set()
    radio.go.set()
    listener.join(WAIT_S)
    assert radio.fault is None
    assert b"".join(heard) == data
    assert radio.said == len(data)


def test_calls_that_never_came_are_counted_and_callers_are_found_in_both_topics():
    assert figures({1: 0.0, 2: 0.0, 3: 1.0}, {1: 0.5, 2: 0.25})["arrived"] == 2
    assert figures({1: 0.0}, {})["p99_ms"] == np.inf
    report = SafetyReport(
        t_ms=1_767_225_600_000,
        mmsi=970_100_001,
        kind="status14",
        msg_type=1,
        text="",
        lat=30_000_000,
        lon=1_800_000,
        nav=14,
        damaged=False,
        receiver="",
        simulated=False,
    )
    assert callers_of_report(safety_json(report)) == [970_100_001]
    _, alerts = safety_step(SafetyRoad(), [report])
    assert [callers_of_alert(to_json(alert)) for alert in alerts] == [[970_100_001]]
