"""`dogwatch` as people type it: a process of its own with its arguments, folder, environment and what is typed. May not: start one from nothing
(tests of the start itself do: test_demo.py, test_live.py, test_compiled.py).
"""

from __future__ import annotations

import atexit
import os
import subprocess
from functools import cache
from pathlib import Path

from benchmarks.nursery import Nursery


@cache
def nursery() -> Nursery:
    """Where processes are born at once; one for each worker of a run."""
    made = Nursery()
    atexit.register(made.close)
    return made


def dogwatch(*words: str, cwd: Path, typed: str = "", timeout_s: float = 300.0, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `dogwatch WORDS` says and how it ends. Raises subprocess.TimeoutExpired."""
    seen = os.environ | {"NO_COLOR": "1", "COLUMNS": "200"} | environment
    return nursery().run(list(words), cwd, seen, typed=typed, timeout_s=timeout_s)
