"""Slow, obvious readings of what the simulator writes: sentences to bits to numbers, one bit at a time. Knows nothing of sim/."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LINE = re.compile(rb"^(?:\\([^\\]*)\*([0-9A-F]{2})\\)?!(([A-Z]{2}VD[MO]),(\d),(\d),(\d?),([AB12]?),([^,]*),(\d))\*([0-9A-F]{2})$")

# name, first bit, width, signed: ITU-R M.1371-5, Annex 8 (numbers only; texts are read apart)
POSITION_A = [("nav", 38, 4, 0), ("rot", 42, 8, 1), ("sog", 50, 10, 0), ("accurate", 60, 1, 0), ("lon", 61, 28, 1), ("lat", 89, 27, 1), ("cog", 116, 12, 0)]
POSITION_A += [("hdg", 128, 9, 0), ("sec", 137, 6, 0), ("maneuver", 143, 2, 0), ("raim", 148, 1, 0), ("radio", 149, 19, 0)]
POSITION_B = [("sog", 46, 10, 0), ("accurate", 56, 1, 0), ("lon", 57, 28, 1), ("lat", 85, 27, 1), ("cog", 112, 12, 0), ("hdg", 124, 9, 0), ("sec", 133, 6, 0)]
UTC = [("year", 38, 14, 0), ("month", 52, 4, 0), ("day", 56, 5, 0), ("hour", 61, 5, 0), ("minute", 66, 6, 0), ("second", 72, 6, 0)]
CLOCK = [("accurate", 78, 1, 0), ("lon", 79, 28, 1), ("lat", 107, 27, 1), ("epfd", 134, 4, 0), ("long_range", 138, 1, 0), ("raim", 148, 1, 0)]
FIELDS = {
    1: POSITION_A,
    2: POSITION_A,
    3: POSITION_A,
    4: [*UTC, *CLOCK, ("radio", 149, 19, 0)],
    5: [
        *[("version", 38, 2, 0), ("imo", 40, 30, 0), ("ship_type", 232, 8, 0)],
        *[("bow", 240, 9, 0), ("stern", 249, 9, 0), ("port", 258, 6, 0), ("starboard", 264, 6, 0), ("epfd", 270, 4, 0)],
        *[("eta_month", 274, 4, 0), ("eta_day", 278, 5, 0), ("eta_hour", 283, 5, 0), ("eta_minute", 288, 6, 0), ("draught_dm", 294, 8, 0), ("dte", 422, 1, 0)],
    ],
    9: [
        *[("alt_m", 38, 12, 0), ("sog", 50, 10, 0), ("accurate", 60, 1, 0), ("lon", 61, 28, 1), ("lat", 89, 27, 1), ("cog", 116, 12, 0), ("sec", 128, 6, 0)],
        *[("alt_sensor", 134, 1, 0), ("dte", 142, 1, 0), ("assigned", 146, 1, 0), ("raim", 147, 1, 0), ("radio", 148, 20, 0)],
    ],
    12: [("part", 38, 2, 0), ("dest", 40, 30, 0), ("retransmit", 70, 1, 0)],
    14: [],
    18: [*POSITION_B, ("class_b", 141, 5, 0), ("assigned", 146, 1, 0), ("raim", 147, 1, 0), ("radio", 148, 20, 0)],
    19: [
        *[*POSITION_B, ("ship_type", 263, 8, 0), ("bow", 271, 9, 0), ("stern", 280, 9, 0), ("port", 289, 6, 0), ("starboard", 295, 6, 0)],
        *[("epfd", 301, 4, 0), ("raim", 305, 1, 0), ("dte", 306, 1, 0), ("assigned", 307, 1, 0)],
    ],
    21: [
        *[("ship_type", 38, 5, 0), ("accurate", 163, 1, 0), ("lon", 164, 28, 1), ("lat", 192, 27, 1), ("bow", 219, 9, 0), ("stern", 228, 9, 0)],
        *[("port", 237, 6, 0), ("starboard", 243, 6, 0), ("epfd", 249, 4, 0), ("sec", 253, 6, 0), ("off_position", 259, 1, 0), ("aid_status", 260, 8, 0)],
        *[("raim", 268, 1, 0), ("virtual", 269, 1, 0), ("assigned", 270, 1, 0)],
    ],
    27: [
        *[("accurate", 38, 1, 0), ("raim", 39, 1, 0), ("nav", 40, 4, 0), ("lon", 44, 18, 1), ("lat", 62, 17, 1), ("sog", 79, 6, 0), ("cog", 85, 9, 0)],
        ("latency", 94, 1, 0),
    ],
}
FIELDS[11] = FIELDS[4]
PART_B = [("ship_type", 40, 8, 0), ("model", 66, 4, 0), ("serial", 70, 20, 0), ("epfd", 162, 4, 0)]
PART_B_SIZE = [("bow", 132, 9, 0), ("stern", 141, 9, 0), ("port", 150, 6, 0), ("starboard", 156, 6, 0)]
TEXTS = {5: [("callsign", 70, 7), ("name", 112, 20), ("destination", 302, 20)], 19: [("name", 143, 20)], 21: [("name", 43, 20)]}


class Heard(NamedTuple):
    """One message as received: the tag block of its first part, and its bits as a string of 0 and 1."""

    station: str
    stamp: int | None
    bits: str


def checksum(body: bytes) -> bytes:
    total = 0
    for byte in body:
        total ^= byte
    return b"%02X" % total


def read_lines(lines: Iterable[bytes]) -> Iterator[Heard]:
    """Check and join sentences; parts must follow each other. Raises AssertionError on anything else."""
    waiting: list[tuple[str, int | None, bytes, str]] = []
    for line in lines:
        found = LINE.match(line)
        assert found, line
        tag, tag_sum, body, _, count, number, seq, channel, payload, fill, body_sum = found.groups()
        assert checksum(body) == body_sum, line
        station, stamp = "", None
        if tag is not None:
            assert checksum(tag) == tag_sum, line
            keys = dict(item.split(b":", 1) for item in tag.split(b","))
            station, stamp = keys.get(b"s", b"").decode(), int(keys[b"c"]) if b"c" in keys else None
        bits = "".join(f"{(c - 48 - 8 if c - 48 > 40 else c - 48):06b}" for c in payload)
        bits = bits[: len(bits) - int(fill)]
        assert int(number) == len(waiting) + 1, line
        waiting.append((station, stamp, seq + channel, bits))
        if count == number:
            assert len({(part[0], part[2]) for part in waiting}) == 1, line
            yield Heard(waiting[0][0], waiting[0][1], "".join(part[3] for part in waiting))
            waiting = []
    assert not waiting


def number(bits: str, first: int, width: int, *, signed: bool = False) -> int:
    value = int(bits[first : first + width], 2)
    return value - (1 << width) if signed and bits[first] == "1" else value


def text(bits: str, first: int, count: int) -> str:
    codes = [number(bits, first + 6 * i, 6) for i in range(count)]
    return "".join(chr(c + 64 if c < 32 else c) for c in codes).rstrip("@")


def message(bits: str) -> dict[str, int | str]:
    """All fields of one message, raw."""
    kind, mmsi = number(bits, 0, 6), number(bits, 8, 30)
    found: dict[str, int | str] = {"msg_type": kind, "repeat": number(bits, 6, 2), "mmsi": mmsi, "bits": len(bits)}
    fields, texts = FIELDS.get(kind, []), TEXTS.get(kind, [])
    if kind == 24:
        found["part"] = number(bits, 38, 2)
        fields, texts = [], [("name", 40, 20)]
        if found["part"]:
            fields = PART_B + (PART_B_SIZE if mmsi // 10_000_000 != 98 else [("mothership", 132, 30, 0)])
            texts = [("vendor", 48, 3), ("callsign", 90, 7)]
    elif kind in (12, 14):
        first = 72 if kind == 12 else 40
        texts = [("text", first, (len(bits) - first) // 6)]
    elif kind == 21:
        texts = [*texts, ("extension", 272, (len(bits) - 272) // 6)]
    found |= {name: number(bits, first, width, signed=bool(signed)) for name, first, width, signed in fields}
    found |= {name: text(bits, first, count) for name, first, count in texts}
    return found
