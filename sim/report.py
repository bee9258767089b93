"""What the judge says: shares with their intervals, rows of its tables, items with their commands. May hold: these words and their arithmetic.

May not: matching of events and truth (judge), files. Everything here is plain data: `--json` writes it as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median

import msgspec

Z_95 = 1.959964
ANYTHING = "-"


class Share(msgspec.Struct):
    """`hits` of `total`, with the Wilson interval at 95 %; value None where there is nothing to count."""

    hits: int
    total: int
    value: float | None
    low: float
    high: float

    def text(self) -> str:
        """'0.95 (0.76-0.99)' or '-'."""
        return ANYTHING if self.value is None else f"{self.value:.2f} ({self.low:.2f}-{self.high:.2f})"


class Spread(msgspec.Struct):
    """Median and 90th percentile (nearest rank) of `n` numbers, in seconds; None of none."""

    n: int
    median_s: float | None
    p90_s: float | None

    def text(self) -> str:
        """'1800/2400' or '-'."""
        return ANYTHING if self.median_s is None or self.p90_s is None else f"{self.median_s:.0f}/{self.p90_s:.0f}"


class Tally(msgspec.Struct):
    """One behaviour. `truth`: facts that are visible and scored; `unasked`: the other facts; `found`: of `truth`; `repeats`: see the judge."""

    behaviour: str
    truth: int
    unasked: int
    found: int
    events: int
    false_alarms: int
    repeats: int
    precision: Share
    recall: Share
    delay: Spread
    start_error: Spread
    end_error: Spread

    def cells(self) -> tuple[str, ...]:
        """A row of the table for people, as TALLY_HEAD names it."""
        counts = (self.behaviour, str(self.truth), str(self.unasked), str(self.found), str(self.false_alarms), self.precision.text(), self.recall.text())
        return (*counts, self.delay.text(), self.start_error.text(), self.end_error.text())


class SceneTally(Tally):
    """The same for one kind of scene; its false alarms are those about vessels of such a scene, during it."""

    scene: str = ""

    def cells(self) -> tuple[str, ...]:
        """As of a behaviour, behind the scene's kind."""
        return (self.scene, *super().cells())


class HardNegative(msgspec.Struct):
    """One kind of innocent look-alike: how many scenes' facts there were, how many alarmed, and what alarmed (behaviour -> events)."""

    scene: str
    alarmed: Share
    by: dict[str, int]

    def cells(self) -> tuple[str, ...]:
        """A row of the table for people, as NEGATIVE_HEAD names it."""
        by = ", ".join(f"{name} {n}" for name, n in sorted(self.by.items())) or ANYTHING
        return (self.scene, str(self.alarmed.total), str(self.alarmed.hits), self.alarmed.text(), by)


class Miss(msgspec.Struct):
    """A visible, scored fact that no event found; `nearest`: the best overlap of any event about the same vessels. `again`: the commands that show it."""

    run: str
    behaviour: str
    scene: str
    mmsi: list[int]
    t_start: str | None
    t_end: str | None
    cause: str
    nearest: float
    again: str

    def text(self) -> str:
        """One line for people."""
        return f"missed {self.behaviour} of {_names(self.mmsi)}, {self.t_start} to {self.t_end}: {self.cause}; nearest event overlaps {self.nearest:.2f}"


class FalseAlarm(msgspec.Struct):
    """An event that found nothing true; `fooled_by`: the innocent or true things it overlaps, if any. `again`: the commands that show it."""

    run: str
    behaviour: str
    event_id: str
    mmsi: list[int]
    t_start: str | None
    t_end: str | None
    fooled_by: str
    scenes: list[str]
    again: str

    def text(self) -> str:
        """One line for people."""
        by = f": fooled by {self.fooled_by}" if self.fooled_by else ""
        return f"false {self.behaviour} of {_names(self.mmsi)}, {self.t_start} to {self.t_end}{by} ({self.event_id[:8]})"


class Report(msgspec.Struct):
    """What the judge found over all runs: by behaviour, by kind of scene, by kind of look-alike, and item by item."""

    runs: int
    behaviours: list[Tally]
    scenes: list[SceneTally]
    hard_negatives: list[HardNegative]
    misses: list[Miss]
    false_alarms: list[FalseAlarm]


TALLY_HEAD = ("behaviour", "truth", "unasked", "found", "false", "precision (95 %)", "recall (95 %)", "delay s", "start err s", "end err s")
SCENE_HEAD = ("scene", *TALLY_HEAD)
NEGATIVE_HEAD = ("look-alike", "facts", "alarmed", "share (95 %)", "by")


def table_lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Columns as wide as their widest cell, two blanks apart."""
    table = [head, *rows]
    width = [max(len(row[i]) for row in table) for i in range(len(head))]
    return ["  ".join(cell.ljust(width[i]) for i, cell in enumerate(row)).rstrip() for row in table]


def wilson(hits: int, total: int) -> Share:
    """A share with its 95 % interval (Wilson 1927); no trials: value None, interval 0 to 1."""
    if total == 0:
        return Share(0, 0, None, 0.0, 1.0)
    share, z2 = hits / total, Z_95 * Z_95
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z_95 * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    return Share(hits, total, round(share, 4), round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4))


def spread(values_ms: Iterable[int]) -> Spread:
    """Median and 90th percentile of milliseconds, as seconds."""
    values = sorted(values_ms)
    if not values:
        return Spread(0, None, None)
    return Spread(len(values), round(median(values) / 1000, 1), round(values[math.ceil(0.9 * len(values)) - 1] / 1000, 1))


def _names(mmsi: list[int]) -> str:
    return ", ".join(str(one) for one in mmsi)
