"""Lists from the outside: the commands, a replay whatever its cuts, a live engine whose list changes."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest
from seas import recording
from typer.testing import CliRunner

from dogwatch.config import Watchlist as Spec
from dogwatch.errors import ConfigError, InputError
from dogwatch.times import iso
from runners.cli import app
from runners.engine import Engine
from runners.lane import Lane
from runners.listing import read_lists
from runners.replay import Options, StoppedError, replay
from runners.rules import read_rules
from runners.screening import vessels_of_recordings
from runners.step import restore, snapshot
from watchlists.screen import vessel_at
from watchlists.values import imo_could_be

ROOT = Path(__file__).resolve().parent.parent
LIST, VESSELS = str(ROOT / "examples" / "watchlist.csv"), str(ROOT / "examples" / "vessels.csv")


def call(*words):
    return CliRunner().invoke(app, ["watchlists", *map(str, words)], catch_exceptions=True, env={"COLUMNS": "220", "NO_COLOR": "1"})


def document(*words):
    done = call(*words, "--json")
    return done, msgspec.json.decode(done.stdout_bytes)


@pytest.fixture(scope="module")
def sea(tmp_path_factory):
    path = tmp_path_factory.mktemp("sea") / "sea.nmea"
    path.write_bytes(recording())
    return path


@pytest.fixture(scope="module")
def known(sea):
    """Vessels of the sea that tell an IMO number, and one that has a name alone to be found by."""
    told = vessels_of_recordings([sea])
    vessels = [vessel_at(told, row) for row in range(len(told))]
    numbered = [one for one in vessels if imo_could_be(one.imo) and one.name]
    assert len(numbered) >= 3
    return numbered


def write(path, *rows):
    path.write_text("id,name,imo,mmsi\n" + "".join(f"{row}\n" for row in rows))
    return str(path)


def test_check_shows_what_a_list_holds():
    done, told = document("check", LIST)
    assert done.exit_code == 0
    assert [(one["name"], one["kind"], one["entries"], one["with_imo"], one["rejected"]) for one in told["watchlists"]] == [("watchlist", "csv", 3, 2, {})]
    shown = call("check", LIST).stdout
    assert "watchlist" in shown
    assert told["watchlists"][0]["version"] in shown


def test_check_shows_what_is_lost_and_ends_with_one(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text('name,imo,owner\nGOOD NAME,9999011,[bold]x\n"[red]EVIL\x1b[31m",9999010,x\n')
    done = call("check", path)
    assert done.exit_code == 1
    for words in ("imo_check_digit", "control_characters", "line 2: 9999011", "columns read over: owner"):
        assert words in done.stdout
    assert "\x1b[31m" not in done.stdout


def test_check_of_what_is_no_list_is_one_message(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(b"\xff\xfe\x00")
    for words in (
        ("check", path),
        ("check", tmp_path / "absent"),
        ("screen", LIST),
        ("screen", LIST, "--vessels", VESSELS, "--at", "never"),
        ("check", LIST, "--kind", "x"),
    ):
        done = call(*words)
        assert isinstance(done.exception, InputError), words
        assert done.exception.remedy


def test_screen_shows_the_surest_first():
    done, told = document("screen", LIST, "--vessels", VESSELS, "--at", "2026-06-01")
    assert done.exit_code == 0
    assert [(one["mmsi"], one["tier"], one["entry"]) for one in told["hits"]] == [
        (351_999_001, "confirmed_identifier", "X-1"),
        (538_999_002, "probable", "X-2"),
        (257_999_003, "name_only", "X-3"),
        (257_999_004, "name_only", "X-3"),
    ]
    assert told["hits"][0]["differs"] == [{"field": "name", "told": "NEW NAME", "listed": "EXAMPLE TRADER"}]
    shown = call("screen", LIST, "--vessels", VESSELS, "--at", "2026-06-01", "--limit", "2").stdout
    assert "confirmed" in shown
    assert "2 more" in shown
    assert "351999001" in shown, "numbers are told whole in 80 columns"
    assert "538999002" in shown
    assert "A name alone is no identification" in shown


def test_entries_hold_at_a_time():
    assert document("screen", LIST, "--vessels", VESSELS, "--at", "2025-06-01")[1]["hits"] == []
    assert len(document("screen", LIST, "--vessels", VESSELS, "--at", "2027-06-01")[1]["hits"]) == 2


def test_the_gate_closes_for_more_than_a_name(tmp_path):
    assert call("screen", LIST, "--vessels", VESSELS, "--at", "2026-06-01", "--gate").exit_code == 1
    assert call("screen", write(tmp_path / "l.csv", "1,EXAMPLE BREEZE,,"), "--vessels", VESSELS, "--gate").exit_code == 0


def test_vessels_of_a_recording_are_screened(sea, known, tmp_path):
    listed = write(tmp_path / "l.csv", f"1,OTHER,{known[0].imo},")
    _, told = document("screen", listed, "--recording", sea)
    assert [(one["mmsi"], one["tier"]) for one in told["hits"]] == [(known[0].mmsi, "confirmed_identifier")]
    assert told["vessels"] > 5


def specs(tmp_path, known):
    """Two versions of one list; in the second the first vessel is delisted and the third listed. The change is in the middle of the sea."""
    first = write(tmp_path / "v1.csv", f"1,OTHER NAME,{known[0].imo},", f"2,{known[1].name},,")
    second = write(tmp_path / "v2.csv", f"2,{known[1].name},,", f"3,,{known[2].imo},")
    return [Spec(name="x", path=first), Spec(name="x", path=second, valid_from=iso(middle_ms()))]


def middle_ms():
    stamps = [int(line.split(b"c:")[1].split(b"*")[0].split(b",")[0]) for line in recording().splitlines() if b"c:" in line]
    return (stamps[0] + stamps[-1]) // 2 * 1000


@pytest.fixture(scope="module")
def listed(sea, known, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lists")
    rules = read_rules("border", [], specs(folder, known))
    summary = replay([sea], rules, Options(folder / "out"))
    return rules, results(folder / "out"), summary


def results(out):
    return (out / "events.ndjson").read_bytes(), (out / "alerts.ndjson").read_bytes()


def hits(data):
    return [event for line in data.splitlines() if (event := msgspec.json.decode(line))["type"] == "watchlist"]


def test_a_replay_finds_and_takes_back_by_event_time(listed, known):
    _, (events, alerts), summary = listed
    last = {event["event_id"]: event for event in hits(events)}
    assert sorted((event["mmsi"][0], event["state"], event["measures"]["list_version"] != "") for event in last.values()) == sorted(
        [(known[0].mmsi, "retracted", True), (known[1].mmsi, "open", True), (known[2].mmsi, "open", True)]
    )
    about = [msgspec.json.decode(line) for line in alerts.splitlines() if b"watchlist" in line and b"%d" % known[0].mmsi in line]
    assert about[-1]["condition"] == "retracted"
    assert "no longer on list x" in about[-1]["reason"]
    assert about[0]["exercise"] is True
    assert [one["entries"] for one in summary["watchlists"]] == [2, 2]
    assert any("watchlist x: 2 vessels" in note for note in summary["input_notes"])


@pytest.mark.parametrize("chunk_bytes", [1021, 65_536])
def test_cuts_change_nothing(chunk_bytes, listed, sea, tmp_path):
    rules, expected, _ = listed
    replay([sea], rules, Options(tmp_path / "out", chunk_bytes=chunk_bytes))
    assert results(tmp_path / "out") == expected


def test_stopped_and_resumed_changes_nothing_and_other_lists_are_refused(listed, sea, known, tmp_path):
    rules, expected, _ = listed
    stop, left = threading.Event(), [len(recording()) // 20_000]

    def count(_progress, _output):
        left[0] -= 1
        if left[0] == 0:
            stop.set()

    with pytest.raises(StoppedError):
        replay([sea], rules, Options(tmp_path / "out", chunk_bytes=10_000), None, count, stop)
    other = read_rules("border", [], [Spec(name="x", path=write(tmp_path / "o.csv", f"1,,{known[0].imo},"))])
    with pytest.raises(InputError, match="other watchlists"):
        replay([sea], other, Options(tmp_path / "out", resume=True))
    replay([sea], rules, Options(tmp_path / "out", resume=True))
    assert results(tmp_path / "out") == expected


def test_without_lists_events_are_those_of_before(sea, listed, tmp_path):
    replay([sea], read_rules("border", []), Options(tmp_path / "out"))
    plain = results(tmp_path / "out")[0].splitlines()
    assert [line for line in listed[1][0].splitlines() if msgspec.json.decode(line)["type"] != "watchlist"] == plain


def test_a_running_engine_takes_a_changed_list_over(sea, known, tmp_path):
    path = write(tmp_path / "l.csv", f"1,,{known[0].imo},")
    engine = Engine(read_rules("border", [], [Spec(name="x", path=path)]), [Lane("sea", lateness_ms=5_000)])
    half = len(recording()) // 2
    events = engine.feed("sea", recording()[:half]).events
    assert [event.state for event in events if event.type == "watchlist"] == ["open"]
    saved = snapshot(engine.to_sections())
    engine.relist(read_lists([Spec(name="x", path=write(tmp_path / "l2.csv", f"1,,{known[1].imo},"))]))
    events = engine.feed("sea", recording()[half:]).events
    assert {event.mmsi[0]: event.state for event in events if event.type == "watchlist"} == {known[0].mmsi: "retracted", known[1].mmsi: "open"}
    again = Engine(engine.rules, [Lane("sea", lateness_ms=5_000)])
    again.restore(restore(saved))
    resumed = again.feed("sea", recording()[half:]).events
    assert [event for event in resumed if event.type == "watchlist"] == [event for event in events if event.type == "watchlist"], (
        "a restart sees the same change"
    )


def test_a_faulty_list_stops_a_run_before_it_starts(tmp_path):
    path = tmp_path / "l.csv"
    path.write_text('name\n"OPEN')
    with pytest.raises(ConfigError, match="quotation mark"):
        read_rules("border", [], [Spec(name="x", path=str(path))])
