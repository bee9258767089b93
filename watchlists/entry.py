"""An entry: one listed vessel. May hold: that record. May not: owners, masters, any person: there is no field for them.

Numbers are sets because a list may know several: a ship keeps its IMO number through sale and renaming, its MMSI changes with the flag,
and lists keep old ones. Times are UTC milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

FOR_EVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Entry:
    """One listed vessel. `id`: as its list names the entry; `line`: where it stands in the file; `former`: names that it had before."""

    id: str
    line: int
    names: tuple[str, ...] = ()
    former: tuple[str, ...] = ()
    imos: tuple[int, ...] = ()
    mmsis: tuple[int, ...] = ()
    callsigns: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    former_flags: tuple[str, ...] = ()
    length_m: int = 0
    from_ms: int = -FOR_EVER_MS
    until_ms: int = FOR_EVER_MS

    @property
    def title(self) -> str:
        """What people call it."""
        return self.names[0] if self.names else self.former[0] if self.former else ""

    def holds_at(self, t_ms: int) -> bool:
        """Whether the vessel is listed at that moment: from `from_ms`, before `until_ms`."""
        return self.from_ms <= t_ms < self.until_ms
