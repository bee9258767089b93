"""A pulse: what the heartbeats of one source add up to. May hold: the heartbeat row, idleness, noise. May not: clocks, detectors, sources.

Theory. A fleet that goes dark and a receiver that dies look the same in the rows: nothing comes. They differ in the
heartbeats, which come every ten seconds of arrival time, alive or not, in the order of the bytes. Three judgements follow
from them and from the accounting of the lane alone, so that a capture gives the same ones once more:

- idle: no fix for `silent_s`, whatever else comes (status sentences, a GPS of its own). An idle source no longer holds the
  common watermark; the next fix takes it back. It is no fault: there may be no ship.
- garbled: a minute of noise without one valid message. The source is deaf, as if it were silent.
- the row itself: bytes, lines, valid messages, rejects by reason since the last one, and the reader's state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from dogwatch.batch import T_MISSING, Counts, Heartbeat
from ingest.source import Health

GARBLED_MS = 60_000
NOISE_LINES_MIN = 10  # less is a spark on the line
NOISE_KINDS = ("binary", "text")  # lines that are no sentence at all


@dataclass(slots=True)
class Pulse:
    """What was known of a source at its last heartbeat. `told`: cumulative counters then, in the words of the row."""

    told: dict[str, int] = field(default_factory=dict)
    fix_ms: int = T_MISSING  # the beat by which the newest fix had come, or the first
    valid_ms: int = T_MISSING  # likewise for valid messages
    noise_lines: int = 0  # bad lines since then
    garbled: bool = False

    def beat(self, source: str, t_ms: int, health: bytes, counts: Counts, bytes_read: int, fixes: int) -> Heartbeat:
        """The row of a heartbeat at `t_ms` (UTC of arrival); counts, bytes_read and fixes are cumulative."""
        now = {"bytes": bytes_read, "fixes": fixes, "lines": counts.lines, "valid": sum(counts.decoded.values())}
        now |= {f"rejected.{reason}": n for reason, n in counts.rejected.items()}
        now["noise"] = sum(counts.rejected.values()) + sum(counts.other.get(kind, 0) for kind in NOISE_KINDS)
        grown = {name: n - self.told.get(name, 0) for name, n in now.items() if n != self.told.get(name, 0)}
        self.told = now
        if grown.get("fixes") or self.fix_ms == T_MISSING:
            self.fix_ms = t_ms
        if grown.get("valid") or self.valid_ms == T_MISSING:
            self.valid_ms, self.noise_lines, self.garbled = t_ms, 0, False
        else:
            self.noise_lines += grown.get("noise", 0)
            self.garbled |= t_ms - self.valid_ms >= GARBLED_MS and self.noise_lines >= NOISE_LINES_MIN
        return Heartbeat(t_ms, source, msgspec.json.decode(health, type=Health).state, grown)

    def idle_ms(self, t_ms: int) -> int:
        """How long no fix has come."""
        return t_ms - self.fix_ms

    def to_sections(self) -> list[Any]:
        """State for `dogwatch.blob`."""
        return [sorted(self.told.items()), self.fix_ms, self.valid_ms, self.noise_lines, self.garbled]

    @classmethod
    def from_sections(cls, sections: list[Any]) -> Pulse:
        """The pulse that `to_sections` described."""
        return cls(dict(sections[0]), *sections[1:])
