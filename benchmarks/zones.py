"""Zones at a position: our cell grid beside shapely and geopandas, in turns, on one pinned core.

May live here: making zones and positions, timing, the table. May not: the index. `python -m benchmarks.zones` prints and writes
benchmarks/results/zones.json; `measure` gives the same to other benchmarks. geopandas is measured where it is installed.
Semantics: every peer answers "which zones hold this position"; ours and STRtree count the boundary as inside, the others do not.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from zones.grid import NOT_WHOLE, ZoneGrid
from zones.gridding import build_grid
from zones.polygons import ALWAYS, build_tree

RESULT = Path(__file__).parent / "results" / "zones.json"
SEED, ROUNDS = 5, 5
ZONES, CORNERS, VESSELS, STEPS = 250, 400, 20_000, 60
SOUTH, NORTH, WEST, EAST = 46.0, 58.0, -10.0, 14.0
UNITS = 600_000
CALL = 1 << 16  # positions per call of ours, as the engine feeds them
PEER_POSITIONS = 30_000  # of the positions, every so many-th: peers take long, and their rate does not depend on the number
GOAL = 50.0


def sea(seed: int) -> tuple[list[np.ndarray], list[Any]]:
    """250 closed wavy outlines with 400 corners each, as edges in units and as shapely polygons in degrees; about 5.7 over a place."""
    rng = np.random.default_rng(seed)
    edges, polygons = [], []
    for _ in range(ZONES):
        lat, lon, radius_nm = rng.uniform(SOUTH, NORTH), rng.uniform(WEST, EAST), rng.uniform(28, 107)
        angle = np.sort(rng.uniform(0, 2 * np.pi, CORNERS))
        radius = radius_nm / 60 * (1 + 0.01 * rng.normal(size=CORNERS))
        for wave in range(1, 9):
            radius *= 1 + 0.25 / wave * np.sin(wave * angle + rng.uniform(0, 7))
        ring = np.column_stack([lat + radius * np.sin(angle), lon + radius * np.cos(angle) / math.cos(math.radians(lat))])
        ring = np.rint(np.vstack([ring, ring[:1]]) * UNITS).astype(np.int32)
        edges.append(np.ascontiguousarray(np.column_stack([ring[:-1], ring[1:]])))
        polygons.append(shapely.Polygon(ring[:, ::-1] / UNITS))
    return edges, polygons


def fleet(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(slot, lat, lon) int32 of 20,000 vessels, a report a minute for an hour, in the order of time; 45 % lie still, the others make 5 to 20 knots."""
    rng = np.random.default_rng(seed + 1)
    start = np.column_stack([rng.uniform(SOUTH, NORTH, VESSELS), rng.uniform(WEST, EAST, VESSELS)])
    speed_nm = np.where(rng.random(VESSELS) < 0.45, 0.0, rng.uniform(5, 20, VESSELS)) / 60
    heading = rng.uniform(0, 2 * np.pi, VESSELS)
    step = np.column_stack([np.cos(heading), np.sin(heading) / np.cos(np.radians(start[:, 0]))]) * speed_nm[:, None] / 60
    places = start[None] + step[None] * np.arange(STEPS)[:, None, None]
    places += rng.normal(0, 5e-5, places.shape)
    units = np.rint(places.reshape(-1, 2) * UNITS).astype(np.int32)
    return np.tile(np.arange(VESSELS, dtype=np.int32), STEPS), np.ascontiguousarray(units[:, 0]), np.ascontiguousarray(units[:, 1])


def ours(grid: ZoneGrid, slot: np.ndarray, lat: np.ndarray, lon: np.ndarray) -> dict[str, Callable[[], int]]:
    """Our ways: every position for itself, and the streaming one that asks only where the answer may have changed. Each gives a count."""
    cuts = [slice(k, k + CALL) for k in range(0, len(lat), CALL)]
    mixed = np.random.default_rng(0).permutation(len(lat))
    far_lat, far_lon = lat[mixed], lon[mixed]

    def streaming() -> int:
        last, found = np.full(VESSELS, NOT_WHOLE, np.int32), 0
        for cut in cuts:
            asked = grid.unsettled(slot[cut], lat[cut], lon[cut], last)
            found += int(grid.zones_at(lat[cut][asked], lon[cut][asked])[0][-1])
        return found

    return {
        "dogwatch, every position": lambda: sum(int(grid.zones_at(lat[cut], lon[cut])[0][-1]) for cut in cuts),
        "dogwatch, every position, shuffled": lambda: sum(int(grid.zones_at(far_lat[cut], far_lon[cut])[0][-1]) for cut in cuts),
        "dogwatch, streaming": streaming,
    }


def peers(polygons: list[Any], lat: np.ndarray, lon: np.ndarray) -> dict[str, Callable[[], int]]:
    """The ways of shapely, and geopandas where it is installed."""
    x, y = lon / UNITS, lat / UNITS
    tree = shapely.STRtree(polygons)
    plain = [shapely.from_wkb(shapely.to_wkb(p)) for p in polygons]
    plain_tree = shapely.STRtree(plain)
    for polygon in polygons:
        shapely.prepare(polygon)
    whole = np.array(polygons, object)

    def prepared() -> int:
        points = shapely.points(x, y)
        at, zone = tree.query(points)
        return int(shapely.contains_properly(whole[zone], points[at]).sum())

    found: dict[str, Callable[[], int]] = {
        "shapely STRtree.query": lambda: plain_tree.query(shapely.points(x, y), predicate="intersects").shape[1],
        "shapely STRtree + prepared": prepared,
        "shapely contains_xy for each zone": lambda: sum(int(shapely.contains_xy(p, x, y).sum()) for p in polygons),
    }
    if importlib.util.find_spec("geopandas"):
        import geopandas  # type: ignore[import-not-found,unused-ignore]

        frame = geopandas.GeoDataFrame(geometry=plain)
        found["geopandas sjoin"] = lambda: len(geopandas.sjoin(geopandas.GeoDataFrame(geometry=geopandas.points_from_xy(x, y)), frame, predicate="within"))
    return found


def measure(rounds: int = ROUNDS, seed: int = SEED) -> dict[str, Any]:
    """Build, run all ways in turns, and give medians of CPU seconds, positions per second, and the ratio to the best peer."""
    edges, polygons = sea(seed)
    tree = build_tree(edges, [True] * ZONES, [0.0] * ZONES, [ALWAYS] * ZONES)
    build_grid(tree)
    began = time.process_time()
    grid = build_grid(tree)
    build_s = time.process_time() - began
    slot, lat, lon = fleet(seed)
    every = len(lat) // PEER_POSITIONS
    some_lat, some_lon = lat[::every], lon[::every]
    ways = {name: (call, len(lat)) for name, call in ours(grid, slot, lat, lon).items()}
    ways |= {name: (call, len(some_lat)) for name, call in peers(polygons, some_lat, some_lon).items()}
    counts = {name: call() for name, (call, _) in ways.items()}  # warm
    cpu_s: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (call, _) in ways.items():
            began = time.process_time()
            call()
            cpu_s[name].append(time.process_time() - began)
    rows = [
        {
            "way": name,
            "positions": n,
            "cpu_s": round(statistics.median(cpu_s[name]), 5),
            "cpu_s_min": round(min(cpu_s[name]), 5),
            "cpu_s_max": round(max(cpu_s[name]), 5),
            "positions_per_cpu_s": round(n / statistics.median(cpu_s[name])),
            "found": counts[name],
        }
        for name, (_, n) in ways.items()
    ]
    best_peer = max((row for row in rows if not row["way"].startswith("dogwatch")), key=lambda row: row["positions_per_cpu_s"])
    for row in rows:
        row["times_best_peer"] = round(row["positions_per_cpu_s"] / best_peer["positions_per_cpu_s"], 1)
    agree = grid.zones_at(some_lat, some_lon)[0][-1] == counts["shapely STRtree.query"]
    arrays = (grid.tiles, grid.blocks, grid.mixed, grid.set_start, grid.set_zones)
    return {
        "machine": machine(),
        "rounds": rounds,
        "seed": seed,
        "zones": ZONES,
        "corners": ZONES * CORNERS,
        "zones_per_position": round(counts["dogwatch, every position"] / len(lat), 2),
        "positions_per_call": CALL,
        "positions_in_mixed_cells": round(float((grid.codes_at(lat, lon) < 0).mean()), 3),
        "grid_mb": round(sum(a.nbytes for a in arrays) / 1e6, 1),
        "build_cpu_s": round(build_s, 3),
        "counts_equal_shapely": bool(agree),
        "goal": {"name": "times the best shapely path, every position", "at_least": GOAL, "measured": rows[0]["times_best_peer"]},
        "results": rows,
    }


def machine() -> dict[str, Any]:
    """Processor, cores and versions."""
    info = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.is_file() else []
    versions = {}
    for package in ("numpy", "numba", "shapely", "geopandas"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    geos = shapely.geos_version_string
    return {"cpu": names[0] if names else platform.processor(), "cores": os.cpu_count(), "python": platform.python_version(), **versions, "geos": geos}


def show(told: dict[str, Any]) -> None:
    """Print the report."""
    print({key: value for key, value in told.items() if key != "results"})
    print(f"{'way':38}{'M pos/CPU-s':>12}{'CPU s (min-max)':>28}{'x best peer':>12}")
    for row in told["results"]:
        spread = f"{row['cpu_s']:.4f} ({row['cpu_s_min']:.4f}-{row['cpu_s_max']:.4f})"
        print(f"{row['way']:38}{row['positions_per_cpu_s'] / 1e6:12.3f}{spread:>28}{row['times_best_peer']:12.1f}")


def main() -> int:
    """Measure, print, write. Exit code 1 when the counts differ from shapely's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zones", description=__doc__.splitlines()[0])  # type: ignore[union-attr]  # there is one
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    told = measure(options.rounds)
    show(told)
    options.out.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0 if told["counts_equal_shapely"] else 1


if __name__ == "__main__":
    sys.exit(main())
