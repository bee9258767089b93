"""The end of every report: goals, and where we do not win. May live here: how these are printed. May not: the figures."""

from __future__ import annotations

from typing import Any

from rich.console import Console


def show_goals(console: Console, told: dict[str, Any]) -> None:
    """`goals` (name, measured, sense, goal, met) and `not_won` of a report."""
    console.print("\n[bold]goals")
    for goal in told["goals"]:
        verdict = {True: "met", False: "NOT MET", None: "not measured"}[goal["met"]]
        console.print(f"  {goal['name']}: {goal['measured']} (goal {goal['sense']} {goal['goal']:g}): {verdict}")
    console.print("\n[bold]where we do not win")
    for line in told["not_won"] or ["(nothing found by this run)"]:
        console.print(f"  {line}")
