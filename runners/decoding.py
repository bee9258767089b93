"""`dogwatch decode`: recordings -> one file of columns. May hold: opening files. May not: decode (ingest/) or choose formats (ingest/export)."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from dogwatch.errors import InputError
from ingest.export import open_writer
from ingest.source_file import read_blocks
from runners.intake import Intake, is_table
from runners.lane import Lane
from runners.replay import source_name

LATENESS_MS = 120_000


def decode_files(inputs: list[Path], out: Path, to: str) -> dict[str, Any]:
    """Decode one input after the other into `out` ('-' = stdout); counts come back. Raises InputError."""
    names = {source_name(path, inputs): path for path in inputs}
    intake = Intake([Lane(name, lateness_ms=LATENESS_MS, table=is_table(path)) for name, path in names.items()])
    readers = {name: read_blocks(path) for name, path in names.items()}
    fixes = 0
    try:
        with nullcontext(sys.stdout.buffer) if str(out) == "-" else out.open("wb") as stream:
            writer = open_writer(to, stream)
            for name, blocks in readers.items():
                for data in blocks:
                    batch, _, _ = intake.feed(name, data, None)
                    writer.write(batch.fixes, batch.receivers)
                    fixes += len(batch.fixes)
                batch, _, _ = intake.feed(name, b"", None, final=True)
                writer.write(batch.fixes, batch.receivers)
                fixes += len(batch.fixes)
            writer.close()
    except OSError as fault:
        raise InputError(f"cannot write {out}: {fault.strerror}", remedy="name a file that can be written") from fault
    counts = intake.counts()
    return {"lines": counts.lines, "decoded": counts.decoded, "rejected": counts.rejected, "fixes": fixes, "out": str(out)}
