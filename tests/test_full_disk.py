"""A full disk and a locked database: one clear error with a remedy that works, no half file, no lost decision."""

from __future__ import annotations

import contextlib
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from risk_world import make

from console.database import StoreError
from console.decisions import Decisions
from dogwatch.errors import InputError, SurroundingsError
from runners.backtest import Asked, backtest
from runners.backtest_page import write_report
from runners.ledger import Ledger, replace_file
from runners.replay import Options, replay
from runners.rules import read_rules
from sim.scenario import load_scenario, scenario_text
from sim.simulate import simulate

ROOM_BYTES = 2_000


@contextlib.contextmanager
def small_disk(room: int = ROOM_BYTES) -> Iterator[None]:
    """No file may grow beyond so many bytes: a write beyond fails as on a full disk, after what still fits was written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def sea(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sea") / "sea.nmea"
    scenario = load_scenario(scenario_text("strait"), file="strait")
    path.write_bytes(b"".join(chunk.data for chunk in simulate(scenario, 5, duration_s=900.0)))
    return path


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.new"))


def test_what_cannot_be_written_whole_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    replace_file(path, b"old")
    with small_disk(), pytest.raises(SurroundingsError, match=r"cannot write .*report\.html: .*free space, then run again"):
        replace_file(path, b"x" * (ROOM_BYTES + 1))
    assert path.read_bytes() == b"old"
    assert left(tmp_path) == []


@pytest.mark.parametrize(("journal", "remedy"), [(False, "run again with --resume"), (True, "start it again: it goes on where it stood")])
def test_a_ledger_that_the_disk_refuses_says_how_to_go_on(tmp_path: Path, journal: bool, remedy: str) -> None:
    ledger = Ledger(tmp_path, journal=journal)
    events = [make("dark", [mmsi]) for mmsi in range(1, 9)]

    def written() -> None:
        ledger.append(events, [])  # of a replay it waits in the buffer of the file, and the next call finds out
        ledger.settle()

    with small_disk(), pytest.raises(SurroundingsError, match=remedy):
        written()


def test_a_replay_on_a_full_disk_goes_on_as_its_message_says(sea: Path, tmp_path: Path) -> None:
    rules = read_rules("border", [])
    whole = replay([sea], rules, Options(tmp_path / "whole"))
    size = (tmp_path / "whole" / "state" / "replay.state").stat().st_size
    with small_disk(size // 2), pytest.raises(SurroundingsError, match="run again"):
        replay([sea], rules, Options(tmp_path / "out"))
    assert left(tmp_path) == []
    again = replay([sea], rules, Options(tmp_path / "out"))
    assert again["events"] == whole["events"]
    assert (tmp_path / "out" / "events.ndjson").read_bytes() == (tmp_path / "whole" / "events.ndjson").read_bytes()


def test_a_back_test_needs_no_room_but_for_its_report(sea: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    with small_disk():
        result, whole = backtest(Asked([sea], read_rules("border", [])))
        with pytest.raises(SurroundingsError) as fault:
            write_report(result, whole, report)
    assert "report.html" in str(fault.value)
    assert "--resume" not in str(fault.value), "a back-test has no such option"
    assert list(tmp_path.iterdir()) == []
    write_report(result, whole, report)
    assert report.stat().st_size > ROOM_BYTES


def acked(decisions: Decisions, alert_id: str) -> None:
    decisions.ack(alert_id, by="Ana", seen_revision=1, level="warning", op_revision=0, wall_ms=1, event_ms=None)


def test_on_a_full_disk_a_decision_is_refused_and_those_before_it_stand(tmp_path: Path) -> None:
    path = tmp_path / "decisions.sqlite"
    decisions = Decisions(path)
    acked(decisions, "before")
    written = max(file.stat().st_size for file in tmp_path.iterdir())
    refused = []
    with small_disk(written):
        for number in range(20):  # a log that is begun anew has room for a few more
            try:
                acked(decisions, f"alert {number}")
            except StoreError:
                refused.append(number)
    assert refused, "the disk was full"
    stands = {row["alert_id"] for row in decisions.log()}
    assert stands == {"before", *(f"alert {number}" for number in range(20) if number not in refused)}
    assert all((decisions.get(f"alert {number}").ack is None) == (number in refused) for number in range(20))
    for number in refused:
        acked(decisions, f"alert {number}")
    decisions.close()
    again = Decisions(path)
    assert again.verify() is None
    assert {row["alert_id"] for row in again.log()} == {"before", *(f"alert {number}" for number in range(20))}
    again.close()


def test_a_held_database_says_who_may_hold_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "decisions.sqlite"
    Decisions(path).close()
    monkeypatch.setattr("console.database.WAIT_S", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(InputError, match=r"decisions\.sqlite.*locked.*another program holds it"):
        Decisions(path)
    holder.close()
    Decisions(path).close()
