"""Single values of a list or of a broadcast: what can be an IMO number, an MMSI, a call sign, a text. May hold: these tests. May not: names as such, rows.

A value that cannot be is refused with the reason, in the words that the counts of a list use. The check digit of an IMO number is a
filter and no proof: it passes one random number in ten and misses one wrong digit in ten; a company's number may pass it too.
"""

from __future__ import annotations

import re
import unicodedata

import numpy as np

from dogwatch.mids import ALLOTTED, IMO_MAX, IMO_MIN, PLACEHOLDERS, imo_is_valid

TEXT_MAX = 200  # letters of one value; a longer one is no name but a fault or an attack
EMPTY = frozenset({"", "-", "--", "-0-", "N/A", "NA", "NIL", "NONE", "NULL", "UNKNOWN", "NOT KNOWN", "NOT AVAILABLE", "NONE IDENTIFIED"})
NO_SIGN = frozenset({"NONE", "NULL", "UNKNOWN", "UNKNOW", "NOCALL", "CALLSIG", "TEST", "XXXX", "XXXXX", "XXXXXX", "ABCD", "ABCDE", "ABCDEF"})
IMO_EXAMPLES = frozenset({1_234_567, 7_654_321, *(1_111_111 * k for k in range(1, 10))})  # typed in for want of a number
_IMO = re.compile(r"IMO\D{0,8}(\d{7})(?!\d)", re.IGNORECASE)
_SEVEN = re.compile(r"\d{7}")
_SIGN = re.compile(r"[A-Z0-9]{3,8}")
_HAS_COUNTRY = ALLOTTED.tolist()
_PLACEHOLDERS = frozenset(PLACEHOLDERS.tolist())


class RefusedError(ValueError):
    """A value that cannot be what its column says; `reason` is a key of the counts."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def text_of(raw: str) -> str:
    """A short text without anything that a terminal or a spreadsheet would obey; '' where the list says that it knows nothing.

    Raises RefusedError: 'too_long', 'control_characters' (escape sequences, NUL, marks that turn the direction of writing), 'formula'.
    """
    if len(raw) > TEXT_MAX:
        raise RefusedError("too_long")
    text = " ".join(raw.split())
    if text.upper() in EMPTY:
        return ""
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Co", "Cs", "Cn") for letter in text):
        raise RefusedError("control_characters")
    if text[0] in "=+@" or (text[0] == "-" and len(text) > 1):
        raise RefusedError("formula")
    return text


def imo_number(text: str) -> int:
    """IMO number of a ship: the seven digits after 'IMO', else a text that is seven digits. 0 for an empty text.

    Raises RefusedError: 'imo_form', 'imo_check_digit', 'imo_example'.
    """
    text = text.strip()
    if text.upper() in EMPTY:
        return 0
    found = _IMO.search(text)
    digits = found.group(1) if found else text
    if not _SEVEN.fullmatch(digits) or not digits.isascii():
        raise RefusedError("imo_form")
    number = int(digits)
    if not IMO_MIN <= number <= IMO_MAX:
        raise RefusedError("imo_form")
    if number in IMO_EXAMPLES:
        raise RefusedError("imo_example")
    if not imo_could_be(number):
        raise RefusedError("imo_check_digit")
    return number


def imo_could_be(number: int) -> bool:
    """Whether a broadcast number can be the IMO number of a ship: seven digits, the last one right, none of the usual examples."""
    if not IMO_MIN <= number <= IMO_MAX or number in IMO_EXAMPLES:
        return False
    a, b, c, d, e, f, check = map(int, str(number))
    return (7 * a + 6 * b + 5 * c + 4 * d + 3 * e + 2 * f) % 10 == check


def mmsi_number(text: str) -> int:
    """MMSI of a ship. 0 for an empty text. Raises RefusedError: 'mmsi_form', 'mmsi_placeholder', 'mmsi_country'."""
    text = text.strip()
    if text.upper() in EMPTY:
        return 0
    digits = text.upper().removeprefix("MMSI").strip(" :")
    if not digits.isascii() or not digits.isdigit() or len(digits) != 9:
        raise RefusedError("mmsi_form")
    number = int(digits)
    if number in _PLACEHOLDERS:
        raise RefusedError("mmsi_placeholder")
    if not 200_000_000 <= number <= 799_999_999:
        raise RefusedError("mmsi_form")
    if not _HAS_COUNTRY[number // 1_000_000]:
        raise RefusedError("mmsi_country")
    return number


def mmsi_could_be(number: int) -> bool:
    """Whether a broadcast number can be a ship's own: allotted country digits, no placeholder."""
    return 200_000_000 <= number <= 799_999_999 and number not in _PLACEHOLDERS and _HAS_COUNTRY[number // 1_000_000]


def that_could_be(mmsi: np.ndarray, imo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int64[n] each: broadcast MMSIs and IMO numbers, 0 where they can be no ship's: `mmsi_could_be` and `imo_could_be` for all at once."""
    ships = (mmsi >= 200_000_000) & (mmsi <= 799_999_999)
    ships &= ALLOTTED[np.where(ships, mmsi // 1_000_000, 0)] & ~np.isin(mmsi, PLACEHOLDERS)
    hulls = imo_is_valid(imo) & ~np.isin(imo, sorted(IMO_EXAMPLES))
    return np.where(ships, mmsi, 0), np.where(hulls, imo, 0)


def call_sign(text: str) -> str:
    """Call sign without blanks, at least four letters and digits. '' for an empty text or a word that stands for none. Raises RefusedError: 'callsign_form'."""
    if text.strip().upper() in EMPTY:
        return ""
    sign = "".join(text.upper().split()).replace("-", "").replace("/", "")
    if sign in NO_SIGN or len(set(sign)) == 1:
        return ""
    if not _SIGN.fullmatch(sign) or len(sign) < 4 or sign.isdigit():
        raise RefusedError("callsign_form")
    return sign


def sign_could_be(sign: str) -> str:
    """A broadcast call sign as lists write it, or '' for one that can be nobody's."""
    try:
        return call_sign(sign)
    except RefusedError:
        return ""
