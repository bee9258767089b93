"""A console with a synthetic moving picture and hand-made alerts, for tests and for looking at it. Not a test itself.

Alone (python tests/console_harness.py [SCENE]) it serves until interrupted and prints its address.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from console.app import create_app
from console.board import Board
from console.decisions import Decisions
from console.editing import Editor
from console.picture import Picture
from console.server import Server
from dogwatch.alerts import Alert, Contribution
from dogwatch.batch import (
    F_CLASS_B,
    F_EXERCISE,
    HAS_CALLSIGN,
    HAS_NAME,
    HAS_TYPE_AND_SIZE,
    HAS_VOYAGE,
    OTHER_DTYPE,
    Batch,
    new_fixes,
    new_statics,
)
from dogwatch.events import Subject

ROOT = Path(__file__).resolve().parent.parent
T0 = 1_767_225_600_000  # 2026-01-01T00:00:00Z
HOSTILE = "<img src=x onerror=window.hit=1>"
CENTRE = (-41.0, 174.5)


def batch(fixes: np.ndarray | None = None, statics: np.ndarray | None = None) -> Batch:
    """A batch of these rows only."""
    return Batch(new_fixes(0) if fixes is None else fixes, new_statics(0) if statics is None else statics, np.empty(0, OTHER_DTYPE), receivers=("test",))


def fleet(n: int, seed: int = 5, *, exercise: bool = True) -> np.ndarray:
    """n made-up ships around CENTRE: most under way, some class B, a base station, an aid."""
    rng = np.random.default_rng(seed)
    rows = new_fixes(n)
    rows["mmsi"] = 990_000_000 // 10 * 2 + 100_000 + np.arange(n)  # 198xxxxxx: a country code that no country has
    rows["lat"] = ((CENTRE[0] + rng.normal(0, 0.35, n)) * 600_000).astype(np.int32)
    rows["lon"] = ((CENTRE[1] + rng.normal(0, 0.5, n)) * 600_000).astype(np.int32)
    rows["sog"] = rng.integers(0, 190, n)
    rows["cog"] = rng.integers(0, 3600, n)
    rows["hdg"] = rows["cog"] // 10
    rows["msg_type"], rows["nav"], rows["t_ms"] = 1, 0, T0
    rows["flags"] = F_EXERCISE if exercise else 0
    rows["flags"][::7] |= F_CLASS_B
    rows["hdg"][::9], rows["cog"][::18] = 511, 3600
    if n > 10:
        rows["msg_type"][1], rows["msg_type"][2] = 4, 21
        rows["sog"][1:3] = 1023
    return rows


def names(fixes: np.ndarray) -> np.ndarray:
    """Static reports for a fleet; the fourth ship's name is an attack."""
    rows = new_statics(len(fixes))
    rows["mmsi"], rows["t_ms"] = fixes["mmsi"], fixes["t_ms"]
    rows["has"] = HAS_NAME | HAS_CALLSIGN | HAS_TYPE_AND_SIZE | HAS_VOYAGE
    rows["name"] = [f"TEST SHIP {i}".encode() for i in range(len(fixes))]
    rows["name"][3:4] = HOSTILE.encode()
    rows["callsign"], rows["destination"] = b"TEST1", b"<B>NOWHERE</B>"
    rows["ship_type"] = np.array([70, 80, 60, 30, 52, 37])[np.arange(len(fixes)) % 6]
    rows["bow"], rows["stern"], rows["port"], rows["starboard"] = 80, 20, 8, 8
    return rows


def move(fixes: np.ndarray, seconds: float) -> np.ndarray:
    """The fleet `seconds` later."""
    later = fixes.copy()
    metres = np.where(fixes["sog"] < 1023, fixes["sog"] / 10 * 0.514444, 0) * seconds
    course = np.radians(fixes["cog"] / 10)
    units = metres / 0.18532
    later["lat"] += (units * np.cos(course)).astype(np.int32)
    later["lon"] += (units * np.sin(course) / np.cos(np.radians(fixes["lat"] / 600_000))).astype(np.int32)
    later["t_ms"] += round(seconds * 1000)
    return later


def alert(number: int = 1, *, level: Any = "warning", revision: int = 1, condition: Any = "active", mmsi: int = 198_100_005, **more: Any) -> Alert:
    """A made-up risk alert whose points add up."""
    parts = [
        Contribution("base", -3000, text="before anything is known"),
        Contribution("loitering", 2600, f"event{number}", "62 min", "45 min", "stayed within 1.1 nm of one place, outside every anchorage"),
        Contribution("border_distance", 900, f"event{number}", "2.4 nm", "3 nm", "from the outer limit of the belt"),
        Contribution("context: fishing ground", -450, None, True, None, "others of its class stop here too"),
    ]
    fields: dict[str, Any] = {
        "alert_id": f"{number:032x}",
        "revision": revision,
        "kind": "risk",
        "condition": condition,
        "level": level,
        "score": 51.2,
        "score_milli": sum(p.points for p in parts),
        "contributions": parts,
        "event_ids": [f"event{number}"],
        "mmsi": [mmsi],
        "subjects": [Subject(f"{mmsi}#0", mmsi, "", "TEST SHIP 5", "TEST1", None, 37, 100, "A")],
        "t_first": T0 - 3_720_000 - number * 60_000,
        "t_last": T0 - number * 1000,
        "lat": CENTRE[0],
        "lon": CENTRE[1],
        "headline": "Loitering 62 min, 2.4 nm from the 12 nm limit",
        "explanation": "The ship stayed within 1.1 nm for 62 min, 2.4 nm from the outer limit of the belt; most of its class pass here without stopping.",
        "innocent": ["anchorage: not inside or near one", "pilot station: none within 10 nm", "fishing: possible, others of its class stop here"],
        "counterfactual": "It would not have alerted under 45 min, or farther than 3 nm from the limit.",
        "profile": "border",
        "profile_hash": "0123456789abcdef",
        "exercise": True,
    }
    return Alert(**{**fields, **more})


def distress(number: int = 9, **more: Any) -> Alert:
    """A made-up distress alert."""
    fields: dict[str, Any] = {
        "kind": "distress",
        "level": "emergency",
        "mmsi": 970_010_001,
        "score": 0.0,
        "score_milli": 0,
        "contributions": [],
        "innocent": [],
        "counterfactual": "",
        "subjects": [Subject("970010001#0", 970_010_001, "beacon")],
        "headline": "SART active: SART ACTIVE",
        "explanation": "A search and rescue transmitter sends. Distress is never scored and never waits.",
        "lat": CENTRE[0] + 0.15,
        "lon": CENTRE[1] + 0.2,
    }
    return alert(number, **{**fields, **more})


def land_nearby(folder: Path) -> Path | None:
    """A file with the land within 15 degrees of CENTRE, names beside it, or None where none is installed: a page would cut the whole world into tiles."""
    whole = ROOT / "zones" / "data" / "land.geojson"
    if not whole.is_file():
        return None
    world = json.loads(whole.read_bytes())
    polygons = world["geometry"]["coordinates"]
    near = [p for p in polygons if np.any(np.all(np.abs(np.array(p[0]) - CENTRE[::-1]) < 15, axis=1))]
    assert 0 < len(near) < len(polygons)
    world["geometry"]["coordinates"] = near
    names = whole.with_name("names.geojson")
    if names.is_file():
        (folder / names.name).write_bytes(names.read_bytes())
    part = folder / "land.geojson"
    part.write_text(json.dumps(world), encoding="utf-8")
    return part


class Harness:
    """Board, picture and server; `play` moves the fleet by the room's clock."""

    def __init__(
        self,
        *,
        vessels: int = 300,
        database: Path | None = None,
        land: Path | None = None,
        info: dict[str, Any] | None = None,
        zones: bytes | None = None,
        editor: Editor | None = None,
        coverage: Callable[[], bytes] | None = None,
    ) -> None:
        self.board, self.picture, self.decisions, self.editor = Board(), Picture(), Decisions(database), editor
        self.fixes = fleet(vessels) if vessels else new_fixes(0)
        about = {"desk": "Test desk", "listening": "UDP 10110", "rules": 6, **(info or {})}
        self.app = create_app(
            self.board,
            self.picture,
            self.decisions,
            metrics=lambda: b"# none\n",
            land_geojson=land,
            zones_geojson=zones,
            info=about,
            editor=editor,
            coverage_geojson=coverage,
        )
        self.server = Server(self.app)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)

    def start(self, port: int = 0) -> str:
        """Serve and play; the address."""
        url = self.server.start(port=port)
        if len(self.fixes):
            self.picture.update(batch(self.fixes, names(self.fixes)))
            self._thread.start()
        return url

    def stop(self) -> None:
        """End both."""
        self._stop.set()
        self.server.stop()

    def _play(self) -> None:
        seconds = 0
        while not self._stop.wait(1.0):
            seconds += 1
            part = (np.arange(len(self.fixes)) % 5) == seconds % 5  # each ship speaks every 5 s
            self.picture.update(batch(move(self.fixes, seconds)[part]))


ZONES = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"name": "belt"},
                "geometry": {"type": "Polygon", "coordinates": [[[173.6, -41.6], [175.2, -41.6], [175.2, -40.6], [173.6, -40.6], [173.6, -41.6]]]},
            }
        ],
    }
).encode()


def busy_board(board: Board) -> None:
    """One alert of each kind and state."""
    board.publish(alert(1, level="alarm", headline="Rendezvous at night, 3.1 nm outside the limit, both slow for 41 min", mmsi=198_100_008))
    board.publish(alert(2))
    board.publish(
        alert(3, level="caution", headline=f"Name changed at sea to {HOSTILE}", mmsi=198_100_003, subjects=[Subject("198100003#0", 198_100_003, "", HOSTILE)])
    )
    board.publish(alert(4, headline="Dark period 3 h 05 min near the limit", mmsi=198_999_999, lat=-40.7, lon=174.1))
    board.publish(alert(5, headline="Dark period 2 h 10 min", mmsi=198_100_012))
    board.publish(alert(5, headline="Dark period 2 h 10 min", mmsi=198_100_012, revision=2, condition="retracted", reason="late_data"))
    board.publish(alert(6, headline="Loitering 48 min", mmsi=198_100_020))
    board.publish(alert(6, headline="Loitering 48 min", mmsi=198_100_020, revision=2, condition="cleared"))


def gone_dark(served: Harness, silent: int = 5) -> int:
    """An hour and a half of a fleet in which one ship falls silent for 50 min, and the alert about it; its MMSI."""
    mmsi = int(served.fixes["mmsi"][silent])
    slow = served.fixes.copy()
    slow["sog"] = np.minimum(slow["sog"], 60)
    slow["sog"][silent], slow["cog"][silent] = 50, 450
    for minute in range(-90, 0):
        rows = move(slow, minute * 60)
        served.picture.update(batch(rows[(rows["mmsi"] != mmsi) | (minute < -70) | (minute > -20)]))
    served.board.publish(alert(1, mmsi=mmsi, t_first=T0 - 70 * 60_000, t_last=T0 - 20 * 60_000, headline="EXERCISE: Silent for 50 min: MMSI 198100005"))
    return mmsi


if __name__ == "__main__":
    scene = sys.argv[1] if len(sys.argv) > 1 else "busy"
    land_file = ROOT / "zones" / "data" / "land.geojson"
    served = Harness(vessels=0 if scene == "empty" else 300, land=land_file, zones=ZONES)
    if scene != "empty":
        busy_board(served.board)
    if scene == "distress":
        served.board.publish(distress())
    sys.stdout.write(served.start(8650) + "\n")
    sys.stdout.flush()
    threading.Event().wait()
