"""The slow, obvious twin of the decoder: regular expressions, strings of '0' and '1', one dict per message.

It knows framing, classes, stamps, reassembly and the fields of positions and statics. It does not know: own-ship and base-station
clocks (times are compared only where a stamp was used), chunks (it sees all bytes at once), notes.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import reduce

SENTENCE = re.compile(rb"!..[Vv][Dd][MmOo]", re.DOTALL)
MISSING = None
FIX_TYPES = {1, 2, 3, 4, 9, 11, 18, 19, 21, 27, 28}
BOTH = {28}  # a fix, and a sentence kept for what has no column
LEGAL_LENGTH = {22: range(168, 174), 23: range(160, 166), 25: range(40, 174), 26: range(60, 1070), 27: [*range(94, 102), 168], 28: [168]}
# type: (need, lon, width of lon, nav, rot, sog, cog, hdg, sec)
LAYOUT = {
    **dict.fromkeys((1, 2, 3), (143, 61, 28, 38, 42, 50, 116, 128, 137)),
    **dict.fromkeys((4, 11), (134, 79, 28, None, None, None, None, None, 72)),
    9: (134, 61, 28, None, None, 50, 116, None, 128),
    **dict.fromkeys((18, 19), (139, 57, 28, None, None, 46, 112, 124, 133)),
    21: (219, 164, 28, None, None, None, None, None, 253),
    27: (94, 44, 18, 40, None, 79, 85, None, None),
    28: (168, 44, 28, None, None, None, None, None, 38),
}


@dataclass
class Reading:
    """What the twin found: counters by class, and one dict per accepted message in arrival order."""

    classes: Counter = field(default_factory=Counter)
    messages: list[dict] = field(default_factory=list)


@dataclass
class Open:
    key: tuple
    group: int | None
    born: int
    context: dict
    count: int
    chunks: list[bytes] = field(default_factory=list)


def checksum(body: bytes) -> int:
    return reduce(lambda a, b: a ^ b, body, 0)


def epoch_ms(word: bytes) -> int | None:
    found = re.fullmatch(rb"(\d{1,19})(?:\.(\d*))?", word)
    if not found:
        return None
    whole, digits = int(found[1]), len(found[1])
    if digits <= 11:
        return whole * 1000 + int((found[2] or b"")[:3].ljust(3, b"0") or 0)
    return whole if digits <= 14 else whole // 1000 if digits <= 17 else whole // 1_000_000


def plausible(t_ms: int | None) -> bool:
    return t_ms is not None and 946_684_800_000 <= t_ms <= 4_102_444_800_000


class Twin:
    def __init__(self, *, strict_tags: bool = False) -> None:
        self.strict_tags = strict_tags
        self.out = Reading()
        self.open: list[Open] = []
        self.sentences = 0
        self.last_stamp: int | None = None
        self.tag: dict = {}
        self.pghp: dict = {}

    def read(self, data: bytes) -> Reading:
        lines = re.split(rb"\r\n|\r|\n", data)
        if lines[-1] == b"":
            lines.pop()
        for line in lines:
            self.line(line)
        self.out.classes["open"] = sum(len(o.chunks) for o in self.open)
        return self.out

    def line(self, line: bytes) -> None:
        classes = self.out.classes
        classes["lines"] += 1
        if len(line) > 1024:
            classes["rejected line_too_long"] += 1
            return
        line = line.strip(b" \t")
        if line[5:6] == b"\0" and line[:5] == b"UdPbC":
            line = line[6:]
        elif line[5:6] == b"\0":
            classes["other"] += 1
            return
        if not line:
            classes["blank"] += 1
        elif line.startswith(b"#"):
            classes["other"] += 1
        elif not SENTENCE.search(line):
            self.no_sentence(line)
        else:
            self.with_sentences(line)

    def no_sentence(self, line: bytes) -> None:
        tags: dict = dict(self.tag)
        was_tag = line.startswith(b"\\")
        while line.startswith(b"\\"):
            block, line = self.tag_block(line)
            if block is None:
                self.out.classes["rejected bad_tag"] += 1
                self.tag, self.pghp = {}, {}
                return
            tags |= block
            line = line.lstrip(b" \t")
        if was_tag and not line:
            self.out.classes["tag_only"] += 1
            self.tag = tags
            return
        if was_tag:
            self.tag, self.pghp = {}, {}
        self.out.classes["other"] += 1
        if line[:1] in (b"$", b"!"):
            self.dollar(line)

    def dollar(self, line: bytes) -> None:
        address = re.match(rb"[$!]([A-Z0-9]{0,8})", line)[1]
        if not line.startswith(b"$PGHP") or len(address) < 4:
            self.tag, self.pghp = {}, {}
            return
        self.pghp = {}
        body, star, rest = line.partition(b"*")
        parts = body.split(b",")
        given = re.match(rb"[0-9A-Fa-f]{2}", rest)
        if star and len(parts) >= 14 and given and int(given[0], 16) == checksum(body[1:]):
            try:
                numbers = [int(re.match(rb"\d+", part)[0]) for part in parts[2:8]]
                when = datetime(*numbers, tzinfo=UTC)
            except (TypeError, ValueError, OverflowError):  # no number, no date, no number of a date
                return
            ms = re.match(rb"\d+", parts[8])
            if ms is None or int(ms[0]) <= 999:
                t = round(when.timestamp()) * 1000 + (int(ms[0]) if ms else 0)
                self.pghp = {"t": t, "s": (parts[11] or parts[9])[:48], "buffered": parts[12][:1] == b"0"}

    def tag_block(self, line: bytes) -> tuple[dict | None, bytes]:
        """The fields of the block at the head of a line (None: damaged) and what follows it."""
        close = line.find(b"\\", 1, 257)
        inside = line[1:close] if close > 0 else b""
        found = re.match(rb"([^*]*)\*([0-9A-Fa-f]{2})", inside, re.DOTALL)
        if not found:
            return None, line
        block: dict = {}
        if checksum(found[1]) != int(found[2], 16):
            if self.strict_tags:
                return {}, line[close + 1 :]
            block["bad"] = True
        for part in found[1].split(b","):
            key, colon, value = part.partition(b":")
            if not colon:
                continue
            if key in (b"c", b"C"):
                block["t"] = epoch_ms(value)
            elif key in (b"s", b"S"):
                block["s"] = value[:48]
            elif key in (b"g", b"G"):
                pieces = value.split(b"-", 2)
                digits = re.match(rb"\d+", pieces[2]) if len(pieces) == 3 else None
                block["g"] = int(digits[0][:18]) if digits else None
            elif len(key) == 3 and key[1:2] == b"G":
                digits = re.match(rb"\d+", value)
                block["g"] = int(digits[0][:18]) if digits else None
        return block, line[close + 1 :]

    def with_sentences(self, line: bytes) -> None:
        first = True
        if line.startswith(b"$"):
            self.out.classes["other"] += 1
            at = SENTENCE.search(line).start()
            self.dollar(line[:at])
            tag_at = line.find(b"\\", 0, at)
            line = line[tag_at if tag_at >= 0 else at :]
            self.out.classes["glued"] += 1
            first = False
        while found := SENTENCE.search(line):
            context = self.wrappers(line[: found.start()], first)
            line = self.sentence(line[found.start() :], context)
            first = False
            if SENTENCE.search(line):
                self.out.classes["glued"] += 1

    def wrappers(self, before: bytes, first: bool) -> dict:
        context = {"tag": dict(self.tag), "pghp": dict(self.pghp), "prefix": None}
        self.tag, self.pghp = {}, {}
        prefix, slash, rest = before.partition(b"\\")
        if first:
            word = prefix.rstrip(b" \t,;|")
            if word != prefix and re.fullmatch(rb"(\d{10}|\d{13}|\d{16}|\d{19})(\.\d*)?", word):
                context["prefix"] = epoch_ms(word)
            elif word != prefix and (iso := re.match(rb"(\d{4})-(\d+)\D(\d+)\D(\d+)\D(\d+)\D(\d+)", word)) and len(word) >= 19:
                with suppress(ValueError, OverflowError):
                    context["prefix"] = self.prefix_ms(datetime(*map(int, iso.groups()), tzinfo=UTC), word[19:])
        rest = slash + rest
        while (at := rest.find(b"\\")) >= 0:
            block, after = self.tag_block(rest[at:])
            if block is None:
                break
            context["tag"] |= block
            rest = after
        return context

    def prefix_ms(self, when: datetime, behind: bytes) -> int | None:
        """Fraction and offset behind the seconds of a leading time; a sign without an offset spoils the time."""
        fraction, sign, h, mm, colon_mm = re.match(rb"(?:\.(\d*))?(?:([+-])(\d\d)(?:(\d\d)(?!\d)|:(\d\d)(?!\d)|(?!:?\d)))?", behind).groups()
        if sign is None and re.match(rb"(\.\d*)?[+-]", behind):
            return None
        hours, minutes = int(h or 0), int(mm or colon_mm or 0)
        if hours > 14 or minutes > 59:
            return None
        east = timedelta(hours=hours, minutes=minutes)
        return round((when + (east if sign == b"-" else -east)).timestamp()) * 1000 + int((fraction or b"")[:3].ljust(3, b"0"))

    def sentence(self, text: bytes, context: dict) -> bytes:
        self.sentences += 1
        if self.sentences % 64 == 0:
            for each in [o for o in self.open if self.sentences - o.born > 1000]:
                self.drop(each, "part_expired")
        reject = self.out.classes
        star = text.find(b"*")
        digits = re.match(rb"[0-9A-Fa-f]{2}", text[star + 1 :]) if star >= 0 else None
        if not digits:
            reject["rejected no_checksum"] += 1
            return text[1:]
        body, after = text[:star], text[star + 3 :]
        if star > 512:
            reject["rejected line_too_long"] += 1
            return text[1:]
        self.trailer(after, context)
        if checksum(body[1:]) != int(digits[0], 16):
            reject["rejected bad_checksum"] += 1
            self.damaged(body, context)
            return text[1:]
        reason = self.fields(body, context)
        if reason:
            reject[f"rejected {reason}"] += 1
        return after

    def trailer(self, after: bytes, context: dict) -> None:
        for word in (piece.strip(b" ") for piece in re.split(rb"[!\\]", after, maxsplit=1)[0].split(b",")[1:]):
            if re.fullmatch(rb"\d{9,19}", word):
                context["trailer"] = epoch_ms(word)
            elif len(word) > 1 and not word[:1].isdigit() and word[:1] in (b"r", b"b"):
                context["trailer_station"] = word[2 if word[:2] == b"rb" else 1 :][:48]

    def header(self, body: bytes) -> tuple[str | None, tuple, int, bytes, int]:
        """Reason to reject, key of the message, number of the part, payload, fill bits."""
        parts = body[6:].split(b",")  # the talker is any two bytes, a comma too
        nothing: tuple = ((), 0, b"", 0)
        if len(parts) < 6 or parts[0]:
            return "bad_fragment", *nothing
        count, number = (int(part) if re.fullmatch(rb"\d{1,3}", part) else 0 for part in parts[1:3])
        if not (1 <= count <= 9 and 1 <= number <= count) or (count > 1 and max(len(parts[3]), len(parts[4])) > 1):
            return "bad_fragment", *nothing
        if not parts[5]:
            return "empty_payload", *nothing
        if len(parts) < 7 or parts[6] not in (b"0", b"1", b"2", b"3", b"4", b"5"):
            return "bad_fill", *nothing
        channel = {b"1": b"A", b"2": b"B"}.get(parts[4][:1], parts[4][:1])
        return None, (body[1:3].upper(), body[5:6].upper() == b"O", count, parts[3][:1], channel), number, parts[5], int(parts[6])

    def fields(self, body: bytes, context: dict) -> str | None:
        reason, key, number, payload, fill = self.header(body)
        if reason:
            return reason
        if not re.fullmatch(rb"[0-W`-w]+", payload):
            return "bad_armour"
        return self.message(payload, fill, context, 1) if key[2] == 1 else self.fragment(key, number, payload, fill, context)

    def damaged(self, body: bytes, context: dict) -> None:
        """A wrong checksum: a part still says that an open message of its key will not be whole."""
        reason, key, number, _, _ = self.header(body)
        mine = self.waiting(key, context) if reason is None and key[2] > 1 else None
        if mine:
            self.drop(mine, "part_restart" if number == 1 else "part_order")

    def waiting(self, key: tuple, context: dict) -> Open | None:
        """The open message that a part belongs to."""
        group = context["tag"].get("g")
        return next((o for o in self.open if o.key == key and (o.group is None or group is None or o.group == group)), None)

    def drop(self, each: Open, reason: str) -> None:
        self.open.remove(each)
        self.out.classes[f"rejected {reason}"] += len(each.chunks)

    def fragment(self, key: tuple, number: int, payload: bytes, fill: int, context: dict) -> str | None:
        mine = self.waiting(key, context)
        if mine and (self.sentences - mine.born > 1000 or self.too_late(mine, number, context)):
            self.drop(mine, "part_expired")
            mine = None
        if mine and number <= len(mine.chunks) and mine.chunks[number - 1] == payload:
            return "dup_part"
        if number == 1:
            if mine:
                self.drop(mine, "part_restart")
            mine = Open(key, context["tag"].get("g"), self.sentences, context, key[2])
            self.heard(context)
            self.open.append(mine)
        elif not mine:
            return "orphan_part"
        elif number != len(mine.chunks) + 1:
            self.drop(mine, "part_order")
            return "part_order"
        mine.chunks.append(payload)
        if sum(map(len, mine.chunks)) > 240:
            self.drop(mine, "part_too_long")
        elif number == mine.count:
            self.open.remove(mine)
            reason = self.message(b"".join(mine.chunks), fill, mine.context, mine.count)
            if reason:
                self.out.classes[f"rejected {reason}"] += mine.count
        return None

    def too_late(self, mine: Open, number: int, context: dict) -> bool:
        source, first = self.stamp(mine.context)
        if number == 1 or source == "none":
            return False
        now = {"tag": context["tag"].get("t"), "pghp": context["pghp"].get("t")}.get(source, context.get(source))
        return abs((self.last_stamp if now is None else now) - first) > 2000

    def heard(self, context: dict) -> None:
        """A sentence that is used: its stamp is the last one of the stream."""
        _, t = self.stamp(context)
        self.last_stamp = self.last_stamp if t is None else t

    def stamp(self, context: dict) -> tuple[str, int | None]:
        for source, t in (
            ("tag", context["tag"].get("t")),
            ("pghp", context["pghp"].get("t")),
            ("trailer", context.get("trailer")),
            ("prefix", context["prefix"]),
        ):
            if plausible(t):
                return source, t
        return "none", None

    def message(self, payload: bytes, fill: int, context: dict, count: int) -> str | None:
        text = "".join(f"{c - 48 - (8 if c >= 96 else 0):06b}" for c in payload)
        text = text[: len(text) - fill]
        if len(text) < 38:
            return "too_short"
        kind = int(text[:6], 2)
        if not 1 <= kind <= 28:
            return "unknown_type"
        if kind == 24:
            if len(text) < 40:
                return "too_short"
            if int(text[38:40], 2) > 1:
                return "bad_part"
        if kind in LEGAL_LENGTH and len(text) not in LEGAL_LENGTH[kind]:
            return "bad_length"
        if count == 1:
            self.heard(context)
        self.out.classes[f"decoded {kind}"] += 1
        self.out.classes["parts"] += count - 1
        source, t = self.stamp(context)
        station = context["tag"].get("s") or context["pghp"].get("s") or context.get("trailer_station") or b""
        message = {"kind": kind, "mmsi": int(text[8:38], 2), "bits": text, "payload": payload, "fill": fill, "t": t, "t_src": source, "s": station}
        self.out.messages.append(message | {"buffered": context["pghp"].get("buffered", False)})
        return None


def fix_of(message: dict) -> dict:
    """Position fields of a message as raw integers in the units of the columns; None where missing."""
    bits, kind = message["bits"], message["kind"]
    need, lon_at, width, nav_at, rot_at, sog_at, cog_at, hdg_at, sec_at = LAYOUT[kind]

    def whole(at: int | None, n: int, bound: int = 0) -> int | None:
        return None if at is None or len(bits) < max(at + n, bound) else int(bits[at : at + n], 2)

    def signed(at: int, n: int) -> int | None:
        value = whole(at, n, need)
        return None if value is None else value - (1 << n) if value >> (n - 1) else value

    coarse = kind == 27
    scale = 1000 if coarse else 1
    lon, lat = signed(lon_at, width), signed(lon_at + width, width - 1)
    if lon is None or lat is None or abs(lon * scale) > 108_000_000 or abs(lat * scale) > 54_000_000:
        lon = lat = None
    else:
        lon, lat = lon * scale, lat * scale
    sog = whole(sog_at, 6 if coarse else 10, need)
    sog = None if sog in (None, 63 if coarse else 1023) else sog * (10 if kind in (9, 27) else 1)
    cog = whole(cog_at, 9 if coarse else 12, need)
    cog = None if cog is None or cog >= (360 if coarse else 3600) else cog * (10 if coarse else 1)
    hdg = whole(hdg_at, 9, need)
    sec = whole(sec_at, 6, need)
    rot = None if rot_at is None else signed(rot_at, 8)
    nav = whole(nav_at, 4)
    return {
        "mmsi": message["mmsi"], "lat": lat, "lon": lon, "sog": sog, "cog": cog, "hdg": None if hdg is None or hdg >= 360 else hdg,
        "sec": None if sec is None or sec >= 60 else sec, "nav": None if nav == 15 else nav, "rot": None if rot == -128 else rot,
    }  # fmt: skip


def event_ms_of(message: dict) -> tuple[int, bool]:
    """Event time of a message that has a stamp, and whether it came delayed (flag F_DELAYED)."""
    t, sec = message["t"], fix_of(message)["sec"]
    moved = t if sec is None else next((c for s in (*range(31), -1, -2) if (c := (t // 1000 - s) * 1000) // 1000 % 60 == sec), None)
    when = t if moved is None else moved
    return when, moved is None or message["buffered"] or radio_is_behind(message, when)


def radio_is_behind(message: dict, when_ms: int) -> bool:
    """Whether a SOTDMA state with hour and minute names a time more than a minute before `when_ms`."""
    kind, bits = message["kind"], message["bits"]
    if kind not in (1, 2, 4, 9, 11, 18) or len(bits) < 168 or (kind in (9, 18) and bits[148] == "1"):
        return False
    hour, minute = int(bits[154:159], 2), int(bits[159:166], 2)
    if int(bits[151:154], 2) != 1 or hour > 23 or minute > 59 or (hour, minute) == (0, 0):
        return False
    now = datetime.fromtimestamp(when_ms // 1000, UTC)
    return 1 < (60 * now.hour + now.minute - 60 * hour - minute) % 1440 < 720


def text_of(bits: str, at: int, n: int) -> str:
    """n six-bit characters by the rule of the decoder: strip '@' and blanks, cut at the first '@' left."""
    codes = [int(bits[at + 6 * i : at + 6 * i + 6], 2) for i in range(n)]
    return "".join(chr(c + 64 if c < 32 else c) for c in codes).strip("@ ").split("@")[0].rstrip(" ")
