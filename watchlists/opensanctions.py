"""OpenSanctions `maritime.csv`. May hold: its columns. May not: any other format.

Columns: type, caption, imo, risk, countries, flag, mmsi, id, url, datasets, aliases; ';' parts several values in one cell; one row for
each IMO number, so that a vessel may have two; flags in small letters. Rows that are no VESSEL are companies and are read over: their
IMO numbers are those of companies, of which one in ten would pass for a ship's.
"""

from __future__ import annotations

from collections.abc import Iterable

from dogwatch.errors import ConfigError
from watchlists.entry import Entry
from watchlists.reading import Reading
from watchlists.table import rows_of

NEEDED = ("type", "caption", "imo", "mmsi", "id")
READ = (*NEEDED, "flag", "aliases")


def read(text: str, reading: Reading, *, file: str) -> None:
    """Entries of the text into `reading`. Raises ConfigError when the first line names other columns."""
    rows = rows_of(text, reading, file=file)
    _, head = next(rows, (1, []))
    reading.rows = 0
    columns = {name.strip().lower(): k for k, name in enumerate(head)}
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        raise ConfigError(f"no column {', '.join(missing)}", file=file, line=1, remedy="this is not OpenSanctions maritime.csv; set kind, or leave it out")
    reading.ignored = [name for name in columns if name not in READ]
    for line, cells in rows:
        if len(cells) != len(head):
            reading.refuse("broken_row", line, f"{len(cells)} cells instead of {len(head)}")
            continue
        row = {name: cells[k] for name, k in columns.items()}
        if row["type"].strip().upper() != "VESSEL":
            reading.refuse("not_a_vessel", line, row["type"])
            continue
        reading.add(_entry(row, reading, line), row["caption"])


def _entry(row: dict[str, str], reading: Reading, line: int) -> Entry:
    return Entry(
        id=reading.id_of(row["id"], line),
        line=line,
        names=reading.names([row["caption"], *_parts(row.get("aliases", ""))], line),
        imos=reading.imos(_parts(row["imo"]), line),
        mmsis=reading.mmsis(_parts(row["mmsi"]), line),
        flags=reading.flags(_parts(row.get("flag", "")), line),
    )


def _parts(cell: str) -> Iterable[str]:
    return (part for part in cell.split(";") if part.strip())
