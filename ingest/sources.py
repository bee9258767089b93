"""Sources together: the right reader for each configured source, and all of them as one stream of pieces.

May live here: the choice of a reader, the multiplexing. May not: transports, sentences, what silence means.

    with SourceSet(config.sources) as sources:
        while (item := sources.get(0.2)) is not None or not sources.over: ...

Pieces of one source come in the order of arrival; sources take turns, so that a flood on one never starves another.
One thread may call `get`; `stop` may be called from any (a signal handler's flag is better).
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from dogwatch import config
from dogwatch.errors import InputError
from ingest.source import QUEUE_BYTES_MAX, Clock, Reader, Received, SourceCounters, SystemClock
from ingest.source_file import FileReader
from ingest.source_follow import FollowedFile
from ingest.source_serial import SerialPort
from ingest.source_tcp import TcpClient, TcpServer
from ingest.source_udp import UdpListener

__all__ = ["Received", "SourceCounters", "SourceSet", "make_reader"]

STOP_WAIT_S = 6.0  # longer than a connection attempt; after it a thread is left behind, which dies with the process


def make_reader(source: config.Source, *, clock: Clock | None = None, seed: int | None = None, queue_bytes_max: int = QUEUE_BYTES_MAX) -> Reader:
    """The reader of a configured source, not yet opened. seed: of the jitter between attempts; None = from the system."""
    rng = random.Random(seed) if seed is None else random.Random(f"{seed}:{source.id}")
    common: dict[str, Any] = {"silent_s": source.silent_s, "clock": clock or SystemClock(), "rng": rng, "queue_bytes_max": queue_bytes_max}
    match source.kind:
        case "tcp":
            return TcpClient(source.id, source.host, source.port, **common)
        case "tcp_server":
            return TcpServer(source.id, source.host, source.port, **common)
        case "udp":
            return UdpListener(source.id, source.host, source.port, **common)
        case "serial":
            return SerialPort(source.id, source.path, source.baud, dtr=source.dtr, rts=source.rts, **common)
        case "file" if source.follow:
            return FollowedFile(source.id, source.path, **common)
        case "file":
            return FileReader(source.id, source.path, **common)
        case "stdin":
            return FileReader(source.id, "-", **common)


class SourceSet:
    """Any number of sources, read in threads, taken one piece at a time."""

    def __init__(self, sources: Sequence[config.Source | Reader], *, clock: Clock | None = None, seed: int | None = None) -> None:
        self.readers = [source if isinstance(source, Reader) else make_reader(source, clock=clock, seed=seed) for source in sources]
        ids = [reader.source for reader in self.readers]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise InputError(f"two sources are called '{twice[0]}'", remedy="give every source an id of its own")
        self.gate = threading.Condition()
        self.turn = 0

    def start(self) -> None:
        """Open every source, then read. Raises InputError, with nothing left open, when one cannot be had."""
        begun: list[Reader] = []
        try:
            for reader in self.readers:
                reader.start(self.gate)
                begun.append(reader)
        except BaseException:
            self._end(begun)
            raise

    def get(self, timeout_s: float) -> Received | None:
        """The next piece of any source, or None when none came within timeout_s. Raises what broke inside a reader."""
        until_s = time.monotonic() + timeout_s
        with self.gate:
            while True:
                if (item := self._take()) is not None:
                    return item
                if fault := next((reader.fault for reader in self.readers if reader.fault), None):
                    raise fault
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    return None
                self.gate.wait(left_s)

    def get_waiting(self, timeout_s: float, *, pieces_max: int, bytes_max: int) -> deque[Received]:
        """What `get` would give without waiting again: nothing, or one piece and those behind it until either limit is reached."""
        first = self.get(timeout_s)
        found = deque([first] if first is not None else [])
        n_bytes = sum(len(item.data) for item in found)
        with self.gate:
            while found and len(found) < pieces_max and n_bytes < bytes_max and (item := self._take()) is not None:
                found.append(item)
                n_bytes += len(item.data)
        return found

    def received(self, timeout_s: float) -> Iterator[Received | None]:
        """Pieces until every source is over and drained; None each time nothing came within timeout_s."""
        while not self.over:
            item = self.get(timeout_s)
            if item is not None or not self.over:
                yield item

    @property
    def over(self) -> bool:
        """Every source has ended (or was stopped) and everything it delivered was taken."""
        with self.gate:
            return self._all_over() and not any(reader.outlet.items for reader in self.readers)

    @property
    def counters(self) -> dict[str, SourceCounters]:
        """Counters of each source, alive: copy what must not change."""
        return {reader.source: reader.counters for reader in self.readers}

    def stop(self) -> None:
        """Stop reading. What was accepted can still be taken with `get`, until it returns None. Twice is once."""
        self._end(self.readers)

    def __enter__(self) -> SourceSet:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _end(self, readers: Sequence[Reader]) -> None:
        for reader in readers:
            reader.ask_to_stop()
        until_s = time.monotonic() + STOP_WAIT_S
        for reader in readers:
            if reader.thread.ident is not None and reader.thread is not threading.current_thread():
                reader.thread.join(max(0.0, until_s - time.monotonic()))

    def _take(self) -> Received | None:
        for step in range(len(self.readers)):
            at = (self.turn + step) % len(self.readers)
            if (item := self.readers[at].outlet.take()) is not None:
                self.turn = at + 1
                return item
        return None

    def _all_over(self) -> bool:
        return all(reader.over or reader.thread.ident is None for reader in self.readers)
