"""The index: which entries could be a vessel's. May hold: look-up of numbers, call signs and names. May not: decide (hit.py).

Theory. Numbers are found by binary search for all vessels at once. A name is found if its plain form is equal, if it was cut to the
twenty letters of AIS and a listed one begins with it, or if the two are one letter apart. For the last, both are looked up under
every form with one letter left out (the deletion neighbourhood: two words within one edit or exchange have such a form in common),
so that no name is ever compared with all: the work grows with the vessels, not with vessels times entries. Digits are never left
out, because names with different numbers are different names. Nine names in ten share no form with any listed one; a bit for the hash of
every listed form tells that for all at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from watchlists.entry import Entry
from watchlists.names import NEAR_LETTERS_MIN, is_cut, plain_of, shortened

HASH_BITS = 26  # 8 MB; 20,000 entries have about 500,000 forms
LETTERS_MAX = 40  # of a name, for the hash: what comes after is not looked at
_BASE, _MIX = 0x9E3779B97F4A7C15, np.uint64(0xC2B2AE3D27D4EB4F)
_POWERS = np.array([pow(_BASE, k, 1 << 64) for k in range(LETTERS_MAX)], np.uint64)
_INVERSE = np.uint64(pow(_BASE, -1, 1 << 64))


@dataclass(frozen=True, slots=True)
class Columns:
    """What vessels tell of themselves, one row each: int64 mmsi, imo, loa_m; bytes callsign (S7) and name (S20)."""

    mmsi: np.ndarray
    imo: np.ndarray
    callsign: np.ndarray
    name: np.ndarray
    loa_m: np.ndarray

    def __len__(self) -> int:
        return len(self.mmsi)


@dataclass(slots=True)
class Index:
    """Ways from a particular to the numbers of the entries that have it."""

    imos: np.ndarray
    imo_owners: np.ndarray
    mmsis: np.ndarray
    mmsi_owners: np.ndarray
    signs: dict[bytes, list[int]] = field(default_factory=dict)
    plains: dict[str, list[int]] = field(default_factory=dict)
    apart: dict[str, list[int]] = field(default_factory=dict)  # forms with a letter left out
    sorted_plains: list[str] = field(default_factory=list)
    bits: np.ndarray = field(default_factory=lambda: np.zeros(1 << (HASH_BITS - 3), np.uint8), repr=False)  # of the hashes of all forms

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Index:
        """Index of entries; their numbers are their places in the sequence."""
        index = cls(
            *_numbers((number, k) for k, entry in enumerate(entries) for number in entry.imos),
            *_numbers((number, k) for k, entry in enumerate(entries) for number in entry.mmsis),
        )
        for k, entry in enumerate(entries):
            for sign in entry.callsigns:
                index.signs.setdefault(sign.encode(), []).append(k)
            for plain in dict.fromkeys(plain_of(name) for name in (*entry.names, *entry.former)):
                if plain:
                    index.plains.setdefault(plain, []).append(k)
        for plain, owners in index.plains.items():
            if len(plain) >= NEAR_LETTERS_MIN:
                for form in (plain, *shortened(plain)):
                    index.apart.setdefault(form, []).extend(owners)
        index.sorted_plains = sorted(index.plains)
        hashes, valid = form_hashes([plain for plain in index.sorted_plains if len(plain) >= NEAR_LETTERS_MIN])
        np.bitwise_or.at(index.bits, hashes[valid] >> 3, np.left_shift(1, hashes[valid] & 7).astype(np.uint8))
        return index

    def candidates(self, vessels: Columns) -> list[tuple[int, int]]:
        """(row, entry) of all pairs that are worth judging, sorted, each once."""
        pairs = _found(vessels.imo, self.imos, self.imo_owners) + _found(vessels.mmsi, self.mmsis, self.mmsi_owners)
        signs = self.signs
        for row, raw in enumerate(vessels.callsign.tolist()):
            if raw and (owners := signs.get(raw.replace(b" ", b""))):
                pairs += [(row, owner) for owner in owners]
        rows_of: dict[bytes, list[int]] = {}
        for row, raw in enumerate(vessels.name.tolist()):
            rows_of.setdefault(raw, []).append(row)
        told = [raw.decode("ascii", "replace").strip(" @\0") for raw in rows_of]
        for name, rows, worth in zip(told, rows_of.values(), self._worth(told).tolist()):
            if worth:
                pairs += [(row, owner) for owner in self.of_name(name) for row in rows]
        return sorted(set(pairs))

    def _worth(self, told: list[str]) -> np.ndarray:
        """bool[n]: names that may have an entry; the others have none."""
        plains = [plain_of(name) for name in told]
        hashes, valid = form_hashes(plains)
        shared = (((self.bits[hashes >> 3] >> (hashes & 7)) & 1).astype(np.bool_) & valid).any(axis=1)
        whole = np.array([plain in self.plains or is_cut(name, plain) for name, plain in zip(told, plains)], np.bool_)
        return shared | whole

    def of_name(self, told: str) -> Iterable[int]:
        """Entries that a broadcast name could be of."""
        told = told.strip(" @\0")
        plain = plain_of(told)
        if not plain:
            return ()
        found = list(self.plains.get(plain, ()))
        apart = self.apart
        if len(plain) >= NEAR_LETTERS_MIN - 1:
            for form in (plain, *shortened(plain)):
                if form in apart:
                    found += apart[form]
        if is_cut(told, plain):
            at = bisect_left(self.sorted_plains, plain)
            while at < len(self.sorted_plains) and self.sorted_plains[at].startswith(plain):
                found += self.plains[self.sorted_plains[at]]
                at += 1
        return dict.fromkeys(found)


def form_hashes(plains: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(int64[n, m] hashes below 2**HASH_BITS, bool[n, m] which of them count): of each plain name whole, and with each letter left out.

    A polynomial of the letters modulo 2**64: to leave one out is to divide what follows by its base, which has an inverse there.
    """
    n = len(plains)
    letters = np.array([plain.encode()[:LETTERS_MAX] for plain in plains], f"S{LETTERS_MAX}").view(np.uint8).reshape(n, LETTERS_MAX)
    letters = letters[:, : max(1, int((letters != 0).sum(axis=1).max(initial=0)))]
    upto = np.cumsum(letters * _POWERS[: letters.shape[1]], axis=1, dtype=np.uint64)
    total = upto[:, -1:]
    before = upto - letters * _POWERS[: letters.shape[1]]
    forms = np.concatenate([total, before + (total - upto) * _INVERSE], axis=1)
    is_letter = (letters != 0) & ((letters < ord("0")) | (letters > ord("9")))
    hashes = ((forms * _MIX) >> np.uint64(64 - HASH_BITS)).astype(np.int64)
    return hashes, np.concatenate([letters[:, :1] != 0, is_letter], axis=1)


def _numbers(pairs: Iterable[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """(numbers in rising order, the entry of each), int64."""
    rows = np.array(sorted(set(pairs)), np.int64).reshape(-1, 2)
    return np.ascontiguousarray(rows[:, 0]), np.ascontiguousarray(rows[:, 1])


def _found(told: np.ndarray, numbers: np.ndarray, owners: np.ndarray) -> list[tuple[int, int]]:
    """(row, entry) of equal numbers; 0 is no number."""
    left, right = np.searchsorted(numbers, told, "left"), np.searchsorted(numbers, told, "right")
    rows = np.flatnonzero((right > left) & (told > 0))
    return [(row, int(owners[at])) for row in rows.tolist() for at in range(int(left[row]), int(right[row]))]
