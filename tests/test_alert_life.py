"""The life of an alert: independent fields, event time, floods, and decisions that survive, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from console.app import create_app
from console.board import Board
from console.database import MIGRATIONS, StoreError
from console.decisions import Decision, Decisions, Raised, StaleError
from console.flood import BURST, Flood
from console.life import Order, RefusedError, rule_of
from console.load import Open, load
from console.picture import Picture
from dogwatch.alerts import Contribution
from dogwatch.config import Config, parse
from dogwatch.errors import InputError
from dogwatch.times import iso
from tests.console_harness import T0, alert, distress

ROOT = Path(__file__).resolve().parent.parent
HOUR = 3_600_000
AN_ID = alert().alert_id


@pytest.fixture(params=["sqlite", "postgresql"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Where decisions are kept: a file, or a database that is shared."""
    return tmp_path / "decisions.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def open_(where: Path | str) -> Iterator[Callable[[], Decisions]]:
    """Opens the same database again, as another process would."""
    opened: list[Decisions] = []

    def another() -> Decisions:
        opened.append(Decisions(where))
        return opened[-1]

    yield another
    for one in opened:
        one.close()


def on(decisions: Decisions, *alerts: Any) -> Board:
    board = Board()
    board.attach(decisions)
    for one in alerts:
        board.publish(one)
    return board


def order(board: Board, action: str, an_id: str = AN_ID, *, at: int = T0, key: str | None = None, **words: Any) -> dict[str, Any]:
    record = board.record(an_id)
    assert record is not None
    wanted = {"by": "Ana", "reason": "known to the port", **words}
    return board.decide(an_id, Order(action, **wanted), op_revision=record["op_revision"], event_ms=at, key=key)


def acked(board: Board, an_id: str = AN_ID, at: int = T0) -> dict[str, Any]:
    record = board.record(an_id)
    assert record is not None
    return board.acknowledge(an_id, by="Ana", seen_revision=record["revision"], op_revision=record["op_revision"], event_ms=at)


def seen(board: Board, an_id: str = AN_ID) -> dict[str, Any]:
    record = board.record(an_id)
    assert record is not None
    return record


# --- the fields --------------------------------------------------------------------------------------------------------


def test_each_field_is_its_own_and_survives_a_restart(open_: Callable[[], Decisions]) -> None:
    board = on(open_(), alert())
    order(board, "own")
    assert (seen(board)["owner"]["name"], seen(board)["ack"], seen(board)["disposition"]) == ("Ana", None, None)
    order(board, "shelve", until_ms=T0 + HOUR)
    order(board, "dispose", code="benign_known")
    record = acked(board)
    assert record["op_revision"] == 4
    again = on(open_(), alert())
    assert seen(again) == seen(board)
    assert (record["owner"]["name"], record["shelf"]["until"], record["disposition"]["code"], record["ack"]["by"]) == (
        "Ana",
        iso(T0 + HOUR),
        "benign_known",
        "Ana",
    )
    order(board, "release")
    order(board, "unshelve")
    order(board, "reopen", role="supervisor")
    assert [seen(board)[name] for name in ("owner", "shelf", "disposition", "ack")] == [None] * 4
    log = open_().log()
    assert [row["action"] for row in log] == ["own", "shelve", "dispose", "ack", "release", "unshelve", "reopen"]
    assert open_().verify() is None


def test_a_note_changes_no_field_and_stands_in_the_log(open_: Callable[[], Decisions]) -> None:
    decisions = open_()
    board = on(decisions, alert())
    before = seen(board)
    after = order(board, "note", reason="called the agent")
    assert {k: v for k, v in after.items() if k != "op_revision"} == {k: v for k, v in before.items() if k != "op_revision"}
    assert decisions.log()[0]["reason"] == "called the agent"


@given(st.lists(st.sampled_from(["own", "assign", "release", "dispose", "reopen", "shelve", "unshelve", "ack"]), max_size=12))
@settings(max_examples=60, deadline=None)
def test_an_order_touches_its_own_field(actions: list[str]) -> None:
    """Whatever came before: only its field, and the acknowledgement where the watch is asked anew."""
    field = {
        "own": "owner",
        "assign": "owner",
        "release": "owner",
        "dispose": "disposition",
        "reopen": "disposition",
        "shelve": "shelf",
        "unshelve": "shelf",
        "ack": "ack",
    }
    board = on(Decisions(), alert())
    for action in actions:
        before = seen(board)
        more = {"code": "confirmed", "of": "Ben", "until_ms": T0 + HOUR, "role": "supervisor"}
        after = acked(board) if action == "ack" else order(board, action, **more)
        free = {field[action], "op_revision", *(["ack"] if action in ("reopen", "unshelve") else [])}
        assert {k: v for k, v in after.items() if k not in free} == {k: v for k, v in before.items() if k not in free}
        assert (after[field[action]] is None) == (action in ("release", "reopen", "unshelve"))
        assert after["op_revision"] == before["op_revision"] + 1


@pytest.mark.parametrize(
    ("action", "words", "status"),
    [
        ("dispose", {"code": "nonsense"}, 422),
        ("dispose", {"code": "confirmed", "reason": ""}, 422),
        ("dispose", {"code": "referred"}, 422),
        ("dispose", {"code": "duplicate", "of": AN_ID}, 422),
        ("dispose", {"code": "duplicate", "of": "nobody"}, 422),
        ("dispose", {"code": "confirmed", "role": "viewer"}, 403),
        ("assign", {"of": "Ben"}, 403),
        ("assign", {"role": "supervisor"}, 422),
        ("reopen", {}, 403),
        ("shelve", {"until_ms": T0 + 4 * HOUR + 1}, 422),
        ("shelve", {"until_ms": T0}, 422),
        ("shelve", {"until_ms": T0 + 31 * 24 * HOUR, "role": "supervisor"}, 422),
        ("shelve", {"until_ms": T0 + HOUR, "scope": "everything"}, 422),
        ("shelve", {"until_ms": T0 + HOUR, "role": "auditor"}, 403),
        ("release-hold", {"role": "supervisor"}, 409),
    ],
)
def test_what_a_person_may_not_do_is_refused_and_changes_nothing(action: str, words: dict[str, Any], status: int) -> None:
    decisions = Decisions()
    board = on(decisions, alert())
    with pytest.raises(RefusedError) as refused:
        order(board, action, **words)
    assert refused.value.status == status
    assert decisions.log() == []
    assert order(board, "shelve", until_ms=T0 + 30 * 24 * HOUR, role="supervisor")["shelf"]


# --- event time ----------------------------------------------------------------------------------------------------------


def test_a_shelf_ends_at_its_event_time_and_asks_the_watch_anew(open_: Callable[[], Decisions]) -> None:
    decisions = open_()
    board = on(decisions, alert(t_last=T0))
    acked(board)
    order(board, "shelve", until_ms=T0 + HOUR)
    assert board.expire(T0 + HOUR - 1) == 0
    assert seen(board)["shelf"]
    assert board.expire(T0 + HOUR) == 1
    assert (seen(board)["shelf"], seen(board)["ack"]) == (None, None)
    assert decisions.log()[-1]["reason"] == "the shelf is over"
    assert seen(on(open_(), alert(t_last=T0)))["shelf"] is None


def test_a_late_report_of_shelved_behaviour_does_not_come_up_again() -> None:
    """The event time of the behaviour counts, not when it was told: an episode that ended within the shelf stays on it."""
    board = on(Decisions(), alert(t_last=T0))
    order(board, "shelve", until_ms=T0 + HOUR, scope="vessel_rule")
    board.publish(alert(2, t_last=T0 + HOUR // 2, condition="cleared"))
    board.publish(alert(3, t_last=T0 + HOUR + 1, condition="cleared"))
    board.publish(alert(4, t_last=T0 + HOUR // 2, mmsi=198_100_006))
    board.expire(T0 + 5 * HOUR)
    assert [bool(seen(board, f"{n:032x}")["shelf"]) for n in (2, 3, 4)] == [True, False, False], "late, beyond the shelf, another vessel"


def test_a_shelf_of_vessel_and_rule_covers_the_next_episode_and_is_taken_away_as_one(open_: Callable[[], Decisions]) -> None:
    board = on(open_(), alert(t_last=T0))
    order(board, "shelve", until_ms=T0 + HOUR, scope="vessel_rule")
    board.publish(alert(2, t_last=T0 + 60_000))
    other = [Contribution("base", -3000), Contribution("zigzag", 4000, "e3")]
    board.publish(alert(3, t_last=T0 + 60_000, contributions=other, score_milli=1000))
    assert [bool(seen(board, f"{n:032x}")["shelf"]) for n in (1, 2, 3)] == [True, True, False]
    assert seen(on(open_(), alert(2, t_last=T0 + 60_000)), f"{2:032x}")["shelf"]
    order(board, "unshelve", f"{2:032x}")
    assert seen(board, f"{2:032x}")["shelf"] is None


def test_a_level_above_the_shelved_one_takes_an_alert_off_the_shelf() -> None:
    board = on(Decisions(), alert(level="caution", t_last=T0))
    order(board, "shelve", until_ms=T0 + HOUR)
    board.publish(alert(level="alarm", revision=2, t_last=T0))
    assert seen(board)["shelf"] is None


@pytest.mark.parametrize("again", [{"level": "alarm"}, {"condition": "active"}])
def test_a_closed_alert_that_gets_worse_or_comes_back_is_open_again(again: dict[str, Any]) -> None:
    board = on(Decisions(), alert())
    order(board, "dispose", code="benign_known")
    board.publish(alert(revision=2, condition="cleared"))
    assert seen(board)["disposition"]
    board.publish(alert(revision=3, **{"condition": "cleared", **again}))
    assert (seen(board)["disposition"], seen(board)["ack"]) == (None, None)
    assert board.expire(T0) == 1
    assert seen(board)["op_revision"] == 2


def test_a_short_rise_of_the_level_still_ends_the_acknowledgement() -> None:
    board = on(Decisions(), alert(level="warning"))
    acked(board)
    board.publish(alert(level="alarm", revision=2))
    board.publish(alert(level="warning", revision=3))
    assert seen(board)["ack"] is None


def test_replay_at_any_speed_ends_the_same() -> None:
    """Only event time counts: one look at the end or many on the way, the decision is the same."""
    ends = []
    for steps in (1, 7, 60):
        board = on(Decisions(), alert(level="alarm", t_last=T0))
        acked(board)
        order(board, "shelve", until_ms=T0 + HOUR)
        for step in range(1, steps + 1):
            board.expire(T0 + step * 2 * HOUR // steps)
        ends.append({k: v for k, v in seen(board).items() if k != "op_revision"})
    assert ends[0] == ends[1] == ends[2]


# --- duplicates ----------------------------------------------------------------------------------------------------------


def test_a_duplicate_names_its_parent_and_the_parent_counts_it(open_: Callable[[], Decisions]) -> None:
    board = on(open_(), alert(1), alert(2), alert(3))
    order(board, "dispose", f"{2:032x}", code="duplicate", of=AN_ID)
    assert seen(board)["duplicates"] == [f"{2:032x}"]
    assert seen(on(open_(), alert(1)))["duplicates"] == [f"{2:032x}"]
    with pytest.raises(RefusedError, match="duplicate itself"):
        order(board, "dispose", f"{3:032x}", code="duplicate", of=f"{2:032x}")
    order(board, "reopen", f"{2:032x}", role="supervisor")
    assert seen(board)["duplicates"] == []


def test_a_case_that_takes_another_in_takes_its_owner_and_acknowledgement_over() -> None:
    decisions = Decisions()
    board = on(decisions, alert(1))
    acked(board)
    order(board, "own")
    board.publish(alert(2))
    board.publish(alert(1, revision=2, condition="retracted", reason=f"its events are now part of alert {2:032x}"))
    board.expire(T0)
    heir = seen(board, f"{2:032x}")
    assert (heir["ack"]["by"], heir["owner"]["name"]) == ("Ana", "Ana")
    assert decisions.log()[-1]["action"] == "inherit"


# --- distress ------------------------------------------------------------------------------------------------------------


def test_distress_is_never_shelved_held_or_merged_away() -> None:
    board = on(Decisions(), alert(1))
    for number in range(10, 200):
        board.publish(distress(number, mmsi=970_000_000 + number))
    for number in range(10, 200):
        assert seen(board, f"{number:032x}")["held"] == ""
    with pytest.raises(RefusedError, match="never shelved"):
        order(board, "shelve", f"{10:032x}", until_ms=T0 + HOUR)
    with pytest.raises(RefusedError, match="never merged"):
        order(board, "dispose", f"{10:032x}", code="duplicate", of=AN_ID)
    test_beacon = distress(300, kind="test_beacon", level="caution")
    board.publish(test_beacon)
    order(board, "shelve", f"{300:032x}", until_ms=T0 + HOUR, scope="vessel_rule")
    board.publish(distress(300, revision=2))
    assert seen(board, f"{300:032x}")["shelf"] is None, "a test that became a call"


def test_a_full_board_keeps_distress() -> None:
    board = Board(alerts_max=50)
    for number in range(20):
        board.publish(distress(number, mmsi=970_000_000 + number, t_last=T0 - 9 * HOUR))
    for number in range(100, 400):
        board.publish(alert(number, mmsi=198_000_000 + number))
    assert all(board.record(f"{number:032x}") for number in range(20))
    assert len(board.snapshot()[1]) <= 51


class Slow:
    """A database that takes its time, then refuses."""

    def __init__(self, real: Any, begun: threading.Event, go_on: threading.Event) -> None:
        self.real, self.begun, self.go_on = real, begun, go_on

    def writing(self) -> Any:
        self.begun.set()
        self.go_on.wait(20)
        raise StoreError("the disk is full")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def test_no_alert_waits_for_the_database() -> None:
    """While an acknowledgement hangs in the database, distress reaches the board and its pages; what was refused was not recorded."""
    decisions = Decisions()
    board = on(decisions, alert(), distress(8, mmsi=970_000_008, level="emergency", kind="distress"))
    begun, go_on = threading.Event(), threading.Event()
    decisions.store = Slow(decisions.store, begun, go_on)  # type: ignore[assignment]
    failed: list[BaseException] = []

    def press() -> None:
        try:
            acked(board)
        except StoreError as fault:
            failed.append(fault)

    hand = threading.Thread(target=press)
    hand.start()
    assert begun.wait(5)
    cursor = board.stream.cursor
    board.publish(distress(9))
    assert len(board.stream.since(cursor) or []) == 1
    assert hand.is_alive(), "the database still thinks"
    go_on.set()
    hand.join()
    assert failed
    assert seen(board)["ack"] is None


# --- floods --------------------------------------------------------------------------------------------------------------


def rows(board: Board) -> list[dict[str, Any]]:
    """What the queue shows of active alerts."""
    return [r for r in board.snapshot()[1] if r["condition"] == "active" and not r["held"] and not r["shelf"] and not r["disposition"]]


def flooded(n: int = 1900, decisions: Decisions | None = None, step_ms: int = 100) -> Board:
    return on(decisions or Decisions(), *(alert(n_, mmsi=198_000_000 + n_, t_last=T0 + n_ * step_ms) for n_ in range(1, n + 1)))


def test_a_rule_that_would_raise_1900_alerts_raises_one_and_holds() -> None:
    board = flooded()
    board.publish(distress(5000))
    board.expire(T0 + 190_000)
    (call, row) = rows(board)
    assert call["kind"] == "distress"
    assert row["headline"] == "EXERCISE: Rule loitering is flooding: 1,900 alerts about 1,900 vessels held"
    assert sum(r["held"] == row["alert_id"] for r in board.snapshot()[1]) == 1900, "each is recorded and can be read"
    health = board.health_now()
    assert (health["alerts_held"], health["rules_on_hold"]) == (1900, ["loitering"])


def test_a_hold_folds_nothing_that_somebody_has_taken_up() -> None:
    board = on(Decisions(), alert(1), alert(2))
    acked(board)
    order(board, "own", f"{2:032x}")
    for number in range(3, 60):
        board.publish(alert(number, t_last=T0))
    assert [r["alert_id"] for r in rows(board)[-2:]] == [f"{1:032x}", f"{2:032x}"]
    assert len(rows(board)) == 3
    order(board, "own", f"{30:032x}")
    assert len(rows(board)) == 4, "who takes a held one has it in view"


def test_a_supervisor_releases_a_hold_and_a_watchstander_does_not() -> None:
    decisions = Decisions()
    board = flooded(50, decisions)
    board.expire(T0 + 5_000)
    (row,) = rows(board)
    with pytest.raises(RefusedError):
        order(board, "release-hold", row["alert_id"])
    order(board, "release-hold", row["alert_id"], role="supervisor", reason="it is a regatta")
    assert len(rows(board)) == 50
    assert seen(board, row["alert_id"])["condition"] == "cleared"
    assert (decisions.log()[-1]["action"], decisions.log()[-1]["user"]) == ("release-hold", "Ana")


def test_a_rule_that_calms_down_is_let_go_and_its_old_ones_stay_folded() -> None:
    board = flooded(50)
    board.expire(T0 + 5_000)
    for minute in range(5, 31, 5):  # two in ten minutes
        board.publish(alert(1000 + minute, mmsi=198_200_000 + minute, t_last=T0 + minute * 60_000))
    board.expire(T0 + 34 * 60_000)
    assert board.health_now()["rules_on_hold"] == ["loitering"]
    board.expire(T0 + 40 * 60_000)
    assert board.health_now()["rules_on_hold"] == []
    board.publish(alert(2000, mmsi=198_300_000, t_last=T0 + 41 * 60_000))
    assert [r["alert_id"] for r in rows(board)] == [f"{2000:032x}"]


def test_rules_flood_apart_and_other_rules_go_on() -> None:
    board = flooded(50)
    other = [Contribution("base", -3000), Contribution("zigzag", 4000, "e3")]
    board.publish(alert(900, contributions=other, score_milli=1000, t_last=T0))
    assert rule_of(alert(900, contributions=other)) == "zigzag"
    assert f"{900:032x}" in [r["alert_id"] for r in rows(board)]


@given(st.lists(st.integers(0, 400_000), min_size=1, max_size=80))
@settings(max_examples=100, deadline=None)
def test_the_bucket_lets_no_flood_through(gaps: list[int]) -> None:
    """Twin: whatever the rhythm, at most 20 pass in any ten minutes (a full bucket and what flows in), and slow ones all pass."""
    flood, now, passed = Flood(), T0, []
    for number, gap in enumerate(gaps):
        now += gap
        if flood.take("r", alert(number, t_last=now), lambda _: None) is None:
            passed.append(now)
    assert all(sum(t <= one < t + 600_000 for one in passed) <= 2 * BURST for t in passed)
    if min(gaps) >= 60_000:
        assert len(passed) == len(gaps)


# --- load figures --------------------------------------------------------------------------------------------------------


def test_the_load_figures_count_what_a_person_would_count() -> None:
    minute = 60_000
    times = [0, 1, 2, 30 * minute, 31 * minute, 90 * minute] + [120 * minute + n for n in range(11)]
    raised = [Raised(f"a{n}", T0 + t, "alarm" if n == 0 else "caution", "loitering", 1 + (n > 3)) for n, t in enumerate(times)]
    log = [
        {"user": "Ana", "role": "watch", "action": "ack", "alert_id": "a0", "event_ms": T0 + 30_000},
        {"user": "dogwatch", "role": "system", "action": "unack", "alert_id": "a0", "event_ms": T0 + 40_000},
    ]
    found = load(raised, log, since_ms=T0, until_ms=T0 + 4 * HOUR)
    naive_peak = max(sum(t <= other < t + HOUR for other in times) for t in times)
    assert (found["alerts"], found["per_hour"], found["per_day"]) == (17, 4.25, 102.0)
    assert (found["peak_minute"], found["peak_10_min"], found["peak_hour"]) == (11, 11, naive_peak)
    assert (found["windows_over_10_percent"], found["windows_over_2_percent"]) == (round(100 / 24, 2), round(200 / 24, 2))
    assert found["levels_percent"]["alarm"] == 5.9
    assert list(found["operators"]) == ["Ana"]
    assert found["operators"]["Ana"].items() >= {"decisions": {"ack": 1}, "peak_10_min": 1.0, "ack_age_s_p50": 30.0, "ack_age_s_p95": 30.0}.items()
    assert load(raised, log, since_ms=T0, until_ms=T0 + 4 * HOUR, positions=2)["per_hour"] == 2.12


def test_each_desk_has_the_load_that_it_took_up_and_what_did_not_hold_there() -> None:
    minute = 60_000
    raised = [Raised(f"a{n}", T0 + n * minute, "alarm", "loitering", n) for n in range(30)]

    def entry(user: str, action: str, number: int, at: int, *, role: str = "watchstander", state_to: str = "") -> dict[str, Any]:
        return {"user": user, "role": role, "action": action, "alert_id": f"a{number}", "event_ms": T0 + at * minute, "state_to": state_to}

    log = [entry("Ana", "ack", n, n + 2) for n in range(12)]
    log += [
        entry("Ana", "dispose", 3, 120),
        entry("Ben", "note", 20, 30),
        entry("Ben", "own", 20, 31),
        entry("Sol", "assign", 21, 32, role="supervisor", state_to="acked, owner Ben"),
    ]
    log += [entry("dogwatch", "unack", 5, 40, role="system"), entry("dogwatch", "return", 20, 50, role="system")]
    queue = [Open(T0, "Ben", acked=False), Open(T0 + 10 * minute, "", acked=False), Open(T0, "Ana", acked=True)]
    found = load(raised, log, since_ms=T0, until_ms=T0 + 4 * HOUR, queue=queue)
    ana, ben, sol = (found["operators"][name] for name in ("Ana", "Ben", "Sol"))
    assert (ana["hours"], ana["alerts"], ana["alerts_per_hour"]) == (1.97, 12, 6.1), "from its first to its last entry"
    assert (ana["alerts_peak_10_min"], ana["alerts_peak_hour"], ana["ack_age_s_p95"]) == (10.0, 12.0, 120.0)
    assert (ben["alerts"], ben["hours"], ben["owns"], ben["waiting"]["age_s_p95"]) == (2, 1.0, 1, 4 * 3600.0), "one taken, one given; a note takes nothing up"
    assert (ana["escalations"], ben["escalations"], sol["escalations"]) == (1, 1, 0)
    assert (sol["alerts"], sol["decisions"]) == (0, {"assign": 1})
    assert (found["waiting"]["alerts"], found["waiting"]["age_s_p50"]) == (2, 4 * 3600 - 300)
    assert found["goals"]["lines_per_day"]["IEC 62682:2014"] == 144
    assert sum(desk["alerts"] for desk in found["operators"].values()) == 14, "an alert is of one desk, what nobody took up of none"


def test_the_queue_that_waits_is_what_the_page_shows_as_open() -> None:
    board = on(Decisions(None), *(alert(n, t_first=T0 - n * 60_000) for n in range(1, 6)), alert(6, condition="cleared"))
    acked(board, f"{1:032x}")
    order(board, "own", f"{2:032x}")
    order(board, "dispose", f"{3:032x}", code="benign_known", reason="known")
    order(board, "shelve", f"{4:032x}", reason="later", until_ms=T0 + HOUR)
    found = board.load(hours=24, positions=1)
    assert found["waiting"]["alerts"] == 2
    assert [desk["owns"] for desk in found["operators"].values()] == [1]
    assert [desk["waiting"]["alerts"] for desk in found["operators"].values()] == [1]


def test_what_came_up_is_counted_once_over_restarts_and_a_flood_counts_as_one(open_: Callable[[], Decisions]) -> None:
    board = flooded(1900, open_())
    board.publish(distress(5000, t_last=T0 + 1000))
    board.expire(T0 + 190_000)
    again = flooded(1900, open_())
    again.expire(T0 + 190_000)
    found = again.load(hours=24, positions=1)
    assert found["alerts"] == BURST + 1 + 1, "ten before the hold, its row, and the distress"
    assert found["levels_percent"]["emergency"] == 8.3


# --- the database --------------------------------------------------------------------------------------------------------


def test_two_consoles_see_each_others_decisions(open_: Callable[[], Decisions]) -> None:
    north, south = on(open_(), alert()), on(open_(), alert())
    acked(north)
    cursor = south.stream.cursor
    south.expire(T0)
    assert seen(south) == seen(north)
    assert len(south.stream.since(cursor) or []) == 1, "its pages are told"
    with pytest.raises(StaleError):
        on(open_(), alert()).acknowledge(AN_ID, by="Ben", seen_revision=1, op_revision=0, event_ms=T0)


def test_two_hands_at_once_one_wins(open_: Callable[[], Decisions]) -> None:
    hands, results = [open_() for _ in range(4)], []

    def press(hand: Decisions, name: str) -> None:
        try:
            results.append(hand.ack("a1", by=name, seen_revision=1, level="alarm", op_revision=0, wall_ms=T0, event_ms=T0))
        except StaleError as stale:
            results.append(stale)

    threads = [threading.Thread(target=press, args=(hand, f"n{i}")) for i, hand in enumerate(hands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (won,) = [r for r in results if isinstance(r, Decision)]
    assert all(isinstance(r, StaleError) and r.current.ack == won.ack for r in results if r is not won)
    assert open_().verify() is None


def test_the_same_request_twice_changes_nothing(open_: Callable[[], Decisions]) -> None:
    board = on(open_(), alert())
    first = board.decide(AN_ID, Order("own", "Ana"), op_revision=0, event_ms=T0, key="k")
    assert board.decide(AN_ID, Order("own", "Ana"), op_revision=0, event_ms=T0, key="k") == first


KILLED = """
import sys
from console.decisions import Decisions
d = Decisions(sys.argv[1])
for i in range(10_000):
    d.ack(f"a{i}", by="Ana", seen_revision=1, level="alarm", op_revision=0, wall_ms=i, event_ms=i)
    sys.stdout.write(f"a{i}\\n")
    sys.stdout.flush()
"""


def test_what_was_answered_survives_kill_9_of_the_console(where: Path | str, open_: Callable[[], Decisions]) -> None:
    open_()
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(where)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    answered = [process.stdout.readline().strip() for _ in range(40)]
    process.send_signal(signal.SIGKILL)
    answered += process.stdout.read().split()
    process.wait()
    after = open_()
    assert len(answered) >= 40
    assert [a for a in answered if after.get(a).ack is None] == []
    assert after.verify() is None


def test_a_database_server_that_dies_loses_nothing_that_was_answered(postgres: Any, postgres_url: str) -> None:
    decisions = Decisions(postgres_url)
    board = on(decisions, alert(1), alert(2))
    acked(board)
    postgres.stop("immediate")
    try:
        with pytest.raises(StoreError):
            acked(board, f"{2:032x}")
        board.publish(distress())
        assert board.expire(T0) == 0, "the beat goes on without it"
        assert seen(board)["ack"]["by"] == "Ana"
    finally:
        postgres.start()
    assert acked(board, f"{2:032x}")["ack"]["by"] == "Ana", "the connection is made anew"
    again = Decisions(postgres_url)
    assert again.get(AN_ID).ack is not None
    assert again.verify() is None
    decisions.close()
    again.close()


def test_the_log_of_a_shared_database_is_append_only(postgres_url: str) -> None:
    import psycopg

    decisions = Decisions(postgres_url)
    decisions.ack("a1", by="Ana", seen_revision=1, level="alarm", op_revision=0, wall_ms=T0, event_ms=T0)
    decisions.close()
    with psycopg.connect(postgres_url, autocommit=True) as raw:
        for sql in ("UPDATE log SET role='x'", "DELETE FROM log", "TRUNCATE log"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                raw.execute(sql)
        raw.execute("ALTER TABLE log DISABLE TRIGGER log_keeps")
        raw.execute("UPDATE log SET role='x'")
    assert Decisions(postgres_url).verify() == 1


def test_a_file_of_the_first_schema_is_brought_forward(tmp_path: Path) -> None:
    """Made with the statements of schema 1 as they were released; its log keeps its hashes."""
    file = tmp_path / "decisions.sqlite"
    old = Decisions(file)
    old.ack("a1", by="Ana", seen_revision=3, level="alarm", op_revision=0, wall_ms=T0, event_ms=None)
    log = old.log()
    old.close()
    file.unlink()
    raw = sqlite3.connect(file, isolation_level=None)
    raw.executescript(MIGRATIONS["sqlite"][1] + "PRAGMA application_id=0x444F4757; PRAGMA user_version=1;")
    raw.execute("INSERT INTO decision VALUES ('a1', 1, 'Ana', ?, NULL, 3, 'alarm')", (T0,))
    raw.execute("INSERT INTO decision VALUES ('a2', 2, NULL, NULL, NULL, NULL, NULL)")
    raw.execute(f"INSERT INTO log VALUES ({','.join('?' * 14)})", tuple(log[0].values()))
    raw.close()
    new = Decisions(file)
    ack = new.get("a1").ack
    assert ack is not None
    assert (ack.by, ack.wall_ms, ack.event_ms, ack.seen_revision, ack.level, new.get("a1").op_revision) == ("Ana", T0, None, 3, "alarm", 1)
    assert new.verify() is None
    assert new.ack("a1", by="Ben", seen_revision=3, level="alarm", op_revision=1, wall_ms=T0, event_ms=T0).op_revision == 2


def test_a_newer_schema_and_an_absent_server_are_said(postgres_url: str) -> None:
    import psycopg

    Decisions(postgres_url).close()
    with psycopg.connect(postgres_url, autocommit=True) as raw:
        raw.execute("INSERT INTO dogwatch_schema VALUES (99)")
    with pytest.raises(InputError, match="schema 99"):
        Decisions(postgres_url)
    with pytest.raises(InputError, match="cannot use PostgreSQL") as fault:
        Decisions("postgresql://dogwatch:geheim@127.0.0.1:1/x")
    assert "geheim" not in str(fault.value)


def test_a_locked_database_refuses_and_records_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "decisions.sqlite"
    decisions = Decisions(file)
    decisions.store.run("PRAGMA busy_timeout=50")
    board = on(decisions, alert())
    raw = sqlite3.connect(file, isolation_level=None)
    raw.execute("BEGIN IMMEDIATE")
    with TestClient(create_app(board, Picture(), decisions)) as client:
        refused = client.post(f"/api/alerts/{AN_ID}/ack", json={"by": "Ana", "seen_revision": 1}, headers={"If-Match": '"0"'})
        assert (refused.status_code, "NOT recorded" in refused.json()["error"]) == (503, True)
        raw.execute("ROLLBACK")
        assert client.post(f"/api/alerts/{AN_ID}/ack", json={"by": "Ana", "seen_revision": 1}, headers={"If-Match": '"0"'}).status_code == 200


def test_where_decisions_are_kept_is_configured() -> None:
    assert parse('[console]\ndecisions = "postgresql://dogwatch@db/dogwatch"\n', Config, file="c.toml").console.decisions == "postgresql://dogwatch@db/dogwatch"
    assert Config().console.decisions == ""


# --- routes --------------------------------------------------------------------------------------------------------------


def test_orders_by_http_follow_the_rules_of_two_writers() -> None:
    board = Board()
    board.publish(alert())
    tag, words = {"If-Match": '"0"'}, {"by": "Ana", "reason": "the pilot knows"}
    with TestClient(create_app(board, Picture(), Decisions())) as client:
        url = f"/api/alerts/{AN_ID}/"
        assert client.post(url + "own", json=words).status_code == 428
        assert client.post(url + "sink", json=words, headers=tag).status_code == 404
        assert client.post(url + "own", json={}, headers=tag).status_code == 422
        assert client.post(url + "own", json=words, headers={"If-Match": "x"}).status_code == 422
        assert client.post("/api/alerts/none/own", json=words, headers=tag).status_code == 404
        assert client.post(url + "shelve", json={**words, "until": "soon"}, headers=tag).status_code == 422
        assert client.post(url + "shelve", json={**words, "until": [1]}, headers=tag).status_code == 422
        assert client.post(url + "assign", json={**words, "of": "Ben"}, headers=tag).status_code == 403
        done = client.post(url + "shelve", json={**words, "until": iso(alert().t_last + HOUR)}, headers=tag)
        assert (done.status_code, done.json()["shelf"]["until"], done.headers["etag"]) == (200, iso(alert().t_last + HOUR), '"1"')
        late = client.post(url + "own", json=words, headers=tag)
        assert (late.status_code, late.json()["record"]["op_revision"]) == (412, 1)
        assert client.get("/api/load?hours=2&positions=2").json()["positions"] == 2
        for wrong in ("hours=x", "hours=0", "hours=nan", "positions=0"):
            assert client.get(f"/api/load?{wrong}").status_code == 400, wrong
