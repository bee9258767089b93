"""The desk: what a person is told of the sources."""

from __future__ import annotations

import random

import msgspec

from console.board import Board
from console.decisions import Decisions
from ingest.source import STATES, Health, Reader, Received
from runners.desk import Desk
from runners.engine import Engine
from runners.lane import Lane
from runners.rules import read_rules
from runners.source_words import SAID, SourceWords
from tests.console_harness import distress
from tests.decode_inputs import one, position
from tracks.rescue import open_row

T_MS = 1_767_225_610_000


class Hands:
    """A clock that stands."""

    def wall_ms(self):
        return T_MS

    def monotonic_s(self):
        return 0.0


def test_the_terminal_says_once_what_a_source_is():
    reader = Reader("mast", silent_s=60, clock=Hands(), rng=random.Random(1))
    words, said = SourceWords(), []
    story = [
        (0, "new"),
        (1, "waiting"),
        (2, "waiting"),
        (3, "connected"),
        (12, "connected"),
        (30, "garbled"),
        (31, "connected"),
        (32, "garbled"),
        (60, "silent"),
    ]
    for second, state in [*story, (61, "connected"), (62, "silent"), (100, "ended")]:
        reader.counters.state, reader.counters.error = state, f"reason at {second}"
        said += [(second, line) for line in words.news([reader], second)]
    assert said == [
        (1, "00:00Z source mast: not there, tried again and again (reason at 1)"),
        (12, "00:00Z source mast: heard"),
        (30, "00:00Z source mast: makes no sense (reason at 30)"),
        (60, "00:00Z source mast: silent (reason at 60)"),
        (100, "00:00Z source mast: over"),
    ]


def test_health_has_the_last_heartbeat_and_whether_each_source_is_heard():
    desk = Desk(Engine(read_rules("border", []), [Lane("hill", lateness_ms=5_000), Lane("cape", lateness_ms=5_000)]))
    desk.board = Board()
    line = one(position(sec=5)) + b"\r\n"
    said = [
        Received(line + b"!AIVDM,1,1,,A,,0*26\r\n", T_MS, "hill", "peer", "bytes"),
        Received(msgspec.json.encode(Health("connected")), T_MS + 5_000, "hill", "", "beat"),
        Received(b"", T_MS + 6_000, "cape", "", "silent"),
    ]
    for received in said:
        desk.show(desk.engine.take(received), 0.001)
    desk._health(1e9)
    health = desk.board.health_now()
    assert health["sources"] == {"hill": "up", "cape": "silent"}
    hill = health["heartbeats"]["hill"]
    assert hill == {"t": "2026-01-01T00:00:15.000Z", "state": "connected", "bytes": len(line) + 21, "fixes": 1, "lines": 2, "valid": 1, "noise": 1} | {
        "rejected.empty_payload": 1
    }
    assert "cape" not in health["heartbeats"]
    msgspec.json.encode(health)


def test_there_are_words_for_every_state():
    assert set(SAID) | {"new"} == set(STATES)


def minutes_pass(desk, minutes, since=0):
    """A ship is heard once a minute."""
    for k in range(since, since + minutes):
        line = one(position(sec=(T_MS // 1000 + 60 * k) % 60)) + b"\r\n"
        desk.show(desk.engine.take(Received(line, T_MS + 60_000 * k, "hill", "peer", "bytes")), 0.001)


def test_a_rescue_that_a_person_began_is_open_until_it_ends_also_after_a_restart(tmp_path):
    def watching(minutes):
        desk = Desk(Engine(read_rules("border", []), [Lane("hill", lateness_ms=5_000)]))
        desk.board = Board()
        desk.board.attach(Decisions(tmp_path / "decisions.sqlite"))
        minutes_pass(desk, minutes)
        desk._health(1e9)
        return desk

    desk = watching(2)
    area = desk.board.begin_rescue(-41.0, 174.5, by="Ana Watch", role="supervisor", reason="told by radio", event_ms=T_MS + 60_000)
    assert len(desk.obey()) == 1
    assert desk.obey() == [], "the watch is told once"
    minutes_pass(desk, 3, since=2)
    opened = desk.engine.watch.track.rescue.areas[area]
    assert (opened.how, opened.lat, opened.lon, opened.closed_by) == ("person", -24_600_000, 104_700_000, "")
    desk._health(2e9)
    assert [(one["how"], one["lat"], one["op_revision"]) for one in desk.board.rescues()] == [("person", -41.0, 0)]
    again = watching(5)  # the state was lost
    assert len(again.obey()) == 1
    minutes_pass(again, 3, since=5)
    assert again.engine.watch.track.rescue.areas[area].how == "person"
    again._health(3e9)
    again.board.end_rescue(area, by="Ben", role="watchstander", reason="over", op_revision=0, event_ms=T_MS)
    assert len(again.obey()) == 1
    minutes_pass(again, 2, since=8)
    assert again.engine.watch.track.rescue.areas[area].closed_by == "Ben_(watchstander)"
    assert [row["action"] for row in Decisions(tmp_path / "decisions.sqlite").log()] == ["begin_rescue", "end_rescue"]
    late = watching(2)
    late.engine.watch.track.rescue.areas.clear()
    minutes_pass(late, 2, since=60 * 6 + 5)
    assert [out for out in late.obey() if out.all_events()] == [], "six hours are over"
    assert area not in late.engine.watch.track.rescue.areas


def test_a_rescue_that_a_person_ended_excuses_nobody_also_after_a_restart(tmp_path):
    def watching():
        desk = Desk(Engine(read_rules("border", []), [Lane("hill", lateness_ms=5_000)]))
        desk.board = Board()
        desk.board.attach(Decisions(tmp_path / "decisions.sqlite"))
        minutes_pass(desk, 2)
        desk.engine.control(open_row(T_MS + 60_000, "beacon-1", "beacon", -24_600_000, 104_700_000))
        minutes_pass(desk, 3, since=2)
        return desk

    desk = watching()
    desk._health(1e9)
    assert desk.board.health_now()["rescues"] == {"beacon-1": "beacon"}
    assert desk.obey() == [], "nobody has ended it"
    desk.board.publish(distress(event_ids=["beacon-1"]))
    desk.board.end_rescue(f"{9:032x}", by="Ana Watch", role="supervisor", reason="hoax", op_revision=0, event_ms=T_MS)
    assert len(desk.obey()) == 1
    assert desk.obey() == [], "the watch is told once"
    minutes_pass(desk, 3, since=5)
    assert desk.engine.watch.track.rescue.areas["beacon-1"].closed_by == "Ana_Watch_(supervisor)"
    desk._health(2e9)
    assert desk.board.health_now()["rescues"] == {}
    again = watching()  # the state was lost, or the beacon was heard anew: what was decided holds
    assert len(again.obey()) == 1
    minutes_pass(again, 3, since=5)
    assert again.engine.watch.track.rescue.areas["beacon-1"].closed_by == "Ana_Watch_(supervisor)"
