"""The track stage: ais.fixes + ais.statics -> risk.events. May hold: the task around `track_step`. May not: transactions, clocks.

The watermark is the minimum of the two topics: a row is released when neither can still bring an earlier one, however
their messages interleave. A heartbeat ends each transaction that moved it.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from dogwatch import __version__
from dogwatch.batch import T_MISSING, Control, empty_batch
from dogwatch.config import Config, Kafka
from dogwatch.errors import InputError
from runners.kafka_client import topic
from runners.kafka_metrics import book_answers, serve_metrics
from runners.kafka_worker import run_worker
from runners.replay import rules_stamp
from runners.rules import read_coverage, read_rules
from runners.step import Rules, stamped
from runners.wire import FIXES, STATICS, Headers, Record, event_record, from_headers, heartbeat, read_batch
from tracks.coverage import Coverage
from tracks.step import TrackState, track_step

log = logging.getLogger("dogwatch.kafka")

PRODUCER = f"dogwatch-track {__version__}"


def run_track(config: Config, *, stop: threading.Event, until_end: bool = False, anew: bool = False) -> None:
    """Work as the track stage until `stop`, or with `until_end` until the end marker. Raises InputError, SurroundingsError.

    anew: a state of other parameters or zones is taken over as far as it goes, instead of refused.
    """
    if config.kafka is None:
        raise InputError("track needs a [kafka] table", remedy="examples/kafka.toml shows one")
    kafka, rules = config.kafka, read_rules(config.profile, config.zones, config.watchlists)
    coverage = read_coverage(Path(config.coverage)) if config.coverage else None
    metrics = serve_metrics(config, "track")
    tasks = [TrackTask(kafka, rules, coverage, anew=anew)]

    def make_task() -> TrackTask:
        tasks[0] = TrackTask(kafka, rules, coverage, anew=anew)
        return tasks[0]

    def observe(answers: list[Record], seconds: float) -> None:
        book_answers(metrics, "track", answers, seconds)
        metrics.vessels.set(tasks[0].state.vessel_count)

    run_worker(kafka, make_task, stop, until_end=until_end, observe=observe, metrics=metrics)


class TrackTask:
    """`track_step` as a task: one shard's tracks and how far its two inputs have come."""

    name = "track"

    def __init__(self, kafka: Kafka, rules: Rules, coverage: Coverage | None = None, *, anew: bool = False) -> None:
        self.anew = anew
        self.inputs: tuple[str, ...] = (topic(kafka, "ais.fixes"), topic(kafka, "ais.statics"))
        self.output = topic(kafka, "risk.events")
        self.rules, self.profile_hash = rules, rules.profile.content_hash
        self.state = TrackState.new(rules.params, rules.geography, coverage, watchlists=rules.watchlists)
        self.marks = dict.fromkeys(self.inputs, T_MISSING)
        self.over: set[str] = set()
        self.said = (T_MISSING, False)
        self.down_ms = T_MISSING  # input is gone unread: until the next fix nobody was heard because we did not listen

    @property
    def ended(self) -> bool:
        """Both inputs have said that the recording is over."""
        return self.over == set(self.inputs)

    @property
    def watermark_ms(self) -> int:
        """Neither input will bring a row before it."""
        return min(self.marks.values())

    def take(self, topic: str, value: bytes, headers: Headers) -> list[Record]:
        """Events that one message of columns brings. Raises InputError."""
        meta = from_headers(headers, FIXES if topic == self.inputs[0] else STATICS)
        batch = read_batch(value, meta)
        if self.down_ms != T_MISSING and len(batch.fixes):
            batch.control = [Control(max(self.down_ms, int(batch.fixes["release_ms"].min())), "system_up"), *batch.control]
            self.down_ms = T_MISSING
        self.marks[topic] = max(self.marks[topic], meta.watermark_ms)
        if meta.end:
            self.over.add(topic)
        events = stamped(track_step(self.state, batch, self.watermark_ms, final=self.ended), self.profile_hash)
        return [event_record(self.output, event, PRODUCER) for event in events]

    def missed(self, topic: str) -> None:
        """The detectors are told that the system was down from the watermark on until the next fix: no dark period follows from it."""
        if self.down_ms != T_MISSING or self.watermark_ms == T_MISSING:
            return
        self.down_ms = self.watermark_ms
        row = empty_batch()
        row.control = [Control(self.down_ms, "system_down")]
        track_step(self.state, row, self.watermark_ms)

    def close(self) -> list[Record]:
        """A heartbeat, if the watermark moved or the recording ended."""
        now = (self.watermark_ms, self.ended)
        if now == self.said:
            return []
        self.said = now
        return [heartbeat(self.output, producer=PRODUCER, watermark_ms=now[0], exercise=self.state.exercise, end=now[1])]

    def to_sections(self) -> dict[str, Any]:
        """State for a snapshot: tracks and reorder buffer, watermarks, what was said."""
        return {
            "rules": rules_stamp(self.rules),
            "track": self.state.to_sections(),
            "marks": dict(zip(("fixes", "statics"), self.marks.values(), strict=True)),
            "over": [name in self.over for name in self.inputs],
            "said": list(self.said),
            "down_ms": self.down_ms,
        }

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood. Raises InputError for a state of other parameters or zones, unless it may begin anew.

        Who only weighs events otherwise (another profile with the same `[detectors]`) has seen the same: tracks stay.
        """
        (params, _, zones, *_), (own, _, own_zones, *_) = (stamp.split(":") for stamp in (sections["rules"], rules_stamp(self.rules)))
        if (params, zones) == (own, own_zones):
            self.state = TrackState.from_sections(sections["track"], self.rules.params, self.rules.geography, self.rules.watchlists)
        elif self.anew:
            log.warning(
                "track: the state was made with other %s: tracks and open events begin anew, learned coverage stays", "zones" if params == own else "parameters"
            )
            self.state = TrackState.begun_anew(sections["track"], self.rules.params, self.rules.geography, self.rules.watchlists)
        else:
            raise InputError(
                "the state in dogwatch.state was made with other zones or parameters of detectors",
                remedy="use the same ones, or start it with --anew: tracks and open events begin anew, learned coverage stays",
            )
        self.marks = dict(zip(self.inputs, (sections["marks"]["fixes"], sections["marks"]["statics"]), strict=True))
        self.over = {name for name, over in zip(self.inputs, sections["over"], strict=True) if over}
        self.said, self.down_ms = (sections["said"][0], sections["said"][1]), sections["down_ms"]
