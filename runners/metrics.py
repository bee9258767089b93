"""Metrics: what Prometheus may ask of a running process. May hold: names, counters, their update. May not: change results.

No MMSI and no vessel name ever stands in a label.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server

from dogwatch.batch import T_MISSING, Counts
from dogwatch.errors import InputError
from ingest.source import Reader
from runners.backlog import Backlog
from runners.engine import Engine, Output
from runners.health import Health
from runners.intake import Intake
from runners.source_metrics import SourceMetrics
from runners.tape import Tape
from runners.webhook_metrics import WebhookMetrics

BOOK_S = 1.0  # the accounting of a lane with many senders is a sum over all of them: not for every datagram
STEP_BUCKETS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


class Metrics:
    """Counters of one process. `observe` after every engine call; `text` for /metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.lines = Counter("dogwatch_ingest_lines", "Physical lines read, by class", ["source", "kind"], registry=r)
        self.messages = Counter("dogwatch_ingest_messages", "AIS messages decoded, by type", ["source", "type"], registry=r)
        self.rejects = Counter("dogwatch_ingest_rejects", "Lines rejected, by reason", ["source", "reason"], registry=r)
        self.notes = Counter("dogwatch_ingest_notes", "Things noted on accepted lines and their times, by kind", ["source", "note"], registry=r)
        self.fixes = Counter("dogwatch_fixes", "Position reports decoded", registry=r)
        self.events = Counter("dogwatch_events", "Event versions, by type", ["type"], registry=r)
        self.alerts = Counter("dogwatch_alerts", "Alert revisions, by level", ["level"], registry=r)
        self.vessels = Gauge("dogwatch_vessels", "Vessels in the table", registry=r)
        self.lag = Gauge("dogwatch_watermark_lag_seconds", "Newest event time minus watermark", registry=r)
        self.source_up = Gauge("dogwatch_source_up", "1 while a source is heard, 0 while it is silent, garbled or over", ["source"], registry=r)
        self.exercise = Gauge("dogwatch_exercise", "1 once something simulated was heard: everything from then on is marked", registry=r)
        self.step = Histogram("dogwatch_step_seconds", "Wall time of one pipeline call", ["stage"], buckets=STEP_BUCKETS_S, registry=r)
        self.health = Health()
        self.ready = Gauge("dogwatch_ready", "1 while a stage does its work, 0 on standby, without a broker, with a paused input", ["stage"], registry=r)
        self.dead_letters = Counter("dogwatch_dead_letters", "Records set aside in dogwatch.dlq", ["stage"], registry=r)
        self.input_lag = Gauge("dogwatch_input_lag_records", "Records of an input topic that are there and not yet worked on", ["topic"], registry=r)
        self.input_paused = Gauge("dogwatch_input_paused", "1 while an input is paused because of dead letters in a row", ["topic"], registry=r)
        self.input_lost = Counter("dogwatch_input_lost_records", "Records that retention deleted before they were read", ["topic"], registry=r)
        self.backlog_bytes = Gauge("dogwatch_backlog_bytes", "Bytes of live input on disk that are not committed yet", registry=r)
        self.backlog_refused = Gauge("dogwatch_backlog_disk_refuses", "1 while the disk takes no more input and sources are not read", registry=r)
        self.backlog_disk = Gauge("dogwatch_backlog_disk_used_ratio", "How full the disk of the backlog is", registry=r)
        self.sources = SourceMetrics()
        r.register(self.sources)
        self._seen: dict[tuple[str, str, str], int] = {}
        self._booked_s = -BOOK_S

    def watch(self, readers: Sequence[Reader]) -> None:
        """From now on tell how these readers are, whenever somebody asks."""
        self.sources.readers = tuple(readers)

    def watch_tape(self, tape: Tape) -> None:
        """From now on tell whether what sources say is being kept, where that was asked for."""
        if tape.capture is None:
            return
        Gauge("dogwatch_capture_up", "1 while what sources say is kept on disk", registry=self.registry).set_function(lambda: tape.running)
        Gauge("dogwatch_capture_lost_bytes", "Bytes that the present outage has cost", registry=self.registry).set_function(lambda: tape.lost_bytes)

    def watch_webhooks(self, counts: Callable[[], dict[str, dict[str, int]]]) -> None:
        """From now on tell what became of webhooks' messages."""
        self.registry.register(WebhookMetrics(counts))

    def watch_backlog(self, backlog: Backlog) -> None:
        """From now on tell how much input waits on disk, and how the disk is."""
        self.backlog_bytes.set_function(backlog.waiting_bytes)
        self.backlog_refused.set_function(lambda: backlog.full)
        self.backlog_disk.set_function(backlog.disk_used)

    def observe(self, engine: Engine, output: Output, seconds: float) -> None:
        """Book one engine call that took `seconds` of wall time."""
        self.step.labels("embedded").observe(seconds)
        self.book_intake(engine.intake, len(output.batch.fixes))
        for event in output.all_events():
            self.events.labels(event.type).inc()
        for alert in output.all_alerts():
            self.alerts.labels(alert.level).inc()
        self.vessels.set(engine.watch.track.vessel_count)

    def book_intake(self, intake: Intake, fixes: int) -> None:
        """Add what one piece of input brought: `fixes` rows, lines by class, which sources are up, how far the watermark lags."""
        self.fixes.inc(fixes)
        self.sources.lanes = intake.lanes
        self.exercise.set(intake.exercise)
        due = time.monotonic() - self._booked_s >= BOOK_S
        for source, lane in intake.lanes.items():
            if due:
                self.book_lines(source, lane.counts)
                for note, n in lane.clock.counts().items():
                    self._grow(self.notes.labels(source, note), (source, "note", note), n)
            self.source_up.labels(source).set(source not in intake.unheard)
        if due:
            self._booked_s = time.monotonic()
        if T_MISSING not in (intake.newest_ms, intake.watermark_ms):
            self.lag.set((intake.newest_ms - intake.watermark_ms) / 1000)

    def book_lines(self, source: str, counts: Counts) -> None:
        """Add what the cumulative accounting of a source has grown by since the last call."""
        for kind in ("blank", "tag_only", "parts"):
            self._grow(self.lines.labels(source, kind), (source, "line", kind), getattr(counts, kind))
        for name, n in (("other", sum(counts.other.values())), ("decoded", sum(counts.decoded.values())), ("rejected", sum(counts.rejected.values()))):
            self._grow(self.lines.labels(source, name), (source, "line", name), n)
        for kind, n in counts.decoded.items():
            self._grow(self.messages.labels(source, kind), (source, "message", kind), n)
        for reason, n in counts.rejected.items():
            self._grow(self.rejects.labels(source, reason), (source, "reject", reason), n)
        for note, n in counts.notes.items():
            self._grow(self.notes.labels(source, note), (source, "note", note), n)

    def serve(self, host: str, port: int) -> None:
        """Answer GET /metrics in a thread. Raises InputError for a port that is taken."""
        try:
            start_http_server(port, host, self.registry)
        except OSError as fault:
            raise InputError(
                f"cannot serve metrics on {host}:{port}: {fault.strerror}", remedy="set [metrics] port to a free one, or enabled = false"
            ) from fault

    def text(self) -> bytes:
        """The exposition format of /metrics."""
        return generate_latest(self.registry)

    def _grow(self, counter: Counter, key: tuple[str, str, str], n: int) -> None:
        before = self._seen.get(key, 0)
        if n > before:
            counter.inc(n - before)
            self._seen[key] = n
