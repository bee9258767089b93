"""Faults between radio and decoder, on bytes. May hold: kinds of damage, seeded and listed. May not: anything that decodes.

A fault is an item in a list, written `kind@line` or `kind@line:place`; a run prints its list and the list alone makes the
same damage again (`cut@1042:17`). Seeded faults are draws per line number, so they do not depend on how the stream
is cut into chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from dogwatch.errors import InputError
from sim import noise
from sim.simulate import Chunk

EOL = b"\r\n"
PLACES = 65_536
GARBAGE_MAX = 40  # bytes


class Rates(msgspec.Struct, forbid_unknown_fields=True):
    """How often each fault happens, as a share of lines; their sum is at most 1."""

    lost: float = 0.0
    repeated: float = 0.0
    checksum: float = 0.0
    cut: float = 0.0
    glued: float = 0.0
    garbage: float = 0.0


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What happens to one line (counted from 0 over the whole stream). `place`: where in it, or what the garbage is."""

    line: int
    kind: str
    place: int = 0

    def __str__(self) -> str:
        return f"{self.kind}@{self.line}:{self.place}"


Choose = Callable[[int], Fault | None]


def _lost(line: bytes, _: int) -> bytes:
    return b""


def _repeated(line: bytes, _: int) -> bytes:
    return line + line


def _checksum(line: bytes, place: int) -> bytes:
    """One bit of the sentence's body is flipped; its checksum stays."""
    begin, end = line.find(b"!") + 1, line.rfind(b"*")
    if end <= begin:
        return line
    at = begin + place % (end - begin)
    return line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]


def _cut(line: bytes, place: int) -> bytes:
    """The end of the line is missing, its line end is not."""
    body = line.removesuffix(EOL)
    return body[: 1 + place % max(1, len(body) - 1)] + EOL


def _glued(line: bytes, _: int) -> bytes:
    """Its line end is missing: the next sentence stands on the same line."""
    return line.removesuffix(EOL)


def _garbage(line: bytes, place: int) -> bytes:
    """A line of noise stands before it."""
    size = 1 + place % GARBAGE_MAX
    draws = [int(noise.draw(np.uint64(place), noise.FAULT_PLACE, 0, k)) & 0xFF for k in range(size)]
    return bytes(b if b not in (10, 13) else 35 for b in draws) + EOL + line


DAMAGE: dict[str, Callable[[bytes, int], bytes]] = {
    "lost": _lost,
    "repeated": _repeated,
    "checksum": _checksum,
    "cut": _cut,
    "glued": _glued,
    "garbage": _garbage,
}


def seeded(seed: int, rates: Rates) -> Choose:
    """Faults by chance: each line is drawn for on its own. Raises InputError when the rates make no sense."""
    steps = [(kind, getattr(rates, kind)) for kind in DAMAGE]
    if any(rate < 0 for _, rate in steps) or sum(rate for _, rate in steps) > 1:
        raise InputError("fault rates must be 0 or more and sum to at most 1", remedy="lower them", value=msgspec.to_builtins(rates))
    key = np.uint64(seed & 0xFFFFFFFFFFFFFFFF)

    def choose(line: int) -> Fault | None:
        left = noise.unit(key, noise.FAULT, line, 0)
        for kind, rate in steps:
            if left < rate:
                return Fault(line, kind, int(noise.unit(key, noise.FAULT_PLACE, line, 0) * PLACES))
            left -= rate
        return None

    return choose


def listed(faults: Iterable[Fault]) -> Choose:
    """Exactly these faults, at most one a line."""
    by_line = {fault.line: fault for fault in faults}
    return by_line.get


def parse_faults(text: str) -> list[Fault]:
    """Read `lost@12 cut@1042:17` back. Raises InputError naming the item that is wrong."""
    faults = []
    for item in text.split():
        kind, _, where = item.partition("@")
        line, _, place = where.partition(":")
        if kind not in DAMAGE or not line.isdecimal() or not (place or "0").isdecimal():
            raise InputError(f"not a fault: {item!r}", remedy=f"kind@line:place with a kind of {', '.join(DAMAGE)}", value=item)
        faults.append(Fault(int(line), kind, int(place or 0)))
    return faults


def faults_text(faults: Iterable[Fault]) -> str:
    """The one line that makes the same damage again."""
    return " ".join(str(fault) for fault in sorted(faults))


def damage(chunks: Iterable[Chunk], choose: Choose, done: list[Fault] | None = None) -> Iterator[Chunk]:
    """Chunks with faults in them (chunks of whole lines, as `simulate` gives them); what was done is appended to `done`."""
    number = 0
    for chunk in chunks:
        out = []
        for line in chunk.data.splitlines(keepends=True):
            fault = choose(number)
            if fault is not None:
                line = DAMAGE[fault.kind](line, fault.place)  # noqa: PLW2901 - the line is what is damaged
                if done is not None:
                    done.append(fault)
            out.append(line)
            number += 1
        yield Chunk(chunk.t_ms, b"".join(out))
