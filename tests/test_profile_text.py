"""One value of a profile's text is changed, and nothing else: values, comments, order."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.config import Config
from dogwatch.errors import InputError
from runners.profile_text import with_value
from runners.rules import configured_text

TEXT = configured_text("rules", Config())
PLAIN = tomllib.loads(TEXT)


def leaves(plain: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inside = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) and plain and isinstance(plain[0], dict) else ()
    return [path] * (bool(path) and isinstance(path[-1], str)) + [leaf for step, item in inside for leaf in leaves(item, (*path, step))]


def expected(plain: dict[str, Any], path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    told = copy.deepcopy(plain)
    table: Any = told
    for step in path[:-1]:
        table = table.setdefault(step, {}) if isinstance(table, dict) else table[step]
    if value is None:
        table.pop(path[-1], None)
    else:
        table[path[-1]] = value
    return told


VALUES = st.one_of(
    st.booleans(),
    st.integers(-9999, 9999),
    st.floats(-1e6, 1e6),
    st.text(max_size=8),
    st.lists(st.integers(1, 999), max_size=3),
    st.dictionaries(st.sampled_from(["speed_kn", "duration_s"]), st.floats(0, 9)),
)
NEW = [("rules", 1, "min_confidence"), ("rules", 4, "at_most"), ("detectors", "dark", "enabled"), ("detectors", "loitering", "duration_s_min"), ("valid_from",)]


@settings(max_examples=25, deadline=None)
@given(path=st.sampled_from([path for path in leaves(PLAIN) if isinstance(path[-1], str) and len(path) > 1] + NEW), value=VALUES)
def test_one_value_changes_and_nothing_else(path: tuple[str | int, ...], value: Any) -> None:
    changed = with_value(TEXT, path, value)
    assert tomllib.loads(changed) == expected(PLAIN, path, value)
    before = expected(PLAIN, path, None)
    assert tomllib.loads(with_value(changed, path, None)) in (before, expected(PLAIN, path, value) if value is None else before)


def test_comments_and_lines_stay() -> None:
    changed = with_value(TEXT, ("levels", "caution_milli"), -1700).splitlines()
    other = [(old, new) for old, new in zip(TEXT.splitlines(), changed, strict=True) if old != new]
    assert other == [("caution_milli = -1800  # one behaviour that counts at all", "caution_milli = -1700  # one behaviour that counts at all")]


@pytest.mark.parametrize("path", [(), ("rules",) * 11, ("rules", 99, "weight"), ("rules", "weight", "x"), ("name", "x"), ("rules", 1), ("levels", 0, "x")])
def test_a_path_that_leads_nowhere_is_refused(path: tuple[str | int, ...]) -> None:
    with pytest.raises(InputError):
        with_value(TEXT, path, 1)


def test_a_text_that_is_no_toml_is_refused() -> None:
    with pytest.raises(InputError):
        with_value("name = ", ("name",), "x")
