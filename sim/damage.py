"""Damage to one line of NMEA. May hold: a function for each way in which a line arrives wrong, and reading its tag block. May not: chance, order.

A line goes in with its line end and comes out as bytes: none, one or several lines. `place` says where in the line, or how much: any
number will do. A line to which it cannot happen comes back as it was. The caller does not care who received it.
"""

from __future__ import annotations

import re

import numpy as np

from sim import noise

EOL = b"\r\n"
GARBAGE_MAX = 40  # bytes
LONG_MIN, LONG_MAX = 100, 4_000  # bytes that an over-long line has too many: some still fit, some do not
TAG_BLOCK = re.compile(rb"\\([^\\*\r\n]*)\*([0-9A-Fa-f]{2})\\")
STATION = re.compile(rb"\\(?:[^\\*\r\n]*,)?s:([^,*\\\r\n]+)")
STAMP = re.compile(rb"(\\(?:[^\\*\r\n]*,)?c:)(\d+)")
SENTENCE = re.compile(rb"!..VD[MO],(\d),(\d),(\d?),(.?),")
ARMOUR = b"0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVW`abcdefghijklmnopqrstuvw"  # six bits each (IEC 61162-1)


def lost(line: bytes, _: int) -> bytes:
    """Nothing arrives."""
    return b""


def repeated(line: bytes, _: int) -> bytes:
    """It arrives twice."""
    return line + line


def checksum(line: bytes, place: int) -> bytes:
    """One bit of the sentence's body is flipped; its checksum stays."""
    begin, end = line.find(b"!") + 1, line.rfind(b"*")
    if end <= begin:
        return line
    at = begin + place % (end - begin)
    return line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]


def cut(line: bytes, place: int) -> bytes:
    """The end of the line is missing, its line end is not."""
    body = line.removesuffix(EOL)
    return body[: 1 + place % max(1, len(body) - 1)] + EOL


def glued(line: bytes, _: int) -> bytes:
    """Its line end is missing: the next sentence stands on the same line."""
    return line.removesuffix(EOL)


def garbage(line: bytes, place: int) -> bytes:
    """A line of noise stands before it."""
    size = 1 + place % GARBAGE_MAX
    draws = [int(noise.draw(np.uint64(place), noise.FAULT_PLACE, 0, k)) & 0xFF for k in range(size)]
    return bytes(b if b not in (10, 13) else 35 for b in draws) + EOL + line


def tagsum(line: bytes, place: int) -> bytes:
    """The tag block's checksum is stale: what stands in it is right."""
    if not (block := TAG_BLOCK.match(line)):
        return line
    wrong = int(block[2], 16) ^ (1 + place % 255)
    return line[: block.start(2)] + b"%02X" % wrong + line[block.end(2) :]


def payload(line: bytes, place: int) -> bytes:
    """One bit of the payload is flipped and the checksum made to fit: the message says something else, and nothing shows it."""
    begin, end = line.find(b"!") + 1, line.rfind(b"*")
    fields = line[begin:end].split(b",")
    if begin == 0 or len(fields) != 7 or not fields[5] or not set(fields[5]) <= set(ARMOUR):
        return line
    at, bit = place % len(fields[5]), place // len(fields[5]) % 6
    flipped = ARMOUR[ARMOUR.index(fields[5][at]) ^ (1 << bit)]
    fields[5] = fields[5][:at] + bytes([flipped]) + fields[5][at + 1 :]
    body = b",".join(fields)
    return line[:begin] + body + b"*%02X" % xor(body) + line[end + 3 :]


def long(line: bytes, place: int) -> bytes:
    """Far too long: something was written into the middle of its sentence."""
    size, begin = LONG_MIN + place % (LONG_MAX - LONG_MIN) | 1, line.find(b"!") + 1  # odd: an even number of equal bytes leaves the checksum right
    at = begin + place % max(1, len(line) - len(EOL) - begin)
    return line[:at] + b"w" * size + line[at:]


def cr(line: bytes, _: int) -> bytes:
    """It ends with a carriage return alone."""
    return line.removesuffix(EOL) + b"\r"


def moved(line: bytes, step_s: int) -> bytes:
    """The receive time in its tag block moves; the block's checksum is made to fit. A line without one stays as it is."""
    if not (stamp := STAMP.match(line)):
        return line
    unit = 1000 if len(stamp[2]) > 11 else 1
    line = line[: stamp.start(2)] + str(int(stamp[2]) + step_s * unit).encode() + line[stamp.end(2) :]
    block = TAG_BLOCK.match(line)
    return line if not block else line[: block.start(2)] + b"%02X" % xor(block[1]) + line[block.end(2) :]


def station_of(line: bytes) -> bytes:
    """Who received it, as its tag block says; empty where none does."""
    found = STATION.match(line)
    return found[1] if found else b""


def stamp_s(line: bytes) -> float | None:
    """When it was received, as its tag block says (Unix seconds); None where none does."""
    if not (stamp := STAMP.match(line)):
        return None
    return int(stamp[2]) / (1000 if len(stamp[2]) > 11 else 1)


def part_of(line: bytes) -> tuple[int, int, bytes]:
    """(parts, this part, what the parts of its message share); (0, 0, b'') of what is no sentence."""
    if not (found := SENTENCE.search(line)):
        return 0, 0, b""
    return int(found[1]), int(found[2]), b",".join((station_of(line), found[3], found[4]))


def xor(body: bytes) -> int:
    """The checksum of NMEA 0183."""
    total = 0
    for byte in body:
        total ^= byte
    return total
