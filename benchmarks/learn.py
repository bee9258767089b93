"""What learned normality adds to alerts, in simulated seas that the model has not seen.

May live here: seas, the comparison, the table. May not: the fit, the score. `python -m benchmarks.learn` prints and writes
benchmarks/results/learn.json. A model is fitted to some seeds of a scenario; the events of other seeds are scored with it and without it, by the
code of a back-test. An alert is right if one of its vessels has a scored truth row that overlaps it in time; a truth row is found if such an alert exists.
The ranking (average precision) looks at all cases, whatever their score, and so at what another line would do.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sklearn.metrics import average_precision_score

from dogwatch.alerts import Alert
from dogwatch.events import Event, event_from_json, times_from_plain
from risk.normality import Normality
from risk.profile import Profile
from risk.score import ODD_FROM
from runners.backtest_relaxed import relaxed_alerts
from runners.learning import learn
from runners.replay import Options, replay
from runners.rules import read_rules
from runners.simulated import Wanted, write_files

RESULT = Path(__file__).parent / "results" / "learn.json"
PROFILE = "border"
FITTED = (901, 902, 903)
UNSEEN = {"strait": (911, 912, 913), "kitchen-sink": (5, 921, 922)}  # the second: four hours of every behaviour among 330 vessels
PEAK = tuple[int, Alert]  # the highest score of a case, and the revision that had it


def sea(scenario: str, seed: int, folder: Path) -> tuple[Path, list[dict[str, Any]]]:
    """A recording of a scenario and its scored, visible truth rows with times in UTC ms."""
    nmea, truth = folder / f"{scenario}-{seed}.nmea", folder / f"{scenario}-{seed}.truth"
    if not truth.exists():
        write_files(Wanted(scenario, seed, nmea=nmea, truth=truth))
    rows = [times_from_plain(msgspec.json.decode(line)) for line in truth.read_bytes().splitlines()]
    return nmea, [row for row in rows if row.get("visible") and row.get("scored") and row["type"] != "safety"]


def peaks(profile: Profile, events: list[Event], model: Normality | None) -> list[PEAK]:
    """The highest score of each case and its revision."""
    best: dict[str, PEAK] = {}
    for alert in relaxed_alerts(profile, events, model):
        if alert.condition != "retracted" and alert.score_milli > best.get(alert.alert_id, (-1 << 40, alert))[0]:
            best[alert.alert_id] = (alert.score_milli, alert)
    return [best[name] for name in sorted(best)]


def is_about(alert: Alert, row: dict[str, Any]) -> bool:
    """Whether an alert and a truth row share a vessel and some time."""
    until = row["t_end"] if row["t_end"] is not None else 1 << 60
    return bool(set(alert.mmsi) & set(row["mmsi"])) and alert.t_first <= until and row["t_start"] <= alert.t_last


def judged(profile: Profile, runs: list[tuple[list[Event], list[dict[str, Any]]]], model: Normality | None) -> dict[str, Any]:
    """Precision and recall at each level, and the ranking, over several seas."""
    cases = [(score, any(is_about(alert, row) for row in truth)) for events, truth in runs for score, alert in peaks(profile, events, model)]
    rows = [
        max((score for score, alert in found if is_about(alert, row)), default=-1 << 40)
        for events, truth in runs
        for found in [peaks(profile, events, model)]
        for row in truth
    ]
    result: dict[str, Any] = {"cases": len(cases), "truth_rows": len(rows)}
    for level in ("caution", "warning", "alarm"):
        line = getattr(profile.levels, f"{level}_milli")
        told = [right for score, right in cases if score >= line]
        result[level] = {"alerts": len(told), "right": sum(told), "found": sum(score >= line for score in rows)}
        result[level] |= {"precision": round(sum(told) / max(1, len(told)), 4), "recall": round(result[level]["found"] / max(1, len(rows)), 4)}
    right = np.array([one for _, one in cases])
    result["average_precision"] = round(float(average_precision_score(right, [score for score, _ in cases])), 4) if right.any() else None
    return result


def spoken(model: Normality, runs: list[tuple[list[Event], list[dict[str, Any]]]]) -> dict[str, Any]:
    """Of open and closed events: how many the model says something of, and how many of those it finds odd, by whether their vessel has a truth row."""
    table: dict[str, Any] = {}
    for name, wanted in (("planted", True), ("bystanders", False)):
        newest = [{event.event_id: event for event in events}.values() for events, _ in runs]
        vessels = [{mmsi for row in truth for mmsi in row["mmsi"]} for _, truth in runs]
        chosen = [e for found, known in zip(newest, vessels) for e in found if e.state in ("open", "closed") and bool(set(e.mmsi) & known) is wanted]
        said = [oddity for event in chosen if (oddity := model.oddest(event)) is not None]
        table[name] = {"events": len(chosen), "told": len(said), "odd": sum(one.quantile > ODD_FROM for one in said)}
    return table


def compare(scenario: str, unseen: Sequence[int], folder: Path) -> dict[str, Any]:
    """Fit on the first seeds, score the others with and without the model."""
    began = time.process_time()
    model = learn([sea(scenario, seed, folder)[0] for seed in FITTED], folder / f"{scenario}.normality")
    learned_s, rules, runs = time.process_time() - began, read_rules(PROFILE, []), []
    for seed in unseen:
        nmea, truth = sea(scenario, seed, folder)
        replay([nmea], rules, Options(folder / f"out-{scenario}", snapshot_wall_s=1e9))
        runs.append(([event_from_json(line) for line in (folder / f"out-{scenario}" / "events.ndjson").read_bytes().splitlines()], truth))
    return {
        "scenario": scenario,
        "unseen_seeds": list(unseen),
        "card": model.card,
        "cpu_s_simulate_and_learn": round(learned_s, 1),
        "without": judged(rules.profile, runs, None),
        "with": judged(rules.profile, runs, model),
        "spoken": spoken(model, runs),
    }


def main() -> None:
    """Compare in each scenario, print, write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=sorted(UNSEEN), help="one scenario; the result keeps what it had of the other")
    parser.add_argument("--folder", type=Path, help="keep the recordings here, and use those that are here")
    parser.add_argument("--seeds", type=int, nargs="+", help="fresh ones instead of those of the report, which is then left as it is")
    asked = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory(prefix="dogwatch-learn-") as folder:
        for scenario in (asked.only,) if asked.only else UNSEEN:
            results.append(compare(scenario, asked.seeds or UNSEEN[scenario], asked.folder or Path(folder)))
            print(json.dumps({key: value for key, value in results[-1].items() if key != "card"}), flush=True)
    if asked.seeds:
        return
    known = json.loads(RESULT.read_text())["seas"] if asked.only and RESULT.exists() else []
    results += [row for row in known if row["scenario"] != asked.only]
    RESULT.write_text(json.dumps({"profile": PROFILE, "fitted_seeds": FITTED, "unseen_seeds": UNSEEN, "seas": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
