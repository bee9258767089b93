"""polars as a contender: the questions of peers_duckdb.py as expressions over vessels. May live here: queries and their answers.

One thread; the frame stands in memory before the clock starts.
"""

from __future__ import annotations

import math
import os
from importlib.metadata import version
from typing import Any

os.environ["POLARS_MAX_THREADS"] = "1"

import polars as pl

from benchmarks.tracks_worker import columns, mask


def versions() -> dict[str, str]:
    """What is measured."""
    return {"polars": version("polars")}


def prepare(folder: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Frames of the fixes and of the cells of ports."""
    cells = mask(folder)
    return pl.DataFrame(columns(folder)), pl.DataFrame({"y": cells[:, 0], "x": cells[:, 1]}, schema={"y": pl.Int32, "x": pl.Int32})


def _steps(fixes: pl.DataFrame) -> pl.LazyFrame:
    moved = 111_195 * ((pl.col("lat").diff() ** 2) + ((pl.col("lon").diff() * (pl.col("lat") * (math.pi / 180)).cos()) ** 2)).sqrt()
    same = pl.col("mmsi") == pl.col("mmsi").shift()
    ordered = fixes.lazy().sort("mmsi", "t")
    return ordered.with_columns(dt=pl.when(same).then(pl.col("t").diff()), moved=pl.when(same).then(moved), new=(~same).fill_null(True))


def _in_port(frame: pl.LazyFrame, ports: pl.DataFrame) -> pl.LazyFrame:
    placed = frame.with_columns(y=(pl.col("lat") * 100).floor().cast(pl.Int32), x=(pl.col("lon") * 100).floor().cast(pl.Int32))
    return placed.join(ports.lazy().with_columns(port=pl.lit(True)), on=["y", "x"], how="left", maintain_order="left")


def _jump() -> pl.Expr:
    return (pl.col("moved") > 30.87 * (pl.col("dt") / 1000.0 + 30)).sum()


def segments(sea: Any) -> dict[str, int]:
    """Steps between reports, gaps and jumps: the least."""
    found = _steps(sea[0]).select(gaps=(pl.col("dt") > 7_200_000).sum(), jumps=_jump(), way=pl.col("moved").sum()).collect()
    return {"gaps": found["gaps"][0], "jumps": found["jumps"][0]}


def track(sea: Any) -> dict[str, int]:
    """Segments, gaps, stops and slow runs."""
    fixes, ports = sea
    steps = _in_port(_steps(fixes), ports)
    whole = ~pl.col("new") & (pl.col("dt") <= 7_200_000)
    stopped = pl.col("sog") < 0.5
    slow = (pl.col("sog") < 2.0) & pl.col("port").is_null()
    # sorted by vessel and time, so one running count over all rows numbers the runs of every vessel
    runs = steps.with_columns(stopped=stopped, slow=slow, stop_run=(~(stopped & whole)).cum_sum(), slow_run=(~(slow & whole)).cum_sum())
    lasting = pl.col("t").max() - pl.col("t").min()
    stops = runs.filter("stopped").group_by("stop_run").agg(lasting.alias("ms")).select((pl.col("ms") >= 1_800_000).sum().alias("stops"))
    slow_runs = runs.filter("slow").group_by("slow_run").agg(lasting.alias("ms")).select((pl.col("ms") >= 3_600_000).sum().alias("slow_runs"))
    counts = runs.select(gaps=(pl.col("dt") > 7_200_000).sum(), jumps=_jump())
    counted, stop_count, slow_count = pl.collect_all([counts, stops, slow_runs])
    return {"gaps": counted["gaps"][0], "jumps": counted["jumps"][0], "stops": stop_count["stops"][0], "slow_runs": slow_count["slow_runs"][0]}


def encounters(sea: Any, bucket_s: int, *, masked: bool) -> dict[str, int]:
    """Pairs together for 30 minutes."""
    fixes, ports = sea
    slow = fixes.lazy().filter(pl.col("sog") < 2.0)
    if masked:
        slow = _in_port(slow, ports).filter(pl.col("port").is_null())
    slow = slow.with_columns(bucket=pl.col("t") // (bucket_s * 1000))
    first = slow.group_by("mmsi", "bucket").agg(pl.col("lat", "lon").sort_by("t").first())
    shrink = (pl.col("lat").floor() * (math.pi / 180)).cos()
    placed = first.with_columns(y=(pl.col("lat") / 0.0046).floor().cast(pl.Int32), x=(pl.col("lon") * shrink / 0.0046).floor().cast(pl.Int32))
    steps = pl.LazyFrame({"dy": [-1, 0, 1]}, schema={"dy": pl.Int32}).join(pl.LazyFrame({"dx": [-1, 0, 1]}, schema={"dx": pl.Int32}), how="cross")
    near = placed.join(steps, how="cross").with_columns(y=pl.col("y") + pl.col("dy"), x=pl.col("x") + pl.col("dx"))
    d_lat = pl.col("lat") - pl.col("lat_b")
    d_lon = (pl.col("lon") - pl.col("lon_b")) * (pl.col("lat") * (math.pi / 180)).cos()
    met = near.join(placed, on=["bucket", "y", "x"], suffix="_b").filter((pl.col("mmsi") < pl.col("mmsi_b")) & (111_195 * (d_lat**2 + d_lon**2).sqrt() <= 500))
    met = met.select("mmsi", "mmsi_b", "bucket").sort("mmsi", "mmsi_b", "bucket")
    apart = (pl.col("mmsi") != pl.col("mmsi").shift()) | (pl.col("mmsi_b") != pl.col("mmsi_b").shift()) | (pl.col("bucket").diff() > 600 // bucket_s)
    runs = met.with_columns(run=apart.fill_null(True).cum_sum()).group_by("mmsi", "mmsi_b", "run").agg(lasting=pl.col("bucket").max() - pl.col("bucket").min())
    pairs = runs.filter(pl.col("lasting") >= 1800 // bucket_s).select(pl.struct("mmsi", "mmsi_b").n_unique().alias("pairs"))
    found, contacts = pl.collect_all([pairs, met.select(pl.len().alias("contacts"))])
    return {"pairs": found["pairs"][0], "contacts": contacts["contacts"][0]}


WAYS = {
    "segments": segments,
    "track": track,
    "rendezvous masked, 600 s": lambda sea: encounters(sea, 600, masked=True),
    "rendezvous masked, 60 s": lambda sea: encounters(sea, 60, masked=True),
    "rendezvous unmasked, 600 s": lambda sea: encounters(sea, 600, masked=False),
    "rendezvous unmasked, 60 s": lambda sea: encounters(sea, 60, masked=False),
}
