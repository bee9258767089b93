"""Who is around a place: a table asked when somebody wants to know, and the sightings of all its tracks, say the same to every question."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracks_sea import T0, in_order, track

from tracks import around as around_module
from tracks.around import Around, around_of, sightings
from tracks.params import Params
from tracks.records import SHADOW
from tracks.vessels import VesselTable

NOW = T0 + 3_600_000
CELL = 60_000


def table_of(seed, lat0, lon0, n=60):
    """A table of vessels about a place: some troubled, some long silent, one not believed."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(n):
        lat, lon = np.clip(lat0 + rng.normal(0, 0.1), -89.9, 89.9), lon0 + rng.normal(0, 0.1) / max(0.02, np.cos(np.radians(lat0)))
        rows.append(track(211_000_000 + int(rng.integers(0, 10_000)) * 7 + k, 60.0 * rng.integers(0, 50, 2), lat if k % 7 else lat0, lon, sog_kn=1.0))
    table = VesselTable.new(10_000, {})
    table.add_fixes(in_order(*rows), Params().reach, Params().reacquire_reports)
    some = rng.integers(0, len(table), 12)
    table.more["trouble"][some[:4]] = rng.integers(1, 4, 4)
    table.heard_ms[some[4:8]] = NOW - 3 * 86_400_000
    table.more["belief"][some[8:10]] = SHADOW
    return table, rng


def same(one, other):
    assert one.tobytes() == other.tobytes()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 54.0, -75.0, 88.5]), st.sampled_from([10.0, 179.98, -179.95]))
def test_one_table_answers_as_its_sightings_do(seed, lat0, lon0):
    table, rng = table_of(seed, lat0, lon0)
    asked, told = Around(None, table, NOW), around_of([sightings(table, NOW)])
    same(asked.troubled, told.troubled)
    assert len(told.troubled) or not table.known["trouble"].any() or len(told.seen) < len(table)
    for _ in range(8):  # the first questions look through the table, the others in an order
        lat = round((lat0 + rng.normal(0, 0.05)) * 600_000)
        lon = round(((lon0 + rng.normal(0, 0.05) + 180) % 360 - 180) * 600_000)
        same(asked.within(lat, lon, 4.0), told.within(lat, lon, 4.0))
        same(asked.cells(lat, lon, CELL), told.cells(lat, lon, CELL))
    keys = table.keys_of(np.arange(len(table))).tolist()
    for key in [*keys[:20], 999]:
        one, other = asked.of(key), told.of(key)
        assert (one is None) == (other is None)
        assert one is None or one.tobytes() == other.tobytes()
    many = np.array([*keys[::-1], 999, keys[0]])
    for around in (asked, told):
        rows, known = around.of_all(many)
        assert known.tolist() == [told.of(key) is not None for key in many.tolist()]
        assert all(row.tobytes() == told.of(key).tobytes() for row, key, is_known in zip(rows, many.tolist(), known, strict=True) if is_known)
    assert asked.apart_m(keys[0], keys[1]) == told.apart_m(keys[0], keys[1])
    same(np.sort(asked.seen, order="key"), np.sort(told.seen, order="key"))


def test_answers_are_sorted_by_latitude_then_key_and_lie_within_reach():
    table, _ = table_of(3, 54.0, 10.0)
    found = Around(None, table, NOW).within(round(54.0 * 600_000), 6_000_000, 6.0)
    assert len(found) > 10
    assert (np.lexsort((found["key"], found["lat"])) == np.arange(len(found))).all()
    off_nm = np.hypot(found["lat"] / 10_000 - 54 * 60, (found["lon"] / 10_000 - 600) * np.cos(np.radians(54)))
    assert off_nm.max() <= 6.01
    everybody = Around(None, table, NOW).seen
    near = np.hypot(everybody["lat"] / 10_000 - 54 * 60, (everybody["lon"] / 10_000 - 600) * np.cos(np.radians(54))) < 5.99
    assert near.sum() <= len(found)


@pytest.mark.parametrize("as_rows", [True, False])
def test_trouble_is_told_as_it_stood_when_first_asked(as_rows):
    table, _ = table_of(1, 54.0, 10.0)
    around = around_of([sightings(table, NOW)]) if as_rows else Around(None, table, NOW)
    before = around.troubled
    assert len(before)
    table.more["trouble"][:] = 0
    same(around.troubled, before)
    assert (around.of(int(before["key"][0]))["trouble"]) == before["trouble"][0]


@pytest.mark.parametrize("part", [1, 7, 59, 60, 100])
def test_everybody_is_shown_part_by_part_and_of_a_large_table_not_kept(monkeypatch, part):
    monkeypatch.setattr(around_module, "PART", part)
    table, _ = table_of(5, 54.0, 10.0)
    around = Around(None, table, NOW)
    parts = [rows.copy() for rows in around.parts()]
    assert len(parts) == (-(-len(table) // part) if part < len(table) else 1)
    assert max(len(rows) for rows in parts) <= max(part, len(table) if part >= len(table) else 0)
    assert (around.rows is None) == (part < len(table)), "of a large table everybody must not stay written down"
    same(np.sort(np.concatenate(parts), order="key"), np.sort(sightings(table, NOW), order="key"))


def test_trouble_in_parts_is_told_as_it_stood_when_first_asked(monkeypatch):
    monkeypatch.setattr(around_module, "PART", 7)
    table, _ = table_of(1, 54.0, 10.0)
    around = Around(None, table, NOW)
    before = around.troubled
    table.more["trouble"][:] = 0
    after = np.concatenate(list(around.parts()))
    same(np.sort(after[after["trouble"] != 0], order="key"), before)
