"""A capture replayed is the live run once more: state, events, alerts and counters, byte for byte, wherever it is cut or stopped."""

from __future__ import annotations

import errno
import io
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from commands import dogwatch
from rich.console import Console as Terminal
from scripted import Scripted, script_of
from seas import recording

from dogwatch import blob
from dogwatch.alerts import alert_from_json, alert_order
from dogwatch.config import Capture as CaptureConfig
from dogwatch.config import Config, Console, Metrics, Source
from dogwatch.errors import InputError, SurroundingsError
from dogwatch.events import event_from_json, event_order, to_json
from ingest import capture
from ingest.capture import capture_files
from ingest.sources import SourceSet
from runners.decoding import decode_files
from runners.live import run_live
from runners.replay import Options, replay
from runners.rules import read_rules
from runners.step import STATE_SCHEMA, restore
from runners.tape import run_capture

ROOT = Path(__file__).resolve().parent.parent
TABLE = b"MMSI,BaseDateTime,LAT,LON,SOG\n" + b"".join(b"200000009,2026-01-01T00:%02d:00,-41.5,174.5,3.1\n" % m for m in range(40))


@pytest.fixture(scope="module")
def rules():
    return read_rules("border", [])


def sources() -> list[Source]:
    return [
        Source("hill", "udp", lateness_s=3.0, silent_s=120.0, exercise=True),
        Source("cape", "tcp", lateness_s=20.0),
        Source("table", "file", path="positions.csv"),
        Source("sky", "tcp", lane="satellite"),
    ]


def config(folder: Path, names) -> Config:
    wanted = CaptureConfig(dir=str(folder / "captured"), flush_s=0.2, rotate_mb=0.02)
    chosen = [source for source in sources() if source.id in names]
    return Config(sources=chosen, data_dir=str(folder / "live"), console=Console(False), metrics=Metrics(False), capture=wanted)


def scripts(seed: int):
    lines = recording(duration_s=3_300.0).splitlines(keepends=True)
    hill, cape = ([line for line in lines if name in line] for name in (b"EX-HILL", b"EX-CAPE"))
    assert min(len(hill), len(cape)) > 300
    table = [(0, "bytes", "positions.csv", TABLE[at : at + 300]) for at in range(0, len(TABLE), 300)]
    return {"hill": script_of(hill, seed, bare=True), "cape": script_of(cape, seed + 1, bare=False), "table": table}


def run(folder: Path, parts, *, until_end: bool = False, terminal: Terminal | None = None):
    """A live run over scripts, stopped when they are over, or ended by themselves."""
    stop = threading.Event()
    done = None if until_end else threading.Barrier(len(parts), action=stop.set)
    if until_end:
        parts = {name: [*script, (script[-1][0], "end", "", b"")] for name, script in parts.items()}
    readers = [Scripted(name, script, live=name != "table", done=done) for name, script in parts.items()]
    return run_live(config(folder, parts), terminal or Terminal(quiet=True), stop, until_end=until_end, sources=SourceSet(readers))


def live_results(folder: Path) -> tuple[bytes, bytes]:
    """The journal of a live run in the order of the house."""
    events = sorted(map(event_from_json, (folder / "live" / "events.ndjson").read_bytes().splitlines()), key=event_order)
    alerts = sorted(map(alert_from_json, (folder / "live" / "alerts.ndjson").read_bytes().splitlines()), key=alert_order)
    return b"".join(to_json(e) + b"\n" for e in events), b"".join(to_json(a) + b"\n" for a in alerts)


def replayed(out: Path) -> tuple[bytes, bytes]:
    return (out / "events.ndjson").read_bytes(), (out / "alerts.ndjson").read_bytes()


def engine_state(file: Path, *path: str) -> bytes:
    sections = restore(file.read_bytes())["engine"]
    for name in path:
        sections = sections[name]
    return blob.pack(sections, schema=STATE_SCHEMA)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A live run that ended by itself: its folder and its accounting."""
    folder = tmp_path_factory.mktemp("lived")
    desk = run(folder, scripts(1), until_end=True)
    return folder, desk.engine.counts()


def test_there_is_something_to_compare(lived):
    folder, counts = lived
    events, alerts = live_results(folder)
    assert {event_from_json(line).type for line in events.splitlines()} >= {"rendezvous", "safety"}
    assert len(alerts.splitlines()) >= 3
    assert counts.rejected
    assert counts.parts > 50
    assert len(capture_files(folder / "captured")) >= 3


@pytest.mark.parametrize("chunk_bytes", [1 << 20, 17])
def test_a_replay_gives_what_the_live_run_gave(lived, rules, tmp_path, chunk_bytes):
    folder, counts = lived
    summary = replay([folder / "captured"], rules, Options(tmp_path / "out", chunk_bytes=chunk_bytes))
    assert replayed(tmp_path / "out") == live_results(folder)
    assert summary["input_notes"] == []
    for name in ("lines", "glued", "blank", "tag_only", "parts", "open", "other", "decoded", "rejected", "notes"):
        assert summary[name] == getattr(counts, name), name


@pytest.fixture(scope="module")
def lived_with_sky(tmp_path_factory):
    """The satellite hands down what HILL hears 25 minutes after it was heard; how the two interleave only the capture knows."""
    folder, parts = tmp_path_factory.mktemp("sky"), scripts(3)
    late = [line for line in recording(duration_s=3_300.0).splitlines(keepends=True) if b"EX-HILL" in line]
    sky = [(t_ms + 1_500_000, kind, sender, data) for t_ms, kind, sender, data in script_of(late, 5, bare=False) if kind == "bytes"]
    desk = run(folder, {"cape": parts["cape"], "sky": sky}, until_end=True)
    assert desk.engine.intake.sky == {"sky"}
    return folder


@pytest.mark.parametrize("chunk_bytes", [1 << 20, 53])
def test_with_a_satellite_beside_the_coast_it_is_the_same(lived_with_sky, rules, tmp_path, chunk_bytes):
    replay([lived_with_sky / "captured"], rules, Options(tmp_path / "out", chunk_bytes=chunk_bytes))
    assert replayed(tmp_path / "out") == live_results(lived_with_sky)


def test_files_named_one_by_one_are_the_folder(lived, rules, tmp_path):
    folder, _ = lived
    replay(capture_files(folder / "captured"), rules, Options(tmp_path / "out"))
    assert replayed(tmp_path / "out") == live_results(folder)


class KilledError(Exception):
    """Stands for SIGKILL."""


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_a_replay_killed_anywhere_and_resumed_gives_the_same(lived, rules, tmp_path, seed):
    folder, counts = lived
    draw = random.Random(seed)
    options = Options(tmp_path / "out", chunk_bytes=draw.randrange(20, 5_000), snapshot_wall_s=0.02)
    outputs: list[int] = []
    replay([folder / "captured"], rules, Options(tmp_path / "whole", chunk_bytes=options.chunk_bytes), None, lambda *_: outputs.append(1))
    assert len(outputs) > 400
    for _ in range(3):
        left = [draw.randrange(20, len(outputs) // 3)]

        def strike(_progress, _output, left=left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KilledError

        with pytest.raises(KilledError):
            replay([folder / "captured"], rules, options, None, strike)
        options.resume = (tmp_path / "out" / "state" / "replay.state").exists()
    assert options.resume, "no snapshot was made: the test tests nothing"
    summary = replay([folder / "captured"], rules, options)
    assert replayed(tmp_path / "out") == live_results(folder)
    assert summary["lines"] == counts.lines


@pytest.mark.parametrize("seed", [5])
def test_stopped_and_started_again_the_state_is_the_same_to_the_byte(rules, tmp_path, seed):
    """Three sessions, one of which starts while a source is silent; then the live state equals the replay's."""
    parts = scripts(seed)
    cuts = {name: sorted(random.Random(seed).sample(range(1, len(script)), 2)) for name, script in parts.items()}
    for session in range(3):
        run(tmp_path, {name: script[slice(*([0, *cuts[name], None][session : session + 2]))] for name, script in parts.items()})
        replay([tmp_path / "captured"], rules, Options(tmp_path / "out"))
        assert engine_state(tmp_path / "out" / "state" / "replay.state") == engine_state(tmp_path / "live" / "state" / "live.state"), session
    journal = [(tmp_path / "live" / f"{name}.ndjson").read_bytes() for name in ("events", "alerts")]
    assert journal == [(tmp_path / "out" / "state" / f"{name}.part").read_bytes() for name in ("events", "alerts")]
    assert journal[0]


def test_a_capture_that_has_grown_is_continued(rules, tmp_path):
    parts = scripts(7)
    run(tmp_path, {name: script[: len(script) // 2] for name, script in parts.items()})
    replay([tmp_path / "captured"], rules, Options(tmp_path / "out"))
    run(tmp_path, {name: script[len(script) // 2 :] for name, script in parts.items()})
    replay([tmp_path / "captured"], rules, Options(tmp_path / "out", resume=True))
    assert engine_state(tmp_path / "out" / "state" / "replay.state") == engine_state(tmp_path / "live" / "state" / "live.state")
    replay([tmp_path / "captured"], rules, Options(tmp_path / "fresh"))
    assert replayed(tmp_path / "out") == replayed(tmp_path / "fresh")


def test_a_source_that_comes_and_one_that_goes_with_a_new_configuration(rules, tmp_path):
    parts = scripts(8)
    half = {name: len(script) // 2 for name, script in parts.items()}
    run(tmp_path, {name: parts[name][: half[name]] for name in ("hill", "table")})
    summary = replay([tmp_path / "captured"], rules, Options(tmp_path / "out"))
    run(tmp_path, {name: parts[name][half[name] :] for name in ("cape",)})
    assert replay([tmp_path / "captured"], rules, Options(tmp_path / "out"))["lines"] > summary["lines"]
    files = tmp_path / "out" / "state" / "replay.state", tmp_path / "live" / "state" / "live.state"
    assert engine_state(files[0], "watch") == engine_state(files[1], "watch")
    lanes = [restore(file.read_bytes())["engine"]["intake"]["lanes"] for file in files]
    assert [sorted(names) for names in lanes] == [["cape", "hill", "table"], ["cape"]], "a replay accounts for all lines that it read"


def test_decode_reads_captures_with_arrival_times(lived, tmp_path):
    folder, counts = lived
    done = decode_files([folder / "captured"], tmp_path / "fixes.csv", "csv", lateness_s=None, exercise=False, columns={})
    rows = (tmp_path / "fixes.csv").read_text().splitlines()
    assert (done["lines"], done["decoded"], done["rejected"]) == (counts.lines, counts.decoded, counts.rejected)
    assert {row.split(",")[1].strip('"').split("/")[0] for row in rows[1:]} == {"hill", "cape", "table"}
    assert all(row.split(",")[0] for row in rows[1:]), "bare sentences have the time of their arrival"


def test_another_lateness_and_mark_are_only_taken_from_the_command_line(lived, rules, tmp_path):
    folder, _ = lived
    summary = replay([folder / "captured"], rules, Options(tmp_path / "late", lateness_s=600.0))
    assert summary["exercise"]
    assert replayed(tmp_path / "late") != live_results(folder)
    with pytest.raises(InputError, match="another lateness"):
        replay([folder / "captured"], rules, Options(tmp_path / "late", resume=True))


def test_a_capture_stands_alone(lived, rules, tmp_path):
    folder, _ = lived
    (tmp_path / "x.nmea").write_bytes(b"")
    with pytest.raises(InputError, match="stands alone"):
        replay([folder / "captured", tmp_path / "x.nmea"], rules, Options(tmp_path / "out"))
    with pytest.raises(InputError, match="is a directory"):
        replay([tmp_path], rules, Options(tmp_path / "out"))


def command(*words: str, limit: str = "") -> list[str]:
    return [sys.executable, "-u", "-c", f"{limit}from runners.cli import main; main()", *words]


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "300"}
SMALL_DISK = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "  # a write beyond it fails as on a full disk


def test_capturing_needs_neither_kafka_nor_a_configuration(tmp_path):
    data = recording(duration_s=1_000.0)
    (tmp_path / "sea.nmea").write_bytes(data)
    words = ("ingest", "--source", "cape=sea.nmea", "--capture", "captured", "--until-end")
    done = dogwatch(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{len(data)} bytes" in done.stderr
    for source in ("sea.nmea", "captured"):
        words = ("replay", source, "--out", f"out-{source}", "--lateness", "120s")
        done = dogwatch(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    kept = [b"".join(replayed(tmp_path / f"out-{source}")).replace(source.encode(), b"cape") for source in ("sea.nmea", "captured")]
    assert kept[0] == kept[1]
    assert kept[0]


def test_a_full_disk_ends_a_process_that_only_captures(tmp_path):
    data = recording(duration_s=4_000.0)
    assert len(data) > 400_000
    (tmp_path / "sea.nmea").write_bytes(data)
    words = ("ingest", "--source", "sea.nmea", "--capture", "captured", "--until-end")
    done = subprocess.run(command(*words, limit=SMALL_DISK), cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 3, done.stderr
    assert "stopped (File too large)" in done.stderr
    assert "Traceback" not in done.stderr
    assert capture_files(tmp_path / "captured")
    assert all(file.stat().st_size <= 100_000 for file in capture_files(tmp_path / "captured"))


def test_a_full_disk_is_an_alarm_beside_a_watch_that_goes_on(tmp_path, rules, monkeypatch):
    """The capture's folder refuses after a while; events and alerts are those of a run with all the room in the world."""
    refuses = []

    def full(file, data, put=capture._put):
        if refuses or file.settled > 5_000:
            refuses.append(data)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        put(file, data)

    monkeypatch.setattr(capture, "_put", full)
    said, parts = io.StringIO(), {"cape": scripts(1)["cape"]}  # one source: two runs of it take the same in the same order
    with pytest.raises(SurroundingsError, match="No space left"):
        run(tmp_path, parts, until_end=True, terminal=Terminal(file=said, width=400))
    assert said.getvalue().count("stopped (No space left on device)") == 1
    monkeypatch.undo()
    run(tmp_path / "roomy", parts, until_end=True)
    assert live_results(tmp_path) == live_results(tmp_path / "roomy")
    summary = replay([tmp_path / "captured"], rules, Options(tmp_path / "out"))
    assert 0 < summary["lines"] < replay([tmp_path / "roomy" / "captured"], rules, Options(tmp_path / "all"))["lines"]


def test_sigterm_keeps_what_was_accepted(tmp_path):
    config_file = tmp_path / "c.toml"
    config_file.write_text('[[sources]]\nid = "pipe"\nkind = "stdin"\n[capture]\ndir = "captured"\nflush_s = 3600\n')
    process = subprocess.Popen(
        command("ingest", str(config_file)), cwd=tmp_path, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    data = recording(duration_s=300.0)
    process.stdin.write(data)
    process.stdin.flush()
    for _ in range(200):  # until it has been taken: the pipe is empty then
        if (tmp_path / "captured" / ".lock").exists() and not _waiting(process.stdin.fileno()):
            break
        threading.Event().wait(0.05)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    replay([tmp_path / "captured"], read_rules("border", []), Options(tmp_path / "out"))
    assert f"{len(data)} bytes" in stderr.decode()


def _waiting(descriptor: int) -> int:
    """Bytes in a pipe that nobody has read."""
    import fcntl
    import struct
    import termios

    return struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4))[0]


def test_nothing_to_do_is_said(tmp_path):
    with pytest.raises(InputError, match="nothing to capture"):
        run_capture(Config(), threading.Event())
    assert SurroundingsError.exit_code == 3
