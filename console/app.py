"""The console as a Starlette application: what is wired to what, routes that belong to no desk, and nothing that thinks.

May live here: wiring, the health of the room, the half-second beat that closes frames. May not: SQL, drawing, what makes an alert,
sockets of our own (console/server.py).

Every URL in the page is relative, so that the console works behind a proxy prefix. Nothing is ever fetched from elsewhere:
the content security policy forbids it, and a browser test holds us to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import mimetypes
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from console.alert_desk import alert_routes
from console.alert_list import list_routes
from console.answers import PERSON, clean_text, problem, reply
from console.assets import asset_routes, selftest
from console.basemap import Chart, map_routes
from console.board import Board, wall_ms
from console.database import StoreError
from console.decisions import Decisions
from console.dossier import dossier
from console.editing import Editor, editing_routes
from console.exhibits import Exhibits
from console.files import Files, days_of
from console.frames import BEAT_S, Frames
from console.gate import Gate
from console.guard import Guard
from console.login import session_routes
from console.normal import Usual, normal_routes
from console.openapi import document
from console.picture import Picture
from console.proxy import Forwarded, Trust
from console.rescue_desk import rescue_routes
from console.silence import silence_routes
from console.stream import sse
from console.study import study_routes
from console.track import track_routes
from console.users import Users
from console.watch import Watches, brief
from console.watch_desk import watch_routes
from dogwatch import __version__
from ingest.rescuers import OnLand

STATIC = Path(__file__).parent / "static"
HEALTH_EVERY = 2  # beats
WRITE_EVERY = 10  # beats: so much of what was heard a console loses that is killed
NAME_CHARS_MAX = 60
LOAD_HOURS_MAX = 24 * 366
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "testserver"})
mimetypes.add_type("text/javascript", ".mjs")  # some systems do not know it, and a browser refuses a module of another type
mimetypes.add_type("application/geo+json", ".geojson")


def create_app(
    board: Board,
    picture: Picture,
    decisions: Decisions,
    *,
    metrics: Callable[[], bytes] | None = None,
    land_geojson: Path | None = None,
    zones_geojson: bytes | None = None,
    info: dict[str, Any] | None = None,
    on_land: OnLand | None = None,
    protected: frozenset[int] = frozenset(),
    coverage_geojson: Callable[[], bytes] | None = None,
    depths: Path | None = None,
    editor: Editor | None = None,
    users: Users | None = None,
    trust: Trust | None = None,
    usual: Usual | None = None,
) -> Starlette:
    """The application. It serves; whoever made `board` and `picture` feeds them, from any thread.

    editor: rules and zones that are edited on their pages, and what checks them; None = nothing is.
    protected: MMSI and IMO numbers of vessels of which no file is made.
    on_land: (latitudes, longitudes in degrees) -> bools, for drift and for ways to a call.
    metrics: text for GET metrics; land_geojson: file of the offline basemap (borders.geojson and names.geojson beside it are served too);
    depths: a PMTiles archive that is drawn under it;
    coverage_geojson: what the receivers are known to hear, asked for each time; zones_geojson: what the map shows as zones.
    users: who may log in; None = those that stand in the database of `decisions`. trust: the proxy whose word is believed.
    usual: what a model of normal traffic says of a place and class; None = the page says what this console has heard itself.
    info: shown on the page: `desk`, `exercise` (bool), `listening` ("UDP 10110"), `rules` (count), `map_center` [lon, lat],
    `map_zoom`; `hosts` (list of names) adds host names this console answers to, ["*"] = any (behind a proxy that checks).
    """
    board.attach(decisions)
    board.moment = picture.moment
    given = dict(info or {})
    chart = Chart(land_geojson, coverage_geojson, depths)
    trust = trust or Trust()
    users = users or Users(decisions, proxied=bool(trust.address and trust.user_header))
    room = _Room(board, picture, metrics, chart, zones_geojson, given, users)
    room.files = Files(board, picture, protected)
    room.watches = Watches(decisions)
    watch = watch_routes(room.watches, board, lambda: picture.event_ms)
    rescue = rescue_routes(board, picture, on_land)
    silence = silence_routes(board, decisions, lambda: picture.event_ms)
    desks = [*watch, *silence, *rescue, *editing_routes(editor), *study_routes(board, picture, decisions)]
    api = [
        *session_routes(users, room.door),
        *api_routes(room),
        *room.exhibits.routes(),
        *alert_routes(board, picture),
        *desks,
        *track_routes(picture),
        *normal_routes(board, picture, usual),
        *asset_routes(STATIC),
    ]
    routes = [
        Route("/", room.page),
        Mount("/api/v1", routes=api),
        Mount("/api", routes=api),  # by hand one writes no version: it is the newest
        Route("/selftest", selftest),
        Route("/metrics", room.metrics_text),
        Route("/healthz", room.healthz),
        *map_routes(chart),
        Route("/zones.geojson", room.zones),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    app = Starlette(routes=routes, lifespan=room.lifespan)
    app.state.stream, app.state.users = board.stream, users
    return _guarded(app, users, frozenset(given.get("hosts", ())), trust)


def _guarded(app: Starlette, users: Users, hosts: frozenset[str], trust: Trust) -> Starlette:
    """The application behind its doors, the outermost last."""
    app.add_middleware(Gate, users=users)
    app.add_middleware(Guard, hosts=hosts | LOOPBACK, users=users)
    app.add_middleware(Forwarded, trust=trust)
    return app


def api_routes(room: _Room) -> list[BaseRoute]:
    """What lies under api/v1; console/openapi.py describes each of them."""
    return [
        Route("/openapi.json", room.openapi),
        Route("/info", room.about),
        *room.frames.routes(),
        Route("/static", room.statics),
        Route("/search", room.search),
        Route("/vessels/{mmsi:int}", room.dossier),
        Route("/vessels/{mmsi:int}/export.{form}", room.files.vessel),
        Route("/export.{form}", room.files.alerts),
        Route("/events", room.events),
        *list_routes(room.board, room.health),
        Route("/load", room.load),
    ]


class _Room:
    """The handlers, and the beat that they share."""

    def __init__(
        self,
        board: Board,
        picture: Picture,
        metrics: Callable[[], bytes] | None,
        chart: Chart,
        zones: bytes | None,
        info: dict[str, Any],
        users: Users,
    ) -> None:
        self.files = Files(board, picture, frozenset())
        self.exhibits = Exhibits(board, picture)
        self._users = users
        self.watches: Watches | None = None
        self.board = board
        self._picture = picture
        self._metrics = metrics
        self._chart = chart
        self._zones = zones
        self._info = info
        self.frames = Frames(picture)
        self._started = time.monotonic()
        self._counted = (time.monotonic(), 0)
        self._last_message = time.monotonic()

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """The beat runs while the application does."""
        beat = asyncio.create_task(self._beat())
        yield
        self.board.stream.close()
        self.frames.close()
        beat.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beat
        await run_in_threadpool(self._picture.memory.write)

    async def _beat(self) -> None:
        for number in itertools.count(1):
            await asyncio.sleep(BEAT_S)
            self._picture.mark(self.board.alerted())
            self._picture.advance()
            self.frames.pulse()
            if number % HEALTH_EVERY == 0:
                with contextlib.suppress(StoreError):  # then those stay in who were known
                    await run_in_threadpool(self._users.refresh)
                    if self.watches is not None:
                        await run_in_threadpool(self.watches.refresh)
                if (event_ms := self._picture.event_ms) is not None:
                    await run_in_threadpool(self.board.expire, event_ms)
                with contextlib.suppress(StoreError):
                    await run_in_threadpool(self.exhibits.set_aside_due)
                if number % WRITE_EVERY == 0:
                    await run_in_threadpool(self._picture.memory.write)
                self.board.stream.pulse("health", msgspec.json.encode(self.health()))

    def health(self) -> dict[str, Any]:
        """What the header of the page shows. The runner's own figures win over those counted here."""
        now = time.monotonic()
        since, before = self._counted
        count = self._picture.fixes
        if count != before:
            self._last_message = now
        rate = (count - before) / (now - since) if now > since else 0.0
        if now - since >= 2:
            self._counted = (now, count)
        counted = {"messages": count, "messages_per_s": round(rate, 1), "event_ms": self._picture.event_ms}
        given = self.board.health_now()
        return {
            **counted,
            **given,
            "silent_s": round(now - self._last_message, 1),
            "uptime_s": round(now - self._started, 1),
            "wall_ms": wall_ms(),
            "vessels": self._picture.vessels,
            "exercise": self._exercise,
            "pages": self.board.stream.clients,
            "watch": brief(self.watches.now()) if self.watches is not None else None,
        }

    @property
    def _exercise(self) -> bool:
        return bool(self._info.get("exercise") or self.board.health_now().get("exercise")) or self._picture.exercise or self.board.exercise

    def door(self) -> dict[str, Any]:
        """What somebody sees of this desk who has not logged in."""
        return {"desk": self._info.get("desk", ""), "exercise": self._exercise}

    async def page(self, request: Request) -> Response:
        """GET /"""
        return FileResponse(STATIC / "index.html")

    async def openapi(self, request: Request) -> Response:
        """GET api/openapi.json: this API, described."""
        return reply(document())

    async def about(self, request: Request) -> Response:
        """GET api/info: what does not change while the page is open."""
        libraries = (STATIC / "vendor" / "htm-preact.mjs").is_file()
        map_library = (STATIC / "vendor" / "maplibre-gl.mjs").is_file()
        shown = {name: value for name, value in self._info.items() if name != "hosts"}
        parts = {"libraries": libraries, "map": map_library, **self._chart.parts(), "zones": self._zones is not None}
        return reply({**shown, **parts, "exercise": self._exercise, "version": __version__, "epoch": self.board.stream.epoch})

    async def statics(self, request: Request) -> Response:
        """GET api/static?since=version: who the handles are."""
        since = request.query_params.get("since", "0")
        if not (since.isascii() and since.isdigit()):
            return problem(400, "since is not a version number", "use the version of the answer before")
        return Response(msgspec.json.encode(self._picture.statics(int(since))), media_type="application/json", headers={"cache-control": "no-store"})

    async def search(self, request: Request) -> Response:
        """GET api/search?q=: vessels by MMSI, IMO number, call sign or name, the closest first."""
        found = await run_in_threadpool(self._picture.search, clean_text(request.query_params.get("q"), NAME_CHARS_MAX))
        return reply({"vessels": found})

    async def dossier(self, request: Request) -> Response:
        """GET api/vessels/{mmsi}?days=: identity, voyage, track, alerts and what was said of a vessel."""
        if (days := days_of(request)) is None:
            return self.files.no_days()
        found = await run_in_threadpool(dossier, request.path_params["mmsi"], self._picture, self.board.snapshot()[1], days=days)
        return reply(found) if found else self.files.unheard()

    async def events(self, request: Request) -> Response:
        """GET api/events: server-sent events, from Last-Event-ID or ?after= on."""
        cursor = request.headers.get("last-event-id") or request.query_params.get("after", "")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(sse(self.board.stream, cursor), media_type="text/event-stream", headers=headers)

    async def load(self, request: Request) -> Response:
        """GET api/load?hours=&positions=: how much the room asks of its operators, in event time."""
        try:
            hours, positions = float(request.query_params.get("hours", "24")), int(request.query_params.get("positions", "1"))
        except ValueError:
            hours, positions = 0.0, 0
        if not (0 < hours <= LOAD_HOURS_MAX and 1 <= positions <= 1000):
            return problem(400, "hours or positions make no sense", f"hours up to {LOAD_HOURS_MAX}, positions from 1")
        try:
            return reply(await run_in_threadpool(self.board.load, hours=hours, positions=positions))
        except StoreError as fault:
            return problem(503, f"the figures cannot be read: {fault}", "check the disk or the database of the console")

    async def metrics_text(self, request: Request) -> Response:
        """GET metrics"""
        if self._metrics is None:
            return problem(404, "no metrics here", "they are served where [metrics] of the configuration says")
        return Response(self._metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def healthz(self, request: Request) -> Response:
        """GET healthz: the server is up; whether data flow is in `silent_s`. Somebody whom it does not know learns no more than that."""
        health = self.health()
        known = not self._users.required or request.scope.get(PERSON) is not None
        return reply({"status": "ok", **(health if known else {name: health[name] for name in ("silent_s", "uptime_s")})})

    async def zones(self, request: Request) -> Response:
        """GET zones.geojson"""
        if self._zones is None:
            return problem(404, "no zones are loaded", "name zone files in the configuration")
        return Response(self._zones, media_type="application/geo+json")
