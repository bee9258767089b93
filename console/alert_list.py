"""The list of all alerts, a page at a time. May live here: that route, where a page begins, its tag. May not: one alert (console/alert_desk.py).

A page is begun after a record, not after a count: alerts come and go while somebody reads, and none may fall between two pages. Whoever reads
them all follows the stream from the cursor of the *first* page: what moved meanwhile is told there, and the larger revision wins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from console.answers import problem, reply
from console.board import Board

PAGE_MAX = 2_000
PAGE = 500


def list_routes(board: Board, health: Callable[[], dict[str, Any]]) -> list[BaseRoute]:
    """Routes under api/v1. health: the facts of the top line, which come with each page."""

    async def alerts(request: Request) -> Response:
        """GET api/alerts?limit=&after=&offset=: records, worst and newest first; `next` begins the page after, `cursor` is where api/events goes on."""
        asked = request.query_params
        try:
            limit, offset = (int(asked.get(name, default)) for name, default in (("limit", PAGE), ("offset", 0)))
            after = _key(asked["after"]) if asked.get("after") else None
        except ValueError:
            return problem(400, "limit and offset are whole numbers, after is the `next` of the page before", "leave them out for the first 500")
        limit, offset = min(max(1, limit), PAGE_MAX), max(0, offset)
        tag = f'W/"{board.stream.cursor}.{limit}.{offset}.{asked.get("after", "")}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"etag": tag, "cache-control": "no-store"})
        page = await run_in_threadpool(board.page, limit, after=after, offset=offset)
        following = ".".join(str(part) for part in page.last) if page.more else None
        answer = reply({"cursor": page.cursor, "total": page.total, "offset": offset, "next": following, "alerts": page.records, "health": health()})
        answer.headers["etag"] = tag
        return answer

    return [Route("/alerts", alerts)]


def _key(text: str) -> tuple[int, int, str]:
    """(level, time, id) at which a page begins. Raises ValueError."""
    rank, t_ms, alert_id = text.split(".", 2)
    return int(rank), int(t_ms), alert_id
