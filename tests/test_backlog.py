"""The backlog of the ingest stage without a broker: nothing accepted is lost or turned round, whatever the disk does and wherever it is killed."""

from __future__ import annotations

import errno
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dogwatch.batch import Control
from dogwatch.config import Source
from ingest.capture import MAGIC, create
from ingest.source import Received
from runners import backlog, input_log
from runners.backlog import START, Backlog
from runners.input_log import InputLog, Tail
from runners.metrics import Metrics

WAIT_S = 20


@pytest.fixture(autouse=True)
def roomy(monkeypatch):
    """How full the disk of this machine is, is no matter here."""
    monkeypatch.setattr(backlog.shutil, "disk_usage", lambda _folder: SimpleNamespace(total=100, used=10, free=90))


def piece(number: int, size: int = 40) -> Received:
    return Received(b"%06d" % number + b"." * size + b"\n", 1_767_225_600_000 + number, "mast", "peer", "bytes")


def all_of(tail: Tail, end: tuple[int, int]) -> list[Received | Control]:
    found = []
    while (item := tail.next(end)) is not None:
        found.append(item)
    return found


@given(st.lists(st.tuples(st.integers(0, 300), st.booleans(), st.booleans()), max_size=30), st.integers(1, 200))
def test_a_tail_reads_what_was_written_while_it_grows_and_from_every_position(tmp_path_factory, steps, read_bytes):
    """steps: bytes of a piece, whether a segment begins before it, whether somebody reads after it."""
    log = InputLog(tmp_path_factory.mktemp("log"))
    log.begin()
    tail, written, seen, places = log.tail(1, 0), [], [], []
    before, input_log.READ_BYTES = input_log.READ_BYTES, read_bytes
    try:
        for number, (size, begin, read) in enumerate(steps):
            if begin:
                log.begin()
            written.append(piece(number, size))
            log.take([written[-1]])
            while read and (item := tail.next((log.segment, log.length))) is not None:
                seen.append(item)
                places.append((tail.segment, tail.offset))
        end = (log.segment, log.length)
        assert seen + all_of(tail, end) == written
        for number, place in enumerate(places, 1):
            assert all_of(log.tail(*place), end) == written[number:]
        tail.close()
    finally:
        input_log.READ_BYTES = before
        log.close()


@pytest.mark.parametrize("seed", range(5))
def test_a_half_record_is_passed_over_and_damage_costs_the_rest_of_its_segment(tmp_path, seed):
    dice = random.Random(seed)
    log = InputLog(tmp_path)
    log.begin()
    log.take([piece(1), piece(2)])
    log.close()
    with (tmp_path / "input-00000001.log").open("ab") as file:
        file.write(input_log.record("bytes", 1, "mast", "peer", b"half a record")[: dice.randrange(1, 20)])
    log.begin()
    log.take([piece(3)])
    second = log.length
    log.take([piece(4), piece(5)])
    log.begin()
    log.take([piece(6)])
    end = (log.segment, log.length)
    assert all_of(log.tail(1, 0), end) == [piece(n) for n in (1, 2, 3, 4, 5, 6)]
    body = bytearray((tmp_path / "input-00000002.log").read_bytes())
    body[second + dice.randrange(12, 60)] ^= 1
    (tmp_path / "input-00000002.log").write_bytes(body)
    tail = log.tail(1, 0)
    assert all_of(tail, end) == [piece(n) for n in (1, 2, 3, 6)]
    assert f"input-00000002.log is left at byte {second}" in tail.damage


class SmallDisk:
    """Room for so many bytes, of files that are made through `create`; a write takes what fits, like the system's."""

    def __init__(self, room: int) -> None:
        self.room = room

    def create(self, path: Path) -> BinaryIO:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return SmallFile(self, create(path))  # type: ignore[return-value]


class SmallFile:
    def __init__(self, disk: SmallDisk, file: BinaryIO) -> None:
        self.disk, self.file = disk, file

    def write(self, data: bytes) -> int:
        if self.disk.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self.file.write(bytes(data[: self.disk.room]))
        self.disk.room -= written
        return written

    def truncate(self, length: int) -> int:
        self.disk.room += self.file.seek(0, 2) - length
        return self.file.truncate(length)

    def __getattr__(self, name: str):
        return getattr(self.file, name)


class Mast:
    """A TCP source: what is sent to whoever is connected."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.source = Source("mast", "tcp", port=self.listener.getsockname()[1])
        self.peer: socket.socket | None = None

    def send(self, *numbers: int) -> None:
        if self.peer is None:
            self.listener.settimeout(WAIT_S)
            self.peer, _ = self.listener.accept()
        self.peer.sendall(b"".join(piece(number).data for number in numbers))

    def hang_up(self) -> None:
        if self.peer is not None:
            self.peer.close()
            self.peer = None


@pytest.fixture
def mast() -> Iterator[Mast]:
    mast = Mast()
    yield mast
    mast.hang_up()
    mast.listener.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(backlog, "RETRY_S", 0.05)
    monkeypatch.setattr(input_log, "FLUSH_S", 0.0)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


def numbers_of(log: Backlog, last: int) -> list[int]:
    """Numbers of the pieces that come, up to `last`."""
    found: list[int] = []
    deadline = time.monotonic() + WAIT_S
    while last not in found[-1:]:
        assert time.monotonic() < deadline, found[-5:]
        item = log.get(0.1)
        if isinstance(item, Received) and item.kind == "bytes":
            found += [int(line[:6]) for line in item.data.splitlines()]
    return found


def killed(log: Backlog) -> None:
    """What SIGKILL leaves of it, as far as a thread allows: nothing more is written, nothing is committed."""
    log.live.stop()
    log.holding = True
    log.stopping.set()
    log.thread.join(WAIT_S)


def test_what_was_not_committed_comes_again_in_order_before_system_down_and_before_anything_new(tmp_path, mast):
    said: list[str] = []
    first = Backlog(tmp_path / "in", [mast.source], said.append)
    assert not first.known
    first.start()
    first.resume(None)
    assert first.get(WAIT_S) == START
    mast.send(*range(100))
    assert numbers_of(first, 99) == list(range(100))
    positions = first.positions()
    mast.send(*range(100, 200))
    assert numbers_of(first, 199) == list(range(100, 200)), "worked on, and never committed"
    killed(first)
    mast.hang_up()

    second = Backlog(tmp_path / "in", [mast.source], said.append)
    assert second.known
    second.start()
    mast.send(*range(200, 300))
    second.resume(positions)
    order = []
    while len(order) < 300 - 100 + 1:
        item = second.get(WAIT_S)
        if item == START:
            order.append(-1)
        elif item.kind == "bytes":
            order += [int(line[:6]) for line in item.data.splitlines()]
    assert order == [*range(100, 200), -1, *range(200, 300)]
    second.settle(second.positions())
    assert [path.name for path in sorted((tmp_path / "in").glob("input-*"))] == ["input-00000002.log"], "what is committed is deleted"
    assert second.waiting_bytes() == 0
    second.close()
    assert said == []


def test_a_full_disk_stops_the_reading_is_an_alarm_and_loses_nothing(tmp_path, mast, monkeypatch):
    disk, said = SmallDisk(3_000), list[str]()
    monkeypatch.setattr(input_log, "create", disk.create)
    log, metrics = Backlog(tmp_path / "in", [mast.source], said.append), Metrics()
    metrics.watch_backlog(log)
    log.start()
    log.resume(None)
    sent = 0
    while not log.full:
        mast.send(sent)
        sent += 1
        time.sleep(0.002)
    assert metrics.registry.get_sample_value("dogwatch_backlog_disk_refuses") == 1
    mast.send(*range(sent, sent + 500))
    sent += 500
    until(lambda: log.live.counters["mast"].bytes == sent * len(piece(0).data), "the reader's own queue")
    assert len(log.live.readers[0].outlet.items) > 0, "nothing is taken from the sources while the disk refuses"
    before = log.end
    time.sleep(0.2)
    assert log.end == before
    disk.room = 1 << 20
    assert numbers_of(log, sent - 1) == list(range(sent))
    assert metrics.registry.get_sample_value("dogwatch_backlog_disk_refuses") == 0
    log.close()
    assert len(said) == 2
    assert "No space left on device" in said[0]
    assert "takes input again" in said[1]


def test_once_all_is_committed_the_log_gives_its_room_back(tmp_path, mast, monkeypatch):
    disk = SmallDisk(3_000)
    monkeypatch.setattr(input_log, "create", disk.create)
    monkeypatch.setattr(InputLog, "drop", lambda log, drop=InputLog.drop: (setattr(disk, "room", disk.room + log.length), drop(log)))
    log = Backlog(tmp_path / "in", [mast.source], lambda _sentence: None)
    log.start()
    log.resume(None)
    for start in range(0, 400, 10):
        mast.send(*range(start, start + 10))
        assert numbers_of(log, start + 9) == list(range(start, start + 10))
        log.settle(log.positions())
    assert log.log.segment > 5, "more than the disk holds, a segment at a time"
    log.close()


def test_stopped_while_the_disk_refuses_what_was_accepted_is_handed_on(tmp_path, mast, monkeypatch):
    disk = SmallDisk(2_000)
    monkeypatch.setattr(input_log, "create", disk.create)
    said: list[str] = []
    log = Backlog(tmp_path / "in", [mast.source], said.append)
    log.start()
    log.resume(None)
    mast.send(*range(300))
    until(lambda: log.full and log.live.counters["mast"].bytes == 300 * len(piece(0).data), "a full disk")
    log.stop()
    assert log.holding
    assert numbers_of(log, 299) == list(range(300))
    log.close()
    assert not any("lost" in sentence for sentence in said)


def test_a_snapshot_knows_the_logs_of_other_machines(tmp_path, mast):
    other = {"0" * 32: [7, 19]}
    log = Backlog(tmp_path / "in", [mast.source], lambda _sentence: None)
    log.start()
    log.resume(other)
    assert log.get(WAIT_S) == START, "its own log is read from where it begins"
    assert log.positions() == other | {log.id: [1, log.tail.offset]}
    log.close()


def test_a_file_is_not_logged_and_takes_turns_with_what_is(tmp_path, mast):
    sea = tmp_path / "sea.nmea"
    sea.write_bytes(b"".join(piece(number).data for number in range(100)))
    alone = Backlog(tmp_path / "alone", [Source("sea", "file", path=str(sea))], lambda _sentence: None)
    alone.start()
    alone.resume(None)
    assert numbers_of(alone, 99) == list(range(100))
    assert not (tmp_path / "alone").exists()
    assert alone.positions() == {}
    alone.close()
    both = Backlog(tmp_path / "both", [Source("sea", "file", path=str(sea)), mast.source], lambda _sentence: None)
    both.start()
    both.resume(None)
    mast.send(1_000)
    assert sorted({*numbers_of(both, 1_000), *numbers_of_rest(both)}) == [*range(100), 1_000]
    assert sea.read_bytes()[:20] not in b"".join(path.read_bytes() for path in (tmp_path / "both").glob("input-*"))
    both.close()


def numbers_of_rest(log: Backlog) -> list[int]:
    found: list[int] = []
    while (item := log.get(0.3)) is not None:
        if isinstance(item, Received) and item.kind == "bytes":
            found += [int(line[:6]) for line in item.data.splitlines()]
    return found


def test_what_is_kept_for_others_is_no_part_of_a_disk(tmp_path, mast, monkeypatch):
    monkeypatch.setattr(backlog.shutil, "disk_usage", lambda _folder: SimpleNamespace(total=250, used=40, free=40))
    assert Backlog(tmp_path / "in", [mast.source], print).disk_used() == 0.5


def test_a_disk_that_becomes_nearly_full_is_said_once(tmp_path, mast, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(backlog, "LOOK_S", 0.0)
    used = [0.5]
    monkeypatch.setattr(Backlog, "disk_used", lambda _log: used[0])
    log = Backlog(tmp_path / "in", [mast.source], said.append)
    log.start()
    mast.send(1)
    used[0] = 0.81
    until(lambda: bool(said), "the alarm")
    time.sleep(0.5)
    log.close()
    assert len(said) == 1
    assert "81 % full" in said[0]


def test_a_fault_of_a_reader_reaches_the_stage(tmp_path, mast, monkeypatch):
    log = Backlog(tmp_path / "in", [mast.source], lambda _sentence: None)
    monkeypatch.setattr(log.live, "get_waiting", lambda *_, **__: (_ for _ in ()).throw(ZeroDivisionError))
    log.start()
    log.resume(None)
    assert log.get(WAIT_S) == START
    with pytest.raises(ZeroDivisionError):
        log.get(WAIT_S)
    assert (tmp_path / "in" / "input-00000001.log").read_bytes().startswith(MAGIC)
    log.close()
