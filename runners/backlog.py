"""The backlog of the ingest stage: what live sources say is on disk before anybody works on it, and waits there for a broker that is away.

May live here: which sources are logged, the thread that writes, the order of reading, what is done about a full disk. May not:
the format (`runners.input_log`), decode, know a broker.

    live sources -> thread -> segments -> get -> the stage        files that can be read again -> get

The stage takes live input from the log alone, behind the position that its last commit carries; so a restarted one, or one whose
broker is back, works through the rest in order before anything newer. Each start writes "system down" into the log, behind what
its predecessor has left and before what comes now. A segment that is wholly committed is deleted.

A disk that refuses is an alarm, and then nothing more is taken from the sources: TCP and pipes wait, the queues of those that cannot fill and
drop the oldest, counted. It is tried again each second; once everything written is committed, the log itself gives its room back.
"""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from dogwatch.batch import T_MISSING, Control
from dogwatch.config import Source
from dogwatch.errors import InputError, SurroundingsError
from ingest.source import Reader, Received
from ingest.sources import SourceSet
from runners.input_log import InputLog, Tail
from runners.intake import RUN_BYTES, RUN_PIECES

SEGMENT_BYTES = 16 << 20
POLL_S, TURN_S, RETRY_S, LOOK_S = 0.2, 0.02, 1.0, 10.0
DISK_USED_ALARM = 0.8
STOP_S_MAX = 10.0
START = Control(T_MISSING, "system_down")  # the stage puts in how far it had come
Say = Callable[[str], None]
Positions = dict[str, list[int]]  # id of a log -> segment and byte of the record that comes next


def can_be_read_again(source: Source) -> bool:
    """Whether it is a file that begins anew at its first byte; a pipe and one that is followed through rotations do not."""
    return source.kind == "file" and not source.follow and Path(source.path).is_file()


class Backlog:
    """All sources of one ingest process. `get`, `settle`, `stop` and `close` from one thread; metrics from any. `say` is told of troubles."""

    def __init__(self, folder: Path, sources: Sequence[Source], say: Say) -> None:
        """Raises InputError for a folder that cannot be used."""
        self.say = say
        self.again = {source.id for source in sources if can_be_read_again(source)}
        self.files = SourceSet([source for source in sources if source.id in self.again])
        self.live = SourceSet([source for source in sources if source.id not in self.again])
        self.known = bool(self.live.readers) and folder.is_dir()
        self.log = InputLog(folder)
        self.id = _identity(folder, anew=not self.log.numbers()) if self.live.readers else ""
        first = min(self.log.numbers(), default=1)
        self.tail = self.log.tail(first, 0)
        self.others: Positions = {}
        self.gate = threading.Condition()
        self.end = (self.log.segment, self.log.size(self.log.segment))  # what may be read
        self.committed = (first, 0)
        self.held: deque[Received | Control] = deque()  # accepted, and refused by the disk when we had to stop
        self.full = self.holding = self.near_full = self.turn = False
        self.stopping, self.looked_s = threading.Event(), -LOOK_S
        self.fault: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="backlog", daemon=True)

    @property
    def readers(self) -> list[Reader]:
        """Readers of all sources."""
        return [*self.files.readers, *self.live.readers]

    def start(self) -> None:
        """Begin to read; twice is once. Raises InputError for a source that cannot be had."""
        if self.live.readers and self.thread.ident is None:
            self.live.start()
            self.thread.start()

    def resume(self, positions: Positions | None) -> None:
        """Read from where a snapshot says that its state stood; None = from the first byte that is there. The files are opened now."""
        if positions is not None:
            self.others = {name: where for name, where in positions.items() if name != self.id}
            if self.id in positions:
                self.tail = self.log.tail(*positions[self.id])
                self.settle(positions)
        if self.files.readers:
            self.files.start()

    def get(self, wait_s: float) -> Received | Control | None:
        """What comes next, or None when nothing came in time. Files and live sources take turns. Raises what broke in a reader."""
        if self.files.over:
            return self._logged(wait_s) if self.live.readers else None
        if not self.live.readers:
            return self.files.get(wait_s)
        self.turn = not self.turn
        first = self.files.get(0.0) if self.turn else self._logged(0.0)
        if first is not None:
            return first
        return self._logged(min(wait_s, TURN_S)) if self.turn else self.files.get(min(wait_s, TURN_S))

    @property
    def logged(self) -> bool:
        """Whether all input comes by the log: then a second reader meets it in the same order."""
        return bool(self.live.readers) and not self.files.readers

    def ahead(self) -> Tail:
        """A second reader of the log, from where `get` stands: for `look`, in any thread. Whoever asks closes it."""
        return self.log.tail(*self.position)

    def look(self, tail: Tail, wait_s: float) -> Received | Control | None:
        """What comes next for a reader of its own; None when nothing came in time. Raises what broke in the thread that writes."""
        until_s = time.monotonic() + wait_s
        with self.gate:
            while (item := tail.next(self.end)) is None:
                if self.fault is not None:
                    raise self.fault
                if (left_s := until_s - time.monotonic()) <= 0 or (tail is self.tail and self.held):
                    return None
                self.gate.wait(left_s)
        return item

    @property
    def position(self) -> tuple[int, int]:
        """Where the next record of this log stands for `get`."""
        return self.tail.segment, self.tail.offset

    def positions(self) -> Positions:
        """Where the next record of this log stands, and what is known of others: a part of the stage's snapshot."""
        return self.others | ({self.id: list(self.position)} if self.id else {})

    def settle(self, positions: Positions) -> None:
        """A state with these positions is committed: older segments go."""
        if self.id in positions:
            segment, offset = positions[self.id]
            with self.gate:
                self.committed = (segment, offset)
            self.log.forget(segment)

    def uncommitted(self) -> int:
        """Bytes that have been read since the last commit, as far as they stand in one segment; a whole segment otherwise."""
        segment, offset = self.committed
        return self.tail.offset - offset if segment == self.tail.segment else SEGMENT_BYTES

    def waiting_bytes(self) -> int:
        """Bytes on disk that are not committed yet."""
        with self.gate:
            segment, offset = self.committed
        return sum(max(0, self.log.size(number) - offset * (number == segment)) for number in self.log.numbers() if number >= segment)

    def disk_used(self) -> float:
        """How full the disk is, 0 to 1, as `df` tells it: what is kept for others is not counted; 0 without live sources."""
        if not self.id:
            return 0.0
        usage = shutil.disk_usage(self.log.folder)
        return usage.used / (usage.used + usage.free) if usage.used + usage.free else 1.0

    def stop(self) -> None:
        """Stop reading; what was accepted can still be taken with `get`. Twice is once."""
        self.files.stop()
        self.live.stop()
        self.stopping.set()
        if self.thread.ident is not None:
            self.thread.join(STOP_S_MAX)

    def close(self) -> None:
        """Leave the files. What was not committed stays for the next start."""
        self.stop()
        self.tail.close()
        if self.held:
            self.say(f"{self.log.folder}: {len(self.held)} pieces that the disk refused are lost: they were neither written nor sent")

    def _logged(self, wait_s: float) -> Received | Control | None:
        item = self.look(self.tail, wait_s)
        if item is None:
            with self.gate:
                return self.held.popleft() if self.held else None
        if self.tail.damage:
            self.say(f"{self.log.folder}: {self.tail.damage}; what followed in it is lost")
            self.tail.damage = ""
        return item

    def _run(self) -> None:
        """The thread: everything that live sources say, into the log."""
        try:
            self._keep([START])
            while True:
                ending = self.stopping.is_set()
                pieces = self.live.get_waiting(0.0 if ending else POLL_S, pieces_max=RUN_PIECES, bytes_max=RUN_BYTES)
                if pieces:
                    self._keep(pieces)
                elif ending:
                    break
                self._look()
        except BaseException as fault:  # a mistake of ours must reach the caller, not die with a thread
            with self.gate:
                self.fault = fault
                self.gate.notify_all()
        finally:
            self.log.close()

    def _keep(self, pieces: Sequence[Received | Control]) -> None:
        """Write them, however long the disk refuses; while it does nothing more is read."""
        while not self.holding:
            try:
                self._write(pieces)
            except SurroundingsError as fault:
                if not self.full:
                    self.say(f"{fault.what}: sources are not read until the disk takes more; what was accepted is kept")
                self.full = True
                self.holding = self.stopping.wait(RETRY_S)
                self._give_back()
            else:
                if self.full:
                    self.say(f"{self.log.folder}: the disk takes input again")
                self.full = False
                return
        with self.gate:  # told to stop: all that follows stays in memory until the stage takes it
            self.held.extend(pieces)
            self.gate.notify_all()

    def _write(self, pieces: Sequence[Received | Control]) -> None:
        if self.log.file is None or self.log.length >= SEGMENT_BYTES:
            self.log.begin()
        if isinstance(pieces[0], Control):
            self.log.control(pieces[0])
        else:
            self.log.take(pieces)  # type: ignore[arg-type]
        with self.gate:
            self.end = (self.log.segment, self.log.length)
            self.gate.notify_all()

    def _give_back(self) -> None:
        """When all that was written is committed, delete it: a new segment begins in that room."""
        with self.gate:
            if self.log.file is not None and self.committed == self.end:
                self.log.drop()

    def _look(self) -> None:
        """Say when the disk becomes nearly full, once."""
        if time.monotonic() - self.looked_s < LOOK_S:
            return
        self.looked_s = time.monotonic()
        used = self.disk_used()
        if used >= DISK_USED_ALARM and not self.near_full:
            self.say(f"{self.log.folder}: the disk is {100 * used:.0f} % full; at 100 % sources are not read any more")
        self.near_full = used >= DISK_USED_ALARM


def _identity(folder: Path, *, anew: bool) -> str:
    """The name of the log in a folder: a snapshot may know logs of several machines. `anew`: it is empty, and its numbers begin at 1 again."""
    file = folder / "id"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if anew or not file.exists():
            file.write_text(uuid.uuid4().hex, encoding="ascii")
        return file.read_text(encoding="ascii")
    except OSError as fault:
        raise InputError(f"cannot keep input in {folder}: {fault.strerror or fault}", remedy="set data_dir to a folder that can be written") from fault
