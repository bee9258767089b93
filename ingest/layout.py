"""Layout: which column of a table is what. May live here: names that publishers use, the header, a mapping of the
operator. May not: rows, values, files.

A layout is found once, from the first line, and is part of the state afterwards. An explicit mapping goes before the
automatic one; `"#3"` names the third column of a table without a header.
"""

from __future__ import annotations

import csv
import difflib
import re
from dataclasses import dataclass

from dogwatch.errors import InputError

REQUIRED = ("t", "mmsi", "lat", "lon")
COLUMNS_MAX = 512  # wider than any AIS table; bounds the scratch tables of the reader
EXAMPLE = 'columns = { t = "TIME", mmsi = "MMSI", lat = "LAT", lon = "LON", sog_kn = "SPEED" }'

# Names in the order of preference, stripped to lower-case letters and digits: MarineCadastre (old and 2025 spelling),
# Danish Maritime Authority, Global Fishing Watch, NOAA extracts, our own `dogwatch decode`.
NAMES: dict[str, tuple[str, ...]] = {
    "t": ("t", "basedatetime", "timestamp", "datetime", "datetimeutc", "timestamputc", "timeutc", "time", "dateandtime", "send", "ts", "epoch", "unixtime"),
    "mmsi": ("mmsi", "ssvid", "vesselmmsi", "sourcemmsi", "userid", "mmsinumber"),
    "lat": ("lat", "latitude", "latdeg", "latitudedegrees", "latitudedeg"),
    "lon": ("lon", "longitude", "long", "lng", "londeg", "longitudedegrees", "longitudedeg"),
    "sog_kn": ("sogkn", "sog", "sogknots", "speedknots", "speedkn", "speed", "speedoverground"),
    "cog_deg": ("cogdeg", "cog", "cogdegrees", "course", "courseoverground"),
    "heading_deg": ("headingdeg", "heading", "trueheading", "hdg", "headingdegrees"),
    "nav_status": ("navstatus", "navigationalstatus", "status", "navigationstatus", "nav"),
    "rot_deg_min": ("rotdegmin", "rot", "rateofturn"),
    "class": ("class", "transceiverclass", "transceiver", "typeofmobile", "aisclass"),
    "msg_type": ("msgtype", "messagetype", "messageid", "msgid", "type"),
    "exercise": ("exercise",),
    "name": ("name", "vesselname", "shipname"),
    "callsign": ("callsign",),
    "imo": ("imo", "imonumber"),
    "ship_type": ("shiptype", "vesseltype", "shipandcargotype", "shiptypecode", "category"),
    "length_m": ("lengthm", "length"),
    "width_m": ("widthm", "width", "beam"),
    "bow_m": ("bowm", "tobow", "a"),
    "stern_m": ("sternm", "tostern", "b"),
    "port_m": ("portm", "toport", "c"),
    "starboard_m": ("starboardm", "tostarboard", "d"),
    "draught_m": ("draughtm", "draught", "draft", "draftm"),
    "destination": ("destination",),
}
FIELDS = tuple(NAMES)
# What marks a row as simulated is found by these names whatever the operator maps: no mapping takes a mark away.
MARKS: dict[str, tuple[str, ...]] = {"marked": ("exercise",), "station": ("source", "station", "receiver")}
STATIC_FIELDS = (
    "name", "callsign", "imo", "ship_type", "length_m", "width_m", "bow_m", "stern_m", "port_m", "starboard_m", "draught_m", "destination",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the cells of a table are. `column[field]` is the index of a column; `header` is the raw header line, b"" if there is none."""

    delimiter: str
    width: int
    column: dict[str, int]
    header: bytes
    month_first: bool


def find_layout(line: bytes, columns: dict[str, str] | None, *, file: str) -> Layout:
    """Layout of a table whose first line is `line` (without its line end).

    columns: explicit mapping field -> column name or "#number"; `t_order = "mdy"` reads 02/01/2024 as 1 February.
    Raises InputError that names the columns seen and an example when t, mmsi, lat or lon cannot be found.
    """
    wanted = dict(columns or {})
    t_order = wanted.pop("t_order", "dmy")
    _check_mapping(wanted, t_order, file)
    text = line.decode("utf-8", "replace").lstrip("\ufeff").lstrip("# ").rstrip("\r\n")
    delimiter = sniff_delimiter(text)
    try:
        names = [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error as fault:  # a carriage return inside: the whole table, where lines end with CR alone
        raise InputError(f"{file}: the header line cannot be read: {fault}", remedy="end lines with LF or CR LF", value=text[:200]) from fault
    if len(names) > COLUMNS_MAX:
        raise InputError(f"{file}: {len(names)} columns; at most {COLUMNS_MAX} are read", remedy="cut the table down to the columns that are needed")
    headless = bool(wanted) and all(re.fullmatch(r"#\d+", name) for name in wanted.values())
    column = {field: _explicit(field, name, names, file) for field, name in wanted.items()}
    if not headless:
        _find_automatic(column, names)
        _find_marks(column, names)
    missing = [field for field in REQUIRED if field not in column]
    if missing:
        seen = ", ".join(names)[:500]
        raise InputError(f"{file}: no column for {', '.join(missing)}; the columns are: {seen}", remedy=f"say which is which, for example {EXAMPLE}")
    return Layout(delimiter, len(names), column, b"" if headless else line, t_order == "mdy")


def sniff_delimiter(text: str) -> str:
    """The delimiter of a header line: the most frequent of tab, semicolon, comma and bar; a blank where there is none."""
    counts = [(text.count(mark), mark) for mark in ("\t", ";", ",", "|")]
    best = max(counts, key=lambda pair: pair[0])
    return best[1] if best[0] else " "


def _check_mapping(wanted: dict[str, str], t_order: str, file: str) -> None:
    if t_order not in ("dmy", "mdy"):
        raise InputError(f"{file}: columns.t_order is '{t_order}'", remedy="write dmy (02/01 is 2 January) or mdy (1 February)")
    for field in wanted:
        if field not in FIELDS:
            near = difflib.get_close_matches(field, FIELDS, 1)
            known = ", ".join((*FIELDS, "t_order"))
            raise InputError(f"{file}: columns.{field}: unknown field", remedy=f"did you mean '{near[0]}'?" if near else f"known fields: {known}")


def _explicit(field: str, name: str, names: list[str], file: str) -> int:
    if number := re.fullmatch(r"#(\d+)", name):
        index = int(number.group(1)) - 1
        if 0 <= index < len(names):
            return index
    elif name in names:
        return names.index(name)
    elif (bare := _bare(name)) and bare in (spelled := [_bare(n) for n in names]):
        return spelled.index(bare)
    raise InputError(f"{file}: columns.{field} names '{name}'; the columns are: {', '.join(names)[:500]}", remedy="correct the mapping")


def _find_automatic(column: dict[str, int], names: list[str]) -> None:
    spelled = [_bare(name) for name in names]
    taken = set(column.values())
    for field, candidates in NAMES.items():
        if field in column:
            continue
        for candidate in candidates:
            if candidate in spelled and (index := spelled.index(candidate)) not in taken:
                column[field] = index
                taken.add(index)
                break


def _find_marks(column: dict[str, int], names: list[str]) -> None:
    spelled = [_bare(name) for name in names]
    for mark, candidates in MARKS.items():
        if found := [candidate for candidate in candidates if candidate in spelled]:
            column[mark] = spelled.index(found[0])


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
