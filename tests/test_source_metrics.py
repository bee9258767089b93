"""Metrics of sources: the names and labels that the document lists, with the right numbers."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from dogwatch.batch import T_SRC_ARRIVAL, T_SRC_TAG, new_fixes
from ingest.source import STATES, Reader
from runners.delays import BOUNDS_S, Delays
from runners.intake import Intake
from runners.lane import Lane
from runners.metrics import Metrics
from tests.decode_inputs import T0, one, position, tag

NOW_MS = T0 * 1000 + 10_000


class Hands:
    """A clock whose hands the test moves."""

    now_s = 0.0

    def wall_ms(self):
        return NOW_MS + int(self.now_s * 1000)

    def monotonic_s(self):
        return self.now_s


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """(name, label values in order of their names) -> value."""
    found = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            found[sample.name, tuple(value for _, value in sorted(sample.labels.items()))] = sample.value
    return found


def watched():
    clock = Hands()
    reader = Reader("mast", silent_s=60, clock=clock, rng=random.Random(1))
    metrics, intake = Metrics(), Intake([Lane("mast", lateness_ms=5_000)])
    metrics.watch([reader])
    return clock, reader, metrics, intake


def feed(reader, metrics, intake, data):
    reader.deliver(data, "peer")
    while (item := reader.outlet.take()) is not None:
        batch, _, _ = intake.take(item)
        metrics.book_intake(intake, len(batch.fixes))


def test_the_numbers_of_a_source():
    clock, reader, metrics, intake = watched()
    good = tag(f"c:{T0 + 7}") + one(position(sec=5)) + b"\r\n"
    feed(reader, metrics, intake, good * 3 + good.replace(b"!A", b"!B", 1))
    clock.now_s = 4.0
    found = samples(metrics)
    assert found["dogwatch_ingest_bytes_total", ("mast",)] == 4 * len(good)
    assert found["dogwatch_ingest_messages_total", ("mast", "1")] == 3
    assert found["dogwatch_ingest_lines_total", ("decoded", "mast")] == 3
    assert found["dogwatch_ingest_rejects_total", ("bad_checksum", "mast")] == 1
    assert found["dogwatch_ingest_notes_total", ("time_tag", "mast")] == 3
    assert found["dogwatch_ingest_last_byte_age_seconds", ("mast",)] == 4.0
    assert found["dogwatch_source_up", ("mast",)] == 1
    assert {state: found["dogwatch_ingest_source_state", ("mast", state)] for state in STATES} == {state: float(state == "connected") for state in STATES}
    buckets = {value[0]: n for (name, value), n in found.items() if name == "dogwatch_ingest_clock_error_seconds_bucket"}
    assert (buckets["2.0"], buckets["5.0"], buckets["+Inf"]) == (0, 3, 3), "the stamp is 3 s before arrival"
    buckets = {value[0]: n for (name, value), n in found.items() if name == "dogwatch_ingest_lag_seconds_bucket"}
    assert (buckets["2.0"], buckets["5.0"], buckets["+Inf"]) == (0, 3, 3), "the position was fixed 5 s before arrival"


def test_back_steps_and_future_stamps_are_counted_for_their_source():
    _, reader, metrics, intake = watched()
    stamps = [T0 + 7, T0 - 600, T0 + 7, T0 + 7 + 5 * 3600]
    feed(reader, metrics, intake, b"".join(tag(f"c:{t}") + one(position(sec=t % 60)) + b"\r\n" for t in stamps))
    found = samples(metrics)
    assert found["dogwatch_ingest_notes_total", ("time_backstep", "mast")] == 1
    assert found["dogwatch_ingest_notes_total", ("future", "mast")] == 1
    assert found["dogwatch_ingest_notes_total", ("late", "mast")] == 1


def test_the_accounting_of_a_lane_is_not_summed_for_every_datagram(monkeypatch):
    _, reader, metrics, intake = watched()
    asked = []
    whole = Lane.counts.fget
    monkeypatch.setattr(Lane, "counts", property(lambda lane: (asked.append(1), whole(lane))[1]))
    moment = [100.0]
    monkeypatch.setattr("runners.metrics.time.monotonic", lambda: moment[0])
    for _ in range(50):
        feed(reader, metrics, intake, one(position()) + b"\r\n")
    assert len(asked) == 1
    moment[0] += 1.0
    feed(reader, metrics, intake, b"")
    metrics.book_intake(intake, 0)
    assert samples(metrics)["dogwatch_ingest_messages_total", ("mast", "1")] == 50


def test_a_silent_source_is_down():
    clock, reader, metrics, intake = watched()
    feed(reader, metrics, intake, one(position()) + b"\r\n")
    clock.now_s = 61.0
    reader.tend()
    while (item := reader.outlet.take()) is not None:
        intake.take(item)
    metrics.book_intake(intake, 0)
    found = samples(metrics)
    assert found["dogwatch_source_up", ("mast",)] == 0
    assert found["dogwatch_ingest_source_state", ("mast", "silent")] == 1


def test_delays_agree_with_counting_by_hand():
    rng = np.random.default_rng(5)
    bounds_ms = [bound * 1000 for bound in BOUNDS_S]
    delays, lags = Delays(), []
    for _ in range(20):
        fixes = new_fixes(50)
        fixes["t_ms"] = NOW_MS + rng.choice([*map(int, bounds_ms), -1, 1, 999_999_999], 50) + rng.integers(-1, 2, 50)
        fixes["t_rx_ms"] = fixes["t_ms"]
        fixes["t_src"] = rng.choice([T_SRC_TAG, T_SRC_ARRIVAL], 50)
        delays.add(fixes, NOW_MS)
        lags += [(NOW_MS - int(row["t_ms"]), row["t_src"] == T_SRC_TAG) for row in fixes]
    expected = [sum(ms <= bound for ms, _ in lags) for bound in bounds_ms]
    assert np.cumsum(delays.lag)[:-1].tolist() == expected
    assert np.cumsum(delays.clock_error)[:-1].tolist() == [sum(ms <= bound for ms, stamped in lags if stamped) for bound in bounds_ms]
    assert delays.lag.sum() == len(lags)


def test_the_document_lists_every_metric():
    text = (Path(__file__).resolve().parent.parent / "docs" / "operations.md").read_text(encoding="utf-8")
    written = set(re.findall(r"`(dogwatch_[a-z_]+)", text))
    metrics = Metrics()
    named = {family.name + ("_total" if family.type == "counter" else "") for family in metrics.registry.collect()}
    assert len(named) > 20
    assert named - written == set()
