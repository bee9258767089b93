"""What leaves through `decode`: columns without sentinels, the same rows whatever the chunks, and the way back."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch import batch as b
from dogwatch.errors import InputError
from ingest.export import FORMATS, RAW, SCHEMA, TEXT_ROWS, WORDS, columns, formula_safe, iso_times, open_writer
from ingest.tabular import TableState, decode_table

RECEIVERS = ("north", "=cmd()", "west")


def written(to, fixes, receivers=RECEIVERS, step=10**9):
    stream = io.BytesIO()
    writer = open_writer(to, stream)
    for start in range(0, len(fixes), step):
        writer.write(fixes[start : start + step], receivers)
    writer.close()
    return stream.getvalue()


def random_fixes(seed, n):
    rng = np.random.default_rng(seed)
    rows = b.new_fixes(n)
    rows["t_ms"] = rng.integers(1_600_000_000_000, 1_700_000_000_000, n)
    rows["t_rx_ms"] = np.where(rng.random(n) < 0.2, b.T_MISSING, rows["t_ms"] + rng.integers(0, 9000, n))
    rows["mmsi"] = rng.integers(1, 999_999_999, n)
    rows["msg_type"] = rng.choice([1, 2, 3, 9, 18, 19, 27], n)
    known = rng.random((6, n)) < 0.8
    rows["lat"] = np.where(known[0], rng.integers(-b.LAT_MAX, b.LAT_MAX + 1, n), b.LAT_MISSING)
    rows["lon"] = np.where(known[0], rng.integers(-b.LON_MAX, b.LON_MAX + 1, n), b.LON_MISSING)
    speed = np.where(rows["msg_type"] == 9, 10 * rng.integers(0, 1023, n), rng.integers(0, 1023, n))  # aircraft say whole knots, up to 1,022
    rows["sog"] = np.where(known[1], speed, b.SOG_MISSING)
    rows["cog"] = np.where(known[2], rng.integers(0, 3600, n), b.COG_MISSING)
    rows["hdg"] = np.where(known[3], rng.integers(0, 360, n), b.HDG_MISSING)
    rows["nav"] = rng.integers(0, 16, n)
    rows["rot"] = np.where(known[4], rng.integers(-126, 127, n), b.ROT_MISSING)
    rows["src"] = rng.integers(0, 3, n)
    rows["receivers"] = rng.integers(1, 8, n)
    rows["flags"] = np.where(rng.random(n) < 0.3, b.F_EXERCISE, 0)
    return rows


def any_fixes(seed, n):
    """Every bit at random, but for times that a calendar has and flags that there are."""
    rng = np.random.default_rng(seed)
    rows = np.frombuffer(rng.bytes(n * b.FIX_DTYPE.itemsize), b.FIX_DTYPE).copy()
    for name in ("t_ms", "t_rx_ms"):
        rows[name] = np.where(rng.random(n) < 0.2, b.T_MISSING, rng.integers(-3_000_000_000_000, 4_000_000_000_000, n))
    rows["flags"] &= sum(WORDS)
    rows["src"] %= 80
    return rows


def slowly(to, fixes, receivers):
    """The same text, a value at a time: Arrow's own CSV, msgspec's own objects."""
    table = columns(fixes, tuple(map(formula_safe, receivers)) if to == "csv" else receivers)
    for name, field in (("t", "t_ms"), ("t_rx", "t_rx_ms")):
        table = table.set_column(SCHEMA.get_field_index(name), name, iso_times(fixes[field]))
    if to == "csv":
        sink = io.BytesIO()
        pyarrow.csv.write_csv(table, sink, pyarrow.csv.WriteOptions(quoting_header="none"))
        return sink.getvalue()
    return b"".join(msgspec.json.encode(row) + b"\n" for row in table.to_pylist())


@pytest.mark.parametrize("to", ["csv", "ndjson"])
@given(
    seed=st.integers(0, 2**32 - 1), n=st.integers(1, 60), names=st.lists(st.text("aZ0 =+-\"',\\é\t/", max_size=9), max_size=70), make=st.sampled_from([0, 1])
)
@settings(max_examples=40, deadline=None)
def test_text_is_what_a_slow_writer_writes(to, seed, n, names, make):
    rows = (random_fixes, any_fixes)[make](seed, n)
    assert written(to, rows, tuple(names)) == slowly(to, rows, tuple(names))


@pytest.mark.parametrize("to", ["csv", "ndjson"])
def test_every_raw_value_is_looked_up_right(to):
    rows = b.new_fixes(1 << 16)
    for raw, _ in RAW.values():
        rows[raw] = np.arange(len(rows)).astype(rows.dtype[raw])
    assert written(to, rows) == slowly(to, rows, RECEIVERS)


def test_memory_for_text_has_a_bound():
    """However many rows are handed over at once, few of them are text at a time."""

    class Widest(io.RawIOBase):
        rows = 0

        def writable(self):
            return True

        def write(self, data):
            self.rows = max(self.rows, bytes(data).count(b"\n"))
            return len(data)

    widest = Widest()
    open_writer("ndjson", widest).write(random_fixes(3, 3 * TEXT_ROWS), RECEIVERS)
    assert widest.rows == TEXT_ROWS


def test_missing_is_null_and_never_a_sentinel():
    table = columns(b.new_fixes(2), RECEIVERS)
    told = {name for name in table.column_names if table[name].null_count < 2}
    assert told == {"source", "type", "mmsi", "exercise"}
    assert next(csv.DictReader(io.StringIO(written("csv", b.new_fixes(1)).decode()))) == dict.fromkeys(SCHEMA.names, "") | {
        "source": "north",
        "type": "0",
        "mmsi": "0",
        "exercise": "false",
    }


def test_values_are_in_the_units_of_their_names():
    rows = b.new_fixes(1)
    for name, value in (("t_ms", 1_700_000_000_123), ("lat", -30_000_001), ("lon", 600_000), ("sog", 101), ("cog", 3599), ("hdg", 7), ("nav", 0), ("rot", -10)):
        rows[name] = value
    for name, value in (("mmsi", 200_000_001), ("msg_type", 27), ("src", 2), ("receivers", 5), ("flags", b.F_COARSE | b.F_EXERCISE), ("sec", 59), ("alt_m", 0)):
        rows[name] = value
    line = json.loads(written("ndjson", rows))
    assert line == {
        "t": "2023-11-14T22:13:20.123Z", "source": "west", "type": 27, "mmsi": 200_000_001, "lat": -50.000002, "lon": 1.0, "sog_kn": 10.1, "cog_deg": 359.9,
        "heading_deg": 7, "nav_status": 0, "rot_deg_min": -4.46, "utc_second": 59, "alt_m": 0, "ship_type": None, "t_rx": None, "receivers": "north west",
        "exercise": True, "flags": "coarse exercise",
    }  # fmt: skip


@pytest.mark.parametrize("to", ["csv", "ndjson"])
def test_a_fast_aircraft_keeps_its_speed(to):
    """Type 9 counts whole knots up to 1,022; "not available" stands in the middle of them, at 102.3."""
    rows = b.new_fixes(5)
    rows["mmsi"], rows["msg_type"], rows["sog"] = 111_232_001, 9, [1020, 1030, 1200, b.SOG_AIRCRAFT_MAX, b.SOG_MISSING]
    said = [102, 103, 120, 1022, None]
    assert columns(rows, RECEIVERS)["sog_kn"].to_pylist() == said
    text = written(to, rows).decode()
    cells = [row["sog_kn"] for row in csv.DictReader(io.StringIO(text))] if to == "csv" else [json.loads(line)["sog_kn"] for line in text.splitlines()]
    assert [None if cell in ("", None) else float(cell) for cell in cells] == said


def test_every_flag_has_a_word():
    flags = {value for name, value in vars(b).items() if name.startswith("F_")}
    assert set(WORDS) == flags


def test_text_is_safe_in_a_spreadsheet():
    rows = b.new_fixes(1)
    rows["src"], rows["receivers"] = 1, 0b10
    cells = next(csv.DictReader(io.StringIO(written("csv", rows).decode())))
    assert cells["source"] == cells["receivers"] == "'=cmd()"
    assert json.loads(written("ndjson", rows))["source"] == "=cmd()"
    assert [formula_safe(t) for t in ("a", "", "+1", "-1", "@x", "\tx")] == ["a", "", "'+1", "'-1", "'@x", "'\tx"]


def test_more_receivers_than_bits():
    rows = b.new_fixes(2)
    rows["receivers"] = [1 << 63, (1 << 63) | 1]
    assert columns(rows, tuple(f"r{i}" for i in range(70)))["receivers"].to_pylist() == ["others", "r0 others"]
    assert columns(rows, tuple(f"r{i}" for i in range(64)))["receivers"].to_pylist() == ["r63", "r0 r63"]


@pytest.mark.parametrize("to", ["csv", "ndjson"])
def test_chunks_do_not_show(to):
    rows = random_fixes(1, 50)
    assert written(to, rows) == written(to, rows, step=7)


def test_parquet_holds_the_same_columns():
    rows = random_fixes(2, 50)
    read = pyarrow.parquet.read_table(io.BytesIO(written("parquet", rows, step=7)))
    assert read.equals(columns(rows, RECEIVERS))


@pytest.mark.parametrize("to", FORMATS)
def test_a_file_without_rows_is_a_file(to):
    data = written(to, b.new_fixes(0))
    if to == "csv":
        assert data.decode().strip().split(",") == SCHEMA.names
    if to == "parquet":
        assert pyarrow.parquet.read_table(io.BytesIO(data)).schema == SCHEMA


def test_an_unknown_format_is_refused():
    with pytest.raises(InputError, match="csv, ndjson, parquet"):
        open_writer("xlsx", io.BytesIO())


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=40, deadline=None)
def test_csv_comes_back_as_the_same_fixes(seed, n):
    rows = random_fixes(seed, n)
    state = TableState("again", in_time_order=False)
    back = decode_table(state, written("csv", rows), final=True).fixes
    assert state.counts.balance() == 0
    assert state.counts.rejected == {}
    for name in ("t_ms", "mmsi", "lat", "lon", "sog", "cog", "hdg", "nav", "rot", "msg_type"):
        np.testing.assert_array_equal(back[name], rows[name], err_msg=name)
    exercise = np.logical_or.accumulate((rows["flags"] & b.F_EXERCISE) > 0)  # from the first marked row on it is one
    np.testing.assert_array_equal((back["flags"] & b.F_EXERCISE) > 0, exercise)
