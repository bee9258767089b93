"""Hits as events: told once, closed when the vessel tells otherwise, taken back when the list does; the same whatever the cuts, restarts and shards."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from tracks_sea import T0, FlatSea, every, in_order, last_versions, lines, stamped, static, track, watch

from dogwatch import blob
from dogwatch.batch import empty_batch
from dogwatch.events import event_from_json, to_json
from dogwatch.watermark import end_of_recording
from tracks.clock import Released
from tracks.params import Params, params_of
from tracks.shards import minute
from tracks.step import TrackState, track_step
from tracks.watchlist import particulars
from watchlists.entry import Entry
from watchlists.reading import Reading
from watchlists.screen import Watchlists
from watchlists.watchlist import Watchlist

IMO, OTHER_IMO = 9_999_010, 9_999_022
LISTED, NAMESAKE, STRANGER = 351_999_001, 257_999_003, 257_999_005
HOUR_MS = 3_600_000
ENTRY = Entry("X-1", 2, ("EXAMPLE TRADER",), (), (IMO,), (LISTED,), ("3EXX1",), ("PA",))
BARE = Entry("X-1", 2, ("EXAMPLE TRADER",), (), (IMO,), (), ("3EXX1",), ("PA",))
WEAK = Entry("X-2", 3, ("EXAMPLE BREEZE",))


def one_list(*entries, name="x", version="v1", from_ms=0, until_ms=1 << 62):
    steps = sorted({t for t in (from_ms, until_ms, *(t for entry in entries for t in (entry.from_ms, entry.until_ms))) if abs(t) < 1 << 62})
    return Watchlist(name, "csv", version, tuple(entries), Reading(), from_ms, until_ms, "", tuple(steps))


def told(mmsi, from_s, to_s, name, imo=0, callsign="3EXX1", loa_m=120):
    rows = np.concatenate([static(mmsi, t, ship_type=70, loa_m=loa_m, name=name) for t in np.arange(from_s, to_s, 360)])
    rows["callsign"], rows["imo"] = callsign.encode(), imo
    return rows


def sea(hours=3.0, kn=2.0):
    return in_order(
        *(
            track(mmsi, every(20, hours, start_s=k), 54.2 + 0.1 * k, 10.6 + every(20, hours) * kn / 3600 / 60, sog_kn=kn)
            for k, mmsi in enumerate((LISTED, NAMESAKE, STRANGER))
        )
    )


def particulars_told(hours=3.0):
    end = hours * 3600
    rows = np.concatenate(
        [
            told(LISTED, 5, end, "RENAMED", IMO),
            told(NAMESAKE, 7, end, "EXAMPLE BREEZE", callsign="LAXX3"),
            told(STRANGER, 9, end, "SOMEBODY ELSE", callsign="LAXX5"),
        ]
    )
    return rows[np.argsort(rows["t_ms"], kind="stable")]


def run(lists, fixes=None, statics=None, *, cuts=(), restarts=(), relist=None, geography=None):
    """Events of a sea with lists; `relist`: (number of the chunk after which, the lists from then on)."""
    fixes, statics = sea() if fixes is None else fixes, particulars_told() if statics is None else statics
    fixes, statics, marks = stamped(fixes, statics)
    geography = geography or FlatSea()
    state = TrackState.new(Params(), geography, watchlists=lists)
    events, edges = [], [0, *sorted(set(cuts) - {0, len(fixes)}), len(fixes)]
    for number, (start, stop) in enumerate(pairwise(edges)):
        batch = empty_batch()
        batch.fixes = fixes[start:stop]
        heard = np.full(len(statics), True) if stop == len(fixes) else statics["t_ms"] <= fixes["t_ms"][start:stop].max()
        batch.statics, statics = statics[heard], statics[~heard]
        events += track_step(state, batch, int(marks[stop - 1]))
        if relist and number == relist[0]:
            state.watchlists = relist[1]
        if number in restarts:
            data = blob.pack(state.to_sections(), schema=1)
            state = TrackState.from_sections(blob.unpack(data, schema=1), Params(), geography, lists)
            assert blob.pack(state.to_sections(), schema=1) == data
    events += track_step(state, empty_batch(), end_of_recording(int(fixes["t_ms"].max())))
    return [event for event in events if event.type == "watchlist"], state


def test_without_lists_nothing_is_told():
    assert run(None)[0] == []
    assert [event for event in watch(sea(), particulars_told())[0] if event.type == "watchlist"] == []


def test_a_hit_says_list_version_entry_and_what_agrees():
    events, _ = run(Watchlists((one_list(ENTRY, WEAK, name="ofac"),)))
    by_vessel = {event.mmsi[0]: event for event in last_versions(events)}
    assert set(by_vessel) == {LISTED, NAMESAKE}
    sure = by_vessel[LISTED]
    assert (sure.subtype, sure.state, sure.t_end) == ("confirmed_identifier", "open", None)
    assert {key: sure.measures[key] for key in ("list", "list_version", "entry", "entry_name", "matched", "differs")} == {
        "list": "ofac", "list_version": "v1", "entry": "X-1", "entry_name": "EXAMPLE TRADER", "matched": "imo, mmsi, callsign, flag", "differs": "name",
    }  # fmt: skip
    assert sure.t_start % 600_000 == 0
    assert T0 < sure.t_start <= T0 + 1_200_000
    assert [item.name for item in sure.evidence] == ["imo", "mmsi", "callsign", "flag"]
    assert ("other_name", "yes", "doubt") in {(item.name, item.result, item.effect) for item in sure.exclusions}
    assert by_vessel[NAMESAKE].subtype == "name_only"
    assert sure.measures["watch_distance_nm"] is not None
    assert event_from_json(to_json(sure)) == sure


def test_another_imo_number_is_a_candidate_with_its_reason():
    statics = told(LISTED, 5, 10_000, "EXAMPLE TRADER", OTHER_IMO)
    events, _ = run(Watchlists((one_list(ENTRY),)), statics=statics)
    assert [(event.state, event.subtype, event.reason) for event in events] == [("candidate", "name_only", "suppressed: other_imo_number")]


def test_several_lists_are_several_events():
    events, _ = run(Watchlists((one_list(ENTRY, name="a"), one_list(ENTRY, WEAK, name="b"))))
    assert sorted((event.measures["list"], event.mmsi[0]) for event in last_versions(events)) == [("a", LISTED), ("b", NAMESAKE), ("b", LISTED)]
    assert len({event.event_id for event in events}) == 3


def test_told_otherwise_closes_and_told_again_goes_on_under_the_same_id():
    statics = np.concatenate([told(NAMESAKE, 5, 3000, "EXAMPLE BREEZE"), told(NAMESAKE, 3005, 6000, "NEW NAME"), told(NAMESAKE, 6005, 9000, "EXAMPLE BREEZE")])
    events, _ = run(Watchlists((one_list(WEAK),)), statics=statics)
    assert [(event.state, event.t_end is None) for event in events] == [("open", True), ("closed", False), ("open", True)]
    assert len({event.event_id for event in events}) == 1


def test_a_listed_number_told_once_is_not_made_untrue_by_telling_another():
    statics = np.concatenate([told(STRANGER, 5, 3000, "EXAMPLE TRADER", IMO), told(STRANGER, 3005, 9000, "EXAMPLE TRADER", OTHER_IMO)])
    events, _ = run(Watchlists((one_list(BARE),)), statics=statics)
    assert [(event.subtype, event.state) for event in events] == [("confirmed_identifier", "open"), ("confirmed_identifier", "closed")]


@pytest.mark.parametrize("closed", [False, True])
def test_delisting_retracts_with_the_reason_closed_or_not(closed):
    later = T0 + 2 * HOUR_MS
    statics = (
        told(STRANGER, 5, 9000, "X NAME", IMO)
        if not closed
        else np.concatenate([told(STRANGER, 5, 3000, "X NAME", IMO), told(STRANGER, 3005, 9000, "X NAME", OTHER_IMO)])
    )
    lists = Watchlists((one_list(BARE, from_ms=0, until_ms=later), one_list(WEAK, version="v2", from_ms=later)))
    events, state = run(lists, statics=statics)
    last = last_versions(events)
    assert [(event.state, event.t_detected) for event in last] == [("retracted", later)]
    assert "entry X-1 is no longer on list x, version v2" in last[0].reason
    assert state.detectors[-1].books == {}


def test_an_entry_whose_period_ends_is_delisted():
    later = T0 + HOUR_MS
    ending = Entry("X-1", 2, imos=(IMO,), until_ms=later)
    events, _ = run(Watchlists((one_list(ending),)))
    assert [(event.state, event.t_detected) for event in events] == [("open", events[0].t_detected), ("retracted", later)]


def test_a_newer_version_that_still_has_the_entry_is_a_revision():
    later = T0 + 2 * HOUR_MS
    events, _ = run(Watchlists((one_list(ENTRY, until_ms=later), one_list(ENTRY, version="v2", from_ms=later))))
    assert [(event.version, event.state, event.measures["list_version"]) for event in events] == [(1, "open", "v1"), (2, "open", "v2")]


def test_relisting_is_a_new_event():
    first, second = T0 + HOUR_MS, T0 + HOUR_MS + 1_200_000
    lists = Watchlists(
        (one_list(ENTRY, until_ms=first), one_list(WEAK, version="v2", from_ms=first, until_ms=second), one_list(ENTRY, version="v3", from_ms=second))
    )
    events = [event for event in run(lists)[0] if event.mmsi == [LISTED]]
    assert [event.state for event in events] == ["open", "retracted", "open"]
    assert events[0].event_id == events[1].event_id != events[2].event_id


def test_an_old_list_without_successor_is_used_on_and_said_to_be_old():
    events, _ = run(Watchlists((one_list(ENTRY, until_ms=T0 + HOUR_MS),)))
    assert [event.state for event in events] == ["open", "open"]
    assert "list_out_of_date" not in {item.name for item in events[0].exclusions}
    assert "list_out_of_date" in {item.name for item in events[1].exclusions}


def test_nearing_a_watched_line_is_told_again():
    hours = 2.0
    t = every(20, hours)
    fixes = track(LISTED, t, 54.3, 10.8 - t * 12 / 3600 / 60 / np.cos(np.radians(54.3)) * 0.8, sog_kn=10.0, cog_deg=270.0)
    events, _ = run(Watchlists((one_list(ENTRY),)), fixes, told(LISTED, 5, hours * 3600, "EXAMPLE TRADER", IMO))
    assert [event.measures["watch_distance_nm"] <= 12.0 for event in events] == [False, True]


CHANGING = (
    one_list(ENTRY, WEAK, until_ms=T0 + HOUR_MS),
    one_list(WEAK, version="v2", from_ms=T0 + HOUR_MS, until_ms=T0 + 2 * HOUR_MS),
    one_list(ENTRY, version="v3", from_ms=T0 + 2 * HOUR_MS),
    one_list(Entry("Y-1", 1, ("EXAMPLE BREEZE", "SOMEBODY ELSE"), until_ms=T0 + 2 * HOUR_MS + 1), name="y"),
)


@pytest.mark.parametrize("seed", range(4))
def test_cuts_and_restarts_change_nothing(seed):
    whole, _ = run(Watchlists(CHANGING))
    assert {"open", "retracted"} <= {event.state for event in whole}
    draw = random.Random(seed)
    cuts = sorted(draw.sample(range(1, len(sea())), 12))
    cut, _ = run(Watchlists(CHANGING), cuts=cuts, restarts=set(draw.sample(range(12), 5)))
    assert lines(cut) == lines(whole)


def test_a_restart_with_another_list_takes_back_what_it_does_not_have():
    fixes, statics, marks = stamped(sea(), particulars_told())
    state = TrackState.new(Params(), FlatSea(), watchlists=Watchlists((one_list(ENTRY, WEAK),)))
    half = len(fixes) // 2
    batch = empty_batch()
    batch.fixes, batch.statics = fixes[:half], statics[statics["t_ms"] <= fixes["t_ms"][half - 1]]
    events = track_step(state, batch, int(marks[half - 1]))
    state = TrackState.from_sections(state.to_sections(), Params(), FlatSea(), Watchlists((one_list(WEAK, version="v2"),)))
    batch = empty_batch()
    batch.fixes, batch.statics = fixes[half:], statics[statics["t_ms"] > fixes["t_ms"][half - 1]]
    events += track_step(state, batch, int(marks[-1]))
    final = {event.mmsi[0]: event.state for event in last_versions(events, "watchlist")}
    assert final == {LISTED: "retracted", NAMESAKE: "open"}


def test_lists_may_change_while_a_watch_runs():
    events, _ = run(Watchlists((one_list(ENTRY, WEAK),)), cuts=[800], relist=(0, Watchlists()))
    assert {event.mmsi[0]: (event.state, event.reason) for event in last_versions(events)} == {
        LISTED: ("retracted", "list x is no longer in force"), NAMESAKE: ("retracted", "list x is no longer in force"),
    }  # fmt: skip


@pytest.mark.parametrize("shards", [1, 4])
def test_shards_change_nothing(shards):
    fixes, statics, _ = stamped(sea(), particulars_told())
    fixes["release_ms"], statics["release_ms"] = fixes["t_ms"], statics["t_ms"]
    states = [TrackState.new(Params(), FlatSea(), watchlists=Watchlists(CHANGING)) for _ in range(shards)]
    events = []
    for tick_ms in range(T0 + 60_000, T0 + 3 * HOUR_MS + 60_000, 60_000):
        part = [rows[(rows["t_ms"] >= tick_ms - 60_000) & (rows["t_ms"] < tick_ms)] for rows in (fixes, statics)]
        events += minute(states, Released(*part), tick_ms)
    found = [event for event in events if event.type == "watchlist"]
    expected, _ = run(Watchlists(CHANGING))
    assert lines(found) == lines(expected)


def test_a_vessel_not_heard_for_a_month_is_let_go():
    day = 86_400
    fixes = in_order(track(LISTED, every(20, 0.5), 54.2, 10.6), track(STRANGER, np.append(3600, np.arange(31 * day - 1800, 31 * day + 900, 60)), 54.5, 10.6))
    events, state = run(Watchlists((one_list(ENTRY),)), fixes, told(LISTED, 5, 1800, "EXAMPLE TRADER", IMO))
    last = last_versions(events)
    assert [event.state for event in last] == ["closed"]
    assert state.detectors[-1].books == {}


def test_a_hit_that_goes_on_is_told_once_a_day():
    day = 86_400
    fixes = track(LISTED, np.arange(0, 3.2 * day, 300.0), 54.2, 10.6)
    events, _ = run(Watchlists((one_list(ENTRY),)), fixes, told(LISTED, 5, 1800, "EXAMPLE TRADER", IMO))
    assert [event.version for event in events] == [1, 2, 3, 4]


def test_particulars_are_seen_to_change():
    _, state = run(None)
    before = particulars(state.table)
    assert (before > 0).all()
    state.table.statics["name"][0] = b"ANOTHER NAME"
    assert (particulars(state.table) != before).sum() == 1


def test_the_detector_can_be_switched_off():
    params = params_of({"watchlist": {"enabled": False}})
    state = TrackState.new(params, FlatSea(), watchlists=Watchlists((one_list(ENTRY),)))
    batch = empty_batch()
    batch.fixes, batch.statics, marks = stamped(sea(), particulars_told())
    assert [event for event in track_step(state, batch, int(marks[-1])) if event.type == "watchlist"] == []
