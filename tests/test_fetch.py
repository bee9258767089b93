"""The hint that fetches a record ahead: it stands in the machine code, of the right place, and changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numba import int64

from dogwatch.compiled import COMPILED
from dogwatch.fetch import fetch
from dogwatch.kernel import kernel


@kernel(int64(int64[:, ::1], int64), cache=False, _nrt=False)
def _hinted(table, at):
    fetch(table, at)
    return table[at // table.shape[1], at % table.shape[1]]


@pytest.mark.parametrize("at", [0, 5, 11])
def test_a_hint_changes_nothing(at):
    """Whatever was hinted at is read and written as before; a place beyond the array is hinted at in vain."""
    table = np.arange(12, dtype=np.int64).reshape(4, 3)
    assert _hinted(table, at) == at
    assert (table.ravel() == np.arange(12)).all()


@kernel((int64[:, ::1],), cache=False, _nrt=False)
def _hinted_fifth(table):
    fetch(table, 5)


@pytest.mark.skipif(not COMPILED, reason="NUMBA_DISABLE_JIT is set")
def test_the_hint_is_one_instruction_of_the_right_place():
    """Element 5 of 8 bytes lies 40 bytes behind the first, counted through both dimensions; nothing is called for it."""
    _hinted_fifth(np.zeros((2, 3), np.int64))
    (machine_code,) = _hinted_fifth.inspect_asm().values()
    hints = [line.split() for line in machine_code.splitlines() if line.split()[:1] and line.split()[0].startswith(("prefetch", "prfm"))]
    assert hints
    assert all("40" in place for _, place, *_ in hints)
