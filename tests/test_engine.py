"""The engine: distress is told before the watch is asked, and even when the watch breaks."""

from __future__ import annotations

import pytest
from seas import recording

from dogwatch.alerts import Alert
from runners.engine import Engine
from runners.lane import Lane
from runners.rules import read_rules
from runners.step import Rules


class BrokenGeography:
    """A part of the watch that fails as soon as a minute is decided."""

    version = "broken"

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(f"the watch is broken: {name}")


def test_distress_is_told_although_the_watch_breaks():
    rules = read_rules("border", [])
    engine = Engine(Rules(rules.params, rules.profile, BrokenGeography()), [Lane("sea", lateness_ms=5_000)])  # type: ignore[arg-type]
    told: list[Alert] = []
    engine.distress = told.extend
    with pytest.raises(RuntimeError, match="the watch is broken"):
        engine.feed("sea", recording())
    assert {alert.kind for alert in told} == {"distress", "test_beacon"}
    assert all(alert.exercise and alert.headline.startswith("EXERCISE: ") for alert in told)
