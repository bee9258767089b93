"""Stages that are born at once, for tests and measurements: real processes, forked from one that has imported everything and loaded every kernel.

May live here: the process that forks, its wire, what one holds of a child. May not: what a stage is asked to do.
A stage that is started from nothing needs seconds of CPU before its first word, most of them for imports; where the question is what comes
afterwards, nobody needs to wait for them. A child runs the command line's own `main`, has a process id of its own, and is killed like any other.
The process that forks holds no thread and no client, so whoever asks it may have both (see `chaos_victim`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from tempfile import TemporaryDirectory
from typing import Any

import runners
from benchmarks.chaos_victim import ended, fork, warm

ROOT = Path(__file__).resolve().parent.parent
BORN_S_MAX = 120.0
LOOK_S = 0.01


class Child:
    """One stage, as much of a `Popen` as tests use."""

    def __init__(self, nursery: Nursery, question: dict[str, Any]) -> None:
        self.nursery, self.args = nursery, question["start"]
        self.code: int | None = None
        self.pid: int = nursery.ask(question)

    def poll(self) -> int | None:
        """Its exit code, or None while it lives."""
        if self.code is None:
            self.code = self.nursery.ask({"ended": self.pid})
        return self.code

    def wait(self, timeout: float) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        until_s = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until_s:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(LOOK_S)
        return code

    def send_signal(self, number: int) -> None:
        """Nothing where it is over."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that forks. `close` it: what it has born dies with it."""

    def __init__(self) -> None:
        command = [sys.executable, "-c", "from benchmarks.nursery import serve; serve()"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.lock = threading.Lock()

    def start(self, arguments: list[str], log: Path, **how: Any) -> Child:
        """A `dogwatch` with these arguments; its words go to the end of `log`. how: its folder, environment, file of what is typed, file of its errors."""
        return Child(self, {"start": arguments, "log": str(log), **how})

    def run(
        self, arguments: list[str], folder: Path, environment: Mapping[str, str], *, typed: str = "", timeout_s: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """A `dogwatch` from its start to its end, in a folder and an environment, with what is typed; as `subprocess.run`, and raises what that does."""
        with TemporaryDirectory(prefix="dogwatch-said-") as said:
            out, errors, stdin = (Path(said, name) for name in ("out", "errors", "typed"))
            stdin.write_text(typed, encoding="utf-8")
            how = {"folder": str(folder), "environment": dict(environment), "typed": str(stdin), "errors": str(errors)}
            child = self.start(arguments, out, **how)
            try:
                code = child.wait(timeout_s)
            finally:
                child.kill()
            return subprocess.CompletedProcess(arguments, code, out.read_text(encoding="utf-8"), errors.read_text(encoding="utf-8"))

    def ask(self, question: dict[str, Any]) -> Any:
        """One question, one answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with self.lock:
            watch = threading.Timer(BORN_S_MAX, self.process.kill)
            watch.start()
            try:
                self.process.stdin.write(json.dumps(question) + "\n")
                self.process.stdin.flush()
                answer = self.process.stdout.readline()
            finally:
                watch.cancel()
        assert answer, "the nursery is gone"
        return json.loads(answer)

    def close(self) -> None:
        """End it, and all that it has born."""
        with contextlib.suppress(BrokenPipeError, OSError):
            self.process.communicate(timeout=BORN_S_MAX)


def serve() -> None:
    """The process that forks: a question a line, until nobody asks any more."""
    sys.path.insert(0, str(ROOT))  # whatever folder a child works in
    for module in iter_modules(runners.__path__, "runners."):  # commands import what they need when they are asked
        import_module(module.name)
    import_module("pydantic")  # and so does what reads their arguments
    warm()
    asked, answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for line in iter(asked.readline, ""):
        question = json.loads(line)
        if "start" in question:
            errors = Path(question["errors"]) if "errors" in question else None
            answer: int | None = fork(Path(question["log"]), partial(_work, question), errors)
        else:
            answer = ended(question["ended"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _work(question: dict[str, Any]) -> int:
    """What a child does: the command line's own `main`, where and with what it was asked."""
    from runners.cli import main

    if "folder" in question:
        os.chdir(question["folder"])
        os.environ.clear()
        os.environ.update(question["environment"])
        time.tzset()
        os.dup2(os.open(question["typed"], os.O_RDONLY), 0)
    sys.argv = ["dogwatch", *question["start"]]
    main()
    return 0
