"""Routes of the watch: who has it, taking it, handing it over. May live here: those. May not: their rules (console/watch.py)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from console.answers import clean_text, json_body, problem, reply
from console.board import Board
from console.database import StoreError
from console.life import RefusedError
from console.rate import WINDOW_S, Rate
from console.watch import STEPS, TEXT_CHARS_MAX, Watch, Watches, lists_of, plain

POSTS_PER_WINDOW_MAX = 30  # per address; a hand-over is a handful of steps
log = logging.getLogger("dogwatch.console")


def watch_routes(watches: Watches, board: Board, event_ms: Callable[[], int | None]) -> list[BaseRoute]:
    """Routes under api/v1. event_ms: the event time of the picture."""
    desk = _Desk(watches, board, event_ms)
    return [Route("/watch", desk.watch), Route("/watch/{step}", desk.step, methods=["POST"])]


class _Desk:
    def __init__(self, watches: Watches, board: Board, event_ms: Callable[[], int | None]) -> None:
        self._watches, self._board, self._event_ms = watches, board, event_ms
        self._posts = Rate(POSTS_PER_WINDOW_MAX)

    async def watch(self, request: Request) -> Response:
        """GET api/watch: who has it, what is offered, and the lists as they are now."""
        return self._answer(self._watches.now())

    async def step(self, request: Request) -> Response:
        """POST api/watch/{take, offer, withdraw, accept} {"by", "role", "words"}, with If-Match: version. Durable before it is answered.

        With the watch the relief gets what the outgoing looked after.
        """
        step, tag = request.path_params["step"], request.headers.get("if-match", "").strip().strip('"')
        if step not in STEPS:
            return problem(404, f"no such step: {step[:30]}", f"one of {', '.join(STEPS)}")
        if not self._posts.allows(request.client.host if request.client else ""):
            return problem(429, "too many requests from this desk", f"wait {WINDOW_S:.0f} s")
        if not tag:
            return problem(428, "If-Match is missing", "send the version of the watch that you have seen in If-Match")
        body = await json_body(request, 4 * TEXT_CHARS_MAX) or {}
        by, role, words = clean_text(body.get("by"), 60), clean_text(body.get("role"), 20) or "watchstander", _lines(body.get("words"))
        if not by or not (tag.isascii() and tag.isdigit()):
            return problem(422, "a step of the watch needs a name and the version that was seen", '{"by": "your name"} as application/json')
        before = self._watches.now()
        asked: dict[str, Any] = {"by": by, "role": role, "words": words, "lists": self._lists(), "version": int(tag), "event_ms": self._event_ms()}
        try:
            after = await run_in_threadpool(self._watches.step, step, **asked)
        except RefusedError as refused:
            return problem(refused.status, refused.title, refused.remedy, watch=plain(self._watches.now()))
        except StoreError as fault:
            return problem(503, f"the step was NOT recorded: {fault}", "check the disk or the database of the console, then repeat")
        if step == "accept":
            await self._move(before.name, after)
        return self._answer(after)

    async def _move(self, outgoing: str, after: Watch) -> None:
        try:
            await run_in_threadpool(self._board.hand_over, outgoing, after.name, role=after.role, event_ms=after.event_ms)
        except StoreError as fault:  # the watch itself is handed over; what is left keeps its owner, whom everybody sees
            log.warning("console: not every alert of %r went to %r: %s", outgoing, after.name, fault)

    def _lists(self) -> dict[str, Any]:
        return lists_of(self._board.snapshot()[1], self._board.health_now())

    def _answer(self, watch: Watch) -> Response:
        response = reply({**plain(watch), "lists": self._lists()})
        response.headers["etag"] = f'"{watch.version}"'
        return response


def _lines(text: object) -> str:
    """A person's text fit for a log, line by line."""
    lines = text.replace("\r\n", "\n").split("\n") if isinstance(text, str) else []
    return "\n".join(clean_text(line, TEXT_CHARS_MAX) for line in lines).strip()[:TEXT_CHARS_MAX]
