"""Silence: the sounds of one desk are off for half a minute, and the watch log says whose hand did it. May live here: that route.

May not: sounds (the page makes them), acknowledging: whoever silences has seen nothing yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from console.answers import clean_text, json_body, problem, reply
from console.board import Board
from console.database import StoreError
from console.decisions import Act, Decisions
from console.life import WATCH
from console.rate import WINDOW_S, Rate

SILENCE_S = 30  # IEC 62923: an audible alert is silenced temporarily, for at most so long
POSTS_PER_WINDOW_MAX = 20
LOUD = ("emergency", "alarm")


def silence_routes(board: Board, decisions: Decisions, event_ms: Callable[[], int | None]) -> list[BaseRoute]:
    """Routes under api/v1. event_ms: the event time of the picture."""
    return [Route("/silence", _Desk(board, decisions, event_ms).silence, methods=["POST"])]


class _Desk:
    def __init__(self, board: Board, decisions: Decisions, event_ms: Callable[[], int | None]) -> None:
        self._board, self._decisions, self._event_ms = board, decisions, event_ms
        self._posts = Rate(POSTS_PER_WINDOW_MAX)

    async def silence(self, request: Request) -> Response:
        """POST api/silence {"by", "role"}: logged before it is answered; `seconds`: how long the page may be silent."""
        address = request.client.host if request.client else ""
        if not self._posts.allows(address):
            return problem(429, "too many requests from this desk", f"wait {WINDOW_S:.0f} s")
        body = await json_body(request) or {}
        by, role = clean_text(body.get("by"), 60), clean_text(body.get("role"), 20) or WATCH[0]
        if not by:
            return problem(422, "a silence needs a name", '{"by": "your name"} as application/json')
        if role not in WATCH:
            return problem(403, f"a {role} may not silence a desk", f"ask a {' or '.join(WATCH)}")
        loud = [one for one in self._board.snapshot()[1] if _sounds(one)]
        worst = next((one["alert_id"] for one in loud), "")
        words = ", ".join(f"{n} {level}" for level in LOUD if (n := sum(one["level"] == level for one in loud))) or "nothing sounded"
        act = Act("silence", by, role, round(time.time() * 1000), self._event_ms(), station=clean_text(address, 60))
        try:
            await run_in_threadpool(self._decisions.enter, [(act, worst, words, f"silent for {SILENCE_S} s")])
        except StoreError as fault:
            return problem(503, f"the silence was NOT recorded: {fault}", "check the disk or the database of the console; the sound goes on")
        return reply({"by": by, "seconds": SILENCE_S})


def _sounds(record: dict[str, Any]) -> bool:
    """Whether an alert makes a desk sound again and again: the worst are first in a snapshot."""
    aside = record["disposition"] or record["shelf"] or record["held"]
    return record["level"] in LOUD and record["condition"] == "active" and not record["ack"] and not aside
