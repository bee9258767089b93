"""The translation of functions of whole numbers: what they compute is what Python computes, and the rest is refused."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import types

from dogwatch.compiled import COMPILED, Unit
from dogwatch.translate import Primitive, TranslationError

pytestmark = pytest.mark.skipif(not COMPILED, reason="NUMBA_DISABLE_JIT is set")

INT, WORDS, BYTES = types.int64, types.int64[::1], types.uint8[::1]
SIZE, WIDE, OFF = 8, 1 << 62, False
TABLE = np.array([3, -1, 4, 1, -5, 9, 2, 6], np.int64)
SOURCE = (
    "from numba import types\nfrom dogwatch.compiled import Unit\nword = 3\nunit = Unit()\n\n\n@unit.entry(types.int64(types.int64))\ndef run(x):\n    return "
)
unit = Unit()
BROKEN = Primitive(lambda body, x: x)


@unit.inner(types.UniTuple(INT, 2)(INT, INT))
def divided(a, b):
    """Two results; floors like Python."""
    if a > b:
        return a // 7, b % 7
    return b // 8, a % 8


@unit.inner(types.void(WORDS, INT, INT), inline=True)
def note(m, at, value):
    """Nothing comes back."""
    if at >= SIZE:
        return
    m[at] += value


@unit.inner(INT(BYTES, INT), inline=False)
def digits(b, at):
    """A while loop with an and that must not look too far."""
    n = 0
    while at + n < b.shape[0] and 48 <= b[at + n] <= 57:
        n += 1
    return n


@unit.entry(types.UniTuple(INT, 4)(WORDS, BYTES, INT, INT))
def all_sorts(m, b, x, y):
    """Every construct once, on small numbers."""
    p = q = 0
    low, high = min(x, y), max(x, y)
    low, high = high, low
    quotient, rest = divided(x, y)
    note(m, 0, quotient)
    note(m, SIZE, rest)
    for i in range(SIZE):
        if i == 2:
            continue
        if m[i] > 900:
            break
        p += TABLE[i] * (m[i] ^ x)
    for k in range(1, 20, 6):
        q -= k
    m[1], m[2] = m[2] + k, m[1] - i
    b[3] = x & 255
    b[4] ^= 21
    b[5] += 200
    if OFF:
        q = no_such_thing(q)  # noqa: F821 - never looked at
    elif not (x < y or y == 3) and not (x == 5 and p):
        q |= 64
    else:
        q = ~q if q else -q
    flag = x > 3
    flag = flag and y > -3
    chosen = m[3] or x or y
    while True:
        q += (1 << (x & 7)) - (y >> 3) + -abs(x - 50)
        low += 1
        if q % 3 == 0 or low > high + 5000:
            break
    same = not m[6]
    return p + digits(b, 0) + rest, q, chosen - int(b[4]) + same, (low << 20) + high + (WIDE * 4 + 1 if flag else m[-1 + 5] // 1000)


@unit.entry(INT(INT))
def wraps(x):
    """A product that does not fit is cut to 64 bits."""
    return x * 6_364_136_223_846_793_005 + WIDE * 3


def wrapped(value: int) -> int:
    return (int(value) + (1 << 63)) % (1 << 64) - (1 << 63)


small = st.integers(-2000, 2000)


@settings(max_examples=500)
@given(st.lists(small, min_size=SIZE, max_size=SIZE), st.binary(min_size=16, max_size=16) | st.from_regex(rb"[0-9]{8}[0-9a]{8}", fullmatch=True), small, small)
def test_what_is_computed_is_what_python_computes(words: list[int], data: bytes, x: int, y: int) -> None:
    m, b = np.array(words, np.int64), np.frombuffer(data, np.uint8).copy()
    mine, theirs = (m.copy(), b.copy()), (m.copy(), b.copy())
    with np.errstate(over="ignore"):
        expected = tuple(wrapped(value) for value in all_sorts.function(*theirs, x, y))
    assert all_sorts.load()(*mine, x, y) == expected
    assert [each.tolist() for each in mine] == [each.tolist() for each in theirs]


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_numbers_wrap_around(x: int) -> None:
    assert wraps.load()(x) == wrapped(wraps.function(x))


REFUSED = {
    "x / 2": "no such operator here",
    "x // 0": "a divisor is a positive number that is known here",
    "x % x": "a divisor is a positive number that is known here",
    "x in (1, 2)": "no number|no such",
    "unknown": "no number of this name",
    "unknown(x)": "no function of this name",
    "x.bit_length()": "a call is a name and its arguments",
    "[x]": "no such expression here",
    "1.5": "no number",
    "word[x]": "no array",
    "min(x, 1, 2)": "no function of this name",
    "(lambda: x)()": "a call is a name and its arguments",
}


@pytest.mark.parametrize("expression", REFUSED)
def test_what_is_not_in_the_language_is_refused_with_its_place(expression: str, tmp_path, monkeypatch) -> None:
    (tmp_path / "refused.py").write_text(SOURCE + expression + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "refused", raising=False)
    import refused  # type: ignore[import-not-found]

    with pytest.raises(TranslationError, match=rf"refused\.py:9: ({REFUSED[expression]})"):
        refused.run.load()


def test_a_source_that_has_changed_is_not_compiled(tmp_path, monkeypatch) -> None:
    path = tmp_path / "edited.py"
    path.write_text(SOURCE + "x\n")
    monkeypatch.syspath_prepend(tmp_path)
    import edited  # type: ignore[import-not-found]

    path.write_text("\n" + path.read_text())
    with pytest.raises(TranslationError, match="has changed since it was loaded"):
        edited.run.load()


def test_primitives_are_not_for_python() -> None:
    with pytest.raises(NotImplementedError, match="exists in compiled code only"):
        BROKEN(1)


BOUNDS = """
import numpy as np
from numba import types
from dogwatch.compiled import Unit
from ingest.kernel import ld64
unit, B = Unit(), types.uint8[::1]

@unit.inner(types.int64(B, types.int64, types.int64))
def at(b, i, wide):
    if wide:
        return ld64(b, i) & 255
    b[i] |= 0
    return b[i]

@unit.entry(types.int64(B, types.int64, types.int64))
def run(b, i, wide):
    total = 0
    for k in range(i, i + 2):
        total += at(b, k, wide)
    return total

answers = []
for i in (-2, -1, 0, 6, 7, 22, 23, 30, 31):
    for wide in (0, 1):
        try:
            answers.append(run.load()(np.ones(24, np.uint8), i, wide))
        except IndexError:
            answers.append("out")
print(answers)
"""


def test_with_bounds_checks_an_index_outside_ends_the_call(tmp_path) -> None:
    (tmp_path / "bounds.py").write_text(BOUNDS)
    env = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": os.pathsep.join([".", *sys.path])}
    done = subprocess.run([sys.executable, str(tmp_path / "bounds.py")], env=env, capture_output=True, text=True, check=True)
    inside = [[i >= 0 and i + 1 + (8 if wide else 1) <= 24 for wide in (0, 1)] for i in (-2, -1, 0, 6, 7, 22, 23, 30, 31)]
    assert done.stdout.strip() == str([2 if each else "out" for pair in inside for each in pair])
