"""Words that tables use where the radio has a number. May live here: text -> code. May not: cells, rows, counters.

Published tables spell navigational status, class and ship type as the Danish Maritime Authority and MarineCadastre do,
or give the number of ITU-R M.1371-5. A ship type in words loses its second digit: "Cargo" becomes 70.
"""

from __future__ import annotations

import re

from dogwatch.batch import EXERCISE_PREFIX, NAV_MISSING

UNKNOWN = -1  # a text we cannot read: counted by the caller
NOTHING = frozenset(("", "-", "na", "n/a", "nan", "none", "null", "\\n", "unknown", "missing", "unknown value", "undefined", "not available"))

# (beginning of the text, code), first match wins; M.1371-5 table 48
NAV = (
    ("under way using engine", 0), ("underway using engine", 0), ("at anchor", 1), ("not under command", 2), ("restricted man", 3),
    ("constrained by", 4), ("moored", 5), ("aground", 6), ("engaged in fishing", 7), ("under way sailing", 8), ("underway sailing", 8),
    ("reserved for future amendment of navigational status for ships carrying dg, hs, or mp, or imo hazard or pollutant category c", 9),
    ("reserved for future amendment", 10), ("power-driven vessel towing", 11), ("power-driven vessel pushing", 12), ("reserved", 13),
    ("ais-sart", 14), ("ais sart", 14), ("not defined", NAV_MISSING), ("default", NAV_MISSING),
)  # fmt: skip

# message type that such a transceiver sends its positions with
CLASS = (
    ("a", 1), ("class a", 1), ("b", 18), ("class b", 18), ("base station", 4), ("aton", 21), ("aid to navigation", 21), ("sar airborne", 9),
    ("search and rescue transponder", 1), ("man overboard device", 1), ("epirb", 1),
)  # fmt: skip

SHIP = (
    ("wing in ground", 20), ("wig", 20), ("fishing", 30), ("towing long", 32), ("towing", 31), ("dredging", 33), ("diving", 34), ("military", 35),
    ("sailing", 36), ("pleasure", 37), ("hsc", 40), ("high speed", 40), ("pilot", 50), ("sar", 51), ("search and rescue", 51), ("tug", 52),
    ("port tender", 53), ("anti-pollution", 54), ("law enforcement", 55), ("medical", 58), ("not party to conflict", 59), ("passenger", 60),
    ("cargo", 70), ("tanker", 80), ("other", 90), ("spare", 0), ("reserved", 0),
)  # fmt: skip


def nav_code(text: str) -> int:
    """Navigational status 0-15 of a number or of words; UNKNOWN when neither."""
    number = whole(text)
    if number is not None:
        return number if 0 <= number <= 15 else UNKNOWN
    return _begins(text, NAV, NAV_MISSING)


def class_type(text: str) -> int:
    """Message type of the positions of a transceiver class ('A', 'Class B', 'Base Station'); 0 when not told."""
    plain = _plain(text)
    return 0 if plain in NOTHING else next((code for word, code in CLASS if plain == word), UNKNOWN)


def message_type(text: str) -> int:
    """Message type 1-27 of '18', '18.0' or 'AIS.18'; 0 when it is anything else (a column "type" may hold other things)."""
    number = whole(_plain(text).removeprefix("ais."))
    return number if number is not None and 1 <= number <= 27 else 0


def simulated(text: str) -> int:
    """1 where a station ("hill.nmea/EX-hill") has the name of a simulated one; else 0."""
    return int(text.rpartition("/")[2].startswith(EXERCISE_PREFIX))


def truth(text: str) -> int:
    """1 for true, yes, 1; else 0."""
    return int(_plain(text) in ("1", "1.0", "true", "t", "yes", "y"))


def ship_code(text: str) -> int:
    """Ship type 0-99; words become the first code of their class, codes of other lists (NOAA's 1001 ...) become 0."""
    number = whole(text)
    if number is not None:
        return number if 0 <= number <= 99 else 0
    return max(_begins(text, SHIP, 0), 0)


def imo_number(text: str) -> int:
    """IMO number of '9074729' or 'IMO 9074729'; 0 when there is none."""
    found = re.fullmatch(r"(?:imo)?\s*(\d{1,7})(?:\.0)?", _plain(text))
    return int(found.group(1)) if found else 0


def ascii_text(text: str, length_max: int) -> bytes:
    """Text as a message would carry it: ASCII, without padding, at most length_max bytes; b"" for "unknown" and the like."""
    plain = text.replace('""', '"').strip(" @").split("@", maxsplit=1)[0].rstrip()
    return b"" if plain.lower() in NOTHING else plain.encode("ascii", "replace")[:length_max]


def whole(text: str) -> int | None:
    """The whole number of '7' or '7.0', None of anything else."""
    found = re.fullmatch(r"\s*(-?\d{1,9})(?:\.0*)?\s*", text)
    return int(found.group(1)) if found else None


def _plain(text: str) -> str:
    return text.strip().lower()


def _begins(text: str, table: tuple[tuple[str, int], ...], nothing: int) -> int:
    plain = _plain(text)
    if plain in NOTHING:
        return nothing
    return next((code for word, code in table if plain.startswith(word)), UNKNOWN)
