"""/metrics, /health and /ready of a stage: where they are served, what a committed transaction adds to it. May not: change results, name vessels.

Stages that share a machine share a configuration: each takes the first free port from `[metrics] port` on and says which.
In a container of its own every stage has the configured one.
"""

from __future__ import annotations

import logging

from dogwatch.config import Config
from runners.health import serve
from runners.kafka_client import STAGES
from runners.metrics import Metrics
from runners.wire import Record

log = logging.getLogger("dogwatch.kafka")

PORTS_TRIED = len(STAGES) + 1  # the console is a stage without state


def serve_metrics(config: Config, stage: str) -> Metrics:
    """The counters of this process, served in a thread if the configuration says so. A taken port is said, not fatal."""
    metrics = Metrics()
    metrics.ready.labels(stage).set_function(lambda: metrics.health.ready)
    if not config.metrics.enabled:
        return metrics
    for port in range(config.metrics.port, config.metrics.port + PORTS_TRIED):
        try:
            serve(metrics.health, metrics.registry, config.metrics.host, port)
        except OSError:
            continue
        log.info("%s: metrics at http://%s:%d/metrics", stage, config.metrics.host, port)
        return metrics
    log.warning("%s: ports %d to %d are taken: no metrics", stage, config.metrics.port, config.metrics.port + PORTS_TRIED - 1)
    return metrics


def book_answers(metrics: Metrics, stage: str, answers: list[Record], seconds: float) -> None:
    """Add what one committed transaction of a stage said."""
    metrics.step.labels(stage).observe(seconds)
    for record in answers:
        if record.topic.endswith("dogwatch.dlq"):
            metrics.dead_letters.labels(stage).inc()
        if not record.label:  # a heartbeat, or the copy of a safety report
            continue
        if record.topic.endswith("risk.events"):
            metrics.events.labels(record.label).inc()
        elif record.topic.endswith("risk.alerts"):
            metrics.alerts.labels(record.label).inc()
