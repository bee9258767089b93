"""`checksum = "flag"`: damaged sentences become rows for whoever looks at columns, and change nothing else: no track, event, alert or picture."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seas import recording

from console.picture import Picture
from dogwatch.batch import F_CK_BAD, T_MISSING, new_fixes, new_statics
from dogwatch.watermark import SourceClock
from ingest.payload import Payload
from runners.engine import Engine
from runners.lane import Lane
from runners.rules import read_rules


def with_damage(data: bytes, seed: int = 5) -> bytes:
    """The recording with damaged copies between its lines: of positions and class B statics, never of what may be distress."""
    rng = random.Random(seed)
    out = []
    for line in data.splitlines(keepends=True):
        out.append(line)
        cells = line.split(b",")
        at = line.find(b"!")
        if rng.random() > 0.2 or not line[at:].startswith(b"!AIVDM,1,1,"):
            continue
        start = at + line[at:].find(b",", 12) + 1
        payload = Payload(line[start:], 168)
        if payload.bits(0, 6) not in (1, 3, 18, 24) or payload.bits(8, 30) // 1_000_000 in (970, 972, 974) or len(cells) < 7:
            continue
        i = rng.randrange(1, 25)
        other = rng.choice([c for c in b"0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVW" if c != line[start + i]])
        out.append(line[: start + i] + bytes([other]) + line[start + i + 1 :])
    return b"".join(out)


def run(data: bytes, checksum: str) -> tuple[Engine, list[str], Picture, int]:
    """The whole pipeline in pieces: results as text, the picture, and how many damaged rows there were."""
    engine = Engine(read_rules("border", []), [Lane("sea", lateness_ms=5000, checksum=checksum)])  # type: ignore[arg-type]
    picture, told, damaged = Picture(), [], 0

    def outputs() -> Iterator:
        for start in range(0, len(data), 20_000):
            yield engine.feed("sea", data[start : start + 20_000])
        yield engine.feed("sea", b"", final=True)
        yield engine.end()

    for output in outputs():
        picture.update(output.batch)
        told += [repr(each) for each in (*output.all_events(), *output.all_alerts())]
        damaged += int((output.batch.fixes["flags"] & np.uint32(F_CK_BAD) > 0).sum()) + int((output.batch.statics["flags"] & np.uint32(F_CK_BAD) > 0).sum())
    return engine, told, picture, damaged


@pytest.fixture(scope="module")
def dirty() -> bytes:
    return with_damage(recording())


def test_damaged_rows_are_columns_and_nothing_else(dirty):
    dropped, told, picture, none = run(dirty, "drop")
    flagged, told_flagged, picture_flagged, damaged = run(dirty, "flag")
    assert none == 0
    assert damaged > 500
    assert flagged.counts().notes["checksum_flagged"] == dropped.counts().rejected["bad_checksum"] >= damaged
    assert len(told) > 10
    assert told_flagged == told
    assert picture_flagged.frame() == picture.frame()
    assert picture_flagged.statics() == picture.statics()
    assert flagged.watch.track.vessel_count == dropped.watch.track.vessel_count
    assert flagged.watermark_ms == dropped.watermark_ms


@given(st.lists(st.tuples(st.one_of(st.integers(0, 40_000), st.just(T_MISSING), st.integers(5_000_000, 5_040_000)), st.booleans()), max_size=40))
def test_a_damaged_row_moves_no_clock(rows):
    whole, clean = new_fixes(len(rows)), new_fixes(sum(not bad for _, bad in rows))
    whole["t_ms"], whole["flags"] = [t for t, _ in rows], [F_CK_BAD * bad for _, bad in rows]
    clean["t_ms"] = [t for t, bad in rows if not bad]
    clocks = [SourceClock(lateness_ms=5000, jump_ms=100_000, confirm_rows=3) for _ in range(2)]
    for clock, fixes in zip(clocks, (whole, clean)):
        clock.stamp(fixes, new_statics(0))
    sound = whole[(whole["flags"] & np.uint32(F_CK_BAD)) == 0]
    assert sound.tobytes() == clean.tobytes()
    assert clocks[0].cells.tobytes() == clocks[1].cells.tobytes()
