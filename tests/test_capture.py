"""Captures on disk: what is written is read back, whatever happens to the file, the disk or the process."""

from __future__ import annotations

import errno
import io
import os
import random
import struct
import zlib
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.config import Source
from dogwatch.errors import InputError
from ingest.capture import CODES, HELD_BYTES_MAX, MAGIC, RETRY_S, Capture, Session, capture_files, create, is_capture, read_capture, record
from ingest.packing import zstd
from ingest.source import Kind, Received

SOURCES = [Source(id="mast", kind="serial", lateness_s=2.0, exercise=True), Source(id="coast", kind="udp", silent_s=30.0)]
START_MS = 1_700_000_000_000
NAME = "2023-11-14T22:13:20.000Z-1/1"


class FakeClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def wall_ms(self) -> int:
        return START_MS + round(self.now_s * 1000)

    def monotonic_s(self) -> float:
        return self.now_s


class SmallDisk:
    """Files on a disk that is full after `room` bytes: a write takes what fits, then fails."""

    def __init__(self, room: int) -> None:
        self.room = room

    def create(self, path: Path):
        return _SmallFile(create(path), self)


class _SmallFile:
    def __init__(self, file, disk: SmallDisk) -> None:
        self.file, self.disk = file, disk

    def write(self, data) -> int:
        if self.disk.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        n = self.file.write(bytes(data[: self.disk.room]))
        self.disk.room -= n
        return n

    def fileno(self) -> int:
        return self.file.fileno()

    def close(self) -> None:
        self.file.close()


def pieces(n: int, seed: int = 1, size: int = 200) -> list[Received]:
    """n things that two sources said, of every kind."""
    rng = random.Random(seed)
    kinds = [*get_args(Kind), "bytes", "bytes", "bytes"]
    said = []
    for i in range(n):
        kind = rng.choice(kinds)
        data = rng.randbytes(rng.randrange(size)) if kind in ("bytes", "beat") else b""
        sender = rng.choice(["", "192.0.2.7:4001#3", "/dev/tty\udcff", "Straße"])
        said.append(Received(data, None if i % 17 == 0 else START_MS + i * 40, rng.choice(["mast", "coast"]), sender, kind))
    return said


def keep(folder: Path, said: list[Received], *, clock: FakeClock | None = None, step_s: float = 0.04, close: bool = True, **options) -> Capture:
    """Capture pieces as a run does."""
    clock = clock or FakeClock()
    capture = Capture(folder, SOURCES, clock=clock, **options)
    for piece in said:
        clock.now_s += step_s
        capture.take(piece)
        capture.settle()
    if close:
        capture.close()
    return capture


def read(path: Path) -> tuple[list[Received], list[Session], list[str]]:
    told: list[str] = []
    items = list(read_capture(capture_files(path), say=told.append))
    return [i for i in items if isinstance(i, Received)], [i for i in items if isinstance(i, Session)], told


def test_every_kind_of_piece_has_a_number():
    assert set(get_args(Kind)) < set(CODES)


def test_what_was_taken_is_read_back_in_order_with_its_settings(tmp_path):
    said = pieces(500)
    keep(tmp_path, said)
    assert read(tmp_path) == (said, [Session(NAME, SOURCES, {})], [])
    assert is_capture(tmp_path)
    assert all(is_capture(path) for path in capture_files(tmp_path))


def test_the_format_is_what_the_document_says(tmp_path):
    """A reader of its own, written from the document alone."""
    said = pieces(60)
    keep(tmp_path, said)
    text = zstd.decompress(capture_files(tmp_path)[0].read_bytes())
    assert text.startswith(b"dogwatch-capture 1\n")
    at, found = 19, []
    while at < len(text):
        length, crc = struct.unpack_from("<II", text, at)
        body = text[at + 8 : at + 8 + length]
        assert zlib.crc32(body) == crc
        kind, arrival_ms, n_source, n_sender = struct.unpack_from("<BqHH", body)
        found.append((kind, arrival_ms, body[13 : 13 + n_source], body[13 + n_source : 13 + n_source + n_sender], body[13 + n_source + n_sender :]))
        at += 8 + length
    assert [row[0] for row in (found[0], found[-1])] == [0, 7]
    assert [row[4] for row in found[1:-1]] == [piece.data for piece in said]
    assert [row[1] for row in found[1:-1]] == [-(1 << 62) if piece.t_rx_ms is None else piece.t_rx_ms for piece in said]


def test_files_rotate_by_size_and_by_time_and_sort_as_they_were_written(tmp_path):
    said = pieces(3_000)
    keep(tmp_path / "size", said, rotate_bytes=20_000)
    keep(tmp_path / "time", said, rotate_s=30.0)
    for folder, least in (("size", 5), ("time", 4)):
        files = sorted((tmp_path / folder).glob("*.zst"))
        assert len(files) >= least
        assert files == capture_files(tmp_path / folder)
        assert not list((tmp_path / folder).glob("*.part"))
        assert read(tmp_path / folder) == (said, [Session(NAME, SOURCES, {})], [])
    assert all(path.stat().st_size < 20_000 + HELD_BYTES_MAX for path in (tmp_path / "size").glob("*.zst"))


@given(st.integers(0, 2**32), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_a_file_cut_anywhere_is_read_up_to_its_last_whole_record_and_says_so(tmp_path_factory, seed, share):
    folder = tmp_path_factory.mktemp("cut")
    said = pieces(120, seed)
    keep(folder, said, flush_s=random.Random(seed).choice([0.0, 0.2, 60.0]))
    file = capture_files(folder)[0]
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    found, _, told = read(folder)
    assert found == said[: len(found)]
    assert bool(told) == (share < 1)
    if share < 1:
        assert f"its {len(found)} whole records were used" in told[0]


def test_a_crash_costs_at_most_what_came_since_the_last_flush(tmp_path):
    clock = FakeClock()
    said = pieces(120)
    capture = Capture(tmp_path, SOURCES, clock=clock, flush_s=1.0)
    for piece in said:  # and then nothing: the process is gone
        clock.now_s += 0.04
        capture.take(piece)
        capture.settle()
        found = read(tmp_path)[0]
        missing = said[len(found) : said.index(piece) + 1] if len(found) < 120 else []
        assert found == said[: len(found)]
        assert len(missing) * 0.04 <= 1.0 + 0.04, "a second, and the piece that noticed that it was over"
    assert ".part" in capture_files(tmp_path)[-1].name


def test_damage_in_the_middle_costs_the_rest_of_that_file_only(tmp_path):
    said = pieces(2_000)
    keep(tmp_path, said, rotate_bytes=20_000)
    files = capture_files(tmp_path)
    bad = bytearray(zstd.decompress(files[1].read_bytes()))
    inside = next(at for piece in said if len(piece.data) > 100 and (at := bad.find(piece.data)) > len(bad) // 2)  # of a record, not its length
    bad[inside] ^= 1
    files[1].write_bytes(bytes(bad))  # unpacked, which is read as well
    found, sessions, told = read(tmp_path)
    assert len(sessions) == 2, "nobody listened in the hole"
    assert "damaged (CRC)" in told[0]
    assert "missing" in told[1]
    assert set(found) <= set(said)
    assert found[-1] == said[-1]


@given(st.binary(max_size=300), st.integers(0, 400))
@settings(max_examples=150, deadline=None)
def test_no_bytes_make_the_reader_fail_otherwise_than_by_its_word(tmp_path_factory, noise, at):
    folder = tmp_path_factory.mktemp("noise")
    keep(folder, pieces(5))
    file = capture_files(folder)[0]
    text = zstd.decompress(file.read_bytes())
    for spoilt in (text[:at] + noise + text[at + len(noise) :], MAGIC + record("bytes", 1, "mast", "", noise), MAGIC + noise):
        file.write_bytes(spoilt)
        try:
            read(folder)
        except InputError:
            continue


def test_a_missing_file_and_a_new_session_are_holes(tmp_path):
    first, second = pieces(2_000), pieces(50, seed=2)
    keep(tmp_path, first, rotate_bytes=20_000)
    capture_files(tmp_path)[1].unlink()
    keep(tmp_path, second)
    found, sessions, told = read(tmp_path)
    assert len(sessions) == 3
    assert found[-50:] == second
    assert ["part 3 follows part 1" in sentence for sentence in told] == [True]


def test_a_session_goes_on_after_a_crash_with_new_files(tmp_path):
    said = pieces(200)
    dead = keep(tmp_path, said, close=False)
    dead._lock.close()  # as the kernel does it
    capture = keep(tmp_path, pieces(10, seed=2))
    found, sessions, told = read(tmp_path)
    assert len(sessions) == 2
    assert found[-10:] == pieces(10, seed=2)
    assert "cut short" in told[0]
    assert not list(tmp_path.glob("*.part"))
    assert "10 pieces" in capture.report()


def test_one_process_per_folder(tmp_path):
    capture = Capture(tmp_path, SOURCES)
    with pytest.raises(InputError, match="another process captures"):
        Capture(tmp_path, SOURCES)
    capture.close()
    capture.close()
    Capture(tmp_path, SOURCES).close()
    assert capture_files(tmp_path) == [], "who hears nothing leaves no file"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot capture"):
        Capture(tmp_path / "file", SOURCES)


@pytest.mark.parametrize("room", [0, 100, 1_000, 5_000, 20_000])
def test_a_full_disk_loses_nothing_settled_counts_the_rest_and_is_tried_again(tmp_path, room):
    disk, clock = SmallDisk(room), FakeClock()
    said = pieces(1_000)
    capture = Capture(tmp_path, SOURCES, clock=clock, flush_s=0.5, create=disk.create)
    settled = []
    for piece in said:
        clock.now_s += 0.01
        capture.take(piece)
        capture.settle()
        settled.append(capture.pieces)
    assert capture.loss is not None
    assert "No space left" in capture.report()
    assert capture.pieces + capture.loss.pieces == len(said)
    assert read(tmp_path)[0] == said[: capture.pieces], "all that was settled, and nothing else"
    assert max(settled) == capture.pieces
    lost = capture.loss.pieces
    clock.now_s += RETRY_S
    capture.settle()
    assert capture.loss is not None, "still full"
    disk.room = 1 << 20
    clock.now_s += RETRY_S
    after = pieces(50, seed=9)
    capture.settle()
    for piece in after:
        capture.take(piece)
    capture.close()
    assert capture.loss is None
    assert capture.outages == 1
    found, sessions, told = read(tmp_path)
    assert found == said[: len(said) - lost] + after
    assert sessions, "a hole"
    assert any(f"{lost} pieces" in sentence and "No space left" in sentence for sentence in told)


def test_memory_is_bounded_however_long_the_flush_interval(tmp_path):
    clock = FakeClock()
    capture = Capture(tmp_path, SOURCES, clock=clock, flush_s=3_600.0)
    rng = random.Random(1)
    for i in range(200):
        capture.take(Received(rng.randbytes(20_000), START_MS + i, "mast", "", "bytes"))
        capture.settle()
        assert len(capture._held) < HELD_BYTES_MAX + 21_000
    capture.close()
    assert len(read(tmp_path)[0]) == 200


def test_few_writes_at_a_low_rate(tmp_path):
    """One write and one force to disk a second, not one per sentence."""
    writes = []

    class Counted(_SmallFile):
        def write(self, data) -> int:
            writes.append(len(data))
            return super().write(data)

    disk = SmallDisk(1 << 30)
    keep(tmp_path, pieces(1_000), step_s=0.01, create=lambda path: Counted(create(path), disk))
    assert len(writes) <= 10 + 3


def test_other_files_are_no_captures(tmp_path):
    for name, data in (("plain.nmea", b"!AIVDM"), ("packed.zst", zstd.compress(b"!AIVDM" * 100)), ("empty", b"")):
        (tmp_path / name).write_bytes(data)
        assert not is_capture(tmp_path / name)
    assert not is_capture(tmp_path)
    assert not is_capture(Path("-"))
    with pytest.raises(InputError, match="no capture of this version"):
        read(tmp_path / "plain.nmea")


def test_settings_of_a_later_build_are_left_out_and_said(tmp_path):
    keep(tmp_path, pieces(3))
    file = capture_files(tmp_path)[0]
    text = zstd.decompress(file.read_bytes())
    length = struct.unpack_from("<I", text, len(MAGIC))[0]
    head = text[len(MAGIC) + 8 + 13 : len(MAGIC) + 8 + length].replace(b'"id":"mast"', b'"id":"mast","colour":"red"')
    out = io.BytesIO(MAGIC + record("header", None, "", "", head) + text[len(MAGIC) + 8 + length :])
    file.write_bytes(out.getvalue())
    found, sessions, told = read(tmp_path)
    assert found == pieces(3)
    assert sessions == [Session(NAME, SOURCES, {})]
    assert "does not know colour" in told[0]
