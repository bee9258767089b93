"""The law of the house: the same recording gives the same bytes, however it is cut, killed and resumed."""

from __future__ import annotations

import gzip
import random
import threading
from pathlib import Path

import pytest
from seas import recording

from dogwatch.errors import InputError
from dogwatch.events import event_from_json
from runners.engine import Output
from runners.ledger import Ledger
from runners.replay import Options, Progress, StoppedError, replay
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


def run_parts(sea, rules, out: Path, pieces: int) -> None:
    """A fresh run that is killed after so many pieces."""
    left = [pieces]

    def strike(_progress: Progress, _output: Output) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KilledError

    with pytest.raises(KilledError):
        replay([sea], rules, Options(out), None, strike)


def test_a_fresh_run_forgets_the_state_of_an_older_one(whole, rules, tmp_path):
    sea, _, _ = whole
    replay([sea], rules, Options(tmp_path / "out"))
    run_parts(sea, rules, tmp_path / "out", 3)
    with pytest.raises(InputError, match="nothing to resume"):
        replay([sea], rules, Options(tmp_path / "out", resume=True))


def test_a_stopped_run_saves_its_state_and_goes_on(whole, rules, tmp_path):
    sea, expected, _ = whole
    stop = threading.Event()
    with pytest.raises(StoppedError):
        replay([sea], rules, Options(tmp_path / "out"), None, lambda *_: stop.set(), stop)
    replay([sea], rules, Options(tmp_path / "out", resume=True))
    assert results(tmp_path / "out") == expected


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda sea, _o: sea.write_bytes(sea.read_bytes()[:200_000]), "shorter"),
        (lambda sea, _o: sea.write_bytes(b"#" + sea.read_bytes()), "not the file"),
        (lambda _s, o: setattr(o, "lateness_s", 1.0), "another lateness"),
        (lambda _s, o: setattr(o, "exercise", True), "exercise"),
    ],
    ids=["shorter", "another file", "another lateness", "another mark"],
)
def test_a_resumed_run_is_the_same_run_or_refused(change, says, rules, tmp_path):
    sea, options = tmp_path / "sea.nmea", Options(tmp_path / "out")
    sea.write_bytes(recording()[:600_000])
    replay([sea], rules, options)
    options.resume = True
    change(sea, options)
    with pytest.raises(InputError, match=says):
        replay([sea], rules, options)


def test_an_input_that_ended_beside_others_may_not_grow(rules, tmp_path):
    first, second = tmp_path / "a.nmea", tmp_path / "b.nmea"
    first.write_bytes(recording()[:200_000])
    second.write_bytes(recording()[200_000:400_000])
    replay([first, second], rules, Options(tmp_path / "out"))
    first.write_bytes(recording()[:300_000])
    with pytest.raises(InputError, match="has grown since"):
        replay([first, second], rules, Options(tmp_path / "out", resume=True))


def test_an_input_named_twice_is_refused(whole, rules, tmp_path):
    with pytest.raises(InputError, match="named twice"):
        replay([whole[0], whole[0]], rules, Options(tmp_path / "out"))


def test_what_could_not_be_read_is_said(rules, tmp_path):
    cut = tmp_path / "cut.nmea.gz"
    cut.write_bytes(gzip.compress(recording()[:300_000])[:20_000])
    summary = replay([cut], rules, Options(tmp_path / "out"))
    assert summary["lines"] > 100
    assert any("middle of a member" in note for note in summary["input_notes"])


def test_a_live_journal_of_unknown_length_is_kept_whole(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "events.ndjson").write_bytes(b'{"a":1}\n{"half')
    journal = Ledger(tmp_path, journal=True)
    journal.append([], [])
    journal.settle()
    assert (tmp_path / "events.ndjson").read_bytes() == b'{"a":1}\n{"half\n'


def test_a_recording_without_time_says_so(rules, tmp_path):
    bare = [line.rpartition(b"\\")[2] for line in recording(duration_s=300.0).splitlines(keepends=True)]
    base = [line for line in bare if line.split(b",")[5].startswith(b"4")]
    assert len(base) > 10
    cases = {"base.nmea": (bare, "that of base stations"), "none.nmea": ([line for line in bare if line not in base], "nothing in it tells the time")}
    for name, (lines, says) in cases.items():
        (tmp_path / name).write_bytes(b"".join(lines))
        (note,) = replay([tmp_path / name], rules, Options(tmp_path / "out"))["input_notes"]
        assert note.startswith(name)
        assert says in note
    (tmp_path / "stamped.nmea").write_bytes(recording(duration_s=300.0))
    assert replay([tmp_path / "stamped.nmea"], rules, Options(tmp_path / "out"))["input_notes"] == []
