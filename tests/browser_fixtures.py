"""Fixtures of tests that drive the page: one browser for each worker, a console with a moving picture. Imported by conftest.py, so nothing heavy before use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium; it takes seconds to start, so that all tests of a worker share it."""
    from benchmarks.browser import Browser

    one = Browser("--disable-gpu-compositing", "--disable-gpu-rasterization")  # only the map goes through the software GL, not every button
    yield one
    one.quit()


@pytest.fixture
def browser(chromium: Any) -> Iterator[Any]:
    """The Chromium without a page; each page has storage of its own, and none outlives the test."""
    yield chromium
    chromium("closeAll")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Any]:
    """A console with 300 vessels that is not started yet."""
    from tests.console_harness import ZONES, Harness, land_nearby

    harness = Harness(database=tmp_path / "decisions.sqlite", land=land_nearby(tmp_path), zones=ZONES)
    yield harness
    harness.stop()
