"""Records that few tracks need at a time, kept apart from the rows of all. May hold: how a record is taken and given back. May not: what it means.

Theory. A slow run, a stop at sea, a crew's word: most tracks have none, and a row of each would be paid for by all. Such a record lies in a pool
and the track's own row holds its number (`at`). Number 0 is nobody's: its record is never written to and all zero, so that who has none reads
"nothing known". A record is all zero when it is taken. A pool has room for as many records as its table has rows, of which memory is touched only
as far as there ever were records at once: numbers given back are taken again first. They depend on who came first, as slots do, so nothing
that leaves the table may depend on them, and a snapshot numbers the records anew, in the order of its tracks.
"""

from __future__ import annotations

import numpy as np
from numba import uint32

from dogwatch.kernel import kernel
from tracks.records import PLAIN

TAKEN_EVER, GIVEN_BACK, SPARE = 0, 1, 2  # in `numbers`: numbers ever taken, how many of them were given back, and from here on which


class Pool:
    """Records of one dtype, and which of their numbers are free. One owner: the vessel table."""

    __slots__ = ("numbers", "records")

    def __init__(self, dtype: np.dtype, capacity: int) -> None:
        self.records = np.zeros(1 + capacity, dtype)
        self.numbers = np.zeros(SPARE + capacity, np.uint32)

    @property
    def held(self) -> int:
        """How many records are taken."""
        return int(self.numbers[TAKEN_EVER]) - int(self.numbers[GIVEN_BACK])

    def of(self, rows: np.ndarray, slot: int) -> np.void:
        """The record of a track whose row holds its number; a new one, if it has none."""
        if not rows["at"][slot]:
            rows["at"][slot] = take(self.numbers)
        record: np.void = self.records[rows["at"][slot]]
        return record

    def give(self, rows: np.ndarray, slots: np.ndarray) -> None:
        """A record, all zero, for each of these tracks (each once), of which none has one."""
        again = min(len(slots), int(self.numbers[GIVEN_BACK]))
        self.numbers[GIVEN_BACK] -= again
        spare = SPARE + int(self.numbers[GIVEN_BACK])
        ever = int(self.numbers[TAKEN_EVER])
        self.numbers[TAKEN_EVER] += len(slots) - again
        rows["at"][slots] = np.concatenate([self.numbers[spare : spare + again], np.arange(ever + 1, ever + 1 + len(slots) - again)])

    def give_back(self, rows: np.ndarray, slots: np.ndarray) -> None:
        """The records of these tracks (each once) are needed no more."""
        numbers = rows["at"][slots]
        numbers = numbers[numbers != 0]
        self.records[numbers] = np.zeros(1, self.records.dtype)
        end = SPARE + int(self.numbers[GIVEN_BACK])
        self.numbers[end : end + len(numbers)] = numbers
        self.numbers[GIVEN_BACK] += len(numbers)
        rows["at"][slots] = 0

    def resized(self, capacity: int) -> Pool:
        """The same records with room for so many, at least as many as were ever held at once."""
        pool, ever = Pool(self.records.dtype, capacity), int(self.numbers[TAKEN_EVER])
        pool.records[: 1 + ever].view(np.uint8)[...] = self.records[: 1 + ever].view(np.uint8)  # as bytes: NumPy copies records field by field
        end = SPARE + int(self.numbers[GIVEN_BACK])
        pool.numbers[:end] = self.numbers[:end]
        return pool

    def packed(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(records, numbers) of tracks with the numbers `at`, in their order: numbered from 1 on without a gap."""
        has = at != 0
        return self.records[at[has]], np.where(has, np.cumsum(has), 0).astype(at.dtype)

    @classmethod
    def from_packed(cls, records: np.ndarray, capacity: int) -> Pool:
        """The pool of which `packed` gave the records."""
        pool = cls(records.dtype, capacity)
        pool.records[1 : 1 + len(records)] = records
        pool.numbers[TAKEN_EVER] = len(records)
        return pool


@kernel(uint32(uint32[::1]), **PLAIN)
def take(numbers):
    """A number whose record nobody has. There is one: tracks have one record each, and a pool has room for all tracks."""
    if numbers[GIVEN_BACK] > 0:
        numbers[GIVEN_BACK] -= np.uint32(1)
        return numbers[SPARE + numbers[GIVEN_BACK]]
    numbers[TAKEN_EVER] += np.uint32(1)
    return numbers[TAKEN_EVER]


@kernel((uint32[::1], uint32), **PLAIN)
def leave(numbers, number):
    """A number is needed no more; its record is all zero again."""
    numbers[SPARE + numbers[GIVEN_BACK]] = number
    numbers[GIVEN_BACK] += np.uint32(1)
