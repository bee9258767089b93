"""What the figures of the detectors say: goals, where we do not win, tables. May live here: conclusions computed from a report, and
how they are printed. May not: measuring, figures typed by hand (but the goals).
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.verdicts import show_goals

OURS = "dogwatch"


def conclusions(told: dict[str, Any]) -> dict[str, Any]:
    """Goals and whether they are met; everything in which a peer is ahead or a goal is missed."""
    return {"goals": goals(told), "not_won": not_won(told)}


def goals(told: dict[str, Any]) -> list[dict[str, Any]]:
    """The goals, the figure, and whether it is met (None: not measured). M/s: million positions per CPU second, medians."""
    track, duck = rate(told, "day", OURS, "track"), rate(told, "day", "duckdb", "track")
    masked, duck_masked = own_rate(told, "day", "rendezvous masked"), rate(told, "day", "duckdb", "rendezvous masked, 600 s")
    open_sea, duck_open = own_rate(told, "day", "rendezvous unmasked"), rate(told, "day", "duckdb", "rendezvous unmasked, 60 s")
    found = [
        _goal("track, gap, stop and loiter, 20,000 vessels, M/s", track, at_least=25),
        _goal("track, gap, stop and loiter, times DuckDB's track", _ratio(track, duck), at_least=8),
        _goal("track, gap, stop and loiter, 1,000,000 vessels, M/s", rate(told, "million", OURS, "track"), at_least=8),
        _goal("rendezvous, ports masked (its own share, each 60 s), times DuckDB's join each 600 s", _ratio(masked, duck_masked), at_least=5),
        _goal("rendezvous, unmasked (its own share), times DuckDB's join, both each 60 s", _ratio(open_sea, duck_open), at_least=1),
        _goal("rendezvous in the dense harbour, table included, M/s", rate(told, "dense", OURS, "rendezvous unmasked"), at_least=1),
        _goal("everything on, 20,000 vessels, M/s", rate(told, "day", OURS, "everything"), at_least=10),
        _goal("bytes to alerts, million messages per CPU second", _of(told, "bytes_to_alerts", "bytes to alerts", "m_per_cpu_s"), at_least=3),
        _goal("state, bytes per vessel: hot, cold and hash", _of(told, "memory", "answers", "state_bytes"), at_most=192),
        _goal("bytes per vessel, everything that all detectors keep", _of(told, "memory", "answers", "bytes"), at_most=1024),
        _goal("memory grown by 1,000,000 vessels with everything on, MiB", _of(told, "memory", "grown_mib"), at_most=1024),
        _goal("a call with 512 positions, track, p99 in microseconds", _of(told, "latency", "track", "p99_us"), at_most=100),
        _goal("a call with 512 positions, everything on, p99 in microseconds", _of(told, "latency", "everything", "p99_us"), at_most=100),
    ]
    return found + [_goal(f"twice the {row['what']}: times the CPU", row["times"], at_most=2.2) for row in told["doubling"]]


def not_won(told: dict[str, Any]) -> list[str]:
    """Every comparison in which a peer is ahead, and every goal that is missed, in words."""
    found = []
    for ours in (row for row in told["results"] if row["contender"] == OURS):
        for peer in (row for row in told["results"] if row["contender"] != OURS and row["sea"] == ours["sea"]):
            if peer["way"].split(",")[0] == ours["way"] and peer["m_per_cpu_s"] > ours["m_per_cpu_s"]:
                own = own_rate(told, ours["sea"], ours["way"])
                share = f" ({own:.2f} without the table)" if own else ""
                asks = f"{ours['sea']}: {peer['contender']} {peer['way']} {peer['m_per_cpu_s']:.2f} M/s"
                found.append(f"{asks}, our {ours['way']} {ours['m_per_cpu_s']:.2f}{share}")
    found += [f"goal missed: {goal['name']}: {goal['measured']} (goal {goal['sense']} {goal['goal']:g})" for goal in goals(told) if goal["met"] is False]
    return found


def rate(told: dict[str, Any], sea: str, contender: str, way: str) -> float | None:
    """Million positions per CPU second, or None."""
    return next((row["m_per_cpu_s"] for row in told["results"] if (row["sea"], row["contender"], row["way"]) == (sea, contender, way)), None)


def own_rate(told: dict[str, Any], sea: str, way: str) -> float | None:
    """The same by the CPU seconds of the detector alone, without the table under it; None where that is not measured."""
    for row in told["results"]:
        if (row["sea"], row["contender"], row["way"]) == (sea, OURS, way) and "own_cpu_s" in row:
            own_s = sum(each["median"] for each in row["own_cpu_s"].values())
            return round(row["positions"] / max(own_s, 1e-9) / 1e6, 3)
    return None


def show(told: dict[str, Any]) -> None:
    """Print the report."""
    console = Console(width=190)
    console.print({name: told[name] for name in ("machine", "rounds", "quick", "contenders", "seas", "planted")})
    for sea in dict.fromkeys(row["sea"] for row in told["results"]):
        console.print(_throughput(told, sea))
    each = told["each_detector"]
    if each:
        console.print(f"\n[bold]each detector, everything on, a watch round each call: {each['m_per_cpu_s']} M/s, CPU seconds of {each['cpu_s']['median']:.2f}")
    for name, cpu_s in each.get("own_cpu_s", {}).items():
        console.print(f"  {name}: {cpu_s['median']:.3f} s, {cpu_s['median'] / each['positions'] * 1e9:.1f} ns a position")
    for title, key in (
        ("bytes to alerts", "bytes_to_alerts"),
        ("memory at a million vessels", "memory"),
        ("latency, microseconds", "latency"),
        ("zones", "zones"),
    ):
        console.print(f"\n[bold]{title}")
        for name, figures in told[key].items():
            console.print(f"  {name}: {figures}")
    console.print("\n[bold]twice as much of one thing")
    for row in told["doubling"]:
        console.print(f"  {row['what']}: {row['once']['median']:.2f} s -> {row['twice']['median']:.2f} s: {row['times']} times")
    show_goals(console, told)


def _throughput(told: dict[str, Any], sea: str) -> Table:
    heads = ("contender", "what", "M positions/CPU-s", "best", "own share", "CPU s (min-max)", "wall s", "grown MiB", "answers")
    about = told["seas"][sea]
    title = f"{sea}: {about['vessels']:,} vessels, {about['hours']:g} h, {about['positions']:,} positions"
    table = Table(*heads, title=title, title_justify="left")
    for row in (row for row in told["results"] if row["sea"] == sea):
        cpu = row["cpu_s"]
        own = own_rate(told, sea, row["way"]) if row["contender"] == OURS else None
        spread = f"{cpu['median']:.3f} ({cpu['min']:.3f}-{cpu['max']:.3f})"
        figures = (f"{row['m_per_cpu_s']:.3f}", f"{row['m_per_cpu_s_best']:.3f}", f"{own:.3f}" if own else "", spread, f"{row['wall_s']['median']:.3f}")
        table.add_row(row["contender"], row["way"], *figures, str(row["grown_mib"]), _answers(row["answers"]))
    return table


def _answers(answers: dict[str, Any]) -> str:
    """Counts and the active detectors in a few words."""
    told = [f"{name} {value:,}" for name, value in answers.items() if isinstance(value, int) and name not in ("accepted", "versions")]
    told += [f"{name} {value:,}" for name, value in answers.get("events", {}).items()]
    detectors = answers.get("detectors")
    return (f"[{', '.join(detectors) or 'no detector'}] " if detectors is not None else "").replace("[", "(").replace("]", ")") + ", ".join(told)


def _goal(name: str, measured: float | None, *, at_least: float | None = None, at_most: float | None = None) -> dict[str, Any]:
    goal = at_least if at_least is not None else at_most
    assert goal is not None
    met = None if measured is None else measured >= goal if at_least is not None else measured <= goal
    sense = "at least" if at_least is not None else "at most"
    return {"name": name, "sense": sense, "goal": goal, "measured": None if measured is None else round(measured, 3), "met": met}


def _of(told: dict[str, Any], *names: str) -> float | None:
    """A figure deep in the report, None where it was not measured."""
    found: Any = told
    for name in names:
        found = found.get(name) if found else None
    return found


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours and theirs else None
