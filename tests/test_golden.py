"""Golden replays: a difference is found, said in words and gated; the project's own ones have a birth certificate and still hold."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest
from commands import dogwatch
from typer.testing import CliRunner

from dogwatch.errors import InputError
from runners.cli import app
from runners.golden import BIRTH, SHOWN, advice, compare, shortened

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
EVENT = {"event_id": "e1", "version": 1, "type": "loitering", "state": "open", "mmsi": [257000001], "t_start": "2026-01-01T00:00:00.000Z", "t_end": None}
ALERT = {
    "alert_id": "a1",
    "revision": 1,
    "level": "warning",
    "condition": "active",
    "mmsi": [257000001],
    "t_first": "2026-01-01T00:00:00.000Z",
    "headline": "Loitering",
}


def folder(path: Path, events: list[dict], alerts: list[dict]) -> Path:
    path.mkdir()
    for name, rows in (("events", events), ("alerts", alerts)):
        (path / f"{name}.ndjson").write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return path


def test_what_is_lost_new_and_changed_is_said_in_words(tmp_path: Path) -> None:
    golden = folder(tmp_path / "golden", [EVENT, {**EVENT, "event_id": "e2"}], [ALERT])
    assert compare(golden, folder(tmp_path / "same", [EVENT, {**EVENT, "event_id": "e2"}], [ALERT])) == []
    found = compare(golden, folder(tmp_path / "now", [EVENT, {**EVENT, "event_id": "e3", "type": "dark"}], [{**ALERT, "level": "alarm", "revision": 2}]))
    assert found == [
        "events: 2 before, 2 now",
        "- event lost: loitering (open) 257000001 from 2026-01-01T00:00:00.000Z to now",
        "+ event new: dark (open) 257000001 from 2026-01-01T00:00:00.000Z to now",
        "alerts: 1 before, 1 now",
        "~ alert changed: alarm (active) 257000001 2026-01-01T00:00:00.000Z: Loitering",
        '    level: "warning" -> "alarm"',
    ]


def test_another_way_to_the_same_end_is_a_difference_too(tmp_path: Path) -> None:
    golden = folder(tmp_path / "golden", [EVENT], [])
    found = compare(golden, folder(tmp_path / "now", [EVENT, {**EVENT, "version": 2}], []))
    assert found[1] == "~ events: the same in the end, but told otherwise on the way (1 lines before, 2 now)"


def test_a_flood_of_differences_is_counted() -> None:
    assert shortened(["x"] * SHOWN) == ["x"] * SHOWN
    assert shortened(["x"] * (SHOWN + 5))[-1] == "... and 5 more lines"


def test_a_broken_golden_folder_is_said(tmp_path: Path) -> None:
    good = folder(tmp_path / "good", [EVENT], [ALERT])
    with pytest.raises(InputError, match="cannot read"):
        compare(tmp_path / "absent", good)
    (tmp_path / "good" / "alerts.ndjson").write_bytes(b"{")
    with pytest.raises(InputError, match="no NDJSON"):
        compare(good, good)
    (tmp_path / "good" / "alerts.ndjson").write_bytes(b'{"other": 1}\n')
    (folder(tmp_path / "b", [EVENT], [ALERT]))
    with pytest.raises(InputError, match="no alert_id"):
        compare(good, tmp_path / "b")


def test_the_advice_can_be_pasted() -> None:
    text = advice(Path("my golden"), Path("out"), ["a b.nmea", "--profile", "border"])
    assert "dogwatch replay 'a b.nmea' --profile border --out out" in text
    assert "cp out/events.ndjson out/alerts.ndjson 'my golden/'" in text


@pytest.mark.parametrize("birth", sorted(GOLDEN.glob("*/birth.toml")), ids=lambda path: path.parent.name)
def test_the_projects_own_replays_hold(birth: Path, tmp_path: Path) -> None:
    """Made by the commands of their birth certificate, in a folder of its own."""
    known = tomllib.loads(birth.read_text(encoding="utf-8"))
    assert sorted(known) == sorted(BIRTH)
    assert all(str(known[name]).strip() for name in BIRTH)
    golden = birth.parent
    for beside in golden.glob("*.toml"):  # a sea or rules of its own
        shutil.copy(beside, tmp_path)
    for command in [*known["source"], known["command"]]:
        program, *words = shlex.split(command)
        if program == "dogwatch":
            done = dogwatch(*words, cwd=tmp_path)
        else:
            done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    assert compare(golden, tmp_path / "out") == [], f"see docs/ci.md; {advice(golden, tmp_path / 'out', ['...'])}"


def test_the_golden_replays_hold_scored_alerts_of_several_behaviours_a_retraction_and_distress() -> None:
    """What a golden replay can lose must be in one: else a change of scores would pass."""
    alerts = [msgspec.json.decode(line) for path in GOLDEN.glob("*/alerts.ndjson") for line in path.read_bytes().splitlines()]
    told = {row["name"].split()[0] for alert in alerts if alert["kind"] == "risk" for row in alert["contributions"] if row["points"] > 0 and row["event_id"]}
    assert told >= {"rendezvous", "loitering", "identity", "position_anomaly", "zone"}
    assert {alert["condition"] for alert in alerts if alert["kind"] == "risk"} == {"active", "cleared", "retracted"}
    assert {alert["kind"] for alert in alerts} >= {"risk", "distress"}
    assert all(path.stat().st_size < 300_000 for path in GOLDEN.glob("*/*.ndjson"))


def test_the_gate_has_exit_code_1_and_says_what_to_do(tmp_path: Path) -> None:
    recording = tmp_path / "r.nmea"
    recording.write_bytes(b"!AIVDM,1,1,,A,>6:iq@Pl5T@5V0l5T@5V1<u>6650u?c?:s76s73CWNLrk77RsGRsS;OFLFp,0*15\n")
    words = ["replay", str(recording), "--out", str(tmp_path / "out")]
    run = CliRunner()
    assert run.invoke(app, words).exit_code == 0
    golden = tmp_path / "golden"
    golden.mkdir()
    for name in ("events", "alerts"):
        (golden / f"{name}.ndjson").write_bytes((tmp_path / "out" / f"{name}.ndjson").read_bytes())
    assert run.invoke(app, [*words, "--expect", str(golden)]).exit_code == 0
    (golden / "alerts.ndjson").write_bytes(b"")
    shut = run.invoke(app, [*words, "--expect", str(golden)])
    assert shut.exit_code == 1
    assert "+ alert new: emergency (active) 413956418" in shut.output
    assert f"dogwatch replay {recording} --expect {golden} --out {tmp_path / 'out'}" in shut.output
