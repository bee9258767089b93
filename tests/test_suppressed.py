"""What rescue context holds back is written into the watch log, once, and comes back when a named person ends the area."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from console.app import create_app
from console.board import Board
from console.database import StoreError
from console.decisions import Decisions
from console.picture import Picture
from console.suppressed import REASON, Suppressed
from dogwatch.events import Event, Exclusion, State, Subject, to_json
from tests.console_harness import CENTRE, T0

SHIP = 198_100_005


def told(number: int, version: int = 1, *, area: str = "beacon-1", ended: str = "", minutes: int = 0) -> Event:
    """A loitering held back by an area, or told again because a person ended it."""
    held = not ended
    context = Exclusion("sar_context", "inside" if held else "none", area if held else f"closed by {ended}", "suppress" if held else "none")
    state: State = "candidate" if held else "open"
    return Event(
        event_id=f"e{number}", version=version, state=state, type="loitering", subtype="", subjects=[Subject(f"{SHIP}#0", SHIP)], mmsi=[SHIP],
        t_start=T0, t_end=None, t_detected=T0 + minutes * 60_000, lat=CENTRE[0], lon=CENTRE[1], zones=[], measures={}, evidence=[],
        exclusions=[context], confidence=0.8, rule="loitering", rule_version="1.0", params_hash="0", reason=REASON if held else "",
    )  # fmt: skip


def entries(decisions: Decisions) -> list[tuple[str, str, str, str, str]]:
    return [(row["action"], row["alert_id"], row["state_from"], row["state_to"], row["reason"]) for row in decisions.log()]


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    return tmp_path / "decisions.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


def test_each_step_stands_in_the_log_once_with_reason_rule_and_event(where: Path | str) -> None:
    decisions, board = Decisions(where), Board()
    board.attach(decisions)
    board.suppressed.take([told(1), told(2), told(1, 2, minutes=5)])
    board.expire(T0)
    board.suppressed.take([told(1, 3, ended="Ana_(supervisor)", minutes=9)])
    board.expire(T0)
    held = "held back by rescue area beacon-1"
    assert entries(decisions) == [
        ("suppress", "e1", "loitering", held, "rule loitering: sar_context"),
        ("suppress", "e2", "loitering", held, "rule loitering: sar_context"),
        ("unsuppress", "e1", held, "judged anew", "rule loitering: closed by Ana_(supervisor)"),
    ]
    assert str(SHIP) not in str(decisions.log()), "the log holds ids, no vessel"
    assert decisions.verify() is None
    with pytest.raises(StoreError, match="append-only"):
        decisions.store.run("DELETE FROM log WHERE action='suppress'")


def test_a_restart_reads_what_a_crash_kept_from_the_log_and_writes_nothing_twice(tmp_path: Path) -> None:
    journal, database = tmp_path / "events.ndjson", tmp_path / "decisions.sqlite"
    steps = [told(1), told(2), told(1, 2, ended="Ana_(supervisor)", minutes=9)]
    journal.write_bytes(b"".join(to_json(one) + b"\n" for one in steps) + b'{"reason":"suppressed: sar_context", cut')
    first = Decisions(database)
    seen = Suppressed()
    seen.take(steps[:1])
    seen.write(first, 0)
    first.close()  # killed here: two steps are only in the journal
    for _ in range(2):
        decisions, again = Decisions(database), Suppressed()
        again.recall(journal)
        again.write(decisions, 0)
        assert [row[:2] for row in entries(decisions)] == [("suppress", "e1"), ("suppress", "e2"), ("unsuppress", "e1")]
        assert [row["event_id"] for row in again.by_area()["beacon-1"]] == ["e2"]
        decisions.close()


def test_a_database_that_is_away_loses_no_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decisions, seen = Decisions(tmp_path / "decisions.sqlite"), Suppressed()
    seen.take([told(1)])
    with monkeypatch.context() as away:
        away.setattr(decisions, "enter", _refuse)
        with pytest.raises(StoreError):
            seen.write(decisions, 0)
    seen.take([told(2)])
    seen.write(decisions, 0)
    assert [row[1] for row in entries(decisions)] == ["e1", "e2"]


def _refuse(*_: object) -> None:
    raise StoreError("database is locked")


def test_an_area_without_an_alert_is_listed_with_what_it_holds_back_and_ended_by_name() -> None:
    board, decisions = Board(), Decisions(None)
    client = TestClient(create_app(board, Picture(), decisions))
    board.health({"rescues": {"assist-1": "pattern"}, "rescue_places": {"assist-1": (*CENTRE, 9260.0)}})
    board.suppressed.take([told(1, area="assist-1")])
    (area,) = client.get("/api/v1/rescues").json()["rescues"]
    assert (area["area"], area["how"], area["reach_m"], area["ended"]) == ("assist-1", "pattern", 9260.0, None)
    assert [(one["event_id"], one["rule"], one["reason"]) for one in area["suppressed"]] == [("e1", "loitering", REASON)]
    url, tag = "/api/v1/alerts/assist-1/end-rescue", {"If-Match": str(area["op_revision"])}
    assert client.post(url, json={"role": "supervisor", "reason": "no rescue"}, headers=tag).status_code == 422
    assert client.post(url, json={"by": "Ana", "role": "viewer", "reason": "no rescue"}, headers=tag).status_code == 403
    assert board.rescues_ended() == {}
    answer = client.post(url, json={"by": "Ana", "role": "supervisor", "reason": "no rescue"}, headers=tag)
    assert answer.status_code == 200
    assert answer.json()["rescue_end"]["by"] == "Ana"
    assert board.rescues_ended() == {"assist-1": "Ana (supervisor)"}
    assert client.get("/api/v1/rescues").json()["rescues"][0]["ended"]["reason"] == "no rescue"
    assert client.post("/api/v1/alerts/assist-2/end-rescue", json={"by": "Ana", "role": "supervisor", "reason": "x"}, headers=tag).status_code == 404
