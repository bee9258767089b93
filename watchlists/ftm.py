"""FollowTheMoney entities, one JSON object per line. May hold: the properties that are read. May not: any other format.

Only entities of schema Vessel are read; persons, companies and what ties them to vessels are read over. The format lets values pass
that are none (an MMSI of two digits), so each goes through the same tests as everywhere.
"""

from __future__ import annotations

from typing import Any

import msgspec

from watchlists.entry import Entry
from watchlists.reading import Reading

LINE_MAX = 1_000_000  # letters of one entity; a longer line is counted and passed over
SCHEMA = "Vessel"


class _Entity(msgspec.Struct):
    """What is read of an entity."""

    id: str
    schema: str
    caption: str = ""
    properties: dict[str, list[Any]] = {}


def read(text: str, reading: Reading, *, file: str) -> None:
    """Entries of the text into `reading`; `file` is not needed: each line stands by itself."""
    decoder = msgspec.json.Decoder(_Entity)
    for line, raw in enumerate(text.split("\n"), 1):
        if not raw.strip():
            continue
        reading.rows += 1
        if len(raw) > LINE_MAX:
            reading.refuse("too_long", line, raw)
            continue
        try:
            entity = decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError) as fault:
            reading.refuse("broken_row", line, str(fault))
            continue
        if entity.schema != SCHEMA:
            reading.refuse("not_a_vessel", line, entity.schema)
            continue
        reading.add(_entry(entity, reading, line), entity.caption)


def _entry(entity: _Entity, reading: Reading, line: int) -> Entry:
    def of(*names: str) -> list[str]:
        return [value for name in names for value in entity.properties.get(name, []) if isinstance(value, str)]

    return Entry(
        id=reading.id_of(entity.id, line),
        line=line,
        names=reading.names([entity.caption, *of("name", "alias")], line),
        former=reading.names(of("previousName", "weakAlias"), line),
        imos=reading.imos(of("imoNumber"), line),
        mmsis=reading.mmsis(of("mmsi"), line),
        callsigns=reading.callsigns(of("callSign"), line),
        flags=reading.flags(of("flag"), line),
        former_flags=reading.flags(of("pastFlags"), line),
    )
