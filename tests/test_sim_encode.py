"""The encoder says exactly what it was given: to a bit-by-bit reader, to our decoder and to pyais, sentinels and extremes included."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

import numpy as np
import pyais
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.encode import MIXES, check, encode_ours, sea
from dogwatch import batch as b
from dogwatch.errors import InputError
from ingest.decode import DecodeState, decode
from sim.encode import (
    CALLSIGN,
    DESTINATION,
    EXTENSION,
    HEARING_DTYPE,
    MESSAGE_DTYPE,
    NAME,
    PARTICULARS_DTYPE,
    TEXT,
    TYPES,
    VENDOR,
    Particulars,
    SentenceState,
    check_messages,
    datagrams,
    encode,
    encode_payloads,
    encode_sentences,
    new_messages,
    new_particulars,
    set_units,
)
from tests.naive_sim import message, read_lines

BITS = {1: 168, 2: 168, 3: 168, 4: 168, 5: 424, 9: 168, 11: 168, 18: 168, 19: 312, 27: 96}
SIX_BIT = [chr(c) for c in range(32, 96) if c != 64]
T_MS = 1_767_225_607_250  # 2026-01-01T00:00:07.250Z


def integers(least: int, most: int, *special: int) -> st.SearchStrategy[int]:
    return st.sampled_from([least, most, *special]) | st.integers(least, most)


def text(most: int) -> st.SearchStrategy[str]:
    return st.text(st.sampled_from(SIX_BIT), max_size=most).map(str.rstrip) | st.text(st.sampled_from("AZ_ "), min_size=most, max_size=most).map(str.rstrip)


MOTION = {
    "mmsi": integers(0, 999_999_999, 982_570_001, 970_257_001),
    "dest": integers(0, 999_999_999),
    "lat": integers(-b.LAT_MAX, b.LAT_MAX, b.LAT_MISSING, 0),
    "lon": integers(-b.LON_MAX, b.LON_MAX, b.LON_MISSING, 0),
    "sog": integers(0, b.SOG_MAX, b.SOG_MISSING),
    "cog": integers(0, 3599, b.COG_MISSING),
    "hdg": integers(0, 359, b.HDG_MISSING),
    "alt_m": integers(0, 4095),
    "nav": integers(0, 15),
    "rot": integers(-128, 127),
    "sec": integers(0, 63),
    "accurate": integers(0, 1),
    "radio": integers(0, (1 << 19) - 1),
    "part": integers(0, 1),
    "repeat": integers(0, 3),
    "maneuver": integers(0, 2),
    "raim": integers(0, 1),
    "assigned": integers(0, 1),
    "retransmit": integers(0, 1),
    "latency": integers(0, 1),
}
SIZE = {
    "imo": integers(0, (1 << 30) - 1),
    "serial": integers(0, (1 << 20) - 1),
    "mothership": integers(0, 999_999_999),
    "bow": integers(0, 511),
    "stern": integers(0, 511),
    "port": integers(0, 63),
    "starboard": integers(0, 63),
    "ship_type": integers(0, 255),
    "draught_dm": integers(0, 255),
    "eta_month": integers(0, 12),
    "eta_day": integers(0, 31),
    "eta_hour": integers(0, 24),
    "eta_minute": integers(0, 60),
    "epfd": integers(0, 15),
    "version": integers(0, 3),
    "dte": integers(0, 1),
    "alt_sensor": integers(0, 1),
    "long_range": integers(0, 1),
    "class_b": integers(0, 31),
    "model": integers(0, 15),
    "off_position": integers(0, 1),
    "aid_status": integers(0, 255),
    "virtual": integers(0, 1),
}
WORDS = {
    "name": (NAME, 20),
    "callsign": (CALLSIGN, 7),
    "destination": (DESTINATION, 20),
    "extension": (EXTENSION, 14),
    "vendor": (VENDOR, 3),
    "text": (TEXT, 156),
}


@st.composite
def given_values(draw: st.DrawFn, kind: int) -> dict:
    """A value for every field that there is, within what a message of this type can say."""
    values = draw(st.fixed_dictionaries({**MOTION, **SIZE, **{name: text(most) for name, (_, most) in WORDS.items()}}))
    if kind in (9, 27):
        values["sog"] = draw(integers(0, b.SOG_MAX if kind == 9 else 62, b.SOG_MISSING))
        values["cog"] = draw(integers(0, 359 if kind == 27 else 3599, b.COG_MISSING))
    if kind in (9, 18):
        values["radio"] = draw(integers(0, (1 << 20) - 1))
    if kind == 12:
        values["part"] = draw(integers(0, 3))
    values["ship_type"] %= 32 if kind == 21 else 256
    return values | {"msg_type": kind, "utc_s": draw(integers(0, 253_402_300_799) | st.none())}


def rows_of(values: dict) -> tuple[np.ndarray, Particulars]:
    """One message and the particulars that it points to."""
    messages, particulars = new_messages(1), new_particulars(1)
    for name in (*MOTION, "msg_type"):
        messages[name] = values[name]
    for name in SIZE:
        particulars.rows[name] = values[name]
    for name, (column, _) in WORDS.items():
        particulars.write(0, column, values[name], name=name)
    particulars.rows["text_length"] = len(values["text"])
    messages["utc_ms"] = b.T_MISSING if values["utc_s"] is None else values["utc_s"] * 1000
    messages["t_ms"] = T_MS
    return messages, particulars


def test_every_column_is_tried():
    columns = {*(MESSAGE_DTYPE.names or ()), *(PARTICULARS_DTYPE.names or ())}
    assert columns - {*MOTION, *SIZE} == {"t_ms", "utc_ms", "who", "msg_type", "channel", "text_length"}


@pytest.mark.parametrize("kind", TYPES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_every_field_comes_back(kind, data):
    values = data.draw(given_values(kind))
    lines = encode(*rows_of(values))
    heard = list(read_lines(lines))
    assert len(heard) == 1
    found = message(heard[0].bits)
    expected = {**values, "bits": BITS.get(kind, found["bits"])}
    if kind == 27:
        expected["lat"], expected["lon"] = (values["lat"] + 500) // 1000, (values["lon"] + 500) // 1000
        expected["sog"] = 63 if values["sog"] == b.SOG_MISSING else values["sog"]
        expected["cog"] = 511 if values["cog"] == b.COG_MISSING else values["cog"]
    if kind in (4, 11):
        expected |= dict.fromkeys(("year", "month", "day"), 0) | {"hour": 24, "minute": 60, "second": 60}
        if values["utc_s"] is not None:
            moment = datetime.fromtimestamp(values["utc_s"], UTC)
            expected |= {name: getattr(moment, name) for name in ("year", "month", "day", "hour", "minute", "second")}
    assert found == {name: expected[name] for name in found}
    assert_pyais_agrees(lines, expected)
    assert_decoder_agrees(lines, {**expected, **{name: values[name] for name in ("lat", "lon", "sog", "cog")}})


def assert_decoder_agrees(lines: list[bytes], expected: dict) -> None:
    """Our decoder has the same raw integers in its columns, in the units of the columns."""
    kind = expected["msg_type"]
    state = DecodeState("s")
    found = decode(state, b"\n".join(lines), final=True)
    assert state.counts.decoded == {str(kind): 1}
    assert not state.counts.rejected
    if kind not in (5, 12, 14, 24):
        (row,) = found.fixes
        assert {name: int(row[name]) for name in fix_columns(expected)} == fix_columns(expected)
    if kind in (5, 19, 21, 24):
        (row,) = found.statics
        columns = static_columns(expected)
        assert {name: row[name].decode() if isinstance(columns[name], str) else int(row[name]) for name in columns} == columns
    if kind in (12, 14):
        assert found.safety[0].text == expected["text"].strip()


def fix_columns(expected: dict) -> dict[str, int]:
    """The columns of FIX_DTYPE that say what was sent."""
    kind, columns = expected["msg_type"], {name: expected[name] for name in ("msg_type", "mmsi", "lat", "lon")}
    if kind == 27:
        columns |= {name: 1000 * ((expected[name] + 500) // 1000) for name in ("lat", "lon")}
    if columns["lat"] == b.LAT_MISSING or columns["lon"] == b.LON_MISSING:
        columns |= {"lat": b.LAT_MISSING, "lon": b.LON_MISSING}
    if kind not in (4, 11, 21):
        columns["sog"] = expected["sog"] * (10 if kind in (9, 27) and expected["sog"] != b.SOG_MISSING else 1)
        columns["cog"] = expected["cog"] * (10 if kind == 27 and expected["cog"] != b.COG_MISSING else 1)
    if kind != 27:
        columns["sec"] = min(expected["second"] if kind in (4, 11) else expected["sec"], b.SEC_MISSING)
    columns |= {"hdg": expected["hdg"]} if kind in (1, 2, 3, 18, 19) else {}
    columns |= {"nav": expected["nav"], "rot": expected["rot"]} if kind <= 3 else {}
    columns |= {"nav": expected["nav"]} if kind == 27 else {}
    columns |= {"alt_m": expected["alt_m"]} if kind == 9 else {}
    columns |= {"ship_type": expected["ship_type"]} if kind == 19 else {}
    return columns | ({"radio": expected["radio"] & 0x7FFFF} if kind in (1, 2, 3, 4, 9, 11, 18) else {})


def static_columns(expected: dict) -> dict[str, int | str]:
    """The columns of STATIC_DTYPE that say what was sent."""
    kind = expected["msg_type"]
    columns: dict[str, int | str] = {"msg_type": kind, "mmsi": expected["mmsi"]}
    if kind != 24 or expected["part"] == 0:
        columns["name"] = expected["name"].strip(" ")
    if kind == 21 and len(expected["name"]) == 20:
        columns["name"] = (expected["name"] + expected["extension"]).strip(" ")
    if kind == 5 or (kind == 24 and expected["part"] == 1):
        columns["callsign"] = expected["callsign"].strip(" ")
    if kind == 5:
        columns |= {name: expected[name] for name in ("imo", "draught_dm", "eta_month", "eta_day", "eta_hour", "eta_minute")}
        columns["destination"] = expected["destination"].strip(" ")
    if kind != 24 or expected["part"] == 1:
        craft = kind == 24 and expected["mmsi"] // 10_000_000 == 98
        columns |= {name: expected[name] for name in (["mothership"] if craft else ["bow", "stern", "port", "starboard"])}
        columns["ship_type"] = expected["ship_type"]
    return columns


PYAIS = {
    "repeat": "repeat", "maneuver": "maneuver", "status": "nav", "heading": "hdg", "second": "sec", "accuracy": "accurate", "raim": "raim",
    "assigned": "assigned", "radio": "radio", "to_bow": "bow", "to_stern": "stern", "to_port": "port", "to_starboard": "starboard", "imo": "imo",
    "alt": "alt_m", "dte": "dte", "ais_version": "version", "dest_mmsi": "dest", "seqno": "part", "retransmit": "retransmit", "virtual_aid": "virtual",
    "off_position": "off_position", "partno": "part", "model": "model", "serial": "serial", "shipname": "name", "name": "name", "callsign": "callsign",
    "destination": "destination", "text": "text", "name_ext": "extension", "vendorid": "vendor", "gnss": "latency", "reserved_1": "aid_status",
}  # fmt: skip
CRAFT_DIFFERS = {"to_bow", "to_stern", "to_port", "to_starboard"}  # pyais reads the MMSI of the mother ship as a size


def assert_pyais_agrees(lines: list[bytes], expected: dict) -> None:
    """pyais reads the same values (where it does not cut or rename them)."""
    decoded = pyais.decode(*lines).asdict(enum_as_int=True)
    kind = expected["msg_type"]
    assert decoded["msg_type"] == kind
    assert decoded["mmsi"] == expected["mmsi"]
    scale = 600 if kind == 27 else 600_000
    for name in ("lat", "lon"):
        if name in decoded:
            assert decoded[name] == pytest.approx(expected[name] / scale, abs=2e-6)
    if "course" in decoded:
        assert decoded["course"] == pytest.approx(expected["cog"] / (1 if kind == 27 else 10))
    if "speed" in decoded:
        assert decoded["speed"] == pytest.approx(expected["sog"] / (1 if kind in (9, 27) else 10))
    if "turn" in decoded and abs(expected["rot"]) < 127:
        assert decoded["turn"] == math.copysign(round((expected["rot"] / 4.733) ** 2), expected["rot"])
    if "draught" in decoded:
        assert decoded["draught"] == pytest.approx(expected["draught_dm"] / 10)
    names = PYAIS
    if kind == 5:
        names = names | {"month": "eta_month", "day": "eta_day", "hour": "eta_hour", "minute": "eta_minute"}
    elif kind in (4, 11):
        names = names | {name: name for name in ("year", "month", "day", "hour", "minute", "second")}
    elif kind != 21:
        names = {theirs: ours for theirs, ours in names.items() if theirs != "reserved_1"}
    craft = kind == 24 and expected["mmsi"] // 10_000_000 == 98
    compared = 0
    for theirs, ours in names.items():
        if decoded.get(theirs) is None or (craft and theirs in CRAFT_DIFFERS):
            continue
        value = expected[ours].strip() if isinstance(expected[ours], str) else expected[ours]
        assert (decoded[theirs].strip() if isinstance(value, str) else int(decoded[theirs])) == value, theirs
        compared += 1
    assert compared >= 1
    if kind == 18:
        assert int("".join(str(int(decoded[name])) for name in ("cs", "display", "dsc", "band", "msg22")), 2) == expected["class_b"]


@pytest.mark.parametrize("kind", TYPES)
def test_untouched_fields_say_not_available(kind):
    messages = new_messages(1)
    messages["mmsi"], messages["msg_type"] = 512_900_001, kind
    (heard,) = read_lines(encode(messages, new_particulars(1)))
    found = message(heard.bits)
    missing = {"lat": b.LAT_MISSING, "lon": b.LON_MISSING, "sog": b.SOG_MISSING, "cog": b.COG_MISSING, "hdg": b.HDG_MISSING, "rot": b.ROT_MISSING}
    missing |= {"nav": b.NAV_MISSING, "sec": b.SEC_MISSING, "alt_m": b.ALT_MISSING, "eta_hour": 24, "eta_minute": 60, "hour": 24, "minute": 60, "second": 60}
    missing |= {"dte": 1, "class_b": 0b10011, "msg_type": kind, "mmsi": 512_900_001}
    if kind == 27:
        missing |= {"lat": 54_600, "lon": 108_600, "sog": 63, "cog": 511}
    assert {name: value for name, value in found.items() if name != "bits" and value != missing.get(name, 0) and value != ""} == {}


REFUSED = [
    *[
        (1, "mmsi", 1_000_000_000),
        (1, "cog", 3601),
        (1, "hdg", 360),
        (1, "hdg", 512),
        (1, "lat", 54_000_001),
        (1, "lat", -54_600_000),
        (1, "lon", -108_600_000),
    ],
    *[(1, "sog", 1024), (27, "sog", 63), (27, "cog", 360), (1, "msg_type", 6), (1, "radio", 1 << 19), (18, "radio", 1 << 20), (1, "maneuver", 3)],
    *[(1, "channel", 67), (1, "who", 1), (4, "utc_ms", 1 << 60), (24, "part", 4), (5, "port", 64), (5, "eta_month", 13), (5, "imo", 1 << 30)],
    *[(21, "ship_type", 32), (12, "text_length", 157), (14, "text_length", 162), (18, "class_b", 32), (24, "serial", 1 << 20), (27, "lat", 54_000_001)],
]


@pytest.mark.parametrize(("kind", "name", "value"), REFUSED)
def test_what_a_message_cannot_carry_is_refused_by_name(kind, name, value):
    messages, particulars = new_messages(1), new_particulars(1)
    messages["msg_type"] = kind
    check_messages(messages, particulars)
    (messages if name in (MESSAGE_DTYPE.names or ()) else particulars.rows)[name] = value
    with pytest.raises(InputError, match=f"^{name}: "):
        check_messages(messages, particulars)


@pytest.mark.parametrize(("name", "value"), [("lat", 57_000_000), ("lon", -120_000_000), ("cog", 4000), ("hdg", 400), ("mmsi", 1_073_741_823)])
def test_wrong_values_are_asked_for_by_name(name, value):
    messages = new_messages(1)
    messages[name] = value
    with pytest.raises(InputError, match=name):
        encode(messages, new_particulars(1))
    (heard,) = read_lines(encode(messages, new_particulars(1), wrong=(name,)))
    assert message(heard.bits)[name] == value
    messages["lat"] = 1 << 30
    with pytest.raises(InputError, match="lat"):
        encode(messages, new_particulars(1), wrong=(name, "lat"))


def test_texts_are_refused_by_name():
    particulars = new_particulars(1)
    for column, name, words in [
        (NAME, "name", "lower case"),
        (CALLSIGN, "callsign", "TOO LONG"),
        (DESTINATION, "destination", "MALMÖ"),
        (VENDOR, "vendor", "ABCD"),
    ]:
        with pytest.raises(InputError, match=name):
            particulars.write(0, column, words, name=name)
    particulars.letters[0, 7] = ord("a")
    with pytest.raises(InputError, match="letters"):
        check_messages(new_messages(1), particulars)


def test_units_are_rounded_and_missing_stays_missing():
    messages = new_messages(4)
    messages["msg_type"] = [1, 9, 27, 18]
    nan = np.nan
    set_units(
        messages, lat_deg=[-90, 90, 0.0000009, nan], lon_deg=180.0, sog_kn=[102.2, 1022, 61.5, nan], cog_deg=[359.96, 1.25, 359.5, nan], heading_deg=359.5
    )
    assert messages["lat"].tolist() == [-54_000_000, 54_000_000, 1, b.LAT_MISSING]
    assert messages["lon"].tolist() == [108_000_000] * 4
    assert messages["sog"].tolist() == [1022, 1022, 62, b.SOG_MISSING]
    assert messages["cog"].tolist() == [0, 13, 0, b.COG_MISSING]
    assert messages["hdg"].tolist() == [0] * 4
    check_messages(messages, new_particulars(4))


@pytest.mark.parametrize(
    ("name", "value"), [("lat_deg", 90.001), ("lon_deg", -181.0), ("sog_kn", 102.3), ("cog_deg", 360.1), ("heading_deg", -1.0), ("lat_deg", np.inf)]
)
def test_units_beyond_their_range_are_refused_by_name(name, value):
    with pytest.raises(InputError, match=name):
        set_units(new_messages(1), **{name: value})


def fleet(kinds: list[int]) -> tuple[np.ndarray, Particulars]:
    """Messages of some types with a little in every field, one every 1.5 s."""
    messages, particulars = new_messages(len(kinds)), new_particulars(len(kinds))
    messages["msg_type"], messages["mmsi"], messages["part"] = kinds, 512_900_000 + np.arange(len(kinds)), np.arange(len(kinds)) % 2
    messages["t_ms"] = T_MS + 1500 * np.arange(len(kinds))
    messages["channel"] = np.where(np.arange(len(kinds)) % 3, 65, 66)
    messages["lat"], messages["lon"], messages["sec"] = 30_000_000, 6_000_000, messages["t_ms"] // 1000 % 60
    for i in range(len(kinds)):
        particulars.write(i, NAME, f"VESSEL {i}", name="name")
        particulars.write(i, TEXT, "SECURITE " * 17, name="text")
    particulars.rows["text_length"] = 153
    return messages, particulars


KINDS = st.lists(st.sampled_from(TYPES), min_size=1, max_size=30)


@settings(max_examples=15, deadline=None)
@given(KINDS, st.sampled_from([56, 60]), st.sampled_from(["s", "ms"]), st.booleans(), st.booleans())
def test_sentences_are_framed_tagged_and_numbered(kinds, part_chars, unit, own_ship, line_numbers):
    messages, particulars = fleet(kinds)
    hearings = np.zeros(2 * len(kinds), HEARING_DTYPE)
    hearings["message"], hearings["receiver"] = np.repeat(np.arange(len(kinds)), 2), np.tile([0, 1], len(kinds))
    hearings["t_rx_ms"] = T_MS + 1500 * np.arange(len(hearings))
    state = SentenceState(["EX-north", "EX-s"], unit, own_ship=own_ship, part_chars=part_chars, line_numbers=line_numbers)
    cut = len(hearings) // 2
    payloads = encode_payloads(messages, particulars)
    data = encode_sentences(payloads, hearings[:cut], state) + encode_sentences(payloads, hearings[cut:], state)
    assert data.endswith(b"\r\n")
    lines = data.split(b"\r\n")[:-1]
    assert all(b"s:EX-" in line and len(line[line.index(b"!") :]) <= 80 for line in lines)
    assert all((b"!AIVDO" in line) == own_ship for line in lines)
    heard = list(read_lines(lines))
    assert [h.station for h in heard] == ["EX-north", "EX-s"] * len(kinds)
    assert [h.stamp for h in heard] == (hearings["t_rx_ms"] // (1000 if unit == "s" else 1)).tolist()
    assert [message(h.bits)["msg_type"] for h in heard] == np.repeat(kinds, 2).tolist()
    for channel in (b"A", b"B"):  # message ids run through 0-9 by themselves on each channel
        ids = [line.split(b",")[-4] for line in lines if b"g:1-" in line and b"EX-north" in line and line.split(b",")[-3] == channel]
        assert ids == [b"%d" % ((i + 1) % 10) for i in range(len(ids))]
    numbers = [int(n) for line in lines if b"EX-north" in line for n in re.findall(rb"n:(\d+)", line)]
    assert numbers == (list(range(1, len(numbers) + 1)) if line_numbers else [])
    again = SentenceState(["EX-north", "EX-s"], unit, own_ship=own_ship, part_chars=part_chars, line_numbers=line_numbers)
    assert encode_sentences(payloads, hearings, again) == data


WRAPPERS = st.fixed_dictionaries(
    {
        "tag_time": st.sampled_from(["", "s", "ms"]),
        "prefix": st.sampled_from(["", "s", "ms", "us", "ns"]),
        "line_numbers": st.booleans(),
        "pghp": st.booleans(),
        "trailer": st.booleans(),
        "part_chars": st.sampled_from([43, 56, 60]),
    }
)


def rounding_ms(options: dict) -> int:
    """What times are rounded to by the wrapper that the decoder takes first; 0 where there is none."""
    if options["tag_time"]:
        return 1000 if options["tag_time"] == "s" else 1
    if options["pghp"]:
        return 1
    if options["trailer"]:
        return 1000
    return {"": 0, "s": 1000}.get(options["prefix"], 1)


@settings(max_examples=60, deadline=None)
@given(KINDS, WRAPPERS, st.booleans())
def test_wrappers_change_only_time_station_and_flags(kinds, options, in_datagrams):
    messages, particulars = fleet(kinds)
    plain, wrapped = DecodeState("s"), DecodeState("s")
    bare = decode(plain, b"\n".join(encode(messages, particulars)), final=True)
    lines = b"".join(line + b"\r\n" for line in encode(messages, particulars, station="hill", **options))
    dressed = decode(wrapped, b"".join(datagrams(lines)) if in_datagrams else lines, final=True)
    unit_ms = rounding_ms(options)
    changes = {"t_ms", "t_rx_ms", "flags", "src", "receivers", "t_src", "release_ms"}
    for before, after in ((bare.fixes, dressed.fixes), (bare.statics, dressed.statics)):
        same = [name for name in before.dtype.names or () if name not in changes]
        assert before[same].tolist() == after[same].tolist()
        assert not ((before["flags"] ^ after["flags"]) & ~np.uint32(b.F_NO_TIME)).any()
        if options["tag_time"] or options["pghp"] or options["trailer"]:
            assert {wrapped.receivers[src] for src in after["src"]} <= {"s/hill"}
        assert set(after["t_rx_ms"].tolist()) <= ({t // unit_ms * unit_ms for t in messages["t_ms"].tolist()} if unit_ms else {b.T_MISSING})
    assert plain.counts.decoded == wrapped.counts.decoded
    assert wrapped.counts.rejected == {}
    assert not {"pghp_mismatch", "pghp_bad", "n_gap", "tag_checksum", "garbage_prefix", "time_backstep"} & set(wrapped.counts.notes)
    assert len(wrapped.counts.other) == options["pghp"]


def test_each_datagram_is_one_message():
    messages, particulars = fleet([1, 5, 18, 14])
    lines = b"".join(line + b"\r\n" for line in encode(messages, particulars, tag_time="s", line_numbers=True))
    found = datagrams(lines)
    assert [each.count(b"\r\n") for each in found] == [1, 2, 1, 3]
    assert all(each.startswith(b"UdPbC\0\\") for each in found)
    assert b"".join(each.removeprefix(b"UdPbC\0") for each in found) == lines


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("talker", "ai"),
        ("talker", "AIS"),
        ("tag_time", "us"),
        ("prefix", "h"),
        ("part_chars", 0),
        ("part_chars", 90),
        ("stations", ["a,b"]),
        ("stations", ["x" * 49]),
    ],
)
def test_settings_are_refused_by_name(name, value):
    with pytest.raises(InputError, match=f"^{name}"):
        SentenceState(**{"stations": ["a"], name: value})


def test_without_tag_blocks_lines_begin_with_the_sentence():
    messages = new_messages(3)
    assert all(line.startswith(b"!AIVDM,1,1,,A,") for line in encode(messages, new_particulars(3)))


def test_nothing_in_gives_nothing_out():
    assert encode(new_messages(0), new_particulars(0)) == []


@pytest.mark.parametrize("mix", MIXES)
def test_what_the_benchmark_measures_is_right(mix):
    """The benchmark's own check, at a size that costs nothing: every message decoded, every position as given."""
    messages, particulars = sea(MIXES[mix], 300)
    assert check(messages, encode_ours(messages, particulars, "s")) >= 300
