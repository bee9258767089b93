"""Late events: their words are written once, when somebody reads them, and say the same then."""

from __future__ import annotations

import msgspec
import pytest

from dogwatch.events import Event, Evidence, Exclusion, Subject, ZoneRelation, event_from_json, to_json
from dogwatch.late import FIELDS, WORDS, Before, LateEvent, late_version, place_of, unwritten
from tracks.episodes import next_version

SUBJECT = Subject("257000001#0", 257000001, name="ALPHA")
WHOLE = Event(
    "e1",
    1,
    "open",
    "zone",
    "enter",
    [SUBJECT],
    [257000001],
    1000,
    None,
    60_000,
    58.5,
    10.5,
    [ZoneRelation("bay", "1", "watch", "crossed", 0.0)],
    {"gap_s": 60.0},
    [Evidence("gap_s", 60.0, "<=", 600.0, 540.0, True)],
    [Exclusion("untrue_position", "no", None, "none")],
    0.8,
    "zone_enter",
    "1.1",
    "hash",
    quality={"gap_s": 60.0},
)


class Writer:
    """Writes the words of WHOLE, and counts."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def write(self, event: LateEvent) -> None:
        """As `dogwatch.late.Writer.write`."""
        self.asked.append(event.row)
        for name in WORDS:
            setattr(event, name, getattr(WHOLE, name))


def late() -> tuple[LateEvent, Writer]:
    """WHOLE without its words."""
    writer = Writer()
    return unwritten(LateEvent(*[None if name in WORDS else getattr(WHOLE, name) for name in FIELDS], writer, 7)), writer


class Stay(Before):
    """Writes what a last version says more."""

    def write(self, event: LateEvent) -> None:
        """As `dogwatch.late.Writer.write`."""
        super().write(event)
        event.measures = {**event.measures, "stay_s": 109.0}


def test_what_orders_and_weighs_is_there_before_anything_is_written() -> None:
    event, writer = late()
    assert (event.event_id, event.t_detected, event.zones[0].kind, event.confidence) == ("e1", 60_000, "watch", 0.8)
    event.exercise, event.profile_hash = True, "p"
    assert writer.asked == []
    assert (event.measures, event.subjects, event.exercise) == (WHOLE.measures, [SUBJECT], True)
    assert writer.asked == [7], "all words are written at once, and once"


@pytest.mark.parametrize("read_first", [False, True])
def test_json_copies_and_comparison_are_those_of_the_plain_record(read_first: bool) -> None:
    event, _ = late()
    if read_first:
        assert event.evidence == WHOLE.evidence
    assert event == WHOLE
    plain = event.whole()
    assert plain == event, "from either side"
    assert type(event.whole()) is Event
    assert to_json(late()[0]) == to_json(WHOLE)
    assert event_from_json(to_json(event)) == WHOLE
    assert next_version(event, 120_000, state="closed") == next_version(WHOLE, 120_000, state="closed")
    assert repr(event) == repr(WHOLE)
    assert event != msgspec.structs.replace(WHOLE, lat=1.0)
    with pytest.raises(AttributeError):
        event.no_such_field  # noqa: B018


@pytest.mark.parametrize("read_first", [False, True])
def test_the_version_that_ends_a_stay(read_first: bool) -> None:
    event, writer = late()
    over = late_version(event, "closed", 120_000, 110_000, WHOLE.zones, "left", Stay(event))
    assert writer.asked == []
    if read_first:
        assert event.subjects == [SUBJECT]
    assert over == next_version(WHOLE, 120_000, state="closed", t_end=110_000, reason="left", measures={**WHOLE.measures, "stay_s": 109.0})
    assert event == WHOLE, "the version before stays as it was"


@pytest.mark.parametrize("read_first", [False, True])
def test_its_place_alone(read_first: bool) -> None:
    bare = msgspec.structs.replace(WHOLE, zones=[], measures={}, evidence=[], exclusions=[], quality={})
    event, writer = late()
    if read_first:
        assert event.subjects == [SUBJECT]
    place = place_of(event)
    assert (place.measures, place.mmsi, len(writer.asked)) == ({}, WHOLE.mmsi, int(read_first))
    assert place == bare == place_of(WHOLE)
    assert event == WHOLE
