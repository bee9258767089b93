"""How often one address may ask. May live here: that count. May not: HTTP, who somebody is."""

from __future__ import annotations

import time
from collections import deque

ADDRESSES_MAX = 1000  # then those that were quiet for a window are forgotten
WINDOW_S = 10.0


class Rate:
    """At most `most` requests of one address in WINDOW_S. Used from one thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._asked: dict[str, deque[float]] = {}

    def allows(self, address: str) -> bool:
        """Count a request; False where it is one too many (it is then not counted)."""
        now = time.monotonic()
        if len(self._asked) > ADDRESSES_MAX:
            self._asked = {one: times for one, times in self._asked.items() if times and now - times[-1] < WINDOW_S}
        recent = self._asked.setdefault(address, deque())
        while recent and now - recent[0] > WINDOW_S:
            recent.popleft()
        if len(recent) >= self._most:
            return False
        recent.append(now)
        return True
