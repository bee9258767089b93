"""The simulator's command: write a recording, its truth and its zones, or serve it. May hold: files and sockets for sim/. May not: make traffic."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console as Terminal

from dogwatch.errors import InputError
from runners.ledger import replace_file
from runners.rules import read_text
from runners.serve import Outlet, outlet, play
from sim.faults import Fault, chosen, damage, faults_text
from sim.recipe import sea_row
from sim.scenario import T_START_MS, Scenario, load_scenario, scenario_names, scenario_text
from sim.simulate import GREETING, Chunk, simulate
from sim.truth import truth_ndjson, truth_rows


def read_scenario(name: str) -> Scenario:
    """A shipped scenario by name, or a file. Raises ConfigError/InputError."""
    if name.endswith(".toml") or "/" in name:
        return load_scenario(read_text(Path(name), what="scenario"), file=name)
    return load_scenario(scenario_text(name), file=f"sim/scenarios/{name}.toml")


def list_scenarios(terminal: Terminal) -> None:
    """Names and titles of the shipped scenarios."""
    for name in scenario_names():
        terminal.print(f"{name:12} {read_scenario(name).title}", highlight=False)


@dataclass(slots=True)
class Wanted:
    """What `dogwatch sim` is asked for. `scenario`: a shipped name or a file; `duration_s`: None = the scenario's own."""

    scenario: str
    seed: int
    nmea: Path | None = None
    truth: Path | None = None
    zones: Path | None = None
    duration_s: float | None = None
    faults: str = ""
    faults_out: Path | None = None

    def command(self) -> str:
        """The command that makes the same sea, without the files it is written to."""
        words = ["dogwatch", "sim", self.scenario, "--seed", str(self.seed)]
        words += [] if self.duration_s is None else ["--duration", f"{self.duration_s:g}s"]
        return shlex.join(words + (["--faults", self.faults] if self.faults else []))

    def files(self) -> list[Path]:
        """What it writes. Raises InputError for two in one, or a folder that is not there."""
        paths = [path for path in (self.nmea, self.truth, self.zones, self.faults_out) if path is not None]
        for i, path in enumerate(paths):
            if path in paths[:i]:
                raise InputError(f"{path} cannot hold two things at once", remedy="name a file for each")
            if not path.parent.is_dir():
                raise InputError(f"cannot write {path}: there is no folder {path.parent}", remedy="make it first, or name another")
        return paths


def write_files(wanted: Wanted) -> dict[str, Any]:
    """Write recording, truth and zones; what was written comes back. Raises InputError."""
    scenario = read_scenario(wanted.scenario)
    if not wanted.files():
        raise InputError("nothing to do", remedy="give --nmea FILE, --truth FILE, --zones FILE or --serve URL")
    if wanted.faults_out is not None and wanted.nmea is None:
        raise InputError("--faults-out without --nmea", remedy="faults are done to a recording: give --nmea FILE too")
    written: dict[str, Any] = {"scenario": wanted.scenario, "seed": wanted.seed}
    if wanted.truth is not None:
        length_s = scenario.duration_s if wanted.duration_s is None else wanted.duration_s
        rows = truth_rows(scenario, wanted.seed, duration_s=wanted.duration_s)
        replace_file(wanted.truth, truth_ndjson([sea_row(wanted.command(), T_START_MS, T_START_MS + round(length_s * 1000)), *rows]))
        written |= {"truth": str(wanted.truth), "truth_rows": len(rows)}
    if wanted.zones is not None:
        replace_file(wanted.zones, msgspec.json.format(msgspec.json.encode(zones_of(scenario)), indent=1) + b"\n")
        written |= {"zones": str(wanted.zones), "zones_drawn": len(scenario.zones)}
    if wanted.nmea is not None:
        done: list[Fault] = []
        written |= {"nmea": str(wanted.nmea), "sentences": _write_recording(wanted.nmea, chunks(scenario, wanted, done)), "faults": len(done)}
        if wanted.faults_out is not None:
            replace_file(wanted.faults_out, faults_text(done).encode() + b"\n")
            written |= {"faults_out": str(wanted.faults_out)}
    return written


def chunks(scenario: Scenario, wanted: Wanted, done: list[Fault]) -> Iterator[Chunk]:
    """The traffic that is asked for, with its faults, which are appended to `done`. Raises InputError."""
    traffic = simulate(scenario, wanted.seed, duration_s=wanted.duration_s)
    if not wanted.faults:
        return traffic
    text = wanted.faults if re.search("[=@]", wanted.faults) else read_text(Path(wanted.faults), what="list of faults")
    return damage(traffic, chosen(text, wanted.seed), done)


def zones_of(scenario: Scenario) -> dict[str, Any]:
    """The zones of a scenario as the GeoJSON that `replay --zones` reads. Raises InputError when it has none."""
    if not scenario.zones:
        raise InputError(f"the scenario '{scenario.name}' draws no zones", remedy="leave --zones out, here and of the replay")
    features = []
    for area in scenario.zones:
        line = [[lon, lat] for lat, lon in area.points]
        geometry = {"type": "LineString", "coordinates": line} if area.line else {"type": "Polygon", "coordinates": [[*line, line[0]]]}
        about = {"id": area.id, "name": area.name or area.id, "kind": area.zone_kind, "version": "1", "owner": "exercise"}
        features.append({"type": "Feature", "properties": about | ({"buffer_nm": area.buffer_nm} if area.buffer_nm else {}), "geometry": geometry})
    return {"type": "FeatureCollection", "features": features}


def _write_recording(path: Path, traffic: Iterator[Chunk]) -> int:
    unfinished, sentences = path.with_name(path.name + ".new"), 0
    try:
        with unfinished.open("wb") as file:
            file.write(GREETING)
            for chunk in traffic:
                file.write(chunk.data)
                sentences += chunk.data.count(b"\n")
        unfinished.replace(path)
    except OSError as fault:
        raise InputError(f"cannot write {path}: {fault.strerror}", remedy="name a file that can be written") from fault
    finally:
        unfinished.unlink(missing_ok=True)
    return sentences


def serve_scenario(wanted: Wanted, places: list[str], speed: float, terminal: Terminal, *, once: bool) -> None:
    """Play a scenario to whoever listens at `places`; `speed` 0 = as fast as it is read. Raises InputError."""
    scenario = msgspec.structs.replace(read_scenario(wanted.scenario), chunk_s=1)
    outlets: list[Outlet] = []
    try:
        for place in places:
            outlets.append(outlet(place, [receiver.id for receiver in scenario.receivers]))
        for out in outlets:
            out.greet(GREETING)
            heard = f"receiver '{out.receiver}'" if out.receiver else "all receivers"
            start = "; it starts when somebody listens" if out.awaited else ""
            terminal.print(f"EXERCISE traffic of '{wanted.scenario}', {heard}, on {out.address}{start}.", markup=False, highlight=False, soft_wrap=True)
        played = play(chunks(scenario, wanted, []), outlets, speed=speed, once=once)
    finally:
        for out in outlets:
            out.close()
    lost = f"; {played.dropped:,} bytes were lost to listeners that did not read" if played.dropped else ""
    terminal.print(f"{played.sent:,} bytes sent{lost}.", highlight=False)
