"""Serving, with real sockets and a pseudo-terminal: every listener hears what hardware would have said, at the pace that was asked for."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import termios
import threading
import time
import tty
from contextlib import closing
from pathlib import Path

import pytest
from commands import dogwatch

from dogwatch.errors import InputError
from runners.serve import AHEAD_MAX, WAITING_MAX, Outlet, PtyOutlet, TcpOutlet, UdpOutlet, outlet, play
from sim.simulate import GREETING, Chunk

START_MS = 1_767_225_600_000


def line(station: str, number: int) -> bytes:
    return f"\\s:EX-{station},c:1767225600*00\\!AIVDM,1,1,,A,{number},0*00\r\n".encode()


def chunks(n: int = 20, *, lines: int = 3, stations: tuple[str, ...] = ("hill", "west")) -> list[Chunk]:
    """One a second, some lines of each station in each."""
    return [Chunk(START_MS + 1000 * i, b"".join(line(s, 100 * i + k) for k in range(lines) for s in stations)) for i in range(n)]


def whole(some: list[Chunk]) -> bytes:
    return b"".join(chunk.data for chunk in some)


def of(station: str, some: list[Chunk]) -> bytes:
    return b"".join(one for one in whole(some).splitlines(keepends=True) if f"s:EX-{station},".encode() in one)


def connect(out: Outlet) -> socket.socket:
    host, _, port = out.address.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def read_all(peer: socket.socket) -> bytes:
    """Until the other side closes."""
    peer.settimeout(20)
    data = b""
    while piece := peer.recv(65_536):
        data += piece
    return data


class Playing(threading.Thread):
    """`play` beside the test; closes the outlets when it has ended."""

    def __init__(self, some: list[Chunk], outlets: list[Outlet], **how) -> None:
        super().__init__(daemon=True)
        self.some, self.outlets, self.how = some, outlets, how
        self.start()

    def run(self) -> None:
        self.played = play(iter(self.some), self.outlets, **self.how)
        for out in self.outlets:
            out.close()

    def end(self):
        self.join(20)
        assert not self.is_alive()
        return self.played


def test_several_receivers_at_once_each_on_its_port():
    everything, hill, west = TcpOutlet("127.0.0.1", 0), TcpOutlet("127.0.0.1", 0, "hill"), TcpOutlet("127.0.0.1", 0, "west")
    some = chunks()
    playing = Playing(some, [everything, hill, west], speed=0.0)
    with closing(connect(west)) as c, closing(connect(everything)) as a:
        time.sleep(0.1)  # the third is waited for
        with closing(connect(hill)) as b:
            assert [read_all(peer) for peer in (a, b, c)] == [whole(some), of("hill", some), of("west", some)]
    assert (playing.end().sent, playing.played.dropped) == (len(whole(some)), 0)


def test_a_damaged_line_goes_where_the_one_before_it_went():
    hill, some = TcpOutlet("127.0.0.1", 0, "hill"), [Chunk(START_MS, line("hill", 1) + b"!garbled\r\n" + line("west", 2) + b"!garbled too\r\n")]
    playing = Playing(some, [hill], speed=0.0)
    with closing(connect(hill)) as peer:
        assert read_all(peer) == line("hill", 1) + b"!garbled\r\n"
    playing.end()


def test_who_comes_late_hears_what_is_sent_from_then_on_in_whole_lines():
    out, some = TcpOutlet("127.0.0.1", 0), chunks(30)
    playing = Playing(some, [out], speed=20.0)
    with closing(connect(out)) as first:
        head = first.recv(65_536)
        while len(head) < len(whole(some[:8])):
            head += first.recv(65_536)
        with closing(connect(out)) as late:
            tail, all_of_it = read_all(late), head + read_all(first)
    playing.end()
    assert all_of_it == whole(some)
    assert 0 < len(tail) <= len(whole(some[8:]))
    assert whole(some).endswith(tail)
    assert tail.startswith(b"\\s:EX-")


def test_the_world_waits_for_a_new_listener_or_ends_with_the_last():
    some = chunks(30)
    for once in (False, True):
        out = TcpOutlet("127.0.0.1", 0)
        playing = Playing(some, [out], speed=20.0, once=once)
        with closing(connect(out)) as first:
            head = first.recv(65_536)
        time.sleep(0.5)
        assert playing.is_alive() is not once
        if once:
            assert playing.end().sent < len(whole(some))
            continue
        with closing(connect(out)) as second:
            tail = read_all(second)
        assert whole(some).endswith(tail)
        assert len(head) + len(tail) > 0.5 * len(whole(some))  # what was sent while the first one left is lost, the pause is not
        playing.end()


def test_as_fast_as_it_is_read_waits_for_a_slow_reader():
    out = TcpOutlet("127.0.0.1", 0)
    out.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    drawn = []
    some = chunks(300, lines=100)

    def draw():
        for chunk in some:
            drawn.append(len(chunk.data))
            yield chunk

    playing = Playing(draw(), [out], speed=0.0)
    with closing(socket.socket()) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        slow.connect(("127.0.0.1", out.listener.getsockname()[1]))
        time.sleep(0.5)
        assert sum(drawn) < AHEAD_MAX + 10 * drawn[0] + 200_000 < 0.5 * len(whole(some))  # what buffers hold, and no more
        assert read_all(slow) == whole(some)
    assert playing.end().dropped == 0


def test_at_real_time_who_does_not_read_loses_whole_lines_and_holds_up_nobody():
    out, some = TcpOutlet("127.0.0.1", 0), chunks(60, lines=400)
    out.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    assert len(whole(some)) > 2 * WAITING_MAX
    playing = Playing(some, [out], speed=30.0)
    with closing(socket.socket()) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        deaf.connect(("127.0.0.1", out.listener.getsockname()[1]))
        with closing(connect(out)) as good:
            good.settimeout(20)
            pieces = [good.recv(1 << 20)]
            while pieces[-1] and not pieces[-1].endswith(some[-1].data[-66:]):
                pieces.append(good.recv(1 << 20))
            assert playing.is_alive()  # the end came to one of them while the other has not read a byte
            late = read_all(deaf)
    assert whole(some).endswith(b"".join(pieces))
    assert len(b"".join(pieces)) > 0.5 * len(whole(some))
    dropped = playing.end().dropped
    assert dropped > 0
    assert len(late) + dropped == len(whole(some))
    assert set(late.splitlines(keepends=True)) <= set(whole(some).splitlines(keepends=True))


def test_time_passes_at_the_speed_that_was_asked_for():
    out, some = TcpOutlet("127.0.0.1", 0), chunks(11)
    playing = Playing(some, [out], speed=20.0)
    with closing(connect(out)) as peer:
        begun = time.monotonic()
        assert read_all(peer) == whole(some)
        assert 0.45 < time.monotonic() - begun < 5  # ten seconds, twenty times as fast
    playing.end()


def test_datagrams_hold_whole_lines():
    some = chunks(5, lines=20)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as ear:
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(5)
        out = UdpOutlet("127.0.0.1", ear.getsockname()[1], "west")
        out.greet(GREETING)
        playing = Playing(some, [out], speed=100.0)
        data = b""
        while len(data) < len(of("west", some)):
            datagram = ear.recv(65_536)
            assert len(datagram) <= 1400
            assert datagram.startswith(GREETING + b"\\s:")
            assert datagram.endswith(b"\r\n")
            data += datagram.removeprefix(GREETING)
        assert data == of("west", some)
    playing.end()
    silent = play(some, [UdpOutlet("127.0.0.1", 1)], speed=0.0)  # nobody there: said, not raised
    assert silent.sent == len(whole(some))


def test_who_opens_a_terminal_late_is_greeted_within_a_second_or_two(monkeypatch):
    monkeypatch.setattr("runners.serve.GREET_EVERY_S", 0.2)
    some, out = chunks(40), PtyOutlet()
    out.greet(GREETING)
    port = os.open(out.address, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(port, termios.TCSANOW)
    playing, data = Playing(some, [out], speed=20.0), b""
    while len(data.replace(GREETING, b"")) < len(whole(some)):
        assert select.select([port], [], [], 10)[0], "nothing comes"
        piece = os.read(port, 4096)
        assert piece, "it was unplugged too early"
        data += piece
    os.close(port)
    playing.end()
    assert data.replace(GREETING, b"") == whole(some)
    assert 4 <= data.count(GREETING) <= 11


def test_a_terminal_is_read_like_a_serial_port():
    some = chunks(40, lines=20)
    out = PtyOutlet("hill")
    port = os.open(out.address, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(port, termios.TCSANOW)
    assert len(of("hill", some)) > 8 * 4096  # far more than a terminal holds
    playing = Playing(some, [out], speed=0.0)
    data = b""
    os.write(port, b"what a program sets up a receiver with\r\n")
    while len(data) < len(of("hill", some)):
        assert select.select([port], [], [], 10)[0], "nothing comes"
        piece = os.read(port, 1000)
        assert piece, "it was unplugged too early"
        data += piece
    os.close(port)
    assert data == of("hill", some)
    playing.end()


@pytest.mark.parametrize("text", ["carrier-pigeon:1", "tcp://host", "udp://127.0.0.1:port", "tcp://127.0.0.1:99999", "nobody=pty"])
def test_unusable_places_are_refused(text):
    with pytest.raises(InputError):
        outlet(text, ["hill", "west"])


def test_a_port_in_use_is_refused_with_a_remedy():
    out = TcpOutlet("127.0.0.1", 0)
    with pytest.raises(InputError, match="another port"):
        outlet("hill=" + out.address, ["hill"])
    out.close()


def test_the_command_serves_what_it_would_write(tmp_path):
    root = Path(__file__).parents[1]
    sea = ["sim", "strait", "--seed", "3", "--duration", "20s"]
    program = [sys.executable, "-c", "from runners.cli import main; main()", *sea]
    where = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(root)}, "text": True}
    assert dogwatch(*sea, "--nmea", "sea.nmea", "--faults", "lost=0.1", cwd=tmp_path).returncode == 0
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    words = ["--faults", "lost=0.1", "--speed", "max", "--once", "--serve", f"tcp://127.0.0.1:{port}", "--truth", "truth.ndjson"]
    with subprocess.Popen([*program, *words], stderr=subprocess.PIPE, **where) as served:
        assert served.stderr.readline().startswith("EXERCISE traffic of 'strait'")
        with closing(socket.create_connection(("127.0.0.1", port), timeout=120)) as peer:
            assert read_all(peer) == (tmp_path / "sea.nmea").read_bytes()
        assert served.wait(120) == 0
    assert (tmp_path / "truth.ndjson").read_text().startswith("{")
