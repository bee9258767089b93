"""Bad input is normal life: counted with its reason, or one clear error and exit code 2; never a traceback, never silence."""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path

import pytest
from commands import dogwatch
from seas import recording

ROOT = Path(__file__).resolve().parent.parent


def write(folder: Path, name: str, data: str | bytes) -> str:
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return name


SEA = '[[sources]]\nid = "x"\nkind = "tcp"\n'
BOW_TIE = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"id": "bow-tie", "name": "Bow tie", "kind": "border"},
                "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]},
            }
        ],
    }
)

FAULTS = [
    ("a missing recording", lambda f: ["replay", "nothing.nmea", "--out", "out"], ["nothing.nmea"]),
    ("a directory for a recording", lambda f: ["replay", ".", "--out", "out"], ["directory"]),
    ("a file for the output folder", lambda f: ["replay", write(f, "a.nmea", recording(3, 60.0)), "--out", write(f, "taken", "x")], ["taken"]),
    ("an unknown profile", lambda f: ["replay", write(f, "a.nmea", b""), "--out", "o", "--profile", "boarder"], ["boarder", "border"]),
    ("an unknown key", lambda f: ["run", write(f, "c.toml", "profle = 'border'\n" + SEA)], ["c.toml:1", "profle", "did you mean 'profile'"]),
    ("an unknown key of a source", lambda f: ["run", write(f, "c.toml", SEA + "prot = 3\n")], ["c.toml:4", "sources[0].prot", "did you mean 'port'"]),
    ("a wrong type", lambda f: ["run", write(f, "c.toml", SEA + "port = 'x'\n")], ["c.toml:4", "sources[0].port"]),
    ("broken TOML", lambda f: ["run", write(f, "c.toml", "a = = 1\n")], ["c.toml:1", "TOML"]),
    ("no source", lambda f: ["run", write(f, "c.toml", "profile = 'border'\n")], ["source"]),
    ("a missing configuration", lambda f: ["run", "none.toml"], ["none.toml", "does not exist"]),
    ("a self-crossing zone", lambda f: ["zones", "check", write(f, "z.geojson", BOW_TIE)], ["z.geojson", "Bow tie", "Self-intersection"]),
    ("zones that are not JSON", lambda f: ["zones", "check", write(f, "z.geojson", "{nope")], ["z.geojson"]),
    ("a missing zones file", lambda f: ["replay", write(f, "a.nmea", b""), "--out", "o", "--zones", "none.geojson"], ["none.geojson"]),
    ("a directory for zones", lambda f: ["zones", "check", "."], ["directory"]),
    ("a bad duration", lambda f: ["demo", "--headless", "--for", "soon"], ["soon", "60s"]),
    ("a bad speed", lambda f: ["replay", write(f, "a.nmea", b""), "--out", "o", "--speed", "fast"], ["fast", "max"]),
    ("nothing to resume", lambda f: ["replay", write(f, "a.nmea", b""), "--out", "o", "--resume"], ["resume"]),
    ("an unknown scenario", lambda f: ["sim", "atlantis", "--nmea", "x"], ["atlantis", "strait"]),
    ("an unusable address", lambda f: ["sim", "strait", "--serve", "carrier-pigeon:1"], ["carrier-pigeon"]),
    ("a table of unknown layout", lambda f: ["replay", write(f, "t.csv", "a,b,c\n1,2,3\n"), "--out", "o"], ["t.csv"]),
    ("an unknown output format", lambda f: ["decode", write(f, "a.nmea", b""), "--to", "xml", "--out", "x"], ["xml", "csv"]),
]


@pytest.mark.parametrize(("words", "says"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_one_clear_error_and_exit_code_2(words, says, tmp_path):
    done = dogwatch(*words(tmp_path), cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for word in says:
        assert word in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) <= 6, "one message:\n" + done.stderr


def test_a_port_in_use_is_one_clear_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = dogwatch("demo", "--port", port, "--for", "5s", cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert port in done.stderr
        assert "Traceback" not in done.stderr
        served = dogwatch("sim", "strait", "--serve", f"tcp://127.0.0.1:{port}", cwd=tmp_path)
        assert served.returncode == 2
        assert port in served.stderr


def summary_of(folder: Path, data: bytes) -> dict:
    write(folder, "in.nmea", data)
    done = dogwatch("replay", "in.nmea", "--out", "out", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    summary = json.loads(done.stdout)
    classes = summary["blank"] + summary["tag_only"] + summary["parts"] + summary["open"]
    classes += sum(summary["other"].values()) + sum(summary["decoded"].values()) + sum(summary["rejected"].values())
    assert summary["lines"] + summary["glued"] == classes
    return summary


def test_an_empty_file_gives_empty_results(tmp_path):
    summary = summary_of(tmp_path, b"")
    assert summary["lines"] == 0
    assert (tmp_path / "out" / "events.ndjson").read_bytes() == b""
    assert (tmp_path / "out" / "alerts.ndjson").read_bytes() == b""


def test_garbage_between_good_lines_is_counted_and_hides_nothing(tmp_path):
    good = recording(3, 120.0).splitlines(keepends=True)
    draw = random.Random(5)
    dirty = []
    for line in good:
        dirty.append(line)
        kind = draw.randrange(6)
        if kind == 0:
            dirty.append(bytes(draw.randrange(14, 256) for _ in range(40)) + b"\r\n")  # noise, without line ends inside
        elif kind == 1:
            dirty.append(line[: len(line) // 2] + b"\r\n")  # half a line
        elif kind == 2:
            dirty.append(line.rstrip()[:-2] + (b"00" if line.rstrip()[-2:] != b"00" else b"11") + b"\r\n")  # a wrong checksum
        elif kind == 3:
            dirty.append(b"\r\n")
    (tmp_path / "clean").mkdir()
    clean = summary_of(tmp_path / "clean", b"".join(good))
    summary = summary_of(tmp_path, b"".join(dirty))
    assert summary["rejected"]["bad_checksum"] > 5
    assert summary["blank"] > 5
    assert summary["lines"] == len(dirty)
    for kind, n in clean["decoded"].items():
        if kind not in ("5", "24"):  # a half line may stand between two parts of one message
            assert summary["decoded"][kind] >= n
