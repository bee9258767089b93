"""The judge's command: results and truth of one run or many, side by side. May hold: finding and reading their files, printing. May not: judge.

A run is a folder with `truth.ndjson` and, in it or in its `out/`, `events.ndjson` with the `summary.json` of the replay beside it. What
made the truth stands in its first row, what the replay was told in its summary: together they are the commands that show an item again.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console as Terminal

from dogwatch.errors import InputError
from runners.rules import read_text
from sim.judge import REMEDY, Run, about, judge_runs, row_fault
from sim.recipe import command_of
from sim.report import NEGATIVE_HEAD, SCENE_HEAD, TALLY_HEAD, Report, table_lines

EVENTS, TRUTH = "events.ndjson", "truth.ndjson"


def judge_files(pairs: list[tuple[Path, Path]], only: set[int]) -> Report:
    """Judge (events, truth) files, pooled; `only`: about these vessels, empty for all. Raises InputError."""
    runs = []
    for events, truth in pairs:
        said, true = _rows(events, "event"), _rows(truth, "truth")
        again = _again(command_of(true), events)
        if only:
            said, true = about(said, only), about(true, only)
        runs.append(Run(said, true, str(truth), again))
    return judge_runs(runs)


def find_runs(folder: Path) -> list[tuple[Path, Path]]:
    """(events, truth) of every run in a folder and below it, by name. Raises InputError when there is none, or one without events."""
    pairs = []
    for truth in sorted(folder.rglob(TRUTH)):
        events = next((path for path in (truth.parent / EVENTS, truth.parent / "out" / EVENTS) if path.is_file()), None)
        if events is None:
            raise InputError(f"{truth.parent} has {TRUTH} but no {EVENTS}", remedy=f"dogwatch replay its recording --out {truth.parent / 'out'}")
        pairs.append((events, truth))
    if not pairs:
        raise InputError(f"no {TRUTH} in {folder} or below it", remedy="write one with dogwatch sim --truth; docs/simulator.md shows the folders")
    return pairs


def print_report(report: Report, terminal: Terminal) -> None:
    """The tables, then every item with the commands that show it again."""
    lines = table_lines(TALLY_HEAD, [row.cells() for row in report.behaviours])
    if report.scenes:
        lines += ["", *table_lines(SCENE_HEAD, [row.cells() for row in report.scenes])]
    if report.hard_negatives:
        lines += ["", *table_lines(NEGATIVE_HEAD, [row.cells() for row in report.hard_negatives])]
    said = [(item.text(), item.again) for item in report.misses] + [(item.text(), item.again) for item in report.false_alarms]
    for text, again in said:
        lines += ["", text, *([f"  {again}"] if again else [])]
    for line in lines:
        terminal.print(line, markup=False, highlight=False, soft_wrap=True)


def _again(sea: str, events: Path) -> str:
    """Commands that make the sea and the run again, in files called `again`; '' where the truth does not tell how it was made."""
    if not sea:
        return ""
    summary = events.parent / "summary.json"
    options = msgspec.json.decode(summary.read_bytes()).get("options", []) if summary.is_file() else []
    replay = shlex.join(["dogwatch", "replay", "again.nmea", "--out", "again", *options])
    return f"{sea} --nmea again.nmea --truth again.truth && {replay} && dogwatch judge --events again/{EVENTS} --truth again.truth"


def _rows(path: Path, what: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(read_text(path, what="NDJSON file").splitlines(), 1):
        try:
            rows.append(msgspec.json.decode(line, type=dict[str, Any]))
        except msgspec.DecodeError as fault:
            raise InputError(f"{path}:{number}: not a JSON object: {fault}", remedy="name a file written by replay or sim") from fault
        if wrong := row_fault(rows[-1], what):
            raise InputError(f"{path}:{number}: {wrong}", remedy=REMEDY[what])
    return rows
