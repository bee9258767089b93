"""Inputs for the fuzzer: well-formed lines, and what is done to them. Knows the grammar, so that damage gets past the first test.

May live here: seeds, mutations, floods that fill one table. May not: the decoder, oracles. Everything comes from the generator passed in.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from tests.decode_inputs import T0, armour, bits_of, messy_lines, one, position, rmc, safety_text, sentence, six_bit, static, tag, two
from tests.naive_decode import checksum

ENDS = (b"\r\n", b"\n", b"\r", b"\n\r", b"\r\r\n", b"", b" \n", b"\0\n")
END_WEIGHTS = (40, 30, 12, 2, 2, 6, 4, 2)
NOMINAL = {5: 424, 19: 312, 21: 272, 24: 168, 27: 96, 12: 150, 14: 120, 8: 300, 6: 200, 26: 300, 16: 96, 15: 110, 17: 200}
CHECKED = re.compile(rb"([!$\\])([^!$\\*\r\n]*)\*[0-9A-Fa-f]{2}")
DIGITS = re.compile(rb"\d+")
NUMBERS = (
    b"0",
    b"1",
    b"9",
    b"10",
    b"59",
    b"60",
    b"61",
    b"99",
    b"999",
    b"1000",
    b"4294967296",
    b"1767225600",
    b"1767225600123",
    b"9" * 18,
    b"9" * 19,
    b"9" * 40,
)
TOKENS = (
    b"!AIVDM,", b"!AIVDM,1,1,,A,", b"!aivdo", b"!", b"!!", b"*", b"*00", b"*0", b",", b",,,,,,", b"\\", b"\\\\", b"\\s:,c:*00\\", b"\\g:1-2-", b"\\1G2:",
    b"c:", b"s:EX-", b"n:999", b"$", b"$PGHP,1,", b"$GPRMC,", b"$GPZDA,", b"UdPbC\0", b"RaUdP\0", b"#", b"{", b"\0", b"\x80", b"\xff" * 9, b" ", b"\t", b"-",
    b"-1", b".", b":", b"EX-", b"r003669958", b"rb", b",s26003,d-119", b"2026-01-01T00:00:00.123Z ", b"w" * 9, b"X", b"_", b"x" * 300,
)  # fmt: skip


def any_message(rng: random.Random) -> str:
    """Bits of a message of any type and nearly any length, the body random or quiet."""
    kind = rng.randrange(1, 29) if rng.random() < 0.95 else rng.randrange(64)
    length = NOMINAL.get(kind, 168) + rng.choice((0, 0, 0, 0, -1, 1, 4, 6, 8, -6, rng.randrange(-130, 700)))
    mmsi = rng.choice((rng.getrandbits(30), rng.randrange(970_000_000, 975_000_000), 982_570_001, 0, 2_570_001, 111_257_001, 257_000_001))
    body = max(0, length - 38)
    filler = f"{rng.getrandbits(body):0{body}b}" if body and rng.random() < 0.9 else "0" * body
    return (bits_of((kind, 6), (rng.randrange(4), 2), (mmsi, 30)) + filler)[: max(6, length)]


def base_station(rng: random.Random) -> str:
    """Bits of a type 4 with a date near T0, so that base stations agree on the time."""
    date = (2026, 14), (1, 4), (1, 5), (0, 5), (rng.randrange(3), 6), (rng.randrange(60), 6)
    return bits_of((4, 6), (0, 2), (rng.choice((2_570_001, 2_570_002)), 30), *date, (1, 1), (6_000_000, 28), (30_000_000, 27), (1, 4), (0, 30))


def parts(rng: random.Random, bits: str, count: int) -> list[bytes]:
    """A message in any number of fragments, perhaps with one missing, repeated or out of place."""
    payload, fill = armour(bits)
    size = max(1, -(-len(payload) // count))
    header = {"seq": rng.choice("0123 ").strip(), "channel": rng.choice("AB1 ").strip(), "talker": rng.choice(("AI", "BS", "--"))}
    out = [
        sentence(payload[size * i : size * (i + 1)] or "0", fill if i + 1 == count else 0, count=count, number=i + 1, **header)  # type: ignore[arg-type]
        for i in range(count)
    ]
    roll, at = rng.random(), rng.randrange(count)
    if roll < 0.1:
        out.pop(at)
    elif roll < 0.2:
        out.insert(at, rng.choice(out))
    elif roll < 0.3:
        rng.shuffle(out)
    if rng.random() < 0.3:
        group = rng.randrange(4)
        out = [tag(f"g:{i + 1}-{count}-{group}" + (f",s:st{group},c:{T0 + rng.randrange(9)}" if i == 0 else "")) + line for i, line in enumerate(out)]
    return out


def seed_lines(rng: random.Random, n: int) -> list[bytes]:
    """About 3 n well-formed and slightly wrong lines: every form that the decoder reads."""
    lines = messy_lines(rng, n)
    for _ in range(n):
        roll = rng.random()
        if roll < 0.5:
            lines.append(one(any_message(rng), talker=rng.choice(("AI", "BS", "--", "ab")), channel=rng.choice("AB12 ").strip()))
        elif roll < 0.7:
            lines += parts(rng, any_message(rng), rng.randrange(2, 10))
        elif roll < 0.76:
            lines.append(rmc("010126", f"0000{rng.randrange(60):02}"))
        elif roll < 0.8:
            body = f"GPZDA,00000{rng.randrange(10)},01,01,{rng.choice((2026, 2026, 2006))},00,00".encode()
            lines.append(b"$%s*%02X" % (body, checksum(body)))
        elif roll < 0.82:
            lines.append(repaired(b"$PGHP,1,2026,1,1,0,0,%d,250,219,,2190001,%d,00*00" % (rng.randrange(60), rng.randrange(2))))
        elif roll < 0.9:
            lines.append(one(base_station(rng)))
        else:
            lines.append(tag(f"s:st{rng.randrange(70)},n:{rng.randrange(1001)},c:{T0 + rng.randrange(4000)}") + one(any_message(rng)))
    return lines


def repaired(data: bytes) -> bytes:
    """The same bytes with every checksum made right."""
    return CHECKED.sub(lambda found: b"%s%s*%02X" % (found[1], found[2], checksum(found[2])), data)


def _flip(rng: random.Random, line: bytes, at: int) -> bytes:
    return line[:at] + bytes([line[at] ^ (1 << rng.randrange(8))]) + line[at + 1 :]


def _any_byte(rng: random.Random, line: bytes, at: int) -> bytes:
    return line[:at] + bytes([rng.randrange(256)]) + line[at + 1 :]


def _delete(rng: random.Random, line: bytes, at: int) -> bytes:
    return line[:at] + line[at + rng.choice((1, 1, 2, 9)) :]


def _insert(rng: random.Random, line: bytes, at: int) -> bytes:
    return line[:at] + rng.choice(TOKENS) + line[at:]


def _cut(rng: random.Random, line: bytes, at: int) -> bytes:
    return line[:at] if rng.random() < 0.5 else line[at:]


def _double(rng: random.Random, line: bytes, at: int) -> bytes:
    return line[:at] + line[at : at + rng.randrange(1, 99)] * rng.choice((2, 2, 3, 12)) + line[at:]


def _number(rng: random.Random, line: bytes, at: int) -> bytes:
    found = DIGITS.search(line, at)
    return line if not found else line[: found.start()] + rng.choice(NUMBERS) + line[found.end() :]


def _fields(rng: random.Random, line: bytes, _: int) -> bytes:
    pieces = line.split(b",")
    a, b = rng.randrange(len(pieces)), rng.randrange(len(pieces))
    pieces[a], pieces[b] = pieces[b], rng.choice((pieces[a], b"", pieces[b]))
    return b",".join(pieces)


MUTATIONS: tuple[Callable[[random.Random, bytes, int], bytes], ...] = (_flip, _any_byte, _delete, _insert, _cut, _double, _number, _fields)


def mutated(rng: random.Random, line: bytes) -> bytes:
    """A line changed in one to four places; more often than not with its checksums made right afterwards."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        if line:
            line = rng.choice(MUTATIONS)(rng, line, rng.randrange(len(line)))
    return repaired(line) if rng.random() < 0.6 else line


def _mixture(rng: random.Random, pool: list[bytes], n_bytes: int) -> bytes:
    """Lines of the pool in any order, a share of them mutated or spliced."""
    share = rng.choice((0.05, 0.3, 0.9))
    out, size = [], 0
    while size < n_bytes:
        line = rng.choice(pool)
        if rng.random() < share:
            line = mutated(rng, line)
        elif rng.random() < 0.02:
            other = rng.choice(pool)
            line = line[: rng.randrange(len(line) + 1)] + other[rng.randrange(len(other) + 1) :]
        out.append(line + rng.choices(ENDS, END_WEIGHTS)[0])
        size += len(out[-1])
    return b"".join(out)


def _bytes(rng: random.Random, _: list[bytes], n_bytes: int) -> bytes:
    """No lines at all: random bytes, or random tokens of the grammar."""
    if rng.random() < 0.5:
        return rng.randbytes(n_bytes)
    return b"".join(rng.choices((*TOKENS, *ENDS, *NUMBERS), k=n_bytes // 6))


def _long_lines(rng: random.Random, pool: list[bytes], n_bytes: int) -> bytes:
    """Lines about as long as a line may be, sentences glued to each other, and a line without an end."""
    out = []
    for _ in range(n_bytes // 3000):
        out.append(b"x" * rng.choice((1022, 1023, 1024, 1025, 5000)))
        out.append(b"".join(rng.choices(pool, k=rng.randrange(40)))[: rng.choice((1024, 1024, 1030, 3000))])
        out.append(b"!AIVDM" * rng.randrange(200))
        out.append(b"\\" * rng.randrange(1100) + rng.choice(pool))
    return rng.choice((b"\n", b"\r\n", b"")).join(out)


def _open_parts(rng: random.Random, _: list[bytes], n_bytes: int) -> bytes:
    """First fragments with ever new keys: the table of open messages fills and evicts."""
    first = [two(rng.choice((static(), safety_text("MAYDAY MAYDAY MAYDAY"))), cut=rng.choice((7, 20)))[0] for _ in range(4)]
    keys = ((a, b, seq) for a in b"ABCDEFGHIJKLMNOPQ" for b in b"ABCDEFGHIJKLMNOPQ" for seq in b"0123456789")
    lines = (repaired(rng.choice(first).replace(b"!AI", b"!%c%c" % (a, b)).replace(b",3,", b",%c," % seq)) for a, b, seq in keys)
    return b"\n".join(line for _, line in zip(range(n_bytes // 40), lines))


def _stations(rng: random.Random, pool: list[bytes], n_bytes: int) -> bytes:
    """Ever new station names, short, long and alike; `$` lines of ever new kinds between them."""
    at = rng.randrange(10_000)
    if rng.random() < 0.5:
        return b"".join(tag(f"s:{at + i}") + b"\n" for i in range(n_bytes // 16))
    names = (rng.choice(("s%d", "station-with-a-name-that-is-longer-than-can-be-kept-%d", "%d")) % (at + i) for i in range(n_bytes // 80))
    return b"".join(tag(f"s:{name},c:{T0}") + rng.choice(pool) + b"\n$GP%c%c%c,1\n" % tuple(rng.choices(b"ABCDEFGH", k=3)) for name in names)


def _one_table(rng: random.Random, _: list[bytes], n_bytes: int) -> bytes:
    """One kind of message only, so that one output table is full while the others are empty."""
    name = bits_of((24, 6), (0, 2), (257_000_001, 30), (0, 2)) + six_bit("ABC", 20)
    line = rng.choice(
        (one(name), one(safety_text("MAYDAY " * 20)), one(bits_of((8, 6), (0, 2), (257_000_001, 30)) + "01" * 60), one(base_station(rng)), b"", b"#")
    )
    return (line + rng.choice((b"\n", b"\r", b"\r\n"))) * (n_bytes // (len(line) + 2))


STYLES = (_mixture, _bytes, _long_lines, _open_parts, _stations, _one_table)
STYLE_WEIGHTS = (82, 4, 4, 4, 3, 3)


def stream(rng: random.Random, pool: list[bytes], n_bytes: int) -> bytes:
    """About so many bytes in one style."""
    return rng.choices(STYLES, STYLE_WEIGHTS)[0](rng, pool, n_bytes)


def damaged_body(rng: random.Random, line: bytes) -> bytes:
    """A sentence of which one byte between '!' and '*' is another one; its checksum stays. `line` begins with its '!'."""
    at = rng.randrange(1, line.index(b"*"))
    return line[:at] + bytes([line[at] ^ rng.randrange(1, 256)]) + line[at + 1 :]


def clean_lines(rng: random.Random, n: int) -> list[bytes]:
    """Good messages in one or two parts without stamps, which share few message ids."""
    lines: list[bytes] = []
    for _ in range(n):
        mmsi = rng.randrange(200_000_000, 800_000_000)
        if rng.random() < 0.3:
            lines.append(one(position(mmsi)))
        else:
            name = "".join(rng.choices("ABCDEFGH", k=rng.randrange(20)))
            lines += two(static(mmsi, name, name[::-1]), seq=str(rng.randrange(3)), channel=rng.choice("AB"))
    return lines


def damaged_payload(rng: random.Random, line: bytes) -> bytes:
    """A sentence with one wrong character in its payload; its checksum stays."""
    start, end = line.rindex(b",", 0, line.rindex(b",")) + 1, line.rindex(b",")
    at = rng.randrange(start, end)
    return line[:at] + bytes([line[at] ^ (1 << rng.randrange(8))]) + line[at + 1 :]
