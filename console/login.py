"""Routes of logging in and out. May live here: those, the cookie, the limit on tries. May not: passwords, sessions (console/users.py).

A try costs a quarter of a second of one core and is counted before it is made: ten that fail in five minutes from one address, or twenty for
one name from wherever, and the rest are refused unread. One that succeeds is not counted, so a whole watch may log in behind one address.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from console.answers import PERSON, clean_text, json_body, problem, reply
from console.database import StoreError
from console.gate import COOKIE
from console.rate import Rate
from console.users import Person, Users
from dogwatch.times import iso

TRIES_WINDOW_S = 300.0
TRIES_PER_ADDRESS_MAX, TRIES_PER_NAME_MAX = 10, 20
log = logging.getLogger("dogwatch.console")


def session_routes(users: Users, about: Callable[[], dict[str, Any]]) -> list[BaseRoute]:
    """Routes under api/v1. about: what the log-in page shows of the desk to somebody not logged in."""
    door = _Door(users, about)
    return [
        Route("/session", door.session),
        Route("/session", door.log_in, methods=["POST"]),
        Route("/session/end", door.log_out, methods=["POST"]),
    ]


class _Door:
    def __init__(self, users: Users, about: Callable[[], dict[str, Any]]) -> None:
        self._users = users
        self._about = about
        self._by_address = Rate(TRIES_PER_ADDRESS_MAX, TRIES_WINDOW_S)
        self._by_name = Rate(TRIES_PER_NAME_MAX, TRIES_WINDOW_S)

    async def session(self, request: Request) -> Response:
        """GET api/session: whether this console has users, and who asks."""
        return reply(self._plain(request.scope.get(PERSON)))

    async def log_in(self, request: Request) -> Response:
        """POST api/session {"name", "password"}: a session in a cookie."""
        body = await json_body(request) or {}
        name, password = clean_text(body.get("name"), 60), body.get("password")
        if not name or not isinstance(password, str) or not password:
            return problem(422, "logging in needs a name and a password", '{"name": "...", "password": "..."} as application/json')
        address, key = request.client.host if request.client else "", name.casefold()
        if not self._by_address.allows(address):
            return self._later()
        if not self._by_name.allows(key):
            return self._later()
        try:
            found = await run_in_threadpool(self._users.log_in, name, password, station=address)
        except StoreError as fault:
            return problem(503, f"the session was NOT recorded: {fault}", "check the disk or the database of the console, then repeat")
        if found is None:
            log.warning("console: a log-in as %r from %s was refused", name, address)
            return problem(401, "name and password do not fit", "try again; a forgotten password is set anew with dogwatch users passwd")
        with contextlib.suppress(StoreError):  # who sat here before is not logged in any more; if that cannot be written now, it ends by its time
            await run_in_threadpool(self._users.log_out, request.cookies.get(COOKIE, ""))
        self._by_address.forgive(address)
        self._by_name.forgive(key)
        token, person = found
        answer = reply(self._plain(person))
        seconds = max(1, ((person.until_ms or 0) - self._users.now()) // 1000)
        answer.set_cookie(COOKIE, token, max_age=seconds, path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https")
        return answer

    async def log_out(self, request: Request) -> Response:
        """POST api/session/end: this session is over, here and for whoever else has it."""
        try:
            await run_in_threadpool(self._users.log_out, request.cookies.get(COOKIE, ""))
        except StoreError as fault:
            return problem(503, f"the session was NOT ended: {fault}", "check the disk or the database of the console, then repeat")
        answer = reply(self._plain(None))
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    def _plain(self, person: Person | None) -> dict[str, Any]:
        who = {"name": person.name, "role": person.role, "via": person.via, "until": iso(person.until_ms)} if person else {"name": "", "role": ""}
        return {"users": self._users.required, **who, **self._about()}

    def _later(self) -> Response:
        answer = problem(429, "too many tries to log in", f"wait {TRIES_WINDOW_S / 60:.0f} min")
        answer.headers["retry-after"] = f"{TRIES_WINDOW_S:.0f}"
        return answer
