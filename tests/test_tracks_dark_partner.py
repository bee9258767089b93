"""Dark partner: a voyage interrupted while somebody near was silent, and the interruptions that have nothing to do with it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracks_sea import T0, every, in_order, lane_traffic, last_versions, lines, shuffled, static, track, well_heard
from tracks_sea import watch as watch_all

from tracks.dark_partner import STOP

ME, DARK, OTHER = 211_000_001, 211_000_002, 211_000_003


def watch(*rows, **how):
    return [event for event in watch_all(*rows, **how)[0] if event.subtype == "dark_partner"]


def voyage(mmsi=ME, stop_s=(3600, 6600), kn=10.0, after_kn=10.0, lon=10.6, lat=54.2, slow_kn=0.5, after_deg=0.0, hours=3.0, step_s=20):
    """North at `kn`, slow between two times, on again."""
    t = every(step_s, hours)
    speed = np.where(t < stop_s[0], kn, np.where(t < stop_s[1], slow_kn, after_kn))
    cog = np.where(t < stop_s[1], 0.0, after_deg)
    north, east = (np.cumsum(speed * f(np.radians(cog)) * step_s / 3600 / 60) for f in (np.cos, np.sin))
    return track(mmsi, t, lat + north, lon + east / np.cos(np.radians(lat)), sog_kn=speed, cog_deg=cog)


def silent(mmsi=DARK, off_s=2400, on_s=7200, lat=54.35, lon=10.72, kn=9.0):
    """Steers west, is silent between two times, is heard again near where it was."""
    t = every(20, 3.0)
    heard = (t < off_s) | (t >= on_s)
    way = np.where(t < off_s, t - off_s, t - on_s) * kn / 3600 / 60
    return track(mmsi, t[heard], lat, (lon - way / 0.58)[heard], sog_kn=kn, cog_deg=270.0)


def test_its_state_is_no_more_than_a_cache_line():
    assert STOP.itemsize <= 64


def test_a_stop_while_somebody_near_was_silent():
    (event,) = watch(in_order(voyage(), silent()))
    assert (event.type, event.state, event.mmsi) == ("rendezvous", "closed", [ME])
    assert (event.t_start - T0) / 1000 == pytest.approx(3600, abs=310)
    assert (event.t_end - T0) / 1000 == pytest.approx(6600, abs=310)
    assert event.confidence == 0.7
    assert [x.result for x in event.exclusions if x.name == "silent_vessel"] == [str(DARK)]
    assert all(e.passed for e in event.evidence)
    assert next(e.observed for e in event.evidence if e.name == "transit_s") == pytest.approx(3600, abs=310), "the way before the stop"


def test_each_transit_is_measured_by_itself():
    """It stops twice; the second transit begins where the voyage went on."""
    rows = voyage(stop_s=(3600, 6600), hours=6.0)
    again = (rows["t_ms"] >= T0 + 14_400_000) & (rows["t_ms"] < T0 + 17_400_000)
    rows["sog"][again] = 5
    lat, held = rows["lat"].copy(), int(rows["lat"][again][0])
    rows["lat"][again] = held
    after = rows["t_ms"] >= T0 + 17_400_000
    rows["lat"][after] = lat[after] - (int(lat[after][0]) - held)
    observed = [next(e.observed for e in event.evidence if e.name == "transit_s") for event in last_versions(watch(rows))]
    assert observed == [pytest.approx(3600, abs=310), pytest.approx(14_400 - 6600, abs=610)]


def test_alone_it_is_kept_but_not_shown():
    (event,) = watch(voyage())
    assert (event.state, event.confidence) == ("candidate", 0.4)
    assert "nobody who was silent" in event.reason


@pytest.mark.parametrize(
    "partner",
    [silent(on_s=5400), silent(off_s=4500), silent(lat=55.6), silent(kn=0.0), silent(mmsi=111_000_002)],
    ids=["heard meanwhile", "silent only later", "too far", "was not steering", "no ship"],
)
def test_who_could_not_have_been_there(partner):
    (event,) = watch(in_order(voyage(), partner))
    assert event.state == "candidate"


def test_who_is_only_not_heard_is_no_partner():
    """Its receiver died and others went on; and where much was learned, a silence that happens there often."""
    off_s, lane = 2400, lane_traffic(3.0, vessels=6, lat_deg=54.2, length_deg=0.6, lon_deg=10.5)
    lane["receivers"], lane["src"] = 2, 1
    beside = lane_traffic(3.0, vessels=6, lat_deg=54.2, length_deg=0.3, lon_deg=10.74, first_mmsi=218_000_000)
    dead = (beside["t_ms"] > T0 + off_s * 1000) & (beside["t_ms"] < T0 + 7_200_000)
    mine = voyage()
    mine["receivers"], mine["src"] = 2, 1
    events = watch(in_order(mine, silent(), lane, beside[~dead]))
    assert [event.state for event in events if event.mmsi == [ME]] == ["candidate"]
    events = watch(in_order(mine, silent(), lane, beside))
    assert [event.state for event in events if event.mmsi == [ME]] == ["closed"], "its receiver lives"
    (event,) = watch(in_order(voyage(), silent()), coverage=well_heard(blocks=20, missed=180))
    assert event.state == "candidate"
    (event,) = watch(in_order(voyage(), silent()), coverage=well_heard(blocks=99, missed=1))
    assert event.state == "closed"


def test_somebody_who_is_heard_is_no_dark_partner():
    beside = track(OTHER, every(30, 3), 54.3668, 10.603, sog_kn=0.3)
    (event,) = watch(in_order(voyage(), silent(), beside))
    assert event.reason == "suppressed: ais_partner"


@pytest.mark.parametrize(("from_s", "to_s", "result"), [(4200, 5400, "yes"), (0, 3000, "no"), (0, 0, "no")])
def test_who_said_meanwhile_that_she_was_not_under_command_is_doubted(from_s, to_s, result):
    """Under way again nobody says it any more, and what was said before the stop is of another trouble."""
    rows = voyage()
    said = (rows["t_ms"] >= T0 + 1000 * from_s) & (rows["t_ms"] < T0 + 1000 * to_s)
    rows["nav"] = np.where(said, 2, 0)
    (event,) = watch(in_order(rows, silent()))
    (doubt,) = [one for one in event.exclusions if one.name == "not_under_command"]
    assert (doubt.result, doubt.effect) == (result, "doubt" if result == "yes" else "none")
    assert event.confidence == (0.49 if result == "yes" else 0.7)


def test_a_gale_that_others_wait_out_too():
    def bow(rows):
        rows["hdg"] = 40
        return rows

    others = [bow(voyage(OTHER + k, stop_s=(2400, 5900), lon=10.61 + 0.01 * k, lat=54.26)) for k in range(4)]
    (event,) = [e for e in watch(in_order(bow(voyage()), silent(), *others)) if e.mmsi == [ME]]
    assert event.reason == "suppressed: gale_meanwhile"


@pytest.mark.parametrize(
    "change",
    [{"stop_s": (3600, 4200)}, {"after_deg": 100.0}, {"slow_kn": 6.5}, {"after_kn": 6.2}, {"kn": 5.0, "after_kn": 5.0}, {"stop_s": (600, 4000)}],
    ids=["too short", "another course", "not slow", "trouble", "no transit", "transit too short"],
)
def test_what_is_no_interruption(change):
    assert not watch(in_order(voyage(**change), silent()))


def test_a_pilot_boat_is_named():
    (event,) = watch(in_order(voyage(), silent()), static(ME, ship_type=50))
    assert event.reason == "suppressed: role"


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_cuts_and_restarts_change_nothing(seed):
    rows = in_order(voyage(step_s=60), silent())
    whole = watch(rows)
    cuts = sorted(np.random.default_rng(seed).integers(0, len(rows), 10).tolist())
    assert len(last_versions(whole)) == 1
    assert lines(watch(rows, cuts=cuts, restarts=range(0, 11, 2), capacity=4)) == lines(whole)
    assert lines(watch(shuffled(rows, seed))) == lines(whole)


def test_across_the_date_line():
    from tracks_sea import FlatSea

    class Ocean(FlatSea):
        def coast_distance_nm(self, lat_deg, lon_deg):
            return np.full(len(lat_deg), 30.0)

    (event,) = watch(in_order(voyage(lon=179.999), silent(lon=180.12 - 360 + 360)), geography=Ocean())
    assert event.state == "closed"
