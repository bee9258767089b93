"""Payloads: the armoured characters of one message as one whole number, and the bit fields in it. For messages that are rare.

May live here: un-armouring, unsigned and signed fields, six-bit text (ITU-R M.1371-5, Annex 8; armour: IEC 61162-1).
May not: message layouts, sentences, counters. The kernel keeps positions and statics for itself; this is the slow lane.

A payload is read through base 64, which has the same six bits per character in another alphabet: the library does the work
of a loop over characters. Python's integers have no width, so a field is a shift and a mask wherever it stands.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

WIDTH = 512  # characters of the longest payload that is looked at: the decoder takes no longer sentence
ARMOUR = bytes(range(48, 88)) + bytes(range(96, 120))  # characters of the values 0-63
BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
LETTERS = bytes(range(64, 96)) + bytes(range(32, 64))  # six-bit text, table 47: value 0 is '@', 32 is blank
_UNARMOUR = bytearray(b"A" * 256)  # a character outside the alphabet counts as 0
for _armour, _base64 in zip(ARMOUR, BASE64):
    _UNARMOUR[_armour] = _base64
_SPELL = bytes.maketrans(BASE64, LETTERS)


class Payload:
    """`size` bits, the first one most significant in `value`. What a field has behind the end reads as 0: ask `has` first."""

    __slots__ = ("size", "value")

    def __init__(self, chars: bytes, size: int) -> None:
        """Armoured characters, of which the first `size` bits count."""
        chars = chars[:WIDTH]
        whole = a2b_base64(chars.translate(_UNARMOUR) + b"A" * (-len(chars) % 4))
        self.size = max(0, min(size, 6 * len(chars)))
        self.value = int.from_bytes(whole, "big") >> (8 * len(whole) - self.size)

    def has(self, end: int) -> bool:
        """Whether all bits before bit `end` are there."""
        return end <= self.size

    def bits(self, at: int, width: int) -> int:
        """An unsigned field."""
        behind = self.size - at - width
        return (self.value >> behind if behind >= 0 else self.value << -behind) & ((1 << width) - 1)

    def signed(self, at: int, width: int) -> int:
        """A field in two's complement."""
        value = self.bits(at, width)
        return value - (1 << width) if value >> (width - 1) else value

    def letters(self, at: int, n: int) -> str:
        """n characters as they were sent; fewer where the message ends before. An incomplete last character is dropped."""
        n = max(0, min(n, (self.size - at) // 6))
        padded = -n % 4
        value = self.bits(at, 6 * n) << (6 * padded)
        return b2a_base64(value.to_bytes((n + padded) * 3 // 4, "big"), newline=False)[:n].translate(_SPELL).decode("ascii")

    def text(self, at: int, n: int) -> str:
        """n characters without '@' and blanks at both ends, cut at the first '@' left."""
        return tidy(self.letters(at, n))

    def data(self, at: int, end: int) -> bytes:
        """Bits from `at` up to `end` as bytes, the last one filled up with zeros."""
        n = max(0, end - at)
        return (self.bits(at, n) << (-n % 8)).to_bytes((n + 7) // 8, "big")


def tidy(letters: str) -> str:
    """The rule for all text: '@' ends a text, blanks around it mean nothing, and leading '@' are somebody's padding."""
    return letters.lstrip("@ ").split("@", maxsplit=1)[0].rstrip(" ")
