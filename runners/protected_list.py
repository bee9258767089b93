"""The file that names vessels of rescue organisations: one MMSI or IMO number a line, words after it are for people.

May live here: reading it. May not: what protection means (console/protected.py).
"""

from __future__ import annotations

from pathlib import Path

from dogwatch.errors import InputError
from runners.rules import read_text

REMEDY = "one vessel a line: its MMSI (9 digits) or IMO number (7 digits), then any words; # begins a comment"


def protected_numbers(path: str) -> frozenset[int]:
    """MMSI and IMO numbers of a file; none without a path. Raises InputError that names file and line: a line that is not understood protects nobody."""
    if not path:
        return frozenset()
    found = set()
    for number, line in enumerate(read_text(Path(path), what="protected vessels").splitlines(), 1):
        words = line.partition("#")[0].replace(",", " ").replace(";", " ").split()
        if not words:
            continue
        digits = words[0].upper().removeprefix("IMO")
        if not (digits.isascii() and digits.isdigit() and len(digits) in (7, 9)):
            raise InputError(f"{path}:{number}: no MMSI or IMO number: '{words[0][:20]}'", remedy=REMEDY)
        found.add(int(digits))
    return frozenset(found)
