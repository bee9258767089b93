"""Shards: a watch whose vessels are spread over several tables. May hold: who is at home where, what travels between shards, the order of it.

May not: transport (runners do), thresholds, the inside of a detector. A pure function: what it gives is what one table gives.

Theory. Three keyed stages, closed by the same tick:
1. Vessel, at home by a multiplicative hash of its MMSI (never MMSI modulo S: many end in 000). Every shard takes its own rows. Then what
   concerns the watch as a whole is made common: which receivers spoke, the newest row, the sightings of all (the tick's Around), and at
   the end of the tick what was learned of coverage (sums, so the order does not matter). Only then vessels are decided.
2. Space: the rows of those who may be in contact, and of those who may collide, are searched in cells of 20 km, each with a halo in metres
   around it that holds every row and every crowd that its own pairs depend on (tracks/cells.py). A pair belongs to the cell in which its
   smaller track lies. Nothing is remembered.
3. Pair, at home where the smaller track is. All that a decision needs of either party travels with its row.
What belongs to nobody (our own ears, areas in which positions fail, rescues, an IMO number that two tell) is worked out by every shard alike from
rows that all of them have, and told by all of them in the same words: it is kept once.
A detector holds under this if it looks at its own tracks and learns everything else in the ways that tracks/detector.py names. Limits on
what is kept (open pairs, tracks in doubt, strangers) are those of a table, so that with more tables more is kept.
"""

from __future__ import annotations

import numpy as np

from dogwatch.batch import Batch
from dogwatch.events import Event, event_order
from tracks.around import around_of, sightings
from tracks.association import HASH_FACTOR
from tracks.clock import Released
from tracks.detector import Sight
from tracks.key import mmsi_of
from tracks.records import LAST_ROW, MINUTE_MS
from tracks.step import DAY_MS, TrackState, decide_pairs, decide_vessels, forget, marked, minutes_of, released_upto, take_rows_of


def home_of(mmsi: np.ndarray, shards: int) -> np.ndarray:
    """int64[n]: the shard in which each MMSI is at home."""
    mixed = (mmsi.astype(np.uint64) * np.uint64(HASH_FACTOR)) >> np.uint64(32)
    return (mixed % np.uint64(shards)).astype(np.int64)


def shards_step(states: list[TrackState], batch: Batch, watermark_ms: int, *, final: bool = False) -> list[Event]:
    """`track_step` over several tables: the rows wait in the reorder buffer of the first. Events sorted by (t_detected, event_id, version)."""
    first = states[0]
    released = released_upto(first, batch, watermark_ms, final=final)
    if released is None:
        return []
    for state in states:
        state.receivers = first.receivers
        state.rescue.control(released.control)
        for detector in state.detectors if released.control else ():
            detector.control(state.sight, released.control)
    events: list[Event] = []
    for rows, upto_ms in minutes_of(first, released):
        events += minute(states, rows, upto_ms) if upto_ms == first.tick_ms else _take(states, rows, upto_ms)
    return sorted(events, key=event_order)


def minute(states: list[TrackState], released: Released, tick_ms: int) -> list[Event]:
    """Take the rows of a minute (canonical order) into the shards and decide it. Events in their order; `states` are changed."""
    for state in states:
        state.tick_ms = tick_ms
    _take(states, released, tick_ms)
    _make_common(states)
    around = around_of([sightings(state.table, tick_ms) for state in states])
    sights = [state.sight.at(tick_ms, around) for state in states]
    events: list[Event] = []
    for pairs, decide in ((False, decide_vessels), (True, decide_pairs)):
        _exchange(states, sights, pairs=pairs)
        events += [event for state, sight in zip(states, sights) for event in decide(state, sight)]
    learned = [part for state in states for part in state.coverage.pending]
    keep = set().union(*(detector.keys() for state in states for detector in state.detectors)) if tick_ms % DAY_MS == 0 else set()
    for state in states:
        state.coverage.pending = list(learned)
        forget(state, tick_ms, keep)
        state.tick_ms = tick_ms + MINUTE_MS
    for event in events:
        event.exercise = states[0].exercise
    return sorted({(event.event_id, event.version): event for event in events}.values(), key=event_order)


def _take(states: list[TrackState], released: Released, watermark_ms: int) -> list[Event]:
    """Every shard takes its own rows. Nothing happens by that alone."""
    n = len(states)
    fix_home, static_home = home_of(released.fixes["mmsi"], n), home_of(released.statics["mmsi"], n)
    exercise = states[0].exercise or marked(released.fixes) or marked(released.statics)
    for k, state in enumerate(states):
        state.exercise = exercise
        take_rows_of(state, Released(released.fixes[fix_home == k], released.statics[static_home == k]), watermark_ms)
    return []


def _make_common(states: list[TrackState]) -> None:
    """Which receivers spoke and when the newest row came are facts of the watch, not of a shard."""
    heard = np.bitwise_or.reduce([state.table.receivers[0] for state in states])
    newest = max(int(state.table.cells[LAST_ROW]) for state in states)
    for state in states:
        state.table.receivers[0], state.table.cells[LAST_ROW] = heard, newest


def _exchange(states: list[TrackState], sights: list[Sight], *, pairs: bool) -> None:
    """Before vessels (or pairs) are decided: what the detectors brought is shared out, then those who were asked for are made known to all."""
    shared = [sight.shared for sight in sights if sight.shared is not None]

    def home(keys: np.ndarray) -> np.ndarray:
        return home_of(mmsi_of(keys), len(states))

    for number, one in enumerate(states[0].detectors):
        if pairs == one.PAIRS:
            parts = [state.detectors[number].bring(sight) for state, sight in zip(states, sights)]
            if any(part is not None for part in parts):
                for each, given in zip(shared, one.share(parts, states[0].params, home)):
                    each.brought[one.NAME] = given
    asking = [(detector, sight) for state, sight in zip(states, sights) for detector in state.detectors if pairs == detector.PAIRS]
    asked = np.array(sorted(set().union(*(detector.asks(sight) for detector, sight in asking))), np.int64)
    found = {key: sights[at].party(key) for key, at in zip(asked.tolist(), home(asked).tolist())}
    known = {key: party for key, party in found.items() if party is not None}
    for each in shared:
        each.asked = known
