"""The words of `make truth`: goals, tables, the document. May hold: what is computed from the figures, and how it is printed. May not: measure."""

from __future__ import annotations

import json
from typing import Any

from sim.report import Share, wilson

DISTINCT_SPOOFING = ("position_anomaly", "position_lost", "gnss_area")
SHOWN_ITEMS = 12  # misses and false alarms of one behaviour that the document shows with their commands

SCENES_NOTE = """*Scenes*: facts asked for; *unasked*: facts that nobody could know or need not report; *shown*: events that people see. An event that finds an
unasked fact is true and not counted as right, so where few are asked for and many told, as with zones and ports, the precision says less than *false* beside
*shown*. Seconds are median/90th percentile; the delay counts from the start of the fact to the first version shown, so it contains the rule's own duration."""
SILENCES_NOTE = """Ships under way that switched off. By docs/behaviours/dark-period.md a silence is suspicious where vessels are heard well, in company that is
heard meanwhile, and shown where a border is near or can be reached: others are not asked for, and counted here, so that nothing is hidden."""
HEAD = """# Truth: what the detectors find, and what they do not

Written whole by `make truth`; nothing here was typed by hand. Seas with known facts (`benchmarks/truth/*.toml` and shipped scenarios) are simulated with
fresh seeds, replayed through the whole product with the profile `border`, and judged as docs/simulator.md says: of each event the last version counts
unless it is a candidate or retracted; same vessels, at least half of the union of both times; recall over facts that could be known from what was
received, silences only where coverage of 0.9 had been learned before and three others were near. Shares stand with their Wilson interval at
95 %. Simulated traffic is more regular than real traffic: these figures show that a detector does what it is defined to do, and what fools it, not
how well it works at sea.
"""


def goals(told: dict[str, Any]) -> list[dict[str, Any]]:
    """Each goal, what was reached, and whether it is met (None: not measured)."""
    rows = {row["behaviour"]: row for row in told["report"]["behaviours"]}
    found = []
    for name, least in (("rendezvous", 0.95), ("loitering", 0.95), ("dark", 0.9)):
        found += _pair(name, [rows[name]] if name in rows else [], least)
    found += _pair("spoofing (position_anomaly, position_lost, gnss_area)", [rows[n] for n in DISTINCT_SPOOFING if n in rows], 0.9)
    found += _pair("identity (all kinds)", [row for name, row in rows.items() if name.startswith("identity/")], 0.9)
    for name, still in told["still"].items():
        found.append(_goal(f"{name}: alerts about a vessel in {still['runs']} runs", len(still["alerts"]), at_most=0, met=not still["alerts"]))
    every = pooled([row["alarmed"] for row in told["report"]["hard_negatives"]])
    found.append(_goal("look-alikes alarmed, all kinds", every.text(), at_most=0.05, met=None if every.value is None else every.value <= 0.05))
    for name, recording in told.get("recordings", {}).items():
        if "goal" in recording:
            found.append({"goal": f"{name}: {recording['goal']}", **recording["reached"]})
    return found


def kept(told: dict[str, Any]) -> str:
    """What is worth keeping of a run, as JSON, a row a line: all counts and intervals; of misses and false alarms one of each kind, with their number."""
    report = told["report"] | {name: of_a_kind(told["report"][name]) for name in ("misses", "false_alarms")}
    return _rows(told | {"report": report}, 2) + "\n"


def of_a_kind(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items by behaviour and cause: the first of each kind, and how many are like it. What has been counted so is left as it is."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for item in items:
        kind = item["behaviour"], _caused(item)
        found[kind] = {**item, "count": item.get("count", 1)} if kind not in found else found[kind] | {"count": found[kind]["count"] + item.get("count", 1)}
    return [found[kind] for kind in sorted(found)]


def _caused(item: dict[str, Any]) -> str:
    """The scene of a miss; of a false alarm the one that fooled us: of several the first."""
    return item.get("scene") or (item.get("scenes") or ["ordinary traffic"])[0]


def _rows(value: Any, depth: int) -> str:
    """JSON with the outer `depth` levels and rows on lines of their own."""
    if depth and isinstance(value, dict):
        return "{\n" + ",\n".join(f"{json.dumps(key)}: {_rows(one, depth - 1)}" for key, one in value.items()) + "\n}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(json.dumps(one) for one in value) + "\n]"
    return json.dumps(value)


def _pair(name: str, rows: list[dict[str, Any]], least: float) -> list[dict[str, Any]]:
    """Precision and recall of some behaviours together."""
    both = []
    for what in ("precision", "recall"):
        share = pooled([row[what] for row in rows])
        both.append(_goal(f"{name}: {what}", share.text(), at_least=least, met=None if share.value is None else share.value >= least))
    return both


def _goal(goal: str, reached: Any, *, met: bool | None, at_least: float | None = None, at_most: float | None = None) -> dict[str, Any]:
    return {"goal": goal, "wanted": f">= {at_least}" if at_least is not None else f"<= {at_most}", "reached": reached, "met": met}


def pooled(shares: list[dict[str, Any]]) -> Share:
    """Several shares counted together."""
    return wilson(sum(one["hits"] for one in shares), sum(one["total"] for one in shares))


def summary_lines(told: dict[str, Any]) -> list[str]:
    """The goals, for the terminal."""
    return [f"{_mark(goal['met']):4} {goal['goal']}: {goal['reached']} (wanted {goal['wanted']})" for goal in told["goals"]]


def document(told: dict[str, Any]) -> str:
    """docs/truth.md."""
    report = told["report"]
    lines = [HEAD, *_run(told), "", "## Goals", ""]
    lines += _table(("goal", "wanted", "reached", "met"), [(goal["goal"], goal["wanted"], str(goal["reached"]), _mark(goal["met"])) for goal in told["goals"]])
    lines += ["", "## Behaviours", "", SCENES_NOTE, ""]
    lines += _table(("behaviour", *TALLY), [(f"`{row['behaviour']}`", *_tally(row)) for row in report["behaviours"]])
    lines += ["", "## By kind of scene", ""]
    scenes = [(f"`{row['scene']}`", f"`{row['behaviour']}`", *_tally(row)) for row in report["scenes"] if row["truth"]]
    lines += _table(("scene", "behaviour", *TALLY), scenes)
    lines += _silences(told["silences"])
    lines += ["", "## Look-alikes", "", "Innocent scenes; an alarm is an event that is shown about a vessel of it while it lasts.", ""]
    lines += _table(("look-alike", "facts", "alarmed", "share (95 %)", "by"), [_negative(row) for row in report["hard_negatives"]])
    lines += _still(told["still"])
    lines += [line for name, one in told.get("recordings", {}).items() for line in ("", f"## Recording {name}", "", *one["lines"])]
    lines += _items("Missed", report["misses"]) + _items("False alarms", report["false_alarms"])
    return "\n".join(lines) + "\n"


def _run(told: dict[str, Any]) -> list[str]:
    """What was played where."""
    where, seeds, runs = told["machine"], told["seeds"], told["runs"]
    versions = ", ".join(f"{name} {number}" for name, number in told["versions"].items())
    cpu_s, fixes = sum(run["cpu_s"] for run in runs), sum(run["fixes"] for run in runs)
    return [
        "## Run",
        "",
        f"Seeds: {', '.join(map(str, seeds))}. {len(runs)} runs, {fixes:,} positions, {cpu_s:.0f} s of CPU, {told['seconds']} s in all.",
        f"{where['date'][:10]}, commit {where['commit']}, {where['cpu']}, {where['cores']} cores, Python {where['python']}, {versions}.",
        f"Detectors: {', '.join(told['detectors'])}. The same seeds again: `make truth TRUTH='--seeds {','.join(map(str, seeds))}'`.",
        "",
        *_table(("sea", "what is in it"), [(f"`{name}`", title) for name, title in told["seas"].items()]),
    ]


TALLY = ("scenes", "unasked", "found", "missed", "shown", "false", "precision (95 %)", "recall (95 %)", "delay s", "start error s", "end error s")


def _tally(row: dict[str, Any]) -> tuple[str, ...]:
    counts = (row["truth"], row["unasked"], row["found"], row["truth"] - row["found"], row["events"], row["false_alarms"])
    return (
        *map(str, counts),
        *(_share(row[name]) for name in ("precision", "recall")),
        *(_spread(row[name]) for name in ("delay", "start_error", "end_error")),
    )


def _negative(row: dict[str, Any]) -> tuple[str, ...]:
    by = ", ".join(f"{name} {n}" for name, n in sorted(row["by"].items())) or "-"
    return f"`{row['scene']}`", str(row["alarmed"]["total"]), str(row["alarmed"]["hits"]), _share(row["alarmed"]), by


def _silences(counts: dict[str, dict[str, int]]) -> list[str]:
    """Why some silences are not asked for."""
    lines = ["", "## Silences", "", SILENCES_NOTE, ""]
    rows = [(why or "asked for", str(count["silences"]), str(count["told"])) for why, count in sorted(counts.items())]
    return lines + _table(("silences", "facts", "told as dark"), rows)


def _still(still: dict[str, Any]) -> list[str]:
    lines = ["", "## Seas in which nothing may alert", ""]
    for name, one in still.items():
        lines.append(f"- `{name}`: {len(one['alerts'])} alerts about vessels in {one['runs']} runs; {one['runs_with_alerts']} runs with any.")
        lines += [f"  - seed {alert['seed']}: {alert['level']}, {alert['headline'].removeprefix('EXERCISE: ')}" for alert in one["alerts"][:SHOWN_ITEMS]]
    return lines


def _items(title: str, items: list[dict[str, Any]]) -> list[str]:
    """By behaviour: how many, caused by what, and some commands that show one again."""
    lines = ["", f"## {title}", ""]
    for behaviour in sorted({item["behaviour"] for item in items}):
        mine = of_a_kind([item for item in items if item["behaviour"] == behaviour])
        told = ", ".join(f"{_caused(item)} {item['count']}" for item in sorted(mine, key=lambda one: (-one["count"], _caused(one))))
        one = max(mine, key=lambda one: one["count"])
        span = f"{one['t_start']} to {one['t_end']}"
        lines.append(f"- `{behaviour}` {sum(item['count'] for item in mine)}: {told}")
        lines.append(f"  - one of them: {one.get('cause') or one.get('fooled_by') or 'ordinary traffic'}, {span}: `{one['again']}`")
    return lines if items else [*lines, "None."]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]


def _share(one: dict[str, Any]) -> str:
    return Share(**one).text()


def _spread(one: dict[str, Any]) -> str:
    return "-" if one["median_s"] is None else f"{one['median_s']:.0f}/{one['p90_s']:.0f}"


def _mark(met: bool | None) -> str:
    return {True: "yes", False: "NO", None: "-"}[met]
