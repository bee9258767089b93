"""The console as a Starlette application: routes over board, picture and decisions, and nothing that thinks.

May live here: routes, security headers, the half-second beat that closes frames. May not: SQL, drawing, what makes an alert,
sockets of our own (console/server.py).

Every URL in the page is relative, so that the console works behind a proxy prefix. Nothing is ever fetched from elsewhere:
the content security policy forbids it, and a browser test holds us to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import itertools
import mimetypes
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from console.answers import PERSON, clean_text, json_body, problem, reply
from console.basemap import Chart, map_routes
from console.board import Board, LevelRoseError, NoRescueError, decision_plain, wall_ms
from console.database import StoreError
from console.decisions import Decisions, StaleError
from console.dossier import dossier
from console.editing import Editor, editing_routes
from console.evidence import evidence
from console.files import Files
from console.gate import Gate
from console.life import MAY, WATCH, RefusedError, plain
from console.login import session_routes
from console.openapi import document
from console.picture import Box, Picture
from console.proxy import Forwarded, Trust
from console.rate import WINDOW_S, Rate
from console.rescue_desk import MAY as MAY_END_RESCUE
from console.rescue_desk import rescue_routes
from console.silence import silence_routes
from console.stream import Stream, sse
from console.study import study_routes
from console.track import track_routes
from console.users import Users
from console.watch import Watches, brief
from console.watch_desk import watch_routes
from dogwatch import __version__
from dogwatch.times import iso
from ingest.rescuers import OnLand

STATIC = Path(__file__).parent / "static"
BEAT_S = 0.5  # a delta frame each beat: two redraws of a moving picture per second, 23 B per changed vessel
HEALTH_EVERY = 2  # beats
KEY_EVERY = 120  # beats: a key frame each 60 s drops what a page should no longer show
BEHIND_BEATS_MAX = 20  # a page more than 10 s behind gets a key frame
NAME_CHARS_MAX = 60
REASON_CHARS_MAX = 300
ALERTS_PAGE_MAX = 2_000
LOAD_HOURS_MAX = 24 * 366
POSTS_PER_WINDOW_MAX = 100  # per address; a person acknowledges a few per minute
READS_PER_WINDOW_MAX = 1_000  # per address; an open page asks a few times a minute, twenty of them may stand behind one address
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "testserver"})
# data: is only for the pictures on map controls
CSP = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
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
    editor: Editor | None = None,
    users: Users | None = None,
    trust: Trust | None = None,
) -> Starlette:
    """The application. It serves; whoever made `board` and `picture` feeds them, from any thread.

    editor: rules and zones that are edited on their pages, and what checks them; None = nothing is.
    protected: MMSI and IMO numbers of vessels of which no file is made.
    on_land: (latitudes, longitudes in degrees) -> bools, for drift and for ways to a call.
    metrics: text for GET metrics; land_geojson: file of the offline basemap (borders.geojson and names.geojson beside it are served too);
    coverage_geojson: what the receivers are known to hear, asked for each time; zones_geojson: what the map shows as zones.
    users: who may log in; None = those that stand in the database of `decisions`. trust: the proxy whose word is believed.
    info: shown on the page: `desk`, `exercise` (bool), `listening` ("UDP 10110"), `rules` (count), `map_center` [lon, lat],
    `map_zoom`; `hosts` (list of names) adds host names this console answers to, ["*"] = any (behind a proxy that checks).
    """
    board.attach(decisions)
    given = dict(info or {})
    chart = Chart(land_geojson, coverage_geojson)
    trust = trust or Trust()
    users = users or Users(decisions, proxied=bool(trust.address and trust.user_header))
    room = _Room(board, picture, metrics, chart, zones_geojson, given, users)
    room.files = Files(board, picture, protected)
    room.watches = Watches(decisions)
    watch = watch_routes(room.watches, board, lambda: picture.event_ms)
    rescue = rescue_routes(board, picture, on_land)
    silence = silence_routes(board, decisions, lambda: picture.event_ms)
    desks = [*watch, *silence, *rescue, *editing_routes(editor), *study_routes(board, picture, decisions)]
    api = [*session_routes(users, room.door), *api_routes(room), *desks, *track_routes(picture)]
    routes = [
        Route("/", room.page),
        Mount("/api/v1", routes=api),
        Mount("/api", routes=api),  # by hand one writes no version: it is the newest
        Route("/metrics", room.metrics_text),
        Route("/healthz", room.healthz),
        *map_routes(chart),
        Route("/zones.geojson", room.zones),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    app = Starlette(routes=routes, lifespan=room.lifespan)
    app.add_middleware(Gate, users=users)
    app.add_middleware(Guard, hosts=frozenset(given.get("hosts", ())) | LOOPBACK, users=users)
    app.add_middleware(Forwarded, trust=trust)
    app.state.stream = board.stream
    app.state.users = users
    return app


def api_routes(room: _Room) -> list[BaseRoute]:
    """What lies under api/v1; console/openapi.py describes each of them."""
    return [
        Route("/openapi.json", room.openapi),
        Route("/info", room.about),
        Route("/vessels.bin", room.vessels),
        WebSocketRoute("/vessels", room.vessel_stream),
        Route("/static", room.statics),
        Route("/search", room.search),
        Route("/vessels/{mmsi:int}", room.dossier),
        Route("/vessels/{mmsi:int}/export.{form}", room.files.vessel),
        Route("/export.{form}", room.files.alerts),
        Route("/events", room.events),
        Route("/alerts", room.alerts),
        Route("/alerts/{alert_id}", room.alert),
        Route("/alerts/{alert_id}/evidence", room.evidence),
        Route("/alerts/{alert_id}/ack", room.acknowledge, methods=["POST"]),
        Route("/alerts/{alert_id}/end-rescue", room.end_rescue, methods=["POST"]),
        Route("/alerts/{alert_id}/{action}", room.order, methods=["POST"]),
        Route("/load", room.load),
    ]


class Guard:
    """Headers on every answer, a limit on reads; refuses foreign hosts (DNS rebinding) and foreign origins on writes and web sockets.

    A write also needs `If-Match` or a JSON body, which no foreign form or image can send. With users an address in figures is answered
    too: only a name can be bound anew to another address.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str], users: Users) -> None:
        self._app = app
        self._hosts = hosts
        self._users = users
        self._reads = Rate(READS_PER_WINDOW_MAX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        elif refusal:
            await problem(403, refusal, "open the console by the address that the program printed")(scope, receive, _with_headers(send))
        elif self._too_many(scope):
            await _later(scope, receive, _with_headers(send))
        else:
            await self._app(scope, receive, _with_headers(send))

    def _too_many(self, scope: Scope) -> bool:
        """Reads of the API only: the page itself is small, and health must answer whatever happens."""
        reads = scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"].startswith("/api/")
        return reads and not self._reads.allows(scope["client"][0] if scope.get("client") else "")

    def _refusal(self, scope: Scope, headers: Headers) -> str:
        host = headers.get("host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if "*" not in self._hosts and name not in self._hosts and not (self._users.required and _in_figures(name)):
            return f"this console does not answer to the host name {name!r}"
        writes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD", "OPTIONS")
        origin = headers.get("origin")
        if writes and origin is not None and urlsplit(origin).netloc != host:
            return f"a page from {origin!r} may not use this console"
        return ""


def _in_figures(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _with_headers(send: Send) -> Send:
    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-cache")
        await send(message)

    return sender


async def _later(scope: Scope, receive: Receive, send: Send) -> None:
    answer = problem(429, "too many requests from this desk", f"wait {WINDOW_S:.0f} s")
    answer.headers["retry-after"] = f"{WINDOW_S:.0f}"
    await answer(scope, receive, send)


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
        self._users = users
        self.watches: Watches | None = None
        self._board = board
        self._picture = picture
        self._metrics = metrics
        self._chart = chart
        self._zones = zones
        self._info = info
        self._frames = Stream(items_max=1)  # used for waking only: each socket asks the picture for what it missed
        self._cache: dict[tuple[int, int], bytes] = {}
        self._writes = Rate(POSTS_PER_WINDOW_MAX)
        self._started = time.monotonic()
        self._counted = (time.monotonic(), 0)
        self._last_message = time.monotonic()

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """The beat runs while the application does."""
        beat = asyncio.create_task(self._beat())
        yield
        self._board.stream.close()
        self._frames.close()
        beat.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beat

    async def _beat(self) -> None:
        for number in itertools.count(1):
            await asyncio.sleep(BEAT_S)
            self._picture.mark(self._board.alerted())
            self._picture.advance()
            self._frames.pulse("frame", b"")
            if number % HEALTH_EVERY == 0:
                with contextlib.suppress(StoreError):  # then those stay in who were known
                    await run_in_threadpool(self._users.refresh)
                    if self.watches is not None:
                        await run_in_threadpool(self.watches.refresh)
                if (event_ms := self._picture.event_ms) is not None:
                    await run_in_threadpool(self._board.expire, event_ms)
                self._board.stream.pulse("health", msgspec.json.encode(self._health()))

    def _health(self) -> dict[str, Any]:
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
        given = self._board.health_now()
        return {
            **counted,
            **given,
            "silent_s": round(now - self._last_message, 1),
            "uptime_s": round(now - self._started, 1),
            "wall_ms": wall_ms(),
            "vessels": self._picture.vessels,
            "exercise": self._exercise,
            "pages": self._board.stream.clients,
            "watch": brief(self.watches.now()) if self.watches is not None else None,
        }

    @property
    def _exercise(self) -> bool:
        return bool(self._info.get("exercise") or self._board.health_now().get("exercise")) or self._picture.exercise or self._board.exercise

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
        return reply({**shown, **parts, "exercise": self._exercise, "version": __version__, "epoch": self._board.stream.epoch})

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
        """GET api/vessels/{mmsi}: identity, voyage, track, alerts and what was said of a vessel."""
        found = await self._found(request)
        return reply(found) if found else self._unheard()

    async def _found(self, request: Request) -> dict[str, Any] | None:
        return await run_in_threadpool(dossier, request.path_params["mmsi"], self._picture, self._board.snapshot()[1])

    def _unheard(self) -> Response:
        return problem(404, "no such vessel was heard", "api/search finds vessels by name, call sign and numbers")

    async def events(self, request: Request) -> Response:
        """GET api/events: server-sent events, from Last-Event-ID or ?after= on."""
        cursor = request.headers.get("last-event-id") or request.query_params.get("after", "")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(sse(self._board.stream, cursor), media_type="text/event-stream", headers=headers)

    async def alerts(self, request: Request) -> Response:
        """GET api/alerts?limit=&offset=: records, worst and newest first, with the cursor from which api/events goes on."""
        try:
            limit, offset = (int(request.query_params.get(name, default)) for name, default in (("limit", "500"), ("offset", "0")))
        except ValueError:
            return problem(400, "limit and offset are whole numbers", "leave them out for the first 500")
        cursor, records = self._board.snapshot()
        page = records[max(0, offset) : max(0, offset) + min(max(1, limit), ALERTS_PAGE_MAX)]
        return reply({"cursor": cursor, "total": len(records), "offset": max(0, offset), "alerts": page, "health": self._health()})

    async def alert(self, request: Request) -> Response:
        """GET api/alerts/{id}"""
        record = self._board.record(request.path_params["alert_id"])
        if record is None:
            return problem(404, "no such alert on this board", "it may have left the board; alerts.ndjson keeps every revision")
        return _tagged(record)

    async def evidence(self, request: Request) -> Response:
        """GET api/alerts/{id}/evidence: the record with tracks, receivers and traffic around its time."""
        record = self._board.record(request.path_params["alert_id"])
        if record is None:
            return problem(404, "no such alert on this board", "it may have left the board; alerts.ndjson keeps every revision")
        return reply(await run_in_threadpool(evidence, record, self._picture.history))

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

    async def load(self, request: Request) -> Response:
        """GET api/load?hours=&positions=: how much the room asks of its operators, in event time."""
        try:
            hours, positions = float(request.query_params.get("hours", "24")), int(request.query_params.get("positions", "1"))
        except ValueError:
            hours, positions = 0.0, 0
        if not (0 < hours <= LOAD_HOURS_MAX and 1 <= positions <= 1000):
            return problem(400, "hours or positions make no sense", f"hours up to {LOAD_HOURS_MAX}, positions from 1")
        try:
            return reply(await run_in_threadpool(self._board.load, hours=hours, positions=positions))
        except StoreError as fault:
            return problem(503, f"the figures cannot be read: {fault}", "check the disk or the database of the console")

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

    async def metrics_text(self, request: Request) -> Response:
        """GET metrics"""
        if self._metrics is None:
            return problem(404, "no metrics here", "they are served where [metrics] of the configuration says")
        return Response(self._metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def healthz(self, request: Request) -> Response:
        """GET healthz: the server is up; whether data flow is in `silent_s`. Somebody whom it does not know learns no more than that."""
        health = self._health()
        known = not self._users.required or request.scope.get(PERSON) is not None
        return reply({"status": "ok", **(health if known else {name: health[name] for name in ("silent_s", "uptime_s")})})

    async def zones(self, request: Request) -> Response:
        """GET zones.geojson"""
        if self._zones is None:
            return problem(404, "no zones are loaded", "name zone files in the configuration")
        return Response(self._zones, media_type="application/geo+json")


async def _until_closed(ws: WebSocket) -> None:
    """Ends when the page goes away; what pages send here is of no interest."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            if (await ws.receive())["type"] == "websocket.disconnect":
                return


def _tagged(record: dict[str, Any]) -> Response:
    response = reply(record)
    response.headers["etag"] = f'"{record["op_revision"]}"'
    return response


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
