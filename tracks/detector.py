"""What a detector is, and what it may look at. May hold: the two contracts. May not: any behaviour.

Theory. The step (tracks/step.py) gives every detector the fixes of a minute with the track of each (`see`), the static
rows (`join`) and control rows (`control`), and then asks at the full minute what happened (`tick`). `see` and `join` are
folds: twice a half is once the whole. Everything is decided in `tick`, from state alone, so that events do not depend on
how rows came in. State of a track lies in the table under `NAME` (dtype COLD, zero = nothing known), so that it grows, moves
and is forgotten with the track; whatever a detector keeps outside goes by the track's key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dogwatch.batch import Control
from dogwatch.events import Event
from tracks.around import Around, around_of, sightings
from tracks.coverage import Coverage
from tracks.params import Params
from tracks.rescue import Rescue
from tracks.vessels import VesselTable

if TYPE_CHECKING:
    from tracks.parties import Brought


@dataclass(slots=True)
class Sight:
    """What a detector may look at during a step. `geography`: zones.geography.Geography or what answers like it."""

    table: VesselTable
    geography: Any
    coverage: Coverage
    params: Params
    rescue: Rescue
    tick_ms: int = 0
    receivers: tuple[str, ...] = ()  # names by number (bit of a fix's `receivers`)
    brought: Brought | None = None  # of all shards, for detectors of pairs; None: there is only this table
    _around: Around | None = field(default=None, repr=False)

    @property
    def around(self) -> Around:
        """Who is where at this tick; made when first asked for."""
        if self._around is None:
            self._around = around_of([sightings(self.table, self.tick_ms)])
        return self._around

    @property
    def around_made(self) -> Around | None:
        """`around`, if it is there already: with shards it always is, and says what this table alone cannot."""
        return self._around

    def at(self, tick_ms: int, around: Around | None = None) -> Sight:
        """The same sight at another tick; `around` of several shards together, if there are several."""
        return Sight(self.table, self.geography, self.coverage, self.params, self.rescue, tick_ms, self.receivers, None, around)


class Detector:
    """One behaviour. Subclasses say their NAME (of their state and their table in the profile) and do what they must of the rest."""

    NAME: ClassVar[str]
    COLD: ClassVar[np.dtype | None] = None
    PAIRS: ClassVar[bool] = False  # looks at pairs or areas: runs after all vessels of the tick are decided

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """Take rows (FIX_DTYPE, canonical order) with what became of each (TAKEN). No Python per row."""

    def join(self, sight: Sight, statics: np.ndarray, slots: np.ndarray) -> None:
        """Take static rows (STATIC_DTYPE) that were joined, with the slot of the first track of each one's MMSI."""

    def control(self, sight: Sight, rows: list[Control]) -> None:
        """Take facts about the watch itself, released in order of time, before the tick that follows them."""

    def tick(self, sight: Sight) -> list[Event]:
        """Decide the minute that ends at `sight.tick_ms`."""
        return []

    def keys(self) -> set[int]:
        """Keys of tracks that may not be forgotten."""
        return set()

    def counts(self) -> dict[str, int]:
        """What was counted on the way, by name."""
        return {}

    def to_sections(self) -> dict[str, Any]:
        """State outside the table, for `dogwatch.blob`: equal states give equal bytes."""
        return {}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
