"""The live picture: where every vessel is now, as the pages draw it. Fed from decode, before the reorder buffer.

May live here: newest position and static data per vessel, ageing, the binary frame. May not: detection, scores (they are
given), drawing, HTTP.

Theory. One structured row per vessel, kept sorted by MMSI, so that a batch is merged by a binary search over columns and
no Python object per message is made. Every change stamps its row with the number of the next frame; the delta since frame
s is "rows stamped later than s". A page that was busy asks from an older s and gets one merged delta instead of a queue.
Values are absolute, so a delta that is lost or repeated does no harm; a key frame lists every live vessel and drops the rest.

Time is event time: the newest the picture has seen. No clock is asked; a feed that stops does not age its vessels here
(the page fades them and says how old the data is).

Frame, little-endian: magic u32, n u32, stride u16, kind u16 (0 key, 1 delta), seq u32, t f64 (event time, s) = 24 bytes; then
one array per field, widest first so that views are aligned for any n: handle u32, lon i32 (1e-7 degree), lat i32,
cog u16 (0.01 degree), sog u16 (0.01 kn), what u16 (heading in degrees, above its nine bits the class), age u16 (0.1 s), flags u8, score u8,
rot i8 = 23 bytes.
Missing: cog 36000, sog 65535, age 65535, heading 511, rot -128. A handle names one drawn target of this run, never reused.

Thread-safe: the runner updates from its thread, the server reads from its own.
"""

from __future__ import annotations

import struct
import threading
from typing import Any, Literal

import numpy as np

from console.chronicle import Change, Chronicle
from console.history import KEEP_EVERY_MS, History, past_rows
from console.memory import Memory
from console.search import search
from console.sentences import Sentences
from dogwatch.batch import (
    COG_MISSING,
    F_CK_BAD,
    F_CLASS_B,
    F_EXERCISE,
    F_FUTURE,
    F_NO_TIME,
    F_NULL_ISLAND,
    HAS_CALLSIGN,
    HAS_NAME,
    HAS_TYPE_AND_SIZE,
    HAS_VOYAGE,
    HDG_MISSING,
    SOG_MISSING,
    T_MISSING,
    Batch,
    has_position,
)
from ingest.rescuers import DTYPE

MAGIC = 0x31465744  # "DWF1"
HEADER = struct.Struct("<IIHHId")
STRIDE = 23
CLASS_SHIFT = 9  # bits of a heading
KIND_KEY, KIND_DELTA = 0, 1
COG_NONE, SOG_NONE, AGE_NONE = 36000, 65535, 65535
SOG_TOP = 6553  # 655.3 knots: more, which only aircraft say, does not go into 16 bits of 0.01 knot
VESSELS_MAX = 200_000  # four times the largest feed we know of; 23 B each is a 4.6 MB key frame
STATICS_MAX = 400_000  # names come from farther away and stay longer than positions
STATIC_PAGE_MAX = 5_000
REMOVED_KEPT = 20_000  # handles a page may still have to be told of; a page farther behind gets a key frame

# What a target is. 0-5 are ships in the colours of the legend, 16 and up have a symbol of their own.
CARGO, TANKER, PASSENGER, FISHING, SERVICE, OTHER = range(6)
BASE_STATION, AID, AIRCRAFT, BEACON, VIRTUAL_AID = range(16, 21)
ALERTED, WATCHED, LOST, CLASS_B, NON_SHIP, DISTRESS, INTERPOLATED, REMOVED = (1 << i for i in range(8))

# A target is lost when it missed several reports of its class (ITU-R M.1371-5, table 1; moored class A and class B speak each
# 3 min, aids each 3 min), and leaves the map some time later. Alerted vessels stay.
LOST_S = {"ship": 480, "slow": 900, "aid": 1200}
REMOVED_AFTER_LOST_S = 1200
SLOW_SOG = 30  # 3 kn, below which class A at anchor and class B report each 3 minutes

ROW = np.dtype(
    [
        ("mmsi", "<u4"),
        ("handle", "<u4"),
        ("t_ms", "<i8"),
        ("kept_ms", "<i8"),  # newest position that went into the history
        ("stamp", "<i8"),  # number of the frame that first carries the row as it is
        ("static_version", "<i8"),
        ("lon", "<i4"),
        ("lat", "<i4"),
        ("cog", "<u2"),
        ("sog", "<u2"),
        ("hdg", "<u2"),
        ("class", "u1"),
        ("flags", "u1"),
        ("score", "u1"),
        ("rot", "i1"),
        ("exercise", "?"),
    ]
)
STATIC = np.dtype(  # stands on the disk: a change raises SCHEMA_VERSION of console/memory.py
    [
        ("mmsi", "<u4"),
        ("imo", "<u4"),
        ("bow", "<u2"),
        ("stern", "<u2"),
        ("port", "<u2"),
        ("starboard", "<u2"),
        ("draught_dm", "<u2"),
        ("ship_type", "u1"),
        ("eta_month", "u1"),
        ("eta_day", "u1"),
        ("eta_hour", "u1"),
        ("eta_minute", "u1"),
        ("callsign", "S7"),
        ("name", "S34"),
        ("destination", "S20"),
    ]
)
STATIC_PARTS = (
    (HAS_NAME, ("name",)),
    (HAS_CALLSIGN, ("callsign", "imo")),
    (HAS_TYPE_AND_SIZE, ("ship_type", "bow", "stern", "port", "starboard")),
    (HAS_VOYAGE, ("destination", "draught_dm", "eta_month", "eta_day", "eta_hour", "eta_minute")),
)
TOLD = ("name", "callsign", "imo", "ship_type", "bow", "stern", "port", "starboard", "destination", "draught_dm")  # a change of these is kept

Kind = Literal["key", "delta"]
Box = tuple[float, float, float, float]  # west, south, east, north in degrees; west > east crosses the date line


class Picture:
    """Newest state of every vessel; see the module text."""

    def __init__(self, vessels_max: int = VESSELS_MAX, *, memory: Memory | None = None) -> None:
        """memory: what is known from before the start; None = nothing, and nothing outlives the process."""
        self.memory = memory or Memory()
        self.exercise = False
        self.fixes = 0
        self.refused = 0  # vessels beyond the limit
        self.history = History(self.memory)
        self.chronicle = Chronicle()
        self.sentences = Sentences()
        self._vessels_max = vessels_max
        self._rows = np.empty(0, ROW)
        self._statics, changes = self.memory.known(STATIC)
        for mmsi, change in changes:
            self.chronicle.changed(mmsi, change)
        self._removed = np.empty(0, [("handle", "<u4"), ("stamp", "<i8")])
        self._removed_from = 0  # deltas since an earlier frame are not possible
        self._seq = 0
        self._static_version = 0
        self._next_handle = 1
        self._newest_ms = T_MISSING
        self._lock = threading.Lock()

    @property
    def event_ms(self) -> int | None:
        """Newest event time seen, UTC milliseconds; None before the first position."""
        return None if self._newest_ms == T_MISSING else self._newest_ms

    @property
    def until_ms(self) -> int:
        """The newest event time that is known of any position, also of before the start, UTC milliseconds; 0 where nothing is."""
        return max(self.event_ms or 0, self.memory.newest_ms or 0)

    def moment(self) -> tuple[int | None, int]:
        """Newest event time (UTC ms) and how many past positions there are: what is known now, for later."""
        return self.event_ms, self.history.total

    @property
    def vessels(self) -> int:
        """Targets on the map now."""
        return len(self._rows)

    @property
    def seq(self) -> int:
        """Number of the newest frame."""
        return self._seq

    def update(self, batch: Batch) -> None:
        """Take the positions and static reports of a batch (arrival order)."""
        with self._lock:
            self.fixes += len(batch.fixes)
            self.exercise |= any((rows["flags"] & np.uint32(F_EXERCISE)).any() for rows in (batch.fixes, batch.statics))
            if len(batch.fixes):
                self._take_fixes(batch.fixes, self.history.receiver_numbers(batch.receivers or ("unnamed",)))
            if len(batch.statics):
                self._take_statics(batch.statics)

    def _take_fixes(self, fixes: np.ndarray, receivers: np.ndarray) -> None:
        useless = np.uint32(F_CK_BAD | F_FUTURE | F_NO_TIME | F_NULL_ISLAND)
        usable = has_position(fixes) & ((fixes["flags"] & useless) == 0) & (fixes["t_ms"] != T_MISSING) & (fixes["mmsi"] > 0)
        fixes = fixes[usable]
        if not len(fixes):
            return
        self.history.count(fixes["t_ms"], receivers[fixes["src"]])
        every, fixes = fixes, _last_of_each(fixes, "t_ms")
        self._newest_ms = max(self._newest_ms, int(fixes["t_ms"].max()))
        fixes = self._make_room(fixes)
        if len(every) > len(fixes):
            self._keep_between(every, receivers)
        at = np.searchsorted(self._rows["mmsi"], fixes["mmsi"])
        newer = fixes["t_ms"] >= self._rows["t_ms"][at]
        at, fixes = at[newer], fixes[newer]
        self._write(at, fixes)
        due = fixes["t_ms"] - self._rows["kept_ms"][at] >= KEEP_EVERY_MS
        rows = self._rows[at[due]]
        self._rows["kept_ms"][at[due]] = fixes["t_ms"][due]
        self.history.add(past_rows(fixes[due], rows["lon"], rows["lat"], receivers[fixes["src"][due]]), exercise=self.exercise)

    def _keep_between(self, fixes: np.ndarray, receivers: np.ndarray) -> None:
        """Keep what a vessel said before its newest word in a batch (one that was late, or a recording played fast): a track must not be silent there."""
        fixes = fixes[_known(self._rows["mmsi"], fixes["mmsi"])]
        fixes = fixes[np.lexsort([np.arange(len(fixes)), fixes["t_ms"], fixes["mmsi"]])]
        slot = fixes["t_ms"] // KEEP_EVERY_MS
        ends = (fixes["mmsi"][1:] != fixes["mmsi"][:-1]) | (slot[1:] != slot[:-1])  # the last of a vessel in ten seconds
        fixes = fixes[np.append(ends, True)]
        last = np.append(fixes["mmsi"][1:] != fixes["mmsi"][:-1], True)  # kept by the road of all positions
        at = np.searchsorted(self._rows["mmsi"], fixes["mmsi"])
        due = ~last & (fixes["t_ms"] - self._rows["kept_ms"][at] >= KEEP_EVERY_MS) & (fixes["t_ms"] >= self._rows["t_ms"][at])
        fixes, at = fixes[due], at[due]
        np.maximum.at(self._rows["kept_ms"], at, fixes["t_ms"])
        self.history.add(past_rows(fixes, _e7(fixes["lon"]), _e7(fixes["lat"]), receivers[fixes["src"]]), exercise=self.exercise)

    def _make_room(self, fixes: np.ndarray) -> np.ndarray:
        """Add a row for each vessel not known yet; the fixes that have one (all of them, below the limit)."""
        new = fixes["mmsi"][~_known(self._rows["mmsi"], fixes["mmsi"])]
        room = self._vessels_max - len(self._rows)
        if len(new) > room:
            self.refused += len(new) - room
            fixes = fixes[~np.isin(fixes["mmsi"], new[room:])]
            new = new[:room]
        if len(new):
            rows = np.zeros(len(new), ROW)
            rows["mmsi"], rows["t_ms"], rows["class"] = new, T_MISSING, OTHER
            rows["handle"] = np.arange(self._next_handle, self._next_handle + len(new))
            self._next_handle += len(new)
            self._static_version += 1
            rows["static_version"] = self._static_version
            merged = np.concatenate([self._rows, rows])
            self._rows = merged[np.argsort(merged["mmsi"], kind="stable")]
            self._classify(new)
        return fixes

    def _write(self, at: np.ndarray, fixes: np.ndarray) -> None:
        rows = self._rows
        rows["t_ms"][at] = fixes["t_ms"]
        rows["stamp"][at] = self._seq + 1
        rows["lon"][at] = _e7(fixes["lon"])
        rows["lat"][at] = _e7(fixes["lat"])
        rows["cog"][at] = np.where(fixes["cog"] >= COG_MISSING, COG_NONE, fixes["cog"] * np.uint16(10))
        rows["sog"][at] = np.where(fixes["sog"] == SOG_MISSING, SOG_NONE, np.minimum(fixes["sog"], SOG_TOP) * np.uint16(10))
        rows["hdg"][at] = np.where(fixes["hdg"] >= 360, HDG_MISSING, fixes["hdg"])
        rows["rot"][at] = fixes["rot"]
        rows["exercise"][at] = (fixes["flags"] & np.uint32(F_EXERCISE)) != 0
        kinds = _kind_of(fixes)
        special = kinds >= BASE_STATION
        rows["class"][at[special]] = kinds[special]
        typed = ~special & (fixes["ship_type"] > 0)
        rows["class"][at[typed]] = ship_class(fixes["ship_type"][typed])
        distress = (kinds == BEACON) | (fixes["nav"] == 14)
        flags = rows["flags"][at] & np.uint8(ALERTED | WATCHED)
        flags = np.where((fixes["flags"] & np.uint32(F_CLASS_B)) != 0, flags | CLASS_B, flags)
        flags = np.where(special, flags | NON_SHIP, flags)
        rows["flags"][at] = np.where(distress, flags | DISTRESS, flags)

    def _take_statics(self, statics: np.ndarray) -> None:
        statics = statics[(statics["mmsi"] > 0) & ((statics["flags"] & np.uint32(F_CK_BAD)) == 0)]
        new = np.unique(statics["mmsi"][~_known(self._statics["mmsi"], statics["mmsi"])])[: max(0, STATICS_MAX - len(self._statics))]
        if len(new):
            rows = np.zeros(len(new), STATIC)
            rows["mmsi"] = new
            merged = np.concatenate([self._statics, rows])
            self._statics = merged[np.argsort(merged["mmsi"], kind="stable")]
        statics = statics[_known(self._statics["mmsi"], statics["mmsi"])]
        touched: list[np.ndarray] = []
        for bit, names in STATIC_PARTS:
            rows = _last_of_each(statics[(statics["has"] & bit) != 0], None)
            at = np.searchsorted(self._statics["mmsi"], rows["mmsi"])
            changed = np.zeros(len(rows), bool)
            for name in names:
                differs = self._statics[name][at] != rows[name]
                if name in TOLD and differs.any():
                    self._tell_changes(name, rows[differs], self._statics[name][at[differs]])
                changed |= differs
                self._statics[name][at] = rows[name]
            touched.append(rows["mmsi"][changed])
        who = np.unique(np.concatenate(touched))
        self.memory.named(self._statics[np.searchsorted(self._statics["mmsi"], who)])
        self._classify(who)

    def _tell_changes(self, name: str, rows: np.ndarray, before: np.ndarray) -> None:
        """Keep what a vessel says anew of itself where it said something else before."""
        again = (before != np.zeros(1, before.dtype)) & (rows[name] != np.zeros(1, before.dtype))
        for row, old in zip(rows[again], before[again], strict=True):
            t_ms = int(row["t_ms"]) if row["t_ms"] != T_MISSING else self._newest_ms
            change = Change(t_ms, name, _value(old), _value(row[name]))
            self.chronicle.changed(int(row["mmsi"]), change)
            self.memory.changed(int(row["mmsi"]), change)

    def _classify(self, mmsi: np.ndarray) -> None:
        """Bring class and static version of these vessels up to date with what is known of them."""
        mmsi = mmsi[_known(self._rows["mmsi"], mmsi) & _known(self._statics["mmsi"], mmsi)]
        if not len(mmsi):
            return
        at = np.searchsorted(self._rows["mmsi"], mmsi)
        ship_type = self._statics["ship_type"][np.searchsorted(self._statics["mmsi"], mmsi)]
        ships = (ship_type > 0) & (self._rows["class"][at] < BASE_STATION)
        self._rows["class"][at[ships]] = ship_class(ship_type[ships])
        self._static_version += 1
        self._rows["static_version"][at] = self._static_version
        self._rows["stamp"][at] = self._seq + 1

    def mark(self, scores: dict[int, int]) -> None:
        """Say which vessels have an active alert, and their score 0-100. What is not named has none."""
        with self._lock:
            wanted = np.zeros(len(self._rows), np.uint8)
            alerted = np.zeros(len(self._rows), bool)
            mmsi = np.array(sorted(scores), np.uint32)
            mmsi = mmsi[_known(self._rows["mmsi"], mmsi)]
            at = np.searchsorted(self._rows["mmsi"], mmsi)
            wanted[at] = [scores[int(m)] for m in mmsi]
            alerted[at] = True
            flags = np.where(alerted, self._rows["flags"] | ALERTED, self._rows["flags"] & ~np.uint8(ALERTED)).astype(np.uint8)
            changed = (flags != self._rows["flags"]) | (wanted != self._rows["score"])
            self._rows["flags"], self._rows["score"] = flags, wanted
            self._rows["stamp"][changed] = self._seq + 1

    def advance(self) -> int:
        """Close the running frame: age the vessels, let go of those long lost, number the frame. Returns its number."""
        with self._lock:
            self._seq += 1
            if len(self._rows):
                self._age()
            return self._seq

    def _age(self) -> None:
        rows = self._rows
        age_s = (self._newest_ms - rows["t_ms"]) / 1000
        slow = (rows["flags"] & CLASS_B != 0) | (rows["sog"] <= SLOW_SOG * 10)
        limit_s = np.where(rows["class"] >= BASE_STATION, LOST_S["aid"], np.where(slow, LOST_S["slow"], LOST_S["ship"]))
        newly_lost = (age_s > limit_s) & (rows["flags"] & LOST == 0)
        rows["flags"][newly_lost] |= LOST
        rows["stamp"][newly_lost] = self._seq
        gone = (age_s > limit_s + REMOVED_AFTER_LOST_S) & (rows["flags"] & ALERTED == 0)
        if gone.any():
            removed = np.zeros(int(gone.sum()), self._removed.dtype)
            removed["handle"], removed["stamp"] = rows["handle"][gone], self._seq
            self._rows = rows[~gone]
            self._removed = np.concatenate([self._removed, removed])
            if len(self._removed) > REMOVED_KEPT:
                self._removed_from = int(self._removed["stamp"][-REMOVED_KEPT])
                self._removed = self._removed[-REMOVED_KEPT:]

    def frame(self, kind: Kind = "key", *, since: int = 0, box: Box | None = None) -> bytes:
        """One binary frame: every vessel ("key") or what changed after frame `since` ("delta"), inside `box` where given.

        A delta that reaches back farther than is known becomes a key frame.
        """
        with self._lock:
            rows = self._rows
            gone = self._removed[:0]
            if kind == "delta" and since >= self._removed_from:
                rows = rows[rows["stamp"] > since]
                gone = self._removed[self._removed["stamp"] > since]
            else:
                kind = "key"
            if box is not None:
                rows = rows[_inside(rows, box)]
            return _pack(rows, gone, KIND_KEY if kind == "key" else KIND_DELTA, self._seq, self._newest_ms)

    def statics(self, since: int = 0) -> dict[str, Any]:
        """Who the handles are: rows whose static data changed after version `since`, oldest first, at most STATIC_PAGE_MAX.

        `version` is where to go on; `more` says that there is more already. Texts are as sent, but made printable.
        """
        with self._lock:
            rows = self._rows[self._rows["static_version"] > since]
            rows = rows[np.argsort(rows["static_version"], kind="stable")]
            more = len(rows) > STATIC_PAGE_MAX
            if more:  # never cut inside one version, or its rest would be skipped
                end = int(rows["static_version"][STATIC_PAGE_MAX])
                whole = rows[rows["static_version"] < end]
                rows = whole if len(whole) else rows[rows["static_version"] == end]
            version = int(rows["static_version"][-1]) if len(rows) else since
            known = _known(self._statics["mmsi"], rows["mmsi"])
            details = np.zeros(len(rows), STATIC)
            details[known] = self._statics[np.searchsorted(self._statics["mmsi"], rows["mmsi"][known])]
        return {"version": version, "more": more, "rows": [_plain(row, detail) for row, detail in zip(rows, details, strict=True)]}

    def one(self, mmsi: int) -> dict[str, Any] | None:
        """Everything that is known of one vessel now: `identity` and `voyage` (None: no static data), `position` (None: not on the map); None = never heard."""
        with self._lock:
            row, detail = _row_of(self._rows, mmsi), _row_of(self._statics, mmsi)
        if row is None and detail is None:
            return None
        return {
            "identity": None if detail is None else _identity(detail),
            "voyage": None if detail is None else _voyage(detail),
            "position": None if row is None else _place(row),
        }

    def search(self, query: str) -> list[dict[str, Any]]:
        """Vessels whose MMSI, IMO number, call sign or name is or holds `query` (console/search.py): `mmsi, name, callsign, imo, on_map`."""
        with self._lock:
            on_map, statics = self._rows["mmsi"].copy(), self._statics.copy()
        shown = []
        for mmsi in search(query, on_map, statics):
            detail = _row_of(statics, mmsi)
            who = {"name": "", "callsign": "", "imo": None} if detail is None else _names(detail)
            shown.append({"mmsi": mmsi, **who, "on_map": bool(_known(on_map, np.array([mmsi]))[0])})
        return shown

    def ships(self) -> np.ndarray:
        """Every target as `ingest.rescuers.DTYPE`: degrees, knots, NaN where unknown."""
        with self._lock:
            rows = self._rows.copy()
        out = np.empty(len(rows), DTYPE)
        out["mmsi"], out["t_ms"], out["class"] = rows["mmsi"], rows["t_ms"], rows["class"]
        out["lat"], out["lon"] = rows["lat"] / 1e7, rows["lon"] / 1e7
        out["sog_kn"] = np.where(rows["sog"] == SOG_NONE, np.nan, rows["sog"] / 100)
        out["cog_deg"] = np.where(rows["cog"] == COG_NONE, np.nan, rows["cog"] / 100)
        return out

    def list(self, box: Box | None = None) -> list[dict[str, Any]]:
        """The picture for people and scripts: one dict per vessel, missing values None."""
        with self._lock:
            rows = self._rows if box is None else self._rows[_inside(self._rows, box)]
        return [{"handle": int(row["handle"]), "mmsi": int(row["mmsi"]), **_place(row)} for row in rows]


def _pack(rows: np.ndarray, gone: np.ndarray, kind: int, seq: int, newest_ms: int) -> bytes:
    n = len(rows)
    total = n + len(gone)
    age_ds = np.clip((newest_ms - rows["t_ms"]) // 100, 0, AGE_NONE - 1)

    def column(name: str, dtype: str, values: np.ndarray, absent: int) -> bytes:
        out = np.full(total, absent, dtype)
        out[:n] = values
        return out.tobytes()

    handles = np.concatenate([rows["handle"], gone["handle"]]).astype("<u4")
    t_s = 0.0 if newest_ms == T_MISSING else newest_ms / 1000
    return b"".join(
        (
            HEADER.pack(MAGIC, total, STRIDE, kind, seq & 0xFFFFFFFF, t_s),
            handles.tobytes(),
            column("lon", "<i4", rows["lon"], 0),
            column("lat", "<i4", rows["lat"], 0),
            column("cog", "<u2", rows["cog"], COG_NONE),
            column("sog", "<u2", rows["sog"], SOG_NONE),
            column("what", "<u2", rows["hdg"] | rows["class"].astype(np.uint16) << CLASS_SHIFT, HDG_MISSING | OTHER << CLASS_SHIFT),
            column("age", "<u2", age_ds, AGE_NONE),
            column("flags", "u1", rows["flags"], REMOVED),
            column("score", "u1", rows["score"], 0),
            column("rot", "i1", rows["rot"], -128),
        )
    )


def _last_of_each(rows: np.ndarray, time: str | None) -> np.ndarray:
    """The last row of each MMSI (by `time`, then arrival), sorted by MMSI."""
    keys = [np.arange(len(rows)), rows["mmsi"]] if time is None else [np.arange(len(rows)), rows[time], rows["mmsi"]]
    rows = rows[np.lexsort(keys)]
    return rows[np.append(rows["mmsi"][1:] != rows["mmsi"][:-1], [True] * (len(rows) > 0)).astype(bool)]


def _known(have: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """bool[n]: is each wanted MMSI among the sorted `have`?"""
    if not len(have):
        return np.zeros(len(wanted), bool)
    at = np.minimum(np.searchsorted(have, wanted), len(have) - 1)
    return have[at] == wanted


def _e7(units: np.ndarray) -> np.ndarray:
    """1/600000 degree to 1e-7 degree (x 50/3), rounded."""
    return np.rint(units.astype(np.int64) * (50 / 3)).astype(np.int32)


def _kind_of(fixes: np.ndarray) -> np.ndarray:
    """uint8[n]: what a target is by its message and MMSI (ITU-R M.585: 970 SART, 972 MOB, 974 EPIRB, 111 aircraft, 99 aid, 99MID6 one
    that is no buoy but only said); OTHER = a ship."""
    prefix = fixes["mmsi"] // 1_000_000
    kinds = np.full(len(fixes), OTHER, np.uint8)
    kinds[fixes["msg_type"] == 4] = BASE_STATION
    kinds[np.isin(fixes["msg_type"], (21, 28)) | (prefix // 10 == 99)] = AID
    kinds[(prefix // 10 == 99) & (fixes["mmsi"] // 1000 % 10 == 6)] = VIRTUAL_AID
    kinds[(fixes["msg_type"] == 9) | (prefix == 111)] = AIRCRAFT
    kinds[np.isin(prefix, (970, 972, 974))] = BEACON
    return kinds


def ship_class(ship_type: np.ndarray) -> np.ndarray:
    """uint8[n]: class of a ship type code (ITU-R M.1371-5, table 53)."""
    table = np.full(256, OTHER, np.uint8)
    table[30] = FISHING
    table[31:36] = SERVICE
    table[50:60] = SERVICE
    table[40:50] = table[60:70] = PASSENGER
    table[70:80] = CARGO
    table[80:90] = TANKER
    return table[ship_type]


def _inside(rows: np.ndarray, box: Box) -> np.ndarray:
    west, south, east, north = (round(v * 1e7) for v in box)
    across = rows["lon"] >= west
    lon_ok = across & (rows["lon"] <= east) if west <= east else across | (rows["lon"] <= east)
    return lon_ok & (rows["lat"] >= south) & (rows["lat"] <= north)


def _text(value: bytes) -> str:
    """Six-bit text as sent, cut at the first '@'; whatever is not printable shows as U+FFFD."""
    text = value.split(b"@", 1)[0].decode("latin-1").rstrip()
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _value(value: Any) -> str | int:
    return _text(bytes(value)) if isinstance(value, bytes) else int(value)


def _row_of(rows: np.ndarray, mmsi: int) -> np.void | None:
    """A copy of the row of one MMSI out of rows sorted by it."""
    at = int(np.searchsorted(rows["mmsi"], mmsi))
    return rows[at].copy() if at < len(rows) and rows["mmsi"][at] == mmsi else None


def _names(detail: np.void) -> dict[str, Any]:
    return {"name": _text(bytes(detail["name"])), "callsign": _text(bytes(detail["callsign"])), "imo": int(detail["imo"]) or None}


def _identity(detail: np.void) -> dict[str, Any]:
    length, beam = int(detail["bow"]) + int(detail["stern"]), int(detail["port"]) + int(detail["starboard"])
    return {**_names(detail), "ship_type": int(detail["ship_type"]) or None, "length_m": length or None, "beam_m": beam or None}


def _voyage(detail: np.void) -> dict[str, Any]:
    month, day, hour, minute = (int(detail[f"eta_{part}"]) for part in ("month", "day", "hour", "minute"))
    clock = f" {hour:02d}:{minute:02d}Z" if hour < 24 and minute < 60 else ""
    eta = f"{month:02d}-{day:02d}{clock}" if 1 <= month <= 12 and 1 <= day <= 31 else None
    return {"destination": _text(bytes(detail["destination"])), "draught_m": int(detail["draught_dm"]) / 10 or None, "eta": eta}


def _place(row: np.void) -> dict[str, Any]:
    return {
        "lat": int(row["lat"]) / 1e7,
        "lon": int(row["lon"]) / 1e7,
        "sog_kn": None if row["sog"] == SOG_NONE else int(row["sog"]) / 100,
        "cog_deg": None if row["cog"] == COG_NONE else int(row["cog"]) / 100,
        "heading_deg": None if row["hdg"] == HDG_MISSING else int(row["hdg"]),
        "t_ms": int(row["t_ms"]),
        "class": int(row["class"]),
        "exercise": bool(row["exercise"]),
    }


def _plain(row: np.void, detail: np.void) -> dict[str, Any]:
    voyage = _voyage(detail)
    shown = {"handle": int(row["handle"]), "mmsi": int(row["mmsi"]), **_identity(detail)}
    shown["antenna_m"] = [int(detail[side]) for side in ("bow", "stern", "port", "starboard")] if shown["length_m"] else None
    return {**shown, "draught_m": voyage["draught_m"], "destination": voyage["destination"], "exercise": bool(row["exercise"])}
