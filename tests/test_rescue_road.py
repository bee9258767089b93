"""From a distress call to the rescue area that the detectors know: the same control rows however the bytes are cut."""

import dataclasses

import numpy as np
import pytest
from seas import recording
from tracks_sea import LATENESS_MS, T0

from dogwatch.batch import SafetyReport, new_fixes, new_statics
from dogwatch.watermark import SourceClock
from runners.intake import Intake
from runners.lane import Lane


def rows_of(data: bytes, cuts: list[int]):
    """Control rows about rescues, with the watermark at which each was made known."""
    intake = Intake([Lane("rx", lateness_ms=5_000)])
    found = []
    for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
        batch, _, _ = intake.feed("rx", data[start:stop], None)
        found += [(c.t_ms, c.kind, c.subject) for c in batch.control]
        assert all(c.t_ms >= 0 for c in batch.control)
    return found


@pytest.fixture(scope="module")
def data():
    return recording()


def test_a_call_with_a_place_opens_an_area(data):
    found = rows_of(data, [])
    assert found
    assert {kind for _, kind, _ in found} == {"sar_open"}
    assert all(len(subject.split(" ")) == 4 for _, _, subject in found)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_pieces_change_nothing(seed, data):
    cuts = sorted(np.random.default_rng(seed).choice(len(data), 300, replace=False).tolist())
    assert rows_of(data, cuts) == rows_of(data, [])


def report(t_s: float, before: int) -> SafetyReport:
    return SafetyReport(T0 + round(t_s * 1000), 211_000_001, "text", 14, "MAYDAY", 0, 0, 15, False, "rx", False, fixes_before=before)


def test_a_late_report_joins_where_its_source_was_and_a_wild_one_does_not_run_ahead():
    """Judged by the fixes before it: the same alone or together with those that follow."""
    fixes = new_fixes(4)
    fixes["t_ms"] = T0 + np.array([0, 100_000, 200_000, 300_000])
    reports = [report(50, 1), report(10, 3), report(200_000, 4), report(301, 4)]
    whole = SourceClock(LATENESS_MS // 2)
    together = [dataclasses.replace(one) for one in reports]
    whole.stamp(fixes.copy(), new_statics(0), together)
    assert [one.release_ms - T0 for one in together] == [50_000, 140_000, 240_000, 301_000]
    pieces = SourceClock(LATENESS_MS // 2)
    apart = [dataclasses.replace(one) for one in reports]
    for n in range(5):
        pieces.stamp(fixes[n - 1 : n].copy() if n else fixes[:0].copy(), new_statics(0), [one for one in apart if one.fixes_before == n])
    assert apart == together
