"""How often one address may ask. May live here: that count. May not: HTTP, who somebody is."""

from __future__ import annotations

import time
from collections import deque

ADDRESSES_MAX = 1000  # then those that were quiet for a window are forgotten
WINDOW_S = 10.0


class Rate:
    """At most `most` requests of one address in `window_s`. Used from one thread."""

    def __init__(self, most: int, window_s: float = WINDOW_S) -> None:
        self._most = most
        self._window_s = window_s
        self._asked: dict[str, deque[float]] = {}

    def allows(self, address: str) -> bool:
        """Count a request; False where it is one too many (it is then not counted)."""
        now = time.monotonic()
        if len(self._asked) > ADDRESSES_MAX:
            self._asked = {one: times for one, times in self._asked.items() if times and now - times[-1] < self._window_s}
        recent = self._asked.setdefault(address, deque())
        while recent and now - recent[0] > self._window_s:
            recent.popleft()
        if len(recent) >= self._most:
            return False
        recent.append(now)
        return True

    def forgive(self, address: str) -> None:
        """Do not count the newest request of an address."""
        if recent := self._asked.get(address):
            recent.pop()
