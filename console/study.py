"""Routes of the analyst's page. May live here: reading what is asked, gathering what is known. May not: counting (console/analysis.py)."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from console.analysis import HOUR_MS, analysis, as_csv, source_ages
from console.answers import problem, reply
from console.board import Board
from console.database import StoreError
from console.decisions import Decisions
from console.picture import Picture

HOURS_MAX = 24 * 366


def study_routes(board: Board, picture: Picture, decisions: Decisions) -> list[BaseRoute]:
    """Routes under api/v1."""
    desk = _Desk(board, picture, decisions)
    return [Route("/analysis", desk.figures), Route("/analysis.csv", desk.table)]


class _Desk:
    def __init__(self, board: Board, picture: Picture, decisions: Decisions) -> None:
        self._board, self._picture, self._decisions = board, picture, decisions

    async def figures(self, request: Request) -> Response:
        """GET api/analysis?hours=: alerts over event time, by rule, zone, flag and disposition, with precision; data age per source."""
        found = await self._found(request)
        return found if isinstance(found, Response) else reply(found)

    async def table(self, request: Request) -> Response:
        """GET api/analysis.csv?hours=: the same shares as a file."""
        found = await self._found(request)
        if isinstance(found, Response):
            return found
        name = f"{'exercise-' if found['exercise'] else ''}analysis.csv"
        headers = {"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'}
        return Response(as_csv(found, exercise=found["exercise"]), media_type="text/csv; charset=utf-8", headers=headers)

    async def _found(self, request: Request) -> dict[str, Any] | Response:
        try:
            hours = float(request.query_params.get("hours", "24"))
        except ValueError:
            hours = 0.0
        if not 0 < hours <= HOURS_MAX:
            return problem(400, "hours make no sense", f"a number up to {HOURS_MAX}")
        try:
            return await run_in_threadpool(self._count, hours)
        except StoreError as fault:
            return problem(503, f"the figures cannot be read: {fault}", "check the disk or the database of the console")

    def _count(self, hours: float) -> dict[str, Any]:
        records, health = self._board.snapshot()[1], self._board.health_now()
        known = [self._picture.event_ms or 0, *(row.event_ms for row in self._decisions.raised_since(0)[-1:])]
        until_ms = max(known) + 1
        since_ms = until_ms - round(hours * HOUR_MS)
        found = analysis(self._decisions.raised_since(since_ms), self._decisions.get, records, since_ms=since_ms, until_ms=until_ms)
        return {**found, "hours": hours, "exercise": self._board.exercise or self._picture.exercise, "sources": source_ages(health, self._picture.event_ms)}
