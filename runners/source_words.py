"""Source words: one line for the terminal when a source connects, falls silent, makes no sense, comes back. May not: print, count, judge.

A link that flaps says at most one line in QUIET_S; then what it is by then.
"""

from __future__ import annotations

from collections.abc import Sequence

from dogwatch.times import clock_text
from ingest.source import Reader

QUIET_S = 10.0
SAID = {
    "waiting": "not there, tried again and again",
    "connected": "heard",
    "garbled": "makes no sense",
    "silent": "silent",
    "ended": "over",
}
WITH_REASON = ("waiting", "garbled", "silent")


class SourceWords:
    """What was said of each source, and when."""

    def __init__(self) -> None:
        self.told: dict[str, tuple[str, float]] = {}

    def news(self, readers: Sequence[Reader], now_s: float) -> list[str]:
        """Lines about sources whose state is another one than was told last. `now_s`: monotonic seconds."""
        lines = []
        for reader in readers:
            counters, (state, told_s) = reader.counters, self.told.get(reader.source, ("new", -QUIET_S))
            if counters.state == state or counters.state not in SAID or now_s - told_s < QUIET_S:
                continue
            self.told[reader.source] = (counters.state, now_s)
            reason = f" ({counters.error})" if counters.state in WITH_REASON and counters.error else ""
            lines.append(f"{clock_text(reader.clock.wall_ms())} source {reader.source}: {SAID[counters.state]}{reason}")
        return lines
