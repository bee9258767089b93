"""Files as bytes: plain, gzip in every state of repair, Parquet, standard input."""

from __future__ import annotations

import gzip
import io
import random
import sys

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.config import Source
from dogwatch.errors import InputError
from ingest.packing import gunzip, unzstd, zstd
from ingest.source_file import read_blocks
from ingest.sources import SourceSet

TEXT = b"".join(b"line %d\r\n" % i for i in range(20_000))


def read(path, block_bytes=65_536):
    said = []
    blocks = list(read_blocks(path, block_bytes, say=said.append))
    return b"".join(blocks), [len(block) for block in blocks], said


def write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_plain_and_packed_give_the_same_blocks(tmp_path):
    members = gzip.compress(TEXT[:70_001]) + gzip.compress(b"") + gzip.compress(TEXT[70_001:])
    plain = read(write(tmp_path, "a.nmea", TEXT), 5_000)
    packed = read(write(tmp_path, "a.gz", members), 5_000)
    assert plain == packed == (TEXT, [5_000] * (len(TEXT) // 5_000) + [len(TEXT) % 5_000], [])


def test_the_kind_is_found_by_content_not_by_name(tmp_path):
    assert read(write(tmp_path, "really.txt", gzip.compress(TEXT)))[0] == TEXT
    assert read(write(tmp_path, "unpacked.gz", TEXT))[0] == TEXT


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5])
def test_tiny_files(tmp_path, size):
    assert read(write(tmp_path, "tiny", b"!AIVD"[:size]))[0] == b"!AIVD"[:size]


def test_a_cut_gzip_is_used_as_far_as_it_goes_and_says_so(tmp_path):
    whole = gzip.compress(TEXT, mtime=0)
    for cut in (5, 12, len(whole) // 2, len(whole) - 9, len(whole) - 4, len(whole) - 1):
        text, _, said = read(write(tmp_path, "cut.gz", whole[:cut]))
        assert TEXT.startswith(text)
        assert cut < 100 or len(text) > len(TEXT) * 0.3
        assert len(said) == 1
        assert "middle of a member" in said[0]


def test_a_member_cut_short_after_a_whole_one(tmp_path):
    text, _, said = read(write(tmp_path, "cut.gz", gzip.compress(TEXT) + gzip.compress(TEXT)[:-300]))
    assert text.startswith(TEXT)
    assert len(text) > len(TEXT)
    assert "middle of a member" in said[0]


def test_damage_and_foreign_tails_are_said(tmp_path):
    packed = bytearray(gzip.compress(random.Random(1).randbytes(50_000) + TEXT))
    packed[30_000] ^= 0xFF
    packed[30_001:30_050] = b"\xff" * 49
    assert "damaged" in read(write(tmp_path, "bad.gz", bytes(packed)))[2][0]
    text, _, said = read(write(tmp_path, "tail.gz", gzip.compress(TEXT) + b"\0" * 700 + b"this is not gzip"))
    assert text == TEXT
    assert "not gzip" in said[0]
    assert read(write(tmp_path, "padded.gz", gzip.compress(TEXT) + b"\0" * 700))[2] == []


@given(st.integers(0, 2**32), st.lists(st.integers(1, 400), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_gunzip_does_not_care_how_the_packed_bytes_are_cut(seed, cuts):
    rng = random.Random(seed)
    text = bytes(rng.choices(b"abcdef\n", k=3_000))
    packed = gzip.compress(text[:1_000], mtime=0) + b"\0\0" + gzip.compress(text[1_000:], mtime=0) + rng.choice([b"", b"\x1f", b"junk"])
    pieces, at = [], 0
    while at < len(packed):
        step = cuts[len(pieces) % len(cuts)]
        pieces.append(packed[at : at + step])
        at += step
    said_whole, said_cut = [], []
    assert b"".join(gunzip(iter(pieces), "x", said_cut.append)) == b"".join(gunzip(iter([packed]), "x", said_whole.append)) == text
    assert said_cut == said_whole


SKIPPABLE = b"\x53\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"


def test_zstandard_frames_follow_each_other(tmp_path):
    frames = SKIPPABLE + zstd.compress(TEXT[:70_001]) + zstd.compress(b"") + SKIPPABLE + zstd.compress(TEXT[70_001:])
    assert read(write(tmp_path, "a.zst", frames), 5_000) == read(write(tmp_path, "a.nmea", TEXT), 5_000)


def test_a_cut_zstandard_is_used_as_far_as_it_goes_and_says_so(tmp_path):
    noise = random.Random(1).randbytes(400_000)  # does not pack: a cut in the middle leaves whole blocks before it
    whole = zstd.compress(TEXT) + zstd.compress(noise)
    frame = len(zstd.compress(TEXT))
    for cut in (1, 2, 3, 5, frame - 1, frame + 2, len(whole) // 2, len(whole) - 1):
        text, _, said = read(write(tmp_path, "cut.zst", whole[:cut]))
        assert (TEXT + noise).startswith(text) or cut < 4
        assert cut <= frame or text.startswith(TEXT)
        assert cut < 4 or ["middle of a frame" in sentence for sentence in said] == [True]
    assert len(read(write(tmp_path, "cut.zst", whole[: len(whole) // 2]))[0]) > len(TEXT) + 100_000
    assert read(write(tmp_path, "cut.zst", whole[:frame]))[2] == []


def test_damaged_zstandard_and_foreign_tails_are_said(tmp_path):
    packed = bytearray(zstd.compress(TEXT) + zstd.compress(random.Random(1).randbytes(50_000)))
    packed[len(zstd.compress(TEXT)) + 6 :] = b"\xff" * 100
    text, _, said = read(write(tmp_path, "bad.zst", bytes(packed)))
    assert text.startswith(TEXT)
    assert "damaged" in said[0]
    text, _, said = read(write(tmp_path, "tail.zst", zstd.compress(TEXT) + b"this is not Zstandard"))
    assert text == TEXT
    assert "not Zstandard" in said[0]


def test_a_few_packed_bytes_that_stand_for_many_come_in_bounded_pieces():
    zeros = 64 << 20
    for unpack, packed in ((gunzip, gzip.compress(bytes(zeros))), (unzstd, zstd.compress(bytes(zeros)))):
        sizes = [len(piece) for piece in unpack(iter([packed]), "x", pytest.fail)]
        assert sum(sizes) == zeros
        assert max(sizes) <= 1 << 18


@given(st.integers(0, 2**32), st.lists(st.integers(1, 400), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_unzstd_does_not_care_how_the_packed_bytes_are_cut(seed, cuts):
    rng = random.Random(seed)
    text = bytes(rng.choices(b"abcdef\n", k=3_000))
    packed = zstd.compress(text[:1_000]) + SKIPPABLE + zstd.compress(text[1_000:]) + rng.choice([b"", b"\x28", b"\x53\x2a", b"junk"])
    pieces, at = [], 0
    while at < len(packed):
        step = cuts[len(pieces) % len(cuts)]
        pieces.append(packed[at : at + step])
        at += step
    said_whole, said_cut = [], []
    assert b"".join(unzstd(iter(pieces), "x", said_cut.append)) == b"".join(unzstd(iter([packed]), "x", said_whole.append)) == text
    assert said_cut == said_whole


def test_what_cannot_be_read_is_said_at_once(tmp_path):
    cases = [
        (tmp_path, "is a directory"),
        (tmp_path / "absent", "does not exist"),
        (write(tmp_path, "a.zip", b"PK\x03\x041234"), "ZIP"),
        (write(tmp_path, "a.parquet", b"PAR1 and then nothing"), "no readable Parquet"),
    ]
    for path, what in cases:
        with pytest.raises(InputError, match=what) as caught:
            read_blocks(path)
        assert caught.value.remedy
        assert caught.value.exit_code == 2


def test_standard_input_is_a_dash(monkeypatch):
    class Stdin:
        buffer = io.BytesIO(gzip.compress(TEXT))

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert read("-")[0] == TEXT


def test_parquet_is_the_csv_it_stands_for(tmp_path):
    table = pa.table(
        {
            "MMSI": pa.array([200000001, 200000002, None], pa.int64()),
            "BaseDateTime": pa.array([1_700_000_000_123_456, 1_700_000_001_000_000, 0], pa.timestamp("us")),
            "LAT": pa.array([54.5, -10.25, None]),
            "LON": pa.array([10.0, -20.5, None]),
            "VesselName": pa.array(["NORTH, STAR", 'THE "CAT"', None]).dictionary_encode(),
            "Blob": pa.array([b"ab", b"c", None]),
            "Nested": pa.array([[1], [2], None]),
        }
    )
    path = tmp_path / "day.parquet"
    pyarrow.parquet.write_table(table, path)
    lines = read(path)[0].decode().splitlines()
    assert lines[0] == '"MMSI","BaseDateTime","LAT","LON","VesselName","Blob"'
    assert lines[1] == '200000001,2023-11-14 22:13:20.123,54.5,10,"NORTH, STAR","ab"'
    assert len(lines) == 4


def test_a_file_source_tells_what_was_left_out(tmp_path):
    path = write(tmp_path, "cut.gz", gzip.compress(TEXT)[:-5])
    with SourceSet([Source(id="old", kind="file", path=str(path))]) as sources:
        items = [item for item in sources.received(0.1) if item]
    assert b"".join(i.data for i in items) == TEXT
    assert [i.kind for i in items][-1] == "end"
    assert "middle of a member" in sources.counters["old"].notes[0]
    with pytest.raises(InputError, match="path is empty"):
        SourceSet([Source(id="x", kind="file")]).start()
