"""State of former builds, brought to the form of this one. May hold: a function for each schema, from it to the next. May not: files, topics, guessing.

`runners.step.restore` applies them one after the other. Who changes a section raises STATE_SCHEMA and writes here what becomes of
the sections that the build before has written; a test makes such sections and goes on with them. Where nothing true can be said of the
old sections there is no function, and the blob is refused: track and score then rebuild their state by replay, ingest and `run` say what to do.
A snapshot of a run, of a stage and of ingest differ, so a function changes what it finds and leaves the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from dogwatch.batch import LAT_MISSING, T_MISSING
from dogwatch.events import Event, event_from_json
from dogwatch.geo import M_PER_UNIT, cos_lat
from tracks import dark_partner, port_visit, slow_runs
from tracks.assist import ARRIVAL
from tracks.detectors import new_detectors
from tracks.hulls import COUNTS
from tracks.key import TRACKS_MAX, make_pair
from tracks.loitering import LoiteringDetector
from tracks.pairs import EXPLAINED, PAIR
from tracks.port_visit import PortVisitDetector
from tracks.records import TRAIL
from tracks.rendezvous import SUPPRESSED_HARBOUR, SUPPRESSED_STANDING
from tracks.subjects import TOWING_NAV
from tracks.zone_events import ZoneDetector
from tracks.zone_follow import OUT, OUT_OF_BELT, ZONES_HELD
from tracks.zone_stays import STAY

Sections = dict[str, Any]


def migrated(sections: Sections, found: int, wanted: int) -> Sections:
    """Sections of schema `found` in the form of `wanted`; changed in place. `reaches(found, wanted)` must hold."""
    for schema in range(found, wanted):
        MIGRATIONS[schema](sections)
    return sections


def reaches(found: int, wanted: int) -> bool:
    """Whether there is a way from a schema to a later one."""
    return found < wanted and all(schema in MIGRATIONS for schema in range(found, wanted))


def _from_15(sections: Sections) -> None:
    """The reorder buffer knows when we were last said to be down or up; a state of before knows of none that could overlap the next."""
    for buffer in _all_named("reorder", sections):
        buffer["told_ms"] = T_MISSING


def _from_16(sections: Sections) -> None:
    """An empty place of a trail is one without a latitude, and the box of a slow run is told in units. Fields that are no more go in `_from_20`."""
    for table in _all_named("table", sections):
        trail, runs = table["trail"], table["cold"][LoiteringDetector.NAME]
        table["trail"] = _refitted(trail, TRAIL, lat=np.where(trail["filled"] != 0, trail["lat"], LAT_MISSING))
        narrow = np.array([cos_lat(lat) for lat in runs["lat"].tolist()])
        boxes = {f"{end}_y": np.rint(runs[f"{end}_y_m"] / M_PER_UNIT) for end in ("min", "max")}
        boxes |= {f"{end}_x": np.rint(runs[f"{end}_x_m"] / M_PER_UNIT / narrow) for end in ("min", "max")}
        wider = np.dtype([(name, runs.dtype[name]) for name in runs.dtype.names if name not in boxes] + [(name, "<i4") for name in boxes])
        table["cold"][LoiteringDetector.NAME] = _refitted(runs, wider, **boxes)


def _from_17(sections: Sections) -> None:
    """Who came to help tells where she turned and how long she had been on passage; of those who came before, neither is known."""
    for found in _all_named("assist", sections):
        old = found["arrived"]
        found["arrived"] = _refitted(old, ARRIVAL, from_lat=old["lat"], from_lon=old["lon"], steady_legs=np.zeros(len(old)))
        for _, _, _, notes in found["book"]:
            notes["came"] = [[*row, row[3], row[4], 0] for row in notes["came"]]


def _from_18(sections: Sections) -> None:
    """Of a number twice as many hulls are told apart: what was counted of each in turn has room for them."""
    for identity in _all_named("identity", sections):
        identity["turns"] = [[*row, *[0] * (1 + COUNTS + TRACKS_MAX - len(row))] for row in identity["turns"]]


def _from_19(sections: Sections) -> None:
    """A detector more: of smooth tracks nothing is known yet."""
    for detectors in _all_named("detectors", sections):
        detectors["smooth"] = {"book": [], "runs": []}


def _from_20(sections: Sections) -> None:
    """What few tracks need at a time has left the records of all for pools, where only those have one who need it."""
    for table in _all_named("table", sections):
        table["pools"] = {}
        _to_pools(table, set(table["cold"]) - {PortVisitDetector.NAME, ZoneDetector.NAME})


def _from_21(sections: Sections) -> None:
    """Of two in contact it is asked who else is there before they have met; of those of before it was not."""
    for found in _all_named("rendezvous", sections):
        for kind in ("still", "abreast"):
            n = len(found[kind]["pairs"])
            found[kind]["pairs"] = _refitted(found[kind]["pairs"], PAIR, spare=np.zeros((n, 5)))


def _from_22(sections: Sections) -> None:
    """Visits to ports have left for a pool as well, and the step in which a zone was left that the next fix decides about."""
    for table in _all_named("table", sections):
        _to_pools(table, {PortVisitDetector.NAME, ZoneDetector.NAME})


def _from_23(sections: Sections) -> None:
    """A stop at sea remembers that the crew said "not under command"; of those of before nothing is known."""
    name = dark_partner.DarkPartnerDetector.NAME
    for pools in _all_named("pools", sections):
        pools[name] = _refitted(pools[name], dark_partner.STOP)


def _from_24(sections: Sections) -> None:
    """The key of two tracks has room for eight tracks of a number; it was the smaller key << 32 | the larger one."""
    for found in _all_named("rendezvous", sections):
        for kind in (found["still"], found["abreast"]):
            pairs = kind["pairs"].copy()
            pairs["key"] = [_pair_of_24(key) for key in pairs["key"].tolist()]
            kind["pairs"] = pairs[np.argsort(pairs["key"])]
            kind["book"] = sorted([_pair_of_24(key), *page] for key, *page in kind["book"])
    for found in _all_named("collision", sections):
        for name in ("pairs", "book"):
            found[name] = sorted([_pair_of_24(key), *told] for key, *told in found[name])


def _pair_of_24(key: int) -> int:
    pair: int = make_pair(key >> 32, key & 0xFFFFFFFF)
    return pair


def _from_25(sections: Sections) -> None:
    """Of an open stay in a zone a record is kept, no more its event."""
    for found in _all_named("zone", sections):
        if "book" in found:
            events = [(mark, event_from_json(text)) for mark, _, text, _ in found.pop("book")]
            params = sorted({event.params_hash for _, event in events})
            records = [_stay_of(mark, event, params.index(event.params_hash)) for mark, event in events]
            found["stays"] = {"records": np.array(records, STAY), "params": params}


def _stay_of(mark: int, event: Event, params: int) -> tuple[Any, ...]:
    subject, measures, none = event.subjects[0], event.measures, np.nan
    identity = int(event.event_id[:16], 16), int(event.event_id[16:], 16)
    numbers = measures["gap_s"], event.evidence[0].threshold, measures["beyond_nm"], measures["speed_kn"], measures.get("crossing_point_nm", none)
    last = [measures.get(name, none) for name in ("last_known_lat", "last_known_lon", "from_entry_m")]
    nav = TOWING_NAV[0] if subject.role == "towing" else 0  # of what she said that she was doing her role alone is told
    who = event.version, subject.imo or 0, subject.loa_m or 0, params, nav, subject.ais_class == "B", subject.ship_type or 0
    flags = event.exclusions[0].result == "yes", event.zones[0].relation == "inside_last_known"
    texts = [str(text or "").encode("ascii", "replace") for text in (subject.name, subject.callsign, measures.get("destination"))]
    return (mark, *identity, event.t_start, event.lat, event.lon, event.confidence, *numbers, *last, *who, *flags, *texts)


def _from_26(sections: Sections) -> None:
    """Two whose place explains them are asked about no more."""
    for found in _all_named("rendezvous", sections):
        for kind in ("still", "abreast"):
            pairs = found[kind]["pairs"]
            told = {key: event_from_json(text) for key, _, text, _ in found[kind]["book"]}
            by_place = [key in told and told[key].t_end is None and told[key].reason in SUPPRESSED_STANDING for key in pairs["key"].tolist()]
            found[kind]["pairs"] = _refitted(pairs, PAIR, stage=np.where(by_place, EXPLAINED, pairs["stage"]))


def _from_27(sections: Sections) -> None:
    """Two whom a harbour or an anchorage explains begin anew when they meet elsewhere."""
    for found in _all_named("rendezvous", sections):
        pairs = found["still"]["pairs"]
        reasons = {key: event_from_json(text).reason for key, _, text, _ in found["still"]["book"]}
        lies = [reasons.get(key) in SUPPRESSED_HARBOUR for key in pairs["key"].tolist()]
        found["still"]["pairs"], found["abreast"]["pairs"] = _refitted(pairs, PAIR, harboured=np.array(lies)), _refitted(found["abreast"]["pairs"], PAIR)


def _to_pools(table: Sections, names: set[str]) -> None:
    """Records of these detectors as they are now: what few tracks need in pools."""
    kinds = {detector.NAME: detector for detector in new_detectors()}
    for name in names:
        kind, old, made = kinds[name], table["cold"][name], {}
        assert kind.COLD is not None  # or it would have none of the arrays
        if kind.POOL is not None:
            needed, prefix = NEEDED[name](old), PREFIX.get(name, "")
            made = {"at": np.where(needed, np.cumsum(needed), 0)}
            before = {field: old[f"{prefix}{field}"][needed] for field in kind.POOL.names or () if prefix and f"{prefix}{field}" in old.dtype.names}
            table["pools"][name] = _refitted(old[needed], kind.POOL, **before)
        table["cold"][name] = _refitted(old, kind.COLD, **made)


def _is_left(standing: np.ndarray) -> np.ndarray:
    """Whether the next fix decides about the belt or a zone that the last one lay outside of."""
    zones = (standing["held"] & OUT != 0) & (np.arange(ZONES_HELD) < standing["n"][:, None])
    left: np.ndarray = (standing["flags"] & OUT_OF_BELT != 0) | zones.any(axis=1)
    return left


def _refitted(old: np.ndarray, dtype: np.dtype[Any], **made: np.ndarray) -> np.ndarray:
    """Records in another form: each field as `made`, else as it was under its name; zero, nothing known, where it was not."""
    new = np.zeros(old.shape, dtype)
    for name in dtype.names or ():
        if name in made or name in (old.dtype.names or ()):
            new[name] = made[name] if name in made else old[name]
    return new


def _all_named(name: str, sections: Sections) -> Iterator[Sections]:
    for key, section in sections.items():
        if isinstance(section, dict):
            if key == name:
                yield section
            yield from _all_named(name, section)


NEEDED: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # who has something in a pool
    "loitering": lambda runs: runs["state"] != slow_runs.NONE,
    "dark": lambda ears: ears["silence"] != 0,
    "dark_partner": lambda stops: (stops["phase"] == dark_partner.STOPPED) | (stops["phase"] == dark_partner.RESUMED),
    "sudden_stop": lambda stops: stops["fast_ms"] != 0,
    "drift": lambda words: words["reports"] != 0,
    "aground": lambda words: words["reports"] != 0,
    "port_visit": lambda visits: visits["state"] == port_visit.IN_PORT,
    "zone": _is_left,
}
PREFIX = {"dark": "back_", "zone": "out_"}  # of names that fields had before they went to a pool
MIGRATIONS: dict[int, Callable[[Sections], None]] = {
    15: _from_15,
    16: _from_16,
    17: _from_17,
    18: _from_18,
    19: _from_19,
    20: _from_20,
    21: _from_21,
    22: _from_22,
    23: _from_23,
    24: _from_24,
    25: _from_25,
    26: _from_26,
    27: _from_27,
}
