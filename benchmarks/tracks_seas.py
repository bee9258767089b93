"""Seas for the benchmark of the detectors: seeded, with known facts in them, written as decoded rows sorted by time.

May live here: recipes, who sails where, the rows. May not: radio, encoding (that is sim/), detectors, clocks.

Theory. Where a vessel is at a time is a formula: a place, a leg sailed to and fro, a pause (two that meet, one that drifts)
and a silence. So rows of any hour are made without those before, in pieces that fit into memory. The ordinary day is that
of 20,000 vessels: 45 % moored in 80 harbours and heard each 180 s, 30 % class A under way each 60 s, 25 % class B each 75 s;
200 rendezvous, 300 loiterers, 500 silences; half a percent of the rows doubled, half a percent late, one in 2,000 jumps.
Harbours are real ports, legs keep 3 nm off the coast, and nobody sails over land. Numbers are such as exist: country digits that are
allotted, IMO numbers with their check digit (class A from IMO_LOA_M on).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numba import from_dtype, int64, types, uint64

from dogwatch.batch import COG_MISSING, F_CLASS_B, F_LATE, FIX_DTYPE, HAS_TYPE_AND_SIZE, ROT_MISSING, UNITS_PER_DEG, new_fixes, new_statics, take_rows
from dogwatch.geo import KN_MS, great_circle_m
from dogwatch.kernel import kernel
from dogwatch.mids import ALLOTTED, PLACEHOLDERS
from zones.coast import Coast
from zones.geography import Geography
from zones.load import read_coast, read_ports
from zones.ports import Ports, build_ports

T0_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
PIECE_MS = 30 * MINUTE_MS
JITTER_MS = 8_000  # a transmission is up to so much later than its interval says
REGION = (49.0, -7.0, 60.0, 24.0)  # North Sea and Baltic
HARBOUR_APART_NM, HARBOUR_RADIUS_M = 20.0, 2_500.0
LEG_NM, LEG_COAST_NM, LEG_LOOKS = (15.0, 60.0), 3.0, 24
M_PER_DEG = 111_195.0
MOORED, CLASS_A, CLASS_B = 0, 1, 2
INTERVAL_MS = np.array([180_000, 60_000, 75_000], np.int64)
DENSE_BOX_M, DENSE_NOISE_M = 4_000.0, 10.0
SHIP_MIDS = 200, 800
SERIALS, SERIAL_STEP = 1_000_000, 48_271  # behind the country digits; the step is prime to their number
IMO_FIRST, IMO_COUNT, IMO_STEP, IMO_LOA_M = 100_000, 900_000, 7_919, 50
MASK_STEP_DEG = 0.01
VERSION = 2  # grows with any change of what a recipe gives

PLAN = np.dtype(
    [
        ("mmsi", "<u4"),
        ("imo", "<u4"),  # 0: has none
        ("kind", "u1"),
        ("nav", "u1"),
        ("ship_type", "u1"),
        ("loa_m", "<u2"),
        ("interval_ms", "<i8"),
        ("phase_ms", "<i8"),
        ("lat", "<f8"),  # degrees: where a leg begins, a berth, the place of a meeting
        ("lon", "<f8"),
        ("leg_lat", "<f8"),  # degrees to the other end of the leg; 0, 0 for who stays
        ("leg_lon", "<f8"),
        ("legs_per_s", "<f8"),
        ("legs_before", "<f8"),  # sailed at T0
        ("speed_kn", "<f8"),
        ("pause_from_s", "<f8"),  # after T0; leaves the leg's beginning again at pause_to_s
        ("pause_to_s", "<f8"),
        ("drift_lat", "<f8"),  # degrees a second while pausing
        ("drift_lon", "<f8"),
        ("drift_kn", "<f8"),
        ("noise_deg", "<f8"),
        ("silent_from_ms", "<i8"),  # no transmission in between
        ("silent_to_ms", "<i8"),
    ]
)
_PLAN, _FIX = from_dtype(PLAN), from_dtype(FIX_DTYPE)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a sea is made of. `area`: share of the region's width in which it lies. Shares are of the rows."""

    name: str
    vessels: int = 20_000
    hours: float = 24.0
    harbours: int = 80
    area: float = 1.0
    rendezvous: int = 200
    loiterers: int = 300
    gaps: int = 500
    meeting_hours: tuple[float, float] = (2.2, 4.0)
    drift_hours: tuple[float, float] = (4.7, 8.0)
    gap_hours: tuple[float, float] = (2.5, 6.0)
    dense: bool = False
    doubled: float = 0.005
    late: float = 0.005
    jumps: float = 0.0005
    seed: int = 1

    def key(self) -> str:
        """Hex digits that change with what comes of the recipe."""
        return blake2b(repr((VERSION, asdict(self), FIX_DTYPE.descr)).encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Sea:
    """A sea on disk. Columns for peers lie beside the rows, each a plain array: t.bin, mmsi.bin, lat.bin, lon.bin, sog.bin, mask.bin."""

    folder: Path
    recipe: Recipe
    rows: int
    facts: dict[str, list[list[int]]]  # "rendezvous": [mmsi, mmsi, from, to], "loiterers" and "gaps": [mmsi, from, to]; ms

    def load(self) -> np.ndarray:
        """FIX_DTYPE[rows] in order of release."""
        return np.fromfile(self.folder / "rows.bin", FIX_DTYPE)

    def statics(self) -> np.ndarray:
        """STATIC_DTYPE[vessels]: what every vessel is, said once in the first six minutes."""
        return statics_of(np.fromfile(self.folder / "plan.bin", PLAN))


def harbours(recipe: Recipe) -> list[tuple[int, int, str, str]]:
    """Real ports of the recipe's part of the region, apart from each other, as `zones.ports.build_ports` takes them."""
    if recipe.dense:
        return []
    south, west, north, east = region(recipe)
    found = read_ports()
    rng = np.random.default_rng(recipe.seed)
    chosen: list[tuple[float, float, int]] = []
    for k in rng.permutation(len(found.lat)):
        lat, lon = found.lat[k] / UNITS_PER_DEG, found.lon[k] / UNITS_PER_DEG
        inside = south < lat < north and west < lon < east
        if inside and all(great_circle_m(lat, lon, *other[:2]) > HARBOUR_APART_NM * 1852 for other in chosen):
            chosen.append((lat, lon, int(k)))
        if len(chosen) == recipe.harbours:
            break
    return [(int(found.lat[k]), int(found.lon[k]), found.ids[k], found.names[k]) for *_, k in chosen]


def region(recipe: Recipe) -> tuple[float, float, float, float]:
    """(south, west, north, east) in degrees."""
    south, west, north, east = REGION
    return south, west, north, west + (east - west) * recipe.area


def geography_of(recipe: Recipe, zone_sets: tuple[Any, ...] = ()) -> Geography:
    """The coast of the world, the harbours of the recipe, the zones given."""
    return Geography.build(read_coast(), ports_of(recipe), zone_sets)


def ports_of(recipe: Recipe) -> Ports:
    """The harbours that the detectors know."""
    return build_ports(harbours(recipe))


def plan_of(recipe: Recipe) -> tuple[np.ndarray, dict[str, list[list[int]]]]:
    """PLAN[vessels] and the facts planted."""
    rng = np.random.default_rng(recipe.seed)
    coast = read_coast()
    plan = np.zeros(recipe.vessels, PLAN)
    plan["mmsi"] = numbers(recipe.vessels)
    plan["noise_deg"] = 5.0 / M_PER_DEG
    plan["silent_from_ms"] = plan["silent_to_ms"] = -1
    plan["pause_from_s"] = plan["pause_to_s"] = 1e12
    if recipe.dense:
        _crowd(plan, rng, coast)
        facts: dict[str, list[list[int]]] = {"rendezvous": [], "loiterers": [], "gaps": []}
    else:
        _fleet(plan, recipe, rng, coast)
        facts = _plant(plan, recipe, rng, coast)
    plan["phase_ms"] = (rng.random(recipe.vessels) * plan["interval_ms"]).astype(np.int64)
    return plan, facts


def numbers(n: int) -> np.ndarray:
    """int64[n] MMSIs of ships, each once: the country digits that are allotted in turn, and none of the numbers that nobody has."""
    mids = SHIP_MIDS[0] + np.flatnonzero(ALLOTTED[slice(*SHIP_MIDS)])
    k = np.arange(n + len(PLACEHOLDERS))
    mmsi = mids[k % len(mids)] * SERIALS + (k // len(mids) + 1) * SERIAL_STEP % SERIALS
    kept: np.ndarray = mmsi[~np.isin(mmsi, PLACEHOLDERS)][:n]
    return kept


def imo_numbers(n: int) -> np.ndarray:
    """int64[n] IMO numbers, each once, with the right check digit (dogwatch/mids.py)."""
    six = IMO_FIRST + np.arange(n) * IMO_STEP % IMO_COUNT
    digits = six[:, None] // 10 ** np.arange(6) % 10
    found: np.ndarray = six * 10 + digits @ np.arange(2, 8) % 10
    return found


def rows_between(plan: np.ndarray, recipe: Recipe, from_ms: int, to_ms: int) -> np.ndarray:
    """FIX_DTYPE rows released in [from_ms, to_ms), in order of release and MMSI. Times are UTC ms."""
    room = int(((to_ms - from_ms) / plan["interval_ms"] + 2).sum() * (1 + recipe.doubled) + 1000)
    rows = new_fixes(room)
    thresholds = np.round(np.cumsum([recipe.jumps, recipe.late, recipe.doubled]) * (1 << 20)).astype(np.int64)
    n = _fill(plan, np.uint64(recipe.seed), from_ms - T0_MS, to_ms - T0_MS, thresholds, rows)
    rows = rows[:n]
    key = ((rows["release_ms"] - from_ms) << 30) | rows["mmsi"].astype(np.int64)
    return take_rows(rows, np.argsort(key, kind="stable"))


def statics_of(plan: np.ndarray) -> np.ndarray:
    """STATIC_DTYPE[vessels]: ship type, length and IMO number, said once in the first six minutes, in order of time."""
    rows = new_statics(len(plan))
    class_b = plan["kind"] == CLASS_B
    rows["mmsi"], rows["imo"], rows["ship_type"], rows["bow"], rows["has"] = plan["mmsi"], plan["imo"], plan["ship_type"], plan["loa_m"], HAS_TYPE_AND_SIZE
    rows["msg_type"], rows["part"] = np.where(class_b, 24, 5), class_b
    rows["t_ms"] = rows["t_rx_ms"] = rows["release_ms"] = T0_MS + plan["phase_ms"] * 2
    return rows[np.argsort(rows["t_ms"], kind="stable")]


def write_sea(recipe: Recipe, cache: Path) -> Sea:
    """The sea of a recipe, made unless the cache has it."""
    folder = cache / f"{recipe.name}-{recipe.key()}"
    said = folder / "sea.json"
    if not said.exists():
        folder.mkdir(parents=True, exist_ok=True)
        plan, facts = plan_of(recipe)
        plan.tofile(folder / "plan.bin")
        rows = _write_columns(plan, recipe, folder)
        mask_cells(recipe).tofile(folder / "mask.bin")
        said.write_text(json.dumps({"recipe": asdict(recipe), "rows": rows, "facts": facts}))
    return read_sea(folder)


def read_sea(folder: Path) -> Sea:
    """The sea in a folder."""
    known = msgspec.json.decode((folder / "sea.json").read_bytes())
    return Sea(folder, msgspec.convert(known["recipe"], Recipe), known["rows"], known["facts"])


def mask_cells(recipe: Recipe) -> np.ndarray:
    """int64[n, 2]: (row, column) of the cells of 0.01 degree whose centre lies in a harbour's mask: what peers know of ports."""
    geography = geography_of(recipe)
    found = []
    for lat, lon, *_ in harbours(recipe):
        row, column = int(lat / UNITS_PER_DEG // MASK_STEP_DEG), int(lon / UNITS_PER_DEG // MASK_STEP_DEG)
        rows, columns = (each.ravel() for each in np.meshgrid(np.arange(row - 8, row + 9), np.arange(column - 14, column + 15), indexing="ij"))
        inside = geography.masked((rows + 0.5) * MASK_STEP_DEG, (columns + 0.5) * MASK_STEP_DEG)
        found.append(np.column_stack([rows[inside], columns[inside]]))
    return np.unique(np.concatenate(found), axis=0).astype(np.int64) if found else np.empty((0, 2), np.int64)


def _write_columns(plan: np.ndarray, recipe: Recipe, folder: Path) -> int:
    """Rows and columns to files, piece by piece; returns the number of rows."""
    total = 0
    names = ("rows", "t", "mmsi", "lat", "lon", "sog")
    files = {name: (folder / f"{name}.bin").open("wb") for name in names}
    cuts = [*range(T0_MS, T0_MS + int(recipe.hours * HOUR_MS), PIECE_MS), T0_MS + int(recipe.hours * HOUR_MS)]
    for from_ms, to_ms in pairwise(cuts):
        rows = rows_between(plan, recipe, from_ms, to_ms)
        total += len(rows)
        columns = {
            "rows": rows,
            "t": rows["t_ms"],
            "mmsi": rows["mmsi"].astype(np.int32),
            "lat": rows["lat"] / UNITS_PER_DEG,
            "lon": rows["lon"] / UNITS_PER_DEG,
            "sog": (rows["sog"] / 10).astype(np.float32),
        }
        for name in names:
            np.ascontiguousarray(columns[name]).tofile(files[name])
    for file in files.values():
        file.close()
    return total


def _fleet(plan: np.ndarray, recipe: Recipe, rng: np.random.Generator, coast: Coast) -> None:
    """Kinds, berths and legs."""
    kind = np.where(np.arange(recipe.vessels) < 0.45 * recipe.vessels, MOORED, CLASS_A)
    kind[int(0.75 * recipe.vessels) :] = CLASS_B
    plan["kind"], plan["interval_ms"] = kind, INTERVAL_MS[kind]
    moored = np.flatnonzero(kind == MOORED)
    plan["lat"][moored], plan["lon"][moored] = _berths(recipe, rng, coast, len(moored))
    sailing = np.flatnonzero(kind != MOORED)
    legs = legs_of(recipe, rng, coast, max(200, min(20_000, len(sailing) // 4)))
    chosen = rng.integers(0, len(legs), len(sailing))
    aside = (rng.random((2, len(sailing))) - 0.5) / 60.0  # half a mile to either side
    plan["lat"][sailing], plan["lon"][sailing] = legs[chosen, 0] + aside[0], legs[chosen, 1] + aside[1]
    speed_kn = np.where(kind[sailing] == CLASS_A, rng.uniform(9.0, 18.0, len(sailing)), rng.uniform(5.0, 9.0, len(sailing)))
    _sail(plan, sailing, legs[chosen, 2], legs[chosen, 3], speed_kn)
    plan["legs_before"][sailing] = rng.random(len(sailing)) * 2
    plan["nav"] = np.where(kind == MOORED, 5, 0)
    types_of = np.array([70, 70, 70, 80, 80, 60, 30, 30, 37, 36, 52, 50])
    plan["ship_type"] = np.where(kind == CLASS_B, rng.choice([30, 36, 37], recipe.vessels), types_of[rng.integers(0, len(types_of), recipe.vessels)])
    plan["loa_m"] = np.where(kind == CLASS_B, rng.integers(8, 25, recipe.vessels), rng.integers(30, 250, recipe.vessels))
    plan["imo"] = np.where((kind != CLASS_B) & (plan["loa_m"] >= IMO_LOA_M), imo_numbers(recipe.vessels), 0)


def _crowd(plan: np.ndarray, rng: np.random.Generator, coast: Coast) -> None:
    """The dense harbour: everybody in one box off a shore, one in ten adrift in it; nothing is known of their size."""
    lat, lon = _sea_points(REGION, rng, coast, 1, (1.7, 2.5))
    n = len(plan)
    place, other = (rng.random((2, n)) - 0.5) * DENSE_BOX_M / M_PER_DEG, (rng.random((2, n)) - 0.5) * DENSE_BOX_M / M_PER_DEG
    shrink = np.cos(np.radians(lat[0]))
    plan["kind"], plan["interval_ms"], plan["noise_deg"] = CLASS_A, INTERVAL_MS[CLASS_A], DENSE_NOISE_M / M_PER_DEG
    plan["lat"], plan["lon"] = lat[0] + place[0], lon[0] + place[1] / shrink
    adrift = np.arange(n // 10)
    plan["nav"] = 5
    plan["nav"][adrift] = 0
    _sail(plan, adrift, other[0, adrift] - place[0, adrift], (other[1, adrift] - place[1, adrift]) / shrink, rng.uniform(0.1, 1.0, len(adrift)))


def _sail(plan: np.ndarray, who: np.ndarray, leg_lat: np.ndarray, leg_lon: np.ndarray, speed_kn: np.ndarray) -> None:
    """Send vessels to and fro along a leg (degrees) at a speed."""
    length_m = np.hypot(leg_lat, leg_lon * np.cos(np.radians(plan["lat"][who]))) * M_PER_DEG
    plan["leg_lat"][who], plan["leg_lon"][who], plan["speed_kn"][who] = leg_lat, leg_lon, speed_kn
    plan["legs_per_s"][who] = speed_kn * KN_MS / np.maximum(length_m, 1.0)


def _plant(plan: np.ndarray, recipe: Recipe, rng: np.random.Generator, coast: Coast) -> dict[str, list[list[int]]]:
    """Make some of the vessels meet, drift or fall silent. Times of the facts are UTC ms."""
    others = np.flatnonzero(plan["kind"] == CLASS_B)[: 2 * recipe.rendezvous + recipe.loiterers]
    meeting, drifting = others[: 2 * recipe.rendezvous], others[2 * recipe.rendezvous :]
    facts: dict[str, list[list[int]]] = {"rendezvous": [], "loiterers": [], "gaps": []}
    plan["ship_type"][others], plan["loa_m"][others] = 70, 60
    if len(meeting):
        from_s, to_s = _spans(recipe, rng, recipe.rendezvous, recipe.meeting_hours)
        legs = legs_of(recipe, rng, coast, 2 * recipe.rendezvous)
        place = legs[: recipe.rendezvous, :2].repeat(2, axis=0)
        away = np.column_stack([legs[: recipe.rendezvous, 2:], -legs[: recipe.rendezvous, 2:] * 0.1]).reshape(-1, 2)
        _pause(plan, meeting, place, away, (from_s.repeat(2), to_s.repeat(2)), rng, drift_kn=0.2)
        plan["drift_lat"][meeting[1::2]], plan["drift_lon"][meeting[1::2]] = plan["drift_lat"][meeting[::2]], plan["drift_lon"][meeting[::2]]
        plan["lat"][meeting[1::2]] += rng.uniform(50.0, 130.0, recipe.rendezvous) / M_PER_DEG
        pairs = zip(plan["mmsi"][meeting[::2]], plan["mmsi"][meeting[1::2]], from_s, to_s)
        facts["rendezvous"] = [[*sorted((int(a), int(b))), *_ms(t_from, t_to)] for a, b, t_from, t_to in pairs]
    if len(drifting):
        from_s, to_s = _spans(recipe, rng, len(drifting), recipe.drift_hours)
        legs = legs_of(recipe, rng, coast, len(drifting))
        _pause(plan, drifting, legs[:, :2], legs[:, 2:], (from_s, to_s), rng, drift_kn=0.3)
        facts["loiterers"] = [[int(m), *_ms(t_from, t_to)] for m, t_from, t_to in zip(plan["mmsi"][drifting], from_s, to_s)]
    silent = rng.permutation(np.flatnonzero(plan["kind"] == CLASS_A))[: recipe.gaps]
    from_s, to_s = _spans(recipe, rng, len(silent), recipe.gap_hours)
    plan["silent_from_ms"][silent], plan["silent_to_ms"][silent] = (from_s * 1000).astype(np.int64), (to_s * 1000).astype(np.int64)
    facts["gaps"] = [[int(m), *_ms(t_from, t_to)] for m, t_from, t_to in zip(plan["mmsi"][silent], from_s, to_s)]
    return facts


def _ms(*seconds: float) -> list[int]:
    return [T0_MS + int(each * 1000) for each in seconds]


def _spans(recipe: Recipe, rng: np.random.Generator, n: int, hours: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Beginnings and ends in seconds after T0, an hour after the sea begins and before it ends."""
    lasting_s = rng.uniform(*hours, n) * 3600
    from_s = 3600 + rng.random(n) * (recipe.hours * 3600 - lasting_s - 7200)
    if n and from_s.min() < 0:
        raise ValueError(f"a sea of {recipe.hours} hours is too short for what is planted in it")
    return from_s, from_s + lasting_s


def _pause(plan: np.ndarray, who: np.ndarray, place: np.ndarray, away: np.ndarray, span: tuple[np.ndarray, np.ndarray], rng: Any, *, drift_kn: float) -> None:
    """Vessels come along a leg to a place, drift there for a span of seconds, and leave."""
    plan["lat"][who], plan["lon"][who] = place.T
    _sail(plan, who, away[:, 0], away[:, 1], np.full(len(who), 7.0))
    plan["legs_before"][who] = 0.0
    plan["pause_from_s"][who], plan["pause_to_s"][who] = span
    course = rng.random(len(who)) * 2 * np.pi
    plan["drift_kn"][who] = drift_kn
    plan["drift_lat"][who] = np.cos(course) * drift_kn * KN_MS / M_PER_DEG
    plan["drift_lon"][who] = np.sin(course) * drift_kn * KN_MS / M_PER_DEG / np.cos(np.radians(place[:, 0]))


def _berths(recipe: Recipe, rng: np.random.Generator, coast: Coast, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Places in harbours, on water where a few tries find any."""
    ports = np.array([each[:2] for each in harbours(recipe)]) / UNITS_PER_DEG
    port = ports[rng.integers(0, len(ports), n)]
    lat, lon = np.zeros(n), np.zeros(n)
    wet = np.zeros(n, bool)
    for _ in range(8):
        again = np.flatnonzero(~wet)
        out = HARBOUR_RADIUS_M / M_PER_DEG * np.sqrt(rng.random(len(again)))
        bearing = rng.random(len(again)) * 2 * np.pi
        lat[again] = port[again, 0] + out * np.cos(bearing)
        lon[again] = port[again, 1] + out * np.sin(bearing) / np.cos(np.radians(port[again, 0]))
        wet[again] = ~coast.on_land(*_units(lat[again], lon[again]))
    return lat, lon


def _sea_points(box: tuple[float, ...], rng: np.random.Generator, coast: Coast, n: int, off_nm: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """n places so far off the coast."""
    lat, lon = np.empty(0), np.empty(0)
    while len(lat) < n:
        more_lat, more_lon = rng.uniform(box[0], box[2], 4 * n + 200), rng.uniform(box[1], box[3], 4 * n + 200)
        nm = coast.distance_nm(*_units(more_lat, more_lon))
        there = (nm >= off_nm[0]) & (nm <= off_nm[1])
        lat, lon = np.concatenate([lat, more_lat[there]]), np.concatenate([lon, more_lon[there]])
    return lat[:n], lon[:n]


def legs_of(recipe: Recipe, rng: np.random.Generator, coast: Coast, n: int) -> np.ndarray:
    """float64[n, 4]: place and way to the other end in degrees, all of it clear of the coast."""
    found = np.empty((0, 4))
    while len(found) < n:
        lat, lon = _sea_points(region(recipe), rng, coast, n, (LEG_COAST_NM + 2.0, 100.0))
        length, bearing = rng.uniform(*LEG_NM, n) / 60.0, rng.random(n) * 2 * np.pi
        d_lat, d_lon = length * np.cos(bearing), length * np.sin(bearing) / np.cos(np.radians(lat))
        clear = np.ones(n, bool)
        for share in np.linspace(0.0, 1.0, LEG_LOOKS):
            clear &= coast.distance_nm(*_units(lat + d_lat * share, lon + d_lon * share)) > LEG_COAST_NM
        found = np.concatenate([found, np.column_stack([lat, lon, d_lat, d_lon])[clear]])
    return found[:n]


def _units(lat_deg: np.ndarray, lon_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.rint(lat_deg * UNITS_PER_DEG).astype(np.int64), np.rint(lon_deg * UNITS_PER_DEG).astype(np.int64)


@kernel(uint64(uint64))
def _mixed(x):
    """splitmix64: 64 bits that look random, of a counter."""
    x = (x + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@kernel(types.UniTuple(types.float64, 3)(_PLAN[::1], int64, int64))
def _place(plan, v, t_ms):
    """(lat, lon in degrees, sign of the way along the leg or 0 where it pauses or stays)."""
    p = plan[v]
    t_s = t_ms / 1000.0
    paused = min(max(t_s - p["pause_from_s"], 0.0), p["pause_to_s"] - p["pause_from_s"])
    before, after = max(p["pause_from_s"] - t_s, 0.0), max(t_s - p["pause_to_s"], 0.0)
    sailing = t_s if p["drift_kn"] == 0.0 else before + after
    legs = p["legs_before"] + sailing * p["legs_per_s"]
    turn = legs - 2.0 * np.floor(legs / 2.0)
    along = turn if turn <= 1.0 else 2.0 - turn
    way = 1.0 if turn <= 1.0 else -1.0
    if p["drift_kn"] != 0.0:
        way = -way if before > 0.0 else (0.0 if after == 0.0 else way)
    if p["legs_per_s"] == 0.0:
        way = 0.0
    return p["lat"] + p["leg_lat"] * along + p["drift_lat"] * paused, p["lon"] + p["leg_lon"] * along + p["drift_lon"] * paused, way


# Flat: one row after the other, for every vessel of the sea.
@kernel(int64(_PLAN[::1], uint64, int64, int64, int64[::1], _FIX[::1]))
def _fill(plan, seed, from_ms, to_ms, thresholds, rows):
    """Rows of transmissions in [from_ms, to_ms) after T0, vessel by vessel; returns their number."""
    n = 0
    for v in range(plan.shape[0]):
        p = plan[v]
        k = max(0, (from_ms - p["phase_ms"] - JITTER_MS) // p["interval_ms"])
        while True:
            base = p["phase_ms"] + k * p["interval_ms"]
            if base >= to_ms:
                break
            dice = _mixed(_mixed(seed ^ (np.uint64(v) << np.uint64(32))) + np.uint64(k))
            more = _mixed(dice)
            t = base + np.int64(dice & np.uint64(0x1FFF)) % JITTER_MS
            k += 1
            if t < from_ms or t >= to_ms or (p["silent_from_ms"] <= t < p["silent_to_ms"]):
                continue
            luck = np.int64((dice >> np.uint64(13)) & np.uint64(0xFFFFF))
            jumps, late, doubled = luck < thresholds[0], thresholds[0] <= luck < thresholds[1], thresholds[1] <= luck < thresholds[2]
            told = t - 150_000 - np.int64(more & np.uint64(0x3FFFF)) if late else t
            lat, lon, way = _place(plan, v, told)
            speed_kn = p["speed_kn"] if way != 0.0 else p["drift_kn"]
            north = south = 0.0
            for b in range(4):  # near enough to a normal distribution
                north += np.float64((more >> np.uint64(18 + 5 * b)) & np.uint64(31)) - 15.5
                south += np.float64((more >> np.uint64(38 + 5 * b)) & np.uint64(31)) - 15.5
            shrink = np.cos(np.radians(lat))
            lat += p["noise_deg"] * north / 18.5
            lon += p["noise_deg"] * south / 18.5 / shrink
            if jumps:
                lat += 0.6
            row = rows[n]
            row["t_ms"] = T0_MS + told
            row["t_rx_ms"] = row["release_ms"] = T0_MS + t
            row["mmsi"] = p["mmsi"]
            row["lat"] = np.int32(round(lat * UNITS_PER_DEG))
            row["lon"] = np.int32(round(lon * UNITS_PER_DEG))
            row["flags"] = np.uint32((F_LATE if late else 0) | (F_CLASS_B if p["kind"] == CLASS_B else 0))
            row["radio"] = np.uint32(dice >> np.uint64(45))
            tenths = speed_kn * 10.0 + np.float64((dice >> np.uint64(33)) & np.uint64(3)) - (1.5 if speed_kn > 1.0 else 1.0)
            row["sog"] = np.uint16(max(0.0, tenths))
            if way != 0.0:
                course = np.degrees(np.arctan2(way * p["leg_lon"] * shrink, way * p["leg_lat"]))
                row["cog"] = np.uint16(int(course * 10.0 + 3600.0) % 3600)
                row["hdg"] = np.uint16(int(course + 360.0) % 360)
            else:
                row["cog"] = np.uint16(COG_MISSING if p["kind"] == MOORED else int((dice >> np.uint64(40)) & np.uint64(2047)))
                row["hdg"] = np.uint16((dice >> np.uint64(50)) & np.uint64(255))
            row["msg_type"] = np.uint8(18 if p["kind"] == CLASS_B else (3 if p["kind"] == MOORED else 1))
            row["nav"] = np.uint8(15 if p["kind"] == CLASS_B else p["nav"])
            row["sec"] = np.uint8((told // 1000) % 60)
            row["rot"] = np.int8(ROT_MISSING if p["kind"] == CLASS_B else 0)
            band = np.uint64(int((lon + 10.0) / 4.0)) & np.uint64(7)
            row["receivers"] = (np.uint64(1) << band) | (np.uint64((dice >> np.uint64(60)) & np.uint64(1)) << ((band + np.uint64(1)) & np.uint64(7)))
            n += 1
            if doubled and t + 2_000 < to_ms:
                rows[n] = row
                rows[n]["t_ms"] += 1_000 + np.int64(more & np.uint64(1023))
                rows[n]["release_ms"] = rows[n]["t_rx_ms"] = rows[n]["t_ms"]
                n += 1
    return n
