"""A whole sea written as NMEA: `make bench-sim` or `python -m benchmarks.sim --vessels 20000 --hours 1`.

Runs `dogwatch sim` as a user would, on a scenario made here: coasts of the North Sea and the Baltic, a shore station at real ports 40 nm and
more apart, ships between ports, others moored, fishing and sailing, all through one aggregator that passes on a position per vessel and minute.
Wall and CPU time, largest memory and the number of lines are those of the command, world, compilation from the cache and disk included.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pipeline import machine
from dogwatch.batch import UNITS_PER_DEG
from dogwatch.geo import great_circle_m
from zones.load import read_ports

REGION = (49.0, -7.0, 60.0, 24.0)
APART_NM = 40.0
NEIGHBOURS, ROUTE_NM = 3, (40.0, 250.0)
LANE_SHARE = 0.5  # of the vessels: straight to a neighbouring port and back, so that a day holds about a position a minute of most
SHARES = {"traffic": 0.3, "harbour": 0.08, "fishing": 0.08, "leisure": 0.04}
RELAY_S = 60.0
POSITIONS = (b"1", b"3", b"9", b"B")  # first characters of types 1, 3, 9 and 18
BLOCK = 1 << 24
GOAL = {"vessels": 20_000, "hours": 24.0, "wall_s": 180.0}


def ports() -> list[tuple[float, float]]:
    """Real ports of the region, the first of each neighbourhood."""
    found = read_ports()
    chosen: list[tuple[float, float]] = []
    for lat, lon in zip(found.lat / UNITS_PER_DEG, found.lon / UNITS_PER_DEG):
        inside = REGION[0] < lat < REGION[2] and REGION[1] < lon < REGION[3]
        if inside and all(great_circle_m(lat, lon, *other) > APART_NM * 1852 for other in chosen):
            chosen.append((round(float(lat), 3), round(float(lon), 3)))
    return chosen


def scenario(vessels: int, hours: float) -> str:
    """The scenario as TOML. Lanes go straight, over land too: what a radio does not ask."""
    places = ports()
    text = [f'name = "bench"\ntitle = "{vessels} vessels"\nregion = {list(REGION)}\nduration_s = {hours * 3600}\nchunk_s = 60\n']
    for i, (lat, lon) in enumerate(places):
        text.append(f'[[receivers]]\nid = "port-{i}"\nlat_deg = {lat}\nlon_deg = {lon}\nantenna_m = 200.0\nrelay_every_s = {RELAY_S}\n')
    routes = []
    for i, a in enumerate(places):
        away = sorted((great_circle_m(*a, *b) / 1852, j) for j, b in enumerate(places) if j != i)
        routes += [(i, j) for nm, j in away if ROUTE_NM[0] < nm < ROUTE_NM[1]][:NEIGHBOURS]
    text += [f'[[routes]]\nname = "{i}-{j}"\npoints = [{list(places[i])}, {list(places[j])}]\n' for i, j in routes]
    for (i, j), count in zip(routes, spread(vessels * LANE_SHARE, len(routes))):
        text.append(f'[[fleets]]\nkind = "lane"\ncount = {count}\nroute = "{i}-{j}"\n')
    text += [f'[[fleets]]\nkind = "{kind}"\ncount = {round(share * vessels)}\n' for kind, share in SHARES.items()]
    return "\n".join(text)


def spread(total: float, n: int) -> list[int]:
    """Whole numbers that differ by one at most and have this sum."""
    return np.diff(np.round(np.linspace(0, total, n + 1)).astype(int)).tolist()


def measure(vessels: int, hours: float) -> dict[str, Any]:
    """Write one recording with `dogwatch sim`, count it, delete it."""
    with tempfile.TemporaryDirectory() as folder:
        plan, recording = Path(folder, "bench.toml"), Path(folder, "bench.nmea")
        plan.write_text(scenario(vessels, hours))
        command = [str(Path(sys.executable).with_name("dogwatch")), "sim", str(plan), "--seed", "1", "--nmea", str(recording)]
        begun = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - begun
        if status:
            raise SystemExit(f"dogwatch sim ended with {os.waitstatus_to_exitcode(status)}")
        lines = positions = size = 0
        with recording.open("rb") as file:
            while data := file.read(BLOCK) + file.readline():
                lines, size = lines + data.count(b"\n"), size + len(data)
                positions += sum(data.count(b"!AIVDM,1,1,,%s,%s" % (channel, kind)) for channel in (b"A", b"B") for kind in POSITIONS)
    return {
        "vessels": vessels,
        "hours": hours,
        "wall_s": round(wall_s, 1),
        "cpu_s": round(usage.ru_utime + usage.ru_stime, 1),
        "memory_mb": round(usage.ru_maxrss / 1024),
        "lines": lines,
        "positions": positions,
        "megabytes": round(size / 1e6),
        "lines_per_wall_s": round(lines / wall_s),
    }


def main() -> None:
    """Run, print, store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vessels", type=int, action="append", help="more than once; default: 20000 and 200000")
    parser.add_argument("--hours", type=float, action="append", help="one for each --vessels; default: 24 and 1")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/sim.json"))
    options = parser.parse_args()
    runs = list(zip(options.vessels or [20_000, 200_000], options.hours or [24.0, 1.0], strict=True))
    report: dict[str, Any] = {
        "machine": machine(),
        "load_before": round(os.getloadavg()[0], 1),
        "receivers": len(ports()),
        "relay_every_s": RELAY_S,
        "runs": [],
    }
    print(json.dumps(report["machine"]))
    for vessels, hours in runs:
        row = measure(vessels, hours)
        report["runs"].append(row)
        print(json.dumps(row))
        if (vessels, hours) == (GOAL["vessels"], GOAL["hours"]):
            report["goal_wall_s"], report["goal_met"] = GOAL["wall_s"], row["wall_s"] <= GOAL["wall_s"]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
