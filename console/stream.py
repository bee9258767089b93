"""The event stream to the pages: a ring of numbered items that a page can resume, and pulses that it need not.

May live here: ring, cursors, waking of waiting connections, the text form of server-sent events. May not: what an
alert is, who may see it, HTTP.

Theory. A page reads the whole state once (with a cursor), then follows from that cursor. Items carry `epoch-seq`:
the epoch is new with every start of the program, the number counts up. A cursor of another epoch, or one that the ring has
forgotten, cannot be resumed: the page gets `reset` and reads the state again. So nothing is missed and nothing comes twice.
No connection has a queue of its own: it keeps a number and reads the ring when woken, so a slow page costs no memory.
Pulses (health) are only ever wanted newest and stay out of the ring, which would otherwise hold nothing else.

Thread-safe: `append` and `pulse` may be called from any thread; a Waker belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

RING_ITEMS_MAX = 20_000  # a busy room has some 2,000 changes in 24 h; ten times that, at about 5 kB each, is 100 MB at worst
COMMENT_S = 15.0  # proxies and laptops that sleep cut silent connections


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that happened. `data` is one line of JSON."""

    seq: int
    kind: str
    data: bytes


class Waker:
    """Wakes one coroutine from any thread; several wakes before it looks are one."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def wake(self) -> None:
        """Call from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self, timeout_s: float) -> bool:
        """True when woken, False after `timeout_s`."""
        try:
            await asyncio.wait_for(self._event.wait(), timeout_s)
        except TimeoutError:
            return False
        self._event.clear()
        return True


class Stream:
    """The ring, the newest pulse of each kind, and who waits for them."""

    def __init__(self, items_max: int = RING_ITEMS_MAX) -> None:
        self.epoch = secrets.token_hex(4)
        self.closed = False
        self._items: deque[Item] = deque(maxlen=items_max)
        self._seq = 0
        self._pulses: dict[str, tuple[int, bytes]] = {}
        self._wakers: set[Waker] = set()
        self._lock = threading.Lock()

    def append(self, kind: str, data: bytes) -> int:
        """Add an item and wake every connection; its number."""
        with self._lock:
            self._seq += 1
            self._items.append(Item(self._seq, kind, data))
        self._wake_all()
        return self._seq

    def pulse(self, kind: str, data: bytes) -> None:
        """Replace the newest value of a kind that needs no history."""
        with self._lock:
            self._pulses[kind] = (self._pulses.get(kind, (0, b""))[0] + 1, data)
        self._wake_all()

    def close(self) -> None:
        """End every connection (the program stops)."""
        self.closed = True
        self._wake_all()

    @property
    def cursor(self) -> str:
        """Where a page that has just read the whole state goes on."""
        return f"{self.epoch}-{self._seq}"

    def since(self, cursor: str) -> list[Item] | None:
        """Items after a cursor; None where it cannot be resumed (other epoch, forgotten, not one of ours)."""
        epoch, _, number = cursor.partition("-")
        if epoch != self.epoch or not (number.isascii() and number.isdigit()):
            return None
        seq = int(number)
        with self._lock:
            if seq > self._seq or (self._items and seq < self._items[0].seq - 1):
                return None
            return self._after(seq)

    def _after(self, seq: int) -> list[Item]:
        if not self._items or seq >= self._seq:
            return []
        skip = max(0, seq - self._items[0].seq + 1)
        return [self._items[i] for i in range(skip, len(self._items))]

    def pulses_after(self, seen: dict[str, int]) -> list[tuple[str, bytes]]:
        """Pulses newer than the versions in `seen`, which is brought up to date."""
        with self._lock:
            fresh = [(kind, version, data) for kind, (version, data) in self._pulses.items() if version > seen.get(kind, 0)]
        seen.update({kind: version for kind, version, _ in fresh})
        return [(kind, data) for kind, _, data in fresh]

    @contextlib.contextmanager
    def waker(self):
        """A Waker for the running coroutine, known to this stream while the block lasts."""
        waker = Waker()
        with self._lock:
            self._wakers.add(waker)
        try:
            yield waker
        finally:
            with self._lock:
                self._wakers.discard(waker)

    @property
    def clients(self) -> int:
        """Connections that follow the stream now."""
        return len(self._wakers)

    def _wake_all(self) -> None:
        with self._lock:
            wakers = list(self._wakers)
        for waker in wakers:
            waker.wake()


def sse_text(kind: str, data: bytes, cursor: str = "") -> bytes:
    """One server-sent event. `data` must be one line (JSON is)."""
    assert not {10, 13} & set(data), "an event is one line"
    head = f"id: {cursor}\n" if cursor else ""
    return f"{head}event: {kind}\ndata: ".encode() + data + b"\n\n"


async def sse(stream: Stream, cursor: str) -> AsyncIterator[bytes]:
    """Server-sent events from a cursor on, until the stream closes or the caller stops asking.

    "" = from now; then `hello` comes first, with the cursor: whoever reads the state after it misses nothing, and may be cut off before anything happened.
    """
    yield b"retry: 1000\n\n"
    if cursor and stream.since(cursor) is None:
        cursor = stream.cursor
        yield sse_text("reset", b"{}", cursor)
    if not cursor:
        cursor = stream.cursor
        yield sse_text("hello", b"{}", cursor)
    pulses: dict[str, int] = {}
    with stream.waker() as waker:
        while not stream.closed:
            items = stream.since(cursor)
            if items is None:  # so slow that the ring has moved past this connection
                cursor = stream.cursor
                yield sse_text("reset", b"{}", cursor)
                continue
            for item in items:
                cursor = f"{stream.epoch}-{item.seq}"
                yield sse_text(item.kind, item.data, cursor)
            for kind, data in stream.pulses_after(pulses):
                yield sse_text(kind, data)
            if not await waker.wait(COMMENT_S):
                yield b": still here\n\n"
