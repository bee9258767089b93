"""Faults: each kind does what it says, chance does not depend on chunks, the list alone makes the same damage again, and the decoder counts it all."""

from __future__ import annotations

from functools import lru_cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from dogwatch.errors import InputError
from ingest.decode import DecodeState, decode
from runners.cli import app
from sim.faults import KINDS, LINE_DAMAGE, Fault, Rates, chosen, damage, faults_text, listed, parse_faults, seeded
from sim.scenario import load_scenario, scenario_text
from sim.simulate import Chunk, simulate
from tests.naive_sim import checksum

SENTENCES = [b"\\s:EX-a,c:1767225600*61\\!AIVDM,1,1,,A,17a8sg002o<NkHo`FWgdA9j00L0`,0*72\r\n" for _ in range(400)]
LINE_KINDS = Rates(**dict.fromkeys(LINE_DAMAGE, 0.05))
UNTRUE = {"payload", "clock"}  # what these make arrives looking right; truncated and silent streams may have next to nothing left
ORDERLY = Rates(**dict.fromkeys([kind for kind in KINDS if kind not in UNTRUE | {"truncated", "silent"}], 0.01))
SEEDS, SIZES = st.integers(0, 1 << 64), st.sampled_from([1, 7, 400])


def tagged(body: bytes, station: str = "EX-a", t_s: int = 1767225600) -> bytes:
    tag = f"s:{station},c:{t_s}".encode()
    return b"\\%s*%s\\!%s*%s\r\n" % (tag, checksum(tag), body, checksum(body))


def chunks(lines: list[bytes], size: int) -> list[Chunk]:
    return [Chunk(i, b"".join(lines[i : i + size])) for i in range(0, len(lines), size)]


def damaged(lines: list[bytes], text: str, size: int = 400) -> tuple[list[bytes], str]:
    """Lines after the faults of a list, and what was done."""
    done: list[Fault] = []
    data = b"".join(c.data for c in damage(chunks(lines, size), chosen(text, 1), done))
    return data.splitlines(keepends=True), faults_text(done)


@lru_cache(maxsize=1)
def sea() -> list[bytes]:
    """A few minutes in the strait: three receivers, messages of two parts."""
    return b"".join(c.data for c in simulate(load_scenario(scenario_text("strait"), file="strait.toml"), 9, duration_s=150)).splitlines(keepends=True)


def rows(data: bytes) -> tuple[set, DecodeState]:
    state = DecodeState("sea")
    batch = decode(state, data, final=True)
    fixes = batch.fixes[["mmsi", "lat", "lon", "sog", "cog", "hdg", "msg_type", "t_ms"]].tolist()
    statics = batch.statics[["mmsi", "imo", "name", "callsign", "ship_type"]].tolist()
    return {*fixes, *statics}, state


def test_each_line_kind_does_what_it_says():
    line = SENTENCES[0]
    for place in (0, 17, 65_535):
        assert LINE_DAMAGE["lost"](line, place) == b""
        assert LINE_DAMAGE["repeated"](line, place) == line * 2
        assert line.startswith(LINE_DAMAGE["cut"](line, place).removesuffix(b"\r\n"))
        assert 2 < len(LINE_DAMAGE["cut"](line, place)) < len(line)
        assert LINE_DAMAGE["glued"](line, place) == line[:-2]
        noise, _, rest = LINE_DAMAGE["garbage"](line, place).partition(b"\r\n")
        assert rest == line
        assert 1 <= len(noise) <= 40
        bad = LINE_DAMAGE["checksum"](line, place).strip()
        assert len(bad) == len(line) - 2
        body, _, given_sum = bad[bad.index(b"!") + 1 :].rpartition(b"*")
        assert checksum(body) != given_sum
        stale = LINE_DAMAGE["tagsum"](line, place)
        digits = line.index(b"*") + 1
        assert (stale[:digits], stale[digits + 2 :]) == (line[:digits], line[digits + 2 :])
        assert stale != line
        other = LINE_DAMAGE["payload"](line, place).strip()
        body, _, given_sum = other[other.index(b"!") + 1 :].rpartition(b"*")
        assert checksum(body) == given_sum
        assert sum(a != b for a, b in zip(body, line[line.index(b"!") + 1 :])) == 1
        assert len(line) + 100 <= len(LINE_DAMAGE["long"](line, place)) <= len(line) + 4000
        assert LINE_DAMAGE["cr"](line, place) == line[:-2] + b"\r"


def test_what_cannot_be_done_to_a_line_is_not_said_to_be_done():
    plain = [b"$GPRMC,x\r\n", b"!AIVDM,1,1,,A,17a8sg002o<NkHo`FWgdA9j00L0`,0*72\r\n"]
    text = "payload@0:3 checksum@0:3 tagsum@1:3"
    for item in text.split():
        assert damaged(plain, item) == (plain, "")
    assert damaged(plain, "clock@1:60:60 late@0:5") == (plain, "")


def test_a_late_line_comes_when_its_time_has_passed():
    lines = [tagged(b"AIVDM,1,1,,A,%d,0" % i, t_s=1767225600 + i) for i in range(10)]
    out, done = damaged(lines, "late@2:4 late@8:100")
    assert [lines.index(line) for line in out] == [0, 1, 3, 4, 5, 2, 6, 7, 9, 8]
    assert done == "late@2:4 late@8:100"


def test_reordered_lines_change_places():
    lines = [b"%d\r\n" % i for i in range(10)]
    out, _ = damaged(lines, "reordered@2:3 reordered@5:2 reordered@8:9", size=1)
    assert [int(line) for line in out] == [0, 1, 5, 3, 4, 7, 6, 2, 8, 9]


def test_interleaved_messages_wait_for_each_other():
    a, b = ([tagged(b"AIVDM,3,%d,%d,A,x,0" % (part, name)) for part in (1, 2, 3)] for name in (1, 2))
    single = tagged(b"AIVDM,1,1,,A,x,0")
    out, done = damaged([*a, single, *b], "interleaved@0 interleaved@3")
    assert out == [a[0], single, b[0], a[1], a[2], b[1], b[2]]
    assert done == "interleaved@0:0"
    # the next one of the same number is another message: what waited goes first
    assert damaged([*a, single, *a], "interleaved@0")[0] == [a[0], single, a[1], a[2], *a]


def test_a_stepped_clock_moves_the_stamps_of_one_station_for_a_while():
    lines = [tagged(b"AIVDM,1,1,,A,x,0", station, 1767225600 + i) for i in range(6) for station in ("EX-a", "EX-b")]
    out, done = damaged(lines, "clock@4:-3600:2")
    moved = [tagged(b"AIVDM,1,1,,A,x,0", "EX-a", 1767225600 + i - 3600) for i in (2, 3)]
    assert out == [*lines[:4], moved[0], lines[5], moved[1], *lines[7:]]
    assert done == "clock@4:-3600:2"


def test_a_silent_station_says_nothing_and_the_others_go_on():
    lines = [tagged(b"AIVDM,1,1,,A,%d,0" % i, station) for i in range(6) for station in ("EX-a", "EX-b")]
    out, _ = damaged(lines, "silent@4:5")
    assert out == [line for i, line in enumerate(lines) if i not in (4, 6, 8)]


def test_a_truncated_stream_ends_there():
    lines = [tagged(b"AIVDM,1,1,,A,%d,0" % i) for i in range(6)]
    assert b"".join(damaged(lines, "truncated@3:10 lost@4")[0]) == b"".join(lines[:3]) + lines[3][:10]


@given(SEEDS, SIZES)
def test_chance_does_not_depend_on_chunks_and_the_list_reproduces_it(seed, size):
    done: list[Fault] = []
    once = b"".join(c.data for c in damage(chunks(SENTENCES, 400), seeded(seed, LINE_KINDS), done))
    assert b"".join(c.data for c in damage(chunks(SENTENCES, size), seeded(seed, LINE_KINDS))) == once
    again = parse_faults(faults_text(done))
    assert again == sorted(done)
    assert b"".join(c.data for c in damage(chunks(SENTENCES, size), listed(again))) == once
    assert 120 < len(done) < 280


@settings(max_examples=15, deadline=None)
@given(SEEDS, SIZES)
def test_a_damaged_sea_is_counted_to_the_line_and_invents_nothing(seed, size):
    """The failure message is the list that makes the same damage again."""
    done: list[Fault] = []
    dirty = b"".join(c.data for c in damage(chunks(sea(), size), seeded(seed, ORDERLY), done))
    text = faults_text(done)
    assert b"".join(c.data for c in damage(chunks(sea(), 400), chosen(text, 0))) == dirty
    (known, _), (found, state) = rows(b"".join(sea())), rows(dirty)
    assert found <= known, text
    assert len(found) > 0.5 * len(known), text
    assert state.counts.balance() == 0, text
    assert sum(state.counts.rejected.values()) > 20, text


@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_what_lies_on_purpose_is_counted_too(seed):
    done: list[Fault] = []
    dirty = b"".join(c.data for c in damage(chunks(sea(), 400), seeded(seed, Rates(payload=0.02, clock=0.002)), done))
    (known, _), (found, state) = rows(b"".join(sea())), rows(dirty)
    assert state.counts.balance() == 0, faults_text(done)
    assert len(found - known) > 10, faults_text(done)


def test_all_kinds_occur_as_often_as_asked():
    done: list[Fault] = []
    for seed in range(20):
        list(damage(chunks(SENTENCES, 400), seeded(seed, LINE_KINDS), done))
    count = {kind: sum(f.kind == kind for f in done) for kind in LINE_DAMAGE}
    assert all(300 < n < 500 for n in count.values()), count
    drawn = {fault.kind for line in range(3000) if (fault := seeded(1, Rates(**dict.fromkeys(KINDS, 0.05)))(line))}
    assert drawn == set(KINDS)


def test_no_faults_change_nothing():
    assert b"".join(c.data for c in damage(chunks(SENTENCES, 50), seeded(1, Rates()))) == b"".join(SENTENCES)


@pytest.mark.parametrize("text", ["lost", "lost@x", "melted@3", "cut@3:x", "@4", "cut@3:1:2:3"])
def test_a_list_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="not a fault"):
        chosen(text, 1)


@pytest.mark.parametrize("text", ["lost=x", "melted=0.1", "lost=2", "lost=-1", "lost=0.1,cut@3=1"])
def test_rates_that_are_none_are_refused(text):
    with pytest.raises(InputError, match="not a rate"):
        chosen(text, 1)


def test_rates_beyond_everything_are_refused():
    with pytest.raises(InputError):
        seeded(1, Rates(lost=0.7, cut=0.7))
    with pytest.raises(InputError):
        seeded(1, Rates(lost=-0.1))


def test_the_command_damages_by_rates_and_again_by_the_list_it_wrote(tmp_path):
    def sim(*words: str) -> dict:
        done = CliRunner().invoke(app, ["sim", "strait", "--duration", "30s", *words])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return msgspec.json.decode(done.stdout_bytes)

    clean, rough, again, listed_file = (tmp_path / name for name in ("clean", "rough", "again", "list.txt"))
    assert sim("--nmea", str(clean))["faults"] == 0
    assert sim("--nmea", str(rough), "--faults", "lost=0.05,cut=0.05", "--faults-out", str(listed_file))["faults"] > 10
    sim("--nmea", str(again), "--faults", str(listed_file))
    assert clean.read_bytes() != rough.read_bytes() == again.read_bytes()
    sim("--nmea", str(again), "--faults", listed_file.read_text())
    assert again.read_bytes() == rough.read_bytes()
    with pytest.raises(InputError, match="faults-out without"):
        sim("--truth", str(again), "--faults-out", str(listed_file))
    with pytest.raises(InputError, match="does not exist"):
        sim("--nmea", str(again), "--faults", "nothing.txt")
