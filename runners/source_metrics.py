"""Metrics of sources that are read when somebody asks: states, losses, ages, delays. May hold: their names. May not: count or change anything.

The counters live in the readers (`ingest.source`) and lanes; here they only get names. Labels are bounded: source ids of the
configuration, the six states, the buckets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest.source import STATES, Reader
from runners.delays import BOUNDS_S
from runners.lane import Lane

COUNTERS = {
    "bytes": "Bytes taken from the wire",
    "connections": "Connections and openings that succeeded",
    "losses": "Connections that ended",
    "failures": "Attempts to connect or open that did not succeed",
    "dropped_pieces": "Pieces dropped because the queue was full",
    "dropped_bytes": "Bytes dropped because the queue was full",
    "kernel_drops": "Datagrams that the kernel dropped before they could be read",
    "skipped": "Datagrams that are no sentences",
    "garbled": "Times that bytes came without one valid sentence",
}
DELAYS = {
    "lag": "Arrival minus event time of position reports",
    "clock_error": "Arrival minus the stamp that came with the sentence",
}
PREFIX = "dogwatch_ingest_"


class SourceMetrics(Collector):
    """Asks readers and lanes at each scrape. `readers` and `lanes` are filled in once they exist."""

    def __init__(self) -> None:
        self.readers: Sequence[Reader] = ()
        self.lanes: dict[str, Lane] = {}

    def describe(self) -> Iterable[Metric]:
        """The families, without samples."""
        return self._families().values()

    def collect(self) -> Iterable[Metric]:
        """The families as things are now."""
        families = self._families()
        for reader in self.readers:
            counters, labels = reader.counters, [reader.source]
            for name in COUNTERS:
                families[name].add_metric(labels, getattr(counters, name))
            for state in STATES:
                families["state"].add_metric([*labels, state], float(counters.state == state))
            families["queue"].add_metric(labels, reader.outlet.held_bytes)
            if counters.heard_s >= 0:
                families["age"].add_metric(labels, max(0.0, reader.clock.monotonic_s() - counters.heard_s))
        for source, lane in self.lanes.items():
            for name in DELAYS:
                families[name].add_metric([source], _cumulative(getattr(lane.delays, name).tolist()), None)
        return families.values()

    def _families(self) -> dict[str, Any]:
        found: dict[str, Any] = {name: CounterMetricFamily(PREFIX + name, words, labels=["source"]) for name, words in COUNTERS.items()}
        found |= {name: HistogramMetricFamily(f"{PREFIX}{name}_seconds", words, labels=["source"]) for name, words in DELAYS.items()}
        found["state"] = GaugeMetricFamily(PREFIX + "source_state", "1 for the state that the source is in", labels=["source", "state"])
        found["queue"] = GaugeMetricFamily(PREFIX + "queue_bytes", "Bytes that wait to be decoded", labels=["source"])
        found["age"] = GaugeMetricFamily(PREFIX + "last_byte_age_seconds", "Time since the last byte", labels=["source"])
        return found


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    bounds = [*(repr(bound) for bound in BOUNDS_S), "+Inf"]
    total, rows = 0, []
    for bound, n in zip(bounds, counts):
        total += n
        rows.append((bound, float(total)))
    return rows
