"""Faults: each kind does what it says, chance does not depend on chunks, and the list alone makes the same damage again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dogwatch.errors import InputError
from sim.faults import DAMAGE, Fault, Rates, damage, faults_text, listed, parse_faults, seeded
from sim.simulate import Chunk
from tests.naive_sim import checksum

SENTENCES = [b"\\s:EX-a,c:1767225600*61\\!AIVDM,1,1,,A,17a8sg002o<NkHo`FWgdA9j00L0`,0*72\r\n" for _ in range(400)]
MIXED = Rates(lost=0.05, repeated=0.05, checksum=0.05, cut=0.05, glued=0.05, garbage=0.05)


def chunks(size: int) -> list[Chunk]:
    return [Chunk(i, b"".join(SENTENCES[i : i + size])) for i in range(0, len(SENTENCES), size)]


def test_each_kind_does_what_it_says():
    line = SENTENCES[0]
    for place in (0, 17, 65_535):
        assert DAMAGE["lost"](line, place) == b""
        assert DAMAGE["repeated"](line, place) == line * 2
        assert line.startswith(DAMAGE["cut"](line, place).removesuffix(b"\r\n"))
        assert 2 < len(DAMAGE["cut"](line, place)) < len(line)
        assert DAMAGE["glued"](line, place) == line[:-2]
        noise, _, rest = DAMAGE["garbage"](line, place).partition(b"\r\n")
        assert rest == line
        assert 1 <= len(noise) <= 40
        bad = DAMAGE["checksum"](line, place).strip()
        assert len(bad) == len(line) - 2
        body, _, given_sum = bad[bad.index(b"!") + 1 :].rpartition(b"*")
        assert checksum(body) != given_sum


@given(st.integers(0, 1 << 64), st.sampled_from([1, 7, 400]))
def test_chance_does_not_depend_on_chunks_and_the_list_reproduces_it(seed, size):
    done: list[Fault] = []
    once = b"".join(c.data for c in damage(chunks(400), seeded(seed, MIXED), done))
    assert b"".join(c.data for c in damage(chunks(size), seeded(seed, MIXED))) == once
    again = parse_faults(faults_text(done))
    assert again == sorted(done)
    assert b"".join(c.data for c in damage(chunks(size), listed(again))) == once
    assert 60 < len(done) < 200


def test_all_kinds_occur_as_often_as_asked():
    done: list[Fault] = []
    for seed in range(20):
        list(damage(chunks(400), seeded(seed, MIXED), done))
    count = {kind: sum(f.kind == kind for f in done) for kind in DAMAGE}
    assert all(300 < n < 500 for n in count.values()), count


def test_no_faults_change_nothing():
    assert b"".join(c.data for c in damage(chunks(50), seeded(1, Rates()))) == b"".join(SENTENCES)


@pytest.mark.parametrize("text", ["lost", "lost@x", "melted@3", "cut@3:x", "@4"])
def test_a_list_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="not a fault"):
        parse_faults(text)


def test_rates_beyond_everything_are_refused():
    with pytest.raises(InputError):
        seeded(1, Rates(lost=0.7, cut=0.7))
    with pytest.raises(InputError):
        seeded(1, Rates(lost=-0.1))
