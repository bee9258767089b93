"""Every recording: each line in one class, and every column says what the whole message says. pyais and gpsd: test_agreement_*.py."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import pytest

from dogwatch.batch import (
    ALT_MISSING,
    COG_MISSING,
    F_NO_TIME,
    HAS_TYPE_AND_SIZE,
    HDG_MISSING,
    LAT_MISSING,
    LON_MISSING,
    NAV_MISSING,
    SEC_MISSING,
    SOG_MISSING,
    T_MISSING,
    Batch,
)
from ingest.decode import DecodeState, decode
from ingest.records import Clock, Record, records
from tests.naive_decode import FIX_TYPES, Reading, Twin
from tests.recordings import RECORDINGS, read
from tests.test_decode_twin import classes_of


@pytest.fixture(scope="module", params=RECORDINGS)
def recording(request: pytest.FixtureRequest, shared_data) -> tuple[str, bytes, DecodeState, Batch, Reading]:
    data = read(shared_data(request.param))
    state = DecodeState("s")
    return request.param, data, state, decode(state, data, final=True), Twin().read(data)


def test_every_line_is_in_one_class(recording) -> None:
    _, data, state, batch, twin = recording
    lines = re.split(rb"\r\n|\r|\n", data)
    counts = state.counts
    assert counts.lines == len(lines) - (lines[-1] == b"")
    assert counts.balance() == 0
    mine, theirs = classes_of(state), {name: n for name, n in twin.classes.items() if n}
    if "time_own_ship" not in counts.notes:  # the twin has no own-ship clock, and fragments expire by it
        assert mine == theirs
    else:
        assert sum(abs(mine.get(name, 0) - theirs.get(name, 0)) for name in mine | theirs) <= 2
    assert sum(counts.decoded.values()) > 10
    assert len(batch.fixes) + len(batch.statics) + len(batch.others) >= sum(counts.decoded.values())


def cell(value: object, missing: int, per: int = 1) -> float | None:
    """A cell of a column as a record has it: None where missing."""
    number = int(value)  # type: ignore[call-overload]
    return None if number == missing else number / per if per > 1 else number


def fix_as_record(row: np.void) -> dict[str, Any]:
    """The cells of a position by the names of the record."""
    rot, fast = int(row["rot"]), {127: "starboard", -127: "port"}
    return {
        "mmsi": int(row["mmsi"]),
        "lat": None if row["lat"] == LAT_MISSING else round(int(row["lat"]) / 600_000, 6),
        "lon": None if row["lon"] == LON_MISSING else round(int(row["lon"]) / 600_000, 6),
        "sog_kn": cell(row["sog"], SOG_MISSING, 10),
        "cog_deg": cell(row["cog"], COG_MISSING, 10),
        "heading_deg": cell(row["hdg"], HDG_MISSING),
        "utc_second": cell(row["sec"], SEC_MISSING),
        "nav_status": cell(row["nav"], NAV_MISSING),
        "alt_m": cell(row["alt_m"], ALT_MISSING),
        "rot_deg_min": None if abs(rot) >= 127 else round((rot / 4.733) ** 2 * (1 if rot >= 0 else -1), 2),
        "turning_fast": fast.get(rot),
        "radio": int(row["radio"]) or None,
        "ship_type": int(row["ship_type"]) or None,
    }


def static_as_record(row: np.void) -> dict[str, Any]:
    """The cells of a static row by the names of the record."""
    sizes = [int(row[name]) for name in ("bow", "stern", "port", "starboard")]
    out = {f"{name}_m": size if any(sizes) else None for name, size in zip(("bow", "stern", "port", "starboard"), sizes)}
    out |= {name: row[name].decode() or None for name in ("name", "callsign", "destination")}
    out |= {"eta_month": cell(row["eta_month"], 0), "eta_day": cell(row["eta_day"], 0)}
    out |= {"eta_hour": cell(row["eta_hour"], 24), "eta_minute": cell(row["eta_minute"], 60)}
    out |= {"mmsi": int(row["mmsi"]), "imo": cell(row["imo"], 0)}
    if row["has"] & HAS_TYPE_AND_SIZE:  # in the columns the type goes with the size; an aid cut between them has it in its record alone
        out["aid_type" if row["msg_type"] == 21 else "ship_type"] = cell(row["ship_type"], 0)
    return out | {"draught_m": cell(row["draught_dm"], 0, 10), "mothership_mmsi": cell(row["mothership"], 0)}


def compared(cells: dict[str, Any], record: Record) -> dict[str, tuple[Any, Any]]:
    """Fields of a row that its message says otherwise; a field that the type does not have must be missing."""
    said = msgspec.structs.asdict(record)
    if isinstance(record, Clock):  # its second is part of a date, and the column has it alone
        cells.pop("utc_second")
    if said.get("radio") == 0:
        said["radio"] = None
    return {name: (value, said.get(name)) for name, value in cells.items() if value != said.get(name)}


def bits_in(sentence: bytes) -> int:
    cells = sentence.split(b",")
    return 6 * len(cells[5]) - int(cells[6][:1])


def test_columns_say_what_the_messages_say(recording) -> None:
    """Each row of the columns against the whole message, read by another way; and the quick way of the kernel against the long one."""
    _, data, _, batch, _ = recording
    state = DecodeState("s", keep_all=True)
    whole = decode(state, data, final=True)
    assert whole.fixes.tobytes() == batch.fixes.tobytes()
    assert whole.statics.tobytes() == batch.statics.tobytes()
    assert whole.safety == batch.safety
    assert len(whole.others) == sum(state.counts.decoded.values())
    fixes, statics, wrong = iter(batch.fixes), iter(batch.statics), Counter()
    for row, record in records(whole):
        kind = record.msg_type
        assert (kind, record.mmsi) == (row["msg_type"], row["mmsi"])
        if kind in FIX_TYPES:
            fix = next(fixes)
            assert (fix["msg_type"], fix["t_ms"], fix["t_rx_ms"], fix["src"]) == (kind, row["t_ms"], row["t_rx_ms"], row["src"])
            wrong.update((kind, name, *values) for name, values in compared(fix_as_record(fix), record).items())
        size = bits_in(whole.raw[row["start"] : row["start"] + row["length"]])
        if kind in (5, 21, 24) or (kind == 19 and size >= 301):
            wrong.update((kind, name, *values) for name, values in compared(static_as_record(next(statics)), record).items())
    assert not wrong
    assert next(fixes, None) is None
    assert next(statics, None) is None


def test_times_come_from_the_bytes(recording) -> None:
    path, _, state, batch, _ = recording
    if len(batch.fixes) == 0:
        pytest.skip(f"{path} has no positions")
    timed = batch.fixes["t_ms"] != T_MISSING
    assert np.array_equal(timed, (batch.fixes["flags"] & F_NO_TIME) == 0)
    assert np.all(np.abs(batch.fixes["t_ms"][timed] - batch.fixes["t_rx_ms"][timed]) <= 31_000)
    notes = state.counts.notes
    assert sum(notes.get(f"time_{n}", 0) for n in ("none", "tag", "pghp", "trailer", "prefix", "own_ship", "base", "arrival")) == sum(
        state.counts.decoded.values()
    )


def test_time_sources_by_recording(shared_data) -> None:
    for path, note in (
        ("nmea-dma-abnormal/ais-sample.txt.gz", "time_pghp"),
        ("nmea-aisnet-kystverket/Ais1000Lines.nm4", "time_tag"),
        ("nmea-noaadata/test.ais", "time_trailer"),
        ("nmea-go-ais/aistest.nmea", "time_prefix"),
        ("nmea-opencpn/Go_to_Guernesey.txt", "time_own_ship"),
        ("nmea-gfw-listener/nmea.txt", "time_base"),
    ):
        state = DecodeState("s")
        decode(state, read(shared_data(path)), final=True)
        notes = {name: n for name, n in state.counts.notes.items() if name.startswith("time_")}
        assert notes[note] > 0.9 * sum(state.counts.decoded.values()), path
    state = DecodeState("s")
    batch = decode(state, read(shared_data("nmea-opencpn/Go_to_Guernesey.txt")), final=True)
    timed = batch.fixes["t_ms"][batch.fixes["t_ms"] != T_MISSING]
    assert (timed.max() - timed.min()) / 3_600_000 < 18.5  # stray RMC and foreign stamps moved nothing


def test_cuts_change_nothing_on_recordings(shared_data) -> None:
    rng = np.random.default_rng(1)
    for path in (
        "nmea-gfw-listener/nmea-with-tagblock.txt",
        "nmea-dma-aislib/stream_example.txt",
        "nmea-signalk/nais400-merrimac.log",
        "nmea-gpsd/sample.aivdm",
    ):
        data = read(shared_data(path))
        whole, cut = DecodeState("s"), DecodeState("s")
        expected = decode(whole, data, final=True)
        edges = [0, *sorted(rng.integers(0, len(data), 200).tolist()), len(data)]
        pieces = [decode(cut, data[a:b]) for a, b in pairwise(edges)]
        pieces.append(decode(cut, b"", final=True))
        assert np.concatenate([p.fixes for p in pieces]).tobytes() == expected.fixes.tobytes()
        assert np.concatenate([p.statics for p in pieces]).tobytes() == expected.statics.tobytes()
        assert [r for p in pieces for r in p.safety] == expected.safety
        assert cut.counts == whole.counts
