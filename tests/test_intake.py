"""The intake: restarts, silence, heartbeats. What was told as over or silent is told to have ended, once, wherever the bytes are cut."""

from __future__ import annotations

import msgspec
import pytest
from seas import recording

from dogwatch import blob
from dogwatch.batch import F_FUTURE, F_LATE, T_MISSING, Control
from ingest.source import Health, Received
from runners.intake import Intake
from runners.lane import Lane
from tests.decode_inputs import one, position

START_MS = 1_700_000_000_000


def sea() -> bytes:
    return recording(duration_s=120.0)


def lanes():
    return [Lane("hill", lateness_ms=5_000), Lane("cape", lateness_ms=5_000)]


def restarted(*, silent: str) -> Intake:
    """An intake whose former run ended while one source was silent."""
    before = Intake(lanes())
    before.feed("hill", sea()[: len(sea()) // 2], START_MS)
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
    rows = rows_of(intake, sea()[len(sea()) // 2 :], step)
    assert [(row.kind, row.subject) for row in rows] == [("source_back", "hill"), ("system_up", "")]
    assert rows[0].t_ms == START_MS + 1_000
    assert rows[1].t_ms > down_ms
    assert rows[1] == rows_of(restarted(silent="hill"), sea()[len(sea()) // 2 :], 999)[1]
    assert intake.active == {"cape", "hill"}


def test_a_source_that_stays_silent_is_not_woken_by_another():
    intake = restarted(silent="cape")
    assert [row.kind for row in rows_of(intake, sea()[len(sea()) // 2 :], 4_096)] == ["system_up"]
    assert intake.active == {"hill"}


def test_a_restart_before_anything_was_heard_is_remembered():
    again = Intake(lanes())
    again.restore(restarted(silent="cape").to_sections())
    assert [row.kind for row in rows_of(again, sea()[len(sea()) // 2 :], 4_096)] == ["system_up"]


def test_without_a_restart_nothing_is_told():
    assert rows_of(Intake(lanes()), sea(), 4_096) == []


NOISE = b"\x80\x12 nothing\r\n"
STATUS = b"$GPTXT,01,01,02,x*35\r\n"


def fix(second: int) -> bytes:
    return one(position(sec=(START_MS // 1000 + second) % 60)) + b"\r\n"


def piece(source: str, second: float, data: bytes = b"", kind: str = "bytes", state: str = "connected") -> Received:
    health = msgspec.json.encode(Health(state)) if kind == "beat" else data
    return Received(health, START_MS + round(second * 1000), source, "peer", kind)  # type: ignore[arg-type]


def day(until_s: int, hears) -> list[Received]:
    """What two sources say, second by second: `hears(source, second)` -> bytes; a beat every ten seconds."""
    said = []
    for second in range(until_s):
        for source in ("hill", "cape"):
            if data := hears(source, second):
                said.append(piece(source, second, data))
            if second % 10 == 9:
                said.append(piece(source, second + 0.5, kind="beat"))
    return said


def through(intake: Intake, said: list[Received]):
    control, beats, marks = [], [], []
    for received in said:
        batch, _, _ = intake.take(received)
        control += [(row.kind, row.subject, (row.t_ms - START_MS) // 1000) for row in batch.control]
        beats += batch.heartbeats
        marks.append(intake.watermark_ms)
    return control, beats, marks


def behind_s(intake: Intake, second: int) -> float:
    """How far the common watermark lies behind a moment; huge before the first."""
    return (START_MS - intake.watermark_ms) / 1000 + second


def test_a_silent_source_lets_the_other_go_on_and_comes_back():
    said = day(100, lambda source, second: fix(second) if source == "hill" or second < 20 or second >= 90 else b"")
    silent = [piece("cape", 79, kind="silent"), piece("cape", 90, kind="back")]
    at = next(i for i, r in enumerate(said) if r.t_rx_ms >= START_MS + 79_000)
    back = next(i for i, r in enumerate(said) if r.source == "cape" and r.t_rx_ms >= START_MS + 90_000 and r.kind == "bytes")
    intake = Intake(lanes())
    control, _, marks = through(intake, [*said[:at], silent[0], *said[at:back], silent[1], *said[back:]])
    assert control == [("source_silent", "cape", 79), ("source_back", "cape", 90)]
    assert intake.active == {"hill", "cape"}
    assert marks == sorted(marks)
    assert behind_s(intake, 99) < 10


def with_satellite() -> Intake:
    return Intake([Lane("hill", lateness_ms=5_000), Lane("cape", lateness_ms=10_800_000, satellite=True)])


def test_a_satellite_is_judged_by_the_watermark_of_the_coast():
    intake = with_satellite()
    for second in range(0, 600, 10):
        intake.take(piece("hill", second, fix(second)))
    mark_ms = intake.watermark_ms
    assert behind_s(intake, 590) == pytest.approx(5, abs=3)
    batch, _, _ = intake.take(piece("cape", 300, fix(300)))
    assert (batch.fixes["flags"] & F_LATE != 0).tolist() == [True]
    assert batch.fixes["release_ms"].tolist() == [mark_ms]
    batch, _, _ = intake.take(piece("cape", 598, fix(598)))
    assert (batch.fixes["flags"] & F_LATE != 0).tolist() == [False], "in front of it a row is a row"
    batch, _, _ = intake.take(piece("cape", 9_000, fix(9_000)))
    assert (batch.fixes["flags"] & F_FUTURE != 0).tolist() == [True]
    assert intake.watermark_ms == mark_ms
    assert intake.counts().notes["late"] == 1


def test_a_satellite_between_two_passes_is_not_a_deaf_ear():
    intake = with_satellite()
    said = day(200, lambda source, second: fix(second) if source == "hill" or second < 20 else b"")
    control, _, _ = through(intake, [*said, piece("cape", 200, kind="silent")])
    assert control == []
    assert intake.unheard == {"cape"}, "people are told"
    assert behind_s(intake, 199) < 10


def test_a_satellite_holds_the_watermark_when_the_coast_is_over_and_never_moves_it_back():
    intake = with_satellite()
    intake.take(piece("cape", 10, fix(10)))
    assert intake.watermark_ms == T_MISSING, "the coast may be about to begin"
    intake.take(piece("hill", 20, fix(20)))
    mark_ms = intake.watermark_ms
    intake.take(piece("hill", 30, kind="silent"))
    intake.take(piece("cape", 40, fix(40)))
    assert intake.watermark_ms == mark_ms
    intake.take(piece("cape", 10_900, fix(10_900)))
    assert intake.watermark_ms > mark_ms
    intake.take(piece("hill", 3_500, kind="back"))
    intake.take(piece("hill", 3_500, fix(3_500)))
    assert behind_s(intake, 3_500) < 10


def test_after_a_restart_the_coast_says_that_we_are_up_again():
    intake = with_satellite()
    intake.take(piece("hill", 20, fix(20)))
    intake.control(Control(intake.watermark_ms, "system_down"))
    assert intake.take(piece("cape", 400, fix(300)))[0].control == []
    assert [row.kind for row in intake.take(piece("hill", 410, fix(410)))[0].control] == ["system_up"]


@pytest.mark.parametrize("other", [STATUS, NOISE * 2, b""], ids=["status", "noise", "nothing"])
def test_who_brings_no_fix_does_not_hold_the_others_back(other):
    intake = Intake(lanes())
    said = day(90, lambda source, second: fix(second) if source == "hill" else other)
    early = [received for received in said if received.t_rx_ms < START_MS + 59_000]
    control, _, _ = through(intake, early)
    assert intake.watermark_ms == T_MISSING, "a source may be about to connect"
    more, _, _ = through(intake, said[len(early) :])
    assert intake.active == {"hill"}
    assert behind_s(intake, 89) < 10
    assert control + more == [], "what never heard a vessel explains nobody's silence"
    through(intake, [piece("cape", 91, fix(91))])
    assert intake.active == {"hill", "cape"}


def test_a_minute_of_noise_is_deafness_and_one_message_ends_it():
    intake = Intake(lanes())
    control, beats, _ = through(intake, day(200, lambda source, second: fix(second) if source == "hill" or second > 150 or second < 20 else NOISE))
    assert control == [("source_silent", "cape", 79), ("source_back", "cape", 159)]
    assert all(row.counts.get("noise", 0) == 0 for row in beats if row.source == "hill")


def test_a_source_that_never_heard_a_vessel_is_not_deaf_but_only_absent():
    intake = Intake(lanes())
    said = day(200, lambda source, second: fix(second) if source == "hill" else b"")
    control, _, _ = through(intake, [*said[:200], piece("cape", 100, kind="silent"), *said[200:]])
    assert control == []
    assert intake.active == {"hill"}


def test_a_spark_now_and_then_is_no_deafness():
    intake = Intake(lanes())
    control, _, _ = through(intake, day(300, lambda source, second: fix(second) if source == "hill" else NOISE * (second % 100 == 0)))
    assert control == []


def test_a_heartbeat_row_has_what_came_since_the_last_one():
    wrong = fix(1).replace(b"AIVDM", b"BIVDM")
    _, beats, _ = through(Intake(lanes()), day(30, lambda source, second: (fix(second) + (wrong if second < 10 else b"")) if source == "hill" else b""))
    hill = [row for row in beats if row.source == "hill"]
    size = len(fix(1))
    assert [row.t_ms - START_MS for row in hill] == [9_500, 19_500, 29_500]
    assert hill[0].counts == {"bytes": 20 * size, "fixes": 10, "lines": 20, "valid": 10, "noise": 10, "rejected.bad_checksum": 10}
    assert hill[2].counts == {"bytes": 10 * size, "fixes": 10, "lines": 10, "valid": 10}
    assert [row.counts for row in beats if row.source == "cape"] == [{}] * 3
    assert {row.state for row in beats} == {"connected"}


@pytest.mark.parametrize("stop", [3, 77, 150, 260, 401])
def test_a_snapshot_anywhere_changes_nothing(stop):
    said = day(240, lambda source, second: fix(second) if source == "hill" or second % 90 < 20 else NOISE)
    said.insert(100, piece("cape", 45, kind="silent"))
    said.insert(300, piece("cape", 130, kind="link"))
    expected = Intake(lanes())
    control, beats, marks = through(expected, said)
    assert len(control) >= 2
    first = Intake(lanes())
    begun = through(first, said[:stop])
    second = Intake(lanes())
    second.restore(blob.unpack(blob.pack(first.to_sections(), schema=1), schema=1))
    rest = through(second, said[stop:])
    assert [a + b for a, b in zip(begun, rest)] == [control, beats, marks]
    assert blob.pack(second.to_sections(), schema=1) == blob.pack(expected.to_sections(), schema=1)


def test_a_restart_counts_no_idleness_while_we_were_not_there():
    before = Intake(lanes())
    through(before, day(30, lambda source, second: fix(second)))
    after = Intake(lanes())
    after.restore(before.to_sections())
    after.control(Control(after.watermark_ms, "system_down"))
    through(after, [piece("hill", 5_000, kind="beat"), piece("cape", 5_000, kind="beat")])
    assert after.active == {"hill", "cape"}
