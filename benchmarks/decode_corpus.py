"""Corpora of the decode benchmark: recordings -> four files of sentences. May live here: which bytes are measured and why.
May not: decoders, clocks.

`plain`      every VDM and VDO sentence of the `nmea-*` recordings, from its `!` to the two digits of its checksum, in the order
             of files and lines, each on a line with CR LF (NMEA 0183), repeated until there are enough lines. What stood around
             it is left out, the same for everyone: tag blocks, `$PGHP` lines and prefixes in front, coast-guard trailers behind
             (some peers drop such a sentence, and dropping is fast).
`tagged`     the same lines, each behind a tag block with station, Unix time and a right checksum; 75 lines a second, so that
             time runs on through all repetitions.
`dirty`      plain lines with 5 % seeded faults: lost, repeated, bit flipped, cut, line end missing, noise between lines.
`multipart`  only sentences that are parts of longer messages.

The last two have a quarter of the lines. Files are made once into a folder that git ignores; recordings are never committed.
"""

from __future__ import annotations

import gzip
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import xor
from pathlib import Path

from sim.faults import Rates, damage, seeded
from sim.simulate import Chunk

NAMES = ("plain", "tagged", "dirty", "multipart")
SHARE = {"plain": 1.0, "tagged": 1.0, "dirty": 0.25, "multipart": 0.25}
NOT_NMEA = (".chk", ".json", ".csv", ".sql", "LICENSE")
SENTENCE = re.compile(rb"![!-~]{2}VD[MO],[^!*\r\n]*\*[0-9A-Fa-f]{2}")
EOL = b"\r\n"
T0_S = 1_767_225_600  # 2026-01-01T00:00:00Z
LINES_PER_S = 75  # slots of both channels in a second
STATIONS = 20
FAULTS = Rates(lost=0.005, repeated=0.005, checksum=0.02, cut=0.01, glued=0.005, garbage=0.005)
FAULT_SEED = 1
FORMAT = 1  # of the files: another number builds them again


@dataclass(frozen=True)
class Corpus:
    """One file of sentences: `lines` physical lines, of which the first `base_lines` are the recordings once."""

    name: str
    path: Path
    lines: int
    base_lines: int
    bytes: int


def build(data: Path, cache: Path, lines: int) -> list[Corpus]:
    """All corpora of at least `lines` lines (a share of that for some), from recordings under `data`; kept in `cache`.

    Raises FileNotFoundError where `data` holds no recording.
    """
    files = recordings(data)
    if not files:
        raise FileNotFoundError(f"no nmea-* recording under {data}")
    folder = cache / f"{lines}"
    stamp, birth = folder / "corpora.json", {"format": FORMAT, "bytes": sum(path.stat().st_size for path in files), "files": len(files)}
    if not (stamp.exists() and json.loads(stamp.read_text())["birth"] == birth):
        folder.mkdir(parents=True, exist_ok=True)
        found = [line for path in files for line in sentences(_read(path))]
        made = {name: _write(folder / f"{name}.nmea", _make(name, found, math.ceil(lines * SHARE[name]))) for name in NAMES}
        stamp.write_text(json.dumps({"birth": birth, "corpora": made}))
    made = json.loads(stamp.read_text())["corpora"]
    return [Corpus(name, folder / f"{name}.nmea", **made[name]) for name in NAMES]


def recordings(data: Path) -> list[Path]:
    """The raw NMEA files of the test data, in a fixed order."""
    return sorted(path for path in data.glob("nmea-*/*") if not path.name.endswith(NOT_NMEA))


def sentences(data: bytes) -> list[bytes]:
    """Every VDM or VDO sentence in `data`, without what stands around it."""
    return SENTENCE.findall(data)


def tag_block(line: int) -> bytes:
    """The tag block of a line: station and time from its number alone."""
    body = b"s:station%02d,c:%d" % (line % STATIONS, T0_S + line // LINES_PER_S)
    return b"\\%s*%02X\\" % (body, reduce(xor, body))


def _read(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def _make(name: str, found: list[bytes], lines: int) -> tuple[list[bytes], int]:
    """Lines of one corpus and how many of them are the recordings once."""
    if name == "multipart":
        found = [line for line in found if not line[6:].startswith(b",1,")]
    plain = [line + EOL for line in (found * math.ceil(lines / len(found)))[:lines]]
    if name == "tagged":
        return [tag_block(number) + line for number, line in enumerate(plain)], len(found)
    if name == "dirty":
        return [chunk.data for chunk in damage(_chunks(plain), seeded(FAULT_SEED, FAULTS))], len(found)
    return plain, len(found)


def _chunks(lines: Iterable[bytes]) -> Iterable[Chunk]:
    return (Chunk(0, line) for line in lines)


def _write(path: Path, made: tuple[list[bytes], int]) -> dict[str, int]:
    lines, base_lines = made
    data = b"".join(lines)
    path.write_bytes(data)
    return {"lines": data.count(b"\n"), "base_lines": base_lines, "bytes": len(data)}
