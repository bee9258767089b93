"""A detector with other thresholds, run beside the one that counts. May hold: which detectors read a table of thresholds, and how theirs are kept apart.

May not: detect, count, change what the run itself tells.

Theory. A threshold decides more than which events are left: when one is first told, how sure it is, what it is merged with and who is about
by then. Cutting the events of a lax run at a stricter value therefore gives nearly, but not quite, what a run with that value gives. So each value
has detectors of its own, over the same records in the same run: reading, decoding, association and geography are done once. Events are then those of
a run of its own, to the byte.
Every variant has rows of its own in the table, under a name of its own; they change places with those of the detector while the variant is at work.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from dogwatch.batch import Control
from dogwatch.errors import InputError
from dogwatch.events import Event
from tracks.coverage import Coverage
from tracks.dark import DarkDetector
from tracks.detector import Detector, Sight
from tracks.detectors import KINDS
from tracks.params import Params
from tracks.pool import Pool
from tracks.records import MARK_MASKED
from tracks.step import TrackState

# Table of the profile -> NAMEs of the detectors whose events depend on it, where these are few. What a rescue, a true position, an identity or an area
# without positions is changes what every other detector knows: such a value needs a whole track state of its own (runners/backtest_sweep.py).
READERS: dict[str, tuple[str, ...]] = {
    "loitering": ("loitering", "dark_partner"),
    "rendezvous": ("rendezvous",),
    "dark": ("dark", "dark_partner", "zone"),
    "dark_partner": ("dark_partner",),
    "drift": ("drift",),
    "nuc": ("drift",),
    "sudden_stop": ("sudden_stop", "aground"),
    "aground": ("aground",),
    "collision": ("collision",),
    "anomaly": ("anomaly",),
    "infra": ("infra", "anomaly"),
}
KNOWN_FIELDS = ("masked", "coast_nm", "watch_nm", "watched", "geo_lat", "geo_lon", "typical_kn")  # what detectors write into the records that all share


def with_value(params: Params, path: str, value: float) -> Params:
    """The same thresholds with one number changed: 'loitering.duration_s_min.border'. Raises InputError for what is no such number."""
    *tables, name = path.split(".")
    plain: dict[str, Any] = msgspec.to_builtins(params)
    inner: Any = plain
    for table in tables:
        inner = inner.get(table) if isinstance(inner, dict) else None
    old = inner.get(name) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or isinstance(old, bool) or not isinstance(old, int | float):
        below = old if isinstance(old, dict) else inner if isinstance(inner, dict) else plain
        known = sorted(name for name, one in below.items() if isinstance(one, int | float | dict) and not isinstance(one, bool))
        raise InputError(f"'{path}' is no number among the thresholds", remedy=f"there: {', '.join(known)}" if known else "docs/behaviours names them")
    inner[name] = round(value) if isinstance(old, int) else value
    try:
        return msgspec.convert(plain, Params)
    except msgspec.ValidationError as fault:
        raise InputError(f"{path} = {value:g}: {fault}", remedy="docs/behaviours has the range") from fault


def number_at(params: Params, path: str) -> float:
    """The threshold of that path as it is."""
    inner: Any = msgspec.to_builtins(params)
    for name in path.split("."):
        inner = inner[name]
    return float(inner)


class _Own:
    """What the variants of one value have to themselves. `told`: their events, in the order of the run."""

    def __init__(self, state: TrackState, table: str, params: Params, number: int) -> None:
        self.state, self.params = state, params
        self.names = {kind.NAME: f"{kind.NAME} ({number})" for kind in KINDS if kind.NAME in READERS[table] and kind.COLD is not None}
        self.dark = DarkDetector() if table == "dark" else None
        self.coverage = Coverage.from_sections(state.coverage.to_sections()) if self.dark is not None else None
        self.looks = table == "sudden_stop"  # the shared look goes by these thresholds
        self.told: list[Event] = []

    @contextlib.contextmanager
    def at_work(self, sight: Sight) -> Iterator[Sight]:
        """The sight as these detectors have it; as it was afterwards."""
        table, before = sight.table, (sight.params, sight.coverage, sight.ears, sight._picks)
        shared, receivers = {name: table.known[name].copy() for name in KNOWN_FIELDS}, table.receivers.copy()
        masked = table.used["marks"] & MARK_MASKED
        self._change_places(sight)
        sight.params = self.params
        if self.dark is not None and self.coverage is not None:
            sight.coverage, sight.ears = self.coverage, self.dark.ears
        if self.looks:
            sight._picks = None
        try:
            yield sight
        finally:
            self._change_places(sight)
            sight.params, sight.coverage, sight.ears, sight._picks = before
            for name, column in shared.items():
                table.known[name] = column
            table.receivers[:] = receivers
            table.used["marks"] = table.used["marks"] & (0xFF ^ MARK_MASKED) | masked

    def _change_places(self, sight: Sight) -> None:
        beside: tuple[dict[str, Any], ...] = (sight.table.cold, sight.table.pools)
        for kept in beside:
            for name, other in self.names.items():
                if name in kept:
                    kept[name], kept[other] = kept[other], kept[name]


class Variant(Detector):
    """One detector of a value that is tried. Tells the run nothing."""

    def __init__(self, inner: Detector, own: _Own) -> None:
        self.inner, self.own = inner, own

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """As the detector."""
        with self.own.at_work(sight):
            self.inner.see(sight, fixes, taken)

    def join(self, sight: Sight, statics: np.ndarray, slots: np.ndarray) -> None:
        """As the detector."""
        with self.own.at_work(sight):
            self.inner.join(sight, statics, slots)

    def control(self, sight: Sight, rows: list[Control]) -> None:
        """As the detector."""
        with self.own.at_work(sight):
            self.inner.control(sight, rows)

    def tick(self, sight: Sight) -> list[Event]:
        """Decide as the detector, and keep the events apart."""
        if self.inner is self.own.dark and self.own.coverage is not None:
            self.own.coverage.settle()  # of the tick before, as the run's own coverage has
        with self.own.at_work(sight):
            found = self.inner.tick(sight)
        for event in found:
            event.exercise = self.own.state.exercise
        self.own.told += found
        return []

    def keys(self) -> set[int]:
        """Tracks with an episode here may not be forgotten either."""
        return self.inner.keys()


def run_beside(state: TrackState, table: str, params: Params, number: int) -> list[Event]:
    """Run what reads a table of thresholds once more, with `params`, beside the detectors of a state that has seen nothing yet.

    number: another one for each value. Events come into the list while the run goes on: those of the detectors READERS names, in no order.
    """
    own = _Own(state, table, params, number)
    for kind in KINDS:
        if kind.NAME in READERS[table]:
            inner = own.dark if own.dark is not None and kind is DarkDetector else kind()
            named = type(kind.__name__, (Variant,), {"NAME": own.names.get(kind.NAME, f"{kind.NAME} ({number})"), "PAIRS": kind.PAIRS})
            # just before the one that counts: what that one reads and takes away is still there, and the records are those that it would see
            state.detectors.insert([one.NAME for one in state.detectors].index(kind.NAME), named(inner, own))
            if kind.COLD is not None:
                state.table.cold[own.names[kind.NAME]] = np.zeros(len(state.table.rows), kind.COLD)
            if kind.POOL is not None:
                state.table.pools[own.names[kind.NAME]] = Pool(kind.POOL, len(state.table.rows))
    return own.told
