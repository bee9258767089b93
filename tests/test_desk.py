"""The desk: what a person is told of the sources."""

from __future__ import annotations

import msgspec

from console.board import Board
from ingest.source import Health, Received
from runners.desk import Desk
from runners.engine import Engine
from runners.lane import Lane
from runners.rules import read_rules
from tests.decode_inputs import one, position

T_MS = 1_767_225_610_000


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
