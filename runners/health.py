"""Is this process alive, is it ready, what are its numbers: /health, /ready and /metrics over HTTP. May not: know stages, decide anything.

ready: it does its work now. Not ready, with the reason: standby, no broker, an input paused. alive: a ready process that has not gone round its
loop for ALIVE_S is stuck, and whoever supervises it may start it again; one that waits for something outside is not.
"""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

ALIVE_S = 60.0
Answer = tuple[str, str, bytes]


class Health:
    """What a process knows of itself. `say` and `beat` from its loop, the rest from any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.reason, self.beat_s = clock, "starting", clock()

    def say(self, reason: str = "") -> None:
        """Not ready because of `reason`; '' = ready."""
        self.reason, self.beat_s = reason, self.clock()

    def beat(self) -> None:
        """The loop went round."""
        self.beat_s = self.clock()

    @property
    def ready(self) -> bool:
        """It does its work now."""
        return not self.reason and self.alive

    @property
    def alive(self) -> bool:
        """It waits for something outside, or its loop goes round."""
        return bool(self.reason) or self.clock() - self.beat_s < ALIVE_S

    def answer(self, path: str, registry: CollectorRegistry) -> Answer:
        """Status line, content type and body for a path."""
        if path == "/metrics":
            return "200 OK", CONTENT_TYPE_LATEST, generate_latest(registry)
        if path not in ("/health", "/ready"):
            return "404 Not Found", "text/plain; charset=utf-8", b"/health, /ready, /metrics\n"
        good = self.alive if path == "/health" else self.ready
        text = self.reason or ("ok" if self.alive else f"no sign of life for {ALIVE_S:.0f} s")
        return "200 OK" if good else "503 Service Unavailable", "text/plain; charset=utf-8", text.encode() + b"\n"


def serve(health: Health, registry: CollectorRegistry, host: str, port: int) -> int:
    """Answer in a thread that dies with the process; returns the port. Raises OSError for one that is taken."""

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        status, kind, body = health.answer(environ["PATH_INFO"], registry)
        start(status, [("Content-Type", kind)])
        return [body]

    server = make_server(host, port, app, _Server, handler_class=_Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return int(server.server_port)


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True


class _Handler(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody wants a line for each question."""
