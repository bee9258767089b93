"""Payloads in columns: fields of many armoured payloads at once, in NumPy. For the messages that are rare or carry text.

May live here: un-armouring, bit fields, six-bit text of arrays of payloads (ITU-R M.1371-5, Annex 8, table 47).
May not: message layouts, sentences, counters. The kernel keeps positions for itself; this is its slow lane.
"""

from __future__ import annotations

import numpy as np

WIDTH = 252  # sextets of the longest payload: the longest legal message has 178, assembly allows 240


def sextets(raw: np.ndarray, start: np.ndarray, length: np.ndarray, width: int = WIDTH) -> np.ndarray:
    """int32[width, n]: the six-bit values of payloads raw[start:start + length], zero behind their end and at illegal bytes."""
    if raw.size == 0:
        return np.zeros((width, len(start)), np.int32)
    rows = np.arange(width)[:, None]
    chars = raw[np.minimum(start + rows, raw.size - 1)]
    return np.where(rows < length, VALUES[chars], np.int32(0))


def _values() -> np.ndarray:
    """int32[256]: value of each armour character."""
    table = np.zeros(256, np.int32)
    table[48:88], table[96:120] = np.arange(40), np.arange(40, 64)
    return table


VALUES = _values()


def bits(six: np.ndarray, start: int, width: int) -> np.ndarray:
    """int64[n]: an unsigned field of up to 30 bits."""
    first, last = start // 6, (start + width - 1) // 6
    value = six[first].astype(np.int64)
    for row in range(first + 1, last + 1):
        value = value << 6 | six[row]
    return (value >> (6 * (last + 1) - start - width)) & ((1 << width) - 1)


def text(six: np.ndarray, start: int, n: int) -> np.ndarray:
    """uint8[n_rows, n]: ASCII of n six-bit characters from a bit on, not stripped."""
    first, shift = divmod(start, 6)
    pairs = six[first : first + n] << 6 | six[first + 1 : first + n + 1]
    values = (pairs >> (6 - shift)) & 63
    return np.ascontiguousarray((values + 64 * (values < 32)).astype(np.uint8).T)


def strip(chars: np.ndarray) -> np.ndarray:
    """Strip '@' and blanks at both ends of each row, cut at the first '@' left; what is gone is NUL."""
    chars = chars.copy()
    filler = (chars == 64) | (chars == 32)
    for row in np.flatnonzero(filler[:, 0]):  # rare: a text that begins with filler moves to the left
        lead = int(np.argmin(filler[row])) if not filler[row].all() else chars.shape[1]
        chars[row] = np.concatenate([chars[row, lead:], np.full(lead, 64, np.uint8)])
    chars[np.logical_or.accumulate((chars == 64) | (chars == 0), axis=1)] = 0
    blank_to_end = np.logical_and.accumulate(((chars == 32) | (chars == 0))[:, ::-1], axis=1)[:, ::-1]
    chars[blank_to_end] = 0
    return chars


def as_bytes(chars: np.ndarray) -> np.ndarray:
    """Rows of characters as one column of byte strings."""
    return np.ascontiguousarray(chars).view(f"S{chars.shape[1]}")[:, 0]
