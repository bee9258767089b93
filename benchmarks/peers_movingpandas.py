"""MovingPandas as a contender: speeds, gap splitter and stop detector on a few vessels. May live here: its calls and their answers.

It works trajectory by trajectory and slows with their length, so it gets VESSELS_MAX vessels of the sea; its rate is per position it was given.
Trajectories are built within the clock: they are what it works on.
"""

from __future__ import annotations

import warnings
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import movingpandas as mpd
import numpy as np
import pandas as pd

from benchmarks.tracks_worker import columns

VESSELS_MAX = 30
HOURS_MAX = 6


def versions() -> dict[str, str]:
    """What is measured."""
    return {name: version(name) for name in ("movingpandas", "geopandas", "pandas", "shapely")}


def prepare(folder: str) -> pd.DataFrame:
    """The first hours of some vessels, every kind among them."""
    warnings.simplefilter("ignore")
    fixes = columns(folder)
    vessels = np.unique(fixes["mmsi"][:200_000])
    few = vessels[:: max(1, len(vessels) // VESSELS_MAX)][:VESSELS_MAX]
    kept = np.isin(fixes["mmsi"], few) & (fixes["t"] < fixes["t"].min() + HOURS_MAX * 3_600_000)
    frame = pd.DataFrame({name: values[kept] for name, values in fixes.items()})
    frame["t"] = pd.to_datetime(frame["t"], unit="ms")
    return frame


def _trajectories(frame: pd.DataFrame) -> Any:
    return mpd.TrajectoryCollection(frame.copy(), traj_id_col="mmsi", t="t", x="lon", y="lat", crs="EPSG:4326")


def segments(frame: pd.DataFrame) -> dict[str, int]:
    """Speeds between reports, gaps of two hours."""
    found = _trajectories(frame)
    found.add_speed(overwrite=True)
    split = mpd.ObservationGapSplitter(found).split(gap=timedelta(hours=2))
    return {"positions": len(frame), "gaps": len(split) - len(found)}


def track(frame: pd.DataFrame) -> dict[str, int]:
    """The same and stops: 30 minutes within 500 m."""
    found = _trajectories(frame)
    found.add_speed(overwrite=True)
    split = mpd.ObservationGapSplitter(found).split(gap=timedelta(hours=2))
    stops = mpd.TrajectoryStopDetector(split).get_stop_points(min_duration=timedelta(minutes=30), max_diameter=500)
    return {"positions": len(frame), "gaps": len(split) - len(found), "stops": len(stops)}


WAYS = {"segments": segments, "track": track}
