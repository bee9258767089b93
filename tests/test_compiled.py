"""Compiled units: what an entry reaches, and that the decoder says the same on a processor of which nothing is known."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from numba import types

from dogwatch.compiled import COMPILED, Unit
from tests.decode_inputs import messy_lines

PROGRAM = """
import sys, hashlib
from ingest.decode import DecodeState, decode
state = DecodeState("s")
batch = decode(state, sys.stdin.buffer.read(), final=True)
said = batch.fixes.tobytes() + batch.statics.tobytes() + batch.others.tobytes() + repr((state.counts, batch.safety)).encode()
print(len(batch.fixes), hashlib.sha256(said).hexdigest())
"""
INT = types.int64


unit = Unit()


@unit.inner(INT(INT))
def doubled(x):
    return 2 * x


@unit.inner(INT(INT), inline=True)
def quadrupled(x):
    return doubled(doubled(x))


@unit.inner(INT(INT))
def broken(x):
    return x.no_such_thing


@unit.entry(INT(INT))
def one_more(x):
    return doubled(x) + 1


@unit.entry(INT(INT))
def one_less(x):
    return quadrupled(x) - 1


@pytest.mark.skipif(not COMPILED, reason="NUMBA_DISABLE_JIT is set")
def test_an_entry_takes_only_what_it_reaches_and_entries_share_functions() -> None:
    assert [one_more.load()(4), one_less.load()(4), one_more.load()(5)] == [9, 15, 11]


def test_a_processor_of_which_nothing_is_known_decodes_the_same(tmp_path: Path) -> None:
    data = b"\r\n".join(messy_lines(random.Random(77), 1500)) + b"\r\n"

    def run(**settings: str) -> bytes:
        env = {**os.environ, **settings}
        return subprocess.run([sys.executable, "-c", PROGRAM], input=data, env=env, capture_output=True, check=True).stdout

    plain = run(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="", NUMBA_CACHE_DIR=str(tmp_path))
    assert plain == run()
    assert int(plain.split()[0]) > 300
