"""What is peculiar to one transport: keepalive, name service, attempts, DTR and RTS, kernel drops, interfaces, places of a server."""

from __future__ import annotations

import errno
import socket
import time
from contextlib import closing, suppress

import pytest
import serial

from dogwatch.config import Source
from ingest import source, source_serial, source_tcp, source_udp
from ingest.source import BACKOFF_FIRST_S, Backoff
from ingest.sources import SourceSet, make_reader
from tests.decode_inputs import one, position
from tests.source_peers import PATIENCE_S, SerialLine, TcpFeed, wait_for

LINE = one(position()) + b"\r\n"


class Hands:
    """A clock whose hands the test moves."""

    now_s = 0.0

    def wall_ms(self):
        return int(self.now_s * 1000)

    def monotonic_s(self):
        return self.now_s


def tcp(port=10110, host="127.0.0.1", **other):
    return Source(id="s", kind="tcp", host=host, port=port, **other)


def options_of(peer):
    names = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
    return [peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE), *(peer.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in names)]


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="this platform has no such option")
@pytest.mark.parametrize("kind", ["tcp", "tcp_server"])
def test_a_dead_link_is_noticed_by_keepalive(kind, monkeypatch):
    found = []
    keep_alive = source_tcp._keep_alive
    monkeypatch.setattr(source_tcp, "_keep_alive", lambda peer: (keep_alive(peer), found.append(options_of(peer))))
    server = socket.create_server(("127.0.0.1", 0))
    configured = tcp(server.getsockname()[1]) if kind == "tcp" else Source(id="s", kind="tcp_server", port=0)
    with closing(server), SourceSet([configured], seed=1) as sources:
        peer = server.accept()[0] if kind == "tcp" else socket.create_connection(("127.0.0.1", sources.readers[0].port))
        wait_for(lambda: bool(found), "a connection")
        peer.close()
    assert [row[1:] for row in found] == [[30, 10, 3]]
    assert found[0][0] != 0


class Attempts:
    """Stands for the network: each attempt is written down with its time and answered by the script; the clock jumps over waits."""

    def __init__(self, monkeypatch, script):
        self.clock, self.made, self.script = Hands(), [], iter(script)
        self.reader = make_reader(tcp(host="feed.example", silent_s=1e9), clock=self.clock, seed=1)
        monkeypatch.setattr(source_tcp.socket, "create_connection", self.connect)
        monkeypatch.setattr(self.reader, "wait", self.wait)

    def connect(self, where, _timeout):
        self.made.append((self.clock.now_s, where))
        answer = next(self.script, None)
        if answer is None:
            self.reader.stop_asked.set()
            raise OSError("over")
        if isinstance(answer, BaseException):
            raise answer
        return Spoken(self.clock, answer)

    def wait(self, seconds):
        self.clock.now_s += seconds

    def delays(self):
        self.reader.read()
        return [later - earlier for (earlier, _), (later, _) in zip(self.made, self.made[1:])]


class Spoken:
    """A peer that says `lines` one a second, then hangs up."""

    def __init__(self, clock, lines):
        self.clock, self.lines = clock, iter(lines)

    def recv(self, _n):
        self.clock.now_s += 1
        return next(self.lines, b"")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def settimeout(self, _s):
        return None

    def setsockopt(self, *_):
        return None


def grown(delays):
    """Whether each delay is about twice the one before, up to 30 s."""
    bases = [min(BACKOFF_FIRST_S * 2**n, 30.0) for n in range(len(delays))]
    return all(0.8 * base <= delay <= 1.2 * base for base, delay in zip(bases, delays))


def test_refused_again_and_again_the_delay_doubles_to_its_limit(monkeypatch):
    attempts = Attempts(monkeypatch, [OSError("refused")] * 10)
    assert grown(attempts.delays())
    assert len(attempts.made) == 11
    assert attempts.reader.counters.failures == 11


def test_the_name_is_asked_at_each_attempt_and_a_bad_name_is_only_a_failure(monkeypatch):
    attempts = Attempts(monkeypatch, [socket.gaierror("unknown"), UnicodeError("label too long"), OSError("refused")])
    attempts.delays()
    assert [where for _, where in attempts.made] == [("feed.example", 10110)] * 4
    assert attempts.reader.counters.failures == 4


@pytest.mark.parametrize(
    ("life", "well"),
    [([LINE] * 62, True), ([LINE] * 20, False), ([b"noise\r\n"] * 300, False), ([], False), ([LINE] * 2 + [b"noise\r\n"] * 100, False)],
    ids=["62 s of data", "20 s of data", "noise", "hangs up", "noise after data"],
)
def test_only_a_minute_of_valid_data_begins_the_delays_anew(life, well, monkeypatch):
    attempts = Attempts(monkeypatch, [*[OSError("refused")] * 6, life, OSError("refused")])
    after = attempts.delays()[6] - len(life) - 1
    assert (after <= 0.6) is well
    assert well or after >= 24


def test_jitter_is_its_own_for_every_source():
    readers = [make_reader(Source(id=name, kind="tcp"), seed=7) for name in "abcdef"]
    assert len({Backoff(reader.rng).next_s() for reader in readers}) == 6


def test_a_name_that_no_name_server_could_be_asked_for_is_waited_for():
    with SourceSet([tcp(host="a..b")], seed=1) as sources:
        wait_for(lambda: sources.counters["s"].failures >= 1, "an attempt")
        assert sources.get(0.0) is None
        assert sources.counters["s"].state in ("waiting", "new")


def test_a_server_without_descriptors_does_not_spin(monkeypatch):
    reader = make_reader(Source(id="s", kind="tcp_server", port=0), seed=1)
    asked = []

    class Full:
        def accept(self):
            asked.append(time.monotonic())
            raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(reader, "listener", Full())
    begun = time.monotonic()
    reader._accept(None, {})
    assert time.monotonic() - begun >= source.POLL_S * 0.9
    assert (len(asked), reader.counters.failures) == (1, 1)
    assert "too many" in reader.counters.error


@pytest.mark.parametrize(("dtr", "rts"), [(True, True), (False, True), (False, False)])
def test_dtr_and_rts_are_set_before_the_device_is_opened(dtr, rts, monkeypatch):
    seen = []

    class Port(serial.Serial):
        def open(self):
            seen.append((self.port, self.baudrate, self.dtr, self.rts, self.exclusive, self.bytesize, self.parity, self.stopbits))
            seen.append((self.xonxoff, self.rtscts, self.dsrdtr))

    monkeypatch.setattr(source_serial.serial, "Serial", Port)
    reader = make_reader(Source(id="s", kind="serial", path="/dev/null", baud=4800, dtr=dtr, rts=rts), seed=1)
    source_serial.open_port(reader.path, reader.baud, dtr=reader.dtr, rts=reader.rts)
    assert seen == [("/dev/null", 4800, dtr, rts, True, 8, "N", 1), (False, False, False)]


def test_a_serial_device_is_ours_alone(tmp_path):
    line = SerialLine(tmp_path)
    reader = line.reader = make_reader(line.source(), seed=1)
    with SourceSet([reader]):
        line.live()
        with pytest.raises(OSError, match="lock"):
            source_serial.open_port(reader.path, 38_400, dtr=True, rts=True)
    line.close()


def test_the_reader_itself_makes_the_line_raw(tmp_path):
    line = SerialLine(tmp_path)
    line.raw = False
    reader = line.reader = make_reader(line.source(), seed=1)
    every = bytes(value for value in range(256) if value != 10) + b"\n"  # XON, XOFF, end of file, erase: all of them only bytes
    with SourceSet([reader]) as sources:
        line.live()
        line.speak(every)
        wait_for(lambda: reader.counters.bytes == 256, "all of it")
        found = b""
        while (item := sources.get(0.0)) is not None:
            found += item.data
    line.close()
    assert found == every


def test_a_wrong_speed_is_said_once(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "GARBLED_S", 0.3)
    line = SerialLine(tmp_path)
    reader = line.reader = make_reader(line.source(), seed=1)
    with SourceSet([reader]):
        line.live()
        until_s = time.monotonic() + PATIENCE_S
        while not reader.counters.garbled and time.monotonic() < until_s:
            line.speak(b"\x91\xf3\x00\xfe\x81\r\n")
            time.sleep(0.02)
        for _ in range(30):
            line.speak(b"\x91\xf3\x00\xfe\x81\r\n")
        assert reader.counters.state == "garbled"
        assert [note for note in reader.counters.notes if "wrong speed?" in note and "38400" in note] == list(reader.counters.notes)
        assert reader.counters.garbled == len(reader.counters.notes) == 1
        line.speak(LINE)
        wait_for(lambda: reader.counters.state == "connected", "sense again")
    line.close()


def test_what_the_kernel_dropped_is_counted_exactly(monkeypatch):
    monkeypatch.setattr(source_udp, "RECEIVE_BUFFER_BYTES", 4_096)
    reader = make_reader(Source(id="s", kind="udp", port=0), seed=1)
    reader.open()
    sent = 2_000
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as peer:
        for _ in range(sent):  # nobody reads yet
            peer.sendto(LINE, ("127.0.0.1", reader.port))
        reader.thread.start()
        wait_for(lambda: reader.counters.pieces > 0, "what was kept")
        time.sleep(0.2)
        peer.sendto(LINE, ("127.0.0.1", reader.port))  # the next datagram tells what was lost before it
        wait_for(lambda: reader.counters.kernel_drops > 0, "the count")
        reader.ask_to_stop()
        reader.thread.join()
    assert reader.counters.pieces + reader.counters.kernel_drops == sent + 1


def test_a_silent_group_is_joined_anew_and_a_vanished_interface_is_a_failure(monkeypatch):
    clock = Hands()
    reader = make_reader(Source(id="s", kind="udp", host="239.192.0.2", port=0, silent_s=60), clock=clock, seed=1)
    asked = []
    monkeypatch.setattr(reader, "_membership", lambda group, join: asked.append((clock.now_s, join)))
    reader.group = source_udp.ipaddress.ip_address("239.192.0.2")
    reader.joined_s = 0.0
    for second in range(0, 200, 5):
        clock.now_s = second
        if reader.tend():
            reader._join_anew()
    assert asked == [(60, False), (60, True), (120, False), (120, True), (180, False), (180, True)]
    assert reader.counters.connections == 3

    def gone(group, join):
        raise OSError(errno.ENODEV, "no such device")

    monkeypatch.setattr(reader, "_membership", gone)
    clock.now_s = 300
    reader._join_anew()
    assert reader.counters.failures == 1
    assert "no such device" in reader.counters.error


def test_two_sources_one_silent_and_one_flooding_do_not_block_each_other(tmp_path):
    feed = TcpFeed(tmp_path)
    flooding = make_reader(feed.source(), seed=1, queue_bytes_max=20_000)
    quiet = make_reader(Source(id="quiet", kind="udp", port=0, silent_s=0.2), seed=1)
    taken = {"s": 0, "quiet": []}
    with SourceSet([flooding, quiet]) as sources, closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as peer:
        feed.live()
        feed.peer.settimeout(0.01)
        until_s, spoke = time.monotonic() + PATIENCE_S, False
        while "bytes" not in taken["quiet"] and time.monotonic() < until_s:
            with suppress(TimeoutError):
                feed.peer.send(LINE * 200)
            if taken["quiet"] and not spoke:
                peer.sendto(LINE, ("127.0.0.1", quiet.port))
                spoke = True
            for _ in range(5):
                item = sources.get(0.0)
                if item is not None and item.source == "quiet" and item.kind != "beat":
                    taken["quiet"].append(item.kind)
                elif item is not None:
                    taken["s"] += len(item.data)
    feed.close()
    assert taken["quiet"] == ["silent", "back", "bytes"]
    assert taken["s"] > 100 * len(LINE)


@pytest.mark.parametrize("kind", ["tcp", "tcp_server", "udp"])
def test_internet_protocol_six(kind):
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as fault:
        pytest.skip(f"no IPv6 on this machine: {fault}")
    port = server.getsockname()[1] if kind == "tcp" else 0
    with closing(server), SourceSet([Source(id="s", kind=kind, host="::1", port=port)], seed=1) as sources:
        reader = sources.readers[0]
        if kind == "tcp":
            peer = server.accept()[0]
        else:
            peer = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if kind == "tcp_server" else socket.SOCK_DGRAM)
            peer.connect(("::1", reader.port))
        peer.sendall(LINE)
        wait_for(lambda: reader.counters.bytes == len(LINE), "the line")
        peer.close()
