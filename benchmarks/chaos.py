"""The kill test: `make chaos` or `python -m benchmarks.chaos --seed 1 --kills 1000`.

Replays of a simulated sea with distress in it run through a real broker, several side by side, ingest, track and score of each as
processes of their own; every fourth replay is one embedded `dogwatch run`. All of them and the broker are killed with SIGKILL at
random moments and started again; now and then one is stopped instead, and woken when its successor works. At the end of each
replay the committed events and alerts, upserted by id and version, are compared byte for byte with one quiet embedded run.

The log (`--out`, JSON lines) holds a row per kill with its result and grows over several runs: a run ends when it holds `--kills`.
May live here: the loop, the broker's fate, log and summary. May not: what a victim does, what counts as a fault.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import signal
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.chaos_embedded import EmbeddedLine
from benchmarks.chaos_line import Line
from benchmarks.chaos_sea import SCENARIO, Sea, make_sea
from benchmarks.chaos_victim import ended, fork, warm
from benchmarks.contender import machine
from runners.broker import Broker

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / ".cache" / "chaos" / "chaos.ndjson"
RESULT = Path(__file__).parent / "results" / "chaos.json"
TICK_S = 0.02
EMBEDDED_EVERY = 4
BROKER_S_MEAN = 60.0
BROKER_DEAD_S = (0.0, 0.0, 1.0, 5.0)


def main(arguments: list[str] | None = None) -> int:
    """The command line; 0 = everything was survived, 1 = it was not."""
    given = _arguments(arguments)
    before = read_log(given.out)
    if len(before) < given.kills:
        first = 1 + max((row["line"] for row in before if row["seed"] == given.seed), default=0)
        faults = _run(given, first, given.kills - len(before))
        for fault in faults:
            sys.stdout.write(f"FAULT {fault}\n")
    rows = read_log(given.out)
    totals = summary(rows)
    if given.summary:
        given.summary.write_bytes(msgspec.json.format(msgspec.json.encode(totals | {"machine": machine()}), indent=2) + b"\n")
    sys.stdout.write(words(totals))
    return 1 if totals["results"].get("fault") else 0


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos", description="Kill every stage and the broker at random moments and compare what is left."
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=1000, help="go on until the log holds so many (default %(default)s)")
    parser.add_argument("--out", type=Path, default=OUT, help="the log, a JSON line per kill; it is continued (default .cache/chaos/chaos.ndjson)")
    parser.add_argument("--summary", type=Path, nargs="?", const=RESULT, help="also write the totals (benchmarks/results/chaos.json)")
    parser.add_argument("--lines", type=int, default=3, help="replays side by side (default %(default)s)")
    parser.add_argument("--minutes", type=float, default=90, help="of simulated sea (default %(default)s)")
    parser.add_argument("--play", type=float, default=45, help="seconds in which it is heard (default %(default)s)")
    parser.add_argument("--pause", type=float, default=2.0, help="mean seconds between two kills in one replay (default %(default)s)")
    parser.add_argument("--mode", choices=["all", "kafka", "embedded"], default="all", help="which runners; all = every fourth replay is embedded")
    parser.add_argument("--bootstrap", help="a broker that already runs, and is left alone; default: one of our own, killed like the rest")
    return parser.parse_args(arguments)


def _run(given: argparse.Namespace, first: int, wanted: int) -> list[str]:
    """Lines until there are `wanted` more kills, all of them judged. Returns the faults."""
    work = given.out.parent / f"work-{given.seed}"
    shutil.rmtree(work, ignore_errors=True)
    sea = make_sea(work, given.seed, given.minutes)
    warm()
    broker = None if given.bootstrap or given.mode == "embedded" else Fate(work / "kafka", random.Random(f"{given.seed}:{first}:broker"))
    field = Field(given, sea, work, broker, first, wanted)
    try:
        field.play()
    finally:
        for line in field.lines:
            line.stop()
        if broker:
            broker.broker.kill()
    if not field.faults:
        shutil.rmtree(work, ignore_errors=True)
    return field.faults


class Field:
    """The lines that are played side by side."""

    def __init__(self, given: argparse.Namespace, sea: Sea, work: Path, broker: Fate | None, first: int, wanted: int) -> None:
        self.given, self.sea, self.work, self.broker = given, sea, work, broker
        self.next, self.wanted, self.written = first, wanted, 0
        self.lines: list[Line] = []
        self.faults: list[str] = []
        self.sweepers: list[int] = []

    def play(self) -> None:
        """Until enough kills are judged."""
        while self.lines or self.written < self.wanted:
            up = self.broker is None or self.broker.up
            shot = self.written + sum(len(line.kills) for line in self.lines)
            if up and len(self.lines) < self.given.lines and shot < self.wanted:
                self._begin()
            for line in self.lines:
                line.tick(shoot=shot < self.wanted, broker_up=up)
            if self.broker:
                self.broker.tick(shoot=shot < self.wanted and bool(self.lines))
            for line in [line for line in self.lines if line.over]:
                self._end(line)
            self.sweepers = [pid for pid in self.sweepers if ended(pid) is None]
            time.sleep(TICK_S)

    def _begin(self) -> None:
        bootstrap = self.broker.broker.bootstrap if self.broker else self.given.bootstrap or ""
        embedded = self.given.mode == "embedded" or (self.given.mode == "all" and self.next % EMBEDDED_EVERY == 0)
        line = (EmbeddedLine if embedded else Line)(
            self.next, self.given.seed, self.work, bootstrap, self.sea, play_s=self.given.play, pause_s=self.given.pause
        )
        self.lines.append(line)
        self.next += 1

    def _end(self, line: Line) -> None:
        assert line.verdict is not None, "only lines that are over"
        rows = line.report()
        if self.broker:
            rows += [{"seed": line.seed, "line": line.number, **shot, "result": "fault" if line.verdict["faults"] else "same"} for shot in self.broker.taken()]
        with self.given.out.open("ab") as out:
            out.write(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        self.written += len(rows)
        self.lines.remove(line)
        self.faults += [f"seed {line.seed}, line {line.number}: {fault} (logs in {line.folder})" for fault in line.verdict["faults"]]
        told = {key: value for key, value in line.verdict.items() if key != "faults"}
        verdict = "FAULT" if line.verdict["faults"] else "same"
        sys.stdout.write(f"line {line.number}: {len(rows)} kills, {verdict}, {told}, ended by themselves: {line.own_ends}; {self.written} of {self.wanted}\n")
        sys.stdout.flush()
        if not line.verdict["faults"]:
            self.sweepers.append(line.clear())


class Fate:
    """Our own broker: killed now and then, started again by a process of its own, so that nobody waits here."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.broker, self.dice = Broker.at(folder), dice
        self.kills: list[dict[str, Any]] = []
        self.begun_s = time.monotonic()
        self.starter = 0
        self.up = False
        self.due_s, self.next_s = time.monotonic(), time.monotonic() + dice.uniform(20, 2 * BROKER_S_MEAN)

    def tick(self, *, shoot: bool) -> None:
        """Start what is dead; kill what lives long enough."""
        now = time.monotonic()
        if not self.up and not self.starter and now >= self.due_s:
            self.starter = fork(self.broker.folder / "start.log", self._start)
        elif self.starter:
            if (code := ended(self.starter)) is not None:
                self.starter = 0
                self.up = code == 0
                if self.up and self.kills and "takeover_s" not in self.kills[-1]:
                    self.kills[-1]["takeover_s"] = round(time.time() - self.kills[-1]["t"], 2)
                self.next_s = time.monotonic() + self.dice.uniform(0, 2 * BROKER_S_MEAN)
                if not self.up:
                    self.broker.kill()
        elif shoot and now >= self.next_s:
            self.broker.kill()
            dead_s = self.dice.choice(BROKER_DEAD_S)
            self.kills.append({"victim": "broker", "moment_s": round(now - self.begun_s, 3), "t": round(time.time(), 3), "how": "SIGKILL", "dead_s": dead_s})
            self.up, self.due_s = False, now + dead_s

    def taken(self) -> list[dict[str, Any]]:
        """The kills that have been followed by a start, once: they go to the log with the line that ends next."""
        done, self.kills = [shot for shot in self.kills if "takeover_s" in shot], [shot for shot in self.kills if "takeover_s" not in shot]
        return done

    def _start(self) -> int:
        self.broker.start(detached=True)
        return 0


def read_log(out: Path) -> list[dict[str, Any]]:
    """Rows of the log so far; a last line that was cut is dropped."""
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for line in out.read_bytes().splitlines() if out.exists() else []:
        with contextlib.suppress(msgspec.DecodeError):
            rows.append(msgspec.json.decode(line))
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Totals of a log: kills by victim and kind, results, take-over times."""
    times: dict[str, list[float]] = {}
    for row in rows:
        if row.get("takeover_s") is not None:
            name = f"{row['victim']} {row['how']}" + (" with a standby" if row.get("standby") else "")
            times.setdefault(name, []).append(row["takeover_s"])
    return {
        "scenario": SCENARIO,
        "kills": len(rows),
        "seeds": sorted({row["seed"] for row in rows}),
        "replays": len({(row["seed"], row["line"]) for row in rows}),
        "victims": dict(sorted(Counter(f"{row['victim']} {row['how']}" for row in rows).items())),
        "results": dict(Counter(row["result"] for row in rows)),
        "takeover_s": {name: spread(values) for name, values in sorted(times.items())},
    }


def spread(values: list[float]) -> dict[str, float]:
    """Number, median, 95th percentile and largest."""
    ordered = sorted(values)
    at = min(len(ordered) - 1, round(0.95 * len(ordered)))
    return {"n": len(ordered), "median": statistics.median(ordered), "p95": ordered[at], "max": ordered[-1]}


def words(totals: dict[str, Any]) -> str:
    """The totals for a person."""
    lines = [f"{totals['kills']} kills in {totals['replays']} replays, seeds {totals['seeds']}: {totals['results']}"]
    lines += [f"  {name}: {n}" for name, n in totals["victims"].items()]
    lines += ["seconds from the kill to the first transaction of the successor (broker: until it answers):"]
    lines += [f"  {name}: median {s['median']}, p95 {s['p95']}, max {s['max']} ({s['n']} measured)" for name, s in totals["takeover_s"].items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
