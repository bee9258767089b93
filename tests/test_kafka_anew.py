"""A stage that finds a state of other rules: taken over where both have seen the same, refused with a remedy, begun anew when told so."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from seas import recording

from dogwatch.config import Kafka
from dogwatch.errors import InputError
from dogwatch.events import event_from_json
from runners.intake import Intake
from runners.kafka_score import ScoreTask
from runners.kafka_track import TrackTask
from runners.lane import Lane
from runners.rules import read_rules
from runners.step import Rules, restore, snapshot
from runners.wire import FIXES, Meta, fixes_record, from_headers, statics_record

KAFKA = Kafka()


@pytest.fixture(scope="module")
def rules() -> Rules:
    return read_rules("border", [])


def others(rules: Rules) -> Rules:
    """A build with another threshold."""
    return replace(rules, params=msgspec.structs.replace(rules.params, v_max_kn=rules.params.v_max_kn + 1))


def weighed_otherwise(rules: Rules) -> Rules:
    return replace(rules, profile=msgspec.structs.replace(rules.profile, base=rules.profile.base - 1))


def said(task: TrackTask, part: slice) -> list:
    """The answers of a track stage to a part of the recording, in messages of 400 rows; the watermark is at their newest row."""
    batch, _, _ = Intake([Lane("sea", lateness_ms=60_000)]).feed("sea", recording(), None, final=True)
    order = np.argsort(batch.fixes["release_ms"], kind="stable")[part]
    answers = []
    for start in range(0, len(order), 400):
        piece = replace(batch, fixes=batch.fixes[order[start : start + 400]], statics=batch.statics[:0], control=[])
        meta = Meta(FIXES, "test", watermark_ms=int(piece.fixes["release_ms"].max()))
        for name, record in zip(task.inputs, (fixes_record(task.inputs[0], piece, meta), statics_record(task.inputs[1], piece, meta)), strict=True):
            answers += task.take(name, record.value, record.headers)
        answers += task.close()
    return answers


def stored(task: TrackTask | ScoreTask) -> dict:
    return restore(snapshot(task.to_sections()))


def test_track_goes_on_where_only_the_weighing_is_new(rules):
    first = TrackTask(KAFKA, rules)
    said(first, slice(0, 6000))
    again = TrackTask(KAFKA, weighed_otherwise(rules))
    again.restore(stored(first))
    assert again.state.vessel_count == first.state.vessel_count > 10
    assert snapshot(again.state.to_sections()) == snapshot(first.state.to_sections())


def test_track_refuses_a_state_of_other_parameters_and_says_what_to_do(rules):
    first = TrackTask(KAFKA, rules)
    with pytest.raises(InputError, match="other zones or parameters") as refused:
        TrackTask(KAFKA, others(rules)).restore(stored(first))
    assert "--anew" in refused.value.remedy


def test_track_begins_anew_and_keeps_what_is_of_no_detector(rules, caplog):
    first = TrackTask(KAFKA, rules)
    said(first, slice(0, 6000))
    again = TrackTask(KAFKA, others(rules), anew=True)
    again.restore(stored(first))
    assert "other parameters: tracks and open events begin anew" in caplog.text
    assert again.state.vessel_count == 0
    before, now = first.state.to_sections(), again.state.to_sections()
    for kept in ("coverage", "rescue", "tick_ms", "receivers", "exercise"):
        assert snapshot({"kept": now[kept]}) == snapshot({"kept": before[kept]}), kept
    assert again.state.reorder.buffered == first.state.reorder.buffered
    assert again.marks == first.marks
    answers = said(again, slice(6000, None))
    events = [event_from_json(record.value) for record in answers if record.value]
    assert {event.params_hash for event in events} <= {others(rules).params.params_hash}
    assert again.state.vessel_count > 10
    assert not [event for event in events if event.type == "dark" and event.t_start < before["tick_ms"]], "nobody is accused of the change"
    marks = [from_headers(record.headers, "dogwatch.heartbeat").watermark_ms for record in answers if not record.value]
    assert marks == sorted(marks)
    assert marks[0] >= before["tick_ms"], "the watermark goes on"
    counts = again.state.counters
    assert counts["rows_in"] > 0
    assert counts["rows_in"] == sum(n for name, n in counts.items() if name in PARTS)


PARTS = ["buffered", "checksum", "no_time", "future", "duplicate", "duplicate_30s", "accepted", "no_position", "coarse"]
PARTS += ["same_time", "quarantined", "not_vessel", "late_used", "late", "table_full"]


def test_score_judges_anew_refuses_another_profile_or_leaves_its_cases(rules, caplog):
    first = ScoreTask(KAFKA, rules.profile)
    sections = first.to_sections()
    ScoreTask(KAFKA, weighed_otherwise(rules).profile).restore(sections)
    other = msgspec.structs.replace(rules.profile, name="other")
    with pytest.raises(InputError, match="another profile") as refused:
        ScoreTask(KAFKA, other).restore(sections)
    assert "--anew" in refused.value.remedy
    again = ScoreTask(KAFKA, other, anew=True)
    again.restore(sections)
    assert "cases begin anew" in caplog.text
    assert again.state.profile.name == "other"
