"""`dogwatch decode`: recordings -> one file of columns. May hold: opening files. May not: decode (ingest/) or choose formats (ingest/export)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from dogwatch.batch import Batch
from dogwatch.errors import InputError
from ingest.export import FORMATS, open_writer
from ingest.source_file import read_blocks
from runners.intake import Intake, is_table
from runners.lane import Lane
from runners.replay import name_sources


def decode_files(inputs: list[Path], out: Path, to: str, *, lateness_s: float, exercise: bool, columns: dict[str, str]) -> dict[str, Any]:
    """Decode one input after the other into `out` ('-' = stdout); counts come back. An earlier `out` stays until all is well.

    Raises InputError.
    """
    if to not in FORMATS:
        raise InputError(f"unknown format '{to}'", remedy=f"choose one of {', '.join(FORMATS)}")
    if any(out.exists() and path.exists() and out.samefile(path) for path in inputs):
        raise InputError(f"{out} is one of the inputs", remedy="name another file with --out")
    said: list[str] = []
    names = name_sources(inputs)
    lanes = [Lane(n, lateness_ms=round(lateness_s * 1000), exercise=exercise, table=is_table(path), columns=columns or None) for n, path in names.items()]
    intake = Intake(lanes)
    readers = {name: read_blocks(path, say=said.append) for name, path in names.items()}
    if str(out) == "-":
        fixes = _write(intake, readers, to, sys.stdout.buffer)
    else:
        unfinished = out.with_name(out.name + ".new")
        try:
            stream = unfinished.open("wb")
        except OSError as fault:
            raise InputError(f"cannot write {out}: {fault.strerror}", remedy="name a file that can be written") from fault
        try:
            with stream:
                fixes = _write(intake, readers, to, stream)
            unfinished.replace(out)
        finally:
            unfinished.unlink(missing_ok=True)
    counts = intake.counts()
    return {"lines": counts.lines, "decoded": counts.decoded, "rejected": counts.rejected, "fixes": fixes, "input_notes": said, "out": str(out)}


def _write(intake: Intake, readers: dict[str, Iterator[bytes]], to: str, stream: BinaryIO) -> int:
    writer, fixes = open_writer(to, stream), 0
    for name, blocks in readers.items():
        for batch in _batches(intake, name, blocks):
            writer.write(batch.fixes, batch.receivers)
            fixes += len(batch.fixes)
    writer.close()
    return fixes


def _batches(intake: Intake, name: str, blocks: Iterator[bytes]) -> Iterator[Batch]:
    for data in blocks:
        yield intake.feed(name, data, None)[0]
    yield intake.feed(name, b"", None, final=True)[0]
