"""A lane: one source's bytes -> stamped columns. May hold: the decoder, the clock and the receivers of one source.

May not: read the source, know other lanes, detect anything. Lateness is judged here, row by row, against this source
alone; what the whole watch does with several lanes is `runners.engine`.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from dogwatch.batch import EXERCISE_PREFIX, Batch, Counts, SafetyReport
from dogwatch.watermark import JUMP_MS, SourceClock
from ingest.decode import DecodeState
from ingest.senders import Senders
from ingest.tabular import TableState, decode_table
from runners.delays import Delays

TABLE_JUMP_MS = 1 << 42  # longer than any archive
PASSES_MS = 43_200_000  # a satellite may come by twice a day: no stamp gone wild
SILENT_MS = 60_000


class Lane:
    """Decoder state and event-time clock of one source."""

    def __init__(
        self,
        source: str,
        *,
        lateness_ms: int,
        silent_ms: int = SILENT_MS,
        checksum: Literal["drop", "flag", "absent"] = "drop",
        tags: Literal["keep", "strict"] = "keep",
        exercise: bool = False,
        keep_all: bool = False,
        table: bool = False,
        columns: dict[str, str] | None = None,
        satellite: bool = False,
    ) -> None:
        self.source, self.silent_ms = source, silent_ms
        self.delays = Delays()  # for whoever watches the process; no part of the state
        self.table, self.satellite = table, satellite
        self.checksum: Literal["drop", "flag", "absent"] = checksum
        self.tags: Literal["keep", "strict"] = tags
        # a table leaves sorted by time: a long silence in it is no stamp gone wild
        self.clock = SourceClock(lateness_ms, jump_ms=TABLE_JUMP_MS if table else PASSES_MS if satellite else JUMP_MS)
        self.state: Any
        if table:
            self.state = TableState(source, columns=columns)
        else:
            self.state = Senders(lambda: DecodeState(source, checksum=checksum, tags=tags, keep_all=keep_all))
        if exercise or source.startswith(EXERCISE_PREFIX):
            self.state.mark()

    def feed(self, data: bytes, t_rx_ms: int | None = None, *, sender: str = "", final: bool = False, common_ms: int | None = None) -> Batch:
        """Stamped batch of one piece of input; any cut of the same bytes gives the same rows. `t_rx_ms`: UTC arrival, live only.

        common_ms: the watermark of others that hold the picture, if this source does not; it moves only between their pieces.
        """
        batch = self.decode(data, t_rx_ms, sender=sender, final=final)
        self.stamp(batch.fixes, batch.statics, batch.safety, t_rx_ms, common_ms)
        return batch

    def decode(self, data: bytes, t_rx_ms: int | None, *, sender: str, final: bool = False) -> Batch:
        """The rows of a piece before the clock has seen them: whoever decodes several pieces stamps them once."""
        batch: Batch
        if self.table:
            batch = decode_table(self.state, data, t_rx_ms, final=final)
        else:
            batch = self.state.feed(data, t_rx_ms, sender, final=final)
        return batch

    def stamp(self, fixes: np.ndarray, statics: np.ndarray, safety: list[SafetyReport], t_rx_ms: int | np.ndarray | None, common_ms: int | None = None) -> None:
        """Judge the lateness of rows in arrival order, in place. `t_rx_ms`: arrival of all fixes, or of each. `common_ms`: see `feed`."""
        if common_ms is None:
            self.clock.stamp(fixes, statics, safety)
        else:
            self.clock.stamp_behind(fixes, statics, safety, common_ms)
        if t_rx_ms is not None and len(fixes):
            self.delays.add(fixes, t_rx_ms)

    def relink(self, sender: str) -> None:
        """A connection to a sender began: what an earlier one left open is over."""
        if not self.table:
            self.state.relink(sender)

    @property
    def exercise(self) -> bool:
        """Whether this source is simulated: configured so, or because something in it said so once."""
        return bool(self.state.exercise)

    @property
    def counts(self) -> Counts:
        """Cumulative line accounting of the decoder."""
        counts: Counts = self.state.counts
        return counts

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {
            "source": self.source,
            "table": self.table,
            "clock": self.clock.cells,
            "fixes_seen": self.clock.fixes_seen,
            "decoder": self.state.to_sections(),
        }

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        assert (sections["source"], sections["table"]) == (self.source, self.table), "a lane's state belongs to its source"
        self.clock.cells = sections["clock"].copy()
        self.clock.fixes_seen = sections["fixes_seen"]
        if self.table:
            configured, self.state = self.exercise, TableState.from_sections(sections["decoder"])
            if configured:
                self.state.mark()
        else:
            self.state.restore(sections["decoder"])
            for state in self.state.states.values():
                state.use(self.checksum, self.tags)  # a changed configuration counts from the restart on
