"""Peers for tests of live sources: what is at the other end of a socket, a pipe or a serial line, and what can happen to it."""

from __future__ import annotations

import os
import pty
import socket
import struct
import time
import tty
from collections.abc import Callable
from pathlib import Path

from dogwatch.config import Source
from ingest.source import Reader

PATIENCE_S = 10.0
DATAGRAM_BYTES = 1_400


def wait_for(true: Callable[[], bool], what: str) -> None:
    """Until it is true; the test fails when that never comes."""
    until_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until_s, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.005)


class Peer:
    """One end. `source` configures the other; `live` begins (again), `speak` sends, `die` breaks off without a word."""

    lossy = False  # the source cannot make this peer wait
    joins = True  # half lines of one life join
    ends = False  # dying is the end of the source

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reader: Reader | None = None

    def source(self, **other: float) -> Source:
        raise NotImplementedError

    def live(self) -> None:
        raise NotImplementedError

    def speak(self, data: bytes) -> None:
        raise NotImplementedError

    def die(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """The test is over."""

    def connections(self) -> int:
        assert self.reader is not None
        return self.reader.counters.connections


class TcpPeer(Peer):
    """One end of a connection; who began it says the kind."""

    peer: socket.socket | None = None

    def speak(self, data):
        self.peer.sendall(data)

    def die(self):
        reset(self.peer)

    def close(self):
        self.peer.close()


class TcpFeed(TcpPeer):
    """A server that our client connects to."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(PATIENCE_S)

    def source(self, **other):
        return Source(id="s", kind="tcp", port=self.server.getsockname()[1], **other)

    def live(self):
        self.peer, _ = self.server.accept()

    def close(self):
        super().close()
        self.server.close()


class TcpReceiver(TcpPeer):
    """A receiver that connects to our server."""

    def source(self, **other):
        return Source(id="s", kind="tcp_server", port=0, **other)

    def live(self):
        before = self.connections()
        self.peer = socket.create_connection(("127.0.0.1", self.reader.port))
        wait_for(lambda: self.connections() > before, "accepted")


class UdpTalker(Peer):
    """A program that sends datagrams: no connection, so no loss that could be seen."""

    lossy, joins = True, False
    to = "127.0.0.1"
    listen = "127.0.0.1"
    peer: socket.socket

    def source(self, **other):
        return Source(id="s", kind="udp", host=self.listen, port=0, **other)

    def live(self):
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.peer.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))

    def speak(self, data):
        while data:
            cut = data.rfind(b"\n", 0, DATAGRAM_BYTES) + 1 or len(data)
            self.peer.sendto(data[:cut], (self.to, self.reader.port))
            data = data[cut:]

    def die(self):
        self.peer.close()

    def close(self):
        self.peer.close()


class UdpBroadcaster(UdpTalker):
    """To everybody on the loopback network."""

    to, listen = "127.255.255.255", "0.0.0.0"


class UdpGroup(UdpTalker):
    """To a multicast group of IEC 61162-450."""

    to, listen = "239.192.0.2", "239.192.0.2@127.0.0.1"


class SerialLine(Peer):
    """A receiver on a pseudo-terminal behind a stable name; dying is the cable pulled out."""

    lossy = True
    master = slave = -1
    raw = True  # as a serial line is; a fresh pty is a terminal that echoes and edits

    def source(self, **other):
        return Source(id="s", kind="serial", path=str(self.folder / "receiver"), **other)

    def live(self):
        before = self.connections()
        self.master, self.slave = pty.openpty()
        if self.raw:
            tty.setraw(self.slave)
        link = self.folder / "receiver"
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self.slave))
        wait_for(lambda: self.connections() > before, "opened")

    def speak(self, data):
        while data:
            data = data[os.write(self.master, data) :]

    def die(self):
        os.close(self.slave)
        os.close(self.master)
        self.master = -1

    def close(self):
        if self.master >= 0:
            self.die()


class Pipe(Peer):
    """A program that pipes into standard input; when it dies, the source is over."""

    ends = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.out, self.into = os.pipe()

    def source(self, **other):
        return Source(id="s", kind="stdin", **other)

    def live(self):
        pass

    def speak(self, data):
        while data:
            data = data[os.write(self.into, data) :]

    def die(self):
        os.close(self.into)
        self.into = -1

    def close(self):
        if self.into >= 0:
            os.close(self.into)
        os.close(self.out)


def reset(peer: socket.socket) -> None:
    """Close with a reset: what a crashed peer or a rebooted router looks like."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


PEERS = {
    "tcp": TcpFeed,
    "tcp_server": TcpReceiver,
    "udp": UdpTalker,
    "udp broadcast": UdpBroadcaster,
    "udp multicast": UdpGroup,
    "serial": SerialLine,
    "stdin": Pipe,
}
