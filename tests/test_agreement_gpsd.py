"""gpsd's own expectations (`*.chk`, raw integers) for its recordings: every message, every field that both have. What differs is on the list."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pyais
import pytest

from ingest.records import Record, record
from tests.agreement import GPSD_FIELDS, GPSD_MESSAGES, Case, documented, pyais_says, reason
from tests.decode_inputs import sentence
from tests.gpsd_reading import as_record, gpsd_messages
from tests.naive_decode import Twin

EXPECTATIONS = {
    "ais-18-27.log": "ais-18-27.log.chk",
    "ais-nmea-type6-fid55.log": "ais-nmea-type6-fid55.log.chk",
    "ais-nmea.log": "ais-nmea.log.chk",
    "ais-raw-messages.log": "ais-raw-messages.log.chk",
    "ais_unpack_sixbit.log": "ais_unpack_sixbit.log.chk",
    "sample.aivdm": "sample.aivdm.ju.chk",
}
PART_B = {"ship_type", "vendor", "model", "serial", "callsign", "bow_m", "stern_m", "port_m", "starboard_m"}


class Message:
    """One message of a recording: its record, bits, and how often gpsd has told it."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.sentence = sentence(found["payload"].decode(), found["fill"])
        self.bits: str = found["bits"]
        made = record(self.sentence)
        assert made is not None
        self.record: Record = made
        self.fields = msgspec.structs.asdict(made)
        self.told = 0

    def differences(self, said: dict[str, Any]) -> list[Case]:
        """What gpsd says otherwise."""
        wrong = {name: value for name, value in said.items() if self.fields.get(name, msgspec.UNSET) != value}
        if not wrong:
            return []
        _, places = pyais_says(pyais.decode(self.sentence))
        none = (0, 0)
        return [Case(self.record.msg_type, name, value, self.fields.get(name), self.bits, places.get(name, none), said) for name, value in wrong.items()]


def read(path: Path) -> dict[tuple[int, int], list[Message]]:
    """Messages by type and MMSI, in order."""
    found: dict[tuple[int, int], list[Message]] = defaultdict(list)
    for each in Twin().read(path.read_bytes()).messages:
        found[each["kind"], each["mmsi"]].append(Message(each))
    return found


def tell(message: Message, said: dict[str, Any], seen: Counter) -> None:
    """Book one object of gpsd on one message; fails where a difference is not on the list."""
    for case in message.differences(said):
        why = reason(case, GPSD_FIELDS)
        assert why, f"type {case.kind} {case.field}: gpsd {case.theirs!r}, here {case.ours!r}, {len(case.bits)} bits"
        seen[why] += 1
    seen["gpsd_repeats"] += message.told > 0 and message.record.msg_type != 24  # one part A goes with several parts B
    message.told += 1


@pytest.mark.parametrize("name", EXPECTATIONS)
def test_every_message_says_what_gpsd_expects(name, shared_data):
    messages = read(shared_data(f"nmea-gpsd/{name}"))
    seen: Counter = Counter()
    said_by_gpsd = list(gpsd_messages(shared_data(f"nmea-gpsd/{EXPECTATIONS[name]}")))
    assert len(said_by_gpsd) >= 12
    for raw in said_by_gpsd:
        kind, said = raw["type"], as_record(raw)
        candidates = messages[kind, raw["mmsi"]]
        assert candidates, f"gpsd has a message of type {kind} that we do not have"
        if kind == 24:
            for part, fields in ((0, {"name"}), (1, PART_B)):
                wanted = {key: value for key, value in said.items() if key in fields}
                mine = [m for m in candidates if m.fields["part"] == part]
                tell(min(mine, key=lambda m: (len(m.differences(wanted)), m.told)), wanted, seen)
        else:
            tell(min(candidates, key=lambda m: (len(m.differences(said)), m.told)), said, seen)
    untold = [m for several in messages.values() for m in several if not m.told]
    assert {m.record.msg_type for m in untold} <= {24}, "gpsd tells type 24 only in pairs, and everything else"
    assert (seen["gpsd_repeats"] > 0) == (name == "ais-nmea.log"), "only one recording has its expectations twice"


def test_the_differences_are_documented():
    assert documented("gpsd 3.22") == [*GPSD_FIELDS, *GPSD_MESSAGES]
