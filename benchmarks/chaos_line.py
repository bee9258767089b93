"""One deployment under fire: ingest, track and score of one replay, each a process; what happens to them, and the verdict.

May live here: the line's configuration, its dice, kills, pauses, restarts, take-over times. May not: the broker's fate, totals.
Everything random comes from the line's own dice (seed and number of the line). What the machine then makes of it, which
instruction a kill meets, is its own affair: the seed repeats the plan, not the instant.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.chaos_judge import judge
from benchmarks.chaos_sea import LATENESS_S, PROFILE, SOURCE, Sea
from benchmarks.chaos_victim import Pace, ended, fork, moments, start
from dogwatch.config import Kafka
from runners.kafka_client import new_admin
from runners.kafka_topics import init_topics, topics_of

STAGES = ("score", "track", "ingest")
STANDBYS = ("score-2", "track-2")  # of half of the lines
WEIGHTS = {"score": 3, "track": 4, "ingest": 3, "score-2": 1, "track-2": 2, "run": 1}
READY = "first transaction"  # what a stage logs when it works
RESTART_S = (0.0, 0.0, 0.0, 0.3, 1.0)  # how long a victim stays dead
SPARED_SHARE = 0.7  # of the shots at one that has not come to work yet: most shall hit work, some recovery
PAUSE_SHARE = 0.05
PAUSED_S_MAX = 25.0  # for a successor to take over
FENCED_S_MAX = 45.0  # for a paused one to notice
FIGHT_S_MAX = 1.5  # times the length of the recording: afterwards nobody is shot, so that the line comes to its end on any machine
LINE_S_MAX = 600.0  # beyond the length of the recording
CONFIGURATION_FAULT = 2
SETTINGS = """
profile = "{profile}"
[[sources]]
id = "{source}"
kind = "file"
path = "{sea}"
lateness_s = {lateness_s}
[metrics]
enabled = false
[kafka]
bootstrap = "{bootstrap}"
prefix = "{prefix}"
batch_rows = {batch_rows}
batch_ms = {batch_ms}
snapshot_s = {snapshot_s}
"""


class Line:
    """One replay. `tick` is called often; it never waits. `over` when a verdict is there."""

    def __init__(self, number: int, seed: int, folder: Path, bootstrap: str, sea: Sea, *, play_s: float, pause_s: float) -> None:
        self.number, self.seed, self.sea, self.pause_s = number, seed, sea, pause_s
        self.dice = random.Random(f"{seed}:{number}")
        self.folder = folder / f"line-{number}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.kafka = Kafka(bootstrap=bootstrap, prefix=f"chaos-{seed}-{number}-{os.getpid()}.")
        self.file = self.folder / "line.toml"
        self.file.write_text(self._settings(), encoding="utf-8")
        self.names = self._crew()
        self.pids: dict[str, int] = {}
        self.born_s: dict[str, float] = {}
        self.due_s: dict[str, float] = {}  # when a dead stage is started again
        self.sleeper: Sleeper | None = None
        self.shooting = True
        self.kills: list[dict[str, Any]] = []
        self.own_ends: list[str] = []
        self.verdict: dict[str, Any] | None = None
        self.play_s, self.pace = play_s, Pace(time.monotonic() + 2.0, sea.file.stat().st_size / play_s)
        self.begun_s = time.monotonic()
        self.next_s = self.begun_s + 2.0 + self.dice.uniform(0.0, 2 * pause_s)
        self.helper = 0
        self.step: Callable[[bool], None] = self._wait_for_topics

    @property
    def over(self) -> bool:
        """Whether a verdict is there."""
        return self.verdict is not None

    def tick(self, *, shoot: bool, broker_up: bool) -> None:
        """Do what is due."""
        self.shooting = shoot
        self.step(broker_up)

    def stop(self) -> None:
        """Kill everything that still runs."""
        for pid in [*self.pids.values(), self.helper, self.sleeper.pid if self.sleeper else 0]:
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _settings(self) -> str:
        return SETTINGS.format(
            profile=PROFILE,
            source=SOURCE,
            sea=self.sea.file,
            lateness_s=LATENESS_S,
            bootstrap=self.kafka.bootstrap,
            prefix=self.kafka.prefix,
            batch_rows=self.dice.choice([100, 1000, 10_000]),
            batch_ms=self.dice.choice([20, 100, 250]),
            snapshot_s=self.dice.choice([0.3, 1.0, 5.0, 60.0]),
        )

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _start(self, name: str) -> int:
        self.born_s[name] = time.monotonic()
        return start(self._log(name), self.pace, self._command(name))

    def _crew(self) -> tuple[str, ...]:
        return STAGES + (STANDBYS if self.dice.random() < 0.5 else ())

    def _command(self, name: str) -> list[str]:
        return [stage_of(name), "--config", str(self.file), "--until-end"]

    def _answers(self, stage: str, since_t: float) -> list[float]:
        """UNIX times after `since_t` at which a process of a stage came to its first transaction."""
        return sorted(moment for name in self.names if stage_of(name) == stage for moment in moments(self._log(name), READY) if moment > since_t)

    def _wait_for_topics(self, broker_up: bool) -> None:
        if not self._helped(broker_up, self._create):
            return
        self.pids = {name: self._start(name) for name in self.names}
        self.step = self._fight

    def _helped(self, broker_up: bool, work: Callable[[], int]) -> bool:
        """Whether `work`, done in a process of its own, has succeeded; it is begun again where the broker was shot in the middle."""
        if self.helper:
            code = ended(self.helper)
            self.helper = self.helper if code is None else 0
            return code == 0
        if broker_up:
            self.helper = fork(self.folder / "helper.log", work)
        return False

    def _fight(self, broker_up: bool) -> None:
        now = time.monotonic()
        for name, pid in list(self.pids.items()):
            if (code := ended(pid)) is not None:
                self._bury(name, code)
        for name, due in list(self.due_s.items()):
            if now >= due and broker_up:
                del self.due_s[name]
                self.pids[name] = self._start(name)
        if self.sleeper:
            self._watch_sleeper()
        if now >= self.next_s and self.shooting and broker_up and now - self.begun_s < FIGHT_S_MAX * self.play_s:
            self.next_s = now + self.dice.uniform(0.0, 2 * self.pause_s)
            self._shoot()
        if now - self.begun_s > self.play_s + LINE_S_MAX:
            self._give_up(f"not over after {now - self.begun_s:.0f} s: {sorted(self.pids)} still run")
        elif not self.pids and not self.due_s and not self.sleeper and not self.over:
            self.step = self._wait_for_verdict

    def _bury(self, name: str, code: int) -> None:
        """A stage ended by itself: over, beaten by the broker's death (start it again), or wrong."""
        del self.pids[name]
        if code == 0:
            return
        if code == CONFIGURATION_FAULT or code < 0:
            self._give_up(f"{name} ended with code {code}")
            return
        self.own_ends.append(f"{name}: {code}")
        self.due_s[name] = time.monotonic() + 0.3

    def _shoot(self) -> None:
        name = self.dice.choices(self.names, [WEIGHTS[name] for name in self.names])[0]
        pause, dead_s = self.dice.random() < PAUSE_SHARE, self.dice.choice(RESTART_S)
        pid, stage = self.pids.get(name), stage_of(name)
        if pid is None or (self.sleeper and self.sleeper.stage == stage):
            return
        now = time.monotonic()
        worked = self._works(name)
        if not worked and self.dice.random() < SPARED_SHARE:
            return
        shot = {
            "victim": stage,
            "moment_s": round(now - self.begun_s, 3),
            "age_s": round(now - self.born_s[name], 3),
            "t": round(time.time(), 3),
            "worked": worked,
        }
        if pause and stage in ("track", "score") and not self.sleeper and worked:
            os.kill(pid, signal.SIGSTOP)
            self.sleeper = Sleeper(name, pid, time.time(), now)
            del self.pids[name]
            if not set(STANDBYS) & set(self.names):
                self.pids[name] = self._start(name)
            self.kills.append(shot | {"how": "SIGSTOP"})
            return
        os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code != -signal.SIGKILL:  # it had ended just before
            self._bury(name, code)
            return
        del self.pids[name]
        self.due_s[name] = now + dead_s
        self.kills.append(shot | {"how": "SIGKILL", "dead_s": dead_s, "standby": f"{stage}-2" in self.names})

    def _works(self, name: str) -> bool:
        """Whether the present process of this name has come to its first transaction."""
        born = time.time() - (time.monotonic() - self.born_s[name])
        return any(moment >= born for moment in moments(self._log(name), READY))

    def _watch_sleeper(self) -> None:
        """Wake it once its successor works; then it must end by itself, and not with success."""
        sleeper = self.sleeper
        assert sleeper is not None, "asked only where one sleeps"
        now = time.monotonic()
        if not sleeper.woken_s:
            sleeper.replaced = bool(self._answers(sleeper.stage, sleeper.stopped_t))
            if sleeper.replaced or now - sleeper.since_s > PAUSED_S_MAX:
                os.kill(sleeper.pid, signal.SIGCONT)
                sleeper.woken_s = now
            return
        code = ended(sleeper.pid)
        if code is None and now - sleeper.woken_s > FENCED_S_MAX:
            if sleeper.replaced:
                self._give_up(f"a {sleeper.stage} that slept still runs {FENCED_S_MAX:.0f} s after its waking")
                return
            os.kill(sleeper.pid, signal.SIGKILL)  # nobody had come into its place, so it was right to go on
        if code is not None:
            self.sleeper = None
            if sleeper.name not in self.pids:
                self.due_s.setdefault(sleeper.name, now)
            if code == 0 and sleeper.replaced:
                self._give_up(f"a {sleeper.stage} that slept ended with success beside its successor")

    def _judge(self) -> int:
        (self.folder / "verdict.json").write_bytes(msgspec.json.encode(judge(self.kafka, self.sea)))
        return 0

    def _wait_for_verdict(self, broker_up: bool) -> None:
        if not self._helped(broker_up, self._judge):
            return
        self.verdict = msgspec.json.decode((self.folder / "verdict.json").read_bytes())

    def _give_up(self, why: str) -> None:
        self.stop()
        self.sleeper = None
        self.helper = 0
        self.verdict = {"faults": [why], "sent_again": 0}

    def report(self) -> list[dict[str, Any]]:
        """A row per kill with the line's result: what goes to the log."""
        assert self.verdict is not None, "the line is over"
        rows = []
        for shot in self.kills:
            later = min((other["t"] for other in self.kills if other["victim"] == shot["victim"] and other["t"] > shot["t"]), default=float("inf"))
            answers = [moment for moment in self._answers(shot["victim"], shot["t"]) if moment < later]
            # unknown where it was shot again before, had no place to leave, or nothing was left to say
            taken = round(answers[0] - shot["t"], 2) if answers and shot["worked"] else None
            result = "fault" if self.verdict["faults"] else "same"
            rows.append({"seed": self.seed, "line": self.number, **shot, "takeover_s": taken, "result": result})
        return rows

    def clear(self) -> int:
        """Give the broker its room back, in a process whose id is returned."""
        return fork(self.folder / "helper.log", self._delete)

    def _create(self) -> int:
        init_topics(self.kafka)
        return 0

    def _delete(self) -> int:
        with contextlib.closing(new_admin(self.kafka)) as admin:
            admin.delete_topics([self.kafka.prefix + name for name in topics_of(self.kafka)])
        return 0


class Sleeper:
    """A process that was stopped in the middle of its work, beside its successor."""

    def __init__(self, name: str, pid: int, stopped_t: float, since_s: float) -> None:
        self.name, self.stage, self.pid, self.stopped_t, self.since_s = name, stage_of(name), pid, stopped_t, since_s
        self.woken_s, self.replaced = 0.0, False


def stage_of(name: str) -> str:
    """'track' of 'track-2'."""
    return name.removesuffix("-2")
