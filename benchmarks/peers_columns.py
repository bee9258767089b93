"""What peers share: fields of a message -> rows of the main columns. May live here: names of columns, arrays of them. May not: decoders.

Needs NumPy only. A value that a peer does not give is NaN, as is one that it gives as a word ("nan", "fastleft").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import ModuleType
from typing import Any

import numpy as np

COLUMNS = ("type", "mmsi", "lat", "lon", "sog", "cog", "heading", "nav", "turn")
TYPE, MMSI, LAT, LON = range(4)
FIX_TYPES = frozenset((1, 2, 3, 4, 9, 11, 18, 19, 21, 27))
PIECE = 1000  # messages whose output is handed over together


def pieces(messages: Iterable[Any]) -> Iterator[list[Any]]:
    """`messages`, PIECE at a time."""
    several = iter(messages)
    while piece := list(islice(several, PIECE)):
        yield piece


def row_maker(names: dict[str, str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """A function that takes the main columns out of a dictionary whose keys `names` gives; keys that are absent are None."""
    keys = [names[column] for column in COLUMNS]
    return lambda fields: tuple([fields.get(key) for key in keys])


def to_array(rows: list[tuple[Any, ...]]) -> np.ndarray:
    """float64[n, 9]: rows of the main columns, None and words as NaN."""
    try:
        return np.array(rows, np.float64).reshape(-1, len(COLUMNS))
    except ValueError:
        return np.array([[np.nan if isinstance(value, str) else value for value in row] for row in rows], np.float64).reshape(-1, len(COLUMNS))


def columns_of(names: dict[str, str], messages: Iterable[dict[str, Any]], look: Callable[[np.ndarray], None]) -> int:
    """Fill arrays of the main columns from dictionaries, a row for each position report; how many messages there were."""
    row, kind, count = row_maker(names), names["type"], 0
    for piece in pieces(messages):
        count += len(piece)
        look(to_array([row(fields) for fields in piece if fields.get(kind) in FIX_TYPES]))
    return count


def positions(array: np.ndarray) -> int:
    """Rows with a possible position; a sentinel (91, 181) is none."""
    return int(((np.abs(array[:, LAT]) <= 90) & (np.abs(array[:, LON]) <= 180)).sum())


def save_messages(module: ModuleType, lines: list[bytes], out: str) -> int:
    """Every message of `lines` as a row (line index, main columns) of float64 in the file `out`; how many."""
    row = row_maker(module.NAMES)
    found = [(index, *row(fields)) for index, fields in module.messages(lines)]
    whole = np.empty((len(found), 1 + len(COLUMNS)))
    whole[:, 0] = [each[0] for each in found]
    whole[:, 1:] = to_array([each[1:] for each in found])
    np.save(out, whole)
    return len(found)
