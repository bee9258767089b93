"""The step: released rows -> records -> minute ticks -> events. May hold: the order of things, the joint state, counters.

May not: know thresholds or the inside of a detector, ask clocks, touch files.

Theory. Rows change records; minutes make decisions. Event time is cut into minutes: for the tick T every row with
release_ms < T has been taken in, and no other. All that is decided is decided at a tick, from records alone, so the
events do not depend on how rows came in. A sea that nobody hears from falls asleep: ticks later than ASLEEP_MS after the
newest row are not run (nothing is left that they could change), which makes a jump of years cost nothing.
`vessel_step` is keyed by vessel, `pair_step` looks at pairs and areas; what a vessel's detector must know of its neighbours it
asks of the tick's Around (tracks/around.py). The detectors are a list (tracks/detectors.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dogwatch.batch import F_EXERCISE, LAT_MISSING, T_MISSING, Batch
from dogwatch.events import Event, event_order
from tracks.clock import MINUTE_MS, Released, Reorder
from tracks.coverage import BLOCK_MS, Coverage
from tracks.dark import DarkDetector
from tracks.detector import Detector, Sight
from tracks.detectors import new_detectors
from tracks.params import Params
from tracks.records import LAST_ROW
from tracks.rescue import Rescue
from tracks.vessels import CAPACITY_START, EVICT_MS, VesselTable, ask_geography, slow_tracks
from watchlists.screen import Watchlists

DAY_MS = 86_400_000
ASLEEP_MS = 2 * DAY_MS


@dataclass(slots=True)
class TrackState:
    """Everything between released rows and events. One owner; not thread-safe."""

    params: Params
    geography: Any
    reorder: Reorder
    table: VesselTable
    coverage: Coverage
    detectors: list[Detector]
    rescue: Rescue = field(default_factory=Rescue)
    watchlists: Watchlists = field(default_factory=Watchlists)
    tick_ms: int = T_MISSING  # the next minute to be decided; T_MISSING before the first row
    receivers: tuple[str, ...] = ()  # names of receivers by number, as far as batches have told them
    exercise: bool = False  # a simulated row was released: from then on everything is exercise
    begun: bool = True  # rows of the running minute may have been taken before: the end of a recording cuts a minute
    extra: dict[str, int] = field(default_factory=lambda: {"statics_joined": 0, "statics_other": 0, "evicted": 0})

    @classmethod
    def new(
        cls, params: Params, geography: Any, coverage: Coverage | None = None, *, capacity: int = CAPACITY_START, watchlists: Watchlists | None = None
    ) -> TrackState:
        """A watch that has seen no vessel; `coverage` learned earlier is taken over (copied). `capacity`: vessels before the table first grows."""
        learned = Coverage.from_sections(coverage.to_sections()) if coverage else Coverage()
        detectors = new_detectors()
        cold = {detector.NAME: detector.COLD for detector in detectors if detector.COLD is not None}
        pools = {detector.NAME: detector.POOL for detector in detectors if detector.POOL is not None}
        table = VesselTable.new(params.vessels_max, cold, min(capacity, params.vessels_max), pools)
        return cls(params, geography, Reorder(), table, learned, detectors, watchlists=watchlists or Watchlists())

    @property
    def sight(self) -> Sight:
        """What the detectors may look at."""
        ears = next((detector.ears for detector in self.detectors if isinstance(detector, DarkDetector)), None)
        return Sight(self.table, self.geography, self.coverage, self.params, self.rescue, self.tick_ms, self.receivers, watchlists=self.watchlists, ears=ears)

    @property
    def vessel_count(self) -> int:
        """Vessels (MMSIs) of which a position is known."""
        return int(((self.table.used["t_ms"] != T_MISSING) & (self.table.known["ordinal"] == 0)).sum())

    @property
    def counters(self) -> dict[str, int]:
        """Rows by what became of them; `rows_in` and `statics_in` are the sums of what follows them.

        rows_in = buffered + checksum + no_time + future + duplicate + duplicate_30s + accepted + no_position + coarse
        + same_time + quarantined + not_vessel + late_used + late + table_full.
        """
        fixes, statics = self.reorder.buffered
        counts = {**self.reorder.counts, "buffered": fixes, "statics_buffered": statics, **self.table.counts(), **self.extra}
        for detector in self.detectors:
            counts |= detector.counts()
        return counts

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`: equal states give equal bytes."""
        return {
            "params_hash": self.params.params_hash,
            "geography": self.geography.version,
            "tick_ms": self.tick_ms,
            "receivers": list(self.receivers),
            "exercise": self.exercise,
            "begun": self.begun,
            "extra": dict(sorted(self.extra.items())),
            "reorder": self.reorder.to_sections(),
            "table": self.table.to_sections(),
            "coverage": self.coverage.to_sections(),
            "rescue": self.rescue.to_sections(),
            "detectors": {detector.NAME: detector.to_sections() for detector in self.detectors},
        }

    @classmethod
    def from_sections(cls, sections: dict[str, Any], params: Params, geography: Any, watchlists: Watchlists | None = None) -> TrackState:
        """The state that `to_sections` described, going on with `params`, `geography` (what was asked of another is asked anew) and `watchlists`."""
        state = cls(
            params,
            geography,
            Reorder.from_sections(sections["reorder"]),
            VesselTable.from_sections(sections["table"], params.vessels_max),
            Coverage.from_sections(sections["coverage"]),
            new_detectors(),
            Rescue.from_sections(sections["rescue"]),
            watchlists or Watchlists(),
            sections["tick_ms"],
            tuple(sections["receivers"]),
            sections["exercise"],
            extra=dict(sections["extra"]),
        )
        for detector in state.detectors:
            detector.restore(sections["detectors"][detector.NAME])
        state.begun = sections.get("begun", True)  # states before this was kept do not know
        if sections["geography"] != geography.version:
            state.begun, state.table.known["geo_lat"] = True, LAT_MISSING
        return state

    @classmethod
    def begun_anew(cls, sections: dict[str, Any], params: Params, geography: Any, watchlists: Watchlists | None = None) -> TrackState:
        """A watch by other parameters or lines than the one that `to_sections` described, whose tracks and open events are forgotten.

        What belongs to no detector goes on: rows that wait, learned coverage, rescue areas, receivers, the exercise. Rows are counted from now on.
        """
        state = cls.new(params, geography, Coverage.from_sections(sections["coverage"]), watchlists=watchlists)
        state.reorder, state.rescue = Reorder.from_sections(sections["reorder"]), Rescue.from_sections(sections["rescue"])
        state.reorder.counts = Reorder().counts | dict(zip(("rows_in", "statics_in"), state.reorder.buffered, strict=True))
        state.tick_ms, state.receivers, state.exercise = sections["tick_ms"], tuple(sections["receivers"]), sections["exercise"]
        return state


def track_step(state: TrackState, batch: Batch, watermark_ms: int, *, final: bool = False) -> list[Event]:
    """Take a stamped batch, decide every minute that `watermark_ms` has passed. Events sorted by (t_detected, event_id, version).

    Rows leave the reorder buffer by whole minutes (nothing is decided between), so that the state depends on the rows alone
    and not on how they were cut, and small pieces cost next to nothing. final: a recording is over, and the begun minute leaves too.
    """
    released = released_upto(state, batch, watermark_ms, final=final)
    if released is None:
        return []
    state.rescue.control(released.control)
    for detector in state.detectors if released.control else ():
        detector.control(state.sight, released.control)
    events: list[Event] = []
    for rows, upto_ms in minutes_of(state, released):
        state.exercise |= marked(rows.fixes) or marked(rows.statics)
        found = vessel_step(state, rows, upto_ms)
        if upto_ms == state.tick_ms:
            found += pair_step(state, upto_ms)
        for event in found:
            event.exercise = state.exercise
        events += found
    return sorted(events, key=event_order)


def released_upto(state: TrackState, batch: Batch, watermark_ms: int, *, final: bool) -> Released | None:
    """Push a batch into the reorder buffer and release what the watermark has passed; None unless it has passed a further minute (or `final`)."""
    state.reorder.push(batch.fixes, batch.statics, batch.control)
    if len(batch.receivers) > len(state.receivers):
        state.receivers = batch.receivers
    upto_ms = watermark_ms if final else watermark_ms // MINUTE_MS * MINUTE_MS
    return state.reorder.release(upto_ms) if upto_ms > state.reorder.watermark_ms else None


def minutes_of(state: TrackState, released: Released) -> Iterator[tuple[Released, int]]:
    """Cut released rows into minutes: (rows, the tick that ends their minute, which is `state.tick_ms` then). Last the rows of a begun minute, if any."""
    fixes, statics = released.fixes, released.statics
    if state.tick_ms == T_MISSING and (len(fixes) or len(statics)):
        state.tick_ms = _minute_after(fixes, statics)
    while state.tick_ms != T_MISSING and state.tick_ms <= state.reorder.watermark_ms:
        tick_ms = state.tick_ms
        fix_to, static_to = int(np.searchsorted(fixes["release_ms"], tick_ms)), int(np.searchsorted(statics["release_ms"], tick_ms))
        if fix_to == static_to == 0 and tick_ms - int(state.table.cells[LAST_ROW]) > ASLEEP_MS:
            following = state.reorder.watermark_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS
            state.tick_ms = min(following, _minute_after(fixes, statics)) if len(fixes) or len(statics) else following
            continue
        yield Released(fixes[:fix_to], statics[:static_to]), tick_ms
        fixes, statics = fixes[fix_to:], statics[static_to:]
        state.tick_ms = tick_ms + MINUTE_MS
    if len(fixes):
        yield Released(fixes, statics), state.reorder.watermark_ms


def vessel_step(state: TrackState, released: Released, watermark_ms: int) -> list[Event]:
    """Take rows of one minute, keyed by vessel. If `watermark_ms` is the state's tick, decide it.

    Rows: canonical order, release_ms < watermark_ms, none beyond the tick.
    """
    take_rows_of(state, released, watermark_ms)
    return decide_vessels(state, state.sight) if watermark_ms == state.tick_ms else []


def pair_step(state: TrackState, watermark_ms: int) -> list[Event]:
    """Decide the same tick for pairs and areas, and let the table forget what is over."""
    found = decide_pairs(state, state.sight)
    keep = set().union(*(detector.keys() for detector in state.detectors)) if watermark_ms % DAY_MS == 0 else set()
    forget(state, watermark_ms, keep)
    return found


def take_rows_of(state: TrackState, released: Released, watermark_ms: int) -> None:
    """Take rows into the records; at the tick also what they say of vessels, and ask geography."""
    table, sight = state.table, state.sight
    taken = table.add_fixes(released.fixes, state.params.reach, state.params.reacquire_reports)
    if len(taken):
        for detector in state.detectors:
            detector.see(sight, released.fixes, taken)
    if watermark_ms != state.tick_ms:
        state.begun = True
        return
    if len(released.statics):
        joined, slots = table.add_statics(released.statics)
        state.extra["statics_joined"] += len(joined)
        state.extra["statics_other"] += len(released.statics) - len(joined)
        for detector in state.detectors if len(joined) else ():
            detector.join(sight, joined, slots)
    state.rescue.advance(watermark_ms, state.geography, state.params.rescue)
    # Who has moved, has reported: if all rows of this minute came in this call, no other track needs to be looked at.
    slow = slow_tracks(table, np.arange(len(table)) if state.begun else table.slow)
    ask_geography(table, slow, state.geography)
    state.begun = False


def decide_vessels(state: TrackState, sight: Sight) -> list[Event]:
    """What happened to single vessels."""
    return [event for detector in state.detectors if not detector.PAIRS for event in detector.tick(sight)]


def decide_pairs(state: TrackState, sight: Sight) -> list[Event]:
    """What happened between vessels and in areas."""
    return [event for detector in state.detectors if detector.PAIRS for event in detector.tick(sight)]


def forget(state: TrackState, watermark_ms: int, keep: set[int]) -> None:
    """The end of a tick: coverage learns, and each day the table forgets what is over (but tracks in `keep`, by key)."""
    state.coverage.settle()
    if watermark_ms % BLOCK_MS == 0:
        state.table.close_block()
    if watermark_ms % DAY_MS == 0:
        state.extra["evicted"] += state.table.evict(watermark_ms - EVICT_MS, keep)


def marked(rows: np.ndarray) -> bool:
    """Whether a row comes from a simulated source."""
    return bool((rows["flags"] & np.uint32(F_EXERCISE)).any())


def _minute_after(fixes: np.ndarray, statics: np.ndarray) -> int:
    """The first tick that sees one of these rows (each in order of release, not both empty)."""
    first = min(int(rows["release_ms"][0]) for rows in (fixes, statics) if len(rows))
    return first // MINUTE_MS * MINUTE_MS + MINUTE_MS
