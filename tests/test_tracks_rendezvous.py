"""Rendezvous: the grid against brute force, then meetings, look-alikes and the peers' known defects."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tracks_sea import T0, FlatSea, every, in_order, last_versions, lines, shown, shuffled, static, track
from tracks_sea import watch as watch_all

from dogwatch.batch import F_EXERCISE
from tracks.key import SHIP_MMSI_MAX, SHIP_MMSI_MIN, TRACKS_MAX, key_of, make_pair, read_pair, tracks_of
from tracks.meeting import contact_distance_m
from tracks.params import Dark, Loitering, Params, Rendezvous

RULE = Rendezvous()
ALONE = Params(loitering=Loitering(enabled=False), dark=Dark(enabled=False), revise_s=600)
M_DEG = 1 / 111_195  # degrees of latitude per metre
A, B, C = 211_000_001, 211_000_002, 211_000_003


def watch(*rows, **how):
    """(events of rendezvous, state): the other detectors have their own tests."""
    events, state = watch_all(*rows, **how)
    return [event for event in events if event.type == "rendezvous"], state


def meet(a, b, *, t=None, metres=200.0, lat=54.5, lon=10.4, kn=0.3, nav=0, **more):
    """Two vessels side by side."""
    t = every(60, 2) if t is None else t
    return in_order(track(a, t, lat, lon, sog_kn=kn, nav=nav, **more), track(b, t + 7, lat + metres * M_DEG, lon, sog_kn=kn, nav=nav, **more))


@pytest.mark.parametrize(("loa", "expected"), [((0, 100), 500), ((0, 0), 500), ((20, 30), 150), ((100, 30), 300), ((300, 200), 500)])
def test_contact_distance_follows_the_longer_hull(loa, expected):
    assert contact_distance_m(*loa, RULE) == expected


def test_two_vessels_side_by_side_meet():
    events, _ = watch(meet(A, B), params=ALONE)
    (event,) = shown(events)
    assert (event.type, event.subtype, event.mmsi, event.state) == ("rendezvous", "ais_pair", [A, B], "open")
    assert events[0].t_detected - T0 == pytest.approx(1_860_000, abs=60_000)
    assert all(e.passed for e in event.evidence)
    assert event.measures["distance_m_min"] == pytest.approx(200, abs=2)
    assert event.measures["distance_m_median"] == pytest.approx(200, abs=16)
    assert event.measures["coast_distance_nm"] == pytest.approx(13.9, abs=0.2)
    assert [s.key for s in event.subjects] == [f"{A}#0", f"{B}#0"]
    assert event.t_start == T0 + 7_000


def test_one_simulated_vessel_makes_everything_after_it_exercise():
    stranger = track(C, every(60, 1.5, start_s=2700.0), 56.0, 11.0, sog_kn=12.0, flags=F_EXERCISE)
    events, _ = watch(in_order(meet(A, B), stranger), params=ALONE)
    marks = [(e.t_detected - T0 < 2_700_000, e.exercise) for e in events]
    assert set(marks) == {(True, False), (False, True)}
    assert [e.exercise for e in watch(in_order(meet(A, B), stranger), params=ALONE, cuts=range(0, 200, 3), restarts=range(0, 40, 4))[0]] == [
        m for _, m in marks
    ]


def test_t1_together_for_half_an_hour_is_half_an_hour():
    t = np.arange(0, 1801.0, 60)
    rows = in_order(track(A, t, 54.5, 10.4, sog_kn=0.2), track(B, t, 54.5 + 200 * M_DEG, 10.4, sog_kn=0.2), track(C, every(60, 3), 55.5, 10.9, sog_kn=9.0))
    (event,) = shown(watch(rows, params=ALONE)[0])
    assert event.measures["duration_s"] <= 1800
    assert (event.t_start, event.t_end) == (T0, T0 + 1_800_000), "no second of it is extrapolated"


def test_t2_a_meeting_over_midnight_is_one_event():
    t = np.arange(23 * 3600 + 300, 25 * 3600 + 25 * 60 + 1.0, 60)
    rest = np.arange(25.5 * 3600, 28 * 3600, 60.0)
    rows = in_order(meet(A, B, t=t), track(A, rest, 54.5, 10.4 + (rest - rest[0]) * 0.005 / 60, sog_kn=10.0), track(B, rest, 54.7, 10.4, sog_kn=10.0))
    (event,) = shown(watch(rows, params=ALONE)[0])
    assert (event.t_end - event.t_start) / 60_000 == pytest.approx(140, abs=1)
    assert event.measures["transfer_grade"] is True


def test_t11_two_partners_at_once_are_two_meetings():
    t = every(60, 1.5)
    rows = in_order(*(track(m, t, 54.5 + k * 300 * M_DEG, 10.4, sog_kn=0.2) for k, m in enumerate((B, A, C))))
    events = shown(watch(rows, params=ALONE)[0])
    assert sorted(tuple(e.mmsi) for e in events) == [(A, B), (A, C)]
    assert all(e.measures["duration_s"] > 4500 for e in events)


def test_a_partner_who_comes_later_begins_a_pair_of_its_own():
    """B joins A and C, who have met: the pair of A and B goes just before that of A and C, and their keys are near each other."""
    t, late = every(60, 3), every(60, 3)[60:]
    rows = in_order(*(track(who, when, 54.5 + k * 200 * M_DEG, 10.4, sog_kn=0.2) for k, (who, when) in enumerate(((B, late), (A, t), (C, t)))))
    told = {tuple(e.mmsi): e for e in last_versions(watch(rows, params=ALONE)[0])}
    assert {who: (e.state, (e.t_start - T0) / 60_000) for who, e in told.items()} == {(A, B): ("open", 60), (A, C): ("open", 0), (B, C): ("open", 60)}
    assert told[A, C].version > 3


def test_t19_a_meeting_five_kilometres_off_the_coast_is_seen():
    (event,) = shown(watch(meet(A, B, lon=10.0 + 2.7 / 60 / np.cos(np.radians(54.5))), params=ALONE)[0])
    assert event.measures["coast_distance_nm"] == pytest.approx(2.7, abs=0.1)


def berths(lon, watched_lat=54.5):
    """A pair and three more vessels that lie near it."""
    neighbours = [track(C + k, every(60, 2), watched_lat + (300 + 250 * k) * M_DEG, lon, sog_kn=0.0) for k in range(3)]
    return in_order(meet(A, B, lat=watched_lat, lon=lon, kn=0.0), *neighbours)


def test_berths_that_no_zone_shows_are_kept_but_not_shown():
    events, _ = watch(berths(10.01), params=ALONE)
    assert events
    assert not shown(events)
    assert {e.reason for e in events} == {"suppressed: unmapped_harbour"}
    (found,) = [x for x in events[0].exclusions if x.name == "unmapped_harbour"]
    assert found.observed >= 3


def test_a_basin_that_the_coarse_coastline_does_not_show_is_a_harbour():
    events, _ = watch(meet(A, B, lon=9.99), params=ALONE)
    assert {(e.state, e.reason) for e in events} == {("candidate", "suppressed: unmapped_harbour")}


def test_the_same_crowd_further_out_is_a_meeting_of_many():
    assert len(shown(watch(berths(10.2), params=ALONE)[0])) >= 3


def test_an_anchorage_of_ships_at_anchor_is_no_meeting():
    crowd = [track(C + k, every(60, 2), 54.5 + (900 + 700 * k) * M_DEG, 10.4, sog_kn=0.0, nav=1) for k in range(3)]
    events, _ = watch(in_order(meet(A, B, kn=0.0, nav=1), *crowd), params=ALONE)
    assert events
    assert not shown(events)


def test_a_watched_cove_is_never_taken_for_a_harbour():
    assert shown(watch(berths(10.02, watched_lat=54.0), params=ALONE)[0])


def test_a_pair_across_the_date_line_meets():
    class Ocean(FlatSea):
        def coast_distance_nm(self, lat_deg, lon_deg):
            return np.full(len(lat_deg), 30.0)

    t = every(60, 1)
    rows = in_order(track(A, t, -20.0, 179.999, sog_kn=0.2), track(B, t, -20.0, -179.999, sog_kn=0.2))
    (event,) = shown(watch(rows, params=ALONE, geography=Ocean())[0])
    assert abs(abs(event.lon) - 180) < 0.002


def test_moored_side_by_side_in_the_harbour_is_no_meeting():
    assert not watch(meet(A, B, lat=54.0, lon=10.15, kn=0.0, nav=5), params=ALONE)[0]


def test_passing_close_is_no_meeting():
    t = every(10, 1)
    rows = in_order(track(A, t, 54.5 + t * 10 / 3600 / 60, 10.4, sog_kn=10.0), track(B, t, 54.6 - t * 10 / 3600 / 60, 10.4005, sog_kn=10.0))
    assert not watch(rows, params=ALONE)[0]


def test_a_convoy_at_speed_is_no_meeting():
    t = every(30, 2)
    rows = in_order(*(track(m, t, 54.1 + t * 9 / 3600 / 60 + k * 200 * M_DEG, 10.4, sog_kn=9.0) for k, m in enumerate((A, B))))
    assert not watch(rows, params=ALONE)[0]


def test_too_short_is_no_meeting():
    assert not watch(in_order(meet(A, B, t=np.arange(0, 1700.0, 60)), track(C, every(60, 2), 55.5, 10.9, sog_kn=9.0)), params=ALONE)[0]


def test_the_median_speed_decides():
    t = every(60, 2)
    slow = np.where(np.arange(len(t)) % 3 == 0, 2.8, 1.5)
    quick = np.where(np.arange(len(t)) % 3 == 0, 1.5, 2.8)
    for kn, met in ((slow, 1), (quick, 0)):
        rows = in_order(track(A, t, 54.5, 10.4, sog_kn=kn), track(B, t, 54.5 + 100 * M_DEG, 10.4, sog_kn=kn, cog_deg=270.0))
        assert len(shown(watch(rows, params=ALONE)[0])) == met


@pytest.mark.parametrize("ship_type", [50, 52, 31, 53])
def test_pilots_and_tugs_are_kept_but_not_shown(ship_type):
    (event,) = last_versions(watch(meet(A, B), static(B, ship_type=ship_type), params=ALONE)[0])
    assert (event.state, event.reason) == ("candidate", "suppressed: role")


def test_two_at_anchor_are_doubted():
    plain = shown(watch(meet(A, B), params=ALONE)[0])[0].confidence
    anchored = shown(watch(meet(A, B, nav=1), params=ALONE)[0])[0].confidence
    assert anchored < plain


def test_coarse_positions_make_no_contact():
    assert not watch(meet(A, B, kind=27), params=ALONE)[0]


def test_anchored_reporters_of_three_minutes_meet():
    assert len(shown(watch(meet(A, B, t=every(180, 2), nav=1, kn=0.0), params=ALONE)[0])) == 1


def test_an_old_position_is_not_carried_on():
    """One of the two falls silent after 20 minutes: contact ends with its last report."""
    rows = in_order(track(A, every(60, 2), 54.5, 10.4, sog_kn=0.2), track(B, np.arange(0, 1200.0, 60), 54.5 + 100 * M_DEG, 10.4, sog_kn=0.2))
    assert not shown(watch(rows, params=ALONE)[0], "rendezvous")


def apart_and_together(break_s, lon=10.4):
    t = every(60, 3)
    away = (t >= 4000) & (t < 4000 + break_s)
    return in_order(track(A, t, 54.5, lon, sog_kn=0.2), track(B, t, np.where(away, 54.512, 54.5 + 150 * M_DEG), lon, sog_kn=0.2))


def test_a_short_break_does_not_end_the_contact():
    (event,) = last_versions(watch(apart_and_together(480), params=ALONE)[0])
    assert (event.state, event.t_end) == ("open", None)
    assert event.measures["duration_s"] > 10_000


def test_parted_and_met_again_is_the_same_event():
    events, _ = watch(apart_and_together(2400), params=ALONE)
    assert len({e.event_id for e in events}) == 1
    states = [e.state for e in events]
    assert states.index("closed") < len(states) - 1, "closed in between"
    assert states[-1] == "open"
    assert events[-1].measures["duration_s"] == pytest.approx(3 * 3600 - 2400, abs=700), "the break does not count"


@pytest.mark.parametrize("how", [{}, {"cuts": range(0, 400, 7), "restarts": range(0, 56, 5)}], ids=["whole", "cut"])
def test_what_its_place_explains_is_told_when_it_is_found_and_when_it_is_over(how):
    """They part and meet again in the harbour: no news. Its end is the last contact, told when nothing more could be merged with it."""
    rows = in_order(apart_and_together(2400, lon=9.99), track(C, every(60, 8), 56.0, 11.0, sog_kn=12.0))
    found, over = watch(rows, params=ALONE, **how)[0]
    assert [(e.version, e.state, e.reason) for e in (found, over)] == [(k, "candidate", "suppressed: unmapped_harbour") for k in (1, 2)]
    assert (found.t_end, over.t_end) == (None, T0 + 10_740_000)
    assert over.t_detected - over.t_end == RULE.merge_s * 1000 + 60_000
    assert over.measures["duration_s"] == pytest.approx(3 * 3600 - 2400, abs=700), "the break does not count"


def test_who_sail_from_their_berths_together_are_told_under_way():
    """A harbour explains why they lay there, not why they go abreast at sea within the time in which it could still be merged."""
    t = every(30, 2.5)
    lon = 9.995 + np.maximum(0.0, t - 2700.0) * 5 / 3600 / 60 / np.cos(np.radians(54.5))
    sailing = {"sog_kn": np.where(t < 2700, 0.1, 5.0), "cog_deg": 90.0}
    events = watch(in_order(track(A, t, 54.5, lon, **sailing), track(B, t + 7, 54.5 + 100 * M_DEG, lon, **sailing)), params=ALONE)[0]
    assert [(e.subtype, e.state) for e in last_versions(events)] == [("ais_pair", "candidate"), ("under_way", "open")]


def two_places(first, then, way_s=3600, hours=5):
    """Two lie together for an hour, sail apart, and lie together again elsewhere (degrees east)."""
    t = every(60, hours)
    share = np.clip((t - 3600) / way_s, 0, 1)
    under_way = (share > 0) & (share < 1)
    lon, side = first + (then - first) * share, np.where(under_way, 0.06 * np.sin(np.pi * share), 150 * M_DEG)
    sailing = {"sog_kn": np.where(under_way, 14.5, 0.2), "cog_deg": 90.0}
    return in_order(track(A, t, 54.5, lon, **sailing), track(B, t, 54.5 + side, lon, **sailing))


HARBOUR_LON, SEA_LON, FAR_LON = 9.99, 10.4, 10.8
IN_HARBOUR = "suppressed: unmapped_harbour"


@pytest.mark.parametrize(
    ("first", "then", "reasons"),
    [(HARBOUR_LON, SEA_LON, [IN_HARBOUR, ""]), (SEA_LON, HARBOUR_LON, ["", IN_HARBOUR]), (SEA_LON, FAR_LON, ["", ""])],
    ids=["harbour, then sea", "sea, then harbour", "sea, then sea"],
)
def test_who_meet_again_elsewhere_meet_anew(first, then, reasons):
    """Each place is judged by itself, within the time in which a meeting at one place would go on; and nobody met half-way."""
    rows = two_places(first, then)
    events = watch(rows, params=ALONE)[0]
    old, new = last_versions(events)
    assert [old.reason, new.reason] == reasons
    assert (old.lon, new.lon) == (pytest.approx(first, abs=0.001), pytest.approx(then, abs=0.001))
    assert ((old.t_start - T0) / 60_000, (old.t_end - T0) / 60_000) == (0, 60)
    assert ((new.t_start - T0) / 60_000, new.t_end) == (120, None)
    assert old.measures["duration_s"] == 3600
    assert new.measures["duration_s"] <= 3 * 3600
    again = watch(rows, params=ALONE, cuts=range(0, len(rows), 7), restarts=range(0, len(rows) // 7, 3))[0]
    assert lines(again) == lines(events)


@pytest.mark.parametrize(("metres", "meetings"), [(1500, 1), (7000, 1), (9500, 2)])
def test_ships_that_drift_meet_in_the_same_place(metres, meetings):
    """Out of reach is what lies more than 2 km and the drift of the time apart (2 kn for 100 min: 6.2 km) from where they were last together."""
    assert len(last_versions(watch(two_places(SEA_LON, SEA_LON + metres * M_DEG / np.cos(np.radians(54.5)), way_s=6000), params=ALONE)[0])) == meetings


def gale(leave_s, first=211_000_070, lat=55.1):
    """Five ships bow to the wind; three go on at a time, the first two stay beside each other."""
    t = every(60, 1.5)
    gone = t >= leave_s
    rows = [track(first + k, t + 7 * k, lat + 40 * k * M_DEG, 10.4, sog_kn=0.8) for k in range(2)]
    for k in range(2, 5):
        on = np.where(gone, (t - leave_s) * 12 / 3600 / 60, 0.0)
        rows.append(track(first + k, t, lat + 0.008 * k + on, 10.4, sog_kn=np.where(gone, 12.0, 0.8)))
    for row in rows:
        row["hdg"] = 40
    return rows


@pytest.mark.parametrize(("leave_s", "reason"), [(1300, "suppressed: weather_stop"), (700, "")])
def test_the_last_two_of_a_gale_had_company_half_way(leave_s, reason):
    """Asked half-way, at the next full five minutes (20 min), and told at 32: who left before is not known of."""
    event = watch(in_order(*gale(leave_s)), params=ALONE)[0][0]
    assert event.t_detected - T0 == 1_920_000
    assert event.reason == reason
    (weather,) = [one for one in event.exclusions if one.name == "weather_stop"]
    assert weather.observed == (4 if reason else 1)


def test_the_pair_table_is_bounded_and_says_so():
    t = every(60, 1)
    rows = in_order(*(track(211_000_000 + k, t, 54.5 + k * 30 * M_DEG, 10.4, sog_kn=0.2) for k in range(6)))
    _, state = watch(rows, params=Params(loitering=Loitering(enabled=False), dark=Dark(enabled=False), rendezvous=Rendezvous(pairs_max=5)))
    assert len(next(d for d in state.detectors if d.NAME == "rendezvous").still.pairs) == 5
    assert state.counters["pairs_refused"] > 0


def abreast(a=A, b=B, *, hours=2.5, from_s=3600, to_s=6600, kn=5.0, metres=100.0, other_kn=None, cog_b=0.0, step_s=30, side_m=5000.0, start_lat=54.2, **more):
    """A holds its course north; B comes up from the side, keeps abreast from `from_s` to `to_s`, and turns away."""
    t = every(step_s, hours)
    lat = start_lat + t * kn / 3600 / 60
    together = (t >= from_s) & (t < to_s)
    beside_m = np.where(together, metres, metres + np.minimum(side_m, 5.0 * np.where(t < from_s, from_s - t, t - to_s)))
    other = track(
        b,
        t + 7,
        lat + 7 * kn / 3600 / 60,
        10.4 + beside_m * M_DEG / np.cos(np.radians(54.3)),
        sog_kn=other_kn or kn,
        cog_deg=np.where(together, cog_b, 60.0),
        **more,
    )
    return in_order(track(a, t, lat, 10.4, sog_kn=kn, cog_deg=0.0, **more), other)


def test_side_by_side_under_way_is_a_meeting():
    events = watch(abreast(), params=ALONE)[0]
    (event,) = shown(events, "rendezvous")
    assert (event.subtype, event.state, event.mmsi) == ("under_way", "closed", [A, B])
    assert events[0].t_detected - T0 == pytest.approx(4_860_000, abs=120_000), "twenty minutes after they came abreast"
    assert (event.t_start - T0) / 1000 == pytest.approx(3600, abs=60)
    assert (event.t_end - T0) / 1000 == pytest.approx(6600, abs=60)
    evidence = {e.name: e for e in event.evidence}
    assert evidence["approach_m"].passed
    assert evidence["parting_m"].passed
    assert evidence["distance_m_median"].observed == pytest.approx(100, abs=10)


@pytest.mark.parametrize(
    "change",
    [{"metres": 220.0}, {"other_kn": 6.2}, {"cog_b": 20.0}, {"kn": 9.0}, {"to_s": 4600}],
    ids=["far", "faster", "course", "sea speed", "short"],
)
def test_what_is_not_abreast(change):
    assert not last_versions(watch(abreast(**change), params=ALONE)[0], "rendezvous")


def test_under_way_in_port_is_kept_but_not_shown():
    events = watch(abreast(kn=5.0, from_s=600, to_s=3000, start_lat=53.95, hours=1.5), params=ALONE, geography=Wharf())[0]
    assert {e.reason for e in events if e.type == "rendezvous"} == {"suppressed: port_or_anchorage"}


class Wharf(FlatSea):
    """The harbour lies round 10.4 E."""

    def masked(self, lat_deg, lon_deg):
        return np.abs(np.asarray(lat_deg) - 54.0) < 0.05


def test_pair_trawlers_are_fishing():
    fleet = np.concatenate([static(m, ship_type=30, loa_m=30) for m in (A, B)])
    (event,) = last_versions(watch(abreast(kn=3.5, nav=7), fleet, params=ALONE)[0])
    assert event.reason == "suppressed: pair_trawl"
    assert len(shown(watch(abreast(kn=6.5), fleet, params=ALONE)[0])) == 1, "nobody trawls so fast"


def test_two_transponders_of_one_hull_do_not_meet():
    t = every(30, 3)
    lat = 54.2 + t * 5 / 3600 / 60
    hull = np.concatenate([static(A, ship_type=70, loa_m=120), static(B, ship_type=70, loa_m=120)])
    rows = in_order(track(A, t, lat, 10.4, sog_kn=5.0, cog_deg=0.0), track(B, t + 7, lat + 7 * 5 / 3600 / 60 + 60 * M_DEG, 10.4, sog_kn=5.0, cog_deg=0.0))
    events = watch(rows, hull, params=ALONE)[0]
    assert not shown(events)
    assert {x.result for e in events[-1:] for x in e.exclusions if x.name == "one_hull"} == {"yes"}
    assert len(shown(watch(abreast(metres=60.0), hull, params=ALONE)[0])) == 1, "they were seen apart before"


def test_two_tracks_of_one_number_do_not_meet():
    t = every(60, 3)
    rows = in_order(*(track(A, t + 20 * k, 54.5 + 370 * k * M_DEG, 10.4, sog_kn=0.3) for k in range(2)))
    events, state = watch_all(rows, params=ALONE)
    assert len(state.table) == 2, "two tracks"
    assert not [event for event in events if event.type == "rendezvous"]


@pytest.mark.parametrize("numbers", [(A, B), (710_000_001, 790_000_002)])
@pytest.mark.parametrize(("one", "other"), [(5, 6), (TRACKS_MAX - 1, 0), (6, TRACKS_MAX - 1)])
def test_every_hull_of_shared_numbers_meets(numbers, one, other):
    """Two numbers of eight hulls each, degrees apart, of which two lie side by side: they are told by their ordinals, and nobody else is."""
    t = every(60, 3)
    rows = []
    for side, (number, meets) in enumerate(zip(numbers, (one, other), strict=True)):
        places = [(35.0 + k + 12.0 * side, 10.4) if k != meets else (59.5 + 200 * M_DEG * side, 10.4) for k in range(TRACKS_MAX)]
        rows += [track(number, t + 3 * k + 30 * side, *place, sog_kn=0.3) for k, place in enumerate(places)]
    events, state = watch_all(in_order(*rows), params=ALONE, restarts=range(5, 80, 25), cuts=range(0, 2800, 10))
    assert len(state.table) == 2 * TRACKS_MAX
    (event,) = last_versions(events, "rendezvous")
    assert sorted(s.key for s in event.subjects) == [f"{numbers[0]}#{one}", f"{numbers[1]}#{other}"]
    paired = next(d for d in state.detectors if d.NAME == "rendezvous").keys()
    assert paired == {key_of(numbers[0], one), key_of(numbers[1], other)}


@given(st.lists(st.builds(key_of, st.integers(SHIP_MMSI_MIN, SHIP_MMSI_MAX), st.integers(0, TRACKS_MAX - 1)), min_size=2, max_size=6, unique=True))
@example([key_of(mmsi, ordinal) for mmsi in (SHIP_MMSI_MIN, 499_999_999, 500_000_000, SHIP_MMSI_MAX) for ordinal in (0, TRACKS_MAX - 1)])
def test_the_key_of_two_tracks_is_that_of_no_other_two(keys):
    both = [(a, b) for a in keys for b in keys if a < b]
    pairs = [make_pair(a, b) for a, b in both]
    assert pairs == [make_pair(b, a) for a, b in both]
    assert [read_pair(pair) for pair in pairs] == both
    assert list(zip(*(keys.tolist() for keys in tracks_of(np.array(pairs, np.uint64))), strict=True)) == both
    assert len(set(pairs)) == len(both)


def test_approach_and_parting_are_evidence_but_no_condition():
    t = every(60, 2)
    away = np.clip((2400 - t) * 4, 0, None) + np.clip((t - 6000) * 4, 0, None)
    rows = in_order(track(A, t, 54.5, 10.4, sog_kn=0.2), track(B, t, 54.5 + (150 + away) * M_DEG, 10.4, sog_kn=np.where(away > 0, 8.0, 0.2)))
    (event,) = shown(watch(rows, params=ALONE)[0], "rendezvous")
    evidence = {e.name: e for e in event.evidence}
    assert (evidence["approach_m"].passed, evidence["parting_m"].passed) == (True, True)
    (event,) = shown(watch(meet(A, B), params=ALONE)[0])
    assert "approach_m" not in {e.name for e in event.evidence}, "where they came from was not seen"


def test_a_role_told_late_takes_the_meeting_back():
    events = watch(meet(A, B), static(B, t_s=3000.0, ship_type=52), params=ALONE)[0]
    told = [(e.state, e.reason) for e in events if e.type == "rendezvous"]
    assert (told[0], told[-1]) == (("open", ""), ("candidate", "suppressed: role"))
    assert len({e.event_id for e in events if e.type == "rendezvous"}) == 1


@pytest.mark.parametrize("start", ["2026-02-28T23:10", "2028-02-28T23:20", "2026-12-31T23:10", "2026-06-30T22:50"])
def test_days_months_and_leap_days_change_nothing(start):
    plain = shown(watch(meet(A, B), params=ALONE)[0])[0]
    rows = meet(A, B)
    offset_ms = int(np.datetime64(start, "ms").astype(np.int64)) - T0
    rows["t_ms"] += offset_ms
    rows["t_rx_ms"] += offset_ms
    (event,) = shown(watch(rows, params=ALONE)[0])
    assert (event.t_start - offset_ms, event.measures, event.confidence) == (plain.t_start, plain.measures, plain.confidence)


def test_a_meeting_at_the_pole():
    class Ice(FlatSea):
        def coast_distance_nm(self, lat_deg, lon_deg):
            return np.full(len(lat_deg), 30.0)

    t = every(60, 1)
    rows = in_order(track(A, t, 89.9995, 0.0, sog_kn=0.1), track(B, t, 89.9995, 180.0, sog_kn=0.1))
    (event,) = shown(watch(rows, params=ALONE, geography=Ice())[0])
    assert event.measures["distance_m_min"] == pytest.approx(111, abs=3)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_meetings_do_not_depend_on_cuts_or_restarts(seed):
    rng = np.random.default_rng(seed)
    rows = in_order(abreast(hours=1.5, from_s=1200, to_s=3600), meet(C, C + 1, lat=54.6), meet(C + 2, C + 3, lat=54.8, nav=1, kn=0.0), *gale(1300))
    statics = np.concatenate([static(C, ship_type=79, loa_m=120), static(C + 1, t_s=2000, ship_type=30, loa_m=40)])
    whole = watch(rows, statics, params=ALONE)[0]
    assert len(last_versions(whole, "rendezvous")) == 4
    assert [event.reason for event in whole if event.mmsi == [211_000_070, 211_000_071]] == ["suppressed: weather_stop"]
    cuts = sorted(rng.integers(0, len(rows), 12).tolist())
    assert lines(watch(rows, statics, params=ALONE, cuts=cuts, restarts=range(0, 14, 2), capacity=4)[0]) == lines(whole)
    assert lines(watch(shuffled(rows, seed), statics, params=ALONE)[0]) == lines(whole)
