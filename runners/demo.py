"""The demo: a simulated sea through the whole pipeline, in this process, faster than real time.

May hold: pacing the simulated world and wiring it to one engine and one desk. May not: anything the live run does not do.
The world's sentences take the road of real ones: bytes -> decoder -> tracks -> risk -> alerts. Its coverage was learned
beforehand (sim/scenarios/<name>.coverage, made by `dogwatch learn-coverage`), as a station that has run for a week has it.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console as Terminal

import sim
from dogwatch.batch import T_MISSING
from dogwatch.config import Backtest, Config
from dogwatch.errors import InputError
from ingest.source import Received
from runners.bench import editor_of, versions_of
from runners.desk import Desk
from runners.engine import Engine
from runners.lane import Lane
from runners.rules import read_coverage, read_rules
from runners.step import Rules
from sim.scenario import Scenario, load_scenario, scenario_text
from sim.simulate import simulate

SCENARIOS = Path(sim.__file__).parent / "scenarios"
OWN_RECEIVER_LATENESS_MS = 5_000
MESSAGE_LIMIT_S = 0.25  # at most this much wall time of the world in one engine call, so that the picture moves smoothly


@dataclass(slots=True)
class DemoOptions:
    """How the demo runs. `for_s` 0 = until interrupted."""

    scenario: str = "strait"
    seed: int = 7
    speed: float = 60.0
    profile: str = "border"
    for_s: float = 0.0
    headless: bool = False
    host: str = "127.0.0.1"
    port: int = 8642
    open_browser: bool = True


def demo(options: DemoOptions, terminal: Terminal) -> int:
    """Run it; returns the number of alerts seen. Raises InputError when something cannot start."""
    scenario = load_scenario(scenario_text(options.scenario), file=f"sim/scenarios/{options.scenario}.toml")
    rules = read_rules(options.profile, [])
    learned = SCENARIOS / f"{options.scenario}.coverage"
    coverage = read_coverage(learned) if learned.exists() else None
    lane = Lane("demo", lateness_ms=OWN_RECEIVER_LATENESS_MS, exercise=True)
    desk = Desk(Engine(rules, [lane], coverage), terminal=terminal)
    if not options.headless:
        workshop = tempfile.TemporaryDirectory(prefix="dogwatch-demo-")
        config = Config(profile=options.profile, coverage=str(learned) if learned.exists() else "", backtest=Backtest([f"sim:{options.scenario}"]))
        editor = editor_of(config, versions_of(config, Path(workshop.name) / "versions"), Path(workshop.name) / "backtests", rules.geography.coast)
        url = desk.open_page(host=options.host, port=options.port, database=None, info=_info(scenario, rules), editor=editor)
        terminal.print(f"Console: [bold]{url}[/]   (simulated sea, {options.speed:g} times real time; Ctrl-C ends it)", highlight=False, soft_wrap=True)
        if options.open_browser:
            _open_browser(url)
    else:
        terminal.print(f"Simulated sea '{options.scenario}', {options.speed:g} times real time. EXERCISE: no vessel here exists.", highlight=False)
    try:
        _play(desk, scenario, options)
        if not options.headless and not options.for_s:
            terminal.print("The simulated recording is over; the console stays open until Ctrl-C.")
            while True:
                time.sleep(1)
    except KeyboardInterrupt:
        terminal.print("Stopped.")
    finally:
        desk.close()
    counts = desk.engine.counts()
    vessels = desk.engine.watch.track.vessel_count
    terminal.print(f"{counts.lines:,} lines, {sum(counts.decoded.values()):,} messages, {vessels} vessels, {len(desk.lines.shown)} alerts.", highlight=False)
    return len(desk.lines.shown)


def _info(scenario: Scenario, rules: Rules) -> dict[str, Any]:
    south, west, north, east = scenario.region
    return {
        "desk": f"Demo: {scenario.title}",
        "exercise": True,
        "listening": "a simulated sea",
        "rules": len(rules.profile.rules),
        "map_center": [(west + east) / 2, (south + north) / 2],
        "map_zoom": 7.4,
    }


def _play(desk: Desk, scenario: Scenario, options: DemoOptions) -> None:
    started, first_ms = time.monotonic(), None
    pending: list[bytes] = []
    last_feed = started
    for chunk in simulate(scenario, options.seed):
        first_ms = chunk.t_ms if first_ms is None else first_ms
        pending.append(chunk.data)
        due = started + (chunk.t_ms - first_ms) / 1000 / options.speed
        now = time.monotonic()
        if due > now or now - last_feed >= MESSAGE_LIMIT_S:
            begun = time.perf_counter()
            piece = Received(b"".join(pending), None, "demo", "", "bytes")
            output = desk.engine.take(piece)
            desk.show(output, time.perf_counter() - begun, [piece])
            desk.obey()
            pending.clear()
            last_feed = time.monotonic()
        if options.for_s and time.monotonic() - started >= options.for_s:
            return
        time.sleep(max(0.0, due - time.monotonic()))
    last = Received(b"".join(pending), None, "demo", "", "end")
    desk.show(desk.engine.take(last), 0.0, [last])
    desk.show(desk.engine.end(), 0.0)


def _open_browser(url: str) -> None:
    """Only where a window can appear: a text browser would take the terminal away."""
    import os
    import sys
    import webbrowser

    if sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)


def learn_coverage(scenario_name: str, seed: int, out: Path, profile: str = "border") -> int:
    """Play a scenario once without pause and save what its receivers can hear; returns the number of fixes used."""
    from dogwatch import blob
    from runners.ledger import replace_file
    from runners.rules import COVERAGE_SCHEMA
    from runners.simulated import read_scenario

    scenario = read_scenario(scenario_name)
    engine = Engine(read_rules(profile, []), [Lane("demo", lateness_ms=OWN_RECEIVER_LATENESS_MS, exercise=True)])
    fixes = 0
    for chunk in simulate(scenario, seed):
        fixes += len(engine.feed("demo", chunk.data).batch.fixes)
    engine.end()
    if engine.watermark_ms == T_MISSING:
        raise InputError(f"scenario {scenario_name} has no positions to learn from", remedy="choose another scenario")
    replace_file(out, blob.pack(engine.watch.track.coverage.to_sections(), schema=COVERAGE_SCHEMA))
    return fixes
