"""TCP sources: a client that connects for ever, and a server that many receivers feed.

May live here: connecting, accepting, reading of stream sockets. May not: lines (source.Lines), sentences.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
from typing import Any

from ingest.source import POLL_S, READ_BYTES, Backoff, Connection, Reader, port_error

CONNECT_TIMEOUT_S = 5.0
KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))  # a dead link is noticed after a minute
CLIENTS_MAX = 256
CLIENT_IDLE_S = 600.0  # a client that sends nothing for so long gives its place to another


class TcpClient(Reader):
    """Connects to host:port, again and again: after a refusal, a loss, and after `silent_s` without a byte."""

    def __init__(self, source: str, host: str, port: int, **common: Any) -> None:
        super().__init__(source, **common)
        self.host, self.port = host, port

    def read(self) -> None:
        """Connect and read until stopping."""
        backoff = Backoff(self.rng)
        while not self.stopping:
            try:
                peer = socket.create_connection((self.host, self.port), CONNECT_TIMEOUT_S)  # asks the name server at each attempt
            except (OSError, UnicodeError) as fault:  # UnicodeError: a host name that no name server could be asked for
                self.failed(fault)
            else:
                if self._stay(peer):
                    backoff.reset()
            self.wait(backoff.next_s())

    def _stay(self, peer: socket.socket) -> bool:
        """Read until the connection is over; whether it was steady."""
        connection = Connection(self, f"{self.host}:{self.port}")
        connected_s = self.clock.monotonic_s()
        with peer:
            _keep_alive(peer)
            peer.settimeout(POLL_S)
            while not self.stopping:
                try:
                    data = peer.recv(READ_BYTES)
                except TimeoutError:
                    self.tend()
                    if 0 < self.silent_s <= self.clock.monotonic_s() - max(connected_s, self.heard_s):
                        self.counters.error = f"no byte for {self.silent_s:g} s: connecting anew"
                        break
                    continue
                except OSError as fault:
                    self.counters.error = str(fault)
                    break
                if not data:
                    self.counters.error = "the peer closed the connection"
                    break
                connection.take(data)
        connection.end()
        return connection.steady


class TcpServer(Reader):
    """Listens on host:port; every client is a sender of this source. One thread serves all of them."""

    def __init__(self, source: str, host: str, port: int, **common: Any) -> None:
        super().__init__(source, **common)
        self.host, self.port = host, port
        self.listener: socket.socket | None = None

    def open(self) -> None:
        """Take the port. Raises InputError when it is in use or not ours."""
        try:
            family = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
            self.listener = socket.create_server((self.host, self.port), family=family, backlog=16)
        except OSError as fault:
            raise port_error(self.source, self.host, self.port, fault) from fault
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]

    def read(self) -> None:
        """Accept and read until stopping."""
        assert self.listener is not None, "open comes first"
        clients: dict[socket.socket, tuple[Connection, float]] = {}
        with self.listener, selectors.DefaultSelector() as selector:
            selector.register(self.listener, selectors.EVENT_READ)
            while not self.stopping:
                for key, _ in selector.select(POLL_S):
                    peer = key.fileobj
                    assert isinstance(peer, socket.socket), "only sockets are registered"
                    if peer is self.listener:
                        self._accept(selector, clients)
                    elif not self._read_client(peer, clients):
                        _let_go(peer, selector, clients)
                now_s = self.clock.monotonic_s()
                for peer in [p for p, (_, heard_s) in clients.items() if now_s - heard_s > CLIENT_IDLE_S]:
                    _let_go(peer, selector, clients)
                self.tend()
            for peer in list(clients):
                _let_go(peer, selector, clients)

    def _accept(self, selector: selectors.BaseSelector, clients: dict[socket.socket, tuple[Connection, float]]) -> None:
        assert self.listener is not None, "open comes first"
        try:
            peer, address = self.listener.accept()
        except OSError as fault:  # no descriptors left, or the client was gone again: the next attempt waits, or it would spin
            self.counters.failures += 1
            self.counters.error = str(fault)
            self.stop_asked.wait(POLL_S)
            return
        if len(clients) >= CLIENTS_MAX:
            peer.close()
            self.counters.failures += 1
            self.counters.error = f"more than {CLIENTS_MAX} clients: {address[0]} was turned away"
            return
        peer.setblocking(False)
        _keep_alive(peer)
        selector.register(peer, selectors.EVENT_READ)
        clients[peer] = (Connection(self, f"{address[0]}:{address[1]}"), self.clock.monotonic_s())

    def _read_client(self, peer: socket.socket, clients: dict[socket.socket, tuple[Connection, float]]) -> bool:
        """One read of one client; False when it is gone."""
        try:
            data = peer.recv(READ_BYTES)
        except BlockingIOError:
            return True
        except OSError as fault:
            self.counters.error = str(fault)
            return False
        if data:
            connection, _ = clients[peer]
            connection.take(data)
            clients[peer] = (connection, self.clock.monotonic_s())
        return bool(data)


def _keep_alive(peer: socket.socket) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE:
        if option := getattr(socket, name, None):
            with contextlib.suppress(OSError):  # a platform may know the word and not the option; keepalive works with its own times
                peer.setsockopt(socket.IPPROTO_TCP, option, value)


def _let_go(peer: socket.socket, selector: selectors.BaseSelector, clients: dict[socket.socket, tuple[Connection, float]]) -> None:
    selector.unregister(peer)
    peer.close()
    connection, _ = clients.pop(peer)
    connection.end()
