"""A source: the words and the machinery that all readers of bytes share.

May live here: Received, the counters, the bounded queue, silence, heartbeat, backoff, the reader's thread. May not: any one
transport (source_tcp, source_udp, source_serial, source_file), choosing one (sources), columns. Of sentences a reader
knows only the checksum, and looks at one a second: enough to tell a receiver from noise.

Theory of operation. Each source has one reader thread and one queue, bounded in bytes, so that none blocks another:

    wire -> Reader.read (thread) -> Outlet (64 MiB) -> SourceSet.get (the caller's thread)

A stream in which every read is a guess where lines end would glue one sender's half line to another's. So readers of
streams keep one bounded tail per connection (Lines) and hand over whole lines only; a connection that breaks hands over
its half line ended by a line feed, which the decoder then rejects and counts. Pieces of any sender may follow each other.

A full queue makes files and TCP wait, so that the sender waits; UDP and serial cannot wait: they drop the oldest piece
and count it. What a reader has taken from the wire when the set is stopped still goes into the queue: nothing accepted is lost.

Everything that later judgement needs of a source goes through its queue, in its order: the bytes, that a connection began
("link": what an earlier one left open is over), silence, and a heartbeat every ten seconds, which tells "nothing was
heard" from "nobody listened". Whoever keeps the pieces with their times can do everything that followed once more.
"""

from __future__ import annotations

import errno
import random
import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec

from dogwatch.errors import InputError

Kind = Literal["bytes", "link", "silent", "back", "beat", "end"]

QUEUE_BYTES_MAX = 64 << 20
ITEM_BYTES = 256  # what an item costs beside its bytes: datagrams of one byte must not fill memory either
READ_BYTES = 65_536
TAIL_BYTES_MAX = 4_096  # four times the longest line that a decoder accepts; beyond it there is no line to wait for
POLL_S = 0.1  # how soon a reader notices silence and stop
BACKOFF_FIRST_S, BACKOFF_MAX_S, BACKOFF_JITTER = 0.5, 30.0, 0.2
STEADY_S = 60.0  # a connection on which valid sentences still came after so long starts again with the first backoff
BEAT_S = 10.0
PROBE_S = 1.0  # a valid sentence vouches for so long; then the next is looked for
GARBLED_S = 10.0  # bytes for so long without one valid sentence: the wrong speed, or no receiver at all
SENTENCE = re.compile(rb"[!$]([ \"#%-)+-~]{5,512})\*([0-9A-Fa-f]{2})")  # printable characters but '!', '$' and '*'


@dataclass(frozen=True, slots=True)
class Received:
    """One thing that a source has to say.

    bytes: whole lines. link: a connection to `sender` began; what an earlier one left open is over and the first line may
    be half a one. silent: nothing came for the source's `silent_s`. back: bytes come again after silence. beat: every
    ten seconds, alive or not; `data` is `Health` as JSON. end: the source is over for good (a file, standard input).
    t_rx_ms: UTC of the read; None where a recording is read, whose times are in its bytes. sender: which peer, port or
    file: fragments of different senders never join.
    """

    data: bytes
    t_rx_ms: int | None
    source: str
    sender: str
    kind: Kind


class Health(msgspec.Struct):
    """What a heartbeat says of the reader: cumulative since its start."""

    state: str
    bytes: int = 0
    connections: int = 0
    losses: int = 0
    failures: int = 0
    dropped_bytes: int = 0
    kernel_drops: int = 0
    garbled: int = 0


@dataclass(slots=True)
class SourceCounters:
    """What happened to one source since the start. `notes` are sentences of the reader (a cut gzip file), newest last."""

    bytes: int = 0
    pieces: int = 0
    connections: int = 0
    losses: int = 0
    failures: int = 0  # attempts to connect or open that did not succeed
    dropped_pieces: int = 0
    dropped_bytes: int = 0
    kernel_drops: int = 0  # datagrams the kernel dropped before we could read them
    skipped: int = 0  # datagrams that are no sentences (binary IEC 61162-450)
    garbled: int = 0  # times that bytes came for ten seconds without one valid sentence: the wrong speed, or no receiver
    heard_s: float = -1.0  # monotonic time of the last byte; -1 before the first
    state: str = "new"  # one of STATES
    error: str = ""
    notes: deque[str] = field(default_factory=lambda: deque(maxlen=20))


STATES = ("new", "waiting", "connected", "garbled", "silent", "ended")


class Clock(Protocol):
    """The time, given to a reader so that a test can give another."""

    def wall_ms(self) -> int:
        """UTC in ms."""

    def monotonic_s(self) -> float:
        """Seconds that never step back."""


class SystemClock:
    """The computer's own clock."""

    def wall_ms(self) -> int:
        """UTC in ms."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds that never step back."""
        return time.monotonic()


class Backoff:
    """Delays between attempts: 0.5 s doubling to 30 s, each 20 % more or less, so that many clients do not return at once."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.base_s = BACKOFF_FIRST_S

    def next_s(self) -> float:
        """Seconds to wait before the next attempt."""
        delay_s = self.base_s * (1 + BACKOFF_JITTER * (2 * self.rng.random() - 1))
        self.base_s = min(self.base_s * 2, BACKOFF_MAX_S)
        return delay_s

    def reset(self) -> None:
        """The peer is well: begin with the shortest delay again."""
        self.base_s = BACKOFF_FIRST_S


class Lines:
    """The tail of one connection: bytes in, whole lines out. A line ends with LF; CR alone counts where no LF comes."""

    def __init__(self) -> None:
        self.tail = b""

    def whole(self, data: bytes) -> bytes:
        """All complete lines so far; the rest waits, unless it has become longer than any line."""
        held = self.tail + data
        cut = held.rfind(b"\n") + 1
        if not cut:
            cut = held.rfind(b"\r", 0, len(held) - 1) + 1  # a CR at the very end may be half of CR LF
        lines, self.tail = held[:cut], held[cut:]
        if len(self.tail) > TAIL_BYTES_MAX:
            lines, self.tail = lines + self.tail + b"\n", b""
        return lines

    def rest(self) -> bytes:
        """The half line that a broken connection leaves, ended, so that nothing joins it."""
        lines, self.tail = (self.tail + b"\n" if self.tail else b""), b""
        return lines


class Outlet:
    """Queue from one reader to the set. `gate` is shared by all outlets of a set: one lock, one place to wait."""

    def __init__(self, counters: SourceCounters, gate: threading.Condition, *, lossy: bool, bytes_max: int = QUEUE_BYTES_MAX) -> None:
        self.counters, self.gate, self.lossy, self.bytes_max = counters, gate, lossy, bytes_max
        self.items: deque[Received] = deque()
        self.held_bytes = 0
        self.closing = False

    def put(self, item: Received) -> None:
        """Hand over; waits while full (lossy: drops the oldest bytes instead). Never waits nor drops once closing."""
        size = len(item.data) + ITEM_BYTES
        with self.gate:
            while self._full(size) and not self.closing:
                if not self.lossy:
                    self.gate.wait()
                elif not self._drop_oldest():
                    break  # only words about silence are left, a few bytes each
            self.items.append(item)
            self.held_bytes += size
            self.gate.notify_all()

    def take(self) -> Received | None:
        """The oldest item, or None."""
        with self.gate:
            if not self.items:
                return None
            item = self.items.popleft()
            self.held_bytes -= len(item.data) + ITEM_BYTES
            self.gate.notify_all()
            return item

    def close(self) -> None:
        """The set stops: a waiting reader may put what it has, and goes."""
        with self.gate:
            self.closing = True
            self.gate.notify_all()

    def _full(self, size: int) -> bool:
        return bool(self.items) and self.held_bytes + size > self.bytes_max

    def _drop_oldest(self) -> bool:
        """Drop the oldest bytes and count them; False when there are none."""
        oldest = next((i for i, item in enumerate(self.items) if item.kind == "bytes"), None)
        if oldest is None:
            return False
        item = self.items[oldest]
        del self.items[oldest]
        self.held_bytes -= len(item.data) + ITEM_BYTES
        self.counters.dropped_pieces += 1
        self.counters.dropped_bytes += len(item.data)
        return True


class Reader:
    """One source and its thread. A transport fills in `open` (what can be refused at once) and `read` (the thread).

    `open` runs in the caller's thread and raises InputError; `read` returns when the source is over or `stopping`.
    """

    lossy = False  # cannot wait: drops the oldest when full
    live = True  # arrival times mean something

    def __init__(self, source: str, *, silent_s: float, clock: Clock, rng: random.Random, queue_bytes_max: int = QUEUE_BYTES_MAX) -> None:
        self.source, self.silent_s, self.clock, self.rng = source, silent_s, clock, rng
        self.queue_bytes_max = queue_bytes_max
        self.counters = SourceCounters()
        self.outlet = Outlet(self.counters, threading.Condition(), lossy=self.lossy, bytes_max=queue_bytes_max)
        self.stop_asked = threading.Event()
        self.fault: BaseException | None = None
        self.over = False
        self.silent = False
        self.heard_s = self.beaten_s = clock.monotonic_s()
        self.thread = threading.Thread(target=self._run, name=f"source-{source}", daemon=True)

    def open(self) -> None:
        """Take what the operator named: a port, a file. Raises InputError."""

    def read(self) -> None:
        """Deliver until over or stopping."""
        raise NotImplementedError

    def start(self, gate: threading.Condition) -> None:
        """Open, then read in a thread; items go through `gate`."""
        self.open()
        self.outlet = Outlet(self.counters, gate, lossy=self.lossy, bytes_max=self.queue_bytes_max)
        self.heard_s = self.beaten_s = self.clock.monotonic_s()
        self.thread.start()

    def ask_to_stop(self) -> None:
        """The thread ends within a poll; what it holds goes into the queue."""
        self.stop_asked.set()
        self.outlet.close()

    @property
    def stopping(self) -> bool:
        """Whether the thread shall end."""
        return self.stop_asked.is_set()

    def deliver(self, data: bytes, sender: str) -> None:
        """Hand over bytes that are whole lines; after silence, say "back" first."""
        t_rx_ms = self.clock.wall_ms() if self.live else None
        self.heard()
        self.hand_over(data, sender, t_rx_ms)

    def hand_over(self, data: bytes, sender: str, t_rx_ms: int | None) -> None:
        """Count and queue whole lines, whenever they came."""
        if data:
            self.counters.bytes += len(data)
            self.counters.pieces += 1
            self.outlet.put(Received(data, t_rx_ms, self.source, sender, "bytes"))

    def heard(self) -> None:
        """Bytes have come, if only half a line."""
        self.heard_s = self.counters.heard_s = self.clock.monotonic_s()
        if self.silent:
            self.silent = False
            self.say("back")
        if self.counters.state != "garbled":
            self.counters.state = "connected"
        self._beat()

    def tend(self) -> bool:
        """To be called while nothing comes: the heartbeat, and silence reported once; True while the source is silent."""
        self._beat()
        quiet_s = self.clock.monotonic_s() - self.heard_s
        if not self.silent and self.silent_s > 0 and quiet_s >= self.silent_s:
            self.silent = True
            self.counters.state = "silent"
            self.say("silent")
        return self.silent

    def say(self, kind: Kind, sender: str = "", data: bytes = b"") -> None:
        """Queue a word about the source itself."""
        self.outlet.put(Received(data, self.clock.wall_ms() if self.live else None, self.source, sender, kind))

    def _beat(self) -> None:
        """Every ten seconds of a live source, by a schedule that a late beat does not move."""
        now_s = self.clock.monotonic_s()
        if not self.live or now_s - self.beaten_s < BEAT_S:
            return
        self.beaten_s = now_s - (now_s - self.beaten_s) % BEAT_S
        c = self.counters
        health = Health(c.state, c.bytes, c.connections, c.losses, c.failures, c.dropped_bytes, c.kernel_drops, c.garbled)
        self.say("beat", data=msgspec.json.encode(health))

    def wait(self, seconds: float) -> None:
        """Sleep between two attempts, noticing silence and stop."""
        self.counters.state = "silent" if self.silent else "waiting"
        until_s = self.clock.monotonic_s() + seconds
        while not self.stopping and (left_s := until_s - self.clock.monotonic_s()) > 0:
            self.stop_asked.wait(min(POLL_S, left_s))
            self.tend()

    def failed(self, fault: BaseException) -> None:
        """An attempt that did not succeed: counted, with its reason."""
        self.counters.failures += 1
        self.counters.state = "silent" if self.silent else "waiting"
        self.counters.error = str(fault)

    def _run(self) -> None:
        try:
            self.read()
        except BaseException as fault:  # a mistake of ours must reach the caller, not die with a thread
            self.fault = fault
        finally:
            self.over = True
            self.counters.state = "ended"
            with self.outlet.gate:
                self.outlet.gate.notify_all()


class Connection:
    """One life of a byte stream with a peer: its tail, when it began, whether it makes sense."""

    def __init__(self, reader: Reader, sender: str, *, garbled_words: str = "bytes, but no valid sentence: is this a receiver?") -> None:
        self.reader, self.sender, self.garbled_words = reader, sender, garbled_words
        self.lines = Lines()
        self.begun_s = reader.clock.monotonic_s()
        self.valid_s = self.noise_s = -1.0  # when the newest valid sentence came, and the first piece without one after it
        self.garbled = False
        reader.counters.connections += 1
        reader.counters.state = "silent" if reader.silent else "connected"
        reader.say("link", sender)

    def take(self, data: bytes) -> None:
        """Bytes from the peer."""
        lines = self.lines.whole(data)
        self.reader.deliver(lines, self.sender)
        now_s = self.reader.clock.monotonic_s()
        if lines and (self.valid_s < 0 or now_s - self.valid_s >= PROBE_S):
            self._probe(lines, now_s)

    def end(self) -> None:
        """The connection is over; the half line that it leaves is handed over, ended."""
        self.reader.counters.losses += 1
        self.reader.hand_over(self.lines.rest(), self.sender, self.reader.clock.wall_ms())

    @property
    def steady(self) -> bool:
        """Whether valid sentences still came when it had lived long enough to call the peer well."""
        return self.valid_s - self.begun_s >= STEADY_S

    def _probe(self, lines: bytes, now_s: float) -> None:
        """Look for a valid sentence; say so, once, when none came for too long."""
        counters = self.reader.counters
        if has_sentence(lines):
            self.valid_s, self.noise_s, self.garbled = now_s, -1.0, False
            if counters.state == "garbled":  # of several peers, one that makes sense is enough
                counters.state = "connected"
        elif self.noise_s < 0:
            self.noise_s = now_s
        elif not self.garbled and now_s - self.noise_s >= GARBLED_S:
            self.garbled = True
            counters.state = "garbled"
            counters.garbled += 1
            counters.error = self.garbled_words
            counters.notes.append(self.garbled_words)


def has_sentence(data: bytes) -> bool:
    """Whether any NMEA sentence in it has the checksum that it says (IEC 61162-1: XOR between '!' or '$' and '*')."""
    for found in SENTENCE.finditer(data):
        total = 0
        for byte in found.group(1):
            total ^= byte
        if total == int(found.group(2), 16):
            return True
    return False


def port_error(source: str, host: str, port: int, fault: OSError) -> InputError:
    """The error of a port that cannot be taken, with its remedy."""
    if fault.errno == errno.EADDRINUSE:
        return InputError(f"source '{source}': port {port} on {host} is in use", remedy="stop the other program, or choose another port", value=port)
    if fault.errno == errno.EACCES:
        return InputError(f"source '{source}': port {port} on {host} is not allowed", remedy="choose a port above 1023", value=port)
    return InputError(
        f"source '{source}': cannot listen on {host}:{port}: {fault.strerror or fault}", remedy="check host and port; 0.0.0.0 means every interface", value=port
    )
