"""`dogwatch decode`: recordings -> one file of columns. May hold: opening files. May not: decode (ingest/) or choose formats (ingest/export)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from dogwatch.batch import Batch
from dogwatch.errors import InputError
from ingest.capture import Session
from ingest.export import FORMATS, open_writer
from ingest.export_records import RecordWriter
from runners.inputs import Input, Settings, open_inputs
from runners.intake import RUN_BYTES, Intake, is_table
from runners.summary import time_notes


def decode_files(
    inputs: list[Path],
    out: Path,
    to: str,
    *,
    lateness_s: float | None,
    exercise: bool,
    columns: dict[str, str],
    whole: bool = False,
    applications: bool = False,
    flagged: bool = False,
) -> dict[str, Any]:
    """Decode one input after the other into `out` ('-' = stdout); counts come back. An earlier `out` stays until all is well.

    whole: every message as a record with all its fields (ndjson) instead of columns of positions; applications: with what
    application messages say inside types 6 and 8. flagged: sentences of
    recordings with a wrong checksum too, with the flag `checksum_bad`. Raises InputError.
    """
    if to not in FORMATS:
        raise InputError(f"unknown format '{to}'", remedy=f"choose one of {', '.join(FORMATS)}")
    if applications and not whole:
        raise InputError("application messages are parts of records", remedy="write --records --to ndjson as well")
    if whole and to != "ndjson":
        raise InputError(f"records cannot be written as {to}: each type has fields of its own", remedy="write --to ndjson")
    if whole and any(is_table(path) for path in inputs):
        raise InputError("a table has positions and no messages", remedy="leave out --records")
    if any(out.exists() and path.exists() and out.samefile(path) for path in inputs):
        raise InputError(f"{out} is one of the inputs", remedy="name another file with --out")
    said: list[str] = []
    sources = open_inputs(inputs, Settings(lateness_s, exercise, columns, keep_all=whole, checksum="flag" if flagged else "drop"), said.append)
    intake = Intake([lane for source in sources.values() for lane in source.lanes])
    write = partial(_write_records, applications) if whole else partial(_write_columns, to)
    if str(out) == "-":
        rows = write(intake, sources.values(), sys.stdout.buffer)
    else:
        unfinished = out.with_name(out.name + ".new")
        try:
            stream = unfinished.open("wb")
        except OSError as fault:
            raise InputError(f"cannot write {out}: {fault.strerror}", remedy="name a file that can be written") from fault
        try:
            with stream:
                rows = write(intake, sources.values(), stream)
            unfinished.replace(out)
        finally:
            unfinished.unlink(missing_ok=True)
    counts = intake.counts()
    said += time_notes(intake.lanes.values())
    rejected = {"rejected": counts.rejected, "samples": intake.samples()}
    return {"lines": counts.lines, "decoded": counts.decoded, **rejected, "records" if whole else "fixes": rows, "input_notes": said, "out": str(out)}


def _write_columns(to: str, intake: Intake, sources: Iterable[Input], stream: BinaryIO) -> int:
    writer, fixes = open_writer(to, stream), 0
    for source in sources:
        for batch in batches(intake, source):
            writer.write(batch.fixes, batch.receivers)
            fixes += len(batch.fixes)
    writer.close()
    return fixes


def _write_records(applications: bool, intake: Intake, sources: Iterable[Input], stream: BinaryIO) -> int:
    writer, messages = RecordWriter(stream, applications=applications), 0
    for source in sources:
        for batch in batches(intake, source):
            writer.write(batch)
            messages += len(batch.others)
    return messages


def batches(intake: Intake, *sources: Input) -> Iterator[Batch]:
    """Everything that inputs hold, decoded: each in its own order, and always of the one that is furthest behind in event time."""
    lanes, left = {source.name: {lane.source for lane in source.lanes} for source in sources}, list(sources)
    while left:
        source = min(left, key=lambda one: (max(intake.lanes[name].clock.newest_ms for name in lanes[one.name]), one.name))
        if source.head is None:
            left.remove(source)
            for name in sorted(lanes[source.name] - intake.ended):
                yield intake.feed(name, b"", None, final=True)[0]
        elif isinstance(source.head, Session):
            fresh = source.lanes_of(source.head)
            lanes[source.name] |= {lane.source for lane in fresh}
            intake.renew(fresh)
            source.advance()
        else:
            waiting = source.run(RUN_BYTES)
            while waiting:
                yield intake.take_run(waiting)[0]
