"""The source clock judges each row by the rows before it, however the rows are cut into batches."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from naive_watermark import judge, judge_static

from dogwatch.batch import F_FUTURE, F_LATE, F_NO_TIME, T_MISSING, new_fixes, new_statics
from dogwatch.watermark import SourceClock, end_of_recording

NAMES = {0: "on_time", F_LATE: "late", F_FUTURE: "future", F_NO_TIME: "no_time"}
times = st.lists(st.one_of(st.integers(0, 40_000), st.integers(5_000_000, 5_040_000), st.just(T_MISSING)), max_size=60)


def stamped(values: list[int], cuts: list[int]) -> tuple[list[tuple[str, int]], SourceClock]:
    clock = SourceClock(lateness_ms=5000, jump_ms=100_000, confirm_rows=3)
    verdicts = []
    edges = [0, *sorted(c % (len(values) + 1) for c in cuts), len(values)]
    for start, stop in itertools.pairwise(edges):
        rows = new_fixes(stop - start)
        rows["t_ms"] = values[start:stop]
        clock.stamp(rows, new_statics(0))
        verdicts += [(NAMES[int(r["flags"])], int(r["release_ms"])) for r in rows]
    return verdicts, clock


@given(times, st.lists(st.integers(0, 60), max_size=5))
def test_verdicts_equal_the_naive_twin_for_any_cut(values, cuts):
    verdicts, clock = stamped(values, cuts)
    assert verdicts == judge(values, 5000, 100_000, 3)
    assert clock.counts()["late"] == sum(v == "late" for v, _ in verdicts)


@given(times, st.lists(st.tuples(st.integers(0, 60), st.integers(0, 50_000)), max_size=8), st.lists(st.integers(0, 60), max_size=4))
def test_statics_are_judged_where_they_stood_in_arrival_order(values, statics, cuts):
    def run(edges):
        clock = SourceClock(lateness_ms=5000, jump_ms=100_000, confirm_rows=3)
        out = []
        for start, stop in itertools.pairwise(edges):
            fixes = new_fixes(stop - start)
            fixes["t_ms"] = values[start:stop]
            here = sorted(s for s in ((min(p, len(values)), t) for p, t in statics) if start <= s[0] < stop or s[0] == stop == len(values))
            rows = new_statics(len(here))
            rows["fixes_before"] = [p for p, _ in here]
            rows["t_ms"] = [t for _, t in here]
            clock.stamp(fixes, rows)
            out += [(int(r["fixes_before"]), int(r["t_ms"]), int(r["flags"]), int(r["release_ms"])) for r in rows]
        return sorted(out)

    whole = run([0, len(values)])
    edges = sorted({0, len(values), *(c % (len(values) + 1) for c in cuts)})
    assert run(edges if len(edges) > 1 else [0, len(values)]) == whole


@given(times, st.lists(st.tuples(st.integers(0, 60), times.map(lambda some: some[0] if some else 0)), min_size=1, max_size=8))
def test_statics_agree_with_the_naive_twin(values, statics):
    rows, marks = new_statics(len(statics)), []
    rows["fixes_before"], rows["t_ms"] = zip(*((min(place, len(values)), t) for place, t in statics))
    for before in rows["fixes_before"].tolist():
        marks.append(stamped(values[:before], [])[1].watermark_ms)
    fixes = new_fixes(len(values))
    fixes["t_ms"] = values
    SourceClock(lateness_ms=5000, jump_ms=100_000, confirm_rows=3).stamp(fixes, rows)
    told = [(NAMES[int(row["flags"])], int(row["release_ms"])) for row in rows]
    assert told == [judge_static(int(row["t_ms"]), mark, 105_000) for row, mark in zip(rows, marks, strict=True)]


def test_one_wild_stamp_does_not_age_the_picture():
    verdicts, clock = stamped([1000, 900_000_000, 2000], [])
    assert verdicts == [("on_time", 1000), ("future", T_MISSING), ("on_time", 2000)]
    assert clock.watermark_ms == -3000


def test_time_that_really_jumped_is_followed_and_counted():
    verdicts, clock = stamped([1000, 900_000_000, 900_001_000, 900_002_000, 900_003_000], [])
    assert [v for v, _ in verdicts] == ["on_time", "future", "future", "on_time", "on_time"]
    assert clock.counts()["time_jump"] == 1


def test_the_end_of_a_recording_releases_its_last_second():
    assert end_of_recording(5_500) == 6_000
    assert end_of_recording(T_MISSING) == T_MISSING
    assert np.int64(end_of_recording(6_000)) == 7_000
