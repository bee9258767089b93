"""A kernel waits until it is wanted, and is then what its declaration says, whoever wants it first."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numba import float64, int64

from dogwatch.compiled import COMPILED
from dogwatch.kernel import kernel, load_all

pytestmark = pytest.mark.skipif(not COMPILED, reason="NUMBA_DISABLE_JIT is set")


def doubling(**options):
    @kernel(int64(int64), cache=False, **options)
    def doubled(x):
        return 2 * x

    return doubled


def test_nothing_is_compiled_before_the_first_call_and_then_only_what_was_declared() -> None:
    doubled = doubling()
    assert not doubled.overloads
    assert [doubled(4), doubled(np.int32(5))] == [8, 10]
    assert [one.args for one in doubled.nopython_signatures] == [(int64,)]
    with pytest.raises(TypeError):
        doubled("text")


def test_a_compiled_caller_gets_the_declared_types_and_not_its_own() -> None:
    doubled = doubling()

    @kernel(float64(float64), cache=False)
    def outer(x):
        return doubled(int(x)) + 0.5

    assert outer(4.9) == 8.5
    assert [one.args for one in doubled.nopython_signatures] == [(int64,)]


def test_options_of_the_caller_do_not_reach_what_it_calls() -> None:
    @kernel(int64(int64), cache=False)
    def through_memory(n):
        return len(np.zeros(n))

    @kernel(int64(int64), cache=False, _nrt=False)
    def outer(n):
        return through_memory(n)

    assert outer(3) == 3


def test_many_threads_may_want_it_first() -> None:
    doubled, found = doubling(nogil=True), []
    threads = [threading.Thread(target=lambda: found.append(doubled(21))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [42] * 8
    assert len(doubled.overloads) == 1


def test_a_watch_can_have_all_of_them_before_it_begins() -> None:
    doubled = doubling()
    load_all()
    assert len(doubled.overloads) == 1


def test_the_modules_of_a_replay_load_nothing_by_themselves() -> None:
    program = "import runners.replay, dogwatch.kernel as k; print(len(k._all), sum(bool(one.overloads) for one in k._all))"
    said = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).resolve().parent.parent, capture_output=True, text=True, check=True).stdout
    known, loaded = map(int, said.split())
    assert known > 100
    assert loaded == 0
