"""The simulator's commands: write a recording and its truth, serve it, judge events against truth. May hold: files and sockets for sim/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console as Terminal

from dogwatch.errors import InputError
from runners.ledger import replace_file
from runners.rules import read_text
from runners.serve import outlet, play
from sim.judge import judge
from sim.scenario import Scenario, load_scenario, scenario_names, scenario_text
from sim.simulate import simulate
from sim.truth import truth_rows


def read_scenario(name: str) -> Scenario:
    """A shipped scenario by name, or a file. Raises ConfigError/InputError."""
    if name.endswith(".toml") or "/" in name:
        return load_scenario(read_text(Path(name), what="scenario"), file=name)
    return load_scenario(scenario_text(name), file=f"sim/scenarios/{name}.toml")


def list_scenarios(terminal: Terminal) -> None:
    """Names and titles of the shipped scenarios."""
    for name in scenario_names():
        terminal.print(f"{name:12} {read_scenario(name).title}", highlight=False)


def write_scenario(name: str, seed: int, nmea: Path | None, truth: Path | None, duration_s: float | None) -> dict[str, Any]:
    """Write recording and truth; what was written comes back."""
    scenario = read_scenario(name)
    if nmea is not None and nmea == truth:
        raise InputError(f"{nmea} cannot hold both the recording and the truth", remedy="name two files")
    for path in (nmea, truth):
        if path is not None and not path.parent.is_dir():
            raise InputError(f"cannot write {path}: there is no folder {path.parent}", remedy="make it first, or name another")
    written: dict[str, Any] = {"scenario": name, "seed": seed}
    if truth is not None:
        rows = truth_rows(scenario, seed, duration_s=duration_s)
        replace_file(truth, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        written |= {"truth": str(truth), "truth_rows": len(rows)}
    if nmea is not None:
        written |= {"nmea": str(nmea), "sentences": _write_recording(nmea, scenario, seed, duration_s)}
    return written


def _write_recording(path: Path, scenario: Scenario, seed: int, duration_s: float | None) -> int:
    unfinished, sentences = path.with_name(path.name + ".new"), 0
    try:
        with unfinished.open("wb") as file:
            for chunk in simulate(scenario, seed, duration_s=duration_s):
                file.write(chunk.data)
                sentences += chunk.data.count(b"\n")
        unfinished.replace(path)
    except OSError as fault:
        raise InputError(f"cannot write {path}: {fault.strerror}", remedy="name a file that can be written") from fault
    finally:
        unfinished.unlink(missing_ok=True)
    return sentences


def serve_scenario(name: str, seed: int, url: str, speed: float, duration_s: float | None, terminal: Terminal) -> None:
    """Play a scenario to whoever connects."""
    scenario = read_scenario(name)
    out = outlet(url)
    terminal.print(f"EXERCISE traffic of '{name}' on {out.address}; it starts with the first listener.", highlight=False, soft_wrap=True)
    try:
        sent = play(simulate(scenario, seed, duration_s=duration_s), out, speed=speed)
    finally:
        out.close()
    terminal.print(f"{sent:,} bytes sent.", highlight=False)


def judge_files(events: Path, truth: Path, terminal: Terminal, *, as_json: bool) -> None:
    """Compare a run with the truth and print the table."""
    report = judge(_rows(events), _rows(truth))
    if as_json:
        terminal.file.write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
        return
    terminal.print(
        f"{'behaviour':14} {'truth':>5} {'found':>5} {'false':>5}  precision (95 %)      recall (95 %)         delay s", highlight=False, soft_wrap=True
    )
    for row in report.behaviours:
        terminal.print(row.line(), highlight=False, soft_wrap=True)


def _rows(path: Path) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(read_text(path, what="NDJSON file").splitlines(), 1):
        try:
            rows.append(msgspec.json.decode(line, type=dict[str, Any]))
        except msgspec.DecodeError as fault:
            raise InputError(f"{path}:{number}: not a JSON object: {fault}", remedy="name a file written by replay or sim") from fault
    return rows
