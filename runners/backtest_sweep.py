"""Sweeps of thresholds: what other values of a detector's parameter would have told. May hold: what is asked, the variants of one run, the rows of the table.

May not: detect (tracks/variant.py runs each value beside the one that counts), read recordings, draw. The recording is read and decoded once. Where a
threshold concerns few detectors each value has its own of these over the same records; where it changes what all of them see, a track state of its own over
the same columns. Either way a row of the table is what a back-test with that value says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dogwatch.batch import Batch
from dogwatch.errors import InputError
from dogwatch.events import Event, event_order
from risk.normality import Normality
from risk.profile import Profile
from runners.backtest_cases import Accuracy, Label, accuracy
from runners.backtest_relaxed import judged_cases, relaxed_alerts
from runners.engine import Engine
from tracks.detector import Detector
from tracks.detectors import KINDS
from tracks.params import Params
from tracks.step import TrackState, track_step
from tracks.variant import READERS, number_at, run_beside, with_value

VALUES_MAX = 40  # of all sweeps of one run: each has detectors of its own


@dataclass(frozen=True, slots=True)
class Sweep:
    """Values of one threshold, ascending; the profile's own is among them."""

    path: str
    values: tuple[float, ...]


def sweeps_of(texts: Iterable[str], params: Params) -> list[Sweep]:
    """What is asked for on a command line. Raises InputError, also for more values than one run bears."""
    sweeps = [_sweep_of(text, params) for text in texts]
    if sum(len(sweep.values) for sweep in sweeps) > VALUES_MAX:
        raise InputError(f"the sweeps have more than {VALUES_MAX} values together", remedy="ask for fewer at once")
    if len({sweep.path for sweep in sweeps}) < len(sweeps):
        raise InputError("a threshold is swept twice", remedy="give each --sweep another one")
    return sweeps


def _sweep_of(text: str, params: Params) -> Sweep:
    """'loitering.duration_s_min.border=1800:7200:4': from, to, how many. Raises InputError."""
    number = r"(-?\d+(?:\.\d+)?(?:[eE]-?\d+)?)"
    found = re.fullmatch(rf"\s*([\w.]+)\s*=\s*{number}:{number}:(\d+)\s*", text)
    if found is None:
        raise InputError(f"'{text}' is no sweep", remedy="write table.threshold=FROM:TO:HOW_MANY, such as loitering.duration_s_min.border=1800:7200:4")
    path, low, high, many = found.group(1), float(found.group(2)), float(found.group(3)), int(found.group(4))
    if not 2 <= many <= VALUES_MAX or not low < high:
        raise InputError(f"'{text}' has no values to try", remedy=f"FROM is less than TO, and HOW_MANY 2 to {VALUES_MAX}")
    tried = [number_at(with_value(params, path, round(low + (high - low) * k / (many - 1), 6)), path) for k in range(many)]
    return Sweep(path, tuple(sorted({*tried, number_at(params, path)})))


class ValueRow(msgspec.Struct):
    """What one value would have told, at the profile's own lines."""

    value: float
    current: bool
    events: int  # that stand in the end, of the detectors that read the threshold
    alerts: int
    per_operator_hour: float
    accuracy: Accuracy


class SweepTable(msgspec.Struct):
    """One threshold and its values."""

    path: str
    rows: list[ValueRow]


@dataclass(slots=True)
class Beside:
    """The variants of one run. `begin` before anything is read, `tables` when it is over."""

    sweeps: list[Sweep]
    told: dict[tuple[str, float], list[Event]] = field(default_factory=dict)
    own: dict[str, list[Event]] = field(default_factory=dict)  # NAME of a detector -> what it told in the run itself

    def begin(self, engine: Engine) -> None:
        """Put the variants beside the detectors, or the track state, of an engine that has seen nothing yet."""
        state = engine.watch.track
        for detector in state.detectors:
            if any(detector.NAME in _readers(sweep) for sweep in self.sweeps):
                self._listen(detector)
        for sweep in self.sweeps:
            for value in sweep.values:
                if value != number_at(state.params, sweep.path):
                    params = with_value(state.params, sweep.path, value)
                    few = _table(sweep) in READERS
                    self.told[sweep.path, value] = run_beside(state, _table(sweep), params, len(self.told)) if few else _run_whole(engine, params)

    def _listen(self, detector: Detector) -> None:
        kept, tick = self.own.setdefault(detector.NAME, []), detector.tick

        def listening(sight: Any) -> list[Event]:
            found = tick(sight)
            kept.extend(found)
            return found

        detector.tick = listening  # type: ignore[method-assign]

    def events_at(self, sweep: Sweep, value: float, events: list[Event]) -> tuple[list[Event], list[Event]]:
        """(all events with that value in the order of the house, those of the detectors that read it). `events`: of the run itself."""
        own = [event for name in _readers(sweep) for event in self.own.get(name, [])]
        if (sweep.path, value) not in self.told:
            return events, own
        gone = {id(event) for event in own}
        told = self.told[sweep.path, value]
        return sorted([*(event for event in events if id(event) not in gone), *told], key=event_order), told

    def tables(self, events: list[Event], profile: Profile, normality: Normality | None, judge: Judge) -> list[SweepTable]:
        """One table for each sweep."""
        return [SweepTable(sweep.path, [self._row(sweep, value, events, profile, normality, judge) for value in sweep.values]) for sweep in self.sweeps]

    def _row(self, sweep: Sweep, value: float, events: list[Event], profile: Profile, normality: Normality | None, judge: Judge) -> ValueRow:
        whole, mine = self.events_at(sweep, value, events)
        for event in mine:
            event.profile_hash = profile.content_hash
        cases = judged_cases(profile, whole, relaxed_alerts(profile, whole, normality), judge.labels, judge.end_ms)
        alerts = sum(case.peak_milli >= profile.levels.caution_milli for case in cases)
        stand = {event.event_id: event.state for event in sorted(mine, key=event_order)}
        return ValueRow(
            value=value,
            current=(sweep.path, value) not in self.told,
            events=sum(state in ("open", "closed") for state in stand.values()),
            alerts=alerts,
            per_operator_hour=round(alerts / (judge.hours * profile.budget.operators), 4) if judge.hours else 0.0,
            accuracy=accuracy(profile, cases, judge.labels, profile.levels.caution_milli),
        )


@dataclass(frozen=True, slots=True)
class Judge:
    """What the values are judged by: labels, hours of data, their end (UTC ms)."""

    labels: list[Label]
    hours: float
    end_ms: int


def _run_whole(engine: Engine, params: Params) -> list[Event]:
    """A track state of its own over the same columns. Events come into the list while the run goes on."""
    state, told = engine.watch.track, list[Event]()
    own = TrackState.new(params, state.geography, state.coverage, watchlists=state.watchlists)

    def look(batch: Batch, watermark_ms: int, final: bool) -> None:
        told.extend(track_step(own, batch, watermark_ms, final=final))

    engine.beside.append(look)
    return told


def _readers(sweep: Sweep) -> tuple[str, ...]:
    """NAMEs of the detectors whose events another value may change."""
    return READERS.get(_table(sweep)) or tuple(kind.NAME for kind in KINDS)


def _table(sweep: Sweep) -> str:
    return sweep.path.partition(".")[0]
