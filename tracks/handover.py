"""One hull that goes on under another number: mmsi_handover. Definition: docs/behaviours/identity.md. May hold: that rule.

Theory. A track is born in open water, of the same size to the metre as one that fell silent there under way less than two
hours before, and where that one would be by now at its course and speed. Two ships of one size meet so closely in place
and time about never; one ship that changes its number does so always. If the silent number is heard again, it was not so.
The old number may be kept by another shard: where it was is asked of the tick's Around, who it was of `sight.subject`.
"""

from __future__ import annotations

import numpy as np

from dogwatch.batch import COG_MISSING
from dogwatch.events import Event, Value
from dogwatch.geo import COS_COURSE, KN_MS, M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference
from tracks import episodes as ep
from tracks import who
from tracks.detector import Sight
from tracks.key import ORDINAL_BITS, mmsi_of
from tracks.params import Identity

LEARNING_MS = 1_200_000  # after the watch begins everybody is new
WAITS_MS = 2_400_000  # so long a newborn's particulars are waited for
SILENT_MS = 60_000  # the old number fell silent before the new one was heard, but for its last interval
AGAIN_MS = 86_400_000
NEWBORN_MAX = 10_000
UNDERWAY_KN = 2.0


class Newborn:
    """Tracks first heard lately: key -> [ms, lat, lon]; and pages of hand-overs by key of the new track."""

    def __init__(self) -> None:
        self.born: dict[int, list[int]] = {}
        self.begun_ms = 0  # the minute in which the watch began, the same in all shards; 0 before its end
        self.refused = 0
        self.book = ep.Book()

    def see(self, sight: Sight, fixes: np.ndarray, taken: np.ndarray, born: np.ndarray) -> None:
        """Rows (`born`: their numbers) with which a track begins; the first of each MMSI counts."""
        if self.begun_ms == 0:
            return
        for i in born[fixes["t_ms"][born] - self.begun_ms >= LEARNING_MS]:
            slot = int(taken["slot"][i])
            t_ms = int(fixes["t_ms"][i])
            if int(sight.table.more["ordinal"][slot]):
                continue
            if len(self.born) >= NEWBORN_MAX:
                self.refused += 1
                continue
            self.born[sight.table.key_of(slot)] = [t_ms, int(fixes["lat"][i]), int(fixes["lon"][i])]

    def asks(self, sight: Sight) -> set[int]:
        """Whom those that are judged at this tick may have been before."""
        return {int(row["key"]) for *_, row in self._before(sight, [key for key in self.born if _is_known(sight, key)]).values()}

    def tick(self, sight: Sight) -> list[Event]:
        """Newborns whose particulars are known; and old numbers that are heard again. Each ten minutes."""
        tick_ms = sight.tick_ms
        events = []
        known = {key for key in self.born if _is_known(sight, key)}
        before = self._before(sight, sorted(known))
        for key in sorted(self.born):
            if key in before:
                events += self._handed_over(sight, key, *before[key])
            if key in known or tick_ms - self.born[key][0] > WAITS_MS:
                del self.born[key]
        for key in sorted(self.book.pages):
            page = self.book.pages[key]
            old = next(s.mmsi for s in page.event.subjects if s.mmsi != mmsi_of(key))
            heard = sight.around.of(old << ORDINAL_BITS)
            if page.event.state != "retracted" and heard is not None and int(heard["heard_ms"]) > (page.event.t_end or 0) + SILENT_MS:
                events.append(self.book.revise(key, tick_ms, state="retracted", reason="the old number is heard again"))
            if tick_ms - page.event.t_start > AGAIN_MS:
                del self.book.pages[key]
        return events

    def _before(self, sight: Sight, keys: list[int]) -> dict[int, tuple[float, float, np.void]]:
        """Of each of these newborn that may have been a silent track before: (how far off its reckoning, the way reckoned, its SIGHTING)."""
        nearest: dict[int, tuple[float, float, np.void]] = {}
        for rows in sight.around.parts() if keys else ():
            for key in keys:
                for row in rows[self._may_have_been(sight, key, rows)]:
                    off_nm, way_nm = _off_nm(row, self.born[key][0], (self.born[key][1], self.born[key][2]))
                    best = nearest.get(key)
                    if off_nm <= _allowed_nm(way_nm, sight.params.identity) and (best is None or (off_nm, int(row["key"])) < (best[0], int(best[2]["key"]))):
                        nearest[key] = off_nm, way_nm, row
        return nearest

    def _may_have_been(self, sight: Sight, key: int, rows: np.ndarray) -> np.ndarray:
        """bool[n]: SIGHTING rows of a newborn's size that fell silent when she was born, or not long before."""
        rule, more, born_ms = sight.params.identity, sight.table.more[sight.table.slot_of_key(key)], self.born[key][0]
        same = np.abs(rows["loa_m"].astype(np.int64) - int(more["loa_m"])) <= rule.handover_size_m_max
        same &= np.abs(rows["beam_m"].astype(np.int64) - int(more["beam_m"])) <= rule.handover_size_m_max
        same &= (rows["beam_m"] > 0) & (rows["key"] != key)
        silent: np.ndarray = same & (rows["heard_ms"] <= born_ms + SILENT_MS) & (rows["heard_ms"] >= born_ms - rule.handover_s_max * 1000)
        return silent

    def _handed_over(self, sight: Sight, key: int, off_nm: float, way_nm: float, old: np.void) -> list[Event]:
        more, rule = sight.table.more[sight.table.slot_of_key(key)], sight.params.identity
        born_ms, *at = self.born[key]
        silent_s = (born_ms - int(old["t_ms"])) / 1000
        evidence = [
            ep.at_most("silent_s", silent_s, rule.handover_s_max),
            ep.at_most("off_reckoned_nm", off_nm, _allowed_nm(way_nm, rule)),
            ep.at_most("size_off_m", abs(int(old["loa_m"]) - int(more["loa_m"])), rule.handover_size_m_max),
        ]
        at_rest = float(old["speed_kn"]) < UNDERWAY_KN
        kinds = int(old["ship_type"]), int(more["ship_type"])
        other_type = 0 not in kinds and kinds[0] != kinds[1]
        exclusions = [ep.checked("at_rest", at_rest, suppress=True), ep.checked("other_type", other_type, kinds[1])]
        confidence = ep.confidence_of(rule.confidence_cap, 0.8, 1.0, [0.4] if other_type else [])
        measures: dict[str, Value] = {"silent_s": ep.tidy("s", silent_s), "off_reckoned_nm": ep.tidy("nm", off_nm), "way_nm": ep.tidy("nm", way_nm)}
        span = (min(int(old["heard_ms"]), born_ms), born_ms)
        named = [sight.subject(int(old["key"])), sight.subject(key)]
        return who.write(self.book, key, sight, "mmsi_handover", named, span, evidence, exclusions, measures, confidence, (at[0], at[1]))


def _is_known(sight: Sight, key: int) -> bool:
    """Whether a track has told its size."""
    slot = sight.table.slot_of_key(key)
    return bool(slot >= 0 and sight.table.more["loa_m"][slot] > 0 and sight.table.more["beam_m"][slot] > 0)


def _allowed_nm(way_nm: float, rule: Identity) -> float:
    return min(rule.handover_nm_max, rule.handover_nm_min + rule.handover_share_max * way_nm)


def _off_nm(old: np.void, t_ms: int, at: tuple[int, int]) -> tuple[float, float]:
    """(distance of a place from where an old track would be at a time, way that it would have made), in nautical miles."""
    lat, lon, cog = int(old["lat"]), int(old["lon"]), int(old["cog"])
    way_m = max(0.0, float(old["speed_kn"])) * KN_MS * max(0, t_ms - int(old["t_ms"])) / 1000
    if cog < COG_MISSING:
        units = way_m / M_PER_UNIT
        lat += int(units * float(COS_COURSE[cog]))
        lon = int(lon_difference(lon + int(units * float(COS_COURSE[(cog + 2700) % 3600]) / max(0.1, cos_lat(lat))), 0))
    return distance_m(lat, lon, *at) / NM_M, way_m / NM_M
