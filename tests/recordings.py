"""Which recordings there are beside the repository, and their bytes. Nothing of them stands here."""

from __future__ import annotations

import gzip
from pathlib import Path

from conftest import SHARED_DATA

NOT_NMEA = (".chk", ".json", ".csv", ".sql", "LICENSE")
RECORDINGS = sorted(str(p.relative_to(SHARED_DATA)) for p in SHARED_DATA.glob("nmea-*/*") if not p.name.endswith(NOT_NMEA)) or ["nmea-absent"]


def read(path: Path) -> bytes:
    """Bytes of a recording, unpacked."""
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data
