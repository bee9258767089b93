"""What is normal where an alert is, for vessels of its class, beside what was observed. May live here: those figures and their route.

May not: judging by them (risk/), keeping positions (console/history.py), fitting a model (runners/learning.py).

Theory. People trust an anomaly sooner when they see what it deviates from. Where the run has a model of normal traffic it is asked (`usual`); else
the console counts what it has heard itself: the vessels of the same class within ten miles in the last day, one speed for each of them, its median. Of
either only the middle half is told, with the number of vessels behind it; from fewer than VESSELS_MIN nothing is said but how many there were.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from console.answers import problem, reply
from console.board import Board
from console.picture import CARGO, FISHING, OTHER, PASSENGER, SERVICE, TANKER, Picture, ship_class
from dogwatch.times import from_iso

NEAR_M = 18_520.0  # ten miles
BACK_MS = 24 * 3_600_000
UNDER_WAY_KN = 0.5
VESSELS_MIN = 5
WORDS = {CARGO: "cargo", TANKER: "tanker", PASSENGER: "passenger", FISHING: "fishing", SERVICE: "service craft", OTHER: "other or unknown"}

Usual = Callable[[float, float, int, int], dict[str, Any] | None]
"""(latitude, longitude in degrees, ship type, length in m; 0 = unknown) ->

`what`, `low_kn`, `high_kn` (None = no bound), `vessels`; None where nothing is known."""


def normal_routes(board: Board, picture: Picture, usual: Usual | None) -> list[BaseRoute]:
    """Routes under api/v1. usual: what a model of normal traffic says of a place and class; None = the run has none."""

    async def normal(request: Request) -> Response:
        """GET api/alerts/{id}/normal: per vessel of the alert `observed_kn` and what is usual there."""
        record = board.record(request.path_params["alert_id"])
        if record is None:
            return problem(404, "no such alert on this board", "it may have left the board; alerts.ndjson keeps every revision")
        return reply(await run_in_threadpool(normal_of, record, picture, usual))

    return [Route("/alerts/{alert_id}/normal", normal)]


def normal_of(record: dict[str, Any], picture: Picture, usual: Usual | None = None) -> dict[str, Any]:
    """`vessels`: for each of a risk alert `mmsi`, `class`, `observed_kn` (median while it lasted; None = not heard), `basis` and the range with its count.

    `basis` is "model", "heard" (by this console, in the day before) or "unknown"; then `low_kn` and `high_kn` are None.
    """
    first, last = from_iso(record["t_first"]), from_iso(record["t_last"])
    if record["kind"] != "risk" or record["lat"] is None or record["lon"] is None or first is None or last is None:
        return {"vessels": []}
    lat, lon, mmsi = record["lat"], record["lon"], record["mmsi"]
    near, sog = picture.history.speeds_near(lat, lon, NEAR_M, last - BACK_MS, last, without=mmsi)
    known = {one["mmsi"]: one for one in record["subjects"]}
    tracks = {track["mmsi"]: track for track in picture.history.tracks(mmsi, first, last)}
    found = []
    for one in mmsi:
        subject = known.get(one, {})
        kind, length = subject.get("ship_type") or 0, subject.get("loa_m") or 0
        group = int(ship_class(np.array([kind]))[0])
        told = usual(lat, lon, kind, length) if usual else None
        told = {"basis": "model", **told} if told else _heard(near, sog, picture, group)
        found.append({"mmsi": one, "class": WORDS[group], "observed_kn": _median(tracks[one]["sog_kn"]), **told})
    return {"vessels": found}


def _heard(mmsi: np.ndarray, sog_kn: np.ndarray, picture: Picture, group: int) -> dict[str, Any]:
    """The middle half of the vessels of a class under way, one speed each."""
    ships = picture.ships()
    alike = np.isin(mmsi, ships["mmsi"][ships["class"] == group])
    speeds = np.array([np.median(sog_kn[alike & (mmsi == one)]) for one in np.unique(mmsi[alike])])
    speeds = speeds[speeds >= UNDER_WAY_KN]
    if len(speeds) < VESSELS_MIN:
        return {"basis": "unknown", "what": WORDS[group], "low_kn": None, "high_kn": None, "vessels": len(speeds)}
    low, high = np.quantile(speeds, (0.25, 0.75))
    return {"basis": "heard", "what": WORDS[group], "low_kn": round(float(low), 1), "high_kn": round(float(high), 1), "vessels": len(speeds)}


def _median(values: list[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return round(float(np.median(known)), 1) if known else None
