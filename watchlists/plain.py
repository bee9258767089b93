"""A plain table (CSV) of one's own. May hold: the names of its columns. May not: any other format.

Columns in any order, in small or capital letters; at least one of imo, mmsi, callsign and name. ';' parts several values in one cell.
Columns that are not known are read over and named by `dogwatch watchlists check`: owners and persons belong to nobody's alert.
"""

from __future__ import annotations

from dogwatch.errors import ConfigError
from dogwatch.times import from_iso
from watchlists.entry import FOR_EVER_MS, Entry
from watchlists.reading import Reading
from watchlists.table import delimiter_of, rows_of
from watchlists.values import EMPTY

COLUMNS = {
    "id": ("id", "entry", "entry_id", "reference", "ref"),
    "name": ("name", "names", "vessel", "vessel_name", "ship", "ship_name", "aliases"),
    "former_names": ("former_names", "former_name", "previous_name", "previous_names", "ex_names"),
    "imo": ("imo", "imo_number", "imo_no"),
    "mmsi": ("mmsi",),
    "callsign": ("callsign", "call_sign"),
    "flag": ("flag",),
    "former_flags": ("former_flags", "former_flag", "past_flags"),
    "length_m": ("length_m", "loa_m", "length"),
    "valid_from": ("valid_from", "from", "listed_on"),
    "valid_until": ("valid_until", "until", "delisted_on"),
}
FINDING = ("imo", "mmsi", "callsign", "name")
LENGTH_M_MAX = 500.0
_KNOWN = {spelling: name for name, spellings in COLUMNS.items() for spelling in spellings}


def read(text: str, reading: Reading, *, file: str) -> None:
    """Entries of the text into `reading`. Raises ConfigError when the first line has no column to find a vessel by."""
    rows = rows_of(text, reading, file=file, delimiter=delimiter_of(text[:10_000].split("\n", 1)[0]))
    _, head = next(rows, (1, []))
    reading.rows = 0
    columns: dict[str, list[int]] = {}
    for k, title in enumerate(head):
        spelling = "_".join(title.strip().lower().replace("-", " ").split())
        if name := _KNOWN.get(spelling):
            columns.setdefault(name, []).append(k)
        else:
            reading.ignored.append(title.strip()[:40])
    if not any(name in columns for name in FINDING):
        remedy = "give the first line of the table, with at least one of: " + ", ".join(FINDING)
        raise ConfigError("no column by which a vessel could be found", file=file, line=1, remedy=remedy)
    for line, cells in rows:
        if len(cells) != len(head):
            reading.refuse("broken_row", line, f"{len(cells)} cells instead of {len(head)}")
            continue
        row = {name: [part for k in places for part in cells[k].split(";") if part.strip()] for name, places in columns.items()}
        reading.add(_entry(row, reading, line), ";".join(cells))


def _entry(row: dict[str, list[str]], reading: Reading, line: int) -> Entry:
    def of(name: str) -> list[str]:
        return row.get(name, [])

    return Entry(
        id=reading.id_of(";".join(of("id")), line),
        line=line,
        names=reading.names(of("name"), line),
        former=reading.names(of("former_names"), line),
        imos=reading.imos(of("imo"), line),
        mmsis=reading.mmsis(of("mmsi"), line),
        callsigns=reading.callsigns(of("callsign"), line),
        flags=reading.flags(of("flag"), line),
        former_flags=reading.flags(of("former_flags"), line),
        length_m=_length_m(";".join(of("length_m")), reading, line),
        from_ms=_moment(";".join(of("valid_from")), -FOR_EVER_MS, reading, line),
        until_ms=_moment(";".join(of("valid_until")), FOR_EVER_MS, reading, line),
    )


def _length_m(text: str, reading: Reading, line: int) -> int:
    text = text.strip()
    if text.upper() in EMPTY:
        return 0
    try:
        value = float(text.removesuffix("m").strip())
    except ValueError:
        value = -1.0
    if not 1.0 <= value <= LENGTH_M_MAX:
        reading.refuse("length_form", line, text)
        return 0
    return round(value)


def _moment(text: str, default_ms: int, reading: Reading, line: int) -> int:
    if text.strip().upper() in EMPTY:
        return default_ms
    try:
        return from_iso(text.strip()) or 0
    except (ValueError, OverflowError):
        reading.refuse("date_form", line, text)
        return default_ms
