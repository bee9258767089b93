"""The ledger: events and alerts of a run as NDJSON on disk. May hold: appending, resuming, sorting, atomic replacement.

May not: decide what is written. Lines are appended to part files as they come; a snapshot records how long the parts
were, so that a run that was killed continues from there and writes nothing twice. The finished files are sorted
(house order) and replace older ones in one rename. A run whose results somebody wants at once keeps them in memory (`Kept`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from dogwatch.alerts import Alert, alert_from_json, alert_order
from dogwatch.errors import InputError, SurroundingsError
from dogwatch.events import Event, event_from_json, event_order, to_json

RECALL_BYTES = 64 << 20  # some thirty thousand alerts: months of a busy watch
Kind = TypeVar("Kind")


class Ledger:
    """Append-only events and alerts of one run under `folder`."""

    def __init__(self, folder: Path, lengths: tuple[int, int] | None = None, *, journal: bool = False) -> None:
        """Open the parts, cut back to `lengths` bytes (None = a fresh run). Raises InputError when the folder cannot be used.

        `journal`: a live run has no end, so its parts are the files people read, in the order in which things came. They are cut
        back to `lengths` too, because what followed is written again; but one that is shorter was moved away by somebody, and without
        lengths they are kept whole.
        """
        self.folder = folder
        self.parts = folder if journal else folder / "state"
        self.read_along = journal
        ending = "ndjson" if journal else "part"
        try:
            (folder / "state").mkdir(parents=True, exist_ok=True)
            self.events, self.alerts = (
                _open_journal(self.parts / f"{name}.{ending}", length) if journal else _open_at(self.parts / f"{name}.{ending}", length or 0)
                for name, length in zip(("events", "alerts"), lengths or (None, None))
            )
        except OSError as fault:
            raise InputError(f"cannot write to {folder}: {fault.strerror}", remedy="name a folder that can be written, with --out") from fault

    def append(self, events: Iterable[Event], alerts: Iterable[Alert]) -> None:
        """Write new versions. Raises SurroundingsError when the disk refuses."""
        with self._writing():
            self.events.write(b"".join(to_json(event) + b"\n" for event in events))
            self.alerts.write(b"".join(to_json(alert) + b"\n" for alert in alerts))
            if self.read_along:
                self.events.flush()
                self.alerts.flush()

    def settle(self) -> tuple[int, int]:
        """Bring everything to disk; the lengths a snapshot must remember. Raises SurroundingsError when the disk refuses."""
        with self._writing():
            for part in (self.events, self.alerts):
                part.flush()
                os.fsync(part.fileno())
            return self.events.tell(), self.alerts.tell()

    def finish(self, events: Iterable[Event], alerts: Iterable[Alert]) -> tuple[list[Event], list[Alert]]:
        """Write the sorted `events.ndjson` and `alerts.ndjson`: the parts, and what the end of the recording released beyond them.

        The parts stay as they were before the end, because the kept state is the one before the end too.
        """
        self.settle()
        all_events = sorted([*map(event_from_json, _lines(Path(self.events.name))), *events], key=event_order)
        all_alerts = sorted([*map(alert_from_json, _lines(Path(self.alerts.name))), *alerts], key=alert_order)
        replace_file(self.folder / "events.ndjson", b"".join(to_json(event) + b"\n" for event in all_events))
        replace_file(self.folder / "alerts.ndjson", b"".join(to_json(alert) + b"\n" for alert in all_alerts))
        self.events.close()
        self.alerts.close()
        return all_events, all_alerts

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            again = "start it again: it goes on where it stood" if self.read_along else "run again with --resume"
            raise SurroundingsError(f"cannot write to {self.parts}: {fault.strerror}", remedy=f"free disk space and {again}") from fault


class Kept:
    """The same in memory: nothing is written, and nothing survives the process."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.alerts: list[Alert] = []

    def append(self, events: Iterable[Event], alerts: Iterable[Alert]) -> None:
        """Keep new versions."""
        self.events += events
        self.alerts += alerts

    def finish(self, events: Iterable[Event], alerts: Iterable[Alert]) -> tuple[list[Event], list[Alert]]:
        """All versions in the order of the house."""
        self.append(events, alerts)
        self.events.sort(key=event_order)
        self.alerts.sort(key=alert_order)
        return self.events, self.alerts


def recalled(path: Path, read: Callable[[bytes], Kind]) -> Iterator[Kind]:
    """What stands in a journal, in its order, of a long one the last RECALL_BYTES; a line that a crash cut in half is left out."""
    if not path.is_file():
        return
    with path.open("rb") as lines:
        if lines.seek(0, os.SEEK_END) > RECALL_BYTES:
            lines.seek(-RECALL_BYTES, os.SEEK_END)
            lines.readline()
        else:
            lines.seek(0)
        for line in lines:
            with contextlib.suppress(msgspec.MsgspecError, ValueError):
                yield read(line)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader, or a crash, sees the old one or the new one and nothing between. Raises SurroundingsError; the old one then stands."""
    temporary = path.with_name(path.name + ".new")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as fault:
        with contextlib.suppress(OSError):
            temporary.unlink()  # half of a file is of no use, and takes the room that is missing
        raise SurroundingsError(f"cannot write {path}: {fault.strerror}", remedy="check the folder and its free space, then run again") from fault


def _open_at(path: Path, length: int) -> BinaryIO:
    file = path.open("r+b" if path.exists() else "w+b")
    if file.seek(0, os.SEEK_END) < length:
        raise InputError(f"{path} is shorter than the state remembers", remedy="run again without --resume")
    file.truncate(length)
    file.seek(length)
    return file


def _open_journal(path: Path, length: int | None) -> BinaryIO:
    """At its end, cut back to `length` where that is known; a last line that a crash cut in half is ended, so that the next one stands alone."""
    file = path.open("r+b" if path.exists() else "w+b")
    size = file.seek(0, os.SEEK_END)
    if length is not None and length < size:
        file.truncate(length)
        size = file.seek(length)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            file.write(b"\n")
    return file


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()
