"""What tests of every room share: recordings beside the repository, a broker, and how hypothesis chooses its examples."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from kafka_broker import kafka_bootstrap, kafka_prefix  # noqa: F401 - fixtures

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("fresh", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fresh"))

SHARED_DATA = Path(os.environ.get("DOGWATCH_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """`shared_data("nmea-...")` -> path of a recording that is not part of the repository; skips where it is absent."""

    def find(path: str) -> Path:
        found = SHARED_DATA / path
        if not found.exists():
            pytest.skip(f"no recording at {found} (set DOGWATCH_SHARED_DATA)")
        return found

    return find
