"""Retention that deletes unread input accuses nobody: in one long hole over a real broker, and in many short ones beside a stage that does not tell."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from kafka_reading import committed
from kafka_sums import limit
from test_kafka_limits import forget
from test_tracks_dark import ALONE, X
from tracks_sea import T0, FlatSea, every, in_order, lane_traffic, stamped, static, track, well_heard

from dogwatch.batch import empty_batch
from dogwatch.config import Kafka
from dogwatch.events import Event, event_from_json
from runners.kafka_client import new_producer, topic
from runners.kafka_track import TrackTask
from runners.kafka_worker import run_worker
from runners.rules import read_rules
from runners.step import Rules
from runners.wire import FIXES, HEARTBEAT, Meta, Record, fixes_record, from_headers, statics_record

HOURS, AWAY_S, BACK_S = 3.0, 3600, 7800
MESSAGE_S, CYCLE_S, READ_S = 30, 360, 90  # of each six minutes a stage that is too slow reads the first 90 s before the rest is deleted


class Mute(TrackTask):
    """Control: it does not tell its detectors."""

    def missed(self, topic: str) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def rules() -> Rules:
    rules = read_rules("border", [])
    rules.params, rules.geography = ALONE, FlatSea()
    return rules


def messages(kafka: Kafka, fixes: np.ndarray, statics: np.ndarray | None = None) -> Iterator[tuple[int, list[Record]]]:
    """(second at which it begins, what ingest would send) of each MESSAGE_S of a sea."""
    fixes, statics, marks = stamped(fixes, statics)
    for begin_s in range(0, int(HOURS * 3600), MESSAGE_S):
        end_s = begin_s + MESSAGE_S
        own, told = ((rows["t_ms"] >= T0 + begin_s * 1000) & (rows["t_ms"] < T0 + end_s * 1000) for rows in (fixes, statics))
        batch = empty_batch(("receiver 0",))
        batch.fixes, batch.statics = fixes[own], statics[told]
        meta = Meta(FIXES, "test", watermark_ms=int(marks[own][-1]), end=end_s == int(HOURS * 3600))
        yield begin_s, [fixes_record(topic(kafka, "ais.fixes"), batch, meta), statics_record(topic(kafka, "ais.statics"), batch, meta)]


def northward(t_s: np.ndarray) -> np.ndarray:
    return track(X, t_s, 54.2 + t_s * 12 / 3600 / 60, 10.33, sog_kn=12.0, cog_deg=0.0)


def dark_of(records: list[Record]) -> list[Event]:
    """Every version of every dark period that was said, candidates too."""
    return [event for record in records if record.value and (event := event_from_json(record.value)).type == "dark"]


@pytest.mark.parametrize("kind", [TrackTask, Mute], ids=["told", "not-told"])
def test_holes_that_follow_each_other_hide_a_vessel_and_are_not_its_silence(rules, kind):
    """A stage that is too slow reads a little, finds the next hours deleted, reads a little. Whoever reports in the holes only is never read."""
    kafka = Kafka(bootstrap="nowhere")
    t = np.concatenate([every(30.0, AWAY_S / 3600), every(180.0, HOURS - AWAY_S / 3600, start_s=AWAY_S + READ_S + 10)])
    sea = in_order(lane_traffic(HOURS, lat_deg=54.2, length_deg=0.6), northward(t[t < HOURS * 3600]))
    task, said, hole, holes = kind(kafka, rules, well_heard()), list[Record](), False, 0
    for begin_s, records in messages(kafka, sea):
        if AWAY_S <= begin_s < BACK_S and begin_s % CYCLE_S >= READ_S:
            hole = True
            continue
        if hole:
            hole, holes = False, holes + 1
            for name in task.inputs:
                task.missed(name)
        for record in records:
            said += task.take(record.topic, record.value, record.headers)
    assert holes > 10
    accused = {mmsi for event in dark_of(said) for mmsi in event.mmsi}
    assert accused == (set() if kind is TrackTask else {X}), "untold, these holes look like the silence of one vessel"


def work(kafka: Kafka, rules: Rules, upto: int) -> None:
    """A stage at work until its input is over, or stopped in good order after so many messages."""
    stop, taken = limit(), [0]

    class Counted(TrackTask):
        def take(self, *given: Any) -> list[Record]:
            taken[0] += 1
            if taken[0] == upto:
                stop.set()
            return super().take(*given)

    run_worker(kafka, lambda: Counted(kafka, rules, well_heard()), stop, until_end=True)
    assert taken[0] >= upto


@pytest.mark.kafka
def test_positions_that_the_broker_deleted_are_nobodys_silence(kafka, rules):
    """Positions fill their topic sooner than statics theirs and go first: vessels that tell a name are heard then, and the others are not."""
    names = in_order(*[static(219_000_000 + k, t_s + k) for k in range(16) for t_s in range(0, int(HOURS * 3600) - 30, 360)])
    sea = in_order(lane_traffic(HOURS, lat_deg=54.2, length_deg=0.6), northward(every(30.0, HOURS)))
    said = list(messages(kafka, sea, names))
    before = AWAY_S // MESSAGE_S

    def send(part: list[tuple[int, list[Record]]]) -> None:
        with contextlib.closing(new_producer(kafka, "fill")) as producer:
            for record in (record for _, records in part for record in records):
                producer.send(record.topic, record.value, key=record.key, headers=record.headers, partition=0)
            producer.flush()

    send(said[:before])
    work(kafka, rules, 2 * before)
    send(said[before:])
    forget(kafka, "ais.fixes", BACK_S // MESSAGE_S)
    work(kafka, rules, 2 * (len(said) - before) - (BACK_S - AWAY_S) // MESSAGE_S)
    events = committed(kafka, "risk.events")
    assert from_headers(events[-1].headers, HEARTBEAT).end, "the second one came to the end"
    assert dark_of(events) == []
