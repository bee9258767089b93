"""The raw sentences behind an alert: held as alerts come, and asked for by the page. May live here: that route, which span counts.

May not: keeping lines (console/sentences.py), tracks and traffic (console/evidence.py), any judgement.
"""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.answers import problem, reply
from console.board import Board
from console.evidence import AFTER_MS, BEFORE_MS, SPAN_MAX_MS, subjects_of
from console.sentences import LINES_MAX, Line, Sentences
from dogwatch.times import from_iso

AT_ONCE = 2  # alerts looked through per beat: each costs up to half a second where thousands of lines come a second


def sentence_routes(board: Board, sentences: Sentences) -> list[Route]:
    """Routes under api/v1."""

    async def of_alert(request: Request) -> Response:
        """GET api/alerts/{id}/sentences: the lines of its vessels from 30 min before its start to 10 min after its end, as they were received."""
        record = board.record(request.path_params["alert_id"])
        if record is None:
            return problem(404, "no such alert on this board", "it may have left the board; alerts.ndjson keeps every revision")
        total, lines = await run_in_threadpool(hold, record, sentences)
        known = sentences.begins_ms
        return reply({"alert_id": record["alert_id"], "total": total, "most": LINES_MAX, "known_from_ms": known, "lines": [line._asdict() for line in lines]})

    return [Route("/alerts/{alert_id}/sentences", of_alert)]


def hold(record: dict[str, Any], sentences: Sentences) -> tuple[int, list[Line]]:
    """How many lines there are behind an alert, and those that are held for it from now on."""
    first, last = from_iso(record["t_first"]), from_iso(record["t_last"])
    assert first is not None, "every alert has a beginning"
    assert last is not None, "and a latest time"
    until = last + AFTER_MS
    span = max(first - BEFORE_MS, until - SPAN_MAX_MS), until
    return sentences.hold(record["alert_id"], record["revision"], subjects_of(record), span, first, last)


def hold_due(board: Board, sentences: Sentences) -> None:
    """Hold the lines of new and changed alerts, a few at a time: the ring does not wait. What a flood folds is looked through when asked for."""
    for alert_id in sentences.due(board.revisions())[:AT_ONCE]:
        if (record := board.record(alert_id)) is not None:
            hold(record, sentences)
