"""Back-test: what rules would have told on recorded data, beside other rules, labels and a budget. May hold: the runs, files, gates.

May not: judge or count (runners/backtest_cases.py), draw (runners/backtest_page.py). The recording runs through the replay, which is the live code path.
Its events are computed once; where both profiles ask the detectors for the same, both score the same events. Scoring is done with the caution
line far down (every case is told), so that any line can be asked for afterwards. Costs in CPU time are of this machine and this run; all else is
the same for the same inputs.
"""

from __future__ import annotations

import hashlib
import operator
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from dogwatch import __version__
from dogwatch.errors import InputError
from dogwatch.events import Event
from dogwatch.times import from_iso, iso
from risk.profile import Profile
from runners.backtest_cases import (
    Accuracy,
    CaseRow,
    Change,
    Label,
    Load,
    RuleRow,
    SweepRow,
    accuracy,
    changes,
    load,
    near_misses,
    rule_rows,
    sweep,
)  # fmt: skip
from runners.backtest_relaxed import judged_cases, relaxed_alerts
from runners.backtest_sweep import Beside, Judge, Sweep, SweepTable
from runners.detector_costs import DetectorCosts
from runners.engine import Engine, Output
from runners.ledger import Kept
from runners.replay import Options, Progress, replay
from runners.rules import read_text
from runners.step import Rules, stamped
from runners.trails import HOUR_MS, MINUTE_MS, Trails
from sim.report import Share
from tracks.coverage import Coverage

CRITERIA_EVENTS = 2_000  # so many are looked at to know what a rule's criteria cost
DAY_MS = 86_400_000
COMPARE: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt, "==": operator.eq}


class Gate(msgspec.Struct):
    """A condition that a change must meet, and whether it does."""

    text: str
    metric: str
    op: str
    limit: float
    observed: float | None = None
    passed: bool = False


class Side(msgspec.Struct):
    """One profile on these data."""

    profile: str
    version: str
    owner: str
    profile_hash: str
    params_hash: str
    load: Load
    accuracy: Accuracy
    rules: list[RuleRow]
    sweep: list[SweepRow]
    near: list[CaseRow]
    track_cpu_s: float
    score_cpu_s: float
    detectors_cpu_ms: dict[str, float]


class Result(msgspec.Struct):
    """Everything that a report says."""

    dogwatch: str
    data: dict[str, Any]
    labels: dict[str, int]
    now: Side
    before: Side | None
    changes: list[Change]
    metrics: dict[str, float | None]
    gates: list[Gate]
    sweeps: list[SweepTable] = []

    @property
    def passed(self) -> bool:
        """Whether all gates are."""
        return all(gate.passed for gate in self.gates)


@dataclass(slots=True)
class Asked:
    """What a back-test is asked for. `against`: the rules of today, if `rules` are to be compared with them."""

    inputs: list[Path]
    rules: Rules
    against: Rules | None = None
    labels: list[Label] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    coverage: Coverage | None = None
    lateness_s: float | None = None
    satellites: frozenset[str] = frozenset()
    sweeps: list[Sweep] = field(default_factory=list)  # thresholds of `rules` to be tried
    told: list[Event] = field(default_factory=list)  # filled: the events of `rules`, for whoever wants to score them anew


class Costs(NamedTuple):
    """CPU time of one replay: seconds of everything, milliseconds by detector."""

    track_s: float
    detectors_ms: dict[str, float]


def backtest(asked: Asked, progress: Callable[[Progress, Output], None] | None = None) -> tuple[Result, np.ndarray]:
    """The result, and the kept positions for its maps. Raises InputError for data that hold no position, and for gates that nothing can answer."""
    _refuse_gates(asked)
    trails, beside = Trails(), Beside(asked.sweeps)
    summary, events, costs = _events(asked, asked.rules, trails, progress, beside)
    if not trails.heard():
        raise InputError("the data hold no position that can be read: nothing was tested", remedy="dogwatch decode shows why the lines are refused")
    asked.told.extend(events)
    data = _coverage(asked, summary, trails)
    asked = replace(asked, labels=[label if label.t_end is not None else msgspec.structs.replace(label, t_end=data["t_last_ms"]) for label in asked.labels])
    now, cases = _side(asked, asked.rules, events, data, costs)
    swept = beside.tables(events, asked.rules.profile, asked.rules.normality, Judge(asked.labels, data["hours"], data["t_last_ms"]))
    before, older = None, list[CaseRow]()
    if (against := asked.against) is not None:
        if not asked.rules.detects_as(against):
            _, events, costs = _events(asked, against, Trails(), progress, Beside([]))
        before, older = _side(asked, against, events, data, costs)
    found = changes(asked.rules.profile, cases, against.profile, older) if against else []
    metrics = _metrics(now, found, compared=against is not None)
    gates = [_tried(gate, metrics) for gate in asked.gates]
    labels = {"right": sum(label.right for label in asked.labels), "wrong": sum(not label.right for label in asked.labels)}
    return Result(__version__, data, labels, now, before, found, metrics, gates, swept), trails.whole()


def _events(
    asked: Asked, rules: Rules, trails: Trails, progress: Callable[[Progress, Output], None] | None, beside: Beside
) -> tuple[dict[str, Any], list[Event], Costs]:
    """Summary and events of a replay, and what it cost. It weighs nothing: every case is scored afterwards, whatever its score (`relaxed_alerts`)."""
    rules = replace(rules, profile=msgspec.structs.replace(rules.profile, rules=[]))
    started, detectors = time.process_time(), DetectorCosts()

    def watch(state: Progress, output: Output) -> None:
        trails.take(state, output)
        if progress is not None:
            progress(state, output)

    def begun(engine: Engine) -> None:
        detectors.watch(engine.watch.track.detectors)
        beside.begin(engine)

    kept = Kept()
    options = Options(Path(), asked.lateness_s, satellites=asked.satellites)
    summary = replay(asked.inputs, rules, options, asked.coverage, watch, begun=begun, kept=kept)
    return summary, kept.events, Costs(round(time.process_time() - started, 2), detectors.ms())


def _side(asked: Asked, rules: Rules, events: list[Event], data: dict[str, Any], spent: Costs) -> tuple[Side, list[CaseRow]]:
    """One profile's view of the events."""
    profile, started = rules.profile, time.process_time()
    stamped(events, profile.content_hash)
    alerts = relaxed_alerts(profile, events, rules.normality)
    score_s = time.process_time() - started
    cases = judged_cases(profile, events, alerts, asked.labels, data["t_last_ms"])
    line = profile.levels.caution_milli
    costs = load(profile, cases, hours=data["hours"], vessels=data["vessels"], t_first_ms=data["t_first_ms"])
    side = Side(
        profile.name,
        profile.version,
        profile.owner,
        profile.content_hash,
        rules.params.params_hash,
        costs,
        accuracy(profile, cases, asked.labels, line),
        rule_rows(profile, cases, events, _criteria_ms(profile, events)),
        sweep(profile, cases, asked.labels, data["hours"]),
        near_misses(profile, cases),
        spent.track_s,
        round(score_s, 2),
        spent.detectors_ms,
    )
    return side, cases


def _criteria_ms(profile: Profile, events: list[Event]) -> dict[str, float]:
    """CPU milliseconds of each rule's criteria over all events, reckoned from some that lie evenly among them."""
    step = max(1, len(events) // CRITERIA_EVENTS)
    some, found = events[::step], {}
    for rule in profile.rules:
        started = time.process_time_ns()
        for event in some:
            rule.met(event)
        found[rule.name] = round((time.process_time_ns() - started) / 1e6 * len(events) / max(1, len(some)), 2)
    return found


def _coverage(asked: Asked, summary: dict[str, Any], trails: Trails) -> dict[str, Any]:
    """What the data are: said before anything that is made of them."""
    minutes, whole = trails.heard(), trails.whole()
    t_first_ms, t_last_ms = min(minutes) * MINUTE_MS, max(minutes) * MINUTE_MS + MINUTE_MS
    hours = np.zeros((t_last_ms - 1) // HOUR_MS - t_first_ms // HOUR_MS + 1, np.int64)
    for minute, count in minutes.items():
        hours[minute * MINUTE_MS // HOUR_MS - t_first_ms // HOUR_MS] += count
    vessels = whole["key"] >> np.uint64(32)
    days = np.unique(vessels << np.uint64(32) | (whole["t_ms"] // DAY_MS).astype(np.uint64))
    return {
        "files": [
            {"name": path.name, "bytes": path.stat().st_size, "sha256": _digest(path)} if path.is_file() else {"name": str(path)} for path in asked.inputs
        ],
        "zones": asked.rules.geography.version,
        "t_first": iso(t_first_ms),
        "t_last": iso(t_last_ms),
        "t_first_ms": t_first_ms,
        "t_last_ms": t_last_ms,
        "hours": round((t_last_ms - t_first_ms) / HOUR_MS, 4),
        "minutes_heard": len(minutes),
        "minutes_silent": (t_last_ms - t_first_ms) // MINUTE_MS - len(minutes),
        "positions": int(hours.sum()),
        "positions_each_hour": hours.tolist(),
        "vessels": len(np.unique(vessels)),
        "vessel_days": len(days),
        "lines": summary["lines"],
        "rejected": sum(summary["rejected"].values()),
        "events": summary["events"],
        "notes": summary["input_notes"],
        "coverage_known": asked.coverage is not None,
        "exercise": bool(summary.get("exercise")),
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def gate_of(text: str) -> Gate:
    """'new_alerts<=5'. Raises InputError."""
    found = re.fullmatch(r"\s*(\w+)\s*(<=|>=|==|<|>)\s*(-?\d+(?:\.\d+)?)\s*", text)
    if found is None or found.group(1) not in METRICS:
        raise InputError(f"'{text}' is no gate", remedy="write a metric, <=, >=, <, > or ==, and a number; metrics: " + ", ".join(METRICS))
    return Gate(text.strip(), found.group(1), found.group(2), float(found.group(3)))


METRICS = (
    "alerts", "new_alerts", "lost_alerts", "changed_alerts", "alerts_per_day_per_100_vessels", "alerts_per_operator_hour", "window_max",
    "precision", "precision_low", "recall", "recall_low", "delay_median_s", "unlabelled",
)  # fmt: skip
OF_LABELS = ("precision", "precision_low", "recall", "recall_low", "delay_median_s")
OF_BOTH = ("lost_alerts", "changed_alerts")


def _refuse_gates(asked: Asked) -> None:
    for gate in asked.gates:
        if gate.metric in OF_LABELS and not asked.labels:
            raise InputError(f"the gate '{gate.text}' needs labels", remedy="give --labels FILE, or leave the gate out")
        if gate.metric in OF_BOTH and asked.against is None:
            raise InputError(f"the gate '{gate.text}' compares", remedy="give --against PROFILE, or leave the gate out")


def _metrics(now: Side, found: list[Change], *, compared: bool) -> dict[str, float | None]:
    kinds = [change.kind for change in found]
    share = now.accuracy
    values: tuple[float | None, ...] = (
        now.load.alerts,
        kinds.count("added") if compared else now.load.alerts,
        kinds.count("lost"),
        kinds.count("changed"),
        now.load.per_day_per_100_vessels,
        now.load.per_operator_hour,
        now.load.window_max,
        share.precision.value,
        share.precision.low if share.precision.total else None,
        share.recall.value,
        share.recall.low if share.recall.total else None,
        share.delay.median_s,
        share.unlabelled,
    )
    return dict(zip(METRICS, values, strict=True))


def _tried(gate: Gate, metrics: dict[str, float | None]) -> Gate:
    """A gate with what was observed. What could not be observed does not pass."""
    observed = metrics[gate.metric]
    return msgspec.structs.replace(gate, observed=observed, passed=observed is not None and COMPARE[gate.op](observed, gate.limit))


def read_labels(path: Path) -> list[Label]:
    """Labels: rows with a `verdict` (`right` or `wrong`, of `mmsi[]`, `t_start`, `t_end`, perhaps `alert_id` and `type`), or a simulator's truth.

    Of a truth file, facts that are visible and scored are right, innocent look-alikes are wrong, the rest says nothing. Raises InputError.
    """
    found: list[Label] = []
    for number, line in enumerate(read_text(path, what="labels").splitlines(), 1):
        try:
            found += _labels_of(msgspec.json.decode(line, type=dict[str, Any])) if line.strip() else []
        except (msgspec.MsgspecError, KeyError, ValueError, TypeError) as fault:
            raise InputError(f"{path}:{number}: no label: {fault}", remedy="rows of mmsi[], t_start, t_end and verdict, or a truth.ndjson") from fault
    if not found:
        raise InputError(f"{path} holds no label", remedy="leave it out: nothing is then judged, and the report says so")
    return found


def _labels_of(row: dict[str, Any]) -> Iterable[Label]:
    if "verdict" not in row and (row["type"] in ("system", "safety") or not row["mmsi"]):
        return []
    if "verdict" in row:
        if row["verdict"] not in ("right", "wrong"):
            raise ValueError(f"verdict '{row['verdict']}' is neither right nor wrong")
        right = row["verdict"] == "right"
    elif row["state"] == "retracted":
        right = False
    elif row["visible"] and row["scored"]:
        right = True
    else:
        return []
    t_start = from_iso(row["t_start"])
    t_end = from_iso(row["t_end"]) if row.get("t_end") else None
    if t_start is None:
        raise ValueError("no t_start")
    t_end = t_end if t_end is not None or "verdict" not in row else t_start
    return [Label(right, [int(mmsi) for mmsi in row["mmsi"]], t_start, t_end, str(row.get("type") or ""), str(row.get("alert_id") or ""))]


def told(result: Result, report: Path) -> list[str]:
    """A few lines for a terminal."""
    now, count = result.now, result.metrics
    lines = [f"{now.profile}: {now.load.alerts} alerts in {result.data['hours']:.1f} h, {now.load.per_operator_hour:g} an operator-hour"]
    if result.before is not None:
        lines.append(f"against {result.before.profile}: {count['new_alerts']:g} added, {count['lost_alerts']:g} lost, {count['changed_alerts']:g} changed")
    share = now.accuracy
    if any(result.labels.values()):
        shares = [f"{name} {part.value if part.value is not None else '-'} ({part.hits}/{part.total})" for name, part in _shares(share)]
        lines.append(f"{', '.join(shares)}, {share.unlabelled} without a label")
    lines += [f"gate {gate.text}: {'kept' if gate.passed else 'NOT KEPT'}, observed {gate.observed}" for gate in result.gates]
    return [*lines, f"report: {report}"]


def _shares(share: Accuracy) -> list[tuple[str, Share]]:
    return [("precision", share.precision), ("recall", share.recall)]
