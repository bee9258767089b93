"""A proxy in front of the console: whose word about addresses and people is believed. An ASGI middleware, the outermost.

May live here: reading what a proxy adds to a request. May not: what the person may do (console/gate.py).

Only the one configured address is believed. From anybody else the same headers mean nothing, so a person who reaches the console beside the
proxy cannot name themselves. Of X-Forwarded-For the last entry counts: the proxy itself wrote that one. An identity header that comes twice
is no identity: one of the two may be the sender's own.
"""

from __future__ import annotations

import msgspec
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from console.answers import clean_text

SAID = "dogwatch.proxy"  # in the scope: (name, role) as the proxy says them


class Trust(msgspec.Struct, frozen=True):
    """Address of the proxy ("" = there is none), and its headers of the name and (may be "") of the role."""

    address: str = ""
    user_header: str = ""
    role_header: str = ""


class Forwarded:
    """Makes of what the trusted proxy says the address, the scheme and the person of a request."""

    def __init__(self, app: ASGIApp, trust: Trust) -> None:
        self._app = app
        self._trust = trust

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI entry."""
        trust = self._trust
        if scope["type"] in ("http", "websocket") and trust.address and scope.get("client") and scope["client"][0] == trust.address:
            scope = dict(scope)
            headers = Headers(scope=scope)
            if client := _last(headers, "x-forwarded-for"):
                scope["client"] = (client, 0)
            if _last(headers, "x-forwarded-proto") == "https":
                scope["scheme"] = "https" if scope["type"] == "http" else "wss"
            if trust.user_header:
                scope[SAID] = (_single(headers, trust.user_header, 60), _single(headers, trust.role_header, 20) if trust.role_header else "")
        await self._app(scope, receive, send)


def _last(headers: Headers, name: str) -> str:
    values = headers.getlist(name)
    return clean_text(values[-1].rpartition(",")[2], 60) if values else ""


def _single(headers: Headers, name: str, most: int) -> str:
    values = headers.getlist(name)
    return clean_text(values[0], most) if len(values) == 1 else ""
