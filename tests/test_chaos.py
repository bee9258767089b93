"""The kill test in small: a few real kills, and that its judge sees what it is there to see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.chaos import read_log, summary
from benchmarks.chaos_judge import compare

ROOT = Path(__file__).resolve().parent.parent
RUN_S_MAX = 150
INGEST, TRACK = b"dogwatch-ingest 1", b"dogwatch-track 1"


@pytest.mark.kafka
def test_a_dozen_kills_change_nothing(tmp_path, kafka_bootstrap):
    """Ingest, track and score of one replay, killed at random; the long run with the broker's own death is `make chaos`."""
    log, totals = tmp_path / "chaos.ndjson", tmp_path / "chaos.json"
    command = [sys.executable, "-m", "benchmarks.chaos", "--seed", "7", "--kills", "12", "--lines", "2", "--play", "7", "--pause", "0.7", "--minutes", "45"]
    command += ["--bootstrap", kafka_bootstrap, "--out", str(log), "--summary", str(totals)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_S_MAX, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = read_log(log)
    assert len(rows) >= 12
    assert {row["result"] for row in rows} == {"same"}
    assert len({row["victim"] for row in rows}) >= 2
    assert msgspec.json.decode(totals.read_bytes())["kills"] == len(rows)


def expected() -> list[bytes]:
    return [b"a1", b"a2", b"b1"]


def key(line: bytes) -> tuple[str, int]:
    return line[:1].decode(), int(line[1:2])


def judged(*records: tuple[bytes, bytes]) -> list[str]:
    found: dict[tuple[str, int], list[tuple[bytes, bytes]]] = {}
    for producer, value in records:
        found.setdefault(key(value), []).append((producer, value))
    return compare("event", found, expected(), lambda line: line)


WHOLE = [(TRACK, b"b1"), (INGEST, b"a1"), (TRACK, b"a2")]


def test_the_same_in_any_order_is_no_fault_and_distress_may_come_again():
    assert judged(*WHOLE) == []
    assert judged(*WHOLE, (INGEST, b"a1")) == []


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (WHOLE[1:], "lost: b1"),
        ([*WHOLE, (TRACK, b"c1")], "does not have: c1"),
        ([*WHOLE, (TRACK, b"a2")], "committed 2 times"),
        ([*WHOLE, (INGEST, b"a1 otherwise")], "has 2 contents"),
    ],
    ids=["lost", "foreign", "doubled", "otherwise"],
)
def test_the_judge_sees(records, words):
    assert any(words in fault for fault in judged(*records))


def test_the_log_grows_over_runs_and_forgives_a_cut_line(tmp_path):
    log = tmp_path / "chaos.ndjson"
    row = {"seed": 1, "line": 1, "victim": "track", "how": "SIGKILL", "takeover_s": 2.0, "result": "same"}
    log.write_bytes(msgspec.json.encode(row) + b"\n" + msgspec.json.encode(row | {"seed": 2, "takeover_s": None}) + b'\n{"seed"')
    totals = summary(read_log(log))
    assert (totals["kills"], totals["seeds"], totals["replays"]) == (2, [1, 2], 2)
    assert totals["takeover_s"] == {"track SIGKILL": {"n": 1, "median": 2.0, "p95": 2.0, "max": 2.0}}
