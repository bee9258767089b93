"""The policy tables as cases: `decode_policy.toml` in, classes, notes and rows out. Then values, times and rare things one by one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dogwatch.batch as batch_module
from dogwatch.batch import (
    COG_MISSING,
    F_COARSE,
    F_DELAYED,
    F_EXERCISE,
    F_FIX_STATE,
    F_LONG,
    F_MMSI_BAD,
    F_NO_TIME,
    F_NULL_ISLAND,
    F_RANGE,
    F_SHORT,
    F_SOG_MAX,
    HDG_MISSING,
    LAT_MISSING,
    LON_MISSING,
    SEC_MISSING,
    SOG_MISSING,
    T_MISSING,
    T_SRC_ARRIVAL,
    T_SRC_BASE,
    T_SRC_OWN_SHIP,
    Batch,
)
from dogwatch.config import Config, parse
from dogwatch.errors import ConfigError
from ingest.decode import DecodeState, decode
from ingest.records import records
from runners.intake import lanes_of
from tests.decode_inputs import T0, armour, bits_of, one, pghp, position, rmc, sentence, single_slot_aid, six_bit, static, tag, two
from tests.naive_decode import checksum

CASES = tomllib.loads((Path(__file__).parent / "decode_policy.toml").read_text())["case"]


def completed(line: str) -> bytes:
    """The bytes of a case's line, with every '*??' made right."""
    data = line.encode("latin-1")
    while (at := data.find(b"*??")) >= 0:
        start = max(data.rfind(b"!", 0, at), data.rfind(b"$", 0, at), data.rfind(b"\\", 0, at))
        data = data[: at + 1] + b"%02X" % checksum(data[start + 1 : at]) + data[at + 3 :]
    return data


def classes_of(state: DecodeState) -> dict[str, int]:
    counts = state.counts
    out = {name: getattr(counts, name) for name in ("lines", "glued", "blank", "tag_only", "parts", "open")}
    for group in ("other", "decoded", "rejected"):
        out |= {f"{group} {name}": n for name, n in getattr(counts, group).items()}
    return {name: n for name, n in out.items() if n}


@pytest.mark.parametrize("case", CASES, ids=[re.sub(r"\W+", "-", case["name"]) for case in CASES])
def test_policy(case: dict[str, Any]) -> None:
    state = DecodeState("s", checksum=case.get("checksum", "drop"), tags=case.get("tags", "keep"))
    batch = decode(state, b"\r\n".join(completed(line) for line in case["lines"]) + b"\r\n", final=True)
    assert classes_of(state) == case["classes"]
    assert {name: n for name, n in state.counts.notes.items() if name != "time_none"} == case.get("notes", {})
    assert set(state.samples) == set(state.counts.rejected)
    if "fixes" in case:
        assert len(batch.fixes) == case["fixes"]
    if "flags" in case:
        assert batch.fixes["flags"][0] == sum(getattr(batch_module, name) for name in case["flags"])
    missing = {"lat": LAT_MISSING, "lon": LON_MISSING, "sog": SOG_MISSING}
    for name, value in case.get("first", {}).items():
        assert batch.fixes[name][0] == (missing[name] if value == "missing" else value), name
    for name, value in case.get("static", {}).items():
        assert batch.statics[name][0] == value, name
    if "stations" in case:
        assert list(batch.receivers) == ["s", *(f"s/{name}" for name in case["stations"])]


def test_cases_are_there() -> None:
    assert len(CASES) > 50


def rows(*lines: bytes, t_rx_ms: int | None = None, exercise: bool = False) -> Batch:
    return decode(DecodeState("s", exercise=exercise), b"\n".join(lines) + b"\n", t_rx_ms)


def test_sentinels_are_missing_and_ranges_flagged() -> None:
    fix = rows(one(position(lat=LAT_MISSING, lon=LON_MISSING, sog=1023, cog=3600, hdg=511, sec=60, nav=15))).fixes[0]
    assert (fix["lat"], fix["lon"], fix["sog"], fix["cog"], fix["hdg"], fix["sec"]) == (
        LAT_MISSING,
        LON_MISSING,
        SOG_MISSING,
        COG_MISSING,
        HDG_MISSING,
        SEC_MISSING,
    )
    assert fix["flags"] == F_NO_TIME
    fix = rows(one(position(lat=54_000_001, cog=3601, hdg=360))).fixes[0]
    assert (fix["lat"], fix["lon"], fix["cog"], fix["hdg"]) == (LAT_MISSING, LON_MISSING, COG_MISSING, HDG_MISSING)
    assert fix["flags"] & F_RANGE
    fix = rows(one(position(lat=LAT_MISSING, lon=0))).fixes[0]
    assert (fix["lat"], fix["lon"]) == (LAT_MISSING, LON_MISSING)  # one missing, both missing
    fix = rows(one(position(lat=0, lon=0, sog=1022, sec=61))).fixes[0]
    assert fix["flags"] & F_NULL_ISLAND
    assert fix["flags"] & F_SOG_MAX
    assert fix["flags"] & F_FIX_STATE
    assert (fix["lat"], fix["sog"], fix["sec"]) == (0, 1022, SEC_MISSING)


def test_units_are_the_same_in_every_type() -> None:
    coarse = bits_of((27, 6), (3, 2), (257000001, 30), (1, 1), (0, 1), (5, 4), (6000, 18), (30000, 17), (12, 6), (181, 9), (0, 2))
    fix = rows(one(coarse)).fixes[0]
    assert (fix["lon"], fix["lat"], fix["sog"], fix["cog"], fix["nav"]) == (6_000_000, 30_000_000, 120, 1810, 5)
    assert fix["flags"] & F_COARSE
    missing = bits_of((27, 6), (3, 2), (257000001, 30), (1, 1), (0, 1), (15, 4), (108_600, 18), (54_600, 17), (63, 6), (511, 9), (0, 2))
    fix = rows(one(missing)).fixes[0]
    assert (fix["lon"], fix["lat"], fix["sog"], fix["cog"]) == (LON_MISSING, LAT_MISSING, SOG_MISSING, COG_MISSING)
    assert not fix["flags"] & F_RANGE
    plane = bits_of((9, 6), (0, 2), (111257001, 30), (303, 12), (120, 10), (1, 1), (6_000_000, 28), (30_000_000, 27), (900, 12), (7, 6), (0, 34))
    fix = rows(one(plane)).fixes[0]
    assert (fix["alt_m"], fix["sog"], fix["cog"], fix["sec"]) == (303, 1200, 900, 7)


def test_a_single_slot_aid_is_a_fix_and_keeps_its_sentence() -> None:
    for lines in ([one(single_slot_aid(sec=9, lat=-30_000_000))], two(single_slot_aid(sec=9, lat=-30_000_000), cut=14)):
        batch = rows(*lines)
        fix = batch.fixes[0]
        assert (fix["msg_type"], fix["mmsi"], fix["lon"], fix["lat"], fix["sec"]) == (28, 992570001, 6_000_000, -30_000_000, 9)
        assert (fix["sog"], fix["cog"], fix["hdg"]) == (SOG_MISSING, COG_MISSING, HDG_MISSING)
        assert list(batch.others["msg_type"]) == [28]
        assert batch.raw == one(single_slot_aid(sec=9, lat=-30_000_000))
    for bits in (single_slot_aid()[:-1], single_slot_aid() + "0"):
        assert len(rows(one(bits)).fixes) == 0  # 168 bits exactly, or it is noise
    for lines in ([one(single_slot_aid(972000001))], two(single_slot_aid(972000001), cut=14)):
        batch = rows(*lines)
        assert (len(batch.fixes), [r.kind for r in batch.safety], batch.raw) == (1, ["beacon"], one(single_slot_aid(972000001)))


def test_statics_carry_every_field() -> None:
    row = rows(*two(static(name="EVER NEVER@X", destination="@@ NOWHERE "))).statics[0]
    assert (row["callsign"], row["name"], row["destination"]) == (b"LA1234", b"EVER NEVER", b"NOWHERE")
    assert (row["imo"], row["ship_type"], row["bow"], row["stern"], row["port"], row["starboard"]) == (9074729, 70, 100, 20, 10, 12)
    assert (row["eta_month"], row["eta_day"], row["eta_hour"], row["eta_minute"], row["draught_dm"]) == (5, 6, 7, 8, 55)
    assert not row["flags"] & F_RANGE
    part_b = bits_of((24, 6), (0, 2), (982570001, 30), (1, 2), (37, 8), (0, 42)) + six_bit("LB77", 7) + bits_of((257000001, 30), (0, 6))
    row = rows(one(part_b)).statics[0]
    assert (row["callsign"], row["mothership"], row["bow"], row["part"], row["ship_type"]) == (b"LB77", 257000001, 0, 1, 37)
    buoy = bits_of((21, 6), (0, 2), (992570001, 30), (14, 5)) + six_bit("TWENTY CHARACTERS AB", 20)
    buoy += bits_of((1, 1), (6_000_000, 28), (30_000_000, 27), (1, 9), (2, 9), (3, 6), (4, 6), (1, 4), (9, 6), (0, 13)) + six_bit("CDE", 3)
    batch = rows(one(buoy))
    assert (batch.statics[0]["name"], batch.statics[0]["ship_type"], batch.statics[0]["starboard"]) == (b"TWENTY CHARACTERS ABCDE", 14, 4)
    assert (batch.fixes[0]["lat"], batch.fixes[0]["sec"], batch.fixes[0]["msg_type"]) == (30_000_000, 9, 21)


def test_a_static_row_is_never_partly_filled_from_a_cut() -> None:
    bits = static()
    for cut in range(40, 424):
        row = rows(one(bits[:cut])).statics[0]
        assert row["name"] == (b"EVER NEVER" if cut >= 232 else b"")
        assert row["bow"] == (100 if cut >= 270 else 0)
        assert row["draught_dm"] == (55 if cut >= 302 else 0)
        assert row["destination"] == b"NOWHERE"[: max(0, (cut - 302) // 6)]


def test_a_position_never_comes_from_a_cut() -> None:
    bits = position(lat=12_345_678, lon=-23_456_789)
    for cut in range(38, 168):
        fix = rows(one(bits[:cut])).fixes[0]
        assert (fix["lat"], fix["lon"]) == ((12_345_678, -23_456_789) if cut >= 143 else (LAT_MISSING, LON_MISSING))


@pytest.mark.parametrize(
    ("rx_s", "sec", "t_s", "delayed"),
    [
        (100, 38, 98, False),
        (100, 40, 100, False),
        (100, 10, 70, False),
        (100, 41, 101, False),
        (100, 42, 102, False),
        (100, 43, 100, True),
        (100, 9, 100, True),
        (100, 60, 100, False),
    ],
)
def test_event_time(rx_s: int, sec: int, t_s: int, delayed: bool) -> None:
    base = T0 // 60 * 60
    fix = rows(tag(f"c:{base + rx_s}") + one(position(sec=sec))).fixes[0]
    assert fix["t_ms"] == (base + t_s) * 1000
    assert bool(fix["flags"] & F_DELAYED) is delayed


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("2026-01-01T00:00:10", 10),
        ("2026-01-01T00:00:10Z", 10),
        ("2026-01-01T00:00:10.5Z", 10.5),
        ("2026-01-01T00:00:10.123456+00:00", 10.123),
        ("2026-01-01T02:00:10+02:00", 10),
        ("2026-01-01T05:30:10.250+0530", 10.25),
        ("2025-12-31T20:30:10-03:30", 10),
        ("2025-12-31 21:00:10-03", 10),
        ("2026-01-01T00:00:10+2", None),
        ("2026-01-01T00:00:10+15:00", None),
        ("2026-01-01T00:00:10-01:60", None),
        ("2026-01-01T00:00:10+02:000", None),
    ],
)
def test_a_leading_time_is_turned_to_utc(stamp: str, seconds: float | None) -> None:
    state = DecodeState("s")
    fix = decode(state, stamp.encode() + b" " + one(position()) + b"\n").fixes[0]
    assert fix["t_rx_ms"] == (T_MISSING if seconds is None else T0 * 1000 + round(seconds * 1000))
    assert state.counts.notes.get("garbage_prefix", 0) == (seconds is None)


def test_what_the_receiver_buffered_is_flagged_as_delayed() -> None:
    late, soon = pghp(online=0), pghp(online=1)
    batch = rows(late, one(position()), one(position()), soon, one(position()), late, *two(static()), late, b"$PSTT,x", one(position()))
    assert [bool(flags & F_DELAYED) for flags in batch.fixes["flags"]] == [True, False, False, False]
    assert [bool(flags & F_DELAYED) for flags in batch.statics["flags"]] == [True]
    assert batch.fixes["t_rx_ms"][0] == T0 * 1000 + 7250  # a time it is, all the same
    state = DecodeState("s")
    decode(state, late + b"\n" + tag("s:x") + b"\n")
    state = DecodeState.from_sections(state.to_sections())
    assert decode(state, one(position()) + b"\n").fixes["flags"][0] & F_DELAYED
    decode(state, late + b"\n")
    state.relink()
    assert not decode(state, one(position()) + b"\n").fixes["flags"][0] & F_DELAYED


def test_milliseconds_stay_where_no_second_says_better() -> None:
    line = tag(f"c:{T0}.250")
    assert rows(line + one(position(sec=60))).fixes["t_ms"][0] == T0 * 1000 + 250
    assert rows(line + one(position(sec=0))).fixes["t_ms"][0] == T0 * 1000


def test_arrival_is_the_time_of_a_live_source_without_stamps() -> None:
    fix = rows(one(position(sec=60)), t_rx_ms=T0 * 1000 + 5).fixes[0]
    assert (fix["t_rx_ms"], fix["t_src"]) == (T0 * 1000 + 5, T_SRC_ARRIVAL)
    future = tag(f"c:{T0 + 2 * 86_400}")
    assert rows(future + one(position()), t_rx_ms=T0 * 1000).fixes["t_src"][0] == T_SRC_ARRIVAL


def test_own_ship_clock_is_the_last_resort_and_follows_no_stray() -> None:
    state = DecodeState("s")
    batch = decode(state, b"\n".join([rmc("010126", "000010"), one(position(sec=9)), rmc("030113", "140257"), one(position(sec=9))]) + b"\n")
    assert list(batch.fixes["t_src"]) == [T_SRC_OWN_SHIP] * 2
    assert list(batch.fixes["t_ms"]) == [(T0 + 9) * 1000] * 2
    assert state.counts.notes["own_ship_jump"] == 1
    batch = decode(state, b"\n".join([rmc("030113", "140257")] * 58 + [one(position(sec=60))]) + b"\n")
    assert batch.fixes["t_ms"][0] == (T0 + 10) * 1000  # 59 in all: not yet
    batch = decode(state, b"\n".join([rmc("030113", "140257"), one(position(sec=60))]) + b"\n")
    assert batch.fixes["t_ms"][0] == 1_357_221_777_000  # 60 agree: 2013-01-03T14:02:57Z
    assert rows(rmc("010126", "000010", status="V"), one(position())).fixes["t_ms"][0] == T_MISSING
    assert rows(rmc("010126", "000010")[:-2] + b"00", one(position())).fixes["t_ms"][0] == T_MISSING


def test_a_gps_that_has_just_been_switched_on_sets_no_clock() -> None:
    for day in ("060180", "220899"):
        assert rows(rmc(day, "000010"), one(position())).fixes["t_ms"][0] == T_MISSING


def test_a_single_foreign_stamp_does_not_move_an_own_ship_recording() -> None:
    state = DecodeState("s")
    good, foreign = one(position(sec=60)), one(position(sec=60)) + b",r1,1264100667"
    batch = decode(state, b"\n".join([rmc("010126", "000010"), good, foreign, foreign, good]) + b"\n")
    assert list(batch.fixes["t_ms"]) == [(T0 + 10) * 1000] * 4
    assert state.counts.notes["time_foreign"] == 2


def base_station(mmsi: int, second: int, year: int = 2026) -> bytes:
    return one(bits_of((4, 6), (0, 2), (mmsi, 30), (year, 14), (1, 4), (1, 5), (0, 5), (0, 6), (second, 6), (1, 1), (6_000_000, 28), (30_000_000, 27), (0, 34)))


def test_base_stations_set_the_time_only_together() -> None:
    lone = rows(*[base_station(2570001, i, 2006) for i in range(4)], one(position()))
    assert set(lone.fixes["t_ms"]) == {T_MISSING}
    agreed = rows(base_station(2570009, 0, 2006), *[base_station(2570001 + i % 2, i) for i in range(4)], one(position(sec=60)))
    assert agreed.fixes["t_src"][-1] == T_SRC_BASE
    assert agreed.fixes["t_rx_ms"][-1] == (T0 + 3) * 1000


def test_other_types_keep_their_sentence() -> None:
    seventeen = bits_of((17, 6), (0, 2), (2573105, 30), (0, 2), (-3000, 18), (36000, 17), (0, 5), (0, 40))
    binary = bits_of((8, 6), (0, 2), (257000001, 30), (0, 2), (1, 10), (31, 6)) + "01" * 190
    batch = rows(one(seventeen), *two(binary, channel="B"))
    assert list(batch.others["msg_type"]) == [17, 8]
    sentences = [batch.raw[o["start"] : o["start"] + o["length"]] for o in batch.others]
    assert sentences[0] == one(seventeen)
    assert sentences[1] == one(binary, channel="B")  # joined: one long sentence
    corrections, broadcast = (found for _, found in records(batch))
    assert (corrections.lon, corrections.lat) == (-5.0, 60.0)
    assert (broadcast.dac, broadcast.data_bits) == (1, 380)


def test_a_record_is_as_long_as_its_sentence() -> None:
    """Longer than the standard allows, but the decoder takes it: then nothing is cut off behind our back."""
    body = "10" * 1430
    batch = rows(one(bits_of((8, 6), (0, 2), (257000001, 30), (0, 2), (1, 10), (31, 6)) + body))
    ((_, found),) = records(batch)
    assert (found.data_bits, found.data) == (2860, int(body + "0" * 4, 2).to_bytes(358, "big"))


def test_other_messages_say_when_they_are_cut_or_too_long() -> None:
    head = (0, 2), (257000001, 30)
    cases = [
        (bits_of((10, 6), *head, (0, 2), (257000002, 30)), 0),
        (bits_of((10, 6), *head, (0, 2), (257000002, 20)), F_SHORT),
        (bits_of((10, 6), *head, (0, 42)), F_LONG),
        (bits_of((25, 6), *head, (1, 1), (0, 1), (257000002, 30)), 0),
        (bits_of((25, 6), *head, (1, 1), (1, 1), (257000002, 30)), F_SHORT),  # its flags promise an application id
        (bits_of((8, 6), (0, 2), (0, 30), (0, 2), (1, 16)), F_MMSI_BAD),
    ]
    for bits, flags in cases:
        assert rows(one(bits)).others["flags"].tolist() == [flags | F_NO_TIME], bits


def test_a_whole_record_has_the_flags_of_its_row() -> None:
    """Where every message is kept, those with columns say what the columns say: coarse, cut, out of range, delayed."""
    far = bits_of((27, 6), (3, 2), (257000001, 30), (1, 1), (0, 1), (5, 4), (6000, 18), (30000, 17), (12, 6), (181, 9), (0, 2))
    bad_imo = static().replace(f"{9074729:030b}", f"{9074728:030b}", 1)
    lines = [one(far), one(position()[:100]), one(position(cog=3601)), *two(bad_imo)]
    batch = decode(DecodeState("s", keep_all=True), b"".join(line + b"\n" for line in lines))
    assert batch.others["flags"].tolist() == [*batch.fixes["flags"], *batch.statics["flags"]]
    assert [int(flags) & ~F_NO_TIME for flags in batch.others["flags"]] == [F_COARSE, F_SHORT, F_RANGE, F_RANGE]


def test_a_fragment_without_a_stamp_is_as_late_as_the_stream() -> None:
    """`c:` stands on the first part only: what the sentences between say tells how long the second took."""
    first, second = two(static())
    for seconds, whole in ((2, 1), (3, 0), (-3, 0)):
        state = DecodeState("s")
        batch = decode(state, b"\n".join([tag(f"c:{T0}") + first, tag(f"c:{T0 + seconds}") + one(position()), second]) + b"\n")
        assert len(batch.statics) == whole, seconds
        assert state.counts.rejected == ({} if whole else {"part_expired": 1, "orphan_part": 1})


def test_whole_source_can_be_an_exercise() -> None:
    batch = rows(one(position()), *two(static()), one(position(970000001, nav=14)), exercise=True)
    assert np.all(batch.fixes["flags"] & F_EXERCISE)
    assert np.all(batch.statics["flags"] & F_EXERCISE)
    assert batch.safety[0].exercise


def test_damaged_safety_goes_ahead_and_nothing_else_does() -> None:
    def damaged(line: bytes) -> bytes:
        return line[:-2] + (b"00" if line[-2:] != b"00" else b"01")

    batch = rows(
        damaged(one(position())),
        damaged(one(position(970000001, nav=14))),
        damaged(one(bits_of((14, 6), (0, 2), (257000001, 30), (0, 2)) + six_bit("MAYDAY", 6))),
    )
    assert len(batch.fixes) == len(batch.statics) == len(batch.others) == 0
    assert [(r.kind, r.damaged, r.nav, r.text) for r in batch.safety] == [("beacon", True, 14, ""), ("text", True, 15, "MAYDAY")]
    assert batch.safety[0].lat == 30_000_000


def test_lost_fragment_of_a_safety_text_still_speaks() -> None:
    payload, _ = armour(bits_of((14, 6), (0, 2), (257000001, 30), (0, 2)) + six_bit("MAYDAY WE ARE SINKING OFF THE CAPE", 34))
    first = sentence(payload[:30], count=2, number=1, seq="1")
    again = sentence(payload[:28], count=2, number=1, seq="1")
    state = DecodeState("s")
    batch = decode(state, first + b"\n" + again + b"\n")
    assert [r.damaged for r in batch.safety] == [True]
    assert batch.safety[0].text.startswith("MAYDAY WE ARE SINKI")
    filler = b"".join(one(position()) + b"\n" for _ in range(1100))
    assert len(decode(state, filler).safety) == 1
    assert state.counts.rejected == {"part_restart": 1, "part_expired": 1}


def test_a_damaged_first_part_takes_the_older_message_with_it() -> None:
    """Otherwise its second part would complete the older one: the name of one ship with the destination of another."""
    (older, _), (first, second) = two(static(257000001), seq=4), two(static(257000002), seq=4)
    hurt = first.replace(b"VDM,2,1,4,A,5", b"VDM,2,1,4,A,6")
    assert hurt != first
    state = DecodeState("s")
    batch = decode(state, b"\n".join([older, hurt, second]) + b"\n")
    assert len(batch.statics) == 0
    assert state.counts.rejected == {"bad_checksum": 1, "part_restart": 1, "orphan_part": 1}


def test_policies_come_from_the_configuration() -> None:
    """`checksum` and `tags` of a source reach its decoder, and after a restart the configuration counts, not the snapshot."""
    text = '[[sources]]\nid = "a"\nkind = "tcp"\nchecksum = "flag"\ntags = "strict"\n[[sources]]\nid = "b"\nkind = "tcp"\n'
    strict, plain = lanes_of(parse(text, Config, file="x.toml"))
    line = one(position())
    stale, damaged = tag(f"s:x,c:{T0}", wrong=1) + line + b"\n", line[:-2] + (b"00" if line[-2:] != b"00" else b"01") + b"\n"
    assert (strict.feed(stale).fixes["t_ms"][0], plain.feed(stale).fixes["t_rx_ms"][0]) == (T_MISSING, T0 * 1000)
    assert (len(strict.feed(damaged).fixes), len(plain.feed(damaged).fixes)) == (1, 0)
    restarted = lanes_of(parse(text.replace("strict", "keep").replace("flag", "drop"), Config, file="x.toml"))[0]
    restarted.restore(strict.to_sections())
    assert restarted.feed(stale).fixes["t_rx_ms"][0] == T0 * 1000
    assert len(restarted.feed(damaged).fixes) == 0
    for wrong in (text.replace("strict", "loose"), text.replace("flag", "ignore")):
        with pytest.raises(ConfigError, match=r"tags|checksum"):
            parse(wrong, Config, file="x.toml")
