"""The tape: a capture that runs beside something else, or alone. May hold: when it is written, what is said when the disk refuses.

May not: the format (ingest/capture), decode, detect. Beside a watch the watch comes first: a full disk is an alarm on the
terminal and a metric, the tape tries again each minute, the watch goes on, and the exit code says at the end that
something is missing. A process that does nothing but capture ends at once (exit code 3), so that whoever supervises it knows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from pathlib import Path

from dogwatch.config import Config
from dogwatch.errors import InputError, SurroundingsError
from ingest.capture import Capture
from ingest.source import Received
from ingest.sources import SourceSet

POLL_S = 0.2
REMEDY = "free disk space; what was written before can be read"


class Tape:
    """A capture beside a run; none where no folder is configured, and then every call does nothing. Not thread-safe: one caller."""

    def __init__(self, config: Config, alarm: Callable[[str], None]) -> None:
        """`alarm` is called with a sentence when the tape stops and when it goes on. Raises InputError for a folder that cannot be used."""
        wanted = config.capture
        self.alarm, self.stopped = alarm, False
        self.capture: Capture | None = None
        if wanted.dir:
            size = round(wanted.rotate_mb * 1_000_000)
            self.capture = Capture(Path(wanted.dir), config.sources, config.columns, flush_s=wanted.flush_s, rotate_bytes=size, rotate_s=wanted.rotate_s)

    def take(self, received: Received | None) -> None:
        """Remember a piece before anybody works on it: the one that breaks us is the one that we want to see."""
        if self.capture is not None and received is not None:
            self.capture.take(received)

    def settle(self, simulated: Collection[str] = ()) -> None:
        """Write what is due, after everybody has worked on it: distress does not wait for a disk. simulated: sources known to be an exercise."""
        if self.capture is None:
            return
        self.capture.mark(simulated)
        self.capture.settle()
        if (self.capture.loss is not None) != self.stopped:
            self.stopped = not self.stopped
            self.alarm(self.capture.report() if self.stopped else f"capture in {self.capture.folder} goes on")

    @property
    def running(self) -> bool:
        """Whether what comes now is being kept."""
        return self.capture is not None and self.capture.loss is None

    @property
    def lost_bytes(self) -> int:
        """What the present outage has cost."""
        return self.capture.loss.bytes if self.capture is not None and self.capture.loss is not None else 0

    def close(self) -> None:
        """Write everything and end the file. Twice is once."""
        if self.capture is not None:
            self.capture.close()

    def check(self) -> None:
        """At the end of a run: raises SurroundingsError when anything is missing from the capture."""
        if self.capture is not None and self.capture.outages:
            raise SurroundingsError(self.capture.report(), remedy=REMEDY)


def run_capture(config: Config, stop: threading.Event, *, until_end: bool = False) -> str:
    """Capture and nothing else, until `stop` (or, with `until_end`, until every source has ended); one sentence about it comes back.

    Raises InputError before anything starts, SurroundingsError as soon as the disk refuses.
    """
    if not config.sources or not config.capture.dir:
        raise InputError("nothing to capture, or nowhere to put it", remedy="name a configuration or --source, and --capture FOLDER")
    tape = Tape(config, lambda _sentence: None)
    assert tape.capture is not None, "a folder is configured"
    sources = SourceSet(config.sources)
    try:
        sources.start()
        while not stop.is_set() and not tape.stopped and not (until_end and sources.over):
            tape.take(sources.get(POLL_S))
            tape.settle()
        sources.stop()
        while not tape.stopped and (received := sources.get(0.0)) is not None:  # what was accepted is kept
            tape.take(received)
            tape.settle()
    finally:
        sources.stop()
        tape.close()
    tape.check()
    return tape.capture.report()
