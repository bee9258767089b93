"""Meetings: what is known of pairs that have met when they are judged at one tick, and its words. May hold: the columns, measures, evidence, confidence.

May not: decide whether a pair has met (rendezvous.py), test explanations (alongside.py).

Theory. All pairs that meet in one tick are asked about together. Most of them lie in a harbour that no map shows: what the place says
explains them, and nobody reads more. So the columns stay behind such an event (dogwatch/late.py), and its words are made of them when it is read: the same
words, because nothing in a column is changed later and nothing else is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dogwatch.batch import take_rows
from dogwatch.events import Event, Evidence, Exclusion, Value
from dogwatch.late import Before, LateEvent
from tracks import episodes as ep
from tracks.alongside import Beside, Ground, explanations, fishes, grounds, neighbours, shores, standing_of
from tracks.contacts import ABREAST, SLOW_REPORT_S
from tracks.detector import Sight
from tracks.pairs import DISTANCE_BINS
from tracks.params import Rendezvous
from tracks.parties import Party, subject, told

WAY_REPORT_S = 60.0  # a report a minute of each is all the evidence that side by side under way needs
CROWD_FROM = 16  # newly met at once: for fewer a pass over all vessels is not worth it
Pair = dict[str, Any]  # the fields of a PAIR row by name


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of contact, and what it takes to be a meeting."""

    kind: int

    @property
    def under_way(self) -> bool:
        """Abreast, not still."""
        return self.kind == ABREAST

    def duration_s(self, rule: Rendezvous) -> float:
        """How long contact must last."""
        return rule.way_duration_s_min if self.under_way else rule.duration_s_min

    def reports(self, rule: Rendezvous) -> int:
        """How many reports of each it takes."""
        return rule.way_reports_min if self.under_way else rule.reports_min

    def unheard_ms(self, rule: Rendezvous) -> float:
        """Longest break that does not end the contact if nobody saw the two apart: who is under way is somewhere else by then."""
        return 1000.0 * (rule.interpolation_s_max if self.under_way else max(rule.interpolation_s_max, rule.unheard_s_max))

    def widest_m(self, rule: Rendezvous) -> float:
        """Greatest distance of a contact of this kind."""
        return rule.way_m_max if self.under_way else rule.distance_m_ceiling


class Met:
    """Pairs (PAIR rows) that are judged at a tick, by their place in the question; none of it changes. The writer of their late events."""

    def __init__(self, kind: Kind, sight: Sight, pairs: np.ndarray, parties: tuple[np.ndarray, np.ndarray], standing: list[list[Exclusion]]) -> None:
        self.kind, self.rule, self.pairs, self.standing = kind, sight.params.rendezvous, pairs, standing
        self.sight, self.parties, self.keys, self.since_ms = sight.kept(), parties, pairs["key"].tolist(), pairs["start_ms"].tolist()
        self.contact_s = ((pairs["done_ms"] + pairs["last_ms"] - pairs["segment_ms"]) / 1000.0).tolist()
        self.places = [ep.degrees_of(lat, lon) for lat, lon in zip(*_middles(pairs), strict=True)]
        self.ways = list(zip(*((pairs[f"speed_{one}"] / pairs[f"reports_{one}"]).tolist() for one in "ab"), strict=True))
        self.margins, self.shares = _qualities(kind, pairs, self.rule)
        self.are_one_hull = _are_one_hull(kind, pairs, parties, self.rule).tolist()
        self.coast_nm, self.masked = shores(sight.geography, *parties, under_way=kind.under_way)
        self.grounds: dict[int, Ground] = {}
        self.near: dict[int, np.ndarray] = {}
        self.told = told(parties[0]), told(parties[1])
        self.besides: dict[int, Beside] = {}

    def ask(self, sight: Sight, fresh: list[int], again: list[int]) -> None:
        """Ask of the place of those that will be told, and of the company of those of which nothing is told yet; what that place says stands from now on."""
        rows = fresh + again
        if rows:
            self.grounds = dict(zip(rows, grounds(sight.geography, [self.places[k] for k in rows]), strict=True))
        if len(fresh) >= CROWD_FROM:
            a, b = (take_rows(one, np.array(fresh)) for one in self.parties)
            self.near = dict(zip(fresh, neighbours(sight, a, b, self.rule, bows=not self.kind.under_way), strict=True))
        for k in fresh:
            self.standing[k] = standing_of(sight, self.beside(k), self.rule)

    def let_go(self) -> None:
        """The tick is over: only what is small is kept."""
        self.told, self.near, self.besides = ([], []), {}, {}

    def both(self, k: int) -> tuple[Party, Party]:
        """The two of a pair."""
        if self.told[0]:
            return self.told[0][k], self.told[1][k]
        a, b = (told(one[k : k + 1])[0] for one in self.parties)
        return a, b

    def pair(self, k: int) -> Pair:
        """The fields of a pair by name."""
        found: Pair = told(self.pairs[k : k + 1])[0]
        return found

    def beside(self, k: int) -> Beside:
        """What is known of the two of a pair."""
        if k not in self.besides:
            self.besides[k] = Beside(
                *self.both(k), self.since_ms[k], self.places[k], self.ways[k], self.sight.geography, self.coast_nm[k], self.masked[k],
                self.kind.under_way, self.are_one_hull[k], int(self.pairs["alike"][k]), self.grounds.get(k), self.near.get(k),
            )  # fmt: skip
        return self.besides[k]

    def place_reason(self, k: int) -> str:
        """What the place alone says against a pair, if that is certain and nothing but the columns need be asked to tell it; or ''."""
        if self.masked[k] or all(fishes(party) for party in self.both(k)):  # of fishing vessels it is asked whose boats they are
            return ""
        return ep.suppressed_reason(self.standing[k])

    def words(self, k: int, beside: Beside, exclusions: list[Exclusion]) -> dict[str, Any]:
        """Those fields of an event that say who it was and why it is believed."""
        pair, kind, rule = self.pair(k), self.kind, self.rule
        median_m = float(_median_distances_m(kind, self.pairs[k : k + 1], rule)[0])
        return {
            "subjects": [subject(beside.a), subject(beside.b)],
            "measures": _measures(pair, beside, self.contact_s[k], median_m, transfer=self.transfer(k)),
            "evidence": _evidence(kind, pair, beside, median_m, rule),
            "exclusions": exclusions,
            "quality": _quality(pair, self.contact_s[k]),
        }

    def confidence(self, k: int, doubts: list[float]) -> float:
        """That the definition is met."""
        return ep.confidence_of(self.rule.confidence_cap, self.margins[k], self.shares[k], doubts)

    def transfer(self, k: int) -> bool:
        """Long enough for goods to pass."""
        return not self.kind.under_way and bool(self.contact_s[k] >= self.rule.transfer_grade_s)

    def write(self, event: LateEvent) -> None:
        """As `dogwatch.late.Writer.write`."""
        k, beside = event.row, self.beside(event.row)
        exclusions, _ = explanations(self.sight, beside, self.rule, self.standing[k])
        for name, value in self.words(k, beside, exclusions).items():
            setattr(event, name, value)


class Parted(Before):
    """Writes the words of a late event whose two have parted: those of the version before, with the contact as it is now."""

    __slots__ = ("duration_s",)

    def __init__(self, before: Event, duration_s: float) -> None:
        super().__init__(before)
        self.duration_s = duration_s

    def write(self, event: LateEvent) -> None:
        """As `dogwatch.late.Writer.write`."""
        super().write(event)
        event.measures = {**event.measures, "duration_s": self.duration_s}


def contact_distance_m(loa_a: int, loa_b: int, rule: Rendezvous) -> float:
    """Distance that counts as contact for two lengths (0 = unknown: the ceiling)."""
    if loa_a == 0 or loa_b == 0:
        return rule.distance_m_ceiling
    return max(rule.distance_m_floor, min(rule.distance_m_ceiling, rule.distance_loa_factor * max(loa_a, loa_b)))


def _middles(pairs: np.ndarray) -> tuple[list[float], list[float]]:
    """Latitudes and longitudes of the middle of all contacts of each pair, in units."""
    n = pairs["contacts"].astype(np.int64)
    return (pairs["lat"] + pairs["sum_y"] / n).tolist(), (pairs["lon"] + pairs["sum_x"] / n).tolist()


def _are_one_hull(kind: Kind, pairs: np.ndarray, parties: tuple[np.ndarray, np.ndarray], rule: Rendezvous) -> np.ndarray:
    """bool[n]: never farther apart than the longer one is long, and not seen farther apart before."""
    loa_m = np.maximum(parties[0]["loa_m"], parties[1]["loa_m"]).astype(np.float64)
    together_s = (pairs["last_ms"] - pairs["segment_ms"]) / 1000.0
    seen = (pairs["approach_m"] >= 0) | (kind.under_way and together_s >= rule.one_hull_s)
    found: np.ndarray = (pairs["widest_m"] < loa_m) & (pairs["approach_m"] < loa_m) & seen
    return found


def _qualities(kind: Kind, pairs: np.ndarray, rule: Rendezvous) -> tuple[list[float], list[float]]:
    """(`episodes.margin_quality` of how long each pair has been in contact, reports of that one of the two who sent less, as a share of those expected)."""
    segment_s = (pairs["last_ms"] - pairs["segment_ms"]) / 1000.0
    margins = np.minimum(1.0, np.maximum(0.5, 0.5 + 0.25 * (segment_s / kind.duration_s(rule) - 1.0)))
    expected = np.maximum(1.0, segment_s / (WAY_REPORT_S if kind.under_way else SLOW_REPORT_S))
    return margins.tolist(), (np.minimum(pairs["reports_a"], pairs["reports_b"]) / expected).tolist()


def _median_distances_m(kind: Kind, pairs: np.ndarray, rule: Rendezvous) -> np.ndarray:
    """float64[n]: median of the contact distances of PAIR rows, to the middle of its bin."""
    total = np.cumsum(pairs["distances"], axis=1, dtype=np.int64)
    median_m = ((2 * total < total[:, -1:]).sum(axis=1) + 0.5) * kind.widest_m(rule) / DISTANCE_BINS
    found: np.ndarray = np.minimum(pairs["widest_m"].astype(np.float64), np.maximum(pairs["nearest_m"].astype(np.float64), median_m))
    return found


def _evidence(kind: Kind, pair: Pair, beside: Beside, median_m: float, rule: Rendezvous) -> list[Evidence]:
    limit_m = rule.way_m_max if kind.under_way else contact_distance_m(int(beside.a["loa_m"]), int(beside.b["loa_m"]), rule)
    segment_s = (int(pair["last_ms"]) - int(pair["segment_ms"])) / 1000.0
    found = [
        ep.at_most("distance_m_median", min(limit_m, median_m), limit_m),
        ep.at_least("duration_s", segment_s, kind.duration_s(rule)),
        ep.at_least("reports_each", min(int(pair["reports_a"]), int(pair["reports_b"])), kind.reports(rule)),
    ]
    if kind.under_way:
        found += [ep.at_least("speed_kn_lower", min(beside.ways), rule.way_kn_min), ep.at_most("speed_kn_higher", max(beside.ways), rule.way_kn_max)]
    else:
        slow_share = min(int(pair["slow_a"]) / int(pair["reports_a"]), int(pair["slow_b"]) / int(pair["reports_b"]))
        found.append(ep.at_least("slow_report_share", slow_share, 0.5))
    if pair["approach_m"] >= 0:  # evidence, not a condition: where they came from
        found.append(ep.at_least("approach_m", float(pair["approach_m"]), rule.approach_m))
    return found


def _measures(pair: Pair, beside: Beside, contact_s: float, median_m: float, *, transfer: bool) -> dict[str, Value]:
    return {
        "duration_s": ep.tidy("s", contact_s),
        "distance_m_median": ep.tidy("m", median_m),
        "distance_m_min": ep.tidy("m", float(pair["nearest_m"])),
        "speed_kn_mean_a": ep.tidy("kn", beside.ways[0]),
        "speed_kn_mean_b": ep.tidy("kn", beside.ways[1]),
        "transfer_grade": transfer,
        "coast_distance_nm": ep.tidy("nm", beside.ground.coast_nm),
        "watch_distance_nm": ep.tidy("nm", beside.ground.watch_nm),
    }


def _quality(pair: Pair, contact_s: float) -> dict[str, Value]:
    share = ep.tidy("share", int(pair["bridged_ms"]) / 1000.0 / max(1.0, contact_s))
    return {"reports_a": int(pair["reports_a"]), "reports_b": int(pair["reports_b"]), "contacts": int(pair["contacts"]), "interpolated_share": share}
