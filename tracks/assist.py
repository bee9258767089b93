"""Assistance: ships that turn off their courses towards one place and lie there. May hold: who came, the groups, the event, its rescue area.

May not: distress calls (they come on their own road and as control rows), scores: this is the safety channel.
Definition: docs/behaviours/assist.md.

Theory. Nobody who passes knows of the others, so ships that leave steady courses within half an hour and end up slow at one place have
been called there. When a leg (tracks/legs.py) is the first slow one, the two hours before are asked: is there a moment at which
she went steadily for ten minutes, and from which she made straight for the place where she lies now, on another course? That is
an *arrival*, kept for an hour and a half. Two arrivals of different ships, near in place and in time of turning, are an
assistance. Where a call for help was heard near, a rescue craft or aircraft is there, or three came, it opens a rescue area (tracks/rescue.py).
Two ships that turn to one place without any of these are a meeting as well as a rescue: the event is told, and excuses nobody but the two, from
loitering, of which it tells. Rescue craft alone turn all day when they search: without a call they are no assistance. Aircraft have no track;
where each was heard last is kept by number. Arrivals and aircraft are few. Where vessels are spread over shards every shard knows those of all, works out
the same groups from them, and so excuses the same places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import float64, from_dtype, int32, int64, types

from dogwatch.batch import F_CK_BAD, F_LATE, LAT_MISSING, LON_MISSING, UNITS_PER_DEG, take_rows
from dogwatch.events import Event, Evidence, Exclusion, Value
from dogwatch.geo import COS_TABLE, M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference
from dogwatch.kernel import kernel
from tracks import episodes as ep
from tracks import subjects, words
from tracks.detector import Detector, Sight
from tracks.groups import groups
from tracks.legs import LEG_MS, LEGS, M_PER_LEG_KN, RING_TYPE, SLOWED, LegsKeeper, flagged
from tracks.params import Assist

TYPE, RULE = "safety", "assist"
RULE_VERSION = "1.1"
STEADY_LEGS = 2
TURN_LEGS_MAX = 2  # a turn begins and ends within legs, and a long ship takes minutes for it
STEADY_COS = 0.966  # of 15 degrees: legs before the turn agree
HELPERS_MAX = 32  # named in one event
SHIP_TYPE_SAR, SHIP_TYPE_LAW = 51, 55
TYPES_LEISURE = (36, 37)
AIRCRAFT_MAX = 1_000  # remembered; of a flood the one silent for longest leaves first

ARRIVAL = np.dtype(
    [
        ("key", "<i8"),
        ("turn_ms", "<i8"),
        ("slow_ms", "<i8"),
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("turn_cos", "<f4"),
        ("before_kn", "<f4"),
        ("from_lat", "<i4"),  # where she turned
        ("from_lon", "<i4"),
        ("steady_legs", "<i4"),  # so many before the turn along one course, at speed
    ]
)
_ARRIVAL = from_dtype(ARRIVAL)
AIRCRAFT = np.dtype([("mmsi", "<u4"), ("t_ms", "<i8"), ("lat", "<i4"), ("lon", "<i4")])


@dataclass(slots=True)
class Come:
    """What a table has to tell the others: ARRIVAL rows of those who have just come, AIRCRAFT rows of those heard since the last look."""

    arrivals: np.ndarray
    aircraft: np.ndarray


class AssistDetector(Detector):
    """Episodes of assistance by the key of their first helper, the arrivals that count, by key, and rescue aircraft by MMSI (UTC ms, lat, lon)."""

    NAME = "assist"
    PAIRS = True

    def __init__(self) -> None:
        self.book = ep.Book()
        self.arrived: dict[int, np.void] = {}
        self.aircraft: dict[int, tuple[int, int, int]] = {}
        self.overhead: dict[int, tuple[int, int, int]] = {}  # of this table, heard since the last look
        self._free: np.ndarray | None = None  # what `_loose` found, until somebody comes, joins or goes: no part of the state

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray) -> None:
        """Where rescue aircraft are heard; they never become tracks."""
        rows = words.rare(sight, fixes)
        if not len(rows):
            return
        rows = rows[fixes["msg_type"][rows] == words.AIRCRAFT_REPORT]
        for fix in fixes[rows[(fixes["flags"][rows] & np.uint32(F_LATE | F_CK_BAD)) == 0]]:
            mmsi, heard = int(fix["mmsi"]), (int(fix["t_ms"]), int(fix["lat"]), int(fix["lon"]))
            if heard[1] != LAT_MISSING and heard[2] != LON_MISSING:
                self.overhead[mmsi] = max(heard, self.overhead.get(mmsi, heard))

    def bring(self, sight: Sight) -> Come | None:
        """Those of this table who have just come, and the aircraft that it heard."""
        table, rule = sight.table, sight.params.assist
        if sight.tick_ms % LEG_MS or not rule.enabled:
            return None
        slowed = flagged(sight, SLOWED)
        limits = (rule.before_kn_min, float(COS_TABLE[round(rule.turn_deg_min * 10)]), rule.aim_nm_max * NM_M)
        came, slots = note_arrivals(table.cold[LegsKeeper.NAME], slowed, sight.tick_ms, limits)
        came["key"] = table.keys_of(slots)
        aircraft = np.array([(mmsi, *heard) for mmsi, heard in sorted(self.overhead.items())], AIRCRAFT)
        return Come(came[[not _other_business(sight, slot) for slot in slots.tolist()]], aircraft)

    def asks(self, sight: Sight) -> set[int]:
        """All who have come, and those who help."""
        parts = sight.brought(self.NAME) or []
        return self.keys() | {key for part in parts for key in part.arrivals["key"].tolist()} if parts else set()

    def tick(self, sight: Sight) -> list[Event]:
        """Each five minutes: new arrivals, episodes that go on or are over, groups of those who belong to none."""
        rule, tick_ms = sight.params.assist, sight.tick_ms
        if tick_ms % LEG_MS or not rule.enabled:
            return []
        self._take(sight.brought(self.NAME) or [self.bring(sight)], tick_ms, rule)
        events: list[Event] = []
        for key in sorted(self.book.pages):  # first of all: who comes late to a place belongs to those who are there
            events += self._goes_on(sight, key)
        free = self._loose()
        for group in groups(free["lat"], free["lon"], free["turn_ms"], rule.place_nm * NM_M, rule.turns_within_s * 1000.0, HELPERS_MAX):
            if len(group) >= rule.helpers_min:
                events += self._begin(sight, free["key"][group].tolist())
        return events

    def _take(self, parts: list[Come], tick_ms: int, rule: Assist) -> None:
        """Who came and who flies, of all tables; those of long ago are forgotten."""
        for came in np.concatenate([part.arrivals for part in parts]):
            self.arrived[int(came["key"])] = came
        self.arrived = {key: came for key, came in self.arrived.items() if tick_ms - int(came["slow_ms"]) <= rule.keep_s * 1000.0}
        for mmsi, *heard in np.concatenate([part.aircraft for part in parts]).tolist():
            self.aircraft[mmsi] = max(tuple(heard), self.aircraft.get(mmsi, tuple(heard)))
        self._free = None
        newest = sorted((t_ms, mmsi) for mmsi, (t_ms, *_) in self.aircraft.items() if tick_ms - t_ms <= rule.aircraft_s * 1000.0)[-AIRCRAFT_MAX:]
        self.aircraft, self.overhead = {mmsi: self.aircraft[mmsi] for _, mmsi in newest}, {}

    def _loose(self) -> np.ndarray:
        """ARRIVAL rows of those who belong to no episode, in order of keys."""
        if self._free is None:
            taken = {key for page in self.book.pages.values() for key in page.notes["keys"]}
            self._free = np.array([self.arrived[key] for key in sorted(self.arrived.keys() - taken)], ARRIVAL)
        return self._free

    def _latecomers(self, lat: int, lon: int, since_ms: int, rule: Assist) -> list[tuple[Any, ...]]:
        """Those of them who came to a place in units in time, in order of keys. Hundreds wait along a coast: few of them lie in its latitudes."""
        loose, reach = self._loose(), int(rule.place_nm * NM_M / M_PER_UNIT) + 1
        off, late_ms = np.abs(loose["lat"].astype(np.int64) - lat), np.abs(loose["turn_ms"] - since_ms)
        some = take_rows(loose, (off <= reach) & (late_ms <= rule.turns_within_s * 1000.0))
        return [tuple(row.item()) for row in some if distance_m(lat, lon, int(row["lat"]), int(row["lon"])) <= rule.place_nm * NM_M]

    def _begin(self, sight: Sight, keys: list[int]) -> list[Event]:
        came = np.array([self.arrived[key] for key in keys], ARRIVAL)
        lat, lon = _middle(came)
        start_ms = int(came["turn_ms"].min())
        facts = self._facts(sight, came, (lat, lon), start_ms)
        event = ep.new_event(sight, (TYPE, "assist", RULE, RULE_VERSION), keys, start_ms, facts)
        self._excuse(sight, event, keys)
        return [self.book.open_new(min(keys), event, keys=sorted(keys), last_ms=sight.tick_ms, came=_plain(came))]

    def _facts(self, sight: Sight, came: np.ndarray, place: tuple[int, int], start_ms: int) -> dict[str, Any]:
        """What the event says of helpers (ARRIVAL rows in order of keys) at a place in units."""
        rule, keys, (lat, lon) = sight.params.assist, came["key"].tolist(), place
        here = round(lat / UNITS_PER_DEG, 5), round(lon / UNITS_PER_DEG, 5)
        call, aircraft = _call_near(sight, lat, lon, start_ms), self._aircraft_near(sight, lat, lon)
        rescuers = int((_fresh_around(sight, lat, lon)["ship_type"] == SHIP_TYPE_SAR).sum())
        exclusions, doubts = _exclusions(sight, lat, lon, came, call)
        reason = ep.suppressed_reason(exclusions)
        spread_nm = max(distance_m(lat, lon, int(a["lat"]), int(a["lon"])) for a in came) / NM_M
        measures: dict[str, Value] = {
            "helpers": len(keys),
            "distress_call_near": call,
            "rescue_craft_near": rescuers,
            "rescue_aircraft_near": aircraft,
            "spread_nm": ep.tidy("nm", spread_nm),
        }
        cap = rule.confidence_cap if call else rule.confidence_cap_no_call
        margin = ep.margin_quality(len(keys), rule.helpers_min) + (0.3 if call or rescuers or aircraft else 0.0)
        return {
            "state": "candidate" if reason else "open",
            "subjects": [sight.subject(key) for key in keys],
            "t_end": None,
            "lat": here[0],
            "lon": here[1],
            "zones": sight.geography.relations(*here),
            "measures": measures,
            "evidence": _evidence(came, rule, spread_nm),
            "exclusions": exclusions,
            "confidence": ep.confidence_of(cap, margin, 1.0, doubts),
            "reason": reason,
        }

    def _excuse(self, sight: Sight, event: Event, keys: list[int]) -> None:
        """Open or prolong the rescue area of an assistance. Two ships at one place are excused themselves, and from loitering alone: they are told here."""
        told = event.measures
        sure = bool(told["distress_call_near"] or told["rescue_craft_near"] or told["rescue_aircraft_near"])
        if event.state == "open":
            only = [] if sure or len(keys) >= sight.params.assist.helpers_sure_min else sorted(keys)
            lat, lon = _place_of(event)
            sight.rescue.open(event.event_id, "pattern", lat, lon, event.t_start, sight.tick_ms, sight.params.rescue, only)

    def _goes_on(self, sight: Sight, key: int) -> list[Event]:
        """Latecomers join, the area is prolonged while two of them lie there, and the episode ends when they have gone."""
        rule, tick_ms = sight.params.assist, sight.tick_ms
        page = self.book.pages[key]
        event, came = page.event, [tuple(row) for row in page.notes["came"]]
        if event.t_end is not None:
            if tick_ms - event.t_end > rule.keep_s * 1000.0:
                del self.book.pages[key]
                self._free = None
            return []
        lat, lon = _place_of(event)
        new = self._latecomers(lat, lon, event.t_start, rule)[: max(0, HELPERS_MAX - len(came))]
        joined = bool(new)
        rows = np.array(sorted(came + new), ARRIVAL)
        keys = rows["key"].tolist()
        page.notes.update(keys=keys, came=_plain(rows))
        if joined:
            self._free = None
        if sum(_stands_by(sight, one, lat, lon, rule) for one in keys) >= 2:
            page.notes["last_ms"] = tick_ms
        elif tick_ms - int(page.notes["last_ms"]) >= rule.leave_s * 1000.0:
            closed = "closed" if event.state == "open" else event.state
            return [self.book.revise(key, tick_ms, state=closed, t_end=int(page.notes["last_ms"]))]
        events = []
        if joined:  # judged anew: with one more it may be no meeting of two, and no search
            facts = self._facts(sight, rows, (lat, lon), event.t_start)
            events = [self.book.revise(key, tick_ms, **facts, mmsi=[subject.mmsi for subject in facts["subjects"]])]
        if page.notes["last_ms"] == tick_ms:
            self._excuse(sight, page.event, keys)
        return events

    def _aircraft_near(self, sight: Sight, lat: int, lon: int) -> int:
        """Rescue aircraft heard near a place in units not long ago."""
        reach_m = sight.params.assist.aircraft_nm * NM_M
        return sum(distance_m(lat, lon, *at) <= reach_m for _, *at in self.aircraft.values())

    def keys(self) -> set[int]:
        """All helpers and arrivals."""
        return set(self.arrived) | {key for page in self.book.pages.values() for key in page.notes["keys"]}

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        arrived = np.array([self.arrived[key] for key in sorted(self.arrived)], ARRIVAL)
        sky = {name: [[mmsi, *heard] for mmsi, heard in sorted(known.items())] for name, known in (("aircraft", self.aircraft), ("overhead", self.overhead))}
        return {"book": self.book.to_sections(), "arrived": arrived, **sky}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.book = ep.Book.from_sections(sections["book"])
        self.arrived = {int(came["key"]): came for came in sections["arrived"].copy()}
        self.aircraft, self.overhead = ({mmsi: (t_ms, lat, lon) for mmsi, t_ms, lat, lon in sections[name]} for name in ("aircraft", "overhead"))


def _other_business(sight: Sight, slot: int) -> bool:
    """Who is in a harbour, at anchor, engaged in fishing, or has a trade that turns and waits all day has not been called."""
    table = sight.table
    if bool(table.more["masked"][slot]) or int(table.rows["nav"][slot]) in (subjects.NAV_ANCHORED, subjects.NAV_MOORED, subjects.NAV_FISHING):
        return True
    return subjects.role_of(table, slot) not in (None, "search and rescue", "law enforcement")


def _stands_by(sight: Sight, key: int, lat: int, lon: int, rule: Assist) -> bool:
    row = sight.around.of(key)
    if row is None:
        return False
    near = distance_m(lat, lon, int(row["lat"]), int(row["lon"])) <= rule.place_nm * NM_M
    return bool(near and sight.tick_ms - int(row["t_ms"]) <= 2 * ep.FRESH_MS and float(row["speed_kn"]) <= 2 * rule.slow_kn)


def _plain(came: np.ndarray) -> list[list[Any]]:
    """ARRIVAL rows as they may be written down."""
    return [list(row) for row in came.tolist()]


def _place_of(event: Event) -> tuple[int, int]:
    """Where an episode is, in units."""
    return round((event.lat or 0.0) * UNITS_PER_DEG), round((event.lon or 0.0) * UNITS_PER_DEG)


def _fresh_around(sight: Sight, lat: int, lon: int) -> np.ndarray:
    rows = sight.around.within(lat, lon, sight.params.assist.place_nm)
    fresh: np.ndarray = rows[sight.tick_ms - rows["t_ms"] <= ep.FRESH_MS]
    return fresh


def _middle(came: np.ndarray) -> tuple[int, int]:
    """Mean place in units: of the offsets from the first, so right across the date line."""
    lat, lon = int(came["lat"][0]), int(came["lon"][0])
    here = ep.degrees_of(lat + sum(int(a["lat"]) - lat for a in came) / len(came), lon + sum(int(lon_difference(int(a["lon"]), lon)) for a in came) / len(came))
    return round(here[0] * UNITS_PER_DEG), round(here[1] * UNITS_PER_DEG)


def _call_near(sight: Sight, lat: int, lon: int, since_ms: int) -> str | None:
    """How somebody called for help near there, not long after the first turn; None: nobody was heard to."""
    reach_m, latest_ms = sight.params.rescue.reach_nm * NM_M, since_ms + sight.params.assist.turns_within_s * 1000.0
    for area in sight.rescue.areas.values():
        if area.how != "pattern" and not area.closed_by and area.since_ms <= latest_ms and distance_m(lat, lon, area.lat, area.lon) <= reach_m:
            return area.how
    return None


def _evidence(came: np.ndarray, rule: Assist, spread_nm: float) -> list[Evidence]:
    turns = came["turn_ms"]
    return [
        ep.at_least("helpers", len(came), rule.helpers_min),
        ep.at_most("spread_nm", spread_nm, rule.place_nm),
        ep.at_most("turns_apart_s", (int(turns.max()) - int(turns.min())) / 1000.0, rule.turns_within_s),
        ep.at_least("speed_before_kn", float(came["before_kn"].min()), rule.before_kn_min),
    ]


def _exclusions(sight: Sight, lat: int, lon: int, came: np.ndarray, call: str | None) -> tuple[list[Exclusion], list[float]]:
    """Each innocent explanation that was tested, and the doubts of those that apply. `came`: ARRIVAL rows."""
    rule, rows, keys = sight.params.assist, _fresh_around(sight, lat, lon), came["key"].tolist()
    slow = rows[(rows["speed_kn"] >= 0) & (rows["speed_kn"] <= rule.slow_kn)]
    others = int((~np.isin(slow["key"], keys)).sum())
    pilots = int((rows["ship_type"] == 50).sum())
    types = [0 if (party := sight.party(key)) is None else int(party["ship_type"]) for key in keys]
    leisure = sum(kind in TYPES_LEISURE for kind in types)
    fishing = _about_their_trade(came[[kind == subjects.TYPE_FISHING for kind in types]], rule)
    on_duty = sum(kind in (SHIP_TYPE_SAR, SHIP_TYPE_LAW) for kind in types)
    play = len(keys) - leisure < rule.helpers_min
    crowd = others >= rule.crowd_others_min
    found = [
        ep.checked("waiting_place", crowd, others, suppress=call is None),
        ep.checked("pilot_station", pilots > 0, pilots, suppress=call is None),
        ep.checked("regatta_or_outing", play, leisure, suppress=call is None),
        ep.checked("fishing_ground", len(keys) - fishing < rule.helpers_min, fishing, suppress=call is None),
        ep.checked("search_or_patrol", on_duty == len(keys), on_duty, suppress=call is None),
    ]
    return found, [0.3 for applies in (crowd, pilots > 0) if applies]


def _about_their_trade(boats: np.ndarray, rule: Assist) -> int:
    """How many fishing vessels (ARRIVAL rows) may have come to fish: who was not on passage before she turned, or came with another from one side."""
    n = 0
    for boat in boats:
        apart_m = [
            distance_m(int(boat["from_lat"]), int(boat["from_lon"]), int(other["from_lat"]), int(other["from_lon"]))
            for other in boats[boats["key"] != boat["key"]]
        ]
        n += int(boat["steady_legs"]) * LEG_MS < rule.passage_s * 1000.0 or min(apart_m, default=np.inf) <= rule.place_nm * NM_M
    return n


@kernel(int32(float64[::1], float64[::1], int64, int64, float64))
def _steady_legs(ys, xs, k, n, least2):
    """How many legs, backwards from place k to place n, agree with the course of the first STEADY_LEGS of them; least2: square of their least length in m."""
    ay, ax = ys[k] - ys[k + STEADY_LEGS], xs[k] - xs[k + STEADY_LEGS]
    a, steady = np.sqrt(ay * ay + ax * ax), 0
    for j in range(k, n):
        ly, lx = ys[j] - ys[j + 1], xs[j] - xs[j + 1]
        leg2 = ly * ly + lx * lx
        if leg2 < least2 or ly * ay + lx * ax < STEADY_COS * np.sqrt(leg2) * a:
            break
        steady += 1
    return np.int32(steady)


@kernel(types.UniTuple(int64, 2)(float64[::1], float64[::1], int64, float64, types.UniTuple(float64, 3)))
def _turn(ys, xs, n, least2, limits):
    """(legs since she had turned, legs that the turn took) of the quickest turn, of these the latest, from which she came straight here; (0, 0): there is none.

    ys, xs: n places before each leg, north and east of here in m. limits: see `note_arrivals`.
    """
    _, turn_cos, stray_m = limits
    for turning in range(TURN_LEGS_MAX + 1):
        for k in range(2, n - STEADY_LEGS - turning + 1):  # the slow leg among them
            left = k + turning
            ay, ax = ys[left] - ys[left + STEADY_LEGS], xs[left] - xs[left + STEADY_LEGS]
            a = np.sqrt(ay * ay + ax * ax)
            c = np.sqrt(ys[k] * ys[k] + xs[k] * xs[k])
            steady = _steady_legs(ys, xs, left, left + STEADY_LEGS, least2) == STEADY_LEGS
            if not steady or c == 0.0 or -(ay * ys[k] + ax * xs[k]) > turn_cos * a * c:
                continue
            straight = True
            for j in range(1, k):
                straight &= abs(ys[j] * xs[k] - xs[j] * ys[k]) <= stray_m * c
            if straight:
                return k, turning
    return 0, 0


# Flat: walks back over the legs of one vessel after the other; slow twin in tests/naive_motion.py.
@kernel(types.Tuple((_ARRIVAL[::1], int64[::1]))(RING_TYPE[::1], int64[::1], int64, types.UniTuple(float64, 3)))
def note_arrivals(rings, slots, tick_ms, limits):
    """Of vessels whose newest leg is their first slow one: who turned and came straight here: (ARRIVAL rows, their slots). Keys are left to the caller.

    A ring's last `known` legs have no unknown one among them.

    limits: slowest steady speed in knots, cosine of the least turn, how far she may stray from the straight way in m.
    """
    newest = (tick_ms // LEG_MS - 1) % LEGS
    arrivals, found = np.zeros(slots.shape[0], _ARRIVAL), np.empty(slots.shape[0], np.int64)
    n_found = 0
    ys, xs = np.zeros(LEGS + 1), np.zeros(LEGS + 1)
    least2 = (limits[0] * M_PER_LEG_KN) ** 2
    for i in range(slots.shape[0]):
        ring = rings[slots[i]]
        n = 0
        for k in range(np.int64(ring["known"])):  # places before each leg, north and east of here
            at = (newest - k) % LEGS
            ys[k + 1] = ys[k] - ring["north"][at]
            xs[k + 1] = xs[k] - ring["east"][at]
            n = k + 1
        k, turning = _turn(ys, xs, n, least2, limits)
        if k == 0:
            continue
        left = k + turning
        ay, ax = ys[left] - ys[left + STEADY_LEGS], xs[left] - xs[left + STEADY_LEGS]
        a, c = np.sqrt(ay * ay + ax * ax), np.sqrt(ys[k] * ys[k] + xs[k] * xs[k])
        arrival = arrivals[n_found]
        arrival["turn_ms"] = tick_ms - left * LEG_MS
        arrival["slow_ms"] = tick_ms
        arrival["lat"] = ring["lat"]
        arrival["lon"] = ring["lon"]
        arrival["turn_cos"] = np.float32(-(ay * ys[k] + ax * xs[k]) / (a * c))
        arrival["before_kn"] = np.float32(a / STEADY_LEGS / M_PER_LEG_KN)
        lon = lon_difference(np.int64(ring["lon"]) + np.int64(round(xs[left] / M_PER_UNIT / cos_lat(np.int64(ring["lat"])))), 0)
        arrival["from_lat"] = np.int32(np.int64(ring["lat"]) + np.int64(round(ys[left] / M_PER_UNIT)))
        arrival["from_lon"] = np.int32(lon)
        arrival["steady_legs"] = _steady_legs(ys, xs, left, n, least2)
        found[n_found] = slots[i]
        n_found += 1
    return arrivals[:n_found].copy(), found[:n_found].copy()
