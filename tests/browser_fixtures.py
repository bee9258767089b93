"""Fixtures of tests that drive the page: a browser for each module, a console with a moving picture. Imported by conftest.py, so nothing heavy before use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from benchmarks.browser import Browser

    one = Browser()
    yield one
    one.quit()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Any]:
    """A console with 300 vessels that is not started yet."""
    from benchmarks.browser import ROOT
    from tests.console_harness import ZONES, Harness

    land = ROOT / "zones" / "data" / "land.geojson"
    harness = Harness(database=tmp_path / "decisions.sqlite", land=land if land.is_file() else None, zones=ZONES)
    yield harness
    harness.stop()
