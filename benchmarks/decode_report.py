"""What the figures say: goals, where we do not win, tables. May live here: conclusions computed from a report, and how they are
printed. May not: measuring, figures typed by hand.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.verdicts import show_goals

TIER_NAMES = {
    "columns": "(a) bytes to columns",
    "dicts": "(b) bytes to one dictionary or JSON object per message",
    "records": "(c) bytes to records for Kafka",
    "bare": "less than (a): no fields looked at",
}
MORE = {
    "aiscat": "decodes the binary bodies of types 6 and 8 and adds texts of codes",
    "gpsdecode": "decodes the binary bodies of types 6 and 8 and adds texts of codes; JSON only, so its columns are read from JSON",
    "pyais": "decodes every type to named fields, common bodies of type 8 on demand",
    "libais": "decodes the binary bodies of types 6 and 8; verifies no checksum",
    "dogwatch": "columns hold receive and event time, flags, receiver, statics and safety reports; NDJSON holds positions only",
}


def conclusions(told: dict[str, Any]) -> dict[str, Any]:
    """Goals and whether they are met; everything in which a peer is ahead; what each does more."""
    return {"goals": goals(told), "not_won": not_won(told), "does_more": {name: MORE[name] for name in told["decoders"]}}


def goals(told: dict[str, Any]) -> list[dict[str, Any]]:
    """The goals of the decoder, the figure, and whether it is met (None: not measured)."""
    plain, tagged = _best(told, "plain", "columns", "dogwatch"), _best(told, "tagged", "columns", "dogwatch")
    pyais = max(filter(None, (_best(told, "plain", tier, "pyais") for tier in ("bare", "columns"))), default=None)  # the faster one: in its favour
    aiscat = _best(told, "plain", "dicts", "aiscat", output="dict")
    start = told["start"].get("dogwatch", {"cold": {"first_call_s": None}, "warm": {"first_call_s": None}})
    return [
        _goal("plain lines per CPU second to columns", plain, at_least=15e6),
        _goal("tagged lines per CPU second to columns", tagged, at_least=10e6),
        _goal("times pyais, its fastest way, plain", plain and pyais and plain / pyais, at_least=120),
        _goal("times aiscat's dictionaries, plain", plain and aiscat and plain / aiscat, at_least=12),
        _goal("microseconds for one sentence, median", told["one_sentence"]["dogwatch"]["decode"]["p50_us"], at_most=2.5),
        _goal("CPU seconds to the first batch after importing numba, cold", start["cold"]["first_call_s"], at_most=5),
        _goal("CPU seconds to the first batch after importing numba, warm", start["warm"]["first_call_s"], at_most=0.3),
    ]


def not_won(told: dict[str, Any]) -> list[str]:
    """Every comparison in which a peer is ahead of one of our outputs, in words."""
    found = []
    for ours in (row for row in told["results"] if row["decoder"] == "dogwatch"):
        for peer in (row for row in told["results"] if row["decoder"] != "dogwatch" and (row["corpus"], row["tier"]) == (ours["corpus"], ours["tier"])):
            where = f"{ours['corpus']}, {TIER_NAMES[ours['tier']]}: {peer['decoder']} {peer['output']}"
            if peer["lines_per_cpu_s"] > ours["lines_per_cpu_s"]:
                found.append(f"{where} {_millions(peer)} against our {ours['output']} {_millions(ours)} M lines/CPU-s")
            if ours["tier"] != "columns":
                continue
            if peer["peak_rss_mib"] < ours["peak_rss_mib"] and ours["corpus"] == "plain":
                found.append(f"{where} takes {peer['peak_rss_mib']} MiB of memory, we {ours['peak_rss_mib']} MiB, the corpus included")
            if peer["messages"] > ours["messages"]:
                found.append(f"{where} gives {peer['messages']:,} messages, we {ours['messages']:,} (see the disagreements)")
    one = told["one_sentence"]
    for name, calls in one.items():
        found += [
            f"one sentence: {name} {call}, {quantile} {times[quantile]} us against our {one['dogwatch']['decode'][quantile]} us"
            for call, times in calls.items()
            for quantile in ("p50_us", "p99_us")
            if name != "dogwatch" and times[quantile] < one["dogwatch"]["decode"][quantile]
        ]
    whole = {name: _start_s(name, start) for name, start in told["start"].items()}
    found += [
        f"start: {name} {cpu_s:.2f} CPU-s from nothing to the first message, we {whole['dogwatch']:.2f} (warm)"
        for name, cpu_s in whole.items()
        if cpu_s < whole["dogwatch"]
    ]
    return list(dict.fromkeys(found))


def show(told: dict[str, Any]) -> None:
    """Print the report."""
    console = Console(width=170)
    console.print({"machine": told["machine"], "rounds": told["rounds"], "decoders": told["decoders"], "corpora": told["corpora"]})
    for tier, name in TIER_NAMES.items():
        console.print(_throughput(told, tier, name))
    console.print(_disagreements(told))
    for title, key in (("one sentence, microseconds", "one_sentence"), ("start, CPU seconds", "start"), ("what each does more", "does_more")):
        console.print(f"\n[bold]{title}")
        for name, figures in told[key].items():
            console.print(f"  {name}: {figures}")
    show_goals(console, told)


def _throughput(told: dict[str, Any], tier: str, name: str) -> Table:
    heads = ("corpus", "decoder", "output", "M lines/CPU-s", "CPU s (min-max)", "wall s", "messages", "positions", "RSS MiB")
    table = Table(*heads, title=name, title_justify="left")
    for row in (row for row in told["results"] if row["tier"] == tier):
        cpu = row["cpu_s"]
        counts = ["" if row[key] is None else f"{row[key]:,}" for key in ("messages", "positions")]
        spread = f"{cpu['median']:.3f} ({cpu['min']:.3f}-{cpu['max']:.3f})"
        table.add_row(row["corpus"], row["decoder"], row["output"], _millions(row), spread, f"{row['wall_s']['median']:.3f}", *counts, str(row["peak_rss_mib"]))
    return table


def _disagreements(told: dict[str, Any]) -> Table:
    table = Table("corpus", "peer", "what", "class", "count", title="disagreements with ours, recordings once", title_justify="left")
    for corpus, peers in told["agreement"].items():
        for peer, found in peers.items():
            for what, classes in found.get("disagreements", {}).items() if isinstance(found, dict) else ():
                for why, count in classes.items():
                    table.add_row(corpus, peer, what, why, f"{count:,}")
    return table


def _best(told: dict[str, Any], corpus: str, tier: str, decoder: str, output: str = "") -> int | None:
    rates = [
        row["lines_per_cpu_s"]
        for row in told["results"]
        if (row["corpus"], row["tier"], row["decoder"]) == (corpus, tier, decoder) and output in ("", row["output"])
    ]
    return max(rates, default=None)


def _goal(name: str, measured: float | None, *, at_least: float | None = None, at_most: float | None = None) -> dict[str, Any]:
    goal = at_least if at_least is not None else at_most
    assert goal is not None
    met = None if measured is None else measured >= goal if at_least is not None else measured <= goal
    return {"name": name, "sense": "at least" if at_least is not None else "at most", "goal": goal, "measured": measured and round(measured, 3), "met": met}


def _millions(row: dict[str, Any]) -> str:
    return f"{row['lines_per_cpu_s'] / 1e6:.3f}"


def _start_s(name: str, start: dict[str, Any]) -> float:
    return start["warm"]["import_numba_s"] + start["warm"]["first_call_s"] if name == "dogwatch" else start["first_call_s"]
