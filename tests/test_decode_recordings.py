"""Every recording: each line in one class, every field as pyais reads it (but for the intended differences of docs/decoder.md)."""

from __future__ import annotations

import gzip
import math
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyais
import pytest
from conftest import SHARED_DATA

from dogwatch.batch import F_NO_TIME, SOG_MISSING, T_MISSING, Batch
from ingest.decode import DecodeState, decode
from tests.decode_inputs import sentence
from tests.naive_decode import FIX_TYPES, Reading, Twin, text_of
from tests.test_decode_twin import classes_of

NOT_NMEA = (".chk", ".json", ".csv", ".sql", "LICENSE")
RECORDINGS = sorted(str(p.relative_to(SHARED_DATA)) for p in SHARED_DATA.glob("nmea-*/*") if not p.name.endswith(NOT_NMEA)) or ["nmea-absent"]
# Kinds of difference from pyais 3.3.1 that are meant (docs/decoder.md); anything else is our bug.
MISSING_BY_SENTINEL = {"lat": 91.0, "lon": 181.0, "speed": 102.3, "course": 360.0, "heading": 511}


def read(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


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


def expected_fix(message: dict[str, Any]) -> dict[str, float | None]:
    """What pyais says of a message, sentinels and impossible values turned to None."""
    fields = pyais.decode(sentence(message["payload"].decode(), message["fill"])).asdict(enum_as_int=True)
    out = {"mmsi": fields["mmsi"]}
    for name, sentinel in MISSING_BY_SENTINEL.items():
        value = fields.get(name)
        out[name] = None if value is None or value == sentinel else value
    kind, n = message["kind"], len(message["bits"])
    if kind == 27:
        out["speed"] = None if out["speed"] == 63 else out["speed"]
        out["course"] = None if (out["course"] or 0) >= 360 else out["course"]
    if kind == 9:
        out["speed"] = None if out["speed"] in (1023, None) else out["speed"]
    if out["lat"] is None or out["lon"] is None or abs(out["lat"]) > 90 or abs(out["lon"]) > 180:
        out["lat"] = out["lon"] = None
    for name, bound in (("course", 360), ("heading", 360)):
        if out[name] is not None and out[name] >= bound:
            out[name] = None
    if n < {1: 143, 2: 143, 3: 143, 4: 134, 11: 134, 9: 134, 18: 139, 19: 139, 21: 219, 27: 94}[kind]:
        out |= dict.fromkeys(("lat", "lon", "speed", "course", "heading"))
    out["status"] = fields.get("status")
    out["status"] = None if out["status"] == 15 else out["status"]
    return out


def degrees(raw: int, kind: int) -> float:
    """pyais rounds to six decimals upwards from the half; exact parity needs the same arithmetic (ais-decoding: exact parity)."""
    return math.floor((10000 * (raw // 1000) + 3) / 6) / 1e6 if kind == 27 else math.floor((10 * raw + 3) / 6) / 1e6


def found_fix(row: np.void) -> dict[str, float | None]:
    kind = int(row["msg_type"])
    missing = row["lat"] == 54_600_000
    return {
        "mmsi": int(row["mmsi"]),
        "lat": None if missing else degrees(int(row["lat"]), kind),
        "lon": None if missing else degrees(int(row["lon"]), kind),
        "speed": None if row["sog"] == SOG_MISSING else int(row["sog"]) / 10,
        "course": None if row["cog"] == 3600 else int(row["cog"]) / 10,
        "heading": None if row["hdg"] == 511 else int(row["hdg"]),
        "status": None if row["nav"] == 15 else int(row["nav"]),
    }


def test_positions_as_pyais_reads_them(recording) -> None:
    _, _, state, batch, twin = recording
    messages = [m for m in twin.messages if m["kind"] in FIX_TYPES]
    if len(messages) != len(batch.fixes):
        pytest.skip("one fragment expired by the own-ship clock, which the twin does not have") if "time_own_ship" in state.counts.notes else pytest.fail(
            "rows"
        )
    step = max(1, len(messages) // 1500)  # pyais is slow: every n-th message of the long recordings, all of the short ones
    differences = Counter()
    for message, row in list(zip(messages, batch.fixes))[::step]:
        if message["kind"] == 28:  # pyais 3.3.1 does not know it
            continue
        expected, found = expected_fix(message), found_fix(row)
        for name, value in expected.items():
            if value != found[name] and not (value is not None and found[name] is not None and abs(value - found[name]) < 1.5e-6):
                differences[(message["kind"], name, value, found[name])] += 1
    assert not differences


def test_turn_as_pyais_reads_it(recording) -> None:
    _, _, _, batch, twin = recording
    messages = [m for m in twin.messages if m["kind"] in FIX_TYPES]
    pairs = [(m, row) for m, row in zip(messages, batch.fixes) if m["kind"] <= 3 and len(m["bits"]) >= 143]
    for message, row in pairs[:: max(1, len(pairs) // 200)]:
        turn = float(pyais.decode(sentence(message["payload"].decode(), message["fill"])).turn)
        raw = int(row["rot"])
        if raw == -128 or abs(raw) == 127:
            assert turn == raw  # pyais hands the sentinels through
        else:
            assert turn == math.copysign(round((raw / 4.733) ** 2), raw)


def pyais_text(text: str | None) -> str:
    """pyais keeps an inner '@' and leading blanks; the decoder's rule on top."""
    return (text or "").strip("@ ").split("@")[0].rstrip(" ")


def test_statics_as_pyais_reads_them(recording) -> None:
    _, _, _, batch, twin = recording
    messages = [m for m in twin.messages if m["kind"] in (5, 21, 24) or (m["kind"] == 19 and len(m["bits"]) >= 301)]
    if len(messages) != len(batch.statics):
        pytest.skip("one fragment expired by the own-ship clock, which the twin does not have")
    for message, row in list(zip(messages, batch.statics))[:: max(1, len(messages) // 500)]:
        fields = pyais.decode(sentence(message["payload"].decode(), message["fill"])).asdict(enum_as_int=True)
        kind, bits = message["kind"], message["bits"]
        assert int(row["mmsi"]) == fields["mmsi"]
        name_at = {5: 112, 19: 143, 21: 43, 24: 40}[kind]
        if row["has"] & 1:
            name = text_of(bits, name_at, 20) if kind != 21 else row["name"].decode()
            assert row["name"].decode() == name
            plain = fields.get("name") or fields.get("shipname") or ""
            assert row["name"].decode()[:20].rstrip() == pyais_text(plain) or kind == 21
        if row["has"] & 2:
            assert row["callsign"].decode() == pyais_text(fields["callsign"])
        if kind == 5 and len(bits) >= 422:
            assert row["destination"].decode() == pyais_text(fields["destination"])
            assert (int(row["imo"]), int(row["draught_dm"])) == (fields["imo"], round(fields["draught"] * 10))
        if row["has"] & 4 and not row["mothership"]:
            for ours, theirs in (("bow", "to_bow"), ("stern", "to_stern"), ("port", "to_port"), ("starboard", "to_starboard")):
                assert int(row[ours]) == fields[theirs]
            if kind != 21:
                raw = int(bits[{5: 232, 19: 263, 24: 40}[kind] :][:8], 2)
                assert int(row["ship_type"]) == raw
                assert fields.get("ship_type") == 0 or fields.get("ship_type") // 10 == raw // 10  # pyais collapses codes within their decade


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
