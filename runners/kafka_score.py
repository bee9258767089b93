"""The score stage: risk.events -> risk.alerts. May hold: the task around `risk_step`. May not: transactions, clocks.

Events wait for the heartbeat that closes their frame: only then is everything known that was detected up to its
watermark, in whatever pieces the log was read. Frames follow each other in event time, so their order is the sorted one.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import msgspec

from dogwatch import __version__
from dogwatch.alerts import alert_order
from dogwatch.config import Config, Kafka
from dogwatch.errors import InputError
from dogwatch.events import Event, event_from_json, event_order, to_json
from ingest.notices import Notices, notice_step
from risk.normality import Normality
from risk.profile import Profile
from risk.step import RiskState, risk_step
from runners.kafka_client import topic
from runners.kafka_metrics import book_answers, serve_metrics
from runners.kafka_worker import run_worker
from runners.normality import read_model
from runners.rules import read_profile
from runners.wire import EVENT, HEARTBEAT, Headers, Record, alert_record, from_headers

log = logging.getLogger("dogwatch.kafka")

PRODUCER = f"dogwatch-score {__version__}"


def run_score(config: Config, *, stop: threading.Event, until_end: bool = False, anew: bool = False) -> None:
    """Work as the score stage until `stop`, or with `until_end` until the end marker. Raises InputError, SurroundingsError.

    anew: cases of another profile or model of normal traffic are left as they were told, instead of refused.
    """
    if config.kafka is None:
        raise InputError("score needs a [kafka] table", remedy="examples/kafka.toml shows one")
    kafka, profile = config.kafka, read_profile(config.profile)
    normality = read_model(Path(config.normality)) if config.normality else None
    metrics = serve_metrics(config, "score")

    def observe(answers: list[Record], seconds: float) -> None:
        book_answers(metrics, "score", answers, seconds)

    run_worker(kafka, lambda: ScoreTask(kafka, profile, normality, anew=anew), stop, until_end=until_end, observe=observe, metrics=metrics)


class ScoreTask:
    """`risk_step` as a task: cases, and the events of the frame that is still open."""

    name = "score"

    def __init__(self, kafka: Kafka, profile: Profile, normality: Normality | None = None, *, anew: bool = False) -> None:
        self.anew = anew
        self.inputs: tuple[str, ...] = (topic(kafka, "risk.events"),)
        self.output = topic(kafka, "risk.alerts")
        self.profile, self.normality = profile, normality
        self.rules = profile.content_hash + (f":{normality.content_hash}" if normality is not None else "")
        self.state = RiskState.new(profile, normality)
        self.notices = Notices()
        self.frame: list[Event] = []
        self.ended = False

    def take(self, topic: str, value: bytes, headers: Headers) -> list[Record]:
        """Alerts that a heartbeat brings; an event only joins its frame. Raises InputError."""
        meta = from_headers(headers, EVENT, HEARTBEAT)
        if meta.schema == EVENT:
            try:
                event = event_from_json(value)
            except (msgspec.DecodeError, ValueError) as fault:
                raise InputError(f"not an event: {fault}", remedy="look for a foreign producer on this topic") from fault
            event.exercise = event.exercise or meta.exercise
            self.frame.append(event)
            return []
        events = sorted(self.frame, key=event_order)
        alerts = sorted(risk_step(self.state, events, meta.watermark_ms) + notice_step(self.notices, events), key=alert_order)
        self.frame, self.ended = [], meta.end
        return [alert_record(self.output, alert, PRODUCER) for alert in alerts]

    def missed(self, topic: str) -> None:
        """Events that nobody scored are said by the worker; the cases at hand stay as they are."""

    def close(self) -> list[Record]:
        """Nothing: readers of alerts need no watermark."""
        return []

    def to_sections(self) -> dict[str, Any]:
        """State for a snapshot: cases and the open frame."""
        return {
            "profile": self.rules,
            "risk": self.state.to_sections(),
            "notices": self.notices.to_sections(),
            "frame": [to_json(event) for event in self.frame],
            "ended": self.ended,
        }

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood. Raises InputError for a state of another profile or model, unless it may begin anew.

        A profile of the same name judges each case anew at its next event.
        """
        (_, *model), (_, *own) = (text.split(":") for text in (sections["profile"], self.rules))
        if (sections["risk"]["profile"], model) == (self.profile.name, own):
            self.state = RiskState.from_sections(sections["risk"], self.profile, self.normality)
        elif self.anew:
            log.warning("score: the state was made with another profile or model of normal traffic: cases begin anew, alerts stay as they were told")
        else:
            raise InputError(
                "the state in dogwatch.state was made with another profile or model of normal traffic",
                remedy="use the same ones, or start it with --anew: cases begin anew, alerts stay as they were told",
            )
        self.notices = Notices.from_sections(sections["notices"])
        self.frame = [event_from_json(text) for text in sections["frame"]]
        self.ended = sections["ended"]
