"""UDP sources: unicast, broadcast and multicast. May live here: datagram sockets and what wraps a datagram. May not: sentences.

A datagram never joins another: its end is a line end. `host` is the address to listen on (0.0.0.0 hears broadcasts too)
or a multicast group, `239.192.0.2`, where needed with the interface to join on: `239.192.0.2@192.168.1.10`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import struct
from typing import Any

from dogwatch.errors import InputError
from ingest.source import POLL_S, Reader, port_error

DATAGRAM_BYTES_MAX = 65_535
RECEIVE_BUFFER_BYTES = 8 << 20  # seconds of a busy feed while Python is elsewhere; the kernel may grant less
SO_RXQ_OVFL = 40  # Linux: each datagram tells how many were dropped before it
SENTENCES_450 = b"UdPbC\0"  # IEC 61162-450: sentences follow
BINARY_450 = (b"RaUdP\0", b"RrUdP\0")  # IEC 61162-450: files and images, nothing for us


class UdpListener(Reader):
    """Receives datagrams on a port. When nobody takes them, the oldest are dropped and counted."""

    lossy = True

    def __init__(self, source: str, host: str, port: int, **common: Any) -> None:
        super().__init__(source, **common)
        self.host, _, self.interface = host.partition("@")
        self.port = port
        self.socket: socket.socket | None = None
        self.group: ipaddress.IPv4Address | ipaddress.IPv6Address | None = None
        self.joined_s = self.heard_s

    def open(self) -> None:
        """Take the port and join the group. Raises InputError."""
        try:
            family, *_, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)[0]
            self.socket = socket.socket(family, socket.SOCK_DGRAM)
            group = ipaddress.ip_address(address[0])
            if group.is_multicast:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # several programs may listen to one group
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            with contextlib.suppress(OSError):  # only Linux counts drops this way
                self.socket.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
            self.socket.bind(address)
            if group.is_multicast:
                self._join(group)
        except OSError as fault:
            if self.socket:
                self.socket.close()
            raise port_error(self.source, self.host, self.port, fault) from fault
        self.socket.settimeout(POLL_S)
        self.port = self.socket.getsockname()[1]

    def read(self) -> None:
        """Receive until stopping."""
        assert self.socket is not None, "open comes first"
        self.counters.connections = 1
        with self.socket:
            while not self.stopping:
                try:
                    data, ancillary, _, sender = self.socket.recvmsg(DATAGRAM_BYTES_MAX, 64)
                except TimeoutError:
                    if self.tend():
                        self._join_anew()
                    continue
                except OSError as fault:  # an ICMP error of an earlier datagram, an interface that went: the next read may succeed
                    self.failed(fault)
                    self.wait(POLL_S)
                    continue
                self._count_kernel_drops(ancillary)
                lines = datagram_lines(data)
                if lines:
                    self.deliver(lines, f"{sender[0]}:{sender[1]}")
                elif data:
                    self.counters.skipped += 1

    def _join(self, group: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
        assert self.socket is not None, "open makes the socket"
        self.group = group
        try:
            self._membership(group, join=True)
        except OSError as fault:
            self.socket.close()
            what = f"source '{self.source}': cannot join the multicast group {group}: {fault.strerror or fault}"
            raise InputError(what, remedy="name the interface: host = \"239.192.0.2@192.168.1.10\" (IPv6: '@eth0')") from fault

    def _membership(self, group: ipaddress.IPv4Address | ipaddress.IPv6Address, *, join: bool) -> None:
        """Join or leave. Raises OSError."""
        assert self.socket is not None, "open makes the socket"
        if group.version == 4:
            wanted = struct.pack("4s4s", group.packed, socket.inet_aton(self.interface or "0.0.0.0"))
            self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP if join else socket.IP_DROP_MEMBERSHIP, wanted)
        else:
            index = socket.if_nametoindex(self.interface) if self.interface else 0
            option = socket.IPV6_JOIN_GROUP if join else socket.IPV6_LEAVE_GROUP
            self.socket.setsockopt(socket.IPPROTO_IPV6, option, group.packed + struct.pack("@I", index))

    def _join_anew(self) -> None:
        """A silent group: tell the routers again that somebody listens, once per `silent_s` (a switch may have forgotten it)."""
        now_s = self.clock.monotonic_s()
        if self.group is None or now_s - max(self.joined_s, self.heard_s) < self.silent_s:
            return
        self.joined_s = now_s
        try:
            with contextlib.suppress(OSError):  # the interface may have gone, and the membership with it
                self._membership(self.group, join=False)
            self._membership(self.group, join=True)
            self.counters.connections += 1
        except OSError as fault:
            self.failed(fault)

    def _count_kernel_drops(self, ancillary: list[tuple[int, int, bytes]]) -> None:
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == SO_RXQ_OVFL:
                self.counters.kernel_drops = struct.unpack("@I", value[:4])[0]


def datagram_lines(data: bytes) -> bytes:
    """The lines of a datagram, the last one ended; b"" when it holds none (empty, or binary by IEC 61162-450)."""
    if data.startswith(BINARY_450):
        return b""
    lines = data.removeprefix(SENTENCES_450)
    return lines if not lines or lines.endswith((b"\n", b"\r")) else lines + b"\r\n"
