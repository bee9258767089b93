"""Which events were told in the last minutes, by their ids. May hold: ids and when each was told. May not: say what an event is.

Theory. In a sea of a million vessels some five thousand crossings of zones are told a minute, and each is remembered for twenty minutes or more: as text
in a dictionary an id takes 130 bytes, as two numbers and a time 24. The ids of a minute are kept as they come; when it is over they are put among those
of the minutes before, which are sorted.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, from_dtype, uint64

from dogwatch.kernel import kernel
from tracks.records import PLAIN

TOLD = np.dtype([("high", "<u8"), ("low", "<u8"), ("t_ms", "<i8")])
_TOLD = from_dtype(TOLD)


class Said:
    """Ids (32 hexadecimal digits) and when each was told."""

    def __init__(self) -> None:
        self.fresh: dict[str, int] = {}  # of the running minute
        self.told = np.empty(0, TOLD)  # of the minutes before, sorted

    def __contains__(self, identity: str) -> bool:
        return identity in self.fresh or bool(_stands(self.told, *_numbers(identity)))

    def add(self, identity: str, t_ms: int) -> None:
        """This event is told."""
        self.fresh[identity] = t_ms

    def settle(self) -> None:
        """A minute is over."""
        if self.fresh:
            new = np.array([(*_numbers(identity), t_ms) for identity, t_ms in self.fresh.items()], TOLD)
            told = np.concatenate([self.told, new])
            self.told, self.fresh = told[np.lexsort((told["low"], told["high"]))], {}

    def forget(self, before_ms: int) -> None:
        """What was told before a time is forgotten."""
        self.settle()
        self.told = self.told[self.told["t_ms"] >= before_ms]

    def to_section(self) -> dict[str, int]:
        """State for `dogwatch.blob`: times by id, in order of the ids."""
        self.settle()
        return {f"{high:016x}{low:016x}": t_ms for high, low, t_ms in self.told.tolist()}

    @classmethod
    def from_section(cls, section: dict[str, int]) -> Said:
        """What `to_section` described."""
        said = cls()
        said.fresh = dict(section)
        said.settle()
        return said


def _numbers(identity: str) -> tuple[np.uint64, np.uint64]:
    return np.uint64(int(identity[:16], 16)), np.uint64(int(identity[16:], 16))


@kernel(boolean(_TOLD[::1], uint64, uint64), **PLAIN)
def _stands(told, high, low):
    """Whether an id stands among sorted ones."""
    first, last = 0, told.shape[0]
    while first < last:
        middle = (first + last) // 2
        one = told[middle]
        if one["high"] < high or (one["high"] == high and one["low"] < low):
            first = middle + 1
        else:
            last = middle
    return first < told.shape[0] and told[first]["high"] == high and told[first]["low"] == low
