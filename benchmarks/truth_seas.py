"""The seas of `make truth`: which are played, how often, and how one is played through the whole product. May hold: the list, one run.

May not: draw seeds, judge, print (truth.py, truth_report.py). Everything goes the way of the command line (`dogwatch sim`, `replay`), in this
process, so that each item of the report can be shown again by the commands that the judge prints.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from runners.demo import learn_coverage
from runners.inputs import satellites_of
from runners.replay import Options, replay
from runners.rules import read_coverage, read_rules
from runners.simulated import Wanted, write_files
from sim.scenario import load_scenario, scenario_names, scenario_text

SCENES = Path("benchmarks/truth")  # relative to the repository: the path stands in the commands that show an item again
PROFILE = "border"
LEARNED_SEED = 1001


@dataclass(slots=True, frozen=True)
class Bench:
    """A sea: a shipped scenario or a file of `SCENES`, the share of all seeds that it is played with, and whether it has zones or needs coverage."""

    name: str
    share: float = 1.0
    zones: bool = False
    learned: str = ""  # the scenario from which its coverage is learned
    satellite: bool = False  # most of it is heard by satellites, so it is replayed in their lane: three hours behind

    @property
    def scenario(self) -> str:
        """What `dogwatch sim` is told."""
        return self.name if self.name in scenario_names() else f"{SCENES}/{self.name}.toml"


BENCHES = (
    Bench("meetings"),
    Bench("loiterers"),
    Bench("lies"),
    Bench("names"),
    Bench("engines", zones=True),
    Bench("silence", learned="silence-learned"),
    Bench("distress"),
    Bench("borders", zones=True, learned="borders-learned"),
    Bench("clean", zones=True),
    Bench("outage", 0.5),
    Bench("gnss-interference", 0.5),
    Bench("reefer-fleet", 0.2),
    Bench("island-eez", 0.2, zones=True, satellite=True),
)
SHORT = (Bench("short", zones=True),)
STILL = ("clean", "outage")  # seas in which nothing may alert


@dataclass(slots=True, frozen=True)
class Job:
    """One sea with one seed; `folder` gets everything that is written."""

    bench: Bench
    seed: int
    folder: Path

    @property
    def place(self) -> Path:
        """Where this run's files lie, as `dogwatch judge --runs` finds them."""
        return self.folder / f"{self.bench.name}-{self.seed}"


def jobs_of(benches: tuple[Bench, ...], seeds: list[int], folder: Path) -> list[Job]:
    """Every sea with its seeds, the first of all; each at least once."""
    return [Job(bench, seed, folder) for bench in benches for seed in seeds[: max(1, math.ceil(bench.share * len(seeds)))]]


def learn(benches: tuple[Bench, ...], folder: Path) -> None:
    """Learn the coverage that some of them need."""
    for name in sorted({bench.learned for bench in benches if bench.learned}):
        if not (folder / f"{name}.coverage").exists():
            learn_coverage(f"{SCENES}/{name}.toml", LEARNED_SEED, folder / f"{name}.coverage")


def play(job: Job) -> dict[str, Any]:
    """Simulate, replay, keep truth, events and alerts; what it cost. The working directory is the repository."""
    began_cpu, place, bench = time.process_time(), job.place, job.bench
    place.mkdir(parents=True, exist_ok=True)
    nmea, zones = place / "sea.nmea", place / "zones.geojson"
    write_files(Wanted(bench.scenario, job.seed, nmea=nmea, truth=place / "truth.ndjson", zones=zones if bench.zones else None))
    words = ["--zones", str(zones)] if bench.zones else []
    words += ["--lane", "satellite"] if bench.satellite else []
    coverage = job.folder / f"{bench.learned}.coverage" if bench.learned else None
    words += ["--coverage", str(coverage)] if coverage else []
    rules = read_rules(PROFILE, [str(zones)] if bench.zones else [])
    options = Options(place, words=words, snapshot_wall_s=1e9, satellites=satellites_of(["satellite"] if bench.satellite else [], [nmea]))
    summary = replay([nmea], rules, options, read_coverage(coverage) if coverage else None)
    nmea.unlink()
    return {"sea": bench.name, "seed": job.seed, "lines": summary["lines"], "fixes": summary["fixes"], "cpu_s": round(time.process_time() - began_cpu, 1)}


def vessel_alerts(place: Path) -> list[dict[str, Any]]:
    """Newest revisions of the alerts about vessels that are still in force, of one run: distress and its tests are another matter."""
    newest: dict[str, dict[str, Any]] = {}
    for line in (place / "alerts.ndjson").read_bytes().splitlines():
        alert = msgspec.json.decode(line)
        if alert["revision"] >= newest.get(alert["alert_id"], alert)["revision"]:
            newest[alert["alert_id"]] = alert
    return [alert for alert in newest.values() if alert["kind"] == "risk" and alert["condition"] != "retracted"]


def titles() -> dict[str, str]:
    """What each sea is, in its own words."""
    found = {}
    for bench in (*BENCHES, *SHORT):
        own = bench.name in scenario_names()
        text = scenario_text(bench.name) if own else Path(bench.scenario).read_text(encoding="utf-8")
        found[bench.name] = load_scenario(text, file=bench.scenario).title
    return found
