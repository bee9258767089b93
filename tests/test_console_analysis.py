"""Figures for analysts: counts against a slow twin, precision, CSV without formulas and persons, over the API."""

from __future__ import annotations

import csv
import io
import math

from starlette.testclient import TestClient

from console.analysis import analysis, as_csv, source_ages, wilson
from console.app import create_app
from console.board import Board
from console.decisions import Decision, Decisions, Disposition, Raised
from console.picture import Picture
from tests.console_harness import T0, alert

CODES = ["confirmed", "referred", "false_positive", "false_positive", "benign_known", "duplicate", ""]


def closed(alert_id: str, code: str) -> Decision:
    return Decision(alert_id, disposition=Disposition(code, "why", "Ana", "analyst", 1, 1, "warning", 1) if code else None)


def figures() -> dict[str, object]:
    rows = [Raised(str(i), T0 + i * 600_000, "warning", "=cmd|x" if i % 2 else "dark", 257_000_000 + i) for i in range(70)]
    known = {row.alert_id: closed(row.alert_id, CODES[i % 7]) for i, row in enumerate(rows)}
    records = [{"alert_id": "0", "zones": ["north", "south"]}, {"alert_id": "1", "zones": []}]
    return analysis(rows, lambda name: known[name], records, since_ms=T0, until_ms=T0 + 60 * 600_000)


def test_every_alert_of_the_time_is_counted_once_and_shares_leave_out_what_nobody_judged() -> None:
    found = figures()
    kept = [(i, CODES[i % 7]) for i in range(60)]
    assert found["alerts"] == 60 == sum(bar["alerts"] for bar in found["over_time"])  # type: ignore[attr-defined]
    assert len(found["over_time"]) == 10  # type: ignore[arg-type]
    for row in found["rules"]:  # type: ignore[attr-defined]
        mine = [code for i, code in kept if (i % 2 == 1) == (row["name"] == "=cmd|x")]
        right, wrong = sum(c in ("confirmed", "referred") for c in mine), sum(c in ("false_positive", "benign_known") for c in mine)
        assert (row["alerts"], row["right"], row["wrong"], row["open"]) == (len(mine), right, wrong, mine.count(""))
        assert row["precision"] == round(right / (right + wrong), 4)
        assert row["precision_low"] < row["precision"] < row["precision_high"]
    assert {row["name"] for row in found["noisy"]} == {"dark", "=cmd|x"}  # type: ignore[attr-defined]
    assert [(row["name"], row["alerts"]) for row in found["zones"]] == [("north", 1), ("south", 1)]  # type: ignore[attr-defined]
    assert [row["name"] for row in found["flags"]] == ["MID 257"]  # type: ignore[attr-defined]


def test_wilson_agrees_with_its_definition() -> None:
    assert wilson(0, 0) == (None, None, None)
    for hits, total in ((0, 3), (3, 3), (7, 19)):
        share, low, high = wilson(hits, total)
        assert share is not None
        for edge in (low, high):
            assert edge is not None
            gap = abs(hits / total - edge)
            assert math.isclose(gap, 1.959964 * math.sqrt(edge * (1 - edge) / total), abs_tol=2e-3)


def test_the_file_has_no_formula_and_no_person() -> None:
    text = as_csv(figures(), exercise=True).decode()
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 1 + 1 + 2 + 1 + 2
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert "Ana" not in text
    assert all(row[-1] == "EXERCISE" for row in rows[1:])


def test_the_age_of_a_source_goes_by_event_time() -> None:
    health = {"sources": {"a": "up", "b": "silent"}, "heartbeats": {"a": {"t": "2026-01-01T00:00:00.000Z", "state": "up"}}}
    assert [(row["source"], row["state"], row["age_s"]) for row in source_ages(health, T0 + 90_000)] == [("a", "up", 90.0), ("b", "silent", None)]


def test_the_api_gives_them() -> None:
    board, decisions = Board(), Decisions(None)
    client = TestClient(create_app(board, Picture(), decisions))
    board.publish(alert(1))
    board.publish(alert(2))
    board.expire(T0)
    assert client.get("/api/v1/analysis?hours=24").json()["alerts"] == 2
    assert client.get("/api/v1/analysis?hours=x").status_code == 400
    answer = client.get("/api/v1/analysis.csv")
    assert answer.headers["content-disposition"].endswith('"exercise-analysis.csv"')
    assert answer.text.count("\r\n") >= 3
