"""Faults between radio and decoder, on bytes. May hold: their list, chance, and what they do to the order of a stream. May not: anything that decodes.

A fault is an item in a list, written `kind@line`, `kind@line:place` or `kind@line:place:extra`; a run prints its list and the list
alone makes the same damage again (`cut@1042:17`). Seeded faults are draws per line number, so they do not depend on how the stream
is cut into chunks. A line number counts the lines that go in. What happens to one line is in `damage`; here is what takes several:

- `late`: held back until a line that was received `place` seconds later has passed.
- `reordered`: changes places with the line `place` lines on.
- `interleaved`: the other parts of its message wait for the next message of several parts and follow its first part.
- `clock`: the stamps of its station are off by `place` seconds, for `extra` seconds.
- `silent`: its station says nothing from here on, for `place` lines of the stream.
- `truncated`: the stream ends in this line, after `place` bytes of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import msgspec
import numpy as np

from dogwatch.errors import InputError
from sim import damage as one_line
from sim import noise
from sim.simulate import Chunk

PLACES = 65_536
HELD_MAX = 4_096  # lines that are late or wait for a place at once
LATE_S_MAX, CLOCK_S_MAX, CLOCK_FOR_S_MAX, REORDERED_MAX, SILENT_MAX = 600, 7_200, 3_600, 16, 4_000  # of what chance draws
LINE_DAMAGE: dict[str, Callable[[bytes, int], bytes]] = {
    "lost": one_line.lost,
    "repeated": one_line.repeated,
    "checksum": one_line.checksum,
    "cut": one_line.cut,
    "glued": one_line.glued,
    "garbage": one_line.garbage,
    "tagsum": one_line.tagsum,
    "payload": one_line.payload,
    "long": one_line.long,
    "cr": one_line.cr,
}


class Rates(msgspec.Struct, forbid_unknown_fields=True):
    """How often each fault happens, as a share of lines; their sum is at most 1."""

    lost: float = 0.0
    repeated: float = 0.0
    checksum: float = 0.0
    cut: float = 0.0
    glued: float = 0.0
    garbage: float = 0.0
    tagsum: float = 0.0
    payload: float = 0.0
    long: float = 0.0
    cr: float = 0.0
    late: float = 0.0
    reordered: float = 0.0
    interleaved: float = 0.0
    clock: float = 0.0
    silent: float = 0.0
    truncated: float = 0.0


KINDS = Rates.__struct_fields__


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What happens to one line (counted from 0 over the whole stream). `place`, `extra`: where in it, or how much; see the module text."""

    line: int
    kind: str
    place: int = 0
    extra: int = 0

    def __str__(self) -> str:
        return f"{self.kind}@{self.line}:{self.place}" + (f":{self.extra}" if self.extra else "")


Choose = Callable[[int], Fault | None]


def seeded(seed: int, rates: Rates) -> Choose:
    """Faults by chance: each line is drawn for on its own. Raises InputError when the rates make no sense."""
    steps = [(kind, getattr(rates, kind)) for kind in KINDS]
    if any(rate < 0 for _, rate in steps) or sum(rate for _, rate in steps) > 1:
        raise InputError("fault rates must be 0 or more and sum to at most 1", remedy="lower them", value=msgspec.to_builtins(rates))
    key = np.uint64(seed & 0xFFFFFFFFFFFFFFFF)

    def choose(line: int) -> Fault | None:
        left = noise.unit(key, noise.FAULT, line, 0)
        for kind, rate in steps:
            if left < rate:
                return Fault(line, kind, *_size(kind, noise.unit(key, noise.FAULT_PLACE, line, 0), noise.unit(key, noise.FAULT_PLACE, line, 1)))
            left -= rate
        return None

    return choose


def _size(kind: str, share: float, other: float) -> tuple[int, int]:
    """Place and extra of a fault from two numbers in [0, 1)."""
    if kind == "clock":
        step_s = 1 + int(share * 2 * CLOCK_S_MAX)
        return step_s if step_s <= CLOCK_S_MAX else CLOCK_S_MAX - step_s, 1 + int(other * CLOCK_FOR_S_MAX)
    most = {"late": LATE_S_MAX, "reordered": REORDERED_MAX, "silent": SILENT_MAX}.get(kind)
    return (1 + int(share * most), 0) if most else (int(share * PLACES), 0)


def listed(faults: Iterable[Fault]) -> Choose:
    """Exactly these faults, at most one a line."""
    by_line = {fault.line: fault for fault in faults}
    return by_line.get


def chosen(text: str, seed: int) -> Choose:
    """From what a person wrote: rates (`lost=0.01,cut=0.002`) with a seed, or a list (`lost@12 cut@1042:17`). Raises InputError."""
    if "=" not in text:
        return listed(parse_faults(text))
    rates: dict[str, float] = {}
    for item in text.replace(",", " ").split():
        kind, _, rate = item.partition("=")
        try:
            rates[kind] = float(rate)
        except ValueError:
            rates[kind] = -1.0
        if kind not in KINDS or not 0 <= rates[kind] <= 1:
            raise InputError(f"not a rate: {item!r}", remedy=f"kind=share with a kind of {', '.join(KINDS)}", value=item)
    return seeded(seed, Rates(**rates))


def parse_faults(text: str) -> list[Fault]:
    """Read `lost@12 cut@1042:17` back. Raises InputError naming the item that is wrong."""
    faults = []
    for item in text.split():
        kind, _, where = item.partition("@")
        line, *sizes = where.split(":")
        if kind not in KINDS or not line.isdecimal() or len(sizes) > 2 or not all(size.removeprefix("-").isdecimal() for size in sizes):
            raise InputError(f"not a fault: {item!r}", remedy=f"kind@line:place with a kind of {', '.join(KINDS)}", value=item)
        faults.append(Fault(int(line), kind, *map(int, sizes)))
    return faults


def faults_text(faults: Iterable[Fault]) -> str:
    """The one line that makes the same damage again."""
    return " ".join(str(fault) for fault in sorted(faults))


def damage(chunks: Iterable[Chunk], choose: Choose, done: list[Fault] | None = None) -> Iterator[Chunk]:
    """Chunks with faults in them (chunks of whole lines, as `simulate` gives them); what was done is appended to `done`.

    What could not be done to its line (no tag block, no parts) is not.
    """
    stream, number, last_ms = _Stream([] if done is None else done), 0, 0
    for chunk in chunks:
        for line in chunk.data.splitlines(keepends=True):
            stream.take(number, line, choose(number))
            number += 1
        last_ms = chunk.t_ms
        yield Chunk(chunk.t_ms, stream.ready())
    if rest := stream.rest():
        yield Chunk(last_ms, rest)


@dataclass(slots=True)
class _Slot:
    """A place in the stream. None: what belongs there has not come yet."""

    data: bytes | None


@dataclass(slots=True)
class _Stream:
    """The lines on their way, and what is wrong with whom."""

    done: list[Fault]
    slots: deque[_Slot] = field(default_factory=deque)
    held: list[tuple[float, int, bytes]] = field(default_factory=list)  # (due, number, line) of late lines
    swaps: dict[int, tuple[_Slot, bytes]] = field(default_factory=dict)  # line number -> whose place it takes, and what stands in its own
    waiting: dict[bytes, list[bytes]] = field(default_factory=dict)  # parts that wait for another message, by message
    steps: dict[bytes, tuple[int, float]] = field(default_factory=dict)  # station -> (seconds, until)
    silent: dict[bytes, int] = field(default_factory=dict)  # station -> the first line number that is heard again
    now_s: float = 0.0
    ended: bool = False

    def take(self, number: int, line: bytes, fault: Fault | None) -> None:
        """One more line, and what happens to it."""
        if self.ended:
            return
        t_s = one_line.stamp_s(line)
        self.now_s = max(self.now_s, t_s or 0.0)
        for item in sorted(item for item in self.held if item[0] <= self.now_s):
            self.held.remove(item)
            self._put(item[2])
        station = one_line.station_of(line)
        kind, place = (fault.kind, fault.place) if fault else ("", 0)
        done = self._begin(fault, station, number) if fault else False
        data = self._said(line, station, number)
        if kind in LINE_DAMAGE:
            damaged = LINE_DAMAGE[kind](data, place)
            done, data = damaged != data, damaged
        elif kind == "late" and place > 0 and t_s is not None and len(self.held) < HELD_MAX:
            self.held.append((self.now_s + place, number, data))
            done, data = True, b""
        elif kind == "truncated":
            done, self.ended, data = True, True, data[: place % max(1, len(data))]
        moved = self._arrange(number, line, data, kind, place)
        if fault and (done or moved):
            self.done.append(fault)

    def ready(self) -> bytes:
        """What is known to come next, for good."""
        out = []
        while self.slots and self.slots[0].data is not None:
            out.append(self.slots.popleft().data or b"")
        return b"".join(out)

    def rest(self) -> bytes:
        """The end of the stream: what waited for something that never came."""
        for slot, data in self.swaps.values():
            slot.data = data
        parts = list(chain.from_iterable(self.waiting.values()))
        late = [] if self.ended else [line for _, _, line in sorted(self.held)]
        self.slots.extend(_Slot(data) for data in ([] if self.ended else parts) + late)
        return self.ready()

    def _begin(self, fault: Fault, station: bytes, number: int) -> bool:
        """Start what lasts; whether there was something to start."""
        if fault.kind == "clock" and station and fault.place:
            self.steps[station] = (fault.place, self.now_s + fault.extra)
        elif fault.kind == "silent" and station and fault.place > 0:
            self.silent[station] = number + fault.place
        else:
            return False
        return True

    def _said(self, line: bytes, station: bytes, number: int) -> bytes:
        """The line as its station passes it on: not at all, or with a wrong time."""
        if number < self.silent.get(station, 0):
            return b""
        step_s, until_s = self.steps.get(station, (0, 0.0))
        return one_line.moved(line, step_s) if step_s and self.now_s < until_s else line

    def _arrange(self, number: int, line: bytes, data: bytes, kind: str, place: int) -> bool:
        """Give the line its place; whether the fault moved it."""
        if number in self.swaps:
            slot, other = self.swaps.pop(number)
            slot.data, data = data, other
        if kind == "reordered" and 0 < place < HELD_MAX and number + place not in self.swaps:
            slot = _Slot(None)
            self.slots.append(slot)
            self.swaps[number + place] = (slot, data)
            return True
        parts, part, message = one_line.part_of(line)
        if part > 1 and message in self.waiting:
            self.waiting[message].append(data)
            return False
        if parts > 1 and part == 1:
            for one in self.waiting.pop(message, []):  # its number has come round: another message now
                self._put(one)
            self._put(data)
            others, self.waiting = self.waiting, {}
            for one in chain.from_iterable(others.values()):
                self._put(one)
            if kind == "interleaved":
                self.waiting[message] = []
            return kind == "interleaved"
        self._put(data)
        return False

    def _put(self, data: bytes) -> None:
        self.slots.append(_Slot(data))
