"""Zones and borders: the kernel against its twin, crossings drawn with a ruler, and what is no crossing."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_zone_events import changes_of
from tracks_sea import T0, every, in_order, last_versions, lines, shown, shuffled, static, track, watch

from dogwatch import blob
from dogwatch.batch import new_fixes
from dogwatch.times import from_iso
from tracks.coverage import Coverage, cell_key
from tracks.params import Params, ZoneLimits
from tracks.pool import Pool
from tracks.presets import preset
from tracks.records import ACCEPTED, BORN, GOES_ON, MORE, TAKEN
from tracks.step import TrackState
from tracks.zone_events import ZoneDetector
from tracks.zone_follow import CAP_NM, CHANGE, CROSS, ENTER, EXIT, HELD, LEAVE, LINE, STANDING, follow, room_for
from tracks.zone_stays import STAY, Stays
from tracks.zone_steps import rounded
from zones.coast import build_coast
from zones.geography import Geography
from zones.geojson import load_zones
from zones.ports import build_ports
from zones.reach import build_near
from zones.rings import edges_of

X, DEG, NM = 211_000_001, 600_000, 1 / 60
ISLAND = edges_of([shapely.box(-2 * DEG, -DEG, -DEG, DEG)])  # its 12-mile belt ends at 0.8 W on the equator


def zone(zone_id, kind, shape, **more):
    return {"type": "Feature", "properties": {"id": zone_id, "kind": kind, **more}, "geometry": json.loads(shapely.to_geojson(shape))}


def sea_of(*features, coast=ISLAND):
    sets = [load_zones(json.dumps({"type": "FeatureCollection", "features": list(features)}))] if features else []
    return Geography.build(build_coast(coast), build_ports([]), sets)


RESERVE = zone("reserve", "watch", shapely.box(3.0, -0.5, 3.5, 0.5).difference(shapely.box(3.2, -0.1, 3.3, 0.1)))
MEDIAN = zone("median", "border", shapely.LineString([(2.0, -2), (2.0, 0.0), (2.0, 2)]), inside="right", owner="NO")
WATERS = sea_of(RESERVE, MEDIAN)


def east(t_s, lon_deg, kn=12.0, *, lat=0.05, mmsi=X, **more):
    """Due east from `lon_deg` at T0, near the equator."""
    lon = lon_deg + np.asarray(t_s) * kn / 3600 * NM / math.cos(math.radians(lat))
    return track(mmsi, t_s, lat, lon, sog_kn=kn, cog_deg=90.0, **more)


def seen(rows, geography=WATERS, statics=None, **rule):
    return watch(rows, statics, geography=geography, params=Params(zone=ZoneLimits(**rule)))[0]


def told(events, *subtypes):
    return sorted((e for e in shown(events, "zone") if not subtypes or e.subtype in subtypes), key=lambda e: (e.t_start, e.subtype))


def at_s(event):
    return (event.t_start - T0) / 1000


def arrays_of(points, mmsi=X):
    """(fixes, taken) of one track, as the table would give them."""
    fixes, taken = new_fixes(len(points)), np.zeros(len(points), TAKEN)
    fixes["mmsi"], fixes["sog"] = mmsi, 100
    for name, column in zip(("t_ms", "lat", "lon"), np.array(points, np.int64).T):
        fixes[name] = column
        taken[f"prev_{name}"][1:] = column[:-1]
    taken["what"], taken["how"], taken["how"][0], taken["prev_speed_kn"] = ACCEPTED, GOES_ON, BORN, 10.0
    return fixes, taken


def followed(geography, fixes, taken, cuts=(), belt=True):
    """(changes, standing) of the kernel, in pieces."""
    more, standing, counts = np.zeros(1, MORE), np.zeros(1, STANDING), np.zeros(1, np.int64)
    exits = Pool(EXIT, 1)
    roles = np.array([HELD if z.is_area else LINE for z in geography.zones], np.uint8)
    found = []
    edges = [0, *sorted(set(cuts)), len(fixes)]
    for start, stop in pairwise(edges):
        done = 0
        while done < stop - start:
            changes = np.zeros(64, CHANGE)
            limits = (0.25, 25 / 1852, 1800.0, 3.0, 40.0, float(belt), 600.0)
            lines_near = build_near(geography.tree, roles == LINE, CAP_NM)
            arrays = geography.grid.arrays(), geography.coast.arrays(), lines_near, roles, limits
            standings, work = (standing, (exits.records, exits.numbers)), room_for(len(roles))[1:]
            done, n = follow(fixes[start:stop], taken[start:stop], done, more, *standings, *arrays, changes, counts, *work)
            found.append(changes[:n].copy())
    return np.concatenate(found), standing


def random_walk(rng, n, step_units, lat, lon):
    """A walk in legs, with reports on whole units, some of them exactly where the one before was."""
    turn = rng.normal(0, 1, (n, 2)).cumsum(axis=0) * 0.3
    steps = np.rint(step_units * np.column_stack([np.sin(turn[:, 0]), np.cos(turn[:, 0])]) * (rng.random((n, 1)) < 0.9))
    places = np.array([lat, lon]) + steps.cumsum(axis=0)
    t_ms = T0 + np.arange(n) * 60_000
    return [(int(t), int(a), int(b)) for t, (a, b) in zip(t_ms, places)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([60, 400, 3000, 20_000]))
def test_the_kernel_agrees_with_its_twin(seed, step_units):
    """Random walks over zones that share edges and overlap, lines among them, on a coarse lattice so that fixes lie on boundaries."""
    rng = np.random.default_rng(seed)
    shapes = [shapely.box(*(3 + np.sort(rng.integers(0, 12, 2)) / 10 + [0, 0.1])[[0, 0, 1, 1]]) for _ in range(5)]
    boxes = [zone(f"z{k}", "area", s) for k, s in enumerate(shapes)]
    rules = [
        zone("l1", "border", shapely.LineString([(3.6, 2), (3.6, 3.6), (4.1, 3.7), (3.2, 5)])),
        zone("l2", "border", shapely.LineString([(3, 3.6), (5, 3.6)])),
    ]
    land = edges_of([shapely.box(3 * DEG, round(3.5 * DEG), round(3.2 * DEG), round(3.7 * DEG))])
    geography = sea_of(*boxes, *rules, coast=land)
    points = random_walk(rng, 120, step_units, round(3.6 * DEG), round(3.6 * DEG))
    if rng.random() < 0.5:
        points = [(t, round(a / 6000) * 6000, round(b / 6000) * 6000) for t, a, b in points]
    changes, standing = followed(geography, *arrays_of(points))
    words = {ENTER: "enter", LEAVE: "leave", CROSS: "cross"}
    got = [(words[c["kind"]], int(c["zone"]), int(c["from_ms"]), int(c["t_ms"])) for c in changes if c["kind"] in words]
    assert sorted(got) == sorted(changes_of(geography, points, 0.25, 25 / 1852))
    for c in (c for c in changes if c["kind"] in words):
        assert c["from_ms"] <= c["at_ms"] <= c["t_ms"]
        assert min(c["from_lat"], c["lat"]) <= c["at_lat"] <= max(c["from_lat"], c["lat"])
    cut, cut_standing = followed(geography, *arrays_of(points), cuts=sorted(rng.integers(1, 119, 5).tolist()))
    assert cut.tobytes() == changes.tobytes(), "a fold"
    assert cut_standing.tobytes() == standing.tobytes()


def test_each_of_two_limits_is_left_in_its_own_step():
    """Out of the belt, in the next report out of an area too, neither far enough to be sure: both are sure a report later, where they were left."""
    geography = sea_of(zone("roads", "area", shapely.box(-1.5, -0.5, -0.8 + 0.12 * NM, 0.5)))
    points = [(T0 + 60_000 * i, 0, round((-0.8 + nm * NM) * DEG)) for i, nm in enumerate([-0.2, -0.1, 0.1, 0.2, 0.24])]
    changes, _ = followed(geography, *arrays_of(points))
    got = [("leave", int(c["zone"]), int(c["from_ms"]), int(c["t_ms"])) for c in changes if c["kind"] == LEAVE]
    assert got == [("leave", -1, points[1][0], points[2][0]), ("leave", 0, points[2][0], points[3][0])]
    assert got == changes_of(geography, points, 0.25, 25 / 1852)


def test_a_crossing_has_its_moment_and_its_place():
    """60 s between reports; the true moment is known."""
    true_s = 0.1 / NM / 12 * 3600
    events = seen(east(every(60, 1), 2.9, kn=12.0))
    (enter,) = told(events, "enter")
    assert at_s(enter) == pytest.approx(true_s, abs=1.0)
    assert enter.lon == pytest.approx(3.0, abs=2e-5)
    assert [(z.id, z.relation, z.kind) for z in enter.zones] == [("reserve", "crossed", "watch")]
    assert (enter.state, enter.t_end) == ("open", None), "it stays"
    assert enter.measures["speed_kn"] == pytest.approx(12, abs=0.1)
    assert enter.t_detected - enter.t_start <= 120_000, "at once"


def test_a_hole_is_outside():
    """In, into the hole, out of the hole, out: four crossings, two stays."""
    events = seen(east(every(60, 4), 2.9, kn=12.0))
    assert [(e.subtype, round(e.lon, 3)) for e in told(events, "enter", "exit")] == [("enter", 3.0), ("exit", 3.2), ("enter", 3.3), ("exit", 3.5)]
    first, second = told(events, "enter")
    assert first.state == second.state == "closed"
    assert first.measures["stay_s"] == pytest.approx(0.2 / NM / 12 * 3600, abs=3)


@pytest.mark.parametrize(
    ("out_nm", "reports", "leaves"),
    [(0.1, 1, False), (0.1, 2, True), (0.3, 1, True), (0.01, 9, False)],
)
def test_an_exit_needs_distance_or_a_second_report(out_nm, reports, leaves):
    """In the reserve's west, out over its western edge and back in."""
    nm_east = [-0.2, 0.2, 0.3, *([-out_nm] * reports), 0.3, 0.2, 0.25]
    t = every(180, 1)[: len(nm_east)]
    rows = track(X, t, 0.3, 3.0 + np.array(nm_east) * NM, sog_kn=4.0)
    events = seen(rows)
    exits = told(events, "exit")
    assert len(exits) == int(leaves)
    if leaves:
        assert t[2] <= at_s(exits[0]) <= t[3], "in the step that led out, whichever report made it sure"


def test_a_line_has_two_sides_and_a_first_time():
    t = every(60, 1)
    out_and_back = np.concatenate([1.9 + t * 12 / 3600 * NM, 2.1 - t * 12 / 3600 * NM])
    rows = track(X, np.concatenate([t, t + 3600]), 0.05, out_and_back, sog_kn=12.0)
    events = seen(rows, statics=_bound_for("DE HAM"))
    first, second = told(events, "cross_line")
    assert [e.measures["sense"] for e in (first, second)] == ["in", "out"], "right of a line drawn to the north is in"
    assert [e.measures["first_in_30d"] for e in (first, second)] == [True, False]
    assert first.measures["destination"] == "DE HAM"
    assert {x.name: x.result for x in first.exclusions}["declared_destination"] == "elsewhere"
    assert at_s(first) == pytest.approx(0.1 / NM / 12 * 3600, abs=1)
    assert told(seen(rows, statics=_bound_for("NO OSL")), "cross_line")[0].exclusions[-1].result == "there"


def _bound_for(destination):
    rows = static(X, ship_type=70, loa_m=100, name="SHIP")
    rows["destination"] = destination.encode()
    rows["has"] |= 8
    return rows


def test_the_distance_to_an_official_crossing_point():
    point = zone("gate", "crossing_point", shapely.Point(2.0, 0.2), buffer_nm=0.5)
    events = seen(east(every(60, 1), 1.9), sea_of(MEDIAN, point))
    assert told(events, "cross_line")[0].measures["crossing_point_nm"] == pytest.approx(0.15 * 60 - 0.5, abs=0.05)


def gapped():
    """A way over the median with forty minutes of silence on it."""
    rows = east(every(60, 3), 1.9)
    t_s = (rows["t_ms"] - T0) / 1000
    return rows[(t_s <= 600) | (t_s >= 3000)]


def test_a_crossing_in_a_gap_is_inferred_and_has_the_gap_as_its_time():
    rows = gapped()
    (event,) = told(seen(rows, coverage_needed=False), "inferred_cross")
    assert (at_s(event), (event.t_end - T0) / 1000) == (600, 3000)
    assert event.measures["gap_s"] == 2400
    assert event.evidence[0].passed
    assert told(seen(rows, gap_s_min=3000.0), "cross_line"), "a gap is what the rule says"


@pytest.mark.parametrize(
    ("heard", "missed", "witness", "why"), [(60, 0, True, ""), (20, 40, True, "gap_expected"), (0, 0, True, "coverage_unknown"), (60, 0, False, "gap_expected")]
)
def test_a_crossing_in_a_gap_is_told_only_if_the_gap_is_strange(heard, missed, witness, why):
    """In a sea where she would have been heard, by somebody who listened: another ship is heard all the while, or nobody is."""
    keys = np.array([cell_key(round(0.05 * DEG), round(lon * DEG), 0, 0) for lon in np.arange(1.75, 2.6, 0.1)])
    learned = Coverage(["receiver 0"])
    learned.learn(np.repeat(keys, heard), np.repeat(keys, missed))
    rows = in_order(gapped(), track(X + 1, every(60, 3), 0.9, 2.4, sog_kn=0.0)) if witness else gapped()
    events, state = watch(rows, geography=WATERS, coverage=learned)
    assert state.coverage.groups[0] == "receiver 0"
    (event,) = (e for e in last_versions(events, "zone") if e.subtype == "inferred_cross")
    assert (event.state, event.reason) == (("candidate", f"suppressed: {why}") if why else ("closed", ""))
    assert (event.measures["p_silence"] <= 0.01) == (not why)


def test_a_gap_at_anchor_speed_is_measured_by_its_own_interval():
    """Slow vessels report each three minutes: nine of them are no gap when the floor is lower."""
    t = np.array([0, 180, 360, 920, 1100])
    rows = track(X, t, 0.3, 3.0 + np.array([-0.3, -0.2, -0.1, 0.2, 0.3]) * NM, sog_kn=2.0)
    assert [e.subtype for e in told(seen(rows, gap_s_min=60.0, coverage_needed=False))] == ["inferred_cross"]
    rows["t_ms"][3:] -= 30_000
    assert [e.subtype for e in told(seen(rows, gap_s_min=60.0, coverage_needed=False))] == ["enter"]


def test_a_jump_is_no_crossing():
    here, there = east(every(60, 1), 0.5), east(every(60, 1, 3600), 2.7, lat=0.3)
    rows = in_order(here, there)
    assert not [e for e in told(seen(rows)) if e.zones[0].id == "median"]


def test_a_first_fix_inside_enters_nothing():
    assert not told(seen(track(X, every(60, 1), 0.3, 3.1, sog_kn=0.0)))


def test_silence_inside_does_not_end_a_stay():
    """T15: the zone is then where it was last known; heard inside again, it is inside; and the stay ends where it leaves."""
    coming, after = east(every(60, 0.75), 2.95, lat=0.3), east(every(60, 3, 4.5 * 3600), 3.1 - 4.5 * 12 * NM, lat=0.3)
    events = seen(in_order(coming, after))
    stays = [e for e in events if e.type == "zone" and e.subtype == "enter"]
    assert [e.zones[0].relation for e in stays] == ["crossed", "inside_last_known", "inside", "crossed"]
    assert [e.version for e in stays] == [1, 2, 3, 4]
    assert stays[-1].state == "closed"
    assert len(told(events, "exit")) == 1
    assert not told(events, "inferred_cross")


def test_the_belt_is_a_zone():
    events = seen(track(X, every(60, 2), 0.05, -0.6 - every(60, 2) * 12 / 3600 * NM, sog_kn=12.0, cog_deg=270.0))
    (enter,) = told(events, "enter")
    assert (enter.zones[0].id, enter.zones[0].kind, enter.state) == ("belt-12nm", "territorial_sea", "closed")
    assert "-approx-" in enter.zones[0].version
    assert enter.lon == pytest.approx(-1.0 + 12 * NM, abs=0.002)
    assert not told(seen(track(X, every(60, 2), 0.05, -0.6 - every(60, 2) * 12 / 3600 * NM, sog_kn=12.0), belt=False))


@pytest.mark.parametrize(("lat", "kn"), [(0.05, 12.0), (60.0, 12.0), (82.0, 12.0), (-78.0, 20.0)])
def test_over_180_and_far_north(lat, kn):
    """A box on both sides of the meridian, entered in the west of it, left in the east."""
    halves = shapely.MultiPolygon([shapely.box(179.8, lat - 1, 180, lat + 1), shapely.box(-180, lat - 1, -179.8, lat + 1)])
    line = zone("line", "border", shapely.LineString([(180, lat - 1), (180, lat + 1)]))
    geography = sea_of(zone("both", "area", halves), line)
    hours = 0.6 / NM * math.cos(math.radians(lat)) / kn
    events = seen(east(every(30, hours), 179.7, kn=kn, lat=lat), geography)
    assert [(e.subtype, e.zones[0].id) for e in told(events, "enter", "exit", "cross_line")] == [("enter", "both"), ("cross_line", "line"), ("exit", "both")]
    assert [abs(e.lon) for e in told(events, "enter", "exit")] == pytest.approx([179.8, 179.8], abs=1e-3)


def test_an_approach_is_open_until_it_turns_away():
    t = every(60, 3)
    nm = np.minimum(t * 10 / 3600, 2 * 9.3 - t * 10 / 3600)  # ten miles off the line, up to 0.7, and back
    events = seen(track(X, t, 0.05, 2.0 - (10 - nm) * NM, sog_kn=10.0))
    (approach,) = told(events, "approach")
    assert at_s(approach) == pytest.approx(1800, abs=300), "half an hour before"
    assert (approach.t_end - T0) / 1000 == pytest.approx(9.3 * 360, abs=300)
    assert approach.measures["eta_s"] <= 1800
    assert approach.zones[0].relation == "near"
    assert not told(events, "cross_line")


@pytest.mark.parametrize(("straight_s", "ship_type", "told_of"), [(1200, 70, True), (240, 70, False), (1200, 60, False)])
def test_who_only_turns_past_a_limit_or_carries_passengers_is_no_approach(straight_s, ship_type, told_of):
    """North along the line two and a half miles off, then straight at it for a while, then north again."""
    t = every(60, 2)
    east_nm = np.clip(t - 3600, 0, straight_s) * 6 / 3600
    lat, lon = -0.4 + (t * 6 / 3600 - east_nm) * NM, 2.0 + (east_nm - 2.5) * NM
    rows = track(X, t, lat, lon, sog_kn=6.0)
    events = seen(rows, statics=static(X, ship_type=ship_type, loa_m=100, name="SHIP"))
    assert bool(told(events, "approach")) == told_of
    if told_of:
        (approach,) = told(events, "approach")
        assert approach.measures["heading_s"] >= 600
        assert at_s(approach) == pytest.approx(3600, abs=420), "since it headed there, not since it was sure"


def test_an_approach_that_comes_true_is_retracted():
    events = seen(east(every(60, 2), 1.85))
    (forecast,) = (e for e in last_versions(events, "zone") if e.subtype == "approach" and e.zones[0].id == "median")
    (cross,) = told(events, "cross_line")
    assert (forecast.state, forecast.reason) == ("retracted", f"crossed: {cross.event_id}")


def test_an_approach_is_followed_though_another_limit_comes_nearer():
    """At the border aslant, past the end of another one a mile beside the way, and back two miles before it."""
    t = every(20, 1.6)
    left_nm = np.abs(20.0 - t * 25 / 3600 - 2.0) + 2.0  # to where the way meets the border
    lat, lon = 0.05 - left_nm * math.cos(math.radians(30)) * NM, 2.0 - left_nm * math.sin(math.radians(30)) * NM
    end = (2.0 - (6 * 0.5 + 0.866) * NM, 0.05 - (6 * 0.866 - 0.5) * NM)
    other = zone("other", "border", shapely.LineString([end, (end[0] - 0.01, end[1] + 0.005)]))
    (approach,) = told(seen(track(X, t, lat, lon, sog_kn=25.0), sea_of(MEDIAN, other)), "approach")
    assert approach.zones[0].id == "median"
    assert at_s(approach) == pytest.approx((20 - 12.5) * 144, abs=200)
    assert (approach.t_end - T0) / 1000 == pytest.approx(18 * 144, abs=120), "not when the other one came nearer"


def test_an_approach_ends_at_the_last_report():
    t = every(60, 0.6)
    others = track(X + 1, every(60, 3), 5.0, 5.0, sog_kn=5.0)
    (approach,) = told(seen(in_order(east(t, 1.83, kn=12.0), others)), "approach")
    assert (approach.state, (approach.t_end - T0) / 1000) == ("closed", t[-1])


def test_what_a_track_in_doubt_tells_crosses_nothing():
    """Its place jumps to the reserve, wanders in, and jumps back."""
    t = every(30, 3)
    false = (t >= 3600) & (t < 7200)
    lat, lon = np.where(false, 0.3, 3.0), np.where(false, 2.95 + (t - 3600) * 10 / 3600 * NM, 2.0 + t * 10 / 3600 * NM)
    events = seen(track(X, t, lat, lon, sog_kn=10.0, cog_deg=90.0))
    (enter,) = [e for e in last_versions(events, "zone") if e.zones[0].id == "reserve" and e.subtype == "enter"]
    assert (enter.state, enter.reason) == ("candidate", "suppressed: untrue_position")
    assert not [e for e in told(events) if e.zones[0].id == "reserve"]


@pytest.mark.parametrize(("kn", "heading_deg"), [(2.0, 90.0), (10.0, 0.0), (10.0, 330.0)])
def test_who_is_slow_or_goes_along_approaches_nothing(kn, heading_deg):
    t = every(60, 0.7 if kn < 3 else 2)
    way = t * kn / 3600 * NM
    lat, lon = -0.4 + way * math.cos(math.radians(heading_deg)), 1.97 + way * math.sin(math.radians(heading_deg))
    assert not told(seen(track(X, t, lat, lon, sog_kn=kn)), "approach", "cross_line")


def test_noise_on_a_boundary_is_one_crossing_in_ten_minutes():
    rng = np.random.default_rng(4)
    rows = track(X, every(10, 1), 0.3, 3.0 + rng.normal(0, 1, 360) * 8e-5, sog_kn=0.1)  # 9 m
    assert len(told(seen(rows))) <= 1


def test_a_zone_counts_only_while_it_is_valid():
    summer = zone("summer", "watch", shapely.box(3.0, -0.5, 3.5, 0.5), valid_from="2026-01-01T01:00:00Z", valid_to="2026-01-01T06:00:00Z")
    before, during = east(every(60, 2), 2.9, kn=8.0), east(every(60, 2, 3 * 3600), 2.9 - 3 * 8 * NM, kn=8.0, mmsi=X + 1)
    assert from_iso("2026-01-01T01:00:00Z") == T0 + 3_600_000
    assert [e.mmsi for e in told(seen(in_order(before, during), sea_of(summer)), "enter")] == [[X + 1]]


def test_presets_are_what_their_peers_ask():
    quiet = preset("skylight_area_entry")
    rows = east(every(60, 1), 1.85)
    assert {e.subtype for e in told(watch(rows, geography=WATERS)[0])} == {"cross_line"}
    assert "approach" not in {e.subtype for e in last_versions(watch(rows, geography=WATERS, params=quiet)[0], "zone")}
    assert not preset("windward_in_polygon").zone.belt
    assert preset("windward_in_polygon").zone.exit_nm == 0.0


def test_ports_and_proposals_are_not_followed():
    box = shapely.box(3.0, -0.5, 3.5, 0.5)
    features = [zone("port", "port", box), zone("guess", "anchorage", box, approved=False), zone("area", "area", box)]
    assert {e.zones[0].id for e in told(seen(east(every(60, 2), 2.9), sea_of(*features)))} == {"area"}


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_events_do_not_depend_on_cuts_order_or_restarts(seed):
    rng = np.random.default_rng(seed)
    parts = [east(every(60, 3), 1.9, mmsi=X + 9)]  # one that surely crosses
    for k in range(6):
        t = every(60, 3, float(rng.integers(0, 60)))
        to_deg = float(rng.uniform(0, 360))
        way = t * 14 / 3600 * NM
        lat, lon = way * math.cos(math.radians(to_deg)) + rng.uniform(-0.4, 0.4), way * math.sin(math.radians(to_deg)) + rng.uniform(1.6, 3.2)
        rows = track(X + k, t, lat, lon, sog_kn=14.0, cog_deg=to_deg)
        parts.append(rows[(t < 3000) | (t > 3000 + 1200 * k)])
    rows = in_order(*parts)
    whole, state = watch(rows, geography=WATERS)
    assert told(whole)
    cuts = sorted(rng.integers(1, len(rows), 7).tolist())
    again, other = watch(shuffled(rows, seed), geography=WATERS, cuts=cuts, restarts=set(rng.integers(0, 8, 3).tolist()), capacity=2)
    assert lines(again) == lines(whole)
    for name in STANDING.names:
        ours, theirs = (s.table.to_sections()["cold"]["zone"][name] for s in (state, other))
        assert np.array_equal(ours, theirs), name


def test_resume_at_every_minute():
    rows = east(every(60, 1), 1.95)
    whole = lines(watch(rows, geography=WATERS)[0])
    for cut in range(1, len(rows)):
        assert lines(watch(rows, geography=WATERS, cuts=[cut], restarts=[0])[0]) == whole


def test_new_lines_are_taken_over_without_a_crossing():
    """The zone set changes over a restart while a vessel lies in it: nobody enters or leaves."""
    rows = track(X, every(60, 1), 0.3, 3.1, sog_kn=0.0)
    _, state = watch(rows, geography=WATERS)
    other = sea_of(zone("new", "area", shapely.box(3.0, 0, 4.0, 1.0)))
    saved = blob.unpack(blob.pack(state.to_sections(), schema=1), schema=1)
    state = TrackState.from_sections(saved, Params(), other)
    detector = next(d for d in state.detectors if isinstance(d, ZoneDetector))
    fixes, taken = arrays_of([(T0 + 7_200_000, round(0.3 * DEG), round(3.1 * DEG)), (T0 + 7_260_000, round(0.3 * DEG), round(3.1 * DEG))])
    taken["how"] = GOES_ON
    detector.see(state.sight, fixes, taken)
    assert not detector.changes
    assert detector.version == other.version
    assert state.table.cold["zone"]["n"][0] == 1


def test_zones_beyond_those_followed_are_counted():
    heap = [zone(f"z{k:02}", "area", shapely.box(3.0, -0.5, 3.5 + k / 100, 0.5)) for k in range(15)]
    events, state = watch(east(every(60, 1), 2.95), geography=sea_of(*heap))
    assert len(told(events, "enter")) == 12
    assert state.counters["zones_not_followed"] >= 3


def test_the_record_is_small():
    assert STANDING.itemsize <= 72


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 2, 3, 5]))
def test_columns_are_rounded_as_single_numbers_are(seed, decimals):
    rng = np.random.default_rng(seed)
    halves = (rng.integers(-2000, 2000, 40) + 0.5) / 10.0**decimals
    values = np.concatenate([rng.normal(0, 90, 40), halves, np.nextafter(halves, 1e9), np.nextafter(halves, -1e9), rng.integers(0, 9, 5) * 1.0, [0.0, -0.0]])
    assert list(map(repr, rounded(values, decimals))) == [repr(round(value, decimals)) for value in values.tolist()]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 200), st.booleans()), max_size=300))
def test_stays_are_kept_as_a_dict_would_keep_them(steps):
    """Begun, begun anew, ended in any order and saved in between: none is lost or taken for another."""
    stays, twin, begun = Stays(), {}, np.zeros(1, STAY)
    for n, (mark, begins) in enumerate(steps):
        if begins:
            begun["mark"], begun["t_ms"], twin[mark] = mark, n, n
            stays.open(begun[0], f"{n:032x}", f"params{n % 3}")
        elif mark in twin:
            stay = stays.close(mark)
            assert (stay.mark, stay.t_ms, stay.id_low, stays.params[stay.params]) == (mark, twin[mark], twin[mark], f"params{twin.pop(mark) % 3}")
        if n % 50 == 49:
            saved = blob.pack(stays.to_sections(), schema=1)
            stays = Stays.from_sections(blob.unpack(saved, schema=1))
            assert blob.pack(stays.to_sections(), schema=1) == saved
        assert (mark in stays, len(stays)) == (mark in twin, len(twin))
    assert [(stay.mark, stay.t_ms) for stay in stays] == sorted(twin.items())
    assert sorted(stays.held["mark"]) == sorted(twin)
