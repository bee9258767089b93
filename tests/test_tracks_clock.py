"""The reorder buffer: one order whatever the arrival, copies merged, nothing lost, nothing early."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch import blob
from dogwatch.batch import F_CK_BAD, F_FUTURE, F_LATE, F_NO_TIME, STATIC_DTYPE, T_MISSING, Control, canonical_order, new_fixes, new_statics
from tracks.clock import FIX_ORDER, STATIC_ORDER, Reorder, order_of_fixes, order_of_statics

NO_STATICS = np.empty(0, STATIC_DTYPE)


@st.composite
def crowded(draw, size=40):
    """Rows that tie as often as possible."""
    n = draw(st.integers(1, size))
    rows = new_fixes(n)
    for name, high in (("release_ms", 4), ("mmsi", 3), ("lat", 2), ("lon", 2), ("sog", 2), ("src", 2), ("nav", 2), ("msg_type", 2), ("radio", 2), ("sec", 2)):
        rows[name] = draw(st.lists(st.integers(0, high - 1), min_size=n, max_size=n))
    rows["mmsi"] += 200_000_000
    rows["release_ms"] *= 500
    late = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))) & (rows["release_ms"] > 0)
    rows["t_ms"] = np.where(late, rows["release_ms"] - 250, rows["release_ms"])
    rows["flags"] = late * F_LATE
    rows["t_rx_ms"] = rows["release_ms"]
    rows["receivers"] = np.uint64(1) << rows["src"].astype(np.uint64)
    return rows


@given(crowded(), st.sampled_from([0, 20]))
def test_quick_order_is_the_full_order(rows, wider):
    for name in ("release_ms", "t_ms"):
        rows[name] <<= wider  # a minute, or days
    full = np.lexsort([rows[name] for name in (*FIX_ORDER, "release_ms")])
    assert rows[order_of_fixes(rows)].tobytes() == rows[full].tobytes()


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 6), max_size=30))
def test_quick_order_of_statics_is_the_full_order(told):
    rows = new_statics(len(told))
    for name, column in zip(("release_ms", "t_ms", "mmsi", "msg_type", "imo", "has"), zip(*told)):
        rows[name] = column
    rows["name"] = [b"A" * sum(row) for row in told]
    full = np.lexsort([rows[name] for name in STATIC_ORDER])
    assert rows[order_of_statics(rows)].tobytes() == rows[full].tobytes()


@given(crowded())
def test_order_refines_the_canonical_order_of_the_ground_floor(rows):
    ours, theirs = rows[order_of_fixes(rows)], rows[canonical_order(rows)]
    for name in ("release_ms", "t_ms", "mmsi", "msg_type", "lat", "lon", "sog", "cog", "hdg", "nav", "t_rx_ms", "src", "receivers"):
        assert (ours[name] == theirs[name]).all(), name


@settings(max_examples=60)
@given(crowded(), st.randoms(use_true_random=False), st.lists(st.integers(0, 40), max_size=5))
def test_any_arrival_and_any_cut_release_the_same_rows(rows, random, cuts):
    whole = Reorder()
    whole.push(rows, NO_STATICS)
    expected = whole.release(10_000).fixes
    order = list(range(len(rows)))
    random.shuffle(order)
    buffer, out = Reorder(), []
    edges = [0, *sorted(min(c, len(rows)) for c in cuts), len(rows)]
    for start, stop in pairwise(edges):
        buffer.push(rows[order[start:stop]], NO_STATICS)
        buffer = Reorder.from_sections(blob.unpack(blob.pack(buffer.to_sections(), schema=1), schema=1))
    out = [buffer.release(w).fixes for w in (0, 400, 501, 1001, 10_000)]
    assert np.concatenate(out).tobytes() == expected.tobytes()
    assert buffer.counts == whole.counts
    assert len(expected) + whole.counts["duplicate"] == len(rows)


def test_nothing_leaves_before_the_watermark_has_passed_it():
    rows = new_fixes(3)
    rows["t_ms"] = rows["release_ms"] = [1000, 1999, 2000]
    rows["mmsi"] = [200_000_001, 200_000_002, 200_000_003]
    buffer = Reorder()
    buffer.push(rows, NO_STATICS)
    assert list(buffer.release(1000).fixes["t_ms"]) == []
    assert list(buffer.release(2000).fixes["t_ms"]) == [1000, 1999]
    assert buffer.buffered == (1, 0)
    assert list(buffer.release(1500).fixes["t_ms"]) == [], "a watermark never goes back"
    assert list(buffer.release(2001).fixes["t_ms"]) == [2000]


def test_copies_leave_as_one_row_with_all_receivers():
    rows = new_fixes(3)
    rows["t_ms"] = rows["release_ms"] = 1000
    rows["t_rx_ms"] = [1003, 1001, 1002]
    rows["mmsi"], rows["lat"], rows["lon"] = 200_000_001, 5, 6
    rows["receivers"], rows["src"] = [1, 4, 8], [0, 2, 3]
    buffer = Reorder()
    buffer.push(rows, NO_STATICS)
    (row,) = buffer.release(2000).fixes
    assert (row["receivers"], row["t_rx_ms"]) == (13, 1001)
    assert buffer.counts["duplicate"] == 2


def test_unusable_rows_are_counted_by_reason():
    rows = new_fixes(5)
    rows["t_ms"] = rows["release_ms"] = 1000
    rows["mmsi"] = np.arange(5) + 200_000_000
    rows["flags"] = [0, F_CK_BAD, F_FUTURE, F_NO_TIME, F_CK_BAD | F_FUTURE]
    buffer = Reorder()
    buffer.push(rows, NO_STATICS)
    assert len(buffer.release(5000).fixes) == 1
    assert {name: buffer.counts[name] for name in ("rows_in", "checksum", "future", "no_time")} == {"rows_in": 5, "checksum": 2, "future": 1, "no_time": 1}


def test_statics_wait_for_the_full_minute():
    statics = new_statics(2)
    statics["t_ms"] = statics["release_ms"] = [1000, 61_000]
    buffer = Reorder()
    buffer.push(new_fixes(0), statics)
    assert len(buffer.release(59_999).statics) == 0
    assert list(buffer.release(60_000).statics["t_ms"]) == [1000]
    assert list(buffer.release(119_000).statics["t_ms"]) == []
    assert list(buffer.release(120_000).statics["t_ms"]) == [61_000]


def test_rows_of_a_source_that_had_left_the_watermark_are_late():
    buffer = Reorder()
    buffer.release(10_000)
    rows = new_fixes(1)
    rows["t_ms"] = rows["release_ms"] = 3000
    buffer.push(rows, NO_STATICS)
    (row,) = buffer.release(11_000).fixes
    assert row["flags"] & F_LATE
    assert (row["t_ms"], row["release_ms"]) == (3000, 10_000)


def test_control_rows_are_released_in_order():
    buffer = Reorder()
    buffer.push(new_fixes(0), NO_STATICS, [Control(3000, "source_back", "a"), Control(2000, "source_silent", "a"), Control(9000, "end")])
    assert [c.kind for c in buffer.release(4000).control] == ["source_silent", "source_back"]
    assert [c.kind for c in buffer.release(9001).control] == ["end"]
    assert buffer.release(T_MISSING).control == []


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=12), st.sets(st.integers(0, 11)))
def test_absences_of_ours_keep_the_order_in_which_they_were_told(told, saved):
    """Down at the watermark, up at the first row: within the lateness the next "down" bears an earlier time than the last "up"."""
    buffer = Reorder()
    for number, (t_ms, up) in enumerate(told):
        if number in saved:
            buffer = Reorder.from_sections(blob.unpack(blob.pack(buffer.to_sections(), schema=1), schema=1))
        buffer.push(new_fixes(0), NO_STATICS, [Control(t_ms, "system_up" if up else "system_down"), Control(t_ms, "source_silent", str(number))])
    released = buffer.release(1_000_000).control
    assert [row.kind for row in released if row.kind.startswith("system")] == ["system_up" if up else "system_down" for _, up in told]
    assert [row.t_ms for row in released if row.kind == "source_silent"] == sorted(t_ms for t_ms, _ in told), "what is told of a source stays where it is"
