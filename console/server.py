"""The console's socket and thread. May live here: uvicorn, the port, start and stop. May not: routes, data.

The server runs beside the pipeline in a thread of its own, so that a busy pipeline shows as late frames, not as a page that
does not open. Without users it binds to loopback only: whoever reaches the port can acknowledge.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading

import uvicorn
from starlette.applications import Starlette

from dogwatch.errors import InputError, SurroundingsError

START_S_MAX = 15.0
STOP_S_MAX = 10.0


class Server:
    """Serves one application. `public` allows other addresses than loopback (a container behind a proxy that checks people)."""

    def __init__(self, app: Starlette, *, public: bool = False) -> None:
        self._app = app
        self._public = public
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self, host: str = "127.0.0.1", port: int = 8642) -> str:
        """Bind, serve from a thread, return the address of the page. Port 0 = a free one.

        Raises InputError (port taken, address not ours or not loopback), SurroundingsError (no start in time).
        """
        assert self._server is None, "a Server starts once"
        bound = self._bind(host, port)
        config = uvicorn.Config(
            self._app,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            lifespan="on",
            proxy_headers=False,  # whose word is believed says console/proxy.py
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [bound]}, name="console", daemon=True)
        self._thread.start()
        self._wait_until_started()
        shown, actual = bound.getsockname()[:2]
        if shown in ("0.0.0.0", "::"):
            shown = "127.0.0.1"
        return f"http://[{shown}]:{actual}/" if ":" in shown else f"http://{shown}:{actual}/"

    def _bind(self, host: str, port: int) -> socket.socket:
        if not (self._public or self._asks()) and not _is_loopback(host):
            raise InputError(
                f"the console does not listen on {host}: it has no users, so whoever reaches it could acknowledge alerts",
                remedy="add users (dogwatch users add), or use 127.0.0.1 and a reverse proxy that checks people for other machines",
                value=host,
            )
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
            bound = socket.socket(family, kind, protocol)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except (OSError, OverflowError) as fault:
            remedy = "stop the program that has the port, or choose another ([console] port = 0 takes a free one)"
            raise InputError(f"cannot serve the console on {host}:{port}: {fault}", remedy=remedy, value=port) from fault
        return bound

    def _asks(self) -> bool:
        users = getattr(self._app.state, "users", None)
        return users is not None and users.required

    def _wait_until_started(self) -> None:
        assert self._server is not None
        assert self._thread is not None
        pause = threading.Event()
        for _ in range(int(START_S_MAX / 0.02)):
            if self._server.started:
                return
            if not self._thread.is_alive():
                break
            pause.wait(0.02)
        raise SurroundingsError("the console did not start", remedy="see the log lines above")

    def stop(self) -> None:
        """Close every connection and end the thread. May be called twice."""
        if self._server is None or self._thread is None:
            return
        with contextlib.suppress(AttributeError):
            self._app.state.stream.close()  # event streams would otherwise hold the server open
        self._server.should_exit = True
        self._thread.join(STOP_S_MAX)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
