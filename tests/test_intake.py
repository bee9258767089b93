"""The intake after a restart: what was told as over or silent is told to have ended, once, wherever the bytes are cut."""

from __future__ import annotations

import pytest
from seas import recording

from dogwatch.batch import Control
from ingest.source import Received
from runners.intake import Intake
from runners.lane import Lane

START_MS = 1_700_000_000_000
SEA = recording(duration_s=120.0)


def lanes():
    return [Lane("hill", lateness_ms=5_000), Lane("cape", lateness_ms=5_000)]


def restarted(*, silent: str) -> Intake:
    """An intake whose former run ended while one source was silent."""
    before = Intake(lanes())
    before.feed("hill", SEA[: len(SEA) // 2], START_MS)
    before.take(Received(b"", START_MS, silent, "", "silent"))
    after = Intake(lanes())
    after.restore(before.to_sections())
    after.control(Control(after.watermark_ms, "system_down"))
    return after


def rows_of(intake: Intake, data: bytes, step: int) -> list[Control]:
    return [row for at in range(0, len(data), step) for row in intake.feed("hill", data[at : at + step], START_MS + 1_000)[0].control]


@pytest.mark.parametrize("step", [1, 61, 1 << 20])
def test_the_system_is_up_with_the_first_fix_and_the_source_back_with_its_first_byte(step):
    intake = restarted(silent="hill")
    assert intake.active == {"cape"}
    down_ms = intake.watermark_ms
    rows = rows_of(intake, SEA[len(SEA) // 2 :], step)
    assert [(row.kind, row.subject) for row in rows] == [("source_back", "hill"), ("system_up", "")]
    assert rows[0].t_ms == START_MS + 1_000
    assert rows[1].t_ms > down_ms
    assert rows[1] == rows_of(restarted(silent="hill"), SEA[len(SEA) // 2 :], 999)[1]
    assert intake.active == {"cape", "hill"}


def test_a_source_that_stays_silent_is_not_woken_by_another():
    intake = restarted(silent="cape")
    assert [row.kind for row in rows_of(intake, SEA[len(SEA) // 2 :], 4_096)] == ["system_up"]
    assert intake.active == {"hill"}


def test_a_restart_before_anything_was_heard_is_remembered():
    again = Intake(lanes())
    again.restore(restarted(silent="cape").to_sections())
    assert [row.kind for row in rows_of(again, SEA[len(SEA) // 2 :], 4_096)] == ["system_up"]


def test_without_a_restart_nothing_is_told():
    assert rows_of(Intake(lanes()), SEA, 4_096) == []
