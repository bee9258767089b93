"""Scenarios: wrong ones are refused with file, line and remedy; shipped ones lie where they say, on the product's own coast."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from dogwatch.errors import ConfigError, InputError
from sim.behaviours import Behaviours
from sim.cast import build_world
from sim.faults import KINDS
from sim.motion import state_at
from sim.scenario import T_START_MS, TABLES, load_scenario, scenario_names, scenario_text
from sim.scene import table_name
from sim.ship import BASE
from sim.simulate import simulate
from sim.truth import truth_rows
from tests.naive_sim import message, read_lines

SMALL = """name = "x"
title = "x"
region = [-1, -1, 1, 1]
[[receivers]]
id = "one"
lat_deg = 0.5
lon_deg = 0.5
"""
WRONG = [
    ("receivr = 1\n" + SMALL, 1, "did you mean 'receivers'"),
    (SMALL + "height_m = 3\n", 8, "known keys"),
    (SMALL + '[[fleets]]\nkind = "lane"\ncount = 3\nroute = "nowhere"\n', 11, "no route 'nowhere'"),
    (SMALL + '[[fleets]]\nkind = "moored"\ncount = "three"\n', 10, "Expected `int`"),
    (SMALL + '[[fleets]]\nkind = "moored"\ncount = 3\nflags = ["XX"]\n', 8, "unknown flag 'XX'"),
    (SMALL + '[[behaviours]]\nkind = "loitering"\nat = [95.0, 0.0]\n', 8, "no usable position"),
    (SMALL + '[[behaviours]]\nkind = "loitring"\nat = [0.0, 0.0]\n', 9, "did you mean 'loitering'"),
    (SMALL + '[[behaviours]]\nkind = "loitering"\ndrift_kt = 1.0\n', 10, "did you mean 'drift_kn'"),
    (SMALL + '[[behaviours]]\nkind = "loitering"\nduration_s = [20.0, 10.0]\n', 10, "least <= most"),
    (SMALL + "[[behaviours]]\nat = [0.0, 0.0]\n", 8, "no kind"),
    (SMALL.replace("region", "include = ['nowhere']\nregion"), 3, "no scenario 'nowhere'"),
    (SMALL + '[[routes]]\nname = "short"\npoints = [[0.0, 0.0]]\n', 10, "needs two points"),
    (SMALL.replace('"one"', '"not a name!"'), 5, "receiver id"),
    (SMALL.split("[[receivers]]", maxsplit=1)[0] + "receivers = []\n", 4, "no receiver"),
    ("name = ", 1, "not valid TOML"),
]


@pytest.mark.parametrize(("text", "line", "words"), WRONG, ids=[words for _, _, words in WRONG])
def test_a_wrong_scenario_is_refused_with_line_and_remedy(text, line, words):
    with pytest.raises(ConfigError) as fault:
        load_scenario(text, file="mine.toml")
    assert words in str(fault.value)
    assert fault.value.remedy
    assert str(fault.value).startswith(f"mine.toml:{line}:"), str(fault.value)


def test_an_unknown_name_lists_the_shipped_ones():
    with pytest.raises(InputError, match="strait"):
        scenario_text("nope")
    assert {"strait", "clean", "outage", "dark"} <= set(scenario_names())


@lru_cache(maxsize=1)
def geography():
    zones = pytest.importorskip("zones.geography")
    try:
        return zones.Geography.default()
    except InputError as fault:
        pytest.skip(f"no coastline built: {fault}")


@lru_cache(maxsize=1)
def loaded(name: str):
    return load_scenario(scenario_text(name), file=f"{name}.toml")


def places(name: str, step_s: int = 300):
    """(mmsi, seconds since start, lat, lon, speed kn) of every vessel at sea of a scenario."""
    scenario = loaded(name)
    world = build_world(scenario, 7)
    rows = []
    for t_s in range(0, int(scenario.duration_s), max(step_s, int(scenario.duration_s) // 60)):
        for ship in world.ships[world.ships["kind"] < BASE]:
            lat, lon, north, east, _, _, leg = state_at(world.knots, int(ship["first"]), int(ship["last"]), T_START_MS + t_s * 1000)
            if leg >= 0:
                rows.append((int(ship["mmsi"]), t_s, lat, (lon + 180) % 360 - 180, np.hypot(north, east) / 0.514444))
    assert len(rows) > 1000
    return scenario, [np.array(column) for column in zip(*rows)]


@pytest.mark.parametrize("name", [name for name in scenario_names() if name != "day-20k"])  # its fleets have tests of their own
def test_every_vessel_is_at_sea(name):
    _, (mmsi, _, lat, lon, _) = places(name)
    ashore = geography().on_land(lat, lon)
    assert not ashore.any(), sorted(set(mmsi[ashore].tolist()))


def test_in_the_strait_only_scripted_vessels_idle_in_the_open():
    scenario, (mmsi, _, lat, lon, speed_kn) = places("strait")
    sea = geography()
    idle = (speed_kn < 2.2) & ~sea.masked(lat, lon) & (sea.coast_distance_nm(lat, lon) >= 3)
    names, count = np.unique(mmsi[idle], return_counts=True)
    scripted = {m for row in truth_rows(scenario, 7) for m in row["mmsi"] if row["state"] != "retracted"}
    assert set(names[count > 2].tolist()) <= scripted  # a trawler that turns is slow for a moment


def test_every_behaviour_and_every_look_alike_is_in_a_scenario():
    kinds = {table_name(kind.__name__) for kind in get_args(Behaviours)}
    shown = {name: {table_name(type(row).__name__) for row in loaded(name).behaviours} for name in scenario_names()}
    assert len(shown) >= 13
    assert set().union(*shown.values()) == kinds
    page = (Path(__file__).parents[1] / "docs" / "simulator.md").read_text(encoding="utf-8")
    innocent = {kind for row in re.findall(r"^\| (`.*?) \| \*innocent\*", page, flags=re.M) for kind in re.findall(r"`(\w+)`", row)}
    assert len(innocent) > 20
    assert innocent & kinds == shown["clean"]
    rows = truth_rows(loaded("clean"), 2)
    facts = {row["behaviour"] for row in rows if row["state"] != "retracted" and row["scored"]}
    assert facts <= {"port_call", "traffic"}, "ships go to and from their berths and cross lines: true, and no alert"
    assert {row["behaviour"] for row in rows if row["scored"]} <= {"traffic"} | {row["behaviour"] for row in rows if row["state"] == "retracted"}


def test_a_receiver_replaces_an_included_one_of_its_name():
    waters, outage = loaded("strait-waters"), load_scenario(scenario_text("outage"), file="outage.toml")
    assert sorted(r.id for r in outage.receivers) == sorted(r.id for r in waters.receivers) == ["hill", "south", "west"]
    assert {r.id: len(r.outages) for r in outage.receivers} == {"hill": 1, "south": 1, "west": 0}
    assert outage.fleets == waters.fleets
    assert outage.region == waters.region


def test_the_strait_has_its_behaviours_where_the_watch_looks_for_them():
    _, (mmsi, t_s, lat, lon, _) = places("strait")
    rows = {row["type"]: row for row in truth_rows(load_scenario(scenario_text("strait"), file="strait.toml"), 7) if row["scored"]}
    for kind, begin_s, end_s, least_nm, most_nm in (("loitering", 0, 8700, 3, 24), ("rendezvous", 600, 4800, 5, 15), ("dark", 1200, 5400, 5, 13)):
        for one in rows[kind]["mmsi"]:
            away_nm = geography().coast_distance_nm(*(c[(mmsi == one) & (t_s >= begin_s) & (t_s <= end_s)] for c in (lat, lon)))
            assert len(away_nm) > 10
            assert least_nm < away_nm.min()
            assert away_nm.max() < most_nm
    assert all(row["visible"] and row["scored"] for row in rows.values())


def test_the_page_tells_the_truth():
    page = (Path(__file__).parents[1] / "docs" / "simulator.md").read_text(encoding="utf-8")
    home, example = re.findall(r"```toml\n(.*?)```", page, flags=re.S)
    assert home.count("\n") == 10
    assert len(build_world(load_scenario(home, file="docs/simulator.md"), 1).ships) == 40 + 60 + 30 + 2 + 2 * 2
    rows = truth_rows(load_scenario(example, file="docs/simulator.md"), 1)
    assert [(row["type"], row["visible"]) for row in rows if row["scored"] and row["behaviour"] not in ("port_call", "traffic")] == [("loitering", True)]
    described = {name: int(number.replace(",", "")) for name, number in re.findall(r"^\| `(\w[\w-]*)` \| ([\d,]+) transmitters", page, flags=re.M)}
    counted = {name: len(build_world(loaded(name), 1, duration_s=60 if name == "day-20k" else None).ships) for name in scenario_names()}
    assert described == counted
    kinds = {table_name(kind.__name__) for kind in get_args(Behaviours)}
    assert len(kinds) > 7
    assert all(f"`[[{name}]]`" in page for name in TABLES)
    assert all(f"`{kind}`" in page for kind in kinds)
    assert all(f"`{kind}`" in page for kind in KINDS)


def test_a_sea_on_the_date_line_reports_legal_longitudes():
    text = (
        SMALL.replace("lon_deg = 0.5", "lon_deg = -179.9\nantenna_m = 200.0")
        + '[[fleets]]\nkind = "leisure"\nais = "A"\ncount = 6\ncentre = [0.5, 179.98]\nspeed_kn = [15.0, 20.0]\n'
    )
    data = b"".join(chunk.data for chunk in simulate(load_scenario(text, file="x"), 1, duration_s=1800))
    lon_deg = [message(h.bits)["lon"] / 600_000 for h in read_lines(data.splitlines()) if h.bits.startswith("000001")]
    assert len(lon_deg) > 300
    assert max(map(abs, lon_deg)) <= 180
    assert min(lon_deg) < -179.8
    assert max(lon_deg) > 179.8


def test_without_the_compiler_the_sea_is_the_same():
    """One byte of difference between compiled and plain Python would make a recording depend on the machine."""
    script = (
        "import warnings; warnings.simplefilter('ignore', RuntimeWarning)\n"  # 64-bit hashes are meant to wrap around
        "import hashlib; from sim.scenario import *; from sim.simulate import simulate\n"
        "sea = load_scenario(scenario_text('strait'), file='strait.toml')\n"
        "print(hashlib.sha256(b''.join(c.data for c in simulate(sea, 7, duration_s=4))).hexdigest())"
    )
    root = Path(__file__).parents[1]
    digests = {
        subprocess.run(
            [sys.executable, "-c", script], cwd=root, env={**os.environ, "NUMBA_DISABLE_JIT": jit_off}, check=True, capture_output=True, text=True
        ).stdout
        for jit_off in ("0", "1")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64
