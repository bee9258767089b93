"""The Specially Designated Nationals list of OFAC (`sdn.csv`). May hold: its columns, its free text. May not: any other format.

Twelve columns without a head (a copy may have one): number, name, type, programme, title, call sign, ship type, tonnage, gross tonnage,
flag, owner, remarks. `-0- ` is empty. IMO number, MMSI and earlier names and flags stand in the remarks as sentences, which are read; the
owner and the "Linked To" sentence are not: they name companies and persons.
"""

from __future__ import annotations

import re

from dogwatch.errors import ConfigError
from watchlists.entry import Entry
from watchlists.reading import Reading
from watchlists.table import rows_of

COLUMNS = 12
NUMBER, NAME, TYPE, SIGN, FLAG, REMARKS = 0, 1, 2, 5, 9, 11
VESSEL_TYPES = ("vessel",)
OTHER_TYPES = ("individual", "entity", "aircraft", "-0-", "")
_IMO = re.compile(r"\bIMO\s*\d+|Vessel Registration Identification\s+(\d{7})(?=\s*(?:[;.]|$))")
_MMSI = re.compile(r"\bMMSI\s+(\d+)")
_FORMER_FLAG = re.compile(r"Former Vessel Flag\s+([^;.]+)")
_KNOWN_AS = re.compile(r"\b([afn])\.k\.a\.\s+'([^']+)'")


def read(text: str, reading: Reading, *, file: str) -> None:
    """Entries of the text into `reading`. Raises ConfigError when the first row has another number of columns."""
    first = True
    for line, cells in rows_of(text, reading, file=file):
        if first and len(cells) != COLUMNS:
            raise ConfigError(f"{len(cells)} columns instead of {COLUMNS}", file=file, line=line, remedy="this is not OFAC sdn.csv; set kind, or leave it out")
        if first and not cells[NUMBER].strip().isdigit():
            first = False
            reading.rows -= 1
            continue
        first = False
        if len(cells) != COLUMNS:
            reading.refuse("broken_row", line, f"{len(cells)} cells instead of {COLUMNS}")
            continue
        kind = cells[TYPE].strip().lower()
        if kind not in VESSEL_TYPES:
            reading.refuse("not_a_vessel" if kind in OTHER_TYPES else "broken_row", line, cells[TYPE])
            continue
        reading.add(_entry(cells, reading, line), cells[NAME])


def _entry(cells: list[str], reading: Reading, line: int) -> Entry:
    remarks = cells[REMARKS]
    others = {letter: [name for found, name in _KNOWN_AS.findall(remarks) if found == letter] for letter in "afn"}
    return Entry(
        id=reading.id_of(cells[NUMBER], line),
        line=line,
        names=reading.names([cells[NAME], *others["a"], *others["n"]], line),
        former=reading.names(others["f"], line),
        imos=reading.imos([found.group(1) or found.group(0) for found in _IMO.finditer(remarks)], line),
        mmsis=reading.mmsis(_MMSI.findall(remarks), line),
        callsigns=reading.callsigns([cells[SIGN]], line),
        flags=reading.flags([cells[FLAG]], line),
        former_flags=reading.flags([name.strip() for name in _FORMER_FLAG.findall(remarks)], line),
    )
