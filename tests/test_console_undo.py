"""Undoing one's own last step, as a rule and over the API."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from console.app import create_app
from console.board import Board
from console.decisions import Ack, Decision, Decisions, Owner
from console.life import RefusedError, undone
from console.picture import Picture
from tests.console_harness import alert

AN_ID = alert().alert_id


def test_a_step_is_undone_by_whom_it_was_within_ten_seconds_and_only_the_newest() -> None:
    done = Decision(AN_ID, ack=Ack("Ana", 1_000, 1, 1, "warning"), owner=Owner("Ana", "Ana", 5_000))
    assert undone(done, "Ana", 6_000) == Decision(AN_ID, ack=done.ack)
    assert undone(undone(done, "Ana", 6_000), "Ana", 11_000) == Decision(AN_ID)
    for by, at in (("Ben", 6_000), ("Ana", 15_001), ("Ana", 999)):
        with pytest.raises(RefusedError):
            undone(done, by, at)


def test_undo_over_the_api_needs_a_name_and_the_revision_and_is_logged() -> None:
    board, decisions = Board(), Decisions(None)
    board.publish(alert())
    client = TestClient(create_app(board, Picture(), decisions))
    url = f"/api/v1/alerts/{AN_ID}"

    def post(action: str, by: str, revision: int, **more: object) -> int:
        return client.post(f"{url}/{action}", json={"by": by, **more}, headers={"If-Match": f'"{revision}"'}).status_code

    assert post("undo", "Ana", 0) == 409
    assert post("dispose", "Ana", 0, code="confirmed", reason="as described") == 200
    assert post("undo", "Ben", 1) == 409
    assert post("undo", "Ana", 0) == 412
    assert post("undo", "Ana", 1, role="viewer") == 403
    assert client.get(url).json()["disposition"] is not None, "a refused undo changes nothing"
    assert post("undo", "Ana", 1) == 200
    assert client.get(url).json()["disposition"] is None
    assert [row["action"] for row in decisions.log()] == ["dispose", "undo"]
