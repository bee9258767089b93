"""The console's server side: frames, board, decisions, stream, routes."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from console import build_static
from console import picture as p
from console.app import create_app
from console.board import Board, LevelRoseError
from console.decisions import Decisions, StaleError
from console.guard import CSP
from console.picture import Picture
from console.server import Server
from console.stream import Stream, sse
from dogwatch.batch import F_CK_BAD, F_FUTURE, HAS_NAME, new_fixes, new_statics
from dogwatch.errors import InputError
from tests.console_harness import HOSTILE, T0, alert, batch, distress, fleet, move, names

ROOT = Path(__file__).resolve().parent.parent
FIELDS = [
    ("handle", "<u4"), ("lon", "<i4"), ("lat", "<i4"), ("cog", "<u2"), ("sog", "<u2"), ("what", "<u2"), ("age", "<u2"),
    ("flags", "u1"), ("score", "u1"), ("rot", "i1"),
]  # fmt: skip


def read_frame(data: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A frame as console.md section 5 describes it, read without our own writer."""
    magic, n, stride, kind, seq, t_s = struct.unpack_from("<IIHHId", data)
    assert magic == p.MAGIC
    assert stride == 23
    assert len(data) == 24 + 23 * n
    at, columns = 24, {}
    for name, dtype in FIELDS:
        assert at % np.dtype(dtype).itemsize == 0, "a typed array needs an aligned offset"
        columns[name] = np.frombuffer(data, dtype, n, at)
        at += n * np.dtype(dtype).itemsize
    columns["hdg"], columns["class"] = columns["what"] % 512, columns["what"] // 512
    return {"n": n, "kind": kind, "seq": seq, "t_s": t_s}, columns


def one(mmsi: int = 198_100_000, *, t: int = T0, **fields: Any) -> np.ndarray:
    row = new_fixes(1)
    row["mmsi"], row["t_ms"], row["lat"], row["lon"], row["msg_type"] = mmsi, t, -41 * 600_000, 174 * 600_000, 1
    for name, value in fields.items():
        row[name] = value
    return row


# --- picture ---------------------------------------------------------------------------------------------------------


def test_a_frame_has_24_bytes_of_header_and_23_per_vessel() -> None:
    picture = Picture()
    picture.update(batch(one(sog=123, cog=3599, hdg=359, rot=-5, lat=-24_600_001, lon=-107_999_999)))
    picture.update(batch(one(198_100_001, t=T0 - 4200)))
    head, rows = read_frame(picture.frame())
    assert head == {"n": 2, "kind": 0, "seq": 0, "t_s": T0 / 1000}
    assert rows["lat"][0] == round(-24_600_001 / 600_000 * 1e7)
    assert rows["lon"][0] == round(-107_999_999 / 600_000 * 1e7)
    assert [int(rows[name][0]) for name in ("cog", "sog", "hdg", "age", "rot")] == [35990, 1230, 359, 0, -5]
    assert [int(rows[name][1]) for name in ("cog", "sog", "hdg", "age", "rot")] == [36000, 65535, 511, 42, -128]
    assert len(set(rows["handle"])) == 2


def test_bad_future_older_and_placeless_rows_do_not_move_a_vessel() -> None:
    picture = Picture()
    picture.update(batch(one(sog=100)))
    for row in (one(sog=1, t=T0 - 1), one(sog=2, t=T0 + 9, flags=F_CK_BAD), one(sog=3, t=T0 + 9, flags=F_FUTURE), one(sog=4, t=T0 + 9, lat=54_600_000)):
        picture.update(batch(row))
    head, rows = read_frame(picture.frame())
    assert (head["n"], int(rows["sog"][0]), head["t_s"]) == (1, 1000, T0 / 1000)


def test_an_aircraft_has_its_speed_as_far_as_16_bits_go() -> None:
    picture = Picture()
    for i, sog in enumerate((1023, 1030, 1200, 10_220)):
        picture.update(batch(one(111_232_001 + i, msg_type=9, sog=sog)))
    _, rows = read_frame(picture.frame())
    assert sorted(rows["sog"].tolist()) == [10_300, 12_000, 65_530, 65_535]


def test_classes_and_flags() -> None:
    picture = Picture()
    rows = [one(198_100_000 + i) for i in range(4)] + [
        one(970_010_001),
        one(111_232_001, msg_type=9),
        one(992_321_001, msg_type=21),
        one(2_320_001, msg_type=4),
        one(992_326_001, msg_type=21),
    ]
    rows[3]["nav"] = 14
    fixes = np.concatenate(rows)
    statics = names(fixes[:3])
    statics["ship_type"] = [71, 85, 30]
    picture.update(batch(fixes, statics))
    picture.mark({198_100_001: 77, 123: 5})
    picture.advance()
    by_mmsi = {row["mmsi"]: row["handle"] for row in picture.statics()["rows"]}
    _, frame = read_frame(picture.frame())
    at = {mmsi: int(np.nonzero(frame["handle"] == handle)[0][0]) for mmsi, handle in by_mmsi.items()}
    classes = {mmsi: int(frame["class"][i]) for mmsi, i in at.items()}
    assert [classes[198_100_000 + i] for i in range(3)] == [p.CARGO, p.TANKER, p.FISHING]
    assert [classes[m] for m in (970_010_001, 111_232_001, 992_321_001, 2_320_001)] == [p.BEACON, p.AIRCRAFT, p.AID, p.BASE_STATION]
    assert classes[992_326_001] == p.VIRTUAL_AID
    flags = {mmsi: int(frame["flags"][i]) for mmsi, i in at.items()}
    assert flags[198_100_003] == p.DISTRESS
    assert flags[970_010_001] == p.DISTRESS | p.NON_SHIP
    assert flags[198_100_001] == p.ALERTED
    assert frame["score"][at[198_100_001]] == 77
    picture.mark({})
    picture.advance()
    _, frame = read_frame(picture.frame())
    assert not (frame["flags"] & p.ALERTED).any()


def test_a_silent_vessel_is_lost_then_removed_but_not_while_it_is_alerted() -> None:
    picture = Picture()
    gone, kept = one(198_100_000, sog=100), one(198_100_001, sog=100)
    picture.update(batch(np.concatenate([gone, kept])))
    picture.mark({198_100_001: 50})
    sent = picture.advance()
    picture.update(batch(one(198_100_002, t=T0 + 500_000)))
    picture.advance()
    head, rows = read_frame(picture.frame("delta", since=sent))
    assert head["kind"] == 1
    assert sorted(int(f) for f in rows["flags"]) == [0, p.LOST, p.LOST | p.ALERTED]
    picture.update(batch(one(198_100_002, t=T0 + 2_000_000)))
    picture.advance()
    head, rows = read_frame(picture.frame("delta", since=sent))
    assert sum(rows["flags"] == p.REMOVED) == 1
    assert picture.vessels == 2
    assert read_frame(picture.frame())[0]["n"] == 2


def replayed(deltas: list[bytes]) -> dict[int, tuple[int, ...]]:
    """What a page holds after these frames."""
    held: dict[int, tuple[int, ...]] = {}
    for data in deltas:
        head, rows = read_frame(data)
        if head["kind"] == 0:
            held = {}
        for i in range(head["n"]):
            handle = int(rows["handle"][i])
            if rows["flags"][i] & p.REMOVED:
                held.pop(handle, None)
            else:
                held[handle] = tuple(int(rows[name][i]) for name, _ in FIELDS if name not in ("handle", "age"))
    return held


@given(st.lists(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3000), st.integers(0, 300)), max_size=6), min_size=1, max_size=8), st.data())
@settings(max_examples=60, deadline=None)
def test_deltas_from_any_earlier_frame_lead_to_the_key_frame(steps: list[list[tuple[int, int, int]]], data: st.DataObject) -> None:
    """A page that skips frames, or hears one twice, ends with the picture of a page that missed nothing."""
    picture = Picture()
    sent, seen = 0, [picture.frame()]
    for step in steps:
        for ship, seconds, sog in step:
            picture.update(batch(one(198_100_000 + ship, t=T0 + seconds * 1000, sog=sog)))
        picture.advance()
        if data.draw(st.booleans()):
            seen.append(picture.frame("delta", since=sent))
            if data.draw(st.booleans()):
                seen.append(seen[-1])
            sent = picture.seq
    seen.append(picture.frame("delta", since=sent))
    assert replayed(seen) == replayed([picture.frame()])


def test_the_picture_does_not_depend_on_how_batches_are_cut() -> None:
    fixes = np.concatenate([move(fleet(40), s) for s in range(0, 30, 10)])
    whole, pieces = Picture(), Picture()
    whole.update(batch(fixes, names(fixes[:40])))
    for row in range(len(fixes)):
        pieces.update(batch(fixes[row : row + 1]))
    for row in range(40):
        pieces.update(batch(None, names(fixes[:40])[row : row + 1]))
    by_mmsi = [{row["mmsi"]: {k: v for k, v in row.items() if k != "handle"} for row in one_.statics()["rows"]} for one_ in (whole, pieces)]
    assert len(by_mmsi[0]) == 40
    assert by_mmsi[0] == by_mmsi[1]
    strip = [[{k: v for k, v in row.items() if k != "handle"} for row in one_.list()] for one_ in (whole, pieces)]
    assert strip[0] == strip[1]


def test_a_box_may_cross_the_date_line() -> None:
    picture = Picture()
    picture.update(batch(np.concatenate([one(198_100_000, lon=179 * 600_000), one(198_100_001, lon=-179 * 600_000), one(198_100_002, lon=0)])))
    assert read_frame(picture.frame(box=(170, -50, -170, 0)))[0]["n"] == 2
    assert read_frame(picture.frame(box=(-10, -50, 10, 0)))[0]["n"] == 1


def test_static_data_come_page_by_page_and_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(p, "STATIC_PAGE_MAX", 7)
    picture = Picture()
    fixes = fleet(20)
    for row in range(20):
        picture.update(batch(fixes[row : row + 1], names(fixes)[row : row + 1]))
    found, since, more = [], 0, True
    while more:
        page = picture.statics(since)
        found += page["rows"]
        since, more = page["version"], page["more"]
    assert sorted(row["mmsi"] for row in found) == sorted(int(m) for m in fixes["mmsi"])
    assert found[3]["name"] == HOSTILE
    assert picture.statics(since)["rows"] == []
    changed = new_statics(1)
    changed["mmsi"], changed["has"], changed["name"] = fixes["mmsi"][5], HAS_NAME, b"A\x1b[2J\x00B@@@"
    picture.update(batch(None, changed))
    (row,) = picture.statics(since)["rows"]
    assert row["name"] == "A\ufffd[2J\ufffdB"
    assert row["callsign"] == "TEST1", "a part report keeps the rest"


def test_vessels_beyond_the_limit_are_counted_not_taken() -> None:
    picture = Picture(vessels_max=5)
    picture.update(batch(fleet(9)))
    assert (picture.vessels, picture.refused) == (5, 4)
    picture.update(batch(move(fleet(5), 10)))
    assert picture.refused == 4


# --- decisions and board -----------------------------------------------------------------------------------------------


def test_a_decision_is_durable_versioned_and_logged(tmp_path: Path) -> None:
    file = tmp_path / "d" / "decisions.sqlite"
    first = Decisions(file)
    ack = {"seen_revision": 1, "level": "alarm", "wall_ms": T0, "event_ms": T0}
    assert first.ack("a1", by="Ana", op_revision=0, key="k", **ack).op_revision == 1
    assert first.ack("a1", by="Ana", op_revision=0, key="k", **ack).op_revision == 1, "the same request again changes nothing"
    with pytest.raises(StaleError) as stale:
        first.ack("a1", by="Ben", op_revision=0, **ack)
    assert stale.value.current.ack is not None
    assert stale.value.current.ack.by == "Ana"
    first.close()
    second = Decisions(file)
    decided = second.get("a1")
    assert decided.ack is not None
    assert (decided.ack.by, decided.op_revision) == ("Ana", 1)
    second.unack("a1", reason="level rose", wall_ms=T0, event_ms=T0)
    assert [(row["action"], row["user"], row["state_from"], row["state_to"]) for row in second.log()] == [
        ("ack", "Ana", "open", "acked"),
        ("unack", "dogwatch", "acked", "open"),
    ]
    assert second.verify() is None
    second.close()


def test_the_log_cannot_be_changed_and_a_forced_change_shows(tmp_path: Path) -> None:
    file = tmp_path / "decisions.sqlite"
    decisions = Decisions(file)
    for i in range(3):
        decisions.ack(f"a{i}", by="Ana", seen_revision=1, level="alarm", op_revision=0, wall_ms=T0, event_ms=T0)
    decisions.close()
    raw = sqlite3.connect(file)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute("UPDATE log SET user='Eve' WHERE seq=2")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute("DELETE FROM log WHERE seq=2")
    raw.execute("DROP TRIGGER log_keeps")
    raw.execute("UPDATE log SET user='Eve' WHERE seq=2")
    raw.commit()
    raw.close()
    assert Decisions(file).verify() == 2


def test_a_foreign_or_newer_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite"
    raw = sqlite3.connect(file)
    raw.execute("PRAGMA user_version=99")
    raw.execute("CREATE TABLE t(a)")
    raw.commit()
    raw.close()
    with pytest.raises(InputError, match="schema 99"):
        Decisions(file)
    (tmp_path / "y.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(InputError, match="cannot use"):
        Decisions(tmp_path / "y.sqlite")


def test_the_newest_revision_wins_whatever_the_order() -> None:
    board = Board()
    for revision in (2, 1, 3, 3, 2):
        board.publish(alert(revision=revision))
    cursor, records = board.snapshot()
    assert [r["revision"] for r in records] == [3]
    assert cursor.endswith("-2"), "revisions 2 and 3 were news, the rest was not"


def test_an_acknowledgement_holds_until_the_alert_gets_worse_comes_back_or_grows_old() -> None:
    board = Board()
    an_id = alert().alert_id

    def acked() -> bool:
        record = board.record(an_id)
        assert record is not None
        return record["ack"] is not None

    def acknowledge() -> None:
        record = board.record(an_id)
        assert record is not None
        board.acknowledge(an_id, by="Ana", seen_revision=record["revision"], op_revision=record["op_revision"], event_ms=T0)

    board.publish(alert(level="caution"))
    acknowledge()
    board.publish(alert(level="caution", revision=2))
    assert acked(), "more evidence alone asks nothing new of the watch"
    board.publish(alert(level="alarm", revision=3))
    assert not acked()
    acknowledge()
    board.publish(alert(level="warning", revision=4))
    board.publish(alert(level="alarm", revision=5))
    assert acked(), "no worse than what was acknowledged"
    board.publish(alert(level="alarm", revision=6, condition="cleared"))
    assert acked()
    board.publish(alert(level="alarm", revision=7))
    assert not acked()
    acknowledge()
    assert board.expire(T0 + 1_800_000) == 0
    assert board.expire(T0 + 1_800_001) == 1
    assert not acked()


def test_an_acknowledgement_of_something_milder_is_refused() -> None:
    board = Board()
    board.publish(alert(level="warning"))
    board.publish(alert(level="alarm", revision=2))
    with pytest.raises(LevelRoseError):
        board.acknowledge(alert().alert_id, by="Ana", seen_revision=1, op_revision=0, event_ms=None)
    assert board.acknowledge(alert().alert_id, by="Ana", seen_revision=2, op_revision=0, event_ms=None)["ack"]["by"] == "Ana"


def test_a_full_board_lets_the_oldest_closed_alert_go() -> None:
    board = Board(alerts_max=3)
    for number in range(1, 4):
        board.publish(alert(number, condition="cleared" if number == 2 else "active"))
    board.publish(alert(4))
    assert sorted(r["alert_id"] for r in board.snapshot()[1]) == [f"{n:032x}" for n in (1, 3, 4)]


KILLED = """
import sys
from pathlib import Path
from console.decisions import Decisions
d = Decisions(Path(sys.argv[1]))
for i in range(10_000):
    d.ack(f"a{i}", by="Ana", seen_revision=1, level="alarm", op_revision=0, wall_ms=i, event_ms=i)
    sys.stdout.write(f"a{i}\\n")
    sys.stdout.flush()
"""


def test_what_was_answered_survives_kill_9(tmp_path: Path) -> None:
    file = tmp_path / "decisions.sqlite"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    answered = [process.stdout.readline().strip() for _ in range(40)]
    process.send_signal(signal.SIGKILL)
    answered += process.stdout.read().split()
    process.wait()
    assert len(answered) >= 40
    after = Decisions(file)
    assert [a for a in answered if after.get(a).ack is None] == []
    assert after.verify() is None


# --- stream -------------------------------------------------------------------------------------------------------------


def test_a_cursor_resumes_or_says_that_it_cannot() -> None:
    stream = Stream(items_max=4)
    start = stream.cursor
    for i in range(3):
        stream.append("alert", b"%d" % i)
    assert [item.data for item in stream.since(start) or []] == [b"0", b"1", b"2"]
    assert stream.since(stream.cursor) == []
    for i in range(3, 8):
        stream.append("alert", b"%d" % i)
    assert stream.since(start) is None, "the ring has forgotten the first ones"
    assert [item.data for item in stream.since(f"{stream.epoch}-4") or []] == [b"4", b"5", b"6", b"7"]
    for foreign in ("other-3", f"{stream.epoch}-99", f"{stream.epoch}-x", "", "nonsense", f"{stream.epoch}--1"):
        assert stream.since(foreign) is None


def test_the_event_stream_misses_and_doubles_nothing_while_threads_write() -> None:
    stream = Stream()

    async def read(cursor: str, until: int) -> list[str]:
        seen = []
        async for chunk in sse(stream, cursor):
            seen += [line[6:] for line in chunk.decode().split("\n") if line.startswith("data: ") and "event: alert" in chunk.decode()]
            if len(seen) >= until:
                break
        return seen

    def write() -> None:
        for i in range(300):
            stream.append("alert", str(i).encode())
            stream.pulse("health", b"{}")

    async def both() -> list[str]:
        writer = threading.Thread(target=write)
        cursor = stream.cursor
        writer.start()
        seen = await asyncio.wait_for(read(cursor, 300), 20)
        writer.join()
        return seen

    assert asyncio.run(both()) == [str(i) for i in range(300)]
    assert stream.clients == 0


# --- routes -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def client(board: Board) -> Iterator[TestClient]:
    picture = Picture()
    picture.update(batch(fleet(30)))
    app = create_app(board, picture, Decisions(), metrics=lambda: b"dogwatch_lines_total 1\n", zones_geojson=b"{}", info={"desk": "Test"})
    with TestClient(app) as found:
        yield found


ACK = {"by": "Ana", "seen_revision": 1}


def test_every_route_answers_with_the_headers_that_keep_others_out(client: TestClient, board: Board) -> None:
    board.publish(alert())
    expected = {
        "/": 200, "/api/info": 200, "/api/vessels.bin": 200, "/api/vessels.bin?fmt=json": 200, "/api/vessels.bin?bbox=1,2,3": 400, "/api/static": 200,
        "/api/static?since=x": 400, "/api/alerts": 200, "/api/alerts?limit=x": 400, f"/api/alerts/{alert().alert_id}": 200, "/api/alerts/none": 404,
        "/metrics": 200, "/healthz": 200, "/basemap/land.geojson": 404, "/zones.geojson": 200, "/static/main.mjs": 200,
        "/static/../app.py": 404, "/nowhere": 404,
    }  # fmt: skip
    for path, status in expected.items():
        answer = client.get(path)
        assert answer.status_code == status, path
        assert answer.headers["content-security-policy"] == CSP
        assert "unsafe" not in CSP
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert client.get("/static/main.mjs").headers["content-type"].startswith("text/javascript")
    assert client.get("/api/alerts").headers["cache-control"] == "no-store"
    head, _ = read_frame(client.get("/api/vessels.bin").content)
    assert head["n"] == 30
    assert len(client.get("/api/vessels.bin?fmt=json&bbox=0,-90,180,90").json()["vessels"]) == 30


def test_acknowledging_follows_the_rules_of_two_writers(client: TestClient, board: Board) -> None:
    board.publish(alert(level="warning"))
    url = f"/api/alerts/{alert().alert_id}/ack"
    assert client.post(url, json=ACK).status_code == 428
    assert client.post("/api/alerts/none/ack", json=ACK, headers={"If-Match": '"0"'}).status_code == 404
    for body in ({"by": "Ana"}, {"by": "  ", "seen_revision": 1}, {"by": 5, "seen_revision": 1}, {"by": "A", "seen_revision": True}, [], "x"):
        assert client.post(url, json=body, headers={"If-Match": '"0"'}).status_code == 422, body
    assert client.post(url, content=json.dumps(ACK), headers={"If-Match": '"0"', "Content-Type": "text/plain"}).status_code == 422
    assert client.post(url, json={**ACK, "pad": "x" * 20_000}, headers={"If-Match": '"0"'}).status_code == 422
    board.publish(alert(level="alarm", revision=2))
    refused = client.post(url, json=ACK, headers={"If-Match": '"0"'})
    assert refused.status_code == 409
    assert refused.json()["record"]["level"] == "alarm"
    done = client.post(url, json={"by": "Ana\u202e\n Watch", "seen_revision": 2}, headers={"If-Match": '"0"', "Idempotency-Key": "k1"})
    assert done.status_code == 200
    assert done.json()["ack"]["by"] == "Ana Watch"
    assert done.headers["etag"] == '"1"'
    again = client.post(url, json={"by": "Ana", "seen_revision": 2}, headers={"If-Match": '"0"', "Idempotency-Key": "k1"})
    assert (again.status_code, again.json()["op_revision"]) == (200, 1)
    late = client.post(url, json={"by": "Ben", "seen_revision": 2}, headers={"If-Match": '"0"'})
    assert late.status_code == 412
    assert late.json()["record"]["ack"]["by"] == "Ana Watch"
    assert late.json()["request_id"]
    assert client.get(f"/api/alerts/{alert().alert_id}").json()["op_revision"] == 1


END = {"by": "Ana", "role": "supervisor", "reason": "hoax, the coast guard has been there"}


def rescue_open(board: Board, *areas: str) -> None:
    board.health({"rescues": dict.fromkeys(areas, "beacon")})


def test_ending_a_rescue_needs_a_person_a_role_a_reason_and_an_open_area(client: TestClient, board: Board) -> None:
    board.publish(distress(9, event_ids=["beacon-1"]))
    url, tag = f"/api/alerts/{9:032x}/end-rescue", {"If-Match": '"0"'}
    assert client.post(url, json=END).status_code == 428
    assert client.post(url, json=END, headers=tag).status_code == 409, "nothing is excused by it yet"
    rescue_open(board, "beacon-1", "beacon-2")
    for missing in ("by", "role", "reason"):
        assert client.post(url, json={**END, missing: " "}, headers=tag).status_code == 422, missing
    for role in ("viewer", "analyst", "auditor", "admin"):
        assert client.post(url, json={**END, "role": role}, headers=tag).status_code == 403, role
    assert client.post("/api/alerts/none/end-rescue", json=END, headers=tag).status_code == 404
    assert client.post(url, json=END, headers={"If-Match": '"7"'}).status_code == 412
    assert client.post(url, json=END, headers={**tag, "Origin": "http://evil.example"}).status_code == 403
    assert board.rescues_ended() == {}
    done = client.post(url, json=END, headers=tag)
    assert done.status_code == 200
    assert {name: done.json()["rescue_end"][name] for name in END} == END
    assert done.json()["ack"] is None, "the distress itself is not acknowledged by it"
    assert board.rescues_ended() == {"beacon-1": "Ana (supervisor)"}


def test_a_rescue_is_ended_once_and_for_good(client: TestClient, board: Board) -> None:
    board.publish(distress(9, event_ids=["beacon-1"]))
    rescue_open(board, "beacon-1")
    url = f"/api/alerts/{9:032x}/end-rescue"
    assert client.post(url, json=END, headers={"If-Match": '"0"'}).status_code == 200
    again = client.post(url, json={**END, "by": "Ben"}, headers={"If-Match": '"1"'})
    assert (again.status_code, again.json()["rescue_end"]["by"]) == (200, "Ana")
    acked = client.post(f"/api/alerts/{9:032x}/ack", json=ACK, headers={"If-Match": '"1"'})
    assert (acked.status_code, acked.json()["rescue_end"]["by"]) == (200, "Ana")
    board.publish(distress(9, event_ids=["beacon-1"], revision=2))
    record = board.record(f"{9:032x}")
    assert record is not None
    assert (record["rescue_end"]["role"], record["ack"]["by"]) == ("supervisor", "Ana")


def test_who_ended_a_rescue_stands_in_the_log_and_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "decisions.sqlite"
    board = Board()
    board.attach(Decisions(file))
    board.publish(distress(9, event_ids=["beacon-1"]))
    rescue_open(board, "beacon-1")
    board.end_rescue(f"{9:032x}", **END, op_revision=0, event_ms=T0)
    again = Decisions(file)
    (entry,) = again.log()
    assert {name: entry[name] for name in ("action", "user", "role", "reason", "event_ms")} == {
        "action": "end_rescue", "user": "Ana", "role": "supervisor", "reason": END["reason"], "event_ms": T0,
    }  # fmt: skip
    assert (entry["state_from"], entry["state_to"]) == ("rescue open", "rescue ended beacon-1")
    assert again.verify() is None
    fresh = Board()
    fresh.attach(again)
    assert fresh.rescues_ended() == {"beacon-1": "Ana (supervisor)"}


def test_foreign_pages_and_names_are_refused(client: TestClient, board: Board) -> None:
    board.publish(alert())
    url = f"/api/alerts/{alert().alert_id}/ack"
    assert client.post(url, json=ACK, headers={"If-Match": '"0"', "Origin": "http://evil.example"}).status_code == 403
    assert client.get("/api/alerts", headers={"Host": "evil.example"}).status_code == 403, "a name that was rebound to loopback"
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/api/vessels", headers={"Origin": "http://evil.example"}):
        pass
    assert client.post(url, json=ACK, headers={"If-Match": '"0"', "Origin": "http://testserver"}).status_code == 200


def test_too_many_posts_from_one_desk_are_slowed(client: TestClient) -> None:
    statuses = {client.post("/api/alerts/none/ack", json=ACK).status_code for _ in range(130)}
    assert statuses == {428, 429}


def test_the_vessel_socket_starts_with_a_key_frame_then_sends_deltas(client: TestClient) -> None:
    with client.websocket_connect("/api/vessels") as ws:
        head, _ = read_frame(ws.receive_bytes())
        assert (head["kind"], head["n"]) == (0, 30)
        heads = [read_frame(ws.receive_bytes())[0] for _ in range(3)]
    assert {h["kind"] for h in heads} == {1}
    assert heads[-1]["n"] == 0, "nothing moved"


def events(lines: Iterator[str], n: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    item: dict[str, Any] = {}
    for line in lines:
        if line == "" and item.get("event"):
            if item["event"] != "health":
                found.append(item)
            item = {}
            if len(found) == n:
                return found
        elif line.startswith(("id: ", "event: ", "data: ")):
            name, _, value = line.partition(": ")
            item[name] = json.loads(value) if name == "data" else value
    return found


@pytest.fixture
def live() -> Iterator[tuple[str, Board]]:
    board = Board()
    server = Server(create_app(board, Picture(), Decisions()))
    yield server.start(port=0), board
    server.stop()


def test_a_page_resumes_the_alert_stream_where_it_left_it(live: tuple[str, Board]) -> None:
    url, board = live
    board.publish(alert(1))
    start = httpx.get(url + "api/alerts").json()
    assert [a["alert_id"] for a in start["alerts"]] == [f"{1:032x}"]
    board.publish(alert(2))
    board.publish(distress())
    with httpx.stream("GET", url + "api/events", params={"after": start["cursor"]}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        first, second = events(answer.iter_lines(), 2)
    assert [e["data"]["alert_id"] for e in (first, second)] == [f"{2:032x}", f"{9:032x}"]
    with httpx.stream("GET", url + "api/events", headers={"Last-Event-ID": first["id"]}) as answer:
        (resumed,) = events(answer.iter_lines(), 1)
    assert resumed == second
    with httpx.stream("GET", url + "api/events", headers={"Last-Event-ID": "another-1"}) as answer:
        (reset,) = events(answer.iter_lines(), 1)
    assert reset["event"] == "reset"
    assert reset["id"] == second["id"]


def test_a_taken_port_and_a_public_address_are_the_operators_to_mend(live: tuple[str, Board]) -> None:
    port = int(live[0].rsplit(":", 1)[1].strip("/"))
    with pytest.raises(InputError, match="choose another"):
        Server(create_app(Board(), Picture(), Decisions())).start(port=port)
    with pytest.raises(InputError, match="reverse proxy"):
        Server(create_app(Board(), Picture(), Decisions())).start("0.0.0.0", 0)


def test_stopping_does_not_wait_for_open_pages() -> None:
    board = Board()
    server = Server(create_app(board, Picture(), Decisions()))
    url = server.start(port=0)
    with httpx.stream("GET", url + "api/events") as answer:
        lines = answer.iter_lines()
        next(lines)
        server.stop()
        assert list(lines) is not None
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


# --- files ------------------------------------------------------------------------------------------------------------


def test_the_page_names_no_other_host() -> None:
    """Relative addresses only; the browser test watches the wire, this one reads the text."""
    files = [f for f in (ROOT / "console" / "static").iterdir() if f.suffix in (".mjs", ".css", ".html", ".svg")]
    assert len(files) > 10
    for file in files:
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, file
        assert "https://" not in text, file
        assert "innerHTML" not in text, f"{file}: text from the air goes into text nodes only"
        assert not any(f'="/{part}' in text for part in ("static", "api")), f"{file}: absolute address"


def test_missing_libraries_are_a_message_and_the_licences_are_all_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build_static.main(["--root", str(tmp_path)]) == 1
    assert "npm ci" in capsys.readouterr().err
    if not all((ROOT / "node_modules" / name).is_dir() for name in build_static.SHIPPED):
        pytest.skip(f"{ROOT}/node_modules is absent: npm ci")
    text = build_static.licence_texts(ROOT)
    for name in ("maplibre-gl 6.17.0 (BSD-3-Clause)", "htm 3.1.1 (Apache-2.0)", "preact", "earcut", "MIT"):
        assert name in text


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_palettes_can_be_read() -> None:
    """WCAG 2.2 AA for text, and the ratios of docs/console.md for what is drawn on the sea."""
    css = (ROOT / "console" / "static" / "style.css").read_text(encoding="utf-8")
    blocks = {"day": css.split(":root {")[1], "dusk": css.split("='dusk'] {")[1], "night": css.split("='night'] {")[1]}
    for name, block in blocks.items():
        tokens = dict(pair.strip().removeprefix("--").split(": ") for pair in block.split("}")[0].split(";") if pair.strip().startswith("--"))
        for text, ground in (
            ("ink", "panel"),
            ("muted", "panel"),
            ("ink", "raised"),
            ("ink", "chosen"),
            ("on-alarm", "alarm"),
            ("on-distress", "distress"),
            ("on-warning", "warning"),
            ("on-focus", "focus"),
        ):
            assert contrast(tokens[text], tokens[ground]) >= 4.5, (name, text, ground)
        for mark in ("vessel", *(f"class-{i}" for i in range(6))):
            assert contrast(tokens[mark], tokens["sea"]) >= 3, (name, mark)
        assert min(contrast(tokens[mark], tokens["panel"]) for mark in ("focus", "distress")) >= 3, name
