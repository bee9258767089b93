"""Where other decoders read a message differently, on purpose: one predicate per difference, named as in docs/decoder.md.

`PYAIS_FIELDS` and `GPSD_FIELDS` explain a value, `PYAIS_LINES` a sentence that one of both refuses. A predicate is pure and as narrow as it can be:
it works out from the bits what the other decoder should have said, so that any other value stays unexplained. The layouts it
needs are pyais' own or those of the naive twin, never those of `ingest.records`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingest.records import Record
from tests.naive_decode import LAYOUT, LEGAL_LENGTH, checksum, text_of

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "decoder.md"


class Case(NamedTuple):
    """One field that differs."""

    kind: int
    field: str  # our name
    theirs: Any
    ours: Any
    bits: str
    place: tuple[int, int]  # first bit and the bit behind the last, as the other decoder has it
    said: dict[str, Any]  # all fields of the other decoder by our names

    @property
    def raw(self) -> int:
        """The unsigned number that the other decoder read, leftovers included."""
        found = self.bits[slice(*self.place)]
        return int(found, 2) if found else 0


# --- pyais ----------------------------------------------------------------------------------------------------------

NAMES = {
    "status": "nav_status", "turn": "rot_deg_min", "speed": "sog_kn", "accuracy": "accurate", "course": "cog_deg", "heading": "heading_deg",
    "shipname": "name", "to_bow": "bow_m", "to_stern": "stern_m", "to_port": "port_m", "to_starboard": "starboard_m", "draught": "draught_m",
    "seqno": "sequence", "alt": "alt_m", "mmsi1": "dest1_mmsi", "mmsi2": "dest2_mmsi", "mmsi3": "dest3_mmsi", "mmsi4": "dest4_mmsi",
    "mmsiseq1": "sequence1", "mmsiseq2": "sequence2", "mmsiseq3": "sequence3", "mmsiseq4": "sequence4", "cs": "carrier_sense", "band": "whole_band",
    "msg22": "obeys_22", "virtual_aid": "virtual", "txrx": "tx_rx", "power": "low_power", "dest1": "dest1_mmsi", "dest2": "dest2_mmsi",
    "band_a": "narrow_a", "band_b": "narrow_b", "zonesize": "zone_nm", "quiet": "quiet_min", "vendorid": "vendor", "partno": "part", "gnss": "delayed",
    "timeout1": "timeout1_min", "timeout2": "timeout2_min", "timeout3": "timeout3_min", "timeout4": "timeout4_min",
    "restricted": "restricted_use", "iala_mrn": "mrn", "dimension": "dimension_type", "dimensions_a": "dimension_a", "dimensions_b": "dimension_b",
    "dimension_additional_data": "more_dimensions", "charted_status": "charted", "station_status": "on_station", "status_bits": "status",
    "auth": "authenticated",
}  # fmt: skip
BY_KIND = {
    4: dict.fromkeys(("year", "month", "day", "hour", "minute", "second"), "utc"), 5: {name: f"eta_{name}" for name in ("month", "day", "hour", "minute")},
    21: {"reserved_1": "status"}, 25: {"app_id": "dac"}, 26: {"app_id": "dac"},
}  # fmt: skip
BY_KIND[11] = BY_KIND[4]
ALSO = {kind: {"second": "utc_second"} for kind in (1, 2, 3, 9, 18, 19, 21, 28)}
PASSED_OVER = {"name_ext", "full_name", "empty_1", "empty_2", "reserved_1", "reserved_2"}  # told by `name`; spare bits
HEAD = {"msg_type", "repeat", "mmsi", "seqno", "dest_mmsi", "retransmit", "dac", "fid", "data"}  # of 6 and 8: the rest is another decoder's


@cache
def places(kind: type) -> dict[str, tuple[int, int]]:
    """Where pyais reads the fields of one of its classes: first bit, and the bit behind the last."""
    at, out = 0, {}
    for each in kind.fields():
        out[each.name] = (at, at + each.metadata["width"])
        at += each.metadata["width"]
    return out


def pyais_says(message: Any) -> tuple[dict[str, Any], dict[str, tuple[int, int]]]:
    """Fields of a message decoded by pyais, by our names, and where they were read."""
    fields, where = message.asdict(enum_as_int=True), places(type(message))
    kind = int(fields["msg_type"])
    out, at = {}, {}
    for name, value in fields.items():
        if name.startswith("spare") or (name in PASSED_OVER and not (kind == 21 and name == "reserved_1")) or (kind in (6, 8) and name not in HEAD):
            continue
        ours = BY_KIND.get(kind, {}).get(name) or ALSO.get(kind, {}).get(name) or NAMES.get(name, name)
        out[ours], at[ours] = value, where[name]
    if kind in (4, 11):
        clock = tuple(fields[name] for name in ("year", "month", "day", "hour", "minute", "second"))
        out["utc"], at["utc"] = None if None in clock else "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}Z".format(*clock), (38, 78)
    if kind in (6, 8) and "data" not in out:  # an application that pyais knows
        at["data"] = (88 if kind == 6 else 56, 10_000)
    if kind in (25, 26):
        application = fields.get("app_id")
        out["dac"], out["fid"] = (None, None) if application is None else (application >> 6, application & 63)
        at["dac"] = at["fid"] = where.get("app_id", (0, 0))
    return out, at


def field_differences(message: Any, record: Record, bits: str) -> Iterator[Case]:
    """Fields that pyais reads differently: its decoded message, our record, the bits of both."""
    said, where = pyais_says(message)
    ours = msgspec.structs.asdict(record)
    for name, theirs in said.items():
        assert name in ours, f"type {record.msg_type}: nothing of ours is compared with pyais' {name}"
        if theirs != ours[name]:
            yield Case(record.msg_type, name, theirs, ours[name], bits, where[name], said)


def signed(case: Case) -> int:
    """The number that the other decoder read, in two's complement."""
    width = case.place[1] - case.place[0]
    return case.raw - (1 << width) if case.raw >> (width - 1) else case.raw


CODES = ("ship_type", "epfd", "aid_type", "station_type", "interval", "dimension_type", "tx_rx", "restricted_use")
SIZES = ("bow_m", "stern_m", "port_m", "starboard_m")
NOTHING = {  # what the standard calls "not available", as pyais has it
    "nav_status": 15, "lat": 91.0, "lon": 181.0, "cog_deg": 360.0, "heading_deg": 511, "utc_second": 60, "maneuver": 0, "epfd": 0, "imo": 0,
    "callsign": "", "name": "", "destination": "", "vendor": "", "text": "", "ship_type": 0, "eta_month": 0, "eta_day": 0, "eta_hour": 24, "eta_minute": 60,
    "draught_m": 0, "alt_m": 4095, "aid_type": 0, "mrn": 0, "data": b"", "mothership_mmsi": 0,
    **{f"dest{i}_mmsi": 0 for i in range(1, 5)}, **{f"offset{i}": 0 for i in range(1, 5)}, **{f"number{i}": 0 for i in range(1, 5)},
    **{f"timeout{i}_min": 0 for i in range(1, 5)}, "type1_1": 0, "type1_2": 0, "type2_1": 0,
}  # fmt: skip


def sentinel(case: Case) -> bool:
    """pyais hands "not available" on as a number."""
    if case.ours is not None:
        return False
    if case.field == "sog_kn":
        return case.theirs == {9: 1023, 27: 63}.get(case.kind, 102.3)
    if case.field in ("lat", "lon"):
        return case.said["lat"] == 91.0 or case.said["lon"] == 181.0
    if case.field in SIZES:
        return not any(case.said[name] for name in SIZES)
    if case.field == "cog_deg" and case.kind == 27:
        return case.theirs == 511
    if case.field == "utc" and case.theirs:
        year, month, day, hour, minute, second = (int(part) for part in re.findall(r"\d+", case.theirs))
        return 0 in (year, month, day) or hour >= 24 or minute >= 60 or second >= 60
    if case.field in CODES and case.raw:
        return False
    return case.field in NOTHING and case.theirs == NOTHING[case.field]


DAYS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


def out_of_range(case: Case) -> bool:
    """pyais hands on what no ship can be or do."""
    if case.ours is not None or case.theirs is None:
        return False
    if case.field in ("lat", "lon"):
        return abs(case.said["lat"] or 0) > 90 or abs(case.said["lon"] or 0) > 180
    if case.field == "utc":
        year, month, day, *_ = (int(part) for part in re.findall(r"\d+", case.theirs))
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        return year > 9999 or month > 12 or day > DAYS.get(month, 31) or (month == 2 and day == 29 and not leap)
    bound = {"cog_deg": 360, "heading_deg": 360, "utc_second": 61, "eta_month": 13, "eta_hour": 25, "eta_minute": 61}.get(case.field)
    return bound is not None and case.theirs >= bound


# Blocks beside the main one of positions, which stands in the twin's table: (first bit, bit behind the last, bits that the message must have).
BLOCKS = {
    4: [(78, 134, 134)], 5: [(232, 270, 270), (274, 302, 302)], 7: [(40, 72, 72), (72, 104, 104), (104, 136, 136), (136, 168, 168)],
    9: [(38, 50, 134)], 11: [(78, 134, 134)], 13: [(40, 72, 72), (72, 104, 104), (104, 136, 136), (136, 168, 168)],
    15: [(70, 88, 88), (90, 108, 108), (110, 158, 158)], 16: [(40, 92, 92), (92, 144, 144)], 17: [(40, 75, 75)], 19: [(143, 301, 301)],
    20: [(40, 70, 70), (70, 100, 100), (100, 130, 130), (130, 160, 160)], 21: [(38, 43, 43), (163, 219, 219), (219, 249, 249)],
    24: [(40, 48, 162), (132, 162, 162)], 27: [(38, 94, 94)], 28: [(44, 99, 99)],
}  # fmt: skip


def block_end(kind: int, place: tuple[int, int]) -> int:
    """How many bits a message must have for the field at a place."""
    need = place[1]
    if kind in LAYOUT and kind not in (4, 11, 21, 27) and 42 <= place[0] < LAYOUT[kind][0]:
        need = max(need, LAYOUT[kind][0])
    return max([need, *(must for first, last, must in BLOCKS.get(kind, []) if first <= place[0] and place[1] <= last)])


def cut_block(case: Case) -> bool:
    """pyais makes a number of the bits that are left of a cut field, or uses a field whose block is cut."""
    if case.field in ("destination", "text", "data"):  # these end where the message ends
        return False
    return case.ours is None and len(case.bits) < block_end(case.kind, case.place)


def text_rule(case: Case) -> bool:
    """pyais keeps an inner '@' and what stands before and behind; we cut there and strip. A cut last letter is padded by pyais and dropped by us."""
    if case.field not in ("callsign", "name", "destination", "vendor", "text"):
        return False
    start, end = case.place[0], min(case.place[1], len(case.bits))
    extension = case.kind == 21 and len(case.bits) > 272 and case.bits[157:163] != "000000"
    if extension:
        return False
    letters = text_of(case.bits, start, max(0, (end - start) // 6))
    return (case.ours or "") == letters and case.theirs.strip("@ ").startswith(letters)


def name_extension(case: Case) -> bool:
    """pyais gives the extension of an aid's name as a field of its own; here it is part of the name, behind a full one."""
    if (case.kind, case.field) != (21, "name") or len(case.bits) <= 272 or case.bits[157:163] == "000000":
        return False
    more = case.bits[272:356]
    return case.ours == (text_of(case.bits[43:163] + more, 0, 20 + len(more) // 6) or None)


def codes_collapse(case: Case) -> bool:
    """pyais knows names for some codes only and gives a neighbour's for the others; we give the code as sent."""
    return case.field in CODES and case.raw > 0 and case.ours == case.raw and len(case.bits) >= case.place[1]


def turn_rate(case: Case) -> bool:
    """pyais rounds the rate of turn to whole degrees a minute and gives +-127 and -128 as rates."""
    if case.field != "rot_deg_min":
        return False
    raw = signed(case)
    if abs(raw) >= 127:
        return case.ours is None and float(case.theirs) == raw
    return float(case.theirs) == math.copysign(round((raw / 4.733) ** 2), raw) and abs(case.ours - math.copysign((raw / 4.733) ** 2, raw)) < 0.006


def coarse_units(case: Case) -> bool:
    """Types 17, 22 and 23: pyais gives tenths of a minute divided by ten, those of 17 without a sign; we give degrees."""
    if case.kind not in (17, 22, 23) or case.field not in ("lat", "lon", "ne_lat", "ne_lon", "sw_lat", "sw_lon"):
        return False
    if len(case.bits) < case.place[1]:
        return False
    pair = {"lat": "lon", "lon": "lat"}[case.field[-3:]]
    start = case.place[0] + (-18 if pair == "lon" else 18)
    other = int(case.bits[start : start + (18 if pair == "lon" else 17)] or "0", 2)
    other -= (1 << 18 if pair == "lon" else 1 << 17) if other >> (17 if pair == "lon" else 16) else 0
    limit, other_limit = (54_000, 108_000) if pair == "lon" else (108_000, 54_000)
    expected = None if abs(signed(case)) > limit or abs(other) > other_limit else round(signed(case) / 600, 6)
    return case.theirs == round((case.raw if case.kind == 17 else signed(case)) / 10, 6) and case.ours == expected


def radio_selector(case: Case) -> bool:
    """Types 9 and 18: pyais counts the bit that says how to read the radio state as its highest one; here it is a field of its own."""
    return case.field == "radio" and case.kind in (9, 18) and len(case.bits) >= 168 and case.theirs & 0x7FFFF == case.ours


def off_position(case: Case) -> bool:
    """Whether an aid is off its place is said only with a valid second."""
    return case.field == "off_position" and case.ours is None and int(case.bits[253:259] or "0", 2) >= 60


def zone_width(case: Case) -> bool:
    """pyais gives the code of the zone's width, we its miles."""
    return case.field == "zone_nm" and case.ours == case.theirs + 1


def binary_places(case: Case) -> bool:
    """Types 25 and 26: pyais reads data and radio state at fixed places, and an application id where none is; here the flags and the end say where."""
    if case.kind not in (25, 26) or case.field not in ("dac", "fid", "data", "radio", "dest_mmsi"):
        return False
    bits = case.bits
    tail = 20 if case.kind == 26 else 0
    at = 40 + 30 * int(bits[38])
    start = at + 16 * int(bits[39])
    body = bits[start : max(start, len(bits) - tail)]
    whole = bits[39] == "1" and len(bits) >= start + tail
    expected = {
        "dest_mmsi": int(bits[40:70], 2) if bits[38] == "1" and len(bits) >= 70 else None,
        "dac": int(bits[at : at + 10], 2) if whole else None,
        "fid": int(bits[at + 10 : start], 2) if whole else None,
        "data": bytes(int(body[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(body), 8)) or None,
        "radio": int(bits[-19:], 2) if len(bits) >= 60 else None,
    }
    return case.ours == expected[case.field]


def over_long(case: Case) -> bool:
    """A message longer than the standard has it: pyais stops where its longest one ends, we give all there is, flagged."""
    start, end = case.place
    if case.field not in ("data", "text") or len(case.bits) <= end:
        return False
    if case.field == "text":
        return case.ours == (text_of(case.bits, start, (len(case.bits) - start) // 6) or None)
    whole, short = case.bits[start:], case.bits[start:end]
    return (case.theirs, case.ours) == tuple(bytes(int(part[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(part), 8)) for part in (short, whole))


PYAIS_FIELDS: dict[str, Callable[[Case], bool]] = {
    "sentinel": sentinel, "out_of_range": out_of_range, "cut_block": cut_block, "text_rule": text_rule, "name_extension": name_extension,
    "codes_collapse": codes_collapse, "turn_rate": turn_rate, "coarse_units": coarse_units, "radio_selector": radio_selector,
    "off_position": off_position, "zone_width": zone_width, "binary_places": binary_places, "over_long": over_long,
}  # fmt: skip


class Refused(NamedTuple):
    """A message of pyais that is none here: its sentences, joined payload and fill bits, and why lines were rejected here."""

    lines: list[bytes]
    payload: bytes
    fill: int
    rejected: set[str]

    @property
    def size(self) -> int:
        """Bits of the payload."""
        return 6 * len(self.payload) - self.fill

    @property
    def legal(self) -> bool:
        """Whether the payload has only letters of the alphabet."""
        return re.fullmatch(rb"[0-W`-w]+", self.payload) is not None


def given_checksum(line: bytes) -> int | None:
    """The checksum that a sentence names: the digits right behind its first '*'."""
    found = re.match(rb"[^*]*\*([0-9A-Fa-f]{2})", line)
    return int(found[1], 16) if found else None


def kind_of(payload: bytes) -> int:
    """Type of a legal payload."""
    return payload[0] - 48 - (8 if payload[0] >= 96 else 0)


def wrong_checksum(case: Refused) -> bool:
    """pyais only marks it."""
    return any(given_checksum(line) not in (None, checksum(line[1:].split(b"*")[0])) for line in case.lines)


def absent_checksum(case: Refused) -> bool:
    """pyais only marks it."""
    return any(given_checksum(line) is None for line in case.lines)


def illegal_armour(case: Refused) -> bool:
    """pyais reads a byte outside the alphabet as 0."""
    return not case.legal


def whole_mmsi(case: Refused) -> bool:
    """pyais makes a message of less than a whole MMSI (of type 24: of less than its part number)."""
    return case.legal and case.size < (40 if kind_of(case.payload) == 24 else 38)


def type_zero(case: Refused) -> bool:
    """pyais reads type 0 as type 1."""
    return case.legal and kind_of(case.payload) == 0


def noise_length(case: Refused) -> bool:
    """pyais reads types 22, 23, 25 to 28 of any length."""
    return case.legal and (kind := kind_of(case.payload)) in LEGAL_LENGTH and case.size not in LEGAL_LENGTH[kind]


def fill_no_number(case: Refused) -> bool:
    """pyais takes 0 for a number of fill bits that it cannot read."""
    return any(not re.fullmatch(rb"[0-5]", line.split(b"*")[0].split(b",")[6]) for line in case.lines if line.count(b",") >= 6)


def empty_fragment(case: Refused) -> bool:
    """pyais joins fragments of which one has no payload."""
    return len(case.lines) > 1 and any(line.split(b",")[5] == b"" for line in case.lines)


def long_sequence(case: Refused) -> bool:
    """pyais joins fragments of which one has two characters where the sequence id or the channel stands: 03 is 3."""
    return len(case.lines) > 1 and any(len(field) > 1 for line in case.lines if line.count(b",") >= 6 for field in line.split(b",")[3:5])


def strict_order(case: Refused) -> bool:
    """pyais joins the fragments that it has; here another one of the same key between them says that two messages are mixed."""
    return len(case.lines) > 1


# Name -> (what explains a message of pyais that is refused here, the reason that must then have been counted).
PYAIS_LINES: dict[str, tuple[Callable[[Refused], bool], str]] = {
    "wrong_checksum": (wrong_checksum, "bad_checksum"),
    "absent_checksum": (absent_checksum, "no_checksum"),
    "illegal_armour": (illegal_armour, "bad_armour"),
    "whole_mmsi": (whole_mmsi, "too_short"),
    "type_zero": (type_zero, "unknown_type"),
    "noise_length": (noise_length, "bad_length"),
    "fill_no_number": (fill_no_number, "bad_fill"),
    "empty_fragment": (empty_fragment, "empty_payload"),
    "long_sequence": (long_sequence, "bad_fragment"),
    "strict_order": (strict_order, "part_order"),
}


def refusal(case: Refused) -> str | None:
    """Why a message of pyais is none here, or None where nothing on the list explains it."""
    return next((name for name, (explains, counted) in PYAIS_LINES.items() if counted in case.rejected and explains(case)), None)


def same_channel(lines: list[bytes]) -> bool:
    """Channels 1 and A, 2 and B are the same: fragments that name one of each join here and not with pyais."""
    channels = [line.split(b",")[4][:1] for line in lines if line.count(b",") >= 6]
    return len(set(channels)) > len({{b"1": b"A", b"2": b"B"}.get(channel, channel) for channel in channels})


def dialect_fill(lines: list[bytes]) -> bool:
    """A field more than there should be: pyais takes the last one for the fill bits, we the one behind the payload."""
    return any(line.split(b"*")[0].count(b",") > 6 for line in lines)


def second_chance(case: Refused, payload: bytes) -> bool:
    """A fragment that is refused here comes again, whole: we join that one, pyais has joined the other."""
    return len(case.lines) > 1 and any(line.split(b",")[5] in payload for line in case.lines)


def same_talker(lines: list[bytes]) -> bool:
    """Small and capital letters make the same talker: fragments that have one of each join here and not with pyais."""
    talkers = {line[1:3] for line in lines}
    return len(talkers) > len({talker.upper() for talker in talkers})


def second_star(lines: list[bytes]) -> bool:
    """A sentence with two '*': for pyais it ends at the last one, here at the first."""
    return any(line.count(b"*") > 1 for line in lines)


def sequence_no_number(lines: list[bytes]) -> bool:
    """A sequence id that is no number: pyais reads no such sentence, here it is a character like any other."""
    return any(not re.fullmatch(rb"\d*", line.split(b",")[3]) for line in lines if line.count(b",") > 3)


def of_the_lines(lines: list[bytes]) -> str | None:
    """The difference that lies in how sentences are cut and joined, whatever they say; None where there is none."""
    return next((name for name, explains in PYAIS_CUTS.items() if explains(lines)), None)


PYAIS_CUTS = {
    "same_channel": same_channel,
    "same_talker": same_talker,
    "dialect_fill": dialect_fill,
    "second_star": second_star,
    "sequence_no_number": sequence_no_number,
}
PYAIS_OTHER = (*PYAIS_CUTS, "second_chance")


def reason(case: Case, table: dict[str, Callable[[Case], bool]]) -> str | None:
    """The name of the first difference that explains a case, or None."""
    return next((name for name, explains in table.items() if explains(case)), None)


def documented(heading: str) -> list[str]:
    """Names in the first column of the table under a heading of docs/decoder.md."""
    section = DOCUMENT.read_text("utf-8").split(f"\n### {heading}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


# --- gpsd -----------------------------------------------------------------------------------------------------------


def gpsd_text(case: Case) -> bool:
    """gpsd cuts at the first '@', wherever it stands, and strips blanks only at the end."""
    if case.field not in ("callsign", "name", "destination", "text"):
        return False
    codes = [int(case.bits[at : at + 6], 2) for at in range(case.place[0], min(case.place[1], len(case.bits) - 5), 6)]
    letters = "".join(chr(code + 64 if code < 32 else code) for code in codes)
    return (case.theirs or "") == letters.split("@")[0].rstrip(" ") and (case.ours or "") == text_of(case.bits, case.place[0], len(codes))


def gpsd_off_position(case: Case) -> bool:
    """gpsd gives the bit whatever the second says."""
    return off_position(case)


def gpsd_leftovers(case: Case) -> bool:
    """gpsd makes numbers of what is left of a cut field, and zeros of fields that a message of this length does not have."""
    absent = case.place == (0, 0) and case.theirs == 0
    return case.ours is None and (absent or len(case.bits) < block_end(case.kind, case.place))


def gpsd_unaddressed(case: Case) -> bool:
    """gpsd says 0 for the addressee of types 25 and 26 where there is none."""
    return case.kind in (25, 26) and case.field == "dest_mmsi" and case.theirs == 0 and case.bits[38] == "0" and case.ours is None


def gpsd_26_tail(case: Case) -> bool:
    """gpsd never reads the radio state of type 26, and leaves its first bits in the last byte of the data."""
    if case.kind != 26 or case.field not in ("data", "radio"):
        return False
    start = 40 + 30 * int(case.bits[38]) + 16 * int(case.bits[39])
    n = len(case.bits) - 20 - start
    body = case.bits[start : start + n]
    ours = bytes(int(body[i : i + 8].ljust(8, "0"), 2) for i in range(0, n, 8))
    if case.field == "radio":
        return case.theirs == 0 and case.ours == int(case.bits[-19:], 2)
    theirs = bytes(int(case.bits[i : i + 8], 2) for i in range(start, start + n, 8))
    return (case.theirs, case.ours) == (theirs, ours)


GPSD_FIELDS: dict[str, Callable[[Case], bool]] = {
    "gpsd_text": gpsd_text, "gpsd_off_position": gpsd_off_position, "gpsd_leftovers": gpsd_leftovers, "gpsd_unaddressed": gpsd_unaddressed,
    "gpsd_26_tail": gpsd_26_tail,
}  # fmt: skip
GPSD_MESSAGES = ("gpsd_pairs", "gpsd_repeats")  # types 24 come only as pairs; a record is written again
