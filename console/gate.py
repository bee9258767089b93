"""The gate: who asks, and whether they may come in. An ASGI middleware inside console/guard.py.

May live here: finding the person of a request, what is open to nobody in particular, who may write at all. May not: the log-in itself
(console/login.py), what each role may decide (console/life.py).

Without users everything is as open as the address it is bound to, and people say who they are. With users only the page itself, its log-in
and the pulse of the server are open; all else needs a session or the word of the trusted proxy, and `console.answers.json_body` puts the name
and the role of that person into every body, over whatever it said. A stream that is open ends when its session does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.answers import PERSON, problem
from console.life import WATCH
from console.proxy import SAID
from console.users import ROLES, Person, Users

COOKIE = "dogwatch_session"
OPEN = frozenset({"/", "/healthz", "/api/session", "/api/v1/session", "/api/session/end", "/api/v1/session/end"})
LEAST = "viewer"  # whom the proxy names without a role, and no account says more
READS = ("GET", "HEAD", "OPTIONS")


class Gate:
    """Puts the person into the scope; refuses 401 whom nobody knows, and 403 writes of those who only look."""

    def __init__(self, app: ASGIApp, users: Users) -> None:
        self._app = app
        self._users = users

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        token = HTTPConnection(scope).cookies.get(COOKIE, "")
        person = self._person(scope, token)
        scope[PERSON] = person
        path = scope["path"]
        if not self._users.required or path in OPEN or path.startswith("/static/") or (path == "/metrics" and _from_here(scope)):
            await self._app(scope, receive, send)
        elif person is None and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "log in first"})
        elif person is None:
            await problem(401, "log in first", "open the page of the console and log in")(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] not in READS and person.role not in WATCH:
            await problem(403, f"{_a(person.role)} may only look", f"ask a {' or '.join(WATCH)}")(scope, receive, send)
        elif person.via == "session":
            stay = _Stay(lambda: self._users.who(token) is not None, receive, send)
            await self._app(scope, stay.receive, stay.send)
        else:
            await self._app(scope, receive, send)

    def _person(self, scope: Scope, token: str) -> Person | None:
        name, role = scope.get(SAID, ("", ""))
        if not name:
            return self._users.who(token) if token else None
        account = self._users.account(name)
        said = role if role in ROLES else account.role if account else LEAST
        return Person(account.name if account else name, said, "proxy")


def _from_here(scope: Scope) -> bool:
    """Whether this machine asks: a scraper beside the console cannot log in."""
    try:
        return ipaddress.ip_address(scope["client"][0]).is_loopback
    except (ValueError, TypeError, KeyError):
        return False


class _Stay:
    """The channels of one request for as long as its session holds; then the answer ends and the application hears that the other side has left."""

    def __init__(self, holds: Callable[[], bool], receive: Receive, send: Send) -> None:
        self._holds, self._receive, self._send = holds, receive, send
        self._over = asyncio.Event()
        self._websocket = False
        self._began = False

    async def send(self, message: Message) -> None:
        """Pass a message on, or end the answer. What is sent once only, as most answers are, is not asked about."""
        self._websocket = self._websocket or message["type"].startswith("websocket")
        if self._over.is_set():
            return
        if self._began and not self._holds():
            self._over.set()
            with contextlib.suppress(RuntimeError, OSError):
                await self._send({"type": "websocket.close", "code": 1008, "reason": "logged out"} if self._websocket else {"type": "http.response.body"})
            return
        self._began = True
        await self._send(message)

    async def receive(self) -> Message:
        """The next message of the other side, or that it has left."""
        given, over = asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait((given, over), return_when=asyncio.FIRST_COMPLETED)
            if given.done():
                return given.result()
        finally:
            for one in (given, over):
                if not one.done():
                    one.cancel()
        return {"type": "websocket.disconnect", "code": 1008} if self._websocket else {"type": "http.disconnect"}


def _a(role: str) -> str:
    return f"an {role}" if role[0] in "aeiou" else f"a {role}"
