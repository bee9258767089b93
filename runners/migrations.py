"""State of former builds, brought to the form of this one. May hold: a function for each schema, from it to the next. May not: files, topics, guessing.

`runners.step.restore` applies them one after the other. Who changes a section raises STATE_SCHEMA and writes here what becomes of
the sections that the build before has written; a test makes such sections and goes on with them. Where nothing true can be said of the
old sections there is no function, and the blob is refused: track and score then rebuild their state by replay, ingest and `run` say what to do.
A snapshot of a run, of a stage and of ingest differ, so a function changes what it finds and leaves the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dogwatch.batch import T_MISSING

Sections = dict[str, Any]


def migrated(sections: Sections, found: int, wanted: int) -> Sections:
    """Sections of schema `found` in the form of `wanted`; changed in place. `reaches(found, wanted)` must hold."""
    for schema in range(found, wanted):
        MIGRATIONS[schema](sections)
    return sections


def reaches(found: int, wanted: int) -> bool:
    """Whether there is a way from a schema to a later one."""
    return found < wanted and all(schema in MIGRATIONS for schema in range(found, wanted))


def _from_15(sections: Sections) -> None:
    """The reorder buffer knows when we were last said to be down or up; a state of before knows of none that could overlap the next."""
    for buffer in _all_named("reorder", sections):
        buffer["told_ms"] = T_MISSING


def _all_named(name: str, sections: Sections) -> Iterator[Sections]:
    for key, section in sections.items():
        if isinstance(section, dict):
            if key == name:
                yield section
            yield from _all_named(name, section)


MIGRATIONS: dict[int, Callable[[Sections], None]] = {15: _from_15}
