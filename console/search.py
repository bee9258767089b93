"""Finding a vessel by what it says of itself. May live here: matching over columns, and which match is closer. May not: keeping vessels, HTTP.

Theory. Numbers are compared as numbers (a query is the beginning of one), texts as bytes: beginnings over the whole column at once, what
stands inside a text by one search through the column's memory. Nothing is indexed, so that nothing can be out of date: among 100,000
vessels that takes some milliseconds.
"""

from __future__ import annotations

import numpy as np

FOUND_MAX = 20
INSIDE_MAX = 2_000  # texts that hold the query somewhere; more than a person reads
QUERY_MIN = 2
WHOLE, BEGINS, INSIDE = range(3)


def search(query: str, on_map: np.ndarray, statics: np.ndarray) -> list[int]:
    """MMSI numbers of at most FOUND_MAX vessels, the closest first: a whole match, then a beginning, then a part; those on the map first in each.

    on_map: uint32[n]; statics: rows with `mmsi, imo, callsign, name`. A query of less than QUERY_MIN characters finds nothing.
    """
    text = " ".join(query.split()).upper().encode("latin-1", "replace")
    if len(text) < QUERY_MIN or b"\0" in text:
        return []
    found = [np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.uint32)]
    if text.isdigit():
        for owners, numbers in ((on_map, on_map), (statics["mmsi"], statics["mmsi"]), (statics["mmsi"], statics["imo"])):
            found[WHOLE] = np.append(found[WHOLE], owners[numbers == int(text[:9])] if len(text) <= 9 else [])
            found[BEGINS] = np.append(found[BEGINS], owners[_number_begins(numbers, text)])
    for field in ("callsign", "name"):
        begins = _text_begins(statics[field], text)
        found[BEGINS] = np.append(found[BEGINS], statics["mmsi"][begins])
        found[WHOLE] = np.append(found[WHOLE], statics["mmsi"][begins & _ends_at(statics[field], len(text))])
        found[INSIDE] = np.append(found[INSIDE], statics["mmsi"][_inside(statics[field], text)])
    best: dict[int, None] = {}
    for matches in found:
        owners = np.unique(matches.astype(np.uint32))
        here = np.isin(owners, on_map)
        best.update(dict.fromkeys([*owners[here].tolist(), *owners[~here].tolist()]))
        if len(best) >= FOUND_MAX:
            break
    return list(best)[:FOUND_MAX]


def _number_begins(numbers: np.ndarray, digits: bytes) -> np.ndarray:
    """bool[n]: do these numbers of at most nine digits begin so?"""
    found = np.zeros(len(numbers), bool)
    if digits[:1] != b"0":
        for more in range(10 - len(digits)):
            found |= numbers // np.uint32(10**more) == int(digits)
    return found


def _bytes(column: np.ndarray) -> np.ndarray:
    """uint8[n, width] in capitals."""
    letters = np.ascontiguousarray(column).view(np.uint8).reshape(len(column), column.dtype.itemsize)
    small = (letters >= ord("a")) & (letters <= ord("z"))
    return letters - small * np.uint8(32)


def _text_begins(column: np.ndarray, text: bytes) -> np.ndarray:
    if len(text) > column.dtype.itemsize:
        return np.zeros(len(column), bool)
    return (_bytes(column)[:, : len(text)] == np.frombuffer(text, np.uint8)).all(axis=1)


def _ends_at(column: np.ndarray, length: int) -> np.ndarray:
    """bool[n]: is the text no longer than this, but for blanks and what follows an '@'?"""
    letters = _bytes(column)
    return (
        np.ones(len(column), bool) if length >= letters.shape[1] else np.isin(letters[:, length], (0, ord("@"))) | (letters[:, length:] == ord(" ")).all(axis=1)
    )


def _inside(column: np.ndarray, text: bytes) -> list[int]:
    """Rows whose text holds these bytes anywhere, at most INSIDE_MAX."""
    width, data = column.dtype.itemsize, _bytes(column).tobytes()
    rows: list[int] = []
    at = data.find(text)
    while at >= 0 and len(rows) < INSIDE_MAX:
        row, offset = divmod(at, width)
        whole = offset + len(text) <= width  # else it runs over into the next text
        if whole:
            rows.append(row)
        at = data.find(text, (row + 1) * width if whole else at + 1)
    return rows
