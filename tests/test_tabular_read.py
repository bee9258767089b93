"""Tables become batches: the layouts that exist, every reason to refuse a line, order, and any cut of the bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch import batch as b
from dogwatch.blob import pack, unpack
from dogwatch.errors import InputError
from dogwatch.times import from_iso
from ingest import tabular
from ingest.cells import LINE_BYTES_MAX
from ingest.export import SCHEMA, WORDS
from ingest.layout import FIELDS
from ingest.source_file import read_blocks
from ingest.table_rows import KINDS, REASONS
from ingest.tabular import TableState, decode_table

HEADER = "mmsi,t,lat,lon,sog_kn,cog_deg,heading_deg,nav_status,name\n"


def read(text, *, steps=(), state=None, **settings_):
    """(state, batch) of a whole table, cut at steps."""
    state = state or TableState("table", **settings_)
    data = text.encode() if isinstance(text, str) else text
    batches, at = [], 0
    for step in steps:
        batches.append(decode_table(state, data[at : at + step]))
        at += step
    batches.append(decode_table(state, data[at:], final=True))
    assert state.counts.balance() == 0
    whole = b.empty_batch(state.receivers)
    whole.fixes, whole.statics = np.concatenate([x.fixes for x in batches]), np.concatenate([x.statics for x in batches])
    whole.safety = [report for x in batches for report in x.safety]
    return state, whole


def row(batch, name):
    values = batch.fixes[name].tolist()
    return values[0] if len(values) == 1 else values


def test_marinecadastre():
    text = (
        "MMSI,BaseDateTime,LAT,LON,SOG,COG,Heading,VesselName,IMO,CallSign,VesselType,Status,Length,Width,Draft,Cargo,TransceiverClass\n"
        '200000001,2023-01-05T00:00:01,37.5,-122.25,12.3,359.97,511.0,"NORTH, STAR",IMO9074729,ABCD,70,0,180,28,9.5,70,A\n'
        "200000002,2023-01-05T00:00:02,37.6,-122.35,102.3,360.0,12.0,,,,1012,,,,,,B\n"
    )
    state, batch = read(text)
    first, second = batch.fixes
    assert (first["mmsi"], first["lat"], first["lon"], first["sog"], first["cog"], first["hdg"]) == (200000001, 22_500_000, -73_350_000, 123, 0, b.HDG_MISSING)
    assert (first["t_ms"], first["t_rx_ms"], first["t_src"], first["nav"], first["msg_type"]) == (from_iso("2023-01-05T00:00:01Z"),) * 2 + (
        b.T_SRC_PREFIX,
        0,
        1,
    )
    assert (second["sog"], second["cog"], second["hdg"], second["nav"], second["msg_type"]) == (b.SOG_MISSING, b.COG_MISSING, 12, b.NAV_MISSING, 18)
    assert second["flags"] == b.F_CLASS_B
    assert len(batch.statics) == 1, "a row that says nothing about the ship makes no statics"
    ship = batch.statics[0]
    assert (ship["name"], ship["imo"], ship["callsign"], ship["ship_type"]) == (b"NORTH, STAR", 9074729, b"ABCD", 70)
    assert (ship["bow"], ship["stern"], ship["port"], ship["starboard"], ship["draught_dm"]) == (0, 180, 0, 28, 95)
    assert (ship["has"], ship["msg_type"]) == (15, 5)
    assert state.counts.decoded == {"position": 2}


def test_marinecadastre_since_2025():
    text = (
        "mmsi,base_date_time,longitude,latitude,sog,cog,heading,vessel_name,imo,call_sign,vessel_type,status,length,width,draft,cargo,transceiver\n"
        "200000001,2025-01-05 00:00:01,-122.25,37.5,0.0,0.0,0,X,,,30,7,10,3,,,B\n"
    )
    _, batch = read(text)
    assert (row(batch, "lat"), row(batch, "lon"), row(batch, "nav"), row(batch, "msg_type"), row(batch, "hdg")) == (22_500_000, -73_350_000, 7, 18, 0)
    assert (batch.statics[0]["ship_type"], batch.statics[0]["msg_type"], batch.statics[0]["has"]) == (30, 19, b.HAS_NAME | b.HAS_TYPE_AND_SIZE)


def test_danish_maritime_authority():
    head = "# Timestamp,Type of mobile,MMSI,Latitude,Longitude,Navigational status,ROT,SOG,COG,Heading,IMO,Callsign,Name,Ship type,Cargo type,Width,Length"
    head += ",Type of position fixing device,Draught,Destination,ETA,Data source type,A,B,C,D\r\n"
    tail = ",,,,GPS,5.5,NOWHERE,,AIS,10,20,3,4\r\n"
    text = head + (
        "01/02/2024 00:00:00,Class A,219000001,55.5,12.5,Under way using engine,-4.5,10.1,180.0,181,9074729,OXYZ,THE SHIP,Cargo" + tail
        + "01/02/2024 00:00:01,Class B,219000002,91.000000,0.000000,Unknown value,,,,,Unknown,Unknown,,Undefined,,,,Undefined,,Unknown,,AIS,,,,\r\n"
        + "01/02/2024 00:00:02,Base Station,2190001,55.5,12.5,Unknown value,,,,,Unknown,,,,,,,,,,,AIS,,,,\r\n"
        + "01/02/2024 00:00:03,AtoN,992190001,55.5,12.5,Unknown value,,,,,Unknown,,,,,,,,,,,AIS,,,,\r\n"
        + "01/02/2024 00:00:04,SAR Airborne,111219001,55.5,12.5,Unknown value,,120,5,,Unknown,,,,,,,,,,,AIS,,,,\r\n"
    )  # fmt: skip
    state, batch = read(text)
    assert row(batch, "msg_type") == [1, 18, 9]
    assert row(batch, "t_ms")[0] == from_iso("2024-02-01T00:00:00Z")
    assert row(batch, "rot")[0] == -10
    assert row(batch, "lat")[1] == b.LAT_MISSING
    assert row(batch, "lon")[1] == b.LON_MISSING
    assert row(batch, "nav") == [0, 15, 15]
    assert len(batch.statics) == 1
    ship = batch.statics[0]
    assert (ship["bow"], ship["stern"], ship["port"], ship["starboard"], ship["draught_dm"], ship["destination"]) == (10, 20, 3, 4, 55, b"NOWHERE")
    assert (ship["name"], ship["ship_type"], ship["imo"]) == (b"THE SHIP", 70, 9074729)
    assert state.counts.decoded == {"position": 3, "base_station": 1, "aid_to_navigation": 1}


def test_global_fishing_watch():
    text = "ssvid,timestamp,lat,lon,speed_knots,course,heading,type\n"
    text += "200000001,2020-01-01 10:00:00 UTC,1.5,2.5,3.44,90.06,nan,AIS.18\n200000001,1577872860,,,,,,AIS.5\n"
    state, batch = read(text)
    assert (row(batch, "sog"), row(batch, "cog"), row(batch, "hdg"), row(batch, "msg_type")) == (34, 901, b.HDG_MISSING, 18)
    assert state.counts.decoded == {"position": 1, "static": 1}


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_other_delimiters_and_the_decimal_comma(mark):
    text = mark.join(["MMSI", "Time", "Latitude", "Longitude", "SOG"]) + "\n" + mark.join(["200000001", "1700000000.5", "54,25", "-10,5", "7,4"]) + "\n"
    _, batch = read("\ufeff" + text)
    assert (row(batch, "lat"), row(batch, "lon"), row(batch, "sog"), row(batch, "t_ms")) == (32_550_000, -6_300_000, 74, 1_700_000_000_500)


def test_an_explicit_mapping_goes_first():
    text = "id,when,y,x,lat,lon\n200000001,02/01/2024 10:00,1.5,2.5,77,88\n"
    columns = {"mmsi": "id", "t": "when", "lat": "Y", "lon": "X", "t_order": "mdy"}
    _, batch = read(text, columns=columns)
    assert (row(batch, "lat"), row(batch, "lon"), row(batch, "t_ms")) == (900_000, 1_500_000, from_iso("2024-02-01T10:00:00Z"))


def test_a_table_without_a_header():
    state, batch = read("1 23.5 37.25 1700000000\n2 23.5 37.5 1700000001\n", columns={"mmsi": "#1", "lon": "#2", "lat": "#3", "t": "#4"})
    assert row(batch, "mmsi") == [1, 2]
    assert row(batch, "lat") == [22_350_000, 22_500_000]
    assert state.counts.other == {}


@pytest.mark.parametrize(
    ("text", "columns", "what"),
    [
        ("id,when,y\n1,2,3\n", None, r"no column for t, mmsi, lat, lon; the columns are: id, when, y.*columns = \{"),
        ("mmsi,t,lat,lon\n", {"lat": "y"}, r"columns.lat names 'y'; the columns are: mmsi, t, lat, lon"),
        ("mmsi,t,lat,lon\n", {"lattitude": "lat"}, r"columns.lattitude: unknown field"),
        ("mmsi,t,lat,lon\n", {"sogkn": "lat"}, r"did you mean 'sog_kn'"),
        ("mmsi,t,lat,lon\n", {"t_order": "ymd"}, r"t_order"),
        ("mmsi,t,lat,lon\n", {"mmsi": "#9"}, r"#9"),
        ("", None, "no header line"),
        ("\n\n# only a comment\n", None, "no header line"),
        (",".join("c" * 600), None, "600 columns"),
    ],
)
def test_a_table_that_cannot_be_read_says_what_it_saw(text, columns, what):
    with pytest.raises(InputError, match=what) as caught:
        read(text, columns=columns)
    assert caught.value.remedy


def test_every_line_is_in_one_class_and_every_reason_keeps_a_sample():
    long_line = "x" * (LINE_BYTES_MAX + 1)
    lines = [
        "200000001,2024-01-01T00:00:00Z,1,2,,,,,",
        "",
        "# a remark",
        "200000001,2024-01-01T00:00:00Z,1,2",
        '200000001,2024-01-01T00:00:00Z,1,2,,,,,"open',
        "200000001,yesterday,1,2,,,,,",
        "2000000010,2024-01-01T00:00:00Z,1,2,,,,,",
        "0,2024-01-01T00:00:00Z,1,2,,,,,",
        "2000.5,2024-01-01T00:00:00Z,1,2,,,,,",
        "200000001,2024-01-01T00:00:00Z,90.1,2,,,,,",
        "200000001,2024-01-01T00:00:00Z,1,east,,,,,",
        HEADER.strip(),
        long_line,
        "200000001,2024-01-01T00:00:01Z,1,2,fast,-1,360,16,A",
    ]
    state, batch = read(HEADER + "\n".join(lines))
    assert (state.counts.lines, state.counts.blank, state.counts.other) == (15, 1, {"header": 2, "comment": 1})
    assert state.counts.rejected == {"bad_columns": 1, "bad_quotes": 1, "bad_time": 1, "bad_mmsi": 3, "bad_position": 2, "line_too_long": 1}
    assert state.counts.notes == {"value_out_of_range": 1}
    assert set(state.samples) == set(state.counts.rejected)
    assert state.samples["bad_time"] == lines[5].encode()
    assert state.samples["line_too_long"] == long_line[:160].encode()
    assert len(batch.fixes) == 2
    strange = batch.fixes[1]
    assert (strange["sog"], strange["cog"], strange["hdg"], strange["nav"]) == (b.SOG_MISSING, b.COG_MISSING, b.HDG_MISSING, b.NAV_MISSING)
    assert strange["flags"] == b.F_RANGE


def test_aircraft_are_faster_than_ships():
    lines = "mmsi,t,lat,lon,sog,type\n" + "\n".join(
        f"111232001,170000000{i},1,2,{sog},{kind}" for i, (sog, kind) in enumerate([(120, 9), (1022, 9), (1023, 9), (120, 1)])
    )
    _, batch = read(lines)
    assert batch.fixes["sog"].tolist() == [1200, b.SOG_AIRCRAFT_MAX, b.SOG_MISSING, b.SOG_MISSING]
    assert [int(flags) for flags in batch.fixes["flags"]] == [0, b.F_SOG_MAX, b.F_RANGE, b.F_RANGE]


def test_positions_not_available_and_null_island():
    _, batch = read(HEADER + "1,1700000000,91,181,,,,,\n1,1700000001,,5,,,,,\n1,1700000002,0,0,,,,,\n1,1700000003,5,181,,,,,\n")
    assert b.has_position(batch.fixes).tolist() == [False, False, True, False]
    assert (batch.fixes["flags"] & b.F_NULL_ISLAND > 0).tolist() == [False, False, True, False]


def test_rows_leave_in_time_order_or_as_they_stand():
    text = HEADER + "".join(
        f"{mmsi},{1_700_000_000 + t},1,2,,,,,{name}\n" for mmsi, t, name in [(1, 5, "B"), (2, 3, "X"), (1, 1, "A"), (1, 7, "B"), (1, 3, "A")]
    )
    _, ordered = read(text)
    assert [(int(t) % 100_000 // 1000, int(m)) for t, m in zip(ordered.fixes["t_ms"], ordered.fixes["mmsi"])] == [(1, 1), (3, 2), (3, 1), (5, 1), (7, 1)]
    assert [(s["mmsi"], s["name"], s["fixes_before"]) for s in ordered.statics] == [(1, b"A", 0), (2, b"X", 1), (1, b"B", 3)]
    _, standing = read(text, in_time_order=False, steps=[70, 40])
    assert standing.fixes["mmsi"].tolist() == [1, 2, 1, 1, 1]
    assert [(s["mmsi"], s["name"], s["fixes_before"]) for s in standing.statics] == [(1, b"B", 0), (2, b"X", 1), (1, b"A", 2), (1, b"B", 3), (1, b"A", 4)]


def test_distress_leaves_as_reports():
    text = HEADER + "970123456,1700000001,1,2,,,,14,\n200000001,1700000000,1,2,0.5,,,14,\n974000000,1700000002,,,,,,15,\n200000001,1700000003,1,2,,,,0,\n"
    _, batch = read(text, exercise=True)
    assert [(r.mmsi, r.kind, r.nav, r.sog, r.lat) for r in batch.safety] == [
        (200000001, "status14", 14, 5, 600_000),
        (970123456, "beacon", 14, b.SOG_MISSING, 600_000),
        (974000000, "beacon", 15, b.SOG_MISSING, b.LAT_MISSING),
    ]
    assert all(r.exercise and r.receiver == "table" and not r.damaged for r in batch.safety)


def test_exercise_travels_in_the_configuration_or_in_a_column():
    text = "mmsi,t,lat,lon,exercise\n1,1700000001,1,2,true\n1,1700000002,1,2,false\n1,1700000000,1,2,false\n"
    assert (read(text)[1].fixes["flags"] & b.F_EXERCISE > 0).tolist() == [False, True, True], "what comes after a marked row in time is marked"
    assert (read(text, exercise=True)[1].fixes["flags"] & b.F_EXERCISE > 0).all()


CELLS = (
    st.sampled_from(["200000001", "200000002", "970000001", "0", "abc"]),
    st.integers(1_700_000_000, 1_700_000_009).map(str),
    st.sampled_from(["1.5", "-89.9999", "91", "95", ""]),
    st.sampled_from(["2.5", "181", "zz"]),
    st.sampled_from(["", "5.5", "102.3", "x"]),
    st.sampled_from(["", "360", "12.34"]),
    st.sampled_from(["", "511", "77"]),
    st.sampled_from(["", "0", "14", "at anchor", "??"]),
    st.sampled_from(["", "A", '"B, C"', '"B', "ÄÖ", "#"]),
)
MESSY = st.lists(
    st.one_of(st.tuples(*CELLS).map(",".join), st.sampled_from(["", "# remark", HEADER.strip(), '"', "\r", "x" * 300, ",,,,,,,,"])),
    max_size=25,
)


@given(MESSY, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans(), st.lists(st.integers(1, 60), max_size=40), st.sets(st.integers(0, 40)))
@settings(max_examples=120, deadline=None)
def test_any_cut_and_any_restart_give_the_same_batch(lines, end, ended, in_order, steps, restarts):
    data = (end.join([HEADER.strip(), *lines]) + (end if ended else "")).encode()
    whole_state, whole = read(data, in_time_order=in_order)
    state, batches, at = TableState("table", in_time_order=in_order), [], 0
    for number, step in enumerate([*steps, len(data)]):
        if number in restarts:
            state = TableState.from_sections(unpack(pack(state.to_sections(), schema=1), schema=1))
        batches.append(decode_table(state, data[at : at + step], final=number == len(steps)))
        at += step
    assert np.concatenate([x.fixes for x in batches]).tobytes() == whole.fixes.tobytes()
    assert np.concatenate([x.statics for x in batches]).tobytes() == whole.statics.tobytes()
    assert [r for x in batches for r in x.safety] == whole.safety
    assert pack(state.to_sections(), schema=1) == pack(whole_state.to_sections(), schema=1)


def test_byte_by_byte_and_piece_by_piece(monkeypatch):
    text = (HEADER + "".join(f"{200000001 + i % 3},{1_700_000_000 + i * 7 % 50},1.5,2.5,{i % 9},,,,N{i // 20}\n" for i in range(60))).encode()
    text += b"y" * (LINE_BYTES_MAX + 5) + b"\n"
    whole_state, whole = read(text)
    for step, in_order in ((1, False), (977, True), (977, False)):
        reference_state, reference = read(text, in_time_order=in_order)
        state, batch = read(text, steps=[step] * (4_000 // step), in_time_order=in_order)
        assert batch.fixes.tobytes() == reference.fixes.tobytes()
        assert batch.statics.tobytes() == reference.statics.tobytes()
        assert state.to_sections()["counts"] == reference_state.to_sections()["counts"] == whole_state.to_sections()["counts"]
    monkeypatch.setattr(tabular, "PIECE_BYTES", 100)
    state, batch = read(text)
    assert batch.fixes.tobytes() == whole.fixes.tobytes()
    assert state.samples == whole_state.samples


def test_too_many_rows_to_sort_are_refused(monkeypatch):
    monkeypatch.setattr(tabular, "HELD_ROWS_MAX", 5)
    with pytest.raises(InputError, match="more than 5 rows"):
        read(HEADER + "1,1700000000,1,2,,,,,\n" * 6)


def test_parquet_reads_as_the_csv_does(tmp_path):
    table = pa.table(
        {
            "mmsi": pa.array([200000001, 200000001, 200000002]),
            "timestamp": pa.array([1_700_000_000_500, 1_700_000_001_000, 1_700_000_000_000], pa.timestamp("ms", "UTC")),
            "lat": [1.5, None, 3.25],
            "lon": [2.5, None, -4.0],
            "sog": pa.array([1.25, 102.3, None], pa.float32()),
            "vessel_name": ["A, B", "A, B", None],
        }
    )
    path = tmp_path / "day.parquet"
    pyarrow.parquet.write_table(table, path)
    state, batch = read(b"".join(read_blocks(path)))
    assert state.counts.decoded == {"position": 3}
    assert batch.fixes["t_ms"].tolist() == [1_700_000_000_000, 1_700_000_000_500, 1_700_000_001_000]
    assert batch.fixes["lat"].tolist() == [1_950_000, 900_000, b.LAT_MISSING]
    assert batch.fixes["sog"].tolist() == [b.SOG_MISSING, 13, b.SOG_MISSING]
    assert batch.statics["name"].tolist() == [b"A, B"]


def test_recording_solent(shared_data):
    state, batch = read(b"".join(read_blocks(shared_data("dec-solent/SolentAIS_20160112_130211.csv"))), steps=[65_536] * 5)
    assert state.counts.decoded == {"position": 18_623}
    assert state.counts.rejected == {}
    assert len(np.unique(batch.fixes["mmsi"])) == 91
    assert int((batch.fixes["cog"] == b.COG_MISSING).sum()) == 1_027
    assert (np.diff(batch.fixes["t_ms"]) >= 0).all()


def test_recording_noaa(shared_data):
    state, batch = read(b"".join(read_blocks(shared_data("dec-atlantes-noaa/noaa_test_track.csv"))))
    assert state.counts.decoded == {"position": 999}
    assert len(batch.statics) == 1
    assert batch.statics[0]["imo"] > 0
    assert (np.diff(batch.fixes["t_ms"]) >= 0).all()
    unsorted = read(b"".join(read_blocks(shared_data("dec-atlantes-noaa/noaa_test_track.csv"))), in_time_order=False)[1]
    assert (np.diff(unsorted.fixes["t_ms"]) < 0).any()


def test_a_table_with_carriage_returns_alone_is_refused():
    with pytest.raises(InputError, match="header line cannot be read"):
        read(HEADER.replace("\n", "\r") + "257000001,2024-01-01T00:00:00Z,1,2,,,,,\r")


def test_recording_without_header(shared_data):
    state, batch = read(b"".join(read_blocks(shared_data("lab-m3-annotation/vessels.csv"))), columns={"mmsi": "#1", "lon": "#2", "lat": "#3", "t": "#4"})
    assert state.counts.decoded == {"position": 18_834}
    assert np.unique(batch.fixes["mmsi"]).tolist() == [1, 2, 3, 4, 5]


def test_the_document_names_every_field_reason_and_flag():
    text = (Path(__file__).resolve().parent.parent / "docs" / "tables.md").read_text(encoding="utf-8")
    words = [*FIELDS, *REASONS, *KINDS, *WORDS.values(), *SCHEMA.names]
    assert len(words) > 50
    assert [word for word in words if f"`{word}`" not in text and f"{word}," not in text and f"{word}}}" not in text] == []
