"""Every kind of source against a peer that dies, stalls, says half a line, floods, comes back: one table, each cell a test.

Each cell looks at what came out (decoded, by MMSI), at the words, the states and the counters. Nothing accepted is lost.
"""

from __future__ import annotations

import os
import select
import threading
from contextlib import contextmanager

import pytest

from dogwatch.config import Config
from dogwatch.errors import InputError
from ingest import source
from ingest.source import Received
from ingest.sources import SourceSet, make_reader
from runners.intake import Intake, lanes_of
from tests.decode_inputs import one, position, static, two
from tests.source_peers import PEERS, wait_for

SILENT_S = 0.3
SMALL_QUEUE_BYTES = 20_000


def line(number: int) -> bytes:
    """A position of a vessel of its own."""
    return one(position(257_000_000 + number)) + b"\r\n"


def lines(first: int, last: int) -> bytes:
    return b"".join(line(n) for n in range(first, last))


class Watch:
    """One source, its peer, everything that it has said, and what that decodes to."""

    def __init__(self, peer, **other):
        self.peer = peer
        configured = peer.source(silent_s=other.pop("silent_s", 30.0))
        self.reader = peer.reader = make_reader(configured, seed=1, **other)
        if hasattr(peer, "out"):
            self.reader.descriptor = peer.out
        self.sources = SourceSet([self.reader])
        self.intake = Intake(lanes_of(Config(sources=[configured])))
        self.items: list[Received] = []
        self.heard: list[int] = []

    @property
    def counters(self):
        return self.reader.counters

    def take(self) -> None:
        """All that waits."""
        while (item := self.sources.get(0.0)) is not None:
            self.items.append(item)
            batch, _, _ = self.intake.take(item)
            self.heard += [int(mmsi) - 257_000_000 for mmsi in batch.fixes["mmsi"]]

    def until(self, true, what: str) -> None:
        def look() -> bool:
            self.take()
            return true()

        wait_for(look, f"{what}; heard {self.heard[-5:]}, {self.counters}")

    def hears(self, numbers) -> None:
        expected = list(numbers)
        self.until(lambda: len(self.heard) >= len(expected), f"{len(expected)} positions")
        assert self.heard == expected

    def words(self) -> list[str]:
        return [item.kind for item in self.items if item.kind in ("silent", "back", "end")]

    @property
    def counts(self):
        counts = self.intake.counts()
        assert counts.balance() == 0
        return counts


@contextmanager
def watching(kind, folder, **other):
    peer = PEERS[kind](folder)
    watch = Watch(peer, **other)
    try:
        watch.sources.start()
    except InputError as fault:
        pytest.skip(f"not on this machine: {fault}")
    try:
        peer.live()
        yield watch, peer
        watch.sources.stop()
        watch.take()
        delivered = sum(len(item.data) for item in watch.items if item.kind == "bytes")
        assert delivered + watch.counters.dropped_bytes == watch.counters.bytes, "what was accepted was delivered, or dropped and counted"
        assert not watch.reader.thread.is_alive()
        assert watch.sources.over
    finally:
        watch.sources.stop()
        peer.close()


@pytest.fixture(autouse=True)
def _quick_backoff(monkeypatch):
    monkeypatch.setattr(source, "BACKOFF_FIRST_S", 0.05)
    monkeypatch.setattr(source, "BACKOFF_MAX_S", 0.2)


every_kind = pytest.mark.parametrize("kind", PEERS)


@every_kind
def test_dies(kind, tmp_path):
    with watching(kind, tmp_path) as (watch, peer):
        peer.speak(lines(0, 3))
        watch.hears(range(3))
        peer.die()
        if peer.ends:
            watch.until(lambda: watch.sources.over, "the end")
            assert watch.words() == ["end"]
            assert watch.counters.state == "ended"
        elif kind.startswith("udp"):
            assert watch.counters.state == "connected", "nobody can know"
        else:
            watch.until(lambda: watch.counters.losses == 1, "the loss")
            watch.until(lambda: watch.counters.state in ("waiting", "connected"), "a state")
            assert watch.counters.error or kind == "tcp_server"
        assert watch.counts.decoded == {"1": 3}


@every_kind
def test_stalls_and_speaks_again(kind, tmp_path):
    with watching(kind, tmp_path, silent_s=SILENT_S) as (watch, peer):
        peer.speak(line(0))
        watch.until(lambda: watch.words() == ["silent"], "silence")
        assert watch.counters.state == "silent"
        made = watch.counters.connections
        if kind == "tcp":  # connects anew
            peer.live()
        elif kind == "serial":  # opens anew
            watch.until(lambda: watch.counters.connections > made, "opened anew")
        elif kind == "udp multicast":
            watch.until(lambda: watch.counters.connections > made, "joined anew")
        peer.speak(line(1))
        watch.hears([0, 1])
        assert watch.words()[:2] == ["silent", "back"]
        kinds = [item.kind for item in watch.items if item.kind not in ("link", "beat")]
        assert kinds[:4] == ["bytes", "silent", "back", "bytes"]
        assert watch.counts.decoded == {"1": 2}


@every_kind
def test_says_half_a_line_and_the_rest_later(kind, tmp_path):
    with watching(kind, tmp_path) as (watch, peer):
        peer.speak(line(0) + line(1)[:20])
        watch.until(lambda: 0 in watch.heard, "the first line")
        peer.speak(line(1)[20:] + line(2))
        if peer.joins:
            watch.hears([0, 1, 2])
            assert watch.counts.rejected == {}
        else:
            watch.hears([0, 2])
            counts = watch.counts
            assert counts.lines == 4, "each end of a datagram is the end of a line"
            assert sum(counts.rejected.values()) + sum(counts.other.values()) == 2


@every_kind
def test_half_a_line_joins_nothing_of_the_next_life(kind, tmp_path):
    with watching(kind, tmp_path) as (watch, peer):
        first, second = two(static(257_000_009, "EVER NEVER"), seq="3")
        peer.speak(line(0) + first + b"\r\n" + line(1)[:20])
        watch.until(lambda: 0 in watch.heard and (watch.counters.bytes >= len(line(0) + first) + 2), "the first lines")
        peer.die()
        if peer.ends:
            watch.until(lambda: watch.sources.over, "the end")
            assert watch.counts.open == 1
            assert sum(watch.counts.rejected.values()) == 1
            return
        if not kind.startswith("udp"):
            watch.until(lambda: watch.counters.losses == 1, "the loss")
        peer.live()
        peer.speak(line(1)[20:] + second + b"\r\n" + line(2))
        watch.hears([0, 2])
        counts = watch.counts
        assert "5" not in counts.decoded, "fragments of two lives never join"
        assert counts.rejected.get("link_reset", 0) + counts.open == 1
        assert counts.decoded == {"1": 2}


@every_kind
def test_floods_while_nobody_takes(kind, tmp_path):
    n = 2_000
    with watching(kind, tmp_path, queue_bytes_max=SMALL_QUEUE_BYTES) as (watch, peer):
        times = 1 if peer.lossy else 100  # more than the kernel's own buffers hold
        flood = lines(0, n) * times
        speaker = threading.Thread(target=peer.speak, args=(flood,), daemon=True)
        speaker.start()
        if peer.lossy:
            wait_for(lambda: watch.counters.bytes == len(flood), f"all of it: {watch.counters}")
            assert watch.counters.dropped_bytes > 0
            watch.take()
            assert watch.heard[-1] == n - 1, "the newest stay"
            assert watch.heard == sorted(set(watch.heard)), "in order, once"
            assert watch.counters.kernel_drops == 0
        else:
            wait_for(lambda: watch.counters.bytes > 0, "a beginning")
            speaker.join(0.3)
            assert speaker.is_alive(), "the sender waits"
            assert watch.reader.outlet.held_bytes <= SMALL_QUEUE_BYTES + source.READ_BYTES + source.ITEM_BYTES
            watch.hears(list(range(n)) * times)
            assert watch.counters.dropped_bytes == 0
        speaker.join(10)
        assert not speaker.is_alive()
        assert watch.counts.rejected == {}


@every_kind
def test_comes_back_again_and_again(kind, tmp_path):
    with watching(kind, tmp_path) as (watch, peer):
        for life in range(1 if peer.ends else 3):
            if life:
                if not kind.startswith("udp"):
                    watch.until(lambda life=life: watch.counters.losses == life, "the loss")
                peer.live()
            peer.speak(lines(10 * life, 10 * life + 10))
            watch.hears(range(10 * life + 10))
            if not peer.ends:
                peer.die()
        links = [item.sender for item in watch.items if item.kind == "link"]
        if kind in ("tcp", "serial"):
            assert len(set(links)) == 1, "one sender, however often it comes back"
        if kind in ("tcp", "serial", "tcp_server"):
            assert len(links) >= 3
        assert watch.counts.decoded == {"1": 10 if peer.ends else 30}
        assert watch.counts.rejected == {}


@every_kind
def test_a_stop_in_the_middle_of_a_flood_loses_nothing_accepted(kind, tmp_path):
    with watching(kind, tmp_path, queue_bytes_max=SMALL_QUEUE_BYTES) as (watch, peer):

        def speak():
            try:
                peer.speak(lines(0, 5_000))
            except OSError:
                return  # we have hung up

        speaker = threading.Thread(target=speak, daemon=True)
        speaker.start()
        watch.until(lambda: len(watch.heard) > 20, "some of it")
        watch.sources.stop()
        watch.take()
        kept = watch.heard
        assert kept == sorted(set(kept))
        if not peer.lossy:
            assert kept == list(range(len(kept))), "no hole before the stop"
        if kind == "serial":
            peer.die()  # or the writer waits for ever for a reader of the pty
        elif kind == "stdin":
            while speaker.is_alive():  # it may end between this look and a read, which would then wait for ever
                if select.select([peer.out], [], [], 0.1)[0]:
                    os.read(peer.out, 65_536)
        speaker.join(10)
