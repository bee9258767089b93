"""The simulator's command: write a recording, its truth and its zones, or serve it. May hold: files and sockets for sim/. May not: make traffic."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console as Terminal

from dogwatch.config import parse
from dogwatch.errors import InputError
from ingest.kernel import BACKSTEP_MS
from runners.background import Background, read_background
from runners.ledger import replace_file
from runners.rules import read_text
from runners.serve import Outlet, outlet, play
from sim.behaviours import Behaviours
from sim.cast import build_world, cast
from sim.faults import Fault, chosen, damage, faults_text
from sim.mix import mix, without_clocks
from sim.recipe import sea_row
from sim.scenario import NO_REGION, T_START_MS, Scenario, load_scenario, planted_names, scenario_names, scenario_text
from sim.scene import table_name
from sim.simulate import GREETING, Chunk, simulate
from sim.truth import truth_ndjson, truth_rows


def read_scenario(name: str, behind: Background | None = None) -> Scenario:
    """A shipped scenario by name, or a file; what it lacks of a sea is that of the recording behind it. Raises ConfigError/InputError."""
    region, receivers = (behind.region, behind.receivers) if behind else (NO_REGION, [])
    if name.endswith(".toml") or "/" in name:
        return load_scenario(read_text(Path(name), what="scenario"), file=name, region=region, receivers=receivers)
    return load_scenario(scenario_text(name), file=f"sim/scenarios/{name}.toml", region=region, receivers=receivers)


def list_scenarios(terminal: Terminal) -> None:
    """Names and titles of the shipped scenarios."""
    for name in scenario_names():
        terminal.print(f"{name:16} {read_scenario(name).title}", highlight=False)
    for name in planted_names():
        terminal.print(f"{name:16} (with --background) {parse(scenario_text(name), Scenario, file=name).title}", highlight=False)


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
    background: Path | None = None

    def command(self) -> str:
        """The command that makes the same sea, without the files it is written to."""
        words = ["dogwatch", "sim", self.scenario, "--seed", str(self.seed)]
        words += [] if self.background is None else ["--background", str(self.background)]
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


@dataclass(slots=True)
class Staged:
    """A scenario as it is played: from when (UTC ms), how long, and the recording that it is mixed into, if any."""

    scenario: Scenario
    t_start_ms: int
    length_s: float
    background: Background | None
    left_out: list[str] = field(default_factory=list)  # scenes that find no place in the recording's sea, and why


def prepare(wanted: Wanted) -> Staged:
    """The scenario and its background, read. Raises ConfigError/InputError."""
    if wanted.background is None:
        scenario = read_scenario(wanted.scenario)
        return Staged(scenario, T_START_MS, scenario.duration_s if wanted.duration_s is None else wanted.duration_s, None)
    behind = read_background(wanted.background)
    scenario = read_scenario(wanted.scenario, behind)
    length_s = (behind.last_ms - behind.first_ms) / 1000
    length_s = length_s if wanted.duration_s is None else min(length_s, wanted.duration_s)
    if length_s < 1:
        raise InputError(f"{wanted.background} lasts for less than a second", remedy="choose a longer recording")
    scenario, left_out = placeable(scenario, wanted.seed, length_s)
    ships = build_world(scenario, wanted.seed, behind.first_ms, duration_s=length_s).ships
    if both := sorted(behind.mmsi & set(ships["mmsi"].tolist())):
        raise InputError(f"the recording has vessels {both[:3]} too", remedy="an exercise must not use a real vessel's MMSI: change the scenario's flags")
    return Staged(msgspec.structs.replace(scenario, chunk_s=1), behind.first_ms, length_s, behind, left_out)


def placeable(scenario: Scenario, seed: int, length_s: float) -> tuple[Scenario, list[str]]:
    """The scenario without behaviours that have no place in its sea, and what was left out: a recording is as large as it is."""
    kept: list[Behaviours] = []
    left_out = []
    for row in scenario.behaviours:
        alike = [other for other in kept if type(other) is type(row)]
        try:
            cast(msgspec.structs.replace(scenario, routes=[], fleets=[], stations=[], behaviours=[*alike, row]), seed, length_s)
        except InputError as fault:
            left_out.append(f"{table_name(type(row).__name__)}: {fault.what}")
        else:
            kept.append(row)
    return msgspec.structs.replace(scenario, behaviours=kept), left_out


def write_files(wanted: Wanted) -> dict[str, Any]:
    """Write recording, truth and zones; what was written comes back. Raises InputError."""
    if not wanted.files():
        raise InputError("nothing to do", remedy="give --nmea FILE, --truth FILE, --zones FILE or --serve URL")
    if wanted.faults_out is not None and wanted.nmea is None:
        raise InputError("--faults-out without --nmea", remedy="faults are done to a recording: give --nmea FILE too")
    staged = prepare(wanted)
    written: dict[str, Any] = {"scenario": wanted.scenario, "seed": wanted.seed, "left_out": staged.left_out}
    if wanted.truth is not None:
        rows = truth_rows(staged.scenario, wanted.seed, staged.t_start_ms, duration_s=staged.length_s)
        whole = sea_row(wanted.command(), staged.t_start_ms, staged.t_start_ms + round(staged.length_s * 1000))
        replace_file(wanted.truth, truth_ndjson([whole, *rows]))
        written |= {"truth": str(wanted.truth), "truth_rows": len(rows)}
    if wanted.zones is not None:
        replace_file(wanted.zones, msgspec.json.format(msgspec.json.encode(zones_of(staged.scenario)), indent=1) + b"\n")
        written |= {"zones": str(wanted.zones), "zones_drawn": len(staged.scenario.zones)}
    if wanted.nmea is not None:
        done: list[Fault] = []
        written |= {"nmea": str(wanted.nmea), "sentences": _write_recording(wanted.nmea, traffic(staged, wanted, done)), "faults": len(done)}
        if wanted.faults_out is not None:
            replace_file(wanted.faults_out, faults_text(done).encode() + b"\n")
            written |= {"faults_out": str(wanted.faults_out)}
    return written


def traffic(staged: Staged, wanted: Wanted, done: list[Fault]) -> Iterator[Chunk]:
    """The traffic that is asked for, mixed into its background and with its faults, which are appended to `done`. Raises InputError."""
    behind = staged.background
    chunks = simulate(staged.scenario, wanted.seed, staged.t_start_ms, duration_s=staged.length_s, tag_time="ms" if behind else "s")
    if behind is not None:
        chunks = mix(behind.blocks, without_clocks(chunks) if behind.by_base else chunks, BACKSTEP_MS)
    if not wanted.faults:
        return chunks
    text = wanted.faults if re.search("[=@]", wanted.faults) else read_text(Path(wanted.faults), what="list of faults")
    return damage(chunks, chosen(text, wanted.seed), done)


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
    staged = prepare(wanted)
    staged.scenario = msgspec.structs.replace(staged.scenario, chunk_s=1)
    stations = [receiver.id for receiver in staged.scenario.receivers] + [satellite.id for satellite in staged.scenario.satellites]
    outlets: list[Outlet] = []
    try:
        for place in places:
            outlets.append(outlet(place, stations))
        for out in outlets:
            out.greet(GREETING)
            heard = f"receiver '{out.receiver}'" if out.receiver else "all receivers"
            start = "; it starts when somebody listens" if out.awaited else ""
            terminal.print(f"EXERCISE traffic of '{wanted.scenario}', {heard}, on {out.address}{start}.", markup=False, highlight=False, soft_wrap=True)
        played = play(traffic(staged, wanted, []), outlets, speed=speed, once=once)
    finally:
        for out in outlets:
            out.close()
    lost = f"; {played.dropped:,} bytes were lost to listeners that did not read" if played.dropped else ""
    terminal.print(f"{played.sent:,} bytes sent{lost}.", highlight=False)
