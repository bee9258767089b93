"""Playing simulated traffic as radio hardware would: TCP server, UDP datagrams or a pseudo-terminal.

May hold: pacing and sockets. May not: make traffic (sim/) or read it (ingest/). The world starts with the first
listener, so that whoever connects hears the same recording from its first sentence.
"""

from __future__ import annotations

import os
import socket
import time
import tty
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import urlsplit

from dogwatch.errors import InputError
from sim.simulate import Chunk

DATAGRAM_BYTES_MAX = 1400


class Outlet(Protocol):
    """Where bytes go."""

    address: str

    def wait(self) -> None:
        """Until somebody listens."""

    def send(self, data: bytes) -> None:
        """Deliver; raises OSError when the last listener has gone."""

    def close(self) -> None:
        """Release it."""


class TcpOutlet:
    """One listener at a time on a TCP port."""

    def __init__(self, host: str, port: int) -> None:
        try:
            self.listener = socket.create_server((host, port))
        except OSError as fault:
            raise InputError(f"cannot listen on tcp://{host}:{port}: {fault.strerror}", remedy="choose another port, or stop what uses this one") from fault
        self.address = f"tcp://{host}:{self.listener.getsockname()[1]}"
        self.peer: socket.socket | None = None

    def wait(self) -> None:
        """Block until a client connects."""
        self.peer, _ = self.listener.accept()

    def send(self, data: bytes) -> None:
        """Send to the client; a client that left is waited for again."""
        assert self.peer is not None, "wait() comes first"
        try:
            self.peer.sendall(data)
        except OSError:
            self.peer.close()
            self.wait()

    def close(self) -> None:
        """Close client and port."""
        if self.peer:
            self.peer.close()
        self.listener.close()


class UdpOutlet:
    """Datagrams to one address; nobody can know who listens."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = f"udp://{host}:{port}"

    def wait(self) -> None:
        """Nothing to wait for."""

    def send(self, data: bytes) -> None:
        """Whole lines, as many as fit into a datagram."""
        datagram = b""
        for line in data.splitlines(keepends=True):
            if datagram and len(datagram) + len(line) > DATAGRAM_BYTES_MAX:
                self.socket.sendto(datagram, self.target)
                datagram = b""
            datagram += line
        if datagram:
            self.socket.sendto(datagram, self.target)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


class PtyOutlet:
    """A pseudo-terminal, for software that expects a serial port."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.address = os.ttyname(self.slave)

    def wait(self) -> None:
        """Nothing to wait for: a pty holds about 4 KiB and then blocks the writer."""

    def send(self, data: bytes) -> None:
        """Write all of it, blocking as a full line would."""
        while data:
            data = data[os.write(self.master, data) :]

    def close(self) -> None:
        """Unplug."""
        os.close(self.master)
        os.close(self.slave)


def outlet(url: str) -> Outlet:
    """An outlet from 'tcp://host:port', 'udp://host:port' or 'pty'. Raises InputError."""
    if url == "pty":
        return PtyOutlet()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port
    except ValueError as fault:
        raise InputError(f"cannot serve on '{url}': {fault}", remedy="use tcp://127.0.0.1:10110, udp://127.0.0.1:10110 or pty") from fault
    if parts.scheme not in ("tcp", "udp") or port is None:
        raise InputError(f"cannot serve on '{url}'", remedy="use tcp://127.0.0.1:10110, udp://127.0.0.1:10110 or pty")
    return TcpOutlet(host, port) if parts.scheme == "tcp" else UdpOutlet(host, port)


def play(chunks: Iterable[Chunk], out: Outlet, *, speed: float, for_s: float | None = None) -> int:
    """Send chunks at `speed` times their own time (0 = as fast as read), at most `for_s` wall seconds. Bytes sent come back."""
    out.wait()
    started, first_ms, sent = time.monotonic(), None, 0
    for chunk in chunks:
        first_ms = chunk.t_ms if first_ms is None else first_ms
        if speed > 0:
            time.sleep(max(0.0, started + (chunk.t_ms - first_ms) / 1000 / speed - time.monotonic()))
        if for_s is not None and time.monotonic() - started > for_s:
            break
        out.send(chunk.data)
        sent += len(chunk.data)
    return sent
