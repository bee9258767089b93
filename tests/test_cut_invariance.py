"""The law of the house: the same recording gives the same bytes, however it is cut, killed and resumed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from seas import recording

from dogwatch.events import event_from_json
from runners.engine import Output
from runners.replay import Options, Progress, replay
from runners.rules import read_rules
from runners.step import restore


class KilledError(Exception):
    """Stands for SIGKILL: nothing after it is run."""


@pytest.fixture(scope="module")
def rules():
    return read_rules("border", [])


@pytest.fixture(scope="module")
def whole(tmp_path_factory, rules):
    """Recording file and the results of the uninterrupted run in one piece."""
    folder = tmp_path_factory.mktemp("whole")
    sea = folder / "sea.nmea"
    sea.write_bytes(recording())
    summary = replay([sea], rules, Options(folder / "out", chunk_bytes=1 << 30))
    return sea, results(folder / "out"), summary


def results(out: Path) -> tuple[bytes, bytes]:
    return (out / "events.ndjson").read_bytes(), (out / "alerts.ndjson").read_bytes()


def test_the_whole_recording_has_something_to_compare(whole):
    _, (events, alerts), summary = whole
    kinds = {event_from_json(line).type for line in events.splitlines()}
    assert {"loitering", "rendezvous", "dark", "safety"} <= kinds
    assert len(alerts.splitlines()) >= 3
    assert summary["lines"] > 5000


@pytest.mark.parametrize("chunk_bytes", [97, 1021, 5003, 65_536])
def test_the_size_of_the_pieces_changes_nothing(chunk_bytes, whole, rules, tmp_path):
    sea, expected, _ = whole
    replay([sea], rules, Options(tmp_path / "out", chunk_bytes=chunk_bytes))
    assert results(tmp_path / "out") == expected


def test_one_byte_at_a_time_changes_nothing(rules, tmp_path):
    short = tmp_path / "short.nmea"
    short.write_bytes(recording(duration_s=2200.0)[-60_000:])
    replay([short], rules, Options(tmp_path / "whole"))
    replay([short], rules, Options(tmp_path / "bytes", chunk_bytes=1))
    assert results(tmp_path / "bytes") == results(tmp_path / "whole")
    assert results(tmp_path / "whole")[0]


@pytest.mark.parametrize("seed", [11, 12, 13, 14])
def test_killed_anywhere_and_resumed_changes_nothing(seed, whole, rules, tmp_path):
    sea, expected, summary = whole
    draw = random.Random(seed)
    options = Options(tmp_path / "out", chunk_bytes=draw.randrange(500, 30_000), snapshot_wall_s=0.0)
    pieces = sea.stat().st_size // options.chunk_bytes
    for _ in range(3):
        left = [draw.randrange(1, pieces // 2)]

        def strike(_progress: Progress, _output: Output, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KilledError

        with pytest.raises(KilledError):
            replay([sea], rules, options, None, strike)
        options.resume = (tmp_path / "out" / "state" / "replay.state").exists()
        if options.resume and sea.stat().st_size - done_bytes(tmp_path / "out") < pieces // 2 * options.chunk_bytes:
            break
    resumed = replay([sea], rules, options)
    assert results(tmp_path / "out") == expected
    assert resumed["lines"] == summary["lines"]
    assert resumed["fixes"] == summary["fixes"]


def done_bytes(out: Path) -> int:
    return restore((out / "state" / "replay.state").read_bytes())["offsets"]["sea.nmea"]


def test_a_recording_that_grew_is_continued(whole, rules, tmp_path):
    sea, expected, _ = whole
    data = sea.read_bytes()
    growing = tmp_path / "sea.nmea"
    growing.write_bytes(data[: len(data) // 2])
    replay([growing], rules, Options(tmp_path / "out"))
    growing.write_bytes(data)
    replay([growing], rules, Options(tmp_path / "out", resume=True))
    assert results(tmp_path / "out") == expected


def test_two_receivers_are_merged_whatever_the_cuts(rules, tmp_path):
    lines = recording().splitlines(keepends=True)
    for name, keep in (("hill.nmea", b"EX-HILL"), ("cape.nmea", b"EX-CAPE")):
        (tmp_path / name).write_bytes(b"".join(line for line in lines if keep in line))
    inputs = [tmp_path / "hill.nmea", tmp_path / "cape.nmea"]
    replay(inputs, rules, Options(tmp_path / "a"))
    replay(inputs, rules, Options(tmp_path / "b", chunk_bytes=777))
    assert results(tmp_path / "a") == results(tmp_path / "b")
    assert results(tmp_path / "a")[1]
