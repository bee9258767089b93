"""The embedded run after a crash: whatever was taken counts once, wherever it was killed."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from seas import recording

from benchmarks.chaos import read_log
from dogwatch.batch import Control
from dogwatch.config import Config, Source
from dogwatch.errors import InputError
from dogwatch.events import to_json
from ingest.capture import MAGIC, record
from ingest.source import Received
from runners import step
from runners.engine import Engine
from runners.input_log import InputLog
from runners.intake import lanes_of
from runners.ledger import Ledger, replace_file
from runners.live import _Journal
from runners.replay import rules_stamp
from runners.rules import read_rules
from runners.step import snapshot

ROOT = Path(__file__).resolve().parent.parent
T0_MS = 1_767_225_600_000  # 1 January 2026: the simulator's first second
RUN_S_MAX = 150
DURATION_S = 3000


@pytest.fixture(scope="module")
def rules():
    return read_rules("border", [])


@pytest.fixture(scope="module")
def pieces() -> list[Received]:
    """A radio's day in pieces of whole lines, each with its arrival."""
    lines = recording(3, DURATION_S).splitlines(keepends=True)
    groups = [b"".join(lines[start : start + 60]) for start in range(0, len(lines), 60)]
    return [Received(data, T0_MS + 1000 * DURATION_S * number // len(groups), "hill", "peer", "bytes") for number, data in enumerate(groups)]


def settings(folder: Path, lateness_s: float = 30.0) -> Config:
    return Config(sources=[Source("hill", "tcp", lateness_s=lateness_s)], data_dir=str(folder))


def begun(folder: Path, rules) -> tuple[Engine, _Journal]:
    config = settings(folder)
    engine = Engine(rules, lanes_of(config))
    return engine, _Journal(config, engine)


def journal_of(folder: Path) -> list[bytes]:
    return [(folder / f"{name}.ndjson").read_bytes() for name in ("events", "alerts")]


def crash(journal: _Journal, dice: random.Random) -> None:
    """What SIGKILL leaves: files as the system has them, perhaps with half a record or half a line more."""
    segment = journal.log._path(journal.log.segment)
    journal.log.close()
    journal.ledger.events.close()
    journal.ledger.alerts.close()
    if dice.random() < 0.5:
        with segment.open("ab") as file:
            file.write(record("bytes", T0_MS, "hill", "peer", b"never worked on\r\n" * 9)[: dice.randrange(1, 100)])
    if dice.random() < 0.5:
        with (segment.parent.parent / "events.ndjson").open("ab") as file:
            file.write(b'{"event_id": "half a li')


@pytest.mark.parametrize("seed", range(4))
def test_killed_anywhere_the_journal_is_that_of_a_run_that_was_told_the_same(pieces, rules, tmp_path, seed):
    dice = random.Random(seed)
    twin = Engine(rules, lanes_of(settings(tmp_path)))
    expected: list[list[bytes]] = [[], []]

    def told(output) -> None:
        expected[0].extend(to_json(event) + b"\n" for event in output.all_events())
        expected[1].extend(to_json(alert) + b"\n" for alert in output.all_alerts())

    engine, journal = begun(tmp_path, rules)
    crashes = 0
    for piece in pieces:
        for new in journal.take([piece]):
            if dice.random() < 0.05:
                crash(journal, dice)  # logged, not yet worked on
                engine, journal = begun(tmp_path, rules)
                crashes += 1
                told(twin.take(piece))
                told(twin.resume())
                break
            journal.append(engine.take(new))
            told(twin.take(piece))
        if dice.random() < 0.03:
            journal.save()
        if dice.random() < 0.03:
            row = Control(engine.newest_ms, "source_silent", "hill")
            journal.decided(engine.control(row))
            told(twin.control(row))
        if dice.random() < 0.05:
            crash(journal, dice)
            engine, journal = begun(tmp_path, rules)
            crashes += 1
            told(twin.resume())
    journal.save()
    assert crashes >= 3
    assert journal_of(tmp_path) == [b"".join(lines) for lines in expected]
    assert len(expected[0]) > 5, "there must be something to lose"
    assert engine.to_sections()["intake"]["bytes_read"] == {"hill": sum(len(piece.data) for piece in pieces)}
    assert len(list((tmp_path / "state").glob("input-*.log"))) == 1, "a snapshot makes older input needless"


def test_alerts_that_a_crash_cut_off_are_handed_to_the_page(pieces, rules, tmp_path):
    _engine, journal = begun(tmp_path, rules)
    for piece in pieces:
        journal.log.take([piece])
    assert not journal.missed
    crash(journal, random.Random(0))
    _, again = begun(tmp_path, rules)
    assert b"".join(to_json(alert) + b"\n" for alert in again.missed) == journal_of(tmp_path)[1] != b""


def test_a_state_of_a_build_without_the_log_is_continued_and_its_journal_kept(rules, tmp_path):
    engine = Engine(rules, lanes_of(settings(tmp_path)))
    (tmp_path / "state").mkdir()
    (tmp_path / "events.ndjson").write_bytes(b'{"old": 1}\n')
    replace_file(tmp_path / "state" / "live.state", snapshot({"engine": engine.to_sections(), "rules": rules_stamp(rules)}))
    begun(tmp_path, rules)
    assert journal_of(tmp_path)[0].startswith(b'{"old": 1}\n')


def test_a_state_of_another_format_is_refused_and_left_alone(rules, tmp_path, monkeypatch):
    begun(tmp_path, rules)
    state = (tmp_path / "state" / "live.state").read_bytes()
    monkeypatch.setattr(step, "STATE_SCHEMA", step.STATE_SCHEMA + 1)
    with pytest.raises(InputError, match="this build reads") as refused:
        begun(tmp_path, rules)
    assert "run the build that wrote it" in refused.value.remedy
    assert (tmp_path / "state" / "live.state").read_bytes() == state


def test_a_state_that_was_moved_away_takes_its_input_along(pieces, rules, tmp_path):
    engine, journal = begun(tmp_path, rules)
    journal.append(engine.take(journal.take([pieces[0]])[0]))
    crash(journal, random.Random(1))
    (tmp_path / "state" / "live.state").unlink()
    fresh, _ = begun(tmp_path, rules)
    assert fresh.intake.bytes_read == {"hill": 0}


def test_a_journal_that_was_moved_away_begins_anew(tmp_path):
    Ledger(tmp_path, (100, 100), journal=True).append([], [])
    assert journal_of(tmp_path) == [b"", b""]


def test_what_is_written_after_a_snapshot_is_cut_back_to_it(tmp_path):
    (tmp_path / "events.ndjson").write_bytes(b'{"a":1}\n{"b":2}\n')
    Ledger(tmp_path, (8, 0), journal=True)
    assert journal_of(tmp_path) == [b'{"a":1}\n', b""]


def test_a_segment_that_is_something_else_is_refused(tmp_path):
    log = InputLog(tmp_path)
    first = log.begin()
    log.control(Control(5, "system_up"))
    assert list(log.read(first)) == [Control(5, "system_up")]
    log.close()
    (tmp_path / f"input-{first:08d}.log").write_bytes(b"x" * len(MAGIC))
    with pytest.raises(InputError, match="no capture"):
        list(log.read(first))


def test_a_file_is_read_on_at_the_byte_where_a_killed_run_stood(tmp_path):
    """Real processes and real kills; the long run is `make chaos`."""
    log = tmp_path / "chaos.ndjson"
    command = [sys.executable, "-m", "benchmarks.chaos", "--mode", "embedded", "--seed", "9", "--kills", "6", "--lines", "2"]
    command += ["--play", "6", "--pause", "1.0", "--minutes", "45", "--out", str(log)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_S_MAX, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {row["result"] for row in read_log(log)} == {"same"}
