"""A victim: a real `dogwatch` process that starts in a few milliseconds, because it is forked from one that has imported everything.

May live here: forking, the pace at which the recording is heard, reading a victim's log. May not: choose whom to kill, judge.
A victim runs the command line's own `main` with its own arguments; only its sea is slowed down: of the file, so many bytes a
second can be read since the replay began, and a restarted victim finds at once what was heard while it was dead.
Fork only from a process without threads of Python: call `start` before any Kafka client has lived in the caller.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest import sources
from ingest.source_file import FileReader, read_blocks

PIECE_BYTES = 8_192
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Pace:
    """When the recording began to play (monotonic seconds, the same in every process) and how fast it plays."""

    begun_s: float
    bytes_per_s: float

    def due_s(self, n_bytes: int) -> float:
        """Seconds until so many bytes have been played; 0 or less when they have."""
        return self.begun_s + n_bytes / self.bytes_per_s - time.monotonic()


def warm() -> None:
    """Import what stages import and load every kernel: who is forked afterwards need not. Two seconds of CPU, once. No thread is left."""
    import kafka  # noqa: F401 - imported before forking, as all of these

    import runners.kafka_ingest
    import runners.kafka_score
    import runners.kafka_stage
    import runners.kafka_track
    import runners.live  # noqa: F401
    from dogwatch.kernel import load_all
    from ingest import kernel

    load_all()
    kernel.scan.load()


def start(log: Path, pace: Pace, arguments: list[str]) -> int:
    """Fork a `dogwatch` process with these arguments; its words go to the end of `log`. Returns its process id."""
    return fork(log, lambda: _dogwatch(pace, arguments))


def fork(log: Path, work: Callable[[], int], errors: Path | None = None) -> int:
    """Run `work` in a process of its own that dies with this one; its exit code is what `work` returns. errors: another file than `log` for stderr."""
    assert threading.active_count() == 1, "a process with threads must not be forked"
    sys.stdout.flush()
    sys.stderr.flush()
    if pid := os.fork():
        return pid
    code = 70
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for descriptor, file in ((1, log), (2, errors or log)):
            os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), descriptor)
        code = work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def ended(pid: int) -> int | None:
    """Exit code of a child (-9 = killed), or None while it lives. Asks only once for each child's end."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def moments(log: Path, words: str) -> list[float]:
    """UNIX times of the log's lines that hold `words`."""
    if not log.exists():
        return []
    lines = (line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if words in line)
    return [moment for line in lines if (moment := _moment(line))]


def _moment(line: str) -> float:
    stamp, _, rest = line.partition(",")
    try:
        return time.mktime(time.strptime(stamp, "%Y-%m-%d %H:%M:%S")) + int(rest[:3]) / 1000
    except ValueError:
        return 0.0


def _dogwatch(pace: Pace, arguments: list[str]) -> int:
    from runners.cli import main

    class PacedFile(FileReader):
        """The recording as a radio would bring it."""

        def read(self) -> None:
            self.counters.connections = 1
            played = 0
            for block in read_blocks(self.path, PIECE_BYTES):
                played += len(block)
                while not self.stopping and (left_s := pace.due_s(played)) > 0:
                    self.stop_asked.wait(min(left_s, 0.1))
                if self.stopping:
                    return
                self.deliver(block, self.path)
            self.say("end")

    readers: Any = sources
    readers.FileReader = PacedFile
    sys.argv = ["dogwatch", *arguments]
    main()
    return 0
