"""Names of ships, made comparable. May hold: folding, and how much alike two names are. May not: entries, vessels.

Theory. An AIS set sends at most 20 capital letters and digits; lists write names freely, with accents, 'M/V' in front and Roman numerals
behind. Both are folded to the same plain form; the blanks are dropped, because nobody agrees on them. Numbers in names tell
sister ships apart (FU YUAN YU 7861 and 7894 are two ships), so no likeness is ever seen across different numbers. Names that no AIS
set can send (Cyrillic, Chinese) have no plain form: the list must bring a Latin one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal
from unicodedata import combining, normalize

from rapidfuzz.distance import OSA
from rapidfuzz.fuzz import token_sort_ratio

Likeness = Literal["equal", "cut", "near", "other", "unknown"]
PREFIXES = frozenset({"MV", "MT", "MS", "MY", "SS", "SV", "SY", "FV", "RV", "TS", "LPGC", "LNGC", "LPG", "LNG", "MTS", "MTR"})
SPLIT_PREFIXES = frozenset({("M", "V"), ("M", "T"), ("M", "S"), ("M", "Y"), ("S", "S"), ("S", "V"), ("S", "Y"), ("F", "V"), ("R", "V")})
NOBODY = frozenset({"NONAME", "UNKNOWN", "UNNAMED", "NAME", "VESSEL", "SHIP", "TEST", "TBN", "NONE", "NIL", "NOTAVAILABLE", "DEFAULT", "AIS"})
CUT_FROM = 19  # a broadcast name this long may have been cut (the twentieth letter may have been a blank)
CUT_LETTERS_MIN = 12  # fewer letters in common say nothing
NEAR_LETTERS_MIN = 6  # of the shorter name: one letter in five is another name
TOKENS_ALIKE_MIN = 88.0  # of 100: only asked where a number is equal already
_ONES = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
_ROMAN = {tens + ones: str(10 * k + n) for k, tens in enumerate(("", "X")) for n, ones in enumerate(_ONES) if tens + ones} | {"XX": "20"}
_SPECIAL = str.maketrans({"Ø": "O", "Æ": "AE", "Œ": "OE", "ß": "SS", "ẞ": "SS", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "TH", "ı": "I", "Ħ": "H", "Ŋ": "N"})
_OUTSIDE = {code: None if chr(code) in ".'" else " " for code in range(128) if not chr(code).isalnum()}
_DIGITS = re.compile(r"\d+")
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


def words_of(name: str) -> list[str]:
    """'M/V Sørøya II' -> ['SOROYA', '2']: capital letters and digits, no prefix of ships, Roman numerals at the end as numbers."""
    if not name.isascii():
        name = normalize("NFKD", name.upper().translate(_SPECIAL))
        name = "".join(letter for letter in name if not combining(letter))
        if any(letter.isalpha() and not letter.isascii() for letter in name):
            return []
    words = name.upper().translate(_OUTSIDE).split()
    if len(words) > 1 and words[0] in PREFIXES:
        words = words[1:]
    elif len(words) > 2 and (words[0], words[1]) in SPLIT_PREFIXES:
        words = words[2:]
    if len(words) > 1 and words[-1] in _ROMAN:
        words[-1] = _ROMAN[words[-1]]
    return words


@lru_cache(maxsize=1 << 17)  # names are asked for again and again: a list's for every candidate
def plain_of(name: str) -> str:
    """The form in which names are compared: the words without blanks and leading zeros; '' for a name that stands for none or has no Latin letters."""
    words = words_of(name)
    plain = "".join([_ZEROS.sub("", word) for word in words] if "0" in name else words)
    return "" if len(plain) < 3 or plain in NOBODY or plain.isdigit() else plain


def numbers_in(plain: str) -> list[str]:
    """The numbers in a plain name, in order."""
    return _DIGITS.findall(plain)


def likeness(told: str, listed: str, *, loose: bool = False) -> Likeness:
    """How much a broadcast name is like a listed one, as they were written.

    'equal': the same plain form. 'cut': the broadcast one fills its 20 letters and the listed one begins with them. 'near': one letter
    otherwise, more, fewer or exchanged. loose: also words in another order or two letters otherwise, for those whose number is equal.
    """
    one, other = plain_of(told), plain_of(listed)
    if not one or not other:
        return "unknown"
    if one == other:
        return "equal"
    if is_cut(told, one) and other.startswith(one):
        return "cut"
    if numbers_in(one) != numbers_in(other):
        return "other"
    if near(one, other):
        return "near"
    if loose and min(len(one), len(other)) >= NEAR_LETTERS_MIN:
        if OSA.distance(one, other, score_cutoff=2) <= 2 and min(len(one), len(other)) >= 8:
            return "near"
        if token_sort_ratio(" ".join(words_of(told)), " ".join(words_of(listed))) >= TOKENS_ALIKE_MIN:
            return "near"
    return "other"


def is_cut(told: str, plain: str) -> bool:
    """Whether a broadcast name may have lost its end."""
    return len(told) >= CUT_FROM and len(plain) >= CUT_LETTERS_MIN


def near(one: str, other: str) -> bool:
    """Whether two different plain names with the same numbers are one letter apart."""
    return min(len(one), len(other)) >= NEAR_LETTERS_MIN and OSA.distance(one, other, score_cutoff=1) <= 1


def shortened(plain: str) -> list[str]:
    """A plain name with each letter (no digit) left out in turn: two names one letter apart have one of these, or one the other itself, in common."""
    return [plain[:k] + plain[k + 1 :] for k, letter in enumerate(plain) if not letter.isdigit()]
