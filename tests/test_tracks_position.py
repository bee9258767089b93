"""Places that cannot be true: jumps, circles, places ashore, offsets, lost places, areas, and what only looks like one."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from naive_position import fit_circle, how_odd, on_the_edge, plane
from tracks_sea import NM_DEG, T0, FlatSea, OpenSea, every, in_order, lane_traffic, last_versions, lines, shown, shuffled, static, track, watch, well_heard

from dogwatch.batch import COG_MISSING, F_FIX_STATE, LAT_MISSING, LON_MISSING, SOG_MISSING, T_MISSING
from dogwatch.geo import KN_MS, M_PER_UNIT, NM_M, cos_lat, distance_m
from tracks.beyond import REACH, far_tracks, reaches_of
from tracks.circle import fit
from tracks.coverage import GROUPS_MAX, Coverage, cell_key, cells_of
from tracks.inland import inland
from tracks.params import Gnss, Params, Position
from tracks.place_facts import DOUBT, FactTable, note
from tracks.records import BORN, MARK_DOUBT, TAKEN
from tracks.vessels import VesselTable

KINDS = ("position_anomaly", "position_lost", "gnss_area")
LON = 10.6
COS = float(np.cos(np.radians(54.5)))


def ours(events):
    return [e for e in events if e.type in KINDS]


def seen(events):
    return [e for e in shown(events) if e.type in KINDS]


def way(mmsi=211_000_001, hours=2.0, kn=12.0, step_s=10, lat=54.2, lon=LON, **more):
    """Northward."""
    t = every(step_s, hours)
    return track(mmsi, t, lat + t * kn / 3600 / 60, lon, sog_kn=kn, cog_deg=0.0, **more)


def between(rows, from_s, to_s):
    s = (rows["t_ms"] - T0) / 1000
    return (s >= from_s) & (s < to_s)


def displaced(rows, from_s, to_s, north_nm, east_nm):
    """The same rows, told beside the true place for a while."""
    rows, which = rows.copy(), between(rows, from_s, to_s)
    rows["lat"][which] += round(north_nm * NM_DEG * 600_000)
    rows["lon"][which] += np.round(east_nm * NM_DEG * 600_000 / np.cos(np.radians(rows["lat"][which] / 600_000))).astype(int)
    return rows


def circling(rows, from_s, to_s, radius_m, kn, *, course="nowhere", seed=1, north_nm=0.0, east_nm=0.0):
    """The same rows, told on a circle about a place; the course comes from nowhere, or is that of the circle."""
    rows, which = rows.copy(), between(rows, from_s, to_s)
    t = (rows["t_ms"][which] - T0) / 1000 - from_s
    angle = t * kn * KN_MS / radius_m
    first = rows[which][0]
    units = radius_m / M_PER_UNIT
    rows["lat"][which] = np.round(int(first["lat"]) + north_nm * 10_000 + units * np.sin(angle))
    rows["lon"][which] = np.round(int(first["lon"]) + (east_nm * 10_000 + units * np.cos(angle)) / cos_lat(int(first["lat"])))
    rows["sog"][which] = round(kn * 10)
    along = np.degrees(np.arctan2(-np.sin(angle), np.cos(angle))) % 360
    told = np.random.default_rng(seed).uniform(0, 360, len(t)) if course == "nowhere" else along
    rows["cog"][which] = np.round(told * 10) % 3600
    return rows


def lost(rows, from_s, to_s):
    rows, which = rows.copy(), between(rows, from_s, to_s)
    rows["lat"][which], rows["lon"][which], rows["sog"][which], rows["cog"][which] = LAT_MISSING, LON_MISSING, SOG_MISSING, COG_MISSING
    rows["sec"][which] = 63
    rows["flags"][which] |= F_FIX_STATE
    return rows


def noted(rows):
    """The record of doubt after these rows of one vessel, each of which goes on from the one before."""
    table, facts = VesselTable.new(10, {"position": DOUBT}), FactTable()
    table.add_fixes(rows[:1], (40.0, 65.0, 30.0, 30.0), 3)
    taken = np.zeros(len(rows), TAKEN)
    for name in ("t_ms", "lat", "lon", "cog"):
        taken[f"prev_{name}"][1:] = rows[name][:-1]
    taken["prev_t_ms"][0], taken["how"][0] = T_MISSING, BORN
    taken["marks"] = MARK_DOUBT
    facts.cells[0], facts.rows["key"][0], table.cold["position"]["row"][0] = 1, table.key_of(0), 1
    note(rows, taken, np.arange(len(rows), dtype=np.int32), 0, table.rows, table.more, table.cold["position"], facts.rows, facts.cells)
    return facts.rows[0]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(12, 150), st.floats(300, 3000), st.sampled_from([0.0, 0.5, 0.84]), st.booleans())
def test_a_circle_is_fitted_as_by_least_squares(seed, n, radius_m, lat_share, at_date_line):
    rng = np.random.default_rng(seed)  # on a small circle EVEN_RUN reports in a row may look ordinary, and end the sums
    angle = np.cumsum(rng.uniform(0.05, 0.9, n))
    noise = rng.normal(0, radius_m / 60, (n, 2))
    lat_0, lon_0 = int(90 * lat_share * 600_000), 107_999_900 if at_date_line else 6_000_000
    lat = lat_0 + np.round((radius_m * np.sin(angle) + noise[:, 0]) / M_PER_UNIT).astype(int)
    lon = lon_0 + np.round((radius_m * np.cos(angle) + noise[:, 1]) / M_PER_UNIT / cos_lat(lat_0)).astype(int)
    lon = (lon + 108_000_000) % 216_000_000 - 108_000_000
    rows = track(211_000_001, np.arange(n) * 10.0, 0, 0, sog_kn=8.0)
    rows["lat"], rows["lon"] = lat, lon
    facts = noted(rows)
    found = fit(facts)
    assert int(facts["n"]) == n
    places = list(zip(lat.tolist(), lon.tolist()))
    x, y, radius, residual, turns = fit_circle(plane(places))
    assert found is not None
    assert (found.x_m, found.y_m, found.radius_m) == pytest.approx((x, y, radius), rel=1e-4, abs=0.05)
    assert found.residual_m == pytest.approx(residual, rel=0.02, abs=0.05)
    assert found.turns == pytest.approx(turns, rel=0.01, abs=0.01)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 80), st.sampled_from([0.0, 54.0, 84.0]), st.booleans())
def test_odd_reports_are_counted_as_by_trigonometry(seed, n, lat, at_date_line):
    rng = np.random.default_rng(seed)
    t = np.cumsum(rng.choice([2, 5, 10, 30, 70], n))
    rows = track(211_000_001, t, lat + np.cumsum(rng.normal(0, 0.0008, n)), (179.999 if at_date_line else 10) + np.cumsum(rng.normal(0, 0.0008, n)))
    rows["sog"], rows["cog"] = rng.choice([5, 40, 120, 300, SOG_MISSING], n), rng.choice([0, 450, 1800, 2707, COG_MISSING], n)
    f = noted(rows)
    before, tested, odd, turned, backward, speed, even = None, 0, 0, 0, 0, 0, 0
    for row in rows:
        assume(before is None or not on_the_edge(before, row))
        answer = how_odd(before, row) if before is not None else None
        before = row
        if answer is None:
            continue
        even = 0 if any(answer) else even + 1
        tested, odd, turned, backward, speed = tested + 1, odd + any(answer), turned + answer[0], backward + answer[1], speed + answer[2]
        if even >= 8 and not odd:
            tested = even = 0
    assert [int(f[name]) for name in ("tested", "odd", "turned", "reversed", "speed")] == [tested, odd, turned, backward, speed]


def test_a_jump_and_back_is_one_event():
    rows = displaced(way(), 1800, 3600, 25.0, 15.0)
    (event,) = seen(watch(rows)[0])
    assert (event.type, event.subtype, event.state) == ("position_anomaly", "jump", "closed")
    assert (event.t_start, event.t_end) == (T0 + 1_790_000, T0 + 3_590_000)
    assert event.measures["jump_nm"] == pytest.approx(np.hypot(25, 15), abs=0.2)
    assert all(e.passed for e in event.evidence)
    assert event.confidence <= 0.6, "one receiver"


@pytest.mark.parametrize("east_nm", [-2.0, 60.0])
def test_a_lie_told_far_away_still_lies_near_the_border_that_the_ship_was_at(east_nm):
    """The nearest place counts: where it was, where it says that it is, and where the event stands."""
    events = ours(watch(displaced(way(), 1800, 3600, 25.0, east_nm))[0])
    for event in events:
        told = event.measures
        places = [(told["lat_was"], told["lon_was"]), (told["lat_told"], told["lon_told"]), (event.lat, event.lon)]
        was, *others = FlatSea().watch_distance_nm(*np.array(places).T)
        assert told["watch_distance_nm"] == pytest.approx(min(was, *others), abs=0.02)
        assert (was < min(others)) == (east_nm > 0)


def test_two_receivers_raise_the_cap():
    rows = displaced(way(), 1800, 3600, 25.0, 15.0)
    rows["receivers"] |= np.uint64(2)
    (event,) = seen(watch(rows)[0])
    assert 0.6 < event.confidence <= 0.9


def test_a_jump_is_told_when_it_is_confirmed():
    events = ours(watch(displaced(way(), 1800, 3600, 25.0, 15.0))[0])
    assert events[0].state == "open"
    assert events[0].t_detected <= T0 + 1800_000 + 240_000


def test_a_vessel_at_anchor_that_jumps_is_seen_as_well():
    rows = displaced(way(kn=0.0, step_s=180, nav=1, hours=4), 3600, 9000, 8.0, 0.0)
    (event,) = seen(watch(rows)[0])
    assert (event.subtype, event.state) == ("jump", "closed")


def test_a_stray_report_is_no_jump():
    rows = displaced(way(), 1800, 1811, 25.0, 0.0)
    assert not ours(watch(rows)[0])


def test_two_hulls_under_one_number_are_no_jump():
    rows = in_order(way(), way(lon=LON + 0.4, step_s=12))
    assert not seen(watch(rows)[0])


def test_a_vessel_found_far_away_after_a_silence_has_not_jumped():
    rows = way(hours=6)
    rows = displaced(rows[~between(rows, 3600, 14_400)], 14_400, 99_999, 30.0, 0.0)
    assert not seen(watch(rows)[0])


def test_a_fast_craft_is_no_jump():
    assert not ours(watch(way(kn=44.0, step_s=6), static(211_000_001, ship_type=40))[0])
    assert not ours(watch(way(kn=44.0, step_s=60))[0]), "decimated, type unknown"


@pytest.mark.parametrize("lat", [0.0, 54.0, 82.0, -82.0])
def test_across_the_date_line(lat):
    class Wide(FlatSea):
        def on_land(self, lat_deg, lon_deg):
            return np.zeros(len(lat_deg), bool)

        coast_distance_nm = watch_distance_nm = lambda self, lat_deg, lon_deg: np.full(len(lat_deg), 30.0)

        def relations(self, lat_deg, lon_deg):
            return []

    t = every(10, 2)
    plain = track(211_000_001, t, lat, 179.9 + t * 12 / 3600 / 60 / np.cos(np.radians(lat)), sog_kn=12.0)
    assert not ours(watch(plain, geography=Wide())[0])
    (event,) = seen(watch(displaced(plain, 1800, 3600, 20.0, 0.0), geography=Wide())[0])
    assert event.measures["jump_nm"] == pytest.approx(20.0, abs=0.3)
    assert event.subtype == "jump"


def test_an_offset_must_stay():
    (event,) = seen(watch(displaced(way(), 1800, 5400, 0.0, 2.5))[0])
    assert (event.subtype, event.state) == ("offset", "closed")
    assert (event.t_start, event.t_end) == (T0 + 1_790_000, T0 + 5_390_000)
    assert not ours(watch(displaced(way(), 1800, 2700, 0.0, 2.5))[0])


@pytest.mark.parametrize("course", [0.0, 180.0])
def test_a_ship_shown_a_mile_ahead_or_astern_is_as_far_off_as_at_first(course):
    """Until she is believed there she sails on, towards the place before or away from it: 0.4 miles in two minutes."""
    plain = way()
    plain["cog"], plain["lat"] = round(course * 10), plain["lat"] if course == 0.0 else plain["lat"][::-1].copy()
    told = displaced(plain, 1800, 5400, -1.3 * (1 if course == 0.0 else -1), 0.5)
    (event,) = seen(watch(told)[0])
    assert event.subtype == "offset"
    assert event.measures["jump_nm"] == pytest.approx(np.hypot(1.3, 0.5), abs=0.1)


def test_a_receiver_with_a_wrong_clock_is_no_offset():
    """From one report to the next ten minutes are missing in the stamps: the ship stands two miles farther along her course."""
    rows = displaced(way(), 1800, 99_999, 2.0, 0.0)
    rows["receivers"][between(rows, 1800, 99_999)] = 2
    (event,) = ours(watch(rows)[0])[-1:]
    assert (event.state, event.reason) == ("candidate", "suppressed: clock_offset")


def test_when_two_ships_slip_together_it_is_the_clock():
    a = displaced(way(), 1800, 99_999, 2.0, 0.0)
    b = displaced(way(211_000_002, lon=LON + 0.3, kn=15.0), 1800, 99_999, 2.5, 0.0)
    events = ours(watch(in_order(a, b))[0])
    assert {e.reason for e in last_versions(events)} == {"suppressed: clock_offset"}


def test_a_place_ashore_after_a_jump():
    rows = way(lon=10.15)
    which = between(rows, 1800, 4500)
    rows["lat"][which], rows["lon"][which] = round(54.3 * 600_000), round(9.9 * 600_000)
    (event,) = seen(watch(rows)[0])
    assert (event.subtype, event.state) == ("on_land", "closed")
    assert event.t_end == T0 + 4_490_000


def test_up_a_river_that_the_map_does_not_show_is_no_place_ashore():
    t = every(10, 2)
    rows = track(211_000_001, t, 54.5, 10.1 - t * 8 / 3600 / 60 / COS, sog_kn=8.0, cog_deg=270.0)
    assert rows["lon"][-1] < 9.8 * 600_000
    assert not ours(watch(rows)[0])


def test_ships_that_lie_in_a_basin_ashore_are_left_alone():
    rows = [way(211_000_001 + k, kn=0.0, nav=5, step_s=180, lat=54.4, lon=9.95 + 0.001 * k) for k in range(4)]
    assert not ours(watch(in_order(*rows))[0])


def test_water_that_others_use_is_water():
    """A ship that jumps into a basin where others lie: inland water that the map does not show."""
    lone = way(lon=10.1, lat=54.3)
    which = between(lone, 1800, 99_999)
    lone["lat"][which], lone["lon"][which] = round(54.4 * 600_000), round(9.95 * 600_000)
    rows = [way(211_000_010 + k, kn=0.0, nav=5, step_s=180, lat=54.4, lon=9.95 + 0.001 * k) for k in range(4)]
    (event,) = last_versions(ours(watch(in_order(lone, *rows))[0]))
    assert (event.state, event.reason) == ("candidate", "suppressed: inland_water")


def test_who_is_back_among_ships_was_ashore_all_the_same():
    """The company asked about is that of the place told ashore, not of the sea to which she came back."""
    rows = way(lon=10.15)
    which = between(rows, 1800, 4500)
    rows["lat"][which], rows["lon"][which] = round(54.3 * 600_000), round(9.9 * 600_000)
    beside = [way(211_000_010 + k, lat=54.2 + (0.3 + 0.3 * k) / 60, lon=10.15) for k in range(2)]
    (event,) = last_versions(ours(watch(in_order(rows, *beside))[0]))
    assert (event.subtype, event.state, event.reason) == ("on_land", "closed", "")


def test_inland_asks_all_round():
    assert inland(FlatSea(), 54 * 600_000, round(9.9 * 600_000), 0.54)
    assert not inland(FlatSea(), 54 * 600_000, round(9.995 * 600_000), 0.54)


@pytest.mark.parametrize(("radius_m", "kn", "step_s"), [(150, 14.0, 10), (800, 4.5, 10), (300, 8.0, 10), (500, 8.0, 30)])
def test_a_circle_with_courses_out_of_nowhere(radius_m, kn, step_s):
    rows = circling(way(hours=3, step_s=step_s), 1800, 9000, radius_m, kn)
    (event,) = seen(watch(rows)[0])
    assert event.subtype == "circle"
    assert event.measures["radius_m"] == pytest.approx(radius_m, rel=0.05)
    assert abs(event.t_start - (T0 + 1_800_000)) < 300_000
    assert abs(event.t_end - (T0 + 9_000_000)) < 300_000


def test_a_circle_far_away_is_one_event_with_its_jump():
    rows = circling(way(hours=2), 1800, 5400, 300, 8.0, north_nm=8.0)
    (event,) = seen(watch(rows)[0])
    assert event.subtype == "circle"
    assert {e.name for e in event.evidence} >= {"jump_nm", "turns", "course_off_share"}
    assert (event.t_start, event.t_end) == (T0 + 1_790_000, T0 + 5_390_000)


def test_a_ship_that_truly_circles_is_left_alone():
    assert not ours(watch(circling(way(hours=1.5), 1800, 5400, 400, 6.0, course="along"))[0])


def test_a_ship_that_swings_at_anchor_is_left_alone():
    rows = circling(way(hours=4), 600, 14_400, 200, 0.5)
    rows["nav"] = 1
    assert not ours(watch(rows)[0])


def test_speed_told_but_not_made():
    rows = way(kn=0.5)
    which = between(rows, 1800, 4500)
    rows["sog"][which] = 160
    (event,) = seen(watch(rows)[0])
    assert (event.subtype, event.state) == ("offset", "closed")
    assert [e.name for e in event.evidence] == ["speed_off_reports", "speed_off_share", "speed_off_s"]


def test_a_stuck_course_sensor_is_kept_but_not_shown():
    rows = way()
    rows["cog"] = 1800
    (event,) = last_versions(ours(watch(rows)[0]))
    assert (event.state, event.reason) == ("candidate", "suppressed: stuck_sensor")


def test_a_lost_place():
    (event,) = seen(watch(lost(way(), 1800, 3600))[0])
    assert (event.type, event.state) == ("position_lost", "closed")
    assert (event.t_start, event.t_end) == (T0 + 1_800_000, T0 + 3_590_000)
    assert (event.lat, event.lon) == pytest.approx((54.3, LON), abs=0.01)


def test_second_63_with_a_place_counts():
    rows = way()
    which = between(rows, 1800, 3600)
    rows["flags"][which] |= F_FIX_STATE
    rows["sec"][which] = 63
    (event,) = seen(watch(rows)[0])
    assert event.measures["reports_second_61_63"] == 180


def test_four_minutes_without_a_place_are_none():
    assert not ours(watch(lost(way(), 1800, 2040))[0])


def test_a_set_that_warms_up_has_lost_nothing():
    rows = lost(way(kind=18, flags=1 << 12, step_s=30), 0, 900)
    assert not ours(watch(rows)[0])
    rows = lost(way(kind=18, flags=1 << 12, step_s=30), 60, 900)
    assert {e.reason for e in last_versions(ours(watch(rows)[0]))} == {"suppressed: warming_up"}


def fleet(n=4, first=211_000_001, apart_deg=0.04):
    return [way(first + k, lon=LON + apart_deg * k, lat=54.2 + apart_deg / 4 * k, kn=9.0 + k / 4) for k in range(n)]


def fixed(rows, from_s, to_s, lat, lon):
    rows, which = rows.copy(), between(rows, from_s, to_s)
    rows["lat"][which], rows["lon"][which] = round(lat * 600_000) + int(rows["mmsi"][0]) % 7 * 50, round(lon * 600_000)
    return rows


def interference():
    return in_order(*[fixed(rows, 1800 + 120 * k, 4800 + 60 * k, 55.2, 10.9) for k, rows in enumerate(fleet())])


def test_several_that_jump_together_are_an_area():
    events, _ = watch(interference())
    (area,) = seen(events)
    assert (area.type, area.subtype, area.state) == ("gnss_area", "displaced", "closed")
    assert area.mmsi == [211_000_001 + k for k in range(4)]
    singles = last_versions(events, "position_anomaly")
    assert len(singles) == 4
    assert {e.state for e in singles} <= {"candidate", "retracted"}
    assert {e.reason for e in singles} == {f"absorbed by gnss_area {area.event_id}"}
    assert area.measures["target_lat"] == pytest.approx(55.2, abs=0.05)


def test_two_that_jump_together_are_two():
    rows = in_order(*[fixed(rows, 1800, 4800, 55.2, 10.9) for rows in fleet(2)])
    assert [e.type for e in seen(watch(rows)[0])] == ["position_anomaly"] * 2


def test_those_that_jump_to_different_places_are_no_area():
    rows = in_order(*[fixed(rows, 1800, 4800, 55.0 + 0.3 * k, 10.9) for k, rows in enumerate(fleet())])
    assert {e.type for e in seen(watch(rows)[0])} == {"position_anomaly"}


def test_several_that_lose_their_place_are_an_area():
    rows = in_order(*[lost(rows, 1800 + 30 * k, 4800) for k, rows in enumerate(fleet())])
    events, _ = watch(rows)
    (area,) = seen(events)
    assert (area.type, area.subtype) == ("gnss_area", "lost")
    assert len(area.mmsi) == 4
    assert {e.state for e in last_versions(events, "position_lost")} <= {"candidate", "retracted"}


def test_three_of_a_crowd_that_lose_their_place_are_no_area():
    crowd = fleet(12, apart_deg=0.01)
    rows = in_order(*[lost(rows, 1800, 4800) if k < 3 else rows for k, rows in enumerate(crowd)])
    assert {e.type for e in seen(watch(rows)[0])} == {"position_lost"}


def mixed():
    return in_order(
        interference(),
        displaced(way(212_000_001, lon=10.3), 900, 2700, 20.0, 0.0),
        circling(way(212_000_002, lon=10.4, hours=2), 1800, 5400, 300, 8.0, north_nm=1.0),
        lost(way(212_000_003, lon=10.45), 2400, 5400),
        displaced(way(212_000_004, lon=10.5), 1200, 4800, 0.0, 2.0),
    )


def test_the_same_however_it_is_cut_and_resumed():
    rows = mixed()
    whole = lines(watch(rows)[0])
    assert whole.count(b'"type":"position_anomaly"') > 6
    marks = np.flatnonzero(np.diff(rows["t_ms"] // 60_000)) + 1
    assert lines(watch(rows, cuts=marks.tolist(), restarts=range(len(marks) + 1))[0]) == whole, "resumed at every minute"
    for seed in range(3):
        rng = np.random.default_rng(seed)
        cuts = rng.integers(0, len(rows), 40).tolist()
        assert lines(watch(rows, cuts=cuts, restarts=range(0, 40, 3), capacity=2)[0]) == whole
        assert lines(watch(shuffled(rows, seed), cuts=cuts)[0]) == whole


def heard_about(blocks=300, receiver="receiver 0"):
    """Coverage of a receiver that has heard vessels within about 40 nm of 54.5 N 10.6 E."""
    return well_heard(lat_deg=(54.0, 55.0), lon_deg=(9.8, 11.4), blocks=blocks, receiver=receiver)


def beyond(rows, **more):
    return [e for e in seen(watch(rows, coverage=more.pop("coverage", heard_about()), geography=OpenSea(), **more)[0]) if e.subtype == "geometry"]


def test_a_place_that_its_receiver_cannot_hear():
    rows = way(lat=58.0)
    (event,) = beyond(rows)
    first = watch(rows, coverage=heard_about(), geography=OpenSea())[0]
    assert min(e.t_detected for e in first if e.subtype == "geometry") <= T0 + 12 * 60_000
    assert (event.state, event.type) == ("open", "position_anomaly")
    assert event.t_start == T0
    assert [e.name for e in event.evidence] == ["receiver_distance_nm", "beyond_reach_s"]
    assert all(e.passed for e in event.evidence)
    assert event.evidence[0].observed == pytest.approx(210, abs=25)
    assert event.measures["receiver"] == "receiver 0"


def test_places_within_one_and_a_half_times_the_range_are_believed():
    assert not beyond(way(lat=55.0))
    assert not beyond(way(lat=58.0), coverage=heard_about(blocks=3)), "it has heard too little for anybody to know how far it hears"
    assert not beyond(way(lat=58.0), coverage=Coverage())


def test_one_receiver_that_may_have_heard_it_is_enough():
    both = heard_about()
    far = well_heard(lat_deg=(57.5, 58.9), lon_deg=(9.8, 11.4), receiver="receiver 1")
    group = both.group("receiver 1")
    keys = np.array([cell_key(lat, lon, b, group) for _, b, lat, lon in zip(*(each.tolist() for each in cells_of(far.keys)))], np.int64)
    both.learn(np.repeat(np.sort(keys), 300), np.empty(0, np.int64))
    rows = way(lat=58.0)
    assert beyond(rows, coverage=both)
    rows["receivers"] |= np.uint64(2)
    assert not beyond(rows, coverage=both)
    rows["receivers"] = np.uint64(5)  # and one of which nothing is known
    assert not beyond(rows, coverage=heard_about())


def test_a_receiver_that_hears_farther_than_a_mast_can_is_no_judge():
    wide = well_heard(lat_deg=(50.0, 59.0), lon_deg=(3.0, 12.0), blocks=20)
    assert not beyond(way(lat=40.0), coverage=wide)


def test_a_few_false_places_do_not_make_a_mast_hear_farther():
    clean, dirty = heard_about(), heard_about()
    far = np.array([cell_key(round(lat * 600_000), 6_360_000, 0, 0) for lat in (57.95, 58.05, 58.15)], np.int64)
    dirty.learn(np.repeat(far, 300), np.empty(0, np.int64))
    assert reaches_of(dirty, Position())[0]["limit_m"] == pytest.approx(reaches_of(clean, Position())[0]["limit_m"], rel=0.05)
    assert beyond(way(lat=58.0), coverage=dirty)


def test_a_mast_at_the_end_of_its_lane_hears_the_other_way_too():
    """A lane of 200 miles that the mast at its north end hears: its middle lies 100 miles south of it, and ships 60 miles north of it are ordinary."""
    coverage = well_heard(lat_deg=(54.0, 57.4), lon_deg=(10.5, 10.7), blocks=20)
    limit_nm = reaches_of(coverage, Position())[0]["limit_m"] / 1852
    assert limit_nm == pytest.approx(1.5 * 103, rel=0.05)
    assert not beyond(way(lat=57.9), coverage=coverage)
    long = well_heard(lat_deg=(53.0, 57.8), lon_deg=(10.5, 10.7), blocks=20)
    assert reaches_of(long, Position())[0]["limit_m"] / 1852 == pytest.approx(1.5 * 145, rel=0.05), "no cap from a middle where no mast stands"


def test_a_range_of_little_data_is_the_farthest_heard():
    few, many = (well_heard(blocks=blocks) for blocks in (4, 400))
    far = np.array([cell_key(round(56.65 * 600_000), round(10.55 * 600_000), 0, 0)], np.int64)
    for coverage in (few, many):
        coverage.learn(far, np.empty(0, np.int64))
    assert reaches_of(few, Position())[0]["limit_m"] > 1.2 * reaches_of(many, Position())[0]["limit_m"]


def test_when_many_are_heard_from_far_it_is_the_air():
    rows = in_order(*(way(mmsi=211_000_001 + k, lat=58.0 + 0.05 * k) for k in range(4)))
    assert not beyond(rows)
    reasons = {e.reason for e in last_versions(watch(rows, coverage=heard_about(), geography=OpenSea())[0], "position_anomaly")}
    assert reasons == {"suppressed: ducting"}
    assert len(beyond(rows[rows["mmsi"] < 211_000_004])) == 3


def test_a_jump_beyond_reach_says_so():
    rows = displaced(way(hours=3.0), 1800, 7200, 220.0, 0.0)
    (event,) = [e for e in seen(watch(rows, coverage=heard_about(), geography=OpenSea())[0]) if e.type == "position_anomaly"]
    assert (event.subtype, event.state) == ("jump", "closed")
    assert {"receiver_distance_nm", "beyond_reach_s"} <= {e.name for e in event.evidence}


def test_back_within_reach_it_is_over_and_forgotten():
    rows = way(lat=58.0, hours=1.0)
    home = way(hours=5.0, lat=54.5, lon=LON)
    home = home[home["t_ms"] >= T0 + 8 * 3600_000 - 5 * 3_600_000]  # two hours later, elsewhere: another ship's place by now
    events, state = watch(in_order(rows, home), coverage=heard_about(), geography=OpenSea())
    (event,) = [e for e in last_versions(events) if e.subtype == "geometry"]
    assert event.state == "closed"
    assert event.t_end <= T0 + 66 * 60_000
    assert not state.detectors[[d.NAME for d in state.detectors].index("position")].facts.rows["far_now"].any()


def test_reach_is_learned_and_judged_the_same_however_it_is_cut():
    rows = in_order(lane_traffic(hours=3.0), way(lat=58.0, hours=3.0)[400:])
    params = Params(position=Position(reach_blocks_min=100.0))
    events, _ = watch(rows, params=params)
    (event,) = [e for e in shown(events) if e.subtype == "geometry"]
    assert event.t_start > T0 + 3_600_000, "the first hour teaches"
    whole = lines(events)
    for seed in range(2):
        cuts = np.random.default_rng(seed).integers(0, len(rows), 40).tolist()
        assert lines(watch(shuffled(rows, seed), params=params, cuts=cuts, restarts=range(0, 40, 3), capacity=2)[0]) == whole


def test_cells_across_the_date_line_have_their_middle_there():
    reaches = []
    for east in (0.0, 169.4):  # the same cells, once about 10.6 E and once across 180
        coverage = Coverage()
        group = coverage.group("receiver 0")
        cells = [(lat, lon + east) for lat in np.arange(54.05, 55, 0.1) for lon in np.arange(9.85, 11.4, 0.1)]
        keys = sorted(cell_key(round(lat * 600_000), round(((lon + 180) % 360 - 180) * 600_000), 0, group) for lat, lon in cells)
        coverage.learn(np.repeat(np.array(keys, np.int64), 20), np.empty(0, np.int64))
        reaches.append(reaches_of(coverage, Position())[0])
    here, there = reaches
    assert here["limit_m"] == pytest.approx(there["limit_m"], rel=1e-3)
    assert here["lat"] == there["lat"]
    assert ((int(there["lon"]) - int(here["lon"])) / 600_000 - 169.4 + 180) % 360 - 180 == pytest.approx(0, abs=0.01)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_who_is_beyond_reach_is_found_as_by_trying_every_receiver(seed, n):
    rng = np.random.default_rng(seed)
    table = VesselTable.new(64, {})
    rows = np.concatenate([way(mmsi=211_000_001 + k, hours=0.01, lat=rng.uniform(-60, 60), lon=rng.uniform(-180, 180)) for k in range(n)])
    rows["receivers"] = rng.integers(0, 16, len(rows))
    table.add_fixes(rows[np.argsort(rows["t_ms"], kind="stable")], (40.0, 65.0, 30.0, 30.0), 3)
    reaches = np.zeros(GROUPS_MAX, REACH)
    reaches["lat"][:4], reaches["lon"][:4] = rng.integers(-36_000_000, 36_000_000, 4), rng.integers(-108_000_000, 108_000_000, 4)
    reaches["limit_m"][:4] = rng.choice([0.0, 1e5, 3e6, 1e7], 4)
    found = far_tracks(table.used, 0, reaches, [f"receiver {k}" for k in range(4)], ())
    wanted = {}
    for slot, row in enumerate(table.used):
        hearing = [reaches[k] for k in range(4) if int(row["rx"]) >> k & 1]
        over = [distance_m(int(row["lat"]), int(row["lon"]), int(r["lat"]), int(r["lon"])) - r["limit_m"] if r["limit_m"] else -1 for r in hearing]
        if over and min(over) > 0:
            wanted[slot] = min(over)
    assert {int(f["slot"]): f["away_m"] - f["limit_m"] for f in found} == pytest.approx(wanted)


def test_switched_off_it_says_nothing():
    assert not [e for e in watch(mixed(), params=Params(position=Position(enabled=False)))[0] if e.type != "gnss_area" and e.type in KINDS]


def test_what_is_over_is_forgotten():
    rows = in_order(displaced(way(hours=8), 1800, 3600, 25.0, 15.0), way(211_000_009, lon=10.9, hours=8))
    _, state = watch(rows)
    detector = next(d for d in state.detectors if d.NAME == "position")
    assert not detector.keys()
    assert not detector.wrong.pages
    assert not (state.table.used["marks"] & 2).any()


def test_jumps_are_judged_over_miles():
    assert not ours(watch(displaced(way(), 1800, 3600, 0.0, 0.7))[0])
    assert NM_M == 1852.0


@pytest.mark.parametrize(("page", "table"), [("position-anomaly", Position), ("gnss-area", Gnss)])
def test_every_parameter_is_documented(page, table):
    text = (Path(__file__).resolve().parent.parent / "docs" / "behaviours" / f"{page}.md").read_text(encoding="utf-8")
    assert not [name for name in table.__struct_fields__ if f"`{name}`" not in text]
    assert "## What this misses" in text
    assert "## What fools it" in text
