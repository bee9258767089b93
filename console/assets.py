"""What the page is made of, for its self-test. May live here: the hashes of the files that browsers get, the way to that page. May not: the files."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from console.answers import reply


def asset_routes(folder: Path) -> list[BaseRoute]:
    """Routes under api/v1. folder: what lies under `static/`."""
    hashes = functools.cache(functools.partial(hashes_of, folder))

    async def assets(request: Request) -> Response:
        """GET api/assets: SHA-256 of each file of the page, by its path under static/, as they were when they were first asked for."""
        return reply({"assets": await run_in_threadpool(hashes)})

    return [Route("/assets", assets)]


async def selftest(request: Request) -> Response:
    """GET selftest: the page that looks at browser, graphics, clocks, links and files."""
    return RedirectResponse("./?view=selftest", 307)


def hashes_of(folder: Path) -> dict[str, str]:
    """SHA-256 in hex of each file under a folder, by its path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
