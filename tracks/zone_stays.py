"""Open stays in drawn zones, in columns. May hold: what is known of each until it ends, and the versions made of that. May not: say that one begins or ends.

Theory. In a sea of a million vessels fifty thousand lie in some zone, and an event is forty objects. So a stay is a record, of which the event's next
version is made when there is one, and its words when somebody reads them (dogwatch/late.py). Records lie without a gap, in whatever order: the last one
takes the place of one that ends, `at` says which is whose (by *mark*: the track's key and the zone's number), and a snapshot is sorted by mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from dogwatch.events import State, Value, ZoneRelation
from dogwatch.late import LateEvent, unwritten
from tracks import episodes as ep
from tracks.key import mmsi_of
from tracks.records import STATICS
from tracks.subjects import subject_from
from tracks.vessels import text_of
from tracks.zone_steps import Limit, Steps, Told, Who, rounded
from tracks.zone_words import RULE_VERSION, TYPE, crossing_quality, crossing_words

ZONE_BITS = 20  # room for zone numbers in marks
ROOM = 64
STAY = np.dtype(
    [
        ("mark", "<i8"),
        ("id_high", "<u8"),  # of the event
        ("id_low", "<u8"),
        ("t_ms", "<i8"),  # entered
        *((name, "<f8") for name in ("lat_deg", "lon_deg", "confidence", "step_s", "limit_s", "beyond_nm", "speed_kn")),  # as Told has them
        ("point_nm", "<f8"),  # to an official crossing point; NaN: nobody asked
        ("last_lat_deg", "<f8"),  # where it was when it was last silent or heard again, and how far from where it entered; NaN: it never was silent
        ("last_lon_deg", "<f8"),
        ("from_entry_m", "<f8"),
        ("version", "<u4"),
        ("imo", "<u4"),
        ("loa_m", "<u2"),
        ("params", "<u2"),  # which of the `params` of Stays
        ("nav", "u1"),
        ("class_b", "u1"),
        ("ship_type", "u1"),
        ("near", "?"),
        ("silent", "?"),
        *((name, STATICS[name]) for name in ("name", "callsign", "destination")),
    ]
)


class Stay(NamedTuple):
    """A record of STAY as plain values."""

    mark: int
    id_high: int
    id_low: int
    t_ms: int
    lat_deg: float
    lon_deg: float
    confidence: float
    step_s: float
    limit_s: float
    beyond_nm: float
    speed_kn: float
    point_nm: float
    last_lat_deg: float
    last_lon_deg: float
    from_entry_m: float
    version: int
    imo: int
    loa_m: int
    params: int
    nav: int
    class_b: int
    ship_type: int
    near: bool
    silent: bool
    name: bytes
    callsign: bytes
    destination: bytes

    @property
    def zone(self) -> int:
        """Its number."""
        return self.mark & (1 << ZONE_BITS) - 1


assert Stay._fields == STAY.names


class Stays:
    """The open stays; a new one for a mark takes the place of the old one."""

    def __init__(self) -> None:
        self.records = np.zeros(ROOM, STAY)
        self.at: dict[int, int] = {}  # mark -> number of its record
        self.params: list[str] = []  # hashes of the parameters under which stays were told

    def __len__(self) -> int:
        return len(self.at)

    def __contains__(self, mark: int) -> bool:
        return mark in self.at

    def __iter__(self) -> Iterator[Stay]:
        """All of them, by mark."""
        return (Stay(*record) for record in self._sorted().tolist())

    @property
    def held(self) -> np.ndarray:
        """STAY[n]: their records."""
        return self.records[: len(self.at)]

    def open(self, begun: np.void, identity: str, params_hash: str, point_nm: float = np.nan) -> None:
        """A stay begins. begun: its record of `begun_by`."""
        number = self.at.setdefault(int(begun["mark"]), len(self.at))
        if number == len(self.records):
            self.records = np.concatenate([self.records, np.zeros(number, STAY)])
        if params_hash not in self.params:
            self.params.append(params_hash)
        self.records[number] = begun
        record = self.records[number]
        record["id_high"], record["id_low"] = int(identity[:16], 16), int(identity[16:], 16)
        record["params"], record["point_nm"] = self.params.index(params_hash), point_nm

    def close(self, mark: int) -> Stay:
        """A stay is over; returns what was known of it."""
        number = self.at.pop(mark)
        stay, last = Stay(*self.records[number].item()), len(self.at)
        if number != last:
            self.records[number] = self.records[last]
            self.at[int(self.records["mark"][last])] = number
        return stay

    def version(self, stay: Stay, limit: Limit, state: State, end_ms: int | None, t_detected: int, relation: ZoneRelation) -> LateEvent:
        """Version `stay.version` of its event. relation: how the vessel stands to the zone."""
        identity, none = f"{stay.id_high:016x}{stay.id_low:016x}", None
        what = (identity, stay.version, state, TYPE, "enter", none, [mmsi_of(stay.mark >> ZONE_BITS)], stay.t_ms, end_ms, t_detected)
        rest = (stay.lat_deg, stay.lon_deg, [relation], none, none, none, stay.confidence, "zone_enter", RULE_VERSION, self.params[stay.params])
        return unwritten(LateEvent(*what, *rest, "", "", none, False, none, _Words(stay, limit), 0))  # type: ignore[arg-type]  # no words yet

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"records": self._sorted(), "params": list(self.params)}

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> Stays:
        """The stays that `to_sections` described."""
        stays = cls()
        stays.records = np.concatenate([sections["records"], np.zeros(ROOM, STAY)])
        stays.at = {mark: number for number, mark in enumerate(sections["records"]["mark"].tolist())}
        stays.params = list(sections["params"])
        return stays

    def _sorted(self) -> np.ndarray:
        return self.held[np.argsort(self.held["mark"])]


class _Words:
    """Writes what a stay's version says, when somebody reads it."""

    def __init__(self, stay: Stay, limit: Limit) -> None:
        self.stay, self.limit = stay, limit

    def write(self, event: LateEvent) -> None:
        """As `Writer.write`."""
        stay, destination = self.stay, text_of(self.stay.destination)
        subject = subject_from(stay.mark >> ZONE_BITS, stay.nav, stay.class_b, stay.ship_type, stay.loa_m, stay.name, stay.callsign, stay.imo)
        who = Who(subject, bool(stay.class_b), destination, stay.ship_type, doubted=False)
        told = Told(False, stay.step_s, stay.limit_s, stay.beyond_nm, stay.speed_kn, stay.lat_deg, stay.lon_deg, stay.confidence, stay.near)
        event.subjects, event.quality = [subject], crossing_quality(told)
        event.measures, event.evidence, event.exclusions = crossing_words(who, told, self.limit, "in")
        more: dict[str, Value] = {}
        if not np.isnan(stay.point_nm):
            more["crossing_point_nm"] = stay.point_nm
        if destination:
            more["destination"] = destination
        if not np.isnan(stay.last_lat_deg):
            more |= {"last_known_lat": stay.last_lat_deg, "last_known_lon": stay.last_lon_deg, "from_entry_m": stay.from_entry_m}
        if event.t_end is not None:
            more["stay_s"] = ep.tidy("s", (event.t_end - stay.t_ms) / 1000.0)
        event.measures |= more


def begun_by(steps: Steps) -> np.ndarray:
    """STAY[n]: of each step of a tick the stay that it begins, if it begins one; without its id and parameters."""
    made = np.zeros(len(steps.keys), STAY)
    keys, made["nav"], made["class_b"], made["ship_type"], made["loa_m"], made["name"], made["callsign"], made["imo"] = steps.vessels
    made["mark"], made["t_ms"], made["destination"] = keys << ZONE_BITS | steps.rows["zone"] & (1 << ZONE_BITS) - 1, steps.rows["at_ms"], steps.destinations
    made["lat_deg"], made["lon_deg"], made["confidence"], made["near"] = steps.lat_deg, steps.lon_deg, steps.confidence, steps.told["near"]
    made["step_s"] = rounded((steps.rows["t_ms"] - steps.rows["from_ms"]) / 1000.0, 0)
    made["limit_s"] = rounded(steps.told["limit_s"], 0)
    made["beyond_nm"], made["speed_kn"] = (rounded(steps.rows[name].astype(np.float64), 2) for name in ("depth_nm", "speed_kn"))
    made["point_nm"] = made["last_lat_deg"] = made["last_lon_deg"] = made["from_entry_m"] = np.nan
    made["version"] = 1
    return made
