"""A flooded room: grouped by rule, folded on the terminal; and shelves that hold for a rule in a zone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from console.board import Board
from console.decisions import Decisions
from console.flood import BURST, WINDOW_MS, Flood, Room
from console.life import Order, RefusedError
from console.zones_told import ZonesTold
from dogwatch.alerts import Alert, Contribution
from dogwatch.events import Event, State, Subject, ZoneRelation
from runners.alert_lines import AlertLines
from tests.console_harness import CENTRE, T0, alert, distress

HOUR = 3_600_000


def by_rule(number: int, rule: str, *, t_ms: int = T0, **more: Any) -> Alert:
    """An alert of its own vessel, most of whose points are of this rule."""
    parts = [Contribution("base", -3000), Contribution(rule, 4000, f"event{number}")]
    return alert(number, mmsi=198_000_000 + number, contributions=parts, score_milli=1000, t_last=t_ms, exercise=False, **more)


def event(number: int, *zones: str, state: State = "open") -> Event:
    return Event(
        event_id=f"event{number}", version=1, state=state, type="loitering", subtype="", subjects=[Subject("1#0", 1)], mmsi=[1], t_start=T0, t_end=None,
        t_detected=T0, lat=CENTRE[0], lon=CENTRE[1], zones=[ZoneRelation(zone, "1", "area", "inside", 0.0) for zone in zones], measures={}, evidence=[],
        exclusions=[], confidence=0.8, rule="loitering", rule_version="1.0", params_hash="0",
    )  # fmt: skip


def board_of(*alerts: Alert) -> Board:
    board = Board()
    board.attach(Decisions())
    for one in alerts:
        board.publish(one)
    return board


# --- the room ------------------------------------------------------------------------------------------------------------


def test_the_room_is_flooded_by_many_rules_none_of_which_floods() -> None:
    board = board_of(*(by_rule(n, f"rule{n % 5}", t_ms=T0 + n * 1000) for n in range(BURST)))
    assert not board.health_now()["room_flood"]
    board.publish(by_rule(BURST, "rule0", t_ms=T0 + 10_000))
    health = board.health_now()
    assert health["room_flood"]
    assert not health["rules_on_hold"]
    assert all(one["held"] == "" for one in board.snapshot()[1])
    assert {one["rule"] for one in board.snapshot()[1]} == {f"rule{n}" for n in range(5)}


def test_it_ends_when_ten_minutes_brought_half_as_many() -> None:
    board = board_of(*(by_rule(n, f"rule{n % 5}", t_ms=T0 + n * 10_000) for n in range(BURST + 1)))
    board.expire(T0 + WINDOW_MS + 40_000)  # the first five are older than ten minutes
    assert board.health_now()["room_flood"]
    board.expire(T0 + WINDOW_MS + 50_000)
    assert not board.health_now()["room_flood"]


def test_one_rule_that_floods_and_is_folded_floods_no_room() -> None:
    board = board_of(*(by_rule(n, "loitering", t_ms=T0 + n * 1000) for n in range(200)))
    health = board.health_now()
    assert (health["room_flood"], health["rules_on_hold"]) == (False, ["loitering"])


def test_distress_floods_no_room() -> None:
    board = board_of(*(distress(n, mmsi=970_000_000 + n) for n in range(50)))
    assert not board.health_now()["room_flood"]


@pytest.mark.parametrize("seed", range(20))
def test_the_room_is_what_a_slow_count_says(seed: int) -> None:
    import random

    rng = random.Random(seed)
    flood, on, t_ms, came = Flood(), False, T0, list[int]()
    room = Room(flood)
    for number in range(300):
        t_ms += rng.choice((0, 1000, 30_000, 200_000, 700_000))
        came.append(t_ms)
        room.came(str(number), t_ms)
        on = sum(when > t_ms - WINDOW_MS for when in came) > (BURST // 2 if on else BURST)
        assert room.on == on


# --- the terminal --------------------------------------------------------------------------------------------------------


def said(lines: AlertLines, *alerts: Alert) -> list[str]:
    return [one for each in alerts for one in lines.news(each)]


def test_a_rule_that_floods_is_told_in_few_lines_and_each_alert_before_the_flood_in_one() -> None:
    lines = AlertLines()
    told = said(lines, *(by_rule(n, "loitering", t_ms=T0 + n * 100, headline=f"ship {n}") for n in range(1900)))
    own = [one for one in told if "flooding" not in one]
    floods = [one for one in told if "flooding" in one]
    assert [one.rsplit(" ", 1)[1] for one in own] == [str(n) for n in range(BURST)]
    assert "11 alerts" in floods[0]
    assert len(floods) <= 9, "once, then at each doubling"
    assert len(lines.shown) == 1900, "all are counted"


def test_what_is_folded_says_nothing_when_it_clears_and_a_flood_that_worsens_or_ends_does() -> None:
    lines = AlertLines()
    said(lines, *(by_rule(n, "loitering", t_ms=T0 + n * 100, level="caution") for n in range(50)))
    assert said(lines, by_rule(40, "loitering", t_ms=T0 + 9000, level="caution", condition="cleared", revision=2)) == []
    (worse,) = said(lines, by_rule(60, "loitering", t_ms=T0 + 9100, level="alarm"))
    assert "ALARM" in worse
    assert "flooding" in worse
    after = said(lines, by_rule(70, "zone", t_ms=T0 + HOUR, headline="later"))
    assert ["CLEARED" in after[0], "later" in after[-1]] == [True, True]


def test_in_a_flooded_room_alarms_and_distress_are_lines_and_the_rest_is_counted() -> None:
    lines = AlertLines()
    calm = said(lines, *(by_rule(n, f"rule{n % 5}", t_ms=T0 + n * 1000) for n in range(BURST)))
    assert len(calm) == BURST
    assert said(lines, *(by_rule(20 + n, f"rule{n % 5}", t_ms=T0 + 20_000 + n, level="caution") for n in range(5))) == []
    loud = said(lines, by_rule(40, "dark", t_ms=T0 + 30_000, level="alarm"), distress(50, t_last=T0 + 30_000))
    assert len(loud) == 2
    (counts,) = lines.rest()
    assert "1 rule0" in counts
    assert "1 rule4" in counts
    assert lines.rest() == []


def test_counts_come_each_ten_minutes() -> None:
    lines = AlertLines()
    told = said(lines, *(by_rule(n, f"rule{n % 20}", t_ms=T0 + n * 20_000) for n in range(200)))
    counts = [one for one in told if "FLOOD" in one]
    assert 5 <= len(counts) <= 7, "an hour and more of it"
    assert len(told) < 30


# --- shelves of zone and rule --------------------------------------------------------------------------------------------


def zoned() -> Board:
    board = board_of()
    board.zones.take([event(1, "reef"), event(2, "reef"), event(3, "bay"), event(4, "reef"), event(5, "reef", "bay"), event(6, "reef", state="candidate")])
    for number, rule in ((1, "loitering"), (2, "loitering"), (3, "loitering"), (4, "zigzag"), (5, "loitering"), (6, "loitering")):
        board.publish(by_rule(number, rule))
    return board


def order(board: Board, action: str, number: int, **more: Any) -> dict[str, Any]:
    asked = Order(action, "Ana", reason="works at the reef", **more)
    record = board.record(f"{number:032x}")
    assert record
    return board.decide(f"{number:032x}", asked, op_revision=record["op_revision"], event_ms=T0)


def shelved(board: Board) -> list[int]:
    found = [(number, board.record(f"{number:032x}")) for number in range(1, 10)]
    return [number for number, record in found if record and record["shelf"]]


def test_a_shelf_of_zone_and_rule_covers_whoever_does_it_there_and_is_taken_away_as_one() -> None:
    board = zoned()
    order(board, "shelve", 1, scope="zone_rule", until_ms=T0 + HOUR)
    assert shelved(board) == [1, 2, 5]
    board.zones.take([event(7, "reef")])
    board.publish(by_rule(7, "loitering", t_ms=T0 + 1000))
    board.publish(by_rule(8, "loitering", t_ms=T0 + 1000))
    assert shelved(board) == [1, 2, 5, 7], "a vessel that comes later too, one of whom no zone is known not"
    board.publish(by_rule(2, "loitering", t_ms=T0 + 2000, level="alarm", revision=2))
    assert shelved(board) == [1, 5, 7], "what rises comes up again"
    order(board, "unshelve", 7)
    assert shelved(board) == []


def test_it_ends_by_event_time_and_a_restart_keeps_it() -> None:
    board = zoned()
    order(board, "shelve", 1, scope="zone_rule", until_ms=T0 + HOUR)
    again = Board()
    again.attach(board._decisions)
    again.zones.take([event(2, "reef")])
    again.publish(by_rule(2, "loitering"))
    assert shelved(again) == [2]
    again.expire(T0 + HOUR)
    assert shelved(again) == []


def test_the_zone_must_be_one_of_the_alert() -> None:
    board = zoned()
    for number, of in ((5, ""), (1, "bay"), (6, ""), (6, "reef")):
        with pytest.raises(RefusedError) as refused:
            order(board, "shelve", number, scope="zone_rule", until_ms=T0 + HOUR, of=of)
        assert refused.value.status == 422
    order(board, "shelve", 5, scope="zone_rule", until_ms=T0 + HOUR, of="bay")
    assert shelved(board) == [3, 5]


def test_distress_is_on_no_shelf_of_a_zone() -> None:
    board = zoned()
    board.publish(distress(9, event_ids=["event1"]))
    with pytest.raises(RefusedError, match="never shelved"):
        order(board, "shelve", 9, scope="zone_rule", until_ms=T0 + HOUR)
    order(board, "shelve", 1, scope="zone_rule", until_ms=T0 + HOUR)
    assert 9 not in shelved(board)


def test_zones_are_remembered_within_bounds_newest_version_first() -> None:
    zones = ZonesTold(events_max=3)
    zones.take([event(n, "reef") for n in range(5)])
    zones.take([msgspec.structs.replace(event(4), zones=event(4, "bay").zones)])
    assert [zones.of(by_rule(n, "loitering")) for n in range(5)] == [(), (), ("reef",), ("reef",), ("bay",)]
