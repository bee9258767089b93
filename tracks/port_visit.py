"""Port visits: in from the sea, stopped or silent in port, out again. Definition: docs/behaviours/port-visit.md.

May hold: the visit of a vessel, its conditions, its event. May not: other detectors, where ports are (geography says it).

Theory. A vessel is asked about ports only when it may have come into one or left one: each answer says how far it must move
before another answer is possible (`slack`), so a ship on the high seas is asked every few hours and one at its berth never.
Looks are taken each five minutes; when one shows that the water's edge was crossed, the trail of the last forty minutes is
asked where, and the time is interpolated on that leg. Entry and exit differ by `exit_nm`, so that a ship on the edge does
not come and go. What was seen decides how sure a visit is (Global Fishing Watch's four levels): an entry or an exit alone is
1, a stop or a long silence in port alone 2, with one side of it 3, with both 4. What is known of a visit lies in a pool:
less than half of all ships are in port.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, from_dtype, int64, uint8

from dogwatch.batch import LAT_MISSING, T_MISSING
from dogwatch.events import Event, Evidence, Exclusion, event_id
from dogwatch.geo import KN_MS, NM_M, distance_m
from dogwatch.kernel import kernel
from tracks import episodes as ep
from tracks import subjects
from tracks.detector import Detector, Sight
from tracks.key import mmsi_of
from tracks.params import PortVisit
from tracks.records import BELIEVED, HOT_TYPE, MORE_TYPE
from tracks.vessels import EVICT_MS, VesselTable, degrees, trail_ms, trail_of

TYPE = RULE = "port_visit"
RULE_VERSION = "1.0"
LOOK_MS = 300_000
PART = 16_384  # tracks about which the geography is asked at a time
DAY_MS = 86_400_000
REACH_NM = 24.0  # ports farther away are not looked for: asked again after so many miles, and a search so wide is cheap
EDGE_NM = 0.1  # where only the side of the edge is asked, nothing farther is looked for
NOISE_M = 50.0  # a moored ship's positions wander so far between two looks
TRAIL_S = 2_400.0
LEG_PARTS = 32  # the leg that crosses the edge is asked in so many steps: 5 s of a leg of the trail
NEW, AT_SEA, IN_PORT = 0, 1, 2
ENTERED, STOPPED, SILENT, VAGUE = 1, 2, 4, 8  # what was seen of a visit; VAGUE: its entry fell in a silence
ASK, STOP, GAP = 1, 2, 4  # what a look found
SURE = (0.0, 0.3, 0.5, 0.8, 0.95)  # confidence of each level

WAY = np.dtype(
    [
        ("last_ms", "<i8"),  # its newest position at the last look
        ("lat", "<i4"),  # at the last look
        ("lon", "<i4"),
        ("asked_lat", "<i4"),  # where the geography was asked
        ("asked_lon", "<i4"),
        ("slack_m", "<f4"),  # as long as it is nearer to there than this, the answer stands
        ("at", "<u4"),  # number of its VISIT; 0: it is not in port
        ("state", "u1"),
    ]
)
VISIT = np.dtype(
    [
        ("entered_ms", "<i8"),  # crossing of the edge, or first position in port
        ("stop_ms", "<i8"),  # it had not moved since, at the first look that saw it stopped
        ("stop_last_ms", "<i8"),  # last look at which it had not moved on
        ("gap_s", "<u4"),  # longest silence in port
        ("stop_lat", "<i4"),
        ("stop_lon", "<i4"),
        ("segment", "<u2"),
        ("seen", "u1"),
        ("stop_dkn", "u1"),  # speed at the stop in 0.1 kn
    ]
)
_WAY, _VISIT = from_dtype(WAY), from_dtype(VISIT)


class PortVisitDetector(Detector):
    """Visits that are open; what is known of a vessel's way to port lies beside its track."""

    NAME = "port_visit"
    COLD = WAY
    POOL = VISIT

    def __init__(self) -> None:
        self.book = ep.Book()

    def tick(self, sight: Sight) -> list[Event]:
        """Each five minutes: who stopped, who came in, who left."""
        rule, table, tick_ms = sight.params.port_visit, sight.table, sight.tick_ms
        if tick_ms % LOOK_MS or not rule.enabled:
            return []
        ways, visits = table.cold[self.NAME], table.pools[self.NAME].records
        found = look(table.used, table.known, ways[: len(table)], visits, rule.stop_kn_max, rule.resume_kn, round(rule.gap_s_min * 1000))
        events: list[Event] = []
        asked = np.flatnonzero(found & ASK)
        changed = np.flatnonzero(found & (STOP | GAP))
        if len(asked):
            came, left = (np.concatenate(slots) for slots in zip(*[_answered(sight, part, rule) for part in _parts(asked)]))
            for slot in table.in_order(left):
                events += self._left(sight, int(slot))
            _at_sea(table, left)
            for part in _parts(came):
                for slot in _on_their_way(sight, part, rule):
                    _came(sight, slot, rule)
            changed = np.setdiff1d(np.union1d(changed, came), left)
        sure = LEVELS[visits["seen"][ways["at"][changed]]] >= max(2, rule.level_min)
        for slot in table.in_order(changed[sure]):
            events += self._changed(sight, int(slot))
        return events + (self._forgotten(sight) if tick_ms % DAY_MS == 0 else [])

    def keys(self) -> set[int]:
        """Tracks with a visit that is open."""
        return set(self.book.pages)

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"book": self.book.to_sections()}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.book = ep.Book.from_sections(sections["book"])

    def _changed(self, sight: Sight, slot: int) -> list[Event]:
        """More is known of a visit, which is sure enough, than at the last look."""
        table = sight.table
        visit, key = _visit(table, slot), table.key_of(slot)
        level, page = level_of(int(visit["seen"]), exited=False), self.book.pages.get(key)
        if page is not None and page.event.measures["visit_level"] == level:
            return []
        facts = _facts(sight, slot, level, t_end=None, exit_nm=None)
        if page is None:
            return [self.book.open_new(key, _new_event(sight, key, int(visit["entered_ms"]), facts))]
        return [self.book.revise(key, sight.tick_ms, **facts)]

    def _left(self, sight: Sight, slot: int) -> list[Event]:
        """Out of port: the visit closes; one that was not sure enough before may be now."""
        table, rule = sight.table, sight.params.port_visit
        visit, key = _visit(table, slot), table.key_of(slot)
        if key not in self.book and level_of(int(visit["seen"]), exited=True) < rule.level_min:
            return []  # passed through: nobody asks when
        t_end, exit_nm = _crossing(sight, slot, rule, outward=True)
        level = level_of(int(visit["seen"]), exited=t_end is not None)
        last_ms = int(table.cold[self.NAME]["last_ms"][slot]) if t_end is None else t_end
        facts = _facts(sight, slot, level, t_end=last_ms, exit_nm=exit_nm)
        facts["state"] = "closed" if facts["state"] == "open" else facts["state"]
        events = []
        if key in self.book:
            events.append(self.book.revise(key, sight.tick_ms, **facts))
            del self.book.pages[key]
        elif level >= rule.level_min:
            events.append(_new_event(sight, key, int(visit["entered_ms"]), facts))
        return events

    def _forgotten(self, sight: Sight) -> list[Event]:
        """Once a day: visits of ships not heard for a month end where they were heard last."""
        events = []
        ways = sight.table.cold[self.NAME]
        for key in sorted(self.book.pages):
            slot = sight.table.slot_of_key(key)
            if slot < 0 or int(sight.table.heard_ms[slot]) >= sight.tick_ms - EVICT_MS:
                continue
            page = self.book.pages[key]
            state = "closed" if page.event.state == "open" else page.event.state
            events.append(self.book.revise(key, sight.tick_ms, state=state, reason="not heard for 30 days", t_end=int(ways["last_ms"][slot])))
            del self.book.pages[key]
            _at_sea(sight.table, np.array([slot]))
            ways["state"][slot] = NEW
        return events


def level_of(seen: int, *, exited: bool) -> int:
    """How sure a visit is: 1 a side only, 2 a stop or silence only, 3 with one side, 4 with both."""
    sides = int(bool(seen & ENTERED)) + int(exited)
    return 2 + sides if seen & (STOPPED | SILENT) else min(1, sides)


LEVELS = np.array([level_of(seen, exited=False) for seen in range(256)])


def _visit(table: VesselTable, slot: int) -> np.void:
    visit: np.void = table.pools[PortVisitDetector.NAME].records[table.cold[PortVisitDetector.NAME]["at"][slot]]
    return visit


def _at_sea(table: VesselTable, slots: np.ndarray) -> None:
    ways = table.cold[PortVisitDetector.NAME]
    table.pools[PortVisitDetector.NAME].give_back(ways, slots)
    ways["state"][slots] = AT_SEA


def _parts(slots: np.ndarray) -> list[np.ndarray]:
    """The same slots, so many at a time that a fleet which is first heard takes no room of its size."""
    return [slots[start : start + PART] for start in range(0, len(slots), PART)]


def _answered(sight: Sight, slots: np.ndarray, rule: PortVisit) -> tuple[np.ndarray, np.ndarray]:
    """Ask the geography, and take its answers: (slots that came in, slots that left). Those that left are still as they were in port."""
    table = sight.table
    far_nm = sight.geography.port_distance_nm(degrees(table.rows["lat"][slots]), degrees(table.rows["lon"][slots]), REACH_NM, rule.radius_nm)
    ways, pool = table.cold[PortVisitDetector.NAME], table.pools[PortVisitDetector.NAME]
    before = ways["state"][slots]
    inside = far_nm <= 0.0
    came = inside & (before != IN_PORT)
    left = (before == IN_PORT) & (far_nm > rule.exit_nm)
    first = before == NEW
    pool.give(ways, slots[came])
    pool.records["seen"][ways["at"][slots[came]]] = np.where(first[came], 0, ENTERED)
    ways["state"][slots[came]] = IN_PORT
    ways["state"][slots[first & ~inside]] = AT_SEA
    still = (ways["state"][slots] == IN_PORT) & ~left
    ways["slack_m"][slots] = np.where(still, np.maximum(0.0, rule.exit_nm - far_nm), far_nm) * NM_M
    ways["asked_lat"][slots], ways["asked_lon"][slots] = table.rows["lat"][slots], table.rows["lon"][slots]
    return slots[came], slots[left]


def _on_their_way(sight: Sight, slots: np.ndarray, rule: PortVisit) -> list[int]:
    """Of those that came in, the ones with a place outside on their trail; of the others (a fleet, when a watch begins) only that they are in is known."""
    table = sight.table
    ways, visits, points = table.cold[PortVisitDetector.NAME], table.pools[PortVisitDetector.NAME].records, table.trail[slots]
    wanted = (points["lat"] != LAT_MISSING) & (sight.tick_ms - trail_ms(points["t"], sight.tick_ms) <= TRAIL_S * 1000.0)
    outside = np.zeros(wanted.shape, np.bool_)
    outside[wanted] = sight.geography.port_distance_nm(degrees(points["lat"][wanted]), degrees(points["lon"][wanted]), EDGE_NM, rule.radius_nm) > 0.0
    moored = slots[~outside.any(axis=1)]
    at = ways["at"][moored]
    visits["seen"][at] |= np.where(visits["seen"][at] & ENTERED, VAGUE, 0).astype(np.uint8)
    visits["entered_ms"][at] = ways["last_ms"][moored]
    visits["segment"][at] = table.more["segment"][moored]
    return slots[outside.any(axis=1)].tolist()


def _came(sight: Sight, slot: int, rule: PortVisit) -> None:
    """When did it come in: the crossing on its trail, or the first position in port."""
    visit = _visit(sight.table, slot)
    entered_ms, _ = _crossing(sight, slot, rule, outward=False)
    if entered_ms is not None:
        visit["seen"] |= ENTERED  # also at its first look, if the trail goes back far enough
    else:
        visit["seen"] |= VAGUE if visit["seen"] & ENTERED else 0
        entered_ms = int(sight.table.cold[PortVisitDetector.NAME]["last_ms"][slot])
    visit["entered_ms"] = entered_ms
    visit["segment"] = sight.table.more["segment"][slot]


def _crossing(sight: Sight, slot: int, rule: PortVisit, *, outward: bool) -> tuple[int | None, float | None]:
    """(ms, miles from the port's waters at the newest fix) of the last crossing of the edge on the trail; None where no leg crosses it, or after a jump."""
    table, visit = sight.table, _visit(sight.table, slot)
    points = trail_of(table, slot, sight.tick_ms, TRAIL_S)
    row = table.rows[slot]
    t_ms = np.append(trail_ms(points["t"], sight.tick_ms), int(row["t_ms"]))
    lat, lon = np.append(points["lat"].astype(np.int64), int(row["lat"])), np.append(points["lon"].astype(np.int64), int(row["lon"]))
    limit_nm = rule.exit_nm if outward else 0.0
    far_nm = sight.geography.port_distance_nm(degrees(lat), degrees(lon), REACH_NM, rule.radius_nm)
    outside = far_nm > limit_nm
    turns = np.flatnonzero(outside[1:] != outside[:-1])
    turns = turns[outside[turns + 1] == outward]
    if not len(turns) or (outward and int(table.more["segment"][slot]) != int(visit["segment"])):
        return None, float(far_nm[-1])
    k = int(turns[-1])
    if t_ms[k + 1] - t_ms[k] > rule.leg_s_max * 1000.0:
        return None, float(far_nm[-1])
    share = np.arange(LEG_PARTS + 1) / LEG_PARTS
    lon_step = (int(lon[k + 1]) - int(lon[k]) + 108_000_000) % 216_000_000 - 108_000_000
    leg_lon = (lon[k] + np.rint(share * lon_step) + 108_000_000) % 216_000_000 - 108_000_000
    leg_lat = lat[k] + np.rint(share * (lat[k + 1] - lat[k]))
    leg = sight.geography.port_distance_nm(degrees(leg_lat), degrees(leg_lon), REACH_NM, rule.radius_nm) > limit_nm
    first = int(np.argmax(leg == outward))
    return int(t_ms[k]) + round(float(share[first]) * int(t_ms[k + 1] - t_ms[k])), float(far_nm[-1])


def _facts(sight: Sight, slot: int, level: int, *, t_end: int | None, exit_nm: float | None) -> dict[str, Any]:
    """What the event says, from the visit as it stands."""
    table, rule = sight.table, sight.params.port_visit
    visit = _visit(table, slot)
    seen = int(visit["seen"])
    stopped = bool(seen & STOPPED)
    lat, lon = (int(visit["stop_lat"]), int(visit["stop_lon"])) if stopped else (int(table.rows["lat"][slot]), int(table.rows["lon"][slot]))
    lat_deg, lon_deg = ep.degrees_of(lat, lon)
    exclusions = _exclusions(table, slot, seen)
    reason = ep.suppressed_reason(exclusions)
    doubts = [0.2] if seen & VAGUE else []
    until_ms = int(table.cold[PortVisitDetector.NAME]["last_ms"][slot]) if t_end is None else t_end
    measures: dict[str, Any] = {"visit_level": level, "duration_s": ep.tidy("s", (until_ms - int(visit["entered_ms"])) / 1000.0)}
    if stopped:
        measures["stopped_s"] = ep.tidy("s", (int(visit["stop_last_ms"]) - int(visit["stop_ms"])) / 1000.0)
    if seen & SILENT:
        measures["gap_s"] = int(visit["gap_s"])
    return {
        "state": "candidate" if reason or level < 2 else "open",
        "subjects": [subjects.subject_of(table, slot)],
        "t_end": t_end,
        "lat": lat_deg,
        "lon": lon_deg,
        "zones": sight.geography.relations(lat_deg, lon_deg),
        "measures": measures,
        "evidence": _evidence(visit, seen, rule, exit_nm if t_end is not None else None),
        "exclusions": exclusions,
        "confidence": ep.confidence_of(1.0, SURE[level], 1.0, doubts),
        "reason": reason,
        "quality": {},
    }


def _evidence(visit: np.void, seen: int, rule: PortVisit, exit_nm: float | None) -> list[Evidence]:
    found = [ep.at_most("port_distance_nm", 0.0, 0.0)]
    if seen & STOPPED:
        found.append(ep.at_most("speed_kn", int(visit["stop_dkn"]) / 10.0, rule.stop_kn_max))
    if seen & SILENT:
        found.append(ep.at_least("gap_s", int(visit["gap_s"]), rule.gap_s_min))
    if exit_nm is not None:
        found.append(ep.at_least("port_distance_nm_end", exit_nm, rule.exit_nm))
    return found


def _exclusions(table: VesselTable, slot: int, seen: int) -> list[Exclusion]:
    """Who works in port comes and goes all day; an entry that fell in a silence is less sure."""
    return [ep.role_exclusion(table, [slot]), ep.checked("entry_in_silence", bool(seen & VAGUE))]


def _new_event(sight: Sight, key: int, start_ms: int, facts: dict[str, Any]) -> Event:
    return Event(
        event_id=event_id(TYPE, [subjects.subject_key(key)], start_ms, RULE, RULE_VERSION),
        version=1,
        type=TYPE,
        subtype="",
        mmsi=[mmsi_of(key)],
        t_start=start_ms,
        t_detected=sight.tick_ms,
        rule=RULE,
        rule_version=RULE_VERSION,
        params_hash=sight.params.params_hash,
        **facts,
    )


@kernel(uint8[::1](HOT_TYPE[::1], MORE_TYPE[::1], _WAY[::1], _VISIT[::1], float64, float64, int64))
def look(rows, more, ways, visits, stop_kn, resume_kn, gap_ms):
    """One look at every track with a new position: uint8[n] of ASK, STOP (its first in this visit) and GAP (its first long silence in port)."""
    found = np.zeros(rows.shape[0], np.uint8)
    for slot in range(rows.shape[0]):
        row, way = rows[slot], ways[slot]
        t_ms = row["t_ms"]
        if t_ms == T_MISSING or t_ms <= way["last_ms"] or more[slot]["belief"] != BELIEVED:
            continue
        what = 0
        if way["state"] == NEW or distance_m(way["asked_lat"], way["asked_lon"], row["lat"], row["lon"]) >= way["slack_m"]:
            what |= ASK
        if way["state"] == IN_PORT:
            visit = visits[way["at"]]
            since_ms = t_ms - way["last_ms"]
            if since_ms >= gap_ms:
                visit["gap_s"] = np.uint32(max(np.int64(visit["gap_s"]), since_ms // 1000))
                if visit["seen"] & SILENT == 0:
                    visit["seen"] |= np.uint8(SILENT)
                    what |= GAP
            moved_m = distance_m(way["lat"], way["lon"], row["lat"], row["lon"])
            still = moved_m <= NOISE_M + resume_kn * KN_MS * since_ms / 1000.0
            speed_kn = row["speed_kn"]
            if still and 0.0 <= speed_kn <= stop_kn + 0.01 and visit["seen"] & STOPPED == 0:
                visit["seen"] |= np.uint8(STOPPED)
                visit["stop_ms"] = way["last_ms"]  # it has not moved since
                visit["stop_last_ms"] = t_ms
                visit["stop_lat"] = row["lat"]
                visit["stop_lon"] = row["lon"]
                visit["stop_dkn"] = np.uint8(speed_kn * 10.0 + 0.5)
                what |= STOP
            elif still and 0.0 <= speed_kn < resume_kn and visit["seen"] & STOPPED != 0:
                visit["stop_last_ms"] = t_ms
        way["last_ms"] = t_ms
        way["lat"] = row["lat"]
        way["lon"] = row["lon"]
        found[slot] = what
    return found
