"""Routes of a rescue: who can come, where it drifts, which areas are open, and beginning one by hand. May live here: those.

May not: reckoning (ingest/rescuers.py, ingest/leeway.py), what an area excuses (the detectors), ending one (a decision like others: console/alert_desk.py).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from console.answers import clean_text, json_body, problem, reply
from console.board import Board, NoRescueError
from console.database import StoreError
from console.picture import Picture
from console.rate import WINDOW_S, Rate
from console.rescue import drift_answer
from dogwatch.errors import InputError
from dogwatch.times import iso
from ingest.rescuers import OnLand, nearest

MAY = ("watchstander", "supervisor")  # begin and end a rescue area
POSTS_PER_WINDOW_MAX = 20


def rescue_routes(board: Board, picture: Picture, on_land: OnLand | None) -> list[BaseRoute]:
    """Routes under api/v1."""
    desk = _Desk(board, picture, on_land)
    return [
        Route("/alerts/{alert_id}/rescuers", desk.rescuers),
        Route("/rescues", desk.areas),
        Route("/rescues", desk.begin, methods=["POST"]),
        Route("/drift", desk.drift),
    ]


class _Desk:
    def __init__(self, board: Board, picture: Picture, on_land: OnLand | None) -> None:
        self._board, self._picture, self._on_land = board, picture, on_land
        self._posts = Rate(POSTS_PER_WINDOW_MAX)

    async def rescuers(self, request: Request) -> Response:
        """GET api/alerts/{id}/rescuers: the vessels that can be there first, from the latest position of the call."""
        record = self._board.record(request.path_params["alert_id"])
        if record is None or record["lat"] is None:
            return problem(404, "no such alert on this board, or its position is not known", "read api/alerts")
        now_ms = self._picture.event_ms or 0
        ships, mine = self._picture.ships(), tuple(record["mmsi"])
        own = ships[np.isin(ships["mmsi"], mine)]
        lat, lon = (float(own["lat"][0]), float(own["lon"][0])) if len(own) == 1 else (record["lat"], record["lon"])
        found = await run_in_threadpool(nearest, ships, lat, lon, now_ms=now_ms, never=mine, on_land=self._on_land)
        return reply({"lat": lat, "lon": lon, "event_time": iso(now_ms), **found})

    async def drift(self, request: Request) -> Response:
        """GET api/drift?lat=&lon=&class=&hours=&wind_ms=&wind_from=&current_ms=&current_to=&error_m=&seed=: GeoJSON; without wind a circle that bounds it."""
        try:
            return reply(await run_in_threadpool(drift_answer, dict(request.query_params), self._on_land))
        except InputError as fault:
            return problem(400, fault.what, fault.remedy)

    async def areas(self, request: Request) -> Response:
        """GET api/rescues: the rescue areas that are open, and what each of them holds back."""
        return reply({"rescues": await run_in_threadpool(self._board.rescues)})

    async def begin(self, request: Request) -> Response:
        """POST api/rescues {"lat", "lon", "by", "role", "reason"}: a person says that people are being helped there. Durable before it is answered."""
        if not self._posts.allows(request.client.host if request.client else ""):
            return problem(429, "too many requests from this desk", f"wait {WINDOW_S:.0f} s")
        body = await json_body(request) or {}
        by, role, reason = (clean_text(body.get(name), most) for name, most in (("by", 60), ("role", 20), ("reason", 300)))
        lat, lon = _degrees(body.get("lat"), 90), _degrees(body.get("lon"), 180)
        if not (by and role and reason) or lat is None or lon is None:
            wanted = '{"lat": 35.1, "lon": 18.2, "by": "your name", "role": "supervisor", "reason": "..."} as application/json'
            return problem(422, "beginning a rescue needs a place in degrees, a name, a role and a reason", wanted)
        if role not in MAY:
            return problem(403, f"a {role} may not begin a rescue", f"ask a {' or '.join(MAY)}")
        try:
            area = await run_in_threadpool(self._board.begin_rescue, lat, lon, by=by, role=role, reason=reason, event_ms=self._picture.event_ms)
        except NoRescueError:
            return problem(409, "this console has no way to the detectors", "begin it at the console of the run itself")
        except StoreError as fault:
            return problem(503, f"the rescue was NOT recorded: {fault}", "check the disk or the database of the console, then repeat")
        return reply({"area": area})


def _degrees(value: Any, most: int) -> float | None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) and abs(value) <= most else None
