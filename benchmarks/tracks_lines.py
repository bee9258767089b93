"""Sentences and zones for the benchmark of the detectors, made of its seas. May live here: a sea as NMEA, drawn areas. May not: measuring.

A sea as an aggregator would pass it on: every row of the first hours as a sentence behind a tag block with station and Unix time, and of
every vessel its static message (type 5, or 24 in two parts) each half hour. The stations are not marked as simulated: nothing else of a
run differs, and an exercise would mark every row.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from benchmarks.tracks_seas import HOUR_MS, PLAN, T0_MS, Recipe, Sea, legs_of, region
from dogwatch.batch import F_LATE
from sim.encode import HEARING_DTYPE, NAME, SentenceState, encode_payloads, encode_sentences, new_messages, new_particulars
from zones.geojson import ZoneSet, load_zones
from zones.load import read_coast

STATICS_MS = HOUR_MS // 2
ZONE_VERTICES = 400
ZONE_KINDS = ("area", "eez", "cable", "area", "contiguous_zone", "area", "eez", "lane", "area", "watch")
ZONE_DEG, WATCH_DEG = 0.45, 0.05  # radius; a watch zone is a bay: it lays itself over masks, and pairs in it are looked at closely
CABLE_VERTICES, CABLE_NM, CABLE_WAVE_DEG = 100, 0.25, 0.01  # a cable is a line with so much of a corridor on either side, and bends a little
STATIONS = tuple(f"shore-{k}" for k in range(8))


def lines_of(sea: Sea, hours: float) -> bytes:
    """The first hours of a sea as sentences in order of time."""
    plan = np.fromfile(sea.folder / "plan.bin", PLAN)
    until_ms = T0_MS + int(hours * HOUR_MS)
    rows = sea.load()
    rows = rows[(rows["release_ms"] < until_ms) & ((rows["flags"] & F_LATE) == 0)]
    particulars = new_particulars(len(plan))
    for i, name in enumerate(plan["mmsi"].tolist()):
        particulars.write(i, NAME, f"VESSEL {name}", name="name")
    particulars.rows["imo"], particulars.rows["ship_type"], particulars.rows["bow"] = plan["imo"], plan["ship_type"], plan["loa_m"]
    order = np.argsort(plan["mmsi"])
    who = order[np.searchsorted(plan["mmsi"][order], rows["mmsi"])]
    positions = new_messages(len(rows))
    for name in ("msg_type", "mmsi", "lat", "lon", "sog", "cog", "hdg", "nav", "rot", "sec", "radio", "t_ms"):
        if name in (positions.dtype.names or ()):
            positions[name] = rows[name]
    positions["who"] = who
    messages = np.concatenate([positions, _statics(plan, until_ms)])
    messages = messages[np.argsort(messages["t_ms"], kind="stable")]
    hearings = np.zeros(len(messages), HEARING_DTYPE)
    hearings["t_rx_ms"], hearings["message"] = messages["t_ms"], np.arange(len(messages))
    hearings["receiver"] = messages["mmsi"] % len(STATIONS)
    return encode_sentences(encode_payloads(messages, particulars), hearings, SentenceState(list(STATIONS), "s"))


def _statics(plan: np.ndarray, until_ms: int) -> np.ndarray:
    """Static messages of every vessel, each half hour: type 5 of class A, both parts of type 24 of class B."""
    parts = []
    for from_ms in range(T0_MS, until_ms, STATICS_MS):
        for kind, part, chosen in ((5, 0, plan["kind"] != 2), (24, 0, plan["kind"] == 2), (24, 1, plan["kind"] == 2)):
            who = np.flatnonzero(chosen)
            some = new_messages(len(who))
            some["msg_type"], some["part"], some["mmsi"], some["who"] = kind, part, plan["mmsi"][who], who
            some["t_ms"] = from_ms + who * 83 % STATICS_MS + part * 200
            parts.append(some)
    messages = np.concatenate(parts)
    return messages[messages["t_ms"] < until_ms]


def zones_of(recipe: Recipe, count: int) -> ZoneSet:
    """So many zones all over the region, of all kinds but ports: one in ten a cable (a line at sea), one in ten a bay to be watched, the
    others star-shaped areas; of 250 zones about one lies over every place."""
    rng = np.random.default_rng(recipe.seed + 7)
    south, west, north, east = region(recipe)
    cables = legs_of(recipe, rng, read_coast(), count // len(ZONE_KINDS) + 1)
    features = []
    for k in range(count):
        kind = ZONE_KINDS[k % len(ZONE_KINDS)]
        properties: dict[str, Any] = {"id": f"zone-{k}", "name": f"zone {k}", "kind": kind}
        if kind in ("cable", "lane"):
            properties |= {"kind": "corridor", "subkind": kind}
        if kind == "cable":
            properties["buffer_nm"] = CABLE_NM
            shape = {"type": "LineString", "coordinates": _cable(cables[k // len(ZONE_KINDS)])}
        else:
            radius_deg = WATCH_DEG if kind == "watch" else ZONE_DEG
            shape = {"type": "Polygon", "coordinates": [_star(rng, rng.uniform(south, north), rng.uniform(west, east), radius_deg)]}
        features.append({"type": "Feature", "properties": properties, "geometry": shape})
    return load_zones(json.dumps({"type": "FeatureCollection", "features": features}), file="benchmark.geojson")


def _star(rng: np.random.Generator, lat: float, lon: float, radius_deg: float) -> list[list[float]]:
    bearing = np.linspace(0.0, 2 * np.pi, ZONE_VERTICES, endpoint=False)
    ragged = radius_deg * (1 + 0.25 * np.cos(5 * bearing + rng.uniform(0, 2 * np.pi)) + 0.1 * rng.random(ZONE_VERTICES))
    ring: list[list[float]] = np.column_stack([lon + ragged * np.sin(bearing) / np.cos(np.radians(lat)), lat + ragged * np.cos(bearing)]).round(6).tolist()
    return [*ring, ring[0]]


def _cable(leg: np.ndarray) -> list[list[float]]:
    """Along a leg (place and way in degrees), a little to this side and that."""
    along = np.linspace(0.0, 1.0, CABLE_VERTICES)
    aside = CABLE_WAVE_DEG * np.sin(9 * along)
    drawn: list[list[float]] = np.column_stack([leg[1] + leg[3] * along + aside, leg[0] + leg[2] * along + aside]).round(6).tolist()
    return drawn
