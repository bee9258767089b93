"""Whether a broker answers at its address at all: what the page must say when nothing comes. May live here: that one question, asked beside the stream.

May not: records, the client (runners/kafka_client.py). A broker that accepts and then says nothing counts as there: the page has its words for silence.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

EVERY_S = 2.0
ANSWER_S = 1.5
PORT = 9092


class BrokerWatch:
    """Asks every two seconds, from a thread of its own; `close` ends it. `bootstrap`: addresses with commas, as the configuration has them."""

    def __init__(self, bootstrap: str, *, every_s: float = EVERY_S) -> None:
        self.bootstrap = bootstrap
        self._addresses = [_parts(one.strip()) for one in bootstrap.split(",") if one.strip()]
        self._heard = time.monotonic()
        self._over = threading.Event()
        self._every_s = every_s
        self._thread = threading.Thread(target=self._run, daemon=True, name="broker watch")
        self._thread.start()

    def told(self) -> dict[str, Any]:
        """For the health of the page: `address`, and `down_s`, for how long nothing has answered there (0 while it does)."""
        silent_s = time.monotonic() - self._heard
        return {"address": self.bootstrap, "down_s": round(silent_s, 1) if silent_s > 2 * self._every_s + ANSWER_S else 0}

    def close(self) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join(2 * ANSWER_S)

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            if any(_answers(*address) for address in self._addresses):
                self._heard = time.monotonic()


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), ANSWER_S).close()
    except OSError:
        return False
    return True


def _parts(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if colon and port.isdigit() else (address, PORT)
