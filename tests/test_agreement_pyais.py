"""pyais beside our records: over every recording, whole, and over sentences that are made here and then damaged. Zero unexplained differences."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pyais
import pytest
from hypothesis import event, given, settings
from pyais.exceptions import AISBaseException
from pyais.stream import IterMessages

from ingest.records import record
from tests.agreement import (
    PYAIS_FIELDS,
    PYAIS_LINES,
    PYAIS_OTHER,
    Case,
    Refused,
    documented,
    field_differences,
    of_the_lines,
    reason,
    refusal,
    second_chance,
)
from tests.damaged import damaged
from tests.decode_inputs import sentence
from tests.naive_decode import Reading, Twin
from tests.recordings import RECORDINGS, read
from tests.test_decode_twin import assert_twin_agrees


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
        for case in field_differences(pyais.decode(line), found, message["bits"]):
            if reason(case, PYAIS_FIELDS) is None:
                unexplained[told(case)] += 1
    assert not unexplained


def heard_by_pyais(lines: list[bytes]) -> list[tuple[Any, Any]]:
    """Its sentences, and what it makes of them; what it cannot decode is left out."""
    found = []
    for message in IterMessages(lines):
        try:
            found.append((message, message.decode()))
        except (AISBaseException, ValueError, IndexError, TypeError, KeyError):
            continue
    return found


def explain(lines: list[bytes], mine: Reading, theirs: list[tuple[Any, Any]]) -> list[str]:
    """Every difference between two readings of the same sentences, by name; one without a name is told in words."""
    rejected = {name.removeprefix("rejected ") for name in mine.classes if name.startswith("rejected ")}
    cases = [(Refused(m.raw.split(b"\n"), m.payload, 6 * len(m.payload) - len(m.bv), rejected), decoded) for m, decoded in theirs]
    cases.sort(key=lambda case: refusal(case[0]) is not None)  # of two copies, the whole one is ours
    waiting = list(mine.messages)
    refused, names = [], []
    for case, decoded in cases:
        same = next((m for m in waiting if m["payload"] == case.payload), None)
        if same is None:
            refused.append(case)
            names.append(refusal(case) or of_the_lines(lines) or f"only pyais: {case}")
            continue
        waiting.remove(same)
        if case.size != len(same["bits"]):
            names.append(of_the_lines(lines) or f"{case.size} bits with pyais, {len(same['bits'])} here")
            continue
        found = record(sentence(same["payload"].decode(), same["fill"]))
        assert found is not None
        names += [reason(each, PYAIS_FIELDS) or told(each) for each in field_differences(decoded, found, same["bits"])]
    for message in waiting:
        again = any(second_chance(case, message["payload"]) for case in refused)
        names.append("second_chance" if again else of_the_lines(lines) or f"only here: {message}")
    return names


@settings(max_examples=1500)
@given(damaged())
def test_damaged_sentences_differ_only_as_listed(lines):
    data = b"".join(line + b"\n" for line in lines)
    assert_twin_agrees(data)  # the kernel says what the twin says, and the twin is held against pyais
    names = explain(lines, Twin().read(data), heard_by_pyais(lines))
    for name in set(names):
        event(name)
    assert set(names) <= {*PYAIS_FIELDS, *PYAIS_LINES, *PYAIS_OTHER}


def test_the_differences_are_documented():
    assert documented("pyais 3.3.1") == [*PYAIS_FIELDS, *PYAIS_LINES, *PYAIS_OTHER]
