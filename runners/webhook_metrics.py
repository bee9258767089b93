"""Metrics of webhooks, read where they are counted whenever somebody scrapes. May live here: that collector. May not: sending (console/webhooks.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

OUTCOMES = ("sent", "failed", "dead", "dropped")


class WebhookMetrics(Collector):
    """`counts`: by name what became of its messages, and how many wait (`console.webhooks.Webhooks.counts`)."""

    def __init__(self, counts: Callable[[], dict[str, dict[str, int]]]) -> None:
        self._counts = counts

    def collect(self) -> Iterable[Metric]:
        """The families as things are now."""
        outcomes = CounterMetricFamily(
            "dogwatch_webhook_messages", "Webhook messages sent, tries failed, messages given up and dropped", labels=["hook", "outcome"]
        )
        waiting = GaugeMetricFamily("dogwatch_webhook_waiting", "Webhook messages that wait for an address", labels=["hook"])
        for hook, counts in self._counts().items():
            for outcome in OUTCOMES:
                outcomes.add_metric([hook, outcome], counts[outcome])
            waiting.add_metric([hook], counts["waiting"])
        return outcomes, waiting
