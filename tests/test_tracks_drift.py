"""Drift and "not under command": the kernel against its twin, ships adrift, and ships that only go slowly."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_motion import way_of, word_of
from tracks_sea import T0, every, in_order, last_versions, lines, shown, static, track, watch

from dogwatch.batch import HDG_MISSING
from dogwatch.geo import NM_M
from tracks import words
from tracks.coverage import Coverage
from tracks.detector import Sight
from tracks.drift import _cos, ways_of
from tracks.episodes import Book
from tracks.params import Drift, Params
from tracks.presets import preset
from tracks.records import ACCEPTED, BUCKET_MS, TAKEN
from tracks.rescue import Rescue, close_row, open_row
from tracks.vessels import VesselTable

X = 211_000_001
LIMITS = (2400.0, 0.3, 3.0, 500.0, 0.8)


def adrift(mmsi=X, hours=1.5, *, lat=54.5, lon=10.4, kn=0.6, to_deg=90.0, bow_deg=0.0, step_s=60, start_s=0.0, nav=0, **more):
    """Goes `to_deg` at `kn` with the bow elsewhere."""
    t = every(step_s, hours, start_s)
    way_deg = (t - start_s) * kn / 3600 / 60
    north, east = (way_deg * f(math.radians(to_deg)) for f in (math.cos, math.sin))
    rows = track(mmsi, t, lat + north, lon + east / math.cos(math.radians(lat)), sog_kn=kn, cog_deg=to_deg, nav=nav, **more)
    rows["hdg"] = HDG_MISSING if bow_deg is None else round(bow_deg) % 360
    return rows


def under_way(mmsi=X, hours=0.5, *, lat=54.5, lon=10.4, kn=12.0, step_s=30):
    """Comes from the west to a place, heading east."""
    t = every(step_s, hours)
    east = (t - hours * 3600) * kn / 3600 / 60 / math.cos(math.radians(lat))
    rows = track(mmsi, t, lat, lon + east, sog_kn=kn, cog_deg=90.0)
    rows["hdg"] = 90
    return rows


def drifts(events, subtype="drift"):
    return [e for e in last_versions(events, "safety") if e.subtype == subtype]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(20, 400), st.floats(-1, 1), st.floats(0, 4), st.sampled_from(["bow", "beam", "none", "any"])), min_size=2, max_size=40),
    st.sampled_from([54.5, 0.0, -70.0]),
    st.floats(0, 360),
    st.integers(0, 2**32 - 1),
)
def test_ways_agree_with_their_twin(steps, lat_deg, to_deg, seed):
    """Random walks across the date line, with gaps, turns and headings of all kinds."""
    rng = np.random.default_rng(seed)
    table = VesselTable.new(4, {})
    t, lat, lon, rows = 0.0, lat_deg * 600_000, 107_999_000.0, []
    steady = rng.uniform() < 0.7
    for dt_s, turn, kn, bow in steps:
        t += dt_s
        to_deg = (to_deg + turn * (5 if steady else 90)) % 360
        step = (min(kn, 2.5) if steady else kn) * 1852 / 3600 * dt_s / 0.18532
        lat += step * math.cos(math.radians(to_deg))
        lon += step * math.sin(math.radians(to_deg)) / math.cos(math.radians(lat_deg))
        hdg = {"bow": to_deg, "beam": to_deg + 85, "any": rng.uniform(0, 360), "none": None}[bow if not steady else ("beam" if bow == "bow" else bow)]
        (row,) = track(X, [t], lat / 600_000, ((lon + 108_000_000) % 216_000_000 - 108_000_000) / 600_000, sog_kn=min(kn, 4.9))
        row["hdg"] = HDG_MISSING if hdg is None else round(hdg) % 360
        rows.append(row)
    rows = np.array(rows)
    taken = table.add_fixes(rows, (60.0, 60.0, 60.0, 30.0), 4)
    rows = rows[taken["what"] == 0]
    tick_ms = (T0 + int(t * 1000)) // BUCKET_MS * BUCKET_MS + BUCKET_MS
    slots = {}
    for row in rows:
        slots.setdefault(int(row["t_ms"]) // 150_000, row)
    points = [(int(r["t_ms"]), int(r["lat"]), int(r["lon"]), None if r["hdg"] == HDG_MISSING else int(r["hdg"])) for r in slots.values()]
    points = [p for p in points if p[0] // 150_000 > (tick_ms - 1) // 150_000 - 16]
    expected = way_of(points, tick_ms) if tick_ms - rows["t_ms"][-1] <= BUCKET_MS else None
    found = ways_of(table.used, table.known, table.trail[:1], tick_ms, LIMITS, _cos(40.0))
    assert len(found) == (expected is not None)
    if expected:
        (way,) = found
        for name in ("points", "headings", "across", "first_ms", "last_ms"):
            assert int(way[name]) == expected[name], name
        assert float(way["net_m"]) == pytest.approx(expected["net_m"])
        assert float(way["path_m"]) == pytest.approx(expected["path_m"])
        assert math.degrees(math.acos(max(-1.0, min(1.0, float(way["spread_cos"]))))) == pytest.approx(expected["spread_deg"], abs=0.1)


def test_a_ship_beam_to_the_wind_is_adrift_at_six_tenths_of_a_knot():
    """T14: a published rule asks one knot of every report and never sees it."""
    events, _ = watch(adrift(hours=2, nav=2))
    (drift,), (nuc,) = drifts(events), drifts(events, "nuc")
    assert (drift.state, drift.rule, drift.mmsi) == ("open", "drift", [X])
    assert min(e.t_detected for e in events if e.subtype == "drift") <= T0 + 2_700_000
    assert drift.measures["drift_kn"] == pytest.approx(0.6, abs=0.02)
    assert drift.measures["off_bow_deg"] == 90
    assert drift.measures["says_not_under_command"] is True
    assert all(e.passed for e in drift.evidence)
    assert {x.effect for x in drift.exclusions} == {"none"}
    assert nuc.state == "open"
    assert min(e.t_detected for e in events if e.subtype == "nuc") == T0 + 120_000, "at the tick after the second report"
    assert not drifts(watch(adrift(hours=2), params=preset("dma_drift"))[0])


def test_the_published_rule_sees_what_it_is_made_for():
    (event,) = drifts(watch(adrift(hours=1, kn=2.5), static(X, loa_m=120), params=preset("dma_drift"))[0])
    assert event.state == "open"
    assert not drifts(watch(adrift(hours=1, kn=2.5), static(X, loa_m=30), params=preset("dma_drift"))[0]), "50 m and more"
    assert drifts(watch(adrift(hours=1, kn=0.8), params=preset("rtec_drift"))[0])


@pytest.mark.parametrize(("bow_deg", "found"), [(90, 0), (60, 0), (270, 0), (235, 0), (45, 1), (180, 1), (0, 1), (145, 1)])
def test_ahead_and_astern_are_propulsion(bow_deg, found):
    assert len(shown(watch(adrift(bow_deg=bow_deg))[0], "safety")) == found


@pytest.mark.parametrize(("kn", "found"), [(0.2, 0), (0.35, 0), (0.5, 1), (2.9, 1), (3.4, 0)])
def test_half_a_kilometre_in_forty_minutes_up_to_three_knots(kn, found):
    assert len(shown(watch(adrift(kn=kn, hours=1.2))[0], "safety")) == found


def test_to_and_fro_is_no_drift():
    t = every(60, 2)
    rows = track(X, t, 54.5 + 0.004 * np.sin(t / 250), 10.4, sog_kn=0.8)
    rows["hdg"] = 90
    assert not shown(watch(rows)[0], "safety")


def test_a_trawler_without_heading_is_kept_back():
    rows = in_order(under_way(), adrift(hours=1.5, kn=2.2, bow_deg=None, start_s=1800.0))
    (event,) = drifts(watch(rows, static(X, ship_type=30))[0])
    assert (event.state, event.reason) == ("candidate", "suppressed: fishing_vessel")


def test_without_heading_a_crew_that_says_so_makes_half_a_kilometre_enough():
    slow = adrift(hours=1.5, kn=0.6, bow_deg=None, start_s=1800.0, nav=2)
    assert drifts(watch(in_order(under_way(), slow))[0])


def test_a_ship_that_comes_and_anchors_is_no_drifter():
    rows = adrift(hours=1.5, kn=2.6)
    t_s = (rows["t_ms"] - T0) / 1000
    rows["lon"][t_s > 900] = rows["lon"][np.flatnonzero(t_s <= 900)[-1]]
    assert not drifts(watch(rows)[0])


def test_without_heading_it_must_be_long_straight_and_faster_before():
    slow = adrift(hours=1.5, kn=1.0, bow_deg=None, start_s=1800.0)
    (event,) = drifts(watch(in_order(under_way(), slow))[0])
    assert event.confidence <= 0.6
    assert event.measures["off_bow_deg"] is None
    assert not drifts(watch(slow)[0]), "never seen under way"
    assert not drifts(watch(in_order(under_way(), adrift(hours=1.5, kn=0.6, bow_deg=None, start_s=1800.0)))[0]), "half a mile in forty minutes"


@pytest.mark.parametrize(
    ("ship_type", "nav", "reason"),
    [
        (31, 0, "towing"),
        (0, 11, "towing"),
        (36, 0, "sailing"),
        (0, 8, "sailing"),
        (30, 7, "fishing_gear_out"),
        (0, 1, "anchored_or_moored"),
        (0, 5, "anchored_or_moored"),
        (50, 0, "role"),
        (52, 0, "role"),
    ],
)
def test_who_is_slow_for_good_reasons_is_kept_and_not_shown(ship_type, nav, reason):
    (event,) = drifts(watch(adrift(nav=nav), static(X, ship_type=ship_type))[0])
    assert (event.state, event.reason) == ("candidate", f"suppressed: {reason}")


def test_inside_a_harbour_nobody_is_adrift():
    assert not drifts(watch(adrift(lat=54.0, lon=10.13, kn=0.5))[0])


def test_a_fishing_vessel_with_her_gear_in_may_be_adrift_with_doubt():
    plain, fishing = (drifts(watch(adrift(), static(X, ship_type=kind))[0])[0] for kind in (70, 30))
    assert fishing.confidence == pytest.approx(plain.confidence * 0.7, abs=0.002)


def test_another_slow_vessel_alongside_is_a_doubt():
    two = in_order(adrift(), adrift(X + 1, lat=54.501))
    assert drifts(watch(two)[0])[0].confidence == pytest.approx(drifts(watch(adrift())[0])[0].confidence * 0.6, abs=0.002)


def test_two_that_go_slowly_abreast_without_headings_are_under_way():
    pair = [in_order(under_way(X + k, lat=54.5 + 0.001 * k), adrift(X + k, lat=54.5 + 0.001 * k, kn=2.8, bow_deg=None, start_s=1800.0)) for k in (0, 1)]
    assert drifts(watch(pair[0])[0])[0].state == "open", "alone she drifts, by all that is known"
    assert {(e.state, e.reason) for e in drifts(watch(in_order(*pair))[0])} == {("candidate", "suppressed: alongside_another")}


def test_who_hove_to_with_others_is_not_adrift_when_they_go_on_before_her():
    def stopped(k, hours):
        lat = 54.5 + 0.02 * k
        return in_order(under_way(X + k, lat=lat), adrift(X + k, lat=lat, kn=1.0, bow_deg=None, start_s=1800.0, hours=hours))

    (event,) = [e for e in drifts(watch(in_order(stopped(0, 3.0), stopped(1, 1.2), stopped(2, 1.2)))[0]) if e.mmsi == [X]]
    assert (event.state, event.reason) == ("candidate", "suppressed: others_heave_to")
    assert drifts(watch(stopped(0, 3.0))[0])[0].state == "open"


def test_who_is_adrift_already_is_asked_for_less():
    """A drift that slackens to 0.35 knots goes on; nobody begins to drift at that."""
    begun = adrift(hours=1.0, kn=0.6)
    slack = adrift(hours=1.5, kn=0.35, start_s=3600.0, lon=10.4 + 0.6 / 60 / math.cos(math.radians(54.5)))
    (event,) = drifts(watch(in_order(begun, slack))[0])
    assert (event.state, event.t_end) == ("open", None)
    assert all(e.passed for e in event.evidence)
    assert not drifts(watch(slack)[0])
    strict = Params(drift=Drift(keep_share=1.0))
    assert drifts(watch(in_order(begun, slack), params=strict)[0])[0].state == "closed"


def test_a_quiet_profile_asks_for_a_length():
    rule = Params(drift=Drift(loa_m_min=50.0))
    assert not drifts(watch(adrift(), static(X, loa_m=40), params=rule)[0])
    assert drifts(watch(adrift(), static(X, loa_m=60), params=rule)[0])


def test_it_closes_when_the_ship_goes_on_and_goes_on_as_the_same():
    t_on = 2 * 3600.0
    on = track(X, every(30, 0.2, t_on), 54.5, 10.4 + 1.2 / 60 / 0.58 + (every(30, 0.2, t_on) - t_on) * 9 / 3600 / 60 / 0.58, sog_kn=9.0)
    on["hdg"] = 90
    end = adrift(hours=2, start_s=t_on + 720.0, lat=54.52, lon=10.4 + 3.0 / 60 / 0.58)
    events, _ = watch(in_order(adrift(hours=2), on))
    (event,) = drifts(events)
    assert event.state == "closed"
    assert abs(event.t_end - (T0 + t_on * 1000)) <= 1_200_000
    events, _ = watch(in_order(adrift(hours=2), on, end))
    (event,) = drifts(events)
    assert event.state == "open", "adrift again within the hour: the same event"
    assert len({e.event_id for e in events if e.subtype == "drift"}) == 1


def test_in_a_rescue_area_it_is_kept_back_until_a_named_person_says_otherwise():
    place = round(54.5 * 600_000), round(10.4 * 600_000)
    called = [open_row(T0, "b1", "beacon", *place)]
    (event,) = drifts(watch(adrift(hours=2), control=called)[0])
    assert (event.state, event.reason) == ("candidate", "suppressed: sar_context")
    events, _ = watch(adrift(hours=2), control=[*called, close_row(T0 + 4_000_000, "b1", "Officer Two")])
    (event,) = drifts(events)
    assert event.state == "open"
    assert next(x for x in event.exclusions if x.name == "sar_context").observed == "closed by Officer_Two"
    assert drifts(watch(adrift(hours=2, nav=2), control=called)[0], "nuc")[0].state == "open", "what a crew says is always shown"


def test_status_two_is_always_shown_and_doubted_where_the_motion_does_not_fit():
    moving = under_way(hours=1.0)
    moving["nav"] = 2
    slow, fast, moored = (drifts(watch(rows)[0], "nuc")[0] for rows in (adrift(nav=2, hours=0.5), moving, adrift(nav=2, kn=0.0, lat=54.0, lon=10.15)))
    assert (slow.state, fast.state, moored.state) == ("open", "open", "open")
    assert slow.confidence == 0.9
    assert fast.confidence == pytest.approx(0.6)
    assert [x.name for x in fast.exclusions if x.effect == "doubt"] == ["motion_does_not_fit"]
    assert [x.name for x in moored.exclusions if x.effect == "doubt"] == ["port_or_anchorage"]


def test_one_report_with_status_two_is_a_slip_and_two_hours_apart_are_two_slips():
    rows = under_way(hours=3.0)
    rows["nav"][[10, 300]] = 2
    assert not drifts(watch(rows)[0], "nuc")
    rows["nav"][[11]] = 2
    assert drifts(watch(rows)[0], "nuc")[0].state == "closed"


def test_status_two_ends_when_another_is_said_and_when_nothing_is():
    rows = adrift(hours=2, nav=2)
    rows["nav"][60:] = 0
    (event,) = drifts(watch(rows)[0], "nuc")
    assert (event.state, event.t_end) == ("closed", int(rows["t_ms"][59]))
    (event,) = drifts(watch(in_order(adrift(hours=1, nav=2), under_way(X + 1, hours=4)))[0], "nuc")
    assert (event.state, event.t_end) == ("closed", T0 + 3_540_000)


def test_across_the_date_line_and_far_north():
    for lat, lon in ((54.5, 179.99), (80.0, 10.4), (-54.5, -179.999)):
        (event,) = drifts(watch(adrift(lat=lat, lon=lon, hours=1.2, to_deg=95.0))[0])
        assert event.measures["off_bow_deg"] == 95, (lat, lon)
        assert abs(event.measures["net_m"] - 0.6 * NM_M * 2400 / 3600) < 60


def test_a_track_with_a_hole_is_no_window():
    rows = adrift(hours=1.2)
    t_s = (rows["t_ms"] - T0) / 1000
    assert not drifts(watch(rows[(t_s < 1200) | (t_s > 2400)])[0])


@pytest.mark.parametrize("seed", [1, 2])
def test_cut_and_resumed_anywhere_it_is_the_same(seed):
    rng = np.random.default_rng(seed)
    rows = in_order(adrift(hours=2.2, nav=2), under_way(X + 1, hours=0.5), adrift(X + 1, hours=1.5, bow_deg=None, kn=1.1, start_s=1800.0))
    rows["nav"][(rows["mmsi"] == X) & (rows["t_ms"] > T0 + 5_000_000)] = 0
    control = [open_row(T0 + 3_000_000, "b1", "text", round(54.5 * 600_000), round(10.5 * 600_000)), close_row(T0 + 6_000_000, "b1", "N")]
    whole, _ = watch(rows, control=control)
    cuts = sorted(rng.choice(len(rows), 60, replace=False).tolist())
    pieces, _ = watch(rows, control=control, cuts=cuts, restarts=range(60))
    assert lines(whole) == lines(pieces)
    assert {e.subtype for e in whole if e.type == "safety"} == {"drift", "nuc"}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 900_000), st.sampled_from([2, 2, 2, 0])), min_size=1, max_size=40),
    st.integers(1, 4),
    st.integers(0, 40),
)
def test_words_are_counted_as_by_their_twin(reports, least, cut):
    rows, taken = track(X, np.zeros(len(reports)), 54.5, 10.4), np.zeros(len(reports), TAKEN)
    rows["t_ms"] = T0 + np.cumsum([gap for _, gap, _ in reports])
    rows["nav"], taken["slot"], taken["what"] = [nav for *_, nav in reports], [slot for slot, *_ in reports], ACCEPTED
    table = VesselTable.new(4, {"crew": words.SAID}, pools={"crew": words.WORD})
    sight = Sight(table, None, Coverage(), Params(), Rescue())
    often = [words.heard(sight, rows[part], taken[part], "crew", 2, least, 600.0) for part in (slice(0, cut), slice(cut, None))]
    said = {slot: [int(t) for t, (s, _, nav) in zip(rows["t_ms"], reports) if s == slot and nav == 2] for slot in range(3)}
    expected = {slot: word_of(times, least, 600_000) for slot, times in said.items() if times}
    assert sorted(often[0] + often[1]) == sorted(slot for slot, (*_, times) in expected.items() for _ in times)
    for slot, (first, last, count, _) in expected.items():
        assert words.word_of(table, "crew", slot).tolist() == (first, last, count)
    assert table.pools["crew"].held == len(expected)


def test_a_word_that_holds_no_more_is_given_back_unless_there_is_an_episode():
    table = VesselTable.new(4, {"crew": words.SAID}, pools={"crew": words.WORD})
    table.add_fixes(in_order(*(track(X + k, [k], 54.5, 10.4 + k) for k in range(3))), Params().reach, 3)
    for slot, age_s in enumerate((3599, 3601, 7200)):
        table.pools["crew"].of(table.cold["crew"], slot)["last_ms"] = T0 - age_s * 1000
    book = Book()
    book.pages[table.key_of(2)] = None
    words.forget(Sight(table, None, Coverage(), Params(), Rescue(), T0), "crew", 3600.0, book)
    assert [bool(table.cold["crew"]["at"][slot]) for slot in range(3)] == [True, False, True]
    assert table.pools["crew"].held == 2
