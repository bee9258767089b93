"""Satellites: where one is, what it sees, when it can hand down what it heard. May hold: circular orbits, contacts with ground stations.

May not: what it hears (reception). An orbit is a circle round a ball that turns: good to some tens of kilometres over a day, and it draws
the tracks, the passes of ten minutes and the hours between them that real ones have. Its many neighbours in a slot are what limits
a satellite: it sees thousands of sets that do not hear each other, and hears of two in one slot neither.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from sim import noise
from sim.receiver import RECEIVER_DTYPE
from sim.sea import Point

EARTH_KM, GRAVITY_KM3_S2, EARTH_RAD_S = 6_371.0, 398_600.4, 7.292115e-5
STEP_MS = 10_000  # steps of the table of deliveries
CONTACT_DEG = 5.0  # least elevation at a ground station
AFTER_S = 86_400  # contacts are sought until a day after the run; what finds none by then arrives last
GROUND: list[Point] = [(78.23, 15.39), (-72.01, 2.53)]  # Svalbard and Troll: most polar orbits meet one of them on every round

# A satellite during one minute: `cos_view` is the cosine of the angle at the Earth's centre at which it stands at its least elevation.
SKY_DTYPE = np.dtype([("lat_deg", "<f8"), ("lon_deg", "<f8"), ("cos_view", "<f8"), ("radius_km", "<f8")])


class Satellite(msgspec.Struct, forbid_unknown_fields=True):
    """A receiver on a circular orbit. Stamps are the time at the satellite, lines arrive after its next contact with a ground station.

    `node_deg` is the longitude at which it climbs over the equator when `phase_deg` is 0; `phase_deg` where on its way round it is, both when
    the world starts. `relay_every_s` as for a receiver, all satellites together.
    """

    id: str
    altitude_km: float = 650.0
    inclination_deg: float = 97.8
    node_deg: float = 0.0
    phase_deg: float = 0.0
    least_elevation_deg: float = 5.0
    heard_share_max: float = 0.8
    delay_s: tuple[float, float] = (30.0, 600.0)
    clock_offset_s: float = 0.0
    relay_every_s: float = 0.0
    ground: list[Point] = msgspec.field(default_factory=lambda: list(GROUND))


def places(satellite: Satellite, since_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Latitude and longitude (float64[n], degrees) under a satellite at times since the start of the world."""
    radius_km, tilt = EARTH_KM + satellite.altitude_km, math.radians(satellite.inclination_deg)
    way = math.radians(satellite.phase_deg) + math.sqrt(GRAVITY_KM3_S2 / radius_km**3) * since_s
    lon = math.radians(satellite.node_deg) + np.arctan2(math.cos(tilt) * np.sin(way), np.cos(way)) - EARTH_RAD_S * since_s
    return np.degrees(np.arcsin(math.sin(tilt) * np.sin(way))), (np.degrees(lon) + 180.0) % 360.0 - 180.0


def cos_view(satellite: Satellite, elevation_deg: float) -> float:
    """Cosine of the angle at the Earth's centre between a satellite and a place where it stands so high."""
    elevation = math.radians(elevation_deg)
    return math.cos(math.acos(EARTH_KM * math.cos(elevation) / (EARTH_KM + satellite.altitude_km)) - elevation)


def sees(satellite: Satellite, since_s: np.ndarray, place: Point, elevation_deg: float) -> np.ndarray:
    """Is a satellite at least so high above the horizon of a place at these times? bool[n]."""
    lat, lon = (np.radians(column) for column in places(satellite, since_s))
    at_lat, at_lon = math.radians(place[0]), math.radians(place[1])
    cos = np.sin(lat) * math.sin(at_lat) + np.cos(lat) * math.cos(at_lat) * np.cos(lon - at_lon)
    return cos >= cos_view(satellite, elevation_deg)


def sky_rows(satellites: list[Satellite], since_s: float) -> np.ndarray:
    """SKY_DTYPE rows: where the satellites are at a time."""
    rows = np.zeros(len(satellites), SKY_DTYPE)
    for row, satellite in zip(rows, satellites):
        lat, lon = places(satellite, np.array([since_s]))
        row["lat_deg"], row["lon_deg"] = lat[0], lon[0]
        row["cos_view"], row["radius_km"] = cos_view(satellite, satellite.least_elevation_deg), EARTH_KM + satellite.altitude_km
    return rows


def satellite_rows(satellites: list[Satellite]) -> np.ndarray:
    """RECEIVER_DTYPE rows of satellites, to stand behind those ashore."""
    rows = np.zeros(len(satellites), RECEIVER_DTYPE)
    for i, (row, satellite) in enumerate(zip(rows, satellites)):
        row["heard_share_max"], row["orbit"] = satellite.heard_share_max, i
        row["clock_ms"], row["relay_ms"] = round(satellite.clock_offset_s * 1000), round(satellite.relay_every_s * 1000)
    return rows


def deliveries(satellites: list[Satellite], seed: np.uint64, t_start_ms: int, end_ms: int) -> np.ndarray:
    """int64[satellites, steps of STEP_MS]: when what a satellite heard at a step arrives, UTC milliseconds.

    Heard during a contact it arrives after the delay of that contact, else after the next one has begun.
    """
    heard = -(-(end_ms - t_start_ms) // STEP_MS)
    since_ms = np.arange(heard + AFTER_S * 1000 // STEP_MS) * STEP_MS
    out = np.empty((len(satellites), heard), np.int64)
    for i, satellite in enumerate(satellites):
        touch = np.zeros(len(since_ms), bool)
        for place in satellite.ground:
            touch |= sees(satellite, since_ms / 1000.0, place, CONTACT_DEG)
        begins = np.flatnonzero(touch & ~np.concatenate(([False], touch[:-1])))
        ends = np.flatnonzero(touch & ~np.concatenate((touch[1:], [False])))
        least, most = satellite.delay_s
        delay_ms = [round(1000 * (least + (most - least) * noise.unit(seed, noise.CONTACT, i, k))) for k in range(len(begins) + 1)]
        step = np.arange(heard)
        contact = np.searchsorted(ends, step)  # the first contact that is not over
        start = np.append(begins, len(since_ms))[contact]
        out[i] = t_start_ms + np.maximum(step, start) * STEP_MS + np.array(delay_ms)[contact]
    return out
