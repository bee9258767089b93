"""A simulated sea in a recording: the recording stays as it was, to the byte and to the fix, and what is put in is where and when it should be."""

from __future__ import annotations

import gzip
import re
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
import pytest
from conftest import SHARED_DATA
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dogwatch.batch import F_EXERCISE
from dogwatch.errors import ConfigError, InputError
from dogwatch.times import from_iso
from ingest.decode import DecodeState, decode
from runners.background import read_background
from runners.cli import app
from sim.mix import Block, area_of, blocks_of, mix, receivers_of, without_clocks
from sim.scenario import load_scenario, planted_names, scenario_names
from sim.simulate import Chunk, simulate
from tests.naive_sim import checksum

SIMULATED = re.compile(rb"(?:# |\\(?:g:[^,]*,)?)s:EX-")
T0_MS = 1_400_000_000_000
FIX = ("t_ms", "t_rx_ms", "mmsi", "lat", "lon", "sog", "cog", "hdg", "msg_type", "t_src", "flags")


def real_lines(data: bytes) -> bytes:
    return b"".join(line for line in data.splitlines(keepends=True) if not SIMULATED.match(line))


def fixes_of(data: bytes) -> list[tuple]:
    """Fixes of the lines that are not simulated, with the name of the station; the mark of the exercise is what must change."""
    state, found = DecodeState("x"), []
    for line in data.splitlines(keepends=True):
        rows = decode(state, line).fixes
        if len(rows) and not SIMULATED.match(line):
            rows["flags"] &= ~np.uint32(F_EXERCISE)
            found += [(*row, state.receivers[src]) for row, src in zip(rows[list(FIX)].tolist(), rows["src"])]
    assert state.counts.balance() == 0
    return found


def checked(body: bytes) -> bytes:
    return b"%s*%s" % (body, checksum(body))


@lru_cache(maxsize=1)
def made() -> bytes:
    """A recording of our own: two stations off a coast, an hour; lone tag blocks, $PGHP, messages of two parts, comments; the stamps step back once.

    The fleet that nobody hears takes the MMSIs that a scenario would give to its own vessels.
    """
    text = """name = "made"
title = "made"
region = [-42.0, 174.0, -41.0, 175.5]
[[receivers]]
id = "one"
lat_deg = -41.5
lon_deg = 174.8
antenna_m = 150.0
[[receivers]]
id = "two"
lat_deg = -41.4
lon_deg = 174.9
antenna_m = 150.0
[[fleets]]
kind = "moored"
count = 300
centre = [10.0, 10.0]
flags = ["FJ"]
[[fleets]]
kind = "leisure"
count = 12
centre = [-41.55, 174.85]
radius_nm = 8.0
ais = "A"
flags = ["FJ"]
"""
    out = [b"# recorded by nobody\r\n"]
    for chunk in simulate(load_scenario(text, file="made.toml"), 3, T0_MS, duration_s=3600):
        for i, line in enumerate(chunk.data.replace(b"s:EX-", b"s:r").splitlines(keepends=True)):
            tag, sentence = line[1:].split(b"\\", 1)
            body = tag[: tag.index(b"*")]
            stamp = re.search(rb"c:(\d+)", body)
            if stamp and i % 5 == 1 and b"g:" not in body:
                when = np.datetime64(int(stamp[1]), "s").item()
                pghp = f"PGHP,1,{when.year},{when.month},{when.day},{when.hour},{when.minute},{when.second},0,219,,2190067,1,".encode()
                out.append(b"$" + pghp + sentence[sentence.rindex(b"*") + 1 :].strip() + b"*" + checksum(pghp + sentence[sentence.rindex(b"*") + 1 :].strip()))
                out[-1] += b"\r\n" + sentence
            elif i % 5 == 2:
                out.append(b"\\%s\\\r\n%s" % (checked(body), sentence))
            else:
                out.append(b"\\%s\\%s" % (checked(body), sentence))
    step = next(i for i, line in enumerate(out) if i > len(out) // 2 and line.startswith(b"\\s:rone,c:"))
    body = b"s:rone,c:%d" % (T0_MS // 1000 + 30)
    out[step] = b"\\%s\\%s" % (checked(body), out[step].split(b"\\", 2)[2])
    return b"".join(out)


def sim(folder: Path, recording: Path, *words: str, scenario: str = "planted") -> tuple[bytes, list[dict]]:
    """The mix and its truth."""
    files = ("--nmea", str(folder / "mixed.nmea"), "--truth", str(folder / "truth.ndjson"))
    done = CliRunner().invoke(app, ["sim", scenario, "--seed", "2", "--background", str(recording), *files, *words])
    if done.exception:
        raise done.exception
    return (folder / "mixed.nmea").read_bytes(), [msgspec.json.decode(line) for line in (folder / "truth.ndjson").read_bytes().splitlines()]


def check(data: bytes, recording: Path, mixed: bytes, truth: list[dict], length_s: float = 1e9) -> None:
    """All that holds of every mix of at most `length_s`."""
    assert real_lines(mixed) == data
    assert mixed.count(b"s:EX-") > 20
    assert fixes_of(mixed) == fixes_of(data)
    behind = read_background(recording)
    sea, *facts = truth
    assert (from_iso(sea["t_start"]), from_iso(sea["t_end"])) == (behind.first_ms, min(behind.last_ms, behind.first_ms + length_s * 1000))
    assert f"--background {recording}" in sea["cause"]
    assert facts
    south, west, north, east = behind.region
    for fact in facts:
        assert behind.first_ms <= from_iso(fact["t_start"]) <= from_iso(fact["t_end"]) <= behind.last_ms
        assert south - 1 <= fact["lat"] <= north + 1, fact["cause"]  # a scene begins inside and may lead out
        assert west - 2 <= fact["lon"] <= east + 2, fact["cause"]
    now_ms, late_ms = behind.first_ms, []
    state = DecodeState("x")
    for line in mixed.splitlines(keepends=True):
        rows = decode(state, line).fixes
        if len(rows) and SIMULATED.match(line):
            assert rows["flags"][0] & F_EXERCISE
            late_ms.append(now_ms - int(rows["t_rx_ms"][0]))
        elif len(rows) and rows["t_rx_ms"][0] > 0:
            now_ms = max(now_ms, int(rows["t_rx_ms"][0]))
    assert np.percentile(late_ms, 99) < 5_000  # no later than the next place for it


def test_a_made_recording_stays_as_it_was(tmp_path):
    recording = tmp_path / "made.nmea.gz"
    recording.write_bytes(gzip.compress(made()))
    mixed, truth = sim(tmp_path, recording)
    check(made(), recording, mixed, truth)
    assert {r.id for r in read_background(recording).receivers} >= {"rone", "rtwo"}
    lines = mixed.splitlines(keepends=True)
    apart = [i for i in range(1, len(lines)) if SIMULATED.match(lines[i]) and re.fullmatch(rb"\$PGHP.*\r\n|\\[^\\]*\\\r\n", lines[i - 1])]
    assert not apart
    assert sum(line.startswith(b"$PGHP") for line in lines) > 100
    again, _ = sim(tmp_path, recording)
    assert again == mixed


@pytest.mark.parametrize("name", ["nmea-dma-abnormal/ais-sample.txt.gz", "nmea-opencpn/Go_to_Guernesey.txt"])
def test_a_real_recording_stays_as_it_was(name, tmp_path):
    recording = SHARED_DATA / name
    if not recording.is_file():
        pytest.skip(f"no recording at {recording}")
    mixed, truth = sim(tmp_path, recording, "--duration", "3h")
    data = recording.read_bytes()
    check(gzip.decompress(data) if name.endswith(".gz") else data, recording, mixed, truth, 3 * 3600)


def test_a_recording_without_time_or_place_is_refused_with_a_remedy(tmp_path):
    timeless, placeless = tmp_path / "timeless.nmea", tmp_path / "placeless.nmea"
    timeless.write_bytes(b"".join(line.split(b"\\")[-1] for line in made().splitlines(keepends=True) if line.startswith(b"\\")))
    with pytest.raises(InputError, match=r"tells when.*--capture"):
        sim(tmp_path, timeless)
    placeless.write_bytes(b"$GPRMC,035258,A,5013.4693,N,00346.6503,W,4.0,183.2,260711,3.8,W,A*18\r\n")
    with pytest.raises(InputError, match="no position"):
        sim(tmp_path, placeless)
    with pytest.raises(ConfigError, match="--background"):
        CliRunner().invoke(app, ["sim", "planted", "--truth", str(tmp_path / "t")], catch_exceptions=False)
    assert planted_names() == ["planted"]
    assert "planted" not in scenario_names()


def test_a_real_vessels_mmsi_is_not_used(tmp_path):
    recording = tmp_path / "made.nmea"
    recording.write_bytes(made())
    mixed, _ = sim(tmp_path, recording)
    (tmp_path / "twice.nmea").write_bytes(mixed)
    with pytest.raises(InputError, match="MMSI"):
        sim(tmp_path, tmp_path / "twice.nmea")


def test_a_scenario_of_its_own_place_keeps_it_at_the_recordings_time(tmp_path):
    recording = tmp_path / "made.nmea"
    recording.write_bytes(made())
    mixed, truth = sim(tmp_path, recording, "--duration", "120s", scenario="dark")
    assert real_lines(mixed) == made()
    assert b"s:EX-hill" in mixed
    assert from_iso(truth[0]["t_end"]) - from_iso(truth[0]["t_start"]) == 120_000


def tagged(t_s: float, text: str, station: str = "EX-a") -> bytes:
    return f"\\s:{station},c:{round(t_s * 1000)}*00\\!AIVDM,1,1,,A,{text},0*00\r\n".encode()


def test_a_line_goes_before_the_first_block_of_its_time_or_later():
    blocks = [Block(10_000, b"a\r\n"), Block(None, b"#\r\n"), Block(12_000, b"b\r\n"), Block(12_000, b"c\r\n"), Block(15_000, b"d")]
    simulated = [Chunk(1_400_000_011_000, tagged(1.4e9 + 10.5, "x")), Chunk(1_400_000_013_000, tagged(1.4e9 + 12.0, "y") + tagged(1.4e9 + 12.5, "z"))]
    moved = [Block(None if b.t_ms is None else b.t_ms + T0_MS, b.data) for b in blocks]
    out = b"".join(chunk.data for chunk in mix(moved, simulated, 5000)).splitlines()
    assert [line if len(line) < 9 else line[-6:-5] for line in out] == [b"a", b"#", b"x", b"y", b"b", b"c", b"z", b"d"]
    assert out[-1] == b"d"  # it has no line end: nothing may follow


def test_a_stamp_between_two_makes_no_step_back_and_hides_none():
    blocks = [Block(T0_MS + 20_000, b"a\r\n"), Block(T0_MS + 12_000, b"b\r\n"), Block(T0_MS + 13_000, b"c\r\n"), Block(T0_MS + 30_000, b"d\r\n")]
    simulated = [Chunk(T0_MS + 21_000, tagged(1.4e9 + 20.0, "y"))]
    for begin, expected in ((0, [b"y", b"a", b"b", b"c", b"d"]), (1, [b"b", b"c", b"y", b"d"])):
        out = b"".join(chunk.data for chunk in mix(blocks[begin:], simulated, 5000)).splitlines()
        assert [line if len(line) < 9 else line[-6:-5] for line in out] == expected


@given(st.lists(st.sampled_from(["1,1,,A", "2,1,1,A", "2,2,1,A", "2,1,2,B", "2,2,2,B", "3,1,1,A", "3,2,1,A", "3,3,1,A", "tag"]), max_size=40))
def test_nothing_is_put_between_what_belongs_together(kinds):
    """A slow twin: for every first part, its last one within reach; nothing new between them, nor behind a lone tag block."""
    lines = [b"\\s:a*00\\\r\n" if kind == "tag" else f"!AIVDM,{kind},x,0*00\r\n".encode() for kind in kinds]
    blocks = blocks_of(lines, [1000 * i for i in range(len(lines))], [kind == "tag" for kind in kinds])
    assert b"".join(block.data for block in blocks) == b"".join(lines)
    begins, at = set(), 0
    for block in blocks:
        begins.add(at)
        at += block.data.count(b"\n")
    for i, kind in enumerate(kinds):
        if kind == "tag":
            assert i + 1 not in begins
        elif kind.split(",")[1] == "1" and kind[0] != "1":
            rest = kinds[i + 1 :]
            last, again = f"{kind[0]},{kind[0]}{kind[3:]}", kind
            if last in rest and again not in rest[: rest.index(last)]:
                assert not begins & set(range(i + 1, i + 2 + rest.index(last)))


@settings(max_examples=30)
@given(st.floats(-80, 80), st.floats(-180, 179), st.floats(0.05, 2))
def test_area_and_reach_are_learned_from_positions(lat, lon, size):
    rng = np.random.default_rng(1)
    lats = lat + size * rng.uniform(-1, 1, 400)
    lons = (lon + size * rng.uniform(-1, 1, 400) + 180) % 360 - 180
    lats[:2], lons[:2] = -lat, lon - 90  # wild ones
    south, west, north, east = area_of(lats, lons)
    assert south < lat < north
    assert ((lon - west) % 360) < 2 * size + 10
    assert ((east - lon) % 360) < 2 * size + 10
    (receiver,) = receivers_of({"r003669945-and-more": (lats[2:], lons[2:])})
    assert receiver.id == "r003669945-a"
    assert abs(receiver.lat_deg - lat) < 0.2 * size + 0.1
    assert receiver.antenna_m >= 1


def test_a_recording_that_base_stations_time_gets_no_others():
    chunk = Chunk(0, b"\\s:EX-a*00\\!AIVDM,1,1,,A,4x,0*00\r\n!AIVDM,1,1,,A,;x,0*00\r\n!AIVDM,1,1,,A,1x,0*00\r\n")
    assert [c.data for c in without_clocks([chunk])] == [b"!AIVDM,1,1,,A,1x,0*00\r\n"]
