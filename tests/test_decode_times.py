"""What the bytes say about time beside their stamps: the minute in the radio state, base stations' dates, stamps that step or jump."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dogwatch.batch import F_DELAYED, F_NO_TIME, F_STAMP_ODD, T_MISSING, T_SRC_BASE, T_SRC_NONE
from ingest.decode import DecodeState, decode
from sim.encode import encode, new_messages, new_particulars
from tests.decode_inputs import T0, any_position, bits_of, one, position, rmc, static, tag, two, utc_state
from tests.test_decode_twin import gathered

NOON = T0 + 12 * 3600  # 12:00:00Z
PLACE = ((6_000_000, 28), (30_000_000, 27))


def with_radio(kind: int, radio: int, *, itdma: int = 0, sec: int = 60) -> bytes:
    """A sentence of one type whose communication state is `radio`; `itdma` is the selector that types 9 and 18 have."""
    head = ((kind, 6), (0, 2), (257000001, 30))
    if kind <= 3:
        return one(position(kind=kind, sec=sec, radio=radio))
    if kind in (4, 11):
        fields = ((0, 14), (0, 4), (0, 5), (24, 5), (60, 6), (60, 6), (1, 1), *PLACE, (1, 4), (0, 11), (radio, 19))
    elif kind == 9:
        fields = ((303, 12), (120, 10), (1, 1), *PLACE, (900, 12), (sec, 6), (0, 14), (itdma, 1), (radio, 19))
    else:
        fields = ((0, 8), (120, 10), (1, 1), *PLACE, (900, 12), (91, 9), (sec, 6), (0, 9), (itdma, 1), (radio, 19))
    return one(bits_of(*head, *fields))


def read(line: bytes, **kwargs: int) -> tuple[bool, dict[str, int], int]:
    """Whether the last fix is flagged as delayed, the notes that are not time sources, and its event time."""
    state = DecodeState("s")
    fix = decode(state, line + b"\n", **kwargs).fixes[-1]
    return bool(fix["flags"] & F_DELAYED), {n: v for n, v in state.counts.notes.items() if n.startswith("radio_")}, int(fix["t_ms"])


LATE, AHEAD, FINE = (True, {"radio_time_late": 1}), (False, {"radio_time_ahead": 1}), (False, {})


@pytest.mark.parametrize(
    ("hour", "minute", "verdict"),
    [
        (12, 0, FINE),
        (11, 59, FINE),
        (12, 1, FINE),
        (11, 58, LATE),
        (12, 2, AHEAD),
        (0, 1, LATE),
        (0, 0, FINE),  # a radio without UTC
        (23, 59, AHEAD),
        (24, 0, FINE),  # not available
        (12, 60, FINE),
    ],
)
def test_the_radio_minute_shows_what_came_late(hour: int, minute: int, verdict: tuple) -> None:
    """With a blank before it, the line goes the long way."""
    line = tag(f"c:{NOON}") + with_radio(1, utc_state(hour, minute))
    for each in (line, b" " + line):
        delayed, notes, t_ms = read(each)
        assert (delayed, notes) == verdict
        assert t_ms == NOON * 1000  # the radio never sets a time


def test_the_radio_minute_is_compared_across_midnight() -> None:
    assert read(tag(f"c:{T0 + 30}") + with_radio(1, utc_state(23, 59)))[:2] == FINE
    assert read(tag(f"c:{T0 + 30}") + with_radio(1, utc_state(23, 58)))[:2] == LATE
    assert read(tag(f"c:{T0 - 30}") + with_radio(1, utc_state(0, 1)))[:2] == AHEAD


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 9, 11, 18])
def test_only_sotdma_states_at_slot_timeout_one_carry_a_minute(kind: int) -> None:
    stamp = tag(f"c:{NOON}")
    assert read(stamp + with_radio(kind, utc_state(11, 0)))[:2] == (FINE if kind == 3 else LATE)
    assert read(stamp + with_radio(kind, utc_state(11, 0) | (1 << 17)))[:2] == (FINE if kind == 3 else LATE)  # whatever its synchronisation
    for timeout in (0, 2, 3, 4, 5, 6, 7):
        assert read(stamp + with_radio(kind, (utc_state(11, 0) & 0x3FFF) | timeout << 14))[:2] == FINE
    if kind in (9, 18):
        assert read(stamp + with_radio(kind, utc_state(11, 0), itdma=1))[:2] == FINE


def test_a_state_that_is_cut_says_nothing() -> None:
    bits = position(sec=60, radio=utc_state(11, 0))
    for cut in range(143, 168):
        assert read(tag(f"c:{NOON}") + one(bits[:cut]))[:2] == FINE


def test_every_time_but_that_of_base_stations_is_compared() -> None:
    late = with_radio(1, utc_state(11, 0))
    assert read(late)[:2] == FINE
    assert read(late, t_rx_ms=NOON * 1000)[:2] == LATE
    assert read(rmc("010126", "120000") + b"\n" + late)[:2] == LATE
    assert read(late + f",r1,{NOON}".encode())[:2] == LATE
    assert read(f"{NOON} ".encode() + late)[:2] == LATE
    stations = b"\n".join(base_station(2570001 + i % 2, NOON + i) for i in range(4))
    assert read(stations + b"\n" + late)[:2] == FINE


def base_station(mmsi: int, utc_s: int) -> bytes:
    """A type 4 that says it is `utc_s`."""
    messages = new_messages(1)
    messages["msg_type"], messages["mmsi"], messages["utc_ms"] = 4, mmsi, utc_s * 1000
    messages["lat"], messages["lon"] = 30_000_000, 6_000_000
    return encode(messages, new_particulars(1))[0].rstrip()


@pytest.mark.parametrize(("off_s", "counted"), [(0, 0), (60, 0), (-60, 0), (61, 1), (-61, 1), (-619_315_200, 1)])
def test_a_base_station_whose_clock_is_off_is_counted_and_moves_nothing(off_s: int, counted: int) -> None:
    state = DecodeState("s")
    lines = [tag(f"c:{NOON}") + base_station(2570001, NOON + off_s), tag(f"c:{NOON + 1}") + one(position(sec=60))]
    fixes = decode(state, b"\n".join(lines) + b"\n").fixes
    assert state.counts.notes.get("base_clock_off", 0) == counted
    assert fixes["t_rx_ms"].tolist() == [NOON * 1000, (NOON + 1) * 1000]
    assert not fixes["flags"][1]


def test_base_stations_without_stamp_or_date_are_not_judged() -> None:
    state = DecodeState("s")
    decode(state, b"\n".join([base_station(2570001, NOON - 619_315_200)] * 3) + b"\n")
    undated = new_messages(1)
    undated["msg_type"], undated["mmsi"], undated["utc_ms"] = 4, 2570001, T_MISSING
    decode(state, tag(f"c:{NOON}") + encode(undated, new_particulars(1))[0].rstrip() + b"\n")
    assert "base_clock_off" not in state.counts.notes


def odd(*lines: bytes, **kwargs: int) -> tuple[list[bool], list[bool]]:
    batch = decode(DecodeState("s"), b"\n".join(lines) + b"\n", **kwargs)
    return [bool(flags & F_STAMP_ODD) for flags in batch.fixes["flags"]], [bool(flags & F_STAMP_ODD) for flags in batch.statics["flags"]]


def test_stamps_that_step_back_or_are_refused_are_flagged() -> None:
    def at(second: int) -> bytes:
        return tag(f"c:{NOON + second}") + one(position(sec=60))

    assert odd(at(10), at(5), at(-1), at(0))[0] == [False, False, True, False]
    assert odd(*(b" " + at(s) for s in (10, 5, -1, 0)))[0] == [False, False, True, False]
    first, second = two(static())
    assert odd(at(10), tag(f"c:{NOON}") + first, at(0), second) == ([False, False], [True])
    assert odd(at(2 * 86_400), at(0), t_rx_ms=NOON * 1000)[0] == [True, False]  # over a day ahead of its arrival
    assert odd(rmc("010126", "120000"), one(position(sec=60)), at(7200), at(60))[0] == [False, True, False]


def test_both_ways_through_the_kernel_agree_on_times() -> None:
    """Common lines and the same lines with a blank before them, which sends them the long way."""
    rng = random.Random(17)
    lines = []
    for _ in range(3000):
        t = NOON + rng.choice([rng.randrange(40), rng.randrange(-400, 400)])
        radio = rng.choice([utc_state(rng.randrange(25), rng.randrange(61)), utc_state(12, rng.randrange(4)), rng.randrange(1 << 19)])
        kind = rng.choice([1, 2, 3, 4, 9, 11, 18])
        lines.append(tag(f"s:r{rng.randrange(3)},c:{t}") + with_radio(kind, radio, itdma=rng.randrange(2), sec=rng.randrange(64)))
    common, long_way = DecodeState("s"), DecodeState("s")
    batch = decode(common, b"\n".join(lines) + b"\n")
    assert gathered([batch]) == gathered([decode(long_way, b" " + b"\n ".join(lines) + b"\n")])
    assert common.counts == long_way.counts
    assert min(common.counts.notes[name] for name in ("radio_time_late", "radio_time_ahead", "time_backstep")) > 20


def test_a_recording_without_any_time_says_so_and_uses_agreeing_base_stations() -> None:
    n = 60
    ships = new_messages(n)
    ships["msg_type"], ships["mmsi"], ships["lat"], ships["lon"] = 1, 257000001 + np.arange(n), 30_000_000, 6_000_000
    sentences = [line.rstrip() for line in encode(ships, new_particulars(n))]
    state = DecodeState("s")
    decode(state, b"\n".join(sentences) + b"\n", final=True)
    assert {name: v for name, v in state.counts.notes.items() if name.startswith("time_")} == {"time_none": n}
    lines = []
    for i, sentence in enumerate(sentences):
        lines += [base_station(2570001 + i % 3, NOON + 10 * i), sentence]
    state = DecodeState("s")
    batch = decode(state, b"\n".join(lines) + b"\n", final=True)
    mine = batch.fixes[batch.fixes["msg_type"] == 1]
    timed = mine["t_src"] == T_SRC_BASE
    assert timed.sum() >= n - 3
    assert set(mine["t_src"][~timed]) == {T_SRC_NONE}
    assert (mine["flags"][~timed] & F_NO_TIME).all()
    assert mine["t_rx_ms"][timed].tolist() == [(NOON + 10 * i) * 1000 for i in np.flatnonzero(timed)]
    notes = state.counts.notes
    assert notes["time_none"] + notes["time_base"] == len(lines)
    assert notes["time_none"] <= 6


def test_random_radio_states_are_part_of_the_streams_that_the_twin_reads() -> None:
    rng = random.Random(4)
    state = DecodeState("s")
    decode(state, b"".join(tag(f"c:{T0}") + any_position(rng) + b"\n" for _ in range(500)))
    assert state.counts.notes["radio_time_late"] > 5
    assert state.counts.notes["radio_time_ahead"] > 5
