"""Who waits, works or fishes does not loiter: every innocent explanation of a slow vessel, and the loiterer beside it that has none."""

import numpy as np
import pytest
from tracks_sea import FlatSea, every, in_order, last_versions, lines, shown, static, track, watch

from dogwatch.batch import F_CLASS_B
from dogwatch.events import ZoneRelation
from tracks.params import Dark, Loitering, Params, Rendezvous
from tracks.slow_runs import TOLD_BEFORE, TOLD_ENDED, TOLD_OPEN
from tracks.waiting import REASONS, is_buoy

ME = 211_000_001
ALONE = Params(rendezvous=Rendezvous(enabled=False), dark=Dark(enabled=False))
M_DEG = 1 / 111_195


def drifter(mmsi=ME, hours=2.0, lat=54.5, lon=10.4, kn=0.6, step_s=60, start_s=0.0, hdg=None, **more):
    """Drifts north, heading given or unknown."""
    t = every(step_s, hours, start_s)
    rows = track(mmsi, t, lat + (t - start_s) * kn / 3600 / 60, lon, sog_kn=kn, cog_deg=0.0, **more)
    rows["hdg"] = 511 if hdg is None else hdg
    return rows


def beside(n, **more):
    """`n` others, a mile and less away."""
    return [drifter(211_000_010 + k, lat=54.505, lon=10.39 + 0.006 * k, **more) for k in range(n)]


def mine(rows, *statics, params=ALONE, geography=None):
    """(last version about ME, exclusions by name)."""
    events = watch(in_order(*rows), np.concatenate(statics) if statics else None, params=params, geography=geography)[0]
    (event,) = [e for e in last_versions(events, "loitering") if e.mmsi == [ME]]
    return event, {x.name: x for x in event.exclusions}


def test_alone_it_loiters_and_every_explanation_is_named():
    event, tested = mine([drifter()])
    assert event.state == "open"
    assert {"port_or_anchorage", "unmapped_anchorage", "weather_stop", "fishing_ground", "role", "net_buoy", "working", "queue", "doubts"} <= set(tested)
    assert {x.effect for x in tested.values()} == {"none"}


def test_who_forgets_to_say_so_lies_at_anchor_among_ships_at_anchor():
    event, tested = mine([drifter(kn=0.1), *beside(3, kn=0.0, nav=1)])
    assert (event.state, event.reason) == ("candidate", "suppressed: unmapped_anchorage")
    assert tested["unmapped_anchorage"].observed == 3
    assert mine([drifter(kn=0.1), *beside(2, kn=0.0, nav=1)])[0].state == "open", "two are no anchorage"


def test_at_the_edge_of_reach_those_who_lay_at_anchor_still_lie_there():
    """Each is heard once in 50 minutes, never two of them within ten: the neighbours' stay is bridged as her own."""
    others = [drifter(211_000_010 + k, lat=54.505, lon=10.39 + 0.006 * k, kn=0.0, nav=1, step_s=3000, start_s=750.0 * k, hours=1.3) for k in range(1, 4)]
    seldom = drifter(kn=0.0, nav=1, step_s=3000, hours=2.9)
    event, tested = mine([seldom, *others])
    assert (event.reason, tested["unmapped_anchorage"].observed) == ("suppressed: unmapped_anchorage", 3)
    gone = [drifter(211_000_010 + k, lat=54.505, lon=10.39 + 0.006 * k, kn=9.0, step_s=60, start_s=5700.0, hours=0.1) for k in range(1, 4)]
    event, tested = mine([seldom, *others, *gone])
    assert (event.reason, tested["queue"].observed) == ("", 0), "who was heard to leave is no longer there"


def test_who_drifts_through_an_anchorage_is_not_at_anchor():
    assert mine([drifter(kn=1.5, hours=1.5), *beside(3, kn=0.0, nav=1)])[0].state == "open"


def test_bows_to_one_wind_are_a_gale():
    event, tested = mine([drifter(hdg=40), *(beside(4, hdg=50, hours=2.0))])
    assert event.reason == "suppressed: weather_stop"
    assert tested["weather_stop"].observed == 4
    assert tested["queue"].effect == "doubt"
    event, _ = mine([drifter(hdg=220), *(beside(4, hdg=50))])
    assert event.state == "open", "across the others' wind"


def test_who_says_no_heading_shows_her_bow_by_the_way_she_makes():
    event, tested = mine([drifter(hdg=0), *beside(4, hdg=None, kn=0.6)])
    assert (event.reason, tested["weather_stop"].observed) == ("suppressed: weather_stop", 4)
    slower, others_way = mine([drifter(hdg=0), *beside(4, hdg=None, kn=0.3)]), mine([drifter(hdg=180), *beside(4, hdg=None, kn=0.6)])
    assert slower[1]["weather_stop"].effect == "none", "less than half a knot shows no bow"
    assert others_way[1]["weather_stop"].effect == "none", "the others go the other way"


def test_the_last_to_leave_a_gale_is_no_loiterer():
    event, _ = mine([drifter(hdg=40, hours=3.5), *beside(4, hdg=45, hours=1.5)])
    assert event.reason == "suppressed: weather_stop"


def test_a_watched_cove_excuses_nobody():
    event, _ = mine(
        [drifter(lat=54.0, lon=10.02, kn=0.0, hdg=40), *[drifter(211_000_010 + k, lat=54.003, lon=10.015 + 0.004 * k, kn=0.0, hdg=40, nav=1) for k in range(4)]]
    )
    assert event.state == "open"


def test_fishing_in_a_ground_is_fishing():
    fleet = beside(3, nav=7, kn=3.5)
    assert mine([drifter(nav=7), *fleet])[0].reason == "suppressed: fishing_ground"
    event, tested = mine([drifter(nav=7)])
    assert (event.state, tested["fishing"].effect) == ("open", "doubt")


def test_a_mother_ship_among_her_boats():
    boats = [drifter(211_000_010 + k, lat=54.52 + 0.01 * k, kn=6.0) for k in range(2)]
    statics = [static(ME, ship_type=30, loa_m=90), *(static(211_000_010 + k, ship_type=30, loa_m=12) for k in range(2))]
    event, _ = mine([drifter(nav=7, hours=1.5), *boats], *statics)
    assert event.reason == "suppressed: fishing_ground"
    foreign = [drifter(257_000_010 + k, lat=54.52 + 0.01 * k, kn=6.0) for k in range(2)]
    statics = [static(ME, ship_type=30, loa_m=90), *(static(257_000_010 + k, ship_type=30, loa_m=12) for k in range(2))]
    assert mine([drifter(nav=7, hours=1.5), *foreign], *statics)[0].state == "open"


@pytest.mark.parametrize(
    ("nav", "ship_type", "reason"),
    [(3, 90, "suppressed: working"), (3, 34, "suppressed: working"), (14, 70, "suppressed: in_distress"), (6, 70, "suppressed: in_distress")],
)
def test_what_a_vessel_says_of_itself(nav, ship_type, reason):
    assert mine([drifter(nav=nav)], static(ME, ship_type=ship_type))[0].reason == reason


@pytest.mark.parametrize(("nav", "name"), [(2, "not_under_command"), (3, "restricted"), (1, "anchored_or_moored")])
def test_what_only_may_be_so_lowers_the_confidence(nav, name):
    plain = mine([drifter()])[0].confidence
    event, tested = mine([drifter(nav=nav)], static(ME, ship_type=70))
    assert (event.state, tested[name].effect) == ("open", "doubt")
    assert event.confidence < plain


def test_two_strong_doubts_suppress():
    event, tested = mine([drifter(), *beside(3, hdg=None, kn=0.3)], static(ME, ship_type=30))
    assert (tested["fishing"].effect, tested["queue"].effect, tested["doubts"].observed) == ("doubt", "doubt", 0.64)
    assert event.reason == "suppressed: doubts"
    lenient = Params(rendezvous=Rendezvous(enabled=False), dark=Dark(enabled=False), loitering=Loitering(doubt_max=0.7))
    assert mine([drifter(), *beside(3, kn=0.3)], static(ME, ship_type=30), params=lenient)[0].state == "open"


def test_a_supply_ship_at_a_platform_is_doubted():
    class Field(FlatSea):
        def relations(self, lat_deg, lon_deg):
            return [*super().relations(lat_deg, lon_deg), ZoneRelation("rig", self.version, "area", "near", 0.4, "platform")]

    event, tested = mine([drifter()], static(ME, ship_type=70), geography=Field())
    assert (event.state, tested["offshore_support"].effect, tested["offshore_support"].observed) == ("open", "doubt", 0.4)


@pytest.mark.parametrize(
    ("name", "buoy"), [("12V-85%", True), ("13.2V", True), ("NET 85%", True), ("MARE V", False), ("ATLANTIC 12", False), ("V8", False), ("", False)]
)
def test_net_buoys_tell_their_battery(name, buoy):
    assert is_buoy(name.encode()) == buoy


def test_a_buoy_with_the_number_of_a_ship_is_no_ship():
    assert mine([drifter()], static(ME, name="12V-85%"))[0].reason == "suppressed: net_buoy"


def test_company_excuses_whatever_the_cuts():
    rows = in_order(drifter(hdg=40, hours=3.0), *beside(4, hdg=45, hours=1.5))
    whole = watch(rows, params=ALONE)[0]
    assert shown(whole, "loitering") == []
    assert lines(watch(rows, params=ALONE, cuts=range(0, len(rows), 97), restarts=range(0, 12, 2))[0]) == lines(whole)


def test_a_fishing_vessel_that_fishes_far_out_is_fishing():
    fishing = [static(ME, ship_type=30)]
    event, _ = mine([drifter(nav=7, lon=10.9, hours=4.3)], *fishing)
    assert (event.state, event.reason) == ("candidate", "suppressed: fishing_offshore")
    assert mine([drifter(nav=0, lon=10.9, hours=4.3)], *fishing)[0].state == "open", "who does not say so is asked for"
    assert mine([drifter(nav=7, lon=10.9, hours=4.3)], static(ME, ship_type=79))[0].state == "open", "and whose ship is no fishing vessel"
    assert mine([drifter(nav=7)], *fishing)[0].state == "open", "near the border it is a doubt, no more"


def test_boats_that_came_and_went_before_it_was_long_enough_explain_it():
    boats = [drifter(211_000_010 + k, lat=54.501 + 0.001 * k, kn=0.5, start_s=600.0, hours=0.6) for k in range(2)]
    statics = [static(ME, ship_type=30, loa_m=90), *(static(211_000_010 + k, ship_type=30, loa_m=12) for k in range(2))]
    event, tested = mine([drifter(nav=7, hours=1.5), *boats], *statics)
    assert event.reason == "suppressed: fishing_ground"
    assert tested["fishing_ground"].effect == "suppress"
    event, _ = mine([drifter(nav=0, hours=1.5), *boats], *statics)
    assert event.state == "open", "none of whom she said that she was fishing with"


def displaced(mmsi, start_deg, kn=10.0, at_s=3_600.0, hours=3.0):
    """Sails north, and from `at_s` on shows one place 40 miles east, where it hardly moves; another 300 m from the next one's."""
    t = every(30, hours)
    away = t >= at_s
    lat = np.where(away, 54.5 + start_deg * 0.1, 54.0 + start_deg + t * kn / 3600 / 60)
    return track(mmsi, t, lat, np.where(away, 11.4, 10.3), sog_kn=np.where(away, 0.2, kn), cog_deg=0.0)


def test_whom_interference_has_put_elsewhere_does_not_wait_there():
    fleet = [displaced(ME + k, 0.02 * k) for k in range(4)]
    events = watch(in_order(*fleet), params=ALONE)[0]
    assert [e.type for e in shown(events) if e.type == "gnss_area"] == ["gnss_area"]
    assert shown(events, "loitering") == []
    assert {e.reason for e in last_versions(events, "loitering")} <= {"suppressed: gnss_area"}


def test_two_that_go_slowly_ahead_on_one_heading_are_hove_to():
    ahead, adrift = drifter(hdg=10), drifter(hdg=100)
    mate = drifter(211_000_010, lat=54.51, lon=10.41, hdg=5)
    event, tested = mine([ahead, mate])
    assert (event.reason, tested["weather_stop"].observed) == ("suppressed: weather_stop", 1)
    assert mine([adrift, drifter(211_000_010, lat=54.51, lon=10.41, hdg=95)])[0].state == "open", "beam to their way they drift"
    assert mine([ahead, drifter(211_000_010, lat=54.502, hdg=5)])[0].state == "open", "alongside each other they meet"
    event, tested = mine([ahead])
    assert (event.state, tested["hove_to"].effect) == ("open", "doubt"), "alone it may be so"
    turned = np.concatenate([drifter(hdg=10, hours=0.5), drifter(lat=54.505, hdg=300, hours=1.5, start_s=1800)])
    assert mine([turned, mate])[1]["hove_to"].effect == "none", "who turns about is not hove to"


def test_what_is_remembered_beside_a_run_is_what_its_event_says():
    rng = np.random.default_rng(5)
    sea, statics = [], []
    for k in range(40):
        lat, lon = 54.2 + 0.3 * rng.random(), 10.1 + 0.9 * rng.random()
        hdg, nav, kind = rng.choice([None, 10, 100]), int(rng.choice([0, 0, 1, 2, 3, 5, 7, 14])), int(rng.choice([0, 30, 30, 33, 52, 70]))
        sea.append(
            drifter(ME + k, lat=lat, lon=lon, kn=float(rng.choice([0.1, 0.8, 1.8])), hours=float(rng.choice([1.2, 3.0, 5.0])), hdg=hdg, nav=nav, step_s=120)
        )
        statics.append(static(ME + k, ship_type=kind, loa_m=int(rng.choice([0, 12, 90]))))
    _, state = watch(in_order(*sea), np.concatenate(statics), params=ALONE)
    detector = next(d for d in state.detectors if d.NAME == "loitering")
    told = []
    for key, page in detector.book.pages.items():
        run = state.table.pools["loitering"].records[state.table.cold["loitering"]["at"][state.table.slot_of_key(key)]]
        if page.event.t_end is None:
            told.append(page.event.reason)
            assert told[-1] == (f"suppressed: {REASONS[run['told'] - 2]}" if run["told"] > TOLD_OPEN else "")
            assert page.emitted_ms == int(run["told_min"]) * 60_000
        else:
            assert run["told"] in (TOLD_BEFORE, TOLD_ENDED)
    assert len(set(told)) >= 5


def test_a_boat_of_class_b_cannot_say_that_it_fishes():
    boat, fleet = drifter(nav=15, kind=18, flags=F_CLASS_B), beside(3, nav=7, kn=3.5)
    assert mine([boat, *fleet], static(ME, ship_type=30))[0].reason == "suppressed: fishing_ground"
    assert mine([boat, *fleet], static(ME, ship_type=36))[0].state == "open", "a yacht among them does not"
    assert mine([boat], static(ME, ship_type=30))[0].state == "open"
    assert mine([drifter(nav=15), *fleet], static(ME, ship_type=30))[0].reason == "suppressed: fishing_ground", "nor does a ship without a status"
    assert mine([drifter(nav=0), *fleet], static(ME, ship_type=30))[0].state == "open", "near the coast one that says it makes way does not fish"
    far = [drifter(nav=0, lon=10.9, hours=4.3), *(drifter(211_000_010 + k, lat=54.505, lon=10.89 + 0.006 * k, nav=7, kn=3.5, hours=4.3) for k in range(3))]
    assert mine(far, static(ME, ship_type=30))[0].reason == "suppressed: fishing_ground", "far out its status was forgotten"
    assert mine(far, static(ME, ship_type=70))[0].state == "open", "which excuses no other ship among them"
    assert mine(far[:1], static(ME, ship_type=30))[0].state == "open", "nor one alone"
    assert mine([drifter(nav=15, lon=10.9, hours=4.3)], static(ME, ship_type=30))[0].state == "open", "alone far out a status is asked for"
    assert mine([drifter(nav=15, kind=18, flags=F_CLASS_B, lon=10.9, hours=4.3)], static(ME, ship_type=30))[0].reason == "suppressed: fishing_offshore"
