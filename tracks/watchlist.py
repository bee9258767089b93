"""Watchlist: a vessel tells particulars that a list has. Definition: docs/watchlists.md.

May hold: when vessels are screened, and the life of a hit as an event. May not: lists, their index, what a hit is (watchlists/).

Theory. Nobody's identity changes by the minute: each ten minutes the vessels whose particulars are new are screened (a hash of what was
screened last lies beside each track), and after a change of the lists in force all are. A hit is an event that stays open while the vessel
tells what matched; told otherwise, it closes: what was told, was told. When the list no longer has what matched then, it is retracted,
closed or not. What was told is kept with the page, so that this can be judged at any later time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dogwatch.batch import LAT_MISSING
from dogwatch.events import Event, Evidence, Exclusion
from dogwatch.times import iso
from tracks import episodes as ep
from tracks import subjects, who
from tracks.detector import Detector, Sight
from tracks.key import ORDINAL_BITS
from tracks.records import BUCKET_MS
from tracks.vessels import EVICT_MS, VesselTable, degrees
from watchlists.entry import FOR_EVER_MS
from watchlists.hit import Field, Hit, vessel_of
from watchlists.index import Columns
from watchlists.screen import Force

TYPE, RULE_VERSION = "watchlist", "1.0"
CONFIRMED = "confirmed_identifier"
DAY_MS = 86_400_000
SCREENED = np.dtype([("seen", "<u4")])  # hash of the particulars that were screened last; 0: none
HASH = np.uint64(0x9E3779B97F4A7C15)
OPERATOR = {"equal": "is", "cut": "begins", "near": "like", "former": "was"}
TESTED = {"imo": "other_imo_number", "mmsi": "other_mmsi", "callsign": "other_call_sign", "name": "other_name", "flag": "other_flag", "length": "other_length"}
AWAY_FACTOR = 1.1  # near until this much farther away


class WatchlistDetector(Detector):
    """Screens vessels; pages by list, then by MMSI."""

    NAME = TYPE
    COLD = SCREENED

    def __init__(self) -> None:
        self.books: dict[str, ep.Book] = {}
        self.stamp = ""

    def tick(self, sight: Sight) -> list[Event]:
        """At each ten minutes."""
        if sight.tick_ms % BUCKET_MS or not (sight.watchlists or self.books) or not sight.params.watchlist.enabled:
            return []
        force, seen = sight.watchlists.in_force(sight.tick_ms), sight.table.cold[self.NAME]["seen"]
        events: list[Event] = []
        if force.stamp != self.stamp:
            events += self._relisted(sight, force)
            seen[:] = 0
            self.stamp = force.stamp
        events += self._screened(sight, force, seen)
        events += self._renewed(sight)
        if sight.tick_ms % DAY_MS == 0:
            events += self._forgotten(sight)
        return events

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"stamp": self.stamp, "books": [[name, book.to_sections()] for name, book in sorted(self.books.items())]}

    def restore(self, sections: dict[str, Any]) -> None:
        """Continue where `to_sections` stood; with other lists the next tick finds out."""
        self.stamp = sections["stamp"]
        self.books = {name: ep.Book.from_sections(rows) for name, rows in sections["books"]}

    def _screened(self, sight: Sight, force: Force, seen: np.ndarray) -> list[Event]:
        """Vessels that tell something new."""
        table = sight.table
        marks = particulars(table)
        slots = np.flatnonzero((table.known["ordinal"] == 0) & (seen[: len(table)] != marks))
        if not len(slots):
            return []
        seen[slots] = marks[slots]
        slots = table.in_order(slots)
        told = columns_at(table, slots)
        hits = force.screen(told)
        paged = np.array(sorted({mmsi for book in self.books.values() for mmsi in book.pages}), np.int64)
        rows = set(hits) | set(np.flatnonzero(np.isin(told.mmsi, paged)).tolist())
        events: list[Event] = []
        for row in sorted(rows):
            mmsi, found = int(told.mmsi[row]), hits.get(row, {})
            for name in sorted(set(found) | {name for name, book in self.books.items() if mmsi in book}):
                events += self._settle(sight, int(slots[row]), name, found.get(name), force)
        return events

    def _settle(self, sight: Sight, slot: int, name: str, hit: Hit | None, force: Force) -> list[Event]:
        """One vessel and one list: its page begins, changes or closes."""
        table, tick_ms, mmsi = sight.table, sight.tick_ms, int(sight.table.rows["mmsi"][slot])
        book = self.books.setdefault(name, ep.Book())
        page = book.pages.get(mmsi)
        if hit is not None and page is not None and page.event.subtype == CONFIRMED and hit.tier != CONFIRMED:
            hit = None  # a number that was told is not made untrue by telling another one now
        if hit is None:
            if page is None or page.event.t_end is not None:
                return []
            state = "closed" if page.event.state == "open" else page.event.state
            return [book.revise(mmsi, tick_ms, t_end=tick_ms, state=state, reason=page.event.reason or "the vessel no longer tells what matched")]
        facts = {**facts_of(hit, name, force), "t_end": None}
        told = told_of(table, slot)
        if page is None:
            lat, lon = who.place_of(sight, slot)
            place: dict[str, Any] = {"lat": None, "lon": None, "zones": []}
            if lat != LAT_MISSING:
                place["lat"], place["lon"] = ep.degrees_of(lat, lon)
                place["zones"] = sight.geography.relations(place["lat"], place["lon"])
                facts["measures"] |= distances(sight, np.array([slot]))[0]
            what = (TYPE, hit.tier, f"watchlist {name}", RULE_VERSION)
            facts.pop("subtype")
            event = ep.new_event(sight, what, [mmsi << ORDINAL_BITS], tick_ms, {"subjects": [subjects.subject_of(table, slot)], **place, **facts})
            return [book.open_new(mmsi, event, told=told, near=is_near(sight, facts["measures"], False))]
        page.notes["told"] = told
        facts["measures"] |= {key: value for key, value in page.event.measures.items() if key.endswith("_distance_nm")}
        if all(getattr(page.event, key) == value for key, value in facts.items()):
            return []
        return [book.revise(mmsi, tick_ms, subjects=[subjects.subject_of(table, slot)], **facts)]

    def _relisted(self, sight: Sight, force: Force) -> list[Event]:
        """Other lists are in force: every page is judged anew by what was told when it was written."""
        events = []
        for name, book in sorted(self.books.items()):
            for mmsi in sorted(book.pages):
                page = book.pages[mmsi]
                hit = force.hit(vessel_of(mmsi, *page.notes["told"]), name) if name in force.lists else None
                if hit is None:
                    events.append(ep.next_version(page.event, sight.tick_ms, state="retracted", reason=delisted(page.event, name, force)))
                    del book.pages[mmsi]
                    continue
                facts = facts_of(hit, name, force)
                facts["measures"] |= {key: value for key, value in page.event.measures.items() if key.endswith("_distance_nm")}
                if page.event.t_end is not None and facts["state"] == "open":
                    facts |= {"state": "closed", "reason": page.event.reason}
                if any(getattr(page.event, key) != value for key, value in facts.items()):
                    events.append(book.revise(mmsi, sight.tick_ms, **facts))
        self.books = {name: book for name, book in self.books.items() if book.pages}
        return events

    def _renewed(self, sight: Sight) -> list[Event]:
        """Hits that go on: told again when the vessel comes near a border or watch zone or leaves it, and each `renew_s`."""
        table, rule = sight.table, sight.params.watchlist
        open_pages = [(name, mmsi) for name, book in sorted(self.books.items()) for mmsi, page in sorted(book.pages.items()) if page.event.state == "open"]
        placed = [(name, mmsi, slot) for name, mmsi in open_pages if (slot := table.slot_of(mmsi)) >= 0 and int(table.rows["lat"][slot]) != LAT_MISSING]
        if not placed:
            return []
        events = []
        for (name, mmsi, slot), measured in zip(placed, distances(sight, np.array([slot for _, _, slot in placed]))):
            book = self.books[name]
            page = book.pages[mmsi]
            near = is_near(sight, measured, page.notes["near"])
            due = sight.tick_ms - page.emitted_ms >= rule.renew_s * 1000 and int(table.heard_ms[slot]) > page.emitted_ms
            if near != page.notes["near"] or due:
                page.notes["near"] = near
                events.append(book.revise(mmsi, sight.tick_ms, measures=page.event.measures | measured))
        return events

    def _forgotten(self, sight: Sight) -> list[Event]:
        """Vessels that the table is about to forget: their hits close, their pages go."""
        table = sight.table
        fresh = set(table.used["mmsi"][table.heard_ms[: len(table)] >= sight.tick_ms - EVICT_MS].tolist())
        events = []
        for _, book in sorted(self.books.items()):
            for mmsi in sorted(set(book.pages) - fresh):
                page = book.pages.pop(mmsi)
                if page.event.t_end is None:
                    state = "closed" if page.event.state == "open" else page.event.state
                    events.append(ep.next_version(page.event, sight.tick_ms, t_end=page.event.t_detected, state=state))
        self.books = {name: book for name, book in self.books.items() if book.pages}
        return events


def particulars(table: VesselTable) -> np.ndarray:
    """uint32[n], never 0: a hash of what each track tells of itself, by which a change is seen."""
    n = len(table)
    statics = table.statics[:n]
    letters = [np.ascontiguousarray(statics["name"]).view("<u4").reshape(n, 5), statics["callsign"].astype("S8").view("<u4").reshape(n, 2)]
    numbers = [table.used["mmsi"], statics["imo"], table.known["loa_m"]]
    mixed = np.zeros(n, np.uint64)
    for column in (*numbers, *(words[:, k] for words in letters for k in range(words.shape[1]))):
        mixed = (mixed ^ column.astype(np.uint64)) * HASH
        mixed ^= mixed >> np.uint64(29)
    return np.maximum((mixed >> np.uint64(32)).astype(np.uint32), np.uint32(1))


def columns_at(table: VesselTable, slots: np.ndarray) -> Columns:
    """What the tracks in slots tell of themselves."""
    statics = table.statics[slots]
    return Columns(
        table.rows["mmsi"][slots].astype(np.int64),
        statics["imo"].astype(np.int64),
        statics["callsign"],
        statics["name"],
        table.more["loa_m"][slots].astype(np.int64),
    )


def told_of(table: VesselTable, slot: int) -> list[Any]:
    """[IMO number, call sign, name, length] of a track, as `vessel_of` takes them."""
    static = table.statics[slot]
    texts = [bytes(static[name]).decode("ascii", "replace").strip(" @\0") for name in ("callsign", "name")]
    return [int(static["imo"]), *texts, int(table.more["loa_m"][slot])]


def facts_of(hit: Hit, name: str, force: Force) -> dict[str, Any]:
    """The fields of an event that a hit decides."""
    one = force.lists[name]
    exclusions = [tested(field) for field in (*hit.matched, *hit.differs)]
    if name in force.old:
        exclusions.append(Exclusion("list_out_of_date", "yes", iso(one.until_ms), "doubt"))
    reason = ep.suppressed_reason(exclusions)
    measures = {
        "list": name,
        "list_version": one.version,
        "list_from": iso(one.from_ms) if one.from_ms > -FOR_EVER_MS else None,
        "entry": hit.entry.id,
        "entry_name": hit.entry.title,
        "matched": ", ".join(f"former {field.name}" if field.how == "former" else field.name for field in hit.matched),
        "differs": ", ".join(field.name for field in hit.differs),
    }
    return {
        "state": "candidate" if reason else "open",
        "subtype": hit.tier,
        "reason": reason,
        "measures": measures,
        "evidence": [Evidence(field.name, field.told, OPERATOR[field.how], field.listed, None, True) for field in hit.matched],
        "exclusions": exclusions,
        "confidence": hit.confidence,
    }


def tested(field: Field) -> Exclusion:
    """A particular as a reason to dismiss: another IMO number suppresses, anything else that differs casts doubt."""
    if field.how != "other":
        return Exclusion(TESTED[field.name], "no", None, "none")
    return Exclusion(TESTED[field.name], "yes", f"listed {field.listed}", "suppress" if field.name == "imo" else "doubt")


def delisted(event: Event, name: str, force: Force) -> str:
    """Why a hit is taken back."""
    if name not in force.lists:
        return f"list {name} is no longer in force"
    return f"entry {event.measures['entry']} is no longer on list {name}, version {force.lists[name].version}, or no longer has what matched"


def distances(sight: Sight, slots: np.ndarray) -> list[dict[str, float]]:
    """Nautical miles from the tracks in slots to the coast and to the nearest border or watch zone."""
    lat_deg, lon_deg = degrees(sight.table.rows["lat"][slots]), degrees(sight.table.rows["lon"][slots])
    coast, watch = sight.geography.coast_distance_nm(lat_deg, lon_deg), sight.geography.watch_distance_nm(lat_deg, lon_deg)
    return [
        {"coast_distance_nm": ep.tidy("coast_distance_nm", off), "watch_distance_nm": ep.tidy("watch_distance_nm", from_watch)}
        for off, from_watch in zip(coast.tolist(), watch.tolist())
    ]


def is_near(sight: Sight, measures: dict[str, Any], before: bool) -> bool:
    """Whether a vessel is near a border or watch zone; who was near is near until a little farther away."""
    limit_nm = sight.params.watchlist.near_nm * (AWAY_FACTOR if before else 1.0)
    return measures.get("watch_distance_nm") is not None and measures["watch_distance_nm"] <= limit_nm
