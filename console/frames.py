"""The moving picture as frames: a key frame for who asks once, a web socket with deltas for pages. May live here: those two routes.

May not: what a frame holds (console/picture.py), when the beat falls (console/app.py).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from console.answers import problem, reply
from console.picture import Box, Picture
from console.stream import Stream
from dogwatch.times import iso

BEAT_S = 0.5  # a delta frame each beat: two redraws of a moving picture per second, 23 B per changed vessel
KEY_EVERY = 120  # beats: a key frame each 60 s drops what a page should no longer show
BEHIND_BEATS_MAX = 20  # a page more than 10 s behind gets a key frame


class Frames:
    """The frames of one picture, for every page."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._frames = Stream(items_max=1)  # used for waking only: each socket asks the picture for what it missed
        self._cache: dict[tuple[int, int], bytes] = {}

    def routes(self) -> list[BaseRoute]:
        """Routes under api/v1."""
        return [Route("/vessels.bin", self.vessels), WebSocketRoute("/vessels", self.vessel_stream)]

    def pulse(self) -> None:
        """The picture has advanced: wake every page."""
        self._frames.pulse("frame", b"")

    def close(self) -> None:
        """End every socket."""
        self._frames.close()

    async def vessels(self, request: Request) -> Response:
        """GET api/vessels.bin?bbox=&fmt=: a key frame, or JSON for people."""
        try:
            box = _box(request.query_params.get("bbox"))
        except ValueError as fault:
            return problem(400, str(fault), "bbox=west,south,east,north in degrees")
        if request.query_params.get("fmt") == "json":
            return reply({"t": iso(self._picture.event_ms), "vessels": self._picture.list(box)})
        return Response(self._picture.frame("key", box=box), media_type="application/octet-stream", headers={"cache-control": "no-store"})

    async def vessel_stream(self, ws: WebSocket) -> None:
        """WS api/vessels?bbox=: a key frame, then a delta each beat; what a slow page missed comes merged in its next one."""
        try:
            box = _box(ws.query_params.get("bbox"))
        except ValueError:
            await ws.close(1008, "bbox=west,south,east,north in degrees")
            return
        await ws.accept()
        listener = asyncio.create_task(_until_closed(ws))
        try:
            with self._frames.waker() as waker:
                await self._send_frames(ws, waker, box, listener)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the page is gone: nothing to tell anybody
        finally:
            listener.cancel()

    async def _send_frames(self, ws: WebSocket, waker: Any, box: Box | None, listener: asyncio.Task[None]) -> None:
        sent, key_due = -1, 0
        while not listener.done() and not self._frames.closed:
            seq = self._picture.seq
            if sent < 0 or seq - sent > BEHIND_BEATS_MAX or seq >= key_due:
                frame = self._picture.frame("key", box=box)
                key_due = seq + KEY_EVERY
            else:
                frame = self._delta(sent, seq) if box is None else self._picture.frame("delta", since=sent, box=box)
            sent = seq
            await ws.send_bytes(frame)
            await waker.wait(BEAT_S * 4)

    def _delta(self, since: int, seq: int) -> bytes:
        """The delta that most pages want is encoded once per beat."""
        key = (since, seq)
        if key not in self._cache:
            self._cache = {k: v for k, v in self._cache.items() if k[1] == seq}
            self._cache[key] = self._picture.frame("delta", since=since)
        return self._cache[key]


async def _until_closed(ws: WebSocket) -> None:
    """Ends when the page goes away; what pages send here is of no interest."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            if (await ws.receive())["type"] == "websocket.disconnect":
                return


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as fault:
        raise ValueError("bbox is not four numbers") from fault
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("bbox is outside the world")
    return west, south, east, north
