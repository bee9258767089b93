"""The peers' reproduced defects, T1 to T19, each with its own input, through the whole step: what came out there, and what comes out here.

May hold: one short test for each defect, in order. May not: thorough tests of a detector (tests/test_tracks_*.py has them). What a defect costs
is counted in calls, rows and bytes, never in seconds.
"""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from test_tracks_zones import east, seen
from tracks_sea import T0, OpenSea, every, in_order, lane_traffic, last_versions, shown, shuffled, static, track, versions, watch, well_heard

from dogwatch.batch import COG_MISSING, F_LATE
from dogwatch.geo import distance_m
from dogwatch.watermark import SourceClock
from tracks import contacts, dark
from tracks.params import Dark, Loitering, Params, Rendezvous, params_of
from tracks.presets import PRESETS, preset
from tracks.records import BELIEVED

A, B, C = 211_000_001, 211_000_002, 211_000_003
M_DEG = 1 / 111_195  # degrees of latitude per metre
PAIRS_ONLY = Params(loitering=Loitering(enabled=False), dark=Dark(enabled=False), revise_s=600)
DARK_ONLY = Params(loitering=Loitering(enabled=False), rendezvous=Rendezvous(enabled=False))
NUMBERS = range(1, 20)
TESTS, ROOT = Path(__file__).parent, Path(__file__).parent.parent


def side_by_side(t, *mmsis, lat=54.5, lon=10.4, metres=200.0):
    """Vessels that lie beside each other."""
    return in_order(*(track(m, t, lat + k * metres * M_DEG, lon, sog_kn=0.3) for k, m in enumerate(mmsis)))


def silent_between(start_s, stop_s, hours, *, mmsi=A, lat0=54.2, lon=10.33, kn=12.0):
    """A vessel that runs north and is not heard for a while."""
    t = every(30, hours)
    t = t[(t <= start_s) | (t >= stop_s)]
    return track(mmsi, t, lat0 + t * kn / 3600 / 60, lon, sog_kn=kn, cog_deg=0.0)


def amid_traffic(*vessels, hours=3.0, **more):
    """The vessels among others, where everybody has been heard before."""
    more.setdefault("coverage", well_heard())
    return watch(in_order(lane_traffic(hours, lat_deg=54.2, length_deg=0.6), *vessels), params=DARK_ONLY, **more)


def taken(state):
    """Rows accepted, and those of the begun last minute, which a recording's end leaves in the buffer."""
    return state.counters["accepted"] + state.counters["buffered"]


def counted(monkeypatch, module, name):
    """Calls of a function of a module, counted from here on."""
    calls, plain = [], getattr(module, name)
    monkeypatch.setattr(module, name, lambda *args, **more: (calls.append(name), plain(*args, **more))[1])
    return calls


def test_all_of_them_are_here():
    here = sorted({int(name[6:8]) for name in globals() if name.startswith("test_t") and name[6:8].isdigit()})
    assert here == list(NUMBERS)


def test_the_page_of_the_peers_names_each_test_and_each_preset():
    """Both ways: what the page names is here, and what is here it names."""
    page = (ROOT / "docs" / "behaviours" / "peers.md").read_text(encoding="utf-8")
    cases = [name for module in ("test_peers_defects.py", "test_edge_cases.py") for name in re.findall(r"def (test_t?\d\d_\w+)", (TESTS / module).read_text())]
    assert sorted(re.findall(r"`(test_t?\d\d_\w+)`", page)) == sorted(cases)
    assert set(re.findall(r"`(\w+)`", page.partition("## Definitions")[2])) >= set(PRESETS)


def test_t01_together_for_half_an_hour_is_half_an_hour():
    """A peer adds an hour before and after: 150 minutes."""
    rows = in_order(side_by_side(np.arange(0, 1801.0, 60), A, B), track(C, every(60, 3), 55.5, 10.9, sog_kn=9.0))
    (event,) = shown(watch(rows, params=PAIRS_ONLY)[0])
    assert (event.t_start, event.t_end, event.measures["duration_s"]) == (T0, T0 + 1_800_000, 1800)


def test_t02_a_meeting_over_midnight_is_one_event():
    """A peer cuts at each UTC day and loses 23:05 to 24:00."""
    rows = in_order(side_by_side(np.arange(23 * 3600 + 300, 25 * 3600 + 1501.0, 60), A, B), track(C, every(60, 28), 55.5, 10.9, sog_kn=9.0))
    (event,) = shown(watch(rows, params=PAIRS_ONLY)[0])
    assert (event.t_end - event.t_start) / 60_000 == event.measures["duration_s"] / 60 == pytest.approx(140, abs=1)
    noon = rows.copy()
    noon["t_ms"] -= 43_200_000
    noon["t_rx_ms"] -= 43_200_000
    assert versions(watch(rows, params=PAIRS_ONLY)[0]) == versions(watch(noon, params=PAIRS_ONLY)[0], -43_200_000), "nothing is told otherwise than at noon"
    brief = in_order(side_by_side(np.arange(86_400 - 1_200, 86_400 + 1_201.0, 60), A, B), track(C, every(60, 26), 55.5, 10.9, sog_kn=9.0))
    (event,) = shown(watch(brief, params=PAIRS_ONLY)[0])
    assert event.measures["duration_s"] == 2_400, "of two days neither has half an hour of it"


def test_t03_between_179_99_east_and_179_99_west_lies_the_date_line():
    """A peer's interpolation goes round by Greenwich: 119.99, 0.0, -119.99."""
    t = every(60, 4)
    rows = track(A, t, -20.0, 179.99 + t / t[-1] * 0.03, sog_kn=0.3)
    (event,) = shown(watch(rows, geography=OpenSea())[0], "loitering")
    assert -180 <= event.lon < -179.98, "most of it lies beyond"
    assert event.measures["radius_nm"] < 1


def test_t04_due_east_is_east():
    """A peer turns the course to radians twice and goes 10 miles north."""
    t = every(30, 2)
    t = t[t <= 3600]
    cos = np.cos(np.radians(54.4))
    rows = track(A, t, 54.4, 10.25 + t * 10 / 3600 / 60 / cos, sog_kn=10.0, cog_deg=90.0)
    events, _ = amid_traffic(rows, geography=OpenSea())
    event = next(e for e in events if e.mmsi == [A])
    assert (event.measures["reckoned_lat"] - event.lat) * 60 == pytest.approx(0.0, abs=0.05)
    assert (event.measures["reckoned_lon"] - event.lon) * 60 * cos == pytest.approx(10.0 * event.measures["gap_s"] / 3600, abs=0.05)


def gap_eastward(lon, kn_deg):
    """What is told of a vessel that falls silent at `lon` and comes back 14 miles farther east, among others on both sides of the way between."""
    t = every(30, 3.0)
    t = t[(t <= 3600) | (t >= 7800)]
    gone = track(A, t, -20.0, lon + (t - 3600) * kn_deg, sog_kn=12.0, cog_deg=90.0)
    peers = [track(B + k, every(60, 3.0), -20.02 + 0.01 * k, lon + 0.05 + 0.1 * (k % 2), sog_kn=0.0, nav=1) for k in range(6)]
    known = well_heard((-20.5, -19.5), (lon - 1.0, lon + 1.0))
    return [e for e in watch(in_order(gone, *peers), params=DARK_ONLY, geography=OpenSea(), coverage=known)[0] if e.mmsi == [A]]


def test_t05_a_gap_across_the_date_line_stays_there():
    """A peer gives its middle as half the sum of the longitudes: Greenwich."""
    kn_deg = 12 / 3600 / 60 / np.cos(np.radians(20))
    mine, elsewhere = gap_eastward(179.9, kn_deg), gap_eastward(169.9, kn_deg)
    assert versions(mine, turn_deg=10.0) == versions(elsewhere), "and is a gap like any other"
    (event,) = shown(mine)
    assert event.lon == pytest.approx(179.9, abs=0.001)
    assert event.measures["reappeared_lon"] == pytest.approx(179.9 + 4200 * kn_deg - 360, abs=0.001)
    assert event.measures["distance_nm"] == pytest.approx(14, abs=0.1)
    silent = [(e.measures["gap_s"], e.measures["reckoned_lon"]) for e in mine if e.t_end is None]
    assert [lon for _, lon in silent] == pytest.approx([(179.9 + gap_s * kn_deg + 180) % 360 - 180 for gap_s, _ in silent], abs=0.001)
    assert silent[-1][1] < 0, "reckoned beyond the line"


def test_t06_two_hulls_on_one_number_have_gaps_of_their_own():
    """A peer makes one gap of the end of one hull and the return of the other."""
    first, second = silent_between(3600, 7800, 3.0), silent_between(4500, 9000, 3.0, lat0=54.5)
    events, _ = amid_traffic(first, second)
    found = shown([e for e in events if e.mmsi == [A]], "dark")
    assert sorted((e.subjects[0].key, e.t_start - T0, e.t_end - T0) for e in found) == [
        (f"{A}#0", 3_600_000, 7_800_000),
        (f"{A}#1", 4_500_000, 9_000_000),
    ]
    assert all(e.measures["implied_kn"] == pytest.approx(12, abs=0.2) for e in found)


def test_t07_a_gap_costs_the_same_whatever_else_was_said(monkeypatch):
    """A peer reads all messages again for each gap. Here a silence is judged so many times, whoever else talks, and rows are taken once."""
    judged, told, plain = [], counted(monkeypatch, dark, "_tell"), dark._judge
    monkeypatch.setattr(dark, "_judge", lambda state, sight, slots, *more: (judged.extend(slots), plain(state, sight, slots, *more))[1])
    work = []
    for others, gaps in ((16, 1), (64, 1), (64, 8)):
        judged.clear()
        told.clear()
        gone = [silent_between(3600, 7800, 3.0, mmsi=A + k, lon=10.31 + 0.002 * k) for k in range(gaps)]
        rows = in_order(lane_traffic(3.0, vessels=others, lat_deg=54.2, length_deg=0.6), *gone)
        _, state = watch(rows, params=DARK_ONLY, coverage=well_heard())
        assert taken(state) == len(rows)
        work.append((len(judged), len(told)))
    assert work[0] == work[1] > (1, 0), "four times the traffic"
    assert work[2] == (8 * work[1][0], 8 * work[1][1]), "eight times the gaps"
    assert work[0][0] == 12, "at 15 minutes and each five of the 70"


def test_t07_nothing_is_read_again_for_a_gap():
    """What gaps cost, in lines of Python run, is the same among four times the traffic, and little beside the sea."""
    rows = {others: lane_traffic(3.0, vessels=others, lat_deg=54.2, length_deg=0.6) for others in (64, 256)}
    cost = {}
    for others, gaps in ((64, 4), (64, 8), (256, 8)):
        here = [A + k for k in range(gaps)], [10.31 + 0.002 * k for k in range(gaps)]
        heard, gone = (
            lines_run(in_order(rows[others], *(silent_between(start_s, 7800, 3.0, mmsi=mmsi, lon=lon) for mmsi, lon in zip(*here)))) for start_s in (7800, 3600)
        )
        assert heard < gone <= heard / 0.8, "the rate with gaps is at least 0.8 of that without"
        cost[others, gaps] = gone - heard
    assert cost[256, 8] == cost[64, 8] <= 2.2 * cost[64, 4]


def lines_run(rows):
    """Lines of the house that Python runs for a sea, once everything is compiled."""
    count = [0]

    def line(_frame, event, _arg):
        count[0] += event == "line"
        return line

    watch(rows, params=DARK_ONLY, coverage=well_heard())
    coverage, before = well_heard(), sys.gettrace()
    sys.settrace(lambda frame, *_: line if "/tracks/" in frame.f_code.co_filename else None)
    try:
        watch(rows, params=DARK_ONLY, coverage=coverage)
    finally:
        sys.settrace(before)
    return count[0]


def loiter_of_five_hours():
    """Five hours of it, with 20 minutes at 4 knots, and later an hour with one report."""
    t = every(60, 5)
    t = t[(t < 10_800) | (t >= 14_400) | (t == 12_600)]
    kn = np.where((t >= 5400) & (t < 6600), 4.0, 0.3)
    return track(A, t, 54.5 + np.cumsum(kn * np.diff(t, prepend=t[0]) / 3600 / 60), 10.4, sog_kn=kn)


def test_t08_five_hours_are_one_event_in_any_time_zone():
    """A peer's clock-hour breaks at the fast 20 minutes, has no speed in the quiet hour, and reads stamps as local time."""
    (event,) = last_versions(watch(loiter_of_five_hours())[0], "loitering")
    assert (event.state, event.t_start) == ("open", T0)
    script = "import hashlib, sys; sys.path.insert(0, 'tests'); from test_peers_defects import *; from tracks_sea import lines\n"
    script += "print(hashlib.sha256(lines(watch(loiter_of_five_hours())[0])).hexdigest())"
    zones = [
        subprocess.run([sys.executable, "-c", script], env={**os.environ, "TZ": zone}, cwd=Path(__file__).parents[1], check=True, capture_output=True).stdout
        for zone in ("UTC", "Pacific/Auckland")
    ]
    assert zones[0] == zones[1] != b""


@pytest.mark.parametrize("apart_nm", [0.2, 1, 3, 10, 300])
def test_t09_two_hulls_on_one_number_are_two_tracks(apart_nm):
    """A peer merges them at 0.2 and 1 nautical mile, and loses 499 of 1,000 positions at 3."""
    t = np.arange(1000) * 30.0
    second = np.arange(1000) % 2 == 1
    rows = track(A, t, 54.3 + np.where(second, apart_nm / 60, 0.0), 10.5, sog_kn=0.3)
    _, state = watch(rows, params=PAIRS_ONLY)
    assert state.table.known["belief"].tolist().count(BELIEVED) == 2
    assert taken(state) >= 997
    assert taken(state) + state.counters["quarantined"] == 1000


def test_t10_out_of_order_and_without_course_is_ordinary():
    """A peer raises an exception at the first, and rejects the second."""
    rows = track(A, every(30, 2), 54.5, 10.4, sog_kn=0.3, kind=18)
    rows["cog"] = COG_MISSING
    plain, _ = watch(rows)
    mixed, state = watch(shuffled(rows, 7))
    assert [msgspec.to_builtins(e) for e in mixed] == [msgspec.to_builtins(e) for e in plain] != []
    assert taken(state) == len(rows)


def test_t11_two_partners_at_once_are_two_meetings():
    """A peer keeps state under the one vessel: the second partner overwrites the first."""
    events = shown(watch(side_by_side(every(60, 1.5), B, A, C, metres=300.0), params=PAIRS_ONLY)[0])
    assert sorted(tuple(e.mmsi) for e in events) == [(A, B), (A, C)]
    assert all(e.measures["duration_s"] > 4500 for e in events)


def test_t12_twice_the_vessels_are_twice_the_comparisons():
    """A peer compares all with all. Here only the cells round a vessel hold anybody to be compared with."""
    work = []
    for n in (500, 1000, 2000):
        place = np.random.default_rng(n).uniform(0, 1, (2, n))
        lats, lons = 54.0 + place[0] * 0.1, 10.5 + place[1] * n * 2e-4  # as dense, over a larger sea
        rows = in_order(*(track(A + k, [0.0, 60.0], lat, lon, sog_kn=0.3) for k, (lat, lon) in enumerate(zip(lats, lons))))
        _, state = watch(rows, params=PAIRS_ONLY, geography=OpenSea())
        table = state.table
        near = contacts.near_rows(table, T0 + 60_000, Rendezvous(), contacts.Room(), alone=True)
        assert len(near) == n
        work.append(contacts.find_contacts(near, Rendezvous()).examined)
    assert work[0] > 0
    assert work[1] <= 2.5 * work[0]
    assert work[2] <= 2.5 * work[1]


def test_t13_a_value_that_is_not_named_is_the_one_that_is_documented():
    """A peer multiplies a default that is in milliseconds by 1000: 8.3 hours."""
    params = params_of({"rendezvous": {"duration_s_min": 3600.0}})
    assert params.rendezvous == Rendezvous(duration_s_min=3600.0)
    assert (params.dark, params.loitering) == (Dark(), Loitering())
    (event,) = shown(watch(side_by_side(every(60, 2), A, B), params=msgspec.structs.replace(params, dark=PAIRS_ONLY.dark, loitering=PAIRS_ONLY.loitering))[0])
    (needed,) = [e.threshold for e in event.evidence if e.name == "duration_s"]
    assert needed == 3600.0, "the effective value stands in the event"


def test_t14_a_ship_adrift_at_six_tenths_of_a_knot_is_adrift():
    """A peer asks one knot of every report, and never sees it."""
    t = every(60, 2)
    rows = track(A, t, 54.5, 10.4 + t * 0.6 / 3600 / 60 / np.cos(np.radians(54.5)), sog_kn=0.6, cog_deg=90.0, nav=2)
    rows["hdg"] = 0
    assert {e.subtype for e in shown(watch(rows)[0], "safety")} == {"drift", "nuc"}
    assert not [e for e in shown(watch(rows, params=preset("dma_drift"))[0], "safety") if e.subtype == "drift"]


def test_t15_who_falls_silent_inside_a_zone_has_not_left_it():
    """A peer ends the stay where the silence begins."""
    silent = track(A, every(60, 1.0), 54.0, 10.02, sog_kn=0.1)
    events, _ = watch(in_order(silent, lane_traffic(3.0, lat_deg=53.9, length_deg=0.5, lon_deg=10.1)), params=DARK_ONLY, coverage=well_heard())
    (event,) = shown([e for e in events if e.mmsi == [A] and e.type == "dark"])
    assert ("cove", "inside") in {(zone.id, zone.relation) for zone in event.zones}
    assert not [e for e in events if e.mmsi == [A] and e.subtype in ("exit", "exited", "left")]
    came, elsewhere = east(every(60, 0.75), 2.95, lat=0.3, mmsi=A), east(every(60, 4), 8.0, mmsi=B)
    stay = last_versions(e for e in seen(in_order(came, elsewhere)) if e.mmsi == [A] and e.subtype in ("enter", "exit") and e.zones[0].id == "reserve")
    assert [(e.subtype, e.zones[0].relation, e.t_end) for e in stay] == [("enter", "inside_last_known", None)]


def test_t16_a_report_that_comes_too_late_revises_or_is_counted():
    """A peer loses it unless windows overlap."""
    rows = in_order(lane_traffic(3.0, lat_deg=54.2, length_deg=0.6), silent_between(3600, 7800, 3.0))
    at = int(np.searchsorted(rows["t_ms"], T0 + 6_600_000))
    inside, before = (track(A, [s], 54.2 + s * 12 / 3600 / 60, 10.33, sog_kn=12.0) for s in (6300.0, 615.0))
    before["lat"] += 5
    events, state = watch(np.concatenate([rows[:at], inside, before, rows[at:]]), params=DARK_ONLY, coverage=well_heard())
    revised = [e for e in events if e.mmsi == [A] and e.t_start == T0 + 3_600_000]
    assert [(e.state, e.reason) for e in revised][-1] == ("retracted", "late_data")
    assert (state.counters["late_used"], state.counters["late"]) == (1, 1)


@pytest.mark.parametrize(
    ("heard_s", "said"),
    [
        ((5000.0, 6400.0), [("retracted", "late_data", 3600)]),
        ((5700.0,), [("closed", "shortened by late data", 3600)]),
        ((4500.0,), [("retracted", "restated", 3600), ("closed", "shortened by late data", 4500)]),
    ],
)
def test_t16_a_silence_that_is_over_is_revised_too(heard_s, said):
    """The vessel was heard again at 7,800 s; what it sent in its silence comes twenty minutes after that."""
    rows = in_order(lane_traffic(3.0, lat_deg=54.2, length_deg=0.6), silent_between(3600, 7800, 3.0))
    at = int(np.searchsorted(rows["t_ms"], T0 + 9_000_000))
    late = track(A, np.array(heard_s), 54.2 + np.array(heard_s) * 12 / 3600 / 60, 10.33, sog_kn=12.0)
    events, _ = watch(np.concatenate([rows[:at], late, rows[at:]]), params=DARK_ONLY, coverage=well_heard())
    mine = [e for e in events if e.mmsi == [A] and e.type == "dark"]
    assert any(e.state == "closed" and e.t_detected < T0 + 8_400_000 for e in mine), "it was told as over before"
    assert sorted((e.state, e.reason, (e.t_start - T0) // 1000) for e in mine if e.t_detected >= T0 + 8_400_000) == sorted(said)


def test_t17_a_stamp_in_the_future_is_nobodys_latest():
    """A peer shows it as the latest for weeks."""
    rows = track(A, every(30, 1), 54.5, 10.4, sog_kn=8.0)
    wild = track(A, [300.0], 55.5, 10.9)
    wild["t_ms"] += 21 * 86_400_000
    mixed = np.concatenate([rows[:12], wild, rows[12:]])
    _, state = watch(mixed)
    assert (state.counters["future"], taken(state)) == (1, len(rows))
    assert 0 <= int(rows["t_ms"][-1]) - int(state.table.used["t_ms"][0]) <= 60_000
    clock = SourceClock(120_000)
    clock.stamp(mixed, np.empty(0, static(A).dtype))
    assert not (mixed["flags"] & F_LATE).any(), "and it made nobody late"


def test_t18_a_long_stop_costs_nothing_and_loses_nothing():
    """A peer's rate falls with the length of a stop, and it loses the first record after it."""
    sizes = []
    for reports in (2_000, 20_000):
        t = np.arange(reports) * 10.0
        lying = track(A, t, 54.5, 10.4, sog_kn=0.0)
        away = track(A, t[-1] + 10 + every(10, 1.0), 54.5 + every(10, 1.0) * 12 / 3600 / 60, 10.4, sog_kn=12.0, cog_deg=0.0)
        events, state = watch(np.concatenate([lying, away]))
        assert taken(state) == len(lying) + len(away), "none is lost"
        (event,) = [e for e in last_versions(events, "loitering") if e.t_start == T0]
        assert event.t_end == pytest.approx(int(lying["t_ms"][-1]), abs=600_000), "to its bucket"
        sizes.append(len(pickle.dumps(state)))
    assert abs(sizes[1] - sizes[0]) < 1_000, "nothing is kept for each of 18,000 more reports"


def test_t19_a_meeting_five_kilometres_off_the_coast_is_seen():
    """A ring of 10 km hides it."""
    (event,) = shown(watch(side_by_side(every(60, 2), A, B, lon=10.0 + 2.7 / 60 / np.cos(np.radians(54.5))), params=PAIRS_ONLY)[0])
    assert event.measures["coast_distance_nm"] == pytest.approx(2.7, abs=0.1)
    ringed, _ = watch(side_by_side(every(60, 3), A, B, lon=10.0 + 2.7 / 60 / np.cos(np.radians(54.5))), params=preset("gfw_encounter"))
    assert {e.reason for e in ringed if e.type == "rendezvous"} == {"suppressed: shore_ring"}
    assert distance_m(round(event.lat * 600_000), 6_000_000, round(event.lat * 600_000), round(event.lon * 600_000)) == pytest.approx(5000, abs=100)
