"""Rescue areas: where and until when people are being helped. May hold: the areas, how they open and end, the one question.

May not: find a rescue itself (tracks/assist.py sees the pattern, the safety road hears the calls).

Theory. Who helps is slow, close to others and off course: everything that looks like smuggling. So a distress call with a place
opens an area (`reach_nm`, `hold_s` after the last word of it), and what begins in it while it is open is no suspect: loitering,
rendezvous, drift and deviations there are kept as candidates with the reason `sar_context`. Two ships that turned to one place without a call
are told as an assistance; that they lie there is no second event, but nothing else is excused by it. What went on long before the call is
not excused by it: a false beacon may not wash a meeting white.

Calls come as control rows, because the safety road is quicker than the stream in which detectors decide:
- `sar_open`, subject "ID HOW LAT LON": HOW is beacon, text, status14 or person (by hand), the place in 1/600000 degree. The same ID again prolongs it.
- `sar_closed`, subject "ID NAME": a person, by name, says that this is no rescue (or over): from then on nothing is excused by it,
  and what was suppressed is judged anew at its next tick. A closed area does not open again.
A status 14 inside a port mask opens nothing: it is set by mistake there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from dogwatch.batch import LAT_MAX, LON_MAX, UNITS_PER_DEG, Control
from dogwatch.events import Exclusion
from dogwatch.geo import M_PER_UNIT, NM_M, distance_m
from tracks.params import RescueArea

OPEN, CLOSED = "sar_open", "sar_closed"
NAME = "sar_context"
BESIDE_NM = 1.0
AREAS_MAX = 1_000  # of a flood of false calls the one silent for longest leaves first


@dataclass(slots=True)
class Area:
    """One rescue. `until_ms`: then it is forgotten. `closed_by`: the person who ended it; from then on it excuses nothing."""

    how: str
    lat: int
    lon: int
    since_ms: int
    until_ms: int
    closed_by: str = ""
    only: list[int] = field(default_factory=list)  # tracks that it excuses (and who came after and lies beside them), from loitering alone; empty: everybody


@dataclass(slots=True)
class Rescue:
    """All areas that are open or were closed by hand, by id."""

    areas: dict[str, Area] = field(default_factory=dict)
    pending: list[Control] = field(default_factory=list)
    faulty: int = 0  # control rows that say nothing we understand

    def as_it_is(self) -> Rescue:
        """The areas of this moment, for who asks later."""
        return Rescue({name: replace(area) for name, area in self.areas.items()})

    def control(self, rows: list[Control]) -> None:
        """Keep the rows that are meant for us until the tick that they precede."""
        self.pending += [row for row in rows if row.kind in (OPEN, CLOSED)]

    def advance(self, tick_ms: int, geography: Any, rule: RescueArea) -> None:
        """Take what was said before a tick; forget what is long over."""
        due = [row for row in self.pending if row.t_ms < tick_ms]
        self.pending = [row for row in self.pending if row.t_ms >= tick_ms]
        for row in due:
            words = row.subject.split(" ")
            if row.kind == OPEN:
                self._open(words, row.t_ms, geography, rule)
            elif len(words) == 2 and words[1]:
                self.close(words[0], words[1])
            else:
                self.faulty += 1
        for name in [name for name, area in self.areas.items() if area.until_ms < tick_ms]:
            del self.areas[name]

    def open(self, name: str, how: str, lat: int, lon: int, since_ms: int, now_ms: int, rule: RescueArea, only: list[int] | None = None) -> None:
        """Open an area (place in 1/600000 degree), or prolong it and move it to where it is now. `only`: keys of tracks, as in Area."""
        area = self.areas.setdefault(name, Area(how, lat, lon, since_ms, now_ms))
        area.how, area.lat, area.lon, area.until_ms = how, lat, lon, max(area.until_ms, now_ms + round(rule.hold_s * 1000))
        area.only = list(only or [])
        if len(self.areas) > AREAS_MAX:
            del self.areas[min(self.areas, key=lambda one: (self.areas[one].until_ms, one))]

    def close(self, name: str, by: str) -> None:
        """A person says that it is none, or over; the first word holds."""
        if name in self.areas and not self.areas[name].closed_by:
            self.areas[name].closed_by = by

    def covers(self, lat: int, lon: int, since_ms: int, now_ms: int, rule: RescueArea, key: int | None = None) -> str:
        """The area that excuses what began at `since_ms` at a place (1/600000 degree) and is judged now: its id, or "". `key`: of a track that loiters."""
        reach = rule.reach_nm * NM_M / M_PER_UNIT + 1.0  # in latitude alone: most areas are elsewhere
        for name, area in self.areas.items():
            if abs(lat - area.lat) > reach:
                continue
            if area.only and not _is_one_of(area, lat, lon, since_ms, key):
                continue
            begun = since_ms >= area.since_ms - rule.before_s * 1000.0
            if begun and not area.closed_by and now_ms <= area.until_ms and distance_m(lat, lon, area.lat, area.lon) <= rule.reach_nm * NM_M:
                return name
        return ""

    def exclusion(self, lat_deg: float, lon_deg: float, since_ms: int, now_ms: int, rule: RescueArea, key: int | None = None) -> Exclusion:
        """The same as an exclusion of an event that began at `since_ms` at a place in degrees: it suppresses if there is such an area."""
        if not self.areas:
            return Exclusion(NAME, "none", None, "none")
        lat, lon = round(lat_deg * UNITS_PER_DEG), round(lon_deg * UNITS_PER_DEG)
        name = self.covers(lat, lon, since_ms, now_ms, rule, key)
        if name:
            return Exclusion(NAME, "inside", name, "suppress")
        return Exclusion(NAME, "none", self._closed_by(lat, lon, since_ms, rule), "none")

    def _closed_by(self, lat: int, lon: int, since_ms: int, rule: RescueArea) -> str | None:
        """Who closed the area that would have excused it."""
        for area in self.areas.values():
            begun = area.since_ms - rule.before_s * 1000.0 <= since_ms
            if area.closed_by and begun and distance_m(lat, lon, area.lat, area.lon) <= rule.reach_nm * NM_M:
                return f"closed by {area.closed_by}"
        return None

    def _open(self, words: list[str], t_ms: int, geography: Any, rule: RescueArea) -> None:
        place = _place(words)
        if place is None:
            self.faulty += 1
            return
        lat, lon = place
        if words[1] == "status14" and bool(geography.masked(np.array([lat / UNITS_PER_DEG]), np.array([lon / UNITS_PER_DEG]))[0]):
            return
        self.open(words[0], words[1], lat, lon, t_ms, t_ms, rule)

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`; areas in the order in which they opened, because the first that covers answers."""
        return {
            "areas": [[name, asdict(area)] for name, area in self.areas.items()],
            "pending": [[c.t_ms, c.kind, c.subject] for c in self.pending],
            "faulty": self.faulty,
        }

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> Rescue:
        """The areas that `to_sections` described."""
        areas = {name: Area(**plain) for name, plain in sections["areas"]}
        return cls(areas, [Control(*c) for c in sections["pending"]], sections["faulty"])


def _is_one_of(area: Area, lat: int, lon: int, since_ms: int, key: int | None) -> bool:
    """Whether a loiterer is one of the two whom an area excuses, or came after the first of them turned and lies beside them."""
    beside = since_ms >= area.since_ms and distance_m(lat, lon, area.lat, area.lon) <= BESIDE_NM * NM_M
    return key is not None and (key in area.only or beside)


def open_row(t_ms: int, name: str, how: str, lat: int, lon: int) -> Control:
    """The control row that opens or prolongs an area; place in 1/600000 degree."""
    return Control(t_ms, OPEN, f"{name} {how} {lat} {lon}")


def close_row(t_ms: int, name: str, by: str) -> Control:
    """The control row by which a person ends an area. `by` is one word: blanks become underscores."""
    return Control(t_ms, CLOSED, f"{name} {'_'.join(by.split())}")


def _place(words: list[str]) -> tuple[int, int] | None:
    if len(words) != 4 or not words[0] or not all(word.removeprefix("-").isdecimal() for word in words[2:]):
        return None
    lat, lon = int(words[2]), int(words[3])
    return (lat, lon) if abs(lat) <= LAT_MAX and abs(lon) <= LON_MAX else None
