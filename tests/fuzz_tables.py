"""The table reader under the fuzzer: mutated CSV, cut anywhere. May live here: its inputs and oracles. May not: the loop (fuzz_decode)."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np

from dogwatch import blob
from dogwatch.errors import InputError
from ingest.tabular import TableState, decode_table

HEADERS = (
    (b"MMSI,BaseDateTime,LAT,LON,SOG,COG,Heading,VesselName,IMO,CallSign,VesselType,Status,Length,Width,Draft,Cargo,TransceiverClass", b","),
    (b"# Timestamp,Type of mobile,MMSI,Latitude,Longitude,Navigational status,ROT,SOG,COG,Heading,IMO,Callsign,Name,Ship type,Length,A,B,C,D", b","),
    (b"t;mmsi;lat;lon;sog_kn;cog_deg;heading_deg;nav_status;name", b";"),
    (b"timestamp\tmmsi\tlat\tlon\tspeed\tcourse", b"\t"),
)
CELLS = (
    b"257000001", b"111257001", b"970000001", b"0", b"", b"-", b"nan", b"2026-01-05T00:00:01Z", b"05/01/2026 00:00:02", b"1767225600", b"1767225600123",
    b"55.5", b"-12.25", b"91", b"181", b"1e3", b"1e999", b"-1e-999", b"+.", b"9" * 30, b"511", b"102.3", b'"NORTH, STAR"', b'"A ""B"""', b'"open', b"Class A",
    b"Under way using engine", b"IMO9074729", b"\xff\xfe", b"\0", b" ", b"#", b"12,5",
)  # fmt: skip


def table(rng: random.Random) -> bytes:
    """A table of up to 40 lines: plausible rows in a known layout, then damage."""
    header, delimiter = rng.choice(HEADERS)
    n = header.count(delimiter) + 1
    plain = {"mmsi": b"257000001", "lat": b"55.5", "latitude": b"55.5", "lon": b"12.25", "longitude": b"12.25"}
    names = [name.strip(b"# ").lower().decode() for name in header.split(delimiter)]
    lines = [header]
    for i in range(rng.randrange(40)):
        cells = [plain.get(name, b"2026-01-05T00:%02d:01Z" % i if name.startswith(("t", "base")) and name != "type of mobile" else b"") for name in names]
        for _ in range(rng.choice((0, 1, 2, n))):
            cells[rng.randrange(n)] = rng.choice(CELLS)
        lines.append(delimiter.join(cells))
    data = rng.choice((b"\n", b"\r\n")).join(lines) + b"\n"
    for _ in range(rng.choice((0, 0, 1, 5))):
        at = rng.randrange(len(data)) if rng.random() < 0.1 else min(rng.randrange(len(header), len(header) + 2000), len(data))
        data = data[:at] + rng.choice((rng.randbytes(1), b"", rng.choice(CELLS), delimiter, b"\n", b"x" * 5000)) + data[at + rng.randrange(3) :]
    return data


def read(data: bytes, edges: list[int], in_time_order: bool) -> tuple[Any, ...]:
    """Everything that a table yields when it is cut at the edges and the state packed between them; or the refusal of its header."""
    state = TableState("t", in_time_order=in_time_order)
    fixes, statics = [], []
    for start, end in pairwise(edges):
        try:
            batch = decode_table(state, data[start:end], final=end == len(data))
        except InputError as refusal:
            return (str(refusal),)
        fixes.append(batch.fixes.tobytes())
        statics.append(batch.statics.tobytes())
        assert not len(batch.fixes) or int(np.abs(batch.fixes["lat"]).max()) <= 54_600_000
        state = TableState.from_sections(blob.unpack(blob.pack(state.to_sections(), schema=1), schema=1))
    assert state.counts.balance() == 0
    return b"".join(fixes), b"".join(statics), state.counts, state.samples


def check(rng: random.Random) -> int:
    """One table, whole and cut; returns its bytes. Raises AssertionError, or whatever the reader raises but a refusal."""
    data, in_time_order = table(rng), rng.random() < 0.3
    whole = read(data, [0, len(data)], in_time_order)
    edges = sorted({0, len(data), *(rng.randrange(1, len(data)) for _ in range(rng.randrange(5)))})
    assert read(data, edges, in_time_order) == whole, "rows of a table depend on the cuts"
    return len(data)
