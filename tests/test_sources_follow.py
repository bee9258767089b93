"""A file that is written while it is read: half lines, rotation, truncation, replacement, absence."""

from __future__ import annotations

import gzip
import os
import time

import pytest

from dogwatch.config import Source
from dogwatch.errors import InputError
from ingest import source_follow
from ingest.sources import SourceSet

A, B = b"!AIVDM,1,1,,A,15M67FC000G?ufbE`FepT@3n00Sa,0*5C\r\n", b"$GPZDA,120000.00,01,01,2026,00,00*61\r\n"
PATIENCE_S = 8.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(source_follow, "FOLLOW_S", 0.02)


class Tail:
    """A followed file and what it said so far."""

    def __init__(self, path, **settings) -> None:
        self.sources = SourceSet([Source(id="log", kind="file", path=str(path), follow=True, **settings)])
        self.items = []

    def __enter__(self):
        self.sources.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self) -> None:
        self.sources.stop()
        while (item := self.sources.get(0.0)) is not None:
            self.items.append(item)

    @property
    def text(self) -> bytes:
        return b"".join(item.data for item in self.items if item.kind == "bytes")

    @property
    def kinds(self) -> list[str]:
        return [item.kind for item in self.items]

    def until(self, enough) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while not enough(self):
            assert time.monotonic() < until_s, f"not within {PATIENCE_S} s: {self.items[-5:]}, {self.sources.counters['log']}"
            if (item := self.sources.get(0.02)) is not None:
                self.items.append(item)

    def until_text(self, text: bytes) -> None:
        self.until(lambda tail: len(tail.text) >= len(text))
        assert self.text == text

    def notes(self) -> str:
        return " ".join(self.sources.counters["log"].notes)


def append(path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_what_was_there_is_a_recording_and_what_is_appended_is_live(tmp_path):
    path = tmp_path / "ais.log"
    path.write_bytes(A * 3)
    with Tail(path) as tail:
        tail.until_text(A * 3)
        append(path, B)
        tail.until_text(A * 3 + B)
    said = [item for item in tail.items if item.kind == "bytes"]
    assert [item.t_rx_ms is None for item in said] == [True, False]
    assert abs(said[1].t_rx_ms - time.time_ns() // 1_000_000) < 60_000
    assert "end" not in tail.kinds


def test_half_a_line_waits_for_its_rest(tmp_path):
    path = tmp_path / "ais.log"
    path.write_bytes(A + A[:20])
    with Tail(path) as tail:
        tail.until_text(A)
        for i in range(20, len(A), 9):
            append(path, A[i : i + 9])
            time.sleep(0.03)
        tail.until_text(A + A)
        append(path, B[:10])
        time.sleep(0.1)
        tail.stop()
    assert all(item.data.endswith(b"\n") for item in tail.items if item.kind == "bytes")
    assert tail.text == A + A + B[:10] + b"\n", "at the stop it is ended, so that nothing joins it"


def test_rotation_by_rename_loses_nothing_of_either_file(tmp_path):
    path = tmp_path / "ais.log"
    path.write_bytes(A)
    with Tail(path) as tail, path.open("ab") as old:
        tail.until_text(A)
        path.rename(tmp_path / "ais.log.1")
        old.write(B)  # the writer has not noticed yet
        old.flush()
        tail.until_text(A + B)
        old.write(A + B[:7])
        old.flush()
        path.write_bytes(B * 2)
        tail.until_text(A + B + A + B[:7] + b"\n" + B * 2)
        append(path, A)
        tail.until_text(A + B + A + B[:7] + b"\n" + B * 2 + A)
    assert "another file" in tail.notes()
    assert tail.kinds.count("link") == 2
    assert tail.sources.counters["log"].losses >= 1


def test_replacement_by_another_file_is_read_from_its_beginning(tmp_path):
    path = tmp_path / "ais.log"
    path.write_bytes(A * 2)
    with Tail(path) as tail:
        tail.until_text(A * 2)
        (tmp_path / "new").write_bytes(B * 3)
        os.replace(tmp_path / "new", path)
        tail.until_text(A * 2 + B * 3)
    assert all(item.t_rx_ms is not None for item in tail.items if item.data.startswith(B))


def test_truncation_is_noticed_even_when_the_file_has_grown_again(tmp_path):
    path = tmp_path / "ais.log"
    path.write_bytes(A * 2)
    with Tail(path) as tail:
        tail.until_text(A * 2)
        path.write_bytes(B)  # shorter
        tail.until_text(A * 2 + B)
        with path.open("r+b") as file:  # as long as before and longer, but other bytes
            file.write(A * 3)
        tail.until_text(A * 2 + B + A * 3)
    assert tail.notes().count("truncated") == 2


def test_written_over_between_the_look_and_the_read_it_is_read_from_its_beginning(tmp_path, monkeypatch):
    path, look = tmp_path / "ais.log", source_follow.FollowedFile._changed
    path.write_bytes(B)

    def looked(reader):
        changed = look(reader)
        if reader.place == len(B) and path.read_bytes() == B:
            with path.open("r+b") as file:
                file.write(A * 3)
        return changed

    monkeypatch.setattr(source_follow.FollowedFile, "_changed", looked)
    with Tail(path) as tail:
        tail.until_text(B + A * 3)
    assert tail.notes().count("truncated") == 1


def test_a_file_that_is_not_there_yet_or_goes_is_waited_for(tmp_path):
    path = tmp_path / "ais.log"
    with Tail(path) as tail:
        tail.until(lambda t: t.sources.counters["log"].failures > 0)
        assert "does not exist" in tail.sources.counters["log"].error
        path.write_bytes(A)
        tail.until_text(A)
        path.unlink()
        time.sleep(0.1)
        path.write_bytes(B)
        tail.until_text(A + B)
    with pytest.raises(InputError, match="no folder"):
        Tail(tmp_path / "nowhere" / "ais.log").sources.start()
    (tmp_path / "packed.gz").write_bytes(gzip.compress(A))
    with pytest.raises(InputError, match="cannot be followed"):
        Tail(tmp_path / "packed.gz").sources.start()


def test_silence_is_said_and_ends(tmp_path):
    path = tmp_path / "ais.log"
    path.write_bytes(b"")
    with Tail(path, silent_s=0.2) as tail:
        tail.until(lambda t: "silent" in t.kinds)
        append(path, A)
        tail.until_text(A)
    assert [kind for kind in tail.kinds if kind in ("silent", "back", "bytes")][:3] == ["silent", "back", "bytes"]


def test_an_idle_file_costs_two_looks_a_poll(tmp_path, monkeypatch):
    path = tmp_path / "ais.log"
    path.write_bytes(A)
    looks = []
    reads = os.pread
    monkeypatch.setattr(source_follow.os, "pread", lambda *words: looks.append(words) or reads(*words))
    monkeypatch.setattr(source_follow, "FOLLOW_S", 0.1)
    with Tail(path) as tail:
        tail.until_text(A)
        looks.clear()
        time.sleep(1.0)
        assert len(looks) <= 12
