"""A profile's text with one value changed: what a form does to the text beside it. May hold: that change. May not: judge the text (risk/profile.py).

The text belongs to an analyst: comments, order and layout stay as they are, whatever is not meant.
"""

from __future__ import annotations

import tomllib
from collections.abc import MutableMapping, Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from dogwatch.errors import InputError

DEPTH_MAX = 10


def with_value(text: str, path: Sequence[str | int], value: Any) -> str:
    """TOML `text` with `value` (bool, number, text, list, table) at a path such as ("rules", 1, "weight"); None takes the key out.

    Tables on the way that are not there are made; items of lists are not. Raises InputError for a text that is no TOML and a path that leads nowhere.
    """
    if not 0 < len(path) <= DEPTH_MAX or not isinstance(path[-1], str):
        raise InputError("no key of a profile is named so", remedy="name the tables and the key, such as rules, 1, weight")
    try:
        document = tomlkit.parse(text)
        table: Any = document
        for step in path[:-1]:
            table = _inside(table, step)
        if not isinstance(table, MutableMapping):
            raise _nowhere(path[-1])
        if value is not None:
            table[path[-1]] = _inline(value) if isinstance(value, dict) else value
        elif path[-1] in table:
            del table[path[-1]]
        changed = tomlkit.dumps(document)
        tomllib.loads(changed)
    except (TOMLKitError, tomllib.TOMLDecodeError, ValueError, TypeError) as fault:
        raise InputError(f"the text cannot take this value: {fault}", remedy="change it in the text") from fault
    return changed


def _inside(table: Any, step: str | int) -> Any:
    """The table or item below. A table that is missing is made."""
    if isinstance(step, int):
        if not isinstance(table, list) or not 0 <= step < len(table):
            raise _nowhere(step)
        return table[step]
    if not isinstance(table, MutableMapping):
        raise _nowhere(step)
    if step not in table:
        table[step] = tomlkit.table()
    return table[step]


def _inline(value: dict[str, Any]) -> Any:
    table = tomlkit.inline_table()
    table.update(value)
    return table


def _nowhere(step: str | int) -> InputError:
    return InputError(f"there is no '{step}' in the text", remedy="the text has changed: look at the fields as they are now")
