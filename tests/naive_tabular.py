"""Slow, obvious twins of ingest.cells: Python's own csv, datetime and Decimal instead of byte loops."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

from ingest.cells import CELL_BAD, CELL_EMPTY, LINE_BYTES_MAX, TIME_MAX_MS, TIME_MIN_MS

NOTHING = ("", "-", "na", "n/a", "nan", "nat", "none", "null", "\\n", "unknown", "missing")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def split_line(line: bytes, delimiter: str) -> list[str] | str:
    """Cells of one line (no line end), or "blank", "comment", "long", "quotes"."""
    if len(line) > LINE_BYTES_MAX:
        return "long"
    text = line.removesuffix(b"\r").decode("latin-1")
    bare = text.lstrip(" " if delimiter == "\t" else " \t")
    if not bare:
        return "blank"
    if bare.startswith("#"):
        return "comment"
    mark = re.escape(delimiter)
    blank = "" if delimiter == " " else " *+"
    cell = re.compile(rf'{blank}(?:"((?:[^"]|"")*)"{blank}|((?!")[^{mark}]*))(?:({mark})|$)')
    cells, at = [], 0
    while True:
        found = cell.match(text, at)
        if not found:
            return "quotes"
        cells.append((found.group(1) if found.group(1) is not None else found.group(2)).strip(" "))
        at = found.end()
        if not found.group(3):
            return cells


def number(text: str, scale: int, comma: bool) -> int:
    """Value times scale, rounded half away from zero; CELL_EMPTY or CELL_BAD."""
    point = "[.,]" if comma else "[.]"
    if re.fullmatch(rf"[+-]?(\d+({point}\d*)?|{point}\d+)([eE][+-]?\d+)?", text, re.ASCII):
        with localcontext() as context:
            context.prec = 60
            scaled = Decimal(text.replace(",", ".")) * scale
            if abs(scaled) > Decimal(10) ** 15:
                return CELL_BAD
            return int(scaled.quantize(Decimal(1), ROUND_HALF_UP))
    return CELL_EMPTY if text.lower() in NOTHING else CELL_BAD


def moment(text: str, month_first: bool) -> int:
    """UTC ms or CELL_BAD."""
    t_ms = _since_1970(text) if re.fullmatch(r"\d{1,19}(\.\d*)?", text, re.ASCII) else _calendar(text, month_first)
    return t_ms if t_ms is not None and TIME_MIN_MS <= t_ms < TIME_MAX_MS else CELL_BAD


def _since_1970(text: str) -> int:
    whole = int(text.partition(".")[0])
    if whole < 10**11:
        return int(Decimal(text) * 1000)
    return whole // {True: 1, False: 1000 if whole < 10**17 else 10**6}[whole < 10**14]


def _calendar(text: str, month_first: bool) -> int | None:
    date = r"(?:(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d\d?)(?P=s)(?P<d>\d\d?)|(?P<a>\d\d?)(?P<s2>[-/.])(?P<b>\d\d?)(?P=s2)(?P<y2>\d{4}))"
    clock = r"[ Tt](?P<H>\d\d?):(?P<M>\d\d)(?::(?P<S>\d\d)(?:[.,](?P<f>\d+))?)?"
    zone = r" *(?:[Zz]|(?i:utc)|(?P<sign>[+-])(?P<zh>\d\d)(?::?(?P<zm>\d\d))?)?"
    found = re.fullmatch(date + clock + zone, text, re.ASCII)
    if not found:
        return None
    g = found.groupdict()
    first, second = (g["b"], g["a"]) if month_first is False else (g["a"], g["b"])
    year, month, day = (g["y"], g["m"], g["d"]) if g["y"] else (g["y2"], first, second)
    zone_min = int(g["zh"] or 0) * 60 + int(g["zm"] or 0)
    if int(g["zh"] or 0) > 14 or int(g["zm"] or 0) > 59:
        return None
    try:
        naive = datetime(int(year), int(month), int(day), int(g["H"]), int(g["M"]), int(g["S"] or 0), tzinfo=UTC)
    except ValueError:
        return None
    ms = int(((g["f"] or "") + "000")[:3])
    return (naive - EPOCH) // timedelta(milliseconds=1) + ms - (1 if g["sign"] == "+" else -1) * zone_min * 60_000
