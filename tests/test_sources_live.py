"""Live sources against peers that die, stall, send half a line, drip byte by byte, flood and come back."""

from __future__ import annotations

import os
import pty
import random
import socket
import struct
import threading
import time
import tty
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest

from dogwatch.config import Source
from dogwatch.errors import InputError
from ingest import source, source_udp
from ingest.source import Backoff, Connection, Health, Lines, Outlet, Reader, Received, SourceCounters, SystemClock, has_sentence
from ingest.source_udp import datagram_lines
from ingest.sources import SourceSet, make_reader
from tests.decode_inputs import one, position

LINE = one(position()) + b"\r\n"
PATIENCE_S = 8.0


@pytest.fixture(autouse=True)
def _quick_backoff(monkeypatch):
    monkeypatch.setattr(source, "BACKOFF_FIRST_S", 0.05)
    monkeypatch.setattr(source, "BACKOFF_MAX_S", 0.2)


def collect(sources, enough, patience_s=PATIENCE_S):
    """Items until `enough(items)`; the test fails when that never comes."""
    items, until = [], time.monotonic() + patience_s
    while time.monotonic() < until:
        item = sources.get(0.05)
        if item is not None and item.kind not in ("link", "beat"):
            items.append(item)
        if enough(items):
            return items
    raise AssertionError(f"not within {patience_s} s; got {items[-5:]}")


def data_of(items, name=None):
    return b"".join(i.data for i in items if name in (None, i.source))


def has_bytes(n):
    return lambda items: len(data_of(items)) >= n


def has_kind(*kinds):
    return lambda items: [i.kind for i in items if i.kind != "bytes"][: len(kinds)] == list(kinds)


def listen():
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(PATIENCE_S)
    return server, server.getsockname()[1]


def tcp(port, **other):
    return Source(id="radio", kind="tcp", host="127.0.0.1", port=port, **other)


def test_tcp_client_joins_bytes_into_lines_and_stamps_arrival():
    server, port = listen()
    before_ms = time.time_ns() // 1_000_000
    with closing(server), SourceSet([tcp(port)], seed=1) as sources:
        peer, _ = server.accept()
        for i in range(0, len(LINE) * 2):
            peer.sendall((LINE * 2)[i : i + 1])
            time.sleep(0.0005)
        items = collect(sources, has_bytes(len(LINE) * 2))
        peer.close()
    assert data_of(items) == LINE * 2
    assert all(i.data.endswith(b"\n") for i in items), "a piece never ends inside a line"
    assert all(before_ms <= i.t_rx_ms <= time.time_ns() // 1_000_000 for i in items)


def test_tcp_client_comes_back_and_half_lines_never_join():
    server, port = listen()
    with closing(server), SourceSet([tcp(port)], seed=1) as sources:
        for _ in range(3):
            peer, _ = server.accept()
            peer.sendall(LINE + LINE[:20])
            peer.close()
        items = collect(sources, has_bytes(3 * (len(LINE) + 21)))
        assert data_of(items) == (LINE + LINE[:20] + b"\n") * 3
        assert sources.counters["radio"].losses >= 2


def test_tcp_client_survives_a_reset_and_a_peer_that_is_not_there_yet():
    server, port = listen()
    server.close()
    with SourceSet([tcp(port)], seed=1) as sources:
        assert sources.get(0.3) is None
        assert sources.counters["radio"].failures >= 1
        assert "refused" in sources.counters["radio"].error
        server = socket.create_server(("127.0.0.1", port))
        server.settimeout(PATIENCE_S)
        with closing(server):
            peer, _ = server.accept()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.sendall(LINE)
            first = collect(sources, has_bytes(len(LINE)))
            peer.close()  # linger 0: a reset
            peer, _ = server.accept()
            peer.sendall(LINE)
            assert data_of(first) == data_of(collect(sources, has_bytes(len(LINE)))) == LINE
            peer.close()


def test_tcp_client_reports_silence_once_connects_anew_and_reports_the_return():
    server, port = listen()
    with closing(server), SourceSet([tcp(port, silent_s=0.3)], seed=1) as sources:
        stalled, _ = server.accept()
        stalled.sendall(LINE)
        items = collect(sources, has_kind("silent"))
        assert sources.counters["radio"].state == "silent"
        again, _ = server.accept()
        again.sendall(LINE)
        items += collect(sources, has_bytes(len(LINE)))
        assert [i.kind for i in items] == ["bytes", "silent", "back", "bytes"]
        stalled.close()
        again.close()


def test_tcp_server_keeps_clients_apart():
    with SourceSet([Source(id="hub", kind="tcp_server", port=0)], seed=1) as sources:
        port = sources.readers[0].port
        peers = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        for cut in range(0, len(LINE), 7):  # three peers interleave mid-line
            for peer in peers:
                peer.sendall(LINE[cut : cut + 7])
            time.sleep(0.01)
        peers[0].sendall(LINE[:9])
        peers[0].close()
        items = collect(sources, has_bytes(3 * len(LINE) + 10))
        for peer in peers[1:]:
            peer.close()
    assert sorted(i.data for i in items) == sorted([LINE, LINE, LINE, LINE[:9] + b"\n"])
    assert len({i.sender for i in items}) == 3


def test_tcp_server_turns_away_more_clients_than_it_has_places(monkeypatch):
    monkeypatch.setattr("ingest.source_tcp.CLIENTS_MAX", 1)
    with SourceSet([Source(id="hub", kind="tcp_server", port=0)], seed=1) as sources:
        port = sources.readers[0].port
        with closing(socket.create_connection(("127.0.0.1", port))) as first, closing(socket.create_connection(("127.0.0.1", port))) as second:
            first.sendall(LINE)
            collect(sources, has_bytes(len(LINE)))
            second.settimeout(PATIENCE_S)
            assert second.recv(1) == b""
        assert "turned away" in sources.counters["hub"].error


@pytest.mark.parametrize("kind", ["tcp_server", "udp"])
def test_a_port_in_use_is_said_at_once(kind):
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp_server" else socket.SOCK_DGRAM)
    with closing(taken):
        taken.bind(("127.0.0.1", 0))
        if kind == "tcp_server":
            taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"radio.*port {port} .*in use.*another port"):
            SourceSet([Source(id="radio", kind=kind, port=port)], seed=1).start()


def test_one_bad_source_leaves_no_other_open():
    good = make_reader(Source(id="a", kind="tcp_server", port=0), seed=1)
    with pytest.raises(InputError, match="does not exist"):
        SourceSet([good, Source(id="b", kind="file", path="/nowhere/at/all")], seed=1).start()
    assert not good.thread.is_alive()
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", good.port))


def test_two_sources_of_one_name_are_refused():
    with pytest.raises(InputError, match="called 'a'"):
        SourceSet([Source(id="a", kind="tcp"), Source(id="a", kind="udp")])


def test_udp_datagrams_never_join():
    bare = LINE.rstrip()
    with SourceSet([Source(id="net", kind="udp", port=0)], seed=1) as sources, closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as peer:
        to = ("127.0.0.1", sources.readers[0].port)
        for datagram in (bare, b"UdPbC\0" + bare, b"", b"RaUdP\0\0\1\2", bare[:20], LINE + LINE):
            peer.sendto(datagram, to)
        items = collect(sources, lambda items: len(items) == 4)
        counters = sources.counters["net"]
    assert [i.data for i in items] == [bare + b"\r\n", bare + b"\r\n", bare[:20] + b"\r\n", LINE + LINE]
    assert counters.skipped == 1
    assert items[0].sender == f"127.0.0.1:{items[0].sender.split(':')[1]}"


def test_udp_multicast_on_a_named_interface():
    group = "239.192.0.2"
    try:
        sources = SourceSet([Source(id="net", kind="udp", host=f"{group}@127.0.0.1", port=0)], seed=1)
        sources.start()
    except InputError as fault:
        pytest.skip(f"no multicast here: {fault}")
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as peer:
        peer.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        peer.sendto(LINE, (group, sources.readers[0].port))
        assert data_of(collect(sources, has_bytes(len(LINE)))) == LINE
    sources.stop()


def test_udp_silence_and_return():
    with SourceSet([Source(id="net", kind="udp", port=0, silent_s=0.2)], seed=1) as sources, closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as peer:
        collect(sources, has_kind("silent"))
        peer.sendto(LINE, ("127.0.0.1", sources.readers[0].port))
        items = collect(sources, has_bytes(len(LINE)))
    assert [i.kind for i in items] == ["back", "bytes"]


def test_udp_that_nobody_takes_drops_the_oldest_and_counts():
    reader = make_reader(Source(id="net", kind="udp", port=0), seed=1, queue_bytes_max=4_000)
    with SourceSet([reader]) as sources, closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as peer:
        for number in range(200):
            peer.sendto(b"%06d\n" % number, ("127.0.0.1", reader.port))
            if number % 20 == 19:
                time.sleep(0.01)
        until = time.monotonic() + PATIENCE_S
        while reader.counters.pieces < 200 and time.monotonic() < until:
            time.sleep(0.01)
    kept = []
    while (item := sources.get(0.0)) is not None:
        kept.append(int(item.data))
    assert reader.counters.dropped_pieces + len(kept) == 200
    assert reader.counters.dropped_bytes == 7 * reader.counters.dropped_pieces > 0
    assert kept == list(range(200 - len(kept), 200)), "the newest stay, in order"


def test_kernel_drops_are_read():
    reader = make_reader(Source(id="net", kind="udp"), seed=1)
    reader._count_kernel_drops([(socket.SOL_SOCKET, source_udp.SO_RXQ_OVFL, struct.pack("@I", 17))])
    assert reader.counters.kernel_drops == 17


def test_tcp_waits_when_nobody_takes_and_loses_nothing():
    server, port = listen()
    reader = make_reader(tcp(port), seed=1, queue_bytes_max=20_000)
    total = 400_000
    with closing(server), SourceSet([reader]) as sources:
        peer, _ = server.accept()
        sent = b"".join(b"%07d\n" % i for i in range(total // 8))
        sender = threading.Thread(target=lambda: (peer.sendall(sent), peer.close()), daemon=True)
        sender.start()
        time.sleep(0.3)
        assert reader.outlet.held_bytes <= 20_000 + source.READ_BYTES + source.ITEM_BYTES
        items = collect(sources, has_bytes(total))
        sender.join(PATIENCE_S)
    assert data_of(items) == sent


def test_stop_keeps_what_was_accepted():
    server, port = listen()
    reader = make_reader(tcp(port), seed=1, queue_bytes_max=600)
    with closing(server):
        sources = SourceSet([reader])
        sources.start()
        peer, _ = server.accept()
        for _ in range(3):
            peer.sendall(LINE)
            time.sleep(0.2)  # the word "link" and the first fill the queue, the second waits inside put
        accepted = reader.counters.bytes
        assert accepted >= 2 * len(LINE)
        sources.stop()
        sources.stop()
        taken = b""
        while (item := sources.get(0.0)) is not None:
            taken += item.data
        peer.close()
    assert len(taken) == reader.counters.bytes >= accepted
    assert sources.over
    assert not reader.thread.is_alive()


def serial_source(path, **other):
    return Source(id="line", kind="serial", path=str(path), **other)


def new_pty(link):
    master, slave = pty.openpty()
    tty.setraw(slave)
    if link.is_symlink():
        link.unlink()
    link.symlink_to(os.ttyname(slave))
    return master, slave


def test_serial_reads_is_unplugged_and_comes_back(tmp_path):
    link = tmp_path / "receiver"
    master, slave = new_pty(link)
    with SourceSet([serial_source(link)], seed=1) as sources:
        time.sleep(0.2)
        for cut in range(0, len(LINE), 5):
            os.write(master, LINE[cut : cut + 5])
        items = collect(sources, has_bytes(len(LINE)))
        os.write(master, LINE[:11])
        time.sleep(0.3)
        os.close(slave)
        os.close(master)
        items += collect(sources, has_bytes(12))
        assert data_of(items) == LINE + LINE[:11] + b"\n"
        master, slave = new_pty(link)
        until = time.monotonic() + PATIENCE_S
        while sources.counters["line"].connections < 2 and time.monotonic() < until:
            time.sleep(0.05)
        os.write(master, LINE)
        assert data_of(collect(sources, has_bytes(len(LINE)))) == LINE
    os.close(slave)
    os.close(master)


def test_serial_waits_for_a_device_that_is_not_there_yet(tmp_path):
    link = tmp_path / "receiver"
    with SourceSet([serial_source(link, silent_s=0.2)], seed=1) as sources:
        collect(sources, has_kind("silent"))
        assert sources.counters["line"].failures >= 1
        master, slave = new_pty(link)
        until = time.monotonic() + PATIENCE_S
        while sources.counters["line"].connections < 1 and time.monotonic() < until:
            time.sleep(0.05)
        os.write(master, LINE)
        assert [i.kind for i in collect(sources, has_bytes(len(LINE)))] == ["back", "bytes"]
    os.close(slave)
    os.close(master)


def test_serial_refuses_what_is_no_device(tmp_path):
    plain = tmp_path / "notes.txt"
    plain.write_text("x")
    with pytest.raises(InputError, match="no serial device"):
        SourceSet([serial_source(plain)]).start()
    with pytest.raises(InputError, match="path is empty"):
        SourceSet([serial_source("")]).start()


def test_several_sources_at_once_take_turns(tmp_path):
    recording = tmp_path / "a.nmea"
    recording.write_bytes(LINE * 5_000)
    server, port = listen()
    with closing(server):
        sources = SourceSet([Source(id="file", kind="file", path=str(recording)), tcp(port), Source(id="net", kind="udp", port=0)], seed=1)
        sources.start()
        peer, _ = server.accept()
        peer.sendall(LINE * 3)
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as datagrams:
            datagrams.sendto(LINE, ("127.0.0.1", sources.readers[2].port))
        items = collect(sources, lambda items: len(data_of(items)) == len(LINE) * 5_004 and any(i.kind == "end" for i in items))
        assert (data_of(items, "file"), data_of(items, "radio"), data_of(items, "net")) == (LINE * 5_000, LINE * 3, LINE)
        assert [i.t_rx_ms for i in items if i.source == "file"] == [None] * sum(i.source == "file" for i in items)
        peer.close()
        sources.stop()
        assert [item for item in sources.received(0.05) if item is not None] == []


def test_a_flood_on_one_source_does_not_starve_another():
    gate_readers = [Reader(name, silent_s=0, clock=SystemClock(), rng=random.Random(1)) for name in "ab"]
    sources = SourceSet(gate_readers)
    for reader, n in zip(gate_readers, (100, 2)):
        for i in range(n):
            reader.outlet.put(Received(b"%d\n" % i, None, reader.source, "", "bytes"))
    assert [sources.get(0.0).source for _ in range(5)] == ["a", "b", "a", "b", "a"]


def test_standard_input_is_live_and_ends():
    out, into = os.pipe()
    reader = make_reader(Source(id="pipe", kind="stdin", silent_s=0.2), seed=1)
    reader.descriptor = out
    with SourceSet([reader]) as sources:
        os.write(into, LINE[:10])
        os.write(into, LINE[10:])
        items = collect(sources, has_kind("silent"))
        os.close(into)
        items += collect(sources, has_kind("end"))
        assert sources.over
    os.close(out)
    assert data_of(items) == LINE
    assert all(i.t_rx_ms is not None for i in items)


def test_a_mistake_in_a_reader_reaches_the_caller():
    class Broken(Reader):
        def read(self):
            raise ZeroDivisionError("ours")

    sources = SourceSet([Broken("x", silent_s=0, clock=SystemClock(), rng=random.Random(1))])
    sources.start()
    with pytest.raises(ZeroDivisionError):
        collect(sources, lambda items: False, 2.0)


class Hands:
    """A clock whose hands the test moves."""

    now_s = 0.0

    def wall_ms(self):
        return int(self.now_s * 1000)

    def monotonic_s(self):
        return self.now_s


def drained(reader):
    items = []
    while (item := reader.outlet.take()) is not None:
        items.append(item)
    return items


def test_silence_is_judged_by_the_clock_that_is_given():
    clock = Hands()
    reader = Reader("x", silent_s=60, clock=clock, rng=random.Random(1))
    said = []
    for second in range(0, 200, 10):
        clock.now_s = second
        if second in (20, 150):
            reader.deliver(LINE, "peer")
        reader.tend()
        said += [(second, item.kind, item.t_rx_ms) for item in drained(reader) if item.kind != "beat"]
    assert said == [(20, "bytes", 20_000), (80, "silent", 80_000), (150, "back", 150_000), (150, "bytes", 150_000)]


def test_a_heart_beats_every_ten_seconds_whether_bytes_come_or_not():
    clock = Hands()
    reader = Reader("x", silent_s=60, clock=clock, rng=random.Random(1))
    beats = []
    for second in [*range(0, 100, 2), *range(100, 200, 7)]:
        clock.now_s = second
        if second < 50:
            reader.deliver(LINE, "peer")
        else:
            reader.tend()
        beats += [item for item in drained(reader) if item.kind == "beat"]
    times_s = [beat.t_rx_ms // 1000 for beat in beats]
    assert times_s == [*range(10, 100, 10), 100, 114, 121, 135, 142, 156, 163, 170, 184, 191], "late ones do not move the schedule"
    health = [msgspec.json.decode(beat.data, type=Health) for beat in beats]
    assert [h.state for h in health[:4]] == ["connected"] * 4
    assert health[-1].state == "silent"
    assert health[1].bytes == 10 * len(LINE)
    assert health[-1].bytes == 25 * len(LINE)


def test_a_recording_has_no_heartbeat(tmp_path):
    recording = tmp_path / "a.nmea"
    recording.write_bytes(LINE)
    clock = Hands()
    reader = make_reader(Source(id="a", kind="file", path=str(recording)), clock=clock)
    clock.now_s = 100.0
    reader.tend()
    assert [item.kind for item in drained(reader)] == ["silent"]


NOISE = b"\x91\xfe" + LINE.replace(b"A", b"B", 1)


def connection_story(story):
    """(state, garbled, steady) after (second, bytes) of one connection."""
    clock = Hands()
    reader = Reader("x", silent_s=1e9, clock=clock, rng=random.Random(1))
    connection = Connection(reader, "peer", garbled_words="wrong speed?")
    for second, data in story:
        clock.now_s = second
        connection.take(data)
    return reader.counters.state, reader.counters.garbled, connection.steady, list(reader.counters.notes)


@pytest.mark.parametrize(
    ("story", "state", "garbled", "steady"),
    [
        ([(s, LINE) for s in range(0, 59)], "connected", 0, False),
        ([(s, LINE) for s in range(0, 62)], "connected", 0, True),
        ([(s, NOISE) for s in range(0, 9)], "connected", 0, False),
        ([(s, NOISE) for s in range(0, 100)], "garbled", 1, False),
        ([(s, LINE if s < 50 else NOISE) for s in range(0, 100)], "garbled", 1, False),
        ([(s, LINE if s % 9 == 0 else NOISE) for s in range(0, 100)], "connected", 0, True),
        ([(s, LINE if s % 20 == 0 else NOISE) for s in range(0, 101)], "connected", 5, True),
        ([(s / 10, (LINE * 10)[s : s + 1]) for s in range(0, 400)], "connected", 0, False),
        ([(0, LINE), (5_000, NOISE), (5_001, LINE)], "connected", 0, True),
        ([(0, b""), (100, b"")], "connected", 0, False),
    ],
)
def test_a_connection_is_well_by_its_checksums_not_by_its_bytes(story, state, garbled, steady):
    assert connection_story(story) == (state, garbled, steady, ["wrong speed?"] * garbled)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (LINE, True),
        (b"$GPTXT,01,01,02,x*35", True),
        (b"$GPTXT,01,01,02,x*34", False),
        (b"x" * 5_000, False),
        (b"!" * 600 + LINE, True),
        (b"!AIVDM,1,1,,A,cut" + LINE, True),
        (NOISE, False),
        (b"$GPTXT,01,01,02,x*" + LINE, True),
        (b"", False),
    ],
)
def test_has_sentence(data, found):
    assert has_sentence(data) is found


def test_backoff_doubles_to_its_limit_with_jitter(monkeypatch):
    monkeypatch.undo()
    backoff = Backoff(random.Random(7))
    delays = [backoff.next_s() for _ in range(12)]
    for delay, base in zip(delays, [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30, 30]):
        assert 0.8 * base <= delay <= 1.2 * base
    assert len(set(delays[6:])) == 6, "jitter"
    backoff.reset()
    assert backoff.next_s() <= 0.6


def test_lines_hold_a_half_line_but_not_for_ever():
    lines = Lines()
    assert lines.whole(b"abc") == b""
    assert lines.whole(b"def\nghi") == b"abcdef\n"
    assert lines.whole(b"\r") == b""  # may be half of CR LF
    assert lines.whole(b"\njk\rlm") == b"ghi\r\n"
    assert lines.whole(b"n\r\r") == b"jk\rlmn\r"
    assert lines.rest() == b"\r\n"
    assert lines.rest() == b""
    assert lines.whole(b"x" * 5_000) == b"x" * 5_000 + b"\n"


def test_an_outlet_of_words_only_never_blocks():
    outlet = Outlet(SourceCounters(), threading.Condition(), lossy=True, bytes_max=600)
    for _ in range(10):
        outlet.put(Received(b"", 0, "x", "", "silent"))
    assert len(outlet.items) == 10


@pytest.mark.parametrize(("data", "lines"), [(b"", b""), (b"a", b"a\r\n"), (b"a\n", b"a\n"), (b"a\r", b"a\r"), (b"UdPbC\0", b""), (b"RrUdP\0abc", b"")])
def test_datagram_lines(data, lines):
    assert datagram_lines(data) == lines


def test_the_document_names_every_kind_and_counter():
    text = (Path(__file__).resolve().parent.parent / "docs" / "sources.md").read_text(encoding="utf-8")
    words = [*get_args(get_type_hints(Source)["kind"])]
    words += [field.name for field in fields(SourceCounters)]
    assert len(words) > 15
    assert [word for word in words if f"`{word}`" not in text] == []
