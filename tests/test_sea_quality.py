"""The measures of the sea report, on a recording of which every number is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import sea_quality
from benchmarks.sea_measures import BANDS, Measures, ks, part_gaps, variation
from tests.decode_inputs import T0, one, position, static, tag, two

SHIP, MOORED, FAST = 257_000_001, 257_000_002, 257_000_003


def made() -> bytes:
    """Half an hour: at 10 kn every 10 s, turning by 6 degrees a minute, heard by two stations; moored, every 180 s; at 25 kn, every 2 s."""
    lines = []
    for t in range(0, 1800, 2):
        stamp = T0 + t + 1  # every stamp is a second behind the position
        if t % 10 == 0:
            course = t // 60 * 60 % 3600
            for name in ("a", "b"):
                lines.append((stamp, tag(f"s:{name},c:{stamp}") + one(position(SHIP, sog=100, cog=course, lat=30_000_000 + t, sec=t % 60, hdg=511))))
        if t % 180 == 0:
            lines.append((stamp, tag(f"s:a,c:{stamp}") + one(position(MOORED, sog=0, nav=5, sec=t % 60, hdg=90))))
        lines.append((stamp, tag(f"s:a,c:{stamp}") + one(position(FAST, sog=250, cog=900, lon=6_000_000 + t, sec=t % 60))))
    first, second = two(static(SHIP))
    lines += [(T0 + 1799, tag(f"s:a,c:{T0 + 1799}") + first), (T0 + 1799, b"# between"), (T0 + 1799, second)]
    return b"\r\n".join(line for _, line in lines) + b"\r\n"


@pytest.fixture(scope="module")
def found() -> Measures:
    return sea_quality.of_lines(made())


def test_intervals_are_those_that_were_made(found):
    expected = {"A, at anchor or moored": 180.0, "A, 0-14 kn": 10.0, "A, over 23 kn": 2.0}
    for band in BANDS:
        values = found.samples[f"interval {band}, s"]
        assert set(values) == ({expected[band]} if band in expected else set()), band
    assert [len(found.samples[f"interval {band}, s"]) for band in expected] == [9, 179, 899]


def test_a_vessel_counts_by_minutes_and_a_report_once(found):
    speeds = found.samples["speed, kn"]
    assert sorted(set(speeds)) == [0.0, 10.0, 25.0]
    assert [(speeds == kn).sum() for kn in (0.0, 10.0, 25.0)] == [10, 30, 30]
    copies = found.samples["receivers of a report"]
    assert ((copies == 2).sum(), (copies == 1).sum()) == (180, 910)
    turns = found.samples["change of course in a minute, deg"]
    assert ((turns == 6.0).sum(), (turns == 0.0).sum(), len(turns)) == (29, 29, 58)


def test_shares_are_those_that_were_made(found):
    assert found.shares["messages by type"] == pytest.approx({"1": 1270 / 1271, "5": 1 / 1271})
    assert found.shares["status, class A"] == pytest.approx({"0": 2 / 3, "5": 1 / 3})
    assert found.shares["vessels by type"]["cargo"] == 1.0
    assert found.shares["missing"]["heading, A"] == pytest.approx(30 / 70)
    assert found.shares["missing"]["destination"] == 0.0
    assert (found.samples["delay of the stamp, s"] == 1.0).all()
    assert found.samples["lines between two parts"].tolist() == [1.0]


def test_parts_of_different_messages_are_told_apart():
    a, b = two(static(SHIP), seq="1"), two(static(MOORED), seq="2")
    assert part_gaps([a[0], b[0], a[1], b[1]]).tolist() == [1.0, 1.0]
    assert part_gaps([a[1], a[0], a[0], a[1]]).tolist() == [0.0]


SAMPLE = st.lists(st.integers(0, 20).map(float), min_size=1, max_size=30).map(np.array)


@given(SAMPLE, SAMPLE)
def test_the_distance_of_samples_is_a_distance(a, b):
    """Against the definition: the largest gap between the shares of values up to x."""
    assert ks(a, b) == pytest.approx(max(abs((a <= x).mean() - (b <= x).mean()) for x in range(21)))
    assert ks(a, b) == ks(b, a)
    assert ks(a, a) == 0.0
    assert ks(a, a + 100.0) == 1.0
    assert np.isnan(ks(a, a[:0]))


def test_the_distance_of_shares():
    assert variation({"1": 0.5, "2": 0.5}, {"1": 0.5, "3": 0.5}) == 0.5
    assert variation({"1": 1.0}, {"2": 1.0}) == 1.0
    assert np.isnan(variation({}, {"2": 1.0}))


def test_the_document_holds_what_the_command_writes(found):
    text = sea_quality.DOCUMENT.read_text(encoding="utf-8")
    measured = text.split(sea_quality.BEGIN)[1].split(sea_quality.END)[0]
    written = sea_quality.measured_text({"sim a": found}, {"b": found}, 30.0)
    for name in found.samples:
        row = f"| {name.replace('|ROT|', 'absolute ROT')} |"
        assert row in written
        assert row in measured, "run make sea-quality"
    assert "| 0.00 |" in written
    pictures = sorted(sea_quality.PICTURES.glob("*.png"))
    assert len(pictures) == 5
    assert all(f"images/sea-quality/{file.name}" in measured and file.stat().st_size < 150_000 for file in pictures)
