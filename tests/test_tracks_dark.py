"""Dark periods: the arithmetic of silence, then vessels that went dark and vessels that only seem to."""

import math
from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracks_sea import T0, every, heard_too, in_order, lane_traffic, last_versions, lines, shown, silent_source, static, track, watch, well_heard

from dogwatch.batch import F_LATE, LAT_MISSING, T_MISSING, Control, empty_batch
from dogwatch.watermark import end_of_recording
from tracks.coverage import CELLS_MAX, FADE_PER_HOUR, FAINT, GROUPS_MAX, Coverage, cell_at, cell_key, cells_of, p_path, p_silence
from tracks.dark import NEAR_COAST
from tracks.ears import EAR, MINUTES_KEPT, Ears, faded, minutes_of, thinned
from tracks.params import Dark, Loitering, Params, Rendezvous
from tracks.presets import preset
from tracks.records import HOT
from tracks.silence import reckon
from tracks.step import TrackState, track_step

X = 211_000_009
ALONE = Params(loitering=Loitering(enabled=False), rendezvous=Rendezvous(enabled=False))


def gone(start_s=3600.0, gap_s=4200.0, hours=3.0, *, kn=12.0, lat0=54.2, lon=10.33, step_s=30.0, **more):
    """A vessel that runs north and is not heard for a while."""
    t = every(step_s, hours)
    t = t[(t <= start_s) | (t >= start_s + gap_s)]
    return track(X, t, lat0 + t * kn / 3600 / 60, lon, sog_kn=kn, cog_deg=0.0, **more)


def sea(*vessels, hours=3.0, **more):
    """The vessels amid traffic, where everything has been heard before."""
    more.setdefault("coverage", well_heard())
    return watch(in_order(lane_traffic(hours, lat_deg=54.2, length_deg=0.6), *vessels), params=ALONE, **more)


# Arithmetic


@pytest.mark.parametrize(
    ("beta", "n", "expected"), [((95, 5), 3, 2.0e-4), ((95, 5), 6, 1.3e-7), ((70, 30), 3, 2.9e-2), ((70, 30), 6, 1.0e-3), ((70, 30), 9, 4.2e-5)]
)
def test_unit_values_of_silence(beta, n, expected):
    assert p_silence(float(beta[0]), float(beta[1]), n) == pytest.approx(expected, rel=0.05)


@given(st.floats(0.5, 500), st.floats(0.5, 500), st.integers(0, 30))
def test_silence_is_a_ratio_of_gamma_functions(a, b, n):
    exact = math.exp(math.lgamma(b + n) - math.lgamma(b) + math.lgamma(a + b) - math.lgamma(a + b + n))
    assert p_silence(a, b, n) == pytest.approx(exact, rel=1e-6)


def test_an_unlearned_cell_is_no_evidence():
    path = np.array([1, 1, 2, 2], np.int64)
    p, mean, n = p_path(path, np.array([99.0, 99.0, 3.0, 3.0]), np.array([4.0, 4.0, 0.0, 0.0]), 20.0)
    assert p == pytest.approx(p_silence(100.0, 5.0, 2))
    assert (mean, n) == (pytest.approx(100 / 105), 2)


def test_coverage_learns_fades_and_is_bounded(monkeypatch):
    coverage = Coverage()
    coverage.learn(np.array([5, 5, 3], np.int64), np.array([5], np.int64))
    heard, missed = coverage.blocks(np.array([3, 4, 5], np.int64))
    assert (heard.tolist(), missed.tolist()) == ([1, 0, 2], [0, 0, 1])
    for _ in range(168):
        coverage.fade()
    assert coverage.blocks(np.array([5], np.int64))[0][0] == pytest.approx(1.0, rel=1e-5), "half of it after a week"
    monkeypatch.setattr("tracks.coverage.CELLS_MAX", 2)
    coverage.learn(np.array([7, 8], np.int64), np.empty(0, np.int64))
    assert (len(coverage.keys), coverage.refused) == (2, 2)
    assert CELLS_MAX > 100_000


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(-3, 40)), st.lists(st.integers(-3, 60)), st.booleans()), max_size=6))
def test_coverage_counts_as_a_dictionary_does(blocks):
    coverage, heard, missed = Coverage(), {}, {}
    for heard_keys, missed_keys, fades in blocks:
        told = np.array(heard_keys, np.int64), np.array(missed_keys, np.int64)
        for part in (slice(2), slice(2, None)):  # what is noted in parts is learned at once
            coverage.note(*(keys[part] for keys in told))
        coverage.settle()
        for key, n in Counter(heard_keys).items():
            heard[key] = heard.get(key, 0.0) + n
        for key, n in Counter(missed_keys).items():
            if key in heard:
                missed[key] = missed.get(key, 0.0) + n
        for _ in range(700 if fades else 0):
            coverage.fade()
            for cells in (heard, missed):
                cells.update({key: n * FADE_PER_HOUR for key, n in cells.items()})
            alive = {key for key in heard if heard[key] + missed.get(key, 0.0) >= FAINT}
            heard, missed = ({key: n for key, n in cells.items() if key in alive} for cells in (heard, missed))
    assert coverage.keys.tolist() == sorted(heard)
    assert coverage.heard.tolist() == [heard[key] for key in sorted(heard)], "bit for bit"
    assert coverage.missed.tolist() == [missed.get(key, 0.0) for key in sorted(heard)]
    found = [cell_at(coverage.keys, coverage.hashed(), key) for key in range(-5, 65)]
    assert found == [sorted(heard).index(key) if key in heard else -1 for key in range(-5, 65)]


def test_cells_wrap_at_the_date_line():
    assert cell_key(0, 107_999_999, 0, 0) - cell_key(0, -108_000_000, 0, 0) == 3599
    assert cell_key(0, 108_000_000, 0, 3) == cell_key(0, -108_000_000, 0, 3)
    keys = [cell_key(-54_000_000, 5_940_001, class_b, group) for group in range(GROUPS_MAX) for class_b in (0, 1)]
    assert len(set(keys)) == 2 * GROUPS_MAX
    group, class_b, lat, lon = cells_of(np.array(keys))
    assert group.tolist() == np.repeat(np.arange(GROUPS_MAX), 2).tolist()
    assert class_b.tolist() == [0, 1] * GROUPS_MAX
    assert set(zip(lat.tolist(), lon.tolist(), strict=True)) == {(-54_000_000, 5_940_000)}


def test_receivers_beyond_the_limit_share_the_last_group():
    coverage = Coverage()
    assert [coverage.group(f"r{k}") for k in range(20)] == [*range(GROUPS_MAX - 1), *[GROUPS_MAX - 1] * 5]
    assert coverage.group("r3") == 3
    assert coverage.groups[-1] == "others"
    again = Coverage.from_sections(coverage.to_sections())
    assert [again.group(name) for name in ("r0", "r14", "new")] == [0, 14, GROUPS_MAX - 1]


@pytest.mark.parametrize("lat_deg", [0.0, 54.0, -70.0])
@pytest.mark.parametrize("cog_deg", [0, 45, 90, 135, 180, 225, 270, 315])
def test_reckoning_goes_where_the_course_points(lat_deg, cog_deg):
    """Also the peers' defect: 10 knots due east for an hour are 10 miles east and none north."""
    lat, lon = reckon(round(lat_deg * 600_000), 107_900_000, 10.0, cog_deg * 10, 3600.0)
    north_nm = (lat / 600_000 - lat_deg) * 60
    east_nm = ((lon - 107_900_000 + 108_000_000) % 216_000_000 - 108_000_000) / 10_000 * math.cos(math.radians(lat_deg + north_nm / 120))
    assert north_nm == pytest.approx(10 * math.cos(math.radians(cog_deg)), abs=0.05)
    assert east_nm == pytest.approx(10 * math.sin(math.radians(cog_deg)), abs=0.05)


# Seas


def test_silence_amid_traffic_near_the_border_is_suspicious():
    events, _ = sea(gone())
    (event,) = shown(events)
    assert (event.type, event.mmsi, event.t_start) == ("dark", [X], T0 + 3_600_000)
    first, opened = events[0], next(e for e in events if e.state == "open")
    assert (first.state, first.subtype, first.t_detected - event.t_start) == ("candidate", "candidate", 900_000)
    assert (opened.subtype, opened.t_detected - event.t_start) == ("suspicious", 1_800_000)
    assert all(e.passed for e in opened.evidence), opened.evidence
    assert [x.effect for x in opened.exclusions] == ["none"] * 8
    assert opened.measures["p_silence"] < 1e-4
    assert opened.confidence > 0.95


def test_what_was_improbable_in_company_stays_so_when_the_company_has_sailed_on():
    """Five ships pass while she is silent; after 20 minutes they are gone, and nobody is left to compare with."""
    t = every(30, 2.6)
    passing = [track(219_000_200 + k, t, 54.4 + k * 0.01, 10.33 + (t - 3600) * 30 / 3600 / 60, sog_kn=30.0, cog_deg=90.0) for k in range(5)]
    stay = [track(219_000_300 + k, t, 54.9, 10.33 + k * 0.01, sog_kn=0.0, nav=1) for k in range(5)]
    seen = []
    for others in (passing, stay):
        events, _ = watch(in_order(gone(hours=2.6), *others), params=ALONE, coverage=well_heard())
        seen.append([e for e in events if e.mmsi == [X]])
    with_company, without = seen
    assert (with_company[0].state, with_company[0].measures["peers"]) == ("candidate", 5)
    opened = next(e for e in with_company if e.state == "open")
    assert opened.measures["peers"] < ALONE.dark.peers_min
    assert opened.measures["p_silence"] <= with_company[0].measures["p_silence"] < 1e-4
    assert not any(e.state == "open" for e in without)
    assert min(e.measures["p_silence"] for e in without) >= 1e-3


def test_on_return_it_says_how_far_and_how_long():
    (event,) = shown(sea(gone())[0])
    assert (event.state, event.subtype, event.t_end) == ("closed", "reappeared", T0 + 7_800_000)
    assert event.measures["gap_s"] == 4200
    assert event.measures["implied_kn"] == pytest.approx(12, abs=0.2)
    assert event.measures["unexplained_s"] < 300


def test_hidden_time_is_unexplained():
    back = track(X, every(30, 0.5, 7800), 54.41 + every(30, 0.5) * 12 / 3600 / 60, 10.33, sog_kn=12.0, cog_deg=0.0)
    (event,) = shown(sea(gone(hours=1.0), back)[0])
    assert event.measures["unexplained_s"] == pytest.approx(4200 - 0.01 * 60 / 12 * 3600, abs=120)


def test_without_learned_coverage_it_stays_a_candidate_and_says_so():
    rows = in_order(gone(hours=2.6), *(track(219_000_000 + k, every(60, 2.6), 54.41, 10.33, sog_kn=0.0, nav=1) for k in range(5)))
    events, _ = watch(rows, params=ALONE, coverage=None)
    assert {(e.state, e.reason) for e in events if e.mmsi == [X]} == {("candidate", "coverage unknown")}


def test_coverage_is_learned_from_traffic():
    _, state = sea(hours=6.0, coverage=None)
    heard, missed = state.coverage.blocks(np.array([cell_key(round(54.45 * 600_000), round(10.3 * 600_000), 0, 0)]))
    assert heard[0] > 50
    assert missed[0] == 0


def test_holes_in_passing_tracks_teach_missed_blocks():
    t = every(30, 1.0)
    t = t[(t < 1200) | (t >= 2100)]
    _, state = watch(track(X, t, 54.2 + t * 12 / 3600 / 60, 10.33, sog_kn=12.0), params=ALONE)
    assert state.coverage.missed.sum() == pytest.approx(0, abs=1e-9), "nobody was heard at all meanwhile: that was us"
    peer = track(X + 1, every(60, 1.0), 54.2, 10.33, sog_kn=0.0, nav=5)
    _, state = watch(in_order(track(X, t, 54.2 + t * 12 / 3600 / 60, 10.33, sog_kn=12.0), peer), params=ALONE)
    assert state.coverage.missed.sum() == pytest.approx(3, abs=0.05)


def test_far_from_any_border_it_is_not_shown():
    far = gone(lon=10.95)
    peers = [track(219_000_100 + k, every(60, 3.0), 54.3 + 0.05 * k, 10.95, sog_kn=0.0, nav=1) for k in range(8)]
    events, _ = sea(far, *peers)
    mine = [e for e in events if e.mmsi == [X]]
    assert mine[-1].state == "candidate"
    assert ("suspicious", "not near a border or watched zone") in {(e.subtype, e.reason) for e in mine}


def test_inbound_from_far_away_is_shown():
    t = every(30, 3.0)
    t = t[(t <= 3600) | (t >= 7800)]
    inbound = track(X, t, 54.4, 11.1 - t * 10 / 3600 / 60 / math.cos(math.radians(54.4)), sog_kn=10.0, cog_deg=270.0)
    peers = [track(219_000_100 + k, every(60, 3.0), 54.3 + 0.03 * k, 10.85, sog_kn=0.0, nav=1) for k in range(8)]
    events, _ = sea(inbound, *peers)
    assert any(e.state == "open" for e in events if e.mmsi == [X])


def test_our_own_receiver_accuses_nobody():
    rows = in_order(lane_traffic(4.0, lat_deg=54.2, length_deg=0.6), gone(hours=4.0, gap_s=60.0))
    quiet = (rows["t_ms"] < T0 + 5_400_000) | (rows["t_ms"] >= T0 + 9_000_000)
    for control in ((), silent_source(5500, 9000)):
        events, state = watch(rows[quiet], params=ALONE, coverage=well_heard(), control=control)
        assert not shown(events)
        assert not [e for e in events if e.subtype == "suspicious"]
        assert state.counters["dark_minutes_deaf"] >= 50


def test_one_of_two_receivers_dead_accuses_nobody():
    """Everybody it alone had heard falls silent together; the other receiver lives on."""
    north = lane_traffic(4.0, vessels=12, lat_deg=54.2, length_deg=0.6)
    north = north[(north["t_ms"] < T0 + 5_400_000) | (north["t_ms"] > T0 + 12_000_000)]
    south = lane_traffic(4.0, vessels=12, lat_deg=54.2, length_deg=0.6, lon_deg=10.6, first_mmsi=218_000_000)
    south["receivers"], south["src"] = 2, 1
    events, _ = watch(in_order(north, south), params=ALONE, coverage=well_heard())
    assert not shown(events)
    assert {x.name for e in events for x in e.exclusions if x.effect == "suppress"} >= {"receiver_down"}


def two_antennas(hours=4.0):
    """A lane that receiver 0 hears whole; receiver 1 hears only every tenth report of it."""
    rows = lane_traffic(hours, vessels=16, lat_deg=54.2, length_deg=0.6)
    rows["receivers"] |= np.where(np.arange(len(rows)) % 40 == 0, 2, 0).astype(np.uint64)
    return rows


def test_what_one_antenna_hears_is_not_expected_of_another():
    """The good antenna dies for two hours; the poor one, which hears a tenth, goes on: nobody is dark."""
    rows = two_antennas(6.0)
    down = (rows["t_ms"] > T0 + 7_200_000) & (rows["t_ms"] < T0 + 14_400_000)
    only_poor = down & (rows["receivers"] & 2 != 0)
    rows["receivers"][only_poor] = 2
    events, state = watch(rows[~down | only_poor], params=ALONE)
    assert not shown(events)
    (notice,) = last_versions(events, "system")
    assert (notice.subtype, notice.state, notice.mmsi, notice.measures["receiver"]) == ("receiver_down", "closed", [], "receiver 0")
    assert notice.measures["silent_s"] == pytest.approx(7_200, abs=120)
    assert state.coverage.groups == ["receiver 0", "receiver 1"]
    key = [cell_key(round(54.45 * 600_000), round(10.3 * 600_000), 0, group) for group in (0, 1)]
    heard, missed = state.coverage.blocks(np.array(key))
    assert heard[0] / (heard[0] + missed[0]) > 0.95, "an hour of outage taught nothing about the good antenna"
    assert heard[1] / (heard[1] + missed[1]) < 0.8


def silent_far_out(quiet_h=2.0, **more):
    """A vessel 20 nm outside the 12-mile line that falls silent, steering along it, among traffic that is heard."""
    lane = lane_traffic(2.0 + quiet_h, lat_deg=54.2, lon_deg=10.9, length_deg=0.6)
    t = every(30, 2.0)
    return in_order(lane, track(X, t, 54.3 + t * 12 / 3600 / 60 % 0.5, 10.91, sog_kn=12.0, cog_deg=0.0, **more))


def test_a_line_within_reach_is_another_thing_than_a_line_near():
    events, _ = watch(silent_far_out(), params=ALONE, coverage=well_heard())
    mine = [e for e in events if e.mmsi == [X]]
    assert [(e.state, e.subtype) for e in mine][-1] == ("open", "within_range")
    assert mine[-1].measures["reach_nm"] >= mine[-1].measures["watch_distance_nm"] > 12.0
    assert any(e.reason == "not near a border or watched zone" for e in mine), "before it could have come so far"


def test_another_name_after_a_silence_is_told_when_it_is_known():
    rows = lane_traffic(4.0, vessels=16, lat_deg=54.2, length_deg=0.6)
    who = 219_000_003
    quiet = (rows["mmsi"] == who) & (rows["t_ms"] > T0 + 7_200_000) & (rows["t_ms"] < T0 + 11_400_000)
    statics = np.concatenate([static(who, 60, ship_type=70, loa_m=90, name="BEFORE"), static(who, 12_000, ship_type=70, loa_m=90, name="AFTER")])
    events, _ = watch(rows[~quiet], statics, params=ALONE, coverage=well_heard())
    (event,) = [e for e in shown(events) if e.mmsi == [who]]
    assert (event.subtype, event.measures["changed_while_silent"]) == ("reappeared", "name")


def silent_for(hours, params, lat_deg, lon_deg):
    """Events of a vessel that falls silent at a place and stays so, another being heard; the last row comes half an hour after `hours` of it."""
    quiet_s, t = 3600 * (2 + hours) + 1800, every(60, 2.0)
    rows = in_order(track(X, t, lat_deg, lon_deg + t / 3600 / 60, sog_kn=5.0), track(X + 1, every(300, quiet_s / 3600), lat_deg + 1.6, lon_deg, sog_kn=1.0))
    params = msgspec.structs.replace(params, loitering=Loitering(enabled=False), rendezvous=Rendezvous(enabled=False))
    return [e for e in watch(rows, params=params)[0] if e.mmsi == [X] and e.type == "dark"]


@pytest.mark.parametrize(
    ("name", "hours", "at"),
    [
        ("starboard_gap", 4, (54.3, 10.9)),
        ("skylight_gap", 6, (54.3, 10.9)),
        ("red_flag_8h", 8, (54.3, 10.9)),
        ("gfw_naive", 12, (54.3, 10.9)),
        ("gfw_disabling", 12, (54.3, 12.0)),
    ],
)
def test_peers_count_any_silence_of_their_length(name, hours, at):
    found = [e for e in silent_for(hours, preset(name), *at) if e.state == "open"]
    assert found[0].t_detected - found[0].t_start == pytest.approx(hours * 3_600_000, abs=600_000)


def test_the_satellite_preset_does_not_judge_near_the_coast():
    found = silent_for(12, preset("gfw_disabling"), 54.3, 10.9)
    assert {(e.state, e.reason) for e in found} == {("candidate", NEAR_COAST)}
    assert found[-1].measures["coast_distance_nm"] < 50


def test_the_group_that_should_have_heard_is_named():
    rows = two_antennas()
    quiet = (rows["mmsi"] == 219_000_003) & (rows["t_ms"] > T0 + 7_200_000) & (rows["t_ms"] < T0 + 12_600_000)
    events, _ = watch(rows[~quiet], params=ALONE)
    event = next(e for e in events if e.mmsi == [219_000_003] and e.state == "open")
    assert event.quality["receiver"] == "receiver 0"


def test_half_of_the_neighbours_lost_together_is_a_common_cause():
    rows = lane_traffic(3.0, vessels=16, lat_deg=54.2, length_deg=0.6)
    lost = (rows["mmsi"] % 4 != 0) & (rows["t_ms"] > T0 + 5_400_000)
    events, _ = watch(rows[~lost], params=ALONE, coverage=well_heard())
    assert not shown(events)
    assert "suppressed: common_cause" in {e.reason for e in events}


def test_leaving_coverage_is_not_dark():
    only_here = well_heard(lat_deg=(53.5, 54.5))
    t = every(30, 1.0)
    leaving = track(X, t, 54.28 + t * 12 / 3600 / 60, 10.33, sog_kn=12.0, cog_deg=0.0)
    others = lane_traffic(3.0, lat_deg=54.1, length_deg=0.35)
    events, _ = watch(in_order(leaving, others), params=ALONE, coverage=only_here)
    mine = [e for e in events if e.mmsi == [X]]
    assert {e.reason for e in mine} == {"suppressed: leaving_coverage"}
    assert not shown(events)


def test_a_slow_class_b_is_not_judged():
    assert not [e for e in sea(gone(kn=1.0, kind=18))[0] if e.mmsi == [X]]


def test_class_b_gets_twice_the_time():
    events, _ = sea(gone(kind=18))
    mine = [e for e in events if e.mmsi == [X]]
    assert mine[0].t_detected - mine[0].t_start == 1_800_000
    assert next(e for e in mine if e.state == "open").t_detected - mine[0].t_start == 3_600_000


def test_into_port_is_not_dark():
    """Heading for the harbour, silent behind the breakwater."""
    t = every(30, 1.0)
    arriving = track(X, t, 54.0, 10.45 - t * 11 / 3600 / 60 / math.cos(math.radians(54.0)), sog_kn=11.0, cog_deg=270.0)
    events, _ = watch(in_order(arriving, lane_traffic(3.0, lat_deg=53.9, length_deg=0.3, lon_deg=10.25)), params=ALONE, coverage=well_heard())
    mine = [e for e in events if e.mmsi == [X]]
    assert mine
    assert not shown(mine)
    assert any(e.reason == "suppressed: reckoned_into_port_or_ashore" for e in mine)


@pytest.mark.parametrize(
    ("lat_deg", "lon_deg", "is_shown"), [(54.2, 10.06, False), (54.2, 10.2, True), (54.0, 10.02, True)], ids=["quay", "roads", "watched cove"]
)
def test_stopped_and_switched_off_inshore_is_not_dark_but_in_a_watched_zone(lat_deg, lon_deg, is_shown):
    silent = track(X, every(60, 1.0), lat_deg, lon_deg, sog_kn=0.1)
    events, _ = watch(in_order(silent, lane_traffic(3.0, lat_deg=53.9, length_deg=0.5, lon_deg=10.1)), params=ALONE, coverage=well_heard())
    mine = [e for e in events if e.mmsi == [X]]
    assert mine
    assert bool(shown(mine)) == is_shown
    assert is_shown or {e.reason for e in mine} == {"suppressed: stopped_inshore"}


def test_transmitting_without_position_is_not_dark():
    rows = gone(gap_s=30.0)
    lost = (rows["t_ms"] > T0 + 3_600_000) & (rows["t_ms"] < T0 + 7_800_000)
    rows["lat"][lost] = LAT_MISSING
    assert {e.type for e in sea(rows)[0] if e.mmsi == [X]} <= {"position_lost"}


def test_few_reports_before_are_not_enough():
    assert not [e for e in sea(gone(step_s=420.0))[0] if e.mmsi == [X]]


def test_without_neighbours_it_is_never_suspicious():
    events, _ = watch(in_order(gone(), track(219_000_001, every(60, 3.0), 55.5, 10.9, sog_kn=0.0)), params=ALONE, coverage=well_heard())
    mine = [e for e in events if e.mmsi == [X]]
    assert not shown(mine)
    assert mine[0].measures["p_silence"] == 1e-3


def test_downtime_of_ours_counts_as_listening_to_nobody():
    control = [Control(T0 + 3_700_000, "system_down"), Control(T0 + 7_700_000, "system_up")]
    events, _ = sea(gone(), control=control)
    assert not shown(events)


# Deaths of receivers are remembered

DIES_S, BACK_S = 7_200, 11_400


def lost_near_a_death(lost_s, dies_s=DIES_S, back_s=BACK_S, hours=6.0):
    """A lane that receiver 0 alone hears; it dies and comes back, and so do all but one vessel, which is heard until `lost_s` and never again.

    Receiver 1 hears other vessels, 12 miles off, all the time.
    """
    lane = lane_traffic(hours, vessels=16, lat_deg=54.2, length_deg=0.6)
    lane = lane[(lane["t_ms"] <= T0 + dies_s * 1000) | (lane["t_ms"] > T0 + back_s * 1000)]
    off = lane_traffic(hours, vessels=8, lat_deg=54.2, length_deg=0.6, lon_deg=10.7, first_mmsi=218_000_000)
    off["receivers"], off["src"] = 2, 1
    t = every(30, hours)
    t = t[(t <= lost_s) & ((t <= dies_s) | (t > back_s))]
    return in_order(lane, off, track(X, t, 54.3 + t * 6 / 3600 / 60, 10.33, sog_kn=6.0, cog_deg=0.0))


@pytest.mark.parametrize("before_s", [0, 60, 300, 540])
def test_a_receiver_that_is_back_does_not_judge_who_was_lost_when_it_died(before_s):
    rows = lost_near_a_death(DIES_S - before_s)
    events, state = watch(rows, params=ALONE, coverage=well_heard())
    assert not shown([e for e in events if e.mmsi == [X]])
    dark = next(d for d in state.detectors if d.NAME == "dark")
    ((group, died_ms, back_ms),) = dark.ears.deaths.tolist()
    assert group == 0
    assert (died_ms - T0, back_ms - T0) == (pytest.approx(DIES_S * 1000, abs=60_000), pytest.approx(BACK_S * 1000, abs=120_000))
    again, _ = watch(rows, params=ALONE, coverage=well_heard(), cuts=range(0, len(rows), 997), restarts=range(0, 1000, 7))
    assert lines(again) == lines(events)


@pytest.mark.parametrize("lost_s", [DIES_S - 2_700, DIES_S - 1_080, BACK_S + 1_200], ids=["long before", "before", "after"])
def test_what_fell_silent_long_before_or_after_a_death_stays_found(lost_s):
    events, _ = watch(lost_near_a_death(lost_s), params=ALONE, coverage=well_heard())
    (event,) = shown([e for e in events if e.mmsi == [X]])
    assert (event.state, event.t_start) == ("open", T0 + lost_s * 1000)


def test_a_receiver_that_was_away_for_some_minutes_judges_as_before():
    """Eight minutes: where the vessel can be meanwhile is known well enough."""
    events, state = watch(lost_near_a_death(DIES_S, back_s=DIES_S + 480), params=ALONE, coverage=well_heard())
    assert [e.mmsi for e in shown(events)] == [[X]]
    assert not len(next(d for d in state.detectors if d.NAME == "dark").ears.deaths)


def test_an_outage_of_the_whole_watch_is_remembered_too():
    rows = lost_near_a_death(DIES_S)
    events, _ = watch(rows[rows["src"] == 0], params=ALONE, coverage=well_heard())
    assert not shown(events)


def test_a_weak_receiver_that_hears_somebody_now_and_then_does_not_die_each_time():
    rows = lane_traffic(4.0, vessels=16, lat_deg=54.2, length_deg=0.6)
    rows["receivers"] |= np.where(rows["t_ms"] % 900_000 < 60_000, 2, 0).astype(np.uint64)
    _, state = watch(rows, params=ALONE, coverage=well_heard())
    assert not len(next(d for d in state.detectors if d.NAME == "dark").ears.deaths)


@given(st.data())
def test_minutes_of_a_silence_end_at_the_first_long_death(data):
    """Against the obvious: minute by minute, and for each the question whether a death came before it."""
    heard = data.draw(st.lists(st.booleans(), min_size=120, max_size=120))
    listened = np.zeros((2, MINUTES_KEPT), np.int32)
    for minute in range(1, 121):
        listened[1, minute] = listened[1, minute - 1] + heard[minute - 1]
    spans = data.draw(st.lists(st.tuples(st.integers(1, 119), st.integers(1, 119)), max_size=4))
    deaths = [(data.draw(st.sampled_from([0, 1])), died, died + lasted if died + lasted < 120 else 0) for died, lasted in spans]
    since_ms = data.draw(st.integers(60_000, 7_200_000))
    counted, over = 0, False
    for minute in range(-(-since_ms // 60_000) + 1, 121):
        for group, died, back in deaths:
            running = group == 1 and (back or 120) * 60_000 > since_ms
            over |= running and (minute > died or died * 60_000 - since_ms <= 600_000)
        counted += heard[minute - 1] and not over
    rows = np.array([(group, died * 60_000, back * 60_000) for group, died, back in deaths], np.int64).reshape(-1, 3)
    assert minutes_of(listened, rows, 1, since_ms, 7_200_000, 600_000.0) == counted


@given(st.data())
def test_our_own_ears_explain_a_silence(data):
    """Against receivers looked at one by one."""
    numbers = st.integers(0, 7)
    tick_ms = 100 * 60_000
    heard_ms = np.full(64, T_MISSING, np.int64)
    group_of = np.full(64, -1, np.int8)
    for bit in range(8):
        if data.draw(st.booleans()):
            heard_ms[bit], group_of[bit] = data.draw(st.integers(60, 100)) * 60_000, bit // 2
    ears = Ears()
    ears.heard_ms, ears.group_of = heard_ms, group_of
    died = [
        (data.draw(st.integers(0, 3)), data.draw(st.integers(0, 100)) * 60_000, data.draw(st.sampled_from([0, 6_000_000])))
        for _ in range(data.draw(st.integers(0, 3)))
    ]
    ears.deaths = np.array(died, np.int64).reshape(-1, 3)
    by = sorted(data.draw(st.sets(numbers)))
    lost_ms = data.draw(st.integers(0, 100)) * 60_000
    dead = {bit for bit in range(64) if tick_ms - int(heard_ms[bit]) > 300_000}
    expected = bool(by) and all(bit in dead for bit in by)
    expected |= any(bit in dead and abs(int(heard_ms[bit]) - lost_ms) <= 600_000 for bit in by)
    expected |= any(group == group_of[bit] and abs(death_ms - lost_ms) <= 600_000 for bit in by for group, death_ms, _ in died)
    bits = np.array([sum(1 << bit for bit in by)], np.uint64)
    assert ears.lost_to(bits, np.array([lost_ms], np.int64), tick_ms, 600_000.0).tolist() == [expected]


def fading(rate_s, dies_s=7_200, lost_s=9_000, hours=4.0):
    """Two receivers hear a lane; the first dies for an hour, and from then on the second hears one vessel each `rate_s` until `lost_s`, as it leaves."""
    lane = lane_traffic(hours, vessels=16, lat_deg=54.2, length_deg=0.6)
    lane["receivers"] = np.where(((lane["t_ms"] - T0) // 1000 > dies_s) & ((lane["t_ms"] - T0) // 1000 <= dies_s + 3_600), 2, 3)
    t = every(10, hours)
    t = t[((t <= dies_s) | (t % rate_s == 0)) & (t <= lost_s)]
    vessel = track(X, t, 54.3 + t * 6 / 3600 / 60, 10.33, sog_kn=6.0, cog_deg=0.0)
    vessel["receivers"] = np.where(t <= dies_s, 3, 2)
    return in_order(lane, vessel)


def test_who_was_heard_ever_less_since_a_receiver_died_left_what_is_left():
    watched = [watch(fading(rate_s), params=ALONE, coverage=heard_too(well_heard(), "receiver 1"))[0] for rate_s in (60, 10)]
    less, as_before = ([event for event in events if event.mmsi == [X] and event.type == "dark"] for events in watched)
    assert not shown(less)
    assert any(exclusion.name == "receiver_down" and exclusion.effect == "suppress" for exclusion in less[-1].exclusions)
    assert shown(as_before), "who was heard as well as before by the other one fell silent"
    whole = watch(fading(60, dies_s=14_000), params=ALONE, coverage=heard_too(well_heard(), "receiver 1"))[0]
    assert shown([event for event in whole if event.mmsi == [X] and event.type == "dark"]), "nobody died"


@given(st.data())
def test_thinned_reports_against_one_by_one(data):
    tick_ms, place = 200 * 600_000, (32_500_000, 6_200_000)
    rows, ears = np.zeros(1, HOT), np.zeros(1, EAR)
    rows["lat"], rows["lon"] = place
    counts = [data.draw(st.integers(0, 60)) for _ in range(7)]
    bucket = data.draw(st.integers(190, 198))
    ears["bucket"] = bucket
    for k, total in enumerate(np.cumsum(counts).tolist()):
        ears["totals"][0, (bucket - 6 + k) % 7] = total
    since_ms = bucket * 600_000 + data.draw(st.integers(0, 599_999))
    deaths = [
        (data.draw(st.integers(0, 1)), since_ms + data.draw(st.integers(-4_000_000, 1_000_000)), data.draw(st.sampled_from([0, tick_ms]))) for _ in range(2)
    ]
    away = any(group == 0 and died - 600_000 <= since_ms for group, died, _ in deaths)
    span_s = (since_ms - bucket * 600_000) / 1000
    short = span_s < 180
    rate = counts[5] / 10 if short else counts[6] / (span_s / 60)
    best = max(counts[1:5] if short else counts[1:6]) / 10
    out = np.zeros(1, np.bool_)
    cells = np.array([cell_key(*place, 0, 0)], np.int64)
    thinned(rows, ears, np.zeros(1, np.int64), np.array([since_ms], np.int64), np.array(deaths, np.int64), cells, 600_000.0, out)
    assert out[0] == (away and rate < best / 2) or math.isclose(rate, best / 2)
    share = data.draw(st.sampled_from([0.0, 0.7, 0.899, 0.9, 1.0]))
    faded(ears, (np.zeros(1, np.int64), np.array([since_ms], np.int64), np.array([share])), 0.9, out)
    assert out[0] == (share < 0.9 and rate < best / 2) or math.isclose(rate, best / 2)


def out_of_reach(rate_s, thin_s=6_000, lost_s=7_200):
    """A lane, and a vessel of which from `thin_s` on one report each `rate_s` is heard, and from `lost_s` on none."""
    t = every(10, 4.0)
    t = t[((t <= thin_s) | (t % rate_s == 0)) & (t <= lost_s)]
    vessel = track(X, t, 54.2 + t * 6 / 3600 / 60, 10.33, sog_kn=6.0, cog_deg=0.0)
    return in_order(lane_traffic(4.0, vessels=16, lat_deg=54.2, length_deg=0.6), vessel)


def test_who_was_heard_ever_less_at_the_edge_of_reach_has_left_it():
    """With one block in five missed there; where all is heard, fewer reports explain nothing."""
    edge = well_heard()
    edge.missed = edge.heard / 4.0
    less, as_before, sure = (
        [event for event in watch(out_of_reach(rate_s), params=ALONE, coverage=coverage)[0] if event.mmsi == [X] and event.type == "dark"]
        for rate_s, coverage in ((60, edge), (10, edge), (60, well_heard()))
    )
    assert less, "it was looked at"
    assert not shown(less)
    assert any(exclusion.name == "fading" and exclusion.effect == "suppress" for exclusion in less[-1].exclusions)
    assert shown(as_before), "heard as well as ever, and then no more"
    assert shown(sure), "where everybody is heard fewer reports are no edge"


# Late data


def late_sea(late_s, arrives_s, *, gap_s=4200.0):
    """gone(), and later one row of the silence turns up."""
    rows = in_order(lane_traffic(3.0, lat_deg=54.2, length_deg=0.6), gone(gap_s=gap_s))
    row = track(X, [late_s], 54.2 + late_s * 12 / 3600 / 60, 10.33, sog_kn=12.0, cog_deg=0.0)
    at = int(np.searchsorted(rows["t_ms"], T0 + int(arrives_s * 1000)))
    return np.concatenate([rows[:at], row, rows[at:]])


def test_late_data_retract_an_open_silence():
    events, state = watch(late_sea(6300.0, 6600.0), params=ALONE, coverage=well_heard())
    old = [e for e in events if e.mmsi == [X] and e.t_start == T0 + 3_600_000]
    assert [e.state for e in old][-2:] == ["open", "retracted"]
    assert old[-1].reason == "late_data"
    assert not shown(events)
    assert state.counters["dark_corrected"] == 1
    assert state.counters["late_used"] == 1


def test_late_data_restate_a_silence_that_goes_on():
    events, _ = watch(late_sea(4500.0, 6600.0), params=ALONE, coverage=well_heard())
    mine = last_versions([e for e in events if e.mmsi == [X]])
    old, new = sorted(mine, key=lambda e: e.t_start)
    assert (old.state, old.reason) == ("retracted", "restated")
    assert (new.supersedes, new.t_start) == (old.event_id, T0 + 4_500_000)
    assert new.state == "closed"


def test_late_data_within_the_same_ten_minutes_keep_the_id():
    events, _ = watch(late_sea(3900.0, 6600.0), params=ALONE, coverage=well_heard())
    (event,) = shown([e for e in events if e.mmsi == [X]])
    assert event.t_start == T0 + 3_900_000
    assert event.measures["gap_s"] == 3900


def test_late_data_after_the_return_shorten_or_retract():
    for late_s, start_s, state in ((4500.0, 4500, "closed"), (5700.0, None, "retracted")):
        gap_s = 4200.0 if start_s else 3000.0
        events, _ = watch(late_sea(late_s - (600 if not start_s else 0), 9000.0, gap_s=gap_s), params=ALONE, coverage=well_heard())
        mine = last_versions([e for e in events if e.mmsi == [X]])
        newest = max(mine, key=lambda e: (e.t_detected, e.supersedes or ""))
        assert newest.state == state
        if start_s:
            assert (newest.t_start, newest.t_end) == (T0 + start_s * 1000, T0 + 7_800_000)


def test_other_late_rows_are_only_counted():
    rows = in_order(lane_traffic(1.0))
    late = rows[100:101].copy()
    late["lat"] += 5
    events, state = watch(np.concatenate([rows, late]), params=ALONE, coverage=well_heard())
    assert state.counters["late"] == 1
    assert not events


def test_a_retracted_id_never_reopens():
    events, _ = watch(late_sea(6300.0, 6600.0, gap_s=7000.0), params=ALONE, coverage=well_heard(), control=())
    retracted = {}
    for event in events:
        assert event.event_id not in retracted, "a version after the retraction"
        if event.state == "retracted":
            retracted[event.event_id] = event
    assert retracted


def test_a_silence_beyond_the_limit_closes():
    params = Params(loitering=Loitering(enabled=False), rendezvous=Rendezvous(enabled=False), dark=Dark(open_s_max=7200.0))
    rows = in_order(lane_traffic(5.0, lat_deg=54.2, length_deg=0.6), gone(hours=1.0))
    (event,) = shown(watch(rows, params=params, coverage=well_heard())[0])
    assert (event.state, event.reason) == ("closed", "silent beyond the limit of the watch")


def test_a_saved_coverage_is_taken_over_not_shared():
    from tracks_sea import FlatSea

    coverage = well_heard()
    before = coverage.heard.copy()
    state = TrackState.new(Params(), FlatSea(), coverage)
    batch = empty_batch()
    batch.fixes = lane_traffic(2.0)
    batch.fixes["release_ms"] = batch.fixes["t_ms"]
    track_step(state, batch, end_of_recording(int(batch.fixes["t_ms"].max())))
    assert (coverage.heard == before).all()
    assert (batch.fixes["flags"] & F_LATE == 0).all()
