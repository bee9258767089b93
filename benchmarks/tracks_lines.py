"""Sentences and zones for the benchmark of the detectors, made of its seas. May live here: a sea as NMEA, drawn areas. May not: measuring.

A sea as an aggregator would pass it on: every row of the first hours as a sentence behind a tag block with station and Unix time, and of
every vessel its static message (type 5, or 24 in two parts) each half hour. The stations are not marked as simulated: nothing else of a
run differs, and an exercise would mark every row.
"""

from __future__ import annotations

import json

import numpy as np

from benchmarks.tracks_seas import HOUR_MS, PLAN, T0_MS, Recipe, Sea, region
from dogwatch.batch import F_LATE
from sim.encode import HEARING_DTYPE, NAME, SentenceState, encode_payloads, encode_sentences, new_messages, new_particulars
from zones.geojson import ZoneSet, load_zones

STATICS_MS = HOUR_MS // 2
ZONE_VERTICES = 400
ZONE_KINDS = ("area", "eez", "corridor", "area", "contiguous_zone", "area", "eez", "corridor", "area", "watch")
ZONE_DEG, WATCH_DEG = 0.45, 0.05  # radius; a watch zone is a bay: it lays itself over masks, and pairs in it are looked at closely
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
    particulars.rows["ship_type"], particulars.rows["bow"] = plan["ship_type"], plan["loa_m"]
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
    """So many star-shaped areas all over the region, of all kinds but ports, one in ten a bay to be watched; 250 of them lie about once over every place."""
    rng = np.random.default_rng(recipe.seed + 7)
    south, west, north, east = region(recipe)
    features = []
    bearing = np.linspace(0.0, 2 * np.pi, ZONE_VERTICES, endpoint=False)
    for k in range(count):
        lat, lon = rng.uniform(south, north), rng.uniform(west, east)
        kind = ZONE_KINDS[k % len(ZONE_KINDS)]
        ragged = (WATCH_DEG if kind == "watch" else ZONE_DEG) * (1 + 0.25 * np.cos(5 * bearing + k) + 0.1 * rng.random(ZONE_VERTICES))
        ring = np.column_stack([lon + ragged * np.sin(bearing) / np.cos(np.radians(lat)), lat + ragged * np.cos(bearing)]).round(6).tolist()
        properties = {"id": f"zone-{k}", "name": f"zone {k}", "kind": kind}
        features.append({"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}})
    return load_zones(json.dumps({"type": "FeatureCollection", "features": features}), file="benchmark.geojson")
