"""What a console remembers over a restart: tracks for days, who vessels said they are, the evidence of each alert, the queue itself."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from seas import recording
from starlette.testclient import TestClient

from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.exhibits import Exhibits
from console.memory import DAY_MS, FILE, PAST, SILENCE_MS, SLOT_MS, Memory, worth_keeping
from console.picture import Picture
from dogwatch.errors import InputError
from ingest.source import Received
from tests.console_harness import T0, alert, batch, fleet, move, names
from tests.test_console_sentences import said

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = [sys.executable, "-u", "-c", "from runners.cli import main; main()"]
MINUTE = 60_000
SHIP = 198_100_005
AN_ID = f"{1:032x}"


def silences(times: list[int]) -> list[tuple[int, int]]:
    return [pair for pair in itertools.pairwise(times) if pair[1] - pair[0] >= SILENCE_MS]


@pytest.mark.parametrize("seed", range(6))
def test_what_is_kept_shows_the_silences_that_there_were_and_no_other_however_it_comes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps = rng.choice([10_000, 60_000, 180_000, SILENCE_MS, 3_600_000], 3_000, p=[0.5, 0.2, 0.25, 0.04, 0.01])
    rows = np.zeros(len(steps), PAST)
    rows["mmsi"] = rng.integers(1, 4, len(rows))
    for one in (1, 2, 3):
        mine = rows["mmsi"] == one
        rows["t_ms"][mine] = T0 + np.cumsum(steps[mine])
    found, last = [], np.zeros(0, PAST)
    for piece in np.split(rows, np.sort(rng.integers(0, len(rows), 40))):
        kept, last = worth_keeping(last, [piece])
        found.append(kept)
    kept = np.unique(np.concatenate(found))
    for one in (1, 2, 3):
        heard, mine = (np.sort(some["t_ms"][some["mmsi"] == one]).tolist() for some in (rows, kept))
        assert silences(heard), "the sea has silences"
        assert silences(mine) == silences(heard)
        assert len(mine) <= len({t // SLOT_MS for t in heard}) + 2 * len(silences(heard))


def hear(picture: Picture, minutes: list[int]) -> None:
    """Twelve ships speak at these minutes before T0; ship 5 has another name from 30 minutes before on."""
    ships = fleet(12, exercise=False)
    for minute in minutes:
        now = move(ships, -minute * 60)
        who = names(now)
        who["t_ms"] = now["t_ms"]
        if minute <= 30:
            who["name"][5] = b"OTHER NAME"
        picture.update(batch(now, who))


def known(board: Board, picture: Picture, path: str) -> Any:
    return TestClient(create_app(board, picture, Decisions(None))).get(f"/api/v1/{path}").json()


def test_a_console_that_begins_again_knows_what_the_last_one_knew(tmp_path: Path) -> None:
    board, picture = Board(), Picture(memory=Memory(tmp_path / FILE))
    hear(picture, [65, 60, 50, 40])
    first = alert(1, mmsi=SHIP, t_first=T0 - 60 * MINUTE, t_last=T0 - 30 * MINUTE, exercise=False)
    board.moment = picture.moment
    board.publish(first)
    lines = said(T0 - 50 * MINUTE, SHIP)
    picture.sentences.take([Received(lines, None, "hill", "", "bytes")], batch(move(fleet(1), -50 * 60)))
    Exhibits(board, picture).set_aside_due()
    hear(picture, [30, 20])
    before = known(board, picture, f"alerts/{AN_ID}/evidence")
    told = known(board, picture, f"alerts/{AN_ID}/sentences")
    dossier = known(board, picture, f"vessels/{SHIP}")
    assert told["total"] == 1
    assert before["then"]["tracks"][0]["positions"] == 4
    Exhibits(board, picture).set_aside_due()
    second = alert(1, mmsi=SHIP, t_first=T0 - 60 * MINUTE, t_last=T0 - 20 * MINUTE, exercise=False, revision=2)
    board.publish(second)
    Exhibits(board, picture).set_aside_due()
    before = known(board, picture, f"alerts/{AN_ID}/evidence")
    picture.memory.close()

    board, picture = Board(), Picture(memory=Memory(tmp_path / FILE))
    board.recall([first, second])
    again = known(board, picture, f"alerts/{AN_ID}/evidence")
    assert {**again, "alert": None} == {**before, "alert": None}
    assert known(board, picture, f"alerts/{AN_ID}/sentences")["lines"] == told["lines"]
    found = known(board, picture, f"vessels/{SHIP}")
    assert found["identity"]["name"] == "OTHER NAME"
    assert found["identity_history"] == dossier["identity_history"] != []
    assert found["track"] == dossier["track"]
    hear(picture, [15])  # it goes on, and one is the end of the other
    grown = known(board, picture, f"alerts/{AN_ID}/evidence")
    assert grown["tracks"][0]["t_ms"] == [*before["tracks"][0]["t_ms"], T0 - 15 * MINUTE]
    assert sum(grown["receivers"][0]["positions"]) == sum(before["receivers"][0]["positions"]) + 12
    assert sum(grown["others"]) > sum(before["others"])
    assert known(board, picture, f"vessels/{SHIP}")["identity_history"] == dossier["identity_history"], "what is known is no change"


def test_damaged_evidence_is_said_and_the_rest_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    board, picture = Board(), Picture(memory=Memory(tmp_path / FILE))
    hear(picture, [40, 30])
    board.publish(alert(1, mmsi=SHIP, t_first=T0 - 60 * MINUTE, t_last=T0 - 30 * MINUTE))
    Exhibits(board, picture).set_aside_due()
    picture.memory._db.execute("UPDATE exhibit SET body = x'00'")
    assert known(board, picture, f"alerts/{AN_ID}/evidence")["tracks"][0]["positions"] == 2
    assert "is damaged" in caplog.text
    picture.memory._db.close()
    assert known(board, picture, f"alerts/{AN_ID}/sentences")["total"] == 0
    assert known(board, picture, "alerts/none/evidence")["error"]


def test_what_is_recalled_is_counted_no_second_time() -> None:
    board = Board()
    board.recall([alert(1), alert(1, revision=2, condition="cleared"), alert(2)])
    board.expire(T0)
    assert board.load(hours=24, positions=1)["alerts"] == 0
    assert {one["alert_id"]: one["condition"] for one in board.snapshot()[1]} == {AN_ID: "cleared", f"{2:032x}": "active"}
    assert board.then(AN_ID) is None


def test_without_a_folder_no_positions_are_kept_but_time_goes_on() -> None:
    """Days of positions are for a disk; what else is kept in memory is let go by the same clock."""
    memory = Memory()
    picture = Picture(memory=memory)
    rows = fleet(1, exercise=True)
    rows["mmsi"], rows["t_ms"] = SHIP, T0
    picture.update(batch(rows))
    memory.write()
    assert memory.newest_ms == T0
    assert memory.begins_ms is None
    assert len(memory.track(SHIP, T0 - DAY_MS, T0 + DAY_MS)) == 0
    memory.set_aside(AN_ID, 1, T0 - 366 * DAY_MS, {"lines": []}, whole=True)
    later = rows.copy()
    later["t_ms"] = T0 + 2 * 3_600_000
    picture.update(batch(later))
    memory.write()
    assert memory.exhibit(AN_ID) is None


def test_thirty_days_with_their_gaps_and_not_a_day_more(tmp_path: Path) -> None:
    memory = Memory(tmp_path / FILE, keep_track_days=30)
    picture = Picture(memory=memory)
    for day in range(40):
        minutes = np.arange(0, 1440, 6)
        minutes = minutes[(minutes < 300) | (minutes > 450)] if day == 15 else minutes
        rows = np.repeat(fleet(1, exercise=True), len(minutes))
        rows["mmsi"], rows["t_ms"] = SHIP, T0 + day * DAY_MS + minutes * MINUTE
        picture.update(batch(rows))
        memory.write()
    memory.close()
    assert str(SHIP).encode() not in (tmp_path / FILE).read_bytes()
    picture = Picture(memory=Memory(tmp_path / FILE, keep_track_days=30))
    assert picture.memory.begins_ms is not None
    assert 29 * DAY_MS < picture.until_ms - picture.memory.begins_ms <= 30 * DAY_MS + 3_600_000
    month, day = (known(Board(), picture, f"vessels/{SHIP}?days={days}") for days in (30, 1))
    assert [one["s"] for one in month["silences"]] == [162 * 60]
    assert len(month["track"]["t_ms"]) == 30 * 240 + 1 - 26
    assert len(day["track"]["t_ms"]) == 241
    assert day["silences"] == []
    assert month["exercise"] is True, "what was an exercise stays one"
    assert "error" in known(Board(), picture, f"vessels/{SHIP}?days=61")
    raw = sqlite3.connect(tmp_path / FILE)
    assert raw.execute("SELECT count(*) FROM past WHERE t_ms < ?", (picture.until_ms - 31 * DAY_MS,)).fetchone() == (0,)


def test_what_was_let_go_is_overwritten(tmp_path: Path) -> None:
    memory = Memory(tmp_path / FILE, keep_track_days=1)
    rows = np.zeros(1, PAST)
    rows["t_ms"], rows["mmsi"], rows["lon"], rows["lat"] = T0, SHIP, 1_234_567_891, 456_789_123
    memory.heard(rows, exercise=False)
    memory.write()
    trace = (456_789_123).to_bytes(4, "big")
    assert any(trace in path.read_bytes() for path in tmp_path.iterdir())
    rows = rows.copy()
    rows["t_ms"], rows["lat"] = T0 + 2 * DAY_MS, 1
    memory.heard(rows, exercise=False)
    memory.write()
    assert not any(trace in path.read_bytes() for path in tmp_path.iterdir())


def test_a_disk_that_refuses_costs_nothing_and_a_foreign_file_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory(tmp_path / FILE)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    memory._db.execute("PRAGMA busy_timeout=1")
    other.execute("BEGIN IMMEDIATE")
    picture = Picture(memory=memory)
    hear(picture, [2])
    memory.write()
    memory.write()
    assert len(caplog.records) == 1, "said once"
    other.execute("ROLLBACK")
    memory.write()
    assert len(memory.track(SHIP, 0, 2 * T0)) == 1
    other.close()
    (tmp_path / "foreign").write_bytes(b"no database at all" * 100)
    with pytest.raises(InputError, match="cannot use"):
        Memory(tmp_path / "foreign")
    sqlite3.connect(tmp_path / "newer").execute("PRAGMA user_version=99").close()
    with pytest.raises(InputError, match="schema 99"):
        Memory(tmp_path / "newer")


@pytest.fixture
def feed() -> Any:
    """A port at which a recording is sent once; whoever comes later hears nothing."""
    listener, gone = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def serve() -> None:
        data: bytes | None = recording()
        while not gone.is_set():
            peer, _ = listener.accept()
            peers.append(peer)
            if data:
                peer.sendall(data)
                data = None

    peers: list[socket.socket] = []
    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    gone.set()
    for one in (*peers, listener):
        one.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def until(what: Callable[[], Any]) -> Any:
    """What it gives, as soon as it gives something."""
    for _ in range(600):
        try:
            if found := what():
                return found
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError("it never came")


def test_killed_and_started_again_the_page_shows_the_same_queue_evidence_and_dossier(tmp_path: Path, feed: int) -> None:
    port = free_port()
    config = tmp_path / "live.toml"
    source = f'[[sources]]\nid = "receiver"\nkind = "tcp"\nport = {feed}\nexercise = true\n'
    config.write_text(f'data_dir = "{tmp_path}/live"\n{source}[console]\nport = {port}\n')

    def get(path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=10) as answer:
            return json.load(answer)

    def start() -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
        return subprocess.Popen([*PROGRAM, "run", str(config)], env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def settled() -> Any:
        seen = get("alerts")["alerts"]
        time.sleep(8)  # longer than what is heard waits for the disk
        now = get("alerts")["alerts"]
        return now if now and [one["alert_id"] for one in now] == [one["alert_id"] for one in seen] else None

    run = start()
    try:
        queue = until(settled)
        mmsi = next(one["mmsi"][0] for one in queue if one["kind"] == "risk")
        an_id = next(one["alert_id"] for one in queue if one["mmsi"] == [mmsi] or mmsi in one["mmsi"])
        evidence, dossier = get(f"alerts/{an_id}/evidence"), get(f"vessels/{mmsi}")
        sentences = get(f"alerts/{an_id}/sentences")
        assert any(track["t_ms"] for track in evidence["tracks"])
        assert sentences["lines"]
        run.send_signal(signal.SIGKILL)
        run.wait(30)
        run = start()
        after = until(lambda: get("alerts")["alerts"])
        assert [one["alert_id"] for one in after] == [one["alert_id"] for one in queue]
        again = get(f"alerts/{an_id}/evidence")
        assert again["tracks"] == evidence["tracks"]
        assert again["then"] == evidence["then"]
        assert get(f"alerts/{an_id}/sentences")["lines"] == sentences["lines"]
        found = get(f"vessels/{mmsi}")
        for part in ("identity", "identity_history", "voyage_history", "gaps", "port_calls", "events"):
            assert found[part] == dossier[part], part
        assert found["exercise"] is True
        assert found["silences"] == dossier["silences"]
        assert set(found["track"]["t_ms"]) <= set(dossier["track"]["t_ms"])
        assert found["track"]["t_ms"]
    finally:
        run.kill()
        _, stderr = run.communicate(timeout=30)
    assert b"Traceback" not in stderr
