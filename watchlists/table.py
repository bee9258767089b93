"""Rows of a table (CSV) with their lines, however broken. May hold: cutting text into rows. May not: what a column means.

A broken row is counted and the next one read. A quotation mark that is never closed is another matter: it would swallow every entry
after it, and a list that has silently become shorter is worse than none; so it is an error of the whole file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

from dogwatch.errors import ConfigError
from watchlists.reading import Reading

SPAN_MAX = 50  # lines that one row may reach over, through line ends inside quotation marks
DELIMITERS = ",;\t|"


def rows_of(text: str, reading: Reading, *, file: str, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each row that is not empty. Broken ones are counted in `reading`. Raises ConfigError for an open quotation mark."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as fault:
            if reader.line_num >= len(lines) and "unexpected end" in str(fault):
                raise _open_quote(file, line) from fault
            reading.rows += 1
            reading.refuse("broken_row", line, f"{fault}: {lines[line - 1][:100]}")
            continue
        if reader.line_num - line >= SPAN_MAX:
            raise _open_quote(file, line)
        if any(cell.strip(" \x1a") for cell in cells):  # a lone 0x1A is how CP/M ended its files, and OFAC ends its own
            reading.rows += 1
            yield line, cells


def delimiter_of(head: str) -> str:
    """The mark between columns: the one that the first line has most of."""
    return max(DELIMITERS, key=lambda mark: (head.count(mark), -DELIMITERS.index(mark)))


def _open_quote(file: str, line: int) -> ConfigError:
    return ConfigError("a quotation mark is opened and not closed", file=file, line=line, remedy="close it: everything after it would be lost")
