"""Routes of one alert: its record, and what people decide about it. May live here: those routes, reading what a decision says.

May not: who may do what (console/life.py), when a decision ends (console/board.py), SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from console.answers import clean_text, json_body, problem, reply
from console.board import Board, LevelRoseError, NoRescueError, decision_plain
from console.database import StoreError
from console.decisions import StaleError
from console.life import MAY, WATCH, RefusedError, plain
from console.picture import Picture
from console.rate import WINDOW_S, Rate
from console.rescue_desk import MAY as MAY_END_RESCUE

NAME_CHARS_MAX = 60
REASON_CHARS_MAX = 300
POSTS_PER_WINDOW_MAX = 100  # per address; a person acknowledges a few per minute


def alert_routes(board: Board, picture: Picture) -> list[BaseRoute]:
    """Routes under api/v1; the list of all alerts is console/app.py's, with the health of the room."""
    desk = _Desk(board, picture)
    return [
        Route("/alerts/{alert_id}", desk.alert),
        Route("/alerts/{alert_id}/ack", desk.acknowledge, methods=["POST"]),
        Route("/alerts/{alert_id}/end-rescue", desk.end_rescue, methods=["POST"]),
        Route("/alerts/{alert_id}/{action}", desk.order, methods=["POST"]),
    ]


class _Desk:
    def __init__(self, board: Board, picture: Picture) -> None:
        self._board, self._picture = board, picture
        self._writes = Rate(POSTS_PER_WINDOW_MAX)

    async def alert(self, request: Request) -> Response:
        """GET api/alerts/{id}"""
        record = self._board.record(request.path_params["alert_id"])
        if record is None:
            return problem(404, "no such alert on this board", "it may have left the board; alerts.ndjson keeps every revision")
        return _tagged(record)

    async def acknowledge(self, request: Request) -> Response:
        """POST api/alerts/{id}/ack {"by", "seen_revision"}, with If-Match: op_revision. Durable before it is answered."""
        asked = await self._asked(request)
        if isinstance(asked, Response):
            return asked
        tag, body = asked
        seen = body.get("seen_revision")
        if isinstance(seen, bool) or not isinstance(seen, int) or tag is None or not clean_text(body.get("by"), NAME_CHARS_MAX):
            return problem(422, "an acknowledgement needs a name and the revision that was seen", '{"by": "your name", "seen_revision": 1} as application/json')
        role = clean_text(body.get("role"), 20) or WATCH[0]
        if role not in WATCH:
            return problem(403, f"a {role} may not acknowledge", f"ask a {' or '.join(WATCH)}")
        return await self._decide(request, tag, self._board.acknowledge, by=clean_text(body["by"], NAME_CHARS_MAX), role=role, seen_revision=seen)

    async def order(self, request: Request) -> Response:
        """POST api/alerts/{id}/{own, assign, release, note, dispose, reopen, shelve, unshelve, release-hold}, with If-Match: op_revision.

        The body says by whom, in which role, why, and what the action needs (docs/console.md). Durable before it is answered.
        """
        action = request.path_params["action"]
        if action not in MAY:
            return problem(404, f"no such action: {action[:30]}", f"one of {', '.join(MAY)}")
        asked = await self._asked(request)
        if isinstance(asked, Response):
            return asked
        tag, body = asked
        try:
            order = plain(body, action, clean_text)
        except RefusedError as refused:
            return problem(refused.status, refused.title, refused.remedy)
        if tag is None:
            return problem(422, "If-Match is no op_revision", "send the op_revision that you have seen in If-Match")
        return await self._decide(request, tag, self._board.decide, order=order)

    async def end_rescue(self, request: Request) -> Response:
        """POST api/alerts/{id}/end-rescue {"by", "role", "reason"}, with If-Match: op_revision. Durable before it is answered.

        From then on the areas that the alert opened excuse nobody: what was held back in them is judged anew.
        """
        asked = await self._asked(request)
        if isinstance(asked, Response):
            return asked
        tag, body = asked
        by, role, reason = (clean_text(body.get(name), most) for name, most in (("by", NAME_CHARS_MAX), ("role", 20), ("reason", REASON_CHARS_MAX)))
        if not (by and role and reason) or tag is None:
            return problem(
                422, "ending a rescue needs a name, a role and a reason", '{"by": "your name", "role": "supervisor", "reason": "..."} as application/json'
            )
        if role not in MAY_END_RESCUE:
            return problem(403, f"a {role} may not end a rescue", f"ask a {' or '.join(MAY_END_RESCUE)}")
        return await self._decide(request, tag, self._board.end_rescue, by=by, role=role, reason=reason)

    async def _asked(self, request: Request) -> tuple[int | None, dict[str, Any]] | Response:
        """(op_revision that was seen, None if it is no number; body, empty if it is no JSON object) of a decision, or why it is refused."""
        address = request.client.host if request.client else ""
        if not self._writes.allows(address):
            return problem(429, "too many requests from this desk", f"wait {WINDOW_S:.0f} s")
        tag = request.headers.get("if-match", "").strip().strip('"')
        if not tag:
            return problem(428, "If-Match is missing", "send the op_revision that you have seen in If-Match")
        return int(tag) if tag.isascii() and tag.isdigit() else None, await json_body(request) or {}

    async def _decide(self, request: Request, op_revision: int, act: Callable[..., dict[str, Any]], **what: Any) -> Response:
        """A decision, on the disk before it is answered."""
        alert_id, key = request.path_params["alert_id"], request.headers.get("idempotency-key")
        try:
            record = await run_in_threadpool(act, alert_id, **what, op_revision=op_revision, event_ms=self._picture.event_ms, key=key)
        except KeyError:
            return problem(404, "no such alert on this board", "reload the page")
        except StaleError as stale:
            now = self._board.record(alert_id) or decision_plain(stale.current)
            return problem(412, "somebody decided before you", "look at their decision, then repeat yours if it still stands", record=now)
        except LevelRoseError:
            return problem(409, "the level rose after what you saw", "read the alert as it is now, then acknowledge", record=self._board.record(alert_id))
        except RefusedError as refused:
            return problem(refused.status, refused.title, refused.remedy, record=self._board.record(alert_id))
        except NoRescueError:
            return problem(
                409, "no rescue area is open for this alert", "nothing is excused by it: there is nothing to end", record=self._board.record(alert_id)
            )
        except StoreError as fault:
            return problem(503, f"the decision was NOT recorded: {fault}", "check the disk or the database of the console, then repeat")
        return _tagged(record)


def _tagged(record: dict[str, Any]) -> Response:
    response = reply(record)
    response.headers["etag"] = f'"{record["op_revision"]}"'
    return response
