"""Rescue areas: who is excused by a distress call, for how long, how far, and who may end it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracks_sea import T0, FlatSea

from dogwatch import blob
from dogwatch.batch import Control
from tracks.params import RescueArea
from tracks.rescue import AREAS_MAX, Rescue, close_row, open_row

RULE = RescueArea()
HOUR = 3_600_000
LAT, LON = round(54.5 * 600_000), round(10.4 * 600_000)


def heard(*rows, tick_ms=T0 + 60_000):
    rescue = Rescue()
    rescue.control(list(rows))
    rescue.advance(tick_ms, FlatSea(), RULE)
    return rescue


def covers(rescue, *, lat=LAT, lon=LON, since_ms=T0, now_ms=T0 + 60_000):
    return rescue.covers(lat, lon, since_ms, now_ms, RULE)


def test_a_call_opens_an_area_of_five_miles_for_six_hours():
    rescue = heard(open_row(T0, "a1", "beacon", LAT, LON))
    assert covers(rescue) == "a1"
    assert covers(rescue, lat=LAT + 49_000) == "a1", "4.9 nm north"
    assert covers(rescue, lat=LAT + 51_000) == ""
    assert covers(rescue, now_ms=T0 + 6 * HOUR) == "a1"
    assert covers(rescue, now_ms=T0 + 6 * HOUR + 1) == ""
    rescue.advance(T0 + 7 * HOUR, FlatSea(), RULE)
    assert not rescue.areas


def test_what_began_long_before_the_call_is_not_excused():
    rescue = heard(open_row(T0, "a1", "beacon", LAT, LON))
    assert covers(rescue, since_ms=T0 - HOUR // 2) == "a1"
    assert covers(rescue, since_ms=T0 - HOUR // 2 - 1) == ""


def test_the_same_call_again_prolongs_and_moves_it():
    rescue = heard(open_row(T0, "a1", "beacon", LAT, LON), open_row(T0 + HOUR, "a1", "beacon", LAT + 60_000, LON), tick_ms=T0 + 2 * HOUR)
    assert covers(rescue, now_ms=T0 + 7 * HOUR, lat=LAT + 100_000) == "a1"
    assert covers(rescue, now_ms=T0 + 2 * HOUR, lat=LAT - 10_000) == ""


def test_a_row_counts_from_the_tick_that_follows_it():
    row = open_row(T0 + 60_000, "a1", "text", LAT, LON)
    assert covers(heard(row, tick_ms=T0 + 60_000)) == ""
    assert covers(heard(row, tick_ms=T0 + 120_000), now_ms=T0 + 120_000) == "a1"


def test_a_named_person_ends_it_and_is_named_where_it_would_have_excused():
    rescue = heard(open_row(T0, "a1", "beacon", LAT, LON), close_row(T0 + 1, "a1", "Watch Officer 2"))
    assert covers(rescue) == ""
    found = rescue.exclusion(54.5, 10.4, T0, T0 + 60_000, RULE)
    assert (found.name, found.result, found.observed, found.effect) == ("sar_context", "none", "closed by Watch_Officer_2", "none")
    rescue.control([open_row(T0 + 70_000, "a1", "beacon", LAT, LON)])
    rescue.advance(T0 + 120_000, FlatSea(), RULE)
    assert covers(rescue, now_ms=T0 + 120_000) == "", "the beacon that goes on does not open it again"


def test_the_exclusion_suppresses_and_names_the_area():
    found = heard(open_row(T0, "a1", "beacon", LAT, LON)).exclusion(54.5, 10.4, T0, T0 + 60_000, RULE)
    assert (found.result, found.observed, found.effect) == ("inside", "a1", "suppress")
    far = heard(open_row(T0, "a1", "beacon", LAT, LON)).exclusion(55.5, 10.4, T0, T0 + 60_000, RULE)
    assert (far.result, far.observed, far.effect) == ("none", None, "none")


def test_a_status_fourteen_in_a_port_opens_nothing():
    in_port = round(54.0 * 600_000), round(10.15 * 600_000)
    assert not heard(open_row(T0, "a1", "status14", *in_port)).areas
    assert heard(open_row(T0, "a1", "beacon", *in_port)).areas
    assert heard(open_row(T0, "a1", "status14", LAT, LON)).areas


@pytest.mark.parametrize(
    "subject", ["", "a1", "a1 beacon 1", "a1 beacon x 2", "a1 beacon 99999999 0", "a1 beacon 0 -108000001", " beacon 1 1", "a1 beacon 1 -"]
)
def test_rows_that_say_nothing_are_counted(subject):
    rescue = heard(Control(T0, "sar_open", subject), Control(T0, "sar_closed", ""))
    assert (rescue.areas, rescue.faulty) == ({}, 2)


def test_across_the_date_line():
    east, west = 108_000_000 - 10_000, -108_000_000 + 10_000
    rescue = heard(open_row(T0, "a1", "beacon", 0, east))
    assert covers(rescue, lat=0, lon=west) == "a1"


def test_a_flood_of_calls_is_bounded_and_keeps_the_newest():
    rescue = heard(*(open_row(T0 + k, f"f{k}", "beacon", LAT, LON) for k in range(AREAS_MAX + 50)))
    assert len(rescue.areas) == AREAS_MAX
    assert "f0" not in rescue.areas
    assert f"f{AREAS_MAX + 49}" in rescue.areas


rows = st.lists(
    st.builds(
        lambda t, name, kind, north: (
            open_row(T0 + t * 1000, f"a{name}", ("beacon", "text", "status14")[kind], LAT + north * 20_000, LON)
            if kind < 3
            else close_row(T0 + t * 1000, f"a{name}", "somebody")
        ),
        st.integers(0, 30_000),
        st.integers(0, 3),
        st.integers(0, 3),
        st.integers(0, 5),
    ),
    max_size=12,
)


@given(rows, st.integers(1, 500))
def test_cut_and_resumed_it_is_the_same(some, stop):
    """Rows told minute by minute with a restart, or all at once."""
    some = sorted(some, key=lambda c: (c.t_ms, c.kind, c.subject))
    whole, pieces = Rescue(), Rescue()
    whole.control(some)
    for minute in range(1, 502):
        tick_ms = T0 + minute * 60_000
        whole.advance(tick_ms, FlatSea(), RULE)
        pieces.control([row for row in some if tick_ms - 60_000 <= row.t_ms < tick_ms])
        pieces.advance(tick_ms, FlatSea(), RULE)
        if minute == stop:
            pieces = Rescue.from_sections(blob.unpack(blob.pack(pieces.to_sections(), schema=1), schema=1))
        if minute % 50 == 0:
            answers = [covers(r, lat=LAT + k * 30_000, since_ms=tick_ms - 600_000, now_ms=tick_ms) for r in (whole, pieces) for k in range(4)]
            assert answers[:4] == answers[4:]
