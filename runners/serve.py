"""Playing simulated traffic as radio hardware would: TCP servers, UDP datagrams or pseudo-terminals, one for each receiver or for all.

May hold: pacing and sockets. May not: make traffic (sim/) or read it (ingest/). One thread, nothing blocks: what a listener has not read
waits for it. The world starts when every TCP port has its first listener, so that each hears its receiver from the first
sentence; who comes later hears what is sent from then on. While nobody listens anywhere the world stands still, or ends (`once`).

At real time, or a multiple of it, a listener that does not read loses what exceeds WAITING_MAX, in whole lines, as a serial line
would. As fast as it is read (`speed` 0) the world waits for the slowest reader instead. UDP cannot say that it is not read.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import struct
import termios
import time
import tty
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from dogwatch.errors import InputError
from sim.damage import station_of
from sim.simulate import EXERCISE_PREFIX, Chunk

DATAGRAM_BYTES_MAX = 1400
WAITING_MAX = 1 << 20  # bytes that a listener may be behind at real time
AHEAD_MAX = 1 << 16  # bytes that the world may be ahead of a reader that sets the pace
READ_BYTES = 4096
GREET_EVERY_S = 1.0
POLL_S = 0.1  # a terminal does not tell when it has been read
EMPTY_S = 0.5  # what is written to a terminal shows at its other end a moment later
LAST_S = 5.0  # how long a listener may take over the end at real time
REMEDY = "use tcp://127.0.0.1:10110, udp://127.0.0.1:10110 or pty, with RECEIVER= in front for one receiver"


@dataclass(slots=True, eq=False)
class Peer:
    """One listener, and what it has not read yet. `descriptor` is non-blocking."""

    descriptor: int
    write: Callable[[bytes], int]
    waiting: bytearray = field(default_factory=bytearray)
    gone: bool = False

    def take(self, data: bytes, room: int | None) -> int:
        """Whole lines to send, unless more than `room` bytes would wait then (None: never). The bytes that are lost come back."""
        if room is not None and len(self.waiting) + len(data) > room:
            return len(data)
        self.waiting += data
        self.flush()
        return 0

    def flush(self) -> None:
        """Send what can be sent without waiting."""
        try:
            while self.waiting:
                del self.waiting[: self.write(bytes(self.waiting[:AHEAD_MAX]))]
        except BlockingIOError:
            return
        except OSError:
            self.gone = True


class Outlet:
    """A place where lines leave: of one receiver, or of all (`receiver` empty). `awaited`: nobody hears it before somebody has come."""

    awaited = False

    def __init__(self, address: str, receiver: str) -> None:
        self.address, self.receiver = address, receiver
        self.peers: list[Peer] = []
        self.greeting = b""
        self.met = 0  # listeners so far

    def greet(self, greeting: bytes) -> None:
        """From now on every listener hears this first."""
        self.greeting = greeting
        for peer in self.peers:
            peer.waiting += greeting

    def doors(self) -> list[int]:
        """Descriptors at which somebody may knock, or leave."""
        return []

    def welcome(self, readable: list[int]) -> None:
        """Let in and out who stands at these doors."""

    def send(self, data: bytes, room: int | None) -> int:
        """Give whole lines to every listener; the bytes that are lost come back."""
        return sum(peer.take(data, room) for peer in self.peers)

    def drained(self) -> bool:
        """Whether everybody has read everything, as far as can be known."""
        return not any(peer.waiting for peer in self.peers)

    def close(self) -> None:
        """Release it."""


class TcpOutlet(Outlet):
    """A TCP port, any number of listeners."""

    awaited = True

    def __init__(self, host: str, port: int, receiver: str = "") -> None:
        try:
            self.listener = socket.create_server((host, port))
        except OSError as fault:
            raise InputError(f"cannot listen on tcp://{host}:{port}: {fault.strerror}", remedy="choose another port, or stop what uses this one") from fault
        self.listener.setblocking(False)
        self.sockets: dict[int, socket.socket] = {}
        super().__init__(f"tcp://{host}:{self.listener.getsockname()[1]}", receiver)

    def doors(self) -> list[int]:
        return [self.listener.fileno(), *self.sockets]

    def welcome(self, readable: list[int]) -> None:
        if self.listener.fileno() in readable:
            with contextlib.suppress(OSError):  # who knocked may have left again
                guest, _ = self.listener.accept()
                guest.setblocking(False)
                self.sockets[guest.fileno()] = guest
                self.peers.append(Peer(guest.fileno(), guest.send, bytearray(self.greeting)))
                self.met += 1
        for peer in [peer for peer in self.peers if peer.descriptor in readable]:
            try:
                peer.gone |= not self.sockets[peer.descriptor].recv(READ_BYTES)  # what a listener says is not for us
            except BlockingIOError:
                continue
            except OSError:
                peer.gone = True
        for peer in [peer for peer in self.peers if peer.gone]:
            self.peers.remove(peer)
            self.sockets.pop(peer.descriptor).close()

    def close(self) -> None:
        for guest in self.sockets.values():
            guest.close()
        self.listener.close()


class UdpOutlet(Outlet):
    """Datagrams to one address; nobody can know who listens."""

    def __init__(self, host: str, port: int, receiver: str = "") -> None:
        super().__init__(f"udp://{host}:{port}", receiver)
        self.target = (host, port)
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, data: bytes, room: int | None) -> int:
        """The greeting, then whole lines, as many as fit into a datagram: who hears any of it has been greeted.

        A port where nobody listens loses datagrams in silence, a host that is not there is said.
        """
        datagram, refused = self.greeting, 0
        for line in [*data.splitlines(keepends=True), b""]:
            if len(datagram) > len(self.greeting) and (not line or len(datagram) + len(line) > DATAGRAM_BYTES_MAX):
                try:
                    self.socket.sendto(datagram, self.target)
                except ConnectionRefusedError:  # the answer to an earlier one
                    refused += len(datagram) - len(self.greeting)
                except OSError as fault:
                    raise InputError(f"cannot send to {self.address}: {fault.strerror}", remedy="name a host and port that can be reached") from fault
                datagram = self.greeting
            datagram += line
        return refused

    def close(self) -> None:
        self.socket.close()


class PtyOutlet(Outlet):
    """A pseudo-terminal, for software that expects a serial port."""

    def __init__(self, receiver: str = "") -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        super().__init__(os.ttyname(self.slave), receiver)
        self.empty_since_s = time.monotonic()
        self.greeted_s = time.monotonic()
        self.peers = [Peer(self.master, lambda data: os.write(self.master, data))]

    def doors(self) -> list[int]:
        return [self.master]

    def welcome(self, readable: list[int]) -> None:
        if self.master in readable:
            with contextlib.suppress(OSError):
                os.read(self.master, READ_BYTES)  # what is written to the terminal is not for us, and must not fill it

    def send(self, data: bytes, room: int | None) -> int:
        """The same, behind the greeting each second: nobody knows when a program opens the terminal, or opens it again."""
        if data:
            self.empty_since_s = time.monotonic()
        if data and time.monotonic() - self.greeted_s >= GREET_EVERY_S:
            self.greeted_s, data = time.monotonic(), self.greeting + data
        return super().send(data, room)

    def drained(self) -> bool:
        unread = struct.unpack("i", fcntl.ioctl(self.slave, termios.FIONREAD, bytes(4)))[0]
        if self.peers[0].waiting or unread:  # what the terminal still holds is lost when it is unplugged
            self.empty_since_s = time.monotonic()
        return time.monotonic() - self.empty_since_s >= EMPTY_S

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)


def outlet(text: str, receivers: list[str]) -> Outlet:
    """An outlet from '[RECEIVER=]tcp://host:port', 'udp://host:port' or 'pty'. Raises InputError, also for a receiver that is none of `receivers`."""
    receiver, url = text.split("=", 1) if "=" in text else ("", text)
    if receiver and receiver not in receivers:
        raise InputError(f"no receiver '{receiver}' to serve", remedy=f"receivers of this scenario: {', '.join(receivers)}", value=text)
    if url == "pty":
        return PtyOutlet(receiver)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "127.0.0.1", parts.port
    except ValueError as fault:
        raise InputError(f"cannot serve on '{url}': {fault}", remedy=REMEDY) from fault
    if parts.scheme not in ("tcp", "udp") or port is None:
        raise InputError(f"cannot serve on '{url}'", remedy=REMEDY)
    return TcpOutlet(host, port, receiver) if parts.scheme == "tcp" else UdpOutlet(host, port, receiver)


@dataclass(slots=True)
class Played:
    """What was sent: bytes of the recording, and bytes that some listener lost by not reading."""

    sent: int = 0
    dropped: int = 0


def play(chunks: Iterable[Chunk], outlets: list[Outlet], *, speed: float, once: bool = False) -> Played:
    """Send chunks at `speed` times their own time (0 = as fast as read) until they end or, with `once`, nobody is left."""
    played, station = Played(), b""
    for_one = {EXERCISE_PREFIX.encode() + out.receiver.encode() for out in outlets if out.receiver}
    _turn(outlets, lambda: all(out.met for out in outlets if out.awaited))
    started, first_ms = time.monotonic(), None
    for chunk in chunks:
        first_ms = chunk.t_ms if first_ms is None else first_ms
        if speed > 0:
            _turn(outlets, None, until=started + (chunk.t_ms - first_ms) / 1000 / speed)
        else:
            _turn(outlets, lambda: all(len(peer.waiting) <= AHEAD_MAX for out in outlets for peer in out.peers))
        if not _heard(outlets):
            if once:
                break
            paused = time.monotonic()
            _turn(outlets, lambda: _heard(outlets))
            started += time.monotonic() - paused
        shares, station = _shares(chunk.data, for_one, station)
        for out in outlets:
            data = shares[EXERCISE_PREFIX.encode() + out.receiver.encode()] if out.receiver else chunk.data
            played.dropped += out.send(data, WAITING_MAX if speed > 0 else None)
        played.sent += len(chunk.data)
    last_s = time.monotonic() + LAST_S if speed > 0 else None
    _turn(outlets, lambda: all(out.drained() for out in outlets), until=last_s)
    return played


def _heard(outlets: list[Outlet]) -> bool:
    """Whether anybody listens, as far as can be known."""
    return any(out.peers or not out.awaited for out in outlets)


def _turn(outlets: list[Outlet], done: Callable[[], bool] | None, *, until: float | None = None) -> None:
    """Serve everybody until `done`, or until a moment (monotonic seconds), whichever is first; without `done`, once at least."""
    while True:
        left_s = None if until is None else max(0.0, until - time.monotonic())
        if done is not None and (done() or left_s == 0.0):
            return
        doors = [door for out in outlets for door in out.doors()]
        behind = [peer for out in outlets for peer in out.peers if peer.waiting and not peer.gone]
        readable, writable, _ = select.select(doors, [peer.descriptor for peer in behind], [], POLL_S if left_s is None else min(left_s, POLL_S))
        for peer in behind:
            if peer.descriptor in writable:
                peer.flush()
        for out in outlets:
            out.welcome(readable)
        if done is None and left_s == 0.0:
            return


def _shares(data: bytes, stations: set[bytes], station: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """The lines of each of these stations, and the last station: a line that names none (damaged) belongs to the one before it."""
    if not stations:
        return {}, station
    lines: dict[bytes, list[bytes]] = {one: [] for one in stations}
    for line in data.splitlines(keepends=True):
        station = station_of(line) or station
        if station in lines:
            lines[station].append(line)
    return {one: b"".join(found) for one, found in lines.items()}, station
