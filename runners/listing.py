"""Watchlists from disk. May hold: opening, decoding and checking the files that a configuration or a command line names. May not: read rows, match.

Whatever is wrong with a list is found here, before anything starts: a list that cannot be read is an error, never an empty list.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dogwatch.config import Watchlist as Spec
from dogwatch.config import line_of
from dogwatch.errors import ConfigError, InputError
from dogwatch.times import from_iso, iso
from watchlists.entry import FOR_EVER_MS
from watchlists.reading import REASONS
from watchlists.screen import Watchlists
from watchlists.watchlist import KINDS, Watchlist, name_fault, watchlist_of

BYTES_MAX = 512 << 20
ENCODINGS = ("utf-8", "utf-16", "latin-1", "cp1252")
COMPRESSED = {b"\x1f\x8b": "gzip", b"PK": "zip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
HARMLESS = ("not_a_vessel", "same_id")  # counts that say nothing against a list


def read_lists(specs: Iterable[Spec]) -> Watchlists:
    """The lists of a configuration. Raises ConfigError/InputError."""
    return Watchlists(tuple(read_list(spec) for spec in specs))


def read_list(spec: Spec) -> Watchlist:
    """One list. Raises InputError for a file that cannot be read, ConfigError for one that is no list of its kind."""
    text = text_of(Path(spec.path), spec.encoding)
    period = {"from_ms": moment(spec.valid_from, -FOR_EVER_MS), "until_ms": moment(spec.valid_until, FOR_EVER_MS)}
    return watchlist_of(text, name=spec.name, kind=spec.kind, file=spec.path, **period)


def text_of(path: Path, encoding: str) -> str:
    """Text of a list. Raises InputError, and ConfigError with the line where the bytes are not of this encoding."""
    if path.is_dir():
        raise InputError(f"watchlist {path} is a directory", remedy="name a file")
    try:
        if path.stat().st_size > BYTES_MAX:
            raise InputError(f"watchlist {path} is larger than {BYTES_MAX >> 20} MB", remedy="name a list of vessels, not a whole database")
        data = path.read_bytes()
    except OSError as fault:
        raise InputError(f"cannot read watchlist {path}: {fault.strerror}", remedy="check the path") from fault
    for magic, what in COMPRESSED.items():
        if data.startswith(magic):
            raise ConfigError(f"is a {what} file", file=str(path), line=0, remedy="unpack it first")
    if encoding == "utf-8" and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigError("is UTF-16, not UTF-8", file=str(path), line=1, remedy='set encoding = "utf-16", or save it as UTF-8')
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode(encoding)
    except UnicodeDecodeError as fault:
        line = data[: fault.start].count(b"\n") + 1
        remedy = 'save it as UTF-8, or say what it is: encoding = "cp1252", "latin-1" or "utf-16"'
        raise ConfigError(f"is not {encoding.upper()}: byte {data[fault.start]:#04x}", file=str(path), line=line, remedy=remedy) from fault


def moment(text: str, default_ms: int) -> int:
    """UTC ms of '2026-11-20' or '2026-11-20T06:00Z'; `default_ms` for ''. Raises InputError."""
    if not text:
        return default_ms
    try:
        found = from_iso(text)
    except (ValueError, OverflowError) as fault:
        raise InputError(f"'{text}' is no date", remedy='write "2026-11-20" or "2026-11-20T06:00Z" (UTC)') from fault
    assert found is not None, "only an absent text has no time"
    return found


def spec_of(text: str, encoding: str = "utf-8", kind: str = "auto") -> Spec:
    """'FILE' or 'NAME=FILE' of a command line; without a name the file gives it. Raises InputError."""
    name, mark, path = text.partition("=")
    if not mark or "/" in name:
        name, path = "", text
    if kind not in ("auto", *KINDS):
        raise InputError(f"no kind '{kind}'", remedy=f"known: auto, {', '.join(KINDS)}")
    if not name:
        letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in Path(path).name.split(".")[0].lower())
        name = letters.strip("-")[:40] or "list"
    if encoding not in ENCODINGS:
        raise InputError(f"no encoding '{encoding}'", remedy=f"known: {', '.join(ENCODINGS)}")
    if fault := name_fault(name):
        raise InputError(fault, remedy="use small letters, digits and '-', at most 40, such as ofac=sdn.csv")
    return Spec(name=name, path=path, kind=kind, encoding=encoding)  # type: ignore[arg-type]  # both were checked


def check_specs(specs: Sequence[Spec], text: str, file: str) -> None:
    """Periods of the `[[watchlists]]` tables of a configuration. Raises ConfigError with the line of the first that cannot be."""
    begun: dict[tuple[str, int], int] = {}
    for k, spec in enumerate(specs):
        found = {}
        for key, default_ms in (("valid_from", -FOR_EVER_MS), ("valid_until", FOR_EVER_MS)):
            try:
                found[key] = moment(getattr(spec, key), default_ms)
            except InputError as fault:
                place = ("watchlists", k, key)
                raise ConfigError(fault.what, file=file, line=line_of(text, place), key=f"watchlists[{k}].{key}", remedy=fault.remedy) from fault
        if found["valid_from"] >= found["valid_until"]:
            where = {"file": file, "line": line_of(text, ("watchlists", k, "valid_until")), "key": f"watchlists[{k}].valid_until"}
            raise ConfigError("ends before it begins", remedy="valid_from comes first", **where)  # type: ignore[arg-type]
        start = (spec.name, found["valid_from"])
        if start in begun:
            where = {"file": file, "line": line_of(text, ("watchlists", k, "name")), "key": f"watchlists[{k}].name"}
            remedy = "give it another name, or its own valid_from if it is a later version"
            raise ConfigError(f"watchlists[{begun[start]}] is called '{spec.name}' too, and begins at the same time", remedy=remedy, **where)  # type: ignore[arg-type]
        begun[start] = k


def described(lists: Watchlists) -> list[dict[str, Any]]:
    """Each list as a document: name, version, period, entries, what was refused."""
    return [
        {
            "name": one.name,
            "kind": one.kind,
            "file": one.file,
            "version": one.version,
            "valid_from": None if one.from_ms == -FOR_EVER_MS else iso(one.from_ms),
            "valid_until": None if one.until_ms == FOR_EVER_MS else iso(one.until_ms),
            "rows": one.reading.rows,
            "entries": len(one.entries),
            "with_imo": sum(bool(entry.imos) for entry in one.entries),
            "with_mmsi": sum(bool(entry.mmsis) for entry in one.entries),
            "with_callsign": sum(bool(entry.callsigns) for entry in one.entries),
            "with_name": sum(bool(entry.names or entry.former) for entry in one.entries),
            "rejected": dict(sorted(one.reading.rejected.items())),
            "samples": dict(sorted(one.reading.samples.items())),
            "columns_read_over": one.reading.ignored,
        }
        for one in lists.lists
    ]


def notes(lists: Watchlists, now_ms: int | None) -> list[str]:
    """A sentence for each list: what it holds, what was refused, and whether its period is over at `now_ms` (UTC)."""
    said = []
    for one in lists.lists:
        refused = ", ".join(f"{n:,} {reason}" for reason, n in sorted(one.reading.rejected.items()) if reason not in HARMLESS)
        said.append(f"watchlist {one.name}: {len(one.entries):,} vessels, version {one.version}" + (f"; refused: {refused}" if refused else ""))
        later = any(other.name == one.name and one.from_ms < other.from_ms <= (now_ms or 0) for other in lists.lists)
        if now_ms is not None and one.until_ms <= now_ms and not later:
            said.append(f"watchlist {one.name} ended {iso(one.until_ms)} and is used on: get the newer one")
    return said


def refusals(one: Watchlist) -> list[tuple[str, int, str, str]]:
    """(reason, count, what it means, the first) of everything that a list lost."""
    reading = one.reading
    return [(reason, n, REASONS[reason], reading.samples.get(reason, "")) for reason, n in sorted(reading.rejected.items())]


class Shelf:
    """The files of a configuration's lists, looked at again while a watch runs."""

    def __init__(self, specs: Sequence[Spec]) -> None:
        self.specs = list(specs)
        self.marks = self._marks()

    def changed(self) -> Watchlists | None:
        """All lists, read anew, if any file has changed since the last call. Raises ConfigError/InputError, once for each change."""
        marks = self._marks()
        if marks == self.marks:
            return None
        self.marks = marks
        return read_lists(self.specs)

    def _marks(self) -> list[tuple[int, int]]:
        marks = []
        for spec in self.specs:
            try:
                stat = Path(spec.path).stat()
                marks.append((stat.st_mtime_ns, stat.st_size))
            except OSError:
                marks.append((0, -1))
        return marks
