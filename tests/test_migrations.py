"""State of the build before is brought to the form of this one: nothing is lost, nothing is told twice, and what cannot be read is refused."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_live_crash import begun, crash, journal_of, pieces, rules, settings  # noqa: F401 - fixtures among them

from dogwatch import blob
from dogwatch.events import to_json
from runners import step
from runners.coverage_map import load_coverage
from runners.engine import Engine
from runners.intake import lanes_of
from runners.live import _Journal
from runners.migrations import MIGRATIONS, migrated, reaches
from runners.step import restore, snapshot


def of_15(sections: dict[str, Any]) -> None:
    """Sections as schema 15 had them."""
    for name, section in sections.items():
        if isinstance(section, dict):
            if name == "reorder":
                del section["told_ms"]
            of_15(section)


BEFORE: dict[int, Callable[[dict[str, Any]], None]] = {15: of_15}


def written_by(schema: int, data: bytes) -> bytes:
    """A snapshot of ours as the build with that schema would have written it."""
    sections = restore(data)
    for number in range(step.STATE_SCHEMA - 1, schema - 1, -1):
        BEFORE[number](sections)
    return blob.pack(sections, schema=schema)


def half_way(folder: Path, rules, pieces) -> Engine:  # noqa: F811
    """A run that took half of the pieces and was killed after the snapshot and a few pieces more; the twin that was told the same."""
    engine, journal = begun(folder, rules)
    twin = Engine(rules, lanes_of(settings(folder)))
    for number, piece in enumerate(pieces[: len(pieces) // 2]):
        if number == len(pieces) // 2 - 5:
            journal.save()
        for new in journal.take([piece]):
            journal.append(engine.take(new))
        TOLD.append(twin.take(piece))
    crash(journal, random.Random(1))
    return twin


TOLD: list[Any] = []


def test_every_migration_has_a_fixture_and_leads_to_the_newest_schema():
    assert set(BEFORE) == set(MIGRATIONS) != set()
    assert all(reaches(schema, step.STATE_SCHEMA) for schema in MIGRATIONS)
    assert not reaches(min(MIGRATIONS) - 1, step.STATE_SCHEMA)
    assert not reaches(step.STATE_SCHEMA + 1, step.STATE_SCHEMA)


@pytest.mark.parametrize("schema", sorted(BEFORE))
def test_a_run_goes_on_from_the_state_and_the_input_log_of_a_former_build(schema, pieces, rules, tmp_path):  # noqa: F811
    TOLD.clear()
    twin = half_way(tmp_path, rules, pieces)
    state = tmp_path / "state" / "live.state"
    old = written_by(schema, state.read_bytes())
    assert blob.schema_of(old) == schema
    state.write_bytes(old)
    assert load_coverage(state).to_sections()["groups"] == load_coverage(tmp_path).to_sections()["groups"]

    config = settings(tmp_path)
    engine = Engine(rules, lanes_of(config))
    journal = _Journal(config, engine)
    TOLD.append(twin.resume())
    for piece in pieces[len(pieces) // 2 :]:
        for new in journal.take([piece]):
            journal.append(engine.take(new))
        TOLD.append(twin.take(piece))
    journal.save()
    expected = [b"".join(to_json(event) + b"\n" for output in TOLD for event in output.all_events())]
    expected += [b"".join(to_json(alert) + b"\n" for output in TOLD for alert in output.all_alerts())]
    assert journal_of(tmp_path) == expected
    assert expected[0].count(b"\n") > 5, "there must be something to lose"
    assert blob.schema_of(state.read_bytes()) == step.STATE_SCHEMA
    assert snapshot({"engine": engine.to_sections()}) == snapshot({"engine": twin.to_sections()}), "and the state is that of a run without an upgrade"


def test_a_migration_leaves_alone_what_it_does_not_know():
    plain = {"said": 1, "lanes": {"hill": {"t": 5}}}
    assert migrated(dict(plain), min(MIGRATIONS), step.STATE_SCHEMA) == plain
