"""Sentences made for decoder tests: fields -> bits -> armour -> sentence, and faults put into them. Nothing here is recorded."""

from __future__ import annotations

import random

from tests.naive_decode import checksum

ARMOUR = "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVW`abcdefghijklmnopqrstuvw"
T0 = 1_767_225_600  # 2026-01-01T00:00:00Z


def bits_of(*fields: tuple[int, int]) -> str:
    """(value, width) pairs as a string of bits; negative values in two's complement."""
    return "".join(f"{value & ((1 << width) - 1):0{width}b}" for value, width in fields)


def armour(bits: str) -> tuple[str, int]:
    """Payload characters and fill bits."""
    fill = -len(bits) % 6
    padded = bits + "0" * fill
    return "".join(ARMOUR[int(padded[i : i + 6], 2)] for i in range(0, len(padded), 6)), fill


def sentence(
    payload: str, fill: int = 0, *, talker: str = "AI", kind: str = "VDM", count: int = 1, number: int = 1, seq: str = "", channel: str = "A"
) -> bytes:
    body = f"{talker}{kind},{count},{number},{seq},{channel},{payload},{fill}".encode("latin-1")
    return b"!%s*%02X" % (body, checksum(body))


def tag(text: str, *, wrong: int = 0) -> bytes:
    return b"\\%s*%02X\\" % (text.encode(), checksum(text.encode()) ^ wrong)


def pghp(t: str = "2026,1,1,0,0,7,250", site: str = "2190001", cc: int = 0, online: int = 1) -> bytes:
    body = f"PGHP,1,{t},219,,{site},{online},{cc:02X}".encode()
    return b"$%s*%02X" % (body, checksum(body))


def rmc(day: str, clock: str, status: str = "A") -> bytes:
    body = f"GPRMC,{clock},{status},5000.000,N,00300.000,W,1.0,10.0,{day},3.8,W,A".encode()
    return b"$%s*%02X" % (body, checksum(body))


def position(
    mmsi: int = 257000001,
    *,
    kind: int = 1,
    lat: int = 30_000_000,
    lon: int = 6_000_000,
    sog: int = 100,
    cog: int = 900,
    hdg: int = 91,
    sec: int = 7,
    nav: int = 0,
    radio: int = 0,
) -> str:
    moving = ((nav, 4), (0, 8), (sog, 10), (1, 1), (lon, 28), (lat, 27), (cog, 12), (hdg, 9), (sec, 6))
    return bits_of((kind, 6), (0, 2), (mmsi, 30), *moving, (0, 2), (0, 3), (0, 1), (radio, 19))


def utc_state(hour: int, minute: int) -> int:
    """SOTDMA state of slot timeout 1: UTC hour and minute of the transmission."""
    return 1 << 14 | hour << 9 | minute << 2


def six_bit(text: str, n: int) -> str:
    return "".join(f"{(ord(c) - 64 if ord(c) >= 64 else ord(c)) & 63:06b}" for c in text.ljust(n, "@")[:n])


def static(mmsi: int = 257000001, name: str = "EVER NEVER", destination: str = "NOWHERE") -> str:
    head = bits_of((5, 6), (0, 2), (mmsi, 30), (0, 2), (9074729, 30)) + six_bit("LA1234", 7) + six_bit(name, 20)
    size = bits_of((70, 8), (100, 9), (20, 9), (10, 6), (12, 6), (1, 4))
    voyage = bits_of((5, 4), (6, 5), (7, 5), (8, 6), (55, 8)) + six_bit(destination, 20)
    return head + size + voyage + "00"


def one(bits: str, **header: object) -> bytes:
    payload, fill = armour(bits)
    return sentence(payload, fill, **header)  # type: ignore[arg-type]


def two(bits: str, *, seq: str = "3", cut: int = 60, **header: object) -> list[bytes]:
    payload, fill = armour(bits)
    first, rest = payload[:cut], payload[cut:]
    return [
        sentence(first, 0, count=2, number=1, seq=seq, **header),  # type: ignore[arg-type]
        sentence(rest, fill, count=2, number=2, seq=seq, **header),  # type: ignore[arg-type]
    ]


def safety_text(text: str, mmsi: int = 257000001) -> str:
    return bits_of((14, 6), (0, 2), (mmsi, 30), (0, 2)) + six_bit(text, len(text))


def any_position(rng: random.Random) -> bytes:
    """A sentence of type 1-3 with any value in every field."""
    return one(
        position(
            rng.randrange(1 << 30),
            kind=rng.choice([1, 2, 3]),
            lat=rng.randrange(-1 << 26, 1 << 26),
            lon=rng.randrange(-1 << 27, 1 << 27),
            sog=rng.randrange(1024),
            cog=rng.randrange(4096),
            hdg=rng.randrange(512),
            sec=rng.randrange(64),
            nav=rng.randrange(16),
            radio=rng.choice([0, rng.randrange(1 << 19), utc_state(*rng.choice([(23, 56 + rng.randrange(4)), (0, rng.randrange(5))]))]),
        )
    )


def single_slot_aid(mmsi: int = 992570001, *, lat: int = 30_000_000, lon: int = 6_000_000, sec: int = 7) -> str:
    """Type 28 of ITU-R M.1371-6: 168 bits, everything behind the position 0."""
    return bits_of((28, 6), (0, 2), (mmsi, 30), (sec, 6), (lon, 28), (lat, 27), (0, 69))


def any_single_slot_aid(rng: random.Random) -> list[bytes]:
    """A type 28 with any position, from an aid or from a distress device, whole, in two parts or a bit too short."""
    lat, lon = rng.randrange(-1 << 26, 1 << 26), rng.randrange(-1 << 27, 1 << 27)
    bits = single_slot_aid(rng.choice([992570001, 972000001]), lat=lat, lon=lon, sec=rng.randrange(64))
    return rng.choice([[one(bits)], two(bits, seq="5", cut=14), [one(bits[:-1])]])


def fragments(rng: random.Random, body: bytes) -> list[bytes]:
    """A message in two fragments, whole, reversed, cut short, repeated, or with a stranger in between."""
    name = rng.choice(["ABC", "@X@Y", "  LEAD", ""])
    first, second = two(static(rng.randrange(1 << 30), name=name), seq=str(rng.randrange(3)), cut=rng.choice([28, 56, 60]))
    return rng.choice([[first, second], [second, first], [first], [first, second, first], [first, body, second], [first, first, second]])


def other_lines(body: bytes) -> list[bytes]:
    """One line of every kind that is no sentence of ours, and a datagram that carries one."""
    plain = [b"", b" ", b"# note", b"$GPGGA,1,2*00", b'{"a":1}', b"prose", b"\xff\xfe", b"RaUdP\0xx", b"!AIABM,1*00", b"\\bad\\"]
    return [*plain, b"UdPbC\0" + body]


def faulty_lines(rng: random.Random, body: bytes) -> list[bytes]:
    """Over-long lines, garbage, headers that cannot be."""
    long_one = b"x" * rng.choice([1024, 1025, 1500])
    return [long_one, b"garbage " + body, b"$GP" + body, sentence("", 0), sentence("13@", 6), sentence("1" * 28, 0, count=0)]


def messy_lines(rng: random.Random, n: int) -> list[bytes]:
    """A stream with everything in it: good sentences with and without wrappers, fragments in all orders, other lines, and faults."""
    lines: list[bytes] = []
    for _ in range(n):
        t = T0 + rng.randrange(100)
        body = any_position(rng)
        roll = rng.randrange(23)
        if roll < 4:
            lines.append(body)
        elif roll == 4:
            lines.append(tag(f"s:st{rng.randrange(4)},c:{t},n:{rng.randrange(3)}") + body)
        elif roll == 5:
            lines += [pghp(cc=rng.randrange(256), online=rng.randrange(2)), rng.choice([body, *two(static(), seq="7")])]
        elif roll == 6:
            lines += [tag(f"c:{t}", wrong=rng.choice([0, 0, 7])), body]
        elif roll == 7:
            blank = rng.choice(["", "", " "])
            lines.append(body + rng.choice([f",s26003,d-119,r00366{rng.randrange(9)},{blank}{t}{blank}", f"{blank}{t}", f"{t},b1"]).encode())
        elif roll == 8:
            lines.append(f"{t}{rng.choice(['', '000', '000000', '.25'])} ".encode() + body)
            day = rng.choice(["2026-01-01T00:00:07", "2026-1-01T0:00:07", "2026-01-01 00:00:07"])
            zone = rng.choice(["", "Z", "+02:00", "-0330", "+05", "+2", "-15:00", "+01:75", "+02:000", "x", "-", "+0200Z"])
            lines.append(f"{day}{rng.choice(['', '.5', '.125', '.1256'])}{zone}{rng.choice([' ', ';', ''])}".encode() + body)
        elif roll == 9:
            lines += fragments(rng, body)
        elif roll == 10:
            group = f"{rng.randrange(2, 4)}"
            parts = two(static(), seq=rng.choice("12"))
            stale = rng.choice([0, 1])
            between = rng.choice([[], [], [tag(f"c:{t + rng.randrange(-4, 5)}") + body]])
            lines += [tag(f"g:1-2-{group},s:x,c:{t}", wrong=stale) + parts[0], *between, rng.choice([tag(f"g:2-2-{group}"), b""]) + parts[1]]
        elif roll == 11:
            cut = rng.randrange(30, 168)
            lines.append(one(position()[:cut]))
        elif roll == 12:
            hit = rng.randrange(len(body))
            lines.append(body[:hit] + bytes([rng.randrange(256)]) + body[hit + 1 :])
        elif roll == 13:
            lines.append(body[: rng.randrange(len(body))] + rng.choice([b"", body, b"\\s:q*"]))
        elif roll == 14:
            lines.append(rng.choice(other_lines(body)))
        elif roll == 15:
            lines.append(body + rng.choice([b"", b"\\r\\n"]) + one(position(9)))
        elif roll == 16:
            kind = rng.choice([0, 6, 7, 8, 10, 15, 17, 20, 22, 23, 25, 26, 27, 28, 29, 63])
            lines.append(one(bits_of((kind, 6), (0, 2), (123456789, 30)) + "".join(rng.choice("01") for _ in range(rng.choice([2, 34, 56, 130])))))
        elif roll == 17:
            part = rng.randrange(4)
            bits = bits_of((24, 6), (0, 2), (rng.choice([257000009, 982570001]), 30), (part, 2)) + six_bit("NAME B", 20) + "0" * rng.choice([0, 8])
            lines.append(one(bits))
        elif roll == 18:
            lines.append(one(safety_text(rng.choice(["MAYDAY", "HELLO", "SART TEST"]), rng.choice([970000001, 257000001]))))
        elif roll == 19:
            lines.append(rng.choice(faulty_lines(rng, body)))
        elif roll == 20:
            lines.append(body.replace(b"VDM", b"vdm").replace(b"*", b",0*")[:-2] + b"00")
        elif roll == 21:
            lines.append(one(position(rng.choice([970000001, 974000001]), nav=rng.choice([14, 15]))))
        else:
            lines += any_single_slot_aid(rng)
    return lines
