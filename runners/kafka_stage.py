"""The doors of the Kafka runner: one function per stage for the command line, and all of them under one roof.

May live here: what every stage needs around it (client installed, logs, faults of the broker as words), the supervisor.
May not: what a stage does (`kafka_ingest`, `kafka_track`, `kafka_score`, `kafka_console`).
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dogwatch.config import Config
from dogwatch.errors import InputError, SurroundingsError
from runners.logs import start_logs

log = logging.getLogger("dogwatch.kafka")

ALL_STAGES = ("console", "score", "track", "ingest")  # readers first, so that the first record already has somebody waiting
RESTART_S = 1.0
RESTARTS_MAX = 20  # of one stage: then something is wrong that a restart does not mend
STOP_S_MAX = 20.0
CONFIGURATION_FAULT = 2  # exit code: a restart cannot help


def run_ingest(config: Config, *, stop: threading.Event, until_end: bool = False) -> None:
    """Sources -> ais.*; see `runners.kafka_ingest`. Raises InputError, SurroundingsError."""
    with _stage(config, "ingest"):
        from dogwatch.kernel import load_all
        from runners.kafka_ingest import run_ingest as run

        load_all()
        run(config, stop=stop, until_end=until_end)


def run_track(config: Config, *, stop: threading.Event, until_end: bool = False, anew: bool = False) -> None:
    """ais.* -> risk.events; see `runners.kafka_track`. Raises InputError, SurroundingsError."""
    with _stage(config, "track"):
        from dogwatch.kernel import load_all
        from runners.kafka_track import run_track as run

        load_all()
        run(config, stop=stop, until_end=until_end, anew=anew)


def run_score(config: Config, *, stop: threading.Event, until_end: bool = False, anew: bool = False) -> None:
    """risk.events -> risk.alerts; see `runners.kafka_score`. Raises InputError, SurroundingsError."""
    with _stage(config, "score"):
        from runners.kafka_score import run_score as run

        run(config, stop=stop, until_end=until_end, anew=anew)


def run_console(config: Config, *, stop: threading.Event, until_end: bool = False) -> None:
    """risk.alerts + ais.* -> the page; see `runners.kafka_console`. Raises InputError, SurroundingsError."""
    with _stage(config, "console"):
        from runners.kafka_console import run_console as run

        run(config, stop=stop, until_end=until_end)


def init_topics(config: Config) -> list[str]:
    """Create and compare the topics; a line per topic. Raises InputError, SurroundingsError."""
    if config.kafka is None:
        raise InputError("the configuration has no [kafka] table", remedy="examples/kafka.toml shows one")
    with _stage(config, "init"):
        from runners.kafka_topics import init_topics as init

        return init(config.kafka)


def run_all(config: Config, config_file: Path, terminal: Any, stop: threading.Event, *, until_end: bool = False) -> int:
    """Create the topics and run every stage as a process of its own until `stop`; returns an exit code.

    A stage that dies is started again and recovers by itself; one that refuses its configuration ends them all.
    """
    for line in init_topics(config):
        terminal.print(line, highlight=False)
    names = [name for name in ALL_STAGES if name != "console" or config.console.enabled]
    capture = ["--capture", config.capture.dir] if config.capture.dir else []
    crew = {name: _Child(name, config_file, until_end, capture if name == "ingest" else []) for name in names}
    try:
        for child in crew.values():
            child.start()
        while not stop.wait(0.2):
            for child in crew.values():
                child.watch(stop)
            if all(child.code is not None for child in crew.values()):
                return max(child.code or 0 for child in crew.values())
            if fatal := [child.code for child in crew.values() if child.code]:
                return max(fatal)
        return 130
    finally:
        for child in reversed(crew.values()):  # sources first: what they still send finds its readers
            child.end()


class _Child:
    """One stage as a process, started again when it dies. `code` is set when it is over for good."""

    def __init__(self, name: str, config_file: Path, until_end: bool, more: list[str]) -> None:
        self.command = [
            sys.executable,
            "-c",
            "import sys; from runners.cli import main; sys.exit(main())",
            name,
            "--config",
            str(config_file),
            *(["--until-end"] if until_end else []),
            *more,
        ]
        self.name, self.restarts = name, 0
        self.code: int | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL)

    def watch(self, stop: threading.Event) -> None:
        """Start it again if it died of anything but its end or its configuration."""
        if self.process is None or self.code is not None or (code := self.process.poll()) is None:
            return
        if code in (0, CONFIGURATION_FAULT) or self.restarts >= RESTARTS_MAX:
            self.code = code
            return
        self.restarts += 1
        log.warning("%s ended with code %d; started again (%d)", self.name, code, self.restarts)
        if not stop.wait(RESTART_S):
            self.start()

    def end(self) -> None:
        """SIGTERM, then patience, then SIGKILL."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            log.error("%s does not stop and is killed", self.name)
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def _stage(config: Config, name: str) -> Iterator[None]:
    """What stands around every stage: the client is there, its words go to stderr, its faults are said in ours."""
    try:
        from kafka.errors import KafkaError
    except ImportError as fault:
        raise InputError("the Kafka client is not installed", remedy="pip install 'dogwatch[kafka]'") from fault
    start_logs(name, config.log)
    try:
        yield
    except KafkaError as fault:
        raise SurroundingsError(f"Kafka: {fault}", remedy="look at the broker (`dogwatch doctor --config ...`), then start the stage again") from fault
