"""What a detector is, and what it may look at. May hold: the two contracts. May not: any behaviour.

Theory. The step (tracks/step.py) gives every detector the fixes of a minute with the track of each (`see`), the static
rows (`join`) and control rows (`control`), and then asks at the full minute what happened (`tick`). `see` and `join` are
folds: twice a half is once the whole. Everything is decided in `tick`, from state alone, so that events do not depend on
how rows came in. State of a track lies in the table under `NAME` (dtype COLD, zero = nothing known; what few tracks need at a time in a pool
of POOL), so that it grows, moves and is forgotten with the track; whatever a detector keeps outside goes by the track's key.

The vessels of a watch may be spread over several tables (tracks/shards.py), so `sight.table` knows only those at home here. Of all
others a detector learns in three ways: who is where (`sight.around`), what every shard brought of itself (`bring`, `share`,
`sight.brought`), and who somebody is whom it has asked for (`asks`, `sight.party`, `sight.subject`). What belongs to nobody's vessel (an area in
which positions fail, a rescue, an IMO number that two tell) every shard works out alike from the same rows; the events are told once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from dogwatch.batch import Control
from dogwatch.events import Event, Subject
from tracks.around import Around
from tracks.coverage import Coverage
from tracks.key import mmsi_of
from tracks.look import Picks
from tracks.params import Params
from tracks.parties import parties, subject
from tracks.rescue import Rescue
from tracks.subjects import subject_key
from tracks.vessels import VesselTable
from watchlists.screen import Watchlists

Home = Callable[[np.ndarray], np.ndarray]  # keys of tracks -> number of the shard in which each is at home


@dataclass(slots=True)
class Shared:
    """What travelled between shards at a tick: what was brought, by the NAME of its detector; PARTY rows of those asked for, by key."""

    brought: dict[str, Any] = field(default_factory=dict)
    asked: dict[int, np.void] = field(default_factory=dict)


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
    shared: Shared | None = None  # None: there is only this table
    rare: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)  # fixes, and what tracks/words.py picked out of them
    _around: Around | None = field(default=None, repr=False)
    watchlists: Watchlists = field(default_factory=Watchlists, repr=False)
    ears: Any = None  # the watch's own ears (tracks.ears.Ears), as the watch over silence keeps them; None: nobody keeps them
    _picks: Picks | None = field(default=None, repr=False)

    def picks(self, fixes: np.ndarray, taken: np.ndarray) -> Picks:
        """Which of these rows concern whom (tracks/look.py); looked at once."""
        if self._picks is None or self._picks.taken is not taken:
            self._picks = Picks(fixes, taken, self.params)
        return self._picks

    @property
    def around(self) -> Around:
        """Who is where at this tick; made when first asked for."""
        if self._around is None:
            self._around = Around(None, self.table, self.tick_ms)
        return self._around

    @property
    def around_made(self) -> Around | None:
        """`around`, if everybody is written down there already: with shards it always is so, and says what this table alone cannot."""
        return self._around if self._around is not None and self._around.rows is not None else None

    def at(self, tick_ms: int, around: Around | None = None) -> Sight:
        """The same sight at another tick; `around` of several shards together, if there are several."""
        shared = None if around is None else Shared()
        return Sight(
            self.table, self.geography, self.coverage, self.params, self.rescue, tick_ms, self.receivers, shared, None, around, self.watchlists, ears=self.ears
        )

    def kept(self) -> Sight:
        """What may still be asked when the tick is over: geography, parameters, and rescues as they are now. No table, and nobody around."""
        return Sight(None, self.geography, None, self.params, self.rescue.as_it_is(), self.tick_ms)  # type: ignore[arg-type]

    def brought(self, name: str) -> Any:
        """What all shards brought for a detector, as it was shared out to this one; None: there is only this table, or nothing was brought."""
        return self.shared.brought.get(name) if self.shared else None

    def party(self, key: int) -> np.void | None:
        """PARTY row of a track, whoever keeps it; None: nobody does. Of the tracks of others only who was asked for is known."""
        slot = self.table.slot_of_key(key)
        if slot >= 0:
            row: np.void = parties(self.table, np.array([slot]))[0]
            return row
        return self.shared.asked.get(key) if self.shared else None

    def subject(self, key: int) -> Subject:
        """The same as the subject of an event; of a track that nobody keeps only its number."""
        party = self.party(key)
        return Subject(subject_key(key), mmsi_of(key)) if party is None else subject(party)


class Detector:
    """One behaviour. Subclasses say their NAME (of their state and their table in the profile) and do what they must of the rest."""

    NAME: ClassVar[str]
    COLD: ClassVar[np.dtype | None] = None
    POOL: ClassVar[np.dtype | None] = None  # of what few tracks need at a time (pool.py); COLD then has a field `at`
    PAIRS: ClassVar[bool] = False  # looks at pairs or areas: runs after all vessels of the tick are decided

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """Take rows (FIX_DTYPE, canonical order) with what became of each (TAKEN). No Python per row."""

    def join(self, sight: Sight, statics: np.ndarray, slots: np.ndarray) -> None:
        """Take static rows (STATIC_DTYPE) that were joined, with the slot of the first track of each one's MMSI."""

    def control(self, sight: Sight, rows: list[Control]) -> None:
        """Take facts about the watch itself, released in order of time, before the tick that follows them."""

    def bring(self, sight: Sight) -> Any:
        """What decisions of this tick need of this table, wherever they are made; None: nothing. Of several shards only; changes no state."""
        return None

    def share(self, parts: list[Any], params: Params, home: Home) -> list[Any]:
        """What each shard is given of what all brought: everybody everything, unless a detector says otherwise."""
        return [parts] * len(parts)

    def asks(self, sight: Sight) -> set[int]:
        """Keys of tracks of which this tick must know who they are, though others may keep them. What was brought is known by then."""
        return set()

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
