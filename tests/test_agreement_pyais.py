"""pyais beside our records: over every recording, whole, and over sentences that are made here and then damaged. Zero unexplained differences."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path

import pytest
from conftest import SHARED_DATA

from ingest.records import record
from tests.agreement import PYAIS_FIELDS, Case, documented, field_differences, reason
from tests.decode_inputs import sentence
from tests.naive_decode import Twin

NOT_NMEA = (".chk", ".json", ".csv", ".sql", "LICENSE")
RECORDINGS = sorted(str(p.relative_to(SHARED_DATA)) for p in SHARED_DATA.glob("nmea-*/*") if not p.name.endswith(NOT_NMEA)) or ["nmea-absent"]


def read(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def told(case: Case) -> str:
    return f"type {case.kind} {case.field}: pyais {case.theirs!r}, here {case.ours!r}, {len(case.bits)} bits"


@pytest.mark.parametrize("name", RECORDINGS)
def test_recordings_as_pyais_reads_them(name, shared_data):
    messages = Twin().read(read(shared_data(name))).messages
    assert len(messages) >= 10
    unexplained: Counter = Counter()
    for message in messages:
        line = sentence(message["payload"].decode(), message["fill"])
        found = record(line)
        assert found is not None
        for case in field_differences(line, found, message["bits"]):
            if reason(case, PYAIS_FIELDS) is None:
                unexplained[told(case)] += 1
    assert not unexplained


def test_the_differences_are_documented():
    assert documented("pyais 3.3.1") == list(PYAIS_FIELDS)
