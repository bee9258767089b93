"""The guard: headers on every answer, a limit on reads, and whom this console answers at all. An ASGI middleware around everything.

May live here: the content security policy, host names and origins that are refused. May not: who is logged in (console/gate.py), routes.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.answers import problem
from console.rate import WINDOW_S, Rate
from console.users import Users

READS_PER_WINDOW_MAX = 1_000  # per address; an open page asks a few times a minute, twenty of them may stand behind one address
# data: is only for the pictures on map controls
CSP = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


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
