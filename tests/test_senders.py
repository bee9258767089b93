"""Several senders of one source: fragments never join across them, the accounting is one, a snapshot changes nothing."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dogwatch import blob
from ingest import senders
from ingest.decode import DecodeState
from ingest.senders import Senders
from tests.decode_inputs import one, position, static, two

EOL = b"\r\n"


def fresh():
    return Senders(lambda: DecodeState("net"))


def names_of(batches):
    return sorted((int(row["mmsi"]), bytes(row["name"])) for batch in batches for row in batch.statics)


def ship(number: int) -> tuple[int, bytes, list[bytes]]:
    """(mmsi, name, two fragments): every ship uses the same sequence number, channel and talker."""
    mmsi, name = 257_000_000 + number, f"SHIP {number}"
    return mmsi, name.encode(), [part + EOL for part in two(static(mmsi, name, f"PORT {number}"), seq="3")]


def test_fragments_of_two_senders_never_join():
    (a, a_name, a_parts), (b, b_name, b_parts) = ship(1), ship(2)
    source = fresh()
    batches = [source.feed(data, 0, who) for data, who in [(a_parts[0], "a"), (b_parts[0], "b"), (a_parts[1], "a"), (b_parts[1], "b")]]
    assert names_of(batches) == [(a, a_name), (b, b_name)]
    assert source.counts.rejected == {}
    assert source.counts.parts == 2
    assert source.counts.balance() == 0


def test_a_lost_fragment_makes_no_chimera():
    (_, _, a_parts), (_, _, b_parts) = ship(1), ship(2)
    source = fresh()
    batches = [source.feed(data, 0, who) for data, who in [(a_parts[0], "a"), (b_parts[1], "b")]]
    assert names_of(batches) == []
    assert source.counts.rejected == {"orphan_part": 1}
    assert source.counts.open == 1


def test_a_new_connection_closes_what_the_old_one_left_open_and_skips_the_half_line():
    mmsi, name, parts = ship(1)
    source = fresh()
    source.feed(parts[0], 0, "mast")
    source.relink("mast")
    batches = [source.feed(b"0000,0*5C" + EOL + b"".join(parts), 0, "mast")]
    assert names_of(batches) == [(mmsi, name)]
    assert source.counts.rejected == {"link_reset": 1}
    assert source.counts.lines == 3, "the first half line after a connection is no line"


def test_the_sender_heard_longest_ago_is_closed_and_stays_in_the_sum(monkeypatch):
    monkeypatch.setattr(senders, "SENDERS_MAX", 2)
    source = fresh()
    source.feed(ship(1)[2][0] + b"!AIVDM,1,1,,A,,0*26" + EOL, 0, "a")
    source.feed(one(position()) + EOL, 0, "b")
    source.feed(one(position()) + EOL, 0, "a")
    source.feed(one(position()) + EOL, 0, "c")  # closes b
    source.feed(one(position()) + EOL, 0, "d")  # closes a, with its fragment
    assert list(source.states) == ["c", "d"]
    counts = source.counts
    assert (counts.lines, counts.decoded, counts.open) == (6, {"1": 4}, 0)
    assert counts.rejected == {"empty_payload": 1, "link_reset": 1}
    assert counts.balance() == 0
    assert source.samples["empty_payload"].startswith(b"!AIVDM,1,1,,A,,")


def conversation(seed: int, n: int = 60) -> list[tuple[str, bytes]]:
    """Lines of five senders, interleaved, with lost fragments and noise."""
    draw = random.Random(seed)
    waiting: dict[str, list[bytes]] = {name: [] for name in "abcde"}
    said = []
    for number in range(n):
        name = draw.choice("abcde")
        if not waiting[name]:
            waiting[name] = draw.choice([ship(number)[2], [one(position(257_000_000 + number)) + EOL], [b"noise" + EOL]])
        line, waiting[name] = waiting[name][0], waiting[name][1:]
        if draw.random() > 0.1:
            said.append((name, line))
    return said


def whole(source, batches):
    rows = [np.concatenate([getattr(batch, table) for batch in batches]).tobytes() for table in ("fixes", "statics")]
    return rows, source.counts, source.samples, blob.pack(source.to_sections(), schema=1)


@given(st.integers(0, 10_000), st.integers(1, 59), st.integers(1, 40))
def test_cuts_and_snapshots_change_nothing(seed, stop, step):
    said = conversation(seed)
    expected_source = fresh()
    expected = whole(expected_source, [expected_source.feed(line, 7, name) for name, line in said])
    source, batches = fresh(), []
    for number, (name, line) in enumerate(said):
        if number == stop:
            packed = blob.pack(source.to_sections(), schema=1)
            source = fresh()
            source.restore(blob.unpack(packed, schema=1))
        batches += [source.feed(line[at : at + step], 7, name) for at in range(0, len(line), step)]
    assert whole(source, batches) == expected
    assert source.counts.balance() == 0


@pytest.mark.parametrize("seed", range(5))
def test_each_sender_is_decoded_as_if_it_were_alone(seed):
    said = conversation(seed, 200)
    together, alone = fresh(), {name: DecodeState("net") for name in "abcde"}
    batches = [together.feed(line, 7, name) for name, line in said]
    found = names_of(batches)
    separate = []
    for name in alone:
        other = fresh()
        separate += [other.feed(b"".join(line for who, line in said if who == name), 7, name)]
    assert found == names_of(separate)
    assert len(found) > 3


def test_a_static_row_says_how_many_fixes_of_the_whole_source_came_before_it():
    source = fresh()
    rows = [source.feed(data, 0, who) for data, who in [(one(position()) + EOL, "a"), (one(position()) + EOL, "b"), (b"".join(ship(1)[2]), "b")]]
    assert rows[2].statics["fixes_before"].tolist() == [2]


def test_the_end_of_a_source_ends_the_last_line_of_every_sender():
    source = fresh()
    source.feed(one(position(1)), 0, "a")
    source.feed(one(position(2)), 0, "b")
    batch = source.feed(b"", 0, "", final=True)
    assert sorted(batch.fixes["mmsi"].tolist()) == [1, 2]
    assert batch.receivers == ("net",)
    assert set(batch.fixes["receivers"].tolist()) == {1}
