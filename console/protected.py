"""Who stays out of every file that leaves the console: those who rescue, and those who are being rescued.

May live here: who is protected and why, what of a dossier or an alert may not go along. May not: writing files, HTTP, judgement of a vessel.

Protected are distress beacons and rescue aircraft (MMSI 970, 972, 974, 111), vessels that say they are rescue or medical craft (ship types 51
and 58), vessels on a list of the centre (rescue organisations), and whoever is in an active rescue area. Public AIS has been used to hunt
rescue ships; and who lies in distress is no suspect. So nothing about them stands in a file, neither under their own number nor as
somebody's company: an alert, an event or a piece of track that concerns them is left out, and the file says how many were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.geo import NM_M, distance_m

PREFIXES = (970, 972, 974, 111)
TYPES = (51, 58)
REACH_M = 5.0 * NM_M  # of a call for help whose area nobody told us


class Area(NamedTuple):
    """A place where people are being helped, degrees and metres."""

    lat: float
    lon: float
    reach_m: float


@dataclass(frozen=True)
class Protection:
    """What is protected now. `listed`: MMSI and IMO numbers; `who`: what `Picture.one` knows of a vessel, None if nothing."""

    listed: frozenset[int]
    areas: tuple[Area, ...]
    who: Callable[[int], dict[str, Any] | None]

    def place(self, lat: float | None, lon: float | None) -> bool:
        """Whether a place in degrees lies in an active rescue area."""
        if lat is None or lon is None:
            return False
        here = round(lat * UNITS_PER_DEG), round(lon * UNITS_PER_DEG)
        return any(distance_m(*here, round(one.lat * UNITS_PER_DEG), round(one.lon * UNITS_PER_DEG)) <= one.reach_m for one in self.areas)

    def vessel(self, mmsi: int, said: dict[str, Any] | None = None) -> str:
        """Why nothing of a vessel may leave; "" if it may. `said`: `ship_type` and `imo` as an alert knew them, beside what is known now."""
        if mmsi // 1_000_000 in PREFIXES:
            return "a distress beacon or a rescue aircraft"
        now = self.who(mmsi) or {}
        told = [one for one in (said, now.get("identity")) if one]
        if any(one.get("ship_type") in TYPES for one in told):
            return "a rescue or medical craft by its own word"
        if mmsi in self.listed or any(one.get("imo") in self.listed for one in told):
            return "on the list of protected vessels"
        at = now.get("position") or {}
        return "in an active rescue area" if self.place(at.get("lat"), at.get("lon")) else ""

    def alert(self, record: dict[str, Any]) -> str:
        """Why an alert (a record of the board) may not leave; "" if it may."""
        if record["kind"] == "distress":
            return "a call for help"
        subjects = {one["mmsi"]: one for one in record["subjects"]}
        reasons = (self.vessel(mmsi, subjects.get(mmsi)) for mmsi in sorted({*record["mmsi"], *subjects}))
        return next((reason for reason in reasons if reason), "in an active rescue area" if self.place(record["lat"], record["lon"]) else "")

    def dossier(self, found: dict[str, Any]) -> str:
        """Why no file may be made of a dossier; "" if one may (`without` says what of it)."""
        track = found["track"]
        if track["t_ms"] and self.place(track["lat"][-1], track["lon"][-1]):
            return "in an active rescue area"
        return self.vessel(found["mmsi"], found["identity"])

    def without(self, found: dict[str, Any], parts: Iterable[str]) -> dict[str, Any]:
        """A dossier without what concerns protected company or lies in a rescue area; `withheld` counts it. `parts`: names of its lists of events."""
        left = {name: [one for one in found[name] if not self._concerned(one, found["mmsi"])] for name in ("alerts", "silences", *parts)}
        track = found["track"]
        stays = [i for i in range(len(track["t_ms"])) if not self.place(track["lat"][i], track["lon"][i])]
        whole = len(track["t_ms"])
        shorter = {name: [values[i] for i in stays] if isinstance(values, list) and len(values) == whole else values for name, values in track.items()}
        withheld = sum(len(found[name]) - len(rows) for name, rows in left.items()) + whole - len(stays)
        return {**found, **left, "track": shorter, "withheld": withheld}

    def _concerned(self, one: dict[str, Any], mmsi: int) -> bool:
        subjects = {subject["mmsi"]: subject for subject in one.get("subjects", ())}
        company = {*one.get("mmsi", ()), *subjects} - {mmsi}
        return self.place(one["lat"], one["lon"]) or one.get("kind") == "distress" or any(self.vessel(other, subjects.get(other)) for other in company)
