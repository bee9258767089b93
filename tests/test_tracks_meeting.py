"""The words of a meeting that the place explains: written when they are read, of what was known when it was told, whatever has become of it since."""

import numpy as np
from test_tracks_alongside import others, pair
from test_tracks_rendezvous import ALONE, A, B
from tracks_sea import T0, FlatSea, in_order, lines, run, static

from dogwatch.batch import Control
from dogwatch.late import LateEvent
from risk.step import RiskState, risk_step
from runners.rules import read_profile
from tracks.step import TrackState, track_step

HOUR_MS = 3_600_000


def anchored():
    """Two that meet among ships at anchor, part after two hours, and meet anew when that is over; the one changes its name, and a rescue about them ends."""
    rows = [*pair(nav_a=1, lon=10.3), *others(3, nav=1, lon=10.28)]
    again = [one.copy() for one in rows]
    for one in again:
        one["t_ms"] += 7 * HOUR_MS
        one["t_rx_ms"] += 7 * HOUR_MS
    named = [static(A, ship_type=70, loa_m=90), static(A, t_s=9000, ship_type=80, loa_m=190)]
    place = f"{round(54.5 * 600_000)} {round(10.3 * 600_000)}"
    control = [Control(T0 + 60_000, "sar_open", f"help person {place}"), Control(T0 + 2 * HOUR_MS, "sar_closed", "help Ana")]
    return in_order(*rows, *again), np.concatenate(named), control


def told(*, read, cuts=(), restarts=()):
    """(events of rendezvous, how many of them were not written when the sea was over)."""

    def step(states, *rest):
        found = track_step(states[0], *rest)
        for event in found if read else ():
            event.whole()
        return found

    rows, statics, control = anchored()
    events, _ = run([TrackState.new(ALONE, FlatSea())], rows, statics, step=step, cuts=cuts, control=control, restarts=restarts)
    met = [event for event in events if event.type == "rendezvous"]
    return met, sum(isinstance(event, LateEvent) and event.writer is not None for event in met)


def test_what_is_read_late_says_what_was_known_when_it_was_told():
    at_once, unread = told(read=True)
    assert unread == 0
    late, unread = told(read=False)
    assert unread >= 3, "met, over, and met anew"
    assert lines(late) == lines(at_once)
    (first, *_) = [event for event in late if event.mmsi == [A, B]]
    assert {x.name: x.observed for x in first.exclusions}["sar_context"] == "help", "it was closed by hand later"
    assert first.subjects[0].loa_m == 90, "it grew later"


def test_saved_and_loaded_in_between_it_says_the_same():
    late, unread = told(read=False, cuts=(300,), restarts=(0,))
    assert unread == 1, "when they met anew; of the first meeting the state holds what was said"
    assert lines(late) == lines(told(read=True)[0])


def test_the_score_reads_nothing_of_a_meeting_that_is_explained():
    late, unread = told(read=False)
    state = RiskState.new(read_profile("border"))
    assert risk_step(state, late, late[-1].t_detected) == []
    assert sum(event.writer is not None for event in late if isinstance(event, LateEvent)) == unread > 0
    assert len(state.records) > 0, "it was taken"
