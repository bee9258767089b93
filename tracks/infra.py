"""Cables and pipelines: who stops above one, creeps toward one, or drags an anchor near one. Definition: docs/behaviours/infra.md.

May hold: the three rules, their state and events. May not: where corridors are (geography says it), other detectors.

Theory. Each five minutes every vessel's speed goes into a ring of two hours, and the geography is asked how far the nearest
corridor of a cable or pipeline is, but only when the vessel has moved so far that the answer may matter. Who goes at least a
quarter slower than the median of its own two hours, on the course it had, for a quarter of an hour, with a corridor on its way,
may drag an anchor. Who is slow within a mile or two of a corridor is watched each minute: inside and hardly moving is over the
cable, outside and headed for it an approach. At anchor the place where the ship lay down is remembered: farther off than she can
swing, and ever farther for ten minutes, is a drag too. Watched vessels are few, so their state is kept by key, outside the table.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numba import float64, from_dtype, int64, uint8

from dogwatch.batch import COG_MISSING, T_MISSING
from dogwatch.events import Event, Exclusion, Value
from dogwatch.geo import COS_TABLE, M_PER_UNIT, NM_M, cos_lat, distance_m
from dogwatch.kernel import kernel
from tracks import episodes as ep
from tracks import subjects
from tracks.detector import Detector, Sight
from tracks.records import BELIEVED, HOT_TYPE, MORE_TYPE
from tracks.vessels import VesselTable, degrees, trail_ms, trail_of

TYPE, RULE_VERSION = "infra", "1.0"
OVER, APPROACH, DRAG = "over_cable", "cable_approach", "anchor_drag"
LOOK_MS = 300_000
RING = 24  # looks: two hours
LOOKS_MIN = 6  # half an hour of its own speed, before anything is called slow
STEP_KN = 0.2  # of the ring
REACH_NM = 60.0
WATCH_NM = 2.0  # three knots for half an hour, and a little
TRAIL_S = 2_400.0
NAV_ANCHORED, NAV_RESTRICTED = 1, 3
TYPE_PILOT = 50
CROWD_NM, CROWD_MIN, CROWD_SHARE = 5.0, 4, 0.8  # merchant ships around that go no faster: weather, a lane, a closed port
AHEAD_PARTS = 40  # a way ahead is asked at so many places: a quarter of a mile apart on ten miles
ASK, SLOW, QUICK = 1, 2, 4

NOBODY: tuple[np.ndarray | None, np.ndarray] = None, np.empty(0, np.int64)

STRIDE = np.dtype(
    [
        ("ring", "u1", (RING,)),  # speed of each look in STEP_KN, plus one; 0 none
        ("look", "<i4"),  # number of the last look
        ("asked_lat", "<i4"),
        ("asked_lon", "<i4"),
        ("slack_m", "<f4"),  # as long as it is nearer to there than this, `far_nm` is good enough
        ("far_nm", "<f4"),
        ("cog", "<u2"),  # at the last look
        ("slow_cog", "<u2"),  # before it slowed down
        ("base", "u1"),  # its own speed before, in STEP_KN
        ("slow", "u1"),  # successive slow looks
        ("near", "u1"),  # a corridor within reach of the rules
        ("asked", "u1"),
        ("dragging", "u1"),  # an anchor drag is told of it
    ]
)
_STRIDE = from_dtype(STRIDE)


class Watched(msgspec.Struct, array_like=True):
    """What is remembered of a slow vessel near a corridor; times in ms, 0 for never."""

    last_ms: int = 0
    inside_ms: int = 0  # last position inside
    outside_ms: int = 0  # first position outside after it
    still_ms: int = 0  # below over_kn inside since
    idle_ms: int = 0  # below loiter_kn inside since
    anchored_ms: int = 0  # says so, inside, since
    headed_ms: int = 0  # its reckoning meets the corridor since
    missed_ms: int = 0  # and no more since
    eta_s: int = 0
    lay_lat: int = 0  # where it lay down
    lay_lon: int = 0
    lay_ms: int = 0
    off_ms: int = 0  # beyond its swing, and ever farther, since
    off_m: float = 0.0


class InfraDetector(Detector):
    """Episodes over cables, of approach and of dragging, and the vessels that are watched near a corridor."""

    NAME = "infra"
    COLD = STRIDE

    def __init__(self) -> None:
        self.books = {OVER: ep.Book(), APPROACH: ep.Book(), DRAG: ep.Book()}
        self.watched: dict[int, Watched] = {}
        self.near = NOBODY  # the records of the table, and the slots near a corridor in it: only a copy of what the looks wrote beside the tracks
        self.dragging: set[int] = set()  # the same of tracks of which a drag is told

    def tick(self, sight: Sight) -> list[Event]:
        """Each minute who is slow near a corridor, each five minutes who slowed down."""
        if not (sight.params.infra.enabled and sight.geography.has_cables):
            return []
        events = _looked(self, sight) if sight.tick_ms % LOOK_MS == 0 else []
        events += _watch(self, sight)
        self._mark_dragging(sight.table)
        return events

    def _mark_dragging(self, table: VesselTable) -> None:
        """Write beside the tracks of which an anchor drag is told, for those who would see a slow-down only."""
        now = self._told_to_drag()
        for key in sorted(now ^ self.dragging):
            if (slot := table.slot_of_key(key)) >= 0:
                table.cold[self.NAME]["dragging"][slot] = key in now
        self.dragging = now

    def _told_to_drag(self) -> set[int]:
        return {key for key, page in self.books[DRAG].pages.items() if page.event.state == "open"}

    def keys(self) -> set[int]:
        """Tracks with an episode, or watched."""
        return set(self.watched).union(*(book.pages for book in self.books.values()))

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        watched = [[key, *msgspec.to_builtins(state)] for key, state in sorted(self.watched.items())]
        return {"books": {name: book.to_sections() for name, book in self.books.items()}, "watched": watched}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood."""
        self.books = {name: ep.Book.from_sections(sections["books"][name]) for name in self.books}
        self.watched = {row[0]: Watched(*row[1:]) for row in sections["watched"]}
        self.near, self.dragging = NOBODY, self._told_to_drag()


# --- dragging under way: each five minutes ---


def _looked(state: InfraDetector, sight: Sight) -> list[Event]:
    table, rule = sight.table, sight.params.infra
    n, strides = len(table), table.cold[state.NAME]
    limits = (rule.drag_share_max, rule.drag_share_end, rule.drag_kn_min, rule.drag_kn_max, rule.base_kn_min, _cos(rule.steady_deg))
    found = look(table.used, table.known, strides[:n], sight.tick_ms, *limits)
    asked = np.flatnonzero(found & ASK)
    if len(asked):
        far_nm = sight.geography.cable_distance_nm(degrees(table.rows["lat"][asked]), degrees(table.rows["lon"][asked]), REACH_NM)
        near = far_nm <= rule.cable_nm
        strides["far_nm"][asked], strides["near"][asked], strides["asked"][asked] = far_nm, near, 1
        strides["slack_m"][asked] = np.where(near, np.maximum(0.0, far_nm - WATCH_NM), far_nm - rule.cable_nm) * NM_M
        strides["asked_lat"][asked], strides["asked_lon"][asked] = table.rows["lat"][asked], table.rows["lon"][asked]
        state.near = NOBODY
    events: list[Event] = []
    book = state.books[DRAG]
    for slot in table.in_order(np.flatnonzero(found & QUICK)):
        key = table.key_of(int(slot))
        if key in book and not book.pages[key].notes["at_anchor"]:
            events += _closed(book, key, sight.tick_ms, book.pages[key].notes["last_ms"])
    for slot in table.in_order(np.flatnonzero((found & SLOW != 0) & (strides["near"][:n] != 0))):
        events += _dragging(book, sight, int(slot))
    return events


def _dragging(book: ep.Book, sight: Sight, slot: int) -> list[Event]:
    """A vessel that is a quarter slower than it was, on its course, near a corridor."""
    table, rule, tick_ms = sight.table, sight.params.infra, sight.tick_ms
    stride, key = table.cold[InfraDetector.NAME][slot], table.key_of(slot)
    base_kn = (int(stride["base"]) - 1) * STEP_KN
    points = trail_of(table, slot, tick_ms, TRAIL_S)
    t_ms = trail_ms(points["t"], tick_ms)
    page = book.pages.get(key)
    if page is None:
        quick = np.flatnonzero(points["sog"] > rule.drag_share_end * base_kn * 10.0)
        first = int(quick[-1]) + 1 if len(quick) else 0
        if first >= len(points):
            return []
        start_ms = int(t_ms[first])
    else:
        start_ms = page.event.t_start
    row = table.rows[slot]
    slow = points[t_ms >= start_ms]
    duration_s = (int(row["t_ms"]) - start_ms) / 1000.0
    if duration_s < rule.drag_s_min or not len(slow):
        return []
    lat, lon = np.append(slow["lat"], row["lat"]).astype(np.int64), np.append(slow["lon"], row["lon"]).astype(np.int64)
    crossed = bool((sight.geography.cable_distance_nm(degrees(lat), degrees(lon), WATCH_NM) <= 0).any()) or bool(page and page.event.measures["crossed"])
    eta_s = 0.0 if crossed else _ahead_nm(sight, row, rule.cable_nm) / max(0.1, float(row["speed_kn"])) * 3600.0
    if page is None and eta_s > rule.eta_s_max:
        return []
    speed_kn = float(np.median(slow["sog"])) / 10.0 if len(slow) else float(row["speed_kn"])
    loss = 1.0 - speed_kn / base_kn
    exclusions, doubts = _drag_exclusions(sight, slot, speed_kn, start_ms)
    if page is not None:  # a pilot is looked for once, when it is first said
        before = {x.name: x for x in page.event.exclusions}
        exclusions = [before.get(x.name, x) if x.name == "pilot_boarding" else x for x in exclusions]
    where = ep.degrees_of(int(row["lat"]), int(row["lon"]))
    measures: dict[str, Value] = {
        "duration_s": ep.tidy("s", duration_s),
        "speed_kn": ep.tidy("kn", speed_kn),
        "speed_kn_before": ep.tidy("kn", base_kn),
        "crossed": crossed,
        "at_anchor": False,
        "cable_distance_nm": ep.tidy("nm", float(stride["far_nm"])),
    }
    evidence = [
        ep.at_least("speed_loss_share", loss, 1.0 - rule.drag_share_max),
        ep.at_least("duration_s", duration_s, rule.drag_s_min),
        ep.at_most("eta_s", eta_s, rule.eta_s_max),
    ]
    margin = min(ep.margin_quality(duration_s, rule.drag_s_min), ep.margin_quality(loss, 1.0 - rule.drag_share_max))
    confidence = ep.confidence_of(rule.confidence_cap, margin, 1.0, doubts)
    facts = ep.facts_of(sight, slot, where, exclusions, measures=measures, evidence=evidence, confidence=confidence)
    return _said(book, sight, key, DRAG, start_ms, int(row["t_ms"]), facts, at_anchor=False)


def _ahead_nm(sight: Sight, row: np.void, reach_nm: float) -> float:
    """Miles along its course to the nearest corridor, more than `reach_nm` if there is none so near ahead."""
    way_m = np.arange(1, AHEAD_PARTS + 1) * (reach_nm * NM_M / AHEAD_PARTS)
    lat, lon = reckoned(int(row["lat"]), int(row["lon"]), int(row["cog"]), way_m)
    inside = sight.geography.cable_distance_nm(degrees(lat), degrees(lon), 1.0) <= 0
    return float(way_m[int(np.argmax(inside))]) / NM_M if inside.any() else reach_nm + 1.0


def _drag_exclusions(sight: Sight, slot: int, speed_kn: float, since_ms: int) -> tuple[list[Exclusion], list[float]]:
    """Who slows down for a reason that one can see."""
    table, row = sight.table, sight.table.rows[slot]
    others = sight.around.within(int(row["lat"]), int(row["lon"]), CROWD_NM)
    others = others[(others["key"] != table.key_of(slot)) & (others["t_ms"] >= sight.tick_ms - ep.FRESH_MS)]
    traders = others[(others["ship_type"] >= 60) & (others["ship_type"] < 90) & (others["speed_kn"] >= 2.0)]
    as_slow = int((traders["speed_kn"] <= 1.1 * speed_kn).sum())
    crowd = len(traders) >= CROWD_MIN and as_slow >= CROWD_SHARE * len(traders)
    pilots = sight.around.within(int(row["lat"]), int(row["lon"]), 1.0)
    pilot = bool(((pilots["ship_type"] == TYPE_PILOT) & (pilots["key"] != table.key_of(slot))).any())
    here = degrees(row["lat"].reshape(1)), degrees(row["lon"].reshape(1))
    port_nm = float(sight.geography.port_distance_nm(*here, 5.0)[0])
    fishing, engaged = _fishing(table, slot)
    return [
        ep.role_exclusion(table, [slot]),
        engaged,
        fishing,
        ep.checked("pilot_boarding", pilot, suppress=True),
        ep.checked("everybody_is_slow", crowd, as_slow),
        ep.checked("port_approach", port_nm < 5.0, ep.tidy("nm", port_nm)),
        _rescue(sight, slot, since_ms),
        Exclusion("depth", "unknown", None, "doubt"),
    ], [doubt for applies, doubt in ((fishing.effect == "doubt", 0.4), (crowd, 0.4), (port_nm < 5.0, 0.3), (True, 0.3)) if applies]


def _rescue(sight: Sight, slot: int, since_ms: int) -> Exclusion:
    here = ep.degrees_of(int(sight.table.rows["lat"][slot]), int(sight.table.rows["lon"][slot]))
    return sight.rescue.exclusion(*here, since_ms, sight.tick_ms, sight.params.rescue)


def _fishing(table: VesselTable, slot: int) -> tuple[Exclusion, Exclusion]:
    """(a fishing vessel: doubt; fishing by its own word: its gear explains speed and course)."""
    ship_type, nav = int(table.more["ship_type"][slot]), int(table.rows["nav"][slot])
    return ep.checked("fishing_vessel", ship_type == subjects.TYPE_FISHING, ship_type), ep.checked(
        "engaged_in_fishing", nav == subjects.NAV_FISHING, nav, suppress=True
    )


# --- slow near a corridor: each minute ---


def _watch(state: InfraDetector, sight: Sight) -> list[Event]:
    table, rule, tick_ms = sight.table, sight.params.infra, sight.tick_ms
    slots = _wanted(state, table, tick_ms - ep.FRESH_MS, rule.approach_kn)
    events: list[Event] = []
    if len(slots):
        slots = table.in_order(slots)
        lat_deg, lon_deg = degrees(table.rows["lat"][slots]), degrees(table.rows["lon"][slots])
        far_nm = sight.geography.cable_distance_nm(lat_deg, lon_deg, rule.cable_nm)
        keys, t_ms = table.keys_of(slots), table.rows["t_ms"][slots]
        new = (far_nm <= WATCH_NM) | (table.rows["nav"][slots] == NAV_ANCHORED)  # who is not watched, and neither, is not looked at
        may = np.flatnonzero(new | np.isin(keys, list(state.watched)))
        for slot, nm, key, at_ms in zip(*(column[may].tolist() for column in (slots, far_nm, keys, t_ms)), strict=True):
            seen = state.watched.get(key)
            if seen is None or at_ms > seen.last_ms:
                events += _minute(state, sight, slot, nm)
    for key in sorted(set(state.watched)):
        if state.watched[key].last_ms < tick_ms - rule.silent_s * 1000.0:
            events += _dropped(state, key, tick_ms)
    return events


def _wanted(state: InfraDetector, table: VesselTable, since_ms: int, speed_kn_max: float) -> np.ndarray:
    """Slots of the tracks near a corridor that are slow and were heard since a time, or are watched.

    Who is near is read through once after each look, or when the table has new arrays: only then do slots move.
    """
    near = table.cold[state.NAME]["near"]
    if state.near[0] is not table.rows:
        state.near = table.rows, np.flatnonzero(near[: len(table)] != 0)
    slots = state.near[1]
    speed_kn, t_ms = table.rows["speed_kn"][slots], table.rows["t_ms"][slots]
    slow = slots[(speed_kn >= 0) & (speed_kn <= speed_kn_max) & (t_ms > since_ms) & (near[slots] != 0)]
    if not state.watched:
        return slow
    watched = table.slots_of_keys(np.array(list(state.watched), np.int64))
    return np.union1d(slow, watched[(watched >= 0) & (near[watched] != 0)])


def _dropped(state: InfraDetector, key: int, tick_ms: int) -> list[Event]:
    """No longer watched: what is open ends at its last position."""
    del state.watched[key]
    events = []
    for name in (OVER, APPROACH, DRAG):
        page = state.books[name].pages.get(key)
        if page is not None and (name != DRAG or page.notes["at_anchor"]):
            events += _closed(state.books[name], key, tick_ms, page.notes["last_ms"])
    return events


def _minute(state: InfraDetector, sight: Sight, slot: int, far_nm: float) -> list[Event]:
    """A watched vessel with a new position, or one that is watched from now on: what that changes."""
    table, rule = sight.table, sight.params.infra
    key, row = table.key_of(slot), table.rows[slot]
    t_ms, speed_kn = int(row["t_ms"]), float(row["speed_kn"])
    seen = state.watched.get(key)
    if seen is None:
        seen = state.watched[key] = Watched()
    seen.last_ms = t_ms
    events = _over(state, sight, slot, seen, far_nm <= 0.0)
    events += _approaching(state, sight, slot, seen, far_nm)
    events += _at_anchor(state, sight, slot, seen)
    idle = speed_kn > 2 * rule.approach_kn or (far_nm > WATCH_NM and int(row["nav"]) != NAV_ANCHORED)
    if idle and not any(key in book for book in state.books.values()):
        del state.watched[key]
    return events


def _since(since_ms: int, holds: bool, t_ms: int) -> int:
    return (since_ms or t_ms) if holds else 0


def _over(state: InfraDetector, sight: Sight, slot: int, seen: Watched, inside: bool) -> list[Event]:
    """Hardly moving, or at anchor, inside a corridor."""
    rule, table, tick_ms = sight.params.infra, sight.table, sight.tick_ms
    row, key, book = table.rows[slot], table.key_of(slot), state.books[OVER]
    t_ms, speed_kn = int(row["t_ms"]), float(row["speed_kn"])
    if inside:
        seen.inside_ms, seen.outside_ms = t_ms, 0
    else:
        seen.outside_ms = seen.outside_ms or t_ms
    there = inside or (seen.inside_ms and t_ms - seen.outside_ms < rule.leave_s * 1000.0)
    # once slow, half a knot more is allowed: noise of the speed does not end it
    seen.still_ms = _since(seen.still_ms, bool(there) and 0 <= speed_kn < rule.over_kn + (0.5 if seen.still_ms else 0.0), t_ms)
    seen.idle_ms = _since(seen.idle_ms, bool(there) and 0 <= speed_kn < rule.loiter_kn + (0.5 if seen.idle_ms else 0.0), t_ms)
    seen.anchored_ms = _since(seen.anchored_ms, bool(there) and int(row["nav"]) == NAV_ANCHORED, t_ms)
    reasons = ((seen.still_ms, rule.over_s_min, "still_s"), (seen.anchored_ms, rule.anchored_s_min, "anchored_s"), (seen.idle_ms, rule.loiter_s_min, "idle_s"))
    met = [(since, need_s, name) for since, need_s, name in reasons if since and t_ms - since >= need_s * 1000.0]
    if not met:
        return _closed(book, key, tick_ms, book.pages[key].notes["last_ms"]) if key in book else []
    since, need_s, name = met[0]
    duration_s = (t_ms - since) / 1000.0
    start_ms = book.pages[key].event.t_start if key in book else since
    exclusions, doubts = _place_exclusions(sight, slot, start_ms)
    evidence = [ep.at_most("cable_distance_nm", 0.0, 0.0), ep.at_least(name, duration_s, need_s)]
    measures: dict[str, Value] = {"duration_s": ep.tidy("s", (t_ms - start_ms) / 1000.0), "speed_kn": ep.tidy("kn", speed_kn)}
    confidence = ep.confidence_of(rule.confidence_cap, ep.margin_quality(duration_s, need_s), 1.0, doubts)
    facts = ep.facts_of(sight, slot, ep.degrees_of(int(row["lat"]), int(row["lon"])), exclusions, measures=measures, evidence=evidence, confidence=confidence)
    return _said(book, sight, key, OVER, start_ms, seen.inside_ms, facts)


def _approaching(state: InfraDetector, sight: Sight, slot: int, seen: Watched, far_nm: float) -> list[Event]:
    """Outside, slow, and headed for the corridor: there within half an hour."""
    rule, table, tick_ms = sight.params.infra, sight.table, sight.tick_ms
    row, key, book = table.rows[slot], table.key_of(slot), state.books[APPROACH]
    t_ms, speed_kn = int(row["t_ms"]), float(row["speed_kn"])
    eta_s = _eta_s(sight, row, far_nm) if far_nm > 0 else None
    if eta_s is not None:
        seen.headed_ms, seen.missed_ms, seen.eta_s = seen.headed_ms or t_ms, 0, eta_s
    elif seen.headed_ms:
        seen.missed_ms = seen.missed_ms or t_ms
    if far_nm <= 0 or (seen.missed_ms and t_ms - seen.missed_ms >= rule.approach_s_min * 1000.0) or speed_kn > rule.approach_kn + 0.5:
        last_ms = seen.missed_ms or t_ms
        seen.headed_ms = seen.missed_ms = 0
        return _closed(book, key, tick_ms, last_ms) if key in book else []
    if not seen.headed_ms or seen.missed_ms or t_ms - seen.headed_ms < rule.approach_s_min * 1000.0:
        return []
    start_ms = book.pages[key].event.t_start if key in book else seen.headed_ms
    exclusions, doubts = _place_exclusions(sight, slot, start_ms, working_excuses=True)
    evidence = [
        ep.at_most("eta_s", seen.eta_s, rule.eta_s_max),
        ep.at_most("speed_kn", speed_kn, rule.approach_kn),
        ep.at_least("duration_s", (t_ms - start_ms) / 1000.0, rule.approach_s_min),
    ]
    measures: dict[str, Value] = {
        "duration_s": ep.tidy("s", (t_ms - start_ms) / 1000.0),
        "eta_s": seen.eta_s,
        "speed_kn": ep.tidy("kn", speed_kn),
        "cable_distance_nm": ep.tidy("nm", far_nm),
    }
    confidence = ep.confidence_of(rule.confidence_cap, ep.margin_quality((t_ms - start_ms) / 1000.0, rule.approach_s_min), 1.0, doubts)
    facts = ep.facts_of(sight, slot, ep.degrees_of(int(row["lat"]), int(row["lon"])), exclusions, measures=measures, evidence=evidence, confidence=confidence)
    return _said(book, sight, key, APPROACH, start_ms, t_ms, facts)


def _eta_s(sight: Sight, row: np.void, far_nm: float) -> int | None:
    """Seconds until its reckoning meets the corridor; None: not within eta_s_max, or it does not head for it, or too fast or too slow to say."""
    rule = sight.params.infra
    speed_kn = float(row["speed_kn"])
    if int(row["cog"]) >= COG_MISSING or not rule.approach_kn_min <= speed_kn <= rule.approach_kn or far_nm > speed_kn * rule.eta_s_max / 3600.0:
        return None
    parts = 20
    seconds = np.arange(1, parts + 1) * (rule.eta_s_max / parts)
    lat, lon = reckoned(int(row["lat"]), int(row["lon"]), int(row["cog"]), seconds * (speed_kn * NM_M / 3600.0))
    inside = sight.geography.cable_distance_nm(degrees(lat), degrees(lon), 1.0) <= 0
    return int(seconds[int(np.argmax(inside))]) if inside.any() else None


def _at_anchor(state: InfraDetector, sight: Sight, slot: int, seen: Watched) -> list[Event]:
    """At anchor by its own word, and farther from where it lay down than it can swing."""
    rule, table, tick_ms = sight.params.infra, sight.table, sight.tick_ms
    row, key, book = table.rows[slot], table.key_of(slot), state.books[DRAG]
    t_ms, lat, lon = int(row["t_ms"]), int(row["lat"]), int(row["lon"])
    own = key in book and book.pages[key].notes["at_anchor"]
    if int(row["nav"]) != NAV_ANCHORED or float(row["speed_kn"]) > rule.weighed_kn:
        seen.lay_ms = seen.off_ms = 0
        return _closed(book, key, tick_ms, book.pages[key].notes["last_ms"]) if own else []
    if not seen.lay_ms:
        seen.lay_ms, seen.lay_lat, seen.lay_lon, seen.off_ms, seen.off_m = t_ms, lat, lon, 0, 0.0
        return []
    off_m = float(distance_m(seen.lay_lat, seen.lay_lon, lat, lon))
    swing_m = rule.swing_nm * NM_M + 2.0 * (int(table.more["loa_m"][slot]) or rule.loa_m_unknown)
    if off_m <= swing_m or off_m < seen.off_m - rule.noise_m:
        seen.off_ms, seen.off_m = 0, max(0.0, off_m)
        return _closed(book, key, tick_ms, book.pages[key].notes["last_ms"]) if own else []
    seen.off_ms, seen.off_m = seen.off_ms or t_ms, max(seen.off_m, off_m)
    duration_s = (t_ms - seen.off_ms) / 1000.0
    if duration_s < rule.drag_anchor_s_min or (key in book and not own):
        return []
    exclusions, doubts = _place_exclusions(sight, slot, seen.off_ms)
    exclusions.append(Exclusion("depth", "unknown", None, "doubt"))
    evidence = [ep.at_least("off_m", off_m, swing_m), ep.at_least("duration_s", duration_s, rule.drag_anchor_s_min)]
    measures: dict[str, Value] = {"duration_s": ep.tidy("s", duration_s), "off_m": ep.tidy("m", off_m), "swing_m": ep.tidy("m", swing_m), "at_anchor": True}
    confidence = ep.confidence_of(rule.confidence_cap, ep.margin_quality(off_m, swing_m), 1.0, [*doubts, 0.3])
    facts = ep.facts_of(sight, slot, ep.degrees_of(lat, lon), exclusions, measures=measures, evidence=evidence, confidence=confidence)
    return _said(book, sight, key, DRAG, seen.off_ms, t_ms, facts, at_anchor=True)


def _place_exclusions(sight: Sight, slot: int, since_ms: int, *, working_excuses: bool = False) -> tuple[list[Exclusion], list[float]]:
    """Who lies or creeps there for a reason that one can see."""
    table = sight.table
    working = int(table.rows["nav"][slot]) == NAV_RESTRICTED
    fishing, engaged = _fishing(table, slot)
    return [
        ep.checked("port_or_anchorage", bool(table.more["masked"][slot]), yes="inside", no="outside", suppress=True),
        ep.role_exclusion(table, [slot]),
        engaged,
        fishing,
        ep.checked("restricted_in_manoeuvring", working, int(table.rows["nav"][slot]), suppress=working_excuses),
        _rescue(sight, slot, since_ms),
    ], [0.4] * ((fishing.effect == "doubt") + working)


# --- events ---


def _said(book: ep.Book, sight: Sight, key: int, subtype: str, start_ms: int, last_ms: int, facts: dict[str, Any], *, at_anchor: bool = False) -> list[Event]:
    """A new event, or the next version of one when its state changed or it is time."""
    page = book.pages.get(key)
    if page is None:
        event = ep.new_event(sight, (TYPE, subtype, subtype, RULE_VERSION), [key], start_ms, facts)
        return [book.open_new(key, event, last_ms=last_ms, at_anchor=at_anchor)]
    page.notes["last_ms"] = last_ms
    crossed = page.event.measures.get("crossed") != facts["measures"].get("crossed")
    changed = crossed or page.event.state != facts["state"] or page.event.reason != facts["reason"]
    due = facts["state"] == "open" and sight.tick_ms - page.emitted_ms >= sight.params.revise_s * 1000.0
    return [book.revise(key, sight.tick_ms, **facts)] if changed or due else []


def _closed(book: ep.Book, key: int, tick_ms: int, last_ms: int) -> list[Event]:
    page = book.pages[key]
    state = "closed" if page.event.state == "open" else page.event.state
    measures = {**page.event.measures, "duration_s": ep.tidy("s", max(0, last_ms - page.event.t_start) / 1000.0)}
    event = book.revise(key, tick_ms, state=state, t_end=max(last_ms, page.event.t_start), measures=measures)
    del book.pages[key]
    return [event]


# --- kernels ---


def reckoned(lat: int, lon: int, cog: int, way_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(lat, lon int64[n] units) of places along a course (tenths of a degree) from a place, by the table of cosines."""
    north, east = _cos10(cog), _cos10(cog - 900)
    out_lat = lat + np.rint(way_m * north / M_PER_UNIT).astype(np.int64)
    out_lon = lon + np.rint(way_m * east / M_PER_UNIT / max(0.1, float(cos_lat(lat)))).astype(np.int64)
    return np.clip(out_lat, -54_000_000, 54_000_000), (out_lon + 108_000_000) % 216_000_000 - 108_000_000


def _cos10(tenths: int) -> float:
    """Cosine of tenths of a degree; exact to the last bit on every machine (the table stops at 0.01, which is a right angle here)."""
    tenths = abs(tenths) % 3600
    tenths = min(tenths, 3600 - tenths)
    if abs(tenths - 900) <= 5:
        return (900 - tenths) * 0.0017453292519943296
    return float(COS_TABLE[tenths]) if tenths < 900 else -float(COS_TABLE[1800 - tenths])


def _cos(deg: float) -> float:
    return _cos10(round(deg * 10))


# Flat: a ring, its median and the courses of every vessel in one pass; slow twin in tests/naive_tracks.py.
@kernel(
    uint8[::1](HOT_TYPE[::1], MORE_TYPE[::1], _STRIDE[::1], int64, float64, float64, float64, float64, float64, float64),
)
def look(rows, more, strides, tick_ms, share_max, share_end, kn_min, kn_max, base_min, steady_cos):
    """One look at every track: uint8[n] of ASK, SLOW (slow at this look and before) and QUICK (slow until now).

    Slow: kn_min to kn_max, at most share_max of the median of its own two hours, on the course from before; over at share_end of it.
    """
    found = np.zeros(rows.shape[0], np.uint8)
    sorted_ring = np.zeros(RING, np.uint8)
    number = tick_ms // LOOK_MS
    for slot in range(rows.shape[0]):
        row, stride = rows[slot], strides[slot]
        t_ms, speed_kn = row["t_ms"], row["speed_kn"]
        if t_ms == T_MISSING or t_ms < tick_ms - LOOK_MS or speed_kn < 0.0 or more[slot]["belief"] != BELIEVED:
            continue
        what = 0
        if stride["asked"] == 0 or distance_m(stride["asked_lat"], stride["asked_lon"], row["lat"], row["lon"]) >= stride["slack_m"]:
            what |= ASK
        for gone in range(max(stride["look"] + 1, number - RING + 1), number + 1):  # the look of two hours ago as well
            stride["ring"][gone % RING] = np.uint8(0)
        tenths = abs(np.int64(row["cog"]) - np.int64(stride["slow_cog"] if stride["slow"] > 0 else stride["cog"])) % 3600
        tenths = min(tenths, 3600 - tenths)
        steady = row["cog"] < COG_MISSING and stride["cog"] < COG_MISSING and tenths < 900 and COS_TABLE[tenths] >= steady_cos
        if stride["slow"] == 0 and stride["near"] != 0:
            n = 0
            for k in range(RING):
                if stride["ring"][k] > 0:
                    j = n
                    while j > 0 and sorted_ring[j - 1] > stride["ring"][k]:
                        sorted_ring[j] = sorted_ring[j - 1]
                        j -= 1
                    sorted_ring[j] = stride["ring"][k]
                    n += 1
            stride["base"] = sorted_ring[n // 2] if n >= LOOKS_MIN else np.uint8(0)
        base_kn = (np.int64(stride["base"]) - 1) * STEP_KN
        limit = share_end if stride["slow"] > 0 else share_max
        if stride["base"] > 0 and base_kn >= base_min and kn_min <= speed_kn <= kn_max and speed_kn <= limit * base_kn and steady:
            if stride["slow"] == 0:
                stride["slow_cog"] = stride["cog"]
            else:
                what |= SLOW
            stride["slow"] = np.uint8(min(250, stride["slow"] + 1))
        elif stride["slow"] > 0:
            stride["slow"] = np.uint8(0)
            what |= QUICK
        stride["ring"][number % RING] = np.uint8(min(255.0, speed_kn / STEP_KN + 1.5))
        stride["look"] = number
        stride["cog"] = row["cog"]
        found[slot] = what
    return found
