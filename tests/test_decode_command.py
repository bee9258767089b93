"""`dogwatch decode`: records of every type as JSON, and what is said of refused lines."""

from __future__ import annotations

import io
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from dogwatch.errors import InputError
from ingest.decode import DecodeState, decode
from ingest.export_records import RecordWriter
from ingest.records import CLASSES, TYPES, Record, application_fields, record, records
from runners.cli import app
from runners.decoding import decode_files
from tests.damaged import packed
from tests.decode_inputs import T0, armour, bits_of, one, position, safety_text, sentence, six_bit, static, tag, two

ENVELOPE_BEFORE, ENVELOPE_AFTER = ["t", "source", "type", "mmsi", "repeat"], ["t_rx", "exercise", "flags"]


def written(tmp_path, lines, **options):
    source, out = tmp_path / "sea.nmea", tmp_path / "out.ndjson"
    source.write_bytes(b"".join(line + b"\n" for line in lines))
    done = decode_files([source], out, "ndjson", lateness_s=None, exercise=False, columns={}, whole=True, **options)
    return done, [json.loads(line) for line in out.read_bytes().splitlines()]


def test_every_message_is_one_object_in_arrival_order(tmp_path):
    lines = [
        tag(f"s:west,c:{T0 * 1000 + 7500}") + one(position(nav=15, cog=3600, hdg=511)),
        *two(static()),
        one(bits_of((4, 6), (0, 2), (2_570_001, 30), (2026, 14), (1, 4), (1, 5), (0, 5), (0, 6), (5, 6), (0, 90))),
        one(safety_text("SECURITE ICE")),
        one(bits_of((8, 6), (0, 2), (257000001, 30), (0, 2), (1, 10), (31, 6)) + "10" * 20),
        tag("s:EX-hill") + one(position(970000001, nav=14)),
    ]
    done, found = written(tmp_path, lines)
    assert (done["records"], [each["type"] for each in found]) == (6, [1, 5, 4, 14, 8, 1])
    first, voyage, clock, text, binary, beacon = found
    assert list(first)[:5] == ENVELOPE_BEFORE
    assert list(first)[-3:] == ENVELOPE_AFTER
    assert {"t_rx": "2026-01-01T00:00:07.500Z", "t": "2026-01-01T00:00:07.000Z", "source": "sea.nmea/west"}.items() <= first.items()
    assert {"nav_status": None, "cog_deg": None, "heading_deg": None, "lat": 50.0, "lon": 10.0, "sog_kn": 10.0}.items() <= first.items()
    assert {"name": "EVER NEVER", "destination": "NOWHERE", "imo": 9074729, "draught_m": 5.5, "bow_m": 100, "eta_hour": 7}.items() <= voyage.items()
    assert clock["utc"] == "2026-01-01T00:00:05Z"
    assert text["text"] == "SECURITE ICE"
    assert {"dac": 1, "fid": 31, "data": "aaaaaaaaaa", "data_bits": 40}.items() <= binary.items()
    assert [each["exercise"] for each in found] == [False] * 5 + [True]
    assert beacon["flags"] == "exercise no_time"


def test_damaged_sentences_are_given_only_when_asked_for_and_flagged(tmp_path):
    lines = [one(position()), one(position(257000002))[:-2] + b"zz", one(position(257000003))[:-4] + b"0*00"]
    (plain, found), (asked, flagged) = written(tmp_path, lines), written(tmp_path, lines, flagged=True)
    assert (plain["records"], asked["records"]) == (1, 2)
    assert [each["flags"] for each in found] == ["no_time"]
    assert [each["flags"] for each in flagged] == ["no_time", "checksum_bad no_time"]


def test_the_columns_and_the_records_come_from_one_decoder(tmp_path):
    """Keeping all sentences changes no row and no counter."""
    lines = [one(position(257000001 + i, kind=1 + i % 3)) for i in range(50)] + two(static()) + [one(position(970000001, nav=14))]
    data = b"".join(line + b"\n" for line in lines)
    plain, keeping = DecodeState("s"), DecodeState("s", keep_all=True)
    columns, whole = decode(plain, data), decode(keeping, data)
    assert columns.fixes.tobytes() == whole.fixes.tobytes()
    assert columns.statics.tobytes() == whole.statics.tobytes()
    assert plain.counts == keeping.counts
    assert [r["msg_type"] for r in whole.others] == [1 + i % 3 for i in range(50)] + [5, 1]


@given(packed())
def test_any_message_has_a_record_without_sentinels(lines):
    state = DecodeState("s", keep_all=True)
    batch = decode(state, b"".join(line + b"\n" for line in lines))
    found = list(records(batch))
    assert len(found) == sum(state.counts.decoded.values())
    for row, each in found:
        said = msgspec.structs.asdict(each)
        assert type(each) in CLASSES
        assert (row["msg_type"], row["mmsi"]) == (each.msg_type, each.mmsi)
        assert (said.get("lat") is None) == (said.get("lon") is None)
        for name, (least, most) in BOUNDS.items():
            assert said.get(name) is None or least <= said[name] <= most, name


BOUNDS = {
    "lat": (-90, 90), "lon": (-180, 180), "ne_lat": (-90, 90), "sw_lon": (-180, 180), "cog_deg": (0, 359.9), "heading_deg": (0, 359), "utc_second": (0, 59),
    "nav_status": (0, 14), "alt_m": (0, 4094), "eta_month": (1, 12), "eta_day": (1, 31), "eta_hour": (0, 23), "eta_minute": (0, 59), "sog_kn": (0, 1022),
    "rot_deg_min": (-709, 709), "zone_nm": (1, 8),
}  # fmt: skip


@given(st.binary(max_size=120) | st.integers(0, 80).map(lambda n: sentence(armour("01" * 40 + "1" * n)[0])))
def test_any_bytes_are_a_record_or_none(data):
    assert record(data) is None or isinstance(record(data), Record)


@pytest.mark.parametrize("kind", TYPES)
def test_nothing_is_made_of_a_message_that_ends_behind_its_mmsi(kind):
    short = record(one(bits_of((kind, 6), (0, 2), (257000001, 30))))
    if kind == 24:
        assert short is None, "not even which part it is"
        return
    said = {name: value for name, value in msgspec.structs.asdict(short).items() if name not in ("msg_type", "repeat", "mmsi", "data_bits")}
    assert set(said.values()) == {None}


def test_application_messages_are_read_where_pyais_knows_them():
    inland = bits_of((8, 6), (0, 2), (257000001, 30), (0, 2), (200, 10), (10, 6)) + six_bit("02345678", 8) + bits_of((1100, 13), (114, 10), (8021, 14), (0, 35))
    unknown = bits_of((8, 6), (0, 2), (257000001, 30), (0, 2), (999, 10), (10, 6), (0, 80))
    assert application_fields(one(inland))["vin"] == "02345678"
    assert application_fields(one(unknown)) is None
    assert application_fields(one(position())) is None
    assert application_fields(b"prose") is None


def test_application_messages_are_written_when_asked_for(tmp_path):
    inland = bits_of((8, 6), (0, 2), (257000001, 30), (0, 2), (200, 10), (10, 6)) + six_bit("02345678", 8) + bits_of((1100, 13), (114, 10), (8021, 14), (0, 35))
    unknown = bits_of((8, 6), (0, 2), (257000001, 30), (0, 2), (999, 10), (10, 6), (0, 80))
    lines = [one(inland), one(unknown), one(position())]
    _, found = written(tmp_path, lines, applications=True)
    assert [each.get("application", "absent") for each in found] == [found[0]["application"], None, "absent"]
    assert (found[0]["application"]["vin"], found[0]["application"]["length"]) == ("02345678", 110.0)
    assert all("application" not in each for each in written(tmp_path, lines)[1])
    with pytest.raises(InputError, match="parts of records"):
        decode_files([tmp_path / "sea.nmea"], tmp_path / "out", "csv", lateness_s=None, exercise=False, columns={}, applications=True)


@pytest.mark.parametrize("kind", [6, 8])
@given(
    st.sampled_from([(1, 0), (1, 2), (1, 11), (1, 16), (1, 22), (1, 29), (1, 31), (200, 10), (200, 21), (200, 23), (235, 10), (366, 56)]),
    st.text("01", max_size=600),
)
def test_any_application_message_can_be_written(kind, name, rest):
    head = bits_of((kind, 6), (0, 2), (257000001, 30), (0, 2)) + ("0" * 32 if kind == 6 else "") + bits_of((name[0], 10), (name[1], 6))
    batch = decode(DecodeState("s", keep_all=True), one(head + rest) + b"\n")
    stream = io.BytesIO()
    RecordWriter(stream, applications=True).write(batch)
    assert "application" in json.loads(stream.getvalue())


def test_records_are_refused_where_they_cannot_be(tmp_path):
    source = tmp_path / "fixes.csv"
    source.write_text("t,mmsi,lat,lon\n")
    with pytest.raises(InputError, match="cannot be written as csv"):
        decode_files([source], tmp_path / "out", "csv", lateness_s=None, exercise=False, columns={}, whole=True)
    with pytest.raises(InputError, match="no messages"):
        decode_files([source], tmp_path / "out", "ndjson", lateness_s=None, exercise=False, columns={}, whole=True)


def test_one_refused_line_of_each_kind_is_shown(tmp_path):
    bad, noise = one(position())[:-2] + b"00", one(bits_of((60, 6), (0, 34)))
    source = tmp_path / "sea.nmea"
    source.write_bytes(b"\n".join([bad, one(position()), noise + b"\xff", bad]) + b"\n")
    done = CliRunner().invoke(app, ["decode", str(source), "--out", str(tmp_path / "out.csv")])
    assert done.exit_code == 0
    assert f"rejected: 2 bad_checksum, the first: {bad.decode()} (the two hex digits do not match the sentence)" in done.output
    assert "rejected: 1 unknown_type, the first: " in done.output
    assert "\\xff" in done.output or noise.decode() in done.output
    said = json.loads(CliRunner().invoke(app, ["decode", str(source), "--out", str(tmp_path / "out.csv"), "--json"]).stdout)
    assert set(said["samples"]) == set(said["rejected"]) == {"bad_checksum", "unknown_type"}
    assert said["samples"]["bad_checksum"] == bad.decode()
