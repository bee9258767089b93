"""What tests of every room share: recordings beside the repository, a broker, how hypothesis chooses its examples, who runs what when."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import commands
import pytest
from browser_fixtures import browser, chromium, served  # noqa: F401 - fixtures
from hypothesis import settings
from kafka_broker import begin_run, end_run, kafka, kafka_bootstrap, kafka_prefix, soon_silent  # noqa: F401 - some are fixtures
from postgres_server import postgres, postgres_url  # noqa: F401 - fixtures

from benchmarks.nursery import Nursery

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("fresh", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fresh"))

# Modules that take longest, longest first: begun first, so that all workers end together.
LONGEST = (
    "test_docs",
    "test_kafka_backlog",
    "test_kafka_pipeline",
    "test_capture_replay",
    "test_chaos",
    "test_truth",
    "test_tracks_shards",
    "test_bench_decode",
    "test_console_browser",
    "test_runs",
    "test_bench_tracks",
    "test_exercise",
    "test_cut_invariance",
    "test_bad_input",
    "test_compiled",
    "test_sim_judge",
    "test_sources_matrix",
    "test_sim_scenarios",
    "test_sim_mix",
    "test_kafka_worker",
    "test_live",
    "test_stop",
    "test_demo",
    "test_senders",
)


def pytest_configure(config: pytest.Config) -> None:
    """Whoever begins the run, and no worker of it."""
    if not hasattr(config, "workerinput"):
        begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The run is over."""
    if not hasattr(config, "workerinput"):
        end_run()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two workers more than there are cores: some always wait, for a broker, a browser, or a demo that lasts a minute."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules first; the others in their own order."""
    rank = {name: at for at, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))


def pytest_collection_finish() -> None:
    """What all modules have brought lives as long as the worker: the garbage collector need not walk through it a hundred times."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def nursery() -> Nursery:
    """Where stages are born at once."""
    return commands.nursery()


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
