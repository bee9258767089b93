"""Payloads in columns: fields of many armoured payloads at once, in NumPy. For the messages that are rare.

May live here: un-armouring and bit fields of arrays of payloads (ITU-R M.1371-5, Annex 8).
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
