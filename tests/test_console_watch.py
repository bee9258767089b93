"""The watch: taken, handed over, accepted once; who may; what is in the lists; who looks after what then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.life import Order, RefusedError
from console.picture import Picture
from console.watch import STEPS, Watches, who_has
from tests.console_harness import T0, alert, distress


class Room:
    def __init__(self) -> None:
        self.board, self.decisions = Board(), Decisions(None)
        self.client = TestClient(create_app(self.board, Picture(), self.decisions))

    def step(self, step: str, by: str, version: int | None = None, **more: Any) -> Any:
        seen = self.client.get("/api/v1/watch").json()["version"] if version is None else version
        return self.client.post(f"/api/v1/watch/{step}", json={"by": by, **more}, headers={"If-Match": f'"{seen}"'})

    def now(self) -> str:
        return str(self.client.get("/api/v1/watch").json()["name"])


def test_until_the_relief_accepts_the_outgoing_has_the_watch_and_nobody_accepts_twice() -> None:
    room = Room()
    assert room.now() == ""
    assert room.step("offer", "Ana").status_code == 409
    assert room.step("take", "Ana").json()["name"] == "Ana"
    assert room.step("accept", "Ben").status_code == 409
    offered = room.step("offer", "Ana", words="fog\nin the north").json()
    assert (offered["name"], offered["offer"]["text"]) == ("Ana", "fog\nin the north")
    assert room.step("accept", "ana").status_code == 403, "nobody accepts their own"
    seen = offered["version"]
    accepted = room.step("accept", "Ben", seen)
    assert (accepted.json()["name"], accepted.json()["before"], accepted.json()["taken_over"]["text"]) == ("Ben", "Ana", "fog\nin the north")
    late = room.step("accept", "Cid", seen)
    assert (late.status_code, late.json()["watch"]["name"]) == (412, "Ben")
    again = room.step("accept", "Cid")
    assert (again.status_code, room.now()) == (409, "Ben")
    rows = [row for row in room.decisions.log() if row["action"].startswith("watch")]
    assert [(row["action"], row["user"], row["state_from"], row["state_to"]) for row in rows][-1] == (
        "watch accept", "Ben", "Ana (watchstander) has the watch, hand-over offered", "Ben (watchstander) has the watch",
    )  # fmt: skip
    assert rows[1]["reason"] == "fog\nin the north"
    assert room.decisions.verify() is None


def test_who_left_is_relieved_by_a_supervisor_with_a_reason() -> None:
    room = Room()
    room.step("take", "Ana")
    assert room.step("take", "Ben").json()["remedy"] == "ask Ana to hand over, or a supervisor to take it"
    assert room.step("take", "Sol", role="supervisor").status_code == 422
    assert room.step("take", "Sol", role="supervisor", words="fell ill").json()["name"] == "Sol"
    assert room.step("withdraw", "Ana").status_code == 403
    assert room.step("withdraw", "Sol").status_code == 409
    assert room.step("take", "Vera", role="viewer", words="x").json()["remedy"] == "ask a watchstander or supervisor or analyst"
    assert room.client.post("/api/v1/watch/offer", json={"by": "Sol"}).status_code == 428
    assert room.step("sell", "Sol").status_code == 404


def test_the_lists_hold_what_is_open_owned_shelved_held_referred_and_out() -> None:
    room = Room()
    for n in range(1, 7):
        room.board.publish(alert(n, mmsi=198_100_000 + n))
    room.board.publish(alert(6, mmsi=198_100_006, revision=2, condition="cleared"))
    room.board.publish(distress())
    name = "{:032x}".format
    orders = {
        2: Order("own", "Ana"), 3: Order("shelve", "Ana", reason="known", until_ms=T0 + 3_600_000),
        4: Order("dispose", "Ana", reason="theirs", code="referred", of="RCC"), 5: Order("dispose", "Ana", reason="known", code="benign_known"),
    }  # fmt: skip
    for n, order in orders.items():
        room.board.decide(name(n), order, op_revision=0, event_ms=T0)
    room.board.health({"sources": {"north": "silent", "south": "up"}})
    lists = room.client.get("/api/v1/watch").json()["lists"]
    ids = {key: [row.get("alert_id", row.get("what")) for row in found["rows"]] for key, found in lists.items()}
    assert set(ids["open"]) == {name(1), name(2), name(9)}
    assert (ids["owned"], ids["shelved"], ids["referred"], ids["held"], ids["outages"]) == ([name(2)], [name(3)], [name(4)], [], ["north is silent"])
    assert lists["shelved"]["rows"][0]["until"] == "2026-01-01T01:00:00.000Z"
    room.step("take", "Ana")
    room.step("offer", "Ana")
    room.board.publish(alert(7))
    assert room.client.get("/api/v1/watch").json()["offer"]["lists"] == lists, "what is handed over stays as it was"
    room.step("accept", "Ben")
    assert room.client.get(f"/api/v1/alerts/{name(2)}").json()["owner"]["name"] == "Ben"
    assert [row["reason"] for row in room.decisions.log() if row["action"] == "hand-over"] == ["from Ana"]


def test_a_flood_of_alerts_is_counted_whole_and_listed_in_part() -> None:
    room = Room()
    for n in range(1, 251):
        room.board.publish(alert(n, mmsi=198_100_000 + n, t_last=T0 + n * 3_600_000))
    found = room.client.get("/api/v1/watch").json()["lists"]["open"]
    assert (found["total"], len(found["rows"])) == (250, 200)


def test_a_watch_outlives_the_process_and_reaches_other_consoles(tmp_path: Path) -> None:
    first, second = (Watches(Decisions(tmp_path / "d.sqlite"), clock=lambda: T0) for _ in range(2))
    more: dict[str, Any] = {"role": "watchstander", "words": "", "lists": {}, "event_ms": None}
    first.step("take", by="Ana", version=0, **more)
    with pytest.raises(RefusedError) as refused:
        second.step("take", by="Ben", version=0, **more)
    assert refused.value.status == 412
    assert second.now() == first.now() == Watches(Decisions(tmp_path / "d.sqlite")).now()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(["Ana", "Ben", "Sol"]), st.integers(0, 2), st.sampled_from(["", "words"])), max_size=25))
def test_whatever_people_try_somebody_answers_for_the_watch(tries: list[tuple[str, str, int, str]]) -> None:
    decisions = Decisions(None)
    watches = Watches(decisions, clock=lambda: T0)
    for step, by, behind, words in tries:
        before = watches.now()
        role = "supervisor" if by == "Sol" else "watchstander"
        try:
            after = watches.step(step, by=by, role=role, words=words, lists={}, version=before.version - behind, event_ms=None)
        except RefusedError:
            assert watches.now() == before
            continue
        assert after.version == before.version + 1
        assert after.name, "a watch that was taken is never nobody's"
        if after.name != before.name:
            assert after.name == by
            assert not before.name or (step == "accept" and before.offer is not None) or (by == "Sol" and words)
    log = decisions.log()
    assert len(log) == watches.now().version
    assert not log or log[-1]["state_to"] == who_has(watches.now())
    assert decisions.verify() is None
