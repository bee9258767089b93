"""The law of the house: the same rows give the same bytes, however they are cut, shuffled, stopped and resumed."""

from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tracks_sea import (
    LATENESS_MS,
    T0,
    FlatSea,
    assert_balance,
    every,
    in_order,
    lane_traffic,
    last_versions,
    lines,
    restarted,
    shown,
    shuffled,
    silent_source,
    stamped,
    static,
    track,
    watch,
    well_heard,
)

from dogwatch import blob
from dogwatch.batch import F_CK_BAD, LAT_MISSING, Control, empty_batch
from dogwatch.errors import ConfigError
from dogwatch.events import event_from_json, event_order, to_json
from tracks.params import ByDistance, Dark, DarkPartner, Loitering, Params, Rendezvous, params_of
from tracks.step import ASLEEP_MS, TrackState, track_step

M_DEG = 1 / 111_195
QUICK = Params(loitering=Loitering(duration_s_min=ByDistance(3600.0, 1800.0, 1800.0)), rendezvous=Rendezvous(duration_s_min=900.0), revise_s=600)


def busy_sea():
    """A bit of everything in 80 minutes: a drifter, two meetings, a silence with late data, copies, jumps, a harbour, junk."""
    t = every(60, 1.35)
    dark = every(30, 1.35)
    dark = dark[(dark <= 1500) | (dark >= 4200)]
    wild = track(211_000_007, t, np.where(np.arange(len(t)) == 20, 57.0, 54.9), 10.4, sog_kn=0.4)
    blind = track(211_000_008, t, 54.95, 10.4, sog_kn=4.0)
    blind["lat"][10:20] = LAT_MISSING
    meeting = [track(m, t + 3 * k, 54.6 + k * 120 * M_DEG, 10.5, sog_kn=0.3) for k, m in enumerate((211_000_002, 211_000_001, 211_000_003))]
    copies = meeting[0].copy()
    copies["receivers"], copies["src"], copies["t_rx_ms"] = 2, 1, copies["t_rx_ms"] + 400
    rows = in_order(
        lane_traffic(1.35, vessels=8, lat_deg=54.2, length_deg=0.3, step_s=45.0),
        track(211_000_004, t, 54.7 + t * 0.6 / 3600 / 60, 10.4, sog_kn=0.6),
        *meeting,
        copies,
        track(211_000_005, dark, 54.2 + dark * 12 / 3600 / 60, 10.33, sog_kn=12.0, cog_deg=0.0),
        track(211_000_006, every(180, 1.35), 54.0, 10.15, sog_kn=0.0, nav=5),
        wild,
        blind,
        track(2_190_001, every(10, 0.2), 54.0, 10.1, kind=4),
        track(211_000_011, t, 54.8, 10.4, kind=18, sog_kn=3.0),
    )
    bad = rows[::97].copy()
    bad["flags"] |= F_CK_BAD
    return np.concatenate([rows, bad])


def busy_statics():
    return np.concatenate([static(211_000_000 + k, 17.0 * k * k, ship_type=70 + k, loa_m=60 * k, name=f"VESSEL {k}") for k in range(1, 9)])


@pytest.fixture(scope="module")
def plain():
    """The sea in order, in one piece: what every other run must equal."""
    rows = shuffled(busy_sea(), 0, lateness_ms=1001)
    events, state = watch(rows, busy_statics(), params=QUICK, coverage=well_heard(), control=silent_source(4500, 4560))
    assert {e.type for e in events} >= {"loitering", "rendezvous", "dark", "position_lost"}
    assert len(events) > 15
    assert_balance(state)
    return events, state


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.lists(st.integers(1, 1200), max_size=25), st.lists(st.integers(0, 25), max_size=3), st.sampled_from([1, 2, 7, 1024]))
def test_cuts_shuffles_restarts_and_tiny_tables_change_no_byte(plain, seed, cuts, restarts, capacity):
    rows = shuffled(busy_sea(), seed)
    found = watch(rows, busy_statics(), params=QUICK, coverage=well_heard(), control=silent_source(4500, 4560), cuts=cuts, restarts=restarts, capacity=capacity)
    assert lines(found[0]) == lines(plain[0])
    assert blob.pack(found[1].to_sections(), schema=1) == blob.pack(plain[1].to_sections(), schema=1)


def test_row_by_row_is_the_same(plain):
    rows = shuffled(busy_sea(), 5)
    events, state = watch(rows, busy_statics(), params=QUICK, coverage=well_heard(), control=silent_source(4500, 4560), cuts=range(1, len(rows)))
    assert lines(events) == lines(plain[0])
    assert_balance(state)


def late_sea():
    """busy_sea through a quick lane, with old rows in it: copies of reports long taken in, one of the silence, ships first heard late, or once."""
    rows = in_order(busy_sea())
    late = rows[:900][(rows["mmsi"][:900] == 211_000_004) | (rows["mmsi"][:900] == 211_000_005)][::3]
    silence = track(211_000_005, [2500.0], 54.34, 10.33, sog_kn=12.0)
    now_s = (int(rows["t_ms"][1000]) - T0) / 1000.0
    first = np.concatenate([track(211_000_020 + k, [now_s - 60.0 * (k + 1)], 54.5 + k / 100, 10.6, sog_kn=0.2) for k in range(3)])
    once = np.concatenate([track(211_000_005, [5000.0 + k], 55.5 + k / 10, 11.0, sog_kn=17.0) for k in range(2)])
    return np.concatenate([rows[:1000], late, first, rows[1000:1300], silence, rows[1300:1600], once, rows[1600:]])


@pytest.fixture(scope="module")
def with_late():
    events, state = watch(late_sea(), busy_statics(), params=QUICK, coverage=well_heard(), lateness_ms=5000)
    assert state.counters["late"] > 15
    assert state.counters["late_used"] == 4
    assert "retracted" in {e.state for e in events}
    assert_balance(state)
    return events, state


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 1700), max_size=20), st.lists(st.integers(0, 20), max_size=3))
@example(cuts=list(range(1, 1700, 20)), restarts=list(range(85)))
def test_late_rows_are_cut_invariant_too(with_late, cuts, restarts):
    found, state = watch(late_sea(), busy_statics(), params=QUICK, coverage=well_heard(), lateness_ms=5000, cuts=cuts, restarts=restarts)
    assert lines(found) == lines(with_late[0])
    assert blob.pack(state.to_sections(), schema=1) == blob.pack(with_late[1].to_sections(), schema=1)


@pytest.mark.parametrize("saved", [False, True])
def test_a_recording_that_ends_within_a_minute_is_gone_on_with_from_its_state(saved):
    """A boat drifts into the harbour, the recording ends 20 s later; saved or not, the end of that minute asks the geography about her who reports no more."""
    boat = track(211_000_001, every(10, 0.5), 54.0, 10.1099 + every(10, 0.5) * 0.1 / 3600, sog_kn=0.4)
    into = int(np.argmax(FlatSea().masked(boat["lat"] / 600_000, boat["lon"] / 600_000)))
    last = into + next(k for k in range(6) if (boat["t_ms"][into + k] // 1000 % 60) in (20, 30, 40))
    rows, _, marks = stamped(boat[: last + 1])
    state, batch = TrackState.new(QUICK, FlatSea()), empty_batch()
    batch.fixes = rows
    track_step(state, batch, int(marks[-1]))
    track_step(state, empty_batch(), int(rows["t_ms"][-1]) + 1000, final=True)
    assert state.begun
    assert not state.table.known["masked"].any()
    state = restarted(state) if saved else state
    assert state.begun
    track_step(state, empty_batch(), int(rows["t_ms"][-1]) // 60_000 * 60_000 + 60_000)
    assert not state.begun
    assert state.table.known["masked"].sum() == 1
    assert not restarted(state).begun


def test_every_call_returns_its_events_in_order_and_after_those_before():
    rows, _, marks = stamped(shuffled(busy_sea(), 3))
    state = TrackState.new(QUICK, FlatSea(), well_heard())
    last, n = 0, 0
    for start, stop in pairwise([*range(0, len(rows), 50), len(rows)]):
        batch = empty_batch()
        batch.fixes = rows[start:stop]
        events = track_step(state, batch, int(marks[stop - 1]))
        assert events == sorted(events, key=event_order)
        assert all(last < e.t_detected <= marks[stop - 1] for e in events)
        last = max([last, *(e.t_detected for e in events)])
        n += len(events)
    assert n > 10


def test_the_batch_is_left_as_it_was_given():
    rows, statics, marks = stamped(shuffled(busy_sea(), 3), busy_statics())
    batch = empty_batch()
    batch.fixes, batch.statics = rows, statics
    before = rows.tobytes(), statics.tobytes()
    track_step(TrackState.new(QUICK, FlatSea()), batch, int(marks[-1]))
    assert (rows.tobytes(), statics.tobytes()) == before


def test_events_survive_json(plain):
    for event in plain[0]:
        assert event_from_json(to_json(event)) == event


def test_versions_count_up_and_ids_are_unique_per_episode(plain):
    seen = {}
    for event in plain[0]:
        assert event.version == seen.get(event.event_id, 0) + 1
        seen[event.event_id] = event.version
        assert event.params_hash == QUICK.params_hash
        assert event.t_detected % 60_000 == 0
        assert event.evidence
        assert event.exclusions
        assert event.t_start <= event.t_detected
        suppressed = any(x.effect == "suppress" for x in event.exclusions)
        assert not (suppressed and event.state == "open")


def test_names_come_from_statics(plain):
    meeting = next(e for e in last_versions(plain[0], "rendezvous") if 211_000_003 in e.mmsi)
    assert {s.name for s in meeting.subjects} <= {"VESSEL 1", "VESSEL 2", "VESSEL 3"}
    assert all(s.loa_m for s in meeting.subjects)


def test_an_empty_watch_stays_empty():
    state = TrackState.new(Params(), FlatSea())
    assert track_step(state, empty_batch(), -(1 << 62)) == []
    assert track_step(state, empty_batch(), T0) == []
    assert state.vessel_count == 0
    again = TrackState.from_sections(blob.unpack(blob.pack(state.to_sections(), schema=1), schema=1), Params(), FlatSea())
    assert again.to_sections()["tick_ms"] == state.tick_ms


@pytest.mark.parametrize("cuts", [(), range(1, 200, 3)])
def test_a_jump_of_years_costs_nothing(cuts):
    t = every(60, 1.5)
    rows = in_order(track(211_000_001, t, 54.5, 10.4, sog_kn=0.2), track(211_000_002, t, 54.5 + 100 * M_DEG, 10.4, sog_kn=0.2))
    later = rows.copy()
    later["t_ms"] += 5 * 365 * 86_400_000
    later["release_ms"] = later["t_ms"]
    state = TrackState.new(Params(), FlatSea())
    both = np.concatenate([rows, later])
    both["release_ms"] = both["t_ms"]
    events = []
    for start, stop in pairwise([0, *cuts, len(both)]):
        batch = empty_batch()
        batch.fixes = both[start:stop]
        events += track_step(state, batch, int(both["t_ms"][stop - 1]) // 1000 * 1000)
    meetings = last_versions(events, "rendezvous")
    assert [m.state for m in meetings] == ["closed", "open"]
    assert state.tick_ms > T0 + ASLEEP_MS


def test_sleep_is_the_same_however_it_is_cut():
    t = every(60, 1.0)
    rows = track(211_000_001, t, 54.5, 10.4, sog_kn=0.2)
    later = track(211_000_001, t + 4 * 86_400, 54.5, 10.4, sog_kn=0.2)
    both = np.concatenate([rows, later])
    both["release_ms"] = both["t_ms"]
    found = []
    for marks in ([T0 + 5 * 86_400_000], [T0 + 86_400_000 * d // 3 for d in range(1, 16)]):
        state, events = TrackState.new(Params(), FlatSea(), well_heard()), []
        for mark in marks:
            batch = empty_batch()
            batch.fixes = both[both["t_ms"] < mark]
            both_left = both[both["t_ms"] >= mark]
            events += track_step(state, batch, mark)
            both = both_left
        both = np.concatenate([rows, later])
        both["release_ms"] = both["t_ms"]
        found.append((lines(events), blob.pack(state.to_sections(), schema=1)))
    assert found[0] == found[1]


def test_another_geography_is_asked_anew():
    rows = track(211_000_001, every(60, 0.4), 54.5, 10.4, sog_kn=0.2)
    _, state = watch(rows)

    class Masked(FlatSea):
        version = "flat-2"

        def masked(self, lat_deg, lon_deg):
            return np.ones(len(lat_deg), bool)

    assert not state.table.known["masked"].any()
    again = TrackState.from_sections(state.to_sections(), Params(), Masked())
    batch = empty_batch()
    batch.fixes = track(211_000_001, every(60, 0.4, 1440.0), 54.5, 10.4, sog_kn=0.2)
    batch.fixes["release_ms"] = batch.fixes["t_ms"]
    track_step(again, batch, T0 + 2_880_000)
    assert again.table.known["masked"].all()


def test_the_long_silent_are_forgotten(monkeypatch):
    monkeypatch.setattr("tracks.step.EVICT_MS", 2 * 86_400_000)
    rows = track(211_000_001, every(60, 0.15), 54.5, 10.4, sog_kn=5.0)
    beat = track(211_000_002, np.arange(0, 3.2 * 86_400, 3000.0), 54.5, 10.9, sog_kn=5.0)
    _, state = watch(in_order(rows, beat), lateness_ms=1000)
    assert state.table.used["mmsi"].tolist() == [211_000_002]
    assert state.counters["evicted"] == 1


def test_control_rows_wait_for_their_minute():
    state = TrackState.new(Params(), FlatSea())
    dark = next(detector for detector in state.detectors if detector.NAME == "dark")
    batch = empty_batch()
    batch.fixes = track(211_000_001, [0.0, 30.0, 200.0], 54.5, 10.4)
    batch.fixes["release_ms"] = batch.fixes["t_ms"]
    batch.control = [Control(T0 + 70_000, "source_silent", "rx")]
    track_step(state, batch, T0 + 65_000)
    assert not dark.ears.deaf
    track_step(state, empty_batch(), T0 + 121_000)
    assert dark.ears.deaf == {"source rx"}


# Parameters


def test_a_profile_overrides_single_values():
    params = params_of({"loitering": {"speed_kn_max": 1.5, "duration_s_min": {"offshore": 7200, "border": 1800, "inshore": 900}}})
    assert params.loitering.speed_kn_max == 1.5
    assert [params.loitering.duration_s_min.at(nm) for nm in (30, 24, 3, 2.9)] == [7200, 1800, 1800, 900]
    assert params.rendezvous == Params().rendezvous
    assert params.params_hash != Params().params_hash
    assert len(Params().params_hash) == 16


@pytest.mark.parametrize(
    "wrong", [{"loitering": {"speed_max": 1}}, {"dark": {"prior": 2}}, {"rendezvous": {"duration_s_min": -1}}, {"revise_s": 10}, {"wandering": {}}]
)
def test_wrong_parameters_are_one_message(wrong):
    with pytest.raises(ConfigError) as fault:
        params_of(wrong, file="border.toml")
    assert "border.toml" in str(fault.value)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Params)


def test_lateness_of_the_test_sea_is_never_exceeded():
    rows, _, _ = stamped(shuffled(busy_sea(), 11), lateness_ms=LATENESS_MS)
    assert not (rows["flags"] & (1 << 15)).any()
    assert (np.diff(rows["t_ms"]) < 0).any()
    assert shown([]) == []


@pytest.mark.parametrize(("page", "table"), [("loitering", Loitering), ("rendezvous", Rendezvous), ("dark-period", Dark), ("dark-partner", DarkPartner)])
def test_every_parameter_is_documented(page, table):
    text = (Path(__file__).resolve().parent.parent / "docs" / "behaviours" / f"{page}.md").read_text(encoding="utf-8")
    missing = [name for name in table.__struct_fields__ if f"`{name}`" not in text]
    assert not missing
    assert "## What this misses" in text
    assert "## What fools it" in text
