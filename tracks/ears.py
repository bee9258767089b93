"""The watch's own ears: which receivers live, how long each has listened, what that teaches. May hold: receivers, their minutes, learning.

May not: judge a vessel's silence (dark.py), the arithmetic of coverage (coverage.py).

Theory. Silence means something only where somebody listened. Every full minute is written down for each group of receivers: did
the watch listen (no source known to be deaf, the system up, something heard at all), and has the group heard anybody within
RECEIVER_SILENT_MS? Each five minutes the groups teach the coverage model where they hear. A group that had listened nearly
every minute of the hour before and falls silent while the watch goes on is reported once, as a `system` event: a fault of ours
is no vessel's behaviour. The deaths of steady groups are remembered: where a vessel went while nobody listened, nobody knows, so a
group that is back says nothing about who was lost before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import boolean, float64, from_dtype, int8, int32, int64, types, uint64

from dogwatch.batch import T_MISSING, Control
from dogwatch.events import Event, event_id
from dogwatch.geo import lon_difference
from dogwatch.kernel import kernel
from tracks import episodes as ep
from tracks.coverage import BLOCK_MS, GROUP_KEYS, GROUPS_MAX, HOUR_MS, cell_key, place_of
from tracks.detector import Sight
from tracks.params import Dark
from tracks.records import BUCKET_MS, HOT_TYPE, LAST_ROW, MARK_ELSEWHERE, MINUTE_MS, PLAIN

LISTENING_MS = 300_000  # no row from anybody for so long: the watch was not listening
RECEIVER_SILENT_MS = 300_000
STEADY_MIN = 50  # of the 60 minutes before: so steady a receiver is missed when it falls silent
MINUTES_KEPT = 2048
DEATH_SPAN_MS, DEATH_STEADY_MIN = 1_800_000, 25  # so steady in the half hour before, its death is remembered; a satellite's pass never is
DEATHS_MAX = 1024  # a month of one a day for each group; the oldest is forgotten first
THIN_MS = 180_000  # of a bucket: shorter than the longest interval of reports it tells no rate
UNDER_WAY_KN_A, UNDER_WAY_KN_B = 3.0, 2.5
PART = 65_536  # tracks whose cells are written down at once: of a million, heard by several groups, they would be the largest arrays of a tick
MISSED_BLOCKS_MAX = 24  # a longer hole teaches nothing about coverage
RULE, RULE_VERSION = "receiver_down", "1.0"
HOUR_BUCKETS = 7  # report totals at the ends of the last seven 10-minute buckets: what came in the hour before
EAR = np.dtype(
    [
        ("block", "<i4"),  # coverage: last 5-min block in which it was heard under way (0 none), and where
        ("block_lat", "<i4"),
        ("block_lon", "<i4"),
        ("bucket", "<i4"),  # last bucket with a report whose total is known
        ("totals", "<u4", (HOUR_BUCKETS,)),  # reports at the end of bucket b, at b % HOUR_BUCKETS
        ("at", "<u4"),  # number of its BACK in the pool; 0 where `silence` is 0
        ("silence", "u1"),  # 0 none, 1 an episode is running, 2 one that may not teach coverage
    ]
)
BACK = np.dtype(
    [
        ("back_ms", "<i8"),  # first transmission since the silence began, 0 none
        ("fix_ms", "<i8"),  # first accepted position since then, 0 none
        ("lat", "<i4"),
        ("lon", "<i4"),
    ]
)
EAR_TYPE, BACK_TYPE = from_dtype(EAR), from_dtype(BACK)
SILENCES = types.Tuple((int64[::1], int64[::1], float64[::1]))


class Ears:
    """What the watch knows of its own receivers."""

    def __init__(self) -> None:
        self.listened = np.zeros((GROUPS_MAX, MINUTES_KEPT), np.int32)  # minutes that a group listened until minute m, at m % MINUTES_KEPT
        self.group_of = np.full(64, -1, np.int8)  # receiver number (bit) -> group of receivers in the coverage model
        self.heard_ms = np.full(64, T_MISSING, np.int64)  # tick at which each receiver was last alive
        self.deaf: set[str] = set()  # sources known to be silent, and "system" while we were down
        self.pending: list[Control] = []
        self.down = ep.Book()  # groups that fell silent, by number
        self.deaths = np.empty((0, 3), np.int64)  # of steady groups: number, last minute heard, minute heard again (0: not yet)
        self.minutes_deaf = 0
        self.living: tuple[int, list[int]] = (T_MISSING, [])  # tick, groups alive at it: known once a tick, no part of the state

    def control(self, rows: list[Control]) -> None:
        """Keep released control rows until the tick that they precede."""
        self.pending += [row for row in rows if row.kind in ("source_silent", "source_back", "system_down", "system_up")]

    def tick(self, sight: Sight, cold: np.ndarray) -> list[Event]:
        """Write down the minute that ends at the tick; teach the coverage model; groups that fell silent or are back. cold: EAR[n]."""
        listened = self._note_minute(sight)
        learn_coverage(self, sight, cold)
        return self._receivers_down(sight) if listened else []

    @property
    def groups(self) -> int:
        """How many groups of receivers have been heard."""
        return int(self.group_of.max()) + 1

    def alive(self, tick_ms: int) -> list[int]:
        """Groups of which a receiver has heard anybody lately."""
        if self.living[0] != tick_ms:
            living = (self.group_of >= 0) & (tick_ms - self.heard_ms <= RECEIVER_SILENT_MS)
            self.living = (tick_ms, sorted(set(self.group_of[living].tolist())))
        return self.living[1]

    def lost_to(self, receivers: np.ndarray, heard_ms: np.ndarray, tick_ms: int, within_ms: float) -> np.ndarray:
        """bool[n]: whether our own ears explain why vessels, heard by these receivers (uint64[n] bits) until int64[n] ms, are not heard.

        Either all of the receivers are silent, or one of them is and fell silent within `within_ms` of the vessel, or the remembered death of
        one of their groups lies so near. No bits: nobody is known.
        """
        lost = np.empty(len(receivers), np.bool_)
        _lost_to(receivers, heard_ms, self.heard_ms, self.group_of, self.deaths, tick_ms, within_ms, lost)
        return lost

    def minutes(self, group: int, since_ms: int, tick_ms: int) -> int:
        """Full minutes between two times in which a group was listening; of very long spans only the newest are known."""
        first = -(-since_ms // MINUTE_MS)
        last = tick_ms // MINUTE_MS
        first = max(first, last - MINUTES_KEPT + 1)
        return int(self.listened[group, last % MINUTES_KEPT] - self.listened[group, first % MINUTES_KEPT])

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {
            "listened": self.listened[: self.groups],
            "group_of": self.group_of,
            "heard_ms": self.heard_ms,
            "deaf": sorted(self.deaf),
            "pending": [[c.t_ms, c.kind, c.subject] for c in self.pending],
            "down": self.down.to_sections(),
            "deaths": self.deaths,
            "minutes_deaf": self.minutes_deaf,
        }

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> Ears:
        """The ears that `to_sections` described."""
        ears = cls()
        ears.listened[: len(sections["listened"])] = sections["listened"]
        ears.group_of, ears.heard_ms = sections["group_of"].copy(), sections["heard_ms"].copy()
        ears.deaf, ears.minutes_deaf = set(sections["deaf"]), sections["minutes_deaf"]
        ears.pending = [Control(*c) for c in sections["pending"]]
        ears.down = ep.Book.from_sections(sections["down"])
        ears.deaths = sections["deaths"].copy()
        return ears

    def _note_minute(self, sight: Sight) -> bool:
        table, tick_ms = sight.table, sight.tick_ms
        deaf_before = bool(self.deaf)
        due = [c for c in self.pending if c.t_ms < tick_ms]
        if due:
            self.pending = [c for c in self.pending if c.t_ms >= tick_ms]
        for row in due:
            name = "system" if row.kind.startswith("system_") else f"source {row.subject}"
            if row.kind in ("source_silent", "system_down"):
                self.deaf.add(name)
            else:
                self.deaf.discard(name)
        mask = int(table.receivers[0])
        table.receivers[0] = 0
        while mask:
            bit = (mask & -mask).bit_length() - 1
            mask &= mask - 1
            self.heard_ms[bit] = tick_ms
            if self.group_of[bit] < 0:
                self.group_of[bit] = sight.coverage.group(station_of(sight.receivers, bit))
        listened = not deaf_before and not self.deaf and tick_ms - int(table.cells[LAST_ROW]) <= LISTENING_MS
        self.minutes_deaf += not listened
        self.living = (T_MISSING, [])
        self._note_deaths(tick_ms, sight.params.dark)
        minute, groups = tick_ms // MINUTE_MS, self.groups
        self.listened[:groups, minute % MINUTES_KEPT] = self.listened[:groups, (minute - 1) % MINUTES_KEPT]
        if listened:
            self.listened[self.alive(tick_ms), minute % MINUTES_KEPT] += 1
        return listened

    def _note_deaths(self, tick_ms: int, rule: Dark) -> None:
        """Remember that a steady group fell silent, or was heard again: what was shorter than `common_cause_s` is no death."""
        alive, deaths = self.alive(tick_ms), self.deaths
        if len(alive) == self.groups and not len(deaths):
            return
        deaths = deaths.copy()
        back = (deaths[:, 2] == 0) & np.isin(deaths[:, 0], alive)
        if back.any():
            deaths[back, 2] = tick_ms
            deaths = deaths[~back | (tick_ms - deaths[:, 1] > rule.common_cause_s * 1000.0)]
        if tick_ms % HOUR_MS == 0:
            deaths = deaths[(deaths[:, 2] == 0) | (tick_ms - deaths[:, 1] <= (rule.gap_s_max + rule.common_cause_s) * 1000.0)]
        for group in range(self.groups):
            last_ms = int(self.heard_ms[self.group_of == group].max(initial=T_MISSING))
            if group in alive or last_ms == T_MISSING or tick_ms - last_ms > RECEIVER_SILENT_MS + MINUTE_MS:
                continue
            if self.minutes(group, last_ms - DEATH_SPAN_MS, last_ms) >= DEATH_STEADY_MIN:
                deaths = np.concatenate([deaths, np.array([[group, last_ms, 0]], np.int64)])
        self.deaths = np.ascontiguousarray(deaths[-DEATHS_MAX:])

    def _receivers_down(self, sight: Sight) -> list[Event]:
        tick_ms, alive, events = sight.tick_ms, self.alive(sight.tick_ms), []
        for group in range(self.groups) if self.down.pages or len(alive) < self.groups else ():
            page = self.down.pages.get(group)
            if group in alive:
                if page:
                    back_ms = tick_ms - MINUTE_MS
                    measures = {**page.event.measures, "silent_s": (back_ms - page.event.t_start) / 1000.0}
                    events.append(self.down.revise(group, tick_ms, state="closed", t_end=back_ms, measures=measures))
                    del self.down.pages[group]
                continue
            last_ms = int(self.heard_ms[self.group_of == group].max(initial=T_MISSING))
            if page is None and last_ms != T_MISSING and tick_ms - last_ms <= RECEIVER_SILENT_MS + MINUTE_MS:
                steady_min = self.minutes(group, last_ms - HOUR_MS, last_ms)
                if steady_min >= STEADY_MIN:
                    events.append(self.down.open_new(group, _receiver_down(sight, sight.coverage.groups[group], last_ms, steady_min)))
        return events


def _receiver_down(sight: Sight, station: str, last_ms: int, steady_min: int) -> Event:
    return Event(
        event_id=event_id("system", [station], last_ms, RULE, RULE_VERSION),
        version=1,
        state="open",
        type="system",
        subtype=RULE,
        subjects=[],
        mmsi=[],
        t_start=last_ms,
        t_end=None,
        t_detected=sight.tick_ms,
        lat=None,
        lon=None,
        zones=[],
        measures={"silent_s": (sight.tick_ms - last_ms) / 1000.0, "receiver": station},
        evidence=[
            ep.at_least("silent_s", (sight.tick_ms - last_ms) / 1000.0, RECEIVER_SILENT_MS / 1000.0),
            ep.at_least("listened_min_1h", float(steady_min), float(STEADY_MIN)),
        ],
        exclusions=[],
        confidence=1.0,
        rule=RULE,
        rule_version=RULE_VERSION,
        params_hash=sight.params.params_hash,
    )


def station_of(receivers: tuple[str, ...], bit: int) -> str:
    """Name of a receiver in the coverage model: its station, whatever source relays it; a source without stations by its own name."""
    return receivers[bit].rsplit("/", 1)[-1] if bit < len(receivers) else f"receiver {bit}"


def learn_coverage(ears: Ears, sight: Sight, cold: np.ndarray) -> None:
    """At a tick that ends a 5-minute block: who was heard under way by whom, and what was missed since last time. Each hour: fade."""
    table, coverage, tick_ms = sight.table, sight.coverage, sight.tick_ms
    if tick_ms % BUCKET_MS == 0:
        _count_reports(table.used, cold, tick_ms // BUCKET_MS - 1)
    if tick_ms % HOUR_MS == 0:
        coverage.fade()
    if tick_ms % BLOCK_MS:
        return
    newest = tick_ms // BLOCK_MS - 1
    groups = range(ears.groups)
    bits = np.array([sum(1 << bit for bit in np.flatnonzero(ears.group_of == group).tolist()) for group in groups], np.uint64)
    full = BLOCK_MS // MINUTE_MS
    edges = np.arange(newest - MISSED_BLOCKS_MAX, newest + 2) * full % MINUTES_KEPT
    listened = np.ascontiguousarray(np.diff(ears.listened[: ears.groups, edges], axis=1) == full)
    for first in range(0, len(table) if len(bits) else 0, PART):
        part = slice(first, first + PART)
        coverage.note(*_blocks_of(table.used[part], cold[part], newest, listened, bits))


@kernel((uint64[::1], int64[::1], int64[::1], int8[::1], int64[:, ::1], int64, float64, boolean[::1]), **PLAIN)
def _lost_to(receivers, lost_ms, heard, group_of, deaths, tick_ms, within_ms, out):
    """See `Ears.lost_to`. heard, group_of: of each receiver."""
    for i in range(receivers.shape[0]):
        anybody, explained = receivers[i] == 0, False
        for bit in range(64):
            if (receivers[i] >> np.uint64(bit)) & np.uint64(1) == 0:
                continue
            if tick_ms - heard[bit] <= RECEIVER_SILENT_MS:
                anybody = True
            elif abs(heard[bit] - lost_ms[i]) <= within_ms:
                explained = True
            for k in range(deaths.shape[0]):
                if deaths[k, 0] == group_of[bit] and abs(deaths[k, 1] - lost_ms[i]) <= within_ms:
                    explained = True
        out[i] = explained or not anybody


@kernel(int64(int32[:, ::1], int64[:, ::1], int64, int64, int64, float64), **PLAIN)
def minutes_of(listened, deaths, group, since_ms, tick_ms, within_ms):
    """Full minutes of a silence in which a group listened, until its first remembered death; none if the silence began within `within_ms` before that.

    listened, deaths: those of Ears. After a death nobody knows where the vessel is: that the group is back says nothing about it.
    """
    until_ms = tick_ms
    for k in range(deaths.shape[0]):
        died_ms, back_ms = deaths[k, 1], deaths[k, 2] if deaths[k, 2] != 0 else tick_ms
        if deaths[k, 0] == group and back_ms > since_ms and died_ms < until_ms:
            until_ms = died_ms if died_ms - since_ms > within_ms else since_ms
    first, last = (since_ms + MINUTE_MS - 1) // MINUTE_MS, until_ms // MINUTE_MS
    first = max(first, tick_ms // MINUTE_MS - MINUTES_KEPT + 1)
    return max(0, listened[group, last % MINUTES_KEPT] - listened[group, first % MINUTES_KEPT]) if last > first else 0


@kernel(boolean(EAR_TYPE, int64), **PLAIN)
def _fewer(ear, since_ms):
    """Whether a vessel silent since then had been heard less before: in the last bucket of 10 minutes not half as often a minute as in the best of the hour.

    The bucket before the last, where that is not THIN_MS long.
    """
    bucket = np.int64(ear["bucket"])
    span_ms = min(since_ms - bucket * BUCKET_MS, BUCKET_MS)
    last = bucket if span_ms >= THIN_MS else bucket - 1
    span_ms = span_ms if span_ms >= THIN_MS else BUCKET_MS
    came = np.int64(ear["totals"][last % HOUR_BUCKETS]) - np.int64(ear["totals"][(last - 1) % HOUR_BUCKETS])
    best = np.int64(0)
    for b in range(bucket - HOUR_BUCKETS + 2, last):
        best = max(best, np.int64(ear["totals"][b % HOUR_BUCKETS]) - np.int64(ear["totals"][(b - 1) % HOUR_BUCKETS]))
    return 2 * came * BUCKET_MS < best * span_ms


@kernel((EAR_TYPE[::1], SILENCES, float64, boolean[::1]), **PLAIN)
def faded(ears, silences, coverage_sure, out):
    """Mark silences (slot, since when, coverage along the path) that began as a fading: less heard before, where coverage is less than sure."""
    slots, heard_ms, coverage = silences
    for i in range(slots.shape[0]):
        out[i] = coverage[i] < coverage_sure and _fewer(ears[slots[i]], heard_ms[i])


@kernel((HOT_TYPE[::1], EAR_TYPE[::1], int64[::1], int64[::1], int64[:, ::1], int64[::1], float64, boolean[::1]), **PLAIN)
def thinned(rows, ears, slots, heard_ms, deaths, cells, within_ms, out):
    """Mark silences (slot, and since when) of vessels that were heard ever less because a receiver was away.

    The silence began while a steady group that knows their cell was dead (or within `within_ms` before its death), and fewer reports came at the end
    (`_fewer`): what carried them is gone, and what still hears says little. deaths: those of Ears; cells: keys of Coverage.
    """
    for i in range(slots.shape[0]):
        v, since_ms, away = rows[slots[i]], heard_ms[i], False
        for k in range(deaths.shape[0]):
            if deaths[k, 1] - within_ms <= since_ms and (deaths[k, 2] == 0 or deaths[k, 2] > since_ms):
                away |= place_of(cells, cell_key(np.int64(v["lat"]), np.int64(v["lon"]), np.int64(v["class_b"]), deaths[k, 0])) >= 0
        out[i] |= away and _fewer(ears[slots[i]], since_ms)


@kernel((HOT_TYPE[::1], EAR_TYPE[::1], int64))
def _count_reports(rows, ears, bucket):
    """Write down every track's total of reports at the end of a bucket in which it had some."""
    for i in range(rows.shape[0]):
        if rows[i]["t_ms"] < bucket * BUCKET_MS:
            continue
        ear = ears[i]
        before = ear["totals"][ear["bucket"] % HOUR_BUCKETS]
        for b in range(max(np.int64(ear["bucket"]) + 1, bucket - HOUR_BUCKETS + 1), bucket):
            ear["totals"][b % HOUR_BUCKETS] = before
        ear["totals"][bucket % HOUR_BUCKETS] = rows[i]["reports"]
        ear["bucket"] = np.int32(bucket)


@kernel(types.UniTuple(int64[::1], 2)(HOT_TYPE[::1], EAR_TYPE[::1], int64, boolean[:, ::1], uint64[::1]))
def _blocks_of(rows, ears, block, listened, bits):
    """Cells (heard, missed) that block number `block` teaches; remembers in each vessel where it was heard.

    listened[g, k]: whether group g listened all through block number `block - MISSED_BLOCKS_MAX + k`; bits[g]: its receivers. A block
    counts as missed by a group that listened and did not hear what another did, or what was under way on both sides of a hole.
    """
    groups = bits.shape[0]
    heard, missed = np.empty(rows.shape[0] * groups, np.int64), np.empty((rows.shape[0] + MISSED_BLOCKS_MAX) * groups, np.int64)
    n_heard, n_missed = 0, 0
    for i in range(rows.shape[0]):
        v, ear = rows[i], ears[i]
        if v["t_ms"] < block * BLOCK_MS:
            continue
        elsewhere = v["marks"] & MARK_ELSEWHERE != 0  # a false place teaches nothing
        if elsewhere or v["speed_kn"] < (UNDER_WAY_KN_B if v["class_b"] != 0 else UNDER_WAY_KN_A):
            if ear["block"] != 0:  # who lies still is not written to each time
                ear["block"] = 0
            continue
        hole = block - ear["block"] - 1 if ear["block"] != 0 else 0
        if hole < 0 or hole >= MISSED_BLOCKS_MAX or ear["silence"] == 2:
            hole = 0
        dy, dx = np.int64(v["lat"]) - ear["block_lat"], lon_difference(v["lon"], ear["block_lon"])
        if n_missed + (hole + 1) * groups > missed.shape[0]:
            grown = np.empty(2 * missed.shape[0] + (hole + 1) * groups, np.int64)
            grown[:n_missed] = missed[:n_missed]
            missed = grown
        taught, here, rx = False, cell_key(v["lat"], v["lon"], v["class_b"], 0), v["rx"]
        for g in range(groups):
            if listened[g, MISSED_BLOCKS_MAX]:
                taught, hears, key = True, rx & bits[g] != 0, here + g * GROUP_KEYS
                heard[n_heard] = missed[n_missed] = key
                n_heard += hears
                n_missed += not hears
        for k in range(1, hole + 1 if taught else 0):
            here = cell_key(ear["block_lat"] + dy * k // (hole + 1), ear["block_lon"] + dx * k // (hole + 1), v["class_b"], 0)
            for g in range(groups):
                if listened[g, MISSED_BLOCKS_MAX] and listened[g, MISSED_BLOCKS_MAX - (hole + 1 - k)]:
                    missed[n_missed] = here + g * GROUP_KEYS
                    n_missed += 1
        if taught:
            ear["block"] = block
            ear["block_lat"] = v["lat"]
            ear["block_lon"] = v["lon"]
    return heard[:n_heard].copy(), missed[:n_missed].copy()
