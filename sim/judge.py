"""The judge: events against truth. May hold: matching and counting. May not: files, opinions about thresholds.

Rules (house rules, section 6): of each event the last version counts, unless it is a candidate or retracted; an event finds a
fact when the vessels are the same and they overlap by at least half of their union (a fact without duration: starts
within POINT_MS). "The same vessels" of three and more is half of their union too: an area or a fleet is never known to the last
boat. One event finds one fact. Of several facts about the same vessels at the same time (two hulls under one MMSI) an event finds
the one in whose place it is. Subtypes that are different things (DISTINCT) must be equal; others say how the same thing looks.

Recall is over facts that are visible and scored; an event that finds another fact is neither right nor wrong. Later events about a
beacon already found are repeats, not false alarms. Notices about the watch itself (type `system`) are not judged. Several runs are
matched each on its own and counted together. Pure functions: rows in, a report out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from dogwatch.errors import InputError
from dogwatch.events import TIME_FIELDS, Event, State, to_plain
from dogwatch.geo import NM_M, great_circle_m
from dogwatch.times import from_iso, iso
from sim.report import FalseAlarm, HardNegative, Miss, Report, SceneTally, Tally, spread, wilson

OVERLAP_MIN = 0.5
POINT_MS = 60_000
APART_NM = 20.0  # nobody confuses two hulls that are farther apart; a spoofed place may be, so this orders matches and forbids none
DISTINCT = {"safety", "identity", "zone", "infra", "anomaly"}  # types whose subtypes are different things
Row = dict[str, Any]
REMEDY = {"event": "is this a truth or alerts file? see docs/simulator.md", "truth": "is this an events file? see docs/simulator.md"}
BY_NUMBER = ("identity", "bad_mmsi")  # a fact about a number, whoever sends it


class Run(msgspec.Struct):
    """Events and truth of one run; `again`: the commands that make both again and judge them, where that is known."""

    events: Iterable[Mapping[str, Any] | Event]
    truth: Iterable[Mapping[str, Any]]
    name: str = ""
    again: str = ""


class _Pair(msgspec.Struct):
    event: Row
    fact: Row
    overlap: float
    delay_ms: int

    @property
    def right(self) -> bool:
        return bool(_asked(self.fact))


class _Outcome(msgspec.Struct):
    """One run, matched: all facts and shown events, who found what, and who is wrong."""

    run: Run
    facts: list[Row]
    innocent: list[Row]
    events: list[Row]
    pairs: list[_Pair]
    repeats: list[Row]
    false: list[Row]


def judge(events: Iterable[Mapping[str, Any] | Event], truth: Iterable[Mapping[str, Any]]) -> Report:
    """Compare events (rows of events.ndjson or Event records, all versions) with truth rows. Raises InputError on rows of another kind."""
    return judge_runs([Run(events, truth)])


def judge_runs(runs: Iterable[Run]) -> Report:
    """The same over several runs: each is matched on its own, all are counted together. Raises InputError."""
    outcomes = [_match_run(run) for run in runs]
    names = sorted({_behaviour(row) for o in outcomes for row in o.facts + o.events})
    scenes = sorted({(_scene(fact), _behaviour(fact)) for o in outcomes for fact in o.facts})
    negatives = sorted({_scene(fact) for o in outcomes for fact in o.innocent})
    return Report(
        len(outcomes),
        [_tally(name, outcomes) for name in names],
        [_scene_tally(scene, name, outcomes) for scene, name in scenes],
        [_negative(scene, outcomes) for scene in negatives],
        [miss for o in outcomes for miss in _misses(o)],
        [alarm for o in outcomes for alarm in _false_alarms(o)],
    )


def overlap(event: Mapping[str, Any], fact: Mapping[str, Any]) -> float:
    """Share of the union of two spans that both cover; for a fact without duration 1 when the starts are within POINT_MS, else 0."""
    if fact["t_end"] <= fact["t_start"]:
        return float(abs(event["t_start"] - fact["t_start"]) <= POINT_MS)
    both = min(event["t_end"], fact["t_end"]) - max(event["t_start"], fact["t_start"])
    return max(0, both) / (max(event["t_end"], fact["t_end"]) - min(event["t_start"], fact["t_start"]))


def about(rows: Iterable[Row], mmsi: set[int]) -> list[Row]:
    """The rows about any of these vessels, and about none at all (the sea, the watch): judging them alone gives the same items."""
    return [row for row in rows if not row.get("mmsi") or mmsi & set(row["mmsi"])]


def _match_run(run: Run) -> _Outcome:
    every = [_plain(event, "event") for event in run.events]
    rows = [_plain(row, "truth") for row in run.truth]
    end_ms = max((row[name] for row in every + rows for name in ("t_start", "t_end", "t_detected") if row.get(name) is not None), default=0)
    events = [event for event in _last_versions(every) if event["state"] not in ("candidate", "retracted") and event["type"] != "system"]
    facts = _distinct([row for row in rows if row["type"] != "system"])
    for row in events + facts:
        row["t_end"] = end_ms if row["t_end"] is None else row["t_end"]
    true = [fact for fact in facts if fact["state"] != "retracted"]
    pairs = _match(events, true, _first_seen(every))
    used = {id(pair.event) for pair in pairs}
    left = [event for event in events if id(event) not in used]
    repeats = [event for event in left if any(_repeats(event, pair.fact) for pair in pairs)]
    again = {id(event) for event in repeats}
    innocent = [fact for fact in facts if fact["state"] == "retracted"]
    return _Outcome(run, true, innocent, events, pairs, repeats, [event for event in left if id(event) not in again])


def _distinct(facts: list[Row]) -> list[Row]:
    """Facts, those about a number alone once: two ships under one number that nobody was given are one bad number."""
    return list({(_number(fact) if (fact["type"], fact["subtype"]) == BY_NUMBER else id(fact)): fact for fact in facts}.values())


def _number(fact: Row) -> tuple[Any, ...]:
    return *fact["mmsi"], fact["t_start"], fact["t_end"], fact["state"]


def _match(events: list[Row], facts: list[Row], first_seen: dict[str, int]) -> list[_Pair]:
    """Pairs of one event and one fact: the right subtype and place first, then the best overlap."""
    pairs = []
    for fact in facts:
        for event in events:
            if _same_thing(event, fact) and same_vessels(event["mmsi"], fact["mmsi"]) and (share := overlap(event, fact)) >= OVERLAP_MIN:
                pairs.append(_Pair(event, fact, share, first_seen[event["event_id"]] - fact["t_start"]))
    chosen: list[_Pair] = []
    taken: set[int] = set()
    for pair in sorted(pairs, key=_rank):
        if id(pair.event) not in taken and id(pair.fact) not in taken:
            chosen.append(pair)
            taken |= {id(pair.event), id(pair.fact)}
    return chosen


def _rank(pair: _Pair) -> tuple[bool, bool, float, float, int, int, str]:
    event, fact = pair.event, pair.fact
    known = None not in (event.get("lat"), event.get("lon"), fact.get("lat"), fact.get("lon"))
    away_nm = great_circle_m(event["lat"], event["lon"], fact["lat"], fact["lon"]) / NM_M if known else 0.0
    return event["subtype"] != fact["subtype"], away_nm > APART_NM, -pair.overlap, away_nm, fact["t_start"], event["t_start"], event["event_id"]


def same_vessels(ours: list[int], theirs: list[int]) -> bool:
    """Equal sets; where either has three and more, at least half of their union."""
    one, two = set(ours), set(theirs)
    return one == two or (max(len(one), len(two)) > 2 and len(one & two) >= OVERLAP_MIN * len(one | two))


def _same_thing(event: Row, fact: Row) -> bool:
    return event["type"] == fact["type"] and (event["type"] not in DISTINCT or event["subtype"] == fact["subtype"])


def _repeats(event: Row, fact: Row) -> bool:
    """A beacon goes on after it was found: later events about it say nothing false."""
    return event["type"] == "safety" and _same_thing(event, fact) and set(event["mmsi"]) == set(fact["mmsi"]) and event["t_start"] >= fact["t_start"] - POINT_MS


def _tally(name: str, outcomes: list[_Outcome]) -> Tally:
    """One behaviour over all runs."""
    return Tally(**_counts(name, outcomes, lambda fact: _behaviour(fact) == name, lambda event, _: _behaviour(event) == name))


def _scene_tally(scene: str, name: str, outcomes: list[_Outcome]) -> SceneTally:
    """One behaviour in one kind of scene over all runs."""

    def wanted(fact: Row) -> bool:
        return (_scene(fact), _behaviour(fact)) == (scene, name)

    def about_it(event: Row, outcome: _Outcome) -> bool:
        return _behaviour(event) == name and any(wanted(fact) for fact in _touched(event, outcome.facts))

    return SceneTally(**_counts(name, outcomes, wanted, about_it), scene=scene)


def _counts(name: str, outcomes: list[_Outcome], is_fact: Callable[[Row], bool], is_event: Callable[[Row, _Outcome], bool]) -> dict[str, Any]:
    facts = [fact for o in outcomes for fact in o.facts if is_fact(fact)]
    right = [pair for o in outcomes for pair in o.pairs if pair.right and is_fact(pair.fact)]
    false = sum(is_event(event, o) for o in outcomes for event in o.false)
    asked = sum(map(_asked, facts))
    return {
        "behaviour": name,
        "truth": asked,
        "unasked": len(facts) - asked,
        "found": len(right),
        "events": sum(is_event(event, o) for o in outcomes for event in o.events),
        "false_alarms": false,
        "repeats": sum(is_event(event, o) for o in outcomes for event in o.repeats),
        "precision": wilson(len(right), len(right) + false),
        "recall": wilson(len(right), asked),
        "delay": spread(pair.delay_ms for pair in right),
        "start_error": spread(abs(pair.event["t_start"] - pair.fact["t_start"]) for pair in right),
        # a moment has no end, whatever the event about it has
        "end_error": spread(abs(pair.event["t_end"] - pair.fact["t_end"]) for pair in right if pair.fact["t_end"] > pair.fact["t_start"]),
    }


def _negative(scene: str, outcomes: list[_Outcome]) -> HardNegative:
    """One kind of look-alike over all runs."""
    total, alarmed, by = 0, 0, Counter[str]()
    for outcome in outcomes:
        facts = [fact for fact in outcome.innocent if _scene(fact) == scene]
        touched = [(event, _touched(event, facts)) for event in outcome.false]
        total += len(facts)
        alarmed += len({id(fact) for _, some in touched for fact in some})
        by.update(_behaviour(event) for event, some in touched if some)
    return HardNegative(scene, wilson(alarmed, total), dict(sorted(by.items())))


def _misses(outcome: _Outcome) -> list[Miss]:
    found = {id(pair.fact) for pair in outcome.pairs}
    misses = []
    for fact in outcome.facts:
        if _asked(fact) and id(fact) not in found:
            near = (overlap(event, fact) for event in outcome.events if _same_thing(event, fact) and same_vessels(event["mmsi"], fact["mmsi"]))
            span = iso(fact["t_start"]), iso(fact["t_end"])
            again = _again(outcome.run, fact["mmsi"])
            nearest = round(max(near, default=0.0), 3)
            misses.append(Miss(outcome.run.name, _behaviour(fact), _scene(fact), fact["mmsi"], *span, fact["cause"], nearest, again))
    return misses


def _false_alarms(outcome: _Outcome) -> list[FalseAlarm]:
    alarms = []
    for event in outcome.false:
        by = _touched(event, outcome.facts + outcome.innocent)
        span = iso(event["t_start"]), iso(event["t_end"])
        causes, scenes = "; ".join(sorted({fact["cause"] for fact in by})), sorted({_scene(fact) for fact in by})
        again = _again(outcome.run, event["mmsi"])
        alarms.append(FalseAlarm(outcome.run.name, _behaviour(event), event["event_id"], event["mmsi"], *span, causes, scenes, again))
    return alarms


def _again(run: Run, mmsi: list[int]) -> str:
    return f"{run.again} --only {','.join(map(str, mmsi))}" if run.again else ""


def _touched(event: Row, facts: list[Row]) -> list[Row]:
    """The facts about any vessel of the event that go on while it does."""
    mmsi = set(event["mmsi"])
    return [f for f in facts if mmsi & set(f["mmsi"]) and f["t_start"] - POINT_MS <= event["t_end"] and event["t_start"] <= f["t_end"] + POINT_MS]


def _asked(fact: Row) -> bool:
    return bool(fact["visible"] and fact["scored"])


def _behaviour(row: Row) -> str:
    """The heading a row is counted under: its type, with the subtype where that is another thing."""
    return f"{row['type']}/{row['subtype']}" if row["type"] in DISTINCT and row["subtype"] else str(row["type"])


def _scene(fact: Row) -> str:
    """The kind of scene a fact belongs to; the behaviour where its file does not tell."""
    return str(fact.get("behaviour") or _behaviour(fact))


def _last_versions(events: list[Row]) -> list[Row]:
    newest: dict[str, Row] = {}
    for event in events:
        known = newest.get(event["event_id"])
        if known is None or event["version"] > known["version"]:
            newest[event["event_id"]] = event
    return sorted(newest.values(), key=lambda e: (e["t_start"], e["event_id"]))


def _first_seen(events: list[Row]) -> dict[str, int]:
    """When each event was first shown to anybody."""
    seen: dict[str, int] = {}
    for event in events:
        if event["state"] != "candidate":
            seen[event["event_id"]] = min(event["t_detected"], seen.get(event["event_id"], event["t_detected"]))
    return seen


class _Read(msgspec.Struct):
    """What the judge reads of an event."""

    event_id: str
    version: int
    state: State
    type: str
    subtype: str
    mmsi: list[int]
    t_start: str | int
    t_end: str | int | None
    t_detected: str | int
    lat: float | None = None
    lon: float | None = None


class _ReadTruth(_Read, kw_only=True):
    """And of a fact."""

    cause: str
    visible: bool
    scored: bool


def row_fault(row: Mapping[str, Any], what: str) -> str:
    """What is wrong with a row of an 'event' or 'truth' file, '' for nothing."""
    kind = _Read if what == "event" else _ReadTruth
    missing = [field.name for field in msgspec.structs.fields(kind) if field.required and field.name not in row]
    if missing:
        return f"a row of the {what} file lacks {', '.join(missing)}"
    try:
        msgspec.convert(row, kind)
        start_ms, end_ms, _ = (_moment(row[name]) for name in ("t_start", "t_end", "t_detected"))
        if what == "truth" and start_ms is not None and end_ms is not None and end_ms < start_ms:
            return "a row of the truth file ends before it starts"
    except ValueError as fault:  # msgspec's own among them
        return f"a row of the {what} file is not right: {fault}"
    return ""


def _plain(row: Mapping[str, Any] | Event, what: str) -> Row:
    """A copy with times in milliseconds. Raises InputError naming what is missing or wrong."""
    plain = to_plain(row) if isinstance(row, Event) else dict(row)
    if fault := row_fault(plain, what):
        raise InputError(fault, remedy=REMEDY[what], value=plain)
    return plain | {name: _moment(plain[name]) for name in TIME_FIELDS if name in plain}


def _moment(time: str | int | None) -> int | None:
    return from_iso(time) if isinstance(time, str) else time
