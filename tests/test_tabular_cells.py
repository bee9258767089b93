"""The byte kernels of tables against their obvious twins, on text with everything wrong in it."""

from __future__ import annotations

import naive_tabular as naive
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest import cells
from ingest.cells import CELL_BAD, CELL_EMPTY

VERDICTS = {"blank": cells.LINE_BLANK, "comment": cells.LINE_COMMENT, "long": cells.LINE_LONG, "quotes": cells.LINE_QUOTES}


def split(text: bytes, delimiter: str, width: int):
    """[(verdict, cells or None)] as the kernel sees lines of `text`."""
    data = np.frombuffer(bytearray(text), np.uint8)
    n = text.count(b"\n")
    line_at, verdict = np.empty(n + 1, np.int64), np.empty(n, np.uint8)
    starts, ends = np.empty((n, width), np.int32), np.empty((n, width), np.int32)
    assert cells.split(data, ord(delimiter), width, np.arange(width, dtype=np.int32), line_at, starts, ends, verdict) == n
    assert [text[line_at[r] : line_at[r + 1]] for r in range(n)] == text.splitlines(keepends=True) or b"\r" in text.replace(b"\r\n", b"")
    rows = [[text[starts[r, c] : ends[r, c]].decode("latin-1") for c in range(width)] for r in range(n)]
    return [(int(v), row if v == cells.LINE_OK else None) for v, row in zip(verdict, rows)]


def one_cell(text: str):
    data = np.frombuffer(bytearray(text.encode("latin-1")), np.uint8)
    return data, np.zeros((1, 1), np.int32), np.full((1, 1), len(data), np.int32)


def number(text: str, scale: int, comma: bool = False) -> int:
    out = np.empty(1, np.int64)
    cells.numbers(*one_cell(text), 0, scale, comma, out)
    return int(out[0])


def moment(text: str, month_first: bool = False) -> int:
    out = np.empty(1, np.int64)
    cells.moments(*one_cell(text), 0, month_first, out)
    return int(out[0])


LINES = st.lists(st.text(st.sampled_from('ab1,;\t" #\r'), max_size=14), min_size=1, max_size=8)


@given(LINES, st.sampled_from(",;\t "), st.integers(1, 4))
@example(['"a""b",c', '"a"b,c', '"a', 'a"b,c', ' "a" ,c', '""', ",", "#x", " \t", "\r"], ",", 2)
@settings(max_examples=400, deadline=None)
def test_split_agrees_with_its_twin(lines, delimiter, width):
    got = split("".join(line + "\n" for line in lines).encode(), delimiter, width)
    for line, (verdict, row) in zip(lines, got, strict=True):
        wanted = naive.split_line(line.encode(), delimiter)
        if isinstance(wanted, str):
            assert verdict == VERDICTS[wanted], (line, delimiter)
        elif len(wanted) != width:
            assert verdict == cells.LINE_COLUMNS, (line, delimiter, wanted)
        else:
            assert (verdict, row) == (cells.LINE_OK, wanted), (line, delimiter)


def test_a_line_beyond_the_limit_is_long():
    line = b"a," + b"x" * cells.LINE_BYTES_MAX
    assert [v for v, _ in split(line + b"\na,b\n", ",", 2)] == [cells.LINE_LONG, cells.LINE_OK]


NUMBERS = st.one_of(
    st.text(st.sampled_from("0123456789.,eE+-naN "), max_size=12),
    st.decimals(-10_000, 10_000, allow_nan=False, places=6).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["null", "None", "NaN", "N/A", "-", "\\N", "unknown", "Undefined", "é", "1e", "1e+", ".", "+.5", "-0", "00012", "1.5e-400", "9" * 40]),
)


@given(NUMBERS, st.sampled_from([1, 10, 100]), st.booleans())
@example("0.000000000000000000000000000000000000001e39", 1, False)
@settings(max_examples=500, deadline=None)
def test_numbers_agree_with_their_twin(text, scale, comma):
    text = text.strip(" ")
    got, wanted = number(text, scale, comma), naive.number(text, scale, comma)
    if wanted in (CELL_BAD, CELL_EMPTY):
        assert got == wanted or (got != CELL_EMPTY and abs(got) >= 10**15 - 1), (text, got, wanted)
    else:
        assert abs(got - wanted) <= max(abs(wanted) >> 50, 0) + _half_way(text, scale), (text, got, wanted)


def _half_way(text, scale):
    """1 where the exact value lies on a rounding border: the kernel divides in float64 and may fall to either side."""
    value = abs(float(text.replace(",", "."))) * scale
    return int(abs(value - np.floor(value) - 0.5) <= max(value, 1) * 1e-15)


DEGREES = [("54.5", 32_700_000), ("-0.0000009", -1), ("91", 54_600_000), ("91.0000000", 54_600_000), ("1e-7", 0), ("5.073E1", 30_438_000)]


@pytest.mark.parametrize(("text", "units"), DEGREES)
def test_degrees_become_the_integers_of_ais(text, units):
    assert number(text, 600_000) == units


YEARS_OR_DAYS = st.sampled_from(["2024", "1999", "2023", "31", "29", "12", "02", "2", "0"])
CLOCKS = st.sampled_from(["00:00", "7:59", "23:59:00", "24:00", "23:60", "1:02:59.5", "01:02:07.1234567", "01:02:60", "01:02:5", "01:02:01,25", "01:02:01."])
ZONES = st.sampled_from(["", "Z", " UTC", "+02:00", "-0330", "+01", "+15", " +1", "X"])
MARKS = st.sampled_from("--//.")
MOMENTS = st.one_of(
    st.text(st.sampled_from("0123456789-/:. TZ+"), max_size=24),
    st.tuples(YEARS_OR_DAYS, MARKS, YEARS_OR_DAYS, MARKS, YEARS_OR_DAYS, st.sampled_from(" T"), CLOCKS, ZONES).map("".join),
    st.tuples(st.dates().map(str), st.sampled_from(" T"), st.times().map(str), ZONES).map("".join),
    st.integers(0, 10**19).map(str),
    st.floats(6e8, 5e9).map(lambda v: f"{v:.4f}"),
)


@given(MOMENTS, st.booleans())
@example("2024-02-29 00:00:00", False)
@example("29/02/2023 00:00:00", False)
@example("1700000000.9999", False)
@settings(max_examples=600, deadline=None)
def test_moments_agree_with_their_twin(text, month_first):
    text = text.strip(" ")
    assert moment(text, month_first) == naive.moment(text, month_first), text


def test_moments_of_the_layouts_we_know():
    wanted = 1_700_000_000_000
    for text in ("2023-11-14T22:13:20", "2023-11-14 22:13:20 UTC", "14/11/2023 22:13:20", "2023-11-14T22:13:20.000Z"):
        assert moment(text) == wanted, text
    for text in ("1700000000", "1700000000000", "1700000000000000", "1700000000000000000"):
        assert moment(text) == wanted, text
    assert moment("11/14/2023 22:13", month_first=True) == wanted - 20_000
    assert moment("45244.9", False) == CELL_BAD, "a spreadsheet's day number is no time since 1970"


@given(st.lists(st.tuples(st.text(st.sampled_from("ab"), max_size=2), st.text(st.sampled_from("ab"), max_size=2)), min_size=2, max_size=12))
@settings(max_examples=100, deadline=None)
def test_fingerprints_tell_rows_apart(rows):
    data = np.frombuffer(bytearray("".join(a + b for a, b in rows).encode() + b"."), np.uint8)
    edges = np.cumsum([0] + [len(cell) for row in rows for cell in row]).astype(np.int32)
    starts, ends = edges[:-1].reshape(-1, 2).copy(), edges[1:].reshape(-1, 2).copy()
    out = np.empty(len(rows), np.uint64)
    cells.fingerprints(data, starts, ends, np.arange(2, dtype=np.int32), out)
    for i, row in enumerate(rows):
        assert (out[i] == 0) == (row == ("", ""))
        for j, other in enumerate(rows):
            assert (out[i] == out[j]) == (row == other)
