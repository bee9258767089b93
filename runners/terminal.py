"""What a replay shows on a terminal: a progress line on stderr, a summary on stdout. May hold: layout. May not: results."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console as Terminal
from rich.markup import escape
from rich.status import Status

from dogwatch.batch import T_MISSING
from dogwatch.times import iso
from runners.engine import Output
from runners.replay import Progress

REFRESH_S = 0.2


class ReplayProgress:
    """One status line while a replay runs, only on a terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self.status: Status | None = terminal.status("reading ...") if terminal.is_terminal else None
        self.last = 0.0

    def __enter__(self) -> ReplayProgress:
        if self.status:
            self.status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        if self.status:
            self.status.stop()

    def show(self, progress: Progress, _output: Output) -> None:
        """Refresh the line a few times a second."""
        now = time.monotonic()
        if self.status is None or now - self.last < REFRESH_S:
            return
        self.last = now
        newest_ms = progress.engine.newest_ms
        moment = "no time yet" if newest_ms == T_MISSING else iso(newest_ms)
        self.status.update(f"{progress.lines:,} lines, event time {moment}, {progress.events} events, {progress.alerts} alert revisions")


def print_summary(terminal: Terminal, summary: dict[str, Any], out: Path) -> None:
    """The summary in a few lines for people; `summary.json` has all of it."""
    rejected = ", ".join(f"{n:,} {reason}" for reason, n in summary["rejected"].items()) or "none"
    decoded = sum(summary["decoded"].values())
    lines = [
        f"{summary['lines']:,} lines: {decoded:,} messages decoded, {summary['parts']:,} further parts, {sum(summary['other'].values()):,} other lines, "
        f"{sum(summary['rejected'].values()):,} rejected ({rejected})",
        f"{summary['fixes']:,} fixes of {summary['vessels']:,} vessels, {summary['t_first'] or 'no time'} to {summary['t_last'] or 'no time'}",
        f"events: {_counts(summary['events'])}; candidates not shown: {_counts(summary['candidates'])}; retracted: {_counts(summary['retracted'])}",
        f"alerts: {_counts(summary['alerts'])}",
        f"{summary['seconds']:.1f} s, {summary['rates']['messages_per_cpu_s']:,} messages per CPU second; wrote events, alerts and summary to {out}/",
    ]
    for line in lines:
        terminal.print(escape(line), highlight=False, soft_wrap=True)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items()) or "none"
