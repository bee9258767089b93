"""Hypothesis strategies: a message of any type with any values, its sentences, and what can happen to them on the way. Nothing here is recorded."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from hypothesis import strategies as st

from sim import encode
from tests.decode_inputs import ARMOUR, T0, armour, bits_of, sentence, six_bit
from tests.naive_decode import checksum

# Lengths in bits that the types have on the air: the nominal ones, and for open ends a few from short to long.
LENGTHS = {
    **{kind: [168] for kind in (1, 2, 3, 4, 9, 11, 18, 28)}, 5: [424, 426, 420], 6: [88, 104, 200, 400], 7: [72, 104, 136, 168], 8: [56, 72, 160, 360],
    10: [72], 12: [72, 78, 120, 300], 13: [72, 104, 136, 168], 14: [40, 46, 100, 400], 15: [88, 110, 112, 160], 16: [96, 144], 17: [80, 160, 320],
    19: [312], 20: [72, 104, 136, 160], 21: [272, 280, 302, 360], 22: [168], 23: [160], 24: [160, 168], 25: [40, 72, 120, 168], 26: [60, 100, 200, 400],
    27: [96],
}  # fmt: skip
MMSI = [0, 2_570_001, 257_000_001, 970_000_001, 982_570_001, 992_571_001, 111_257_001, 999_999_999, (1 << 30) - 1]


@st.composite
def packed(draw: st.DrawFn) -> list[bytes]:
    """A message of any type, every field but type and MMSI of any value, in one sentence or two."""
    kind = draw(st.sampled_from(sorted(LENGTHS)))
    length = draw(st.sampled_from(LENGTHS[kind]))
    head = bits_of((kind, 6), (draw(st.integers(0, 3)), 2), (draw(st.sampled_from(MMSI) | st.integers(0, (1 << 30) - 1)), 30))
    if kind == 24:
        head += bits_of((int(length == 168), 2))
    rest = length - len(head)
    bits = head + f"{draw(st.integers(0, (1 << rest) - 1)):0{rest}b}"
    if kind in (12, 14) and draw(st.booleans()):
        text = draw(st.text(st.characters(min_codepoint=32, max_codepoint=95), max_size=40))
        bits = head + "0" * ({12: 72, 14: 40}[kind] - 38) + six_bit(text, len(text))
    payload, fill = armour(bits)
    if len(payload) < 2 or (len(payload) <= 60 and draw(st.integers(0, 3))):
        return [sentence(payload, fill)]
    cut, seq = draw(st.integers(1, len(payload) - 1)), draw(st.sampled_from(["", "3"]))
    return [sentence(payload[:cut], 0, count=2, number=1, seq=seq), sentence(payload[cut:], fill, count=2, number=2, seq=seq)]


@cache
def encoded(seed: int = 7, n: int = 60) -> list[list[bytes]]:
    """Messages that the simulator's encoder makes: every type it knows, plausible values, some not available."""
    rng = np.random.default_rng(seed)
    rows, who = encode.new_messages(n), encode.new_particulars(n)
    rows["msg_type"], rows["mmsi"], rows["t_ms"] = np.resize(encode.TYPES, n), 257_000_000 + np.arange(n), T0 * 1000
    known = rng.random(n) < 0.8
    for name, low, high in (("lat", -54_000_000, 54_000_000), ("lon", -108_000_000, 108_000_000), ("sog", 0, 1022), ("cog", 0, 359), ("sec", 0, 63)):
        rows[name] = np.where(known, rng.integers(low, high, n), rows[name])
    long_range = rows["msg_type"] == 27
    rows["sog"][long_range & known] %= 63
    rows["rot"], rows["nav"], rows["radio"] = rng.integers(-128, 128, n), rng.integers(0, 16, n), rng.integers(0, 1 << 19, n)
    rows["part"], rows["utc_ms"] = rng.integers(0, 2, n), T0 * 1000
    who.rows["ship_type"], who.rows["bow"], who.rows["imo"] = rng.integers(0, 32, n), rng.integers(0, 300, n), rng.integers(0, 9_999_999, n)
    for i in range(n):
        for field, text in ((encode.NAME, "EVER NEVER"), (encode.CALLSIGN, "LA1234"), (encode.DESTINATION, "NOWHERE")):
            who.write(i, field, text[: int(rng.integers(0, len(text) + 1))].rstrip(), name="text")
    lines = [line[line.index(b"!") :] for line in encode.encode(rows, who)]
    messages: list[list[bytes]] = []
    for line in lines:
        if line.split(b",")[2] == b"1":
            messages.append([])
        messages[-1].append(line)
    return messages


def repaired(line: bytes) -> bytes:
    """The same sentence with the checksum that belongs to it."""
    body = line[1 : line.rindex(b"*")]
    return b"!%s*%02X" % (body, checksum(body))


@st.composite
def damaged(draw: st.DrawFn) -> list[bytes]:
    """Sentences of one message, or of two whose sentences may mix, after one or two accidents."""
    lines = list(draw(packed() | st.sampled_from(encoded())))
    if draw(st.integers(0, 4)) == 0:
        lines += draw(packed())
        lines = draw(st.permutations(lines)) if draw(st.booleans()) else lines
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(lines) - 1)) if lines else 0
        if lines:
            lines = draw(st.sampled_from(ACCIDENTS))(draw, lines, at)
    return lines


def _cells(line: bytes) -> list[bytes]:
    body, _, check = line.rpartition(b"*")
    return [*body.split(b","), check]


def _with_cell(line: bytes, index: int, value: bytes) -> bytes:
    cells = _cells(line)
    if index >= len(cells) - 1:
        return line
    cells[index] = value
    return repaired(b",".join(cells[:-1]) + b"*00")


def _payload(draw: st.DrawFn, lines: list[bytes], at: int, alphabet: str) -> list[bytes]:
    payload = _cells(lines[at])[5] if len(_cells(lines[at])) > 6 else b""
    if not payload:
        return lines
    i = draw(st.integers(0, len(payload) - 1))
    new = payload[:i] + draw(st.sampled_from(alphabet)).encode() + payload[i + 1 :]
    return [*lines[:at], _with_cell(lines[at], 5, new), *lines[at + 1 :]]


def another_character(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """A payload character is another one, and the checksum agrees."""
    return _payload(draw, lines, at, ARMOUR)


def illegal_character(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """A payload character outside the alphabet, and the checksum agrees."""
    return _payload(draw, lines, at, "XYZ[]^_xyz~ .")


def cut_short(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """The end of a payload is lost, and the checksum agrees."""
    cells = _cells(lines[at])
    payload = cells[5] if len(cells) > 6 else b""
    new = payload[: draw(st.integers(0, len(payload)))]
    return [*lines[:at], _with_cell(lines[at], 5, new), *lines[at + 1 :]]


def other_header(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """Talker, formatter, counts, sequence, channel or fill bits are others, and the checksum agrees."""
    index, values = draw(
        st.sampled_from(
            [
                (0, [b"!BSVDM", b"!AIVDO", b"!XXVDM", b"!aivdm", b"!AIABK", b"!--VDM"]),
                (1, [b"0", b"1", b"2", b"3", b"9", b"10", b""]),
                (2, [b"0", b"1", b"2", b"3", b""]),
                (3, [b"", b"0", b"5"]),
                (4, [b"", b"A", b"B", b"1", b"2", b"C"]),
                (6, [b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"9", b"", b"x"]),
            ]
        )
    )
    return [*lines[:at], _with_cell(lines[at], index, draw(st.sampled_from(values))), *lines[at + 1 :]]


def flipped(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """One byte of the sentence is another one, and the checksum does not agree."""
    line = bytearray(lines[at])
    i = draw(st.integers(1, len(line) - 1))
    line[i] = draw(st.sampled_from(sorted(set(range(33, 127)) - {line[i], 42, 33, 92})))
    return [*lines[:at], bytes(line), *lines[at + 1 :]]


def lower_case(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """The hexadecimal digits in small letters."""
    return [*lines[:at], re.sub(rb"\*(..)$", lambda found: b"*" + found[1].lower(), lines[at]), *lines[at + 1 :]]


def no_checksum(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """The checksum is lost."""
    return [*lines[:at], lines[at].rpartition(b"*")[0] or lines[at], *lines[at + 1 :]]


def dialect(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """A field more than there should be, and the checksum agrees."""
    body, star, _ = lines[at].rpartition(b"*")
    return [*lines[:at], repaired(body + b",0*00") if star else lines[at], *lines[at + 1 :]]


def lost(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """A sentence does not arrive."""
    return [*lines[:at], *lines[at + 1 :]]


def repeated(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """A sentence arrives twice."""
    return [*lines[: at + 1], lines[at], *lines[at + 1 :]]


def reversed_order(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """Sentences arrive the wrong way round."""
    return lines[::-1]


def edited(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """Bytes behind the address are lost, doubled, exchanged or put in, stars and commas too; mostly the checksum agrees."""
    line = bytearray(lines[at])
    for _ in range(draw(st.integers(1, 3))):
        if len(line) < 10:
            return lines
        i, n = draw(st.integers(7, len(line) - 1)), draw(st.integers(1, 8))
        found = line[i : i + n]
        line[i : i + n] = draw(st.sampled_from([b"", found * 2, found[::-1], found + b",", b"*" + found, found + b"0", b"<" + found]))
    return [*lines[:at], repaired(bytes(line)) if b"*" in line and draw(st.integers(0, 3)) else bytes(line), *lines[at + 1 :]]


LONGEST = {6: 1008, 8: 1008, 12: 1008, 14: 1008, 17: 816}


def over_long(draw: st.DrawFn, lines: list[bytes], at: int) -> list[bytes]:
    """A text or data longer than the standard has them, in one sentence."""
    kind = draw(st.sampled_from(sorted(LONGEST)))
    n = LONGEST[kind] + draw(st.integers(-12, 120)) - 38
    payload, fill = armour(bits_of((kind, 6), (0, 2), (257_000_001, 30)) + f"{draw(st.integers(0, (1 << n) - 1)):0{n}b}")
    return [*lines[:at], sentence(payload, fill), *lines[at + 1 :]]


ACCIDENTS = [
    another_character, illegal_character, cut_short, other_header, flipped, lower_case, no_checksum, dialect, lost, repeated, reversed_order,
    edited, edited, edited, over_long,
]  # fmt: skip
