"""The judge on cases made by hand: each row of the table is one rule of matching."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dogwatch.errors import InputError
from dogwatch.times import iso
from sim.judge import judge, overlap, wilson

HOUR = 3_600_000


def event(name: str, start_h: float, end_h: float | None, mmsi=(1,), *, kind="loitering", subtype="", state="closed", version=1, detected_h=None):
    t_end = None if end_h is None else round(end_h * HOUR)
    detected = round((detected_h if detected_h is not None else end_h or start_h) * HOUR)
    found = {"event_id": name, "version": version, "state": state, "type": kind, "subtype": subtype, "mmsi": list(mmsi)}
    return {**found, "t_start": iso(round(start_h * HOUR)), "t_end": iso(t_end), "t_detected": iso(detected)}


def fact(start_h: float, end_h: float, mmsi=(1,), *, visible=True, scored=True, innocent=False, cause="scripted", **kind):
    row = event(f"truth-{start_h}-{mmsi}", start_h, end_h, mmsi, state="retracted" if innocent else "closed", **kind)
    return {**row, "cause": cause, "visible": visible, "scored": scored and not innocent}


BEACON = {"kind": "safety", "subtype": "beacon"}
# events, truth, then of the one behaviour: truth, found, false alarms
CASES = {
    "exact": ([event("a", 1, 2)], [fact(1, 2)], 1, 1, 0),
    "half of the union": ([event("a", 1, 2)], [fact(1, 3)], 1, 1, 0),
    "less than half": ([event("a", 1, 1.9)], [fact(1, 3)], 1, 0, 1),
    "other vessel": ([event("a", 1, 2, (2,))], [fact(1, 2)], 1, 0, 1),
    "only one of the pair": ([event("a", 1, 2, (1,))], [fact(1, 2, (1, 2))], 1, 0, 1),
    "order of the pair is nothing": ([event("a", 1, 2, (2, 1))], [fact(1, 2, (1, 2))], 1, 1, 0),
    "candidates do not count": ([event("a", 1, 2, state="candidate")], [fact(1, 2)], 1, 0, 0),
    "retracted at last": ([event("a", 1, 2), event("a", 1, 2, state="retracted", version=2)], [fact(1, 2)], 1, 0, 0),
    "the last version counts, in any order": ([event("a", 1, 2, version=2), event("a", 5, 6, version=1)], [fact(1, 2)], 1, 1, 0),
    "one fact is found once": ([event("a", 1, 2), event("b", 1, 2)], [fact(1, 2)], 1, 1, 1),
    "an open event goes on to the end": ([event("a", 1, None), event("z", 0, 3, kind="system")], [fact(1, 3)], 1, 1, 0),
    "invisible: neither right nor wrong": ([event("a", 1, 2)], [fact(1, 2, visible=False)], 0, 0, 0),
    "not scored: no miss": ([], [fact(1, 2, scored=False)], 0, 0, 0),
    "innocent: whoever reports it is wrong": ([event("a", 1, 2)], [fact(1, 2, innocent=True)], 0, 0, 1),
    "beacon within a minute": ([event("a", 1.01, 1.5, **BEACON)], [fact(1, 1, **BEACON)], 1, 1, 0),
    "beacon too late": ([event("a", 1.02, 1.5, (9,), **BEACON)], [fact(1, 1, (9,), **BEACON)], 1, 0, 1),
    "beacon heard again": ([event("a", 1, 1.2, **BEACON), event("b", 2, 2.5, **BEACON)], [fact(1, 1, **BEACON)], 1, 1, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_matching(name):
    events, truth, wanted, found, false = CASES[name]
    report = judge(events, truth)
    (row,) = [t for t in report.behaviours if t.behaviour in ("loitering", "safety")]
    assert (row.truth, row.found, row.false_alarms) == (wanted, found, false)
    assert len(report.false_alarms) == false
    assert len(report.misses) == wanted - found


def test_a_tested_beacon_reported_as_distress_is_wrong_twice():
    report = judge([event("a", 1, 1, **BEACON)], [fact(1, 1, kind="safety", subtype="test")])
    assert {t.behaviour: (t.truth, t.found, t.false_alarms) for t in report.behaviours} == {"safety": (0, 0, 1), "safety test": (1, 0, 0)}


def test_what_fooled_it_is_named_and_near_misses_are_kept():
    report = judge([event("a", 1, 1.5), event("b", 4, 5, (7,))], [fact(1, 3), fact(4, 6, (7,), innocent=True, cause="pilot transfer")])
    assert [f.fooled_by for f in report.false_alarms] == ["scripted", "pilot transfer"]
    assert [m.nearest for m in report.misses] == [0.25]


def test_delay_counts_from_the_first_version_shown():
    versions = [
        event("a", 1, 2, state="candidate", detected_h=1.1),
        event("a", 1, 2, state="open", version=2, detected_h=1.5),
        event("a", 1, 2, version=3, detected_h=2),
    ]
    (row,) = judge(versions, [fact(1, 2)]).behaviours
    assert (row.delay_s_median, row.start_error_s_median, row.end_error_s_median) == (1800, 0, 0)
    assert row.line().split() == ["loitering", "1", "1", "0", "1.00", "(0.21-1.00)", "1.00", "(0.21-1.00)", "1800"]


def test_nothing_to_judge_is_not_perfection():
    assert judge([], []).behaviours == []
    (row,) = judge([], [fact(1, 2)]).behaviours
    assert (row.precision.value, row.recall.value) == (None, 0.0)
    assert "-" in row.line()


def test_rows_of_another_kind_are_refused():
    with pytest.raises(InputError, match="truth"):
        judge([], [event("a", 1, 2)])
    with pytest.raises(InputError, match="event_id"):
        judge([{"alert_id": "x"}], [])


def test_the_report_is_json():
    report = judge([event("a", 1, 2)], [fact(1, 2)])
    assert msgspec.json.decode(msgspec.json.encode(report))["behaviours"][0]["recall"]["value"] == 1.0


@pytest.mark.parametrize(("hits", "total", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)])
def test_wilson_intervals_are_the_published_ones(hits, total, low, high):
    share = wilson(hits, total)
    assert (share.low, share.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(*[st.integers(0, 100) for _ in range(4)])
def test_overlap_is_a_share_and_symmetric(a, b, c, d):
    one, two = {"t_start": min(a, b), "t_end": max(a, b) + 1}, {"t_start": min(c, d), "t_end": max(c, d) + 1}
    assert overlap(one, two) == overlap(two, one)
    assert 0 <= overlap(one, two) <= 1
    assert overlap(one, one) == 1
