"""The track of a vessel for the map: where it was in the last hours, at what speed. May live here: that route. May not: keeping positions
(console/history.py), drawing, what else is known of the vessel (console/dossier.py).
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.answers import problem, reply
from console.picture import Picture

HOURS, HOURS_MAX = 24.0, 25.0
HOUR_MS = 3_600_000


def track_routes(picture: Picture) -> list[Route]:
    """Routes under api/v1."""

    async def track(request: Request) -> Response:
        """GET api/vessels/{mmsi}/track?hours=: positions of the last hours, oldest first; columns of equal length. Empty of a vessel not heard."""
        try:
            hours = float(request.query_params.get("hours", HOURS))
        except ValueError:
            hours = 0.0
        if not 0 < hours <= HOURS_MAX:
            return problem(400, "hours makes no sense", f"a number up to {HOURS_MAX:g}")
        until_ms = picture.until_ms
        (found,) = await run_in_threadpool(picture.history.tracks, [request.path_params["mmsi"]], until_ms - round(hours * HOUR_MS), until_ms)
        return reply({**found, "until_ms": until_ms, "known_from_ms": picture.history.begins_ms})

    return [Route("/vessels/{mmsi:int}/track", track)]
