"""What every route answers with, and reads: JSON bodies, refusals with a remedy, words of people made fit for a log.

May live here: those forms. May not: routes, who may do what.
"""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

BODY_BYTES_MAX = 16_384
PERSON = "dogwatch.person"  # in the scope: who asks (console/gate.py), None where people say themselves who they are
_request_numbers = itertools.count(1)


def problem(status: int, what: str, remedy: str, **more: Any) -> Response:
    """A refusal as JSON: what, remedy, a request number that a log line can be found by."""
    body = {"error": what, "remedy": remedy, "request_id": f"r{next(_request_numbers)}", **more}
    return reply(body, status)


def reply(value: Any, status: int = 200) -> Response:
    """JSON that no cache keeps."""
    return Response(msgspec.json.encode(value), status, media_type="application/json", headers={"cache-control": "no-store"})


async def json_body(request: Request, most: int = BODY_BYTES_MAX) -> dict[str, Any] | None:
    """The JSON object of a request; None where it is something else or too long.

    Where somebody has logged in, `by` and `role` are theirs, whatever the body says.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return None
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > most:
            return None
    try:
        body = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return None
    if not isinstance(body, dict):
        return None
    person = request.scope.get(PERSON)
    return body if person is None else {**body, "by": person.name, "role": person.role}


def clean_text(text: Any, most: int) -> str:
    """A person's words fit for a log: printable, single spaces, capped; "" of what is no text."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:most] if isinstance(text, str) else ""
