"""Fields: where a value stands in a message, and when it is missing. What a layout in `records.py` is written with.

May live here: readers `(payload) -> value or None`, made from a place and a meaning. May not: messages, sentences.

Three rules hold for all (ITU-R M.1371-5, Annex 8): what the standard calls "not available" is None; a value outside its legal
range is None; **a field is None unless all bits of its block are there** (`need`: bits that the message must have), so that
no number is ever made of leftovers. Latitude and longitude are known together or not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ingest.payload import Payload, tidy

Read = Callable[[Payload], Any]
FINE, COARSE = 600_000, 600  # position units of a degree
CLOCK = ((0, 14), (14, 4), (18, 5), (23, 5), (28, 6), (34, 6))  # year to second: first bit and width


def number(at: int, width: int, *, none: int | None = None, top: int | None = None, per: int = 1, need: int = 0) -> Read:
    """An unsigned number; None at `none` and above `top`. `per` 10: the field counts tenths."""
    need = max(need, at + width)
    limit = (1 << width) if top is None else top

    def read(payload: Payload) -> float | None:
        if not payload.has(need) or (raw := payload.bits(at, width)) == none or raw > limit:
            return None
        return raw if per == 1 else raw / per

    return read


def flag(at: int, need: int = 0) -> Read:
    """One bit."""
    need = max(need, at + 1)
    return lambda payload: bool(payload.bits(at, 1)) if payload.has(need) else None


def choice(at: int, width: int, names: dict[int, str], need: int = 0) -> Read:
    """A name for some values of a field, None for the others."""
    need = max(need, at + width)
    return lambda payload: names.get(payload.bits(at, width)) if payload.has(need) else None


def turn(at: int, need: int) -> Read:
    """Rate of turn in degrees per minute: sign and square of raw / 4.733; None where only "faster than 5 degrees in 30 s" is known (raw +-127)."""

    def read(payload: Payload) -> float | None:
        if not payload.has(need) or abs(raw := payload.signed(at, 8)) >= 127:
            return None
        return round((raw / 4.733) ** 2 * (1 if raw >= 0 else -1), 2)

    return read


def _place(payload: Payload, at: int, width: int, unit: int, need: int) -> tuple[float, float] | None:
    if not payload.has(max(need, at + 2 * width - 1)):
        return None
    lon, lat = payload.signed(at, width), payload.signed(at + width, width - 1)
    if abs(lon) > 180 * unit or abs(lat) > 90 * unit:
        return None
    return round(lat / unit, 6), round(lon / unit, 6)


def latitude(at: int, need: int = 0, *, width: int = 28, unit: int = FINE) -> Read:
    """Degrees north of a place whose longitude begins at bit `at` with `width` bits."""
    return lambda payload: place[0] if (place := _place(payload, at, width, unit, need)) else None


def longitude(at: int, need: int = 0, *, width: int = 28, unit: int = FINE) -> Read:
    """Degrees east of the same place."""
    return lambda payload: place[1] if (place := _place(payload, at, width, unit, need)) else None


def distance(at: int, which: int, need: int) -> Read:
    """Metres from the antenna to 0 bow, 1 stern, 2 port, 3 starboard, which begin together at bit `at`; None where all four are 0."""
    start, width = at + (0, 9, 18, 24)[which], (9, 9, 6, 6)[which]
    return lambda payload: payload.bits(start, width) if payload.has(need) and payload.bits(at, 30) else None


def text(at: int, n: int, *, cut: bool = False) -> Read:
    """n six-bit characters, None where nothing is said. `cut`: a text that the message ends in the middle of is used as far as it goes."""
    return lambda payload: (payload.text(at, n) or None) if cut or payload.has(at + 6 * n) else None


def long_name(at: int, n: int, more_at: int, more: int) -> Read:
    """A name with an extension, which counts only behind a full name: one whose last character is not '@'."""

    def read(payload: Payload) -> str | None:
        if not payload.has(at + 6 * n):
            return None
        full = payload.bits(at + 6 * n - 6, 6) != 0 and payload.size > more_at
        extended = payload.letters(at, n) + (payload.letters(more_at, more) if full else "")
        return tidy(extended) or None

    return read


def utc(at: int) -> Read:
    """Year, month, day, hour, minute, second (40 bits) as ISO 8601; None unless all are given and the date exists."""

    def read(payload: Payload) -> str | None:
        if not payload.has(at + 40):
            return None
        year, month, day, hour, minute, second = (payload.bits(at + start, width) for start, width in CLOCK)
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
        except ValueError:
            return None

    return read


def only_if(at: int, is_set: bool, read: Read) -> Read:
    """A field that is there only where the bit at `at` says so."""
    return lambda payload: read(payload) if payload.has(at + 1) and bool(payload.bits(at, 1)) == is_set else None


def all_or_none(need: int, read: Read) -> Read:
    """A field of a block that ends before bit `need`."""
    return lambda payload: read(payload) if payload.has(need) else None


def of_a_boat(is_boat: bool, read: Read) -> Read:
    """A field for (or not for) craft of a parent ship, MMSI 98MIDxxxx, of type 24 B: their mothership stands where a ship has its size."""
    return lambda payload: read(payload) if (payload.bits(8, 30) // 10_000_000 == 98) == is_boat else None


def off_position(second_at: int) -> Read:
    """Whether a floating aid has left its place; said only with a valid UTC second, which stands before it."""
    return lambda payload: bool(payload.bits(second_at + 6, 1)) if payload.has(second_at + 7) and payload.bits(second_at, 6) <= 59 else None


def zone_nm(at: int) -> Read:
    """Width of the transition zone, 1 to 8 nautical miles."""
    return lambda payload: payload.bits(at, 3) + 1 if payload.has(at + 3) else None


def data(at: int, tail: int = 0) -> Read:
    """Bytes from bit `at` to `tail` bits before the end, the last one filled up with zeros; None where there are none."""
    return lambda payload: payload.data(at, payload.size - tail) or None


def data_bits(at: int, tail: int = 0) -> Read:
    """How many bits of `data` count."""
    return lambda payload: max(0, payload.size - tail - at)


def from_end(at: int, width: int) -> Read:
    """An unsigned field that begins `at` bits before the end, of a message that has its head and its tail."""
    return lambda payload: payload.bits(payload.size - at, width) if payload.has(HEAD + TAIL) else None


HEAD, TAIL = 40, 20  # types 25 and 26: bits before the optional fields; radio state at the end of 26


def _optional(payload: Payload) -> tuple[int, int]:
    """Types 25 and 26: where the application id and the data begin, as the flags at 38 and 39 say."""
    at = HEAD + 30 * payload.bits(38, 1)
    return at, at + 16 * payload.bits(39, 1)


def application(start: int, width: int, tail: int) -> Read:
    """A part of the application id, where the message is structured."""

    def read(payload: Payload) -> int | None:
        if not payload.has(HEAD):
            return None
        at, end = _optional(payload)
        return payload.bits(at + start, width) if end > at and payload.has(end + tail) else None

    return read


def body(tail: int) -> Read:
    """Data behind the optional fields."""
    return lambda payload: payload.data(_optional(payload)[1], payload.size - tail) or None if payload.has(HEAD) else None


def body_bits(tail: int) -> Read:
    """How many bits of `body` count."""
    return lambda payload: max(0, payload.size - tail - _optional(payload)[1]) if payload.has(HEAD) else None
