"""A contender: a worker process that takes jobs as JSON lines, alone on its environment; and the machine on which all of them run.

May live here: the life of such a process, words about the machine. May not: what is measured.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".cache" / "peers"


class Contender:
    """A worker process and what it says. `absent` is why there is none, or empty."""

    def __init__(self, name: str, python: Path, module: str, *, worker: str) -> None:
        self.name, self.absent, self.hello = name, "", {}
        self.python = python
        if not python.exists():
            self.absent = "not installed"
            return
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen([python, "-m", worker, module], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        try:
            self.hello = self._answer()
        except EOFError as fault:
            self.absent = str(fault)

    def ask(self, **job: Any) -> Any:
        """Give a job and wait for its answer. Raises EOFError, with its last words, if the worker dies."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Let the worker end."""
        if self.python.exists():
            self.process.communicate()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            raise EOFError((self.errors.read().strip().splitlines() or ["it said nothing"])[-1])
        return json.loads(line)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    git = shutil.which("git")
    commit = subprocess.run([git, "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() if git else ""
    return {
        "commit": commit,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "pinned_core": min(os.sched_getaffinity(0)),
        "load_1_min": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def spread(values: list[float]) -> dict[str, float]:
    """Median and extremes."""
    return {"median": round(statistics.median(values), 4), "min": round(min(values), 4), "max": round(max(values), 4)}
