"""The sea of the kill test and what one quiet process makes of it. May hold: the recording, the expected bytes. May not: kill anything.

A shipped scenario with distress in it (beacons, texts), so that the short road is under fire like the rest. The reference is the
embedded run over the same file in one piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runners.replay import Options, replay
from runners.rules import read_rules
from sim.scenario import load_scenario, scenario_text
from sim.simulate import simulate

SCENARIO = "kitchen-sink"
PROFILE = "border"
SOURCE = "sea.nmea"
LATENESS_S = 120.0


@dataclass(frozen=True)
class Sea:
    """A recording on disk and the lines of `events.ndjson` and `alerts.ndjson` that it must give, whatever happens on the way."""

    file: Path
    events: list[bytes]
    alerts: list[bytes]


def make_sea(folder: Path, seed: int, minutes: float) -> Sea:
    """Simulate so many minutes and run them through one quiet process."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / SOURCE
    scenario = load_scenario(scenario_text(SCENARIO), file=SCENARIO)
    file.write_bytes(b"".join(chunk.data for chunk in simulate(scenario, seed, duration_s=60 * minutes)))
    out = folder / "quiet"
    replay([file], read_rules(PROFILE, []), Options(out, lateness_s=LATENESS_S))
    events, alerts = ((out / name).read_bytes().splitlines() for name in ("events.ndjson", "alerts.ndjson"))
    if not any(b'"emergency"' in line for line in alerts):
        raise SystemExit(f"seed {seed} gives a sea without distress: take more minutes or another seed")
    return Sea(file, events, alerts)
