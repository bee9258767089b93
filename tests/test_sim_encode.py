"""The encoder says exactly what it was given: to a bit-by-bit reader, and to pyais, sentinels and extremes included."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyais
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.batch import ALT_MISSING, COG_MISSING, HDG_MISSING, LAT_MISSING, LON_MISSING, NAV_MISSING, ROT_MISSING, SEC_MISSING, SOG_MISSING, T_MISSING
from dogwatch.errors import InputError
from sim.encode import (
    CALLSIGN,
    DESTINATION,
    HEARING_DTYPE,
    NAME,
    TEXT,
    TYPES,
    Particulars,
    SentenceState,
    check_messages,
    encode,
    encode_payloads,
    encode_sentences,
    new_messages,
    new_particulars,
)
from tests.naive_sim import message, read_lines

BITS = {1: 168, 2: 168, 3: 168, 4: 168, 5: 424, 9: 168, 11: 168, 18: 168, 19: 312, 21: 272, 27: 96}
SIX_BIT = st.text(st.sampled_from([chr(c) for c in range(32, 96) if c != 64]), max_size=20)
TEXTS = SIX_BIT.map(lambda t: t.rstrip())


def integers(least: int, most: int, *special: int) -> st.SearchStrategy[int]:
    return st.sampled_from([least, most, *special]) | st.integers(least, most)


MOTION = {
    "mmsi": integers(0, 999_999_999),
    "lat": integers(-54_000_000, 54_000_000, LAT_MISSING, 0),
    "lon": integers(-108_000_000, 108_000_000, LON_MISSING, 0),
    "sog": integers(0, 1023),
    "cog": integers(0, 3600),
    "hdg": integers(0, 359, HDG_MISSING),
    "alt_m": integers(0, 4095),
    "nav": integers(0, 15),
    "rot": integers(-128, 127),
    "sec": integers(0, 63),
    "accurate": integers(0, 1),
    "radio": integers(0, (1 << 19) - 1),
    "part": integers(0, 1),
}
SIZE = {
    "imo": integers(0, (1 << 30) - 1),
    "bow": integers(0, 511),
    "stern": integers(0, 511),
    "port": integers(0, 63),
    "starboard": integers(0, 63),
    "ship_type": integers(0, 31),
    "draught_dm": integers(0, 255),
    "eta_month": integers(0, 12),
    "eta_day": integers(0, 31),
    "eta_hour": integers(0, 24),
    "eta_minute": integers(0, 60),
    "epfd": integers(0, 15),
    "virtual": integers(0, 1),
}


@pytest.mark.parametrize("kind", TYPES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_every_field_comes_back(kind, data):
    messages, particulars = new_messages(1), new_particulars(1)
    values = data.draw(st.fixed_dictionaries({**MOTION, **SIZE}))
    texts = {"name": data.draw(TEXTS), "callsign": data.draw(TEXTS)[:7].rstrip(), "destination": data.draw(TEXTS), "text": data.draw(TEXTS)}
    if kind in (9, 27):
        values["cog"] = data.draw(integers(0, 360 if kind == 27 else 3600, COG_MISSING))
        values["sog"] = data.draw(integers(0, 1022 if kind == 9 else 62, SOG_MISSING))
    messages["msg_type"] = kind
    utc_ms = data.draw(st.integers(0, 4_000_000_000) | st.none())
    messages["utc_ms"] = T_MISSING if utc_ms is None else utc_ms * 1000
    for name in MOTION:
        messages[name] = values[name]
    for name in SIZE:
        particulars.rows[name] = values[name]
    for name, column in {"name": NAME, "callsign": CALLSIGN, "destination": DESTINATION, "text": TEXT}.items():
        particulars.write(0, column, texts[name], name=name)
    particulars.rows["text_length"] = len(texts["text"])

    lines = encode(messages, particulars)
    heard = list(read_lines(lines))
    assert len(heard) == 1
    found = message(heard[0].bits)
    expected = {**values, **texts, "msg_type": kind, "bits": BITS.get(kind, found["bits"])}
    if kind == 27:
        expected["lat"], expected["lon"] = (values["lat"] + 500) // 1000, (values["lon"] + 500) // 1000
        expected["sog"] = 63 if values["sog"] == SOG_MISSING else values["sog"]
        expected["cog"] = 511 if values["cog"] == COG_MISSING else values["cog"]
    if utc_ms is None:
        expected |= {"year": 0, "month": 0, "day": 0, "hour": 24, "minute": 60, "second": 60}
    else:
        moment = datetime.fromtimestamp(utc_ms, UTC)
        expected |= {name: getattr(moment, name) for name in ("year", "month", "day", "hour", "minute", "second")}
    assert found == {name: expected[name] for name in found}
    assert_pyais_agrees(lines, expected)


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
    same = {
        "heading": "hdg",
        "second": "sec",
        "to_bow": "bow",
        "to_stern": "stern",
        "to_port": "port",
        "to_starboard": "starboard",
        "imo": "imo",
        "alt": "alt_m",
    }
    same |= {"year": "year", "minute": "minute", "second": "second"} if kind in (4, 11) else {"month": "eta_month", "hour": "eta_hour", "minute": "eta_minute"}
    for theirs, ours in same.items():
        if theirs in decoded:
            assert decoded[theirs] == expected[ours], theirs
    for theirs, ours in {"shipname": "name", "name": "name", "callsign": "callsign", "destination": "destination", "text": "text"}.items():
        if decoded.get(theirs) is not None:
            assert decoded[theirs].strip() == expected[ours].strip(), theirs


def test_untouched_fields_say_not_available():
    messages = new_messages(1)
    messages["mmsi"] = 512_900_001
    (heard,) = read_lines(encode(messages, new_particulars(1)))
    found = message(heard.bits)
    assert (found["lat"], found["lon"], found["sog"], found["cog"], found["hdg"]) == (LAT_MISSING, LON_MISSING, SOG_MISSING, COG_MISSING, HDG_MISSING)
    assert (found["rot"], found["nav"], found["sec"], int(messages["alt_m"][0])) == (ROT_MISSING, NAV_MISSING, SEC_MISSING, ALT_MISSING)


@pytest.mark.parametrize(
    ("name", "value"), [("mmsi", 1_000_000_000), ("sog", 1024), ("cog", 3601), ("hdg", 512), ("lat", 54_600_001), ("lon", -108_600_000), ("msg_type", 6)]
)
def test_what_a_message_cannot_carry_is_refused_by_name(name, value):
    messages = new_messages(1)
    messages[name] = value
    with pytest.raises(InputError, match=name):
        check_messages(messages, new_particulars(1))


def test_particulars_are_checked_too():
    particulars = new_particulars(1)
    with pytest.raises(InputError, match="name"):
        particulars.write(0, NAME, "lower case", name="name")
    with pytest.raises(InputError, match="callsign"):
        particulars.write(0, CALLSIGN, "TOO LONG", name="callsign")
    particulars.rows["port"] = 64
    with pytest.raises(InputError, match="port"):
        check_messages(new_messages(1), particulars)
    messages = new_messages(1)
    messages["who"] = 1
    with pytest.raises(InputError, match="who"):
        check_messages(messages, new_particulars(1))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([1, 5, 14, 18, 19, 24]), min_size=1, max_size=30), st.sampled_from([56, 60]), st.sampled_from(["s", "ms"]), st.booleans())
def test_sentences_are_framed_tagged_and_numbered(kinds, part_chars, unit, own_ship):
    messages, particulars = new_messages(len(kinds)), new_particulars(len(kinds))
    messages["msg_type"], messages["mmsi"] = kinds, 512_900_000 + np.arange(len(kinds))
    long = Particulars(particulars.rows, particulars.letters)
    for i in range(len(kinds)):
        long.write(i, TEXT, "SECURITE " * 17, name="text")
    long.rows["text_length"] = 153
    hearings = np.zeros(2 * len(kinds), HEARING_DTYPE)
    hearings["message"], hearings["receiver"] = np.repeat(np.arange(len(kinds)), 2), np.tile([0, 1], len(kinds))
    hearings["t_rx_ms"] = 1_767_225_600_000 + 1500 * np.arange(len(hearings))
    state = SentenceState(["EX-north", "EX-s"], unit, own_ship=own_ship, part_chars=part_chars)
    cut = len(hearings) // 2
    payloads = encode_payloads(messages, long)
    data = encode_sentences(payloads, hearings[:cut], state) + encode_sentences(payloads, hearings[cut:], state)
    assert data.endswith(b"\r\n")
    lines = data.split(b"\r\n")[:-1]
    assert all(b"s:EX-" in line and len(line[line.index(b"!") :]) <= 80 for line in lines)
    assert all((b"!AIVDO" in line) == own_ship for line in lines)
    heard = list(read_lines(lines))
    assert [h.station for h in heard] == ["EX-north", "EX-s"] * len(kinds)
    assert [h.stamp for h in heard] == (hearings["t_rx_ms"] // (1000 if unit == "s" else 1)).tolist()
    assert [message(h.bits)["msg_type"] for h in heard] == np.repeat(kinds, 2).tolist()
    numbers = [line.split(b",")[-4] for line in lines if b"g:1-" in line and b"EX-north" in line]
    assert numbers == [b"%d" % ((i + 1) % 10) for i in range(len(numbers))]


def test_without_tag_blocks_lines_begin_with_the_sentence():
    messages = new_messages(3)
    assert all(line.startswith(b"!AIVDM,1,1,,A,") for line in encode(messages, new_particulars(3)))
